"""Pictures of explained texts: words coloured by attribution, words by class, what their removal costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lexome.look import GRID, INK, MUTED, PALETTE, PAPER, TRIVIAL, WIDTH, message, plural, short, style

FOR, AGAINST = PALETTE[3], PALETTE[4]
STRONGEST = 0.62  # opacity of a text's largest attribution
POINTS, LINE, SIZE = WIDTH * 72, 15.5, 9.5  # width of a picture, height of a line, size of the letters
MARGIN = 6.0
ORDERS = {
    "attributed": ("most attributed", FOR, "o", "-"),
    "gradient": ("most gradient × input", PALETTE[5], "s", (0, (4, 2))),
    "first": ("first in the text", PALETTE[1], "^", (0, (1, 1.5))),
    "random": ("random", TRIVIAL, "D", "-"),
    "lowest": ("least attributed", AGAINST, "v", "-"),
}


def _width(text: str, size: float = SIZE) -> float:
    """Width of a text in points."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def wrap_words(words: Sequence[str], width: float, most_lines: int) -> tuple[list[tuple[int, float, float, str]], int]:
    """Places of words on lines of `width` points.

    Returns
    -------
    placed : list of tuple
        Line, left edge, width (points) and word; of the words on the first `most_lines` lines.
    left : int
        Words that found no place.
    """
    placed, line, left, gap = [], 0, 0.0, _width("n n") - 2 * _width("n")
    for at, word in enumerate(words):
        word = short(word, 60)
        own = _width(word)
        if left and left + own > width:
            line, left = line + 1, 0.0
        if line == most_lines:
            return placed, len(words) - at
        placed.append((line, left, own, word))
        left += own + gap
    return placed, 0


@style()
def coloured_texts(texts: Sequence[Mapping], most_lines: int = 5) -> Figure:
    """Texts whose words are coloured by their attribution to the predicted class.

    Parameters
    ----------
    texts
        Each with `words` (list of str), `values` (float array, one a word), `predicted`, `true` (names), `right` (bool)
        and `probability`. The colour's strength is relative to the largest value of the text.
    most_lines
        Longer texts are cut.
    """
    if not texts:
        return message("No text was explained.")
    width = POINTS - 2 * MARGIN
    parts = [wrap_words(text["words"], width - 4, most_lines) for text in texts]
    lines = [2.45 + (placed[-1][0] if placed else 0) + bool(left) for placed, left in parts]
    height = (sum(lines) + 2) * LINE
    figure = Figure(figsize=(WIDTH, height / 72), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, POINTS), ylim=(height, 0))
    axes.axis("off")
    _legend(axes, LINE)
    top = 2.4 * LINE
    for text, (placed, left), own in zip(texts, parts, lines, strict=True):
        told = f"{short(text['predicted'], 40)}  {100 * text['probability']:.1f} %"
        axes.text(MARGIN, top, told, size=SIZE, weight="bold", va="center", color=INK)
        note = "right" if text["right"] else f"wrong: it is {short(text['true'], 40) or 'none of them'}"
        axes.text(
            POINTS - MARGIN, top, note, size=SIZE, va="center", ha="right", color=MUTED if text["right"] else AGAINST
        )
        largest = max(np.abs(text["values"]).max(initial=0), np.finfo(float).tiny)
        for (line, x, word_width, word), value in zip(placed, text["values"], strict=False):
            y = top + (1.05 + line) * LINE
            strength = STRONGEST * abs(value) / largest
            if strength > 0.01:
                corner = (MARGIN + x - 1, y - 0.44 * LINE)
                colour = FOR if value > 0 else AGAINST
                axes.add_patch(Rectangle(corner, word_width + 2, 0.88 * LINE, fc=colour, alpha=strength, lw=0))
            axes.text(MARGIN + x, y, word, size=SIZE, va="center", color=INK)
        if left:
            y = top + (1.05 + placed[-1][0] + 1) * LINE
            axes.text(MARGIN, y, f"and {left:,} more words", size=SIZE, va="center", color=MUTED)
        top += own * LINE
        if text is not texts[-1]:
            axes.plot([MARGIN, POINTS - MARGIN], [top - 0.68 * LINE] * 2, color=GRID, lw=0.8)
    return figure


