"""Attributions of a network's logit to the nucleotides of its input, by gradients; and what its attention looks at.

What is explained is the logit of one label, averaged over both strands where the network's predictions are: each method
is applied to either strand, and since all are linear in the function that they explain, the mean of the two is exact.

Every method here gives an array (rows, L, 4), letters A, C, G, T, whose values compare the letters of a position: what
each would bring if it were there (hypothetical contributions), in units of the logit. The value at the letter that is
there is the contribution of the position (`attributionscores.importance`). What differs is the path from a reference to
the sequence:

- `gradient`: none, the slope at the sequence. One-hot columns sum to 1, so a slope along all four letters alike has no
  meaning: it is taken out by subtracting the mean of the four (Majdandzic et al., Genome Biol 24, 109 (2023)).
- `integrated_gradients` (Sundararajan, Taly and Yan, 2017): a straight line from .25 of each letter, which says nothing
  and keeps all points between within the simplex on which letters are compared; with zeros, points between would lack
  letters, which networks see nowhere but at N (simulated SRF sites are found with an average precision of .79 from .25,
  .74 from zeros). Its contributions sum to the logit less that of the reference.
- `deeplift_shap` (Shrikumar et al., 2017; Lundberg and Lee, 2017), by tangermeme: the mean over dinucleotide shuffles
  of the sequence, which keep its composition and break its sites.

An N has no letter: it is the same in every reference, and its values are 0.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lexome.backgrounds import shuffle_dinucleotides
from lexome.convnets import ConvNetwork, SelfAttention, flip_strand
from lexome.dna import one_hot

KNOWN = re.compile("[ACGT]+")
# Points of the path through an attention layer, for which DeepLIFT has no rule of its own: see `deeplift_shap`.
ATTENTION_POINTS = 8


@dataclass(frozen=True)
class Attributed:
    """Attributions, and whether they add up.

    Attributes
    ----------
    array
        float32, shape (rows, L, 4).
    logit, reference
        float64, shape (rows,): the logit of each sequence, and the mean of those of its references.
    delta
        float64, shape (rows,): the sum of a row's contributions less `logit - reference`, 0 for a perfect method.
    """

    array: np.ndarray
    logit: np.ndarray
    reference: np.ndarray
    delta: np.ndarray


def gradient(
    model: nn.Module, x: np.ndarray | torch.Tensor, labels: Sequence[int], both: bool, batch_size: int = 256
) -> np.ndarray:
    """Gradients of a logit with the simplex correction.

    Parameters
    ----------
    model
        From (b, 4, L) to (b, n_labels); it is put into evaluation mode.
    x
        One-hot sequences, shape (rows, 4, L).
    labels
        The label to explain for each row, int, shape (rows,).
    both
        Whether the logit is the mean of both strands'.

    Returns
    -------
    numpy.ndarray
        float32, shape (rows, L, 4); each position sums to 0.
    """
    x, labels = _inputs(model, x, labels)
    parts = [_gradients(model, x[part], labels[part], both)[0].cpu() for part in torch.arange(len(x)).split(batch_size)]
    return _as_letters(_centred(_joined(parts, x)), x)


def integrated_gradients(
    model: nn.Module,
    x: np.ndarray | torch.Tensor,
    labels: Sequence[int],
    both: bool,
    steps: int,
    batch_size: int = 256,
) -> Attributed:
    """Integrated gradients from .25 of each letter, as hypothetical contributions.

    Parameters
    ----------
    steps
        Points of the Gauss-Legendre quadrature.
    batch_size
        Rows times steps of a pass.
    """
    x, labels = _inputs(model, x, labels)
    baseline = torch.full_like(x, 0.25) * x.sum(dim=1, keepdim=True)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    nodes = torch.tensor((nodes + 1) / 2, dtype=x.dtype, device=x.device)
    weights = torch.tensor(weights / 2, dtype=x.dtype, device=x.device)
    parts = []
    for part in torch.arange(len(x)).split(max(1, batch_size // steps)):
        line = baseline[part, None] + nodes[:, None, None] * (x[part] - baseline[part])[:, None]
        slopes, _ = _gradients(model, line.flatten(0, 1), labels[part].repeat_interleave(steps), both)
        parts.append(torch.einsum("s,rscl->rcl", weights, slopes.unflatten(0, (-1, steps))).cpu())
    slopes = _joined(parts, x)
    contributions = ((x - baseline).cpu().double() * slopes.double()).sum(dim=(1, 2))
    ends = [_own_logits(model, points, labels, both, batch_size) for points in (x, baseline)]
    return _attributed(_as_letters(_centred(slopes), x), *ends, contributions)


def deeplift_shap(
    model: nn.Module,
    sequences: Sequence[str],
    labels: Sequence[int],
    both: bool,
    references: int,
    seed: int,
    batch_size: int = 128,
) -> Attributed:
    """DeepLIFT/SHAP against dinucleotide shuffles, as hypothetical contributions.

    Convolutions, batch norm in evaluation, dense layers and sums are linear; GELU, max-pooling and layer norm have
    tangermeme's rules. Attention multiplies its inputs with each other and has no rule as a whole: it gets one here,
    its gradient integrated along the line between the two inputs, which sums to its difference.

    Parameters
    ----------
    sequences
        Of one length, A, C, G, T and N; an equal sequence has equal references.
    references
        Shuffles of each sequence.
    seed
        Of the shuffles.
    batch_size
        Pairs of a sequence and a reference in a pass.
    """
    from tangermeme.deep_lift_shap import deep_lift_shap, integrated_gradients_op

    x, labels = _inputs(model, one_hot(sequences), labels)
    shuffles = torch.from_numpy(shuffled_references(sequences, references, seed)).to(x.device)
    multipliers = torch.zeros_like(shuffles, device="cpu")

    def run(x: torch.Tensor, shuffles: torch.Tensor, label: int) -> torch.Tensor:
        return deep_lift_shap(
            model,
            x,
            target=label,
            batch_size=batch_size,
            references=shuffles,
            additional_nonlinear_ops={SelfAttention: integrated_gradients_op(ATTENTION_POINTS)},
            raw_outputs=True,
            only_warn=True,  # an N is no mistake here
            device=x.device,
        )

    with warnings.catch_warnings():
        # Deltas are handed back in numbers; the other warning is of N.
        warnings.filterwarnings("ignore", message="Convergence deltas")
        warnings.filterwarnings("ignore", message=".*one-hot encoded")
        for label in labels.unique().tolist():
            rows = torch.nonzero(labels == label)[:, 0]
            found = run(x[rows], shuffles[rows], label)
            if both:
                found = (found + flip_strand(run(flip_strand(x[rows]), flip_strand(shuffles[rows]), label))) / 2
            multipliers[rows.cpu()] = found.cpu()

    # What a letter brings: its multiplier less that of the reference's letter.
    held = shuffles.cpu()
    hypothetical = (multipliers - (multipliers * held).sum(dim=2, keepdim=True)).mean(dim=1)
    contributions = ((x.cpu()[:, None] - held).double() * multipliers.double()).sum(dim=(2, 3)).mean(dim=1)
    logit = _own_logits(model, x, labels, both, batch_size)
    reference = _own_logits(model, shuffles.flatten(0, 1), labels.repeat_interleave(references), both, batch_size)
    return _attributed(_as_letters(hypothetical, x), logit, reference.view(-1, references).mean(dim=1), contributions)


def shuffled_references(sequences: Sequence[str], n: int, seed: int) -> np.ndarray:
    """Dinucleotide shuffles of sequences of one length, one-hot: float32, shape (rows, n, 4, L).

    Every stretch between N is shuffled by itself, so that N stays where it is.
    """
    made: dict[str, list[str]] = {}
    for sequence in sequences:
        if sequence not in made:
            # A generator of its own, so that a sequence has the same shuffles whatever else is explained.
            rng = np.random.default_rng([seed, *sequence.encode()])
            made[sequence] = [
                KNOWN.sub(lambda run, rng=rng: shuffle_dinucleotides(run[0], rng), sequence) for _ in range(n)
            ]
    flat = one_hot([shuffle for sequence in sequences for shuffle in made[sequence]])
    return flat.reshape(len(sequences), n, *flat.shape[1:])


def convergence(attributed: Attributed) -> dict[str, float]:
    """How far contributions are from adding up.

    Returns
    -------
    dict
        `delta_median` and `delta_largest` of the deltas, in logits and without sign; as shares of what the
        contributions should add up to `share_median`, and `share_of_sums`, since a single row may have next to nothing
        to share out.
    """
    delta, whole = np.abs(attributed.delta), np.abs(attributed.logit - attributed.reference)
    tiny = np.finfo(np.float32).tiny
    return {
        "delta_median": float(np.median(delta)),
        "delta_largest": float(delta.max()),
        "share_median": float(np.median(delta / np.maximum(whole, tiny))),
        "share_of_sums": float(delta.sum() / max(whole.sum(), tiny)),
    }


def attention_maps(model: ConvNetwork, x: np.ndarray | torch.Tensor, batch_size: int = 64) -> np.ndarray | None:
    """Attention weights of sequences as they are read, on one strand.

    Returns
    -------
    numpy.ndarray or None
        float32, shape (rows, heads, P, P): how much each of P pooled positions (row) looks at each (column), the heads
        of further blocks behind those of the first; None for a network without attention.
    """
    layers = [module for module in model.modules() if isinstance(module, SelfAttention)]
    if not layers:
        return None
    x, _ = _inputs(model, x, [])
    seen: list[torch.Tensor] = []
    hooks = [layer.softmax.register_forward_hook(lambda _, __, out: seen.append(out.float().cpu())) for layer in layers]
    try:
        with torch.inference_mode():
            maps = []
            for part in x.split(batch_size):
                seen.clear()
                model(part)
                maps.append(torch.cat(seen, dim=1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(maps).numpy()


def as_inputs(model: nn.Module, x: np.ndarray | torch.Tensor) -> torch.Tensor:
    """An array as a tensor on the device and in the precision of the model's weights."""
    weights = next(model.parameters())
    return torch.as_tensor(x).to(weights.device, weights.dtype)


