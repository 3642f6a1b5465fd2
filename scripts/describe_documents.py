"""Count what a corpus of annotated documents holds, and draw it."""

from pathlib import Path

import numpy as np
import pandas as pd

from lexome import corpusreport, documentfigures
from lexome.corpusreport import ALL, Corpus
from lexome.documents import decode
from lexome.look import save
from lexome.runtime import read_json, write_tsv


def describe_documents(
    examples_path: str,
    labels_path: str,
    table_path: str,
    sizes_path: str,
    values_path: str,
    mentions_path: str,
    distances_path: str,
) -> None:
    """Write `corpus.tsv` (`corpusreport.COLUMNS`) and four pictures.

    Parameters
    ----------
    examples_path, labels_path
        Of a study of the task `tagging`.
    """
    labels = read_json(labels_path)
    corpus = read_corpus(examples_path)
    names = {label["id"]: label["name"] for label in labels["labels"]}
    fields = dict(labels.get("fields", {}))
    if labels.get("concept_field"):
        fields.setdefault(labels["concept_field"], {"category": None})
    table, pairs = corpusreport.describe(corpus, list(names), fields)
    write_tsv(table_path, table)
    parts = {name: part for name, part in corpus.parts.items() if name != ALL} or {ALL: corpus}
    entities = {name: np.array([len(document.entities) for document in part.documents]) for name, part in parts.items()}
    lengths = {name: part.words for name, part in parts.items()}
    save(documentfigures.sizes(lengths, entities, (labels["example_noun"], "words")), sizes_path)
    panels = {"categories": {names[row.category]: row.value for row in _rows(table, "entities") if row.category}}
    for field in fields:
        panels[field.replace("_", " ")] = {row.item: row.value for row in _rows(table, "value", field)}
    totals = {row.category.replace("_", " "): int(row.value) for row in _rows(table, "distinct_values")}
    save(documentfigures.counts(panels, totals, "mentions"), values_path)
    commonest = {
        name: {row.item: row.value for row in _rows(table, "mention", category)} for category, name in names.items()
    }
    totals = {names[row.category]: int(row.value) for row in _rows(table, "distinct_mentions")}
    save(documentfigures.counts(commonest, totals, "mentions"), mentions_path)
    save(documentfigures.distances(pairs), distances_path)


def read_corpus(path: str | Path) -> Corpus:
    """The documents of `examples.parquet`, with their official subsets if there are any."""
    table = pd.read_parquet(path)
    documents = [
        decode(line, f"{path}, document {key}", text)
        for key, line, text in zip(table["id"], table["document"], table["text"], strict=True)
    ]
    subsets = table["subset"].tolist() if "subset" in table else None
    return Corpus(documents, table["links_known"].tolist(), subsets)


def _rows(table: pd.DataFrame, measure: str, category: str | None = None) -> list:
    """Rows of the whole corpus."""
    own = table[(table["subset"] == ALL) & (table["measure"] == measure)]
    return list((own if category is None else own[own["category"] == category]).itertuples(index=False))


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        describe_documents(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.output.table,
            snakemake.output.sizes,
            snakemake.output.values,
            snakemake.output.mentions,
            snakemake.output.distances,
        )
