"""Pictures of explained DNA: each shows the numbers that it was given, and says so where there are none."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import AxesImage

from lexome import dnafigures, insidefigures, logos, look
from lexome.dna import encode
from lexome.inside import Explained, Panel, letters_of, panel, selected_places, shown_places, zoom

SEQUENCE = "ACGTNACGTA"


def one_panel(**changes):
    values = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
    codes = encode([SEQUENCE])[0]
    known = codes < 4
    values[np.flatnonzero(known), codes[known]] = 0
    told = {"place": 0, "id": "s1", "factor": "SRF", "bound": True, "probability": 0.9, "values": values}
    told |= {"importance": -values.sum(axis=1) / 3, "codes": codes, "spans": ((2, 5, -1, True), (7, 9, 1, False))}
    return Panel(**(told | changes))


def explained(probabilities, bound, shown=True, length=10):
    n = len(probabilities)
    rows = pd.DataFrame({"id": [f"s{i}" for i in range(n)], "factor": "SRF", "bound": bound, "sequence": SEQUENCE})
    rows = rows.assign(probability=probabilities, shown=shown, length=length)
    arrays = np.arange(n * 40, dtype=float).reshape(n, 10, 4)
    implants = pd.DataFrame(
        [("s1", "SRF", 6, 9, 1, "target"), ("s1", "REST", 1, 3, -1, "distractor"), ("s0", "SRF", 0, 2, 1, "target")],
        columns=["id", "factor", "start", "end", "strand", "role"],
    )
    return Explained(rows, {"ism": arrays}, {"ism": arrays[:, :, 0]}, implants)


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def images(figure):
    return [image for axes in figure.axes for image in axes.get_images() if isinstance(image, AxesImage)]


def test_the_sequences_to_show_are_the_surest_and_the_most_wrong():
    told = explained([0.7, 0.9, 0.3, 0.45, 0.1, 0.6, 0.99], [True] * 4 + [False] * 3)
    assert shown_places(told, "SRF", True) == [1, 0, 3, 2]
    assert shown_places(told, "SRF", False) == [4, 5, 6]
    assert selected_places(told, "SRF") == [1, 6, 4]  # surest bound, most wrong, surest unbound
    assert selected_places(told, "SRF", 2) == [1, 6]
    right = explained([0.7, 0.9, 0.1], [True, True, False])
    assert selected_places(right, "SRF", 3) == [1, 2, 0]  # nothing is wrong: a second bound one fills the place
    assert selected_places(explained([0.7], [True], shown=False), "SRF") == []


def test_a_panel_has_what_belongs_to_its_row():
    drawn = panel(explained([0.7, 0.2], [True, True]), 1)
    assert drawn.spans == ((1, 3, -1, False), (6, 9, 1, True))
    assert drawn.importance[0] == 40
    assert not drawn.right
    np.testing.assert_array_equal(drawn.codes, [0, 1, 2, 3, 4, 0, 1, 2, 3, 0])


@pytest.mark.parametrize(
    ("length", "spans"),
    [
        (7, ((2, 4, -1, False), (7, 10, 1, True))),  # padded by one N on the left, two on the right
        (14, ((0, 1, -1, False), (4, 7, 1, True))),  # cut by two on either side
        (18, ((2, 5, 1, True),)),  # nothing is left of the other
    ],
)
def test_implants_are_drawn_where_the_network_reads_them(length, spans):
    assert panel(explained([0.7, 0.2], [True, True], length=length), 1).spans == spans


def test_the_window_lies_about_the_most_important_stretch():
    importance = np.zeros(200)
    importance[120:131] = 1
    importance[30] = 5  # a single letter is no stretch
    assert zoom(importance, 40, 11) == (105, 145)
    start, end = zoom(np.eye(1, 200, 2)[0], 40)
    assert (start, end) == (0, 40)
    assert zoom(np.ones(12), 40) == (0, 12)


def test_letters_of_a_logo_stand_where_they_are():
    heights = letters_of(np.arange(1, 11), encode([SEQUENCE])[0])
    np.testing.assert_array_equal(heights.sum(axis=1), [1, 2, 3, 4, 0, 6, 7, 8, 9, 10])  # nothing at the N
    assert heights[3].tolist() == [0, 0, 0, 4]


def test_colours_tell_the_sign_and_the_present_letter():
    values = np.zeros((10, 4))
    values[0] = [0, -2, 2, 0]
    picture = dnafigures.letter_picture(one_panel(values=values), 0, 10, limit=2)
    assert picture.shape == (4, 10, 3)
    assert matplotlib.colors.to_hex(picture[1, 0] / 255) == dnafigures.AGAINST
    assert matplotlib.colors.to_hex(picture[2, 0] / 255) == dnafigures.FOR
    grey = [matplotlib.colors.to_hex(cell / 255) == dnafigures.PRESENT for cell in picture[:, 0]]
    assert grey == [True, False, False, False]
    assert (picture[:, 4] == 255).all()  # N: no letter is there, none was replaced


def test_heat_maps_share_their_scale_and_tell_what_is_shown(tmp_path):
    wrong = one_panel(factor="MAX", probability=0.2, spans=())
    figure = dnafigures.heat_maps([one_panel(), wrong])
    told = texts(figure)
    assert "SRF: bound" in told
    assert "probability 0.90  ·  s1" in told
    assert "wrong, probability 0.20  ·  s1" in told
    assert {"implant of the factor", "other implant", "letter present"} <= set(told)
    limit = dnafigures.colour_limit([one_panel(), wrong])
    pictures = [image.get_array() for image in images(figure)]
    np.testing.assert_array_equal(pictures[0], dnafigures.letter_picture(one_panel(), 0, 10, limit))
    line = figure.axes[0].lines[1]
    np.testing.assert_allclose(line.get_ydata(), one_panel().importance)
    bars = figure.axes[2].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(2.5, 3), (7.5, 2)]
    assert not figure.axes[5].patches
    look.save(figure, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert svg.count("<image") == 3  # two heat maps and the scale
    assert len(svg) < 60_000


def test_zooms_cut_to_their_window():
    figure = dnafigures.zoomed_heat_maps([(one_panel(), 3, 9)])
    logo, heat, track = figure.axes[:3]
    assert logo.get_xlim() == heat.get_xlim() == (3.5, 9.5)
    assert heat.get_images()[0].get_array().shape == (4, 6, 3)
    assert [(bar.get_x(), bar.get_width()) for bar in track.patches] == [(3.5, 2), (7.5, 2)]
    # A letter a known position: the N at 5 has none.
    letters = [patch for patch in logo.patches if isinstance(patch, matplotlib.patches.PathPatch)]
    assert len(letters) == 5


def test_attention_is_told_in_multiples_of_an_even_spread():
    values = np.zeros((2, 5, 5))
    values[0], values[1, :, 1] = 0.2, 1
    figure = dnafigures.attention_maps([(one_panel(), values)])
    mean, first, second = (image.get_array() for image in images(figure)[:3])
    np.testing.assert_allclose(first, 1)
    np.testing.assert_allclose(second[:, 1], 5)
    np.testing.assert_allclose(mean, (first + second) / 2)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["mean over heads", "head 1", "head 2"]


def test_logos_of_methods_have_a_row_each_and_mark_the_site():
    panels = one_panel()
    values = {"ism": panels.importance, "gradient": np.zeros(10)}
    figure = logos.method_logos([(panels, 1, 9, values)])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["in-silico mutagenesis", "gradient × input"]
    sites = [patch for patch in figure.axes[0].patches if isinstance(patch, matplotlib.patches.Rectangle)]
    assert [(site.get_x(), site.get_width()) for site in sites] == [(2.5, 3)]  # the other implant is not the factor's
    assert "all 0" in texts(figure)


def test_drawing_logos_leaves_no_setting_changed_and_no_figure_open():
    before = dict(matplotlib.rcParams)
    logos.method_logos([(one_panel(), 0, 10, {"ism": one_panel().importance})])
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == []


def test_information_of_motifs():
    heights = logos.heights(np.array([[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]))
    np.testing.assert_allclose(heights, [[2, 0, 0, 0], [0] * 4, [0.5, 0.5, 0, 0]], atol=1e-9)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("offset", [-3, 0, 2])
def test_motifs_are_aligned(offset, turned):
    rng = np.random.default_rng(1)
    whole = rng.dirichlet(np.full(4, 0.1), 16)
    known = whole[4:13]
    found = whole[4 + offset : 4 + offset + 7]
    assert logos.align(found[::-1, ::-1] if turned else found, known) == (offset, turned)


def test_motifs_stand_beside_the_ones_that_they_are_like():
    table = pd.DataFrame(
        [
            ("SRF", "positive_1", 1, 120, "MA0083.3", "SRF", 3e-8, True),
            ("SRF", "negative_1", -1, 20, "", "", np.nan, False),
            ("MAX", "lost", 1, 20, "", "", np.nan, False),
        ],
        columns=["factor", "pattern", "sign", "seqlets", "match", "match_name", "q", "own"],
    )
    matrix = np.eye(4)[[0, 1, 2]]
    found = {("SRF", "positive_1"): matrix, ("SRF", "negative_1"): matrix}
    told = texts(logos.motif_logos(table, found, {"MA0083.3": matrix}))
    assert "SRF, MA0083.3, q = 3e-08; the factor's own" in told
    assert "20 seqlets, against" in told
    assert "like no known motif" in told
    assert "MAX" not in told


def scores(truths=("implants",)):
    rows = [
        (factor, method, truth, value, value - 0.1, value + 0.1, 0.08, value / 0.08)
        for truth in truths
        for factor in ("SRF", "all")
        for method, value in (("pwm", 0.5), ("ism", 0.8))
    ]
    columns = ["factor", "method", "truth", "value", "low", "high", "chance", "ratio"]
    return pd.DataFrame(rows, columns=columns)


def test_attribution_scores_have_a_mark_a_method_and_a_line_of_chance():
    figure = insidefigures.attribution_scores(scores())
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    assert sorted(float(line.get_xdata()[0]) for line in marks) == [0.5, 0.5, 0.8, 0.8]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["mean of all", "SRF"]
    segments = [segment for lines in axes.collections for segment in lines.get_segments()]
    assert sum(np.allclose(segment[:, 0], 0.08) for segment in segments) == 2
    two = insidefigures.attribution_scores(scores(("hits", "shuffled_hits")))
    titles = [axes.get_title(loc="left") for axes in two.axes]
    assert titles == ["Hits of the known motif", "Hits of its shuffled columns"]


def marginal():
    rows = [
        ("SRF", "SRF", "consensus", 1, "shuffled", 2.5, 2.0, 3.0),
        ("SRF", "SRF", "consensus", 2, "shuffled", 4.5, 4.0, 5.0),
        ("SRF", "SRF", "shuffled", 1, "shuffled", 0.1, -0.2, 0.3),
        ("SRF", "MAX", "consensus", 1, "shuffled", -0.5, -1.0, 0.1),
        ("MAX", "MAX", "consensus", 1, "shuffled", 1.5, 1.0, 2.0),
        ("SRF", "SRF", "consensus", 9, "motif_string", np.nan, np.nan, np.nan),
        ("SRF", "none", "none", 0, "poly_A", np.nan, np.nan, np.nan),
        ("SRF", "none", "none", 0, "shuffled", np.nan, np.nan, np.nan),
    ]
    columns = ["factor", "implant", "site", "copies", "background", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(probability=[0.5] * 5 + [0.99, 0.02, 0.1])


def test_marginal_effects_tell_values_and_which_are_clear():
    figure = insidefigures.marginal_effects(marginal())
    effects, doses, sanity = figure.axes
    cells = {text.get_text(): text.get_fontweight() for text in effects.texts}
    assert cells == {"+2.5  [2.0 to 3.0]": "bold", "−0.5  [−1.0 to 0.1]": "normal", "+1.5  [1.0 to 2.0]": "bold"}
    np.testing.assert_array_equal(effects.images[0].get_array().filled(0), [[2.5, -0.5], [0, 1.5]])
    solid = [line.get_ydata() for line in doses.lines if line.get_linestyle() == "-" and line.get_marker() != "None"]
    assert [list(values) for values in solid] == [[2.5, 4.5], [1.5]]
    assert [line.get_xdata()[0] for line in sanity.lines] == [0.99, 0.02]


def test_names_are_moved_apart_in_their_order():
    placed = insidefigures.spread_out([1.0, 0.99, 0.2], 0.1, 1.0)
    assert placed == pytest.approx([1.0, 0.9, 0.2])


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (lambda: dnafigures.heat_maps([]), "No sequence is shown"),
        (lambda: dnafigures.zoomed_heat_maps([]), "No bound sequence"),
        (lambda: dnafigures.attention_maps([]), "No attention"),
        (lambda: logos.method_logos([]), "No bound sequence"),
        (lambda: insidefigures.attribution_scores(scores().iloc[:0]), "nothing that attributions"),
        (lambda: insidefigures.marginal_effects(marginal().iloc[-1:]), "No motif was planted"),
    ],
)
def test_nothing_to_draw_is_said_on_the_canvas(figure, said):
    drawn = figure()
    assert not drawn.axes
    assert any(said in text for text in texts(drawn))


def test_pages_are_saved_whole_and_alike(tmp_path):
    for name in ("first", "second"):
        look.save_pages((dnafigures.heat_maps([one_panel()]) for _ in range(2)), tmp_path / f"{name}.pdf")
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()
    assert (tmp_path / "first.pdf").read_bytes().count(b"/Type /Page ") == 2
    with pytest.raises(ZeroDivisionError):
        look.save_pages((1 / 0 for _ in range(1)), tmp_path / "third.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.pdf", "second.pdf"]
