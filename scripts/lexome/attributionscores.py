"""Whether attributions find the sites that a factor binds: average precision over the positions of each sequence.

A position is true where a site lies: one that was implanted, or, in real sequences, a hit of the factor's known motif.
Nothing is learnt here; what attributions have to beat are chance (the share of true positions, which random values
reach, or exceed a little where few are true) and the motif itself, slid along the sequence. On hits of that motif the
latter wins by its making. A motif of six positions has no hits: no window is as rare as a hit has to be.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.bootstrap import FEWEST_GROUPS, centre, interval, resample_groups, stream
from lexome.metrics import average_precision
from lexome.motifs import Motif, scan

METHODS = ("ism", "gradient", "integrated_gradients", "deeplift_shap")
RIVALS = ("pwm", "random")
TRUTHS = ("implants", "hits", "shuffled_hits")
ALL = "all"
METRIC = "auprc"
HIT = 1e-4  # p-value below which a window is a hit of a motif
SHUFFLES = 10  # shuffled motifs: the hits of one are too few to tell
COLUMNS = ("factor", "method", "truth", "metric", "value", "low", "high", "chance", "ratio", "n")

log = logging.getLogger(__name__)


def importance(method: str, array: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    """One value a position: how much the letter that is there speaks for the label.

    Parameters
    ----------
    method
        A name in `METHODS`.
    array
        Its attributions, shape (rows, L, 4).
    one_hot
        The sequences, shape (rows, 4, L).

    Returns
    -------
    numpy.ndarray
        float32, shape (rows, L): for `ism` minus the mean effect of the three substitutions, for the others the value
        at the letter that is there; 0 at an N.
    """
    if method not in METHODS:
        raise ValueError(f"{method!r} is no method; there are {', '.join(METHODS)}")
    if method == "ism":
        return (-array.sum(axis=2) / 3).astype(np.float32)
    return (array * one_hot.transpose(0, 2, 1)).sum(axis=2).astype(np.float32)


def implanted(
    implants: pd.DataFrame, ids: Sequence[str], lengths: Sequence[int], factor: str, width: int
) -> np.ndarray:
    """Where the sites of a factor were implanted, as the network reads the sequences.

    Parameters
    ----------
    implants
        `id`, `factor`, `start`, `end` (0-based, half-open).
    ids, lengths
        Of n sequences, before `dnamodels.fit_length` cut or padded them.
    width
        Nucleotides that the network reads, L.

    Returns
    -------
    numpy.ndarray
        bool, shape (n, L).
    """
    mask = np.zeros((len(ids), width), dtype=bool)
    own = implants[implants["factor"] == factor]
    sites = {name: rows[["start", "end"]].to_numpy() for name, rows in own.groupby("id")}
    for row, (name, length) in enumerate(zip(ids, lengths, strict=True)):
        # As `fit_length` does: what is cut off the left end, or padded there.
        moved = (width - length) // 2 if length < width else -((length - width) // 2)
        for start, end in sites.get(name, ()):
            mask[row, max(0, start + moved) : max(0, end + moved)] = True
    return mask


def motif_hits(motifs: Mapping[str, Motif], one_hot: np.ndarray, threshold: float = HIT) -> dict[str, np.ndarray]:
    """Where motifs hit on either strand, by memelite's FIMO (Grant, Bailey and Noble, Bioinformatics 27, 1017 (2011)).

    Parameters
    ----------
    one_hot
        Shape (n, 4, L); N tells nothing.
    threshold
        p-value against equal letter frequencies below which a window is a hit.

    Returns
    -------
    dict
        Name to a mask: bool, shape (n, L).
    """
    from memelite import fimo  # compiles itself when it is first called, and keeps the code beside it

    n, _, length = one_hot.shape
    fitting = {name: motif for name, motif in motifs.items() if len(motif) <= length}
    masks = {name: np.zeros((n, length), dtype=bool) for name in motifs}
    if not n or not fitting:
        return masks
    matrices = {name: np.ascontiguousarray(motif.probabilities().T) for name, motif in fitting.items()}
    for name, hits in zip(matrices, fimo(matrices, one_hot.astype(np.int8), threshold=threshold), strict=True):
        for row, start, end in hits[["sequence_name", "start", "end"]].to_numpy(dtype=np.int64):
            masks[name][row, start:end] = True
    return masks


def shuffled_columns(motif: Motif, n: int, rng: np.random.Generator) -> list[Motif]:
    """The motif with its positions in random order, n times: as many bits and letters, another site."""
    return [Motif(f"{motif.id}_{i}", motif.name, motif.counts[rng.permutation(len(motif))]) for i in range(n)]


def shuffled_hits(motif: Motif, one_hot: np.ndarray, own: np.ndarray, seed: int) -> np.ndarray:
    """Hits of `SHUFFLES` motifs with shuffled columns, but for positions that the motif itself hits (`own`)."""
    shuffles = shuffled_columns(motif, SHUFFLES, stream(seed, "shuffled columns", motif.id))
    masks = motif_hits({shuffle.id: shuffle for shuffle in shuffles}, one_hot)
    return np.any(list(masks.values()), axis=0) & ~own


def pwm_importance(motif: Motif, codes: np.ndarray) -> np.ndarray:
    """The best match of a motif, on either strand, among the windows that cover each position: bits.

    Parameters
    ----------
    codes
        uint8, shape (n, L).

    Returns
    -------
    numpy.ndarray
        float32, shape (n, L); 0 everywhere in sequences shorter than the motif.
    """
    scores = scan(codes, motif.log_odds()).max(axis=1)
    width, length = len(motif), codes.shape[1]
    if not scores.shape[1]:
        return np.zeros(codes.shape, dtype=np.float32)
    best = np.full(codes.shape, -np.inf, dtype=np.float32)
    for place in range(width):
        part = best[:, place : length - width + 1 + place]
        np.maximum(part, scores, out=part)
    return best


def random_importance(ids: Iterable[str], factor: str, length: int, seed: int) -> np.ndarray:
    """Even random values, float32, shape (n, L), the same for a sequence whatever stands beside it."""
    values = [stream(seed, "random", factor, name).random(length, dtype=np.float32) for name in ids]
    return np.array(values, dtype=np.float32).reshape(-1, length)


def score(
    cases: Mapping[str, Mapping], groups: Mapping[str, np.ndarray], bootstrap: Mapping, names: Sequence[str] = ()
) -> pd.DataFrame:
    """Average precision over positions, mean over sequences, with intervals.

    Parameters
    ----------
    cases
        Factor to its bound sequences: `importances` (method to float, shape (n, L)) and `truths` (name in `TRUTHS` to
        bool, shape (n, L)). Sequences with no true position of a truth, or only such, do not count for it.
    groups
        Factor to the group of each of its sequences, shape (n,).
    bootstrap
        `replicates`, `level`, `seed`: groups are drawn with replacement, alike for all methods.
    names
        What the draws depend on beside the seed: study and split.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: `value` with `low` and `high` (NaN where it rests on fewer than `FEWEST_GROUPS` groups), `chance`
        (the mean share of true positions), `ratio` of the two, `n` sequences. Factor `all` is the mean over the factors
        that have the method and the truth.
    """
    members = np.concatenate([np.zeros(0, dtype=object), *(np.asarray(own, dtype=object) for own in groups.values())])
    counts = resample_groups(members.astype(str), bootstrap["replicates"], stream(bootstrap["seed"], "sites", *names))
    starts = dict(zip(groups, np.cumsum([0, *map(len, groups.values())]), strict=False))
    rows = []
    for truth in TRUTHS:
        parts: dict[str, list[tuple]] = {}
        for factor, case in cases.items():
            if truth not in case["truths"]:
                continue
            mask = case["truths"][truth]
            usable = np.flatnonzero(mask.any(axis=1) & ~mask.all(axis=1))
            if not len(usable):
                log.info("%s: no sequence with %s", factor, truth)
                continue
            drawn = counts[:, starts[factor] + usable].astype(np.float64)
            distinct = set(np.asarray(groups[factor])[usable])
            for method, values in case["importances"].items():
                precisions = average_precision(mask[usable], values[usable], axis=1)
                total = drawn.sum(axis=1)
                means = np.divide(drawn @ precisions, total, out=np.full(len(total), np.nan), where=total > 0)
                part = (precisions.mean(), means, mask[usable].mean(), len(usable), distinct)
                parts.setdefault(method, []).append(part)
                rows.append((factor, method, truth, *_figures(*part, bootstrap["level"])))
        for method, of_factors in parts.items():
            values, means, chances, sizes, distinct = zip(*of_factors, strict=True)
            together = (np.mean(values), np.mean(means, axis=0), np.mean(chances), sum(sizes), set().union(*distinct))
            rows.append((ALL, method, truth, *_figures(*together, bootstrap["level"])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _figures(value: float, replicates: np.ndarray, chance: float, n: int, distinct: set, level: float) -> tuple:
    low, high = float("nan"), float("nan")
    if len(distinct) >= FEWEST_GROUPS:
        low, high = interval(centre(replicates, value)[0], level)
    return METRIC, float(value), low, high, float(chance), float(value / chance), n
