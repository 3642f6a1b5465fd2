"""What a backbone was adapted to is not what a run is judged on: the check.

Two texts are the same if `texts.text_group` gives them one hash: they differ in case or white space at most. Relatives
(homologues, rewordings) are not seen here; a split's groups are kept out whole where a corpus is built from that split.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from lexome.errors import LexomeError
from lexome.runs import Part
from lexome.texts import text_group


def check_unseen(corpora: Sequence[Mapping], parts: Mapping[str, Part]) -> None:
    """Make sure that no backbone of a run was adapted to texts that the run is judged on.

    Parameters
    ----------
    corpora
        Of each adapted backbone that the model rests on, directly or through another: `backbone` (its name), `path`
        (its corpus, with columns `id` and `group`) and `match_ids` (whether ids of the corpus mean the examples of
        this study, so that an example shortened or rewritten since is recognised).
    parts
        The valid and test examples, by name.

    Raises
    ------
    LexomeError
        With the numbers of such texts, the first of them, and the mend.
    """
    for corpus in corpora:
        seen = pd.read_parquet(corpus["path"], columns=["id", "group"])
        groups, ids = set(seen["group"]), set(seen["id"]) if corpus["match_ids"] else set()
        hits = {
            name: [i for i, text in zip(part.ids, part.texts, strict=True) if i in ids or text_group(text) in groups]
            for name, part in parts.items()
        }
        found = [example for part in hits.values() for example in part]
        if found:
            numbers = " and ".join(f"{len(part)} {name} examples" for name, part in hits.items() if part)
            raise LexomeError(
                f"the backbone {corpus['backbone']} was adapted to the texts of {numbers} that this run is judged on "
                f"(the first is {found[0]}; see {corpus['path']}): adapt it to `train` or `left_out` of this very "
                "split, or write `transductive: true` in its `adapt` entry and `transductive` in the model's name"
            )
