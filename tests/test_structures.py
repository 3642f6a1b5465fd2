"""Structures: what is read of files, how chains fit proteins, what is painted."""

import gzip
import io

import numpy as np
import pytest
from Bio.PDB import MMCIFIO, MMCIFParser, NeighborSearch, PDBParser

from helices import backbone, helix_pdb
from lexome import structures
from lexome.errors import LexomeError

PROTEIN = "MKVLAGWCDEFHINPQRSTYMKVLAGWWCDE"
CALCIUM = "HETATM 9001 CA    CA A 900      10.000  10.000  10.000  1.00 20.00          CA"
WATER = "HETATM 9002  O   HOH A 901      12.000  10.000  10.000  1.00 20.00           O"


@pytest.fixture
def write(tmp_path):
    def written(text, name="own.pdb"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
        return path

    return written


def test_the_made_up_helix_is_one():
    atoms = backbone(12)
    bonds = np.linalg.norm(atoms[:8, 3] - atoms[4:, 0], axis=1)  # from O to the N four residues on
    assert (np.abs(bonds - 3.0) < 0.3).all()
    rise = np.linalg.norm(atoms[11, 1] - atoms[0, 1]) / 11
    assert rise == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize("name", ["own.pdb", "own.txt", "own.pdb.gz"])
def test_numbers_of_the_file_are_not_trusted(write, name):
    model = structures.read_structure(write(helix_pdb(PROTEIN[3:], 201, others=f"{CALCIUM}\n{WATER}"), name))
    found = structures.match(PROTEIN, model)
    assert found.chain.letters == PROTEIN[3:]
    assert found.places.tolist() == list(range(3, len(PROTEIN)))
    told = found.told()
    assert (told["chain"], told["aligned"], told["identity"], told["unseen"], told["extra"]) == ("A", 28, 1, 3, 0)


def test_gaps_mismatches_and_modified_residues(write):
    own = PROTEIN[:8] + PROTEIN[14:20] + "X" + PROTEIN[21:25] + "R" + PROTEIN[26:] + "HHHHHH"
    found = structures.match(PROTEIN, structures.read_structure(write(helix_pdb(own))))
    told = found.told()
    # M at 21 is selenomethionine, which is no mismatch; G at 26 is R. Six residues were not seen, six are a tag.
    assert PROTEIN[20] == "M"
    assert told["mismatches"] == [[26, "G", "R", "20"]]
    assert (told["aligned"], told["unseen"], told["extra"]) == (25, 6, 6)
    assert found.places.tolist() == [*range(8), *range(14, 31), *[-1] * 6]


def test_the_chain_that_fits_is_taken(write):
    text = helix_pdb("GGGGGAAAAAGGGGGAAAAA", chain="B").replace("END\n", "") + helix_pdb(PROTEIN, chain="C")
    model = structures.read_structure(write(text))
    assert [chain.name for chain in structures.chains(model)] == ["B", "C"]
    assert structures.match(PROTEIN, model).chain.name == "C"
    with pytest.raises(LexomeError, match=r"no chain D of a protein; there are B, C"):
        structures.match(PROTEIN, model, "D")
    with pytest.raises(LexomeError, match=r"own\.pdb: chain B is not this protein"):
        structures.match(PROTEIN, model, "B", "own.pdb")


@pytest.mark.parametrize("text", ["", "what is this?\n", f"{WATER}\nEND\n"])
def test_files_without_a_protein(write, text):
    path = write(text)
    with pytest.raises(LexomeError, match=r"no atoms|no protein|cannot be read"):
        structures.match(PROTEIN, structures.read_structure(path), path=path)


def test_mmcif_says_the_same(write):
    path = write(helix_pdb(PROTEIN))
    writer, out = MMCIFIO(), io.StringIO()
    writer.set_structure(PDBParser(QUIET=True).get_structure("x", path))
    writer.save(out)
    found = structures.match(PROTEIN, structures.read_structure(write(out.getvalue(), "own.cif")))
    assert found.told()["aligned"] == len(PROTEIN)


@pytest.mark.parametrize("kind", ["pdb", "cif"])
def test_numbers_become_b_factors(write, kind):
    model = structures.read_structure(write(helix_pdb(PROTEIN[2:] + "HHHH", 11, others=CALCIUM)))
    found = structures.match(PROTEIN, model)
    values = np.linspace(-1, 4, len(PROTEIN))
    values[5] = np.nan
    table = structures.residue_table(found, PROTEIN, values)
    assert table["number"].tolist()[:2] == ["11", "12"]
    assert table["position"].tolist()[:2] == [3, 4]
    assert table["position"].isna().sum() == 4
    assert table["percent"].max() == 100
    np.testing.assert_allclose(table["value"][:3], values[2:5])
    structures.paint(model, found, table["percent"])
    assert structures.fits_pdb(model)
    reader = {"pdb": PDBParser, "cif": MMCIFParser}[kind](QUIET=True)
    again = reader.get_structure("x", io.StringIO(structures.written(model, kind)))
    painted = {residue.id: residue for residue in next(iter(again[0]))}
    for row in table.itertuples():
        expected = 0 if np.isnan(row.percent) else row.percent
        atoms = [atom.get_bfactor() for atom in painted[" ", int(row.number), " "]]
        np.testing.assert_allclose(atoms, expected, atol=0.006)
    assert painted["H_CA", 900, " "]["CA"].get_bfactor() == 0


def test_long_names_do_not_fit_pdb(write):
    model = structures.read_structure(write(helix_pdb(PROTEIN)))
    next(iter(model)).id = "AB"
    assert not structures.fits_pdb(model)
    again = structures.read_structure(write(structures.written(model, "cif"), "own.cif"))
    assert structures.match(PROTEIN, again).chain.name == "AB"


def test_insertion_codes_are_kept(write):
    lines = helix_pdb(PROTEIN).splitlines()
    # Residue 5 is 4A.
    text = "\n".join(line[:22] + "   4A" + line[27:] if line[22:26] == "   5" else line for line in lines)
    found = structures.match(PROTEIN, structures.read_structure(write(text + "\n")))
    assert [structures.number(residue) for residue in found.chain.residues][3:6] == ["4", "4A", "6"]
    assert found.aligned == len(PROTEIN)


def test_neighbours_are_those_of_a_search(write):
    found = structures.match(PROTEIN, structures.read_structure(write(helix_pdb(PROTEIN))))
    atoms = [residue["CA"] for residue in found.chain.residues]
    search = NeighborSearch(atoms)
    assert structures.neighbours(found).tolist() == [len(search.search(atom.coord, 10)) - 1 for atom in atoms]
