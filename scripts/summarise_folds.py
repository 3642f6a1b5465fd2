"""Bring the folds of a cross-validation together: how far they spread, and the figures of all their test examples."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, combine_seeds, interval, paired_difference, resample_groups, stream
from lexome.evaluation import TASKS, Labels, join, load_labels, load_task
from lexome.runtime import read_json, write_tsv

COLUMNS = [
    *("study", "folds", "model", "metric", "mean", "sd", "min", "max", "value", "low", "high", "n", "seeds"),
    *("reference", "difference", "difference_low", "difference_high"),
]


def summarise_folds(
    runs: Sequence[tuple[str, str, int]],
    metrics: Sequence[str | Path],
    predictions: Sequence[str | Path],
    examples: str | Path,
    assignments: Mapping[str, str | Path],
    labels: Mapping[str, str | Path],
    study: str,
    folds: str,
    trivial: str,
    settings: Mapping,
    table_out: str | Path,
    ontology: str | Path | None = None,
    borrowed: Collection[str] = (),
    contrasts: Sequence[Sequence[str]] = (),
) -> None:
    """Write the table of a cross-validation.

    Parameters
    ----------
    runs
        Split, model and seed of each run; every model has the same seeds in all folds.
    metrics, predictions
        `metrics.json` and `predictions.parquet` of each run, in the same order.
    examples
        `examples.parquet`.
    assignments, labels
        `<split>.parquet` and `<split>.labels.json` of each fold, by split.
    folds
        Name of the cross-validation.
    settings
        As in `evaluate_model`.
    table_out
        A row a model and metric: `mean`, `sd` (of a sample), `min` and `max` over the folds' test figures, each a mean
        over seeds; `value` = the figure of the test examples of all folds together, `low` to `high` its interval by
        resampling their groups (and seeds), `n` its units, `difference` = value - that of the `reference`, with its
        interval. The reference is the trivial model; of figures that it does not have (links of a model that finds
        none) the model that the contrasts hold against this one.
        These are empty where the folds judge different labels.
    ontology
        As in `evaluate_model`.
    borrowed
        Models that only link entities that another one found.
    contrasts
        Pairs of a model and a reference.
    """
    vocabularies = {split: load_labels(path) for split, path in labels.items()}
    spread = _spread(runs, metrics)
    first, *others = vocabularies.values()
    pooled = {}
    if all(other.ids == first.ids for other in others):
        judged = {
            run: _test(
                load_task(examples, assignments[run[0]], vocabularies[run[0]], path, ontology, run[1] in borrowed)
            )
            for run, path in zip(runs, predictions, strict=True)
        }
        pooled = _pool(judged, first, list(assignments), (study, folds, "test"), settings)
    rows = []
    for (model, metric), values in spread.items():
        about = {"study": study, "folds": folds, "model": model, "metric": metric, **_moments(values)}
        if (model, metric) in pooled:
            references = [trivial, *(reference for name, reference in contrasts if name == model)]
            about |= _pooled_row(pooled, model, metric, references, settings["level"])
        rows.append(about)
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["metric", "mean", "model"], ascending=[True, False, True], ignore_index=True
    )
    for name in ("n", "seeds"):
        table[name] = table[name].astype("Int64")
    write_tsv(table_out, table)


def _spread(
    runs: Sequence[tuple[str, str, int]], metrics: Sequence[str | Path]
) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Test figures by (model, metric), then by fold, a number a seed."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for (split, model, _), path in zip(runs, metrics, strict=True):
        for row in read_json(path)["rows"]:
            if row["subset"] == "test" and row["value"] is not None:
                found.setdefault((model, row["metric"]), {}).setdefault(split, []).append(row["value"])
    return found


def _moments(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Mean, standard deviation of a sample (NaN for one fold), least and greatest over folds."""
    means = np.array([np.mean(seeds) for seeds in values.values()])
    deviation = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
    return {"mean": float(means.mean()), "sd": deviation, "min": float(means.min()), "max": float(means.max())}


def _test(judged):
    return judged.take(judged.subset == "test")


def _pool(judged: Mapping, labels: Labels, splits: Sequence[str], names: Sequence[str], settings: Mapping) -> dict:
    """By (model, metric): the mean over seeds, the units, the seeds, the replicates and the number of groups."""
    pooled: dict[tuple[str, str], dict] = {}
    counts = None
    for model in dict.fromkeys(model for _, model, _ in judged):
        seeds = sorted({seed for _, name, seed in judged if name == model})
        found: dict[str, list] = {}
        for seed in seeds:
            whole = join([judged[split, model, seed] for split in splits])
            if counts is None:
                counts = resample_groups(whole.group, settings["replicates"], stream(settings["seed"], *names))
                groups = len(np.unique(whole.group))
            figures = TASKS[labels.task](labels, whole, counts)
            for metric, (value, n) in figures.means.items():
                if np.isfinite(value):
                    found.setdefault(metric, []).append((value, n, figures.replicates[metric], seed))
        for metric, parts in found.items():
            drawn = stream(settings["seed"], *(str(part[3]) for part in parts))
            pooled[model, metric] = {
                "value": float(np.mean([part[0] for part in parts])),
                "n": min(part[1] for part in parts),
                "seeds": len(parts),
                "replicates": combine_seeds(np.stack([part[2] for part in parts]), drawn),
                "groups": groups,
            }
    return pooled


def _pooled_row(pooled: Mapping, model: str, metric: str, references: Sequence[str], level: float) -> dict:
    """The figure of all folds, and its difference from the first of the references that has the metric."""
    reference = next((name for name in references if (name, metric) in pooled), model)
    own, other = pooled[model, metric], pooled[reference, metric]
    row = {key: own[key] for key in ("value", "n", "seeds")}
    told = own["groups"] >= FEWEST_GROUPS
    if told:
        row["low"], row["high"] = interval(own["replicates"], level)
    if reference != model:
        row["reference"] = reference
        row["difference"] = own["value"] - other["value"]
        if told:
            drawn = paired_difference(own["replicates"], other["replicates"])
            row["difference_low"], row["difference_high"] = interval(drawn, level)
    return row


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        summarise_folds(
            [tuple(run) for run in snakemake.params.runs],
            snakemake.input.metrics,
            snakemake.input.predictions,
            snakemake.input.examples,
            dict(zip(snakemake.params.splits, snakemake.input.assignments, strict=True)),
            dict(zip(snakemake.params.splits, snakemake.input.labels, strict=True)),
            snakemake.wildcards.study,
            snakemake.wildcards.folds,
            snakemake.params.trivial,
            snakemake.params.settings,
            snakemake.output.table,
            snakemake.input.get("ontology") or None,
            snakemake.params.borrowed,
            snakemake.params.contrasts,
        )
