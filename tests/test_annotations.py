"""Annotations: GAF and CAFA files, mapping to live terms, propagation against networkx."""

import gzip
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.annotations import (
    EXPERIMENTAL,
    map_terms,
    propagate,
    read_cafa_terms,
    read_gaf,
    read_taxonomy,
)
from lexome.errors import LexomeError
from lexome.ontology import ancestor_closure, read_obo

GO = Path(__file__).parent / "fixtures" / "go"
TERMS = read_obo(GO / "go.obo")
CLOSURE = ancestor_closure(TERMS)


def gaf_row(name="P1", qualifier="", term="GO:0003677", code="IDA", aspect="F", taxon="taxon:9606", columns=17):
    fields = ["DB", name, "S", qualifier, term, "PMID:1", code, "", aspect, 'The "n', "", "protein", taxon]
    return "\t".join([*fields, "20200101", "X", "", ""][:columns])


def gaf(tmp_path: Path, *rows: str, head: str = "!gaf-version: 2.1\n!more", ends: str = "\n") -> Path:
    path = tmp_path / "in.gaf"
    path.write_bytes(ends.join([*head.split("\n"), *rows, ""]).encode())
    return path


def naive_rows(path: Path) -> list[list[str]]:
    """The columns of a GAF file, read the slow way."""
    return [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("!")]


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_read_gaf_equals_a_naive_reader(version):
    path = GO / f"annotations_{version}.gaf"
    table, counts = read_gaf(path, taxon=9606)
    rows = [row for row in naive_rows(path) if row[12].split("|")[0] == "taxon:9606"]
    positive = [row for row in rows if not row[3].startswith("NOT")]
    kept = [row for row in positive if row[6] in EXPERIMENTAL]
    assert list(zip(table["id"], table["term"], table["evidence"], strict=True)) == [
        (row[1], row[4], row[6]) for row in kept
    ]
    assert set(table["aspect"]) == {"molecular_function", "biological_process", "cellular_component"}
    assert counts["rows"] == len(naive_rows(path))
    assert counts["taxon"] == counts["rows"] - len(rows) == 1
    assert counts["not"] == len(rows) - len(positive) > 100
    assert counts["evidence"] == len(positive) - len(kept) > 100
    assert counts["kept"] == len(kept)
    assert counts["by_evidence"] == {
        code: sum(row[6] == code for row in positive) for code in sorted({row[6] for row in positive})
    }


def test_both_versions_say_the_same():
    old, old_counts = read_gaf(GO / "annotations_2.1.gaf")
    new, new_counts = read_gaf(GO / "annotations_2.2.gaf")
    pd.testing.assert_frame_equal(old, new)
    assert old_counts == new_counts


@pytest.mark.parametrize("qualifier", ["NOT", "NOT|contributes_to", "NOT|enables", "contributes_to|NOT"])
def test_not_rows_are_dropped(tmp_path, qualifier):
    table, counts = read_gaf(
        gaf(tmp_path, gaf_row("P1", qualifier), gaf_row("P2", "contributes_to"), gaf_row("P3", "NOTABLY"))
    )
    assert table["id"].tolist() == ["P2", "P3"]
    assert counts["not"] == 1


def test_evidence_aspect_and_taxon_select(tmp_path):
    path = gaf(
        tmp_path,
        gaf_row("P1", code="IEA"),
        gaf_row("P2", code="HDA", taxon="taxon:10090|taxon:9606"),
        gaf_row("P3", aspect="P"),
        gaf_row("P4", taxon="taxon:9606|taxon:562"),
    )
    assert read_gaf(path)[0]["id"].tolist() == ["P3", "P4"]
    assert read_gaf(path, None)[0]["id"].tolist() == ["P1", "P2", "P3", "P4"]
    assert read_gaf(path, ["IEA", "HDA"])[0]["id"].tolist() == ["P1", "P2"]
    assert read_gaf(path, None, taxon=9606)[0]["id"].tolist() == ["P1", "P3", "P4"]
    table, counts = read_gaf(path, None, aspect="biological_process")
    assert table[["id", "aspect"]].to_numpy().tolist() == [["P3", "biological_process"]]
    assert counts["aspect"] == 3
    assert read_gaf(path, None, taxon=4)[0].empty


