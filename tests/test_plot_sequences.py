"""plot_sequences on a made-up folder: every file is written, and what it shows comes from the right rows."""

import numpy as np
import pandas as pd
import pytest

import explained_dna
import plot_sequences
from lexome import insidepage
from lexome.insidetables import read_table

FILES = ("sequences.parquet", "attributions.npz", "attention.npz", "implants.parquet", "attribution_scores.tsv")
FILES += ("motifs.tsv", "motifs.npz", "marginal.tsv")
PICTURES = ("heatmaps.svg", "all.pdf", "zooms.svg", "logos.svg", "attention.svg", "scores.svg", "m.svg", "marginal.svg")


def draw(folder):
    plot_sequences.plot_sequences(*(str(folder / name) for name in FILES + PICTURES))
    return {name: (folder / name).read_bytes().decode("latin-1") for name in PICTURES}


def test_every_picture_is_drawn(tmp_path):
    explained_dna.write_explained(tmp_path, ("SRF",), length=50, each=2, heads=2)
    drawn = draw(tmp_path)
    assert "<image" in drawn["heatmaps.svg"]
    assert drawn["heatmaps.svg"].count("probability") == 3
    assert "SRF-bound" in drawn["heatmaps.svg"]
    assert drawn["all.pdf"].count("/Type /Page ") == 2  # bound and unbound ones
    assert "mean over heads" in drawn["attention.svg"]
    assert "DeepLIFT/SHAP" in drawn["logos.svg"]
    assert "Sanity check" in drawn["marginal.svg"]
    assert "MA0100.1" in drawn["m.svg"]


def test_measured_sequences_without_attention_known_motifs_or_implants(tmp_path):
    explained_dna.write_explained(tmp_path, ("SRF",), length=50, each=1, real=True)
    table = pd.read_csv(tmp_path / "motifs.tsv", sep="\t").assign(match="", match_name="", q=np.nan, own=False)
    table.to_csv(tmp_path / "motifs.tsv", sep="\t", index=False)
    marginal = pd.read_csv(tmp_path / "marginal.tsv", sep="\t").query("implant == 'none'")
    marginal.to_csv(tmp_path / "marginal.tsv", sep="\t", index=False)
    drawn = draw(tmp_path)
    assert "No attention" in drawn["attention.svg"]
    assert "implant of the factor" not in drawn["heatmaps.svg"]
    assert "like no known motif" in drawn["m.svg"]
    assert "No motif was planted" in drawn["marginal.svg"]


def test_attention_goes_with_its_row(tmp_path, monkeypatch):
    explained_dna.write_explained(tmp_path, ("SRF", "MAX"), length=40, each=2, heads=1)
    rows = pd.read_parquet(tmp_path / "sequences.parquet")
    rows.loc[[0, 3], "shown"] = False  # their maps are not in the file
    rows.to_parquet(tmp_path / "sequences.parquet")
    maps = np.arange(6, dtype="float32")[:, None, None, None] * np.ones((1, 1, 4, 4), dtype="float32")
    np.savez(tmp_path / "attention.npz", attention=maps)
    drawn = []
    monkeypatch.setattr(plot_sequences.dnafigures, "attention_maps", lambda pairs: drawn.extend(pairs))
    told = plot_sequences.load_explained(*(str(tmp_path / name) for name in (FILES[0], FILES[1], FILES[3])))
    plot_sequences.draw_attention(told, str(tmp_path / "attention.npz"), [1, 4])
    assert [(panel.place, values.mean()) for panel, values in drawn] == [(1, 0), (4, 2)]


@pytest.fixture
def scores(tmp_path):
    def table(**values):
        explained_dna.write_scores(tmp_path, ["SRF", "MAX"], values.pop("truths", ("implants",)), **values)
        return read_table(tmp_path / "attribution_scores.tsv")

    return table


def test_verdicts_on_attributions_go_either_way(scores):
    values = explained_dna.VALUES
    tones = [verdict["tone"] for verdict in insidepage.score_verdicts(scores())]
    assert tones == ["yes", "yes", "unknown"]
    first, rival, _ = insidepage.score_verdicts(scores(values=values | {"ism": 0.62}))
    assert first["tone"] == "yes"
    assert "no better and no worse" in rival["text"]
    lost = insidepage.score_verdicts(scores(values=values | {"ism": 0.09}))[0]
    assert lost["tone"] == "no"
    assert "does not find the implanted sites of SRF and MAX" in lost["text"]
    assert insidepage.score_verdicts(scores().iloc[:0])[0]["tone"] == "unknown"


