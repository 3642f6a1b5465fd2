"""Attributions are what they are defined as, add up where they should, and find a planted site."""

import numpy as np
import pytest
import torch

from lexome import saliency
from lexome.attributionscores import METHODS, importance
from lexome.backgrounds import DINUCLEOTIDES
from lexome.convnets import load_network, strand_logits
from lexome.dna import one_hot, reverse_complement
from lexome.metrics import average_precision
from lexome.mutagenesis import saturate
from planted import SITES, save_planted
from test_mutagenesis import draw, make

NAMES = ["conv", "conv_bn", "conv_transformer"]


def attribute(method, network, sequences, labels, both=True):
    """Attributions by any method, (rows, L, 4)."""
    x = one_hot(sequences)
    if method == "ism":
        return saturate(network, x, both)[np.arange(len(x)), labels]
    if method == "gradient":
        return saliency.gradient(network, x, labels, both)
    if method == "integrated_gradients":
        return saliency.integrated_gradients(network, x, labels, both, 32).array
    return saliency.deeplift_shap(network, sequences, labels, both, 4, 0).array


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_finite_differences(name, both):
    network = make(name, 24, pool=2).double()
    sequences, labels = draw(24, 3, unknown=(4,)), [0, 2, 1]
    x = torch.from_numpy(one_hot(sequences)).double()
    found = saliency.gradient(network, x, labels, both)

    def logit(x, row):
        flipped = network(x.flip(-1, -2))
        with torch.no_grad():
            return ((network(x) + flipped) / 2 if both else network(x))[0, labels[row]].item()

    for row, position in ((0, 0), (1, 11), (2, 23)):
        slopes = []
        for letter in range(4):
            step = torch.zeros(1, 4, 24, dtype=torch.float64)
            step[0, letter, position] = 1e-6
            slopes.append((logit(x[row : row + 1] + step, row) - logit(x[row : row + 1] - step, row)) / 2e-6)
        np.testing.assert_allclose(found[row, position], np.array(slopes) - np.mean(slopes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=2), 0, atol=1e-5)
    assert (found[:, 4] == 0).all()


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up(name, both):
    network, labels = make(name), [0, 1, 2, 0]
    sequences = draw(50, 4, unknown=(0, 1, 30))
    x = one_hot(sequences)
    logits = strand_logits(network, torch.from_numpy(x), both).numpy()[np.arange(4), labels]
    told = {
        "integrated_gradients": saliency.integrated_gradients(network, x, labels, both, 64),
        "deeplift_shap": saliency.deeplift_shap(network, sequences, labels, both, 3, 0),
    }
    for method, found in told.items():
        np.testing.assert_allclose(found.logit, logits, atol=1e-4)
        whole = found.logit - found.reference
        sums = importance(method, found.array, x).sum(axis=1)
        np.testing.assert_allclose(sums - whole, found.delta, atol=1e-4)
        np.testing.assert_allclose(found.delta, 0, atol=0.02 * np.abs(whole).max())
        assert np.abs(whole).max() > 0.01
    quarter = (x.sum(axis=1, keepdims=True) * np.full_like(x, 0.25)).astype(np.float32)
    start = strand_logits(network, torch.from_numpy(quarter), both).numpy()[np.arange(4), labels]
    np.testing.assert_allclose(told["integrated_gradients"].reference, start, atol=1e-4)


def test_without_a_rule_for_attention_contributions_would_not_add_up(monkeypatch):
    """The rule is needed: tangermeme's own leave deltas, which are then told."""
    network, sequences = make("conv_transformer"), draw(50, 4)
    with torch.no_grad():
        network.transformers[0].attention.query_key_value.weight *= 5
    with_rule = saliency.convergence(saliency.deeplift_shap(network, sequences, [0] * 4, False, 3, 0))
    monkeypatch.setattr(saliency, "SelfAttention", torch.nn.Bilinear)
    without = saliency.convergence(saliency.deeplift_shap(network, sequences, [0] * 4, False, 3, 0))
    assert with_rule["share_of_sums"] < 0.01 < without["share_of_sums"]
    assert with_rule["delta_largest"] >= with_rule["delta_median"]


def test_integrated_gradients_equal_captums():
    from captum.attr import IntegratedGradients

    network, x = make("conv_bn"), torch.from_numpy(one_hot(draw(50, 3)))
    theirs = IntegratedGradients(network).attribute(
        x, baselines=torch.full_like(x, 0.25), target=torch.tensor([0, 1, 2]), n_steps=16, method="gausslegendre"
    )
    found = saliency.integrated_gradients(network, x, [0, 1, 2], False, 16)
    ours = importance("integrated_gradients", found.array, x.numpy())
    np.testing.assert_allclose(ours, theirs.sum(dim=1).detach().numpy(), atol=1e-3)


