"""Names of ontology terms found in texts: words made alike, a lexicon of names, and the spans where they stand."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

# Scopes of synonyms as `ontology.SCOPES`, the names themselves, and names without the word that says what they are.
SOURCES = ("name", "exact", "narrow", "broad", "related", "short")
GREEK = {
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta"},
    **{"ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi"},
    **{"ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega"},
}
# Letters and digits without a break; a Greek letter is a word of its own, so that TGFβ and TGF-beta are alike.
WORD = re.compile(r"[α-ωΑ-Ω]|[^\W_α-ωΑ-Ω]+")
# What may stand between two words of a name: no sentence ends within one.
BETWEEN = re.compile(r"(?:[^\S\n]|\n(?!\n)|[\-‐-―−,/()'’+:\[\]]|\.(?!\s)){1,4}")
# The last word of a name that says what kind of thing it is and which prose leaves out.
GENERIC = {
    "biological_process": ("process", "pathway"),
    "cellular_component": ("complex",),
    "molecular_function": ("activity",),
}
# Plurals that do not end in -s, longest first, and words that end in -s without being one.
PLURALS = (
    *(("chondria", "chondrion"), ("nucleoli", "nucleolus"), ("nuclei", "nucleus"), ("flagella", "flagellum")),
    *(("bacteria", "bacterium"), ("reticula", "reticulum"), ("thelia", "thelium"), ("cilia", "cilium")),
    *(("podia", "podium"), ("septa", "septum"), ("villi", "villus"), ("lumina", "lumen"), ("stomata", "stoma")),
)
SINGULAR = ("ss", "us", "is", "ics", "ous", "ies", "sis")
# Endings that derive words from one another, longest first.
ENDINGS = sorted(
    (
        *("izations", "isations", "ization", "isation", "izing", "ising", "ized", "ised", "izes", "ises", "ize", "ise"),
        *("ations", "ation", "ators", "ator", "ating", "ative", "ated", "ates", "ate", "itions", "ition", "itors"),
        *("itor", "iting", "ited", "ites", "ite", "ically", "ical", "ally", "al", "ial", "ic", "ous", "ions", "ion"),
        *("ing", "ings", "ed", "es", "s", "er", "ers", "or", "ors", "ment", "ments", "ities", "ity", "ly", "ive"),
        *("ary", "ory", "ar", "ance", "ence", "ant", "ent", "sis", "ses", "tic", "a", "um", "us"),
    ),
    key=lambda ending: (-len(ending), ending),
)
STEM = 4  # letters that a stem keeps at least


class Span(NamedTuple):
    """Where a name stands: `text[start:end]`, and its key in the lexicon."""

    start: int
    end: int
    key: str


@lru_cache(maxsize=1 << 18)
def plain(word: str) -> str:
    """A word in lower case and singular, Greek letters spelt out."""
    word = word.casefold()
    word = GREEK.get(word.replace("ς", "σ"), word)
    for many, one in PLURALS:
        if word.endswith(many):
            return word[: len(word) - len(many)] + one
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(?:ch|sh|x|ss|z)es$", word):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(SINGULAR):
        return word[:-1]
    return word


@lru_cache(maxsize=1 << 18)
def stem(word: str) -> str:
    """What words derived from one another share: `regulates`, `regulation` and `regulatory` are all `regul`."""
    word = plain(word)
    for _ in range(2):
        for ending in ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= STEM:
                word = word[: -len(ending)]
                break
        else:
            break
    return word.removesuffix("e") if len(word) > STEM else word


LEVELS = {"plain": plain, "stem": stem}


def key_of(text: str, level: str = "plain") -> str:
    """The words of a name as `LEVELS` make them alike, one blank between them."""
    return " ".join(LEVELS[level](word) for word in WORD.findall(text))


def term_names(
    terms: pd.DataFrame, sources: Iterable[str], namespaces: Iterable[str] | None = None
) -> list[tuple[str, str, str]]:
    """Names of the live terms.

    Parameters
    ----------
    terms
        The table of `ontology.read_obo`.
    sources
        Of `SOURCES`. `short` are names and exact synonyms without their generic last word (`apoptotic process`), and
        those that begin with `cell` without that (`cell migration`).
    namespaces
        Whose terms count; None: all.

    Returns
    -------
    list of (name, id, source)
        In the order of the table. The same name may stand there for several terms.
    """
    wanted, found = set(sources), []
    live = terms[~terms["obsolete"].astype(bool)]
    spaces = None if namespaces is None else set(namespaces)
    for row in live.itertuples(index=False):
        if spaces is not None and row.namespace not in spaces:
            continue
        given = [("name", row.name), *((synonym["scope"], synonym["text"]) for synonym in row.synonyms)]
        found += [(text, row.id, source) for source, text in given if source in wanted]
        if "short" in wanted:
            long = [text for source, text in given if source in ("name", "exact")]
            found += [(text, row.id, "short") for text in dict.fromkeys(_shortened(long, row.namespace))]
    return found


def _shortened(names: Sequence[str], namespace: str) -> Iterator[str]:
    for name in names:
        words = name.split()
        if len(words) > 1 and words[-1] in GENERIC.get(namespace, ()):
            yield " ".join(words[:-1])
        if len(words) > 1 and words[0] in ("cell", "cellular"):
            yield " ".join(words[1:])


def orders(key: str) -> list[str]:
    """A key and the same words in the other usual order: `regulation of growth` is `growth regulation`."""
    words = key.split()
    if words.count("of") == 1:
        at = words.index("of")
        head, rest = words[:at], words[at + 1 :]
        if head and rest and not {"in", "by", "to", "from", "via"} & set(words):
            return [key, " ".join(rest + head)]
    return [key]


class Lexicon:
    """Names by key, and where they stand in texts.

    Attributes
    ----------
    level
        Of `LEVELS`: how words are made alike.
    entries
        Key -> concept -> the sources that give it.
    """

    def __init__(self, level: str = "plain"):
        self.level = level
        self.entries: dict[str, dict[str, set[str]]] = defaultdict(dict)
        self._beginnings: set[str] = set()
        self._known: dict[str, str] = {}

    def add(self, name: str, concept: str, source: str, reorder: bool = False, shortest: int = 1) -> None:
        """Add a name, and with `reorder` its words in the other order; shorter keys (in characters) are left out."""
        key = key_of(name, self.level)
        for variant in orders(key) if reorder else [key]:
            if len(variant) >= shortest:
                if variant not in self.entries:
                    words = variant.split()
                    self._beginnings.update(" ".join(words[:n]) for n in range(1, len(words)))
                self.entries[variant].setdefault(concept, set()).add(source)

    def words(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and normal form of each word of a text."""
        make, known, found = LEVELS[self.level], self._known, []
        for match in WORD.finditer(text):
            word = match[0]
            if word not in known:
                known[word] = make(word)
            found.append((match.start(), match.end(), known[word]))
        return found

    def find(self, text: str) -> list[Span]:
        """Every span of a text whose key is in the lexicon, overlapping ones too, in order of start, then end."""
        words, found = self.words(text), []
        for first, (start, end, key) in enumerate(words):
            at = first
            while True:
                if key in self.entries:
                    found.append(Span(start, end, key))
                at += 1
                if key not in self._beginnings or at == len(words):
                    break
                if not BETWEEN.fullmatch(text, end, words[at][0]):
                    break
                end, key = words[at][1], f"{key} {words[at][2]}"
        return found


def longest(spans: Sequence[Span]) -> list[Span]:
    """Spans without overlap: the longest first (in characters, then the first), as a dictionary look-up takes them."""
    taken: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start - one.end, one.start)):
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    return sorted(taken)


def lexicon_of(names: Iterable[tuple[str, str, str]], level: str, shortest: int = 1, reorder: bool = True) -> Lexicon:
    """A lexicon of the names of `term_names`."""
    lexicon = Lexicon(level)
    for name, concept, source in names:
        lexicon.add(name, concept, source, reorder, shortest)
    return lexicon


def spaces_of(terms: pd.DataFrame) -> Mapping[str, str]:
    """Namespace of every term, obsolete ones included."""
    return dict(zip(terms["id"], terms["namespace"], strict=True))
