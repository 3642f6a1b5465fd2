"""What the report says of an explained DNA network: verdicts from the tables, and the tables for people."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.insidetables import BOUND, FREE, planted_rows, read_table, sanity_rows
from lexome.logos import METHODS
from lexome.motifdiscovery import ENOUGH, NEAREST
from lexome.reporting import figure_text, number_text
from lexome.runtime import read_json

# Times chance (the average precision expected of a random order) that mutagenesis has to reach for every factor.
SURE = 5.0
# Heads of the table of scores.
SHORT = {"ism": "mutagenesis", "integrated_gradients": "int. gradients", "pwm": "known motif"}
CLOSED = 0.05  # of what attributions should add up to, the largest share that they may miss


def describe(tables: Mapping[str, str]) -> dict:
    """Verdicts and tables of a run.

    Parameters
    ----------
    tables
        Paths: `scores`, `motifs`, `marginal` (TSV) and `convergence` (JSON).

    Returns
    -------
    dict
        `verdicts` (dicts `tone`: "yes", "no" or "unknown", and `text`), `methods`, `scores` (a dict a factor and truth:
        `factor`, `truth`, `chance` and `cells`, one a method), `motifs` and `sanity` (rows).
    """
    scores, motifs, marginal = (read_table(tables[name]) for name in ("scores", "motifs", "marginal"))
    found = [
        *score_verdicts(scores),
        motif_verdict(motifs, list(dict.fromkeys(marginal["factor"]))),
        marginal_verdict(marginal),
        sanity_verdict(marginal),
        *convergence_verdicts(read_json(tables["convergence"])),
    ]
    present = set(scores["method"])
    methods = [name for name in METHODS if name in present] + sorted(present - set(METHODS))
    return {
        "verdicts": [verdict for verdict in found if verdict],
        "methods": [SHORT.get(name, METHODS.get(name, name)) for name in methods],
        "scores": score_rows(scores, methods),
        "motifs": motif_rows(motifs),
        "sanity": sanity_rows(marginal),
    }


def score_verdicts(scores: pd.DataFrame) -> list[dict]:
    """Whether mutagenesis points at the sites, against chance, the known motif alone and the other methods."""
    every, scores = scores, scores[scores["value"].notna()]
    if scores.empty:
        return [_verdict("unknown", "There was nothing to score the attributions against."), *_unscored(every, "hits")]
    verdicts = []
    for truth, what in (("implants", "the implanted sites"), ("hits", "the hits of the factors' known motifs")):
        own = scores[(scores["truth"] == truth) & (scores["method"] == "ism")]
        if own.empty or verdicts:  # where it is known what was implanted, hits of the motif say nothing more
            continue
        verdicts.append(_against_chance(own, what))
        # A scan with a motif finds the hits of that motif by its making: no rival there.
        verdicts += _against_others(
            scores[(scores["truth"] == truth) & ((truth != "hits") | (scores["method"] != "pwm"))]
        )
        if truth == "hits":
            verdicts += _against_shuffled(scores)
        verdicts += _unscored(every, truth)
    return verdicts


def _unscored(scores: pd.DataFrame, truth: str) -> list[dict]:
    """Of which factors nothing was there to find: they are in no mean."""
    best = scores[scores["truth"] == truth].groupby("factor", sort=False)["n"].max()
    without = best.index[best == 0].tolist()
    if not without:
        return []
    if truth != "hits":
        return [_verdict("unknown", f"No implanted sites of {_names(without)}: not scored.")]
    many = len(without) > 1
    text = f"No hits of {_names(without)}: not scored. {'Their motifs are' if many else 'Its motif is'}"
    return [_verdict("unknown", f"{text} too short or too vague, or in none of the sequences.")]


def _against_chance(own: pd.DataFrame, what: str) -> dict:
    single = own[own["factor"] != "all"]
    single = single if len(single) else own
    weakest = single.loc[single["ratio"].idxmin()]
    average = own[own["factor"] == "all"]
    told = (average if len(average) else single).iloc[0].to_dict()
    text = (
        f"auPRC over positions {figure_text(told)}, {_times(told['ratio'])} chance; weakest for "
        f"{weakest['factor']} ({figure_text(weakest.to_dict())}, {_times(weakest['ratio'])} chance)."
    )
    no_better = (single["low"] <= single["chance"]) | (single["value"] <= single["chance"])
    if no_better.any():
        lost = _names(single.loc[no_better, "factor"])
        return _verdict("no", f"In-silico mutagenesis does not find {what} of {lost}: {text}")
    if (single["ratio"] < SURE).any():
        few = _names(single.loc[single["ratio"] < SURE, "factor"])
        return _verdict(
            "no", f"In-silico mutagenesis finds {what}, but less than {SURE:g} times chance of {few}: {text}"
        )
    return _verdict(
        "yes", f"In-silico mutagenesis finds {what}, of every factor at least {SURE:g} times chance: {text}"
    )


def _against_others(scores: pd.DataFrame) -> list[dict]:
    """Mutagenesis beside the known motif, and the best of the other methods."""
    average = scores[scores["factor"] == "all"].set_index("method")
    if "ism" not in average.index:
        return []
    own, verdicts = average.loc["ism"], []
    if "pwm" in average.index:
        rival = average.loc["pwm"]
        told = f"({figure_text(own.to_dict())} against {figure_text(rival.to_dict())})"
        if own["low"] > rival["high"]:
            verdicts.append(_verdict("yes", f"It finds them better than a scan with the known motifs does {told}."))
        elif own["high"] < rival["low"]:
            verdicts.append(_verdict("no", f"A scan with the known motifs finds them better than it does {told}."))
        else:
            text = (
                f"It finds them no better and no worse than a scan with the known motifs, as far as can be told {told}."
            )
            verdicts.append(_verdict("no", text))
    others = average[~average.index.isin(["ism", "pwm", "random"])]["value"].sort_values(ascending=False)
    if len(others):
        told = ", ".join(f"{METHODS.get(name, name)} {number_text(value)}" for name, value in others.items())
        verdicts.append(_verdict("unknown", f"The other methods: {told}."))
    return verdicts


def _against_shuffled(scores: pd.DataFrame) -> list[dict]:
    rows = scores[(scores["method"] == "ism") & (scores["factor"] == "all")].set_index("truth")
    if not {"hits", "shuffled_hits"} <= set(rows.index):
        return []
    real, control = rows.loc["hits"], rows.loc["shuffled_hits"]
    random = scores[(scores["method"] == "random") & (scores["factor"] == "all") & (scores["truth"] == "hits")]
    told = f"{_times(real['ratio'])} chance against {_times(control['ratio'])}"
    told = f"({told}; random values {_times(random['ratio'].iloc[0])})" if len(random) else f"({told})"
    if not np.isfinite([real["low"], control["high"]]).all():
        return [_verdict("unknown", f"Hits of motifs with shuffled columns are too few for an interval {told}.")]
    # The two truths cover different shares of the positions: what can be compared is how far each is above its chance.
    least = real["low"] / real["chance"]
    if (random["high"] / random["chance"] >= least).any():
        return [_verdict("no", f"Random values are not clearly worse at finding the hits {told}.")]
    if least > control["high"] / control["chance"]:
        return [_verdict("yes", f"Hits of motifs with shuffled columns are found less {told}.")]
    return [_verdict("no", f"Hits of motifs with shuffled columns are not clearly found less {told}.")]


def motif_verdict(motifs: pd.DataFrame, factors: Sequence[str]) -> dict:
    """Whether the motifs found in the network are the factors' own; nothing may have been found of some factor."""
    if motifs.empty:
        return _verdict("no", "No motif was found in the attributions.")
    if not (motifs["match"] != "").any():
        text = f"TF-MoDISco finds {len(motifs)} motifs; the study names no known ones to match them with."
        return _verdict("unknown", text)
    pro = motifs[motifs["sign"] > 0].sort_values("seqlets", ascending=False, kind="stable")
    near = (pro["own_q"] <= ENOUGH) & (pro["own_rank"] <= NEAREST)
    first = ~pro["factor"].duplicated()
    own = pro[near & first & pro["factor"].isin(factors)]
    good = [name for name in factors if name in set(own["factor"])]
    bad = [name for name in factors if name not in good]
    smaller = [name for name in bad if name in set(pro.loc[near, "factor"])]
    text = f"TF-MoDISco finds the factor's own motif for {len(good)} of {len(factors)} factors"
    if good:
        text += f" ({_names(good)}; TOMTOM's q at most {_at_most(own['own_q'].max())}, in the pattern of most seqlets "
        text += "that speaks for the factor; "
        rank = int(own["own_rank"].max())
        family = f"among the {rank} nearest known motifs: those of a family (MAX, MYC and HEY) can hardly be told apart"
        text += f"{'no known motif is nearer' if rank == 1 else family})"
    text += f"; not for {_names(bad)}" if bad else ""
    text += f" (for {_names(smaller)} in smaller patterns only)" if smaller else ""
    return _verdict("no" if bad else "yes", f"{text}.")


