"""Kinds of mistakes, words taken for others, and the pictures of them."""

from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest

from evaluate_model import evaluate_model
from lexome.documents import Document, Entity
from lexome.page import theme_colours
from lexome.runtime import read_tsv, write_tsv
from lexome.tagerrors import KINDS, error_counts, errors, kinds_of, sample, word_confusion
from lexome.tagfigures import BLACK, KIND_COLOURS, category_bars, error_bars, value_scores
from lexome.tagtables import describe_errors, describe_folds
from plot_tags import chosen, plot_tags
from tagged_study import TaggedStudy

TEXT = "loss of p53 raised the death of cells in mice"


def entity(key, category, start, end):
    return Entity(key, category, ((start, end),))


TRUE = [
    entity("T0", "ACTION", 0, 11),  # found with other boundaries
    entity("T1", "EFFECT", 12, 18),  # found
    entity("T2", "PHENOTYPE", 23, 28),  # taken for another category
    entity("T3", "CONTEXT", 32, 37),  # taken for another category, with other boundaries
    entity("T4", "CONTEXT", 41, 45),  # missed
]
TOLD = [
    entity("P0", "ACTION", 0, 4),
    entity("P1", "EFFECT", 12, 18),
    entity("P2", "EFFECT", 23, 28),
    entity("P3", "ACTION", 29, 37),
    entity("P4", "ACTION", 38, 40),  # invented
]
ONE, OTHER = Document("d", TEXT, tuple(TRUE)), Document("d", TEXT, tuple(TOLD))


def test_every_entity_has_the_kind_of_its_mistake():
    kinds = ["boundary", "right", "category", "both", "alone"]
    assert [kind for kind, _ in kinds_of(TRUE, TOLD)] == kinds
    assert [kind for kind, _ in kinds_of(TOLD, TRUE)] == kinds
    # The nearest one judges: right before another boundary, whatever overlaps more.
    assert kinds_of([TRUE[1]], [entity("x", "EFFECT", 10, 20), TOLD[1]])[0][0] == "right"
    counts = error_counts([ONE, ONE], [OTHER, OTHER])
    assert (counts == 2).all(axis=None)


def test_mistakes_are_listed_in_the_order_of_the_text():
    table = errors([ONE], [OTHER])
    assert table["kind"].tolist() == ["boundary", "category", "both", "invented", "missed"]
    first, last = table.iloc[0], table.iloc[-1]
    assert (first["annotated"], first["predicted"], first["after"][:6]) == ("loss of p53", "loss", "raised")
    assert (last["annotated"], last["predicted"], last["before"][-2:]) == ("mice", "", "in")
    assert errors([ONE], [ONE]).empty


def test_a_sample_has_mistakes_of_every_kind():
    table = pd.DataFrame({"kind": ["missed"] * 50 + ["both"] * 2 + ["boundary"] * 3})
    drawn = sample(table, 9, 0)
    assert drawn["kind"].value_counts().to_dict() == {"missed": 4, "both": 2, "boundary": 3}
    assert drawn.index.is_monotonic_increasing
    assert len(sample(table, 99, 0)) == 55


def test_words_are_counted_by_both_categories():
    crossed = word_confusion([ONE], [OTHER], ["ACTION", "CONTEXT", "EFFECT", "PHENOTYPE"])
    expected = np.zeros((5, 5), dtype=int)
    expected[0, 0], expected[0, 4] = 1, 2  # loss | of p53
    expected[2, 2] = expected[3, 2] = expected[1, 0] = expected[1, 4] = 1  # raised, death, cells, mice
    expected[4, 4], expected[4, 0] = 1, 2  # the | of (before cells), in
    assert crossed.tolist() == expected.tolist()


def texts_of(figure):
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, *axes.get_yticklabels())]


