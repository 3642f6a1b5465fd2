"""How well entities, links and concepts were found: sums over documents, from which every figure follows.

Every figure is a precision, a recall or an F1 of one family of units: a model gave `predicted` units, `true` units are
annotated, and `right` ones are both. The three are counted by document and summed over documents (micro average), so
a resample of the documents needs no more than a product of matrices. Families:

- `entity`: entities of the right category with exactly the right spans (strict).
- `partial`: entities of the right category whose spans overlap, paired one to one by `match_overlapping`.
- `word`: words (parts of the text between white space) that bear a category, as the published project counts: a word
  bears the category of the first entity that overlaps it. `word_bio` tells the first word of an entity from the others.
- `<field>_word`: the same with the value of a field instead of the category.
- `link`: unordered pairs of annotated entities that share a link, in documents annotated for links.
- `joint_link`: pairs of entities that were found by the model itself; right if both are strictly right and their true
  counterparts share a link. `joint_link_partial`: if both match by overlap.
- `concept_span`: exact spans of mentions of concepts; `concept`: with the right concept; `<category>_concept`: the same
  of the mentions of one category (an aspect of the Gene Ontology, say); `concept_document`: the
  concepts of a document (of a group of documents, where long ones were cut); `concept_hierarchical`: each concept with
  its ancestors, mention by mention (hierarchical precision, recall and F of Kiritchenko et al., AI 2006: the ancestors
  without the root); `concept_unseen` (recall only): mentions of concepts that no training document mentions. A mention
  without a term ("NIL") claims no concept: it counts as a span alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from lexome.documents import Document, Entity, Link, linked_pairs

NIL = "NIL"
CONCEPT = "concept"
WORD = re.compile(r"\S+")
PARTS = ("precision", "recall", "f1")
# Families of which not all three figures are told.
TOLD = {"word_bio": ("f1",), "joint_link_partial": ("f1",), "concept_unseen": ("recall",)}
ONLY_F1 = ("concept_document", "concept_hierarchical", "concept_span")

Sums = dict[str, np.ndarray]  # family -> float64 [n, 3]: right, predicted, true


def score(
    true: Sequence[Document],
    predicted: Sequence[Document] | None,
    given_links: Sequence[Sequence[Link]] | None = None,
    links_known: Sequence[bool] | None = None,
    **options,
) -> dict[str, float]:
    """Every figure that the predictions have, over all documents.

    Parameters
    ----------
    true, predicted, given_links, links_known, options
        As in `document_sums`.

    Returns
    -------
    Metric -> 0..1; 0 where nothing is right, NaN where nothing is annotated (precision: predicted).
    """
    sums = document_sums(true, predicted, given_links, links_known, **options)
    return {name: value for name, (value, _) in figures(sums).items()}


def document_sums(
    true: Sequence[Document],
    predicted: Sequence[Document] | None,
    given_links: Sequence[Sequence[Link]] | None = None,
    links_known: Sequence[bool] | None = None,
    *,
    fields: Mapping[str, Mapping] | None = None,
    concepts: bool = False,
    categories: Sequence[str] = (),
    ancestors: Callable[[str], Collection[str]] | None = None,
    groups: Sequence | None = None,
    trained: Collection[str] | None = None,
) -> Sums:
    """Right, predicted and true units of each family in each document.

    Parameters
    ----------
    true
        Annotated documents.
    predicted
        The same documents, in this order, with the entities and links that a model found; None of a model that finds
        no entities.
    given_links
        The links that it sees between the annotated entities; None of a model that links nothing, which has no figures
        of links.
    links_known
        Which documents were annotated for links; None: all. The others say nothing of links.
    fields
        By name: `category`, whose entities have the field. None: every field of the true entities but the concept.
    concepts
        Whether entities name concepts (field `concept`).
    categories
        Those with figures of concepts of their own (`<category>_concept`).
    ancestors
        The terms above a concept, itself and the root aside; without it there is no `concept_hierarchical`.
    groups
        What each document is a part of, for `concept_document`; None: each stands for itself.
    trained
        Concepts of training documents, for `concept_unseen`.

    Returns
    -------
    Family -> float64 [n, 3].

    Raises
    ------
    ValueError
        If the documents do not correspond.
    """
    for what in (predicted, given_links, links_known, groups):
        if what is not None and len(what) != len(true):
            raise ValueError(f"{len(what)} predictions or marks of {len(true)} documents")
    known = np.ones(len(true), dtype=bool) if links_known is None else np.asarray(links_known, dtype=bool)
    sums: Sums = {}
    if predicted is not None:
        for one, other in zip(true, predicted, strict=True):
            if one.id != other.id or one.text != other.text:
                raise ValueError(f"the prediction of document {one.id} is of another document or text ({other.id})")
        sums |= _entity_sums(true, predicted)
        sums |= _word_sums(true, predicted, field_owners(true) if fields is None else fields)
        if concepts:
            sums |= _concept_sums(true, predicted, categories, ancestors, groups, trained)
    if given_links is not None:
        truly = [linked_pairs(document) for document in true]
        told = [linked_pairs(Document("", "", links=tuple(links))) for links in given_links]
        sums["link"] = _rows((len(a & b), len(b), len(a)) for a, b in zip(truly, told, strict=True)) * known[:, None]
        if predicted is not None:
            sums |= {name: rows * known[:, None] for name, rows in _joint_sums(true, predicted, truly).items()}
    return sums


def figures(sums: Mapping[str, np.ndarray], weights: np.ndarray | None = None) -> dict:
    """Precision, recall and F1 of each family, as far as they are told.

    Parameters
    ----------
    sums
        From `document_sums`.
    weights
        [B, n]: how often each document comes along in each resample; None: once.

    Returns
    -------
    Without weights metric -> (figure, n), n the true units; with weights metric -> float64 [B]. NaN where a figure is
    not defined: a precision where nothing was predicted, a recall or an F1 where nothing is annotated.
    """
    told = {}
    for family, rows in sums.items():
        right, predicted, true = rows.sum(axis=0) if weights is None else (weights.astype(np.float64) @ rows).T
        values = dict(zip(PARTS, rates(right, predicted, true), strict=True))
        for part in TOLD.get(family, ("f1",) if family in ONLY_F1 or _of_part(family) else PARTS):
            told[f"{family}_{part}"] = (float(values[part]), int(true)) if weights is None else values[part]
    return told


def rates(right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of counts of any shape; NaN as `figures` says."""
    right, predicted, true = (np.asarray(part, dtype=np.float64) for part in (right, predicted, true))
    out = []
    for above, below, defined in (
        (right, predicted, predicted > 0),
        (right, true, true > 0),
        (2 * right, predicted + true, true > 0),
    ):
        out.append(np.divide(above, below, out=np.full(right.shape, np.nan), where=defined))
    return tuple(out)


