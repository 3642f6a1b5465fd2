"""Make the examples of annotated documents: entities with categories and fields, and links between them."""

import logging
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.checksums import verify
from lexome.counts import Counts
from lexome.documents import Document, encode, read_documents
from lexome.errors import LexomeError
from lexome.mae import read_annotated, read_definition
from lexome.runtime import atomic, write_json
from lexome.tagvocabulary import check_values, read_values, vocabulary
from lexome.texts import count_words, text_group

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
        "document": pa.string(),
        "links_known": pa.bool_(),
    }
)


def prepare_functional_genomics(
    archive: str, settings: dict, examples_out: str, labels_out: str, report_out: str
) -> None:
    """Turn annotated documents into examples, and count them.

    Parameters
    ----------
    archive
        Tar archive or folder of MAE's XML files, or documents as JSON Lines.
    settings
        The study's `prepare` entry (config/schemas/prepare.schema.yaml, `functional_genomics`).
    examples_out
        Parquet, one row a document, sorted by id: `id`, `text`, `length` (int32, words), `group` (hash of the
        normalised text), `labels` (list<int32>: categories that the document has), `document` (JSON of entities and
        links), `links_known`, and with an official test set `subset`.
    labels_out
        JSON: the categories, the values of each field, and whether there are links.
    report_out
        JSON: `counts`, in order.

    Raises
    ------
    LexomeError
        As the readers; if a document is in two folders, an official test document in none, a value is not among those
        allowed, or no document has an entity.
    """
    counts = Counts()
    documents, known, definition = read(archive, settings, counts)
    if settings["values"] is not None:
        fields = definition and [name for category in definition.values() for name in category.fields]
        check_values(documents, read_values(settings["values"], archive, fields), archive)
    labels = vocabulary(documents, list(definition) if definition else None)
    place = {label["id"]: at for at, label in enumerate(labels["labels"])}
    table = pd.DataFrame(
        {
            "id": [document.id for document in documents],
            "text": [document.text for document in documents],
            "length": [count_words(document.text) for document in documents],
            "group": [text_group(document.text) for document in documents],
            "labels": [sorted({place[entity.category] for entity in document.entities}) for document in documents],
            "document": [encode(document, text=False) for document in documents],
            "links_known": [document.id in known for document in documents],
        }
    )
    schema = SCHEMA
    if settings["test"] is not None:
        table["subset"] = official_subsets(table["id"], settings["test"])
        schema = schema.append(pa.field("subset", pa.string()))
        for subset, n in table["subset"].value_counts().sort_index().items():
            counts.add(f"official {subset}", int(n), "documents")
    count(documents, known, counts)
    repeated = int(table["group"].duplicated(keep=False).sum())
    counts.add("with a text that others have", repeated, "documents", "kept on one side of a random split")
    with atomic(examples_out) as temporary:
        pq.write_table(pa.Table.from_pandas(table.sort_values("id"), schema, preserve_index=False), temporary)
    write_json(labels_out, labels | {"links": bool(known)})
    write_json(report_out, {"counts": counts.rows})


def read(archive: str, settings: dict, counts: Counts) -> tuple[list[Document], set[str], dict | None]:
    """The documents, the ids of those annotated for links, and the definition of the tags (None of JSON Lines)."""
    linked, tagged = settings["linked"], settings["tagged"]
    if not Path(archive).is_dir() and Path(archive).name.removesuffix(".gz").endswith(".jsonl"):
        documents = list(read_documents(archive))
        counts.add("read", len(documents), "documents")
        return documents, {document.id for document in documents} if linked else set(), None
    definition = read_definition(settings["definition"], archive)
    folders = [*linked, *tagged]
    if twice := set(linked) & set(tagged):
        raise LexomeError(f"prepare: folder {min(twice)!r} is in `linked` and in `tagged`; take it out of one")
    wrong: list[str] | None = [] if settings.get("wrong_links") == "drop" else None
    found = read_annotated(archive, folders, definition, settings.get("ignore", []), wrong)
    owner: dict[str, str] = {}
    for folder in folders:
        for document in found[folder]:
            if document.id in owner:
                raise LexomeError(f"{archive}: document {document.id} is in {owner[document.id]!r} and in {folder!r}")
            owner[document.id] = folder
        note = "annotated for entities and links" if folder in linked else "annotated for entities"
        counts.add(folder, len(found[folder]), "documents", note)
    if wrong:
        for one in wrong:
            logging.info("left out: %s", one)
        counts.add("wrong links left out", len(wrong), "links", "they name a tag twice, or one of another category")
    known = {document.id for folder in linked for document in found[folder]}
    return [document for folder in folders for document in found[folder]], known, definition


def official_subsets(ids: pd.Series, test: list) -> pd.Series:
    """`test` for the documents of a list, by their ids or the numbers that these begin with, `train` for the others."""
    wanted = {str(name) for name in test}
    numbers = ids.str.partition("_")[0]
    absent = sorted(wanted - set(ids) - set(numbers))
    if absent:
        raise LexomeError(f"prepare.test: no document {', '.join(absent[:5])} ({len(absent)} in all); mend the list")
    return (ids.isin(wanted) | numbers.isin(wanted)).map({True: "test", False: "train"})


def count(documents: list[Document], known: set[str], counts: Counts) -> None:
    """What the documents hold."""
    entities = [entity for document in documents for entity in document.entities]
    counts.add("entities", len(entities), "entities")
    for category, n in sorted(Counter(entity.category for entity in entities).items()):
        counts.add(category, n, "entities")
    gaps = sum(len(entity.spans) > 1 for entity in entities)
    counts.add("of several parts", gaps, "entities")
    counts.add("without an entity", sum(not document.entities for document in documents), "documents")
    links = [link for document in documents if document.id in known for link in document.links]
    counts.add("links", len(links), "links", f"in {len(known):,} documents annotated for them")


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_functional_genomics(
            snakemake.input.archive,
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
