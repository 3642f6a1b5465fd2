"""Motifs planted in contributions are found again, in one direction, and named; where there is nothing, none are."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from lexome import motifdiscovery
from lexome.dna import encode, one_hot, reverse_complement_codes, reverse_complement_one_hot
from lexome.motifdiscovery import Pattern, discover, identify, trim
from lexome.motifs import Motif

SITES = {"for": "GGAAGTGACT", "against": "TTACCCGTGC"}


def motif_of(site, name, sites=20.0):
    return Motif(name, f"factor of {name}", one_hot([site])[0].T * sites + 0.5)


def contributions(n=90, length=80, seed=0):
    """Sequences with a site of `for` and one of `against`, on either strand, and what a network would make of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(4, size=(n, length)).astype(np.uint8)
    hypothetical = rng.normal(0, 0.02, (n, length, 4))
    for row in range(n):
        for (name, site), low in zip(SITES.items(), (12, 46), strict=True):
            letters, start = encode([site])[0], low + rng.integers(10)
            if rng.random() < 0.5:
                letters = reverse_complement_codes(letters)
            codes[row, start : start + 10] = letters
            own = one_hot(letters[None])[0].T - 0.25
            hypothetical[row, start : start + 10] += own * (1 if name == "for" else -1)
    return one_hot(codes), hypothetical.astype(np.float32)


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(5)
    others = {
        f"R{at}": Motif(f"R{at}", f"other {at}", rng.dirichlet([0.3] * 4, int(rng.integers(6, 14))) * 20)
        for at in range(60)
    }
    return others | {name: motif_of(site, name) for name, site in SITES.items()}


@pytest.fixture(scope="module")
def found():
    return discover(*contributions())


def test_planted_motifs_are_found_and_named(found, known):
    best = {sign: next(pattern for pattern in found if pattern.sign == sign) for sign in (1, -1)}
    assert [pattern.sign for pattern in found] == sorted((pattern.sign for pattern in found), reverse=True)
    for sign, name in ((1, "for"), (-1, "against")):
        pattern, told = identify(best[sign], known, name)
        # Both strands in one pattern: it rests on most of the sites.
        assert best[sign].seqlets > 60
        assert (told["match"], told["match_name"], told["own"], told["own_rank"]) == (
            name,
            f"factor of {name}",
            True,
            1,
        )
        assert told["p"] <= told["q"] < 1e-4
        assert told["own_q"] == told["q"]
        # In the direction of the match, whichever strand it was found on.
        inside = slice(told["offset"], told["offset"] + 10)
        assert "".join("ACGT"[at] for at in pattern.probabilities[inside].argmax(axis=1)) == SITES[name]
        assert pattern.contributions[inside].sum(axis=1) == pytest.approx(sign * 0.75, abs=0.15)
        assert len(pattern.probabilities) == len(pattern.contributions) <= 14


def test_the_same_contributions_give_the_same_motifs(found):
    again = discover(*contributions())
    assert len(again) == len(found)
    for one, other in zip(found, again, strict=True):
        assert (one.sign, one.seqlets) == (other.sign, other.seqlets)
        assert (one.probabilities == other.probabilities).all()
        assert (one.contributions == other.contributions).all()


@pytest.mark.parametrize(
    ("n", "length", "scale", "message"),
    [
        (motifdiscovery.FEWEST_SEQLETS - 1, 80, 1, "29 sequences, of which 30 are needed"),
        (40, 20, 1, "windows of 21 do not fit sequences of 20"),
        (40, 80, 0, "most sequences have no contributions"),
    ],
)
def test_too_little_is_told(caplog, n, length, scale, message):
    rng = np.random.default_rng(0)
    x = one_hot(rng.integers(4, size=(n, length)).astype(np.uint8))
    with caplog.at_level(logging.INFO):
        assert discover(x, scale * rng.normal(size=(n, length, 4))) == []
    assert message in caplog.text


