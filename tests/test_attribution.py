"""Attributions add up, find a planted word, and do not depend on what else is computed."""

import math
import types

import numpy as np
import pytest
import torch
from scipy.special import logit
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from lexome.attribution import (
    Tokens,
    gradient_times_input,
    integrated_gradients,
    load_classifier,
    log_odds,
    probability_function,
    read_tokens,
    sum_by_word,
    word_spans,
)
from lexome.errors import LexomeError
from lexome.finetuning import build_classifier
from tiny_bert import FILLERS, SIGNS, make_backbone

CPU = torch.device("cpu")
TEXTS = ["w1 nucleus w2 w3", "transport w4", "w5 w6 binding w7 w8 w9 nucleus", "w1"]


@pytest.fixture(scope="module", params=["multi_class", "multi_label"])
def folder(request, tmp_path_factory):
    """A classifier with large random weights, so that its output moves with the text, as fine-tuning saves it."""
    folder = tmp_path_factory.mktemp("attribution")
    backbone = make_backbone(folder / "bert")
    torch.manual_seed(1)
    model = build_classifier(backbone, SIGNS, request.param)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(0, 0.3)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    tokenizer.model_max_length = 8
    for part in (model, tokenizer):
        part.save_pretrained(folder / "model")
    return folder / "model"


class Bag(nn.Module):
    """Logits that are sums over tokens: what each contributes is known exactly."""

    def __init__(self, size=6, n_labels=2):
        super().__init__()
        self.embeddings = nn.Embedding(size, n_labels)
        self.config = types.SimpleNamespace(problem_type="multi_label_classification", num_labels=n_labels)
        self.base_model, self.device = self, CPU
        with torch.no_grad():
            self.embeddings.weight.copy_(torch.tensor([[0, 0], [9, 9], [1, -2], [-3, 1], [0.5, 4], [2, 0.25]]))

    def forward(self, input_ids, attention_mask):
        rows = self.embeddings(input_ids) * attention_mask[:, :, None]
        return types.SimpleNamespace(logits=rows.sum(dim=1))


def bag_tokens(ids):
    special = np.array([i == 1 for i in ids])
    return Tokens("", np.array(ids), [str(i) for i in ids], np.zeros((len(ids), 2), dtype=np.int64), special)


def test_a_sum_over_tokens_is_attributed_exactly():
    model = Bag().requires_grad_(False)
    weights = model.embeddings.weight.numpy()
    ids = [[1, 2, 4, 3, 1], [1, 5, 1]]
    for label in (0, 1):
        results = integrated_gradients(model, [bag_tokens(row) for row in ids], [label] * 2, 0, 3)
        gradients = gradient_times_input(model, [bag_tokens(row) for row in ids], [label] * 2, 0)
        for row, result, gradient in zip(ids, results, gradients, strict=True):
            expected = [0 if i == 1 else weights[i, label] for i in row]
            np.testing.assert_allclose(result.values, expected, atol=1e-5)
            assert result.baseline == pytest.approx(18)  # the two special tokens stay in the baseline
            assert result.delta == pytest.approx(0, abs=1e-5)
            np.testing.assert_allclose(gradient, weights[row, label], atol=1e-5)


@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification"])
def test_log_odds_are_those_of_the_probability(problem):
    logits = torch.tensor([[2.0, -1.0, 0.5], [40.0, -30.0, 3.0]], dtype=torch.float64)
    classes = torch.tensor([2, 0])
    single = problem.startswith("single")
    probability = logits.softmax(dim=1) if single else logits.sigmoid()
    expected = logit(probability.numpy()[[0, 1], classes])
    found = log_odds(logits, classes, single).numpy()
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    assert math.isfinite(found[1])
    assert found[1] == pytest.approx(37 if single else 40)  # where the probability in float64 is 1 but for rounding


def test_attributions_sum_to_the_difference_of_the_outputs(folder):
    model, tokenizer = load_classifier(folder, CPU)
    tokens, classes = read_tokens(tokenizer, TEXTS), [0, 2, 1, 1]
    coarse = integrated_gradients(model, tokens, classes, tokenizer.pad_token_id, 3)
    fine = integrated_gradients(model, tokens, classes, tokenizer.pad_token_id, 64, batch_size=7)
    single = model.config.problem_type.startswith("single")
    for own, label, result in zip(tokens, classes, fine, strict=True):
        # The two ends of the path, from the model itself.
        blank = np.where(own.special, own.ids, tokenizer.pad_token_id)
        with torch.no_grad():
            logits = model(torch.from_numpy(np.stack([own.ids, blank])), torch.ones(2, len(blank))).logits
        probability = (logits.double().softmax(dim=1) if single else logits.double().sigmoid())[:, label].numpy()
        np.testing.assert_allclose([result.output, result.baseline], logit(probability), atol=1e-4)
        assert abs(result.output - result.baseline) > 0.05, "the model does not move: the test would say nothing"
        assert result.values.sum() == pytest.approx(result.output - result.baseline, abs=2e-3)
        assert result.values.sum() - (result.output - result.baseline) == pytest.approx(result.delta, abs=1e-5)
        np.testing.assert_array_equal(result.values[own.special], 0)
    assert sum(abs(own.delta) for own in fine) < sum(abs(own.delta) for own in coarse)


