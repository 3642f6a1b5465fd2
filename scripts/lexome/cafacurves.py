"""CAFA's curves: precision, recall, remaining uncertainty and misinformation over thresholds, from sparse matrices.

Definitions: Jiang et al., Genome Biology 17, 184 (2016), as CAFA-evaluator computes them (Piovesan et al.,
Bioinformatics Advances, 2024; PyPI `cafaeval` 1.3.0). With weights w (1, or a term's information accretion), at
threshold tau, sums over terms: tp, fp and fn of every protein weigh w. Then over proteins

- `pr` is the mean of tp / (tp + fp) over the n proteins with any predicted weight, `rc` that of tp / (tp + fn), `f`
  their harmonic mean; `ru` is the mean of fn, `mi` of fp, s = sqrt(ru^2 + mi^2);
- `cafa` divides `pr` by n and everything else by all proteins, `pred` all by n, `gold` all by all proteins;
- `pr_micro`, `rc_micro` and `f_micro` come from the sums of tp, fp and fn.

Conventions that surprise, kept because published figures have them: a prediction is `score >= tau` on the grid
`arange(step, 1, step)`, whose values are not quite the decimals (the 29th is .29000000000000004, above .29), so a score
of 1 and one of .99 are alike and nothing below the first threshold is ever predicted; the grid's best is taken among
thresholds where some protein has a prediction, so "predict nothing" does not compete for Smin; a protein with no
counted truth (only the root, where roots do not count) still is one of all proteins, with recall 0.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from lexome.accretion import plain_csr
from lexome.metrics import ratio

STEP = 0.01
NORMALISATIONS = ("cafa", "pred", "gold")
# Values of a block of proteins x thresholds (8 MB of float64), so that memory does not grow with the data.
BLOCK_VALUES = 1 << 20
SUMS = ("n", "tp", "fp", "fn", "pr", "rc")


class Curves(NamedTuple):
    """Figures at every threshold; float64 [K], or [B, K] of B resamples."""

    tau: np.ndarray
    n: np.ndarray  # proteins with a predicted weight
    tp: np.ndarray  # mean weights of a protein
    fp: np.ndarray
    fn: np.ndarray
    pr: np.ndarray
    rc: np.ndarray
    cov: np.ndarray  # n / all proteins
    mi: np.ndarray
    ru: np.ndarray
    f: np.ndarray
    s: np.ndarray
    pr_micro: np.ndarray
    rc_micro: np.ndarray
    f_micro: np.ndarray


class ThresholdSums(NamedTuple):
    """Sums over proteins at every threshold: [6, K] in the order of `SUMS`, or [B, 6, K]; and proteins, 0-d or [B]."""

    sums: np.ndarray
    proteins: np.ndarray
    tau: np.ndarray


class Matched(NamedTuple):
    """The scored pairs of some proteins beside the true ones."""

    row: np.ndarray  # of every scored pair
    column: np.ndarray
    score: np.ndarray
    true: np.ndarray  # bool
    missed_row: np.ndarray  # of every true pair without a score
    missed_column: np.ndarray


def thresholds(step: float = STEP) -> np.ndarray:
    """cafaeval's grid of thresholds; ValueError unless 0 < step < 1."""
    if not 0 < step < 1:
        raise ValueError(f"step must lie between 0 and 1, not {step}")
    return np.arange(step, 1, step)


