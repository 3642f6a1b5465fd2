import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compare_models import compare_models
from lexome.bootstrap import interval
from lexome.errors import LexomeError
from lexome.settings import check, load_yaml

SETTINGS = {"replicates": 400, "seed": 0, "level": 0.95, "distant": 0.05}
COMPARISON = ["study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"]
COSTS = ["study", "split", "model", "seconds", "embedding_seconds", "parameters", "energy_wh", "cut", "seeds"]
DIFFERENCES = [
    *("study", "split", "subset", "model", "reference", "metric", "difference", "low", "high", "n", "seeds", "p"),
    "p_holm",
]
CONFIG = Path(__file__).parents[1] / "config"
COST = {"seconds": 2.0, "embedding_seconds": None, "parameters": 1000, "energy_wh": 0.5, "cut": 0.25, "device": "cpu"}
SHARED = np.random.default_rng(0).normal(0, 0.01, size=400)  # what a resample does to every model


class Runs:
    """Runs on disk with made-up figures."""

    def __init__(self, folder):
        self.folder = folder
        self.metrics, self.replicates, self.costs = [], [], []

    def add(self, model, seed, figures, split="random", digest="same", settings=SETTINGS, groups=50, cost=COST):
        """figures: (subset, metric) -> (value, n)."""
        rows, draws = [], {}
        for (subset, metric), (value, n) in figures.items():
            run = {"study": "toy", "split": split, "subset": subset, "model": model, "seed": seed}
            rows.append({**run, "metric": metric, "value": value, "n": n})
            draws[f"{subset}/{metric}"] = np.full(400, np.nan) if value is None else value + SHARED
        subsets = {subset: {"digest": digest, "groups": groups} for subset, _ in figures}
        path = self.folder / f"{model}{seed}.json"
        path.write_text(json.dumps({"rows": rows, "meta": {"settings": settings, "subsets": subsets}}))
        np.savez(path.with_suffix(".npz"), **draws)
        self.metrics.append(path)
        self.replicates.append(path.with_suffix(".npz"))
        self.costs.append(path.with_suffix(".cost.json"))
        self.costs[-1].write_text(json.dumps(cost))

    def compare(self, published=(), trivial="naive", contrasts=()):
        out = [self.folder / f"{name}.tsv" for name in ("comparison", "differences", "costs")]
        compare_models(
            self.metrics, self.replicates, self.costs, list(published), trivial, list(contrasts), SETTINGS, *out
        )
        return [pd.read_csv(path, sep="\t") for path in out[:2]]


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


AUPRC, PRECISION = ("test", "term_auprc"), ("test", "term_precision")


def three_models(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50), PRECISION: (None, 0), ("valid", "term_auprc"): (0.2, 50)})
    for seed, value in enumerate((0.30, 0.36, 0.33)):
        precision = (None, 0) if seed == 1 else (0.5 + 0.1 * seed, 20 + seed)
        figures = {AUPRC: (value, 50), PRECISION: precision, ("valid", "term_auprc"): (value, 50)}
        runs.add("mlp", seed, figures)
    runs.add("coin", 0, {AUPRC: (0.05, 50), PRECISION: (0.05, 50), ("valid", "term_auprc"): (0.05, 50)})


def test_seeds_are_averaged_and_figures_sorted(runs):
    three_models(runs)
    table, _ = runs.compare()
    assert list(table) == COMPARISON
    auprc = table[(table["subset"] == "test") & (table["metric"] == "term_auprc")]
    assert list(auprc["model"]) == ["mlp", "naive", "coin"]
    assert list(auprc["value"]) == [pytest.approx(0.33), 0.1, 0.05]
    assert list(auprc["seeds"]) == [3, 1, 1]
    assert (auprc["source"] == "measured").all()
    assert list(table["subset"]) == sorted(table["subset"])


def test_the_interval_holds_test_examples_and_seeds(runs):
    three_models(runs)
    table, _ = runs.compare()
    auprc = table[(table["subset"] == "test") & (table["metric"] == "term_auprc")].set_index("model")
    one_seed = interval(0.1 + SHARED)
    assert tuple(auprc.loc["naive", ["low", "high"]]) == pytest.approx(one_seed, rel=1e-5)
    width = auprc["high"] - auprc["low"]
    expected = 2 * 1.96 * np.hypot(SHARED.std(), np.std([0.30, 0.36, 0.33]) / np.sqrt(3))
    assert width["mlp"] == pytest.approx(expected, rel=0.15)
    assert width["mlp"] > 1.3 * width["naive"]


def test_differences_are_paired_against_the_trivial_model(runs):
    three_models(runs)
    _, table = runs.compare()
    assert list(table) == DIFFERENCES
    assert "naive" not in set(table["model"])
    assert (table["reference"] == "naive").all()
    coin = table[(table["model"] == "coin") & (table["subset"] == "test")].set_index("metric").loc["term_auprc"]
    # What resampling does to both cancels, so nothing is left to spread.
    assert tuple(coin[["difference", "low", "high"]]) == pytest.approx((-0.05, -0.05, -0.05), rel=1e-5)
    mlp = table[(table["model"] == "mlp") & (table["subset"] == "test")].set_index("metric").loc["term_auprc"]
    assert 0.2 <= mlp["low"] < mlp["difference"] < mlp["high"] <= 0.26


