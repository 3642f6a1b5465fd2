"""Which sequences are read together: shards, units of work, windows of long sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


def shard_count(sequences: int, dealt: Mapping) -> int:
    """Jobs that distinct sequences are dealt out to: `shards` of them, or as many as `shard_sequences` a job need."""
    return dealt["shards"] if "shards" in dealt else max(1, -(-sequences // dealt["shard_sequences"]))


def shard_rows(lengths: Sequence[int], shard: int, shards: int) -> np.ndarray:
    """Rows of one shard: every n-th in order of length, so that all shards cost the same; ascending in length."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return order[shard::shards]


def budget_batches(lengths: Sequence[int], budget: int) -> list[range]:
    """Part rows into consecutive batches of at most so many tokens.

    Parameters
    ----------
    lengths
        Tokens of each row, in the order in which the rows are taken.
    budget
        Most tokens in a batch; a longer row makes a batch of its own.

    Returns
    -------
    list of range
        Positions in `lengths`; together they cover all rows in order.
    """
    batches, start, held = [], 0, 0
    for position, length in enumerate(lengths):
        if position > start and held + length > budget:
            batches.append(range(start, position))
            start, held = position, 0
        held += length
    if start < len(lengths):
        batches.append(range(start, len(lengths)))
    return batches


@dataclass(frozen=True)
class Window:
    """A piece of a sequence that a backbone reads at once."""

    row: int  # of the sequence
    ids: np.ndarray  # int64: token ids, special tokens included
    content: slice  # where, among `ids`, the tokens of the sequence stand
    start: int  # place of the first of them among all tokens of the sequence


def cut_windows(row: int, ids: np.ndarray, content: np.ndarray, room: int, overlap: int) -> list[Window]:
    """The windows that a sequence is read in: itself, or overlapping pieces where it is longer than the backbone reads.

    Pieces are equally long and begin at equal distances; each is framed by the special tokens of the whole sequence.

    Parameters
    ----------
    row
        Number of the sequence.
    ids
        int, shape (tokens,): its tokens, special ones included.
    content
        bool, shape (tokens,): those that are not special. They stand together.
    room
        Tokens that the backbone reads at once, special ones included.
    overlap
        Least tokens that neighbouring pieces share.

    Returns
    -------
    list of Window
        Together they hold every token of the sequence.
    """
    ids = np.asarray(ids, dtype=np.int64)
    places = np.flatnonzero(content)
    first, end = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
    pieces = count_windows(len(ids), end - first, room, overlap)
    if pieces == 1:
        return [Window(row, ids, slice(first, end), 0)]
    head, tail = ids[:first], ids[end:]
    inside = room - len(head) - len(tail)
    starts = np.round(np.linspace(0, end - first - inside, pieces)).astype(int)
    within = slice(len(head), len(head) + inside)
    return [
        Window(row, np.concatenate([head, ids[first + at : first + at + inside], tail]), within, int(at))
        for at in starts
    ]


def count_windows(tokens: int, content: int, room: int, overlap: int) -> int:
    """How many windows `cut_windows` makes of a sequence of so many tokens, of which `content` are not special."""
    if tokens <= room:
        return 1
    inside = room - (tokens - content)
    return 1 + -(-(content - inside) // (inside - overlap))


def shares(windows: Sequence[Window]) -> list[np.ndarray]:
    """How much each token of each window of one sequence counts, so that all tokens of the sequence count alike.

    A token that k windows hold counts 1 / k in each.

    Returns
    -------
    list of numpy.ndarray
        float32, one array a window, shape (content tokens of it,).
    """
    sizes = [window.content.stop - window.content.start for window in windows]
    if len(windows) == 1:
        return [np.ones(sizes[0], dtype=np.float32)]
    ends = [window.start + size for window, size in zip(windows, sizes, strict=True)]
    held = np.zeros(max(ends), dtype=np.float32)
    for window, end in zip(windows, ends, strict=True):
        held[window.start : end] += 1
    return [1 / held[window.start : end] for window, end in zip(windows, ends, strict=True)]
