"""Embeddings are found by id, and only those that exist."""

import numpy as np
import pandas as pd
import pytest

from lexome.embedding_store import build_index, read_embeddings, read_tokens
from lexome.errors import LexomeError
from lexome.partialshard import encode
from lexome.runtime import write_json, write_parquet

MANIFEST = {"backbone": "tiny", "layers": [1, 2], "pooling": ["mean"], "width": 3, "dtype": "float32"}


def rows(*ids, content=None):
    return pd.DataFrame({"id": list(ids), "content": content or [1] * len(ids)})


@pytest.fixture
def store(tmp_path):
    vectors = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)
    np.save(tmp_path / "0.npy", vectors[:2])
    np.save(tmp_path / "1.npy", vectors[2:])
    shards = [("0.npy", rows("d", "a")), ("1.npy", rows("c", "e", "b"))]
    ids = ["a", "b", "c", "d", "e", "f"]
    index = build_index(shards, ids, [0, 1, 2, 3, 4, 2])
    write_parquet(tmp_path / "index.parquet", index)
    write_json(tmp_path / "manifest.json", MANIFEST)
    return tmp_path, dict(zip("daceb", vectors, strict=True))


def test_gathers_in_the_order_asked(store):
    folder, vectors = store
    ids = ["b", "a", "e", "a"]
    both = read_embeddings(folder, ids)
    np.testing.assert_array_equal(both, np.stack([vectors[i].ravel() for i in ids]))
    np.testing.assert_array_equal(read_embeddings(folder, ids, [2]), np.stack([vectors[i][1] for i in ids]))
    swapped = read_embeddings(folder, ["c"], [2, 1])
    np.testing.assert_array_equal(swapped[0], vectors["c"][::-1].ravel())


def test_equal_sequences_share_a_row(store):
    folder, vectors = store
    np.testing.assert_array_equal(read_embeddings(folder, ["f", "c"])[0], vectors["c"].ravel())


def test_unknown_id_and_layer_are_refused(store):
    with pytest.raises(LexomeError, match="first z"):
        read_embeddings(store[0], ["a", "z"])
    with pytest.raises(LexomeError, match="not embedded"):
        read_embeddings(store[0], ["a"], [6])


def test_one_pooling_of_several(tmp_path):
    vectors = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    np.save(tmp_path / "0.npy", vectors)
    write_parquet(tmp_path / "index.parquet", build_index([("0.npy", rows("b", "a"))], ["a", "b"], [0, 1]))
    write_json(tmp_path / "manifest.json", MANIFEST | {"pooling": ["mean", "tokens", "cls"]})
    mean, cls = vectors[::-1, :2], vectors[::-1, 2:]
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"]), mean.reshape(2, -1))
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"], pooling="cls"), cls.reshape(2, -1))
    np.testing.assert_array_equal(read_embeddings(tmp_path, ["a", "b"], [2], "cls"), cls[:, 1])
    for pooling in ("max", "tokens"):
        with pytest.raises(
            LexomeError, match=rf"the pooling {pooling} of tiny is not embedded.*now: mean, tokens, cls"
        ):
            read_embeddings(tmp_path, ["a"], pooling=pooling)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_states_of_tokens(tmp_path, dtype):
    # 2, 0 and 3 tokens, 2 layers, width 3; small whole numbers that every type holds.
    states = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)
    np.save(tmp_path / "0.npy", encode(np.ones((3, 2, 3)), dtype))
    np.save(tmp_path / "0.tokens.npy", encode(states, dtype))
    shards = [("0.npy", rows("b", "a", "c", content=[2, 0, 3]))]
    write_parquet(tmp_path / "index.parquet", build_index(shards, ["a", "b", "c"], [0, 1, 2]))
    write_json(tmp_path / "manifest.json", MANIFEST | {"pooling": ["mean", "tokens"], "dtype": dtype})
    c, a, b = read_tokens(tmp_path, ["c", "a", "b"])
    np.testing.assert_array_equal(c, states[2:].reshape(3, -1))
    np.testing.assert_array_equal(b, states[:2].reshape(2, -1))
    assert a.shape == (0, 6)
    np.testing.assert_array_equal(read_tokens(tmp_path, ["b"], [2])[0], states[:2, 1])
    assert c.dtype == read_embeddings(tmp_path, ["a"]).dtype == np.float32
    assert (read_embeddings(tmp_path, ["a", "c"]) == 1).all()


def test_states_that_were_not_kept_are_refused(store):
    with pytest.raises(LexomeError, match=r"list `tokens` in its `embedding: pooling` \(there now: mean\)"):
        read_tokens(store[0], ["a"])


def test_an_id_in_two_shards_is_refused():
    with pytest.raises(LexomeError, match="twice"):
        build_index([("0.npy", rows("a")), ("1.npy", rows("a"))], ["a"], [0])


def test_an_example_in_no_shard_is_refused():
    with pytest.raises(LexomeError, match="no embedding shard holds b"):
        build_index([("0.npy", rows("a"))], ["a", "b"], [0, 1])
