"""Make the examples of protein function: proteins with a sequence and their propagated GO terms."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from lexome.annotations import EXPERIMENTAL, map_terms, propagate, read_cafa_terms, read_gaf, read_taxonomy
from lexome.cafaprotocol import KINDS, groups_of, join_targets, target_examples, time_examples
from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from lexome.ontology import RELATIONS, ROOTS, ancestor_closure, replacements
from lexome.runtime import atomic, write_json


def prepare_protein_function(
    ontology_parquet: str,
    annotations_path: str,
    sequences_path: str,
    taxonomy_path: str | None,
    settings: dict,
    examples_out: str,
    labels_out: str,
    report_out: str,
) -> None:
    """Join annotations, ontology and sequences into examples, their labels and the counts of every step.

    Parameters
    ----------
    ontology_parquet
        The table of `parse_ontology`.
    annotations_path, sequences_path, taxonomy_path
        GAF or CAFA terms, FASTA, and CAFA's taxonomy file (needed only to select a taxon of CAFA terms).
    settings
        `format` (`gaf` or `cafa`), `aspect` (a namespace), `evidence` (codes, of GAF; default experimental),
        `taxon` (int or None), `max_length` (residues or None), `exclude_terms` (ids), `relations` (that imply
        the parent; default is_a and part_of). One of two protocols of CAFA may part the examples: `time` (of GAF; see
        `cafaprotocol.time_examples`) or `targets` (`cafaprotocol.target_examples`), with `knowledge`, the kinds of
        test proteins (default none and limited).
    examples_out
        Parquet, one row a protein, sorted by id: `id`, `sequence`, `length` (int32, residues), `group` (hash
        of the sequence), `labels` (list of int32, sorted positions in the vocabulary). With a protocol `subset`
        (train, test) and `knowledge` (of test proteins, else null; see `cafaprotocol`), and where there are
        partial-knowledge targets `measured` (list of int32: the labels that these are judged on, those not known
        before; null: all).
    labels_out
        JSON: the vocabulary, every term of the aspect that an example has, sorted by id.
    report_out
        JSON: `counts`, in order, of what every step read, mended, dropped and kept.

    Raises
    ------
    LexomeError
        On malformed input, an excluded term that the ontology does not have, or when a step leaves nothing.
    """
    terms = pd.read_parquet(ontology_parquet)
    closure = ancestor_closure(terms, settings.get("relations") or RELATIONS)
    aspect = settings["aspect"]
    namespace = terms.set_index("id")["namespace"].reindex(closure.terms)
    if not (in_aspect := (namespace == aspect).to_numpy()).any():
        raise LexomeError(f"aspect: {aspect!r} is no namespace of the ontology; there are {sorted(set(namespace))}")
    # Every protein with a function of the aspect has its root, which is therefore never predicted.
    excluded = _excluded([ROOTS[aspect], *(settings.get("exclude_terms") or [])], terms, closure.terms)

    counts = Counts()
    pairs = _read_annotations(annotations_path, taxonomy_path, settings, counts)
    pairs, mapped = map_terms(pairs, terms)
    counts.add("alternative ids mapped", mapped["alternative"], "annotations", "the id is another name of a term")
    counts.add("replaced terms mapped", mapped["replaced"], "annotations", "obsolete, and one term replaces it")
    counts.add("obsolete terms dropped", mapped["obsolete"], "annotations", "obsolete without one replacement")
    counts.add("unknown terms dropped", mapped["unknown"], "annotations", "not in the ontology")
    own = in_aspect[closure.terms.get_indexer(pairs["term"].cat.categories)][pairs["term"].cat.codes]
    counts.require(
        "annotations of the aspect",
        own.sum(),
        "annotations",
        f"{aspect}, as the ontology says of the mapped term",
        "choose another aspect or more evidence codes, or an ontology of the annotations' time",
    )
    columns, kinds = np.flatnonzero(in_aspect & ~excluded), settings.get("knowledge") or KINDS
    earlier = None
    if settings.get("time"):
        about, matrix, earlier = time_examples(pairs, closure, in_aspect, columns, settings["time"], kinds, counts)
    else:
        ids, matrix = propagate(pairs[own], closure)
        about = pd.DataFrame({"id": ids, "protein": ids})
    counts.add("annotated proteins", about["protein"].nunique(), "proteins", f"with a term of {aspect}")

    proteins = _with_sequence(about, sequences_path, settings.get("max_length"), counts)
    matrix = matrix[proteins["row"].to_numpy()][:, columns]
    labelled = np.diff(matrix.indptr) > 0
    counts.add("without a term left dropped", (~labelled).sum(), "proteins", "they had excluded terms only")
    proteins, matrix = proteins[labelled], matrix[labelled]
    if settings.get("targets"):
        counts.require("training proteins", len(proteins), "proteins", "", "exclude fewer terms (exclude_terms)")
        tested, truth = target_examples(
            settings["targets"], terms, closure, in_aspect, columns, kinds, settings.get("max_length"), counts
        )
        proteins = join_targets(proteins, tested, counts)
        matrix = sparse.vstack([matrix, truth], format="csr")
        proteins = proteins.assign(row=np.arange(len(proteins))).sort_values("id", ignore_index=True)
        matrix = matrix[proteins["row"].to_numpy()]
    counts.require(
        "examples",
        len(proteins),
        "proteins",
        "every one with a sequence and a term",
        "exclude fewer terms (exclude_terms)",
    )
    used = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
    matrix = sparse.csr_array(matrix[:, used])
    matrix.sort_indices()
    labels = closure.terms[in_aspect & ~excluded][used]
    counts.add("terms", len(labels), "terms", "given to an example, after propagation to all ancestors")
    counts.add("labels", matrix.nnz, "labels", "pairs of example and term")
    counts.add(
        "distinct sequences",
        proteins["group"].nunique(),
        "groups",
        "equal sequences stay together in a split",
    )

    if "subset" in proteins:
        _count_subsets(proteins, counts)
    if earlier is not None and (proteins["knowledge"] == "partial").any():
        held = earlier[proteins["row"].to_numpy()][:, columns[used]]
        proteins = proteins.assign(measured=_unknown_before(proteins["knowledge"] == "partial", held))
    _write_examples(examples_out, proteins, matrix)
    names = terms.set_index("id")["name"]
    vocabulary = [{"id": term, "name": names[term]} for term in labels]
    words = {
        "task": "multi_label",
        "example_noun": "protein",
        "label_noun": "term",
        "length_unit": "residues",
    }
    write_json(labels_out, {**words, "labels": vocabulary})
    write_json(report_out, {"counts": counts.rows})


def _excluded(wanted: list[str], terms: pd.DataFrame, live: pd.Index) -> np.ndarray:
    """Mask over the live terms of those in `wanted`, alternative and replaced ids included."""
    became = replacements(terms)
    wanted = [became.get(term, term) for term in wanted]
    if unheard := [term for term in wanted if term not in live]:
        raise LexomeError(f"exclude_terms: {', '.join(unheard)} is not in the ontology; correct or remove it")
    return live.isin(wanted)


def _read_annotations(path: str, taxonomy: str | None, settings: dict, counts: Counts) -> pd.DataFrame:
    """Annotations of the wanted taxon and evidence: `id` and `term`; every row left out is counted."""
    taxon = settings.get("taxon")
    if settings["format"] == "gaf":
        evidence = settings.get("evidence") or EXPERIMENTAL
        pairs, read = read_gaf(path, evidence, taxon=taxon, dates=bool(settings.get("time")))
        counts.add("annotation rows read", read["rows"], "annotations", "GAF")
        counts.add("other taxa dropped", read["taxon"], "annotations", f"taxon {taxon}" if taxon else "all taxa kept")
        counts.add("NOT rows dropped", read["not"], "annotations", "they say that a protein does not have the term")
        for code, n in read["by_evidence"].items():
            note = "kept" if code in evidence else "dropped: not among the evidence codes of the study"
            counts.add(f"evidence {code}", n, "annotations", note)
    elif settings.get("time"):
        raise LexomeError("time: CAFA terms have no dates; use a GAF file (format: gaf), or no time")
    else:
        pairs, read = read_cafa_terms(path)
        counts.add("annotation rows read", read["rows"], "annotations", "CAFA terms, without evidence codes")
        if taxon is not None:
            if taxonomy is None:
                raise LexomeError("taxon: CAFA terms name no taxon; give the study its taxonomy file, or no taxon")
            taxa = read_taxonomy(taxonomy)
            wanted = pairs["id"].cat.categories.isin(taxa.index[taxa == taxon])[pairs["id"].cat.codes]
            counts.add("other taxa dropped", (~wanted).sum(), "annotations", f"not of taxon {taxon} in the taxonomy")
            pairs = pairs[wanted]
    counts.require(
        "annotations selected",
        len(pairs),
        "annotations",
        "by taxon, qualifier and evidence",
        f"choose another taxon (now {taxon}) or more evidence codes",
    )
    return pairs


def _with_sequence(about: pd.DataFrame, path: str, max_length: int | None, counts: Counts) -> pd.DataFrame:
    """The rows of `about` (`id`, `protein`, ...) with a sequence of a fit length, by id.

    Beside its columns they have `sequence`, `length`, `group` and `row` (in `about`).
    """
    table, read = read_fasta(path)
    for step, key, unit, note in (
        ("sequence records read", "records", "records", "FASTA"),
        ("records in lower case", "lower_case", "records", "read as upper case"),
        ("gap characters removed", "gap_characters", "residues", f"in {read['with_gaps']} records"),
        ("final stops removed", "with_stop_end", "records", "* at the end"),
        ("unknown residues made X", "unknown_residues", "residues", f"in {read['with_unknown']} records"),
        ("records with an internal stop dropped", "internal_stop", "records", "* inside the sequence"),
        ("empty records dropped", "empty", "records", "no residue"),
        ("records of X only dropped", "only_unknown", "records", "no known residue"),
        ("repeated records dropped", "repeated", "records", "same id and sequence as an earlier one"),
    ):
        counts.add(step, read[key], unit, note)
    found = pd.Index(table["id"]).get_indexer(about["protein"])
    row = np.flatnonzero(found >= 0)
    read_of = table.iloc[found[row]][["sequence", "length"]].set_axis(row)
    table = about.iloc[row].set_axis(row).join(read_of).assign(row=row).sort_values("id", ignore_index=True)
    counts.add(
        "without a sequence dropped",
        about["protein"].nunique() - table["protein"].nunique(),
        "proteins",
        "annotated, but not in the FASTA file",
    )
    counts.require(
        "proteins with a sequence",
        table["protein"].nunique(),
        "proteins",
        "",
        f"the ids of annotations and sequences differ (annotations: {', '.join(about['protein'][:3])}); "
        "take both from the same source",
    )
    if max_length is not None:
        short = table["length"] <= max_length
        counts.add("too long dropped", (~short).sum(), "proteins", f"more than {max_length} residues")
        table = table[short]
    counts.require("proteins of a fit length", len(table), "proteins", "", f"raise max_length (now {max_length})")
    return table.assign(group=groups_of(table["sequence"]))


def _count_subsets(proteins: pd.DataFrame, counts: Counts) -> None:
    """Examples of train and test, neither of which may be empty, and the groups that lie in both."""
    for name in ("train", "test"):
        number = (proteins["subset"] == name).sum()
        mend = "exclude fewer terms (exclude_terms), raise max_length, or choose other days or targets"
        counts.require(f"{name} examples", number, "examples", "", mend)
    straddling = (proteins.groupby("group")["subset"].nunique() > 1).sum()
    counts.add("groups in train and test", straddling, "groups", "equal sequences on both sides: the protocol's own")


def _unknown_before(partial: pd.Series, earlier: sparse.csr_array) -> list[np.ndarray | None]:
    """Of partial-knowledge targets the labels that were not known before; None for the others, judged on all."""
    known = np.split(earlier.indices, earlier.indptr[1:-1])
    every = np.arange(earlier.shape[1], dtype=np.int32)
    return [np.setdiff1d(every, held) if one else None for one, held in zip(partial, known, strict=True)]


def _write_examples(path: str, proteins: pd.DataFrame, matrix: sparse.csr_array) -> None:
    labels = pa.ListArray.from_arrays(
        pa.array(matrix.indptr.astype(np.int32)), pa.array(matrix.indices.astype(np.int32))
    )
    types = {"id": pa.string(), "sequence": pa.string(), "length": pa.int32(), "group": pa.string()}
    own = {"subset": pa.string(), "knowledge": pa.string(), "measured": pa.list_(pa.int32())}
    types |= {name: dtype for name, dtype in own.items() if name in proteins}
    table = pa.table({name: pa.array(proteins[name], dtype, from_pandas=True) for name, dtype in types.items()})
    table = table.add_column(4, "labels", labels)
    with atomic(path) as temporary:
        pq.write_table(table, temporary)


if __name__ == "__main__":
    from lexome.checksums import verify
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_protein_function(
            snakemake.input.ontology,
            snakemake.input.annotations,
            snakemake.input.sequences,
            snakemake.input.get("taxonomy"),
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.report,
        )
