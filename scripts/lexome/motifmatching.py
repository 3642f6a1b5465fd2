"""Motifs compared with known ones: TOMTOM with complete scores.

Two motifs are laid over each other at every offset that leaves one shared column at least, on either strand. A pair of
columns scores minus the Euclidean distance of their letter probabilities, less the median of that query column's scores
against all columns of the known motifs; query columns that nothing lies over score that median, 0. The p-value of a
target is the chance that columns drawn from all known motifs reach its best sum at one of the offsets that a target of
its length has, the offsets taken as independent, and twice that for two strands (Gupta et al., Genome Biol 8, R24
(2007); Tanaka et al., Bioinformatics 27, 1603-1609 (2011)).

It differs from TOMTOM in what columns count. Columns of known motifs are not drawn one by one: nearly flat ones stand
together, at the ends and in the gaps of long motifs, and any long blurred query is near to such a stretch, by a sum
that single draws hardly reach. So two columns of less than `FLOOR` bits each score 0 on each other, as if nothing lay
there, and an offset is tried only where `FEWEST_SHARED` pairs have `FLOOR` bits in both columns. The median is taken
over the known columns of `FLOOR` bits.

Everything is an array operation here: a comparison with a thousand known motifs takes a fraction of a second, while
libraries that compile the dynamic programme when it is first used spend most of a minute on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import false_discovery_control

from lexome.motifs import information

BINS = 100  # steps between the lowest and the highest score of a pair of columns
FLOOR = 0.5  # bits from which a column is informative
FEWEST_SHARED = 4  # informative columns that must lie on informative ones


@dataclass(frozen=True)
class Matches:
    """A motif against each of n known ones.

    Attributes
    ----------
    p
        float64, shape (n,).
    q
        float64, shape (n,): the false discovery rate if this target and all better ones are called matches (Benjamini
        and Hochberg, J R Statist Soc B 57, 289-300 (1995), over the n targets).
    strand
        int64, shape (n,): 1 where the target's own direction matches best, -1 where its reverse complement does.
    offset
        int64, shape (n,): where the target's first column, in that direction, lies on the query (0: on its first).
    """

    p: np.ndarray
    q: np.ndarray
    strand: np.ndarray
    offset: np.ndarray


def match(
    query: np.ndarray, targets: Sequence[np.ndarray], floor: float = FLOOR, fewest: int = FEWEST_SHARED
) -> Matches:
    """Compare a motif with known ones.

    Parameters
    ----------
    query
        Letter probabilities A, C, G, T, shape (width, 4).
    targets
        The same of the known motifs, n of them, of any widths. Their columns are the background: with few targets
        (below about 50) p-values depend on which these are.
    floor, fewest
        Bits from which a column is informative, and how many of those must lie on one another; with 0 and 1 this is
        TOMTOM.
        A target that shares fewer at every offset has p-value 1 and offset 0.

    Raises
    ------
    ValueError
        If there is no target.
    """
    if not targets:
        raise ValueError("there is no known motif to compare with")
    both = [*targets, *(target[::-1, ::-1] for target in targets)]
    widths = np.array([len(target) for target in both])
    columns = np.concatenate(both)
    asked, shown = information(query)[:, None] >= floor, information(columns) >= floor
    shared = asked & shown
    scores = -cdist(query, columns)
    if shown.any():
        scores -= np.median(scores[:, shown], axis=1, keepdims=True)
    scores[~asked & ~shown] = 0
    step = (scores.max() - scores.min()) / BINS or 1.0
    levels = np.rint(scores / step).astype(np.int64)
    logs = _log_below(levels)
    ends = widths.cumsum()
    p, offset = np.empty(len(both)), np.empty(len(both), dtype=np.int64)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        own = ends[rows, None] - width + np.arange(width)
        parts = (table[:, own].transpose(1, 0, 2) for table in (levels, shared))
        p[rows], offset[rows] = _best(*parts, fewest, levels.min() * len(query), logs)
    p, offset = p.reshape(2, -1), offset.reshape(2, -1)
    turned = (p[1] < p[0]).astype(np.int64)
    nearer = p.min(axis=0)
    either = nearer * (2 - nearer)  # 1 - (1 - p)^2
    chosen = np.take_along_axis(offset, turned[None], axis=0)[0]
    return Matches(either, false_discovery_control(either, method="bh"), 1 - 2 * turned, chosen)


def _log_below(levels: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """For each span of query columns [first, last): log P(its sum < s) for columns drawn at random.

    Parameters
    ----------
    levels
        int, shape (width, columns): scores of the query columns against all known columns.

    Returns
    -------
    Arrays over s from width * lowest to width * highest level.
    """
    width, lowest = len(levels), int(levels.min())
    single = int(levels.max()) - lowest + 1
    chances = [np.bincount(row - lowest, minlength=single) / levels.shape[1] for row in levels]
    size = width * (single - 1) + 1
    logs = {}
    for first in range(width):
        span = np.ones(1)
        for last in range(first, width):
            span = np.convolve(span, chances[last])
            # Columns outside of the span add 0, which is place -lowest of a column's levels.
            start = -(width - (last - first + 1)) * lowest
            tail = np.zeros(size)
            tail[start : start + len(span)] = span
            reached = np.minimum(tail[::-1].cumsum()[::-1], 1.0)
            with np.errstate(divide="ignore"):
                logs[first, last + 1] = np.log1p(-reached)
    return logs


def _best(
    levels: np.ndarray, shared: np.ndarray, fewest: int, base: int, logs: dict[tuple[int, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """P-value and offset of the best alignment with each of n targets of one width.

    Parameters
    ----------
    levels
        Shape (n, query width, target width).
    shared
        bool, the same shape: where both columns are informative.
    base
        The sum that place 0 of `logs` stands for.
    """
    n, width, other = levels.shape
    flat, shared = levels.reshape(n, -1), shared.reshape(n, -1)
    offsets = np.arange(1 - other, width)
    spans = [(max(0, offset), min(width, offset + other)) for offset in offsets]
    sums, tried = np.empty((n, len(offsets)), dtype=np.int64), np.empty((n, len(offsets)), dtype=bool)
    for place, (offset, (first, last)) in enumerate(zip(offsets, spans, strict=True)):
        on = np.arange(first, last)
        pairs = on * other + on - offset
        sums[:, place] = flat[:, pairs].sum(axis=1)
        tried[:, place] = shared[:, pairs].sum(axis=1) >= fewest
    best = np.where(tried, sums, np.iinfo(np.int64).min).argmax(axis=1)
    reached = sums[np.arange(n), best] - base
    none_reaches = np.zeros(n)
    for place, span in enumerate(spans):
        none_reaches += np.where(tried[:, place], logs[span][reached], 0)
    p = np.where(tried.any(axis=1), -np.expm1(none_reaches), 1.0)
    return np.maximum(p, np.finfo(float).tiny), np.where(tried.any(axis=1), offsets[best], 0)
