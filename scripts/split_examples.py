"""Part the examples of a study, choose the labels to judge on the training part, and audit leakage."""

import logging

import numpy as np
import pandas as pd

from lexome import splits
from lexome.alignplan import cluster_settings
from lexome.audit import ceilings_by_subset, whole_answers
from lexome.errors import LexomeError
from lexome.runtime import job, read_json, write_json, write_parquet


def random(examples: pd.DataFrame, labels: dict, settings: dict) -> np.ndarray:
    """Whole groups (or single examples) at random."""
    return splits.random_split(units(examples, settings), settings["fractions"], settings["seed"])


def cluster(examples: pd.DataFrame, labels: dict, settings: dict) -> np.ndarray:
    """Whole clusters, which are the groups by now, at random."""
    return random(examples, labels, settings)


def stratified(examples: pd.DataFrame, labels: dict, settings: dict) -> np.ndarray:
    """Whole groups (or single examples) at random, in every subset as many of each class as its share asks for."""
    if labels["task"] != "multi_class":
        raise LexomeError(f"a stratified split needs one class an example, these are {labels['task']}: use `random`")
    return splits.stratified_split(
        units(examples, settings), classes_of(examples, labels), settings["fractions"], settings["seed"]
    )


def official(examples: pd.DataFrame, labels: dict, settings: dict) -> np.ndarray:
    """The subsets that the examples come with."""
    if "subset" not in examples:
        raise LexomeError("an official split needs examples that come with subsets; these do not: use `random`")
    return splits.official_split(examples["subset"], units(examples, settings), settings["fractions"], settings["seed"])


def folds(examples: pd.DataFrame, labels: dict, settings: dict) -> np.ndarray:
    """One fold of a k-fold cross-validation; with `only_train`, of the examples that do not come as test."""
    inside = np.ones(len(examples), dtype=bool)
    if settings.get("only_train"):
        if "subset" not in examples:
            raise LexomeError("`only_train` needs examples that come with subsets; these do not: leave it out")
        inside = (examples["subset"] != "test").to_numpy()
    subset = np.full(len(examples), LEFT_OUT, dtype=object)
    numbers = (settings["folds"], settings["fold"], settings["fractions"], settings["seed"])
    subset[inside] = splits.fold_split(units(examples, settings)[inside], *numbers)
    return subset


LEFT_OUT = ""  # in place of a subset
METHODS = {"random": random, "stratified": stratified, "official": official, "folds": folds, "cluster": cluster}


def units(examples: pd.DataFrame, settings: dict) -> pd.Series:
    """What stays together: groups, or (`grouped: false`) single examples, whatever leaks then."""
    return examples["group" if settings.get("grouped", True) else "id"]


def whole_clusters(examples: pd.DataFrame, path: str) -> np.ndarray:
    """The cluster of each example; those that share a group of the study are joined."""
    from lexome.seqclusters import join_groups

    cluster = pd.read_parquet(path).set_index("id")["cluster"].reindex(examples["id"])
    if cluster.isna().any():
        raise LexomeError(f"{path}: no cluster of {cluster.index[cluster.isna()][0]}; remove the file to make it again")
    return join_groups(cluster.to_numpy(), examples["group"].to_numpy())


def classes_of(examples: pd.DataFrame, labels: dict) -> np.ndarray:
    """The class of each example, int64; 0 everywhere where examples may have several labels."""
    if labels["task"] != "multi_class":
        return np.zeros(len(examples), dtype=np.int64)
    wrong = examples.loc[examples["labels"].map(len) != 1, "id"]
    if len(wrong):
        raise LexomeError(f"{len(wrong)} examples do not have exactly one class, first {wrong.iloc[0]}")
    return np.concatenate(examples["labels"].to_list()).astype(np.int64)


def split_examples(
    examples_path: str,
    labels_path: str,
    settings: dict,
    assignment_path: str,
    split_labels_path: str,
    leakage_path: str,
    clusters_path: str | None = None,
) -> None:
    """Write `<split>.parquet`, `<split>.labels.json` and `<split>.leakage.json`.

    Parameters
    ----------
    settings
        `method`, `fractions`, `seed`, `min_train_examples`, `leakage` and, if wanted, `sizes` of the split in the
        config. Examples that `sizes` or `only_train` leaves out are in none of the
        files. `grouped: false` parts equal examples too.
    clusters_path
        For the method `cluster`: `id` and `cluster` of every example. The `group` of the split is the cluster then, or
        several that a group of the study joins: they are what stays together, and what intervals resample.

    Raises
    ------
    LexomeError
        If ids repeat, the split is not possible, or (one class an example) a class is too rare to be judged.
    """
    examples = pd.read_parquet(examples_path).sort_values("id", ignore_index=True)
    if not examples["id"].is_unique:
        raise LexomeError(f"{examples_path}: column `id` repeats; every example needs its own id")
    if settings["method"] == "cluster":
        examples["group"] = whole_clusters(examples, clusters_path)
    labels = read_json(labels_path)
    subset = METHODS[settings["method"]](examples, labels, settings)
    kept = splits.draw_sizes(subset, classes_of(examples, labels), settings.get("sizes", {}), settings["seed"])
    kept &= subset != LEFT_OUT
    examples, subset = examples[kept].reset_index(drop=True), subset[kept]
    chosen, counts = splits.choose_labels(
        examples["labels"],
        subset == "train",
        len(labels["labels"]),
        settings["min_train_examples"],
        everywhere=labels["task"] == "tagging",
    )
    if labels["task"] == "multi_class" and len(chosen) < len(labels["labels"]):
        rare = [label["name"] for i, label in enumerate(labels["labels"]) if i not in chosen]
        raise LexomeError(
            f"{', '.join(rare)}: fewer than {settings['min_train_examples']} training examples, and every example "
            "needs a class that is judged; lower `min_train_examples`, or leave these classes out in `prepare`"
        )
    text = examples["sequence" if "sequence" in examples else "text"]
    both_strands = labels.get("length_unit") == "nucleotides"
    nearest_train, report = splits.audit_leakage(examples["id"], text, subset, settings["leakage"], both_strands)
    answers, _ = whole_answers(examples, labels)
    for name, found in ceilings_by_subset(text, answers, subset, both_strands).items():
        report["subsets"][name] |= found
    report["groups"] = int(examples["group"].nunique())
    report["left_out"] = int((~kept).sum())
    if settings["method"] == "cluster":
        report["clusters"] = cluster_settings(settings) | {"largest": int(examples["group"].value_counts().max())}
    logging.info("%s; %d of %d labels are judged", report["n"], len(chosen), len(labels["labels"]))

    table = examples[["id", "group"]].assign(subset=subset, nearest_train=nearest_train)
    write_parquet(assignment_path, table[["id", "subset", "group", "nearest_train"]])
    judged = [labels["labels"][i] | {"index": int(i), "n_train": int(n)} for i, n in zip(chosen, counts, strict=True)]
    write_json(split_labels_path, labels | {"labels": judged})
    write_json(leakage_path, report)


if __name__ == "__main__":
    with job(snakemake):
        split_examples(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.params.settings,
            snakemake.output.assignment,
            snakemake.output.labels,
            snakemake.output.leakage,
            snakemake.input.clusters or None,
        )
