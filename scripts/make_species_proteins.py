"""Make the demo's proteins of several species, and their codon usage, for simulated coding DNA.

Run by hand, from the repository root; resources/demo/README.md has the commands that made the files there.
"""

import argparse
import csv
import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import numpy as np

from lexome.codingdna import CODONS, GENETIC_CODE
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS, read_fasta, write_fasta
from lexome.runtime import atomic


def draw_proteins(fasta: str, out: str, number: int, lengths: tuple[int, int], seed: int) -> int:
    """Write proteins drawn from `fasta`, sorted by id; return the number that could be drawn from.

    Parameters
    ----------
    fasta, out
        Plain, or gzip if the name ends in `.gz`; written with ids alone.
    number
        Proteins to draw, each different from the others, of the 20 amino acids alone and starting with M, as whole
        ones do.
    lengths
        Shortest and longest, in residues.

    Raises
    ------
    LexomeError
        On malformed input, or if there are too few.
    """
    table, _ = read_fasta(fasta)
    plain = table["sequence"].map(set(AMINO_ACIDS).issuperset).astype(bool)
    fitting = plain & table["length"].between(*lengths) & table["sequence"].str.startswith("M")
    table = table[fitting].sort_values("id").drop_duplicates("sequence", ignore_index=True)
    if len(table) < number:
        raise LexomeError(f"{fasta}: {len(table)} proteins of {lengths[0]} to {lengths[1]} residues; ask for fewer")
    rng = np.random.default_rng([seed, crc32(Path(out).name.encode())])
    drawn = np.sort(rng.choice(len(table), size=number, replace=False))
    write_fasta(out, table.loc[drawn, ["id", "sequence"]])
    return len(table)


def read_shares(path: str) -> dict[str, float]:
    """Codon frequencies of a CSV of python-codon-tables (`amino_acid,codon,relative_frequency`)."""
    with open(path, encoding="utf-8", newline="") as handle:
        return {row["codon"].replace("U", "T"): float(row["relative_frequency"]) for row in csv.DictReader(handle)}


def read_kazusa(path: str) -> dict[str, float]:
    """Codon frequencies of a text of `UUU 21.8 UCU 25.2 ...`, which Kazusa's pages show."""
    found = re.findall(r"\b([ACGU]{3})\s+([0-9]+(?:\.[0-9]+)?)", Path(path).read_text(encoding="utf-8"))
    return {codon.replace("U", "T"): float(value) for codon, value in found}


def write_usage(frequencies: Mapping[str, Mapping[str, float]], out: str) -> None:
    """Write a table of `species`, `codon`, `amino_acid` and `frequency`: the share among the codons of an amino acid.

    Raises
    ------
    LexomeError
        If a codon is missing.
    """
    with atomic(out) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as handle:
        handle.write("species\tcodon\tamino_acid\tfrequency\n")
        for species, own in frequencies.items():
            absent = [codon for codon in CODONS if codon not in own]
            if absent:
                raise LexomeError(f"{species}: no frequency of {absent[0]}; all 64 codons are needed")
            for codon in CODONS:
                amino_acid = GENETIC_CODE[codon]
                total = sum(own[other] for other in CODONS if GENETIC_CODE[other] == amino_acid)
                handle.write(f"{species}\t{codon}\t{amino_acid}\t{own[codon] / total:.3f}\n")


def named(values: list[str]) -> dict[str, str]:
    """`name=path` arguments as a mapping."""
    return dict(value.split("=", 1) for value in values)


def main() -> None:
    """Read the command line, make the files, and print their sizes and sha256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fasta", nargs="+", default=[], metavar="SPECIES=FILE", help="proteins of each species")
    parser.add_argument("--shares", nargs="+", default=[], metavar="SPECIES=FILE", help="CSV of python-codon-tables")
    parser.add_argument("--kazusa", nargs="+", default=[], metavar="SPECIES=FILE", help="text of Kazusa's page")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--number", type=int, default=250, help="proteins a species, default: %(default)s")
    parser.add_argument("--lengths", type=int, nargs=2, default=(100, 600), help="residues, default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    arguments = parser.parse_args()
    folder = Path(arguments.out)
    try:
        for species, path in named(arguments.fasta).items():
            out = str(folder / f"{species}.fasta.gz")
            total = draw_proteins(path, out, arguments.number, tuple(arguments.lengths), arguments.seed)
            print(f"{species}: {arguments.number} of {total} proteins")
        usage = {name: read_shares(path) for name, path in named(arguments.shares).items()}
        usage |= {name: read_kazusa(path) for name, path in named(arguments.kazusa).items()}
        if usage:
            write_usage({species: usage[species] for species in sorted(usage)}, str(folder / "codon_usage.tsv"))
    except LexomeError as error:
        sys.exit(f"error: {error}")
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        print(f"{path.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
