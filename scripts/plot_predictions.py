"""Draw what a model predicts beside what is true, and how well the models do label by label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lexome import classfigures, figures
from lexome.evaluation import Judged, Labels, load_judged, load_labels
from lexome.look import model_colours, save
from lexome.multiclass import calibration, confusion_matrix, multi_class_metrics
from lexome.reporting import best_model, read_table


@dataclass(frozen=True)
class Results:
    """What the pictures of a split are drawn from."""

    labels: Labels
    test: Judged  # of the first run of `model`
    model: str  # the best one on valid
    trivial: str
    headline: Sequence[str]
    tables: Mapping[str, list[pd.DataFrame]]  # the per-label tables of every run, by model
    comparison: pd.DataFrame

    def means(self, column: str) -> dict[str, np.ndarray]:
        """Model -> mean over its runs of a figure of every label on test, float64 [L]."""
        return {
            name: mean_defined([label_values(table, self.labels.ids, column) for table in tables])
            for name, tables in self.tables.items()
        }


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
    predicted_path: str,
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
    labels, comparison = load_labels(split_labels_path), read_table(comparison_path)
    model = best_model(comparison, headline[0], trivial) or trivial
    first_run = predictions_paths[list(models).index(model)]
    judged = load_judged(examples_path, assignment_path, labels, first_run)
    tables: dict[str, list[pd.DataFrame]] = {}
    for name, path in zip(models, per_label_paths, strict=True):
        tables.setdefault(name, []).append(pd.read_parquet(path))
    test = judged.take(judged.subset == "test")
    drawn = TASKS[labels.task](Results(labels, test, model, trivial, headline, tables, comparison))
    for figure, path in zip(drawn, (predicted_path, per_label_figure_path, best_path), strict=True):
        save(figure, path)


def draw_labels(results: Results) -> tuple[Figure, Figure, Figure]:
    """Heat maps, a cloud of labels by training examples, and the best labels by name."""
    labels, test, model = results.labels, results.test, results.model
    nouns = labels.example_noun, labels.label_noun
    metric = label_metric(results.headline, labels.label_noun)
    values, title = results.means(metric), f"{labels.label_noun}_{metric}"
    colours = model_colours(list(values), results.trivial)
    pair = {name: values[name] for name in (results.trivial, model)}
    return (
        figures.annotation_heatmaps(test.truth, test.scores, model, *nouns, known=test.known),
        figures.label_scores(labels.n_train, pair, title, colours, nouns),
        figures.best_labels(labels.names, values, model, title, colours, labels.label_noun),
    )


def draw_classes(results: Results) -> tuple[Figure, Figure, Figure]:
    """Confusion matrix with calibration, precision and recall by class, and F1 by class, the best one first."""
    labels, test = results.labels, results.test
    colours = model_colours(list(results.tables), results.trivial)
    common = np.argsort(-labels.n_train, kind="stable")
    best = np.argsort(-np.nan_to_num(results.means("f1")[results.model], nan=-1.0), kind="stable")

    def bars(metrics: Sequence[str], order: np.ndarray) -> Figure:
        panels = {name: {model: value[order] for model, value in results.means(name).items()} for name in metrics}
        ends = {name: class_intervals(results.comparison, labels.ids, name, results.tables) for name in metrics}
        ends = {name: {model: value[order] for model, value in of_model.items()} for name, of_model in ends.items()}
        names = [labels.names[place] for place in order]
        return classfigures.class_bars(names, panels, ends, colours, labels.label_noun)

    predicted = classfigures.confusion_and_calibration(
        confusion_matrix(test.truth, test.scores),
        calibration(test.truth, test.scores),
        multi_class_metrics(test.truth, test.scores)["ece"][0],
        labels.names,
        results.model,
        labels.example_noun,
        labels.label_noun,
    )
    return predicted, bars(["precision", "recall"], common), bars(["f1"], best)


TASKS: dict[str, Callable[[Results], tuple[Figure, Figure, Figure]]] = {
    "multi_label": draw_labels,
    "multi_class": draw_classes,
}


def class_intervals(
    comparison: pd.DataFrame, ids: Sequence[str], metric: str, models: Sequence[str]
) -> dict[str, np.ndarray]:
    """Model -> low and high of `<id>_<metric>` on test, float64 [L, 2]; NaN where the comparison has none."""
    rows = comparison[(comparison["subset"] == "test") & (comparison["source"] == "measured")]
    rows = rows.set_index(["model", "metric"])[["low", "high"]]
    wanted = [[(model, f"{name}_{metric}") for name in ids] for model in models]
    return {model: rows.reindex(keys).to_numpy(np.float64) for model, keys in zip(models, wanted, strict=True)}


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
            snakemake.output.predicted,
            snakemake.output.per_label,
            snakemake.output.best,
        )
