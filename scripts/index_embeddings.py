"""Index the embedding shards of a study by id and describe them."""

from pathlib import Path

import numpy as np
import pandas as pd

from lexome.embedding_store import build_index
from lexome.runtime import job, write_json, write_parquet


def index_embeddings(
    vectors: list[str], ids: list[str], backbone: str, settings: dict, index_path: str, manifest_path: str
) -> None:
    """Write `index.parquet` (id, shard, row) and `manifest.json` (backbone, layers, pooling, width, dtype, rows)."""
    folder = Path(index_path).parent
    names = [str(Path(path).relative_to(folder)) for path in vectors]
    index = build_index(zip(names, (pd.read_parquet(path)["id"] for path in ids), strict=True))
    shapes = [np.load(path, mmap_mode="r").shape for path in vectors]
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
            "shards": {name: shape[0] for name, shape in zip(names, shapes, strict=True)},
        },
    )


if __name__ == "__main__":
    with job(snakemake):
        index_embeddings(
            snakemake.input.vectors,
            snakemake.input.ids,
            snakemake.wildcards.backbone,
            snakemake.params.settings,
            snakemake.output.index,
            snakemake.output.manifest,
        )
