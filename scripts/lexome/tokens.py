"""Examples to token ids, as a Hugging Face dataset on disk."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import datasets
import pandas as pd
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lexome.errors import LexomeError

log = logging.getLogger(__name__)


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a backbone from its folder, without network and without remote code.

    Raises
    ------
    LexomeError
        If the folder holds no tokenizer.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise LexomeError(
            f"{folder}: no tokenizer could be loaded ({error}); list its files in backbones.yaml"
        ) from error


def encoder(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[str]], list[list[int]]]:
    """The fastest function from texts to token ids, special tokens included, nothing cut.

    Tokenizers without a Rust version (ESM's) search every character for longer tokens. Where the vocabulary has
    single characters only, apart from names in angle brackets, a look-up gives the same ids some 50 times faster,
    but for one thing: every unknown character is a token of its own, so that tokens stay aligned with residues,
    where those tokenizers make one of a whole run.
    """
    vocabulary = tokenizer.get_vocab()
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


def tokenise(
    ids: Sequence[str], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> datasets.Dataset:
    """Tokenise texts or sequences.

    Parameters
    ----------
    ids, texts
        The examples, n each.
    tokenizer
        Of the backbone.
    max_tokens
        Tokens that the backbone takes, special tokens included. Longer examples are cut there; the column
        `truncated` marks them and a warning counts them.

    Returns
    -------
    datasets.Dataset
        n rows: `id`, `input_ids` (list of int32), `length` (tokens), `truncated` (bool).
    """
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "input_ids": datasets.Sequence(datasets.Value("int32")),
            "length": datasets.Value("int32"),
            "truncated": datasets.Value("bool"),
        }
    )
    table = pd.DataFrame({"id": list(ids), "text": list(texts)})
    source = datasets.Dataset.from_pandas(table, preserve_index=False)

    encode = encoder(tokenizer)

    def batch(rows: dict) -> dict:
        whole = encode(rows["text"])
        cut = {i for i, row in enumerate(whole) if len(row) > max_tokens}
        for i in cut:
            whole[i] = tokenizer(rows["text"][i], truncation=True, max_length=max_tokens)["input_ids"]
        return {
            "id": rows["id"],
            "input_ids": whole,
            "length": [len(row) for row in whole],
            "truncated": [i in cut for i in range(len(whole))],
        }

    tokens = source.map(batch, batched=True, batch_size=1000, remove_columns=["text"], features=features)
    n_cut = sum(tokens["truncated"])
    if n_cut:
        log.warning("%d of %d examples were cut to %d tokens", n_cut, len(tokens), max_tokens)
    return tokens
