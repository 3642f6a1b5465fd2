"""Shingles and nearest texts agree with sets of substrings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome import shingles as module
from lexome.dna import canonical, reverse_complement
from lexome.shingles import nearest, shingles


def sets(texts, k, unit="character", both_strands=False):
    """The same by Python's own sets."""
    found = []
    for text in texts:
        parts = tuple(text.lower().split()) if unit == "word" else text
        own = {parts[i : i + k] for i in range(max(1, len(parts) - k + 1))}
        found.append({canonical(item) for item in own} if both_strands else own)
    return found


def check(matrix, expected):
    """Equal sizes, and equally many shared by every two texts, for every text."""
    assert (matrix.data == 1).all()
    assert matrix.shape == (len(expected), len(set().union(*expected)))
    shared = (matrix @ matrix.T).toarray()
    assert shared.tolist() == [[len(a & b) for b in expected] for a in expected]


def test_shingles_count_distinct_kmers():
    matrix = shingles(["AAAA", "ABAB", "AB"], k=3)
    # AAA | ABA, BAB | the whole of a text shorter than k
    assert np.asarray(matrix.sum(axis=1)).ravel().tolist() == [1, 2, 1]
    assert matrix.indices.tolist() == [0, 1, 2, 3]


@given(st.lists(st.text(max_size=12) | st.text("AB\0é", max_size=12), max_size=8), st.integers(1, 5))
def test_letters_agree_with_sets(texts, k):
    check(shingles(texts, k), sets(texts, k))


@given(st.lists(st.text("aA b\n", max_size=16), max_size=8), st.integers(1, 4))
def test_words_agree_with_sets_whatever_their_case(texts, k):
    check(shingles(texts, k, "word"), sets(texts, k, "word"))


@given(st.lists(st.text("ACGTN", max_size=20), min_size=1, max_size=6), st.integers(1, 6))
def test_both_strands_agree_with_sets(texts, k):
    texts = [*texts, reverse_complement(texts[0])]
    matrix = shingles(texts, k, both_strands=True)
    check(matrix, sets(texts, k, both_strands=True))
    assert (matrix[0] != matrix[len(texts) - 1]).nnz == 0


@given(st.lists(st.text("ACGTN", min_size=35, max_size=60), min_size=2, max_size=4), st.integers(20, 40))
def test_windows_too_long_for_one_number_agree_with_sets(texts, k):
    """Six digits to the 40th are more than 63 bits: numbers are given anew on the way, on both strands alike."""
    texts = [*texts, texts[0][3:], reverse_complement(texts[1])[2:]]
    check(shingles(texts, k), sets(texts, k))
    check(shingles(texts, k, both_strands=True), sets(texts, k, both_strands=True))


def test_numbers_of_windows_stay_apart_where_digits_outgrow_them():
    # Modulo 2**64 the first digit would be lost: 2**16 to the power of 4 and more.
    strand = np.concatenate([np.arange(2**16), [5, 7, 7, 7, 7, 7, 9, 7, 7, 7, 7, 7]])
    (codes,) = module._window_codes([strand], 6)
    assert len(np.unique(codes)) == len(codes) == len(strand) - 5


@given(st.lists(st.text("ACGT", min_size=1, max_size=30), min_size=2, max_size=12), st.integers(1, 4))
def test_nearest_agrees_with_sets(texts, k):
    half = len(texts) // 2
    matrix, kmers = shingles(texts, k), sets(texts, k)
    similarity, index = nearest(matrix[:half], matrix[half:], chunk=3)
    for i in range(half):
        shared = [len(kmers[i] & other) / len(kmers[i]) for other in kmers[half:]]
        assert similarity[i] == pytest.approx(max(shared))
        # The first among equals.
        assert index[i] == (shared.index(max(shared)) if max(shared) else -1)


def test_nothing_is_near_where_there_is_nothing():
    matrix = shingles(["ABAB", "BABA"], k=2)
    similarity, index = nearest(matrix, matrix[:0])
    assert (similarity.tolist(), index.tolist()) == ([0, 0], [-1, -1])
    similarity, index = nearest(matrix[:0], matrix)
    assert (similarity.shape, index.shape) == ((0,), (0,))
