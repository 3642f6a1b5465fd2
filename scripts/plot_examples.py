"""Draw how frequent the labels of a study are and how long its examples."""

import numpy as np
import pandas as pd

from lexome import figures
from lexome.look import SUBSETS, save
from lexome.runtime import read_json


def plot_examples(
    examples_path: str,
    labels_path: str,
    assignment_path: str,
    split_labels_path: str,
    frequencies_path: str,
    lengths_path: str,
) -> None:
    """Write the two pictures of a study's examples under one split."""
    examples = pd.read_parquet(examples_path)
    labels = read_json(labels_path)
    subset = pd.read_parquet(assignment_path).set_index("id")["subset"].reindex(examples["id"]).to_numpy()
    judged = np.zeros(len(labels["labels"]), dtype=bool)
    judged[[label["index"] for label in read_json(split_labels_path)["labels"]]] = True
    counts = np.stack([count_labels(examples.loc[subset == name, "labels"], len(judged)) for name in SUBSETS], axis=1)
    names = [label["name"] for label in labels["labels"]]
    nouns = labels["example_noun"], labels["label_noun"]
    save(figures.label_frequencies(names, counts, judged, *nouns), frequencies_path)

    unit = labels.get("length_unit") or ("words" if "text" in examples else "letters")
    lengths = {name: examples.loc[subset == name, "length"].to_numpy() for name in SUBSETS}
    save(figures.length_distribution(lengths, unit, labels["example_noun"]), lengths_path)


def count_labels(labels: pd.Series, size: int) -> np.ndarray:
    """How many of the examples (lists of label indices) have each of `size` labels; int [size]."""
    if labels.empty:
        return np.zeros(size, dtype=np.int64)
    return np.bincount(np.concatenate(labels.to_list()).astype(np.int64), minlength=size)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_examples(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.output.frequencies,
            snakemake.output.lengths,
        )