def test_deeplift_of_one_layer_by_hand():
    """Without pooling and dense layers its rule is one line: changes of GELU over changes of what goes in."""
    network = make("conv", 20, conv_blocks=1, pool=1, kernel=3, dense=[])
    sequences = draw(20, 2)
    x, references = one_hot(sequences), saliency.shuffled_references(sequences, 3, 0)
    found = saliency.deeplift_shap(network, sequences, [1, 1], False, 3, 0).array
    kernel = network.convolutions[0].convolution.weight[:, :, 0].detach().numpy()  # (filters, 4, 3)
    output = network.output.weight[1].detach().numpy().reshape(20, -1)  # (positions, filters)

    def layer(one):
        padded = np.pad(one, ((0, 0), (1, 1)))
        sums = np.stack([(kernel * padded[:, at : at + 3]).sum(axis=(1, 2)) for at in range(20)])
        sums = sums + network.convolutions[0].convolution.bias.detach().numpy()
        return sums, torch.nn.functional.gelu(torch.from_numpy(sums)).numpy()

    for row in range(2):
        expected = np.zeros((20, 4))
        for reference in references[row]:
            (own, high), (other, low) = layer(x[row]), layer(reference)
            same = np.abs(own - other) < 1e-6
            share = np.where(same, 0, (high - low) / np.where(same, 1, own - other)) * output
            multipliers = np.zeros((22, 4))
            for at in range(20):
                multipliers[at : at + 3] += np.einsum("f,fck->kc", share[at], kernel)
            multipliers = multipliers[1:21]
            expected += multipliers - (multipliers * reference.T).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(
            importance("deeplift_shap", found, x)[row],
            (expected / 3 * x[row].T).sum(axis=1),
            atol=1e-4,
        )


@pytest.mark.parametrize("method", METHODS)
def test_the_other_strand_has_the_flipped_attributions(method, monkeypatch):
    network, sequences, labels = make("conv_transformer"), draw(50, 2, unknown=(3,)), [0, 2]
    others = [reverse_complement(sequence) for sequence in sequences]
    if method == "deeplift_shap":  # the other strand's references, too
        shuffles = saliency.shuffled_references
        monkeypatch.setattr(
            saliency,
            "shuffled_references",
            lambda own, n, seed: (
                shuffles(own, n, seed)
                if own == sequences
                else np.ascontiguousarray(shuffles(sequences, n, seed)[..., ::-1, ::-1])
            ),
        )
    found = attribute(method, network, sequences, labels)
    np.testing.assert_allclose(attribute(method, network, others, labels)[:, ::-1, ::-1], found, atol=2e-4)
    one = attribute(method, network, sequences, labels, both=False)
    assert np.abs(one - found).max() > 1e-3


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_a_planted_site(method, strand, tmp_path):
    save_planted(tmp_path / "model", 60)
    network, config = load_network(tmp_path / "model")
    rng = np.random.default_rng(0)
    sequences, truth, labels = [], np.zeros((8, 60), dtype=bool), np.arange(8) % 2
    for row, background in enumerate(draw(60, 8)):
        site = list(SITES.values())[labels[row]]
        site = site if strand == 1 else reverse_complement(site)
        start = int(rng.integers(4, 48))
        truth[row, start : start + len(site)] = True
        sequences.append(background[:start] + site + background[start + len(site) :])
    array = attribute(method, network, sequences, labels, config["reverse_complement"])
    values = importance(method, array, one_hot(sequences))
    assert average_precision(truth, values, axis=1).mean() > 0.9
    # The same sequences say nothing of the other factor.
    other = importance(method, attribute(method, network, sequences, 1 - labels), one_hot(sequences))
    assert average_precision(truth, other, axis=1).mean() < 0.6
    assert np.abs(values[truth]).mean() > 5 * np.abs(other[truth]).mean()


def test_references_keep_dinucleotides_and_n():
    sequence = "NNACGGTCATTACGNNNACACGTTGACCTGATT"
    references = saliency.shuffled_references([sequence, sequence, sequence[::-1]], 5, 0)
    assert references.shape == (3, 5, 4, len(sequence))
    np.testing.assert_array_equal(references[0], references[1])
    np.testing.assert_array_equal(references[:1].sum(axis=2), np.tile(one_hot([sequence]).sum(axis=1), (1, 5, 1)))
    assert (references[0, 0] != references[0, 1]).any()

    def pairs(own):
        return [float((own[a // 4, :-1] * own[a % 4, 1:]).sum()) for a in range(len(DINUCLEOTIDES))]

    assert pairs(references[0, 3]) == pairs(one_hot([sequence])[0])
    # Whatever else is explained.
    np.testing.assert_array_equal(saliency.shuffled_references([sequence[::-1]], 5, 0)[0], references[2])


def test_attention_maps():
    network, x = make("conv_transformer", transformer_blocks=2), one_hot(draw(50, 5))
    maps = saliency.attention_maps(network, x, batch_size=2)
    assert maps.shape == (5, 4, 12, 12)
    np.testing.assert_allclose(maps.sum(axis=3), 1, atol=1e-5)
    features = network.convolutions(torch.from_numpy(x[3:4])[:, :, None]).squeeze(2).transpose(1, 2)
    block = network.transformers[0]
    query, key, _ = block.attention.query_key_value(block.norm_attention(features)).view(12, 3, 2, 4).unbind(1)
    expected = torch.einsum("phd,qhd->hpq", query, key).div(2).softmax(dim=-1)
    np.testing.assert_allclose(maps[3, :2], expected.detach().numpy(), atol=1e-5)
    assert not any(module._forward_hooks for module in network.modules())
    assert saliency.attention_maps(make("conv"), x) is None


def test_no_rows():
    assert saliency.gradient(make(), np.zeros((0, 4, 50), dtype=np.float32), [], True).shape == (0, 50, 4)
