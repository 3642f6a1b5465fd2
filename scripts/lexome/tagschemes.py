"""Entities and their fields as labels of words, and back: schemas `plain` and `bio` (IOB2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lexome.documents import Entity, Span
from lexome.wordtokens import OUTSIDE, iob_labels

CATEGORY = "category"


def label_names(values: Sequence[str], schema: str, outside: bool = True) -> list[str]:
    """Labels of a head: `O` first (if wanted), then each value (`plain`), or `B-` and `I-` of each value (`bio`)."""
    names = list(values) if schema == "plain" else [prefix + value for value in values for prefix in ("B-", "I-")]
    return [OUTSIDE, *names] if outside else names


def value_of(field: str, fields: Mapping[str, Mapping]) -> Callable[[Entity], str | None]:
    """What an entity is for a head: its category, or the value of a field that its category has, else None.

    Parameters
    ----------
    field
        `category` or the name of a field.
    fields
        By name: `category`, whose entities have it.
    """
    if field == CATEGORY:
        return lambda entity: entity.category
    owner = fields[field]["category"]
    return lambda entity: entity.fields.get(field) if entity.category == owner else None


def valued(entities: Sequence[Entity], value: Callable[[Entity], str | None]) -> list[Entity]:
    """The entities that have a value, with it in the place of their category."""
    told = ((entity, value(entity)) for entity in entities)
    return [replace(entity, category=own) for entity, own in told if own is not None]


def one_label(words: Sequence[Span], entities: Sequence[Entity], names: Sequence[str], schema: str) -> np.ndarray:
    """The label of each word, int64 [W]: places in `names`; of overlapping entities the longest is labelled alone.

    Words of a value that is not among the names are outside.
    """
    place = {name: at for at, name in enumerate(names)}
    labels = iob_labels(words, entities)
    told = (label if schema == "bio" or label == OUTSIDE else label[2:] for label in labels)
    return np.array([place.get(label, 0) for label in told], dtype=np.int64)


def many_labels(words: Sequence[Span], entities: Sequence[Entity], names: Sequence[str], schema: str) -> np.ndarray:
    """0 or 1 of each word and label, float32 [W, L]; entities of different values may overlap."""
    table = np.zeros((len(words), len(names)), dtype=np.float32)
    place = {name: at for at, name in enumerate(names)}
    for value in sorted({entity.category for entity in entities}):
        for at, label in enumerate(iob_labels(words, [one for one in entities if one.category == value])):
            name = label if schema == "bio" else label[2:]
            if label != OUTSIDE and name in place:
                table[at, place[name]] = 1
    return table


def forbidden(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Labels that IOB2 does not let a document start with, bool [L], and steps that it does not allow, bool [from, to].

    An `I-` may only follow a label of its own value. Plain labels may follow each other as they like.
    """
    inside = np.array([name.startswith("I-") for name in names]) if any(n.startswith("B-") for n in names) else None
    if inside is None:
        return np.zeros(len(names), dtype=bool), np.zeros((len(names), len(names)), dtype=bool)
    same = np.array([[one != OUTSIDE and one[2:] == other[2:] for other in names] for one in names])
    return inside, inside[None, :] & ~same


def best_path(emissions: np.ndarray, start: np.ndarray, steps: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The labels with the highest sum of scores (Viterbi), int64 [W].

    Parameters
    ----------
    emissions
        Score of each word and label, float [W, L].
    start, end
        Scores of a label at the first and at the last word, float [L]; -inf forbids.
    steps
        Scores of neighbours, float [from, to].
    """
    if not len(emissions):
        return np.empty(0, dtype=np.int64)
    scores, came = emissions[0] + start, np.empty(emissions.shape, dtype=np.int64)
    for word in range(1, len(emissions)):
        through = scores[:, None] + steps
        came[word] = through.argmax(axis=0)
        scores = through.max(axis=0) + emissions[word]
    path = np.empty(len(emissions), dtype=np.int64)
    path[-1] = (scores + end).argmax()
    for word in range(len(emissions) - 1, 0, -1):
        path[word - 1] = came[word, path[word]]
    return path


def runs_of_one(names: Sequence[str], path: np.ndarray, schema: str) -> list[tuple[str, int, int]]:
    """Value, first word and the one behind the last of each entity in the labels of words.

    Plain neighbours of one value are one entity. In IOB2 an `I-` that nothing of its value precedes begins an entity.
    """
    runs: list[tuple[str, int, int]] = []
    for at, label in enumerate(names[place] for place in path):
        if label == OUTSIDE:
            continue
        value = label if schema == "plain" else label[2:]
        goes_on = bool(runs) and runs[-1][2] == at and runs[-1][0] == value
        if goes_on and (schema == "plain" or label.startswith("I-")):
            runs[-1] = (value, runs[-1][1], at + 1)
        else:
            runs.append((value, at, at + 1))
    return runs


def runs_of_many(
    values: Sequence[str], probabilities: np.ndarray, schema: str, threshold: float = 0.5
) -> list[tuple[str, int, int]]:
    """As `runs_of_one`, of probabilities of labels that do not exclude each other, float [W, L], value by value.

    A word bears a value from the threshold on, of its `B-` or its `I-`; in IOB2 an entity begins where nothing of the
    value precedes, or where `B-` is more likely than `I-`.
    """
    runs = []
    for at, value in enumerate(values):
        if schema == "plain":
            begins, borne = np.zeros(len(probabilities), dtype=bool), probabilities[:, at] >= threshold
        else:
            begins = probabilities[:, 2 * at] > probabilities[:, 2 * at + 1]
            borne = probabilities[:, 2 * at : 2 * at + 2].max(axis=1) >= threshold
        for word in np.flatnonzero(borne).tolist():
            if runs and runs[-1][0] == value and runs[-1][2] == word and not begins[word]:
                runs[-1] = (value, runs[-1][1], word + 1)
            else:
                runs.append((value, word, word + 1))
    return sorted(runs, key=lambda run: (run[1], run[2]))


def of_values(probabilities: np.ndarray, schema: str, outside: bool) -> np.ndarray:
    """Probability of each value, float [W, V]: of `B-` and `I-` the sum if labels are exclusive, else the greater."""
    told = probabilities[:, 1:] if outside else probabilities
    if schema == "plain":
        return told
    pairs = told.reshape(len(told), -1, 2)
    return pairs.sum(axis=2) if outside else pairs.max(axis=2)
