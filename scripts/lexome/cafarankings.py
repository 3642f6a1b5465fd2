"""Areas under precision-recall and ROC curves over a whole ontology, from sparse matrices.

Definitions are scikit-learn's (`average_precision_score`, `roc_auc_score`), ties included, on the dense matrix
that nobody has to make: all pairs without a score are one tie at 0, whose share is known without looking at them.
"""

import numpy as np
from scipy import sparse

from lexome.cafacurves import BLOCK_VALUES, check_pair, match
from lexome.metrics import ratio

# Scores are cut into so many bins for the replicates of the micro-averaged area.
MICRO_BINS = 512


class SparseRanking:
    """The items of many units sorted by score once; a set of item weights then costs a gather and a few sums.

    Parameters
    ----------
    truth
        Boolean sparse [units, items].
    scores
        Sparse [units, items], >= 0; absent pairs are one tie group at 0.
    """

    def __init__(self, truth: sparse.sparray, scores: sparse.sparray) -> None:
        self._truth, scores = check_pair(truth, scores)
        self.units, self.items = self._truth.shape
        matched = match(self._truth, scores)
        order = np.lexsort((-matched.score, matched.row))
        unit, score, self._positive = matched.row[order], matched.score[order], matched.true[order]
        self._item = matched.column[order]
        begins = np.ones(len(unit), dtype=bool)
        begins[1:] = unit[1:] != unit[:-1]
        opens = begins.copy()
        opens[1:] |= score[1:] != score[:-1]
        # Ties without a positive count only in sum: those between two hits become one segment.
        ties = np.flatnonzero(opens)
        hit = np.add.reduceat(self._positive, ties, dtype=np.int64) > 0 if len(ties) else np.zeros(0, dtype=bool)
        kept = hit | begins[ties]
        kept[1:] |= hit[:-1]
        starts = ties[kept]
        self._segment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(unit))))
        self._unit = unit[starts]
        self._hits = np.flatnonzero(hit[kept])
        self._unit_of_entry = unit
        self._first = np.searchsorted(self._unit, np.arange(self.units))  # of every unit; may be that of the next

    def measure(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Average precision and area under the ROC curve of every unit.

        Parameters
        ----------
        weights
            Not negative, of the items [items]; default 1. Whole numbers give what repeating the items would give.

        Returns
        -------
        average_precision, roc_auc
            float64 [units], NaN without positives or, for the area, without negatives.
        """
        weights = np.ones(self.items) if weights is None else np.asarray(weights, dtype=np.float64)
        given, segments = weights[self._item], len(self._unit)
        size = np.bincount(self._segment, given, minlength=segments)
        true = np.bincount(self._segment[self._positive], given[self._positive], minlength=segments)
        through, true_through = self._within(size)[self._hits], self._within(true)[self._hits]
        unit, size, true = self._unit[self._hits], size[self._hits], true[self._hits]

        total, positives = weights.sum(), self._truth @ weights
        negatives = total - positives
        missed = positives - np.bincount(unit, true, minlength=self.units)
        scored = np.bincount(self._unit_of_entry, given, minlength=self.units)

        precise = np.bincount(unit, true * ratio(true_through, through, 0.0), minlength=self.units)
        precision = ratio(precise + missed * ratio(positives, np.full(self.units, total), 0.0), positives)

        below = negatives[unit] - (through - true_through) + 0.5 * (size - true)
        false_unscored = total - scored - missed
        pairs = np.bincount(unit, true * below, minlength=self.units) + missed * 0.5 * false_unscored
        negatives = np.where(negatives > 1e-12 * positives, negatives, 0.0)
        return precision, ratio(pairs, positives * negatives)

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Sums through each segment, begun anew at every unit."""
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return sums[1:] - sums[self._first[self._unit]]


def micro_average_precision(truth: sparse.sparray, scores: sparse.sparray, counted: np.ndarray | None = None) -> float:
    """Average precision of all pairs of a protein with any true term and a counted term, ranked together.

    Parameters
    ----------
    truth, scores
        Sparse [P, N] as in `SparseRanking`.
    counted
        Terms that count where not 0, [N]; default all.

    Returns
    -------
    0..1; NaN without a true pair.
    """
    truth, scores = check_pair(truth, scores)
    counted = np.ones(truth.shape[1], dtype=bool) if counted is None else np.asarray(counted) > 0
    matched = match(truth, scores)
    target = np.diff(truth.indptr) > 0
    usable = counted[matched.column] & target[matched.row]
    score, true = matched.score[usable], matched.true[usable]
    order = np.argsort(-score)
    score, true = score[order], true[order]
    last = np.ones(len(score), dtype=bool)
    last[:-1] = score[1:] != score[:-1]
    through, hits = np.flatnonzero(last) + 1.0, np.cumsum(true)[last].astype(np.float64)
    positives, pairs = float(counted[truth.indices].sum()), float(target.sum() * counted.sum())
    gained = np.diff(hits, prepend=0.0)
    missed = positives - hits[-1] if len(hits) else positives
    if positives == 0:
        return float("nan")
    return float((gained @ (hits / through) + missed * positives / pairs) / positives)


def micro_replicates(
    truth: sparse.sparray, scores: sparse.sparray, counts: np.ndarray, counted: np.ndarray | None = None
) -> np.ndarray:
    """`micro_average_precision` of resamples of the proteins, to within the width of a bin of scores.

    Scores are cut at quantiles of the true pairs' scores into `MICRO_BINS` bins, which rank as ties; with fewer
    distinct scores the figures are exact. The rest is sums over proteins: a product of matrices.

    Parameters
    ----------
    truth, scores, counted
        As in `micro_average_precision`.
    counts
        [B, P], from `resample_groups`.

    Returns
    -------
    float64 [B]; NaN where a resample holds no true pair.
    """
    truth, scores = check_pair(truth, scores)
    counted = np.ones(truth.shape[1], dtype=bool) if counted is None else np.asarray(counted) > 0
    target = np.diff(truth.indptr) > 0
    edges = _edges(truth, scores)
    width = len(edges) + 1
    sums = np.zeros((len(counts), 2 * width))
    rows = max(1, BLOCK_VALUES // (2 * width))
    for start in range(0, truth.shape[0], rows):
        part = slice(start, start + rows)
        drawn = counts[:, part] * target[part].astype(np.float64)
        matched, own = match(truth[part], scores[part]), drawn.shape[1]
        # The highest bin comes first; pairs without a score are the last.
        place = len(edges) - np.searchsorted(edges, matched.score, side="right")
        cell = matched.row.astype(np.int64) * width + place
        usable = counted[matched.column]
        true = np.bincount(cell[usable & matched.true], minlength=own * width).reshape(own, width)
        every = np.bincount(cell[usable], minlength=own * width).reshape(own, width)
        true[:, -1] += np.bincount(matched.missed_row[counted[matched.missed_column]], minlength=own)
        every[:, -1] = counted.sum() - every[:, :-1].sum(axis=1)
        sums += drawn @ np.concatenate([true, every], axis=1).astype(np.float64)
    true, every = np.split(sums, 2, axis=1)
    precision = ratio(np.cumsum(true, axis=1), np.cumsum(every, axis=1), 0.0)
    return ratio((true * precision).sum(axis=1), true.sum(axis=1))


def _edges(truth: sparse.csr_array, scores: sparse.csr_array) -> np.ndarray:
    """The lowest score of each bin, rising."""
    distinct = np.unique(scores.data)
    if len(distinct) <= MICRO_BINS:
        return distinct
    matched = match(truth, scores)
    of = matched.score[matched.true] if matched.true.any() else matched.score
    inner = np.quantile(of, np.linspace(0, 1, MICRO_BINS), method="lower")
    return np.unique(np.append(inner, distinct[0]))
