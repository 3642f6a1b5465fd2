"""Time CAFA's figures against cafaeval, each in a process of its own, from the same files to the same numbers.

    python benchmarks/cafa.py [--quick] [--json]
    python benchmarks/cafa.py --ontology go-basic.obo.gz --truth train_terms.tsv.gz --proteins 3000

By default ontology, truth and predictions are made up. With `--ontology` (OBO) and `--truth` (protein and term a
line) proteins are drawn from the truth, and information accretion comes from the other proteins; `--predictions`
(protein, term, score) takes a submission for the drawn proteins instead of a made-up one. Measured are reading the OBO
file, truth, predictions and information accretion, propagation, and all unweighted and weighted curves with their
best thresholds. cafaeval (`pip install cafaeval==1.3.0`) runs once with one thread; ours is the median of three runs.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

SCRIPTS = str(Path(__file__).resolve().parents[1] / "scripts")
sys.path.insert(0, SCRIPTS)

FIGURES = {
    "f": ("f", "pr", "rc"),
    "f_w": ("f_w", "pr_w", "rc_w", "s_w"),
    "s": ("s", "ru", "mi"),
    "f_micro": ("f_micro",),
}


def measured(work: Path, namespace: str, tool: str) -> dict[str, float]:
    """What one tool finds in the folder: best rows, and the lowest weighted S."""
    names = (work / "go.obo", work / "predictions", work / "truth.tsv", work / "ia.tsv")
    if tool == "cafaeval":
        import warnings

        warnings.simplefilter("ignore")
        from cafaeval.evaluation import cafa_eval

        curves, tables = cafa_eval(*map(str, names), n_cpu=1)
        rows = {key: table.xs(namespace, level="ns").reset_index().iloc[0] for key, table in tables.items()}
        lowest = float(curves.xs(namespace, level="ns")["s_w"].min())
    else:
        from lexome.cafafiles import read_accretion, read_aspects, read_predictions, read_truth
        from lexome.cafametrics import aspect_curves, best_rows

        aspect = read_aspects(names[0], [namespace])[namespace]
        ids, truth = read_truth(names[2], aspect)
        scores = read_predictions(names[1] / "model.tsv", aspect, ids)
        rows = best_rows(*aspect_curves(truth, scores, aspect, read_accretion(names[3], aspect)))
        lowest = rows["s_w"]["s_w"]
    found = {f"{key}:{name}": float(rows[key][name]) for key, wanted in FIGURES.items() for name in (*wanted, "tau")}
    return found | {"smin": lowest}


def worker(folder: str, namespace: str, tool: str) -> None:
    """The process that is measured: prints its figures, CPU time and peak memory as JSON."""
    found = measured(Path(folder), namespace, tool)
    print(json.dumps({"figures": found, "cpu_s": time.process_time(), "peak_mb": peak_bytes() / 1e6}))


def peak_bytes() -> int:
    """Largest resident memory of this program; `ru_maxrss` on Linux begins with that of the program that started it."""
    try:
        with open("/proc/self/status", encoding="ascii") as handle:
            return next(int(line.split()[1]) for line in handle if line.startswith("VmHWM:")) * 1024
    except (FileNotFoundError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_ontology(path: Path, n_terms: int, namespace: str, rng) -> None:
    """A made-up ontology of one namespace: a fifth of the terms have two parents, the others one."""
    with open(path, "w", encoding="utf-8") as handle:
        for at in range(n_terms):
            handle.write(f"[Term]\nid: GO:{at:07d}\nname: made up\nnamespace: {namespace}\n")
            # Parents are drawn from the older terms, early ones more often.
            for parent in sorted(set((at * rng.random(1 + (rng.random() < 0.2)) ** 1.5).astype(int))) if at else ():
                handle.write(f"is_a: GO:{parent:07d} ! made up\n")
            handle.write("\n")


def write_truth(path: Path, terms, n_proteins: int, rng) -> None:
    """Two to five terms a protein, some far more often than others."""
    share = rng.pareto(1.0, size=len(terms)) + 0.01
    with open(path, "w", encoding="utf-8") as handle:
        for protein in range(n_proteins):
            for term in rng.choice(terms, size=rng.integers(2, 6), p=share / share.sum()):
                handle.write(f"P{protein:06d}\t{term}\n")


def write_predictions(path: Path, ids, truth, aspect, n_terms: int, rng) -> None:
    """A made-up submission with three decimals: most true terms, and others as often as they are annotated."""
    import numpy as np

    share = np.bincount(truth.indices, minlength=truth.shape[1]) + 0.05
    with open(path, "w", encoding="utf-8") as handle:
        for row, name in enumerate(ids):
            if rng.random() < 0.05:  # no predictions at all
                continue
            drawn = set(rng.choice(len(share), size=n_terms, p=share / share.sum()).tolist())
            own = truth.indices[truth.indptr[row] : truth.indptr[row + 1]].tolist()
            scores = dict.fromkeys(drawn, None) | dict.fromkeys(own, 3.0)
            for term, high in scores.items():
                score = rng.beta(high or 0.7, 2 if high else 6)
                if score >= 0.001 and (not high or rng.random() < 0.7):
                    handle.write(f"{name}\t{aspect.terms[term]}\t{score:.3f}\n")


def prepare(work: Path, options: argparse.Namespace) -> dict[str, int]:
    """Write what both tools read; the size of the task."""
    import numpy as np

    from lexome.accretion import information_accretion, weights_of
    from lexome.cafafiles import read_accretion, read_aspects, read_truth

    rng, space = np.random.default_rng(options.seed), options.namespace
    ontology, everything, truth_file = work / "go.obo", work / "all.tsv", work / "truth.tsv"
    if options.ontology:
        copy_plain(options.ontology, ontology)
    else:
        write_ontology(ontology, options.terms, space, rng)
    aspect = read_aspects(ontology, [space])[space]
    if options.truth:
        copy_plain(options.truth, everything)
    else:
        write_truth(everything, aspect.terms, 3 * options.proteins, rng)
    ids, truth = read_truth(everything, aspect)
    drawn = np.sort(rng.permutation(len(ids))[: options.proteins])
    others = np.setdiff1d(np.arange(len(ids)), drawn)
    ids, train, truth = [ids[at] for at in drawn], truth[others], truth[drawn]
    with open(truth_file, "w", encoding="utf-8") as handle:
        for row, name in enumerate(ids):
            for column in truth.indices[truth.indptr[row] : truth.indptr[row + 1]]:
                handle.write(f"{name}\t{aspect.terms[column]}\n")
    if options.ia:
        copy_plain(options.ia, work / "given.tsv")
        accretion = read_accretion(work / "given.tsv", aspect)
    else:
        accretion = information_accretion(train, aspect.parents)
    lines = (f"{term}\t{value!r}\n" for term, value in zip(aspect.terms, weights_of(accretion).tolist(), strict=True))
    (work / "ia.tsv").write_text("".join(lines), encoding="utf-8")
    (work / "predictions").mkdir()
    submission = work / "predictions" / "model.tsv"
    if options.predictions:
        copy_plain(options.predictions, submission)
    else:
        write_predictions(submission, ids, truth, aspect, options.predicted, rng)
    with open(submission, encoding="utf-8") as handle:
        lines = sum(1 for _ in handle)
    return {"proteins": len(ids), "terms": len(aspect.terms), "prediction_lines": lines}


def copy_plain(source: str, target: Path) -> None:
    """Copy a file, unpacked if it is gzipped."""
    data = Path(source).read_bytes()
    target.write_bytes(gzip.decompress(data) if source.endswith(".gz") else data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ontology", help="OBO file, plain or gzip; made up by default")
    parser.add_argument("--truth", help="TSV of protein and term, plain or gzip; made up by default")
    parser.add_argument("--predictions", help="TSV of protein, term and score; made up by default")
    parser.add_argument("--ia", help="TSV of term and information accretion; by default from proteins not drawn")
    parser.add_argument("--namespace", default="molecular_function")
    parser.add_argument("--proteins", type=int, default=3000, help="drawn from the truth")
    parser.add_argument("--terms", type=int, default=11000, help="of the made-up ontology")
    parser.add_argument("--predicted", type=int, default=300, help="terms that are drawn for a made-up prediction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="200 proteins; ratios are lower on small tasks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
        return
    if options.quick:
        options.proteins = 200

    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, float] = prepare(Path(folder), options)
        runs = {}
        for tool, times in (("lexome", 3), ("cafaeval", 1)):
            found = []
            for _ in range(times):
                command = [sys.executable, __file__, "--worker", folder, options.namespace, tool]
                start = time.perf_counter()
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.append({"wall_s": time.perf_counter() - start, **json.loads(done.stdout)})
            runs[tool] = {name: median(each[name] for each in found) for name in ("wall_s", "cpu_s", "peak_mb")}
            runs[tool]["figures"] = found[0]["figures"]
    first, second = (runs[tool].pop("figures") for tool in runs)
    result["max_abs_difference"] = max(abs(first[name] - second[name]) for name in second)
    if not result["max_abs_difference"] < 1e-9:
        raise SystemExit(f"the two disagree: {first} and {second}")
    for name in ("wall_s", "cpu_s", "peak_mb"):
        result |= {f"{tool}_{name}": round(run[name], 2) for tool, run in runs.items()}
        result[f"{name.split('_')[0]}_ratio"] = round(runs["cafaeval"][name] / runs["lexome"][name], 1)
    result |= {name: round(first[f"{key}:{key}"], 4) for name, key in (("fmax", "f"), ("weighted_fmax", "f_w"))}
    result["smin"] = round(first["smin"], 4)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<20} {value}")


if __name__ == "__main__":
    main()