def test_attributions_do_not_depend_on_batches_or_other_texts(folder):
    model, tokenizer = load_classifier(folder, CPU)
    tokens = read_tokens(tokenizer, TEXTS)
    together = integrated_gradients(model, tokens, [0] * 4, tokenizer.pad_token_id, 10, batch_size=4)
    for own, result in zip(tokens, together, strict=True):
        (alone,) = integrated_gradients(model, [own], [0], tokenizer.pad_token_id, 10, batch_size=100)
        np.testing.assert_allclose(alone.values, result.values, atol=1e-5)
    # Nor does the probability on padding.
    probability = probability_function(model, tokenizer)
    np.testing.assert_allclose(probability(TEXTS), [probability([text])[0] for text in TEXTS], atol=1e-5)


def test_finds_the_word_that_a_trained_model_goes_by(tmp_path):
    """A model that has only ever seen one word tell the classes apart attributes its answer to this word."""
    backbone = make_backbone(tmp_path / "bert", dropout=0.0)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    rng, texts, classes = np.random.default_rng(0), [], []
    for _ in range(96):
        words = rng.choice(FILLERS, 5).tolist()
        classes.append(int(rng.integers(3)))
        words[rng.integers(5)] = SIGNS[classes[-1]]
        texts.append(" ".join(words))
    torch.manual_seed(0)
    model = build_classifier(backbone, SIGNS, "multi_class").train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02)
    batch = tokenizer(texts, return_tensors="pt", padding=True) | {"labels": torch.tensor(classes)}
    for _ in range(60):
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "model")

    model, tokenizer = load_classifier(tmp_path / "model", CPU)
    assert (probability_function(model, tokenizer)(texts).argmax(axis=1) == classes).mean() == 1
    tokens = read_tokens(tokenizer, texts[:20])
    tops = []
    for own, result in zip(
        tokens, integrated_gradients(model, tokens, classes[:20], tokenizer.pad_token_id, 16), strict=True
    ):
        spans, sums = sum_by_word(own, result.values)
        start, end = spans[sums.argmax()]
        # One class may be what the model says of an empty text as well: then no word has to speak for it.
        if result.baseline < 0:
            tops.append(own.text[start:end])
    assert len(tops) >= 8
    assert set(tops) <= set(SIGNS)


def test_loads_what_fine_tuning_saves_and_changes_nothing(folder):
    model, tokenizer = load_classifier(folder, CPU)
    assert not model.training
    assert not any(weights.requires_grad for weights in model.parameters())
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    before = plain(**tokenizer(TEXTS[:1], return_tensors="pt")).logits.detach()
    integrated_gradients(model, read_tokens(tokenizer, TEXTS[:1]), [0], tokenizer.pad_token_id, 4)
    after = model(**tokenizer(TEXTS[:1], return_tensors="pt")).logits
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_a_tokenizer_without_offsets_is_refused(tiny_backbone):
    with pytest.raises(LexomeError, match="where its tokens lie"):
        load_classifier(tiny_backbone, CPU)


def test_long_texts_end_where_the_model_stops_reading(folder):
    _, tokenizer = load_classifier(folder, CPU)
    long, short = read_tokens(tokenizer, [" ".join(FILLERS[:12]), "w1  w2 "])
    assert len(long.ids) == 8  # six words and the two special tokens
    assert long.text == " ".join(FILLERS[:6])
    assert long.pieces == ["[CLS]", *FILLERS[:6], "[SEP]"]
    assert long.special.tolist() == [True, *[False] * 6, True]
    assert short.text == "w1  w2"
    assert [short.text[start:end] for start, end in short.spans[1:-1]] == ["w1", "w2"]


def test_pieces_are_summed_by_word():
    text = " an  alpha-helix, (x)"
    #        word pieces, with the offsets of BERT
    spans = [(0, 0), (1, 3), (5, 10), (10, 11), (11, 16), (16, 17), (18, 19), (19, 20), (20, 21), (0, 0)]
    special = np.array([True, *[False] * 8, True])
    tokens = Tokens(text, np.zeros(10), [""] * 10, np.array(spans), special)
    found, sums = sum_by_word(tokens, np.array([64.0, 1, 2, 4, 8, 16, 32, 0.5, 0.25, 128]))
    assert [text[start:end] for start, end in found] == ["an", "alpha-helix,", "(x)"]
    assert sums.tolist() == [1, 30, 32.75]
    # Offsets that count the blank before a word to its first piece, and a piece that is a blank alone.
    tokens = Tokens(text, np.zeros(3), [""] * 3, np.array([(0, 3), (3, 5), (4, 17)]), np.zeros(3, dtype=bool))
    assert sum_by_word(tokens, np.array([1.0, 2, 4]))[1].tolist() == [1, 6, 0]


def test_words_are_runs_between_blanks():
    text = "A + B,\tc\n"
    assert [text[start:end] for start, end in word_spans(text)] == ["A", "+", "B,", "c"]
    assert word_spans(" ").shape == (0, 2)
