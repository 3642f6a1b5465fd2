"""Compare what models take for what with how far the classes are apart, in time and in composition."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, interval, resample_groups, stream
from lexome.distances import composition_distances, confusion_rates, distance_matrix, mantel, pairs_of, spearman
from lexome.dnamodels import kmer_shares
from lexome.evaluation import load_judged, load_labels
from lexome.multiclass import predicted_class
from lexome.runs import load_run
from lexome.runtime import write_tsv

K = 3  # of the composition


def compare_distances(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    predictions: Sequence[str],
    models: Sequence[str],
    distances: Mapping[str, Mapping[str, float]],
    bootstrap: Mapping,
    study: str,
    split: str,
    pairs_path: str,
    tests_path: str,
) -> None:
    """Write two tables.

    Parameters
    ----------
    predictions, models
        Files of every run, and the model of each; the runs of a model are averaged.
    distances
        Divergence times in million years, by pairs of label ids.
    pairs_path
        TSV: `study`, `split`, `model`, `first`, `second` (label ids), `rate` (share of the test examples of either that
        are taken for the other), `low`, `high`, `n`, `divergence` (million years) and `composition` (distance between
        the mean shares of 3-mers on train, 0..1).
    tests_path
        TSV: `study`, `split`, `model`, `against` (divergence or composition), `rho`, `low`, `high`, `p`, `relabellings`
        and `pairs`, see `distances.mantel`; the interval is over resamples of the test examples. Models that take every
        example for the same class are left out: they confuse nothing.
    """
    labels = load_labels(split_labels)
    data = load_run(examples, study_labels, assignment, split_labels, None)
    shares = kmer_shares(data.train.texts, K, False).toarray()
    n = len(labels.ids)
    measures = {
        "divergence": distance_matrix(distances, labels.ids),
        "composition": composition_distances(shares, data.train.targets.argmax(axis=1), n),
    }
    pairs = pairs_of(n)
    first, second = np.array(pairs).T
    rows, tests, sums, telling = [], [], {}, set()
    for model, path in zip(models, predictions, strict=True):
        judged = load_judged(examples, assignment, labels, path)
        test = judged.take(judged.subset == "test")
        counts = resample_groups(test.group, bootstrap["replicates"], stream(bootstrap["seed"], study, split, "test"))
        counts = np.concatenate([np.ones((1, counts.shape[1])), counts])
        taken = predicted_class(test.scores)
        if len(np.unique(taken)) > 1:
            telling.add(model)
        rates = confusion_rates(test.truth.argmax(axis=1), taken, counts, n)
        sums.setdefault(model, []).append(rates)
    sizes = test.truth.sum(axis=0)
    enough = len(np.unique(test.group)) >= FEWEST_GROUPS
    for model, parts in sums.items():
        rates = np.mean(parts, axis=0)
        run = {"study": study, "split": split, "model": model}
        for a, b in pairs:
            ends = interval(rates[1:, a, b], bootstrap["level"]) if enough else (np.nan, np.nan)
            about = {name: measure[a, b] for name, measure in measures.items()}
            rate = {"rate": rates[0, a, b], "low": ends[0], "high": ends[1], "n": int(sizes[a] + sizes[b])}
            rows.append({**run, "first": labels.ids[a], "second": labels.ids[b], **rate, **about})
        for name, measure in measures.items() if model in telling else ():
            told = mantel(rates[0], measure)
            draws = spearman(rates[1:, first, second], measure[first, second])
            ends = interval(draws, bootstrap["level"]) if enough and np.isfinite(told["rho"]) else (np.nan, np.nan)
            about = {key: told[key] for key in ("p", "relabellings", "pairs")}
            tests.append({**run, "against": name, "rho": told["rho"], "low": ends[0], "high": ends[1], **about})
    write_tsv(pairs_path, pd.DataFrame(rows))
    write_tsv(tests_path, pd.DataFrame(tests))


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        compare_distances(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.predictions,
            snakemake.params.models,
            snakemake.params.distances,
            snakemake.params.bootstrap,
            snakemake.wildcards.study,
            snakemake.wildcards.split,
            snakemake.output.pairs,
            snakemake.output.tests,
        )
