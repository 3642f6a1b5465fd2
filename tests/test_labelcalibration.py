import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from lexome.labelcalibration import (
    calibration_figures,
    choose_thresholds,
    f1_at,
    label_calibration_errors,
    micro_calibration_error,
    reliability,
)


def naive_error(true, score, bins):
    """Ties to the bin of their first rank, one item after another."""
    ranked = sorted(zip(score, true, strict=True), key=lambda pair: pair[0])
    cells, first = {}, 0
    for at, (value, label) in enumerate(ranked):
        if at and value != ranked[at - 1][0]:
            first = at
        cells.setdefault(first * bins // len(ranked), []).append((value, label))
    gaps = [abs(sum(y for _, y in cell) - sum(s for s, _ in cell)) for cell in cells.values()]
    return sum(gaps) / len(ranked)


@st.composite
def problems(draw):
    shape = (draw(st.integers(1, 30)), draw(st.integers(1, 4)))
    levels = st.sampled_from([0.0, 0.1, 0.1, 0.4, 0.9]) | st.floats(0, 1, width=32)
    return draw(arrays(bool, shape)), draw(arrays(np.float32, shape, elements=levels))


@given(problems(), st.integers(1, 7))
def test_calibration_errors_equal_a_loop(problem, bins):
    truth, scores = problem
    expected = [naive_error(y, s.astype(float), bins) for y, s in zip(truth.T, scores.T, strict=True)]
    np.testing.assert_allclose(label_calibration_errors(truth, scores, bins), expected, rtol=0, atol=1e-9)
    table = reliability(truth, scores, bins)
    assert table.n.sum() == truth.size
    assert (table.low <= table.mean_score + 1e-12).all()
    assert (table.low[1:] > table.high[:-1]).all()
    expected = naive_error(truth.ravel(), scores.ravel().astype(float), bins)
    assert micro_calibration_error(table) == pytest.approx(expected, abs=1e-9)


def test_bins_hold_equally_many_and_the_order_of_examples_does_not_matter():
    rng = np.random.default_rng(0)
    scores = rng.beta(0.3, 3, size=(300, 2))
    truth = rng.random(scores.shape) < scores
    table = reliability(truth, scores, bins=10)
    assert table.n.tolist() == [60] * 10
    shuffled = rng.permutation(300)
    again = reliability(truth[shuffled], scores[shuffled], bins=10)
    np.testing.assert_allclose(again.share, table.share)
    # Scores that are the probabilities err by noise, their square roots by much more.
    good, bad = (calibration_figures(truth, each, "term") for each in (scores, np.sqrt(scores)))
    assert good["micro_mass_ece"][0] < 0.05 < bad["micro_mass_ece"][0]
    assert good["term_mass_ece"][0] < bad["term_mass_ece"][0]
    assert good["micro_mass_ece"][1] == 600
    assert good["term_mass_ece"][1] == 2


def test_no_examples_have_no_calibration():
    empty = np.zeros((0, 3))
    assert np.isnan(label_calibration_errors(empty > 0, empty)).all()
    assert np.isnan(micro_calibration_error(reliability(empty > 0, empty)))


@settings(max_examples=40)
@given(problems())
def test_chosen_thresholds_have_the_best_f1(problem):
    truth, scores = problem
    if not truth.any():
        with pytest.raises(ValueError, match="validation"):
            choose_thresholds(truth, scores)
        return
    chosen = choose_thresholds(truth, scores, fewest=2)
    found, micro = f1_at(truth, scores, chosen.values)
    for at, (y, s) in enumerate(zip(truth.T, scores.T, strict=True)):
        assert chosen.own[at] == (y.sum() >= 2)
        if y.any():
            assert found[at] == pytest.approx(f1_score(y, s >= chosen.values[at], zero_division=0))
        else:
            assert np.isnan(found[at])
        if chosen.own[at]:
            every = {value: f1_score(y, s >= value) for value in np.unique(s)}
            assert found[at] == pytest.approx(max(every.values()))
            assert all(value <= chosen.values[at] or f1 < found[at] + 1e-12 for value, f1 in every.items())
        else:
            assert chosen.values[at] == chosen.common
    pooled = max(f1_at(truth, scores, value)[1] for value in np.unique(scores))
    assert f1_at(truth, scores, chosen.common)[1] == pytest.approx(pooled)
    assert micro >= 0
