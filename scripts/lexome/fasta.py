"""FASTA in and out: what counts as a sequence, and what is done to records that are not quite one.

Every record is treated in this order, and everything done is counted:

1. letters become upper case;
2. gap characters (`-`, `.`) and white space are removed;
3. protein: stops (`*`) at the end are removed and a record with one elsewhere is dropped; DNA: `U` becomes
   `T`;
4. protein keeps the 20 amino acids and B, Z, U, O, X; DNA keeps A, C, G, T, N; every other letter, and `?`,
   becomes the unknown residue (`X`, `N`); any other character is an error that names its line;
5. records that are empty or hold nothing but the unknown residue are dropped;
6. a record that repeats an id with the same sequence is dropped; with another sequence it is an error.
"""

import contextlib
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser

from lexome.errors import LexomeError
from lexome.runtime import atomic

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
# What stays as it is, and the unknown residue.
ALPHABETS = {"protein": (frozenset(AMINO_ACIDS + "BZUOX"), "X"), "dna": (frozenset("ACGTN"), "N")}
GAPS = re.compile(r"[-.\s]+")
UNIPROT = re.compile(r"(?:sp|tr)\|([^|\s]+)\|")
COUNTS = (
    *("records", "lower_case", "with_gaps", "gap_characters", "with_stop_end", "uracil"),
    *("with_unknown", "unknown_residues", "internal_stop", "empty", "only_unknown", "repeated", "kept"),
)


