"""Pipelines give what the workflow gives, whatever the batches, and refuse what they do not know."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lexome import embedding
from lexome.errors import LexomeError
from lexome.models import KINDS
from lexome.pipelines import load_classification_pipeline, load_embedding_pipeline
from lexome.predictors import load_predictor
from lexome.runs import Part, RunData
from lexome.tokens import encoder, load_tokenizer, tokenise
from tiny_bert import TRAINING, make_backbone, make_study

CPU = torch.device("cpu")
SEQUENCES = ["ATGGTAGCTACATCATCT", "ACG", "NNACGTACGTA", "ACGTAC" * 9, "T", "ACGTAC" * 2]


@pytest.fixture(scope="module")
def embed(tiny_nucleotide_transformer):
    return load_embedding_pipeline(tiny_nucleotide_transformer)


def workflow(folder, texts, layers, pooling):
    """Embeddings as the workflow's rule makes them."""
    tokenizer = load_tokenizer(folder)
    rows = encoder(tokenizer)(texts)
    order = np.argsort([len(row) for row in rows], kind="stable")
    reader = embedding.LayerReader(embedding.load_backbone(folder, CPU), layers)
    vectors = np.empty((len(rows), len(layers), reader.width), dtype=np.float32)
    vectors[order] = embedding.embed([rows[at] for at in order], reader, tokenizer, pooling, 64)
    return vectors


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_embeddings_are_the_workflows(tiny_nucleotide_transformer, embed, pooling, batch_size):
    wanted = workflow(tiny_nucleotide_transformer, SEQUENCES, [2, 0, 1], pooling)
    many = embed(SEQUENCES, layers=[-1, 0, 1], pooling=pooling, batch_size=batch_size)
    assert many.shape == (6, 3, 16)
    assert many.dtype == np.float32
    np.testing.assert_allclose(many, wanted, atol=1e-5)
    last = embed(SEQUENCES, pooling=pooling, batch_size=batch_size)
    np.testing.assert_allclose(last, wanted[:, 0], atol=1e-5)
    assert np.ptp(last, axis=0).min() > 0.01, "all sequences look the same"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ACGTN", min_size=1, max_size=60), min_size=1, max_size=5), st.integers(1, 4))
def test_neighbours_in_a_batch_change_nothing(embed, texts, batch_size):
    together = embed(texts, batch_size=batch_size)
    np.testing.assert_allclose(together, np.stack([embed(text) for text in texts]), atol=1e-5)


def test_shapes(embed):
    assert embed("ACGT").shape == (16,)
    assert embed("ACGT", layers=[0, 2]).shape == (2, 16)
    assert embed(("ACGT",)).shape == (1, 16)
    assert embed([]).shape == (0, 16)


def test_settings_hold_until_a_call_says_otherwise(tiny_nucleotide_transformer, embed):
    own = load_embedding_pipeline(tiny_nucleotide_transformer, pooling="cls", layers=1, batch_size=3)
    np.testing.assert_allclose(own(SEQUENCES), embed(SEQUENCES, pooling="cls", layers=1), atol=1e-5)
    np.testing.assert_allclose(own("ACGT", pooling="mean", layers=-1), embed("ACGT"), atol=1e-5)


@pytest.mark.parametrize("inputs", ["ACGT", ["ACGT"], []])
def test_unknown_parameters_are_named_with_the_known_ones(embed, inputs):
    message = "unknown pipeline parameters: max_lenght, top_k; known are batch_size, layers, max_tokens, num_workers, p"
    with pytest.raises(LexomeError, match=message):
        embed(inputs, max_lenght=10, top_k=1, pooling="cls")


def test_unknown_parameters_at_the_start(tiny_nucleotide_transformer):
    with pytest.raises(LexomeError, match="max_length; known are"):
        load_embedding_pipeline(tiny_nucleotide_transformer, max_length=10)


@pytest.mark.parametrize(
    ("inputs", "parameters", "message"),
    [
        ("ACGT", {"pooling": "max"}, "pooling: 'max'; choose one of mean, cls"),
        ("ACGT", {"layers": 3}, "layers: 3, but the model has layers 0 to 2"),
        ("ACGT", {"layers": [0, -4]}, "layers 0 to 2"),
        ("ACGT", {"layers": []}, r"layers: \[\], but the model has layers 0 to 2"),
        ("ACGT", {"layers": None}, "layers: None, but"),
        ("ACGT", {"max_tokens": 0}, "max_tokens: 0; give a whole number from 1 on"),
        (None, {}, "the input is of type NoneType; give a text or a list of texts"),
        ({"a": "ACGT"}, {}, "the input is of type dict"),
        (["ACGT", ""], {}, "input 2 of 2 is empty"),
        (["ACGT", None], {}, "input 2 of 2 is of type NoneType, not a text"),
        (["ACGT", b"A"], {}, "is of type bytes"),
        (["ACGT", "ACGTacgtacgt"], {}, "'ACGTacgtacgt'.* has 'a', lower case, at 5"),
    ],
)
def test_bad_requests_are_named(embed, inputs, parameters, message):
    with pytest.raises(LexomeError, match=message):
        embed(inputs, **parameters)


def test_nothing_is_cut(embed):
    """64 tokens fit: the cls token and 63 6-mers."""
    assert embed("ACGTAC" * 63).shape == (16,)
    with pytest.raises(LexomeError, match=r"\(379 letters\) has 65 tokens.* the model takes 64"):
        embed(["ACGT", "ACGTAC" * 63 + "A"])
    with pytest.raises(LexomeError, match=r"has 3 tokens.* takes 2"):
        embed("ACGTACGTACGT", max_tokens=2)


