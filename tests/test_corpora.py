"""Corpora: planted duplicates of valid and test examples stay out, and everything dropped is counted."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect_corpus import collect_corpus
from lexome.corpora import cut, finish, from_file, from_sources, from_study
from lexome.errors import LexomeError
from lexome.exposure import check_unseen
from lexome.runs import Part
from lexome.runtime import write_parquet
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
    assert corpus.columns.tolist() == ["id", "group", "whole", "subset", "text"]
    assert (corpus["subset"] == "valid").sum() == 52  # 13 of 50 groups of 4: as near to a quarter as 12
    whole = many().set_index("id").loc[corpus["id"], "whole"].to_numpy()
    assert pd.Series(corpus["subset"].to_numpy()).groupby(whole).nunique().max() == 1
    assert corpus["whole"].tolist() == [str(group) for group in whole]
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


@given(st.integers(0, 500), st.sampled_from([6, 60, 96]), st.booleans(), st.integers(0, 9))
def test_a_cut_source_is_whole_but_for_its_ends(length, chunk, in_frame, seed):
    sequence = "".join(np.random.default_rng(seed).choice(list("ACGT"), length))
    pieces = cut(sequence, chunk, in_frame, np.random.default_rng(seed))
    if not pieces:
        assert length < 6 + min(60, chunk)
        return
    first = pieces[0][0]
    assert first in ((0, 3) if in_frame else range(6))
    assert "".join(text for _, text in pieces) == sequence[first : first + sum(len(text) for _, text in pieces)]
    assert [start for start, _ in pieces] == list(range(first, first + chunk * len(pieces), chunk))
    assert {len(text) for _, text in pieces[:-1]} <= {chunk}
    assert min(60, chunk) <= len(pieces[-1][1]) <= chunk
    assert length - pieces[-1][0] - len(pieces[-1][1]) < min(60, chunk)


@pytest.fixture
def genes():
    """Ten genes of 200 codons in five clusters; two windows of each in the split, but none of the last two clusters."""
    rng = np.random.default_rng(0)
    sources = pd.DataFrame({"id": [f"human:g{i}" for i in range(10)], "group": [f"c{i // 2}" for i in range(10)]})
    sources["sequence"] = ["".join(rng.choice(list("ACGT"), 600)) for _ in range(10)]
    rows = [
        (f"{row.id}:{start}", row.group, row.sequence[start : start + 60])
        for row in sources.itertuples()
        for start in (30, 330)
    ]
    examples = pd.DataFrame(rows, columns=["id", "group", "sequence"])
    subset = examples["group"].map({"c0": "train", "c1": "valid", "c2": "test"})
    return sources, examples, examples.assign(subset=subset).dropna()[["id", "subset"]]


SOURCES = {"chunk": 96, "in_frame": True, "seed": 0, "subsets": ["train", "left_out"], "transductive": False}


def test_sources_of_judged_groups_stay_out(genes):
    sources, examples, assignment = genes
    # Planted: a test window inside a gene of another cluster.
    window = examples.loc[examples["id"] == "human:g4:30", "sequence"].item()
    sources.loc[8, "sequence"] = sources.loc[8, "sequence"][:101] + window + sources.loc[8, "sequence"][161:]
    table, counts = from_sources(sources, examples, assignment, SOURCES)
    taken = table["id"].str.rpartition(":")[0]
    assert taken.unique().tolist() == [f"human:g{i}" for i in (0, 1, 6, 7, 9)]
    assert table["whole"].unique().tolist() == ["c0", "c3", "c4"]
    whole = sources.set_index("id")["sequence"]
    for name, text in table[["id", "text"]].itertuples(index=False):
        gene, _, place = name.rpartition(":")
        start, end = map(int, place.split("-"))
        assert whole[gene][start:end] == text
        assert start % 3 == 0
    assert {count["step"]: count["n"] for count in counts} == {
        "sources taken": 6,
        "sources dropped: in a group with a valid or test example": 0,
        "sources dropped: hold a valid or test example": 1,
        "chunks": len(table),
    }
    for subsets, expected in ((["train"], [0, 1]), (["left_out"], [6, 7, 9])):
        table, _ = from_sources(sources, examples, assignment, SOURCES | {"subsets": subsets})
        assert table["id"].str.rpartition(":")[0].unique().tolist() == [f"human:g{i}" for i in expected]


def test_a_group_with_a_judged_example_is_held_out_whole(genes):
    """One window of a cluster in train, another in test: a split that parts groups."""
    sources, examples, assignment = genes
    parted = assignment.copy()
    parted.loc[parted["id"] == "human:g1:330", "subset"] = "test"
    table, counts = from_sources(sources, examples, parted, SOURCES)
    assert "c0" not in set(table["whole"])
    assert {"step": "sources dropped: in a group with a valid or test example", "n": 2, "note": ""} in counts
    told = SOURCES | {"transductive": True, "subsets": ["train", "test"]}
    assert set(from_sources(sources, examples, parted, told)[0]["whole"]) == {"c0", "c2"}


def test_the_phase_of_a_gene_depends_on_seed_and_gene_alone(genes):
    sources, examples, assignment = genes
    free = SOURCES | {"in_frame": False}
    one, two = (from_sources(part, examples, assignment, free)[0] for part in (sources, sources.iloc[::-1]))
    assert sorted(one["id"]) == sorted(two["id"])
    other, _ = from_sources(sources, examples, assignment, free | {"seed": 1})
    assert sorted(other["id"]) != sorted(one["id"])
    starts = one["id"].str.extract(r":(\d+)-")[0].astype(int)
    assert set(starts % 6) - {0, 3}


def test_windows_of_genes_in_the_corpus_stop_a_run(genes, tmp_path):
    """The same study knows clusters; another of the same files knows genes; a foreign one only texts."""
    sources, examples, assignment = genes
    paths = [tmp_path / f"{name}.parquet" for name in ("examples", "assignment", "sources")]
    for path, table in zip(paths, (examples, assignment, sources), strict=True):
        write_parquet(path, table)
    settings = SOURCES | {"max_examples": None, "valid_share": 0.4, "kind": "dna"}
    collect_corpus(*paths, None, settings, tmp_path / "c.parquet", tmp_path / "c.json")
    corpus = pd.read_parquet(tmp_path / "c.parquet")
    assert corpus.groupby("whole")["subset"].nunique().max() == 1

    def part(*rows):
        table = sources.set_index("id").loc[[gene for gene, _ in rows]]
        ids = [f"{gene}:{start}" for gene, start in rows]
        texts = [table.loc[gene, "sequence"][start : start + 60] for gene, start in rows]
        return {"test": Part(ids, None, None, texts, None, table["group"].tolist())}

    entry = {"backbone": "nt", "path": str(tmp_path / "c.parquet")}
    same = entry | {"match_ids": True, "match_groups": True}
    shared = entry | {"match_ids": True, "match_groups": False}
    foreign = entry | {"match_ids": False, "match_groups": False}
    unseen, inside = part(("human:g2", 7), ("human:g5", 8)), part(("human:g2", 7), ("human:g9", 9))
    for corpus in (same, shared, foreign):
        check_unseen([corpus], unseen)
    for corpus in (same, shared):
        with pytest.raises(LexomeError, match=r"1 test examples.*the first is human:g9:9;"):
            check_unseen([corpus], inside)
    check_unseen([foreign], inside)
    # A relative of a gene in the corpus, itself not there.
    relative = {"test": Part(["human:new:0"], None, None, ["ACGT" * 15], None, ["c0"])}
    with pytest.raises(LexomeError, match="others of the same groups"):
        check_unseen([same], relative)
    check_unseen([shared], relative)
