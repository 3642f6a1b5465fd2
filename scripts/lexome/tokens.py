"""Examples to token ids, as a Hugging Face dataset on disk."""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
from transformers import AutoTokenizer, EsmTokenizer, PreTrainedTokenizerBase

from lexome.errors import LexomeError

log = logging.getLogger(__name__)

NUCLEOTIDES = "ACGT"
# Runs of nucleotides, and other characters one by one.
RUNS = re.compile(f"(?P<dna>[{NUCLEOTIDES}]+)|(?P<other>[^{NUCLEOTIDES}])", re.DOTALL)
LOWER = re.compile("[a-z]")


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a backbone from its folder, without network and without remote code.

    Raises
    ------
    LexomeError
        If the folder holds no tokenizer.
    """
    settings = Path(folder) / "tokenizer_config.json"
    try:
        own = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        # ESM's needs no configuration of a model, of which AutoTokenizer does not know all: see nucleotide_transformer.
        auto = EsmTokenizer if own.get("tokenizer_class") == "EsmTokenizer" else AutoTokenizer
        tokenizer = auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise LexomeError(
            f"{folder}: no tokenizer could be loaded ({error}); list its files in backbones.yaml"
        ) from error
    # ESM's tokenizer ends a sequence with its eos token unless it is told not to; models of k-mers never saw one.
    if "eos_token" not in own and isinstance(tokenizer, EsmTokenizer) and kmer_length(tokenizer):
        tokenizer.eos_token = None
    return tokenizer


def kmer_length(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Letters of a k-mer, where a vocabulary consists of all k-mers of A, C, G and T, these letters and some others.

    None for all other vocabularies. Names in angle brackets are not counted.
    """
    tokens = {token for token in tokenizer.get_vocab() if not token.startswith("<")}
    longer = {token for token in tokens if len(token) > 1}
    k = len(min(longer, key=len, default=""))
    whole = k > 1 and set(NUCLEOTIDES) <= tokens and len(longer) == len(NUCLEOTIDES) ** k
    return k if whole and longer == {"".join(letters) for letters in product(NUCLEOTIDES, repeat=k)} else None


def encoder(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[str]], list[list[int]]]:
    """The fastest function from texts to token ids, special tokens included, nothing cut.

    Tokenizers without a Rust version (ESM's) search every character for longer tokens. A look-up gives the same ids
    many times faster where the vocabulary has, apart from names in angle brackets, single characters only, or all
    k-mers of DNA beside them: those are read from the left, k letters at a time; an N stands alone and begins the count
    anew, and what is left before it or at the end becomes single letters.

    Every unknown character is a token of its own, so that tokens stay aligned with residues, where those tokenizers
    make one of a whole run. In DNA they are counted in a warning, and letters in lower case are refused: they mean the
    same nucleotides (soft-masked repeats), which an unknown token would hide from the model.
    """
    vocabulary = tokenizer.get_vocab()
    k = None if tokenizer.is_fast else kmer_length(tokenizer)
    if k:
        return lambda texts: [
            tokenizer.build_inputs_with_special_tokens(ids)
            for ids in _look_up_kmers(texts, vocabulary, k, tokenizer.unk_token_id)
        ]
    if tokenizer.is_fast or any(len(token) > 1 and not token.startswith("<") for token in vocabulary):
        # The library's warning about texts above the model's length would repeat what `truncated` records.
        return lambda texts: tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    characters = {token: i for token, i in vocabulary.items() if len(token) == 1}

    def look_up(texts: Sequence[str]) -> list[list[int]]:
        return [
            tokenizer.build_inputs_with_special_tokens([characters.get(character, unknown) for character in text])
            for text in texts
        ]

    return look_up


def _look_up_kmers(texts: Sequence[str], vocabulary: Mapping[str, int], k: int, unknown: int) -> list[list[int]]:
    """Token ids of DNA in k-mers, without special tokens: see `encoder`."""
    rows, strange = [], 0
    for at, text in enumerate(texts):
        if lower := LOWER.search(text):
            raise LexomeError(
                f"sequence {at + 1} of {len(texts)} ({text[:20]!r}...) has {lower.group()!r}, lower case, at "
                f"{lower.start() + 1}: this "
                "tokenizer knows A, C, G, T and N; write soft-masked letters in upper case, masked ones as N"
            )
        row: list[int] = []
        for run in RUNS.finditer(text):
            letters = run.group()
            if run.lastgroup == "other":
                row.append(vocabulary.get(letters, unknown))
                strange += letters not in vocabulary
                continue
            whole = len(letters) - len(letters) % k
            row.extend(vocabulary[letters[start : start + k]] for start in range(0, whole, k))
            row.extend(vocabulary[letter] for letter in letters[whole:])
        rows.append(row)
    if strange:
        log.warning("%d letters of %d sequences are none of A, C, G, T and N: unknown tokens", strange, len(texts))
    return rows


def tokenise(
    ids: Sequence[str], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int | None = None
) -> datasets.Dataset:
    """Tokenise texts or sequences.

    Parameters
    ----------
    ids, texts
        The examples, n each.
    tokenizer
        Of the backbone.
    max_tokens
        Longer examples are cut to so many tokens, special ones included; the column `truncated` marks them and a
        warning counts them. None: nothing is cut.

    Returns
    -------
    datasets.Dataset
        n rows: `id`, `input_ids` (list of int32), `length` (tokens), `truncated` (bool), `first` (int64: the first row
        with the same text).
    """
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "input_ids": datasets.Sequence(datasets.Value("int32")),
            "length": datasets.Value("int32"),
            "truncated": datasets.Value("bool"),
            "first": datasets.Value("int64"),
        }
    )
    table = pd.DataFrame({"id": list(ids), "text": list(texts)})
    codes, _ = pd.factorize(table["text"])
    table["first"] = np.unique(codes, return_index=True)[1][codes] if len(table) else codes
    source = datasets.Dataset.from_pandas(table, preserve_index=False)

    encode, special = encoder(tokenizer), set(tokenizer.all_special_ids)

    def batch(rows: dict) -> dict:
        whole = encode(rows["text"])
        cut = {i for i, row in enumerate(whole) if max_tokens and len(row) > max_tokens}
        for i in cut:
            # Not cut by the tokenizer, which would not make the same unknown tokens as a look-up.
            end = whole[i][-1:] if whole[i][-1] in special else []
            whole[i] = whole[i][: max_tokens - len(end)] + end
        return {
            "id": rows["id"],
            "input_ids": whole,
            "length": [len(row) for row in whole],
            "truncated": [i in cut for i in range(len(whole))],
            "first": rows["first"],
        }

    tokens = source.map(batch, batched=True, batch_size=1000, remove_columns=["text"], features=features)
    n_cut = sum(tokens["truncated"])
    if n_cut:
        log.warning("%d of %d examples were cut to %d tokens", n_cut, len(tokens), max_tokens)
    return tokens
