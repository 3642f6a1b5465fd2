"""Truth and predictions side by side, and the figures that judge one by the other.

A task (`labels.json`) names the function that judges it in `TASKS`; nothing else here knows what kind of
labels a study has.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.accretion import aspect_of
from lexome.bootstrap import centre_all, multi_class_replicates, multi_label_replicates
from lexome.cafametrics import OntologyTruth, ontology_truth
from lexome.errors import LexomeError
from lexome.metrics import multi_label_metrics, roc_auc, unit_metrics
from lexome.multiclass import class_figures, multi_class_metrics
from lexome.runtime import read_json
from lexome.tagjudged import TagJudged, join_tagged, label_table, load_tagged, means_and_replicates

# How far the probabilities of one example, stored as float32, may be from 1 in sum.
ROW_TOLERANCE = 1e-3
# Of CAFA's targets, see `cafaprotocol`.
KNOWLEDGE = ("none", "limited", "partial")


@dataclass(frozen=True)
class Labels:
    """The labels that a split is judged on, in the order of the columns of truth and scores."""

    task: str
    example_noun: str
    label_noun: str
    ids: list[str]
    names: list[str]
    index: np.ndarray  # int64 [L]: position among all labels of the study
    n_train: np.ndarray  # int64 [L]: training examples that carry the label
    told: dict = field(default_factory=dict)  # the whole file: what some tasks say beside (fields, links)
    ontology: OntologyTruth | None = None  # all terms of the aspect, where labels are terms of an ontology


@dataclass(frozen=True)
class Judged:
    """Examples with what is true and what was predicted, sorted by id."""

    ids: np.ndarray  # str [n]
    subset: np.ndarray  # str [n]: "valid" or "test"
    group: np.ndarray  # [n]
    nearest_train: np.ndarray  # float32 [n]: similarity to the nearest training example, NaN where not measured
    truth: np.ndarray  # bool [n, L]; False where unknown
    scores: np.ndarray  # float32 [n, L]
    known: np.ndarray  # bool [n, L]: where the truth is known
    knowledge: np.ndarray | None = None  # str [n]: what was known of a CAFA target before: none, limited, partial

    def take(self, rows: np.ndarray) -> "Judged":
        """The examples at a mask or at positions."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items() if values is not None})

    def digest(self) -> str:
        """Fingerprint of examples, groups and truth, to know two models' figures as comparable."""
        state = hashlib.sha256("\0".join([*self.ids, *map(str, self.group)]).encode())
        state.update(np.packbits(self.truth, axis=None).tobytes())
        if not self.known.all():
            state.update(np.packbits(self.known, axis=None).tobytes())
        return state.hexdigest()


class Figures(NamedTuple):
    """What a task's function finds on one subset."""

    means: dict[str, tuple[float, int]]  # metric -> (mean over the defined units, how many those are)
    replicates: dict[str, np.ndarray]  # metric -> float64 [B], centred
    shifts: dict[str, float]  # metric -> by how much its replicates were moved
    per_label: pd.DataFrame  # one row a label


def load_labels(path: str | Path) -> Labels:
    """Read `<split>.labels.json`.

    Raises
    ------
    LexomeError
        If there are no labels to judge or a key is missing.
    """
    document = read_json(path)
    try:
        labels = document["labels"]
        columns = {key: [label[key] for label in labels] for key in ("id", "name", "index", "n_train")}
        nouns = {key: document[key] for key in ("task", "example_noun", "label_noun")}
    except (KeyError, TypeError) as error:
        raise LexomeError(f"{path}: {error} is missing; make the file again with its split rule") from error
    if not labels:
        raise LexomeError(f"{path}: no label is left to judge; lower the split's `min_train_examples`")
    return Labels(
        **nouns,
        ids=columns["id"],
        names=columns["name"],
        index=np.array(columns["index"], dtype=np.int64),
        n_train=np.array(columns["n_train"], dtype=np.int64),
        told=document,
    )


def with_ontology(
    labels: Labels, terms: pd.DataFrame, examples: str | Path, assignment: str | Path, vocabulary: Sequence[str]
) -> Labels:
    """Labels that are terms of an ontology, with what examples carry over the whole aspect.

    Parameters
    ----------
    terms
        The parsed ontology.
    examples, assignment
        Paths of `examples.parquet` and `splits/<split>.parquet`: information accretion is counted on train.
    vocabulary
        Ids of all labels of the study, which belong to one aspect.
    """
    namespace = terms.set_index("id")["namespace"][vocabulary[0]]
    about = pq.read_table(examples, columns=["id", "labels"])
    split = pq.read_table(assignment, columns=["id", "subset"]).to_pandas()
    ids = about["id"].to_pandas()
    train = ids.isin(split.loc[split["subset"] == "train", "id"]).to_numpy()
    carried = [np.asarray(row, dtype=np.int64) for row in about["labels"].to_pylist()]
    return replace(
        labels, ontology=ontology_truth(ids.to_numpy(), carried, train, vocabulary, aspect_of(terms, namespace))
    )


