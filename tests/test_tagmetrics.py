"""Figures of entities, words, links and concepts, against seqeval, scikit-learn and naive counting."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.metrics import precision_score as seqeval_precision
from seqeval.metrics import recall_score as seqeval_recall
from seqeval.scheme import IOB2
from sklearn.metrics import precision_recall_fscore_support

from lexome.documents import Document, Entity, Link
from lexome.tagmetrics import (
    document_sums,
    figures,
    match_overlapping,
    overlap,
    score,
    word_bounds,
    word_labels,
)

CATEGORIES = ("GENE", "EFFECT", "PHENOTYPE")
WORDS = [f"word{number}" for number in range(12)]
TEXT = " ".join(WORDS)
STARTS, ENDS = word_bounds(TEXT)


def of_words(labels: list[str | None], opens: list[bool]) -> tuple[Document, list[str]]:
    """A document whose entities are runs of words, and its IOB2 labels."""
    iob, entities, run = [], [], []

    def close() -> None:
        if run:
            category = labels[run[0]]
            spans = ((int(STARTS[run[0]]), int(ENDS[run[-1]])),)
            entities.append(Entity(f"T{len(entities)}", category, spans, {"kind": f"{category} {run[0] % 2}"}))

    for place, (label, begin) in enumerate(zip(labels, opens, strict=True)):
        if run and (label != labels[run[0]] or begin):
            close()
            run = []
        if label is None:
            iob.append("O")
            continue
        iob.append(("I-" if run else "B-") + label)
        run.append(place)
    close()
    return Document("d", TEXT, tuple(entities)), iob


runs = st.builds(
    of_words,
    st.lists(st.sampled_from([None, *CATEGORIES]), min_size=len(WORDS), max_size=len(WORDS)),
    st.lists(st.booleans(), min_size=len(WORDS), max_size=len(WORDS)),
)


@settings(deadline=None)
@given(st.lists(st.tuples(runs, runs), min_size=1, max_size=4))
def test_strict_entities_are_those_of_seqeval_and_words_those_of_sklearn(pairs):
    true, predicted = ([pair[side][0] for pair in pairs] for side in (0, 1))
    truly, told = ([pair[side][1] for pair in pairs] for side in (0, 1))
    found = score(true, predicted)
    oracles = {"precision": seqeval_precision, "recall": seqeval_recall, "f1": seqeval_f1}
    n_true, n_told = (sum(len(document.entities) for document in side) for side in (true, predicted))
    for name, oracle in oracles.items():
        if not (n_told if name == "precision" else n_true):
            assert math.isnan(found[f"entity_{name}"])
            continue
        assert found[f"entity_{name}"] == pytest.approx(
            oracle(truly, told, mode="strict", scheme=IOB2, zero_division=0)
        )

    for bio, names in ((False, ("word_precision", "word_recall", "word_f1")), (True, (None, None, "word_bio_f1"))):
        flat = [[label if bio else label.split("-")[-1] for line in side for label in line] for side in (truly, told)]
        labels = sorted(set(flat[0] + flat[1]) - {"O"})
        if n_true and labels:
            expected = precision_recall_fscore_support(*flat, labels=labels, average="micro", zero_division=0)
            for name, value in zip(names, expected, strict=False):
                if name and (n_told or name != "word_precision"):
                    assert found[name] == pytest.approx(value)


def entity(key: str, category: str, *spans: tuple[int, int], **fields: str) -> Entity:
    return Entity(key, category, spans, fields)


def test_partial_matches_pair_one_to_one_by_what_they_share():
    true = [entity("T0", "A", (0, 5)), entity("T1", "A", (6, 10)), entity("T2", "B", (12, 15))]
    told = [entity("P0", "A", (3, 10)), entity("P1", "A", (0, 2)), entity("P2", "A", (12, 15))]
    # P0 shares 4 characters with T1 and 2 with T0, which is left to P1; P2 is of another category.
    assert match_overlapping(true, told) == [(0, 1), (1, 0)]
    text = "0123456789abcdef"
    found = score([Document("d", text, tuple(true))], [Document("d", text, tuple(told))])
    assert (found["partial_precision"], found["partial_recall"]) == pytest.approx((2 / 3, 2 / 3))
    assert found["entity_f1"] == 0


spans = st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
bags = st.lists(st.tuples(st.sampled_from("AB"), spans), max_size=4)


@given(bags, bags)
def test_partial_matching_is_a_greedy_one_to_one_matching_of_overlaps(true, told):
    first = [entity(f"T{n}", category, span) for n, (category, span) in enumerate(true)]
    second = [entity(f"P{n}", category, span) for n, (category, span) in enumerate(told)]
    pairs = match_overlapping(first, second)
    assert all(len({pair[side] for pair in pairs}) == len(pairs) for side in (0, 1))
    allowed = {
        (i, j)
        for (i, a), (j, b) in itertools.product(enumerate(first), enumerate(second))
        if a.category == b.category and set(range(a.start, a.end)) & set(range(b.start, b.end))
    }
    assert set(pairs) <= allowed
    # Nothing that could still be paired is left over.
    assert not [pair for pair in allowed if all(pair[0] != i and pair[1] != j for i, j in pairs)]


def test_overlap_counts_characters_of_all_parts():
    assert overlap([(0, 4), (10, 14)], [(2, 12)]) == 4
    assert overlap([(0, 4)], [(4, 8)]) == 0


def test_words_bear_the_entity_that_overlaps_them_and_starts_first():
    text = "siRNA-knockdown of p53, slowly"
    bounds = word_bounds(text)
    entities = [entity("T1", "B", (6, 22)), entity("T0", "A", (0, 5)), entity("T2", "C", (22, 24))]
    labels, first = word_labels(bounds, entities, lambda one: one.category)
    assert labels.tolist() == ["A", "B", "B", None]
    # The first word of B went to A.
    assert first.tolist() == [True, False, False, False]


def test_words_in_a_gap_bear_nothing():
    text = "attenuates the marked autophagy"
    labels, first = word_labels(word_bounds(text), [entity("T0", "A", (0, 10), (22, 31))], lambda one: one.category)
    assert labels.tolist() == ["A", None, None, "A"]
    assert first.tolist() == [True, False, False, False]


def test_values_of_fields_count_by_word_and_only_in_their_category():
    text = "one two three four"
    true = Document("d", text, (entity("T0", "A", (0, 7), kind="x"), entity("T1", "B", (8, 13), kind="y")))
    told = Document("d", text, (entity("P0", "A", (0, 7), kind="y"), entity("P1", "B", (8, 18), kind="y")))
    of_any = score([true], [told])
    assert of_any["kind_word_f1"] == pytest.approx(2 * 1 / (4 + 3))
    of_b = score([true], [told], fields={"kind": {"category": "B", "values": ["x", "y"]}})
    assert of_b["kind_word_f1"] == pytest.approx(2 * 1 / (2 + 1))
    assert "kind_word_precision" not in of_b


TEXT_OF_LINKS = "knockdown reduced growth, loss raised death"
TRUE = Document(
    "d",
    TEXT_OF_LINKS,
    (
        entity("P0", "ACTION", (0, 9)),
        entity("E0", "EFFECT", (10, 17)),
        entity("H0", "PHENOTYPE", (18, 24)),
        entity("P1", "ACTION", (26, 30)),
        entity("E1", "EFFECT", (31, 37)),
    ),
    (Link("L0", ("P0", "E0", "H0")), Link("L1", ("P1", "E1"))),
)


def test_links_among_annotated_entities_are_unordered_pairs_of_documents_annotated_for_links():
    # Three of four true pairs, and a false one; both orders and a pair told twice count once.
    given_links = (Link("L0", ("H0", "E0", "P0")), Link("L1", ("E0", "P0")), Link("L2", ("P0", "P1")))
    found = score([TRUE, TRUE.unlinked()], None, [given_links, given_links], [True, False])
    assert found == pytest.approx({"link_precision": 3 / 4, "link_recall": 3 / 4, "link_f1": 3 / 4})


def test_joint_links_need_both_entities():
    told = Document(
        "d",
        TEXT_OF_LINKS,
        (
            entity("a", "ACTION", (0, 9)),
            entity("b", "EFFECT", (10, 17)),
            entity("c", "PHENOTYPE", (18, 25)),
            entity("d", "EFFECT", (26, 30)),
        ),
        (Link("M0", ("a", "b", "c")), Link("M1", ("a", "d"))),
    )
    found = score([TRUE], [told], [()])
    # a-b is right; a-c and b-c have a wrong end; a-d a wrong category.
    assert found["joint_link_precision"] == pytest.approx(1 / 4)
    assert found["joint_link_recall"] == pytest.approx(1 / 4)
    assert found["joint_link_partial_f1"] == pytest.approx(3 / 4)
    assert found["link_recall"] == 0
    # A model that sees no links has no figures of them, though its documents could hold some.
    assert not [name for name in score([TRUE], [told]) if "link" in name]


def test_the_annotation_itself_is_perfect():
    found = score([TRUE], [TRUE], [TRUE.links])
    assert set(found.values()) == {1.0}
    assert {"entity_f1", "word_bio_f1", "joint_link_f1", "link_recall"} <= set(found)


ABOVE = {"GO:3": {"GO:2"}, "GO:4": {"GO:2"}, "GO:2": set()}


def mention(key: str, start: int, concept: str) -> Entity:
    return entity(key, "biological_process", (start, start + 2), concept=concept)


def test_concepts_count_by_mention_by_document_and_with_their_ancestors():
    text = "aa bb cc dd"
    true = Document("d", text, (mention("1", 0, "GO:3"), mention("2", 3, "GO:3"), mention("3", 6, "GO:4")))
    told = Document("d", text, (mention("1", 0, "GO:3"), mention("2", 3, "GO:4"), mention("3", 9, "NIL")))
    found = score([true], [told], concepts=True, ancestors=ABOVE.__getitem__, trained={"GO:3"})
    assert (found["concept_precision"], found["concept_recall"]) == pytest.approx((1 / 2, 1 / 3))
    assert found["concept_span_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert found["concept_document_f1"] == pytest.approx(1)
    # At 0 both terms are shared, at 3 the parent is; true: 6 terms, predicted: 4.
    assert found["concept_hierarchical_f1"] == pytest.approx(2 * 3 / (6 + 4))
    assert found["concept_unseen_recall"] == 0


def test_concepts_of_the_parts_of_an_article_are_one_set():
    text = "aa bb"
    parts = [Document(key, text, (mention("1", 0, "GO:3"),)) for key in ("p1", "p2")]
    told = [parts[0], Document("p2", text, (mention("1", 3, "GO:4"),))]
    whole = document_sums(parts, told, concepts=True, groups=["article", "article"])["concept_document"]
    assert whole.tolist() == [[1, 2, 1], [0, 0, 0]]
    apart = document_sums(parts, told, concepts=True)["concept_document"]
    assert apart.tolist() == [[1, 1, 1], [0, 1, 1]]


@settings(deadline=None)
@given(st.lists(st.tuples(runs, runs), min_size=2, max_size=4), st.data())
def test_a_resample_has_the_figures_of_its_documents(pairs, data):
    true, told = ([pair[side][0] for pair in pairs] for side in (0, 1))
    drawn = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=4))
    weights = np.bincount(drawn, minlength=len(pairs)).astype(np.uint16)[None]
    resampled = figures(document_sums(true, told), weights)
    repeated = score([true[place] for place in drawn], [told[place] for place in drawn])
    # Fields that no drawn document has are not told of the repeated ones.
    for name, value in repeated.items():
        assert resampled[name][0] == pytest.approx(value, nan_ok=True)


def test_predictions_of_other_documents_are_refused():
    with pytest.raises(ValueError, match="another document"):
        score([TRUE], [Document("e", TEXT_OF_LINKS)])
    with pytest.raises(ValueError, match="2 predictions"):
        score([TRUE], [TRUE, TRUE])
