import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from lexome.bootstrap import (
    centre,
    centre_all,
    combine_seeds,
    holm,
    interval,
    multi_label_replicates,
    paired_difference,
    resample_groups,
    sign_p_value,
    stream,
)
from lexome.metrics import multi_label_metrics


def centred(truth, scores, counts):
    """Centred replicates of a multi-label problem and their shifts."""
    estimates = multi_label_metrics(truth, scores, "protein", "term")
    return centre_all(multi_label_replicates(truth, scores, counts, "protein", "term"), estimates)


def problem(rng, examples=60, labels=7):
    truth = rng.random((examples, labels)) < rng.uniform(0.02, 0.4, size=labels)
    scores = np.clip(np.round(rng.random((examples, labels)) * 0.6 + 0.3 * truth, 2), 0, 1)
    return truth, scores


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 6))
def test_a_replicate_equals_the_metrics_of_the_repeated_rows(seed, examples, labels):
    rng = np.random.default_rng(seed)
    truth, scores = problem(rng, examples, labels)
    counts = resample_groups(rng.integers(0, 9, size=examples), 4, stream(seed))
    found = multi_label_replicates(truth, scores, counts, "protein", "term")
    for b, count in enumerate(counts):
        rows = np.repeat(np.arange(examples), count)
        for name, (value, _) in multi_label_metrics(truth[rows], scores[rows], "protein", "term").items():
            np.testing.assert_allclose(found[name][b], value, rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 4))
def test_a_replicate_with_unknown_labels_equals_the_metrics_of_the_repeated_rows(seed, examples, labels):
    rng = np.random.default_rng(seed)
    truth, scores = problem(rng, examples, labels)
    known = rng.random(truth.shape) < 0.6
    counts = resample_groups(rng.integers(0, 9, size=examples), 4, stream(seed))
    found = multi_label_replicates(truth, scores, counts, "sequence", "factor", known)
    for b, count in enumerate(counts):
        rows = np.repeat(np.arange(examples), count)
        expected = multi_label_metrics(truth[rows], scores[rows], "sequence", "factor", known[rows])
        for name in found:
            np.testing.assert_allclose(found[name][b], expected[name][0], rtol=0, atol=1e-12, err_msg=name)


def test_replicates_of_a_correlation_may_fall_below_zero():
    rng = np.random.default_rng(0)
    truth, scores = rng.random((80, 1)) < 0.5, rng.random((80, 1))
    replicates, _ = centred(truth, scores, resample_groups(np.arange(80), 200, stream(0)))
    assert replicates["term_mcc"].min() < 0
    assert replicates["term_auroc"].min() >= 0


def test_p_values_agree_with_the_interval():
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.5, 1.5, 2.5, 4.0, -3.0):
        replicates = rng.normal(shift, 1, size=999)
        p, (low, high) = sign_p_value(replicates), interval(replicates)
        assert (p <= 0.05) == (low > 0 or high < 0)
        assert p == pytest.approx(2 * stats.norm.sf(abs(shift)), abs=0.1)
    assert sign_p_value(np.full(99, 0.5)) == sign_p_value(np.full(99, -0.5)) == pytest.approx(0.02)
    assert sign_p_value(np.zeros(99)) == 1
    assert np.isnan(sign_p_value(np.array([np.nan])))
    assert sign_p_value(np.array([np.nan, *[0.5] * 99])) == pytest.approx(0.02)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.01, 0.01, 0.2, 1.0]) | st.floats(0, 1), max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted = holm(np.array(p_values))
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[at] * (len(p_values) - rank) > alpha:
                break
            rejected.add(at)
        assert {at for at, p in enumerate(adjusted) if p <= alpha} == rejected


def test_holm_by_hand_and_what_is_undefined():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_array_equal(holm(np.array([np.nan, 0.02])), [np.nan, 0.02])
    assert len(holm(np.array([]))) == 0


def test_a_replicate_equals_scikit_learn_with_sample_weights():
    rng = np.random.default_rng(1)
    truth, scores = problem(rng)
    counts = resample_groups(np.arange(60), 3, rng)
    found = multi_label_replicates(truth, scores, counts, "protein", "term")["term_auprc"]
    for b, count in enumerate(counts):
        defined = (truth[count > 0]).any(axis=0)
        values = [
            sk.average_precision_score(truth[:, label], scores[:, label], sample_weight=count)
            for label in np.flatnonzero(defined)
        ]
        assert found[b] == pytest.approx(np.mean(values), abs=1e-9)


