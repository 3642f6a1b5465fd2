"""Heads on the vectors of words: one label a word, several, or a chain of labels; and how rare labels are balanced."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torchcrf
from torch import nn
from torch.nn import functional

from lexome.tagschemes import best_path, forbidden, label_names, of_values, runs_of_many, runs_of_one

# Log-score of a forbidden step: its probability is 0 in float32, and sums with it stay finite.
NEVER = -1e4

Sum = tuple[torch.Tensor, torch.Tensor]


def class_weights(counts: torch.Tensor, balance: float) -> torch.Tensor:
    """Weight of each class in the loss: `(1 / (1 + count)) ** balance`, scaled to a mean of 1 (as published).

    Parameters
    ----------
    counts
        Training words of each class, float [L].
    balance
        0 weighs all alike; 1 gives every class the same part in the loss.
    """
    weights = (1 / (1 + counts)) ** balance
    return weights / weights.mean()


def perceptron(width: int, hidden: Sequence[int], out: int, dropout: float) -> nn.Sequential:
    """Dropout and a linear layer, behind hidden layers where there are some."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Dropout(dropout), nn.Linear(width, size), nn.GELU()]
        width = size
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(width, out))


class WordHead(nn.Module):
    """A head that says something of every word.

    Parameters
    ----------
    width
        Of the words' vectors.
    values
        What an entity can be for this head: categories, or values of a field.
    settings
        `schema` (`plain` or `bio`), `balance`, `hidden` (widths).
    dropout
        Before each linear layer.
    """

    outside = True

    def __init__(self, width: int, values: Sequence[str], settings: Mapping, dropout: float):
        super().__init__()
        self.values, self.schema = list(values), settings.get("schema", "plain")
        self.balance = settings.get("balance", 0.0)
        self.names = label_names(values, self.schema, self.outside)
        self.layers = perceptron(width, settings.get("hidden", ()), len(self.names), dropout)

    def count(self, targets: Sequence[np.ndarray]) -> None:
        """Learn how frequent the labels of training documents are."""
        raise NotImplementedError

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, sizes: Sequence[int]) -> Sum:
        """Sum over words, and what it is to be divided by, of logits [N, L] of documents with `sizes` words."""
        raise NotImplementedError

    def probabilities(self, logits: torch.Tensor) -> np.ndarray:
        """Of the labels of the words of one document, float32 [W, L]."""
        raise NotImplementedError

    def runs(self, logits: torch.Tensor) -> list[tuple[str, int, int]]:
        """Value, first word and the one behind the last of each entity in one document."""
        raise NotImplementedError

    def of_values(self, probabilities: np.ndarray) -> np.ndarray:
        """Probability of each value, float [W, V]."""
        return of_values(probabilities, self.schema, self.outside)


class SingleLabel(WordHead):
    """One label a word; rare ones weigh more by `class_weights`. What IOB2 forbids is not predicted."""

    def __init__(self, width: int, values: Sequence[str], settings: Mapping, dropout: float):
        super().__init__(width, values, settings, dropout)
        self.register_buffer("weights", torch.ones(len(self.names)))
        start, steps = (np.where(never, -np.inf, 0.0) for never in forbidden(self.names))
        self._start, self._steps = start, steps

    def count(self, targets: Sequence[np.ndarray]) -> None:
        counts = np.bincount(np.concatenate(targets), minlength=len(self.names))
        self.weights.copy_(class_weights(torch.from_numpy(counts).float(), self.balance))

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, sizes: Sequence[int]) -> Sum:
        return functional.cross_entropy(logits, targets, self.weights, reduction="sum"), self.weights[targets].sum()

    def probabilities(self, logits: torch.Tensor) -> np.ndarray:
        return logits.softmax(dim=1).cpu().numpy()

    def runs(self, logits: torch.Tensor) -> list[tuple[str, int, int]]:
        scores = logits.log_softmax(dim=1).double().cpu().numpy()
        path = best_path(scores, self._start, self._steps, np.zeros(len(self.names)))
        return runs_of_one(self.names, path, self.schema)


