"""Text models without a network: TF-IDF of words and logistic regression."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from lexome.models import Trained
from lexome.runs import RunData
from lexome.runtime import atomic, read_json, write_json
from lexome.texts import first_words

log = logging.getLogger(__name__)

# A logit that float32 probabilities show as 0 or 1: of a label that no, or every, training example bears.
CERTAIN = 30.0


def openings(texts: Sequence[str], words: int | None) -> list[str]:
    """What is read of each text: its first words, or (None) all of it."""
    return list(texts) if words is None else [first_words(text, words) for text in texts]


def vectoriser(settings: Mapping, vocabulary: Mapping[str, int] | None = None) -> TfidfVectorizer:
    """TF-IDF of word n-grams in lower case, sublinear in counts; words of one letter or digit count too.

    Parameters
    ----------
    settings
        `ngrams` (shortest and longest, in words) and `min_df` (training texts that an n-gram has to be in).
    vocabulary
        Columns by n-gram, of a fitted vectoriser.
    """
    return TfidfVectorizer(
        ngram_range=tuple(settings["ngrams"]),
        min_df=settings["min_df"] if vocabulary is None else 1,
        vocabulary=vocabulary,
        token_pattern=r"(?u)\b\w+\b",
        sublinear_tf=True,
        dtype=np.float32,
    )


def _regression(features, classes: np.ndarray, settings: Mapping) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=settings["C"], max_iter=settings["max_iter"]).fit(features, classes)
    if model.n_iter_.max() >= settings["max_iter"]:
        log.warning("logistic regression stopped after %d iterations; raise max_iter", settings["max_iter"])
    return model


def fit_classes(features, classes: np.ndarray, n_classes: int, settings: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression.

    Parameters
    ----------
    features
        Sparse, shape (n, n_features).
    classes
        int, shape (n,). A class without examples gets no chance.

    Returns
    -------
    weights : numpy.ndarray
        float32, shape (n_classes, n_features): with the intercepts, logits whose softmax are the probabilities.
    intercepts : numpy.ndarray
        float32, shape (n_classes,).
    """
    weights = np.zeros((n_classes, features.shape[1]), dtype=np.float32)
    intercepts = np.full(n_classes, -CERTAIN, dtype=np.float32)
    present = np.unique(classes)
    intercepts[present] = 0
    if len(present) > 1:
        model = _regression(features, classes, settings)
        # With two classes scikit-learn fits the log odds of the second one.
        fitted = model.classes_ if len(present) > 2 else model.classes_[1:]
        weights[fitted], intercepts[fitted] = model.coef_, model.intercept_
    return weights, intercepts


def fit_labels(
    features, targets: np.ndarray, settings: Mapping, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A logistic regression of its own for each label, on the examples of which the label is known.

    Parameters
    ----------
    features
        Shape (n, n_features), sparse or not.
    targets
        0/1, shape (n, n_labels).
    settings
        `C` and `max_iter`.
    known
        bool, same shape; None: everywhere.

    Returns
    -------
    As `fit_classes`, for the logistic function.
    """
    weights = np.zeros((targets.shape[1], features.shape[1]), dtype=np.float32)
    intercepts = np.zeros(targets.shape[1], dtype=np.float32)
    for label in range(targets.shape[1]):
        rows = np.ones(len(targets), dtype=bool) if known is None else known[:, label]
        column = targets[rows, label]
        if column.min(initial=1) >= column.max(initial=0):
            intercepts[label] = CERTAIN if column.any() else -CERTAIN
        else:
            model = _regression(features if rows.all() else features[rows], column, settings)
            weights[label], intercepts[label] = model.coef_[0], model.intercept_[0]
    return weights, intercepts


def load_tfidf(folder: str | Path) -> Callable[[Sequence[str]], np.ndarray]:
    """A saved model as a function from texts to probabilities, float32, shape (n, n_labels)."""
    config = read_json(Path(folder) / "config.json")
    settings = config["model"]
    arrays = load_file(Path(folder) / "model.safetensors")
    terms = read_json(Path(folder) / "vocabulary.json")
    vectors = vectoriser(settings, {term: column for column, term in enumerate(terms)})
    vectors.idf_ = arrays["idf"]
    probability = {"multi_class": lambda logits: softmax(logits, axis=1), "multi_label": expit}[config["task"]]

    def scores(texts: Sequence[str]) -> np.ndarray:
        features = vectors.transform(openings(texts, settings["first_words"]))
        return probability(features @ arrays["weights"].T + arrays["intercepts"])

    return scores


def tfidf(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """TF-IDF of words and logistic regression: what the words alone tell, in no order.

    Parameters
    ----------
    settings
        `first_words` (only that many words of each text are read, or None), `ngrams`, `min_df`, `C` (inverse strength
        of the L2 penalty) and `max_iter`.
    seed
        Not used: the fit draws no random numbers.
    """
    vectors = vectoriser(settings)
    features = vectors.fit_transform(openings(data.train.texts, settings["first_words"]))
    if data.task == "multi_class":
        weights, intercepts = fit_classes(features, data.train.targets.argmax(axis=1), len(data.labels), settings)
    else:
        weights, intercepts = fit_labels(features, data.train.targets, settings)
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        arrays = {"idf": vectors.idf_.astype(np.float32), "weights": weights, "intercepts": intercepts}
        save_file(arrays, temporary / "model.safetensors")
        write_json(temporary / "vocabulary.json", vectors.get_feature_names_out().tolist())
        labels = [label["id"] for label in data.labels]
        write_json(temporary / "config.json", {"model": dict(settings), "task": data.task, "labels": labels})
    scores = load_tfidf(folder)
    size = weights.size + intercepts.size
    texts = [text for part in (data.train, data.valid, data.test) for text in part.texts]
    cut = sum(read != text for read, text in zip(openings(texts, settings["first_words"]), texts, strict=True))
    cost = {"parameters": size, "trained_parameters": size, "cut": cut / len(texts)}
    return Trained(scores(data.valid.texts), scores(data.test.texts), [], cost)
