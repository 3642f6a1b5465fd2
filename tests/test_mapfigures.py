"""Pictures of maps, of confusion against distance and of curves: they hold what they are given."""

import numpy as np
import pandas as pd
import pytest

from lexome import curve, mapfigures
from lexome.look import model_colours, save
from lexome.mappage import of_run, titles
from mapped import SPECIES, distance_tables, write_maps

COLOURS = model_colours(["naive", "frozen", "tuned"], "naive")


@pytest.fixture
def maps(tmp_path):
    write_maps(tmp_path)
    return pd.read_parquet(tmp_path / "map.parquet")


def words(figure):
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title)]


def test_every_example_is_drawn_in_every_map(maps, tmp_path):
    panels = {title: of_run(maps, run) for run, title in titles(maps).items()}
    figure = mapfigures.class_maps(panels, SPECIES, {"frozen": "silhouette 0.1"})
    for axes, table in zip(figure.axes, panels.values(), strict=False):
        drawn = np.concatenate([marks.get_offsets() for marks in axes.collections if len(marks.get_offsets())])
        assert len(drawn) == len(table)
        np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(table["x"].to_numpy()))
    assert "silhouette 0.1" in words(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(SPECIES.values())
    save(figure, tmp_path / "map.svg")
    assert "</script>" not in (tmp_path / "map.svg").read_text()
    assert "No vectors" in mapfigures.class_maps({}, SPECIES, {}).texts[0].get_text()


def test_classes_differ_in_shape():
    assert len(set(mapfigures.class_marks(list("abcdef")).values())) == 6


def test_pairs_stand_at_their_times(tmp_path):
    pairs, tests = distance_tables()
    figure = mapfigures.confusion_by_distance(pairs, tests, ["tuned", "absent"], COLOURS, "window")
    (axes,) = figure.axes
    marks = axes.collections[-1].get_offsets()
    np.testing.assert_allclose(np.sort(marks[:, 0]), [87, 4250, 4250], rtol=0.02)
    assert marks[:, 1].max() == pytest.approx(0.2 - 87 / 30000)
    text = " ".join(words(figure))
    assert "human–mouse" in text
    assert "with time ρ = −0.900 (p = 0.04)" in text
    pairs["low"] = pairs["high"] = np.nan  # too few groups for intervals
    save(mapfigures.confusion_by_distance(pairs, tests, ["frozen"], COLOURS, "window"), tmp_path / "a.svg")
    assert not mapfigures.confusion_by_distance(pairs, tests, [], COLOURS, "window").axes


def test_labels_are_moved_apart_and_no_further():
    np.testing.assert_allclose(mapfigures.spaced(np.array([0, 0, 0.05, 0.5]), 0.1), [0, 0.1, 0.2, 0.5])


def comparison(folder, values, low=True):
    rows = []
    for model, value in values.items():
        for subset, source in (("test", "measured"), ("valid", "measured"), ("test", "Somebody 2020")):
            ends = (value - 0.1, value + 0.1) if low and subset == "test" else ("", "")
            rows.append(("s", "random", subset, model, "accuracy", value, *ends, 60, 1, source))
        rows.append(("s", "random", "test", model, "ece", 9.0, "", "", 60, 1, "measured"))
    columns = ["study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"]
    folder.mkdir()
    pd.DataFrame(rows, columns=columns).to_csv(folder / "comparison.tsv", sep="\t", index=False)
    return str(folder / "comparison.tsv")


@pytest.fixture
def gathered(tmp_path):
    paths = [
        comparison(tmp_path / "b", {"naive": 0.2, "frozen": 0.5, "only_long": 0.9}),
        comparison(tmp_path / "a", {"naive": 0.2, "frozen": 0.4}, low=False),
    ]
    names = [("long", 300), ("short", 60)]
    entries = [
        {"study": study, "split": "random", "at": at, "comparison": path}
        for (study, at), path in zip(names, paths, strict=True)
    ]
    return curve.gather(entries, ["accuracy", "macro_f1"])


def test_a_curve_holds_measured_test_figures(gathered):
    assert list(gathered.columns) == list(curve.COLUMNS)
    assert gathered[["study", "at", "model", "value"]].to_numpy().tolist() == [
        ["short", 60, "naive", 0.2],
        ["short", 60, "frozen", 0.4],
        ["long", 300, "naive", 0.2],
        ["long", 300, "frozen", 0.5],
        ["long", 300, "only_long", 0.9],
    ]
    table = curve.rows_for_people(gathered, "accuracy")
    assert table["heads"] == [("random", 60), ("random", 300)]
    assert [row["model"] for row in table["rows"]] == ["naive", "frozen"]
    assert [cell["value"] for cell in table["rows"][1]["cells"]] == [0.4, 0.5]
    assert curve.rows_for_people(gathered, "macro_f1")["rows"] == []


def test_models_of_one_study_are_no_curve(gathered, tmp_path):
    figure = mapfigures.setting_curve(gathered, "accuracy", "window (nt)", COLOURS, "naive", 6)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["frozen", "naive"]
    save(figure, tmp_path / "curve.svg")
    values = {tuple(np.round(np.asarray(line.get_ydata(), dtype=float), 3)) for line in figure.axes[0].lines}
    assert {(0.4, 0.5), (0.2, 0.2)} <= values
    single = gathered[gathered["at"] == 60]
    assert not mapfigures.setting_curve(single, "accuracy", "window", COLOURS, "naive", None).axes
