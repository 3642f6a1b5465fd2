"""What the report says: verdicts, summary lines, tables, leakage notes and sources, from the files of a run."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.ceiling import CEILING, of_ceiling
from lexome.look import lower_is_better, metric_title, plural
from lexome.runtime import read_tsv

SUBSETS = ("test", "test_distant", "valid")
SUBSET_TITLES = {"test": "test", "test_distant": "distant test", "valid": "valid"} | {
    "test_none": "test, nothing known before",
    "test_limited": "test, other aspects known before",
    "test_partial": "test, terms gained",
}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read `comparison.tsv` or `differences.tsv`; figures are floats (NaN where empty), the rest is text."""
    return read_tsv(path, numbers=("value", "difference", "low", "high", "n", "seeds", "p", "p_holm"))


def find(table: pd.DataFrame, **where: str) -> dict | None:
    """The first row with these values, as a dict or None; measured rows unless `source` is asked for."""
    if "source" in table and "source" not in where:
        where["source"] = "measured"
    for name, value in where.items():
        table = table[table[name] == value]
    return None if table.empty else table.iloc[0].to_dict()


def best_model(comparison: pd.DataFrame, metric: str, trivial: str) -> str | None:
    """The model with the best `metric` on valid, the trivial one aside; None where there is no other.

    Test figures have no say in this choice.
    """
    rows = comparison[(comparison["source"] == "measured") & (comparison["subset"] == "valid")]
    rows = rows[(rows["metric"] == metric) & (rows["model"] != trivial) & rows["value"].notna()]
    if rows.empty:
        return None
    return rows.sort_values(["value", "model"], ascending=[lower_is_better(metric), True])["model"].iloc[0]


def figure_text(row: Mapping | None, dash: str = "–", signed: bool = False) -> str:
    """`0.312 [0.295-0.331]` of a row with value (or difference), low and high; "" where there is no value."""
    if row is None:
        return ""
    value = row["value"] if "value" in row else row["difference"]
    if not np.isfinite(value):
        return ""
    interval = interval_text(row["low"], row["high"], dash, signed)
    return number_text(value, signed) + (f" [{interval}]" if interval else "")


def interval_text(low: float | None, high: float | None, dash: str = "–", signed: bool = False) -> str:
    """`0.295-0.331`; `to` between negative or signed numbers, where a dash would be misread; "" for none."""
    if low is None or high is None or not (np.isfinite(low) and np.isfinite(high)):
        return ""
    between = " to " if signed or min(low, high) < 0 else dash
    return f"{number_text(low, signed)}{between}{number_text(high, signed)}"


