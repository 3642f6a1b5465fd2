"""Runs that find entities and links, judged on valid and test; runs that lack a part, and the annotators' ceiling."""

import json

import numpy as np
import pandas as pd
import pytest

from compare_models import compare_models
from evaluate_model import evaluate_model
from lexome.ceiling import CEILING
from lexome.errors import LexomeError
from lexome.runtime import write_tsv
from lexome.tagjudged import join_tagged, load_tagged, means_and_replicates, strict_ancestors
from lexome.tagmetrics import score
from tagged_study import LABELS, TaggedStudy

SETTINGS = {"replicates": 80, "seed": 0, "level": 0.95, "distant": 0.05}


@pytest.fixture
def study(tmp_path):
    return TaggedStudy(tmp_path)


def evaluate(study, model, seed=0, **found):
    folder = study.folder / model / f"seed{seed}"
    path = study.predict(folder / "predictions.parquet", seed=seed, **found)
    out = [folder / name for name in ("metrics.json", "replicates.npz", "per_label.parquet")]
    about = (study.folder / "random.parquet", study.folder / "random.labels.json")
    evaluate_model(study.examples, *about, path, SETTINGS, *out, "toy", "random", model, seed)
    return json.loads(out[0].read_text()), dict(np.load(out[1])), pd.read_parquet(out[2])


def test_figures_are_those_of_the_documents_of_a_subset(study):
    told, draws, per_label = evaluate(study, "some", keep=0.7)
    found = pd.read_parquet(study.folder / "some/seed0/predictions.parquet").query("subset == 'test'")
    from lexome.documents import decode

    true = [study.truth(key) for key in found["id"]]
    predicted = [decode(line, "x", one.text) for line, one in zip(found["document"], true, strict=True)]
    expected = score(true, predicted)
    rows = {row["metric"]: row for row in told["rows"] if row["subset"] == "test"}
    for metric, value in expected.items():
        assert rows[metric]["value"] == pytest.approx(value)
        assert draws[f"test/{metric}"].mean() == pytest.approx(value, abs=0.02)
    assert rows["entity_f1"]["n"] == sum(len(one.entities) for one in true)
    # Of documents that were not annotated for links nothing is counted.
    known = study.table.set_index("id").loc[found["id"], "links_known"]
    assert rows["link_recall"]["n"] == known.sum() == 10
    assert rows["joint_link_recall"]["value"] == pytest.approx(
        sum({frozenset(link.members) for link in a.links} <= {frozenset(link.members) for link in b.links}
            for a, b in zip(true, predicted, strict=True) if a.links) / known.sum()
    )  # fmt: skip
    labels = per_label[per_label["subset"] == "test"].set_index(["kind", "id"])
    counts = pd.Series([entity.category for one in true for entity in one.entities]).value_counts()
    assert labels.loc[("category", "ACTION"), "n_positive"] == counts["ACTION"]
    assert labels.loc[("category", "ACTION"), "precision"] == 1
    missed = labels.loc["category", "n_positive"] - labels.loc["category", "n_predicted"]
    assert labels.loc["category", "recall"].tolist() == pytest.approx(
        (1 - missed / labels.loc["category", "n_positive"]).tolist()
    )
    values = labels.drop(index="category", level=0)["n_positive"].groupby(level=0).sum()
    assert values["action"] == counts["ACTION"]
    assert values["phenotype"] == counts["PHENOTYPE"]


def test_a_run_has_the_figures_of_what_it_does(study):
    linker = {row["metric"] for row in evaluate(study, "linker", tags=False)[0]["rows"]}
    assert linker == {"link_precision", "link_recall", "link_f1"}
    tagger = {row["metric"] for row in evaluate(study, "tagger", links=False)[0]["rows"]}
    assert {"entity_f1", "word_bio_f1", "action_word_f1"} <= tagger
    assert not [name for name in tagger if "link" in name]
    about = (study.folder / "random.parquet", LABELS, study.predict(study.folder / "p.parquet"))
    borrowed = load_tagged(study.examples, *about, borrowed=True)
    assert set(borrowed.sums) == {"link", "joint_link", "joint_link_partial"}
    assert not borrowed.labels
    with pytest.raises(LexomeError, match="nothing can be judged"):
        evaluate(study, "nothing", tags=False, links=False)


