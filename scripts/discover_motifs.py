"""Find the motifs that a network has learnt, name them, and plant known ones to see what they do."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from lexome import marginalisation, motifdiscovery, saliency
from lexome.bootstrap import stream
from lexome.checksums import verify
from lexome.convnets import load_network, strand_logits
from lexome.devices import find_device
from lexome.dna import LETTERS, one_hot
from lexome.dnamodels import fit_length
from lexome.motifs import Motif, read_collection, read_motifs
from lexome.runs import known_matrix, target_matrix
from lexome.runtime import atomic, job, read_json
from lexome.training import OBJECTIVES

POINTS = 4  # of the integrated gradients: finding motifs needs no exact sums
BACKGROUNDS, COPIES = 100, 3  # sequences that motifs are planted in, and how often in one at most
COLUMNS = (
    *("factor", "pattern", "rank", "sign", "seqlets", "consensus", "width"),
    *("match", "match_name", "p", "q", "offset", "own", "own_q", "own_rank"),
)


def discover_motifs(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    model: str,
    motif_file: str | None,
    matrices: Mapping[str, str],
    settings: Mapping,
    bootstrap: Mapping,
    gpus: int,
    motifs_path: str,
    arrays_path: str,
    marginal_path: str,
) -> None:
    """Find motifs in the contributions to each factor's logit on bound test sequences; plant known ones in others.

    Parameters
    ----------
    motif_file, matrices
        Known motifs, and the matrix id of each factor where it is known. Without a file nothing is matched or planted.
    settings
        `seed` (draws sequences) and `discovery` (bound sequences a factor, at most).
    bootstrap
        `replicates`, `level`, `seed`.
    """
    network, config = load_network(model)
    device = find_device(gpus)
    network.to(device)
    factors, both = config["labels"], config["reverse_complement"]
    table, bound = load_test(examples, study_labels, assignment, split_labels)
    if motif_file:
        own = {factor: matrices[factor] for factor in factors if factor in matrices}
        planted = read_motifs(motif_file, own.values())
        # Old versions of a matrix are in no collection.
        known = read_collection(motif_file) | planted
    else:
        logging.info("the study names no file of known motifs: nothing is matched or planted")
        own, planted, known = {}, {}, {}

    rows, arrays = [], {}
    for label, factor in enumerate(factors):
        chosen = stream(settings["seed"], "discovery", factor).permutation(np.flatnonzero(bound[:, label]))
        sequences = table["sequence"].iloc[np.sort(chosen[: settings["discovery"]])]
        logging.info("%s: %d bound test sequences", factor, len(sequences))
        patterns = find(network, sequences.tolist(), label, both)
        found, own_arrays = describe(factor, patterns, known, own.get(factor))
        rows += found
        arrays |= own_arrays
    with atomic(motifs_path) as temporary:
        pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    with atomic(arrays_path) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, **arrays)

    marginal = marginalisation.marginal_effects(
        lambda codes: strand_logits(network, torch.from_numpy(one_hot(codes)).to(device), both).numpy(),
        lambda logits: OBJECTIVES[config["task"]].activation(torch.from_numpy(logits)).numpy(),
        factors,
        {factor: planted[matrix] for factor, matrix in own.items()},
        marginalisation.draw_backgrounds(free(table["sequence"], bound), BACKGROUNDS, network.length, settings["seed"]),
        COPIES,
        bootstrap,
    )
    with atomic(marginal_path) as temporary:
        marginal.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def load_test(examples: str, study_labels: str, assignment: str, split_labels: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Test examples (`id`, `sequence`), and what binds them: bool, shape (n, n_factors), False where not known."""
    labels, n_labels = read_json(split_labels)["labels"], len(read_json(study_labels)["labels"])
    table = pd.read_parquet(assignment, columns=["id", "subset"]).query("subset == 'test'")
    table = table.merge(pd.read_parquet(examples), on="id", validate="one_to_one", suffixes=("", "_given"))
    chosen = [label["index"] for label in labels]
    bound = target_matrix(table["labels"], chosen, n_labels).astype(bool)
    if "measured" in table:
        bound &= known_matrix(table["measured"], chosen, n_labels)
    return table[["id", "sequence"]], bound


def find(network, sequences: Sequence[str], label: int, both: bool) -> list[motifdiscovery.Pattern]:
    """Motifs in the contributions to one logit."""
    if not len(sequences):
        return []
    x = one_hot(fit_length(sequences, network.length))
    labels = np.full(len(x), label)
    return motifdiscovery.discover(x, saliency.integrated_gradients(network, x, labels, both, POINTS).array)


def describe(
    factor: str, patterns: Sequence[motifdiscovery.Pattern], known: Mapping[str, Motif], own: str | None
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Rows of the table of motifs, and arrays of the file beside it."""
    rows, arrays = [], {}
    counts = {1: 0, -1: 0}
    for rank, pattern in enumerate(patterns, 1):
        told: dict = {"own": False}
        if known:
            pattern, told = motifdiscovery.identify(pattern, known, own)
            arrays[f"matches/{told['match']}"] = known[told["match"]].probabilities(pseudocount=0).astype(np.float32)
        counts[pattern.sign] += 1
        name = f"{'positive' if pattern.sign > 0 else 'negative'}_{counts[pattern.sign]}"
        arrays[f"{factor}/{name}"] = pattern.probabilities
        arrays[f"{factor}/{name}/contributions"] = pattern.contributions
        about = {"factor": factor, "pattern": name, "rank": rank, "sign": pattern.sign, "seqlets": pattern.seqlets}
        letters = "".join(LETTERS[at] for at in pattern.probabilities.argmax(axis=1))
        rows.append(about | {"consensus": letters, "width": len(letters)} | told)
    return rows, arrays


def free(sequences: pd.Series, bound: np.ndarray) -> list[str]:
    """Sequences that no factor binds; all, where there is none."""
    unbound = ~bound.any(axis=1)
    if not unbound.any():
        logging.info("every test sequence is bound by some factor: all of them are shuffled as backgrounds")
        unbound[:] = True
    return sequences[unbound].tolist()


if __name__ == "__main__":
    with job(snakemake):
        verify(snakemake.params.checksums)
        discover_motifs(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.model,
            snakemake.input.motifs or None,
            snakemake.params.matrices,
            snakemake.params.settings,
            snakemake.params.bootstrap,
            snakemake.resources.get("gpu", 0),
            snakemake.output.motifs,
            snakemake.output.arrays,
            snakemake.output.marginal,
        )
