"""Do attributions mean something? Words are taken out of texts in their order, and the probability has to fall.

The check of Petsiuk, Das and Saenko (2018, RISE: the deletion curve) and of DeYoung et al. (2020, ERASER:
comprehensiveness), at a few shares of the words. The words leave the text, as in ERASER; they are not replaced by
[MASK], which few classifiers were trained with. A text with gaps is odd to a model, whatever the gaps are: so the fall
is measured against that of as many words drawn at random, and against that of the least attributed words. The latter,
at a share of x, is also ERASER's sufficiency of the 1 - x most attributed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, interval, resample_groups, stream

Probability = Callable[[Sequence[str]], np.ndarray]

ATTRIBUTED, RANDOM, LOWEST = "attributed", "random", "lowest"
FIRST = "first"  # the text's own order: the trivial rival where texts give themselves away at their start


@dataclass(frozen=True)
class Explained:
    """A text with the attributions of its words.

    Attributes
    ----------
    id, text
        What the model was given.
    label
        Column of the class that the attributions are for.
    spans
        int64, shape (words, 2): first character and the one after the last of every word that may be removed.
    values
        Name of an order to a float array, shape (words,): the words with the largest values go first. The name
        `attributed` must be there; words with the smallest of its values make the order `lowest`.
    """

    id: str
    text: str
    label: int
    spans: np.ndarray
    values: Mapping[str, np.ndarray]


def remove_spans(text: str, spans: np.ndarray) -> str:
    """The text without these parts, its blanks made single."""
    kept, start = [], 0
    for first, last in sorted(map(tuple, np.asarray(spans).tolist())):
        kept.append(text[start:first])
        start = last
    return " ".join(" ".join([*kept, text[start:]]).split())


def removed_words(share: float, words: int) -> int:
    """How many of a text's words a share of them is: to the nearest, one at least where there is one."""
    return min(words, max(1, int(share * words + 0.5)))


def removal_orders(values: Mapping[str, np.ndarray], draws: int, rng: np.random.Generator) -> list[tuple]:
    """Every order in which words leave a text.

    Returns
    -------
    list of tuple
        Name of the order and int64, shape (words,): the words from the first to the last to go. One for each of
        `values`, one `lowest` and `draws` times `random`.
    """
    own = np.asarray(values[ATTRIBUTED])
    orders = [(name, np.argsort(-np.asarray(value), kind="stable")) for name, value in values.items()]
    orders.append((LOWEST, np.argsort(own, kind="stable")))
    return orders + [(RANDOM, rng.permutation(len(own))) for _ in range(draws)]


def probability_drops(
    examples: Sequence[Explained], probability: Probability, shares: Sequence[float], draws: int, seed: int
) -> dict[str, np.ndarray]:
    """How far the probability of the explained class falls when words are removed.

    Parameters
    ----------
    examples
        n texts.
    probability
        From texts to probabilities, shape (texts, n_labels).
    shares
        Of the words that are removed.
    draws
        Random orders a text; their falls are averaged.

    Returns
    -------
    dict
        Order to a float64 array, shape (n, shares).

    Raises
    ------
    ValueError
        If a text has no words to remove.
    """
    wanted: dict[str, int] = {}  # many orders leave the same text: each is asked for once
    asked = []  # order, row, column, place of the whole text, place of what is left
    for row, example in enumerate(examples):
        if not len(example.spans):
            raise ValueError(f"{example.id} has no words to remove")
        whole, rng = wanted.setdefault(example.text, len(wanted)), stream(seed, "deletion", example.id)
        for name, order in removal_orders(example.values, draws, rng):
            for column, share in enumerate(shares):
                gone = example.spans[order[: removed_words(share, len(order))]]
                left = wanted.setdefault(remove_spans(example.text, gone), len(wanted))
                asked.append((name, row, column, whole, left))
    scores = np.asarray(probability(list(wanted)), dtype=np.float64)
    drops: dict[str, np.ndarray] = {}
    for name, row, column, whole, left in asked:
        label = examples[row].label
        drop = (scores[whole, label] - scores[left, label]) / (draws if name == RANDOM else 1)
        drops.setdefault(name, np.zeros((len(examples), len(shares))))[row, column] += drop
    return drops


