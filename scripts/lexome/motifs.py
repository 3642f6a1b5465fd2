"""Motifs of binding sites: read from MEME or JASPAR files, scored along sequences, drawn as sites.

A motif is a matrix of counts, one row a position and one column a letter (A, C, G, T). Scores are log-odds in bits
against a background (Stormo, Bioinformatics 16, 16-23 (2000)): with pseudocount p and background q,
log2((count + p q) / (sites + p) / q).
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from lexome.dna import COMPLEMENT, LETTERS
from lexome.errors import LexomeError
from lexome.fasta import open_text

UNIFORM = (0.25, 0.25, 0.25, 0.25)
MATRIX_ID = re.compile(r"(MA\d+|UN\d+)\.(\d+)")
SQLITE = b"SQLite format 3\x00"
MEME_SITES = 20  # what MEME takes where a file does not say how many sites a matrix rests on
# Tilts of the site distribution: 0 is the background, 1 the motif, the last one all but the best site.
_TILTS = np.concatenate([[0.0], np.geomspace(0.02, 60, 240)])


@dataclass(frozen=True)
class Motif:
    """A motif.

    Attributes
    ----------
    id
        Matrix id, with its version in JASPAR (`MA0139.2`).
    name
        Of the factor, as the source writes it.
    counts
        float64, shape (L, 4): sites with A, C, G, T at each of L positions.
    """

    id: str
    name: str
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    def probabilities(self, background: Sequence[float] = UNIFORM, pseudocount: float = 1.0) -> np.ndarray:
        """Letter probabilities: float64, shape (L, 4), rows summing to 1; the pseudocount is spread as `background`."""
        padded = self.counts + pseudocount * np.asarray(background)
        return padded / padded.sum(axis=1, keepdims=True)

    def log_odds(self, background: Sequence[float] = UNIFORM, pseudocount: float = 1.0) -> np.ndarray:
        """Log-odds in bits: float64, shape (L, 4); `pseudocount` must be above 0 where a count is 0."""
        return np.log2(self.probabilities(background, pseudocount) / np.asarray(background))

    def consensus(self) -> str:
        """The commonest letter of each position, the first in the alphabet at a tie."""
        return "".join(LETTERS[i] for i in self.counts.argmax(axis=1))


def read_motifs(path: str | Path, ids: Iterable[str]) -> dict[str, Motif]:
    """Motifs by id from a JASPAR database or a MEME file, told apart by the first bytes.

    Raises
    ------
    LexomeError
        If the file has no such motif (those that it has of the same matrix are named) or is malformed.
    """
    if _is_database(path):
        return read_jaspar(path, ids)
    found = {motif.id: motif for motif in read_meme(path)}
    absent = [matrix for matrix in ids if matrix not in found]
    if absent:
        raise LexomeError(f"{path}: no motif {absent[0]}; the file has {_few(found)}")
    return {matrix: found[matrix] for matrix in ids}


def read_jaspar(path: str | Path, ids: Iterable[str]) -> dict[str, Motif]:
    """Motifs by matrix id from the SQLite database of a JASPAR release (tables MATRIX and MATRIX_DATA).

    Matrices are asked for by full id: a name such as CTCF stands for matrices of several species.

    Raises
    ------
    LexomeError
        If an id is not written MA0139.2, is not in the release, or the file is no such database.
    """
    motifs = {}
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            for matrix in ids:
                match = MATRIX_ID.fullmatch(matrix)
                if not match:
                    raise LexomeError(f"{matrix!r} is no JASPAR matrix id; write it with its version, as MA0139.2")
                rows = database.execute("SELECT VERSION, ID, NAME FROM MATRIX WHERE BASE_ID = ?", (match[1],))
                versions = {int(version): (key, name) for version, key, name in rows}
                if int(match[2]) not in versions:
                    known = _few(f"{match[1]}.{version}" for version in sorted(versions))
                    raise LexomeError(f"{path}: no matrix {matrix}; of {match[1]} this release has {known}")
                key, name = versions[int(match[2])]
                cells = database.execute("SELECT col, row, val FROM MATRIX_DATA WHERE ID = ?", (key,)).fetchall()
                motifs[matrix] = Motif(matrix, name, _counts(cells, f"{path}: {matrix}"))
    except sqlite3.Error as error:
        raise LexomeError(f"{path}: not a JASPAR database ({error}); fetch it again") from error
    return motifs


def read_collection(path: str | Path, tax_group: str = "vertebrates") -> dict[str, Motif]:
    """All known motifs of a file by id: what a motif that was found is compared with.

    Of a JASPAR database these are the matrices of the collection CORE for one group of species, each in its latest
    version; of a MEME file all.

    Raises
    ------
    LexomeError
        If there is none, or as `read_motifs`.
    """
    if not _is_database(path):
        return {motif.id: motif for motif in read_meme(path)}
    latest: dict[str, int] = {}
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT BASE_ID, VERSION FROM MATRIX JOIN MATRIX_ANNOTATION USING (ID) "
                "WHERE COLLECTION = 'CORE' AND TAG = 'tax_group' AND VAL = ?",
                (tax_group,),
            )
            for base, version in rows:
                latest[base] = max(latest.get(base, 0), int(version))
            known = database.execute("SELECT DISTINCT VAL FROM MATRIX_ANNOTATION WHERE TAG = 'tax_group' ORDER BY VAL")
            groups = [group for (group,) in known]
    except sqlite3.Error as error:
        raise LexomeError(f"{path}: not a JASPAR database ({error}); fetch it again") from error
    if not latest:
        raise LexomeError(f"{path}: no matrix of {tax_group} in the collection CORE; there are {_few(groups, 20)}")
    return read_jaspar(path, [f"{base}.{version}" for base, version in sorted(latest.items())])


def _is_database(path: str | Path) -> bool:
    try:
        with open(path, "rb") as handle:
            return handle.read(len(SQLITE)) == SQLITE
    except FileNotFoundError:
        raise LexomeError(f"{path}: no such file; check the path in the config") from None


def _counts(cells: list[tuple], where: str) -> np.ndarray:
    """The matrix of (position from 1, letter, count) cells."""
    counts = np.full((max((int(cell[0]) for cell in cells), default=0), 4), np.nan)
    for position, letter, value in cells:
        counts[int(position) - 1, LETTERS.index(letter)] = value
    if not counts.size or not np.isfinite(counts).all() or (counts < 0).any() or (counts.sum(axis=1) <= 0).any():
        raise LexomeError(f"{where}: the matrix is empty or incomplete")
    return counts


def read_meme(path: str | Path) -> list[Motif]:
    """Motifs of a file in minimal MEME format, plain or gzip; counts are probabilities times `nsites` (or 20).

    Raises
    ------
    LexomeError
        If the file is not in that format, its alphabet is not ACGT, or an id repeats; with the line.
    """
    with open_text(path) as handle:
        lines = [line.strip() for line in handle]
    if not lines or not lines[0].startswith("MEME version"):
        raise LexomeError(f"{path}, line 1: not in MEME format, whose first line is `MEME version 4`")
    motifs: dict[str, Motif] = {}
    name: list[str] | None = None
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        if line.startswith("ALPHABET=") and line.removeprefix("ALPHABET=").strip() != LETTERS:
            raise LexomeError(f"{path}, line {number}: the alphabet must be {LETTERS}, found {line}")
        if line.startswith("MOTIF"):
            name = line.split()[1:]
            if not name or name[0] in motifs:
                raise LexomeError(f"{path}, line {number}: a MOTIF line needs an id that no other one has")
        elif line.startswith("letter-probability matrix:"):
            if name is None:
                raise LexomeError(f"{path}, line {number}: a matrix without a MOTIF line above it")
            keys = dict(re.findall(r"(\w+)\s*=\s*(\S+)", line))
            rows = []
            for at, row in numbered:
                if not row or row.startswith(("MOTIF", "URL")):
                    break
                rows.append(_meme_row(row, f"{path}, line {at}"))
            if not rows or len(rows) != int(keys.get("w", len(rows))):
                raise LexomeError(
                    f"{path}, line {number}: {name[0]} has {len(rows)} rows, `w=` says {keys.get('w')}; a row follows "
                    "the other without blank lines, and a blank line ends the matrix"
                )
            sites = float(keys.get("nsites", MEME_SITES))
            motifs[name[0]] = Motif(name[0], " ".join(name[1:]) or name[0], np.array(rows) * sites)
            name = None
    if not motifs:
        raise LexomeError(f"{path}: no motif with a letter-probability matrix in the file")
    return list(motifs.values())


def _meme_row(row: str, where: str) -> list[float]:
    try:
        values = [float(value) for value in row.split()]
    except ValueError:
        values = []
    if len(values) != 4 or min(values) < 0 or abs(sum(values) - 1) > 0.01:
        raise LexomeError(f"{where}: expected four probabilities that sum to 1, found {row!r}")
    return values


def information(probabilities: np.ndarray) -> np.ndarray:
    """Bits of each position against equal letters: float64, shape (width,), 0 to 2, of rows (A, C, G, T) that sum to 1.

    Schneider and Stephens, Nucleic Acids Res 18, 6097-6100 (1990).
    """
    p = np.asarray(probabilities, dtype=float)
    return (p * np.log2(np.where(p > 0, p, 1) / np.array(UNIFORM))).sum(axis=1).clip(min=0)


def _few(names: Iterable[str], most: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"


def scan(codes: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Score a motif at every position of both strands; an N counts 0 bits, as a letter that tells nothing.

    Parameters
    ----------
    codes
        uint8, shape (n, length), from `dna.encode`.
    log_odds
        float, shape (width, 4).

    Returns
    -------
    numpy.ndarray
        float32, shape (n, 2, length - width + 1): bits of the window that begins at each position (0-based, on the
        forward strand), for the site on the forward and on the reverse strand. No windows where width > length.
    """
    width, length = len(log_odds), codes.shape[1]
    windows = max(0, length - width + 1)
    scores = np.zeros((len(codes), 2, windows), dtype=np.float32)
    table = np.zeros((width, 5), dtype=np.float32)
    table[:, :4] = log_odds
    for place in range(width if windows else 0):
        part = codes[:, place : place + windows]
        scores[:, 0] += table[place][part]
        scores[:, 1] += table[width - 1 - place][COMPLEMENT][part]
    return scores


