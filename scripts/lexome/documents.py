"""Annotated documents: a text with entities (spans with a category and fields) and links between them.

On disk they are JSON Lines, one document a line, text included:
`{"id", "text", "entities": [{"id", "category", "spans": [[start, end], ...], "fields": {...}}],
"links": [{"id", "members": [entity id, ...], "fields": {...}}]}`.
Offsets count characters (code points) from 0; `end` is the first character behind the span.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lexome.errors import LexomeError
from lexome.fasta import open_binary
from lexome.runtime import atomic
from lexome.texts import decode as decode_text

Span = tuple[int, int]
UNPAIRED = re.compile(r"\\u[dD][89a-fA-F]")  # where JSON may write half of a character
HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Entity:
    """A mention.

    Attributes
    ----------
    id
        Unique within its document.
    category
        What it is a mention of.
    spans
        Its parts, ascending, not empty and not overlapping; one for a mention without gaps.
    fields
        Further attributes by name, as text.
    score
        Of a predicted entity: how sure the model is, 0..1. None of an annotated one.
    """

    id: str
    category: str
    spans: tuple[Span, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None

    @property
    def start(self) -> int:
        """First character."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """Behind the last character."""
        return self.spans[-1][1]

    def mention(self, text: str) -> str:
        """The words of the entity in its document's text, parts joined by ` ... `."""
        return " ... ".join(text[start:end] for start, end in self.spans)


@dataclass(frozen=True)
class Link:
    """Entities that belong together.

    Attributes
    ----------
    id
        Unique within its document.
    members
        Ids of two or more entities, in the order of the source.
    fields
        Further attributes by name, as text.
    score
        As of an entity.
    """

    id: str
    members: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True)
class Document:
    """A text with its annotations; `check` says what they have to be like.

    Attributes
    ----------
    id, text
        Name and text.
    entities, links
        In the order of the source.
    """

    id: str
    text: str
    entities: tuple[Entity, ...] = ()
    links: tuple[Link, ...] = ()

    def bare(self) -> "Document":
        """The text alone."""
        return replace(self, entities=(), links=())

    def unlinked(self) -> "Document":
        """The document without its links."""
        return replace(self, links=())


def check(document: Document, where: str) -> Document:
    """The document, if its annotations fit its text and each other.

    Raises
    ------
    LexomeError
        Names `where`, the document and the entity or link, for: no id, or two of one id; no category; no span; an
        empty, reversed or overlapping span; one that leaves the text; a link with fewer than two members, with one
        twice, or of unknown ones.
    """

    def refuse(what: str) -> None:
        raise LexomeError(f"{where}: document {document.id}, {what}")

    length, known = len(document.text), set()
    if not document.id:
        raise LexomeError(f"{where}: a document has no id; give it one that no other has")
    for place, entity in enumerate(document.entities, 1):
        if not entity.id:
            refuse(f"entity {place} has no id; give it one that no other has")
        if entity.id in known:
            refuse(f"entity {entity.id}: the id stands there twice; give every entity its own")
        known.add(entity.id)
        if not entity.category:
            refuse(f"entity {entity.id}: has no category; say what it is a mention of, or take it out")
        if not entity.spans:
            refuse(f"entity {entity.id}: has no span; give start and end of its words, or take it out")
        behind = 0
        for start, end in entity.spans:
            if start >= end:
                refuse(
                    f"entity {entity.id}: span {start}-{end} is empty or reversed; the end is behind the last character"
                )
            if start < 0 or end > length:
                refuse(f"entity {entity.id}: span {start}-{end} leaves the text, which has {length} characters")
            if start < behind:
                refuse(f"entity {entity.id}: span {start}-{end} overlaps the one before it, or stands before it")
            behind = end
    names = set()
    for place, link in enumerate(document.links, 1):
        if not link.id:
            refuse(f"link {place} has no id; give it one that no other has")
        if link.id in names:
            refuse(f"link {link.id}: the id stands there twice; give every link its own")
        names.add(link.id)
        if len(link.members) < 2 or len(set(link.members)) != len(link.members):
            refuse(f"link {link.id}: needs two or more different entities, has {', '.join(link.members) or 'none'}")
        strangers = [member for member in link.members if member not in known]
        if strangers:
            refuse(f"link {link.id}: there is no entity {strangers[0]}; name one that is there, or take the link out")
    return document


