"""Annotated documents become examples: all of them, with their links where these are known."""

import json

import pandas as pd
import pytest

from annotated import small
from lexome.documents import decode, write_documents
from lexome.errors import LexomeError
from lexome.runtime import read_json
from lexome.settings import check, load_yaml
from lexome.tagging import load_tagging
from lexome.tasks import NOUNS
from lexome.texts import text_group
from prepare_functional_genomics import prepare_functional_genomics
from split_examples import split_examples
from test_mae import DEFINITION, LINK, packed, xml

VALUES = {"category": ["ACTION", "CONTEXT"], "kind": ["loss"], "where": ["in vivo", "in vitro"]}
MORE = '<ACTION id="P1" spans="35~51" action_kind="loss" />'
FILES = {
    **{f"x/Linked/{number}_a.txt_ann.xml": xml(text=f"{small().text} {number}") for number in range(1, 11)},
    **{f"x/Tagged/{number}_b.txt_ann.xml": xml(MORE, f"{small().text} {number}") for number in range(10, 21)},
    "x/Bare/30_c.xml": xml(),
    "x/tags.json": json.dumps(DEFINITION).encode(),
    "x/values.json": json.dumps(VALUES).encode(),
}
SETTINGS = {
    **{"rule": "functional_genomics", "archive": "a.tar.gz", "linked": ["Linked"], "tagged": ["Tagged"]},
    **{"definition": "tags.json", "values": "values.json", "test": [1, "20_b", "15"]},
}


def make(folder, files=FILES, archive=None, **more):
    settings = SETTINGS | more | ({"archive": str(archive)} if archive else {})
    check(settings, load_yaml("config/schemas/prepare.schema.yaml")["functional_genomics"], "prepare")
    archive = archive or packed(folder / "a.tar.gz", files)
    prepare_functional_genomics(
        str(archive), settings, *(str(folder / name) for name in ("examples.parquet", "labels.json", "prepare.json"))
    )
    return pd.read_parquet(folder / "examples.parquet"), read_json(folder / "labels.json")


def test_examples(tmp_path):
    table, labels = make(tmp_path)
    assert table["id"].is_monotonic_increasing
    assert set(table["id"]) == {f"{n}_a" for n in range(1, 11)} | {f"{n}_b" for n in range(10, 21)}
    assert (table["links_known"] == table["id"].str.endswith("_a")).all()
    assert set(table.loc[table["subset"] == "test", "id"]) == {"1_a", "20_b", "15_b"}
    assert (table["group"] == table["text"].map(text_group)).all()
    # Of equal texts.
    assert table.set_index("id").loc[["10_a", "10_b"], "group"].nunique() == 1
    first = table.set_index("id").loc["1_a"]
    document = decode(first["document"], "here", first["text"])
    assert [one.members for one in document.links] == [("P0", "C0")]
    assert document.entities[1].spans == ((18, 24), (29, 33))
    assert first["length"] == 13
    assert labels["labels"] == [{"id": "ACTION", "name": "action"}, {"id": "CONTEXT", "name": "context"}]
    assert labels["fields"] == {
        "kind": {"category": "ACTION", "values": ["loss"]},
        "where": {"category": "CONTEXT", "values": ["in vivo"]},
    }
    assert (labels["task"], labels["links"], labels["concept_field"]) == ("tagging", True, None)
    assert [list(row) for row in table["labels"]] == [[0, 1]] * 21
    counts = {row["step"]: row["n"] for row in read_json(tmp_path / "prepare.json")["counts"]}
    told = {"Linked": 10, "Tagged": 11, "official test": 3, "official train": 18, "entities": 53, "ACTION": 32}
    assert counts | told | {"of several parts": 21, "links": 10, "with a text that others have": 2} == counts


def test_what_models_get_of_an_official_split(tmp_path):
    make(tmp_path)
    split = {"method": "official", "fractions": {"train": 0.8, "valid": 0.2, "test": 0.0}, "seed": 0}
    split |= {"min_train_examples": 1, "leakage": {"k": 3, "unit": "word", "near": 0.5, "distant": 0.05}}
    files = [str(tmp_path / name) for name in ("s.parquet", "s.labels.json", "s.leakage.json")]
    split_examples(str(tmp_path / "examples.parquet"), str(tmp_path / "labels.json"), split, *files)
    # Every training document has both categories, and both are judged.
    assert [label["id"] for label in read_json(files[1])["labels"]] == ["ACTION", "CONTEXT"]
    data = load_tagging(str(tmp_path / "examples.parquet"), str(tmp_path / "labels.json"), files[0])
    assert {one.id for one in data.test.documents} == {"1_a", "20_b", "15_b"}
    assert not any(one.entities for one in data.test.documents)
    assert len(data.valid.documents) in (3, 4, 5)
    leakage = read_json(files[2])["subsets"]
    assert leakage["test"]["ceiling"] == 1


