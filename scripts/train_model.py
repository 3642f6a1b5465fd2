"""Train one run (study, split, model, seed) and predict its valid and test examples."""

import dataclasses
import functools
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lexome import models, tagging
from lexome.checksums import verify
from lexome.costs import describe, stopwatch
from lexome.embedding_store import read_embeddings
from lexome.exposure import check_unseen
from lexome.runs import Part, load_run, write_predictions
from lexome.runtime import atomic, job, read_json, write_json

SUBSETS = ("train", "valid", "test")


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
    tagged: str | None = None,
    ontology: str | None = None,
    hits: str | None = None,
    members: dict[str, str] | None = None,
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
    tagged, ontology
        The predictions of the run whose entities a model of task `tagging` reads, and the parsed ontology, or None.
    hits
        The hits of the split that a model carries labels over from, or None.
    members
        The predictions that an ensemble averages, by model, or None.
    """
    chosen = {"layers": settings.get("layers"), "pooling": settings.get("pooling")}
    features = functools.partial(read_embeddings, embeddings, **chosen) if embeddings else None
    tags = read_json(study_labels)["task"] == tagging.TASK
    if tags:
        data = tagging.load_tagging(examples, study_labels, assignment, tagged, backbone, ontology)
        parts, judged = {name: _texts(getattr(data, name)) for name in SUBSETS}, data.categories
    else:
        data = load_run(examples, study_labels, assignment, split_labels, features, tokens, backbone, hits)
        data = dataclasses.replace(data, members=members or {})
        parts, judged = {name: getattr(data, name) for name in SUBSETS}, data.labels
    sizes = (len(part.ids) for part in parts.values())
    logging.info("%d train, %d valid, %d test examples, %d labels", *sizes, len(judged))
    check_unseen(corpora, {"valid": parts["valid"], "test": parts["test"]})
    kinds = tagging.KINDS if tags else models.KINDS
    with stopwatch() as measured:
        trained = kinds[settings["kind"]](data, settings, seed, model_path, gpus)
    with atomic(history_path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in trained.history), encoding="utf-8")
    embedded = read_json(Path(embeddings) / "manifest.json") if embeddings else None
    write_json(cost_path, describe_cost(trained.cost, measured, embedding_parameters, embedded))
    if tags:
        tagging.write_predicted(predictions_path, data, trained)
    else:
        scored = {"valid": (data.valid.ids, trained.valid), "test": (data.test.ids, trained.test)}
        write_predictions(predictions_path, scored)
    if trained.checkpoints:
        shutil.rmtree(trained.checkpoints)


def _texts(part: tagging.TagPart) -> Part:
    """What `exposure` has to know of documents."""
    ids, texts = ([getattr(document, key) for document in part.documents] for key in ("id", "text"))
    return Part(ids, None, None, texts, groups=part.groups)


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
            snakemake.input.tagger or None,
            snakemake.input.ontology or None,
            snakemake.input.hits or None,
            dict(zip(snakemake.params.members, snakemake.input.members, strict=True)),
        )
