"""A Nucleotide Transformer goes through every stage that other backbones go through."""

import numpy as np
import pandas as pd
import pytest
import torch

from lexome import embedding
from lexome.adaptation import adapt
from lexome.models import KINDS
from lexome.nucleotide_transformer import NucleotideTransformerModel
from lexome.predictors import load_predictor
from lexome.runs import Part, RunData
from lexome.tokens import encoder, load_tokenizer, tokenise

CPU = torch.device("cpu")
ADAPTATION = {
    "mask": 0.15,
    "head_epochs": 1,
    "head_learning_rate": 0.01,
    "epochs": 6,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 16,
    "warmup_ratio": 0.1,
    "max_length": 24,
    "seed": 3,
}
TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "batch_size": 8,
    "epochs": 3,
    "warmup_ratio": 0.1,
    "max_length": 11,
    "group_by_length": False,
    "monitor": None,
}
KINDS_OF_WORDS = ["ATGGCT", "TTTAAA", "CCCGGG"]


def sequences(n, seed=0):
    """Sequences of 60 letters that repeat one 6-mer, with a letter changed here and there; and which 6-mer."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(3, size=n)
    rows = []
    for label in classes:
        letters = np.array(list(KINDS_OF_WORDS[label] * 10))
        letters[rng.integers(60, size=3)] = rng.choice(list("ACGT"), 3)
        rows.append("".join(letters))
    return rows, classes


@pytest.fixture(scope="module")
def tokenizer(tiny_nucleotide_transformer):
    return load_tokenizer(tiny_nucleotide_transformer)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_embeddings_equal_one_at_a_time(tiny_nucleotide_transformer, tokenizer, pooling):
    texts = ["N", "ACGTA", "ATGGTAGCTACATCATCT", "ACGTACNNACGTACGTAGG"]
    rows = encoder(tokenizer)(texts)
    reader = embedding.LayerReader(embedding.load_backbone(tiny_nucleotide_transformer, CPU), [0, 1, 2])
    vectors = embedding.embed(rows, reader, tokenizer, pooling, budget=20)
    model = embedding.load_backbone(tiny_nucleotide_transformer, CPU)
    assert isinstance(model, NucleotideTransformerModel)
    for at, row in enumerate(rows):
        with torch.inference_mode():
            states = model(torch.tensor([row]), output_hidden_states=True).hidden_states
        for layer in range(3):
            own = states[layer][0]
            wanted = own[0] if pooling == "cls" else own[1:].mean(dim=0)
            np.testing.assert_allclose(vectors[at, layer], wanted, atol=1e-5)


def test_pretraining_from_random_weights(tiny_nucleotide_transformer, tmp_path):
    texts, _ = sequences(96)
    subset = ["train"] * 72 + ["valid"] * 24
    table = pd.DataFrame({"group": [f"g{at}" for at in range(96)], "subset": subset, "text": texts})
    bootstrap = {"replicates": 50, "level": 0.95, "seed": 0}
    folder = tmp_path / "mini"
    about, history, _ = adapt(table, tiny_nucleotide_transformer, ADAPTATION, bootstrap, folder, 0)
    assert about["head"] == "kept"
    assert len(history) == ADAPTATION["epochs"]
    assert about["tokens"]["valid"] == 24 * 11
    losses = [record["valid_loss"] for record in history]
    # Random weights know nothing of 4,107 tokens; a few epochs teach which 6-mers there are.
    assert losses[0] < np.log(4107) + 0.1
    assert losses[-1] < losses[0] - 1
    trunk = embedding.load_backbone(folder, CPU)
    assert isinstance(trunk, NucleotideTransformerModel)
    start = embedding.load_backbone(tiny_nucleotide_transformer, CPU)
    name = "encoder.layer.1.intermediate.dense.weight"
    assert not torch.allclose(trunk.state_dict()[name], start.state_dict()[name], atol=1e-3)
    assert load_tokenizer(folder).eos_token is None


@pytest.mark.parametrize("engine", ["trainer", "native"])
def test_fine_tuning(tiny_nucleotide_transformer, tokenizer, tmp_path, engine):
    texts, classes = sequences(96, seed=1)
    ids = [f"e{at:02d}" for at in range(96)]
    tokenise(ids, texts, tokenizer, 64).save_to_disk(str(tmp_path / "tokens"))
    targets = np.eye(3, dtype=np.uint8)[classes]
    rows = slice(64), slice(64, 80), slice(80, 96)
    parts = [Part(ids[part], targets[part], None, texts[part]) for part in rows]
    labels = [{"id": name} for name in ("human", "mouse", "fly")]
    data = RunData(*parts, labels, "multi_class", str(tmp_path / "tokens"), str(tiny_nucleotide_transformer))
    settings = {"kind": "fine_tune", "backbone": "nt", "engine": engine, "freeze": 1, "training": TRAINING}
    trained = KINDS["fine_tune"](data, settings, 0, tmp_path / "run" / "model", 0)
    assert (trained.test.argmax(axis=1) == classes[80:]).mean() > 0.8
    predictor = load_predictor(tmp_path / "run" / "model", settings)
    np.testing.assert_allclose(predictor(data.test.texts), trained.test, atol=2e-5)
