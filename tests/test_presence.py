"""Studies switch themselves off where their files cannot be had, say so once, and no job thinks otherwise."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lexome import plan
from lexome.errors import LexomeError
from lexome.presence import at_hand, check_corpora, studies_off, without
from lexome.settings import load_yaml

ROOT = Path(__file__).parent.parent
CONTENT = b"text,kind\nheart,A\nknee,B\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "resources/data/notes/notes.csv"


def registry(sources=(), sha256=SHA256):
    file = {"sha256": sha256, "size": len(CONTENT) if sha256 else None, "sources": list(sources)}
    return {"notes": {"url": "https://example.org/notes", "manual": "ask", "files": {"notes.csv": file}}}


def study(enabled, path=PATH):
    return {"enabled": enabled, "prepare": {"rule": "texts", "file": path}}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_only_what_asks_for_it_is_off(tmp_path):
    studies = {name: study(name) for name in (True, False, "if_present")} | {"silent": {"prepare": {"file": PATH}}}
    off = studies_off(studies, registry(), None)
    assert list(off) == [False, "if_present"]
    assert "`enabled: false`; set it to true" in off[False]
    assert list(without(studies, off)) == [True, "silent"]
    with pytest.raises(LexomeError, match=r"all are off \(a, b\)"):
        without({"a": {}, "b": {}}, ["a", "b"])


def test_the_reason_names_the_file_and_the_mend():
    line = studies_off({"a": study("if_present")}, registry(), None)["a"]
    assert line.startswith(f"study a is off: {PATH} is not at hand")
    assert "LEXOME_MIRROR" in line
    assert "https://example.org/notes" in line
    assert "\n" not in line
    line = studies_off({"a": study("if_present")}, registry(["https://example.org/notes.csv"]), None)["a"]
    assert "`enabled: true` to have it fetched" in line
    line = studies_off({"a": study("if_present", "my/own.csv")}, registry(), None)["a"]
    assert "my/own.csv is not at hand; put it there, or correct the path" in line


def test_a_file_that_is_there_is_at_hand(tmp_path):
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert at_hand(PATH, registry(), None)
    assert studies_off({"a": study("if_present")}, registry(), None) == {}


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "gz"])
def test_a_mirror_is_searched_by_checksum(tmp_path, content):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    file = mirror / ("any" if content == CONTENT else "any.gz")
    file.write_bytes(b"x" * len(CONTENT))
    assert not at_hand(PATH, registry(), mirror)
    file.write_bytes(content)
    assert at_hand(PATH, registry(), mirror)
    assert not at_hand(PATH, registry(), tmp_path / "none")
    # Without a checksum the name decides.
    assert not at_hand(PATH, registry(sha256=None), mirror)
    (mirror / "notes").mkdir()
    (mirror / "notes" / "notes.csv").write_bytes(CONTENT)
    assert at_hand(PATH, registry(sha256=None), mirror)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("pypi:notes==1.0!notes/notes.csv", True),
        ("file:shipped.csv", True),
        ("file:gone.csv", False),
        ("file:resources/demo/human_swissprot_mf.fasta.gz", True),  # of the repository, wherever it is run
        ("https://example.org/notes.csv", False),
        ("hf:a/b@c!notes.csv", False),
    ],
)
def test_what_a_source_is_worth_without_the_network(tmp_path, source, found):
    (tmp_path / "shipped.csv").write_bytes(CONTENT)
    assert at_hand(PATH, registry([source]), None) is found


def test_a_backbone_that_needs_a_study_that_is_off():
    backbones = {
        "base": {},
        "adapted": {"adapt": {"backbone": "base", "corpus": {"study": "b"}}},
        "twice": {"adapt": {"backbone": "adapted", "corpus": {"file": "x.txt"}}},
    }
    models = {"naive": {"kind": "frequency"}, "head": {"kind": "head", "backbone": "twice"}}
    check_corpora({"a": {"models": models}}, backbones, [""])
    with pytest.raises(LexomeError, match=r"studies\.a\.models\.head\.backbone: adapted is adapted to texts of b"):
        check_corpora({"a": {"models": models}}, backbones, ["b"])


def test_a_file_that_is_missing_is_a_mistake_only_where_it_is_wanted(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_yaml("config/config.yaml")
    own = config["studies"]["clinical_specialty"]
    own["prepare"]["file"] = "my/own.csv"
    registries = plan.load_registries("config", config)
    plan.check_workflow(config, registries, "config/schemas")
    own["enabled"] = True
    with pytest.raises(LexomeError, match=r"clinical_specialty\.prepare\.file: no file my/own\.csv"):
        plan.check_workflow(config, registries, "config/schemas")


@pytest.fixture
def workflow(tmp_path):
    """A copy of the workflow whose config has one study that is on and one, of notes, that is on if present."""
    for name in ("Snakefile", "rules", "scripts", "config", "envs", "profiles", "resources/report", "tests/fixtures"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    config = load_yaml(ROOT / "tests/config/config.yaml")
    base = config["studies"]["texts"]
    common = {key: value for key, value in base.items() if key not in ("interpret", "contrasts")}
    common |= {"models": {"naive": base["models"]["naive"]}}
    texts = load_yaml(ROOT / "config/config.yaml")["studies"]["clinical_specialty"]["prepare"]
    texts |= {"file": PATH, "text_column": "text", "label_column": "kind", "labels": None}
    notes = common | {"enabled": "if_present", "prepare": texts}
    config |= {"studies": {"base": common, "notes": notes}, "backbones": {}}
    for key in ("classify", "score", "tag", "annotate"):
        config.pop(key, None)
    about = {"title": "Notes", "version": "1", "licence": "none", "citation": "none"}
    config["datasets"]["notes"] = registry()["notes"] | about
    (tmp_path / "notes.yaml").write_text(yaml.safe_dump(config))

    def run(*arguments, **variables):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LEXOME")} | variables
        command = [Path(sys.executable).parent / "snakemake", "--cores", "1", "--configfile=notes.yaml", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_workflow_leaves_it_out_and_says_so(workflow, tmp_path):
    done = workflow("--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("lexome: study notes is off: ") == 1
    assert "prepare_texts" not in done.stdout
    assert "prepare_go_aspect" in done.stdout


def test_a_job_of_its_own_goes_by_the_main_process(workflow, tmp_path):
    """What a cluster starts for a job: a file that came in between does not switch the study on."""
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_bytes(CONTENT)
    done = workflow("--mode", "remote", "--nolock", "results/notes/examples.parquet", LEXOME_OFF="notes")
    assert done.returncode != 0
    assert "No rule to produce results/notes/examples.parquet" in done.stdout + done.stderr
