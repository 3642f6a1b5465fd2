"""Windows of coding sequences: drawn from all of a species' genes alike, each sequence once."""

from collections.abc import Mapping
from zlib import crc32

import numpy as np
import pandas as pd

from lexome.dna import canonical
from lexome.errors import LexomeError

SHARED = ""  # owner of a window that several species have


def stream(seed: int, species: str, *purpose: int) -> np.random.Generator:
    """Random numbers of one species, whatever other species are drawn beside it."""
    return np.random.default_rng([seed, crc32(species.encode()), *purpose])


def draw_windows(
    genes: Mapping[str, pd.DataFrame], length: int, in_frame: bool, per_species: int, seed: int
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Draw windows of every species, as many of each, on the coding strand.

    Every place where a window fits into a gene is as likely as every other one, so that long genes give more windows
    and all parts of a gene are drawn alike. A place is drawn once; windows of two places may overlap. A window with
    an N is passed over. Windows with one sequence, or one the other's reverse complement, are kept once if they are
    drawn for one species, and not at all if for several. Others are drawn for those that are left out.

    Parameters
    ----------
    genes
        By species: `gene` (str, unique) and `sequence` (in upper case, A, C, G, T, N).
    length
        Nucleotides of a window.
    in_frame
        Whether windows start at the first letter of a codon only.
    per_species
        Windows of each species.

    Returns
    -------
    windows
        `species`, `gene` (str), `start` (int64, from 0), `sequence`; sorted by species (as given), gene, start.
    counts
        By species: `places` (where a window fits), `unknown` (passed over for an N), `repeated` (left out, the species
        has its sequence already), `shared` (left out, another species has it), `overlapping` (kept windows that
        overlap the kept one before them in their gene).

    Raises
    ------
    LexomeError
        If a species has too few different windows.
    """
    step = 3 if in_frame else 1
    owner: dict[str, str] = {}
    kept: dict[str, dict[str, tuple[int, int, str]]] = {species: {} for species in genes}
    counts, order, drawn, firsts = {}, {}, dict.fromkeys(genes, 0), {}
    for species, table in genes.items():
        fitting = np.maximum(0, (table["sequence"].str.len().to_numpy() - length) // step + 1)
        firsts[species] = np.concatenate([[0], np.cumsum(fitting)]).astype(np.int64)
        order[species] = stream(seed, species, 1).permutation(firsts[species][-1])
        counts[species] = {"places": len(order[species]), "unknown": 0, "repeated": 0, "shared": 0}
    sequences = {species: table["sequence"].tolist() for species, table in genes.items()}
    # A window that another species turns out to have is lost to both, so there may be several rounds.
    while lacking := {name: per_species - len(own) for name, own in kept.items() if len(own) < per_species}:
        for species, wanted in lacking.items():
            places = order[species][drawn[species] : drawn[species] + wanted]
            if not len(places):
                _too_few(species, len(kept[species]), counts[species], length, per_species)
            drawn[species] += len(places)
            rows = np.searchsorted(firsts[species], places, side="right") - 1
            starts = (places - firsts[species][rows]) * step
            for row, start in zip(rows.tolist(), starts.tolist(), strict=True):
                window = sequences[species][row][start : start + length]
                if "N" in window:
                    counts[species]["unknown"] += 1
                    continue
                key = canonical(window)
                other = owner.setdefault(key, species)
                if other != species:
                    counts[species]["shared"] += 1
                    if other != SHARED:
                        counts[other]["shared"] += 1
                        del kept[other][key]
                    owner[key] = SHARED
                elif key in kept[species]:
                    counts[species]["repeated"] += 1
                else:
                    kept[species][key] = row, start, window
    parts = []
    for species, table in genes.items():
        part = pd.DataFrame(sorted(kept[species].values()), columns=["row", "start", "sequence"])
        same = part["row"] == part["row"].shift()
        counts[species]["overlapping"] = int((same & (part["start"] - part["start"].shift() < length)).sum())
        part = part.assign(species=species, gene=table["gene"].to_numpy()[part["row"]])
        parts.append(part.sort_values(["gene", "start"]))
    windows = pd.concat(parts, ignore_index=True)
    return windows[["species", "gene", "start", "sequence"]], counts


def _too_few(species: str, kept: int, counts: Mapping[str, int], length: int, per_species: int) -> None:
    raise LexomeError(
        f"{species}: {kept} different windows of {length} nucleotides without N in {counts['places']} places "
        f"({counts['shared']} are another species' too), `per_species` asks for {per_species}; lower it or `window`, "
        "or add genes"
    )
