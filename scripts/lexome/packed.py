"""Encoders that read sequences laid end to end: nothing is computed for padding.

The same weights and the same arithmetic as the classes of transformers, arranged for throughput: one product gives
queries, keys and values; everything but attention sees one matrix of all tokens; attention never looks from one
sequence into another, and positions begin anew at each. `benchmarks/embedding.py` compares it with the usual ways.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import BertModel, EsmModel

from lexome.nucleotide_transformer import NucleotideTransformerModel

HALVES = (torch.bfloat16, torch.float16)
# ESM2 was trained with 15 % of the tokens chosen, of which 80 % were masked; its embeddings are scaled by what is left.
TRAINED_MASKED = 0.15 * 0.8


def runs(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours of one length, as (first token, sequences, tokens of each)."""
    start = first = 0
    for at in range(1, len(lengths) + 1):
        if at == len(lengths) or lengths[at] != lengths[first]:
            yield start, at - first, lengths[first]
            start += (at - first) * lengths[first]
            first = at


def attend_by_length(qkv: torch.Tensor, lengths: Sequence[int], scale: float) -> torch.Tensor:
    """Attention within each sequence, one call for each run of equal lengths.

    Parameters
    ----------
    qkv
        Queries, keys and values, shape (tokens, 3, heads, head width).
    lengths
        Tokens of each sequence, in order.
    scale
        That scores are multiplied by.

    Returns
    -------
    torch.Tensor
        Shape (tokens, heads, head width).
    """
    out = torch.empty_like(qkv[:, 0])
    for start, count, length in runs(lengths):
        part = slice(start, start + count * length)
        parts = qkv[part].view(count, length, *qkv.shape[1:]).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(*parts, scale=scale)
        out[part].view(count, length, *out.shape[1:]).copy_(found.transpose(1, 2))
    return out


def attend_varlen(qkv: torch.Tensor, lengths: Sequence[int], scale: float) -> torch.Tensor:
    """As `attend_by_length`, in one call of the FlashAttention kernel that torch brings; half precision on CUDA."""
    from torch.nn.attention.varlen import varlen_attn

    ends = torch.tensor([0, *lengths], device=qkv.device).cumsum(0, dtype=torch.int32)
    longest = max(lengths)
    return varlen_attn(*qkv.unbind(1), ends, ends, longest, longest, scale=scale)


def attention_of(device: torch.device, dtype: torch.dtype) -> Callable:
    """The fastest attention over packed sequences that a device has."""
    return attend_varlen if device.type == "cuda" and dtype in HALVES else attend_by_length


@dataclass(frozen=True)
class Block:
    """One layer: what attention and the feed-forward part are made of."""

    weight: torch.Tensor  # queries, keys and values, shape (3 x width, width)
    bias: torch.Tensor | None
    out: nn.Linear
    attention_norm: nn.LayerNorm
    rise: Callable[[torch.Tensor], torch.Tensor]  # (tokens, width) to (tokens, inner width), activated
    fall: nn.Linear
    output_norm: nn.LayerNorm


