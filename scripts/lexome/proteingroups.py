"""Two groups of proteins by the vectors that a model has of them: a map, and figures that do not rest on it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from lexome.bootstrap import FEWEST_GROUPS, interval, resample_groups, stream
from lexome.errors import LexomeError
from lexome.maps import centre, chance_silhouette, probe, resampled_means, silhouettes
from lexome.shingles import shingles
from lexome.splits import fold_split

FOLDS = 5
PERPLEXITY = 30
K = 5  # residues of the pieces that related proteins share
RELATED = 0.05  # of the pieces of the shorter one: from about 55 % identity on


def read_ids(path: str | Path) -> set[str]:
    """Ids of a file with one a line; empty lines and lines that begin with # are passed over.

    Raises
    ------
    LexomeError
        If there is none.
    """
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines())
    ids = {line.split()[0] for line in lines if line and not line.startswith("#")}
    if not ids:
        raise LexomeError(f"{path}: no id in the file; write one a line")
    return ids


def term_ids(
    annotations: Callable[[], pd.DataFrame], terms: pd.DataFrame, wanted: Mapping[str, str]
) -> dict[str, set[str]]:
    """Proteins that are annotated with each term or one below it.

    Parameters
    ----------
    annotations
        Gives the table with `id` and `term`; called only where a term is wanted.
    terms
        The parsed ontology.
    wanted
        Name of a group -> id of its term.

    Raises
    ------
    LexomeError
        If the ontology has no such term.
    """
    from lexome.annotations import map_terms, propagate
    from lexome.ontology import ancestor_closure

    if not wanted:
        return {}
    closure = ancestor_closure(terms)
    unknown = [term for term in wanted.values() if term not in closure.terms]
    if unknown:
        raise LexomeError(f"protein.groups: {', '.join(unknown)} is no live term of the ontology; correct it")
    pairs, _ = map_terms(annotations(), terms)
    ids, matrix = propagate(pairs, closure)
    columns = matrix.tocsc()
    return {name: set(ids[columns[:, [closure.terms.get_loc(term)]].nonzero()[0]]) for name, term in wanted.items()}


def pick(groups: Mapping[str, set[str]], examples: pd.DataFrame, least: int = FOLDS) -> tuple[pd.DataFrame, list[dict]]:
    """The examples of exactly one of the groups, and how many were left out.

    Parameters
    ----------
    groups
        Name -> ids.
    examples
        With `id`, `sequence`, `group`.
    least
        Examples that each group has to have.

    Returns
    -------
    table : pandas.DataFrame
        The rows of `examples` with `species`: the name of the group (as `mapfigures.class_maps` calls classes).
    counts : list of dict
        For each group `name`, `named` (ids), `in_study`, `in_both` (left out), `kept`.

    Raises
    ------
    LexomeError
        If a group is too small.
    """
    (one, first), (other, second) = groups.items()
    known, both = set(examples["id"]), first & second
    counts, parts = [], []
    for name, ids in groups.items():
        part = examples[examples["id"].isin(ids - both)].assign(species=name)
        told = {"name": name, "named": len(ids), "in_study": len(ids & known), "in_both": len(both & known & ids)}
        counts.append(told | {"kept": len(part)})
        parts.append(part)
        if len(part) < least:
            raise LexomeError(
                f"protein.groups: {len(part)} proteins of the study are in {name} and not in "
                f"{other if name == one else one}; at least {least} are needed: choose wider groups"
            )
    return pd.concat(parts).sort_values("id", ignore_index=True), counts


def related(sequences: Sequence[str], groups: Sequence, k: int = K, least: float = RELATED) -> np.ndarray:
    """Groups of related proteins: those that share a group, or pieces of k residues, and the relatives of these.

    Parameters
    ----------
    groups
        Which must stay together in any case: clusters, or equal sequences.
    least
        Share of the distinct pieces of the protein with fewer of them, from which two are relatives.

    Returns
    -------
    numpy.ndarray
        int64, shape (n,): number of each one's group.
    """
    matrix = shingles(sequences, k).astype(np.int32)
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    shared = (matrix @ matrix.T).tocoo()
    near = shared.data >= least * np.minimum(sizes[shared.row], sizes[shared.col])
    rows, columns = shared.row[near], shared.col[near]
    _, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    first = np.unique(member, return_index=True)[1][member]
    rows, columns = np.concatenate([rows, np.arange(len(sizes))]), np.concatenate([columns, first])
    graph = sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(sizes),) * 2)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def cross_validated(vectors: np.ndarray | None, classes: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Predicted class of every example from a logistic regression that saw none of its group.

    Parameters
    ----------
    vectors
        float, shape (n, width); None predicts the commonest class of the other folds.
    classes
        int, 0 or 1.
    groups
        Whole ones go to one of `FOLDS` folds. Of the others, a fifth chooses the penalty (`maps.probe`).
    seed
        Of the folds.

    Returns
    -------
    numpy.ndarray
        int64, shape (n,).
    """
    predicted = np.empty(len(classes), dtype=np.int64)
    names = [str(group) for group in groups]
    for fold in range(1, FOLDS + 1):
        subset = fold_split(names, FOLDS, fold, {"train": 0.8, "valid": 0.2, "test": 0.0}, seed)
        train, valid, test = (subset == name for name in ("train", "valid", "test"))
        if vectors is None or len(np.unique(classes[train])) < 2:
            predicted[test] = np.bincount(classes[~test]).argmax()
            continue
        parts = [(vectors[part], classes[part]) for part in (train, valid)]
        predicted[test] = probe(*parts, vectors[test], int(classes.max()) + 1)[0].argmax(axis=1)
    return predicted


