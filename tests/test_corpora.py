"""Corpora: planted duplicates of valid and test examples stay out, and everything dropped is counted."""

import gzip

import pandas as pd
import pytest

from lexome.corpora import finish, from_file, from_study
from lexome.errors import LexomeError
from lexome.texts import text_group

EXAMPLES = pd.DataFrame(
    [
        ("a", "alpha beta", 1, "train"),
        ("b", "gamma delta", 2, "train"),
        ("c", "judged on test", 3, "test"),
        ("d", "judged on valid", 4, "valid"),
        ("e", "never drawn", 5, None),
        # Planted: the text of a test example in another case, a member of a valid example's group.
        ("f", "Judged  on TEST", 6, None),
        ("g", "a rewording", 4, None),
        ("h", "a train text in a test group", 3, "train"),
    ],
    columns=["id", "text", "group", "subset"],
)
ASSIGNMENT = EXAMPLES.dropna()[["id", "subset"]].iloc[::-1]


def ids(subsets, **options):
    table, counts = from_study(EXAMPLES.drop(columns="subset"), ASSIGNMENT, subsets, **options)
    return table["id"].tolist(), {count["step"]: count["n"] for count in counts}


def test_texts_near_what_is_judged_are_dropped_and_counted():
    taken, counts = ids(["left_out"])
    assert taken == ["e"]
    assert counts == {"texts taken": 3, "dropped: in a group with a valid or test example": 2}
    assert ids(["train"])[0] == ["a", "b"]
    assert ids(["train", "left_out"])[0] == ["a", "b", "e"]


def test_a_transductive_corpus_holds_them():
    taken, counts = ids(["left_out", "test", "valid"], transductive=True)
    assert taken == ["c", "d", "e", "f", "g"]
    assert counts == {"texts taken": 5}


def test_sequences_are_texts():
    examples = EXAMPLES.rename(columns={"text": "sequence"}).drop(columns="subset")
    assert from_study(examples, ASSIGNMENT, ["train"])[0]["text"].tolist() == ["alpha beta", "gamma delta"]


DRAW = {"max_examples": None, "valid_share": 0.25, "seed": 0}


def many(n=200):
    return pd.DataFrame({"id": [f"e{i}" for i in range(n)], "whole": [i // 4 for i in range(n)]}).assign(
        text=lambda table: "text " + table["id"]
    )


def test_the_held_out_part_takes_whole_groups():
    corpus, counts = finish(many(), [], DRAW)
    assert corpus.columns.tolist() == ["id", "group", "subset", "text"]
    assert (corpus["subset"] == "valid").sum() == 52  # 13 of 50 groups of 4: as near to a quarter as 12
    whole = many().set_index("id").loc[corpus["id"], "whole"].to_numpy()
    assert pd.Series(corpus["subset"].to_numpy()).groupby(whole).nunique().max() == 1
    assert corpus["group"].tolist() == [text_group(text) for text in corpus["text"]]
    assert {count["step"]: count["n"] for count in counts}["train texts"] == 148


def test_examples_are_drawn_by_seed():
    drawn = [finish(many(), [], DRAW | {"max_examples": 50, "seed": seed})[0]["id"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [len(part) for part in drawn] == [50, 50, 50]


def test_equal_texts_come_once():
    table = many(20).assign(text=[f"Text {i % 10}" for i in range(20)])
    corpus, counts = finish(table, [], DRAW)
    assert corpus["id"].tolist() == [f"e{i}" for i in range(10)]
    assert {"step": "dropped: repeats another text", "n": 10, "note": ""} in counts


def test_nothing_left_says_where_it_went():
    table, counts = from_study(EXAMPLES.drop(columns="subset"), ASSIGNMENT, ["left_out"])
    with pytest.raises(LexomeError, match=r"1 texts are left.*valid or test example: 2"):
        finish(table, counts, DRAW)


def test_a_file_of_lines(tmp_path):
    (tmp_path / "texts.txt").write_text("first text\n\n  > second text \nthird\n")
    table, counts = from_file(tmp_path / "texts.txt", "text")
    assert table.to_dict("list") == {
        "id": ["line 1", "line 3", "line 4"],
        "text": ["first text", "> second text", "third"],
        "whole": ["line 1", "line 3", "line 4"],
    }
    assert counts[0]["n"] == 3


def test_a_packed_file_of_sequences(tmp_path):
    with gzip.open(tmp_path / "proteins.gz", "wt") as file:
        file.write(">p1 one\nmkv\nL\n>p2\n\n>p3\nMKVW*\n")
    table, counts = from_file(tmp_path / "proteins.gz", "protein")
    assert table["text"].tolist() == ["MKVL", "MKVW"]
    assert [count["n"] for count in counts] == [3, 1]
