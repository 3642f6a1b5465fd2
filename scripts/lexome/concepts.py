"""Kind `concept_names`: mentions of ontology terms by their names and by the mentions of training documents."""

import gzip
import json
import logging
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from lexome.conceptcorpora import FIELD, NIL
from lexome.conceptspans import Candidate, Names, as_documents, choose, features
from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.runtime import atomic, read_json, write_json
from lexome.tagging import TagData, Tagged
from lexome.termnames import SOURCES, spaces_of, term_names

log = logging.getLogger(__name__)
COLUMNS = 1 << 20  # of the hashed features
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
# How many sightings in training the share of all names of a source weighs, beside a name's own.
PRIOR = 2.0


class ConceptNames:
    """A lexicon of names and mentions, what training documents tell of them, and a classifier of candidates.

    Parameters
    ----------
    settings
        The model's entry in the config.
    names
        Of `termnames.term_names`.
    spaces
        Category of every concept.
    """

    def __init__(self, settings: Mapping, names: Sequence[tuple[str, str, str]], spaces: Mapping[str, str]):
        self.settings, self.spaces = settings, dict(spaces)
        self._given = list(names)
        self.names = Names(names, settings["stem"], settings["min_characters"])
        self.thresholds: dict[str, float] = {}
        self.trusted: dict[str, float] = {}
        self.weights: np.ndarray | None = None

    def learn(self, documents: Sequence[Document], groups: Sequence[Hashable]) -> None:
        """Take in training documents: their mentions, how often all names occur, and how far each source is trusted."""
        for document in documents:
            for entity in document.entities:
                self.spaces.setdefault(entity.fields.get(FIELD, NIL), entity.category)
        self.names.learn(documents, groups)
        gold = mentions(documents)
        seen, right = Counter(), Counter()
        for one in self.names.candidates(documents, groups):
            for source in one.sources:
                seen[source] += 1
                right[source] += identity(one) in gold
        self.trusted = {source: (right[source] + 0.5) / (n + 1) for source, n in seen.items()}

    def fit(self, documents: Sequence[Document], groups: Sequence[Hashable], valid: Sequence[Document]) -> None:
        """Train the classifier of candidates on documents that `learn` has taken in, each as if its group were new.

        Of the strengths in the settings, the one with the best F1 of concepts on annotated valid documents is kept.
        """
        candidates = self.names.candidates(documents, groups)
        gold = mentions(documents)
        targets = np.array([identity(one) in gold for one in candidates], dtype=bool)
        if not targets.any() or targets.all():
            raise LexomeError(
                "concept_names: in training documents all candidates are mentions, or none is; set `classifier: null`"
            )
        matrix = hashed(features(candidates, documents, self.names, self.spaces, groups))
        judged = self.names.candidates(valid)
        rows = hashed(features(judged, valid, self.names, self.spaces)) if judged else None
        best = None
        for strength in self.settings["classifier"]["C"]:
            self.weights = regression(matrix, targets, strength)
            f1 = self.tune(valid, judged, expit(rows @ self.weights) if judged else np.empty(0))
            log.info("C %g: concept F1 on valid %.4f, thresholds %s", strength, f1, self.thresholds)
            if best is None or f1 > best[0]:
                best = (f1, self.weights, dict(self.thresholds))
        _, self.weights, self.thresholds = best

    def scores(self, candidates: Sequence[Candidate], documents: Sequence[Document]) -> np.ndarray:
        """Chance of each candidate to be a mention of its concept, 0..1, float, shape (n,)."""
        if not candidates:
            return np.empty(0)
        if self.weights is not None:
            return expit(hashed(features(candidates, documents, self.names, self.spaces)) @ self.weights)
        return np.array([self._share(one) for one in candidates])

    def _share(self, one: Candidate) -> float:
        """How often its words were annotated so, drawn to what its sources are worth."""
        if not self.settings["training_mentions"]:
            return 1 - min(order(source) for source in one.sources) / 100
        level = one.key if self.names.occurs.get(one.key) else one.stems
        n, occurs = self.names.share(level, one.concept)
        prior = max((self.trusted.get(source, 0.0) for source in one.sources), default=0.0)
        return (n + PRIOR * prior) / (occurs + PRIOR)

    def category(self, one: Candidate) -> str:
        """Of a candidate's concept; that of most mentions for NIL."""
        return self.spaces[one.concept]

    def tune(self, documents: Sequence[Document], candidates: Sequence[Candidate], scores: np.ndarray) -> float:
        """Choose the threshold of each category by the F1 of concepts on annotated documents; the F1 of all of them."""
        gold = {category: set() for category in set(self.spaces.values())}
        for place, document in enumerate(documents):
            for entity in document.entities:
                named = (place, entity.spans, entity.fields.get(FIELD, NIL))
                gold.setdefault(entity.category, set()).add(named)
        hits = total = 0
        for category, wanted in sorted(gold.items()):
            own = [n for n, one in enumerate(candidates) if self.category(one) == category]
            part, fixed, best = [candidates[n] for n in own], self.settings["threshold"], None
            for threshold in THRESHOLDS if fixed is None else [fixed]:
                chosen = choose(part, scores[own] - threshold, [category] * len(part), self.weights is None)
                right = sum(told(part[n]) in wanted for n in chosen)
                # Where nothing is right, what predicts least is best.
                rank = (2 * right / max(len(chosen) + len(wanted), 1), -len(chosen))
                if best is None or rank > best[0]:
                    best = (rank, float(threshold), right, len(chosen))
            self.thresholds[category] = best[1]
            hits, total = hits + best[2], total + best[3] + len(wanted)
        return 2 * hits / max(total, 1)

    def tag(self, documents: Sequence[Document]) -> list[Document]:
        """Documents with the mentions that the model finds."""
        bare = [document.bare() for document in documents]
        candidates = self.names.candidates(bare)
        categories = [self.category(one) for one in candidates]
        scores = self.scores(candidates, bare)
        above = scores - np.array([self.thresholds.get(category, 0.5) for category in categories])
        chosen = choose(candidates, above, categories, self.weights is None)
        return as_documents(bare, ((candidates[n], categories[n], scores[n]) for n in chosen))

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder, which needs nothing else to be loaded."""
        from safetensors.numpy import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        counts = {
            "names": self._given,
            "spaces": self.spaces,
            "marked": {
                key: {concept: count.total() for concept, count in found.items()}
                for key, found in self.names.marked.items()
            },
            "occurs": {key: count.total() for key, count in self.names.occurs.items()},
            "mentions": self.names.mentions,
        }
        with gzip.open(folder / "names.json.gz", "wt", encoding="utf-8", compresslevel=6) as file:
            json.dump(counts, file, ensure_ascii=False)
        if self.weights is not None:
            columns = np.flatnonzero(self.weights)
            save_file({"columns": columns, "weights": self.weights[columns]}, folder / "model.safetensors")
        about = {"model": dict(self.settings), "thresholds": self.thresholds, "trusted": self.trusted}
        write_json(folder / "config.json", about)


def load_names(folder: str | Path) -> ConceptNames:
    """The model of `ConceptNames.save`."""
    from safetensors.numpy import load_file

    folder = Path(folder)
    about = read_json(folder / "config.json")
    with gzip.open(folder / "names.json.gz", "rt", encoding="utf-8") as file:
        counts = json.load(file)
    model = ConceptNames(about["model"], [tuple(name) for name in counts["names"]], counts["spaces"])
    model.thresholds, model.trusted = about["thresholds"], about["trusted"]
    model.names.restore(counts["marked"], counts["occurs"], counts["mentions"])
    if (folder / "model.safetensors").exists():
        arrays = load_file(folder / "model.safetensors")
        model.weights = np.zeros(COLUMNS, dtype=np.float32)
        model.weights[arrays["columns"]] = arrays["weights"]
    return model


def concept_names(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Names of terms in texts: looked up, or judged by what training documents say of them and of the words around.

    Parameters
    ----------
    settings
        `scopes` (names that are looked up, of `termnames.SOURCES`), `stem` (whether other endings are alike),
        `min_characters` of a name, `training_mentions` (whether training documents teach anything), `classifier` (`C`:
        strengths among which valid chooses; or None), `threshold` (chance that a mention needs; None: chosen on valid,
        for each category).
    seed
        Not used: nothing is drawn.
    """
    model = train_names(data, settings)
    with atomic(folder) as temporary:
        model.save(temporary)
    size = int(np.count_nonzero(model.weights)) if model.weights is not None else 0
    cost = {"parameters": size, "trained_parameters": size, "device": "cpu"}
    return Tagged(model.tag(data.valid.documents), model.tag(data.test.documents), [], cost)


