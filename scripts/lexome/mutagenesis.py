"""In-silico saturation mutagenesis: what every substitution of every nucleotide does to a network's logits.

A substitution changes few positions of the first convolution's output, a few more of the second one's, and so on. So a
sequence is run once, and for its 3 L mutants only what differs from that run is computed, which is exact: a convolution
is linear, so that of a mutant is the sequence's plus that of the difference; norm, GELU and pooling are then applied
within the window that the difference can reach. Mutants of neighbouring positions, as many as the poolings make one of,
share their windows. The idea is that of fastISM (Nair et al., Bioinformatics 38, 2397-2403 (2022)).

`mutate_all` does the same by full passes for any network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lexome.convnets import ConvBlock, ConvNetwork, flip_strand

OTHERS = 3  # substitutions a nucleotide
CHUNK = 192  # mutants that are computed at once: what they take stays in a processor's cache


def saturate(
    model: ConvNetwork, one_hot: np.ndarray | torch.Tensor, both: bool = True, chunk: int = CHUNK
) -> np.ndarray:
    """Logits of all mutants with one substitution, less the logits of the sequence.

    Parameters
    ----------
    model
        It is put into evaluation mode; its device is used.
    one_hot
        Floats, shape (n, 4, L), from `dna.one_hot`; L is the model's length.
    both
        Whether the logits are the mean of both strands', as `convnets.strand_logits` has it.
    chunk
        Mutants that are computed at once, at least those of one pooled position: what bounds the memory.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, n_labels, L, 4), letters A, C, G, T: 0 for the letter that is there, and at an N, which is
        not substituted.
    """
    model.eval()
    x = torch.as_tensor(one_hot, dtype=torch.float32).to(model.output.weight.device)
    effects = np.empty((len(x), model.output.out_features, x.shape[2], 4), dtype=np.float32)
    with torch.inference_mode():
        for row, sequence in enumerate(x):
            found = _strand(model, sequence, chunk)
            if both:
                found = (found + _strand(model, flip_strand(sequence), chunk).flip(-2, -1)) / 2
            effects[row] = found.cpu().numpy()
    return effects


def mutate_all(
    logits: Callable[[torch.Tensor], torch.Tensor], one_hot: np.ndarray | torch.Tensor, batch_size: int = 512
) -> np.ndarray:
    """As `saturate`, by a full pass over every mutant, for any function from (b, 4, L) to (b, n_labels)."""
    x = torch.as_tensor(one_hot, dtype=torch.float32)
    rows = []
    with torch.inference_mode():
        for sequence in x:
            places, letters = _substitutions(sequence)
            reference = logits(sequence[None]).float().cpu()
            effects = torch.zeros(reference.shape[1], x.shape[2], 4)
            for start in range(0, len(places), batch_size):
                part = slice(start, start + batch_size)
                mutants = sequence.repeat(len(places[part]), 1, 1)
                mutants[torch.arange(len(mutants)), :, places[part]] = torch.eye(4, device=x.device)[letters[part]]
                effects[:, places[part].cpu(), letters[part].cpu()] = (logits(mutants).float().cpu() - reference).T
            rows.append(effects.numpy())
    return np.stack(rows)


def _substitutions(sequence: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Position and new letter of every real substitution of a sequence (4, L); int64, three for each known position."""
    places, letters = torch.nonzero((sequence.T == 0) & _known(sequence)[:, None], as_tuple=True)
    return places, letters


def _known(sequence: torch.Tensor) -> torch.Tensor:
    """Where a sequence (4, L) has a letter: bool, shape (L,)."""
    return sequence.amax(dim=0) == 1


@dataclass(frozen=True)
class _Layer:
    """A convolution block as it runs on one sequence, and where a change of its input is felt in its output.

    Attributes
    ----------
    block
        The block.
    kernel
        Its convolution's weights turned round, (channels, filters, 1, kernel), so that a transposed convolution of a
        difference gives the difference of the convolution, longer by `kernel` - 1.
    convolved
        The sequence's convolution in steps of pooled positions, (positions, pool, filters), with zeros for those before
        and behind it that a window may reach.
    pooled
        The sequence's output, (positions, filters), with the same zeros.
    real
        1 for the positions of the sequence, 0 for the zeros around them: float, (positions,).
    before
        How many zeros are before.
    start, width
        Pooled positions that a difference reaches: from `start` after that of its own beginning, `width` of them.
    shift
        Where in these, unpooled, the convolution of the difference begins.
    stride
        Pooled positions between one group of mutants and the next.
    """

    block: ConvBlock
    kernel: torch.Tensor
    convolved: torch.Tensor
    pooled: torch.Tensor
    real: torch.Tensor
    before: int
    start: int
    width: int
    shift: int
    stride: int


