"""Reading what a run found in documents; apart from the kinds of models: an edit to one does not judge all anew."""

import json
from pathlib import Path

import pandas as pd

from lexome.documents import Link
from lexome.errors import LexomeError


def read_predicted(path: str | Path) -> dict[str, tuple[str, str | None, tuple[Link, ...] | None]]:
    """Subset, JSON of the predicted document and links between the annotated entities, by the document's id.

    Raises
    ------
    LexomeError
        If a document stands there twice.
    """
    table = pd.read_parquet(path)
    if not table["id"].is_unique:
        raise LexomeError(f"{path}: document {table['id'][table['id'].duplicated()].iloc[0]} stands there twice")
    told = {}
    for row in table.itertuples(index=False):
        given = None
        if row.given_links is not None:
            links = enumerate(json.loads(row.given_links))
            given = tuple(Link(f"L{n}", tuple(link["members"]), {}, link.get("score")) for n, link in links)
        told[row.id] = (row.subset, row.document, given)
    return told
