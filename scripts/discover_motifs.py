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
from lexome.dna import one_hot
from lexome.dnamodels import fit_length
from lexome.motifs import Motif, read_collection, read_motifs
from lexome.runs import load_test
from lexome.runtime import job, write_arrays, write_tsv
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
    table, targets, _ = load_test(examples, study_labels, assignment, split_labels)
    sequences, bound = table["text"], targets == 1
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
        examined = sequences.iloc[np.sort(chosen[: settings["discovery"]])].tolist()
        logging.info("%s: %d bound test sequences", factor, len(examined))
        patterns = find(network, examined, label, both)
        found, own_arrays = describe(factor, patterns, known, own.get(factor))
        rows += found
        arrays |= own_arrays
    write_tsv(motifs_path, pd.DataFrame(rows, columns=list(COLUMNS)))
    write_arrays(arrays_path, arrays)

    marginal = marginalisation.marginal_effects(
        lambda codes: strand_logits(network, torch.from_numpy(one_hot(codes)).to(device), both).numpy(),
        lambda logits: OBJECTIVES[config["task"]].activation(torch.from_numpy(logits)).numpy(),
        factors,
        {factor: planted[matrix] for factor, matrix in own.items()},
        marginalisation.draw_backgrounds(free(sequences, bound), BACKGROUNDS, network.length, settings["seed"]),
        COPIES,
        bootstrap,
    )
    write_tsv(marginal_path, marginal)


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
        letters = pattern.motif(name).consensus()
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
