"""MAE's XML is read by any definition of tags, comes back as it was, and is refused where it is wrong."""

import dataclasses
import io
import json
import tarfile

import pytest
from hypothesis import given, settings

from annotated import TEXT, documents, small
from lexome import mae
from lexome.archives import read_folders, read_member
from lexome.errors import LexomeError
from lexome.maewriting import to_mae

DEFINITION = {
    "ACTION": {"entity_linking_field": "@actionID", "fields": {"kind": {"mae_field": "@action_kind"}}},
    "CONTEXT": {"entity_linking_field": "contextID", "fields": {"where": {"mae_field": "where"}}},
}
TAGS = mae.parse_definition(json.dumps(DEFINITION), "tags.json")
GOOD = """<?xml version="1.0" encoding="UTF-8" ?>
<Task><TEXT><![CDATA[{text}]]></TEXT>
<TAGS>
<ACTION id="P0" spans="0~4" text="Loss" action_kind="loss" />
<CONTEXT id="C0" spans="18~24,29~33" text="growth ... mice" where="in vivo" />
{tag}
</TAGS></Task>
"""
LINK = '<LINKED id="L0" actionID="P0" actionText="Loss" contextID="C0" contextText="growth ... mice" sure="no" />'


def xml(tag=LINK, text=TEXT):
    return GOOD.format(text=text, tag=tag).encode()


def read(content, **more):
    return mae.parse_mae(content, "dir/1_x.xml", "1_x", TAGS, **more)


def test_a_file_is_read():
    document = read(xml())
    assert document.text == small().text
    assert [(one.id, one.category, one.spans, one.fields) for one in document.entities] == [
        ("P0", "ACTION", ((0, 4),), {"kind": "loss"}),
        ("C0", "CONTEXT", ((18, 24), (29, 33)), {"where": "in vivo"}),
    ]
    assert [(one.id, one.members, one.fields) for one in document.links] == [("L0", ("P0", "C0"), {"sure": "no"})]


@given(documents())
@settings(max_examples=150)
def test_written_and_read(document):
    """But for links with two of one category, which MAE has no place for."""
    category = {entity.id: entity.category for entity in document.entities}
    fitting = [one for one in document.links if len({category[name] for name in one.members}) == len(one.members)]
    tags = mae.definition_of([document]) or TAGS
    if len(fitting) < len(document.links):
        with pytest.raises(LexomeError, match="two members of one category"):
            to_mae(document, tags)
    document = dataclasses.replace(document, links=tuple(fitting))
    if not document.text.strip():
        return  # refused
    again = mae.parse_definition(mae.definition_json(tags), "tags.json")
    assert mae.parse_mae(to_mae(document, tags).encode(), "x.xml", document.id, again) == document


def test_offsets_count_utf16():
    document = read(xml("").replace(b"Loss of p53", "Loss of 😀3".encode()).replace(b"18~24,29~33", b"18~24,29~33"))
    # The face is one character, but two code units: what stands behind it is one place further on in the file.
    assert document.entities[1].spans == ((17, 23), (28, 32))
    with pytest.raises(LexomeError, match="span 8~9 leaves the text or parts a character"):
        read(xml('<ACTION id="P9" spans="8~9" />').replace(b"Loss of p53", "Loss of 😀3".encode()))


def test_line_ends_are_one_sign():
    """As XML has it: \\r\\n of a file is \\n of its text."""
    assert read(xml("").replace(b"\n", b"\r\n")) == read(xml(""))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding):
    content = xml().decode().replace('encoding="UTF-8"', "").encode(encoding)
    assert read(content) == read(xml())


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ('<ACTION id="P1" spans="12-15" />', r"line 7: <ACTION id=\"P1\">: spans='12-15' is no span; write start~end"),
        ('<ACTION id="P1" spans="" />', "spans='' is no span"),
        ('<ACTION id="P1" />', "spans='' is no span"),
        ('<ACTION id="P1" spans="5~5" />', "span 5~5 is empty or reversed"),
        ('<ACTION id="P1" spans="7~5" />', "span 7~5 is empty or reversed"),
        ('<ACTION id="P1" spans="60~900" />', "span 60-900 leaves the text, which has 63 characters"),
        ('<ACTION id="P1" spans="60~99999999999" />', "is no span"),
        ('<ACTION id="P1" spans="0~4,2~6" />', 'line 7: <ACTION id="P1">: .*span 2-6 overlaps'),
        ('<ACTION id="P1" spans="0~4" text="Gain" />', "text='Gain', but its spans hold 'Loss'"),
        ('<ACTION spans="0~4" />', "<ACTION>: has no id"),
        ('<ACTION id="C0" spans="0~4" />', "the id stands in line 6 already"),
        ('<OTHER id="O1" spans="0~4" />', "the definition names no such tag, only ACTION, CONTEXT; add it"),
        ('<LINKED id="L0" actionID="P0" contextID="C7" />', 'line 7: <LINKED id="L0">: .*there is no entity C7'),
        ('<LINKED id="L0" actionID="P0" contextID="" />', "needs two or more different entities, has P0"),
        ('<LINKED id="L0" actionID="P0" contextID="P0" />', "needs two or more different entities, has P0, P0"),
        ('<LINKED id="L0" actionID="C0" contextID="P0" />', "actionID names C0, which is a CONTEXT"),
        ("<ACTION", "line 8: is not well-formed XML"),
    ],
)
def test_a_wrong_tag_is_named(tag, message):
    with pytest.raises(LexomeError, match=f"^dir/1_x.xml, .*{message}"):
        read(xml(tag))


