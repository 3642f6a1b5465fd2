"""The picture of an adaptation: its loss beside what counts alone can tell."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from lexome.adaptationtables import baseline_title
from lexome.look import MUTED, SUBSETS, WIDTH, style

# Height of a line of the names of levels, as a share of the axis.
LINE = 0.042


@style()
def adaptation_curve(history: Sequence[Mapping], told: Mapping) -> Figure:
    """Loss (nats a masked token) over the steps that trained everything.

    Parameters
    ----------
    history
        See `adaptation.fit`.
    told
        `<name>.adaptation.json`: of the texts held out, the perplexity before and that of every baseline is a line.
    """
    figure = Figure(figsize=(WIDTH, 3.6))
    axes = figure.subplots()
    records = [record for record in history if record["stage"] == "all"]
    curve = [point for record in records for point in record.get("curve", [(record["step"], record["train_loss"])])]
    axes.plot(*zip(*curve, strict=True), color=MUTED, lw=1.1, ls=(0, (4, 2)), label="train")
    start = math.log(told["perplexity"]["valid"]["before"]["value"])
    steps = [0, *(record["step"] for record in records)]
    losses = [start, *(record["valid_loss"] for record in records)]
    axes.plot(steps, losses, color=SUBSETS["test"], lw=1.3, marker="o", ms=3.5, label="held out")
    levels = {name: math.log(figures["perplexity"]["value"]) for name, figures in told.get("baselines", {}).items()}
    for level in levels.values():
        axes.axhline(level, color=MUTED, lw=0.7, ls=":")
    bottom, top = axes.get_ylim()
    height = -math.inf
    for name, level in sorted(levels.items(), key=lambda item: item[1]):
        # Names of levels that are near each other stand one above the other.
        height = max(level, height + LINE * (top - bottom))
        axes.annotate(
            baseline_title(name), (1, height), xycoords=("axes fraction", "data"), xytext=(-3, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=6.5, color=MUTED,
        )  # fmt: skip
    axes.set(xlabel="step", ylabel="nats a masked token")
    axes.grid(True, axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    return figure
