"""Adapt a backbone to a corpus by masked-language modelling."""

import json
import shutil

import pandas as pd

from lexome.adaptation import adapt
from lexome.plan import prepare_files
from lexome.runtime import atomic, job, read_json, write_json


def adapt_backbone(
    corpus_path: str,
    counts_path: str,
    base: str,
    settings: dict,
    entry: dict,
    files: list[str],
    bootstrap: dict,
    gpus: int,
    folder: str,
    report_path: str,
    history_path: str,
) -> None:
    """Write the adapted backbone, `<name>.history.jsonl` and `<name>.adaptation.json`.

    Parameters
    ----------
    corpus_path, counts_path
        The texts, and what was taken and dropped to make them.
    base
        Folder of the backbone to adapt.
    settings
        `training` of the `adapt` entry.
    entry
        The whole `adapt` entry, of which the report tells.
    files
        That the study was prepared from whose texts these are; none for a corpus from a file.
    bootstrap
        `replicates`, `level`, `seed` of the intervals.
    """
    transductive = entry.get("transductive", False)
    table = pd.read_parquet(corpus_path)
    result, history, checkpoints = adapt(table, base, settings, bootstrap, folder, gpus, transductive, files)
    with atomic(history_path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in history), encoding="utf-8")
    counts = read_json(counts_path)["counts"]
    about = {"base": entry["backbone"], "corpus": entry["corpus"], "transductive": transductive}
    result |= {"mask": settings["mask"], "level": bootstrap["level"], "counts": counts}
    write_json(report_path, about | result)
    shutil.rmtree(checkpoints)


if __name__ == "__main__":
    with job(snakemake):
        entry = snakemake.config["registries"]["backbones"][snakemake.wildcards.backbone]["adapt"]
        study = snakemake.config["studies"].get(entry["corpus"].get("study"))
        adapt_backbone(
            snakemake.input.corpus,
            snakemake.input.counts,
            snakemake.input.base,
            snakemake.params.settings,
            entry,
            prepare_files(study) if study else [],
            snakemake.config["bootstrap"],
            snakemake.resources.get("gpu", 0),
            snakemake.output.folder,
            snakemake.output.report,
            snakemake.output.history,
        )
