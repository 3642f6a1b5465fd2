"""Several readings of a sequence: drawn by seed, epoch and row, and averaged wherever the model is asked."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from transformers import AutoModelForSequenceClassification

from lexome.errors import LexomeError
from lexome.finetuning import build_classifier
from lexome.models import KINDS
from lexome.pipelines import load_classification_pipeline
from lexome.predictors import load_predictor
from lexome.readings import Draw, shift
from lexome.runs import Part, RunData
from lexome.tokens import encoder, load_tokenizer, tokenise

TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 8,
    "epochs": 2,
    "warmup_ratio": 0.0,
    "max_length": 6,
    "group_by_length": False,
    "monitor": None,
}
SETTINGS = {
    "kind": "fine_tune",
    "backbone": "nt",
    "engine": "native",
    "freeze": 0,
    "pooling": "mean",
    "readings": {"shifts": [0, 3], "mask": 0.2},
    "training": TRAINING,
}


def test_letters_are_left_off():
    assert shift(["ACGTA", "TTTT"], 3) == ["TA", "T"]
    # Models of texts read whole ones, an empty one as before.
    assert shift(["", "ACG"], 0) == ["", "ACG"]
    with pytest.raises(LexomeError, match=r"shifts: 3 letters are left off, but 'ACG' has 3"):
        shift(["ACGT", "ACG"], 3)


def test_draws_depend_on_seed_epoch_and_row_alone():
    rng = np.random.default_rng(0)
    readings = [[np.append(3, rng.integers(10, 20, 30)) for _ in range(40)] for _ in range(2)]
    draw = Draw(readings, 5, 0.25, 2, [3])
    once = [draw(row, epoch) for epoch in (1, 2) for row in range(40)]
    again = [draw(row, epoch) for epoch in (1, 2) for row in reversed(range(40))]
    again = [again[at] for half in (0, 40) for at in reversed(range(half, half + 40))]
    assert all((a == b).all() for a, b in zip(once, again, strict=True))
    which = []
    for row, ids in enumerate(once[:40]):
        kept = ids != 2
        which.append(next(n for n in (0, 1) if (ids[kept] == readings[n][row][kept]).all()))
        assert ids[0] == 3
    assert 8 < sum(which) < 32
    share = np.mean([(ids[1:] == 2).mean() for ids in once])
    assert share == pytest.approx(0.25, abs=0.04)
    assert any((a != b).any() for a, b in zip(once[:40], once[40:], strict=True))
    assert any((draw(row, 1) != Draw(readings, 6, 0.25, 2, [3])(row, 1)).any() for row in range(5))


def test_without_a_mask_token():
    with pytest.raises(LexomeError, match="no mask token"):
        Draw([[np.zeros(3)]], 0, 0.1, None)
    row = np.arange(4)
    assert (Draw([[row]], 0)(0, 1) == row).all()


@pytest.fixture(scope="module")
def run(tiny_nucleotide_transformer, tmp_path_factory):
    """A model trained on two readings: the study, what it predicts, its folder."""
    folder = tmp_path_factory.mktemp("readings")
    rng = np.random.default_rng(2)
    texts = ["".join(rng.choice(list("ACGT"), 30)) for _ in range(56)]
    ids = [f"e{at:02d}" for at in range(56)]
    tokenise(ids, texts, load_tokenizer(tiny_nucleotide_transformer), 64).save_to_disk(str(folder / "tokens"))
    targets = np.eye(2, dtype=np.uint8)[rng.integers(2, size=56)]
    rows = slice(32), slice(32, 40), slice(40, 56)
    parts = [Part(ids[part], targets[part], None, texts[part]) for part in rows]
    labels = [{"id": name} for name in ("human", "mouse")]
    data = RunData(*parts, labels, "multi_class", str(folder / "tokens"), str(tiny_nucleotide_transformer))
    trained = KINDS["fine_tune"](data, SETTINGS, 0, folder / "run" / "model", 0)
    return data, trained, folder / "run" / "model"


def test_predictions_are_means_over_the_readings(run):
    data, trained, folder = run
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    encode = encoder(load_tokenizer(folder))
    assert model.config.shifts == [0, 3]
    logits = []
    for text in data.test.texts:
        with torch.inference_mode():
            told = [model(torch.tensor(encode([text[letters:]]))[:, :6]).logits[0].numpy() for letters in (0, 3)]
        logits.append(np.mean(told, axis=0))
    expected = softmax(np.array(logits), axis=1)
    np.testing.assert_allclose(trained.test, expected, atol=1e-5)
    # Not what one reading alone says.
    with torch.inference_mode():
        one = softmax([model(torch.tensor(encode([t]))[:, :6]).logits[0].numpy() for t in data.test.texts], axis=1)
    assert np.abs(one - expected).max() > 1e-3
    predict = load_predictor(folder, SETTINGS, None, {"max_tokens": 64})
    np.testing.assert_allclose(predict(data.test.texts), expected, atol=1e-5)
    for told, wanted in zip(load_classification_pipeline(folder)(data.test.texts), expected, strict=True):
        assert list(told["probabilities"].values()) == pytest.approx(wanted.tolist(), abs=1e-5)
        assert set(told) == {"probabilities", "embedding", "cut"}


def test_classifier_on_the_mean_of_the_tokens(run):
    folder = run[2]
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    tokens = torch.tensor([[3, 506, 3662, 1567, 1, 1], [3, 7, 8, 9, 10, 11]])
    attention = (tokens != 1).long()
    with torch.inference_mode():
        both = model(tokens, attention_mask=attention, labels=torch.tensor([0, 1]))
        states = model.esm(tokens[:1, :4]).last_hidden_state
        alone = model.classifier(states[:, 1:].mean(dim=1, keepdim=True))
        assert model(tokens[:1, :1]).logits.isfinite().all()
    torch.testing.assert_close(both.logits[:1], alone, atol=1e-5, rtol=0)
    expected = torch.nn.functional.cross_entropy(both.logits, torch.tensor([0, 1]))
    assert both.loss.item() == pytest.approx(expected.item())


def test_other_classifiers_have_no_mean(tiny_backbone):
    with pytest.raises(LexomeError, match="'esm' read the cls token"):
        build_classifier(tiny_backbone, ["a", "b"], "multi_class", "mean")
