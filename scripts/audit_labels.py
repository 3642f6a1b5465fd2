"""Audit the labels of a study: repeated texts, conflicting labels, and the ceiling that they imply."""

import logging

import pandas as pd

from lexome.audit import audit_labels as audit
from lexome.audit import whole_answers
from lexome.runtime import atomic, read_json, write_json


def audit_labels(examples_path: str, labels_path: str, audit_path: str, conflicts_path: str) -> None:
    """Write `audit.json` (see `lexome.audit.audit_labels`) and the texts with conflicting labels as TSV."""
    examples = pd.read_parquet(examples_path)
    noun = "sequence" if "sequence" in examples else "text"
    answers, vocabulary = whole_answers(examples, read_json(labels_path))
    found, conflicts = audit(examples["id"], examples[noun], answers, vocabulary, noun)
    logging.info("%d texts with conflicting labels; ceilings %s", len(conflicts), found["ceilings"])
    write_json(audit_path, found)
    with atomic(conflicts_path) as temporary:
        conflicts.to_csv(temporary, sep="\t", index=False)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        audit_labels(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.output.audit,
            snakemake.output.conflicts,
        )
