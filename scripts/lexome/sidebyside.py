"""One question under several protocols: the test figures of several studies' splits in one table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lexome.ceiling import of_ceiling
from lexome.reporting import find


def side_by_side(protocols: Sequence[Mapping], metrics: Sequence[str]) -> dict:
    """A table whose columns are protocols x metrics and whose rows are models.

    Parameters
    ----------
    protocols
        In order: `title`, `comparison` (the table of a split), `test` (what its leakage report says of the test
        subset: `examples`, `ceiling`, `repeats`, `agreeing`) and `models` (names, in order).
    metrics
        Shown of each protocol, as far as it has them.

    Returns
    -------
    dict
        `protocols` (`title`, `test` and `metrics` of each) and `rows`: `model`, `published` (bool) and `cells`, each a
        row of a comparison or None. Models come in the order in which the protocols name them, published ones after.
    """
    shown = []
    for protocol in protocols:
        present = set(protocol["comparison"]["metric"])
        shown.append([metric for metric in metrics if metric in present])
    measured = dict.fromkeys(model for protocol in protocols for model in protocol["models"])
    rows = [{"model": model, "published": False, "cells": []} for model in measured]
    others = dict.fromkeys(
        pair for protocol in protocols for pair in _published(protocol["comparison"]).itertuples(index=False, name=None)
    )
    rows += [{"model": model, "source": source, "published": True, "cells": []} for model, source in others]
    for protocol, own in zip(protocols, shown, strict=True):
        for row in rows:
            source = {"source": row["source"]} if row["published"] else {}
            for metric in own:
                cell = find(protocol["comparison"], subset="test", metric=metric, model=row["model"], **source)
                row["cells"].append(cell if cell and pd.notna(cell["value"]) else None)
    heads = [
        {"title": protocol["title"], "test": protocol["test"], "metrics": own}
        for protocol, own in zip(protocols, shown, strict=True)
    ]
    return {"protocols": heads, "rows": [row for row in rows if any(row["cells"])]}


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[(comparison["source"] != "measured") & (comparison["subset"] == "test")]
    return rows[~of_ceiling(rows)][["model", "source"]].drop_duplicates()
