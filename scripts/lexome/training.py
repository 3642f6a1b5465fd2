"""The training loop for networks on features, read in one sitting."""

import copy
import functools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.errors import LexomeError

Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


class Objective(NamedTuple):
    """What a task asks of a network.

    Attributes
    ----------
    loss
        Scalar of logits and 0/1 targets, both (n, n_labels) floats: the mean over examples.
    activation
        Logits to probabilities, same shape.
    """

    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    activation: Callable[[torch.Tensor], torch.Tensor]


OBJECTIVES = {
    "multi_label": Objective(functional.binary_cross_entropy_with_logits, torch.sigmoid),
    "multi_class": Objective(functional.cross_entropy, functools.partial(torch.softmax, dim=-1)),
}


def predict_logits(model: nn.Module, features: torch.Tensor, batch_size: int = 4096) -> torch.Tensor:
    """Logits, float32 on the CPU, shape (n, n_labels); dropout is off."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(batch).float().cpu() for batch in features.split(batch_size)])


def predict(model: nn.Module, features: torch.Tensor, objective: Objective, batch_size: int = 4096) -> np.ndarray:
    """Probabilities, float32, shape (n, n_labels); dropout is off."""
    return objective.activation(predict_logits(model, features, batch_size)).numpy()


def fit(
    model: nn.Module,
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    settings: Mapping,
    seed: int,
    device: torch.device,
    score: Score,
    objective: Objective,
    report: Callable[[dict], None] = lambda record: None,
) -> list[dict]:
    """Train with AdamW on the loss of the task, stop early on valid, leave the best epoch's weights in the model.

    Parameters
    ----------
    model
        Gives logits; changed in place.
    train, valid
        Features, float32 (n, n_features), and targets, uint8 (n, n_labels).
    settings
        `learning_rate`, `weight_decay`, `batch_size`, `epochs` (at most), `patience` (epochs without improvement),
        `monitor` (a figure of the history, e.g. `valid_label_auprc`; a loss is minimised, all else maximised).
    seed
        Of the order of batches and dropout.
    device
        Where to train.
    score
        Figures of (targets, probabilities) on valid, by name; recorded with the prefix `valid_`.
    objective
        Loss and activation of the task.
    report
        Called with each record as it is made.

    Returns
    -------
    list of dict
        One record an epoch: `epoch`, `step`, `train_loss`, `valid_loss`, `valid_*`; epoch 0 is before training. The
        last record is `{"event": "best", "epoch": n}`.
    """
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    model.to(device)
    x, y = torch.from_numpy(train[0]).to(device), torch.from_numpy(train[1]).to(device)
    x_valid, y_valid = torch.from_numpy(valid[0]).to(device), torch.from_numpy(valid[1]).double()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
    )
    monitor, sign = settings["monitor"], -1 if settings["monitor"].endswith("_loss") else 1
    history: list[dict] = []
    best, best_epoch, best_weights = -math.inf, 0, copy.deepcopy(model.state_dict())
    steps = 0
    for epoch in range(settings["epochs"] + 1):
        losses = []
        if epoch:
            model.train()
            for rows in torch.randperm(len(x), generator=order).split(settings["batch_size"]):
                rows = rows.to(device)
                loss = objective.loss(model(x[rows]), y[rows].float())
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
                steps += 1
        logits = predict_logits(model, x_valid)
        if not torch.isfinite(logits).all():
            raise LexomeError(
                f"training diverged in epoch {epoch}: lower learning_rate (now {settings['learning_rate']:g})"
            )
        probabilities = objective.activation(logits).numpy()
        record = {
            "epoch": epoch,
            "step": steps,
            "train_loss": torch.stack(losses).mean().item() if losses else None,
            "valid_loss": objective.loss(logits.double(), y_valid).item(),
        }
        record |= {f"valid_{name}": value for name, value in score(valid[1], probabilities).items()}
        history.append(record)
        report(record)
        if monitor not in record:
            raise KeyError(f"monitor {monitor!r} is not recorded; there are {sorted(record)}")
        if math.isnan(record[monitor]):
            raise LexomeError(
                f"{monitor} is undefined: valid has no positive example of any label; give valid a larger share, "
                "add data, or set `monitor: valid_loss`"
            )
        if sign * record[monitor] > best:
            best, best_epoch = sign * record[monitor], epoch
            best_weights = copy.deepcopy(model.state_dict())
        elif epoch - best_epoch >= settings["patience"]:
            break
    model.load_state_dict(best_weights)
    history.append({"event": "best", "epoch": best_epoch})
    return history