def test_undefined_figures_are_empty_and_counted(runs):
    three_models(runs)
    table, differences = runs.compare()
    precision = table[table["metric"] == "term_precision"].set_index("model")
    assert precision.loc["naive", ["value", "low", "high"]].isna().all()
    assert tuple(precision.loc["naive", ["n", "seeds"]]) == (0, 0)
    # Two of three seeds define it: their mean, and the fewest units.
    assert tuple(precision.loc["mlp", ["value", "n", "seeds"]]) == (pytest.approx(0.6), 20, 2)
    undefined = differences[differences["metric"] == "term_precision"]
    assert undefined[["difference", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    assert (undefined["n"] == 0).all()


def test_published_figures_stand_in_their_split_with_their_citation(runs):
    three_models(runs)
    row = {
        "model": "published_net",
        "metric": "term_auprc",
        "value": 0.2,
        "subset": "test",
        "source": "A. Author",
    }
    published = [{**row, "split": "random", "note": "other terms"}, {**row, "split": "cluster", "value": 0.9}]
    table, differences = runs.compare(published)
    auprc = table[(table["subset"] == "test") & (table["metric"] == "term_auprc")]
    assert list(auprc["model"]) == ["mlp", "published_net", "naive", "coin"]
    cited = auprc.set_index("model").loc["published_net"]
    assert (cited["study"], cited["source"], cited["value"]) == ("toy", "A. Author", 0.2)
    assert cited[["low", "high", "n", "seeds"]].isna().all()
    assert "published_net" not in set(differences["model"])


def test_numbers_have_six_significant_digits_and_counts_none_after_the_point(runs):
    runs.add("naive", 0, {AUPRC: (1 / 3, 50)})
    runs.compare(
        [
            {
                "model": "published_x",
                "metric": "term_auprc",
                "value": 0.2,
                "subset": "test",
                "split": "random",
                "source": "A",
            }
        ]
    )
    lines = (runs.folder / "comparison.tsv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[1].split("\t")[5] == "0.333333"
    assert lines[1].split("\t")[8:] == ["50", "1", "measured"]
    assert lines[2].split("\t")[5:] == ["0.2", "", "", "", "", "A"]
    assert (runs.folder / "differences.tsv").read_text().count("\n") == 1  # the header: nothing to compare


def test_contrasts_are_paired_differences_of_the_models_that_are_named(runs):
    three_models(runs)
    _, differences = runs.compare(contrasts=[["coin", "mlp"], ["coin", "naive"]])
    pairs = set(zip(differences["model"], differences["reference"], strict=True))
    assert pairs == {("mlp", "naive"), ("coin", "naive"), ("coin", "mlp")}  # none of them twice
    row = differences[(differences["reference"] == "mlp") & (differences["metric"] == "term_auprc")].set_index("subset")
    assert row.loc["test", "difference"] == pytest.approx(0.05 - 0.33)
    # Both share the noise of the resamples, which cancels; that of three seeds is left.
    assert row.loc["test", "low"] < -0.28 < row.loc["test", "high"]
    assert row.loc["test", "high"] - row.loc["test", "low"] < 0.1


def test_models_with_the_same_seeds_are_paired_seed_by_seed(runs):
    """What a seed does to both cancels; between other seeds it stays, and so does what it does to one of them."""
    effects = dict(enumerate((0.00, 0.05, -0.03)))
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    for seed, effect in effects.items():
        runs.add("low", seed, {AUPRC: (0.4 + effect, 50)})
        runs.add("high", seed, {AUPRC: (0.5 + effect, 50)})
        runs.add("moved", seed + 1, {AUPRC: (0.5 + effect, 50)})
    runs.add("two", 0, {AUPRC: (0.5, 50)})
    runs.add("two", 2, {AUPRC: (0.47, 50)})
    _, table = runs.compare(contrasts=[["high", "low"], ["moved", "low"], ["two", "low"], ["low", "two"]])
    rows = {(row.model, row.reference): row for row in table.itertuples()}
    paired = rows["high", "low"]
    assert (paired.difference, paired.low, paired.high) == (pytest.approx(0.1),) * 3
    other = rows["moved", "low"]
    spread = np.std(list(effects.values())) / np.sqrt(3)  # of the means of three seeds of either model
    assert other.high - other.low == pytest.approx(2 * 1.96 * np.hypot(spread, spread), rel=0.2)
    unequal = rows["two", "low"]
    assert unequal.difference == pytest.approx(0.485 - 0.4 - np.mean(list(effects.values())))
    assert unequal.low < unequal.difference < unequal.high
    mirrored = rows["low", "two"]
    assert (mirrored.low, mirrored.high) == (pytest.approx(-unequal.high), pytest.approx(-unequal.low))
    assert [rows[pair].seeds for pair in (("high", "low"), ("two", "low"), ("low", "naive"))] == [3, 2, 1]


def test_p_values_are_adjusted_in_families(runs):
    """Against the trivial model three questions are asked at once, by the contrasts two."""
    noise = np.random.default_rng(1)
    for model, value in (("naive", 0.10), ("a", 0.118), ("b", 0.122), ("c", 0.3)):
        runs.add(model, 0, {AUPRC: (value, 50)})
        np.savez(runs.replicates[-1], **{"/".join(AUPRC): value + noise.normal(0, 0.006, size=400)})
    _, table = runs.compare(contrasts=[["a", "b"], ["c", "b"], ["a", "naive"]])
    found = table.set_index(["model", "reference"])
    p, adjusted = found["p"], found["p_holm"]
    least = 2 / 401
    assert p["c", "naive"] == p["c", "b"] == pytest.approx(least, rel=1e-5)
    assert least < p["a", "naive"] < 0.1
    assert p["a", "b"] > 0.3
    trivial = pd.Series({name: p[name, "naive"] for name in "abc"}).sort_values()
    expected = np.minimum(1, np.maximum.accumulate(trivial.to_numpy() * [3, 2, 1]))
    for name, value in zip(trivial.index, expected, strict=True):
        assert adjusted[name, "naive"] == pytest.approx(value, rel=1e-4)
    assert adjusted["c", "b"] == pytest.approx(2 * least, rel=1e-4)
    assert adjusted["a", "b"] == pytest.approx(p["a", "b"], rel=1e-4)


def test_costs_have_a_table_of_their_own(runs):
    three_models(runs)
    big = {"seconds": 4.0, "embedding_seconds": 8.0, "parameters": 177853440, "energy_wh": None, "cut": None}
    for seed, seconds in enumerate((4.0, 6.0)):
        figures = {AUPRC: (0.5, 50), PRECISION: (0.5, 50), ("valid", "term_auprc"): (0.5, 50)}
        runs.add("tuned", seed, figures, cost={**big, "seconds": seconds})
    table, _ = runs.compare()
    assert "seconds" not in " ".join(table["metric"])  # they would make the table differ from run to run
    lines = (runs.folder / "costs.tsv").read_text().splitlines()
    assert lines[0].split("\t") == COSTS
    assert lines[1].split("\t") == ["toy", "random", "naive", "2", "", "1000", "0.5", "0.25", "1"]
    assert lines[4].split("\t") == ["toy", "random", "tuned", "5", "8", "177853440", "", "", "2"]


def test_runs_on_other_examples_are_refused(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    runs.add("mlp", 0, {AUPRC: (0.3, 50)}, digest="other")
    with pytest.raises(LexomeError, match=r"mlp0.json: judged on other examples than .*naive0.json"):
        runs.compare()


def test_runs_drawn_with_other_settings_are_refused(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    runs.add("mlp", 0, {AUPRC: (0.3, 50)}, settings={**SETTINGS, "seed": 1})
    with pytest.raises(LexomeError, match="judged with other settings"):
        runs.compare()


def test_runs_of_two_splits_are_refused(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    runs.add("mlp", 0, {AUPRC: (0.3, 50)}, split="cluster")
    with pytest.raises(LexomeError, match="another study or split"):
        runs.compare()


def test_a_run_given_twice_is_refused(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    runs.add("naive", 0, {AUPRC: (0.1, 50)})
    with pytest.raises(LexomeError, match="the same run"):
        runs.compare()


def test_the_trivial_model_must_be_there(runs):
    runs.add("mlp", 0, {AUPRC: (0.1, 50)})
    with pytest.raises(LexomeError, match=r"'naive' is none of random's models: mlp"):
        runs.compare()


def test_no_runs_at_all_is_an_error(runs):
    with pytest.raises(LexomeError, match="no runs"):
        runs.compare()


def test_the_published_file_fits_its_schema_and_has_each_figure_once():
    published = load_yaml(CONFIG / "published.yaml")
    schema = load_yaml(CONFIG / "schemas" / "published.schema.yaml")
    check(published, schema, "published.yaml")
    keys = ["model", "metric", "subset", "split", "source"]
    for study, rows in published.items():
        assert not pd.DataFrame(rows)[keys].duplicated().any(), study
    with pytest.raises(LexomeError, match="valeu: unknown key"):
        check({"toy": [{**published["protein_function"][0], "valeu": 1}]}, schema, "published.yaml")


def test_too_few_groups_give_no_interval(runs):
    runs.add("naive", 0, {AUPRC: (0.1, 50)}, groups=9)
    runs.add("mlp", 0, {AUPRC: (0.3, 50)}, groups=9)
    for table in runs.compare():
        assert table[["low", "high"]].isna().all(axis=None)
        assert table["value" if "value" in table else "difference"].notna().all()
