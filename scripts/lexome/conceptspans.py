"""Candidate mentions of ontology terms in texts, what training documents tell of each, and a choice among them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lexome.conceptcorpora import FIELD, NIL
from lexome.documents import Document, Entity
from lexome.termnames import WORD, Lexicon, key_of, plain

NOBODY = object()  # a group that no document is of


@dataclass(frozen=True)
class Candidate:
    """A span that may name a concept, and what is known of it.

    Attributes
    ----------
    document
        Place of its document.
    start, end
        Characters of the text.
    key, stems
        Its words but for plurals and case, and their stems (the same without stemming).
    concept
        Id of the term.
    sources
        What names the concept so: `name`, `exact`, ..., with `~` before it where only the stems agree.
    """

    document: int
    start: int
    end: int
    key: str
    stems: str
    concept: str
    sources: frozenset[str]


class Names:
    """Names of terms and mentions in training documents, with how often each was annotated and how often it occurs.

    Parameters
    ----------
    names
        Of `termnames.term_names`.
    stem
        Whether words that differ in their endings are alike.
    shortest
        Characters of the shortest name that counts; mentions may be shorter.
    """

    def __init__(self, names: Iterable[tuple[str, str, str]], stem: bool, shortest: int):
        self.level = "stem" if stem else "plain"
        self.finder, self.exact = Lexicon(self.level), Lexicon("plain")
        for name, concept, source in names:
            self.finder.add(name, concept, source, True, shortest)
            self.exact.add(name, concept, source, True, shortest)
        # By key, then concept: mentions by group. By key: occurrences by group. Keys of stems begin with ~.
        self.marked: dict[str, dict[str, Counter]] = defaultdict(dict)
        self.occurs: dict[str, Counter] = defaultdict(Counter)
        self.mentions: list[tuple[str, str]] = []  # words and concept of every mention that was learnt, once

    def learn(self, documents: Sequence[Document], groups: Sequence[Hashable]) -> None:
        """Take in the mentions without gaps of training documents, and count where all names occur in them."""
        known = {}
        for document, group in zip(documents, groups, strict=True):
            for entity in document.entities:
                if len(entity.spans) == 1:
                    words, concept = entity.mention(document.text), entity.fields.get(FIELD, NIL)
                    known[key_of(words), concept] = (words, concept)
                    for key in self._keys(words):
                        self.marked[key].setdefault(concept, Counter())[group] += 1
        self._add(known.values())
        for document, group in zip(documents, groups, strict=True):
            for span in self.finder.find(document.text):
                for key in self._keys(document.text[span.start : span.end]):
                    self.occurs[key][group] += 1

    def restore(
        self, marked: Mapping[str, Mapping[str, int]], occurs: Mapping[str, int], known: Iterable[Sequence[str]]
    ) -> None:
        """Take over counts that `learn` made, summed over the groups, and `mentions`."""
        for key, concepts in marked.items():
            self.marked[key] = {concept: Counter({None: n}) for concept, n in concepts.items()}
        self.occurs.update({key: Counter({None: n}) for key, n in occurs.items()})
        self._add(known)

    def _add(self, known: Iterable[Sequence[str]]) -> None:
        for words, concept in known:
            self.finder.add(words, concept, "mention")
            self.mentions.append((words, concept))

    def _keys(self, words: str) -> tuple[str, str]:
        return key_of(words), f"~{key_of(words, self.level)}"

    def share(self, key: str, concept: str | None, without: Hashable = NOBODY) -> tuple[int, int]:
        """Mentions of a concept (None: of any) by a key, and the key's occurrences, outside a group."""
        occurs = self.occurs.get(key, Counter())
        marked = self.marked.get(key, {})
        counted = marked.values() if concept is None else [marked.get(concept, Counter())]
        mentions = sum(one.total() - one.get(without, 0) for one in counted)
        return mentions, occurs.total() - occurs.get(without, 0)

    def candidates(self, documents: Sequence[Document], groups: Sequence[Hashable] | None = None) -> list[Candidate]:
        """Every span of the documents that a name or a mention outside the document's own group is like."""
        found = []
        for place, document in enumerate(documents):
            group = NOBODY if groups is None else groups[place]
            for span in self.finder.find(document.text):
                key, stems = self._keys(document.text[span.start : span.end])
                told: dict[str, set[str]] = defaultdict(set)
                for concept, sources in self.finder.entries[span.key].items():
                    told[concept] |= {f"~{source}" for source in sources - {"mention"}}
                for concept, sources in self.exact.entries.get(key, {}).items():
                    told[concept] = {one for one in told[concept] if one[1:] not in sources} | sources
                for mark, at in (("~mention", stems), ("mention", key)):
                    for concept, counts in self.marked.get(at, {}).items():
                        if counts.total() > counts.get(group, 0):
                            told[concept].discard("~mention")
                            told[concept].add(mark)
                found += [
                    Candidate(place, span.start, span.end, key, stems, concept, frozenset(sources))
                    for concept, sources in told.items()
                    if sources
                ]
        return found


