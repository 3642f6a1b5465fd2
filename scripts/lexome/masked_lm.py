"""A masked-language model and its corpus: tokens, batches, head, loss at the masked tokens."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerBase

from lexome import native_loop
from lexome.errors import LexomeError
from lexome.finetuning import trim
from lexome.masking import FIXED, Masker, make_masker
from lexome.nucleotide_transformer import load_model
from lexome.tokens import encoder

log = logging.getLogger(__name__)

# Parts of a trunk that a masked-LM never uses: they may be lacking.
UNUSED = ("pooler", "contact_head")


@dataclass(frozen=True)
class Corpus:
    """Tokenised texts, and how they are masked.

    Attributes
    ----------
    rows
        Token ids of every text.
    train, valid
        Places of the texts of each subset in `rows`, int64.
    masker
        Of these texts.
    pad
        Token id that fills the rows of a batch.
    cut
        How many texts were longer and lost their end.
    """

    rows: Sequence[np.ndarray]
    train: np.ndarray
    valid: np.ndarray
    masker: Masker
    pad: int
    cut: int = 0

    def batch(self, places: np.ndarray, epoch: int, device: torch.device) -> tuple[dict, tuple, torch.Tensor]:
        """One masked batch: what the model reads, (row, column) of its chosen tokens, and what stood there."""
        masked = [self.masker(self.rows[place], int(place), epoch) for place in places]
        inputs = native_loop.pad_batch([{"input_ids": ids} for ids, _ in masked], self.pad)
        row = np.repeat(np.arange(len(places)), [len(chosen) for _, chosen in masked])
        column = np.concatenate([chosen for _, chosen in masked])
        truth = np.concatenate([self.rows[at][chosen] for at, (_, chosen) in zip(places, masked, strict=True)])
        where = tuple(torch.as_tensor(part, dtype=torch.long, device=device) for part in (row, column))
        inputs = {name: part.to(device) for name, part in inputs.items()}
        return inputs, where, torch.as_tensor(truth, dtype=torch.long, device=device)


def read_corpus(table: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, settings: Mapping, vocabulary: int) -> Corpus:
    """Tokenise a corpus (`subset`, `text`); longer texts are cut to `max_length` tokens."""
    masker = make_masker(tokenizer, settings["mask"], settings["seed"], vocabulary)
    rows = [np.asarray(row, dtype=np.int64) for row in encoder(tokenizer)(table["text"].tolist())]
    cut = sum(len(row) > settings["max_length"] for row in rows)
    if cut:
        log.warning("%d of %d texts were cut to %d tokens", cut, len(rows), settings["max_length"])
    rows = [trim(row, settings["max_length"], tokenizer.all_special_ids) for row in rows]
    train, valid = (np.flatnonzero(table["subset"] == name) for name in ("train", "valid"))
    return Corpus(rows, train, valid, masker, tokenizer.pad_token_id or 0, cut)


def batches(corpus: Corpus, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The training texts of an epoch in random order, texts of like length together: little padding."""
    lengths = [len(corpus.rows[place]) for place in corpus.train]
    return [corpus.train[rows] for rows in native_loop.epoch_batches(lengths, size, seed, epoch, True)]


def load_masked_lm(folder: str | Path) -> tuple[nn.Module, bool]:
    """A backbone with its masked-LM head, and whether that head is new: the checkpoint came without it.

    A new head is drawn with torch's random numbers.

    Raises
    ------
    LexomeError
        If transformers has no masked-LM class for the backbone, or its weights do not fill the trunk.
    """
    try:
        model, report = load_model(AutoModelForMaskedLM, folder, output_loading_info=True)
    except ValueError as error:
        raise LexomeError(
            f"{folder}: no masked-language model of transformers reads it, so that it cannot be adapted: {error}"
        ) from error
    missing = sorted(report["missing_keys"])
    trunk = [key for key in missing if key.startswith(f"{model.base_model_prefix}.")]
    lacking = [key for key in trunk if not any(part in key for part in UNUSED)]
    if lacking:
        raise LexomeError(f"{folder}: its weights lack {', '.join(lacking[:3])}")
    return model, len(missing) > len(trunk)


def find_head(model: nn.Module, inputs: Mapping) -> nn.Module | None:
    """The module that makes logits of the trunk's states, so that it can be asked at masked places only.

    None where the model is built in another way; found by trying it on a batch.
    """
    rest = [part for part in model.children() if part is not model.base_model]
    if len(rest) != 1:
        return None
    model.eval()
    with torch.inference_mode():
        whole = model(**inputs).logits
        try:
            same = rest[0](model.base_model(**inputs).last_hidden_state)
        except (AttributeError, TypeError, RuntimeError):
            return None
    fits = isinstance(same, torch.Tensor) and same.shape == whole.shape
    return rest[0] if fits and torch.allclose(same, whole, atol=1e-4) else None


def masked_logits(model: nn.Module, head: nn.Module | None, inputs: Mapping, where: tuple) -> torch.Tensor:
    """Logits at the chosen tokens, shape (n, vocabulary)."""
    if head is None:
        return model(**inputs).logits[where]
    return head(model.base_model(**inputs).last_hidden_state[where])


def measure(
    model: nn.Module, head: nn.Module | None, corpus: Corpus, places: np.ndarray, device: torch.device, size: int = 32
) -> np.ndarray:
    """Cross-entropy and hits of chosen texts with their fixed masks, dropout off.

    Parameters
    ----------
    places
        Of the texts in `corpus.rows`.
    size
        Texts in a batch; they are of like length.

    Returns
    -------
    numpy.ndarray
        float64, shape (len(places), 3): sum over the masked tokens of each text (nats), how many there are, and of how
        many the likeliest token is the right one.
    """
    model.eval()
    order = np.argsort([len(corpus.rows[place]) for place in places], kind="stable")
    sums = np.zeros((len(places), 3))
    with torch.inference_mode():
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            inputs, where, truth = corpus.batch(places[rows], FIXED, device)
            if len(truth):
                logits = masked_logits(model, head, inputs, where).float()
                losses = functional.cross_entropy(logits, truth, reduction="none").double().cpu().numpy()
                text = where[0].cpu().numpy()
                sums[rows, 0] = np.bincount(text, weights=losses, minlength=len(rows))
                right = (logits.argmax(dim=1) == truth).double().cpu().numpy()
                sums[rows, 1] = np.bincount(text, minlength=len(rows))
                sums[rows, 2] = np.bincount(text, weights=right, minlength=len(rows))
    return sums
