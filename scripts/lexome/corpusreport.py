"""What a corpus of annotated documents holds: sizes, mentions, values, links, and how far linked mentions lie apart."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from lexome.documents import Document, linked_pairs
from lexome.sentences import split_sentences
from lexome.tagmetrics import overlap, word_bounds
from lexome.texts import WORD, normalise, text_group
from lexome.wordtokens import word_tokens

COLUMNS = ("subset", "measure", "category", "item", "value")
ALL = "all"
ORDER = ("train", "valid", "test")
FREQUENT = 20  # commonest mentions told of each category
MOST_VALUES = 100  # commonest values told of each field


@dataclass(frozen=True)
class Corpus:
    """Documents, which of them are annotated for links, and the subset of each (None: there are none)."""

    documents: list[Document]
    links_known: list[bool]
    subsets: list[str] | None = None

    @cached_property
    def parts(self) -> dict[str, "Corpus"]:
        """The whole as `ALL`, then each subset."""
        parts = {ALL: self}
        present = set(self.subsets or ())
        for name in [*(name for name in ORDER if name in present), *sorted(present - set(ORDER))]:
            rows = [place for place, subset in enumerate(self.subsets) if subset == name]
            parts[name] = Corpus([self.documents[row] for row in rows], [self.links_known[row] for row in rows])
        return parts

    @cached_property
    def linked(self) -> list[Document]:
        """The documents that are annotated for links."""
        return [document for document, known in zip(self.documents, self.links_known, strict=True) if known]

    @cached_property
    def words(self) -> np.ndarray:
        """Words of each document, as `texts.count_words` counts them; int64 [n]."""
        return np.array([sum(1 for _ in WORD.finditer(document.text)) for document in self.documents], dtype=np.int64)

    @cached_property
    def tokens(self) -> np.ndarray:
        """Runs of letters and digits, and other signs, of each document; int64 [n]."""
        return np.array([len(word_tokens(document.text)) for document in self.documents], dtype=np.int64)


def mention_key(words: str) -> str:
    """What two mentions have in common that differ in case or white space only."""
    return normalise(words)


def mentions(documents: Iterable[Document], category: str) -> Counter:
    """How often each mention of a category stands there, in the spelling that is commonest."""
    forms: dict[str, Counter] = {}
    for document in documents:
        for entity in document.entities:
            if entity.category == category:
                words = " ".join(entity.mention(document.text).split())
                forms.setdefault(mention_key(words), Counter())[words] += 1
    return Counter({max(own, key=lambda form: (own[form], form)): own.total() for own in forms.values()})


def values(documents: Iterable[Document], field: str, category: str | None) -> Counter:
    """How often each value of a field is given to the entities of a category (None: of any)."""
    return Counter(
        entity.fields[field]
        for document in documents
        for entity in document.entities
        if field in entity.fields and category in (None, entity.category)
    )


def pair_distances(documents: Iterable[Document]) -> pd.DataFrame:
    """How far pairs of mentions lie apart, of categories that are linked somewhere in the documents.

    Returns
    -------
    pandas.DataFrame
        One row a pair within a document: `document`, `first`, `second` (categories in the order of the text), `linked`,
        `words` (that begin between the two) and `sentences` (0: both begin in the same one).
    """
    documents = list(documents)
    joined = set()
    for document in documents:
        category = {entity.id: entity.category for entity in document.entities}
        joined |= {frozenset(category[name] for name in pair) for pair in linked_pairs(document)}
    rows = []
    for document in documents:
        pairs = linked_pairs(document)
        starts, _ = word_bounds(document.text)
        borders = [sentence.start for sentence in split_sentences(document.text)] if document.entities else []
        for one, other in combinations(sorted(document.entities, key=lambda entity: (entity.start, entity.end)), 2):
            if frozenset((one.category, other.category)) not in joined:
                continue
            between = np.searchsorted(starts, other.start) - np.searchsorted(starts, one.end)
            numbers = np.searchsorted(borders, [one.start, other.start], side="right")
            linked = frozenset((one.id, other.id)) in pairs
            apart = max(0, int(between)), int(numbers[1] - numbers[0])
            rows.append((document.id, one.category, other.category, linked, *apart))
    return pd.DataFrame(rows, columns=["document", "first", "second", "linked", "words", "sentences"])


def describe(
    corpus: Corpus, categories: Sequence[str], fields: Mapping[str, Mapping]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everything that is counted, and the distances of pairs in the documents annotated for links.

    Parameters
    ----------
    categories
        In the order of the rows.
    fields
        By name: `category`, whose entities have the field.

    Returns
    -------
    pandas.DataFrame, pandas.DataFrame
        `COLUMNS`, a row a figure, the whole corpus as subset `ALL`; and that of `pair_distances`. `item` is a value of
        a field (`category` then is the field), a mention, or empty.
    """
    rows = []
    for name, part in corpus.parts.items():
        rows += [(name, *row) for row in (*_sizes(part), *_entities(part, categories), *_fields(part, fields))]
        for category in categories:
            told = sorted(mentions(part.documents, category).items(), key=lambda entry: (-entry[1], entry[0]))
            rows += [(name, "mention", category, item, n) for item, n in told[:FREQUENT]]
        if name not in (ALL, "train") and "train" in corpus.parts:
            rows += [(name, *row) for row in _seen(part, corpus.parts["train"], categories)]
    distances = pair_distances(corpus.linked)
    rows += [(ALL, *row) for row in _distances(distances)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float}), distances


