"""Adapted backbones in a config: inheritance, circles, and what each mistake is called."""

import copy
import json
from pathlib import Path

import pytest

from lexome import plan
from lexome.adapted import chain, check_adapted, corpora_of, corpus_files, resolve
from lexome.errors import LexomeError
from lexome.settings import load_yaml

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def config():
    return copy.deepcopy(load_yaml("tests/config/config.yaml"))


def check(config):
    registries = plan.load_registries("config", config)
    plan.check_workflow(config, registries, "config/schemas")
    return registries["backbones"]


def second(config, **changes):
    """A backbone adapted from the adapted one."""
    entry = copy.deepcopy(config["backbones"]["tiny_adapted"])
    entry["adapt"] |= {"backbone": "tiny_adapted"} | changes
    config["backbones"]["twice"] = entry
    return entry


def test_what_is_not_said_comes_from_the_base(config):
    config["backbones"]["tiny_adapted"]["citation"] = "us"
    second(config)["embedding"] = {"layers": [1], "pooling": "cls", "batch_tokens": 64}
    backbones = check(config)
    base, own, twice = (backbones[name] for name in ("tiny_bert", "tiny_adapted", "twice"))
    assert {key: own[key] for key in ("licence", "kind", "max_tokens", "parameters", "embedding")} == {
        key: base[key] for key in ("licence", "kind", "max_tokens", "parameters", "embedding")
    }
    assert own["citation"] == twice["citation"] == "us"
    assert twice["embedding"]["layers"] == [1]
    assert "init" not in own
    assert chain(backbones, "twice") == ["twice", "tiny_adapted", "tiny_bert"]
    assert chain(backbones, "tiny_bert") == ["tiny_bert"]


def test_only_what_backbones_start_from_is_downloaded(config):
    second(config)
    config["studies"]["texts"]["models"]["probe_adapted"]["backbone"] = "twice"
    backbones = check(config)
    config["studies"] = {name: study for name, study in config["studies"].items() if not name.startswith("species")}
    assert plan.used_backbones(config["studies"]) == ["tiny_bert", "tiny_esm", "twice"]
    assert plan.downloaded_backbones(config["studies"], backbones) == ["tiny_bert", "tiny_esm"]


def test_the_base_must_be_known(config):
    config["backbones"]["tiny_adapted"]["adapt"]["backbone"] = "tiny_brt"
    with pytest.raises(LexomeError, match=r"tiny_adapted\.adapt\.backbone: 'tiny_brt' is not known.*tiny_bert"):
        check(config)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_circles_are_refused(length):
    names = [f"b{i}" for i in range(length)]
    backbones = {name: {"adapt": {"backbone": names[i - 1]}} for i, name in enumerate(names)}
    with pytest.raises(LexomeError, match=r"adapted in a circle \(b0 from"):
        resolve(backbones)


def corpus(**values):
    return lambda entry: entry["adapt"]["corpus"].update(values)


def training(**values):
    return lambda entry: entry["adapt"]["training"].update(values)


