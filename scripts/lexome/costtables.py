"""What work cost, as the report tells it: by model and by rule, with numbers for people."""

from pathlib import Path

import numpy as np
import pandas as pd

COSTS = ("seconds", "embedding_seconds", "parameters", "energy_wh", "cut")


def model_costs(path: str | Path) -> dict[str, dict[str, float | None]]:
    """Model -> the `COSTS` of its training in `costs.tsv`; None where unknown."""
    table = pd.read_csv(path, sep="\t", index_col="model")[list(COSTS)]
    return {
        model: {name: float(value) if np.isfinite(value) else None for name, value in row.items()}
        for model, row in table.iterrows()
    }


def count_text(value: float) -> str:
    """`3,215`, `85.2 k`, `22.7 M`, `1.5 G`."""
    for start, size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= start:
            return f"{value / size:.1f} {unit}"
    return f"{value:,.0f}"


def energy_text(wh: float) -> str:
    """Two significant digits: `31 mWh`, `4.2 Wh`, `1.2 kWh`."""
    size, unit = next((pair for pair in ((1e3, "kWh"), (1, "Wh"), (1e-3, "mWh")) if wh >= pair[0]), (1e-3, "mWh"))
    return f"{float(f'{wh / size:.2g}'):,g} {unit}"


def costs(folder: str | Path) -> list[dict]:
    """What every rule cost, from Snakemake's benchmark files `<folder>/<rule>/**/*.tsv`.

    Returns
    -------
    Dicts `rule`, `jobs`, `seconds` (sum over jobs), `longest` (s), `cpu_seconds` (sum) and `memory_mb` (the
    highest resident set); NaN where Snakemake measured nothing. The dearest rule comes first.
    """
    folder = Path(folder)
    rows = []
    for path in sorted(folder.rglob("*.tsv")) if folder.is_dir() else []:
        table = pd.read_csv(path, sep="\t")
        numbers = {
            name: pd.to_numeric(table[name], errors="coerce").mean() if name in table else np.nan
            for name in ("s", "cpu_time", "max_rss")
        }
        rows.append({"rule": path.relative_to(folder).parts[0].removesuffix(".tsv"), **numbers})
    if not rows:
        return []
    by_rule = pd.DataFrame(rows).groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": by_rule.size(),
            "seconds": by_rule["s"].sum(),
            "longest": by_rule["s"].max(),
            "cpu_seconds": by_rule["cpu_time"].sum(min_count=1),
            "memory_mb": by_rule["max_rss"].max(),
        }
    )
    return table.sort_values("seconds", ascending=False, kind="stable").reset_index().to_dict("records")


def duration(seconds: float) -> str:
    """`8.2 s`, `3 min 05 s`, `2 h 10 min`; a dash for NaN."""
    if not np.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
