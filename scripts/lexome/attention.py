"""Attention weights of every layer and head of a classifier, packed small for a page that shows them.

Where a head looks is not why the model decides: weights can be changed a lot without changing the answer (Jain and
Wallace, 2019, Attention is not explanation). They are shown as what they are, the routes that a text takes.
"""

import string
from collections.abc import Sequence

import numpy as np

from lexome.errors import LexomeError

# One letter a weight: 64 levels, evenly spaced in the square root, so that small weights are told apart.
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
BUDGET = 700_000  # letters of a page
MOST_TOKENS = 64  # more would not be legible


def attention_weights(model, ids: np.ndarray) -> np.ndarray:
    """Attention of one text.

    Parameters
    ----------
    model
        From `attribution.load_classifier`.
    ids
        Token ids, shape (n,), special tokens included.

    Returns
    -------
    numpy.ndarray
        float32, shape (layers, heads, n, n): row i says where token i looks, and sums to 1.

    Raises
    ------
    LexomeError
        If the model does not give its weights.
    """
    import torch

    tensor = torch.from_numpy(np.asarray(ids, dtype=np.int64))[None].to(model.device)
    with torch.inference_mode():
        layers = model(input_ids=tensor, attention_mask=torch.ones_like(tensor), output_attentions=True).attentions
    if not layers or layers[0] is None:
        raise LexomeError(f"{model.config.model_type!r} does not give its attention weights")
    return torch.cat(layers).float().cpu().numpy()


def pack(weights: np.ndarray) -> list[list[str]]:
    """Weights as text.

    Parameters
    ----------
    weights
        0..1, shape (layers, heads, n, n).

    Returns
    -------
    list of list of str
        For each layer and head n * n letters, row by row; a letter's place p in `LETTERS` stands for (p / 63)².
    """
    places = np.rint(np.sqrt(np.clip(weights, 0, 1)) * (len(LETTERS) - 1)).astype(np.uint8)
    letters = np.frombuffer(LETTERS.encode(), dtype=np.uint8)[places]
    return [[head.tobytes().decode() for head in layer] for layer in letters]


def shown_tokens(layers: int, heads: int, lengths: Sequence[int], budget: int = BUDGET) -> int:
    """How many first tokens of each text fit on a page of `budget` letters; all have the same limit."""
    limit = min(MOST_TOKENS, max(lengths, default=0))
    while limit > 1 and sum(min(n, limit) ** 2 for n in lengths) * layers * heads > budget:
        limit -= 1
    return limit


def strongest(weights: np.ndarray) -> list[list[tuple[int, float]]]:
    """Where each token looks most in each layer, the mean of the heads: for a table.

    Returns
    -------
    list of list of tuple
        For each token and layer the place of the other token and the weight (two digits).
    """
    means = weights.mean(axis=1)
    places, values = means.argmax(axis=2), means.max(axis=2).round(2)
    return [
        [(int(place), round(float(value), 2)) for place, value in zip(*columns, strict=True)]
        for columns in zip(places.T, values.T, strict=True)
    ]
