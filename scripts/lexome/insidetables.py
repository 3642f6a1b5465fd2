"""The tables of an explained DNA network as pictures and report read them."""

from pathlib import Path

import numpy as np
import pandas as pd

from lexome.runtime import read_tsv

BOUND, FREE = 0.9, 0.1  # what a string of the motif has to reach, and poly-A to stay below
SANITY = ("motif_string", "poly_A")
TEXT = {"study", "split", "model", "factor", "method", "truth", "metric", "pattern", "consensus", "match"}
TEXT |= {"match_name", "own", "implant", "site", "background"}


def read_table(path: str | Path) -> pd.DataFrame:
    """A table of the folder: names as text (a factor may be called NA), `own` as bool, all else as numbers."""
    table = read_tsv(path, text=TEXT)
    if "own" in table:
        table["own"] = table["own"].str.lower() == "true"
    return table


def planted_rows(marginal: pd.DataFrame, site: str = "consensus") -> pd.DataFrame:
    """Rows of `marginal.tsv` on what planting sites of this kind does."""
    rows = marginal[~marginal["background"].isin(SANITY) & (marginal["site"] == site)]
    return rows[rows["difference"].notna()]


def sanity_rows(marginal: pd.DataFrame) -> list[dict]:
    """`factor`, `motif_string`, `poly_A` (probabilities or None) and `passed` of each factor whose motif is known."""
    rows = []
    for factor in dict.fromkeys(marginal["factor"]):
        own = marginal[(marginal["factor"] == factor) & marginal["background"].isin(SANITY)]
        own = own.set_index("background")["probability"]
        row = {name: float(own[name]) if name in own.index else None for name in SANITY}
        if row["motif_string"] is not None:
            empty = np.nan if row["poly_A"] is None else row["poly_A"]
            rows.append({"factor": factor, **row, "passed": bool(row["motif_string"] >= BOUND and empty <= FREE)})
    return rows