def test_wrong_links_can_be_left_out():
    wrong: list[str] = []
    document = read(
        xml('<LINKED id="L0" actionID="C0" contextID="P0" />' + LINK.replace("L0", "L1")), wrong_links=wrong
    )
    assert [link.id for link in document.links] == ["L1"]
    assert len(wrong) == 1
    assert "L0" in wrong[0]


def test_tags_can_be_passed_over():
    assert read(xml('<OTHER id="O1" spans="0~900" />'), ignore=["OTHER"]) == read(xml(""))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Task><TEXT>&b;</TEXT><TAGS/></Task>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<Task><TEXT>&a;</TEXT><TAGS/></Task>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, "declares a document type or entities"),
        (OUTSIDE, "declares a document type or entities"),
        (b"<Task><TAGS></TAGS></Task>", "has no <TEXT>, or an empty one"),
        (b"<Task><TEXT> </TEXT><TAGS></TAGS></Task>", "has no <TEXT>, or an empty one"),
        (b"", "line 1: is not well-formed XML"),
        (b"\x00\xff garbage", "not well-formed"),
        (b'<?xml version="1.0" encoding="martian"?><Task/>', "not well-formed|encoding is not known"),
        (b"<Task><TEXT>\xe9</TEXT></Task>", "not well-formed"),
        (b" " * (mae.MAX_BYTES + 1), "more than 16,777,216 bytes"),
    ],
)
def test_what_is_no_annotated_text_is_refused(content, message):
    with pytest.raises(LexomeError, match=f"^dir/1_x.xml.*({message})"):
        read(content)


@pytest.mark.parametrize("told", ["{}", "[]", "{", '{"A": []}', '{"A": {"fields": {"x": "y"}}}'])
def test_what_is_no_definition_is_refused(told):
    with pytest.raises(LexomeError, match=r"^tags.json: (is no definition of tags|defines no tag)"):
        mae.parse_definition(told, "tags.json")


def test_attributes_of_mae_are_no_fields():
    with pytest.raises(LexomeError, match="A: the attribute 'text' is MAE's own"):
        mae.parse_definition('{"A": {"fields": {"words": {"mae_field": "@text"}}}}', "tags.json")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"entity_linking_field": "@id"}, "A: entity_linking_field 'id' is MAE's own"),
        ({"felds": {"x": {"mae_field": "x"}}}, "A has 'felds', but no 'fields'"),
    ],
)
def test_a_definition_that_would_be_misread(entry, message):
    with pytest.raises(LexomeError, match=f"^tags.json: .*{message}"):
        mae.parse_definition(json.dumps({"A": entry}), "tags.json")


def test_a_document_without_text_is_not_written():
    with pytest.raises(LexomeError, match="document e: has no text"):
        to_mae(dataclasses.replace(small("e"), text=" \n", entities=(), links=()), TAGS)


def test_two_tags_cannot_be_linked_by_one_attribute():
    with pytest.raises(LexomeError, match="oneID is the entity_linking_field of two tags"):
        mae.parse_definition('{"A": {"entity_linking_field": "oneID"}, "B": {"entity_linking_field": "@oneID"}}', "t")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "\x01" + small().text[1:]}, "a character that XML has no place for"),
        ({"entities": (dataclasses.replace(small().entities[0], category="NEW"),), "links": ()}, "no tag 'NEW'"),
        ({"entities": (dataclasses.replace(small().entities[0], fields={"age": "1"}),), "links": ()}, "no field 'age'"),
    ],
)
def test_what_cannot_be_written_is_refused(change, message):
    with pytest.raises(LexomeError, match=f"document a1: .*{message}"):
        to_mae(dataclasses.replace(small(), **change), TAGS)


