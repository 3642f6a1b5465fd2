"""Fine-tuning of a pretrained backbone with a classifier on top, by one of two engines that do the same."""

import contextlib
import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import datasets
import numpy as np
import torch
from scipy.special import expit, softmax
from torch import nn
from torch.utils.data import Sampler
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase
from transformers.utils import logging as hub_logging

from lexome import native_loop
from lexome.devices import find_device, set_seed
from lexome.embedding import load_backbone
from lexome.errors import LexomeError
from lexome.lora import add_adapters, merge
from lexome.models import FIGURES, Trained
from lexome.native_loop import Examples, Score
from lexome.nucleotide_transformer import load_config
from lexome.readings import Draw, shift
from lexome.runs import Part, RunData
from lexome.runtime import atomic, progress, read_json, write_json
from lexome.tokens import encoder, load_tokenizer

log = logging.getLogger(__name__)

PROBLEMS = {"multi_class": "single_label_classification", "multi_label": "multi_label_classification"}
TASKS = {problem: task for task, problem in PROBLEMS.items()}


def trim(row: np.ndarray, max_length: int, special: Sequence[int]) -> np.ndarray:
    """At most `max_length` tokens of a row; a special token that ends the row stays its end."""
    if len(row) <= max_length:
        return row
    if row[-1] in special:
        return np.append(row[: max_length - 1], row[-1])
    return row[:max_length]


def read_examples(
    tokens: str | Path, parts: Sequence[Part], task: str, max_length: int, special: Sequence[int]
) -> list[Examples]:
    """Token ids and targets of each part.

    Parameters
    ----------
    tokens
        Folder of a saved dataset with the columns `id` and `input_ids`.
    special
        Ids of the tokenizer's special tokens, see `trim`.

    Raises
    ------
    LexomeError
        If an example has no tokens.
    """
    dataset = datasets.load_from_disk(str(tokens))
    place = {name: row for row, name in enumerate(dataset["id"][:])}
    already = np.asarray(dataset["truncated"][:])
    rows = dataset.with_format("numpy")
    examples = []
    for part in parts:
        missing = [name for name in part.ids if name not in place]
        if missing:
            raise LexomeError(
                f"{tokens}: no tokens of {len(missing)} examples, the first is {missing[0]}; make it anew"
            )
        places = [place[name] for name in part.ids]
        whole = rows[places]["input_ids"] if places else []
        cut = int(sum(already[places] | np.array([len(row) > max_length for row in whole]))) if places else 0
        targets = part.targets
        if targets is not None:
            targets = targets.argmax(axis=1) if task == "multi_class" else targets.astype(np.float32)
        examples.append(Examples([trim(row, max_length, special) for row in whole], targets, cut))
    if cut := sum(part.cut for part in examples):
        log.warning("%d of %d examples were cut to %d tokens", cut, sum(map(len, examples)), max_length)
    return examples


def read_again(
    examples: Sequence[Examples],
    parts: Sequence[Part],
    tokenizer: PreTrainedTokenizerBase,
    readings: Mapping,
    max_length: int,
    seed: int,
) -> list[Examples]:
    """Add other readings of DNA to the examples of train, valid and test, see `lexome.readings`.

    Parameters
    ----------
    readings
        `shifts`: letters left off the start, ascending from 0; `mask`: chance of a training token to be masked.

    Raises
    ------
    LexomeError
        If a sequence is not longer than a shift, or the tokenizer has no mask token.
    """
    encode, special = encoder(tokenizer), tokenizer.all_special_ids
    read = []
    for part, own in zip(parts, examples, strict=True):
        again = [encode(shift(part.texts, letters)) for letters in readings["shifts"] if letters]
        others = [[trim(np.asarray(row), max_length, special) for row in rows] for rows in again]
        # Fewer letters may be more tokens: what k-mers leave over is read letter by letter.
        cut = sum(max(map(len, rows)) > max_length for rows in zip(*again, strict=True))
        read.append(dataclasses.replace(own, others=others, cut=max(own.cut, cut)))
    if cut := sum(part.cut for part in read):
        log.warning("%d of %d examples were cut to %d tokens in a reading", cut, sum(map(len, read)), max_length)
    train = read[0]
    draw = Draw([train.rows, *train.others], seed, readings["mask"], tokenizer.mask_token_id, special)
    return [dataclasses.replace(train, draw=draw), *read[1:]]


