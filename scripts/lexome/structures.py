"""A protein's structure: read, matched with its sequence, and painted with numbers of its residues.

Files are PDB or mmCIF, plain or gzip; AlphaFold's come from https://alphafold.ebi.ac.uk/entry/<UniProt accession>.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from Bio.Align import PairwiseAligner, substitution_matrices
from Bio.Data.PDBData import protein_letters_3to1_extended
from Bio.PDB import MMCIFIO, PDBIO, MMCIFParser, PDBParser
from Bio.PDB.Model import Model
from Bio.PDB.PDBExceptions import PDBConstructionException
from Bio.PDB.Structure import Structure

from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS, open_text

LEAST_IDENTITY = 0.5  # of the aligned residues: below, it is another protein's structure
LEAST_ALIGNED = 10
NEAR = 10.0  # ångström between C-alpha atoms of neighbours
MODIFIED = {"MSE": "M", "SEP": "S", "TPO": "T", "PTR": "Y", "CSO": "C", "HYP": "P", "MLY": "K", "SEC": "U", "PYL": "O"}


@dataclass(frozen=True)
class Chain:
    """A chain of a structure as a protein.

    Attributes
    ----------
    name
        As the file's authors call it.
    residues
        Bio.PDB's residues that have a C-alpha atom, in the order of the file.
    letters
        One a residue; X for one that is none of the amino acids.
    """

    name: str
    residues: tuple
    letters: str


@dataclass(frozen=True)
class Match:
    """How a chain fits a protein.

    Attributes
    ----------
    chain
        The chain.
    places
        int64, one a residue of the chain: its place in the protein, from 0, or -1.
    length
        Of the protein.
    mismatches
        (position in the protein, from 1; its letter; that of the structure; number of the residue in the structure).
    """

    chain: Chain
    places: np.ndarray
    length: int
    mismatches: tuple[tuple[int, str, str, str], ...]

    @property
    def aligned(self) -> int:
        """Residues with a partner."""
        return int((self.places >= 0).sum())

    @property
    def identity(self) -> float:
        """Share of them whose letters are the same."""
        return 1 - len(self.mismatches) / self.aligned if self.aligned else 0.0

    def told(self) -> dict:
        """For JSON: `chain`, `aligned`, `identity`, `mismatches`, `unseen` (residues of the protein without a partner)
        and `extra` (of the chain)."""
        return {
            "chain": self.chain.name,
            "aligned": self.aligned,
            "identity": self.identity,
            "mismatches": [list(row) for row in self.mismatches],
            "unseen": self.length - self.aligned,
            "extra": len(self.places) - self.aligned,
        }


def read_structure(path: str | Path) -> Model:
    """The first model of a PDB or mmCIF file, plain or gzip; its content, not its name, says which it is.

    Raises
    ------
    LexomeError
        If the file holds no atoms.
    """
    with open_text(path) as handle:
        text = handle.read()
    start = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    parser = MMCIFParser(QUIET=True) if start.startswith(("data_", "loop_", "_")) else PDBParser(QUIET=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = parser.get_structure("structure", io.StringIO(text))
            models = list(structure)
    except (PDBConstructionException, ValueError, KeyError, IndexError) as error:
        raise LexomeError(f"{path}: cannot be read as PDB or mmCIF ({error})") from error
    if not models or not any(True for _ in models[0].get_atoms()):
        raise LexomeError(f"{path}: no atoms in the file; is it a structure in PDB or mmCIF format?")
    return models[0]


def chains(model: Model) -> list[Chain]:
    """The chains of a model that have residues of a protein."""
    found = []
    for chain in model:
        residues = tuple(residue for residue in chain if "CA" in residue and _letter(residue))
        if residues:
            found.append(Chain(chain.id, residues, "".join(_letter(residue) for residue in residues)))
    return found


def _letter(residue) -> str:
    """One letter for a residue; X for a modified one that is not known; "" for a calcium ion and the like."""
    name = residue.get_resname().strip()
    letter = MODIFIED.get(name) or protein_letters_3to1_extended.get(name)
    if letter is None:
        # An ion of calcium has an atom of the same name as a residue's central carbon, but no nitrogen.
        return "X" if "N" in residue else ""
    return letter if letter in AMINO_ACIDS + "BZUOX" else "X"


def number(residue) -> str:
    """A residue's number in its file, with the insertion code."""
    _, sequence, insertion = residue.id
    return f"{sequence}{insertion.strip()}"


