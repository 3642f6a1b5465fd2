"""Outputs appear whole or not at all; a job's log has what went wrong."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lexome.errors import LexomeError
from lexome.runtime import atomic, job, read_json, write_arrays, write_json, write_parquet, write_tsv


def test_a_failed_block_leaves_nothing_and_the_old_file(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with atomic(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_folders_are_replaced_whole(tmp_path):
    for content in ("one", "two"):
        with atomic(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["two"]


def test_a_block_that_makes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "a"):
        pass


def test_tables_and_json(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, 2]})
    assert read_json(tmp_path / "a.json") == {"x": [1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()
    table = pd.DataFrame({"x": [1, 2]})
    write_parquet(tmp_path / "a.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), table)
    write_tsv(tmp_path / "a.tsv", table / 3)
    assert (tmp_path / "a.tsv").read_text() == "x\n0.333333\n0.666667\n"
    write_arrays(tmp_path / "a.npz", {"a/b": np.arange(3)})
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["a/b"].tolist() == [0, 1, 2]


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    return SimpleNamespace(log=[str(tmp_path / "logs" / "rule.log")], threads=2)


def test_bad_input_is_one_line_without_a_traceback(snakemake):
    with pytest.raises(SystemExit, match=r"a\.fa, line 3: mend it"), job(snakemake):
        raise LexomeError("a.fa, line 3: mend it")
    text = Path(snakemake.log[0]).read_text()
    assert "a.fa, line 3: mend it" in text
    assert "Traceback" not in text


def test_a_fault_leaves_its_traceback_in_the_log(snakemake):
    with pytest.raises(ZeroDivisionError), job(snakemake) as log:
        log.info("before")
        1 / 0  # noqa: B018
    text = Path(snakemake.log[0]).read_text()
    assert "before" in text
    assert "ZeroDivisionError" in text


def test_compiled_code_has_a_place_where_neither_library_nor_home_can_be_written(snakemake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "set so that it is put back")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    with job(snakemake):
        assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "none"))
    with job(snakemake):
        assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / ".snakemake" / "numba")
