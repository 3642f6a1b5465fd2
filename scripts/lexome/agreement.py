"""How far annotators of the same texts agree: on mentions, words, fields and links.

The first annotator of a pair stands where the truth stands in `tagmetrics`, the second where a model's predictions do,
so that every figure is one that a model of the study has too and can be set beside it. F1 is the same either way;
precision is the share of the second's marks that the first has as well, recall the other way round. Beside them:

- `kappa`: Cohen's (Educational and Psychological Measurement 20, 1960) over words, each of which bears a category or
  none; of a category, over words that bear it or do not. `alpha`: Krippendorff's for nominal values (Content Analysis,
  2004, ch. 11) over the same words, for any number of annotators.
- `total_similarity`: as the published functional-genomics project measured it: of every word that either marked, the
  fields' values that both gave over those that either gave (bags), mean over the words.
- `<field>_agreement`, `<field>_kappa`: how often mentions that both found (`match_overlapping`) bear the same value.
- `link`: pairs of mentions that share a link, among the mentions that both found. `joint_link` and
  `joint_link_partial` also count pairs whose mentions only one of them found.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from lexome import tagmetrics
from lexome.bootstrap import FEWEST_GROUPS, centre, interval, resample_groups, stream
from lexome.documents import Document, Entity, Link, linked_pairs
from lexome.errors import LexomeError
from lexome.reliability import alpha, coincidences, cross, kappa, ratio, same
from lexome.texts import text_group

COLUMNS = ("annotators", "metric", "category", "value", "low", "high", "n")
EVERY_PAIR = "all pairs"
NONE = "none"  # of a word without a category
SHOWN = 5  # documents that a message names


@dataclass(frozen=True)
class Pair:
    """Two annotators and the documents that both have.

    Attributes
    ----------
    names
        Of the first and the second.
    first, second
        Their documents, of the same ids and texts in the same order.
    alone
        Ids of the documents that only the first has, and only the second.
    differing
        Ids of documents of which they have different texts.
    """

    names: tuple[str, str]
    first: list[Document]
    second: list[Document]
    alone: tuple[list[str], list[str]] = ((), ())
    differing: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Both names."""
        return f"{self.names[0]}, {self.names[1]}"


def pair_up(annotated: Mapping[str, Sequence[Document]]) -> list[Pair]:
    """Every pair of annotators, in the order in which they are given.

    Parameters
    ----------
    annotated
        Documents by annotator.

    Raises
    ------
    LexomeError
        If two annotators share no document of one text; it names some that either has.
    """
    pairs = []
    for one, other in combinations(annotated, 2):
        first, second = ({document.id: document for document in annotated[name]} for name in (one, other))
        shared = [key for key in first if key in second]
        equal = [key for key in shared if first[key].text == second[key].text]
        differing = [key for key in shared if first[key].text != second[key].text]
        alone = [key for key in first if key not in second], [key for key in second if key not in first]
        if not equal:
            if differing:
                what = f"the texts of {_some(differing)} differ; annotators have to mark the same text"
            else:
                what = (
                    f"{one} has {_some(alone[0])}, {other} has {_some(alone[1])}; give the same documents the same ids"
                )
            raise LexomeError(f"annotators {one} and {other}: share no document; {what}")
        pairs.append(
            Pair((one, other), [first[key] for key in equal], [second[key] for key in equal], alone, differing)
        )
    return pairs


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more if ids else "none"


def agreement(
    annotated: Mapping[str, Sequence[Document]],
    categories: Sequence[str],
    fields: Mapping[str, Mapping],
    bootstrap: Mapping,
    names: Sequence[str] = (),
) -> pd.DataFrame:
    """Every figure of agreement.

    Parameters
    ----------
    annotated
        Documents by annotator.
    categories
        In the order of the rows; those that only annotators have come after them.
    fields
        By name: `category`, whose entities have the field.
    bootstrap
        `replicates`, `level` and `seed`: documents are drawn with replacement, those of one text together.
    names
        What the draws depend on beside the seed: the study.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. Of several pairs, all of them together (`EVERY_PAIR`, which has the alpha of all annotators) stand
        first. `category` is empty for all categories. `n`: what the figure counts (mentions or words of the first
        annotator, pairs of mentions, words), `low` and `high` are NaN for fewer than `FEWEST_GROUPS` texts and for
        counts: `documents`, `documents_alone` (of one annotator), `documents_differing`, `entities`, `links`.
    """
    pairs = pair_up(annotated)
    known = all_categories(categories, [document for own in annotated.values() for document in own])
    rows = []
    if len(pairs) > 1:
        together = Pair(
            ("", ""),
            [document for pair in pairs for document in pair.first],
            [document for pair in pairs for document in pair.second],
        )
        rows += [
            (EVERY_PAIR, *row) for row in _pair_rows(together, known, fields, bootstrap, names) if row[0] != "alpha"
        ]
        rows += [(EVERY_PAIR, *row) for row in _alpha_of_all(annotated, known, bootstrap, names)]
    for pair in pairs:
        rows += [(pair.title, *row) for row in _pair_rows(pair, known, fields, bootstrap, names)]
        rows += _counts(pair, known, len(pairs) > 1)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def all_categories(categories: Sequence[str], documents: Iterable[Document]) -> list[str]:
    """The categories, then those that only the documents have."""
    found = {entity.category for document in documents for entity in document.entities}
    return [*categories, *sorted(found - set(categories))]


