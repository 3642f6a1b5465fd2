"""In-silico mutagenesis of a protein: what all 19 substitutions at every position do to what a trained run predicts.

Every mutant is a sequence of its own that goes through the backbone and the head, for attention lets one substitution
change all positions. So the cost is 19 L passes over L residues, and grows with the square of the length.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import special, stats

from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS

OTHERS = len(AMINO_ACIDS) - 1  # substitutions a residue
CHUNK = 1900  # mutants that are handed to the predictor at once: all of 100 positions
SURE = 1e-7  # probabilities are kept so far from 0 and 1: single precision tells no more
BLURRED = 12  # logit from which single precision blurs what a substitution adds or takes
SHUFFLES = 1000
DRAWS = 49  # sequences with many residues replaced
WINDOW = 11  # residues, for what stands together
TOP = 0.1  # share of the positions that count as the most important ones
CHECK_TITLES = {
    "together": f"largest mean drop of {WINDOW} neighbouring residues",
    "blosum": "rank correlation with BLOSUM62",
    "joint": "drop with the tenth of most important residues replaced",
    "buried": "rank correlation with neighbours in the structure",
}


def stretch(
    sequence: str, positions: Sequence[int] | None, longest: int, readable: int, name: str = "the protein"
) -> np.ndarray:
    """Places (from 0) whose residues are substituted: those of `positions` (first and last, from 1), or all.

    Parameters
    ----------
    longest
        Most places: what bounds the cost.
    readable
        Residues that the backbone reads before it cuts.

    Raises
    ------
    LexomeError
        If positions are beyond the protein, the backbone does not read them, or they are more than `longest`.
    """
    first, last = positions or (1, len(sequence))
    if last > len(sequence):
        raise LexomeError(f"protein.positions: {last} is beyond the end of {name}, which has {len(sequence)} residues")
    if last > readable:
        raise LexomeError(
            f"protein.positions: the backbone reads the first {readable:,} residues, and {name} has "
            f"{len(sequence):,}; choose positions among them, such as [1, {min(longest, readable)}]"
        )
    if last - first + 1 > longest:
        mutants = OTHERS * (last - first + 1)
        raise LexomeError(
            f"protein.positions: {last - first + 1:,} residues of {name} are {mutants:,} mutants of "
            f"{len(sequence):,} residues; choose at most {longest:,} positions, such as "
            f"[{first}, {first + longest - 1}], or raise protein.longest"
        )
    return np.arange(first - 1, last)


def mutants(sequence: str, places: Sequence[int]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """All sequences with one substitution at one of `places`.

    Returns
    -------
    sequences : list of str
        19 for each of the 20 amino acids; other letters are not substituted.
    rows, columns : numpy.ndarray
        int64: of each mutant its position, as a place in `places`, and its new letter, as a place in `AMINO_ACIDS`.
    """
    found, rows, columns = [], [], []
    for row, at in enumerate(places):
        if sequence[at] not in AMINO_ACIDS:
            continue
        for column, letter in enumerate(AMINO_ACIDS):
            if letter != sequence[at]:
                found.append(sequence[:at] + letter + sequence[at + 1 :])
                rows.append(row)
                columns.append(column)
    return found, np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)


def logits(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, within about -16 and 16: float64, the same shape."""
    return special.logit(np.asarray(probabilities, dtype=np.float64).clip(SURE, 1 - SURE))


