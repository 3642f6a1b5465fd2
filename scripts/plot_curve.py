"""Draw a metric against a setting in which several studies of one question differ."""

from collections.abc import Mapping, Sequence

from lexome.curve import gather
from lexome.look import model_colours, save
from lexome.mapfigures import setting_curve
from lexome.runtime import read_json, write_tsv


def plot_curve(
    entries: Sequence[Mapping],
    labels_path: str,
    metrics: Sequence[str],
    label: str,
    models: Sequence[str],
    trivial: str,
    curve_path: str,
    figure_path: str,
) -> None:
    """Write the table and the figure.

    Parameters
    ----------
    entries, metrics
        As in `curve.gather`; the first metric is drawn.
    label
        Of the setting.
    models
        Of all studies, in an order that gives the colours.
    """
    labels = read_json(labels_path)
    curve = gather(entries, metrics)
    write_tsv(curve_path, curve)
    balanced = labels["task"] == "multi_class" and metrics[0] in ("accuracy", "balanced_accuracy")
    colours = model_colours(models, trivial)
    figure = setting_curve(curve, metrics[0], label, colours, trivial, len(labels["labels"]) if balanced else None)
    save(figure, figure_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_curve(
            snakemake.params.entries,
            snakemake.input.labels,
            snakemake.params.metrics,
            snakemake.params.label,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.output.curve,
            snakemake.output.figure,
        )
