"""Pipelines of transformers for use from Python: sequences or texts to embeddings, and to classes with embeddings.

    from lexome.pipelines import load_classification_pipeline, load_embedding_pipeline

    embed = load_embedding_pipeline("resources/backbones/nucleotide-transformer-v2-50m-multi-species")
    vectors = embed(["ATGGTAGCTACATCATCT", "ATGGCC"], batch_size=8)  # float32, (2, 512)

    classify = load_classification_pipeline("results/species/random/fine_tuned/seed0/model")
    classify("ATGGTAGCTACATCATCT")  # {"probabilities": {"human": .31, ...}, "embedding": (512,), "cut": False}

Both give what the workflow gives of the same folders (`lexome.embedding.embed`, `lexome.predictors`): they tokenise as
it does, leave special tokens and padding out of means, and run no code but lexome's and transformers'.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, Pipeline, PreTrainedTokenizerBase

from lexome import finetuning
from lexome.devices import find_device
from lexome.embedding import POOLINGS, content_mask, pool
from lexome.errors import LexomeError
from lexome.nucleotide_transformer import load_model
from lexome.readings import WHOLE, shift
from lexome.tokens import encoder, load_tokenizer

log = logging.getLogger(__name__)

# Families whose position 0 stands after the one of the padding token.
SHIFTED = ("esm", "nucleotide_transformer", "roberta")


def token_limit(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that a model takes, special ones included: what its tokenizer says, and what its configuration says."""
    positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    if model.config.model_type in SHIFTED:
        positions -= (model.config.pad_token_id or 0) + 1
    return int(min(tokenizer.model_max_length, positions))


class SequencePipeline(Pipeline):
    """What both pipelines share: token ids, means over real tokens, parameters that are checked.

    A subclass names the parameters of its stages in `known` and says in `too_long` what becomes of long input.
    """

    _load_tokenizer = True
    _load_processor = _load_image_processor = _load_feature_extractor = False
    known: Mapping[str, tuple[str, ...]] = {"preprocess": (), "forward": ()}

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self._encode: Callable = encoder(self.tokenizer)

    def _sanitize_parameters(self, **parameters) -> tuple[dict, dict, dict]:
        """Sort parameters by stage.

        Raises
        ------
        LexomeError
            If one is unknown, or has a value that it cannot have.
        """
        stages = {stage: {k: v for k, v in parameters.items() if k in names} for stage, names in self.known.items()}
        unknown = sorted(set(parameters).difference(*stages.values()))
        if unknown:
            known = sorted({"batch_size", "num_workers"}.union(*self.known.values()))
            raise LexomeError(f"unknown pipeline parameters: {', '.join(unknown)}; known are {', '.join(known)}")
        limit = parameters.get("max_tokens")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise LexomeError(f"max_tokens: {limit!r}; give a whole number from 1 on, or None")
        if "pooling" in parameters and parameters["pooling"] not in POOLINGS:
            raise LexomeError(f"pooling: {parameters['pooling']!r}; choose one of {', '.join(POOLINGS)}")
        return stages["preprocess"], stages["forward"], {}

    def __call__(self, inputs: str | Sequence[str], **parameters):
        """Run one sequence, or many in batches of `batch_size`; the order is kept.

        Raises
        ------
        LexomeError
            If something is no text or empty, for a parameter that is unknown, or as the tokenizer refuses.
        """
        if isinstance(inputs, str):
            return self._checked([inputs], parameters)[0]
        if isinstance(inputs, bytes | Mapping) or not isinstance(inputs, Iterable):
            raise LexomeError(f"the input is of type {type(inputs).__name__}; give a text or a list of texts")
        return self.collect(self._checked(list(inputs), parameters))

    def _checked(self, texts: list[str], parameters: Mapping) -> list:
        for at, text in enumerate(texts):
            if not isinstance(text, str) or not text:
                what = "is empty" if text == "" else f"is of type {type(text).__name__}, not a text"
                raise LexomeError(f"input {at + 1} of {len(texts)} {what}")
        # Like lengths together: little padding.
        order = np.argsort([len(text) for text in texts], kind="stable")
        results: list = [None] * len(texts)
        if not texts:
            self._sanitize_parameters(**parameters)
            return results
        for at, result in zip(order, super().__call__([texts[at] for at in order], **parameters), strict=True):
            results[at] = result
        return results

    def collect(self, results: list) -> object:
        """What many inputs give; here a list."""
        return results

    def tokenise(self, text: str, max_tokens: int | None, cut: bool) -> dict:
        """Token ids and attention mask of one text, each int64, (1, tokens), and whether its end was cut off."""
        ids = np.asarray(self._encode([text])[0], dtype=np.int64)
        limit = max_tokens or token_limit(self.model, self.tokenizer)
        too_long = len(ids) > limit
        if too_long:
            what = f"{text[:20]!r}... ({len(text)} letters) has {len(ids)} tokens, special ones included, and"
            if not cut:
                raise LexomeError(f"{what} the model takes {limit}: embed it in parts, or raise max_tokens")
            log.warning("%s only the first %d are read", what, limit)
            ids = finetuning.trim(ids, limit, self.tokenizer.all_special_ids)
        tokens = torch.from_numpy(ids)[None]
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "cut": too_long}

    def run_model(self, inputs: Mapping) -> tuple[object, torch.Tensor]:
        """What the model gives, and which tokens are content: bool, (batch, tokens)."""
        ids, attention = inputs["input_ids"], inputs["attention_mask"]
        output = self.model(input_ids=ids, attention_mask=attention, output_hidden_states=True)
        return output, content_mask(ids, self.tokenizer) & attention.bool()


