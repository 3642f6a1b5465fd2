"""Figures of one class an example: what they show, and that nothing to show is said."""

import matplotlib
import numpy as np
import pytest

from lexome import classfigures, look
from lexome.multiclass import calibration, confusion_matrix, multi_class_metrics

NAMES = ["biological process", "cellular component", "molecular function"]
MODELS = ["frequency", "tfidf", "tuned"]
COLOURS = look.model_colours(MODELS, "frequency")


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def draw(classes=3, examples=200, names=NAMES):
    rng = np.random.default_rng(0)
    truth = np.eye(classes, dtype=bool)[rng.integers(0, classes, examples)]
    scores = rng.dirichlet(np.ones(classes), examples) * 0.6 + 0.4 * truth
    matrix, bins = confusion_matrix(truth, scores), calibration(truth, scores)
    ece = multi_class_metrics(truth, scores)["ece"][0]
    figure = classfigures.confusion_and_calibration(matrix, bins, ece, names, "tuned", "definition", "aspect")
    return figure, matrix, bins, ece


def test_the_confusion_matrix_shows_counts_and_shares_of_the_true_class(tmp_path):
    figure, matrix, _, _ = draw()
    left = figure.axes[0]
    share = matrix / matrix.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(left.images[0].get_array()), share)
    cells = {tuple(map(int, text.get_position())): text.get_text() for text in left.texts}
    assert len(cells) == 9
    assert cells[2, 1] == f"{matrix[1, 2]:,}\n{share[1, 2]:.1%}"  # row 1, column 2
    assert [label.get_text() for label in left.get_yticklabels()] == NAMES
    assert (left.get_xlabel(), left.get_ylabel()) == ("predicted aspect", "true aspect")
    assert left.get_title(loc="left") == "tuned: 200 test definitions"
    look.save(figure, tmp_path / "a.svg")


def test_the_reliability_diagram_shows_every_filled_bin():
    figure, _, bins, ece = draw()
    right = figure.axes[1]
    assert right.get_title(loc="left") == f"Calibration: ECE {ece:.3f}"
    filled = bins.n > 0
    points = right.collections[-1]
    expected = np.stack([bins.confidence[filled], bins.accuracy[filled]], axis=1)
    np.testing.assert_allclose(points.get_offsets(), expected)
    sizes = points.get_sizes()
    assert np.argmax(sizes) == np.argmax(bins.n[filled])


def test_many_classes_have_no_numbers():
    figure, *_ = draw(30, 600, [f"class {i}" for i in range(30)])
    assert not figure.axes[0].texts
    assert list(figure.axes[0].get_xticks()) == []


def bars(classes=3, top=20, models=MODELS, undefined=()):
    rng = np.random.default_rng(1)
    panels = {name: {model: rng.random(classes) for model in models} for name in ("precision", "recall")}
    for metric, model, place in undefined:
        panels[metric][model][place] = np.nan
    value = panels["recall"]["tuned"]
    ends = {"recall": {"tuned": np.stack([value - 0.1, value + 0.1], axis=1)}}
    names = [f"class {i}" for i in range(classes)]
    return classfigures.class_bars(names, panels, ends, COLOURS, "class", top), panels


def test_bars_have_a_panel_a_metric_and_a_bar_a_model_with_its_interval(tmp_path):
    figure, panels = bars(undefined=[("precision", "frequency", 1)])
    precision, recall = figure.axes
    assert [axes.get_xlabel() for axes in figure.axes] == ["precision on test", "recall on test"]
    for axes, metric in ((precision, "precision"), (recall, "recall")):
        widths = np.array([bar.get_width() for bar in axes.patches]).reshape(3, 3)
        np.testing.assert_allclose(widths, np.nan_to_num([panels[metric][model] for model in MODELS]))
    assert [text.get_text() for text in precision.texts].count("undefined") == 1
    lines = [segment for lines in recall.collections for segment in lines.get_segments()]
    drawn = sorted(segment[:, 0].tolist() for segment in lines)
    np.testing.assert_allclose(drawn, sorted([v - 0.1, v + 0.1] for v in panels["recall"]["tuned"]))
    # The first class is on top, in it the first model.
    tops = [bar.get_y() for bar in recall.patches]
    assert np.argmax(tops) == 0
    names = [label.get_text() for label in precision.get_yticklabels()]
    assert [name for _, name in sorted(zip(precision.get_yticks(), names, strict=True))] == names[::-1]
    assert names == ["class 0", "class 1", "class 2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == MODELS
    look.save(figure, tmp_path / "a.svg")


def test_bars_of_many_classes_stop_and_say_so():
    figure, _ = bars(classes=30, top=8)
    assert len(figure.axes[0].patches) == 8 * 3
    assert "8 of 30 classes" in texts(figure)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (
            lambda: classfigures.confusion_and_calibration(
                np.zeros((2, 2), int), None, np.nan, ["a", "b"], "m", "text", "class"
            ),
            "No text of the test subset",
        ),
        (
            lambda: classfigures.class_bars(["a"], {"f1": {"m": np.array([np.nan])}}, {}, COLOURS, "class"),
            "Nothing is defined for any class",
        ),
    ],
)
def test_nothing_to_draw_is_said_on_the_canvas(figure, said):
    drawn = figure()
    assert not drawn.axes
    assert any(said in text for text in texts(drawn))
