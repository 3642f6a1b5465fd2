"""A trained run put to use: from its saved model to probabilities of new texts or sequences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.errors import LexomeError
from lexome.runtime import read_json


@dataclass(frozen=True)
class Predictor:
    """What a saved model says of texts.

    Attributes
    ----------
    score
        Texts to probabilities, (n, n_labels).
    n_labels
        Labels of the model.
    limit
        Tokens of a text that the model reads, special ones included; what follows is cut off. None: it reads all.
    count
        Tokens of each text, special ones included, nothing cut; None for models that do not read tokens.
    """

    score: Callable[[Sequence[str]], np.ndarray]
    n_labels: int
    limit: int | None = None
    count: Callable[[Sequence[str]], list[int]] | None = None

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities, float32, shape (n, n_labels), in the order of the split's labels."""
        if not len(texts):
            return np.empty((0, self.n_labels), dtype=np.float32)
        return np.asarray(self.score(list(texts)), dtype=np.float32)

    def cut(self, texts: Sequence[str]) -> np.ndarray:
        """Which texts are longer than the model reads: bool, shape (n,)."""
        if self.count is None or self.limit is None or not len(texts):
            return np.zeros(len(texts), dtype=bool)
        return np.array(self.count(list(texts))) > self.limit


def load_predictor(
    model_folder: str | Path,
    settings: Mapping,
    backbone_folder: str | Path | None = None,
    backbone: Mapping | None = None,
    task: str | None = None,
    gpus: int = 0,
) -> Predictor:
    """Load the model of a run; texts are read as in its training, so that long ones are cut where they were there.

    Parameters
    ----------
    model_folder
        `model/` of a run.
    settings
        The model's entry in the config.
    backbone_folder
        The frozen backbone that a `head` reads; other kinds keep all they need in their own folder.
    backbone
        Its entry in the registry (`max_tokens` and `embedding` are read); a `head` needs it. Of a `fine_tune` model,
        `max_tokens` is read where the entry is given.
    task
        `multi_class` or `multi_label`; a `head` needs it, the others have kept it.
    gpus
        GPUs that may be used.

    Raises
    ------
    LexomeError
        If a model of this kind says nothing of a single text.
    """
    loaders = LOADERS | DNA_LOADERS
    if settings["kind"] not in loaders:
        raise LexomeError(f"a model of kind {settings['kind']} does not read texts; choose one of {', '.join(loaders)}")
    return loaders[settings["kind"]](Path(model_folder), settings, backbone_folder, backbone or {}, task, gpus)


def _tfidf(model_folder: Path, settings: Mapping, *_) -> Predictor:
    from lexome.textmodels import load_tfidf

    return Predictor(load_tfidf(model_folder), len(read_json(model_folder / "config.json")["labels"]))


def _kmer(model_folder: Path, *_) -> Predictor:
    from lexome.dnamodels import load_kmer

    return Predictor(load_kmer(model_folder), len(read_json(model_folder / "config.json")["labels"]))


def _pwm(model_folder: Path, *_) -> Predictor:
    from lexome.dnamodels import load_pwm

    return Predictor(load_pwm(model_folder), len(read_json(model_folder / "config.json")["labels"]))


def _network(
    model_folder: Path, _settings: Mapping, _backbone_folder: object, _backbone: Mapping, _task: object, gpus: int
) -> Predictor:
    from lexome.devices import find_device
    from lexome.dnanetworks import load_scorer

    return Predictor(*load_scorer(model_folder, find_device(gpus)))


def _fine_tune(
    model_folder: Path, settings: Mapping, _backbone_folder: object, backbone: Mapping, _task: object, gpus: int
) -> Predictor:
    from transformers import AutoModelForSequenceClassification

    from lexome import finetuning, native_loop
    from lexome.devices import find_device
    from lexome.nucleotide_transformer import load_model
    from lexome.readings import WHOLE, shift
    from lexome.tokens import load_tokenizer

    device = find_device(gpus)
    with finetuning.quiet():
        tokenizer = load_tokenizer(model_folder)
        model = load_model(AutoModelForSequenceClassification, model_folder).to(device)
    task, pad = finetuning.TASKS[model.config.problem_type], tokenizer.pad_token_id or 0
    limit = min(settings["training"]["max_length"], backbone.get("max_tokens", settings["training"]["max_length"]))

    def score(texts: Sequence[str]) -> np.ndarray:
        shifts = getattr(model.config, "shifts", WHOLE)
        first, *others = (_token_rows(tokenizer, shift(texts, letters), limit) for letters in shifts)
        examples = native_loop.Examples(first, None, others=others)
        return finetuning.probabilities(native_loop.predict(model, examples, pad, device), task)

    return Predictor(score, model.config.num_labels, limit, _counter(tokenizer))


def _head(
    model_folder: Path,
    settings: Mapping,
    backbone_folder: str | Path | None,
    backbone: Mapping,
    task: str | None,
    gpus: int,
) -> Predictor:
    import torch

    from lexome.devices import find_device
    from lexome.embedding import LayerReader, embed, load_backbone
    from lexome.embedplan import takes_windows, vector_poolings, windows
    from lexome.heads import load_head
    from lexome.tokens import load_tokenizer
    from lexome.training import OBJECTIVES, predict

    if backbone_folder is None or not backbone or task is None:
        raise ValueError("a head needs its backbone's folder, its entry in the registry and the task")
    device = find_device(gpus)
    network, config = load_head(model_folder)
    tokenizer = load_tokenizer(backbone_folder)
    reader = LayerReader(load_backbone(backbone_folder, device), config["features"]["layers"])
    batch_tokens = backbone["embedding"]["batch_tokens"]
    # Longer texts are read in windows, or cut as the study's were.
    limit = None if takes_windows(backbone) else backbone["max_tokens"]
    # Heads made before poolings were a choice do not name one.
    pooling = config["features"].get("pooling") or vector_poolings(backbone)[0]

    def score(texts: Sequence[str]) -> np.ndarray:
        rows = _token_rows(tokenizer, texts, limit)
        features = embed(rows, reader, tokenizer, pooling, batch_tokens, **windows(backbone))
        return predict(network, torch.from_numpy(features.reshape(len(rows), -1)), OBJECTIVES[task])

    return Predictor(score, len(config["labels"]), limit, _counter(tokenizer))


def _token_rows(tokenizer, texts: Sequence[str], limit: int | None) -> list[np.ndarray]:
    """Token ids of each text as a study's are made; those that are cut are counted in the log."""
    from lexome.tokens import tokenise

    tokens = tokenise([str(at) for at in range(len(texts))], texts, tokenizer, limit)
    return [np.asarray(row) for row in tokens["input_ids"]]


def _counter(tokenizer) -> Callable[[Sequence[str]], list[int]]:
    from lexome.tokens import encoder

    encode = encoder(tokenizer)
    return lambda texts: [len(row) for row in encode(texts)]


# Kinds whose models read a text by itself (`plan.TEXT_KINDS` names them where nothing heavy may be imported).
LOADERS: dict[str, Callable[..., Predictor]] = {"tfidf": _tfidf, "fine_tune": _fine_tune, "head": _head}
# Kinds whose models read DNA and nothing else: letters A, C, G, T and N in upper case.
DNA_LOADERS: dict[str, Callable[..., Predictor]] = {
    "composition": _kmer,
    "kmer": _kmer,
    "pwm": _pwm,
    "network": _network,
}
