"""How lexome looks and speaks: the style of its figures, one colour a model, names for people.

Nothing here goes through `pyplot` or changes matplotlib's settings for longer than a call.
"""

import contextlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lexome.runtime import atomic

# The report maps these four onto its light and dark themes: every picture uses them and no near-duplicates.
INK, MUTED, GRID, PAPER = "#1d2430", "#667085", "#dfe3e8", "#ffffff"
TRIVIAL = "#8a8f98"
# Okabe and Ito's colours (yellow left out: unreadable on white), then darker ones for long lists of models.
PALETTE = (
    "#cc79a7",
    "#e69f00",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#56b4e9",
    "#5b3a8c",
    "#8c5a2b",
    "#7a8b00",
    "#a3214f",
)
MARKERS = "^sDovPX"
SUBSETS = {"train": "#b5bcc7", "valid": "#56b4e9", "test": "#0072b2"}
BLUES = LinearSegmentedColormap.from_list("lexome", [PAPER, "#9cc7e4", "#2a7fb8", "#0b3c66"])
WIDTH = 8.0  # inches
DPI = 160
MANY_MARKS = 3000  # beyond this, marks inside a vector picture are stored as an image

_WORDS = {
    "auprc": "auPRC",
    "auroc": "auROC",
    "f1": "F1",
    "fmax": "Fmax",
    "smin": "Smin",
    "bio": "BIO",
    "mcc": "MCC",
    "ece": "ECE",
}
_LOWER_IS_BETTER = {"smin", "ece", "loss", "error", "perplexity", "brier"}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The look of every figure: a context manager (so a decorator too) that leaves no setting changed."""
    settings = {
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "figure.facecolor": PAPER,
        "savefig.facecolor": PAPER,
        "figure.constrained_layout.use": True,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica Neue", "Arial"],
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.labelsize": 9.5,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.titlecolor": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.parse_math": False,  # a name may hold a dollar sign
        "svg.fonttype": "none",  # text stays text: searchable, selectable, readable aloud
        "svg.hashsalt": "lexome",
    }
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **settings, "backend": matplotlib.rcParams["backend"]}):
        yield


def save(figure: Figure, path: str | Path) -> None:
    """Save as the suffix of `path` says (.svg, .png, .pdf), whole or not at all, always the same bytes."""
    kind = Path(path).suffix.lstrip(".").lower()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with style(), atomic(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=undated.get(kind))


def save_pages(figures: Iterable[Figure], path: str | Path) -> None:
    """Save figures as the pages of one PDF, whole or not at all, always the same bytes; none: a page that says so."""
    from matplotlib.backends.backend_pdf import PdfPages

    with style(), atomic(path) as temporary, PdfPages(temporary, metadata={"CreationDate": None}) as pages:
        figure = None
        for figure in figures:
            pages.savefig(figure)
        if figure is None:
            pages.savefig(message("There is nothing to draw."))


def model_colours(models: Sequence[str], trivial: str | None = None) -> dict[str, str]:
    """One colour a model, by its place in the study's list of models; the trivial baseline is always grey."""
    others = [model for model in dict.fromkeys(models) if model != trivial]
    colours = {model: PALETTE[place % len(PALETTE)] for place, model in enumerate(others)}
    return colours if trivial is None else {**colours, trivial: TRIVIAL}


def model_markers(colours: Mapping[str, str]) -> dict[str, str]:
    """One marker a model, so that two models are told apart where colours repeat or cannot be seen."""
    return {model: MARKERS[place % len(MARKERS)] for place, model in enumerate(colours)}


def metric_title(metric: str) -> str:
    """A metric's name for people: `term_auprc` becomes `term auPRC`."""
    return " ".join(_WORDS.get(word, word) for word in metric.split("_"))


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of this metric is the better one."""
    return metric.split("_")[-1] in _LOWER_IS_BETTER


@style()
def message(text: str) -> Figure:
    """A figure that only says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, 2.0))
    figure.text(0.5, 0.5, textwrap.fill(text, 90), ha="center", va="center", color=MUTED)
    return figure


def log_axis(axes: Axes, which: str) -> None:
    """A logarithmic axis with plain numbers: 1, 10, 100, 1,000."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(axis.get_view_interval())
    few = low > 0 and high / low < 300
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_major_formatter(FuncFormatter(number))
    axis.set_minor_formatter(NullFormatter())


def number(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def plural(noun: str) -> str:
    if noun.endswith(("species", "series")):
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"


def short(text: str, most: int) -> str:
    """One line of at most `most` characters."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
