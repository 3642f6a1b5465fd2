"""The kinds of models that a study can name: each trains on a `RunData` and scores its valid and test examples."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.runs import RunData
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


def proportional(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label, or each class, is drawn with its share among the training examples (a published baseline)."""
    rng = np.random.default_rng(seed)
    share = data.train.targets.mean(axis=0)
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
    share = data.train.targets.mean(axis=0)
    valid, test = (np.tile(share, (len(p.ids), 1)) for p in (data.valid, data.test))
    _save_settings(folder, settings, {"share": share.tolist()})
    return Trained(valid, test, [], _cost(len(share)))


def _label_figures(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    from lexome.metrics import average_precision

    return {
        "label_auprc": float(np.nanmean(average_precision(targets, probabilities, axis=0))),
        "example_auprc": float(np.nanmean(average_precision(targets, probabilities, axis=1))),
    }


def _class_figures(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    from lexome.multiclass import multi_class_metrics

    figures = multi_class_metrics(targets, probabilities)
    return {name: figures[name][0] for name in ("accuracy", "macro_f1")}


# What a training by epochs records of valid (with the prefix `valid_`), and so what its `monitor` may be.
FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, float]]] = {
    "multi_label": _label_figures,
    "multi_class": _class_figures,
}


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
        FIGURES[data.task],
        objective,
        report=lambda record: log.info("%s", record),
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

    return textmodels.tfidf(data, settings, seed, folder, gpus)


def fine_tune(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """A pretrained backbone trained on; see `lexome.finetuning`."""
    from lexome import finetuning

    return finetuning.fine_tune(data, settings, seed, folder, gpus)


KINDS: dict[str, Callable[[RunData, Mapping, int, str | Path, int], Trained]] = {
    "coin_flip": coin_flip,
    "proportional": proportional,
    "frequency": frequency,
    "head": head,
    "tfidf": tfidf,
    "fine_tune": fine_tune,
}