def build_classifier(backbone: str | Path, labels: Sequence[str], task: str, pooling: str = "cls") -> nn.Module:
    """A backbone's trunk with a new head, drawn with torch's random numbers: one logit a label.

    A head that the backbone came with is left out, even where it would fit. The head reads what the model's class has
    it read (the cls token); with `pooling` `mean`, which Nucleotide Transformers know, the mean over all other tokens.

    Raises
    ------
    LexomeError
        If transformers has no classifier for the backbone, its classifier has no such pooling, or its weights do not
        fill the trunk.
    """
    names = dict(enumerate(labels))
    config = load_config(
        backbone,
        id2label=names,
        label2id={name: at for at, name in names.items()},
        problem_type=PROBLEMS[task],
    )
    if pooling != "cls":
        if not hasattr(config, "classifier_pooling"):
            raise LexomeError(f"pooling: classifiers of {config.model_type!r} read the cls token; leave the key out")
        config.classifier_pooling = pooling
    try:
        model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32, trust_remote_code=False)
    except ValueError as error:
        raise LexomeError(f"{backbone}: {config.model_type!r} cannot be fine-tuned as a classifier") from error
    trunk = load_backbone(backbone, torch.device("cpu")).state_dict()
    missing = model.base_model.load_state_dict(trunk, strict=False).missing_keys
    if missing:
        raise LexomeError(f"{backbone}: its weights lack {', '.join(missing[:3])}")
    return model


def freeze(model: nn.Module, layers: int) -> None:
    """Keep the embeddings and the first layers of a classifier as they are; 0 freezes nothing.

    Raises
    ------
    LexomeError
        If the backbone has fewer layers.
    """
    if not layers:
        return
    trunk, depth = model.base_model, model.config.num_hidden_layers
    if layers > depth:
        raise LexomeError(f"freeze: {layers}, but the backbone has {depth} layers")
    stack = next(part for part in trunk.modules() if isinstance(part, nn.ModuleList) and len(part) == depth)
    for part in (getattr(trunk, "embeddings", trunk.get_input_embeddings()), *stack[:layers]):
        part.requires_grad_(False)


def probabilities(logits: np.ndarray, task: str) -> np.ndarray:
    """Softmax over the classes, or the logistic function of each label; same shape."""
    return softmax(logits, axis=1) if task == "multi_class" else expit(logits)


class EpochSampler(Sampler):
    """Rows of an epoch in the order of `native_loop.epoch_batches`; accelerate tells it the epoch (0, 1, ...)."""

    def __init__(self, lengths: Sequence[int], settings: Mapping, seed: int):
        self._lengths, self._settings, self._seed, self._epoch = lengths, settings, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is drawn next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        size, grouped = self._settings["batch_size"], self._settings["group_by_length"]
        for rows in native_loop.epoch_batches(self._lengths, size, self._seed, self._epoch + 1, grouped):
            yield from rows.tolist()


