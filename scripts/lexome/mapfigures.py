"""Pictures of maps of vectors, of confusion against distance, and of curves over a setting of several studies."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from lexome.look import (
    GRID,
    INK,
    MANY_MARKS,
    MARKERS,
    MUTED,
    PAPER,
    WIDTH,
    log_axis,
    message,
    metric_title,
    model_markers,
    number,
    plural,
    short,
    style,
)
from lexome.reporting import number_text
from lexome.textfigures import class_colours

COLUMNS = 2  # maps side by side
NEAR_LABELS = 0.042  # of the height of a panel: labels of pairs keep this distance
SHAPES = ("o", *MARKERS.replace("o", ""))


def class_marks(names: Sequence[str]) -> dict[str, str]:
    """One marker a class, by its place, so that two are told apart without their colours."""
    return {name: SHAPES[place % len(SHAPES)] for place, name in enumerate(names)}


@style()
def class_maps(maps: Mapping[str, pd.DataFrame], names: Mapping[str, str], notes: Mapping[str, str]) -> Figure:
    """Maps of the same examples, a panel a run, a colour and a marker a class.

    Parameters
    ----------
    maps
        Title of each panel -> rows with `species` (class id), `x` and `y`.
    names
        Class id -> name shown, in the order of the legend.
    notes
        Title -> what stands below it: the figures that do not rest on the map.
    """
    maps = {title: table for title, table in maps.items() if len(table)}
    if not maps:
        return message("No vectors were mapped.")
    down = -(-len(maps) // COLUMNS)
    figure = Figure(figsize=(WIDTH, 0.5 + 4.2 * down))
    grid = figure.subplots(down, COLUMNS, squeeze=False)
    colours, marks = class_colours(list(names)), class_marks(list(names))
    for axes, (title, table) in zip(grid.flat, maps.items(), strict=False):
        # Classes are drawn through each other: the last one would hide the others.
        shuffled = table.sample(frac=1, random_state=0)
        size = float(np.clip(9000 / len(table), 4, 30))
        for at, (name, rows) in enumerate(_batches(shuffled, list(names))):
            axes.scatter(
                rows["x"],
                rows["y"],
                s=size,
                marker=marks[name],
                color=colours[name],
                lw=0,
                alpha=0.75,
                zorder=2 + at / 1000,
                rasterized=len(table) > MANY_MARKS,
            )
        axes.set_title(short(title, 40) + "\n", loc="left")
        axes.text(0, 1.015, notes.get(title, ""), transform=axes.transAxes, fontsize=8, color=MUTED)
        axes.set(xticks=[], yticks=[])
        axes.set_box_aspect(1)
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(GRID)
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    handles = [
        axes.scatter([], [], s=34, marker=marks[name], color=colours[name], lw=0, label=short(shown, 30))
        for name, shown in names.items()
    ]
    figure.get_layout_engine().set(h_pad=0.12)
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(names), 4), handletextpad=0.1)
    return figure


def _batches(table: pd.DataFrame, names: Sequence[str], parts: int = 6) -> list[tuple[str, pd.DataFrame]]:
    """The rows in several layers, each with all classes."""
    ends = np.linspace(0, len(table), parts + 1).astype(int)
    layers = [table.iloc[start:end] for start, end in pairwise(ends)]
    return [(name, layer[layer["species"] == name]) for layer in layers for name in names]


@style()
def confusion_by_distance(
    pairs: pd.DataFrame,
    tests: pd.DataFrame,
    models: Sequence[str],
    colours: Mapping[str, str],
    example_noun: str,
) -> Figure:
    """Confusion of every pair of classes against their divergence time, a panel a model.

    Parameters
    ----------
    pairs, tests
        The tables of `compare_distances`.
    models
        Those that are drawn, in order.
    """
    models = [model for model in models if (pairs["model"] == model).any()]
    pairs = pairs[pairs["divergence"] > 0]
    if not models or pairs.empty:
        return message("No pair of classes has a divergence time.")
    figure = Figure(figsize=(WIDTH, 0.4 + 3.9 * len(models)))
    grid = figure.subplots(len(models), 1, squeeze=False, sharex=True)[:, 0]
    times = np.unique(pairs["divergence"])
    for axes, model in zip(grid, models, strict=True):
        own = pairs[pairs["model"] == model]
        colour = colours.get(model, MUTED)
        spread = own[own["low"].notna()]
        # Pairs of one time would hide each other's bars.
        offset = own.groupby("divergence").cumcount() - (own.groupby("divergence")["rate"].transform("size") - 1) / 2
        places = own["divergence"] * 1.012**offset
        axes.vlines(places[spread.index], spread["low"], spread["high"], color=colour, lw=1, alpha=0.6, zorder=2)
        axes.scatter(places, own["rate"], s=34, color=colour, ec=PAPER, lw=0.6, zorder=3)
        top = max(float(np.nanmax(own[["rate", "high"]].to_numpy())) * 1.1, 0.02)
        axes.set(ylim=(-0.03 * top, top), xlim=(times[0] / 1.3, times[-1] * 2.6))
        _label_pairs(axes, own, times, top)
        axes.set_title(f"{short(model, 30)}:  {_rank_note(tests, model)}", fontweight="normal")
        axes.set_ylabel(f"{plural(example_noun)} taken\nfor the other of the two")
        axes.set_xscale("log")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        axes.grid(True)
        axes.tick_params(labelbottom=True)
    grid[-1].set_xlabel("divergence time (million years)")
    for axes in grid:
        axes.xaxis.set_major_locator(FixedLocator(_apart(times)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(number))
    return figure


def _apart(times: np.ndarray, least: float = 1.35) -> list[float]:
    """Those times whose numbers do not run into each other on a logarithmic axis."""
    kept: list[float] = []
    for time in times:
        if not kept or time / kept[-1] >= least:
            kept.append(float(time))
    return kept


def _label_pairs(axes: Axes, own: pd.DataFrame, times: np.ndarray, top: float) -> None:
    """Names of pairs on the side of their point that has more room, moved apart where rates are nearly equal."""
    edges = np.log(np.concatenate([[times[0]], times, [np.inf]]))
    for at, time in enumerate(times, start=1):
        right = edges[at + 1] - edges[at] >= edges[at] - edges[at - 1]
        rows = own[own["divergence"] == time].sort_values("rate", kind="stable")
        height = spaced(rows["rate"].to_numpy() / top, NEAR_LABELS) * top
        for y, row in zip(height, rows.itertuples(index=False), strict=True):
            axes.annotate(
                f"{short(row.first, 16)}–{short(row.second, 16)}",
                (time, y),
                (13 if right else -13, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=7.5,
                color=INK,
            )


def spaced(values: np.ndarray, least: float) -> np.ndarray:
    """Ascending values [n] moved upwards as far as each needs to be `least` above the one before it."""
    out = np.array(values, dtype=np.float64)
    for at in range(1, len(out)):
        out[at] = max(out[at], out[at - 1] + least)
    return out


def _rank_note(tests: pd.DataFrame, model: str) -> str:
    """Correlations of a model's confusion, for a title."""
    own = tests[tests["model"] == model].set_index("against")
    told = []
    for against, title in (("divergence", "with time"), ("composition", "with composition")):
        if against in own.index and np.isfinite(own.loc[against, "rho"]):
            row = own.loc[against]
            told.append(f"{title} ρ = {number_text(row['rho'])} (p = {row['p']:.2g})")
    return ", ".join(told) or "no correlation is defined"


