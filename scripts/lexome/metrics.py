"""Metrics of multi-label predictions, of every protein or every term at once, with or without weights.

Definitions are scikit-learn's (`average_precision_score`, `roc_auc_score`, `precision_score`, `recall_score`,
`accuracy_score`, `matthews_corrcoef`), tied scores included, with one exception: a figure that is undefined is NaN
here and never 0 or 1.

Calibration is the expected calibration error with 15 bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML
2017), here of the probability of a label: in each bin the distance between the share of positives and the mean
probability, averaged over examples. `sklearn.calibration.calibration_curve` has the same bins.

Words: a *unit* is what gets a figure of its own (a protein or a term); its *items* are what is ranked inside
it (the terms of a protein or the proteins of a term).
"""

from typing import NamedTuple

import numpy as np

THRESHOLD = 0.5
# Of equal width, each closed above, the first one also below.
BINS = 15
# Units are ranked in blocks of about this many items (8 MB of float64), so that memory does not grow with
# the data.
BLOCK_ITEMS = 1 << 20


class ThresholdMetrics(NamedTuple):
    """Figures of the decisions `score >= threshold`; arrays of one shape, NaN where undefined."""

    accuracy: np.ndarray
    precision: np.ndarray  # NaN where nothing is predicted
    recall: np.ndarray  # NaN where nothing is true
    mcc: np.ndarray  # -1..1; NaN where all or nothing is true, 0 where all or nothing is predicted


