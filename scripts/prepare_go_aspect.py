"""Make the examples of GO aspects: definitions of live terms with their aspect, or with classes of a GO slim."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.ontology import ROOTS, ancestor_closure
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
    ontology_parquet: str, opening_words: int, slim: str | None, examples_out: str, labels_out: str, report_out: str
) -> None:
    """Turn the definitions of an ontology into examples, and count what every step kept and dropped.

    Parameters
    ----------
    ontology_parquet
        The table of `parse_ontology`.
    opening_words
        How many words to take off the start of every definition: the first few give the aspect away ("Catalysis of
        the reaction ..."). A definition that keeps no word is dropped.
    slim
        A subset of the ontology (`goslim_generic`) whose terms are the classes, in place of the aspects: a definition
        bears every one of them that its term is or descends from over is_a and part_of. A definition with none is
        dropped.
    examples_out
        Parquet, one row a live term, sorted by id: `id`, `name`, `text`, `length` (int32, words), `group` (hash of
        the normalised text), `labels` (list of int32: positions in the vocabulary; one aspect, or one class and more).
    labels_out
        JSON: the vocabulary, the three aspects in alphabetical order (`multi_class`), or the classes of the slim by id
        (`multi_label`).
    report_out
        JSON: `counts`, in order, of what every step kept and dropped.

    Raises
    ------
    LexomeError
        When a step leaves nothing, or the ontology has no such slim.
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
    table = table.assign(length=table["text"].map(count_words), group=table["text"].map(text_group))
    if slim is None:
        vocabulary = [{"id": aspect, "name": aspect.replace("_", " ")} for aspect in ASPECTS]
        table["labels"] = [[ASPECTS.index(aspect)] for aspect in table["namespace"]]
        for label, aspect in zip(vocabulary, ASPECTS, strict=True):
            members = table["namespace"] == aspect
            counts.add(label["name"], members.sum(), "definitions", f"{members.mean():.1%} of all")
    else:
        vocabulary, table["labels"] = slim_classes(terms, slim, table["id"])
        kept = table["labels"].map(len) > 0
        note = f"they lie under none of the {len(vocabulary)} classes of {slim}"
        counts.add("without a class dropped", (~kept).sum(), "definitions", note)
        table = table[kept]
        mend = "choose another slim"
        counts.require("definitions with classes", len(table), "definitions", f"of {slim}", mend)
        counts.add("classes", table["labels"].map(len).sum(), "definitions x classes", "what there is to predict")
    counts.add("words", table["length"].sum(), "words", f"{table['length'].median():g} in the median definition")
    counts.add("distinct texts", table["group"].nunique(), "groups", "equal texts stay together in a split")

    with atomic(examples_out) as temporary:
        pq.write_table(pa.Table.from_pandas(table[SCHEMA.names], SCHEMA, preserve_index=False), temporary)
    words = {
        "task": "multi_class" if slim is None else "multi_label",
        "example_noun": "definition",
        "label_noun": "aspect" if slim is None else "class",
        "length_unit": "words",
    }
    write_json(labels_out, {**words, "labels": vocabulary})
    write_json(report_out, {"counts": counts.rows})


def slim_classes(terms: pd.DataFrame, slim: str, ids: pd.Series) -> tuple[list[dict], list[list[int]]]:
    """The classes of a slim (its live terms but the roots, by id) and those that each term is or descends from."""
    live = terms[~terms["obsolete"].astype(bool)].set_index("id")
    members = live.index[[slim in subsets for subsets in live["subsets"]]].difference(list(ROOTS.values()))
    if members.empty:
        known = sorted({subset for subsets in live["subsets"] for subset in subsets})
        raise LexomeError(
            f"slim: no term but a root is in {slim!r}; the ontology has {', '.join(known) or 'no subset'}"
        )
    closure = ancestor_closure(terms)
    columns = closure.matrix[:, closure.terms.get_indexer(members)].tocsr()
    columns.sort_indices()
    rows = columns[closure.terms.get_indexer(ids)]
    vocabulary = [{"id": term, "name": live.loc[term, "name"]} for term in members]
    return vocabulary, [part.tolist() for part in np.split(rows.indices, rows.indptr[1:-1])]


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        prepare_go_aspect(
            snakemake.input.ontology,
            snakemake.params.settings["opening_words"],
            snakemake.params.settings["slim"],
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