def compare(
    vectors: Mapping[str, np.ndarray], classes: np.ndarray, groups: np.ndarray, bootstrap: Mapping, name: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """How far each kind of vectors tells the two groups apart.

    Parameters
    ----------
    vectors
        Title -> float, shape (n, width); the first is the model's, the others need no model.
    classes, groups
        As in `cross_validated`.
    bootstrap
        `replicates`, `level`, `seed`: groups are drawn again.
    name
        Of the comparison: its resamples are its own.

    Returns
    -------
    scores : pandas.DataFrame
        `vectors`, `metric` (`silhouette`, `probe_accuracy`, and of the vectors without a model `difference`: how much
        better the first ones' probe is), `value`, `low`, `high`, `chance`, `n`. Chance is the silhouette of shuffled
        classes, and the accuracy of the commonest class, cross-validated alike.
    predicted : dict
        Title -> predictions of the probe, int64 [n].
    """
    counts = resample_groups(groups, bootstrap["replicates"], stream(bootstrap["seed"], name))
    enough = len(np.unique(groups)) >= FEWEST_GROUPS
    majority = float((cross_validated(None, classes, groups, bootstrap["seed"]) == classes).mean())
    rows, predicted = [], {}

    def add(title: str, metric: str, each: np.ndarray, chance: float) -> None:
        ends = interval(resampled_means(each, counts), bootstrap["level"]) if enough else (np.nan, np.nan)
        row = {"vectors": title, "metric": metric, "value": float(np.mean(each)), "low": ends[0], "high": ends[1]}
        rows.append(row | {"chance": chance, "n": len(each)})

    for title, own in vectors.items():
        unit = centre(own)[0]
        add(title, "silhouette", silhouettes(unit, classes), chance_silhouette(unit, classes, bootstrap["seed"]))
        predicted[title] = cross_validated(own, classes, groups, bootstrap["seed"])
        add(title, "probe_accuracy", predicted[title] == classes, majority)
    first, *others = predicted
    for title in others:
        gain = (predicted[first] == classes).astype(float) - (predicted[title] == classes)
        add(title, "difference", gain, 0.0)
    return pd.DataFrame(rows), predicted


def tsne(unit: np.ndarray, seed: int) -> np.ndarray:
    """A map by t-SNE (van der Maaten and Hinton, JMLR 9, 2579-2605, 2008), the same for the same input and seed.

    Parameters
    ----------
    unit
        Unit vectors, float32, shape (n, width), n at least 5.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, 2).
    """
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    drawing = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=seed, n_jobs=1)
    return drawing.fit_transform(unit).astype(np.float32)
