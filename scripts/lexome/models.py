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
    """What a model leaves: probabilities of valid and test, each (n, n_labels), and its history."""

    valid: np.ndarray
    test: np.ndarray
    history: list[dict]


def _save_settings(folder: str | Path, settings: Mapping, values: Mapping) -> None:
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        write_json(temporary / "config.json", {"model": dict(settings), **values})


def coin_flip(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label is 0 or 1 with equal chance (a published baseline)."""
    rng = np.random.default_rng(seed)
    valid, test = (rng.integers(0, 2, (len(p.ids), len(data.labels))) for p in (data.valid, data.test))
    _save_settings(folder, settings, {})
    return Trained(valid, test, [])


def proportional(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label is drawn as 1 with its share among the training examples (a published baseline)."""
    rng = np.random.default_rng(seed)
    share = data.train.targets.mean(axis=0)
    valid, test = ((rng.random((len(p.ids), len(share))) < share) for p in (data.valid, data.test))
    _save_settings(folder, settings, {"share": share.tolist()})
    return Trained(valid, test, [])


def frequency(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Each label scores its share among the training examples, whatever the example (CAFA's naive method)."""
    share = data.train.targets.mean(axis=0)
    valid, test = (np.tile(share, (len(p.ids), 1)) for p in (data.valid, data.test))
    _save_settings(folder, settings, {"share": share.tolist()})
    return Trained(valid, test, [])


def head(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """A linear or perceptron head on frozen embeddings."""
    import torch

    from lexome.devices import find_device, set_seed
    from lexome.heads import Head, save_head
    from lexome.metrics import average_precision
    from lexome.training import fit, predict

    def score(targets: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
        return {
            "label_auprc": float(np.nanmean(average_precision(targets, probabilities, axis=0))),
            "example_auprc": float(np.nanmean(average_precision(targets, probabilities, axis=1))),
        }

    set_seed(seed)
    device = find_device(gpus)
    network = Head(data.train.features.shape[1], len(data.labels), settings["hidden"], settings["dropout"])
    network.standardise.fit(torch.from_numpy(data.train.features))
    history = fit(
        network,
        (data.train.features, data.train.targets),
        (data.valid.features, data.valid.targets),
        settings["training"],
        seed,
        device,
        score,
        report=lambda record: log.info("%s", record),
    )
    valid, test = (predict(network, torch.from_numpy(p.features).to(device)) for p in (data.valid, data.test))
    source = {name: settings[name] for name in ("backbone", "layers")}
    save_head(network.cpu(), folder, [label["id"] for label in data.labels], source)
    return Trained(valid, test, history)


KINDS: dict[str, Callable[[RunData, Mapping, int, str | Path, int], Trained]] = {
    "coin_flip": coin_flip,
    "proportional": proportional,
    "frequency": frequency,
    "head": head,
}