def saturate(
    predict: Callable[[Sequence[str]], np.ndarray],
    sequence: str,
    places: Sequence[int],
    labels: Sequence[int],
    chunk: int = CHUNK,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[np.ndarray, np.ndarray, dict]:
    """Logits of every single substitution, less those of the protein.

    Parameters
    ----------
    predict
        Sequences to probabilities, (n, n_labels): a `predictors.Predictor`.
    sequence
        The protein.
    places
        Positions to substitute, from 0.
    labels
        Columns of the predictions that are wanted.
    chunk
        Mutants that are predicted at once: what bounds the memory.
    report
        Called with the number of mutants done after each chunk.

    Returns
    -------
    effects : numpy.ndarray
        float32, shape (n_labels, n_places, 20), letters as `AMINO_ACIDS`; 0 for the letter that is there, and for all
        letters where an unknown one stands.
    reference : numpy.ndarray
        float64, shape (n_labels,): logits of the protein.
    cost : dict
        `mutants`, `residues` (read, over all mutants), `seconds`.
    """
    labels = list(labels)
    start = time.perf_counter()
    reference = logits(predict([sequence]))[0, labels]
    sequences, rows, columns = mutants(sequence, places)
    effects = np.zeros((len(labels), len(places), len(AMINO_ACIDS)), dtype=np.float32)
    for first in range(0, len(sequences), chunk):
        part = slice(first, first + chunk)
        found = logits(predict(sequences[part]))[:, labels]
        effects[:, rows[part], columns[part]] = (found - reference).T
        report(len(sequences[part]))
    seconds = time.perf_counter() - start
    cost = {"mutants": len(sequences), "residues": len(sequences) * len(sequence), "seconds": seconds}
    return effects, reference, cost


def mean_drop(effects: np.ndarray) -> np.ndarray:
    """What a position's substitutions take from the logit on average: (..., n_places) of (..., n_places, 20)."""
    return -effects.sum(axis=-1, dtype=np.float64) / OTHERS


def substitution_table(
    effects: np.ndarray, reference: np.ndarray, sequence: str, places: Sequence[int], terms: Sequence[str]
) -> pd.DataFrame:
    """A row a term and mutant: `term`, `position` (from 1), `ref`, `alt`, `logit`, `probability`, `effect`."""
    _, rows, columns = mutants(sequence, places)
    at = np.asarray(places)[rows]
    parts = []
    for term, own, base in zip(terms, effects, reference, strict=True):
        effect = own[rows, columns].astype(np.float64)
        parts.append(
            pd.DataFrame(
                {
                    "term": term,
                    "position": at + 1,
                    "ref": [sequence[place] for place in at],
                    "alt": [AMINO_ACIDS[column] for column in columns],
                    "logit": base + effect,
                    "probability": special.expit(base + effect),
                    "effect": effect,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def position_table(effects: np.ndarray, sequence: str, places: Sequence[int], terms: Sequence[str]) -> pd.DataFrame:
    """A row a term and position: `term`, `position` (from 1), `letter`, `mean_drop`, `worst`, `worst_effect`."""
    parts = []
    for term, own, drop in zip(terms, effects, mean_drop(effects), strict=True):
        worst = own.argmin(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "term": term,
                    "position": np.asarray(places) + 1,
                    "letter": [sequence[at] for at in places],
                    "mean_drop": drop,
                    "worst": [AMINO_ACIDS[column] for column in worst],
                    "worst_effect": own[np.arange(len(own)), worst],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _beside(value: float, drawn: np.ndarray, level: float) -> dict:
    """A figure beside what shuffled positions give; p counts those that are as far from their mean, on either side."""
    chance = float(drawn.mean())
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    p = (1 + int((np.abs(drawn - chance) >= abs(value - chance)).sum())) / (1 + len(drawn))
    return {"value": float(value), "chance": chance, "low": float(low), "high": float(high), "p": p}


def standing_together(drop: np.ndarray, rng: np.random.Generator, level: float, window: int = WINDOW) -> dict:
    """Whether positions that matter are neighbours: the largest mean of a window, beside shuffled positions."""
    window = min(window, len(drop))
    shuffled = np.stack([rng.permutation(drop) for _ in range(SHUFFLES)])

    def largest(rows: np.ndarray) -> np.ndarray:
        sums = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1)
        return (sums[:, window:] - sums[:, :-window]).max(axis=1) / window

    return _beside(largest(drop[None])[0], largest(shuffled), level)


def along_blosum(
    effects: np.ndarray,
    sequence: str,
    places: Sequence[int],
    scores: np.ndarray,
    rng: np.random.Generator,
    level: float,
) -> dict:
    """Spearman's correlation of effects with BLOSUM62 scores, beside positions whose effects are shuffled.

    Parameters
    ----------
    effects
        Of one term, shape (n_places, 20).
    scores
        Of `residues.blosum_vectors`.
    """
    known = np.array([row for row, at in enumerate(places) if sequence[at] in AMINO_ACIDS])
    letters = np.array([AMINO_ACIDS.index(sequence[places[row]]) for row in known])
    other = np.arange(len(AMINO_ACIDS)) != letters[:, None]
    expected = stats.rankdata(scores[letters][other])

    # The letter that is there moves along with a shuffled row: a position has then the effects of another one.
    def correlation(rows: np.ndarray) -> float:
        return float(np.corrcoef(expected, stats.rankdata(rows[other]))[0, 1])

    own = effects[known]
    if np.ptp(own) == 0:
        return {key: float("nan") for key in ("value", "chance", "low", "high", "p")}
    drawn = np.array([correlation(own[rng.permutation(len(own))]) for _ in range(SHUFFLES // 5)])
    return _beside(correlation(own), drawn, level)


def replaced_together(
    predict: Callable[[Sequence[str]], np.ndarray],
    sequence: str,
    places: Sequence[int],
    drops: np.ndarray,
    labels: Sequence[int],
    reference: np.ndarray,
    shares: np.ndarray,
    rng: np.random.Generator,
    level: float,
) -> list[dict]:
    """What is lost if the most important tenth of the positions is replaced at once, beside positions drawn at random.

    The new letters are drawn from the background, as for the random positions, so that single substitutions, which
    chose the positions, are not asked a second time.

    Parameters
    ----------
    drops
        `mean_drop` of each label, shape (n_labels, n_places).
    shares
        Background frequencies, shape (20,).

    Returns
    -------
    list of dict
        For each label `value` (mean drop of the logit over `DRAWS` draws of letters) and, of as many random sets of
        positions, `chance`, `low`, `high` and `p`.
    """
    places = np.asarray(places)
    size = max(1, round(TOP * len(places)))

    def replace(chosen: np.ndarray) -> str:
        letters = list(sequence)
        for at in chosen:
            weights = shares.copy()
            if letters[at] in AMINO_ACIDS:
                weights[AMINO_ACIDS.index(letters[at])] = 0
            letters[at] = AMINO_ACIDS[rng.choice(len(AMINO_ACIDS), p=weights / weights.sum())]
        return "".join(letters)

    def drop(sequences: list[str], column: int) -> np.ndarray:
        return reference[column] - logits(predict(sequences))[:, labels[column]]

    random = [replace(rng.choice(places, size, replace=False)) for _ in range(DRAWS)]
    lost = reference[:, None] - logits(predict(random))[:, list(labels)].T
    found = []
    for column in range(len(labels)):
        top = places[np.argsort(-drops[column], kind="stable")[:size]]
        found.append(_beside(drop([replace(top) for _ in range(DRAWS)], column).mean(), lost[column], level))
    return found


def along_neighbours(drop: np.ndarray, neighbours: np.ndarray, rng: np.random.Generator, level: float) -> dict:
    """Spearman's correlation of a position's mean drop with its neighbours in space, beside shuffled positions."""
    if len(drop) < 3 or np.ptp(drop) == 0 or np.ptp(neighbours) == 0:
        return {key: float("nan") for key in ("value", "chance", "low", "high", "p")}
    one, other = stats.rankdata(drop), stats.rankdata(neighbours)
    drawn = np.array([np.corrcoef(rng.permutation(one), other)[0, 1] for _ in range(SHUFFLES)])
    return _beside(float(np.corrcoef(one, other)[0, 1]), drawn, level)
