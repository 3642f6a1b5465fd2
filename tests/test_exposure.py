"""A backbone that was adapted to texts which a run is judged on stops that run."""

import pandas as pd
import pytest

from lexome.errors import LexomeError
from lexome.exposure import check_unseen
from lexome.runs import Part, load_run
from lexome.runtime import write_parquet
from lexome.texts import text_group
from test_train_model import study, train_model  # noqa: F401 - a fixture, and the script

PARTS = {
    "valid": Part(["v1", "v2"], None, None, ["one text", "two texts"]),
    "test": Part(["t1", "t2"], None, None, ["three texts", "four"]),
}


def corpus(path, texts, match_ids=False):
    table = pd.DataFrame({"id": list(texts), "group": [text_group(text) for text in texts.values()]})
    write_parquet(path, table)
    return {"backbone": "adapted", "path": str(path), "match_ids": match_ids}


def test_other_texts_are_no_concern(tmp_path):
    check_unseen([], PARTS)
    check_unseen([corpus(tmp_path / "c.parquet", {"t1": "another text"})], PARTS)


@pytest.mark.parametrize(
    ("texts", "match_ids", "numbers", "first"),
    [
        ({"x": "Three  TEXTS"}, False, "1 test examples", "t1"),
        ({"x": "two texts", "y": "four", "z": "three texts"}, False, "1 valid examples and 2 test examples", "v2"),
        ({"v1": "the same definition, whole"}, True, "1 valid examples", "v1"),
    ],
)
def test_seen_texts_are_counted_and_named(tmp_path, texts, match_ids, numbers, first):
    clean = corpus(tmp_path / "clean.parquet", {"x": "another text"}, True)
    with pytest.raises(LexomeError, match="transductive: true") as error:
        check_unseen([clean, corpus(tmp_path / "c.parquet", texts, match_ids)], PARTS)
    assert f"texts of {numbers} " in str(error.value)
    assert f"the first is {first};" in str(error.value)
    assert "backbone adapted " in str(error.value)


@pytest.mark.parametrize("seen", [False, True])
def test_the_check_stands_before_every_training(study, tmp_path, seen):  # noqa: F811
    """The sequences of that study are all `M`."""
    given = corpus(tmp_path / "c.parquet", {"x": "M" if seen else "W"})
    files = ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")
    out = ("model", "predictions.parquet", "history.jsonl", "cost.json")
    arguments = [*(study / name for name in files), None, None, None, 0, {"kind": "frequency"}, 0, 0]
    arguments += [tmp_path / "run" / name for name in out]
    if seen:
        with pytest.raises(LexomeError, match="40 valid examples and 60 test examples"):
            train_model(*arguments, [given])
    else:
        train_model(*arguments, [given])
    assert (tmp_path / "run" / "predictions.parquet").exists() != seen


def test_groups_come_with_the_run(study, tmp_path):  # noqa: F811
    """Of its own study, a run is stopped by another member of a test example's group."""
    files = ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")
    table = pd.read_parquet(study / "examples.parquet")
    write_parquet(study / "examples.parquet", table.assign(group=[f"g{at // 2}" for at in range(len(table))]))
    data = load_run(*(study / name for name in files), None)
    assert len(data.test.groups) == len(data.test.ids)
    given = corpus(tmp_path / "c.parquet", {"x": "W"}) | {"match_groups": True}
    check_unseen([given], {"test": data.test})  # a corpus of old without that column
    table = pd.read_parquet(tmp_path / "c.parquet").assign(whole=str(data.test.groups[0]))
    write_parquet(tmp_path / "c.parquet", table)
    with pytest.raises(LexomeError, match="of the same groups"):
        check_unseen([given], {"test": data.test})
    check_unseen([given | {"match_groups": False}], {"test": data.test})
