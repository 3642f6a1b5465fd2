"""How well a run did on test, beside another: what is told wherever the run is used on something new."""

from collections.abc import Mapping, Sequence

import numpy as np

from lexome.bootstrap import FEWEST_GROUPS, interval
from lexome.errors import LexomeError
from lexome.look import lower_is_better, metric_title
from lexome.reporting import interval_text, number_text
from lexome.runtime import read_json


def figures(metric: str, judged: Sequence[Mapping], level: float) -> dict:
    """A metric on test for each run: `title`, `n`, `lower`, and `cells` of `value` and `interval` as text.

    Raises
    ------
    LexomeError
        If the runs have no such metric, with those that they have.
    """
    cells, n = [], 0
    for run in judged:
        metrics = read_json(run["metrics"])
        found = {row["metric"]: row for row in metrics["rows"] if row["subset"] == "test"}
        if metric not in found:
            raise LexomeError(f"headline: {run['metrics']} has no {metric!r}; there are {', '.join(found)}")
        row = found[metric]
        value, between = "none", ""
        if row["value"] is not None:
            value, n = number_text(row["value"]), row["n"]
            if metrics["meta"]["subsets"]["test"]["groups"] >= FEWEST_GROUPS:
                draws = np.load(run["replicates"])[f"test/{metric}"]
                between = interval_text(*interval(draws, level))
        cells.append({"value": value, "interval": between})
    return {"title": metric_title(metric), "n": n, "lower": lower_is_better(metric), "cells": cells}
