"""Runs of task `tagging`: the files that they leave, behind a tagger too; test annotations change no byte of them."""

import dataclasses
import json

import pandas as pd
import pytest

from lexome.documents import decode, encode
from lexome.errors import LexomeError
from lexome.runtime import read_json, write_json, write_parquet
from lexome.tagging import load_tagging, read_predicted
from lexome.tagpredictors import load_tagger
from lexome.texts import text_group
from tagging_data import CATEGORIES, FIELDS, part
from train_model import train_model

SUBSETS = {"train": part("a", 20, 0), "valid": part("b", 6, 1), "test": part("c", 6, 2)}
MODELS = {
    "dictionary": {"kind": "mentions", "min_share": 0.2},
    "words": {"kind": "words", "chain": True, "c1": 0.1, "c2": 0.1, "max_iter": 20},
    "nearest": {"kind": "link_nearest", "tagger": "words"},
    "pairs": {"kind": "link_features", "learner": "logistic", "reach": 0, "tagger": "words"},
}


def write_study(folder, change=lambda document: document):
    """Files of a study; `change` is done to the annotations of test documents."""
    rows, subsets = [], []
    for subset, own in SUBSETS.items():
        for number, document in enumerate(own.documents):
            kept = change(document) if subset == "test" else document
            rows.append({"id": document.id, "text": document.text, "group": text_group(document.text)})
            rows[-1] |= {"document": encode(kept, text=False), "labels": [0, 1, 2], "links_known": number % 3 > 0}
            subsets.append({"id": document.id, "subset": subset})
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / "examples.parquet", pd.DataFrame(rows).sort_values("id"))
    # The split lists its documents in an order of its own.
    write_parquet(folder / "split.parquet", pd.DataFrame(subsets).sample(frac=1, random_state=0))
    labels = [{"id": name, "name": name.lower()} for name in CATEGORIES]
    told = {"task": "tagging", "example_noun": "document", "label_noun": "category", "labels": labels}
    write_json(folder / "labels.json", told | {"fields": FIELDS, "links": True, "concept_field": None})
    return folder


def train(study, name, folder, tagged=None):
    train_model(
        study / "examples.parquet",
        study / "labels.json",
        study / "split.parquet",
        study / "labels.json",
        *(None, None, None, 0),
        MODELS[name],
        *(0, 0),
        folder / "model",
        folder / "predictions.parquet",
        folder / "history.jsonl",
        folder / "cost.json",
        tagged=tagged,
    )
    return folder / "predictions.parquet"


def train_all(study, folder):
    paths = {name: train(study, name, folder / name) for name in ("dictionary", "words")}
    return paths | {name: train(study, name, folder / name, paths["words"]) for name in ("nearest", "pairs")}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def runs(study, tmp_path_factory):
    return train_all(study, tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", MODELS)
def test_files(name, runs):
    folder = runs[name].parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "cost.json",
        "history.jsonl",
        "model",
        "predictions.parquet",
    ]
    assert (folder / "history.jsonl").read_text() == ""
    assert read_json(folder / "cost.json")["parameters"] >= 0
    table = pd.read_parquet(runs[name])
    assert set(zip(table["id"], table["subset"], strict=True)) == {
        (document.id, subset) for subset in ("valid", "test") for document in SUBSETS[subset].documents
    }


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_of_their_documents(name, runs, study):
    """A saved model, asked again, says what stands in the file."""
    told, model = read_predicted(runs[name]), load_tagger(runs[name].parent / "model")
    found = read_predicted(runs["words"])
    for given in SUBSETS["test"].given:
        subset, line, links = told[given.id]
        assert subset == "test"
        if model.tag:
            (again,) = model.tag([given.bare()])
            assert decode(line, "predictions", given.text) == again
            assert links is None
        else:
            ends = decode(found[given.id][1], "tagger", given.text)
            assert decode(line, "predictions", given.text) == model.link([ends])[0]
            pairs = {frozenset(link.members) for link in links}
            assert pairs == {frozenset(link.members) for link in model.link([given])[0].links}
            assert pairs


def without_annotations(document):
    return document.bare()


def other_categories(document):
    order = {name: CATEGORIES[at - 1] for at, name in enumerate(CATEGORIES)}
    entities = tuple(dataclasses.replace(one, category=order[one.category]) for one in document.entities)
    return dataclasses.replace(document, entities=entities, links=())


@pytest.mark.parametrize("change", [without_annotations, other_categories])
def test_annotations_of_test_change_no_byte_of_a_tagger(change, runs, tmp_path):
    other = train_all(write_study(tmp_path / "study", change), tmp_path / "runs")
    for name in ("dictionary", "words"):
        assert other[name].read_bytes() == runs[name].read_bytes()
    # Linkers are asked about annotated entities, so that only what they say from end to end stays the same.
    for name in ("nearest", "pairs"):
        ends, others = (
            {key: line for key, (_, line, _) in read_predicted(paths[name]).items()} for paths in (runs, other)
        )
        assert ends == others


def test_links_of_test_change_no_byte_of_a_linker(runs, tmp_path):
    other = train_all(write_study(tmp_path / "study", lambda document: document.unlinked()), tmp_path / "runs")
    assert all(other[name].read_bytes() == runs[name].read_bytes() for name in MODELS)


def test_what_is_loaded(study, runs):
    data = load_tagging(*(str(study / name) for name in ("examples.parquet", "labels.json", "split.parquet")))
    assert (data.categories, data.fields) == (CATEGORIES, FIELDS)
    assert {one.id: one for one in data.train.documents} == {one.id: one for one in SUBSETS["train"].documents}
    assert all(not one.entities and not one.links for one in data.test.documents)
    assert all(one.entities and not one.links for part in (data.valid, data.test) for one in part.given)
    places = {one.id: number for number, one in enumerate(SUBSETS["test"].documents)}
    assert data.test.links_known == [places[one.id] % 3 > 0 for one in data.test.documents]
    assert data.test.groups == [text_group(one.text) for one in data.test.documents]
    assert data.test.tagged == []


def test_a_tagger_without_entities_is_refused(study, runs, tmp_path):
    lone = train(study, "nearest", tmp_path / "lone")
    assert all(line is None for _, line, _ in read_predicted(lone).values())
    with pytest.raises(LexomeError, match="holds no entities"):
        train(study, "nearest", tmp_path / "behind", lone)


def test_a_model_of_another_task_is_no_tagger(tmp_path):
    with pytest.raises(LexomeError, match="train this run again"):
        load_tagger(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model": {"kind": "tfidf"}}))
    with pytest.raises(LexomeError, match="kind tfidf finds no entities"):
        load_tagger(tmp_path)