def test_other_backbones(tiny_backbone, tmp_path):
    proteins = ["MKV", "MKVLAGHH", "A"]
    embed = load_embedding_pipeline(tiny_backbone, batch_size=2)
    np.testing.assert_allclose(embed(proteins), workflow(tiny_backbone, proteins, [2], "mean")[:, 0], atol=1e-5)
    bert = make_backbone(tmp_path / "bert")
    texts = ["w1 w2 nucleus", "w3"]
    np.testing.assert_allclose(
        load_embedding_pipeline(bert)(texts), workflow(bert, texts, [2], "mean")[:, 0], atol=1e-5
    )
    with pytest.raises(LexomeError, match="the model takes 32"):
        load_embedding_pipeline(bert)("w1 " * 31)


def dna_study(folder, backbone):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), size)) for size in rng.integers(6, 90, 40)]
    ids = [f"e{at:02d}" for at in range(40)]
    tokenise(ids, texts, load_tokenizer(backbone), 64).save_to_disk(str(folder))
    targets = np.eye(3, dtype=np.uint8)[rng.integers(3, size=40)]
    rows = slice(24), slice(24, 32), slice(32, 40)
    parts = [Part(ids[part], targets[part], None, texts[part]) for part in rows]
    labels = [{"id": name} for name in ("human", "mouse", "fly")]
    return RunData(*parts, labels, "multi_class", str(folder), str(backbone))


@pytest.fixture(scope="module")
def run(tiny_nucleotide_transformer, tmp_path_factory):
    """A fine-tuned model that reads 11 tokens: folder, its texts, what it said of them when it was trained."""
    folder = tmp_path_factory.mktemp("pipelines")
    data = dna_study(folder / "tokens", tiny_nucleotide_transformer)
    training = TRAINING | {"epochs": 1, "max_length": 11}
    model = {"kind": "fine_tune", "backbone": "nt", "engine": "native", "freeze": 0, "training": training}
    trained = KINDS["fine_tune"](data, model, 0, folder / "run" / "model", 0)
    return folder / "run" / "model", model, data.test.texts, trained.test


@pytest.mark.parametrize("batch_size", [1, 3])
def test_classes_are_the_predictors(run, batch_size, caplog):
    folder, model, texts, written = run
    classify = load_classification_pipeline(folder, batch_size=batch_size)
    with caplog.at_level(logging.WARNING, "lexome.pipelines"):
        results = classify(texts)
    scores = np.array([list(result["probabilities"].values()) for result in results])
    assert [list(result["probabilities"]) for result in results] == [["human", "mouse", "fly"]] * len(texts)
    np.testing.assert_allclose(scores, written, atol=2e-5)
    predictor = load_predictor(folder, model)
    np.testing.assert_allclose(scores, predictor(texts), atol=2e-5)
    cut = predictor.cut(texts)
    assert 0 < cut.sum() < len(texts)
    assert [result["cut"] for result in results] == cut.tolist()
    assert caplog.text.count("only the first 11 are read") == cut.sum()


def test_embeddings_of_the_fine_tuned_trunk(run):
    folder, _, texts, _ = run
    short = [text for text in texts if len(encoder(load_tokenizer(folder))([text])[0]) <= 11]
    results = load_classification_pipeline(folder)(short, batch_size=4)
    vectors = np.stack([result["embedding"] for result in results])
    np.testing.assert_allclose(vectors, workflow(folder, short, [2], "mean")[:, 0], atol=1e-5)
    np.testing.assert_allclose(vectors, load_embedding_pipeline(folder)(short), atol=1e-5)
    first = load_classification_pipeline(folder)(short[0], pooling="cls")
    np.testing.assert_allclose(first["embedding"], workflow(folder, short[:1], [2], "cls")[0, 0], atol=1e-5)
    with pytest.raises(LexomeError, match="layers; known are batch_size, max_tokens, num_workers, pooling"):
        load_classification_pipeline(folder)(short, layers=1)


def test_several_labels_have_probabilities_of_their_own(tmp_path):
    backbone = make_backbone(tmp_path / "bert")
    data = make_study(tmp_path / "tokens", backbone, "multi_label", sizes=(24, 8, 8))
    model = {
        "kind": "fine_tune",
        "backbone": "b",
        "engine": "native",
        "freeze": 0,
        "training": TRAINING | {"epochs": 1},
    }
    trained = KINDS["fine_tune"](data, model, 0, tmp_path / "run" / "model", 0)
    results = load_classification_pipeline(tmp_path / "run" / "model", batch_size=8)(data.test.texts)
    scores = [list(result["probabilities"].values()) for result in results]
    np.testing.assert_allclose(scores, trained.test, atol=2e-5)


def test_folders_without_a_model(tiny_nucleotide_transformer, tmp_path):
    with pytest.raises(LexomeError, match="no model here"):
        load_embedding_pipeline(tmp_path)
    with pytest.raises(LexomeError, match="no fine-tuned classifier"):
        load_classification_pipeline(tiny_nucleotide_transformer)
    (tmp_path / "config.json").write_text('{"model": {"kind": "head"}}')
    with pytest.raises(LexomeError, match=r"no model_type.*run of kind fine_tune"):
        load_classification_pipeline(tmp_path)
