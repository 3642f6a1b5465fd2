"""Texts of the user's are read, tagged by models in turn, and named; bad input is named."""

import re

import pytest

import tag_documents as tagging_script
from lexome import tagpredictors
from lexome.documents import Document, Entity, Link, read_documents, write_documents
from lexome.errors import LexomeError
from lexome.tagged import annotate, describe, entity_table, link_table, read_texts, summary_line
from lexome.textsources import file_names, source_name, text_files


def mentions(category, wanted, prefix, fields=None, scores=None):
    """A stub that finds every occurrence of some strings."""

    def tag(documents):
        found = []
        for one in documents:
            spans = [(m.start(), m.end()) for words in wanted for m in re.finditer(re.escape(words), one.text)]
            entities = [
                Entity(f"{prefix}{n}", category, (span,), dict(fields or {}), scores and scores[n % len(scores)])
                for n, span in enumerate(reversed(spans))
            ]
            found.append(Document(one.id, one.text, (*one.entities, *entities)))
        return found

    return tag


def link_ends(documents):
    """A stub that links the first and the last entity of each document."""
    return [
        Document(
            one.id,
            one.text,
            one.entities,
            (Link("x", (one.entities[0].id, one.entities[-1].id), {}, 0.75),) if len(one.entities) > 1 else (),
        )
        for one in documents
    ]


def test_layers_are_merged_in_the_order_of_the_text():
    texts = [Document("d", "loss of A and loss of B", (Entity("old", "x", ((0, 4),)),)), Document("e", "nothing")]
    tag = mentions("ACTION", ["loss", "B"], "z", scores=[0.1, 0.2])
    name = mentions("process", ["loss of A"], "z", {"concept": "GO:0006914"})
    first, second = annotate(texts, [tag], link_ends, [name])
    assert [(one.id, one.mention(first.text)) for one in first.entities] == [
        *(("T1", "loss"), ("T2", "loss"), ("T3", "B"), ("G1", "loss of A")),
    ]
    assert [one.score for one in first.entities] == [0.1, 0.2, 0.1, None]
    (link,) = first.links
    assert set(link.members) == {"T1", "T3"}
    assert link.score == 0.75
    assert (second.entities, second.links) == ((), ())
    assert annotate(texts, [tag])[0].links == ()


def test_a_model_of_concepts_reads_the_entities_of_its_tagger():
    def name(documents):
        return [
            Document(
                one.id, one.text, tuple(Entity(e.id, e.category, e.spans, {"concept": "NIL"}) for e in one.entities)
            )
            for one in documents
        ]

    (one,) = annotate(
        [Document("d", "loss of B")], [mentions("x", ["B"], "e")], None, [mentions("y", ["loss"], "e"), name]
    )
    assert [(e.id, e.category, dict(e.fields)) for e in one.entities] == [
        ("T1", "x", {}),
        ("G1", "y", {"concept": "NIL"}),
    ]


def test_a_model_that_changes_the_text_is_caught():
    with pytest.raises(ValueError, match="gave back other documents"):
        annotate([Document("d", "loss")], [lambda documents: [Document("d", "Loss")]])


def test_texts_come_from_files_folders_and_documents(tmp_path):
    (tmp_path / "b.txt").write_bytes("\ufeffp53 acts.\r\n".encode())
    (tmp_path / "a c.TXT").write_text("One.")
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / "sub.txt").mkdir()
    assert [(one.id, one.text) for one in read_texts(tmp_path)] == [("a c", "One."), ("b", "p53 acts.\r\n")]
    assert [one.id for one in read_texts(tmp_path / "notes.md")] == ["notes"]
    assert text_files(tmp_path) == [str(tmp_path / name) for name in ("a c.TXT", "b.txt")]
    document = Document("d", "loss of B", (Entity("x", "ACTION", ((0, 4),)),))
    write_documents(tmp_path / "d.jsonl", [document])
    assert read_texts(tmp_path / "d.jsonl") == [document.bare()]


def test_bad_texts_are_named(tmp_path):
    with pytest.raises(LexomeError, match=r"holds no file that ends in \.txt"):
        read_texts(tmp_path)
    for name, content, message in (
        ("a.txt", b"caf\xe9", r"a\.txt, line 1: not UTF-8"),
        ("a.jsonl", b"{}", r"a\.jsonl, line 1: is no document"),
        ("b.jsonl", b'{"id": "x", "text": " "}', r"b\.jsonl: document x has no text"),
        ("c.jsonl", b"\n", r"c\.jsonl: holds no documents"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LexomeError, match=message):
            read_texts(tmp_path / name)
    (tmp_path / "a.txt").write_text("good")
    (tmp_path / "a.TXT").write_text("good")
    if len(text_files(tmp_path)) == 2:  # the file system knows capitals
        with pytest.raises(LexomeError, match="two texts are called a; rename one"):
            read_texts(tmp_path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/a b/My (paper).v1.txt", "My-paper-.v1"), ("x/papers", "papers"), ("docs.jsonl.gz", "docs")),
        *(("a/D.JSONL", "D"), ("../..", "text")),
    ],
)
def test_names_of_results(path, name):
    assert source_name(path) == name


def test_names_of_pages_differ():
    assert file_names(["a", "A", "a b", "a-b", "a-2", "//"]) == ["a", "A-2", "a-b", "a-b-2", "a-2-2", "text"]


def test_the_script_loads_the_runs_and_writes_documents(tmp_path, monkeypatch):
    loaded = []

    def load(folder, gpus):
        loaded.append((folder, gpus))
        found = {"tagger": mentions("ACTION", ["loss", "B"], "e"), "names": mentions("process", ["B"], "e")}
        return tagpredictors.TagPredictor(tag=found.get(folder), link=link_ends if folder == "linker" else None)

    monkeypatch.setattr(tagpredictors, "load_tagger", load)
    (tmp_path / "paper.txt").write_text("loss of B")
    out = tmp_path / "document.jsonl"
    tagging_script.tag_documents(tmp_path / "paper.txt", ["tagger"], "linker", ["names"], 1, out)
    (document,) = read_documents(out)
    assert document.id == "paper"
    assert [one.id for one in document.entities] == ["T1", "T2", "G1"]
    assert len(document.links) == 1
    assert loaded == [("tagger", 1), ("linker", 1), ("names", 1)]
    tagging_script.tag_documents(tmp_path / "paper.txt", ["tagger"], None, [], 0, out)
    assert not next(read_documents(out)).links


def test_nothing_found_is_told():
    told = [describe(Document("d", "one"), {}, {})]
    assert summary_line("d.txt", told) == "d.txt: 1 text, 0 entities"
    assert len(entity_table(told)) == len(link_table(told)) == 0
    assert "concept_name" in entity_table(told)
