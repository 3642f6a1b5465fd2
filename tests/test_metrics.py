import warnings

import numpy as np
import pytest
import sklearn.calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn import metrics as sk

from lexome import metrics
from lexome.metrics import (
    RankedScores,
    average_precision,
    calibration_errors,
    multi_label_metrics,
    roc_auc,
    threshold_metrics,
    unit_metrics,
)

EXACT = {"rtol": 0, "atol": 1e-9}


@st.composite
def problems(draw, weighted=False):
    """Truth and scores of one shape, with heavy ties, constant and one-class columns; weights of the rows."""
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
    truth = draw(arrays(bool, shape))
    levels = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)
    scores = draw(arrays(np.float32, shape, elements=levels))
    truth[:, draw(st.integers(0, shape[1] - 1))] = draw(st.booleans())
    scores[:, draw(st.integers(0, shape[1] - 1))] = 0.5
    if not weighted:
        return truth, scores
    weight = st.one_of(st.integers(0, 4).map(float), st.floats(0.01, 5))
    return truth, scores, draw(arrays(np.float64, shape[0], elements=weight))


def oracle(function, truth, scores, weights, needs):
    """scikit-learn column by column; NaN unless truth holds every class in `needs` with some weight."""
    weights = np.ones(len(truth)) if weights is None else weights
    kept = weights > 0
    values = []
    for y, s in zip(truth.T[:, kept], scores.T[:, kept], strict=True):
        defined = all((y == wanted).any() for wanted in needs)
        values.append(function(y, s, sample_weight=weights[kept]) if defined else np.nan)
    return np.array(values)


@settings(max_examples=50, deadline=None)
@given(problems())
def test_ranking_metrics_equal_scikit_learn_along_both_axes(problem):
    truth, scores = problem
    for axis, y, s in ((0, truth, scores), (1, truth.T, scores.T)):
        expected = oracle(sk.average_precision_score, y, s, None, [True])
        np.testing.assert_allclose(average_precision(truth, scores, axis), expected, **EXACT)
        expected = oracle(sk.roc_auc_score, y, s, None, [True, False])
        np.testing.assert_allclose(roc_auc(truth, scores, axis), expected, **EXACT)


@settings(max_examples=50, deadline=None)
@given(problems(weighted=True))
def test_weighted_ranking_metrics_equal_scikit_learn(problem):
    truth, scores, weights = problem
    expected = oracle(sk.average_precision_score, truth, scores, weights, [True])
    np.testing.assert_allclose(average_precision(truth, scores, 0, weights), expected, **EXACT)
    expected = oracle(sk.roc_auc_score, truth, scores, weights, [True, False])
    np.testing.assert_allclose(roc_auc(truth, scores, 0, weights), expected, **EXACT)


@settings(max_examples=50, deadline=None)
@given(problems(weighted=True))
def test_threshold_metrics_equal_scikit_learn(problem):
    truth, scores, weights = problem
    kept = weights > 0
    found = threshold_metrics(truth, scores, 0, weights)
    for column in range(truth.shape[1]):
        y, p = truth[kept, column], scores[kept, column] >= 0.5
        w = weights[kept]
        expected = (
            sk.accuracy_score(y, p, sample_weight=w) if kept.any() else np.nan,
            sk.precision_score(y, p, sample_weight=w) if p.any() else np.nan,
            sk.recall_score(y, p, sample_weight=w) if y.any() else np.nan,
            sk.matthews_corrcoef(y, p, sample_weight=w) if y.any() and not y.all() else np.nan,
        )
        np.testing.assert_allclose([values[column] for values in found], expected, **EXACT)


@settings(max_examples=50, deadline=None)
@given(problems(weighted=True))
def test_many_weightings_at_once_equal_one_by_one(problem):
    truth, scores, weights = problem
    several = np.stack([weights, np.ones_like(weights), weights[::-1]])
    together = threshold_metrics(truth, scores, 0, several)
    for row, one in enumerate(several):
        for many, single in zip(together, threshold_metrics(truth, scores, 0, one), strict=True):
            np.testing.assert_allclose(many[row], single, **EXACT)


@settings(max_examples=50, deadline=None)
@given(problems())
def test_calibration_equals_the_curve_of_scikit_learn(problem):
    truth, scores = problem
    for y, s, error in zip(truth.T, scores.T.astype(float), calibration_errors(truth, scores), strict=True):
        share, confidence = sklearn.calibration.calibration_curve(y, s, n_bins=metrics.BINS)
        # The curve leaves empty bins out and does not say how many examples the others hold.
        sizes = np.bincount(np.searchsorted(np.linspace(0, 1, metrics.BINS + 1)[1:-1], s))
        sizes = sizes[sizes > 0]
        assert len(sizes) == len(share)
        assert error == pytest.approx((sizes * np.abs(share - confidence)).sum() / len(y), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(problems(), st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(1, 400))
def test_calibration_with_whole_weights_is_that_of_repeated_examples(problem, weights, size):
    truth, scores = problem
    weights = np.array(weights[: len(truth)])
    rows = np.repeat(np.arange(len(truth)), weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "BLOCK_ITEMS", size)
        found = calibration_errors(truth, scores, np.stack([weights, np.ones(len(truth))]))
    np.testing.assert_allclose(found[0], calibration_errors(truth[rows], scores[rows]), **EXACT)
    np.testing.assert_allclose(found[1], calibration_errors(truth, scores), **EXACT)


def test_a_perfect_and_a_wrong_calibration():
    truth = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]], dtype=bool)
    scores = np.array([[0.5, 0.0, 0.25]] * 4)
    np.testing.assert_allclose(calibration_errors(truth, scores), [0, 1, 0.25])


