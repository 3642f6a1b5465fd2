"""Cross-validation: folds in the config, in the examples, and brought together."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluate_model import evaluate_model
from lexome.errors import LexomeError
from lexome.foldplan import check_folds, expand_folds, fold_sets, models_of
from lexome.splits import fold_split
from lexome.tagjudged import join_tagged, load_tagged
from lexome.tagmetrics import figures
from split_examples import folds as folds_of_examples
from summarise_folds import summarise_folds
from tagged_study import LABELS, TaggedStudy

FRACTIONS = {"train": 0.7, "valid": 0.1, "test": 0.2}
SETTINGS = {"replicates": 60, "seed": 0, "level": 0.95, "distant": 0.05}


@given(st.lists(st.integers(0, 25), min_size=80, max_size=160), st.integers(2, 6), st.integers(0, 3))
def test_every_example_is_tested_once_and_groups_stay_whole(groups, folds, seed):
    # Beside a group that fills all other folds there is nothing to cut valid out of, and the split refuses.
    assume(len(set(groups)) >= 14 and max(map(groups.count, set(groups))) <= len(groups) / 4)
    parts = [fold_split(groups, folds, fold, FRACTIONS, seed) for fold in range(1, folds + 1)]
    tested = np.stack([part == "test" for part in parts])
    assert (tested.sum(axis=0) == 1).all()
    for part in parts:
        table = pd.DataFrame({"group": groups, "subset": part})
        assert (table.groupby("group")["subset"].nunique() == 1).all()
        assert set(part) == {"train", "valid", "test"}
    # No fold is larger than another by more than a group.
    sizes = tested.sum(axis=1)
    assert sizes.max() - sizes.min() <= pd.Series(groups).value_counts().max()


@given(st.permutations(list(range(40))))
def test_folds_do_not_depend_on_the_order_of_the_examples(order):
    groups = np.array([f"g{place // 2}" for place in range(40)])
    straight = fold_split(groups, 4, 2, FRACTIONS, 7)
    assert (fold_split(groups[order], 4, 2, FRACTIONS, 7) == straight[order]).all()


def test_seeds_give_other_folds_and_too_few_groups_none():
    groups = [f"g{place}" for place in range(50)]
    first, second = (fold_split(groups, 4, 1, FRACTIONS, seed) for seed in (0, 1))
    assert (first != second).any()
    with pytest.raises(LexomeError, match="3 groups of examples are too few for 4 folds"):
        fold_split(["a", "b", "c"], 4, 1, FRACTIONS, 0)


def test_official_test_examples_are_left_out_where_wanted():
    subset = ["test", "train"] * 20
    examples = pd.DataFrame({"id": range(40), "group": range(40), "subset": subset})
    settings = {"folds": 4, "fold": 1, "fractions": FRACTIONS, "seed": 0, "only_train": True}
    found = folds_of_examples(examples, {}, settings)
    assert set(found[::2]) == {""}
    assert set(found[1::2]) == {"train", "valid", "test"}
    assert "" not in folds_of_examples(examples, {}, settings | {"only_train": False})
    with pytest.raises(LexomeError, match="only_train"):
        folds_of_examples(examples.drop(columns="subset"), {}, settings)


def study(**splits):
    return {"splits": splits, "models": {"naive": {}, "good": {}, "linker": {"tagger": "good"}}, "trivial": "naive"}


def test_an_entry_stands_for_all_folds():
    entry = {"method": "folds", "folds": 3, "seed": 1}
    expanded = expand_folds({"toy": study(cv=entry, random={"method": "random"}), "broken": None})
    splits = expanded["toy"]["splits"]
    assert list(splits) == ["cv1", "cv2", "cv3", "random"]
    assert splits["cv2"] == entry | {"fold": 2}
    assert expanded["broken"] is None
    assert expand_folds(expanded) == expanded
    assert fold_sets(expanded["toy"]) == {"cv": ["cv1", "cv2", "cv3"]}
    with pytest.raises(LexomeError, match=r"studies\.toy\.splits\.cv1: cv has a fold of this name"):
        expand_folds({"toy": study(cv=entry, cv1={"method": "random"})})


@pytest.mark.parametrize("folds", [1, 21, 10**9, "3", None])
def test_wrong_numbers_of_folds_are_left_for_the_schema(folds):
    entries = {"toy": study(cv={"method": "folds", "folds": folds})}
    assert expand_folds(entries) == entries


def test_single_folds_are_no_cross_validation():
    entry = {"method": "folds", "folds": 3}
    assert fold_sets(study(cv1=entry | {"fold": 1}, cv3=entry | {"fold": 3})) == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"method": "random", "folds": 4}, r"s\.splits\.cv\.folds: only the method folds"),
        ({"method": "folds"}, r"s\.splits\.cv\.folds: missing"),
        ({"method": "folds", "folds": 3, "fold": 4}, r"cv\.fold: 4 of 3 folds"),
        ({"method": "random", "models": ["other"]}, r"cv\.models: no 'other' among"),
        ({"method": "random", "models": ["good"]}, r"cv\.models: lacks naive, the trivial model"),
        ({"method": "random", "models": ["naive", "linker"]}, r"cv\.models: lacks good, the tagger of linker"),
    ],
)
def test_mistakes_in_folds_are_named(entry, message):
    found = check_folds(study(cv=entry), "s")
    assert len(found) == 1
    assert re.search(message, found[0]), found


def test_a_split_trains_the_models_that_it_names():
    own = study(cv={"method": "random", "models": ["linker", "naive", "good"]}, all={"method": "random"})
    assert models_of(own, "cv") == ["naive", "good", "linker"] == models_of(own, "all")
    own["splits"]["cv"]["models"] = ["linker", "naive"]
    assert models_of(own, "cv") == ["naive", "linker"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table of three folds with two models, and what it was made of."""
    toy = TaggedStudy(tmp_path_factory.mktemp("folds"))
    runs, metrics, predictions = [], [], []
    for fold in (1, 2, 3):
        subsets = fold_split(toy.table["group"], 3, fold, FRACTIONS, 0)
        toy.split(f"cv{fold}", list(subsets))
        for model, keep, seeds in (("naive", 0.4, (0,)), ("good", 0.8, (0, 1)), ("linker", 0.5, (0,))):
            for seed in seeds:
                folder = toy.folder / f"cv{fold}" / model / f"seed{seed}"
                where = {"split": f"cv{fold}", "links": model != "naive", "tags": model != "linker"}
                predictions.append(toy.predict(folder / "predictions.parquet", keep, seed + fold, **where))
                runs.append((f"cv{fold}", model, seed))
                out = [folder / name for name in ("metrics.json", "replicates.npz", "per_label.parquet")]
                about = [toy.folder / f"cv{fold}.{end}" for end in ("parquet", "labels.json")]
                evaluate_model(toy.examples, *about, predictions[-1], SETTINGS, *out, "toy", f"cv{fold}", model, seed)
                metrics.append(out[0])
    names = [f"cv{fold}" for fold in (1, 2, 3)]
    ends = [{name: toy.folder / f"{name}.{end}" for name in names} for end in ("parquet", "labels.json")]
    path = toy.folder / "cv.folds.tsv"
    about = (toy.examples, *ends, "toy", "cv", "naive", SETTINGS, path)
    summarise_folds(runs, metrics, predictions, *about, contrasts=[("good", "linker")])
    return toy, runs, metrics, predictions, pd.read_csv(path, sep="\t").set_index(["model", "metric"])


