"""Annotated documents in the report: what the corpus holds by subset, and how far its annotators agree."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.agreement import EVERY_PAIR
from lexome.agreementpage import figures
from lexome.runtime import read_tsv

NUMBERS = ("value", "low", "high", "n")
# Measure -> title; of one with a category, a row a category.
OVERVIEW = {
    ("documents", False): "documents",
    ("documents_links_known", False): "of them annotated for links",
    ("words_median", False): "words of a document (median)",
    ("words_max", False): "words of the longest",
    ("vocabulary", False): "different words",
    ("entities", False): "mentions",
    ("entities", True): "mentions: {}",
    ("distinct_mentions", True): "different mentions: {}",
    ("mentions_seen_in_train_share", True): "mentions that stand in train, too: {}",
    ("words_in_entities_share", False): "words inside mentions",
    ("links", False): "links",
    ("linked_pairs", False): "pairs that share a link",
}


def describe(corpus: str | Path, agreement: str | Path | None, page: str | None, names: Mapping[str, str]) -> dict:
    """What the report says of a study's documents.

    Parameters
    ----------
    corpus, agreement
        `corpus.tsv` and `agreement.tsv`; None where no annotators are compared.
    page
        Where the page of the agreement is, from the report's folder.
    names
        What the categories are called.

    Returns
    -------
    dict
        `corpus` (see `overview`) and `agreement`: None, or `annotators`, `several` (pairs of them, told together),
        `documents` (of all pairs), `page` and the tables of `agreementpage.figures`.
    """
    told = {"corpus": overview(read_tsv(corpus, numbers=NUMBERS), names), "agreement": None}
    if agreement is not None:
        table = read_tsv(agreement, numbers=NUMBERS)
        annotators = table["annotators"].iloc[0]
        documents = table.loc[table["metric"] == "documents", "value"].sum()
        several = annotators == EVERY_PAIR
        told["agreement"] = {"annotators": annotators, "several": several, "documents": int(documents), "page": page}
        told["agreement"] |= figures(table, annotators, names)
    return told


def overview(table: pd.DataFrame, names: Mapping[str, str]) -> dict:
    """The main figures of a corpus: `subsets` (heads) and `rows` (`title`, `cells`: text, "" where there is none)."""
    subsets = list(dict.fromkeys(table["subset"]))
    told = {
        (row.subset, row.measure, row.category): row.value for row in table[table["item"] == ""].itertuples(index=False)
    }
    rows = []
    for (measure, by_category), title in OVERVIEW.items():
        for category in names if by_category else [""]:
            cells = [told.get((subset, measure, category), np.nan) for subset in subsets]
            if np.isfinite(cells).any() and (any(cells) or measure == "entities"):
                shown = [_text(value, measure) for value in cells]
                rows.append({"title": title.format(names.get(category, "")), "cells": shown})
    return {"subsets": subsets, "rows": rows}


def _text(value: float, measure: str) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:.1%}" if measure.endswith("_share") else f"{value:,.0f}"
