"""Corpora that backbones are adapted to, built from a study's examples or from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.adapted import JUDGED
from lexome.errors import LexomeError
from lexome.fasta import open_text, read_fasta
from lexome.splits import random_split
from lexome.texts import text_group

COLUMNS = ["id", "group", "subset", "text"]


def from_study(
    examples: pd.DataFrame, assignment: pd.DataFrame, subsets: Sequence[str], transductive: bool = False
) -> tuple[pd.DataFrame, list[dict]]:
    """The texts of chosen subsets of a split, without those that are near its valid and test examples.

    Parameters
    ----------
    examples
        `id`, `group`, and `text` or `sequence`.
    assignment
        `id` and `subset` of the examples of the split.
    subsets
        Of `train`, `left_out` (examples that the split's `sizes` left out of it), and if `transductive` of `valid` and
        `test`.
    transductive
        Texts of valid and test examples may be among those given, never their labels.

    Returns
    -------
    table : pandas.DataFrame
        `id`, `text`, `whole` (the group to be kept whole), in the order of the examples.
    counts : list of dict
        `step`, `n`, `note`: what was taken and dropped.
    """
    table = examples.rename(columns={"sequence": "text"})[["id", "text", "group"]]
    table = table.rename(columns={"group": "whole"}).reset_index(drop=True)
    subset = table["id"].map(assignment.set_index("id")["subset"]).fillna("left_out")
    held, chosen = subset.isin(JUDGED), subset.isin(list(subsets))
    counts = [_count("texts taken", int(chosen.sum()), f"subsets: {', '.join(subsets)}")]
    if not transductive:
        same = table["whole"].isin(table.loc[held, "whole"])
        hashes = table["text"].map(text_group)
        same |= hashes.isin(hashes[held])
        dropped = chosen & same
        counts.append(_count("dropped: in a group with a valid or test example", int(dropped.sum())))
        chosen &= ~same
    return table[chosen].reset_index(drop=True), counts


def from_file(path: str | Path, kind: str) -> tuple[pd.DataFrame, list[dict]]:
    """The texts of a file, plain or gzip: FASTA where it starts with `>` and holds no prose, else one text a line.

    Parameters
    ----------
    kind
        `protein`, `dna` or `text`. Sequences of a FASTA file are cleaned as `fasta.read_fasta` says.

    Returns
    -------
    As `from_study`; the id of a line is its number.
    """
    with open_text(path) as handle:
        first = next((line for line in handle if line.strip()), "")
    if kind != "text" and first.startswith(">"):
        table, read = read_fasta(path, kind)
        counts = [_count("records read", read["records"]), _count("dropped: no sequence", _lost(read))]
        return table.rename(columns={"sequence": "text"})[["id", "text"]].assign(whole=table["id"]), counts
    with open_text(path) as handle:
        lines = [(f"line {number}", line.strip()) for number, line in enumerate(handle, 1) if line.strip()]
    table = pd.DataFrame(lines, columns=["id", "text"])
    return table.assign(whole=table["id"]), [_count("lines read", len(table))]


def _lost(read: Mapping[str, int]) -> int:
    return read["records"] - read["kept"]


def finish(table: pd.DataFrame, counts: Sequence[dict], settings: Mapping) -> tuple[pd.DataFrame, list[dict]]:
    """Keep one of equal texts, draw as many as wanted, and hold some out whole groups at a time.

    Parameters
    ----------
    table, counts
        From `from_study` or `from_file`.
    settings
        `max_examples` (None takes all), `valid_share` (of the texts, held out to measure perplexity) and `seed`.

    Returns
    -------
    corpus : pandas.DataFrame
        `id`, `group` (hash of the text, unique), `subset` (`train` or `valid`), `text`.
    counts : list of dict
        The steps before, and these.

    Raises
    ------
    LexomeError
        If fewer than two groups of texts are left.
    """
    corpus = table.assign(group=table["text"].map(text_group))
    corpus = corpus.drop_duplicates("group", ignore_index=True)
    counts = [*counts, _count("dropped: repeats another text", len(table) - len(corpus))]
    wanted = settings["max_examples"]
    if wanted is not None and wanted < len(corpus):
        rows = np.random.default_rng(settings["seed"]).permutation(len(corpus))[:wanted]
        counts.append(_count("not drawn", len(corpus) - wanted, f"max_examples: {wanted}"))
        corpus = corpus.iloc[np.sort(rows)].reset_index(drop=True)
    if corpus["whole"].nunique() < 2:
        raise LexomeError(
            f"{len(corpus)} texts are left to adapt to, too few to train on and measure perplexity; "
            + "; ".join(f"{count['step']}: {count['n']}" for count in counts)
        )
    share = settings["valid_share"]
    subset = random_split(corpus["whole"], {"train": 1 - share, "valid": share, "test": 0.0}, settings["seed"])
    corpus["subset"] = subset
    counts += [_count(f"{name} texts", int((subset == name).sum())) for name in ("train", "valid")]
    return corpus[COLUMNS], counts


def _count(step: str, n: int, note: str = "") -> dict:
    return {"step": step, "n": n, "note": note}
