"""Pictures of annotated documents: what a corpus holds, and how far its annotators agree."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from lexome.look import INK, MUTED, PALETTE, SUBSETS, WIDTH, message, metric_title, number, plural, short, style

# Order of the palette whose neighbours are far apart in grey, too.
COLOURS = [PALETTE[place] for place in (3, 4, 2, 0, 6, 5, 1, 7, 8, 9)]
AGREEMENT = {"entity_f1": "o", "partial_f1": "s", "word_f1": "D"}  # metric -> mark
TOLD = {"entity_f1": "same words", "partial_f1": "overlapping words", "word_f1": "word by word"}
MOST_PANELS = 6
MOST_BARS = 12
MOST_BINS = 30
FAR = 3  # sentences apart from which pairs are drawn together


@style()
def agreement_by_category(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Strict, relaxed and word F1 of annotators, overall and by category, with intervals.

    Parameters
    ----------
    table
        From `agreement.agreement`; the annotators of its first row are drawn.
    names
        What categories are called.
    """
    own = table[(table["annotators"] == table["annotators"].iloc[0]) & table["metric"].isin(list(AGREEMENT))]
    shown = list(dict.fromkeys(own["category"]))
    figure = Figure(figsize=(WIDTH, 1.5 + 0.62 * len(shown)))
    axes = figure.subplots()
    rows = np.arange(len(shown))[::-1]
    for place, (metric, mark) in enumerate(AGREEMENT.items()):
        values = own[own["metric"] == metric].set_index("category").reindex(shown)
        at = rows + 0.22 * (1 - place)
        axes.hlines(at, values["low"], values["high"], color=COLOURS[place], lw=1.6)
        label = f"{metric_title(metric)} ({TOLD[metric]})"
        axes.plot(values["value"], at, mark, color=COLOURS[place], ms=6.5, label=label)
        for value, y in zip(values["value"], at, strict=True):
            if np.isfinite(value):
                axes.annotate(f"{value:.2f}", (1.02, y), color=INK, fontsize=8, va="center", annotation_clip=False)
    counts = own[own["metric"] == "entity_f1"].set_index("category")["n"].reindex(shown)
    titles = [names.get(category, category) if category else "all" for category in shown]
    axes.set_yticks(rows, [f"{short(title, 28)} ({n:,.0f})" for title, n in zip(titles, counts, strict=True)])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(-0.6, len(shown) - 0.4), xlabel="F1 of one annotator against another")
    axes.grid(True, axis="x")
    axes.set_title("Agreement by category (mentions of the first annotator)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@style()
def sizes(lengths: Mapping[str, np.ndarray], entities: Mapping[str, np.ndarray], nouns: tuple[str, str]) -> Figure:
    """How long the documents are and how many mentions each has.

    Parameters
    ----------
    lengths, entities
        By subset (or one name for all), int [documents].
    nouns
        What an example and what a length's unit is called.
    """
    if not sum(map(len, lengths.values())):
        return message("There is no document.")
    figure = Figure(figsize=(WIDTH, 3.3))
    panels = zip(figure.subplots(1, 2), (lengths, entities), (f"length ({nouns[1]})", "mentions"), strict=True)
    for axes, counts, label in panels:
        every = np.concatenate(list(counts.values()))
        # Bars of equally many whole numbers, or some would stand out for holding one more.
        width = -(-(int(every.max() - every.min()) + 1) // MOST_BINS)
        edges = np.arange(every.min(), every.max() + width + 1, width) - 0.5
        colours = [SUBSETS.get(name, COLOURS[0]) for name in counts]
        axes.hist(list(counts.values()), bins=edges, stacked=True, color=colours, label=list(counts))
        axes.axvline(np.median(every), color=INK, lw=1, ls=(0, (4, 2)))
        axes.annotate(
            f"median {np.median(every):,.0f}",
            (np.median(every), 1),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=8.5,
        )
        axes.set(xlabel=label, ylabel=plural(nouns[0]))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(FuncFormatter(number))
        axes.grid(True, axis="y")
    if len(lengths) > 1:
        handles = [Line2D([], [], color=SUBSETS.get(name, COLOURS[0]), lw=7, label=name) for name in lengths]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(lengths))
    return figure


@style()
def counts(panels: Mapping[str, Mapping[str, float]], totals: Mapping[str, int], unit: str) -> Figure:
    """The commonest entries of several lists, a panel a list.

    Parameters
    ----------
    panels
        List -> entry -> how many, in any order.
    totals
        How many entries a list has in all.
    unit
        Of the numbers.
    """
    panels = {name: {entry: n for entry, n in own.items() if n} for name, own in panels.items()}
    panels = {name: own for name, own in panels.items() if own}
    if not panels:
        return message(f"No {unit} to show.")
    shown = dict(list(panels.items())[:MOST_PANELS])
    columns = min(2, len(shown))
    most = [max(map(len, pair)) for pair in _in_rows([_commonest(own) for own in shown.values()], columns)]
    heights = [0.7 + 0.24 * n for n in most]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5))
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    for axes in grid.flat[len(shown) :]:
        axes.axis("off")
    for place, (axes, (name, own)) in enumerate(zip(grid.flat, shown.items(), strict=False)):
        _bars(axes, _commonest(own), COLOURS[place % len(COLOURS)], most[place // columns])
        total = totals.get(name, len(own))
        axes.set_title(short(name, 30) + (f" ({MOST_BARS} of {total:,})" if total > MOST_BARS else ""))
        axes.set_xlabel(unit)
    if len(panels) > len(shown):
        figure.suptitle(f"{len(panels) - len(shown)} more are not drawn", x=0.01, ha="left", fontsize=9, color=MUTED)
    return figure


def _commonest(own: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(own.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_BARS])


def _in_rows(parts: Sequence, columns: int) -> list[Sequence]:
    return [parts[start : start + columns] for start in range(0, len(parts), columns)]


def _bars(axes: Axes, own: Mapping[str, float], colour: str, room: int) -> None:
    places = -np.arange(len(own))
    axes.barh(places, list(own.values()), color=colour, height=0.68)
    for place, value in zip(places, own.values(), strict=True):
        axes.annotate(f"{value:,.0f}", (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, [short(entry, 26) for entry in own], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1.18 * max(own.values())), ylim=(-room + 0.4, 0.6))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.grid(True, axis="x")


@style()
def distances(pairs: pd.DataFrame) -> Figure:
    """How far linked mentions lie apart, beside other pairs of the same categories.

    Parameters
    ----------
    pairs
        From `corpusreport.pair_distances`.
    """
    linked, other = pairs[pairs["linked"]], pairs[~pairs["linked"].astype(bool)]
    if linked.empty:
        return message("No document of this corpus has a link.")
    figure = Figure(figsize=(WIDTH, 3.4))
    left, right = figure.subplots(1, 2)
    ticks = [*map(str, range(FAR)), f"{FAR} or more"]
    for place, (own, colour) in enumerate(((linked, COLOURS[0]), (other, MUTED))):
        shares = np.bincount(np.minimum(own["sentences"], FAR), minlength=FAR + 1) / max(1, len(own))
        at = np.arange(FAR + 1) + (place - 0.5) * 0.4
        left.bar(at, shares, width=0.38, color=colour)
        for x, share in zip(at, shares, strict=True):
            left.annotate(f"{share:.0%}", (x, share), (0, 2), textcoords="offset points", ha="center", fontsize=8)
        words = np.sort(own["words"].to_numpy())
        if len(words):
            right.step(words, np.arange(1, len(words) + 1) / len(words), where="post", color=colour, lw=1.8)
    left.set_xticks(range(FAR + 1), ticks)
    left.set(xlabel="sentences apart", ylabel="share of the pairs", ylim=(0, 1.1))
    right.set(xlabel="words between the two", ylabel="pairs with at most so many", ylim=(0, 1.03))
    right.set_xscale("symlog", linthresh=1)
    right.set_xlim(0, max(2, pairs["words"].max()))
    right.xaxis.set_major_formatter(FuncFormatter(number))
    for axes in (left, right):
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(True, axis="y")
    handles = [
        Line2D([], [], color=COLOURS[0], lw=5, label=f"linked pairs ({len(linked):,})"),
        Line2D([], [], color=MUTED, lw=5, label=f"other pairs of the same categories ({len(other):,})"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure
