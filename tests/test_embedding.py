"""Embeddings equal the plain forward pass, whatever the batches, layers and shards."""

import numpy as np
import pytest
import torch

from lexome import embedding
from lexome.errors import LexomeError
from lexome.tokens import load_tokenizer
from tiny_bert import make_backbone

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
    vectors = embedding.embed(rows, reader, tokenizer, "mean", budget=20)
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
    vectors = embedding.embed(rows, reader, tokenizer, "cls", budget=1000)
    alone = embedding.embed(rows[3:4], reader, tokenizer, "cls", budget=1000)
    np.testing.assert_allclose(vectors[3], alone[0], atol=1e-5)
    assert not np.allclose(vectors[3], embedding.embed(rows[3:4], reader, tokenizer, "mean", 1000)[0])


def test_several_poolings_stand_side_by_side(tiny_backbone, tokenizer):
    rows = tokenizer(SEQUENCES)["input_ids"]

    def vectors(pooling):
        reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [1, 2])
        return embedding.embed(rows, reader, tokenizer, pooling, budget=20)

    both = vectors(["cls", "mean"])
    np.testing.assert_array_equal(both, np.concatenate([vectors("cls"), vectors("mean")], axis=1))
    assert not np.allclose(both[:, :2], both[:, 2:])


def test_content_leaves_out_the_frame_and_keeps_unknown(tokenizer):
    ids = torch.tensor([[0, 20, 3, 32, 2, 1]])  # cls M unk mask eos pad
    assert embedding.content_mask(ids, tokenizer).tolist() == [[False, True, True, True, False, False]]


def states_of(folder, row, layers):
    """Hidden states of one sequence, special tokens included, by the library: (tokens, layers, width)."""
    model = embedding.load_backbone(folder, CPU)
    with torch.inference_mode():
        ids = torch.as_tensor(np.asarray(row))[None]
        states = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
    return np.stack([states[layer][0].numpy() for layer in layers], axis=1)


def learnt_positions(folder):
    """An ESM encoder as version 1 of the Nucleotide Transformer is: learnt positions, a norm before the layers."""
    from transformers import EsmConfig, EsmModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = EsmConfig(vocab_size=33, pad_token_id=1, mask_token_id=32, **sizes, max_position_embeddings=66)
    config.update({"emb_layer_norm_before": True, "token_dropout": False})
    EsmModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", ["esm", "nucleotide_transformer", "bert", "learnt"])
@pytest.mark.parametrize("layers", [[2], [0, 1, 2]])
def test_packed_and_padded_equal_the_library(family, layers, tiny_backbone, tiny_nucleotide_transformer, tmp_path):
    makers = {
        "esm": lambda: tiny_backbone,
        "nucleotide_transformer": lambda: tiny_nucleotide_transformer,
        "bert": lambda: make_backbone(tmp_path / "bert"),
        "learnt": lambda: learnt_positions(tmp_path / "learnt"),
    }
    folder = makers[family]()
    tokenizer = load_tokenizer(tiny_backbone if family == "learnt" else folder)
    rng = np.random.default_rng(0)
    ordinary = sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
    frame = tokenizer("")["input_ids"]
    rows = [np.array([*frame[:1], *rng.choice(ordinary, n), *frame[1:]]) for n in (3, 9, 9, 1, 25, 0)]
    # Masked tokens scale the embeddings of ESM, each sequence by its own.
    rows[1][2:4] = rows[4][7] = tokenizer.mask_token_id
    reader = embedding.LayerReader(embedding.load_backbone(folder, CPU), layers)
    assert reader._packed is not None
    packed = embedding.Embedder(reader, tokenizer, ["mean", "cls", "tokens"], 30)(rows)
    reader._packed = None
    padded = embedding.Embedder(reader, tokenizer, ["mean", "cls", "tokens"], 30)(rows)
    for at, row in enumerate(rows):
        states = states_of(folder, row, layers)
        content = states[~np.isin(row, embedding.frame_tokens(tokenizer))]
        mean = content.mean(axis=0) if len(content) else np.zeros_like(states[0])
        for found in (packed, padded):
            np.testing.assert_allclose(found.vectors[at], np.concatenate([mean, states[0]]), atol=1e-5)
            np.testing.assert_allclose(found.tokens[at], content, atol=1e-5)


def test_long_sequences_are_read_in_windows(tiny_backbone, tokenizer):
    """Against windows of the library one by one, averaged residue by residue."""
    rng = np.random.default_rng(1)
    sequence = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=90))
    row = np.asarray(tokenizer(sequence)["input_ids"])
    reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [2])
    short = np.asarray(tokenizer("MKV")["input_ids"])
    # The budget takes one window at a time, all, or more.
    for budget in (42, 84, 1000):
        embedder = embedding.Embedder(reader, tokenizer, ["mean", "cls", "tokens"], budget, room=42, overlap=10)
        found = embedder([short, row])
        # 40 residues at once, 25 new ones a window.
        starts, total, count, first = [0, 25, 50], np.zeros((90, 16)), np.zeros(90), []
        for start in starts:
            states = states_of(tiny_backbone, tokenizer(sequence[start : start + 40])["input_ids"], [2])[:, 0]
            total[start : start + 40] += states[1:-1]
            count[start : start + 40] += 1
            first.append(states[0])
        by_residue = total / count[:, None]
        np.testing.assert_allclose(found.tokens[1][:, 0], by_residue, atol=1e-5)
        np.testing.assert_allclose(found.vectors[1], [by_residue.mean(axis=0), np.mean(first, axis=0)], atol=1e-5)
        np.testing.assert_allclose(found.vectors[0], embedder([short]).vectors[0], atol=1e-6)


def test_an_exhausted_gpu_halves_the_batch_with_one_warning(tiny_backbone, tokenizer, caplog):
    rows = [np.asarray(row) for row in tokenizer(SEQUENCES)["input_ids"]]
    reader = embedding.LayerReader(embedding.load_backbone(tiny_backbone, CPU), [2])
    expected = embedding.Embedder(reader, tokenizer, "mean", 1000)(rows).vectors
    read, sizes = reader.read, []

    def small(sequences):
        sizes.append(sum(map(len, sequences)))
        if sizes[-1] > 25:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(sequences)

    reader.read = small
    embedder = embedding.Embedder(reader, tokenizer, "mean", 1000)
    np.testing.assert_allclose(embedder(rows).vectors, expected, atol=1e-6)
    assert [record.levelname for record in caplog.records if record.name == "lexome.embedding"] == ["WARNING"]
    assert embedder.budget < 1000
    reader.read = lambda sequences: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(LexomeError, match="does not hold one sequence of 3 tokens"):
        embedder(rows[:1])


def test_precision_of_a_device():
    assert embedding.precision_of("auto", CPU) is torch.float32
    assert embedding.precision_of("bfloat16", CPU) is torch.bfloat16
