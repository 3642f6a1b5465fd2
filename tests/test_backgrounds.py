"""Backgrounds keep what they promise: dinucleotides, frequencies, GC content."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome import backgrounds
from lexome.dna import decode, encode, gc_content
from lexome.errors import LexomeError


def dinucleotides(sequence):
    return Counter(map("".join, pairwise(sequence)))


@given(st.text("ACGTN", max_size=60), st.integers(0, 5))
def test_a_shuffle_keeps_every_dinucleotide_and_both_ends(sequence, seed):
    shuffled = backgrounds.shuffle_dinucleotides(sequence, np.random.default_rng(seed))
    assert dinucleotides(shuffled) == dinucleotides(sequence)
    assert (shuffled[:1], shuffled[-1:], len(shuffled)) == (sequence[:1], sequence[-1:], len(sequence))


@pytest.mark.parametrize("sequence", ["AACATA", "ACGACTA", "ATATCA", "GAGTGC"])
def test_every_shuffle_is_as_likely_as_the_others(sequence):
    every = {"".join(p) for p in permutations(sequence) if dinucleotides(p) == dinucleotides(sequence)}
    every = {p for p in every if p[0] == sequence[0] and p[-1] == sequence[-1]}
    assert len(every) > 1
    rng = np.random.default_rng(0)
    n = 500 * len(every)
    found = Counter(backgrounds.shuffle_dinucleotides(sequence, rng) for _ in range(n))
    assert set(found) == every
    # Chi-square with k - 1 degrees of freedom: mean k - 1, a value beyond five deviations does not come by chance.
    chi = sum((count - 500) ** 2 / 500 for count in found.values())
    assert chi < len(every) - 1 + 5 * np.sqrt(2 * (len(every) - 1))


def test_markov_sequences_have_the_frequencies_that_were_fitted():
    matrix = backgrounds.fit_markov(["ACGTNACCA", "GGN"])
    # AC CG GT | AC CC CA | GG: N parts what stands around it.
    expected = np.zeros((4, 4))
    for pair in ("AC", "CG", "GT", "AC", "CC", "CA", "GG"):
        expected["ACGT".index(pair[0]), "ACGT".index(pair[1])] += 1 / 7
    assert matrix == pytest.approx(expected)

    frequencies = {pair: 1 + i % 5 for i, pair in enumerate(backgrounds.DINUCLEOTIDES)}
    given = backgrounds.markov_from(frequencies)
    assert given.sum() == pytest.approx(1)
    codes = backgrounds.markov_sequences(given, 300, 300, np.random.default_rng(0))
    assert (codes.dtype, codes.shape, codes.max()) == (np.uint8, (300, 300), 3)
    refitted = backgrounds.fit_markov(decode(codes))
    following = given / given.sum(axis=1, keepdims=True)
    assert refitted / refitted.sum(axis=1, keepdims=True) == pytest.approx(following, abs=0.015)
    first = np.bincount(codes[:, 0], minlength=4) / 300
    assert first == pytest.approx(given.sum(axis=1), abs=0.1)


def test_a_letter_that_nothing_follows_is_no_dead_end():
    matrix = backgrounds.fit_markov(["AAAAAAAG"])
    codes = backgrounds.markov_sequences(matrix, 50, 200, np.random.default_rng(0))
    assert set(np.unique(codes)) == {0, 2}
    assert 0.05 < (codes == 2).mean() < 0.3


def test_frequencies_that_are_not_sixteen_are_refused():
    whole = dict.fromkeys(backgrounds.DINUCLEOTIDES, 1)
    with pytest.raises(LexomeError, match="mend TT"):
        backgrounds.markov_from({k: v for k, v in whole.items() if k != "TT"})
    with pytest.raises(LexomeError, match="mend XX"):
        backgrounds.markov_from(whole | {"XX": 1})
    with pytest.raises(LexomeError, match="zeros alone"):
        backgrounds.markov_from(whole | dict.fromkeys(["GA", "GC", "GG", "GT"], 0))
    with pytest.raises(LexomeError, match="two known nucleotides"):
        backgrounds.fit_markov(["ANC", "G"])


def test_windows_come_from_the_sequences_and_hold_no_unknown():
    sequences = ["AAAACCCC", "GGNTTTTT", "AC"]
    windows = backgrounds.draw_windows(sequences, 200, 4, np.random.default_rng(0))
    possible = {s[i : i + 4] for s in sequences for i in range(len(s) - 3)}
    assert set(windows) == {window for window in possible if "N" not in window}
    shuffled = backgrounds.shuffled_windows(sequences, 3, 8, np.random.default_rng(0))
    assert [dinucleotides(s) for s in decode(shuffled)] == [dinucleotides("AAAACCCC")] * 3
    for length in (9, 99):
        with pytest.raises(LexomeError, match=f"no {length} nucleotides in a row"):
            backgrounds.draw_windows(sequences, 1, length, np.random.default_rng(0))


@given(st.lists(st.text("ACGT", min_size=8, max_size=8), max_size=12), st.integers(0, 9), st.integers(0, 3))
def test_matches_are_the_nearest_that_are_left(targets, extra, seed):
    rng = np.random.default_rng(seed)
    pool = decode(rng.integers(4, size=(len(targets) + extra, 8)).astype(np.uint8)) if targets or extra else []
    chosen = backgrounds.match_gc(targets, pool, rng)
    assert len(set(chosen.tolist())) == len(targets)
    unused = sorted(set(range(len(pool))) - set(chosen.tolist()))
    if targets and unused:
        # No target could do better with one that nobody took.
        distance = np.abs(gc_content(targets) - gc_content([pool[i] for i in chosen]))
        free = np.abs(gc_content(targets)[:, None] - gc_content([pool[i] for i in unused]))
        assert (distance <= free.min(axis=1) + 1e-9).all()


def test_equal_content_is_matched_exactly_and_too_small_a_pool_refused():
    rng = np.random.default_rng(0)
    targets = decode(rng.integers(4, size=(40, 20)).astype(np.uint8))
    pool = [backgrounds.shuffle_dinucleotides(target, rng) for target in targets] * 3
    chosen = backgrounds.match_gc(targets, pool, rng)
    assert (gc_content([pool[i] for i in chosen]) == gc_content(targets)).all()
    assert encode(targets).shape == (40, 20)
    with pytest.raises(LexomeError, match="2 GC-matched negatives are wanted and the pool has 1"):
        backgrounds.match_gc(["A", "C"], ["A"], rng)