def align(protein: str, chain: Chain) -> Match:
    """Lay a chain beside a protein: global alignment by BLOSUM62, ends free, gaps 11 and 1.

    Numbers of the file are not trusted: they may count from anywhere and leave out what was not seen.
    """
    aligner = PairwiseAligner(mode="global")
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = -11, -1
    aligner.end_gap_score = 0
    odd = str.maketrans("UO", "XX")
    alignment = aligner.align(protein.translate(odd), chain.letters.translate(odd))[0]
    places = np.full(len(chain.letters), -1, dtype=np.int64)
    for (start, end), (first, last) in zip(*alignment.aligned, strict=True):
        places[first:last] = np.arange(start, end)
    mismatches = tuple(
        (int(place) + 1, protein[place], letter, number(residue))
        for place, letter, residue in zip(places, chain.letters, chain.residues, strict=True)
        if place >= 0 and protein[place] != letter
    )
    return Match(chain, places, len(protein), mismatches)


def match(protein: str, model: Model, chain: str | None = None, path: str | Path = "structure") -> Match:
    """The chain that fits a protein best, or the one named.

    Raises
    ------
    LexomeError
        If there is no such chain, or none fits: fewer than half of the aligned residues are the same.
    """
    known = chains(model)
    wanted = [own for own in known if chain is None or own.name == chain]
    if not wanted:
        there = ", ".join(own.name for own in known) or "none"
        raise LexomeError(
            f"{path}: no chain {chain} of a protein; there are {there}" if chain else f"{path}: no protein"
        )
    best = max((align(protein, own) for own in wanted), key=lambda found: found.aligned - 2 * len(found.mismatches))
    if best.aligned < min(LEAST_ALIGNED, len(protein)) or best.identity < LEAST_IDENTITY:
        raise LexomeError(
            f"{path}: chain {best.chain.name} is not this protein: {best.aligned} residues could be aligned, "
            f"{best.identity:.0%} of them the same; give the structure of the protein that is looked at"
        )
    return best


def neighbours(found: Match) -> np.ndarray:
    """Residues within `NEAR` ångström of each residue's C-alpha atom, itself not counted: int64, one a residue."""
    atoms = np.array([residue["CA"].coord for residue in found.chain.residues], dtype=np.float64)
    apart = np.linalg.norm(atoms[:, None] - atoms[None], axis=2)
    return (apart < NEAR).sum(axis=1) - 1


def residue_table(found: Match, protein: str, values: Sequence[float]) -> pd.DataFrame:
    """A row a residue of the chain: `chain`, `number`, `letter`, `position` (from 1), `protein_letter`, `value`,
    `percent` (of the largest size of a value), `neighbours`; the middle ones empty or NaN without a partner or a value.

    Parameters
    ----------
    values
        One a residue of the protein, NaN where it has none.
    """
    values = np.asarray(values, dtype=np.float64)
    paired = found.places >= 0
    own = np.where(paired, values[found.places], np.nan)
    largest = np.nanmax(np.abs(own)) if np.isfinite(own).any() else 0.0
    return pd.DataFrame(
        {
            "chain": found.chain.name,
            "number": [number(residue) for residue in found.chain.residues],
            "letter": list(found.chain.letters),
            "position": pd.array(np.where(paired, found.places + 1, 0), "Int32"),
            "protein_letter": [protein[place] if place >= 0 else "" for place in found.places],
            "value": own,
            "percent": 100 * own / largest if largest else own,
            "neighbours": neighbours(found),
        }
    ).assign(position=lambda table: table["position"].mask(~pd.Series(paired)))


def paint(model: Model, found: Match, percent: Sequence[float]) -> None:
    """Give the atoms of a model the numbers of `residue_table` as B factors, in place.

    Parameters
    ----------
    percent
        -100 to 100, one a residue of the chain; NaN, and all other residues of the file, become 0.
    """
    for atom in model.get_atoms():
        atom.set_bfactor(0.0)
    for residue, value in zip(found.chain.residues, percent, strict=True):
        for atom in residue.get_unpacked_list():
            atom.set_bfactor(round(float(value), 2) if np.isfinite(value) else 0.0)


def fits_pdb(model: Model) -> bool:
    """Whether PDB's columns have room for the names and numbers of a model."""
    names = all(len(chain.id) == 1 for chain in model)
    residues = all(len(own.get_resname()) <= 3 and -999 <= own.id[1] <= 9999 for own in model.get_residues())
    atoms = list(model.get_atoms())
    return names and residues and len(atoms) < 100_000 and all(np.abs(atom.coord).max() < 1000 for atom in atoms)


def written(model: Model, kind: str) -> str:
    """The model as a file of the kind `pdb` or `cif` (mmCIF)."""
    structure = Structure("painted")
    structure.add(model)
    writer = {"pdb": PDBIO, "cif": MMCIFIO}[kind]()
    writer.set_structure(structure)
    out = io.StringIO()
    writer.save(out)
    return out.getvalue()