def _inputs(model: nn.Module, x: np.ndarray | torch.Tensor, labels: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    model.eval()
    x = as_inputs(model, x)
    return x, torch.tensor(np.array(labels, dtype=np.int64), device=x.device)


def _own(model: nn.Module, x: torch.Tensor, labels: torch.Tensor, both: bool) -> torch.Tensor:
    """The logit that is explained, shape (rows,)."""
    logits = (model(x) + model(flip_strand(x))) / 2 if both else model(x)
    return logits.gather(1, labels[:, None])[:, 0]


def _own_logits(model: nn.Module, x: torch.Tensor, labels: torch.Tensor, both: bool, batch_size: int) -> torch.Tensor:
    with torch.no_grad():
        parts = zip(x.split(batch_size), labels.split(batch_size), strict=True)
        return torch.cat([_own(model, *part, both).double().cpu() for part in parts])


def _gradients(
    model: nn.Module, x: torch.Tensor, labels: torch.Tensor, both: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of the explained logit, as `x`, and the logit."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        own = _own(model, x, labels, both)
        return torch.autograd.grad(own.sum(), x)[0], own.detach()


def _centred(values: torch.Tensor) -> torch.Tensor:
    return values - values.mean(dim=1, keepdim=True)


def _joined(parts: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    return torch.cat(parts) if parts else torch.zeros_like(x, device="cpu")


def _as_letters(values: torch.Tensor, x: torch.Tensor) -> np.ndarray:
    """(rows, 4, L) to float32 (rows, L, 4), 0 at an N."""
    known = x.sum(dim=1, keepdim=True).cpu() > 0
    return (values * known).transpose(1, 2).contiguous().float().numpy()


def _attributed(
    values: np.ndarray, logit: torch.Tensor, reference: torch.Tensor, contributions: torch.Tensor
) -> Attributed:
    logit, reference = logit.numpy(), reference.numpy()
    return Attributed(values, logit, reference, contributions.numpy() - (logit - reference))
