"""Every kind of model trains, repeats by seed, and cannot learn from test labels."""

import dataclasses

import numpy as np
import pytest

from lexome.models import KINDS
from lexome.runs import Part, RunData

TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 16,
    "epochs": 8,
    "patience": 8,
    "monitor": "valid_label_auprc",
}
SETTINGS = {
    "coin_flip": {"kind": "coin_flip"},
    "proportional": {"kind": "proportional"},
    "frequency": {"kind": "frequency"},
    "head": {
        "kind": "head",
        "backbone": "tiny",
        "layers": [1],
        "hidden": [8],
        "dropout": 0.1,
        "training": TRAINING,
    },
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)

    def part(n, with_targets=True):
        x = rng.normal(size=(n, 5)).astype(np.float32)
        y = (x[:, :3] + rng.normal(scale=0.3, size=(n, 3)) > 0.5).astype(np.uint8)
        return Part([f"e{i}" for i in range(n)], y if with_targets else None, x)

    return RunData(part(400), part(120), part(150, False), [{"id": f"L{i}"} for i in range(3)], "multi_label")


def test_every_kind_is_tested():
    assert set(SETTINGS) == set(KINDS)


@pytest.mark.parametrize("kind", SETTINGS)
def test_shapes_and_repeats(kind, data, tmp_path):
    runs = [KINDS[kind](data, SETTINGS[kind], 1, tmp_path / name, 0) for name in "ab"]
    assert runs[0].valid.shape == (120, 3)
    assert runs[0].test.shape == (150, 3)
    np.testing.assert_array_equal(runs[0].test, runs[1].test)
    assert (tmp_path / "a" / "config.json").exists()
    for scores in (runs[0].valid, runs[0].test):
        assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("kind", SETTINGS)
def test_never_sees_test_labels(kind, data, tmp_path):
    """With labels planted in the test part, where `load_run` leaves none, predictions stay the same."""
    planted = dataclasses.replace(data, test=dataclasses.replace(data.test, targets=np.ones((150, 3), dtype=np.uint8)))
    plain = KINDS[kind](data, SETTINGS[kind], 0, tmp_path / "a", 0)
    other = KINDS[kind](planted, SETTINGS[kind], 0, tmp_path / "b", 0)
    np.testing.assert_array_equal(plain.test, other.test)


def test_baselines_follow_the_training_shares(data, tmp_path):
    share = data.train.targets.mean(axis=0)
    frequency = KINDS["frequency"](data, SETTINGS["frequency"], 0, tmp_path / "f", 0)
    assert (frequency.test == share).all()
    many = dataclasses.replace(data, test=Part(["x"] * 20000, None, None))
    drawn = KINDS["proportional"](many, SETTINGS["proportional"], 0, tmp_path / "p", 0).test
    np.testing.assert_allclose(drawn.mean(axis=0), share, atol=0.02)
    coin = KINDS["coin_flip"](many, SETTINGS["coin_flip"], 0, tmp_path / "c", 0).test
    np.testing.assert_allclose(coin.mean(axis=0), 0.5, atol=0.02)


def test_head_beats_frequency_on_valid(data, tmp_path):
    from sklearn.metrics import average_precision_score

    head, naive = (KINDS[k](data, SETTINGS[k], 0, tmp_path / k, 0) for k in ("head", "frequency"))
    ours, theirs = (average_precision_score(data.valid.targets, run.valid) for run in (head, naive))
    assert ours > theirs + 0.2
    assert head.history[-1]["event"] == "best"
