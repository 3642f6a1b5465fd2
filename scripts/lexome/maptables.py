"""The tables of the maps as pictures and report read them, and what the report says of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.mappage import METRIC_TITLES, score_rows, verdict
from lexome.reporting import interval_text, number_text
from lexome.runtime import read_tsv

TEXT = {"study", "split", "model", "metric", "first", "second", "against"}
AGAINST = ("divergence", "composition")
CLEAR = 0.05  # of the permutation test


def read_table(path: str | Path) -> pd.DataFrame:
    """A table of the folder: names as text (a class may be called NA), all else as numbers, NaN where empty."""
    return read_tsv(path, text=TEXT)


def describe(tables: Mapping[str, str], chosen: str | None) -> dict:
    """What the report says of the maps of a split.

    Parameters
    ----------
    tables
        Paths: `scores`, and where divergence times are given `pairs` and `tests`.
    chosen
        The model whose correlation is told in a sentence; None for the first of the table.

    Returns
    -------
    dict
        `heads` and `rows` (see `mappage.score_rows`), `verdict`; `tests` (a row a model: `model` and `cells`, of each
        of `AGAINST` a dict or None) and `distance_verdict`, empty where there are no distances.
    """
    scores = read_table(tables["scores"])
    told = {"heads": list(METRIC_TITLES.values()), "rows": score_rows(scores), "verdict": verdict(scores)}
    if "tests" not in tables:
        return told | {"tests": [], "distance_verdict": ""}
    tests = read_table(tables["tests"])
    return told | {"tests": test_rows(tests), "distance_verdict": distance_verdict(tests, chosen)}


def test_rows(tests: pd.DataFrame) -> list[dict]:
    """A row a model: `model` and `cells` (`rho`, `interval`, `p`, or None where no correlation is defined)."""
    rows = []
    for model in dict.fromkeys(tests["model"]):
        own = tests[tests["model"] == model].set_index("against")
        cells = []
        for against in AGAINST:
            row = own.loc[against] if against in own.index else None
            if row is None or not np.isfinite(row["rho"]):
                cells.append(None)
                continue
            ends = interval_text(row["low"], row["high"], signed=True)
            cells.append({"rho": number_text(row["rho"], signed=True), "interval": ends, "p": f"{row['p']:.2g}"})
        rows.append({"model": model, "cells": cells})
    return rows


def distance_verdict(tests: pd.DataFrame, chosen: str | None = None) -> str:
    """Whether the errors of a model follow divergence time, and whether composition would say as much."""
    known = tests[(tests["against"] == "divergence") & tests["rho"].notna()]
    if known.empty:
        return "No model errs in a way that could be compared with divergence times."
    model = chosen if chosen in set(known["model"]) else known["model"].iloc[0]
    own = tests[tests["model"] == model].set_index("against")
    row = own.loc["divergence"]
    told = f"Spearman's ρ {number_text(row['rho'], signed=True)}, Mantel p {row['p']:.2g}, {int(row['pairs'])} pairs"
    if row["p"] >= CLEAR:
        text = f"The errors of {model} do not clearly follow how long ago the classes parted ({told})"
    elif row["rho"] < 0:
        text = f"{model} takes classes for each other the more often the later they parted ({told})"
    else:
        text = f"{model} takes classes for each other the more often the earlier they parted ({told})"
    if "composition" not in own.index or not np.isfinite(own.loc["composition", "rho"]):
        return text + "."
    rival = own.loc["composition"]
    told = f"ρ {number_text(rival['rho'], signed=True)}, p {rival['p']:.2g}"
    more = abs(rival["rho"]) > abs(row["rho"])
    return f"{text}; how alike they are in 3-mers alone says {'more' if more else 'no more'} of its errors ({told})."