@style()
def setting_curve(
    curve: pd.DataFrame, metric: str, label: str, colours: Mapping[str, str], trivial: str, n_labels: int | None
) -> Figure:
    """A metric against a setting of several studies: a panel a split, a line a model.

    Parameters
    ----------
    curve
        Rows with `split`, `at` (the setting), `model`, `metric`, `value`, `low` and `high`.
    label
        Of the setting's axis.
    trivial
        Drawn dashed.
    n_labels
        Draw the accuracy of a guess among so many equally common classes, or None.
    """
    curve = curve[(curve["metric"] == metric) & curve["value"].notna()]
    several = curve.groupby(["split", "model"])["at"].transform("nunique") > 1
    curve = curve[several]
    if curve.empty:
        return message("No model is there for several values of the setting.")
    splits = list(dict.fromkeys(curve["split"]))
    figure = Figure(figsize=(WIDTH, 4.0))
    grid = figure.subplots(1, len(splits), squeeze=False, sharey=True)[0]
    models = [model for model in colours if (curve["model"] == model).any()]
    markers = model_markers(colours)
    for axes, split in zip(grid, splits, strict=True):
        part = curve[curve["split"] == split]
        values = np.unique(part["at"])
        wide = values[0] > 0 and values[-1] / values[0] >= 4
        for place, model in enumerate(models):
            own = part[part["model"] == model].sort_values("at")
            shift = place - (len(models) - 1) / 2
            x = own["at"] * 1.01**shift if wide else own["at"] + shift * 0.004 * np.ptp(values)
            ends = (own["value"] - own["low"]).clip(lower=0), (own["high"] - own["value"]).clip(lower=0)
            axes.errorbar(
                x,
                own["value"],
                yerr=np.nan_to_num(np.stack(ends)),
                color=colours[model],
                marker=markers[model],
                ms=5,
                lw=1.5,
                elinewidth=1,
                ls=(0, (4, 2)) if model == trivial else "-",
                label=short(model, 30),
            )
        if n_labels:
            axes.axhline(1 / n_labels, color=MUTED, lw=0.9, ls=(0, (1, 2)))
            axes.annotate(
                "guess",
                (1, 1 / n_labels),
                (0, 2),
                axes.get_yaxis_transform(),
                "offset points",
                ha="right",
                color=MUTED,
            )
        if wide:
            log_axis(axes, "x")
        axes.xaxis.set_major_locator(FixedLocator(values))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(number))
        axes.set(xlabel=label, title=f"{split} split" if len(splits) > 1 else "")
        axes.grid(True)
    grid[0].set_ylabel(f"{metric_title(metric)} on test")
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper left", ncols=4)
    return figure
