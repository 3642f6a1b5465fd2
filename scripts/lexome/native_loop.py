"""Fine-tuning as a plain PyTorch loop, read in one sitting: batches, schedule, loop, checkpoints."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.devices import mixed_precision
from lexome.runtime import atomic, progress

log = logging.getLogger(__name__)

Score = Callable[[np.ndarray], dict[str, float]]

# Batches in a pool whose rows are sorted by length.
POOL = 20


@dataclass(frozen=True)
class Examples:
    """Tokenised examples of one subset.

    Attributes
    ----------
    rows
        Token ids of each example, n sequences of whole numbers.
    targets
        int64, shape (n,): the class of each example; or float32, shape (n, n_labels): 0 or 1; None where unknown.
    cut
        How many of the rows hold the beginning of an example only.
    others
        Other readings of the same examples, each like `rows`: predictions are means over all of them.
    draw
        What training sees of an example, of (row, epoch), see `readings.Draw`; without it, its row.
    """

    rows: Sequence[np.ndarray]
    targets: np.ndarray | None
    cut: int = 0
    others: Sequence[Sequence[np.ndarray]] = ()
    draw: Callable[[int, int], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict:
        return {"input_ids": self.rows[row]} | ({} if self.targets is None else {"labels": self.targets[row]})

    def drawn(self, row: int, epoch: int) -> dict:
        """An example as training sees it in an epoch (1, 2, ...)."""
        return self[row] if self.draw is None else self[row] | {"input_ids": self.draw(row, epoch)}


def pad_batch(examples: Sequence[dict], pad: int) -> dict[str, torch.Tensor]:
    """Examples to one batch, padded to its longest row.

    Returns
    -------
    dict
        `input_ids` and `attention_mask`, int64, shape (batch, tokens); `labels` where the examples have them.
    """
    longest = max(len(example["input_ids"]) for example in examples)
    ids = torch.full((len(examples), longest), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    for at, example in enumerate(examples):
        row = torch.as_tensor(np.asarray(example["input_ids"]), dtype=torch.long)
        ids[at, : len(row)] = row
        attention[at, : len(row)] = 1
    batch = {"input_ids": ids, "attention_mask": attention}
    if "labels" in examples[0]:
        batch["labels"] = torch.from_numpy(np.stack([example["labels"] for example in examples]))
    return batch


def predict(model: nn.Module, examples: Examples, pad: int, device: torch.device, batch_size: int = 32) -> np.ndarray:
    """Logits, float32, shape (n, n_labels); dropout is off. Batches hold rows of like length, so padding is small.

    Where examples have several readings, the mean over them.
    """
    if examples.others:
        readings = [Examples(rows, None) for rows in (examples.rows, *examples.others)]
        return np.mean([predict(model, part, pad, device, batch_size) for part in readings], axis=0)
    model.eval()
    order = np.argsort([len(row) for row in examples.rows], kind="stable")
    logits = np.empty((len(examples), model.config.num_labels), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = pad_batch([{"input_ids": examples.rows[row]} for row in rows], pad)
            logits[rows] = model(**{name: part.to(device) for name, part in batch.items()}).logits.float().cpu()
    return logits


def loss_of(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean cross-entropy of classes, shape (n,), or mean binary cross-entropy of labels, shape (n, n_labels)."""
    loss = functional.cross_entropy if targets.ndim == 1 else functional.binary_cross_entropy_with_logits
    return loss(torch.from_numpy(logits), torch.from_numpy(targets)).item()


def linear_schedule(step: int, warmup: int, steps: int) -> float:
    """Factor of the learning rate: from 0 to 1 over the warmup steps, then in a line to 0 after the last step."""
    if step < warmup:
        return step / warmup
    return (steps - step) / max(1, steps - warmup)


def warmup_steps(n_examples: int, settings: Mapping) -> tuple[int, int]:
    """Steps of the warmup and of the whole training; settings as in `fit`."""
    steps = math.ceil(n_examples / settings["batch_size"]) * settings["epochs"]
    return math.ceil(settings["warmup_ratio"] * steps), steps


def epoch_order(n_examples: int, seed: int, epoch: int) -> torch.Tensor:
    """Order of the examples in an epoch (1, 2, ...); the same as that of the Hugging Face Trainer."""
    return torch.randperm(n_examples, generator=torch.Generator().manual_seed(seed + epoch - 1))


def epoch_batches(lengths: Sequence[int], size: int, seed: int, epoch: int, group_by_length: bool) -> list[np.ndarray]:
    """Rows of each batch of an epoch (1, 2, ...); only the last batch may be smaller than `size`.

    With `group_by_length`, the shuffled rows are sorted by length within pools of `POOL` batches, and the batches are
    shuffled again: rows of like length meet, so that little is padded, and short and long batches alternate.
    """
    order = epoch_order(len(lengths), seed, epoch).numpy()
    starts = range(0, len(order), size)
    if not group_by_length:
        return [order[start : start + size] for start in starts]
    lengths = np.asarray(lengths)
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        # The longest first, so that a batch that is not full holds the shortest.
        order[start : start + size * POOL] = pool[np.argsort(-lengths[pool], kind="stable")]
    batches = [order[start : start + size] for start in starts]
    full = len(order) // size
    shuffled = np.random.default_rng([seed, epoch]).permutation(full)
    return [batches[at] for at in shuffled] + batches[full:]


