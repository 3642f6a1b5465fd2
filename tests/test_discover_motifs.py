"""A network whose first layer holds a motif is found to hold it, and to answer to it."""

import numpy as np
import pandas as pd
import pytest
import torch

from discover_motifs import COLUMNS, describe, discover_motifs, free
from lexome.convnets import ConvNetwork, save_network
from lexome.dna import encode, one_hot, reverse_complement
from lexome.motifdiscovery import Pattern
from lexome.motifs import Motif
from lexome.runs import load_test
from lexome.runtime import write_json

SITE, LENGTH = "GGAAGTGACT", 70
SETTINGS = {"seed": 0, "discovery": 60}
BOOTSTRAP = {"replicates": 100, "level": 0.95, "seed": 0}


def network():
    """Label KNOWN sees the site on either strand, UNKNOWN nothing."""
    model = ConvNetwork(2, LENGTH, 1, 2, 10, 2, False, 0, 1, 1, [], 0.0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
        layer = model.convolutions[0].convolution
        for at, site in enumerate((SITE, reverse_complement(SITE))):
            layer.weight[at, :, 0] = torch.from_numpy(one_hot([site])[0])
        layer.bias[:] = -7.0
        model.output.weight[0] = 3.0
        model.output.bias[0] = -4.0
    return model.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=(100, LENGTH)).astype(np.uint8)
    # The first 70 are bound by KNOWN, 12 more by UNKNOWN; the last 18 by none.
    for row in range(70):
        start = rng.integers(12, LENGTH - 22)
        codes[row, start : start + 10] = encode([SITE if row % 2 else reverse_complement(SITE)])[0]
    labels = [[0]] * 70 + [[1]] * 12 + [[]] * 18
    ids = [f"s{row:03d}" for row in range(100)]
    sequences = ["".join("ACGT"[at] for at in row) for row in codes]
    examples = pd.DataFrame({"id": ids, "sequence": sequences, "labels": labels, "subset": "test"})
    examples["measured"] = [None] * 99 + [[1]]
    trained = pd.DataFrame({"id": ["t"], "sequence": [SITE], "labels": [[0]], "subset": "train", "measured": [None]})
    pd.concat([examples, trained]).to_parquet(folder / "examples.parquet")
    assignment = pd.DataFrame({"id": [*ids[::-1], "t"], "subset": ["test"] * 100 + ["train"]})
    assignment.assign(group="g").to_parquet(folder / "split.parquet")
    names = [{"id": name, "name": name, "index": at} for at, name in enumerate(("KNOWN", "UNKNOWN"))]
    for name in ("labels.json", "split.labels.json"):
        write_json(folder / name, {"task": "multi_label", "labels": names})
    save_network(network(), folder / "model", ["KNOWN", "UNKNOWN"], {"task": "multi_label", "reverse_complement": True})
    text = "MEME version 4\n\nALPHABET= ACGT\n"
    matrices = [rng.dirichlet([0.3] * 4, 9) for _ in range(50)] + [one_hot([SITE])[0].T * 0.88 + 0.03]
    for at, matrix in enumerate(matrices):
        rows = "\n".join(" ".join(f"{value:.4f}" for value in row) for row in matrix)
        text += f"\nMOTIF M{at} name{at}\nletter-probability matrix: alength= 4 w= {len(matrix)}\n{rows}\n"
    (folder / "known.meme").write_text(text)
    return folder


def run(files, folder, motif_file, settings=SETTINGS):
    discover_motifs(
        *(files / name for name in ("examples.parquet", "labels.json", "split.parquet", "split.labels.json", "model")),
        motif_file,
        {"KNOWN": "M50"},
        settings,
        BOOTSTRAP,
        0,
        folder / "motifs.tsv",
        folder / "motifs.npz",
        folder / "marginal.tsv",
    )
    tables = [pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False) for name in ("motifs", "marginal")]
    with np.load(folder / "motifs.npz") as arrays:
        return *tables, dict(arrays)


