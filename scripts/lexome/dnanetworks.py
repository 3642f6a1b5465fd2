"""Networks on DNA as a kind of model: trained on a study, saved, used on new sequences."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from lexome.convnets import ConvNetwork, architecture, flip_half, load_network, save_network, strand_logits
from lexome.devices import find_device, set_seed
from lexome.dna import one_hot
from lexome.dnamodels import fit_length
from lexome.models import Trained, score_valid
from lexome.runs import RunData
from lexome.training import OBJECTIVES, fit

log = logging.getLogger(__name__)


def network(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Train a network from scratch on the sequences of a study.

    Parameters
    ----------
    settings
        `architecture` and what it changes (see `convnets.architecture`), `length` (nucleotides that it reads, see
        `dnamodels.fit_length`; without it those of the longest training sequence), `reverse_complement` (whether
        training draws either strand of a sequence, and predictions are the mean over both) and `training`, as in
        `training.fit`.
    """
    set_seed(seed)
    device, objective = find_device(gpus), OBJECTIVES[data.task]
    both = settings["reverse_complement"]
    length = settings.get("length") or max(map(len, data.train.texts))
    model = ConvNetwork(len(data.labels), length, **architecture(settings))
    train, valid = (one_hot(fit_length(part.texts, length)) for part in (data.train, data.valid))
    history = fit(
        model,
        (train, data.train.targets),
        (valid, data.valid.targets),
        settings["training"],
        seed,
        device,
        score_valid(data),
        objective,
        report=lambda record: log.info("%s", record),
        known=(data.train.known, data.valid.known),
        augment=flip_half if both else None,
        infer=functools.partial(strand_logits, both=both),
        mixed=True,
    )
    del train
    about = {"task": data.task, "reverse_complement": both, "model": dict(settings)}
    save_network(model.cpu(), folder, [label["id"] for label in data.labels], about)
    scores, _ = load_scorer(folder, device)
    size = sum(weights.numel() for weights in model.parameters())
    cost = {"parameters": size, "trained_parameters": size, "device": device.type}
    return Trained(scores(data.valid.texts), scores(data.test.texts), history, cost)


def load_scorer(
    folder: str | Path, device: torch.device, batch_size: int = 512
) -> tuple[Callable[[Sequence[str]], np.ndarray], int]:
    """A saved network as a function from sequences to probabilities, float32, shape (n, n_labels); and n_labels."""
    model, config = load_network(folder)
    model.to(device)
    objective = OBJECTIVES[config["task"]]

    def scores(sequences: Sequence[str]) -> np.ndarray:
        x = torch.from_numpy(one_hot(fit_length(sequences, model.length))).to(device)
        return objective.activation(strand_logits(model, x, config["reverse_complement"], batch_size)).numpy()

    return scores, len(config["labels"])
