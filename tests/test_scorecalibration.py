"""Calibration against a second isotonic regression and simulated truth; precision against counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.scorecalibration import calibration_check, cross_fitted, fit, precision_above


def pooled(scores, truth):
    """Isotonic regression by its min-max formula, for distinct scores in ascending order."""
    n = len(scores)
    mean = [[np.mean(truth[i : j + 1]) if j >= i else np.nan for j in range(n)] for i in range(n)]
    return np.array([max(min(mean[i][j] for j in range(k, n)) for i in range(k + 1)) for k in range(n)])


def test_it_is_isotonic_regression_with_one_more_pair_at_either_end():
    rng = np.random.default_rng(0)
    scores = np.sort(rng.random(25))
    truth = rng.random(25) < scores
    # Ties weigh as one block of two: put the further pairs a hair inside, where they order last and first.
    x = np.concatenate([[scores[0]], scores, [scores[-1]]])
    y = np.concatenate([[1.0], truth, [0.0]])
    ends = pooled(x, np.concatenate([[y[:2].mean()] * 2, y[2:-2], [y[-2:].mean()] * 2]))
    np.testing.assert_allclose(fit(scores, truth)(scores), ends[1:-1], atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40))
def test_separable_scores_keep_off_0_and_1(k, m):
    calibration = fit(np.repeat([0.2, 0.9], [m, k]), np.repeat([False, True], [m, k]))
    assert calibration(np.array([0.9, 1.0])) == pytest.approx(k / (k + 1), abs=1e-12)
    assert calibration(np.array([0.2, 0.0])) == pytest.approx(1 / (m + 1), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_order_of_scores_is_kept(pairs):
    scores, truth = map(np.array, zip(*pairs, strict=True))
    found = fit(scores, truth)(np.linspace(0, 1, 50))
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_no_pair():
    with pytest.raises(ValueError, match="no pair"):
        fit(np.zeros(0), np.zeros(0, dtype=bool))


def test_simulated_overconfidence_is_taken_back():
    rng = np.random.default_rng(1)
    chance = rng.random(40_000) ** 3
    truth, scores = rng.random(40_000) < chance, chance**0.25
    half = len(scores) // 2
    calibration = fit(scores[:half], truth[:half])
    own = scores[half:]
    told = calibration_check(own, calibration(own), truth[half:])
    assert told["ece_before"] > 0.2 > 0.02 > told["ece_after"]
    assert told["brier_after"] < told["brier_before"]
    assert sum(row["pairs"] for row in told["reliability"]) == len(own)
    for row in told["reliability"]:
        assert abs(row["mean_probability"] - row["labelled"]) < 0.03
        assert row["mean_probability"] >= row["from"]
    assert np.abs(calibration(own) - chance[half:]).mean() < 0.02


def test_cross_fitting_never_sees_its_own_group():
    rng = np.random.default_rng(2)
    scores, groups = rng.random((60, 4)), np.repeat(np.arange(20), 3)
    truth, known = rng.random((60, 4)) < scores, np.ones((60, 4), dtype=bool)
    before = cross_fitted(scores, truth, known, groups, np.random.default_rng(0))
    changed = truth.copy()
    changed[groups == 7] = ~changed[groups == 7]
    after = cross_fitted(scores, changed, known, groups, np.random.default_rng(0))
    same = groups == 7
    np.testing.assert_array_equal(before[same], after[same])
    assert (before[~same] != after[~same]).any()
    # What is not known is not fitted on.
    hidden = known.copy()
    hidden[:, 0] = False
    one = cross_fitted(scores, truth, hidden, groups, np.random.default_rng(0))
    flipped = truth.copy()
    flipped[:, 0] = ~flipped[:, 0]
    np.testing.assert_array_equal(one, cross_fitted(scores, flipped, hidden, groups, np.random.default_rng(0)))


def test_precision_counts_pairs_and_resamples_groups():
    probabilities = np.array([[0.9, 0.95], [0.2, 0.9], [0.99, 0.1], [0.5, 0.89]])
    truth = np.array([[True, False], [True, True], [True, False], [False, True]])
    known = np.ones((4, 2), dtype=bool)
    rng = np.random.default_rng(0)
    told = precision_above(probabilities, truth, known, ["a", "a", "b", "c"], 0.9, 2000, 0.95, rng)
    assert (told["pairs"], told["labelled"], told["precision"]) == (4, 3, 0.75)
    # a alone has 2 of 3, b 1 of 1.
    assert told["low"] == pytest.approx(2 / 3)
    assert told["high"] == 1
    known[0, 1] = False
    told = precision_above(probabilities, truth, known, ["a", "a", "b", "c"], 0.9, 50, 0.95, rng)
    assert (told["pairs"], told["precision"]) == (3, 1)
    told = precision_above(probabilities, truth, known, list("abcd"), 0.999, 50, 0.95, rng)
    assert told["pairs"] == 0
    assert told["precision"] is None
