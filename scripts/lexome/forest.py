"""Forest plots: what every model reaches beside what others published, and how far models are from a reference."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from lexome.ceiling import CEILING, of_ceiling
from lexome.look import (
    GRID,
    INK,
    MUTED,
    PAPER,
    TRIVIAL,
    WIDTH,
    lower_is_better,
    message,
    metric_title,
    short,
    style,
)


@style()
def comparison_forest(
    comparison: pd.DataFrame, metrics: Sequence[str], trivial: str, colours: Mapping[str, str]
) -> Figure:
    """Every model's value and interval, a panel a metric, a row a model, the best on top.

    Parameters
    ----------
    comparison
        Rows of `comparison.tsv`: test is a full mark, test_distant a pale one below it, a published value a
        hollow one whose citation stands in the legend. The trivial model's test value is a vertical line, and so is
        what a second annotator reaches, with its interval.
    """
    shown = comparison[comparison["metric"].isin(metrics) & comparison["subset"].isin(["test", "test_distant"])]
    shown = shown[shown["value"].notna()]
    annotated, shown = shown[of_ceiling(shown)], shown[~of_ceiling(shown)]
    metrics = [metric for metric in metrics if (shown["metric"] == metric).any()]
    if not metrics:
        return message("No headline metric could be computed on the test subset.")
    rows = [_forest_rows(shown[shown["metric"] == metric], metric) for metric in metrics]
    citations = list(dict.fromkeys(shown.loc[shown["source"] != "measured", "source"].astype(str)))
    letters = {citation: chr(ord("a") + place % 26) for place, citation in enumerate(citations)}
    legend = [textwrap.wrap(f"({letters[citation]}) {citation}", 100) for citation in citations]
    heights = [len(models) for models in rows]
    lines = sum(len(text) for text in legend)
    figure = Figure(figsize=(WIDTH, 0.9 + 0.34 * sum(heights) + 0.75 * len(metrics) + 0.16 * lines))
    panels = figure.subplots(len(metrics), 1, squeeze=False, height_ratios=[height + 1 for height in heights])[:, 0]
    for axes, metric, models in zip(panels, metrics, rows, strict=True):
        part = shown[shown["metric"] == metric]
        for height, (model, source) in enumerate(reversed(models)):
            own = part[(part["model"] == model) & (part["source"] == source)].set_index("subset")
            _forest_row(axes, own, height, colours.get(model, MUTED), letters.get(source))
        base = part[(part["model"] == trivial) & (part["subset"] == "test") & (part["source"] == "measured")]
        for value in base["value"]:
            axes.axvline(value, color=TRIVIAL, lw=1.1, ls=(0, (4, 2)), zorder=1)
        for row in annotated[annotated["metric"] == metric].to_dict("records"):
            axes.axvline(row["value"], color=INK, lw=1.1, ls=(0, (1, 2)), zorder=1)
            if np.isfinite(row["low"]) and np.isfinite(row["high"]):
                axes.axvspan(row["low"], row["high"], color=GRID, alpha=0.6, lw=0, zorder=0)
        axes.set_yticks(range(len(models)), [short(model, 34) for model, _ in reversed(models)])
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(-0.7, len(models) - 0.3))
        axes.spines["left"].set_visible(False)
        axes.set_title(metric_title(metric) + (" (lower is better)" if lower_is_better(metric) else ""))
        axes.grid(True, axis="x")
        axes.margins(x=0.06)
    handles = _forest_legend(shown, trivial, annotated=len(annotated) > 0)
    figure.legend(handles=handles, loc="outside upper right", ncols=4, handletextpad=0.6)
    if legend:
        figure.supxlabel("\n".join("\n".join(text) for text in legend), x=0.01, ha="left", fontsize=8.5, color=MUTED)
    return figure


def _forest_rows(part: pd.DataFrame, metric: str) -> list[tuple[str, str]]:
    """(model, source) of every row, the best first; a model without a test value is placed by what it has."""
    tests_first = part.sort_values(["subset", "model"], kind="stable")  # "test" < "test_distant"
    values = tests_first.drop_duplicates(["model", "source"])
    ordered = values.sort_values("value", ascending=lower_is_better(metric), kind="stable")
    return list(zip(ordered["model"], ordered["source"], strict=True))


def _forest_row(axes: Axes, own: pd.DataFrame, height: int, colour: str, letter: str | None) -> None:
    """Draw one model: `own` has its rows by subset; `letter` names the citation of a published value."""
    marks = (("test", 0.12, 1.0, "o", 6.5), ("test_distant", -0.18, 0.5, "s", 5))
    for subset, shift, alpha, marker, size in marks:
        if subset not in own.index:
            continue
        value, low, high = own.loc[[subset], ["value", "low", "high"]].astype(float).iloc[0]
        interval = np.isfinite(low) and np.isfinite(high)
        if subset == "test":
            text = f"{value:.3f}" + (f" [{low:.3f}–{high:.3f}]" if interval else "")
            right = axes.get_yaxis_transform()
            axes.text(1.015, height, text, transform=right, va="center", fontsize=8.5, color=INK)
        if letter:
            axes.plot([value], [height], "D", ms=6.5, mfc=PAPER, mec=INK, mew=1.2, zorder=4)
            axes.annotate(f"({letter})", (value, height), (7, -3), textcoords="offset points", color=MUTED)
            continue
        if interval:
            axes.hlines(height + shift, low, high, color=colour, lw=2.4, alpha=alpha, zorder=2)
        look = {"ms": size, "color": colour, "mec": PAPER, "mew": 0.6, "alpha": alpha, "zorder": 3}
        axes.plot([value], [height + shift], marker, **look)


def _forest_legend(shown: pd.DataFrame, trivial: str, annotated: bool) -> list[Line2D]:
    handles = [Line2D([], [], marker="o", ls="-", lw=2.4, color=MUTED, mec=PAPER, label="test")]
    if (shown["subset"] == "test_distant").any():
        handles.append(
            Line2D([], [], marker="s", ls="-", lw=2.4, color=MUTED, alpha=0.5, mec=PAPER, label="test, distant")
        )
    if (shown["source"] != "measured").any():
        handles.append(Line2D([], [], marker="D", ls="", mfc=PAPER, mec=INK, label="published"))
    if (shown["model"] == trivial).any():
        handles.append(Line2D([], [], color=TRIVIAL, ls=(0, (4, 2)), label=short(f"{trivial} (trivial)", 30)))
    if annotated:
        handles.append(Line2D([], [], color=INK, ls=(0, (1, 2)), label=CEILING))
    return handles


@style()
def difference_forest(
    differences: pd.DataFrame, metric: str, trivial: str, colours: Mapping[str, str], level: float = 0.95
) -> Figure:
    """Every model minus its reference on test, a panel a reference: the trivial model, then those of the contrasts.

    Parameters
    ----------
    differences
        Rows of `differences.tsv`. A full mark stands where p, adjusted for all that a panel's family asks at once
        (`p_holm`), is below 1 - level; a hollow one elsewhere.
    metric
        The one that is drawn.
    """
    shown = differences[(differences["metric"] == metric) & (differences["subset"] == "test")]
    shown = shown[shown["difference"].notna()]
    if shown.empty:
        return message(f"No two models could be compared in {metric_title(metric)} on test.")
    shown = shown.assign(p_holm=shown.get("p_holm", np.nan))
    references = sorted(dict.fromkeys(shown["reference"]), key=lambda name: name != trivial)
    parts = [shown[shown["reference"] == name] for name in references]
    lower = lower_is_better(metric)
    parts = [part.sort_values("difference", ascending=not lower, kind="stable") for part in parts]
    heights = [len(part) for part in parts]
    figure = Figure(figsize=(WIDTH, 0.75 + 0.3 * sum(heights) + 0.85 * len(parts)))
    panels = figure.subplots(len(parts), 1, squeeze=False, height_ratios=[height + 1 for height in heights])[:, 0]
    for axes, reference, part in zip(panels, references, parts, strict=True):
        axes.axvline(0, color=TRIVIAL, lw=1.1, ls=(0, (4, 2)), zorder=1)
        for height, row in enumerate(part.to_dict("records")):
            clear = bool(row["p_holm"] < 1 - level)
            _difference_row(axes, row, height, colours.get(row["model"], MUTED), clear)
        axes.set_yticks(range(len(part)), [short(name, 34) for name in part["model"]])
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(-0.7, len(part) - 0.3))
        axes.spines["left"].set_visible(False)
        own = " (trivial)" if reference == trivial else ""
        axes.set_title(f"{metric_title(metric)} minus that of {short(reference, 30)}{own}")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
        axes.grid(True, axis="x")
        axes.margins(x=0.06)
    look = {"marker": "o", "ls": "-", "lw": 2.2, "color": MUTED}
    handles = [
        Line2D([], [], mfc=MUTED, mec=PAPER, label=f"adjusted p < {1 - level:.2g}", **look),
        Line2D([], [], mfc=PAPER, mec=MUTED, label="not so", **look),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, handletextpad=0.6)
    return figure


def _difference_row(axes: Axes, row: Mapping, height: int, colour: str, clear: bool) -> None:
    value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
    text = f"{value:+.3f}"
    if np.isfinite(low) and np.isfinite(high):
        axes.hlines(height, low, high, color=colour, lw=2.2, zorder=2)
        text += f" [{low:+.3f} to {high:+.3f}]"
    axes.plot([value], [height], "o", ms=6.5, mfc=colour if clear else PAPER, mec=PAPER if clear else colour, zorder=3)
    right = axes.get_yaxis_transform()
    axes.text(1.015, height, text.replace("-", "−"), transform=right, va="center", fontsize=8.5, color=INK)