def truth_matrix(labels: pa.Array | pa.ChunkedArray, index: np.ndarray) -> np.ndarray:
    """Lists of label positions as a dense matrix.

    Parameters
    ----------
    labels
        list<int32> [n]: what each example carries, as positions among all labels of the study.
    index
        int64 [L]: the labels that make the columns; others are left out.

    Returns
    -------
    bool [n, L].
    """
    labels = labels.combine_chunks() if isinstance(labels, pa.ChunkedArray) else labels
    carried = labels.flatten().to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(labels)), labels.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    column = np.full(1 + max(carried.max(initial=-1), index.max(initial=-1)), -1)
    column[index] = np.arange(len(index))
    columns = column[carried]
    truth = np.zeros((len(labels), len(index)), dtype=bool)
    truth[rows[columns >= 0], columns[columns >= 0]] = True
    return truth


def known_matrix(measured: pa.ChunkedArray, index: np.ndarray) -> np.ndarray:
    """Lists of the labels that are known of each example as a dense matrix; as `truth_matrix`, null means all."""
    return truth_matrix(measured, index) | measured.is_null().to_numpy()[:, None]


def load_judged(examples: str | Path, assignment: str | Path, labels: Labels, predictions: str | Path) -> Judged:
    """Valid and test examples of a split with truth and scores, aligned by id.

    Parameters
    ----------
    examples, assignment, predictions
        Paths of `examples.parquet`, `splits/<split>.parquet` and a run's `predictions.parquet`. Examples may have
        a column `measured`: the labels that are known of each, as positions among all labels.
    labels
        From `load_labels`.

    Raises
    ------
    LexomeError
        If the predictions do not cover exactly the valid and test examples, stand under another subset than
        the split says, have another number of labels, or hold a score that is no probability.
    """
    split = pq.read_table(assignment, columns=["id", "subset", "group", "nearest_train"]).to_pandas()
    split = split[split["subset"] != "train"].sort_values("id", ignore_index=True)
    table = pq.read_table(predictions, columns=["id", "subset", "scores"])
    order = _positions(split["id"], table["id"].to_pandas(), predictions)
    if len(table) > len(split):
        raise LexomeError(
            f"{predictions}: {len(table) - len(split)} rows are no valid or test examples of {assignment}"
        )
    if (table["subset"].to_pandas().to_numpy()[order] != split["subset"].to_numpy()).any():
        raise LexomeError(f"{predictions}: subsets differ from {assignment}; train the model again")

    columns = pq.read_schema(examples).names
    partly = "measured" in columns
    more = [name for name in ("measured", "knowledge") if name in columns]
    about = pq.read_table(examples, columns=["id", "labels", *more])
    about = about.take(_positions(split["id"], about["id"].to_pandas(), examples))
    truth = truth_matrix(about["labels"], labels.index)
    known = known_matrix(about["measured"], labels.index) if partly else np.ones_like(truth)
    return Judged(
        ids=split["id"].to_numpy(),
        subset=split["subset"].to_numpy(),
        group=split["group"].to_numpy(),
        nearest_train=split["nearest_train"].to_numpy(dtype=np.float32),
        truth=truth & known,
        scores=_score_matrix(table["scores"], len(labels.ids), predictions)[order],
        known=known,
        knowledge=about["knowledge"].to_pandas().fillna("").to_numpy(dtype=str) if "knowledge" in columns else None,
    )


def load_task(
    examples: str | Path,
    assignment: str | Path,
    labels: Labels,
    predictions: str | Path,
    ontology: str | Path | None = None,
    borrowed: bool = False,
) -> Judged | TagJudged:
    """As `load_judged`, or what judges entities and links where the task is `tagging`.

    Parameters
    ----------
    ontology
        Parsed, for tasks whose labels are its terms; others do not read it.
    borrowed
        As in `tagjudged.load_tagged`; other tasks do not read it.

    Raises
    ------
    LexomeError
        If the task is unknown, or as `load_judged`.
    """
    if labels.task not in TASKS:
        raise LexomeError(f"task {labels.task!r} is unknown; use one of {', '.join(TASKS)}")
    if labels.task == "tagging":
        return load_tagged(examples, assignment, labels.told, predictions, ontology, borrowed)
    return load_judged(examples, assignment, labels, predictions)


def join(parts: Sequence[Judged] | Sequence[TagJudged]) -> Judged | TagJudged:
    """The examples of several folds, judged on the same labels, as one."""
    if isinstance(parts[0], TagJudged):
        return join_tagged(parts)
    fields = [name for name, values in vars(parts[0]).items() if values is not None]
    return Judged(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})


