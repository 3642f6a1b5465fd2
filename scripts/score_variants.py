"""Show which variants a network takes to matter: a figure, and a summary that says how far to trust it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lexome.judged import figures
from lexome.look import plural, save
from lexome.runtime import atomic, job
from lexome.variantfigures import strongest_variants, substitution_maps
from lexome.vcf import reasons

STRONGEST = 3  # told of each factor


def score_variants(
    source: str,
    kind: str,
    parquet: str,
    skipped: str,
    judged: Sequence[Mapping],
    about: Mapping,
    figure_path: str,
    summary_path: str,
) -> None:
    """Write `effects.svg` and `summary.txt`.

    Parameters
    ----------
    source, kind
        The user's file, `fasta` or `vcf`.
    parquet, skipped
        Effects and what was not scored, of `predict_effects`.
    judged
        The run that was used and that of the trivial model, in this order: `model`, `seed`, and the files `metrics`
        and `replicates` of the run.
    about
        `study`, `title` (of the study), `split`, `headline` (metrics to tell) and `level` (of the intervals).
    """
    table = pd.read_parquet(parquet)
    save((substitution_maps if kind == "fasta" else strongest_variants)(table), figure_path)
    lines = summary(source, kind, table, pd.read_csv(skipped, sep="\t"), judged, about)
    with atomic(summary_path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def summary(
    source: str, kind: str, table: pd.DataFrame, skipped: pd.DataFrame, judged: Sequence[Mapping], about: Mapping
) -> list[str]:
    """What was scored, by which run, the strongest effects, what was left out, and how well the run did on test."""
    factors = list(dict.fromkeys(table["factor"]))
    n, run = len(table) // len(factors), judged[0]
    scored = counted(n, "variant")
    if kind == "fasta":
        scored = f"{counted(n, 'substitution')} of {counted(table['chrom'].nunique(), 'sequence')}"
    lines = [
        f"{Path(source).name}: {scored}, each scored for {counted(len(factors), 'factor')} "
        f"by {run['model']} (seed {run['seed']}) of {about['study']}, split {about['split']}"
    ]
    table = table.assign(size=table["effect"].abs())
    for factor, rows in table.groupby("factor", sort=False):
        top = rows.nlargest(STRONGEST, "size", keep="first")
        told = [
            f"{row.chrom}:{row.pos} {row.ref}>{row.alt} {row.effect:+.2f} "
            f"(probability {row.probability_ref:.2f} to {row.probability_alt:.2f})"
            for row in top.itertuples()
        ]
        lines.append(f"  {factor}, strongest changes of the logit: " + "; ".join(told))
    shares = table["unknown"].iloc[:: len(factors)]
    if (shares > 0).any():
        lines.append(
            f"  N or padding, of which the network learns nothing, in the windows of {(shares > 0).sum():,} of {n:,}: "
            f"{shares.max():.0%} at most (column `unknown`)"
        )
    if len(skipped):
        lines.append(f"  skipped (or mended), see skipped.tsv: {reasons(skipped)}")
    trivial = judged[1]["model"]
    for metric in about["headline"]:
        row = figures(metric, judged, about["level"])
        own, other = (told_figure(cell) for cell in row["cells"])
        over = counted(row["n"], metric.split("_")[0]) if "_" in metric else f"n = {row['n']:,}"
        lines.append(f"  on test, {row['title']} over {over}: {run['model']} {own}; {trivial} {other}")
    lines.append(
        f"  ({about['level']:.0%} intervals over test examples; an effect is what the model says, not a measurement)"
    )
    return lines


def counted(n: int, noun: str) -> str:
    """`1 sequence`, `2 sequences`."""
    return f"{n:,} {noun if n == 1 else plural(noun)}"


def told_figure(cell: Mapping) -> str:
    """`0.912 [0.810 to 0.990]`, or that there is no interval."""
    return f"{cell['value']} [{cell['interval'] or 'no interval'}]"


if __name__ == "__main__":
    with job(snakemake):
        runs = zip(snakemake.params.runs, snakemake.input.metrics, snakemake.input.replicates, strict=True)
        score_variants(
            snakemake.input.source,
            snakemake.params.kind,
            snakemake.input.parquet,
            snakemake.input.skipped,
            [run | {"metrics": metrics, "replicates": replicates} for run, metrics, replicates in runs],
            snakemake.params.about,
            snakemake.output.figure,
            snakemake.output.summary,
        )
