"""The split rule's three files fit together."""

import pandas as pd
import pytest

from lexome.errors import LexomeError
from lexome.runtime import read_json, write_json
from split_examples import split_examples

SETTINGS = {
    "method": "random",
    "fractions": {"train": 0.5, "valid": 0.25, "test": 0.25},
    "seed": 0,
    "min_train_examples": 2,
    "leakage": {"k": 3, "unit": "character", "near": 0.5, "distant": 0.1},
}


@pytest.fixture
def study(tmp_path):
    rows = [(f"p{i:02}", "ACDE" * (i // 2 + 1), f"g{i // 2}", [i % 3]) for i in range(24)]
    rows[0] = (*rows[0][:3], [0, 3])
    pd.DataFrame(rows, columns=["id", "sequence", "group", "labels"]).to_parquet(tmp_path / "examples.parquet")
    names = [{"id": f"L{i}", "name": f"label {i}"} for i in range(4)]
    write_json(tmp_path / "labels.json", {"task": "multi_label", "labels": names})
    return tmp_path


def run(folder):
    paths = [folder / name for name in ("s.parquet", "s.labels.json", "s.leakage.json")]
    split_examples(folder / "examples.parquet", folder / "labels.json", SETTINGS, *paths)
    return pd.read_parquet(paths[0]), read_json(paths[1]), read_json(paths[2])


def test_files_fit_together(study):
    assignment, labels, leakage = run(study)
    assert list(assignment.columns) == ["id", "subset", "group", "nearest_train"]
    assert assignment["id"].is_monotonic_increasing
    assert assignment.groupby("group")["subset"].nunique().max() == 1
    assert leakage["n"] == assignment["subset"].value_counts().to_dict()
    assert leakage["groups"] == 12
    assert assignment.loc[assignment["subset"] == "train", "nearest_train"].isna().all()
    # Label 3 stands on one example only.
    assert [label["index"] for label in labels["labels"]] == [0, 1, 2]
    examples = pd.read_parquet(study / "examples.parquet").merge(assignment, on="id")
    train = examples[examples["subset"] == "train"]
    assert [label["n_train"] for label in labels["labels"]] == [
        sum(i in row for row in train["labels"]) for i in range(3)
    ]


def test_repeated_id_is_refused(study):
    table = pd.read_parquet(study / "examples.parquet")
    pd.concat([table, table.head(1)]).to_parquet(study / "examples.parquet")
    with pytest.raises(LexomeError, match="repeats"):
        run(study)
