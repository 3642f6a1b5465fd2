"""Draw what a model predicts: its annotations beside the true ones, and how well it does label by label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lexome import figures
from lexome.evaluation import load_judged, load_labels
from lexome.look import model_colours, save
from lexome.reporting import best_model, read_table


def plot_predictions(
    examples_path: str,
    assignment_path: str,
    split_labels_path: str,
    comparison_path: str,
    predictions_paths: Sequence[str],
    per_label_paths: Sequence[str],
    models: Sequence[str],
    trivial: str,
    headline: Sequence[str],
    heatmaps_path: str,
    per_label_figure_path: str,
    best_path: str,
) -> None:
    """Write three pictures of the test subset, which is shown here and chooses nothing.

    Parameters
    ----------
    comparison_path
        Its valid rows choose the model that is shown: the best in the first headline metric.
    predictions_paths, per_label_paths
        Files of every run.
    models
        The model of every run, in the same order, which is that of the config.
    """
    labels = load_labels(split_labels_path)
    nouns = labels.example_noun, labels.label_noun
    model = best_model(read_table(comparison_path), headline[0], trivial) or trivial
    first_run = predictions_paths[list(models).index(model)]
    judged = load_judged(examples_path, assignment_path, labels, first_run)
    test = judged.take(judged.subset == "test")
    save(figures.annotation_heatmaps(test.truth, test.scores, model, *nouns), heatmaps_path)

    metric = label_metric(headline, labels.label_noun)
    files: dict[str, list[np.ndarray]] = {}
    for name, path in zip(models, per_label_paths, strict=True):
        files.setdefault(name, []).append(label_values(pd.read_parquet(path), labels.ids, metric))
    values = {name: mean_defined(parts) for name, parts in files.items()}
    colours = model_colours(list(files), trivial)
    title = f"{labels.label_noun}_{metric}"
    pair = {name: values[name] for name in (trivial, model)}
    save(figures.label_scores(labels.n_train, pair, title, colours, nouns), per_label_figure_path)
    save(figures.best_labels(labels.names, values, model, title, colours, labels.label_noun), best_path)


def label_metric(headline: Sequence[str], label_noun: str) -> str:
    """The column of the per-label tables to draw: that of the first headline metric by label, else auprc."""
    prefix = f"{label_noun}_"
    return next((name.removeprefix(prefix) for name in headline if name.startswith(prefix)), "auprc")


def label_values(table: pd.DataFrame, ids: Sequence[str], metric: str) -> np.ndarray:
    """The test value of every label in the order of `ids`, float64 [L]; NaN where there is none."""
    return table[table["subset"] == "test"].set_index("id")[metric].reindex(ids).to_numpy(dtype=np.float64)


def mean_defined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of arrays of one shape, NaN left out; NaN where all are."""
    stack = np.stack(parts)
    count = np.isfinite(stack).sum(axis=0)
    return np.divide(np.nansum(stack, axis=0), count, out=np.full(stack.shape[1], np.nan), where=count > 0)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_predictions(
            snakemake.input.examples,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.comparison,
            snakemake.input.predictions,
            snakemake.input.per_label,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.params.headline,
            snakemake.output.heatmaps,
            snakemake.output.per_label,
            snakemake.output.best,
        )
