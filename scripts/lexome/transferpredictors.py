"""Saved models of `lexome.transfer` on new proteins: what they score, and the training examples that it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from scipy import sparse

from lexome.errors import LexomeError
from lexome.geneclusters import protein_kmers
from lexome.runs import target_matrix
from lexome.runtime import read_json
from lexome.search import search, top_hits
from lexome.transfer import mix, neighbours, score_hits, score_neighbours, unit_rows


@dataclass(frozen=True)
class TransferPredictor:
    """A saved run of kind sequence_search or knn.

    Attributes
    ----------
    config
        Its config.json: `model` (settings), `chosen`, `labels` (ids, in the order of the scores) and `share`.
    train
        `id` and `sequence` of the training examples.
    targets
        uint8, shape (n_train, n_labels).
    arrays
        `mean`, `deviation` and `vectors` of a knn on embeddings; empty otherwise.
    """

    config: Mapping
    train: pd.DataFrame
    targets: np.ndarray
    arrays: Mapping[str, np.ndarray]

    def score(
        self, sequences: Sequence[str], features: np.ndarray | None = None, threads: int = 1
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Score new proteins.

        Parameters
        ----------
        sequences
            n of them.
        features
            Their embeddings, float32, shape (n, d), for a knn on embeddings.
        threads
            Of the search.

        Returns
        -------
        scores : numpy.ndarray
            float32, shape (n, n_labels).
        evidence : pandas.DataFrame
            `query` (position), `target` (id of a training example) and its `bits` and `identity`, or `cosine`: those
            that the scores come from, the nearest first.

        Raises
        ------
        LexomeError
            If the program of the search is not there, or embeddings are wanted and not given.
        """
        settings, chosen = self.config["model"], self.config["chosen"]
        names = self.train["id"].to_numpy(dtype=object)
        share = np.asarray(self.config["share"], dtype=np.float64)
        if settings["kind"] == "sequence_search":
            how = {key: settings["search"][key] for key in ("tool", "evalue", "sensitivity")}
            hits = top_hits(search(sequences, self.train["sequence"], **how, threads=threads), chosen["top"])
            hits["rank"] = hits.groupby("query", sort=False).cumcount()
            about = (settings["scoring"], chosen["top"], self.targets, len(sequences), chosen["pseudo"])
            scores, found = score_hits(hits, *about)
            evidence = hits[["query", "target", "identity", "bits", "evalue"]]
        else:
            queries, references = self._vectors(sequences, features)
            blocks = list(neighbours(queries, references, chosen["k"]))
            index, cosine = (np.concatenate(list(part)) for part in zip(*blocks, strict=True))
            scores, found = score_neighbours(index, cosine, self.targets, chosen["pseudo"])
            query = np.repeat(np.arange(len(index)), index.shape[1])
            evidence = pd.DataFrame({"query": query, "target": index.ravel(), "cosine": cosine.ravel()})
        return mix(scores, found, share, chosen["prior"]), evidence.assign(target=names[evidence["target"]])

    def _vectors(
        self, sequences: Sequence[str], features: np.ndarray | None
    ) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray | sparse.csr_matrix]:
        if not self.arrays:
            rows = unit_rows(protein_kmers([*sequences, *self.train["sequence"]], self.config["model"]["kmer"]))
            return rows[: len(sequences)], rows[len(sequences) :]
        if features is None:
            raise LexomeError("this model reads embeddings: hand over those of the sequences")
        return unit_rows((features - self.arrays["mean"]) / self.arrays["deviation"]), self.arrays["vectors"]


def load_transfer(folder: str | Path) -> TransferPredictor:
    """Load the `model/` of a run of kind sequence_search or knn."""
    folder = Path(folder)
    config, train = read_json(folder / "config.json"), pd.read_parquet(folder / "train.parquet")
    n_labels, weights = len(config["labels"]), folder / "model.safetensors"
    targets = target_matrix(train["labels"], range(n_labels), n_labels)
    return TransferPredictor(config, train[["id", "sequence"]], targets, load_file(weights) if weights.exists() else {})
