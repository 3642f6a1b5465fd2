"""Kind `concept_names`: candidates, what training tells of them, and models saved and loaded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_terms import annotated, make_terms
from lexome.concepts import ConceptNames, concept_names, load_names
from lexome.conceptspans import Candidate, Names, choose, features
from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.ontology import write_terms
from lexome.tagging import TagData, TagPart
from lexome.tagpredictors import load_tagger
from lexome.termnames import SOURCES, spaces_of, term_names

TERMS = make_terms()
CATEGORIES = ["biological_process", "cellular_component"]
SETTINGS = {
    "kind": "concept_names",
    "scopes": ["name", "exact", "narrow", "broad", "related", "short"],
    "stem": True,
    "min_characters": 3,
    "training_mentions": True,
    "classifier": None,
    "threshold": None,
}


def documents(n: int, first: int) -> list[Document]:
    """Texts in which `death` is a mention before `of cells` only, and `membrane` always, which no name says."""
    made = []
    for at in range(first, first + n):
        sure = ("membrane", "GO:0000002")
        if at % 2:
            made.append(annotated(f"d{at}", f"A death of cells at the membrane {at}.", sure, ("death", "GO:0000008")))
        else:
            made.append(annotated(f"d{at}", f"Sudden death came; mitochondria left the membrane {at}.", sure))
    return made


def study(tmp_path) -> TagData:
    write_terms(tmp_path / "go.parquet", TERMS)
    parts = [documents(24, 0), documents(8, 24), documents(8, 32)]
    shown = [*parts[:2], [one.bare() for one in parts[2]]]
    groups = [[f"g{n // 2}" for n in range(len(part))] for part in parts]
    made = [
        TagPart(part, [one.unlinked() for one in part], [False] * len(part), [], own)
        for part, own in zip(shown, groups, strict=True)
    ]
    return TagData(*made, CATEGORIES, {}, None, str(tmp_path / "go.parquet"))


def found(document: Document) -> set:
    return {(one.mention(document.text), one.category, one.fields["concept"]) for one in document.entities}


def test_names_alone_are_looked_up_longest_first(tmp_path):
    settings = SETTINGS | {"training_mentions": False, "scopes": ["name", "exact"], "threshold": 0.0}
    data = study(tmp_path)
    concept_names(data, settings, 0, tmp_path / "model", 0)
    tag = load_tagger(tmp_path / "model").tag
    (told,) = tag([Document("x", "The cell nucleus and mitochondria regulate growths by apoptosis.")])
    assert found(told) == {
        ("cell nucleus", "cellular_component", "GO:0000001"),
        ("mitochondria", "cellular_component", "GO:0000004"),
        ("apoptosis", "biological_process", "GO:0000008"),
    }


@pytest.mark.parametrize("classifier", [None, {"C": [0.1, 10.0]}])
def test_training_teaches_other_words_and_names_that_are_seldom_meant(tmp_path, classifier):
    data = study(tmp_path)
    result = concept_names(data, SETTINGS | {"classifier": classifier}, 0, tmp_path / "model", 0)
    for document in result.test:
        told = found(document)
        assert ("membrane", "cellular_component", "GO:0000002") in told
        # Named in every other text, never annotated.
        assert not any(words == "mitochondria" for words, _, _ in told)
        if classifier:
            # The words around tell the two uses of a word apart.
            meant = ("death", "biological_process", "GO:0000008") in told
            assert meant == ("of cells" in document.text)
        assert all(0 <= one.score <= 1 for one in document.entities)


@pytest.mark.parametrize("classifier", [None, {"C": [1.0]}])
def test_a_saved_model_says_what_the_trained_one_said(tmp_path, classifier):
    data = study(tmp_path)
    result = concept_names(data, SETTINGS | {"classifier": classifier}, 0, tmp_path / "model", 0)
    loaded = load_names(tmp_path / "model")
    assert loaded.tag(data.test.documents) == result.test
    assert loaded.tag(data.valid.documents) == result.valid


def test_candidates_of_a_group_are_those_of_a_model_that_never_saw_it():
    names = list(term_names(TERMS, SOURCES, CATEGORIES))
    train, groups = documents(6, 0), ["a", "a", "b", "b", "c", "c"]
    train[0] = annotated("d0", "Here lysis leaves the membrane.", ("lysis", "GO:0000008"))
    everything = Names(names, True, 3)
    everything.learn(train, groups)
    for group in "abc":
        rest = [n for n, other in enumerate(groups) if other != group]
        own = [n for n, other in enumerate(groups) if other == group]
        others = Names(names, True, 3)
        others.learn([train[n] for n in rest], [groups[n] for n in rest])
        part = [train[n] for n in own]
        mine = everything.candidates(part, [group] * len(part))
        expected = others.candidates(part)
        assert mine == expected
        assert not any(one.key == "lysis" for one in mine)
        for one in mine:
            for key in (one.key, one.stems):
                for concept in (one.concept, None):
                    assert everything.share(key, concept, group) == others.share(key, concept)
        spaces = spaces_of(TERMS)
        assert features(mine, part, everything, spaces, [group] * len(part)) == features(expected, part, others, spaces)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(1, 4), st.sampled_from("xy"), st.floats(-1, 1)),
        max_size=12,
    ),
    st.booleans(),
)
def test_chosen_candidates_do_not_overlap_and_none_could_be_added(drawn, widest):
    candidates = [
        Candidate(place, start, start + length, "", "", concept, frozenset())
        for place, start, length, concept, _ in drawn
    ]
    categories, scores = [one.concept for one in candidates], [score for *_, score in drawn]
    chosen = choose(candidates, scores, categories, widest)

    def meet(one, other):
        same = (candidates[one].document, categories[one]) == (candidates[other].document, categories[other])
        return same and candidates[one].start < candidates[other].end and candidates[other].start < candidates[one].end

    assert all(scores[n] >= 0 for n in chosen)
    assert not any(meet(one, other) for at, one in enumerate(chosen) for other in chosen[:at])
    for n in set(range(len(candidates))) - set(chosen):
        better = [other for other in chosen if meet(n, other)]
        assert scores[n] < 0 or better
        if scores[n] >= 0 and not widest:
            assert max(scores[other] for other in better) >= scores[n]


def test_thresholds_are_the_best_of_each_category():
    names = [("nucleus", "GO:0000001", "name"), ("growth", "GO:0000005", "name")]
    model = ConceptNames(SETTINGS, names, spaces_of(TERMS))
    text = annotated("a", "nucleus growth", ("nucleus", "GO:0000001"))
    candidates = model.names.candidates([text])
    scores = np.array([0.3 if one.concept == "GO:0000001" else 0.7 for one in candidates])
    assert model.tune([text], candidates, scores) == 1
    # The true mention stays; of the other category nothing is right, so that nothing is taken.
    assert model.thresholds["cellular_component"] <= 0.3
    assert model.thresholds["biological_process"] > 0.7


def test_training_documents_without_a_candidate_are_refused(tmp_path):
    data = study(tmp_path)
    bare = TagPart([one.bare() for one in data.train.documents], [], [False] * 24)
    with pytest.raises(LexomeError, match="classifier: null"):
        concept_names(
            TagData(bare, data.valid, data.test, CATEGORIES, {}, None, data.ontology),
            SETTINGS | {"classifier": {"C": [1.0]}},
            0,
            tmp_path / "model",
            0,
        )
