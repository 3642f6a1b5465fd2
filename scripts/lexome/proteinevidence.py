"""Training proteins that a protein is alike to, and which of them carry a term: what speaks for a prediction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.search import find_program, search, top_hits
from lexome.shingles import shingles

log = logging.getLogger(__name__)

FIELDS = ["query", "target", "similarity", "query_cover", "target_cover"]
KMER = 5  # residues of the pieces that are compared where there is no program to search with
KMER_HITS = 100
KMER_ROWS = 100  # queries compared at a time: bounds the memory


@dataclass(frozen=True)
class TrainingProteins:
    """What is searched.

    Attributes
    ----------
    ids, sequences
        Of n proteins.
    targets
        uint8, shape (n, n_labels).
    """

    ids: np.ndarray
    sequences: list[str]
    targets: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """Training proteins alike to some queries.

    Attributes
    ----------
    hits
        `query`, `target` (positions), `similarity`, `query_cover` and `target_cover` (in [0, 1]; the shares that are
        aligned are NaN where k-mers are compared), by query, the nearest first: of the most bits, or shared k-mers.
    bounds
        int64, shape (n_queries + 1,): the hits of query q are `bounds[q]` to `bounds[q + 1]`.
    """

    hits: pd.DataFrame
    bounds: np.ndarray

    def nearest(self, query: int) -> pd.Series | None:
        """The first hit of a query; None without one."""
        first, last = self.bounds[query : query + 2]
        return self.hits.iloc[first] if first < last else None

    def bearers(self, query: int, targets: np.ndarray, columns: Sequence[int]) -> list[int | None]:
        """For each of these labels the first hit of a query, as a row of `hits`, that carries it; None without one."""
        first, last = self.bounds[query : query + 2]
        if first == last:
            return [None] * len(columns)
        own = targets[self.hits["target"].to_numpy()[first:last]][:, list(columns)].astype(bool)
        return [int(first + column.argmax()) if column.any() else None for column in own.T]


def tool_of(settings: Mapping) -> str:
    """The program that searches, or `kmers` where it is not installed, which the log says."""
    try:
        find_program(settings["tool"])
    except LexomeError as error:
        log.warning("%s; the nearest training proteins are found by shared %d-mers instead", error, KMER)
        return "kmers"
    return settings["tool"]


def find_evidence(
    sequences: Sequence[str], train: TrainingProteins, settings: Mapping, tool: str, threads: int = 1
) -> Evidence:
    """The training proteins alike to some queries.

    Parameters
    ----------
    settings
        `evalue`, `sensitivity` and `hits` (kept of each query), as of `alignplan.search_settings`.
    tool
        Of `tool_of`. Without a program similarity is the share of the query's distinct k-mers that a training protein
        has too, which is no identity.
    """
    if tool == "kmers":
        hits = shared_kmers(sequences, train.sequences)
    else:
        how = {key: settings[key] for key in ("evalue", "sensitivity")}
        hits = top_hits(search(sequences, train.sequences, tool=tool, **how, threads=threads), settings["hits"])
        hits = hits.rename(columns={"identity": "similarity"})[FIELDS]
    bounds = np.searchsorted(hits["query"].to_numpy(), np.arange(len(sequences) + 1))
    return Evidence(hits, bounds)


def shared_kmers(queries: Sequence[str], references: Sequence[str]) -> pd.DataFrame:
    """Up to `KMER_HITS` references of each query that share k-mers with it, as `Evidence.hits`."""
    matrix = shingles([*queries, *references], KMER)
    transposed = matrix[len(queries) :].T.tocsr()
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    parts = [pd.DataFrame({"query": np.zeros(0, np.int64), "target": np.zeros(0, np.int64), "similarity": np.zeros(0)})]
    for start in range(0, len(queries), KMER_ROWS):
        shared = (matrix[start : min(start + KMER_ROWS, len(queries))] @ transposed).tocoo()
        part = pd.DataFrame({"query": shared.row.astype(np.int64) + start, "target": shared.col.astype(np.int64)})
        part["similarity"] = shared.data / sizes[part["query"]]
        part = part.sort_values(["query", "similarity", "target"], ascending=[True, False, True])
        parts.append(top_hits(part, KMER_HITS))
    return pd.concat(parts, ignore_index=True).assign(query_cover=np.nan, target_cover=np.nan)