def _row(measure: str, value: float, category: str = "", item: str = "") -> tuple:
    return (measure, category, item, float(value))


def _spread(measure: str, counts: np.ndarray) -> list[tuple]:
    """Sum and quartiles of counts; nothing of none."""
    if not len(counts):
        return []
    takes: dict[str, Callable] = {"": np.sum, "_mean": np.mean, "_median": np.median, "_min": np.min, "_max": np.max}
    return [_row(measure + ending, take(counts)) for ending, take in takes.items()]


def _sizes(part: Corpus) -> list[tuple]:
    documents = part.documents
    vocabulary = {word.casefold() for document in documents for word in WORD.findall(document.text)}
    links = np.array([len(document.links) for document in part.linked], dtype=np.int64)
    members = [len(link.members) for document in part.linked for link in document.links]
    pairs = [linked_pairs(document) for document in part.linked]
    joined = [{name for pair in own for name in pair} for own in pairs]
    return [
        _row("documents", len(documents)),
        _row("distinct_texts", len({text_group(document.text) for document in documents})),
        _row("documents_without_entities", sum(not document.entities for document in documents)),
        _row("documents_links_known", len(part.linked)),
        *_spread("words", part.words),
        *_spread("tokens", part.tokens),
        _row("vocabulary", len(vocabulary)),
        *_spread("links", links),
        *([_row("link_members_mean", np.mean(members))] if members else []),
        _row("linked_pairs", sum(map(len, pairs))),
        _row("linked_entities", sum(map(len, joined))),
    ]


def _entities(part: Corpus, categories: Sequence[str]) -> list[tuple]:
    own = [entity for document in part.documents for entity in document.entities]
    tagged, total = 0, 0
    for document in part.documents:
        starts, ends = word_bounds(document.text)
        marked = np.zeros(len(starts), dtype=bool)
        for start, end in (span for entity in document.entities for span in entity.spans):
            marked |= (starts < end) & (ends > start)
        tagged, total = tagged + marked.sum(), total + len(starts)
    overlapping = sum(
        one.start < other.end and other.start < one.end and overlap(one.spans, other.spans) > 0
        for document in part.documents
        for one, other in combinations(document.entities, 2)
    )
    rows = _spread("entities", np.array([len(document.entities) for document in part.documents], dtype=np.int64))
    rows += [
        _row("entities_of_several_parts", sum(len(entity.spans) > 1 for entity in own)),
        _row("overlapping_pairs", overlapping),
        _row("words_in_entities_share", tagged / total if total else np.nan),
    ]
    for category in categories:
        held = [
            (document, entity)
            for document in part.documents
            for entity in document.entities
            if entity.category == category
        ]
        rows += [
            _row("entities", len(held), category),
            _row("entities_share", len(held) / len(own) if own else np.nan, category),
            _row("documents_with", len({document.id for document, _ in held}), category),
            _row("distinct_mentions", len(mentions(part.documents, category)), category),
        ]
        if held:
            lengths = [len(entity.mention(document.text).split()) for document, entity in held]
            rows.append(_row("words_of_mention_mean", np.mean(lengths), category))
    return rows


def _fields(part: Corpus, fields: Mapping[str, Mapping]) -> list[tuple]:
    rows = []
    for name, owner in fields.items():
        held = values(part.documents, name, owner.get("category"))
        told = sorted(held.items(), key=lambda entry: (-entry[1], entry[0]))
        rows.append(_row("distinct_values", len(held), name))
        rows += [_row("value", n, name, item) for item, n in told[:MOST_VALUES]]
        rows += [_row("value_share", n / held.total(), name, item) for item, n in told[:MOST_VALUES]]
    return rows


def _seen(part: Corpus, train: Corpus, categories: Sequence[str]) -> list[tuple]:
    """Of the mentions of a subset the share that stands in train as well, with the same category."""
    rows = []
    for category in categories:
        known = {mention_key(words) for words in mentions(train.documents, category)}
        own = mentions(part.documents, category)
        if own:
            share = sum(n for words, n in own.items() if mention_key(words) in known) / own.total()
            rows.append(_row("mentions_seen_in_train_share", share, category))
    return rows


def _distances(distances: pd.DataFrame) -> list[tuple]:
    rows = []
    for linked, name in ((True, "linked_pair"), (False, "other_pair")):
        own = distances[distances["linked"] == linked]
        rows.append(_row(f"{name}s_of_linked_categories", len(own)))
        if len(own):
            rows += [
                _row(f"{name}_words_between_median", own["words"].median()),
                _row(f"{name}_words_between_p90", own["words"].quantile(0.9)),
                _row(f"{name}_same_sentence_share", (own["sentences"] == 0).mean()),
                _row(f"{name}_next_sentence_share", (own["sentences"] == 1).mean()),
            ]
    return rows