def test_gaf_gzip_line_ends_comments_and_missing_last_columns(tmp_path):
    rows = [
        gaf_row("P1"),
        "!a comment in the middle",
        "",
        gaf_row("P2", columns=15),
        gaf_row("P3", columns=16),
    ]
    path = gaf(tmp_path, *rows, ends="\r\n")
    table, counts = read_gaf(path)
    assert sorted(table["id"]) == ["P1", "P2", "P3"]
    assert counts["rows"] == 3
    path.write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(read_gaf(path)[0], table)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (gaf_row(columns=14), r"line 4: 14 tab-separated columns, 15 to 17 expected"),
        (gaf_row() + "\t", r"line 4: 18 tab-separated columns, 15 to 17 expected"),
        (gaf_row().replace("\t", " "), r"line 4: 1 tab-separated columns"),
        (gaf_row(name=""), r"line 4: column 2 \(id\) is ''"),
        (gaf_row(name="P 1"), r"line 4: column 2 \(id\) is 'P 1'"),
        (gaf_row(term="DNA binding"), r"line 4: column 5 \(term\) is 'DNA binding', expected a term id"),
        (gaf_row(code="ida"), r"line 4: column 7 \(evidence\) is 'ida'"),
        (gaf_row(aspect="Q"), r"line 4: column 9 \(aspect\) is 'Q'"),
        (gaf_row(taxon="9606"), r"line 4: column 13 \(taxon\) is '9606', expected taxon:9606"),
        (gaf_row(taxon="9606", columns=15), r"line 4: column 13 \(taxon\)"),
    ],
)
def test_malformed_gaf_rows_name_their_line(tmp_path, row, message):
    path = gaf(tmp_path, gaf_row(), row, gaf_row(term="later too"))
    with pytest.raises(LexomeError, match=rf"in\.gaf, {message}"):
        read_gaf(path)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("!nothing", "no line !gaf-version"),
        ("!gaf-version: 1.0", r"GAF 1\.0; this reads GAF 2\.1 and 2\.2"),
        ("!gpa-version: 1.1", "no line !gaf-version"),
    ],
)
def test_gaf_version_is_checked(tmp_path, head, message):
    with pytest.raises(LexomeError, match=rf"in\.gaf, line 1: {message}"):
        read_gaf(gaf(tmp_path, gaf_row(), head=head))


def test_gaf_without_rows(tmp_path):
    with pytest.raises(LexomeError, match=r"in\.gaf: no annotation rows"):
        read_gaf(gaf(tmp_path))


def test_unknown_evidence_code_asked_for(tmp_path):
    with pytest.raises(LexomeError, match="IDAA is no evidence code"):
        read_gaf(gaf(tmp_path, gaf_row()), ["IDA", "IDAA"])


def cafa(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "in.tsv"
    path.write_text(text)
    return path


def test_cafa_terms_in_either_spelling_and_any_order(tmp_path):
    path = cafa(
        tmp_path,
        "aspect\tEntryID\tmore\tterm\nMFO\tP1\tx\tGO:1\nF\tP2\t\tGO:2\nBPO\tP1\t\tGO:3\nC\tP1\t\tGO:4\n",
    )
    table, counts = read_cafa_terms(path)
    assert table[["id", "term", "aspect"]].to_numpy().tolist() == [
        ["P1", "GO:1", "molecular_function"],
        ["P2", "GO:2", "molecular_function"],
        ["P1", "GO:3", "biological_process"],
        ["P1", "GO:4", "cellular_component"],
    ]
    assert counts == {"rows": 4, "aspect": 0, "kept": 4}
    table, counts = read_cafa_terms(path, "molecular_function")
    assert table["id"].tolist() == ["P1", "P2"]
    assert counts == {"rows": 4, "aspect": 2, "kept": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EntryID\tterm\nP1\tGO:1\n", "line 1: no column aspect"),
        ("", "line 1: no column EntryID and term and aspect"),
        ("EntryID\tterm\taspect\n", "no annotation rows"),
        ("EntryID\tterm\taspect\nP1\tGO:1\tMFO\nP1\tGO:1\n", "line 3: 2 tab-separated columns, 3 expected"),
        ("EntryID\tterm\taspect\nP1\tGO:1\tMF\n", r"line 2: column 3 \(aspect\) is 'MF'"),
        ("EntryID\tterm\taspect\n\nP1\t\tMFO\n", r"line 3: column 2 \(term\) is ''"),
    ],
)
def test_malformed_cafa_files(tmp_path, text, message):
    with pytest.raises(LexomeError, match=rf"in\.tsv.*{message}"):
        read_cafa_terms(cafa(tmp_path, text))


