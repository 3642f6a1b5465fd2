"""Pairs of entities that may be linked, and what stands between them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lexome.documents import Document, Entity, Link
from lexome.sentences import split_sentences
from lexome.wordtokens import word_tokens

# Words and signs between two entities that join or part what belongs together; each is counted.
CUES = (
    *(",", ";", ":", ".", "(", ")", "and", "or", "by", "in", "of", "with", "via", "through", "to", "on", "for", "from"),
    *("but", "whereas", "while", "which", "that", "not", "as", "also", "both", "when", "upon", "after", "than", "we"),
)
Pair = tuple[int, int]  # places of two entities in their document


@dataclass(frozen=True)
class Layout:
    """Where the entities of a document stand.

    Attributes
    ----------
    sentences
        Number of the sentence in which each entity begins, int, shape (n_entities,).
    first, behind
        Number of its first token, and of the first one behind it, int, same shape.
    n_sentences
        Of the document.
    words
        The document's tokens, in lower case.
    """

    sentences: np.ndarray
    first: np.ndarray
    behind: np.ndarray
    n_sentences: int
    words: list[str]

    def distance(self, one: int, other: int) -> int:
        """Tokens between two entities; 0 for neighbours and for entities that overlap."""
        return max(0, int(max(self.first[one], self.first[other]) - min(self.behind[one], self.behind[other])))


def lay_out(document: Document) -> Layout:
    """Sentences and tokens of the entities of a document."""
    starts = [sentence.start for sentence in split_sentences(document.text)] or [0]
    tokens = word_tokens(document.text)
    sides = np.array([(entity.start, entity.end) for entity in document.entities], dtype=int).reshape(-1, 2)
    sentences = np.maximum(np.searchsorted(starts, sides[:, 0], side="right") - 1, 0)
    begin, end = (np.array([token[side] for token in tokens], dtype=int) for side in (0, 1))
    first, behind = np.searchsorted(end, sides[:, 0], side="right"), np.searchsorted(begin, sides[:, 1], side="left")
    words = [document.text[start:stop].lower() for start, stop in tokens]
    return Layout(sentences, first, np.maximum(behind, first + 1), len(starts), words)


def all_pairs(entities: Sequence[Entity]) -> list[Pair]:
    """Every pair of entities of different categories."""
    return [
        (one, other)
        for one, other in combinations(range(len(entities)), 2)
        if entities[one].category != entities[other].category
    ]


def near_pairs(document: Document, layout: Layout, reach: int) -> list[Pair]:
    """Those whose sentences are no more than `reach` apart."""
    sentences = layout.sentences
    return [pair for pair in all_pairs(document.entities) if abs(sentences[pair[0]] - sentences[pair[1]]) <= reach]


def nearest_pairs(document: Document, layout: Layout) -> list[Pair]:
    """Each entity with the nearest one of every other category in its sentence; of two as near the first one."""
    by_category: dict[tuple[int, str], list[int]] = {}
    for place, entity in enumerate(document.entities):
        by_category.setdefault((int(layout.sentences[place]), entity.category), []).append(place)
    chosen = set()
    for place, entity in enumerate(document.entities):
        for (sentence, category), others in by_category.items():
            if sentence == layout.sentences[place] and category != entity.category:
                other = min(others, key=lambda at: (layout.distance(place, at), document.entities[at].start))
                chosen.add((min(place, other), max(place, other)))
    return sorted(chosen)


def with_links(document: Document, pairs: Sequence[Pair], scores: Sequence[float] | None = None) -> Document:
    """The document with a link for each pair, instead of those that it had."""
    entities = document.entities
    links = (
        Link(
            f"L{number}",
            (entities[one].id, entities[other].id),
            {},
            None if scores is None else float(scores[number]),
        )
        for number, (one, other) in enumerate(pairs)
    )
    return replace(document, links=tuple(links))


class PairFeatures:
    """Numbers that describe a pair of entities.

    Parameters
    ----------
    categories
        Of the entities; others are of none of them.
    values
        Of the fields, as (field, value): each is a number that says whether the entity has it.
    """

    def __init__(self, categories: Sequence[str], values: Sequence[tuple[str, str]]) -> None:
        self.categories, self.values = list(categories), [tuple(value) for value in values]
        self._number = {category: number for number, category in enumerate(self.categories)}

    def __call__(self, document: Document, layout: Layout, pairs: Sequence[Pair]) -> np.ndarray:
        """Features of pairs, float32, shape (n_pairs, n_features)."""
        if not pairs:
            return np.empty((0, 0), dtype=np.float32)
        entities = document.entities
        numbers = np.array([self._number.get(entity.category, -1) for entity in entities])
        wide = len(self.categories)
        in_sentence = np.zeros((layout.n_sentences, wide))
        for number, sentence in zip(numbers, layout.sentences, strict=True):
            in_sentence[sentence, number] += number >= 0
        ranks = _ranks(layout, numbers)
        rows = []
        for pair in pairs:
            # The category that stands first in the list comes first, wherever it stands in the text.
            one, other = sorted(pair, key=lambda place: (numbers[place], place))
            sentences = layout.sentences[[one, other]]
            low, high = sorted((one, other), key=lambda place: (layout.first[place], place))
            between = [
                number
                for place, number in enumerate(numbers)
                if layout.behind[low] <= layout.first[place] and layout.behind[place] <= layout.first[high]
            ]
            counts = Counter(between)
            words = Counter(layout.words[layout.behind[low] : layout.first[high]])
            here, total = (
                in_sentence[sentences].mean(axis=0),
                in_sentence[min(sentences) : max(sentences) + 1].sum(axis=0),
            )
            row = [
                *(number in (numbers[one], numbers[other]) for number in range(wide)),
                abs(int(sentences[0]) - int(sentences[1])),
                one == low,
                layout.distance(one, other),
                *(counts[number] for number in range(wide)),
                counts[numbers[one]],
                counts[numbers[other]],
                *ranks[one][other],
                *ranks[other][one],
                *here,
                (total > 0).sum(),
                in_sentence[sentences[0], numbers[one]],
                in_sentence[sentences[1], numbers[other]],
                sentences.min(),
                sentences.min() / layout.n_sentences,
                layout.behind[one] - layout.first[one],
                layout.behind[other] - layout.first[other],
                *(words[cue] for cue in CUES),
            ]
            for place in (one, other):
                row += [entities[place].fields.get(name) == value for name, value in self.values]
            rows.append(row)
        return np.array(rows, dtype=np.float32)


def _ranks(layout: Layout, numbers: np.ndarray) -> list[dict[int, tuple[int, int]]]:
    """Of each entity, how many of the other's category are nearer to it, on either side and on the other's own side."""
    told = []
    for place in range(len(numbers)):
        found: dict[int, tuple[int, int]] = {}
        near = sorted(
            (layout.distance(place, other), int(layout.first[other]), other)
            for other in range(len(numbers))
            if other != place
        )
        seen: Counter = Counter()
        for *_, other in near:
            side = layout.first[other] > layout.first[place]
            found[other] = (seen[numbers[other]], seen[numbers[other], side])
            seen.update([numbers[other], (numbers[other], side)])
        told.append(found)
    return told
