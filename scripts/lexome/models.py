"""The kinds of models that a study can name: each trains on a `RunData` and scores its valid and test examples."""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.errors import LexomeError
from lexome.runs import Part, RunData
from lexome.runtime import atomic, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a model leaves.

    Attributes
    ----------
    valid, test
        Probabilities, each (n, n_labels); rows sum to 1 where the task is `multi_class`.
    history
        Records of the training, see `training.fit`; empty for models that do not train by epochs.
    cost
        `parameters`: how many numbers the model holds, `trained_parameters`: how many of them were trained here; if it
        was not the CPU, `device`: the type of the device that it trained on (`cuda`, `mps`); of models that read texts
        themselves, `cut`: the share of the examples of which they read the beginning only.
    checkpoints
        A folder to remove once all of this is on disk, or None: until then a killed run goes on from it.
    """

    valid: np.ndarray
    test: np.ndarray
    history: list[dict]
    cost: dict
    checkpoints: Path | None = None


def _save_settings(folder: str | Path, settings: Mapping, values: Mapping) -> None:
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        write_json(temporary / "config.json", {"model": dict(settings), **values})


def _cost(parameters: int, trained: int | None = None) -> dict:
    return {"parameters": parameters, "trained_parameters": parameters if trained is None else trained}


def _draw_class(rng: np.random.Generator, n: int, share: np.ndarray) -> np.ndarray:
    """One class an example, drawn by its share: uint8 (n, n_labels) with a single 1 in each row."""
    return np.eye(len(share), dtype=np.uint8)[rng.choice(len(share), size=n, p=share / share.sum())]


def coin_flip(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label is 0 or 1 with equal chance, each class is drawn with the same chance (a published baseline)."""
    rng = np.random.default_rng(seed)
    sizes, n_labels = [len(part.ids) for part in (data.valid, data.test)], len(data.labels)
    if data.task == "multi_class":
        valid, test = (_draw_class(rng, n, np.ones(n_labels)) for n in sizes)
    else:
        valid, test = (rng.integers(0, 2, (n, n_labels)) for n in sizes)
    _save_settings(folder, settings, {})
    return Trained(valid, test, [], _cost(0))


def _shares(part: Part) -> np.ndarray:
    """Share of the examples with each label among those of which it is known, shape (n_labels,); 0 where of none."""
    if part.known is None:
        return part.targets.mean(axis=0)
    return part.targets.sum(axis=0) / np.maximum(part.known.sum(axis=0), 1)


def _refuse_unknown(data: RunData, settings: Mapping) -> None:
    if any(part.known is not None for part in (data.train, data.valid)):
        raise LexomeError(
            f"a model of kind {settings['kind']} would take unknown labels for absent ones; give it a study whose "
            "examples have no column `measured`, for example one of a single label"
        )


