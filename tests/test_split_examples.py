"""The split rule's three files fit together."""

import numpy as np
import pandas as pd
import pytest

from lexome.dna import reverse_complement
from lexome.errors import LexomeError
from lexome.runtime import read_json, write_json
from split_examples import split_examples

SETTINGS = {
    "method": "random",
    "fractions": {"train": 0.5, "valid": 0.25, "test": 0.25},
    "seed": 0,
    "min_train_examples": 2,
    "leakage": {"k": 3, "unit": "character", "near": 0.5, "distant": 0.1},
}


@pytest.fixture
def study(tmp_path):
    rows = [(f"p{i:02}", "ACDE" * (i // 2 + 1), f"g{i // 2}", [i % 3]) for i in range(24)]
    rows[0] = (*rows[0][:3], [0, 3])
    pd.DataFrame(rows, columns=["id", "sequence", "group", "labels"]).to_parquet(tmp_path / "examples.parquet")
    names = [{"id": f"L{i}", "name": f"label {i}"} for i in range(4)]
    write_json(tmp_path / "labels.json", {"task": "multi_label", "labels": names})
    return tmp_path


def run(folder, settings=SETTINGS):
    paths = [folder / name for name in ("s.parquet", "s.labels.json", "s.leakage.json")]
    split_examples(folder / "examples.parquet", folder / "labels.json", settings, *paths)
    return pd.read_parquet(paths[0]), read_json(paths[1]), read_json(paths[2])


def test_files_fit_together(study):
    assignment, labels, leakage = run(study)
    assert list(assignment.columns) == ["id", "subset", "group", "nearest_train"]
    assert assignment["id"].is_monotonic_increasing
    assert assignment.groupby("group")["subset"].nunique().max() == 1
    assert leakage["n"] == assignment["subset"].value_counts().to_dict()
    assert leakage["groups"] == 12
    assert assignment.loc[assignment["subset"] == "train", "nearest_train"].isna().all()
    # Label 3 stands on one example only.
    assert [label["index"] for label in labels["labels"]] == [0, 1, 2]
    examples = pd.read_parquet(study / "examples.parquet").merge(assignment, on="id")
    train = examples[examples["subset"] == "train"]
    assert [label["n_train"] for label in labels["labels"]] == [
        sum(i in row for row in train["labels"]) for i in range(3)
    ]


def test_ungrouped_examples_are_parted_and_the_audit_counts_what_leaks(study):
    assignment, _, leakage = run(study, SETTINGS | {"grouped": False})
    subsets = assignment.groupby("group")["subset"].agg(set)
    parted = [group for group, found in subsets.items() if "train" in found and len(found) > 1]
    assert parted
    # Here equal sequences are those of one group.
    for subset in ("valid", "test"):
        own = assignment.loc[assignment["subset"] == subset, "group"]
        assert leakage["subsets"][subset]["identical"] == own.isin(parted).sum()
    assert run(study, SETTINGS | {"grouped": True})[2] == run(study)[2]


def test_repeated_id_is_refused(study):
    table = pd.read_parquet(study / "examples.parquet")
    pd.concat([table, table.head(1)]).to_parquet(study / "examples.parquet")
    with pytest.raises(LexomeError, match="repeats"):
        run(study)


CLUSTERED = SETTINGS | {"method": "cluster", "identity": 0.3, "coverage": 0.8}


def run_clustered(folder, clusters):
    pd.DataFrame(clusters.items(), columns=["id", "cluster"]).to_parquet(folder / "clusters.parquet")
    paths = [folder / name for name in ("s.parquet", "s.labels.json", "s.leakage.json")]
    given = (folder / "examples.parquet", folder / "labels.json", CLUSTERED)
    split_examples(*given, *paths, folder / "clusters.parquet")
    return pd.read_parquet(paths[0]), read_json(paths[2])


def test_clusters_are_whole_and_become_the_groups(study):
    # p05 and p06 are of two clusters, but p04 and p05 of one group: these clusters are one.
    cluster = {f"p{i:02}": f"p{3 * (i // 3):02}" for i in range(24)}
    cluster["p05"] = "p05"
    cluster["p06"] = "p05"
    assignment, leakage = run_clustered(study, cluster)
    assert assignment.groupby("group")["subset"].nunique().max() == 1
    group = assignment.set_index("id")["group"]
    assert set(group) <= set(cluster.values())
    groups = {f"p{i:02}": i // 2 for i in range(24)}
    for one, other in ((a, b) for a in cluster for b in cluster):
        if cluster[one] == cluster[other] or groups[one] == groups[other]:
            assert group[one] == group[other]
    assert leakage["groups"] == group.nunique()
    about = {"tool": "mmseqs", "cover": "both", "sensitivity": 7.5, "identity": 0.3, "coverage": 0.8}
    assert leakage["clusters"] == about | {"largest": int(group.value_counts().max())}


def test_every_example_needs_its_cluster(study):
    with pytest.raises(LexomeError, match="no cluster of p01"):
        run_clustered(study, {f"p{i:02}": "p00" for i in range(24) if i != 1})


STRATIFIED = SETTINGS | {"method": "stratified"}


@pytest.fixture
def classes(tmp_path):
    """Texts of three classes, 120, 60 and 20 of them."""
    label = [0] * 120 + [1] * 60 + [2] * 20
    rows = [(f"t{i:03}", f"word{i} and word{i + 1}", f"g{i}", [c]) for i, c in enumerate(label)]
    pd.DataFrame(rows, columns=["id", "text", "group", "labels"]).to_parquet(tmp_path / "examples.parquet")
    names = [{"id": f"C{i}", "name": f"class {i}"} for i in range(3)]
    write_json(tmp_path / "labels.json", {"task": "multi_class", "labels": names})
    return tmp_path


def test_sizes_are_drawn_with_the_share_of_every_class(classes):
    sizes = {"train": 50, "test": 20}
    assignment, labels, leakage = run(classes, STRATIFIED | {"sizes": sizes})
    assert leakage["n"] == {"train": 50, "valid": 50, "test": 20}
    assert leakage["left_out"] == 80
    assert leakage["groups"] == len(assignment) == 120
    assert [label["n_train"] for label in labels["labels"]] == [30, 15, 5]
    table = pd.read_parquet(classes / "examples.parquet").merge(assignment, on="id")
    counts = table.groupby("subset")["labels"].apply(lambda rows: np.bincount(rows.str[0]).tolist())
    assert counts["valid"] == [30, 15, 5]
    assert counts["test"] == [12, 6, 2]
    again, _, _ = run(classes, STRATIFIED | {"sizes": sizes})
    pd.testing.assert_frame_equal(assignment, again)


def test_leakage_is_measured_among_the_examples_that_were_drawn(classes):
    table = pd.read_parquet(classes / "examples.parquet")
    table["text"] = "the same words"
    table.to_parquet(classes / "examples.parquet")
    settings = STRATIFIED | {"leakage": SETTINGS["leakage"] | {"unit": "word"}, "sizes": {"train": 20, "test": 9}}
    _, _, leakage = run(classes, settings)
    assert leakage["subsets"]["test"]["identical"] == leakage["subsets"]["test"]["examples"] == 9


def test_a_class_too_rare_to_be_judged_is_named(classes):
    with pytest.raises(LexomeError, match=r"class 2: fewer than 15 training examples.*min_train_examples"):
        run(classes, STRATIFIED | {"min_train_examples": 15})


def test_an_example_of_two_classes_is_named(classes):
    table = pd.read_parquet(classes / "examples.parquet")
    labels = [[0, 1], *table["labels"][1:].map(list)]
    table.assign(labels=labels).to_parquet(classes / "examples.parquet")
    with pytest.raises(LexomeError, match="1 examples do not have exactly one class, first t000"):
        run(classes, STRATIFIED)


def test_a_stratified_split_needs_classes(study):
    with pytest.raises(LexomeError, match="these are multi_label: use `random`"):
        run(study, STRATIFIED)


def test_an_official_split_takes_the_column_subset(study):
    settings = SETTINGS | {"method": "official"}
    with pytest.raises(LexomeError, match="needs examples that come with subsets"):
        run(study, settings)
    table = pd.read_parquet(study / "examples.parquet")
    # The second group stands in train and in test: p02 and p03 are equal.
    given = ["test" if i in (3, 20, 21, 22, 23) else "train" for i in range(24)]
    table.assign(subset=given).to_parquet(study / "examples.parquet")
    assignment, labels, leakage = run(study, settings)
    assert ((assignment["subset"] == "test") == (np.array(given) == "test")).all()
    # A third of the training examples, for the fractions of train and valid are 0.5 and 0.25.
    assert leakage["n"]["valid"] in (6, 7)
    assert leakage["subsets"]["valid"]["identical"] == 0
    assert leakage["subsets"]["test"]["identical"] == (assignment["subset"][2] == "train")
    assert [label["index"] for label in labels["labels"]] == [0, 1, 2]


def test_dna_is_compared_on_both_strands(study):
    examples = pd.read_parquet(study / "examples.parquet")
    rng = np.random.default_rng(0)
    half = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(12)]
    examples["sequence"] = [half[i // 2] if i % 2 else reverse_complement(half[i // 2]) for i in range(24)]
    examples.to_parquet(study / "examples.parquet")
    settings = SETTINGS | {"grouped": False, "leakage": SETTINGS["leakage"] | {"k": 12}}
    assignment, _, one = run(study, settings)
    write_json(study / "labels.json", read_json(study / "labels.json") | {"length_unit": "nucleotides"})
    _, _, both = run(study, settings)
    names = assignment.set_index("id")["subset"]
    for subset in ("valid", "test"):
        own = [int(i[1:]) for i in names.index[names == subset]]
        expected = sum(names[f"p{i ^ 1:02}"] == "train" for i in own)
        found = both["subsets"][subset]
        assert found["repeats"] == found["identical"] == found["near_duplicates"] == expected > 0
        assert one["subsets"][subset]["repeats"] == one["subsets"][subset]["near_duplicates"] == 0
