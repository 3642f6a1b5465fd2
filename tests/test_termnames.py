"""Names of terms in texts, against a naive search."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_terms import make_terms
from lexome.ontology import read_obo
from lexome.termnames import Lexicon, Span, key_of, lexicon_of, longest, orders, plain, stem, term_names

TERMS = make_terms()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mitochondria", "Mitochondrion"),
        ("nuclei", "nucleus"),
        ("axons", "axon"),
        ("bodies", "body"),
        ("processes", "process"),
        ("TGFβ", "TGF-beta"),
        ("alpha-synuclein", "α synuclein"),
        ("5'-end", "5 ends"),
    ],
)
def test_words_that_differ_in_form_only_are_alike(one, other):
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize("word", ["apoptosis", "nucleus", "class", "mitosis", "genetics"])
def test_words_that_end_in_s_without_a_plural_stay(word):
    assert plain(word) == word


def test_stems_join_words_derived_from_one_another_and_keep_others_apart():
    assert stem("regulates") == stem("regulation") == stem("regulated") == stem("regulator")
    assert stem("apoptotic") == stem("apoptosis")
    assert len({stem(word) for word in ("regulation", "regeneration", "replication", "migration")}) == 4


def test_names_come_with_their_source_and_only_of_live_terms():
    found = term_names(TERMS, ("name", "exact", "short"), ["biological_process"])
    assert ("apoptosis", "GO:0000008", "exact") in found
    assert ("apoptotic", "GO:0000008", "short") in found
    assert ("migration", "GO:0000006", "short") in found
    assert not {"GO:0000007", "GO:0000001"} & {concept for _, concept, _ in found}
    assert "narrow" not in {source for _, _, source in found}


def test_both_orders_of_a_name_are_looked_up():
    assert orders("regulation of growth") == ["regulation of growth", "growth regulation"]
    assert orders("import of protein into nucleus in growth") == ["import of protein into nucleus in growth"]
    lexicon = lexicon_of(term_names(TERMS, ("name",)), "stem")
    text = "It needs growth-regulating factors."
    assert [(text[start:end], lexicon.entries[key]) for start, end, key in lexicon.find(text)] == [
        ("growth-regulating", {"GO:0000005": {"name"}})
    ]


def test_a_name_does_not_run_over_the_end_of_a_sentence_or_paragraph():
    lexicon = lexicon_of([("cell migration", "A", "name")], "plain")
    assert len(lexicon.find("cell-migration, cell (migration) and cell\nmigration")) == 3
    assert not lexicon.find("a cell. Migration of a cell\n\nMigration")


LETTERS = st.sampled_from("abcd")
NAMES = st.lists(st.lists(LETTERS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=6)


@given(NAMES, st.lists(LETTERS, max_size=12))
def test_find_is_the_naive_search_over_all_runs_of_words(names, words):
    lexicon = Lexicon()
    for name in names:
        lexicon.add(name, "X", "name")
    text = " ".join(words)
    naive = [
        Span(2 * first, 2 * last - 1, " ".join(words[first:last]))
        for first in range(len(words))
        for last in range(first + 1, len(words) + 1)
        if " ".join(words[first:last]) in names
    ]
    assert lexicon.find(text) == naive


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=12))
def test_the_longest_do_not_overlap_and_each_left_out_meets_one_at_least_as_long(places):
    spans = [Span(start, start + length, "") for start, length in places]
    taken = longest(spans)
    assert all(one.end <= other.start for one, other in pairwise(taken))
    for span in spans:
        meets = [one for one in taken if one.start < span.end and span.start < one.end]
        assert meets
        assert max(one.end - one.start for one in meets) >= span.end - span.start


def test_obo_synonyms_have_their_scope(tmp_path):
    lines = ['synonym: "cell \\"nucleus\\"" EXACT []', 'synonym: "karyon" NARROW systematic_synonym [X:1]']
    lines += ['synonym: "core" []']
    term = "\n".join(["[Term]", "id: GO:0000001", "name: nucleus", "namespace: cellular_component", *lines])
    (tmp_path / "go.obo").write_text(f"format-version: 1.2\n\n{term}\n")
    assert read_obo(tmp_path / "go.obo")["synonyms"][0] == [
        {"text": 'cell "nucleus"', "scope": "exact"},
        {"text": "karyon", "scope": "narrow"},
        {"text": "core", "scope": "related"},
    ]
