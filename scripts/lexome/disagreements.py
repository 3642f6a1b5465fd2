"""What two annotators of one text said differently, one by one."""

from collections.abc import Mapping

import pandas as pd

from lexome.agreement import Pair
from lexome.documents import Document, Entity, linked_pairs
from lexome.tagmetrics import match_overlapping, overlap

COLUMNS = ("first", "second", "document", "kind", "start", "end", "words", "first_said", "second_said")
KINDS = {
    "missing": "only one of them marked it",
    "boundary": "same category, other words",
    "category": "overlapping words, other category",
    "field": "same category, another value of a field",
    "link": "mentions that both found, linked by one of them",
}


def disagreements(pair: Pair) -> pd.DataFrame:
    """Every mention and link that the two see differently, by document and place.

    Mentions are paired as `match_overlapping` does; those that stay alone are paired with an overlapping one of another
    category, the most shared characters first. A pair that differs in its words and in a field is told once, as the
    boundary. Links are told between mentions that both found: what joins a mention that only one of them found
    follows from that.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: names of the annotators, the document, one of `KINDS`, first and last character (behind it) and
        words of the text, and what each said; empty where nothing.
    """
    rows = []
    for one, other in zip(pair.first, pair.second, strict=True):
        own = [*_of_entities(one, other), *_of_links(one, other)]
        rows += [(*pair.names, one.id, *row) for row in sorted(own, key=lambda row: (row[1], row[2], row[0]))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_entities(one: Document, other: Document) -> list[tuple]:
    """kind, start, end, words, first_said, second_said."""
    rows = []
    matched = match_overlapping(one.entities, other.entities)
    for place, position in matched:
        first, second = one.entities[place], other.entities[position]
        if first.spans != second.spans:
            rows.append(_row("boundary", one.text, first, second))
        elif dict(first.fields) != dict(second.fields):
            rows.append(_row("field", one.text, first, second))
    used, taken = ({pair[side] for pair in matched} for side in (0, 1))
    candidates = [
        (-overlap(first.spans, second.spans), place, position)
        for place, first in enumerate(one.entities)
        for position, second in enumerate(other.entities)
        if place not in used and position not in taken and overlap(first.spans, second.spans)
    ]
    for _, place, position in sorted(candidates):
        if place not in used and position not in taken:
            used.add(place)
            taken.add(position)
            rows.append(_row("category", one.text, one.entities[place], other.entities[position]))
    rows += [_row("missing", one.text, entity, None) for n, entity in enumerate(one.entities) if n not in used]
    rows += [_row("missing", one.text, None, entity) for n, entity in enumerate(other.entities) if n not in taken]
    return rows


def _row(kind: str, text: str, first: Entity | None, second: Entity | None) -> tuple:
    both = [entity for entity in (first, second) if entity]
    start, end = min(entity.start for entity in both), max(entity.end for entity in both)
    return (kind, start, end, " ".join(text[start:end].split()), told(first, text), told(second, text))


def told(entity: Entity | None, text: str) -> str:
    """A mention in one line: category, words, fields; "" for none."""
    if entity is None:
        return ""
    fields = "; ".join(f"{name}: {value}" for name, value in entity.fields.items())
    return f"{entity.category} “{' '.join(entity.mention(text).split())}”" + (f" ({fields})" if fields else "")


def _of_links(one: Document, other: Document) -> list[tuple]:
    matched = match_overlapping(one.entities, other.entities)
    meant = {other.entities[position].id: one.entities[place].id for place, position in matched}
    mine = {pair for pair in linked_pairs(one) if pair <= set(meant.values())}
    theirs = {frozenset(map(meant.get, pair)) for pair in linked_pairs(other) if pair <= meant.keys()}
    by_id = {entity.id: entity for entity in one.entities}
    rows = []
    for pair in mine ^ theirs:
        members = sorted((by_id[name] for name in pair), key=lambda entity: (entity.start, entity.id))
        words = " … ".join(" ".join(entity.mention(one.text).split()) for entity in members)
        said = " with ".join(entity.category for entity in members)
        place = members[0].start, max(entity.end for entity in members), words
        rows.append(("link", *place, *((said, "") if pair in mine else ("", said))))
    return rows


def kind_counts(table: pd.DataFrame) -> Mapping[str, int]:
    """How many disagreements there are of each kind."""
    return {kind: int((table["kind"] == kind).sum()) for kind in KINDS}