def subsets(judged: Judged | TagJudged, distant: float) -> dict[str, np.ndarray]:
    """The subsets that get figures of their own, as masks; empty ones are left out.

    `test_distant` holds the test examples whose nearest training example is less than `distant` similar
    (0..1); where similarity was not measured an example does not count as distant. `test_none`, `test_limited` and
    `test_partial` hold CAFA's targets by what was known of them before.
    """
    test = judged.subset == "test"
    masks = {
        "valid": judged.subset == "valid",
        "test": test,
        "test_distant": test & (judged.nearest_train < distant),
    }
    if getattr(judged, "knowledge", None) is not None:
        masks |= {f"test_{kind}": test & (judged.knowledge == kind) for kind in KNOWLEDGE}
    return {name: mask for name, mask in masks.items() if mask.any()}


def judge_multi_label(labels: Labels, judged: Judged, counts: np.ndarray) -> Figures:
    """Figures of predictions where an example carries any number of labels.

    Parameters
    ----------
    labels
        What the columns are.
    judged
        The examples of one subset.
    counts
        Their resamples [B, n], from `resample_groups`.
    """
    nouns = (labels.example_noun, labels.label_noun)
    means = multi_label_metrics(judged.truth, judged.scores, *nouns, judged.known)
    replicates = multi_label_replicates(judged.truth, judged.scores, counts, *nouns, judged.known)
    of_label = unit_metrics(judged.truth, judged.scores, 0, judged.known)
    per_label = _label_table(labels, judged, of_label)
    # What was known of a target before is left out of both sides, which sums over the ontology do not do.
    if labels.ontology is not None and judged.known.all():
        more, drawn = labels.ontology.judge(judged.ids, judged.scores, labels.ids, counts, *nouns)
        means, replicates = means | more, replicates | drawn
    return Figures(means, *centre_all(replicates, means), per_label)


def judge_multi_class(labels: Labels, judged: Judged, counts: np.ndarray) -> Figures:
    """Figures of predictions where an example carries exactly one label; arguments as in `judge_multi_label`.

    Raises
    ------
    LexomeError
        If an example carries none or several of the judged labels, if they are not known of all, or if its
        probabilities do not sum to 1.
    """
    if not judged.known.all():
        raise LexomeError(f"every example has exactly one {labels.label_noun}: leave the column `measured` out")
    wrong = np.flatnonzero(judged.truth.sum(axis=1) != 1)
    if len(wrong):
        raise LexomeError(f"example {judged.ids[wrong[0]]} does not have exactly one judged {labels.label_noun}")
    wrong = np.flatnonzero(np.abs(judged.scores.sum(axis=1, dtype=np.float64) - 1) > ROW_TOLERANCE)
    if len(wrong):
        raise LexomeError(f"the probabilities of example {judged.ids[wrong[0]]} do not sum to 1; train the model again")
    means = multi_class_metrics(judged.truth, judged.scores, labels.ids)
    replicates = multi_class_replicates(judged.truth, judged.scores, counts, labels.ids)
    areas = roc_auc(judged.truth, judged.scores, axis=0)
    figures = class_figures(judged.truth, judged.scores)._asdict()
    return Figures(means, *centre_all(replicates, means), _label_table(labels, judged, figures | {"auroc": areas}))


def judge_tagging(labels: Labels, judged: TagJudged, counts: np.ndarray) -> Figures:
    """Figures of entities, links and concepts in documents; arguments as in `judge_multi_label`."""
    means, replicates = means_and_replicates(judged, counts)
    table = label_table(judged, dict(zip(labels.ids, labels.names, strict=True)))
    return Figures(means, *centre_all(replicates, means), table)


TASKS: dict[str, Callable[[Labels, Judged, np.ndarray], Figures]] = {
    "multi_label": judge_multi_label,
    "multi_class": judge_multi_class,
    "tagging": judge_tagging,
}


def _label_table(labels: Labels, judged: Judged, figures: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row a label: what it is, how often it occurs, and its figures [L]."""
    about = {"id": labels.ids, "name": labels.names, "n_train": labels.n_train}
    counts = {"n_known": judged.known.sum(axis=0), "n_positive": judged.truth.sum(axis=0)}
    return pd.DataFrame({**about, **counts, **figures})


def _positions(wanted: pd.Series, present: pd.Series, path: str | Path) -> np.ndarray:
    """Where each wanted id stands in a file's ids."""
    index = pd.Index(present)
    if not index.is_unique:
        raise LexomeError(f"{path}: id {index[index.duplicated()][0]} stands there twice")
    positions = index.get_indexer(wanted)
    if (positions < 0).any():
        missing = wanted[positions < 0]
        raise LexomeError(f"{path}: {len(missing)} examples are missing, first {missing.iloc[0]}; make the file again")
    return positions


def _score_matrix(scores: pa.ChunkedArray, width: int, path: str | Path) -> np.ndarray:
    """A column of score lists as float32 [n, width]."""
    lists = scores.combine_chunks()
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != width).any():
        wrong = lengths[lengths != width][0]
        raise LexomeError(f"{path}: {wrong} scores where the split judges {width} labels; train the model again")
    matrix = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False).reshape(len(lists), width)
    if not ((matrix >= 0) & (matrix <= 1)).all():
        raise LexomeError(f"{path}: scores must be probabilities, from 0 to 1 and not missing")
    return matrix
