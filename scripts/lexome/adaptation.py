"""Domain adaptation: a backbone goes on with masked-language modelling on the texts of a domain.

Gururangan et al., ACL 2020, doi:10.18653/v1/2020.acl-main.740. Any encoder that transformers has a masked-LM class for
will do: text, proteins, DNA.
"""

import logging
import math
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
from lexome.perplexity import describe_perplexity, perplexity
from lexome.runtime import atomic, progress, write_json
from lexome.tokens import load_tokenizer

log = logging.getLogger(__name__)


def fit(
    model: nn.Module,
    head: nn.Module | None,
    corpus: Corpus,
    measured: Mapping[str, np.ndarray],
    settings: Mapping,
    new_head: bool,
    device: torch.device,
    checkpoints: Path,
) -> tuple[list[dict], dict[str, np.ndarray], dict[str, np.ndarray]]:
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
        token).
    before : dict
        What `measure` gives between the stages, when the trunk is still as it came, by subset.
    after : dict
        The same at the end.
    """
    seed, size = settings["seed"], settings["batch_size"]
    stages = [("all", settings["epochs"], settings["learning_rate"])]
    if new_head:
        stages.insert(0, ("head", settings["head_epochs"], settings["head_learning_rate"]))
    total = sum(epochs for _, epochs, _ in stages)
    history: list[dict] = []
    before: dict[str, np.ndarray] = {}
    kept: dict | None = None
    newest = native_loop.newest_checkpoint(checkpoints)
    if newest:
        kept = torch.load(newest, map_location="cpu", weights_only=True)
        model.load_state_dict(kept["model"])
        history, before = kept["history"], {name: part.numpy() for name, part in kept["before"].items()}
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
        trained = [weights for group in optimiser.param_groups for weights in group["params"]]
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
            loss_sum, tokens = torch.zeros((), device=device), 0
            for places in progress(parts, unit="batch", desc=f"{stage}, epoch {epoch}/{total}"):
                for group in optimiser.param_groups:
                    group["lr"] = rate * native_loop.linear_schedule(step, warmup, steps)
                step += 1
                inputs, where, truth = corpus.batch(places, epoch, device)
                if not len(truth):
                    continue
                with native_loop.mixed_precision(device):
                    logits = masked_logits(model, head, inputs, where)
                loss = functional.cross_entropy(logits.float(), truth)
                loss.backward()
                nn.utils.clip_grad_norm_(trained, 1.0)
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                loss_sum += loss.detach() * len(truth)
                tokens += len(truth)
            valid = measure(model, head, corpus, measured["valid"], device)
            record = {"epoch": epoch, "stage": stage, "step": step, "train_loss": loss_sum.item() / max(tokens, 1)}
            history.append(record | {"valid_loss": math.log(perplexity(valid))})
            log.info("%s", history[-1])
            if epoch < total:
                state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "history": history}
                state["before"] = {name: torch.from_numpy(part) for name, part in before.items()}
                state["random"] = native_loop.random_states(device)
                native_loop.save_checkpoint(checkpoints, epoch, state)
    return history, before, measure_all(valid)


def save(model: nn.Module, base: str | Path, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save an adapted model so that both `AutoModelForMaskedLM` and `AutoModel` load it.

    What the base's checkpoint holds for its trunk and a masked-LM lacks (a pooler) is kept as it was.
    """
    trunk, report = AutoModel.from_pretrained(
        base, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
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
        `head` (`kept` or `new`), `texts`, `tokens`, `cut`, `device` and `perplexity` by subset; the one of `train` is
        measured on as many texts as there are in `valid`.
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
        device = find_device(gpus)
        model.to(device)
        head = find_head(model, corpus.batch(corpus.valid[:2], FIXED, device)[0])
        sample = np.random.default_rng(seed).permutation(corpus.train)[: len(corpus.valid)]
        measured = {"train": np.sort(sample), "valid": corpus.valid}
        checkpoints = open_checkpoints(folder, identity(folder.name, base, table, corpus, settings))
        torch.manual_seed(seed)
        history, before, after = fit(model, head, corpus, measured, settings, new_head, device, checkpoints)
        with atomic(folder) as temporary:
            save(model, base, tokenizer, temporary)
            own = {"name": folder.name, "transductive": transductive, "files": list(files)}
            before_that = [{key: seen[key] for key in own} for seen in adaptations(base)]
            about = {"name": folder.name, "source": f"adapted from {Path(base).name}", "adapted": [own, *before_that]}
            write_json(temporary / "lexome.json", about)
    lengths = np.array([len(row) for row in corpus.rows])
    about = {
        "head": "new" if new_head else "kept",
        "texts": {"train": len(corpus.train), "valid": len(corpus.valid)},
        "tokens": {"train": int(lengths[corpus.train].sum()), "valid": int(lengths[corpus.valid].sum())},
        "cut": corpus.cut,
        "device": device.type,
        "perplexity": {
            name: describe_perplexity(before[name], after[name], bootstrap, f"{folder.name} {name}")
            for name in ("train", "valid")
        },
    }
    return about, history, checkpoints


def identity(name: str, base: str | Path, table: pd.DataFrame, corpus: Corpus, settings: Mapping) -> dict:
    """What the end of an adaptation depends on: if it is the same, training may go on from a checkpoint."""
    return {
        "settings": {"name": name, **settings},
        "seed": settings["seed"],
        "backbone": backbone_digest(base),
        "corpus": digest("".join(table["subset"]).encode(), *(row.tobytes() for row in corpus.rows)),
    }
