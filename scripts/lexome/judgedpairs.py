"""What a run says of valid and test beside what is annotated there, with consistent scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.proteinannotation import Terms
from lexome.proteinevidence import TrainingProteins
from lexome.runs import load_run, load_test, read_predictions


@dataclass(frozen=True)
class Judged:
    """Examples of one subset.

    Attributes
    ----------
    ids, sequences, groups
        Length n.
    scores
        Consistent, float32, shape (n, n_labels).
    truth, known
        bool, shape (n, n_labels).
    """

    ids: list[str]
    sequences: list[str]
    groups: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    known: np.ndarray


def load_judged(files: Mapping[str, str | Path], terms: Terms) -> tuple[TrainingProteins, Judged, Judged]:
    """The training proteins, and valid and test with the predictions of a run.

    Parameters
    ----------
    files
        `examples`, `study_labels`, `assignment`, `split_labels`, `predictions`.
    terms
        Of the split's labels.

    Raises
    ------
    LexomeError
        If the predictions lack an example.
    """
    parts = [files[name] for name in ("examples", "study_labels", "assignment", "split_labels")]
    data = load_run(*parts, None)
    table, truth, known = load_test(*parts, files["predictions"])
    scores = np.stack(table["scores"].tolist()) if len(table) else np.zeros((0, len(terms.ids)), np.float32)
    test = Judged(
        table["id"].tolist(),
        table["text"].tolist(),
        table["group"].to_numpy(),
        terms.consistent(scores),
        truth.astype(bool),
        known,
    )
    rows, scores = read_predictions(files["predictions"])
    place = pd.Index(rows["id"]).get_indexer(data.valid.ids)
    if (place < 0).any():
        raise LexomeError(f"{files['predictions']}: not of this split, which has other valid examples; train again")
    own, groups = data.valid, pd.read_parquet(files["assignment"], columns=["id", "group"]).set_index("id")["group"]
    valid = Judged(
        own.ids,
        own.texts,
        groups.loc[own.ids].to_numpy(),
        terms.consistent(scores[place]),
        own.targets.astype(bool),
        np.ones(own.targets.shape, dtype=bool) if own.known is None else own.known,
    )
    train = TrainingProteins(np.array(data.train.ids, dtype=object), data.train.texts, data.train.targets)
    return train, valid, test
