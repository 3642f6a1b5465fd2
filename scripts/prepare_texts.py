"""Make the examples of a table of texts and labels, one class a text."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.checksums import verify
from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.runtime import atomic, write_json
from lexome.texttables import choose_classes, label_ids, make_examples, read_columns

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
    }
)


def prepare_texts(path: str, settings: dict, examples_out: str, labels_out: str, report_out: str) -> None:
    """Turn a CSV or TSV file into examples, and count what every step kept and dropped.

    Parameters
    ----------
    path
        The table, plain or gzip.
    settings
        The study's `prepare` entry (config/schemas/prepare.schema.yaml, `texts`).
    examples_out
        Parquet, one row an example, sorted by id: `id`, `text`, `length` (int32, words), `group` (hash of the
        normalised text), `labels` (list with one int32: the position of the class in the vocabulary).
    labels_out
        JSON: the vocabulary, in the order of `labels` or of the alphabet.
    report_out
        JSON: `counts`, in order, of what every step kept and dropped.

    Raises
    ------
    LexomeError
        When the table is not what the settings say, or a step leaves nothing.
    """
    names = {"text": settings["text_column"], "label": settings["label_column"], "id": settings["id_column"]}
    wanted = list(dict.fromkeys(name for name in names.values() if name is not None))
    rows = read_columns(path, wanted, settings["separator"])
    table = pd.DataFrame({key: rows[name] for key, name in names.items() if name is not None})
    table["id"] = checked_ids(table["id"], rows["line"], path) if "id" in table else row_ids(len(table))
    classes = choose_classes(table, settings["labels"], path)
    counts, noun = Counts(), settings["example_noun"]
    examples = make_examples(table, classes, settings["duplicates"], settings["conflicts"], noun, counts)

    with atomic(examples_out) as temporary:
        pq.write_table(pa.Table.from_pandas(examples[SCHEMA.names], SCHEMA, preserve_index=False), temporary)
    words = {"task": "multi_class", "example_noun": noun, "label_noun": "class", "length_unit": "words"}
    vocabulary = [{"id": id_, "name": name} for id_, name in zip(label_ids(classes), classes, strict=True)]
    write_json(labels_out, {**words, "labels": vocabulary})
    write_json(report_out, {"counts": counts.rows})


def row_ids(n: int) -> list[str]:
    """`row0001` and so on, as wide as the last one needs, so that they sort in the order of the file."""
    return [f"row{number:0{len(str(n))}d}" for number in range(1, n + 1)]


def checked_ids(ids: pd.Series, lines: pd.Series, path: str) -> pd.Series:
    """The ids of a table's rows; LexomeError if one is empty or stands twice."""
    for wrong, what in ((ids == "", "an empty id"), (ids.duplicated(), "an id that stands above already")):
        if wrong.any():
            at = wrong.idxmax()
            mend = "mend it, or set `id_column: null` to number the rows"
            raise LexomeError(f"{path}, line {lines[at]}: {what} ({ids[at]!r}); {mend}")
    return ids


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_texts(
            snakemake.input.file,
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
