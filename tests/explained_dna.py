"""The folder of an explained DNA network, made up: every file that the pictures and the report read."""

import json

import numpy as np
import pandas as pd

SITES = {"SRF": "CCATATATGG", "MAX": "ACCACGTGGT", "CTCF": "CCACCAGGGGGC", "GABPA": "ACCGGAAGTG"}
METHODS = ("ism", "gradient", "integrated_gradients", "deeplift_shap")
VALUES = {"ism": 0.9, "gradient": 0.7, "integrated_gradients": 0.85, "deeplift_shap": 0.8, "pwm": 0.6, "random": 0.1}


def one_hot(sequence):
    return (np.array(list(sequence))[:, None] == np.array(list("ACGT"))).astype("float32")


def write_explained(folder, factors=tuple(SITES), length=200, each=4, real=False, heads=0, seed=0):
    """Write the files of `explain_sequences` and `discover_motifs`, with `each` bound and unbound rows a factor."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, implants, arrays = [], [], {name: [] for name in METHODS}
    for factor in factors:
        for bound in (True, False):
            for number in range(each):
                letters = rng.choice(list("ACGT"), length)
                start, other = int(rng.integers(2, length // 2 - 14)), int(rng.integers(length // 2, length - 14))
                name = f"{factor}-{'bound' if bound else 'unbound'}-{number}"
                weight = np.zeros(length)
                if bound:
                    site = SITES[factor]
                    letters[start : start + len(site)] = list(site)
                    weight[start : start + len(site)] = 1
                    implants.append((name, factor, start, start + len(site), int(rng.choice([-1, 1])), 9.5, "target"))
                implants.append((name, "REST", other, other + 14, 1, 7.0, "distractor"))
                right = rng.random() < 0.75
                probability = rng.uniform(0.55, 0.99) if bound == right else rng.uniform(0.01, 0.45)
                sequence = "".join(letters)
                rows.append(
                    (name, factor, bound, probability, np.log(probability / (1 - probability)), sequence, length, True)
                )
                present = one_hot(sequence)
                for method in METHODS:
                    noise = rng.normal(0, 0.12, (length, 4))
                    if method == "ism":
                        values = (noise - 2.2 * weight[:, None] * rng.uniform(0.3, 1, (length, 4))) * (1 - present)
                    else:
                        values = noise + weight[:, None] * (present - 0.25) * rng.uniform(0.5, 1.5, (length, 1))
                    arrays[method].append(values)
    columns = ["id", "factor", "bound", "probability", "logit", "sequence", "length", "shown"]
    table = pd.DataFrame(rows, columns=columns)
    table.astype({"probability": "float32", "logit": "float32"}).to_parquet(folder / "sequences.parquet")
    np.savez(folder / "attributions.npz", **{name: np.array(a, dtype="float32") for name, a in arrays.items()})
    columns = ["id", "factor", "start", "end", "strand", "score", "role"]
    pd.DataFrame([] if real else implants, columns=columns).to_parquet(folder / "implants.parquet")
    attention = {}
    if heads:
        values = rng.random((len(rows), heads, 25, 25)) ** 4
        attention["attention"] = (values / values.sum(axis=3, keepdims=True)).astype("float32")
    np.savez(folder / "attention.npz", **attention)
    write_scores(folder, factors, ("hits", "shuffled_hits") if real else ("implants",))
    write_motifs(folder, factors, rng)
    write_marginal(folder, factors)
    about = {"delta_median": 0.02, "delta_largest": 0.4, "share_median": 0.003, "share_of_sums": 0.004}
    told = {"integrated_gradients": about, "deeplift_shap": about | {"delta_median": 0.3, "share_of_sums": 0.31}}
    (folder / "convergence.json").write_text(json.dumps(told))


def write_scores(folder, factors, truths=("implants",), values=VALUES, chance=0.06, half=0.04):
    """attribution_scores.tsv; shuffled hits are found no better than by chance."""
    rows = []
    for truth in truths:
        for factor in [*factors, "all"]:
            shift = 0 if factor == "all" else 0.02 * (factors.index(factor) - 1)
            for method, value in values.items():
                value = 1.1 * chance if truth == "shuffled_hits" else min(value + shift, 0.99)
                ends = (max(value - half, 0), min(value + half, 1))
                rows.append(
                    ("s", "r", "conv", 0, factor, method, truth, "auprc", value, *ends, chance, value / chance, 30)
                )
    columns = ["study", "split", "model", "seed", "factor", "method", "truth", "metric", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, "chance", "ratio", "n"])
    table.to_csv(folder / "attribution_scores.tsv", sep="\t", index=False)


def write_motifs(folder, factors, rng, stranger=None):
    """motifs.tsv and motifs.npz: each factor's own motif first, and a second one like nothing."""
    rows, arrays = [], {}
    for factor in factors:
        own = one_hot(SITES[factor]) * 0.85 + 0.0375
        found = np.concatenate([np.full((2, 4), 0.25), own[::-1, ::-1], np.full((3, 4), 0.25)])
        match = f"MA{100 + factors.index(factor):04d}.1"
        name = "ZNF24" if factor == stranger else factor
        row = (factor, "positive_1", 1, 1, 120, "NN" + SITES[factor], match, name, 1e-9, 3e-8, len(found))
        own_q = 3e-8 if factor != stranger else 0.4
        rows.append((*row, 2, factor != stranger, own_q, 1))
        rows.append((factor, "negative_1", 2, -1, 21, "ACGTAC", match, name, 0.4, 0.9, 6, 0, False, 0.9, 30))
        arrays[f"{factor}/positive_1"] = found.astype("float32")
        arrays[f"{factor}/positive_1/contributions"] = found.astype("float32")
        arrays[f"{factor}/negative_1"] = rng.dirichlet(np.ones(4), 6).astype("float32")
        arrays[f"{factor}/negative_1/contributions"] = arrays[f"{factor}/negative_1"]
        arrays[f"matches/{match}"] = own.astype("float32")
    columns = ["factor", "pattern", "rank", "sign", "seqlets", "consensus", "match", "match_name", "p", "q", "width"]
    columns += ["offset", "own", "own_q", "own_rank"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "motifs.tsv", sep="\t", index=False)
    np.savez(folder / "motifs.npz", **arrays)


def write_marginal(folder, factors, motif_string=0.99, poly_a=0.01, own=2.5):
    """marginal.tsv: a factor's own motif raises its logit, the others and shuffled letters hardly do."""
    rows = []
    for factor in factors:
        rows.append((factor, "none", "none", 0, "shuffled", 0.05, np.nan, np.nan, np.nan, 50))
        for implant in factors:
            for site, share in (("consensus", 1), ("sampled", 0.7), ("shuffled", 0.05)):
                for copies in (1, 2, 3):
                    step = (
                        (own + 0.4 * factors.index(factor)) * copies**0.7 * share
                        if implant == factor
                        else -0.15 * copies
                    )
                    rows.append((factor, implant, site, copies, "shuffled", 0.8, step, step - 0.3, step + 0.3, 50))
        rows.append((factor, factor, "consensus", 12, "motif_string", motif_string, np.nan, np.nan, np.nan, 1))
        rows.append((factor, "none", "none", 0, "poly_A", poly_a, np.nan, np.nan, np.nan, 1))
    columns = ["factor", "implant", "site", "copies", "background", "probability", "difference", "low", "high", "n"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "marginal.tsv", sep="\t", index=False)
