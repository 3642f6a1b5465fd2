"""Tables of texts and labels that a user brings (CSV, TSV): read with line numbers, checked, cleared of repetitions."""

import csv
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

import pandas as pd

from lexome.counts import Counts
from lexome.errors import LexomeError
from lexome.fasta import open_binary
from lexome.texts import count_words, decode, text_group

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


def find_separator(path: str | Path, separator: str | None = None) -> str:
    """The character between the columns of a table: the one given, else by the name (`.csv`, `.tsv`, `.tab`, `.gz`).

    Raises
    ------
    LexomeError
        If the name does not tell.
    """
    if separator is not None:
        return separator
    suffix = PurePath(str(path).lower().removesuffix(".gz")).suffix
    if suffix not in SEPARATORS:
        raise LexomeError(f"{path}: the name does not tell what parts the columns; set `separator`")
    return SEPARATORS[suffix]


def read_columns(path: str | Path, columns: Sequence[str], separator: str | None = None) -> pd.DataFrame:
    """Read columns of a CSV or TSV file, plain or gzip, in UTF-8 with or without a byte order mark.

    Fields may be quoted as in RFC 4180, and a quoted field may hold line ends.

    Parameters
    ----------
    path
        The file; its first line names the columns.
    columns
        Those wanted.
    separator
        See `find_separator`.

    Returns
    -------
    pandas.DataFrame
        A row for each row of the file that is not blank: the columns, str, every run of white space made one blank;
        and `line`, int, where the row ends in the file.

    Raises
    ------
    LexomeError
        With file and line: no UTF-8, a row with more or fewer fields than the header, quotes that do not pair; or with
        the columns there are, if one is missing.
    """
    separator = find_separator(path, separator)
    with open_binary(path) as handle:
        content = handle.read()
    lines = io.StringIO(decode(content, path), newline="")
    # Texts are longer than the reader's own limit for a field (131,072 characters).
    limit = csv.field_size_limit(sys.maxsize)
    try:
        return _read_rows(path, csv.reader(lines, delimiter=separator, strict=True), columns)
    finally:
        csv.field_size_limit(limit)


def _read_rows(path: str | Path, reader, columns: Sequence[str]) -> pd.DataFrame:
    rows = []
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in columns:
            if header.count(name) != 1:
                found = "no column" if name not in header else "more than one column"
                mend = "correct the name in the config, or set `separator` if the names are run together"
                raise LexomeError(f"{path}: {found} {name!r}; its columns are {', '.join(map(repr, header))}: {mend}")
        places = [header.index(name) for name in columns]
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(header):
                raise LexomeError(
                    f"{path}, line {reader.line_num}: {len(row)} fields, the first line has {len(header)}; put a field "
                    "that holds the separator in quotes"
                )
            rows.append([*(" ".join(row[place].split()) for place in places), reader.line_num])
    except csv.Error as error:
        mend = 'a field with a quote in it is written "so ""quoted"" here"'
        raise LexomeError(f"{path}, line {reader.line_num}: {error}; {mend}") from error
    return pd.DataFrame(rows, columns=[*columns, "line"])


def label_ids(names: Sequence[str]) -> list[str]:
    """Labels as the names of metrics hold them: small letters, digits and _.

    Raises
    ------
    LexomeError
        If two become the same, or one has no letter or digit.
    """
    ids = [re.sub(r"[\W_]+", "_", name.lower()).strip("_") for name in names]
    for place, one in enumerate(ids):
        if not one:
            raise LexomeError(f"the label {names[place]!r} has no letter or digit; rename it in the file")
        if one in ids[:place]:
            raise LexomeError(f"the labels {names[ids.index(one)]!r} and {names[place]!r} are told apart by signs only")
    return ids