def test_correlation_of_decisions_that_are_all_alike_is_none_and_of_truths_undefined():
    truth, scores = np.array([[1, 1], [0, 1]], dtype=bool), np.array([[0.9, 0.9], [0.8, 0.1]])
    np.testing.assert_array_equal(threshold_metrics(truth, scores, axis=0).mcc, [0, np.nan])
    assert threshold_metrics(truth[:, :1], 1 - scores[::-1, :1] * [[1], [0]], axis=0).mcc[0] == -1


@settings(max_examples=50, deadline=None)
@given(problems(), st.integers(0, 1000))
def test_unknown_labels_are_left_out(problem, seed):
    truth, scores = problem
    known = np.random.default_rng(seed).random(truth.shape) < 0.7
    found = unit_metrics(truth, scores, 0, known)
    for label in range(truth.shape[1]):
        rows = known[:, label]
        alone = unit_metrics(truth[rows, label : label + 1], scores[rows, label : label + 1], 0)
        for name, values in alone.items():
            assert found[name][label] == pytest.approx(values[0], nan_ok=True)
    means = multi_label_metrics(truth, scores, "protein", "term", known)
    one_sided = known.size and not known.all()
    assert any(name.startswith("protein") for name in means) == (not one_sided and truth.shape[1] > 1)
    everything = unit_metrics(truth, scores, 0, np.ones_like(truth))
    for name, values in unit_metrics(truth, scores, 0).items():
        np.testing.assert_array_equal(everything[name], values)
    if one_sided:
        with pytest.raises(ValueError, match="unknown"):
            unit_metrics(truth, scores, 1, known)


@settings(max_examples=50, deadline=None)
@given(problems(), st.integers(1, 40))
def test_blocks_change_nothing(problem, size):
    truth, scores = problem
    whole = metrics.unit_metrics(truth, scores, axis=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "BLOCK_ITEMS", size)
        for name, values in metrics.unit_metrics(truth, scores, axis=0).items():
            np.testing.assert_array_equal(values, whole[name])


def test_a_larger_problem_equals_scikit_learn_with_float_weights():
    rng = np.random.default_rng(0)
    truth = rng.random((2000, 40)) < rng.uniform(0.002, 0.9, size=40)
    scores = np.round(rng.random((2000, 40)) + 0.3 * truth, 2).astype(np.float32)
    weights = rng.exponential(size=2000)
    ap, area = RankedScores(truth.T, scores.T).measure(weights)
    expected = oracle(sk.average_precision_score, truth, scores, weights, [True])
    np.testing.assert_allclose(ap, expected, **EXACT)
    expected = oracle(sk.roc_auc_score, truth, scores, weights, [True, False])
    np.testing.assert_allclose(area, expected, **EXACT)


def test_undefined_units_are_left_out_and_counted_and_never_scored():
    truth = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1]], dtype=bool)
    scores = np.array([[0.9, 0.2, 0.6], [0.8, 0.1, 0.3], [0.1, 0.1, 0.2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an undefined figure is no numerical accident
        found = multi_label_metrics(truth, scores, "protein", "term")
    # The second term has no positives, the third no negatives.
    assert found["term_auprc"] == (1.0, 2)
    assert found["term_auroc"] == (1.0, 1)
    assert found["term_recall"] == (pytest.approx((1 + 1 / 3) / 2), 2)
    assert found["term_precision"] == (pytest.approx((1 / 2 + 1) / 2), 2)
    assert found["term_accuracy"] == (pytest.approx((2 / 3 + 1 + 1 / 3) / 3), 3)
    # Nothing is predicted for the third protein.
    assert found["protein_precision"][1] == 2
    assert found["protein_auprc"][1] == 3
    assert set(found) == {
        f"{noun}_{name}"
        for noun in ("protein", "term")
        for name in ("auprc", "auroc", "accuracy", "precision", "recall", "mcc")
    } | {"term_ece"}


def test_a_metric_that_no_unit_defines_is_nan_with_none_counted():
    value, n = multi_label_metrics(np.zeros((3, 2)), np.zeros((3, 2)), "protein", "term")["term_auprc"]
    assert np.isnan(value)
    assert n == 0


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("axis", [0, 1])
def test_empty_matrices_give_one_undefined_figure_a_unit(shape, axis):
    found = metrics.unit_metrics(np.zeros(shape, dtype=bool), np.zeros(shape), axis)
    for values in found.values():
        assert values.shape == (shape[1 - axis],)
        assert np.isnan(values).all()


def test_a_trace_of_rounding_is_no_negative_weight():
    weights = np.array([0.1, 0.2, 0.3])
    assert np.isnan(roc_auc(np.ones((3, 1)), np.array([[0.1], [0.2], [0.3]]), 0, weights)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_must_be_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        average_precision(np.ones((1, 2)), np.array([[0.1, bad]]), 0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        roc_auc(np.ones((2, 2)), np.ones((2, 3)), 0)