def test_the_motif_of_a_network_is_found_and_answered_to(files, tmp_path):
    motifs, marginal, arrays = run(files, tmp_path, files / "known.meme")
    assert tuple(motifs.columns) == COLUMNS
    assert set(motifs["factor"]) == {"KNOWN"}
    first = motifs.iloc[0]
    assert (first["pattern"], first["rank"], first["sign"]) == ("positive_1", 1, 1)
    assert (first["match"], first["match_name"], str(first["own"]), int(first["own_rank"])) == (
        "M50",
        "name50",
        "True",
        1,
    )
    assert float(first["p"]) < 1e-8
    assert SITE[2:8] in first["consensus"]
    assert first["seqlets"] >= 20
    assert arrays["KNOWN/positive_1"].shape == (first["width"], 4)
    assert arrays["KNOWN/positive_1"].dtype == np.float32
    assert arrays["KNOWN/positive_1"].sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert arrays["KNOWN/positive_1/contributions"].sum() > 0
    assert arrays["matches/M50"].shape == (10, 4)

    rows = marginal.set_index(["factor", "implant", "site", "copies", "background"]).replace("", np.nan).astype(float)
    for copies in (1, 2, 3):
        planted = rows.loc[("KNOWN", "KNOWN", "consensus", copies, "shuffled")]
        # Three times GELU(3) of a perfect match, on either strand; what it replaces may have been a little below 0.
        assert planted["difference"] == pytest.approx(copies * 3 * 2.996, rel=0.06)
        assert 0 < planted["low"] <= planted["high"]
        assert rows.loc[("UNKNOWN", "KNOWN", "consensus", copies, "shuffled"), "difference"] == 0
    assert abs(rows.loc[("KNOWN", "KNOWN", "shuffled", 1, "shuffled"), "difference"]) < 1
    assert rows.loc[("KNOWN", "none", "none", 0, "shuffled"), "probability"] < 0.1
    assert rows.loc[("KNOWN", "KNOWN", "consensus", 7, "motif_string"), "probability"] > 0.99
    assert rows.loc[("KNOWN", "none", "none", 0, "poly_A"), "probability"] < 0.05


def test_without_known_motifs_nothing_is_matched_or_planted(files, tmp_path):
    motifs, marginal, arrays = run(files, tmp_path, None, SETTINGS | {"discovery": 20})
    assert len(motifs) == 0
    assert tuple(motifs.columns) == COLUMNS
    assert arrays == {}
    assert set(marginal["implant"]) == {"none"}
    assert set(marginal["background"]) == {"shuffled", "poly_A"}


def test_unknown_labels_and_other_subsets_are_left_out(files):
    names = ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")
    table, targets, known = load_test(*(files / name for name in names))
    bound = targets == 1
    assert list(table.columns) == ["id", "group", "text"]
    assert not (bound & ~known).any()
    assert len(table) == len(bound) == 100
    assert bound.sum(axis=0).tolist() == [70, 12]
    assert bound[table["id"].tolist().index("s000")].tolist() == [True, False]
    assert len(free(table["text"], bound)) == 18
    assert len(free(table["text"], np.ones((100, 2), dtype=bool))) == 100


def test_patterns_are_numbered_by_sign():
    rng = np.random.default_rng(0)
    patterns = [Pattern(sign, 20, rng.dirichlet([1] * 4, 6), np.zeros((6, 4))) for sign in (1, 1, -1)]
    rows, arrays = describe("F", patterns, {}, None)
    assert [row["pattern"] for row in rows] == ["positive_1", "positive_2", "negative_1"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert not any(row["own"] for row in rows)
    assert "F/negative_1/contributions" in arrays
    known = {"K": Motif("K", "k", np.ones((5, 4)))}
    rows, arrays = describe("F", patterns[:1], known, None)
    assert rows[0]["match"] == "K"
    assert arrays["matches/K"] == pytest.approx(0.25)
