"""Simulated binding: background DNA with planted sites, whose positions are known.

Every example has a slot for some of the factors. In a slot lies either a site of the factor, and the example is bound,
or a decoy, a site whose letters were shuffled: the two classes have the same composition, and only the order of the
letters tells them apart. Sites of other motifs, the distractors, lie in both classes alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lexome.dna import LETTERS, reverse_complement_codes
from lexome.errors import LexomeError
from lexome.motifs import Motif, sample_sites, scan, score_sites

Background = Callable[[int, np.random.Generator], np.ndarray]
IMPLANTS = ("row", "factor", "start", "end", "strand", "score", "role")
ROUNDS = 50  # how often an example with a chance site is drawn again


@dataclass(frozen=True)
class Design:
    """What is planted.

    Attributes
    ----------
    targets, distractors
        Motifs by the name of their factor.
    slots
        How many of the targets each example has a slot for; for the others it counts as not measured.
    positive_share
        Share of a target's slots with a site.
    affinity
        Range, as `motifs.sample_sites` has it, from which each site's affinity is drawn evenly.
    max_distractors
        Sites of distractors an example, drawn evenly from 0 to this many.
    chance_affinity
        An example in which a measured target has a site of this affinity that was not planted is drawn again; None
        lets chance sites be.
    """

    targets: dict[str, Motif]
    distractors: dict[str, Motif]
    slots: int
    positive_share: float
    affinity: tuple[float, float]
    max_distractors: int
    chance_affinity: float | None


@dataclass(frozen=True)
class Simulated:
    """Simulated examples.

    Attributes
    ----------
    codes
        uint8, shape (n, length).
    labels, measured
        bool, shape (n, n_targets): sites planted, slots given.
    implants
        One row a planted site, decoys not among them: `row` (of the example), `factor`, `start`, `end` (0-based,
        half-open, on the forward strand), `strand` (1 or -1), `score` (bits on that strand, float32), `role`
        (`target` or `distractor`); by row and start.
    chance_sites
        Examples that kept a chance site after all rounds.
    """

    codes: np.ndarray
    labels: np.ndarray
    measured: np.ndarray
    implants: pd.DataFrame
    chance_sites: int


def simulate(design: Design, n: int, length: int, background: Background, seed: int) -> Simulated:
    """Simulate examples.

    Parameters
    ----------
    n, length
        Examples, and nucleotides of each.
    background
        Gives uint8 codes of shape (k, length) without N, for k examples and a generator.
    seed
        The same seed gives the same examples.

    Raises
    ------
    LexomeError
        If the sites that an example may get do not fit into its length, or a setting asks for what there is not.
    """
    _check(design, length)
    rng = np.random.default_rng(seed)
    targets = len(design.targets)
    slots = rng.random((n, targets)).argsort(axis=1)[:, : design.slots]
    measured = np.zeros((n, targets), dtype=bool)
    np.put_along_axis(measured, slots, True, axis=1)
    labels = np.zeros_like(measured)
    for target in range(targets):
        rows = rng.permutation(np.flatnonzero(measured[:, target]))
        labels[rows[: round(design.positive_share * len(rows))], target] = True
    # Items of each example: its slots, then distractors; -1 where there is none.
    extra = rng.integers(max(len(design.distractors), 1), size=(n, design.max_distractors)) + targets
    extra[np.arange(design.max_distractors) >= rng.integers(design.max_distractors + 1, size=n)[:, None]] = -1
    items = np.concatenate([slots, extra], axis=1)
    real = np.concatenate([np.take_along_axis(labels, slots, axis=1), extra >= 0], axis=1)

    frequencies = _frequencies(background, rng)
    motifs = list((design.targets | design.distractors).values())
    scores = [motif.log_odds(frequencies) for motif in motifs]
    codes = np.empty((n, length), dtype=np.uint8)
    starts, strands, bits = np.zeros_like(items), np.zeros_like(items), np.zeros(items.shape, dtype=np.float32)
    rows = np.arange(n)
    for _ in range(ROUNDS):
        drawn = _plant(items[rows], real[rows], motifs, scores, design.affinity, frequencies, background, rng)
        codes[rows], starts[rows], strands[rows], bits[rows] = drawn
        rows = rows[_with_chance_site(drawn[0], drawn[1], items[rows], real[rows], measured[rows], scores, design)]
        if not len(rows):
            break
    names = np.array([*design.targets, *design.distractors], dtype=object)
    widths = np.array([len(motif) for motif in motifs])
    example, item = np.nonzero(real)
    motif = items[example, item]
    implants = pd.DataFrame(
        {
            "row": example,
            "factor": names[motif],
            "start": starts[example, item],
            "end": starts[example, item] + widths[motif],
            "strand": strands[example, item],
            "score": bits[example, item],
            "role": np.where(motif < targets, "target", "distractor"),
        },
        columns=list(IMPLANTS),
    )
    return Simulated(codes, labels, measured, implants.sort_values(["row", "start"], ignore_index=True), len(rows))


def _check(design: Design, length: int) -> None:
    if not 1 <= design.slots <= len(design.targets):
        raise LexomeError(f"slots: {design.slots} of {len(design.targets)} factors; there must be one at least")
    if design.max_distractors and not design.distractors:
        raise LexomeError("max_distractors: there are no distractors to draw from; name some, or set it to 0")
    twice = sorted(set(design.targets) & set(design.distractors))
    if twice:
        raise LexomeError(f"distractors: {twice[0]} is among the factors; a distractor is a motif that is not judged")
    widths = sorted((len(motif) for motif in design.targets.values()), reverse=True)[: design.slots]
    widths += [max((len(motif) for motif in design.distractors.values()), default=0)] * design.max_distractors
    if sum(widths) > length:
        raise LexomeError(
            f"length: an example of {length} nucleotides cannot hold {sum(widths)} of sites; make it longer, or lower "
            "`slots` or `max_distractors`"
        )


def _frequencies(background: Background, rng: np.random.Generator) -> np.ndarray:
    """Letter frequencies of the background, both strands alike, as sites lie on either."""
    counts = np.bincount(background(200, rng).ravel(), minlength=4)[:4] + 1.0
    return (counts + counts[::-1]) / (2 * counts.sum())


def _plant(
    items: np.ndarray,
    real: np.ndarray,
    motifs: Sequence[Motif],
    scores: Sequence[np.ndarray],
    affinity: tuple[float, float],
    frequencies: np.ndarray,
    background: Background,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes (n, length) of examples with the items (n, m), and start, strand and bits of each item, (n, m)."""
    n, m = items.shape
    codes = background(n, rng)
    widths = np.append([len(motif) for motif in motifs], 0)[items]  # -1 takes the 0 at the end
    # Items in random order, and the nucleotides that are left dealt out between them at random.
    order = rng.random((n, m)).argsort(axis=1)
    in_order = np.take_along_axis(widths, order, axis=1)
    spare = codes.shape[1] - widths.sum(axis=1)
    gaps = np.sort(rng.integers(spare[:, None] + 1, size=(n, m)), axis=1)
    starts = np.empty((n, m), dtype=np.int64)
    np.put_along_axis(starts, order, gaps + in_order.cumsum(axis=1) - in_order, axis=1)
    strands = rng.choice([1, -1], size=(n, m))
    bits = np.zeros((n, m), dtype=np.float32)
    for index, motif in enumerate(motifs):
        example, item = np.nonzero(items == index)
        sites = sample_sites(motif, rng.uniform(*affinity, size=len(example)), rng, frequencies)
        decoy = ~real[example, item]
        sites[decoy] = rng.permuted(sites[decoy], axis=1)
        bits[example, item] = score_sites(sites, scores[index])
        other = strands[example, item] == -1
        sites[other] = reverse_complement_codes(sites[other])
        codes[example[:, None], starts[example, item][:, None] + np.arange(len(motif))] = sites
    return codes, starts, strands, bits


