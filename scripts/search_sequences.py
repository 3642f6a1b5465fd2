"""Search the training proteins of a split for those that valid and test proteins are alike to."""

import logging

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.runtime import job, read_json, write_json, write_parquet
from lexome.search import FIELDS, STRATA, identity_strata, nearest_hits, search, top_hits

PART = 0.5  # of a protein; domains are about as long


def count_strata(identity: pd.Series) -> dict[str, int]:
    """How many proteins there are of each stratum."""
    counts = pd.Series(identity_strata(identity)).value_counts()
    return {name: int(counts.get(name, 0)) for name in STRATA}


def search_sequences(
    examples: str, labels: str, assignment: str, settings: dict, threads: int, hits: str, identity: str, report: str
) -> None:
    """Write the hits of a split, the nearest training identity of each valid and test protein, and its strata.

    `<split>.hits.parquet` has the columns of `search.FIELDS` with ids as query and target. `<split>.identity.parquet`
    has `id`, `subset`, `nearest_identity` (float32 in [0, 1], 0 where no hit aligns enough), `nearest` (id of that
    training protein, or null), `stratum` and `part_identity` (as nearest_identity, of hits that align half of the
    protein at least, however little of the training protein: a shared domain counts there). `<split>.identity.json`
    counts the strata of each subset by both.

    Parameters
    ----------
    settings
        `tool`, `hits` (kept of each query), `evalue`, `sensitivity` (of MMseqs2), `coverage` and `cover` (which share
        of the proteins a nearest identity is of).

    Raises
    ------
    LexomeError
        If the examples are no proteins, or the program is not there.
    """
    if read_json(labels).get("length_unit") != "residues":
        raise LexomeError(f"{examples}: only proteins are searched")
    table = pd.read_parquet(examples, columns=["id", "sequence"])
    table = pd.read_parquet(assignment, columns=["id", "subset"]).merge(table, on="id", validate="one_to_one")
    train = table[table["subset"] == "train"].reset_index(drop=True)
    held_out = table[table["subset"] != "train"].reset_index(drop=True)
    chosen = {key: settings[key] for key in ("tool", "evalue", "sensitivity")}
    found = search(held_out["sequence"], train["sequence"], **chosen, threads=threads)
    nearest, target = nearest_hits(found, len(held_out), settings["coverage"], settings["cover"])
    part, _ = nearest_hits(found, len(held_out), PART, "query")

    kept = top_hits(found, settings["hits"])
    ids, names = held_out["id"].to_numpy(dtype=object), train["id"].to_numpy(dtype=object)
    write_parquet(hits, kept.assign(query=ids[kept["query"]], target=names[kept["target"]])[FIELDS])
    rows = held_out[["id", "subset"]].assign(
        nearest_identity=nearest,
        nearest=np.where(target >= 0, names[target] if len(names) else None, None),
        stratum=identity_strata(nearest),
        part_identity=part,
    )
    write_parquet(identity, rows)
    queries = held_out["subset"].iloc[found["query"].unique()].value_counts()
    told = {"search": dict(settings), "subsets": {}}
    for subset, own in rows.groupby("subset"):
        told["subsets"][subset] = {
            "examples": len(own),
            "with_hits": int(queries.get(subset, 0)),
            "strata": count_strata(own["nearest_identity"]),
            "part_strata": count_strata(own["part_identity"]),
            "quantiles": {str(q): round(float(own["nearest_identity"].quantile(q)), 4) for q in (0.1, 0.5, 0.9, 1)},
        }
    logging.info("%s", told["subsets"])
    write_json(report, told)


if __name__ == "__main__":
    with job(snakemake):
        search_sequences(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.input.assignment,
            snakemake.params.settings,
            snakemake.threads,
            snakemake.output.hits,
            snakemake.output.identity,
            snakemake.output.report,
        )