class RankedScores:
    """Items of many units sorted by score once; a set of item weights then costs a gather and a few sums.

    Only tie groups that hold a positive enter average precision and ROC area, so the items between two of
    them are summed as one segment.

    Parameters
    ----------
    truth
        bool [units, items].
    scores
        Finite floats [units, items]; larger = more likely. Equal scores are one tie group.
    """

    def __init__(self, truth: np.ndarray, scores: np.ndarray) -> None:
        truth, scores = check_pair(truth, scores)
        self.units, self.items = truth.shape
        order = np.argsort(-scores, axis=1)
        ranked = np.take_along_axis(scores, order, axis=1)
        positive = np.take_along_axis(truth, order, axis=1).ravel()

        first_of_tie = np.ones(truth.shape, dtype=bool)
        np.not_equal(ranked[:, 1:], ranked[:, :-1], out=first_of_tie[:, 1:])
        ties = np.flatnonzero(first_of_tie)
        hit = np.add.reduceat(positive, ties, dtype=np.int64) > 0
        opens = hit | (ties % max(self.items, 1) == 0)
        opens[1:] |= hit[:-1]

        self._order = order.ravel()
        self._segments = ties[opens]  # where each segment begins in `_order`
        self._hits = np.flatnonzero(hit[opens])  # the segments that are tie groups with positives
        positives = np.flatnonzero(positive)
        self._positives = self._order[positives]
        self._hit_positives = np.searchsorted(positives, self._segments[self._hits])
        # Units with positives, the first hit of each, and for every hit the row of its unit among them.
        unit_of_segment = self._segments // max(self.items, 1)
        self._defined, self._first_hit, self._row = np.unique(
            unit_of_segment[self._hits], return_index=True, return_inverse=True
        )
        self._first_segment = np.flatnonzero(self._segments % max(self.items, 1) == 0)  # of every unit

    def measure(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Average precision and area under the ROC curve of every unit.

        Parameters
        ----------
        weights
            Non-negative weights of the items [items], shared by all units; default 1. Whole numbers give
            exactly what repeating the items would give.

        Returns
        -------
        average_precision, roc_auc
            float64 [units] each, NaN where the unit has no positives or, for the area, no negatives.
        """
        weights = np.ones(self.items) if weights is None else np.asarray(weights, dtype=np.float64)
        average_precision, roc_auc = np.full((2, self.units), np.nan)
        if not len(self._hits):
            return average_precision, roc_auc
        segment = np.add.reduceat(weights.take(self._order), self._segments)
        true = np.add.reduceat(weights.take(self._positives), self._hit_positives)

        total = weights.sum()
        positives = np.add.reduceat(true, self._first_hit)
        through = _running_sums(segment, self._first_segment, total)[self._hits]
        true_through = _running_sums(true, self._first_hit, positives[:-1])

        precision = ratio(true_through, through, fill=0.0)
        mean_precision = ratio(np.add.reduceat(true * precision, self._first_hit), positives)

        negatives = total - positives
        false_in_tie = segment[self._hits] - true
        false_below = negatives[self._row] - (through - true_through) + 0.5 * false_in_tie
        # Rounding may leave a trace of negative weight where there is none.
        negatives[negatives <= 1e-12 * positives] = 0.0
        area = ratio(np.add.reduceat(true * false_below, self._first_hit), positives * negatives)
        average_precision[self._defined] = mean_precision
        roc_auc[self._defined] = area
        return average_precision, roc_auc


def average_precision(
    truth: np.ndarray, scores: np.ndarray, axis: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Area under the precision-recall curve by steps, ranking along `axis`.

    Parameters
    ----------
    truth
        bool or 0/1 [examples, labels].
    scores
        Finite floats of the same shape.
    axis
        0 ranks the examples of every label, 1 the labels of every example.
    weights
        Optional weights of what is ranked.

    Returns
    -------
    float64 [labels] (axis 0) or [examples] (axis 1); NaN where there are no positives.
    """
    return ranking_metrics(truth, scores, axis, weights)[0]


def roc_auc(truth: np.ndarray, scores: np.ndarray, axis: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve (a tie counts half); arguments as in `average_precision`.

    Returns
    -------
    float64 [labels] (axis 0) or [examples] (axis 1); NaN without positives or without negatives.
    """
    return ranking_metrics(truth, scores, axis, weights)[1]


def ranking_metrics(
    truth: np.ndarray, scores: np.ndarray, axis: int, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`average_precision` and `roc_auc` from one sort."""
    truth, scores = check_pair(truth, scores)
    if axis == 0:
        truth, scores = truth.T, scores.T
    parts = [RankedScores(truth[part], scores[part]).measure(weights) for part in blocks(*truth.shape)]
    first, second = zip(*parts, strict=True) if parts else ([np.empty(0)], [np.empty(0)])
    return np.concatenate(first), np.concatenate(second)


def threshold_metrics(
    truth: np.ndarray,
    scores: np.ndarray,
    axis: int,
    weights: np.ndarray | None = None,
    threshold: float = THRESHOLD,
) -> ThresholdMetrics:
    """Accuracy, precision, recall and Matthews' correlation of `score >= threshold`, summing along `axis`.

    Parameters
    ----------
    truth, scores, axis
        As in `average_precision`.
    weights
        Optional weights of what is summed, n of them, or [replicates, n] for many sets of weights at once.

    Returns
    -------
    Arrays [units], or [replicates, units] where `weights` has two dimensions.
    """
    truth, scores = check_pair(truth, scores)
    predicted = scores >= threshold
    if axis == 1:
        truth, predicted = truth.T, predicted.T
    if weights is None:
        both, chosen, true = ((x.sum(axis=0)).astype(np.float64) for x in (truth & predicted, predicted, truth))
        total = np.float64(len(truth))
    else:
        weights = np.asarray(weights, dtype=np.float64)
        both, chosen, true = (weights @ x.astype(np.float64) for x in (truth & predicted, predicted, truth))
        total = weights.sum(axis=-1, keepdims=weights.ndim == 2)
    right = total - chosen - true + 2 * both
    return ThresholdMetrics(
        accuracy=ratio(right, np.broadcast_to(total, right.shape)),
        precision=ratio(both, chosen),
        recall=ratio(both, true),
        mcc=_matthews(both, chosen, true, total),
    )


def _matthews(both: np.ndarray, chosen: np.ndarray, true: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Correlation of decision and truth. Of decisions that are all alike it is 0, as no association is."""
    # Rounding may leave a trace where there is none.
    untrue, rest = (np.where(total - x > 1e-12 * total, total - x, 0.0) for x in (true, chosen))
    spread_true, spread_chosen = true * untrue, chosen * rest
    values = ratio(both * total - chosen * true, np.sqrt(spread_true) * np.sqrt(spread_chosen), fill=0.0)
    return np.where(spread_true > 0, values, np.nan)


def calibration_errors(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Expected calibration error of every label, see the module's text.

    Parameters
    ----------
    truth
        bool or 0/1 [examples, labels].
    scores
        Probabilities of the same shape.
    weights
        Optional weights of the examples [n], or [replicates, n] for many sets of weights at once.

    Returns
    -------
    float64 [labels], or [replicates, labels]; NaN where no example has weight.
    """
    truth, scores = check_pair(truth, scores)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    out = np.empty((*weights.shape[:-1], truth.shape[1]))
    total = weights.sum(axis=-1, keepdims=True)
    for part in blocks(truth.shape[1], len(truth) * BINS):
        gaps = (truth[:, part] - scores[:, part].astype(np.float64))[..., None]
        columns = np.zeros((*gaps.shape[:2], BINS))
        np.put_along_axis(columns, place_in_bins(scores[:, part])[..., None], gaps, axis=2)
        # The share of a bin times its gap: the size of the bin cancels.
        sums = weights @ columns.reshape(len(truth), gaps.shape[1] * BINS)
        errors = np.abs(sums.reshape(*weights.shape[:-1], gaps.shape[1], BINS)).sum(axis=-1)
        out[..., part] = ratio(errors, np.broadcast_to(total, errors.shape))
    return out


def bin_edges() -> np.ndarray:
    """Edges of the bins of probabilities, float64 [BINS + 1]."""
    return np.linspace(0, 1, BINS + 1)


def place_in_bins(probabilities: np.ndarray) -> np.ndarray:
    """Bin of each probability, 0 .. BINS - 1, same shape."""
    place = np.searchsorted(bin_edges(), probabilities.astype(np.float64), side="left") - 1
    return np.clip(place, 0, BINS - 1)


def unit_metrics(
    truth: np.ndarray, scores: np.ndarray, axis: int, known: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """All metrics of every label (axis 0) or every example (axis 1), float64, NaN where undefined.

    Parameters
    ----------
    truth, scores, axis
        As in `average_precision`.
    known
        bool of the same shape: which labels of which examples are known at all; the others are left out. None: all.
        Examples with unknown labels have no figures of their own: axis 0 only.

    Returns
    -------
    `auprc`, `auroc`, `accuracy`, `precision`, `recall`, `mcc` and, of labels, `ece`.
    """
    if known is not None and not known.all():
        if axis != 0:
            raise ValueError("examples with unknown labels have no figures of their own")
        parts = [(known[:, at], slice(at, at + 1)) for at in range(truth.shape[1])]
        each = [unit_metrics(truth[rows, part], scores[rows, part], axis=0) for rows, part in parts]
        return {name: np.concatenate([values[name] for values in each]) for name in each[0]}
    area_pr, area_roc = ranking_metrics(truth, scores, axis)
    decided = threshold_metrics(truth, scores, axis)._asdict()
    calibrated = {"ece": calibration_errors(truth, scores)} if axis == 0 else {}
    return {"auprc": area_pr, "auroc": area_roc, **decided, **calibrated}


def sides(shape: tuple[int, int], known: np.ndarray | None, example_noun: str, label_noun: str) -> dict[str, int]:
    """What gets figures of its own, with its axis: labels always, examples if all of their several labels are known."""
    whole = shape[1] > 1 and (known is None or bool(known.all()))
    return ({example_noun: 1} if whole else {}) | {label_noun: 0}


def multi_label_metrics(
    truth: np.ndarray, scores: np.ndarray, example_noun: str, label_noun: str, known: np.ndarray | None = None
) -> dict[str, tuple[float, int]]:
    """Every metric averaged over labels and, if there are several and all are known, over examples.

    Parameters
    ----------
    truth
        bool [examples, labels].
    scores
        Probabilities of the same shape.
    example_noun, label_noun
        First part of the metrics' names: `protein`, `term`.
    known
        As in `unit_metrics`.

    Returns
    -------
    `<noun>_<metric>` -> (mean over the units where the metric is defined, how many those are). Undefined units are
    left out, not scored 0; with no defined unit at all the value is NaN.
    """
    return {
        f"{noun}_{name}": mean_defined(values)
        for noun, axis in sides(truth.shape, known, example_noun, label_noun).items()
        for name, values in unit_metrics(truth, scores, axis, known).items()
    }


def mean_defined(values: np.ndarray) -> tuple[float, int]:
    """Mean over the values that are not NaN, and how many those are; (NaN, 0) where none is."""
    defined = values[~np.isnan(values)]
    return (float(defined.mean()), len(defined)) if len(defined) else (float("nan"), 0)


def check_pair(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth as bool and scores as they are.

    Raises
    ------
    ValueError
        If the shapes differ or are not two-dimensional, or a score is NaN or infinite.
    """
    truth, scores = np.asarray(truth, dtype=bool), np.asarray(scores)
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} must be two matrices of one shape")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return truth, scores


def blocks(units: int, items: int) -> list[slice]:
    """Slices over `units` of about `BLOCK_ITEMS` items each, at least one unit."""
    step = max(1, BLOCK_ITEMS // max(items, 1))
    return [slice(start, min(start + step, units)) for start in range(0, units, step)]


def _running_sums(values: np.ndarray, first: np.ndarray, totals: np.ndarray | float) -> np.ndarray:
    """Sums through each value, begun anew at `first`; `totals` are those of all parts but the last.

    Taking a part's total off where the next begins keeps sums, and so rounding, as small as within one part.
    """
    values = values.copy()
    values[first[1:]] -= totals
    return np.cumsum(values)


def ratio(above: np.ndarray, below: np.ndarray, fill: float = np.nan) -> np.ndarray:
    """`above / below`, and `fill` where `below` is not positive."""
    return np.divide(above, below, out=np.full(np.shape(above), fill), where=below > 0)
