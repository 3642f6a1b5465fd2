"""What a run says of entities and links beside what is annotated, as sums over documents, and the figures of them."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from lexome.bootstrap import FEWEST_GROUPS
from lexome.documents import Document, Entity, Link, decode
from lexome.errors import LexomeError
from lexome.tagfound import read_predicted
from lexome.tagmetrics import CONCEPT, document_sums, figures, match_overlapping, rates, shared_counts

LABEL_FIGURES = ("precision", "recall", "f1", "partial_f1")
LINKING = ("link", "joint_link", "joint_link_partial")
# Families that are told only of runs that name concepts.
NAMING = ("concept", "concept_document", "concept_hierarchical", "concept_unseen")
# Attributes of `TagJudged` with a row a document.
BY_DOCUMENT = ("ids", "subset", "group", "nearest_train", "marks")
SUMMED = ("sums", "labels")


@dataclass(frozen=True)
class TagJudged:
    """Documents of a split with the units that were found, sorted by id.

    Attributes
    ----------
    ids, subset, group, nearest_train
        As in `evaluation.Judged`.
    marks
        Fingerprint of each document's annotation, to know two models' figures as comparable.
    sums
        Family -> float64 [n, 3], see `tagmetrics`; only of families that the run has.
    labels
        (`category` or field, label) -> float64 [n, 4]: right (strict), predicted and true entities that bear the label,
        and those right by overlap.
    learnt
        (`category` or field, label) -> entities of training documents that bear it.
    """

    ids: np.ndarray
    subset: np.ndarray
    group: np.ndarray
    nearest_train: np.ndarray
    marks: np.ndarray
    sums: dict[str, np.ndarray]
    labels: dict[tuple[str, str], np.ndarray]
    learnt: Mapping[tuple[str, str], int]

    def take(self, rows: np.ndarray) -> "TagJudged":
        """The documents at a mask or at positions."""
        kept = {name: getattr(self, name)[rows] for name in BY_DOCUMENT}
        summed = {name: {key: part[rows] for key, part in getattr(self, name).items()} for name in SUMMED}
        return replace(self, **kept, **summed)

    def digest(self) -> str:
        """Fingerprint of documents, groups and annotations."""
        told = "\0".join([*map(str, self.ids), *map(str, self.group), *self.marks])
        return hashlib.sha256(told.encode()).hexdigest()


def load_tagged(
    examples: str | Path,
    assignment: str | Path,
    about: Mapping,
    predictions: str | Path,
    ontology: str | Path | None = None,
    borrowed: bool = False,
) -> TagJudged:
    """Valid and test documents of a split, and what a run found in them.

    A family of figures that the run does not have is left out: entities and words of a run that finds no entities,
    links of one that links nothing, a field that it never gives, concepts where it names none. A run that could find
    entities but found not one keeps them all, at 0: without them the mean over seeds or folds would pass it over.

    Parameters
    ----------
    examples, assignment, predictions
        Paths of `examples.parquet`, `splits/<split>.parquet` and a run's `predictions.parquet`.
    about
        `<split>.labels.json`: its `labels`, `fields`, `links` and `concept_field`.
    ontology
        Parsed, for the ancestors of concepts; None: there are no hierarchical figures.
    borrowed
        Whether the entities are those of another run, which has the figures of them; only the links are judged then.

    Raises
    ------
    LexomeError
        If the predictions do not cover exactly the valid and test documents, stand under another subset than the split
        says, or do not fit the texts.
    """
    split = pq.read_table(assignment, columns=["id", "subset", "group", "nearest_train"]).to_pandas()
    table = pd.read_parquet(examples, columns=["id", "text", "document", "links_known"])
    table = split.merge(table, on="id", validate="one_to_one").sort_values("id", ignore_index=True)
    if len(table) < len(split):
        raise LexomeError(f"{examples}: lacks documents of {assignment}; make the split again")
    learning = table["subset"] == "train"
    train, held_out = table[learning], table[~learning]
    found = read_predicted(predictions)
    _check_cover(held_out, found, predictions, assignment)

    true = _documents(held_out, examples)
    told = [found[key] for key in held_out["id"]]
    predicted = _found(told, held_out, predictions)
    given = None if not about.get("links") or any(links is None for *_, links in told) else [row[2] for row in told]
    concepts = about.get("concept_field") == CONCEPT
    categories = [label["id"] for label in about["labels"]]
    learnt = Counter(pair for document in _documents(train, examples) for pair in _labels(document, about))
    sums = document_sums(
        true,
        predicted,
        given,
        held_out["links_known"].tolist(),
        fields=_given_fields(about, predicted),
        concepts=concepts,
        # Of a single category it would be the figure of all once more.
        categories=categories if len(categories) > 1 else (),
        ancestors=None if ontology is None or not concepts else strict_ancestors(ontology),
        # By subset, which are judged apart: a group may lie in two of them.
        groups=list(zip(held_out["subset"], held_out["group"], strict=True)),
        trained={value for kind, value in learnt if kind == CONCEPT},
    )
    if concepts and not _names(predicted, CONCEPT):
        sums = {
            family: rows for family, rows in sums.items() if family not in NAMING and not family.endswith("_concept")
        }
    if borrowed:
        sums = {family: rows for family, rows in sums.items() if family in LINKING}
    if not sums:
        raise LexomeError(f"{predictions}: no entities and no links, so that nothing can be judged")
    marks = [hashlib.sha256(line.encode()).hexdigest()[:16] for line in held_out["document"]]
    return TagJudged(
        held_out["id"].to_numpy(),
        held_out["subset"].to_numpy(),
        held_out["group"].to_numpy(),
        held_out["nearest_train"].to_numpy(dtype=np.float32),
        np.array(marks, dtype=object),
        sums,
        {} if predicted is None or borrowed else _label_sums(true, predicted, about),
        learnt,
    )


def join_tagged(parts: Sequence[TagJudged]) -> TagJudged:
    """Several sets of documents (of folds) as one; figures that not all of them have are left out."""
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in BY_DOCUMENT}
    for name in SUMMED:
        values = [getattr(part, name) for part in parts]
        shared = [key for key in values[0] if all(key in value for value in values)]
        whole[name] = {key: np.concatenate([value[key] for value in values]) for key in shared}
    return replace(parts[0], **whole)


def means_and_replicates(judged: TagJudged, counts: np.ndarray) -> tuple[dict, dict[str, np.ndarray]]:
    """Metric -> (figure, true units), and metric -> float64 [B] under the resamples [B, n].

    Where fewer than `FEWEST_GROUPS` groups of documents have units of a family (the few that are annotated for links,
    say), resamples would pass chance off as certainty: they are NaN, and the figures have no interval.
    """
    moved = {}
    for family, rows in judged.sums.items():
        few = len(np.unique(judged.group[rows[:, 2] > 0])) < FEWEST_GROUPS
        moved |= {
            metric: np.full(len(counts), np.nan) if few else values
            for metric, values in figures({family: rows}, counts).items()
        }
    return figures(judged.sums), moved


def label_table(judged: TagJudged, names: Mapping[str, str]) -> pd.DataFrame:
    """A row a category, and a row a value of a field: strict figures of the entities that bear it.

    Parameters
    ----------
    names
        Of the categories, by id.

    Returns
    -------
    DataFrame
        `id` (category, or value of a field), `name`, `kind` (`category` or the field), `n_train` and `n_positive`
        (entities with it in train and in these documents), `n_predicted`, and `LABEL_FIGURES` (float, NaN: undefined).
    """
    rows = []
    for (kind, label), counts in judged.labels.items():
        right, predicted, true, overlapping = counts.sum(axis=0)
        values = [float(value) for value in rates(right, predicted, true)]
        partial = float(rates(overlapping, predicted, true)[2])
        name = names.get(label, label) if kind == "category" else f"{kind}: {label}"
        n_train = judged.learnt.get((kind, label), 0)
        about = {"id": label, "name": name, "kind": kind, "n_train": n_train, "n_positive": int(true)}
        rows.append(about | {"n_predicted": int(predicted)} | dict(zip(LABEL_FIGURES, [*values, partial], strict=True)))
    columns = ["id", "name", "kind", "n_train", "n_positive", "n_predicted", *LABEL_FIGURES]
    return pd.DataFrame(rows, columns=columns)


def strict_ancestors(ontology: str | Path):
    """A function: the terms above a term, itself and the root aside; nothing for an id that is not live."""
    from lexome.ontology import ROOTS, ancestor_closure

    closure, known = ancestor_closure(pd.read_parquet(ontology)), {}
    roots = set(ROOTS.values())

    def ancestors(term: str) -> frozenset[str]:
        if term not in known:
            above = closure.ancestors(term) if term in closure.terms else ()
            known[term] = frozenset(above) - roots - {term}
        return known[term]

    return ancestors


def _documents(rows: pd.DataFrame, path: str | Path) -> list[Document]:
    return [
        decode(line, f"{path}, document {key}", text)
        for key, line, text in zip(rows["id"], rows["document"], rows["text"], strict=True)
    ]


def _found(
    told: Sequence[tuple[str, str | None, tuple[Link, ...] | None]], rows: pd.DataFrame, path: str | Path
) -> list[Document] | None:
    lines = [line for _, line, _ in told]
    if any(line is None for line in lines):
        return None
    return _documents(rows.assign(document=lines), path)


def _check_cover(held_out: pd.DataFrame, found: Mapping, path: str | Path, assignment: str | Path) -> None:
    missing = [key for key in held_out["id"] if key not in found]
    if missing:
        raise LexomeError(f"{path}: {len(missing)} documents are missing, first {missing[0]}; train the model again")
    if len(found) > len(held_out):
        raise LexomeError(f"{path}: {len(found) - len(held_out)} rows are no valid or test documents of {assignment}")
    wrong = [key for key, subset in zip(held_out["id"], held_out["subset"], strict=True) if found[key][0] != subset]
    if wrong:
        raise LexomeError(f"{path}: subsets differ from {assignment}, first of {wrong[0]}; train the model again")


def _names(documents: Sequence[Document] | None, field: str) -> bool:
    """Whether entities have the field; they might, where there are none."""
    entities = [entity for document in documents or () for entity in document.entities]
    return not entities or any(field in entity.fields for entity in entities)


def _given_fields(about: Mapping, predicted: Sequence[Document] | None) -> dict[str, Mapping]:
    """The fields that are judged: those that the run ever gives, the concept aside."""
    fields = about.get("fields") or {}
    return {name: owner for name, owner in fields.items() if name != CONCEPT and _names(predicted, name)}


def _labels(document: Document, about: Mapping) -> Iterator[tuple[str, str]]:
    for entity in document.entities:
        yield from _labels_of(entity, about)


def _labels_of(entity: Entity, about: Mapping) -> Iterator[tuple[str, str]]:
    """The category of an entity, and the values of its fields: (kind, label)."""
    yield "category", entity.category
    fields = about.get("fields") or {}
    for name, value in entity.fields.items():
        if name == CONCEPT or (name in fields and fields[name].get("category") in (None, entity.category)):
            yield name, value


def _label_sums(
    true: Sequence[Document], predicted: Sequence[Document], about: Mapping
) -> dict[tuple[str, str], np.ndarray]:
    """Right, predicted and true entities with a label, and those right by overlap, by document."""
    # Concepts are too many, and too few of each, for a row of their own.
    keys = [("category", label["id"]) for label in about["labels"]]
    keys += [(name, value) for name in _given_fields(about, predicted) for value in about["fields"][name]["values"]]
    sums = {key: np.zeros((len(true), 4)) for key in keys}
    for place, (one, other) in enumerate(zip(true, predicted, strict=True)):
        bags: tuple[dict, dict] = ({}, {})
        for bag, document in zip(bags, (one, other), strict=True):
            for entity in document.entities:
                for key in _labels_of(entity, about):
                    bag.setdefault(key, Counter())[entity.category, entity.spans] += 1
        overlapping = Counter(
            key
            for first, second in match_overlapping(one.entities, other.entities)
            for key in set(_labels_of(one.entities[first], about)) & set(_labels_of(other.entities[second], about))
        )
        for key in keys:
            counts = shared_counts(bags[0].get(key, Counter()), bags[1].get(key, Counter()))
            sums[key][place] = *counts, overlapping[key]
    return sums
