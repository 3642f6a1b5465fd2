"""Cluster a study's proteins by identity."""

import logging

import pandas as pd

from lexome.errors import LexomeError
from lexome.runtime import job, read_json, write_parquet
from lexome.seqclusters import cluster_proteins


def cluster_sequences(examples: str, labels: str, settings: dict, threads: int, clusters: str) -> None:
    """Write `clusters/<name>.parquet`: `id` and `cluster`, the id of the first protein of each one's cluster.

    Parameters
    ----------
    settings
        `identity`, `coverage` and, if wanted, `cover` and `sensitivity`.

    Raises
    ------
    LexomeError
        If the examples are no proteins.
    """
    if read_json(labels).get("length_unit") != "residues":
        raise LexomeError(f"{examples}: only proteins are clustered by identity")
    table = pd.read_parquet(examples, columns=["id", "sequence"]).sort_values("id", ignore_index=True)
    numbers = {key: settings[key] for key in ("identity", "coverage", "cover", "sensitivity") if key in settings}
    cluster, report = cluster_proteins(table["sequence"], **numbers, threads=threads)
    logging.info("%d proteins in %d clusters", len(table), report["clusters"])
    write_parquet(clusters, table[["id"]].assign(cluster=table["id"].to_numpy()[cluster]))


if __name__ == "__main__":
    with job(snakemake):
        cluster_sequences(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.params.settings,
            snakemake.threads,
            snakemake.output.clusters,
        )
