"""Metrics of predictions where every example has exactly one class; `bootstrap` has their replicates.

The predicted class is the one with the highest probability, the first of them at a tie. Definitions are
scikit-learn's (`accuracy_score`, `balanced_accuracy_score`, `precision_recall_fscore_support`, `roc_auc_score` with
`multi_class="ovr"`), but a figure that is undefined is NaN here, and left out of means, never scored 0.

Calibration is the expected calibration error of Guo et al. (On Calibration of Modern Neural Networks, ICML 2017): the
highest probability of each example falls into one of 15 bins of equal width, closed above; the error is the mean over
examples of the distance between the accuracy and the mean of these probabilities in their bin.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lexome.metrics import BINS, bin_edges, check_pair, mean_defined, place_in_bins, ratio, roc_auc


class ClassFigures(NamedTuple):
    """Figures of every class; float64 [L] or, for many sets of weights, [B, L]; NaN where undefined."""

    precision: np.ndarray  # NaN where the class is never predicted
    recall: np.ndarray  # NaN where the class has no example
    f1: np.ndarray  # NaN where both

    def weighted(self, true: np.ndarray) -> dict[str, np.ndarray]:
        """Means over classes weighted by their examples, `weighted_precision` and so on; scalars or [B].

        As published tables have it (scikit-learn, `average="weighted"`), a class that is never predicted has
        precision 0 here. Weighted recall is the accuracy by another name.

        Parameters
        ----------
        true
            Examples of each class, [L] or [B, L].
        """
        share = ratio(true, true.sum(axis=-1, keepdims=True))
        means = {name: (share * np.nan_to_num(values)).sum(axis=-1) for name, values in self._asdict().items()}
        return {f"weighted_{name}": mean for name, mean in means.items()}


class Calibration(NamedTuple):
    """What a reliability diagram shows; arrays [BINS], NaN where a bin is empty."""

    edges: np.ndarray  # [BINS + 1]
    n: np.ndarray  # examples
    accuracy: np.ndarray
    confidence: np.ndarray  # mean of the highest probabilities


def predicted_class(scores: np.ndarray) -> np.ndarray:
    """The most probable class of each example: scores [n, L] to int64 [n]."""
    return scores.argmax(axis=1)


def class_figures(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> ClassFigures:
    """Precision, recall and F1 of every class.

    Parameters
    ----------
    truth
        bool or 0/1 [n, L], one 1 in each row.
    scores
        Probabilities, same shape.
    weights
        Weights of the examples, [n] or many sets of them [B, n]; default 1.
    """
    truth, scores = check_classes(truth, scores)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    return figures_from_sums(*np.split(weights @ class_columns(truth, scores), 3, axis=-1))


def confusion_matrix(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Examples by true class (rows) and predicted class (columns), int64 [L, L]; arguments as in `class_figures`."""
    truth, scores = check_classes(truth, scores)
    n_labels = truth.shape[1]
    cells = truth.argmax(axis=1) * n_labels + predicted_class(scores)
    return np.bincount(cells, minlength=n_labels**2).reshape(n_labels, n_labels)


def calibration(truth: np.ndarray, scores: np.ndarray) -> Calibration:
    """The reliability diagram of Guo et al.; arguments as in `class_figures`."""
    truth, scores = check_classes(truth, scores)
    n, right, confidence = np.split(bin_columns(truth, scores).sum(axis=0), 3)
    return Calibration(bin_edges(), n.astype(np.int64), ratio(right, n), ratio(confidence, n))


def multi_class_metrics(truth: np.ndarray, scores: np.ndarray, ids: Sequence[str] = ()) -> dict[str, tuple[float, int]]:
    """Every metric of one set of predictions.

    Parameters
    ----------
    truth, scores
        As in `class_figures`.
    ids
        Class ids, length L, which name the figures by class; none are given without.

    Returns
    -------
    Metric -> (value, n): `accuracy` and `ece` of n examples; `balanced_accuracy` (mean recall), `macro_f1` and
    `macro_auroc` (one class against the rest) as means over the n classes that define them; `weighted_precision`,
    `weighted_recall` and `weighted_f1` of n examples (see `ClassFigures.weighted`); `<id>_precision` of the n
    examples predicted as the class and `<id>_recall` of its n examples. NaN where n is 0.
    """
    truth, scores = check_classes(truth, scores)
    figures = class_figures(truth, scores)
    sums = calibration(truth, scores)
    n = len(truth)
    out = {
        "accuracy": (float(_hits(truth, scores).mean()) if n else float("nan"), n),
        "balanced_accuracy": mean_defined(figures.recall),
        "macro_f1": mean_defined(figures.f1),
        "macro_auroc": mean_defined(roc_auc(truth, scores, axis=0)),
        "ece": (float(np.nansum(sums.n * np.abs(sums.accuracy - sums.confidence)) / n) if n else float("nan"), n),
    }
    out |= {name: (float(value), n) for name, value in figures.weighted(truth.sum(axis=0)).items()}
    chosen = np.bincount(predicted_class(scores), minlength=truth.shape[1]) if n else np.zeros(truth.shape[1], int)
    for place, name in enumerate(ids):
        out[f"{name}_precision"] = (float(figures.precision[place]), int(chosen[place]))
        out[f"{name}_recall"] = (float(figures.recall[place]), int(truth[:, place].sum()))
    return out


def check_classes(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth as bool and scores as they are.

    Raises
    ------
    ValueError
        If they are no pair of one shape, or a row of truth does not hold exactly one class.
    """
    truth, scores = check_pair(truth, scores)
    if (truth.sum(axis=1) != 1).any():
        raise ValueError("every example must have exactly one class")
    return truth, scores


def _hits(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Whether the predicted class is the true one, bool [n]."""
    return truth.argmax(axis=1) == predicted_class(scores)


def class_columns(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Float64 [n, 3 L]: rightly predicted as, predicted as, and truly of each class."""
    chosen = np.eye(truth.shape[1])[predicted_class(scores)]
    return np.concatenate([chosen * truth, chosen, truth], axis=1)


def figures_from_sums(hits: np.ndarray, chosen: np.ndarray, true: np.ndarray) -> ClassFigures:
    """Figures by class from the sums of the three parts of `class_columns`, each [L] or [B, L]."""
    return ClassFigures(ratio(hits, chosen), ratio(hits, true), ratio(2 * hits, chosen + true))


def bin_columns(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Float64 [n, 3 BINS]: in each bin, right in it, and the highest probability in it."""
    confidence = scores.max(axis=1, initial=0).astype(np.float64)
    inside = np.eye(BINS)[place_in_bins(confidence)]
    return np.concatenate([inside, inside * _hits(truth, scores)[:, None], inside * confidence[:, None]], axis=1)
