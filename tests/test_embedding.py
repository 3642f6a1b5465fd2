"""Embeddings equal the plain forward pass, whatever the batches, layers and shards."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome import embedding
from lexome.errors import LexomeError
from lexome.tokens import load_tokenizer

CPU = torch.device("cpu")
SEQUENCES = ["M", "MKV", "MKVLAG", "ACDEFGHIKLMNPQRSTVWY", "XBZUO", "GGGGGGGGGG"]


@pytest.fixture
def tokenizer(tiny_backbone):
    return load_tokenizer(tiny_backbone)


def one_by_one(folder, tokenizer, layer):
    """Mean over residues of one sequence at a time, by the library's own hidden states."""
    model = embedding.load_backbone(folder, CPU)
    vectors = []
    for sequence in SEQUENCES:
        with torch.inference_mode():
            states = model(**tokenizer(sequence, return_tensors="pt"), output_hidden_states=True).hidden_states
        vectors.append(states[layer][0, 1:-1].mean(dim=0).numpy())
    return np.stack(vectors)


@pytest.mark.parametrize("layers", [[2], [1], [0], [0, 1, 2], [-1], [1, 0]])
def test_equals_one_at_a_time(tiny_backbone, tokenizer, layers):
    reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), layers)
    rows = tokenizer(SEQUENCES)["input_ids"]
    vectors = embedding.embed(rows, reader, tokenizer, "mean", budget=20, device=CPU)
    assert vectors.dtype == np.float32
    for at, layer in enumerate(layers):
        np.testing.assert_allclose(vectors[:, at], one_by_one(tiny_backbone, tokenizer, layer), atol=1e-5)


def test_no_layer_above_the_highest_is_computed(tiny_backbone):
    backbone = embedding.load_backbone(tiny_backbone, CPU)
    embedding.LayerReader(backbone, [1])
    assert len(backbone.encoder.layer) == 1


def test_unknown_layer_is_refused(tiny_backbone):
    with pytest.raises(LexomeError, match="layers 0 to 2"):
        embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [3])


def test_cls_pooling_takes_the_first_token(tiny_backbone, tokenizer):
    reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [2])
    rows = tokenizer(SEQUENCES)["input_ids"]
    vectors = embedding.embed(rows, reader, tokenizer, "cls", budget=1000, device=CPU)
    alone = embedding.embed(rows[3:4], reader, tokenizer, "cls", budget=1000, device=CPU)
    np.testing.assert_allclose(vectors[3], alone[0], atol=1e-5)
    assert not np.allclose(vectors[3], embedding.embed(rows[3:4], reader, tokenizer, "mean", 1000, CPU)[0])


def test_several_poolings_stand_side_by_side(tiny_backbone, tokenizer):
    rows = tokenizer(SEQUENCES)["input_ids"]

    def vectors(pooling):
        reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [1, 2])
        return embedding.embed(rows, reader, tokenizer, pooling, budget=20, device=CPU)

    both = vectors(["cls", "mean"])
    np.testing.assert_array_equal(both, np.concatenate([vectors("cls"), vectors("mean")], axis=1))
    assert not np.allclose(both[:, :2], both[:, 2:])


def test_content_leaves_out_the_frame_and_keeps_unknown(tokenizer):
    ids = torch.tensor([[0, 20, 3, 32, 2, 1]])  # cls M unk mask eos pad
    assert embedding.content_mask(ids, tokenizer).tolist() == [[False, True, True, True, False, False]]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 120))
def test_batches_cover_all_rows_within_the_budget(lengths, budget):
    batches = embedding.budget_batches(lengths, budget)
    assert [i for batch in batches for i in batch] == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 5))
def test_shards_cover_all_rows_and_ascend(lengths, shards):
    parts = [embedding.shard_rows(lengths, shard, shards) for shard in range(shards)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for part in parts:
        assert (np.diff(np.asarray(lengths)[part]) >= 0).all()
