"""Draw the loss and validation curves of every model of a study that trains by epochs."""

import json
from collections.abc import Sequence
from pathlib import Path

from lexome import figures
from lexome.errors import LexomeError
from lexome.look import model_colours, save


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


def read_history(path: str) -> list[dict]:
    """Records of a history.jsonl.

    Raises
    ------
    LexomeError
        If a line is no JSON object.
    """
    records = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise LexomeError(f"{path}, line {number}: no JSON object ({error}); train this run again") from error
    return records


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
