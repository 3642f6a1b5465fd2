"""TF-IDF and logistic regression: the same as scikit-learn's pipeline, whatever classes there are."""

import dataclasses
import logging

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from lexome.runs import Part, RunData
from lexome.settings import check, load_yaml
from lexome.textmodels import load_tfidf, openings, tfidf

SETTINGS = {"kind": "tfidf", "first_words": None, "ngrams": [1, 2], "min_df": 1, "C": 10.0, "max_iter": 1000}
WORDS = [f"w{i}" for i in range(30)]
SIGNS = ["nucleus", "binding", "transport"]


def texts_of(classes, rng):
    """Twelve words a text, the sign of its class among the last six."""
    texts = []
    for at in classes:
        words = rng.choice(WORDS, 12)
        words[rng.integers(6, 12)] = SIGNS[at]
        texts.append(" ".join(words))
    return texts


def study(task="multi_class", classes=(0, 1, 2), n=120):
    rng = np.random.default_rng(0)

    def part(size):
        drawn = rng.choice(classes, size)
        targets = np.eye(3, dtype=np.uint8)[drawn]
        if task == "multi_label":
            targets[:, 1] |= targets[:, 2]
        return Part([f"e{i}" for i in range(size)], targets, None, texts_of(drawn, rng))

    labels = [{"id": sign} for sign in SIGNS]
    return RunData(part(n), part(40), dataclasses.replace(part(50), targets=None), labels, task)


def oracle(data, column=None):
    vectors = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True)
    model = make_pipeline(vectors, LogisticRegression(C=10.0, max_iter=1000))
    targets = data.train.targets.argmax(axis=1) if column is None else data.train.targets[:, column]
    return model.fit(data.train.texts, targets).predict_proba(data.test.texts)


def test_classes_equal_the_pipeline(tmp_path):
    data = study()
    run = tfidf(data, SETTINGS, 0, tmp_path / "m", 0)
    np.testing.assert_allclose(run.test, oracle(data), atol=2e-3)
    assert (run.valid.argmax(axis=1) == data.valid.targets.argmax(axis=1)).mean() > 0.9
    assert run.history == []


def test_labels_equal_one_pipeline_each(tmp_path):
    data = study("multi_label")
    run = tfidf(data, SETTINGS, 0, tmp_path / "m", 0)
    for label in range(3):
        np.testing.assert_allclose(run.test[:, label], oracle(data, label)[:, 1], atol=2e-3)


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
@pytest.mark.parametrize("classes", [[1, 2], [1]])
def test_absent_classes_get_no_chance(task, classes, tmp_path):
    data = study(task, classes)
    run = tfidf(data, SETTINGS, 0, tmp_path / "m", 0)
    constant = [label for label in range(3) if len(set(data.train.targets[:, label])) == 1]
    assert constant
    for label in constant:
        np.testing.assert_allclose(run.test[:, label], data.train.targets[0, label], atol=1e-6)
    if task == "multi_class":
        np.testing.assert_allclose(run.test.sum(axis=1), 1, atol=1e-6)
    if classes == [1, 2]:
        np.testing.assert_allclose(run.test[:, 2], oracle(data, 2)[:, 1], atol=2e-3)


def test_first_words_are_all_that_is_read(tmp_path):
    data, settings = study(), SETTINGS | {"first_words": 5}
    other = dataclasses.replace(
        data, test=dataclasses.replace(data.test, texts=[text + " nucleus" for text in openings(data.test.texts, 5)])
    )
    blind, planted = (tfidf(given, settings, 0, tmp_path / "m", 0).test for given in (data, other))
    np.testing.assert_array_equal(blind, planted)
    assert not np.allclose(blind, tfidf(data, SETTINGS, 0, tmp_path / "m", 0).test)
    # Lone signs are no words.
    assert openings(["one + two  three"], 2) == ["one + two"]
    assert openings(["one two  three"], None) == ["one two  three"]


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_saved_model_predicts_the_same(task, tmp_path):
    data = study(task)
    run = tfidf(data, SETTINGS | {"min_df": 2}, 0, tmp_path / "m", 0)
    np.testing.assert_array_equal(load_tfidf(tmp_path / "m")(data.test.texts), run.test)
    assert run.test.dtype == np.float32
    words = len(TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", min_df=2).fit(data.train.texts).vocabulary_)
    assert run.cost == {"parameters": 3 * words + 3, "trained_parameters": 3 * words + 3, "cut": 0.0}


def test_never_sees_test_labels(tmp_path):
    data = study()
    planted = dataclasses.replace(
        data, test=dataclasses.replace(data.test, targets=np.eye(3, dtype=np.uint8)[[0] * 50])
    )
    plain, other = (tfidf(given, SETTINGS, 0, tmp_path / "m", 0).test for given in (data, planted))
    np.testing.assert_array_equal(plain, other)


def test_unfinished_fit_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        tfidf(study(), SETTINGS | {"max_iter": 1}, 0, tmp_path / "m", 0)
    assert "raise max_iter" in caplog.text


def test_schema_takes_the_settings_and_refuses_a_typo(request):
    schema = load_yaml(request.config.rootpath / "config/schemas/models.schema.yaml")["tfidf"]
    check(SETTINGS, schema, "models")
    with pytest.raises(Exception, match="first_word"):
        check({**SETTINGS, "first_word": 3}, schema, "models")