def test_json_lines(tmp_path):
    documents = [small("b"), small("a").unlinked()]
    write_documents(tmp_path / "d.jsonl", documents)
    archive = tmp_path / "d.jsonl"
    plain = {"tagged": [], "definition": None, "values": None, "test": None}
    table, labels = make(tmp_path, archive=archive, linked=True, **plain)
    assert table["links_known"].all()
    assert "subset" not in table
    assert [decode(line, "", small().text).links for line in table["document"]] == [(), small().links]
    table, labels = make(tmp_path, archive=archive, linked=False, **plain)
    assert not table["links_known"].any()
    assert labels["links"] is False


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        ({}, {"linked": ["Absent"]}, "in a folder 'Absent'"),
        ({}, {"linked": ["Linked", "Tagged"]}, "prepare: folder 'Tagged' is in `linked` and in `tagged`"),
        ({"x/Linked/11_b.xml": xml()}, {}, "document 11_b is in 'Linked' and in 'Tagged'"),
        ({}, {"test": [1, 99, "5_b"]}, r"prepare.test: no document 5_b, 99 \(2 in all\)"),
        ({}, {"tagged": ["Bare"], "linked": [], "definition": "absent.json"}, "no file 'absent.json' in it"),
        ({}, {"values": "tags.json"}, "tags.json: is no list of values"),
        ({"x/values.json": b'{"kind": ["gain"]}'}, {}, "entity P0: kind 'loss' is not among the values listed"),
        ({"x/values.json": b'{"kin": ["loss"]}'}, {}, "lists values of 'kin'.*; there are category, kind, where"),
        ({"x/values.json": b'{"category": ["ACTION"]}'}, {}, "category 'CONTEXT' is not among the values"),
        ({"x/Tagged/9_b.xml": xml("<OTHER id='1' spans='0~4'/>")}, {}, "names no such tag"),
    ],
)
def test_mistakes_are_named(tmp_path, files, more, message):
    with pytest.raises(LexomeError, match=message):
        make(tmp_path, FILES | files, **more)
    assert not (tmp_path / "examples.parquet").exists()


def test_wrong_links_and_foreign_tags(tmp_path):
    """They stop the preparation unless it is told to leave them out, which it counts."""
    wrong = LINK.replace('"L0"', '"L1"').replace('contextID="C0"', 'contextID="P0"')
    files = FILES | {"x/Linked/11_a.xml": xml(LINK + wrong + '<OTHER id="O" />', small().text + " 11")}
    with pytest.raises(LexomeError, match=r"L1.*has P0, P0"):
        make(tmp_path, files, ignore=["OTHER"])
    table, _ = make(tmp_path, files, ignore=["OTHER"], wrong_links="drop")
    counts = {row["step"]: row["n"] for row in read_json(tmp_path / "prepare.json")["counts"]}
    assert (counts["wrong links left out"], counts["links"]) == (1, 11)
    assert "11_a" in set(table["id"])


def test_documents_without_any_entity(tmp_path):
    bare = {"x/Tagged/1.xml": b"<T><TEXT>none</TEXT><TAGS/></T>", "x/tags.json": FILES["x/tags.json"]}
    with pytest.raises(LexomeError, match="no document has an entity"):
        make(tmp_path, bare, linked=[], values=None, test=None)


def test_a_field_of_two_categories(tmp_path):
    shared = {
        "ACTION": {"fields": {"kind": {"mae_field": "action_kind"}}},
        "CONTEXT": {"fields": {"kind": {"mae_field": "where"}}},
    }
    files = FILES | {"x/tags.json": json.dumps(shared).encode()}
    with pytest.raises(LexomeError, match="field 'kind' is one of ACTION and of CONTEXT"):
        make(tmp_path, files, linked=[], values=None, test=None, ignore=["LINKED"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"archive": "d.jsonl"}, "linked"),
        ({"linked": True}, "linked"),
        ({"definition": None}, "definition"),
        ({"test": []}, "test"),
        ({"wrong_links": "keep"}, "wrong_links"),
    ],
)
def test_schema(more, message):
    schema = load_yaml("config/schemas/prepare.schema.yaml")["functional_genomics"]
    check(SETTINGS, schema, "prepare")
    with pytest.raises(LexomeError, match=message):
        check(SETTINGS | more, schema, "prepare")


def test_nouns_are_those_that_the_config_counts_on(tmp_path):
    _, labels = make(tmp_path)
    assert (labels["example_noun"], labels["label_noun"]) == NOUNS["functional_genomics"]
