"""Shards of a study hold every example once, and reading them gives what one shard would."""

import numpy as np
import pandas as pd
import pytest

from embed_sequences import embed_sequences
from index_embeddings import index_embeddings
from lexome.embedding_store import read_embeddings
from lexome.runtime import read_json
from tokenise_examples import tokenise_examples

RNG = np.random.default_rng(0)
# Lengths that tie, and ids in no order.
LENGTHS = [5, 30, 1, 5, 12, 30, 7, 5, 2, 44, 12]
IDS = [f"P{i:02d}" for i in RNG.permutation(len(LENGTHS))]
SEQUENCES = ["".join(RNG.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=length)) for length in LENGTHS]
SETTINGS = {"layers": [1, 2], "pooling": ["mean", "cls"]}
WIDTH = 16


@pytest.fixture(scope="module")
def tokens(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    pd.DataFrame({"id": IDS, "sequence": SEQUENCES}).to_parquet(folder / "examples.parquet")
    tokenise_examples(folder / "examples.parquet", [folder / "examples.parquet"], tiny_backbone, 64, folder / "tokens")
    return folder / "tokens"


def embed_all(tokens, backbone, folder, shards, order=None):
    """What the rules make of a study: every shard, then the index."""
    vectors = [folder / "shards" / f"{shard}.npy" for shard in range(shards)]
    ids = [folder / "shards" / f"{shard}.parquet" for shard in range(shards)]
    costs = [folder / "shards" / f"{shard}.json" for shard in range(shards)]
    for shard in order or range(shards):
        outputs = vectors[shard], ids[shard], costs[shard]
        embed_sequences(str(tokens), backbone, SETTINGS, 50, shard, shards, 1, 0, *outputs)
    index_embeddings(vectors, ids, costs, "tiny", SETTINGS, folder / "index.parquet", folder / "manifest.json")
    return folder


@pytest.fixture(scope="module")
def one(tokens, tiny_backbone, tmp_path_factory):
    return embed_all(tokens, tiny_backbone, tmp_path_factory.mktemp("one"), 1)


@pytest.fixture(scope="module")
def two(tokens, tiny_backbone, tmp_path_factory):
    return embed_all(tokens, tiny_backbone, tmp_path_factory.mktemp("two"), 2)


def test_two_shards_equal_one(one, two):
    whole = read_embeddings(one, IDS)
    assert whole.shape == (len(IDS), 2 * WIDTH)
    assert whole.dtype == np.float32
    # The examples are far apart in comparison, so that a mix-up of rows would show.
    apart = np.abs(whole[:, None] - whole[None]).max(axis=2)[~np.eye(len(IDS), dtype=bool)].min()
    assert apart > 1e-3
    np.testing.assert_allclose(read_embeddings(two, IDS), whole, atol=1e-6)
    np.testing.assert_allclose(read_embeddings(two, IDS[::-1], [2]), whole[::-1, WIDTH:], atol=1e-6)


@pytest.mark.parametrize("at", [0, 4, 9])
def test_vectors_are_means_over_residues_layer_by_layer(two, tiny_backbone, at):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone, local_files_only=True)
    model = AutoModel.from_pretrained(tiny_backbone, local_files_only=True).eval()
    with torch.inference_mode():
        states = model(**tokenizer(SEQUENCES[at], return_tensors="pt"), output_hidden_states=True).hidden_states
    means = [states[layer][0, 1:-1].mean(dim=0).numpy() for layer in SETTINGS["layers"]]
    np.testing.assert_allclose(read_embeddings(two, [IDS[at]])[0], np.concatenate(means), atol=1e-5)
    first = [states[layer][0, 0].numpy() for layer in SETTINGS["layers"]]
    np.testing.assert_allclose(read_embeddings(two, [IDS[at]], pooling="cls")[0], np.concatenate(first), atol=1e-5)


def test_every_id_lies_in_one_shard_at_its_row(two):
    index = pd.read_parquet(two / "index.parquet")
    assert index["id"].tolist() == sorted(IDS)
    assert index["shard"].value_counts().to_dict() == {"shards/0.npy": 6, "shards/1.npy": 5}
    for name, rows in index.groupby("shard"):
        ids = pd.read_parquet(two / name.replace(".npy", ".parquet"))["id"]
        assert ids[rows["row"]].tolist() == rows["id"].tolist()
        assert np.load(two / name).shape == (len(ids), 4, WIDTH)


def test_manifest_describes_the_shards(two):
    manifest = read_json(two / "manifest.json")
    spent = [read_json(path) for path in sorted((two / "shards").glob("*.json"))]
    assert manifest.pop("seconds") == pytest.approx(sum(cost["seconds"] for cost in spent))
    assert manifest.pop("energy_wh") == pytest.approx(sum(cost["energy_wh"] for cost in spent))
    assert manifest == {
        "backbone": "tiny",
        "layers": [1, 2],
        "pooling": ["mean", "cls"],
        "width": WIDTH,
        "dtype": "float32",
        "rows": len(IDS),
        "truncated": 0,
        "shards": {"shards/0.npy": 6, "shards/1.npy": 5},
    }


def test_shards_repeat_to_the_byte_in_any_order(two, tokens, tiny_backbone, tmp_path):
    again = embed_all(tokens, tiny_backbone, tmp_path, 2, order=[1, 0])
    for path in (path for path in two.rglob("*.*") if path.suffix != ".json"):  # which tell seconds
        assert (again / path.relative_to(two)).read_bytes() == path.read_bytes(), path


def test_more_shards_than_examples(tokens, tiny_backbone, one, tmp_path):
    folder = embed_all(tokens, tiny_backbone, tmp_path, len(IDS) + 2)
    np.testing.assert_allclose(read_embeddings(folder, IDS), read_embeddings(one, IDS), atol=1e-6)
