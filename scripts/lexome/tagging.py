"""Runs that find entities and links in documents (task `tagging`): what their models read and leave, and their kinds.

`examples.parquet` of such a study has, beside the columns that all have, `document`: the annotations as
`documents.encode(..., text=False)` writes them, and `links_known`: whether the document was annotated for links.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lexome.documents import Document, Link, decode, encode
from lexome.errors import LexomeError
from lexome.runtime import atomic, read_json
from lexome.tagfound import read_predicted

TASK = "tagging"


@dataclass(frozen=True)
class TagPart:
    """The documents of one subset as a model may see them.

    Attributes
    ----------
    documents
        With entities and links where they may be known to a model; of test, texts alone.
    given
        The same documents with their entities but no links: what a linker is asked about. Taggers must not read it.
    links_known
        Of each document, whether it was annotated for links; only such ones teach and judge linking.
    tagged
        The documents with the entities that the run's tagger found, for links from end to end; empty without a tagger,
        and of train.
    groups
        Group of each document in the study.
    """

    documents: list[Document]
    given: list[Document]
    links_known: list[bool]
    tagged: list[Document] = field(default_factory=list)
    groups: list = field(default_factory=list)


@dataclass(frozen=True)
class TagData:
    """The three subsets of a split, and what is judged.

    Attributes
    ----------
    categories
        Of the entities, in the order of the labels.
    fields
        By name: `category` (whose entities have it) and `values` (sorted).
    backbone
        Folder of the pretrained model; None for kinds that do not load one.
    ontology
        Path of the parsed ontology whose terms `concept` fields name; None without.
    """

    train: TagPart
    valid: TagPart
    test: TagPart
    categories: list[str]
    fields: dict[str, dict]
    backbone: str | None = None
    ontology: str | None = None


@dataclass(frozen=True)
class Tagged:
    """What a tagging model leaves.

    Attributes
    ----------
    valid, test
        Predicted entities of each document, and predicted links between them; None of a model that finds no entities.
    valid_given, test_given
        Predicted links between the annotated entities of each document; None of a model that links nothing.
    history, cost, checkpoints
        As of `models.Trained`.
    """

    valid: list[Document] | None
    test: list[Document] | None
    history: list[dict]
    cost: dict
    valid_given: list[tuple[Link, ...]] | None = None
    test_given: list[tuple[Link, ...]] | None = None
    checkpoints: Path | None = None


def load_tagging(
    examples: str,
    study_labels: str,
    assignment: str,
    tagged: str | None = None,
    backbone: str | None = None,
    ontology: str | None = None,
) -> TagData:
    """Load a split for training. Annotations of test documents are dropped; see `TagPart.given` for what linkers get.

    Parameters
    ----------
    examples, study_labels, assignment
        `examples.parquet`, `labels.json` (with `fields`) and `<split>.parquet`.
    tagged
        `predictions.parquet` of the run whose entities are linked, or None.
    """
    labels = read_json(study_labels)
    table = pd.read_parquet(examples, columns=["id", "text", "group", "document", "links_known"])
    table = pd.read_parquet(assignment, columns=["id", "subset"]).merge(table, on="id", validate="one_to_one")
    found = {} if tagged is None else {key: told for key, (_, told, _) in read_predicted(tagged).items()}
    if tagged is not None and None in found.values():
        raise LexomeError(f"{tagged}: holds no entities; name a tagger that finds some")

    def part(subset: str) -> TagPart:
        rows = table[table["subset"] == subset]
        whole = [
            decode(line, f"{examples}, document {key}", text)
            for key, line, text in zip(rows["id"], rows["document"], rows["text"], strict=True)
        ]
        entities = []
        if found and subset != "train":
            entities = [decode(found[one.id], f"{tagged}, document {one.id}", one.text).unlinked() for one in whole]
        shown = [one.bare() for one in whole] if subset == "test" else whole
        given, known = [one.unlinked() for one in whole], rows["links_known"].tolist()
        return TagPart(shown, given, known, entities, rows["group"].tolist())

    parts = map(part, ("train", "valid", "test"))
    categories = [label["id"] for label in labels["labels"]]
    return TagData(*parts, categories, labels.get("fields", {}), backbone, ontology)


def write_predicted(path: str | Path, data: TagData, result: Tagged) -> None:
    """Write predictions, whole or not at all.

    A parquet file: `id`, `subset`, `document` (JSON of the predicted entities and the links between them, null of a
    model that finds none) and `given_links` (JSON list of the links between the annotated entities, null of a model
    that links nothing).
    """
    rows = []
    for subset, found, given in (
        ("valid", result.valid, result.valid_given),
        ("test", result.test, result.test_given),
    ):
        documents = getattr(data, subset).documents
        for place, document in enumerate(documents):
            links = None if given is None else [_told(link) for link in given[place]]
            rows.append(
                {
                    "id": document.id,
                    "subset": subset,
                    "document": None if found is None else encode(found[place], text=False),
                    "given_links": None if links is None else json.dumps(links),
                }
            )
    table = pd.DataFrame(rows, columns=["id", "subset", "document", "given_links"]).astype(object)
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def _told(link: Link) -> dict:
    return {"members": list(link.members)} | ({} if link.score is None else {"score": link.score})


def mentions(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """A dictionary of the training mentions; see `lexome.tagbaselines`."""
    from lexome import tagbaselines

    return tagbaselines.mentions(data, settings, seed, folder, gpus)


def words(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Logistic regression on windows of words, or a chain over them; see `lexome.tagwords`."""
    from lexome import tagwords

    return tagwords.words(data, settings, seed, folder, gpus)


def link_all(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Every pair of different categories is linked; see `lexome.linkbaselines`."""
    from lexome import linkbaselines

    return linkbaselines.link_all(data, settings, seed, folder, gpus)


def link_nearest(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Nearest ones of the same sentence are linked; see `lexome.linkbaselines`."""
    from lexome import linkbaselines

    return linkbaselines.link_nearest(data, settings, seed, folder, gpus)


def link_features(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """A classifier of pairs of entities; see `lexome.linkfeatures`."""
    from lexome import linkfeatures

    return linkfeatures.link_features(data, settings, seed, folder, gpus)


def tag_network(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """A pretrained encoder with heads for entities, fields and links; see `lexome.tagnetwork`."""
    from lexome import tagnetwork

    return tagnetwork.tag_network(data, settings, seed, folder, gpus)


def concept_names(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Mentions of ontology terms by their names; see `lexome.concepts`."""
    from lexome import concepts

    return concepts.concept_names(data, settings, seed, folder, gpus)


def concept_retrieval(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Mentions of ontology terms by the nearest of their names; see `lexome.conceptretrieval`."""
    from lexome import conceptretrieval

    return conceptretrieval.concept_retrieval(data, settings, seed, folder, gpus)


# By kind: (data, settings, seed, folder of the model, GPUs) to what it leaves. `tagplan` says what each of them does.
KINDS: dict[str, Callable[[TagData, Mapping, int, str | Path, int], Tagged]] = {
    "mentions": mentions,
    "words": words,
    "link_all": link_all,
    "link_nearest": link_nearest,
    "link_features": link_features,
    "concept_names": concept_names,
    "concept_retrieval": concept_retrieval,
    "tag_network": tag_network,
}
