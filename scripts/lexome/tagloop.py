"""Training of a network by epochs: learning rates by layer, schedule, clipping, checkpoints, the best epoch."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lexome.errors import LexomeError
from lexome.native_loop import (
    epoch_batches,
    linear_schedule,
    resume,
    warmup_steps,
)
from lexome.runtime import progress

log = logging.getLogger(__name__)


def layers_of(encoder: nn.Module) -> Sequence[nn.Module]:
    """The stack of an encoder's layers.

    Raises
    ------
    LexomeError
        If it has none of the length that its configuration tells.
    """
    depth = encoder.config.num_hidden_layers
    for part in encoder.modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise LexomeError(f"layer_decay: {encoder.config.model_type!r} has no stack of {depth} layers; leave the key out")


def parameter_groups(encoder: nn.Module, heads: nn.Module, settings: Mapping) -> list[dict]:
    """Weights by learning rate and decay, for AdamW; what needs no gradient is left out.

    Parameters
    ----------
    settings
        `learning_rate` of the encoder's last layer, `head_learning_rate` (else the same), `layer_decay` (factor from
        each layer to the one below, the embeddings below the first; else 1), `weight_decay` (of matrices of the encoder
        and the heads, not of biases, norms and a chain's steps).
    """
    rate, decay = settings["learning_rate"], settings.get("layer_decay", 1.0)
    depth_of: dict[int, int] = {}
    if decay != 1:
        stack = layers_of(encoder)
        for at, layer in enumerate(stack):
            depth_of |= {id(weights): len(stack) - 1 - at for weights in layer.parameters()}
        embeddings = getattr(encoder, "embeddings", encoder.get_input_embeddings())
        depth_of |= {id(weights): len(stack) for weights in embeddings.parameters()}
    groups: dict[tuple[float, float], list] = {}
    for name, weights in encoder.named_parameters():
        own = rate * decay ** depth_of.get(id(weights), 0)
        groups.setdefault((own, _decay(name, weights, settings)), []).append(weights)
    for name, weights in heads.named_parameters():
        own = settings.get("head_learning_rate", rate)
        groups.setdefault((own, _decay(name, weights, settings)), []).append(weights)
    told = []
    for (own, fades), members in groups.items():
        trained = [weights for weights in members if weights.requires_grad]
        if trained:
            told.append({"params": trained, "lr": own, "top": own, "weight_decay": fades})
    return told


def _decay(name: str, weights: nn.Parameter, settings: Mapping) -> float:
    # Decay would pull a chain's forbidden steps back to what is possible.
    return settings["weight_decay"] if weights.ndim > 1 and "transitions" not in name else 0.0


def fit(
    model: nn.Module,
    groups: list[dict],
    lengths: Sequence[int],
    loss_of: Callable[[np.ndarray], torch.Tensor],
    judge: Callable[[], dict[str, float]],
    settings: Mapping,
    seed: int,
    device: torch.device,
    checkpoints: Path,
) -> list[dict]:
    """Train with AdamW, a linear schedule and clipped gradients; leave the best epoch's weights in the model.

    Parameters
    ----------
    model
        On the device; changed in place.
    groups
        From `parameter_groups`.
    lengths
        Tokens of each training example.
    loss_of
        Rows of a batch to its loss.
    judge
        Figures on valid, with the model in evaluation mode; `valid_loss` among them.
    settings
        `batch_size`, `epochs`, `warmup_ratio` (share of all steps), `group_by_length`, `max_grad_norm` (1 without the
        key) and `monitor`: the figure of the history whose best epoch is kept, or None for the last epoch.
    seed
        Of the order of examples and dropout.
    checkpoints
        An existing folder. A checkpoint is written there after every epoch but the last; training goes on from the
        newest, to the same end as without the interruption.

    Returns
    -------
    list of dict
        One record an epoch: `epoch`, `step`, `train_loss`, the figures of `judge`, `seconds` (of training and judging).
        The last record is `{"event": "best", "epoch": n}`, the epoch whose weights the model has.

    Raises
    ------
    LexomeError
        If the training diverges, or the monitor is not among the figures.
    """
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(groups, fused=True)
    trained = [weights for group in groups for weights in group["params"]]
    warmup, steps = warmup_steps(len(lengths), settings)
    epochs, monitor = settings["epochs"], settings["monitor"]
    course = resume(checkpoints, model, optimiser, device, epochs)

    for epoch in range(len(course.history) + 1, epochs + 1):
        begun = time.perf_counter()
        model.train()
        total = torch.zeros((), device=device)
        batches = epoch_batches(lengths, settings["batch_size"], seed, epoch, settings["group_by_length"])
        for rows in progress(batches, unit="batch", desc=f"epoch {epoch}/{epochs}"):
            for group in optimiser.param_groups:
                group["lr"] = group["top"] * linear_schedule(course.step, warmup, steps)
            loss = loss_of(rows)
            course.step += 1
            if not loss.requires_grad:
                continue  # documents without anything that the heads could learn
            loss.backward()
            nn.utils.clip_grad_norm_(trained, settings.get("max_grad_norm", 1.0))
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            total += loss.detach()
        if not math.isfinite(total.item()):
            raise LexomeError(
                f"training diverged in epoch {epoch}: lower learning_rate (now {settings['learning_rate']:g})"
            )
        model.eval()
        record = {"epoch": epoch, "step": course.step, "train_loss": total.item() / len(batches), **judge()}
        record["seconds"] = time.perf_counter() - begun
        if monitor and monitor not in record:
            raise LexomeError(
                f"{monitor} is not defined on valid: nothing there is annotated for it; give valid a larger share, or "
                "set `monitor: valid_loss`"
            )
        course.add(record, monitor, model)
        if epoch < epochs:
            course.save(checkpoints, epoch, model, optimiser, device)
    return course.close(model, epochs)
