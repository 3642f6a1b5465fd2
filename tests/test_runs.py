"""A run sees train and valid labels, never test labels; predictions survive the disk."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.runs import known_matrix, load_run, read_predictions, target_matrix, write_predictions
from lexome.runtime import read_json, write_json

label_lists = st.lists(st.lists(st.integers(0, 9), unique=True), min_size=1, max_size=20)


@given(label_lists, st.lists(st.integers(0, 9), unique=True))
def test_targets_equal_membership(rows, chosen):
    targets = target_matrix(pd.Series(rows), chosen, n_labels=10)
    assert targets.tolist() == [[int(label in row) for label in chosen] for row in rows]


@pytest.fixture
def study(tmp_path):
    examples = pd.DataFrame({"id": list("abcd"), "sequence": list("MKVL"), "labels": [[0, 2], [1], [2], [0, 1, 2]]})
    examples.to_parquet(tmp_path / "examples.parquet")
    pd.DataFrame({"id": list("abcd"), "subset": ["train", "valid", "test", "train"]}).to_parquet(
        tmp_path / "split.parquet"
    )
    names = [{"id": f"L{i}"} for i in range(3)]
    write_json(tmp_path / "labels.json", {"labels": names})
    write_json(
        tmp_path / "split.labels.json",
        {"task": "multi_label", "labels": [names[0] | {"index": 0}, names[2] | {"index": 2}]},
    )
    return [tmp_path / n for n in ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")]


def test_test_labels_are_dropped(study):
    data = load_run(*study, features=lambda ids: np.array([[ord(i)] for i in ids], dtype=np.float32))
    assert data.train.ids == ["a", "d"]
    assert data.train.targets.tolist() == [[1, 1], [1, 1]]
    assert data.valid.targets.tolist() == [[0, 0]]
    assert data.test.ids == ["c"]
    assert data.test.targets is None
    assert data.test.features.tolist() == [[ord("c")]]
    assert data.train.texts == ["M", "L"]
    assert (data.tokens, data.backbone) == (None, None)


def test_folders_are_handed_on_and_texts_may_be_called_text(study):
    pd.read_parquet(study[0]).rename(columns={"sequence": "text"}).assign(name="x").to_parquet(study[0])
    data = load_run(*study, None, tokens="t", backbone="b")
    assert data.test.texts == ["V"]
    assert data.test.features is None
    assert (data.tokens, data.backbone) == ("t", "b")


def test_an_example_without_its_one_class_is_refused(study):
    labels = read_json(study[3])
    write_json(study[3], labels | {"task": "multi_class"})
    with pytest.raises(LexomeError, match="train example a does not have exactly one"):
        load_run(*study, None)
    pd.read_parquet(study[0]).assign(labels=[[0], [2], [1], [0]]).to_parquet(study[0])
    # The test example `c` has a class that is not judged; nobody may know.
    assert load_run(*study, None).valid.targets.tolist() == [[0, 1]]


def test_predictions_survive_the_disk(tmp_path):
    rng = np.random.default_rng(0)
    valid, test = rng.random((3, 4)), rng.random((2, 4))
    write_predictions(tmp_path / "p.parquet", {"valid": (list("abc"), valid), "test": (list("de"), test)})
    rows, scores = read_predictions(tmp_path / "p.parquet")
    assert rows["id"].tolist() == list("abcde")
    assert rows["subset"].tolist() == ["valid"] * 3 + ["test"] * 2
    np.testing.assert_array_equal(scores, np.concatenate([valid, test]).astype(np.float32))


def test_predictions_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(ValueError, match="finite"):
        write_predictions(tmp_path / "p.parquet", {"test": (["a"], np.array([[np.nan]]))})
    assert not (tmp_path / "p.parquet").exists()


def test_unknown_labels_are_masked_and_those_of_test_examples_stay_hidden(study):
    table = pd.read_parquet(study[0]).assign(measured=[[0], [2, 1], [0], None])
    table.to_parquet(study[0])
    data = load_run(*study, None)
    # Judged are the labels 0 and 2.
    assert data.train.known.tolist() == [[True, False], [True, True]]
    assert data.train.targets.tolist() == [[1, 0], [1, 1]]
    assert data.valid.known.tolist() == [[False, True]]
    assert data.test.known is None
    assert known_matrix(table["measured"], [2, 0], 3).tolist() == [
        [False, True],
        [True, False],
        [False, True],
        [True] * 2,
    ]
    write_json(study[3], read_json(study[3]) | {"task": "multi_class"})
    with pytest.raises(LexomeError, match="leave `measured` out"):
        load_run(*study, None)
