"""Links by a classifier of pairs: where two entities stand, what stands between them, and what else could be meant.

Measured on 4 folds of the functional genomics corpus, over all pairs of the annotated entities in its 175 linked
documents: nearest of each category F1 .711, this kind with trees .863 (means of four tests). Beforehand, scored out
of fold at the threshold that was best there, which flatters: logistic regression .828, boosted trees .851, extremely
randomised trees .866; a second stage that read the first one's scores of the pairs with the same members did not help
(.868 at most), so that pairs are decided one by one.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from lexome.documents import Document, Link, linked_pairs
from lexome.errors import LexomeError
from lexome.linkbaselines import Linker, link_parts
from lexome.linkpairs import Pair, PairFeatures, lay_out, near_pairs, with_links
from lexome.runtime import atomic, read_json, write_json
from lexome.tagbaselines import several
from lexome.tagging import TagData, Tagged, TagPart
from lexome.trees import flatten, probabilities

log = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]
THRESHOLDS = np.arange(5, 96) / 100
N_TREES = 100
FOLDS = 4  # of the training documents, for the threshold
COPIES = 2  # of each training document with entities left out


def fit_logistic(features: np.ndarray, linked: np.ndarray, seed: int) -> Arrays:
    """Logistic regression on standardised features; `weights` and `intercept` are of the features as they are."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=0.05, max_iter=500).fit((features - mean) / spread, linked)
    weights = model.coef_[0] / spread
    return {"weights": weights, "intercept": model.intercept_ - (weights * mean).sum()}


def fit_trees(features: np.ndarray, linked: np.ndarray, seed: int) -> Arrays:
    """Extremely randomised trees (Geurts et al. 2006, Machine Learning), as `trees.flatten` gives them."""
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(N_TREES, max_features=0.3, min_samples_leaf=2, random_state=seed)
    return flatten(forest.fit(features, linked))


LEARNERS: dict[str, Callable[[np.ndarray, np.ndarray, int], Arrays]] = {"logistic": fit_logistic, "trees": fit_trees}


def _chances(arrays: Arrays, features: np.ndarray) -> np.ndarray:
    if not len(features):
        return np.empty(0)
    if "weights" in arrays:
        return expit(features @ arrays["weights"] + arrays["intercept"])
    return probabilities(arrays, features)


def _candidates(document: Document, describe: PairFeatures, reach: int) -> tuple[list[Pair], np.ndarray]:
    layout = lay_out(document)
    pairs = near_pairs(document, layout, reach)
    return pairs, describe(document, layout, pairs)


def _known(documents: Sequence[Document], part: TagPart) -> list[Document]:
    return [document for document, known in zip(documents, part.links_known, strict=True) if known]


@dataclass(frozen=True)
class Examples:
    """Pairs to learn from, or to be judged on.

    Attributes
    ----------
    features
        float32, shape (n_pairs, n_features).
    linked
        int, shape (n_pairs,): 1 where the pair is linked.
    documents
        Number of each pair's document, int, same shape.
    total
        How many pairs of the documents are linked, also if they are not among the candidates.
    """

    features: np.ndarray
    linked: np.ndarray
    documents: np.ndarray
    total: int


def _examples(
    documents: Sequence[Document], describe: PairFeatures, reach: int, truth: Sequence[Document] | None = None
) -> Examples:
    """Candidate pairs of documents; with `truth` those of entities that a tagger found, which have to be right too."""
    rows, linked, numbers, total = [], [], [], 0
    for number, document in enumerate(documents):
        true = _linked(document if truth is None else truth[number])
        pairs, features = _candidates(document, describe, reach)
        total += len(true)
        if pairs:
            rows.append(features)
            places = [(entity.category, entity.spans) for entity in document.entities]
            linked += [frozenset((places[one], places[other])) in true for one, other in pairs]
            numbers += [number] * len(pairs)
    features = np.concatenate(rows) if rows else np.empty((0, 0), dtype=np.float32)
    return Examples(features, np.array(linked, dtype=int), np.array(numbers, dtype=int), total)


def _linked(document: Document) -> set[frozenset]:
    """Linked pairs, each entity as its category and spans."""
    places = {entity.id: (entity.category, entity.spans) for entity in document.entities}
    return {frozenset(places[name] for name in pair) for pair in linked_pairs(document)}


def leave_out(document: Document, share: float, rng: np.random.Generator) -> Document:
    """The document without about so many of its entities, and without their links."""
    kept = [entity for entity in document.entities if rng.random() >= share]
    names = {entity.id for entity in kept}
    pairs = sorted(tuple(sorted(pair)) for pair in linked_pairs(document) if pair <= names)
    links = tuple(Link(f"L{number}", pair) for number, pair in enumerate(pairs))
    return replace(document, entities=tuple(kept), links=links)


def unseen_chances(learner: str, examples: Examples, seed: int) -> np.ndarray:
    """Chances of the training pairs, each from a classifier that did not see its document; .5 where there is none."""
    chances = np.full(len(examples.linked), 0.5)
    for fold in range(FOLDS):
        held = examples.documents % FOLDS == fold
        if held.any() and len(set(examples.linked[~held].tolist())) == 2:
            arrays = LEARNERS[learner](examples.features[~held], examples.linked[~held], seed)
            chances[held] = _chances(arrays, examples.features[held])
    return chances


