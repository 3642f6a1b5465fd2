"""Convolutional networks that read one-hot DNA.

Sequences come as (batch, 4, length), channels A, C, G, T, and leave as logits, (batch, n_labels). Inside, a convolution
over positions is a two-dimensional one over a picture of height 1 with its channels last in memory, which PyTorch
computes about twice as fast on a CPU as its one-dimensional form. Every nonlinearity is a module of its own that is
called once a pass: attribution libraries hook them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from lexome.errors import LexomeError
from lexome.runtime import read_json
from lexome.saved import save_model
from lexome.training import predict_logits

# What each architecture sets, the published networks for 200 nucleotides; any of it may be overridden.
ARCHITECTURES: dict[str, dict] = {
    "conv": {"batch_norm": False, "dropout": 0.0, "transformer_blocks": 0},
    "conv_bn": {"batch_norm": True, "dropout": 0.2, "transformer_blocks": 0},
    "conv_transformer": {"batch_norm": True, "dropout": 0.2, "transformer_blocks": 1},
}
COMMON = {
    "conv_blocks": 2,
    "filters": 64,
    "kernel": 10,
    "pool": 2,
    "heads": 8,
    "transformer_dense": 64,
    "dense": [128, 64],
}


def architecture(settings: Mapping) -> dict:
    """The arguments of `ConvNetwork` but for labels and length: of a named architecture, with what the settings change.

    Parameters
    ----------
    settings
        `architecture`, a key of `ARCHITECTURES`, and any argument of `ConvNetwork`; other keys are passed over.
    """
    known = COMMON | ARCHITECTURES[settings["architecture"]]
    return known | {name: settings[name] for name in known if name in settings}


class ConvBlock(nn.Module):
    """Convolution, batch norm or none, GELU, max-pooling.

    (batch, channels, 1, length) becomes (batch, filters, 1, length // pool). Zeros on both sides, one more
    on the right where `kernel` is even, keep the length up to the pooling.
    """

    def __init__(self, channels: int, filters: int, kernel: int, pool: int, batch_norm: bool):
        super().__init__()
        self.pad = nn.ZeroPad2d(((kernel - 1) // 2, kernel // 2, 0, 0))
        self.convolution = nn.Conv2d(channels, filters, (1, kernel))
        self.norm = nn.BatchNorm2d(filters) if batch_norm else nn.Identity()
        self.activation = nn.GELU()
        self.pool = nn.MaxPool2d((1, pool))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One block, shapes as above."""
        return self.pool(self.activation(self.norm(self.convolution(self.pad(x)))))


class SelfAttention(nn.Module):
    """Multi-head attention of positions to positions: (batch, positions, width) to the same shape.

    The weights, (batch, heads, positions, positions), are what `softmax` gives: a hook there reads them.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.softmax = nn.Softmax(dim=-1)
        self.output = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attended positions, same shape."""
        batch, positions, width = x.shape
        split = self.query_key_value(x).view(batch, positions, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        weights = self.softmax(query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5)
        return self.output((weights @ value).transpose(1, 2).reshape(batch, positions, width))


class TransformerBlock(nn.Module):
    """Attention, then two dense layers, each behind a layer norm and added to what went in; shapes stay.

    Without positions of its own: the convolutions before it and the dense layers after it know the order.
    """

    def __init__(self, width: int, heads: int, dense: int, dropout: float):
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm_dense = nn.LayerNorm(width)
        self.dense = nn.Sequential(nn.Linear(width, dense), nn.GELU(), nn.Dropout(dropout), nn.Linear(dense, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One block, (batch, positions, width) to the same shape."""
        x = x + self.attention(self.norm_attention(x))
        return x + self.dense(self.norm_dense(x))


class ConvNetwork(nn.Module):
    """Convolution blocks, transformer blocks, dense layers, one logit a label.

    Parameters
    ----------
    n_labels
        Logits.
    length
        Nucleotides of every sequence: the dense layers have weights of their own for every position.
    conv_blocks, filters, kernel, pool, batch_norm
        How many convolution blocks, and what each is, see `ConvBlock`. Each divides the positions by `pool`.
    transformer_blocks, heads, transformer_dense
        How many transformer blocks, and what each is; `heads` must divide `filters`.
    dense
        Widths of the dense layers; none leads from the positions to the logits at once.
    dropout
        After each dense layer, also inside the transformer blocks.

    Raises
    ------
    LexomeError
        If the pooling leaves no position, or the heads do not divide the filters.
    """

    def __init__(
        self,
        n_labels: int,
        length: int,
        conv_blocks: int,
        filters: int,
        kernel: int,
        pool: int,
        batch_norm: bool,
        transformer_blocks: int,
        heads: int,
        transformer_dense: int,
        dense: Sequence[int],
        dropout: float,
    ):
        super().__init__()
        self.settings = {
            "n_labels": n_labels,
            "length": length,
            "conv_blocks": conv_blocks,
            "filters": filters,
            "kernel": kernel,
            "pool": pool,
            "batch_norm": batch_norm,
            "transformer_blocks": transformer_blocks,
            "heads": heads,
            "transformer_dense": transformer_dense,
            "dense": list(dense),
            "dropout": dropout,
        }
        positions = length // pool**conv_blocks
        if positions < 1:
            raise LexomeError(
                f"conv_blocks: {conv_blocks} poolings by {pool} leave nothing of {length} nucleotides; lower either"
            )
        if transformer_blocks and filters % heads:
            raise LexomeError(f"heads: {heads} heads cannot share {filters} filters; choose a divisor")
        self.length = length
        self.convolutions = nn.Sequential(
            *(ConvBlock(4 if at == 0 else filters, filters, kernel, pool, batch_norm) for at in range(conv_blocks))
        )
        self.transformers = nn.Sequential(
            *(TransformerBlock(filters, heads, transformer_dense, dropout) for _ in range(transformer_blocks))
        )
        layers: list[nn.Module] = []
        width = positions * (filters if conv_blocks else 4)
        for size in dense:
            layers += [nn.Linear(width, size), nn.GELU(), nn.Dropout(dropout)]
            width = size
        self.dense = nn.Sequential(*layers)
        self.output = nn.Linear(width, n_labels)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, (batch, n_labels), of one-hot DNA, floats (batch, 4, length)."""
        x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        x = self.convolutions(x)
        # (batch, filters, 1, positions) to (batch, positions, filters), as the channels lie in memory.
        x = self.transformers(x.squeeze(2).transpose(1, 2))
        return self.output(self.dense(x.flatten(1)))


def flip_strand(x: torch.Tensor) -> torch.Tensor:
    """The other strand of one-hot DNA, (..., 4, length): with channels A, C, G, T, both axes turned round."""
    return x.flip(-2, -1)


def flip_half(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each sequence of a batch, (batch, 4, length), as it is or as its other strand, with equal chance."""
    flipped = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(flipped.to(x.device)[:, None, None], flip_strand(x), x)


def strand_logits(model: nn.Module, x: torch.Tensor, both: bool = True, batch_size: int = 512) -> torch.Tensor:
    """Logits, float32 on the CPU, shape (n, n_labels): the mean of the two strands', or those of the one given.

    The mean is the same, to the last bit, for a sequence and its reverse complement in batches of the same make-up.
    """
    logits = predict_logits(model, x, batch_size)
    return (logits + predict_logits(model, flip_strand(x), batch_size)) / 2 if both else logits


def save_network(network: ConvNetwork, folder: str | Path, labels: Sequence[str], about: Mapping) -> None:
    """Save a network as `model.safetensors` and `config.json`, whole or not at all.

    Parameters
    ----------
    labels
        Ids of the labels, in the order of the logits.
    about
        What else using it takes: `task` and `reverse_complement` (whether both strands are averaged).
    """
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    save_model(folder, weights, {"network": network.settings, **about, "labels": list(labels)})


def load_network(folder: str | Path) -> tuple[ConvNetwork, dict]:
    """Load a saved network, ready to predict, and its `config.json`."""
    config = read_json(Path(folder) / "config.json")
    network = ConvNetwork(**config["network"])
    network.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return network.eval(), config
