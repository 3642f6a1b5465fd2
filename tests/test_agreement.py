"""Annotators compared: figures with independent oracles, disagreements, the page; what cannot be compared is said."""

import re
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from compare_annotators import compare_annotators
from lexome import agreement, agreementplan, reliability
from lexome.disagreements import KINDS, disagreements
from lexome.documents import Document, Entity, Link, write_documents
from lexome.errors import LexomeError
from lexome.runtime import read_tsv, write_json

ROOT = Path(agreement.__file__).parents[2]
BOOTSTRAP = {"replicates": 50, "level": 0.95, "seed": 0}
TEXT = "Loss of ATG7 blocks autophagy in HeLa cells of old mice."
FIELDS = {"context": {"category": "CONTEXT"}, "effect": {"category": "EFFECT"}}


def entity(name, category, words, text=TEXT, **fields):
    start = text.index(words)
    return Entity(name, category, ((start, start + len(words)),), fields)


def document(*entities, links=(), name="d0", text=TEXT):
    return Document(name, text, entities, tuple(Link(f"L{n}", members) for n, members in enumerate(links)))


FIRST = document(
    entity("a", "ACTION", "Loss of ATG7"),
    entity("e", "EFFECT", "blocks", effect="negative"),
    entity("p", "PHENOTYPE", "autophagy"),
    entity("c", "CONTEXT", "HeLa cells", context="cells"),
    links=[("a", "e", "p")],
)
SECOND = document(
    entity("x", "ACTION", "ATG7"),
    entity("y", "EFFECT", "blocks", effect="positive"),
    entity("z", "PHENOTYPE", "autophagy"),
    entity("v", "PHENOTYPE", "HeLa cells"),
    entity("w", "CONTEXT", "old mice", context="organism"),
    links=[("x", "y", "z"), ("y", "w")],
)


def value(table, metric, category="", annotators=None):
    rows = table[(table["metric"] == metric) & (table["category"] == category)]
    if annotators is not None:
        rows = rows[rows["annotators"] == annotators]
    return rows["value"].iloc[0]


def compare(first, second, **options):
    return agreement.agreement({"A": first, "B": second}, [], options.get("fields", FIELDS), BOOTSTRAP)


def test_figures_of_a_text_counted_by_hand():
    table = compare([FIRST], [SECOND])
    # 4 and 5 mentions; effect and phenotype are strictly the same, the action overlaps.
    assert value(table, "entity_f1") == pytest.approx(2 * 2 / 9)
    assert value(table, "partial_f1") == pytest.approx(2 * 3 / 9)
    assert value(table, "entity_f1", "ACTION") == 0
    assert value(table, "partial_f1", "ACTION") == 1
    # Words: Loss of ATG7 blocks autophagy HeLa cells | ATG7 blocks autophagy HeLa cells old mice.
    assert value(table, "word_f1") == pytest.approx(2 * 3 / (7 + 7))
    # Either marked 9 words, of which ATG7 and autophagy are wholly alike, blocks has another value.
    assert value(table, "total_similarity") == pytest.approx(2 / 9)
    assert value(table, "effect_agreement", "EFFECT") == 0
    # Of three pairs each among the mentions that both found (a, e, p); exactly: only e-p of 3 and 4.
    assert value(table, "link_f1") == 1
    assert value(table, "joint_link_f1") == pytest.approx(2 * 1 / 7)
    assert value(table, "joint_link_partial_f1") == pytest.approx(2 * 3 / 7)
    assert value(table, "documents") == 1
    assert value(table, "entities", annotators="B") == 5
    assert value(table, "links", annotators="B") == 2
    assert table["low"].isna().all(), "one text allows no interval"


def labels_of(text, doc):
    """The category of each word, found naively."""
    told = []
    for word in re.finditer(r"\S+", text):
        held = [e for e in doc.entities if any(s < word.end() and word.start() < t for s, t in e.spans)]
        told.append(held[0].category if held else "none")
    return told


SPANS = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 3), st.sampled_from("XYZ")), max_size=4)
WORDS = "aa bb cc dd ee ff gg hh ii jj kk ll"


def marked(parts, number):
    """A document of twelve words with mentions that do not overlap."""
    entities, behind = [], 0
    for start, length, category in sorted(parts):
        if start >= behind and start < 12:
            behind = min(12, start + length)
            entities.append(Entity(f"T{len(entities)}", category, ((3 * start, 3 * behind - 1),)))
    return Document(f"d{number}", WORDS, tuple(entities))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(SPANS, SPANS, SPANS), min_size=1, max_size=4))
