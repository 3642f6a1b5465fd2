"""Codon usage: how often a species writes an amino acid with each of its codons, and coding DNA made by it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.codingdna import CODONS, GENETIC_CODE, STOP
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS, open_text, read_fasta

NUCLEOTIDES = "ACGTUN"
COLUMNS = ("species", "codon", "amino_acid", "frequency")
Usage = Mapping[str, tuple[Sequence[str], np.ndarray]]


def read_usage(path: str | Path) -> dict[str, Usage]:
    """Read a table of codon usage.

    Parameters
    ----------
    path
        TSV, plain or gzip, with the columns `species`, `codon` (T or U), `amino_acid` (one letter, `*` for stops) and
        `frequency`: shares, counts or per thousand, which are normalised within each amino acid. All 64 codons of
        each species.

    Returns
    -------
    dict
        By species, then by amino acid (and `*`): its codons, and the share of each, float64, which sum to 1.

    Raises
    ------
    LexomeError
        With the line, if a column is missing, a value is odd, a codon is there twice or is not that of its amino acid
        in the standard genetic code; or with the species, if one of its codons is missing or an amino acid is never
        written.
    """
    weights: dict[str, dict[str, float]] = {}
    with open_text(path) as handle:
        header = handle.readline().rstrip("\r\n").split("\t")
        lacking = [name for name in COLUMNS if name not in header]
        if lacking:
            raise LexomeError(f"{path}, line 1: no column {lacking[0]}; the columns are {', '.join(COLUMNS)}")
        for number, line in enumerate(handle, 2):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            values = dict(zip(header, line.rstrip("\r\n").split("\t"), strict=False))
            codon = values.get("codon", "").upper().replace("U", "T")
            if codon not in GENETIC_CODE:
                raise LexomeError(f"{where}: {values.get('codon', '')!r} is no codon; write three of A, C, G, T")
            if values.get("amino_acid") != GENETIC_CODE[codon]:
                expected = GENETIC_CODE[codon]
                raise LexomeError(f"{where}: {codon} codes for {expected} in the standard code; correct `amino_acid`")
            try:
                frequency = float(values.get("frequency", ""))
            except ValueError:
                frequency = -1.0
            if not 0 <= frequency < np.inf:
                raise LexomeError(f"{where}: `frequency` is {values.get('frequency', '')!r}; write a number from 0 on")
            own = weights.setdefault(values["species"], {})
            if codon in own:
                raise LexomeError(f"{where}: {codon} of {values['species']} is there twice; remove a line")
            own[codon] = frequency
    return {species: _normalised(own, f"{path}: {species}") for species, own in weights.items()}


def _normalised(weights: Mapping[str, float], where: str) -> dict[str, tuple[list[str], np.ndarray]]:
    absent = [codon for codon in CODONS if codon not in weights]
    if absent:
        raise LexomeError(f"{where} has no line for {absent[0]}; give all 64 codons")
    usage = {}
    for amino_acid in dict.fromkeys(GENETIC_CODE.values()):
        codons = [codon for codon in CODONS if GENETIC_CODE[codon] == amino_acid]
        own = np.array([weights[codon] for codon in codons])
        if not own.sum():
            raise LexomeError(f"{where} writes {amino_acid} with no codon; give one of them a frequency")
        usage[amino_acid] = codons, own / own.sum()
    return usage


def back_translate(proteins: Sequence[str], usage: Usage, rng: np.random.Generator) -> list[str]:
    """Coding DNA of proteins: each codon is drawn by itself with the species' frequencies; a stop codon ends each.

    Parameters
    ----------
    proteins
        The 20 amino acids, one letter each.
    usage
        Of one species, as from `read_usage`.

    Returns
    -------
    list of str
        3 (length + 1) nucleotides each, in upper case.
    """
    letters = np.frombuffer("".join(protein + STOP for protein in proteins).encode("ascii"), dtype=np.uint8)
    drawn = np.empty(len(letters), dtype="S3")
    for amino_acid, (codons, shares) in usage.items():
        here = np.flatnonzero(letters == ord(amino_acid))
        drawn[here] = np.array(codons, dtype="S3")[rng.choice(len(codons), size=len(here), p=shares)]
    whole = drawn.tobytes().decode("ascii")
    ends = 3 * np.cumsum([len(protein) + 1 for protein in proteins])
    return [whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def simulate_coding(path: str | Path, usage: Usage, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, int]]:
    """Simulated coding sequences of real proteins.

    Parameters
    ----------
    path
        FASTA of proteins, plain or gzip; those with other letters than the 20 amino acids are dropped.
    usage
        Of their species.

    Returns
    -------
    genes
        As of `lexome.codingdna.read_coding`; the gene is the protein's id.
    counts
        `records`, `unreadable`, `odd_residues` (dropped), `kept`.

    Raises
    ------
    LexomeError
        If the file is malformed, holds DNA, or no protein is left.
    """
    table, read = read_fasta(path)
    if table["sequence"].map(set(NUCLEOTIDES).issuperset).astype(bool).mean() > 0.5:
        raise LexomeError(
            f"{path}: most of its sequences have no letters but {', '.join(NUCLEOTIDES)}; is this DNA? Name the FASTA "
            "of the proteins, or set `source: cds`"
        )
    plain = table["sequence"].map(set(AMINO_ACIDS).issuperset).astype(bool)
    counts = {
        "records": read["records"],
        "unreadable": read["records"] - read["kept"],
        "odd_residues": int((~plain).sum()),
    }
    table = table[plain].sort_values("id", ignore_index=True)
    counts["kept"] = len(table)
    if table.empty:
        raise LexomeError(f"{path}: no protein of the 20 amino acids alone; are these proteins?")
    genes = pd.DataFrame({"gene": table["id"], "sequence": back_translate(table["sequence"], usage, rng)})
    return genes.assign(protein=table["sequence"]), counts
