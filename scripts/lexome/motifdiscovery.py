"""Motifs that a network has learnt, found in its contributions by TF-MoDISco.

Stretches of DNA with large contributions (seqlets) are compared with one another on both strands and clustered; each
cluster, its seqlets aligned in one direction, is a pattern: letter frequencies and mean contributions (Shrikumar et
al., arXiv:1811.00416; Schreiber's modisco-lite). It draws no random numbers but from seeds of its own: the same
contributions give the same patterns.

TF-MoDISco parts seqlets by the sign of their sums before it clusters them. That is not the sign of a pattern: a site
that speaks for the label, with flanks that speak against it, can fall among the seqlets against it. A pattern's sign is
therefore that of its own contributions once it is trimmed, whichever part it was found in.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lexome.motifmatching import Matches, match
from lexome.motifs import Motif, information

log = logging.getLogger(__name__)

WINDOW, FLANK = 21, 10  # of a seqlet: where contributions are summed, and what is kept on both sides of it
# Seqlets of one sign that clustering takes at least, and that a pattern must rest on.
FEWEST_SEQLETS, FEWEST_IN_PATTERN = 30, 15
# Random nucleotides without contributions on both sides of each sequence: patterns are built from more than a seqlet,
# and what would reach over an end is dropped.
PADDING = 40
LEIDEN_RUNS = 2  # the best clustering of this many is taken
FALSE_SEQLETS = 0.05  # the false discovery rate at which seqlets are called
# Columns at both ends with less than this share of the most informative column's bits are cut off.
TRIMMED = 0.3
# What has fewer positions of this many bits is no motif but unlike seqlets in one cluster; nor is what is wider than
# `WIDE` with less than `FEWEST_ON_AVERAGE` bits a position.
FEWEST_BITS, FEWEST_POSITIONS = 1.0, 4
WIDE, FEWEST_ON_AVERAGE = 30, 0.5
# q-value up to which a match counts, and how many known motifs may be nearer than the factor's: those of a family
# (MAX, MYC, HEY) are the same but for their flanks.
ENOUGH, NEAREST = 0.05, 10


@dataclass(frozen=True)
class Pattern:
    """A motif that was found.

    Attributes
    ----------
    sign
        1 if its contributions sum to more than 0: it speaks for the label; else -1.
    seqlets
        Distinct stretches of DNA that it rests on.
    probabilities
        float32, shape (width, 4): how often each letter stands at each position, A, C, G, T.
    contributions
        float32, shape (width, 4): mean contribution of the letter that is there, by letter.
    """

    sign: int
    seqlets: int
    probabilities: np.ndarray
    contributions: np.ndarray

    def reverse_complement(self) -> "Pattern":
        """The pattern on the other strand."""
        other = np.ascontiguousarray
        return replace(
            self,
            probabilities=other(self.probabilities[::-1, ::-1]),
            contributions=other(self.contributions[::-1, ::-1]),
        )

    def motif(self, name: str) -> Motif:
        """The pattern as a motif, its counts being sites."""
        return Motif(name, name, self.probabilities.astype(float) * self.seqlets)


def discover(one_hot: np.ndarray, hypothetical: np.ndarray) -> list[Pattern]:
    """Find motifs in contributions to one label.

    Parameters
    ----------
    one_hot
        Sequences, shape (n, 4, L).
    hypothetical
        What each letter would bring at each position, shape (n, L, 4).

    Returns
    -------
    list of Pattern
        Trimmed; those that speak for the label first, then by the number of seqlets. None where sequences or seqlets
        are too few, or nothing contributes; the log says which.
    """
    sequences = one_hot.transpose(0, 2, 1).astype(np.float32)
    n, length, _ = sequences.shape
    if n < FEWEST_SEQLETS:
        log.info("no motifs looked for: %d sequences, of which %d are needed", n, FEWEST_SEQLETS)
        return []
    if length < WINDOW:
        log.info("no motifs looked for: windows of %d do not fit sequences of %d", WINDOW, length)
        return []
    contributions = sequences * hypothetical
    # Where hardly any window differs from another there is no distribution to call seqlets from.
    if not (np.abs(contributions).sum(axis=(1, 2)) > 0).mean() > 0.5:
        log.info("no motifs looked for: most sequences have no contributions")
        return []
    from modiscolite.tfmodisco import TFMoDISco  # compiles on import and on first use

    around = ((0, 0), (PADDING, PADDING), (0, 0))
    padded = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(4, size=(n, length + 2 * PADDING))]
    padded[:, PADDING:-PADDING] = sequences
    found = TFMoDISco(
        padded,
        np.pad(np.asarray(hypothetical, dtype=np.float32), around),
        sliding_window_size=WINDOW,
        flank_size=FLANK,
        min_metacluster_size=FEWEST_SEQLETS,
        target_seqlet_fdr=FALSE_SEQLETS,
        final_min_cluster_size=FEWEST_IN_PATTERN,
        min_num_to_trim_to=FEWEST_IN_PATTERN,
        n_leiden_runs=LEIDEN_RUNS,
    )
    parts = [
        (sign, trim(Pattern(sign, len(each.seqlets), np.float32(each.sequence), np.float32(each.contrib_scores))))
        for sign, part in zip((1, -1), found, strict=True)
        for each in part or []
    ]
    patterns = [signed(pattern) for _, pattern in parts]
    if not patterns:
        log.info("no motifs found: too few seqlets of one sign are alike")
    turned = sum(pattern.sign != sign for pattern, (sign, _) in zip(patterns, parts, strict=True))
    if turned:
        log.info("%d of %d patterns have contributions of the other sign than their seqlets", turned, len(patterns))
    motifs = [pattern for pattern in patterns if is_motif(pattern)]
    if len(motifs) < len(patterns):
        log.info(
            "%d of %d patterns left out, which hold no motif: fewer than %d positions of %g bit, or wider than %d with "
            "less than %g bits a position",
            *(len(patterns) - len(motifs), len(patterns), FEWEST_POSITIONS, FEWEST_BITS, WIDE, FEWEST_ON_AVERAGE),
        )
    return sorted(motifs, key=lambda pattern: (-pattern.sign, -pattern.seqlets))


def is_motif(pattern: Pattern) -> bool:
    """Whether a trimmed pattern has as many informative positions as a motif must have, and is not wide and flat."""
    bits = information(pattern.probabilities)
    return bool(
        (bits >= FEWEST_BITS).sum() >= FEWEST_POSITIONS and (len(bits) <= WIDE or bits.mean() >= FEWEST_ON_AVERAGE)
    )


def signed(pattern: Pattern) -> Pattern:
    """The pattern with the sign of its contributions."""
    return replace(pattern, sign=1 if pattern.contributions.sum() > 0 else -1)


def trim(pattern: Pattern) -> Pattern:
    """Cut off uninformative columns at both ends (less than `TRIMMED` of the bits of the most informative one)."""
    bits = information(pattern.probabilities)
    kept = np.flatnonzero(bits >= TRIMMED * bits.max())
    inside = slice(kept[0], kept[-1] + 1)
    return replace(pattern, probabilities=pattern.probabilities[inside], contributions=pattern.contributions[inside])


def identify(pattern: Pattern, known: Mapping[str, Motif], own: str | None) -> tuple[Pattern, dict]:
    """Match a pattern with known motifs by TOMTOM, and turn it into the direction of the best match.

    Parameters
    ----------
    known
        Motifs by matrix id.
    own
        Matrix id of the factor's motif, which is among `known`; None if it is not known.

    Returns
    -------
    Pattern
        As it was, or its reverse complement.
    dict
        Of the best match `match`, `match_name`, `p`, `q` and `offset` (of its first column on the pattern); of the
        factor's motif `own` (whether its q-value is at most `ENOUGH` and its rank at most `NEAREST`), `own_q` and
        `own_rank` (1: no known motif is nearer), None where there is none.
    """
    ids = list(known)
    found: Matches = match(pattern.probabilities, [known[name].probabilities(pseudocount=0) for name in ids])
    best = int(found.p.argmin())
    told = {
        "match": ids[best],
        "match_name": known[ids[best]].name,
        "p": found.p[best],
        "q": found.q[best],
        "offset": int(found.offset[best]),
        "own": False,
        "own_q": None,
        "own_rank": None,
    }
    if own is not None:
        at = ids.index(own)
        rank = int((found.p < found.p[at]).sum()) + 1
        told |= {"own": bool(found.q[at] <= ENOUGH and rank <= NEAREST), "own_q": found.q[at], "own_rank": rank}
    if found.strand[best] == -1:
        # Seen from the other end the match begins where it ended.
        told["offset"] = len(pattern.probabilities) - told["offset"] - len(known[ids[best]])
        pattern = pattern.reverse_complement()
    return pattern, told