def test_kappa_alpha_and_confusion_agree_with_other_implementations(parts):
    sides = {name: [marked(own[place], number) for number, own in enumerate(parts)] for place, name in enumerate("ABC")}
    table = agreement.agreement(sides, list("XYZ"), {}, {**BOOTSTRAP, "replicates": 20})
    labels = {name: [label for doc in own for label in labels_of(WORDS, doc)] for name, own in sides.items()}
    codes = {name: [["none", *"XYZ"].index(label) for label in own] for name, own in labels.items()}
    every = np.array(list(codes.values()))
    if len(np.unique(every)) > 1:
        wanted = krippendorff.alpha(reliability_data=every, level_of_measurement="nominal")
        assert value(table, "alpha", annotators=agreement.EVERY_PAIR) == pytest.approx(wanted)
    for pair in agreement.pair_up(sides):
        one, other = (labels[name] for name in pair.names)
        crossed = agreement.confusion(pair, list("XYZ"))
        np.testing.assert_array_equal(crossed, confusion_matrix(one, other, labels=["none", *"XYZ"]))
        if len({*one, *other}) > 1:
            found = value(table, "kappa", annotators=pair.title)
            assert found == pytest.approx(cohen_kappa_score(one, other))
        for category in "XYZ":
            bears = [[label == category for label in own] for own in (one, other)]
            if len({*bears[0], *bears[1]}) > 1:
                found = value(table, "kappa", category, pair.title)
                assert found == pytest.approx(cohen_kappa_score(*bears))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
def test_agreement_is_the_same_the_other_way_round(parts):
    sides = [[marked(own[place], number) for number, own in enumerate(parts)] for place in (0, 1)]
    tables = [
        agreement.agreement(dict(zip("AB", order, strict=True)), list("XYZ"), {}, {**BOOTSTRAP, "replicates": 20})
        for order in (sides, sides[::-1])
    ]
    for metric in ("entity_f1", "partial_f1", "word_f1", "kappa", "alpha", "total_similarity"):
        one, other = (value(table, metric) for table in tables)
        # F1 is defined where the first annotator, who stands for the truth, has something to find.
        if np.isfinite(one) and np.isfinite(other):
            assert one == pytest.approx(other), metric


def test_kappa_and_alpha_of_many_tables_at_once():
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 9, (5, 3, 3))
    flat = tables.reshape(5, 9)
    for table, found in zip(tables, reliability.kappa(flat), strict=True):
        one, other = (np.repeat(np.indices((3, 3))[axis].ravel(), table.ravel()) for axis in (0, 1))
        assert found == pytest.approx(cohen_kappa_score(one, other))
    assert np.isnan(reliability.kappa(np.array([7, 0, 0, 0])))
    assert reliability.kappa(np.array([3, 0, 0, 4])) == 1


def corpus(seed, n=14):
    """Texts that differ, marked by two people who agree on most."""
    rng = np.random.default_rng(seed)
    sides = {"A": [], "B": []}
    for number in range(n):
        text = f"{TEXT} Text {number}."
        own = [e for e in FIRST.entities if rng.random() < 0.9]
        sides["A"].append(Document(f"d{number}", text, tuple(own)))
        sides["B"].append(Document(f"d{number}", text, tuple(e for e in own if rng.random() < 0.8)))
    return sides


def test_intervals_hold_the_figure_and_equal_texts_are_drawn_together():
    sides = corpus(0)
    table = agreement.agreement(sides, [], FIELDS, BOOTSTRAP)
    row = table[(table["metric"] == "entity_f1") & (table["category"] == "")].iloc[0]
    assert 0 < row["low"] < row["value"] < row["high"] <= 1
    assert row["n"] == sum(len(own.entities) for own in sides["A"])
    again = agreement.agreement(sides, [], FIELDS, BOOTSTRAP)
    pd.testing.assert_frame_equal(table, again)
    # Fourteen documents of one text are one piece of evidence.
    same = {name: [Document(own.id, TEXT, own.entities) for own in documents] for name, documents in corpus(0).items()}
    assert agreement.agreement(same, [], FIELDS, BOOTSTRAP)["low"].isna().all()


def test_three_annotators_are_compared_pairwise_and_together():
    third = document(entity("q", "CONTEXT", "HeLa cells", context="cells"))
    sides = {"A": [FIRST], "B": [SECOND], "C": [third]}
    table = agreement.agreement(sides, ["CONTEXT"], FIELDS, BOOTSTRAP)
    titles = [f"{one}, {other}" for one, other in combinations("ABC", 2)]
    assert table["annotators"].iloc[0] == agreement.EVERY_PAIR
    assert [title for title in dict.fromkeys(table["annotators"]) if title in titles] == titles
    # Right and marked mentions of the three pairs: 2 of 4 + 5, 1 of 4 + 1, 0 of 5 + 1.
    assert value(table, "entity_f1", annotators=agreement.EVERY_PAIR) == pytest.approx(2 * 3 / 20)
    assert value(table, "entities", annotators="C (of A, C)") == 1


