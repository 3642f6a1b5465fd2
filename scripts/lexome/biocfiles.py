"""Documents as BioC collections, in XML or JSON (Comeau et al. 2013, Database, bat064), through the package `bioc`.

An entity is an annotation with a location a part, its category the infon `type`, its fields further infons; a link is a
relation with a node a member, its fields infons. The text is one passage at offset 0.

Of others a document's passages (or their sentences) are put together by their offsets, with a line break and blanks
between them. Lost on writing: scores.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.handler import ContentHandler

from lexome.documents import Document, Entity, Link, check
from lexome.errors import LexomeError
from lexome.fasta import open_binary
from lexome.maewriting import NOT_XML
from lexome.runtime import atomic
from lexome.texts import decode

TYPE = "type"
PLACES = ("offset", "length")
MAX_BYTES = 512 * 2**20
MAX_GAP = 2**20  # characters between two passages; a misprint in an offset is not to fill the memory
_QUOTED = rb"""\s+(?:"[^"<>]*"|'[^'<>]*')"""
_DOCTYPE = re.compile(rb"<!DOCTYPE\s+collection(?:\s+SYSTEM" + _QUOTED + rb"|\s+PUBLIC" + _QUOTED * 2 + rb")?\s*>")


def to_bioc(documents: Iterable[Document]) -> Any:
    """A `bioc.BioCCollection` of documents.

    Raises
    ------
    LexomeError
        If an entity has a field `type`, which is its category here.
    """
    from bioc import BioCAnnotation, BioCCollection, BioCDocument, BioCLocation, BioCNode, BioCPassage, BioCRelation

    collection = BioCCollection()
    collection.source, collection.date, collection.key = "lexome", "", ""
    for document in documents:
        passage = BioCPassage()
        passage.offset, passage.text = 0, document.text
        for entity in document.entities:
            if TYPE in entity.fields:
                raise LexomeError(
                    f"document {document.id}, entity {entity.id}: BioC keeps the category as "
                    "`type`; rename the field of that name"
                )
            annotation = BioCAnnotation()
            annotation.id, annotation.text = (
                entity.id,
                " ".join(document.text[start:end] for start, end in entity.spans),
            )
            annotation.infons = {TYPE: entity.category, **entity.fields}
            annotation.locations = [BioCLocation(start, end - start) for start, end in entity.spans]
            passage.annotations.append(annotation)
        for link in document.links:
            relation = BioCRelation()
            relation.id, relation.infons = link.id, dict(link.fields)
            relation.nodes = [BioCNode(member, "") for member in link.members]
            passage.relations.append(relation)
        held = BioCDocument()
        held.id = document.id
        held.passages.append(passage)
        collection.documents.append(held)
    return collection


def from_bioc(collection: Any, where: str | Path) -> list[Document]:
    """The documents of a `bioc.BioCCollection`.

    Raises
    ------
    LexomeError
        With the path, the document and the annotation: no category, passages that overlap, words that are not those
        of the locations; or as `documents.check`.
    """
    found, seen = [], set()
    for number, held in enumerate(collection.documents, 1):
        name = str(held.id or f"document{number}")
        if name in seen:
            raise LexomeError(f"{where}: document {name} stands there twice; rename one")
        seen.add(name)
        text, annotations, relations = "", list(held.annotations), list(held.relations)
        for passage in held.passages:
            annotations += passage.annotations
            relations += passage.relations
            pieces = [passage] if passage.text or not passage.sentences else passage.sentences
            for piece in pieces:
                if not isinstance(piece.offset, int) or not isinstance(piece.text or "", str):
                    raise LexomeError(
                        f"{where}: document {name}: a passage's offset is to be a whole number, its text a string; "
                        f"found {piece.offset!r} and {piece.text!r:.40}"
                    )
                if piece.offset - len(text) > MAX_GAP:
                    raise LexomeError(
                        f"{where}: document {name}: the passage at {piece.offset:,} begins {MAX_GAP:,} characters or "
                        f"more behind the one before it, which ends at {len(text):,}; mend its offset"
                    )
                if piece.offset < len(text):
                    raise LexomeError(
                        f"{where}: document {name}: the passage at {piece.offset} begins before the one before it "
                        f"ends, at {len(text)}; offsets count characters"
                    )
                if piece.offset > len(text):
                    text += ("\n" if text else " ") + " " * (piece.offset - len(text) - 1)
                text += piece.text or ""
            for sentence in passage.sentences:
                annotations += sentence.annotations
                relations += sentence.relations
        entities = tuple(_entity(annotation, text, f"{where}: document {name}") for annotation in annotations)
        links = tuple(
            Link(relation.id or f"R{place}", tuple(node.refid for node in relation.nodes), _infons(relation.infons))
            for place, relation in enumerate(relations, 1)
        )
        found.append(check(Document(name, text, entities, links), str(where)))
    return found


