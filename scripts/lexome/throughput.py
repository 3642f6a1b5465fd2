"""How fast a masked-language model was trained, and which share of what its device can do that is."""

import re
from collections.abc import Mapping

import torch
from torch import nn

# Dense bfloat16 multiplications and additions a second, from the makers' data sheets; the first pattern that fits a
# card's name counts. H100 stands for the SXM card.
PEAKS = {
    r"\bH100 NVL\b": 835e12,
    r"\bH100 PCIe\b": 756e12,
    r"\bH[12]00\b": 989e12,
    r"\bA100\b": 312e12,
    r"\bL40S\b": 362e12,
    r"\bL4\b": 121e12,
}


def peak(name: str) -> float | None:
    """What a card of this name can do at most in bfloat16, FLOP/s; None where it is not known."""
    return next((flops for pattern, flops in PEAKS.items() if re.search(pattern, name)), None)


def token_flops(model: nn.Module, head: nn.Module | None, seen: float, masked_share: float) -> dict:
    """Floating-point operations that one token costs in training, forward and backward.

    6 N for the N weights that a token is multiplied with (Kaplan et al. 2020, arXiv:2001.08361, section 2.1) and
    12 L H T for attention of L layers of width H over the T tokens of a text (Chowdhery et al. 2022, arXiv:2204.02311,
    appendix B). Embeddings are looked up and cost nothing. The head is asked at masked tokens alone where `head` is
    known, so that its weights count with their share. Padding and whatever else the device does count as nothing.

    Parameters
    ----------
    head
        From `masked_lm.find_head`.
    seen
        Tokens that a token sees (its text's), mean over tokens.
    masked_share
        Of all tokens.

    Returns
    -------
    dict
        `weights` (N, a float: the head counts in part) and `flops`.
    """
    trunk, config = model.base_model, model.config
    tables = (module for module in trunk.modules() if isinstance(module, nn.Embedding))
    embedded = {id(part) for module in tables for part in module.parameters()}
    own = {id(part): part.numel() for part in trunk.parameters()}
    # A decoder that is tied to the embeddings is a part of the head.
    parts = [head] if head is not None else [part for part in model.children() if part is not trunk]
    above = {id(weights): weights.numel() for part in parts for weights in part.parameters()}
    weights = sum(size for key, size in own.items() if key not in embedded)
    weights += sum(above.values()) * (1 if head is None else masked_share)
    attention = 12 * config.num_hidden_layers * config.hidden_size * seen
    return {"weights": weights, "flops": 6 * weights + attention}


def describe_speed(trained: Mapping[str, float], flops: Mapping[str, float], device: torch.device) -> dict:
    """What a training took, ready for JSON.

    Parameters
    ----------
    trained
        `seconds` and `tokens` (special ones included, padding not) of the steps in which everything was trained;
        measuring and checkpoints are in neither.
    flops
        From `token_flops`.

    Returns
    -------
    dict
        `seconds`, `tokens`, `tokens_per_second`, `weights_per_token`, `flops_per_token`, `flops_per_second`,
        `device_name`, `peak_flops_per_second` and `utilisation` (model FLOPs utilisation, a share of the peak); the
        last two None where the peak is not known.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    rate = trained["tokens"] / trained["seconds"] if trained["seconds"] else 0.0
    most = peak(name) if device.type == "cuda" else None
    return {
        **trained,
        "tokens_per_second": rate,
        "weights_per_token": flops["weights"],
        "flops_per_token": flops["flops"],
        "flops_per_second": rate * flops["flops"],
        "device_name": name,
        "peak_flops_per_second": most,
        "utilisation": None if most is None else rate * flops["flops"] / most,
    }
