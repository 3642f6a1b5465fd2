"""Pairs that may be linked: units, classes of the published schemes, what stands between, and the threshold."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.documents import Document, Entity, Link
from lexome.taglinks import (
    LINKED,
    SAME,
    SCHEMES,
    LinkHead,
    best_threshold,
    entity_chances,
    find_pairs,
    find_units,
    pair_classes,
    pair_features,
)
from lexome.wordtokens import word_tokens

TEXT = "aa bb cc dd. Ee ff gg hh"
WORDS = np.array(word_tokens(TEXT))
CATEGORIES = ["A", "B"]
# Out of the order of the text: "aa bb" (A), "dd" (B), "Ee" (A), "gg" (B).
ENTITIES = (
    Entity("3", "B", ((9, 11),)),
    Entity("1", "A", ((0, 5),)),
    Entity("5", "A", ((13, 15),)),
    Entity("7", "B", ((19, 21),)),
)
DOCUMENT = Document("d", TEXT, ENTITIES, (Link("L", ("1", "3")), Link("M", ("5", "7"))))


def pairs(scheme, document=DOCUMENT):
    units = find_units(document, WORDS, CATEGORIES, scheme)
    return units, *find_pairs(units)


def test_units_of_entities_stand_in_the_order_of_the_text():
    units, one, other = pairs("link_only")
    assert [ENTITIES[at].id for at in units.entity] == ["1", "3", "5", "7"]
    assert units.category.tolist() == [0, 1, 0, 1]
    assert units.first.tolist() == [0, 3, 5, 7]
    assert units.last.tolist() == [1, 3, 5, 7]
    assert len(set(units.sentence.tolist()[:2])) == 1
    assert units.sentence[2] == units.sentence[1] + 1
    assert (units.words.tolist(), units.owner.tolist()) == ([0, 1, 3, 5, 7], [0, 0, 1, 2, 3])
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == list(combinations(range(4), 2))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_classes_of_the_published_schemes(scheme):
    units, one, other = pairs(scheme)
    told = pair_classes(DOCUMENT, units, one, other, scheme)
    linked = {frozenset(("1", "3")), frozenset(("5", "7"))}
    for a, b, label in zip(one, other, told, strict=True):
        first, second = ENTITIES[units.entity[a]].id, ENTITIES[units.entity[b]].id
        name = SCHEMES[scheme][label]
        same, link = first == second, frozenset((first, second)) in linked
        expected = {
            "link_only": LINKED if link else "none",
            "link_same_tag_only": SAME if same else "none",
            "link_all": "same_tag_or_link" if same or link else "none",
        }.get(scheme, SAME if same else LINKED if link else "none")
        assert name == expected
    assert len(told) == (6 if scheme == "link_only" else 10)


def test_features_count_what_stands_between():
    units, one, other = pairs("link_only")
    rows = pair_features(units, one, other, "link_only")
    told = {(int(a), int(b)): row.tolist() for a, b, row in zip(one, other, rows, strict=True)}
    # Buckets of distance: 2 words are the bucket of 2, 4 (and 3) the next.
    assert told[0, 1] == [2, 0, 0, 0]
    assert told[0, 3] == [4, 1, 1, 1]
    assert told[0, 2] == [3, 1, 0, 0]
    assert told[1, 3] == [3, 1, 0, 0]
    words = pair_features(*pairs("link_all"), "link_all")
    assert (words[:, 2:] == 0).all()


def test_the_split_scheme_asks_only_what_can_be():
    torch.manual_seed(0)
    head = LinkHead(8, CATEGORIES, {"type": "link", "scheme": "link_same_tag_and_link_split"}, 0.0)
    units, one, other = pairs("link_same_tag_and_link_split")
    logits = head(torch.randn(len(WORDS), 8), units).detach()
    alike = units.category[one] == units.category[other]
    assert (head.chances(logits, LINKED)[alike] == 0).all()
    assert (head.chances(logits, SAME)[~alike] == 0).all()
    assert (head.chances(logits, SAME)[alike] > 0).all()


def test_markers_make_the_first_word_stand_for_an_entity():
    torch.manual_seed(0)
    states = torch.randn(len(WORDS), 8)
    units, *_ = pairs("link_only")
    changed = states.clone()
    changed[1] += 1  # the second word of the first entity
    for markers, same in ((True, True), (False, False)):
        torch.manual_seed(1)
        head = LinkHead(8, CATEGORIES, {"type": "link", "scheme": "link_only", "markers": markers}, 0.0).eval()
        assert torch.equal(head(states, units), head(changed, units)) is same


def test_entities_without_words_or_of_unknown_categories_are_no_units():
    odd = Document("d", TEXT, (*ENTITIES, Entity("8", "C", ((3, 5),)), Entity("9", "A", ((12, 13),))))
    units, *_ = pairs("link_only", odd)
    assert len(units.entity) == 4
    none = find_units(Document("d", TEXT), WORDS, CATEGORIES, "link_only")
    head = LinkHead(8, CATEGORIES, {"type": "link", "scheme": "link_only"}, 0.0)
    assert head(torch.randn(len(WORDS), 8), none).shape == (0, 2)


def test_chances_of_words_are_averaged_over_the_pairs_of_two_entities():
    units, one, other = pairs("link_all")
    chances = np.linspace(0, 1, len(one))
    told = entity_chances(units, chances)
    assert len(told) == 6
    # Entity 1 (place 1) has the words 0 and 1, entity 3 (place 0) the word 3.
    mine = [
        chance for a, b, chance in zip(one, other, chances, strict=True) if {units.entity[a], units.entity[b]} == {0, 1}
    ]
    assert len(mine) == 2
    assert told[0, 1] == pytest.approx(np.mean(mine))


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=20), st.integers(0, 3))
def test_threshold_has_the_best_f1(rows, missed):
    chances, truth = [value / 8 for value, _ in rows], [mark for _, mark in rows]
    threshold = best_threshold(chances, truth, missed)
    if not any(truth):
        assert threshold == 0.5
        return

    def f1(cut):
        right = sum(mark and chance >= cut for chance, mark in zip(chances, truth, strict=True))
        return 2 * right / (sum(chance >= cut for chance in chances) + sum(truth) + missed)

    assert f1(threshold) == pytest.approx(max(f1(cut) for cut in chances))
