"""How well a second annotator does what the models do: rows of a comparison, from how far annotators agree."""

from pathlib import Path

import pandas as pd

from lexome.runtime import read_tsv

CEILING = "second annotator"
# Parts of the names of metrics that a model has in the same sense; an annotator's precision depends on who is first.
SHARED = "_f1"


def ceiling_rows(path: str | Path, study: str, split: str, metrics: set[str]) -> list[dict]:
    """Rows of `comparison.tsv`, of the subset test, whatever documents were annotated twice.

    Parameters
    ----------
    path
        `agreement.tsv`; the first annotators that it names (all pairs, where there are several) stand for all.
    metrics
        Those that models of the split have; others are left out.
    """
    table = read_tsv(path, numbers=("value", "low", "high", "n"))
    whole = table[(table["category"] == "") & table["value"].notna()]
    shared = whole[whole["metric"].str.endswith(SHARED) & whole["metric"].isin(metrics)]
    if shared.empty:
        return []
    own = shared[shared["annotators"] == shared["annotators"].iloc[0]]
    documents = _documents(whole, own["annotators"].iloc[0])
    source = f"agreement of annotators on {documents:,} documents; links among the mentions that both found"
    return [
        {"study": study, "split": split, "subset": "test", "model": CEILING, "source": source}
        | {key: row[key] for key in ("metric", "value", "low", "high", "n")}
        for row in own.to_dict("records")
    ]


def of_ceiling(table: pd.DataFrame) -> pd.Series:
    """Which rows of a comparison are the second annotator's."""
    return (table["model"] == CEILING) & (table["source"] != "measured")


def _documents(whole: pd.DataFrame, annotators: str) -> int:
    """Documents that the annotators share; of all pairs, those of every pair together."""
    rows = whole[whole["metric"] == "documents"]
    own = rows[rows["annotators"] == annotators]
    return int((rows if own.empty else own)["value"].sum())
