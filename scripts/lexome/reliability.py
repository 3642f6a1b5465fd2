"""Agreement beyond chance: Cohen's kappa and Krippendorff's alpha, for many tables at once.

A table of labels [L, L] is handed over flat [L * L], so that a product of matrices gives those of many resamples.
"""

from collections.abc import Sequence

import numpy as np


def cross(first: np.ndarray, second: np.ndarray, n_labels: int) -> np.ndarray:
    """How many words bear each label of the first (rows) and of the second (columns); int64 [L, L]."""
    places = np.asarray(first, dtype=np.int64) * n_labels + np.asarray(second, dtype=np.int64)
    return np.bincount(places, minlength=n_labels**2).reshape(n_labels, n_labels)


def coincidences(labels: Sequence[np.ndarray], n_labels: int) -> np.ndarray:
    """Coincidences of the labels that several annotators gave to the same words; float64 [L, L].

    Each pair of labels of one word counts 1 / (annotators - 1), in either order.
    """
    given = np.zeros((len(labels[0]), n_labels))
    for own in labels:
        given[np.arange(len(own)), own] += 1
    both = given.T @ given - np.diag(given.sum(axis=0))
    return both / (len(labels) - 1)


def kappa(crossed: np.ndarray) -> np.ndarray:
    """Cohen's kappa of flattened tables of two annotators [..., L * L]; NaN where both use one label only, the same."""
    table = _square(crossed)
    total = table.sum(axis=(-2, -1))
    same = np.trace(table, axis1=-2, axis2=-1) * total
    chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1)
    return ratio(same - chance, total**2 - chance)


def alpha(coincident: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal values of flattened coincidences [..., L * L]; NaN where one label is used."""
    table = _square(coincident)
    held = table.sum(axis=-1)
    total = held.sum(axis=-1)
    apart = total - np.trace(table, axis1=-2, axis2=-1)
    by_chance = total**2 - (held**2).sum(axis=-1)
    return 1 - ratio((total - 1) * apart, by_chance)


def same(crossed: np.ndarray) -> np.ndarray:
    """Share of flattened tables of two annotators [..., L * L] that lies on the diagonal; NaN of an empty one."""
    table = _square(crossed)
    return ratio(np.trace(table, axis1=-2, axis2=-1), table.sum(axis=(-2, -1)))


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """One by the other, NaN where that is 0."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def _square(flat: np.ndarray) -> np.ndarray:
    flat = np.asarray(flat, dtype=np.float64)
    side = round(flat.shape[-1] ** 0.5)
    return flat.reshape(*flat.shape[:-1], side, side)