def test_a_field_that_is_never_given_has_no_figure(study):
    path = study.predict(study.folder / "p.parquet")
    table = pd.read_parquet(path)
    table["document"] = [line.replace('"fields": {"action"', '"fields": {"other"') for line in table["document"]]
    table.to_parquet(path)
    sums = load_tagged(study.examples, study.folder / "random.parquet", LABELS, path).sums
    assert "action_word" not in sums
    assert "phenotype_word" in sums


def test_a_run_that_finds_nothing_keeps_its_figures(study):
    about = (study.examples, study.folder / "random.parquet", LABELS)
    full = load_tagged(*about, study.predict(study.folder / "p.parquet"))
    nothing = load_tagged(*about, study.predict(study.folder / "q.parquet", keep=0.0))
    assert set(nothing.sums) == set(full.sums)
    assert nothing.sums["action_word"][:, :2].sum() == 0
    assert means_and_replicates(nothing, np.ones((2, len(nothing.ids))))[0]["action_word_f1"] == (
        0.0,
        full.sums["action_word"][:, 2].sum(),
    )


def test_a_figure_of_few_groups_has_no_resamples(study):
    path = study.predict(study.folder / "p.parquet", keep=0.6)
    judged = load_tagged(study.examples, study.folder / "random.parquet", LABELS, path)
    judged = judged.take(judged.subset == "test")
    linked = np.flatnonzero(judged.sums["link"][:, 2] > 0)
    assert len(linked) == 10
    counts = np.random.default_rng(0).integers(0, 3, (5, len(judged.ids)))
    figures, moved = means_and_replicates(judged, counts)
    assert np.isfinite(moved["link_f1"]).all()
    fewer = judged.take(np.arange(len(judged.ids)) != linked[0])
    figures, moved = means_and_replicates(fewer, counts[:, 1:])
    # Nine documents with links are too few for an interval of links, whatever the number of documents.
    assert np.isnan(moved["link_f1"]).all()
    assert np.isnan(moved["joint_link_f1"]).all()
    assert figures["link_f1"][0] > 0
    assert np.isfinite(moved["entity_f1"]).all()


def concept_runs(study):
    """The study with two aspects whose entities name concepts, and a run that is right."""
    labels = {**LABELS, "fields": {}, "links": False, "concept_field": "concept"}
    for path in (study.examples, study.predict(study.folder / "p.parquet", links=False)):
        table = pd.read_parquet(path)
        table["document"] = [
            line.replace('"action":', '"concept":').replace('"phenotype":', '"concept":') for line in table["document"]
        ]
        table.to_parquet(path)
    return study.examples, study.folder / "random.parquet", labels, study.folder / "p.parquet"


def test_concepts_are_told_by_category(study):
    *about, path = concept_runs(study)
    table = pd.read_parquet(path)
    table["document"] = [line.replace('"concept": "death"', '"concept": "growth"') for line in table["document"]]
    table.to_parquet(path)
    sums = load_tagged(*about, path).sums
    action, phenotype = (sums[f"{name}_concept"] for name in ("ACTION", "PHENOTYPE"))
    assert (action + phenotype).tolist() == sums["concept"].tolist()
    assert action[:, 0].tolist() == action[:, 2].tolist()
    assert 0 < phenotype[:, 0].sum() < phenotype[:, 2].sum()
    # Of one category there would be nothing new, and a run that names no concept has none of them.
    one = about[2] | {"labels": LABELS["labels"][:1]}
    assert "ACTION_concept" not in load_tagged(*about[:2], one, path).sums
    table["document"] = [line.replace('"concept":', '"other":') for line in table["document"]]
    table.to_parquet(path)
    assert {name for name in load_tagged(*about, path).sums if "concept" in name} == {"concept_span"}


def test_concepts_of_a_group_in_two_subsets_are_judged_in_each(study):
    *about, path = concept_runs(study)
    table = pd.read_parquet(about[1])
    table.assign(group="one").to_parquet(about[1])
    judged = load_tagged(*about, path)
    for subset in ("valid", "test"):
        assert judged.take(judged.subset == subset).sums["concept_document"].sum(axis=0).tolist() == [4, 4, 4]


