"""Pictures of what runs find in documents: category by category, value by value, and the kinds of their mistakes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lexome.ceiling import CEILING
from lexome.classfigures import class_bars
from lexome.look import BLUES, INK, MUTED, PALETTE, PAPER, TRIVIAL, WIDTH, message, short, style
from lexome.tagerrors import KINDS

# Right is blue, a wrong boundary is a small mistake, one entity alone is grey.
KIND_COLOURS = dict(zip(KINDS, (PALETTE[3], PALETTE[5], PALETTE[1], PALETTE[4], TRIVIAL), strict=True))
# On bars of those colours: not one of the theme, which turns light in the dark, where the bars stay light enough.
BLACK = "#010101"
WHITE_ABOVE = 0.55
MOST_VALUES = 10


@style()
def category_bars(
    names: Sequence[str],
    panels: Mapping[str, Mapping[str, np.ndarray]],
    colours: Mapping[str, str],
    ceilings: Mapping[str, np.ndarray],
    label_noun: str,
) -> Figure:
    """F1 of every category for every model; a dotted line shows what a second annotator reaches in it.

    Parameters
    ----------
    names, panels, colours, label_noun
        As in `classfigures.class_bars`.
    ceilings
        Metric -> float array of shape (L,), NaN where unknown; metrics may lack.
    """
    figure = class_bars(names, panels, {}, colours, label_noun)
    drawn = False
    for axes, metric in zip(figure.axes, panels, strict=False):
        values = ceilings.get(metric, np.full(len(names), np.nan))
        for height, value in zip(np.arange(len(names))[::-1], values, strict=True):
            if np.isfinite(value):
                axes.vlines(value, height - 0.46, height + 0.46, color=INK, lw=1.6, ls=(0, (1, 1)), zorder=4)
                drawn = True
    if drawn:
        handle = Line2D([], [], color=INK, lw=1.6, ls=(0, (1, 1)), label=CEILING)
        figure.legend(handles=[handle], loc="outside lower right")
    return figure


@style()
def crossed_words(crossed: np.ndarray, names: Sequence[str], model: str) -> Figure:
    """Which category words are given, for each that they have: shares of a row, with the numbers.

    Parameters
    ----------
    crossed : int array, shape (L + 1, L + 1)
        From `tagerrors.word_confusion`.
    names
        Of the L categories.
    """
    total = crossed.sum(axis=1, keepdims=True)
    if not total[:-1].sum():
        return message("No word of the test documents bears a category.")
    shares = np.divide(crossed, total, out=np.zeros(crossed.shape), where=total > 0)
    labels = [*(short(name, 28) for name in names), "none"]
    figure = Figure(figsize=(WIDTH, 1.5 + 0.5 * len(labels)))
    axes = figure.subplots()
    axes.imshow(shares, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(crossed.shape):
        colour = PAPER if shares[row, column] > WHITE_ABOVE else INK
        text = f"{crossed[row, column]:,}\n{shares[row, column]:.1%}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    axes.set(xlabel=f"predicted by {short(model, 40)}", ylabel="annotated")
    axes.set_title("Words of the test documents", fontweight="normal")
    return figure


@style()
def error_bars(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """What became of the annotated entities, and what the predicted ones are, as shares, a row a model.

    Parameters
    ----------
    counts
        Model -> from `tagerrors.error_counts`, means over seeds.
    """
    counts = {model: table for model, table in counts.items() if table["annotated"].sum()}
    if not counts:
        return message("No model finds entities.")
    models = list(counts)[::-1]
    figure = Figure(figsize=(WIDTH, 1.4 + 0.36 * len(models)))
    grid = figure.subplots(1, 2, sharey=True)
    sides = {"annotated": "Annotated entities", "predicted": "Predicted entities"}
    for axes, (side, title) in zip(grid, sides.items(), strict=True):
        left = np.zeros(len(models))
        totals = np.array([max(counts[model][side].sum(), 1) for model in models])
        for kind, text in KINDS.items():
            share = np.array([counts[model].loc[kind, side] for model in models]) / totals * 100
            axes.barh(range(len(models)), share, left=left, color=KIND_COLOURS[kind], label=text, height=0.7)
            for place, (start, width) in enumerate(zip(left, share, strict=True)):
                if width >= 9:
                    axes.text(
                        start + width / 2, place, f"{width:.0f} %", ha="center", va="center", fontsize=7.5, color=BLACK
                    )
            left += share
        axes.set_yticks(range(len(models)), [short(model, 26) for model in models])
        axes.set(xlim=(0, 100), xlabel="share (%)", ylim=(-0.6, len(models) - 0.4))
        axes.set_title(title)
        axes.tick_params(axis="y", length=0)
        axes.grid(True, axis="x")
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper left", ncols=3, columnspacing=1.2)
    return figure


@style()
def value_scores(tables: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> Figure:
    """Strict F1 of the values of each field, a panel a field, with the entities of train that have the value.

    Parameters
    ----------
    tables
        Model -> rows `kind` (the field), `id` (the value), `n_train`, `n_positive` and `f1` of the test subset.
    """
    fields = list(dict.fromkeys(kind for table in tables.values() for kind in table["kind"] if kind != "category"))
    rows = pd.concat([table.assign(model=model) for model, table in tables.items()]) if tables else pd.DataFrame()
    rows = rows[rows["kind"].isin(fields) & (rows["n_positive"] > 0) & (rows["n_train"] > 0)] if fields else rows
    if not fields or rows.empty:
        return message("No model gives the entities' fields a value.")
    columns = 2 if len(fields) > 1 else 1
    parts = [fields[start : start + columns] for start in range(0, len(fields), columns)]
    values = {field: _commonest(rows[rows["kind"] == field]) for field in fields}
    heights = [max(len(values[field]) for field in part) + 2 for part in parts]
    figure = Figure(figsize=(WIDTH, 0.5 + 0.24 * sum(heights)))
    grid = figure.subplots(len(parts), columns, squeeze=False, height_ratios=heights)
    for axes, field in zip(grid.ravel(), fields, strict=False):
        own = rows[rows["kind"] == field]
        place = {value: number for number, value in enumerate(reversed(values[field]))}
        for model, part in own[own["id"].isin(place)].groupby("model", sort=False):
            look = {"color": colours.get(model, MUTED), "mec": PAPER, "mew": 0.6, "ms": 6.5, "label": short(model, 30)}
            axes.plot(part["f1"].fillna(0), part["id"].map(place), "o", ls="", **look)
        learnt = own.groupby("id")["n_train"].max()
        axes.set_yticks(list(place.values()), [f"{short(value, 26)} ({learnt[value]:,.0f})" for value in place])
        axes.set(xlim=(-0.04, 1.04), ylim=(-0.7, len(place) - 0.3), xlabel="strict F1 on test")
        axes.tick_params(axis="y", length=0, labelsize=8)
        few = own["id"].nunique()
        axes.set_title(field.replace("_", " ") + (f", {len(place)} of {few} values" if few > len(place) else ""))
        axes.grid(True)
    for axes in grid.ravel()[len(fields) :]:
        axes.set_visible(False)
    grid = grid.ravel()
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper left", ncols=min(len(texts), 4))
    return figure


def _commonest(rows: pd.DataFrame) -> list[str]:
    """The values that train has most often, at most `MOST_VALUES`."""
    return rows.drop_duplicates("id").nlargest(MOST_VALUES, "n_train", keep="first")["id"].tolist()
