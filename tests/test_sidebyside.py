"""Protocols and contrasts beside each other: every figure in its column, nothing where there is none."""

import numpy as np
import pandas as pd

from lexome import reporting
from lexome.sidebyside import side_by_side


def comparison(rows):
    columns = ["subset", "model", "metric", "value", "low", "high", "source"]
    return pd.DataFrame(rows, columns=columns)


def test_figures_stand_in_their_columns():
    raw = comparison(
        [
            ("test", "naive", "accuracy", 0.3, 0.2, 0.4, "measured"),
            ("valid", "naive", "accuracy", 0.9, 0.8, 1.0, "measured"),
            ("test", "tfidf", "accuracy", 0.5, 0.4, 0.6, "measured"),
            ("test", "theirs", "accuracy", 0.6, np.nan, np.nan, "Somebody"),
            ("test", "naive", "weighted_f1", 0.2, 0.1, 0.3, "measured"),
        ]
    )
    clean = comparison(
        [
            ("test", "tfidf", "accuracy", 0.8, 0.7, 0.9, "measured"),
            ("test", "naive", "accuracy", np.nan, np.nan, np.nan, "measured"),
            ("test", "probe", "accuracy", 0.7, 0.6, 0.8, "measured"),
        ]
    )
    test = {"examples": 10, "ceiling": 0.9, "repeats": 1, "agreeing": 0}
    table = side_by_side(
        [
            {"title": "raw", "comparison": raw, "test": test, "models": ["naive", "tfidf"]},
            {"title": "clean", "comparison": clean, "test": test, "models": ["naive", "tfidf", "probe", "unrun"]},
        ],
        ["accuracy", "weighted_f1"],
    )
    assert [head["metrics"] for head in table["protocols"]] == [["accuracy", "weighted_f1"], ["accuracy"]]
    values = {row["model"]: [cell and cell["value"] for cell in row["cells"]] for row in table["rows"]}
    assert values == {
        "naive": [0.3, 0.2, None],
        "tfidf": [0.5, None, 0.8],
        "probe": [None, None, 0.7],
        "theirs": [0.6, None, None],
    }
    assert [row["published"] for row in table["rows"]] == [False, False, False, True]


def test_a_contrast_is_told_in_the_first_metric_that_both_models_have():
    rows = [
        ("network", "words", "word_f1", 0.1, 0.05, 0.15),
        ("network", "words", "link_f1", 0.3, 0.2, 0.4),
        ("features", "nearest", "link_f1", 0.2, 0.1, 0.3),
        ("nearest", "all", "link_f1", 0.5, np.nan, np.nan),
    ]
    columns = ["model", "reference", "metric", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).assign(subset="test")
    assert reporting.all_contrast_notes(table, ["word_f1", "entity_f1", "link_f1"]) == [
        "Against words in word F1 on test, better: network (+0.100 [+0.050 to +0.150]).",
        "Against nearest in link F1 on test, better: features (+0.200 [+0.100 to +0.300]).",
    ]
    assert reporting.all_contrast_notes(table.iloc[:0], ["word_f1"]) == []