def choose_classes(table: pd.DataFrame, labels: Sequence[str] | None, path: str | Path) -> list[str]:
    """The classes of a study: the labels asked for, in that order, or all that the column `label` has, sorted.

    Raises
    ------
    LexomeError
        If the table lacks one, with those that it has, or has fewer than two.
    """
    present = sorted(set(table["label"]) - {""})
    chosen = present if labels is None else list(labels)
    absent = [label for label in chosen if label not in present]
    if absent:
        raise LexomeError(f"{path}: no row has the label {absent[0]!r} of `labels`; there are {', '.join(present)}")
    if len(chosen) < 2:
        raise LexomeError(f"{path}: fewer than two classes ({', '.join(present)}); name another `label_column`")
    return chosen


def drop_repetitions(table: pd.DataFrame, duplicates: str, conflicts: str, noun: str, counts: Counts) -> pd.DataFrame:
    """Drop rows whose text stands in the table more than once.

    Parameters
    ----------
    table
        `text`, `label`, `group` (equal for texts that differ in case or white space only).
    duplicates
        `drop` leaves one row a text, the first of those with its commonest label; `keep` leaves all.
    conflicts
        `drop` drops every row of a text that carries several labels, before that.
    noun
        What a row is called; `counts` gets a step for each of the two.
    """
    labels_of = table.groupby("group")["label"].nunique()
    conflicting = table["group"].map(labels_of) > 1
    where = f"of {int((labels_of > 1).sum()):,} texts that carry several labels"
    if conflicts == "drop":
        counts.add("conflicting labels dropped", conflicting.sum(), f"{noun}s", where)
        table = table[~conflicting]
    else:
        counts.add("conflicting labels kept", conflicting.sum(), f"{noun}s", where)
    repeated = table["group"].duplicated()
    if duplicates == "drop":
        # A text keeps its commonest label, at a tie the one that comes first.
        votes = table.groupby(["group", "label"])["label"].transform("size")
        first = (-votes).sort_values(kind="stable").index
        table = table.loc[first].drop_duplicates("group").sort_index()
        counts.add("repeated texts dropped", repeated.sum(), f"{noun}s", "one is left of each text")
    else:
        counts.add("repeated texts kept", repeated.sum(), f"{noun}s", "copies of a text beyond the first")
    return table


def make_examples(
    table: pd.DataFrame, classes: Sequence[str], duplicates: str, conflicts: str, noun: str, counts: Counts
) -> pd.DataFrame:
    """Rows of a table as examples, every step counted.

    Parameters
    ----------
    table
        `id`, `text`, `label`.
    classes
        Labels that are kept; the rows of others are dropped.
    duplicates, conflicts, noun, counts
        As in `drop_repetitions`.

    Returns
    -------
    pandas.DataFrame
        `id`, `text`, `length` (words), `group` (hash of the normalised text), `labels` (list with the position of the
        label in `classes`), sorted by id.

    Raises
    ------
    LexomeError
        If a step leaves nothing.
    """
    counts.add("rows read", len(table), "rows", "of the file")
    unlabelled = table["label"] == ""
    counts.add("without a label dropped", unlabelled.sum(), "rows")
    other = ~unlabelled & ~table["label"].isin(classes)
    counts.add("other labels dropped", other.sum(), "rows", f"{table.loc[other, 'label'].nunique()} labels")
    table = table[~unlabelled & ~other]
    length = table["text"].map(count_words)
    counts.add("without a text dropped", (length == 0).sum(), "rows", "or with one that has no word")
    table = table.assign(length=length)[length > 0]
    table = table.assign(group=table["text"].map(text_group))
    counts.require(f"labelled {noun}s", len(table), f"{noun}s", "with a text", "look at `text_column`")
    table = drop_repetitions(table, duplicates, conflicts, noun, counts)
    counts.require("examples", len(table), f"{noun}s", "", "keep `conflicts`, or mend the labels")
    for label in classes:
        members = table["label"] == label
        counts.add(label, members.sum(), f"{noun}s", f"{members.mean():.1%} of all")
    counts.add("words", table["length"].sum(), "words", f"{table['length'].median():g} in the median {noun}")
    counts.add("distinct texts", table["group"].nunique(), "groups", "equal texts stay together in a grouped split")
    place = {label: [index] for index, label in enumerate(classes)}
    return table.assign(labels=table["label"].map(place)).sort_values("id", ignore_index=True)
