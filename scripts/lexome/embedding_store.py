"""Embeddings on disk: shards, their index by id, and memory-mapped gathering. Needs no torch."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.partialshard import decode
from lexome.runtime import read_json


def build_index(shards: Iterable[tuple[str, pd.DataFrame]], ids: Sequence[str], first: Sequence[int]) -> pd.DataFrame:
    """Index of all shards by id.

    Parameters
    ----------
    shards
        File name of each shard, and its rows: `id` and `content` (tokens that stand for letters).
    ids
        All examples.
    first
        For each of them the place, in `ids`, of the first whose sequence is equal; that one has been embedded.

    Returns
    -------
    pandas.DataFrame
        `id`, `shard` (file name), `row` (int64), `start` (int64: of its first token in the shard's states of tokens)
        and `content`, sorted by id.

    Raises
    ------
    LexomeError
        If an id stands twice, or an example was not embedded.
    """
    parts = [
        pd.DataFrame({"id": rows["id"], "shard": name, "row": np.arange(len(rows)), "content": rows["content"]}).assign(
            start=rows["content"].cumsum() - rows["content"]
        )
        for name, rows in shards
    ]
    embedded = pd.concat(parts).set_index("id")
    if twice := embedded.index[embedded.index.duplicated()].tolist():
        raise LexomeError(f"embedding shards hold {len(twice)} ids twice, first {twice[0]}; embed the study again")
    ids = np.asarray(ids, dtype=object)
    where = embedded.index.get_indexer(ids[np.asarray(first)])
    if (where < 0).any():
        raise LexomeError(f"no embedding shard holds {ids[where < 0][0]}; embed the study again")
    index = embedded.iloc[where].reset_index(drop=True).assign(id=ids)
    columns = ["id", "shard", "row", "start", "content"]
    return index[columns].sort_values("id", ignore_index=True).astype({"id": str, "shard": str})


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
    manifest, columns, where = _look_up(folder, ids, layers)
    vectors = [name for name in manifest["pooling"] if name != "tokens"]
    pooling = vectors[0] if pooling is None and vectors else pooling
    if pooling not in vectors:
        raise LexomeError(
            f"the pooling {pooling} of {manifest['backbone']} is not embedded; list it in `embedding: pooling` of that "
            f"backbone (there now: {', '.join(manifest['pooling'])})"
        )
    # A row holds the layers of the first pooling, then those of the next.
    before = vectors.index(pooling) * len(manifest["layers"])
    columns = [before + column for column in columns]
    gathered = np.empty((len(where), len(columns), manifest["width"]), dtype=np.float32)
    for name, rows in where.groupby("shard").indices.items():
        shard = np.load(Path(folder) / name, mmap_mode="r")
        # Ascending places: pages of the file are read once, in order.
        rows = rows[np.argsort(where["row"].to_numpy()[rows], kind="stable")]
        gathered[rows] = decode(shard[where["row"].to_numpy()[rows]][:, columns], manifest["dtype"])
    return gathered.reshape(len(where), -1)


def read_tokens(folder: str | Path, ids: Sequence[str], layers: Sequence[int] | None = None) -> list[np.ndarray]:
    """The states of the tokens that stand for letters (residues), of examples by id.

    Parameters
    ----------
    folder, ids, layers
        As in `read_embeddings`.

    Returns
    -------
    list of numpy.ndarray
        float32, shape (tokens, n_layers * width) each.

    Raises
    ------
    LexomeError
        As `read_embeddings`.
    """
    manifest, columns, where = _look_up(folder, ids, layers)
    if "tokens" not in manifest["pooling"]:
        raise LexomeError(
            f"the states of tokens of {manifest['backbone']} are not kept; list `tokens` in its `embedding: pooling` "
            f"(there now: {', '.join(manifest['pooling'])})"
        )
    shards = {name: np.load(tokens_file(Path(folder) / name), mmap_mode="r") for name in where["shard"].unique()}
    found = []
    for name, start, content in where[["shard", "start", "content"]].itertuples(index=False):
        states = decode(shards[name][start : start + content][:, columns], manifest["dtype"])
        found.append(states.reshape(content, len(columns) * manifest["width"]))
    return found


def tokens_file(vectors: Path) -> Path:
    """Beside a shard's vectors: the states of its tokens."""
    return vectors.with_name(f"{vectors.stem}.tokens.npy")


def _look_up(
    folder: str | Path, ids: Sequence[str], layers: Sequence[int] | None
) -> tuple[dict, list[int], pd.DataFrame]:
    """The manifest, the columns of the layers in it, and the rows of the index of the ids."""
    manifest = read_json(Path(folder) / "manifest.json")
    layers = manifest["layers"] if layers is None else list(layers)
    absent = set(layers) - set(manifest["layers"])
    if absent:
        raise LexomeError(
            f"layers {sorted(absent)} of {manifest['backbone']} are not embedded; "
            f"list them in `embedding: layers` of that backbone (there now: {manifest['layers']})"
        )
    index = pd.read_parquet(Path(folder) / "index.parquet").set_index("id")
    places = index.index.get_indexer(pd.Index(list(ids), dtype=object))
    if (places < 0).any():
        unknown = [name for name, place in zip(ids, places, strict=True) if place < 0]
        raise LexomeError(f"{folder}: {len(unknown)} examples have no embedding, first {unknown[0]}")
    return manifest, [manifest["layers"].index(layer) for layer in layers], index.iloc[places].reset_index(drop=True)
