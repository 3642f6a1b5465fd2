"""The vectors that a trained run sees of its examples: what its head reads, or what its own trunk makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lexome.embedding_store import read_embeddings

KINDS = ("head", "fine_tune")  # kinds of models that have such vectors


def run_vectors(run: Mapping, ids: Sequence[str], gpus: int = 0) -> np.ndarray:
    """Vectors of examples, in the order of `ids`.

    Parameters
    ----------
    run
        `kind`; of a `head` `embeddings` (folder), `layers` and `pooling`; of a `fine_tune` model `model_folder` and
        `tokens` (folders), `max_length` and `batch_tokens`.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, width): the stored embeddings that a head reads, or the last layer of a fine-tuned model as a
        mean over the tokens that stand for letters.
    """
    if run["kind"] == "head":
        return read_embeddings(run["embeddings"], ids, run["layers"], run["pooling"])
    return tuned_vectors(run["model_folder"], run["tokens"], ids, run["max_length"], run["batch_tokens"], gpus)


def tuned_vectors(
    model: str | Path, tokens: str | Path, ids: Sequence[str], max_length: int, batch_tokens: int, gpus: int = 0
) -> np.ndarray:
    """As `run_vectors` of a fine-tuned model; its examples are cut where they were in training."""
    from lexome.devices import find_device
    from lexome.embedding import LayerReader, embed, load_backbone
    from lexome.finetuning import quiet, read_examples
    from lexome.runs import Part
    from lexome.tokens import load_tokenizer

    device = find_device(gpus)
    with quiet():
        tokenizer = load_tokenizer(model)
        reader = LayerReader(load_backbone(model, device), [-1])
    part = Part(list(ids), None, None)
    (examples,) = read_examples(tokens, [part], "multi_class", max_length, tokenizer.all_special_ids)
    return embed(examples.rows, reader, tokenizer, "mean", batch_tokens)[:, 0]
