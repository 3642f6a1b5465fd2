"""Forms are told apart, documents put together and parted, what a form loses is counted, the config is checked."""

import dataclasses
import gzip
import json

import pytest

from annotated import small
from convert_documents import convert_documents
from lexome import convertplan
from lexome.conversion import FORMS, combine, guess_form, lost, part, read_any, write_form
from lexome.documents import Entity, read_documents, write_documents
from lexome.errors import LexomeError
from lexome.runtime import read_json
from lexome.settings import check, load_yaml
from test_mae import DEFINITION, FILES, packed, xml

# What every form can hold: no gaps, overlaps, links or fields, and the ids that readers give.
PLAIN = dataclasses.replace(
    small(), entities=(Entity("T1", "ACTION", ((0, 11),)), Entity("T2", "CONTEXT", ((29, 33),))), links=()
)


def settings_to(form, **more):
    return {"to": form, "definition": None, "folders": None, "parts": None, "seed": 0} | more


def test_the_forms_of_the_config_are_those_there_are():
    assert set(convertplan.FORMS) == set(FORMS)
    schema = load_yaml("config/schemas/config.schema.yaml")
    assert set(schema["properties"]["to"]["enum"]) == {*FORMS, None}


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back(tmp_path, form):
    """Through the form's own files, found by what they are called and how they begin."""
    write_documents(tmp_path / "in.jsonl", [PLAIN, dataclasses.replace(PLAIN, id="b")])
    convert_documents([str(tmp_path / "in.jsonl")], settings_to(form), str(tmp_path / "out"))
    (made,) = [path for path in (tmp_path / "out").iterdir() if path.name != "conversion.json"]
    told = read_json(tmp_path / "out" / "conversion.json")
    assert (told["parts"], told["lost"], told["entities"]) == ({"documents": 2}, {}, 4)
    assert guess_form(made) == form
    definition = made / "tag_definition.json" if form == "mae" else None
    convert_documents([str(made)], settings_to("jsonl", definition=definition), str(tmp_path / "back"))
    back = list(read_documents(tmp_path / "back" / "documents.jsonl"))
    if form == "conll":  # whose reader counts entities from 0
        named = [dataclasses.replace(one, id=f"T{at + 1}") for at, one in enumerate(back[0].entities)]
        back = [dataclasses.replace(one, entities=tuple(named)) for one in back]
    assert back == [PLAIN, dataclasses.replace(PLAIN, id="b")]


@pytest.mark.parametrize("form", FORMS)
def test_losses_are_counted(form, tmp_path):
    """What is counted as lost is what does not come back; nothing else does not."""
    whole = dataclasses.replace(
        small(), entities=(dataclasses.replace(small().entities[0], score=0.5), *small().entities[1:])
    )
    counted = lost([whole], form)
    write_form(tmp_path / "out", [whole], form) if form in ("brat", "mae") else write_form(
        tmp_path / "o.json", [whole], form
    )
    full = {"links": 2, "fields": 3, "gaps": 1, "scores": 1}
    expected = {
        "jsonl": {},
        "pubtator": full,
        # Of two entities that share the mice the longer one stays.
        "conll": full | {"overlapping entities": 1},
    }
    assert counted == expected.get(form, {"scores": 1})


def test_what_is_lost_is_gone(tmp_path):
    write_form(tmp_path / "d.conll", [small()], "conll")
    (back,) = read_any(tmp_path / "d.conll")
    # Three of the four entities, one of them in two parts.
    assert [one.spans for one in back.entities] == [((0, 11),), ((18, 24),), ((29, 33),), ((35, 51),)]
    assert back.links == ()
    assert not any(one.fields for one in back.entities)


