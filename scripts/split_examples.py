"""Part the examples of a study, choose the labels to judge on the training part, and audit leakage."""

import logging

import pandas as pd

from lexome import splits
from lexome.errors import LexomeError
from lexome.runtime import job, read_json, write_json, write_parquet

METHODS = {"random": splits.random_split}


def split_examples(
    examples_path: str,
    labels_path: str,
    settings: dict,
    assignment_path: str,
    split_labels_path: str,
    leakage_path: str,
) -> None:
    """Write `<split>.parquet`, `<split>.labels.json` and `<split>.leakage.json`.

    Parameters
    ----------
    settings
        `method`, `fractions`, `seed`, `min_train_examples` and `leakage` of the split in the config.
    """
    examples = pd.read_parquet(examples_path).sort_values("id", ignore_index=True)
    if not examples["id"].is_unique:
        raise LexomeError(f"{examples_path}: column `id` repeats; every example needs its own id")
    labels = read_json(labels_path)
    subset = METHODS[settings["method"]](examples["group"], settings["fractions"], settings["seed"])
    chosen, counts = splits.choose_labels(
        examples["labels"], subset == "train", len(labels["labels"]), settings["min_train_examples"]
    )
    text = examples["sequence" if "sequence" in examples else "text"]
    nearest_train, report = splits.audit_leakage(examples["id"], text, subset, settings["leakage"])
    report["groups"] = int(examples["group"].nunique())
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
        )
