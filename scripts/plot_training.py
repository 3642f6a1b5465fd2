"""Draw the loss and validation curves of every model of a study that trains by epochs."""

from collections.abc import Sequence

from lexome import figures
from lexome.look import model_colours, save
from lexome.runtime import read_history


def plot_training(
    history_paths: Sequence[str], runs: Sequence[str], models: Sequence[str], trivial: str, curves_path: str
) -> None:
    """Write the picture of the curves.

    Parameters
    ----------
    runs
        `model/seed`, in the order of `history_paths`.
    models
        All models of the study in the config's order: a model has the colour of its place.
    """
    histories = [(*run.rsplit("/", 1), read_history(path)) for path, run in zip(history_paths, runs, strict=True)]
    save(figures.training_curves(histories, model_colours(models, trivial)), curves_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_training(
            snakemake.input.history,
            snakemake.params.runs,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.output.curves,
        )