class SequenceEmbeddingPipeline(SequencePipeline):
    """Sequences or texts to vectors.

    Parameters, at the start or in a call: `pooling` (`mean` over the tokens that stand for letters, or `cls`), `layers`
    (a number as in `hidden_states`: 0 the token embeddings, n after layer n, -1 the last; or a list of them),
    `max_tokens` (default: what the model and its tokenizer say), `batch_size`.

    One text gives float32 of shape (width,), n texts (n, width); with a list of layers (layers, width) and
    (n, layers, width). Input that is too long is an error: nothing is cut.
    """

    known: Mapping[str, tuple[str, ...]] = {"preprocess": ("max_tokens",), "forward": ("pooling", "layers")}

    def _sanitize_parameters(self, **parameters) -> tuple[dict, dict, dict]:
        depth, layers = self.model.config.num_hidden_layers, parameters.get("layers", -1)
        for layer in layers if isinstance(layers, list | tuple) and layers else [layers]:
            if isinstance(layer, bool) or not isinstance(layer, int) or not -depth - 1 <= layer <= depth:
                raise LexomeError(f"layers: {layers!r}, but the model has layers 0 to {depth}")
        return super()._sanitize_parameters(**parameters)

    def preprocess(self, text: str, max_tokens: int | None = None) -> dict:
        """Token ids of one text."""
        return self.tokenise(text, max_tokens, cut=False)

    def _forward(self, inputs: Mapping, pooling: str = "mean", layers: int | Sequence[int] = -1) -> dict:
        output, content = self.run_model(inputs)
        wanted = [layers] if isinstance(layers, int) else list(layers)
        states = torch.stack([output.hidden_states[layer] for layer in wanted], dim=1)
        vectors = pool(states, content, pooling)
        return {"embedding": vectors[:, 0] if isinstance(layers, int) else vectors}

    def postprocess(self, outputs: Mapping) -> np.ndarray:
        """The vector, or one a layer."""
        return outputs["embedding"][0].float().numpy()

    def collect(self, results: list) -> np.ndarray:
        """All vectors in one array."""
        return np.stack(results) if results else np.empty((0, self.model.config.hidden_size), dtype=np.float32)


