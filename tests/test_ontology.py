"""Ontology: reading, checks, closure against networkx, replaced ids."""

import gzip
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.ontology import (
    ROOTS,
    SCHEMA,
    ancestor_closure,
    check_ontology,
    read_obo,
    replacements,
    write_terms,
)
from parse_ontology import parse_ontology

OBO = Path(__file__).parent / "fixtures" / "go" / "go.obo"


@pytest.fixture(scope="module")
def terms() -> pd.DataFrame:
    return read_obo(OBO)


def oracle(terms: pd.DataFrame, relations=("is_a", "part_of")) -> dict[str, set[str]]:
    """Ancestors of every live term, itself included, from networkx."""
    graph = nx.DiGraph()
    for term in terms.itertuples():
        if not term.obsolete:
            graph.add_node(term.id)
            graph.add_edges_from((term.id, p["id"]) for p in term.parents if p["relation"] in relations)
    return {term: nx.descendants(graph, term) | {term} for term in graph}


def obo_with(tmp_path: Path, old: str, new: str) -> Path:
    """The fixture with one change."""
    text = OBO.read_text()
    assert old in text
    path = tmp_path / "changed.obo"
    path.write_text(text.replace(old, new))
    return path


def test_read_obo_gives_every_field(terms):
    row = terms.set_index("id").loc["GO:0004672"]
    assert row["name"] == "protein kinase activity"
    assert row["namespace"] == "molecular_function"
    assert row["definition"].endswith('onto a protein: "protein" + ATP = phosphoprotein + ADP.')
    assert row["parents"] == [
        {"id": "GO:0006468", "relation": "part_of"},
        {"id": "GO:0016301", "relation": "is_a"},
    ]
    assert not row["obsolete"]
    assert terms.set_index("id").loc["GO:0003677", "alt_ids"] == ["GO:9000677"]
    assert terms["id"].is_monotonic_increasing
    assert terms["id"].is_unique
    assert list(terms.columns) == SCHEMA.names


def test_read_obo_keeps_obsolete_terms_without_parents(terms):
    obsolete = terms[terms["obsolete"]].set_index("id")
    assert list(obsolete.index) == ["GO:9000001", "GO:9000002", "GO:9000003", "GO:9000004"]
    assert not obsolete["parents"].map(len).any()
    assert obsolete.loc["GO:9000001", "replaced_by"] == ["GO:0008233"]
    assert obsolete.loc["GO:9000002", "replaced_by"] == []


def test_read_obo_gzip_by_content_not_by_name(terms, tmp_path):
    packed = tmp_path / "go.obo"
    packed.write_bytes(gzip.compress(OBO.read_bytes()))
    pd.testing.assert_frame_equal(read_obo(packed), terms)


def test_default_namespace_fills_in(tmp_path):
    path = tmp_path / "one.obo"
    path.write_text("format-version: 1.2\ndefault-namespace: plants\n\n[Term]\nid: X:1\nname: leaf\n")
    assert read_obo(path)["namespace"].tolist() == ["plants"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not here</html>\n", "not a readable OBO file"),
        (b"format-version: 1.2\nontology: go\n", r"no \[Term\]"),
        (gzip.compress(b"format-version: 1.2\n" * 1000, mtime=0)[:40], "cut off or damaged"),
        (b"format-version: 1.2\n\xff\xfe\n", "not UTF-8"),
    ],
)
def test_unreadable_files_name_themselves(tmp_path, content, message):
    path = tmp_path / "bad.obo"
    path.write_bytes(content)
    with pytest.raises(LexomeError, match=rf"bad\.obo.*{message}"):
        read_obo(path)


def test_missing_file_names_itself(tmp_path):
    with pytest.raises(LexomeError, match=r"absent\.obo: no such file"):
        read_obo(tmp_path / "absent.obo")


def test_check_accepts_the_fixture(terms):
    check_ontology(terms, OBO)


