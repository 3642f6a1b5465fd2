"""Pictures of what was measured on an explained network: scores of its attributions, effects of planted motifs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lexome.insidetables import planted_rows, sanity_rows
from lexome.logos import METHODS
from lexome.look import INK, MARKERS, MUTED, PALETTE, PAPER, TRIVIAL, WIDTH, message, short, style

METHOD_COLOURS = {
    "ism": PALETTE[3],
    "gradient": PALETTE[1],
    "integrated_gradients": PALETTE[2],
    "deeplift_shap": PALETTE[0],
    "pwm": INK,
    "random": TRIVIAL,
}
TRUTHS = {
    "implants": "Implanted sites",
    "hits": "Hits of the known motif",
    "shuffled_hits": "Hits of its shuffled columns",
}
DIVERGING = LinearSegmentedColormap.from_list("lexome_effects", [PALETTE[4], PAPER, PALETTE[3]])


@style()
def attribution_scores(table: pd.DataFrame) -> Figure:
    """How well each method points at the sites, a block a factor, a column a truth.

    Parameters
    ----------
    table
        `attribution_scores.tsv`: `factor`, `method`, `truth`, `value`, `low`, `high`, `chance`; average precision over
        positions, 0..1. The dashed mark of a block is chance.
    """
    table = table[table["value"].notna()]
    truths = [truth for truth in TRUTHS if truth in set(table["truth"])]
    if not truths:
        return message("There is nothing that attributions could be scored against.")
    factors = list(dict.fromkeys(table["factor"]))
    factors = [name for name in factors if name != "all"] + ["all"] * ("all" in factors)
    present = set(table["method"])
    methods = [name for name in METHODS if name in present] + sorted(present - set(METHODS))
    spread = 0.78
    tall = 0.17 + 0.088 * len(methods)
    figure = Figure(figsize=(WIDTH, 1.15 + tall * len(factors)))
    panels = figure.subplots(1, len(truths), sharey=True, sharex=True, squeeze=False)[0]
    shifts = np.linspace(spread / 2, -spread / 2, len(methods)) if len(methods) > 1 else [0]
    for axes, truth in zip(panels, truths, strict=True):
        part = table[table["truth"] == truth].set_index(["factor", "method"])
        for place, factor in enumerate(factors):
            height = len(factors) - 1 - place
            if place % 2 == 0:
                axes.axhspan(height - 0.5, height + 0.5, color="#f6f7f9", lw=0, zorder=-3)
            for method, shift in zip(methods, shifts, strict=True):
                if (factor, method) not in part.index:
                    continue
                value, low, high = part.loc[(factor, method), ["value", "low", "high"]].astype(float)
                colour = METHOD_COLOURS.get(method, MUTED)
                if np.isfinite(low) and np.isfinite(high):
                    axes.hlines(height + shift, low, high, color=colour, lw=1.8, zorder=2)
                rival = method in ("pwm", "random")
                look = {"mfc": PAPER if rival else colour, "mec": colour if rival else PAPER}
                axes.plot(
                    [value], [height + shift], _marker(method), ms=5.5, mew=1.1 if rival else 0.5, zorder=3, **look
                )
            own = part.loc[part.index.get_level_values("factor") == factor, "chance"].dropna()
            if len(own):
                chance = float(own.mean())
                axes.vlines(chance, height - 0.46, height + 0.46, color=TRIVIAL, lw=1.2, ls=(0, (3, 2)), zorder=1)
        axes.set(xlim=(0, 1.02), ylim=(-0.5, len(factors) - 0.5))
        axes.set_title(TRUTHS[truth])
        axes.set_xlabel("auPRC over positions")
        axes.grid(True, axis="x")
        axes.spines["left"].set_visible(False)
    names = ["mean of all" if name == "all" else short(name, 18) for name in factors]
    panels[0].set_yticks(range(len(factors)), names[::-1])
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    figure.legend(handles=_method_legend(methods), loc="outside upper left", ncols=4, columnspacing=1.2, fontsize=8.5)
    return figure


def _marker(method: str) -> str:
    places = list(METHODS)
    return "o" if method == "ism" else MARKERS[places.index(method) % len(MARKERS) if method in places else -1]


def _method_legend(methods: Sequence[str]) -> list[Line2D]:
    handles = []
    for method in methods:
        colour, rival = METHOD_COLOURS.get(method, MUTED), method in ("pwm", "random")
        look = {"mfc": PAPER if rival else colour, "mec": colour if rival else PAPER, "color": colour}
        handles.append(
            Line2D([], [], marker=_marker(method), ls="-", lw=1.8, label=METHODS.get(method, method), **look)
        )
    return [*handles, Line2D([], [], color=TRIVIAL, lw=1.2, ls=(0, (3, 2)), label="chance")]


@style()
def marginal_effects(table: pd.DataFrame) -> Figure:
    """What planting a motif does: one copy of each into every factor's logit, more copies, and the sanity check.

    Parameters
    ----------
    table
        `marginal.tsv`: `factor`, `implant`, `site`, `copies`, `background`, `probability`, `difference`, `low`, `high`.
    """
    planted, sanity = planted_rows(table), sanity_rows(table)
    if planted.empty and not sanity:
        return message("No motif was planted.")
    factors = list(dict.fromkeys(table["factor"]))
    implants = [name for name in factors if name in set(planted["implant"])]
    implants += [name for name in dict.fromkeys(planted["implant"]) if name not in implants]
    cell = 0.3 if len(factors) > 5 else 0.44
    lower = 2.7
    figure = Figure(figsize=(WIDTH, 1.15 + cell * max(len(factors), 3) + lower))
    ratios = (0.75 + cell * max(len(factors), 3), lower)
    grid = figure.add_gridspec(2, 2, height_ratios=ratios, width_ratios=(1.35, 1))
    if not planted.empty:
        single = planted[planted["copies"] == planted["copies"].min()]
        _effects(figure.add_subplot(grid[0, :]), single, factors, implants)
        control = planted_rows(table, "shuffled")
        own = (part[part["factor"] == part["implant"]] for part in (planted, control))
        _doses(figure.add_subplot(grid[1, 0]), *own, factors)
    if sanity:
        _sanity(figure.add_subplot(grid[1, 1]), sanity)
    return figure


def _effects(axes: Axes, table: pd.DataFrame, factors: Sequence[str], implants: Sequence[str]) -> None:
    wide = table.pivot_table(index="factor", columns="implant", values="difference", sort=False)
    wide = wide.reindex(index=factors, columns=implants)
    ends = table.set_index(["factor", "implant"])[["low", "high"]]
    limit = max(float(np.nanmax(np.abs(wide.to_numpy()))), 1e-6)
    digits = 1 if limit >= 2 else 2
    values = np.ma.masked_invalid(wide.to_numpy())
    axes.imshow(values, cmap=DIVERGING, norm=Normalize(-limit, limit), aspect="auto", interpolation="none")
    for row, factor in enumerate(factors):
        for column, implant in enumerate(implants):
            value = wide.loc[factor, implant]
            if not np.isfinite(value):
                continue
            low, high = ends.loc[(factor, implant)].astype(float)
            clear = low > 0 or high < 0
            colour = PAPER if abs(value) > 0.62 * limit else INK if clear else MUTED
            text = f"{value:+.{digits}f}".replace("-", "−")
            size = 8.5 if len(implants) > 6 else 9
            if len(implants) <= 5:
                text += f"  [{low:.{digits}f} to {high:.{digits}f}]".replace("-", "−")
            axes.text(
                column, row, text, ha="center", va="center", size=size, color=colour, weight="bold" if clear else None
            )
    axes.set_xticks(range(len(implants)), [short(name, 10) for name in implants])
    axes.set_yticks(range(len(factors)), [short(name, 14) for name in factors])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    copies = int(table["copies"].iloc[0])
    axes.set_title(f"Change of the logit by {copies} planted {'copy' if copies == 1 else 'copies'}")
    axes.set(xlabel="motif planted", ylabel="factor predicted")


def _doses(axes: Axes, table: pd.DataFrame, control: pd.DataFrame, factors: Sequence[str]) -> None:
    """More copies of the factor's own motif, and (dashed) of its letters in another order."""
    drawn = [factor for factor in factors if (table["factor"] == factor).any()]
    for place, factor in enumerate(drawn):
        own = table[table["factor"] == factor].sort_values("copies")
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        x = own["copies"] + 0.05 * (place - (len(drawn) - 1) / 2)
        axes.vlines(x, own["low"], own["high"], color=colour, lw=1.5, alpha=0.75)
        axes.plot(x, own["difference"], marker=marker, color=colour, lw=1.4, ms=5.5, mec=PAPER, mew=0.5)
        other = control[control["factor"] == factor].sort_values("copies")
        axes.plot(other["copies"], other["difference"], color=colour, lw=1, ls=(0, (3, 2)), alpha=0.8)
    # Names stand at the end of the lines, moved apart where they would meet.
    ends = {factor: table[table["factor"] == factor].sort_values("copies")["difference"].iloc[-1] for factor in drawn}
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    heights = spread_out(list(ends.values()), (high - low) * 0.075, high)
    for place, (factor, height) in enumerate(zip(drawn, heights, strict=True)):
        axes.annotate(
            short(factor, 10),
            (1.02, height),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            size=8.5,
            color=PALETTE[place % len(PALETTE)],
        )
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.set_title("The factor's own motif" + (" (dashed: shuffled)" if len(control) else ""))
    axes.set(xlabel="copies planted", ylabel="change of the logit")
    axes.grid(True, axis="y")


