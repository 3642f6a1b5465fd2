"""Which proteins CAFA trains on and which it judges: by the dates of annotations, or by a list of targets.

Proteins are judged on what became known of an aspect after a deadline (Jiang et al., Genome Biology 17, 184, 2016;
Zhou et al., Genome Biology 20, 244, 2019). What was known before says of which kind a target is:

| knowledge | before the deadline |
|---|---|
| `none` | no annotation in any aspect |
| `limited` | annotations in other aspects, none in this one |
| `partial` | annotations in this aspect; judged on the terms that it gained, as from CAFA5 on |

A GAF file dates an annotation by its last change, and annotations that were withdrawn since are not in it: one file
gives the past as it is seen today, not as it was.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2b

import numpy as np
import pandas as pd
from scipy import sparse

from lexome.annotations import map_terms, propagate
from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.fasta import open_text, read_fasta
from lexome.ontology import ROOTS, Closure

KNOWLEDGE = ("none", "limited", "partial")
NAMES = {"none": "no", "limited": "limited", "partial": "partial"}
KINDS = ("none", "limited")  # that are judged unless a study says otherwise
# Of a protein that is in training with what was known before, and of a target that has the id of a training protein.
LATER, TARGET = "@later", "@target"


def day_number(text: str, where: str) -> int:
    """A day of the config, yyyy-mm-dd, as GAF writes it: the number yyyymmdd.

    Raises
    ------
    LexomeError
        If there is no such day; `where` is the path of the key.
    """
    try:
        return int(date.fromisoformat(text).strftime("%Y%m%d"))
    except (TypeError, ValueError):
        raise LexomeError(f"{where}: {text!r} is no day; write it as '2016-09-07', in quotes") from None


def days_of(time: Mapping) -> tuple[int, int | None]:
    """`train_before` and `test_before` of a study's `time`, the second None where it has no end.

    Raises
    ------
    LexomeError
        If one is no day, or the first is not before the second.
    """
    start = day_number(time["train_before"], "time.train_before")
    if time.get("test_before") is None:
        return start, None
    end = day_number(time["test_before"], "time.test_before")
    if end <= start:
        raise LexomeError(
            f"time.test_before: {time['test_before']} is not after train_before, {time['train_before']}; what was "
            "annotated between the two is tested"
        )
    return start, end


def without_roots(pairs: pd.DataFrame) -> pd.DataFrame:
    """Annotations that say something: those with the root of an aspect do not."""
    telling = ~pairs["term"].cat.categories.isin(list(ROOTS.values()))
    return pairs[telling[pairs["term"].cat.codes]]


def time_examples(
    pairs: pd.DataFrame,
    closure: Closure,
    in_aspect: np.ndarray,
    columns: np.ndarray,
    time: Mapping,
    kinds: Sequence[str],
    counts: Counts,
) -> tuple[pd.DataFrame, sparse.csr_array, sparse.csr_array]:
    """Training examples of one aspect from before a day, and test examples from what was annotated then.

    Parameters
    ----------
    pairs
        Annotations of *all* aspects: `id`, `term` (live, see `map_terms`; categorical) and `date` (int, yyyymmdd).
    closure
        From `lexome.ontology.ancestor_closure`.
    in_aspect
        bool [N]: which of the closure's terms are of the aspect.
    columns
        int: the terms that labels are made of; a protein that gained only others is no partial-knowledge target.
    time
        `train_before`, `test_before` (days, the second may be None).
    kinds
        Kinds of targets to keep, of `KNOWLEDGE`.
    counts
        Every step is added.

    Returns
    -------
    about : pandas.DataFrame
        `id`, `protein`, `subset` (train, test), `knowledge` (None for train). A partial-knowledge target is the
        protein's second example and has the id <protein>@later.
    matrix : scipy.sparse.csr_array
        Boolean [examples, N], propagated: what is known by the example's time, of partial-knowledge targets the
        earlier terms too.
    earlier : scipy.sparse.csr_array
        Boolean [examples, N]: terms of test examples that were known before, and are not to be judged.

    Raises
    ------
    LexomeError
        On days that make no sense, no annotation before, or no test protein.
    """
    start, end = days_of(time)
    pairs, read = without_roots(pairs), len(pairs)
    counts.add("annotations with a root dropped", read - len(pairs), "annotations", "they tell no function")
    if end is not None:
        early = (pairs["date"] < end).to_numpy()
        counts.add("too late annotations dropped", (~early).sum(), "annotations", f"of {time['test_before']} or after")
        pairs = pairs[early]
    before = (pairs["date"] < start).to_numpy()
    own = in_aspect[closure.terms.get_indexer(pairs["term"].cat.categories)][pairs["term"].cat.codes]
    for step, mask, note, mend in (
        ("train", before, "of the aspect, before {}", "choose a later train_before"),
        ("test", ~before, "of the aspect, from {} on", "choose an earlier train_before, or a later test_before"),
    ):
        said = note.format(time["train_before"])
        counts.require(f"annotations to {step} on", (mask & own).sum(), "annotations", said, mend)
    known = pd.Index(pairs["id"][before].astype("str").unique())
    train_ids, train = propagate(pairs[before & own], closure)
    test_ids, later = propagate(pairs[~before & own], closure)

    row = train_ids.get_indexer(test_ids)
    # Row -1, of who is new, is the empty one.
    held = sparse.vstack([train, sparse.csr_array((1, train.shape[1]), dtype=bool)], format="csr")[row]
    both = ((later + held) > 0).astype(bool)
    knowledge = np.where(row >= 0, "partial", np.where(test_ids.isin(known), "limited", "none"))
    gained = _terms(both[:, columns]) > _terms(held[:, columns])
    idle = (knowledge == "partial") & ~gained
    counts.add("nothing gained", idle.sum(), "proteins", "annotated anew with what was known; no targets")
    wanted = _chosen(knowledge, ~idle, kinds, counts)
    counts.require(
        "test proteins", wanted.sum(), "proteins", "", "choose other days, or more kinds of targets (`knowledge`)"
    )
    partial = knowledge[wanted] == "partial"
    names = np.where(partial, test_ids[wanted] + LATER, test_ids[wanted])
    about = pd.DataFrame(
        {
            "id": np.concatenate([train_ids, names]),
            "protein": np.concatenate([train_ids, test_ids[wanted]]),
            "subset": np.repeat(["train", "test"], [len(train_ids), wanted.sum()]),
            "knowledge": np.concatenate([np.full(len(train_ids), None, dtype=object), knowledge[wanted]]),
        }
    )
    nothing = sparse.csr_array(train.shape, dtype=bool)
    return (
        about,
        sparse.vstack([train, both[wanted]], format="csr"),
        sparse.vstack([nothing, held[wanted]], format="csr"),
    )


def _terms(matrix: sparse.csr_array) -> np.ndarray:
    return np.diff(matrix.indptr)


def _chosen(knowledge: np.ndarray, able: np.ndarray, kinds: Sequence[str], counts: Counts) -> np.ndarray:
    """Which targets are of a kind that is kept, bool; every kind is counted."""
    for kind in KNOWLEDGE:
        note = "kept" if kind in kinds else "dropped: not among the kinds of the study"
        counts.add(f"{NAMES[kind]}-knowledge targets", (able & (knowledge == kind)).sum(), "proteins", note)
    return able & np.isin(knowledge, list(kinds))


def read_truth(path: str) -> pd.DataFrame:
    """Read CAFA's ground truth: a target and a term, tab-separated, without a line of column names.

    Terms may stand alone or several with commas between (propagated files); further columns are passed over, and so
    is a first line whose second column is `term`.

    Returns
    -------
    pandas.DataFrame
        `id`, `term`; one row a pair, both categorical.

    Raises
    ------
    LexomeError
        On a line without a target and a term (file and line), or no lines.
    """
    found: dict[tuple[str, str], None] = {}
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            fields = line.rstrip("\r\n").split("\t")
            if not line.strip() or (number == 1 and fields[1:2] == ["term"]):
                continue
            names = fields[1].split(",") if len(fields) > 1 else []
            if not fields[0] or not names or not all(":" in name for name in names):
                raise LexomeError(
                    f"{path}, line {number}: expected target, tab and term such as GO:0003674, found {line[:60]!r}; "
                    "mend or remove the line"
                )
            found |= dict.fromkeys((fields[0], name) for name in names)
    if not found:
        raise LexomeError(f"{path}: no ground truth in it; fetch the file again")
    return pd.DataFrame(list(found), columns=["id", "term"]).astype("category")


def read_listed(path: str) -> set[str]:
    """Ids of a file with one a line; the first word counts.

    Raises
    ------
    LexomeError
        If there is none.
    """
    with open_text(path) as handle:
        ids = {line.split()[0] for line in handle if line.strip() and not line.startswith("#")}
    if not ids:
        raise LexomeError(f"{path}: no id in the file; write one a line")
    return ids


def read_mapping(path: str) -> dict[str, str]:
    """Training id of targets: two tab-separated columns, target and id; a first line of column names is harmless.

    Raises
    ------
    LexomeError
        On a line with fewer columns, or a target with two ids.
    """
    mapping: dict[str, str] = {}
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            fields = line.rstrip("\r\n").split("\t")
            if not line.strip():
                continue
            if len(fields) < 2 or not fields[0] or not fields[1]:
                raise LexomeError(f"{path}, line {number}: expected a target, a tab and an id; found {line[:60]!r}")
            if mapping.setdefault(fields[0], fields[1]) != fields[1]:
                raise LexomeError(f"{path}, line {number}: {fields[0]} has two ids; keep one of its lines")
    return mapping


def target_examples(
    targets: Mapping,
    terms: pd.DataFrame,
    closure: Closure,
    in_aspect: np.ndarray,
    columns: np.ndarray,
    kinds: Sequence[str],
    max_length: int | None,
    counts: Counts,
) -> tuple[pd.DataFrame, sparse.csr_array]:
    """Test examples from CAFA's official files.

    Parameters
    ----------
    targets
        Paths: `sequences` (FASTA), `truth` (`read_truth`), and, each None or left out where there is none,
        `no_knowledge` and `limited_knowledge` (ids, one a line) and `mapping` (`read_mapping`).
    terms
        The parsed ontology.
    closure, in_aspect, columns, kinds, counts
        As in `time_examples`. Where no list is given, the kind of targets is not known and all are kept. Targets
        without a term in `columns` are left out.
    max_length
        Residues; longer targets are left out. None takes all.

    Returns
    -------
    table : pandas.DataFrame
        One row a target, sorted by id: `id`, `sequence`, `length`, `group`, `subset` (test), `knowledge` (None where
        not known), `protein` (id among training proteins, by the mapping).
    matrix : scipy.sparse.csr_array
        Boolean [targets, columns]: the ground truth, propagated.

    Raises
    ------
    LexomeError
        On malformed files, a target in both lists, or when a step leaves none.
    """
    truth, mapped = map_terms(read_truth(targets["truth"]), terms)
    counts.add("ground truth read", mapped["rows"], "annotations", "distinct pairs of target and term")
    counts.add("ground truth mapped", mapped["alternative"] + mapped["replaced"], "annotations", "other or old ids")
    lost = mapped["obsolete"] + mapped["unknown"]
    counts.add("ground truth dropped", lost, "annotations", "obsolete without one replacement, or not in the ontology")
    truth = truth[in_aspect[closure.terms.get_indexer(truth["term"].cat.categories)][truth["term"].cat.codes]]
    counts.require(
        "ground truth of the aspect", len(truth), "annotations", "", "give the ground truth of the study's aspect"
    )
    ids, matrix = propagate(truth, closure)
    counts.add("targets", len(ids), "proteins", "with ground truth")

    table, read = read_fasta(targets["sequences"])
    counts.add("target records read", read["records"], "records", "FASTA")
    row = pd.Index(table["id"]).get_indexer(ids)
    counts.add("targets without a sequence dropped", (row < 0).sum(), "proteins", "not in the targets' FASTA file")
    knowledge = _listed_knowledge(ids, targets)
    kept = row >= 0
    if any(targets.get(key) for key in LISTS):
        stray = kept & (knowledge == None)  # noqa: E711 (of every element)
        counts.add("targets in no list dropped", stray.sum(), "proteins", "neither of no nor of limited knowledge")
        kept = _chosen(knowledge, kept & ~stray, kinds, counts)
    long = kept & (table["length"].to_numpy()[row] > (max_length or np.inf))
    counts.add("targets too long dropped", long.sum(), "proteins", f"more than {max_length} residues")
    matrix = matrix[:, columns]
    bare = kept & ~long & (_terms(matrix) == 0)
    counts.add("targets without a term left dropped", bare.sum(), "proteins", "they had excluded terms only")
    kept &= ~long & ~bare
    counts.require(
        "test proteins", kept.sum(), "proteins", "", "check the targets' files, `knowledge` and `max_length`"
    )
    mapping = read_mapping(targets["mapping"]) if targets.get("mapping") else {}
    table = table.iloc[row[kept]][["id", "sequence", "length"]].reset_index(drop=True)
    table = table.assign(
        group=groups_of(table["sequence"]),
        subset="test",
        knowledge=knowledge[kept],
        protein=[mapping.get(name, name) for name in table["id"]],
    )
    return table, matrix[np.flatnonzero(kept)]


LISTS = {"no_knowledge": "none", "limited_knowledge": "limited"}


def _listed_knowledge(ids: pd.Index, targets: Mapping) -> np.ndarray:
    """The kind of each target by the lists, object; None where it is in no list."""
    listed = {kind: read_listed(targets[key]) for key, kind in LISTS.items() if targets.get(key)}
    if len(listed) == 2 and (twice := sorted(listed["none"] & listed["limited"])):
        raise LexomeError(f"targets.limited_knowledge: {twice[0]} is in the list of no knowledge too; mend one of them")
    knowledge = np.full(len(ids), None, dtype=object)
    for kind, named in listed.items():
        knowledge[ids.isin(named)] = kind
    return knowledge


def groups_of(sequences: Sequence[str]) -> list[str]:
    """What equal sequences share: a hash of each."""
    return [blake2b(sequence.encode(), digest_size=8).hexdigest() for sequence in sequences]


def join_targets(training: pd.DataFrame, targets: pd.DataFrame, counts: Counts) -> pd.DataFrame:
    """Training examples, then targets, as one table with distinct ids; targets that are in training are counted.

    Parameters
    ----------
    training
        `id` and `protein` alike, `sequence`, `length`, `group`; with labels in the aspect.
    targets
        From `target_examples`. One with the id of a training example gets the id <target>@target.
    """
    same_id, same_sequence = targets["protein"].isin(training["protein"]), targets["group"].isin(training["group"])
    note = "kept: they and their labels of the time before are trained on"
    counts.add("targets in training by id", same_id.sum(), "proteins", note)
    counts.add("targets in training by sequence", same_sequence.sum(), "proteins", "kept: equal to a training sequence")
    taken = targets["id"].isin(training["id"])
    targets = targets.assign(id=targets["id"].where(~taken, targets["id"] + TARGET))
    return pd.concat([training.assign(subset="train", knowledge=None), targets], ignore_index=True)
