"""What is told of a protein that was looked into: figures as text, each beside what chance gives."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.proteineffects import CHECK_TITLES
from lexome.reporting import interval_text, number_text

SUBSETS = {
    "train": "It is a training protein: the run saw it and its terms, so that what it predicts may be remembered.",
    "valid": "It is a protein of valid, by which the run was chosen and stopped.",
    "test": "It is a test protein, which the run was not trained on.",
    "left out": "It is a protein of the study that the split left out.",
    None: "It is not a protein of the study.",
}
VECTORS = {"backbone": "token vectors", "embeddings": "embeddings", "composition": "amino-acid composition"}
METRICS = {
    "silhouette": "silhouette",
    "probe_accuracy": "accuracy of a probe",
    "difference": "embeddings' gain in accuracy over it",
}


def text_of(value: float | None, signed: bool = False) -> str:
    """A number, or that it is undefined."""
    return "undefined" if value is None or not np.isfinite(value) else number_text(value, signed)


def probability_text(value: float) -> str:
    """A probability with three decimals, of which a high one has more than are shown."""
    return "> 0.999" if 0.9995 <= value < 1 else number_text(value)


def p_text(p: float | None) -> str:
    """`p = 0.020`, `p < 0.001`."""
    if p is None or not np.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def token_rows(told: Sequence[Mapping], name: str) -> list[dict]:
    """A row a kind of vectors: `title`, `value`, `chance`, `between` and `p`; `name` is the backbone's."""
    return [
        {
            "title": f"{VECTORS['backbone']} of {name}"
            if row["vectors"] == "backbone"
            else f"{row['vectors']}, no model",
            "value": text_of(row["value"]),
            "chance": text_of(row["chance"]),
            "between": interval_text(row["low"], row["high"]),
            "p": p_text(row["p"]),
        }
        for row in told
    ]


def token_notes(told: Sequence[Mapping], name: str) -> dict[str, tuple[str, str, str]]:
    """Of each kind of vectors the title, note and axes' shares of `residuefigures.token_planes`."""
    notes = {}
    for row, shown in zip(told, token_rows(told, name), strict=True):
        note = f"silhouette of the classes {shown['value']}, chance {shown['chance']}"
        first, second = row["shares"]
        title = name if row["vectors"] == "backbone" else shown["title"]
        notes[row["vectors"]] = (title, note, f"{first:.0%}, {second:.0%}")
    return notes


def token_verdict(told: Sequence[Mapping], name: str) -> str:
    """Whether the token vectors keep biochemical classes together, and whether BLOSUM62 does so as well."""
    own, *others = told
    known = "keeps" if own["value"] > own["high"] else "does not keep"
    text = (
        f"{name} {known} amino acids of one class together ({text_of(own['value'])}; chance {text_of(own['chance'])})"
    )
    for row in others:
        more = "more" if own["value"] > row["value"] else "no more"
        text += (
            f", {more} than the rows of {row['vectors']} do ({text_of(row['value'])}; chance {text_of(row['chance'])})"
        )
    return text + "."


def masked_rows(scores: Sequence[Mapping]) -> list[dict]:
    """A row a metric: `title`, `value`, `interval`, `baseline`, `n`."""
    return [
        {
            "title": row["metric"] + (" (lower is better)" if row["metric"] == "perplexity" else ""),
            "value": text_of(row["value"]),
            "interval": interval_text(row["low"], row["high"]),
            "baseline": text_of(row["baseline"]),
            "n": int(row["n"]),
        }
        for row in scores
    ]


def group_rows(scores: pd.DataFrame) -> list[dict]:
    """A row a kind of vectors and metric: `title`, `metric`, `value`, `interval`, `chance`, `n`."""
    return [
        {
            "title": VECTORS[row["vectors"]],
            "metric": METRICS[row["metric"]],
            "value": text_of(row["value"], row["metric"] == "difference"),
            "interval": interval_text(row["low"], row["high"], signed=row["metric"] == "difference"),
            "chance": "" if row["metric"] == "difference" else text_of(row["chance"]),
            "n": int(row["n"]),
        }
        for row in scores.to_dict("records")
    ]


