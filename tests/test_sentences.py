"""Sentences lie exactly where they are said to lie, and nothing but white space lies between them."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lexome.sentences import split_sentences

ROOT = Path(__file__).parent.parent
# What trips splitters: abbreviations, brackets, quotes, and signs that pysbd itself writes into a text.
PIECES = [
    *(
        "p53",
        "The cell",
        "binds DNA",
        "e.g.",
        "Fig.",
        "Figs.",
        "cf.",
        "et al.",
        "(2001)",
        "2",
        "0.5",
        "U.S.",
        "No.",
        "i.",
    ),
    *(
        ".",
        "?",
        "!",
        "...",
        "(",
        ")",
        "[",
        "]",
        '"',
        "“",
        "”",
        "'",
        "a)",
        "1.",
        "- ",
        "*",
        "\\1",
        "\\",
        "http://x.y/z.",
    ),
    *("∯", "♨", "&ᓰ&", "ȸ", "♬", "☇", "∮", "&✂&", "中文。", "é", "e\u0301", "🧬", "？", "\u200b", "\x00"),
    *("\n", "\n\n", "\r\n", "\r", "\n \t\n", "\t", "  ", "\u00a0", "\u2029", "\f", "\x1c"),
]
MIXED = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25).map(" ".join)
GLUED = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def sentences(text):
    return [" ".join(text[s.start : s.end].split()) for s in split_sentences(text)]


@given(MIXED | GLUED | st.text(max_size=80))
@example("")
@example(" \n\n ")
@example("It acts ∯ on DNA. It acts ∯ on DNA. It acts.")
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_but_white_space(text):
    before, paragraph = 0, 0
    for sentence in split_sentences(text):
        own = text[sentence.start : sentence.end]
        assert own
        assert own == own.strip()
        assert text[before : sentence.start].strip() == ""
        assert sentence.paragraph in (paragraph, paragraph + 1)
        before, paragraph = sentence.end, sentence.paragraph
    assert text[before:].strip() == ""


WHOLE = [
    "p53 binds DNA, e.g. at promoters (Fig. 2), as shown by Levine et al. (1997).",
    "Smith et al. 2001 agree, cf. ref. 3 and Figs. 1 and 2A.",
    "Approx. 50% of tumours lose it, i.e. ca. 5 of 10 (vol. 3, pp. 4-5).",
    "E. coli lacks p53 at pH 7.4.",
    "mRNA levels fell to 0.5 vs. 1.5.",
    'The "guardian" binds [sic] (see ref. 12).',
    "p63 is like p53.",
]


@given(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=8), st.sampled_from([" ", "  ", "\n", "\r\n", "\t"]))
@settings(max_examples=60, deadline=None)
def test_known_sentences_come_back(chosen, blank):
    """Also where a sentence comes twice, and whatever white space parts them."""
    text = blank.join(chosen)
    places = split_sentences(text)
    assert [text[s.start : s.end] for s in places] == chosen
    assert {s.paragraph for s in places} == {0}


@given(st.lists(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=3), min_size=1, max_size=4), st.integers(10, 60))
@settings(max_examples=40, deadline=None)
def test_wrapped_lines_and_paragraphs(paragraphs, width):
    import textwrap

    blocks = [textwrap.fill(" ".join(own), width, break_on_hyphens=False) for own in paragraphs]
    text = "\n\n".join(blocks)
    assert sentences(text) == [sentence for own in paragraphs for sentence in own]
    numbers = [s.paragraph for s in split_sentences(text)]
    assert numbers == [number for number, own in enumerate(paragraphs) for _ in own]


@pytest.mark.parametrize("blank", ["\n\n", "\n \t\n", "\r\n\r\n", "\r\r", "\n\n\n\n", "\f", "\u2029"])
def test_a_blank_line_ends_a_sentence_without_a_full_stop(blank):
    assert sentences(f"The functions of p53{blank}It binds DNA.") == ["The functions of p53", "It binds DNA."]


def test_a_single_line_break_does_not():
    assert sentences("It binds\r\nDNA and\n\tacts.") == ["It binds DNA and acts."]


def test_bullets_are_apart():
    text = "It does two things:\n- it binds DNA\n  in the nucleus\n* it acts-\n-on others"
    assert sentences(text) == ["It does two things:", "- it binds DNA in the nucleus", "* it acts- -on others"]


def test_abbreviations_before_a_number_only():
    assert sentences("See no. 5 for it. The answer is no. It is so.") == [
        *("See no. 5 for it.", "The answer is no.", "It is so.")
    ]


def test_offsets_count_characters_of_the_text_itself():
    text = "🧬 e\u0301t p53.\r\n\r\n  Où? Là. "
    assert [text[s.start : s.end] for s in split_sentences(text)] == ["🧬 e\u0301t p53.", "Où?", "Là."]


def test_the_sample():
    text = (ROOT / "resources" / "demo" / "p53.txt").read_text(encoding="utf-8")
    found = sentences(text)
    assert 20 <= len(found) <= 30
    assert all(own[0].isupper() and own.endswith(".") and len(own.split()) > 5 for own in found)
    assert max(s.paragraph for s in split_sentences(text)) == text.strip().count("\n\n")