def word_bounds(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the words of a text (what stands between white space) start, and end: int64 [words] each."""
    found = [match.span() for match in WORD.finditer(text)]
    return tuple(np.array(found, dtype=np.int64).reshape(-1, 2).T)


def word_labels(
    bounds: tuple[np.ndarray, np.ndarray], entities: Iterable[Entity], label: Callable[[Entity], str | None]
) -> tuple[np.ndarray, np.ndarray]:
    """The label of each word, and whether it is the first word of its entity.

    A word bears the label of the entity that overlaps it and starts first; of those that start together, the longer.

    Parameters
    ----------
    bounds
        From `word_bounds`.
    label
        Gives an entity's label; None: the entity is left out.

    Returns
    -------
    Object [words] of labels, None where there is none; bool [words].
    """
    starts, ends = bounds
    labels, first = np.full(len(starts), None, dtype=object), np.zeros(len(starts), dtype=bool)
    # The last one written stays.
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end), reverse=True):
        named = label(entity)
        if named is None:
            continue
        for place, (start, end) in enumerate(entity.spans):
            words = slice(np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end, side="left"))
            labels[words], first[words] = named, False
            if place == 0:
                first[words.start : min(words.start + 1, words.stop)] = True
    return labels, first


def match_overlapping(true: Sequence[Entity], predicted: Sequence[Entity]) -> list[tuple[int, int]]:
    """Pairs of a true and a predicted entity of one category whose spans overlap, each in one pair at most.

    Greedy: the pair that shares the most characters first; of equal ones the one that stands first in the text. So a
    predicted entity over two true ones finds one of them.

    Returns
    -------
    Positions in `true` and `predicted`.
    """
    candidates = []
    for place, one in enumerate(true):
        for position, other in enumerate(predicted):
            if one.category == other.category and one.start < other.end and other.start < one.end:
                shared = overlap(one.spans, other.spans)
                if shared:
                    candidates.append((-shared, one.start, other.start, place, position))
    pairs, used, taken = [], set(), set()
    for *_, place, position in sorted(candidates):
        if place not in used and position not in taken:
            used.add(place)
            taken.add(position)
            pairs.append((place, position))
    return sorted(pairs)


def overlap(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> int:
    """Characters that two lists of spans share."""
    return sum(max(0, min(end, until) - max(start, begin)) for start, end in spans for begin, until in others)


def field_owners(documents: Iterable[Document]) -> dict[str, dict]:
    """The fields of the entities of documents but the concept; their categories are not told, any may have them."""
    names = {name for document in documents for entity in document.entities for name in entity.fields}
    return {name: {"category": None} for name in sorted(names - {CONCEPT})}


def field_label(name: str, owner: Mapping) -> Callable[[Entity], str | None]:
    """The value of a field, of entities of the category that has it."""
    category = owner.get("category")
    return lambda entity: entity.fields.get(name) if category in (None, entity.category) else None


def _of_part(family: str) -> bool:
    return family.endswith(("_word", "_concept"))


def _rows(rows: Iterable[tuple[float, float, float]]) -> np.ndarray:
    return np.array(list(rows), dtype=np.float64).reshape(-1, 3)


def shared_counts(true: Counter, predicted: Counter) -> tuple[int, int, int]:
    """Right, predicted and true units of two bags."""
    return (true & predicted).total(), predicted.total(), true.total()


def _entity_sums(true: Sequence[Document], predicted: Sequence[Document]) -> Sums:
    strict, partial = [], []
    for one, other in zip(true, predicted, strict=True):
        units = [Counter((entity.category, entity.spans) for entity in part.entities) for part in (one, other)]
        strict.append(shared_counts(*units))
        pairs = match_overlapping(one.entities, other.entities)
        partial.append((len(pairs), len(other.entities), len(one.entities)))
    return {"entity": _rows(strict), "partial": _rows(partial)}


def _word_sums(true: Sequence[Document], predicted: Sequence[Document], fields: Mapping[str, Mapping]) -> Sums:
    labellers = {"word": lambda entity: entity.category}
    labellers |= {f"{name}_word": field_label(name, owner) for name, owner in fields.items()}
    rows: dict[str, list] = {name: [] for name in ("word", "word_bio", *labellers)}
    for one, other in zip(true, predicted, strict=True):
        bounds = word_bounds(one.text)
        for name, label in labellers.items():
            (truly, opens), (told, begins) = (word_labels(bounds, part.entities, label) for part in (one, other))
            # `!=` of object arrays gives an object array where None meets text.
            borne, said = (np.array([value is not None for value in part], dtype=bool) for part in (truly, told))
            right = borne & np.array([a == b for a, b in zip(truly, told, strict=True)], dtype=bool)
            rows[name].append((right.sum(), said.sum(), borne.sum()))
            if name == "word":
                rows["word_bio"].append(((right & (opens == begins)).sum(), said.sum(), borne.sum()))
    return {name: _rows(found) for name, found in rows.items()}


def _joint_sums(true: Sequence[Document], predicted: Sequence[Document], truly: Sequence[set]) -> Sums:
    strict, partial = [], []
    for one, other, linked in zip(true, predicted, truly, strict=True):
        told = linked_pairs(other)
        exact = {(entity.category, entity.spans): entity.id for entity in one.entities}
        by_spans = {entity.id: exact.get((entity.category, entity.spans)) for entity in other.entities}
        by_overlap = {
            other.entities[position].id: one.entities[place].id
            for place, position in match_overlapping(one.entities, other.entities)
        }
        for rows, counterpart in ((strict, by_spans), (partial, by_overlap)):
            meant = {frozenset(map(counterpart.get, pair)) for pair in told}
            rows.append((len(meant & linked), len(told), len(linked)))
    return {"joint_link": _rows(strict), "joint_link_partial": _rows(partial)}


def _concept_sums(
    true: Sequence[Document],
    predicted: Sequence[Document],
    categories: Sequence[str],
    ancestors: Callable[[str], Collection[str]] | None,
    groups: Sequence | None,
    trained: Collection[str] | None,
) -> Sums:
    rows: dict[str, list] = {
        name: [] for name in ("concept_span", "concept", *(f"{one}_concept" for one in categories))
    }
    if ancestors is not None:
        rows["concept_hierarchical"] = []
    if trained is not None:
        rows["concept_unseen"] = []
    sets: dict = {}
    for place, (one, other) in enumerate(zip(true, predicted, strict=True)):
        rows["concept_span"].append(shared_counts(*(Counter(e.spans for e in part.entities) for part in (one, other))))
        truly, told = _mentions(one), _mentions(other)
        rows["concept"].append(shared_counts(truly, told))
        for category in categories:
            rows[f"{category}_concept"].append(shared_counts(_mentions(one, category), _mentions(other, category)))
        if ancestors is not None:
            rows["concept_hierarchical"].append(_hierarchical(truly, told, ancestors))
        if trained is not None:
            rare = Counter({key: count for key, count in truly.items() if key[1] not in trained})
            rows["concept_unseen"].append((shared_counts(rare, told)[0], 0, rare.total()))
        first = sets.setdefault(place if groups is None else groups[place], (place, set(), set()))
        first[1].update(concept for _, concept in truly)
        first[2].update(concept for _, concept in told)
    # The concepts of a group stand in the row of its first document: all documents of a group are drawn together.
    by_document = np.zeros((len(true), 3))
    for place, truly, told in sets.values():
        by_document[place] = len(truly & told), len(told), len(truly)
    return {name: _rows(found) for name, found in rows.items()} | {"concept_document": by_document}


def _mentions(document: Document, category: str | None = None) -> Counter:
    """Spans and concept of the mentions that name one; of all categories or of one."""
    return Counter(
        (entity.spans, entity.fields[CONCEPT])
        for entity in document.entities
        if entity.fields.get(CONCEPT, NIL) != NIL and category in (None, entity.category)
    )


def _hierarchical(
    truly: Counter, told: Counter, ancestors: Callable[[str], Collection[str]]
) -> tuple[float, float, float]:
    """Concepts with their ancestors that true and predicted mentions of the same spans share, and those of either."""
    sides = []
    for mentions in (truly, told):
        at: dict[tuple, set] = {}
        for spans, concept in mentions:
            at.setdefault(spans, set()).update((concept, *ancestors(concept)))
        sides.append(at)
    shared = sum(len(terms & sides[1].get(spans, set())) for spans, terms in sides[0].items())
    return shared, *(sum(map(len, side.values())) for side in reversed(sides))
