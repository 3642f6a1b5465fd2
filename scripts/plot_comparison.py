"""Draw every model of a study beside its trivial baseline and the published figures."""

from collections.abc import Sequence

import pandas as pd

from lexome.forest import comparison_forest
from lexome.look import model_colours, save


def plot_comparison(
    comparison_path: str, metrics: Sequence[str], models: Sequence[str], trivial: str, figure_path: str
) -> None:
    """Write the forest plot of the headline `metrics`; `models` in the config's order give the colours."""
    comparison = pd.read_csv(comparison_path, sep="\t")
    save(comparison_forest(comparison, metrics, trivial, model_colours(models, trivial)), figure_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_comparison(
            snakemake.input.comparison,
            snakemake.params.metrics,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.output.figure,
        )
