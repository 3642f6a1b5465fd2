"""Backbones with random weights."""

import string
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, EsmConfig, EsmForMaskedLM, EsmTokenizer

from lexome.nucleotide_transformer import NucleotideTransformerConfig, NucleotideTransformerForMaskedLM

# The alphabet of ESM-2 in the order of its token ids (Lin et al. 2023, doi:10.1126/science.ade2574).
ESM_VOCABULARY = [
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
]
# The alphabet of the Nucleotide Transformer in the order of its token ids (Dalla-Torre et al. 2025,
# doi:10.1038/s41592-024-02523-z): every 6-mer, and single letters for what is left of a sequence or stands beside an N.
NUCLEOTIDE_VOCABULARY = [
    *("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"),
    *("".join(letters) for letters in product("ATCG", repeat=6)),
    *"ATCGN",
]
# Standard deviation of the vectors of 6-mers: wider than other tokens' so that the first layers tell them apart.
KMER_SCALE = 0.1
# Single characters of English text, each at the start of a word and inside one: every text in ASCII becomes tokens
# without a vocabulary that has to be learnt. Other letters lose their accents or are unknown.
BERT_VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *string.punctuation,
    *string.digits,
    *string.ascii_lowercase,
    *(f"##{character}" for character in string.digits + string.ascii_lowercase),
]


def _sizes(init: Mapping) -> dict[str, int]:
    """Sizes of the trunk, as configurations of transformers call them."""
    return {
        "hidden_size": init["hidden"],
        "num_hidden_layers": init["layers"],
        "num_attention_heads": init["heads"],
        "intermediate_size": init["intermediate"],
    }


def _esm(init: Mapping, folder: Path) -> None:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(ESM_VOCABULARY) + "\n", encoding="utf-8")
    tokenizer = EsmTokenizer(str(vocabulary), model_max_length=init["positions"])
    config = EsmConfig(
        vocab_size=len(ESM_VOCABULARY),
        pad_token_id=tokenizer.pad_token_id,
        mask_token_id=tokenizer.mask_token_id,
        **_sizes(init),
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
        **_sizes(init),
        max_position_embeddings=init["positions"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(init["seed"])
    BertForMaskedLM(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _nucleotide_transformer(init: Mapping, folder: Path) -> None:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(NUCLEOTIDE_VOCABULARY) + "\n", encoding="utf-8")
    # As published: a cls token before a sequence and nothing after it.
    tokenizer = EsmTokenizer(str(vocabulary), eos_token=None, model_max_length=init["positions"])
    config = NucleotideTransformerConfig(
        vocab_size=len(NUCLEOTIDE_VOCABULARY),
        pad_token_id=tokenizer.pad_token_id,
        mask_token_id=tokenizer.mask_token_id,
        **_sizes(init),
        max_position_embeddings=init["positions"] + 2,
        # Published models have a head of their own; with little to learn from, one table is learnt better than two.
        tie_word_embeddings=True,
    )
    torch.manual_seed(init["seed"])
    model = NucleotideTransformerForMaskedLM(config)
    composed = compose_kmers(NUCLEOTIDE_VOCABULARY, init["hidden"], KMER_SCALE, init["seed"])
    with torch.no_grad():
        for token, vector in composed.items():
            model.esm.embeddings.word_embeddings.weight[token] = vector
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def compose_kmers(vocabulary: Sequence[str], width: int, scale: float, seed: int) -> dict[int, torch.Tensor]:
    """Vectors of k-mers that are alike where the k-mers are: sums of random vectors of their parts.

    The parts are each letter at its place, and each run of three letters that begins at a multiple of three: in DNA
    that is read in frame, a codon. A model with a vector of its own for each of 4,096 6-mers learns nothing from one
    6-mer about another; this start lets it, in corpora that hold most 6-mers a few times only.

    Parameters
    ----------
    vocabulary
        Tokens in the order of their ids; those of one letter, and names in angle brackets, are passed over.
    width
        Numbers of a vector.
    scale
        Standard deviation of these numbers.

    Returns
    -------
    dict
        Id -> float32, shape (width,).
    """
    generator = torch.Generator().manual_seed(seed)
    parts: dict[tuple[int, str], torch.Tensor] = {}
    composed = {}
    for at, token in enumerate(vocabulary):
        if len(token) == 1 or token.startswith("<"):
            continue
        own = [(place, letter) for place, letter in enumerate(token)]
        own += [(start, token[start : start + 3]) for start in range(0, len(token) - 2, 3)]
        for part in own:
            if part not in parts:
                parts[part] = torch.randn(width, generator=generator)
        composed[at] = torch.stack([parts[part] for part in own]).sum(dim=0) * (scale / len(own) ** 0.5)
    return composed


ARCHITECTURES: dict[str, Callable[[Mapping, Path], None]] = {
    "esm": _esm,
    "bert": _bert,
    "nucleotide_transformer": _nucleotide_transformer,
}


def initialise(init: Mapping, folder: str | Path) -> None:
    """Write a randomly initialised backbone that `from_pretrained` loads.

    Parameters
    ----------
    init
        `architecture` (`esm`: reads residues; `bert`: reads English text letter by letter; `nucleotide_transformer`:
        reads DNA in 6-mers), `layers`, `hidden` (width), `heads`, `intermediate` (feed-forward width; of a Nucleotide
        Transformer after gating), `positions` (tokens, special tokens included) and `seed`.
    folder
        Made by this function.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    ARCHITECTURES[init["architecture"]](init, folder)
