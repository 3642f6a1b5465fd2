"""Judge a run's predictions on valid, test and distant test examples; no other script judges on test."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.bootstrap import resample_groups, stream
from lexome.errors import LexomeError
from lexome.evaluation import TASKS, load_labels, load_task, subsets, with_ontology
from lexome.runtime import atomic, read_json, write_json, write_parquet

log = logging.getLogger(__name__)


def evaluate_model(
    examples: str | Path,
    assignment: str | Path,
    labels: str | Path,
    predictions: str | Path,
    settings: dict,
    metrics_out: str | Path,
    replicates_out: str | Path,
    per_label_out: str | Path,
    study: str,
    split: str,
    model: str,
    seed: int,
    ontology: str | Path | None = None,
    borrowed: bool = False,
    study_labels: str | Path | None = None,
) -> None:
    """Write a run's metrics, their bootstrap replicates and a table by label.

    Nothing is chosen here: what is judged was fixed on training examples, and no other stage reads these
    figures but to show them.

    Parameters
    ----------
    examples, assignment, labels, predictions
        `examples.parquet`, `<split>.parquet`, `<split>.labels.json` and the run's `predictions.parquet`.
    settings
        `replicates`: bootstrap resamples; `seed`: theirs; `level`: of the intervals, which `compare_models`
        makes; `distant`: a test example is distant below this similarity (0..1) to every training example.
    metrics_out
        JSON: `rows` with study, split, subset, model, seed, metric, value (null where no unit is defined) and
        n, the defined units; `meta` with the settings, every subset's size and fingerprint and the shifts of
        its replicates.
    replicates_out
        npz: `<subset>/<metric>` -> float64 [replicates], centred on the value.
    per_label_out
        Parquet: id, name, subset, n_train, n_known and n_positive (examples of the subset for which the label is
        known, and true), then the figures of `metrics.unit_metrics` or `multiclass.class_figures`, NaN where undefined.
        Of entities: as `tagjudged.label_table`.
    study, split, model, seed
        Name the run. Resamples depend on study, split and subset only, so every model gets the same ones.
    ontology
        Parsed, whose terms a study's labels or concepts are; None for studies without.
    borrowed
        Whether the model only links entities that another one found: the figures of these are the other's.
    study_labels
        The study's `labels.json`; read where labels are terms of an ontology.

    Raises
    ------
    LexomeError
        If the files do not fit together or the task is unknown.
    """
    vocabulary = load_labels(labels)
    judged = load_task(examples, assignment, vocabulary, predictions, ontology, borrowed)
    if ontology and vocabulary.task == "multi_label":
        every = [label["id"] for label in read_json(study_labels)["labels"]]
        vocabulary = with_ontology(vocabulary, pd.read_parquet(ontology), examples, assignment, every)

    rows, replicates, tables, about = [], {}, [], {}
    for subset, mask in subsets(judged, settings["distant"]).items():
        part = judged.take(mask)
        counts = resample_groups(part.group, settings["replicates"], stream(settings["seed"], study, split, subset))
        figures = TASKS[vocabulary.task](vocabulary, part, counts)
        run = {"study": study, "split": split, "subset": subset, "model": model, "seed": int(seed)}
        for metric, (value, n) in figures.means.items():
            rows.append({**run, "metric": metric, "value": _or_null(value), "n": n})
            replicates[f"{subset}/{metric}"] = figures.replicates[metric]
            log.info("%s %s = %.4g (n = %d)", subset, metric, value, n)
        figures.per_label.insert(2, "subset", subset)
        tables.append(figures.per_label)
        about[subset] = {
            "examples": len(part.ids),
            "groups": len(np.unique(part.group)),
            "digest": part.digest(),
            "shifts": {metric: _or_null(shift) for metric, shift in figures.shifts.items()},
        }

    if not rows:
        raise LexomeError(f"{assignment}: neither valid nor test examples to judge")
    with atomic(replicates_out) as temporary, temporary.open("wb") as file:
        np.savez(file, **replicates)
    write_parquet(per_label_out, pd.concat(tables, ignore_index=True))
    write_json(metrics_out, {"rows": rows, "meta": {"settings": dict(settings), "subsets": about}})


def _or_null(value: float) -> float | None:
    return None if np.isnan(value) else value


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        evaluate_model(
            snakemake.input.examples,
            snakemake.input.assignment,
            snakemake.input.labels,
            snakemake.input.predictions,
            snakemake.params.settings,
            snakemake.output.metrics,
            snakemake.output.replicates,
            snakemake.output.per_label,
            snakemake.wildcards.study,
            snakemake.wildcards.split,
            snakemake.wildcards.model,
            int(snakemake.wildcards.seed),
            snakemake.input.get("ontology") or None,
            snakemake.params.borrowed,
            snakemake.input.study_labels,
        )