def spread_out(values: Sequence[float], least: float, high: float) -> list[float]:
    """The values moved so that neighbours are `least` apart, in their order, none above `high` that was not before."""
    order = np.argsort(values, kind="stable")
    placed = np.array(values, dtype=float)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    if len(placed):
        placed[-1] = min(placed[-1], max(high, max(values)))
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - least)
    back = np.empty_like(placed)
    back[order] = placed
    return back.tolist()


def _sanity(axes: Axes, rows: Sequence[Mapping]) -> None:
    looks = {"motif_string": ("string of the motif", PALETTE[3], "o"), "poly_A": ("poly-A", PALETTE[4], "s")}
    drawn = [row["factor"] for row in rows]
    for name, (text, colour, marker) in looks.items():
        values = [np.nan if row[name] is None else row[name] for row in rows[::-1]]
        look = {"color": colour, "ms": 6, "mec": PAPER, "mew": 0.6, "label": text, "clip_on": False}
        axes.plot(values, range(len(rows)), marker, **look)
    axes.set_yticks(range(len(drawn)), [short(name, 14) for name in drawn[::-1]])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.6, len(drawn) - 0.4), xlabel="probability")
    axes.set_title("Sanity check", pad=24)
    axes.grid(True, axis="both")
    axes.spines["left"].set_visible(False)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.985), ncols=2, handletextpad=0.1, columnspacing=1, borderpad=0
    )
