"""Incremental mutagenesis equals full passes, whatever the network, and another library's."""

import numpy as np
import pytest
import torch
from torch import nn

from lexome.convnets import ConvNetwork, architecture, strand_logits
from lexome.dna import encode, one_hot, reverse_complement
from lexome.mutagenesis import mutate_all, saturate

TINY = {"filters": 8, "heads": 2, "transformer_dense": 8, "dense": [8, 4]}


def make(name="conv", length=50, seed=0, **changes):
    """A network with random weights, and norms that do something."""
    torch.manual_seed(seed)
    network = ConvNetwork(3, length, **architecture({"architecture": name, **TINY, **changes})).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for weights, low, high in ((module.running_mean, -1, 1), (module.running_var, 0.5, 2)):
                nn.init.uniform_(weights, low, high)
            nn.init.uniform_(module.weight, -2, 2)
            nn.init.uniform_(module.bias, -1, 1)
    # Weights as they come give effects near the precision of the sums.
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight *= 2
    return network


def draw(length, n=1, seed=0, unknown=()):
    letters = np.random.default_rng(seed).choice(list("ACGT"), (n, length))
    letters[:, list(unknown)] = "N"
    return ["".join(row) for row in letters]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kernel", [1, 5, 10])
@pytest.mark.parametrize(("pool", "blocks"), [(1, 2), (2, 1), (2, 3), (3, 2), (4, 2)])
@pytest.mark.parametrize("name", ["conv", "conv_bn", "conv_transformer"])
def test_equals_full_passes(name, pool, blocks, kernel, both):
    # 53 is no multiple of any pooling: positions at the end are read by some layers and not by others.
    network = make(name, 53, kernel=kernel, pool=pool, conv_blocks=blocks)
    x = one_hot(draw(53, 2, unknown=(0, 7, 8, 9, 10, 11, 12, 13, 52)))
    found = saturate(network, x, both)
    expected = mutate_all(lambda x: strand_logits(network, x, both), x)
    assert (found.shape, found.dtype) == ((2, 3, 53, 4), np.float32)
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    assert np.abs(expected).max() > 0.01


@pytest.mark.parametrize("changes", [{"dense": []}, {"length": 8, "pool": 2}, {"length": 9, "kernel": 20, "pool": 3}])
def test_networks_without_dense_layers_and_shorter_than_their_filters(changes):
    changes = {"length": 20, **changes}
    network, x = make(**changes), one_hot(draw(changes["length"], 3))
    expected = mutate_all(network, x)
    np.testing.assert_allclose(saturate(network, x, both=False), expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("chunk", [1, 7, 48, 10_000])
@pytest.mark.parametrize("name", ["conv", "conv_transformer"])
def test_chunks_do_not_matter(name, chunk):
    network, x = make(name), one_hot(draw(50, 2))
    np.testing.assert_allclose(saturate(network, x, chunk=chunk), saturate(network, x), atol=1e-5)


def test_only_real_substitutions_have_an_effect():
    sequences = [*draw(50, 2, unknown=(3, 4)), "N" * 50]
    effects = saturate(make(), one_hot(sequences))
    codes = encode(sequences)
    for row, own in enumerate(codes):
        known = np.flatnonzero(own < 4)
        assert (effects[row][:, known, own[known]] == 0).all()
        assert (effects[row][:, own == 4] == 0).all()
        others = effects[row, 0, known][np.arange(4) != own[known][:, None]]
        assert (others != 0).sum() >= 0.9 * len(others)
    # A letter that a sequence gets makes it the mutant.
    mutant = sequences[0][:20] + "ACGT"[(codes[0, 20] + 1) % 4] + sequences[0][21:]
    logits = strand_logits(make(), torch.from_numpy(one_hot([sequences[0], mutant]))).numpy()
    np.testing.assert_allclose(effects[0, :, 20, (codes[0, 20] + 1) % 4], logits[1] - logits[0], atol=1e-5)


def test_the_other_strand_has_the_flipped_effects():
    network, sequences = make("conv_transformer"), draw(50, 2, unknown=(5,))
    found = saturate(network, one_hot(sequences))
    other = saturate(network, one_hot([reverse_complement(sequence) for sequence in sequences]))
    np.testing.assert_allclose(other[:, :, ::-1, ::-1], found, atol=1e-5)
    one = saturate(network, one_hot(sequences), both=False)
    assert np.abs(one - found).max() > 0.01


@pytest.mark.parametrize("name", ["conv_bn", "conv_transformer"])
def test_equals_tangermeme(name):
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    network, x = make(name), torch.from_numpy(one_hot(draw(50, 2)))
    before, after = saturation_mutagenesis(network, x, raw_outputs=True, device="cpu")
    expected = (after - before[:, None, None]).permute(0, 3, 2, 1).numpy()
    np.testing.assert_allclose(saturate(network, x, both=False), expected, atol=1e-5)


def test_full_passes_take_any_function():
    def count(x):
        return x.sum(dim=2)  # a label a letter

    effects = mutate_all(count, one_hot(["ANC"]), batch_size=2)
    assert effects[0, :, 0].tolist() == [[0, -1, -1, -1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert (effects[0, :, 1] == 0).all()
    assert effects[0, 1, 2].tolist() == [-1, 0, -1, -1]


def test_a_network_in_training_is_not_at_random():
    network, x = make("conv_bn"), one_hot(draw(50))
    expected = saturate(network, x)
    np.testing.assert_array_equal(saturate(network.train(), x), expected)
