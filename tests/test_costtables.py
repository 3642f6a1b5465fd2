"""Costs by rule and by model, and how they are written."""

import numpy as np
import pytest

from lexome import costtables


def test_costs_are_summed_by_rule(tmp_path):
    for path, seconds, memory in (
        ("train/a/1.tsv", 10, 100),
        ("train/b.tsv", 30, "-"),
        ("embed/x.tsv", 25, 900),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:10\t{memory}\tNA\n")
    train, embed = costtables.costs(tmp_path)
    assert (train["rule"], train["jobs"], train["seconds"], train["longest"]) == ("train", 2, 40, 30)
    assert train["memory_mb"] == 100
    assert np.isnan(train["cpu_seconds"])
    assert embed["rule"] == "embed"
    assert costtables.costs(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.24, "8.2 s"), (60, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (float("nan"), "–")],
)
def test_durations(seconds, text):
    assert costtables.duration(seconds) == text


def test_costs_of_models(tmp_path):
    path = tmp_path / "costs.tsv"
    path.write_text(
        "study\tsplit\tmodel\tseconds\tembedding_seconds\tparameters\tenergy_wh\tcut\tseeds\n"
        "s\tr\tmlp\t12.5\t\t7409081\t\t0.25\t2\n"
    )
    costs = {"seconds": 12.5, "embedding_seconds": None, "parameters": 7409081.0, "energy_wh": None, "cut": 0.25}
    assert costtables.model_costs(path) == {"mlp": costs}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (3215, "3,215"), (85234, "85.2 k"), (22713216, "22.7 M"), (1.5e9, "1.5 G")]
)
def test_counts(value, text):
    assert costtables.count_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0000012, "0.0012 mWh"), (0.0314, "31 mWh"), (4.24, "4.2 Wh"), (1250, "1.2 kWh"), (0, "0 mWh")],
)
def test_energies(value, text):
    assert costtables.energy_text(value) == text
