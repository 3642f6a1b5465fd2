"""Words and signs of a text with their places, and entities as IOB2 labels over them."""

import re
from collections.abc import Sequence

from lexome.documents import Entity, Span

_WORD = re.compile(r"\w+|[^\w\s]")
OUTSIDE = "O"


def word_tokens(text: str) -> list[Span]:
    """Start and end of each run of letters, digits and underscores, and of every other sign that is not white space."""
    return [match.span() for match in _WORD.finditer(text)]


def without_overlaps(entities: Sequence[Entity]) -> list[Entity]:
    """Entities without overlaps: of two that overlap the longer one stays, of equally long ones the first."""
    taken: set[int] = set()
    kept = []
    for entity in sorted(entities, key=lambda one: -sum(end - start for start, end in one.spans)):
        characters = {place for start, end in entity.spans for place in range(start, end)}
        if taken.isdisjoint(characters):
            taken |= characters
            kept.append(entity)
    return sorted(kept, key=lambda one: one.spans)


def iob_labels(tokens: Sequence[Span], entities: Sequence[Entity]) -> list[str]:
    """A label a token in the form IOB2: `B-<category>`, `I-<category>` or `O`.

    A token belongs to the entity that it overlaps, if by one character only. What this form cannot hold is lost: of
    overlapping entities the longest one is labelled alone, and every part of an entity with gaps is one of its own.
    """
    labels = [OUTSIDE] * len(tokens)
    at = 0
    parts = [(start, end, entity.category) for entity in without_overlaps(entities) for start, end in entity.spans]
    for start, end, category in sorted(parts):
        while at < len(tokens) and tokens[at][1] <= start:
            at += 1
        prefix = "B-"
        while at < len(tokens) and tokens[at][0] < end:
            labels[at] = prefix + category
            prefix = "I-"
            at += 1
    return labels


def labelled_runs(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Category, first token and the one behind the last of each entity in IOB2 labels.

    An `I-` that follows no label of its category begins an entity.
    """
    runs: list[tuple[str, int, int]] = []
    last = OUTSIDE
    for at, label in enumerate(labels):
        category = label[2:]
        if label.startswith("I-") and last[2:] == category and last != OUTSIDE:
            runs[-1] = (category, runs[-1][1], at + 1)
        elif label != OUTSIDE:
            runs.append((category, at, at + 1))
        last = label
    return runs


def entities_of(
    tokens: Sequence[Span], labels: Sequence[str], scores: Sequence[float] | None = None
) -> tuple[Entity, ...]:
    """Entities that IOB2 labels say, named T0, T1, ... in the order of the text.

    Parameters
    ----------
    tokens, labels
        As of `word_tokens` and `iob_labels`.
    scores
        Of each token, how sure its label is; the entity's is their mean.
    """
    found = []
    for number, (category, first, behind) in enumerate(labelled_runs(labels)):
        score = None if scores is None else float(sum(scores[first:behind]) / (behind - first))
        span = (tokens[first][0], tokens[behind - 1][1])
        found.append(Entity(f"T{number}", category, (span,), {}, score))
    return tuple(found)
