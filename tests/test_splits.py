"""Splits keep groups whole, meet their shares, and say what leaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lexome import splits
from lexome.dna import reverse_complement
from lexome.errors import LexomeError

FRACTIONS = {"train": 0.6, "valid": 0.2, "test": 0.2}
LEAKAGE = {"k": 3, "unit": "character", "near": 0.5, "distant": 0.1}


@given(st.lists(st.integers(0, 40), min_size=60, max_size=300), st.integers(0, 5))
def test_groups_stay_whole_and_shares_are_met(groups, seed):
    assume(len(set(groups)) >= 12)
    groups = [f"g{g}" for g in groups]
    subset = splits.random_split(groups, FRACTIONS, seed)
    table = pd.DataFrame({"group": groups, "subset": subset})
    assert (table.groupby("group")["subset"].nunique() == 1).all()
    largest = table["group"].value_counts().max()
    for name, share in FRACTIONS.items():
        assert abs((subset == name).sum() - share * len(groups)) <= largest + 1


@given(st.permutations(list(range(30))))
def test_order_of_examples_does_not_matter(order):
    groups = np.array([f"g{i // 2}" for i in range(30)])
    straight = splits.random_split(groups, FRACTIONS, seed=1)
    shuffled = splits.random_split(groups[order], FRACTIONS, seed=1)
    assert (shuffled == straight[order]).all()


def test_seed_changes_the_split_and_repeats():
    groups = [f"g{i}" for i in range(100)]
    first = splits.random_split(groups, FRACTIONS, seed=0)
    assert (first == splits.random_split(groups, FRACTIONS, seed=0)).all()
    assert (first != splits.random_split(groups, FRACTIONS, seed=1)).any()


@pytest.mark.parametrize("fractions", [{"train": 0.6, "valid": 0.2, "test": 0.1}, {"train": 0.5, "test": 0.5}])
def test_fractions_that_do_not_fit_are_refused(fractions):
    with pytest.raises(LexomeError, match="sum to 1"):
        splits.random_split(["a", "b"], fractions, seed=0)


def test_too_few_groups_are_refused():
    with pytest.raises(LexomeError, match="empty"):
        splits.random_split(["a", "a", "a", "b"], FRACTIONS, seed=0)


def test_audit_finds_planted_copies_and_fragments():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 80)) for _ in range(30)]
    subset = np.array(["train"] * 20 + ["valid"] * 5 + ["test"] * 5)
    texts[25] = texts[3]
    texts[26] = texts[4][10:60]
    ids = [f"p{i}" for i in range(30)]
    nearest_train, report = splits.audit_leakage(ids, texts, subset, LEAKAGE)
    test = report["subsets"]["test"]
    assert (test["examples"], test["identical"], test["near_duplicates"], test["distant"]) == (5, 1, 2, 3)
    assert [(row["id"], row["nearest"]) for row in test["worst"][:2]] == [("p25", "p3"), ("p26", "p4")]
    assert np.isnan(nearest_train[:20]).all()
    assert nearest_train[25] == 1
    assert report["subsets"]["valid"]["identical"] == 0


def test_the_other_strand_of_dna_leaks_too():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(12)]
    texts[10], texts[11] = reverse_complement(texts[3]), reverse_complement(texts[4])[20:] + texts[11][:20]
    subset = np.array(["train"] * 8 + ["valid"] * 2 + ["test"] * 2)
    settings = LEAKAGE | {"k": 12}
    ids = [f"s{i}" for i in range(12)]
    one, report = splits.audit_leakage(ids, texts, subset, settings)
    assert (one[10], report["subsets"]["test"]["identical"]) == (0, 0)
    assert "strand" not in report["method"]
    both, report = splits.audit_leakage(ids, texts, subset, settings, both_strands=True)
    test = report["subsets"]["test"]
    assert (both[10], test["identical"], test["near_duplicates"]) == (1, 1, 2)
    # 29 of 49 windows lie wholly in the stretch of 40.
    assert both[11] == pytest.approx(29 / 49)
    assert [row["nearest"] for row in test["worst"]] == ["s3", "s4"]
    assert (both[8:10] == one[8:10]).all()
    assert report["method"].endswith("12-mers on either strand in the nearest training example")
    with pytest.raises(LexomeError, match="DNA has no words"):
        splits.audit_leakage(ids, texts, subset, settings | {"unit": "word"}, both_strands=True)


def test_labels_are_chosen_on_train_alone():
    labels = pd.Series([[0, 1], [0], [1, 2], [2], [2]])
    train = np.array([True, True, False, True, False])
    chosen, counts = splits.choose_labels(labels, train, n_labels=4, minimum=1)
    assert chosen.tolist() == [0, 1, 2]
    assert counts.tolist() == [2, 1, 1]
    with pytest.raises(LexomeError, match="min_train_examples"):
        splits.choose_labels(labels, train, n_labels=4, minimum=3)


def test_what_every_training_example_bears_is_chosen_where_it_lies_within_them():
    labels = pd.Series([[0, 1], [0], [0, 1], [2]])
    train = np.array([True, True, True, False])
    assert splits.choose_labels(labels, train, 3, 1)[0].tolist() == [1]
    chosen, counts = splits.choose_labels(labels, train, 3, 1, everywhere=True)
    assert (chosen.tolist(), counts.tolist()) == ([0, 1], [3, 2])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), min_size=60, max_size=300), st.integers(0, 5))
def test_every_class_meets_its_shares_and_groups_stay_whole(rows, seed):
    group = np.array([g for g, _ in rows])
    # Every group has one class, whatever was drawn.
    classes = np.array([c for _, c in rows])[np.unique(group, return_inverse=True)[1]]
    classes = pd.Series(classes).groupby(group).transform("first").to_numpy()
    assume(len(set(group)) >= 12)
    try:
        subset = splits.stratified_split(group.astype(str), classes, FRACTIONS, seed)
    except LexomeError:
        assume(False)
    table = pd.DataFrame({"group": group, "class": classes, "subset": subset})
    assert (table.groupby("group")["subset"].nunique() == 1).all()
    for _, part in table.groupby("class"):
        largest = part["group"].value_counts().max()
        for name, share in FRACTIONS.items():
            assert abs((part["subset"] == name).sum() - share * len(part)) <= largest + 1


@given(st.permutations(list(range(40))))
def test_order_of_examples_does_not_matter_to_a_stratified_split(order):
    groups = np.array([f"g{i // 2}" for i in range(40)])
    classes = np.array([i % 2 if i < 10 else i // 15 for i in range(40)])  # the first groups hold two classes
    straight = splits.stratified_split(groups, classes, FRACTIONS, seed=1)
    shuffled = splits.stratified_split(groups[order], classes[order], FRACTIONS, seed=1)
    assert (shuffled == straight[order]).all()


def test_one_class_makes_a_stratified_split_a_random_one():
    groups = [f"g{i % 50}" for i in range(120)]
    one = splits.stratified_split(groups, [7] * 120, FRACTIONS, seed=3)
    assert (one == splits.random_split(groups, FRACTIONS, seed=3)).all()


def test_a_random_split_may_miss_a_rare_class_where_a_stratified_one_does_not():
    groups = [f"g{i}" for i in range(200)]
    classes = np.array([0] * 190 + [1] * 10)
    subset = splits.stratified_split(groups, classes, FRACTIONS, seed=0)
    assert [(subset[classes == 1] == name).sum() for name in splits.SUBSETS] == [6, 2, 2]
    random = [splits.random_split(groups, FRACTIONS, seed)[classes == 1] for seed in range(20)]
    assert any((subset != "test").all() or (subset == "test").sum() > 3 for subset in random)


@given(st.lists(st.integers(0, 4), min_size=30, max_size=200), st.integers(1, 12), st.integers(0, 5))
def test_drawn_examples_keep_the_share_of_every_class(classes, size, seed):
    classes = np.array(classes)
    subset = np.array(["train", "test"])[np.arange(len(classes)) % 2]
    kept = splits.draw_sizes(subset, classes, {"test": size}, seed)
    assert kept[subset == "train"].all()
    test = subset == "test"
    assert kept[test].sum() == size
    for one in range(5):
        share = (classes[test] == one).mean() * size
        assert abs((classes[test & kept] == one).sum() - share) < 1
    assert (kept == splits.draw_sizes(subset, classes, {"test": size}, seed)).all()


def test_the_draw_depends_on_its_seed_and_refuses_what_is_not_there():
    subset, classes = np.array(["train"] * 100), np.arange(100) % 3
    drawn = [splits.draw_sizes(subset, classes, {"train": 30}, seed) for seed in (0, 1)]
    assert (drawn[0] != drawn[1]).any()
    assert splits.draw_sizes(subset, classes, {}, 0).all()
    assert splits.draw_sizes(subset, classes, {"train": 100}, 0).all()
    with pytest.raises(LexomeError, match="asks for 101 train examples, the split has 100"):
        splits.draw_sizes(subset, classes, {"train": 101}, 0)


OFFICIAL = ["train"] * 40 + ["valid"] * 5 + ["test"] * 10


def test_official_subsets_are_taken_as_they_are():
    # One group in all of them: the data's own leak is for the audit to count.
    subset = splits.official_split(OFFICIAL, ["g"] * 55, FRACTIONS, seed=0)
    assert subset.tolist() == OFFICIAL


@given(st.integers(0, 5), st.integers(1, 3))
def test_valid_is_cut_out_of_train_where_there_is_none(seed, size):
    given_subsets = np.array(["train"] * 60 + ["test"] * 20)
    groups = np.array([f"g{i // size}" for i in range(80)])
    subset = splits.official_split(given_subsets, groups, FRACTIONS, seed)
    assert ((subset == "test") == (given_subsets == "test")).all()
    assert abs((subset == "valid").sum() - 15) <= size
    train = pd.DataFrame({"group": groups, "subset": subset})[:60]
    assert (train.groupby("group")["subset"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("given_subsets", "message"),
    [
        (["train", "dev", "test"], "'dev' is not known; there are train, valid, test"),
        (["train", "valid"], "no example is in test"),
        (["valid", "test"], "no example is in train"),
        (["train", "test"], "leaves `(train|valid)` empty"),
        (["train", None], "'None' is not known"),
    ],
)
def test_official_subsets_that_cannot_be_used_are_refused(given_subsets, message):
    with pytest.raises(LexomeError, match=message):
        splits.official_split(given_subsets, list("abc")[: len(given_subsets)], FRACTIONS, seed=0)
