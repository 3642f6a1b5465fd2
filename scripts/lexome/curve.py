"""One question at several values of a setting: the test figures of several studies as a table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.reporting import read_table

COLUMNS = ("study", "split", "at", "model", "metric", "value", "low", "high", "n", "seeds")


def gather(entries: Sequence[Mapping], metrics: Sequence[str]) -> pd.DataFrame:
    """Measured test figures of all studies, a row a figure.

    Parameters
    ----------
    entries
        Of each study and split: `study`, `split`, `at` (the value of the setting), `comparison` (path) and, where
        splits differ in the setting, `panel`: what stands for the split then.
    metrics
        The figures that are wanted.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, in ascending order of the setting.
    """
    parts = []
    for entry in sorted(entries, key=lambda entry: entry["at"]):
        table = read_table(entry["comparison"])
        rows = table[(table["source"] == "measured") & (table["subset"] == "test") & table["metric"].isin(metrics)]
        parts.append(rows.assign(study=entry["study"], split=entry.get("panel", entry["split"]), at=entry["at"]))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def rows_for_people(curve: pd.DataFrame, metric: str) -> dict:
    """The curve as a table: `heads` (split, value of the setting) and `rows` (`model` and `cells`, one a head or None).

    Models that are there for a single value are left out, as they are in the figure.
    """
    own = curve[(curve["metric"] == metric) & curve["value"].notna()]
    heads = list(dict.fromkeys(own[["split", "at"]].sort_values(["split", "at"]).itertuples(index=False, name=None)))
    cells = {(row["model"], row["split"], row["at"]): row for row in own.to_dict("records")}
    rows = []
    for model in dict.fromkeys(own["model"]):
        line = [cells.get((model, *head)) for head in heads]
        if any(np.diff([head[1] for head, cell in zip(heads, line, strict=True) if cell])):
            rows.append({"model": model, "cells": line})
    return {"heads": heads, "rows": rows}
