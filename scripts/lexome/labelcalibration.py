"""Calibration of labels by bins of equal mass, and decision thresholds of each label chosen on validation examples.

The expected calibration error is as in `lexome.metrics` (Naeini et al., AAAI 2015), except that bins hold equally many
values: most scores of rare labels lie near 0, where bins of equal width put them all into one. An item is placed
by the rank of the first value of its tie group, so equal scores share a bin and the order of the examples
does not matter; a label whose scores are all alike has one bin.
"""

from typing import NamedTuple

import numpy as np

from lexome.metrics import check_pair, mean_defined, ratio

BINS = 15
# Labels with fewer positives on valid share a threshold: the best F1 of few positives is chance.
FEWEST_POSITIVES = 5


class ReliabilityTable(NamedTuple):
    """One row a bin that holds anything, from the lowest scores up."""

    low: np.ndarray  # lowest and highest score of the bin
    high: np.ndarray
    mean_score: np.ndarray
    share: np.ndarray  # of positives
    n: np.ndarray  # int64: pairs


class LabelThresholds(NamedTuple):
    """A threshold for each label; a label is predicted where `score >= threshold`."""

    values: np.ndarray  # float64 [L]
    own: np.ndarray  # bool [L]: chosen on the label itself
    common: float  # of the others


def reliability(truth: np.ndarray, scores: np.ndarray, bins: int = BINS) -> ReliabilityTable:
    """Reliability of all pairs of an example and a label; truth bool and scores [n, L]."""
    truth, scores = check_pair(truth, scores)
    flat = scores.astype(np.float64).ravel()[:, None]
    order, place = _bins(flat, bins)
    score, true = flat[order[:, 0], 0], truth.ravel()[order[:, 0]]
    starts = np.flatnonzero(np.diff(place[:, 0], prepend=-1))
    if not len(starts):
        return ReliabilityTable(*(np.zeros(0) for _ in range(4)), np.zeros(0, dtype=np.int64))
    n = np.diff(np.append(starts, len(score)))
    return ReliabilityTable(
        low=score[starts],
        high=score[starts + n - 1],
        mean_score=np.add.reduceat(score, starts) / n,
        share=np.add.reduceat(true.astype(np.float64), starts) / n,
        n=n,
    )


def micro_calibration_error(table: ReliabilityTable) -> float:
    """Expected calibration error over all pairs; NaN of an empty table."""
    return float(ratio((table.n * np.abs(table.share - table.mean_score)).sum(), np.asarray(table.n.sum())))


def label_calibration_errors(truth: np.ndarray, scores: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Expected calibration error of every label with bins of its own, float64 [L]; NaN without examples."""
    truth, scores = check_pair(truth, scores)
    rows, labels = truth.shape
    gaps = truth - scores.astype(np.float64)
    order, place = _bins(scores, bins)
    # The share of a bin times its gap: the size of the bin cancels.
    cells = (place + bins * np.arange(labels)).ravel()
    sums = np.bincount(cells, np.take_along_axis(gaps, order, axis=0).ravel(), minlength=bins * labels)
    return ratio(np.abs(sums).reshape(labels, bins).sum(axis=1), np.full(labels, float(rows)))


def calibration_figures(truth: np.ndarray, scores: np.ndarray, label_noun: str) -> dict[str, tuple[float, int]]:
    """`micro_mass_ece` over all pairs and `<label>_mass_ece`, the mean over labels; each with how many there are."""
    table = reliability(truth, scores)
    return {
        "micro_mass_ece": (micro_calibration_error(table), int(table.n.sum())),
        f"{label_noun}_mass_ece": mean_defined(label_calibration_errors(truth, scores)),
    }


def choose_thresholds(truth: np.ndarray, scores: np.ndarray, fewest: int = FEWEST_POSITIVES) -> LabelThresholds:
    """The threshold of each label with the highest F1 on these (validation) examples; of equals the highest.

    Labels with fewer than `fewest` positives take a common threshold, that with the highest F1 of all pairs
    together (of all labels, as the rare ones alone may have no positive at all).

    Parameters
    ----------
    truth, scores
        bool and finite floats [n, L].
    fewest
        At least 1.

    Raises
    ------
    ValueError
        If no label has a positive, so that nothing can be chosen.
    """
    truth, scores = check_pair(truth, scores)
    if not truth.any():
        raise ValueError("no validation example has a label: thresholds cannot be chosen")
    own = truth.sum(axis=0) >= max(fewest, 1)
    common = _best_f1(truth.reshape(-1, 1), scores.reshape(-1, 1))[0]
    values = np.where(own, _best_f1(truth, scores), common)
    return LabelThresholds(values, own, float(common))


def f1_at(truth: np.ndarray, scores: np.ndarray, thresholds: np.ndarray | float) -> tuple[np.ndarray, float]:
    """F1 of the decisions `score >= threshold`: of every label [L] (NaN without positives), and of all pairs."""
    truth, scores = check_pair(truth, scores)
    chosen = scores >= np.asarray(thresholds, dtype=np.float64)
    both, either = (truth & chosen).sum(axis=0), truth.sum(axis=0) + chosen.sum(axis=0)
    own = np.where(truth.any(axis=0), ratio(2.0 * both, either), np.nan)
    return own, float(ratio(np.asarray(2.0 * both.sum()), np.asarray(either.sum())))


def _best_f1(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The lowest score that is still predicted at the highest F1 of each column, float64 [L]."""
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.cumsum(np.take_along_axis(truth, order, axis=0), axis=0)
    f1 = 2 * hits / (np.arange(1, len(scores) + 1)[:, None] + hits[-1])
    last_of_tie = np.ones(ranked.shape, dtype=bool)
    np.not_equal(ranked[:-1], ranked[1:], out=last_of_tie[:-1])
    best = np.where(last_of_tie, f1, -1.0).argmax(axis=0)
    return np.take_along_axis(ranked, best[None], axis=0)[0].astype(np.float64)


def _bins(scores: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """For each column the order that sorts it, and the bin (0 .. bins - 1) of each sorted value; [n, L] both."""
    order = np.argsort(scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    first = np.zeros(scores.shape, dtype=np.int64)
    at = np.arange(len(scores))[:, None]
    first[1:] = np.where(ranked[1:] != ranked[:-1], at[1:], 0)
    first = np.maximum.accumulate(first, axis=0)
    return order, first * bins // max(len(scores), 1)
