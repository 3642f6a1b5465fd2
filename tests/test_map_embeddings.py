"""The scripts of the maps on a made-up study of three species, and their part of the report."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel

import compare_distances
import map_embeddings
import test_make_report
from lexome import look, runvectors
from lexome.embedding import content_mask
from lexome.errors import LexomeError
from lexome.maps import METRICS
from lexome.runs import write_predictions
from lexome.runtime import write_json, write_parquet, write_tsv
from lexome.tokens import load_tokenizer
from mapped import SPECIES, TIMES, distance_tables, write_maps
from tiny_bert import make_backbone, make_study

N = 120
BOOTSTRAP = {"replicates": 50, "level": 0.95, "seed": 0}
SETTINGS = {"neighbours": 5, "umap": {"n_neighbors": 5, "min_dist": 0.3, "seed": 0}, "in_frame": True}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Windows that differ in composition, embeddings that tell the species, predictions that take mice for men."""
    folder = tmp_path_factory.mktemp("species")
    rng = np.random.default_rng(0)
    species = np.arange(N) % 3
    chances = [[0.4, 0.1, 0.1, 0.4], [0.3, 0.2, 0.2, 0.3], [0.1, 0.4, 0.4, 0.1]]
    texts = ["".join(rng.choice(list("ACGT"), 60, p=chances[at])) for at in species]
    ids = [f"e{row:03d}" for row in range(N)]
    subset = np.array(["train", "train", "valid", "test", "test"])[np.arange(N) // 3 % 5]
    examples = {"id": ids, "sequence": texts, "length": 60, "group": ids, "labels": [[int(at)] for at in species]}
    write_parquet(folder / "examples.parquet", pd.DataFrame(examples))
    split = {"id": ids, "subset": subset, "group": ids, "nearest_train": np.float32(0)}
    write_parquet(folder / "split.parquet", pd.DataFrame(split))
    labels = [{"id": name, "name": name, "index": at, "n_train": 16} for at, name in enumerate(SPECIES)]
    about = {"task": "multi_class", "example_noun": "window", "label_noun": "species", "labels": labels}
    for name in ("labels.json", "split.labels.json"):
        write_json(folder / name, about)
    vectors = (np.eye(3)[species] * 4 + rng.normal(0, 1, (N, 3))).astype(np.float32)
    (folder / "embeddings").mkdir()
    np.save(folder / "embeddings/0.npy", vectors[::-1, None])
    index = pd.DataFrame({"id": ids[::-1], "shard": "0.npy", "row": np.arange(N), "start": 0, "content": 1})
    write_parquet(folder / "embeddings/index.parquet", index.sort_values("id"))
    manifest = {"layers": [2], "pooling": ["mean"], "width": 3, "backbone": "b", "dtype": "float32"}
    write_json(folder / "embeddings/manifest.json", manifest)
    scores = np.where(np.eye(3)[np.where(species == 1, 0, species)], 0.8, 0.1)
    parts = {
        name: ([ids[at] for at in np.flatnonzero(subset == name)], scores[subset == name]) for name in ("valid", "test")
    }
    write_predictions(folder / "predictions.parquet", parts)
    return folder


def inputs(folder):
    return [str(folder / name) for name in ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")]


def frozen(folder):
    run = {"model": "frozen", "seed": 0, "kind": "head", "embeddings": str(folder / "embeddings"), "layers": [2]}
    return run | {"pooling": "mean", "predictions": str(folder / "predictions.parquet")}


@pytest.fixture
def fast_layout(monkeypatch):
    """A projection in place of UMAP, which is tested elsewhere."""
    monkeypatch.setattr(map_embeddings, "layout", lambda unit, **_: unit[:, :2].copy())


def test_maps_and_figures_of_a_frozen_run(study, tmp_path, fast_layout):
    out = [str(tmp_path / name) for name in ("map.parquet", "scores.tsv")]
    map_embeddings.map_embeddings(*inputs(study), [frozen(study)], SETTINGS, BOOTSTRAP, "s", "random", 0, *out)
    maps, scores = pd.read_parquet(out[0]), pd.read_csv(out[1], sep="\t")
    n_test = 2 * N // 5
    assert maps.groupby("model").size().to_dict() == {"frozen": n_test, "kmer3_shares": n_test}
    assert set(maps["subset"]) == {"test"}
    own = maps[maps["model"] == "frozen"]
    assert (own["predicted"] == own["species"].replace("mouse", "human")).all()  # as the run predicts
    assert own["probability"].to_numpy() == pytest.approx(0.8)
    assert own["seed"].eq(0).all()
    assert maps.loc[maps["model"] == "kmer3_shares", "seed"].isna().all()
    assert set(scores["model"]) == {"frozen", "kmer3_shares", "codon_shares"}
    values = scores.set_index(["model", "metric"])["value"]
    assert list(scores["metric"])[:3] == list(METRICS)
    assert values["frozen", "probe_accuracy"] > 0.9  # vectors went to their own examples
    assert values["frozen", "knn_accuracy"] > 0.9
    assert 0.4 < values["kmer3_shares", "probe_accuracy"] <= 1
    assert scores.loc[scores["metric"] != "silhouette", "chance"].to_numpy() == pytest.approx(1 / 3)


def test_predictions_have_to_be_there(study, tmp_path):
    write_predictions(tmp_path / "p.parquet", {"test": (["e003"], np.ones((1, 3)))})
    with pytest.raises(LexomeError, match=r"p\.parquet: 1 test examples are missing"):
        map_embeddings.scores_of(str(tmp_path / "p.parquet"), ["e003", "e004"])


def test_vectors_of_a_fine_tuned_model_are_those_of_its_last_layer(tmp_path):
    backbone = make_backbone(tmp_path / "backbone", dropout=0.0)
    data = make_study(tmp_path / "tokens", backbone, sizes=(5, 2, 2))
    run = {"kind": "fine_tune", "model_folder": backbone, "tokens": data.tokens, "max_length": 8, "batch_tokens": 40}
    ids = data.train.ids[::-1]
    found = runvectors.run_vectors(run, ids)
    tokenizer, model = load_tokenizer(backbone), AutoModel.from_pretrained(backbone).eval()
    for name, vector in zip(ids, found, strict=True):
        text = data.train.texts[data.train.ids.index(name)]
        tokens = torch.tensor([tokenizer(text, truncation=True, max_length=8)["input_ids"]])
        with torch.inference_mode():
            states = model(tokens).last_hidden_state[0]
        expected = states[content_mask(tokens, tokenizer)[0]].mean(dim=0)
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


def test_errors_stand_beside_times_and_composition(study, tmp_path):
    out = [str(tmp_path / name) for name in ("pairs.tsv", "tests.tsv")]
    predictions = [str(study / "predictions.parquet")] * 2
    compare_distances.compare_distances(
        *inputs(study), predictions, ["tuned", "tuned"], TIMES, BOOTSTRAP, "s", "random", *out
    )
    pairs, tests = (pd.read_csv(path, sep="\t") for path in out)
    rates = pairs.set_index(["first", "second"])
    assert rates["rate"].to_dict() == {("human", "mouse"): 0.5, ("human", "ecoli"): 0, ("mouse", "ecoli"): 0}
    assert rates["divergence"].tolist() == [87, 4250, 4250]
    assert rates["n"].tolist() == [32, 32, 32]
    low, high = rates.loc[("human", "mouse"), ["low", "high"]]
    assert low < 0.5 < high
    # The species of like composition are human and mouse.
    assert rates["composition"].idxmin() == ("human", "mouse")
    own = tests.set_index("against")
    assert own.loc["divergence", "rho"] == pytest.approx(-1)
    assert own.loc["divergence", "p"] == pytest.approx(1 / 3)  # 2 of 6 relabellings keep the close pair
    assert own["relabellings"].tolist() == [6, 6]


def test_who_says_one_class_only_is_not_correlated(study, tmp_path):
    told = pd.read_parquet(study / "predictions.parquet")
    parts = dict(list(told.groupby("subset")))
    same = {name: (part["id"].tolist(), np.tile([0.5, 0.3, 0.2], (len(part), 1))) for name, part in parts.items()}
    write_predictions(tmp_path / "naive.parquet", same)
    out = [str(tmp_path / name) for name in ("pairs.tsv", "tests.tsv")]
    predictions = [str(tmp_path / "naive.parquet"), str(study / "predictions.parquet")]
    compare_distances.compare_distances(
        *inputs(study), predictions, ["naive", "tuned"], TIMES, BOOTSTRAP, "s", "random", *out
    )
    pairs, tests = (pd.read_csv(path, sep="\t") for path in out)
    assert set(pairs["model"]) == {"naive", "tuned"}
    assert set(tests["model"]) == {"tuned"}


def test_the_report_tells_of_maps_and_curves(tmp_path):
    study = test_make_report.write_study(tmp_path, ["a", "b", "c"], task="multi_class")
    test_make_report.draw(tmp_path)
    write_maps(tmp_path)
    for name, table in zip(("pairs", "tests"), distance_tables(["mlp"]), strict=True):
        write_tsv(tmp_path / f"{name}.tsv", table)
    look.save(look.message("maps"), tmp_path / "map.svg")
    tables = {"scores": "map_scores.tsv", "pairs": "pairs.tsv", "tests": "tests.tsv"}
    figure = {"path": str(tmp_path / "map.svg"), "caption": str(test_make_report.TEMPLATE.parent / "map.rst")}
    study["splits"]["random"]["maps"] = {
        "tables": {name: str(tmp_path / file) for name, file in tables.items()},
        "page": str(tmp_path / "map.html"),
        "figures": [{**figure, "title": "Maps"}, {**figure, "title": "Times"}],
        "chosen": "mlp",
        "neighbours": 15,
    }
    curve = [
        {"study": "s", "split": "random", "at": at, "model": "mlp", "metric": "accuracy", "value": at / 100}
        | {"low": 0.1, "high": 0.9, "n": 12, "seeds": 1}
        for at in (60, 300)
    ]
    write_tsv(tmp_path / "curve.tsv", pd.DataFrame(curve))
    words = {"metric": "accuracy", "label": "window (nucleotides)", "unit": "nt"}
    study["curve"] = {"table": str(tmp_path / "curve.tsv"), "figure": {**figure, "title": "Curve"}, **words}
    html, _ = test_make_report.write_report(tmp_path, {"s": study})
    page = test_make_report.Page(html)
    text = " ".join(" ".join(page.text).split())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert "Accuracy against window (nucleotides)" in text
    assert "300 nt random split" in text
    assert "3.000 0.100–0.900" in text
    assert "shares of 3-mers no model 0.700 0.680–0.720 0.333" in text
    assert "mlp takes classes for each other the more often the later they parted" in text
    assert "map.html" in page.links
    order = [text.index(f". {title}.") for title in ("Curve", "Maps", "Times")]
    assert order == sorted(order)
