"""The audit finds planted repetitions and conflicts, and its ceiling is what an oracle reaches."""

import dataclasses
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from audit_labels import audit_labels as run
from lexome.audit import COLUMNS, audit_labels, ceilings_by_subset, whole_answers
from lexome.documents import Document, Entity, encode
from lexome.runtime import read_json, write_json

NAMES = ["heart", "lung", "skin"]
VOCABULARY = {"task": "multi_class", "labels": [{"id": name, "name": name} for name in NAMES]}
EXAMPLES = st.lists(st.tuples(st.sampled_from("pqr"), st.integers(0, 2)), min_size=1, max_size=10)


def audit(texts, labels, **changed):
    return audit_labels([f"e{i}" for i in range(len(texts))], texts, labels, VOCABULARY | changed)


def planted():
    """Seven texts: two repeated without a conflict, one with three labels, four alone."""
    texts = ["a b", "A  b", "same", "same", "chest pain", "Chest pain", "chest\npain", "chest pain", "x", "y", "z", "w"]
    labels = [[0], [0], [1], [1], [0], [1], [2], [1], [0], [1], [2], [2]]
    return texts, labels


def test_planted_repetitions_and_conflicts_are_found():
    found, conflicts = audit(*planted())
    expected = {
        "examples": 12,
        "distinct_texts": 7,
        "repeated_texts": 3,
        "repeated_examples": 8,
        "spare_examples": 5,
        "identical_repetitions": 2,
        "conflicting_texts": 1,
        "conflicting_examples": 4,
    }
    assert {key: found[key] for key in expected} == expected
    assert found["ceilings"]["accuracy"] == pytest.approx(10 / 12)
    assert found["majority"] == pytest.approx(5 / 12)
    assert list(conflicts.columns) == list(COLUMNS)
    row = conflicts.iloc[0]
    assert (len(conflicts), row["examples"], row["text"]) == (1, 4, "chest pain")
    assert row["labels"] == "lung: 2; heart: 1; skin: 1"
    assert row["ids"] == "e4; e5; e6; e7"


def test_rows_say_the_same():
    found, _ = audit(*planted())
    rows = {row["what"]: row for row in found["rows"]}
    assert rows["examples with conflicting labels"]["n"] == 4
    assert rows["examples with conflicting labels"]["share"] == pytest.approx(4 / 12)
    assert rows["examples with conflicting labels"]["note"] == "1 text"
    assert rows["ceiling: accuracy"]["share"] == found["ceilings"]["accuracy"]
    assert rows["ceiling: balanced accuracy"]["share"] == found["ceilings"]["balanced_accuracy"]


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(deadline=None, max_examples=40)
@given(EXAMPLES)
def test_ceilings_are_the_best_of_all_models(examples):
    """Every way to give each text one label is tried; scikit-learn judges."""
    texts, classes = zip(*examples, strict=True)
    found, _ = audit(texts, [[c] for c in classes])
    kinds = sorted(set(texts))
    best = defaultdict(float)
    for answers in product(sorted(set(classes)), repeat=len(kinds)):
        predicted = [answers[kinds.index(text)] for text in texts]
        best["accuracy"] = max(best["accuracy"], accuracy_score(classes, predicted))
        best["balanced_accuracy"] = max(best["balanced_accuracy"], balanced_accuracy_score(classes, predicted))
    assert found["ceilings"] == pytest.approx(dict(best))


@settings(deadline=None, max_examples=40)
@given(EXAMPLES)
def test_counts_equal_a_naive_count(examples):
    texts, classes = zip(*examples, strict=True)
    found, conflicts = audit(texts, [[c] for c in classes])
    said = defaultdict(Counter)
    for text, label in examples:
        said[text][label] += 1
    odd = [text for text, counts in said.items() if len(counts) > 1]
    assert found["distinct_texts"] == len(said)
    assert found["repeated_examples"] == sum(sum(c.values()) for c in said.values() if sum(c.values()) > 1)
    assert found["conflicting_examples"] == sum(sum(said[text].values()) for text in odd)
    assert sorted(conflicts["text"]) == sorted(odd)
    assert list(conflicts["examples"]) == sorted(conflicts["examples"], reverse=True)


def test_without_conflicts_nothing_limits_a_model():
    found, conflicts = audit(["a", "a", "b"], [[0], [0], [1]])
    assert found["ceilings"] == {"accuracy": 1.0, "balanced_accuracy": 1.0}
    assert conflicts.empty


def test_sets_of_labels_conflict_as_wholes():
    found, conflicts = audit(["a", "A", "b", "b"], [[0, 1], [1], [2, 0], [0, 2]], task="multi_label")
    assert found["conflicting_texts"] == 1
    assert found["ceilings"] == {"accuracy": 0.75}
    assert conflicts["labels"].tolist() == ["heart + lung: 1; lung: 1"]
    assert "ceiling: examples with all labels right" in {row["what"] for row in found["rows"]}


def test_no_examples_have_no_ceiling():
    found, conflicts = audit([], [])
    assert found["ceilings"] == {}
    assert found["majority"] is None
    assert conflicts.empty