class PackedEncoder:
    """An encoder over packed sequences.

    Parameters
    ----------
    backbone
        Of a family in `FAMILIES`, in evaluation mode; it is read, not changed. Layers that its stack no longer has are
        not computed.
    depth
        Layers that the whole model has: the state after the last one includes the final norm, where there is one.
    """

    def __init__(self, backbone: nn.Module, depth: int):
        self._backbone = backbone
        self._depth = depth
        config = backbone.config
        self._heads, self._head_width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        self._scale = self._head_width**-0.5
        weights = backbone.embeddings.word_embeddings.weight
        self._device, self._dtype = weights.device, weights.dtype
        self._attend = attention_of(self._device, self._dtype)
        self._rotary = getattr(backbone, "rotary_embeddings", None)
        self._order = self._interleaved() if self._rotary is not None else None
        self._blocks = [self._block(layer) for layer in backbone.encoder.layer]

    def _interleaved(self) -> torch.Tensor:
        """Rows of the query and key projections so that each pair that is turned together stands together.

        Turning is then a product of complex numbers; scores, sums over a head, do not depend on the order.
        """
        half = torch.arange(self._head_width // 2, device=self._device)
        pairs = torch.stack([half, half + self._head_width // 2], dim=1).reshape(-1)
        return (torch.arange(self._heads, device=self._device)[:, None] * self._head_width + pairs).reshape(-1)

    def _projections(self, attention: nn.Module) -> tuple[torch.Tensor, torch.Tensor | None]:
        parts = [attention.query, attention.key, attention.value]
        weights, biases = [part.weight for part in parts], [part.bias for part in parts]
        if self._order is not None:
            weights[:2] = (weight[self._order] for weight in weights[:2])
            biases[:2] = (bias if bias is None else bias[self._order] for bias in biases[:2])
        return torch.cat(weights), None if biases[0] is None else torch.cat(biases)

    def _block(self, layer: nn.Module) -> Block:
        raise NotImplementedError

    def _embed(self, ids: torch.Tensor, positions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _layer(self, block: Block, states: torch.Tensor, attend: Callable) -> torch.Tensor:
        raise NotImplementedError

    def _last(self, states: torch.Tensor) -> torch.Tensor:
        return states

    def __call__(self, ids: torch.Tensor, lengths: Sequence[int], layers: Sequence[int]) -> torch.Tensor:
        """Hidden states of chosen layers.

        Parameters
        ----------
        ids
            int64, shape (tokens,): the sequences, special tokens included, end to end.
        lengths
            Tokens of each.
        layers
            Counted as in `hidden_states` of transformers: 0 the token embeddings, n the output of layer n.

        Returns
        -------
        torch.Tensor
            Shape (n_layers, tokens, width).
        """
        sizes = torch.tensor(list(lengths), device=self._device)
        starts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes, output_size=len(ids))
        positions = torch.arange(len(ids), device=self._device) - starts
        turns = None
        if self._rotary is not None:
            angles = positions[:, None] * self._rotary.inv_freq.float()
            turns = torch.polar(torch.ones_like(angles), angles)[:, None]

        def attend(block: Block, states: torch.Tensor) -> torch.Tensor:
            heads = functional.linear(states, block.weight, block.bias).view(-1, 3 * self._heads, self._head_width)
            if turns is not None:
                _turn(heads[:, : 2 * self._heads], turns)
            qkv = heads.view(-1, 3, self._heads, self._head_width)
            return block.out(self._attend(qkv, lengths, self._scale).flatten(1))

        states = self._embed(ids, positions, sizes)
        kept = {0: states}
        for n, block in enumerate(self._blocks[: max(layers)], start=1):
            states = self._layer(block, states, attend)
            if n in layers:
                kept[n] = self._last(states) if n == self._depth else states
        return torch.stack([kept[n] for n in layers])


def _turn(heads: torch.Tensor, turns: torch.Tensor) -> None:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864), in place.

    `heads`: a view of shape (tokens, heads, head width), pairs side by side; `turns`: complex64, (tokens, 1, pairs).
    """
    pairs = heads.unflatten(-1, (-1, 2))
    if heads.dtype == torch.float32:
        torch.view_as_complex(pairs).mul_(turns)
    else:
        pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns))


class PackedEsm(PackedEncoder):
    """ESM2 and the Nucleotide Transformers: norms before each part, rotary or learnt positions."""

    def _block(self, layer: nn.Module) -> Block:
        attention = layer.attention
        dense = layer.intermediate.dense
        # The erf form of GELU, as transformers computes it in four passes.
        rise = layer.intermediate if self._gated else lambda states: functional.gelu(dense(states))
        return Block(
            *self._projections(attention.self),
            out=attention.output.dense,
            attention_norm=attention.LayerNorm,
            rise=rise,
            fall=layer.output.dense,
            output_norm=layer.LayerNorm,
        )

    @property
    def _gated(self) -> bool:
        return isinstance(self._backbone, NucleotideTransformerModel)

    def _embed(self, ids: torch.Tensor, positions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        own = self._backbone.embeddings
        states = functional.embedding(ids, own.word_embeddings.weight)
        if own.token_dropout:
            masked = ids == own.mask_token_id
            sequence = torch.repeat_interleave(torch.arange(len(lengths), device=ids.device), lengths)
            share = torch.zeros(len(lengths), device=ids.device).index_add_(0, sequence, masked.float()) / lengths
            scale = ((1 - TRAINED_MASKED) / (1 - share))[sequence]
            states = (states.masked_fill(masked[:, None], 0) * scale[:, None]).to(self._dtype)
        if own.position_embedding_type == "absolute":
            states = states + own.position_embeddings(positions + own.padding_idx + 1)
        return states if own.layer_norm is None else own.layer_norm(states)

    def _layer(self, block: Block, states: torch.Tensor, attend: Callable) -> torch.Tensor:
        states = states + attend(block, block.attention_norm(states))
        return states + block.fall(block.rise(block.output_norm(states)))

    def _last(self, states: torch.Tensor) -> torch.Tensor:
        norm = self._backbone.encoder.emb_layer_norm_after
        return states if norm is None else norm(states)


class PackedBert(PackedEncoder):
    """BERT and its kin of the same class: norms after each part, learnt positions, one kind of segment."""

    def _block(self, layer: nn.Module) -> Block:
        attention = layer.attention
        return Block(
            *self._projections(attention.self),
            out=attention.output.dense,
            attention_norm=attention.output.LayerNorm,
            rise=layer.intermediate,
            fall=layer.output.dense,
            output_norm=layer.output.LayerNorm,
        )

    def _embed(self, ids: torch.Tensor, positions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        own = self._backbone.embeddings
        words = functional.embedding(ids, own.word_embeddings.weight) + own.token_type_embeddings.weight[0]
        return own.LayerNorm(words + own.position_embeddings(positions))

    def _layer(self, block: Block, states: torch.Tensor, attend: Callable) -> torch.Tensor:
        states = block.attention_norm(states + attend(block, states))
        return block.output_norm(states + block.fall(block.rise(states)))


FAMILIES: dict[type, type[PackedEncoder]] = {EsmModel: PackedEsm, BertModel: PackedBert}


def packed_encoder(backbone: nn.Module, depth: int) -> PackedEncoder | None:
    """The packed form of a backbone, or None for families that have none here."""
    for family, packed in FAMILIES.items():
        if isinstance(backbone, family) and not backbone.config.is_decoder:
            return packed(backbone, depth)
    return None