def test_taxonomy(tmp_path):
    taxa = read_taxonomy(cafa(tmp_path, "EntryID\ttaxonomyID\nP1\t9606\nP2\t10090\nP1\t9606\n"))
    assert taxa.to_dict() == {"P1": 9606, "P2": 10090}
    assert taxa.dtype == "int64"
    with pytest.raises(LexomeError, match=r"line 3: column 2 \(taxonomyID\) is 'human'"):
        read_taxonomy(cafa(tmp_path, "EntryID\ttaxonomyID\nP1\t9606\nP2\thuman\n"))
    with pytest.raises(LexomeError, match="P1 has two taxa"):
        read_taxonomy(cafa(tmp_path, "EntryID\ttaxonomyID\nP1\t9606\nP1\t10090\n"))


def test_map_terms():
    pairs = pd.DataFrame(
        [
            ("P1", "GO:0003677", "x"),  # live
            ("P1", "GO:9000677", "x"),  # alternative id of the same
            ("P2", "GO:9000001", "x"),  # replaced
            ("P2", "GO:9000003", "x"),  # replaced by a replaced one
            ("P3", "GO:9000002", "x"),  # obsolete, not replaced
            ("P3", "GO:9000004", "x"),  # obsolete, two replacements
            ("P4", "GO:7777777", "x"),  # unknown
            ("P4", "GO:7777777", "x"),
        ],
        columns=["id", "term", "note"],
    )
    mapped, counts = map_terms(pairs, TERMS)
    assert mapped.to_numpy().tolist() == [
        ["P1", "GO:0003677", "x"],
        ["P1", "GO:0003677", "x"],
        ["P2", "GO:0008233", "x"],
        ["P2", "GO:0008233", "x"],
    ]
    assert counts == {"rows": 8, "alternative": 1, "replaced": 2, "obsolete": 2, "unknown": 2, "kept": 4}
    again, counts = map_terms(mapped, TERMS)
    pd.testing.assert_frame_equal(again, mapped)
    assert counts["kept"] == counts["rows"] == 4
    assert map_terms(mapped[:0], TERMS)[0].empty


GRAPH = nx.DiGraph()
for term in TERMS[~TERMS["obsolete"]].itertuples():
    GRAPH.add_node(term.id)
    GRAPH.add_edges_from((term.id, p["id"]) for p in term.parents if p["relation"] in ("is_a", "part_of"))
live_terms = st.sampled_from(sorted(GRAPH))
proteins = st.sampled_from([f"P{i}" for i in range(12)])


@given(st.lists(st.tuples(proteins, live_terms), min_size=1, max_size=60))
def test_propagation_equals_networkx_and_a_child_implies_its_ancestors(rows):
    ids, matrix = propagate(pd.DataFrame(rows, columns=["id", "term"]), CLOSURE)
    assert matrix.dtype == bool
    assert matrix.has_sorted_indices
    expected: dict[str, set[str]] = {}
    for protein, term in rows:
        expected.setdefault(protein, set()).update(nx.descendants(GRAPH, term) | {term})
    assert list(ids) == sorted(expected)
    dense = matrix.toarray()
    for row, protein in enumerate(ids):
        assert set(CLOSURE.terms[dense[row]]) == expected[protein]
    column = {term: number for number, term in enumerate(CLOSURE.terms)}
    for child, parent in GRAPH.edges:
        assert not (dense[:, column[child]] & ~dense[:, column[parent]]).any()
    # Propagating what is propagated changes nothing.
    again = np.argwhere(dense)
    pairs = pd.DataFrame({"id": ids[again[:, 0]], "term": CLOSURE.terms[again[:, 1]]})
    assert (propagate(pairs, CLOSURE)[1] != matrix).nnz == 0


def test_propagation_refuses_a_term_that_is_not_live():
    with pytest.raises(ValueError, match="not a live term: GO:9000002"):
        propagate(pd.DataFrame({"id": ["P1"], "term": ["GO:9000002"]}), CLOSURE)
