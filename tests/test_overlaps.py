"""Sequences that share a stretch on either strand are found, and joined as a naive search joins them."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.dna import canonical, reverse_complement
from lexome.overlaps import COMMON, OVERLAP, join_groups, overlapping, stretches

SEQUENCES = st.lists(st.text("ACGTN", max_size=12), max_size=8)


def naive(sequence, k):
    found = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    return [canonical(one) for one in found if "N" not in one]


def random_dna(n, length, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]


@given(SEQUENCES, st.integers(1, 5))
def test_stretches_are_those_of_a_naive_search(sequences, k):
    owner, stretch = stretches(sequences, k)
    digits = str.maketrans("ACGT", "0123")
    expected = [(i, int(one.translate(digits), 4)) for i, text in enumerate(sequences) for one in naive(text, k)]
    assert list(zip(owner.tolist(), stretch.tolist(), strict=True)) == expected


@pytest.mark.parametrize("k", [OVERLAP, 31])
def test_long_stretches_keep_all_their_letters(k):
    text = random_dna(1, 31)[0]
    owner, stretch = stretches([text, reverse_complement(text), "A" + text[1:], text[:-1] + "T"], k)
    assert set(stretch[owner == 0]) == set(stretch[owner == 1])
    assert all(
        set(stretch[owner == 0]) != set(stretch[owner == i]) for i in (2, 3) if text[0] != "A" and text[-1] != "T"
    )


@given(SEQUENCES, SEQUENCES, st.integers(1, 5))
def test_overlaps_are_those_of_a_naive_search(queries, references, k):
    known = {one for text in references for one in naive(text, k)}
    assert overlapping(queries, references, k).tolist() == [not known.isdisjoint(naive(text, k)) for text in queries]


@given(
    st.lists(st.tuples(st.text("ACGT", max_size=10), st.sampled_from("abcdef"), st.sampled_from("XY")), max_size=12),
    st.integers(2, 5),
    st.integers(1, 3),
)
def test_groups_are_the_components_of_a_graph(rows, k, common):
    sequences, groups, kinds = ([row[i] for row in rows] for i in range(3))
    bearers = {}
    for text, group, kind in rows:
        for one in naive(text, k):
            bearers.setdefault(one, set()).add((group, kind))
    graph = nx.Graph()
    graph.add_nodes_from(groups)
    for found in bearers.values():
        if all(len({group for group, kind in found if kind == one}) <= common for one in "XY"):
            nx.add_path(graph, sorted({group for group, _ in found}))
    expected = {group: min(part) for part in nx.connected_components(graph) for group in part}
    assert join_groups(sequences, groups, kinds, k, common) == expected


def test_thirty_shared_letters_join_and_twenty_nine_do_not():
    (place,) = random_dna(1, 160)
    windows = [place[:90], reverse_complement(place[60:150]), place[61:151], place[121:160]]
    found = join_groups(windows[:2], ["a", "b"], ["X", "Y"])
    assert found == {"a": "a", "b": "a"}
    # The second and the third overlap, too, so that the first and the third are joined by way of it.
    assert set(join_groups(windows[:3], list("abc"), ["X"] * 3).values()) == {"a"}
    assert join_groups([windows[0], windows[2]], list("ac"), ["X"] * 2) == {"a": "a", "c": "c"}


def test_repeats_of_the_genome_join_none_and_places_of_many_factors_do():
    repeat, ends = random_dna(1, 40)[0], random_dna(COMMON + 1, 60, seed=1)
    names = [f"g{i:02d}" for i in range(COMMON + 1)]
    # An N between: with one letter more, the repeat would be shared by fewer, and they would be joined.
    sequences = [repeat + "N" + end for end in ends]
    assert join_groups(sequences, names, ["X"] * len(names)) == {name: name for name in names}
    assert set(join_groups(sequences[1:], names[1:], ["X"] * COMMON).values()) == {"g01"}
    kinds = [f"factor{i}" for i in range(COMMON + 1)]
    assert set(join_groups(sequences, names, kinds).values()) == {"g00"}