def trainer(
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
    """The engine of the Hugging Face Trainer; arguments, result and what it trains as in `native_loop.fit`."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Bar(TrainerCallback):
        """The workflow's progress line and log in place of the Trainer's."""

        def on_train_begin(self, args, state, control, **rest):
            self.line = progress(total=state.max_steps, unit="batch", desc="Trainer")
            self.line.update(state.global_step)

        def on_step_end(self, args, state, control, **rest):
            self.line.update()

        def on_evaluate(self, args, state, control, metrics, **rest):
            log.info("epoch %d: %s", round(state.epoch), metrics)

        def on_train_end(self, args, state, control, **rest):
            self.line.close()

    class SameOrder(Trainer):
        """The Trainer with the native loop's order of the examples."""

        def _get_train_sampler(self, train_dataset=None):
            return EpochSampler([len(row) for row in train.rows], settings, seed)

    monitor = settings["monitor"]
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        seed=seed,
        data_seed=seed,
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=settings["batch_size"],
        per_device_eval_batch_size=32,
        lr_scheduler_type="linear",
        warmup_steps=native_loop.warmup_steps(len(train), settings)[0],
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        bf16=device.type == "cuda",
        use_cpu=device.type == "cpu",
        eval_strategy="epoch",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        save_strategy="epoch" if settings["epochs"] > 1 else "no",
        save_total_limit=1,
        load_best_model_at_end=bool(monitor) and settings["epochs"] > 1,
        metric_for_best_model=monitor and monitor.replace("valid_", "eval_"),
        greater_is_better=monitor and not monitor.endswith("_loss"),
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
        disable_tqdm=True,
        report_to="none",
    )
    # On a machine with several GPUs the Trainer would spread every batch over all of them.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    engine = SameOrder(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=valid,
        data_collator=lambda examples: native_loop.pad_batch(examples, pad),
        compute_metrics=lambda prediction: score(prediction.predictions),
        callbacks=[Bar()],
    )
    engine.remove_callback(PrinterCallback)
    # A checkpoint's state is the last thing that is written: without it the job was killed halfway.
    whole = [path.parent for path in checkpoints.glob("checkpoint-*/trainer_state.json")]
    newest = max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
    if newest:
        log.info("training goes on from %s", newest.name)
    engine.train(resume_from_checkpoint=newest and str(newest))
    engine.accelerator.unwrap_model(model, keep_fp32_wrapper=False)

    losses = {record["step"]: record["loss"] for record in engine.state.log_history if "loss" in record}
    history, best = [], None
    for record in engine.state.log_history:
        if "eval_loss" not in record:
            continue
        names = [name for name in record if name.startswith("eval_") and name not in TIMINGS]
        figures = {name.replace("eval_", "valid_", 1): record[name] for name in names}
        head = {"epoch": round(record["epoch"]), "step": record["step"], "train_loss": losses[record["step"]]}
        history.append(head | figures)
        if monitor and native_loop.improves(history[-1], best, monitor):
            best = history[-1]
    return [*history, {"event": "best", "epoch": best["epoch"] if best else settings["epochs"]}]


TIMINGS = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_model_preparation_time")
ENGINES = {"trainer": trainer, "native": native_loop.fit}


def digest(*parts: bytes) -> str:
    """SHA-256 over all parts, in hexadecimal digits."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def backbone_digest(folder: str | Path) -> str:
    """SHA-256 over the weights and the configuration of a backbone."""
    sums = []
    for path in [*sorted(Path(folder).glob("*.safetensors")), Path(folder) / "config.json"]:
        with path.open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").digest())
    return digest(*sums)


def identity(data: RunData, examples: Sequence[Examples], settings: Mapping, seed: int) -> dict:
    """What a run's end depends on: if it is the same, training may go on from a checkpoint."""
    seen = {}
    for name, part, encoded in zip(("train", "valid"), (data.train, data.valid), examples, strict=False):
        rows = (np.asarray(row, dtype=np.int64).tobytes() for row in encoded.rows)
        seen[name] = digest(json.dumps(part.ids).encode(), encoded.targets.tobytes(), *rows)
    return {
        "settings": json.loads(json.dumps(dict(settings))),
        "seed": seed,
        "labels": [label["id"] for label in data.labels],
        "backbone": backbone_digest(data.backbone),
        **seen,
    }


