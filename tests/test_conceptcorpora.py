"""Documents whose entities name terms: CRAFT, distant supervision, own ones; and the examples made of them."""

import gzip
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_terms import annotated, make_terms
from lexome.conceptcorpora import NIL, Piece, cut, distant, map_concepts, read_craft, unseen_concepts
from lexome.documents import Document, Entity, check, decode, write_documents
from lexome.errors import LexomeError
from lexome.ontology import write_terms
from prepare_concepts import prepare_concepts

TERMS = make_terms()
ASPECTS = ["biological_process", "cellular_component"]
DISTANT = {
    "min_words": 2,
    "min_characters": 7,
    "documents": None,
    "unseen": 0.3,
    "fractions": {"train": 0.6, "valid": 0.2, "test": 0.2},
    "seed": 0,
    "aspects": ASPECTS,
}
ARTICLE = {
    "pmid": "1",
    "split": "dev",
    "text": "Apoptosis of a cell.\n\nThe nucleus divides.",
    "entities": [
        {"branch": "GO_CC", "go_id": "GO:0000001", "spans": [[26, 33]], "text": "nucleus"},
        {"branch": "GO_BP", "go_id": "GO:0000009", "spans": [[0, 9], [15, 19], [15, 17]], "text": ""},
    ],
}


def craft(path, *articles):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(article) + "\n" for article in articles)
    return path


def test_craft_is_read_with_parts_that_overlap_made_one(tmp_path):
    (piece,) = read_craft(craft(tmp_path / "craft.jsonl.gz", ARTICLE))
    assert (piece.group, piece.subset) == ("1", "valid")
    first, second = piece.document.entities
    assert first.spans == ((0, 9), (15, 19))
    assert first.category == "biological_process"
    assert second.fields == {"concept": "GO:0000001"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "rest"}, "line 2: is no article of CRAFT.*rest"),
        ({"entities": [{"branch": "GO_XX", "go_id": "GO:1", "spans": [[0, 1]]}]}, "line 2.*GO_XX"),
        ({"entities": [{"branch": "GO_CC", "go_id": "GO:1", "spans": [[0, 999]]}]}, "line 2.*leaves the text"),
    ],
)
def test_what_is_no_article_is_refused_with_its_line(tmp_path, change, message):
    with pytest.raises(LexomeError, match=message):
        read_craft(craft(tmp_path / "craft.jsonl", ARTICLE, ARTICLE | change))


PARAGRAPH = st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=6).map(" ".join)


@given(st.lists(PARAGRAPH, min_size=1, max_size=5), st.integers(1, 9))
def test_pieces_keep_words_and_entities_in_place(paragraphs, words):
    text = "\n\n".join(paragraphs)
    starts = [at for at in range(len(text)) if text[at : at + 3] in ("one", "two")]
    entities = tuple(Entity(f"T{at}", "x", ((at, at + 3),)) for at in starts)
    pieces, torn = cut(Piece(Document("d", text, entities), "g", "train"), words)
    assert torn == 0
    assert " ".join(piece.document.text for piece in pieces).split() == text.split()
    found = [(one.id, one.mention(piece.document.text)) for piece in pieces for one in piece.document.entities]
    assert found == [(one.id, one.mention(text)) for one in entities]
    for piece in pieces:
        check(piece.document, "piece")
        assert (piece.group, piece.subset) == ("g", "train")
        assert len(piece.document.text.split()) <= words or "\n\n" not in piece.document.text
    assert len({piece.document.id for piece in pieces}) == len(pieces)


def test_an_entity_over_two_pieces_is_counted_as_torn():
    document = Document("d", "one\n\ntwo", (Entity("T1", "x", ((0, 3), (5, 8))),))
    pieces, torn = cut(Piece(document, "g"), 1)
    assert torn == 1
    assert not any(piece.document.entities for piece in pieces)


@pytest.mark.parametrize(("unmapped", "last"), [("keep", "GO:0000007"), ("nil", NIL)])
def test_ids_become_those_of_today(unmapped, last):
    entities = tuple(
        Entity(f"T{n}", "biological_process", ((n, n + 1),), {"concept": concept} if concept else {})
        for n, concept in enumerate(["GO:0000008", "GO:0000009", None, "GO:0000007"])
    )
    (piece,), counts = map_concepts([Piece(Document("d", "abcd", entities), "g")], TERMS, unmapped)
    told = [one.fields["concept"] for one in piece.document.entities]
    assert told == ["GO:0000008", "GO:0000008", NIL, last]
    assert counts == {"current": 1, "replaced": 1, "without": 1, "unmapped": 1}


