"""The register of all runs, the choice of some, and the page that compares them."""

import json

import numpy as np
import pandas as pd
import pytest

from analyse_runs import analyse_runs
from evaluate_model import evaluate_model
from lexome.analysis import differing_settings, label_figures, run_figures
from lexome.analysisplan import analysis_folder, chosen_runs, every_run
from lexome.bootstrap import interval
from lexome.errors import LexomeError
from lexome.runtime import read_tsv
from register_runs import register_runs
from tagged_study import TaggedStudy

SETTINGS = {"replicates": 50, "seed": 0, "level": 0.9, "distant": 0.05}
CONFIG = {
    "seeds": [0, 1],
    "studies": {
        "genes": {
            "splits": {"official": {"method": "official"}, "cv1": {"method": "random", "models": ["naive"]}},
            "models": {"naive": {"kind": "mentions", "seeds": [7]}, "net": {"kind": "tag_network"}},
        },
        "texts": {"splits": {"random": {"method": "random"}}, "models": {"tfidf": {"kind": "tfidf"}}},
    },
}
EVERY = [
    *("genes/official/naive/7", "genes/official/net/0", "genes/official/net/1", "genes/cv1/naive/7"),
    *("texts/random/tfidf/0", "texts/random/tfidf/1"),
]


def names(runs):
    return ["/".join(str(run[key]) for key in ("study", "split", "model", "seed")) for run in runs]


def test_every_run_is_one_that_the_config_trains():
    assert names(every_run(CONFIG["studies"], CONFIG["seeds"])) == EVERY


@pytest.mark.parametrize(
    ("entry", "places"),
    [
        (None, range(6)),
        ("", range(6)),
        ("texts", (4, 5)),
        ("genes/official/net, genes/cv1/", (1, 2, 3)),
        ("genes/official/net/seed1,genes/official/net", (1, 2)),
        (["texts/random/tfidf/1", "genes/cv1"], (3, 5)),
    ],
)
def test_runs_are_chosen_by_the_beginning_of_their_path(entry, places):
    assert names(chosen_runs(CONFIG | {"runs": entry})) == [EVERY[place] for place in places]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("gene", "no study 'gene', there is genes, texts"),
        ("genes/random", "no split 'random', there is official, cv1"),
        ("genes/cv1/net", "no model 'net', there is naive"),
        ("genes/official/net/5", "no seed '5', there is 0, 1"),
        ("genes/official/net/0/x", "fits no run; name study"),
    ],
)
def test_runs_that_are_not_there_are_named(entry, message):
    with pytest.raises(LexomeError, match=message):
        chosen_runs(CONFIG | {"runs": entry})


def test_folders_are_named_after_the_runs():
    assert analysis_folder({}) == "results/analysis/all"
    assert analysis_folder({"runs": "genes/official/net, texts"}) == "results/analysis/genes-official-net-texts"
    long = [analysis_folder({"runs": ["genes/official/net"] * 9 + [end]}) for end in ("a", "b")]
    assert long[0] != long[1]
    assert all(len(name) < 90 for name in long)


@pytest.fixture
def runs(tmp_path):
    study = TaggedStudy(tmp_path)
    about = [study.folder / f"random.{end}" for end in ("parquet", "labels.json")]
    told = []
    for model, keep, epochs in (("naive", 0.4, 0), ("net", 0.8, 3)):
        folder = study.folder / model
        run = {"study": "toy", "split": "random", "model": model, "seed": 0}
        names = ("metrics.json", "replicates.npz", "per_label.parquet")
        paths = dict(zip(("metrics", "replicates", "per_label"), (folder / name for name in names), strict=True))
        found = study.predict(folder / "predictions.parquet", keep, links=False)
        evaluate_model(study.examples, *about, found, SETTINGS, *paths.values(), *list(run.values()))
        paths |= {"cost": folder / "cost.json", "history": folder / "history.jsonl"}
        paths["cost"].write_text(json.dumps({"seconds": 3.5, "parameters": 10, "energy_wh": None}))
        records = [{"epoch": n + 1, "train_loss": 1 / (n + 1), "valid_entity_f1": 0.1 * n} for n in range(epochs)]
        paths["history"].write_text("".join(json.dumps(record) + "\n" for record in records))
        settings = {"model": {"kind": "mentions", "size": {"hidden": epochs}}, "split": {"seed": 0}, "prepare": {}}
        study_told = {"title": "A <b>toy</b>", "headline": ["entity_f1", "link_f1"], "label_noun": "category"}
        told.append(run | {"settings": settings} | study_told | paths)
    return told