def luminance(colour):
    """As WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return np.dot((0.2126, 0.7152, 0.0722), parts)


def test_shares_on_bars_can_be_read_in_light_and_dark():
    dark = {light.lower(): dark for _, light, dark in theme_colours()}
    assert BLACK not in dark  # so that it stays as it is
    for colour in KIND_COLOURS.values():
        for ground in (colour.lower(), dark.get(colour.lower(), colour)):
            assert (luminance(ground) + 0.05) / (luminance(BLACK) + 0.05) > 3.9
    table = pd.DataFrame({"annotated": 1.0, "predicted": 1.0}, index=list(KINDS))
    shown = [text for axes in error_bars({"a": table}).axes for text in axes.texts]
    assert [(text.get_text(), text.get_color()) for text in shown] == [("20 %", BLACK)] * 10


def test_pictures_say_when_there_is_nothing():
    assert "No model finds entities." in [text.get_text() for text in error_bars({}).texts]
    assert "No model gives" in value_scores({}, {}).texts[0].get_text()


def test_categories_have_their_ceilings_and_values_their_training_examples():
    panels = {"entity_f1": {"a": np.array([0.5, np.nan])}}
    figure = category_bars(
        ["one", "two"], panels, {"a": "#0072b2"}, {"entity_f1": np.array([0.65, np.nan])}, "category"
    )
    lines = [line for collection in figure.axes[0].collections for line in collection.get_segments() if len(line)]
    assert [line[0][0] for line in lines] == [0.65]
    table = pd.DataFrame(
        {"kind": ["context"] * 2, "id": ["cells", "mice"], "n_train": [9, 3], "n_positive": [2, 0], "f1": 0.5}
    )
    told = texts_of(value_scores({"a": table}, {}))
    assert "cells (9)" in told
    assert "mice (3)" not in told


@pytest.fixture
def drawn(tmp_path):
    study = TaggedStudy(tmp_path)
    about = [study.folder / f"random.{end}" for end in ("parquet", "labels.json")]
    settings = {"replicates": 20, "seed": 0, "level": 0.95, "distant": 0.05}
    runs = [("naive", 0.3, True), ("good", 0.8, True), ("linker", 0.9, False)]
    predictions, per_label = [], []
    for model, keep, tags in runs:
        folder = study.folder / model
        predictions.append(study.predict(folder / "predictions.parquet", keep, tags=tags))
        out = [folder / name for name in ("metrics.json", "replicates.npz", "per_label.parquet")]
        evaluate_model(study.examples, *about, predictions[-1], settings, *out, "toy", "random", model, 0)
        per_label.append(out[-1])
    rows = [
        ("toy", "random", "valid", "naive", "entity_f1", 0.4),
        ("toy", "random", "valid", "good", "entity_f1", 0.8),
        ("toy", "random", "valid", "linker", "link_f1", 0.9),
    ]
    comparison = pd.DataFrame(rows, columns=["study", "split", "subset", "model", "metric", "value"])
    comparison = comparison.assign(low=np.nan, high=np.nan, n=9, seeds=1, source="measured")
    write_tsv(tmp_path / "comparison.tsv", comparison)
    names = ("categories", "crossed_words", "tag_errors", "field_values")
    out = {name: tmp_path / f"{name}.svg" for name in names} | {"errors": tmp_path / "errors.tsv"}
    models = [model for model, *_ in runs]
    files = (study.examples, *about, tmp_path / "comparison.tsv", predictions, per_label)
    plot_tags(*files, models, "naive", ["link_f1", "entity_f1"], out)
    return study, out


def test_a_study_is_drawn_and_the_mistakes_are_those_of_the_best_tagger(drawn):
    study, out = drawn
    for name in ("categories", "crossed_words", "tag_errors", "field_values"):
        text = out[name].read_text()
        assert "good" in text
        assert "linker" not in text
    table = read_tsv(out["errors"], numbers=())
    # This tagger finds nothing wrong: it only misses.
    assert set(table["kind"]) == {"missed"}
    assert set(table["model"]) == {"good"}
    split = pd.read_parquet(study.folder / "random.parquet").query("subset == 'test'")
    assert set(table["document"]) <= set(split["id"])
    told = describe_errors(out["errors"])
    assert told["n"] == len(table)
    assert 0 < len(told["rows"]) <= len(table)
    assert describe_errors(None) is None


def test_the_best_tagger_is_chosen_in_a_metric_that_taggers_have():
    rows = pd.DataFrame(
        [("linker", "link_f1", 0.9), ("a", "entity_f1", 0.4), ("b", "entity_f1", 0.6), ("naive", "entity_f1", 0.7)],
        columns=["model", "metric", "value"],
    ).assign(subset="valid", source="measured")
    assert chosen(rows, ["link_f1"], "naive", ["a", "b", "naive"]) == "b"
    assert chosen(rows, ["link_f1"], "naive", []) is None


def test_folds_for_people(tmp_path):
    rows = [
        ("toy", "cv", "naive", "f", 0.5, 0.01, 0.49, 0.51, 0.5, 0.4, 0.6, 9, 1, "", np.nan, np.nan, np.nan),
        ("toy", "cv", "good", "f", 0.7, np.nan, 0.6, 0.8, 0.7, 0.65, 0.75, 9, 2, "naive", 0.2, 0.1, 0.3),
        ("toy", "cv", "other", "f", 0.6, 0.01, 0.6, 0.7, 0.6, 0.5, 0.7, 9, 1, "good", -0.1, -0.2, 0.1),
    ]
    names = [
        *("study", "folds", "model", "metric", "mean", "sd", "min", "max", "value", "low", "high", "n", "seeds"),
        *("reference", "difference", "difference_low", "difference_high"),
    ]
    write_tsv(tmp_path / "t.tsv", pd.DataFrame(rows, columns=names))
    study = {"headline": ["g", "f"], "models": ["naive", "good", "other"], "trivial": "naive"}
    told = describe_folds("cv", tmp_path / "t.tsv", study)
    assert told["metrics"] == ["f"]
    assert told["line"] == "f over the folds: naive 0.500 ± 0.010, good 0.700, other 0.600 ± 0.010"
    assert [row["model"] for row in told["rows"]] == ["naive", "good", "other"]
    naive, good, other = (row["cells"][0] for row in told["rows"])
    assert naive["mean"] == "0.500 ± 0.010"
    assert naive["difference"] == ""
    assert good["mean"] == "0.700"
    assert good["difference"] == "+0.200 [+0.100 to +0.300]"
    # What the trivial model does not have is told against the model that is named.
    assert [cell["reference"] for cell in (naive, good, other)] == ["", "", "good"]


def test_parts_of_the_report_are_filled_and_escaped():
    source = "{% macro scroll(label) %}{{ caller() }}{% endmacro %}{% macro swatch(colour) %}{% endmacro %}"
    source += '{% include "folds.html.j2" %}{% include "errors.html.j2" %}'
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "resources/report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    jinja.filters |= {"plural": lambda noun: f"{noun}s", "metric": str}
    cell = {"mean": "0.5 ± 0.1", "spread": "0.4–0.6", "pooled": "0.51 [0.4–0.6]", "difference": "+0.1"}
    cell["reference"] = "<b>"
    rows = [{"model": "<b>", "trivial": True, "cells": [cell, None]}]
    study = {"title": "toy", "trivial": "<b>", "colours": {}}
    study["folds"] = [{"name": "cv", "metrics": ["f", "g"], "rows": rows}]
    mistakes = errors([ONE], [OTHER]).replace("mice", "<i>mice").to_dict("records")
    split = {"errors": {"model": "m", "n": 1234, "rows": mistakes}}
    text = jinja.from_string(source).render(study=study, split=split, id="s", example="document", where="toy")
    assert "0.5 ± 0.1" in text
    assert "5 of 1,234 on test documents" in text
    assert "&lt;i&gt;mice" in text
    assert "to &lt;b&gt;</span>" in text
    assert "<b>" not in text
    assert text.count("<td") == text.count("</td>") == 6 + 4 * 5