def best_threshold(chances: np.ndarray, linked: np.ndarray, total: int) -> tuple[float, float]:
    """The threshold with the highest F1, and that F1; of equally good ones the middle one. Without a link: .5 and 0."""
    if not total:
        return 0.5, 0.0
    said = chances[:, None] >= THRESHOLDS
    scores = 2 * (said & (linked[:, None] == 1)).sum(axis=0) / (said.sum(axis=0) + total)
    good = np.flatnonzero(scores == scores.max())
    return float(THRESHOLDS[good[len(good) // 2]]), float(scores.max())


def link_features(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Train on the pairs of the annotated entities in documents that were annotated for links.

    The threshold is the best one for the pairs of valid and those of the training documents, of which each is scored by
    a classifier that did not see it: the few documents of valid alone leave it to chance.

    Behind a tagger a second classifier decides. Besides the training documents it learns from copies without as many of
    their entities as the tagger misses on valid, and its threshold is the best one for the links that come out there.

    Parameters
    ----------
    settings
        `learner`: logistic or trees, of several the same pairs choose; `reach`: sentences between the members of a
        pair, at most.

    Raises
    ------
    LexomeError
        If the training documents have no linked pair, or none that is not linked.
    """
    describe = PairFeatures(
        data.categories,
        [(name, value) for name, field in sorted(data.fields.items()) for value in field["values"]],
    )
    reach, teachers = settings["reach"], _known(data.train.documents, data.train)
    train = _examples(teachers, describe, reach)
    if len(set(train.linked.tolist())) < 2:
        raise LexomeError(
            f"a model of kind {settings['kind']} learns from linked and unlinked pairs of entities; the training "
            "documents do not have both; give it documents that are annotated for links"
        )
    judges = _known(data.valid.documents, data.valid)
    valid = _examples(judges, describe, reach)
    linked, total = np.concatenate([train.linked, valid.linked]), train.total + valid.total
    trials, fitted = [], {}
    for learner in several(settings["learner"]):
        fitted[learner] = LEARNERS[learner](train.features, train.linked, seed)
        chances = [unseen_chances(learner, train, seed), _chances(fitted[learner], valid.features)]
        threshold, score = best_threshold(np.concatenate(chances), linked, total)
        trials.append({"learner": learner, "threshold": threshold, "link_f1": score})
        log.info("%s", trials[-1])
    chosen = max(trials, key=lambda trial: trial["link_f1"])
    arrays = {f"given.{name}": array for name, array in fitted[chosen["learner"]].items()}
    thresholds = {"given": chosen["threshold"]}
    if data.valid.tagged:
        share = 1 - _found_share(data.valid)
        rng = np.random.default_rng(seed)
        copies = [leave_out(document, share, rng) for _ in range(COPIES) for document in teachers]
        noisy = _examples([*teachers, *copies], describe, reach)
        own = LEARNERS[chosen["learner"]](noisy.features, noisy.linked, seed)
        found = _examples(_known(data.valid.tagged, data.valid), describe, reach, judges)
        thresholds["found"], score = best_threshold(_chances(own, found.features), found.linked, found.total)
        arrays |= {f"found.{name}": array for name, array in own.items()}
        log.info("behind the tagger, with %.2f of the entities left out: F1 %.3f", share, score)
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary / "model.safetensors"
        )
        told = {"model": dict(settings), "thresholds": thresholds, "trials": trials, "chosen": chosen["learner"]}
        write_json(temporary / "config.json", told | {"categories": describe.categories, "values": describe.values})
    size = sum(array.size for array in arrays.values())
    return link_parts(data, load_features(folder), {"parameters": size, "trained_parameters": size})


def _found_share(part: TagPart) -> float:
    """Share of the entities that the tagger found."""
    sides = zip(part.documents, part.tagged, strict=True)
    right = sum(
        len({(one.category, one.spans) for one in true.entities} & {(one.category, one.spans) for one in said.entities})
        for true, said in sides
    )
    return right / max(sum(len(document.entities) for document in part.documents), 1)


def load_features(folder: str | Path) -> Linker:
    """A saved classifier as a function that links documents; the score of a link is its chance."""
    told = read_json(Path(folder) / "config.json")
    arrays: dict[str, Arrays] = {name: {} for name in told["thresholds"]}
    for name, array in load_file(Path(folder) / "model.safetensors").items():
        of, _, key = name.partition(".")
        arrays[of][key] = array
    describe = PairFeatures(told["categories"], told["values"])

    def link(documents: Sequence[Document]) -> list[Document]:
        linked = []
        for document in documents:
            predicted = any(entity.score is not None for entity in document.entities)
            of = "found" if predicted and "found" in arrays else "given"
            pairs, features = _candidates(document, describe, told["model"]["reach"])
            chances = _chances(arrays[of], features)
            kept = [at for at, chance in enumerate(chances) if chance >= told["thresholds"][of]]
            linked.append(with_links(document, [pairs[at] for at in kept], [chances[at] for at in kept]))
        return linked

    return link
