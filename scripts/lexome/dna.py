"""DNA as letters, small integers and one-hot arrays.

Letters are A, C, G, T and N (unknown); their codes are 0 to 4 in this order. One-hot channels are A, C, G, T: an N has
no channel and is zero in all of them, so that it neither adds to nor takes from what a filter sees.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from lexome.errors import LexomeError

LETTERS = "ACGT"
ALPHABET = LETTERS + "N"
UNKNOWN = 4  # the code of N
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)  # the code of the other strand's letter
_CODE = np.full(256, 255, dtype=np.uint8)
_CODE[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(5)
_LETTER = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)


def clean(sequence: str, where: str) -> str:
    """A sequence in upper case, after a check that it holds A, C, G, T and N alone.

    Parameters
    ----------
    sequence
        Letters in either case.
    where
        What the error calls the sequence: a file and line, or an id.

    Raises
    ------
    LexomeError
        If it is empty, or at the first other letter, with its position (from 1).
    """
    upper = sequence.upper()
    if not upper:
        raise LexomeError(f"{where}: an empty sequence; remove it")
    if upper.strip(ALPHABET):
        at, letter = next((i, c) for i, c in enumerate(upper) if c not in ALPHABET)
        hint = "write T for U" if letter == "U" else "write N for an unknown nucleotide"
        raise LexomeError(f"{where}: {sequence[at]!r} at position {at + 1} is not one of A, C, G, T, N; {hint}")
    return upper


def encode(sequences: Sequence[str]) -> np.ndarray:
    """Codes of sequences of one length.

    Parameters
    ----------
    sequences
        In upper case, A, C, G, T and N; n of them, each of length L.

    Returns
    -------
    numpy.ndarray
        uint8, shape (n, L), 0 to 4; shape (0, 0) for no sequences.

    Raises
    ------
    LexomeError
        If lengths differ, or another letter is found; with the number of the sequence (from 1).
    """
    sequences = list(sequences)
    if not sequences:
        return np.zeros((0, 0), dtype=np.uint8)
    length = len(sequences[0])
    for number, sequence in enumerate(sequences, 1):
        if len(sequence) != length:
            raise LexomeError(
                f"sequence {number} has {len(sequence)} nucleotides, the first one {length}; a network reads sequences "
                "of one length: cut them to it"
            )
    # One byte a character, whatever it is: "?" stands for what is not Latin.
    raw = "".join(sequences).encode("latin-1", "replace")
    codes = _CODE[np.frombuffer(raw, dtype=np.uint8)].reshape(len(sequences), length)
    if codes.size and codes.max() > UNKNOWN:
        number = int((codes > UNKNOWN).any(axis=1).argmax())
        clean(sequences[number], f"sequence {number + 1}")
        raise LexomeError(f"sequence {number + 1}: has lower-case letters; make them upper case")
    return codes


def decode(codes: np.ndarray) -> list[str]:
    """The sequences of codes of shape (n, L)."""
    return [row.tobytes().decode("ascii") for row in _LETTER[np.asarray(codes)]]


def one_hot(sequences: Sequence[str] | np.ndarray, unknown: float = 0.0) -> np.ndarray:
    """One-hot arrays of sequences of one length.

    Parameters
    ----------
    sequences
        Sequences, or their codes of shape (n, L).
    unknown
        What every channel of an N holds: 0 (the default: nothing is known) or .25 (each letter is as likely).

    Returns
    -------
    numpy.ndarray
        float32, shape (n, 4, L), channels A, C, G, T.

    Raises
    ------
    LexomeError
        As `encode`.
    """
    codes = sequences if isinstance(sequences, np.ndarray) else encode(sequences)
    table = np.full((5, 4), unknown, dtype=np.float32)
    table[:4] = np.eye(4, dtype=np.float32)
    return np.ascontiguousarray(table[codes].transpose(0, 2, 1))


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction; N stays N."""
    return sequence.translate(_COMPLEMENT)[::-1]


def canonical(sequence: str) -> str:
    """What a sequence and its reverse complement have in common: the first of both in the alphabet."""
    return min(sequence, reverse_complement(sequence))


def reverse_complement_codes(codes: np.ndarray) -> np.ndarray:
    """The other strand of codes, the last axis being the position."""
    return COMPLEMENT[codes[..., ::-1]]


def reverse_complement_one_hot(array: np.ndarray) -> np.ndarray:
    """The other strand of one-hot arrays (or of attributions), shape (..., 4, L); a copy."""
    return np.ascontiguousarray(array[..., ::-1, ::-1])


def gc_content(sequences: Sequence[str]) -> np.ndarray:
    """Share of G and C among the known letters of each sequence: float64, shape (n,); .5 where none is known."""
    gc = np.array([s.count("G") + s.count("C") for s in sequences], dtype=float)
    known = np.array([len(s) - s.count("N") for s in sequences], dtype=float)
    return np.divide(gc, known, out=np.full(len(known), 0.5), where=known > 0)


def sequence_group(sequence: str) -> str:
    """A hash that a sequence and its reverse complement share: a split must not part them."""
    return blake2b(canonical(sequence).encode(), digest_size=8).hexdigest()
