"""Texts of the user's in which trained models have found entities, links and concepts: read, tagged, told as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from lexome.documents import Document, Entity, Link, check, read_documents
from lexome.errors import LexomeError
from lexome.linkgroups import grouped
from lexome.texts import read_text
from lexome.textsources import SUFFIX, is_documents, text_files

ENTITY, CONCEPT, LINK = "T", "G", "L"  # what the ids of a tagged document begin with
FIELD = "concept"  # of an entity: the id of the term that it names
NIL = "NIL"  # a mention without a term

Reader = Callable[[Sequence[Document]], list[Document]]  # `tag` or `link` of a tagpredictors.TagPredictor


def read_texts(path: str | Path) -> list[Document]:
    """The texts that a path names, without annotations.

    Parameters
    ----------
    path
        A text file in UTF-8; a folder of such files that end in .txt; or documents as JSON Lines.

    Raises
    ------
    LexomeError
        If there is none, one of them is no text, or two have one name; with the path.
    """
    files = text_files(path)
    if not files:
        raise LexomeError(f"{path}: holds no file that ends in {SUFFIX}; name a text, or a folder of texts")
    if is_documents(path):
        documents = [document.bare() for document in read_documents(path)]
        empty = [document.id for document in documents if not document.text.strip()]
        if empty or not documents:
            raise LexomeError(f"{path}: " + (f"document {empty[0]} has no text" if empty else "holds no documents"))
        return documents
    names = [Path(file).stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise LexomeError(f"{path}: two texts are called {twice}; rename one of them")
    return [Document(name, read_text(file)) for name, file in zip(names, files, strict=True)]


def annotate(
    documents: Sequence[Document],
    taggers: Sequence[Reader],
    linker: Reader | None = None,
    concepts: Sequence[Reader] = (),
) -> list[Document]:
    """Tag texts, link what was found, and name concepts.

    Parameters
    ----------
    documents
        Texts; annotations that they have are not looked at.
    taggers, concepts
        Models that tag one after the other, of which a later one reads the entities of an earlier one: a tagger alone,
        or a tagger and what names the concepts of its entities.
    linker
        What links the entities of the taggers; None: they stay without links.

    Returns
    -------
    list of Document
        Entities in the order of the text: those of the taggers are called T1, T2, ..., those of `concepts` G1, G2, ...
        and links, which have entities of the taggers as members, L1, L2, ...; see `linkgroups.grouped`.
    """
    bare = [document.bare() for document in documents]
    tagged = _in_turn(bare, taggers)
    if linker is not None:
        tagged = _same_texts(linker(tagged), tagged)
    named = _in_turn(bare, concepts)
    return [_merge(*both) for both in zip(tagged, named, strict=True)]


def _in_turn(documents: Sequence[Document], readers: Sequence[Reader]) -> list[Document]:
    found = list(documents)
    for tag in readers:
        found = _same_texts(tag(found), found)
    return found


def _same_texts(found: Sequence[Document], asked: Sequence[Document]) -> list[Document]:
    if [(one.id, one.text) for one in found] != [(one.id, one.text) for one in asked]:
        raise ValueError("the model gave back other documents than it was asked about")
    return list(found)


def _merge(tagged: Document, named: Document) -> Document:
    entities, called = _renamed(tagged.entities, ENTITY)
    concepts, _ = _renamed(named.entities, CONCEPT)
    places = {entity.id: at for at, entity in enumerate(entities)}
    groups = [(tuple(called[member] for member in link.members), link) for link in grouped(tagged.links)]
    groups.sort(key=lambda group: sorted(places[member] for member in group[0]))
    links = [Link(f"{LINK}{n}", members, link.fields, link.score) for n, (members, link) in enumerate(groups, 1)]
    merged = Document(tagged.id, tagged.text, (*entities, *concepts), tuple(links))
    return check(merged, "predictions")


def _renamed(entities: Iterable[Entity], letter: str) -> tuple[list[Entity], dict[str, str]]:
    """Entities in the order of the text under new names, and the new name of each old one."""
    ordered = sorted(entities, key=lambda entity: (entity.start, entity.end, entity.category, entity.spans))
    called = {entity.id: f"{letter}{n}" for n, entity in enumerate(ordered, 1)}
    return [Entity(called[one.id], one.category, one.spans, one.fields, one.score) for one in ordered], called


def is_concept(entity: Entity) -> bool:
    """Whether an entity of a tagged document comes from the models that name concepts."""
    return entity.id.startswith(CONCEPT)


def overlap(one: Entity, other: Entity) -> bool:
    """Whether two entities share a character."""
    return any(start < far and near < end for start, end in one.spans for near, far in other.spans)


def words(entity: Entity, text: str) -> str:
    """What stands in an entity's spans, in one line."""
    return " ".join(entity.mention(text).split())


