"""Draw every model of a study beside its trivial baseline and the published figures, and its paired differences."""

from collections.abc import Sequence

import pandas as pd

from lexome.forest import comparison_forest, difference_forest
from lexome.look import model_colours, save


def plot_comparison(
    comparison_path: str,
    differences_path: str,
    metrics: Sequence[str],
    models: Sequence[str],
    trivial: str,
    level: float,
    figure_path: str,
    paired_path: str,
) -> None:
    """Write the forest plots of the headline `metrics` and of the differences in the first of them.

    Parameters
    ----------
    models
        In the config's order, which gives the colours.
    level
        Of the intervals: a difference is clear where its adjusted p is below 1 - level.
    """
    colours = model_colours(models, trivial)
    comparison, differences = (pd.read_csv(path, sep="\t") for path in (comparison_path, differences_path))
    save(comparison_forest(comparison, metrics, trivial, colours), figure_path)
    save(difference_forest(differences, metrics[0], trivial, colours, level), paired_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_comparison(
            snakemake.input.comparison,
            snakemake.input.differences,
            snakemake.params.metrics,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.params.bootstrap["level"],
            snakemake.output.figure,
            snakemake.output.paired,
        )