def bootstrap_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of the texts in every resample.

    Parameters
    ----------
    values
        Shape (n, ...).
    counts
        Shape (B, n), from `bootstrap.resample_groups`.

    Returns
    -------
    numpy.ndarray
        float64, shape (B, ...).
    """
    weights = counts / counts.sum(axis=1, keepdims=True)
    return np.tensordot(weights, values, axes=1)


def deletion_table(
    drops: Mapping[str, np.ndarray], shares: Sequence[float], counts: np.ndarray, level: float
) -> pd.DataFrame:
    """Mean fall of each order and share with its interval over texts.

    Returns
    -------
    pandas.DataFrame
        `share`, `order`, `mean_drop`, `low`, `high`, `n`.
    """
    rows = []
    for name, values in drops.items():
        replicates = bootstrap_means(values, counts)
        for column, share in enumerate(shares):
            low, high = interval(replicates[:, column], level)
            figures = {"mean_drop": values[:, column].mean(), "low": low, "high": high, "n": len(values)}
            rows.append({"share": share, "order": name, **figures})
    return pd.DataFrame(rows, columns=["share", "order", "mean_drop", "low", "high", "n"])


def difference(
    drops: Mapping[str, np.ndarray], first: str, second: str, counts: np.ndarray, level: float
) -> dict[str, float]:
    """How much further the probability falls by one order than by another on the same texts: mean over the shares."""
    values = (drops[first] - drops[second]).mean(axis=1)
    low, high = interval(bootstrap_means(values, counts), level)
    return {"difference": float(values.mean()), "low": low, "high": high}


def resample(groups: Sequence, replicates: int, seed: int, *names: str) -> np.ndarray:
    """Resamples of texts, those of a group together; the same for all orders, which are compared in pairs."""
    return resample_groups(np.asarray(groups), replicates, stream(seed, "deletion", *names))


def judge(low: float, groups: int) -> bool | None:
    """Whether attributed words matter more than random ones (True), or not (False); None: too few texts to say."""
    if groups < FEWEST_GROUPS:
        return None
    return bool(low > 0)


def verdict(found: Mapping[str, float], meaning: bool | None, n: int, shares: Sequence[float], level: float) -> str:
    """The outcome in one sentence; `found` from `difference` of attributed and random words."""
    low, high = (f"{100 * found[key]:.1f}".replace("-", "−") for key in ("low", "high"))
    gap = f"{100 * abs(found['difference']):.1f}"
    if meaning is None:
        return f"With {n} texts the check cannot tell whether the attributions mean something."
    percents = [f"{100 * share:.0f}" for share in shares]
    words = " or ".join(filter(None, [", ".join(percents[:-1]), percents[-1]]))
    rest = f"({100 * level:.0f} % interval {low} to {high}; mean over {words} % of the words of {n} texts)"
    without = "without the words that they put first, the probability of the predicted class falls"
    if meaning:
        return (
            f"The attributions mean something: {without} {gap} points further than without as many random words {rest}."
        )
    if found["high"] < 0:
        return f"The attributions mislead: {without} {gap} points less than without as many random words {rest}."
    way = "further" if found["difference"] >= 0 else "less"
    return f"The attributions may be chance: {without} {gap} points {way} than without as many random words {rest}."


def verdict_on_first(found: Mapping[str, float], meaning: bool | None) -> str:
    """A second sentence: whether attributed words matter more than the first words do; "" where there is no verdict."""
    if meaning is None:
        return ""
    low, high = (f"{100 * found[key]:.1f}".replace("-", "−") for key in ("low", "high"))
    gap = f"{100 * abs(found['difference']):.1f} points {'further' if found['difference'] >= 0 else 'less'}"
    end = "" if found["low"] > 0 else ": no clear gain"
    return f" Compared with as many of the text's first words it falls {gap} ({low} to {high}){end}."
