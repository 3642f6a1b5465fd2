"""A saved run says of texts what it said of them when it was trained."""

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest

from embedded import embed_study
from lexome import plan
from lexome.embedding_store import read_embeddings
from lexome.errors import LexomeError
from lexome.models import KINDS
from lexome.predictors import DNA_LOADERS, LOADERS, load_predictor
from lexome.runs import read_predictions, write_predictions
from tiny_bert import SIGNS, TRAINING, make_backbone, make_study

HEAD_TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 32,
    "epochs": 5,
    "patience": 5,
    "monitor": "valid_loss",
}
SETTINGS = {
    "tfidf": {"kind": "tfidf", "first_words": None, "ngrams": [1, 2], "min_df": 1, "C": 10.0, "max_iter": 200},
    "fine_tune": {"kind": "fine_tune", "backbone": "tiny", "engine": "native", "freeze": 0, "training": TRAINING},
    "head": {
        "kind": "head",
        "backbone": "tiny",
        "layers": [2, 1],
        "hidden": [8],
        "dropout": 0.1,
        "training": HEAD_TRAINING,
    },
}
# The study's tokens are cut at 20, those of fine-tuning at 12; texts have 4 to 14 words.
REGISTRY = {"max_tokens": 20, "embedding": {"layers": [1, 2], "pooling": "mean", "batch_tokens": 64, "long": "cut"}}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return make_backbone(tmp_path_factory.mktemp("predictors") / "bert")


def embedded(data, backbone, folder):
    """The study with the features that the embedding rules make, both layers in the model's order."""
    out = embed_study(data.tokens, backbone, folder / "embeddings", REGISTRY)
    parts = {
        name: dataclasses.replace(part, features=read_embeddings(out, part.ids, SETTINGS["head"]["layers"]))
        for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test))
    }
    return dataclasses.replace(data, **parts)


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
@pytest.mark.parametrize("kind", LOADERS)
def test_equals_the_runs_predictions(kind, task, backbone, tmp_path):
    data = make_study(tmp_path / "tokens", backbone, task)
    if kind == "head":
        data = embedded(data, backbone, tmp_path)
    trained = KINDS[kind](data, SETTINGS[kind], 0, tmp_path / "run" / "model", 0)
    parts = {"valid": (data.valid.ids, trained.valid), "test": (data.test.ids, trained.test)}
    write_predictions(tmp_path / "predictions.parquet", parts)
    rows, written = read_predictions(tmp_path / "predictions.parquet")

    predictor = load_predictor(tmp_path / "run" / "model", SETTINGS[kind], backbone, REGISTRY, task)
    texts = dict(zip(data.valid.ids + data.test.ids, data.valid.texts + data.test.texts, strict=True))
    # In another order, so in other batches.
    order = np.random.default_rng(1).permutation(len(rows))
    scores = predictor([texts[rows["id"][at]] for at in order])
    np.testing.assert_allclose(scores, written[order], atol=2e-5)
    assert scores.dtype == np.float32
    assert np.ptp(written, axis=0).min() > 0.01, "the model says the same of every text"
    assert predictor([]).shape == (0, 3)
    alone = predictor([texts[rows["id"][0]]])
    np.testing.assert_allclose(alone, written[:1], atol=2e-5)


def test_a_protein_model_reads_sequences(tiny_backbone, tmp_path):
    """Nothing here knows what the letters mean."""
    from lexome.runs import Part, RunData
    from tokenise_examples import tokenise_examples

    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIK"), size)) for size in rng.integers(3, 60, 24)]
    ids = [f"P{at:02d}" for at in range(24)]
    pd.DataFrame({"id": ids, "sequence": texts}).to_parquet(tmp_path / "examples.parquet")
    pd.DataFrame({"id": ids}).to_parquet(tmp_path / "split.parquet")
    tokenise_examples(tmp_path / "examples.parquet", [tmp_path / "split.parquet"], tiny_backbone, 64, tmp_path / "t")
    targets = np.eye(3, dtype=np.uint8)[rng.integers(3, size=24)]
    parts = [Part(ids[rows], targets[rows], None, texts[rows]) for rows in (slice(12), slice(12, 18), slice(18, 24))]
    data = RunData(*parts, [{"id": sign} for sign in SIGNS], "multi_class", str(tmp_path / "t"), str(tiny_backbone))
    settings = SETTINGS["fine_tune"] | {"training": TRAINING | {"epochs": 1, "max_length": 30}}
    trained = KINDS["fine_tune"](data, settings, 0, tmp_path / "run" / "model", 0)
    predictor = load_predictor(tmp_path / "run" / "model", settings)
    np.testing.assert_allclose(predictor(data.test.texts), trained.test, atol=2e-5)


def test_long_texts_are_cut_counted_and_logged(backbone, tmp_path, caplog):
    data = make_study(tmp_path / "tokens", backbone, sizes=(24, 8, 8))
    KINDS["fine_tune"](data, SETTINGS["fine_tune"], 0, tmp_path / "run" / "model", 0)
    predictor = load_predictor(tmp_path / "run" / "model", SETTINGS["fine_tune"])
    # [CLS] and [SEP] count: twelve tokens hold ten words.
    texts = ["nucleus " * 10, "nucleus " * 11, "nucleus " * 10 + "binding " * 30, "binding"]
    assert predictor.limit == 12
    assert predictor.cut(texts).tolist() == [False, True, True, False]
    assert predictor.cut([]).tolist() == []
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        scores = predictor(texts)
    assert "2 of 4 examples were cut to 12 tokens" in caplog.text
    np.testing.assert_allclose(scores[1:3], scores[[0, 0]], atol=1e-6)
    assert not np.allclose(scores[0], scores[3])
    # A backbone that takes less than the model was to read.
    assert load_predictor(tmp_path / "run" / "model", SETTINGS["fine_tune"], backbone={"max_tokens": 8}).limit == 8


def test_kinds_that_read_no_text_are_refused(tmp_path):
    with pytest.raises(LexomeError, match=r"frequency does not read texts; choose one of tfidf, fine_tune, head"):
        load_predictor(tmp_path, {"kind": "frequency"})
    with pytest.raises(ValueError, match="backbone"):
        load_predictor(tmp_path, SETTINGS["head"])


def test_the_plan_names_the_same_kinds():
    assert set(plan.TEXT_KINDS) == set(LOADERS)
    assert set(LOADERS) | set(DNA_LOADERS) <= set(KINDS)
    assert not set(LOADERS) & set(DNA_LOADERS)