def from_file(entry):
    entry["adapt"]["corpus"] = {"file": "absent.txt"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (corpus(study="textz"), r"adapt\.corpus\.study: 'textz' is not known; there are .*texts"),
        (corpus(split="random"), r"adapt\.corpus\.split: texts has no split 'random'; it has official"),
        (corpus(subsets=["train", "test"]), r"adapt\.corpus\.subsets: test texts are judged on.*transductive"),
        (corpus(study="from_gaf", split="random", subsets=["left_out"]), r"nothing is left out of random.*`sizes`"),
        (corpus(file="a.txt"), r"adapt\.corpus: "),
        (corpus(subset=["train"]), r"adapt\.corpus\.subset: unknown key; did you mean subsets"),
        (lambda entry: entry["adapt"]["corpus"].pop("split"), r"adapt\.corpus\.split: missing"),
        (lambda entry: entry["adapt"]["training"].pop("mask"), r"adapt\.training\.mask: missing"),
        (lambda entry: entry.update(path="a"), r"tiny_adapted\.adapt: cannot stand beside"),
        (lambda entry: entry.update(files={"a": {"sha256": None, "size": None}}), r"tiny_adapted\.files: cannot stand"),
        (training(max_length=200), r"adapt\.training\.max_length: tiny_adapted takes 128 tokens"),
        (training(mask=0.9), r"adapt\.training\.mask"),
        (
            corpus(part="sources", chunk=96, in_frame=True),
            r"adapt\.corpus\.part: the examples of texts were not cut from sources; take `examples`",
        ),
        (
            corpus(part="sources", chunk=600, in_frame=True),
            r"adapt\.training\.max_length: 64 tokens do not hold pieces of 600 letters \(`chunk`\): give 101",
        ),
        (corpus(part="sources"), r"adapt\.corpus\.chunk: missing"),
        (corpus(part="sources", chunk=100, in_frame=True), r"adapt\.corpus\.chunk: 100 is not a multiple of 6"),
        (corpus(part="examples", chunk=96), r"adapt\.corpus\.chunk: cannot stand beside"),
        (from_file, r"adapt\.corpus\.file: no file absent\.txt"),
    ],
)
def test_mistakes_name_their_keys(config, change, message):
    change(config["backbones"]["tiny_adapted"])
    with pytest.raises(LexomeError, match=message):
        check(config)


def test_sources_need_no_sizes_to_be_left_out(config):
    """Genes that no example was drawn from are left out of any split."""
    config["studies"]["texts"]["prepare"]["rule"] = "species"
    backbones = plan.load_registries("config", config)["backbones"]
    entry = backbones["tiny_adapted"]["adapt"]
    entry["corpus"] |= {"part": "sources", "chunk": 96, "in_frame": True, "subsets": ["train", "left_out"]}
    del config["studies"]["texts"]["splits"]["official"]["sizes"]
    assert check_adapted(config["studies"], backbones) == []
    entry["corpus"]["part"] = "examples"
    assert "no `sizes`" in check_adapted(config["studies"], backbones)[0]


@pytest.mark.parametrize("direct", [True, False])
def test_models_on_a_transductive_backbone_say_so(config, direct):
    models = config["studies"]["texts"]["models"]
    if not direct:
        second(config)
        models["probe_adapted"]["backbone"] = "twice"
    entry = config["backbones"]["tiny_adapted"]["adapt"]
    entry["transductive"] = True
    entry["corpus"]["subsets"] = ["train", "test", "valid"]
    with pytest.raises(LexomeError, match=r"texts\.models\.probe_adapted: its backbone tiny_adapted has seen"):
        check(config)
    models["probe_nontransductive"] = models.pop("probe_adapted")
    with pytest.raises(LexomeError, match=r"the word 'transductive' into the model's name \(probe_nontransductive_"):
        check(config)
    models["probe_transductive"] = models.pop("probe_nontransductive")
    check(config)


