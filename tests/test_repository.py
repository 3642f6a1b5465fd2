"""The repository keeps its own promises: pinned environments, small Snakefile, documented rules, no stray paths."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
PROGRAMS = ("mmseqs2", "diamond")  # not Python's: the lock does not know them


def locked():
    """Versions of constraints.txt that hold for Python 3.11."""
    versions = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        match = re.match(r"([\w.-]+)==([^ ;]+)(?: ; (.*))?$", line)
        if match and (not match[3] or "python_full_version < '3.12'" in match[3]):
            versions[match[1].lower()] = match[2]
    return versions


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem)
def test_conda_environments_follow_the_lock(path):
    pinned = locked()
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        # What conda's channels lack comes in a list under `pip`.
        for part in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = part.partition(" ==" if isinstance(entry, dict) else " =")
            if name in PROGRAMS:
                assert re.fullmatch(r"\d[\w.]*", version), f"{path.name}: {part}"
            elif name not in ("python", "pip"):
                assert version == pinned[CONDA_NAMES.get(name, name)], f"{path.name}: {part}"


def test_direct_dependencies_are_locked():
    pinned = locked()
    for name in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / name).read_text().splitlines():
            package = re.match(r"[\w.-]+", line)
            assert package is None or package[0] in pinned, line
    assert pinned["torch"] == "2.13.0"


def test_the_snakefile_stays_small():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60


def rules():
    """Every rule with a script: (file, name, body)."""
    for path in sorted((ROOT / "rules").glob("*.smk")):
        parts = re.split(r"^rule (\w+):\n", path.read_text(), flags=re.MULTILINE)
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if "script:" in body:
                yield pytest.param(name, body, id=name)


@pytest.mark.parametrize(("name", "body"), list(rules()))
def test_every_rule_is_complete(name, body):
    for directive in ("log:", "conda:", "threads:", "mem_mb=", "runtime=", "message:"):
        assert directive in body, f"rule {name} lacks {directive}"
    assert f'"../scripts/{name}.py"' in body
    assert f"results/logs/{name}/" in body
    if "benchmark:" in body:
        assert f"results/benchmarks/{name}/" in body
    assert "run:" not in re.sub(r"\w+_run:", "", body)


def test_rule_files_open_with_a_docstring():
    for path in (ROOT / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.startswith('"""'), path.name
        assert "Needs:" in text, path.name
        assert "Makes:" in text, path.name


def test_no_machine_paths_are_tracked():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    stray = re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w")
    for name in files.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".smk", ".yaml", ".md", ".in", ".toml", ".cff", ".rst", ".j2", ""} and path.is_file():
            found = stray.search(path.read_text(errors="ignore"))
            assert found is None, f"{name}: {found[0]}"