def check_pair(truth: sparse.sparray, scores: sparse.sparray) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Both as canonical CSR, truth boolean.

    Raises
    ------
    ValueError
        If the shapes differ, or a score is negative, infinite or NaN.
    """
    truth, scores = plain_csr(truth.astype(bool)), plain_csr(scores)
    if truth.shape != scores.shape:
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} must have one shape")
    if not np.isfinite(scores.data).all():
        raise ValueError("scores must be finite")
    return truth, scores


def match(truth: sparse.csr_array, scores: sparse.csr_array) -> Matched:
    """Which scored pairs are true and which true pairs have no score; canonical CSR of one shape."""
    row = np.repeat(np.arange(scores.shape[0], dtype=np.int32), np.diff(scores.indptr))
    own = np.repeat(np.arange(truth.shape[0], dtype=np.int32), np.diff(truth.indptr))
    keys = row.astype(np.int64) * scores.shape[1] + scores.indices
    wanted = own.astype(np.int64) * truth.shape[1] + truth.indices
    place = np.searchsorted(keys, wanted)
    found = place < len(keys)
    found[found] = keys[place[found]] == wanted[found]
    true = np.zeros(len(keys), dtype=bool)
    true[place[found]] = True
    return Matched(row, scores.indices, scores.data, true, own[~found], truth.indices[~found])


def threshold_sums(
    truth: sparse.sparray,
    scores: sparse.sparray,
    weights: np.ndarray,
    counts: np.ndarray | None = None,
    step: float = STEP,
) -> list[ThresholdSums]:
    """What all curves are made of, for several weightings of the terms and many resamples of the proteins at once.

    Proteins without any true term are no targets and are left out, as cafaeval does not know them.

    Parameters
    ----------
    truth
        Boolean sparse [P, N], propagated.
    scores
        Sparse [P, N], made consistent, >= 0; absent pairs score 0.
    weights
        Not negative, [N], or [W, N] for W weightings: `Aspect.counted` or `weights_of`. Terms of weight 0 do not exist.
    counts
        How often each protein comes along, [P], or [B, P] for B resamples (`resample_groups`); default once.
    step
        Between thresholds.

    Returns
    -------
    One `ThresholdSums` a weighting.
    """
    truth, scores = check_pair(truth, scores)
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    tau = thresholds(step)
    width, leading = len(SUMS) * len(tau), () if counts is None else counts.shape[:-1]
    sums = np.zeros((len(weights), *leading, width))
    target = np.diff(truth.indptr) > 0
    rows = max(1, BLOCK_VALUES // width)
    for start in range(0, truth.shape[0], rows):
        part = slice(start, start + rows)
        own = target[part].astype(np.float64)
        matched = match(truth[part], scores[part])
        level = np.searchsorted(tau, matched.score, side="right")
        for weighting, weight in enumerate(weights):
            parts = _protein_sums(matched, level, weight, len(own), len(tau)) * own[:, None]
            # A plain sum rounds alike at every threshold: equal thresholds stay equal, and the first is the best.
            sums[weighting] += parts.sum(axis=0) if counts is None else counts[..., part].astype(np.float64) @ parts
    proteins = np.asarray(target.sum() if counts is None else counts @ target.astype(np.float64), dtype=np.float64)
    shape = (*leading, len(SUMS), len(tau))
    return [ThresholdSums(each.reshape(shape), proteins, tau) for each in sums]


def _protein_sums(matched: Matched, level: np.ndarray, weights: np.ndarray, rows: int, levels: int) -> np.ndarray:
    """Every protein's part of the sums, float64 [rows, 6 * levels].

    `level` is how many thresholds a pair's score reaches. Sums run from above (predicted) and from below (missed), and
    nothing is subtracted: what is nothing stays exactly 0.
    """
    size, place = rows * (levels + 1), matched.row.astype(np.int64) * (levels + 1) + level
    value = weights[matched.column]
    true, false = (
        _totals(place[mask], value[mask], size).reshape(rows, levels + 1) for mask in (matched.true, ~matched.true)
    )
    true[:, 0] += _totals(matched.missed_row, weights[matched.missed_column], rows)
    tp, fp = (np.cumsum(each[:, :0:-1], axis=1)[:, ::-1] for each in (true, false))
    fn = np.cumsum(true[:, :-1], axis=1)
    predicted = tp + fp
    carried = np.broadcast_to(true.sum(axis=1, keepdims=True), tp.shape)
    parts = ((predicted > 0).astype(np.float64), tp, fp, fn, ratio(tp, predicted, 0.0), ratio(tp, carried, 0.0))
    return np.concatenate(parts, axis=1)


def _totals(place: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Sums of the values at each place, float64 [size]; `bincount` gives integers where there is no value."""
    return np.bincount(place, values, minlength=size).astype(np.float64, copy=False)


def curves(sums: ThresholdSums, normalisation: str = "cafa") -> Curves:
    """Curves from sums, see the module's text; leading dimensions (resamples) are kept."""
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"normalisation must be one of {', '.join(NORMALISATIONS)}, not {normalisation!r}")
    n, *rest = np.moveaxis(sums.sums, -2, 0)
    everyone = np.broadcast_to(sums.proteins[..., None], n.shape)
    by = dict.fromkeys(SUMS[1:], n if normalisation == "pred" else everyone)
    if normalisation == "cafa":
        by["pr"] = n
    tp, fp, fn, pr, rc = (ratio(each, by[name], 0.0) for name, each in zip(SUMS[1:], rest, strict=True))
    pr_micro, rc_micro = ratio(tp, tp + fp, 0.0), ratio(tp, tp + fn, 0.0)
    return Curves(
        tau=sums.tau,
        n=n,
        tp=tp,
        fp=fp,
        fn=fn,
        pr=pr,
        rc=rc,
        cov=ratio(n, everyone, 0.0),
        mi=fp,
        ru=fn,
        f=harmonic(pr, rc),
        s=np.sqrt(fn**2 + fp**2),
        pr_micro=pr_micro,
        rc_micro=rc_micro,
        f_micro=harmonic(pr_micro, rc_micro),
    )


def harmonic(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Harmonic mean, 0 where both are 0."""
    return ratio(2 * first * second, first + second, 0.0)


def best_at(values: np.ndarray, covered: np.ndarray, lowest: bool = False) -> np.ndarray:
    """Place of the first best value along the last axis among the covered ones; -1 where nothing is covered.

    Parameters
    ----------
    values
        float64 [..., K], for instance `Curves.f`.
    covered
        bool of the same shape: thresholds that compete. cafaeval takes the *unweighted* coverage (> 0, roots counted
        or not as for the unweighted figures) for weighted figures too.
    lowest
        The lowest is best (S).
    """
    worst = np.inf if lowest else -np.inf
    ranked = np.where(covered, values, worst)
    place = ranked.argmin(axis=-1) if lowest else ranked.argmax(axis=-1)
    return np.where(covered.any(axis=-1), place, -1)


def best(values: np.ndarray, covered: np.ndarray, lowest: bool = False) -> np.ndarray:
    """The value at `best_at`, float64 [...]; NaN where nothing is covered."""
    place = best_at(values, covered, lowest)
    found = np.take_along_axis(values, np.maximum(place, 0)[..., None], axis=-1)[..., 0]
    return np.where(place >= 0, found, np.nan)
