"""Proteins of a user's FASTA file one after the other: a bad record is told, and the next one is read.

Sequences are mended as `lexome.fasta` does it; where that reader stops at the first fault, this one goes on, and it
keeps of what it has read the ids alone.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lexome.errors import LexomeError
from lexome.fasta import ALPHABETS, BadCharacter, clean, open_binary, parse_header

# What is handed over at once: bounds the memory. A longer protein is a chunk of its own.
CHUNK_PROTEINS = 2000
CHUNK_RESIDUES = 1_000_000
LOOKS_LIKE_DNA = 50  # letters, all of them A, C, G, T, U or N


class Protein(NamedTuple):
    """A record that can be scored."""

    id: str
    sequence: str


class Note(NamedTuple):
    """What is told of a record: `skipped` (not scored), `mended` or `noted` (scored all the same), and why."""

    record: int  # from 1
    line: int  # of its header, from 1
    id: str
    what: str
    reason: str


def read_proteins(path: str | Path, tell: Callable[[Note], None]) -> Iterator[Protein]:
    """The proteins of a FASTA file, plain or gzip, in its order.

    Parameters
    ----------
    path
        The file; bytes that are no UTF-8 spoil no more than their record.
    tell
        Called with every `Note`.

    Raises
    ------
    LexomeError
        If the file is not there, a gzip file is cut off, or there is text before the first header or no header.
    """
    letters, unknown = ALPHABETS["protein"]
    seen: dict[str, tuple[int, int]] = {}
    for record, line, header, raw in _records(path):
        name, _ = parse_header(header)

        def note(what: str, reason: str, at: tuple = (record, line, name)) -> None:
            tell(Note(*at, what, reason))

        counts: Counter = Counter()
        try:
            sequence = clean(raw, letters, unknown, counts)
        except BadCharacter as error:
            note("skipped", f"{str(error)!r} is no letter of a protein")
            continue
        if not name:
            note("skipped", "no id; write one after the >")
        elif sequence is None:
            note("skipped", _why_dropped(counts))
        elif name in seen:
            first, own = seen[name]
            same = "with the same sequence" if own == hash(sequence) else "with another sequence; rename one of them"
            note("skipped", f"the id is that of record {first}, {same}")
        else:
            seen[name] = (record, hash(sequence))
            _tell_mended(sequence, unknown, counts, note)
            yield Protein(name, sequence)


def _why_dropped(counts: Counter) -> str:
    if counts["internal_stop"]:
        return "a stop (*) inside the sequence"
    return "nothing but unknown residues" if counts["only_unknown"] else "no sequence"


def _tell_mended(sequence: str, unknown: str, counts: Counter, note: Callable[[str, str], None]) -> None:
    """Say what was changed, and what is odd though allowed."""
    mended = []
    if counts["gap_characters"]:
        mended.append(f"gap characters removed: {counts['gap_characters']:,}")
    if counts["unknown_residues"]:
        mended.append(f"letters that are no amino acid, read as {unknown}: {counts['unknown_residues']:,}")
    if mended:
        note("mended", "; ".join(mended))
    if number := sequence.count(unknown):
        note("noted", f"unknown residues ({unknown}): {number:,} of {len(sequence):,}")
    if len(sequence) >= LOOKS_LIKE_DNA and not set(sequence) - set("ACGTUN"):
        note("noted", "looks like DNA: only the letters A, C, G, T, U and N; translate it first")


def _records(path: str | Path) -> Iterator[tuple[int, int, str, str]]:
    """Number, line of the header, header without `>` and letters of every record."""
    record, start, header, parts = 0, 0, "", []
    with (
        open_binary(path) as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace") as handle,
    ):
        for number, line in enumerate(handle, 1):
            if line.startswith(">"):
                if record:
                    yield record, start, header, "".join(parts)
                record, start, header, parts = record + 1, number, line[1:].strip(), []
            elif record:
                parts.append(line.strip())
            elif line.strip():
                raise LexomeError(
                    f"{path}, line {number}: text before the first >; a FASTA file starts with a header line"
                )
    if not record:
        raise LexomeError(f"{path}, line 1: no FASTA record in the file; is it the right one?")
    yield record, start, header, "".join(parts)


def in_chunks(
    proteins: Iterator[Protein], most: int = CHUNK_PROTEINS, residues: int = CHUNK_RESIDUES
) -> Iterator[list[Protein]]:
    """Proteins in lists of at most so many, and of at most so many residues unless one alone has more."""
    held: list[Protein] = []
    size = 0
    for protein in proteins:
        if held and (len(held) == most or size + len(protein.sequence) > residues):
            yield held
            held, size = [], 0
        held.append(protein)
        size += len(protein.sequence)
    if held:
        yield held
