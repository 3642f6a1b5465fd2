"""Every picture of a study: arrays and tables in, a matplotlib `Figure` out.

A picture that has nothing to show says so on its canvas, so that an odd study still gets its whole report.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import spearmanr

from lexome.look import (
    BLUES,
    GRID,
    MANY_MARKS,
    MUTED,
    PAPER,
    SUBSETS,
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

UNKNOWN = "#c3c9d2"  # cells of which nothing is known
SORT_KEYS = 256  # labels by which the rows of a heat map are sorted


@style()
def label_frequencies(
    names: Sequence[str],
    counts: np.ndarray,
    judged: np.ndarray,
    example_noun: str,
    label_noun: str,
    top: int = 20,
) -> Figure:
    """How many examples each label has: all labels by rank, and the most frequent ones by name and subset.

    Parameters
    ----------
    names
        L label names.
    counts : int array, shape (L, 3)
        Examples with the label in train, valid and test.
    judged : bool array, shape (L,)
        Labels that this split trains on and judges.
    """
    if len(names) == 0 or counts.sum() == 0:
        return message(f"No {example_noun} has a {label_noun}.")
    totals = counts.sum(axis=1)
    order = np.lexsort((np.arange(len(names)), -totals))
    few = len(names) <= top
    shown = order[:top][::-1]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.2 * len(shown)))
    if few:
        bars = figure.subplots()
    else:
        ranks, bars = figure.subplots(1, 2, width_ratios=(1, 1.15))
        ranked, used = totals[order], judged[order]
        place = np.arange(1, len(order) + 1)
        drawn = ranked > 0
        ranks.plot(place[drawn], ranked[drawn], color=MUTED, lw=0.8, zorder=1)
        for mask, colour, text in (
            (used, SUBSETS["test"], "judged"),
            (~used, SUBSETS["train"], "too rare in training"),
        ):
            mask = mask & drawn
            if mask.any():
                ranks.scatter(
                    place[mask],
                    ranked[mask],
                    s=12,
                    color=colour,
                    lw=0,
                    zorder=2,
                    label=f"{text}: {mask.sum():,}",
                    rasterized=len(order) > MANY_MARKS,
                )
        log_axis(ranks, "x")
        log_axis(ranks, "y")
        ranks.grid(True)
        ranks.set(xlabel=f"rank of {label_noun}", ylabel=f"{plural(example_noun)} with the {label_noun}")
        ranks.set_title(f"All {len(order):,} {plural(label_noun)}")
        ranks.legend(loc="lower left", handletextpad=0.2, fontsize=8.5)
    left = np.zeros(len(shown))
    for column, (subset, colour) in enumerate(SUBSETS.items()):
        bars.barh(np.arange(len(shown)), counts[shown, column], left=left, color=colour, label=subset, height=0.72)
        left += counts[shown, column]
    bars.set_yticks(np.arange(len(shown)), [short(names[label], 34) for label in shown])
    bars.tick_params(axis="y", length=0)
    bars.set(xlabel=plural(example_noun), ylim=(-0.6, len(shown) - 0.4))
    bars.set_title("By subset" if few else f"The {len(shown)} most frequent")
    bars.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    bars.xaxis.set_major_formatter(FuncFormatter(number))
    bars.grid(True, axis="x")
    figure.legend(*bars.get_legend_handles_labels(), loc="outside upper right", ncols=len(SUBSETS))
    return figure


@style()
def length_distribution(lengths: Mapping[str, np.ndarray], unit: str, example_noun: str) -> Figure:
    """Histogram of example lengths, a line a subset, each as a share of its subset; medians are marked."""
    lengths = {subset: np.asarray(values) for subset, values in lengths.items() if len(values)}
    if not lengths:
        return message(f"No {example_noun} to measure.")
    every = np.concatenate(list(lengths.values()))
    spread = every.max() / max(np.median(every), 1) > 8
    low, high = every.min(), every.max() + 1
    bins = int(np.clip(np.sqrt(min(map(len, lengths.values()))), 8, 40))  # as the smallest subset bears
    edges = np.geomspace(max(low, 1), high, bins + 1) if spread else np.linspace(low, high, bins + 1)
    figure = Figure(figsize=(WIDTH, 3.3))
    axes = figure.subplots()
    if low == every.max():
        edges = np.array([low - 0.5, low + 0.5])
        axes.set(xticks=[low], xlim=(low - 2, low + 2))
    for subset, values in lengths.items():
        colour = SUBSETS.get(subset, MUTED)
        share = np.histogram(values, edges)[0] / len(values) * 100
        middle = float(np.median(values))
        text = f"{subset}: {len(values):,} {plural(example_noun)}, median {middle:,.0f}"
        axes.stairs(share, edges, color=colour, lw=1.8, label=text, fill=subset == "train", alpha=0.95)
        axes.plot([middle], [0], marker="^", ms=8, color=colour, mec=PAPER, clip_on=False, zorder=5)
    if spread:
        log_axis(axes, "x")
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set(xlabel=f"length ({unit})", ylabel=f"share of {plural(example_noun)}", ylim=(0, None))
    axes.grid(True, axis="y")
    axes.legend(loc="best")
    return figure


@style()
def training_curves(histories: Sequence[tuple[str, str, Sequence[Mapping]]], colours: Mapping[str, str]) -> Figure:
    """Loss and validation metrics over epochs: a row a model, a column a quantity, a thin line a seed.

    Parameters
    ----------
    histories
        (model, seed, records of its history) each. A record `{"event": "best", "epoch": n}` marks the epoch
        that was kept; other records without an epoch are passed over. Runs without any curve are left out.
    """
    tables = [(model, seed, *_curves(records)) for model, seed, records in histories]
    tables = [run for run in tables if len(run[2])]
    if not tables:
        return message("No model of this study trains by epochs.")
    models = list(dict.fromkeys(run[0] for run in tables))
    names = {column for run in tables for column in run[2].columns}
    metrics = sorted(name for name in names if name.startswith("valid_") and name != "valid_loss")
    losses = [name for name in ("train_loss", "valid_loss") if name in names]
    columns = ([losses] if losses else []) + [[metric] for metric in metrics[:3]]
    figure = Figure(figsize=(WIDTH, 0.5 + 2.5 * len(models)))
    grid = figure.subplots(len(models), len(columns), squeeze=False)
    for row, model in enumerate(models):
        runs = [run for run in tables if run[0] == model]
        colour = colours.get(model, SUBSETS["test"])
        for axes, quantities in zip(grid[row], columns, strict=True):
            for _, _, table, best in runs:
                for name in quantities:
                    if name not in table:
                        continue
                    line = table[name].dropna()
                    dashed = name == "train_loss"
                    axes.plot(line.index, line, color=colour, lw=1.1, ls=(0, (4, 2)) if dashed else "-", alpha=0.85)
                    if best in line.index and not dashed:
                        axes.plot([best], [line[best]], "o", ms=5.5, color=colour, mec=PAPER, zorder=4)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
            axes.grid(True)
            title = "loss" if quantities == losses else f"{metric_title(quantities[0].removeprefix('valid_'))} on valid"
            axes.set_title(title, fontweight="normal")
        seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
        grid[row, 0].set_ylabel(f"{short(model, 24)}\n{seeds}", fontweight="bold")
    handles = [Line2D([], [], color=MUTED, lw=1.1, ls=(0, (4, 2)), label="train")] if "train_loss" in losses else []
    handles += [
        Line2D([], [], color=MUTED, lw=1.1, label="valid"),
        Line2D([], [], color=MUTED, marker="o", ls="", label="epoch kept"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _curves(records: Sequence[Mapping]) -> tuple[pd.DataFrame, int | None]:
    """Records as a table (index epoch, columns losses and valid metrics) and the epoch that was kept."""
    best = next((record["epoch"] for record in records if record.get("event") == "best"), None)
    rows = [record for record in records if "epoch" in record and "event" not in record]
    table = pd.DataFrame(rows)
    if table.empty:
        return table, best
    wanted = [name for name in table if name == "train_loss" or str(name).startswith("valid_")]
    numbers = table.set_index("epoch")[wanted].apply(pd.to_numeric, errors="coerce").groupby(level=0).mean()
    return numbers.dropna(axis=1, how="all"), best


@style()
def annotation_heatmaps(
    truth: np.ndarray,
    scores: np.ndarray,
    model: str,
    example_noun: str,
    label_noun: str,
    most: int = 1500,
    known: np.ndarray | None = None,
) -> Figure:
    """True labels and predicted probabilities side by side, one row an example, one column a label.

    Labels run from the most to the least frequent; examples are sorted by their labels in that order, so that
    those sharing their most frequent labels lie together. Both panels have the same order. The colour of a
    probability grows with its square root, because rare labels get small ones.

    Parameters
    ----------
    truth : bool array, shape (n, L)
    scores : float array, shape (n, L)
        Probabilities.
    most
        At most so many examples are drawn, evenly spaced in the sorted order.
    known : bool array, shape (n, L), or None
        Where the truth is known (None: everywhere); it is grey elsewhere.
    """
    if truth.size == 0:
        return message(f"No {example_noun} of the test subset to draw.")
    known = np.ones(truth.shape, dtype=bool) if known is None else known
    columns = np.argsort(-(truth & known).sum(axis=0), kind="stable")
    truth, scores, known = (values[:, columns] for values in (truth & known, scores, known))
    rows = np.lexsort(~truth[:, SORT_KEYS - 1 :: -1].T)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    figure = Figure(figsize=(WIDTH, 6.4))
    panels = figure.subplots(1, 2, sharey=True)
    true_values = np.ma.masked_array(truth.astype(np.float32), ~known)
    titles = ("True", f"Predicted by {short(model, 30)}")
    for axes, values, title in zip(panels, (true_values, scores), titles, strict=True):
        picture = axes.imshow(
            values[rows].astype(np.float32),
            cmap=BLUES,
            norm=PowerNorm(0.5, 0, 1),
            aspect="auto",
            interpolation="none" if len(rows) < 400 else "antialiased",
            extent=(0.5, truth.shape[1] + 0.5, len(rows), 0),
        )
        axes.set_facecolor(UNKNOWN)
        axes.set_title(title)
        axes.set_xlabel(f"{plural(label_noun)}, most frequent first")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axes.spines[:].set_visible(True)
    part = "" if len(rows) == len(truth) else f"{len(rows):,} of "
    panels[0].set_ylabel(f"test {plural(example_noun)} ({part}{len(truth):,})")
    panels[0].yaxis.set_major_formatter(FuncFormatter(number))
    bar = figure.colorbar(picture, ax=panels, location="bottom", shrink=0.45, aspect=36, pad=0.02)
    bar.set_ticks([0, 0.05, 0.25, 0.5, 1], labels=["0", ".05", ".25", ".5", "1"])
    bar.set_label("probability")
    bar.outline.set_visible(False)
    if not known[rows].all():
        patch = Patch(color=UNKNOWN, label=f"not known whether the {example_noun} has the {label_noun}")
        figure.legend(handles=[patch], loc="outside upper left")
    return figure


@style()
def label_scores(
    n_train: np.ndarray,
    values: Mapping[str, np.ndarray],
    metric: str,
    colours: Mapping[str, str],
    nouns: tuple[str, str],
) -> Figure:
    """A metric per label against the label's training examples, a cloud and Spearman's rho a model.

    Parameters
    ----------
    n_train : int array, shape (L,)
    values
        Model name to a float array of shape (L,), NaN where the metric is undefined.
    nouns
        What an example and a label are called.
    """
    example_noun, label_noun = nouns
    drawn = {model: value for model, value in values.items() if np.isfinite(value).any()}
    if not drawn:
        return message(f"{metric_title(metric)} is undefined for every {label_noun} of the test subset.")
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = figure.subplots()
    markers = model_markers(colours)
    for model, value in drawn.items():
        known = np.isfinite(value) & (n_train > 0)
        rho = _rho(n_train[known], value[known])
        axes.scatter(
            n_train[known],
            value[known],
            s=22,
            alpha=0.7,
            color=colours.get(model, MUTED),
            marker=markers.get(model, "o"),
            ec=PAPER,
            lw=0.4,
            label=f"{short(model, 40)}  (ρ = {rho}, {known.sum():,} {plural(label_noun)})",
            rasterized=len(value) > MANY_MARKS,
        )
    log_axis(axes, "x")
    axes.set(
        xlabel=f"training {plural(example_noun)} with the {label_noun}",
        ylabel=f"{metric_title(metric)} on test",
    )
    axes.set_ylim(-0.02, 1.02)
    axes.grid(True)
    figure.legend(loc="outside upper left", ncols=2, handletextpad=0.2)
    return figure


def _rho(first: np.ndarray, second: np.ndarray) -> str:
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return "undefined"
    return f"{spearmanr(first, second).statistic:.2f}".replace("-", "−")


@style()
def best_labels(
    names: Sequence[str],
    values: Mapping[str, np.ndarray],
    model: str,
    metric: str,
    colours: Mapping[str, str],
    label_noun: str,
    top: int = 20,
) -> Figure:
    """The labels that `model` predicts best, by name, with the other models on the same line.

    Parameters
    ----------
    names
        L label names.
    values
        Model name to a float array of shape (L,), NaN where the metric is undefined; holds `model`.
    """
    own = values[model]
    order = np.lexsort((np.arange(len(own)), -np.nan_to_num(own, nan=-1.0)))
    shown = order[np.isfinite(own[order])][:top][::-1]
    if len(shown) == 0:
        return message(f"{metric_title(metric)} is undefined for every {label_noun} of the test subset.")
    figure = Figure(figsize=(WIDTH, 1.3 + 0.25 * len(shown)))
    axes = figure.subplots()
    height = np.arange(len(shown))
    table = np.array([values[other][shown] for other in values])
    axes.hlines(height, np.nanmin(table, axis=0), np.nanmax(table, axis=0), color=GRID, lw=2, zorder=1)
    markers = model_markers(colours)
    for other in values:
        main = other == model
        axes.scatter(
            values[other][shown],
            height,
            s=70 if main else 38,
            marker=markers.get(other, "o"),
            ec=PAPER,
            lw=0.6,
            color=colours.get(other, MUTED),
            label=short(other, 30),
            zorder=4 if main else 3,
        )
    axes.set_yticks(height, [short(names[label], 58) for label in shown])
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=f"{metric_title(metric)} on test", xlim=(-0.02, 1.02), ylim=(-0.7, len(shown) - 0.3))
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper left", ncols=min(len(values), 6), handletextpad=0.1, columnspacing=1.2)
    return figure