def _counts(pair: Pair, categories: Sequence[str], several: bool) -> list[tuple]:
    """What was compared and what was not, without intervals; `several`: an annotator is in more pairs than this."""
    nan = float("nan")

    def row(who: str, metric: str, category: str, value: int) -> tuple:
        return (who, metric, category, float(value), nan, nan, value)

    rows = [
        row(pair.title, "documents", "", len(pair.first)),
        row(pair.title, "documents_differing", "", len(pair.differing)),
    ]
    for name, documents, alone in zip(pair.names, (pair.first, pair.second), pair.alone, strict=True):
        who = f"{name} (of {pair.title})" if several else name
        held = Counter(entity.category for document in documents for entity in document.entities)
        rows.append(row(who, "documents_alone", "", len(alone)))
        rows.append(row(who, "entities", "", held.total()))
        rows += [row(who, "entities", category, held[category]) for category in categories]
        rows.append(row(who, "links", "", sum(len(document.links) for document in documents)))
    return rows


def _pair_rows(
    pair: Pair, categories: Sequence[str], fields: Mapping[str, Mapping], bootstrap: Mapping, names: Sequence[str]
) -> list[tuple]:
    """metric, category, value, low, high, n."""
    counts, enough = _resamples(pair.first, bootstrap, names)
    level = bootstrap["level"]

    def told(sums: Mapping[str, np.ndarray], category: str = "") -> list[tuple]:
        moved = tagmetrics.figures(sums, counts)
        return [
            (metric, category, value, *_interval(moved[metric], value, level, enough), n)
            for metric, (value, n) in tagmetrics.figures(sums).items()
        ]

    def measured(metric: str, category: str, rows: np.ndarray, value: Callable[[np.ndarray], np.ndarray]) -> tuple:
        estimate, moved = float(value(rows.sum(axis=0))), value(counts.astype(np.float64) @ rows)
        return (metric, category, estimate, *_interval(moved, estimate, level, enough), round(float(rows.sum())))

    links = [document.links for document in pair.second]
    sums = tagmetrics.document_sums(pair.first, pair.second, links, fields=fields)
    rows = told(sums | found_link_sums(pair))
    labels = _labels_of(pair, categories)
    crossed = np.array([cross(*own, len(categories) + 1) for own in labels]).reshape(len(labels), -1)
    rows.append(measured("kappa", "", crossed, kappa))
    paired = np.array([coincidences(own, len(categories) + 1) for own in labels]).reshape(len(labels), -1)
    rows.append((*measured("alpha", "", paired, alpha)[:-1], int(crossed.sum())))
    alike = np.array([similarity(one, other) for one, other in zip(pair.first, pair.second, strict=True)])
    total = measured("total_similarity", "", alike, lambda sums: ratio(sums[..., 0], sums[..., 1]))
    rows.append((*total[:-1], int(alike[:, 1].sum())))
    for name, owner in fields.items():
        values = field_pairs(pair, name, owner.get("category"))
        if not any(values):
            continue
        vocabulary = sorted({value for own in values for both in own for value in both})
        place = {value: number for number, value in enumerate(vocabulary)}
        crossed = np.zeros((len(values), len(vocabulary), len(vocabulary)))
        for number, own in enumerate(values):
            for both in own:
                crossed[(number, *(place[value] for value in both))] += 1
        crossed = crossed.reshape(len(values), -1)
        category = owner.get("category") or ""
        rows.append(measured(f"{name}_agreement", category, crossed, same))
        rows.append(measured(f"{name}_kappa", category, crossed, kappa))
    for number, category in enumerate(categories):
        first, second = (_only(documents, category) for documents in (pair.first, pair.second))
        own = tagmetrics.document_sums(first, second, fields={})
        rows += told({family: own[family] for family in ("entity", "partial", "word")}, category)
        bears = np.array([cross(*(row == number + 1 for row in both), 2) for both in labels]).reshape(len(labels), -1)
        rows.append(measured("kappa", category, bears, kappa))
    return rows


