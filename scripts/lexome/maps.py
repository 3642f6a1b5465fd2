"""How far vectors of examples tell their classes apart: a map in two dimensions, and figures that do not rest on it.

A map shows what it wants to: distances between islands and their sizes mean little (Wattenberg, Viegas and Johnson,
Distill 2016, doi:10.23915/distill.00002; Chari and Pachter, PLoS Comput. Biol. 19, e1011288, 2023). So every map stands
beside three figures that are measured on the vectors themselves.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from lexome.bootstrap import FEWEST_GROUPS, interval

BLOCK = 1024  # test examples whose similarities to all of train are held at once
EPOCHS = 200  # of the map; UMAP's own choice for large sets, and small ones look the same after them
FEWEST_MAPPED = 5
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of the probe, one of which valid chooses
PROBE_STEPS = 500
SHUFFLES = 20  # of the classes, for the silhouette that is due to chance
METRICS = ("silhouette", "knn_accuracy", "probe_accuracy")


def centre(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Unit vectors of train and of others, after the mean of train is taken away.

    Vectors of pretrained models share a large common part, which would make every cosine nearly 1.

    Parameters
    ----------
    train, others
        float, shape (n, width) each.

    Returns
    -------
    list of numpy.ndarray
        float32, in the order given; rows of length 1, or 0 for a vector that is the mean itself.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    out = []
    for vectors in (train, *others):
        moved = vectors - mean
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        out.append(np.divide(moved, length, out=np.zeros_like(moved), where=length > 1e-12).astype(np.float32))
    return out


def silhouettes(unit: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Silhouette of every example under the cosine distance (Rousseeuw, J. Comput. Appl. Math. 20, 53-65, 1987).

    The mean distance to the examples of a class follows from the sum of their vectors, so that no matrix of all
    distances is made.

    Parameters
    ----------
    unit
        float, shape (n, width), rows of length 1 (or 0).
    classes
        int, shape (n,), from 0.

    Returns
    -------
    numpy.ndarray
        float64, shape (n,), from -1 (nearer to another class) to 1; 0 for the only example of its class, NaN everywhere
        where there is a single class.
    """
    unit, n_classes = np.asarray(unit, dtype=np.float64), int(classes.max()) + 1
    member = np.eye(n_classes)[classes]
    sizes = member.sum(axis=0)
    if (sizes > 0).sum() < 2:
        return np.full(len(unit), np.nan)
    to_self = 1 - (unit * unit).sum(axis=1)
    total = sizes - unit @ (member.T @ unit).T  # [n, classes], sums of distances
    rows = np.arange(len(unit))
    own = (total[rows, classes] - to_self) / np.maximum(sizes[classes] - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = np.where(sizes > 0, total / sizes, np.inf)
    other[rows, classes] = np.inf
    nearest = other.min(axis=1)
    widest = np.maximum(own, nearest)
    value = np.divide(nearest - own, widest, out=np.zeros(len(unit)), where=widest > 0)
    return np.where(sizes[classes] > 1, value, 0.0)


def chance_silhouette(unit: np.ndarray, classes: np.ndarray, seed: int) -> float:
    """Mean silhouette where the classes are dealt out anew, over `SHUFFLES` shuffles."""
    rng = np.random.default_rng(seed)
    return float(np.mean([silhouettes(unit, rng.permutation(classes)).mean() for _ in range(SHUFFLES)]))


def neighbour_classes(
    train: np.ndarray, classes: np.ndarray, test: np.ndarray, neighbours: int, n_classes: int
) -> np.ndarray:
    """The commonest class among the nearest training examples (by cosine); of equally common ones the nearer.

    Parameters
    ----------
    train, test
        Unit vectors, shape (n, width) each.
    classes
        Of train, int.
    neighbours
        How many have a say; all of train where it is smaller.

    Returns
    -------
    numpy.ndarray
        int64, shape (n_test,).
    """
    k = min(neighbours, len(train))
    out = np.empty(len(test), dtype=np.int64)
    member = np.eye(n_classes)[classes]
    for start in range(0, len(test), BLOCK):
        near = test[start : start + BLOCK] @ train.T
        order = np.argsort(-near, axis=1, kind="stable")[:, :k]
        votes = member[order].sum(axis=1)
        closeness = (member[order] * np.take_along_axis(near, order, axis=1)[..., None]).sum(axis=1)
        # Similarities lie in -1..1: their sum over k neighbours, so scaled, cannot outweigh a vote.
        out[start : start + BLOCK] = (votes + closeness / (4 * k + 4)).argmax(axis=1)
    return out


def probe(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    test: np.ndarray,
    n_classes: int,
) -> tuple[np.ndarray, float]:
    """Multinomial logistic regression on the vectors: what a linear head makes of them.

    Parameters
    ----------
    train, valid
        Vectors, shape (n, width), and classes. Each column is scaled to mean 0 and variance 1 on train.
    test
        Vectors.

    Returns
    -------
    probabilities : numpy.ndarray
        float64, shape (n_test, n_classes).
    strength : float
        The C of `STRENGTHS` with the best accuracy on valid; of equally good ones the smallest, which fits least.
    """
    from scipy.special import softmax
    from sklearn.preprocessing import StandardScaler

    from lexome.textmodels import fit_classes

    scaler = StandardScaler().fit(train[0])
    scaled, held, asked = (scaler.transform(part) for part in (train[0], valid[0], test))
    best, chosen = -1.0, None
    for strength in STRENGTHS if len(held) else STRENGTHS[-1:]:
        fitted = fit_classes(scaled, train[1], n_classes, {"C": strength, "max_iter": PROBE_STEPS})
        right = float(((held @ fitted[0].T + fitted[1]).argmax(axis=1) == valid[1]).mean()) if len(held) else 0.0
        if right > best:
            best, chosen = right, (*fitted, strength)
    weights, intercepts, strength = chosen
    return softmax(asked @ weights.T.astype(np.float64) + intercepts, axis=1), strength


def layout(unit: np.ndarray, n_neighbors: int, min_dist: float, seed: int) -> np.ndarray:
    """A map by UMAP (McInnes, Healy and Melville, arXiv:1802.03426), the same for the same input and seed.

    Neighbours are the exact ones by cosine, and the start is the first two principal components, so that only the
    drawing of negative samples is left to the seed.

    Parameters
    ----------
    unit
        Unit vectors, float32, shape (n, width).
    n_neighbors, min_dist
        As in UMAP; a smaller set has fewer neighbours.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, 2); zeros for fewer than `FEWEST_MAPPED` examples.
    """
    if len(unit) < FEWEST_MAPPED:
        return np.zeros((len(unit), 2), dtype=np.float32)
    import umap
    from sklearn.neighbors import NearestNeighbors

    k = min(n_neighbors, len(unit) - 1)
    search = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(unit)
    distances, places = search.kneighbors(unit)
    drawing = umap.UMAP(
        n_neighbors=k,
        min_dist=min_dist,
        n_epochs=EPOCHS,
        init="pca",
        metric="cosine",
        precomputed_knn=(places, np.maximum(distances, 0).astype(np.float32)),
        # Small sets would have their neighbours looked for anew.
        force_approximation_algorithm=True,
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # That no further points can be added to the map, which none are.
        warnings.simplefilter("ignore", UserWarning)
        return drawing.fit_transform(unit).astype(np.float32)


def judge(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    n_classes: int,
    neighbours: int,
    counts: np.ndarray,
    groups: np.ndarray,
    level: float,
    seed: int,
) -> tuple[list[dict], np.ndarray]:
    """How far vectors tell the classes of test examples apart.

    Parameters
    ----------
    train, valid, test
        Vectors, float32, shape (n, width), and classes, int.
    neighbours
        As in `neighbour_classes`.
    counts
        Resamples of the test examples, shape (B, n_test), from `bootstrap.resample_groups`.
    groups
        Of the test examples; too few of them give no intervals.
    level
        Of the intervals.
    seed
        Of the shuffles of `chance_silhouette`.

    Returns
    -------
    rows : list of dict
        `metric` (`METRICS`), `value`, `low`, `high` (NaN where there are too few groups), `chance` and `n`. Chance is
        the mean silhouette of shuffled classes, and the share of test examples that have train's commonest class. The
        interval of a silhouette draws examples again, not the distances to the others.
    probabilities : numpy.ndarray
        Of the probe, shape (n_test, n_classes).
    """
    unit_train, unit_test = centre(train[0], test[0])
    probabilities, _ = probe(train, valid, test[0], n_classes)
    near = neighbour_classes(unit_train, train[1], unit_test, neighbours, n_classes)
    commonest = np.bincount(train[1], minlength=n_classes).argmax()
    majority = float((test[1] == commonest).mean())
    values = {
        "silhouette": (silhouettes(unit_test, test[1]), chance_silhouette(unit_test, test[1], seed)),
        "knn_accuracy": (near == test[1], majority),
        "probe_accuracy": (probabilities.argmax(axis=1) == test[1], majority),
    }
    enough = len(np.unique(groups)) >= FEWEST_GROUPS
    rows = []
    for metric, (each, chance) in values.items():
        ends = interval(resampled_means(each, counts), level) if enough else (float("nan"), float("nan"))
        row = {"metric": metric, "value": float(np.mean(each)), "low": ends[0], "high": ends[1]}
        rows.append(row | {"chance": chance, "n": len(each)})
    return rows, probabilities


def resampled_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of values [n] in each resample [B, n]: float64 [B]; NaN of an empty resample."""
    weights = counts.astype(np.float64)
    total = weights.sum(axis=1)
    return np.divide(
        weights @ np.asarray(values, dtype=np.float64), total, out=np.full(len(total), np.nan), where=total > 0
    )


def trivial_vectors(in_frame: bool) -> dict[str, Mapping[str, int]]:
    """Vectors that need no model, by name: settings of `dnamodels.kmer_shares`; codons where windows start in frame."""
    vectors = {"kmer3_shares": {"k": 3, "step": 1}}
    return vectors | ({"codon_shares": {"k": 3, "step": 3}} if in_frame else {})


def run_title(model: str, seed: int | None, seeds: Sequence[int] = ()) -> str:
    """A run's name for people; the seed is told where the same model is there with several."""
    return model if seed is None or len(set(seeds)) < 2 else f"{model}, seed {seed}"
