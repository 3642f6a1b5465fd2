"""Documents as BRAT writes them: the text in `<id>.txt`, and annotations that point into it in `<id>.ann`.

    T1	CONTEXT 10 15;20 25	mouse cells        an entity; parts joined by semicolons
    A1	context T1 cells                       a field of an entity or a link
    R1	Link Arg1:T1 Arg2:T2                   two linked entities
    #1	SourceId T1	C0                          the id that an entity or link has elsewhere

BRAT names entities T1, T2, ... and links two at a time: others keep their id in a note, and a link of more than two
is one relation from its first member to each other, which bear the same note. The type of the relations is the link's
field `type`, or else `Link`. Files of others may also hold events (a link of the trigger and its arguments), `*`
lines (a link), and normalisations (the field `concept`); notes of other kinds are passed over.

Lost on writing: scores.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from lexome.documents import Document, Entity, Link, check
from lexome.errors import LexomeError
from lexome.runtime import atomic
from lexome.texts import decode

MAX_STEM = 200  # file systems take 255 bytes, some of which a suffix and a temporary name need
SOURCE, LINK, TYPE = "SourceId", "Link", "type"
_TYPE = re.compile(r"[^\s;:]+")
# How a line is written, by what it begins with, for those who have to mend one; `|` stands for a tab.
_LINES = {
    "T": "T1|CATEGORY START END|WORDS",
    "R": "R1|TYPE Arg1:T1 Arg2:T2",
    "*": "*|TYPE T1 T2",
    "E": "E1|TYPE:T1 ROLE:T2",
    **dict.fromkeys("AM", "A1|FIELD T1 VALUE"),
    "N": "N1|Reference T1 TERM|NAME",
    "#": "#1|TYPE T1|NOTE",
}


class _Wrong(ValueError):
    """A line that is written as it should be, but cannot stand."""


def to_brat(document: Document) -> str:
    """The `.ann` of a document.

    Raises
    ------
    LexomeError
        If a name, id or value holds what parts the lines and columns of the format.
    """

    def word(value: str, what: str) -> str:
        if not _TYPE.fullmatch(value):
            raise LexomeError(
                f"document {document.id}: BRAT has no place for {what} {value!r} (blanks, `;`, `:`, empty); rename it"
            )
        return value

    def line(value: str, what: str) -> str:
        if not value.strip() or value != value.strip() or re.search(r"[\t\r\n]", value):
            raise LexomeError(
                f"document {document.id}: BRAT has no place for {what} {value!r}: empty, or with tabs, line breaks or "
                "blanks at its ends; mend it"
            )
        return value

    if document.text.startswith("\ufeff"):
        raise LexomeError(
            f"document {document.id}: begins with a byte order mark, which readers leave out; take it off"
        )
    lines: list[str] = []
    names: dict[str, str] = {}
    attributes, notes = 0, 0

    def describe(target: str, own: str, fields: Iterable[tuple[str, str]]) -> None:
        nonlocal attributes, notes
        if own != target:
            notes += 1
            lines.append(f"#{notes}\t{SOURCE} {target}\t{line(own, 'the id')}")
        for name, value in fields:
            attributes += 1
            lines.append(f"A{attributes}\t{word(name, 'the field')} {target} {line(value, f'the value of {name}')}")

    for number, entity in enumerate(document.entities, 1):
        names[entity.id] = target = f"T{number}"
        spans = ";".join(f"{start} {end}" for start, end in entity.spans)
        words = " ".join(document.text[start:end] for start, end in entity.spans)
        lines.append(f"{target}\t{word(entity.category, 'the category')} {spans}\t" + re.sub(r"[\t\r\n]", " ", words))
        describe(target, entity.id, entity.fields.items())
    relations = 0
    for link in document.links:
        first, *others = link.members
        kind = word(link.fields.get(TYPE, LINK), "the type")
        if link.fields.get(TYPE) == LINK:
            raise LexomeError(
                f"document {document.id}, link {link.id}: type {LINK!r} is what a link without one is called"
            )
        fields = [(name, value) for name, value in link.fields.items() if name != TYPE]
        for place, other in enumerate(others):
            relations += 1
            target = f"R{relations}"
            lines.append(f"{target}\t{kind} Arg1:{names[first]} Arg2:{names[other]}")
            if len(others) > 1:
                # An id that a relation has of its own would not tell that several are one link.
                notes += 1
                lines.append(f"#{notes}\t{SOURCE} {target}\t{line(link.id, 'the id')}")
                describe(target, target, fields if place == 0 else ())
            else:
                describe(target, link.id, fields)
    return "".join(one + "\n" for one in lines)


def parse_brat(text: str, annotations: str, where: str | Path, name: str) -> Document:
    """A document from its text and the content of its `.ann`.

    Raises
    ------
    LexomeError
        With the path and the line: columns that are not those of the format, words that are not those of the spans,
        an id that is not there; or as `documents.check`.
    """
    entities: dict[str, tuple[str, tuple]] = {}
    links: dict[str, tuple[str, list[str]]] = {}
    triggers: dict[str, tuple[str, list[str], str]] = {}
    fields: dict[str, dict[str, str]] = {}
    source: dict[str, str] = {}
    described: dict[str, str] = {}  # where what has fields is first given one
    equivalents = 0
    for number, raw in enumerate(annotations.split("\n"), 1):
        line, at = raw.removesuffix("\r"), f"{where}, line {number}"
        if not line.strip():
            continue
        own, _, rest = line.partition("\t")
        body, _, tail = rest.partition("\t")
        parts = body.split(" ")
        try:
            if own in entities or own in links or own in triggers:
                raise _Wrong(f"the id {own} stands there twice")
            if own.startswith("T"):
                kind, _, places = body.partition(" ")
                spans = tuple((int(start), int(end)) for start, end in (part.split() for part in places.split(";")))
                stands = " ".join(text[start:end] for start, end in spans)
                if tail.split() != stands.split():
                    raise _Wrong(f"it says {tail!r}, but its spans hold {stands!r}")
                entities[own] = kind, spans
            elif own.startswith("R"):
                kind, *arguments = parts
                links[own] = kind, [argument.split(":", 1)[1] for argument in arguments]
            elif own == "*":
                equivalents += 1
                links[f"*{equivalents}"] = parts[0], parts[1:]
            elif own.startswith("E"):
                (kind, trigger), *arguments = (part.split(":", 1) for part in parts if part)
                triggers[own] = kind, [argument[1] for argument in arguments], trigger
            elif own.startswith(("A", "M")):
                key, target, *value = body.split(" ", 2)
                fields.setdefault(target, {})[key] = value[0] if value else "true"
                described.setdefault(target, at)
            elif own.startswith("N"):
                _, target, concept = parts
                fields.setdefault(target, {}).setdefault("concept", concept)
                described.setdefault(target, at)
            elif own.startswith("#") and parts[0] == SOURCE:
                source[parts[1]] = tail
            elif not own.startswith("#"):
                raise _Wrong(f"a line begins with {', '.join(_LINES)}")
        except (ValueError, IndexError) as error:
            why = error if isinstance(error, _Wrong) else f"{_LINES[own[0]]}, where | is a tab"
            raise LexomeError(f"{at}: is no line of BRAT ({why}); mend it: {line[:80]!r}") from error
    for target, at in described.items():
        if target not in entities and target not in links and target not in triggers:
            raise LexomeError(f"{at}: is of {target}, which is not there; name one that is, or take the line out")
    for own, (kind, arguments, trigger) in triggers.items():
        # An argument may be an event itself: its trigger stands for it.
        members = [trigger, *(triggers[one][2] if one in triggers else one for one in arguments)]
        fields[own] = fields.get(own, {})
        links[own] = kind, list(dict.fromkeys(members))
    grouped: dict[str, tuple[str, list[str], dict[str, str]]] = {}
    for own, (kind, members) in links.items():
        key = source.get(own, own)
        if key in grouped:
            grouped[key][1].extend(member for member in members if member not in grouped[key][1])
            grouped[key][2].update(fields.get(own, {}))
        else:
            typed = {} if kind == LINK else {TYPE: kind}
            grouped[key] = kind, list(members), typed | fields.get(own, {})
    called = {own: source.get(own, own) for own in entities}
    return check(
        Document(
            name,
            text,
            tuple(Entity(called[own], kind, spans, fields.get(own, {})) for own, (kind, spans) in entities.items()),
            tuple(
                Link(key, tuple(called.get(member, member) for member in members), own)
                for key, (_, members, own) in grouped.items()
                if len(members) > 1 or key not in triggers  # an event without arguments links nothing
            ),
        ),
        str(where),
    )


def file_stem(name: str) -> str:
    """A document's id as the name of a file: signs that file names cannot have are written as %2F and the like."""
    stem = quote(name, safe=" ()+,=@")
    if len(stem) > MAX_STEM:
        raise LexomeError(f"document {name[:60]}...: the id is too long for the name of a file; shorten it")
    return stem


