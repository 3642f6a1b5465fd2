"""Texts are made clean, counted and shortened word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.texts import clean, count_words, first_words, normalise, text_group, without_first_words

TEXTS = st.text(alphabet=st.sampled_from("ab Z9+=.-\t\n\u00a0é_"), max_size=40)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('"Binding to DNA." [GOC:a, PMID:1]', "Binding to DNA."),
        ('"Binding to DNA." []', "Binding to DNA."),
        ('"Binding." [GOC:a] {comment="x"}', "Binding."),
        (r'"A \"quoted\" part\nand a\, comma." [GOC:a]', 'A "quoted" part and a, comma.'),
        (r'"Back\\slash." [GOC:a]', r"Back\slash."),
        ("Plain  text\nover \t lines. ", "Plain text over lines."),
        # Already read from an OBO file: its backslashes and quotes are its own.
        (r"The 5\6 form", r"The 5\6 form"),
        ('"One" and "two"', '"One" and "two"'),
        ("", ""),
    ],
)
def test_clean(raw, text):
    assert clean(raw) == text


def test_clean_changes_nothing_twice():
    text = clean(r'"A \"quoted\" part." [GOC:a]')
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("Catalysis of the reaction: ATP + H2O = ADP + phosphate.", 8),
        ("trans-1,2-bis (R)-x", 2),
        ("- + = ...", 0),
        ("_", 0),
        ("", 0),
        ("één µm", 2),
    ],
)
def test_count_words(text, n):
    assert count_words(text) == n


def test_words_are_taken_off_with_what_stands_between():
    text = "Catalysis of the reaction: A + B = C."
    assert first_words(text, 5) == "Catalysis of the reaction: A"
    assert without_first_words(text, 5) == "B = C."
    assert without_first_words(text, 7) == ""
    assert first_words(text, 99) == text


@given(TEXTS, st.integers(0, 8))
def test_start_and_rest_share_the_words(text, n):
    start, rest = first_words(text, n), without_first_words(text, n)
    assert count_words(start) == min(n, count_words(text))
    assert count_words(start) + count_words(rest) == count_words(text)
    assert text.strip().startswith(start)
    assert text.endswith(rest)


def test_group_is_blind_to_case_and_white_space_only():
    assert normalise(" The\n CELL ") == "the cell"
    assert text_group("The cell") == text_group(" the\tCELL\n")
    assert text_group("The cell") != text_group("The cells")
    assert text_group("The cell") != text_group("The cell.")
