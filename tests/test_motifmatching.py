"""TOMTOM's p-values: as another implementation has them, and as chance has them."""

import numpy as np
import pytest

from lexome.motifmatching import match

RNG = np.random.default_rng(7)
TARGETS = [RNG.dirichlet([0.3] * 4, int(width)) for width in RNG.integers(5, 16, 60)]
QUERIES = [
    (TARGETS[3] + 0.2) / 1.8,
    ((TARGETS[10] + 0.1) / 1.4)[::-1, ::-1][1:],
    RNG.dirichlet([0.5] * 4, 9),
]
# What memelite 0.5.0 gives (`tomtom`, its defaults), which takes a minute to compile: target, p-value, strand,
# offset of the query on the target. Its scores are rounded in another way.
MEMELITE = [
    [(3, 6.5505e-13, 1, 0), (12, 0.0075618, 1, 0), (39, 0.01124, -1, 2), (1, 0.027529, -1, -1), (59, 0.99363, 0, None)],
    [
        (10, 8.5642e-09, -1, 1),
        (33, 0.016185, -1, 8),
        (17, 0.074084, -1, 6),
        (52, 0.090511, -1, -1),
        (20, 0.87486, 0, None),
    ],
    [(48, 0.019394, 1, -1), (5, 0.061195, 1, 1), (46, 0.092858, 1, 0), (32, 0.1114, -1, 3), (40, 0.98121, 0, None)],
]


@pytest.mark.parametrize("number", range(3))
def test_p_values_agree_with_another_implementation(number):
    found = match(QUERIES[number], TARGETS, floor=0, fewest=1)
    for target, p, strand, offset in MEMELITE[number]:
        assert np.log10(found.p[target]) == pytest.approx(np.log10(p), rel=0.03, abs=0.05)
        if strand:
            assert found.strand[target] == strand
            assert found.offset[target] == -offset


def test_p_values_are_shares_of_random_motifs():
    """Motifs put together from the columns of the known ones reach a p-value as often as it says."""
    rng = np.random.default_rng(1)
    columns = np.concatenate(TARGETS)
    known = [columns[rng.integers(len(columns), size=8)] for _ in range(400)]
    p = np.concatenate([match(columns[rng.integers(len(columns), size=8)], known).p for _ in range(5)])
    for level in (0.01, 0.05, 0.2):
        # Neighbouring offsets are taken as independent; the chance of the best of them is a little less.
        assert 0.5 * level < (p <= level).mean() < 1.3 * level


def test_the_other_strand_is_as_near():
    """A motif and its reverse complement match alike, the other way round and counted from the other end."""
    one, other = (match(query, TARGETS, floor=0, fewest=1) for query in (QUERIES[0], QUERIES[0][::-1, ::-1]))
    assert np.log(one.p) == pytest.approx(np.log(other.p), abs=1e-6)
    assert (one.strand[3], other.strand[3]) == (1, -1)
    assert match(QUERIES[0][2:], TARGETS, floor=0, fewest=1).offset[3] == -2


def test_q_values_by_hand():
    found = match(QUERIES[2], TARGETS)
    order = np.argsort(found.p)
    raw = found.p[order] * len(TARGETS) / np.arange(1, len(TARGETS) + 1)
    expected = np.minimum.accumulate(raw[::-1])[::-1]
    assert found.q[order] == pytest.approx(np.minimum(expected, 1))


def test_where_all_columns_are_alike_nothing_is_told():
    flat = np.full((6, 4), 0.25)
    assert match(flat, [flat]).p[0] == pytest.approx(1)
    with pytest.raises(ValueError, match="no known motif"):
        match(flat, [])


def blurred(rng, width, low=4, high=12):
    """Columns as of seqlets that have nothing in common but their composition."""
    gc = rng.uniform(0.5, 0.7)
    return rng.dirichlet(np.array([1 - gc, gc, gc, 1 - gc]) / 2 * rng.uniform(low, high), width)


def sharp(rng, width):
    return np.full((width, 4), 0.04) + np.eye(4)[rng.integers(4, size=width)] * 0.84


def as_counted(rng, matrix, sites):
    return np.array([rng.multinomial(sites, row) / sites for row in matrix])


CORES = {"SRF": "CCATATATGG", "CTCF": "CCACCAGGGGGCGC", "GABPA": "CACTTCCTGT", "MAX": "CACGTG"}


@pytest.fixture(scope="module")
def library():
    """Known motifs by name: short ones with blurred ends, and long ones with a blurred gap."""
    rng = np.random.default_rng(2)
    known = {}
    for at in range(150):
        parts = [blurred(rng, rng.integers(3)), rng.dirichlet([0.25] * 4, rng.integers(6, 14))]
        known[f"short{at}"] = np.concatenate([*parts, blurred(rng, rng.integers(3))])
    for at in range(4):
        parts = (blurred(rng, 3), sharp(rng, 5), blurred(rng, 14, 20, 40), sharp(rng, 5), blurred(rng, 6))
        known[f"long{at}"] = np.concatenate(parts)
    cores = {name: np.eye(4)[["ACGT".index(letter) for letter in core]] for name, core in CORES.items()}
    return known | {name: core * 0.84 + 0.04 for name, core in cores.items()}


def test_junk_is_like_no_known_motif(library):
    """Wide patterns of unlike seqlets with a few sharp columns by chance; TOMTOM's own q-values take many for a match.

    Wrong matches at q .05 may come from 10 % of them.
    """
    rng = np.random.default_rng(3)
    known, wrong = list(library.values()), {"own": 0, "tomtom": 0}
    for number in range(40):
        pattern = blurred(rng, rng.integers(15, 40))
        places = rng.choice(len(pattern), (1, 4)[number % 2], replace=False)
        pattern[places] = sharp(rng, len(places))
        pattern = as_counted(rng, pattern, int(rng.integers(15, 40)))
        wrong["own"] += match(pattern, known).q.min() <= 0.05
        if number < 16:
            wrong["tomtom"] += match(pattern, known, floor=0, fewest=1).q.min() <= 0.05
    assert wrong["own"] <= 4
    assert wrong["tomtom"] >= 5


@pytest.mark.parametrize("name", [*CORES, "long0", "long2"])
def test_true_motifs_are_found_among_blurred_flanks(name, library):
    rng = np.random.default_rng(4)
    pattern = as_counted(rng, np.concatenate([blurred(rng, 4), library[name], blurred(rng, 5)]), 40)
    found = match(pattern, list(library.values()))
    at = list(library).index(name)
    assert found.p.argmin() == at
    assert found.q[at] < 0.01
    assert (found.strand[at], found.offset[at]) in {(1, 4), (-1, 5)}  # palindromes lie on either strand


def test_too_few_shared_columns_are_no_alignment():
    rng = np.random.default_rng(0)
    core = sharp(rng, 3)
    gapped = np.concatenate([core, np.full((6, 4), 0.25)])
    assert match(gapped, [gapped, *TARGETS]).p[0] == 1
    whole = np.concatenate([core, sharp(rng, 1), np.full((5, 4), 0.25)])
    assert match(whole, [whole, *TARGETS]).p[0] < 1e-3