def features(
    candidates: Sequence[Candidate],
    documents: Sequence[Document],
    names: Names,
    spaces: Mapping[str, str],
    groups: Sequence[Hashable] | None = None,
) -> list[dict[str, float]]:
    """What a classifier reads of each candidate: how often its words were annotated elsewhere, which names it is like,
    its form, and the words around it.

    Parameters
    ----------
    groups
        Of training documents: what their own group tells is left out, so that candidates look like those of new ones.
    """
    around = _neighbours(candidates, documents)
    spans = defaultdict(set)
    for one in candidates:
        spans[one.document].add((one.start, one.end))
    covers = {place: _longer(sorted(found)) for place, found in spans.items()}
    rivals = Counter((one.document, one.start, one.end) for one in candidates)
    told = []
    for one in candidates:
        group = NOBODY if groups is None else groups[one.document]
        words = documents[one.document].text[one.start : one.end]
        aspect = spaces.get(one.concept, "")
        row: dict[str, float] = {"bias": 1.0, f"aspect {aspect}": 1.0}
        for source in one.sources:
            row[f"from {source}"] = 1.0
            row[f"from {source} {aspect}"] = 1.0
        for level, key in (("p", one.key), ("s", one.stems)):
            n, occurs = names.share(key, one.concept, group)
            any_, _ = names.share(key, None, group)
            row |= _shares(level, n, any_, occurs)
        length = one.key.count(" ") + 1
        row[f"words {min(length, 5)}"] = 1.0
        row[f"letters {min(len(words), 12)}"] = 1.0
        row[f"form {_form(words)}"] = 1.0
        row[f"rivals {min(rivals[one.document, one.start, one.end], 4)}"] = 1.0
        row[f"covered {(one.start, one.end) in covers[one.document]}"] = 1.0
        row[f"key {one.key}"] = 1.0
        row[f"concept {one.concept}"] = 1.0
        row[f"key {one.key} {one.concept}"] = 1.0
        for side, word in around[one.document, one.start, one.end]:
            row[f"{side} {word}"] = 1.0
            row[f"{side} {word} {one.stems}"] = 1.0
        told.append(row)
    return told


def _shares(level: str, n: int, any_: int, occurs: int) -> dict[str, float]:
    """Shares in steps and as they are, and how much they rest on."""
    size = min(occurs.bit_length(), 6)
    share, known = (n + 0.5) / (occurs + 1), n / any_ if any_ else 0.0
    return {
        f"{level} occurs {size}": 1.0,
        f"{level} share {min(int(share * 10), 9)} {min(size, 3)}": 1.0,
        f"{level} share {size}": share,
        f"{level} of {min(int(known * 5), 4) if any_ else None}": 1.0,
        f"{level} mentions {min(n.bit_length(), 5)}": 1.0,
    }


def _form(words: str) -> str:
    if words.isupper():
        return "upper"
    if words.islower():
        return "lower"
    return "title" if words.istitle() else "mixed"


def _longer(spans: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Spans that lie within another one."""
    within, widest = set(), (-1, -1)
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end <= widest[1]:
            within.add((start, end))
        else:
            widest = (start, end)
    return within


def _neighbours(candidates: Sequence[Candidate], documents: Sequence[Document]) -> dict[tuple, list[tuple[str, str]]]:
    """The two words on either side of every span, by document, start and end."""
    words = {}
    for place in {one.document for one in candidates}:
        found = [(match.start(), match.end(), match[0]) for match in WORD.finditer(documents[place].text)]
        starts, ends = ({word[side]: n for n, word in enumerate(found)} for side in (0, 1))
        words[place] = (found, starts, ends)
    told = {}
    for one in candidates:
        found, starts, ends = words[one.document]
        first, last = starts[one.start], ends[one.end]
        near = []
        for side, at in (("-2", first - 2), ("-1", first - 1), ("+1", last + 1), ("+2", last + 2)):
            near.append((side, plain(found[at][2]) if 0 <= at < len(found) else ""))
        text = documents[one.document].text
        near.append(("before", text[one.start - 1 : one.start]))
        near.append(("behind", text[one.end : one.end + 1]))
        told[one.document, one.start, one.end] = near
    return told


def choose(
    candidates: Sequence[Candidate], scores: Sequence[float], categories: Sequence[str], widest: bool = False
) -> list[int]:
    """Places of candidates none of which overlaps another of its document and category, the surest first.

    Parameters
    ----------
    scores
        Those below 0 are not taken.
    categories
        Of each candidate; names of processes and of components may overlap, as CRAFT's annotators have it.
    widest
        Whether the widest span goes first, and scores choose among its concepts only.
    """
    width = [one.end - one.start for one in candidates]
    rank = (lambda n: (-width[n], -scores[n], n)) if widest else (lambda n: (-scores[n], -width[n], n))
    taken: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    chosen = []
    for n in sorted((n for n in range(len(candidates)) if scores[n] >= 0), key=rank):
        one, spans = candidates[n], taken[candidates[n].document, categories[n]]
        if all(one.end <= start or end <= one.start for start, end in spans):
            spans.append((one.start, one.end))
            chosen.append(n)
    return chosen


def as_documents(documents: Sequence[Document], found: Iterable[tuple[Candidate, str, float]]) -> list[Document]:
    """The documents with candidates, their categories and chances as entities, in order of the text."""
    by_place = defaultdict(list)
    for one, category, score in found:
        by_place[one.document].append((one.start, one.end, category, one.concept, score))
    return [
        replace(
            document,
            links=(),
            entities=tuple(
                Entity(f"T{n}", category, ((start, end),), {FIELD: concept}, round(float(score), 4))
                for n, (start, end, category, concept, score) in enumerate(sorted(by_place[place]), 1)
            ),
        )
        for place, document in enumerate(documents)
    ]
