"""Time the embedding of human proteins against the usual ways, in one run, and compare what they give.

The ways, all on the same weights and one thread (or one GPU):

- `lexome`: the engine of the workflow, from sequences to means over residues.
- `published`: one protein at a time with eager attention, as Deep Learning for Biology (O'Reilly) prints it: gradients
  are on. `no gradients`: the same, under `inference_mode`.
- `fixed batches`: transformers as it is loaded by default (SDPA), eight proteins at a time in the order of the file.
- `fair-esm batches`: as fair-esm's `extract` batches: sorted by length, at most 4,096 padded tokens; the same SDPA.

Seconds are CPU seconds on a CPU, else wall-clock seconds; medians of alternating runs. Weights are random, of ESM2's
sizes, unless a folder with real ones is given; sequences are taken at even steps from the proteins ordered by length.

    python benchmarks/embedding.py --quick --json       # 8M, both caps, under 45 s on two cores
    python benchmarks/embedding.py --sizes 8M 150M      # all ways
    python benchmarks/embedding.py --scaling            # memory and time against the number of sequences
    python benchmarks/embedding.py --gather             # reading 10,000 of 1,000,000 rows
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from lexome.embedding import LayerReader, embed, load_backbone, precision_of
from lexome.fasta import read_fasta
from lexome.initialisation import initialise
from lexome.throughput import peak
from lexome.tokens import encoder, load_tokenizer

ROOT = Path(__file__).parents[1]
PROTEINS = {500: ROOT / "resources/demo/human_swissprot_mf.fasta.gz", 1022: ROOT / "resources/demo/human_lengths.fasta"}
# Layers, width, heads, feed-forward width (Lin et al. 2023, Science 379, 1123, table S1; config.json of the models).
SIZES = {
    "8M": (6, 320, 20, 1280),
    "35M": (12, 480, 20, 1920),
    "150M": (30, 640, 20, 2560),
    "650M": (33, 1280, 20, 5120),
}
WAYS = ("lexome", "published", "no gradients", "fixed batches", "fair-esm batches")
QUICK = ("lexome", "published", "no gradients")


def make_backbone(size: str, folder: Path) -> Path:
    """ESM2 with random weights of a size, and its tokenizer."""
    layers, hidden, heads, inner = SIZES[size]
    initialise(
        {"architecture": "esm", "layers": layers, "hidden": hidden, "heads": heads, "intermediate": inner}
        | {"positions": 1024, "seed": 0},
        folder / size,
    )
    return folder / size


def read_proteins(path: Path, cap: int, number: int) -> list[str]:
    """So many proteins of at most `cap` residues, at even steps in order of length; shuffled, as files are."""
    table, _ = read_fasta(str(path))
    fit = table[table["length"] <= cap].sort_values(["length", "id"])["sequence"].tolist()
    places = ((np.arange(number) + 0.5) * len(fit) / number).astype(int)
    return [fit[place] for place in np.random.default_rng(0).permutation(places)]


class Ways:
    """What is timed: functions from proteins to means over residues, float32, shape (n, width)."""

    def __init__(self, folder: Path, device: torch.device, budget: int):
        self.device, self.budget = device, budget
        self.tokenizer = load_tokenizer(folder)
        self.eager = AutoModel.from_pretrained(folder, attn_implementation="eager").to(device).eval()
        self.sdpa = AutoModel.from_pretrained(folder, attn_implementation="sdpa").to(device).eval()
        depth = self.sdpa.config.num_hidden_layers
        precision = precision_of("auto", device)
        self.reader = LayerReader(load_backbone(folder, device, precision), [depth])

    def lexome(self, proteins: list[str]) -> np.ndarray:
        rows = encoder(self.tokenizer)(proteins)
        return embed(rows, self.reader, self.tokenizer, "mean", self.budget)[:, 0]

    def published(self, proteins: list[str]) -> np.ndarray:
        return np.concatenate([self._padded(self.eager, [protein]) for protein in proteins])

    def no_gradients(self, proteins: list[str]) -> np.ndarray:
        with torch.inference_mode():
            return self.published(proteins)

    def fixed_batches(self, proteins: list[str], size: int = 8) -> np.ndarray:
        with torch.inference_mode():
            parts = [proteins[start : start + size] for start in range(0, len(proteins), size)]
            return np.concatenate([self._padded(self.sdpa, part) for part in parts])

    def fair_esm_batches(self, proteins: list[str], most: int = 4096) -> np.ndarray:
        order = sorted(range(len(proteins)), key=lambda at: len(proteins[at]))
        batches, held = [], []
        for at in order:
            # One token more for each, as there: its end.
            if held and (len(proteins[at]) + 1) * (len(held) + 1) > most:
                batches.append(held)
                held = []
            held.append(at)
        batches.append(held)
        vectors = np.empty((len(proteins), self.sdpa.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches:
                vectors[batch] = self._padded(self.sdpa, [proteins[at] for at in batch])
        return vectors

    def _padded(self, model: torch.nn.Module, proteins: list[str]) -> np.ndarray:
        inputs = self.tokenizer(proteins, padding=True, return_tensors="pt").to(self.device)
        states = model(**inputs).last_hidden_state.detach()
        # Residues alone, which the publication does not care for; it costs nothing beside the rest.
        return np.stack(
            [own[1 : len(protein) + 1].mean(0).cpu().numpy() for own, protein in zip(states, proteins, strict=True)]
        )


def seconds(device: torch.device) -> float:
    """CPU seconds of this process, or the time where a GPU computes."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def compare(
    folder: Path, proteins: list[str], names: tuple[str, ...], repeats: int, device: torch.device, stop: float
) -> dict:
    """Median seconds of each way, what the engine's vectors differ by, and the rate; `stop`: no repeat after it."""
    ways = Ways(folder, device, 4096 if device.type == "cpu" else 65536)
    calls: dict[str, Callable] = {name: getattr(ways, name.replace(" ", "_").replace("-", "_")) for name in names}
    for call in calls.values():
        call(proteins[:1])
    taken: dict[str, list[float]] = {name: [] for name in names}
    found = {}
    for repeat in range(repeats):
        if repeat and time.monotonic() > stop:
            break
        for name, call in calls.items():
            start = seconds(device)
            found[name] = call(proteins)
            taken[name].append(seconds(device) - start)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    ours, theirs = found["lexome"].astype(np.float64), found["published"].astype(np.float64)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    residues = sum(map(len, proteins))
    return {
        "seconds": medians,
        "repeats": len(taken["lexome"]),
        "ratios": {name: value / medians["lexome"] for name, value in medians.items()},
        "residues_per_second": residues / medians["lexome"],
        "least_cosine": float(cosine.min()),
        "most_difference": float(np.abs(ours - theirs).max()),
        "padding": paddings(proteins),
        "utilisation": utilisation(ways.sdpa, proteins, medians["lexome"], device),
    }


