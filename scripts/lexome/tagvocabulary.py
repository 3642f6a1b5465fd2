"""What a study of tagged documents judges: categories, fields and the values that these take."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.mae import read_own_or_member

CATEGORY = "category"


def vocabulary(documents: Sequence[Document], categories: Sequence[str] | None = None) -> dict:
    """`labels.json` of a study of the task `tagging`; its maker adds `links`.

    Parameters
    ----------
    documents
        All of them.
    categories
        Their order; None sorts them. Those without an entity are left out.

    Returns
    -------
    dict
        `labels`: the categories, `id` and `name`; `fields`: by name, the `category` that has the field and the `values`
        that occur, sorted; `concept_field`: None.

    Raises
    ------
    LexomeError
        If no document has an entity, or a field belongs to two categories.
    """
    fields: dict[str, dict] = {}
    present = set()
    for document in documents:
        for entity in document.entities:
            present.add(entity.category)
            for name, value in entity.fields.items():
                field = fields.setdefault(name, {"category": entity.category, "values": set()})
                if field["category"] != entity.category:
                    raise LexomeError(
                        f"document {document.id}, entity {entity.id}: field {name!r} is one of {field['category']} and "
                        f"of {entity.category}; rename one in the definition of the tags"
                    )
                field["values"].add(value)
    if not present:
        raise LexomeError("no document has an entity; name folders whose documents are annotated")
    order = sorted(present) if categories is None else [name for name in categories if name in present]
    return {
        "task": "tagging",
        "example_noun": "document",
        "label_noun": "category",
        "length_unit": "words",
        "labels": [{"id": name, "name": name.replace("_", " ").lower()} for name in order],
        "fields": {name: field | {"values": sorted(field["values"])} for name, field in sorted(fields.items())},
        "concept_field": None,
    }


def read_values(
    path: str | Path, archive: str | Path | None = None, fields: Collection[str] | None = None
) -> dict[str, list[str]]:
    """Values allowed, by field (and `category`), from JSON: a file, or a member of an archive.

    Parameters
    ----------
    fields
        That there are; None where nobody knows.

    Raises
    ------
    LexomeError
        If there is neither, it is not JSON of that form, or it lists values of another field, which none would check.
    """
    try:
        told = json.loads(read_own_or_member(path, archive))
        if not all(isinstance(value, list) for value in told.values()):
            raise ValueError("a value is no list")
    except (ValueError, AttributeError) as error:
        raise LexomeError(f"{path}: is no list of values ({error}); write" + ' {"field": ["value", ...]}') from error
    strangers = [] if fields is None else [name for name in told if name not in {CATEGORY, *fields}]
    if strangers:
        raise LexomeError(
            f"{path}: lists values of {strangers[0]!r}, which the definition of the tags has not; there are "
            f"{', '.join([CATEGORY, *fields])}"
        )
    return {name: [str(value) for value in values] for name, values in told.items()}


def check_values(documents: Sequence[Document], values: Mapping[str, Sequence[str]], where: str | Path) -> None:
    """LexomeError for the first entity whose category, or field that is listed, has a value that is not."""
    allowed = {name: set(known) for name, known in values.items()}
    for document in documents:
        for entity in document.entities:
            for name, value in ({CATEGORY: entity.category} | dict(entity.fields)).items():
                if name in allowed and value not in allowed[name]:
                    raise LexomeError(
                        f"{where}: document {document.id}, entity {entity.id}: {name} {value!r} is not among the "
                        "values listed; mend it, or add it to the list"
                    )
