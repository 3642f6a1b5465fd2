"""Taggers without a network: they learn what the words say, are saved whole, and never see test annotations."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.documents import Document, Entity
from lexome.fieldwords import feature_columns, feature_matrix, fit_fields
from lexome.runtime import read_json
from lexome.tagbaselines import Mention, collect, find, majority, strict_f1
from lexome.tagging import KINDS
from lexome.tagpredictors import load_tagger
from lexome.wordfeatures import chains, shape, token_features
from lexome.wordtokens import word_tokens
from tagging_data import part, tag_data, truth

SETTINGS = {
    "mentions": {"kind": "mentions", "min_share": [0.0, 0.5, 1.0]},
    "chain": {"kind": "words", "chain": True, "c1": [0.01, 50.0], "c2": 0.01, "max_iter": 50},
    "single": {"kind": "words", "chain": False, "C": 10, "max_iter": 200},
}


def tagged_text(text, *mentions):
    """A document with each of these strings as an entity wherever `[...]` stands around it."""
    entities, plain = [], ""
    for piece in text.split("["):
        head, closed, tail = piece.partition("]")
        if closed:
            category, _, mention = head.partition("|")
            span = (len(plain), len(plain) + len(mention))
            entities.append(Entity(f"T{len(entities)}", category, (span,), {"kind": category.lower()}))
            plain += mention + tail
        else:
            plain += head
    return Document("d", plain, tuple(entities))


def test_dictionary_counts_case_and_white_space_apart():
    one = tagged_text("[A|Cell\n death] and cell death; [A|cell  death] of [B|cell] cells, [A|cell].")
    known = collect([one, tagged_text("a cell")])
    assert known["cell", "death"] == Mention("A", {"kind": "a"}, 2, 3)
    # Three occurrences inside of `cell death`, one as B, one as A, one bare; of equally frequent categories the first.
    assert known["cell",] == Mention("A", {"kind": "a"}, 1, 6)
    assert set(known) == {("cell", "death"), ("cell",)}


def test_longest_first_from_the_left_and_by_share():
    known = {
        ("cell",): Mention("A", {}, 1, 4),
        ("cell", "death"): Mention("B", {"f": "v"}, 3, 4),
        ("death", "rate", "x"): Mention("C", {}, 1, 1),
    }
    text = Document("d", "Cell cell  death rate x")
    (all_found,) = find([text], known, 0.0)
    spans = [(one.category, one.mention(text.text), one.score) for one in all_found.entities]
    assert spans == [("A", "Cell", 0.25), ("B", "cell  death", 0.75)]
    (frequent,) = find([text], known, 0.9)
    assert [one.category for one in frequent.entities] == ["C"]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.sets(st.text("abc", min_size=1, max_size=3), max_size=5))
def test_occurrences_by_a_naive_count(words, keys):
    text = " ".join(words)
    teacher = tagged_text(" . ".join(f"[A|{' '.join(key)}]" for key in sorted(keys)))
    known = collect([teacher, Document("e", text)])
    both = [word.lower() for word in teacher.text.split()], words
    for key, mention in known.items():
        count = sum(tuple(row[at : at + len(key)]) == key for row in both for at in range(len(row)))
        assert mention.occurrences == count


def test_majority_breaks_ties_by_the_alphabet():
    assert majority(["b", "a", "b", "a"]) == "a"
    assert majority(["b", "a", "b"]) == "b"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data, folder = tag_data(), tmp_path_factory.mktemp("models")
    return {
        name: (KINDS[entry["kind"]](data, entry, 0, folder / name, 0), folder / name)
        for name, entry in SETTINGS.items()
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_saved_models_say_the_same_of_texts_alone(name, trained):
    result, folder = trained[name]
    bare = [one.bare() for one in truth("test")]
    assert load_tagger(folder).tag(bare) == result.test
    assert load_tagger(folder).link is None
    assert load_tagger(folder).tag([Document("empty", ""), Document("blank", " \n")])[1].entities == ()


def test_words_learn_what_a_dictionary_cannot(trained):
    scores = {name: strict_f1(truth("test"), result.test) for name, (result, _) in trained.items()}
    # Names of genes are new in every document.
    assert scores["chain"] > 0.95
    assert scores["single"] > 0.8
    assert 0.5 < scores["mentions"] < 0.9
    config = read_json(trained["chain"][1] / "config.json")
    assert config["chosen"] == {"c1": 0.01, "c2": 0.01}
    scores = [trial["valid_entity_f1"] for trial in config["trials"]]
    assert scores[0] > scores[1] + 0.1
    assert sorted(path.name for path in trained["chain"][1].iterdir()) == ["config.json", "fields", "model.crfsuite"]


@pytest.mark.parametrize("name", ["chain", "mentions"])
def test_fields_follow_the_words(name, trained):
    right = {one.id: {entity.spans: entity.fields for entity in one.entities} for one in truth("test")}
    pairs = [
        (entity.fields, right[one.id][entity.spans])
        for one in trained[name][0].test
        for entity in one.entities
        if entity.spans in right[one.id]
    ]
    assert len(pairs) > 40
    assert np.mean([said == true for said, true in pairs]) > 0.95


@pytest.mark.parametrize("name", SETTINGS)
def test_test_annotations_are_not_read(name, trained, tmp_path):
    data = tag_data()
    planted = dataclasses.replace(data, test=part("c", 10, 2))
    entry = SETTINGS[name]
    result = KINDS[entry["kind"]](planted, entry, 0, tmp_path / "m", 0)
    assert result.test == trained[name][0].test
    other = dataclasses.replace(data, test=dataclasses.replace(data.test, given=[]))
    assert KINDS[entry["kind"]](other, entry, 0, tmp_path / "n", 0).test == result.test


def test_values_outside_the_lists_come_from_known_mentions():
    entity = Entity("T0", "A", ((0, 4),), {"concept": "GO:1"})
    namer = fit_fields([Document("d", "Cell", (entity,))], {})
    named = namer(Document("e", "cell x", (Entity("T0", "A", ((0, 4),)), Entity("T1", "A", ((5, 6),)))))
    assert [one.fields for one in named.entities] == [{"concept": "GO:1"}, {}]


def test_chains_hold_every_token_once():
    text = truth("test")[0].text
    parts = chains(text)
    assert [token for chain in parts for token in chain.tokens] == word_tokens(text)
    assert [(chain.number, chain.total) for chain in parts] == [(number, 5) for number in range(5)]
    rows = token_features(text, parts[1])
    assert len(rows) == len(parts[1].tokens)
    assert {"w=we", "w-1=<>", "w1=saw", "shape=Xx", "s3=saw"} & set(rows[0]) == {"w=we", "w-1=<>", "w1=saw", "shape=Xx"}


def test_shapes_and_matrices():
    assert [shape(word) for word in ("TP53", "cells", "miR_21", "-")] == ["X9", "x", "xX_9", "-"]
    rows = [["a", "b"], ["b", "c"], []]
    columns = feature_columns(rows, 2)
    assert columns == {"b": 0}
    assert feature_matrix(rows, columns | {"a": 1}).toarray().tolist() == [[1, 1], [1, 0], [0, 0]]
