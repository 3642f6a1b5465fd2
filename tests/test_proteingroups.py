"""Two groups of proteins: who is in them, who is related, and what a probe makes of their vectors."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from lexome import proteingroups as groups
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS

BOOTSTRAP = {"replicates": 100, "level": 0.95, "seed": 0}


def test_ids_of_a_file(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff# secreted\nP1\n\nP2 insulin\nP1\n", encoding="utf-8")
    assert groups.read_ids(path) == {"P1", "P2"}
    path.write_text("# none\n")
    with pytest.raises(LexomeError, match=r"ids\.txt: no id"):
        groups.read_ids(path)


def term(name, *parents, obsolete=False, alternatives=()):
    rows = [{"id": parent, "relation": relation} for parent, relation in parents]
    return {
        "id": name,
        "name": name,
        "namespace": "cellular_component",
        "obsolete": obsolete,
        "replaced_by": [],
        "alt_ids": list(alternatives),
        "parents": rows,
    }


def test_terms_bring_what_is_below_them():
    terms = pd.DataFrame(
        [
            term("GO:0"),
            term("GO:1", ("GO:0", "is_a")),
            term("GO:2", ("GO:0", "is_a")),
            term("GO:3", ("GO:1", "part_of"), alternatives=["GO:9"]),
            term("GO:4", obsolete=True),
        ]
    )
    pairs = pd.DataFrame({"id": list("abcde"), "term": ["GO:3", "GO:2", "GO:9", "GO:0", "GO:1"]}).astype("category")
    found = groups.term_ids(lambda: pairs, terms, {"outside": "GO:1", "membrane": "GO:2"})
    assert found == {"outside": set("ace"), "membrane": {"b"}}
    with pytest.raises(LexomeError, match=r"GO:4 is no live term"):
        groups.term_ids(lambda: pairs, terms, {"outside": "GO:4"})
    assert groups.term_ids(lambda: pytest.fail("read for nothing"), terms, {}) == {}


def test_proteins_of_both_groups_are_left_out():
    examples = pd.DataFrame({"id": list("abcdef"), "sequence": "M", "group": "g"})
    table, counts = groups.pick({"one": set("abcx"), "other": set("cdefyz")}, examples, 2)
    assert dict(zip(table["id"], table["species"], strict=True)) == dict(
        zip("abdef", ["one"] * 2 + ["other"] * 3, strict=True)
    )
    assert counts[0] == {"name": "one", "named": 4, "in_study": 3, "in_both": 1, "kept": 2}
    with pytest.raises(LexomeError, match=r"2 proteins of the study are in one and not in other; at least 3"):
        groups.pick({"one": set("abcx"), "other": set("cdefyz")}, examples, 3)


def test_relatives_are_connected_components():
    rng = np.random.default_rng(0)
    letters = list(AMINO_ACIDS)
    sequences = ["".join(rng.choice(letters, 60)) for _ in range(30)]
    for at in range(0, 20, 4):
        sequences[at + 1] = sequences[at][:30] + sequences[at + 1][30:]
        sequences[at + 2] = sequences[at + 1][20:] + "".join(rng.choice(letters, 200))
    own = ["same", *map(str, range(28)), "same"]
    found = groups.related(sequences, own)

    def pieces(sequence):
        return {sequence[at : at + 5] for at in range(len(sequence) - 4)}

    graph = nx.Graph()
    graph.add_nodes_from(range(30))
    for one in range(30):
        for other in range(one):
            a, b = pieces(sequences[one]), pieces(sequences[other])
            if own[one] == own[other] or len(a & b) >= 0.05 * min(len(a), len(b)):
                graph.add_edge(one, other)
    expected = {frozenset(part) for part in nx.connected_components(graph)}
    assert {frozenset(np.flatnonzero(found == name).tolist()) for name in np.unique(found)} == expected
    assert 5 < len(expected) < 30


def test_a_probe_finds_what_is_planted_and_nothing_else():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], [60, 90])
    member = np.arange(150) // 2
    planted = rng.normal(size=(150, 6)).astype(np.float32)
    planted[:, 0] += 3 * classes
    noise = rng.normal(size=(150, 6)).astype(np.float32)
    scores, predicted = groups.compare({"embeddings": planted, "composition": noise}, classes, member, BOOTSTRAP, "x")
    rows = scores.set_index(["vectors", "metric"])
    assert rows.loc[("embeddings", "probe_accuracy"), "value"] == (predicted["embeddings"] == classes).mean() > 0.85
    majority = rows.loc[("embeddings", "probe_accuracy"), "chance"]
    assert majority == 0.6
    low, high = rows.loc[("composition", "probe_accuracy"), ["low", "high"]]
    assert low < majority + 0.05
    assert high < rows.loc[("embeddings", "probe_accuracy"), "low"]
    gain = rows.loc[("composition", "difference")]
    values = rows["value"]
    assert gain["value"] == pytest.approx(
        values["embeddings", "probe_accuracy"] - values["composition", "probe_accuracy"]
    )
    assert gain["low"] > 0
    unit = planted - planted.mean(axis=0)
    assert values["embeddings", "silhouette"] == pytest.approx(
        silhouette_score(unit, classes, metric="cosine"), abs=1e-4
    )
    assert abs(rows.loc[("embeddings", "silhouette"), "chance"]) < 0.05


def test_no_relative_of_a_test_protein_is_trained_on():
    """Vectors that are each group's own: what is remembered of a relative would be perfect."""
    rng = np.random.default_rng(0)
    member = np.arange(120) // 3
    vectors = rng.normal(size=(40, 80))[member].astype(np.float32)
    classes = rng.integers(2, size=40)[member]
    leaky = (groups.cross_validated(vectors, classes, np.arange(120), 0) == classes).mean()
    honest = (groups.cross_validated(vectors, classes, member, 0) == classes).mean()
    assert leaky > 0.85
    assert honest < 0.75


def test_maps_are_the_same_again():
    unit = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    unit[:20, 0] += 8
    one, other = (groups.tsne(unit / np.linalg.norm(unit, axis=1, keepdims=True), 3) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert silhouette_score(one, np.repeat([0, 1], 20)) > 0.3
