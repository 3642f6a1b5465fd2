"""Documents in the XML of MAE, the Multi-document Annotation Environment, read by a definition of its tags.

    <Task><TEXT><![CDATA[...]]></TEXT><TAGS>
    <CONTEXT id="C0" spans="10~15,20~25" text="..." context="cells" />
    <ENTITY_LINKING id="EN0" contextID="C0" contextText="..." effectID="E0" effectText="..." />
    </TAGS></Task>

The definition is a JSON file: by the name of a tag with spans, its fields and (`entity_linking_field`) the attribute
that names such a tag in a link; a leading `@` of an attribute means nothing:

    {"CONTEXT": {"entity_linking_field": "@contextID", "fields": {"context": {"mae_field": "@context"}}}}

A tag that the definition does not name is a link where one of those attributes is in it. MAE is a Java program: its
offsets count UTF-16 code units, two for a character beyond the Basic Multilingual Plane, and so do they in these files.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from lexome.archives import read_folders, read_member
from lexome.documents import Document, Entity, Link, check
from lexome.errors import LexomeError

MAX_BYTES = 16 * 2**20  # a text that somebody has annotated by hand has thousands


@dataclass(frozen=True)
class Category:
    """A tag with spans: the attribute that names it in links (None: it is in none), and attributes by field."""

    link: str | None
    fields: Mapping[str, str]


Definition = Mapping[str, Category]


def parse_definition(content: bytes | str, where: str | Path) -> Definition:
    """A definition of tags from its JSON.

    Raises
    ------
    LexomeError
        With the place and the mend, if it is not JSON or not of the form that the module tells.
    """
    try:
        told = json.loads(content)
        definition = {}
        for name, entry in told.items():
            strangers = sorted(set(entry) - {"entity_linking_field", "fields"})
            if strangers and "fields" not in entry:
                raise KeyError(f"{name} has {strangers[0]!r}, but no 'fields'")
            link = entry.get("entity_linking_field")
            fields = {field: value["mae_field"].lstrip("@") for field, value in entry.get("fields", {}).items()}
            definition[name] = Category(link.lstrip("@") if link else None, fields)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        form = '{"TAG": {"entity_linking_field": "@tagID", "fields": {"field": {"mae_field": "@attribute"}}}}'
        raise LexomeError(
            f"{where}: is no definition of tags ({type(error).__name__}: {error}); write {form}"
        ) from error
    if not definition:
        raise LexomeError(f"{where}: defines no tag")
    for name, category in definition.items():
        own = sorted({"id", "spans", "text"} & set(category.fields.values()))
        if own:
            raise LexomeError(f"{where}: {name}: the attribute {own[0]!r} is MAE's own; name the one of the field")
        if category.link in ("id", "spans", "text"):
            raise LexomeError(
                f"{where}: {name}: entity_linking_field {category.link!r} is MAE's own; name the attribute of links "
                f"that holds the id of a {name}"
            )
    links = [category.link for category in definition.values() if category.link]
    twice = {link for link in links if links.count(link) > 1}
    if twice:
        raise LexomeError(f"{where}: {min(twice)} is the entity_linking_field of two tags; give each its own")
    return definition


def read_definition(path: str | Path, archive: str | Path | None = None) -> Definition:
    """A definition from a file, or, where there is none, from a member of an archive, named by the end of its path.

    Raises
    ------
    LexomeError
        As `parse_definition`; or if there is neither.
    """
    return parse_definition(read_own_or_member(path, archive), path)


def read_own_or_member(path: str | Path, archive: str | Path | None) -> bytes:
    """Content of a file, or of a member of an archive where there is no such file."""
    if Path(path).is_file():
        return Path(path).read_bytes()
    if archive is None:
        raise LexomeError(f"{path}: no such file; check the path in the config")
    return read_member(archive, str(path))


def definition_of(documents: Iterable[Document]) -> Definition:
    """A definition that fits documents: attributes are called like fields, in links `<category>ID` in small letters."""
    fields: dict[str, dict[str, str]] = {}
    for document in documents:
        for entity in document.entities:
            own = {name: f"{name}_field" if name in ("id", "spans", "text") else name for name in entity.fields}
            fields.setdefault(entity.category, {}).update(own)
    return {name: Category(f"{name.lower()}ID", own) for name, own in fields.items()}


def definition_json(definition: Definition) -> str:
    """A definition as `parse_definition` reads it."""
    told = {
        name: ({"entity_linking_field": f"@{category.link}"} if category.link else {})
        | {"fields": {field: {"mae_field": f"@{attribute}"} for field, attribute in category.fields.items()}}
        for name, category in definition.items()
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def document_name(path: str | Path) -> str:
    """The id of the document in a file: `12_PMID345` of `12_PMID345.txt_AB.xml`, whoever annotated it."""
    return re.split(r"\.(?:txt|xml)", PurePosixPath(path).name, maxsplit=1)[0]


def read_mae(path: str | Path, definition: Definition, ignore: Collection[str] = ()) -> Document:
    """The document in a file; see `parse_mae`."""
    path = Path(path)
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else bytes(MAX_BYTES + 1)
    except OSError as error:
        raise LexomeError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return parse_mae(content, path, document_name(path), definition, ignore)


def read_folder(
    archive: str | Path, folder: str, definition: Definition, ignore: Collection[str] = ()
) -> list[Document]:
    """The documents of a folder in an archive or in a folder, by the names of their files; see `parse_mae`."""
    return read_annotated(archive, [folder], definition, ignore)[folder]


def read_annotated(
    archive: str | Path,
    folders: Iterable[str],
    definition: Definition,
    ignore: Collection[str] = (),
    wrong_links: list[str] | None = None,
) -> dict[str, list[Document]]:
    """The documents of several folders of an archive, which is read once. For `wrong_links` see `parse_mae`.

    Raises
    ------
    LexomeError
        As `parse_mae` and `archives.read_folders`; or if two files of a folder are of one document.
    """
    found: dict[str, list[Document]] = {}
    for folder, files in read_folders(archive, folders, ".xml").items():
        found[folder], seen = [], {}
        for path, content in files.items():
            name = document_name(path)
            if name in seen:
                raise LexomeError(f"{archive}: {seen[name]} and {path} are both of document {name}; take one out")
            seen[name] = path
            # As the user knows it: beside a folder's name its place, before a path in an archive the archive.
            inside = PurePosixPath(path).parts[1:]
            at = Path(archive, *inside) if Path(archive).is_dir() else f"{archive}: {path}"
            found[folder].append(parse_mae(content, at, name, definition, ignore, wrong_links))
    return found


def parse_mae(
    content: bytes,
    where: str | Path,
    name: str,
    definition: Definition,
    ignore: Collection[str] = (),
    wrong_links: list[str] | None = None,
) -> Document:
    """A document from XML.

    Parameters
    ----------
    content
        The file. Line ends are those of XML, `\\n` whatever the file has; offsets count them so.
    where
        Named in errors.
    name
        The document's id.
    definition
        Of its tags.
    ignore
        Tags that are passed over.
    wrong_links
        Where given, links that cannot stand are left out, and what is wrong with each is put here.

    Returns
    -------
    Document
        Entities and links in the order of the file. Attributes of a link that neither name a tag nor repeat its words
        are its fields.

    Raises
    ------
    LexomeError
        Names the file, the line and the tag: not well-formed, a document type or entities, too long; no text; a tag
        that the definition does not name; no id, or one that stands there twice; spans that are no spans or leave the
        text, a `text` other than that of the spans (white space aside); a link of fewer than two tags, of one that is
        not there, or of one that is of another category than its attribute says.
    """
    handler = _parse(content, where)
    text, tags = handler.text, handler.tags
    if text is None or not text.strip():
        raise LexomeError(f"{where}: has no <TEXT>, or an empty one; the file is not MAE's, or is cut off")
    links = {category.link for category in definition.values() if category.link}
    place = _places(text)
    entities: list[Entity] = []
    linked: list[tuple[Link, dict[str, str], str]] = []
    seen: dict[str, int] = {}
    for tag, attributes, line in tags:
        if tag in ignore:
            continue
        own = attributes.get("id", "")
        at = f"{where}, line {line}: <{tag}" + (f' id="{own}">' if own else ">")
        if tag not in definition and not links & set(attributes):
            known = ", ".join(definition)
            raise LexomeError(f"{at}: the definition names no such tag, only {known}; add it there, or ignore it")
        if not own:
            raise LexomeError(f"{at}: has no id; give it one that no other tag has")
        if own in seen:
            raise LexomeError(f"{at}: the id stands in line {seen[own]} already; give every tag its own")
        seen[own] = line
        if tag in definition:
            spans = _spans(attributes.get("spans", ""), place, at)
            fields = {key: attributes[name] for key, name in definition[tag].fields.items() if name in attributes}
            entities.append(Entity(own, tag, spans, fields))
            # One by one, so that an error names the line.
            check(Document(name, text, (entities[-1],)), at)
            _check_mention(entities[-1], attributes.get("text"), text, at)
        else:
            named = {key: value for key, value in attributes.items() if key in links and value}
            words = {key.removesuffix("ID") + "Text" for key in links}
            rest = {key: value for key, value in attributes.items() if key not in links | words | {"id"}}
            linked.append((Link(own, tuple(named.values()), rest), named, at))
    document = Document(name, text, tuple(entities))
    kept = []
    for link, named, at in linked:
        try:
            check(replace(document, links=(link,)), at)
            _check_categories(document, named, definition, at)
            kept.append(link)
        except LexomeError as error:
            if wrong_links is None:
                raise
            wrong_links.append(str(error))
    return replace(document, links=tuple(kept))


class _Handler(ContentHandler):
    """The text and the tags of a file, each tag with its attributes and line."""

    def __init__(self) -> None:
        super().__init__()
        self.text: str | None = None
        self.tags: list[tuple[str, dict[str, str], int]] = []
        self._open: list[str] = []
        self._pieces: list[str] = []

    def startElement(self, name, attrs):
        """A tag opens."""
        if len(self._open) == 2 and self._open[1] == "TAGS":
            self.tags.append((name, dict(attrs.items()), self._locator.getLineNumber()))
        self._open.append(name)

    def endElement(self, name):
        """A tag closes."""
        if len(self._open) == 2 and name == "TEXT":
            self.text = "".join(self._pieces)
        self._open.pop()

    def characters(self, content):
        """Text between tags."""
        if len(self._open) == 2 and self._open[1] == "TEXT":
            self._pieces.append(content)


def _parse(content: bytes, where: str | Path) -> _Handler:
    from defusedxml import DefusedXmlException
    from defusedxml.sax import parseString

    if len(content) > MAX_BYTES:
        raise LexomeError(f"{where}: more than {MAX_BYTES:,} bytes; part it, or take it out")
    handler = _Handler()
    try:
        parseString(content, handler, forbid_dtd=True)
    except SAXParseException as error:
        raise LexomeError(
            f"{where}, line {error.getLineNumber()}: is not well-formed XML ({error.getMessage()}); mend it, or save "
            "it again in MAE"
        ) from error
    except DefusedXmlException as error:
        raise LexomeError(
            f"{where}: declares a document type or entities ({type(error).__name__}), which annotations need not "
            "and which can swell or read other files; take the declaration out"
        ) from error
    except (LookupError, ValueError) as error:
        raise LexomeError(f"{where}: its encoding is not known ({error}); save it as UTF-8") from error
    return handler


def _places(text: str) -> Mapping[int, int] | None:
    """Characters by UTF-16 code units, where the two differ; None where they are one."""
    if all(ord(sign) < 0x10000 for sign in text):
        return None
    places, units = {}, 0
    for at, sign in enumerate(text):
        places[units] = at
        units += 1 + (ord(sign) > 0xFFFF)
    return places | {units: len(text)}


def _spans(written: str, places: Mapping[int, int] | None, at: str) -> tuple[tuple[int, int], ...]:
    spans = []
    for part in written.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})~(\d{1,9})\s*", part, re.ASCII)
        if not match:
            raise LexomeError(f"{at}: spans={written!r} is no span; write start~end, several with commas between")
        start, end = int(match[1]), int(match[2])
        if start >= end:
            raise LexomeError(f"{at}: span {start}~{end} is empty or reversed; the end is behind the last character")
        if places is not None:
            if start not in places or end not in places:
                total = max(places)
                raise LexomeError(
                    f"{at}: span {start}~{end} leaves the text or parts a character; it has {total} UTF-16 code units, "
                    "which offsets count"
                )
            start, end = places[start], places[end]
        spans.append((start, end))
    return tuple(sorted(spans))


def _check_mention(entity: Entity, written: str | None, text: str, at: str) -> None:
    stands = entity.mention(text)
    if written is not None and written.split() != stands.split():
        raise LexomeError(f"{at}: text={written!r}, but its spans hold {stands!r}; mend the spans or the text")


def _check_categories(document: Document, named: Mapping[str, str], definition: Definition, at: str) -> None:
    category = {entity.id: entity.category for entity in document.entities}
    for attribute, member in named.items():
        if definition[category[member]].link != attribute:
            raise LexomeError(
                f"{at}: {attribute} names {member}, which is a {category[member]}; name a tag of its own category, or "
                "take the link out"
            )
