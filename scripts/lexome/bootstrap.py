"""Confidence intervals: groups of test examples are resampled, alike for every model, and seeds above them.

What an interval here says: how far the figure would move on another test set of the same size (and, with
several seeds, with other training runs). It is a percentile interval of *centred* replicates.

Centring matters for per-label metrics. A resample repeats examples, repeated positives lift each other's
average precision, and labels whose few positives drop out are undefined in that replicate and left out of its
mean; so the replicates lie beside the estimate, and a mean over many labels has little spread to cover that.
On 150 simulated test sets of 400 examples and 268 labels (95 % intervals of term_auprc, 200 replicates) the
offset was about 2.7 standard errors; intervals held the expected figure of such a test set in 20 % of the
cases by plain percentiles, 21 % by the basic interval, which moves as far to the other side, 6 % by
bias-corrected percentiles, which run out of replicates, and 95 % by percentiles of replicates shifted to have
their mean at the estimate. The calibration error of classes is offset too, because the noise of every bin adds to it.
The alternatives: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13-14.

Where intervals err: with few examples (25 examples and 18 labels: 90 % for 95 %), and where a model is nearly
perfect, since resamples of what holds no mistake hold none either.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from lexome.metrics import (
    RankedScores,
    ThresholdMetrics,
    blocks,
    calibration_errors,
    ratio,
    sides,
    threshold_metrics,
    unit_metrics,
)
from lexome.multiclass import bin_columns, check_classes, class_columns, figures_from_sums

# Resamples of fewer groups hardly differ, and their intervals would pass chance off as certainty.
FEWEST_GROUPS = 10
# Resamples that are handled by one matrix product.
BATCH = 128
# Metrics (last part of the name) that reach from -1 to 1; all others are proportions.
SIGNED = {"mcc"}
# In bits: 0 is the best, and there is no worst.
UNBOUNDED = {"smin"}


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random generator that depends on the seed and the names alone, and on no order of calls."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def resample_groups(groups: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Draw as many groups as there are, with replacement, and count how often each example comes along.

    Parameters
    ----------
    groups
        Group of every example [n]; examples of one group (identical or similar sequences) are no independent
        evidence and are drawn together.
    replicates
        How many resamples, B.
    rng
        From `stream(seed, study, split, subset)`, which makes the resamples the same for every model.

    Returns
    -------
    uint16 [B, n].
    """
    names, member = np.unique(groups, return_inverse=True)
    counts = np.empty((replicates, len(member)), dtype=np.uint16)
    for replicate in counts:
        drawn = rng.integers(0, len(names), size=len(names))
        replicate[:] = np.bincount(drawn, minlength=len(names))[member]
    return counts