def write_brat(folder: str | Path, documents: Iterable[Document]) -> None:
    """Write `<id>.txt` and `<id>.ann` of every document into a new folder, whole or not at all."""
    with atomic(folder) as temporary:
        temporary.mkdir()
        for document in documents:
            stem = file_stem(document.id)
            (temporary / f"{stem}.ann").write_bytes(to_brat(document).encode())
            (temporary / f"{stem}.txt").write_bytes(document.text.encode())


def read_brat(path: str | Path) -> list[Document]:
    """The documents of a folder, by the names of their files, or that of one `.txt` with the `.ann` beside it.

    Raises
    ------
    LexomeError
        As `parse_brat`; or if there is no `.txt`, or one has no `.ann`.
    """
    path = Path(path)
    texts = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not texts:
        raise LexomeError(f"{path}: no file *.txt; BRAT keeps a text in NAME.txt and its annotations in NAME.ann")
    lonely = sorted(set(path.glob("*.ann")) - {file.with_suffix(".ann") for file in texts}) if path.is_dir() else []
    if lonely:
        raise LexomeError(f"{lonely[0]}: has no text beside it; put {lonely[0].stem}.txt there, or take the file out")
    documents = []
    for file in texts:
        beside = file.with_name(file.name.removesuffix(".txt") + ".ann")
        if not beside.is_file():
            raise LexomeError(
                f"{beside}: no such file; it holds the annotations of {file.name}, or nothing if there are none"
            )
        text = decode(file.read_bytes(), file)
        annotations = decode(beside.read_bytes(), beside)
        documents.append(parse_brat(text, annotations, beside, unquote(file.name.removesuffix(".txt"))))
    return documents
