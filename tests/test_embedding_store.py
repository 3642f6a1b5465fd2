"""Embeddings are found by id, and only those that exist."""

import numpy as np
import pytest

from lexome.embedding_store import build_index, read_embeddings
from lexome.errors import LexomeError
from lexome.runtime import write_json, write_parquet


@pytest.fixture
def store(tmp_path):
    vectors = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)
    np.save(tmp_path / "0.npy", vectors[:2])
    np.save(tmp_path / "1.npy", vectors[2:])
    write_parquet(tmp_path / "index.parquet", build_index([("0.npy", ["d", "a"]), ("1.npy", ["c", "e", "b"])]))
    write_json(tmp_path / "manifest.json", {"backbone": "tiny", "layers": [1, 2], "width": 3})
    return tmp_path, dict(zip("daceb", vectors, strict=True))


def test_gathers_in_the_order_asked(store):
    folder, vectors = store
    ids = ["b", "a", "e", "a"]
    both = read_embeddings(folder, ids)
    np.testing.assert_array_equal(both, np.stack([vectors[i].ravel() for i in ids]))
    np.testing.assert_array_equal(read_embeddings(folder, ids, [2]), np.stack([vectors[i][1] for i in ids]))
    swapped = read_embeddings(folder, ["c"], [2, 1])
    np.testing.assert_array_equal(swapped[0], vectors["c"][::-1].ravel())


def test_unknown_id_and_layer_are_refused(store):
    with pytest.raises(LexomeError, match="first z"):
        read_embeddings(store[0], ["a", "z"])
    with pytest.raises(LexomeError, match="not embedded"):
        read_embeddings(store[0], ["a"], [6])


def test_one_pooling_of_several(tmp_path):
    vectors = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    np.save(tmp_path / "0.npy", vectors)
    write_parquet(tmp_path / "index.parquet", build_index([("0.npy", ["b", "a"])]))
    manifest = {"backbone": "tiny", "layers": [1, 2], "pooling": ["mean", "cls"], "width": 3}
    write_json(tmp_path / "manifest.json", manifest)
    mean, cls = vectors[::-1, :2], vectors[::-1, 2:]
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"]), mean.reshape(2, -1))
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"], pooling="cls"), cls.reshape(2, -1))
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"], [2], "cls"), cls[:, 1])
    with pytest.raises(LexomeError, match=r"the pooling max of tiny is not embedded.*there now: mean, cls"):
        read_embeddings(tmp_path, ["a"], pooling="max")


def test_an_id_in_two_shards_is_refused():
    with pytest.raises(LexomeError, match="twice"):
        build_index([("0.npy", ["a"]), ("1.npy", ["a"])])
