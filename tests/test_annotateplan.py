"""The keys of `annotate` and `putative` are checked before anything is trained, and mistakes name them."""

import copy
import gzip

import pytest

from lexome.annotateplan import (
    annotate_settings,
    annotated_folder,
    check_annotate,
    putative_settings,
    query_name,
)
from lexome.errors import LexomeError

STUDIES = {
    "function": {
        "prepare": {"rule": "protein_function"},
        "splits": {"random": {}},
        "models": {"mlp": {"kind": "head"}, "blast": {"kind": "sequence_search", "seeds": [3]}, "naive": {"kind": "f"}},
    },
    "texts": {"prepare": {"rule": "texts"}, "splits": {"random": {}}, "models": {"mlp": {"kind": "head"}}},
}
RUN = {"study": "function", "split": "random", "model": "mlp", "seed": 0}


@pytest.fixture
def config():
    return {"studies": copy.deepcopy(STUDIES), "seeds": [0, 1], "annotate": dict(RUN)}


def test_good_settings(config, tmp_path):
    (tmp_path / "a.fasta").write_text("\ufeff\n>a\nMK\n", encoding="utf-8")
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(b">a\nMK\n", mtime=0))
    assert check_annotate(config) == []
    for name in ("a.fasta", "a.fa.gz"):
        assert check_annotate(config | {"query": str(tmp_path / name)}) == []
    config["annotate"] |= {"model": "blast", "seed": "3", "probability": "0.2", "submission": {"author": "us"}}
    assert check_annotate(config) == []
    told = annotate_settings(config)
    assert (told["seed"], told["probability"]) == (3, 0.2)
    assert told["submission"]["author"] == "us"
    assert told["submission"]["model"] == 1
    assert putative_settings(config) == {"probability": 0.9}
    assert putative_settings(config | {"putative": {"probability": "0.5"}}) == {"probability": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "texts"}, r"annotate\.study: 'texts' is not of proteins; choose one of function"),
        ({"model": "naive"}, r"annotate\.model: 'naive' is no head .* of function; choose one of mlp, blast"),
        ({"seed": 2}, r"annotate\.seed: mlp is not trained with seed 2"),
        ({"probability": "1"}, r"annotate\.probability: 1 is no probability below 1"),
    ],
)
def test_runs_that_cannot_annotate(config, change, message):
    config["annotate"] |= change
    (mistake,) = check_annotate(config)
    with pytest.raises(LexomeError, match=message):
        raise LexomeError(mistake)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.fa", None, "no file .*none.fa"),
        ("{a}.fa", b">a\nM\n", "braces"),
        ("a.fa", b"MKV\n", "line 1: a FASTA file begins with"),
        ("cut.fa.gz", gzip.compress(b">a\nMK\n", mtime=0)[:12], "cannot be read"),
    ],
)
def test_files_that_are_no_fasta(config, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (mistake,) = check_annotate(config | {"query": str(tmp_path / name)})
    assert mistake.startswith("query: ")
    with pytest.raises(LexomeError, match=message):
        raise LexomeError(mistake)


def test_results_go_by_the_name_of_the_file():
    assert query_name("a/My proteins.v2.fasta.gz") == "My-proteins.v2"
    assert query_name(".fa") == "query"
    folder = "results/function/random/interpret/mlp/seed0/annotate"
    assert annotated_folder({"annotate": RUN, "query": "x.faa"}, "s.fa") == f"{folder}/x"
    assert annotated_folder({"annotate": RUN}, "s.fa") == f"{folder}/s"
    assert annotated_folder({}, "s.fa") == "results/interpret/annotate/s"
