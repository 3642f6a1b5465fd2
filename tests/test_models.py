"""Every kind of model trains, repeats by seed, and cannot learn from test labels."""

import dataclasses
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import lexome.models
from lexome.errors import LexomeError
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


# These read texts or tokens and are tested with their modules.
ELSEWHERE = {
    "tfidf": "test_textmodels.py",
    "fine_tune": "test_finetuning.py",
    "composition": "test_dnamodels.py",
    "kmer": "test_dnamodels.py",
    "pwm": "test_dnamodels.py",
    "network": "test_convnets.py",
    "sequence_search": "test_transfer.py",
    "knn": "test_transfer.py",
    "ensemble": "test_ensemble.py",
}
MODULES = {"tfidf": "textmodels", "fine_tune": "finetuning", "network": "dnanetworks"}
MODULES |= dict.fromkeys(("sequence_search", "knn"), "transfer") | {"ensemble": "ensemble"}


def as_classes(data):
    """The same features with one class an example, the label that is most likely by them."""

    def part(old, with_targets=True):
        targets = np.eye(3, dtype=np.uint8)[old.features[:, :3].argmax(axis=1)]
        return dataclasses.replace(old, targets=targets if with_targets else None)

    return dataclasses.replace(
        data, train=part(data.train), valid=part(data.valid), test=part(data.test, False), task="multi_class"
    )


def of_classes(kind):
    """The settings of a kind where examples have one class each."""
    settings = SETTINGS[kind]
    return settings | ({"training": TRAINING | {"monitor": "valid_macro_f1"}} if "training" in settings else {})


def test_every_kind_is_tested():
    assert set(SETTINGS) | set(ELSEWHERE) == set(KINDS)
    assert all((Path(__file__).parent / name).exists() for name in ELSEWHERE.values())


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_kinds_of_other_modules_are_imported_when_they_are_used(kind, data, monkeypatch):
    module = MODULES.get(kind, "dnamodels")
    seen = []
    fake = types.ModuleType(module)
    setattr(fake, kind, lambda *arguments: seen.append(arguments) or "trained")
    monkeypatch.setitem(sys.modules, f"lexome.{module}", fake)
    monkeypatch.setattr(lexome, module, fake, raising=False)
    assert KINDS[kind](data, {}, 3, "folder", 1) == "trained"
    assert seen == [(data, {}, 3, "folder", 1)]


def test_importing_the_models_stays_light():
    heavy = "{'torch', 'transformers', 'sklearn', 'datasets'}"
    code = f"import sys, lexome.models; assert not {heavy} & set(sys.modules), sorted(sys.modules)"
    scripts = Path(lexome.models.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=scripts)


@pytest.mark.parametrize("kind", SETTINGS)
def test_probabilities_of_classes_sum_to_one_and_test_labels_are_not_seen(kind, data, tmp_path):
    data = as_classes(data)
    planted = dataclasses.replace(data, test=dataclasses.replace(data.test, targets=np.ones((150, 3), dtype=np.uint8)))
    runs = [KINDS[kind](d, of_classes(kind), 1, tmp_path / name, 0) for name, d in (("a", data), ("b", planted))]
    for scores in (runs[0].valid, runs[0].test):
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(runs[0].test, runs[1].test)
    assert set(runs[0].cost) >= {"parameters", "trained_parameters"}


def test_baselines_of_classes_follow_the_training_shares(data, tmp_path):
    many = dataclasses.replace(as_classes(data), test=Part(["x"] * 20000, None, None))
    share = many.train.targets.mean(axis=0)
    drawn = KINDS["proportional"](many, SETTINGS["proportional"], 0, tmp_path / "p", 0).test
    np.testing.assert_allclose(drawn.mean(axis=0), share, atol=0.02)
    coin = KINDS["coin_flip"](many, SETTINGS["coin_flip"], 0, tmp_path / "c", 0).test
    np.testing.assert_allclose(coin.mean(axis=0), 1 / 3, atol=0.02)
    majority = KINDS["frequency"](many, SETTINGS["frequency"], 0, tmp_path / "f", 0).test
    assert (majority.argmax(axis=1) == share.argmax()).all()


def test_a_head_learns_classes(data, tmp_path):
    data = as_classes(data)
    run = KINDS["head"](data, of_classes("head"), 0, tmp_path / "h", 0)
    truth = data.test.features[:, :3].argmax(axis=1)
    assert (run.test.argmax(axis=1) == truth).mean() > 0.8
    best = next(record for record in run.history if record["epoch"] == run.history[-1]["epoch"])
    assert best["valid_macro_f1"] == max(r["valid_macro_f1"] for r in run.history if "event" not in r)
    assert best["valid_accuracy"] == pytest.approx((run.valid.argmax(1) == data.valid.targets.argmax(1)).mean())


def test_the_cost_of_a_head_is_its_weights(data, tmp_path):
    run = KINDS["head"](data, SETTINGS["head"], 0, tmp_path / "h", 0)
    size = 5 * 8 + 8 + 8 * 3 + 3
    assert run.cost == {"parameters": size, "trained_parameters": size, "device": "cpu"}


@pytest.mark.parametrize("kind", ["tfidf", "fine_tune", "sequence_search", "knn"])
def test_kinds_that_would_take_unknown_for_absent_refuse(kind, data, tmp_path):
    known = np.random.default_rng(0).random((400, 3)) < 0.5
    partly = dataclasses.replace(data, train=dataclasses.replace(data.train, known=known))
    with pytest.raises(LexomeError, match=f"kind {kind} would take unknown labels"):
        KINDS[kind](partly, {"kind": kind}, 0, tmp_path / "m", 0)


@pytest.mark.parametrize("kind", ["frequency", "head"])
def test_unknown_labels_teach_nothing(kind, data, tmp_path):
    rng = np.random.default_rng(0)
    masks = {"train": rng.random((400, 3)) < 0.6, "valid": rng.random((120, 3)) < 0.6}
    runs = []
    for filler in (0, 1):
        parts = {}
        for name, known in masks.items():
            part = getattr(data, name)
            targets = np.where(known, part.targets, 0 if kind == "frequency" else filler).astype(np.uint8)
            parts[name] = dataclasses.replace(part, targets=targets, known=known)
        runs.append(KINDS[kind](dataclasses.replace(data, **parts), SETTINGS[kind], 0, tmp_path / str(filler), 0))
    np.testing.assert_array_equal(runs[0].test, runs[1].test)
    if kind == "frequency":
        shares = [data.train.targets[k, at].mean() for at, k in enumerate(masks["train"].T)]
        np.testing.assert_allclose(runs[0].test[0], shares)
        return
    assert runs[0].history == runs[1].history
    truth, known = data.valid.targets, masks["valid"]
    expected = [average_precision_score(truth[k, at], runs[0].valid[k, at]) for at, k in enumerate(known.T)]
    assert "valid_example_auprc" not in runs[0].history[0]
    best = runs[0].history[runs[0].history[-1]["epoch"]]
    assert best["valid_label_auprc"] == pytest.approx(np.mean(expected))


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
    head, naive = (KINDS[k](data, SETTINGS[k], 0, tmp_path / k, 0) for k in ("head", "frequency"))
    ours, theirs = (average_precision_score(data.valid.targets, run.valid) for run in (head, naive))
    assert ours > theirs + 0.2
    assert head.history[-1]["event"] == "best"
