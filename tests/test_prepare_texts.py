"""A user's table of texts and labels: every row accounted for, every mistake told with its line."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.texttables import find_separator, label_ids, read_columns
from prepare_texts import prepare_texts

# Text and label; the same words in another case are the same text.
ROWS = [
    ("Heart was heard.", "Cardiology"),
    ("Knee, left, swollen.", "Orthopedics"),
    ("heart  WAS heard.", "Cardiology"),
    ("Both felt ill.", "Cardiology"),
    ("Both felt ill.", "Orthopedics"),
    ("both felt ill.", "Orthopedics"),
    ('She said "ouch".\nTwice.', "Orthopedics"),
    ("", "Cardiology"),
    (" - ", "Cardiology"),
    ("No label here.", " "),
    ("Other things.", "Dentistry"),
]
SETTINGS = {
    "rule": "texts",
    "separator": None,
    "text_column": "text",
    "label_column": "kind",
    "id_column": None,
    "labels": ["Orthopedics", "Cardiology"],
    "duplicates": "keep",
    "conflicts": "keep",
    "example_noun": "note",
}


def write(path, rows=ROWS, header=("kind", "text"), delimiter=",", encoding="utf-8") -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows((label, text) for text, label in rows)
    return path


@pytest.fixture
def prepare(tmp_path):
    """Run it on a file; gives examples, labels and counts (n by step)."""

    def run(path=None, **settings):
        outputs = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
        prepare_texts(str(path or write(tmp_path / "notes.csv")), SETTINGS | settings, *outputs)
        labels, report = (json.loads(Path(name).read_text()) for name in outputs[1:])
        return pd.read_parquet(outputs[0]), labels, {row["step"]: row["n"] for row in report["counts"]}

    run.folder = tmp_path
    return run


def test_contract_of_the_files(prepare):
    examples, labels, counts = prepare()
    schema = pq.read_schema(prepare.folder / "examples.parquet")
    assert {field.name: field.type for field in schema} == {
        "id": pa.string(),
        "text": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
    }
    assert labels == {
        "task": "multi_class",
        "example_noun": "note",
        "label_noun": "class",
        "length_unit": "words",
        "labels": [{"id": "orthopedics", "name": "Orthopedics"}, {"id": "cardiology", "name": "Cardiology"}],
    }
    assert examples["id"].tolist() == [f"row{n:02d}" for n in range(1, 8)]
    assert [row[0] for row in examples["labels"]] == [1, 0, 1, 1, 0, 0, 0]
    assert examples["text"].iloc[-1] == 'She said "ouch". Twice.'
    assert examples["length"].tolist() == [3, 3, 3, 3, 3, 3, 4]
    assert counts["rows read"] == len(ROWS)
    dropped = ("without a label dropped", "other labels dropped", "without a text dropped")
    assert [counts[step] for step in dropped] == [1, 1, 2]
    assert counts["labelled notes"] == counts["rows read"] - sum(counts[step] for step in dropped) == len(examples)


def test_equal_texts_share_a_group(prepare):
    examples, _, counts = prepare()
    by_text = examples.groupby(examples["text"].str.lower())["group"]
    assert by_text.nunique().eq(1).all()
    assert examples["group"].nunique() == counts["distinct texts"] == by_text.ngroups == 4


def test_duplicates_and_conflicts_are_dropped_as_asked(prepare):
    kept = {}
    for duplicates in ("keep", "drop"):
        for conflicts in ("keep", "drop"):
            examples, _, counts = prepare(duplicates=duplicates, conflicts=conflicts)
            kept[duplicates, conflicts] = [int(i.removeprefix("row")) for i in examples["id"]]
            assert counts["examples"] == len(examples)
            assert counts["Orthopedics"] + counts["Cardiology"] == len(examples)
            assert counts[f"conflicting labels {'dropped' if conflicts == 'drop' else 'kept'}"] == 3
    assert kept == {
        ("keep", "keep"): [1, 2, 3, 4, 5, 6, 7],
        ("keep", "drop"): [1, 2, 3, 7],
        # Of the conflicting text stays the first row with its commonest label.
        ("drop", "keep"): [1, 2, 5, 7],
        ("drop", "drop"): [1, 2, 7],
    }


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["X", "Y", "Z"])), min_size=3, max_size=30))
def test_dropping_equals_a_naive_reading(tmp_path_factory, rows):
    rows = [*rows, ("only x", "X"), ("only y", "Y")]
    folder = tmp_path_factory.mktemp("drawn")
    path = write(folder / "notes.csv", rows)
    outputs = [folder / name for name in ("e.parquet", "l.json", "p.json")]
    settings = SETTINGS | {"labels": None, "duplicates": "drop", "conflicts": "drop"}
    prepare_texts(path, settings, *outputs)
    votes: dict[str, set] = {}
    for text, label in rows:
        votes.setdefault(text, set()).add(label)
    names = [label["name"] for label in json.loads(outputs[1].read_text())["labels"]]
    examples = pd.read_parquet(outputs[0])
    found = Counter((row.text, names[row.labels[0]]) for row in examples.itertuples())
    assert found == Counter((text, *labels) for text, labels in votes.items() if len(labels) == 1)


def test_all_labels_in_alphabetical_order(prepare):
    _, labels, counts = prepare(labels=None)
    assert [label["name"] for label in labels["labels"]] == ["Cardiology", "Dentistry", "Orthopedics"]
    assert counts["other labels dropped"] == 0


@pytest.mark.parametrize(
    ("name", "delimiter", "separator", "encoding"),
    [
        ("n.csv", ",", None, "utf-8-sig"),
        ("n.csv.gz", ",", None, "utf-8"),
        ("n.tsv", "\t", None, "utf-8"),
        ("N.TSV.gz", "\t", None, "utf-8-sig"),
        ("n.txt", ";", ";", "utf-8"),
        ("n.csv", ";", ";", "utf-8"),
    ],
)
def test_forms_of_a_table_give_the_same_examples(prepare, name, delimiter, separator, encoding):
    first, _, _ = prepare()
    path = write(prepare.folder / name, delimiter=delimiter, encoding=encoding)
    again, _, _ = prepare(path, separator=separator)
    pd.testing.assert_frame_equal(again, first)


def test_ids_of_the_file(prepare):
    rows = [(text, label, f"n{9 - at}") for at, (text, label) in enumerate(ROWS[:3])]
    path = prepare.folder / "ids.csv"
    pd.DataFrame(rows, columns=["text", "kind", "note"]).to_csv(path, index=False)
    examples, _, _ = prepare(path, id_column="note")
    assert dict(zip(examples["id"], examples["text"], strict=True)) == {
        row[2]: " ".join(row[0].split()) for row in rows
    }
    assert examples["id"].is_monotonic_increasing
    path.write_text("text,kind,note\na,Cardiology,n1\n\nb,Orthopedics,n1\n")
    with pytest.raises(LexomeError, match=r"ids\.csv, line 4: an id that stands above already \('n1'\)"):
        prepare(path, id_column="note")
    path.write_text("text,kind,note\na,Cardiology,\n")
    with pytest.raises(LexomeError, match=r"line 2: an empty id"):
        prepare(path, id_column="note")


def refuse(path, content, columns=("text", "kind")):
    path.write_bytes(content)
    with pytest.raises(LexomeError) as caught:
        read_columns(path, columns)
    return str(caught.value)


def test_mistakes_in_a_table_name_their_line(tmp_path):
    path = tmp_path / "t.csv"
    text = refuse(path, b'kind,text\nA,"two\nlines"\nB,one,too many\n')
    assert "t.csv, line 4: 3 fields, the first line has 2" in text
    text = refuse(path, "kind,text\nA,one\nB,caf\xe9\n".encode("latin-1"))
    assert "t.csv, line 3: not UTF-8 text (byte 0xe9)" in text
    assert "iconv -f LATIN1" in text
    assert "t.csv, line 2: not UTF-8 text (byte 0xff)" in refuse(path, b"\xef\xbb\xbfkind,text\nA,\xff\n")
    for order in ("utf-16-le", "utf-16-be"):
        text = refuse(path, "\ufeffkind,text\nA,one\n".encode(order))
        assert "t.csv: is UTF-16 text" in text
        assert "iconv -f UTF-16 -t UTF-8" in text
    assert "t.csv, line 2: " in refuse(path, b'kind,text\nA,"so"bad"\n')
    assert "t.csv, line 3: " in refuse(path, b'kind,text\nA,"never closed\nB,b\n')
    text = refuse(path, b"kind,body\nA,one\n")
    assert "no column 'text'; its columns are 'kind', 'body'" in text
    assert "more than one column 'text'" in refuse(path, b"kind,text,text\nA,one,two\n")
    assert "no column 'text'" in refuse(path, b"")


def test_a_long_field_and_odd_line_ends_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"text,kind\r\n" + b"word " * 50_000 + b",A\r\nseparated\xe2\x80\xa8here,B\r\n")
    table = read_columns(path, ["text", "kind"])
    assert table["kind"].tolist() == ["A", "B"]
    assert table["line"].tolist() == [2, 3]
    assert len(table["text"][0]) == 249_999
    assert table["text"][1] == "separated here"
    before = csv.field_size_limit()
    assert before < 249_999


def test_settings_that_do_not_fit_the_table(prepare):
    with pytest.raises(LexomeError, match=r"no row has the label 'Surgery' of `labels`; there are Cardiology, Dent"):
        prepare(labels=["Surgery", "Cardiology"])
    with pytest.raises(LexomeError, match="fewer than two classes"):
        prepare(write(prepare.folder / "one.csv", ROWS[:1]), labels=None)
    with pytest.raises(LexomeError, match="does not tell what parts the columns"):
        find_separator("notes.txt")
    same = [("a", "X"), ("a", "Y"), ("b", "X"), ("b", "Y")]
    with pytest.raises(LexomeError, match="nothing is left after the step 'examples'"):
        prepare(write(prepare.folder / "same.csv", same), labels=None, conflicts="drop")


def test_labels_become_names_of_metrics():
    assert label_ids(["Consult - History and Phy.", "A/B", "42"]) == ["consult_history_and_phy", "a_b", "42"]
    with pytest.raises(LexomeError, match="'A/B' and 'a b' are told apart by signs only"):
        label_ids(["A/B", "C", "a b"])
    with pytest.raises(LexomeError, match="no letter or digit"):
        label_ids(["+"])
