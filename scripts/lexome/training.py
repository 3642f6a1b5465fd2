"""The training loop for networks on features, read in one sitting."""

import contextlib
import copy
import functools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.devices import mixed_precision
from lexome.errors import LexomeError
from lexome.runtime import progress

Infer = Callable[[nn.Module, torch.Tensor], torch.Tensor]
Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


class Objective(NamedTuple):
    """What a task asks of a network.

    Attributes
    ----------
    loss
        Scalar of logits and 0/1 targets, both (n, n_labels) floats, and where the targets are known, floats of that
        shape or None for everywhere: the mean over examples, or over what is known.
    activation
        Logits to probabilities, same shape.
    """

    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
    activation: Callable[[torch.Tensor], torch.Tensor]


def _label_loss(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
    loss = functional.binary_cross_entropy_with_logits(logits, targets, known)
    # A batch may hold nothing that is known.
    return loss if known is None else loss / known.mean().clamp(min=1 / known.numel())


def _class_loss(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
    if known is not None:
        raise ValueError("examples of one class each have no unknown labels")
    return functional.cross_entropy(logits, targets)


OBJECTIVES = {
    "multi_label": Objective(_label_loss, torch.sigmoid),
    "multi_class": Objective(_class_loss, functools.partial(torch.softmax, dim=-1)),
}


def cosine_schedule(step: int, steps: int) -> float:
    """Factor of the learning rate: from 1 at step 0 along half a cosine to 0 after the last (SGDR, ICLR 2017)."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


SCHEDULES: dict[str, Callable[[int, int], float]] = {"constant": lambda step, steps: 1.0, "cosine": cosine_schedule}


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
    *,
    known: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
    infer: Infer = predict_logits,
    mixed: bool = False,
) -> list[dict]:
    """Train with AdamW on the loss of the task, stop early on valid, leave the best epoch's weights in the model.

    Parameters
    ----------
    model
        Gives logits; changed in place.
    train, valid
        Features, float32 (n, ...), and targets, uint8 (n, n_labels).
    settings
        `learning_rate`, `weight_decay`, `batch_size`, `epochs` (at most), `patience` (epochs without improvement),
        `monitor` (a figure of the history, e.g. `valid_label_auprc`; a loss is minimised, all else maximised) and,
        where it is not `constant`, `schedule` of the learning rate (`cosine`: over all `epochs`, 0 at their end).
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
    known
        Of train and valid: where the targets are known, bool (n, n_labels), or None for everywhere.
    augment
        Changes the features of a batch at every step, drawing from the generator of the order.
    infer
        Model and features on the device to logits on the CPU: how valid is read.
    mixed
        Compute the steps in bfloat16 where that pays, see `devices.mixed_precision`.

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
    weight, weight_valid = (None if mask is None else torch.from_numpy(mask) for mask in known)
    weight = None if weight is None else weight.to(device)
    weight_valid = None if weight_valid is None else weight_valid.double()
    factor = SCHEDULES[settings.get("schedule", "constant")]
    n_batches = math.ceil(len(x) / settings["batch_size"])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
    )
    monitor, sign = settings["monitor"], -1 if settings["monitor"].endswith("_loss") else 1
    history: list[dict] = []
    best, best_epoch, best_weights = -math.inf, 0, copy.deepcopy(model.state_dict())
    steps = 0
    bar = progress(total=settings["epochs"] * n_batches, unit="batch", desc="training")
    for epoch in range(settings["epochs"] + 1):
        losses = []
        if epoch:
            model.train()
            for rows in torch.randperm(len(x), generator=order).split(settings["batch_size"]):
                rows = rows.to(device)
                for group in optimiser.param_groups:
                    group["lr"] = settings["learning_rate"] * factor(steps, settings["epochs"] * n_batches)
                features = x[rows] if augment is None else augment(x[rows], order)
                with mixed_precision(device) if mixed else contextlib.nullcontext():
                    logits = model(features)
                loss = objective.loss(logits.float(), y[rows].float(), None if weight is None else weight[rows].float())
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
                steps += 1
                bar.update()
        logits = infer(model, x_valid)
        if not torch.isfinite(logits).all():
            raise LexomeError(
                f"training diverged in epoch {epoch}: lower learning_rate (now {settings['learning_rate']:g})"
            )
        probabilities = objective.activation(logits).numpy()
        record = {
            "epoch": epoch,
            "step": steps,
            "train_loss": torch.stack(losses).mean().item() if losses else None,
            "valid_loss": objective.loss(logits.double(), y_valid, weight_valid).item(),
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
    bar.close()
    model.load_state_dict(best_weights)
    history.append({"event": "best", "epoch": best_epoch})
    return history
