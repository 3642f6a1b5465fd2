"""Confusion against distances: rates by hand, correlations by scipy, permutations one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr

from lexome import distances


def symmetric(rng, n):
    matrix = rng.random((n, n))
    return matrix + matrix.T


def test_rates_of_a_pair_count_both_ways():
    truth = np.array([0, 0, 0, 1, 2, 2])
    predicted = np.array([0, 1, 2, 0, 2, 2])
    rates = distances.confusion_rates(truth, predicted, np.ones((1, 6)), 4)[0]
    assert rates[0, 1] == rates[1, 0] == 2 / 4
    assert rates[0, 2] == 1 / 5
    assert rates[1, 2] == 0
    assert rates[3, 0] == 0  # nothing is of class 3
    assert np.isnan(np.diag(rates)).all()
    counts = np.array([[0, 3, 0, 0, 1, 1]])
    assert distances.confusion_rates(truth, predicted, counts, 4)[0, 0, 1] == 1.0
    assert np.isnan(distances.confusion_rates(truth[4:], predicted[4:], np.ones((1, 2)), 3)[0, 0, 1])


def test_distances_are_given_one_way():
    matrix = distances.distance_matrix({"a": {"b": 2, "c": 5}, "x": {"a": 1}}, ["c", "a", "b"])
    np.testing.assert_array_equal(matrix, [[0, 5, np.nan], [5, 0, 2], [np.nan, 2, 0]])


def test_composition_is_the_jensen_shannon_distance():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(64), 30)
    shares[:, 0] = 0
    classes = np.arange(30) % 3
    matrix = distances.composition_distances(shares, classes, 3)
    means = [shares[classes == at].mean(axis=0) for at in range(3)]
    for a, b in itertools.product(range(3), repeat=2):
        assert matrix[a, b] == pytest.approx(jensenshannon(means[a], means[b], base=2), abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_correlations_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, (5, 12)).astype(float), rng.integers(0, 4, 12).astype(float)
    expected = [spearmanr(row, second).statistic for row in first]
    np.testing.assert_allclose(distances.spearman(first, second), expected, atol=1e-12)


def test_no_correlation_without_spread():
    assert np.isnan(distances.spearman(np.ones(5), np.arange(5.0)))
    assert np.isnan(distances.spearman(np.array([1.0, np.nan, 2.0]), np.arange(3.0)))


@pytest.mark.parametrize("n", [3, 5])
def test_mantel_tries_every_relabelling(n):
    rng = np.random.default_rng(n)
    rates, apart = symmetric(rng, n), symmetric(rng, n)
    told = distances.mantel(rates, apart)
    pairs = list(itertools.combinations(range(n), 2))
    values = []
    for order in itertools.permutations(range(n)):
        moved = [rates[order[a], order[b]] for a, b in pairs]
        values.append(spearmanr(moved, [apart[a, b] for a, b in pairs]).statistic)
    assert told["rho"] == pytest.approx(values[0])
    assert told["p"] == pytest.approx(np.mean(np.abs(values) >= abs(values[0]) - 1e-9))
    assert told["relabellings"] == len(values)
    assert told["pairs"] == len(pairs)


def test_many_classes_are_relabelled_by_chance():
    rng = np.random.default_rng(0)
    apart = symmetric(rng, 9)
    told = distances.mantel(-apart, apart)
    assert told["rho"] == pytest.approx(-1)
    assert told["p"] == pytest.approx(1 / 10_000)  # none but the given one
    noise = [distances.mantel(symmetric(rng, 6), symmetric(rng, 6))["p"] for _ in range(40)]
    assert 0.25 < np.mean(noise) < 0.75
    assert np.isnan(distances.mantel(np.ones((4, 4)), symmetric(rng, 4))["p"])