class SequenceClassificationPipeline(SequencePipeline):
    """Sequences or texts to the probabilities of a fine-tuned model's labels, and to its last layer's embedding.

    Parameters, at the start or in a call: `pooling` of the embedding (`mean` or `cls`), `max_tokens` (default: the
    length that the model was trained with), `batch_size`.

    One text gives a dictionary, n texts a list of them: `probabilities` (label to probability; of a multi-label model
    each by itself), `embedding` (float32, shape (width,)) and `cut`: whether the text was longer than `max_tokens`, so
    that its end was not read, as in training; that is logged too.
    """

    known: Mapping[str, tuple[str, ...]] = {"preprocess": ("max_tokens",), "forward": ("pooling",)}

    def _checked(self, texts: list[str], parameters: Mapping) -> list:
        """As of every pipeline; probabilities are of the mean over all readings that the model was trained with."""
        read, shifts = super()._checked, getattr(self.model.config, "shifts", WHOLE)
        # The first reading is of the whole texts, so that they are checked before any letter is left off.
        readings = [read(shift(texts, letters), parameters) for letters in shifts]
        task, names = finetuning.TASKS[self.model.config.problem_type], self.model.config.id2label
        for told in zip(*readings, strict=True):
            logits = np.mean([reading.pop("logits") for reading in told], axis=0)
            scores = finetuning.probabilities(logits[None], task)[0]
            told[0]["probabilities"] = {names[at]: float(score) for at, score in enumerate(scores)}
        return readings[0]

    def preprocess(self, text: str, max_tokens: int | None = None) -> dict:
        """Token ids of one text, cut as in training."""
        return self.tokenise(text, max_tokens, cut=True)

    def _forward(self, inputs: Mapping, pooling: str = "mean") -> dict:
        output, content = self.run_model(inputs)
        cut = inputs["cut"]
        return {
            "logits": output.logits,
            "embedding": pool(output.hidden_states[-1][:, None], content, pooling)[:, 0],
            "cut": cut if isinstance(cut, list) else [cut],
        }

    def postprocess(self, outputs: Mapping) -> dict:
        """Logits, of which `_checked` makes probabilities by label, the embedding, and whether the text was cut."""
        cut = outputs["cut"]
        return {
            "logits": outputs["logits"][0].float().numpy(),
            "embedding": outputs["embedding"][0].float().numpy(),
            "cut": cut[0] if isinstance(cut, list) else cut,
        }


def load_embedding_pipeline(folder: str | Path, gpus: int = 0, **settings) -> SequenceEmbeddingPipeline:
    """The embedding pipeline of a backbone's folder; of a fine-tuned model's, that of its trunk.

    Parameters
    ----------
    gpus
        GPUs that may be used.
    settings
        Parameters of the pipeline that hold where a call does not say otherwise.
    """
    return _load(SequenceEmbeddingPipeline, AutoModel, folder, gpus, settings)


def load_classification_pipeline(folder: str | Path, gpus: int = 0, **settings) -> SequenceClassificationPipeline:
    """The classification pipeline of a run's `model/` folder, of kind `fine_tune`.

    Parameters
    ----------
    gpus, settings
        As of `load_embedding_pipeline`.

    Raises
    ------
    LexomeError
        If the folder holds no classifier.
    """
    pipeline = _load(SequenceClassificationPipeline, AutoModelForSequenceClassification, folder, gpus, settings)
    if pipeline.model.config.problem_type not in finetuning.TASKS:
        raise LexomeError(f"{folder}: no fine-tuned classifier; give the `model` folder of a run of kind fine_tune")
    return pipeline


def _load(kind: type, auto: type, folder: str | Path, gpus: int, settings: Mapping) -> SequencePipeline:
    if not (Path(folder) / "config.json").is_file():
        raise LexomeError(f"{folder}: no model here (no config.json)")
    if "model_type" not in json.loads((Path(folder) / "config.json").read_text(encoding="utf-8")):
        raise LexomeError(
            f"{folder}: no model of transformers (its config.json has no model_type); give a backbone's folder, or the "
            "`model` folder of a run of kind fine_tune"
        )
    with finetuning.quiet():
        model, tokenizer = load_model(auto, folder).eval(), load_tokenizer(folder)
    return kind(model=model, tokenizer=tokenizer, device=find_device(gpus), **settings)
