"""Make the examples of GO aspects: definitions of live terms, each with the one aspect that it belongs to."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.counts import Counts
from lexome.ontology import ROOTS
from lexome.runtime import atomic, write_json
from lexome.texts import clean, count_words, text_group, without_first_words

ASPECTS = sorted(ROOTS)
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "name": pa.string(),
        "text": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
    }
)


def prepare_go_aspect(
    ontology_parquet: str, opening_words: int, examples_out: str, labels_out: str, report_out: str
) -> None:
    """Turn the definitions of an ontology into examples, and count what every step kept and dropped.

    Parameters
    ----------
    ontology_parquet
        The table of `parse_ontology`.
    opening_words
        How many words to take off the start of every definition: the first few give the aspect away ("Catalysis of
        the reaction ..."). A definition that keeps no word is dropped.
    examples_out
        Parquet, one row a live term, sorted by id: `id`, `name`, `text`, `length` (int32, words), `group` (hash of
        the normalised text), `labels` (list with one int32: the position of the aspect in the vocabulary).
    labels_out
        JSON: the vocabulary, the three aspects in alphabetical order.
    report_out
        JSON: `counts`, in order, of what every step kept and dropped.

    Raises
    ------
    LexomeError
        When a step leaves nothing.
    """
    terms = pd.read_parquet(ontology_parquet).sort_values("id", ignore_index=True)
    counts = Counts()
    counts.add("terms read", len(terms), "terms", "of the ontology")
    obsolete = terms["obsolete"].astype(bool)
    counts.add("obsolete terms dropped", obsolete.sum(), "terms", "they belong to no aspect any more")
    table = terms.loc[~obsolete, ["id", "name", "namespace", "definition"]]
    table["text"] = table["definition"].map(clean)
    wordless = table["text"].map(count_words) == 0
    counts.add("without a definition dropped", wordless.sum(), "terms", "or with one that has no word")
    table = table[~wordless]
    counts.require("definitions", len(table), "definitions", "of live terms", "the ontology has none; fetch it again")
    if opening_words:
        table["text"] = table["text"].map(lambda text: without_first_words(text, opening_words))
        kept = table["text"] != ""
        note = f"they have no word after the first {opening_words}"
        counts.add("too short definitions dropped", (~kept).sum(), "definitions", note)
        table = table[kept]
        mend = f"take off fewer words (opening_words: {opening_words})"
        counts.require("shortened definitions", len(table), "definitions", "they begin with a later word", mend)
    table = table.assign(
        length=table["text"].map(count_words),
        group=table["text"].map(text_group),
        labels=[[ASPECTS.index(aspect)] for aspect in table["namespace"]],
    )
    for aspect in ASPECTS:
        share = (table["namespace"] == aspect).mean()
        counts.add(_name(aspect), (table["namespace"] == aspect).sum(), "definitions", f"{share:.1%} of all")
    counts.add("words", table["length"].sum(), "words", f"{table['length'].median():g} in the median definition")
    counts.add("distinct texts", table["group"].nunique(), "groups", "equal texts stay together in a split")

    with atomic(examples_out) as temporary:
        pq.write_table(pa.Table.from_pandas(table[SCHEMA.names], SCHEMA, preserve_index=False), temporary)
    words = {
        "task": "multi_class",
        "example_noun": "definition",
        "label_noun": "aspect",
        "length_unit": "words",
    }
    vocabulary = [{"id": aspect, "name": _name(aspect)} for aspect in ASPECTS]
    write_json(labels_out, {**words, "labels": vocabulary})
    write_json(report_out, {"counts": counts.rows})


def _name(aspect: str) -> str:
    return aspect.replace("_", " ")


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        prepare_go_aspect(
            snakemake.input.ontology,
            snakemake.params.settings["opening_words"],
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