def proportional(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label, or each class, is drawn with its share among the training examples (a published baseline)."""
    rng = np.random.default_rng(seed)
    share = _shares(data.train)
    sizes = [len(part.ids) for part in (data.valid, data.test)]
    if data.task == "multi_class":
        valid, test = (_draw_class(rng, n, share) for n in sizes)
    else:
        valid, test = ((rng.random((n, len(share))) < share) for n in sizes)
    _save_settings(folder, settings, {"share": share.tolist()})
    return Trained(valid, test, [], _cost(len(share)))


def frequency(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label scores its share among the training examples, whatever the example (CAFA's naive method).

    Where examples have one class each, it always predicts the majority.
    """
    share = _shares(data.train)
    valid, test = (np.tile(share, (len(p.ids), 1)) for p in (data.valid, data.test))
    _save_settings(folder, settings, {"share": share.tolist()})
    return Trained(valid, test, [], _cost(len(share)))


def _label_figures(targets: np.ndarray, probabilities: np.ndarray, known: np.ndarray | None = None) -> dict[str, float]:
    from lexome.metrics import mean_defined, ranking_metrics, sides

    if known is None or known.all():
        areas = ranking_metrics(targets, probabilities, axis=0)
    else:
        columns = [(known[:, at], slice(at, at + 1)) for at in range(targets.shape[1])]
        each = [ranking_metrics(targets[rows, at], probabilities[rows, at], axis=0) for rows, at in columns]
        areas = [np.concatenate(values) for values in zip(*each, strict=True)]
    figures = {f"label_{name}": mean_defined(values)[0] for name, values in zip(("auprc", "auroc"), areas, strict=True)}
    if "example" in sides(targets.shape, known, "example", "label"):
        figures["example_auprc"] = mean_defined(ranking_metrics(targets, probabilities, axis=1)[0])[0]
    return figures


def _class_figures(targets: np.ndarray, probabilities: np.ndarray, known: np.ndarray | None = None) -> dict[str, float]:
    from lexome.multiclass import multi_class_metrics

    figures = multi_class_metrics(targets, probabilities)
    return {name: figures[name][0] for name in ("accuracy", "macro_f1")}


# What a training by epochs records of valid (with the prefix `valid_`), and so what its `monitor` may be.
FIGURES: dict[str, Callable[..., dict[str, float]]] = {
    "multi_label": _label_figures,
    "multi_class": _class_figures,
}


# What chooses among settings on valid, one of these figures, by task.
CHOOSES = {"multi_label": "label_auprc", "multi_class": "accuracy"}


def score_valid(data: RunData) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """The figures of a study's valid examples, of (targets, probabilities), where the targets are known."""
    return functools.partial(FIGURES[data.task], known=data.valid.known)


def head(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """A linear or perceptron head on frozen embeddings."""
    import torch

    from lexome.devices import find_device, set_seed
    from lexome.heads import Head, save_head
    from lexome.training import OBJECTIVES, fit, predict

    set_seed(seed)
    device, objective = find_device(gpus), OBJECTIVES[data.task]
    network = Head(
        data.train.features.shape[1],
        len(data.labels),
        settings["hidden"],
        settings["dropout"],
        settings.get("activation", "gelu"),
    )
    network.standardise.fit(torch.from_numpy(data.train.features))
    history = fit(
        network,
        (data.train.features, data.train.targets),
        (data.valid.features, data.valid.targets),
        settings["training"],
        seed,
        device,
        score_valid(data),
        objective,
        report=lambda record: log.info("%s", record),
        known=(data.train.known, data.valid.known),
    )
    parts = (torch.from_numpy(part.features).to(device) for part in (data.valid, data.test))
    valid, test = (predict(network, features, objective) for features in parts)
    source = {name: settings.get(name) for name in ("backbone", "layers", "pooling")}
    save_head(network.cpu(), folder, [label["id"] for label in data.labels], source)
    cost = _cost(sum(weights.numel() for weights in network.parameters()))
    return Trained(valid, test, history, cost | {"device": device.type})


def tfidf(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Logistic regression on the words of a text; see `lexome.textmodels`."""
    from lexome import textmodels

    _refuse_unknown(data, settings)
    return textmodels.tfidf(data, settings, seed, folder, gpus)


def fine_tune(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """A pretrained backbone trained on; see `lexome.finetuning`."""
    from lexome import finetuning

    _refuse_unknown(data, settings)
    return finetuning.fine_tune(data, settings, seed, folder, gpus)


def composition(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Logistic regression on the shares of single nucleotides; see `lexome.dnamodels`."""
    from lexome import dnamodels

    return dnamodels.composition(data, settings, seed, folder, gpus)


def kmer(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Logistic regression on the shares of k-mers of DNA; see `lexome.dnamodels`."""
    from lexome import dnamodels

    return dnamodels.kmer(data, settings, seed, folder, gpus)


def pwm(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """The best match of a known motif in DNA; see `lexome.dnamodels`."""
    from lexome import dnamodels

    return dnamodels.pwm(data, settings, seed, folder, gpus)


def network(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """A convolutional network on one-hot DNA; see `lexome.dnanetworks`."""
    from lexome import dnanetworks

    return dnanetworks.network(data, settings, seed, folder, gpus)


def sequence_search(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Labels carried over from the training sequences that a search finds; see `lexome.transfer`."""
    from lexome import transfer

    _refuse_unknown(data, settings)
    return transfer.sequence_search(data, settings, seed, folder, gpus)


def knn(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Labels carried over from the nearest training vectors; see `lexome.transfer`."""
    from lexome import transfer

    _refuse_unknown(data, settings)
    return transfer.knn(data, settings, seed, folder, gpus)


def ensemble(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """The weighted mean of other models' probabilities; see `lexome.ensemble`."""
    from lexome import ensemble as ensembles

    return ensembles.ensemble(data, settings, seed, folder, gpus)


KINDS: dict[str, Callable[[RunData, Mapping, int, str | Path, int], Trained]] = {
    "coin_flip": coin_flip,
    "proportional": proportional,
    "frequency": frequency,
    "head": head,
    "tfidf": tfidf,
    "fine_tune": fine_tune,
    "composition": composition,
    "kmer": kmer,
    "pwm": pwm,
    "network": network,
    "sequence_search": sequence_search,
    "knn": knn,
    "ensemble": ensemble,
}
