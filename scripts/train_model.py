"""Train one run (study, split, model, seed) and predict its valid and test examples."""

import functools
import json
import logging

from lexome.embedding_store import read_embeddings
from lexome.models import KINDS
from lexome.runs import load_run, write_predictions
from lexome.runtime import atomic, job


def train_model(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    embeddings: str | None,
    settings: dict,
    seed: int,
    gpus: int,
    model_path: str,
    predictions_path: str,
    history_path: str,
) -> None:
    """Write `model/`, `predictions.parquet` and `history.jsonl`; predictions last, so that they vouch for the rest.

    Parameters
    ----------
    embeddings
        Folder of the embeddings that the model reads, or None.
    settings
        The model's entry in the config.
    """
    features = functools.partial(read_embeddings, embeddings, layers=settings.get("layers")) if embeddings else None
    data = load_run(examples, study_labels, assignment, split_labels, features)
    logging.info(
        "%d train, %d valid, %d test examples, %d labels",
        *(len(part.ids) for part in (data.train, data.valid, data.test)),
        len(data.labels),
    )
    trained = KINDS[settings["kind"]](data, settings, seed, model_path, gpus)
    with atomic(history_path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in trained.history), encoding="utf-8")
    parts = {"valid": (data.valid.ids, trained.valid), "test": (data.test.ids, trained.test)}
    write_predictions(predictions_path, parts)


if __name__ == "__main__":
    with job(snakemake):
        train_model(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.params.embeddings,
            snakemake.params.settings,
            int(snakemake.wildcards.seed),
            snakemake.resources.get("gpu", 0),
            snakemake.output.model,
            snakemake.output.predictions,
            snakemake.output.history,
        )
