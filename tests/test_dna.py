"""Letters, codes and one-hot arrays of DNA, and the other strand of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome import dna
from lexome.errors import LexomeError

SEQUENCES = st.integers(0, 12).flatmap(
    lambda length: st.lists(st.text("ACGTN", min_size=length, max_size=length), min_size=1, max_size=5)
)


@given(SEQUENCES)
def test_codes_and_letters_are_the_same_thing(sequences):
    codes = dna.encode(sequences)
    assert codes.dtype == np.uint8
    assert codes.shape == (len(sequences), len(sequences[0]))
    assert dna.decode(codes) == sequences


def test_one_hot_of_every_letter():
    array = dna.one_hot(["ACGTN"])
    assert array.dtype == np.float32
    assert array.shape == (1, 4, 5)
    assert (array[0, :, :4] == np.eye(4)).all()
    assert (array[0, :, 4] == 0).all()
    assert (dna.one_hot(["ACGTN"], unknown=0.25)[0, :, 4] == 0.25).all()
    assert (dna.one_hot(dna.encode(["ACGTN"])) == array).all()


@given(SEQUENCES)
def test_the_other_strand_is_one_thing_in_every_form(sequences):
    pairs = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}
    others = ["".join(pairs[letter] for letter in reversed(sequence)) for sequence in sequences]
    assert [dna.reverse_complement(sequence) for sequence in sequences] == others
    assert (dna.reverse_complement_codes(dna.encode(sequences)) == dna.encode(others)).all()
    other = dna.reverse_complement_one_hot(dna.one_hot(sequences))
    assert (other == dna.one_hot(others)).all()
    assert other.flags["C_CONTIGUOUS"]


def test_both_strands_share_a_group():
    assert dna.sequence_group("AACG") == dna.sequence_group("CGTT")
    assert dna.sequence_group("AACG") != dna.sequence_group("AACC")


def test_gc_content_leaves_unknown_letters_out():
    assert dna.gc_content(["GGCC", "ATGN", "NN", "AT"]).tolist() == [1, 1 / 3, 0.5, 0]


def test_clean_makes_upper_case_and_names_the_fault():
    assert dna.clean("acgTn", "x") == "ACGTN"
    with pytest.raises(LexomeError, match=r"f\.csv, line 3: 'x' at position 3 is not one of A, C, G, T, N; write N"):
        dna.clean("ACxT", "f.csv, line 3")
    with pytest.raises(LexomeError, match="write T for U"):
        dna.clean("ACU", "f")
    with pytest.raises(LexomeError, match="empty"):
        dna.clean("", "f")


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["ACGT", "ACG"], "sequence 2 has 3 nucleotides, the first one 4"),
        (["ACGT", "ACRT"], "sequence 2: 'R' at position 3"),
        (["ACGT", "AC\u03b1T"], "sequence 2: '\u03b1' at position 3"),
        (["acgt"], "sequence 1: has lower-case letters"),
    ],
)
def test_what_cannot_be_encoded_is_named(sequences, message):
    with pytest.raises(LexomeError, match=message):
        dna.encode(sequences)
