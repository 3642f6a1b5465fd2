"""Domain adaptation: a backbone goes on with masked-language modelling on the texts of a domain.

Gururangan et al., ACL 2020, doi:10.18653/v1/2020.acl-main.740. Any encoder that transformers has a masked-LM class for
will do: text, proteins, DNA.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModel, PreTrainedTokenizerBase

from lexome import native_loop
from lexome.adapted import adaptations
from lexome.devices import find_device, set_seed
from lexome.errors import LexomeError
from lexome.finetuning import backbone_digest, digest, open_checkpoints, quiet
from lexome.masked_lm import Corpus, batches, find_head, load_masked_lm, masked_logits, measure, read_corpus
from lexome.masking import FIXED
from lexome.nucleotide_transformer import load_model
from lexome.perplexity import describe_masked, perplexity
from lexome.runtime import atomic, progress, read_json, write_json
from lexome.throughput import describe_speed, token_flops
from lexome.tokenbaselines import measure_baselines
from lexome.tokens import load_tokenizer

log = logging.getLogger(__name__)

# Points of the curve of the training loss within an epoch.
CURVE = 20


def fit(
    model: nn.Module,
    head: nn.Module | None,
    corpus: Corpus,
    measured: Mapping[str, np.ndarray],
    settings: Mapping,
    new_head: bool,
    device: torch.device,
    checkpoints: Path,
) -> tuple[list[dict], dict[str, np.ndarray], dict[str, np.ndarray], dict[str, float]]:
    """Train a masked-language model: first a new head alone on the frozen trunk, then everything.

    Parameters
    ----------
    model
        Changed in place.
    head
        From `find_head`.
    measured
        Places of the texts that the perplexity is measured on, by subset; `valid` is told after every epoch.
    settings
        `head_epochs`, `head_learning_rate`, `epochs`, `learning_rate`, `weight_decay`, `batch_size`, `warmup_ratio` (of
        the steps of each stage), `seed`.
    checkpoints
        An existing folder; training goes on from the newest checkpoint in it to the same end.

    Returns
    -------
    history : list of dict
        One record an epoch: `epoch`, `stage` (`head` or `all`), `step`, `train_loss`, `valid_loss` (nats a masked
        token) and `curve`: the training loss of up to `CURVE` parts of the epoch, as [step of the stage, loss].
    before : dict
        What `measure` gives between the stages, when the trunk is still as it came, by subset.
    after : dict
        The same at the end.
    trained : dict
        `seconds` and `tokens` of the steps that trained everything.
    """
    seed, size = settings["seed"], settings["batch_size"]
    stages = [("all", settings["epochs"], settings["learning_rate"])]
    if new_head:
        stages.insert(0, ("head", settings["head_epochs"], settings["head_learning_rate"]))
    total = sum(epochs for _, epochs, _ in stages)
    history: list[dict] = []
    before: dict[str, np.ndarray] = {}
    trained = {"seconds": 0.0, "tokens": 0}
    kept: dict | None = None
    newest = native_loop.newest_checkpoint(checkpoints)
    if newest:
        kept = torch.load(newest, map_location="cpu", weights_only=True)
        model.load_state_dict(kept["model"])
        history, before = kept["history"], {name: part.numpy() for name, part in kept["before"].items()}
        trained = kept["trained"]
        native_loop.restore_random_states(kept["random"], device)
        log.info("training goes on after epoch %d of %d", len(history), total)

    def measure_all(valid: np.ndarray | None) -> dict[str, np.ndarray]:
        known = {} if valid is None else {"valid": valid}
        return {
            name: known[name] if name in known else measure(model, head, corpus, places, device)
            for name, places in measured.items()
        }

    epoch, valid = 0, None
    for stage, epochs, rate in stages:
        if stage == "all" and not before:
            before = measure_all(valid)
            if not all(part[:, 1].sum() for part in before.values()):
                raise LexomeError(
                    "no token of the texts held out is masked: raise `mask` or `valid_share`, or add texts"
                )
            log.info("perplexity before: %s", {name: perplexity(part) for name, part in before.items()})
        model.base_model.requires_grad_(stage == "all")
        optimiser = native_loop.open_optimiser(model, settings["weight_decay"], rate)
        if kept and history[-1]["stage"] == stage:
            optimiser.load_state_dict(kept["optimiser"])
        weights = [part for group in optimiser.param_groups for part in group["params"]]
        warmup, steps = native_loop.warmup_steps(len(corpus.train), {**settings, "epochs": epochs})
        step = 0
        for _ in range(epochs):
            epoch += 1
            parts = batches(corpus, size, seed, epoch)
            if epoch <= len(history):
                step += len(parts)
                continue
            model.train()
            if stage == "head":
                model.base_model.eval()
            started, parts_done = time.perf_counter(), []
            loss_sum, tokens = torch.zeros((), device=device), 0
            ends = set(np.linspace(0, len(parts), min(CURVE, len(parts)) + 1).astype(int).tolist())
            for done, places in enumerate(progress(parts, unit="batch", desc=f"{stage}, epoch {epoch}/{total}"), 1):
                for group in optimiser.param_groups:
                    group["lr"] = rate * native_loop.linear_schedule(step, warmup, steps)
                step += 1
                inputs, where, truth = corpus.batch(places, epoch, device)
                if len(truth):
                    with native_loop.mixed_precision(device):
                        logits = masked_logits(model, head, inputs, where)
                    loss = functional.cross_entropy(logits.float(), truth)
                    loss.backward()
                    nn.utils.clip_grad_norm_(weights, 1.0)
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
                    loss_sum += loss.detach() * len(truth)
                    tokens += len(truth)
                if done in ends:
                    parts_done.append((step, loss_sum.clone(), tokens))
            # Taking numbers off a GPU waits until it is done.
            sums = [(at, part.item(), n) for at, part, n in parts_done]
            if stage == "all":
                trained["seconds"] += time.perf_counter() - started
                trained["tokens"] += sum(len(corpus.rows[place]) for place in corpus.train)
            valid = measure(model, head, corpus, measured["valid"], device)
            record = {"epoch": epoch, "stage": stage, "step": step, "train_loss": loss_sum.item() / max(tokens, 1)}
            record["valid_loss"] = math.log(perplexity(valid))
            log.info("%s", record)
            history.append(record | {"curve": mean_losses(sums)})
            if epoch < total:
                state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "history": history}
                state["before"] = {name: torch.from_numpy(part) for name, part in before.items()}
                state |= {"random": native_loop.random_states(device), "trained": trained}
                native_loop.save_checkpoint(checkpoints, epoch, state)
    return history, before, measure_all(valid), trained


def mean_losses(sums: Sequence[tuple[int, float, int]]) -> list[list[float]]:
    """[step, mean loss since the step before] of running sums: (step, losses so far, tokens so far)."""
    curve, loss, tokens = [], 0.0, 0
    for step, total, n in sums:
        if n > tokens:
            curve.append([step, (total - loss) / (n - tokens)])
        loss, tokens = total, n
    return curve


def save(model: nn.Module, base: str | Path, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save an adapted model so that both `AutoModelForMaskedLM` and `AutoModel` load it.

    What the base's checkpoint holds for its trunk and a masked-LM lacks (a pooler) is kept as it was.
    """
    trunk, report = load_model(AutoModel, base, output_loading_info=True)
    own = set(model.base_model.state_dict()) | set(report["missing_keys"])
    rest = {name: weights for name, weights in trunk.state_dict().items() if name not in own}
    rest = {f"{model.base_model_prefix}.{name}": weights for name, weights in rest.items()}
    model.cpu().save_pretrained(folder, state_dict=model.state_dict() | rest)
    tokenizer.save_pretrained(folder)


