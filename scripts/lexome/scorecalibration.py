"""From scores to probabilities: isotonic regression on valid, pooled over labels, and how far to trust it.

Isotonic regression (Zadrozny and Elkan, KDD 2002) is the non-decreasing function of the score that fits the labels
best; pooling serves labels too rare for a curve of their own. It keeps the order of scores, so a parent stays at
least as probable as its children. Probabilities are those of being *labelled*: annotations are incomplete, and what is
true and not annotated counts as false in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from lexome.labelcalibration import micro_calibration_error, reliability

FOLDS = 5
# Of the bins of probability whose share of labelled pairs is told.
EDGES = (0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Calibration:
    """A non-decreasing function of the score, linear between its knots and flat beyond them.

    Attributes
    ----------
    scores, probabilities
        The knots, float64, ascending, the same shape.
    """

    scores: np.ndarray
    probabilities: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities, float64, of scores of any shape."""
        return np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.probabilities)


def fit(scores: np.ndarray, truth: np.ndarray) -> Calibration:
    """Fit a calibration to pairs of an example and a label.

    One more pair at the highest score that is not labelled, and one at the lowest that is, keep probabilities off 0
    and 1: of k pairs at the top that are all labelled, the probability is k / (k + 1).

    Parameters
    ----------
    scores, truth
        Float and bool, shape (n_pairs,), pairs that are known only.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not len(scores):
        raise ValueError("no pair to calibrate on")
    own = np.concatenate([scores, [scores.max(), scores.min()]])
    labels = np.concatenate([np.asarray(truth, dtype=np.float64), [0.0, 1.0]])
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(own, labels)
    return Calibration(model.X_thresholds_.astype(np.float64), model.y_thresholds_.astype(np.float64))


def cross_fitted(
    scores: np.ndarray, truth: np.ndarray, known: np.ndarray, groups: Sequence, rng: np.random.Generator
) -> np.ndarray:
    """Probabilities of examples by calibrations that have not seen their groups.

    Parameters
    ----------
    scores, truth, known
        Shape (n, n_labels).
    groups
        Group of each example, length n; dealt out to `FOLDS` folds.

    Returns
    -------
    numpy.ndarray
        float64, shape (n, n_labels).
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return fit(scores[known], truth[known])(scores)
    fold = (rng.permutation(len(names)) % min(FOLDS, len(names)))[place]
    found = np.empty(scores.shape, dtype=np.float64)
    for own in np.unique(fold):
        others = known & (fold != own)[:, None]
        found[fold == own] = fit(scores[others], truth[others])(scores[fold == own])
    return found


def calibration_check(scores: np.ndarray, probabilities: np.ndarray, truth: np.ndarray) -> dict:
    """What calibration does on pairs that it was not fitted on.

    Parameters
    ----------
    scores, probabilities, truth
        Shape (n_pairs,).

    Returns
    -------
    dict
        `pairs`, `labelled`, expected calibration error (bins of equally many pairs, see `labelcalibration`) and Brier
        score of both: `ece_before`, `ece_after`, `brier_before`, `brier_after`. Nearly all pairs are improbable, and
        the errors are theirs; so `reliability` has `from`, `pairs`, `mean_probability` and `labelled` (a share) of each
        bin of `EDGES` that holds any.
    """
    told: dict = {"pairs": len(truth), "labelled": int(truth.sum())}
    for name, values in (("before", scores), ("after", probabilities)):
        own = np.asarray(values, dtype=np.float64)
        told[f"ece_{name}"] = micro_calibration_error(reliability(truth[:, None], own[:, None]))
        told[f"brier_{name}"] = float(np.mean((own - truth) ** 2))
    place = np.digitize(probabilities, EDGES) - 1
    told["reliability"] = [
        {
            "from": edge,
            "pairs": int(own.sum()),
            "mean_probability": round(float(probabilities[own].mean()), 4),
            "labelled": round(float(truth[own].mean()), 4),
        }
        for edge, own in ((edge, place == at) for at, edge in enumerate(EDGES))
        if own.any()
    ]
    return told


def precision_above(
    probabilities: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
    groups: Sequence,
    threshold: float,
    replicates: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, float | int | None]:
    """How many of the pairs from `threshold` on are labelled; the interval resamples groups, whose pairs hang together.

    Parameters
    ----------
    probabilities, truth, known
        Shape (n, n_labels).
    groups
        Length n.

    Returns
    -------
    dict
        `pairs`, `labelled`, `precision`, `low`, `high` (percentiles; None without pairs) and `mean_probability`.
    """
    high = known & (probabilities >= threshold)
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    n_groups = int(place.max(initial=-1)) + 1
    pairs = np.bincount(place, high.sum(axis=1), n_groups)
    labelled = np.bincount(place, (high & truth.astype(bool)).sum(axis=1), n_groups)
    told: dict[str, float | int | None] = {"pairs": int(pairs.sum()), "labelled": int(labelled.sum())}
    if not pairs.sum():
        return told | dict.fromkeys(("precision", "low", "high", "mean_probability"))
    drawn = []
    for _ in range(replicates):
        counts = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        if total := counts @ pairs:
            drawn.append(counts @ labelled / total)
    low, top = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if drawn else (np.nan, np.nan)
    return told | {
        "precision": float(labelled.sum() / pairs.sum()),
        "low": float(low),
        "high": float(top),
        "mean_probability": float(probabilities[high].mean()),
    }
