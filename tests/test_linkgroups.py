"""Pairs of linked entities become links of several members that say the same."""

from itertools import combinations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from lexome.documents import Document, Link, linked_pairs
from lexome.linkgroups import cliques, grouped

PAIRS = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), min_size=1)


def pair_links(pairs, score=None):
    return [Link(f"L{n}", (f"T{a}", f"T{b}"), {}, score) for n, (a, b) in enumerate(sorted(pairs))]


def said(links):
    return linked_pairs(Document("d", "", (), tuple(links)))


@given(PAIRS)
def test_cliques_are_those_of_networkx(pairs):
    graph = nx.Graph([(f"T{a}", f"T{b}") for a, b in pairs])
    neighbours = {node: set(graph[node]) for node in graph}
    found = [frozenset(clique) for clique in cliques(neighbours)]
    assert len(found) == len(set(found))
    assert set(found) == {frozenset(clique) for clique in nx.find_cliques(graph)}


@given(PAIRS)
def test_groups_link_what_the_pairs_link(pairs):
    links = pair_links(pairs, 0.5)
    groups = grouped(links)
    assert said(groups) == said(links)
    assert len(groups) <= len(links)
    assert {link.score for link in groups} == {0.5}
    assert len({link.id for link in groups}) == len(groups)


def test_a_group_is_as_sure_as_its_least_sure_pair():
    scores = {("a", "b"): 0.9, ("a", "c"): 0.6, ("b", "c"): 0.8, ("c", "d"): None}
    links = [Link(str(n), pair, {}, score) for n, (pair, score) in enumerate(scores.items())]
    assert {frozenset(link.members): link.score for link in grouped(links)} == {
        frozenset("abc"): 0.6,
        frozenset("cd"): None,
    }
    again = grouped([*links, Link("again", ("c", "a"), {}, 0.7)])
    assert {link.score for link in again} == {0.7, None}


def test_links_stay_where_groups_say_no_more():
    many = [(a, b) for a, b in combinations(range(12), 2) if a % 4 != b % 4]  # all of different categories
    assert grouped(pair_links(many)) == pair_links(many)
    told = [Link("x", ("a", "b"), {"kind": "cause"}), Link("y", ("b", "c")), Link("z", ("a", "c"))]
    assert grouped(told) == told
    larger = [Link("x", ("a", "b", "c")), Link("y", ("a", "d")), Link("z", ("b", "d"))]
    assert grouped(larger) == larger
    assert grouped([]) == []