def adapt(
    table: pd.DataFrame,
    base: str | Path,
    settings: Mapping,
    bootstrap: Mapping,
    folder: str | Path,
    gpus: int,
    transductive: bool = False,
    files: Sequence[str] = (),
) -> tuple[dict, list[dict], Path]:
    """Adapt a backbone to a corpus.

    The head of a checkpoint that comes without one is trained on the frozen trunk first, or the perplexity before
    would be that of random numbers. It goes on learning beside the trunk: a part of what the perplexity falls by.

    Parameters
    ----------
    table
        `group`, `subset` (`train` or `valid`) and `text`.
    base
        Folder of the backbone.
    settings
        `mask` (share of the tokens), `max_length` (tokens, special ones included), and what `fit` reads.
    bootstrap
        `replicates`, `level`, `seed` of the intervals.
    folder
        Of the adapted backbone; written whole or not at all. While it trains, checkpoints lie beside it.
    transductive, files
        Whether the corpus may hold texts that models are judged on, and the files that it was prepared from: told in
        `lexome.json`, beside what the base tells of itself, wherever the folder is used.

    Returns
    -------
    about : dict
        `head` (`kept` or `new`), `random_weights` (the base was never trained), `texts`, `tokens`, `cut`, `device`,
        `speed` (see `throughput.describe_speed`), `perplexity` and `accuracy` by subset (see `describe_masked`; those
        of `train` are measured on as many texts as there are in `valid`) and `baselines` of `valid`.
    history : list of dict
        See `fit`.
    checkpoints : Path
        Their folder, to be removed when everything is written: a job killed before that goes on from there.

    Raises
    ------
    LexomeError
        If the backbone cannot be adapted, or checkpoints of another run lie beside `folder`.
    """
    folder, seed = Path(folder), settings["seed"]
    with quiet():
        tokenizer = load_tokenizer(base)
        set_seed(seed)
        model, new_head = load_masked_lm(base)
        if new_head and not settings["head_epochs"]:
            raise LexomeError(f"{base}: comes without its masked-language head; set `head_epochs` to 1 or more")
        corpus = read_corpus(table, tokenizer, settings, model.config.vocab_size)
        if random_weights := is_random(base):
            start_at_shares(model, corpus)
        device = find_device(gpus)
        model.to(device)
        head = find_head(model, corpus.batch(corpus.valid[:2], FIXED, device)[0])
        sample = np.random.default_rng(seed).permutation(corpus.train)[: len(corpus.valid)]
        measured = {"train": np.sort(sample), "valid": corpus.valid}
        checkpoints = open_checkpoints(folder, identity(folder.name, base, table, corpus, settings))
        torch.manual_seed(seed)
        history, before, after, trained = fit(model, head, corpus, measured, settings, new_head, device, checkpoints)
        with atomic(folder) as temporary:
            save(model, base, tokenizer, temporary)
            own = {"name": folder.name, "transductive": transductive, "files": list(files)}
            before_that = [{key: seen[key] for key in own} for seen in adaptations(base)]
            about = {"name": folder.name, "source": f"adapted from {Path(base).name}", "adapted": [own, *before_that]}
            write_json(temporary / "lexome.json", about)
    lengths = np.array([len(row) for row in corpus.rows])
    vocabulary = tokenizer.get_vocab()
    baselines = measure_baselines(corpus.rows, corpus.train, corpus.valid, corpus.masker, vocabulary)
    wholes = table["whole"].to_numpy() if "whole" in table else np.arange(len(table))
    told = {
        name: describe_masked(
            before[name],
            after[name],
            bootstrap,
            f"{folder.name} {name}",
            wholes[measured[name]],
            baselines if name == "valid" else None,
        )
        for name in ("train", "valid")
    }
    seen = (lengths[corpus.train] ** 2).sum() / lengths[corpus.train].sum()
    about = {
        "head": "new" if new_head else "kept",
        "random_weights": random_weights,
        "texts": {"train": len(corpus.train), "valid": len(corpus.valid)},
        "tokens": {"train": int(lengths[corpus.train].sum()), "valid": int(lengths[corpus.valid].sum())},
        "cut": corpus.cut,
        "device": device.type,
        "speed": describe_speed(trained, token_flops(model, head, float(seen), settings["mask"]), device),
        "perplexity": {name: part["perplexity"] for name, part in told.items()},
        "accuracy": {name: part["accuracy"] for name, part in told.items()},
        "baselines": told["valid"]["baselines"],
    }
    return about, history, checkpoints