def open_optimiser(model: nn.Module, weight_decay: float, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW over what needs a gradient; biases and norms do not decay."""
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    groups = [
        {"params": [weights for weights in trained if weights.ndim > 1], "weight_decay": weight_decay},
        {"params": [weights for weights in trained if weights.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def improves(record: Mapping, best: Mapping | None, monitor: str) -> bool:
    """Whether a record of the history is better than the best one: a loss is smaller, all else greater."""
    sign = -1 if monitor.endswith("_loss") else 1
    return best is None or sign * record[monitor] > sign * best[monitor]


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the latest epoch, if there is one."""
    return max(folder.glob("epoch*.pt"), key=lambda path: int(path.stem.removeprefix("epoch")), default=None)


def save_checkpoint(folder: Path, epoch: int, state: Mapping) -> None:
    """Write a checkpoint, whole or not at all, then remove the older ones."""
    path = folder / f"epoch{epoch}.pt"
    with atomic(path) as temporary:
        torch.save(state, temporary)
    for old in set(folder.glob("epoch*.pt")) - {path}:
        old.unlink()


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of torch's random numbers, on which dropout draws."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_states(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `random_states` gave; a GPU's state is left out on another device."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


@dataclass
class Course:
    """How far a training has come: what its checkpoints hold beside the model, the optimiser and the random states.

    Attributes
    ----------
    history
        Records of the epochs that are done.
    best, best_weights
        The record and the weights (on the CPU) of the best epoch by the monitored figure; None without a monitor.
    step
        Batches that were drawn.
    """

    history: list[dict] = field(default_factory=list)
    best: dict | None = None
    best_weights: dict[str, torch.Tensor] | None = None
    step: int = 0

    def add(self, record: dict, monitor: str | None, model: nn.Module) -> None:
        """Take an epoch's record, and its weights if it is the best so far."""
        self.history.append(record)
        log.info("%s", record)
        if monitor and improves(record, self.best, monitor):
            self.best = record
            self.best_weights = {name: part.detach().cpu().clone() for name, part in model.state_dict().items()}

    def save(
        self, folder: Path, epoch: int, model: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
    ) -> None:
        """Leave a checkpoint, from which `resume` goes on."""
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "random": random_states(device)}
        save_checkpoint(folder, epoch, state | vars(self))

    def close(self, model: nn.Module, epochs: int) -> list[dict]:
        """Put the best weights into the model; the history, whose last record names the epoch that they are of."""
        if self.best_weights:
            model.load_state_dict(self.best_weights)
        return [*self.history, {"event": "best", "epoch": self.best["epoch"] if self.best else epochs}]


def resume(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device, epochs: int
) -> Course:
    """The course of a training, after its newest checkpoint if there is one; that is put into model and optimiser."""
    newest = newest_checkpoint(folder)
    if not newest:
        return Course()
    state = torch.load(newest, map_location="cpu", weights_only=True)
    model.load_state_dict(state.pop("model"))
    optimiser.load_state_dict(state.pop("optimiser"))
    restore_random_states(state.pop("random"), device)
    log.info("training goes on after epoch %d of %d", len(state["history"]), epochs)
    return Course(**state)


def fit(
    model: nn.Module,
    train: Examples,
    valid: Examples,
    settings: Mapping,
    seed: int,
    device: torch.device,
    pad: int,
    score: Score,
    checkpoints: Path,
) -> list[dict]:
    """Fine-tune a classifier with AdamW, a linear schedule and gradients clipped to norm 1.

    Parameters
    ----------
    model
        A classifier of transformers, which computes its own loss from `labels`; changed in place. Parameters that
        need no gradient stay as they are.
    train, valid
        Examples with targets.
    settings
        `learning_rate`, `weight_decay` (of matrices, not of biases and norms), `batch_size`, `epochs`,
        `warmup_ratio` (share of all steps), `group_by_length` (see `epoch_batches`) and `monitor`: the
        figure of the history whose best epoch is kept, or None for the last epoch.
    seed
        Of the order of examples and dropout.
    pad
        Token id that fills the rows of a batch.
    score
        Figures of the logits of valid, by name.
    checkpoints
        An existing folder. A checkpoint is written there after every epoch but the last; training goes on from the
        newest, to the same end as without the interruption.

    Returns
    -------
    list of dict
        One record an epoch: `epoch`, `step`, `train_loss`, `valid_loss`, `valid_*`. The last record is
        `{"event": "best", "epoch": n}`, the epoch whose weights the model has.
    """
    torch.manual_seed(seed)
    model.to(device)
    optimiser = open_optimiser(model, settings["weight_decay"], settings["learning_rate"])
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    warmup, steps = warmup_steps(len(train), settings)
    epochs, monitor = settings["epochs"], settings["monitor"]
    course = resume(checkpoints, model, optimiser, device, epochs)

    for epoch in range(len(course.history) + 1, epochs + 1):
        model.train()
        total = torch.zeros((), device=device)
        grouped = settings["group_by_length"]
        batches = epoch_batches([len(row) for row in train.rows], settings["batch_size"], seed, epoch, grouped)
        for rows in progress(batches, unit="batch", desc=f"epoch {epoch}/{epochs}"):
            for group in optimiser.param_groups:
                group["lr"] = settings["learning_rate"] * linear_schedule(course.step, warmup, steps)
            batch = pad_batch([train.drawn(row, epoch) for row in rows.tolist()], pad)
            with mixed_precision(device):
                loss = model(**{name: part.to(device) for name, part in batch.items()}).loss
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            total += loss.detach()
            course.step += 1

        logits = predict(model, valid, pad, device)
        record = {"epoch": epoch, "step": course.step, "train_loss": total.item() / len(batches)}
        record["valid_loss"] = loss_of(logits, valid.targets)
        record |= {f"valid_{name}": float(value) for name, value in score(logits).items()}
        course.add(record, monitor, model)
        if epoch < epochs:
            course.save(checkpoints, epoch, model, optimiser, device)
    return course.close(model, epochs)
