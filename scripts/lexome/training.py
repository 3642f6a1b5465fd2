"""The training loop for networks on features, read in one sitting."""

import copy
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.errors import LexomeError

Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


def predict(model: nn.Module, features: torch.Tensor, batch_size: int = 4096) -> np.ndarray:
    """Probabilities (sigmoid of the logits), float32, shape (n, n_labels); dropout is off."""
    model.eval()
    with torch.inference_mode():
        parts = [torch.sigmoid(model(batch)).float().cpu() for batch in features.split(batch_size)]
    return torch.cat(parts).numpy()


def fit(
    model: nn.Module,
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    settings: Mapping,
    seed: int,
    device: torch.device,
    score: Score,
    report: Callable[[dict], None] = lambda record: None,
) -> list[dict]:
    """Train with Adam on binary cross-entropy, stop early on valid, leave the best epoch's weights in the model.

    Parameters
    ----------
    model
        Gives logits; changed in place.
    train, valid
        Features, float32 (n, n_features), and targets, uint8 (n, n_labels).
    settings
        `learning_rate`, `weight_decay`, `batch_size`, `epochs` (at most), `patience` (epochs without improvement),
        `monitor` (a figure of the history, e.g. `valid_term_auprc`; a loss is minimised, all else maximised).
    seed
        Of the order of batches and dropout.
    device
        Where to train.
    score
        Figures of (targets, probabilities) on valid, by name; recorded with the prefix `valid_`.
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
    x_valid, y_valid = torch.from_numpy(valid[0]).to(device), torch.from_numpy(valid[1]).to(device)
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
                loss = functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows].float())
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
                steps += 1
        probabilities = predict(model, x_valid)
        if not np.isfinite(probabilities).all():
            raise LexomeError(
                f"training diverged in epoch {epoch}: lower learning_rate (now {settings['learning_rate']:g})"
            )
        with torch.inference_mode():
            valid_loss = functional.binary_cross_entropy(
                torch.from_numpy(probabilities).double().clamp(1e-7, 1 - 1e-7), y_valid.cpu().double()
            )
        record = {
            "epoch": epoch,
            "step": steps,
            "train_loss": torch.stack(losses).mean().item() if losses else None,
            "valid_loss": valid_loss.item(),
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
