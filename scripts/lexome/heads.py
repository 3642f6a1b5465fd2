"""Small networks on fixed-size features."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from lexome.runtime import read_json
from lexome.saved import save_model

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}


class Standardise(nn.Module):
    """Centre and scale features by the statistics of the training examples, kept with the weights."""

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def fit(self, features: torch.Tensor) -> None:
        """Take mean and standard deviation from features, shape (n, n_features); a constant feature keeps scale 1."""
        self.mean.copy_(features.mean(dim=0))
        deviation = features.std(dim=0, unbiased=False)
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Standardised features, same shape."""
        return (features - self.mean) / self.scale


class Head(nn.Module):
    """Features to one logit a label: linear without hidden layers, else a perceptron with dropout.

    Parameters
    ----------
    n_features, n_labels
        Sizes of input and output.
    hidden
        Width of each hidden layer; none makes a (multi-label) logistic regression.
    dropout
        After each hidden layer.
    activation
        Of the hidden layers: `gelu` or `relu`.
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        activation: str = "gelu",
    ):
        super().__init__()
        self.settings = {
            "n_features": n_features,
            "n_labels": n_labels,
            "hidden": list(hidden),
            "dropout": dropout,
            "activation": activation,
        }
        self.standardise = Standardise(n_features)
        layers: list[nn.Module] = []
        width = n_features
        for size in hidden:
            layers += [nn.Linear(width, size), ACTIVATIONS[activation](), nn.Dropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, n_labels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits, shape (batch, n_labels), of features, shape (batch, n_features)."""
        return self.layers(self.standardise(features))


def save_head(head: Head, folder: str | Path, labels: Sequence[str], source: dict) -> None:
    """Save a head as `model.safetensors` and `config.json`, whole or not at all.

    Parameters
    ----------
    labels
        Ids of the labels, in the order of the logits.
    source
        Where the features come from (backbone, layers, pooling), so that the head can be used on new examples.
    """
    weights = {name: value.numpy() for name, value in head.state_dict().items()}
    save_model(folder, weights, {"head": head.settings, "features": source, "labels": list(labels)})


def load_head(folder: str | Path) -> tuple[Head, dict]:
    """Load a saved head and its `config.json`."""
    config = read_json(Path(folder) / "config.json")
    head = Head(**config["head"])
    head.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return head.eval(), config
