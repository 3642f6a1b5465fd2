"""Time saturation mutagenesis of DNA networks against the published ways to do it, in one run, and compare memory.

Published (Deep Learning for Biology, O'Reilly, early release, chapter on DNA): a loop makes an array for each of the
4 L letters, the one that is there included, all are stacked, and the network reads the stack. Beside it: the same
mutants one at a time, which holds few of them, and the 3 L real ones in batches.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from lexome.convnets import ARCHITECTURES, ConvNetwork, architecture
from lexome.dna import one_hot
from lexome.mutagenesis import mutate_all, saturate

WAYS = ("lexome", "lexome, both strands", "stacked", "one at a time", "batches of 3 L")


def make(name: str, length: int) -> tuple[ConvNetwork, np.ndarray]:
    """A network with random weights, ready to predict, and a random sequence, (1, 4, length)."""
    torch.manual_seed(0)
    network = ConvNetwork(1, length, **architecture({"architecture": name})).eval()
    letters = np.random.default_rng(0).choice(list("ACGT"), length)
    return network, one_hot(["".join(letters)])


def mutants(sequence: np.ndarray) -> list[np.ndarray]:
    """An array (4, L) for each letter at each position of a sequence (4, L), by position."""
    made = []
    for position in range(sequence.shape[1]):
        for letter in range(4):
            mutant = sequence.copy()
            mutant[:, position] = 0
            mutant[letter, position] = 1
            made.append(mutant)
    return made


def stacked(network: ConvNetwork, x: np.ndarray) -> np.ndarray:
    """Effects, (1, 1, L, 4), by one pass over a stack of all mutants."""
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.stack(mutants(x[0])))) - network(torch.from_numpy(x))
    return logits.numpy().reshape(1, 1, -1, 4)


def one_at_a_time(network: ConvNetwork, x: np.ndarray) -> np.ndarray:
    """The same by a pass for each mutant."""
    with torch.inference_mode():
        reference = network(torch.from_numpy(x))
        logits = [network(torch.from_numpy(mutant[None])) - reference for mutant in mutants(x[0])]
    return torch.cat(logits).numpy().reshape(1, 1, -1, 4)


def ways(network: ConvNetwork, x: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """What is compared, by name."""
    return {
        "lexome": lambda: saturate(network, x, both=False),
        "lexome, both strands": lambda: saturate(network, x, both=True),
        "stacked": lambda: stacked(network, x),
        "one at a time": lambda: one_at_a_time(network, x),
        "batches of 3 L": lambda: mutate_all(network, x),
    }


def memory(way: Callable[[], np.ndarray]) -> float:
    """The most memory that PyTorch's tensors take at once in one call, in MB; arrays of numpy are not counted."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        way()
    held = most = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most / 1e6


def measure(name: str, length: int, repeats: int) -> dict:
    """CPU seconds (median of alternating calls) and memory of every way, and how they compare."""
    network, x = make(name, length)
    own = ways(network, x)
    expected = own["stacked"]()
    differences = [np.abs(own[way]() - expected).max() for way in ("lexome", "one at a time", "batches of 3 L")]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way in WAYS:
            start = time.process_time()
            own[way]()
            seconds[way].append(time.process_time() - start)
    cpu = {way: statistics.median(values) for way, values in seconds.items()}
    grown = {way: memory(own[way]) for way in WAYS}
    return {
        "architecture": name,
        "length": length,
        "cpu_s": {way: round(value, 4) for way, value in cpu.items()},
        "memory_mb": {way: round(value, 1) for way, value in grown.items()},
        "times_faster": {way: round(cpu[way] / cpu["lexome"], 1) for way in WAYS[2:]},
        "times_less_memory": {way: round(grown[way] / grown["lexome"], 1) for way in WAYS[2:]},
        "max_abs_difference": float(max(differences)),
        "largest_effect": float(np.abs(expected).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one architecture, three repeats")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names, repeats = (options.architectures[:1], 3) if options.quick else (options.architectures, options.repeats)
    for name in names:
        result = measure(name, options.length, repeats)
        if options.json:
            print(json.dumps(result))
            continue
        print(f"{name}, {options.length} nucleotides; largest difference {result['max_abs_difference']:.1e}")
        for way in WAYS:
            cost = f"{result['cpu_s'][way]:9.4f} CPU s {result['memory_mb'][way]:8.1f} MB"
            ratios = [f"{result[key].get(way, 1):6.1f}" for key in ("times_faster", "times_less_memory")]
            print(f"  {way:<22}{cost}   {ratios[0]} x time {ratios[1]} x memory")


if __name__ == "__main__":
    main()
