"""Tokens with their places, and entities to labels and back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from lexome.documents import Entity
from lexome.wordtokens import entities_of, iob_labels, labelled_runs, without_overlaps, word_tokens

TEXT = "TP53-null (U2OS) cells, miR_21"
LABELS = ["O", "B-A", "I-A", "B-B", "I-B"]


def mention(name, category, *spans):
    return Entity(name, category, spans)


def test_words_and_signs():
    words = [TEXT[start:end] for start, end in word_tokens(TEXT)]
    assert words == ["TP53", "-", "null", "(", "U2OS", ")", "cells", ",", "miR_21"]


@given(st.text(max_size=40))
def test_tokens_cover_all_but_white_space(text):
    tokens = word_tokens(text)
    covered = "".join(text[start:end] for start, end in tokens)
    assert covered == "".join(sign for sign in text if not sign.isspace())
    assert all(start < end for start, end in tokens)
    assert all(one[1] <= other[0] for one, other in pairwise(tokens))


def test_labels_of_entities():
    tokens = word_tokens(TEXT)
    entities = [mention("a", "CELL", (11, 15), (17, 22)), mention("b", "GENE", (0, 9)), mention("c", "GENE", (1, 3))]
    labels = iob_labels(tokens, entities)
    # The gap makes two of one; the shorter one of two that overlap is lost.
    assert labels == ["B-GENE", "I-GENE", "I-GENE", "O", "B-CELL", "O", "B-CELL", "O", "O"]
    assert iob_labels(tokens, [mention("c", "GENE", (1, 3))])[0] == "B-GENE"


def test_the_longer_of_two_that_overlap_stays():
    short, long, apart = mention("s", "A", (0, 3)), mention("l", "A", (2, 8)), mention("x", "B", (8, 9))
    assert without_overlaps([short, apart, long]) == [long, apart]
    assert without_overlaps([mention("1", "A", (0, 3)), mention("2", "B", (0, 3))])[0].id == "1"


@given(st.lists(st.sampled_from(LABELS), max_size=12))
def test_runs_are_those_of_seqeval(labels):
    assert [(name, first, behind - 1) for name, first, behind in labelled_runs(labels)] == get_entities(labels)


@given(st.data())
def test_there_and_back(data):
    words = data.draw(st.lists(st.text("abc", min_size=1, max_size=4), max_size=10))
    text = " ".join(words)
    tokens = word_tokens(text)
    bounds = sorted(data.draw(st.sets(st.integers(0, len(words)), max_size=6)))
    entities = []
    for first, behind in zip(bounds[::2], bounds[1::2], strict=False):
        category = data.draw(st.sampled_from("AB"))
        entities.append(mention(f"T{len(entities)}", category, (tokens[first][0], tokens[behind - 1][1])))
    assert list(entities_of(tokens, iob_labels(tokens, entities))) == entities


def test_scores_are_means():
    tokens = word_tokens("one two three")
    (found,) = entities_of(tokens, ["B-A", "I-A", "O"], [0.5, 1.0, 0.1])
    assert (found.spans, found.score) == (((0, 7),), pytest.approx(0.75))