def number_text(value: float, signed: bool = False) -> str:
    """Three decimals below 10, one below 1,000, none above."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:{'+' if signed else ''},.{decimals}f}".replace("-", "−")


def verdict(comparison: pd.DataFrame, differences: pd.DataFrame, metric: str, trivial: str) -> dict[str, str]:
    """One plain sentence on whether the model chosen on valid beats the trivial baseline on test.

    Returns
    -------
    `text`, and `tone`: "yes" where the interval of the paired difference lies on the better side of 0, "no"
    where it does not, "unknown" where there is nothing to say it by.
    """
    best, title = best_model(comparison, metric, trivial), metric_title(metric)
    row = best and find(differences, subset="test", metric=metric, model=best, reference=trivial)
    if not best:
        return {
            "tone": "unknown",
            "text": f"No model was compared to the trivial baseline {trivial} in {title}.",
        }
    if not row or not np.isfinite(row["difference"]):
        return {"tone": "unknown", "text": f"{best} could not be compared to {trivial} in {title} on test."}
    if _gain(row, metric) is None:
        rows = differences[(differences["subset"] == "test") & (differences["metric"] == metric)]
        winners = [other["model"] for other in rows.to_dict("records") if _gain(other, metric)]
        start = "The model chosen on valid does not" if winners else "No model clearly"
        how = figure_text(row, signed=True)
        text = f"{start} beat{'s' * (not winners)} the trivial baseline: {best} differs from {trivial} by {how}"
        return {"tone": "no", "text": f"{text} in {title} on test."}
    text = f"{best} beats {trivial} by {_gain(row, metric)} in {title} on test"
    far = find(differences, subset="test_distant", metric=metric, model=best, reference=trivial)
    if far and np.isfinite(far["difference"]) and not np.isfinite(far["low"]):
        text += "; distant test has too few examples to tell"
    elif far and np.isfinite(far["difference"]):
        gain = _gain(far, metric)
        far_text = figure_text(far, signed=True)
        text += f", and by {gain} on distant test" if gain else f"; on distant test it does not ({far_text})"
    return {"tone": "yes", "text": text + "."}


def _gain(row: Mapping, metric: str) -> str | None:
    """The difference in the better direction, where its interval excludes 0; else None."""
    sign = -1 if lower_is_better(metric) else 1
    low, high = sorted((sign * row["low"], sign * row["high"]))
    if not low > 0:
        return None
    return figure_text({"value": sign * row["difference"], "low": low, "high": high})


def summary_line(comparison: pd.DataFrame, headline: Sequence[str], trivial: str, nouns: Sequence[str] = ()) -> str:
    """One line on how good a study's models are under one split, from its `comparison.tsv` alone.

    Parameters
    ----------
    headline
        Metrics; the first one judges, and published values of the first that has some are told.
    nouns
        What examples and labels are called; a metric `<noun>_...` counts that noun in its column n.
    """
    where = f"{comparison['study'].iloc[0]}/{comparison['split'].iloc[0]}" if len(comparison) else "empty comparison"
    best = best_model(comparison, headline[0], trivial)
    base = find(comparison, subset="test", metric=headline[0], model=trivial)
    title = metric_title(headline[0])
    if best is None:
        return f"{where}: {title} {trivial} {figure_text(base, '-') or 'undefined'}, no other model"
    row = find(comparison, subset="test", metric=headline[0], model=best)
    notes = [", ".join(_counts(comparison, headline, best, nouns))]
    far = find(comparison, subset="test_distant", metric=headline[0], model=best)
    if far and np.isfinite(far["value"]):
        far_base = find(comparison, subset="test_distant", metric=headline[0], model=trivial)
        notes.append(f"distant test {figure_text(far, '-')} vs {_number(far_base)}")
    notes.append(_published_note(comparison, headline, best, trivial))
    notes = "; ".join(note for note in notes if note)
    against = f"{trivial} {_number(base)}"
    text = f"{where}: {title} {best} {figure_text(row, '-') or 'undefined'} vs {against}"
    return text + (f" ({notes})" if notes else "")


def _number(row: Mapping | None) -> str:
    return number_text(row["value"]) if row and np.isfinite(row["value"]) else "undefined"


def _counts(comparison: pd.DataFrame, headline: Sequence[str], model: str, nouns: Sequence[str]) -> Iterable[str]:
    for noun in nouns:
        for metric in headline:
            row = find(comparison, subset="test", metric=metric, model=model)
            if metric.startswith(f"{noun}_") and row and np.isfinite(row["n"]):
                yield f"{int(row['n']):,} {plural(noun)}"
                break


def _published_note(comparison: pd.DataFrame, headline: Sequence[str], best: str, trivial: str) -> str:
    for place, metric in enumerate(headline):
        values = published(comparison, metric)["value"]
        if values.empty:
            continue
        span = " and ".join(dict.fromkeys(number_text(value) for value in values.sort_values()))
        if place == 0:
            return f"published {span}"
        here = find(comparison, subset="test", metric=metric, model=best)
        base = find(comparison, subset="test", metric=metric, model=trivial)
        theirs = f"published {span} {'are' if ' and ' in span else 'is'} {metric_title(metric)}"
        ours = figure_text(here, "-") or "undefined"
        return f"{theirs}, where {best} has {ours} and {trivial} {_number(base)}"
    return ""


def published(comparison: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Test rows of `metric` that others published."""
    others = comparison[(comparison["source"] != "measured") & (comparison["subset"] == "test")]
    others = others[~of_ceiling(others)]
    return others[(others["metric"] == metric) & others["value"].notna()]