def test_documents_that_cannot_be_compared_are_named_or_counted():
    other = document(name="d1", text="Other words.")
    table = compare([FIRST, other], [SECOND, document(name="d1", text="Others."), document(name="d2")])
    assert value(table, "documents") == 1
    assert value(table, "documents_differing") == 1
    assert value(table, "documents_alone", annotators="B") == 1
    assert value(table, "documents_alone", annotators="A") == 0
    with pytest.raises(LexomeError, match=r"annotators A and B: share no document; A has d0, B has d1.*same ids"):
        compare([FIRST], [other])
    with pytest.raises(LexomeError, match=r"the texts of d1 differ"):
        compare([other], [document(name="d1", text="Others.")])


def test_gaps_and_several_values_in_one_word():
    text = "attenuates p53-dependent autophagy"
    gapped = Entity("g", "X", ((0, 10), (25, 34)), {"f": "v"})
    inside = Entity("i", "X", ((11, 14),), {"f": "v"})
    beside = Entity("j", "X", ((15, 24),), {"f": "w"})
    pair = [Document("d", text, (gapped, inside, beside)), Document("d", text, (gapped, inside))]
    # attenuates and autophagy are alike; p53-dependent has v and w of one, v of the other.
    assert agreement.similarity(*pair) == (pytest.approx(2.5), 3)


def test_disagreements_are_told_one_by_one():
    table = disagreements(agreement.pair_up({"A": [FIRST], "B": [SECOND]})[0])
    told = list(table[["kind", "words", "first_said", "second_said"]].itertuples(index=False, name=None))
    assert told == [
        ("boundary", "Loss of ATG7", "ACTION “Loss of ATG7”", "ACTION “ATG7”"),
        ("field", "blocks", "EFFECT “blocks” (effect: negative)", "EFFECT “blocks” (effect: positive)"),
        ("category", "HeLa cells", "CONTEXT “HeLa cells” (context: cells)", "PHENOTYPE “HeLa cells”"),
        ("missing", "old mice", "", "CONTEXT “old mice” (context: organism)"),
    ]
    assert set(table["kind"]) <= set(KINDS)
    unlinked = Document(SECOND.id, TEXT, SECOND.entities, (Link("L", ("x", "y")),))
    links = disagreements(agreement.pair_up({"A": [FIRST], "B": [unlinked]})[0]).query("kind == 'link'")
    assert sorted(links["words"]) == ["Loss of ATG7 … autophagy", "blocks … autophagy"]
    assert set(links["first_said"]) == {"ACTION with PHENOTYPE", "EFFECT with PHENOTYPE"}
    assert set(links["second_said"]) == {""}
    assert disagreements(agreement.pair_up({"A": [FIRST], "B": [FIRST]})[0]).empty