def test_predictions_that_do_not_fit_the_split_are_refused(study):
    path = study.predict(study.folder / "p.parquet")
    table = pd.read_parquet(path)
    table.iloc[1:].to_parquet(path)
    with pytest.raises(LexomeError, match=r"1 documents are missing, first D01"):
        load_tagged(study.examples, study.folder / "random.parquet", LABELS, path)
    table.assign(subset="valid").to_parquet(path)
    with pytest.raises(LexomeError, match=r"subsets differ .* first of D02"):
        load_tagged(study.examples, study.folder / "random.parquet", LABELS, path)
    extra = table.iloc[:1].assign(id="D00")
    pd.concat([table, extra]).to_parquet(path)
    with pytest.raises(LexomeError, match="1 rows are no valid or test documents"):
        load_tagged(study.examples, study.folder / "random.parquet", LABELS, path)


def test_folds_are_joined_document_by_document(study):
    path = study.predict(study.folder / "p.parquet", keep=0.6)
    whole = load_tagged(study.examples, study.folder / "random.parquet", LABELS, path)
    halves = [whole.take(np.arange(len(whole.ids)) % 2 == half) for half in (0, 1)]
    joined = join_tagged(halves)
    assert sorted(joined.ids) == sorted(whole.ids)
    for family, rows in whole.sums.items():
        assert joined.sums[family].sum(axis=0).tolist() == rows.sum(axis=0).tolist()
    assert halves[0].digest() != halves[1].digest() != whole.digest()


def compare(study, models, agreement=None, contrasts=()):
    files = [[study.folder / m / f"seed{s}" / name for m, s in models] for name in ("metrics.json", "replicates.npz")]
    costs = []
    for model, seed in models:
        costs.append(study.folder / model / f"seed{seed}" / "cost.json")
        cost = dict.fromkeys(("seconds", "embedding_seconds", "parameters", "energy_wh", "cut"), 1.0)
        costs[-1].write_text(json.dumps(cost))
    out = [study.folder / f"{name}.tsv" for name in ("comparison", "differences", "costs")]
    compare_models(*files, costs, [], models[0][0], list(contrasts), SETTINGS, *out, agreement)
    return [pd.read_csv(path, sep="\t") for path in out[:2]]


def test_models_are_compared_in_what_both_have(study):
    evaluate(study, "few", keep=0.4, links=False)
    evaluate(study, "many", keep=0.8)
    evaluate(study, "linker", tags=False, keep=0.9)
    agreement = study.folder / "agreement.tsv"
    rows = [
        ("A, B", "entity_f1", "", 0.65, 0.6, 0.7, 475),
        ("A, B", "entity_f1", "ACTION", 0.6, 0.5, 0.7, 475),
        ("A, B", "entity_precision", "", 0.57, 0.5, 0.6, 475),
        ("A, B", "kappa", "", 0.68, 0.6, 0.7, 9),
        ("A, B", "documents", "", 50, np.nan, np.nan, 50),
    ]
    names = ["annotators", "metric", "category", "value", "low", "high", "n"]
    write_tsv(agreement, pd.DataFrame(rows, columns=names))
    models = [("few", 0), ("many", 0), ("linker", 0)]
    comparison, differences = compare(study, models, agreement, [("linker", "many")])
    told = {(row.model, row.reference, row.metric) for row in differences.itertuples()}
    assert ("many", "few", "entity_f1") in told
    assert ("linker", "many", "link_f1") in told
    assert not [row for row in told if row[:2] == ("linker", "few") or row == ("many", "few", "link_f1")]
    assert not differences["difference"].isna().any()
    ceiling = comparison[comparison["model"] == CEILING]
    assert ceiling[["subset", "metric", "value"]].to_numpy().tolist() == [["test", "entity_f1", 0.65]]
    assert "50 documents" in ceiling["source"].iloc[0]


def test_ancestors_leave_out_the_term_and_the_root(tmp_path):
    live = {"obsolete": False, "namespace": "biological_process"}
    parents = {"GO:0008150": [], "GO:1": ["GO:0008150"], "GO:2": ["GO:1"]}
    rows = [
        live | {"id": key, "parents": [{"id": parent, "relation": "is_a"} for parent in above]}
        for key, above in parents.items()
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "go.parquet")
    above = strict_ancestors(tmp_path / "go.parquet")
    assert above("GO:2") == {"GO:1"}
    assert above("GO:1") == set()
    assert above("GO:9") == set()
