"""Sentences of a text, with their places in it."""

import re
from typing import NamedTuple

_LINE = r"(?:\r\n|\r(?!\n)|\n)"
_BLANK = r"[^\S\r\n]"
# Paragraphs end at a blank line, at a form feed or Unicode's own sign, and where a bulleted line follows.
_PARAGRAPH = re.compile(rf"{_LINE}{_BLANK}*{_LINE}\s*|[\f\u2029]|{_LINE}(?={_BLANK}*[-*•‣]{_BLANK})")
# Abbreviations of scientific prose that pysbd ends a sentence at: before anything, and before a number only.
_ABBREVIATED = re.compile(r"(?:^|[\s(\[])(?:approx|ca|cf|eqs?|figs?|incl|resp|suppl|tabs?|vols?)\.$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:^|[\s(\[])(?:chap|exps?|nos?|refs?|sects?)\.$", re.IGNORECASE)
_TAIL = 12


class Sentence(NamedTuple):
    """Where a sentence stands.

    Attributes
    ----------
    start, end
        Characters (code points) of the text, from 0: `text[start:end]` is the sentence, which neither begins nor ends
        with white space.
    paragraph
        Number of its paragraph, from 0.
    """

    start: int
    end: int
    paragraph: int


def split_paragraphs(text: str) -> list[tuple[int, int]]:
    """Start and end of each paragraph of a text that is not white space alone."""
    cuts = [(cut.start(), cut.end()) for cut in _PARAGRAPH.finditer(text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if text[start:end].strip()]


def split_sentences(text: str) -> list[Sentence]:
    """Part a text in English into sentences.

    Blank lines and bullets part paragraphs, and no sentence runs over their border; any other line break is white
    space. Between the sentences of the result there is nothing but white space.

    Within a paragraph pysbd decides (Sadvilkar and Neumann 2020, PySBD: pragmatic sentence boundary disambiguation),
    and what it takes for an end behind `cf.`, `Figs.`, `approx.` and the like is undone. It gives sentences, not
    places, and the places it can guess are wrong where a sentence comes twice or holds a sign that it uses itself; so
    they are found here by counting the characters that are not white space.
    """
    return [
        Sentence(start + first, start + last, number)
        for number, (start, end) in enumerate(split_paragraphs(text))
        for first, last in _spans(text[start:end])
    ]


def _spans(paragraph: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of a paragraph."""
    places = [place for place, character in enumerate(paragraph) if not character.isspace()]
    solid = "".join(paragraph[place] for place in places)
    spans, first = [], 0
    for end in [*_ends(paragraph, solid), len(solid)]:
        start, stop = places[first], places[end - 1] + 1
        goes_on = end < len(solid) and _goes_on(paragraph[start:stop], paragraph[places[end]])
        if not goes_on:
            spans.append((start, stop))
            first = end
    return spans


def _ends(paragraph: str, solid: str) -> list[int]:
    """Where sentences end within the characters that are not white space, but for the last end; ascending."""
    from pysbd import Segmenter  # a stage that asks for paragraphs only need not have it

    # pysbd takes every line break for an end.
    line = "".join(" " if character.isspace() else character for character in paragraph)
    ends, at = [], 0
    for sentence in Segmenter(language="en").processor(line).process():
        own = "".join(sentence.split())
        if not solid.startswith(own, at):
            # pysbd has changed or dropped signs; look for the end of what it gave.
            tail = own[-_TAIL:]
            found = solid.find(tail, max(at, at + len(own) - 2 * _TAIL)) if tail else -1
            if found < 0:
                continue
            at = found + len(tail)
        else:
            at += len(own)
        if own and at < len(solid):
            ends.append(at)
    return ends


def _goes_on(sentence: str, following: str) -> bool:
    """Whether a sentence goes on behind what pysbd took for its end, given the next character."""
    numbered = following.isdigit() and _NUMBERED.search(sentence)
    return bool(_ABBREVIATED.search(sentence) or numbered)