class Page(HTMLParser):
    """Tags, their attributes and text; `open` is empty if every tag is closed in its turn."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


HOSTILE = "<script>alert('x')</script> & \"quoted\""
LABELS = {
    "task": "tagging",
    "example_noun": "document",
    "label_noun": "category",
    "labels": [{"id": "CONTEXT", "name": "context"}, {"id": "EFFECT", "name": "effect"}],
    "fields": {"context": {"category": "CONTEXT", "values": ["cells"]}},
    "links": True,
}


def run(folder, sources, archive=None, definition=None):
    write_json(folder / "labels.json", LABELS)
    names = {"table": "tsv", "confusion": "tsv", "disagreements": "tsv", "figure": "svg", "page": "html"}
    outputs = {name: str(folder / f"{name}.{suffix}") for name, suffix in names.items()}
    template = ROOT / "resources/report/agreement.html.j2"
    about = {"study": "s", "title": HOSTILE}
    compare_annotators(
        sources, archive, definition, str(folder / "labels.json"), about, BOOTSTRAP, str(template), outputs
    )
    return outputs


def test_the_files_and_the_page(tmp_path):
    text = f"{HOSTILE} {TEXT}"
    moved = {
        name: Document(
            "d0",
            text,
            tuple(entity(e.id, e.category, e.mention(TEXT), text, **e.fields) for e in own.entities),
            own.links,
        )
        for name, own in {"A & B": FIRST, "<C>": SECOND}.items()
    }
    odd = Document("d0", text, (*moved["<C>"].entities, entity("h", "<b>", HOSTILE, text, f='"onload="x')))
    sources = {}
    for number, (name, own) in enumerate((("A & B", moved["A & B"]), ("<C>", odd))):
        sources[name] = str(tmp_path / f"{number}.jsonl")
        write_documents(sources[name], [own, document(name=f"alone{number}", text="Nothing here.")])
    outputs = run(tmp_path, sources)
    table = read_tsv(outputs["table"], numbers=("value", "low", "high", "n"))
    assert list(table.columns) == list(agreement.COLUMNS)
    assert value(table, "documents_alone", annotators="<C>") == 1
    crossed = read_tsv(outputs["confusion"], numbers=("words",))
    assert crossed["words"].sum() == len(text.split())
    assert set(crossed["first_category"]) == {"none", "CONTEXT", "EFFECT", "ACTION", "PHENOTYPE", "<b>"}
    assert set(read_tsv(outputs["disagreements"], numbers=())["second"]) == {"<C>"}
    html = Path(outputs["page"]).read_text()
    page = Page(html)
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1, "only the page's own script"
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "Content-Security-Policy" in html
    assert not any(attributes.get(key) for _, attributes in page.tags for key in ("src", "srcset"))
    told = " ".join(" ".join(page.text).split())
    assert "Only <C> has 1 document: alone1." in told
    marks = [attributes for _, attributes in page.tags if "m" in attributes.get("class", "").split()]
    same = [own for own in marks if "differs" not in own["class"]]
    assert [own["data-first"] for own in same] == ["A & B: PHENOTYPE “autophagy”"]
    assert all(own["tabindex"] == "0" for own in marks)
    # A mark of one alone has one bar; the text between the tags is the document's.
    assert any("--b: transparent" in own["style"] for own in marks)
    assert "1 document has no mark of either" not in told


def test_annotators_of_mae_files_in_a_folder(tmp_path):
    definition = '{"CONTEXT": {"fields": {"context": {"mae_field": "@context"}}}}'
    (tmp_path / "tags.json").write_text(definition)
    for name, words in (("A", "HeLa cells"), ("B", "cells")):
        start = TEXT.index(words)
        folder = tmp_path / "corpus" / "both" / name
        folder.mkdir(parents=True)
        tag = f'<CONTEXT id="C0" spans="{start}~{start + len(words)}" text="{words}" context="cells"/>'
        body = f"<T><TEXT><![CDATA[{TEXT}]]></TEXT><TAGS>{tag}</TAGS></T>"
        (folder / f"7_PMID1.txt_{name}.xml").write_text(body)
    outputs = run(tmp_path, {"A": "A", "B": "both/B"}, str(tmp_path / "corpus"), str(tmp_path / "tags.json"))
    table = read_tsv(outputs["table"], numbers=("value", "low", "high", "n"))
    assert value(table, "entity_f1") == 0
    assert value(table, "partial_f1") == 1
    assert value(table, "context_agreement", "CONTEXT") == 1


STUDY = {
    "prepare": {"rule": "functional_genomics", "definition": "tags.json"},
    "agreement": {"archive": "a.tar.gz", "annotators": {"A": "x/A", "B": "x/B"}},
}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"archive": "a.tar.gz", "annotators": {"A": "x", "B": "x"}}, r"annotators\.B: x is what A has"),
        ({"annotators": {"A": "x", "B": "y.jsonl"}}, r"annotators\.A: x is no file of JSON Lines"),
        (
            {"annotators": {"A": "x.jsonl", "B": "y.jsonl.gz"}, "definition": "t.json"},
            r"definition: JSON Lines need none",
        ),
    ],
)
def test_mistakes_of_the_config(entry, message):
    (mistake,) = agreementplan.check_agreement(STUDY | {"agreement": entry}, "studies.s")
    assert re.search(rf"^studies\.s\.agreement\.{message}", mistake)


def test_what_the_config_asks_for():
    assert agreementplan.check_agreement(STUDY, "studies.s") == []
    assert agreementplan.agreement_definition(STUDY) == "tags.json"
    assert agreementplan.agreement_files(STUDY) == [("a.tar.gz", "agreement.archive")]
    lines = {"annotators": {"A": "x.jsonl", "B": "y.jsonl"}}
    assert [path for path, _ in agreementplan.agreement_files(STUDY | {"agreement": lines})] == ["x.jsonl", "y.jsonl"]
    bare = STUDY | {"prepare": {"rule": "functional_genomics", "definition": None}}
    assert "definition: missing" in agreementplan.check_agreement(bare, "s")[0]
    other = STUDY | {"prepare": {"rule": "species"}}
    assert "only studies of entities and links" in agreementplan.check_agreement(other, "s")[0]
    studies = {"a": STUDY, "b": STUDY | {"agreement": None}, "c": other}
    assert agreementplan.tagging_studies(studies) == ["a", "b"]
    assert agreementplan.agreement_studies(studies) == ["a"]
    assert agreementplan.linked_studies(studies) == []
    studies["b"] = {"prepare": studies["b"]["prepare"] | {"linked": ["raw/HZ"]}}
    assert agreementplan.linked_studies(studies) == ["b"]
