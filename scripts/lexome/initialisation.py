"""Backbones with random weights."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

# The alphabet of ESM-2 in the order of its token ids (Lin et al. 2023, doi:10.1126/science.ade2574).
ESM_VOCABULARY = [
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
]


def _esm(init: Mapping, folder: Path) -> None:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(ESM_VOCABULARY) + "\n", encoding="utf-8")
    tokenizer = EsmTokenizer(str(vocabulary), model_max_length=init["positions"])
    config = EsmConfig(
        vocab_size=len(ESM_VOCABULARY),
        pad_token_id=tokenizer.pad_token_id,
        mask_token_id=tokenizer.mask_token_id,
        hidden_size=init["hidden"],
        num_hidden_layers=init["layers"],
        num_attention_heads=init["heads"],
        intermediate_size=init["intermediate"],
        max_position_embeddings=init["positions"] + 2,
        position_embedding_type="rotary",
        token_dropout=True,
        emb_layer_norm_before=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(init["seed"])
    EsmForMaskedLM(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


ARCHITECTURES: dict[str, Callable[[Mapping, Path], None]] = {"esm": _esm}


def initialise(init: Mapping, folder: str | Path) -> None:
    """Write a randomly initialised backbone that `from_pretrained` loads.

    Parameters
    ----------
    init
        `architecture` (`esm`), `layers`, `hidden` (width), `heads`, `intermediate` (feed-forward width), `positions`
        (tokens, special tokens included) and `seed`.
    folder
        Made by this function.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    ARCHITECTURES[init["architecture"]](init, folder)
