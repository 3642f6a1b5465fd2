"""Models that carry labels over from the training examples nearest to a query: by sequence search, or by vectors."""

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file
from scipy import sparse

from lexome.errors import LexomeError
from lexome.geneclusters import protein_kmers
from lexome.models import CHOOSES, Trained, score_valid
from lexome.runs import Part, RunData
from lexome.runtime import atomic, write_json, write_parquet

log = logging.getLogger(__name__)


def hit_weights(hits: pd.DataFrame, scoring: str) -> np.ndarray:
    """What each hit weighs in `share_of_weights`.

    Parameters
    ----------
    hits
        With columns `bits`, `identity`, `query_cover`.
    scoring
        `netgo`: its bit score, as in the BLAST-KNN of GOLabeler (You et al. 2018) and NetGO (You et al. 2019).
        `metago`: identical residues by the query's length (Zhang et al. 2018); of an alignment with gaps identity times
        covered share of the query, which is a little less. `frequency`: 1.

    Returns
    -------
    numpy.ndarray
        float64, shape (n_hits,).
    """
    if scoring == "netgo":
        return hits["bits"].to_numpy(dtype=np.float64)
    if scoring == "metago":
        return (hits["identity"] * hits["query_cover"]).to_numpy(dtype=np.float64)
    return np.ones(len(hits))


