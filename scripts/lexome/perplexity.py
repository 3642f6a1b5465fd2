"""Perplexity and accuracy of masked tokens, before and after an adaptation, beside what counts alone can tell."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lexome.bootstrap import interval, resample_groups, stream


def perplexity(sums: np.ndarray) -> float:
    """exp of the mean cross-entropy of masked tokens, from `masked_lm.measure` [texts, 3]; NaN where there are none."""
    total, n = sums.sum(axis=0)[:2]
    return math.exp(total / n) if n else float("nan")


def describe_masked(
    before: np.ndarray,
    after: np.ndarray,
    bootstrap: Mapping,
    name: str,
    groups: Sequence | None = None,
    baselines: Mapping[str, np.ndarray] | None = None,
) -> dict:
    """Perplexity and accuracy before and after, and of baselines, with intervals: percentiles over resampled texts.

    All share their masks and their resamples, so that ratios and differences are those of a paired comparison.

    Parameters
    ----------
    before, after
        From `masked_lm.measure`, shape (texts, 3), of the same texts.
    bootstrap
        `replicates`, `level`, `seed`.
    name
        Of the backbone and subset: its resamples are its own.
    groups
        Of each text, if texts of a group are no independent evidence and are to be drawn together.
    baselines
        By name, as `before`.

    Returns
    -------
    dict
        `perplexity` (`before`, `after`, `ratio`) and `accuracy` (`before`, `after`, `difference`), each with `texts`
        and `masked_tokens`, and `baselines`: by name `perplexity`, `accuracy`, and what the model is beside them after
        the adaptation, `ratio` (of perplexities) and `difference` (of accuracies). A figure is a dict of `value`,
        `low`, `high`.
    """
    names = np.arange(len(before)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    counts = resample_groups(names, bootstrap["replicates"], stream(bootstrap["seed"], name))

    def both(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Perplexity and accuracy, each of all texts first, then of the resamples."""
        drawn = np.concatenate([sums.sum(axis=0, keepdims=True), counts @ sums])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.exp(drawn[:, 0] / drawn[:, 1]), drawn[:, 2] / drawn[:, 1]

    def figure(drawn: np.ndarray) -> dict:
        low, high = interval(drawn[1:], bootstrap["level"])
        return {"value": float(drawn[0]), "low": low, "high": high}

    (old, old_right), (new, new_right) = both(before), both(after)
    size = {"texts": len(before), "masked_tokens": int(before[:, 1].sum())}
    told = {}
    for baseline, sums in (baselines or {}).items():
        spread, right = both(sums)
        told[baseline] = {
            "perplexity": figure(spread),
            "accuracy": figure(right),
            "ratio": figure(new / spread),
            "difference": figure(new_right - right),
        }
    return {
        "perplexity": size | {"before": figure(old), "after": figure(new), "ratio": figure(new / old)},
        "accuracy": size
        | {"before": figure(old_right), "after": figure(new_right), "difference": figure(new_right - old_right)},
        "baselines": told,
    }
