"""Labelled sequences in HDF5 files that hold them one-hot: `x_train`, `y_train`, and the same of valid and test.

This is the layout of the data of EvoAug (Lee et al., Genome Biology 24, 105 (2023); Zenodo 7265991): one file a factor,
x of shape (n, 4, length) with channels A, C, G, T, y of shape (n, 1), 1 for bound.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.dna import UNKNOWN, decode
from lexome.errors import LexomeError

SUBSETS = ("train", "valid", "test")
BLOCK = 8192  # sequences that are held one-hot at once


def read_one_hot(path: str | Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each subset of a file.

    Yields
    ------
    subset : str
        `train`, `valid` or `test`; valid may be absent.
    rows : pandas.DataFrame
        `name` (the row's number in the file), `sequence` (A, C, G, T, and N where not exactly one channel is 1) and
        `bound` (bool), in file order.

    Raises
    ------
    LexomeError
        If the file is not HDF5, lacks train or test, or its arrays are not of the layout; with file and array.
    """
    import h5py

    if not Path(path).is_file():
        raise LexomeError(f"{path}: no such file; check the path in the config")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise LexomeError(f"{path}: not an HDF5 file, or cut off ({error}); fetch it again") from error
    with file:
        # Files by the same authors write X_train as well.
        arrays = {name.lower(): file[name] for name in file if isinstance(file[name], h5py.Dataset)}
        for subset in SUBSETS:
            x, y = (arrays.get(f"{part}_{subset}") for part in "xy")
            if x is None and y is None and subset == "valid":
                continue
            if x is None or y is None:
                known = ", ".join(arrays) or "none"
                raise LexomeError(f"{path}: no arrays x_{subset} and y_{subset}; the file has {known}")
            sequences = _sequences(x, f"{path}, {x.name.lstrip('/')}")
            bound = _labels(y, len(sequences), f"{path}, {y.name.lstrip('/')}")
            names = [f"{row:06d}" for row in range(len(sequences))]
            yield subset, pd.DataFrame({"name": names, "sequence": sequences, "bound": bound})


def _sequences(x, where: str) -> list[str]:
    if x.ndim != 3 or 4 not in x.shape[1:]:
        raise LexomeError(f"{where}: has the shape {x.shape}; one-hot DNA has (sequences, 4, length)")
    if not len(x):
        raise LexomeError(f"{where}: has no sequence")
    last = x.shape[1] != 4  # (n, length, 4)
    sequences = []
    for start in range(0, len(x), BLOCK):
        block = np.asarray(x[start : start + BLOCK])
        block = block.transpose(0, 2, 1) if last else block
        if not np.isin(block, (0, 1)).all():
            raise LexomeError(f"{where}: has values other than 0 and 1; it is not one-hot")
        codes = block.argmax(axis=1).astype(np.uint8)
        codes[block.sum(axis=1) != 1] = UNKNOWN
        sequences += decode(codes)
    return sequences


def _labels(y, n: int, where: str) -> np.ndarray:
    if y.shape not in ((n,), (n, 1)):
        raise LexomeError(f"{where}: has the shape {y.shape}; a file of one factor with {n} sequences has ({n}, 1)")
    labels = np.asarray(y).reshape(-1)
    if not np.isin(labels, (0, 1)).all():
        raise LexomeError(f"{where}: has values other than 0 and 1")
    return labels.astype(bool)
