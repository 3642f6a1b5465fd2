"""Documents as PubTator writes them: title, abstract, then an entity a line with tabs between the columns.

    12345|t|The title
    12345|a|The abstract
    12345	4	9	title	CONTEXT	GO:0005515

Offsets count over the title, one sign, and the abstract; the sixth column is the entity's field `concept`.

The title is the text up to its first line break, and the abstract is the rest.
Lost on writing: links, ids, scores and all fields but `concept`; line breaks behind the first, which become blanks, and
those at the end; gaps: each part becomes an entity of its own. Lost on reading: relations.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lexome.documents import Document, Entity, check
from lexome.errors import LexomeError
from lexome.fasta import open_binary
from lexome.runtime import atomic
from lexome.texts import decode

CONCEPT = "concept"
HEAD = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_BREAKS = re.compile(r"[\r\n]")


def to_pubtator(document: Document) -> str:
    """The lines of a document.

    Raises
    ------
    LexomeError
        If a name, id or concept holds what parts lines and columns.
    """
    for what, value, signs in [
        ("id", document.id, "|\t\r\n"),
        *(("category", entity.category, "\t\r\n") for entity in document.entities),
        *(("concept", entity.fields.get(CONCEPT, "-"), "\t\r\n") for entity in document.entities),
    ]:
        if not value or set(value) & set(signs) or value != value.strip():
            raise LexomeError(f"document {document.id}: PubTator has no place for {what} {value!r}; rename it")
    text = document.text.rstrip("\r\n")
    title, _, abstract = text.partition("\n")
    lines = [f"{document.id}|{key}|{_BREAKS.sub(' ', part)}" for key, part in (("t", title), ("a", abstract))]
    for entity in document.entities:
        for start, stop in entity.spans:
            end = min(stop, len(text))
            if start >= end:
                continue
            words = re.sub(r"[\t\r\n]", " ", text[start:end])
            concept = [entity.fields[CONCEPT]] if CONCEPT in entity.fields else []
            lines.append("\t".join([document.id, str(start), str(end), words, entity.category, *concept]))
    return "\n".join(lines) + "\n\n"


def parse_pubtator(content: str, where: str | Path) -> Iterator[Document]:
    """The documents in the content of a file; entities are named T1, T2, ...

    Raises
    ------
    LexomeError
        With the path and the line: no title or abstract before the entities, another id than theirs, columns that are
        none, words that are not those of the span.
    """
    parts: dict[str, str] = {}
    entities: list[Entity] = []
    name, first = "", 0

    def document() -> Document:
        if "t" not in parts:
            raise LexomeError(
                f"{where}, line {first}: document {name} has no title; write {name}|t|TITLE before its entities"
            )
        return check(Document(name, _text(parts), tuple(entities)), str(where))

    for number, line in enumerate(content.split("\n"), 1):
        line = line.removesuffix("\r")
        at = f"{where}, line {number}"
        head = HEAD.fullmatch(line)
        if not line.strip():
            if name:
                yield document()
            parts, entities, name = {}, [], ""
            continue
        own = head[1] if head else line.split("\t")[0]
        if name and own != name:
            raise LexomeError(f"{at}: is of {own!r} amid document {name}; part documents by a blank line")
        if not name:
            name, first = own, number
        if head and not entities:
            if head[2] in parts:
                raise LexomeError(f"{at}: document {name} has |{head[2]}| twice; part documents by a blank line")
            parts[head[2]] = head[3]
            continue
        columns = line.split("\t")
        if len(columns) == 4 and not columns[1].isdecimal():
            continue  # a relation between concepts
        if len(columns) < 5 or not (columns[1].isdecimal() and columns[2].isdecimal()):
            raise LexomeError(f"{at}: is no entity (id, start, end, words, category with tabs between): {line[:80]!r}")
        start, end = int(columns[1]), int(columns[2])
        stands = _text(parts)[start:end]
        if columns[3].split() != stands.split():
            raise LexomeError(f"{at}: it says {columns[3]!r}, but {start} to {end} holds {stands!r}; mend the places")
        fields = {CONCEPT: columns[5]} if len(columns) > 5 and columns[5] else {}
        entities.append(Entity(f"T{len(entities) + 1}", columns[4].strip(), ((start, end),), fields))
        # One by one, so that an error names the line.
        check(Document(name, _text(parts), (entities[-1],)), at)
    if name:
        yield document()


def _text(parts: dict[str, str]) -> str:
    title, abstract = parts.get("t", ""), parts.get("a", "")
    return f"{title}\n{abstract}" if abstract else title


def write_pubtator(path: str | Path, documents: Iterable[Document]) -> None:
    """Write documents into one file, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(map(to_pubtator, documents))


def read_pubtator(path: str | Path) -> list[Document]:
    """The documents of a file, plain or .gz; see `parse_pubtator`."""
    with open_binary(path) as file:
        return list(parse_pubtator(decode(file.read(), path), path))
