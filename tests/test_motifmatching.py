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
    found = match(QUERIES[number], TARGETS)
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
    one, other = match(QUERIES[0], TARGETS), match(QUERIES[0][::-1, ::-1], TARGETS)
    assert np.log(one.p) == pytest.approx(np.log(other.p), abs=1e-6)
    assert (one.strand[3], other.strand[3]) == (1, -1)
    assert match(QUERIES[0][2:], TARGETS).offset[3] == -2


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