def test_forms_by_name_and_content(tmp_path):
    def make(name, content=b"x"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    assert guess_form(make("a.iob2")) == guess_form(make("a.conll.gz")) == "conll"
    assert guess_form(make("a.tgz")) == guess_form(make("a.tar.xz")) == guess_form(make("a.tar")) == "mae"
    assert guess_form(make("a.txt", b"\xef\xbb\xbf1|t|Title\r\n1|a|b\n")) == "pubtator"
    assert guess_form(make("p.txt.gz", gzip.compress(b"1|t|Title\n1|a|b\n"))) == "pubtator"
    assert guess_form(make("m.xml", xml())) == "mae"
    assert guess_form(make("c.xml", b"<?xml version='1.0'?><!DOCTYPE collection>\n<collection>")) == "bioc"
    make("b.ann")
    assert guess_form(make("b.txt", b"text")) == guess_form(tmp_path) == "brat"
    for path, message in (
        (make("unknown.pdf"), "is of no form known"),
        (make("lonely.txt", b"text"), "is of no form known"),
        (tmp_path / "absent", "no such file or folder"),
    ):
        with pytest.raises(LexomeError, match=message):
            guess_form(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LexomeError, match="holds neither"):
        guess_form(tmp_path / "empty")


def test_mae_of_archives_folders_and_files(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", FILES)
    documents = read_any(archive, "tags.json", ["raw/A", "Not A"])
    assert [one.id for one in documents] == ["1_x", "2_y", "3_z"]
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "1_x.txt_ann.xml").write_bytes(xml())
    (tmp_path / "tags.json").write_text(json.dumps(DEFINITION), encoding="utf-8")
    assert read_any(tmp_path / "A", tmp_path / "tags.json") == documents[:1]
    assert read_any(tmp_path / "A" / "1_x.txt_ann.xml", tmp_path / "tags.json") == documents[:1]
    with pytest.raises(LexomeError, match="name the folders of the archive"):
        read_any(archive, "tags.json")
    with pytest.raises(LexomeError, match="name it as `tag_definition`"):
        read_any(archive)
    with pytest.raises(LexomeError, match="name those wanted as `folders`: A"):
        read_any(tmp_path, tmp_path / "tags.json")
    (tmp_path / "A" / "2_y.xml").write_bytes(b"<Task>")
    # The path as the user knows it, from a folder and from an archive.
    with pytest.raises(LexomeError, match=f"^{tmp_path}/A/2_y.xml, line 1: is not well-formed"):
        read_any(tmp_path / "A", tmp_path / "tags.json")
    broken = packed(tmp_path / "b.tar", {"w/B/4.xml": b"<Task>"})
    with pytest.raises(LexomeError, match=r"b.tar: w/B/4.xml, line 1: is not well-formed"):
        read_any(broken, tmp_path / "tags.json", ["B"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("a.jsonl", "\n"), ("a.conll", ""), ("a.pubtator", "\r\n")),
        ("a.xml", "<collection><source/><date/><key/></collection>"),
    ],
)
def test_nothing_to_convert(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(LexomeError, match=f"{name}: holds no document"):
        read_any(tmp_path / name)


def test_two_sources_of_one_document():
    with pytest.raises(LexomeError, match=r"^b: document a1 stands there twice"):
        combine([("b", [small(), small()])])
    with pytest.raises(LexomeError, match=r"^b: document a1 is in a too"):
        combine([("a", [small()]), ("b", [small()])])
    assert [one.id for one in combine([("a", [small()]), ("b", [small("z")])])] == ["a1", "z"]


def many(n):
    return [dataclasses.replace(PLAIN, id=f"d{at}", text=PLAIN.text + f" No. {at // 2}") for at in range(n)]


def test_parts_keep_equal_texts_together():
    documents = many(40)
    parts = part(documents, {"train": 0.7, "valid": 0.1, "test": 0.2}, 1)
    assert {name: len(own) for name, own in parts.items()} == {"train": 28, "valid": 4, "test": 8}
    assert sorted(one.id for own in parts.values() for one in own) == sorted(one.id for one in documents)
    texts = [{one.text for one in own} for own in parts.values()]
    assert sum(map(len, texts)) == len(set.union(*texts))
    # Whatever their order; but another seed is another draw.
    again = part(documents[::-1], {"train": 0.7, "valid": 0.1, "test": 0.2}, 1)
    assert {name: {one.id for one in own} for name, own in again.items()} == {
        name: {one.id for one in own} for name, own in parts.items()
    }
    assert part(documents, {"train": 0.7, "valid": 0.1, "test": 0.2}, 2) != parts


def test_parts_that_cannot_be():
    with pytest.raises(LexomeError, match="must be above 0 and sum to 1"):
        part(many(4), {"a": 0.5, "b": 0.4}, 0)
    with pytest.raises(LexomeError, match="1 distinct texts are too few"):
        part(many(2), {"a": 0.5, "b": 0.5}, 0)


def test_parts_and_sources_are_written_and_told(tmp_path):
    write_documents(tmp_path / "a.jsonl", many(20))
    write_documents(tmp_path / "b.jsonl", [small("other")])
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    convert_documents(paths, settings_to("brat", parts={"one": 0.5, "two": 0.5}, seed=3), str(tmp_path / "out"))
    told = read_json(tmp_path / "out" / "conversion.json")
    assert [(one["form"], one["documents"]) for one in told["sources"]] == [("jsonl", 20), ("jsonl", 1)]
    assert sum(told["parts"].values()) == 21
    assert told["seed"] == 3
    assert len(list((tmp_path / "out" / "one").glob("*.ann"))) == told["parts"]["one"]


CONFIG = {"documents": "README.md", "to": "brat"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"documents": "absent.jsonl"}, "documents: no file or folder absent.jsonl"),
        ({"documents": ["README.md", "absent.xml"]}, "documents: no file or folder absent.xml"),
        ({"documents": None}, "documents: missing"),
        ({"parts": {"a": 0.5, "b": "0.6"}}, "parts: must sum to 1"),
    ],
)
def test_mistakes_of_the_config(change, message):
    assert convertplan.check_convert(CONFIG) == []
    (found,) = convertplan.check_convert(CONFIG | change)
    assert message in found


