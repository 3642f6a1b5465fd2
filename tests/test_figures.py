"""Figures: what they show, that nothing to show is said, and that they are the same every time."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from lexome import figures, look
from lexome.forest import comparison_forest, difference_forest

MODELS = ["coin_flip", "naive", "mlp"]
COLOURS = look.model_colours(MODELS, "naive")


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def legend(figure):
    legends = figure.legends + [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    return [text.get_text() for found in legends for text in found.get_texts()]


def comparison(rows):
    columns = ["subset", "model", "metric", "value", "low", "high", "source"]
    return pd.DataFrame(rows, columns=columns).assign(study="s", split="random", n=10, seeds=3)


def test_style_leaves_no_setting_changed():
    before = dict(matplotlib.rcParams)
    with look.style():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before


def test_a_model_keeps_its_colour_and_marker_whichever_models_are_shown():
    everything = look.model_colours(["a", "naive", "b", "c"], "naive")
    assert everything["naive"] == look.TRIVIAL
    assert len(set(everything.values())) == 4
    assert look.model_colours(["a", "naive", "a", "b", "b", "c"], "naive") == everything
    markers = look.model_markers(everything)
    assert len(set(markers.values())) == 4


def test_names_for_people():
    assert look.metric_title("term_auprc") == "term auPRC"
    assert look.metric_title("macro_f1") == "macro F1"
    assert [look.plural(noun) for noun in ("term", "class", "study", "essay", "species")] == [
        "terms",
        "classes",
        "studies",
        "essays",
        "species",
    ]
    assert look.lower_is_better("smin")
    assert not look.lower_is_better("term_auprc")
    assert look.short("a  b\nc", 9) == "a b c"
    assert look.short("abcdefgh", 5) == "abcd…"


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_saved_twice_gives_the_same_bytes(tmp_path, suffix):
    for name in ("first", "second"):
        figure = figures.length_distribution({"train": np.arange(50), "test": np.arange(9)}, "words", "text")
        look.save(figure, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"first.{suffix}", f"second.{suffix}"]


def test_label_frequencies_rank_and_name_the_most_frequent():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 40, (60, 3))
    judged = counts[:, 0] >= 10
    names = [f"label {i}" for i in range(60)]
    figure = figures.label_frequencies(names, counts, judged, "protein", "term", top=5)
    ranks, bars = figure.axes
    best = np.argsort(-counts.sum(axis=1), kind="stable")[:5]
    assert [text.get_text() for text in bars.get_yticklabels()] == [names[i] for i in best[::-1]]
    widths = np.array([bar.get_width() for bar in bars.patches]).reshape(3, 5)
    np.testing.assert_array_equal(widths.T, counts[best[::-1]])
    assert legend(figure)[:4] == ["train", "valid", "test", f"judged: {judged.sum()}"]
    drawn = sum(len(points.get_offsets()) for points in ranks.collections)
    assert drawn == (counts.sum(axis=1) > 0).sum()


def test_few_labels_need_no_ranks():
    figure = figures.label_frequencies(["a", "b"], np.array([[1, 0, 0], [5, 2, 2]]), np.ones(2, bool), "text", "class")
    (bars,) = figure.axes
    assert [text.get_text() for text in bars.get_yticklabels()] == ["a", "b"]
    # It would lie on bars that all end at one number.
    assert bars.get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "valid", "test"]


def test_lengths_are_shares_of_each_subset():
    lengths = {"train": np.full(30, 100), "valid": np.array([]), "test": np.array([90, 100, 110, 120])}
    figure = figures.length_distribution(lengths, "residues", "protein")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "length (residues)"
    assert legend(figure) == ["train: 30 proteins, median 100", "test: 4 proteins, median 105"]
    for stairs in axes.patches:
        assert stairs.get_data()[0].sum() == pytest.approx(100)


def test_one_length_has_one_tick():
    figure = figures.length_distribution({"train": np.full(30, 60), "test": np.full(9, 60)}, "nucleotides", "window")
    axes = figure.axes[0]
    assert axes.get_xticks().tolist() == [60]
    assert [stairs.get_data()[0].tolist() for stairs in axes.patches] == [[100], [100]]


def test_long_tails_get_a_logarithmic_axis():
    figure = figures.length_distribution({"train": np.array([10, 12, 14, 5000])}, "words", "text")
    assert figure.axes[0].get_xscale() == "log"


def history(best, metric="valid_term_auprc"):
    epochs = [{"epoch": 0, "step": 0, "train_loss": None, "valid_loss": 0.7, metric: 0.1}]
    epochs += [{"epoch": e, "step": e, "train_loss": 1 / e, "valid_loss": 2 / e, metric: e / 9} for e in range(1, 6)]
    return [*epochs, {"event": "best", "epoch": best}]


def test_training_curves_have_a_row_a_model_and_mark_the_epoch_kept():
    runs = [
        ("mlp", "0", history(3)),
        ("mlp", "1", history(5)),
        ("logistic", "0", history(2)),
        ("naive", "0", []),
    ]
    figure = figures.training_curves(runs, COLOURS)
    assert len(figure.axes) == 4  # two models, loss and one metric
    loss, metric = figure.axes[:2]
    lines = [line for line in loss.lines if line.get_marker() == "None"]
    assert len(lines) == 4  # two seeds, train and valid
    kept = [tuple(line.get_xydata()[0]) for line in metric.lines if line.get_marker() == "o"]
    assert kept == [(3, 3 / 9), (5, 5 / 9)]
    assert metric.get_title(loc="left") == "term auPRC on valid"
    assert loss.get_ylabel() == "mlp\n2 seeds"
    assert legend(figure) == ["train", "valid", "epoch kept"]


def test_heat_maps_share_one_order():
    rng = np.random.default_rng(1)
    truth = rng.random((30, 6)) < np.array([0.1, 0.9, 0.3, 0.5, 0.2, 0.05])
    figure = figures.annotation_heatmaps(truth, truth.astype(float), "mlp", "protein", "term")
    left, right = (axes.images[0].get_array() for axes in figure.axes[:2])
    np.testing.assert_array_equal(left, right)
    shown = np.asarray(left)
    assert (np.diff(shown.sum(axis=0)) <= 0).all()
    assert sorted(map(tuple, shown)) == sorted(map(tuple, truth[:, np.argsort(-truth.sum(0), kind="stable")]))
    first = shown[:, 0]
    assert (np.diff(first) <= 0).all()  # those with the most frequent label lie together
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["True", "Predicted by mlp"]


def test_heat_maps_draw_a_sample_of_very_many_examples():
    truth = np.random.default_rng(2).random((100, 4)) < 0.3
    figure = figures.annotation_heatmaps(truth, truth * 1.0, "mlp", "protein", "term", most=10)
    assert figure.axes[0].images[0].get_array().shape == (10, 4)
    assert figure.axes[0].get_ylabel() == "test proteins (10 of 100)"


def test_unknown_cells_are_grey_and_count_for_nothing():
    truth = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=bool)
    known = np.array([[0, 1, 1], [0, 1, 1], [1, 1, 1]], dtype=bool)
    figure = figures.annotation_heatmaps(truth, truth * 0.5, "mlp", "protein", "term", known=known)
    left, right = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert np.ma.getmaskarray(left)[:, 1].sum() == 2  # the first label is the second most frequent of the known ones
    np.testing.assert_array_equal(left.filled(-1).sum(axis=0), [2, 1 - 2, 1])
    assert right.min() == 0
    assert matplotlib.colors.to_hex(figure.axes[0].get_facecolor()) == figures.UNKNOWN
    assert legend(figure) == ["not known whether the protein has the term"]
    assert legend(figures.annotation_heatmaps(truth, truth * 0.5, "mlp", "protein", "term")) == []


def differences(rows):
    columns = ["model", "reference", "difference", "low", "high", "p_holm"]
    return pd.DataFrame(rows, columns=columns).assign(metric="term_auprc", subset="test")


def test_differences_have_a_panel_a_reference_and_full_marks_where_they_are_clear():
    rows = [
        ("mlp", "naive", 0.2, 0.1, 0.3, 0.01),
        ("coin_flip", "naive", -0.1, -0.2, 0.1, 0.4),
        ("coin_flip", "mlp", -0.3, -0.4, -0.2, 0.06),
    ]
    table = differences(rows)
    table = pd.concat([table.iloc[2:], table.iloc[:2]])  # contrasts first
    figure = difference_forest(table, "term_auprc", "naive", COLOURS, level=0.95)
    first, second = figure.axes
    assert first.get_title(loc="left") == "term auPRC minus that of naive (trivial)"
    assert second.get_title(loc="left") == "term auPRC minus that of mlp"
    assert [text.get_text() for text in first.get_yticklabels()] == ["coin_flip", "mlp"]  # the best on top
    marks = [line for line in first.lines + second.lines if line.get_marker() == "o"]
    hollow = [line.get_xdata()[0] for line in marks if line.get_markerfacecolor() == look.PAPER]
    assert hollow == [-0.1, -0.3]
    assert "+0.200 [+0.100 to +0.300]" in texts(figure)
    falling = difference_forest(table.assign(metric="smin"), "smin", "naive", COLOURS)
    assert [text.get_text() for text in falling.axes[0].get_yticklabels()] == ["mlp", "coin_flip"]


def test_differences_without_p_values_are_drawn_hollow():
    table = differences([("mlp", "naive", 0.2, np.nan, np.nan, np.nan)])
    figure = difference_forest(table.drop(columns="p_holm"), "term_auprc", "naive", COLOURS)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() for line in marks] == [look.PAPER]


def test_label_scores_tell_spearman_and_leave_undefined_labels_out():
    n_train = np.array([10, 20, 30, 40, 50, 60])
    values = {"naive": np.full(6, 0.1), "mlp": np.array([0.2, np.nan, 0.1, 0.5, 0.4, 0.9])}
    figure = figures.label_scores(n_train, values, "term_auprc", COLOURS, ("protein", "term"))
    known = np.isfinite(values["mlp"])
    rho = spearmanr(n_train[known], values["mlp"][known]).statistic
    assert legend(figure) == ["naive  (ρ = undefined, 6 terms)", f"mlp  (ρ = {rho:.2f}, 5 terms)"]
    assert len(figure.axes[0].collections[1].get_offsets()) == 5


def test_best_labels_are_the_best_of_the_model_with_every_model_beside():
    rng = np.random.default_rng(3)
    values = {name: rng.random(30) for name in MODELS}
    values["mlp"][4] = np.nan
    names = [f"label {i}" for i in range(30)]
    figure = figures.best_labels(names, values, "mlp", "term_auprc", COLOURS, "term", top=7)
    axes = figure.axes[0]
    ranked = sorted((i for i in range(30) if i != 4), key=lambda i: -values["mlp"][i])[:7]
    assert [text.get_text() for text in axes.get_yticklabels()] == [names[i] for i in ranked[::-1]]
    assert legend(figure) == MODELS
    clouds = [cloud for cloud in axes.collections if cloud.get_offsets().shape == (7, 2)]
    assert len(clouds) == 3


ROWS = [
    ("test", "naive", "term_auprc", 0.03, 0.02, 0.04, "measured"),
    ("test", "mlp", "term_auprc", 0.30, 0.28, 0.33, "measured"),
    ("test_distant", "mlp", "term_auprc", 0.20, 0.17, 0.24, "measured"),
    ("valid", "mlp", "term_auprc", 0.99, 0.98, 1.00, "measured"),
    ("test", "mlp", "protein_auprc", 0.40, 0.38, 0.42, "measured"),
    ("test", "naive", "protein_auprc", 0.25, 0.24, 0.26, "measured"),
    ("test", "theirs", "protein_auprc", 0.27, np.nan, np.nan, "Somebody, 2025"),
    ("valid", "theirs", "protein_auprc", 0.28, np.nan, np.nan, "Never shown, 2025"),
]


def test_forest_sorts_models_and_names_the_citation():
    figure = comparison_forest(comparison(ROWS), ["term_auprc", "protein_auprc"], "naive", COLOURS)
    term, protein = figure.axes
    assert [text.get_text() for text in term.get_yticklabels()] == ["naive", "mlp"]  # from below
    assert [text.get_text() for text in protein.get_yticklabels()] == ["naive", "theirs", "mlp"]
    assert [line.get_xdata()[0] for line in term.lines if line.get_linestyle() == "--"] == [0.03]
    bars = {tuple(segment[:, 0].round(3)) for lines in term.collections for segment in lines.get_segments()}
    assert bars == {(0.02, 0.04), (0.28, 0.33), (0.17, 0.24)}
    assert "0.300 [0.280–0.330]" in texts(figure)
    assert "(a) Somebody, 2025" in texts(figure)
    assert not any("Never shown" in text or "0.990" in text for text in texts(figure))
    hollow = [line for line in protein.lines if line.get_marker() == "D"]
    assert [line.get_markerfacecolor() for line in hollow] == [look.PAPER]
    assert legend(figure) == ["test", "test, distant", "published", "naive (trivial)"]


def test_forest_puts_the_lowest_first_where_lower_is_better():
    rows = [("test", name, "smin", value, value, value, "measured") for name, value in (("a", 3.0), ("b", 1.0))]
    figure = comparison_forest(comparison(rows), ["smin"], "a", COLOURS)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b"]


NONE = np.zeros((0, 0))


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (
            lambda: figures.label_frequencies([], np.zeros((0, 3)), np.zeros(0, bool), "text", "class"),
            "No text has",
        ),
        (lambda: figures.length_distribution({"train": np.array([])}, "words", "text"), "No text to measure"),
        (lambda: figures.training_curves([("naive", "0", [])], COLOURS), "No model of this study trains"),
        (lambda: figures.training_curves([], COLOURS), "No model of this study trains"),
        (
            lambda: figures.annotation_heatmaps(NONE, NONE, "mlp", "text", "class"),
            "No text of the test subset",
        ),
        (
            lambda: figures.label_scores(
                np.array([1]), {"mlp": np.array([np.nan])}, "term_auprc", COLOURS, ("protein", "term")
            ),
            "undefined for every term",
        ),
        (
            lambda: figures.best_labels(["a"], {"mlp": np.array([np.nan])}, "mlp", "term_auprc", COLOURS, "term"),
            "undefined for every term",
        ),
        (lambda: difference_forest(differences([]), "term_auprc", "naive", COLOURS), "No two models"),
        (lambda: comparison_forest(comparison([]), ["term_auprc"], "naive", COLOURS), "No headline metric"),
    ],
)
def test_nothing_to_draw_is_said_on_the_canvas(tmp_path, figure, said):
    drawn = figure()
    assert not drawn.axes
    assert any(said in text for text in texts(drawn))
    look.save(drawn, tmp_path / "empty.svg")


def test_odd_names_are_drawn_as_they_are(tmp_path):
    names = ["$x^{", "<script>alert(1)</script>", "a & b"]
    counts = np.array([[3, 1, 1], [2, 1, 1], [1, 1, 1]])
    look.save(figures.label_frequencies(names, counts, np.ones(3, bool), "text", "class"), tmp_path / "odd.svg")
    saved = (tmp_path / "odd.svg").read_text()
    assert "$x^{" in saved
    assert "<script" not in saved
    assert "&lt;script&gt;" in saved
