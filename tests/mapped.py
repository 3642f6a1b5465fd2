"""A made-up run of three species: its maps, figures beside them, and errors against divergence times."""

import numpy as np
import pandas as pd

from lexome.runtime import write_parquet, write_tsv

SPECIES = {"human": "Homo sapiens", "mouse": "Mus musculus </script>", "ecoli": "Escherichia coli"}
TIMES = {"human": {"mouse": 87, "ecoli": 4250}, "ecoli": {"mouse": 4250}}
RUNS = [("frozen", 0), ("tuned", 0), ("kmer3_shares", None)]
METRICS = ("silhouette", "knn_accuracy", "probe_accuracy")


def write_maps(folder, n=60, runs=RUNS):
    """`map.parquet` and `map_scores.tsv` as map_embeddings writes them."""
    rng = np.random.default_rng(0)
    names = np.array(list(SPECIES))
    species = rng.integers(0, 3, n)
    parts, scores = [], []
    for place, (model, seed) in enumerate(runs):
        points = rng.normal(0, 1, (n, 2)) + place * np.eye(3)[species][:, :2] * 4
        parts.append(
            pd.DataFrame(
                {
                    "id": [f"{names[at]}:g{row}:0" for row, at in enumerate(species)],
                    "subset": "test",
                    "group": np.arange(n).astype(str),
                    "species": names[species],
                    "model": model,
                    "seed": pd.array([seed] * n, "Int32"),
                    "x": points[:, 0].astype(np.float32),
                    "y": points[:, 1].astype(np.float32),
                    "predicted": names[np.where(rng.random(n) < 0.7, species, (species + 1) % 3)],
                    "probability": rng.random(n).astype(np.float32),
                }
            )
        )
        for metric in METRICS:
            ends = {"value": 0.5 + place / 10, "low": 0.48 + place / 10, "high": 0.52 + place / 10}
            scores.append(
                {"study": "species", "split": "random", "model": model, "seed": seed, "metric": metric} | ends
            )
            scores[-1] |= {"chance": 0.333, "n": n}
    write_parquet(folder / "map.parquet", pd.concat(parts, ignore_index=True))
    write_tsv(folder / "map_scores.tsv", pd.DataFrame(scores).astype({"seed": "Int32"}))


def distance_tables(models=("frozen", "tuned")):
    """The tables of compare_distances, with errors that become rarer with time."""
    pairs = [("human", "mouse", 87), ("human", "ecoli", 4250), ("mouse", "ecoli", 4250)]
    rows = [
        {"study": "species", "split": "random", "model": model, "first": a, "second": b, "rate": 0.2 - time / 30000}
        | {"low": 0.03, "high": 0.25, "n": 40, "divergence": time, "composition": time / 10000}
        for model in models
        for a, b, time in pairs
    ]
    tests = [
        {"study": "species", "split": "random", "model": model, "against": against, "rho": rho, "low": -1, "high": 0.1}
        | {"p": p, "relabellings": 6, "pairs": 3}
        for model in models
        for against, rho, p in (("divergence", -0.9, 0.04), ("composition", -0.5, 0.5))
    ]
    return pd.DataFrame(rows), pd.DataFrame(tests)
