"""Vectors of names of ontology terms: an encoder that synonyms train, and the index of all names.

Names of one term are drawn together and those of others apart, as SapBERT does it (Liu et al., NAACL 2021), here with
the cross-entropy of the right partner among those of a batch (InfoNCE; van den Oord et al. 2018, arXiv:1807.03748).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModel, PreTrainedTokenizerBase

from lexome.devices import mixed_precision
from lexome.embedding import LayerReader, content_mask, embed, pool
from lexome.native_loop import epoch_order, linear_schedule, pad_batch, warmup_steps
from lexome.nucleotide_transformer import load_model
from lexome.runtime import progress

log = logging.getLogger(__name__)
QUERIES = 512  # that are compared with the index at once


@dataclass(frozen=True)
class Index:
    """Names with their vectors.

    Attributes
    ----------
    concepts, categories
        Of each name.
    vectors
        float32, shape (n, width), each of length 1.
    """

    concepts: list[str]
    categories: list[str]
    vectors: np.ndarray

    def nearest(self, vectors: np.ndarray, categories: Sequence[str]) -> tuple[list[str | None], np.ndarray]:
        """The concept of the nearest name of the same category, by cosine.

        Parameters
        ----------
        vectors
            float32, shape (n, width), of length 1.
        categories
            Of each query.

        Returns
        -------
        list of str
            None where no name is of the category.
        numpy.ndarray
            Cosines, float32, shape (n,); -1 there.
        """
        found: list[str | None] = [None] * len(vectors)
        cosines = np.full(len(vectors), -1, dtype=np.float32)
        own, wanted = np.array(self.categories, dtype=object), np.array(list(categories), dtype=object)
        for category in dict.fromkeys(categories):
            rows, queries = np.flatnonzero(own == category), np.flatnonzero(wanted == category)
            if not len(rows):
                continue
            names = self.vectors[rows]
            for start in range(0, len(queries), QUERIES):
                part = queries[start : start + QUERIES]
                likeness = vectors[part] @ names.T
                best = likeness.argmax(axis=1)
                cosines[part] = likeness[np.arange(len(part)), best]
                for query, row in zip(part, best, strict=True):
                    found[query] = self.concepts[rows[row]]
        return found, cosines


def token_ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[list[int]]:
    """Token ids of texts, special ones included, cut at a length."""
    return tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"] if texts else []


def encode(
    texts: Sequence[str],
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    budget: int,
    device: torch.device,
) -> np.ndarray:
    """Means over the tokens of each text, of length 1: float32, shape (n, width). Equal texts are read once.

    Parameters
    ----------
    budget
        Tokens in a batch, padding included.
    """
    once = list(dict.fromkeys(texts))
    rows = token_ids(once, tokenizer, max_length)
    vectors = np.empty((len(once), model.config.hidden_size), dtype=np.float32)
    if once:
        reader = LayerReader(model.eval(), [model.config.num_hidden_layers])
        with progress(total=len(once), unit="name", desc="Read names") as line:
            vectors[:] = embed(rows, reader, tokenizer, "mean", budget, lambda names, _: line.update(names))[:, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    place = {text: n for n, text in enumerate(once)}
    return vectors[[place[text] for text in texts]] if texts else vectors


def contrast(left: torch.Tensor, right: torch.Tensor, same: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy of the own partner among all of a batch, both ways, a number.

    Parameters
    ----------
    left, right
        Shape (batch, width), of length 1: two names of the same term in each row.
    same
        bool, shape (batch, batch): pairs of rows of one term; another name of the own term is nobody to be told from.
    temperature
        That cosines are divided by.
    """
    logits = left @ right.T / temperature
    others = same & ~torch.eye(len(left), dtype=torch.bool, device=same.device)
    logits = logits.masked_fill(others, -torch.inf)
    targets = torch.arange(len(left), device=logits.device)
    return (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits.T, targets)) / 2


def train_encoder(
    pairs: Sequence[tuple[str, str, str]],
    backbone: str | Path,
    tokenizer: PreTrainedTokenizerBase,
    settings: Mapping,
    max_length: int,
    seed: int,
    device: torch.device,
) -> tuple[nn.Module, list[dict]]:
    """Train a backbone on pairs of names of the same term.

    Parameters
    ----------
    pairs
        Two names and their concept.
    settings
        `epochs`, `batch_size`, `learning_rate`, `weight_decay`, `warmup_ratio`, `temperature`.

    Returns
    -------
    nn.Module
        The encoder, on the device.
    list of dict
        `epoch`, `step` and `train_loss` of every epoch.
    """
    model = load_model(AutoModel, backbone).to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
    )
    warmup, steps = warmup_steps(len(pairs), settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: linear_schedule(step, warmup, steps))
    rows = token_ids([text for left, right, _ in pairs for text in (left, right)], tokenizer, max_length)
    concepts = np.unique([concept for _, _, concept in pairs], return_inverse=True)[1]
    history, size = [], settings["batch_size"]
    with progress(total=steps, unit="batch", desc="Train on synonyms") as line:
        for epoch in range(1, settings["epochs"] + 1):
            model.train()
            order, losses = epoch_order(len(pairs), seed, epoch).numpy(), []
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                # Alone, a pair has no other to be told from.
                if len(batch) > 1:
                    own = torch.from_numpy(concepts[batch]).to(device)
                    texts = [rows[2 * n] for n in batch] + [rows[2 * n + 1] for n in batch]
                    with mixed_precision(device):
                        vectors = _vectors(texts, model, tokenizer, device)
                    left, right = vectors.float().chunk(2)
                    loss = contrast(left, right, own[:, None] == own[None, :], settings["temperature"])
                    optimiser.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimiser.step()
                    losses.append(loss.item())
                schedule.step()
                line.update()
            history.append(
                {"epoch": epoch, "step": epoch * -(-len(order) // size), "train_loss": float(np.mean(losses))}
            )
            log.info("epoch %d: loss %.4f", epoch, history[-1]["train_loss"])
    return model.eval().requires_grad_(False), history


def _vectors(
    rows: Sequence, model: nn.Module, tokenizer: PreTrainedTokenizerBase, device: torch.device
) -> torch.Tensor:
    """Means over the tokens, of length 1, shape (batch, width)."""
    batch = pad_batch([{"input_ids": row} for row in rows], tokenizer.pad_token_id or 0)
    content = (content_mask(batch["input_ids"], tokenizer) & batch["attention_mask"].bool()).to(device)
    states = model(**{name: part.to(device) for name, part in batch.items()}).last_hidden_state
    return functional.normalize(pool(states[:, None], content, "mean")[:, 0], dim=-1)
