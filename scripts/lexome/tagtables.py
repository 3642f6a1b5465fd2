"""What the report's page says of cross-validations, and of the mistakes of a tagger."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lexome.look import metric_title
from lexome.reporting import interval_text, number_text
from lexome.runtime import read_tsv
from lexome.tagerrors import sample

SHOWN = 16  # mistakes on the page
SEED = 0  # of their draw


def describe_folds(name: str, path: str | Path, study: Mapping) -> dict:
    """A cross-validation for people: `name`, `line` (in brief), `metrics` (headline ones that it has), `rows` by model.

    Returns
    -------
    Rows have `model`, `trivial` and `cells`, of each metric None or text: `mean` and its deviation, `spread` (least and
    greatest fold), `pooled` with its interval, `difference` with its interval and `reference`, the model that it is a
    difference to where that is not the trivial one.
    """
    table = read_tsv(path, text=("study", "folds", "model", "metric", "reference"))
    metrics = [metric for metric in study["headline"] if (table["metric"] == metric).any()]
    found = {(row["model"], row["metric"]): row for row in table.to_dict("records")}
    rows = []
    for model in [name for name in study["models"] if name in set(table["model"])]:
        cells = [_fold_cell(found.get((model, metric)), study["trivial"]) for metric in metrics]
        if any(cells):
            rows.append({"model": model, "trivial": model == study["trivial"], "cells": cells})
    brief = [f"{row['model']} {row['cells'][0]['mean']}" for row in rows if row["cells"][0]]
    line = (
        f"{metric_title(metrics[0])} over the folds: {', '.join(brief)}" if brief else "no headline metric is defined"
    )
    return {"name": name, "line": line, "metrics": metrics, "rows": rows}


def _fold_cell(row: Mapping | None, trivial: str) -> dict | None:
    if row is None:
        return None
    deviation = f" ± {number_text(row['sd'])}" if np.isfinite(row["sd"]) else ""
    return {
        "value": row["mean"],
        "mean": number_text(row["mean"]) + deviation,
        "spread": interval_text(row["min"], row["max"]),
        "pooled": _with_interval(row, "value", "low", "high"),
        "difference": _with_interval(row, "difference", "difference_low", "difference_high", signed=True),
        "reference": "" if row["reference"] == trivial else row["reference"],
    }


def _with_interval(row: Mapping, value: str, low: str, high: str, signed: bool = False) -> str:
    if not np.isfinite(row[value]):
        return ""
    between = interval_text(row[low], row[high], signed=signed)
    return number_text(row[value], signed) + (f" [{between}]" if between else "")


def describe_errors(path: str | Path | None) -> dict | None:
    """Some mistakes of every kind: `model`, `n` (of all mistakes) and `rows`; None where there are none to show."""
    if path is None:
        return None
    table = read_tsv(path, numbers=())
    if table.empty:
        return None
    rows: Sequence[dict] = sample(table, SHOWN, SEED).to_dict("records")
    return {"model": table["model"].iloc[0], "n": len(table), "rows": rows}