def marginal_verdict(marginal: pd.DataFrame) -> dict | None:
    """Whether planting a factor's motif raises its own logit, and more than other motifs do."""
    rows = planted_rows(marginal)
    rows = rows[rows["copies"] == 1]
    own = rows[rows["factor"] == rows["implant"]]
    if own.empty:
        return None
    raised = own[own["low"] > 0]["factor"].tolist()
    largest = rows.loc[rows.groupby("factor")["difference"].idxmax()]
    specific = set(largest.loc[largest["factor"] == largest["implant"], "factor"])
    good = [name for name in raised if name in specific]
    bad = [name for name in own["factor"] if name not in good]
    text = (
        f"One planted copy of a factor's motif raises its logit, and more than any other motif does, for {len(good)} "
        f"of {len(own)} factors (by {number_text(own['difference'].min())} to {number_text(own['difference'].max())})"
    )
    return _verdict("no" if bad else "yes", text + (f"; not for {_names(bad)}." if bad else "."))


def sanity_verdict(marginal: pd.DataFrame) -> dict | None:
    """Whether a string of each motif counts as bound and poly-A as unbound."""
    rows = sanity_rows(marginal)
    if not rows:
        return None
    bad = [row["factor"] for row in rows if not row["passed"]]
    what = f"a string of the motif scores at least {BOUND:g} and poly-A at most {FREE:g}"
    if not bad:
        return _verdict("yes", f"The sanity check is passed by all {len(rows)} factors: {what}.")
    return _verdict("no", f"The sanity check ({what}) is failed by {len(bad)} of {len(rows)} factors: {_names(bad)}.")


