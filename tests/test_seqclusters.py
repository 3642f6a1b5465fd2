"""Clusters of proteins: nothing alike is left between them, however many threads there are."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_sequences import cluster_sequences
from families import mutated, random_protein
from lexome import seqclusters
from lexome.errors import LexomeError
from lexome.runtime import write_json
from lexome.search import search
from lexome.seqclusters import cluster_proteins, connect, join_groups

EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=20)


@given(EDGES)
def test_components_are_those_of_networkx(edges):
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(15))
    first = {node: min(part) for part in nx.connected_components(graph) for node in part}
    assert connect(15, np.array(edges)).tolist() == [first[node] for node in range(15)]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), min_size=1, max_size=12))
def test_joined_groups_are_those_of_networkx(rows):
    graph = nx.Graph()
    for at, (cluster, group) in enumerate(rows):
        graph.add_edges_from([(at, ("cluster", cluster)), (at, ("group", group))])
    expected = {}
    for part in nx.connected_components(graph):
        members = sorted(node for node in part if isinstance(node, int))
        expected |= dict.fromkeys(members, rows[members[0]][0])
    clusters, groups = zip(*rows, strict=True)
    assert join_groups(clusters, groups).tolist() == [expected[at] for at in range(len(rows))]


@pytest.fixture(scope="module")
def proteins():
    """Chains in which each protein is half identical with the one before; equal ones and loners among them."""
    rng = np.random.default_rng(3)
    rows, family = [], []
    for name in range(6):
        protein = random_protein(rng, 180)
        for _ in range(4):
            rows.append(protein)
            family.append(name)
            protein = mutated(rng, protein, 0.5)
    rows += [rows[0], *(random_protein(rng, 120) for _ in range(10))]
    family += [0, *range(6, 16)]
    order = rng.permutation(len(rows))
    return [rows[at] for at in order], [family[at] for at in order]


@pytest.fixture(scope="module")
def clustered(proteins):
    return cluster_proteins(proteins[0], 0.3, 0.8)


def test_chains_are_whole_and_strangers_apart(proteins, clustered):
    sequences, family = proteins
    cluster, report = clustered
    first = [family.index(name) for name in family]
    assert cluster.tolist() == first
    assert report["sequences"] == len(sequences) - 1
    assert report["clusters"] == 16
    assert report["largest"] == 4


def test_no_hit_is_left_between_clusters(proteins, clustered):
    hits = search(proteins[0], proteins[0], identity=0.3, coverage=0.8)
    cluster, report = clustered
    assert (cluster[hits["query"]] == cluster[hits["target"]]).all()
    # Linear clustering alone leaves some: the search has something to do.
    assert report["left_pairs"] > 0
    assert report["linear_clusters"] > report["clusters"]


def test_a_fragment_stays_with_its_whole_where_either_may_be_covered(proteins):
    whole = random_protein(np.random.default_rng(4), 300)
    rows = [whole, whole[100:180], *proteins[0][:4]]
    assert cluster_proteins(rows, 0.3, 0.8)[0][1] == 1
    assert cluster_proteins(rows, 0.3, 0.8, cover="either")[0][1] == 0


def test_order_and_threads_change_nothing(proteins, clustered):
    sequences = proteins[0]
    cluster, report = cluster_proteins(sequences[::-1], 0.3, 0.8, threads=2)
    assert report == clustered[1]
    assert connect(len(sequences), np.stack([np.arange(len(sequences)), cluster], axis=1)).tolist() == cluster.tolist()
    flipped = len(sequences) - 1 - cluster[::-1]
    pairs = set(zip(flipped.tolist(), clustered[0].tolist(), strict=True))
    assert len(pairs) == 16


def test_an_empty_sequence_is_refused():
    with pytest.raises(LexomeError, match="empty sequence"):
        cluster_proteins(["MKV", ""], 0.3, 0.8)


def test_the_rule_names_clusters_by_their_first_id(tmp_path, monkeypatch):
    asked = {}

    def fake(sequences, **settings):
        asked.update(settings, sequences=list(sequences))
        return np.array([0, 1, 0]), {"clusters": 2}

    monkeypatch.setattr("cluster_sequences.cluster_proteins", fake)
    pd.DataFrame({"id": ["b", "c", "a"], "sequence": ["MB", "MC", "MA"]}).to_parquet(tmp_path / "e.parquet")
    write_json(tmp_path / "labels.json", {"length_unit": "residues"})
    settings = {"tool": "mmseqs", "identity": 0.4, "coverage": 0.7, "cover": "either", "sensitivity": 5}
    cluster_sequences(tmp_path / "e.parquet", tmp_path / "labels.json", settings, 3, tmp_path / "c.parquet")
    assert pd.read_parquet(tmp_path / "c.parquet").to_numpy().tolist() == [["a", "a"], ["b", "b"], ["c", "a"]]
    expected = {"identity": 0.4, "coverage": 0.7, "cover": "either", "sensitivity": 5, "threads": 3}
    assert asked == expected | {"sequences": ["MA", "MB", "MC"]}
    write_json(tmp_path / "labels.json", {"length_unit": "words"})
    with pytest.raises(LexomeError, match="only proteins"):
        cluster_sequences(tmp_path / "e.parquet", tmp_path / "labels.json", settings, 1, tmp_path / "c.parquet")


def test_linear_clusters_of_nothing():
    assert seqclusters.linear_clusters([], 0.3, 0.8).tolist() == []
