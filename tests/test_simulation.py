"""Simulated sequences hold what the ground truth says, and nothing else tells the classes apart."""

import dataclasses

import numpy as np
import pytest

from lexome.backgrounds import markov_sequences
from lexome.dna import decode, encode, reverse_complement
from lexome.errors import LexomeError
from lexome.motifs import Motif, best_site, scan, score_sites
from lexome.simulation import Design, matched_composition, simulate


def motif(name, consensus, sites=50):
    counts = np.full((len(consensus), 4), 2.0)
    counts[np.arange(len(consensus)), ["ACGT".index(letter) for letter in consensus]] = sites
    return Motif(name, name, counts)


MARKOV = np.array([[4, 2, 3, 3], [3, 3, 1, 4], [3, 2, 3, 2], [2, 3, 4, 4]]) / 46


def background(n, rng):
    return markov_sequences(MARKOV, n, 80, rng)


DESIGN = Design(
    targets={"ONE": motif("ONE", "ACGTTGCATA"), "TWO": motif("TWO", "GGGATTTCC"), "SIX": motif("SIX", "CACATGAC")},
    distractors={"D1": motif("D1", "TTAAGGCC"), "D2": motif("D2", "GATAAG")},
    slots=2,
    positive_share=0.5,
    affinity=(0.7, 1.0),
    max_distractors=2,
    chance_affinity=0.8,
)


@pytest.fixture(scope="module")
def made():
    return simulate(DESIGN, 1200, 80, background, seed=3)


def test_shapes_and_shares(made):
    assert made.codes.shape == (1200, 80)
    assert made.codes.max() == 3
    assert (made.measured.sum(axis=1) == 2).all()
    assert not (made.labels & ~made.measured).any()
    for target in range(3):
        known = made.measured[:, target].sum()
        assert 700 < known < 900
        assert made.labels[:, target].sum() == round(known / 2)
    # Being bound by one factor says nothing about another.
    both = made.measured[:, 0] & made.measured[:, 1]
    assert abs(np.corrcoef(made.labels[both, 0], made.labels[both, 1])[0, 1]) < 0.15


def test_implants_are_where_the_ground_truth_says(made):
    table = made.implants
    motifs = DESIGN.targets | DESIGN.distractors
    frequencies = None
    for name, part in table.groupby("factor"):
        assert (part["end"] - part["start"] == len(motifs[name])).all()
        sequences = decode(made.codes[part["row"]])
        sites = [s[a:b] for s, a, b in zip(sequences, part["start"], part["end"], strict=True)]
        sites = [s if strand == 1 else reverse_complement(s) for s, strand in zip(sites, part["strand"], strict=True)]
        # Scored in the background's letter frequencies, both strands alike.
        if frequencies is None:
            drawn = background(2000, np.random.default_rng(0))
            counts = np.bincount(drawn.ravel(), minlength=4)
            frequencies = (counts + counts[::-1]) / (2 * counts.sum())
        bits = score_sites(encode(sites), motifs[name].log_odds(frequencies))
        assert part["score"].to_numpy() == pytest.approx(bits, abs=0.6)
        share = bits / motifs[name].log_odds(frequencies).max(axis=1).sum()
        assert share.mean() == pytest.approx(0.85, abs=0.04)
        assert 0.35 < (part["strand"] == 1).mean() < 0.65
    targets = table[table["role"] == "target"]
    rows, columns = np.nonzero(made.labels)
    expected = {(row, list(DESIGN.targets)[column]) for row, column in zip(rows, columns, strict=True)}
    assert set(zip(targets["row"], targets["factor"], strict=True)) == expected
    assert len(targets) == len(expected)
    assert set(table.loc[table["role"] == "distractor", "factor"]) == {"D1", "D2"}
    ordered = table.sort_values(["row", "start"])
    assert ordered.index.is_monotonic_increasing
    following = ordered["row"].eq(ordered["row"].shift(-1))
    assert (ordered["end"] <= ordered["start"].shift(-1))[following].all()
    assert table["start"].min() >= 0
    assert table["end"].max() <= 80
    assert table["start"].min() < 3
    assert table["end"].max() > 77


def test_distractors_lie_in_both_classes_alike(made):
    n = np.bincount(made.implants.loc[made.implants["role"] == "distractor", "row"], minlength=1200)
    assert set(n) == {0, 1, 2}
    for target in range(3):
        known, bound = made.measured[:, target], made.labels[:, target]
        assert n[bound].mean() == pytest.approx(n[known & ~bound].mean(), abs=0.15)


def test_classes_differ_in_the_motif_and_not_in_the_composition(made):
    for target, one in enumerate(DESIGN.targets.values()):
        known, bound = made.measured[:, target], made.labels[made.measured[:, target], target]
        difference = matched_composition(made.codes[known], bound)
        assert np.abs(difference).max() < 0.012
        score, _, _ = best_site(made.codes[known], one.log_odds())
        above = (score[bound][:, None] > score[~bound]).mean()
        assert above > 0.85


def test_a_strong_site_that_comes_by_chance_is_drawn_again():
    short = dataclasses.replace(DESIGN, targets={"SIX": motif("SIX", "CACATG")}, slots=1)
    bits = short.targets["SIX"].log_odds()

    def with_chance_site(chance_affinity):
        found = simulate(dataclasses.replace(short, chance_affinity=chance_affinity), 1200, 80, background, seed=3)
        # Letter frequencies that the library estimates move scores a little: 0.84 is surely above its 0.8.
        strong = (scan(found.codes, bits) >= 0.84 * bits.max(axis=1).sum()).any(axis=1)
        for row, start in found.implants.loc[found.implants["role"] == "target", ["row", "start"]].to_numpy():
            strong[row, max(0, start - 5) : start + 6] = False
        return strong.any(axis=1).sum(), found

    n, _ = with_chance_site(None)
    assert n > 30
    n, found = with_chance_site(0.8)
    assert n == found.chance_sites == 0
    # Where nearly every sequence has a site there is no end to it: those that keep one are counted.
    assert with_chance_site(0.01)[1].chance_sites > 500


def test_the_seed_decides_everything(made):
    again = simulate(DESIGN, 1200, 80, background, seed=3)
    assert (again.codes == made.codes).all()
    assert again.implants.equals(made.implants)
    other = simulate(DESIGN, 1200, 80, background, seed=4)
    assert (other.codes != made.codes).any()


def test_no_chance_site_is_left_in_what_was_made(made):
    assert made.chance_sites == 0


def test_one_factor_without_distractors():
    one = dataclasses.replace(
        DESIGN, targets={"ONE": DESIGN.targets["ONE"]}, distractors={}, slots=1, max_distractors=0, positive_share=0.25
    )
    found = simulate(one, 100, 80, background, seed=0)
    assert found.measured.all()
    assert found.labels.sum() == 25
    assert len(found.implants) == 25


@pytest.mark.parametrize(
    ("change", "length", "message"),
    [
        ({"slots": 4}, 80, "slots: 4 of 3 factors"),
        ({"distractors": {}}, 80, "max_distractors: there are no distractors"),
        ({"distractors": {"ONE": DESIGN.targets["ONE"]}}, 80, "ONE is among the factors"),
        ({}, 34, "34 nucleotides cannot hold 35 of sites"),
    ],
)
def test_designs_that_cannot_be_are_refused(change, length, message):
    with pytest.raises(LexomeError, match=message):
        simulate(dataclasses.replace(DESIGN, **change), 10, length, background, seed=0)
