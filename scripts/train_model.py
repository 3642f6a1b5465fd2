"""Train one run (study, split, model, seed) and predict its valid and test examples."""

import functools
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lexome.checksums import verify
from lexome.costs import describe, stopwatch
from lexome.embedding_store import read_embeddings
from lexome.exposure import check_unseen
from lexome.models import KINDS
from lexome.runs import load_run, write_predictions
from lexome.runtime import atomic, job, read_json, write_json


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
    embedded = read_json(Path(embeddings) / "manifest.json") if embeddings else None
    write_json(cost_path, describe_cost(trained.cost, measured, embedding_parameters, embedded))
    parts = {"valid": (data.valid.ids, trained.valid), "test": (data.test.ids, trained.test)}
    write_predictions(predictions_path, parts)
    if trained.checkpoints:
        shutil.rmtree(trained.checkpoints)


def describe_cost(cost: dict, measured: dict, embedding_parameters: int, embedded: dict | None) -> dict:
    """What a run took: of its training (its libraries' loading and predictions included), size, and energy.

    Parameters
    ----------
    cost
        `parameters`, `trained_parameters`, `device` and `cut` (share of the texts read in part only), see `Trained`.
    embedded
        The manifest of the embeddings that the model reads, or None. `embedding_seconds` are those of the whole study,
        shared by all of its models; their energy is in `energy_wh`.
    """
    told = describe(measured, cost.get("device", "cpu"))
    told |= {
        "parameters": cost["parameters"] + embedding_parameters,
        "trained_parameters": cost["trained_parameters"],
        "embedding_seconds": None,
        "cut": cost.get("cut"),
    }
    if embedded:
        told |= {"embedding_seconds": embedded["seconds"], "cut": embedded["truncated"] / max(embedded["rows"], 1)}
        known = told["energy_wh"] is not None and embedded["energy_wh"] is not None
        told["energy_wh"] = told["energy_wh"] + embedded["energy_wh"] if known else None
    return told


if __name__ == "__main__":
    with job(snakemake):
        verify(snakemake.params.checksums)
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