def train_names(data: TagData, settings: Mapping) -> ConceptNames:
    """A trained model of the kind."""
    terms = pd.read_parquet(data.ontology)
    spaces = spaces_of(terms)
    found = term_names(terms, settings["scopes"], data.categories)
    model = ConceptNames(settings, found, {concept: spaces[concept] for _, concept, _ in found})
    train, groups = data.train.documents, data.train.groups or [one.id for one in data.train.documents]
    if settings["training_mentions"]:
        model.learn(train, groups)
    valid = data.valid.documents
    if settings["classifier"]:
        model.fit(train, groups, valid)
    else:
        candidates = model.names.candidates(valid)
        f1 = model.tune(valid, candidates, model.scores(candidates, valid))
        log.info("concept F1 on valid %.4f, thresholds %s", f1, model.thresholds)
    return model


def mentions(documents: Sequence[Document]) -> set[tuple[int, int, int, str]]:
    """Place of the document, start, end and concept of all annotated entities without gaps."""
    return {
        (place, *entity.spans[0], entity.fields.get(FIELD, NIL))
        for place, document in enumerate(documents)
        for entity in document.entities
        if len(entity.spans) == 1
    }


def told(one: Candidate) -> tuple[int, tuple[tuple[int, int]], str]:
    """Place of the document, spans and concept of a candidate."""
    return one.document, ((one.start, one.end),), one.concept


def identity(one: Candidate) -> tuple[int, int, int, str]:
    """A candidate as `mentions` tells mentions."""
    return one.document, one.start, one.end, one.concept


def order(source: str) -> int:
    """Rank of a source: names before synonyms, whole words before stems, mentions first."""
    if source.endswith("mention"):
        return int(source.startswith("~"))
    return 2 + SOURCES.index(source.removeprefix("~")) + len(SOURCES) * source.startswith("~")


def hashed(rows: Sequence[Mapping[str, float]]):
    """Features as a sparse matrix, shape (n, `COLUMNS`)."""
    from sklearn.feature_extraction import FeatureHasher

    return FeatureHasher(COLUMNS, alternate_sign=False, dtype=np.float32).transform(rows)


def regression(matrix, targets: np.ndarray, strength: float) -> np.ndarray:
    """Weights of a logistic regression on features that hold a constant, float32, shape (`COLUMNS`,)."""
    from sklearn.linear_model import LogisticRegression

    # The constant is a feature, so that weights alone make the model.
    model = LogisticRegression(C=strength, solver="liblinear", fit_intercept=False, max_iter=200)
    return model.fit(matrix, targets).coef_[0].astype(np.float32)
