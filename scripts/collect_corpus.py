"""Collect the texts that a backbone is adapted to."""

import logging

import pandas as pd

from lexome import corpora
from lexome.runtime import job, write_json, write_parquet


def collect_corpus(
    examples: str | None,
    assignment: str | None,
    sources: str | None,
    file: str | None,
    settings: dict,
    corpus_path: str,
    counts_path: str,
) -> None:
    """Write the corpus (`id`, `group`, `whole`, `subset`, `text`) and what was taken and dropped.

    Parameters
    ----------
    examples, assignment
        `examples.parquet` and `<split>.parquet` of the study whose texts are taken, or None.
    sources
        `sources.parquet` of the study, if the whole sequences are taken that its examples were cut from, or None.
    file
        A file of texts or sequences instead, or None.
    settings
        `kind` (what the backbone reads), `max_examples`, `valid_share`, `seed`, and of a study's texts
        `subsets` and `transductive`; of sources `chunk` and `in_frame`.
    """
    if file:
        table, counts = corpora.from_file(file, settings["kind"])
    else:
        # The draw goes by the order of the texts.
        parts = pd.read_parquet(examples).sort_values("id"), pd.read_parquet(assignment)
        if sources:
            table, counts = corpora.from_sources(pd.read_parquet(sources).sort_values("id"), *parts, settings)
        else:
            table, counts = corpora.from_study(*parts, settings["subsets"], settings["transductive"])
    corpus, counts = corpora.finish(table, counts, settings)
    for count in counts:
        logging.info("%(step)s: %(n)d %(note)s", count)
    write_parquet(corpus_path, corpus)
    write_json(counts_path, {"counts": counts})


if __name__ == "__main__":
    with job(snakemake):
        collect_corpus(
            snakemake.input.examples or None,
            snakemake.input.assignment or None,
            snakemake.input.sources or None,
            snakemake.input.file or None,
            snakemake.params.settings,
            snakemake.output.corpus,
            snakemake.output.counts,
        )