@pytest.fixture
def brought(config, tmp_path):
    """The user's own copy of a backbone that was adapted elsewhere, and what its record says."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).touch()
    entry = {key: value for key, value in config["backbones"]["tiny_bert"].items() if key != "init"}
    config["backbones"]["brought"] = entry | {"path": f"{folder}/"}
    config["studies"]["texts"]["models"]["probe_adapted"]["backbone"] = "brought"
    top = {"name": "top", "transductive": False, "files": ["tests/fixtures/go/go.obo"]}
    base = {"name": "base", "transductive": False, "files": []}
    return folder, {"name": "top", "source": "adapted from base", "adapted": [top, base]}


def test_a_folder_adapted_elsewhere_brings_its_corpora(config, brought):
    folder, record = brought
    check(config)  # without a record, it is a backbone like any other
    prepared = {"texts": ["tests/fixtures/go/go.obo"], "other": []}
    for about in (record, {"name": "top", "source": "adapted from base"}):
        (folder / "lexome.json").write_text(json.dumps(about))
        (folder.parent / "base.corpus.parquet").touch()
        (folder.parent / "mine.corpus.parquet").unlink(missing_ok=True)
        with pytest.raises(LexomeError, match=r"brought\.path: .*mine\.corpus\.parquet.*is not there; copy it"):
            check(config)
        (folder.parent / "mine.corpus.parquet").touch()
        backbones = check(config)
        told = [tuple(part.values()) for part in corpora_of(backbones, "brought", "texts", prepared)]
        assert told[0] == ("brought", str(folder.parent / "mine.corpus.parquet"), "adapted" in about, False)
        assert told[1:] == [("brought", str(folder.parent / "base.corpus.parquet"), False, False)][: len(told) - 1]
        assert len(told) == len(about.get("adapted", [1]))
        assert not any(part["match_ids"] for part in corpora_of(backbones, "brought", "other", prepared))
    (folder / "lexome.json").write_text('{"name": "x", "source": "pypi:x==1!x"}')
    assert corpora_of(check(config), "brought", "texts", prepared) == []


def test_corpora_below_an_adapted_backbone_count_too(config, brought):
    folder, record = brought
    (folder / "lexome.json").write_text(json.dumps(record))
    config["backbones"]["tiny_adapted"]["adapt"]["backbone"] = "brought"
    config["studies"]["texts"]["models"]["probe_adapted"]["backbone"] = "tiny_adapted"
    with pytest.raises(LexomeError, match=r"base\.corpus\.parquet"):
        check(config)
    for name in ("mine", "base"):
        (folder.parent / f"{name}.corpus.parquet").touch()
    found = corpora_of(check(config), "tiny_adapted", "texts", {"texts": []})
    assert [part["backbone"] for part in found] == ["tiny_adapted", "brought", "brought"]


def test_a_folder_adapted_elsewhere_says_that_it_is_transductive(config, brought):
    folder, record = brought
    record["adapted"][1]["transductive"] = True
    (folder / "lexome.json").write_text(json.dumps(record))
    (folder.parent / "mine.corpus.parquet").touch()
    with pytest.raises(LexomeError, match=r"probe_adapted: its backbone brought has seen texts"):
        check(config)
    models = config["studies"]["texts"]["models"]
    models["transductive_probe"] = models.pop("probe_adapted")
    found = corpora_of(check(config), "brought", "texts", {"texts": []})
    assert [part["path"] for part in found] == [str(folder.parent / "mine.corpus.parquet")]


def test_a_model_must_not_be_judged_on_any_corpus_below_it(config):
    second(config, corpus={"file": "tests/fixtures/go/proteins.fasta"})
    config["studies"]["texts"]["models"]["probe_adapted"]["backbone"] = "twice"
    backbones = check(config)
    prepared = {name: plan.prepare_files(study) for name, study in config["studies"].items()}

    def told(name, study):
        return [tuple(part.values()) for part in corpora_of(backbones, name, study, prepared)]

    paths = [f"results/backbones/{name}.corpus.parquet" for name in ("twice", "tiny_adapted")]
    # Ids tell examples apart where both studies are made of the same file, groups in one study alone.
    assert told("twice", "texts") == [("twice", paths[0], False, False), ("tiny_adapted", paths[1], True, True)]
    assert told("tiny_adapted", "from_gaf") == [("tiny_adapted", paths[1], True, False)]
    assert told("tiny_adapted", "from_cafa") == [("tiny_adapted", paths[1], False, False)]
    assert told("tiny_bert", "texts") == told(None, "texts") == []
    backbones["tiny_adapted"]["adapt"]["transductive"] = True
    assert told("twice", "texts") == [("twice", paths[0], False, False)]
    assert corpus_files(backbones, ["twice", "tiny_esm"]) == ["tests/fixtures/go/proteins.fasta"]