def linked_pairs(document: Document) -> set[frozenset[str]]:
    """Unordered pairs of entity ids that share a link."""
    return {
        frozenset((one, other))
        for link in document.links
        for place, one in enumerate(link.members)
        for other in link.members[place + 1 :]
    }


def encode(document: Document, text: bool = True) -> str:
    """A document as a line of JSON, without its text if that stands elsewhere."""
    told: dict = {"id": document.id}
    if text:
        told["text"] = document.text
    told["entities"] = [
        {"id": entity.id, "category": entity.category, "spans": [list(span) for span in entity.spans]}
        | ({"fields": dict(entity.fields)} if entity.fields else {})
        | ({} if entity.score is None else {"score": entity.score})
        for entity in document.entities
    ]
    told["links"] = [
        {"id": link.id, "members": list(link.members)}
        | ({"fields": dict(link.fields)} if link.fields else {})
        | ({} if link.score is None else {"score": link.score})
        for link in document.links
    ]
    return json.dumps(told, ensure_ascii=False)


def decode(line: str, where: str, text: str | None = None) -> Document:
    """A document from a line of JSON.

    Parameters
    ----------
    line
        As `encode` makes it.
    where
        Named in errors: path and line.
    text
        The document's text, of a line without it.

    Raises
    ------
    LexomeError
        If the line is no such JSON, or as `check`.
    """
    try:
        told = json.loads(line)
        if UNPAIRED.search(line) and HALF.search(json.dumps(told, ensure_ascii=False)):
            raise LexomeError(
                f"{where}: holds half of a character (\\ud800 to \\udfff alone); write it whole, or take it out"
            )
        entities = tuple(
            Entity(
                _name(entity["id"]),
                _name(entity["category"]),
                tuple((_place(start), _place(end)) for start, end in entity["spans"]),
                {str(key): str(value) for key, value in entity.get("fields", {}).items()},
                _score(entity.get("score")),
            )
            for entity in told.get("entities", [])
        )
        links = tuple(
            Link(
                _name(link["id"]),
                tuple(map(_name, link["members"])),
                {str(key): str(value) for key, value in link.get("fields", {}).items()},
                _score(link.get("score")),
            )
            for link in told.get("links", [])
        )
        words = told["text"] if text is None else text
        if not isinstance(words, str):
            raise TypeError(f"text is {words!r:.40}")
        document = Document(_name(told["id"]), words, entities, links)
    except RecursionError as error:
        raise LexomeError(f"{where}: is no document: brackets within brackets; write one document a line") from error
    except json.JSONDecodeError as error:
        raise LexomeError(
            f"{where}: is not JSON ({error.msg}, column {error.colno}); write one document a line"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LexomeError(
            f"{where}: is no document ({type(error).__name__}: {error}); it needs id, text, entities with id, category "
            "and spans [[start, end]], and links with id and members"
        ) from error
    return check(document, where)


def _name(value: object) -> str:
    """An id or category, which some write as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"an id or category is {value!r:.40}")
    return str(value)


def _place(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a place in spans is {value!r:.40}, not a whole number")
    return value


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"a score is {value!r:.40}, not a number")
    return value


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Number and content of the lines of a text file, plain or .gz, line ends left on.

    Raises
    ------
    LexomeError
        If it is not UTF-8, with path and line.
    """
    with open_binary(path) as lines:
        for number, line in enumerate(lines, 1):
            yield number, decode_text(line, path, number)


def read_documents(path: str | Path) -> Iterator[Document]:
    """Documents of a JSON Lines file, plain or .gz, one by one.

    Raises
    ------
    LexomeError
        As `decode`, with path and line; or if an id stands there twice.
    """
    seen: set[str] = set()
    for number, line in read_lines(path):
        if not line.strip():
            continue
        document = decode(line, f"{path}, line {number}")
        if document.id in seen:
            raise LexomeError(f"{path}, line {number}: document {document.id} stands there twice; rename one")
        seen.add(document.id)
        yield document


def write_documents(path: str | Path, documents: Iterable[Document]) -> None:
    """Write documents as JSON Lines, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(encode(document) + "\n" for document in documents)
