"""Documents are checked, and come back from JSON Lines as they were."""

import dataclasses
import gzip
import json

import pytest
from hypothesis import given, settings

from annotated import documents, small
from lexome.documents import Entity, Link, check, decode, encode, linked_pairs, read_documents, write_documents
from lexome.errors import LexomeError


@given(documents())
@settings(max_examples=100)
def test_json_and_back(document):
    scored = dataclasses.replace(
        document, entities=tuple(dataclasses.replace(entity, score=0.25) for entity in document.entities)
    )
    for one in (document, scored):
        assert decode(encode(one), "here") == one
        assert decode(encode(one, text=False), "here", one.text) == one


def test_files(tmp_path):
    both = [small("a"), small("b")]
    write_documents(tmp_path / "d.jsonl", both)
    assert list(read_documents(tmp_path / "d.jsonl")) == both
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress((tmp_path / "d.jsonl").read_bytes()))
    assert list(read_documents(tmp_path / "d.jsonl.gz")) == both


def test_a_line_that_is_none_is_named(tmp_path):
    path = tmp_path / "d.jsonl"
    for line, message in (
        ("{", r"d.jsonl, line 2: is not JSON"),
        ('{"id": "x"}', r"line 2: is no document \(KeyError: 'text'\)"),
        (encode(small("a")), "line 2: document a stands there twice"),
    ):
        path.write_text(encode(small("a")) + "\n" + line + "\n", encoding="utf-8")
        with pytest.raises(LexomeError, match=message):
            list(read_documents(path))


BARE = {"id": "x", "text": "abc"}
ONE = {"id": "E", "category": "C", "spans": [[0, 1]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({"text": wrong}, "text is") for wrong in (None, 5, ["a"])),
        ({"id": None}, "an id or category is None"),
        ({"id": ""}, "a document has no id"),
        ({"text": "\ud83d"}, "holds half of a character"),
        ({"entities": [ONE | {"id": ""}]}, "document x, entity 1 has no id"),
        ({"entities": [ONE | {"category": ""}]}, "entity E: has no category"),
        ({"entities": [ONE | {"category": None}]}, "an id or category is None"),
        ({"entities": [ONE | {"spans": [[0, 1.5]]}]}, "a place in spans is 1.5"),
        ({"entities": [ONE | {"spans": [["0", 1]]}]}, "a place in spans is '0'"),
        ({"entities": [ONE | {"score": "high"}]}, "a score is 'high'"),
        ({"entities": [ONE | {"score": float("nan")}]}, "a score is nan"),
        ({"entities": [ONE, ONE | {"id": "F"}], "links": [{"id": "", "members": ["E", "F"]}]}, "link 1 has no id"),
    ],
)
def test_values_that_are_none_are_named(change, message):
    with pytest.raises(LexomeError, match=f"^file, line 3: .*{message}"):
        decode(json.dumps(BARE | change), "file, line 3")


def test_numbers_are_ids_and_whole_characters_are_whole():
    told = decode(json.dumps({"id": 7, "text": "😀", "entities": [ONE | {"score": 1}]}), "here")
    assert (told.id, told.text, told.entities[0].score) == ("7", "😀", 1)
    with pytest.raises(LexomeError, match="brackets within brackets"):
        decode("[" * 100_000, "here")


def test_other_encodings_are_named_with_the_line(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes((encode(small("a")) + "\n").encode() + '{"id": "é"}'.encode("latin-1"))
    with pytest.raises(LexomeError, match=r"d.jsonl, line 2: not UTF-8 text \(byte 0xe9\)"):
        list(read_documents(path))


def entity(*spans, name="X"):
    return Entity(name, "ACTION", spans)


@pytest.mark.parametrize(
    ("entities", "links", "message"),
    [
        ([entity((0, 2)), entity((3, 4))], [], "entity X: the id stands there twice"),
        ([entity()], [], "entity X: has no span"),
        ([entity((4, 4))], [], "span 4-4 is empty or reversed"),
        ([entity((5, 4))], [], "span 5-4 is empty or reversed"),
        ([entity((0, 1000))], [], "span 0-1000 leaves the text, which has"),
        ([entity((-1, 3))], [], "span -1-3 leaves the text"),
        ([entity((0, 4), (3, 6))], [], "span 3-6 overlaps the one before it"),
        ([entity((5, 6), (0, 2))], [], "span 0-2 overlaps the one before it, or stands before it"),
        ([entity((0, 2))], [Link("L", ("X",))], "link L: needs two or more"),
        ([entity((0, 2))], [Link("L", ("X", "X"))], "link L: needs two or more different entities, has X, X"),
        ([entity((0, 2))], [Link("L", ("X", "Y"))], "link L: there is no entity Y"),
        (
            [entity((0, 2)), entity((0, 2), name="Y")],
            [Link("L", ("X", "Y")), Link("L", ("Y", "X"))],
            "link L: the id stands there twice",
        ),
    ],
)
def test_what_does_not_fit_is_refused(entities, links, message):
    wrong = dataclasses.replace(small(), entities=tuple(entities), links=tuple(links))
    with pytest.raises(LexomeError, match=f"^file.xml: document a1, .*{message}"):
        check(wrong, "file.xml")


def test_pairs_of_a_link_of_three():
    document = dataclasses.replace(small(), links=(Link("L", ("P0", "C0", "P1")), Link("M", ("C0", "P0"))))
    assert linked_pairs(document) == {frozenset(pair) for pair in (("P0", "C0"), ("P0", "P1"), ("C0", "P1"))}


def test_the_line_is_plain_json():
    told = json.loads(encode(small()))
    assert told["entities"][1] == {
        "id": "C0",
        "category": "CONTEXT",
        "spans": [[18, 24], [29, 33]],
        "fields": {"where": "in vivo"},
    }
    assert small().entities[1].mention(small().text) == "growth ... mice"
