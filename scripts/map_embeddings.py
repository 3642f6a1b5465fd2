"""Map the vectors that runs have of test examples, and measure how far they tell the classes apart."""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.bootstrap import resample_groups, stream
from lexome.dnamodels import kmer_shares
from lexome.errors import LexomeError
from lexome.maps import centre, judge, layout, trivial_vectors
from lexome.runs import load_run, load_test, read_predictions
from lexome.runtime import write_parquet, write_tsv
from lexome.runvectors import run_vectors

log = logging.getLogger(__name__)
MAPPED_TRIVIAL = "kmer3_shares"  # the vectors without a model that are mapped, too


def map_embeddings(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    runs: Sequence[Mapping],
    settings: Mapping,
    bootstrap: Mapping,
    study: str,
    split: str,
    gpus: int,
    map_path: str,
    scores_path: str,
) -> None:
    """Write the maps and the figures beside them.

    Parameters
    ----------
    runs
        `model`, `seed`, `predictions` (path) and what `runvectors.run_vectors` reads of each run.
    settings
        `neighbours`, `umap` (`n_neighbors`, `min_dist`, `seed`) and `in_frame` (whether sequences start with a codon).
    bootstrap
        `replicates`, `level` and `seed`; the resamples are those of the models' evaluation.
    map_path
        Parquet, a row a test example and run: `id`, `subset`, `group`, `species` (the id of its label), `model`, `seed`
        (null of vectors without a model), `x`, `y`, `predicted` (of the run; where there is none, of the probe) and
        `probability` of that class.
    scores_path
        TSV: `study`, `split`, `model`, `seed` and what `maps.judge` says.
    """
    data = load_run(examples, study_labels, assignment, split_labels, None)
    table, targets, _ = load_test(examples, study_labels, assignment, split_labels)
    if (targets.sum(axis=1) != 1).any():
        raise LexomeError(f"{examples}: a test example does not have exactly one of the judged classes")
    names = [label["id"] for label in data.labels]
    parts = {
        "train": (data.train.ids, data.train.texts, data.train.targets.argmax(axis=1)),
        "valid": (data.valid.ids, data.valid.texts, data.valid.targets.argmax(axis=1)),
        "test": (table["id"].tolist(), table["text"].tolist(), targets.argmax(axis=1)),
    }
    groups = table["group"].to_numpy()
    counts = resample_groups(groups, bootstrap["replicates"], stream(bootstrap["seed"], study, split, "test"))

    def of_run(run: Mapping) -> Callable[[list[str], list[str]], np.ndarray]:
        return lambda ids, texts: run_vectors(run, ids, gpus)

    def of_letters(chosen: Mapping) -> Callable[[list[str], list[str]], np.ndarray]:
        return lambda ids, texts: kmer_shares(texts, chosen["k"], False, chosen["step"]).toarray()

    sources = [(run["model"], run["seed"], run["predictions"], of_run(run)) for run in runs]
    sources += [
        (name, None, None, of_letters(chosen)) for name, chosen in trivial_vectors(settings["in_frame"]).items()
    ]
    maps, scores = [], []
    for model, seed, predictions, vectors_of in sources:
        # One call: a fine-tuned model is loaded once.
        ids, texts = ([entry for part in parts.values() for entry in part[at]] for at in (0, 1))
        vectors = np.split(vectors_of(ids, texts), np.cumsum([len(part[0]) for part in parts.values()])[:-1])
        pairs = [(own, part[2]) for own, part in zip(vectors, parts.values(), strict=True)]
        rows, probabilities = judge(
            *pairs, len(names), settings["neighbours"], counts, groups, bootstrap["level"], bootstrap["seed"]
        )
        scores += [{"study": study, "split": split, "model": model, "seed": seed, **row} for row in rows]
        for row in rows:
            log.info("%s %s = %.4g (chance %.4g)", model, row["metric"], row["value"], row["chance"])
        if seed is None and model != MAPPED_TRIVIAL:
            continue
        if predictions:
            probabilities = scores_of(predictions, parts["test"][0])
        place = layout(centre(vectors[0], vectors[2])[1], **settings["umap"])
        mapped = table[["id", "group"]].assign(subset="test", model=model, seed=pd.array([seed] * len(table), "Int32"))
        mapped["species"] = [names[at] for at in parts["test"][2]]
        mapped["x"], mapped["y"] = place.T
        mapped["predicted"] = [names[at] for at in probabilities.argmax(axis=1)]
        mapped["probability"] = probabilities.max(axis=1).astype(np.float32)
        maps.append(mapped)
    order = ["id", "subset", "group", "species", "model", "seed", "x", "y", "predicted", "probability"]
    write_parquet(map_path, pd.concat(maps, ignore_index=True)[order])
    write_tsv(scores_path, pd.DataFrame(scores).astype({"seed": "Int32"}))


def scores_of(path: str, ids: Sequence[str]) -> np.ndarray:
    """Probabilities that a run gives to test examples, in the order of `ids`."""
    rows, scores = read_predictions(path)
    place = pd.Index(rows["id"]).get_indexer(list(ids))
    if (place < 0).any():
        raise LexomeError(f"{path}: {(place < 0).sum()} test examples are missing; train the model again")
    return scores[place]


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        backbones = snakemake.config["registries"]["backbones"]
        map_embeddings(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            [
                {**run, "batch_tokens": backbones[run["backbone"]]["embedding"]["batch_tokens"]}
                for run in snakemake.params.runs
            ],
            snakemake.params.settings,
            snakemake.params.bootstrap,
            snakemake.wildcards.study,
            snakemake.wildcards.split,
            snakemake.resources.get("gpu", 0),
            snakemake.output.map,
            snakemake.output.scores,
        )
