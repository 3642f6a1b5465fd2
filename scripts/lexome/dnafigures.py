"""Pictures of explained DNA: mutagenesis along whole sequences and close up, attention maps.

The heat maps are images inside the vector pictures, so that a page can bear many of them.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lexome.dna import LETTERS, UNKNOWN
from lexome.inside import Panel
from lexome.logos import draw_logo
from lexome.look import BLUES, GRID, INK, MUTED, PALETTE, PAPER, WIDTH, message, short, style

FOR, AGAINST, IMPLANT, OTHER = PALETTE[3], PALETTE[4], PALETTE[2], PALETTE[1]
DIVERGING = LinearSegmentedColormap.from_list("lexome_diverging", [AGAINST, PAPER, FOR])
PRESENT = "#d3d8df"  # the letter that is there
LEFT, RIGHT = 0.62, 0.12  # inches beside the panels


@style()
def heat_maps(panels: Sequence[Panel], limit: float | None = None) -> Figure:
    """Mutagenesis of whole sequences: the importance line, what each substitution does, implants below.

    Parameters
    ----------
    limit
        Of the colour scale, which all panels share; by default `colour_limit` of these panels.
    """
    if not panels:
        return message("No sequence is shown.")
    limit = limit or colour_limit(panels)
    implants = any(panel.spans for panel in panels)
    heights = {"line": 0.4, "heat": 0.52, "track": 0.13 if implants else 0}
    step = 0.27 + sum(heights.values()) + 0.14
    head, foot = 0.62, 0.46
    height = head + step * len(panels) + foot
    figure = Figure(figsize=(WIDTH, height), layout="none")
    low, high = _importance_range(panels)
    for number, panel in enumerate(panels):
        top = height - head - step * number - 0.27
        figure.text(LEFT / WIDTH, (top + 0.07) / height, short(_name(panel), 40), weight="bold", color=INK)
        figure.text(1 - RIGHT / WIDTH, (top + 0.07) / height, _told(panel), ha="right", color=_tone(panel))
        axes = {}
        for part, part_height in heights.items():
            if not part_height:
                continue
            top -= part_height
            width = (WIDTH - LEFT - RIGHT) / WIDTH
            axes[part] = figure.add_axes((LEFT / WIDTH, top / height, width, part_height / height))
        length = len(panel.codes)
        _importance_line(axes["line"], panel.importance, low, high)
        _heat(axes["heat"], panel, limit, 0, length)
        if implants:
            _track(axes["track"], panel, 0, length)
        last = list(axes.values())[-1]
        for own in axes.values():
            own.set_xlim(0.5, length + 0.5)
            own.tick_params(axis="x", length=0, labelbottom=False)
        last.xaxis.set_major_locator(MaxNLocator(9, integer=True))
        last.tick_params(axis="x", length=2.5, labelbottom=number == len(panels) - 1)
    last.set_xlabel("position")
    _scale(figure, limit, (LEFT / WIDTH, 1 - 0.2 / height, 1.3 / WIDTH, 0.1 / height))
    figure.legend(handles=_legend(panels), loc="upper right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8.5)
    return figure


@style()
def zoomed_heat_maps(panels: Sequence[tuple[Panel, int, int]], limit: float | None = None) -> Figure:
    """Windows (panel, start, end): the letters as tall as they matter, and what each substitution does."""
    if not panels:
        return message("No bound sequence is shown.")
    limit = limit or colour_limit([panel for panel, _, _ in panels])
    columns = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    implants = any(panel.spans for panel, _, _ in panels)
    heights = {"logo": 0.75, "heat": 0.62, "track": 0.14 if implants else 0}
    step, head = 0.28 + sum(heights.values()) + 0.5, 0.62
    height = head + step * rows
    figure = Figure(figsize=(WIDTH, height), layout="none")
    gap = 0.45
    width = (WIDTH - LEFT - RIGHT - gap * (columns - 1)) / columns
    for number, (panel, start, end) in enumerate(panels):
        row, column = divmod(number, columns)
        left, top = LEFT + column * (width + gap), height - head - step * row - 0.28
        figure.text(left / WIDTH, (top + 0.07) / height, short(_name(panel), 20), weight="bold", color=INK)
        figure.text((left + width) / WIDTH, (top + 0.07) / height, _told(panel), ha="right", color=_tone(panel))
        parts = {}
        for part, part_height in heights.items():
            if part_height:
                top -= part_height
                parts[part] = figure.add_axes((left / WIDTH, top / height, width / WIDTH, part_height / height))
        draw_logo(parts["logo"], panel.importance[start:end], panel.codes[start:end], start + 1)
        parts["logo"].yaxis.set_major_locator(MaxNLocator(3))
        parts["logo"].yaxis.set_major_formatter(FuncFormatter(_plain))
        _heat(parts["heat"], panel, limit, start, end)
        if implants:
            _track(parts["track"], panel, start, end)
        last = list(parts.values())[-1]
        for own in parts.values():
            own.set_xlim(start + 0.5, end + 0.5)
            own.tick_params(axis="x", length=0, labelbottom=False)
        last.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        last.tick_params(axis="x", length=2.5, labelbottom=True)
    _scale(figure, limit, (LEFT / WIDTH, 1 - 0.2 / height, 1.3 / WIDTH, 0.1 / height))
    drawn = [panel for panel, _, _ in panels]
    figure.legend(handles=_legend(drawn), loc="upper right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8.5)
    return figure


@style()
def attention_maps(maps: Sequence[tuple[Panel, np.ndarray]], most_heads: int = 4) -> Figure:
    """Attention of each position (row) to each other (column): the mean over the heads, and the first heads.

    Parameters
    ----------
    maps
        A panel and its float array of shape (heads, P, P), rows summing to 1; P positions cover the whole sequence.
    """
    if not maps:
        return message("No attention to draw.")
    heads = min(most_heads, max(values.shape[0] for _, values in maps))
    alone = heads == 1
    columns = 1 if alone else heads + 1
    side = (WIDTH - LEFT - RIGHT) / max(columns, 3) - 0.18
    step, head, foot = side + 0.8, 0.68, 0.02
    height = head + step * len(maps) + foot
    figure = Figure(figsize=(WIDTH, height), layout="none")
    picture = None
    for row, (panel, values) in enumerate(maps):
        pictures = [("mean over heads", values.mean(axis=0))]
        pictures += [] if alone else [(f"head {k + 1}", values[k]) for k in range(min(heads, len(values)))]
        length = len(panel.codes)
        for column, (title, value) in enumerate(pictures):
            left, bottom = LEFT + column * (side + 0.18), height - head - step * row - 0.26 - side
            axes = figure.add_axes((left / WIDTH, bottom / height, side / WIDTH, side / height))
            # The uniform map has 1 everywhere.
            picture = axes.imshow(
                (value * value.shape[1]).astype(np.float32),
                cmap=BLUES,
                norm=Normalize(0, 5),
                interpolation="none",
                extent=(0.5, length + 0.5, length + 0.5, 0.5),
                aspect="auto",
            )
            axes.spines[:].set_visible(True)
            axes.set_title(title, fontsize=9, fontweight="normal", pad=3)
            axes.xaxis.set_major_locator(MaxNLocator(2, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.tick_params(labelleft=column == 0, labelsize=8)
            for start, end, _, own in panel.spans:
                look = {"color": IMPLANT if own else OTHER, "lw": 3.2, "solid_capstyle": "butt", "clip_on": False}
                axes.plot([start + 0.5, end + 0.5], [length + 0.5] * 2, **look)
                axes.plot([0.5, 0.5], [start + 0.5, end + 0.5], **look)
        line = (height - head - step * row) / height
        figure.text(LEFT / WIDTH, line, short(_name(panel), 40), weight="bold", color=INK)
        figure.text(1 - RIGHT / WIDTH, line, _told(panel), ha="right", color=_tone(panel))
    place = (LEFT / WIDTH, 1 - 0.2 / height, 1.7 / WIDTH, 0.1 / height)
    bar = figure.colorbar(picture, cax=figure.add_axes(place), orientation="horizontal", extend="max")
    bar.set_ticks([0, 1, 5], labels=["0", "1", "5"])
    bar.outline.set_visible(False)
    bar.ax.text(1.12, 0.5, "attention, times that of an even spread", transform=bar.ax.transAxes, va="center", size=8.5)
    return figure


def colour_limit(panels: Sequence[Panel]) -> float:
    """The end of the colour scale: few substitutions of these panels do more."""
    sizes = np.concatenate([np.abs(panel.values).ravel() for panel in panels])
    return float(max(np.quantile(sizes, 0.998), 1e-3))


def letter_picture(panel: Panel, start: int, end: int, limit: float) -> np.ndarray:
    """What substitutions do, as colours: uint8, shape (4, end - start, 3); rows A, C, G, T, the present letter grey."""
    values = panel.values[start:end].T
    colours = DIVERGING(Normalize(-limit, limit, clip=True)(values))[..., :3]
    codes = panel.codes[start:end]
    known = np.flatnonzero(codes != UNKNOWN)
    colours[:, codes == UNKNOWN] = to_rgb(PAPER)
    colours[codes[known], known] = to_rgb(PRESENT)
    return (255 * colours).round().astype(np.uint8)


def _heat(axes: Axes, panel: Panel, limit: float, start: int, end: int) -> None:
    axes.imshow(
        letter_picture(panel, start, end, limit),
        aspect="auto",
        interpolation="none",
        extent=(start + 0.5, end + 0.5, 4, 0),
    )
    axes.set_yticks(np.arange(4) + 0.5, list(LETTERS))
    axes.tick_params(axis="y", length=0, labelsize=7, pad=2)
    axes.spines[:].set_visible(False)


def _importance_range(panels: Sequence[Panel]) -> tuple[float, float]:
    low = min(float(panel.importance.min()) for panel in panels)
    high = max(float(panel.importance.max()) for panel in panels)
    pad = 0.06 * max(high - low, 1e-3)
    return low - pad, high + pad


def _importance_line(axes: Axes, importance: np.ndarray, low: float, high: float) -> None:
    axes.axhline(0, color=GRID, lw=0.8)
    axes.plot(np.arange(1, len(importance) + 1), importance, color=INK, lw=0.9)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    axes.tick_params(axis="y", labelsize=7.5, length=2)
    axes.spines["bottom"].set_visible(False)


def _track(axes: Axes, panel: Panel, start: int, end: int) -> None:
    """Implants as bars with their strand, cut to the window."""
    axes.set(ylim=(0, 1), yticks=[])
    axes.spines[:].set_visible(False)
    for first, last, strand, own in panel.spans:
        first, last = max(first, start), min(last, end)
        if first < last:
            axes.barh(0.45, last - first, left=first + 0.5, height=0.62, color=IMPLANT if own else OTHER, lw=0)
            arrow = "▸" if strand > 0 else "◂"
            middle = (first + last + 1) / 2
            axes.text(middle, 0.42, arrow, ha="center", va="center", size=6.5, color=PAPER)


def _scale(figure: Figure, limit: float, place: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(place)
    axes.imshow(np.linspace(-1, 1, 64)[None], cmap=DIVERGING, aspect="auto", interpolation="none", extent=(-1, 1, 0, 1))
    axes.set(yticks=[])
    axes.set_xticks([-1, 0, 1], [_plain(-limit), "0", f"+{_plain(limit)}"], fontsize=8)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.text(1.2, 0.5, "change of the logit\nby a substitution", transform=axes.transAxes, va="center", fontsize=8.5)


def _legend(panels: Sequence[Panel]) -> list[Patch]:
    handles = [Patch(color=PRESENT, label="letter present")]
    own = {own for panel in panels for _, _, _, own in panel.spans}
    handles += [Patch(color=IMPLANT, label="implant of the factor")] if True in own else []
    handles += [Patch(color=OTHER, label="other implant")] if False in own else []
    return handles


def _name(panel: Panel) -> str:
    return panel.factor if panel.bound is None else f"{panel.factor}: {'bound' if panel.bound else 'not bound'}"


def _told(panel: Panel) -> str:
    return f"{'' if panel.right else 'wrong, '}probability {panel.probability:.2f}  ·  {short(panel.id, 24)}"


def _tone(panel: Panel) -> str:
    return MUTED if panel.right else AGAINST


def _plain(value: float, _: object = None) -> str:
    return f"{value:.2g}".replace("-", "−")
