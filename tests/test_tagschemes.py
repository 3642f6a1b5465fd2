"""Labels of words: there and back, and the best path against every path there is."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Entities

from lexome import tagschemes
from lexome.documents import Entity
from lexome.tagschemes import (
    best_path,
    forbidden,
    label_names,
    many_labels,
    one_label,
    runs_of_many,
    runs_of_one,
    value_of,
    valued,
)

VALUES = ["A", "B"]
WORDS = [(2 * at, 2 * at + 1) for at in range(12)]


@st.composite
def runs(draw):
    """Entities without overlaps over twelve words of one letter: value, first word, the one behind the last."""
    told, at = [], draw(st.integers(0, 3))
    while at < len(WORDS):
        size = draw(st.integers(1, 3))
        told.append((draw(st.sampled_from(VALUES)), at, min(at + size, len(WORDS))))
        at = told[-1][2] + draw(st.integers(0, 3))
    return told


def entities_of(told):
    return [Entity(f"T{at}", value, ((WORDS[a][0], WORDS[b - 1][1]),)) for at, (value, a, b) in enumerate(told)]


@given(runs())
def test_entities_become_iob2_labels_and_come_back(told):
    names = label_names(VALUES, "bio")
    labels = one_label(WORDS, entities_of(told), names, "bio")
    assert runs_of_one(names, labels, "bio") == told
    start, steps = forbidden(names)
    assert not start[labels[0]]
    assert not steps[labels[:-1], labels[1:]].any()


@given(runs())
def test_plain_labels_join_neighbours_of_one_value(told):
    names = label_names(VALUES, "plain")
    labels = one_label(WORDS, entities_of(told), names, "plain")
    joined = []
    for value, first, behind in told:
        if joined and joined[-1][0] == value and joined[-1][2] == first:
            joined[-1] = (value, joined[-1][1], behind)
        else:
            joined.append((value, first, behind))
    assert runs_of_one(names, labels, "plain") == joined
    assert runs_of_many(VALUES, many_labels(WORDS, entities_of(told), VALUES, "plain"), "plain") == joined


@given(runs())
def test_labels_that_do_not_exclude_each_other_come_back(told):
    names = label_names(VALUES, "bio", outside=False)
    assert runs_of_many(VALUES, many_labels(WORDS, entities_of(told), names, "bio"), "bio") == told


def test_entities_of_different_values_may_overlap_where_labels_do_not_exclude_each_other():
    told = [("A", 0, 4), ("B", 2, 3)]
    table = many_labels(WORDS, entities_of(told), VALUES, "plain")
    assert runs_of_many(VALUES, table, "plain") == told
    labels = one_label(WORDS, entities_of(told), label_names(VALUES, "plain"), "plain")
    assert labels[:5].tolist() == [1, 1, 1, 1, 0]


@given(st.lists(st.sampled_from(label_names(VALUES, "bio")), min_size=1, max_size=12))
def test_runs_of_valid_labels_are_those_of_seqeval(labels):
    names = label_names(VALUES, "bio")
    start, steps = forbidden(names)
    path = np.array([names.index(label) for label in labels])
    if start[path[0]] or steps[path[:-1], path[1:]].any():
        return
    theirs = [(found.tag, found.start, found.end) for found in Entities([labels], IOB2).entities[0]]
    assert runs_of_one(names, path, "bio") == theirs


def test_a_stray_inside_label_begins_an_entity():
    names = label_names(VALUES, "bio")
    path = [names.index(label) for label in ("I-A", "I-B", "O", "I-B", "I-B")]
    assert runs_of_one(names, path, "bio") == [("A", 0, 1), ("B", 1, 2), ("B", 3, 5)]


@given(st.integers(1, 4), st.sampled_from(["plain", "bio"]), st.integers(0, 10**6))
def test_best_path_is_the_best_of_all(length, schema, seed):
    rng = np.random.default_rng(seed)
    names = label_names(VALUES, schema)
    start, steps = (np.where(never, -np.inf, 0) for never in forbidden(names))
    start, steps = start + rng.normal(size=start.shape), steps + rng.normal(size=steps.shape)
    emissions, end = rng.normal(size=(length, len(names))), rng.normal(size=len(names))

    def worth(path):
        return (
            start[path[0]]
            + end[path[-1]]
            + sum(emissions[at, label] for at, label in enumerate(path))
            + sum(steps[a, b] for a, b in pairwise(path))
        )

    best = max(product(range(len(names)), repeat=length), key=worth)
    assert best_path(emissions, start, steps, end).tolist() == list(best)


def test_of_no_words_there_is_no_path():
    assert best_path(np.empty((0, 3)), np.zeros(3), np.zeros((3, 3)), np.zeros(3)).tolist() == []


def test_a_field_is_read_from_entities_of_its_category_only():
    fields = {"size": {"category": "A", "values": ["large"]}}
    told = [Entity("1", "A", ((0, 1),), {"size": "large"}), Entity("2", "B", ((2, 3),), {"size": "large"})]
    told.append(Entity("3", "A", ((4, 5),)))
    assert [(one.id, one.category) for one in valued(told, value_of("size", fields))] == [("1", "large")]
    assert [one.category for one in valued(told, value_of("category", fields))] == ["A", "B", "A"]


def test_values_are_sums_of_exclusive_labels_and_maxima_of_others():
    row = np.array([[0.1, 0.2, 0.3, 0.4, 0.0]])
    np.testing.assert_allclose(tagschemes.of_values(row, "bio", True), [[0.5, 0.4]])
    np.testing.assert_allclose(tagschemes.of_values(row[:, 1:], "bio", False), [[0.3, 0.4]])
    np.testing.assert_allclose(tagschemes.of_values(row, "plain", True), row[:, 1:])


@pytest.mark.parametrize(("schema", "names"), [("plain", ["O", "A", "B"]), ("bio", ["O", "B-A", "I-A", "B-B", "I-B"])])
def test_names_of_labels(schema, names):
    assert label_names(VALUES, schema) == names
