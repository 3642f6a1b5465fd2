"""Explaining a hand-made network on a made-up study: what is chosen, what is written, what is found."""

import json

import numpy as np
import pandas as pd
import pytest

from explain_sequences import choose, explain_sequences, score
from lexome.attributionscores import METHODS, importance
from lexome.convnets import load_network
from lexome.dna import one_hot, reverse_complement
from lexome.dnanetworks import load_scorer
from lexome.errors import LexomeError
from lexome.motifs import read_motifs
from lexome.mutagenesis import saturate
from lexome.runs import write_predictions
from planted import SITES, save_planted
from test_mutagenesis import draw

SETTINGS = {"model": "conv", "seed": 3, "examples": 3, "scored": 8, "steps": 16, "references": 4}
BOOTSTRAP = {"replicates": 50, "level": 0.95, "seed": 0}
NAMES = {"study": "s", "split": "r", "model": "conv", "seed": "3"}
WRITTEN = ("sequences.parquet", "attributions.npz", "attention.npz", "attribution_scores.tsv", "convergence.json")
COLUMNS = [
    *("study", "split", "model", "seed", "factor", "method", "truth", "metric"),
    *("value", "low", "high", "chance", "ratio", "n"),
]


def write_study(folder, n=60, length=34):
    """A study of two factors, each example known of one or both; its network reads the middle 30 nucleotides."""
    rng = np.random.default_rng(0)
    sequences, labels, measured, implants = draw(length, n, seed=1), [], [], []
    for row in range(n):
        own = [label for label in range(2) if rng.random() < 0.5]
        labels.append(own)
        measured.append([0, 1] if row % 3 else [row % 2])
        for label in own:
            site = list(SITES.values())[label]
            start, strand = int(rng.integers(2, 8)) + 14 * label, int(rng.choice([1, -1]))
            written = site if strand == 1 else reverse_complement(site)
            sequences[row] = sequences[row][:start] + written + sequences[row][start + 8 :]
            implants.append((f"e{row:02d}", list(SITES)[label], start, start + 8, strand, 9.0, "target"))
    labels = [[label for label in own if label in known] for own, known in zip(labels, measured, strict=True)]
    ids = [f"e{row:02d}" for row in range(n)]
    table = {"id": ids, "sequence": sequences, "group": ids, "labels": labels, "measured": measured}
    pd.DataFrame(table).to_parquet(folder / "examples.parquet")
    subset = np.where(np.arange(n) % 6 == 0, "train", "test")
    pd.DataFrame({"id": ids, "subset": subset, "group": ids}).to_parquet(folder / "r.parquet")
    words = {"task": "multi_label", "labels": [{"id": name, "index": at} for at, name in enumerate(SITES)]}
    for name in ("labels.json", "r.labels.json"):
        (folder / name).write_text(json.dumps(words))
    columns = ["id", "factor", "start", "end", "strand", "score", "role"]
    pd.DataFrame(implants, columns=columns).to_parquet(folder / "implants.parquet")
    save_planted(folder / "model", 30)
    scores, _ = load_scorer(folder / "model", load_network(folder / "model")[0].output.weight.device)
    tested = [row for row in range(n) if subset[row] == "test"]
    write_predictions(
        folder / "predictions.parquet", {"test": ([ids[row] for row in tested], scores([sequences[r] for r in tested]))}
    )
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    for name, site in SITES.items():
        rows = [" ".join("0.97" if letter == own else "0.01" for letter in "ACGT") for own in site]
        lines += [f"MOTIF M{name}", f"letter-probability matrix: alength= 4 w= {len(site)} nsites= 50", *rows, ""]
    (folder / "motifs.meme").write_text("\n".join(lines))


def explain(folder, out, matrices=None, **settings):
    out.mkdir(exist_ok=True)
    inputs = ("examples.parquet", "labels.json", "r.parquet", "r.labels.json", "predictions.parquet", "model")
    explain_sequences(
        *(str(folder / name) for name in (*inputs, "implants.parquet")),
        str(folder / "motifs.meme") if matrices else None,
        matrices or {},
        SETTINGS | settings,
        BOOTSTRAP,
        NAMES,
        0,
        *(str(out / name) for name in WRITTEN),
    )


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    explain(folder, folder / "out", {"ONE": "MONE"})
    return folder