def open_checkpoints(folder: str | Path, run: Mapping) -> Path:
    """The folder of a run's checkpoints, beside its model: `.checkpoints-<hash of settings and seed>`.

    Snakemake is not told of it and so leaves it where it is when a job is killed.

    Raises
    ------
    LexomeError
        If it holds checkpoints of another run: other examples, another backbone.
    """
    name = digest(json.dumps([run["settings"], run["seed"]], sort_keys=True).encode())[:12]
    checkpoints = Path(folder).with_name(f".checkpoints-{name}")
    record = checkpoints / "run.json"
    if record.exists():
        before = read_json(record)
        changed = [key for key in {**before, **run} if before.get(key) != run.get(key)]
        if changed:
            raise LexomeError(
                f"{checkpoints}: its checkpoints are of a run with other {', '.join(changed)}; delete this folder to "
                "train from the start"
            )
    else:
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_json(record, run)
    return checkpoints


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the loading bars and advice of transformers; errors still show."""
    level, bars = hub_logging.get_verbosity(), hub_logging.is_progress_bar_enabled()
    hub_logging.set_verbosity_error()
    hub_logging.disable_progress_bar()
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
        if bars:
            hub_logging.enable_progress_bar()


def fine_tune(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Train a backbone on, with a new classifier on top.

    The model is saved so that `AutoModelForSequenceClassification.from_pretrained` and the tokenizer's counterpart
    load it; the tokenizer's `model_max_length` is the length that it was trained with.

    Parameters
    ----------
    settings
        `backbone`, `engine` (`trainer`: Hugging Face, `native`: `lexome.native_loop`), `freeze` (the embeddings and
        so many first layers stay as they are), if wanted `lora` (see `lora.add_adapters`; they are part of the saved
        model's plain weights), `pooling` (what the classifier reads, see `build_classifier`), `readings` (`shifts` and
        `mask`, see `lexome.readings`; native engine only; the saved configuration keeps `shifts`) and `training`:
        `max_length` (tokens, special ones included) beside what `native_loop.fit` reads.

    Raises
    ------
    LexomeError
        If the backbone does not fit, `freeze` and `lora` stand together, or checkpoints of another run lie beside
        `folder`.
    """
    training = settings["training"]
    if settings.get("lora") and settings["freeze"]:
        raise LexomeError("lora: trains adapters and the head while the whole backbone is frozen; set `freeze: 0`")
    with quiet():
        tokenizer = load_tokenizer(data.backbone)
        pad = tokenizer.pad_token_id or 0
        parts = (data.train, data.valid, data.test)
        examples = read_examples(data.tokens, parts, data.task, training["max_length"], tokenizer.all_special_ids)
        if readings := settings.get("readings"):
            examples = read_again(examples, parts, tokenizer, readings, training["max_length"], seed)
        run = identity(data, examples, settings, seed)
        checkpoints = open_checkpoints(folder, run)
        set_seed(seed)
        device = find_device(gpus)
        model = build_classifier(data.backbone, run["labels"], data.task, settings.get("pooling", "cls"))
        if readings:
            model.config.shifts = list(readings["shifts"])
        freeze(model, settings["freeze"])
        adapters = add_adapters(model, settings["lora"]) if settings.get("lora") else None
        trained = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)

        def score(logits: np.ndarray) -> dict[str, float]:
            return FIGURES[data.task](data.valid.targets, probabilities(logits, data.task))

        train, valid, test = examples
        fit = ENGINES[settings["engine"]]
        history = fit(model, train, valid, training, seed, device, pad, score, checkpoints)
        scores = [probabilities(native_loop.predict(model, part, pad, device), data.task) for part in (valid, test)]
        if adapters:
            model = merge(adapters)
        tokenizer.model_max_length = training["max_length"]
        with atomic(folder) as temporary:
            model.cpu().save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
    for old in set(Path(folder).parent.glob(".checkpoints-*")) - {checkpoints}:
        log.warning("%s: checkpoints of a run with other settings that was cut off; delete it if it is done with", old)
    cost = {
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "trained_parameters": trained,
        "device": device.type,
        "cut": sum(part.cut for part in examples) / sum(map(len, examples)),
    }
    return Trained(*scores, history, cost, checkpoints)
