"""Pictures of a protein that is looked into: amino acids in a plane, masked residues, every substitution."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lexome.dnafigures import AGAINST, DIVERGING, PRESENT
from lexome.look import GRID, INK, MUTED, PALETTE, PAPER, WIDTH, message, short, style
from lexome.residues import CLASS_OF, CLASSES

# By class, so that neighbours are alike.
ORDER = "".join(CLASSES.values())
COLOURS = dict(zip(CLASSES, (PALETTE[1], PALETTE[2], PALETTE[3], PALETTE[4], PALETTE[6]), strict=True))
ROW = 100  # positions side by side in a heat map
LEFT, RIGHT = 0.62, 0.12  # inches beside the panels


@style()
def token_planes(table: pd.DataFrame, notes: Mapping[str, tuple[str, str, str]]) -> Figure:
    """Amino acids in the plane of their first two principal components, a panel for each kind of vectors.

    Parameters
    ----------
    table
        `vectors`, `letter`, `class`, `x`, `y`.
    notes
        Vectors -> title, what stands below it, and the names of the axes' shares ("31 %, 12 %").
    """
    figure = Figure(figsize=(WIDTH, 4.6))
    grid = figure.subplots(1, len(notes), squeeze=False)[0]
    for axes, (name, (title, note, shares)) in zip(grid, notes.items(), strict=True):
        own = table[table["vectors"] == name]
        for row in own.itertuples():
            colour = COLOURS[CLASS_OF[row.letter]]
            axes.scatter(row.x, row.y, s=190, color=colour, alpha=0.9, lw=0, zorder=2)
            axes.text(
                row.x,
                row.y,
                row.letter,
                ha="center",
                va="center_baseline",
                size=8.5,
                weight="bold",
                color=PAPER,
                zorder=3,
            )
        axes.set_title(short(title, 40) + "\n", loc="left")
        axes.text(0, 1.015, note, transform=axes.transAxes, fontsize=8, color=MUTED)
        first, second = shares.split(", ")
        axes.set(xticks=[], yticks=[], xlabel=f"component 1 ({first})", ylabel=f"component 2 ({second})")
        axes.margins(0.1)
        axes.set_box_aspect(1)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(GRID)
    handles = [Line2D([], [], marker="o", ms=8, lw=0, color=COLOURS[name], label=name) for name in CLASSES]
    figure.get_layout_engine().set(h_pad=0.12)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), handletextpad=0.1, columnspacing=1.2)
    return figure


@style()
def masked_bars(table: pd.DataFrame, shown: Sequence[int], reason: str) -> Figure:
    """What is expected at masked positions, a panel a position, beside the background frequency of each amino acid.

    Parameters
    ----------
    table
        `residues.MASKED_COLUMNS`.
    shown
        Positions, from 1.
    reason
        Why there is nothing to show.
    """
    if table.empty or not shown:
        return message(f"No masked residues: {reason or 'no position is shown'}.")
    figure = Figure(figsize=(WIDTH, 0.5 + 1.35 * -(-len(shown) // 2)))
    grid = figure.subplots(-(-len(shown) // 2), 2, squeeze=False, sharey=True)
    places = np.arange(len(ORDER))
    for axes, position in zip(grid.flat, shown, strict=False):
        own = table[table["position"] == position].set_index("amino_acid").loc[list(ORDER)]
        axes.bar(places, own["probability"], color=[COLOURS[CLASS_OF[letter]] for letter in ORDER], width=0.8)
        axes.hlines(own["background"], places - 0.45, places + 0.45, color=INK, lw=1)
        letter = own["letter"].iloc[0]
        told = f"{own.loc[letter, 'probability']:.0%}" if letter in ORDER else "unknown"
        axes.set_title(f"{letter}{position}: {told}", fontsize=9, pad=3)
        axes.set_xticks(places, list(ORDER), fontsize=7.5)
        for label in axes.get_xticklabels():
            if label.get_text() == letter:
                label.set(weight="bold", color=AGAINST)
        axes.tick_params(axis="x", length=0, pad=2)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.grid(axis="y")
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    handles = [Line2D([], [], marker="s", ms=7, lw=0, color=COLOURS[name], label=name) for name in CLASSES]
    handles.append(Line2D([], [], color=INK, lw=1.2, label="background"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), handletextpad=0.3, columnspacing=1)
    return figure


@style()
def drop_profiles(positions: pd.DataFrame, titles: Mapping[str, str], ends: tuple[int, int]) -> Figure:
    """The mean drop of the logit along the sequence, a panel a term.

    Parameters
    ----------
    positions
        `term`, `position`, `letter`, `mean_drop`.
    titles
        Term -> title of its panel, in order.
    ends
        First and last position.
    """
    figure = Figure(figsize=(WIDTH, 0.4 + 1.35 * len(titles)))
    grid = figure.subplots(len(titles), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (term, title) in zip(grid, titles.items(), strict=True):
        own = positions[positions["term"] == term]
        colours = [AGAINST if drop > 0 else PALETTE[3] for drop in own["mean_drop"]]
        axes.bar(own["position"], own["mean_drop"], width=1.0, color=colours, lw=0)
        axes.axhline(0, color=MUTED, lw=0.7)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.16 * (high - low))
        for row in _apart(own, ends):
            place = (row.position, row.mean_drop)
            axes.annotate(
                f"{row.letter}{row.position}",
                place,
                (0, 1.5),
                textcoords="offset points",
                ha="center",
                va="bottom",
                size=7,
                color=INK,
            )
        axes.set_title(title, fontsize=9.5)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.set_xlim(ends[0] - 0.5, ends[1] + 0.5)
        axes.grid(axis="y")
    grid[len(grid) // 2].set_ylabel("mean drop of the logit")
    grid[-1].set_xlabel("position")
    grid[-1].xaxis.set_major_locator(MaxNLocator(9, integer=True))
    return figure


def _apart(rows: pd.DataFrame, ends: tuple[int, int], most: int = 6, least: float = 0.035) -> list:
    """The positions that matter most whose names do not run into each other; `least` is a share of the width."""
    shown: list = []
    for row in rows[rows["mean_drop"] > 0].nlargest(2 * most, "mean_drop").itertuples():
        if all(abs(row.position - other.position) > least * (ends[1] - ends[0]) for other in shown):
            shown.append(row)
    return shown[:most]


@style()
def substitution_maps(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """What every substitution does to the logit of each term: rows of positions, 20 amino acids by class.

    Parameters
    ----------
    table
        Of `proteineffects.substitution_table`.
    titles
        Term -> title, in order.
    """
    if table.empty:
        return message("No residue could be substituted.")
    limit = max(float(np.quantile(table["effect"].abs(), 0.998)), 1e-3)
    first, last = int(table["position"].min()), int(table["position"].max())
    starts = range(first, last + 1, ROW)
    wide = min(ROW, last - first + 1)
    panel, head, foot, gap, title_space = 1.85, 0.62, 0.5, 0.3, 0.3
    height = head + len(titles) * (title_space + len(starts) * (panel + gap)) + foot - gap
    figure = Figure(figsize=(WIDTH, height), layout="none")
    top = height - head
    for term, title in titles.items():
        own = table[table["term"] == term]
        figure.text(LEFT / WIDTH, (top - 0.17) / height, title, weight="bold", color=INK)
        top -= title_space
        for start in starts:
            end = min(start + ROW, last + 1)
            width = (WIDTH - LEFT - RIGHT) * (end - start) / wide
            axes = figure.add_axes((LEFT / WIDTH, (top - panel) / height, width / WIDTH, panel / height))
            _heat(axes, own[own["position"].between(start, end - 1)], start, end, limit)
            top -= panel + gap
    axes.set_xlabel("position")
    _scale(figure, limit, (LEFT / WIDTH, 1 - 0.2 / height, 1.3 / WIDTH, 0.1 / height))
    handles = [Line2D([], [], marker="s", ms=7, lw=0, color=PRESENT, label="residue present")]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(1, 1), fontsize=8.5)
    return figure


def effect_picture(rows: pd.DataFrame, start: int, end: int, limit: float) -> np.ndarray:
    """Effects as colours: uint8, shape (20, end - start, 3); rows as `ORDER`, the present residue grey."""
    values = np.full((len(ORDER), end - start), np.nan)
    place = {letter: at for at, letter in enumerate(ORDER)}
    values[rows["alt"].map(place), rows["position"] - start] = rows["effect"]
    colours = DIVERGING(Normalize(-limit, limit, clip=True)(np.nan_to_num(values)))[..., :3]
    colours[np.isnan(values)] = to_rgb(PAPER)
    here = rows.drop_duplicates("position")
    colours[here["ref"].map(place), here["position"] - start] = to_rgb(PRESENT)
    return (255 * colours).round().astype(np.uint8)


def _heat(axes: Axes, rows: pd.DataFrame, start: int, end: int, limit: float) -> None:
    picture = effect_picture(rows, start, end, limit)
    axes.imshow(picture, aspect="auto", interpolation="none", extent=(start - 0.5, end - 0.5, len(ORDER), 0))
    axes.set_yticks(np.arange(len(ORDER)) + 0.5, list(ORDER), fontsize=5.8)
    for label in axes.get_yticklabels():
        label.set_color(COLOURS[CLASS_OF[label.get_text()]])
    axes.tick_params(axis="y", length=0, pad=2)
    axes.tick_params(axis="x", length=2.5, pad=2, labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(max(2, round(9 * (end - start) / ROW)), integer=True))
    ends = np.cumsum([len(letters) for letters in CLASSES.values()])[:-1]
    axes.hlines(ends, start - 0.5, end - 0.5, color=PAPER, lw=0.8)
    axes.spines[:].set_visible(False)


def _scale(figure: Figure, limit: float, place: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(place)
    axes.imshow(np.linspace(-1, 1, 64)[None], cmap=DIVERGING, aspect="auto", interpolation="none", extent=(-1, 1, 0, 1))
    axes.set(yticks=[])
    axes.set_xticks([-1, 0, 1], [f"−{limit:.2g}", "0", f"+{limit:.2g}"], fontsize=8)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.text(1.2, 0.5, "change of the logit\nby a substitution", transform=axes.transAxes, va="center", fontsize=8.5)
