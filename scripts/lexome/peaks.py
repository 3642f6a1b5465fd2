"""Bound and unbound sequences of experiments: DeepBind's and GUE's tables, and peaks on a genome.

Coordinates are those of BED: 0-based, half-open.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser

from lexome.dna import clean
from lexome.errors import LexomeError
from lexome.fasta import open_text

NARROW_PEAK = 10  # columns; the last one is the summit's distance from the start, -1 where there is none
MOST_UNKNOWN = 0.1  # share of N from which a window is left out
_NOT_A_BASE = re.compile(r"[^ACGTN]")


def read_deepbind(path: str | Path) -> pd.DataFrame:
    """Sequences of a DeepBind table: tab-separated `FoldID`, `EventID`, `seq`, `Bound`.

    In the ENCODE set, `_AC` files hold the training peaks alone, and `_B` files 500 test peaks and a dinucleotide
    shuffle of each: `seq_00002_shuf` is that of `seq_00002_peak` (Alipanahi et al., Nature Biotechnology 33, 831-838
    (2015)).

    Returns
    -------
    pandas.DataFrame
        `name` (EventID, unique), `sequence` (upper case), `bound` (bool), in file order.

    Raises
    ------
    LexomeError
        On a malformed line, a repeated name, or lengths that differ; with file and line.
    """
    return _read_rows(path, "\t", ["FoldID", "EventID", "seq", "Bound"], name="EventID", sequence="seq", bound="Bound")


def read_labelled(path: str | Path) -> pd.DataFrame:
    """Sequences of a CSV file with the columns `sequence` and `label` (0 or 1), as in GUE; rows are named by number.

    Returns and errors as `read_deepbind`.
    """
    return _read_rows(path, ",", ["sequence", "label"], name=None, sequence="sequence", bound="label")


def _read_rows(
    path: str | Path, separator: str, columns: list[str], name: str | None, sequence: str, bound: str
) -> pd.DataFrame:
    rows, first_line, length = [], {}, None
    with open_text(path) as handle:
        for line, fields in enumerate(csv.reader(handle, delimiter=separator, quoting=csv.QUOTE_NONE), 1):
            if line == 1:
                if fields != columns:
                    raise LexomeError(f"{path}, line 1: the columns must be {', '.join(columns)}; found {fields}")
                continue
            if not fields:
                continue
            where = f"{path}, line {line}"
            if len(fields) != len(columns):
                raise LexomeError(f"{where}: {len(fields)} fields, the first line has {len(columns)}")
            row = dict(zip(columns, fields, strict=True))
            if row[bound] not in ("0", "1"):
                raise LexomeError(f"{where}: {bound} is {row[bound]!r}; it must be 0 or 1")
            letters = clean(row[sequence], where)
            length = length or len(letters)
            if len(letters) != length:
                raise LexomeError(f"{where}: {len(letters)} nucleotides, the sequences above have {length}")
            key = row[name] if name else f"row{line - 1:06d}"
            if first_line.setdefault(key, line) != line:
                raise LexomeError(f"{where}: {key} stands on line {first_line[key]} already; names must be unique")
            rows.append((key, letters, row[bound] == "1"))
    if not rows:
        raise LexomeError(f"{path}: no sequence in the file")
    return pd.DataFrame(rows, columns=["name", "sequence", "bound"])


def read_bed(path: str | Path) -> pd.DataFrame:
    """Intervals of a BED or narrowPeak file, plain or gzip; `#`, `track` and `browser` lines are passed over.

    Returns
    -------
    pandas.DataFrame
        `chromosome`, `start`, `end`, `centre` (the summit of a narrowPeak row that has one, else the middle, the right
        one of two) and `line`, in file order.

    Raises
    ------
    LexomeError
        If a row is not an interval, or the file has none; with file and line.
    """
    rows = []
    with open_text(path) as handle:
        for line, text in enumerate(handle, 1):
            fields = text.rstrip("\r\n").split("\t") if "\t" in text else text.split()
            if not "".join(fields).strip() or fields[0].split()[0] in ("track", "browser") or text.startswith("#"):
                continue
            where = f"{path}, line {line}"
            if len(fields) < 3:
                raise LexomeError(f"{where}: {len(fields)} columns; BED has chromosome, start and end, parted by tabs")
            start, end = _whole(fields[1], f"{where}: start"), _whole(fields[2], f"{where}: end")
            if not 0 <= start < end:
                raise LexomeError(f"{where}: start {start} and end {end}; start is 0 or more, and below end")
            centre = (start + end) // 2
            if len(fields) == NARROW_PEAK:
                summit = _whole(fields[9], f"{where}: the summit (column 10 of narrowPeak)")
                if summit >= end - start or summit < -1:
                    raise LexomeError(f"{where}: a summit {summit} from the start of a peak of {end - start}")
                centre = start + summit if summit >= 0 else centre
            rows.append((fields[0], start, end, centre, line))
    if not rows:
        raise LexomeError(f"{path}: no interval in the file")
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "centre", "line"])


def _whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise LexomeError(f"{what} must be a whole number, found {text!r}") from None


def chromosomes(path: str | Path) -> Iterator[tuple[str, str]]:
    """Name (first word of the header) and sequence of each record of a genome, one at a time.

    Lower case (masked repeats) becomes upper case, and letters other than A, C, G, T become N.

    Raises
    ------
    LexomeError
        If there is no record, or a name repeats.
    """
    seen: set[str] = set()
    with open_text(path) as handle:
        for header, sequence in SimpleFastaParser(handle):
            name = header.split(None, 1)[0] if header.strip() else ""
            if not name or name in seen:
                raise LexomeError(f"{path}: every record needs a name of its own; {name!r} has none or repeats")
            seen.add(name)
            yield name, _NOT_A_BASE.sub("N", sequence.upper())
    if not seen:
        raise LexomeError(f"{path}: no FASTA record in the file; is it the right one?")


def overlaps(starts: np.ndarray, width: int, intervals: pd.DataFrame) -> np.ndarray:
    """Whether the window of `width` at each start touches one of the intervals (of one chromosome): bool, (n,)."""
    if intervals.empty:
        return np.zeros(len(starts), dtype=bool)
    ordered = intervals.sort_values("start")
    # The farthest end of all intervals that begin before the window ends.
    reach = np.maximum.accumulate(ordered["end"].to_numpy())
    before = np.searchsorted(ordered["start"].to_numpy(), np.asarray(starts) + width, side="left")
    return (before > 0) & (reach[np.maximum(before - 1, 0)] > starts)


def peak_windows(
    peaks: Mapping[str, tuple[str, pd.DataFrame]],
    genome: str | Path,
    width: int,
    blacklist: pd.DataFrame | None = None,
    pool: int = 0,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Sequences of one width about the centre of each peak, and random windows without a peak for negatives.

    The centre of an even width is its right middle: a window begins at centre - width // 2, so that it is the interval
    itself where both have one width and there is no summit.

    Parameters
    ----------
    peaks
        The file and the table of `read_bed` of each factor.
    genome
        FASTA, plain or gzip; read once, a chromosome at a time.
    blacklist
        Intervals whose windows are left out, or None.
    pool
        Random windows for every peak, on its chromosome, that touch no peak of any factor and no blacklisted interval.
    seed
        Of the random windows.

    Returns
    -------
    windows, pool : pandas.DataFrame
        `factor` (not in the pool), `chromosome`, `start`, `sequence`; by factor, chromosome and start.
    counts : dict
        Peaks left out: `contig` (on a sequence that the genome has not), `edge` (the window reaches past an end of its
        chromosome), `blacklist`, `unknown` (a tenth of it or more is N), `repeated` (a window that another peak of the
        factor has). And `ignored`: blacklisted intervals on chromosomes that the genome has not.

    Raises
    ------
    LexomeError
        If half of a factor's peaks or more lie on chromosomes that the genome has not, or one past the end of its
        chromosome, with file and line; if no blacklisted interval is on a chromosome of the genome.
    """
    table = pd.concat([rows.assign(factor=factor, file=path) for factor, (path, rows) in peaks.items()])
    by_chromosome = dict(list(table.groupby("chromosome")))
    barred = dict(list(blacklist.groupby("chromosome"))) if blacklist is not None else {}
    none = table.iloc[:0]
    counts = dict.fromkeys(("contig", "edge", "blacklist", "unknown", "repeated", "ignored"), 0)
    kept, drawn, names = [], [], []
    for name, sequence in chromosomes(genome):
        names.append(name)
        rows = by_chromosome.pop(name, None)
        if rows is None:
            continue
        past = rows[rows["end"] > len(sequence)]
        if len(past):
            first = past.iloc[0]
            raise LexomeError(
                f"{first['file']}, line {first['line']}: the peak ends at {first['end']}, {name} of {genome} has "
                f"{len(sequence)} nucleotides; are both of one assembly?"
            )
        black = barred.get(name, none)
        windows, faults = _fit(rows.assign(start=rows["centre"] - width // 2), sequence, width, black)
        for fault in counts:
            counts[fault] += int((faults == fault).sum())
        kept.append(windows.assign(sequence=_cut(sequence, windows["start"], width)))
        if pool and len(windows):
            around = windows[["start"]].assign(end=windows["start"] + width)
            taken = pd.concat([part[["start", "end"]] for part in (rows, around, black)])
            free = _random_starts(sequence, pool * len(windows), width, taken, [seed, len(names)])
            drawn.append(pd.DataFrame({"chromosome": name, "start": free, "sequence": _cut(sequence, free, width)}))
    known = ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")
    if by_chromosome:
        lost = pd.concat(by_chromosome.values()).sort_values("line", kind="stable")
        counts["contig"] = len(lost)
        for factor, rows in lost.groupby("factor", sort=False):
            row, n = rows.iloc[0], len(peaks[factor][1])
            if 2 * len(rows) >= n:
                raise LexomeError(
                    f"{row['file']}, line {row['line']}: no chromosome {row['chromosome']!r} in {genome}, which has "
                    f"{known}; so it is with {len(rows):,} of {n:,} peaks: names must agree (chr1 is not 1)"
                )
    counts["ignored"] = sum(len(rows) for name, rows in barred.items() if name not in names)
    if barred and not barred.keys() & set(names):
        raise LexomeError(
            f"blacklist: no interval is on a chromosome of {genome}, which has {known}; the blacklist has "
            f"{', '.join(list(barred)[:6])}: names must agree (chr1 is not 1)"
        )
    columns = ["chromosome", "start", "sequence"]
    windows = pd.concat(kept)[["factor", *columns]].sort_values(["factor", "chromosome", "start"], ignore_index=True)
    return windows, pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=columns), counts


def _cut(sequence: str, starts: Sequence[int], width: int) -> list[str]:
    return [sequence[start : start + width] for start in starts]


def _fit(rows: pd.DataFrame, sequence: str, width: int, blacklist: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The windows of one chromosome that are fit for use, and of each row what is wrong with it, "" for nothing."""
    starts = rows["start"].to_numpy()
    faults = np.full(len(rows), "", dtype=object)
    faults[rows.duplicated(["factor", "start"])] = "repeated"
    faults[[_mostly_unknown(sequence, start, width) for start in starts]] = "unknown"
    faults[overlaps(starts, width, blacklist)] = "blacklist"
    faults[(starts < 0) | (starts + width > len(sequence))] = "edge"
    return rows[faults == ""], faults


def _mostly_unknown(sequence: str, start: int, width: int) -> bool:
    return sequence.count("N", max(start, 0), start + width) >= MOST_UNKNOWN * width


def _random_starts(sequence: str, n: int, width: int, taken: pd.DataFrame, seed: list[int]) -> np.ndarray:
    """Up to `n` starts, in order, each once, of windows that touch no interval of `taken` and hold few N."""
    rng = np.random.default_rng(seed)
    # Twice as many as wanted: some fall upon peaks or gaps of the assembly.
    starts = np.unique(rng.integers(len(sequence) - width + 1, size=2 * n + 10))
    starts = starts[~overlaps(starts, width, taken)]
    starts = starts[np.array([not _mostly_unknown(sequence, start, width) for start in starts], dtype=bool)]
    return np.sort(rng.permutation(starts)[:n])
