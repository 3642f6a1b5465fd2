"""Heads standardise by the training examples and come back from disk as they were."""

import pytest
import torch

from lexome.heads import Head, Standardise, load_head, save_head


def test_standardise_uses_training_statistics():
    features = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    layer = Standardise(2)
    layer.fit(features)
    assert layer(features).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert layer(torch.tensor([[5.0, 6.0]])).tolist() == [[3.0, 1.0]]


@pytest.mark.parametrize("hidden", [[], [8], [16, 8]])
def test_comes_back_from_disk(tmp_path, hidden):
    torch.manual_seed(0)
    head = Head(4, 3, hidden, dropout=0.5).eval()
    features = torch.randn(5, 4)
    head.standardise.fit(features)
    save_head(head, tmp_path / "model", ["a", "b", "c"], {"backbone": "x", "layers": [1]})
    again, config = load_head(tmp_path / "model")
    assert torch.equal(head(features), again(features))
    assert config["labels"] == ["a", "b", "c"]
    assert config["features"] == {"backbone": "x", "layers": [1]}


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), ("gelu", torch.nn.functional.gelu)])
def test_activation_is_the_one_asked_for_also_from_disk(tmp_path, activation, function):
    torch.manual_seed(0)
    save_head(Head(4, 3, [8], 0.5, activation), tmp_path / "model", ["a", "b", "c"], {})
    head, _ = load_head(tmp_path / "model")
    features = torch.randn(5, 4)
    torch.testing.assert_close(head(features), head.layers[-1](function(head.layers[0](features))))


def test_without_hidden_layers_it_is_linear():
    head = Head(4, 3).eval()
    zero = head(torch.zeros(1, 4))
    a, b = torch.randn(1, 4), torch.randn(1, 4)
    torch.testing.assert_close(head(a) + head(b), head(a + b) + zero)