def _strand(model: ConvNetwork, sequence: torch.Tensor, chunk: int) -> torch.Tensor:
    """Effects on the logits of one sequence (4, L) as it is read: float32, shape (n_labels, L, 4)."""
    length = sequence.shape[1]
    layers, features = _run(model, sequence)
    group = model.settings["pool"] ** len(layers)  # neighbouring positions whose mutants share windows
    groups = -(-length // group)
    letters = functional.pad(sequence.T, (0, 0, 0, groups * group - length)).view(groups, group, 4)
    known = letters.amax(dim=2) == 1
    finish = _finish(model, features)
    # The others follow the letter that is there, in the order A, C, G, T and around.
    others = (letters.argmax(dim=2, keepdim=True) + torch.arange(1, 1 + OTHERS, device=letters.device)) % 4
    effects = torch.zeros(groups, group, 4, model.output.out_features, device=letters.device)
    filled = torch.nonzero(known.any(dim=1))[:, 0]
    for part in filled.split(max(1, chunk // (group * OTHERS))) if len(filled) else ():
        changes = _changes(letters[part], known[part], others[part])
        start, step = 0, group
        for layer in layers:
            changes = _pass_on(layer, changes, part)
            start, step = layer.start, layer.stride
        logits = finish(changes, part * step + start).view(len(part), group, OTHERS, -1)
        logits *= known[part][:, :, None, None]
        effects[part] = effects[part].scatter(2, others[part][..., None].expand_as(logits), logits)
    return effects.view(groups * group, 4, -1)[:length].permute(2, 0, 1)


def _changes(letters: torch.Tensor, known: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """What the mutants of each group add to the sequence: shape (groups, group * 3, group, 4), 0 at an N."""
    groups, group, _ = letters.shape
    new = functional.one_hot(others, 4).to(letters.dtype) - letters[:, :, None]
    changes = letters.new_zeros(groups, group, OTHERS, group, 4)
    at = torch.arange(group, device=letters.device)
    changes[:, at, :, at] = (new * known[:, :, None, None]).transpose(0, 1)
    return changes.flatten(1, 2)


def _run(model: ConvNetwork, sequence: torch.Tensor) -> tuple[list[_Layer], torch.Tensor]:
    """Run a sequence: its layers, and its features, (positions, channels)."""
    layers: list[_Layer] = []
    x = sequence[None, :, None]
    pool, blocks = model.settings["pool"], list(model.convolutions)
    # Where the window of the first group begins, and its width; windows of the next groups follow in equal strides.
    start, width, stride = 0, pool ** len(blocks), pool ** len(blocks)
    for block in blocks:
        convolved = block.convolution(block.pad(x))
        x = block.pool(block.activation(block.norm(convolved)))
        kernel = block.convolution.weight.shape[-1]
        first = start - kernel // 2  # the first position whose convolution reads a changed one
        start = first // pool
        shift = first - start * pool
        width = (shift + width + kernel - 1 + pool - 1) // pool
        stride //= pool
        positions = x.shape[-1]
        groups = -(-sequence.shape[1] // pool ** len(blocks))
        before, after = max(0, -start), max(0, (groups - 1) * stride + start + width - positions)
        around = (0, 0, before, after)
        flat = functional.pad(convolved[0, :, 0, : positions * pool].T, (0, 0, before * pool, after * pool))
        layers.append(
            _Layer(
                block,
                block.convolution.weight.transpose(0, 1).flip(-1).contiguous(),
                flat.unflatten(0, (-1, pool)),
                functional.pad(x[0, :, 0].T, around),
                functional.pad(x.new_ones(positions), (before, after)),
                before,
                start,
                width,
                shift,
                stride,
            )
        )
    return layers, x[0, :, 0].T


def _pass_on(layer: _Layer, changes: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Changes of a block's output, (groups, mutants, positions, filters), from those of its input in the same form."""
    mutants = changes.shape[1]
    grown = functional.conv_transpose2d(changes.flatten(0, 1).transpose(1, 2).unsqueeze(2), layer.kernel)
    window = groups[:, None] * layer.stride + layer.start + layer.before
    window = window + torch.arange(layer.width, device=groups.device)
    convolved = layer.convolved[window].flatten(1, 2)[:, None].repeat(1, mutants, 1, 1).flatten(0, 1)
    convolved[:, layer.shift : layer.shift + grown.shape[-1]] += grown.squeeze(2).transpose(1, 2)
    # A picture whose channels are last in memory, as the network itself has it.
    picture = convolved.transpose(1, 2).unsqueeze(2)
    pooled = layer.block.pool(layer.block.activation(layer.block.norm(picture))).squeeze(2).transpose(1, 2)
    changed = pooled.unflatten(0, (-1, mutants)) - layer.pooled[window][:, None]
    # Beyond its ends the next block reads zeros, whatever is done to the sequence.
    return changed * layer.real[window][:, None, :, None]


def _finish(model: ConvNetwork, features: torch.Tensor) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A function from changes of the features to changes of the logits.

    It takes (groups, mutants, positions, channels) and, int64 (groups,), where in the features each window begins, and
    gives (groups * mutants, n_labels).
    """
    positions, channels = features.shape
    first, *rest = [*model.dense, model.output]
    reference = model.output(model.dense(model.transformers(features[None]).flatten(1)))

    def windows(starts: torch.Tensor, width: int) -> Iterator[tuple[int, int, int]]:
        for start in starts.tolist():
            yield start, max(start, 0), min(start + width, positions)

    def spliced(changes: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        whole = features.repeat(*changes.shape[:2], 1, 1)
        for own, change, (start, low, high) in zip(whole, changes, windows(starts, changes.shape[2]), strict=True):
            if low < high:
                own[:, low:high] += change[:, low - start : high - start]
        return model.output(model.dense(model.transformers(whole.flatten(0, 1)).flatten(1))) - reference

    weights = first.weight.view(-1, positions, channels)
    hidden = first(features.flatten())

    def added(changes: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """Without attention a dense layer adds up positions, and only those that changed are asked for."""
        sums = []
        for change, (start, low, high) in zip(changes, windows(starts, changes.shape[2]), strict=True):
            low = min(low, positions)
            high = max(low, high)
            own = change[:, low - start : high - start].flatten(1)
            sums.append(own @ weights[:, low:high].flatten(1).T + hidden)
        return nn.Sequential(*rest)(torch.cat(sums)) - reference

    return spliced if len(model.transformers) else added
