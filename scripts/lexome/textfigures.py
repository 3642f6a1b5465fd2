"""Pictures of texts and of the ontology that they come from: arrays and tables in, a matplotlib `Figure` out."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from wordcloud import STOPWORDS, WordCloud

from lexome.look import INK, MUTED, PALETTE, PAPER, WIDTH, log_axis, message, number, plural, short, style

# Colours of classes, told apart in grey as well.
CLASSES = [PALETTE[place] for place in (3, 4, 2, 1, 6, 5, 0, 7, 8, 9)]
MOST_CLASSES = 10
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
EMPTY = STOPWORDS | {"etc", "may", "one", "two", "via", "whose", "within"}
SHOWN = re.compile(r"[^\W\d_][\w'-]*[^\W_]")
RELATIONS = {"is_a": "-", "part_of": (0, (4, 1.5)), "other": (0, (1, 1.5))}


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """One colour a class, by its place."""
    return {name: CLASSES[place % len(CLASSES)] for place, name in enumerate(names)}


@style()
def class_balance(counts: Mapping[str, int], example_noun: str, label_noun: str) -> Figure:
    """How many examples each class has, with its share; the commonest ones where there are many."""
    total = sum(counts.values())
    if not total:
        return message(f"No {example_noun} with a {label_noun}.")
    shown = sorted(counts, key=lambda name: (-counts[name], name))[: 2 * MOST_CLASSES]
    colours = class_colours(list(counts)) if len(counts) <= MOST_CLASSES else dict.fromkeys(shown, CLASSES[0])
    figure = Figure(figsize=(WIDTH, 0.9 + 0.34 * len(shown)))
    axes = figure.subplots()
    rows = np.arange(len(shown))[::-1]
    axes.barh(rows, [counts[name] for name in shown], color=[colours[name] for name in shown], height=0.66)
    for row, name in zip(rows, shown, strict=True):
        text = f" {counts[name]:,} ({counts[name] / total:.1%})"
        axes.text(counts[name], row, text, va="center", fontsize=9, color=INK)
    axes.set_yticks(rows, [short(name, 34) for name in shown])
    axes.tick_params(axis="y", length=0)
    few = "" if len(shown) == len(counts) else f", the {len(shown)} commonest of {len(counts):,}"
    axes.set(xlabel=plural(example_noun), ylim=(-0.6, len(shown) - 0.4), xlim=(0, max(counts.values()) * 1.22))
    axes.set_title(f"{plural(label_noun).capitalize()}{few}")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.grid(True, axis="x")
    return figure


@style()
def word_counts(lengths: Mapping[str, np.ndarray], unit: str, example_noun: str) -> Figure:
    """Box plot of the lengths of each class: median, quartiles, and whiskers from the 5th to the 95th percentile."""
    colours = class_colours(list(lengths))
    lengths = {name: np.asarray(values) for name, values in lengths.items() if len(values)}
    if not lengths:
        return message(f"No {example_noun} to measure.")
    shown = sorted(lengths, key=lambda name: (-len(lengths[name]), name))[:MOST_CLASSES]
    figure = Figure(figsize=(WIDTH, 1.0 + 0.55 * len(shown)))
    axes = figure.subplots()
    rows = np.arange(len(shown))[::-1]
    boxes = axes.boxplot(
        [lengths[name] for name in shown],
        positions=rows,
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        widths=0.5,
        medianprops={"color": PAPER, "linewidth": 2},
        whiskerprops={"color": MUTED},
        capprops={"color": MUTED},
    )
    for box, name in zip(boxes["boxes"], shown, strict=True):
        box.set(facecolor=colours[name], edgecolor=colours[name])
    every = np.concatenate([lengths[name] for name in shown])
    if np.quantile(every, 0.95) / max(np.quantile(every, 0.05), 1) > 30:
        log_axis(axes, "x")
    axes.set_yticks(rows, [f"{short(name, 30)}\n{_sizes(lengths[name], example_noun)}" for name in shown])
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=f"length ({unit})", ylim=(-0.6, len(shown) - 0.4))
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.grid(True, axis="x")
    return figure


def _sizes(lengths: np.ndarray, noun: str) -> str:
    many = plural(noun) if len(lengths) != 1 else noun
    return f"{len(lengths):,} {many}, median {np.median(lengths):,.0f}, most {lengths.max():,}"


def word_frequencies(texts: Iterable[str]) -> Counter:
    """In how many texts each word stands, stop words and single letters left out.

    Words that differ in case count together, in lower case unless most of them are written otherwise inside a text
    (DNA, mRNA).
    """
    forms: Counter = Counter()
    for text in texts:
        forms.update({word.lower() if word[1:].islower() else word for word in SHOWN.findall(text)})
    by_word: dict[str, Counter] = {}
    for form, n in forms.items():
        if form.lower() not in EMPTY:
            by_word.setdefault(form.lower(), Counter())[form] = n
    return Counter({max(own, key=lambda form: (own[form], form)): sum(own.values()) for own in by_word.values()})


@style()
def word_clouds(texts: Mapping[str, Sequence[str]], most: int = 60, seed: int = 0) -> Figure:
    """A cloud of words for each class.

    Size grows with the share of the class's texts that have the word. Colour says how typical it is: full where the
    word stands in no other class, grey where it is as common in the others.

    Parameters
    ----------
    texts
        The texts of each class.
    most
        Words a cloud.
    seed
        Of the placing.
    """
    shares = {name: pd.Series(word_frequencies(own), dtype=float) / len(own) for name, own in texts.items() if len(own)}
    shares = {name: own for name, own in shares.items() if len(own)}
    if not shares:
        return message("No text has a word to show.")
    colours = class_colours(list(texts))
    shown = sorted(shares, key=lambda name: (-len(texts[name]), name))[:6]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(WIDTH, 3.2 * rows))
    figure.get_layout_engine().set(h_pad=0.1)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    table = pd.DataFrame(shares).fillna(0.0)
    for axes, name in zip(grid.flat, shown, strict=False):
        own = table[name].sort_values(ascending=False, kind="stable")[:most]
        rest = table.drop(columns=name).loc[own.index].max(axis=1) if len(table.columns) > 1 else own * 0
        typical = ((own - rest) / own).clip(0, 1)
        axes.imshow(_cloud(own[own > 0], typical, colours[name], seed), interpolation="none")
        axes.set_title(f"{short(name, 28)} ({len(texts[name]):,})", color=colours[name])
    return figure


def _cloud(shares: pd.Series, typical: pd.Series, colour: str, seed: int) -> np.ndarray:
    """Words by share as a picture with a clear background; uint8, shape (height, width, 4)."""
    strong, weak = np.array(to_rgb(colour)), np.array(to_rgb(MUTED))

    def paint(word: str, **_) -> tuple[int, ...]:
        mixed = strong * typical[word] + weak * (1 - typical[word])
        return tuple(round(255 * part) for part in mixed)

    cloud = WordCloud(
        width=560,
        height=600,
        font_path=str(FONT),
        mode="RGBA",
        background_color=None,
        color_func=paint,
        prefer_horizontal=1.0,
        relative_scaling=0.45,
        margin=4,
        max_words=len(shares),
        min_font_size=10,
        max_font_size=96,
        random_state=seed,
    )
    return cloud.generate_from_frequencies(shares.to_dict()).to_array()


@style()
def connected_terms(terms: pd.DataFrame, most: int = 150) -> Figure:
    """The most connected part of an ontology: the live terms with most links, and the links among them.

    Parameters
    ----------
    terms
        The table of `parse_ontology`.
    most
        Terms looked at: those with most links to any other live term, parents and children together. Those without a
        link to another one of them are left out.
    """
    live = terms[~terms["obsolete"].astype(bool)].set_index("id")
    graph = nx.DiGraph()
    graph.add_nodes_from(live.index)
    for child, parents in live["parents"].items():
        graph.add_edges_from((child, parent["id"], {"relation": parent["relation"]}) for parent in parents)
    graph.remove_nodes_from([term for term in graph if term not in live.index])
    if not graph.number_of_edges():
        return message("The ontology has no links between live terms.")
    degree = dict(graph.degree())
    top = sorted(degree, key=lambda term: (-degree[term], term))[:most]
    part = graph.subgraph(top)
    part = part.subgraph([term for term in top if part.degree(term)])
    aspect = live["namespace"].to_dict()
    aspects = sorted(set(aspect.values()))
    colours = class_colours(aspects)
    place, width, height = _placed(nx.Graph(part))

    scale = 72 * WIDTH / width * np.array([1, 1.35])  # points a unit; stretched upwards to make room for names
    figure = Figure(figsize=(WIDTH, 0.9 + height * scale[1] / 72))
    axes = figure.subplots()
    axes.axis("off")
    axes.set(xlim=(0, width), ylim=(0, height))
    for child, parent, relation in sorted(part.edges(data="relation")):
        dashes = RELATIONS.get(relation, RELATIONS["other"])
        axes.plot(*zip(place[child], place[parent], strict=True), color=MUTED, lw=0.8, ls=dashes, alpha=0.7, zorder=1)
    nodes = sorted(part)
    links = np.array([degree[term] for term in nodes])
    radius = 2 + 7 * np.sqrt(links / links.max())  # points
    axes.scatter(
        *np.array([place[term] for term in nodes]).T,
        s=(2 * radius) ** 2,
        c=[colours[aspect[term]] for term in nodes],
        edgecolors=PAPER,
        lw=0.8,
        zorder=2,
    )
    radii = dict(zip(nodes, radius, strict=True))
    _name_nodes(axes, place, radii, live["name"], scale, np.array([width, height]) * scale, top)
    tally = Counter(aspect[term] for term in nodes)
    handles = [
        Line2D([], [], marker="o", ls="", color=colours[name], label=f"{name.replace('_', ' ')} ({tally[name]})")
        for name in aspects
    ]
    handles += [Line2D([], [], color=MUTED, ls=dashes, label=name) for name, dashes in RELATIONS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    axes.set_title(
        f"{len(nodes)} of {len(live):,} terms, {part.number_of_edges()} of {graph.number_of_edges():,} links"
    )
    return figure


def _placed(graph: nx.Graph) -> tuple[dict[str, np.ndarray], float, float]:
    """Where each node stands, and the width and height of it all.

    Each part that hangs together is spread on its own (Kamada and Kawai 1989), on an area that grows with its nodes;
    the largest part stands on the left, the others in columns beside it.
    """
    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    place: dict[str, np.ndarray] = {}
    height = left = below = column = 0.0
    for part in parts:
        side = 1.6 + np.sqrt(len(part))
        height = max(height, side)
        if below + side > height:
            left, below, column = left + column, 0.0, 0.0
        ordered = nx.Graph()  # a view's order, on which the layout depends, changes from run to run
        ordered.add_nodes_from(sorted(part))
        ordered.add_edges_from(sorted(map(sorted, graph.edges(part))))
        own = nx.kamada_kawai_layout(ordered)
        points = np.array(list(own.values()))
        low, high = points.min(axis=0), points.max(axis=0)
        middle = np.array([left, -below - side]) + side / 2
        points = middle + (points - (low + high) / 2) / max((high - low).max(), 1e-9) * (side - 1.2)
        place |= dict(zip(own, points, strict=True))
        below, column = below + side, max(column, side)
    # Only the height that is used, with room for names above and below.
    low, high = (end([point[1] for point in place.values()]) for end in (min, max))
    return {term: point - np.array([0, low - 0.7]) for term, point in place.items()}, left + column, high - low + 1.4


def _name_nodes(
    axes: Axes,
    place: Mapping[str, np.ndarray],
    radius: Mapping[str, float],
    names: Mapping[str, str],
    scale: np.ndarray,
    extent: np.ndarray,
    order: Sequence[str],
    size: float = 6.2,
) -> None:
    """Write names beside nodes, in `order`, where they hide no name and little of a node; leave out the others.

    `scale` is points a unit, `radius` and `extent` (of the drawing) are in points; 0.58 is the width of a letter.
    """
    spots = {term: point * scale for term, point in place.items()}
    taken = [(*(spot - 0.7 * radius[term]), *(spot + 0.7 * radius[term])) for term, spot in spots.items()]
    for term in (term for term in order if term in spots):
        lines = textwrap.wrap(names[term], 22, max_lines=2, placeholder="…")
        width, height = 0.58 * size * max(map(len, lines)), 1.2 * size * len(lines)
        near = 0.7 * radius[term] + 1
        for across, along in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            away = near * np.array([across, along]) * (1 if across and along else 1.43)
            left, bottom = spots[term] + away + [(across - 1) * width / 2, (along - 1) * height / 2]
            box = (left, bottom, left + width, bottom + height)
            if min(box) < 0 or (np.array(box[2:]) > extent).any() or any(_meet(box, other) for other in taken):
                continue
            axes.annotate(
                "\n".join(lines),
                place[term],
                away,
                textcoords="offset points",
                ha=("right", "center", "left")[across + 1],
                va=("top", "center", "bottom")[along + 1],
                fontsize=size,
                linespacing=1.05,
                color=INK,
                zorder=3,
                in_layout=False,
            )
            taken.append(box)
            break


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, bottom, right, top) overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
