import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

from evaluate_model import evaluate_model
from lexome.bootstrap import interval
from lexome.errors import LexomeError

SETTINGS = {"replicates": 60, "seed": 0, "level": 0.95, "distant": 0.05}
N_LABELS = 6  # of the study; the split judges four of them, in another order
JUDGED = [4, 0, 5, 2]


class Study:
    """A study on disk: 20 training, 25 validation and 35 test proteins."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(0)
        ids = [f"P{i:03d}" for i in range(80)]
        self.truth = rng.random((80, N_LABELS)) < 0.35
        self.truth[:, 2] = False  # a label that no example carries
        self.subset = rng.permutation(["train"] * 20 + ["valid"] * 25 + ["test"] * 35)
        self.nearest = np.where(self.subset == "train", np.nan, rng.random(80) * 0.1).astype(np.float32)
        carried = [np.flatnonzero(row).astype(np.int32) for row in self.truth]
        pq.write_table(
            pa.table({"id": ids, "labels": pa.array(carried, pa.list_(pa.int32()))}),
            folder / "examples.parquet",
        )
        group = np.arange(80) // 2
        assignment = {"id": ids, "subset": self.subset, "group": group, "nearest_train": self.nearest}
        pd.DataFrame(assignment).to_parquet(folder / "split.parquet")
        labels = [{"id": f"GO:{i}", "name": f"term {i}", "index": i, "n_train": 9 + i} for i in JUDGED]
        self.labels = {
            "task": "multi_label",
            "example_noun": "protein",
            "label_noun": "term",
            "labels": labels,
        }
        self.write_labels()
        self.ids = np.array(ids)
        self.rows = rng.permutation(np.flatnonzero(self.subset != "train"))  # a model may write in any order
        self.write_predictions()

    def write_labels(self):
        (self.folder / "split.labels.json").write_text(json.dumps(self.labels))

    def write_predictions(self, rows=None, name="predictions.parquet", seed=0, skill=0.4):
        rows = self.rows if rows is None else rows
        noise = np.random.default_rng(seed).random((80, len(JUDGED)))
        self.scores = ((1 - skill) * noise + skill * self.truth[:, JUDGED]).astype(np.float32)
        scores = pa.FixedSizeListArray.from_arrays(self.scores[rows].ravel(), len(JUDGED))
        columns = {"id": self.ids[rows], "subset": self.subset[rows], "scores": scores}
        pq.write_table(pa.table(columns), self.folder / name)

    def evaluate(self, settings=SETTINGS, predictions="predictions.parquet", model="mlp", seed=0, **more):
        out = self.folder / f"{model}{seed}"
        evaluate_model(
            self.folder / "examples.parquet",
            self.folder / "split.parquet",
            self.folder / "split.labels.json",
            self.folder / predictions,
            settings,
            *(out / name for name in ("metrics.json", "replicates.npz", "per_label.parquet")),
            "toy",
            "random",
            model,
            seed,
            **more,
        )
        return (
            json.loads((out / "metrics.json").read_text()),
            dict(np.load(out / "replicates.npz")),
            pd.read_parquet(out / "per_label.parquet"),
        )


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def masks(study):
    test = study.subset == "test"
    return {"valid": study.subset == "valid", "test": test, "test_distant": test & (study.nearest < 0.05)}


def test_figures_equal_scikit_learn_on_every_subset(study):
    found, _, _ = study.evaluate()
    rows = pd.DataFrame(found["rows"]).set_index(["subset", "metric"])
    assert set(rows.index.get_level_values("subset")) == {"valid", "test", "test_distant"}
    for subset, mask in masks(study).items():
        truth, scores = study.truth[mask][:, JUDGED], study.scores[mask]
        carried = truth.any(axis=1)
        by_protein = [sk.average_precision_score(y, s) for y, s in zip(truth[carried], scores[carried], strict=True)]
        by_term = [sk.roc_auc_score(truth[:, j], scores[:, j]) for j in range(3)]
        assert rows.loc[(subset, "protein_auprc"), "value"] == pytest.approx(np.mean(by_protein), abs=1e-9)
        assert rows.loc[(subset, "protein_auprc"), "n"] == carried.sum()
        assert rows.loc[(subset, "term_auroc"), "value"] == pytest.approx(np.mean(by_term), abs=1e-9)
        assert rows.loc[(subset, "term_auroc"), "n"] == 3  # nobody carries the fourth
        assert found["meta"]["subsets"][subset]["examples"] == mask.sum()
    assert {(row["study"], row["split"], row["model"], row["seed"]) for row in found["rows"]} == {
        ("toy", "random", "mlp", 0)
    }


def test_the_table_by_label(study):
    _, _, table = study.evaluate()
    counted = ["n_train", "n_known", "n_positive"]
    judged = ["auprc", "auroc", "accuracy", "precision", "recall", "mcc", "ece"]
    assert list(table) == ["id", "name", "subset", *counted, *judged]
    test = table[table["subset"] == "test"].set_index("id")
    mask = study.subset == "test"
    assert list(test.index) == [f"GO:{i}" for i in JUDGED]
    assert list(test["n_train"]) == [9 + i for i in JUDGED]
    assert list(test["n_positive"]) == list(study.truth[mask][:, JUDGED].sum(axis=0))
    expected = sk.average_precision_score(study.truth[mask, 5], study.scores[mask, 2])
    assert test.loc["GO:5", "auprc"] == pytest.approx(expected, abs=1e-9)
    assert test.loc["GO:2", ["auprc", "auroc", "recall"]].isna().all()


def test_terms_are_judged_over_the_whole_ontology(study):
    """Against plain loops: a chain GO:3 -> GO:0 -> root, GO:3 never predicted; the rest hang on the root."""
    root = {"id": "GO:r", "parents": []}
    terms = [root, *({"id": f"GO:{i}", "parents": ["GO:0" if i == 3 else "GO:r"]} for i in range(N_LABELS))]
    table = pd.DataFrame(terms).assign(name="", namespace="aspect", definition="", obsolete=False)
    table["parents"] = [[{"id": parent, "relation": "is_a"} for parent in parents] for parents in table["parents"]]
    table["alt_ids"] = table["replaced_by"] = [[] for _ in terms]
    table.to_parquet(study.folder / "ontology.parquet")
    names = {"labels": [{"id": f"GO:{i}", "name": ""} for i in range(N_LABELS)]}
    (study.folder / "labels.json").write_text(json.dumps(names))
    files = {"ontology": study.folder / "ontology.parquet", "study_labels": study.folder / "labels.json"}
    document, replicates, _ = study.evaluate(**files)
    found = {row["metric"]: row["value"] for row in document["rows"] if row["subset"] == "test"}

    truth = study.truth.copy()
    truth[:, 0] |= truth[:, 3]
    train = truth[(study.subset == "train") & truth.any(axis=1)]  # the others do not have the root
    # ia.py adds a protein that carries everything; GO:3 is counted among those that carry GO:0.
    carried, all_of = train.sum(axis=0) + 1, np.full(N_LABELS, len(train) + 1)
    all_of[3] = carried[0]
    weights = -np.log2(carried / all_of)
    scores = np.zeros((80, N_LABELS))
    scores[:, JUDGED] = study.scores
    test = np.flatnonzero((study.subset == "test") & truth.any(axis=1))
    best = {"rootless_fmax": 0.0, "weighted_fmax": 0.0, "smin": np.inf}
    for tau in np.arange(0.01, 1, 0.01):
        given = scores >= tau
        if not given[test].any():
            continue
        for name, weight in (("rootless_fmax", np.ones(N_LABELS)), ("weighted_fmax", weights)):
            hit = [(weight * (given[i] & truth[i])).sum() for i in test]
            said = [(weight * given[i]).sum() for i in test]
            true = [(weight * truth[i]).sum() for i in test]
            precision = np.mean([h / s for h, s in zip(hit, said, strict=True) if s > 0])
            recall = np.mean([h / t for h, t in zip(hit, true, strict=True)])
            best[name] = max(best[name], 2 * precision * recall / max(precision + recall, 1e-12))
        missed = np.mean([(weights * (truth[i] & ~given[i])).sum() for i in test])
        wrong = np.mean([(weights * (given[i] & ~truth[i])).sum() for i in test])
        best["smin"] = min(best["smin"], float(np.hypot(missed, wrong)))
    for name, value in best.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
        low, high = interval(replicates[f"test/{name}"])
        assert low < value < high
    assert best["smin"] > 1  # what other figures cannot be
    assert found["fmax"] > found["rootless_fmax"]


def test_unknown_labels_are_left_out(study):
    """Every other example was measured for two of the labels only; what is said of the others must not count."""
    _, _, whole = study.evaluate()
    table = pq.read_table(study.folder / "examples.parquet")
    measured = [None if at % 2 else [0, 4] for at in range(80)]
    table = table.append_column("measured", pa.array(measured, pa.list_(pa.int32())))
    pq.write_table(table, study.folder / "examples.parquet")
    found, replicates, labels = study.evaluate()
    rows = pd.DataFrame(found["rows"]).set_index(["subset", "metric"])["value"]
    assert not any(metric.startswith("protein") for _, metric in rows.index)
    mask, every_other = study.subset == "test", np.arange(80) % 2 == 1
    labels = labels[labels["subset"] == "test"].set_index("id")
    areas = []
    for column, index in enumerate(JUDGED):
        kept = mask & (every_other | (index in (0, 4)))
        assert labels.loc[f"GO:{index}", "n_known"] == kept.sum()
        if index != 2:
            areas.append(sk.roc_auc_score(study.truth[kept, index], study.scores[kept, column]))
            assert labels.loc[f"GO:{index}", "auroc"] == pytest.approx(areas[-1], abs=1e-9)
    assert rows["test", "term_auroc"] == pytest.approx(np.mean(areas), abs=1e-9)
    assert replicates["test/term_auroc"].mean() == pytest.approx(np.mean(areas), abs=1e-6)
    other = whole[whole["subset"] == "test"].set_index("id")
    assert (other["n_known"] == mask.sum()).all()


def test_replicates_belong_to_the_rows_and_surround_them(study):
    found, replicates, _ = study.evaluate()
    assert set(replicates) == {f"{row['subset']}/{row['metric']}" for row in found["rows"]}
    for row in found["rows"]:
        values = replicates[f"{row['subset']}/{row['metric']}"]
        assert values.shape == (60,)
        assert values.dtype == np.float64
        low, high = interval(values)
        assert low <= row["value"] <= high


def test_two_models_share_their_resamples(study):
    study.write_predictions(seed=0)
    _, first, _ = study.evaluate(model="mlp")
    # Every model gets the same scores here, so equal replicates show equal resamples.
    _, second, _ = study.evaluate(model="logistic", seed=2)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    _, third, _ = study.evaluate({**SETTINGS, "seed": 1})
    assert any((values != third[name]).any() for name, values in first.items())


def test_an_undefined_figure_is_null_and_counts_no_unit(study):
    study.write_predictions(skill=0)
    table = pq.read_table(study.folder / "predictions.parquet")
    low = pa.FixedSizeListArray.from_arrays(np.full(60 * 4, 0.1, np.float32), 4)
    pq.write_table(table.set_column(2, "scores", low), study.folder / "predictions.parquet")
    found, replicates, _ = study.evaluate()
    row = next(r for r in found["rows"] if r["subset"] == "test" and r["metric"] == "term_precision")
    assert row["value"] is None
    assert row["n"] == 0
    assert np.isnan(replicates["test/term_precision"]).all()


def test_a_subset_without_examples_is_left_out(study):
    found, replicates, _ = study.evaluate({**SETTINGS, "distant": 0.0})
    assert {row["subset"] for row in found["rows"]} == {"valid", "test"}
    assert not any(name.startswith("test_distant") for name in replicates)


def test_predictions_must_cover_the_split(study):
    study.write_predictions(rows=study.rows[1:])
    with pytest.raises(LexomeError, match=rf"predictions.parquet: 1 examples are missing.*{study.ids[study.rows[0]]}"):
        study.evaluate()


def test_training_examples_are_not_judged(study):
    study.write_predictions(rows=np.arange(80))
    with pytest.raises(LexomeError, match="20 rows are no valid or test examples"):
        study.evaluate()


def test_an_example_predicted_twice_is_refused(study):
    study.write_predictions(rows=np.append(study.rows, study.rows[0]))
    with pytest.raises(LexomeError, match=f"{study.ids[study.rows[0]]} stands there twice"):
        study.evaluate()


def test_subsets_must_agree(study):
    study.subset[study.rows[:2]] = "valid", "test"
    swapped = study.subset.copy()
    study.subset[study.rows[:2]] = "test", "valid"
    kept, study.subset = study.subset, swapped
    study.write_predictions()
    study.subset = kept
    assignment = pd.read_parquet(study.folder / "split.parquet").assign(subset=kept)
    assignment.to_parquet(study.folder / "split.parquet")
    with pytest.raises(LexomeError, match="subsets differ"):
        study.evaluate()


def test_scores_must_be_as_many_as_labels(study):
    study.labels["labels"].pop()
    study.write_labels()
    with pytest.raises(LexomeError, match="4 scores where the split judges 3 labels"):
        study.evaluate()


@pytest.mark.parametrize("bad", [np.nan, 1.5, -0.1])
def test_scores_must_be_probabilities(study, bad):
    table = pq.read_table(study.folder / "predictions.parquet")
    scores = np.full(60 * 4, 0.5, np.float32)
    scores[7] = bad
    column = pa.FixedSizeListArray.from_arrays(scores, 4)
    pq.write_table(table.set_column(2, "scores", column), study.folder / "predictions.parquet")
    with pytest.raises(LexomeError, match="probabilities"):
        study.evaluate()


def test_missing_scores_are_refused(study):
    table = pq.read_table(study.folder / "predictions.parquet")
    column = pa.array([None, *[[0.5] * 4] * 59], pa.list_(pa.float32(), 4))
    pq.write_table(table.set_column(2, "scores", column), study.folder / "predictions.parquet")
    with pytest.raises(LexomeError, match=r"predictions\.parquet: 0 scores where"):
        study.evaluate()


def test_an_unknown_task_is_named(study):
    study.labels["task"] = "riddle"
    study.write_labels()
    with pytest.raises(LexomeError, match=r"'riddle' is unknown; use one of multi_label"):
        study.evaluate()


def test_a_split_without_labels_is_refused(study):
    study.labels["labels"] = []
    study.write_labels()
    with pytest.raises(LexomeError, match="min_train_examples"):
        study.evaluate()


@pytest.fixture
def classes(study):
    """The same study with one of four classes an example and probabilities that sum to 1."""
    study.labels |= {"task": "multi_class", "example_noun": "text", "label_noun": "class"}
    study.write_labels()
    rng = np.random.default_rng(5)
    chosen = rng.integers(0, 4, size=80)
    study.truth = np.eye(4, dtype=bool)[chosen]
    carried = pa.array([[JUDGED[c]] for c in chosen], pa.list_(pa.int32()))
    pq.write_table(pa.table({"id": study.ids, "labels": carried}), study.folder / "examples.parquet")
    logits = rng.normal(size=(80, 4)) + study.truth
    study.scores = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    write_scores(study)
    return study


def write_scores(study):
    scores = pa.FixedSizeListArray.from_arrays(study.scores[study.rows].ravel(), 4)
    columns = {"id": study.ids[study.rows], "subset": study.subset[study.rows], "scores": scores}
    pq.write_table(pa.table(columns), study.folder / "predictions.parquet")


def test_classes_are_judged_like_scikit_learn_does(classes):
    found, replicates, table = classes.evaluate()
    rows = pd.DataFrame(found["rows"]).set_index(["subset", "metric"])
    for subset, mask in masks(classes).items():
        true, predicted = classes.truth[mask].argmax(axis=1), classes.scores[mask].argmax(axis=1)
        own = rows.loc[subset]
        assert own.loc["accuracy", "value"] == pytest.approx(sk.accuracy_score(true, predicted), abs=1e-9)
        assert own.loc["accuracy", "n"] == mask.sum()
        assert own.loc["macro_f1", "value"] == pytest.approx(sk.f1_score(true, predicted, average="macro"), abs=1e-9)
        recall = sk.recall_score(true, predicted, labels=[0], average="macro")
        assert own.loc["GO:4_recall", "value"] == pytest.approx(recall, abs=1e-9)
        assert {"balanced_accuracy", "macro_auroc", "ece", "GO:2_precision"} <= set(own.index)
    for row in found["rows"]:
        low, high = interval(replicates[f"{row['subset']}/{row['metric']}"])
        assert low <= row["value"] <= high
    judged = ["precision", "recall", "f1", "auroc"]
    assert list(table) == ["id", "name", "subset", "n_train", "n_known", "n_positive", *judged]
    test = table[table["subset"] == "test"].set_index("id")
    mask = classes.subset == "test"
    area = sk.roc_auc_score(classes.truth[mask, 1], classes.scores[mask, 1])
    assert test.loc["GO:0", "auroc"] == pytest.approx(area, abs=1e-9)
    assert test["n_positive"].sum() == mask.sum()


def test_an_example_without_a_judged_class_is_named(classes):
    lost = classes.ids[classes.subset == "test"][0]
    examples = pd.read_parquet(classes.folder / "examples.parquet")
    labels = [[1] if name == lost else list(row) for name, row in zip(classes.ids, examples["labels"], strict=True)]
    examples.assign(labels=labels).to_parquet(classes.folder / "examples.parquet")
    with pytest.raises(LexomeError, match=f"example {lost} does not have exactly one judged class"):
        classes.evaluate()


def test_probabilities_of_classes_must_sum_to_one(classes):
    classes.scores[classes.rows[0]] *= 0.9
    write_scores(classes)
    with pytest.raises(LexomeError, match=f"{classes.ids[classes.rows[0]]} do not sum to 1"):
        classes.evaluate()
