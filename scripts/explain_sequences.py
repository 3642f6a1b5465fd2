"""Look inside a network on DNA: attributions of nucleotides by several methods, and whether they find the sites."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome import attributionscores, saliency
from lexome.attributionscores import METHODS, importance
from lexome.bootstrap import stream
from lexome.checksums import verify
from lexome.convnets import ConvNetwork, load_network, strand_logits
from lexome.devices import find_device
from lexome.dna import encode, one_hot
from lexome.dnamodels import fit_length
from lexome.errors import LexomeError
from lexome.motifs import Motif, read_motifs
from lexome.mutagenesis import saturate
from lexome.runs import load_test
from lexome.runtime import job, read_json, write_arrays, write_json, write_parquet, write_tsv

TOLERANCE = 0.02  # a probability that differs more is another model's; half precision on a GPU differs less
ROWS = ["id", "factor", "bound", "probability", "logit", "sequence", "length", "shown"]


def explain_sequences(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    predictions: str,
    model: str,
    implants: str,
    motifs: str | None,
    matrices: Mapping[str, str],
    settings: Mapping,
    bootstrap: Mapping,
    names: Mapping[str, str],
    gpus: int,
    sequences_path: str,
    attributions_path: str,
    attention_path: str,
    scores_path: str,
    convergence_path: str,
) -> None:
    """Explain test sequences of one run.

    Parameters
    ----------
    implants
        Parquet: the sites that were implanted; no rows for real sequences.
    motifs, matrices
        File of known motifs, or None, and the matrix of each factor in it.
    settings
        `seed` (of the run, and of every choice), `examples` (bound sequences shown of each factor, and as many unbound
        ones), `scored` (bound sequences that are scored beside them), `steps` (of integrated gradients), `references`
        (of DeepLIFT/SHAP).
    bootstrap
        `replicates`, `level`, `seed`.
    names
        `study`, `split`, `model` and `seed`, the first columns of the scores.
    sequences_path
        Parquet, one row for each sequence and factor, in the order of the arrays: `id`, `factor`, `bound`,
        `probability` (as predicted), `logit` (mean of both strands where the network averages them), `sequence` (as it
        reads it), `length` (before it was cut or padded for that), `shown`. Factors in the order of the labels, of each
        the bound rows that are shown, the unbound ones, the rest.
    attributions_path
        npz: float32 (rows, L, 4) by method: effects of substitutions for `ism`, hypothetical contributions for the
        others (see `lexome.saliency`).
    attention_path
        npz: `attention`, float32 (rows shown, heads, positions, positions), of the strand that is given; empty for
        networks without attention.
    scores_path
        TSV: `names` and `attributionscores.COLUMNS`.
    convergence_path
        JSON: by method that adds up, how well (see `saliency.convergence`).
    """
    network, config = load_network(model)
    network.to(find_device(gpus)).requires_grad_(False)
    both, seed = config["reverse_complement"], settings["seed"]
    table, targets, known = load_test(examples, study_labels, assignment, split_labels, predictions)
    bound = targets == 1
    factors = [label["id"] for label in read_json(split_labels)["labels"]]
    if factors != config["labels"]:
        raise LexomeError(f"{model}: predicts {', '.join(config['labels'])}, not {', '.join(factors)}; train it again")
    rows = choose(bound, known, settings["examples"], settings["scored"], seed)
    labels, places = rows["label"].to_numpy(), rows["place"].to_numpy()
    sequences = fit_length(table["text"].iloc[places].tolist(), network.length)
    letters = one_hot(sequences)
    logging.info("%d sequences, %d rows", len(set(places)), len(rows))

    arrays, logits, sums = attribute(network, sequences, places, labels, both, settings)
    probability = np.stack(table["scores"].to_numpy())[places, labels]
    check_probabilities(predictions, probability, logits)
    written = pd.DataFrame(
        {
            "id": table["id"].to_numpy()[places],
            "factor": [factors[label] for label in labels],
            "bound": bound[places, labels],
            "probability": probability.astype(np.float32),
            "logit": logits,
            "sequence": sequences,
            "length": table["text"].map(len).to_numpy()[places],
            "shown": rows["shown"].to_numpy(),
        }
    )
    maps = saliency.attention_maps(network, letters[rows["shown"].to_numpy()])
    write_parquet(sequences_path, written[ROWS])
    write_arrays(attributions_path, arrays)
    write_arrays(attention_path, {} if maps is None else {"attention": maps})
    write_json(convergence_path, sums)

    named = [name for name in factors if motifs and name in matrices]
    found = read_motifs(motifs, [matrices[name] for name in named]) if named else {}
    own = {name: found[matrices[name]] for name in named}
    written = written.assign(group=table["group"].to_numpy()[places])
    scores = score(written, arrays, letters, pd.read_parquet(implants), own, bootstrap, names)
    write_tsv(scores_path, scores)


def choose(bound: np.ndarray, known: np.ndarray, shown: int, scored: int, seed: int) -> pd.DataFrame:
    """Which sequences are explained for which factors.

    Parameters
    ----------
    bound, known
        bool, shape (n, factors).
    shown
        Bound and unbound sequences of each factor.
    scored
        Further sequences that some factor binds; each is explained for every factor that binds it.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        `place` (row of the test examples), `label` (factor), `shown`.
    """
    some = np.flatnonzero(bound.any(axis=1))
    drawn = np.sort(stream(seed, "scored").permutation(some)[:scored])
    parts = []
    for label in range(bound.shape[1]):
        rng = stream(seed, "shown", str(label))
        own, others = (
            rng.permutation(np.flatnonzero(rows))[:shown] for rows in (bound[:, label], (known & ~bound)[:, label])
        )
        rest = drawn[bound[drawn, label] & ~np.isin(drawn, own)]
        places = np.concatenate([own, others, rest])
        first = np.arange(len(places)) < len(own) + len(others)
        parts.append(pd.DataFrame({"place": places, "label": label, "shown": first}))
    return pd.concat(parts, ignore_index=True)


def attribute(
    network: ConvNetwork,
    sequences: Sequence[str],
    places: np.ndarray,
    labels: np.ndarray,
    both: bool,
    settings: Mapping,
) -> tuple[dict[str, np.ndarray], np.ndarray, dict]:
    """Attributions by method, float32 (rows, L, 4); logits, float32 (rows,); and what `convergence_path` holds.

    `places` are equal where sequences are: mutants of a sequence are run once for all factors.
    """
    letters = one_hot(sequences)
    first, again = np.unique(places, return_index=True, return_inverse=True)[1:]
    logits = strand_logits(network, saliency.as_inputs(network, letters), both).numpy()[np.arange(len(labels)), labels]
    effects = saturate(network, letters[first], both)[again, labels]
    logging.info("substitutions are done")
    integrals = saliency.integrated_gradients(network, letters, labels, both, settings["steps"])
    shuffles = saliency.deeplift_shap(network, sequences, labels, both, settings["references"], settings["seed"])
    values = (effects, saliency.gradient(network, letters, labels, both), integrals.array, shuffles.array)
    sums = {
        "integrated_gradients": saliency.convergence(integrals) | {"steps": settings["steps"]},
        "deeplift_shap": saliency.convergence(shuffles) | {"references": settings["references"]},
    }
    logging.info(
        "contributions miss their sums by %s", {name: f"{told['share_of_sums']:.2%}" for name, told in sums.items()}
    )
    return dict(zip(METHODS, values, strict=True)), logits, sums


def check_probabilities(path: str, probability: np.ndarray, logits: np.ndarray) -> None:
    """LexomeError if the predictions are not those of the model that is explained."""
    gap = np.abs(probability - 1 / (1 + np.exp(-logits.astype(np.float64)))).max(initial=0.0)
    if gap > TOLERANCE:
        raise LexomeError(f"{path}: differs by {gap:.2g} from what the model beside it predicts; train the run again")


def score(
    rows: pd.DataFrame,
    arrays: Mapping[str, np.ndarray],
    letters: np.ndarray,
    implants: pd.DataFrame,
    motifs: Mapping[str, Motif],
    bootstrap: Mapping,
    names: Mapping[str, str],
) -> pd.DataFrame:
    """The table of scores: bound rows against implanted sites, or where none are known hits of the factors' motifs.

    `rows` has those of `sequences.parquet`, and `group`.
    """
    cases, groups = {}, {}
    seed, width = int(names["seed"]), letters.shape[2]
    for factor, own in rows[rows["bound"]].groupby("factor", sort=False):
        at, ids = own.index.to_numpy(), own["id"].tolist()
        values = {method: importance(method, array[at], letters[at]) for method, array in arrays.items()}
        values["random"] = attributionscores.random_importance(ids, factor, width, seed)
        truths, left_out, motif = {}, {}, motifs.get(factor)
        if len(implants):
            truths["implants"] = attributionscores.implanted(implants, ids, own["length"].tolist(), factor, width)
        elif motif:
            # Where the sites are known, guessing them with the motif would add nothing.
            hits = attributionscores.motif_hits({factor: motif}, letters[at])[factor]
            truths["hits"] = hits
            truths["shuffled_hits"] = attributionscores.shuffled_hits(motif, letters[at], hits, seed)
            left_out["shuffled_hits"] = hits
        if motif:
            values["pwm"] = attributionscores.pwm_importance(motif, encode(own["sequence"].tolist()))
        cases[factor] = {"importances": values, "truths": truths, "left_out": left_out}
        groups[factor] = own["group"].to_numpy()
    scores = attributionscores.score(cases, groups, bootstrap, (names["study"], names["split"]))
    return scores.assign(**names)[[*names, *attributionscores.COLUMNS]]


if __name__ == "__main__":
    with job(snakemake):
        verify(snakemake.params.checksums)
        explain_sequences(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.predictions,
            snakemake.input.model,
            snakemake.input.implants,
            snakemake.input.motifs or None,
            snakemake.params.matrices,
            snakemake.params.settings,
            snakemake.params.bootstrap,
            {name: snakemake.wildcards[name] for name in ("study", "split", "model", "seed")},
            snakemake.resources.get("gpu", 0),
            snakemake.output.sequences,
            snakemake.output.attributions,
            snakemake.output.attention,
            snakemake.output.scores,
            snakemake.output.convergence,
        )