def test_the_register_has_every_figure_with_its_settings(runs, tmp_path):
    files = [[run[key] for run in runs] for key in ("metrics", "cost", "history")]
    register_runs(runs, *files, tmp_path / "runs.parquet")
    table = pd.read_parquet(tmp_path / "runs.parquet")
    for run in runs:
        own = table[table["model"] == run["model"]].set_index(["subset", "metric"])
        rows = json.loads(run["metrics"].read_text())["rows"]
        assert len(own) == len(rows)
        assert all(own.loc[(row["subset"], row["metric"]), "value"] == row["value"] for row in rows)
        assert json.loads(own["settings"].iloc[0]) == run["settings"]
        assert (own["seconds"] == 3.5).all()
        assert own["energy_wh"].isna().all()
    epochs = table.groupby("model")["epochs"].max()
    assert np.isnan(epochs["naive"])
    assert epochs["net"] == 3
    with pytest.raises(LexomeError, match="of another model than net"):
        register_runs(runs[::-1], *files, tmp_path / "runs.parquet")


def test_runs_are_compared_on_a_page_that_loads_nothing(runs, tmp_path):
    from pathlib import Path

    template = Path(__file__).parents[1] / "resources/report/analysis.html.j2"
    out = [tmp_path / name for name in ("figures.tsv", "analysis.html", "pictures")]
    analyse_runs(runs, 0.9, str(template), *map(str, out))
    table = read_tsv(out[0], text=("study", "split", "model", "subset", "metric"))
    row = table[(table["model"] == "net") & (table["metric"] == "entity_f1") & (table["subset"] == "test")].iloc[0]
    draws = np.load(runs[1]["replicates"])["test/entity_f1"]
    assert (row["low"], row["high"]) == pytest.approx(interval(draws, 0.9), rel=1e-4)
    text = out[1].read_text()
    assert "A &lt;b&gt;toy&lt;/b&gt;" in text
    assert "<b>toy" not in text
    assert "src=" not in text.split("</style>")[1]
    assert "model.size.hidden" in text
    assert "split.seed" not in text
    assert "link F1" not in text  # of no run
    assert sorted(path.name for path in out[2].iterdir()) == [
        f"toy_{name}.svg" for name in ("curves", "figures", "labels")
    ]
    assert "random/net" in (out[2] / "toy_curves.svg").read_text()


def test_figures_of_few_groups_have_no_interval(runs, tmp_path):
    told = json.loads(runs[0]["metrics"].read_text())
    for about in told["meta"]["subsets"].values():
        about["groups"] = 9
    (tmp_path / "few.json").write_text(json.dumps(told))
    assert run_figures(runs[0] | {"metrics": tmp_path / "few.json"}, 0.9)["low"].isna().all()
    assert run_figures(runs[0], 0.9)["low"].notna().all()


def test_settings_that_differ_are_told_by_path():
    first = {"settings": {"model": {"kind": "a", "training": {"epochs": 3}}, "split": {"seed": 0}}}
    second = {"settings": {"model": {"kind": "a", "training": {"epochs": 5}, "sizes": [1, 2]}, "split": {"seed": 0}}}
    assert differing_settings([first, second]) == [
        {"key": "model.training.epochs", "values": ["3", "5"]},
        {"key": "model.sizes", "values": ["", "[1, 2]"]},
    ]


def test_labels_of_runs_are_brought_together_by_name():
    first = pd.DataFrame({"name": ["x", "y"], "subset": "test", "n_train": [5, 9], "f1": [0.1, 0.2]})
    second = pd.DataFrame({"name": ["z", "x"], "subset": "test", "n_train": [1, 5], "f1": [0.3, 0.4]})
    metric, labels, values = label_figures({"a": first, "b": second, "c": first.assign(subset="valid")})
    assert (metric, labels) == ("f1", ["y", "x", "z"])
    assert values["a"].tolist()[:2] == [0.2, 0.1]
    assert np.isnan(values["a"][2])
    assert set(values) == {"a", "b"}
    assert label_figures({"c": first.assign(subset="valid")}) is None
