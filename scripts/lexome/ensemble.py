"""Several models as one: their probabilities averaged with weights that valid chooses."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.models import CHOOSES, Trained, score_valid
from lexome.runs import Part, RunData, read_predictions
from lexome.runtime import atomic, write_json

log = logging.getLogger(__name__)

# Weights are multiples of 1 / STEPS.
STEPS = 10


def weightings(members: int, steps: int = STEPS) -> Iterator[tuple[float, ...]]:
    """All weights of so many members that are multiples of 1 / steps and sum to 1, equal ones first.

    Those nearest to equal come first, so that of equally good ones the most even is taken.
    """
    cuts = itertools.combinations_with_replacement(range(steps + 1), members - 1)
    parts = {tuple(np.diff([0, *cut, steps]).tolist()) for cut in cuts}
    for part in sorted(parts, key=lambda part: (sum(count**2 for count in part), part)):
        yield tuple(count / steps for count in part)


def read_scores(path: str | Path, part: Part, n_labels: int) -> np.ndarray:
    """A member's probabilities of the examples of a part, float32, shape (n, n_labels).

    Raises
    ------
    LexomeError
        If an example is missing or the labels are others.
    """
    rows, scores = read_predictions(path)
    places = pd.Index(rows["id"]).get_indexer(part.ids)
    if (places < 0).any():
        absent = np.asarray(part.ids, dtype=object)[places < 0][0]
        raise LexomeError(f"{path}: no prediction for {absent}; train that model again")
    if scores.shape[1] != n_labels:
        raise LexomeError(f"{path}: scores of other labels than the split judges; train that model again")
    return scores[places]


def average(scores: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean of probabilities, float32."""
    return sum(weight * each for weight, each in zip(weights, scores, strict=True)).astype(np.float32)


def ensemble(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """The weighted mean of the members' probabilities, with the weights that are best on valid.

    Parameters
    ----------
    data
        With `members`: the predictions of each member's run, by name.
    settings
        `members`, their names.
    seed
        Not used: members of the same seed are averaged.

    Raises
    ------
    LexomeError
        If there is no valid example to choose by.
    """
    if not data.valid.ids:
        raise LexomeError("an ensemble chooses its weights on valid, which has no example")
    names, n_labels = settings["members"], len(data.labels)
    valid = [read_scores(data.members[name], data.valid, n_labels) for name in names]
    judge, key = score_valid(data), CHOOSES[data.task]
    tried = [(weights, judge(data.valid.targets, average(valid, weights))[key]) for weights in weightings(len(names))]
    weights, figure = max(tried, key=lambda pair: pair[1])
    log.info("weights %s: %s %.4f on valid", dict(zip(names, weights, strict=True)), key, figure)
    test = [read_scores(data.members[name], data.test, n_labels) for name in names]
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        told = [{"weights": list(each), key: float(value)} for each, value in tried]
        chosen = dict(zip(names, weights, strict=True))
        write_json(temporary / "config.json", {"model": dict(settings), "weights": chosen, "tried": told})
    cost = {"parameters": len(names), "trained_parameters": len(names)}
    return Trained(average(valid, weights), average(test, weights), [], cost)