def describe(document: Document, titles: Mapping[str, str], terms: Mapping[str, str]) -> dict:
    """A tagged document as the JSON for other programs.

    Parameters
    ----------
    titles
        Category -> its name.
    terms
        Id of a term -> its name.

    Returns
    -------
    dict
        `id`, `text`, `entities`, `concepts` (of each `id`, `category`, `category_name`, `spans`, `words`, `fields`,
        `score`, `concept` with `id` and `name`, or None; of an entity also `concepts`: the ids of the concepts whose
        mentions it overlaps, and `links`) and `links` (`id`, `members`, `words`, `fields`, `score`).
    """
    text = document.text
    entities = [entity for entity in document.entities if not is_concept(entity)]
    concepts = [entity for entity in document.entities if is_concept(entity)]
    mention = {entity.id: words(entity, text) for entity in document.entities}

    def told(entity: Entity) -> dict:
        term = entity.fields.get(FIELD)
        return {
            "id": entity.id,
            "category": entity.category,
            "category_name": titles.get(entity.category, entity.category),
            "spans": [list(span) for span in entity.spans],
            "words": mention[entity.id],
            "fields": {key: value for key, value in entity.fields.items() if key != FIELD},
            "score": entity.score,
            "concept": None if term is None else {"id": term, "name": terms.get(term, "")},
        }

    return {
        "id": document.id,
        "text": text,
        "entities": [
            told(entity)
            | {
                "concepts": [other.id for other in concepts if overlap(entity, other)],
                "links": [link.id for link in document.links if entity.id in link.members],
            }
            for entity in entities
        ],
        "concepts": [told(entity) for entity in concepts],
        "links": [
            {
                "id": link.id,
                "members": list(link.members),
                "words": [mention[member] for member in link.members],
                "fields": dict(link.fields),
                "score": link.score,
            }
            for link in document.links
        ],
    }


def entity_table(told: Sequence[Mapping]) -> pd.DataFrame:
    """One row an entity or mention of a concept of documents as `describe` tells them.

    Returns
    -------
    pandas.DataFrame
        `document`, `id`, `category`, `start`, `end`, `spans` (`3-9;12-20`), `words`, `score`, a column a field,
        `concept`, `concept_name` and `links` (ids, joined by `;`); empty where there is none.
    """
    fields = sorted({key for one in told for entity in _mentions(one) for key in entity["fields"]})
    rows = [
        {
            "document": one["id"],
            "id": entity["id"],
            "category": entity["category"],
            "start": entity["spans"][0][0],
            "end": entity["spans"][-1][1],
            "spans": ";".join(f"{start}-{end}" for start, end in entity["spans"]),
            "words": entity["words"],
            "score": entity["score"],
            # A field may bear the name of a column.
            **{f"field_{key}": entity["fields"].get(key, "") for key in fields},
            "concept": (entity["concept"] or {}).get("id", ""),
            "concept_name": (entity["concept"] or {}).get("name", ""),
            "links": ";".join(entity.get("links", [])),
        }
        for one in told
        for entity in _mentions(one)
    ]
    first = ["document", "id", "category", "start", "end", "spans", "words", "score"]
    return pd.DataFrame(rows, columns=[*first, *(f"field_{key}" for key in fields), "concept", "concept_name", "links"])


def link_table(told: Sequence[Mapping]) -> pd.DataFrame:
    """One row a member of a link: `document`, `link`, `score`, `entity`, `category`, `words`."""
    rows = []
    for one in told:
        known = {entity["id"]: entity for entity in one["entities"]}
        for link in one["links"]:
            members = (known[member] for member in link["members"])
            rows += [
                (one["id"], link["id"], link["score"], member["id"], member["category"], member["words"])
                for member in members
            ]
    return pd.DataFrame(rows, columns=["document", "link", "score", "entity", "category", "words"])


def summary_line(source: str, told: Sequence[Mapping]) -> str:
    """What was found, in a line."""
    counts = (
        (len(told), "text", "texts"),
        (sum(len(one["entities"]) for one in told), "entity", "entities"),
        (sum(len(one["links"]) for one in told), "link", "links"),
        (sum(len(one["concepts"]) for one in told), "mention of a concept", "mentions of concepts"),
    )
    shown = [f"{n:,} {one if n == 1 else many}" for n, one, many in counts if n or one == "entity"]
    return f"{source}: {', '.join(shown)}"


def _mentions(told: Mapping) -> list[Mapping]:
    return [*told["entities"], *told["concepts"]]
