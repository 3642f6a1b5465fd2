"""Token attributions of a fine-tuned text classifier: how much each piece of a text moved the model to a class.

Integrated gradients (Sundararajan, Taly and Yan, 2017, Axiomatic attribution for deep networks) of the output of the
embedding layer, by captum. The path starts at the same text with every piece replaced by the padding token; the special
tokens around it stay. What is attributed are the log odds of the class, log(p / (1 - p)): they do not flatten where a
model is sure, as the probability does, and they set a class against all others, as its logit alone does not. So
attributions are in units of the natural logarithm, and their sum is the log odds of the text less those of the empty
one, but for the error of the sum over steps, the convergence delta.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from lexome import finetuning, native_loop
from lexome.errors import LexomeError
from lexome.nucleotide_transformer import load_model
from lexome.runtime import progress
from lexome.tokens import load_tokenizer

RUN = re.compile(r"\S+")


@dataclass(frozen=True)
class Tokens:
    """A text as the model reads it.

    Attributes
    ----------
    text
        The text up to the end of the last word that the model sees.
    ids
        int64, shape (n,), special tokens included.
    pieces
        The n tokens as the vocabulary writes them.
    spans
        int64, shape (n, 2): first character of each token and the one after its last; 0, 0 for special tokens.
    special
        bool, shape (n,): tokens that stand for no part of the text.
    """

    text: str
    ids: np.ndarray
    pieces: list[str]
    spans: np.ndarray
    special: np.ndarray


@dataclass(frozen=True)
class Attribution:
    """What the tokens of one text contribute to the log odds of one class.

    Attributes
    ----------
    values
        float32, shape (n,), one a token, special tokens included (they get 0: they are in the baseline too).
    output, baseline
        Log odds of the class for the text and for the baseline.
    delta
        Sum of the values less `output - baseline`: the error of the integral.
    """

    values: np.ndarray
    output: float
    baseline: float
    delta: float


def load_classifier(folder: str | Path, device: torch.device) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """A fine-tuned classifier with its tokenizer, ready to be looked into: no dropout, no gradients of weights.

    Its attention is the plain ("eager") one, the only one that gives its weights.

    Raises
    ------
    LexomeError
        If the tokenizer does not say where in the text its tokens lie.
    """
    tokenizer = load_tokenizer(folder)
    if not tokenizer.is_fast:
        raise LexomeError(f"{folder}: this tokenizer does not tell where its tokens lie in a text")
    model = load_model(AutoModelForSequenceClassification, folder, attn_implementation="eager")
    return model.eval().requires_grad_(False).to(device), tokenizer


def read_tokens(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tokens]:
    """Tokenise texts as for training: cut at the tokenizer's `model_max_length`, special tokens added."""
    coded = tokenizer(
        list(texts), truncation=True, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    read = []
    for row, text in enumerate(texts):
        spans = np.array(coded["offset_mapping"][row], dtype=np.int64).reshape(-1, 2)
        end = int(spans[:, 1].max(initial=0))
        rest = RUN.match(text, max(end - 1, 0))
        read.append(
            Tokens(
                text[: rest.end() if rest else end],
                np.array(coded["input_ids"][row], dtype=np.int64),
                tokenizer.convert_ids_to_tokens(coded["input_ids"][row]),
                spans,
                np.array(coded["special_tokens_mask"][row], dtype=bool),
            )
        )
    return read


def probability_function(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[str]], np.ndarray]:
    """The model as a function from texts to probabilities, float32, shape (n, n_labels)."""
    task = finetuning.TASKS[model.config.problem_type]

    def score(texts: Sequence[str]) -> np.ndarray:
        rows = tokenizer(list(texts), truncation=True, verbose=False)["input_ids"]
        examples = native_loop.Examples([np.array(row, dtype=np.int64) for row in rows], None)
        logits = native_loop.predict(model, examples, tokenizer.pad_token_id or 0, model.device)
        return finetuning.probabilities(logits, task)

    return score


def log_odds(logits: torch.Tensor, classes: torch.Tensor, single: bool) -> torch.Tensor:
    """Log odds of one class a row.

    Parameters
    ----------
    logits
        Shape (n, n_labels).
    classes
        int64, shape (n,).
    single
        Whether the probabilities are the softmax of the logits, or else the logistic function of each.

    Returns
    -------
    torch.Tensor
        Shape (n,).
    """
    own = logits.gather(1, classes[:, None])
    if not single:
        return own[:, 0]
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return own[:, 0] - others.logsumexp(dim=1)


def embedding_layer(model: nn.Module) -> nn.Module:
    """The part of a classifier whose output is one vector a token, before the first layer."""
    trunk = model.base_model
    return getattr(trunk, "embeddings", None) or trunk.get_input_embeddings()


