"""Time annotations, from file to propagated matrix, against a loop over networkx ancestors.

    python benchmarks/annotations.py --ontology go-basic.obo.gz [--rows 5000000] [--json out.json]

Random rows (protein, live term, evidence, qualifier) are written as GAF 2.2. A process of its own then reads,
maps and propagates them: its wall and CPU time and peak memory are the result. The baseline does the same
for a sample of the rows, line by line, with the ancestors of every annotation from networkx, once asked every
time and once remembered for each term; lexome is timed on the same sample, and the answers must agree.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import networkx as nx
import pandas as pd

from lexome.annotations import map_terms, propagate, read_gaf
from lexome.ontology import RELATIONS, ancestor_closure, check_ontology, read_obo, write_terms

CODES = ("IDA", "EXP", "IMP", "IPI", "IGI", "IEP")


def write_rows(path: Path, live: list[str], n_rows: int, n_proteins: int, seed: int = 0) -> None:
    """Write random annotations; one row in 200 is a NOT."""
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("!gaf-version: 2.2\n")
        for _ in range(n_rows):
            name, term, code = f"P{rng.randrange(n_proteins):06d}", rng.choice(live), rng.choice(CODES)
            qualifier = "NOT|enables" if rng.random() < 0.005 else "enables"
            handle.write(
                f"UniProtKB\t{name}\tG{name}\t{qualifier}\t{term}\tPMID:1\t{code}\t\tF\tA protein\t\tprotein"
                "\ttaxon:9606\t20200101\tX\t\t\n"
            )


def with_lexome(rows: str, terms: pd.DataFrame):
    """Read, map and propagate."""
    pairs, _ = read_gaf(rows, None)
    pairs, _ = map_terms(pairs, terms)
    closure = ancestor_closure(terms)
    return closure, *propagate(pairs, closure)


def with_networkx(rows: str, terms: pd.DataFrame, remember: bool) -> dict[str, set[str]]:
    """The same, a line and a term at a time."""
    graph = nx.DiGraph()
    for term, parents in zip(terms["id"], terms["parents"], strict=True):
        graph.add_node(term)
        graph.add_edges_from((term, parent["id"]) for parent in parents if parent["relation"] in RELATIONS)
    known: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    with open(rows, encoding="utf-8") as handle:
        for line in handle:
            fields = line.split("\t")
            if line.startswith("!") or "NOT" in fields[3]:
                continue
            term = fields[4]
            if not remember or term not in known:
                known[term] = nx.descendants(graph, term) | {term}  # edges point to the parents
            found.setdefault(fields[1], set()).update(known[term])
    return found


def timed(function, *arguments):
    """Result and CPU seconds."""
    start = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - start


def worker(rows: str, ontology: str) -> None:
    """The process that is measured: prints its figures as JSON."""
    terms = pd.read_parquet(ontology)
    _, ids, matrix = with_lexome(rows, terms)
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"peak_bytes": peak, "cpu_s": time.process_time(), "proteins": len(ids), "pairs": matrix.nnz}))


def main() -> None:
    """Make the rows, run the worker, run the baseline, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ontology", required=True, help="OBO file, plain or gzip")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--proteins", type=int, default=80_000)
    parser.add_argument("--sample", type=int, default=100_000, help="rows for the baseline")
    parser.add_argument("--json", help="write the figures here too")
    parser.add_argument("--worker", metavar="ROWS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.ontology)
        return

    with tempfile.TemporaryDirectory() as folder:
        table, rows, sample = (str(Path(folder, name)) for name in ("terms.parquet", "rows.gaf", "sample.gaf"))
        terms = read_obo(arguments.ontology)
        check_ontology(terms, arguments.ontology)
        write_terms(table, terms)
        live = terms["id"][~terms["obsolete"]].tolist()
        write_rows(Path(rows), live, arguments.rows, arguments.proteins)
        write_rows(Path(sample), live, arguments.sample, arguments.proteins)

        start = time.perf_counter()
        command = [sys.executable, __file__, "--ontology", table, "--worker", rows]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = {"rows": arguments.rows, "wall_s": time.perf_counter() - start, **json.loads(done.stdout)}

        (closure, ids, matrix), figures["sample_lexome_cpu_s"] = timed(with_lexome, sample, terms)
        for name, remember in (("networkx", False), ("networkx_remembered", True)):
            found, seconds = timed(with_networkx, sample, terms, remember)
            for row in range(0, len(ids), 997):
                have = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
                if set(closure.terms[have]) != found[ids[row]]:
                    sys.exit(f"the two answers differ for {ids[row]}")
            figures[f"sample_{name}_cpu_s"] = seconds
            figures[f"{name}_ratio"] = seconds / figures["sample_lexome_cpu_s"]
    figures["sample_rows"] = arguments.sample
    for name, value in figures.items():
        print(f"{name:32s} {value:,.2f}" if isinstance(value, float) else f"{name:32s} {value:,}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
