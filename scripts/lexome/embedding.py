"""Fixed-size vectors of examples from a frozen backbone."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, PreTrainedTokenizerBase

from lexome.batching import Window, budget_batches, cut_windows, shares
from lexome.errors import LexomeError
from lexome.nucleotide_transformer import load_model
from lexome.packed import packed_encoder, runs

log = logging.getLogger(__name__)


def load_backbone(folder: str | Path, device: torch.device, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Load the encoder of a backbone for inference, from its folder only: no network, no remote code, no pickle.

    A checkpoint with another head on top (a classifier, a masked-LM head) gives its trunk.
    """
    return load_model(AutoModel, folder).to(device, dtype).eval().requires_grad_(False)


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
    return ~torch.isin(input_ids, torch.tensor(frame_tokens(tokenizer), device=input_ids.device))


def frame_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokens that stand for nothing in a sequence: cls, sep, bos, eos and pad, as far as there are any."""
    names = ("cls_token_id", "sep_token_id", "bos_token_id", "eos_token_id", "pad_token_id")
    return sorted({getattr(tokenizer, name) for name in names} - {None})


def precision_of(name: str, device: torch.device) -> torch.dtype:
    """The type to compute in: what a config asks for; `auto` is bfloat16 on GPUs that have it, else float32."""
    if name != "auto":
        return getattr(torch, name)
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


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
        self._packed = packed_encoder(backbone, depth)
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

    @property
    def device(self) -> torch.device:
        """Where the backbone lies."""
        return self._backbone.embeddings.word_embeddings.weight.device

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Hidden states, float, shape (batch, n_layers, tokens, width)."""
        self._states.clear()
        output = self._backbone(input_ids=input_ids, attention_mask=attention_mask)
        self._states[self._depth] = output.last_hidden_state
        return torch.stack([self._states[n] for n in self.layers], dim=1)

    def read(self, sequences: Sequence[np.ndarray]) -> torch.Tensor:
        """Hidden states of sequences laid end to end, float, shape (n_layers, tokens, width).

        Without padding where the backbone's family has a packed form (`lexome.packed`), else through a padded batch.
        """
        lengths = [len(sequence) for sequence in sequences]
        ids = torch.from_numpy(np.concatenate(sequences)).to(self.device, non_blocking=True)
        if self._packed is not None:
            return self._packed(ids, lengths, self.layers)
        inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        inside = inside.to(self.device)
        padded = torch.full(inside.shape, self._backbone.config.pad_token_id or 0, device=self.device)
        padded[inside] = ids
        return self(padded, inside.long()).transpose(0, 1)[:, inside]