def _entity(annotation: Any, text: str, where: str) -> Entity:
    infons = _infons(annotation.infons)
    if not infons.get(TYPE):
        raise LexomeError(f"{where}, annotation {annotation.id}: has no infon `type`; it is the category")
    numbers = [number for place in annotation.locations for number in (place.offset, place.length)]
    if not all(isinstance(number, int) for number in numbers):
        raise LexomeError(
            f"{where}, annotation {annotation.id}: offset and length of a location are to be whole numbers; found "
            + ", ".join(map(repr, numbers))
        )
    spans = tuple(sorted((place.offset, place.offset + place.length) for place in annotation.locations))
    stands = " ".join(text[start:end] for start, end in spans)
    # Some leave the words of an annotation out.
    if annotation.text and annotation.text.split() != stands.split():
        raise LexomeError(
            f"{where}, annotation {annotation.id}: it says {annotation.text!r}, but its locations hold {stands!r}; "
            "offsets count characters"
        )
    return Entity(str(annotation.id), infons.pop(TYPE), spans, infons)


def _infons(infons: dict) -> dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in infons.items()}


def write_bioc(path: str | Path, documents: Iterable[Document]) -> None:
    """Write documents into one collection, whole or not at all: XML, or JSON where the path ends in `.json`.

    Raises
    ------
    LexomeError
        As `to_bioc`; or if XML has no place for a character.
    """
    from bioc import biocjson, biocxml

    documents = list(documents)
    collection = to_bioc(documents)
    if str(path).endswith(".json"):
        content = biocjson.dumps(collection, ensure_ascii=False)
    else:
        for document in documents:
            _check_signs(document)
        content = biocxml.dumps(collection, pretty_print=True)
    with atomic(path) as temporary:
        temporary.write_bytes(content.encode("utf-8"))


def _check_signs(document: Document) -> None:
    parts = [document.id, document.text]
    for one in (*document.entities, *document.links):
        parts += [one.id, *one.fields, *one.fields.values(), *([one.category] if isinstance(one, Entity) else [])]
    for part in parts:
        if found := NOT_XML.search(part):
            raise LexomeError(
                f"document {document.id}: holds a character that XML has no place for: {found[0]!r}; take it "
                "out, or write JSON"
            )


def read_bioc(path: str | Path) -> list[Document]:
    """The documents of a collection, XML or JSON by its content, plain or .gz.

    Raises
    ------
    LexomeError
        As `from_bioc`; or if the file is neither, is too long, or declares entities.
    """
    from bioc import biocjson, biocxml

    named = str(path).lower().removesuffix(".gz").endswith(".json")
    with open_binary(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise LexomeError(f"{path}: more than {MAX_BYTES:,} bytes; part it")
    try:
        if named or content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            return from_bioc(biocjson.loads(decode(content, path)), path)
        return from_bioc(biocxml.load(io.BytesIO(checked_xml(content, path))), path)
    except KeyError as error:
        raise LexomeError(f"{path}: is no BioC collection: a part of it lacks {error}; mend it") from error
    except (TypeError, ValueError, AttributeError, SyntaxError, RecursionError) as error:
        raise LexomeError(f"{path}: is no BioC collection ({type(error).__name__}: {error}); mend it") from error


class _Attributes(ContentHandler):
    """Makes sure that elements have what `bioc` looks for in them, which would name no line."""

    NEEDED: ClassVar = {"annotation": ("id",), "infon": ("key",), "location": PLACES, "node": ("refid", "role")}

    def __init__(self, where: str | Path) -> None:
        super().__init__()
        self._where = where

    def startElement(self, name, attrs):
        """An element opens."""
        for key in self.NEEDED.get(name, ()):
            at = f"{self._where}, line {self._locator.getLineNumber()}: <{name}>"
            if key not in attrs.getNames():
                raise LexomeError(f"{at}: has no {key}; add it")
            if key in PLACES and not re.fullmatch(r"\s*-?\d{1,15}\s*", attrs.getValue(key), re.ASCII):
                raise LexomeError(f"{at}: {key}={attrs.getValue(key)!r} is no whole number; mend it")


def checked_xml(content: bytes, where: str | Path) -> bytes:
    """XML without its document type. BioC's own files name one, which nobody fetches.

    Raises
    ------
    LexomeError
        If it is not well-formed, or an element lacks an attribute that it needs, with the line; or if it declares
        entities, or reads other files.
    """
    from xml.sax import SAXParseException

    from defusedxml import DefusedXmlException
    from defusedxml.sax import parseString

    # Only one without declarations of its own; line numbers stay.
    content = _DOCTYPE.sub(lambda found: b"\n" * found[0].count(b"\n"), content, count=1)
    try:
        parseString(content, _Attributes(where), forbid_dtd=True)
    except SAXParseException as error:
        raise LexomeError(
            f"{where}, line {error.getLineNumber()}: is not well-formed XML ({error.getMessage()}); mend it"
        ) from error
    except DefusedXmlException as error:
        raise LexomeError(
            f"{where}: declares entities ({type(error).__name__}), which can swell; take them out"
        ) from error
    return content
