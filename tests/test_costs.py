"""Costs: seconds are measured, the energy is an estimate or unknown."""

import math
import time

import pytest

from lexome import costs


def test_a_stopwatch_tells_waiting_from_computing():
    with costs.stopwatch() as waited:
        time.sleep(0.05)
    with costs.stopwatch() as worked:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            math.sqrt(2)
    assert waited["seconds"] >= 0.05 > waited["cpu_seconds"]
    assert worked["cpu_seconds"] >= 0.05


def test_a_stopwatch_tells_the_time_of_a_block_that_fails():
    with pytest.raises(ValueError, match="x"), costs.stopwatch() as measured:
        time.sleep(0.01)
        raise ValueError("x")
    assert measured["seconds"] >= 0.01


def test_energy_is_power_times_time():
    assert costs.energy_wh(9999, 3600, "cpu") == pytest.approx(costs.CORE_WATTS)
    assert costs.energy_wh(1800, 1, "cuda", 700) == pytest.approx(350)
    assert costs.energy_wh(1800, 1, "cuda", None) is None
    assert costs.energy_wh(1800, 1, "mps") is None


@pytest.mark.parametrize(
    ("script", "watts"),
    [("echo 700.00; echo 300.00", 700.0), ("echo '[N/A]'", None), ("exit 6", None), ("true", None)],
)
def test_the_power_limit_is_what_nvml_tells(tmp_path, monkeypatch, script, watts):
    fake = tmp_path / "nvidia-smi"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert costs.gpu_power_limit() == watts


def test_no_nvml_no_power_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert costs.gpu_power_limit() is None
