"""The deletion check: expected falls by hand, and intervals that know nothing from something."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.attribution import word_spans
from lexome.deletion import (
    Explained,
    bootstrap_means,
    deletion_table,
    difference,
    judge,
    probability_drops,
    remove_spans,
    removed_words,
    resample,
    verdict,
    verdict_on_first,
)

SHARES = (0.1, 0.2, 0.3, 0.5)


def example(text, values, label=0, name="e"):
    return Explained(name, text, label, word_spans(text), {"attributed": np.asarray(values, dtype=float)})


def counting(texts):
    """Probability of class 0: .5, more for each `good` word and less for each `bad` one."""
    good = np.array([text.split().count("good") for text in texts])
    bad = np.array([text.split().count("bad") for text in texts])
    first = 0.5 + 0.1 * good - 0.1 * bad
    return np.stack([first, 1 - first], axis=1)


def test_falls_as_expected_by_hand():
    text = "good a good b bad c d e f g"
    values = [5, 0.1, 4, 0.2, -3, 0.3, 0.4, 0.5, 0.6, 0.7]
    drops = probability_drops([example(text, values)], counting, SHARES, 2, 0)
    # The whole text has .6; then without one, two, three and five words.
    np.testing.assert_allclose(drops["attributed"], [[0.1, 0.2, 0.2, 0.2]])
    np.testing.assert_allclose(drops["lowest"], [[-0.1, -0.1, -0.1, -0.1]])
    # The other class's probability moves the other way.
    drops = probability_drops([example(text, values, label=1)], counting, SHARES, 2, 0)
    np.testing.assert_allclose(drops["attributed"], [[-0.1, -0.2, -0.2, -0.2]])


def test_random_falls_have_the_expected_mean():
    text = "good a good b bad c d e f g"
    examples = [example(text, np.arange(10), name=f"e{row}") for row in range(300)]
    drops = probability_drops(examples, counting, SHARES, 4, 0)
    # Each word is gone with the probability of the share: .1 * share * (2 good - 1 bad).
    np.testing.assert_allclose(drops["random"].mean(axis=0), 0.1 * np.array(SHARES), atol=0.012)
    again = probability_drops(examples[5:6], counting, SHARES, 4, 0)
    np.testing.assert_array_equal(again["random"][0], drops["random"][5])  # whatever other texts there are
    other = probability_drops(examples, counting, SHARES, 4, 1)
    assert (other["random"] != drops["random"]).any()


def test_each_text_is_asked_for_once():
    asked = []

    def probability(texts):
        asked.append(list(texts))
        return counting(texts)

    probability_drops(
        [example("good a b", [2, 1, 0]), example("good a b", [2, 1, 0], name="f")], probability, SHARES, 3, 0
    )
    (texts,) = asked
    assert len(texts) == len(set(texts))
    assert set(texts) <= {"good a b", "a b", "good b", "good a", "b", "a", "good"}


def test_texts_without_words_are_refused():
    with pytest.raises(ValueError, match="e has no words"):
        probability_drops([example(" ", [])], counting, SHARES, 1, 0)


def made_up(n, skill, seed):
    """Texts with two good words among twelve, and attributions that know them with this skill."""
    rng, examples = np.random.default_rng(seed), []
    for row in range(n):
        words = np.array([f"w{i}" for i in range(12)], dtype=object)
        words[rng.choice(12, 2, replace=False)] = "good"
        values = skill * (words == "good") + rng.normal(size=12)
        examples.append(example(" ".join(words), values, name=f"e{row}"))
    return examples


@pytest.mark.parametrize(("skill", "meaning"), [(4.0, True), (0.0, False), (-4.0, False)])
def test_verdict_tells_something_from_nothing(skill, meaning):
    drops = probability_drops(made_up(60, skill, 3), counting, SHARES, 3, 0)
    counts = resample(range(60), 500, 0)
    found = difference(drops, "attributed", "random", counts, 0.95)
    told = judge(found["low"], 60)
    assert told is meaning
    if skill == 0:
        assert found["low"] < 0 < found["high"]
        assert "may be chance" in verdict(found, told, 60, SHARES, 0.95)
    elif skill > 0:
        text = verdict(found, told, 60, SHARES, 0.95)
        assert text.startswith("The attributions mean something")
        assert "10, 20, 30 or 50 % of the words of 60 texts" in text
    else:
        assert found["high"] < 0
        assert "mislead" in verdict(found, told, 60, SHARES, 0.95)


def test_random_attributions_seldom_seem_to_mean_something():
    seeming = 0
    for seed in range(40):
        drops = probability_drops(made_up(40, 0.0, seed), counting, SHARES, 2, seed)
        seeming += difference(drops, "attributed", "random", resample(range(40), 200, seed), 0.95)["low"] > 0
    assert seeming <= 4  # 1 of 40 expected


def test_few_texts_say_nothing():
    assert judge(0.2, 9) is None
    text = verdict({"difference": 0.3, "low": 0.2, "high": 0.4}, None, 9, SHARES, 0.95)
    assert "cannot tell" in text


def test_table_gives_means_and_intervals():
    drops = {"attributed": np.array([[0.1, 0.2], [0.3, 0.6]]), "random": np.zeros((2, 2))}
    counts = np.array([[2, 0], [1, 1], [0, 2]])
    table = deletion_table(drops, (0.1, 0.5), counts, 0.5)
    row = table.set_index(["order", "share"]).loc[("attributed", 0.5)]
    assert row["mean_drop"] == pytest.approx(0.4)
    assert (row["low"], row["high"]) == pytest.approx((0.3, 0.5))  # quartiles of .2, .4, .6
    assert table["n"].unique() == [2]
    assert list(table.columns) == ["share", "order", "mean_drop", "low", "high", "n"]


def test_differences_are_paired():
    """Falls that differ a lot between texts but always by the same amount between orders have a sure difference."""
    base = np.random.default_rng(0).normal(size=(30, 2)) * 10
    found = difference({"a": base + 0.25, "b": base}, "a", "b", resample(range(30), 100, 0), 0.95)
    assert found == pytest.approx({"difference": 0.25, "low": 0.25, "high": 0.25})


def test_bootstrap_means_are_weighted_means():
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=(5, 3)), rng.integers(0, 3, size=(7, 5)) + 1
    expected = [np.average(values, axis=0, weights=row) for row in counts]
    np.testing.assert_allclose(bootstrap_means(values, counts), expected)


def test_texts_of_a_group_are_drawn_together():
    counts = resample(["a", "a", "b", "c"], 50, 0)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 1])
    assert (counts[:, 0] != counts[:, 2]).any()


@given(st.text(alphabet="ab ,", max_size=30), st.data())
def test_removing_words_keeps_the_others(text, data):
    spans = word_spans(text)
    gone = data.draw(st.sets(st.integers(0, len(spans) - 1))) if len(spans) else set()
    words = [text[start:end] for start, end in spans]
    expected = " ".join(word for at, word in enumerate(words) if at not in gone)
    assert remove_spans(text, spans[sorted(gone, reverse=True)]) == expected


def test_parts_of_words_can_go():
    assert remove_spans("alpha-helix, sheet", np.array([(0, 6)])) == "helix, sheet"


@pytest.mark.parametrize(
    ("share", "words", "expected"), [(0.1, 3, 1), (0.5, 3, 2), (0.2, 20, 4), (0.5, 1, 1), (1, 7, 7)]
)
def test_shares_are_rounded(share, words, expected):
    assert removed_words(share, words) == expected


def test_values_may_have_several_orders():
    values = {"attributed": np.array([0.0, 1.0]), "gradient": np.array([1.0, 0.0])}
    explained = Explained("e", "good a", 0, word_spans("good a"), values)
    drops = probability_drops([explained], counting, (0.5,), 1, 0)
    assert pd.Series({name: drops[name].item() for name in ("attributed", "gradient", "lowest")}).tolist() == (
        pytest.approx([0, 0.1, 0.1])
    )


def test_verdict_on_the_first_words():
    clear = verdict_on_first({"difference": 0.3, "low": 0.2, "high": 0.4}, True)
    assert clear == " Compared with as many of the text's first words it falls 30.0 points further (20.0 to 40.0)."
    chance = verdict_on_first({"difference": -0.05, "low": -0.2, "high": 0.1}, True)
    assert chance.endswith("falls 5.0 points less (−20.0 to 10.0): no clear gain.")
    assert verdict_on_first({"difference": 0.3, "low": 0.2, "high": 0.4}, None) == ""