def pool(states: torch.Tensor, content: torch.Tensor, pooling: str | Sequence[str]) -> torch.Tensor:
    """One vector an example, pooling and layer, of a padded batch.

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
# The states of all tokens of a sequence, in place of one vector.
TOKENS = "tokens"


class Embedded(NamedTuple):
    """What `Embedder` makes of sequences."""

    vectors: np.ndarray  # float32 [n, n_poolings * n_layers, width]
    tokens: list[np.ndarray]  # float32 [content tokens, n_layers, width] of each; empty unless asked for


class Embedder:
    """Embeds sequences of any length within a budget of tokens.

    Parameters
    ----------
    reader
        The backbone and its layers.
    tokenizer
        Of the backbone.
    pooling
        Of `mean` (over tokens that stand for letters), `cls` (the first token) and `tokens` (the states of all tokens
        that stand for letters), one or several.
    budget
        Tokens that are read at once; it bounds the memory. A window that is longer is read by itself. When a GPU's
        memory is exhausted the budget is halved, once and for all, and one warning says so.
    room
        Tokens that the backbone reads at once, special ones included; None: whatever comes.
    overlap
        Tokens that windows of longer sequences share at least. States of tokens that several windows hold are averaged,
        the first tokens of windows too.
    """

    def __init__(
        self,
        reader: LayerReader,
        tokenizer: PreTrainedTokenizerBase,
        pooling: str | Sequence[str],
        budget: int,
        room: int | None = None,
        overlap: int = 0,
    ):
        self.reader = reader
        poolings = [pooling] if isinstance(pooling, str) else list(pooling)
        self.poolings = [name for name in poolings if name != TOKENS]
        self.keep_tokens = TOKENS in poolings
        self.budget, self.room, self.overlap = budget, room, overlap
        self._frame = frame_tokens(tokenizer)
        self._warned = False

    @property
    def columns(self) -> int:
        """Vectors of an example."""
        return len(self.poolings) * len(self.reader.layers)

    def content(self, row: np.ndarray) -> np.ndarray:
        """bool, shape (tokens,): the tokens that stand for letters."""
        return ~np.isin(row, self._frame)

    def __call__(self, rows: Sequence[np.ndarray]) -> Embedded:
        """Embed sequences (token ids, special ones included), in the order given; ascending lengths are fastest."""
        windows, weights, sizes = [], [], []
        for number, row in enumerate(rows):
            inside = self.content(np.asarray(row))
            own = cut_windows(number, row, inside, self.room or len(row), self.overlap)
            windows += own
            weights += shares(own)
            sizes.append(int(inside.sum()))
        width, layers = self.reader.width, len(self.reader.layers)
        found = Embedded(
            np.zeros((len(rows), self.columns, width), dtype=np.float32),
            [np.zeros((size, layers, width), dtype=np.float32) for size in sizes] if self.keep_tokens else [],
        )
        held = np.bincount([window.row for window in windows], minlength=len(rows))
        for batch in budget_batches([len(window.ids) for window in windows], self.budget):
            self._read(windows[batch.start : batch.stop], weights[batch.start : batch.stop], sizes, held, found)
        return found

    def _read(
        self,
        windows: Sequence[Window],
        weights: Sequence[np.ndarray],
        sizes: Sequence[int],
        held: np.ndarray,
        found: Embedded,
    ) -> None:
        """Add what windows that are read together say of their sequences."""
        try:
            vectors, tokens = self._compute(windows, weights, sizes, held)
        except torch.OutOfMemoryError as error:
            if len(windows) == 1:
                raise LexomeError(
                    f"the GPU's memory does not hold one sequence of {len(windows[0].ids)} tokens: use a smaller "
                    "backbone, a larger GPU, or fewer `layers` in its `embedding`"
                ) from error
            vectors = None
        if vectors is None:  # not in the handler, whose traceback keeps the tensors that did not fit
            self._halve()
            middle = len(windows) // 2
            self._read(windows[:middle], weights[:middle], sizes, held, found)
            self._read(windows[middle:], weights[middle:], sizes, held, found)
            return
        # Windows of one sequence follow each other: their sum has one order, whatever the batches.
        np.add.at(found.vectors, [window.row for window in windows], vectors)
        for window, states in zip(windows, tokens, strict=False):
            found.tokens[window.row][window.start : window.start + len(states)] += states

    def _halve(self) -> None:
        torch.cuda.empty_cache()
        self.budget = max(1, self.budget // 2)
        if not self._warned:
            log.warning("the GPU's memory is exhausted: going on with batches of %d tokens and less", self.budget)
            self._warned = True

    def _compute(
        self, windows: Sequence[Window], weights: Sequence[np.ndarray], sizes: Sequence[int], held: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Pooled states of windows, weighted with their share of the sequence; where asked for, those of tokens."""
        lengths = [len(window.ids) for window in windows]
        share = np.zeros(sum(lengths), dtype=np.float32)
        starts = np.cumsum([0, *lengths[:-1]])
        for at, window, weight in zip(starts, windows, weights, strict=True):
            share[at + window.content.start : at + window.content.stop] = weight / max(sizes[window.row], 1)
        with torch.inference_mode():
            states = self.reader.read([window.ids for window in windows]).float()
            parts = [self._pool(name, states, share, lengths, windows, held) for name in self.poolings]
            vectors = torch.cat(parts, dim=0).transpose(0, 1) if parts else states.new_zeros(len(windows), 0, 1)
            tokens = []
            if self.keep_tokens:
                every = states.transpose(0, 1).cpu().numpy()
                for at, window, weight in zip(starts, windows, weights, strict=True):
                    own = every[at + window.content.start : at + window.content.stop]
                    tokens.append(own * weight[:, None, None])
            return vectors.cpu().numpy(), tokens

    @staticmethod
    def _pool(
        name: str,
        states: torch.Tensor,
        share: np.ndarray,
        lengths: Sequence[int],
        windows: Sequence[Window],
        held: np.ndarray,
    ) -> torch.Tensor:
        """Shape (n_layers, windows, width)."""
        weight = torch.from_numpy(share).to(states.device)
        parts = []
        for start, count, length in runs(lengths):
            own = states[:, start : start + count * length].unflatten(1, (count, length))
            if name == "cls":
                parts.append(own[:, :, 0])
            else:
                parts.append(torch.einsum("lctw,ct->lcw", own, weight[start : start + count * length].view(count, -1)))
        pooled = torch.cat(parts, dim=1)
        if name == "cls":
            windows_of = torch.tensor([held[window.row] for window in windows], device=states.device)
            pooled = pooled / windows_of[:, None]
        return pooled


def embed(
    rows: Sequence[Sequence[int]],
    reader: LayerReader,
    tokenizer: PreTrainedTokenizerBase,
    pooling: str | Sequence[str],
    budget: int,
    report: Callable[[int, int], None] = lambda sequences, tokens: None,
    room: int | None = None,
    overlap: int = 0,
) -> np.ndarray:
    """Embed tokenised examples with a frozen backbone, in memory.

    Parameters
    ----------
    rows
        Token ids of each example, in any order.
    reader, tokenizer, pooling, budget, room, overlap
        As in `Embedder`.
    report
        Called after each batch with the examples and tokens done in it.

    Returns
    -------
    numpy.ndarray
        float32, shape (n_examples, n_poolings * n_layers, width): the layers of the first pooling, then those of the
        next.
    """
    embedder = Embedder(reader, tokenizer, pooling, budget, room, overlap)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    vectors = np.empty((len(rows), embedder.columns, reader.width), dtype=np.float32)
    for batch in budget_batches(lengths[order], budget):
        places = order[batch.start : batch.stop]
        vectors[places] = embedder([np.asarray(rows[at], dtype=np.int64) for at in places]).vectors
        report(len(places), int(lengths[places].sum()))
    return vectors
