"""What kinds of mistakes a tagger makes, and which words are taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.documents import Document, Entity
from lexome.tagmetrics import overlap, word_bounds, word_labels

# Of an annotated or a predicted entity, the first that holds; overlaps are with any entity of the other side.
KINDS = {
    "right": "right",
    "boundary": "other boundaries",
    "category": "other category",
    "both": "other boundaries and category",
    "alone": "missed, or invented",
}
COLUMNS = ("document", "kind", "annotated", "annotated_as", "predicted", "predicted_as", "before", "after")
AROUND = 60  # characters of context on either side


def kinds_of(entities: Sequence[Entity], others: Sequence[Entity]) -> list[tuple[str, Entity | None]]:
    """The kind of each entity and the one of the other side that it is judged by (the nearest to it in `KINDS`)."""
    found = []
    for entity in entities:
        near = [
            other
            for other in others
            if entity.start < other.end and other.start < entity.end and overlap(entity.spans, other.spans)
        ]
        ranked = sorted(near, key=lambda other: (_rank(entity, other), -overlap(entity.spans, other.spans)))
        found.append((list(KINDS)[_rank(entity, ranked[0])] if ranked else "alone", ranked[0] if ranked else None))
    return found


def _rank(entity: Entity, other: Entity) -> int:
    spans, category = entity.spans == other.spans, entity.category == other.category
    return 0 if spans and category else 1 if category else 2 if spans else 3


def error_counts(true: Sequence[Document], predicted: Sequence[Document]) -> pd.DataFrame:
    """Annotated and predicted entities of each kind: columns `annotated` and `predicted`, index `KINDS`."""
    counts = pd.DataFrame(0, index=list(KINDS), columns=["annotated", "predicted"])
    for one, other in zip(true, predicted, strict=True):
        for side, own, against in (("annotated", one, other), ("predicted", other, one)):
            for kind, _ in kinds_of(own.entities, against.entities):
                counts.loc[kind, side] += 1
    return counts


def errors(true: Sequence[Document], predicted: Sequence[Document]) -> pd.DataFrame:
    """Every mistake in the order of the documents, a row each.

    Returns
    -------
    DataFrame
        `COLUMNS`: `annotated` and `predicted` are mentions as they stand in the text ("" where there is none), `before`
        and `after` what stands around them. Annotated entities come with the prediction that they are judged by; of
        predicted ones only those that overlap no annotation follow.
    """
    rows = []
    for one, other in zip(true, predicted, strict=True):
        found = []
        for entity, (kind, against) in zip(one.entities, kinds_of(one.entities, other.entities), strict=True):
            if kind != "right":
                found.append((entity.start, "missed" if kind == "alone" else kind, entity, against))
        for entity, (kind, _) in zip(other.entities, kinds_of(other.entities, one.entities), strict=True):
            if kind == "alone":
                found.append((entity.start, "invented", None, entity))
        rows += [_row(one, kind, entity, told) for _, kind, entity, told in sorted(found, key=lambda row: row[0])]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(document: Document, kind: str, entity: Entity | None, told: Entity | None) -> dict:
    text = document.text
    start = min(part.start for part in (entity, told) if part)
    end = max(part.end for part in (entity, told) if part)
    return {
        "document": document.id,
        "kind": kind,
        "annotated": _line(entity.mention(text)) if entity else "",
        "annotated_as": entity.category if entity else "",
        "predicted": _line(told.mention(text)) if told else "",
        "predicted_as": told.category if told else "",
        "before": _line(text[max(0, start - AROUND) : start]),
        "after": _line(text[end : end + AROUND]),
    }


def _line(text: str) -> str:
    return " ".join(text.split())


def sample(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """At most so many mistakes, evenly of every kind as far as there are enough, drawn by seed."""
    rng, kept = np.random.default_rng(seed), []
    places = {
        kind: rng.permutation(np.flatnonzero(table["kind"] == kind)).tolist() for kind in sorted(set(table["kind"]))
    }
    while len(kept) < most and any(places.values()):
        for own in places.values():
            if own and len(kept) < most:
                kept.append(own.pop())
    return table.iloc[sorted(kept)]


def word_confusion(true: Sequence[Document], predicted: Sequence[Document], categories: Sequence[str]) -> np.ndarray:
    """Words by true (rows) and predicted (columns) category, int64; the last row and column are for none."""
    place: Mapping = {category: number for number, category in enumerate(categories)}
    size = len(categories) + 1
    crossed = np.zeros((size, size), dtype=np.int64)
    for one, other in zip(true, predicted, strict=True):
        bounds = word_bounds(one.text)
        sides = [
            [place.get(label, size - 1) for label in word_labels(bounds, part.entities, lambda e: e.category)[0]]
            for part in (one, other)
        ]
        np.add.at(crossed, tuple(np.array(side, dtype=np.int64) for side in sides), 1)
    return crossed
