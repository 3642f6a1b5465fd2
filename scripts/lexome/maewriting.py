"""Documents written in the XML of MAE; see `mae`. Lost: scores."""

import re
from xml.sax.saxutils import quoteattr

from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.mae import Definition

XML_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_mae(document: Document, definition: Definition, task: str = "Task") -> str:
    """A document as XML that `mae.parse_mae` reads back, scores aside.

    Raises
    ------
    LexomeError
        If the definition does not name a category or field, if a link has two members of one category, for which MAE
        has one attribute, or if the text holds characters that XML has no place for.
    """

    def refuse(what: str) -> None:
        raise LexomeError(f"document {document.id}: {what}")

    def attribute(name: str, value: str) -> str:
        if not XML_NAME.fullmatch(name):
            refuse(f"{name!r} is no name that XML takes for an attribute; rename it in the definition of the tags")
        if NOT_XML.search(value):
            refuse(f"{name}: holds a character that XML has no place for: {NOT_XML.search(value)[0]!r}")
        return f" {name}={quoteattr(value)}"

    if not document.text.strip():
        refuse("has no text, which MAE's readers refuse; take the document out")
    if NOT_XML.search(document.text):
        refuse(f"the text holds a character that XML has no place for: {NOT_XML.search(document.text)[0]!r}")
    units = [0]
    for sign in document.text:
        units.append(units[-1] + 1 + (ord(sign) > 0xFFFF))
    lines, category, words = [], {}, {}
    for entity in document.entities:
        if entity.category not in definition or not XML_NAME.fullmatch(entity.category):
            refuse(f"entity {entity.id}: no tag {entity.category!r} in the definition, or no name that XML takes")
        told = definition[entity.category]
        strangers = sorted(set(entity.fields) - set(told.fields))
        if strangers:
            refuse(f"entity {entity.id}: the definition of {entity.category} has no field {strangers[0]!r}; add it")
        category[entity.id] = told
        words[entity.id] = " ".join(entity.mention(document.text).split("\n"))
        spans = ",".join(f"{units[start]}~{units[end]}" for start, end in entity.spans)
        pairs = [("id", entity.id), ("spans", spans), ("text", words[entity.id])]
        pairs += [(told.fields[name], value) for name, value in entity.fields.items()]
        lines.append(f"<{entity.category}" + "".join(attribute(*pair) for pair in pairs) + " />")
    for link in document.links:
        names = [category[member].link for member in link.members]
        if None in names or len(set(names)) < len(names):
            refuse(
                f"link {link.id}: two members of one category, or one without entity_linking_field: MAE cannot hold it"
            )
        pairs = [("id", link.id)]
        for name, member in zip(names, link.members, strict=True):
            pairs += [(name, member), (name.removesuffix("ID") + "Text", words[member])]
        pairs += list(link.fields.items())
        if len({name for name, _ in pairs}) < len(pairs):
            refuse(f"link {link.id}: a field is called like an attribute that MAE needs; rename it")
        lines.append("<ENTITY_LINKING" + "".join(attribute(*pair) for pair in pairs) + " />")
    # Neither can stand in a CDATA section: its own end, and a carriage return, which readers take for a line end.
    text = document.text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n'
    return (
        f"{head}\n<{task}>\n<TEXT><![CDATA[{text}]]></TEXT>\n<TAGS>\n"
        + "".join(line + "\n" for line in lines)
        + f"</TAGS>\n</{task}>\n"
    )