class MultiLabel(WordHead):
    """Labels that do not exclude each other; words that have one weigh (words without / words with) ** balance."""

    outside = False

    def __init__(self, width: int, values: Sequence[str], settings: Mapping, dropout: float):
        super().__init__(width, values, settings, dropout)
        self.register_buffer("weights", torch.ones(len(self.names)))

    def count(self, targets: Sequence[np.ndarray]) -> None:
        positive = torch.from_numpy(sum(table.sum(axis=0, dtype=np.float64) for table in targets)).float()
        number = sum(map(len, targets))
        self.weights.copy_(((1 + number - positive) / (1 + positive)) ** self.balance)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, sizes: Sequence[int]) -> Sum:
        loss = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=self.weights, reduction="sum")
        return loss, torch.tensor(float(targets.numel()), device=logits.device)

    def probabilities(self, logits: torch.Tensor) -> np.ndarray:
        return logits.sigmoid().cpu().numpy()

    def runs(self, logits: torch.Tensor) -> list[tuple[str, int, int]]:
        return runs_of_many(self.values, self.probabilities(logits), self.schema)


class Chain(WordHead):
    """A conditional random field over the words of a document (Lafferty et al., ICML 2001).

    Steps that IOB2 forbids have no probability. Rare labels are balanced by logit adjustment (Menon et al., ICLR 2021,
    arXiv:2007.07314): in the training, `balance` times the logarithm of a label's share is added to its scores, so that
    the scores themselves need not learn that it is rare. This is a constant: gradients pass, and nothing is slower.
    """

    def __init__(self, width: int, values: Sequence[str], settings: Mapping, dropout: float):
        super().__init__(width, values, settings, dropout)
        self.chain = torchcrf.CRF(len(self.names), batch_first=True)
        self.register_buffer("prior", torch.zeros(len(self.names)))
        start, steps = map(torch.from_numpy, forbidden(self.names))
        with torch.no_grad():
            self.chain.start_transitions[start] = NEVER
            self.chain.transitions[steps] = NEVER

    def count(self, targets: Sequence[np.ndarray]) -> None:
        counts = torch.from_numpy(np.bincount(np.concatenate(targets), minlength=len(self.names))).float()
        self.prior.copy_(((1 + counts) / (1 + counts).sum()).log())

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, sizes: Sequence[int]) -> Sum:
        logits = logits + self.balance * self.prior
        return self._negative(logits, targets, sizes), torch.tensor(float(len(targets)), device=logits.device)

    def _negative(self, logits: torch.Tensor, targets: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Minus the log-likelihood of the documents, summed."""
        sizes = [size for size in sizes if size]
        if not sizes:
            return logits.sum()
        scores = nn.utils.rnn.pad_sequence(logits.split(sizes), batch_first=True)
        labels = nn.utils.rnn.pad_sequence(targets.split(sizes), batch_first=True)
        mask = torch.arange(scores.shape[1], device=scores.device) < torch.tensor(sizes, device=scores.device)[:, None]
        return -self.chain(scores, labels, mask, reduction="sum")

    def probabilities(self, logits: torch.Tensor) -> np.ndarray:
        """Marginals: what the log-likelihood gains from a label's score, besides where it is the label taken."""
        with torch.enable_grad():
            scores = logits.detach().clone().requires_grad_()
            zeros = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
            (gradient,) = torch.autograd.grad(self._negative(scores, zeros, [len(scores)]), scores)
        gradient[:, 0] += 1
        return gradient.clamp(0, 1).cpu().numpy()

    def runs(self, logits: torch.Tensor) -> list[tuple[str, int, int]]:
        parts = (logits, self.chain.start_transitions, self.chain.transitions, self.chain.end_transitions)
        path = best_path(*(part.detach().double().cpu().numpy() for part in parts))
        return runs_of_one(self.names, path, self.schema)


HEADS: dict[str, type[WordHead]] = {"single_label": SingleLabel, "multi_label": MultiLabel, "crf": Chain}
