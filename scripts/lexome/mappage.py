"""The page of maps that people move in: its data, packed, and the figures that stand beside the maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.maps import METRICS, run_title, trivial_vectors
from lexome.page import css_colour
from lexome.reporting import interval_text, number_text
from lexome.textfigures import class_colours

GRID = 10_000  # places along a side of a map
SHAPES = ("circle", "triangle", "square", "diamond", "down", "plus", "cross")
TRIVIAL_TITLES = {"kmer3_shares": "shares of 3-mers", "codon_shares": "shares of codons"}
METRIC_TITLES = {
    "silhouette": "silhouette",
    "knn_accuracy": "kNN accuracy",
    "probe_accuracy": "regression accuracy",
}


def titles(table: pd.DataFrame) -> dict[tuple[str, int | None], str]:
    """Run (model, seed) -> its name for people, in the order of the table (of maps or of scores)."""
    runs = [
        (model, None if pd.isna(seed) else int(seed))
        for model, seed in dict.fromkeys(table[["model", "seed"]].itertuples(index=False, name=None))
    ]
    # A missing number is equal to none, not even to itself.
    runs = list(dict.fromkeys(runs))
    seeds = {model: [seed for name, seed in runs if name == model] for model, _ in runs}
    return {(model, seed): TRIVIAL_TITLES.get(model, run_title(model, seed, seeds[model])) for model, seed in runs}


def of_run(table: pd.DataFrame, run: tuple[str, int | None]) -> pd.DataFrame:
    """The rows of a run."""
    model, seed = run
    seeds = table["seed"]
    return table[(table["model"] == model) & (seeds.isna() if seed is None else (seeds == seed).fillna(False))]


def view(maps: pd.DataFrame, names: Mapping[str, str]) -> dict:
    """What the page's script draws.

    Parameters
    ----------
    maps
        As `map_embeddings` writes it.
    names
        Class id -> name shown, in the order of the legend.

    Returns
    -------
    dict
        `classes` (`name`, `colour`, `shape`), `grid`, `ids`, `truth` (place of each example's class) and `views`: of
        each run `title`, `trivial`, `x` and `y` (whole numbers, 0 to `grid`; one scale for both), `predicted` (places
        of classes) and `percent` (probability).
    """
    colours, place = class_colours(list(names)), {name: at for at, name in enumerate(names)}
    runs = titles(maps)
    first = of_run(maps, next(iter(runs)))
    views = []
    for run, title in runs.items():
        own = of_run(maps, run).set_index("id").loc[first["id"]]
        x, y = packed(own[["x", "y"]].to_numpy(dtype=np.float64)).T
        views.append(
            {
                "title": title,
                "trivial": run[0] in trivial_vectors(True),
                "x": x.tolist(),
                "y": y.tolist(),
                "predicted": [place[name] for name in own["predicted"]],
                "percent": np.round(100 * own["probability"].to_numpy(dtype=np.float64)).astype(int).tolist(),
            }
        )
    shapes = [SHAPES[at % len(SHAPES)] for at in range(len(names))]
    return {
        "classes": [
            {"name": shown, "colour": css_colour(colours[name]), "shape": shape}
            for (name, shown), shape in zip(names.items(), shapes, strict=True)
        ],
        "grid": GRID,
        "ids": first["id"].tolist(),
        "truth": [place[name] for name in first["species"]],
        "views": views,
    }


def packed(points: np.ndarray) -> np.ndarray:
    """Points [n, 2] as whole numbers from 0 to `GRID`, moved to the middle and scaled alike along both axes; y down."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = GRID / max(float((high - low).max()), 1e-12)
    moved = (points - (low + high) / 2) * scale * (1, -1) + GRID / 2
    return np.clip(np.rint(moved), 0, GRID).astype(np.int64)


def score_rows(scores: pd.DataFrame) -> list[dict]:
    """A row a run: `title`, `trivial` and `cells`: of each of `maps.METRICS` `value`, `interval`, `chance` and `n`."""
    rows = []
    for run, title in titles(scores).items():
        own = of_run(scores, run).set_index("metric")
        cells = []
        for metric in METRICS:
            row = own.loc[metric]
            cells.append(
                {
                    "value": number_text(row["value"]) if np.isfinite(row["value"]) else "undefined",
                    "interval": interval_text(row["low"], row["high"]),
                    "chance": number_text(row["chance"]) if np.isfinite(row["chance"]) else "undefined",
                    "n": int(row["n"]),
                }
            )
        rows.append({"title": title, "trivial": run[0] in trivial_vectors(True), "cells": cells})
    return rows


def notes(scores: pd.DataFrame) -> dict[str, str]:
    """What stands below the title of each map in a picture."""
    heads = ("silhouette", "neighbours", "regression")
    return {
        row["title"]: ", ".join(f"{head} {cell['value']}" for head, cell in zip(heads, row["cells"], strict=True))
        for row in score_rows(scores)
    }


def verdict(scores: pd.DataFrame) -> str:
    """One sentence on the runs against the best vectors without a model, by the accuracy of the probe."""
    rows = scores[scores["metric"] == "probe_accuracy"]
    trivial = rows["model"].isin(trivial_vectors(True))
    if not trivial.any() or trivial.all():
        return ""
    best = rows[trivial].sort_values("value", ascending=False).iloc[0]
    parts = []
    shown = titles(scores)
    for row in rows[~trivial].to_dict("records"):
        title = shown[row["model"], None if pd.isna(row["seed"]) else int(row["seed"])]
        if not np.isfinite([row["low"], row["high"], best["low"], best["high"]]).all():
            how = "stands beside"
        elif row["low"] > best["high"]:
            how = "is above"
        elif row["high"] < best["low"]:
            how = "is below"
        else:
            how = "cannot be told from"
        parts.append(f"{title} ({_cell(row)}) {how}")
    told = _joined(parts)
    return f"By logistic regression on the vectors, {told} {TRIVIAL_TITLES[best['model']]} ({_cell(best)})."


def _cell(row: Mapping) -> str:
    ends = interval_text(row["low"], row["high"])
    return number_text(row["value"]) + (f" [{ends}]" if ends else "")


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
