"""Pairs of entities, or of their words, that may be linked: what is asked of each pair, and the head that answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.documents import Document, linked_pairs
from lexome.sentences import split_sentences
from lexome.tagheads import Sum, class_weights, perceptron
from lexome.tagwindows import covered

NONE, SAME, LINKED = "none", "same_tag", "link"
EITHER = "same_tag_or_link"
# What the pairs of each published scheme are told apart into. Pairs of `link_only` are pairs of entities: linked if
# they share a link. Pairs of the others are pairs of words of entities: of the same entity (same_tag), or of linked
# ones. The `split` scheme asks of two words of one category only whether they are of the same entity, and of words of
# different categories only whether their entities are linked.
SCHEMES = {
    "link_only": (NONE, LINKED),
    "link_same_tag_only": (NONE, SAME),
    "link_all": (NONE, EITHER),
    "link_same_tag_and_link": (NONE, SAME, LINKED),
    "link_same_tag_and_link_split": (NONE, SAME, LINKED),
}
SPLIT = "link_same_tag_and_link_split"
OF_ENTITIES = "link_only"
# Distances in words from which the next bucket begins; sentences and entities between are told up to three.
DISTANCES = np.array([1, 2, 3, 5, 9, 17, 33, 65, 129, 257])
MOST = 3


@dataclass(frozen=True)
class Units:
    """Entities of a document, or their words, that pairs are made of; those without a word of the model are left out.

    Attributes
    ----------
    entity
        Place of each unit's entity in the document, int64 [U].
    first, last
        First and last word of each unit, int64 [U].
    category
        Place among the categories, int64 [U].
    sentence
        Number of its sentence, int64 [U].
    words, owner
        Words of the units, and the unit of each, int64.
    """

    entity: np.ndarray
    first: np.ndarray
    last: np.ndarray
    category: np.ndarray
    sentence: np.ndarray
    words: np.ndarray
    owner: np.ndarray


def find_units(document: Document, words: np.ndarray, categories: Sequence[str], scheme: str) -> Units:
    """The units of a document's entities, in the order of the text.

    Parameters
    ----------
    words
        Start and end of each word, int64 [W, 2].
    categories
        That the head knows; entities of others are left out.
    """
    starts = np.array([sentence.start for sentence in split_sentences(document.text)] or [0])
    rows = []
    for place, entity in enumerate(document.entities):
        own = covered(words, entity.spans)
        if not len(own) or entity.category not in categories:
            continue
        category = categories.index(entity.category)
        sentence = int(np.searchsorted(starts, entity.start, side="right"))
        parts = [own] if scheme == OF_ENTITIES else own[:, None]
        rows += [(place, part[0], part[-1], category, sentence, part) for part in parts]
    rows.sort(key=lambda row: (row[1], row[2], row[0]))
    columns = [np.array([row[at] for row in rows], dtype=np.int64) for at in range(5)]
    owner = np.repeat(np.arange(len(rows)), [len(row[5]) for row in rows])
    return Units(*columns, np.concatenate([np.empty(0, dtype=np.int64), *(row[5] for row in rows)]), owner)


def find_pairs(units: Units) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of units, the one that stands first in the text first: int64 [P] each."""
    return np.triu_indices(len(units.entity), k=1)


def pair_features(units: Units, one: np.ndarray, other: np.ndarray, scheme: str) -> np.ndarray:
    """Numbers of buckets of each pair, int64 [P, 4].

    Distance in words, distance in sentences, and for entities how many of the category of the one, and of the other,
    stand between them (both 0 for words: it would tell which of them are of one entity).
    """
    gap = np.maximum(units.first[other] - units.last[one], 0)
    table = np.zeros((len(one), 4), dtype=np.int64)
    table[:, 0] = np.searchsorted(DISTANCES, gap, side="right")
    table[:, 1] = np.minimum(np.abs(units.sentence[other] - units.sentence[one]), MOST)
    if scheme == OF_ENTITIES and len(one):
        number = units.category.max() + 1
        # Entities of each category before a unit, so that a difference counts those between two.
        before = np.cumsum(np.eye(number, dtype=np.int64)[units.category], axis=0)
        for column, category in ((2, units.category[one]), (3, units.category[other])):
            between = before[other, category] - before[one, category] - (units.category[other] == category)
            table[:, column] = np.minimum(between, MOST)
    return table


def pair_classes(document: Document, units: Units, one: np.ndarray, other: np.ndarray, scheme: str) -> np.ndarray:
    """The class of each pair, places in `SCHEMES[scheme]`, int64 [P]."""
    ids = np.array([entity.id for entity in document.entities], dtype=object)
    linked = linked_pairs(document)
    pairs = list(zip(units.entity[one].tolist(), units.entity[other].tolist(), strict=True))
    same = np.array([a == b for a, b in pairs], dtype=bool)
    link = np.array([a != b and frozenset((ids[a], ids[b])) in linked for a, b in pairs], dtype=bool)
    classes = SCHEMES[scheme]
    if EITHER in classes:
        return (same | link).astype(np.int64)
    told = np.zeros(len(pairs), dtype=np.int64)
    for name, mask in ((SAME, same), (LINKED, link)):
        if name in classes:
            told[mask] = classes.index(name)
    return told


