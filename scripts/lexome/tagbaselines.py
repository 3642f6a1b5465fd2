"""Entities without learning from context: a dictionary of the mentions in the training documents."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lexome.documents import Document, Entity, Span
from lexome.runtime import atomic, read_json, write_json
from lexome.tagging import TagData, Tagged
from lexome.wordtokens import word_tokens

Key = tuple[str, ...]  # a mention: its words in lower case, so that case and white space do not matter


@dataclass(frozen=True)
class Mention:
    """What the training documents say of a string.

    Attributes
    ----------
    category, fields
        The most frequent ones.
    annotated, occurrences
        How often it is an entity, and how often it stands in the texts.
    """

    category: str
    fields: Mapping[str, str]
    annotated: int
    occurrences: int

    @property
    def share(self) -> float:
        """Share of its occurrences that are annotated, 0..1."""
        return self.annotated / max(self.occurrences, 1)


def lowered(text: str, tokens: Sequence[Span]) -> list[str]:
    """The tokens of a text in lower case."""
    return [text[start:end].lower() for start, end in tokens]


def _prefixes(keys: Sequence[Key]) -> set[Key]:
    return {key[:length] for key in keys for length in range(1, len(key) + 1)}


def _lengths(words: Sequence[str], at: int, keys: Mapping[Key, object], prefixes: set[Key]) -> list[int]:
    """Numbers of words of the keys that begin with word `at`, ascending."""
    found, behind = [], at + 1
    while behind <= len(words) and (key := tuple(words[at:behind])) in prefixes:
        if key in keys:
            found.append(behind - at)
        behind += 1
    return found


def majority(values: Sequence[str]) -> str:
    """The most frequent value; of equally frequent ones the first in the alphabet."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def majority_fields(entities: Sequence[Entity]) -> dict[str, str]:
    """The most frequent value of each field that some of the entities have."""
    values = defaultdict(list)
    for entity in entities:
        for name, value in entity.fields.items():
            values[name].append(value)
    return {name: majority(found) for name, found in sorted(values.items())}


def collect(documents: Sequence[Document]) -> dict[Key, Mention]:
    """Every string that is an entity somewhere, but for those with gaps."""
    tokens = [word_tokens(document.text) for document in documents]
    found: dict[Key, list[Entity]] = defaultdict(list)
    for document in documents:
        for entity in document.entities:
            if len(entity.spans) == 1:
                text = document.text[entity.start : entity.end]
                found[tuple(lowered(text, word_tokens(text)))].append(entity)
    found.pop((), None)
    prefixes, occurrences = _prefixes(list(found)), Counter()
    for document, spans in zip(documents, tokens, strict=True):
        words = lowered(document.text, spans)
        for at in range(len(words)):
            occurrences.update(tuple(words[at : at + length]) for length in _lengths(words, at, found, prefixes))
    mentions = {}
    for key, entities in found.items():
        category = majority([entity.category for entity in entities])
        own = [entity for entity in entities if entity.category == category]
        mentions[key] = Mention(category, majority_fields(own), len(own), occurrences[key])
    return mentions


def find(documents: Sequence[Document], mentions: Mapping[Key, Mention], min_share: float) -> list[Document]:
    """The documents with the strings of a dictionary as entities, from the left, the longest first.

    Parameters
    ----------
    min_share
        Strings of which a smaller share is annotated are left out.
    """
    kept = {key: mention for key, mention in mentions.items() if mention.share >= min_share}
    prefixes, tagged = _prefixes(list(kept)), []
    for document in documents:
        tokens = word_tokens(document.text)
        words, entities, at = lowered(document.text, tokens), [], 0
        while at < len(words):
            lengths = _lengths(words, at, kept, prefixes)
            if not lengths:
                at += 1
                continue
            mention = kept[tuple(words[at : at + lengths[-1]])]
            span = (tokens[at][0], tokens[at + lengths[-1] - 1][1])
            name = f"T{len(entities)}"
            entities.append(Entity(name, mention.category, (span,), dict(mention.fields), min(mention.share, 1.0)))
            at += lengths[-1]
        tagged.append(replace(document, entities=tuple(entities), links=()))
    return tagged


def strict_f1(truth: Sequence[Document], found: Sequence[Document]) -> float:
    """F1 of the entities of all documents together: same category, same spans; 0 where there are none."""
    sides = [[{(entity.category, entity.spans) for entity in one.entities} for one in side] for side in (truth, found)]
    right = sum(len(own & other) for own, other in zip(*sides, strict=True))
    total = sum(len(own) for side in sides for own in side)
    return 2 * right / total if total else 0.0


def several(value: float | Sequence[float]) -> list[float]:
    """The values of a setting from which valid chooses."""
    return list(value) if isinstance(value, list | tuple) else [value]


def mentions(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Strings that are entities in the training documents are entities everywhere.

    Parameters
    ----------
    settings
        `min_share`: a string is left out if a smaller share of its occurrences in the training texts is annotated; of
        several, valid chooses by strict F1.
    seed
        Not used: there is nothing random.
    """
    known = collect(data.train.documents)
    scores = {
        share: strict_f1(data.valid.documents, find(data.valid.documents, known, share))
        for share in several(settings["min_share"])
    }
    min_share = max(scores, key=scores.get)
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        rows = [
            [list(key), one.category, dict(one.fields), one.annotated, one.occurrences] for key, one in known.items()
        ]
        write_json(temporary / "mentions.json", rows)
        write_json(temporary / "config.json", {"model": dict(settings), "min_share": min_share})
    tag = load_mentions(folder)
    cost = {"parameters": len(known), "trained_parameters": len(known)}
    return Tagged(tag(data.valid.documents), tag(data.test.documents), [], cost)


def load_mentions(folder: str | Path) -> Callable[[Sequence[Document]], list[Document]]:
    """A saved dictionary as a function that tags documents."""
    min_share = read_json(Path(folder) / "config.json")["min_share"]
    known = {
        tuple(key): Mention(category, fields, annotated, occurrences)
        for key, category, fields, annotated, occurrences in read_json(Path(folder) / "mentions.json")
    }
    return lambda documents: find(documents, known, min_share)