def group_notes(scores: pd.DataFrame) -> dict[str, str]:
    """What stands below the title of each map."""
    values = scores.set_index(["vectors", "metric"])["value"]
    return {
        VECTORS[
            name
        ]: f"silhouette {text_of(values[name, 'silhouette'])}, probe {text_of(values[name, 'probe_accuracy'])}"
        for name in dict.fromkeys(scores["vectors"])
    }


def group_verdict(scores: pd.DataFrame, names: Sequence[str]) -> str:
    """Whether the embeddings tell the groups apart better than composition does."""
    rows = scores.set_index(["vectors", "metric"])
    own, majority = rows.loc[("embeddings", "probe_accuracy"), ["value", "chance"]]
    told = (
        f"A probe on the embeddings tells {' from '.join(names)} for {own:.1%} of the proteins, a constant guess for "
        f"{majority:.1%}"
    )
    if ("composition", "difference") not in rows.index:
        return told + "."
    gain = rows.loc[("composition", "difference")]
    other = rows.loc[("composition", "probe_accuracy"), "value"]
    if not np.isfinite(gain[["low", "high"]].astype(float)).all():
        how = "beside"
    elif gain["low"] > 0:
        how = "more than"
    elif gain["high"] < 0:
        how = "less than"
    else:
        how = "not clearly apart from"
    between = interval_text(gain["low"], gain["high"], signed=True)
    ends = f" [{between}]" if between else ""
    return (
        f"{told}; that is {how} what the shares of the 20 amino acids give ({other:.1%}; difference "
        f"{text_of(gain['value'], True)}{ends})."
    )


def term_rows(explained: Mapping) -> list[dict]:
    """A row a term: `id`, `name`, `probability`, `prior`, `true` (yes, no or unknown), and `checks`, a row each."""
    rows = []
    for term in explained["terms"]:
        checks = [check_row(row) for row in explained["checks"] if row["term"] == term["id"]]
        true = {True: "yes", False: "not annotated", None: "not known"}[term["true"]]
        rows.append(
            {
                "id": term["id"],
                "name": term["name"],
                "probability": probability_text(term["probability"]),
                "prior": text_of(term["prior"]),
                "true": true,
                "checks": checks,
            }
        )
    return rows


def check_row(row: Mapping) -> dict:
    """`title`, `value`, `chance`, `between`, `p` of a check."""
    defined = row["value"] is not None and np.isfinite(row["value"])
    return {
        "title": CHECK_TITLES[row["check"]],
        "value": text_of(row["value"]),
        "chance": text_of(row["chance"]),
        "between": interval_text(row["low"], row["high"]) if defined else "",
        "p": p_text(row["p"]),
    }


def effect_verdict(explained: Mapping) -> str:
    """Whether the positions that single substitutions point at are those that the first prediction rests on."""
    term = explained["terms"][0]
    row = next((row for row in explained["checks"] if row["term"] == term["id"] and row["check"] == "joint"), None)
    if row is None or row["value"] is None:
        return ""
    clear = row["value"] > row["high"]
    return (
        f"Replacing the tenth of residues that matter most takes {row['value']:.2f} from the logit of {term['name']}, "
        f"as many residues anywhere {row['chance']:.2f} [{interval_text(row['low'], row['high'])}]: the substitutions "
        + ("do point" if clear else "do not clearly point")
        + " at what the prediction rests on."
    )


def cost_text(cost: Mapping) -> str:
    """Mutants, residues and time in a sentence."""
    return (
        f"{cost['mutants']:,} mutants, {cost['residues']:,} residues read, in {cost['seconds']:,.0f} s "
        f"({cost['per_second']:,.0f} mutants a second)"
    )


def nearest_text(protein: Mapping) -> str:
    """How near the protein is to training."""
    if protein["nearest_id"] is None:
        return f"It shares no {protein['k']} residues in a row with any training protein."
    return (
        f"Of its stretches of {protein['k']} residues {protein['nearest']:.0%} are found in its nearest training "
        f"protein, {protein['nearest_id']}."
    )
