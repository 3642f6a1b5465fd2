"""Metrics of one class an example: equal to scikit-learn where that defines them, NaN where nothing does."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lexome.bootstrap import centre_all, interval, multi_class_replicates, resample_groups, stream
from lexome.multiclass import BINS, calibration, class_figures, confusion_matrix, multi_class_metrics

EXACT = {"rtol": 0, "atol": 1e-9}


def problem(seed, examples, classes, absent=0):
    """One-hot truth in which the last classes are absent, and probabilities with ties that sum to 1."""
    rng = np.random.default_rng(seed)
    truth = np.eye(classes, dtype=bool)[rng.integers(0, classes - absent, size=examples)]
    logits = np.round(rng.normal(size=(examples, classes)) + rng.uniform(0, 3) * truth, rng.integers(0, 3))
    return truth, (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)


problems = st.builds(problem, st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6), absent=st.integers(0, 1))


def naive_ece(truth, scores):
    """Bin by bin, as Guo et al. write it."""
    confidence, right = scores.max(axis=1).astype(np.float64), scores.argmax(axis=1) == truth.argmax(axis=1)
    total = 0.0
    for m in range(1, BINS + 1):
        inside = (confidence > (m - 1) / BINS) & (confidence <= m / BINS)
        if inside.any():
            total += inside.sum() / len(truth) * abs(right[inside].mean() - confidence[inside].mean())
    return total


@settings(max_examples=60, deadline=None)
@given(problems)
def test_metrics_equal_scikit_learn(drawn):
    truth, scores = drawn
    true, predicted = truth.argmax(axis=1), scores.argmax(axis=1)
    ids = [f"c{i}" for i in range(truth.shape[1])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = multi_class_metrics(truth, scores, ids)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["accuracy"] == (pytest.approx(sk.accuracy_score(true, predicted), abs=1e-9), len(true))
        balanced = sk.balanced_accuracy_score(true, predicted)
        assert found["balanced_accuracy"] == (pytest.approx(balanced, abs=1e-9), len(set(true)))
        # Without `labels`, scikit-learn too leaves out classes that are neither true nor predicted.
        assert found["macro_f1"][0] == pytest.approx(sk.f1_score(true, predicted, average="macro"), abs=1e-9)
        assert found["macro_f1"][1] == len(set(true) | set(predicted))
        areas = [sk.roc_auc_score(truth[:, i], scores[:, i]) for i in range(len(ids)) if 0 < truth[:, i].mean() < 1]
        assert found["macro_auroc"][1] == len(areas)
        np.testing.assert_allclose(found["macro_auroc"][0], np.mean(areas) if areas else np.nan, **EXACT)
        assert found["ece"] == (pytest.approx(naive_ece(truth, scores), abs=1e-9), len(true))
        weighted = sk.precision_recall_fscore_support(true, predicted, average="weighted", zero_division=0)[:3]
        for name, value in zip(("precision", "recall", "f1"), weighted, strict=True):
            assert found[f"weighted_{name}"] == (pytest.approx(value, abs=1e-9), len(true))
        assert found["weighted_recall"][0] == pytest.approx(found["accuracy"][0])
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            true, predicted, labels=range(len(ids)), zero_division=np.nan
        )
    for place, name in enumerate(ids):
        np.testing.assert_allclose(found[f"{name}_precision"][0], precision[place], **EXACT)
        np.testing.assert_allclose(found[f"{name}_recall"][0], recall[place], **EXACT)
        assert found[f"{name}_precision"][1] == (predicted == place).sum()
        assert found[f"{name}_recall"][1] == (true == place).sum()
    np.testing.assert_allclose(class_figures(truth, scores).f1, f1, **EXACT)
    expected = sk.confusion_matrix(true, predicted, labels=range(len(ids)))
    np.testing.assert_array_equal(confusion_matrix(truth, scores), expected)


def test_macro_auroc_is_scikit_learns_one_against_the_rest():
    truth, scores = problem(3, 200, 4)
    scores = scores.astype(np.float64) / scores.sum(axis=1, keepdims=True, dtype=np.float64)
    expected = sk.roc_auc_score(truth.argmax(axis=1), scores, multi_class="ovr", average="macro")
    assert multi_class_metrics(truth, scores)["macro_auroc"][0] == pytest.approx(expected, abs=1e-9)


def test_names_are_those_of_the_contract():
    truth, scores = problem(0, 30, 3)
    overall = ["accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "ece"]
    overall += ["weighted_precision", "weighted_recall", "weighted_f1"]
    assert list(multi_class_metrics(truth, scores, ["a"])) == [*overall, "a_precision", "a_recall"]


@pytest.mark.parametrize(("accuracy", "confidence"), [(0.9, 0.9), (0.5, 0.9), (0.9, 0.6)])
def test_ece_is_the_gap_of_a_model_that_is_always_as_sure(accuracy, confidence):
    right = np.arange(1000) < 1000 * accuracy
    truth = np.stack([right, ~right], axis=1)
    scores = np.tile([confidence, 1 - confidence], (1000, 1))
    assert multi_class_metrics(truth, scores)["ece"][0] == pytest.approx(abs(accuracy - confidence))


def test_a_reliability_diagram_counts_every_example_in_one_bin_closed_above():
    truth = np.eye(2, dtype=bool)[[0, 0, 1, 0]]
    scores = np.array([[0.6, 0.4], [0.6000001, 0.3999999], [0.6, 0.4], [1.0, 0.0]])
    found = calibration(truth, scores)
    assert found.n.sum() == 4
    filled = np.flatnonzero(found.n)
    assert filled.tolist() == [8, 9, 14]  # 0.6 = 9/15 ends the ninth bin
    np.testing.assert_allclose(found.accuracy[filled], [0.5, 1, 1])
    np.testing.assert_allclose(found.confidence[filled], [0.6, 0.6000001, 1])
    assert np.isnan(found.accuracy[0])


@pytest.mark.parametrize("rows", [[[1, 1], [1, 0]], [[0, 0], [1, 0]]])
def test_an_example_must_have_one_class(rows):
    with pytest.raises(ValueError, match="exactly one class"):
        multi_class_metrics(np.array(rows), np.full((2, 2), 0.5))


def test_no_examples_define_nothing():
    found = multi_class_metrics(np.zeros((0, 3)), np.zeros((0, 3)), ["a", "b", "c"])
    assert all(np.isnan(value) and n == 0 for value, n in found.values())


@settings(max_examples=25, deadline=None)
@given(problems, st.integers(0, 100))
def test_a_replicate_equals_the_metrics_of_the_repeated_rows(drawn, seed):
    truth, scores = drawn
    rng = np.random.default_rng(seed)
    counts = resample_groups(rng.integers(0, 9, size=len(truth)), 4, stream(seed))
    ids = [f"c{i}" for i in range(truth.shape[1])]
    found = multi_class_replicates(truth, scores, counts, ids)
    for b, count in enumerate(counts):
        rows = np.repeat(np.arange(len(truth)), count)
        expected = multi_class_metrics(truth[rows], scores[rows], ids)
        assert set(found) == set(expected)
        for name, (value, _) in expected.items():
            np.testing.assert_allclose(found[name][b], value, err_msg=name, **EXACT)


def test_intervals_cover_the_expected_figure():
    rng = np.random.default_rng(4)

    def draw(n=300):
        truth = np.eye(3, dtype=bool)[rng.choice(3, size=n, p=[0.6, 0.3, 0.1])]
        logits = rng.normal(size=(n, 3)) + 1.5 * truth
        return truth, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    names = ("accuracy", "macro_f1", "macro_auroc", "ece")
    drawn = [multi_class_metrics(*draw()) for _ in range(400)]
    expected = {name: np.mean([metrics[name][0] for metrics in drawn]) for name in names}
    covered, beside = dict.fromkeys(names, 0), 0
    for _ in range(60):
        truth, scores = draw()
        counts = resample_groups(np.arange(300), 100, rng)
        plain = multi_class_replicates(truth, scores, counts)
        moved, _ = centre_all(plain, multi_class_metrics(truth, scores))
        for name in names:
            low, high = interval(moved[name])
            covered[name] += low <= expected[name] <= high
        beside += plain["ece"].mean() > multi_class_metrics(truth, scores)["ece"][0]
    # 60 draws of a true 95 % fall below 51 once in a thousand times.
    assert min(covered.values()) >= 51, covered
    assert beside >= 55  # what centring mends: resamples look worse calibrated than they are
