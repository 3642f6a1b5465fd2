"""Any set of runs beside each other: their figures, what their settings differ in, and their labels one by one."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, interval
from lexome.runtime import read_json

FIGURES = ["study", "split", "model", "seed", "subset", "metric", "value", "low", "high", "n"]
# Figures of single labels, the first that a run has.
OF_LABELS = ("f1", "auprc")


def run_name(run: Mapping) -> str:
    """`split/model/seed0`."""
    return f"{run['split']}/{run['model']}/seed{run['seed']}"


def run_figures(run: Mapping, level: float) -> pd.DataFrame:
    """Every figure of a run with the interval of its own resamples of examples (a single run: no seeds are drawn).

    Parameters
    ----------
    run
        `study`, `split`, `model`, `seed`, and the paths `metrics` and `replicates`.

    Returns
    -------
    DataFrame
        `FIGURES`; low and high are NaN below `FEWEST_GROUPS` groups.
    """
    told = read_json(run["metrics"])
    groups = {subset: about["groups"] for subset, about in told["meta"]["subsets"].items()}
    rows = []
    with np.load(run["replicates"]) as draws:
        for row in told["rows"]:
            low = high = float("nan")
            if row["value"] is not None and groups[row["subset"]] >= FEWEST_GROUPS:
                low, high = interval(draws[f"{row['subset']}/{row['metric']}"], level)
            rows.append({**row, "low": low, "high": high})
    return pd.DataFrame(rows, columns=FIGURES).astype({"value": "float64"})


def flat_settings(settings: Mapping, prefix: str = "") -> dict[str, str]:
    """Nested settings as `model.training.epochs` -> JSON text; lists stay whole."""
    flat = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flat_settings(value, f"{path}.")
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return flat


def differing_settings(runs: Sequence[Mapping]) -> list[dict]:
    """The settings that are not the same in all runs: `key` and `values`, one a run, "" where a run has none."""
    flat = [flat_settings(run["settings"]) for run in runs]
    keys = dict.fromkeys(key for own in flat for key in own)
    rows = [{"key": key, "values": [own.get(key, "") for own in flat]} for key in keys]
    return [row for row in rows if len(set(row["values"])) > 1]


def label_figures(tables: Mapping[str, pd.DataFrame]) -> tuple[str, list[str], dict[str, np.ndarray]] | None:
    """A figure of every label on test for each run, the label with the most training examples first.

    Parameters
    ----------
    tables
        Name of a run -> its `per_label.parquet`.

    Returns
    -------
    The figure, the names of the labels, and run -> float64 [L] (NaN where it has none); None where no run has labels.
    """
    tables = {name: table[table["subset"] == "test"] for name, table in tables.items()}
    tables = {name: table for name, table in tables.items() if len(table)}
    metric = next((name for name in OF_LABELS if any(name in table for table in tables.values())), None)
    if metric is None:
        return None
    whole = pd.concat(list(tables.values())).sort_values("n_train", ascending=False, kind="stable")
    names = list(dict.fromkeys(whole["name"]))
    values = {
        name: table.drop_duplicates("name").set_index("name")[metric].reindex(names).to_numpy(dtype=np.float64)
        for name, table in tables.items()
        if metric in table
    }
    return metric, names, values
