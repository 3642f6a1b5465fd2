"""Entities by the words around: logistic regression on windows of words, or a chain of labels over them."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from lexome.documents import Document
from lexome.fieldwords import FieldNamer, feature_columns, feature_matrix, fit_fields, load_fields
from lexome.runtime import atomic, read_json, write_json
from lexome.tagbaselines import several, strict_f1
from lexome.tagging import TagData, Tagged
from lexome.wordfeatures import chains, token_features
from lexome.wordtokens import entities_of, iob_labels, word_tokens

log = logging.getLogger(__name__)

MIN_COUNT = 2  # a feature that one token of the training documents has says nothing about others
Labelled = tuple[list[str], list[float]]  # labels of the tokens of a chain, and how sure they are


@dataclass(frozen=True)
class Words:
    """A document as the models read it.

    Attributes
    ----------
    tokens
        Places of its tokens.
    rows
        Their features, by sentence.
    labels
        IOB2 labels by sentence; what the document says, if it has entities.
    """

    tokens: list[tuple[int, int]]
    rows: list[list[list[str]]]
    labels: list[list[str]]


def read(document: Document) -> Words:
    """Tokens, features and labels of a document."""
    parts, tokens = chains(document.text), word_tokens(document.text)
    labels, cut = iob_labels(tokens, document.entities), []
    at = 0
    for part in parts:
        cut.append(labels[at : at + len(part.tokens)])
        at += len(part.tokens)
    return Words(tokens, [token_features(document.text, part) for part in parts], cut)


def tag_with(label: Callable[[list[list[str]]], Labelled], name: FieldNamer | None) -> Callable:
    """A function that tags documents: `label` says the labels of a sentence, `name` the fields of the entities."""

    def tag(documents: Sequence[Document], read_before: Sequence[Words] | None = None) -> list[Document]:
        found = []
        for document, words in zip(documents, read_before or map(read, documents), strict=True):
            labels, scores = [], []
            for rows in words.rows:
                said, sure = label(rows)
                labels += said
                scores += sure
            tagged = replace(document, entities=entities_of(words.tokens, labels, scores), links=())
            found.append(name(tagged) if name else tagged)
        return found

    return tag


def fit_chain(parts: Sequence[Words], settings: Mapping, path: Path) -> None:
    """Train a linear-chain conditional random field (Lafferty et al. 2001) with crfsuite; `path` becomes its file."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer("lbfgs", verbose=False)
    for words in parts:
        for rows, labels in zip(words.rows, words.labels, strict=True):
            trainer.append(rows, labels)
    trainer.set_params({"c1": settings["c1"], "c2": settings["c2"], "max_iterations": settings["max_iter"]})
    trainer.train(str(path))


def open_chain(path: Path) -> Callable[[list[list[str]]], Labelled]:
    """A trained chain: the most likely labels of a sentence, and the marginal chance of each."""
    import pycrfsuite

    tagger = pycrfsuite.Tagger()
    tagger.open(str(path))

    def label(rows: list[list[str]]) -> Labelled:
        tagger.set(rows)
        labels = tagger.tag()
        return labels, [tagger.marginal(said, at) for at, said in enumerate(labels)]

    return label


def fit_regression(parts: Sequence[Words], settings: Mapping, path: Path) -> None:
    """Train a multinomial logistic regression on single tokens; `path` becomes a folder."""
    from lexome.textmodels import fit_classes

    rows = [row for words in parts for sentence in words.rows for row in sentence]
    labels = [label for words in parts for sentence in words.labels for label in sentence]
    columns = feature_columns(rows, MIN_COUNT)
    classes = sorted(set(labels))
    number = {label: at for at, label in enumerate(classes)}
    weights, intercepts = fit_classes(
        feature_matrix(rows, columns), np.array([number[label] for label in labels]), len(classes), settings
    )
    path.mkdir()
    save_file({"weights": weights, "intercepts": intercepts}, path / "model.safetensors")
    write_json(path / "vocabulary.json", {"features": list(columns), "classes": classes})


def open_regression(path: Path) -> Callable[[list[list[str]]], Labelled]:
    """A trained regression: the most likely label of each token, and its chance."""
    told, arrays = read_json(path / "vocabulary.json"), load_file(path / "model.safetensors")
    columns = {feature: at for at, feature in enumerate(told["features"])}

    def label(rows: list[list[str]]) -> Labelled:
        logits = feature_matrix(rows, columns) @ arrays["weights"].T + arrays["intercepts"]
        chances = softmax(logits, axis=1)
        return [told["classes"][at] for at in chances.argmax(axis=1)], chances.max(axis=1).tolist()

    return label


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _chain_size(path: Path) -> int:
    import pycrfsuite

    tagger = pycrfsuite.Tagger()
    tagger.open(str(path))
    told = tagger.info()
    return len(told.state_features) + len(told.transitions)


def _regression_size(path: Path) -> int:
    return sum(array.size for array in load_file(path / "model.safetensors").values())


# By `chain`: what trains, opens and measures a model, and the name of its file or folder.
FORMS = {
    True: (fit_chain, open_chain, _chain_size, "model.crfsuite"),
    False: (fit_regression, open_regression, _regression_size, "regression"),
}


def _grid(settings: Mapping) -> list[dict]:
    if settings["chain"]:
        return [{"c1": c1, "c2": c2} for c1 in several(settings["c1"]) for c2 in several(settings["c2"])]
    return [{"C": C} for C in several(settings["C"])]


def words(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Label each token by itself and its neighbours, and name the fields of the entities that result.

    Parameters
    ----------
    settings
        `chain`: whether the labels of a sentence are a chain (a conditional random field) or decided one by one; then
        `c1` and `c2` (strengths of its L1 and L2 penalties) or `C` (inverse strength of the L2 penalty), of several
        values valid chooses by strict F1; `max_iter`.
    seed
        Not used: the fits draw no random numbers.
    """
    fit, load, measure, name = FORMS[settings["chain"]]
    train, valid = ([read(document) for document in part.documents] for part in (data.train, data.valid))
    trials, history = _grid(settings), []
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        for number, trial in enumerate(trials):
            fit(train, {**settings, **trial}, temporary / f"trial{number}")
            tag = tag_with(load(temporary / f"trial{number}"), None)
            score = strict_f1(data.valid.documents, tag(data.valid.documents, valid))
            history.append({**trial, "valid_entity_f1": score})
            log.info("%s", history[-1])
        best = max(range(len(trials)), key=lambda at: history[at]["valid_entity_f1"])
        for number in range(len(trials)):
            if number == best:
                (temporary / f"trial{number}").rename(temporary / name)
            else:
                _remove(temporary / f"trial{number}")
        fields = fit_fields(data.train.documents, data.fields)
        fields.save(temporary / "fields")
        write_json(temporary / "config.json", {"model": dict(settings), "trials": history, "chosen": trials[best]})
    tag = load_words(folder)
    size = measure(Path(folder) / name) + fields.size
    cost = {"parameters": size, "trained_parameters": size}
    return Tagged(tag(data.valid.documents, valid), tag(data.test.documents), [], cost)


def load_words(folder: str | Path) -> Callable[[Sequence[Document]], list[Document]]:
    """A saved model as a function that tags documents."""
    folder = Path(folder)
    _, load, _, name = FORMS[read_json(folder / "config.json")["model"]["chain"]]
    return tag_with(load(folder / name), load_fields(folder / "fields"))