def test_an_edit_within_a_folder_is_one_of_an_input(tmp_path):
    """The workflow sees of a folder only that a file came or went."""
    for name in ("in/1.xml", "in/a/2.txt", "in/a/2.ann", "in/notes.md", "own.txt", "own.ann", "tags.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    config = CONFIG | {"documents": [str(tmp_path / "in"), str(tmp_path / "own.txt")]}
    names = ["in/1.xml", "in/a/2.ann", "in/a/2.txt", "own.ann"]
    assert convertplan.loose_files(config) == [str(tmp_path / name) for name in names]
    config["tag_definition"] = str(tmp_path / "tags.json")
    assert convertplan.loose_files(config)[-1] == str(tmp_path / "tags.json")
    assert convertplan.loose_files(CONFIG | {"tag_definition": "in_the_archive.json"}) == []
    (tmp_path / "in" / "{x}.txt").touch()
    (mistake,) = convertplan.check_convert(config)
    assert "{x}.txt: Snakemake takes braces in a path for wildcards" in mistake


def test_numbers_of_the_command_line_come_as_text():
    schema = load_yaml("config/schemas/config.schema.yaml")
    own = {
        key: schema["properties"][key]
        for key in ("documents", "to", "parts", "parts_seed", "folders", "tag_definition")
    }
    given = CONFIG | {"parts": {"train": "0.9", "test": "0.1"}, "parts_seed": "7", "folders": ["A b"]}
    check(given, {"type": "object", "additionalProperties": False, "properties": own}, "config")
    told = convertplan.convert_settings(given)
    assert (told["parts"], told["seed"]) == ({"train": 0.9, "test": 0.1}, 7)
    with pytest.raises(LexomeError, match=r"to: missing; write snakemake convert_documents"):
        convertplan.convert_settings({"documents": "README.md"})


@pytest.mark.parametrize(
    ("documents", "folder"),
    [
        ("a/My docs.v2.tar.gz", "results/converted/My-docs.v2.brat"),
        ("a/b/", "results/converted/b.brat"),
        (["x.jsonl.gz", "y.xml"], "results/converted/x-and-1.brat"),
        (["..jsonl"], "results/converted/documents.brat"),
    ],
)
def test_where_it_goes(documents, folder):
    assert convertplan.converted_folder({"documents": documents, "to": "brat"}) == folder