def start_at_shares(model: nn.Module, corpus: Corpus) -> None:
    """Let a head with random weights begin with how common each token is, which it would take an epoch to learn.

    Every token counts once more than the training texts have it. A head without a bias of its own stays as it is.
    """
    size = model.config.vocab_size
    rest = [part for part in model.children() if part is not model.base_model]
    named = [one for part in rest for one in part.named_parameters()]
    biases = [weights for name, weights in named if name.endswith("bias") and len(weights) == size]
    if len(biases) != 1:
        return
    counts = 1.0 + np.bincount(np.concatenate([corpus.rows[place] for place in corpus.train]), minlength=size)
    with torch.no_grad():
        biases[0].copy_(torch.from_numpy(np.log(counts / counts.sum())))


def is_random(base: str | Path) -> bool:
    """Whether a backbone's weights were drawn at random here, see `initialise_backbone`."""
    record = Path(base) / "lexome.json"
    return record.is_file() and read_json(record).get("source") == "random weights"


def identity(name: str, base: str | Path, table: pd.DataFrame, corpus: Corpus, settings: Mapping) -> dict:
    """What the end of an adaptation depends on: if it is the same, training may go on from a checkpoint."""
    return {
        "settings": {"name": name, **settings},
        "seed": settings["seed"],
        "backbone": backbone_digest(base),
        "corpus": digest("".join(table["subset"]).encode(), *(row.tobytes() for row in corpus.rows)),
    }
