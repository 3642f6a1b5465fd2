"""Make the examples of telling species apart: windows of coding sequences, real or simulated."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.cdswindows import draw_windows, stream
from lexome.checksums import verify
from lexome.codingdna import read_coding
from lexome.codonusage import read_usage, simulate_coding
from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.geneclusters import cluster_proteins
from lexome.runtime import atomic, write_json

EXAMPLES = pa.schema(
    {
        "id": pa.string(),
        "sequence": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
        "gene": pa.string(),
        "start": pa.int32(),
    }
)
SOURCES = pa.schema({"id": pa.string(), "group": pa.string(), "sequence": pa.string(), "species": pa.string()})
# What became of the records of a file, in order; those marked are counted among the kept ones.
READ = {
    "unreadable": "dropped: repeated, empty or nothing but unknown letters",
    "odd_residues": "dropped: residues beyond the 20 amino acids",
    "not_coding": "dropped: the header names another gene biotype than protein_coding, or a pseudogene",
    "partial_codon": "dropped: the length is no multiple of 3",
    "internal_stop": "dropped: a stop codon before the last one",
    "other_transcripts": "dropped: not the longest transcript of their gene",
    "no_start": "kept, though they do not start with ATG",
    "no_stop": "kept, though no stop codon ends them",
    "with_unknown": "kept, with unknown nucleotides",
}
DRAWN = {
    "unknown": "left out: with an unknown nucleotide",
    "repeated": "left out: the species has the same sequence already, on either strand",
    "shared": "left out: another species has the same sequence, on either strand",
    "overlapping": "kept, and overlap the one before them in their gene",
}


def prepare_species(settings: dict, examples_out: str, sources_out: str, labels_out: str, report_out: str) -> None:
    """Make examples, and count what every step kept and dropped.

    Parameters
    ----------
    settings
        The study's `prepare` entry (config/schemas/prepare.schema.yaml, `species`).
    examples_out
        Parquet, one row a window of the coding strand, sorted by id: `id` (species:gene:start), `sequence` (A, C, G,
        T), `length` (int32), `group` (the cluster of its gene), `labels` (list of int32: the one species), `gene`,
        `start` (int32, in the coding sequence, from 0).
    sources_out
        Parquet, one row a gene, sorted by id, those without a window too: `id` (species:gene), `group`, `sequence`
        (whole; A, C, G, T, N), `species`.
    labels_out
        JSON: the species, in the order of the settings (`multi_class`).
    report_out
        JSON: `counts`, in order.

    Raises
    ------
    LexomeError
        When a file is not what the settings say, or a species has too few windows.
    """
    counts = Counts()
    genes = read_genes(settings, counts)
    sources = pd.concat([table.assign(species=species) for species, table in genes.items()], ignore_index=True)
    sources["id"] = sources["species"] + ":" + sources["gene"]
    sources = sources.sort_values("id", ignore_index=True)
    clusters = settings["clusters"]
    first = cluster_proteins(sources["protein"].tolist(), clusters["k"], clusters["share"])
    sources["group"] = sources["id"].to_numpy()[first]
    count_clusters(sources, clusters, counts)

    windows, drawn = draw_windows(
        genes, settings["window"], settings["in_frame"], settings["per_species"], settings["seed"]
    )
    name = windows["species"] + ":" + windows["gene"]
    index = windows["species"].map(list(settings["species"]).index)
    examples = windows.assign(
        id=name + ":" + windows["start"].astype(str),
        length=settings["window"],
        group=name.map(sources.set_index("id")["group"]),
        labels=[[label] for label in index],
    )
    examples = examples.sort_values("id", ignore_index=True)
    count_windows(examples, sources, drawn, settings, counts)

    for path, table, form in ((examples_out, examples, EXAMPLES), (sources_out, sources, SOURCES)):
        with atomic(path) as temporary:
            pq.write_table(pa.Table.from_pandas(table[form.names], form, preserve_index=False), temporary)
    words = {"task": "multi_class", "example_noun": "window", "label_noun": "species", "length_unit": "nucleotides"}
    labels = [{"id": species, "name": shown} for species, shown in settings["species"].items()]
    write_json(labels_out, words | {"labels": labels})
    write_json(report_out, {"counts": counts.rows})


def read_genes(settings: Mapping, counts: Counts) -> dict[str, pd.DataFrame]:
    """Genes (`gene`, `sequence`, `protein`) of every species, in the order of the settings."""
    simulated = settings["source"] == "simulated"
    usage = read_usage(settings["codon_usage"]) if simulated else {}
    absent = [species for species in settings["species"] if simulated and species not in usage]
    if absent:
        known = ", ".join(usage)
        raise LexomeError(f"{settings['codon_usage']}: no codon usage of {absent[0]}; there is that of {known}")
    genes = {}
    for species in settings["species"]:
        path = settings["files"][species]
        if simulated:
            genes[species], found = simulate_coding(path, usage[species], stream(settings["seed"], species))
            note = "simulated: of real proteins, each codon drawn by the species' published codon usage"
        else:
            genes[species], found = read_coding(path)
            note = "coding sequences as published, one a gene"
        counts.add(f"{species}: records", found["records"], "sequences", "of the file")
        for key, why in READ.items():
            if found.get(key):
                counts.add(f"{species}: {key.replace('_', ' ')}", found[key], "sequences", why)
        counts.add(f"{species}: genes", found["kept"], "genes", note)
    return genes


def count_clusters(sources: pd.DataFrame, clusters: Mapping, counts: Counts) -> None:
    """Count the clusters of genes."""
    sizes = sources.groupby("group")["id"].size()
    mixed = (sources.groupby("group")["species"].nunique() > 1).sum()
    note = f"genes whose proteins share {clusters['share']:.0%} of their {clusters['k']}-mers stay together in a split"
    largest = "1 gene" if sizes.max() == 1 else f"{sizes.max():,} genes"
    counts.add("clusters of genes", len(sizes), "clusters", f"{note}; the largest has {largest}")
    counts.add("clusters of several genes", (sizes > 1).sum(), "clusters", f"{mixed:,} of genes of several species")


def count_windows(
    examples: pd.DataFrame, sources: pd.DataFrame, drawn: Mapping, settings: Mapping, counts: Counts
) -> None:
    """Count the windows, and say from where in their genes they are."""
    where = "at the first letter of a codon" if settings["in_frame"] else "at any letter"
    length = sources.set_index("id")["sequence"].str.len()
    room = (examples["id"].str.rsplit(":", n=1).str[0].map(length) - settings["window"]).clip(lower=1)
    place = examples["start"] / room
    for number, species in enumerate(settings["species"]):
        own = examples[examples["labels"].str[0] == number]
        for key, why in DRAWN.items():
            if drawn[species][key]:
                counts.add(f"{species}: windows {key}", drawn[species][key], "windows", why)
        note = (
            f"of {drawn[species]['places']:,} places of {settings['window']} nucleotides that start {where}; from "
            f"{own['gene'].nunique():,} genes, half within the first {place[own.index].median():.0%} of their gene"
        )
        counts.add(f"{species}: windows", len(own), "windows", note)
    note = "each stays together in a split; windows are of the coding strand"
    counts.add("distinct groups", examples["group"].nunique(), "groups", note)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_species(
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.sources,
            snakemake.output.labels,
            snakemake.output.report,
        )
