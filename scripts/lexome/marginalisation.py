"""What a motif does to a network's logits: it is planted in backgrounds, and nothing else is changed.

The mean change over many backgrounds is the motif's effect with the rest averaged out (global importance analysis: Koo
et al., PLoS Comput Biol 17, e1008925 (2021)). Backgrounds are dinucleotide shuffles of real sequences, so that planting
is the only thing that tells the two apart; the control plants the same letters in another order.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.backgrounds import shuffle_dinucleotides
from lexome.bootstrap import interval, resample_groups, stream
from lexome.dna import encode
from lexome.dnamodels import fit_length
from lexome.motifs import Motif, sample_sites

log = logging.getLogger(__name__)

GAP = 10  # nucleotides between copies
AFFINITY = 0.85  # of sampled sites, as a share of the best site's
SITES = ("consensus", "sampled", "shuffled")
NONE = "none"
COLUMNS = (
    *("factor", "implant", "site", "copies", "background"),
    *("probability", "difference", "low", "high", "n"),
)
Logits = Callable[[np.ndarray], np.ndarray]


def draw_backgrounds(sequences: Sequence[str], n: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Dinucleotide shuffles of sequences drawn by seed, each as often as any other.

    Returns
    -------
    codes : numpy.ndarray
        uint8, shape (n, length); see `dnamodels.fit_length` for sequences of another length.
    groups : numpy.ndarray
        int64, shape (n,): the sequence that each is a shuffle of.
    """
    rng = stream(seed, "marginalisation", "backgrounds")
    rounds = [rng.permutation(len(sequences)) for _ in range(-(-n // len(sequences)))]
    groups = np.concatenate(rounds)[:n]
    return encode(fit_length([shuffle_dinucleotides(sequences[at], rng) for at in groups], length)), groups


def site_starts(length: int, width: int, copies: int) -> np.ndarray | None:
    """Where copies of a site begin that lie about the middle, `GAP` apart: int64, shape (copies,); None: no room."""
    whole = copies * width + (copies - 1) * GAP
    if whole > length:
        return None
    return (length - whole) // 2 + np.arange(copies) * (width + GAP)


def plant(codes: np.ndarray, sites: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sequences with sites in them, a copy: codes (n, L), sites (n, copies, width), starts (copies,) to (n, L)."""
    planted = codes.copy()
    for copy, start in enumerate(starts):
        planted[:, start : start + sites.shape[2]] = sites[:, copy]
    return planted


def draw_sites(kind: str, motif: Motif, n: int, copies: int, rng: np.random.Generator) -> np.ndarray:
    """Sites of a motif in its own direction, uint8 codes, shape (n, copies, width).

    `consensus` is the commonest letter of each position, `sampled` varies about an affinity of `AFFINITY`, and
    `shuffled` is the consensus with its positions in random order, another one each time.
    """
    if kind == "sampled":
        return sample_sites(motif, np.full(n * copies, AFFINITY), rng).reshape(n, copies, -1)
    sites = np.tile(encode([motif.consensus()]), (n * copies, 1))
    if kind == "shuffled":
        sites = rng.permuted(sites, axis=1)
    return sites.reshape(n, copies, -1)


def motif_string(motif: Motif, length: int) -> np.ndarray:
    """The consensus end to end as often as it fits, then A: uint8 codes, shape (1, length); length 0 times: A alone."""
    times = length // len(motif)
    return encode([motif.consensus() * times + "A" * (length - times * len(motif))])


def marginal_effects(
    logits: Logits,
    activation: Callable[[np.ndarray], np.ndarray],
    factors: Sequence[str],
    motifs: Mapping[str, Motif],
    backgrounds: tuple[np.ndarray, np.ndarray],
    copies: int,
    bootstrap: Mapping,
) -> pd.DataFrame:
    """Plant every motif, one copy to several, and read every factor.

    Parameters
    ----------
    logits
        From codes (n, L) to logits (n, n_factors).
    activation
        Logits to probabilities.
    factors
        Names of the logits.
    motifs
        By factor, of those whose motif is known.
    backgrounds
        From `draw_backgrounds`.
    copies
        The most copies of a site; fewer where there is no room.
    bootstrap
        `replicates`, `level`, `seed` of the intervals: backgrounds are resampled by the sequences they come from.

    Returns
    -------
    pandas.DataFrame
        `factor` (whose logit is read), `implant` (whose motif is planted, or `none`), `site` (see `draw_sites`),
        `copies`, `background` (`shuffled`; with n = 1 `motif_string`, nothing but the factor's motif end to end, and
        `poly_A`), `probability` (mean), `difference` (mean change of the logit), `low`, `high` (its percentile
        interval), `n` (sequences). Without an implant there is no difference.
    """
    codes, groups = backgrounds
    n, length = codes.shape
    before = logits(codes)
    counts = resample_groups(groups, bootstrap["replicates"], stream(bootstrap["seed"], "marginalisation"))
    rows = []

    def add(read: Sequence[int], scores: np.ndarray, implant: str, site: str, number: int, where: str) -> None:
        change = scores - before if implant != NONE and where == "shuffled" else np.full(scores.shape, np.nan)
        probabilities = activation(scores).mean(axis=0)
        for at in read:
            means = counts @ change[:, at] / counts.sum(axis=1) if len(change) == n else np.array([np.nan])
            low, high = interval(means, bootstrap["level"])
            row = (factors[at], implant, site, number, where, probabilities[at], change[:, at].mean(), low, high)
            rows.append((*row, len(scores)))

    everyone = range(len(factors))
    add(everyone, before, NONE, NONE, 0, "shuffled")
    for name, motif in motifs.items():
        for site in SITES:
            for number in range(1, copies + 1):
                starts = site_starts(length, len(motif), number)
                if starts is None:
                    log.info("%d copies of %s do not fit %d nucleotides", number, name, length)
                    break
                rng = stream(bootstrap["seed"], "marginalisation", name, site, str(number))
                sites = draw_sites(site, motif, n, number, rng)
                add(everyone, logits(plant(codes, sites, starts)), name, site, number, "shuffled")
    for at, name in enumerate(factors):
        if name in motifs:
            whole = motif_string(motifs[name], length)
            add([at], logits(whole), name, "consensus", length // len(motifs[name]), "motif_string")
    add(everyone, logits(np.zeros((1, length), dtype=np.uint8)), NONE, NONE, 0, "poly_A")
    return pd.DataFrame(rows, columns=list(COLUMNS))
