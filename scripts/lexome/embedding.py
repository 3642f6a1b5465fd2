"""Fixed-size vectors of examples from a frozen backbone."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, PreTrainedTokenizerBase

from lexome.errors import LexomeError
from lexome.nucleotide_transformer import load_model


def load_backbone(folder: str | Path, device: torch.device) -> nn.Module:
    """Load the encoder of a backbone for inference, from its folder only: no network, no remote code, no pickle.

    A checkpoint with another head on top (a classifier, a masked-LM head) gives its trunk.
    """
    return load_model(AutoModel, folder).to(device).eval().requires_grad_(False)


def content_mask(input_ids: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """True at tokens that stand for a residue, nucleotides or a piece of text.

    Parameters
    ----------
    input_ids
        int64, shape (batch, tokens).
    tokenizer
        Its cls, sep, bos, eos and pad tokens are left out; unknown and masked tokens count as content.

    Returns
    -------
    torch.Tensor
        bool, shape (batch, tokens).
    """
    names = ("cls_token_id", "sep_token_id", "bos_token_id", "eos_token_id", "pad_token_id")
    frame = {getattr(tokenizer, name) for name in names} - {None}
    return ~torch.isin(input_ids, torch.tensor(sorted(frame), device=input_ids.device))


class LayerReader:
    """Reads the hidden states of chosen layers and computes no layer above the highest of them.

    Parameters
    ----------
    backbone
        An encoder whose layers stand in `encoder.layer` (BERT, ESM and their kin). Its layers above the highest
        chosen one are cut off.
    layers
        Layers counted as in `hidden_states` of transformers: 0 the token embeddings, n the output of layer n; the
        last one includes the encoder's final layer norm. Negative numbers count from the end.

    Raises
    ------
    LexomeError
        If a layer does not exist.
    """

    def __init__(self, backbone: nn.Module, layers: Sequence[int]):
        stack = backbone.encoder.layer
        depth = len(stack)
        wanted = [layer + depth + 1 if layer < 0 else layer for layer in layers]
        if not wanted or min(wanted) < 0 or max(wanted) > depth:
            raise LexomeError(f"embedding layers {list(layers)}: the backbone has layers 0 to {depth}")
        self.layers = wanted
        self._backbone = backbone
        self._depth = depth
        self._states: dict[int, torch.Tensor] = {}
        self.width = backbone.config.hidden_size
        backbone.encoder.layer = stack[: max(max(wanted), 1)]
        for n in set(wanted) - {depth}:
            if n == 0:
                stack[0].register_forward_pre_hook(self._keep_input)
            else:
                stack[n - 1].register_forward_hook(self._keep_output(n))

    def _keep_input(self, _module: nn.Module, inputs: tuple) -> None:
        self._states[0] = inputs[0]

    def _keep_output(self, n: int) -> Callable:
        def hook(_module: nn.Module, _inputs: tuple, output: torch.Tensor | tuple) -> None:
            self._states[n] = output[0] if isinstance(output, tuple) else output

        return hook

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Hidden states, float, shape (batch, n_layers, tokens, width)."""
        self._states.clear()
        output = self._backbone(input_ids=input_ids, attention_mask=attention_mask)
        self._states[self._depth] = output.last_hidden_state
        return torch.stack([self._states[n] for n in self.layers], dim=1)


def pool(states: torch.Tensor, content: torch.Tensor, pooling: str | Sequence[str]) -> torch.Tensor:
    """One vector an example, pooling and layer.

    Parameters
    ----------
    states
        Shape (batch, n_layers, tokens, width).
    content
        bool, shape (batch, tokens): the tokens that count.
    pooling
        `mean` over the content tokens (zeros where there are none), or `cls`: the first token; or several.

    Returns
    -------
    torch.Tensor
        Shape (batch, n_poolings * n_layers, width): the layers of the first pooling, then those of the next.
    """
    poolings = [pooling] if isinstance(pooling, str) else pooling
    return torch.cat([POOLINGS[name](states, content) for name in poolings], dim=1)


def _mean(states: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    weight = content[:, None, :, None].to(states.dtype)
    return (states * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1)


def _first(states: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    return states[:, :, 0]


POOLINGS = {"mean": _mean, "cls": _first}


def shard_rows(lengths: Sequence[int], shard: int, shards: int) -> np.ndarray:
    """Rows of one shard: every n-th in order of length, so that all shards cost the same; ascending in length."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return order[shard::shards]


def budget_batches(lengths: Sequence[int], budget: int) -> list[range]:
    """Part rows into consecutive batches whose padded size stays within a token budget.

    Parameters
    ----------
    lengths
        Tokens of each row, in the order in which the rows are taken (ascending wastes least).
    budget
        Most tokens in a batch, padding included; a longer row makes a batch of its own.

    Returns
    -------
    list of range
        Positions in `lengths`; together they cover all rows in order.
    """
    batches, start, longest = [], 0, 0
    for position, length in enumerate(lengths):
        longest = max(longest, length)
        if position > start and longest * (position - start + 1) > budget:
            batches.append(range(start, position))
            start, longest = position, length
    if start < len(lengths):
        batches.append(range(start, len(lengths)))
    return batches


def embed(
    rows: Sequence[Sequence[int]],
    reader: LayerReader,
    tokenizer: PreTrainedTokenizerBase,
    pooling: str | Sequence[str],
    budget: int,
    device: torch.device,
    report: Callable[[int, int], None] = lambda sequences, tokens: None,
) -> np.ndarray:
    """Embed tokenised examples with a frozen backbone.

    Parameters
    ----------
    rows
        Token ids of each example, ascending in length.
    reader
        The backbone and its layers.
    tokenizer
        Of the backbone.
    pooling
        `mean` or `cls`, or several, as in `pool`.
    budget
        Tokens in a batch, padding included.
    device
        Where the backbone lies.
    report
        Called after each batch with the examples and tokens done in it.

    Returns
    -------
    numpy.ndarray
        float32, shape (n_examples, n_poolings * n_layers, width), as in `pool`.
    """
    columns = len(reader.layers) * (1 if isinstance(pooling, str) else len(pooling))
    vectors = np.empty((len(rows), columns, reader.width), dtype=np.float32)
    for batch in budget_batches([len(row) for row in rows], budget):
        longest = max(len(rows[i]) for i in batch)
        ids = torch.full((len(batch), longest), tokenizer.pad_token_id or 0, dtype=torch.long)
        attention = torch.zeros((len(batch), longest), dtype=torch.long)
        for at, i in enumerate(batch):
            ids[at, : len(rows[i])] = torch.as_tensor(rows[i])
            attention[at, : len(rows[i])] = 1
        with torch.inference_mode():
            states = reader(ids.to(device), attention.to(device))
            content = content_mask(ids, tokenizer) & attention.bool()
            vectors[batch.start : batch.stop] = pool(states, content.to(device), pooling).float().cpu().numpy()
        report(len(batch), sum(len(rows[i]) for i in batch))
    return vectors
