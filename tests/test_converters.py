"""Documents come back from every form as they were, but for what the form says it loses; damaged files are named."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotated import documents, small
from lexome import biocfiles, brat, conll, pubtator
from lexome.documents import Document, Entity
from lexome.errors import LexomeError

WORDS = st.lists(st.sampled_from(["p53", "cells", "😀", "a-b", "grow.", "(RAS)", "é"]), min_size=1, max_size=12)


def of(form):
    """Writing to a string and reading it back."""
    if form == "brat":
        return lambda one: brat.parse_brat(one.text, brat.to_brat(one), "x.ann", one.id)
    if form == "conll":
        return lambda one: next(conll.parse_conll(conll.to_conll(one).split("\n"), "x.conll"))
    if form == "pubtator":
        return lambda one: next(pubtator.parse_pubtator(pubtator.to_pubtator(one), "x.pubtator"))
    return lambda one: biocfiles.from_bioc(biocfiles.to_bioc([one]), "x.xml")[0]


@given(documents())
@settings(max_examples=150)
def test_brat_keeps_all(document):
    assert of("brat")(document) == document


@given(documents())
@settings(max_examples=60)
def test_bioc_keeps_all(document):
    assert of("bioc")(document) == document


@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_bioc_files_keep_all(tmp_path, suffix):
    @given(documents())
    @settings(max_examples=60)
    def inner(document):
        path = tmp_path / f"d.{suffix}"
        biocfiles.write_bioc(path, [document, small("z")])
        assert biocfiles.read_bioc(path) == [document, small("z")]

    inner()


@given(documents(gaps=False, links=False, fields=False))
@settings(max_examples=100)
def test_pubtator_keeps_title_abstract_and_entities(document):
    back = of("pubtator")(document)
    title, _, rest = document.text.rstrip("\n").partition("\n")
    assert back.text == (f"{title}\n" + rest.replace("\n", " ") if rest else title)
    spans = [(one.category, one.start, min(one.end, len(back.text))) for one in document.entities]
    assert [(one.category, one.start, one.end) for one in back.entities] == spans


def test_pubtator_keeps_concepts():
    entity = Entity("T1", "PROCESS", ((8, 12),), {"concept": "GO:0006915"})
    document = Document("7", "Title\nof cells", (entity,))
    assert of("pubtator")(document) == document


@given(documents(gaps=False, overlaps=False, links=False, fields=False, text=WORDS.map(" ".join)))
@settings(max_examples=100)
def test_conll_keeps_entities_and_places(document):
    """Entities that begin or end within a word, too, but for blanks at their ends."""
    back = of("conll")(document)
    assert back.text.split() == document.text.split()

    def trimmed(one):
        (start, end), text = one.spans[0], document.text
        own = text[start:end]
        return one.category, (start + len(own) - len(own.lstrip()), end - len(own) + len(own.rstrip()))

    assert [(one.category, one.spans[0]) for one in back.entities] == [trimmed(one) for one in document.entities]
    # What came back has nothing that the form would lose.
    assert of("conll")(back) == back


def test_conll_as_others_read_it():
    document = Document(
        "1", "RAS grows. Cells die.", (Entity("E", "GENE", ((0, 3),)), Entity("F", "CELL", ((11, 20),)))
    )
    rows = [line.split("\t") for line in conll.to_conll(document).split("\n")]
    assert rows[0] == ["-DOCSTART- 1"]
    assert [(row[0], row[-1]) for row in rows[1:]] == [
        *(("", ""), ("RAS", "B-GENE"), ("grows", "O"), (".", "O"), ("", "")),
        *(("Cells", "B-CELL"), ("die", "I-CELL"), (".", "O"), ("", ""), ("", "")),
    ]


def test_conll_of_others_is_put_together():
    """No places, other columns, no names; an entity may follow another of its category."""
    lines = [
        "-DOCSTART- -X- O O",
        "",
        "EU NNP B-NP B-ORG",
        "rejects VBZ B-VP O",
        "",
        "John NNP I-NP B-PER",
        "Doe NNP I-NP I-PER",
    ]
    lines += ["Jane NNP I-NP B-PER", "", "-DOCSTART-\t-X-\tO", "", "x\tO"]
    first, second = conll.parse_conll(lines, "x.conll")
    assert (first.id, first.text) == ("document1", "EU rejects\nJohn Doe Jane")
    assert [(e.category, first.text[slice(*e.spans[0])]) for e in first.entities] == [
        *(("ORG", "EU"), ("PER", "John Doe"), ("PER", "Jane")),
    ]
    assert (second.id, second.text, second.entities) == ("document2", "x", ())


def test_conll_of_what_it_cannot_hold():
    gapped = dataclasses.replace(small(), entities=small().entities[1:2], links=())
    assert [one.spans for one in of("conll")(gapped).entities] == [((18, 24),), ((29, 33),)]
    nested = (Entity("A", "X", ((0, 4),)), Entity("B", "Y", ((0, 11),)))
    kept = of("conll")(dataclasses.replace(small(), entities=nested, links=())).entities
    assert [(one.category, one.spans) for one in kept] == [("Y", ((0, 11),))]


def test_conll_parts_no_entity_by_a_blank_line():
    document = dataclasses.replace(small(), entities=(Entity("E", "X", ((18, 33),)),), links=())
    assert [one.spans for one in of("conll")(document).entities] == [((18, 33),)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a O", "b"], "line 2: the first of two or more columns is to be a token and the last one O, B-X or I-X"),
        (["a X-GENE"], "line 1: the first"),
        (["\tO"], "line 1: the first"),
        (["ab\t0\t2\tO", "c\t9999999999\t10000000000\tO"], "line 2: 'c' cannot stand at 9999999999"),
        (["ab\t0\t2\tO", "c\t1\t2\tO"], "line 2: 'c' cannot stand at 1 to 2"),
        (["ab\t0\t3\tO"], "line 1: 'ab' cannot stand at 0 to 3"),
    ],
)
def test_wrong_columns_are_named(lines, message):
    with pytest.raises(LexomeError, match=f"^x.conll, {message}"):
        list(conll.parse_conll(lines, "x.conll"))


BRAT = """T1\tACTION 0 4\tLoss
T2\tCONTEXT 18 24;29 33\tgrowth mice
T3\tCONTEXT 29 33\tmice
A1\tNegated T1
A2\tkind T1 loss of function
#1\tAnnotatorNotes T1\tnot sure
N1\tReference T3 Taxonomy:10090\tmouse
R1\tPart-of Arg1:T2 Arg2:T3
*\tEquiv T2 T3
E1\tRegulates:T1 Theme:T3 Site:E2
E2\tGrows:T2
E3\tOnly:T1
"""


def test_brat_of_others():
    document = brat.parse_brat(small().text, BRAT.replace("\n", "\r\n"), "x.ann", "x")
    assert document.entities[0].fields == {"Negated": "true", "kind": "loss of function"}
    assert document.entities[1].spans == ((18, 24), (29, 33))
    assert document.entities[2].fields == {"concept": "Taxonomy:10090"}
    assert [(link.id, link.members, link.fields) for link in document.links] == [
        ("R1", ("T2", "T3"), {"type": "Part-of"}),
        ("*1", ("T2", "T3"), {"type": "Equiv"}),
        ("E1", ("T1", "T3", "T2"), {"type": "Regulates"}),
    ]
    assert of("brat")(document) == document


def test_brat_names_links_two_at_a_time():
    three = dataclasses.replace(small(), links=(dataclasses.replace(small().links[0], members=("P0", "C0", "P1")),))
    lines = [line.split("\t")[1] for line in brat.to_brat(three).split("\n") if line.startswith("R")]
    assert lines == ["Link Arg1:T1 Arg2:T2", "Link Arg1:T1 Arg2:T3"]
    assert of("brat")(three) == three


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T9\tX 0 4\tGain", "it says 'Gain', but its spans hold 'Loss'"),
        ("T9\tX 0\tLoss", "is no line of BRAT"),
        ("T9\tX a b\tLoss", "is no line of BRAT"),
        ("T1\tX 0 4\tLoss", "the id T1 stands there twice"),
        ("R9\tX T1 T2", "is no line of BRAT"),
        ("N9\tReference T1", r"is no line of BRAT \(N1.Reference T1 TERM.NAME, where . is a tab\)"),
        ("A9\tNegated T9", "is of T9, which is not there"),
        ("N9\tReference T9 GO:1\tx", "is of T9, which is not there"),
        (" T9\tX 0 4\tLoss", "a line begins with T, R"),
    ],
)
def test_wrong_lines_of_brat_are_named(line, message):
    with pytest.raises(LexomeError, match=f"^x.ann, line 13: .*{message}"):
        brat.parse_brat(small().text, BRAT + line, "x.ann", "x")


def test_brat_links_to_nothing_are_refused():
    with pytest.raises(LexomeError, match="link R9: there is no entity T9"):
        brat.parse_brat(small().text, BRAT + "R9\tX Arg1:T1 Arg2:T9", "x.ann", "x")


def test_brat_files(tmp_path):
    """Names of documents are no paths."""
    both = [small("../up/a%2F"), small("b c")]
    brat.write_brat(tmp_path / "out", both)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".ann", ".ann", ".txt", ".txt"]
    assert sorted(brat.read_brat(tmp_path / "out"), key=lambda one: one.id) == both
    assert brat.read_brat(tmp_path / "out" / "b c.txt") == [small("b c")]
    (tmp_path / "out" / "alone.ann").touch()
    with pytest.raises(LexomeError, match=r"alone.ann: has no text beside it; put alone.txt there"):
        brat.read_brat(tmp_path / "out")
    with pytest.raises(LexomeError, match="the id is too long for the name of a file"):
        brat.write_brat(tmp_path / "long", [small("x" * 300)])
    assert not (tmp_path / "long").exists()
    (tmp_path / "out" / "alone.ann").unlink()
    (tmp_path / "out" / "b c.ann").unlink()
    with pytest.raises(LexomeError, match=r"b c.ann: no such file"):
        brat.read_brat(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LexomeError, match=r"empty: no file \*.txt"):
        brat.read_brat(tmp_path / "empty")


def test_line_ends_of_a_text_stay(tmp_path):
    windows = Document("w", "a\r\nb\rc\n", (Entity("T1", "X", ((3, 6),)),))
    brat.write_brat(tmp_path / "out", [windows])
    assert brat.read_brat(tmp_path / "out") == [windows]
    biocfiles.write_bioc(tmp_path / "w.xml", [windows])
    assert biocfiles.read_bioc(tmp_path / "w.xml") == [windows]


@pytest.mark.parametrize(
    ("change", "forms"),
    [
        ({"category": "two words"}, ("brat", "conll")),
        ({"category": ""}, ("brat", "conll", "pubtator")),
        ({"fields": {"a b": "x"}}, ("brat",)),
        ({"fields": {"a": "x\ty"}}, ("brat",)),
        ({"fields": {"a": ""}}, ("brat",)),
        ({"fields": {"concept": "a\tb"}}, ("brat", "pubtator")),
        ({"fields": {"type": "x"}}, ("bioc",)),
    ],
)
def test_what_a_form_has_no_place_for_is_refused(change, forms):
    wrong = dataclasses.replace(small(), entities=(dataclasses.replace(small().entities[0], **change),), links=())
    for form in forms:
        with pytest.raises(LexomeError, match="document a1"):
            of(form)(wrong)


PUBTATOR = (
    "1|t|Loss of RAS\n1|a|kills cells\n1\t8\t11\tRAS\tGene\t3265\n1\tCID\t3265\t77\n\n2|t|Second\n2\t0\t6\tSecond\tX\n"
)


def test_pubtator_of_others():
    first, second = pubtator.parse_pubtator(PUBTATOR.replace("\n", "\r\n"), "x")
    assert (first.id, first.text) == ("1", "Loss of RAS\nkills cells")
    assert first.entities == (Entity("T1", "Gene", ((8, 11),), {"concept": "3265"}),)
    assert (second.text, second.entities[0].spans) == ("Second", ((0, 6),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PUBTATOR.replace("8\t11", "9\t12"), "line 3: it says 'RAS', but 9 to 12 holds"),
        (PUBTATOR.replace("8\t11", "x\t12"), "line 3: is no entity"),
        (PUBTATOR.replace("\n\n", "\n"), "line 5: is of '2' amid document 1"),
        (PUBTATOR.replace("1|a|", "1|t|"), r"line 2: document 1 has \|t\| twice"),
        ("1|a|alone\n", "line 1: document 1 has no title"),
        (PUBTATOR.replace("8\t11\tRAS", "8\t8\t"), "line 3: document 1, entity T1: span 8-8 is empty"),
        (PUBTATOR.replace("\tGene", "\t "), "line 3: document 1, entity T1: has no category"),
        ("just a text\n", "line 1: is no entity"),
    ],
)
def test_wrong_lines_of_pubtator_are_named(content, message):
    with pytest.raises(LexomeError, match=f"^x, {message}"):
        list(pubtator.parse_pubtator(content, "x"))


BIOC = """<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>s</source><date></date><key></key><document><id>9</id>
<passage><offset>0</offset><text>Title</text></passage>
<passage><offset>8</offset><sentence><offset>8</offset><text>RAS grows.</text>
<annotation id="1"><infon key="type">Gene</infon><location offset="8" length="3"/><text>RAS</text></annotation>
</sentence></passage>
<annotation id="2"><infon key="type">Word</infon><location offset="0" length="5"/><text/></annotation>
<relation id="R"><infon key="type">in</infon><node refid="1" role="a"/><node refid="2" role="b"/></relation>
</document></collection>"""


def test_bioc_of_others(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text(BIOC, encoding="utf-8")
    (document,) = biocfiles.read_bioc(path)
    assert document.text == "Title\n  RAS grows."
    assert {one.id: document.text[slice(*one.spans[0])] for one in document.entities} == {"1": "RAS", "2": "Title"}
    assert [(link.members, link.fields) for link in document.links] == [(("1", "2"), {"type": "in"})]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('offset="8" length="3"', 'offset="7" length="3"', "annotation 1: it says 'RAS', but its locations hold ' RA'"),
        (
            "<offset>8</offset><text>",
            "<offset>2</offset><text>",
            "passage at 2 begins before the one before it ends, at 5",
        ),
        ('key="type">Gene', 'key="kind">Gene', "annotation 1: has no infon `type`"),
        ('refid="2"', 'refid="3"', "there is no entity 3"),
        ("</document>", "", "is not well-formed XML"),
        ("<offset>0</offset>", "", "is no BioC collection"),
        ("<offset>8</offset><text>", "<offset>9999999999</offset><text>", "the passage at 9,999,999,999 begins"),
        ('<annotation id="1">', "<annotation>", "line 5: <annotation>: has no id"),
        ('offset="8" length="3"', 'offset="x" length="3"', "line 5: <location>: offset='x' is no whole number"),
        ('role="a"', "", "line 8: <node>: has no role"),
        ('SYSTEM "BioC.dtd"', '[<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]', "declares entities"),
        ('SYSTEM "BioC.dtd"', '[<!ENTITY a SYSTEM "file:///etc/hostname">]', "declares entities"),
    ],
)
def test_wrong_bioc_is_named(tmp_path, old, new, message):
    path = tmp_path / "x.xml"
    assert old in BIOC
    path.write_text(BIOC.replace(old, new), encoding="utf-8")
    with pytest.raises(LexomeError, match=f"x.xml.*{message}"):
        biocfiles.read_bioc(path)


@pytest.mark.parametrize(
    "content", ["", "x", "[]", "{}", '{"documents": [{"id": "1"}]}', json.dumps({"documents": 1}), "{", "[" * 100_000]
)
def test_wrong_json_of_bioc_is_named(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LexomeError, match=r"x.json: is no BioC collection"):
        biocfiles.read_bioc(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"text": "bell"', '"text": 5', "document 7: a passage's offset is to be a whole number, its text a string"),
        ('"offset": 0, "length": 4', '"offset": "0", "length": 4', "document 7, annotation E: offset and length"),
    ],
)
def test_wrong_values_in_json_of_bioc_are_named(tmp_path, old, new, message):
    path = tmp_path / "x.json"
    biocfiles.write_bioc(path, [Document("name", "bell", (Entity("E", "X", ((0, 4),)),))])
    content = path.read_text(encoding="utf-8").replace('"id": "name"', '"id": 7')
    path.write_text(content, encoding="utf-8")
    assert biocfiles.read_bioc(path)[0].id == "7"
    content = content.replace('"text": "bell", "sentences"', '"text": "bell" , "sentences"')
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(LexomeError, match=f"x.json: {message}"):
        biocfiles.read_bioc(path)


def test_signs_that_xml_cannot_hold(tmp_path):
    document = Document("c", "bell \x07", (Entity("E", "X", ((0, 4),)),))
    with pytest.raises(LexomeError, match="a character that XML has no place for"):
        biocfiles.write_bioc(tmp_path / "c.xml", [document])
    biocfiles.write_bioc(tmp_path / "c.json", [document])
    assert biocfiles.read_bioc(tmp_path / "c.json") == [document]
