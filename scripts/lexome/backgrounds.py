"""DNA without a signal: first-order Markov sequences, dinucleotide shuffles, draws of matched GC content."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from lexome.dna import LETTERS, encode, gc_content
from lexome.errors import LexomeError

DINUCLEOTIDES = [a + b for a in LETTERS for b in LETTERS]


def fit_markov(sequences: Sequence[str]) -> np.ndarray:
    """Dinucleotide frequencies of sequences.

    Returns
    -------
    numpy.ndarray
        float64, shape (4, 4), summing to 1: how often each letter (row) is followed by each (column), N left out.

    Raises
    ------
    LexomeError
        If there is no dinucleotide of known letters.
    """
    counts = np.zeros((5, 5))
    for sequence in sequences:
        codes = encode([sequence])[0]
        counts += np.bincount(codes[:-1] * np.int64(5) + codes[1:], minlength=25).reshape(5, 5)
    counts = counts[:4, :4]
    if not counts.sum():
        raise LexomeError("the background sequences hold no two known nucleotides side by side")
    return counts / counts.sum()


def markov_from(frequencies: Mapping[str, float]) -> np.ndarray:
    """The matrix of `fit_markov` from frequencies (or counts) by dinucleotide.

    Raises
    ------
    LexomeError
        If one of the 16 is missing or negative, or a letter is never followed by another.
    """
    odd = sorted(set(frequencies) ^ set(DINUCLEOTIDES))
    if odd:
        raise LexomeError(f"dinucleotides: the frequencies of all 16 are needed and no others; mend {', '.join(odd)}")
    matrix = np.array([frequencies[pair] for pair in DINUCLEOTIDES], dtype=float).reshape(4, 4)
    if (matrix < 0).any() or (matrix.sum(axis=1) <= 0).any():
        raise LexomeError("dinucleotides: frequencies must not be negative, and no letter may have zeros alone")
    return matrix / matrix.sum()


def markov_sequences(matrix: np.ndarray, n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw sequences from a first-order Markov chain.

    Parameters
    ----------
    matrix
        Dinucleotide frequencies, shape (4, 4). The first letter is drawn from the row sums.

    Returns
    -------
    numpy.ndarray
        uint8 codes, shape (n, length).
    """
    rows = matrix.sum(axis=1, keepdims=True)
    # A letter that nothing ever follows is followed by whatever letters there are.
    anything = np.tile(matrix.sum(axis=0), (4, 1))
    step = np.divide(matrix, rows, out=anything, where=rows > 0).cumsum(axis=1)
    codes = np.empty((n, length), dtype=np.uint8)
    draws = rng.random((length, n))
    if length:
        codes[:, 0] = np.minimum(np.searchsorted(rows.ravel().cumsum(), draws[0], side="right"), 3)
    for at in range(1, length):
        codes[:, at] = np.minimum((draws[at][:, None] >= step[codes[:, at - 1]]).sum(axis=1), 3)
    return codes


def shuffle_dinucleotides(sequence: str, rng: np.random.Generator) -> str:
    """A random sequence with exactly the same dinucleotides.

    Each dinucleotide is an edge from its first to its second letter, and every such sequence a path over all edges
    with the same two ends. One is drawn with equal chances: for every letter but the last one a final edge, at random
    until these lead from everywhere to the last letter, then the other edges in random order (Altschul and Erickson,
    Mol Biol Evol 2, 526-538 (1985)). Letters may be any; an N is one like the others.
    """
    if len(sequence) < 3:
        return sequence
    edges: dict[str, list[str]] = {}
    for first, second in pairwise(sequence):
        edges.setdefault(first, []).append(second)
    end = sequence[-1]
    inner = [letter for letter in edges if letter != end]
    while True:
        final = {letter: edges[letter][int(rng.integers(len(edges[letter])))] for letter in inner}
        if all(_leads(letter, end, final) for letter in inner):
            break
    order = {}
    for letter, targets in edges.items():
        rest = list(targets)
        if letter != end:
            rest.remove(final[letter])
        # Read from its end: the final edge comes out last.
        mixed = [rest[i] for i in rng.permutation(len(rest))]
        order[letter] = ([final[letter]] if letter != end else []) + mixed
    path = [sequence[0]]
    for _ in range(len(sequence) - 1):
        path.append(order[path[-1]].pop())
    return "".join(path)


def _leads(letter: str, end: str, final: Mapping[str, str]) -> bool:
    for _ in range(len(final)):
        letter = final[letter]
        if letter == end:
            return True
    return False


def draw_windows(sequences: Sequence[str], n: int, length: int, rng: np.random.Generator) -> list[str]:
    """Draw `n` windows without N from sequences, every place with equal chance, with replacement.

    Raises
    ------
    LexomeError
        If no window of that length is free of N.
    """
    joined = "N".join(sequences)
    known = np.frombuffer(joined.encode("latin-1", "replace"), dtype=np.uint8) != ord("N")
    runs = np.concatenate([[0], known.cumsum()])
    starts = np.flatnonzero(runs[length:] - runs[:-length] == length) if len(joined) >= length else np.array([])
    if not len(starts):
        raise LexomeError(f"the background has no {length} nucleotides in a row without N; use longer sequences")
    return [joined[at : at + length] for at in starts[rng.integers(len(starts), size=n)]]


def shuffled_windows(sequences: Sequence[str], n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Dinucleotide shuffles of `n` windows of sequences: uint8 codes, shape (n, length); errors as `draw_windows`."""
    return encode([shuffle_dinucleotides(window, rng) for window in draw_windows(sequences, n, length, rng)])


def match_gc(targets: Sequence[str], pool: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """For each target choose one sequence of a pool with the nearest GC content, each at most once.

    Targets are served in random order; among equally near ones the choice is random.

    Returns
    -------
    numpy.ndarray
        int64 positions in the pool, shape (n_targets,).

    Raises
    ------
    LexomeError
        If the pool is smaller than the targets.
    """
    if len(pool) < len(targets):
        raise LexomeError(
            f"{len(targets)} GC-matched negatives are wanted and the pool has {len(pool)} sequences; use a larger "
            "genome or pool, or shuffled negatives"
        )
    order = rng.permutation(len(pool))
    content = gc_content(pool)[order]
    by_content = np.argsort(content, kind="stable")
    content, order = content[by_content], order[by_content]
    wanted = gc_content(targets)
    # Neighbours that are still free, found by path compression to the left and to the right.
    left, right = np.arange(len(pool) + 1) - 1, np.arange(len(pool) + 1)
    chosen = np.empty(len(targets), dtype=np.int64)
    taken = np.zeros(len(pool), dtype=bool)
    for target in rng.permutation(len(targets)):
        at = int(np.searchsorted(content, wanted[target]))
        low, high = _free(left, at, taken, -1), _free(right, at, taken, 1)
        below = wanted[target] - content[low] if low >= 0 else np.inf
        above = content[high] - wanted[target] if high < len(pool) else np.inf
        best = low if below < above else high
        taken[best] = True
        chosen[target] = order[best]
    return chosen


def _free(jumps: np.ndarray, at: int, taken: np.ndarray, step: int) -> int:
    """The first place that is not taken from boundary `at` on, left (-1) or right (1); past the end if none."""
    place = start = int(jumps[at])
    while 0 <= place < len(taken) and taken[place]:
        place = int(jumps[place if step < 0 else place + 1])
    if place != start:
        jumps[at] = place
    return place
