"""The keys `maps` and `curve`: mistakes name them, and what follows from them."""

import copy
import re

import pytest

from lexome import mapsplan
from lexome.errors import LexomeError
from lexome.settings import check, load_yaml
from mapped import TIMES

ENTRY = {"of": [["frozen", 0], ["tuned", 1]], "neighbours": 5, "umap": {"n_neighbors": 5, "min_dist": 0.3, "seed": 0}}
STUDY = {
    "prepare": {
        "rule": "species",
        "species": {"human": "H", "mouse": "M", "ecoli": "E"},
        "window": 60,
        "in_frame": True,
    },
    "models": {"frozen": {"kind": "head", "seeds": [0]}, "tuned": {"kind": "fine_tune"}, "kmer": {"kind": "kmer"}},
    "splits": {"random": {}},
    "maps": {**ENTRY, "distances": TIMES},
}


def maps(study):
    return mapsplan.check_maps(study, [0, 1], "studies.s")


@pytest.fixture
def study():
    return copy.deepcopy(STUDY)


def test_good_maps(study):
    assert maps(study) == []
    study["maps"]["distances"] = None
    assert maps(study) == []
    study["maps"] = None
    assert maps(study) == []
    assert mapsplan.mapped_studies({"s": study, "t": STUDY}) == ["t"]
    assert mapsplan.compared_studies({"s": {"maps": {"distances": None}}, "t": STUDY}) == ["t"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["maps"].update(of=[["kmer", 0]]),
            r"of\[0\]: 'kmer' has no vectors \(kind kmer\); choose of frozen, tuned",
        ),
        (lambda s: s["maps"].update(of=[["tuned", 0], ["nt", 0]]), r"of\[1\]: 'nt' is not a model of this study"),
        (lambda s: s["maps"].update(of=[["frozen", 1]]), r"of\[0\]: frozen is not trained with seed 1; there are 0$"),
        (lambda s: s["maps"]["distances"].pop("human"), r"distances: missing human-mouse, human-ecoli"),
        (
            lambda s: s["maps"]["distances"]["human"].update(rat=9),
            r"distances: 'rat' is no species here; there are human",
        ),
        (lambda s: s["maps"]["distances"]["ecoli"].update(human=9), r"distances: human and ecoli are given twice"),
        (
            lambda s: s["maps"]["distances"]["human"].update(human=9),
            r"distances\.human\.human: a species has no distance",
        ),
        (
            lambda s: s["prepare"].update(species={"human": "H", "mouse": "M"}),
            r"distances: 2 species have too few pairs",
        ),
        (lambda s: s["prepare"].update(rule="texts"), r"only studies of species are mapped, not of texts"),
    ],
)
def test_mistakes_in_maps(study, change, message):
    change(study)
    mistakes = "\n".join(maps(study))
    assert re.search(rf"^studies\.s\.maps.*{message}", mistakes, flags=re.MULTILINE), mistakes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.update(of=[]), r"maps\.of"),
        (lambda e: e.update(of=[["frozen"]]), r"maps\.of"),
        (lambda e: e.update(of=[[0, "frozen"]]), r"maps\.of"),
        (lambda e: e.update(nieghbours=3), r"nieghbours.*neighbours"),
        (lambda e: e["umap"].update(min_dist=2), r"maps\.umap\.min_dist"),
        (lambda e: e.update(distances={"human": {"mouse": 0}}), r"maps\.distances\.human\.mouse"),
    ],
)
def test_the_schema_knows_the_keys(change, message):
    schema = load_yaml("config/schemas/config.schema.yaml")
    config = load_yaml("tests/config/config.yaml")
    entry = copy.deepcopy({**ENTRY, "distances": TIMES})
    config["studies"]["binding"]["maps"] = entry
    config["studies"]["binding"]["curve"] = {"key": "window", "label": "window", "unit": "nt"}
    check(config, schema, "config")
    change(entry)
    with pytest.raises(LexomeError, match=message):
        check(config, schema, "config")


def curve_config():
    studies = {}
    for name, window in (("s", 60), ("s120", 120), ("s300", 300)):
        studies[name] = {
            "prepare": {"window": window, "in_frame": True},
            "beside": ["s", "s120", "s300"],
            "splits": {"random": {}, "other": {}} if name == "s" else {"random": {}},
            "models": {"a": {}, name: {}},
        }
    studies["s"]["curve"] = {"key": "window", "label": "window", "unit": "nt"}
    return studies


def test_a_curve_takes_what_is_on():
    studies = curve_config()
    assert mapsplan.check_curve("s", studies, "studies.s") == []
    assert mapsplan.check_curve("s120", studies, "studies.s120") == []
    assert mapsplan.curve_studies(studies) == ["s"]
    del studies["s120"]  # off
    assert mapsplan.curve_entries("s", studies) == [
        {"study": "s", "split": "random", "at": 60},
        {"study": "s", "split": "other", "at": 60},
        {"study": "s300", "split": "random", "at": 300},
    ]
    assert mapsplan.curve_models("s", studies) == ["a", "s", "s300"]
    del studies["s300"]
    assert mapsplan.curve_studies(studies) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["s"].update(beside=["s"]), r"curve: `beside` has to name this study and others"),
        (lambda s: s["s"].update(beside=["s120", "s300"]), r"curve: `beside` has to name this study"),
        (lambda s: s["s120"]["prepare"].pop("window"), r"curve\.key: studies\.s120\.prepare has no number 'window'"),
        (lambda s: s["s"]["curve"].update(key="in_frame"), r"curve\.key: studies\.s\.prepare has no number 'in_frame'"),
        (
            lambda s: s["s120"]["prepare"].update(window=60),
            r"curve\.key: window has to differ .*s 60, s120 60, s300 300",
        ),
    ],
)
def test_mistakes_in_curves(change, message):
    studies = curve_config()
    change(studies)
    mistakes = "\n".join(mapsplan.check_curve("s", studies, "studies.s"))
    assert re.search(rf"^studies\.s\.{message}", mistakes, flags=re.MULTILINE), mistakes


def test_a_curve_may_run_over_the_training_examples_of_splits():
    studies = curve_config()
    studies["s"]["curve"]["key"] = "sizes.train"
    assert "need two different sizes" in mapsplan.check_curve("s", studies, "studies.s")[0]
    sizes = {"small": {"train": 50}, "large": {"train": 200, "test": 9}, "rest": {"test": 9}}
    studies["s"]["splits"] = {name: {"method": "official", "sizes": own} for name, own in sizes.items()}
    studies["s"]["splits"]["whole"] = {"method": "official"}
    assert mapsplan.check_curve("s", studies, "studies.s") == []
    assert mapsplan.curve_studies(studies) == ["s"]
    assert mapsplan.curve_entries("s", studies) == [
        {"study": "s", "split": "small", "at": 50, "panel": "official"},
        {"study": "s", "split": "large", "at": 200, "panel": "official"},
    ]
    assert mapsplan.curve_models("s", studies) == list(studies["s"]["models"])
