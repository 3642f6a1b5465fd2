"""A trained run of task `tagging` put to use: from its saved model to entities and links of new documents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.runtime import read_json


@dataclass(frozen=True)
class TagPredictor:
    """What a saved model says of documents.

    Attributes
    ----------
    tag
        Documents to the same documents, in the same order, with the entities that the model finds and no links. Of the
        entities that a document has already, models that only name them (a linker of concepts behind a tagger) keep
        the spans and categories; the others do not read them. None of a model that finds no entities.
    link
        Documents to the same documents with the links that the model finds between the entities that they have; links
        that they have already are dropped. None of a model that links nothing.
    """

    tag: Callable[[Sequence[Document]], list[Document]] | None = None
    link: Callable[[Sequence[Document]], list[Document]] | None = None


def _mentions(folder: Path, gpus: int) -> TagPredictor:
    from lexome.tagbaselines import load_mentions

    return TagPredictor(tag=load_mentions(folder))


def _words(folder: Path, gpus: int) -> TagPredictor:
    from lexome.tagwords import load_words

    return TagPredictor(tag=load_words(folder))


def _link_all(folder: Path, gpus: int) -> TagPredictor:
    from lexome.linkbaselines import load_all

    return TagPredictor(link=load_all(folder))


def _link_nearest(folder: Path, gpus: int) -> TagPredictor:
    from lexome.linkbaselines import load_nearest

    return TagPredictor(link=load_nearest(folder))


def _link_features(folder: Path, gpus: int) -> TagPredictor:
    from lexome.linkfeatures import load_features

    return TagPredictor(link=load_features(folder))


def _tag_network(folder: Path, gpus: int) -> TagPredictor:
    from lexome.tagpredict import load_tag_network

    return load_tag_network(folder, gpus)


def _concept_names(folder: Path, gpus: int) -> TagPredictor:
    from lexome.concepts import load_names

    return TagPredictor(tag=load_names(folder).tag)


def _concept_retrieval(folder: Path, gpus: int) -> TagPredictor:
    from lexome.conceptretrieval import load_retrieval

    return TagPredictor(tag=load_retrieval(folder, gpus))


# By kind: the folder `model/` of a run, and the GPUs that may be used, to a predictor.
LOADERS: dict[str, Callable[[Path, int], TagPredictor]] = {
    "mentions": _mentions,
    "words": _words,
    "link_all": _link_all,
    "link_nearest": _link_nearest,
    "link_features": _link_features,
    "concept_names": _concept_names,
    "concept_retrieval": _concept_retrieval,
    "tag_network": _tag_network,
}


def load_tagger(folder: str | Path, gpus: int = 0) -> TagPredictor:
    """Load the model of a run.

    Parameters
    ----------
    folder
        `model/` of a run; it holds all that the model needs, and `config.json` with the model's entry in the config
        under `model`.
    gpus
        GPUs that may be used.

    Raises
    ------
    LexomeError
        If there is no such model, or it is none of documents.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise LexomeError(f"{path}: missing; train this run again")
    told = read_json(path)
    kind = told.get("model", {}).get("kind")
    if kind not in LOADERS:
        raise LexomeError(
            f"{path}: a model of kind {kind} finds no entities in texts; choose one of {', '.join(LOADERS)}"
        )
    return LOADERS[kind](Path(folder), gpus)
