"""Letters as tall as they matter: attributions of sequences by several methods, motifs found beside known ones.

The letters are drawn by logomaker (Tareen and Kinney, Bioinformatics 36, 2272-2274 (2020)). Heights of motifs are
information contents in bits against equal letters (Schneider and Stephens, Nucleic Acids Res 18, 6097-6100 (1990)).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lexome.dna import LETTERS
from lexome.inside import Panel, letters_of
from lexome.look import GRID, INK, MUTED, PALETTE, WIDTH, message, short, style
from lexome.motifs import information

COLOURS = {"A": PALETTE[2], "C": PALETTE[3], "G": PALETTE[1], "T": PALETTE[4]}
METHODS = {
    "ism": "in-silico mutagenesis",
    "gradient": "gradient × input",
    "integrated_gradients": "integrated gradients",
    "deeplift_shap": "DeepLIFT/SHAP",
    "pwm": "known motif alone",
    "random": "random",
}


def draw_letters(axes: Axes, heights: np.ndarray, start: float) -> None:
    """Draw a logo, its first position at `start`.

    Parameters
    ----------
    heights
        Float, shape (width, 4), columns A, C, G, T; letters below 0 hang upside down.
    """
    from logomaker import Logo  # it imports pyplot, which only these pictures pay for

    heights = np.nan_to_num(np.asarray(heights, dtype=float))
    if not np.any(heights):
        axes.text(0.5, 0.5, "all 0", transform=axes.transAxes, ha="center", va="center", color=MUTED, size=8)
        axes.set(xlim=(start - 0.5, start + len(heights) - 0.5), ylim=(0, 1))
        return
    frame = pd.DataFrame(heights, columns=list(LETTERS), index=start + np.arange(len(heights)))
    Logo(frame, ax=axes, color_scheme=COLOURS, font_name="DejaVu Sans", baseline_width=0, show_spines=None)
    axes.axhline(0, color=MUTED, lw=0.6, zorder=-1)


def draw_logo(axes: Axes, importance: np.ndarray, codes: np.ndarray, start: int) -> None:
    """Draw importances, shape (width,), as the letters that are there; the first one at position `start`."""
    draw_letters(axes, letters_of(np.asarray(importance), codes), start)
    axes.tick_params(axis="y", labelsize=7.5, length=2)


@style()
def method_logos(windows: Sequence[tuple[Panel, int, int, Mapping[str, np.ndarray]]]) -> Figure:
    """What several methods say of the same window of a sequence, a column a sequence, a row a method.

    Parameters
    ----------
    windows
        Panel, start and end (0-based, half-open), and for each method the importances of the whole sequence, (L,).
    """
    if not windows:
        return message("No bound sequence is shown.")
    methods = list(dict.fromkeys(method for *_, values in windows for method in values))
    columns = 2 if len(windows) > 1 else 1
    blocks = -(-len(windows) // columns)
    left, right, gap, logo = 0.45, 0.1, 0.5, 0.44
    step, head = 0.3 + (logo + 0.2) * len(methods) + 0.34, 0.06
    height = head + step * blocks
    width = (WIDTH - left - right - gap * (columns - 1)) / columns
    figure = Figure(figsize=(WIDTH, height), layout="none")
    for number, (panel, start, end, values) in enumerate(windows):
        block, column = divmod(number, columns)
        x, top = left + column * (width + gap), height - head - step * block
        figure.text(x / WIDTH, (top - 0.16) / height, short(panel.factor, 24), weight="bold", color=INK, size=10.5)
        told = f"probability {panel.probability:.2f}  ·  {short(panel.id, 24)}"
        figure.text((x + width) / WIDTH, (top - 0.16) / height, told, ha="right", color=MUTED)
        top -= 0.3
        for method in methods:
            top -= logo + 0.2
            axes = figure.add_axes((x / WIDTH, top / height, width / WIDTH, logo / height))
            for first, last, _, own in panel.spans:
                if own and first < end and last > start:
                    axes.axvspan(max(first, start) + 0.5, min(last, end) + 0.5, color=GRID, lw=0, zorder=-3)
            draw_logo(axes, values[method][start:end], panel.codes[start:end], start + 1)
            axes.set_xlim(start + 0.5, end + 0.5)
            axes.set_title(METHODS.get(method, method), fontsize=8.5, fontweight="normal", pad=2, color=MUTED)
            axes.spines["bottom"].set_visible(False)
            axes.yaxis.set_major_locator(MaxNLocator(2))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}".replace("-", "−")))
            last_one = method == methods[-1]
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axes.tick_params(axis="x", length=2.5 if last_one else 0, labelbottom=last_one, labelsize=8)
    return figure


def heights(probabilities: np.ndarray) -> np.ndarray:
    """Heights of letters in bits: float, shape (width, 4), of probabilities of that shape."""
    p = np.asarray(probabilities, dtype=float)
    return p * information(p)[:, None]


def align(found: np.ndarray, known: np.ndarray) -> tuple[int, bool]:
    """Where a motif lies on a known one.

    The offset and the strand are those at which the two agree best: the sum over shared positions of the products of
    their letters' heights, less what equal letters would give.

    Parameters
    ----------
    found, known
        Probabilities, shapes (w, 4) and (k, 4).

    Returns
    -------
    offset : int
        Position of the known motif's frame at which the found one starts; may be negative.
    turned : bool
        Whether it is the found one's reverse complement that starts there.
    """
    second = known - 0.25
    best = (-np.inf, 0, False)
    for turned in (False, True):
        first = (found[::-1, ::-1] if turned else found) - 0.25
        for offset in range(1 - len(first), len(second)):
            low, high = max(0, offset), min(len(second), offset + len(first))
            score = float((first[low - offset : high - offset] * second[low:high]).sum())
            if score > best[0] + 1e-12:
                best = (score, offset, turned)
    return best[1], best[2]


@style()
def motif_logos(
    motifs: pd.DataFrame, found: Mapping[tuple[str, str], np.ndarray], known: Mapping[str, np.ndarray]
) -> Figure:
    """Motifs that a network has learnt beside the known ones that they are most like.

    Parameters
    ----------
    motifs
        Rows of `motifs.tsv`, read by `insidetables.read_table`, in the order of the picture.
    found
        (factor, pattern) to probabilities, shape (w, 4).
    known
        Matrix id to probabilities, shape (k, 4).
    """
    rows = [row for row in motifs.to_dict("records") if (row["factor"], row["pattern"]) in found]
    if not rows:
        return message("No motif was found.")
    head, step, logo = 0.32, 0.86, 0.52
    height = head + step * len(rows) + 0.05
    figure = Figure(figsize=(WIDTH, height), layout="none")
    columns = ((1.75, 2.95), (4.95, 2.95))
    for (x, _), title in zip(columns, ("found in the network", "known motif"), strict=True):
        figure.text(x / WIDTH, 1 - 0.2 / height, title, color=INK, weight="bold")
    for number, row in enumerate(rows):
        top = height - head - step * number
        matrix = np.asarray(found[row["factor"], row["pattern"]])
        other = known.get(row["match"])
        offset, turned = align(matrix, other) if other is not None else (0, False)
        matrix = matrix[::-1, ::-1] if turned else matrix
        first = min(0, offset)
        last = max(offset + len(matrix), len(other) if other is not None else 0)
        about = f"{int(row['seqlets']):,} seqlets" + ("" if row["sign"] > 0 else ", against")
        if number == 0 or rows[number - 1]["factor"] != row["factor"]:
            figure.text(0.06 / WIDTH, (top - 0.2) / height, short(row["factor"], 14), weight="bold", color=INK)
        figure.text(0.06 / WIDTH, (top - 0.38) / height, short(row["pattern"], 20), size=8.5, color=MUTED)
        figure.text(0.06 / WIDTH, (top - 0.54) / height, about, size=8.5, color=MUTED)
        told = match_text(row) if other is not None else "like no known motif"
        for (x, width), values, start, note in (
            (columns[0], matrix, offset, "reverse strand" if turned else ""),
            (columns[1], other, 0, told),
        ):
            figure.text((x + width) / WIDTH, (top - 0.11) / height, note, ha="right", size=8.5, color=MUTED)
            if values is None:
                continue
            place = (x / WIDTH, (top - 0.2 - logo) / height, width / WIDTH, logo / height)
            axes = figure.add_axes(place)
            draw_letters(axes, heights(values), start)
            axes.set(xlim=(first - 0.5, last - 0.5), ylim=(0, 2), xticks=[])
            axes.set_yticks([0, 1, 2])
            axes.tick_params(axis="y", labelsize=7.5, length=2, labelleft=x == columns[0][0])
            axes.spines["bottom"].set_visible(False)
    return figure


def match_text(row: Mapping) -> str:
    """`SRF, MA0083.3, q = 3e-08; the factor's own`."""
    own = "; the factor's own" if row["own"] else ""
    q = "" if pd.isna(row["q"]) else f", q = {row['q']:.1g}"
    return f"{row['match_name']}, {row['match']}{q}{own}"