def packed(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


FILES = {
    "top/raw/A/1_x.txt_ann.xml": xml(),
    "top/raw/A/2_y.txt_ann.xml": xml(""),
    "top/raw/Not A/3_z.xml": xml(""),
    "top/raw/A/inner/4.xml": xml(""),
    "top/raw/A/notes.txt": b"none",
    "top/tags.json": json.dumps(DEFINITION).encode(),
    "top/old/tags.json": b"{}",
    "../../escaped/5.xml": xml(""),
}


@pytest.fixture(params=["archive", "folder"])
def archive(request, tmp_path):
    if request.param == "archive":
        return packed(tmp_path / "all.tar.gz", FILES)
    for name, content in FILES.items():
        if not name.startswith(".."):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    return tmp_path / "top"


def test_folders_are_found_by_the_end_of_their_path(archive, tmp_path):
    before = sorted(tmp_path.parent.rglob("*"))
    tags = mae.read_definition("tags.json", archive)
    assert tags == TAGS
    found = mae.read_annotated(archive, ["raw/A", "Not A"], tags)
    assert {folder: [one.id for one in own] for folder, own in found.items()} == {
        "raw/A": ["1_x", "2_y"],
        "Not A": ["3_z"],
    }
    assert mae.read_folder(archive, "A", tags) == found["raw/A"]
    # Nothing is unpacked, least of all outside.
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("folders", "message"),
    [(["B"], r"no file \*.xml in a folder 'B'"), (["A", "w/A"], r"no file \*.xml in a folder 'w/A'")],
)
def test_absent_folders(archive, folders, message):
    with pytest.raises(LexomeError, match=message):
        mae.read_annotated(archive, folders, TAGS)


def test_ends_that_two_paths_share(tmp_path):
    archive = packed(tmp_path / "a.tar", {"x/A/1.xml": b"1", "y/A/2.xml": b"2", "y/A/t.json": b"", "x/A/t.json": b""})
    with pytest.raises(LexomeError, match="two folders end in 'A': x/A and y/A"):
        read_folders(archive, ["A"], ".xml")
    with pytest.raises(LexomeError, match=r"two files end in 't.json': x/A/t.json and y/A/t.json"):
        read_member(archive, "t.json")
    with pytest.raises(LexomeError, match=r"no file 'u.json' in it"):
        read_member(archive, "u.json")
    assert read_folders(archive, ["y/A"], ".xml") == {"y/A": {"y/A/2.xml": b"2"}}


def test_names_of_other_systems(tmp_path):
    """Suffixes in capitals, and what macOS packs beside every file."""
    archive = packed(tmp_path / "a.tar", {"A/1.XML": b"1", "A/._1.XML": b"junk", "A/._2.xml": b"junk"})
    assert read_folders(archive, ["A"], ".xml") == {"A": {"A/1.XML": b"1"}}


def test_two_files_of_one_document(tmp_path):
    archive = packed(tmp_path / "a.tar", {"A/1_x.txt_ann.xml": xml(), "A/1_x.txt_bob.xml": xml()})
    with pytest.raises(LexomeError, match="are both of document 1_x"):
        mae.read_folder(archive, "A", TAGS)


def test_archives_that_are_none(tmp_path):
    whole = packed(tmp_path / "a.tar.gz", {"A/1.xml": xml() * 50}).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar.gz").write_bytes(b"no archive")
    for name in ("cut.tar.gz", "text.tar.gz"):
        with pytest.raises(LexomeError, match=f"{name}: no tar archive, or cut off or damaged"):
            read_folders(tmp_path / name, ["A"], ".xml")
    with pytest.raises(LexomeError, match="no such file or folder"):
        read_folders(tmp_path / "absent.tar", ["A"], ".xml")


def test_members_are_not_read_whatever_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr("lexome.archives.MAX_BYTES", 100)
    with pytest.raises(LexomeError, match=r"A/1.xml has \d+ bytes, more than annotated texts have"):
        read_folders(packed(tmp_path / "a.tar", {"A/1.xml": b" " * 101}), ["A"], ".xml")
