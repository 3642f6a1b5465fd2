"""What a corpus holds, counted by hand and by second implementations; its tables in the report, its pictures."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from describe_documents import describe_documents, read_corpus
from lexome import agreement, agreementpage, corpusreport, documentfigures, documenttables
from lexome.corpusreport import ALL, Corpus
from lexome.documents import Document, Entity, Link, encode, linked_pairs
from lexome.page import render
from lexome.runtime import read_tsv, write_json
from lexome.texts import count_words
from make_report import describe_documents as told_in_the_report
from test_agreement import ROOT

FIRST = "Loss of ATG7 blocks autophagy in HeLa cells. Mice live."
SECOND = "hela  Cells die (p < 0.05)."


def entity(name, category, words, text, **fields):
    start = text.index(words)
    return Entity(name, category, ((start, start + len(words)),), fields)


def documents():
    one = Document(
        "d1",
        FIRST,
        (
            entity("a", "ACTION", "Loss of ATG7", FIRST),
            entity("p", "PHENOTYPE", "autophagy", FIRST, phenotype="autophagy"),
            entity("c", "CONTEXT", "HeLa cells", FIRST, context="cells"),
            entity("m", "CONTEXT", "Mice", FIRST, context="organism"),
        ),
        (Link("L0", ("a", "p")), Link("L1", ("a", "p", "c"))),
    )
    two = Document("d2", SECOND, (entity("c", "CONTEXT", "hela  Cells", SECOND, context="cells"),))
    three = Document("d3", "Nothing.")
    return [one, two, three]


CATEGORIES = ["ACTION", "CONTEXT", "PHENOTYPE"]
FIELDS = {"context": {"category": "CONTEXT"}, "phenotype": {"category": "PHENOTYPE"}}


def described(subsets=None):
    corpus = Corpus(documents(), [True, False, False], subsets)
    return corpusreport.describe(corpus, CATEGORIES, FIELDS)


def lookup(table, measure, category="", item="", subset=ALL):
    rows = table[
        (table["measure"] == measure)
        & (table["category"] == category)
        & (table["item"] == item)
        & (table["subset"] == subset)
    ]
    assert len(rows) == 1, f"{measure} of {subset}: {len(rows)} rows"
    return rows["value"].iloc[0]


def test_counts_of_three_documents():
    table, _ = described()
    wanted = {
        "documents": 3,
        "documents_without_entities": 1,
        "documents_links_known": 1,
        "words": 10 + 5 + 1,
        "words_median": 5,
        # Words and signs: two full stops; the brackets, <, 0 . 05 and the full stop; one full stop.
        "tokens": 12 + 11 + 2,
        "entities": 5,
        "entities_max": 4,
        "links": 2,
        "link_members_mean": 2.5,
        "linked_pairs": 3,
        "linked_entities": 3,
        "entities_of_several_parts": 0,
        "overlapping_pairs": 0,
        # Words between white space: 7 of 10, 2 of 6, 0 of 1.
        "words_in_entities_share": 9 / 17,
    }
    for measure, value in wanted.items():
        assert lookup(table, measure) == pytest.approx(value), measure
    assert lookup(table, "entities", "CONTEXT") == 3
    assert lookup(table, "distinct_mentions", "CONTEXT") == 2, "case and white space make no other mention"
    assert lookup(table, "words_of_mention_mean", "ACTION") == 3
    assert lookup(table, "documents_with", "CONTEXT") == 2
    assert lookup(table, "value", "context", "cells") == 2
    assert lookup(table, "value_share", "context", "organism") == pytest.approx(1 / 3)
    assert set(table["subset"]) == {ALL}


def test_mentions_are_told_in_their_commonest_spelling():
    text = "HeLa, hela, hela and Mice"
    spans = [(0, 4), (6, 10), (12, 16), (21, 25)]
    entities = tuple(Entity(f"T{n}", "X", (span,)) for n, span in enumerate(spans))
    assert corpusreport.mentions([Document("d", text, entities)], "X") == {"hela": 3, "Mice": 1}


def test_subsets_stand_beside_the_whole_and_tell_what_train_has_seen():
    table, _ = described(["train", "test", "train"])
    assert list(dict.fromkeys(table["subset"])) == [ALL, "train", "test"]
    assert lookup(table, "documents", subset="train") == 2
    assert lookup(table, "mentions_seen_in_train_share", "CONTEXT", subset="test") == 1
    other, _ = described(["test", "train", "train"])
    assert lookup(other, "mentions_seen_in_train_share", "CONTEXT", subset="test") == 0.5
    assert lookup(other, "mentions_seen_in_train_share", "ACTION", subset="test") == 0
    for measure in ("documents", "words", "entities", "links", "linked_pairs"):
        # Of test no document is annotated for links.
        own = ("train",) if measure == "links" else ("train", "test")
        parts = [lookup(table, measure, subset=subset) for subset in own]
        assert sum(parts) == lookup(table, measure), measure


def test_distances_of_pairs():
    _, pairs = described()
    told = {(row.first, row.second, row.linked, row.words, row.sentences) for row in pairs.itertuples(index=False)}
    # Between them: blocks; blocks autophagy in; in; from Loss of ATG7 to Mice blocks autophagy in HeLa cells.
    assert told == {
        ("ACTION", "PHENOTYPE", True, 1, 0),
        ("ACTION", "CONTEXT", True, 3, 0),
        ("PHENOTYPE", "CONTEXT", True, 1, 0),
        ("ACTION", "CONTEXT", False, 5, 1),
        ("PHENOTYPE", "CONTEXT", False, 3, 1),
    }


def test_pairs_of_categories_that_are_never_linked_are_left_out():
    one = documents()[0]
    unlinked = Document(one.id, one.text, one.entities, (Link("L", ("a", "p")),))
    pairs = corpusreport.pair_distances([unlinked])
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {("ACTION", "PHENOTYPE")}
    assert corpusreport.pair_distances([Document("d", "No mention.")]).empty


def test_many_documents_against_a_naive_count():
    rng = np.random.default_rng(0)
    own = []
    for number in range(12):
        words = [f"w{rng.integers(0, 30)}" for _ in range(rng.integers(5, 40))]
        text, entities = " ".join(words), []
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])
        for at in sorted(rng.choice(len(words), size=rng.integers(0, 5), replace=False)):
            category = "XY"[rng.integers(0, 2)]
            entities.append(Entity(f"T{at}", category, ((int(starts[at]), int(starts[at]) + len(words[at])),)))
        links = [Link("L", tuple(e.id for e in entities[:2]))] if len(entities) > 1 else []
        own.append(Document(f"d{number}", text, tuple(entities), tuple(links)))
    table, pairs = corpusreport.describe(Corpus(own, [True] * 12), ["X", "Y"], {})
    assert lookup(table, "words_mean") == pytest.approx(np.mean([count_words(one.text) for one in own]))
    assert lookup(table, "entities") == sum(len(one.entities) for one in own)
    assert lookup(table, "vocabulary") == len({word for one in own for word in one.text.split()})
    assert lookup(table, "linked_pairs") == sum(len(linked_pairs(one)) for one in own) == pairs["linked"].sum()
    joined = {frozenset(e.category for e in one.entities[:2]) for one in own if one.links}
    between = [
        one.text[a.end : b.start].count(" ") - 1
        for one in own
        for a, b in combinations(one.entities, 2)
        if frozenset((a.category, b.category)) in joined
    ]
    assert sorted(between) == sorted(pairs["words"])


@pytest.fixture
def study(tmp_path):
    own = documents()
    table = pd.DataFrame(
        {
            "id": [one.id for one in own],
            "text": [one.text for one in own],
            "length": [count_words(one.text) for one in own],
            "document": [encode(one, text=False) for one in own],
            "links_known": [True, False, False],
            "subset": ["train", "test", "train"],
        }
    )
    table.to_parquet(tmp_path / "examples.parquet")
    labels = {
        "task": "tagging",
        "example_noun": "document",
        "label_noun": "category",
        "labels": [{"id": name, "name": name.lower()} for name in CATEGORIES],
        "fields": FIELDS,
        "concept_field": None,
    }
    write_json(tmp_path / "labels.json", labels)
    return tmp_path


def run(folder):
    names = ("corpus.tsv", "sizes.svg", "values.svg", "mentions.svg", "distances.svg")
    describe_documents(*(str(folder / name) for name in ("examples.parquet", "labels.json", *names)))
    return folder / "corpus.tsv"


def test_the_script_writes_the_table_and_the_pictures(study):
    table = read_tsv(run(study), numbers=("value",))
    assert list(table.columns) == list(corpusreport.COLUMNS)
    assert lookup(table, "entities", subset="train") == 4
    assert "median 5" in (study / "sizes.svg").read_text()
    assert "train" in (study / "sizes.svg").read_text()
    assert "organism" in (study / "values.svg").read_text()
    assert "Loss of ATG7" in (study / "mentions.svg").read_text()
    assert "linked pairs (3)" in (study / "distances.svg").read_text()
    assert read_corpus(study / "examples.parquet").documents == documents()


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [6, 9, 6, 7], [3, 80, 41, 12]])
def test_places_of_whole_numbers_are_whole(counts):
    own = {"train": np.array(counts[:2]), "test": np.array(counts[2:])}
    figure = documentfigures.sizes(own, own, ("document", "words"))
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == int(tick) for tick in ticks)


def test_a_corpus_without_mentions_still_gets_its_pictures(study):
    table = pd.read_parquet(study / "examples.parquet").drop(columns="subset")
    bare = [encode(Document(key, text), text=False) for key, text in zip(table["id"], table["text"], strict=True)]
    table.assign(document=bare).to_parquet(study / "examples.parquet")
    found = read_tsv(run(study), numbers=("value",))
    assert lookup(found, "entities") == 0
    assert set(found["subset"]) == {ALL}
    assert "No document of this corpus has a link." in (study / "distances.svg").read_text()
    assert "No mentions to show." in (study / "mentions.svg").read_text()


def test_concepts_are_counted_like_values(study):
    text = "apoptosis here"
    line = encode(Document("d", text, (entity("T", "ACTION", "apoptosis", text, concept="GO:0006915"),)), text=False)
    table = pd.DataFrame({"id": ["d"], "text": [text], "document": [line], "links_known": [False]})
    table.to_parquet(study / "examples.parquet")
    labels = {"labels": [{"id": "ACTION", "name": "action"}], "example_noun": "document", "fields": {}}
    write_json(study / "labels.json", labels | {"concept_field": "concept"})
    assert lookup(read_tsv(run(study), numbers=("value",)), "value", "concept", "GO:0006915") == 1


def test_overview_for_people(study):
    table = read_tsv(run(study), numbers=("value",))
    told = documenttables.overview(table, {"ACTION": "action", "CONTEXT": "context"})
    assert told["subsets"] == [ALL, "train", "test"]
    rows = {row["title"]: row["cells"] for row in told["rows"]}
    assert rows["documents"] == ["3", "2", "1"]
    assert rows["mentions: context"] == ["3", "2", "1"]
    assert rows["mentions that stand in train, too: context"] == ["", "", "100.0%"]
    assert rows["links"] == ["2", "2", ""]


def test_the_part_of_the_report(study):
    """The template that make_report includes, filled with what make_report gives it."""
    corpus = run(study)
    own = documents()[0]
    fewer = Document(own.id, own.text, own.entities[1:], own.links[:0])
    table = agreement.agreement(
        {"A": [own], "<B>": [fewer]}, CATEGORIES, FIELDS, {"replicates": 20, "level": 0.95, "seed": 0}
    )
    table.to_csv(study / "agreement.tsv", sep="\t", index=False)
    (study / "agreement.html").touch()
    files = {"corpus": corpus, "agreement": study / "agreement.tsv", "page": study / "agreement.html"}
    names = {name: name.lower() for name in CATEGORIES}
    template = study / "part.html.j2"
    part = (ROOT / "resources/report/documents.html.j2").read_text()
    scroll = '{% macro scroll(label, tall=false) %}<div aria-label="{{ label }}">{{ caller() }}</div>{% endmacro %}'
    template.write_text(scroll + '{% set id = "study-1" %}' + part)

    def page(files):
        told = told_in_the_report(files, names, study)
        return render(template, {"study": {"title": "T", "nouns": ("document", "category"), "documents": told}})

    html = page(files)
    assert 'href="agreement.html"' in html
    assert "A, &lt;B&gt;: two people who marked the same 1 document," in html
    f1 = 2 * 3 / 7
    assert f">{f1:.3f} <" in html
    assert "mentions: context" in html
    three = agreement.agreement(
        {"A": [own], "B": [fewer], "C": [own]}, CATEGORIES, FIELDS, {"replicates": 20, "level": 0.95, "seed": 0}
    )
    three.to_csv(study / "agreement.tsv", sep="\t", index=False)
    assert "All pairs of annotators together, 3 documents marked by both of a pair, one measured" in page(files)
    alone = page({"corpus": corpus, "agreement": None, "page": None})
    assert "How far annotators agree" not in alone
    assert told_in_the_report(None, names, study) is None


def test_a_picture_of_agreement_without_intervals(tmp_path):
    own = documents()[0]
    table = agreement.agreement(
        {"A": [own], "B": [own]}, CATEGORIES, FIELDS, {"replicates": 20, "level": 0.95, "seed": 0}
    )
    figure = documentfigures.agreement_by_category(table, {"ACTION": "an action"})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["all (4)", "an action (1)", "CONTEXT (2)", "PHENOTYPE (1)"]
    told = agreementpage.figures(table, "A, B", {})
    assert [row["cell"]["value"] for row in told["overall"][:3]] == ["1.000"] * 3
    assert told["overall"][0]["cell"]["interval"] == ""
