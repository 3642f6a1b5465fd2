"""Networks have the shapes that they say, compute what they say, and learn a planted motif."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn
from torch.nn import functional

from lexome.convnets import (
    ARCHITECTURES,
    ConvNetwork,
    architecture,
    flip_half,
    flip_strand,
    load_network,
    save_network,
    strand_logits,
)
from lexome.dna import one_hot, reverse_complement
from lexome.errors import LexomeError
from lexome.models import KINDS, score_valid
from lexome.predictors import load_predictor
from lexome.runs import Part, RunData
from lexome.settings import check, load_yaml

TINY = {"filters": 8, "kernel": 6, "heads": 2, "transformer_dense": 8, "dense": [8, 4]}
TRAINING = {
    "learning_rate": 0.01,
    "schedule": "cosine",
    "weight_decay": 0.0,
    "batch_size": 32,
    "epochs": 8,
    "patience": 8,
    "monitor": "valid_label_auroc",
}
SETTINGS = {"kind": "network", "architecture": "conv_bn", **TINY, "reverse_complement": True, "training": TRAINING}


def make(name="conv_bn", n_labels=3, length=50, seed=0, **changes):
    torch.manual_seed(seed)
    return ConvNetwork(n_labels, length, **architecture({"architecture": name, **TINY, **changes})).eval()


def draw(rng, n, length=50):
    return ["".join(row) for row in rng.choice(list("ACGT"), (n, length))]


def x_of(n=5, length=50, seed=0):
    return torch.from_numpy(one_hot(draw(np.random.default_rng(seed), n, length)))


def published_size(length, conv_blocks=2, filters=64, dense=(128, 64), batch_norm=False, transformers=0):
    """Weights of the published networks, counted by hand."""
    size = sum((filters * (10 * (filters if at else 4) + 1)) + 2 * filters * batch_norm for at in range(conv_blocks))
    block = 2 * 2 * filters + 4 * filters * (filters + 1) + (filters + 1) * 64 + (64 + 1) * filters
    widths = [length // 2**conv_blocks * filters, *dense, 1]
    return size + transformers * block + sum((a + 1) * b for a, b in pairwise(widths))


@pytest.mark.parametrize("length", [200, 101, 70])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"architecture": "conv"}, {}),
        ({"architecture": "conv_bn"}, {"batch_norm": True}),
        ({"architecture": "conv_transformer", "transformer_blocks": 0}, {"batch_norm": True}),
        ({"architecture": "conv_transformer"}, {"batch_norm": True, "transformers": 1}),
        ({"architecture": "conv_transformer", "transformer_blocks": 2}, {"batch_norm": True, "transformers": 2}),
        (
            {"architecture": "conv_bn", "conv_blocks": 1, "dense": []},
            {"batch_norm": True, "conv_blocks": 1, "dense": ()},
        ),
        ({"architecture": "conv_bn", "filters": 8}, {"batch_norm": True, "filters": 8}),
        ({"architecture": "conv_bn", "dense": []}, {"batch_norm": True, "dense": ()}),
    ],
)
def test_published_networks_and_their_ablations_have_the_published_sizes(settings, expected, length):
    network = ConvNetwork(1, length, **architecture(settings))
    assert sum(weights.numel() for weights in network.parameters()) == published_size(length, **expected)
    assert network.eval()(x_of(2, length)).shape == (2, 1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_shapes_of_each_block(name):
    network = make(name)
    shapes = {}
    for part in ("convolutions", "transformers", "dense"):
        module = getattr(network, part)
        module.register_forward_hook(lambda _, __, out, part=part: shapes.update({part: tuple(out.shape)}))
    assert network(x_of(5)).shape == (5, 3)
    # 50 nucleotides are halved twice.
    assert shapes == {"convolutions": (5, 8, 1, 12), "transformers": (5, 12, 8), "dense": (5, 4)}


def one_dimensional(network, x):
    """The same network by other means: one-dimensional convolutions, channels first."""
    for block in network.convolutions:
        kernel = block.convolution.weight.shape[-1]
        x = functional.pad(x, ((kernel - 1) // 2, kernel // 2))
        x = functional.conv1d(x, block.convolution.weight[:, :, 0].contiguous(), block.convolution.bias)
        if isinstance(block.norm, nn.BatchNorm2d):
            norm = block.norm
            x = functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        x = functional.max_pool1d(functional.gelu(x), 2)
    x = network.transformers(x.transpose(1, 2))
    return network.output(network.dense(x.flatten(1)))


@pytest.mark.parametrize("kernel", [5, 10])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_equals_one_dimensional_convolutions(name, kernel):
    network = make(name, kernel=kernel)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    torch.testing.assert_close(network(x_of()), one_dimensional(network, x_of()), atol=1e-6, rtol=1e-5)


def test_attention_equals_that_of_torch():
    attention = make("conv_transformer").transformers[0].attention
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data = attention.query_key_value.weight.data
    theirs.in_proj_bias.data = attention.query_key_value.bias.data
    theirs.out_proj.load_state_dict(attention.output.state_dict())
    seen = []
    attention.softmax.register_forward_hook(lambda _, __, out: seen.append(out))
    x = torch.randn(3, 7, 8)
    expected, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(attention(x), expected)
    torch.testing.assert_close(seen[0], weights)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_equal_finite_differences(name):
    network = make(name, length=12).double()
    x = x_of(2, 12).double().requires_grad_()
    assert torch.autograd.gradcheck(network, x)
    network(x)[:, 1].sum().backward()
    for at in ((0, 1, 3), (1, 2, 11), (0, 3, 0)):
        step = torch.zeros_like(x)
        step[at] = 1e-6
        with torch.no_grad():
            numeric = (network(x + step) - network(x - step))[at[0], 1] / 2e-6
        assert x.grad[at].item() == pytest.approx(numeric.item(), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_nonlinearity_is_a_module_that_is_called_once(name):
    network = make(name)
    kinds = (nn.GELU, nn.Softmax, nn.MaxPool2d)
    calls = {module: 0 for module in network.modules() if isinstance(module, kinds)}
    for module in calls:
        module.register_forward_hook(lambda module, _, __: calls.__setitem__(module, calls[module] + 1))
    network(x_of())
    assert set(calls.values()) == {1}
    assert len(calls) == 6 + 2 * (name == "conv_transformer")


def test_the_mean_of_both_strands_is_symmetric():
    network, sequences = make("conv_transformer"), draw(np.random.default_rng(1), 20)
    x, other = (torch.from_numpy(one_hot(s)) for s in (sequences, [reverse_complement(s) for s in sequences]))
    torch.testing.assert_close(flip_strand(x), other, rtol=0, atol=0)
    assert torch.equal(strand_logits(network, x), strand_logits(network, other))
    one = strand_logits(network, x, both=False)
    assert not torch.allclose(one, strand_logits(network, other, both=False), atol=1e-3)
    # In batches that do not divide the examples.
    torch.testing.assert_close(strand_logits(network, x, both=False, batch_size=7), one)


def test_half_of_a_batch_is_flipped():
    x = x_of(400)
    found = flip_half(x, torch.Generator().manual_seed(0))
    same, flipped = ((found == other).flatten(1).all(1) for other in (x, flip_strand(x)))
    assert (same ^ flipped).all()
    assert 160 < flipped.sum() < 240
    assert torch.equal(found, flip_half(x, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_comes_back_from_disk(name, tmp_path):
    network = make(name)
    network.train()(x_of())  # so that batch norm has seen something
    save_network(network.eval(), tmp_path / "model", ["a", "b", "c"], {"task": "multi_label"})
    again, config = load_network(tmp_path / "model")
    assert torch.equal(network(x_of()), again(x_of()))
    assert (config["labels"], config["task"], config["network"]["length"]) == (["a", "b", "c"], "multi_label", 50)
    assert not again.training


def test_impossible_networks_are_refused():
    with pytest.raises(LexomeError, match="leave nothing of 3 nucleotides"):
        make(length=3)
    with pytest.raises(LexomeError, match="3 heads cannot share 8 filters"):
        make("conv_transformer", heads=3)


def planted(rng, n, motifs=("TGACTCA",), measured=False):
    """Sequences of which half hold a motif on either strand, and what they hold; or one motif each is known of."""
    sequences, targets = draw(rng, n), (rng.random((n, len(motifs))) < 0.5).astype(np.uint8)
    for row, label in zip(*np.nonzero(targets), strict=True):
        motif = motifs[label] if rng.random() < 0.5 else reverse_complement(motifs[label])
        at = rng.integers(2, 18) + 22 * label
        sequences[row] = sequences[row][:at] + motif + sequences[row][at + len(motif) :]
    known = None
    if measured:
        known = np.eye(len(motifs), dtype=bool)[rng.integers(len(motifs), size=n)]
    return sequences, targets, known


def study(motifs=("TGACTCA",), sizes=(600, 200, 200), measured=False):
    rng = np.random.default_rng(0)
    parts = []
    for n in sizes:
        sequences, targets, known = planted(rng, n, motifs, measured)
        parts.append((sequences, targets, known))
    train, valid, test = (
        Part([f"e{at}" for at in range(len(s))], y if k is None else y * k, None, s, k) for s, y, k in parts
    )
    truth = parts[2][1]
    labels = [{"id": f"F{at}"} for at in range(len(motifs))]
    return RunData(train, valid, dataclasses.replace(test, targets=None, known=None), labels, "multi_label"), truth


def test_a_planted_motif_is_learnt_and_the_run_comes_back_from_disk(tmp_path):
    data, truth = study()
    run = KINDS["network"](data, SETTINGS, 0, tmp_path / "model", 0)
    assert roc_auc_score(truth, run.test) > 0.95
    assert roc_auc_score(data.valid.targets, run.valid) > 0.95
    best = run.history[-1]["epoch"]
    assert run.history[best]["valid_label_auroc"] == pytest.approx(roc_auc_score(data.valid.targets, run.valid))
    assert {"train_loss", "valid_loss", "valid_label_auprc"} <= set(run.history[1])
    assert "valid_example_auprc" not in run.history[1]  # with one label there is nothing to rank
    predictor = load_predictor(tmp_path / "model", SETTINGS)
    np.testing.assert_allclose(predictor(data.test.texts), run.test, atol=1e-6)
    other = predictor([reverse_complement(sequence) for sequence in data.test.texts])
    np.testing.assert_allclose(other, run.test, atol=1e-6)
    # Longer ones are read around their middle, shorter ones filled up with N.
    longer = ["ACGTACG" + sequence + "TTTTTTT" for sequence in data.test.texts[:5]]
    np.testing.assert_allclose(predictor(longer), run.test[:5], atol=1e-6)
    assert predictor(["ACGT", "A" * 50]).shape == (2, 1)
    size = sum(weights.numel() for weights in load_network(tmp_path / "model")[0].parameters())
    assert run.cost == {"parameters": size, "trained_parameters": size, "device": "cpu"}


def test_repeats_by_seed_and_never_sees_test_labels(tmp_path):
    data, _ = study(sizes=(100, 40, 40))
    short = SETTINGS | {"architecture": "conv_transformer", "training": TRAINING | {"epochs": 2}}
    planted_in_test = dataclasses.replace(data, test=dataclasses.replace(data.test, targets=np.ones((40, 1), np.uint8)))
    runs = [
        KINDS["network"](d, short, seed, tmp_path / str(at), 0)
        for at, (d, seed) in enumerate([(data, 1), (planted_in_test, 1), (data, 2)])
    ]
    np.testing.assert_array_equal(runs[0].test, runs[1].test)
    assert runs[0].history == runs[1].history
    assert (runs[0].test != runs[2].test).any()


def test_unknown_labels_teach_nothing(tmp_path):
    """Two factors, each example measured for one: what stands where a label is unknown must not matter."""
    motifs = ("TGACTCA", "CCACGTGG")
    data, _ = study(motifs, sizes=(300, 200, 100), measured=True)
    assert not data.train.known.all()
    parts = {}
    for name in ("train", "valid"):
        part = getattr(data, name)
        parts[name] = dataclasses.replace(part, targets=np.where(part.known, part.targets, 1).astype(np.uint8))
    short = SETTINGS | {"training": TRAINING | {"epochs": 1}}
    both = enumerate((data, dataclasses.replace(data, **parts)))
    first, second = (KINDS["network"](d, short, 0, tmp_path / str(at), 0) for at, d in both)
    np.testing.assert_array_equal(first.test, second.test)
    assert first.history == second.history
    valid = data.valid
    expected = [roc_auc_score(valid.targets[k, at], first.valid[k, at]) for at, k in enumerate(valid.known.T)]
    assert score_valid(data)(valid.targets, first.valid)["label_auroc"] == pytest.approx(np.mean(expected))
    best = first.history[first.history[-1]["epoch"]]
    assert best["valid_loss"] == pytest.approx(log_loss(valid.targets[valid.known], first.valid[valid.known]), rel=1e-5)


def test_a_network_of_classes(tmp_path):
    data, _ = study(sizes=(64, 32, 32))
    classes = {
        name: dataclasses.replace(part, targets=np.concatenate([part.targets, 1 - part.targets], axis=1))
        for name, part in (("train", data.train), ("valid", data.valid))
    }
    data = dataclasses.replace(data, **classes, labels=[{"id": "yes"}, {"id": "no"}], task="multi_class")
    settings = SETTINGS | {"training": TRAINING | {"epochs": 1, "monitor": "valid_macro_f1"}}
    run = KINDS["network"](data, settings, 0, tmp_path / "model", 0)
    np.testing.assert_allclose(run.test.sum(axis=1), 1, atol=1e-6)


def test_the_schema_takes_these_settings(request):
    schema = load_yaml(request.config.rootpath / "config/schemas/models.schema.yaml")["network"]
    check(SETTINGS, schema, "network")
    changes = set(schema["properties"]) - {"kind", "seeds", "architecture", "length", "reverse_complement", "training"}
    assert changes == set(architecture({"architecture": "conv"}))
    assert schema["properties"]["architecture"]["enum"] == list(ARCHITECTURES)
    with pytest.raises(LexomeError, match="kernle: unknown key; did you mean kernel"):
        check(SETTINGS | {"kernle": 3}, schema, "network")
