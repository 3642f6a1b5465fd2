"""Texts are tagged, linked and told as JSON, tables and pages that say the same; bad input is named."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome import tagpage
from lexome.documents import Document, Entity, Link, write_documents
from lexome.runtime import read_json, write_json
from lexome.tagged import describe
from tag_text import tag_text

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TEXT = "Loss of <b>KLTR2</b> & co\r\nimpairs autophagy.\n\nIn HeLa cells, =autophagy= </script> went on."
TERMS = {"GO:0006914": "autophagy", "GO:0005764": "lysosome <i>"}
EVIL = '"><img src=x onerror=alert(1)>'


def at(text, words, nth=0):
    """The span of the nth occurrence of some words."""
    starts = [match.start() for match in re.finditer(re.escape(words), text)]
    return starts[nth], starts[nth] + len(words)


def example():
    """Two layers that overlap, a gap, a mention across paragraphs, a category that no label names."""
    entities = (
        Entity("T1", "ACTION", (at(TEXT, "Loss of <b>KLTR2"),), {"perturbing_action": EVIL}, 0.912),
        Entity("T2", "EFFECT", (at(TEXT, "impairs"), at(TEXT, "went on"))),
        Entity("T3", "PHENOTYPE", (at(TEXT, "autophagy"),), {"phenotype": "autophagy"}),
        Entity("T4", "odd", ((at(TEXT, "autophagy.")[0] + 9, at(TEXT, "In")[1]),)),
        Entity("G1", "process", (at(TEXT, "co\r\nimpairs autophagy"),), {"concept": "GO:0006914"}, 0.5),
        Entity("G2", "process", (at(TEXT, "autophagy", 1),), {"concept": "NIL"}),
        Entity("G3", "component", (at(TEXT, "cells"),), {"concept": "javascript:alert(1)"}),
    )
    links = (Link("L1", ("T1", "T2", "T3"), {}, 0.8), Link("L2", ("T1", "T4")))
    return Document("paper <1>", TEXT, entities, links)


LABELS = {
    "entities": [
        {"id": "ACTION", "name": "perturbing action"},
        {"id": "EFFECT", "name": "effect"},
        {"id": "PHENOTYPE", "name": "phenotype"},
    ],
    "concepts": [{"id": "process", "name": "biological process"}, {"id": "component", "name": "cellular component"}],
}


def judged(folder, model, values):
    rows = [{"subset": "test", "metric": metric, "value": value, "n": 40} for metric, value in values.items()]
    write_json(folder / f"{model}.json", {"rows": rows, "meta": {"subsets": {"test": {"groups": 40}}}})
    draws = {f"test/{metric}": np.linspace(0.4, 0.6, 1001) for metric in values}
    np.savez(folder / f"{model}.npz", **draws)
    files = {"metrics": folder / f"{model}.json", "replicates": folder / f"{model}.npz"}
    return {"model": model, "seed": 0, **files}


def make(folder, documents, many=False):
    """Run the script; gives the folder of the results."""
    write_documents(folder / "document.jsonl", documents)
    for layer, labels in LABELS.items():
        write_json(folder / f"{layer}.json", {"labels": labels})
    pd.DataFrame({"id": list(TERMS), "name": list(TERMS.values())}).to_parquet(folder / "terms.parquet")
    run = {"study": "fg", "title": f"A study {EVIL}", "split": "official", "seed": 0, "before": None, "distant": False}
    runs = [
        {**run, "role": "tagger", "model": "net", "settings": {"kind": "words"}, "judged_with": None}
        | {
            "judged": [
                judged(folder, "net", {"entity_f1": 0.61, "word_f1": 0.7}),
                judged(folder, "dull", {"word_f1": 0.3}),
            ]
        },
        {
            **run,
            "role": "linker",
            "model": "joiner",
            "settings": {"kind": "link_all"},
            "judged_with": "net",
            "distant": True,
        }
        | {"judged": [judged(folder, "joiner", {"link_f1": 0.5, "joint_link_f1": None})]},
    ]
    about = {"level": 0.9, "licences": [{"name": "d", "title": "Data", "licence": "MIT", "citation": "Who <wrote> it"}]}
    out = folder / "out"
    tag_text(
        folder / "document.jsonl",
        "my texts",
        {layer: folder / f"{layer}.json" for layer in LABELS},
        [folder / "terms.parquet"],
        runs,
        about,
        ["resources/report/tagged.html.j2", "resources/report/taggedindex.html.j2"],
        *(out / name for name in ("document.json", "entities.tsv", "links.tsv")),
        out / ("index.html" if many else "document.html"),
        out / "pages" if many else None,
        out / "summary.txt",
    )
    return out


@pytest.fixture(scope="module")
def out(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(request.config.rootpath)
        return make(tmp_path_factory.mktemp("tagged"), [example()])


class Page(HTMLParser):
    """The text of the page with its pieces, the badges, addresses, and whatever could run or load."""

    def __init__(self, html):
        super().__init__()
        self.paragraphs, self.pieces, self.badges, self.links, self.loads, self.tags = [], [], [], [], [], []
        self.inside, self.skip = None, False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        self.tags.append(tag)
        assert not [key for key in own if key.startswith("on")]
        if tag == "a":
            self.links.append(own.get("href"))
        else:
            self.loads += [own[key] for key in ("src", "href", "action") if key in own]
        if tag == "div" and own.get("class") == "text":
            self.inside = True
        elif tag == "svg":
            self.inside = None
        elif tag == "p" and self.inside:
            self.paragraphs.append("")
        elif "badge" in own.get("class", "").split():
            self.badges.append(own)
            self.skip = True
        elif tag == "span" and self.inside:
            self.pieces.append(
                {"own": [int(each) for each in own["data-e"].split()], "class": own["class"], "text": ""}
            )

    def handle_endtag(self, tag):
        if tag in ("a", "span") and self.skip:
            self.skip = False
        elif tag == "span" and self.inside and self.pieces:
            self.pieces[-1]["done"] = True

    def handle_data(self, data):
        if not self.inside or self.skip or not self.paragraphs:
            return
        self.paragraphs[-1] += data
        if self.pieces and "done" not in self.pieces[-1]:
            self.pieces[-1]["text"] += data


def squeeze(text):
    return " ".join(text.split())


def test_the_page_shows_the_text_as_it_is(out):
    page = Page((out / "document.html").read_text(encoding="utf-8"))
    assert [squeeze(text) for text in page.paragraphs] == [squeeze(part) for part in TEXT.split("\n\n")]
    document = example()
    for number, entity in enumerate(document.entities):
        own = "".join(piece["text"] for piece in page.pieces if number in piece["own"])
        # No white space stands between paragraphs.
        assert "".join(own.split()) == "".join("".join(TEXT[start:end] for start, end in entity.spans).split()), (
            entity.id
        )
    assert sorted(int(badge["data-e"]) for badge in page.badges) == list(range(7))
    both = [piece for piece in page.pieces if piece["class"] == "m entity concept"]
    assert {piece["text"] for piece in both} == {"impairs", "autophagy"}


def test_the_page_loads_nothing_and_trusts_nothing(out):
    html = (out / "document.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.loads == []
    assert "img" not in page.tags
    assert "default-src 'none'" in html
    assert html.count("</script>") == 2  # a text cannot end a script
    assert "<b>KLTR2" not in html
    assert {link for link in page.links if link != "#text"} == {"https://amigo.geneontology.org/amigo/term/GO:0006914"}


def test_badges_say_what_colours_do(out):
    page = Page((out / "document.html").read_text(encoding="utf-8"))
    said = {int(badge["data-e"]): badge["aria-label"] for badge in page.badges}
    assert said[0].startswith("perturbing action: Loss of <b>KLTR2, perturbing action")
    assert "0.91" in said[0]
    assert "links 1, 2" in said[0]
    assert "concepts in it autophagy (GO:0006914)" in said[2]
    assert "no term" in said[5]
    assert said[6].endswith("javascript:alert(1)")
    view = tagpage.view(*told_and_styles(example()))
    tags = {entity["name"]: entity["tag"] for entity in view["entities"]}
    assert len(set(tags.values())) == len(tags) == 6


def told_and_styles(document):
    titles = {label["id"]: label["name"] for labels in LABELS.values() for label in labels}
    told = describe(document, titles, TERMS)
    named = {layer: {label["id"]: label["name"] for label in labels} for layer, labels in LABELS.items()}
    return told, tagpage.looks(tagpage.with_strangers(named, [told]), [told])


def test_json_and_tables_point_into_the_text(out):
    told = read_json(out / "document.json")
    assert [run["role"] for run in told["runs"]] == ["tagger", "linker"]
    assert "judged" not in told["runs"][0]
    assert told["licences"][0]["licence"] == "MIT"
    (one,) = told["documents"]
    assert one["text"] == TEXT
    everything = {entity["id"]: entity for entity in one["entities"] + one["concepts"]}
    for entity in example().entities:
        told_of = everything[entity.id]
        assert [tuple(span) for span in told_of["spans"]] == list(entity.spans)
        assert told_of["words"] == squeeze(entity.mention(TEXT))
        assert told_of["score"] == entity.score
    assert everything["G1"]["concept"] == {"id": "GO:0006914", "name": "autophagy"}
    assert everything["T3"]["concept"] is None
    assert everything["T3"]["concepts"] == ["G1"]
    assert everything["T1"]["links"] == ["L1", "L2"]
    assert one["links"][0]["words"] == [everything[key]["words"] for key in ("T1", "T2", "T3")]
    table = pd.read_csv(out / "entities.tsv", sep="\t", keep_default_na=False)
    assert table["id"].tolist() == list(everything)
    assert table["words"].tolist() == [entity["words"] for entity in everything.values()]
    assert table.loc[1, "spans"] == ";".join(f"{a}-{b}" for a, b in example().entities[1].spans)
    assert table.loc[0, ["field_perturbing_action", "links"]].tolist() == [EVIL, "L1;L2"]
    assert table.loc[4, ["concept", "concept_name"]].tolist() == ["GO:0006914", "autophagy"]
    links = pd.read_csv(out / "links.tsv", sep="\t", keep_default_na=False)
    assert links[["link", "entity"]].to_numpy().tolist() == [
        *(["L1", key] for key in ("T1", "T2", "T3")),
        *(["L2", key] for key in ("T1", "T4")),
    ]
    assert (out / "summary.txt").read_text() == "my texts: 1 text, 4 entities, 2 links, 3 mentions of concepts\n"


def test_the_page_tells_how_good_the_models_are(out):
    html = (out / "document.html").read_text(encoding="utf-8")
    rows = re.findall(r'<tr><th scope="row">(\w+: .*?)</th>(.*?)</tr>', html, flags=re.DOTALL)
    shown = {
        squeeze(head): re.findall(r'<td class="num">([\w.]+) <span class="interval">(.*?)</span>', row)
        for head, row in rows
    }
    assert shown == {
        "entities: entity F1": [("0.610", "net [0.410–0.590]"), ("none", "dull, no interval")],
        "entities: word F1": [("0.700", "net [0.410–0.590]"), ("0.300", "dull [0.410–0.590]")],
        "links: link F1": [("0.500", "joiner [0.410–0.590]")],
    }
    assert "measured on the entities of net; taught and judged by <strong>distant supervision" in squeeze(html)
    assert html.count("distant supervision") == 1  # the tagger's study was annotated by people
    assert "Who &lt;wrote&gt; it" in html
    assert "In brackets: 90 % intervals" in html


def test_the_page_tells_where_there_are_no_intervals():
    source = Path("resources/report/taggedtrust.html.j2").read_text(encoding="utf-8")
    cells = [{"model": "net", "value": "0.5", "interval": ""}]
    rows = [{"role": "tagger", "title": "entity F1", "n": 3, "cells": cells}]
    html = jinja2.Template(source).render(trust=rows, runs=[], level=0.95, licences=[])
    assert "too few test documents for intervals" in html
    assert "In brackets" not in html


def test_several_texts_have_a_page_each(tmp_path, request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    others = [Document("a/b", "No entity here."), Document("A b", "Nor <here>.")]
    out = make(tmp_path, [example(), *others], many=True)
    pages = {path.name for path in (out / "pages").iterdir()}
    index = (out / "index.html").read_text(encoding="utf-8")
    assert pages == {"paper-1.html", "a-b.html", "A-b-2.html"}
    assert set(Page(index).links) == {f"pages/{name}" for name in pages}
    row = re.search(r'<a href="pages/paper-1.html">paper &lt;1&gt;</a>(.*?)</tr>', index, flags=re.DOTALL)[1]
    # Words, then mentions by category (the one without a label behind the others of its layer), then links.
    assert re.findall(r">(\d+)</td>", row) == ["13", "1", "1", "1", "1", "2", "1", "2"]
    own = (out / "pages/a-b.html").read_text(encoding="utf-8")
    assert "../index.html" in Page(own).links
    assert "None were found." in own
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


ENTITIES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.text("ab \n<", min_size=1, max_size=40), ENTITIES)
def test_pieces_make_up_the_text(text, drawn):
    """Every character that is no white space stands once, in a piece of just the entities that hold it."""
    spans = [(start, min(start + n, len(text)), concept) for start, n, concept in drawn if start < len(text)]
    plain = [Entity(f"T{n}", "ACTION", ((a, b),)) for n, (a, b, concept) in enumerate(spans) if not concept]
    named = [Entity(f"G{n}", "process", ((a, b),)) for n, (a, b, concept) in enumerate(spans) if concept]
    document = Document("d", text, (*plain, *named))
    told, styles = told_and_styles(document)
    pieces = [piece for paragraph in tagpage.paragraphs(document, told, styles) for piece in paragraph]
    shown = [(letter, tuple(piece["entities"])) for piece in pieces for letter in piece["text"] if letter.strip()]
    wanted = [
        (letter, tuple(n for n, one in enumerate(document.entities) if one.start <= place < one.end))
        for place, letter in enumerate(text)
        if letter.strip()
    ]
    assert shown == wanted
    badges = sorted(badge for piece in pieces for badge in piece["badges"])
    assert badges == [n for n, one in enumerate(document.entities) if text[one.start : one.end].strip()]


def test_page_works_in_a_browser(out, tmp_path):
    """Pointing tells, the legend hides, a link outlines its members and draws arcs, Escape lets go."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no browser here")
    script = """<script>
addEventListener("load", () => setTimeout(() => {
  const all = (path) => [...document.querySelectorAll(path)], tip = document.getElementById("tip");
  const out = [document.documentElement.dataset.ready];
  all(".badge")[0].focus(); out.push(tip.hidden ? "" : tip.textContent);
  document.activeElement.blur(); out.push(tip.hidden);
  all(".links button")[0].click();
  out.push(all(".m.chosen").map((node) => node.textContent), all("#arcs path").length);
  out.push(document.getElementById("said").textContent);
  all(".badge")[0].dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  out.push(all("#arcs path").length, all(".links [aria-pressed=true]").length);
  const key = () => document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  key(); key(); out.push(all(".m.chosen, #arcs path").length);
  const coloured = all(".m.entity").length;
  all(".legend [data-category]")[2].click();
  out.push(coloured - all(".m.entity").length, all(".badge").filter((node) => node.hidden).length);
  all(".legend [data-category]")[2].click(); out.push(coloured - all(".m.entity").length);
  document.body.innerHTML = ""; document.body.textContent = "OUT" + JSON.stringify(out) + "END";
}, 300));
</script></body>"""
    path = tmp_path / "page.html"
    html = (out / "document.html").read_text(encoding="utf-8")
    path.write_text(html.replace("</body>", script), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=90, check=False)
    found = re.search("OUT(.*)END", done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    shown = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    ready, tip, hidden, members, arcs, said, more, pressed, none, fewer, badges, back = shown
    assert ready == "yes"
    assert tip.startswith("Loss of <b>KLTR2")
    assert EVIL in tip
    assert hidden is True
    assert "".join(members).replace("\n", "") == "Loss of <b>KLTR2impairsautophagywent on"
    assert arcs == 2
    assert said == "Link 1: Loss of <b>KLTR2, impairs ... went on, autophagy"
    assert (more, pressed, none) == (3, 2, 0)
    assert (fewer, badges, back) == (1, 1, 0)
