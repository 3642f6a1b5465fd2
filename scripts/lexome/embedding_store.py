"""Embeddings on disk: shards, their index by id, and memory-mapped gathering. Needs no torch."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.runtime import read_json


def build_index(shards: Iterable[tuple[str, Sequence[str]]]) -> pd.DataFrame:
    """Index of all shards by id.

    Parameters
    ----------
    shards
        File name and ids (in row order) of each shard.

    Returns
    -------
    pandas.DataFrame
        `id`, `shard` (file name), `row` (int64), sorted by id.

    Raises
    ------
    LexomeError
        If an id stands twice.
    """
    parts = [pd.DataFrame({"id": list(ids), "shard": name, "row": np.arange(len(ids))}) for name, ids in shards]
    index = pd.concat(parts).sort_values("id", ignore_index=True)
    twice = index.loc[index["id"].duplicated(), "id"]
    if len(twice):
        raise LexomeError(f"embedding shards hold {len(twice)} ids twice, first {twice.iloc[0]}; embed the study again")
    return index


def read_embeddings(
    folder: str | Path, ids: Sequence[str], layers: Sequence[int] | None = None, pooling: str | None = None
) -> np.ndarray:
    """Gather embeddings by id through memory maps: only the rows asked for are read.

    Parameters
    ----------
    folder
        With `index.parquet`, `manifest.json` and the shards.
    ids
        Examples in the order wanted.
    layers
        Layers out of those in the manifest, concatenated; all if None.
    pooling
        One out of those in the manifest; the first if None.

    Returns
    -------
    numpy.ndarray
        float32, shape (n_ids, n_layers * width).

    Raises
    ------
    LexomeError
        If an id, a layer or a pooling was not embedded.
    """
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    layers = manifest["layers"] if layers is None else list(layers)
    absent = set(layers) - set(manifest["layers"])
    if absent:
        raise LexomeError(
            f"layers {sorted(absent)} of {manifest['backbone']} are not embedded; "
            f"list them in `embedding: layers` of that backbone (there now: {manifest['layers']})"
        )
    if pooling is not None and pooling not in manifest["pooling"]:
        raise LexomeError(
            f"the pooling {pooling} of {manifest['backbone']} is not embedded; list it in `embedding: pooling` of that "
            f"backbone (there now: {', '.join(manifest['pooling'])})"
        )
    # A row holds the layers of the first pooling, then those of the next.
    before = 0 if pooling is None else manifest["pooling"].index(pooling) * len(manifest["layers"])
    columns = [before + manifest["layers"].index(layer) for layer in layers]
    index = pd.read_parquet(folder / "index.parquet").set_index("id")
    unknown = [i for i in ids if i not in index.index]
    if unknown:
        raise LexomeError(f"{folder}: {len(unknown)} examples have no embedding, first {unknown[0]}")
    where = index.loc[list(ids)]
    vectors = np.empty((len(where), len(columns), manifest["width"]), dtype=np.float32)
    for name, rows in where.groupby("shard").indices.items():
        shard = np.load(folder / name, mmap_mode="r")
        vectors[rows] = shard[where["row"].to_numpy()[rows]][:, columns]
    return vectors.reshape(len(where), -1)