def test_hits_are_held_against_shuffled_hits_and_not_against_the_motif_that_made_them(scores):
    real = scores(truths=("hits", "shuffled_hits"))
    found = insidepage.score_verdicts(real)
    assert [verdict["tone"] for verdict in found] == ["yes", "unknown", "yes"]
    assert not any("scan" in verdict["text"] for verdict in found)
    told = "(15.0 times chance against 1.1 times; random values 1.7 times)"
    assert found[-1]["text"] == f"Hits of motifs with shuffled columns are found less {told}."
    random = real["method"].eq("random") & real["truth"].eq("hits")
    level = real.assign(high=real["high"].where(~random, 0.9))
    assert insidepage.score_verdicts(level)[-1]["tone"] == "no"
    assert "Random values are not clearly worse" in insidepage.score_verdicts(level)[-1]["text"]
    # The same value stands against its own chance: of the hits it is more, of the shuffled ones less.
    equal = real.copy()
    equal.loc[equal["truth"] == "shuffled_hits", ["value", "low", "high", "chance"]] = 0.9, 0.86, 0.94, 0.5
    assert insidepage.score_verdicts(equal)[-1]["tone"] == "yes"
    real.loc[real["truth"] == "shuffled_hits", ["value", "low", "high", "ratio"]] = 0.9, 0.85, 0.95, 15.0
    assert insidepage.score_verdicts(real)[-1]["tone"] == "no"
    real.loc[real["truth"] == "shuffled_hits", ["low", "high"]] = np.nan
    assert insidepage.score_verdicts(real)[-1]["tone"] == "unknown"
    both = pd.concat([scores(), real])
    assert not any("hits" in verdict["text"].lower() for verdict in insidepage.score_verdicts(both))


def test_factors_without_hits_are_told(scores):
    real = scores(truths=("hits", "shuffled_hits"))
    real.loc[real["factor"] == "MAX", ["value", "low", "high", "chance", "ratio", "n"]] = [np.nan] * 5 + [0]
    *others, last = insidepage.score_verdicts(real)
    assert [verdict["tone"] for verdict in others] == ["yes", "unknown", "yes"]
    assert last["tone"] == "unknown"
    assert last["text"].startswith("No hits of MAX: not scored. Its motif is too short")
    assert {row["factor"] for row in insidepage.score_rows(real, ["ism"])} == {"mean of all", "SRF"}
    real[["value", "low", "high", "chance", "ratio"]], real["n"] = np.nan, 0
    nothing, told = insidepage.score_verdicts(real[real["factor"] != "all"])
    assert "nothing to score" in nothing["text"]
    assert told["text"].startswith("No hits of SRF and MAX: not scored. Their motifs are too short")


def test_convergence_goes_either_way():
    numbers = {"delta_median": 0.02, "delta_largest": 0.4, "share_median": 0.01, "share_of_sums": 0.01}
    told = {"integrated_gradients": numbers, "deeplift_shap": numbers | {"share_of_sums": 0.2}}
    closed = {"deeplift_shap": numbers | {"share_of_sums": 1e-7}}
    assert "less than 0.1%" in insidepage.convergence_verdicts(closed)[0]["text"]
    good, bad = insidepage.convergence_verdicts(told)
    assert (good["tone"], bad["tone"]) == ("yes", "no")
    assert good["text"].startswith("Integrated gradients add up: 1.0%")
    assert bad["text"].startswith("DeepLIFT/SHAP does not add up: 20.0%")


def test_a_study_that_knows_no_motifs_gets_no_verdict_on_them(tmp_path):
    explained_dna.write_motifs(tmp_path, ["SRF"], np.random.default_rng(0))
    motifs = read_table(tmp_path / "motifs.tsv")
    assert insidepage.motif_verdict(motifs, ["SRF"])["tone"] == "yes"
    half = insidepage.motif_verdict(motifs, ["SRF", "MAX"])
    assert half["tone"] == "no"
    assert "for 1 of 2 factors (SRF; TOMTOM's q at most 3e-08, in the pattern of most seqlets" in half["text"]
    assert half["text"].endswith("no known motif is nearer); not for MAX.")
    # Against the label, too far down the ranks, no match, or not the pattern of most seqlets.
    for change in ({"sign": -1}, {"own_rank": 12}, {"own_q": 0.06}, {"own_q": np.nan}, {"seqlets": 20}):
        other = motifs.copy()
        other.loc[0, list(change)] = list(change.values())
        if "seqlets" in change:
            other.loc[1, "sign"] = 1
        verdict = insidepage.motif_verdict(other, ["SRF"])
        assert verdict["tone"] == "no", change
        assert "for 0 of 1 factors; not for SRF" in verdict["text"]
        assert ("smaller patterns only" in verdict["text"]) == ("seqlets" in change)
    family = insidepage.motif_verdict(motifs.assign(own_rank=4, own_q=0.0114), ["SRF"])
    assert family["tone"] == "yes"
    assert "q at most 0.02" in family["text"]
    assert "among the 4 nearest known motifs" in family["text"]
    nameless = motifs.assign(match="", own=False)
    assert insidepage.motif_verdict(nameless, ["SRF"])["tone"] == "unknown"
    assert insidepage.motif_verdict(motifs.iloc[:0], ["SRF"])["tone"] == "no"
    explained_dna.write_marginal(tmp_path, ["SRF"])
    marginal = read_table(tmp_path / "marginal.tsv")
    free = marginal[marginal["implant"] == "none"]
    assert insidepage.marginal_verdict(free) is None
    assert insidepage.sanity_verdict(free) is None
    assert insidepage.marginal_verdict(marginal)["tone"] == insidepage.sanity_verdict(marginal)["tone"] == "yes"