def paddings(proteins: list[str]) -> dict[str, float]:
    """Share of what is computed that is padding: eight in the order of the file, and fair-esm's way; packed: none."""
    lengths = [len(protein) + 2 for protein in proteins]
    fixed = sum(max(lengths[at : at + 8]) * len(lengths[at : at + 8]) for at in range(0, len(lengths), 8))
    ordered, sizes, held = sorted(lengths), 0, []
    for length in [*ordered, None]:
        if held and (length is None or (length - 1) * (len(held) + 1) > 4096):
            sizes += max(held) * len(held)
            held = []
        held.append(length)
    return {"fixed batches": 1 - sum(lengths) / fixed, "fair-esm batches": 1 - sum(lengths) / sizes, "lexome": 0.0}


def utilisation(model: torch.nn.Module, proteins: list[str], taken: float, device: torch.device) -> float | None:
    """Share of the card's dense bfloat16 peak that the model's own operations are; None where it is not known."""
    most = peak(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    if most is None:
        return None
    weights = sum(part.numel() for part in model.encoder.parameters())
    config = model.config
    lengths = np.array([len(protein) + 2 for protein in proteins], dtype=np.float64)
    # Two operations a weight and token, and four a pair of tokens, number of the width and layer.
    flops = 2 * weights * lengths.sum() + 4 * config.num_hidden_layers * config.hidden_size * (lengths**2).sum()
    return float(flops / taken / most)


SCALED = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
import datasets, numpy as np, torch
from lexome.embedding import Embedder, LayerReader, load_backbone
from lexome.embedshard import Shard, fill_shard
from lexome.tokens import load_tokenizer
torch.set_num_threads(1)
device = torch.device("cpu")
embedder = Embedder(
    LayerReader(load_backbone(sys.argv[2], device), [1]), load_tokenizer(sys.argv[2]), "mean", 8192, 1024, 256
)
tokens = datasets.load_from_disk(sys.argv[3])
start = time.process_time()
shard = Shard(tokens, 0, {"shards": 1}, embedder)
partial, _ = fill_shard(shard, embedder, "float32", {}, sys.argv[4])
partial.finish({"vectors": sys.argv[4] + ".npy", "tokens": sys.argv[4] + ".tokens.npy"})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": time.process_time() - start, "peak_mb": peak}))
"""


def scaling(numbers: list[int]) -> list[dict]:
    """CPU seconds and peak memory of one shard of so many sequences, each in a process of its own.

    Of one layer of width 32, so that what is measured is the engine around the network; lengths are those of human
    proteins up to 1,022 residues (log-normal, mean about 400).
    """
    import datasets

    from lexome.tokens import tokenise

    told = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "backbone"
        sizes = {"layers": 1, "hidden": 32, "heads": 2, "intermediate": 64, "positions": 1024, "seed": 0}
        initialise({"architecture": "esm"} | sizes, folder)
        rng, letters = np.random.default_rng(0), np.array(list("ACDEFGHIKLMNPQRSTVWY"))
        datasets.disable_progress_bars()
        for number in numbers:
            lengths = np.clip(rng.lognormal(5.85, 0.6, number), 30, 1022).astype(int)
            sequences = ["".join(rng.choice(letters, length)) for length in lengths]
            tokens = Path(scratch) / f"tokens{number}"
            tokenise([f"P{n}" for n in range(number)], sequences, load_tokenizer(folder)).save_to_disk(tokens)
            command = [sys.executable, "-c", SCALED, str(ROOT / "scripts"), str(folder), str(tokens)]
            answer = subprocess.run([*command, f"{scratch}/out{number}"], check=True, capture_output=True, text=True)
            told.append({"sequences": number, "tokens": int(lengths.sum()) + 2 * number} | json.loads(answer.stdout))
    return told


def gather(rows: int = 1_000_000, wanted: int = 10_000, width: int = 320) -> dict:
    """Seconds and memory that reading random rows by id takes, of a store of 10 shards."""
    import pandas as pd

    from lexome.embedding_store import build_index, read_embeddings
    from lexome.runtime import write_json, write_parquet

    with tempfile.TemporaryDirectory() as scratch:
        ids = [f"P{n:07d}" for n in range(rows)]
        shards, each = [], rows // 10
        for n in range(10):
            part = np.lib.format.open_memmap(f"{scratch}/{n}.npy", "w+", np.float32, (each, 1, width))
            part[:] = np.arange(n * each, (n + 1) * each, dtype=np.float32)[:, None, None]
            shards.append((f"{n}.npy", pd.DataFrame({"id": ids[n * each : (n + 1) * each], "content": 1})))
        write_parquet(f"{scratch}/index.parquet", build_index(shards, ids, range(rows)))
        manifest = {"backbone": "made up", "layers": [1], "pooling": ["mean"], "width": width, "dtype": "float32"}
        write_json(f"{scratch}/manifest.json", manifest)
        places = np.random.default_rng(0).permutation(rows)[:wanted]
        start = time.perf_counter()
        vectors = read_embeddings(scratch, [ids[place] for place in places])
        taken = time.perf_counter() - start
        assert (vectors[:, 0] == places).all()
    return {"rows": rows, "read": wanted, "seconds": taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="8M alone, few proteins, the published way alone")
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--sizes", nargs="+", default=["8M"], choices=list(SIZES))
    parser.add_argument("--weights", type=Path, help="folder of a backbone with real weights, in place of --sizes")
    parser.add_argument("--fasta", type=Path, help="proteins of your own")
    parser.add_argument("--proteins", type=int, help="how many (10 with --quick, else 32)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--scaling", type=int, nargs="*", metavar="N", help="numbers of sequences (1000 10000 100000)")
    parser.add_argument("--gather", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if given.scaling is not None:
        for told in scaling(given.scaling or [1000, 10_000, 100_000]):
            print(json.dumps(told), flush=True)
        return
    if given.gather:
        print(json.dumps(gather()))
        return
    number = given.proteins or (10 if given.quick else 32)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        sizes = [given.weights.name] if given.weights else ["8M"] if given.quick else given.sizes
        for size in sizes:
            folder = given.weights or make_backbone(size, Path(scratch))
            for cap, path in PROTEINS.items():
                proteins = read_proteins(given.fasta or path, cap, number)
                # Of the time that a quick run may take, the longer proteins need the larger part.
                stop = began + (16 if cap == 500 else 28) if given.quick else float("inf")
                names = QUICK if given.quick else WAYS
                told = compare(folder, proteins, names, given.repeats, torch.device(given.device), stop)
                results[size, cap] = told
                if not given.json:
                    show(size, cap, proteins, told)
    if given.json:
        line = {}
        for (size, cap), told in results.items():
            name = "" if len(sizes) == 1 else f"_{size}"
            line[f"ratio_{cap}{name}"] = round(told["ratios"]["published"], 3)
            line[f"ratio_{cap}_no_gradients{name}"] = round(told["ratios"]["no gradients"], 3)
        line["least_cosine"] = min(told["least_cosine"] for told in results.values())
        line["most_difference"] = max(told["most_difference"] for told in results.values())
        print(json.dumps(line))


def show(size: str, cap: int, proteins: list[str], told: dict) -> None:
    """A table for people."""
    mean = statistics.fmean(map(len, proteins))
    print(f"\n{size}, {len(proteins)} proteins of at most {cap} residues (mean {mean:.0f}), {told['repeats']} runs")
    for name, value in told["seconds"].items():
        print(f"  {name:18} {value:8.2f} s   {told['ratios'][name]:6.2f} x lexome")
    print(f"  {told['residues_per_second']:,.0f} residues/s; least cosine {told['least_cosine']:.7f}, ", end="")
    print(f"largest difference {told['most_difference']:.1e}")
    print("  padding: " + ", ".join(f"{name} {share:.0%}" for name, share in told["padding"].items()))
    if told["utilisation"] is not None:
        print(f"  {told['utilisation']:.0%} of the card's dense bfloat16 peak")


if __name__ == "__main__":
    main()
