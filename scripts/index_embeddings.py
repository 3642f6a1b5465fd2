"""Index the embedding shards of a study by id and describe them."""

from pathlib import Path

import numpy as np
import pandas as pd

from lexome.embedding_store import build_index
from lexome.runtime import job, read_json, write_json, write_parquet


def index_embeddings(
    vectors: list[str],
    ids: list[str],
    costs: list[str],
    backbone: str,
    settings: dict,
    index_path: str,
    manifest_path: str,
) -> None:
    """Write `index.parquet` (id, shard, row) and `manifest.json`.

    The manifest tells the backbone, layers, pooling, width, dtype, rows, how many of them were truncated, and seconds
    and energy of all shards together.
    """
    folder = Path(index_path).parent
    names = [str(Path(path).relative_to(folder)) for path in vectors]
    rows = [pd.read_parquet(path) for path in ids]
    index = build_index(zip(names, (table["id"] for table in rows), strict=True))
    shapes = [np.load(path, mmap_mode="r").shape for path in vectors]
    spent = pd.DataFrame([read_json(path) for path in costs])
    write_parquet(index_path, index)
    write_json(
        manifest_path,
        {
            "backbone": backbone,
            "layers": settings["layers"],
            "pooling": settings["pooling"],
            "width": shapes[0][2],
            "dtype": "float32",
            "rows": len(index),
            "truncated": int(sum(table["truncated"].sum() for table in rows)),
            "shards": {name: shape[0] for name, shape in zip(names, shapes, strict=True)},
            "seconds": float(spent["seconds"].sum()),
            "energy_wh": None if spent["energy_wh"].isna().any() else float(spent["energy_wh"].sum()),
        },
    )


if __name__ == "__main__":
    with job(snakemake):
        index_embeddings(
            snakemake.input.vectors,
            snakemake.input.ids,
            snakemake.input.costs,
            snakemake.wildcards.backbone,
            snakemake.params.settings,
            snakemake.output.index,
            snakemake.output.manifest,
        )
