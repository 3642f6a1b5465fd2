"""Whether classes that are near to each other (in divergence time, in composition) are taken for each other."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

MOST_RELABELLINGS = 5040  # up to so many (7 classes) all of them are tried
DRAWN = 9999  # relabellings of more classes
SAME = 1e-12  # correlations this near are equal but for rounding


def pairs_of(n: int) -> list[tuple[int, int]]:
    """All pairs (first < second) of n classes, in order."""
    return list(itertools.combinations(range(n), 2))


def distance_matrix(given: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> np.ndarray:
    """Distances that a config gives one way or both ways as a symmetric matrix, float64 [L, L], NaN where none is."""
    matrix = np.full((len(names), len(names)), np.nan)
    place = {name: at for at, name in enumerate(names)}
    for first, others in given.items():
        for second, value in others.items():
            if first in place and second in place:
                matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    np.fill_diagonal(matrix, 0)
    return matrix


def composition_distances(shares: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Jensen-Shannon distance (base 2, 0..1) between the mean k-mer shares of every two classes, float64 [L, L].

    Parameters
    ----------
    shares
        float, shape (n, k-mers).
    classes
        int, shape (n,).
    """
    means = np.stack([shares[classes == at].mean(axis=0, dtype=np.float64) for at in range(n_classes)])
    means /= means.sum(axis=1, keepdims=True)
    middle = (means[:, None] + means[None]) / 2

    def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(p > 0, p * np.log2(p / q), 0.0).sum(axis=-1)

    both = (divergence(means[:, None], middle) + divergence(means[None], middle)) / 2
    return np.sqrt(np.maximum(both, 0))


def confusion_rates(truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray, n_classes: int) -> np.ndarray:
    """How often the examples of two classes are taken for the other of the two.

    Parameters
    ----------
    truth, predicted
        Classes, int, shape (n,).
    counts
        How often each example counts, shape (B, n): ones for the figure itself, resamples for its spread.

    Returns
    -------
    numpy.ndarray
        float64, shape (B, L, L), symmetric: (a taken for b + b taken for a) / (a + b); NaN on the diagonal and for
        classes without examples.
    """
    cells = np.eye(n_classes**2)[truth * n_classes + predicted]
    matrix = (np.asarray(counts, dtype=np.float64) @ cells).reshape(-1, n_classes, n_classes)
    size = matrix.sum(axis=2)
    both = size[:, :, None] + size[:, None, :]
    rates = np.divide(matrix + matrix.transpose(0, 2, 1), both, out=np.full(matrix.shape, np.nan), where=both > 0)
    rates[:, np.arange(n_classes), np.arange(n_classes)] = np.nan
    return rates


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rho of rows: equal values share the mean of their ranks.

    Parameters
    ----------
    first, second
        float, shape (..., n); one of them may be a single row.

    Returns
    -------
    numpy.ndarray
        float64, shape (...); NaN where a row is constant or holds a NaN.
    """
    ranks = [rankdata(values, axis=-1) for values in (first, second)]
    left, right = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    scale = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    rho = np.divide((left * right).sum(axis=-1), scale, out=np.full(np.shape(scale), np.nan), where=scale > 0)
    return np.where(np.isnan(first).any(axis=-1) | np.isnan(second).any(axis=-1), np.nan, rho)


def mantel(rates: np.ndarray, distances: np.ndarray, seed: int = 0) -> dict:
    """Rank correlation of two matrices with a permutation test (Mantel, Cancer Res. 27, 209-220, 1967).

    The classes of one matrix are relabelled, rows and columns together, because the pairs of a class are no independent
    evidence of each other.

    Parameters
    ----------
    rates, distances
        float, symmetric, shape (L, L); the diagonals are not read.
    seed
        Of the relabellings that are drawn where there are more than `MOST_RELABELLINGS`.

    Returns
    -------
    dict
        `rho`, `p` (two-sided: the share of relabellings, the given one among them, whose correlation is at least as far
        from 0), `relabellings` and `pairs`. NaN where one of them is constant or not known everywhere.
    """
    n = len(rates)
    rows, columns = np.array(pairs_of(n)).T
    observed = float(spearman(rates[rows, columns], distances[rows, columns]))
    if math.factorial(n) <= MOST_RELABELLINGS:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        rng = np.random.default_rng(seed)
        orders = np.stack([np.arange(n), *(rng.permutation(n) for _ in range(DRAWN))])
    told = {"rho": observed, "p": float("nan"), "relabellings": len(orders), "pairs": len(rows)}
    if np.isfinite(observed):
        moved = rates[orders[:, rows], orders[:, columns]]
        values = spearman(moved, distances[rows, columns])
        told["p"] = float((np.abs(values) >= abs(observed) - SAME).mean())
    return told
