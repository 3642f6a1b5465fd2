"""Bring all runs of a study's split together: means over seeds, intervals, published figures, differences."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, combine_seeds, holm, interval, paired_difference, sign_p_value, stream
from lexome.ceiling import ceiling_rows
from lexome.errors import LexomeError
from lexome.runtime import atomic, read_json

COMPARISON = ["study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"]
DIFFERENCES = [
    *("study", "split", "subset", "model", "reference", "metric", "difference", "low", "high", "n", "seeds", "p"),
    "p_holm",
]
SPENT = ["seconds", "embedding_seconds", "parameters", "energy_wh", "cut"]  # of cost.json, see train_model


def compare_models(
    metrics: list[str | Path],
    replicates: list[str | Path],
    costs: list[str | Path],
    published: list[dict],
    trivial: str,
    contrasts: list[list[str]],
    settings: dict,
    comparison_out: str | Path,
    differences_out: str | Path,
    costs_out: str | Path,
    agreement: str | Path | None = None,
) -> None:
    """Write `comparison.tsv`, `differences.tsv` and `costs.tsv`.

    Parameters
    ----------
    metrics, replicates, costs
        `metrics.json`, `replicates.npz` and `cost.json` of every run of one study and split, in the same order.
    published
        The study's rows in `config/published.yaml`; those of other splits are left out.
    trivial
        The model that every other one is compared to.
    contrasts
        Further pairs to compare: model and reference.
    settings
        As in `evaluate_model`; `level` and `seed` are used.
    comparison_out
        One row a figure. value = mean over the `seeds` runs that define it; low and high cover test examples
        and training runs, and are empty below `FEWEST_GROUPS` groups of examples; n = units (proteins, terms)
        that define it, the fewest of those runs.
    differences_out
        model - reference under the same resamples and, if both have the same seeds, the same draws of seeds; n and
        `seeds` = the fewer units and seeds of the two. The trivial model is the reference of all others; the contrasts
        follow. `p` = two-sided p-value of no difference, from the same replicates as low and high
        (`bootstrap.sign_p_value`); `p_holm` = the same, adjusted for how many are asked at once: in one subset and
        metric all differences from the trivial model are one family, all other contrasts another. A metric that
        one of the two does not have (links of a model that finds none) is left out.
    costs_out
        What a run took, as means over the `seeds` runs, see `train_model.describe_cost`. In a table of its own,
        because seconds differ from run to run and figures do not.

    Raises
    ------
    LexomeError
        If the runs are of several studies or splits, were judged on different examples or drawn differently,
        if a run comes twice, or if the trivial model is not among them.
    """
    runs = [read_json(path) for path in metrics]
    _check_runs(metrics, runs)
    study, split = (runs[0]["rows"][0][key] for key in ("study", "split"))
    models = {row["model"] for run in runs for row in run["rows"]}
    if trivial not in models:
        raise LexomeError(f"the trivial model {trivial!r} is none of {split}'s models: {', '.join(sorted(models))}")

    figures, combined = _over_seeds(runs, [np.load(path) for path in replicates], settings)
    pairs = [(model, trivial) for model in sorted(models - {trivial})] + [tuple(pair) for pair in contrasts]
    differences = _differences(figures, combined, _groups(runs), dict.fromkeys(pairs), settings["level"])
    _adjust(differences, trivial)
    cited = [{**row, "study": study} for row in published if row["split"] == split]
    if agreement:
        cited += ceiling_rows(agreement, study, split, {row["metric"] for row in figures})
    _write_table(comparison_out, figures + cited, COMPARISON)
    _write_table(differences_out, differences, DIFFERENCES)
    _write_costs(costs_out, runs, [read_json(path) for path in costs])


def _over_seeds(
    runs: list[dict], draws: list[dict[str, np.ndarray]], settings: dict
) -> tuple[list[dict], dict[tuple, np.ndarray]]:
    """Rows of the comparison, and the replicates over seeds by (subset, metric, model)."""
    groups = _groups(runs)
    parts = {}
    for run, draw in zip(runs, draws, strict=True):
        for row in run["rows"]:
            parts.setdefault((row["subset"], row["metric"], row["model"]), []).append((row, draw))
    figures, combined = [], {}
    for (subset, metric, model), found in parts.items():
        found = sorted(found, key=lambda pair: pair[0]["seed"])
        defined = [(row, draw) for row, draw in found if row["value"] is not None]
        first = found[0][0]
        figure = {key: first[key] for key in ("study", "split", "subset", "model", "metric")}
        figure |= {"n": 0, "seeds": 0, "source": "measured"}
        if defined:
            values = np.stack([draw[f"{subset}/{metric}"] for _, draw in defined])
            replicates = combine_seeds(values, stream(settings["seed"], *(str(row["seed"]) for row, _ in defined)))
            combined[subset, metric, model] = replicates
            figure["value"] = float(np.mean([row["value"] for row, _ in defined]))
            if groups[subset] >= FEWEST_GROUPS:
                figure["low"], figure["high"] = interval(replicates, settings["level"])
            figure |= {"n": min(row["n"] for row, _ in defined), "seeds": len(defined)}
        figures.append(figure)
    return figures, combined


def _groups(runs: list[dict]) -> dict[str, int]:
    """Groups of examples in each subset; the same for all runs."""
    return {subset: about["groups"] for subset, about in runs[0]["meta"]["subsets"].items()}


def _differences(
    figures: list[dict],
    combined: dict[tuple, np.ndarray],
    groups: dict[str, int],
    pairs: Iterable[tuple[str, str]],
    level: float,
) -> list[dict]:
    """Rows of the differences: model - reference for every pair, in each subset and metric."""
    found = {(row["subset"], row["metric"], row["model"]): row for row in figures}
    rows = []
    for model, reference in pairs:
        for subset, metric in dict.fromkeys((row["subset"], row["metric"]) for row in figures):
            row, other = (found.get((subset, metric, name)) for name in (model, reference))
            if row is None or other is None:
                continue
            difference = {key: row[key] for key in ("study", "split", "subset", "model", "metric")}
            difference |= {"reference": reference, **{key: min(row[key], other[key]) for key in ("n", "seeds")}}
            if difference["n"]:
                drawn = paired_difference(combined[subset, metric, model], combined[subset, metric, reference])
                difference["difference"] = row["value"] - other["value"]
                if groups[subset] >= FEWEST_GROUPS:
                    difference["low"], difference["high"] = interval(drawn, level)
                    difference["p"] = sign_p_value(drawn)
            rows.append(difference)
    return rows


def _adjust(differences: list[dict], trivial: str) -> None:
    """Give each row its `p_holm`, by family."""
    families: dict[tuple, list[dict]] = {}
    for row in differences:
        families.setdefault((row["subset"], row["metric"], row["reference"] == trivial), []).append(row)
    for rows in families.values():
        adjusted = holm(np.array([row.get("p", np.nan) for row in rows]))
        for row, value in zip(rows, adjusted.tolist(), strict=True):
            row["p_holm"] = value


def _write_costs(path: str | Path, runs: list[dict], costs: list[dict]) -> None:
    """TSV of the mean cost of each model over its seeds, in the order of the runs; unknown costs are empty."""
    where = [{key: run["rows"][0][key] for key in ("study", "split", "model")} for run in runs]
    table = pd.DataFrame([name | cost for name, cost in zip(where, costs, strict=True)])
    table[SPENT] = table[SPENT].astype(float)
    by_model = table.groupby(["study", "split", "model"], sort=False)
    means = by_model[SPENT].mean().assign(seeds=by_model.size()).reset_index()
    with atomic(path) as temporary:
        means.to_csv(temporary, sep="\t", index=False, float_format=_number)


def _check_runs(paths: list[str | Path], runs: list[dict]) -> None:
    """Refuse runs whose figures may not stand in one table."""
    if not runs:
        raise LexomeError("there are no runs to compare; give the study models and seeds in the config")
    seen = {}
    for path, run in zip(paths, runs, strict=True):
        name = tuple(run["rows"][0][key] for key in ("study", "split", "model", "seed"))
        if name in seen:
            raise LexomeError(f"{path}: the same run as {seen[name]}; give every run once")
        seen[name] = path
        if name[:2] != next(iter(seen))[:2]:
            raise LexomeError(f"{path}: of another study or split than {paths[0]}; compare one split at a time")
        for what, part in (("on other examples", _examples), ("with other settings", _drawing)):
            if part(run) != part(runs[0]):
                raise LexomeError(f"{path}: judged {what} than {paths[0]}; run evaluate_model for both again")


def _examples(run: dict) -> dict[str, str]:
    return {subset: about["digest"] for subset, about in run["meta"]["subsets"].items()}


def _drawing(run: dict) -> list:
    return [run["meta"]["settings"][key] for key in ("replicates", "seed", "distant")]


def _write_table(path: str | Path, rows: list[dict], columns: list[str]) -> None:
    """TSV by subset and metric, the highest first, six significant digits, undefined figures empty."""
    value = "value" if "value" in columns else "difference"
    table = pd.DataFrame(rows, columns=columns).sort_values(
        ["subset", "metric", value, "model"], ascending=[True, True, False, True]
    )
    for name in {"n", "seeds"} & set(columns):
        table[name] = table[name].astype("Int64")
    with atomic(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format=_number)


def _number(value: float) -> str:
    """Six significant digits; a count keeps all of its own."""
    return f"{value:.0f}" if abs(value) >= 1e6 and value.is_integer() else f"{value:.6g}"


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        compare_models(
            snakemake.input.metrics,
            snakemake.input.replicates,
            snakemake.input.costs,
            snakemake.params.published,
            snakemake.params.trivial,
            snakemake.params.contrasts,
            snakemake.params.settings,
            snakemake.output.comparison,
            snakemake.output.differences,
            snakemake.output.costs,
            snakemake.input.get("agreement") or None,
        )
