"""Train one run (study, split, model, seed) and predict its valid and test examples."""

import functools
import json
import logging
from collections.abc import Mapping, Sequence

from lexome.costs import energy_wh, gpu_power_limit, stopwatch
from lexome.embedding_store import read_embeddings
from lexome.exposure import check_unseen
from lexome.models import KINDS
from lexome.runs import load_run, write_predictions
from lexome.runtime import atomic, job, write_json


def train_model(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    embeddings: str | None,
    tokens: str | None,
    backbone: str | None,
    embedding_parameters: int,
    settings: dict,
    seed: int,
    gpus: int,
    model_path: str,
    predictions_path: str,
    history_path: str,
    cost_path: str,
    corpora: Sequence[Mapping] = (),
) -> None:
    """Write `model/`, `history.jsonl`, `cost.json` and, last, `predictions.parquet`, which vouches for the rest.

    Parameters
    ----------
    embeddings
        Folder of the embeddings that the model reads, or None.
    tokens, backbone
        Folders of the tokens and the pretrained model that a fine-tuned model reads, or None.
    embedding_parameters
        Of the frozen backbone that the embeddings come from; the model cannot be used without them.
    settings
        The model's entry in the config.
    corpora
        What its backbone was adapted to, see `exposure.check_unseen`.
    """
    chosen = {"layers": settings.get("layers"), "pooling": settings.get("pooling")}
    features = functools.partial(read_embeddings, embeddings, **chosen) if embeddings else None
    data = load_run(examples, study_labels, assignment, split_labels, features, tokens, backbone)
    logging.info(
        "%d train, %d valid, %d test examples, %d labels",
        *(len(part.ids) for part in (data.train, data.valid, data.test)),
        len(data.labels),
    )
    check_unseen(corpora, {"valid": data.valid, "test": data.test})
    with stopwatch() as measured:
        trained = KINDS[settings["kind"]](data, settings, seed, model_path, gpus)
    with atomic(history_path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in trained.history), encoding="utf-8")
    write_json(cost_path, describe_cost(trained.cost, measured, embedding_parameters))
    parts = {"valid": (data.valid.ids, trained.valid), "test": (data.test.ids, trained.test)}
    write_predictions(predictions_path, parts)


def describe_cost(cost: dict, measured: dict, embedding_parameters: int) -> dict:
    """What a training took: time of loading its libraries, training and predicting, size, and energy (an estimate)."""
    device = cost.get("device", "cpu")
    return {
        **measured,
        "parameters": cost["parameters"] + embedding_parameters,
        "trained_parameters": cost["trained_parameters"],
        "device": device,
        "energy_wh": energy_wh(**measured, device=device, gpu_watts=gpu_power_limit() if device == "cuda" else None),
    }


if __name__ == "__main__":
    with job(snakemake):
        train_model(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.params.embeddings,
            snakemake.input.tokens or None,
            snakemake.input.backbone or None,
            snakemake.params.embedding_parameters,
            snakemake.params.settings,
            int(snakemake.wildcards.seed),
            snakemake.resources.get("gpu", 0),
            snakemake.output.model,
            snakemake.output.predictions,
            snakemake.output.history,
            snakemake.output.cost,
            snakemake.params.corpora,
        )