def test_rows_and_arrays_belong_together(explained):
    rows = pd.read_parquet(explained / "out" / "sequences.parquet")
    assert list(rows.columns) == ["id", "factor", "bound", "probability", "logit", "sequence", "length", "shown"]
    assert rows.dtypes[["probability", "logit"]].tolist() == [np.float32] * 2
    assert rows.groupby(["factor", "bound"])["shown"].sum().tolist() == [3, 3, 3, 3]
    assert rows["bound"][~rows["shown"]].all()
    assert not rows.duplicated(["id", "factor"]).any()
    assert rows["factor"].is_monotonic_increasing
    table = pd.read_parquet(explained / "examples.parquet").set_index("id")
    for row in rows.itertuples():
        label = list(SITES).index(row.factor)
        assert label in table.loc[row.id, "measured"]
        assert (label in table.loc[row.id, "labels"]) == row.bound
        assert row.sequence == table.loc[row.id, "sequence"][2:32]
        assert row.length == 34
    subsets = pd.read_parquet(explained / "r.parquet").set_index("id")["subset"]
    assert (subsets[rows["id"]] == "test").all()
    np.testing.assert_allclose(rows["probability"], 1 / (1 + np.exp(-rows["logit"])), atol=1e-5)

    network, _ = load_network(explained / "model")
    x = one_hot(rows["sequence"].tolist())
    with np.load(explained / "out" / "attributions.npz") as arrays:
        assert tuple(arrays.files) == METHODS
        assert {arrays[name].shape for name in METHODS} == {(len(rows), 30, 4)}
        assert {arrays[name].dtype for name in METHODS} == {np.dtype(np.float32)}
        labels = rows["factor"].map(list(SITES).index).to_numpy()
        expected = saturate(network, x)[np.arange(len(rows)), labels]
        np.testing.assert_allclose(arrays["ism"], expected, atol=1e-5)
        sums = importance("integrated_gradients", arrays["integrated_gradients"], x).sum(axis=1)
    # Every path starts at the same point.
    label = rows["factor"] == "ONE"
    assert (rows["logit"] - sums)[label].std() < 0.15 * rows["logit"][label].std()
    with np.load(explained / "out" / "attention.npz") as arrays:
        assert arrays.files == []


def test_scores_are_told_for_every_truth(explained):
    table = pd.read_csv(explained / "out" / "attribution_scores.tsv", sep="\t")
    assert list(table.columns) == COLUMNS
    assert table[["study", "split", "model", "seed", "metric"]].drop_duplicates().to_numpy().tolist() == [
        ["s", "r", "conv", 3, "auprc"]
    ]
    table = table.set_index(["truth", "factor", "method"])
    for method in METHODS:
        for factor in SITES:
            assert table.loc[("implants", factor, method), "value"] > 0.9
        assert table.loc[("implants", "all", method), "ratio"] > 2.7  # of 2.9: 8 of 30 positions are true
    assert table.loc[("implants", "all", "random"), "value"] < 0.6
    # Only one factor's motif is known.
    assert table.loc[("implants", "ONE", "pwm"), "value"] == 1
    assert ("implants", "TWO", "pwm") not in table.index
    assert set(table.index.get_level_values("truth")) == {"implants"}
    assert table.loc[("implants", "all", "pwm"), "n"] == table.loc[("implants", "ONE", "pwm"), "n"]
    told = json.loads((explained / "out" / "convergence.json").read_text())
    assert set(told) == {"integrated_gradients", "deeplift_shap"}
    assert told["deeplift_shap"]["share_of_sums"] < 0.001
    assert told["deeplift_shap"]["references"] == 4
    assert told["integrated_gradients"]["steps"] == 16


