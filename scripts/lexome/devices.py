"""The one place that finds the device and sets threads and seeds."""

import random

import numpy as np
import torch


def find_device(gpus: int = 1) -> torch.device:
    """The device to compute on: a CUDA GPU where there is one, else Apple's MPS, else the CPU.

    Parameters
    ----------
    gpus
        GPUs that the job may use (the rule's `gpu` resource); 0 means the CPU even where a GPU is visible, so that
        jobs which gain nothing from it do not crowd it.
    """
    if gpus and torch.cuda.is_available():
        return torch.device("cuda")
    if gpus and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where it pays: on CUDA. CPUs without matrix units are slower with it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def set_threads(threads: int) -> None:
    """Give torch as many CPU threads as the rule was given.

    One torch process that takes more threads than its share slows down many times beside other jobs.
    """
    torch.set_num_threads(threads)


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (CPU and GPU)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that we call draw from the global generator
    torch.manual_seed(seed)
