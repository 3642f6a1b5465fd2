"""Draw what models take for what against how long ago the classes parted."""

from collections.abc import Sequence

from lexome.look import model_colours, save
from lexome.mapfigures import confusion_by_distance
from lexome.maptables import read_table
from lexome.runtime import read_json


def plot_distances(
    pairs_path: str,
    tests_path: str,
    labels_path: str,
    shown: Sequence[str],
    models: Sequence[str],
    trivial: str,
    figure_path: str,
) -> None:
    """Write the figure; `shown` models of all `models`, whose order gives the colours."""
    labels = read_json(labels_path)
    tables = [read_table(path) for path in (pairs_path, tests_path)]
    colours = model_colours(models, trivial)
    save(confusion_by_distance(*tables, list(dict.fromkeys(shown)), colours, labels["example_noun"]), figure_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_distances(
            snakemake.input.pairs,
            snakemake.input.tests,
            snakemake.input.labels,
            snakemake.params.shown,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.output.figure,
        )
