"""Weights and what using them takes, in one folder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from lexome.runtime import atomic, write_json


def save_model(folder: str | Path, weights: Mapping[str, np.ndarray], config: Mapping) -> None:
    """Save a model as `model.safetensors` and `config.json`, whole or not at all."""
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        # What lies in memory in another order (channels last, say) is put into that of its axes; scalars stay scalars.
        arrays = {name: np.asarray(values, order="C") for name, values in weights.items()}
        save_file(arrays, temporary / "model.safetensors")
        write_json(temporary / "config.json", dict(config))