def pivot(table: pd.DataFrame, columns: Sequence[tuple[str, str]], trivial: str) -> list[dict]:
    """Rows of a table for people: one a (model, source), a cell a (metric, subset) in the order of `columns`.

    Parameters
    ----------
    table
        `comparison.tsv` or `differences.tsv`.

    Returns
    -------
    Dicts `model`, `source`, `published` (or from the annotators: `ceiling` too) and `trivial` (bool), `seeds` (int or
    None) and `cells`: per column
    None or `value`, `low`, `high` (None where empty), `n`, `excludes_0` (bool: the interval does) and `p` (text, see
    `with_p`). The best row in the first column comes first, rows without a figure there last.
    """
    name = "value" if "value" in table else "difference"
    source = table["source"] if "source" in table else pd.Series("measured", index=table.index)
    rows = []
    for (model, origin), part in table.assign(source=source).groupby(["model", "source"], sort=True):
        known = part[part[name].notna()].drop_duplicates(["metric", "subset"]).set_index(["metric", "subset"])
        cells = [_cell(known.loc[column], name) if column in known.index else None for column in columns]
        if not any(cells):
            continue
        seeds = part["seeds"].max() if "seeds" in part else np.nan
        rows.append(
            {
                "model": model,
                "source": origin,
                "published": origin != "measured",
                "ceiling": origin != "measured" and model == CEILING,
                "trivial": model == trivial,
                "seeds": int(seeds) if np.isfinite(seeds) else None,
                "cells": cells,
            }
        )
    sign = 1 if columns and lower_is_better(columns[0][0]) else -1
    return sorted(rows, key=lambda row: sign * row["cells"][0]["value"] if row["cells"][0] else np.inf)


def contrast_rows(differences: pd.DataFrame, columns: Sequence[tuple[str, str]]) -> list[dict]:
    """As `pivot`, for pairs of models in the order of the table: the first of each pair with its `reference`."""
    pairs = dict.fromkeys(zip(differences["model"], differences["reference"], strict=True))
    rows = []
    for model, reference in pairs:
        own = differences[(differences["model"] == model) & (differences["reference"] == reference)]
        rows += [row | {"reference": reference} for row in pivot(own, columns, trivial="")]
    return rows


def contrast_notes(contrasts: pd.DataFrame, metric: str) -> list[str]:
    """A plain sentence for each reference: which models are better or worse than it on test, and which cannot be told.

    Parameters
    ----------
    contrasts
        The rows of `differences.tsv` that are not against the trivial model.
    """
    rows = contrasts[(contrasts["subset"] == "test") & (contrasts["metric"] == metric)].dropna(subset=["low", "high"])
    notes = []
    for reference, own in rows.groupby("reference", sort=False):
        told: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
        for row in own.to_dict("records"):
            clear = row["low"] > 0 or row["high"] < 0
            kind = "not told apart" if not clear else "better" if _gain(row, metric) else "worse"
            value = {"value": row["difference"], "low": row["low"], "high": row["high"]}
            told[kind].append(f"{row['model']} ({figure_text(value, signed=True)})")
        parts = [f"{kind}: {', '.join(models)}" for kind, models in told.items() if models]
        notes.append(f"Against {reference} in {metric_title(metric)} on test, {'; '.join(parts)}.")
    return notes


