"""Backbones with random weights."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, EsmConfig, EsmForMaskedLM, EsmTokenizer

# The alphabet of ESM-2 in the order of its token ids (Lin et al. 2023, doi:10.1126/science.ade2574).
ESM_VOCABULARY = [
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
]
# Single characters of English text, each at the start of a word and inside one: every text in ASCII becomes tokens
# without a vocabulary that has to be learnt. Other letters lose their accents or are unknown.
BERT_VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *string.punctuation,
    *string.digits,
    *string.ascii_lowercase,
    *(f"##{character}" for character in string.digits + string.ascii_lowercase),
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


def _bert(init: Mapping, folder: Path) -> None:
    vocabulary = {token: place for place, token in enumerate(BERT_VOCABULARY)}
    tokenizer = BertTokenizer(vocab=vocabulary, model_max_length=init["positions"])
    config = BertConfig(
        vocab_size=len(BERT_VOCABULARY),
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=init["hidden"],
        num_hidden_layers=init["layers"],
        num_attention_heads=init["heads"],
        intermediate_size=init["intermediate"],
        max_position_embeddings=init["positions"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(init["seed"])
    BertForMaskedLM(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


ARCHITECTURES: dict[str, Callable[[Mapping, Path], None]] = {"esm": _esm, "bert": _bert}


def initialise(init: Mapping, folder: str | Path) -> None:
    """Write a randomly initialised backbone that `from_pretrained` loads.

    Parameters
    ----------
    init
        `architecture` (`esm`: reads residues; `bert`: reads English text letter by letter), `layers`, `hidden`
        (width), `heads`, `intermediate` (feed-forward width), `positions` (tokens, special tokens included) and
        `seed`.
    folder
        Made by this function.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    ARCHITECTURES[init["architecture"]](init, folder)
