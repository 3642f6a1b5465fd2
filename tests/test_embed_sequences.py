"""Shards of a study hold every example once, and reading them gives what one shard would."""

import numpy as np
import pandas as pd
import pytest

from embedded import embed_study
from lexome.embedding_store import read_embeddings, read_tokens
from lexome.runtime import read_json
from tokenise_examples import tokenise_examples

RNG = np.random.default_rng(0)
# Lengths that tie, and ids in no order.
LENGTHS = [5, 30, 1, 5, 12, 30, 7, 5, 2, 44, 12]
IDS = [f"P{i:02d}" for i in RNG.permutation(len(LENGTHS))]
SEQUENCES = ["".join(RNG.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=length)) for length in LENGTHS]
ENTRY = {"max_tokens": 64, "embedding": {"layers": [1, 2], "pooling": ["mean", "cls"], "batch_tokens": 50}}
LAYERS = ENTRY["embedding"]["layers"]
WIDTH = 16


@pytest.fixture(scope="module")
def tokens(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    pd.DataFrame({"id": IDS, "sequence": SEQUENCES}).to_parquet(folder / "examples.parquet")
    tokenise_examples(
        folder / "examples.parquet", [folder / "examples.parquet"], tiny_backbone, None, folder / "tokens"
    )
    return folder / "tokens"


@pytest.fixture(scope="module")
def one(tokens, tiny_backbone, tmp_path_factory):
    return embed_study(tokens, tiny_backbone, tmp_path_factory.mktemp("one"), ENTRY)


@pytest.fixture(scope="module")
def two(tokens, tiny_backbone, tmp_path_factory):
    return embed_study(tokens, tiny_backbone, tmp_path_factory.mktemp("two"), ENTRY, 2)


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
    means = [states[layer][0, 1:-1].mean(dim=0).numpy() for layer in LAYERS]
    np.testing.assert_allclose(read_embeddings(two, [IDS[at]])[0], np.concatenate(means), atol=1e-5)
    first = [states[layer][0, 0].numpy() for layer in LAYERS]
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
    assert manifest.pop("letters_per_second") > 0
    assert manifest.pop("energy_wh") == pytest.approx(sum(cost["energy_wh"] for cost in spent))
    assert manifest == {
        "backbone": "tiny",
        "layers": [1, 2],
        "pooling": ["mean", "cls"],
        "width": WIDTH,
        "dtype": "float32",
        "precision": "auto",
        "room": 64,
        "overlap": 16,
        "rows": len(IDS),
        "sequences": len(IDS),
        "truncated": 0,
        "windowed": 0,
        "unit": "residues",
        "tokens": sum(LENGTHS) + 2 * len(IDS),
        "shards": {"shards/0.npy": 6, "shards/1.npy": 5},
    }


def test_shards_repeat_to_the_byte_in_any_order(two, tokens, tiny_backbone, tmp_path):
    again = embed_study(tokens, tiny_backbone, tmp_path, ENTRY, 2, order=[1, 0])
    for path in (path for path in two.rglob("*.*") if path.suffix != ".json"):  # which tell seconds
        assert (again / path.relative_to(two)).read_bytes() == path.read_bytes(), path


def test_more_shards_than_examples(tokens, tiny_backbone, one, tmp_path):
    folder = embed_study(tokens, tiny_backbone, tmp_path, ENTRY, len(IDS) + 2)
    np.testing.assert_allclose(read_embeddings(folder, IDS), read_embeddings(one, IDS), atol=1e-6)


def test_equal_sequences_are_embedded_once(tiny_backbone, tmp_path):
    examples = tmp_path / "examples.parquet"
    pd.DataFrame({"id": ["b", "a", "d", "c"], "sequence": ["MKV", "ACDE", "MKV", "MKV"]}).to_parquet(examples)
    tokenise_examples(examples, [examples], tiny_backbone, None, tmp_path / "tokens")
    assert read_json(tmp_path / "tokens" / "counts.json") == {"examples": 4, "distinct": 2}
    folder = embed_study(tmp_path / "tokens", tiny_backbone, tmp_path / "embeddings", ENTRY)
    assert np.load(folder / "shards" / "0.npy").shape[0] == 2
    b, a, d, c = read_embeddings(folder, ["b", "a", "d", "c"])
    assert (b == d).all()
    assert (b == c).all()
    assert not np.allclose(a, b)
    manifest = read_json(folder / "manifest.json")
    assert (manifest["rows"], manifest["sequences"]) == (4, 2)


def test_shards_by_their_size(tokens, tiny_backbone, one, tmp_path):
    # Eleven sequences, four a job: three shards.
    folder = embed_study(tokens, tiny_backbone, tmp_path, ENTRY, 3, dealt={"shard_sequences": 4})
    np.testing.assert_allclose(read_embeddings(folder, IDS), read_embeddings(one, IDS), atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_shorter_types(tokens, tiny_backbone, one, tmp_path, dtype, tolerance):
    entry = {**ENTRY, "embedding": ENTRY["embedding"] | {"dtype": dtype, "pooling": ["mean", "tokens"]}}
    folder = embed_study(tokens, tiny_backbone, tmp_path, entry)
    assert np.load(folder / "shards" / "0.npy").dtype.itemsize == 2
    short, full = read_embeddings(folder, IDS), read_embeddings(one, IDS)
    np.testing.assert_allclose(short, full, atol=tolerance * np.abs(full).max())
    assert np.abs(short - full).max() > 0
    # Means of the kept states are the means.
    for states, mean, length in zip(read_tokens(folder, IDS), full, LENGTHS, strict=True):
        assert states.shape == (length, 2 * WIDTH)
        np.testing.assert_allclose(states.mean(axis=0), mean, atol=2 * tolerance * np.abs(full).max())


def test_half_precision_is_computed_in(tokens, tiny_backbone, one, tmp_path):
    entry = {**ENTRY, "embedding": ENTRY["embedding"] | {"precision": "bfloat16"}}
    half = read_embeddings(embed_study(tokens, tiny_backbone, tmp_path, entry), IDS)
    full = read_embeddings(one, IDS)
    assert 0 < np.abs(half - full).max() < 0.05 * np.abs(full).max()
