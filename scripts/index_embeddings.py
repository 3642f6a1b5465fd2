"""Index the embedding shards of a study by id and describe them."""

from pathlib import Path

import datasets
import numpy as np
import pandas as pd

from lexome.embedding_store import build_index
from lexome.runtime import job, read_json, write_json, write_parquet


def index_embeddings(
    tokens_path: str,
    vectors: list[str],
    ids: list[str],
    costs: list[str],
    backbone: str,
    settings: dict,
    index_path: str,
    manifest_path: str,
) -> None:
    """Write `index.parquet`, see `embedding_store.build_index`, and `manifest.json`.

    The manifest tells the backbone, how it was read (`embedplan.embedding_settings`), width, rows (examples), distinct
    sequences, how many were cut and how many read in windows, tokens, and seconds and energy of all shards together;
    `letters_per_second` is the rate of one job, in the `unit` (residues, say).
    """
    folder = Path(index_path).parent
    names = [str(Path(path).relative_to(folder)) for path in vectors]
    rows = [pd.read_parquet(path) for path in ids]
    tokens = datasets.load_from_disk(tokens_path)
    index = build_index(zip(names, rows, strict=True), tokens["id"][:], tokens["first"][:])
    shapes = [np.load(path, mmap_mode="r").shape for path in vectors]
    spent = pd.DataFrame([read_json(path) for path in costs])
    seconds = float(spent["seconds"].sum())
    write_parquet(index_path, index)
    write_json(
        manifest_path,
        {
            "backbone": backbone,
            **settings,
            "width": shapes[0][2],
            "rows": len(index),
            "sequences": sum(len(table) for table in rows),
            "truncated": int(sum(tokens["truncated"][:])),
            "windowed": int(sum((table["windows"] > 1).sum() for table in rows)),
            "tokens": int(sum(table["tokens"].sum() for table in rows)),
            "unit": spent["unit"].iloc[0],
            "letters_per_second": float(spent["letters"].sum() / seconds) if seconds else 0.0,
            "shards": {name: shape[0] for name, shape in zip(names, shapes, strict=True)},
            "seconds": seconds,
            "energy_wh": None if spent["energy_wh"].isna().any() else float(spent["energy_wh"].sum()),
        },
    )


if __name__ == "__main__":
    with job(snakemake):
        datasets.disable_progress_bars()
        index_embeddings(
            snakemake.input.tokens,
            snakemake.input.vectors,
            snakemake.input.ids,
            snakemake.input.costs,
            snakemake.wildcards.backbone,
            snakemake.params.settings,
            snakemake.output.index,
            snakemake.output.manifest,
        )
