"""Explaining texts: which are chosen, what their words add up to, and pictures and settings around it."""

import re

import numpy as np
import pandas as pd
import pytest

from explain_texts import choose, removable
from lexome.attributionfigures import class_words, coloured_texts, deletion_curves, mean_by_word, wrap_words
from lexome.interpretplan import check_interpret
from lexome.look import save


def test_texts_are_chosen_by_class_with_some_wrong_ones():
    rng = np.random.default_rng(0)
    true = np.repeat([0, 1, 2], [500, 60, 40])
    right = rng.random(600) > 0.05
    rows = choose(true, right, 60, 10, 0)
    assert len(set(rows)) == 60
    assert right[rows[:7]].all()
    assert not right[rows[7:10]].any()
    assert all(17 <= n <= 23 for n in np.bincount(true[rows]))
    assert set(true[rows[:7]]) == {0, 1, 2}
    assert choose(true, right, 60, 10, 0) == rows
    assert choose(true, right, 60, 10, 1) != rows


@pytest.mark.parametrize("right", [[True] * 5, [False] * 5])
def test_all_are_chosen_where_there_are_few(right):
    assert sorted(choose(np.array([0, 0, 1, -1, 0]), np.array(right), 30, 10, 0)) == [0, 1, 2, 3, 4]


def test_signs_alone_are_not_removed():
    words = pd.DataFrame(
        {"word": ["a", "+", "(b)", "--"], "start": [0, 2, 4, 8], "end": [1, 3, 7, 10], "attribution": [1.0, 2, 3, 4]}
    )
    spans, values = removable(words.assign(gradient=words["attribution"] * 2))
    assert spans.tolist() == [[0, 1], [4, 7]]
    assert values["attributed"].tolist() == [1, 3]
    assert values["gradient"].tolist() == [2, 6]
    assert values["first"].tolist() == [0, -1]


def test_means_by_word():
    words = pd.DataFrame(
        [
            *[("e1", "c", "Cell,", 1.0), ("e1", "c", "cell", 3.0), ("e2", "c", "(cell)", 5.0)],
            *[("e2", "c", "once", 9.0), ("e2", "c", "+", 7.0), ("e3", "d", "cell", -1.0)],
        ],
        columns=["id", "class", "word", "attribution"],
    )
    assert mean_by_word(words).to_numpy().tolist() == [["c", "cell", 3.0, 2]]
    assert mean_by_word(words, 1)["word"].tolist() == ["once", "cell", "cell"]


def test_words_are_wrapped_and_cut():
    placed, left = wrap_words(["word"] * 40, 120, 3)
    assert {line for line, *_ in placed} == {0, 1, 2}
    assert len(placed) + left == 40
    assert left > 0
    assert all(x + width <= 120 for _, x, width, _ in placed)
    assert wrap_words([], 120, 3) == ([], 0)


def test_pictures_show_their_words(tmp_path):
    told = {"words": ["the", "<i>", "cell"], "values": np.array([0.0, -1.0, 2.0]), "probability": 0.87}
    texts = [
        told | {"predicted": "one", "true": "one", "right": True},
        told | {"predicted": "one", "true": "two", "right": False, "words": [], "values": np.array([])},
    ]
    save(coloured_texts(texts), tmp_path / "texts.svg")
    shown = re.findall(r">([^<>\n]+)</text>", (tmp_path / "texts.svg").read_text())
    assert {"cell", "&lt;i&gt;", "one  87.0 %", "right", "wrong: it is two"} <= set(shown)
    words = pd.DataFrame([("e1", "one", "cell", 1.0)], columns=["id", "class", "word", "attribution"])
    save(class_words(words, "class"), tmp_path / "words.svg")
    assert "cell (1)" in (tmp_path / "words.svg").read_text()
    row = {"share": 0.1, "order": "attributed", "mean_drop": 0.2, "low": 0.1, "high": 0.3, "n": 4}
    save(deletion_curves(pd.DataFrame([row, row | {"order": "random"}]), "class"), tmp_path / "deletion.svg")
    drawn = (tmp_path / "deletion.svg").read_text()
    assert "most attributed" in drawn
    assert "least attributed" not in drawn
    assert "Mean of 4 texts" in drawn


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"model": "head"}, "'head' is no model of the kind fine_tune here; there are native"),
        ({"seed": 4}, "native is trained with 0, 1"),
    ],
)
def test_settings_must_name_a_fine_tuned_run(change, message):
    models = {"head": {"kind": "head"}, "native": {"kind": "fine_tune"}}
    entry = {"model": "native", "seed": 1, "examples": 10, "steps": 8} | change
    study = {"prepare": {"rule": "go_aspect"}, "models": models, "interpret": entry}
    mistakes = check_interpret(study, [0, 1], "studies.s")
    assert [message] == [mistake.split(": ", 1)[1] for mistake in mistakes] if message else mistakes == []
    assert check_interpret(study | {"interpret": None}, [0, 1], "studies.s") == []
    foreign = study | {"interpret": entry | {"scored": 10}}
    assert "studies.s.interpret.scored: only studies of DNA have it" in check_interpret(foreign, [0, 1], "studies.s")
    proteins = study | {"prepare": {"rule": "protein_function"}}
    assert "only texts and binding to DNA are explained" in check_interpret(proteins, [0, 1], "studies.s")[0]