@contextlib.contextmanager
def open_binary(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked if its first bytes (not its name) say that it is gzip.

    Raises
    ------
    LexomeError
        If the file does not exist, or while it is read if it is cut off, damaged or not UTF-8 text.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as handle:
                yield handle
    except FileNotFoundError:
        raise LexomeError(f"{path}: no such file; check the path in the config") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LexomeError(f"{path}: cut off or damaged gzip ({error}); fetch the file again") from error
    except UnicodeDecodeError as error:
        raise LexomeError(f"{path}: not UTF-8 text ({error}); convert it to UTF-8") from error


@contextlib.contextmanager
def open_text(path: str | Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file, plain or gzip, with any line ends; errors as in `open_binary`."""
    with open_binary(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as handle:
        yield handle


def parse_header(header: str) -> tuple[str, str]:
    """Part a FASTA header (without `>`) into id and description.

    UniProt's `sp|P12345|NAME` and `tr|...` give the accession, every other header its first word.
    """
    first, *rest = header.split(None, 1) or [""]
    match = UNIPROT.match(first)
    return (match[1] if match else first), (rest[0].strip() if rest else "")


def read_fasta(path: str | Path, alphabet: str = "protein") -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a FASTA file, plain or gzip, with the treatment that this module's docstring lists.

    Parameters
    ----------
    path
        The file.
    alphabet
        `"protein"` or `"dna"`.

    Returns
    -------
    table
        `id` (str, unique), `sequence` (str), `length` (int32, residues or nucleotides), `description` (str),
        in file order. Equal sequences under different ids are all kept.
    counts
        `records`, then of these: `lower_case`, `with_stop_end`, `with_unknown`, `with_gaps` (mended);
        `internal_stop`, `empty`, `only_unknown`, `repeated` (dropped); `kept`; and single characters:
        `gap_characters` (removed), `unknown_residues` (made X or N), `uracil` (made T).

    Raises
    ------
    LexomeError
        If there is no record, text before the first `>`, a record without id, a character that no sequence
        has, or one id with two sequences. The message names the lines.
    """
    letters, unknown = ALPHABETS[alphabet]
    kept: dict[str, tuple[str, str, int]] = {}
    counts = dict.fromkeys(COUNTS, 0)
    with open_text(path) as handle:
        for record, (header, raw) in enumerate(SimpleFastaParser(_from_first_record(path, handle))):
            counts["records"] += 1
            name, description = parse_header(header)
            if not name:
                line = _header_lines(path)[record]
                raise LexomeError(f"{path}, line {line}: a record without id; write one after the >")
            try:
                sequence = clean(raw, letters, unknown, counts)
            except BadCharacter as error:
                line = _line_with(path, _header_lines(path)[record], str(error))
                raise LexomeError(
                    f"{path}, line {line}: {str(error)!r} in the sequence of {name} is no {alphabet} letter; "
                    f"remove it (is this FASTA of {'DNA' if alphabet == 'dna' else 'proteins'}?)"
                ) from None
            if sequence is None:
                continue
            first = kept.setdefault(name, (sequence, description, record))
            if first[2] == record:
                continue
            if first[0] != sequence:
                lines = _header_lines(path)
                raise LexomeError(
                    f"{path}, lines {lines[first[2]]} and {lines[record]}: {name} has two different "
                    "sequences; remove one or rename it"
                )
            counts["repeated"] += 1
    counts["kept"] = len(kept)
    table = pd.DataFrame(
        {
            "id": pd.Series(list(kept), dtype="str"),
            "sequence": pd.Series([sequence for sequence, _, _ in kept.values()], dtype="str"),
            "length": pd.Series([len(sequence) for sequence, _, _ in kept.values()], dtype="int32"),
            "description": pd.Series([description for _, description, _ in kept.values()], dtype="str"),
        }
    )
    return table, counts


class BadCharacter(Exception):
    """A character that no sequence has; the message is that character."""


def clean(raw: str, letters: frozenset[str], unknown: str, counts: dict[str, int]) -> str | None:
    """Mend one sequence and count what was done; None if the record is to be dropped."""
    sequence = raw.upper()
    counts["lower_case"] += sequence != raw
    if not letters.issuperset(sequence):
        without_gaps = GAPS.sub("", sequence)
        counts["with_gaps"] += without_gaps != sequence
        counts["gap_characters"] += len(sequence) - len(without_gaps)
        sequence = without_gaps
        if unknown == "X":
            without_stop = sequence.rstrip("*")
            counts["with_stop_end"] += without_stop != sequence
            sequence = without_stop
            if "*" in sequence:
                counts["internal_stop"] += 1
                return None
        else:
            counts["uracil"] += sequence.count("U")
            sequence = sequence.replace("U", "T")
        odd = set(sequence) - letters
        for character in sorted(odd):
            if not character.isalpha() and character != "?":
                raise BadCharacter(character)
        if odd:
            counts["with_unknown"] += 1
            counts["unknown_residues"] += sum(map(sequence.count, odd))
            sequence = sequence.translate({ord(character): unknown for character in odd})
    if not sequence.strip(unknown):
        counts["only_unknown" if sequence else "empty"] += 1
        return None
    return sequence


def _from_first_record(path: str | Path, handle: Iterable[str]) -> Iterator[str]:
    """The lines from the first `>` on; Biopython would pass over text before it in silence."""
    lines = iter(handle)
    for number, line in enumerate(lines, 1):
        if line.startswith(">"):
            return itertools.chain([line], lines)
        if line.strip():
            raise LexomeError(f"{path}, line {number}: text before the first >; a FASTA file starts with a header line")
    raise LexomeError(f"{path}, line 1: no FASTA record in the file; is it the right one?")


def _header_lines(path: str | Path) -> list[int]:
    """Line number of every record: read again, so that only a faulty file pays for it."""
    with open_text(path) as handle:
        return [number for number, line in enumerate(handle, 1) if line.startswith(">")]


def _line_with(path: str | Path, after: int, character: str) -> int:
    """Number of the first line below line `after` that holds `character` in either case."""
    with open_text(path) as handle:
        numbered = itertools.islice(enumerate(handle, 1), after, None)
        return next(number for number, line in numbered if character in line.upper())


def write_fasta(path: str | Path, table: pd.DataFrame, width: int = 80) -> None:
    """Write `id`, `sequence` and, where there is one, `description` as FASTA, whole or not at all.

    A name that ends in `.gz` makes gzip. The same table makes the same bytes: no time or name inside.
    """
    descriptions = table["description"] if "description" in table else [""] * len(table)
    blocks = []
    for name, sequence, description in zip(table["id"], table["sequence"], descriptions, strict=True):
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        blocks.append("\n".join([f">{name} {description}".rstrip(), *lines, ""]))
    content = "".join(blocks).encode()
    packed = str(path).endswith(".gz")
    with (
        atomic(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) if packed else contextlib.nullcontext(raw) as handle,
    ):
        handle.write(content)
