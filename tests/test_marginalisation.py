"""Planting changes the site and nothing else, and its effect is what another library measures."""

import numpy as np
import pytest
import torch
from torch import nn

from lexome import marginalisation
from lexome.backgrounds import DINUCLEOTIDES
from lexome.dna import decode, encode, one_hot
from lexome.motifs import Motif, scan

SITE = "GGAAGTGACT"
MOTIF = Motif("M", "M", one_hot([SITE])[0].T * 18 + 0.5)
BOOTSTRAP = {"replicates": 200, "level": 0.95, "seed": 0}


def draw(n, length, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(row) for row in rng.choice(list("ACGT"), (n, length))]


def bits_of(codes):
    """Two logits: the summed strong matches of the motif, less 4; and the share of A."""
    scores = scan(codes, MOTIF.log_odds())
    return np.stack([np.maximum(scores - 8, 0).sum(axis=(1, 2)) - 4, (codes == 0).mean(axis=1)], axis=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_backgrounds_are_shuffles_in_equal_shares():
    sequences = draw(7, 40)
    codes, groups = marginalisation.draw_backgrounds(sequences, 17, 40, seed=3)
    assert codes.shape == (17, 40)
    assert sorted(np.bincount(groups)) == [2, 2, 2, 2, 3, 3, 3]
    for text, at in zip(decode(codes), groups, strict=True):
        assert text != sequences[at]
        for pair in DINUCLEOTIDES:
            assert sum(text.startswith(pair, place) for place in range(39)) == sum(
                sequences[at].startswith(pair, place) for place in range(39)
            )
    again, _ = marginalisation.draw_backgrounds(sequences, 17, 40, seed=3)
    assert (codes == again).all()
    assert (codes != marginalisation.draw_backgrounds(sequences, 17, 40, seed=4)[0]).any()


@pytest.mark.parametrize(("copies", "expected"), [(1, [20]), (2, [10, 30]), (3, [0, 20, 40]), (4, None)])
def test_copies_lie_about_the_middle(copies, expected):
    starts = marginalisation.site_starts(50, 10, copies)
    assert (starts if starts is None else starts.tolist()) == expected


def test_planting_changes_the_sites_alone():
    codes = encode(draw(4, 50))
    sites = marginalisation.draw_sites("sampled", MOTIF, 4, 2, np.random.default_rng(0))
    before = codes.copy()
    planted = marginalisation.plant(codes, sites, np.array([10, 30]))
    assert (codes == before).all()
    assert (planted[:, 10:20] == sites[:, 0]).all()
    assert (planted[:, 30:40] == sites[:, 1]).all()
    outside = np.r_[0:10, 20:30, 40:50]
    assert (planted[:, outside] == codes[:, outside]).all()


def test_kinds_of_sites():
    rng = np.random.default_rng(0)
    consensus, sampled, shuffled = (
        decode(marginalisation.draw_sites(kind, MOTIF, 30, 1, rng)[:, 0]) for kind in marginalisation.SITES
    )
    assert set(consensus) == {SITE}
    assert {"".join(sorted(site)) for site in shuffled} == {"".join(sorted(SITE))}
    assert len(set(shuffled)) > 20
    alike = [sum(a == b for a, b in zip(site, SITE, strict=True)) for site in sampled]
    assert 6 < np.mean(alike) < 10


def test_the_string_of_motifs_is_the_published_one():
    motif = Motif("C", "C", one_hot(["CCACCAGGGGGCGC"])[0].T)
    assert decode(marginalisation.motif_string(motif, 200)) == ["CCACCAGGGGGCGC" * 14 + "AAAA"]


def test_effects_of_a_model_that_counts_sites():
    backgrounds = marginalisation.draw_backgrounds(draw(30, 90), 60, 90, seed=0)
    table = marginalisation.marginal_effects(
        bits_of, sigmoid, ["own", "letters"], {"own": MOTIF}, backgrounds, 4, BOOTSTRAP
    )
    assert list(table.columns) == list(marginalisation.COLUMNS)
    rows = table.set_index(["factor", "implant", "site", "copies", "background"])
    best = scan(encode([SITE]), MOTIF.log_odds())[0].max() - 8
    for copies in (1, 2, 3, 4):
        row = rows.loc[("own", "own", "consensus", copies, "shuffled")]
        assert row["difference"] == pytest.approx(copies * best, rel=0.05)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["n"] == 60
    sampled = rows.loc[("own", "own", "sampled", 1, "shuffled"), "difference"]
    assert 0.2 * best < sampled < 0.95 * best
    control = rows.loc[("own", "own", "shuffled", 1, "shuffled")]
    assert abs(control["difference"]) < 0.05 * best
    # What has the same letters in another order tells a model of composition the same.
    for site in ("consensus", "shuffled"):
        change = rows.loc[("letters", "own", site, 1, "shuffled"), "difference"]
        expected = (SITE.count("A") - np.mean(backgrounds[0][:, 40:50] == 0) * 10) / 90
        assert change == pytest.approx(expected, abs=1e-6)
    before = rows.loc[("own", "none", "none", 0, "shuffled")]
    assert before["probability"] == pytest.approx(sigmoid(bits_of(backgrounds[0])[:, 0]).mean())
    assert np.isnan([before["difference"], before["low"], before["high"]]).all()
    string, poly_a = rows.loc[("own", "own", "consensus", 9, "motif_string")], rows.xs("poly_A", level="background")
    assert string["probability"] > 0.99
    assert np.isnan(string["difference"])
    assert poly_a.loc[("own", "none", "none", 0), "probability"] == pytest.approx(sigmoid(-4))
    assert poly_a.loc[("letters", "none", "none", 0), "probability"] == pytest.approx(sigmoid(1))
    assert not (table["factor"] == "letters")[table["background"] == "motif_string"].any()
    again = marginalisation.marginal_effects(
        bits_of, sigmoid, ["own", "letters"], {"own": MOTIF}, backgrounds, 4, BOOTSTRAP
    )
    assert table.equals(again)


def test_what_does_not_fit_is_left_out():
    backgrounds = marginalisation.draw_backgrounds(draw(12, 25), 12, 25, seed=0)
    table = marginalisation.marginal_effects(bits_of, sigmoid, ["a", "b"], {"a": MOTIF}, backgrounds, 3, BOOTSTRAP)
    assert table.loc[table["site"] == "shuffled", "copies"].unique().tolist() == [1]


def test_intervals_widen_with_shuffles_of_few_sequences():
    """Shuffles of one sequence are no independent evidence."""
    rng = np.random.default_rng(0)
    codes = encode(draw(60, 30))
    effect = np.repeat(rng.normal(size=12), 5)

    def logits(x):
        return ((x[:, 10:20] == encode([SITE])[0]).all(axis=1) * effect)[:, None]

    widths = []
    for groups in (np.repeat(np.arange(12), 5), np.arange(60)):
        table = marginalisation.marginal_effects(logits, sigmoid, ["a"], {"a": MOTIF}, (codes, groups), 1, BOOTSTRAP)
        row = table[(table["implant"] == "a") & (table["site"] == "consensus")].iloc[0]
        widths.append(row["high"] - row["low"])
    assert widths[0] > 1.5 * widths[1]


def test_effects_are_those_that_tangermeme_measures():
    from tangermeme.marginalize import marginalize

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 6, 7), nn.GELU(), nn.Flatten(), nn.Linear(6 * 34, 2))
    codes, groups = marginalisation.draw_backgrounds(draw(20, 40), 20, 40, seed=0)

    def logits(x):
        with torch.no_grad():
            return model(torch.from_numpy(one_hot(x))).numpy()

    before, after = marginalize(model, torch.from_numpy(one_hot(codes)), SITE, device="cpu")
    table = marginalisation.marginal_effects(logits, sigmoid, ["a", "b"], {"a": MOTIF}, (codes, groups), 1, BOOTSTRAP)
    own = table[(table["implant"] == "a") & (table["site"] == "consensus") & (table["background"] == "shuffled")]
    assert own["difference"].to_numpy() == pytest.approx((after - before).mean(dim=0).numpy(), abs=1e-5)
