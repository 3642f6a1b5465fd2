"""What a run reads and writes: examples with targets, features, predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.errors import LexomeError
from lexome.runtime import atomic, read_json

Features = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Part:
    """The examples of one subset as a model may see them.

    Attributes
    ----------
    ids
        Example ids, length n.
    targets
        uint8, shape (n, n_labels); None for test examples, whose labels no model may see.
    features
        float32, shape (n, n_features); None for models without features.
    texts
        Sequence or text of each example, length n.
    known
        bool, shape (n, n_labels): where the targets are known; they are 0 elsewhere. None: everywhere.
    groups
        Group of each example in the study, length n; empty where the examples have none.
    """

    ids: list[str]
    targets: np.ndarray | None
    features: np.ndarray | None
    texts: list[str] = field(default_factory=list)
    known: np.ndarray | None = None
    groups: list = field(default_factory=list)


@dataclass(frozen=True)
class RunData:
    """The three subsets of a split, with the labels that are judged.

    Attributes
    ----------
    labels
        The judged labels, in the order of the columns of targets and scores.
    task
        `multi_label` or `multi_class` (each row of the targets holds exactly one 1).
    tokens
        Folder of the study's tokens (a Hugging Face dataset with the columns of `tokens.tokenise`; it may hold more
        examples than the split); None for kinds that do not read tokens.
    backbone
        Folder of the pretrained model; None for kinds that do not load one.
    hits
        File of the split's hits, see scripts/search_sequences.py; None for kinds that read none.
    members
        Predictions of the runs that an ensemble is made of, by the names of their models.
    """

    train: Part
    valid: Part
    test: Part
    labels: list[dict]
    task: str
    tokens: str | None = None
    backbone: str | None = None
    hits: str | None = None
    members: dict[str, str] = field(default_factory=dict)


def target_matrix(labels: pd.Series, chosen: Sequence[int], n_labels: int) -> np.ndarray:
    """Dense targets of the chosen labels.

    Parameters
    ----------
    labels
        List of label indices (into the study's vocabulary) per example, length n.
    chosen
        Vocabulary indices of the judged labels, in the order of the columns.
    n_labels
        Size of the vocabulary.

    Returns
    -------
    numpy.ndarray
        uint8, shape (n, len(chosen)).
    """
    column = np.full(n_labels, -1, dtype=np.int64)
    column[np.asarray(chosen, dtype=np.int64)] = np.arange(len(chosen))
    sizes = labels.map(len).to_numpy()
    flat = np.concatenate(labels.tolist()).astype(np.int64) if sizes.sum() else np.array([], dtype=np.int64)
    rows, columns = np.repeat(np.arange(len(labels)), sizes), column[flat]
    targets = np.zeros((len(labels), len(chosen)), dtype=np.uint8)
    targets[rows[columns >= 0], columns[columns >= 0]] = 1
    return targets


def known_matrix(measured: pd.Series, chosen: Sequence[int], n_labels: int) -> np.ndarray:
    """Which of the chosen labels are known, as `target_matrix` but bool; null means all of them."""
    lists = measured.map(lambda labels: () if labels is None else labels)
    return target_matrix(lists, chosen, n_labels).astype(bool) | measured.isna().to_numpy()[:, None]


def load_run(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    features: Features | None,
    tokens: str | None = None,
    backbone: str | None = None,
    hits: str | None = None,
) -> RunData:
    """Load a split for training. The labels of test examples are dropped before anything else happens.

    Parameters
    ----------
    examples, study_labels, assignment, split_labels
        `examples.parquet`, `labels.json`, `<split>.parquet` and `<split>.labels.json`. Examples may have a column
        `measured`: indices of the labels that are known of each, or null where all are.
    features
        Gives the features of examples by id, or None.
    tokens, backbone, hits
        Folders and a file that are handed on to the model.

    Raises
    ------
    LexomeError
        If a train or valid example of a `multi_class` study does not have exactly one of the judged labels, or such a
        study has a column `measured`.
    """
    labels = read_json(split_labels)
    n_labels = len(read_json(study_labels)["labels"])
    table = pd.read_parquet(examples)
    partly = ["measured"] if "measured" in table else []
    if partly and labels["task"] == "multi_class":
        raise LexomeError(f"{examples}: examples of one class each have no unknown labels; leave `measured` out")
    grouped = ["group"] if "group" in table else []
    table = table.rename(columns={"sequence": "text"})[["id", "text", "labels", *partly, *grouped]]
    table = pd.read_parquet(assignment, columns=["id", "subset"]).merge(table, on="id", validate="one_to_one")
    chosen = [label["index"] for label in labels["labels"]]

    def part(subset: str) -> Part:
        rows = table[table["subset"] == subset]
        ids = rows["id"].tolist()
        targets = None if subset == "test" else target_matrix(rows["labels"], chosen, n_labels)
        if labels["task"] == "multi_class" and targets is not None and (targets.sum(axis=1) != 1).any():
            wrong = ids[int(np.flatnonzero(targets.sum(axis=1) != 1)[0])]
            raise LexomeError(f"{examples}: {subset} example {wrong} does not have exactly one of the judged classes")
        known = None if targets is None or not partly else known_matrix(rows["measured"], chosen, n_labels)
        if known is not None:
            targets *= known
        texts, groups = rows["text"].tolist(), rows["group"].tolist() if grouped else []
        return Part(ids, targets, None if features is None else features(ids), texts, known, groups)

    return RunData(*map(part, ("train", "valid", "test")), labels["labels"], labels["task"], tokens, backbone, hits)


def load_test(
    examples: str, study_labels: str, assignment: str, split_labels: str, predictions: str | None = None
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Load the test examples of a split, to explain what a trained model makes of them.

    Parameters
    ----------
    examples, study_labels, assignment, split_labels
        As in `load_run`.
    predictions
        The run's `predictions.parquet`, or None.

    Returns
    -------
    table : pandas.DataFrame
        `id`, `group`, `text` (sequence or text) in the order of the split; with predictions `scores` (float32, shape
        (n_labels,), of each).
    targets : numpy.ndarray
        uint8, shape (n, n_labels), as in `target_matrix`; 0 where not known.
    known : numpy.ndarray
        bool, shape (n, n_labels).

    Raises
    ------
    LexomeError
        If the predictions lack a test example.
    """
    chosen = [label["index"] for label in read_json(split_labels)["labels"]]
    n_labels = len(read_json(study_labels)["labels"])
    own = pd.read_parquet(examples).rename(columns={"sequence": "text"})
    own = own[[name for name in ("id", "text", "labels", "measured") if name in own]]
    table = pd.read_parquet(assignment, columns=["id", "subset", "group"]).query("subset == 'test'")
    table = table.merge(own, on="id", validate="one_to_one")
    targets = target_matrix(table["labels"], chosen, n_labels)
    known = np.ones(targets.shape, dtype=bool)
    if "measured" in table:
        known = known_matrix(table["measured"], chosen, n_labels)
    kept = table[["id", "group", "text"]]
    if predictions is not None:
        rows, scores = read_predictions(predictions)
        place = pd.Series(np.arange(len(rows)), index=rows["id"]).reindex(table["id"])
        if place.isna().any():
            missing = table["id"][place.isna().to_numpy()]
            raise LexomeError(
                f"{predictions}: no prediction of {len(missing)} test examples, the first is {missing.iloc[0]}"
            )
        kept = kept.assign(scores=list(scores[place.to_numpy(dtype=np.int64)]))
    return kept, targets * known, known


def write_predictions(path: str | Path, parts: dict[str, tuple[Sequence[str], np.ndarray]]) -> None:
    """Write predictions, whole or not at all.

    Parameters
    ----------
    path
        A parquet file: `id`, `subset`, `scores` (fixed-size list of float32, one a label).
    parts
        Ids and probabilities, shape (n, n_labels), of each subset.
    """
    n_labels = {scores.shape[1] for _, scores in parts.values()}
    if len(n_labels) != 1:
        raise ValueError(f"subsets with different numbers of labels: {sorted(n_labels)}")
    width = n_labels.pop()
    scores = np.concatenate([np.asarray(s, dtype=np.float32) for _, s in parts.values()])
    if not np.isfinite(scores).all():
        raise ValueError("predictions are not finite; the model diverged")
    table = pa.table(
        {
            "id": [i for ids, _ in parts.values() for i in ids],
            "subset": [name for name, (ids, _) in parts.items() for _ in ids],
            "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), width),
        }
    )
    with atomic(path) as temporary:
        pq.write_table(table, temporary)


def read_predictions(path: str | Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read predictions.

    Returns
    -------
    rows : pandas.DataFrame
        `id`, `subset`.
    scores : numpy.ndarray
        float32, shape (n, n_labels), aligned with `rows`.
    """
    table = pq.read_table(path)
    column = table["scores"].combine_chunks()
    scores = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), column.type.list_size)
    return table.select(["id", "subset"]).to_pandas(), scores
