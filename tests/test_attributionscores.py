"""Attributions are scored as they should be: against scikit-learn, slow loops and counts by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lexome import attributionscores as scores
from lexome.dna import encode, one_hot
from lexome.dnamodels import fit_length
from lexome.metrics import average_precision
from lexome.motifs import Motif, scan

BOOTSTRAP = {"replicates": 200, "level": 0.95, "seed": 0}
SITE = "GATTACAGGC"


def motif(site=SITE, name="ONE"):
    return Motif(name, name, 100 * np.eye(4)[encode([site])[0]] + 0.5)


def case(rng, n, length=40, skill=1.0, truth="implants"):
    mask = np.zeros((n, length), dtype=bool)
    for row in range(n):
        start = rng.integers(length - 8)
        mask[row, start : start + 8] = True
    values = (rng.normal(size=mask.shape) + skill * mask).astype(np.float32)
    return {"importances": {"ism": values, "random": rng.random(mask.shape)}, "truths": {truth: mask}}


def test_importance_of_a_position():
    x = one_hot(["GNT"])
    array = np.arange(12, dtype=np.float32).reshape(1, 3, 4) - 3
    array[0, 1] = 0
    for method in ("gradient", "integrated_gradients", "deeplift_shap"):
        assert scores.importance(method, array, x).tolist() == [[-1, 0, 8]]
    ism = array.copy()
    ism[0, 0, 2] = ism[0, 2, 3] = 0
    assert scores.importance("ism", ism, x)[0].tolist() == pytest.approx([5 / 3, 0, -6])
    with pytest.raises(ValueError, match="no method"):
        scores.importance("pwm", array, x)


def test_values_equal_scikit_learns():
    rng = np.random.default_rng(0)
    cases = {"A": case(rng, 30), "B": case(rng, 15, skill=2.0)}
    cases["A"]["truths"]["implants"][3] = False  # nothing to find
    groups = {name: np.array([f"{name}{row}" for row in range(n)]) for name, n in (("A", 30), ("B", 15))}
    table = scores.score(cases, groups, BOOTSTRAP).set_index(["factor", "method"])
    means = {}
    for name, own in cases.items():
        mask = own["truths"]["implants"]
        for method, values in own["importances"].items():
            rows = [average_precision_score(t, v) for t, v in zip(mask, values, strict=True) if t.any()]
            means[name, method] = np.mean(rows)
            row = table.loc[(name, method)]
            assert row["value"] == pytest.approx(means[name, method])
            chance = 7 / 39 + 32 / 39 * sum(1 / k for k in range(1, 41)) / 40
            assert row["chance"] == pytest.approx(chance)
            assert row["ratio"] == pytest.approx(row["value"] / chance)
            assert row["n"] == len(rows) == (29 if name == "A" else 15)
            assert row["low"] < row["value"] < row["high"]
    for method in ("ism", "random"):
        row = table.loc[("all", method)]
        assert row["value"] == pytest.approx((means["A", method] + means["B", method]) / 2)
        assert row["n"] == 44
    assert table["truth"].eq("implants").all()
    # About the normal interval of a mean.
    precisions = [
        average_precision_score(t, v)
        for t, v in zip(cases["B"]["truths"]["implants"], cases["B"]["importances"]["ism"], strict=True)
    ]
    width = 2 * 1.96 * np.std(precisions) / np.sqrt(15)
    row = table.loc[("B", "ism")]
    assert row["high"] - row["low"] == pytest.approx(width, rel=0.3)


@pytest.mark.parametrize(("positives", "items"), [(1, 2), (2, 2), (1, 5), (3, 7), (2, 8)])
def test_chance_is_the_mean_over_all_orders(positives, items):
    """Every choice of places for the positives is as likely."""
    values = -np.arange(items, dtype=float)
    every = [
        average_precision_score(np.isin(np.arange(items), places), values)
        for places in itertools.combinations(range(items), positives)
    ]
    assert scores.expected_precision([positives], [items])[0] == pytest.approx(np.mean(every))


def test_chance_is_what_random_values_reach():
    rng = np.random.default_rng(0)
    sizes = np.array([6, 10, 15, 16])
    chance = scores.expected_precision(sizes, np.full(4, 200))
    assert chance == pytest.approx([0.054, 0.073, 0.098, 0.103], abs=0.001)
    mask = np.arange(200) < np.repeat(sizes, 1000)[:, None]
    found = average_precision(mask, rng.random(mask.shape), axis=1).reshape(4, 1000)
    error = found.std(axis=1) / np.sqrt(1000)
    assert (np.abs(found.mean(axis=1) - chance) < 4 * error).all()
    assert (chance - sizes / 200 > 4 * error).all()
    table = scores.score(
        {"A": {"importances": {"random": rng.random(mask.shape)}, "truths": {"implants": mask}}},
        {"A": np.arange(len(mask))},
        BOOTSTRAP,
    )
    assert table["ratio"].to_numpy() == pytest.approx(1, abs=0.05)


def test_positions_that_are_left_out_are_not_ranked():
    rng = np.random.default_rng(5)
    one = case(rng, 20, truth="shuffled_hits")
    mask = one["truths"]["shuffled_hits"]
    out = (rng.random(mask.shape) < 0.3) & ~mask
    one["importances"]["ism"] = one["importances"]["ism"] + 9 * out  # the best ranked, were they ranked
    table = scores.score({"A": one | {"left_out": {"shuffled_hits": out}}}, {"A": np.arange(20)}, BOOTSTRAP)
    table = table.set_index(["factor", "method"])
    for method, values in one["importances"].items():
        rows = [average_precision_score(t[~o], v[~o]) for t, v, o in zip(mask, values, out, strict=True)]
        assert table.loc[("A", method), "value"] == pytest.approx(np.mean(rows))
    chance = scores.expected_precision(mask.sum(axis=1), (~out).sum(axis=1)).mean()
    assert table["chance"].to_numpy() == pytest.approx(chance)
    # Importance that marks what is left out, and nothing else, is worth no less than chance.
    marks = {"importances": {"ism": out + 0.01 * rng.random(out.shape)}, "truths": {"shuffled_hits": mask}}
    kept, masked = (
        scores.score({"A": marks | more}, {"A": np.arange(20)}, BOOTSTRAP)["ratio"].iloc[0]
        for more in ({}, {"left_out": {"shuffled_hits": out}})
    )
    assert kept < 0.8 < masked
    everything = {"left_out": {"shuffled_hits": ~mask}}  # no negatives
    assert scores.score({"A": marks | everything}, {"A": np.arange(20)}, BOOTSTRAP)["n"].tolist() == [0]


def test_a_factor_with_nothing_to_find_is_told():
    rng = np.random.default_rng(6)
    cases = {"A": case(rng, 12, truth="hits"), "B": case(rng, 12, truth="hits")}
    cases["B"]["truths"]["hits"][:] = False
    table = scores.score(cases, {name: np.arange(12) for name in cases}, BOOTSTRAP).set_index(["factor", "method"])
    assert table.loc["B", "n"].tolist() == [0, 0]
    assert table.loc["B", ["value", "low", "high", "chance", "ratio"]].isna().all().all()
    numbers = ["value", "chance", "ratio", "n"]
    assert table.loc[("all", "ism"), numbers].tolist() == table.loc[("A", "ism"), numbers].tolist()


def test_no_interval_from_few_groups():
    rng = np.random.default_rng(1)
    cases = {"A": case(rng, 30)}
    table = scores.score(cases, {"A": np.arange(30) % 9}, BOOTSTRAP)
    assert table[["low", "high"]].isna().all().all()
    assert table["value"].notna().all()
    assert scores.score(cases, {"A": np.arange(30) % 10}, BOOTSTRAP)["low"].notna().all()
    assert scores.score({}, {}, BOOTSTRAP).empty


def test_a_factor_without_a_truth_is_left_out_of_the_mean():
    rng = np.random.default_rng(2)
    cases = {"A": case(rng, 12), "B": case(rng, 12, truth="hits")}
    cases["B"]["importances"]["pwm"] = cases["B"]["truths"]["hits"].astype(float)
    table = scores.score(cases, {name: np.arange(12) for name in cases}, BOOTSTRAP).set_index(
        ["truth", "factor", "method"]
    )
    assert table.loc[("implants", "all", "ism"), "value"] == table.loc[("implants", "A", "ism"), "value"]
    assert table.loc[("hits", "B", "pwm"), "value"] == 1
    assert ("implants", "all", "pwm") not in table.index
    assert ("implants", "B", "ism") not in table.index


@pytest.mark.parametrize("width", [12, 7, 20, 21])
def test_implants_move_with_the_window(width):
    sequences = ["AAACCCCCAAAA", "CAAAAAAAAAAC"]
    implants = pd.DataFrame(
        [("a", "ONE", 3, 8), ("b", "ONE", 0, 1), ("b", "ONE", 11, 12), ("a", "TWO", 0, 3), ("c", "ONE", 0, 5)],
        columns=["id", "factor", "start", "end"],
    )
    mask = scores.implanted(implants, ["a", "b"], [12, 12], "ONE", width)
    read = fit_length(sequences, width)
    assert mask.tolist() == [[letter == "C" for letter in sequence] for sequence in read]
    assert not scores.implanted(implants, ["d"], [12], "ONE", width).any()


def test_hits_lie_where_sites_are():
    from lexome.dna import reverse_complement

    other = "CCGGAAGTTC"
    sequences = ["A" * 5 + SITE + "A" * 15, "N" * 12 + reverse_complement(SITE) + "N" * 8, "A" * 30]
    found = scores.motif_hits({"ONE": motif(), "TWO": motif(other), "LONG": motif(SITE * 4)}, one_hot(sequences))
    assert [np.flatnonzero(row).tolist() for row in found["ONE"]] == [[*range(5, 15)], [*range(12, 22)], []]
    assert not found["TWO"].any()
    assert not found["LONG"].any()
    assert scores.motif_hits({"ONE": motif()}, np.zeros((0, 4, 30)))["ONE"].shape == (0, 30)


def test_hits_are_as_rare_as_their_threshold():
    """With equal letters every window hits with a chance below the threshold, and not far below it."""
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=(400, 500)).astype(np.uint8)
    loose = Motif("x", "x", np.random.default_rng(1).dirichlet(np.full(4, 0.4), size=9) * 50)
    share = scores.motif_hits({"x": loose}, one_hot(codes), threshold=1e-3)["x"].mean()
    assert 0.3 * 2 * 9 * 1e-3 < share < 1.1 * 2 * 9 * 1e-3


def test_a_short_motif_hits_its_best_site():
    from lexome.dna import reverse_complement

    six = motif("ATTACG")
    assert 4**-6 < scores.hit_threshold(six) < 1.01 * 4**-6
    codes = np.random.default_rng(0).integers(4, size=(100, 200)).astype(np.uint8)
    found = scores.motif_hits({"ONE": six}, one_hot(codes))["ONE"]
    expected = np.zeros_like(found)
    for row, sequence in enumerate("".join("ACGT"[code] for code in own) for own in codes):
        for start in range(195):
            if sequence[start : start + 6] in ("ATTACG", reverse_complement("ATTACG")):
                expected[row, start : start + 6] = True
    assert expected.any()
    np.testing.assert_array_equal(found, expected)


def test_thresholds_are_loosened_for_short_motifs_alone():
    assert scores.hit_threshold(motif()) == scores.hit_threshold(motif(SITE[:7])) == scores.HIT
    assert scores.hit_threshold(motif(SITE[:5])) == pytest.approx(4**-5, rel=0.01)
    assert scores.hit_threshold(motif(SITE[:4])) == scores.HIT  # its hits would be everywhere
    assert not scores.motif_hits({"ONE": motif(SITE[:4])}, one_hot([SITE * 3]))["ONE"].any()
    # Two letters that are as good: half as rare.
    flat = Motif("f", "f", np.array([[50, 50, 0, 0], *[[100, 0, 0, 0]] * 5]))
    assert scores.hit_threshold(flat) == pytest.approx(2 * 4**-6, rel=0.01)
    assert scores.hit_threshold(Motif("n", "n", np.ones((6, 4)))) == scores.HIT  # says nothing at all


def test_shuffled_columns_are_a_control():
    own = motif()
    shuffles = scores.shuffled_columns(own, 4, np.random.default_rng(0))
    assert len({shuffle.consensus() for shuffle in shuffles} | {SITE}) == 5
    for shuffle in shuffles:
        assert sorted(map(tuple, shuffle.counts)) == sorted(map(tuple, own.counts))
    rng = np.random.default_rng(3)
    codes = rng.integers(4, size=(300, 200)).astype(np.uint8)
    codes[:, 50:60] = encode([SITE])[0]
    x = one_hot(codes)
    hits = scores.motif_hits({"ONE": own}, x)["ONE"]
    control = scores.shuffled_hits(own, x, hits, 0)
    assert hits[:, 50:60].all()
    assert control.any()
    assert not (control & hits).any()
    np.testing.assert_array_equal(control, scores.shuffled_hits(own, x, hits, 0))


def test_pwm_takes_the_best_window_over_each_position():
    rng = np.random.default_rng(4)
    codes = rng.integers(5, size=(3, 25)).astype(np.uint8)
    windows = scan(codes, motif().log_odds())
    found = scores.pwm_importance(motif(), codes)
    for row in range(3):
        for position in range(25):
            over = range(max(0, position - 9), min(15, position) + 1)
            assert found[row, position] == windows[row][:, list(over)].max()
    assert (scores.pwm_importance(motif(), codes[:, :5]) == 0).all()


def test_random_values_belong_to_their_sequence():
    first = scores.random_importance(["a", "b"], "ONE", 10, 0)
    np.testing.assert_array_equal(scores.random_importance(["b"], "ONE", 10, 0)[0], first[1])
    assert (first[0] != first[1]).all()
    assert scores.random_importance([], "ONE", 10, 0).shape == (0, 10)