@pytest.mark.parametrize("column", ["text", "sequence"])
def test_script_writes_both_files(tmp_path, column):
    texts, labels = planted()
    table = pd.DataFrame({"id": [f"e{i}" for i in range(12)], column: texts, "labels": map(np.array, labels)})
    table.to_parquet(tmp_path / "examples.parquet")
    write_json(tmp_path / "labels.json", VOCABULARY)
    paths = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "audit.json", "audit.tsv")]
    run(*paths)
    assert read_json(paths[2])["conflicting_examples"] == 4
    assert {row["what"] for row in read_json(paths[2])["rows"]} >= {f"distinct {column}s"}
    written = pd.read_csv(paths[3], sep="\t")
    assert list(written.columns) == list(COLUMNS)
    assert written["examples"].tolist() == [4]


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.integers(0, 1), st.sampled_from(["train", "test"])), min_size=1))
def test_ceilings_of_subsets_are_those_of_an_oracle(rows):
    texts, labels, subset = [row[0] for row in rows], [[row[1]] for row in rows], [row[2] for row in rows]
    found = ceilings_by_subset(texts, labels, subset)
    own = [(text, label[0]) for text, label, name in zip(texts, labels, subset, strict=True) if name == "test"]
    best = sum(max(Counter(label for text, label in own if text == one).values()) for one in {text for text, _ in own})
    assert found["test"]["ceiling"] == (pytest.approx(best / len(own)) if own else None)
    train = [row for row in rows if row[2] == "train"]
    assert found["test"]["repeats"] == sum(text in {row[0] for row in train} for text, _ in own)
    assert found["test"]["agreeing"] == sum(pair in {row[:2] for row in train} for pair in own)
    assert found["valid"] == {"ceiling": None, "repeats": 0, "agreeing": 0}


def test_the_other_strand_repeats_and_lowers_no_ceiling():
    texts, labels = ["AACG", "CGTT", "AACG", "GATC"], [[0], [1], [0], [1]]
    found = ceilings_by_subset(texts, labels, ["train", "test", "test", "test"], both_strands=True)
    assert found["test"] == {"ceiling": 1.0, "repeats": 2, "agreeing": 1}
    assert ceilings_by_subset(texts, labels, ["train", "test", "test", "test"])["test"]["repeats"] == 1
    found, _ = audit(texts, labels, length_unit="nucleotides")
    assert (found["spare_examples"], found["spare_on_either_strand"], found["conflicting_texts"]) == (1, 2, 0)
    assert found["ceilings"]["accuracy"] == 1
    assert {row["what"]: row["n"] for row in found["rows"]}["repetitions beyond the first, on either strand"] == 2
    assert "spare_on_either_strand" not in audit(texts, labels)[0]


def test_a_conflict_across_subsets_lowers_no_ceiling():
    found = ceilings_by_subset(["a B", "A b", "c"], [[0], [1], [1]], ["train", "test", "test"])
    assert found["test"] == {"ceiling": 1.0, "repeats": 1, "agreeing": 0}


def test_of_documents_whole_annotations_are_compared():
    """Ids and the order of entities do not matter; spans, categories and fields do."""
    vocabulary = {"task": "tagging", "labels": [{"id": "A", "name": "action"}, {"id": "C", "name": "context"}]}
    entities = [Entity("T1", "A", ((0, 2),), {"kind": "x"}), Entity("T2", "C", ((3, 5),))]
    same = [dataclasses.replace(one, id=f"E{at}") for at, one in enumerate(entities)][::-1]
    moved = [entities[0], dataclasses.replace(entities[1], spans=((3, 4),))]
    other = [dataclasses.replace(entities[0], fields={"kind": "y"}), entities[1]]
    drawn = [entities, same, moved, other, []]
    documents = [Document(name, "ab cd", tuple(own)) for name, own in zip("abcde", drawn, strict=True)]
    examples = pd.DataFrame({"id": [one.id for one in documents], "text": "ab cd", "labels": [[0, 1]] * 4 + [[]]})
    examples["document"] = [encode(one, text=False) for one in documents]
    answers, told = whole_answers(examples, vocabulary)
    assert answers.map(lambda row: row[0]).tolist() == [0, 0, 1, 2, 3]
    assert [label["name"] for label in told["labels"]] == ["1 action, 1 context"] * 3 + ["none"]
    found, conflicts = audit_labels(examples["id"], examples["text"], answers, told)
    assert (found["conflicting_examples"], found["ceilings"]) == (5, {"accuracy": 0.4})
    both = "1 action, 1 context"
    assert conflicts["labels"].tolist() == [f"{both}: 2; {both}: 1; {both}: 1; none: 1"]
    assert not any("commonest" in row["what"] for row in found["rows"])


def test_of_other_examples_the_labels_are_compared():
    examples = pd.DataFrame({"labels": [[0], [1, 2]]})
    answers, told = whole_answers(examples, VOCABULARY)
    assert answers.tolist() == [[0], [1, 2]]
    assert told is VOCABULARY
