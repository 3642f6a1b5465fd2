"""A classified text for people: its chart, and the text itself coloured by what was predicted of each sentence."""

import bisect
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lexome.classified import decide, tags
from lexome.look import INK, WIDTH, short, style
from lexome.page import css_colour
from lexome.sentences import split_paragraphs
from lexome.textfigures import CLASSES

MOST_BARS = 12
MOST_SHOWN = 5  # probabilities that a sentence shows when it is pointed at
# Percent of a class's colour behind a sentence of probability 0 and 1; more of it and dark letters could not be read.
FAINT, STRONG = 6, 42
LINES = ("solid", "dashed", "dotted", "double", "wavy")


def label_looks(sums: pd.DataFrame) -> list[dict]:
    """How each label looks on the page, so that two are told apart without their colours.

    Parameters
    ----------
    sums
        From `classified.overview`.

    Returns
    -------
    list of dict
        In the order of the labels: `name`, `tag`, `colour` (CSS), `line` (the style of the underline) and the label's
        `mean`, `sentences` and `share`. Labels that are predicted most get the first colours where there are more
        labels than colours.
    """
    place = {at: at for at in range(len(sums))}
    if len(sums) > len(CLASSES):
        order = np.lexsort((-sums["mean"], -sums["sentences"]))
        place = {int(at): number for number, at in enumerate(order)}
    looks = []
    for at, (tag, row) in enumerate(zip(tags(sums["label"]), sums.to_dict("records"), strict=True)):
        colour = css_colour(CLASSES[place[at] % len(CLASSES)])
        line = LINES[place[at] % len(LINES)]
        looks.append({"name": row.pop("label"), "tag": tag, "colour": colour, "line": line, **row})
    return looks


@style()
def shares(sums: pd.DataFrame) -> Figure:
    """Mean probability of each label over the sentences, beside the share of the sentences that it is predicted for.

    Parameters
    ----------
    sums
        From `classified.overview`; of many labels the likeliest are drawn.
    """
    rows = sums.assign(colour=[CLASSES[at % len(CLASSES)] for at in range(len(sums))])
    if len(rows) > MOST_BARS:
        rows = rows.sort_values(["mean", "sentences"], ascending=False, kind="stable").head(MOST_BARS)
        rows["colour"] = CLASSES[0]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.36 * len(rows)))
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(rows))[::-1]
    _bars(left, places, rows["mean"], [f"{value:.3f}" for value in rows["mean"]], rows["colour"])
    counts = [f"{row.share:.0%} ({row.sentences})" for row in rows.itertuples(index=False)]
    _bars(right, places, rows["share"], counts, rows["colour"])
    left.set_yticks(places, [short(name, 34) for name in rows["label"]])
    few = "" if len(rows) == len(sums) else f", {len(rows)} likeliest of {len(sums):,}"
    left.set_title(f"Mean probability{few}")
    right.set_title("Sentences it is predicted for")
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def _bars(axes: Axes, places: np.ndarray, values: pd.Series, texts: Sequence[str], colours: Sequence[str]) -> None:
    axes.barh(places, values, color=list(colours), height=0.66)
    for place, value, text in zip(places, values, texts, strict=True):
        axes.annotate(text, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=9, color=INK)
    # Room for the numbers behind the longest bar.
    axes.set(xlim=(0, max(0.1, 1.3 * values.max())), ylim=(-0.6, len(places) - 0.4))
    axes.set_xticks([tick for tick in (0, 0.2, 0.4, 0.6, 0.8, 1) if tick <= axes.get_xlim()[1]])
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")


def coloured_paragraphs(
    text: str, table: pd.DataFrame, scores: np.ndarray, looks: Sequence[Mapping], task: str
) -> list[list[dict]]:
    """The text as paragraphs of sentences.

    Parameters
    ----------
    table, scores
        From `classified.read_table`.
    looks
        From `label_looks`.

    Returns
    -------
    list of list of dict
        Of each sentence: `number`, `text`, `glued` (no white space before it), `look` (of the predicted label, the
        likeliest of several; None where none is predicted), `tags` (of all that are predicted), `strength` (percent of
        the colour), `probability` (of that label, or the highest), `chances` (label and probability of the likeliest
        labels) and `cut`.
    """
    starts = [start for start, _ in split_paragraphs(text)]
    paragraphs: list[list[dict]] = [[] for _ in starts]
    end = 0
    for row, own, labels in zip(table.itertuples(index=False), scores, decide(scores, task), strict=True):
        paragraph = paragraphs[bisect.bisect_right(starts, row.start) - 1]
        best = labels[0] if labels else None
        paragraph.append(
            {
                "number": int(row.number),
                "text": row.sentence,
                "glued": bool(paragraph) and row.start == end,
                "look": None if best is None else looks[best],
                "tags": [looks[at]["tag"] for at in labels],
                "probability": float(own.max() if best is None else own[best]),
                "strength": 0 if best is None else round(FAINT + (STRONG - FAINT) * float(own[best])),
                "chances": [(looks[at]["name"], float(own[at])) for at in np.argsort(-own, kind="stable")[:MOST_SHOWN]],
                "cut": bool(row.cut),
            }
        )
        end = row.end
    return paragraphs
