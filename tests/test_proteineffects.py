"""Substitutions in proteins: every one against a loop, bounds that say what to do, figures beside shuffles."""

import numpy as np
import pytest
from scipy import special, stats

from lexome import proteineffects as effects
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS
from lexome.residues import background, blosum_vectors

SEQUENCE = "MKVXLAGWCDEFHINPQRSTYMKVLAGWCDEFHINPQRSTY"
NEEDED = [12, 13, 14, 15]


class Toy:
    """A predictor of two labels: sums of weights of letters at positions."""

    def __init__(self, length, seed=0):
        rng = np.random.default_rng(seed)
        self.weights = rng.normal(size=(2, length, 20)) * 0.2
        self.asked = []

    def score(self, sequence):
        at = [(place, AMINO_ACIDS.index(letter)) for place, letter in enumerate(sequence) if letter in AMINO_ACIDS]
        rows, columns = np.array(at).T
        return self.weights[:, rows, columns].sum(axis=1)

    def __call__(self, sequences):
        self.asked.append(len(sequences))
        return special.expit(np.array([self.score(sequence) for sequence in sequences])).astype(np.float32)


@pytest.mark.parametrize("chunk", [7, 5000])
def test_every_substitution(chunk):
    toy, places = Toy(len(SEQUENCE)), np.arange(2, 9)
    done = []
    found, reference, cost = effects.saturate(toy, SEQUENCE, places, [1, 0], chunk, done.append)
    assert found.shape == (2, 7, 20)
    np.testing.assert_allclose(reference, toy.score(SEQUENCE)[[1, 0]], atol=1e-5)
    for row, at in enumerate(places):
        for column, letter in enumerate(AMINO_ACIDS):
            expected = np.zeros(2)
            if SEQUENCE[at] != "X":
                expected = (toy.weights[:, at, column] - toy.weights[:, at, AMINO_ACIDS.index(SEQUENCE[at])])[[1, 0]]
            np.testing.assert_allclose(found[:, row, column], expected, atol=1e-5, err_msg=f"{at} {letter}")
    assert cost["mutants"] == sum(done) == 6 * 19
    assert cost["residues"] == 6 * 19 * len(SEQUENCE)
    assert max(toy.asked) <= chunk
    np.testing.assert_allclose(effects.mean_drop(found), -found.sum(axis=-1) / 19, rtol=1e-6)


def test_tables():
    toy, places = Toy(len(SEQUENCE)), np.arange(5)
    found, reference, _ = effects.saturate(toy, SEQUENCE, places, [0], 100)
    table = effects.substitution_table(found, reference, SEQUENCE, places, ["GO:1"])
    assert len(table) == 4 * 19
    for row in table.sample(20, random_state=0).itertuples():
        mutant = SEQUENCE[: row.position - 1] + row.alt + SEQUENCE[row.position :]
        assert SEQUENCE[row.position - 1] == row.ref != row.alt
        assert row.logit == pytest.approx(toy.score(mutant)[0], abs=1e-5)
        assert row.probability == pytest.approx(special.expit(toy.score(mutant)[0]), abs=1e-5)
        assert row.effect == pytest.approx(row.logit - toy.score(SEQUENCE)[0], abs=1e-5)
    positions = effects.position_table(found, SEQUENCE, places, ["GO:1"]).set_index("position")
    assert positions["letter"].tolist() == list("MKVXL")
    first = table[table["position"] == 1]
    assert positions.loc[1, "mean_drop"] == pytest.approx(-first["effect"].mean(), abs=1e-6)
    assert positions.loc[1, "worst"] == first.loc[first["effect"].idxmin(), "alt"]
    assert positions.loc[4, "mean_drop"] == 0