def _legend(axes, y: float) -> None:
    left, step = MARGIN + _width("against") + 6, 12
    axes.text(MARGIN, y, "against", size=SIZE, va="center", color=MUTED)
    for place, value in enumerate(np.linspace(-1, 1, 9)):
        colour = FOR if value > 0 else AGAINST
        corner = (left + place * step, y - 0.35 * LINE)
        axes.add_patch(Rectangle(corner, step, 0.7 * LINE, fc=colour, alpha=STRONGEST * abs(value), lw=0))
    axes.text(left + 9 * step + 6, y, "for the predicted class", size=SIZE, va="center", color=MUTED)


def plain_word(word: str) -> str:
    """A word in lower case without the marks around it: `Nucleus,` is `nucleus`; "" for marks alone."""
    letters = [place for place, character in enumerate(word) if character.isalnum()]
    return word[letters[0] : letters[-1] + 1].casefold() if letters else ""


def mean_by_word(words: pd.DataFrame, fewest: int = 2) -> pd.DataFrame:
    """Mean attribution of every word for each class.

    Parameters
    ----------
    words
        `id`, `class`, `word`, `attribution`: the attributions of each text are for its predicted class.
    fewest
        Texts of the class that have the word, below which it is left out.

    Returns
    -------
    pandas.DataFrame
        `class`, `word`, `attribution` (mean over all its places), `texts`; largest first.
    """
    table = words.assign(word=[plain_word(word) for word in words["word"]]).query("word != ''")
    means = table.groupby(["class", "word"]).agg(attribution=("attribution", "mean"), texts=("id", "nunique"))
    means = means.reset_index().query("texts >= @fewest")
    return means.sort_values(["class", "attribution", "word"], ascending=[True, False, True], ignore_index=True)


@style()
def class_words(words: pd.DataFrame, label_noun: str, top: int = 10, most_classes: int = 6) -> Figure:
    """The words with the largest mean attribution to each class, of those in two texts at least; see `mean_by_word`."""
    means = mean_by_word(words)
    if means.empty:
        means = mean_by_word(words, 1)
    means = means[means["attribution"] > 0]
    if means.empty:
        return message(f"No word speaks for any {label_noun}.")
    texts = words.groupby("class")["id"].nunique()
    shown = [name for name in texts.sort_values(ascending=False, kind="stable").index if name in set(means["class"])]
    shown = shown[:most_classes]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(WIDTH, rows * (0.9 + 0.21 * top)))
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
    for axes, name in zip(panels, shown, strict=False):
        own = means[means["class"] == name].head(top)
        height = np.arange(len(own))[::-1]
        axes.barh(height, own["attribution"], color=FOR, height=0.66)
        axes.set_yticks(height, [f"{short(word, 18)} ({n})" for word, n in zip(own["word"], own["texts"], strict=True)])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(own) - top - 0.6, len(own) - 0.4)
        axes.set_title(short(name, 26))
        many = texts[name]
        axes.set_xlabel(f"mean attribution ({many} {'text' if many == 1 else 'texts'})")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(True, axis="x")
    for axes in panels:
        axes.axis("off")
    return figure


@style()
def deletion_curves(table: pd.DataFrame, label_noun: str) -> Figure:
    """What removing words costs the predicted class, a line an order of removal, with intervals over texts.

    Parameters
    ----------
    table
        `share`, `order`, `mean_drop`, `low`, `high`, `n`; probabilities 0..1.
    """
    if table.empty:
        return message("No text was checked.")
    figure = Figure(figsize=(WIDTH, 3.6))
    axes = figure.subplots()
    present = [name for name in ORDERS if name in set(table["order"])]
    for place, name in enumerate(present):
        text, colour, marker, dashes = ORDERS[name]
        own = table[table["order"] == name].sort_values("share")
        # Moved apart a little, so that intervals do not cover each other.
        x = 100 * own["share"] + 0.45 * (place - (len(present) - 1) / 2)
        y, low, high = (100 * own[column] for column in ("mean_drop", "low", "high"))
        axes.vlines(x, low, high, color=colour, lw=1.6, alpha=0.75)
        axes.plot(x, y, color=colour, marker=marker, ls=dashes, ms=6, mec=PAPER, mew=0.6, label=text)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_xticks(sorted(100 * table["share"].unique()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    n = int(table["n"].iloc[0])
    axes.set(xlabel="words removed", ylabel=f"fall of the predicted {label_noun}'s\nprobability (points)")
    axes.set_title(f"Mean of {n} {'text' if n == 1 else plural('text')}", fontweight="normal")
    axes.grid(True, axis="y")
    figure.legend(loc="outside upper left", ncols=len(present), columnspacing=1.4)
    return figure
