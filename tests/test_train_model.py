"""Every kind of model leaves its files for valid and test, and test labels change no byte of its predictions."""

import json

import numpy as np
import pandas as pd
import pytest

from lexome.costs import CORE_WATTS
from lexome.embedding_store import build_index
from lexome.errors import LexomeError
from lexome.runs import read_predictions
from lexome.runtime import read_json, write_json, write_parquet
from train_model import train_model

SIZES = {"train": 120, "valid": 40, "test": 60}
N_LABELS, JUDGED, WIDTH, LAYERS = 5, [0, 2, 3], 4, [1, 2]
TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 32,
    "epochs": 5,
    "patience": 5,
    "monitor": "valid_label_auprc",
}
HEAD = {"backbone": "tiny", "layers": [2], "hidden": [8], "dropout": 0.1, "training": TRAINING}
# Kinds that read texts or tokens have tests of their own.
FEATURES = ("coin_flip", "proportional", "frequency", "head")
SETTINGS = {kind: {"kind": kind} | (HEAD if kind == "head" else {}) for kind in FEATURES}
LEARNS = [kind for kind in FEATURES if kind != "coin_flip"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Files of a split whose labels follow from the embeddings of layer 2."""
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    n = sum(SIZES.values())
    ids = [f"e{i:03d}" for i in range(n)]
    vectors = rng.normal(size=(n, len(LAYERS), WIDTH)).astype(np.float32)
    bears = vectors[:, 1] @ rng.normal(size=(WIDTH, N_LABELS)) + rng.normal(scale=0.5, size=(n, N_LABELS)) > 0.5
    subsets = rng.permutation([name for name, size in SIZES.items() for _ in range(size)])
    labels = [np.flatnonzero(row).tolist() for row in bears]
    examples = {"id": ids, "sequence": "M", "labels": labels}
    write_parquet(folder / "examples.parquet", pd.DataFrame(examples))
    # The split lists its examples in an order of its own.
    assignment = pd.DataFrame({"id": ids, "subset": subsets}).sample(frac=1, random_state=0)
    write_parquet(folder / "split.parquet", assignment)
    names = [{"id": f"L{i}", "name": f"label {i}"} for i in range(N_LABELS)]
    write_json(folder / "labels.json", {"task": "multi_label", "labels": names})
    judged = [names[i] | {"index": i} for i in JUDGED]
    write_json(folder / "split.labels.json", {"task": "multi_label", "labels": judged})
    (folder / "embeddings").mkdir()
    np.save(folder / "embeddings" / "0.npy", vectors)
    index = build_index([("0.npy", pd.DataFrame({"id": ids, "content": 1}))], ids, range(len(ids)))
    write_parquet(folder / "embeddings" / "index.parquet", index)
    manifest = {"backbone": "tiny", "layers": LAYERS, "pooling": ["mean"], "width": WIDTH, "dtype": "float32"}
    manifest |= {"rows": 40, "truncated": 10, "seconds": 60.0, "energy_wh": 2.0}
    write_json(folder / "embeddings" / "manifest.json", manifest)
    return folder


def train(study, kind, folder, examples=None, seed=0):
    """Train into `folder`; gives the path of its predictions."""
    settings = SETTINGS[kind]
    train_model(
        examples or study / "examples.parquet",
        study / "labels.json",
        study / "split.parquet",
        study / "split.labels.json",
        study / "embeddings" if "backbone" in settings else None,
        None,
        None,
        1000 if "backbone" in settings else 0,
        settings,
        seed,
        0,
        folder / "model",
        folder / "predictions.parquet",
        folder / "history.jsonl",
        folder / "cost.json",
    )
    return folder / "predictions.parquet"


def relabelled(study, subset, path, change):
    """The examples with new labels for one subset: its own ones dealt out anew, every label, or none."""
    examples = pd.read_parquet(study / "examples.parquet").set_index("id")
    assignment = pd.read_parquet(study / "split.parquet")
    ids = assignment.loc[assignment["subset"] == subset, "id"]
    before = examples.loc[ids, "labels"].map(list).tolist()
    order = np.random.default_rng(1).permutation(len(ids))
    after = {
        "permuted": [before[i] for i in order],
        "all": [list(range(N_LABELS))] * len(ids),
        "none": [[]] * len(ids),
    }[change]
    assert after != before
    examples.loc[ids, "labels"] = pd.Series(after, index=ids)
    write_parquet(path, examples.reset_index())
    return path


@pytest.mark.parametrize("kind", FEATURES)
def test_files_ids_and_shapes(study, kind, tmp_path):
    path = train(study, kind, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cost.json", "history.jsonl", "model", "predictions.parquet"]
    assert (tmp_path / "model" / "config.json").is_file()
    assert (tmp_path / "model" / "model.safetensors").exists() == ("backbone" in SETTINGS[kind])
    rows, scores = read_predictions(path)
    assignment = pd.read_parquet(study / "split.parquet")
    for subset in ("valid", "test"):
        ids = assignment.loc[assignment["subset"] == subset, "id"]
        assert sorted(rows.loc[rows["subset"] == subset, "id"]) == sorted(ids)
    assert len(rows) == SIZES["valid"] + SIZES["test"]
    assert scores.shape == (len(rows), len(JUDGED))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    if "training" in SETTINGS[kind]:
        assert [record["epoch"] for record in history[:-1]] == list(range(TRAINING["epochs"] + 1))
        assert history[-1]["event"] == "best"
    else:
        assert history == []


def test_a_head_reads_the_pooling_that_it_names_and_keeps_its_name(study, tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "head", SETTINGS["head"] | {"pooling": "mean"})
    train(study, "head", tmp_path)
    assert read_json(tmp_path / "model" / "config.json")["features"]["pooling"] == "mean"
    monkeypatch.setitem(SETTINGS, "head", SETTINGS["head"] | {"pooling": "cls"})
    with pytest.raises(LexomeError, match="pooling cls of tiny is not embedded"):
        train(study, "head", tmp_path / "other")


@pytest.mark.parametrize("kind", FEATURES)
def test_costs_are_told(study, kind, tmp_path):
    train(study, kind, tmp_path)
    cost = read_json(tmp_path / "cost.json")
    measured = ["seconds", "cpu_seconds", "device", "energy_wh"]
    assert list(cost) == [*measured, "parameters", "trained_parameters", "embedding_seconds", "cut"]
    # One layer of 4 features, 8 hidden units, 3 labels; the backbone of the embeddings counts, but was not trained.
    own = {"coin_flip": 0, "proportional": 3, "frequency": 3, "head": 4 * 8 + 8 + 8 * 3 + 3}[kind]
    assert (cost["parameters"], cost["trained_parameters"]) == (own + (1000 if kind == "head" else 0), own)
    assert cost["device"] == "cpu"
    assert 0 < cost["seconds"] < 600
    # The embeddings that a model reads were not free.
    shared = 2.0 if kind == "head" else 0.0
    assert cost["energy_wh"] == pytest.approx(cost["cpu_seconds"] * CORE_WATTS / 3600 + shared)
    assert (cost["embedding_seconds"], cost["cut"]) == ((60.0, 0.25) if kind == "head" else (None, None))


@pytest.mark.parametrize("change", ["permuted", "all", "none"])
@pytest.mark.parametrize("kind", FEATURES)
def test_test_labels_change_no_byte_of_the_predictions(study, kind, change, tmp_path):
    examples = relabelled(study, "test", tmp_path / "examples.parquet", change)
    plain, other = train(study, kind, tmp_path / "plain"), train(study, kind, tmp_path / "other", examples)
    assert plain.read_bytes() == other.read_bytes()
    assert (plain.parent / "history.jsonl").read_bytes() == (other.parent / "history.jsonl").read_bytes()


@pytest.mark.parametrize("kind", LEARNS)
def test_train_labels_do_change_them(study, kind, tmp_path):
    """Else the test above would say nothing."""
    examples = relabelled(study, "train", tmp_path / "examples.parquet", "all")
    plain, other = train(study, kind, tmp_path / "plain"), train(study, kind, tmp_path / "other", examples)
    assert plain.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("kind", [kind for kind in FEATURES if "backbone" in SETTINGS[kind]])
def test_predictions_belong_to_their_ids(study, kind, tmp_path):
    """The labels follow from the embeddings, so what a model learnt ranks its valid and test examples well."""
    from sklearn.metrics import roc_auc_score

    rows, scores = read_predictions(train(study, kind, tmp_path))
    labels = pd.read_parquet(study / "examples.parquet").set_index("id").loc[rows["id"], "labels"]
    truth = np.array([[index in row for index in JUDGED] for row in labels])
    for subset in ("valid", "test"):
        chosen = (rows["subset"] == subset).to_numpy()
        assert roc_auc_score(truth[chosen], scores[chosen], average="macro") > 0.75


@pytest.mark.parametrize("kind", [kind for kind in FEATURES if kind != "frequency"])
def test_seeds_differ(study, kind, tmp_path):
    one, two = (train(study, kind, tmp_path / str(seed), seed=seed) for seed in (0, 1))
    assert one.read_bytes() != two.read_bytes()
