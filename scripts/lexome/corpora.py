"""Corpora that backbones are adapted to: a study's examples, the sources that they were cut from, or a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.adapted import JUDGED
from lexome.bootstrap import stream
from lexome.errors import LexomeError
from lexome.fasta import open_text, read_fasta
from lexome.splits import random_split
from lexome.texts import text_group

COLUMNS = ["id", "group", "whole", "subset", "text"]
# Letters of the shortest piece of a source that is kept.
SHORTEST = 60
# Letters of the tokens of DNA models, and of a codon.
TOKEN, CODON = 6, 3


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


def from_sources(
    sources: pd.DataFrame, examples: pd.DataFrame, assignment: pd.DataFrame, settings: Mapping
) -> tuple[pd.DataFrame, list[dict]]:
    """The sources that examples were cut from, in chunks, without those that are near valid and test examples.

    A source counts to `train` if an example of its group is in that subset, to `left_out` if none is in the split.

    Parameters
    ----------
    sources
        `id`, `group` (as the examples have it) and `sequence`.
    examples, assignment
        As in `from_study`.
    settings
        `subsets`, `transductive` (see `from_study`), and `chunk`, `in_frame` and `seed` (see `cut`).

    Returns
    -------
    table : pandas.DataFrame
        `id` (`<source>:<start>-<end>`, positions from 0), `text`, `whole` (the group), in the order of the sources.
    counts : list of dict
        `step`, `n`, `note`: what was taken and dropped.
    """
    subsets, transductive = settings["subsets"], settings["transductive"]
    table = examples[["id", "group", "sequence"]]
    subset = table["id"].map(assignment.set_index("id")["subset"])
    groups = {name: set(table.loc[subset == name, "group"]) for name in ("train", *JUDGED)}
    own = sources["group"]
    within = {name: own.isin(members) for name, members in groups.items()}
    within["left_out"] = ~np.logical_or.reduce(list(within.values()))
    chosen = np.logical_or.reduce([within[name] for name in subsets])
    counts = [_count("sources taken", int(chosen.sum()), f"subsets: {', '.join(subsets)}")]
    if not transductive:
        held = chosen & own.isin(set().union(*(groups[name] for name in JUDGED)))
        counts.append(_count("sources dropped: in a group with a valid or test example", int(held.sum())))
        chosen &= ~held
        judged = set(table.loc[subset.isin(JUDGED), "sequence"])
        lengths = sorted({len(sequence) for sequence in judged})
        # The same stretch may stand in genes that share too little else to be of one group.
        same = [_holds(sequence, judged, lengths) for sequence in sources.loc[chosen, "sequence"]]
        counts.append(_count("sources dropped: hold a valid or test example", sum(same)))
        chosen[chosen] = ~np.array(same, dtype=bool)
    rows = []
    for name, group, sequence in sources.loc[chosen, ["id", "group", "sequence"]].itertuples(index=False):
        for start, text in cut(sequence, settings["chunk"], settings["in_frame"], stream(settings["seed"], name)):
            rows.append((f"{name}:{start}-{start + len(text)}", text, group))
    counts.append(_count("chunks", len(rows), f"of at most {settings['chunk']} letters"))
    return pd.DataFrame(rows, columns=["id", "text", "whole"]), counts


def _holds(sequence: str, judged: set[str], lengths: Sequence[int]) -> bool:
    return any(
        sequence[start : start + length] in judged for length in lengths for start in range(len(sequence) - length + 1)
    )


def cut(sequence: str, chunk: int, in_frame: bool, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Consecutive chunks of a sequence, each with its start (from 0).

    Tokens of six letters would always meet a gene in one phase if every gene were cut from its first letter. So the
    first chunk starts at a letter drawn from the first six; where windows are read in frame, at 0 or 3.

    Parameters
    ----------
    chunk
        Letters; what is left at the end is a chunk if it has `SHORTEST` or more.
    in_frame
        Whether every chunk begins with a codon, if the sequence and `chunk` do.
    """
    starts = range(0, TOKEN, CODON if in_frame else 1)
    first = int(rng.choice(list(starts)))
    pieces = [(start, sequence[start : start + chunk]) for start in range(first, len(sequence), chunk)]
    return [(start, text) for start, text in pieces if len(text) >= min(SHORTEST, chunk)]


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
        `id`, `group` (hash of the text, unique), `whole` (as text), `subset` (`train` or `valid`), `text`.
    counts : list of dict
        The steps before, and these.

    Raises
    ------
    LexomeError
        If fewer than two groups of texts are left.
    """
    corpus = table.assign(group=table["text"].map(text_group), whole=table["whole"].astype(str))
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