def test_noise_holds_no_motif(caplog):
    rng = np.random.default_rng(0)
    x = one_hot(rng.integers(4, size=(30, 60)).astype(np.uint8))
    with caplog.at_level(logging.INFO):
        assert discover(x, rng.normal(size=(30, 60, 4))) == []
    assert "no motifs found" in caplog.text


def test_flat_ends_are_cut_and_gaps_kept():
    core = one_hot(["ACGT"])[0].T
    gapped = np.concatenate([np.full((3, 4), 0.25), core, np.full((2, 4), 0.25), core, np.full((1, 4), 0.25)])
    pattern = trim(Pattern(1, 50, gapped, np.arange(56).reshape(14, 4)))
    assert len(pattern.probabilities) == 10
    assert pattern.contributions[0].tolist() == [12, 13, 14, 15]
    assert len(pattern.contributions) == 10


def test_clusters_of_unlike_seqlets_are_no_motifs(known):
    rng = np.random.default_rng(0)
    noise = rng.multinomial(20, [0.25] * 4, 48) / 20
    for probabilities, expected in (
        (known["for"].probabilities(), True),
        (known["for"].probabilities()[:3], False),
        (noise, False),
        # One position that stands out, or four of which the ends of a wide blur are two.
        (np.concatenate([known["for"].probabilities()[:1], noise, known["for"].probabilities()[:2]]), False),
        (np.concatenate([known["for"].probabilities()[:2], noise[:32], known["for"].probabilities()[:2]]), False),
        (np.concatenate([known["for"].probabilities()[:2], noise[:10], known["for"].probabilities()[:2]]), True),
    ):
        assert motifdiscovery.is_motif(trim(Pattern(1, 20, probabilities, probabilities))) is expected


def test_the_sign_is_that_of_the_trimmed_pattern(monkeypatch, caplog, known):
    """What TF-MoDISco finds among the seqlets of the other sign is told by its own contributions."""
    from modiscolite import tfmodisco

    flanks, core = np.full((5, 4), 0.25), known["for"].probabilities()
    letters = np.concatenate([flanks, core, flanks])
    weights = np.concatenate([flanks * -4, core, flanks * -4])  # sums to -30, its core to 10

    def found(seqlets, letters, weights):
        return SimpleNamespace(seqlets=[None] * seqlets, sequence=letters, contrib_scores=weights)

    blur = np.full((40, 4), 0.25)
    parts = [found(40, letters, -weights)], [found(20, letters, weights), found(50, blur, blur), found(30, core, -core)]
    monkeypatch.setattr(tfmodisco, "TFMoDISco", lambda *_, **__: parts)
    with caplog.at_level(logging.INFO):
        patterns = discover(*contributions())
    assert [(pattern.sign, pattern.seqlets) for pattern in patterns] == [(1, 20), (-1, 40), (-1, 30)]
    for pattern in patterns:
        assert pattern.contributions.sum() == pytest.approx(pattern.sign * 10, abs=1e-4)
    assert "3 of 4 patterns have contributions of the other sign" in caplog.text
    assert "1 of 4 patterns left out" in caplog.text


def test_a_reversed_motif_is_turned(known):
    wide = np.concatenate([np.full((2, 4), 0.25), known["for"].probabilities(), np.full((3, 4), 0.25)]).astype(
        "float32"
    )
    flipped = reverse_complement_one_hot(wide.T).T
    for probabilities in (wide, flipped):
        pattern, told = identify(Pattern(1, 50, probabilities, probabilities * 2), known, None)
        assert told["offset"] == 2
        assert (told["own"], told["own_q"], told["own_rank"]) == (False, None, None)
        assert pattern.probabilities == pytest.approx(wide)
        assert pattern.contributions == pytest.approx(wide * 2)


def test_another_factors_motif_is_not_its_own(known):
    pattern = Pattern(1, 50, known["against"].probabilities().astype("float32"), np.zeros((10, 4)))
    _, told = identify(pattern, known, "for")
    assert told["match"] == "against"
    assert told["own"] is False
    assert told["own_q"] > motifdiscovery.ENOUGH
    assert told["own_rank"] > 1
