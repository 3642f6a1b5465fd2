"""Pictures of texts say what the data say, repeat to the byte, and cope with odd studies."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lexome import textfigures
from lexome.look import save
from parse_ontology import parse_ontology
from plot_ontology import plot_ontology
from plot_texts import plot_texts
from prepare_go_aspect import prepare_go_aspect

GO = Path(__file__).parent / "fixtures" / "go" / "go.obo"
COUNTS = {"process": 60, "component": 10, "function": 30}


@pytest.fixture(scope="module")
def terms(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("ontology") / "go.parquet"
    parse_ontology(str(GO), str(path))
    return path


def said(figure) -> str:
    """All words on a figure."""
    texts = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return "\n".join(texts)


def test_class_balance_shows_counts_and_shares():
    figure = textfigures.class_balance(COUNTS, "definition", "aspect")
    bars = sorted(bar.get_width() for bar in figure.axes[0].patches)
    assert bars == sorted(COUNTS.values())
    assert "60 (60.0%)" in said(figure)


def test_class_balance_keeps_the_commonest_of_many():
    counts = {f"class {number:03d}": number + 1 for number in range(100)}
    figure = textfigures.class_balance(counts, "note", "specialty")
    assert len(figure.axes[0].patches) == 20
    assert "the 20 commonest of 100" in said(figure)
    assert max(bar.get_width() for bar in figure.axes[0].patches) == 100


def test_word_counts_draw_quartiles():
    rng = np.random.default_rng(0)
    lengths = {name: rng.integers(3, 60, n) for name, n in COUNTS.items()}
    figure = textfigures.word_counts(lengths, "words", "definition")
    axes = figure.axes[0]
    assert len(axes.patches) == 3
    shown = sorted(np.unique(box.get_path().vertices[:, 0])[[0, -1]].tolist() for box in axes.patches)
    quartiles = sorted(np.quantile(values, [0.25, 0.75]).tolist() for values in lengths.values())
    assert np.allclose(shown, quartiles)
    assert f"60 definitions, median {np.median(lengths['process']):.0f}, most {lengths['process'].max()}" in said(
        figure
    )


def test_word_frequencies_count_texts_not_occurrences():
    texts = ["The DNA and DNA of mRNA", "the dna", "DNA", "Catalysis: catalysis of H2O", "Binding to a DNA-motif"]
    counts = textfigures.word_frequencies(texts)
    assert counts == {"DNA": 3, "mRNA": 1, "catalysis": 1, "H2O": 1, "binding": 1, "DNA-motif": 1}


def test_word_clouds_have_a_panel_a_class():
    texts = {"process": ["cell division stops"] * 3, "function": ["binding of DNA"], "empty": []}
    figure = textfigures.word_clouds(texts)
    pictures = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in pictures] == ["process (3)", "function (1)"]
    for axes in pictures:
        picture = np.asarray(axes.images[0].get_array())
        assert picture.shape[2] == 4  # a clear background, so that the picture stands on light and dark paper
        assert 0 < (picture[:, :, 3] > 0).mean() < 0.9


def test_words_that_other_classes_share_are_grey():
    own = {"one": ["cell membrane"] * 4, "other": ["cell wall"] * 4}
    picture = np.asarray(textfigures.word_clouds(own).axes[0].images[0].get_array())
    solid = {tuple(pixel[:3]) for pixel in picture[picture[:, :, 3] == 255]}
    grey, blue = (
        tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in ("#667085", textfigures.CLASSES[0])
    )
    assert {grey, blue} <= solid


def test_connected_terms_are_those_with_most_links(terms):
    table = pd.read_parquet(terms)
    live = table[~table["obsolete"]]
    links = sum(map(len, live["parents"]))
    figure = textfigures.connected_terms(table)
    assert f"{len(live)} of {len(live)} terms, {links} of {links} links" in said(figure)
    assert len(figure.axes[0].collections[0].get_offsets()) == len(live)
    few = textfigures.connected_terms(table, most=5)
    degree = (
        live["parents"]
        .map(len)
        .set_axis(live["id"])
        .add(pd.Series([p["id"] for row in live["parents"] for p in row]).value_counts(), fill_value=0)
    )
    assert degree.max() == degree["GO:0110165"]
    assert len(few.axes[0].collections[0].get_offsets()) <= 5
    assert "cellular anatomical" in said(few)


def test_names_do_not_hide_each_other(terms):
    figure = textfigures.connected_terms(pd.read_parquet(terms))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 15
    crossed = [
        (one, other)
        for place, one in enumerate(boxes)
        for other in boxes[:place]
        if one.shrunk(0.9, 0.8).overlaps(other)
    ]
    assert not crossed


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (lambda: textfigures.class_balance({"a": 0}, "note", "class"), "No note with a class."),
        (lambda: textfigures.word_counts({"a": []}, "words", "note"), "No note to measure."),
        (lambda: textfigures.word_clouds({"a": ["of the", "!"], "b": []}), "No text has a word to show."),
        (
            lambda: textfigures.connected_terms(
                pd.DataFrame({"id": ["x"], "obsolete": [False], "name": ["x"], "namespace": ["n"], "parents": [[]]})
            ),
            "no links",
        ),
    ],
)
def test_nothing_to_show_says_so(figure, text):
    assert text in said(figure())


def test_pictures_repeat_to_the_byte(terms, tmp_path):
    table = pd.read_parquet(terms)
    for name in ("first.svg", "second.svg"):
        save(
            textfigures.connected_terms(table.sample(frac=1, random_state=len(name)), most=12),
            tmp_path / f"terms {name}",
        )
        save(textfigures.word_clouds({"a": ["cell wall", "cell"], "b": ["DNA"]}), tmp_path / f"words {name}")
    for what in ("terms", "words"):
        assert (tmp_path / f"{what} first.svg").read_bytes() == (tmp_path / f"{what} second.svg").read_bytes()


def test_scripts_write_their_pictures(terms, tmp_path):
    data = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
    prepare_go_aspect(str(terms), 0, None, *data)
    pictures = [str(tmp_path / f"{name}.svg") for name in ("balance", "counts", "clouds", "terms")]
    plot_texts(*data[:2], *pictures[:3])
    plot_ontology(str(terms), pictures[3])
    assert "21 (51.2%)" in Path(pictures[0]).read_text()
    assert "12 definitions" in Path(pictures[1]).read_text()
    assert "<image" in Path(pictures[2]).read_text()
    assert "41 of 41 terms" in Path(pictures[3]).read_text()


def test_a_text_with_several_labels_counts_in_each(tmp_path):
    table = pd.DataFrame({"text": ["a cell", "a wall"], "length": [2, 2], "labels": [[0, 1], [1]]})
    table.to_parquet(tmp_path / "examples.parquet")
    labels = {"example_noun": "note", "label_noun": "class", "labels": [{"id": n, "name": n} for n in ("x", "y", "z")]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    pictures = [str(tmp_path / f"{name}.svg") for name in ("balance", "counts", "clouds")]
    plot_texts(str(tmp_path / "examples.parquet"), str(tmp_path / "labels.json"), *pictures)
    balance = Path(pictures[0]).read_text()
    assert "1 (33.3%)" in balance
    assert "2 (66.7%)" in balance
    assert "0 (0.0%)" in balance