def best_site(codes: np.ndarray, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best window of each sequence on either strand; the forward strand and the first position win ties.

    Returns
    -------
    score : numpy.ndarray
        float32 bits, shape (n,).
    start : numpy.ndarray
        int64, 0-based on the forward strand.
    strand : numpy.ndarray
        int64, 1 or -1.

    Raises
    ------
    LexomeError
        If the sequences are shorter than the motif.
    """
    scores = scan(codes, log_odds)
    if scores.shape[2] == 0 and len(codes):
        raise LexomeError(f"sequences of {codes.shape[1]} nucleotides are shorter than the motif ({len(log_odds)})")
    flat = scores.reshape(len(codes), -1)
    best = flat.argmax(axis=1) if len(codes) else np.zeros(0, dtype=np.int64)
    strand, start = np.divmod(best, scores.shape[2] or 1)
    return flat[np.arange(len(codes)), best], start, 1 - 2 * strand


def score_sites(codes: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Bits of whole sites in the motif's own direction: float64, shape (n,); codes of shape (n, width), no N."""
    return log_odds[np.arange(len(log_odds)), codes].sum(axis=1)


def sample_sites(
    motif: Motif, affinity: np.ndarray, rng: np.random.Generator, background: Sequence[float] = UNIFORM
) -> np.ndarray:
    """Draw sites of given affinities.

    A site's affinity is its log-odds as a share of the best site's. Letters are drawn independently from the background
    tilted by the log-odds, q exp(t s): t = 0 is the background, 1 the motif itself, and large t its best site. t is
    chosen so that the mean affinity is the one asked for; single sites scatter about it, as bound sites do (Berg and
    von Hippel, J Mol Biol 193, 723-750 (1987)).

    Parameters
    ----------
    affinity
        Shape (n,), up to 1. What lies below the background's mean is drawn from the background.

    Returns
    -------
    numpy.ndarray
        uint8 codes, shape (n, L), in the motif's own direction.
    """
    bits = motif.log_odds(background)
    weights = np.asarray(background) * np.exp(_TILTS[:, None, None] * bits * np.log(2))
    tilted = weights / weights.sum(axis=2, keepdims=True)  # (tilts, L, 4)
    mean = (tilted * bits).sum(axis=(1, 2)) / bits.max(axis=1).sum()
    # The mean grows with the tilt; where it is flat to the last bit, rounding may have it fall.
    tilt = np.searchsorted(np.maximum.accumulate(mean), affinity).clip(max=len(mean) - 1)
    cumulative = tilted.cumsum(axis=2)[tilt]  # (n, L, 4)
    draws = rng.random((len(tilt), len(motif), 1))
    return np.minimum((draws > cumulative).sum(axis=2), 3).astype(np.uint8)