def test_without_implants_the_truth_is_hits_of_the_known_motif(explained):
    rows = pd.read_parquet(explained / "out" / "sequences.parquet")
    rows = rows.assign(group=rows["id"])
    with np.load(explained / "out" / "attributions.npz") as arrays:
        arrays = dict(arrays)
    motifs = {"ONE": read_motifs(explained / "motifs.meme", ["MONE"])["MONE"]}
    names = {"study": "s", "split": "r", "model": "conv", "seed": 3}
    nothing = pd.read_parquet(explained / "implants.parquet").iloc[:0]
    settings = {"replicates": 50, "level": 0.95, "seed": 0}
    table = score(rows, arrays, one_hot(rows["sequence"].tolist()), nothing, motifs, settings, names)
    table = table.set_index(["truth", "factor", "method"])
    assert set(table.index.get_level_values("truth")) <= {"hits", "shuffled_hits"}
    assert table.loc[("hits", "ONE", "ism"), "value"] > 0.9
    assert ("hits", "TWO", "ism") not in table.index


def test_own_hits_are_not_ranked_for_shuffled_hits(explained, monkeypatch):
    rows = pd.read_parquet(explained / "out" / "sequences.parquet")
    rows = rows.assign(group=rows["id"])
    motifs = read_motifs(explained / "motifs.meme", ["MONE", "MTWO"])
    told = {}
    monkeypatch.setattr(
        "lexome.attributionscores.score", lambda cases, *rest: told.update(cases) or pd.DataFrame(columns=COLUMNS[4:])
    )
    nothing = pd.read_parquet(explained / "implants.parquet").iloc[:0]
    letters = one_hot(rows["sequence"].tolist())
    score(rows, {}, letters, nothing, {name: motifs[f"M{name}"] for name in SITES}, BOOTSTRAP, NAMES)
    assert set(told) == set(SITES)
    for case in told.values():
        assert case["truths"]["hits"].any()
        assert set(case["left_out"]) == {"shuffled_hits"}
        np.testing.assert_array_equal(case["left_out"]["shuffled_hits"], case["truths"]["hits"])


def test_the_same_seed_gives_the_same_files(explained):
    explain(explained, explained / "again", {"ONE": "MONE"})
    for name in WRITTEN:
        assert (explained / "again" / name).read_bytes() == (explained / "out" / name).read_bytes()
    explain(explained, explained / "other", {"ONE": "MONE"}, seed=4)
    rows = [pd.read_parquet(explained / out / "sequences.parquet")["id"].tolist() for out in ("out", "other")]
    assert rows[0] != rows[1]


def test_real_sequences_without_motifs_have_no_scores(explained):
    implants = pd.read_parquet(explained / "implants.parquet")
    try:
        implants.iloc[:0].to_parquet(explained / "implants.parquet")
        explain(explained, explained / "real", scored=0)
    finally:
        implants.to_parquet(explained / "implants.parquet")
    table = pd.read_csv(explained / "real" / "attribution_scores.tsv", sep="\t")
    assert (list(table.columns), len(table)) == (COLUMNS, 0)
    assert len(pd.read_parquet(explained / "real" / "sequences.parquet")) == 12


def test_predictions_of_another_model_are_refused(explained, tmp_path):
    kept = (explained / "predictions.parquet").read_bytes()
    table = pd.read_parquet(explained / "predictions.parquet")
    try:
        scores = np.stack(table["scores"].to_numpy())[::-1]
        write_predictions(explained / "predictions.parquet", {"test": (table["id"].tolist(), scores)})
        with pytest.raises(LexomeError, match="train the run again"):
            explain(explained, tmp_path / "out")
        write_predictions(explained / "predictions.parquet", {"test": (table["id"].tolist()[1:], scores[1:])})
        with pytest.raises(LexomeError, match="no prediction of 1 test examples, the first is e01"):
            explain(explained, tmp_path / "out")
    finally:
        (explained / "predictions.parquet").write_bytes(kept)


def test_few_examples_are_all_shown():
    bound = np.array([[True, False], [True, False], [False, False], [False, False]])
    known = np.array([[True, True], [True, False], [True, False], [False, True]])
    rows = choose(bound, known, shown=5, scored=10, seed=0)
    assert sorted(map(tuple, rows[["label", "place"]].to_numpy())) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 3)]
    assert rows["shown"].all()
    rest = choose(bound, known, shown=1, scored=10, seed=0)
    assert (~rest["shown"]).sum() == 1
    assert rest["place"][rest["label"] == 0].nunique() == 3