def share_of_weights(
    query: np.ndarray, target: np.ndarray, weight: np.ndarray, targets: np.ndarray, n_queries: int, pseudo: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each query's neighbours, by weight, that bear each label.

    score(q, l) = (sum of w(q, t) over the neighbours t of q that bear l + pseudo * share(l)) / (sum of w(q, t) over all
    neighbours of q + pseudo), with share(l) that of the training examples. pseudo = 0 is GOLabeler's and NetGO's
    formula; with more, a query of little evidence stays nearer to the share, as after a Dirichlet prior of that weight.

    Parameters
    ----------
    query, target
        Positions of the two ends of each pair, shape (n_pairs,).
    weight
        Not negative, shape (n_pairs,).
    targets
        uint8, shape (n_train, n_labels).
    n_queries
        Number of queries.
    pseudo
        Weight of the training share; not negative.

    Returns
    -------
    scores : numpy.ndarray
        float32, shape (n_queries, n_labels), in [0, 1]; 0, or with `pseudo` the share, for queries without neighbours.
    found : numpy.ndarray
        bool, shape (n_queries,): whether a query has a neighbour of positive weight.
    """
    weights = sparse.csr_array((weight, (query, target)), shape=(n_queries, len(targets)), dtype=np.float64)
    total = weights.sum(axis=1)
    scores = (weights @ sparse.csr_array(targets, dtype=np.float64)).toarray()
    scores += pseudo * targets.mean(axis=0)
    scores /= np.where(total + pseudo > 0, total + pseudo, 1)[:, None]
    return np.clip(scores, 0, 1).astype(np.float32), total > 0


def best_identity(
    query: np.ndarray, target: np.ndarray, identity: np.ndarray, targets: np.ndarray, n_queries: int
) -> tuple[np.ndarray, np.ndarray]:
    """The highest identity of a hit that bears each label: the BLAST baseline of CAFA 1 to 3; as `share_of_weights`."""
    scores = np.zeros((n_queries, targets.shape[1]), dtype=np.float32)
    np.maximum.at(scores, query, targets[target] * np.asarray(identity, dtype=np.float32)[:, None])
    found = np.zeros(n_queries, dtype=bool)
    found[query] = True
    return scores, found


def mix(scores: np.ndarray, found: np.ndarray, share: np.ndarray, prior: float) -> np.ndarray:
    """prior * share of the label in training + (1 - prior) * score; the share alone where nothing was found.

    Parameters
    ----------
    scores, found
        As from `share_of_weights`.
    share
        Shape (n_labels,): CAFA's naive method.
    prior
        In [0, 1].
    """
    weight = np.where(found, prior, 1.0)[:, None]
    return (weight * share + (1 - weight) * scores).astype(np.float32)


def _listed(value: object) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def choose(
    data: RunData, settings: Mapping, key: str, score: Callable[[str, int, float], tuple[np.ndarray, np.ndarray]]
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Score valid with every number of neighbours, pseudo weight and prior, and test with the best three.

    The best have the highest mean auPRC of labels on valid (where examples have one class, accuracy), the first among
    equals.

    Parameters
    ----------
    settings
        `key`, `pseudo` and `prior`: a number each (the last two are 0 if left out), or a list of which valid chooses.
    score
        Of (`valid` or `test`, number of neighbours, pseudo weight): scores and found, as from `share_of_weights`.

    Returns
    -------
    chosen : dict
        Number of neighbours under `key`, `pseudo`, `prior`, and, where there was a choice, all figures under `tried`.
    valid, test : numpy.ndarray
        float32, shape (n, n_labels).

    Raises
    ------
    LexomeError
        If there is a choice, but no valid example.
    """
    share, judge, tried = data.train.targets.mean(axis=0), score_valid(data), []
    names = (key, "pseudo", "prior")
    lists = [_listed(settings[key]), *(_listed(settings.get(name, 0.0)) for name in names[1:])]
    several = any(len(values) > 1 for values in lists)
    if several and not data.valid.ids:
        raise LexomeError(f"{', '.join(names)}: there is no valid example to choose by; give one number each")
    best, highest = None, -np.inf
    for count, pseudo in itertools.product(*lists[:2]):
        scores, found = score("valid", count, pseudo)
        for prior in lists[2]:
            valid, figure = mix(scores, found, share, prior), np.inf
            if several:
                figure = float(judge(data.valid.targets, valid)[CHOOSES[data.task]])
                tried.append({key: count, "pseudo": pseudo, "prior": prior, CHOOSES[data.task]: figure})
            if figure > highest or best is None:
                best, highest = ((count, pseudo, prior), valid), figure
    (count, pseudo, prior), valid = best
    chosen = dict(zip(names, (count, pseudo, prior), strict=True))
    log.info("%s", chosen)
    return chosen | ({"tried": tried} if tried else {}), valid, mix(*score("test", count, pseudo), share, prior)


def read_hits(path: str | Path, part: Part, train: Part) -> pd.DataFrame:
    """Hits of one subset, with positions in place of ids and their `rank` (from 0) among the hits of their query.

    Raises
    ------
    LexomeError
        If a query hits what is no training example.
    """
    hits = pd.read_parquet(path)
    hits = hits[hits["query"].isin(part.ids)]
    query, target = (
        pd.Index(ids).get_indexer(hits[name]) for ids, name in ((part.ids, "query"), (train.ids, "target"))
    )
    if (target < 0).any():
        stranger = hits["target"].to_numpy()[target < 0][0]
        raise LexomeError(f"{path}: {stranger} is no training example of this split; search again")
    return hits.assign(query=query, target=target, rank=hits.groupby("query", sort=False).cumcount())


def score_hits(
    hits: pd.DataFrame, scoring: str, top: int, targets: np.ndarray, n_queries: int, pseudo: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """What the first `top` hits of each query say of its labels: `best` is `best_identity`, others `hit_weights`.

    Raises
    ------
    LexomeError
        If `best`, which weighs nothing, is to have a pseudo weight.
    """
    kept = hits[hits["rank"] < top]
    query, target = kept["query"].to_numpy(), kept["target"].to_numpy()
    if scoring == "best" and pseudo:
        raise LexomeError("pseudo: the scoring best adds no weights up; leave it out")
    if scoring == "best":
        return best_identity(query, target, kept["identity"].to_numpy(), targets, n_queries)
    return share_of_weights(query, target, hit_weights(kept, scoring), targets, n_queries, pseudo)


def sequence_search(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Labels of the training sequences that a search finds (MMseqs2 or DIAMOND), mixed with their frequency.

    Parameters
    ----------
    data
        With `hits`, the file of the split's hits.
    settings
        `scoring` (`netgo`, `metago`, `frequency` or `best`, see `score_hits`), `top` (hits of each query), `pseudo`
        (see `share_of_weights`), `prior` (see `mix`); of several valid chooses. `search`: how the hits were found.
    seed
        Not used: nothing is drawn at random.

    Raises
    ------
    LexomeError
        If there are no hits to read.
    """
    if data.hits is None:
        raise LexomeError("a model of kind sequence_search reads the hits of its split; only proteins have them")
    parts = {"valid": data.valid, "test": data.test}
    hits = {name: read_hits(data.hits, part, data.train) for name, part in parts.items()}

    def score(name: str, top: int, pseudo: float) -> tuple[np.ndarray, np.ndarray]:
        return score_hits(hits[name], settings["scoring"], top, data.train.targets, len(parts[name].ids), pseudo)

    chosen, valid, test = choose(data, settings, "top", score)
    _save(folder, settings, chosen, data)
    return Trained(valid, test, [], {"parameters": _size(data.train), "trained_parameters": 0})


def neighbours(queries: np.ndarray, references: np.ndarray, k: int, block: int = 1024) -> Iterator[np.ndarray]:
    """The k references of highest cosine of each query, a block of queries at a time.

    Parameters
    ----------
    queries, references
        Rows of length 1 (or 0), dense or sparse, shapes (n_queries, d) and (n_references, d).

    Yields
    ------
    index, cosine : numpy.ndarray
        int64 and float32, shape (block, min(k, n_references)); of equal cosines the first reference.
    """
    for start in range(0, queries.shape[0], block):
        cosine = queries[start : start + block] @ references.T
        cosine = np.asarray(cosine.toarray() if sparse.issparse(cosine) else cosine, dtype=np.float32)
        index = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
        yield index, np.take_along_axis(cosine, index, axis=1)


def unit_rows(matrix: np.ndarray | sparse.csr_matrix) -> np.ndarray | sparse.csr_matrix:
    """Rows divided by their length; rows of zeros stay so."""
    if sparse.issparse(matrix):
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        return (sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix).tocsr().astype(np.float32)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def score_neighbours(
    index: np.ndarray, cosine: np.ndarray, targets: np.ndarray, pseudo: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """`share_of_weights` of neighbours as `neighbours` gives them; what is not positive weighs nothing."""
    query = np.repeat(np.arange(len(index)), index.shape[1])
    weight = np.maximum(cosine, 0).ravel().astype(np.float64)
    return share_of_weights(query, index.ravel(), weight, targets, len(index), pseudo)


def knn(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Labels of the nearest training examples by cosine, weighted by it, mixed with their frequency.

    The vectors are embeddings, each number less its training mean and by its training deviation, or the distinct
    k-mers of a protein, 1 where it has one. A neighbour whose cosine is not positive has no say.

    Parameters
    ----------
    settings
        `k` (neighbours) and, if wanted, `pseudo` (see `share_of_weights`; weights are cosines) and `prior` (see `mix`);
        of several valid chooses. `kmer`: residues of a k-mer, instead of embeddings.
    seed
        Not used: nothing is drawn at random.
    """
    parts = {"train": data.train, "valid": data.valid, "test": data.test}
    about: dict[str, np.ndarray] = {}
    if "kmer" in settings:
        bounds = np.cumsum([0, *(len(part.ids) for part in parts.values())])
        texts: Sequence[str] = [text for part in parts.values() for text in part.texts]
        rows = unit_rows(protein_kmers(texts, settings["kmer"]))
        vectors = {name: rows[bounds[at] : bounds[at + 1]] for at, name in enumerate(parts)}
    else:
        mean, deviation = data.train.features.mean(axis=0), data.train.features.std(axis=0)
        deviation[deviation == 0] = 1
        vectors = {name: unit_rows((part.features - mean) / deviation) for name, part in parts.items()}
        about = {"mean": mean, "deviation": deviation, "vectors": vectors["train"]}
    most = max(_listed(settings["k"]))
    nearest = {}
    for name in ("valid", "test"):
        found = list(neighbours(vectors[name], vectors["train"], most))
        empty = np.zeros((0, 1))
        nearest[name] = [np.concatenate(list(part)) for part in zip(*found, strict=True)] if found else [empty, empty]

    def score(name: str, k: int, pseudo: float) -> tuple[np.ndarray, np.ndarray]:
        index, cosine = (values[:, :k] for values in nearest[name])
        return score_neighbours(index, cosine, data.train.targets, pseudo)

    chosen, valid, test = choose(data, settings, "k", score)
    _save(folder, settings, chosen, data, about)
    cost = {"parameters": _size(data.train) + sum(values.size for values in about.values()), "trained_parameters": 0}
    return Trained(valid, test, [], cost)


def _size(train: Part) -> int:
    """Labels that the training examples bear, and the share of each label."""
    return int(train.targets.sum()) + train.targets.shape[1]


def _save(
    folder: str | Path,
    settings: Mapping,
    chosen: Mapping,
    data: RunData,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Save what scoring new proteins takes: config.json, the training examples, and vectors where there are any."""
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        ids = [label["id"] for label in data.labels]
        share = data.train.targets.mean(axis=0).tolist()
        about = {"model": dict(settings), "chosen": dict(chosen), "labels": ids, "share": share}
        write_json(temporary / "config.json", about)
        own = [np.flatnonzero(row).tolist() for row in data.train.targets]
        write_parquet(
            temporary / "train.parquet",
            pd.DataFrame({"id": data.train.ids, "sequence": data.train.texts, "labels": own}),
        )
        if arrays:
            save_file(
                {name: np.ascontiguousarray(values) for name, values in arrays.items()}, temporary / "model.safetensors"
            )
