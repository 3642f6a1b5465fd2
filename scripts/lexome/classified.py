"""A text that a model has read sentence by sentence: its table, its spreadsheet, its chart."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.metrics import THRESHOLD
from lexome.runtime import atomic
from lexome.sentences import Sentence

COLUMNS = ("number", "start", "end", "sentence", "predicted", "cut")
DOCUMENT = "document"
# Not allowed in a spreadsheet (XML 1.0).
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONGEST_CELL = 32_767


def label_names(labels: Sequence[Mapping]) -> list[str]:
    """One name a label that can head a column: its name, with its id where that is not enough to tell it."""
    names = [str(label.get("name") or label["id"]) for label in labels]
    clash = {name for name in names if names.count(name) > 1 or name in COLUMNS}
    return [f"{name} ({label['id']})" if name in clash else name for name, label in zip(names, labels, strict=True)]


def decide(scores: np.ndarray, task: str) -> list[list[int]]:
    """Predicted labels of each row of probabilities (n, n_labels): the likeliest, or all from one half on.

    The likeliest stands first.
    """
    if task == "multi_class":
        return [[int(best)] for best in scores.argmax(axis=1)]
    return [[int(at) for at in np.argsort(-row, kind="stable") if row[at] >= THRESHOLD] for row in scores]


def sentence_table(
    text: str, sentences: Sequence[Sentence], scores: np.ndarray, names: Sequence[str], task: str, cut: np.ndarray
) -> pd.DataFrame:
    """One row a sentence and a last one for the document, whose probabilities are the means over the sentences.

    Parameters
    ----------
    scores
        Probabilities, shape (n_sentences, n_labels).
    names
        From `label_names`.
    cut
        bool, shape (n_sentences,): longer than the model reads.

    Returns
    -------
    pandas.DataFrame
        `number` (from 1, `document` in the last row), `start`, `end` (characters of the text), `sentence` (white space
        made single blanks), one column a label, `predicted` (names, joined by `; `), `cut`.
    """
    means = scores.mean(axis=0, keepdims=True, dtype=np.float64)
    rows = [(str(n), s.start, s.end, " ".join(text[s.start : s.end].split())) for n, s in enumerate(sentences, 1)]
    rows.append((DOCUMENT, 0, len(text), ""))
    table = pd.DataFrame(rows, columns=COLUMNS[:4])
    chances = pd.DataFrame(np.concatenate([scores, means]), columns=list(names))
    predicted = ["; ".join(names[at] for at in row) for each in (scores, means) for row in decide(each, task)]
    return pd.concat([table, chances], axis=1).assign(predicted=predicted, cut=[*cut.tolist(), bool(cut.any())])


def read_table(path: str | Path, names: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """The sentences of a written `sentence_table`, without the document's row, and their probabilities.

    Raises
    ------
    LexomeError
        If its labels are others.
    """
    table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype={"number": str})
    if [name for name in table.columns if name not in COLUMNS] != list(names):
        raise LexomeError(f"{path}: its labels are not those of the split; delete it to make it anew")
    table = table[table["number"] != DOCUMENT]
    return table, table[list(names)].to_numpy(dtype=np.float64)


def overview(scores: np.ndarray, names: Sequence[str], task: str) -> pd.DataFrame:
    """What the document is made of, one row a label.

    Returns
    -------
    pandas.DataFrame
        `label`, `mean` (probability over the sentences), `sentences` (for which it is predicted), `share` (of them
        all).
    """
    counts = np.zeros(len(names), dtype=int)
    for row in decide(scores, task):
        counts[row] += 1
    return pd.DataFrame(
        {"label": list(names), "mean": scores.mean(axis=0), "sentences": counts, "share": counts / len(scores)}
    )


def summary_line(source: str, table: pd.DataFrame, most: int = 5) -> str:
    """The document in a line: how many sentences, the likeliest labels with their means."""
    top = table.sort_values("mean", ascending=False, kind="stable").head(most)
    means = ", ".join(f"{row.label} {row.mean:.3f}" for row in top.itertuples(index=False))
    return f"{source}: mean probability over its sentences: {means}"


def tags(names: Sequence[str]) -> list[str]:
    """A short mark for each label, none twice: initials, or two letters of a single word."""
    short = []
    for name in names:
        words = re.findall(r"[^\W_]+", name) or [name]
        short.append("".join(word[0] for word in words[:3]).upper() if len(words) > 1 else words[0][:2].capitalize())
    return [tag if short.count(tag) == 1 else f"{tag}{at}" for at, tag in enumerate(short, 1)]


def write_workbook(path: str | Path, table: pd.DataFrame, sums: pd.DataFrame) -> None:
    """A spreadsheet with the sheets `sentences` (without the document's row) and `document`."""
    from openpyxl import Workbook

    book = Workbook()
    first = book.active
    first.title = "sentences"
    _fill(first, table[table["number"] != DOCUMENT].astype({"number": int}), {"sentence": 80, "predicted": 24})
    _fill(book.create_sheet("document"), sums, {"label": 40})
    with atomic(path) as temporary:
        book.save(temporary)


def _fill(sheet, table: pd.DataFrame, widths: Mapping[str, int]) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    top = Alignment(vertical="top", wrap_text=True)
    for column, name in enumerate(table.columns, 1):
        head = _write(sheet, 1, column, name)
        head.font, head.alignment = Font(bold=True), top
        width = widths.get(name, min(max(len(str(name)) + 2, 9), 22))
        sheet.column_dimensions[get_column_letter(column)].width = width
        for row, value in enumerate(table[name].tolist(), 2):
            cell = _write(sheet, row, column, value)
            cell.alignment = top
            if isinstance(value, float):
                cell.number_format = "0.000"
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions


def _write(sheet, row: int, column: int, value: object):
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        # Set by hand: a text that begins with = is no formula.
        cell.value = _ILLEGAL.sub("\ufffd", value)[:_LONGEST_CELL]
        cell.data_type = "s"
    else:
        cell.value = value
    return cell
