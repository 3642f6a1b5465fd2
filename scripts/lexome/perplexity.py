"""Perplexity of masked tokens, before and after an adaptation."""

import math
from collections.abc import Mapping

import numpy as np

from lexome.bootstrap import interval, resample_groups, stream


def perplexity(sums: np.ndarray) -> float:
    """exp of the mean cross-entropy of masked tokens, from `masked_lm.measure` [texts, 2]; NaN where there are none."""
    total, n = sums.sum(axis=0)
    return math.exp(total / n) if n else float("nan")


def describe_perplexity(before: np.ndarray, after: np.ndarray, bootstrap: Mapping, name: str) -> dict:
    """Perplexities before and after, and their ratio, with intervals: percentiles over resampled texts.

    Before and after share their masks and their resamples, so that the ratio's interval is that of a paired
    comparison.

    Parameters
    ----------
    before, after
        From `masked_lm.measure`, shape (texts, 2), of the same texts.
    bootstrap
        `replicates`, `level`, `seed`.
    name
        Of the backbone and subset: its resamples are its own.
    """
    counts = resample_groups(np.arange(len(before)), bootstrap["replicates"], stream(bootstrap["seed"], name))
    drawn = {"before": counts @ before, "after": counts @ after}
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = {stage: np.exp(sums[:, 0] / sums[:, 1]) for stage, sums in drawn.items()}
    drawn["ratio"] = drawn["after"] / drawn["before"]
    values = {"before": perplexity(before), "after": perplexity(after)}
    values["ratio"] = values["after"] / values["before"]
    figures = {}
    for stage, value in values.items():
        low, high = interval(drawn[stage], bootstrap["level"])
        figures[stage] = {"value": value, "low": low, "high": high}
    return {"texts": len(before), "masked_tokens": int(before[:, 1].sum()), **figures}
