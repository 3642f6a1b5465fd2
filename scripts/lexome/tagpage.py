"""The page of a tagged text: its words in colours, its links, and what the runs behind it scored on test."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from urllib.parse import quote

from lexome.classified import tags
from lexome.documents import Document
from lexome.judged import figures
from lexome.look import metric_title, short
from lexome.page import css_colour
from lexome.runtime import read_json
from lexome.sentences import split_paragraphs
from lexome.tagged import NIL, is_concept
from lexome.textfigures import CLASSES

TERM = re.compile(r"GO:\d{7}")
TERM_PAGE = "https://amigo.geneontology.org/amigo/term/"
# What each run is judged by; those of these metrics that it has are shown.
METRICS = {
    "tagger": ("entity_f1", "partial_f1", "word_f1", "concept_f1"),
    "linker": ("link_f1", "joint_link_f1"),
    "concepts": ("entity_f1", "partial_f1", "concept_f1", "concept_hierarchical_f1"),
}
LONGEST = 60  # characters of a mention in the list of links


def looks(categories: Sequence[tuple[str, str, str]], told: Sequence[Mapping]) -> list[dict]:
    """How each category looks on the page; letters tell two apart without their colours.

    Parameters
    ----------
    categories
        Layer (`entities` or `concepts`), id and name of each; those of one layer stand together.
    told
        Documents as `tagged.describe` tells them.

    Returns
    -------
    list of dict
        `layer`, `category`, `name`, `tag`, `colour` (CSS) and `count` (mentions in the documents).
    """
    found = [(layer, entity["category"]) for one in told for layer in ("entities", "concepts") for entity in one[layer]]
    marks = tags([name for _, _, name in categories])
    return [
        {
            "layer": layer,
            "category": category,
            "name": name,
            "tag": mark,
            "colour": css_colour(CLASSES[at % len(CLASSES)]),
            "count": found.count((layer, category)),
        }
        for at, ((layer, category, name), mark) in enumerate(zip(categories, marks, strict=True))
    ]


def with_strangers(categories: Mapping[str, Mapping[str, str]], told: Sequence[Mapping]) -> list[tuple[str, str, str]]:
    """Categories of both layers as `looks` takes them: those of the labels, then others that a model has predicted.

    Parameters
    ----------
    categories
        Layer -> category -> name.
    """
    rows = []
    for layer in ("entities", "concepts"):
        named = dict(categories.get(layer, {}))
        for one in told:
            for entity in one[layer]:
                named.setdefault(entity["category"], entity["category_name"])
        rows += [(layer, category, name) for category, name in named.items()]
    return rows


def paragraphs(document: Document, told: Mapping, styles: Sequence[Mapping]) -> list[list[dict]]:
    """The text as paragraphs of pieces, each of which lies wholly within or wholly outside every entity.

    Parameters
    ----------
    document, told
        A tagged document, and what `tagged.describe` tells of it.
    styles
        From `looks`.

    Returns
    -------
    list of list of dict
        Of each piece: `text`, `entities` (places in `view(...)["entities"]`), `tag` and `concept` (the look of the
        shortest entity of each layer there, or None) and `badges` (places of the entities whose last piece it is).
    """
    entities, text = document.entities, document.text
    look_of = _look_of(told, styles)
    pieces: list[list[dict]] = []
    last: dict[int, dict] = {}  # of each entity, its last piece with a letter
    for start, end in split_paragraphs(text):
        here = [
            (at, span) for at, one in enumerate(entities) for span in one.spans if span[0] < end and start < span[1]
        ]
        places = sorted({start, end} | {cut for _, span in here for cut in span if start < cut < end})
        pieces.append([])
        for near, far in pairwise(places):
            inside = [at for at, (first, behind) in here if first < far and near < behind]
            layers: dict[bool, list[int]] = {False: [], True: []}
            for at in inside:
                layers[is_concept(entities[at])].append(at)
            best = {
                layer: min(among, key=lambda at: (entities[at].end - entities[at].start, at), default=None)
                for layer, among in layers.items()
            }
            piece = {
                "text": text[near:far],
                "entities": inside,
                "tag": None if best[False] is None else look_of[best[False]],
                "concept": None if best[True] is None else look_of[best[True]],
                "badges": [],
            }
            pieces[-1].append(piece)
            if piece["text"].strip():
                last |= dict.fromkeys(inside, piece)
    for at, piece in sorted(last.items()):
        piece["badges"].append(at)
    return pieces


def view(told: Mapping, styles: Sequence[Mapping]) -> dict:
    """What the page's script and its lists tell of entities and links.

    Returns
    -------
    dict
        `entities`: of each, those of `told["concepts"]` last, `id`, `category` (place in `styles`), `name` (of the
        category), `tag`, `words`, `rows` (pairs of what is told where it is pointed at), `href` (the page of its term,
        or ""), and `links` (places); and `links`: of each `members` (places), `words` and `score`.
    """
    layered = [*told["entities"], *told["concepts"]]
    place = {entity["id"]: at for at, entity in enumerate(layered)}
    look_of = _look_of(told, styles)
    named = {entity["id"]: entity for entity in told["concepts"]}
    entities = []
    for at, entity in enumerate(layered):
        links = [number for number, link in enumerate(told["links"]) if entity["id"] in link["members"]]
        rows = [(key.replace("_", " "), value) for key, value in entity["fields"].items()]
        if entity["concept"]:
            rows.append(("concept", term_words(entity["concept"])))
        inside = [term_words(named[key]["concept"]) for key in entity.get("concepts", []) if named[key]["concept"]]
        if inside:
            rows.append(("concepts in it", "; ".join(dict.fromkeys(inside))))
        if entity["score"] is not None:
            rows.append(("score", score_text(entity["score"])))
        if links:
            rows.append(("links", ", ".join(str(number + 1) for number in links)))
        entities.append(
            {
                "id": entity["id"],
                "category": styles.index(look_of[at]),
                "name": look_of[at]["name"],
                "tag": look_of[at]["tag"],
                "words": entity["words"],
                "rows": rows,
                "href": term_page(entity["concept"]),
                "links": links,
            }
        )
    links = [
        {
            "members": [place[member] for member in link["members"]],
            "words": [short(each, LONGEST) for each in link["words"]],
            "score": score_text(link["score"]),
        }
        for link in told["links"]
    ]
    return {"entities": entities, "links": links}


def score_text(score: float | None) -> str:
    """Two decimals, or "" without a score."""
    return "" if score is None else f"{score:.2f}"


def term_words(concept: Mapping) -> str:
    """A term as its name and id."""
    if concept["id"] == NIL:
        return "no term"
    return f"{concept['name']} ({concept['id']})" if concept["name"] else concept["id"]


def term_page(concept: Mapping | None) -> str:
    """The address of a GO term's page; "" for what is no GO id."""
    known = concept and TERM.fullmatch(concept["id"])
    return TERM_PAGE + quote(concept["id"], safe=":") if known else ""