def all_contrast_notes(contrasts: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """The sentences of `contrast_notes`, each pair in the first of the metrics that both of its models have."""
    test = contrasts[contrasts["subset"] == "test"].dropna(subset=["low", "high"])
    names = pd.Series(list(zip(test["model"], test["reference"], strict=True)), index=test.index, dtype=object)
    notes, told = [], set()
    for metric in metrics:
        new = (test["metric"] == metric) & ~names.isin(told)
        notes += contrast_notes(test[new], metric)
        told |= set(names[new])
    return notes


def with_p(differences: pd.DataFrame, trivial: str, replicates: int | None) -> pd.DataFrame:
    """The table with a column `p_text`: the adjusted p-value for people, where there was more than one to adjust for.

    Parameters
    ----------
    differences
        `differences.tsv`; a family is one subset and metric, against the trivial model or between others.
    replicates
        Of the bootstrap. No p is below 2 / (replicates + 1): there the text is `< ...`, adjusted like any other.
    """
    if not {"p", "p_holm"} <= set(differences):
        return differences.assign(p_text="")
    table = differences.assign(kind=differences["reference"] == trivial)
    asked = table.groupby(["subset", "metric", "kind"])["p"].transform("count")
    floor = 2 / (replicates + 1) * (1 + 1e-9) if replicates else 0
    told = [
        f"{'< ' if p <= floor else ''}{p_holm:.2g}" if many > 1 and np.isfinite(p_holm) else ""
        for p, p_holm, many in zip(table["p"], table["p_holm"], asked, strict=True)
    ]
    return differences.assign(p_text=told)


def _cell(row: pd.Series, name: str) -> dict:
    low, high = (float(row[end]) if np.isfinite(row[end]) else None for end in ("low", "high"))
    excludes_0 = low is not None and high is not None and (low > 0 or high < 0)
    n = int(row["n"]) if np.isfinite(row["n"]) else None
    return {
        "value": float(row[name]),
        "low": low,
        "high": high,
        "n": n,
        "excludes_0": excludes_0,
        "p": row.get("p_text", ""),
    }


def ordered_metrics(table: pd.DataFrame, headline: Sequence[str]) -> list[str]:
    """All metrics of a table, the headline ones first, the others in alphabetical order."""
    present = set(table["metric"])
    return [name for name in headline if name in present] + sorted(present - set(headline))


def ordered_subsets(table: pd.DataFrame) -> list[str]:
    """Subsets of a table that models are judged on: test, test_distant, valid, then any others."""
    present = set(table["subset"])
    return [name for name in SUBSETS if name in present] + sorted(present - set(SUBSETS))


def leakage_note(leakage: Mapping, example_noun: str) -> str:
    """One sentence on how close the test examples lie to the training examples."""
    test = leakage.get("subsets", {}).get("test", {})
    examples = test.get("examples", 0)
    if not examples:
        return "There is no test subset to check."
    near, nouns = test["near_duplicates"], plural(example_noun)
    agreeing = f", {test['agreeing']:,} of them with its labels" if test["repeats"] else ""
    return (
        f"{near:,} of {examples:,} test {nouns} ({near / examples:.1%}) have a near-duplicate in training "
        f"(similarity {leakage['near']:g} or more); {test['repeats']:,} repeat a training {example_noun}"
        f"{agreeing}. "
        f"{test['distant']:,} are distant from all of training (below {leakage['distant']:g}). {_in_identity(leakage)}"
    ).strip()


def _in_identity(leakage: Mapping) -> str:
    """What the two similarities mean: k-mers that survive substitutions at random number about identity**k."""
    if "mers" not in leakage.get("method", ""):
        return "Shared pieces see copies and rewordings, not meaning."
    near, distant = (leakage[name] ** (1 / leakage["k"]) for name in ("near", "distant"))
    return (
        f"These are about {near:.0%} and {distant:.0%} sequence identity: remote homologues of training sequences are "
        "still among the distant ones, and a pretrained backbone may have seen any of them, without labels."
    )


def licence_flag(licence: str | None) -> str | None:
    """What a licence asks for beyond naming the source: "copyleft", "non-commercial", "unknown" or None."""
    text = re.sub(r"[^a-z0-9]+", " ", (licence or "").lower())
    if not text.strip() or "unknown" in text:
        return "unknown"
    if re.search(r"\bnc\b|non ?commercial|academic use|research use", text):
        return "non-commercial"
    copyleft = r"\b[al]?gpl|general public|\bby sa\b|share ?alike|\bodbl|\beupl|\bcecill|\bmpl"
    return "copyleft" if re.search(copyleft, text) else None


def describe_source(entry: Mapping) -> dict:
    """A registry entry (dataset or backbone, with its `name`) in the form that the report shows.

    Returns
    -------
    `name`, `title`, `version` (of a backbone: its revision, package, path or "random weights"), `licence`,
    `flag` (see `licence_flag`), `citation`, `kind`, `parameters` (int or None) and `files` (dicts `name`,
    `sha256`, `size`).
    """
    versions = [entry.get(key) for key in ("version", "revision", "package", "path")]
    if entry.get("init"):
        versions.append("random weights")
    if entry.get("adapt"):
        versions.append(f"adapted from {entry['adapt']['backbone']}")
    licence = entry.get("licence") or ""
    files = (entry.get("files") or {}).items()
    return {
        "name": entry["name"],
        "title": entry.get("title") or entry["name"],
        "version": next((version for version in versions if version), ""),
        "licence": licence or "not stated",
        "flag": licence_flag(licence),
        "citation": entry.get("citation") or "",
        "kind": entry.get("kind") or "",
        "parameters": entry.get("parameters"),
        "files": [{"name": name, "sha256": spec.get("sha256"), "size": spec.get("size")} for name, spec in files],
    }


def plain(value: object) -> object:
    """Nested settings as plain dicts, lists, text and numbers, fit for YAML."""
    return json.loads(json.dumps(value, default=str))
