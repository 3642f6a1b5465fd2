"""Make the examples of mentions of ontology terms: of CRAFT, of definitions that name other terms, of own documents."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.checksums import verify
from lexome.conceptcorpora import (
    DISTANT,
    FIELD,
    NIL,
    Piece,
    cut,
    distant,
    map_concepts,
    read_craft,
    read_own,
    unseen_concepts,
)
from lexome.counts import Counts
from lexome.documents import encode
from lexome.errors import LexomeError
from lexome.runtime import atomic, write_json
from lexome.tagplan import TASK
from lexome.texts import count_words

COLUMNS = {
    "id": pa.string(),
    "text": pa.string(),
    "length": pa.int32(),
    "group": pa.string(),
    "labels": pa.list_(pa.int32()),
    "document": pa.string(),
    "links_known": pa.bool_(),
    "subset": pa.string(),
}
READERS = {"craft": read_craft, "documents": read_own}


def prepare_concepts(
    ontology_parquet: str, path: str | None, settings: dict, examples_out: str, labels_out: str, report_out: str
) -> None:
    """Turn documents whose entities name terms into examples, and count what every step kept and dropped.

    Parameters
    ----------
    ontology_parquet
        The table of `parse_ontology`.
    path
        JSON Lines of CRAFT or of own documents; None for `source: distant`.
    settings
        The study's `prepare` entry (config/schemas/prepare.schema.yaml, `concepts`).
    examples_out
        Parquet, one row an example, sorted by id, as every study of the task `tagging` has it; `group` is the article.
    labels_out
        JSON: the aspects as categories; the field `concept` holds the ids of terms.
    report_out
        JSON: `counts`, in order, of what every step kept and dropped.

    Raises
    ------
    LexomeError
        When a file is not what it should be, or a step leaves nothing.
    """
    terms = pd.read_parquet(ontology_parquet)
    counts, source = Counts(), settings["source"]
    if source == "distant":
        pieces, about = distant(terms, settings["distant"] | {"aspects": settings["aspects"]})
        counts.add("definitions read", about["definitions"], "definitions", "of live terms")
        counts.add("definitions that name other terms", about["mentioning"], "definitions", DISTANT)
        counts.add("terms named", about["named"], "terms", f"in the {len(pieces)} definitions drawn")
        note = f"their {about['mentions_unseen']} mentions stand in test alone"
        counts.add("terms named in test only", about["unseen"], "terms", note)
    else:
        pieces = READERS[source](path)
        counts.require("documents read", len(pieces), "documents", "with their entities", f"{path} is empty")
        pieces = of_aspects(pieces, settings["aspects"], counts, path)
        pieces = in_pieces(pieces, settings["chunk_words"], counts)
    pieces, kinds = map_concepts(pieces, terms, settings["unmapped"])
    mentions = sum(kinds.values())
    counts.require("mentions", mentions, "mentions", "of terms", "no document has an entity of these `aspects`")
    counts.add("mentions of merged or replaced terms", kinds["replaced"], "mentions", "renamed to the current term")
    kept = "kept by their old id" if settings["unmapped"] == "keep" else f"called {NIL}"
    counts.add("mentions of ids that are no live term", kinds["unmapped"], "mentions", kept)
    if kinds["without"]:
        counts.add("mentions without a term", kinds["without"], "mentions", f"called {NIL}")
    if all(piece.subset for piece in pieces):
        add_unseen(pieces, counts)

    write_examples(examples_out, pieces, settings["aspects"], counts)
    words = {
        "task": TASK,
        "example_noun": {"distant": "definition", "craft": "piece"}.get(source, "document"),
        "label_noun": "aspect",
        "length_unit": "words",
        "labels": [{"id": aspect, "name": aspect.replace("_", " ")} for aspect in settings["aspects"]],
        "fields": {},
        "links": False,
        "concept_field": FIELD,
    }
    write_json(labels_out, words | ({"supervision": "distant"} if source == "distant" else {}))
    write_json(report_out, {"counts": counts.rows})


def of_aspects(pieces: Sequence[Piece], aspects: Sequence[str], counts: Counts, path: str) -> list[Piece]:
    """The documents with the entities of the aspects only."""
    kept = []
    dropped = 0
    for piece in pieces:
        entities = tuple(one for one in piece.document.entities if one.category in aspects)
        dropped += len(piece.document.entities) - len(entities)
        kept.append(replace(piece, document=replace(piece.document, entities=entities, links=())))
    if not any(piece.document.entities for piece in kept):
        raise LexomeError(f"{path}: no entity is of the categories {', '.join(aspects)} (`aspects`)")
    counts.add("mentions of other categories dropped", dropped, "mentions", f"kept: {', '.join(aspects)}")
    return kept


def in_pieces(pieces: Sequence[Piece], words: int | None, counts: Counts) -> list[Piece]:
    """Documents cut at paragraphs."""
    found, lost = [], 0
    for piece in pieces:
        parts, torn = cut(piece, words)
        found += parts
        lost += torn
    if words is not None:
        counts.add("pieces", len(found), "pieces", f"of up to {words} words, or of one paragraph")
        counts.add("mentions torn by the cut dropped", lost, "mentions", "they run over the end of a paragraph")
    return found


def add_unseen(pieces: Sequence[Piece], counts: Counts) -> None:
    """Count what of test the training documents do not hold."""
    train = [piece.document for piece in pieces if piece.subset == "train"]
    test = [piece.document for piece in pieces if piece.subset == "test"]
    total, concepts, surfaces = unseen_concepts(train, test)
    for what, n in (("of terms", concepts), ("in words", surfaces)):
        counts.add(
            f"test mentions {what} unseen in train", n, "mentions", f"of {total} in test: {n / max(total, 1):.1%}"
        )


def write_examples(path: str, pieces: Sequence[Piece], aspects: Sequence[str], counts: Counts) -> None:
    """Write `examples.parquet`, sorted by id, and count it."""
    pieces = sorted(pieces, key=lambda piece: piece.document.id)
    rows = [
        {
            "id": piece.document.id,
            "text": piece.document.text,
            "length": count_words(piece.document.text),
            "group": piece.group,
            "labels": sorted({aspects.index(one.category) for one in piece.document.entities}),
            "document": encode(piece.document, text=False),
            "links_known": False,
            "subset": piece.subset,
        }
        for piece in pieces
    ]
    official = all(piece.subset for piece in pieces)
    schema = pa.schema({name: kind for name, kind in COLUMNS.items() if official or name != "subset"})
    for aspect in aspects:
        n = sum(one.category == aspect for piece in pieces for one in piece.document.entities)
        counts.add(aspect.replace("_", " "), n, "mentions", "")
    counts.add("words", sum(row["length"] for row in rows), "words", "")
    counts.add("groups", len({piece.group for piece in pieces}), "groups", "documents that stay together in a split")
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_concepts(
            snakemake.input.ontology,
            snakemake.input.file or None,
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
