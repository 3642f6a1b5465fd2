"""Clusters and search in a config: what follows from it, and its mistakes."""

import copy
from pathlib import Path

import pytest

from lexome import alignplan
from lexome.errors import LexomeError
from lexome.settings import check, load_yaml

SCHEMAS = Path(__file__).parent.parent / "config" / "schemas"

STUDY = {
    "prepare": {"rule": "protein_function"},
    "splits": {
        "random": {"method": "random", "search": {"tool": "diamond", "hits": 30}},
        "near": {"method": "cluster", "identity": 0.3, "coverage": 0.8, "seed": 1},
        "again": {"method": "cluster", "identity": 0.3, "coverage": 0.8, "seed": 2, "tool": "mmseqs"},
        "far": {"method": "cluster", "identity": 0.25, "coverage": 0.5, "cover": "either", "sensitivity": 5.7},
    },
    "models": {"mmseqs": {"kind": "sequence_search", "top": [5, 30]}, "knn": {"kind": "knn", "kmer": 3, "k": 5}},
}


@pytest.fixture
def study():
    return copy.deepcopy(STUDY)


def test_a_good_study_and_its_files(study):
    assert alignplan.check_align(study, "s") == []
    assert alignplan.cluster_sets(study) == {
        "mmseqs_id30_both80_s7.5": {
            "tool": "mmseqs",
            "cover": "both",
            "sensitivity": 7.5,
            "identity": 0.3,
            "coverage": 0.8,
        },
        "mmseqs_id25_either50_s5.7": {
            "tool": "mmseqs",
            "cover": "either",
            "sensitivity": 5.7,
            "identity": 0.25,
            "coverage": 0.5,
        },
    }
    assert alignplan.search_settings(study["splits"]["random"]) == alignplan.SEARCH | {"tool": "diamond", "hits": 30}
    assert alignplan.search_settings(study["splits"]["near"]) == alignplan.SEARCH
    assert [name for name, model in study["models"].items() if alignplan.reads_hits(model)] == ["mmseqs"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["splits"]["near"].pop("identity"), "s.splits.near.identity: missing"),
        (lambda s: s["splits"]["near"].pop("coverage"), "s.splits.near.coverage: missing"),
        (lambda s: s["splits"]["near"].update(grouped=False), "s.splits.near.grouped: false would part clusters"),
        (
            lambda s: s["splits"]["random"].update(identity=0.3),
            "s.splits.random.identity: belongs to the method cluster",
        ),
        (
            lambda s: s["models"]["mmseqs"].update(top=31),
            "s.models.mmseqs.top: more than the 30 hits of the split random",
        ),
    ],
)
def test_mistakes(study, change, message):
    change(study)
    found = alignplan.check_align(study, "s")
    assert len(found) == 1
    assert found[0].startswith(message)


def test_only_proteins_are_clustered_and_searched(study):
    study["prepare"]["rule"] = "species"
    found = "\n".join(alignplan.check_align(study, "s"))
    for part in ("near.method", "far.method", "random.search", "models.mmseqs.kind", "models.knn.kind"):
        assert part in found


def fits(kind, **keys):
    try:
        check({"kind": kind, **keys}, load_yaml(SCHEMAS / "models.schema.yaml")[kind], "m")
    except LexomeError:
        return False
    return True


def test_the_schema_of_the_models():
    assert fits("sequence_search", scoring="netgo", top=[1, 5], pseudo=[0, 100], prior=0.1)
    assert not fits("sequence_search", scoring="bits", top=5)
    assert not fits("sequence_search", scoring="best", top=0)
    assert fits("knn", kmer=3, k=5)
    assert fits("knn", backbone="b", layers=[1], pooling="mean", k=[1, 5], prior=[0, 0.5])
    # One kind of vectors, and all that it takes.
    assert not fits("knn", k=5)
    assert not fits("knn", k=5, backbone="b")
    assert not fits("knn", k=5, backbone="b", layers=[1], kmer=3)
    assert not fits("knn", k=5, kmer=3, pooling="mean")