class LinkHead(nn.Module):
    """Pairs of units to classes, by both vectors, their product, and embeddings of categories and what is between.

    Parameters
    ----------
    width
        Of the words' vectors.
    categories
        Of the entities.
    settings
        `scheme`, `markers` (then an entity is its first word, whose vector is that of the marker before it; else the
        mean of its words), `balance`, `hidden` (one layer of 128 without the key).
    """

    def __init__(self, width: int, categories: Sequence[str], settings: Mapping, dropout: float, size: int = 16):
        super().__init__()
        self.scheme, self.markers = settings["scheme"], settings.get("markers", False)
        self.categories, self.classes = list(categories), SCHEMES[self.scheme]
        self.balance = settings.get("balance", 0.0)
        self.category = nn.Embedding(len(self.categories), size)
        sizes = (len(DISTANCES) + 1, MOST + 1, MOST + 1, MOST + 1)
        self.features = nn.ModuleList(nn.Embedding(number, size) for number in sizes)
        wide = 3 * width + size * (2 + len(sizes))
        self.layers = perceptron(wide, settings.get("hidden", (128,)), len(self.classes), dropout)
        self.register_buffer("weights", torch.ones(len(self.classes)))

    def count(self, targets: Sequence[np.ndarray]) -> None:
        """Learn how frequent the classes of training pairs are."""
        counts = np.bincount(np.concatenate(targets), minlength=len(self.classes))
        self.weights.copy_(class_weights(torch.from_numpy(counts).float(), self.balance))

    def forward(self, states: torch.Tensor, units: Units) -> torch.Tensor:
        """Logits [P, classes] of the pairs of `find_pairs`, of the vectors of a document's words, [W, width]."""
        one, other = find_pairs(units)
        device, number = states.device, len(units.entity)
        table = torch.from_numpy(pair_features(units, one, other, self.scheme)).to(device)
        if self.markers and self.scheme == OF_ENTITIES:
            vectors = states[torch.from_numpy(units.first).to(device)]
        else:
            sums = states.new_zeros(number, states.shape[1])
            owner, words = (torch.from_numpy(part).to(device) for part in (units.owner, units.words))
            sums = sums.index_add(0, owner, states[words])
            vectors = sums / torch.from_numpy(np.bincount(units.owner, minlength=number)).to(device)[:, None]
        kinds = self.category(torch.from_numpy(units.category).to(device))
        left, right = torch.from_numpy(one).to(device), torch.from_numpy(other).to(device)
        parts = [vectors[left], vectors[right], vectors[left] * vectors[right], kinds[left], kinds[right]]
        parts += [embed(table[:, at]) for at, embed in enumerate(self.features)]
        logits = self.layers(torch.cat(parts, dim=1))
        if self.scheme == SPLIT:
            alike = torch.from_numpy(units.category[one] == units.category[other]).to(device)
            never = torch.stack([torch.zeros_like(alike), ~alike, alike], dim=1)
            logits = logits.masked_fill(never, -1e4)
        return logits

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> Sum:
        """Sum over pairs, and what it is to be divided by."""
        return functional.cross_entropy(logits, targets, self.weights, reduction="sum"), self.weights[targets].sum()

    def chances(self, logits: torch.Tensor, name: str) -> np.ndarray:
        """Probability of a class of each pair, float32 [P]."""
        return logits.softmax(dim=1)[:, self.classes.index(name)].cpu().numpy()

    @property
    def link_class(self) -> str | None:
        """The class that says of words or entities of different entities that they are linked."""
        return next((name for name in (LINKED, EITHER) if name in self.classes), None)


def entity_chances(units: Units, chances: np.ndarray) -> dict[tuple[int, int], float]:
    """How likely two entities are linked: the mean over their units' pairs; by places in the document, ascending."""
    one, other = find_pairs(units)
    sums: dict[tuple[int, int], list[float]] = {}
    for a, b, chance in zip(units.entity[one].tolist(), units.entity[other].tolist(), chances.tolist(), strict=True):
        if a != b:
            sums.setdefault((min(a, b), max(a, b)), []).append(chance)
    return {pair: sum(told) / len(told) for pair, told in sums.items()}


def best_threshold(chances: Sequence[float], truth: Sequence[bool], missed: int = 0) -> float:
    """The threshold (chances from it on are links) with the greatest F1, halfway to the next lower chance; .5 of none.

    Parameters
    ----------
    missed
        True pairs that are not among these.
    """
    if not any(truth):
        return 0.5
    order = np.argsort(-np.asarray(chances), kind="stable")
    values = np.asarray(chances, dtype=float)[order]
    right = np.cumsum(np.asarray(truth)[order])
    f1 = 2 * right / (np.arange(1, len(values) + 1) + right[-1] + missed)
    # Equal chances are taken together.
    f1[np.append(values[:-1] == values[1:], False)] = -1
    at = int(f1.argmax())
    lower = values[at + 1] if at + 1 < len(values) else 0.0
    return float((values[at] + lower) / 2)