def test_groups_are_drawn_whole_and_as_many_as_there_are():
    groups = np.array(["a", "b", "a", "c", "b", "a"])
    counts = resample_groups(groups, 200, np.random.default_rng(0)).astype(int)
    for name in "abc":
        members = counts[:, groups == name]
        assert (members == members[:, :1]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert counts[:, 3].max() > 1 > counts[:, 3].min()


def test_resamples_depend_on_seed_and_names_only():
    groups = np.arange(30)
    first = resample_groups(groups, 5, stream(0, "study", "split", "test"))
    np.testing.assert_array_equal(first, resample_groups(groups, 5, stream(0, "study", "split", "test")))
    # The first resamples stay what they are when more are asked for.
    np.testing.assert_array_equal(first, resample_groups(groups, 9, stream(0, "study", "split", "test"))[:5])
    for other in (
        stream(1, "study", "split", "test"),
        stream(0, "study", "split", "valid"),
        stream(0, "studys", "plit", "test"),
    ):
        assert (first != resample_groups(groups, 5, other)).any()


def test_plain_replicates_miss_the_estimate_and_centred_ones_hold_it():
    # Many labels with few positives: the offset of the replicates exceeds their spread (see the module).
    rng = np.random.default_rng(2)
    truth = rng.random((200, 250)) < 0.05
    scores = rng.normal(size=(200, 250)) + 1.5 * truth
    counts = resample_groups(np.arange(200), 150, rng)
    estimate, _ = multi_label_metrics(truth, scores, "protein", "term")["term_auprc"]
    plain = multi_label_replicates(truth, scores, counts, "protein", "term")["term_auprc"]
    moved, shifts = centred(truth, scores, counts)
    assert interval(plain)[0] > estimate
    low, high = interval(moved["term_auprc"])
    assert low < estimate < high
    assert moved["term_auprc"].mean() == pytest.approx(estimate, abs=1e-12)
    assert shifts["term_auprc"] == pytest.approx(estimate - plain.mean(), abs=1e-12)
    # Metrics whose replicates are not offset stay where they are.
    assert abs(shifts["protein_auprc"]) < 0.005


def test_intervals_cover_the_expected_figure_and_have_the_right_width():
    rng = np.random.default_rng(3)
    share = rng.uniform(0.03, 0.2, size=60)

    def draw():
        truth = rng.random((120, 60)) < share
        return truth, rng.normal(size=(120, 60)) + 1.5 * truth

    def figure(truth, scores):
        return multi_label_metrics(truth, scores, "protein", "term")["term_auprc"][0]

    others = [figure(*draw()) for _ in range(400)]
    covered, widths = 0, []
    for _ in range(60):
        truth, scores = draw()
        counts = resample_groups(np.arange(120), 80, rng)
        low, high = interval(centred(truth, scores, counts)[0]["term_auprc"])
        covered += low <= np.mean(others) <= high
        widths.append(high - low)
    # 60 draws of a true 95 % fall below 51 once in a thousand times; plain percentiles cover about a third.
    assert covered >= 51
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(others), rel=0.2)


def test_centring_keeps_a_proportion_a_proportion():
    moved, shift = centre(np.array([0.90, 1.0, np.nan]), 0.99)
    np.testing.assert_allclose(moved, [0.94, 1.0, np.nan])
    assert shift == pytest.approx(0.04)


def test_undefined_replicates_stay_undefined():
    moved, shift = centre(np.full(3, np.nan), 0.5)
    assert np.isnan(moved).all()
    assert np.isnan(shift)
    assert np.isnan(interval(moved)).all()


def test_interval_is_the_percentile_of_the_defined_replicates():
    values = np.append(np.random.default_rng(0).permutation(np.arange(101.0)), np.nan)
    assert interval(values, 0.9) == pytest.approx((5.0, 95.0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(values, 95)


def test_combined_seeds_hold_the_variance_between_and_within():
    rng = np.random.default_rng(0)
    seeds = np.array([0.1, 0.4, 0.7])
    shared = rng.normal(0, 0.05, size=20_000)  # the test examples: the same for all seeds
    combined = combine_seeds(seeds[:, None] + shared, stream(0, "mlp"))
    assert combined.mean() == pytest.approx(0.4, abs=0.005)
    # Means of three seeds drawn with replacement: the population variance of the seeds, over three.
    assert combined.var() == pytest.approx(0.05**2 + seeds.var() / 3, rel=0.05)


def test_one_seed_is_taken_as_it_is():
    values = np.random.default_rng(0).random((1, 50))
    np.testing.assert_array_equal(combine_seeds(values, stream(0, "naive")), values[0])


def test_paired_differences_cancel_what_both_share():
    shared = np.random.default_rng(0).normal(0, 1, size=500)
    difference = paired_difference(shared + 0.1, shared)
    assert interval(difference) == (pytest.approx(0.1), pytest.approx(0.1))
    with pytest.raises(ValueError, match="shapes"):
        paired_difference(shared, shared[:10])
