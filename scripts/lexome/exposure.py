"""What a backbone was adapted to is not what a run is judged on: the check.

Two texts are the same if `texts.text_group` gives them one hash: they differ in case or white space at most. Of the
run's own study whole groups are kept apart, so that relatives (homologues, rewordings, windows of one gene) are seen as
far as its groups hold them; relatives in other studies are not.
"""

import re
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow.parquet as pq

from lexome.errors import LexomeError
from lexome.runs import Part
from lexome.texts import text_group

CHUNK = re.compile(r":\d+-\d+$")


def check_unseen(corpora: Sequence[Mapping], parts: Mapping[str, Part]) -> None:
    """Make sure that no backbone of a run was adapted to texts that the run is judged on.

    Parameters
    ----------
    corpora
        Of each adapted backbone that the model rests on, directly or through another: `backbone` (its name), `path`
        (its corpus, with columns `id`, `group` and, where it is known, `whole`), `match_ids` (whether ids of the corpus
        mean the examples of this study, or the sources that they were cut from, so that an example shortened or
        rewritten since is recognised) and, if it is so, `match_groups` (the corpus is of this very study, so that
        `whole` means its groups).
    parts
        The valid and test examples, by name.

    Raises
    ------
    LexomeError
        With the numbers of such texts, the first of them, and the mend.
    """
    for corpus in corpora:
        grouped = corpus.get("match_groups") and "whole" in pq.read_schema(corpus["path"]).names
        seen = pd.read_parquet(corpus["path"], columns=["id", "group", *(["whole"] if grouped else [])])
        texts, ids = set(seen["group"]), set(seen["id"]) if corpus["match_ids"] else set()
        # A chunk of a source is <source>:<start>-<end>, an example cut from one <source>:<start>.
        ids |= {name.rpartition(":")[0] for name in ids if CHUNK.search(name)}
        wholes = set(seen["whole"]) if grouped else set()
        hits = {name: _hits(part, texts, ids, wholes) for name, part in parts.items()}
        found = [example for part in hits.values() for example in part]
        if found:
            numbers = " and ".join(f"{len(part)} {name} examples" for name, part in hits.items() if part)
            what = "the texts of" if not grouped else "the texts, or others of the same groups, of"
            raise LexomeError(
                f"the backbone {corpus['backbone']} was adapted to {what} {numbers} that this run is judged on "
                f"(the first is {found[0]}; see {corpus['path']}): adapt it to `train` or `left_out` of this very "
                "split, or write `transductive: true` in its `adapt` entry and `transductive` in the model's name"
            )


def _hits(part: Part, texts: set[str], ids: set[str], wholes: set[str]) -> list[str]:
    """Examples of a part that are in a corpus by their text, their id or their source's, or their group."""
    groups = part.groups or [None] * len(part.ids)
    return [
        name
        for name, text, group in zip(part.ids, part.texts, groups, strict=True)
        if not ids.isdisjoint((name, name.rpartition(":")[0])) or text_group(text) in texts or str(group) in wholes
    ]
