"""Register every run with its settings, what it cost and how good it is."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lexome.errors import LexomeError
from lexome.reporting import plain
from lexome.runtime import read_history, read_json, write_parquet

SPENT = ("seconds", "parameters", "energy_wh")  # of cost.json
COLUMNS = [
    *("study", "split", "model", "kind", "seed", "subset", "metric", "value", "n", "epochs", *SPENT),
    "settings",
]


def register_runs(
    runs: Sequence[Mapping],
    metrics: Sequence[str | Path],
    costs: Sequence[str | Path],
    histories: Sequence[str | Path],
    register_out: str | Path,
) -> None:
    """Write `runs.parquet`: a row a run and figure, in the order of the config.

    Parameters
    ----------
    runs
        `study`, `split`, `model`, `seed`, and `settings`: the entries of `model`, `split` and `prepare` in the config.
    metrics, costs, histories
        `metrics.json`, `cost.json` and `history.jsonl` of each run, in the same order.
    register_out
        Columns `COLUMNS`: `value` and `n` as in metrics.json, `epochs` the last one that was trained (null of models
        that do not train by epochs), what cost.json says, `settings` as JSON.

    Raises
    ------
    LexomeError
        If a file is that of another run.
    """
    parts = []
    for run, metric_path, cost_path, history_path in zip(runs, metrics, costs, histories, strict=True):
        table = pd.DataFrame(read_json(metric_path)["rows"])
        name = {key: run[key] for key in ("study", "split", "model", "seed")}
        for key, value in name.items():
            if not (table[key] == value).all():
                raise LexomeError(f"{metric_path}: of another {key} than {value}; run evaluate_model for it again")
        epochs = [record["epoch"] for record in read_history(history_path) if "epoch" in record]
        cost = read_json(cost_path)
        table = table.assign(
            kind=run["settings"]["model"]["kind"],
            epochs=max(epochs, default=None),
            **{key: cost.get(key) for key in SPENT},
            settings=json.dumps(plain(run["settings"]), sort_keys=True, ensure_ascii=False),
        )
        parts.append(table[COLUMNS])
    register = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    numbers = dict.fromkeys(("value", "epochs", *SPENT), "float64")
    write_parquet(register_out, register.astype(numbers | {"seed": "int64", "n": "int64"}))


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        register_runs(
            snakemake.params.runs,
            snakemake.input.metrics,
            snakemake.input.costs,
            snakemake.input.histories,
            snakemake.output.runs,
        )