def integrated_gradients(
    model: nn.Module,
    tokens: Sequence[Tokens],
    classes: Sequence[int],
    pad: int,
    steps: int,
    batch_size: int = 16,
) -> list[Attribution]:
    """Integrated gradients of the log odds of a class, summed over the width of the embeddings.

    Parameters
    ----------
    model
        From `load_classifier`.
    classes
        The class to explain for each text.
    pad
        Id of the padding token, which makes the baseline.
    steps
        Points on the path, of the Gauss-Legendre quadrature.
    batch_size
        Rows of a forward pass: texts times steps.

    Returns
    -------
    list of Attribution
        In the order of `tokens`.
    """
    results: list[Attribution] = [None] * len(tokens)
    forward = _forward(model)
    method = LayerIntegratedGradients(forward, embedding_layer(model))
    for rows in progress(_like_lengths(tokens), unit="batch", desc="integrated gradients"):
        ids, mask, special, labels = _batch(model, [tokens[row] for row in rows], [classes[row] for row in rows], pad)
        blank = torch.where(special, ids, pad)
        values = method.attribute(
            ids,
            baselines=blank,
            additional_forward_args=(mask, labels),
            n_steps=steps,
            internal_batch_size=max(batch_size, len(rows)),
        )
        with torch.inference_mode():
            ends = forward(torch.cat([ids, blank]), mask.repeat(2, 1), labels.repeat(2)).double().cpu().numpy()
        summed = values.sum(dim=-1).double().cpu().numpy()
        for at, row in enumerate(rows):
            own, output, baseline = summed[at, : len(tokens[row].ids)], float(ends[at]), float(ends[at + len(rows)])
            delta = float(own.sum() - (output - baseline))
            results[row] = Attribution(own.astype(np.float32), output, baseline, delta)
    return results


def gradient_times_input(
    model: nn.Module, tokens: Sequence[Tokens], classes: Sequence[int], pad: int
) -> list[np.ndarray]:
    """Gradient of the log odds times the embedding, summed over its width: one step in place of many.

    Returns
    -------
    list of numpy.ndarray
        float32, shape (n,), one value a token, for each text.
    """
    method = LayerGradientXActivation(_forward(model), embedding_layer(model))
    results: list[np.ndarray] = [None] * len(tokens)
    for rows in _like_lengths(tokens):
        ids, mask, _, labels = _batch(model, [tokens[row] for row in rows], [classes[row] for row in rows], pad)
        values = method.attribute(ids, additional_forward_args=(mask, labels)).sum(dim=-1).detach().cpu().numpy()
        for at, row in enumerate(rows):
            results[row] = values[at, : len(tokens[row].ids)].astype(np.float32)
    return results


def _like_lengths(tokens: Sequence[Tokens], size: int = 4) -> list[list[int]]:
    """Places of texts of like length, a few a batch, so that padding is small."""
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row].ids))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _batch(model: nn.Module, tokens: Sequence[Tokens], labels: Sequence[int], pad: int) -> tuple[torch.Tensor, ...]:
    """Ids, attention mask, special tokens (padding is none), each (texts, longest), and classes."""
    padded = native_loop.pad_batch([{"input_ids": own.ids} for own in tokens], pad)
    special = torch.zeros_like(padded["input_ids"], dtype=torch.bool)
    for at, own in enumerate(tokens):
        special[at, : len(own.ids)] = torch.from_numpy(own.special)
    parts = (padded["input_ids"], padded["attention_mask"], special, torch.tensor([int(label) for label in labels]))
    return tuple(part.to(model.device) for part in parts)


def _forward(model: nn.Module) -> Callable:
    single = model.config.problem_type == "single_label_classification"

    def forward(ids: torch.Tensor, attention_mask: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return log_odds(model(input_ids=ids, attention_mask=attention_mask).logits, classes, single)

    return forward


def word_spans(text: str) -> np.ndarray:
    """First character and the one after the last of every run between blanks, int64, shape (words, 2)."""
    return np.array([match.span() for match in RUN.finditer(text)], dtype=np.int64).reshape(-1, 2)


def sum_by_word(tokens: Tokens, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attributions of the pieces of every word, summed.

    Parameters
    ----------
    values
        Shape (n,), one a token. Those of special tokens belong to no word.

    Returns
    -------
    spans : numpy.ndarray
        As `word_spans` of the text.
    sums : numpy.ndarray
        float64, shape (words,).
    """
    spans = word_spans(tokens.text)
    own = ~tokens.special & (tokens.spans[:, 1] > tokens.spans[:, 0])
    # A piece belongs where its last character lies: some tokenizers count the blank before a word to its first piece.
    place = np.searchsorted(spans[:, 1], tokens.spans[own, 1] - 1, side="right")
    return spans, np.bincount(place, weights=values[own], minlength=len(spans))[: len(spans)]
