"""Pictures of scored variants: every substitution of a few sequences, and the strongest variants of a list."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lexome.dna import LETTERS, UNKNOWN
from lexome.dnafigures import AGAINST, FOR, heat_maps
from lexome.inside import Panel
from lexome.look import GRID, MUTED, WIDTH, message, short, style

PANELS = 6  # heat maps in a picture
WIDEST = 200  # nucleotides that a heat map shows


def substitution_panels(table: pd.DataFrame, most: int = PANELS, widest: int = WIDEST) -> list[Panel]:
    """Heat maps of the first sequences, each for the factors that its substitutions change most.

    Parameters
    ----------
    table
        Of `variants.effects`, the substitutions of sequences (`chrom`).
    most
        Panels: one sequence has as many factors, several share them.
    widest
        Nucleotides; of a longer sequence the stretch about the strongest substitution is shown.
    """
    names = list(dict.fromkeys(table["chrom"]))[:most]
    panels = []
    for name in names:
        own = table[table["chrom"] == name]
        strongest = own["effect"].abs().groupby(own["factor"]).max().sort_values(ascending=False, kind="stable")
        for factor in strongest.index[: max(1, most // len(names))]:
            panels.append(_panel(name, factor, own[own["factor"] == factor], widest))
    return panels


def _panel(name: str, factor: str, rows: pd.DataFrame, widest: int) -> Panel:
    length = int(rows["pos"].max())
    values = np.zeros((length, 4), dtype=np.float32)
    codes = np.full(length, UNKNOWN, dtype=np.uint8)
    places = rows["pos"].to_numpy() - 1
    values[places, [LETTERS.index(letter) for letter in rows["alt"]]] = rows["effect"]
    codes[places] = [LETTERS.index(letter) for letter in rows["ref"]]
    at = int(places[rows["effect"].abs().to_numpy().argmax()])
    start = max(0, min(at - widest // 2, length - widest))
    part = slice(start, start + widest)
    probability = rows["probability_ref"].iloc[np.abs(places - at).argmin()]
    shown = name if length <= widest else f"{name} from {start + 1:,}"
    importance = -values[part].sum(axis=1) / 3
    return Panel(0, shown, factor, None, float(probability), values[part], importance, codes[part], ())


def substitution_maps(table: pd.DataFrame) -> Figure:
    """Heat maps of `substitution_panels`: the importance line, and what each substitution does to the logit."""
    return heat_maps(substitution_panels(table))


@style()
def strongest_variants(table: pd.DataFrame, most: int = 25) -> Figure:
    """The variants that change a prediction most, each for the factor that it changes most.

    Parameters
    ----------
    table
        Of `variants.effects`.
    most
        Variants, by the size of the effect.
    """
    table = table.assign(size=table["effect"].abs()).sort_values("size", ascending=False, kind="stable")
    rows = table.drop_duplicates(["id", "chrom", "pos", "ref", "alt"]).head(most)
    if rows.empty:
        return message("No variant was scored.")
    figure = Figure(figsize=(WIDTH, 1.3 + 0.24 * len(rows)))
    axes = figure.subplots()
    places = np.arange(len(rows))
    colours = [FOR if effect > 0 else AGAINST for effect in rows["effect"]]
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.hlines(places, 0, rows["effect"], color=colours, lw=2)
    axes.scatter(rows["effect"], places, color=colours, s=26, zorder=3)
    axes.set_yticks(places, [_told(row) for row in rows.itertuples()], fontsize=8.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color=GRID)
    axes.set_xlabel("change of the logit by the variant")
    # The factor stands across the zero from its bar, where there is always room.
    reach = 1.08 * float(rows["size"].max())
    axes.set_xlim(-reach, reach)
    for place, row in zip(places, rows.itertuples(), strict=True):
        side, end = (-1, "right") if row.effect > 0 else (1, "left")
        chances = f"{row.factor} {row.probability_ref:.2f} → {row.probability_alt:.2f}"
        axes.annotate(chances, (0, place), (6 * side, 0), textcoords="offset points", ha=end, va="center", size=8)
    handles = [
        Line2D([], [], color=colour, marker="o", lw=2, label=label)
        for colour, label in ((FOR, "more binding predicted"), (AGAINST, "less"))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _told(row) -> str:
    """`chr1:1,234 A>G`, and the id of a variant that has one."""
    place = f"{row.chrom}:{row.pos:,} {short(row.ref, 8)}>{short(row.alt, 8)}"
    own = f"{row.chrom}:{row.pos}:{row.ref}>{row.alt}"
    return place if row.id == own else f"{place}  {short(row.id, 16)}"