def _alpha_of_all(
    annotated: Mapping[str, Sequence[Document]], categories: Sequence[str], bootstrap: Mapping, names: Sequence[str]
) -> list[tuple]:
    """The row of alpha, over all annotators that have a document; texts unlike the first one's are left out."""
    by_id: dict[str, list[Document]] = {}
    for documents in annotated.values():
        for document in documents:
            held = by_id.setdefault(document.id, [document])
            if held[0] is not document and held[0].text == document.text:
                held.append(document)
    shared = [held for held in by_id.values() if len(held) > 1]
    place = _places(categories)
    rows = np.array(
        [coincidences([_words_labelled(document, place) for document in held], len(place)).ravel() for held in shared]
    )
    counts, enough = _resamples([held[0] for held in shared], bootstrap, names)
    value, moved = float(alpha(rows.sum(axis=0))), alpha(counts.astype(np.float64) @ rows)
    n = sum(len(tagmetrics.word_bounds(held[0].text)[0]) for held in shared)
    return [("alpha", "", value, *_interval(moved, value, bootstrap["level"], enough), n)]


def _resamples(documents: Sequence[Document], bootstrap: Mapping, names: Sequence[str]) -> tuple[np.ndarray, bool]:
    """How often each document comes along in each resample, and whether there are enough texts for intervals."""
    groups = np.array([text_group(document.text) for document in documents])
    rng = stream(bootstrap["seed"], "agreement", *names)
    return resample_groups(groups, bootstrap["replicates"], rng), len(np.unique(groups)) >= FEWEST_GROUPS


def _interval(replicates: np.ndarray, value: float, level: float, enough: bool) -> tuple[float, float]:
    return interval(centre(replicates, value, least=-1.0)[0], level) if enough else (float("nan"), float("nan"))


def _only(documents: Iterable[Document], category: str) -> list[Document]:
    return [
        replace(document, entities=tuple(e for e in document.entities if e.category == category), links=())
        for document in documents
    ]


def found_link_sums(pair: Pair) -> tagmetrics.Sums:
    """Family `link`: linked pairs of each document among the mentions that both annotators found."""
    truths, given = [], []
    for one, other in zip(pair.first, pair.second, strict=True):
        matched = tagmetrics.match_overlapping(one.entities, other.entities)
        meant = {other.entities[position].id: one.entities[place].id for place, position in matched}
        known = set(meant.values())
        mine = [sorted(both) for both in linked_pairs(one) if both <= known]
        theirs = [sorted(map(meant.get, both)) for both in linked_pairs(other) if both <= meant.keys()]
        links = [
            tuple(Link(f"L{number}", tuple(both)) for number, both in enumerate(sorted(own))) for own in (mine, theirs)
        ]
        truths.append(replace(one, links=links[0]))
        given.append(links[1])
    return tagmetrics.document_sums(truths, None, given)


def _places(categories: Sequence[str]) -> dict[str | None, int]:
    return {None: 0} | {category: number for number, category in enumerate(categories, 1)}


def _words_labelled(document: Document, place: Mapping[str | None, int]) -> np.ndarray:
    """Place of the category of each word, 0 for none."""
    bounds = tagmetrics.word_bounds(document.text)
    labels, _ = tagmetrics.word_labels(bounds, document.entities, lambda entity: entity.category)
    return np.array([place[label] for label in labels], dtype=np.int64)


def _labels_of(pair: Pair, categories: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    place = _places(categories)
    return [
        (_words_labelled(one, place), _words_labelled(other, place))
        for one, other in zip(pair.first, pair.second, strict=True)
    ]


def similarity(first: Document, second: Document) -> tuple[float, int]:
    """Sum over words of the shared part of what both gave them, and how many words either marked.

    A mention gives its words the values of its fields, or its category where it has no field.
    """
    given = [_given(document) for document in (first, second)]
    score = 0.0
    for word in given[0].keys() | given[1].keys():
        one, other = (own.get(word, Counter()) for own in given)
        score += (one & other).total() / (one | other).total()
    return score, len(given[0].keys() | given[1].keys())


def _given(document: Document) -> dict[int, Counter]:
    starts, ends = tagmetrics.word_bounds(document.text)
    words: dict[int, Counter] = {}
    for entity in document.entities:
        items = list(entity.fields.items()) or [(entity.category, "")]
        # Parts of one mention may lie in one word, which it marks once.
        marked = {
            word
            for start, end in entity.spans
            for word in range(np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end, side="left"))
        }
        for word in marked:
            words.setdefault(word, Counter()).update(items)
    return words


def field_pairs(pair: Pair, name: str, category: str | None) -> list[list[tuple[str, str]]]:
    """Of each document the values that both gave to the mentions that both found; "" for none."""

    def value(entity: Entity) -> str:
        return entity.fields.get(name, "")

    told = []
    for one, other in zip(pair.first, pair.second, strict=True):
        matched = tagmetrics.match_overlapping(one.entities, other.entities)
        both = [(one.entities[place], other.entities[position]) for place, position in matched]
        values = [(value(a), value(b)) for a, b in both if category in (None, a.category)]
        told.append([own for own in values if any(own)])
    return told


def confusion(pair: Pair, categories: Sequence[str]) -> np.ndarray:
    """Words by category of the first (rows) and of the second annotator; the first row and column are for none."""
    known = all_categories(categories, [*pair.first, *pair.second])
    return sum(cross(*own, len(known) + 1) for own in _labels_of(pair, known))
