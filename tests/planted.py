"""A network made by hand that sees two sites, for tests of what is done with a trained one."""

import torch

from lexome.convnets import ConvNetwork, save_network
from lexome.dna import one_hot

SITES = {"ONE": "GATTACAG", "TWO": "CCGGAAGT"}


def save_planted(folder, length=30, both=True, task="multi_label"):
    """Save a network whose logits are near -4, and near 4 where the site of the factor is, on either strand."""
    network = ConvNetwork(
        len(SITES),
        length,
        1,
        len(SITES),
        8,
        2,
        False,
        transformer_blocks=0,
        heads=1,
        transformer_dense=1,
        dense=[],
        dropout=0,
    )
    with torch.no_grad():
        convolution, output = network.convolutions[0].convolution, network.output
        convolution.weight[:, :, 0] = 4 * torch.from_numpy(one_hot(list(SITES.values())))
        convolution.bias[:] = -30  # all eight letters give 2, seven nearly nothing
        # Positions by filters, as the features lie; a slope along the positions tells them apart.
        along = torch.linspace(7.2, 8.8, length // 2)
        output.weight[:] = (along[:, None, None] * torch.eye(len(SITES))).permute(1, 0, 2).flatten(1)
        output.bias[:] = -4
    save_network(network, folder, list(SITES), {"task": task, "reverse_complement": both})