def test_folds_are_summed_up_over_means_of_seeds(table):
    _, runs, metrics, _, found = table
    values = {}
    for (split, model, _), path in zip(runs, metrics, strict=True):
        for row in json.loads(path.read_text())["rows"]:
            if row["subset"] == "test":
                values.setdefault((model, row["metric"]), {}).setdefault(split, []).append(row["value"])
    for key, folds in values.items():
        means = np.array([np.mean(seeds) for seeds in folds.values()])
        expected = [means.mean(), means.std(ddof=1), means.min(), means.max()]
        assert found.loc[key, ["mean", "sd", "min", "max"]].tolist() == pytest.approx(expected, rel=1e-4)
    assert set(found.index) == set(values)


def test_all_folds_together_are_judged_as_one_test_set(table):
    toy, runs, _, predictions, found = table
    parts = []
    for (split, model, seed), path in zip(runs, predictions, strict=True):
        if (model, seed) == ("naive", 0):
            judged = load_tagged(toy.examples, toy.folder / f"{split}.parquet", LABELS, path)
            parts.append(judged.take(judged.subset == "test"))
    whole = join_tagged(parts)
    assert len(whole.ids) == 60
    value, n = figures(whole.sums)["entity_f1"]
    row = found.loc[("naive", "entity_f1")]
    assert (row["value"], row["n"]) == (pytest.approx(value, rel=1e-4), n)
    assert row["low"] < row["value"] < row["high"]
    assert np.isnan(row["difference"])
    other = found.loc[("good", "entity_f1")]
    assert other["difference"] == pytest.approx(other["value"] - row["value"], rel=1e-3)
    assert 0 < other["difference_low"] < other["difference"] < other["difference_high"]
    assert other["seeds"] == 2
    assert other["reference"] == "naive"


def test_what_the_trivial_model_lacks_is_held_against_the_contrast(table):
    found = table[-1]
    good, linker = (found.loc[(name, "link_f1")] for name in ("good", "linker"))
    assert good["reference"] == "linker"
    assert good["difference"] == pytest.approx(good["value"] - linker["value"], rel=1e-3)
    assert good["difference_low"] < good["difference"] < good["difference_high"]
    # Nothing is held against the linker itself, and what only the model has is held against nobody.
    assert linker[["reference", "difference"]].isna().all()
    assert found.loc[("good", "joint_link_f1"), ["reference", "difference"]].isna().all()