def trust_rows(runs: Sequence[Mapping], level: float) -> list[dict]:
    """What each run, and what it is held against, scored on the test documents of its study.

    Parameters
    ----------
    runs
        `role`, and `judged`: the run and the one beside it, each with `model`, `seed` and the files `metrics` and
        `replicates`.
    level
        Of the intervals.

    Returns
    -------
    list of dict
        A row a metric that the run has: `role`, `title`, `n`, and `cells` (`model`, `value`, `interval`).
    """
    rows = []
    for run in runs:
        measured = [_measured(judged["metrics"]) for judged in run["judged"]]
        for metric in METRICS[run["role"]]:
            if metric not in measured[0]:
                continue
            cells, n = [], 0
            for judged, known in zip(run["judged"], measured, strict=True):
                cell = {"value": "none", "interval": ""}
                if metric in known:
                    told = figures(metric, [judged], level)
                    cell, n = told["cells"][0], max(n, told["n"])
                cells.append({"model": judged["model"], **cell})
            rows.append({"role": run["role"], "title": metric_title(metric), "n": n, "cells": cells})
    return rows


def counts(told: Mapping, styles: Sequence[Mapping]) -> list[int]:
    """How many mentions of each category of `styles` a document has."""
    found = [(layer, entity["category"]) for layer in ("entities", "concepts") for entity in told[layer]]
    return [found.count((look["layer"], look["category"])) for look in styles]


def _measured(path: str) -> set[str]:
    return {row["metric"] for row in read_json(path)["rows"] if row["subset"] == "test" and row["value"] is not None}


def _look_of(told: Mapping, styles: Iterable[Mapping]) -> list[Mapping]:
    """The look of each entity, those of the concepts last."""
    by_category = {(look["layer"], look["category"]): look for look in styles}
    return [by_category[layer, entity["category"]] for layer in ("entities", "concepts") for entity in told[layer]]
