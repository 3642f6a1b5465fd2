"""Pictures of predictions where every example has exactly one class; `figures` has those for all studies."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from lexome.look import (
    BLUES,
    INK,
    MUTED,
    PAPER,
    SUBSETS,
    WIDTH,
    message,
    metric_title,
    plural,
    short,
    style,
)
from lexome.multiclass import Calibration

MANY_CLASSES = 12  # more than that and the cells of a confusion matrix hold no numbers
MANY_BARS = 60  # more than that in a panel and bars bear no numbers
# Numbers on cells: the cells keep their colour on a dark page, so these two must not follow its theme.
ON_LIGHT, ON_DARK = "#10202f", "#fbfcfd"


@style()
def confusion_and_calibration(
    matrix: np.ndarray,
    calibration: Calibration,
    ece: float,
    names: Sequence[str],
    model: str,
    example_noun: str,
    label_noun: str,
) -> Figure:
    """What a model takes for what, and how far its probabilities can be believed.

    Parameters
    ----------
    matrix : int array, shape (L, L)
        Examples by true (row) and predicted class (column); a cell's colour is its share of the row.
    calibration, ece
        From `multiclass.calibration` and `multi_class_metrics`.
    names
        L class names.
    """
    if not matrix.sum():
        return message(f"No {example_noun} of the test subset to draw.")
    figure = Figure(figsize=(WIDTH, 4.3))
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _confusion(left, matrix, names, label_noun)
    left.set_title(f"{short(model, 24)}: {matrix.sum():,} test {plural(example_noun)}")
    _reliability(right, calibration)
    right.set_title(f"Calibration: ECE {ece:.3f}")
    return figure


def _confusion(axes: Axes, matrix: np.ndarray, names: Sequence[str], label_noun: str) -> None:
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    axes.imshow(share, cmap=BLUES, vmin=0, vmax=1, interpolation="none")
    axes.spines[:].set_visible(True)
    axes.set(xlabel=f"predicted {label_noun}", ylabel=f"true {label_noun}")
    few = len(names) <= MANY_CLASSES
    ticks = range(len(names)) if few else []
    axes.set_xticks(ticks, [short(names[tick], 18) for tick in ticks], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, [short(names[tick], 18) for tick in ticks])
    axes.tick_params(length=0)
    for row, column in np.ndindex(matrix.shape) if few else ():
        part = share[row, column]
        text = f"{matrix[row, column]:,}" + (f"\n{part:.1%}" if len(names) <= MANY_CLASSES // 2 and total[row] else "")
        colour = ON_DARK if part > 0.5 else ON_LIGHT
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9 if len(names) <= 6 else 7)


def _reliability(axes: Axes, calibration: Calibration) -> None:
    """Accuracy against the probability of the predicted class; the area of a mark is the bin's share of examples."""
    filled = calibration.n > 0
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 2)), zorder=1)
    accuracy, confidence = calibration.accuracy[filled], calibration.confidence[filled]
    axes.vlines(confidence, np.minimum(accuracy, confidence), np.maximum(accuracy, confidence), color=MUTED, lw=1)
    share = calibration.n[filled] / calibration.n.sum()
    axes.scatter(confidence, accuracy, s=20 + 380 * share, color=SUBSETS["test"], ec=PAPER, lw=0.8, alpha=0.9, zorder=3)
    axes.set(xlabel="probability of the predicted class", ylabel="accuracy", xlim=(-0.03, 1.06), ylim=(-0.03, 1.06))
    axes.xaxis.set_minor_locator(FixedLocator(calibration.edges))
    axes.set_box_aspect(1)
    axes.grid(True)


@style()
def class_bars(
    names: Sequence[str],
    panels: Mapping[str, Mapping[str, np.ndarray]],
    intervals: Mapping[str, Mapping[str, np.ndarray]],
    colours: Mapping[str, str],
    label_noun: str,
    top: int = 20,
) -> Figure:
    """Figures of every class side by side for every model, a panel a metric, with intervals where there are some.

    Parameters
    ----------
    names
        L class names, the one to draw on top first.
    panels
        Metric -> model -> float array of shape (L,), NaN where undefined.
    intervals
        Metric -> model -> float array of shape (L, 2), low and high; metrics or models may lack.
    top
        At most so many classes are drawn, the first ones.
    """
    models = list(next(iter(panels.values()), {}))
    if not any(np.isfinite(values).any() for of_model in panels.values() for values in of_model.values()):
        return message(f"Nothing is defined for any {label_noun} of the test subset.")
    shown = min(len(names), top)
    bars = shown * len(models)
    figure = Figure(figsize=(WIDTH, 1.2 + 0.12 * shown + 0.17 * bars))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    middle, height = np.arange(shown)[::-1], 0.84 / len(models)
    for axes, (metric, of_model) in zip(grid, panels.items(), strict=True):
        for place, model in enumerate(models):
            at = middle + 0.42 - (place + 0.5) * height
            values, colour = of_model[model][:shown], colours.get(model, MUTED)
            label = short(model, 30)
            axes.barh(at, np.nan_to_num(values), height=0.86 * height, color=colour, label=label, zorder=2)
            ends = np.array(intervals.get(metric, {}).get(model, np.full((len(names), 2), np.nan)))[:shown]
            known = np.isfinite(ends).all(axis=1)
            axes.hlines(at[known], ends[known, 0], ends[known, 1], color=INK, lw=1.1, zorder=3)
            for y, value in zip(at, values, strict=True) if bars <= MANY_BARS else ():
                text = f"{value:.3f}" if np.isfinite(value) else "undefined"
                axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=INK)
        axes.set(xlim=(0, 1), ylim=(-0.55, shown - 0.45), xlabel=f"{metric_title(metric)} on test")
        axes.grid(True, axis="x")
        axes.tick_params(axis="y", length=0)
    grid[0].set_yticks(middle, [short(name, 30) for name in names[:shown]])
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper left", ncols=min(len(models), 5), columnspacing=1.2)
    if shown < len(names):
        figure.supxlabel(f"{shown} of {len(names)} {plural(label_noun)}", x=0.01, ha="left", fontsize=8.5, color=MUTED)
    return figure
