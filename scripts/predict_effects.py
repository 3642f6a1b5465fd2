"""Score what every variant of a FASTA or VCF file changes in the predictions of a trained network."""

import logging
from collections.abc import Iterator

import pandas as pd

from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from lexome.runtime import atomic, progress
from lexome.variants import (
    BLOCK,
    Scorer,
    effects,
    score_substitutions,
    score_variants,
    substitution_table,
    unknown_share,
    unknown_stretches,
    write_effects,
)
from lexome.vcf import SKIPPED, read_vcf, reasons

# What `read_fasta` mends or drops, told beside the records that were skipped.
TOLD = {
    "with_gaps": "mended: {} records with gap characters, which were removed; positions count without them",
    "with_unknown": "mended: {} records with letters other than A, C, G, T, U, which were read as N",
    "empty": "empty: {} records",
    "only_unknown": "nothing but N: {} records",
    "repeated": "repeated: {} records, with id and sequence of another",
}


def predict_effects(
    fasta: str | None,
    vcf: str | None,
    genome: str | None,
    model_folder: str,
    gpus: int,
    tsv_path: str,
    parquet_path: str,
    skipped_path: str,
) -> None:
    """Write the effects of every substitution of FASTA sequences, or of the variants of a VCF file.

    Parameters
    ----------
    fasta
        Sequences of DNA, or None for a VCF file.
    vcf, genome
        Variants, and the FASTA of the genome that they are of.
    model_folder
        Of a `network`.
    tsv_path, parquet_path
        A row a (variant, factor), in the order of the input: `variants.TABLE`. `chrom` is the id of a FASTA sequence;
        `unknown` the share of N or padding in the windows that the network read.
    skipped_path
        TSV, a row a variant that was not scored: `line` (of the VCF), `id`, `chrom`, `pos`, `ref`, `alt`, `reason`.

    Raises
    ------
    LexomeError
        If a file is not what it should be, or nothing in it can be scored.
    """
    scorer = Scorer(model_folder, gpus)
    skipped: list[pd.DataFrame] = []
    tables = of_sequences(fasta, scorer, skipped) if fasta else of_variants(vcf, genome, scorer, skipped)
    rows = write_effects(tables, tsv_path, parquet_path)
    table = pd.concat([pd.DataFrame(columns=SKIPPED), *skipped])
    with atomic(skipped_path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
    logging.info("%d variants x %d factors, %d skipped", rows // len(scorer.factors), len(scorer.factors), len(table))


def of_sequences(path: str, scorer: Scorer, skipped: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Tables of the effects of all substitutions, one a sequence; what is left out is added to `skipped`."""
    sequences, counts = read_fasta(path, "dna")
    if sequences.empty:
        raise LexomeError(
            f"{path}: no sequence in it can be scored; it has {counts['records']} records, all empty or N"
        )
    told = [{"id": path, "reason": text.format(counts[key])} for key, text in TOLD.items() if counts[key]]
    skipped.append(pd.DataFrame(told, columns=SKIPPED))
    with progress(total=int(sequences["length"].sum()), unit="nt", desc="substitutions") as bar:
        for name, sequence in zip(sequences["id"], sequences["sequence"], strict=True):
            skipped.append(unknown_stretches(name, sequence))
            before, after = score_substitutions(sequence, scorer)
            unknown = unknown_share(sequence, scorer.length)
            yield effects(substitution_table(name, sequence), before, after, unknown, scorer.factors, scorer.task)
            bar.update(len(sequence))


def of_variants(path: str, genome: str, scorer: Scorer, skipped: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Tables of the effects of variants, in file order; what is left out is added to `skipped`."""
    variants, unread = read_vcf(path)
    before, after, unknown, faults = score_variants(variants, genome, scorer)
    bad = variants.loc[list(faults)].assign(reason=list(faults.values()))
    left_out = pd.concat([table for table in (unread, bad) if len(table)] or [unread])
    left_out = left_out.sort_values("line", kind="stable", ignore_index=True)
    if len(bad) == len(variants):
        raise LexomeError(f"{path}: no variant in it can be scored: {reasons(left_out) or 'it has no record'}")
    skipped.append(left_out)
    kept = variants.drop(index=list(faults)).index
    for at in range(0, len(kept), BLOCK):
        rows = kept[at : at + BLOCK]
        yield effects(variants.loc[rows], before[rows], after[rows], unknown[rows], scorer.factors, scorer.task)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        predict_effects(
            snakemake.input.fasta or None,
            snakemake.input.vcf or None,
            snakemake.input.genome or None,
            snakemake.input.model,
            snakemake.resources.get("gpu", 0),
            snakemake.output.table,
            snakemake.output.parquet,
            snakemake.output.skipped,
        )
