"""The key `protein` is checked before anything is trained, and mistakes name what is wrong in it."""

import copy

import pytest

from lexome import proteinplan
from lexome.errors import LexomeError

STUDIES = {
    "function": {
        "prepare": {"rule": "protein_function", "annotations": "goa.gaf.gz"},
        "splits": {"random": {}},
        "models": {"mlp": {"kind": "head"}, "naive": {"kind": "frequency"}},
    },
    "texts": {"prepare": {"rule": "texts"}, "splits": {"random": {}}, "models": {"mlp": {"kind": "head"}}},
}
RUN = {"study": "function", "split": "random", "model": "mlp", "seed": 0}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "own.fa").write_text(">a\nMKV\n")
    (tmp_path / "own.pdb").write_text("ATOM\n")
    (tmp_path / "ids.txt").write_text("P1\n")
    return {"studies": copy.deepcopy(STUDIES), "seeds": [0, 1], "protein": dict(RUN)}


def test_good_entries(config, tmp_path):
    assert proteinplan.check_protein({**config, "protein": None}) == []
    assert proteinplan.check_protein(config) == []
    config["protein"] |= {
        "sequence": str(tmp_path / "own.fa"),
        "structure": str(tmp_path / "own.pdb"),
        "positions": ["2", "3"],
        "groups": {"secreted": str(tmp_path / "ids.txt"), "membrane": "GO:0005886"},
    }
    assert proteinplan.check_protein(config) == []
    assert proteinplan.group_files(proteinplan.protein_settings(config)) == [str(tmp_path / "ids.txt")]
    # An id is looked up in the study, which is not made yet.
    config["protein"]["sequence"] = "P04637"
    assert proteinplan.check_protein(config) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "texts"}, r"protein\.study: 'texts' is not of proteins; choose one of function"),
        ({"model": "naive"}, r"protein\.model: 'naive' is no head on a frozen backbone of function; choose one of mlp"),
        ({"seed": 7}, r"protein\.seed: mlp is not trained with seed 7; there are 0, 1"),
        ({"sequence": "elsewhere.fa"}, r"protein\.sequence: no file elsewhere\.fa; give the path"),
        ({"structure": "1abc"}, r"protein\.structure: no file 1abc; give the path"),
        ({"positions": ["9", "3"]}, r"protein\.positions: \[9, 3\] is no stretch"),
        ({"masked": list(range(1, 14))}, r"protein\.masked: 13 positions; a picture has room for 12"),
        ({"groups": {"one": "GO:0005576"}}, r"protein\.groups: 1 given; two are compared"),
        ({"groups": {"a": "GO:0005576", "b": "GO:12"}}, r"protein\.groups\.b: 'GO:12' is neither a GO term nor a file"),
    ],
)
def test_mistakes(config, change, message):
    config["protein"] |= change
    (mistake,) = proteinplan.check_protein(config)
    with pytest.raises(LexomeError, match=message):
        raise LexomeError(mistake)


def test_terms_need_annotations(config):
    config["studies"]["function"]["prepare"]["annotations"] = None
    mistakes = proteinplan.check_protein(config)
    assert len(mistakes) == 2
    assert "function has no annotations to find GO:0005576 in" in mistakes[0]


def test_settings(config):
    found = proteinplan.protein_settings(config)
    assert (found["terms"], found["longest"], found["positions"], found["chain"]) == (3, 400, None, None)
    assert list(found["groups"]) == ["extracellular", "plasma membrane"]
    # Numbers within a mapping that the command line gives are text.
    config["protein"] |= {"seed": "1", "positions": ["5", "40"], "longest": "90", "terms": "2", "masked": ["7"]}
    found = proteinplan.protein_settings(config)
    assert (found["seed"], found["positions"], found["longest"], found["terms"]) == (1, [5, 40], 90, 2)
    assert found["masked"] == [7]
    config["protein"]["terms"] = ["GO:0003824"]
    assert proteinplan.protein_settings(config)["terms"] == ["GO:0003824"]
    config["protein"]["groups"] = None
    assert proteinplan.protein_settings(config)["groups"] == {}
    with pytest.raises(LexomeError, match=r"config, protein: missing"):
        proteinplan.protein_settings(config | {"protein": None})


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        (None, "surest"),
        ("P04637", "P04637"),
        ("my/own proteins.fasta.gz", "own-proteins"),
        ("a.FA", "a"),
        ("sp|P1|X", "sp-P1-X"),
    ],
)
def test_names_of_results(config, sequence, name):
    config["protein"]["sequence"] = sequence
    assert proteinplan.protein_folder(config) == f"results/function/random/interpret/mlp/seed0/proteins/{name}"


def test_without_a_run_there_is_still_a_folder():
    assert proteinplan.protein_folder({"studies": {}}) == "results/interpret/proteins/surest"
