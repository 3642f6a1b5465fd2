"""Vectors: silhouettes, neighbours, probes and maps, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import KNeighborsClassifier

from lexome import maps
from lexome.bootstrap import resample_groups


def blobs(n=60, classes=3, width=8, apart=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    middles = rng.normal(0, 1, (classes, width)) * apart
    return (middles[labels] + rng.normal(0, 1, (n, width)) + 5).astype(np.float32), labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 6))
def test_silhouettes_are_those_of_scikit_learn(seed, classes, width):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, 30)
    labels[:2] = [0, 1]
    (unit,) = maps.centre(rng.normal(0, 1, (30, width)))
    expected = silhouette_samples(unit.astype(np.float64), labels, metric="cosine")
    np.testing.assert_allclose(maps.silhouettes(unit, labels), expected, atol=2e-6)


def test_silhouettes_of_odd_inputs():
    unit = np.eye(3, dtype=np.float32)
    assert np.isnan(maps.silhouettes(unit, np.zeros(3, dtype=int))).all()
    assert maps.silhouettes(unit, np.array([0, 2, 2]))[0] == 0  # the only one of its class; class 1 is empty


def test_chance_is_near_nothing_where_the_silhouette_is_high():
    vectors, labels = blobs(apart=6)
    (unit,) = maps.centre(vectors)
    assert maps.silhouettes(unit, labels).mean() > 0.6
    assert abs(maps.chance_silhouette(unit, labels, 0)) < 0.15


def test_centring_takes_the_common_part_away():
    train, _ = blobs()
    unit, other = maps.centre(train, train[:5] + 0.0)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(other, unit[:5])
    assert (maps.centre(np.ones((4, 3)))[0] == 0).all()  # each is the mean itself


@pytest.mark.parametrize("k", [1, 5, 1000])
def test_neighbours_are_those_of_scikit_learn(k, monkeypatch):
    monkeypatch.setattr(maps, "BLOCK", 7)
    train, classes = blobs(seed=1)
    test, _ = blobs(n=40, seed=2)
    train, test = maps.centre(train, test)
    found = maps.neighbour_classes(train, classes, test, k, 3)
    reference = KNeighborsClassifier(min(k, len(train)), metric="cosine").fit(train, classes)
    chances = reference.predict_proba(test)
    top = chances.max(axis=1)
    assert (chances[np.arange(len(test)), found] == top).all()
    clear = (chances == top[:, None]).sum(axis=1) == 1
    assert clear.sum() > 20 or k == 1000
    assert (found[clear] == chances[clear].argmax(axis=1)).all()


def test_of_equally_common_classes_the_nearer_wins():
    train = np.array([[1, 0], [0.9, 0.44], [0, 1]], dtype=np.float32)
    test = np.array([[0.99, 0.14]], dtype=np.float32)
    assert maps.neighbour_classes(train, np.array([2, 1, 1]), test, 2, 3)[0] == 2
    assert maps.neighbour_classes(train, np.array([1, 0, 0]), test, 3, 2)[0] == 0


def test_a_probe_reads_what_is_there_and_valid_chooses_its_penalty():
    train, classes = blobs(n=300, apart=2)
    valid, test = blobs(n=60, apart=2, seed=0), blobs(n=60, apart=2, seed=0)
    probabilities, strength = maps.probe((train, classes), valid, test[0], 3)
    assert (probabilities.argmax(axis=1) == test[1]).mean() > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert strength in maps.STRENGTHS
    # Where all are equally good on valid, the one that fits least.
    wrong = (valid[0], np.full(60, 7))
    assert maps.probe((train, classes), wrong, test[0], 3)[1] == maps.STRENGTHS[0]


def test_judged_vectors_stand_beside_chance_and_intervals():
    parts = [blobs(n=n, apart=3) for n in (150, 30, 60)]
    groups = np.arange(60) // 2
    counts = resample_groups(groups, 100, np.random.default_rng(0))
    rows, probabilities = maps.judge(*parts, 3, 5, counts, groups, 0.95, 0)
    assert [row["metric"] for row in rows] == list(maps.METRICS)
    assert probabilities.shape == (60, 3)
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["chance"] < row["low"]
        assert row["n"] == 60
    assert rows[1]["chance"] == pytest.approx(1 / 3)
    rng = np.random.default_rng(3)
    noise = [(rng.normal(0, 1, vectors.shape).astype(np.float32), own) for vectors, own in parts]
    rows, _ = maps.judge(*noise, 3, 5, counts, groups, 0.95, 0)
    for row in rows[1:]:
        assert row["low"] <= 1 / 3 <= row["high"]
    few, _ = maps.judge(*parts, 3, 5, counts, np.zeros(60), 0.95, 0)
    assert np.isnan([row["low"] for row in few]).all()


def test_resampled_means_count_what_was_drawn():
    counts = np.array([[1, 1, 2], [0, 0, 0]], dtype=np.uint16)
    means = maps.resampled_means(np.array([1.0, 0.0, 1.0]), counts)
    assert means[0] == 0.75
    assert np.isnan(means[1])


def test_a_map_keeps_neighbours_and_is_the_same_again():
    vectors, labels = blobs(n=90, apart=6)
    (unit,) = maps.centre(vectors)
    first, second = (maps.layout(unit, 10, 0.3, 1) for _ in range(2))
    assert first.shape == (90, 2)
    np.testing.assert_array_equal(first, second)
    assert silhouette_samples(first, labels).mean() > 0.4
    assert maps.layout(unit[:7], 30, 0.3, 1).shape == (7, 2)  # fewer than neighbours
    assert (maps.layout(unit[:3], 30, 0.3, 1) == 0).all()


def test_codons_are_told_where_windows_start_with_one():
    assert list(maps.trivial_vectors(False)) == ["kmer3_shares"]
    assert maps.trivial_vectors(True)["codon_shares"]["step"] == 3
    assert maps.run_title("a", 1, [0, 1]) == "a, seed 1"
    assert maps.run_title("a", 1, [1]) == "a"