@pytest.mark.parametrize(
    ("positions", "longest", "readable", "message"),
    [
        ([1, 12], 99, 99, r"12 is beyond the end of P1, which has 10 residues"),
        (
            [3, 9],
            99,
            8,
            r"the backbone reads the first 8 residues, and P1 has 10; choose positions among them, such as \[1, 8\]",
        ),
        (None, 99, 8, r"choose positions among them"),
        (
            None,
            4,
            99,
            r"10 residues of P1 are 190 mutants of 10 residues; choose at most 4 positions, such as \[1, 4\]",
        ),
        ([3, 9], 4, 99, r"such as \[3, 6\], or raise protein\.longest"),
    ],
)
def test_bounds_say_what_to_do(positions, longest, readable, message):
    with pytest.raises(LexomeError, match=message):
        effects.stretch("A" * 10, positions, longest, readable, "P1")


def test_stretches():
    assert effects.stretch("A" * 10, None, 10, 10).tolist() == list(range(10))
    assert effects.stretch("A" * 10, [3, 5], 3, 5).tolist() == [2, 3, 4]


def test_neighbours_that_matter_are_told_from_scattered_ones():
    rng = np.random.default_rng(0)
    drop = rng.normal(size=120) * 0.1
    drop[40:51] += 1
    near = effects.standing_together(drop, np.random.default_rng(0), 0.95)
    far = [effects.standing_together(rng.permutation(drop), rng, 0.95) for _ in range(40)]
    assert near["value"] == pytest.approx(max(drop[at : at + 11].mean() for at in range(110)))
    assert near["p"] < 0.01
    # Shuffled ones are beyond the 95 % in about one case of twenty.
    assert sum(not one["low"] <= one["value"] <= one["high"] for one in far) <= 7
    assert np.mean([one["p"] < 0.25 for one in far]) < 0.5


def test_correlation_with_blosum():
    scores, places = blosum_vectors(), np.arange(len(SEQUENCE))
    rng = np.random.default_rng(0)
    own = np.zeros((len(SEQUENCE), 20))
    pairs = []
    for row, letter in enumerate(SEQUENCE):
        for column in range(20):
            if letter != "X" and AMINO_ACIDS[column] != letter:
                own[row, column] = scores[AMINO_ACIDS.index(letter), column] + rng.normal() * 3
                pairs.append((own[row, column], scores[AMINO_ACIDS.index(letter), column]))
    found = effects.along_blosum(own, SEQUENCE, places, scores, rng, 0.95)
    assert found["value"] == pytest.approx(stats.spearmanr(*np.array(pairs).T).statistic)
    assert found["p"] == pytest.approx(1 / 201)
    assert abs(found["chance"]) < found["value"]
    flat = effects.along_blosum(np.zeros_like(own), SEQUENCE, places, scores, rng, 0.95)
    assert np.isnan(flat["value"])


def test_replacing_what_matters_costs_more_than_replacing_anything():
    toy, places = Toy(len(SEQUENCE)), np.arange(len(SEQUENCE))
    toy.weights[0] *= 0.1
    for at in NEEDED:
        toy.weights[0, at, AMINO_ACIDS.index(SEQUENCE[at])] += 3
    found, reference, _ = effects.saturate(toy, SEQUENCE, places, [0, 1], 5000)
    drops = effects.mean_drop(found)
    assert set(np.argsort(-drops[0])[:4]) == set(NEEDED)
    rng = np.random.default_rng(0)
    shares = background([SEQUENCE])
    first, _ = effects.replaced_together(toy, SEQUENCE, places, drops, [0, 1], reference, shares, rng, 0.9)
    assert first["value"] == pytest.approx(12, abs=1)
    assert first["chance"] < 4
    assert first["p"] == pytest.approx(1 / 50)


def test_neighbours_in_space():
    rng = np.random.default_rng(0)
    neighbours = rng.integers(3, 20, 60)
    drop = neighbours + rng.normal(size=60) * 4
    found = effects.along_neighbours(drop, neighbours, rng, 0.95)
    assert found["value"] == pytest.approx(stats.spearmanr(drop, neighbours).statistic)
    assert found["p"] < 0.01
    assert np.isnan(effects.along_neighbours(np.zeros(9), np.arange(9), rng, 0.95)["value"])
