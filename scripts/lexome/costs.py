"""What a run costs: seconds, and an estimate of the energy."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

# Watts of one busy core with its share of the package, in the middle of what laptops (5), desktops and servers (15)
# take under full load. An estimate made with it tells a tenfold difference from a twofold one, no more.
CORE_WATTS = 10.0


@contextlib.contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Measure a block: `seconds` by the clock and `cpu_seconds` of all threads of this process."""
    measured = {"seconds": 0.0, "cpu_seconds": 0.0}
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield measured
    finally:
        measured["seconds"] = time.perf_counter() - wall
        measured["cpu_seconds"] = time.process_time() - cpu


def energy_wh(seconds: float, cpu_seconds: float, device: str, gpu_watts: float | None = None) -> float | None:
    """Estimate the energy of a training in watt-hours; None where there is nothing to say it by.

    Parameters
    ----------
    seconds, cpu_seconds
        As `stopwatch` measures them.
    device
        `cpu`: processor seconds times `CORE_WATTS`. `cuda`: seconds times the power limit of the card, which is more
        than it draws on most days.
    gpu_watts
        That limit, see `gpu_power_limit`.
    """
    if device == "cpu":
        return cpu_seconds * CORE_WATTS / 3600
    return None if gpu_watts is None else seconds * gpu_watts / 3600


def gpu_power_limit() -> float | None:
    """Watts that NVML (through nvidia-smi) allows the first visible card; None where it does not tell."""
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0] or "0"
    query = ["nvidia-smi", f"--id={card}", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
        return float(answer.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def describe(measured: dict[str, float], device: str) -> dict:
    """What a block took, ready for JSON: `seconds`, `cpu_seconds`, `device` and `energy_wh` (an estimate, or None)."""
    watts = gpu_power_limit() if device == "cuda" else None
    return {**measured, "device": device, "energy_wh": energy_wh(**measured, device=device, gpu_watts=watts)}
