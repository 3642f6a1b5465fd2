"""Consistent scores, CAFA's lines and the table with evidence, on an ontology that fits on one hand."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotated_proteins import IDS, RELATIONS, ontology
from families import mutated, random_protein
from lexome import proteinannotation, proteinevidence
from lexome.errors import LexomeError
from lexome.proteinannotation import annotation_rows, judged_terms, submission_header, submission_lines
from lexome.proteinevidence import TrainingProteins, find_evidence, tool_of

TERMS = judged_terms([{"id": term, "name": term} for term in IDS], ontology(), RELATIONS)
ABOVE = {"F:b": [], "F:c": [], "F:d": ["F:b"], "F:e": ["F:b", "F:c"]}
SEARCH = {"tool": "mmseqs", "hits": 10, "evalue": 1e-3, "sensitivity": 7.5}
TARGETS = np.array([[1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0]], dtype=np.uint8)


@pytest.fixture(scope="module")
def proteins():
    rng = np.random.default_rng(3)
    return [random_protein(rng) for _ in range(3)]


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_no_parent_scores_below_its_child(rows):
    scores = np.array(rows)
    found = TERMS.consistent(scores)
    for column, term in enumerate(IDS):
        below = [at for at, other in enumerate(IDS) if other == term or term in ABOVE[other]]
        np.testing.assert_array_equal(found[:, column], scores[:, below].max(axis=1))
    assert TERMS.generality.tolist() == [3, 2, 1, 1]


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=3), st.booleans())
def test_lines_are_what_cafa_takes(rows, two_decimals):
    scores = TERMS.consistent(np.array(rows))
    ids = [f"P{at}" for at in range(len(rows))]
    lines = list(submission_lines(ids, scores, TERMS, two_decimals))
    table = pd.read_csv(io.StringIO("\n".join(lines)), sep="\t", names=["id", "term", "score"])
    form = r"[01]\.\d\d" if two_decimals else r"1|0\.0{0,2}[1-9]\d{0,2}"
    assert all(re.fullmatch(form, line.split("\t")[2]) for line in lines)
    assert ((table["score"] > 0) & (table["score"] <= 1)).all()
    told = table.set_index(["id", "term"])["score"].to_dict()
    for (name, term), score in told.items():
        # What a term implies is there, and not below it, after rounding too.
        assert all(told[name, other] >= score for other in ABOVE[term])
        exact = scores[ids.index(name), IDS.index(term)]
        assert score == pytest.approx(exact, abs=0.0051 if two_decimals else 0.00051)
    lowest = 0.00501 if two_decimals else 0.001
    assert len(told) >= (scores > lowest).sum()
    assert table.groupby("id")["score"].apply(lambda own: own.is_monotonic_decreasing).all()


def test_too_many_terms_are_cut_from_below_and_parents_stay(monkeypatch):
    monkeypatch.setattr(proteinannotation, "MOST_TERMS", 2)
    lines = list(submission_lines(["p"], np.array([[0.5, 0.5, 0.1, 0.5]]), TERMS))
    assert lines == ["p\tF:b\t0.5", "p\tF:c\t0.5"]


def test_header():
    assert submission_header(None) == []
    submission = {"author": "us", "model": 2, "keywords": ["homolog", "machine learning"]}
    assert submission_header(submission) == ["AUTHOR\tus", "MODEL\t2", "KEYWORDS\thomolog, machine learning."]


@pytest.mark.parametrize("tool", ["mmseqs", "kmers"])
def test_evidence_is_the_nearest_training_protein_and_whoever_carries_the_term(proteins, tool):
    rng = np.random.default_rng(4)
    # The query is nearest to the first protein, and half of it is the second.
    query = mutated(rng, proteins[0], 0.9) + mutated(rng, proteins[1][:75], 0.9)
    stranger = random_protein(np.random.default_rng(99), 60)
    train = TrainingProteins(np.array(["one", "two", "three"], dtype=object), proteins, TARGETS)
    evidence = find_evidence([query, stranger], train, SEARCH, tool)
    scores = TERMS.consistent(np.array([[0.1, 0.1, 0.8, 0.6], [0.9, 0.05, 0.0, 0.0]]))
    rows = list(annotation_rows(["q", "s"], scores, scores / 2, TERMS, evidence, train, 0.2))
    table = pd.DataFrame(rows, columns=proteinannotation.COLUMNS)
    assert table["term"].tolist() == ["F:b", "F:d", "F:c", "F:e", "F:b"]
    assert table["score"].tolist() == ["0.8", "0.8", "0.6", "0.6", "0.9"]
    assert table["nearest"].tolist() == ["one"] * 4 + [""]
    assert table["nearest_has_term"].tolist() == ["yes", "yes", "no", "no", ""]
    assert table["bearer"].tolist() == ["one", "one", "two", "two", ""]
    near, other = "nearest training protein", "similar training protein"
    assert table["evidence"].tolist() == [near, near, other, other, "no similar training protein"]
    assert (table["aspect"] == "F").all()
    if tool == "mmseqs":
        assert float(table["nearest_similarity"][0]) == pytest.approx(0.9, abs=0.02)
        assert float(table["covered"][0]) == pytest.approx(150 / 225, abs=0.03)
        assert float(table["nearest_covered"][0]) > 0.95
    else:
        pieces = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (query, proteins[0])]
        shared = len(pieces[0] & pieces[1]) / len(pieces[0])
        assert float(table["nearest_similarity"][0]) == pytest.approx(shared, abs=0.0006)
        assert table["covered"][0] == ""


def test_a_term_that_no_similar_protein_carries(proteins):
    train = TrainingProteins(np.array(["one"], dtype=object), proteins[:1], TARGETS[:1])
    evidence = find_evidence([proteins[0]], train, SEARCH, "kmers")
    (row,) = annotation_rows(["q"], np.array([[0, 0.9, 0, 0]]), np.array([[0, 0.9, 0, 0]]), TERMS, evidence, train, 0.5)
    assert row[-4:] == ["no", "", "", "model alone"]


def test_without_the_program_kmers_are_compared(monkeypatch, caplog):
    assert tool_of(SEARCH) == "mmseqs"

    def missing(name):
        raise LexomeError(f"{name} is not installed")

    monkeypatch.setattr(proteinevidence, "find_program", missing)
    assert tool_of(SEARCH) == "kmers"
    assert "shared 5-mers instead" in caplog.text