@pytest.mark.parametrize("seed", range(4))
def test_definitions_name_other_terms_and_some_in_test_only(seed):
    pieces, about = distant(TERMS, DISTANT | {"seed": seed})
    by_id = {piece.document.id: piece for piece in pieces}
    # Its own name is none of another term, and a name of one short word is not looked up.
    told = [(one.mention(by_id["GO:0000001"].document.text)) for one in by_id["GO:0000001"].document.entities]
    assert told == ["plasma membrane"]
    assert [one.fields["concept"] for one in by_id["GO:0000005"].document.entities] == ["GO:0000008", "GO:0000006"]
    assert about["mentioning"] == len(pieces) == 6
    seen = {one.fields["concept"] for piece in pieces if piece.subset != "test" for one in piece.document.entities}
    named = {one.fields["concept"] for piece in pieces for one in piece.document.entities}
    assert about["named"] == len(named)
    assert len(named - seen) >= about["unseen"] == round(0.3 * len(named)) > 0


def test_no_definition_that_names_another_term_is_an_error():
    with pytest.raises(LexomeError, match="no definition mentions another term"):
        distant(TERMS, DISTANT | {"aspects": ["molecular_function"]})


def test_unseen_mentions_are_counted():
    train = [annotated("a", "The nucleus.", ("nucleus", "GO:0000001"))]
    test = [
        annotated("b", "Nucleus, karyon, mitochondria.", ("Nucleus", "GO:0000001"), ("karyon", "GO:0000001")),
        annotated("c", "In mitochondria.", ("mitochondria", "GO:0000004")),
    ]
    assert unseen_concepts(train, test) == (3, 1, 2)


def prepare(tmp_path, path, **settings):
    write_terms(tmp_path / "go.parquet", TERMS)
    entry = {"rule": "concepts", "aspects": ASPECTS, "chunk_words": None, "unmapped": "keep", "distant": None}
    outputs = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
    prepare_concepts(str(tmp_path / "go.parquet"), path and str(path), entry | settings, *outputs)
    counts = {row["step"]: row["n"] for row in json.loads((tmp_path / "prepare.json").read_text())["counts"]}
    return pd.read_parquet(outputs[0]), json.loads((tmp_path / "labels.json").read_text()), counts


def test_prepare_craft_in_pieces(tmp_path):
    path = craft(tmp_path / "craft.jsonl.gz", ARTICLE | {"split": "train"}, ARTICLE | {"pmid": "2", "split": "test"})
    examples, labels, counts = prepare(tmp_path, path, source="craft", chunk_words=4)
    assert examples["id"].tolist() == ["1-1", "1-2", "2-1", "2-2"]
    assert examples["group"].tolist() == ["1", "1", "2", "2"]
    assert examples["subset"].tolist() == ["train", "train", "test", "test"]
    assert [list(row) for row in examples["labels"]] == [[0], [1], [0], [1]]
    first = decode(examples["document"][1], "here", examples["text"][1])
    assert first.entities[0].mention(first.text) == "nucleus"
    assert (labels["task"], labels["concept_field"], labels["links"]) == ("tagging", "concept", False)
    assert [label["id"] for label in labels["labels"]] == ASPECTS
    assert counts["mentions of merged or replaced terms"] == 2
    assert counts["test mentions of terms unseen in train"] == 0


def test_prepare_distant_says_that_it_is(tmp_path):
    settings = {key: value for key, value in DISTANT.items() if key != "aspects"}
    examples, labels, counts = prepare(tmp_path, None, source="distant", distant=settings)
    assert labels["supervision"] == "distant"
    assert len(examples) == counts["definitions that name other terms"] == 6
    notes = [row["note"] for row in json.loads((tmp_path / "prepare.json").read_text())["counts"]]
    assert any("distant supervision" in note for note in notes)


def test_prepare_own_documents_without_an_official_split(tmp_path):
    path = tmp_path / "own.jsonl"
    write_documents(path, [annotated("a", "The nucleus.", ("nucleus", "GO:0000001")), Document("b", "Nothing.")])
    examples, _, counts = prepare(tmp_path, path, source="documents")
    assert "subset" not in examples
    assert [list(row) for row in examples["labels"]] == [[1], []]
    assert counts["cellular component"] == 1
    with pytest.raises(LexomeError, match=r"own\.jsonl: no entity is of the categories biological_process"):
        prepare(tmp_path, path, source="documents", aspects=["biological_process"])