def multi_label_replicates(
    truth: np.ndarray,
    scores: np.ndarray,
    counts: np.ndarray,
    example_noun: str,
    label_noun: str,
    known: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """`multi_label_metrics` of every resample.

    A per-example metric of a resample is the weighted mean of the examples' values. A per-label metric is
    computed anew for every label and averaged over the labels that are defined in the resample. Not centred:
    see `centre`.

    Parameters
    ----------
    truth, scores, example_noun, label_noun, known
        As in `multi_label_metrics`.
    counts
        [B, examples], from `resample_groups`.

    Returns
    -------
    Metric name -> float64 [B]; NaN where a resample defines no unit.
    """
    out = {}
    for noun, axis in sides(truth.shape, known, example_noun, label_noun).items():
        if axis == 1:
            values = unit_metrics(truth, scores, axis=1)
            means = {name: _weighted_means(each, counts) for name, each in values.items()}
        else:
            means = _label_means(truth, scores, counts, known)
        out |= {f"{noun}_{name}": each for name, each in means.items()}
    return out


def multi_class_replicates(
    truth: np.ndarray, scores: np.ndarray, counts: np.ndarray, ids: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """`multi_class_metrics` of every resample, not centred.

    Everything but the ROC area follows from sums over examples, so one matrix product gives many resamples.

    Parameters
    ----------
    truth, scores, ids
        As in `multi_class_metrics`.
    counts
        [B, examples], from `resample_groups`.

    Returns
    -------
    Metric name -> float64 [B]; NaN where a resample does not define it.
    """
    truth, scores = check_classes(truth, scores)
    n_labels, ranked = truth.shape[1], RankedScores(truth.T, scores.T)
    columns = np.concatenate([class_columns(truth, scores), bin_columns(truth, scores)], axis=1)
    parts = []
    for weights in _batches(counts):
        of_class, of_bin = np.split(weights @ columns, [3 * n_labels], axis=1)
        hits, chosen, true = np.split(of_class, 3, axis=1)
        _, right, confidence = np.split(of_bin, 3, axis=1)
        figures, total = figures_from_sums(hits, chosen, true), weights.sum(axis=1)
        areas = np.array([ranked.measure(row)[1] for row in weights])
        part = {
            "accuracy": ratio(hits.sum(axis=1), total),
            "balanced_accuracy": _row_means(figures.recall),
            "macro_f1": _row_means(figures.f1),
            "macro_auroc": _row_means(areas),
            # The share of a bin times its gap: the size of the bin cancels.
            "ece": ratio(np.abs(right - confidence).sum(axis=1), total),
            **figures.weighted(true),
        }
        for place, name in enumerate(ids):
            part |= {f"{name}_precision": figures.precision[:, place], f"{name}_recall": figures.recall[:, place]}
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def centre_all(
    replicates: Mapping[str, np.ndarray], estimates: Mapping[str, tuple[float, int]]
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Replicates [B] of every metric moved onto its estimate, and how far each was moved (NaN: undefined)."""
    moved = {}
    for name, values in replicates.items():
        kind = name.split("_")[-1]
        reach = (-1.0 if kind in SIGNED else 0.0, np.inf if kind in UNBOUNDED else 1.0)
        moved[name] = centre(values, estimates[name][0], *reach)
    return {name: values for name, (values, _) in moved.items()}, {name: by for name, (_, by) in moved.items()}


def centre(replicates: np.ndarray, estimate: float, least: float = 0.0, most: float = 1.0) -> tuple[np.ndarray, float]:
    """Shift replicates of a figure so that their mean is the estimate; see the module's text for why.

    Parameters
    ----------
    replicates
        [B]; NaN are left out of the mean and stay NaN.
    estimate
        The figure on the whole test set; NaN makes every replicate NaN.
    least, most
        The least and the greatest value that the figure can have.

    Returns
    -------
    The shifted replicates, cut to `least`..`most`, and the shift.
    """
    if np.isnan(replicates).all():
        return replicates, float("nan")
    shift = estimate - float(np.nanmean(replicates))
    return np.clip(replicates + shift, least, most), shift


def interval(replicates: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the replicates [B] that are not NaN; (NaN, NaN) where there are none."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def combine_seeds(replicates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean over seeds in every replicate, the seeds themselves drawn with replacement.

    The spread then holds both sources: test examples (all seeds of a replicate share its resample) and
    training runs. With S seeds the drawn part is (S - 1)/S of the variance between seeds, so it errs low for
    few seeds.

    Parameters
    ----------
    replicates
        [S, B], row s from the run with the s-th seed; the same resamples in every row.
    rng
        From `stream(seed, *seeds)` with the names of the S seeds: runs of two models with the same seeds are then drawn
        alike, so that what a seed does to both cancels in their difference.

    Returns
    -------
    float64 [B]; for one seed its own replicates.
    """
    drawn = rng.integers(0, len(replicates), size=replicates.shape)
    return np.take_along_axis(replicates, drawn, axis=0).mean(axis=0)


def paired_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Replicates of `first - second` [B]; what both gain or lose by a resample cancels.

    Raises
    ------
    ValueError
        If there are not equally many replicates.
    """
    if first.shape != second.shape:
        raise ValueError(f"replicates of different shapes: {first.shape} and {second.shape}")
    return first - second


def sign_p_value(replicates: np.ndarray) -> float:
    """Two-sided p-value of "no difference": how often resamples of a difference do not bear its sign out.

    It is twice the smaller share of replicates on either side of 0, so that it falls below 1 - level where the
    percentile interval leaves 0 out. The observed figure counts as one resample (Davison and Hinkley, Bootstrap
    Methods and their Application, 1997, ch. 4): with B replicates no p-value is below 2 / (B + 1).

    Parameters
    ----------
    replicates
        Of a difference, [B], centred on it; NaN are left out.

    Returns
    -------
    0..1; NaN where there are no replicates.
    """
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return float("nan")
    fewest = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (1 + fewest) / (1 + len(defined))))


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values [n] adjusted for being one family (Holm, Scand. J. Statist. 6, 1979), whatever depends on what.

    Calling those of at most alpha differences errs anywhere in the family with a chance of at most alpha. NaN stay NaN
    and do not count.
    """
    adjusted = np.array(p_values, dtype=np.float64)
    defined = np.flatnonzero(~np.isnan(adjusted))
    ranked = defined[np.argsort(adjusted[defined], kind="stable")]
    steps = adjusted[ranked] * np.arange(len(ranked), 0, -1)
    adjusted[ranked] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def _weighted_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of the defined values [n] under each set of counts [B, n]."""
    defined = ~np.isnan(values)
    columns = np.stack([np.where(defined, values, 0.0), defined], axis=1)
    total, weight = np.concatenate([part @ columns for part in _batches(counts)]).T
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


def _label_means(
    truth: np.ndarray, scores: np.ndarray, counts: np.ndarray, known: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Per-label metrics, weighted by each set of counts and averaged over labels."""
    names = ("auprc", "auroc", *ThresholdMetrics._fields, "ece")
    total, defined = np.zeros((2, len(names), len(counts)))
    # Labels that are known of different examples are measured one by one.
    parts = [(slice(None), part) for part in blocks(truth.shape[1], len(truth))]
    if known is not None and not known.all():
        parts = [(known[:, at], slice(at, at + 1)) for at in range(truth.shape[1])]
    for rows, part in parts:
        true, scored = truth[rows, part], scores[rows, part]
        ranked = RankedScores(true.T, scored.T)
        start = 0
        for batch in _batches(counts[:, rows]):
            decided = threshold_metrics(true, scored, axis=0, weights=batch)
            curves = np.array([ranked.measure(weights) for weights in batch]).swapaxes(0, 1)
            for row, values in enumerate([*curves, *decided, calibration_errors(true, scored, batch)]):
                total[row, start : start + len(batch)] += np.nansum(values, axis=1)
                defined[row, start : start + len(batch)] += (~np.isnan(values)).sum(axis=1)
            start += len(batch)
    means = np.divide(total, defined, out=np.full(total.shape, np.nan), where=defined > 0)
    return dict(zip(names, means, strict=True))


def _row_means(values: np.ndarray) -> np.ndarray:
    """Mean of the defined values of each row of [B, L]; NaN for a row without any."""
    return ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))


def _batches(counts: np.ndarray):
    """`counts` as float64, `BATCH` resamples at a time."""
    for start in range(0, len(counts), BATCH):
        yield counts[start : start + BATCH].astype(np.float64)
