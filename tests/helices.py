"""Alpha helices made up as structures: the backbone of a sequence, each atom placed by bond lengths and angles."""

import numpy as np
from Bio.SeqUtils import seq3

PHI, PSI, OMEGA = np.radians([-57.0, -47.0, 180.0])


def place(a, b, c, bond, angle, torsion):
    """The atom behind a, b and c at a bond's length, its angle (degrees) and torsion (radians)."""
    angle = np.radians(angle)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, along)
    moved = (-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion))
    return c + bond * (moved[0] * along + moved[1] * across + moved[2] * normal)


def backbone(n):
    """Coordinates of N, CA, C and O of n residues: shape (n, 4, 3), in ångström."""
    atoms = [np.array([0.0, 0, 0]), np.array([1.458, 0, 0]), np.array([1.458 + 0.55, 1.42, 0])]
    for _ in range(n):
        atoms.append(place(*atoms[-3:], 1.329, 116.6, PSI))
        atoms.append(place(*atoms[-3:], 1.458, 121.7, OMEGA))
        atoms.append(place(*atoms[-3:], 1.525, 111.0, PHI))
    found = []
    for at in range(n):
        nitrogen, alpha, carbon = atoms[3 * at : 3 * at + 3]
        found.append([nitrogen, alpha, carbon, place(nitrogen, alpha, carbon, 1.231, 120.1, PSI + np.pi)])
    return np.array(found)


def helix_pdb(sequence, first=1, chain="A", others=""):
    """A PDB file of one chain; `others` are lines before its end. X is selenomethionine."""
    lines, serial = [], 0
    for at, (letter, atoms) in enumerate(zip(sequence, backbone(len(sequence)), strict=True)):
        name = "MSE" if letter == "X" else seq3(letter).upper()
        kind = "HETATM" if letter == "X" else "ATOM"
        for atom, (x, y, z) in zip(("N", "CA", "C", "O"), atoms, strict=True):
            serial += 1
            lines.append(
                f"{kind:6}{serial:5}  {atom:<3} {name:>3} {chain}{first + at:4}    {x:8.3f}{y:8.3f}{z:8.3f}"
                f"  1.00 50.00          {atom[0]:>2}"
            )
    return "\n".join([*lines, "TER", *others.splitlines(), "END", ""])
