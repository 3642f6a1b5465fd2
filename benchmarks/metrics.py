"""Time the metrics of all examples and labels against a loop over scikit-learn's functions, in one run."""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from sklearn import metrics as sk

from lexome.metrics import unit_metrics


def simulate(examples: int, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth bool and scores float32 [examples, labels] with the label frequencies of annotated proteins."""
    rng = np.random.default_rng(seed)
    share = np.exp(rng.uniform(np.log(0.008), np.log(0.3), size=labels))
    truth = rng.random((examples, labels)) < share
    scores = 1 / (1 + np.exp(4 - 3 * truth - rng.normal(size=truth.shape)))
    return truth, scores.astype(np.float32)


def loop(truth: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """`unit_metrics` of every row by scikit-learn, NaN where undefined."""
    rows = []
    for y, s in zip(truth, scores, strict=True):
        p = s >= 0.5
        rows.append(
            (
                sk.average_precision_score(y, s) if y.any() else np.nan,
                sk.roc_auc_score(y, s) if y.any() and not y.all() else np.nan,
                sk.accuracy_score(y, p),
                sk.precision_score(y, p) if p.any() else np.nan,
                sk.recall_score(y, p) if y.any() else np.nan,
            )
        )
    names = ("auprc", "auroc", "accuracy", "precision", "recall")
    return dict(zip(names, np.array(rows).T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--labels", type=int, default=305)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    truth, scores = simulate(options.examples, options.labels, options.seed)
    unit_metrics(truth, scores, axis=1)  # the first call pays for imports and fresh memory
    start = time.process_time()
    found = unit_metrics(truth, scores, axis=1)
    vectorised = time.process_time() - start
    start = time.process_time()
    expected = loop(truth, scores)
    looped = time.process_time() - start
    if any((np.isnan(found[name]) != np.isnan(expected[name])).any() for name in expected):
        raise SystemExit("the two disagree on which figures are defined")
    difference = max(float(np.nanmax(np.abs(found[name] - expected[name]))) for name in expected)

    result = {
        "examples": options.examples,
        "labels": options.labels,
        "vectorised_cpu_s": round(vectorised, 4),
        "scikit_learn_cpu_s": round(looped, 4),
        "ratio": round(looped / vectorised, 1),
        "max_abs_difference": difference,
    }
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<20} {value}")


if __name__ == "__main__":
    main()