def convergence_verdicts(told: Mapping[str, Mapping]) -> list[dict]:
    """Whether attributions that should add up to a change of the logit do."""
    verdicts = []
    for method, numbers in told.items():
        share, title = numbers["share_of_sums"], METHODS.get(method, method)
        what = (
            f"{_percent(share)} of the change of the logit is missed or overshot "
            f"(median {numbers['delta_median']:.1g}, largest {numbers['delta_largest']:.1g})."
        )
        start = f"{title[0].upper()}{title[1:]}"
        if share <= CLOSED:
            verdicts.append(_verdict("yes", f"{start} adds up: {what}".replace("gradients adds", "gradients add")))
        else:
            start = f"{start} does not add up".replace("gradients does", "gradients do")
            verdicts.append(_verdict("no", f"{start}: {what}"))
    return verdicts


def score_rows(scores: pd.DataFrame, methods: Sequence[str]) -> list[dict]:
    """A row a factor and truth, the mean of all factors first; a cell a method, or None."""
    titles = {"implants": "implants", "hits": "motif hits", "shuffled_hits": "shuffled hits"}
    rows, scores = [], scores[scores["value"].notna()]
    for truth in [name for name in titles if name in set(scores["truth"])]:
        part = scores[scores["truth"] == truth]
        names = sorted(dict.fromkeys(part["factor"]), key=lambda name: name != "all")
        for factor in names:
            own = part[part["factor"] == factor].set_index("method")
            cells = [
                own.loc[method, ["value", "low", "high", "ratio", "n"]].to_dict()
                if method in own.index and np.isfinite(own.loc[method, "value"])
                else None
                for method in methods
            ]
            chance = float(own["chance"].mean())
            factor_title = "mean of all" if factor == "all" else factor
            rows.append({"factor": factor_title, "truth": titles[truth], "chance": chance, "cells": cells})
    return rows


def motif_rows(motifs: pd.DataFrame) -> list[dict]:
    """Rows of the table of motifs; `q` is None where no known motif is like it."""
    rows = []
    for row in motifs.to_dict("records"):
        row["q"] = float(row["q"]) if np.isfinite(row["q"]) else None
        row["seqlets"] = int(row["seqlets"])
        rows.append(row)
    return rows


def _at_most(value: float) -> str:
    """One digit, rounded up: what the value does not exceed."""
    if not value > 0:
        return "0"
    unit = 10.0 ** np.floor(np.log10(value))
    return f"{np.ceil(value / unit - 1e-6) * unit:.1g}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times"


def _names(names: Sequence[str]) -> str:
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _verdict(tone: str, text: str) -> dict:
    return {"tone": tone, "text": text}