def test_check_names_both_terms_of_a_dangling_parent(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0046872 ! metal ion binding", "is_a: GO:1111111")
    with pytest.raises(LexomeError, match=r"changed\.obo.*GO:1111111 \(is_a\) of GO:0008270"):
        check_ontology(read_obo(path), path)


def test_check_refuses_an_obsolete_parent(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0046872 ! metal ion binding", "is_a: GO:9000002")
    with pytest.raises(LexomeError, match=r"GO:9000002 \(is_a\) of GO:0008270 is missing or obsolete"):
        check_ontology(read_obo(path), path)


def test_check_lets_other_relations_dangle(tmp_path):
    path = obo_with(tmp_path, "relationship: regulates GO:0003824", "relationship: regulates GO:1111111")
    check_ontology(read_obo(path), path)


def test_check_names_a_cycle(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0005488 ! binding\n", "is_a: GO:0005488 ! binding\nis_a: GO:0008270\n")
    with pytest.raises(LexomeError, match=r"its own ancestor.*GO:0043167, GO:0046872"):
        check_ontology(read_obo(path), path)


def test_check_names_a_term_that_is_its_own_parent(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0046872 ! metal ion binding", "relationship: part_of GO:0008270")
    with pytest.raises(LexomeError, match="GO:0008270 is its own ancestor"):
        check_ontology(read_obo(path), path)


def test_check_names_a_missing_root(terms):
    # Its children lose the parent too, so that nothing dangles.
    without = terms[terms["id"] != ROOTS["cellular_component"]].copy()
    without["parents"] = [
        [p for p in parents if p["id"] != ROOTS["cellular_component"]] for parents in without["parents"]
    ]
    with pytest.raises(LexomeError, match="GO:0005575, the root of cellular_component, is missing"):
        check_ontology(without, "go.obo")


def test_check_names_a_term_without_path_to_its_root(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0003674 ! molecular_function\nrelationship: regulates", "xref: X\n")
    with pytest.raises(LexomeError, match="GO:0030234 has no path to GO:0003674"):
        check_ontology(read_obo(path), path)


def test_check_names_an_unknown_namespace(tmp_path):
    path = obo_with(tmp_path, "name: chromosome\nnamespace: cellular_component", "name: chromosome")
    with pytest.raises(LexomeError, match="GO:0005694 is of the namespace 'gene_ontology'"):
        check_ontology(read_obo(path), path)


def test_closure_equals_networkx(terms):
    closure = ancestor_closure(terms)
    expected = oracle(terms)
    assert list(closure.terms) == sorted(expected)
    assert closure.matrix.dtype == bool
    for term, ancestors in expected.items():
        assert closure.ancestors(term) == sorted(ancestors)


def test_regulates_does_not_propagate_unless_asked(terms):
    assert ancestor_closure(terms).ancestors("GO:0030234") == ["GO:0003674", "GO:0030234"]
    with_regulates = ancestor_closure(terms, ["is_a", "regulates"])
    assert with_regulates.ancestors("GO:0030234") == ["GO:0003674", "GO:0003824", "GO:0030234"]
    only_is_a = oracle(terms, ("is_a",))
    assert set(ancestor_closure(terms, ["is_a"]).ancestors("GO:0043565")) == only_is_a["GO:0043565"]
    assert "GO:0003700" not in only_is_a["GO:0043565"]


def test_closure_refuses_an_unheard_relation_but_not_a_missing_part_of(terms):
    with pytest.raises(LexomeError, match="partof occurs nowhere"):
        ancestor_closure(terms, ["is_a", "partof"])
    flat = terms.assign(parents=[[p for p in ps if p["relation"] == "is_a"] for ps in terms["parents"]])
    assert ancestor_closure(flat).ancestors("GO:0005634") == ["GO:0005575", "GO:0005634", "GO:0110165"]


def test_closure_refuses_a_dangling_parent(terms):
    with pytest.raises(LexomeError, match=r"GO:0016020 \(is_a\) of GO:0005886"):
        ancestor_closure(terms[terms["id"] != "GO:0016020"])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0, 0.3))
def test_closure_of_random_graphs_equals_networkx(seed, n, density):
    rng = np.random.default_rng(seed)
    names = np.array([f"T:{i:03d}" for i in rng.permutation(n)])
    edges = np.tril(rng.random((n, n)) < density, -1)  # no cycles
    terms = pd.DataFrame(
        {
            "id": names,
            "obsolete": False,
            "parents": [[{"id": str(names[j]), "relation": "is_a"} for j in np.flatnonzero(row)] for row in edges],
        }
    )
    closure = ancestor_closure(terms)
    for term, ancestors in oracle(terms).items():
        assert closure.ancestors(term) == sorted(ancestors)


def test_replacements_follow_alternatives_and_chains(terms):
    assert replacements(terms) == {
        "GO:9000233": "GO:0008233",
        "GO:9000677": "GO:0003677",
        "GO:9000001": "GO:0008233",
        "GO:9000003": "GO:0008233",
    }


def test_replacements_end_on_a_loop_of_obsolete_terms(tmp_path):
    path = obo_with(tmp_path, "replaced_by: GO:0008233", "replaced_by: GO:9000003")
    assert set(replacements(read_obo(path))) == {"GO:9000233", "GO:9000677"}


def test_parquet_holds_the_same_terms_and_closure(terms, tmp_path):
    parse_ontology(str(OBO), str(tmp_path / "go.parquet"))
    back = pd.read_parquet(tmp_path / "go.parquet")
    assert (ancestor_closure(back).matrix != ancestor_closure(terms).matrix).nnz == 0
    assert replacements(back) == replacements(terms)
    for name in ("alt_ids", "replaced_by", "parents"):
        assert [list(values) for values in back[name]] == terms[name].tolist()


def test_parquet_types_do_not_depend_on_the_terms(terms, tmp_path):
    # No alternative id anywhere: inferred types would be null.
    few = terms[(terms["alt_ids"].map(len) == 0) & ~terms["obsolete"]]
    write_terms(tmp_path / "few.parquet", few)
    assert pq.read_schema(tmp_path / "few.parquet").remove_metadata().equals(SCHEMA)


def test_parse_ontology_checks(tmp_path):
    path = obo_with(tmp_path, "is_a: GO:0046872 ! metal ion binding", "is_a: GO:1111111")
    with pytest.raises(LexomeError, match="GO:1111111"):
        parse_ontology(str(path), str(tmp_path / "go.parquet"))
    assert not (tmp_path / "go.parquet").exists()
