"""Documents as a pretrained model reads them: words, their tokens, overlapping windows, and batches of documents.

A document that is longer than the model's input is read in windows that overlap; each word is taken from the window in
which it has most context on both sides (its home). So every word has one vector and counts in a loss once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from lexome.documents import Document, Entity
from lexome.errors import LexomeError
from lexome.wordtokens import word_tokens


@dataclass(frozen=True)
class Encoded:
    """A document in words and tokens.

    Attributes
    ----------
    words
        Start and end of each word, characters of the text, int64 [W, 2]; words of which the tokenizer makes nothing are
        left out.
    tokens
        Ids without special tokens, int64 [T].
    first, last
        First and last token of each word, int64 [W].
    windows
        First token and the one behind the last, of each window.
    home
        The window that each word is taken from, int64 [W].
    """

    words: np.ndarray
    tokens: np.ndarray
    first: np.ndarray
    last: np.ndarray
    windows: list[tuple[int, int]]
    home: np.ndarray

    def __len__(self) -> int:
        """Tokens."""
        return len(self.tokens)


class Encoder:
    """Documents to tokens and windows.

    Parameters
    ----------
    tokenizer
        One that tells the places of its tokens (a fast one).
    max_length
        Tokens of a window, special ones included.
    stride
        Tokens that neighbouring windows share at least; a word's tokens beyond so many are left out.

    Raises
    ------
    LexomeError
        If the tokenizer tells no places, or a window is too short for its overlaps.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int):
        if not tokenizer.is_fast:
            raise LexomeError(
                "backbone: its tokenizer does not tell where its tokens stand; take one with tokenizer.json"
            )
        whole, bare = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False))
        start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
        self.before, self.behind = whole[:start], whole[start + len(bare) :]
        self.budget = max_length - len(self.before) - len(self.behind)
        if self.budget < 2 * stride:
            raise LexomeError(
                f"stride: windows of {self.budget} tokens cannot share {stride} with each neighbour; halve it, or "
                "raise max_length"
            )
        self.tokenizer, self.stride, self.pad = tokenizer, stride, tokenizer.pad_token_id or 0

    def __call__(self, document: Document, markers: dict[str, tuple[int, int]] | None = None) -> Encoded:
        """Read a document.

        Parameters
        ----------
        markers
            Category -> ids of the tokens put before and behind each part of its entities; None marks nothing.
        """
        told = self.tokenizer(
            document.text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        spans = np.array(word_tokens(document.text), dtype=np.int64).reshape(-1, 2)
        places = np.array(told["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        # A token belongs to the word that its last character is in: byte-level vocabularies put blanks before it.
        owner = np.searchsorted(spans[:, 1], places[:, 1], side="left")
        ids: list[list[int]] = [[] for _ in spans]
        for token, word, (start, end) in zip(told["input_ids"], owner, places, strict=True):
            if end > start and word < len(spans) and len(ids[word]) < self.stride:
                ids[word].append(token)
        known = [word for word, own in enumerate(ids) if own]
        spans, ids = spans[known], [ids[word] for word in known]
        opened, closed = self._marks(spans, document.entities, markers or {})
        tokens: list[int] = []
        first, last = np.empty(len(ids), dtype=np.int64), np.empty(len(ids), dtype=np.int64)
        for word, own in enumerate(ids):
            # The marker before an entity counts as the first token of its first word.
            first[word] = len(tokens)
            tokens += opened.get(word, [])
            tokens += own
            last[word] = len(tokens) - 1
            tokens += closed.get(word, [])
        windows = spread(len(tokens), self.budget, self.stride)
        row = np.array(tokens, dtype=np.int64)
        return Encoded(spans, row, first, last, windows, find_home(first, last, windows))

    def _marks(
        self, words: np.ndarray, entities: Sequence[Entity], markers: dict[str, tuple[int, int]]
    ) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Tokens to stand before and behind words."""
        opened: dict[int, list[int]] = {}
        closed: dict[int, list[int]] = {}
        for entity in entities if markers else ():
            for span in entity.spans:
                inside = covered(words, [span])
                if len(inside):
                    opened.setdefault(int(inside[0]), []).append(markers[entity.category][0])
                    closed.setdefault(int(inside[-1]), []).insert(0, markers[entity.category][1])
        return opened, closed


def covered(words: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Words that share a character with one of the spans, ascending.

    Parameters
    ----------
    words
        int64 [W, 2].
    """
    parts = [
        np.arange(
            np.searchsorted(words[:, 1], start, side="right"), np.searchsorted(words[:, 0], end, side="left"), dtype=int
        )
        for start, end in spans
    ]
    return np.unique(np.concatenate(parts))


def spread(length: int, budget: int, stride: int) -> list[tuple[int, int]]:
    """As few windows of equal size as cover `length` tokens and share `stride` or more with their neighbours."""
    if length <= budget:
        return [(0, length)]
    number = math.ceil((length - stride) / (budget - stride))
    size = math.ceil((length + (number - 1) * stride) / number)
    starts = [(length - size) * at // (number - 1) for at in range(number)]
    return [(start, start + size) for start in starts]


def find_home(first: np.ndarray, last: np.ndarray, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """The window where each word, from token `first` to `last`, has most tokens on its poorer side; int64 [W].

    A side on which the document itself begins or ends lacks nothing.
    """
    length = windows[-1][1]
    left = np.array([[np.inf] * len(first) if start == 0 else first - start for start, _ in windows])
    right = np.array([[np.inf] * len(last) if end == length else end - 1 - last for _, end in windows])
    return np.minimum(left, right).argmax(axis=0)


@dataclass(frozen=True)
class Batch:
    """Documents side by side; every window is a row.

    Attributes
    ----------
    input_ids, attention_mask
        int64 [rows, tokens].
    pieces, owner
        Where the tokens of words stand (in the flattened rows), and the word of each, int64; words of all documents are
        counted through.
    sizes
        Words of each document.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    pieces: torch.Tensor
    owner: torch.Tensor
    sizes: list[int]


def collate(documents: Sequence[Encoded], encoder: Encoder, pooling: str, device: torch.device) -> Batch:
    """Documents to a batch.

    Parameters
    ----------
    pooling
        `first`: a word is its first token; `mean`: the mean of its tokens.
    """
    rows = [(document, start, end) for document in documents for start, end in document.windows]
    longest = max(end - start for _, start, end in rows) + len(encoder.before) + len(encoder.behind)
    ids = np.full((len(rows), longest), encoder.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for at, (document, start, end) in enumerate(rows):
        row = [*encoder.before, *document.tokens[start:end], *encoder.behind]
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    pieces, owner, row, word = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)], 0, 0
    for document in documents:
        starts = np.array([start for start, _ in document.windows])
        places = (row + document.home) * longest + len(encoder.before) + document.first - starts[document.home]
        number = np.ones_like(places) if pooling == "first" else document.last - document.first + 1
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        pieces.append(np.repeat(places, number) + within)
        owner.append(np.repeat(np.arange(word, word + len(places)), number))
        row, word = row + len(document.windows), word + len(places)
    parts = (ids, mask, np.concatenate(pieces), np.concatenate(owner))
    tensors = (torch.from_numpy(part).to(device) for part in parts)
    return Batch(*tensors, [len(document.words) for document in documents])
