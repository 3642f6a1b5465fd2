"""Whether attributions find the sites that a factor binds: average precision over the positions of each sequence.

A position is true where a site lies: one that was implanted, or, in real sequences, a hit of the factor's known motif.
Nothing is learnt here; what attributions have to beat are chance (what a random order is expected to reach, which is
more than the share of true positions) and the motif itself, slid along the sequence. On hits of that motif the latter
wins by its making. Of a motif of six positions no window is as rare as a hit has to be: its best site counts as one.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from lexome import dna
from lexome.bootstrap import FEWEST_GROUPS, centre, interval, resample_groups, stream
from lexome.dnamodels import window_shift
from lexome.metrics import average_precision
from lexome.motifs import Motif, scan

METHODS = ("ism", "gradient", "integrated_gradients", "deeplift_shap")
RIVALS = ("pwm", "random")
TRUTHS = ("implants", "hits", "shuffled_hits")
ALL = "all"
METRIC = "auprc"
HIT = 1e-4  # p-value below which a window is a hit of a motif
LOOSEST = 1e-3  # of a short motif, the largest p-value of its best site at which that is a hit: five positions
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
        moved = window_shift(length, width)
        for start, end in sites.get(name, ()):
            mask[row, max(0, start + moved) : max(0, end + moved)] = True
    return mask


def hit_threshold(motif: Motif, threshold: float = HIT) -> float:
    """The p-value below which a window is a hit: `threshold`, or of a short motif just above that of its best site.

    The best site of six positions has a p-value of 4**-6 = 2.4e-4 at the least: at 1e-4 there would be no hit of it.
    Beyond `LOOSEST` a hit tells nothing; the threshold then stays, and nothing hits.
    """
    from memelite import fimo

    site = dna.one_hot([motif.consensus()]).astype(np.int8)
    # Rounded as FIMO rounds scores; a threshold of 1 would be a logarithm of 0, which nothing is below.
    best = fimo({motif.id: _matrix(motif)}, site, threshold=0.999)[0]["p-value"].min()
    return float(best) * 1.001 if threshold <= best <= LOOSEST else threshold


def motif_hits(motifs: Mapping[str, Motif], letters: np.ndarray, threshold: float = HIT) -> dict[str, np.ndarray]:
    """Where motifs hit on either strand, by memelite's FIMO (Grant, Bailey and Noble, Bioinformatics 27, 1017 (2011)).

    Parameters
    ----------
    letters
        Shape (n, 4, L); N tells nothing.
    threshold
        p-value against equal letter frequencies below which a window is a hit; see `hit_threshold` for short motifs.

    Returns
    -------
    dict
        Name to a mask: bool, shape (n, L).
    """
    from memelite import fimo  # compiles itself when it is first called, and keeps the code beside it

    n, _, length = letters.shape
    masks = {name: np.zeros((n, length), dtype=bool) for name in motifs}
    for name, motif in motifs.items():
        if not n or len(motif) > length:
            continue
        least = hit_threshold(motif, threshold)
        hits = fimo({name: _matrix(motif)}, letters.astype(np.int8), threshold=least)[0]
        for row, start, end in hits[["sequence_name", "start", "end"]].to_numpy(dtype=np.int64):
            masks[name][row, start:end] = True
    return masks


def _matrix(motif: Motif) -> np.ndarray:
    return np.ascontiguousarray(motif.probabilities().T)


def shuffled_columns(motif: Motif, n: int, rng: np.random.Generator) -> list[Motif]:
    """The motif with its positions in random order, n times: as many bits and letters, another site."""
    return [Motif(f"{motif.id}_{i}", motif.name, motif.counts[rng.permutation(len(motif))]) for i in range(n)]


def shuffled_hits(motif: Motif, letters: np.ndarray, own: np.ndarray, seed: int) -> np.ndarray:
    """Hits of `SHUFFLES` motifs with shuffled columns, but for positions that the motif itself hits (`own`).

    Those are to be left out of the ranking too (see `score`): as negatives they would hold attributions that find the
    motif, as they should, below chance.
    """
    shuffles = shuffled_columns(motif, SHUFFLES, stream(seed, "shuffled columns", motif.id))
    masks = motif_hits({shuffle.id: shuffle for shuffle in shuffles}, letters)
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


def expected_precision(positives: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The mean of average precision over all orders of `items`, of which `positives` are true.

    A place k of n holds one of the m positives with probability m / n; of the k - 1 before it a share of
    (m - 1) / (n - 1) are then expected to be positive. Summed over the places, with H the harmonic number of n:
    s + (1 - s) H / n, where s = (m - 1) / (n - 1).

    Parameters
    ----------
    positives, items
        int, shape (rows,); 1 <= positives <= items, 2 <= items.

    Returns
    -------
    numpy.ndarray
        float64, shape (rows,).
    """
    positives, items = np.asarray(positives), np.asarray(items)
    harmonic = np.cumsum(1 / np.arange(1, items.max(initial=0) + 1))[items - 1]
    share = (positives - 1) / (items - 1)
    return share + (1 - share) * harmonic / items


def score(
    cases: Mapping[str, Mapping], groups: Mapping[str, np.ndarray], bootstrap: Mapping, names: Sequence[str] = ()
) -> pd.DataFrame:
    """Average precision over positions, mean over sequences, with intervals.

    Parameters
    ----------
    cases
        Factor to its bound sequences: `importances` (method to float, shape (n, L)) and `truths` (name in `TRUTHS` to
        bool, shape (n, L)), and `left_out` (the same for truths of which some positions are not ranked; none of them
        is true). Sequences with no true position of a truth, or only such, do not count for it.
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
        (`expected_precision`, mean over the sequences), `ratio` of the two, `n` sequences. Of a factor none of whose
        sequences counts, `n` is 0 and the numbers are NaN. Factor `all` is the mean over the other factors that have
        the method and the truth.
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
            ranked = ~case.get("left_out", {}).get(truth, np.zeros_like(mask))
            usable = np.flatnonzero(mask.any(axis=1) & (ranked & ~mask).any(axis=1))
            if not len(usable):
                log.warning("%s: no sequence with %s", factor, truth)
                nothing = (METRIC, *[float("nan")] * 5, 0)
                rows += [(factor, method, truth, *nothing) for method in case["importances"]]
                continue
            mask, ranked = mask[usable], ranked[usable]
            chance = expected_precision(mask.sum(axis=1), ranked.sum(axis=1)).mean()
            drawn = counts[:, starts[factor] + usable].astype(np.float64)
            distinct = set(np.asarray(groups[factor])[usable])
            for method, values in case["importances"].items():
                # Behind all others, negatives change no precision at a positive.
                last = values.astype(np.float64).min() - 1
                precisions = average_precision(mask, np.where(ranked, values[usable], last), axis=1)
                total = drawn.sum(axis=1)
                means = np.divide(drawn @ precisions, total, out=np.full(len(total), np.nan), where=total > 0)
                part = (precisions.mean(), means, chance, len(usable), distinct)
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
