"""An ensemble is the mean that valid likes best, aligned by id, and blind to the labels of test."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from lexome.ensemble import ensemble, weightings
from lexome.ensembleplan import check_ensembles, member_seed
from lexome.errors import LexomeError
from lexome.runs import Part, RunData, write_predictions

LABELS = [{"id": f"L{n}", "name": ""} for n in range(4)]


@given(st.integers(2, 4), st.integers(2, 6))
def test_weights_cover_the_simplex_once(members, steps):
    found = list(weightings(members, steps))
    expected = {parts for parts in itertools.product(range(steps + 1), repeat=members) if sum(parts) == steps}
    assert {tuple(round(weight * steps) for weight in weights) for weights in found} == expected
    assert len(found) == len(expected)
    evenness = [sum(weight**2 for weight in weights) for weights in found]
    np.testing.assert_allclose(evenness, sorted(evenness))


@pytest.fixture
def study(tmp_path):
    """Each member is right about two of the labels and guesses the others."""
    rng = np.random.default_rng(0)
    ids = {name: [f"{name}{n}" for n in range(120)] for name in ("valid", "test")}
    truth = {name: (rng.random((120, 4)) < 0.3).astype(np.uint8) for name in ids}
    members = {}
    for member, good in (("left", [0, 1]), ("right", [2, 3])):
        parts = {}
        for name, own in ids.items():
            scores = rng.random((120, 4)) * 0.6
            scores[:, good] += 0.4 * truth[name][:, good]
            order = rng.permutation(120)  # members write in orders of their own
            parts[name] = ([own[n] for n in order], scores[order].astype(np.float32))
        members[member] = str(tmp_path / f"{member}.parquet")
        write_predictions(members[member], parts)
    part = {name: Part(own, truth[name] if name == "valid" else None, None) for name, own in ids.items()}
    data = RunData(Part([], None, None), part["valid"], part["test"], LABELS, "multi_label", members=members)
    return data, truth


def term_auprc(truth, scores):
    return np.mean([average_precision_score(truth[:, n], scores[:, n]) for n in range(4)])


def test_is_better_than_its_members(study, tmp_path):
    data, truth = study
    trained = ensemble(data, {"kind": "ensemble", "members": ["left", "right"]}, 0, tmp_path / "model", 0)
    told = json.loads((tmp_path / "model" / "config.json").read_text())
    weights = told["weights"]
    assert sum(weights.values()) == pytest.approx(1)
    from lexome.ensemble import read_scores

    own = {name: read_scores(path, data.test, 4) for name, path in data.members.items()}
    np.testing.assert_allclose(trained.test, sum(weights[name] * own[name] for name in own), atol=1e-6)
    for scores in own.values():
        assert term_auprc(truth["test"], trained.test) > term_auprc(truth["test"], scores) + 0.05
    # The weights are those that are best on valid, by scikit-learn.
    left, right = (read_scores(path, data.valid, 4) for path in data.members.values())
    figures = {w: term_auprc(truth["valid"], w * left + (1 - w) * right) for w in np.arange(11) / 10}
    assert figures[round(weights["left"], 1)] == pytest.approx(max(figures.values()), abs=1e-9)


def test_a_member_of_other_examples_or_labels_is_refused(study, tmp_path):
    data, _ = study
    settings = {"kind": "ensemble", "members": ["left", "right"]}
    write_predictions(data.members["left"], {"valid": (data.valid.ids[1:], np.zeros((119, 4), np.float32))})
    with pytest.raises(LexomeError, match="no prediction for valid0"):
        ensemble(data, settings, 0, tmp_path / "model", 0)
    write_predictions(data.members["left"], {"valid": (data.valid.ids, np.zeros((120, 3), np.float32))})
    with pytest.raises(LexomeError, match="other labels"):
        ensemble(data, settings, 0, tmp_path / "model", 0)


def test_mistakes_in_a_config():
    models = {
        "naive": {"kind": "frequency", "seeds": [0]},
        "mlp": {"kind": "head"},
        "both": {"kind": "ensemble", "members": ["naive", "mlp"]},
        "worse": {"kind": "ensemble", "members": ["both", "mpl"]},
    }
    study = {"models": models, "splits": {"random": {}, "cluster": {"models": ["naive", "both"]}}}
    first, *rest = check_ensembles(study, "studies.s")
    assert first == "studies.s.models.both.members: mlp is not trained on the split cluster"
    assert "'mpl' is not known" in rest[0]
    assert "both is an ensemble itself" in rest[1]
    assert member_seed(study, [0, 1, 2], "mlp", 2) == 2
    assert member_seed(study, [0, 1, 2], "naive", 2) == 0
