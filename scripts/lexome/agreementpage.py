"""The agreement of annotators for people: tables of figures, and texts with the marks of both, one under the other."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from lexome.agreement import EVERY_PAIR, Pair
from lexome.classified import tags
from lexome.disagreements import KINDS, told
from lexome.documents import Document, Entity
from lexome.look import PALETTE, metric_title
from lexome.page import css_colour
from lexome.reporting import interval_text, number_text
from lexome.sentences import split_paragraphs

SHOWN = 60  # texts on the page, those with most disagreements
OVERALL = {
    "entity_f1": "same category, exactly the same words",
    "partial_f1": "same category, overlapping words",
    "word_f1": "words that bear the same category",
    "word_bio_f1": "the same, first words of mentions told from the others",
    "kappa": "Cohen's, categories of all words",
    "alpha": "Krippendorff's, categories of all words",
    "total_similarity": "shared values of the words that either marked, mean over these words",
    "link_f1": "linked pairs among the mentions that both found",
    "joint_link_f1": "linked pairs, both mentions with exactly the same words",
    "joint_link_partial_f1": "linked pairs, both mentions with overlapping words",
}
BY_CATEGORY = ("entity_f1", "partial_f1", "word_f1", "kappa")
OF_FIELD = ("agreement", "kappa", "word_f1")
# Order of a palette whose neighbours are far apart in grey, too.
ORDER = (3, 4, 2, 0, 6, 5, 1, 7, 8, 9)


def describe(
    table: pd.DataFrame,
    pairs: Sequence[Pair],
    crossed: Sequence[np.ndarray],
    differing: Sequence[pd.DataFrame],
    categories: Sequence[str],
    names: Mapping[str, str],
    level: float,
) -> dict:
    """What the page says.

    Parameters
    ----------
    table
        From `agreement.agreement`.
    pairs, crossed, differing
        Of each pair its documents, its confusion and its disagreements.
    categories
        All of them.
    names
        What some of them are called.
    level
        Of the intervals.

    Returns
    -------
    dict
        `pairs` (see `describe_pair`), `together` (figures of all pairs; None of a single one), `looks` (see `looks`),
        `kinds` and `level`.
    """
    shown = looks(categories, names)
    parts = zip(pairs, crossed, differing, strict=True)
    every = table["annotators"].eq(EVERY_PAIR).any()
    return {
        "pairs": [describe_pair(table, *part, shown) for part in parts],
        "together": figures(table, EVERY_PAIR, names) if every else None,
        "looks": list(shown.values()),
        "kinds": KINDS,
        "level": level,
    }


def looks(categories: Sequence[str], names: Mapping[str, str]) -> dict[str, dict]:
    """By category its `name`, `tag` (few letters) and `colour` (CSS)."""
    titles = [names.get(category, category) for category in categories]
    return {
        category: {"name": title, "tag": tag, "colour": css_colour(PALETTE[ORDER[place % len(ORDER)]])}
        for place, (category, title, tag) in enumerate(zip(categories, titles, tags(titles), strict=True))
    }


def figures(table: pd.DataFrame, annotators: str, names: Mapping[str, str]) -> dict:
    """The figures of a pair (or of all pairs), in tables.

    Parameters
    ----------
    table
        From `agreement.agreement`, or read from its file.
    annotators
        As in the table.
    names
        What categories are called.

    Returns
    -------
    dict
        `overall` (rows: `title`, `what`, `cell`), `categories` and `fields` (rows: `name`, `cells`) and `heads` and
        `field_heads` above their cells. A cell is `value`, `interval` and `n`, or None.
    """
    own = table[table["annotators"] == annotators]
    cells = {
        (row.metric, row.category): {
            "value": number_text(row.value) if np.isfinite(row.value) else "undefined",
            "interval": interval_text(row.low, row.high),
            "n": int(row.n),
        }
        for row in own.itertuples(index=False)
    }
    overall = [
        {"title": metric_title(metric), "what": what, "cell": cells[metric, ""]}
        for metric, what in OVERALL.items()
        if (metric, "") in cells and (cells[metric, ""]["n"] or "link" not in metric)
    ]
    present = dict.fromkeys(row for row in own.loc[own["metric"] == "entity_f1", "category"] if row)
    fields = {metric.removesuffix("_agreement"): at for metric, at in cells if metric.endswith("_agreement")}
    return {
        "overall": overall,
        "heads": [metric_title(metric) for metric in BY_CATEGORY],
        "categories": [
            {
                "name": names.get(category, category),
                "cells": [cells.get((metric, category)) for metric in BY_CATEGORY],
            }
            for category in present
        ],
        "field_heads": ["same value", "kappa", "word F1"],
        "fields": [
            {
                "name": name.replace("_", " "),
                "cells": [
                    cells.get((f"{name}_{metric}", category if metric != "word_f1" else "")) for metric in OF_FIELD
                ],
            }
            for name, category in fields.items()
        ],
    }


def describe_pair(
    table: pd.DataFrame, pair: Pair, crossed: np.ndarray, differing: pd.DataFrame, looks: Mapping[str, Mapping]
) -> dict:
    """What the page says of two annotators: `figures`, `confusion`, `kinds`, what was `left_out`, and `documents`."""
    names = {category: look["name"] for category, look in looks.items()}
    rows = dict(iter(differing.groupby("document", sort=False)))
    order = sorted(range(len(pair.first)), key=lambda place: -len(rows.get(pair.first[place].id, ())))
    marked = [place for place in order if pair.first[place].entities or pair.second[place].entities]
    left_out = [
        f"Only {name} has {len(alone)} document{'s' * (len(alone) != 1)}: {', '.join(alone)}."
        for name, alone in zip(pair.names, pair.alone, strict=True)
        if alone
    ]
    if pair.differing:
        left_out.append(f"Left out, for the two have different texts: {', '.join(pair.differing)}.")
    return {
        "title": pair.title,
        "names": pair.names,
        "n": len(pair.first),
        "left_out": left_out,
        "figures": figures(table, pair.title, names),
        "confusion": {
            "heads": ["none", *names.values()],
            "rows": list(zip(["none", *names.values()], crossed.tolist(), strict=True)),
        },
        "counts": [
            {"kind": kind, "what": what, "n": int((differing["kind"] == kind).sum())} for kind, what in KINDS.items()
        ],
        "unmarked": len(order) - len(marked),
        "more": max(0, len(marked) - SHOWN),
        "documents": [
            {
                "id": pair.first[place].id,
                "paragraphs": marked_paragraphs(pair.first[place], pair.second[place], looks),
                "rows": rows[pair.first[place].id].to_dict("records") if pair.first[place].id in rows else [],
            }
            for place in marked[:SHOWN]
        ],
    }


def marked_paragraphs(first: Document, second: Document, looks: Mapping[str, Mapping]) -> list[list[dict]]:
    """The text in pieces, cut wherever a mark of either begins or ends.

    Returns
    -------
    list of list of dict
        Of each paragraph its pieces: `text`, `marks` (of the first and the second the `looks` of the mention that
        covers the piece, or None), `same` (both have the very same mention), `said` (what each says, one string each)
        and `end` (letters of both, where a mention ends).
    """
    text = first.text
    cuts = {place for document in (first, second) for e in document.entities for span in e.spans for place in span}
    paragraphs = []
    for begin, behind in split_paragraphs(text):
        own = sorted({begin, behind, *(cut for cut in cuts if begin < cut < behind)})
        pieces = []
        for start, end in pairwise(own):
            held = [_covering(document, start) for document in (first, second)]
            marks = [None if entity is None else looks[entity.category] for entity in held]
            ends = any(entity and end in {span[1] for span in entity.spans} for entity in held)
            pieces.append(
                {
                    # A line break of the source is a blank to the reader.
                    "text": text[start:end].replace("\r\n", " ").replace("\n", " "),
                    "marks": marks,
                    "same": None not in held
                    and (held[0].category, held[0].spans, dict(held[0].fields))
                    == (held[1].category, held[1].spans, dict(held[1].fields)),
                    "said": [told(entity, text) or "nothing" for entity in held],
                    "end": "/".join(mark["tag"] if mark else "–" for mark in marks) if ends and any(marks) else "",
                }
            )
        paragraphs.append(pieces)
    return paragraphs


def _covering(document: Document, place: int) -> Entity | None:
    """The mention that a character belongs to; of several the one that starts last."""
    held = [entity for entity in document.entities if any(start <= place < end for start, end in entity.spans)]
    return max(held, key=lambda entity: (entity.start, -entity.end), default=None)