def _with_chance_site(
    codes: np.ndarray,
    starts: np.ndarray,
    items: np.ndarray,
    real: np.ndarray,
    measured: np.ndarray,
    scores: Sequence[np.ndarray],
    design: Design,
) -> np.ndarray:
    """Whether each example has a strong site of a measured target that was not planted: bool, shape (n,)."""
    found = np.zeros(len(codes), dtype=bool)
    if design.chance_affinity is None:
        return found
    for target in range(len(design.targets)):
        limit = design.chance_affinity * scores[target].max(axis=1).sum()
        rows = np.flatnonzero(measured[:, target])
        strong = (scan(codes[rows], scores[target]) >= limit).any(axis=1)  # (rows, windows)
        # A planted site makes neighbours that overlap it score, too: these are no sites of their own.
        planted = (items[rows] == target) & real[rows]
        example, item = np.nonzero(planted)
        distance = np.arange(strong.shape[1]) - starts[rows[example], item][:, None]
        strong[example] &= np.abs(distance) >= len(scores[target])
        found[rows] |= strong.any(axis=1)
    return found


def matched_composition(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean share of each letter in bound minus unbound examples of one factor: float64, shape (4,), for the report."""
    share = np.stack([(codes == letter).mean(axis=1) for letter in range(len(LETTERS))], axis=1)
    return share[labels].mean(axis=0) - share[~labels].mean(axis=0)
