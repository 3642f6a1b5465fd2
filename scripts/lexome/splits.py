"""Part a study's examples into train, valid and test, and measure what leaks between them."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.dna import canonical
from lexome.errors import LexomeError
from lexome.shingles import nearest, shingles

SUBSETS = ("train", "valid", "test")


def random_split(groups: Sequence[str], fractions: Mapping[str, float], seed: int) -> np.ndarray:
    """Assign whole groups of examples to subsets at random.

    Groups are shuffled by `seed`, then each goes to the subset that is furthest below its share, so that the sizes
    come as near to `fractions` as whole groups allow. The result depends on the set of groups and their sizes, never
    on the order of the examples.

    Parameters
    ----------
    groups
        One group per example; examples of one group stay together.
    fractions
        Share of the examples of each of `train`, `valid` and `test`; they sum to 1.
    seed
        Seed of the shuffle.

    Returns
    -------
    numpy.ndarray
        Subset names, shape (n_examples,).

    Raises
    ------
    LexomeError
        If the fractions do not sum to 1, or a subset with a share stays empty.
    """
    return stratified_split(groups, np.zeros(len(groups), dtype=int), fractions, seed)


def stratified_split(
    groups: Sequence[str], classes: Sequence[int], fractions: Mapping[str, float], seed: int
) -> np.ndarray:
    """Assign whole groups to subsets at random, so that every class comes as near to `fractions` as they allow.

    Each class is parted as `random_split` parts all examples. A group with several classes counts as its commonest
    one, the smallest at a tie.

    Parameters
    ----------
    groups, fractions, seed
        As in `random_split`.
    classes
        One class per example, integers from 0.

    Returns
    -------
    numpy.ndarray
        Subset names, shape (n_examples,).

    Raises
    ------
    LexomeError
        As `random_split`.
    """
    if set(fractions) != set(SUBSETS) or abs(sum(fractions.values()) - 1) > 1e-9:
        raise LexomeError(f"split fractions must name {', '.join(SUBSETS)} and sum to 1, found {dict(fractions)}")
    inverse, sizes, order = _largest_first(groups, seed)
    share = np.array([fractions[name] for name in SUBSETS])
    class_of_group = _commonest_class(inverse, np.asarray(classes, dtype=np.int64))
    subset = np.empty(len(sizes), dtype=int)
    for one in np.unique(class_of_group):
        members = order[class_of_group[order] == one]
        # Lists: on three numbers numpy takes ten times as long.
        wanted, filled = (share * sizes[members].sum()).tolist(), [0.0] * len(SUBSETS)
        for group, size in zip(members.tolist(), sizes[members].tolist(), strict=True):
            lacking = [(w - f) / max(w, 1e-12) if w > 0 else -np.inf for w, f in zip(wanted, filled, strict=True)]
            place = lacking.index(max(lacking))
            subset[group] = place
            filled[place] += size
    for place, name in enumerate(SUBSETS):
        if share[place] > 0 and not (subset == place).any():
            raise LexomeError(
                f"the split leaves `{name}` empty: {len(sizes)} groups of examples are too few for {dict(fractions)}; "
                "add data or give that subset a larger share"
            )
    return np.array(SUBSETS)[subset[inverse]]


def _largest_first(groups: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group of each example (0 .. n_groups - 1), examples of each group, and the groups in the order of dealing out."""
    names, inverse, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    # Largest groups first, in shuffled order among equals: the small ones then even out what the large ones left.
    return inverse, sizes, order[np.argsort(-sizes[order], kind="stable")]


def _commonest_class(group: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The class of each group (0 .. n_groups - 1) by majority of its examples, the smallest at a tie; int64."""
    pairs, counts = np.unique(np.stack([group, classes], axis=1), axis=0, return_counts=True)
    ranked = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    _, first = np.unique(pairs[ranked, 0], return_index=True)
    return pairs[ranked[first], 1]


def official_split(
    given: Sequence[str], groups: Sequence[str], fractions: Mapping[str, float], seed: int
) -> np.ndarray:
    """Take the subsets that examples come with; where none is `valid`, cut whole groups out of train for it.

    Groups that the data themselves have in several subsets are left so: the leakage audit counts them.

    Parameters
    ----------
    given
        Subset names, one per example.
    groups, seed
        As in `random_split`, for the cut.
    fractions
        The cut takes valid / (train + valid) of the training examples; `test` is not read.

    Returns
    -------
    numpy.ndarray
        Subset names, shape (n_examples,).

    Raises
    ------
    LexomeError
        If a name is not one of the subsets, there is no `train` or no `test`, or the cut leaves a subset empty.
    """
    subset = np.asarray(given, dtype=object)
    odd = sorted({str(name) for name in subset} - set(SUBSETS))
    if odd:
        raise LexomeError(f"column `subset`: {odd[0]!r} is not known; there are {', '.join(SUBSETS)}")
    for name in ("train", "test"):
        if not (subset == name).any():
            raise LexomeError(f"column `subset`: no example is in {name}; use the method `random`")
    subset = subset.astype(str)
    if not (subset == "valid").any():
        train = np.flatnonzero(subset == "train")
        share = fractions["valid"] / (fractions["train"] + fractions["valid"])
        cut = {"train": 1 - share, "valid": share, "test": 0.0}
        subset[train] = random_split(np.asarray(groups, dtype=str)[train], cut, seed)
    return subset


def fold_split(groups: Sequence[str], folds: int, fold: int, fractions: Mapping[str, float], seed: int) -> np.ndarray:
    """One fold of a k-fold cross-validation: whole groups, the folds' test examples apart and together all examples.

    Groups are shuffled by `seed`, then, the largest first, each goes to the fold with the fewest examples. The folds of
    a seed depend on the set of groups and their sizes alone.

    Parameters
    ----------
    groups
        One group per example; examples of one group stay together.
    folds, fold
        How many folds, and which of them is tested (from 1).
    fractions
        valid / (train + valid) of the other folds' examples are cut out as `valid`; `test` is not read.
    seed
        Of the folds and, with the fold, of the cut.

    Returns
    -------
    numpy.ndarray
        Subset names, shape (n_examples,).

    Raises
    ------
    LexomeError
        If there are fewer groups than folds, or the cut leaves a subset empty.
    """
    inverse, sizes, order = _largest_first(groups, seed)
    if len(sizes) < folds:
        raise LexomeError(f"{len(sizes)} groups of examples are too few for {folds} folds; lower `folds` or add data")
    filled, fold_of = [0] * folds, np.empty(len(sizes), dtype=int)
    for group in order.tolist():
        place = filled.index(min(filled))
        fold_of[group] = place
        filled[place] += int(sizes[group])
    subset = np.where(fold_of[inverse] == fold - 1, "test", "train")
    return official_split(subset, groups, fractions, seed + fold)


def draw_sizes(subset: np.ndarray, classes: Sequence[int], sizes: Mapping[str, int], seed: int) -> np.ndarray:
    """Draw a number of examples from subsets at random, in each as many of every class as its share asks for.

    Parameters
    ----------
    subset
        Subset names, shape (n_examples,).
    classes
        One class per example; the same one everywhere draws without regard to classes.
    sizes
        Examples to keep of the subsets that it names; the others are kept whole.
    seed
        Of the draw. It depends on the order of the examples: sort them before.

    Returns
    -------
    numpy.ndarray
        bool, shape (n_examples,): the examples kept.

    Raises
    ------
    LexomeError
        If a subset has fewer examples than are asked for.
    """
    classes = np.asarray(classes)
    kept = ~np.isin(subset, list(sizes))
    for name, size in sizes.items():
        rows = np.flatnonzero(subset == name)
        if size > len(rows):
            raise LexomeError(
                f"`sizes` asks for {size} {name} examples, the split has {len(rows)}; ask for fewer, or give {name} a "
                "larger share in `fractions`"
            )
        rows = np.random.default_rng([seed, SUBSETS.index(name)]).permutation(rows)
        present, member, counts = np.unique(classes[rows], return_inverse=True, return_counts=True)
        exact = counts * size / max(len(rows), 1)
        quota = np.floor(exact).astype(np.int64)
        # Largest remainders get what rounding down left over.
        quota[np.argsort(quota - exact, kind="stable")[: size - quota.sum()]] += 1
        for one in range(len(present)):
            kept[rows[member == one][: quota[one]]] = True
    return kept


def audit_leakage(
    ids: Sequence[str], texts: Sequence[str], subset: np.ndarray, settings: Mapping, both_strands: bool = False
) -> tuple[np.ndarray, dict]:
    """Measure how close each valid and test example is to the training examples.

    Parameters
    ----------
    ids, texts
        The examples, n_examples each.
    subset
        Their subsets, shape (n_examples,).
    settings
        `k` and `unit` of the shingles; `near`: similarity from which an example counts as a near-duplicate;
        `distant`: similarity below which it counts as unlike all training examples. Between sequences that differ by
        substitutions containment is about identity**k: with k = 5, 0.5 is about 87 % identity and 0.05 about 55 %, so
        that remote homologues count as distant.
    both_strands
        Texts are DNA in upper case: a k-mer, or a whole sequence, and its reverse complement are one.

    Returns
    -------
    nearest_train : numpy.ndarray
        float32, shape (n_examples,): similarity to the nearest training example; NaN for training examples.
    report : dict
        Counts, quantiles and the closest pairs of each subset, ready for JSON.
    """
    ids, texts, subset = np.asarray(ids, dtype=object), np.asarray(texts, dtype=object), np.asarray(subset)
    k, unit, near, distant = settings["k"], settings["unit"], settings["near"], settings["distant"]
    if both_strands and unit != "character":
        raise LexomeError("leakage.unit: DNA has no words; use character")
    matrix = shingles(texts, k, unit, both_strands)
    train, held_out = np.flatnonzero(subset == "train"), np.flatnonzero(subset != "train")
    nearest_similarity, nearest_row = nearest(matrix[held_out], matrix[train])
    whole = [_digest(canonical(text) if both_strands else text) for text in texts]
    seen = {whole[i] for i in train}
    nearest_train = np.full(len(ids), np.nan, dtype=np.float32)
    nearest_train[held_out] = nearest_similarity
    report = {
        "method": f"containment of distinct {k}-{'mers' if unit == 'character' else 'word runs'} "
        f"{'on either strand ' * both_strands}in the nearest training example",
        "k": k,
        "near": near,
        "distant": distant,
        "n": {name: int((subset == name).sum()) for name in SUBSETS},
        "subsets": {},
    }
    for name in ("valid", "test"):
        own = subset[held_out] == name
        rows, similarity, index = held_out[own], nearest_similarity[own], nearest_row[own]
        worst = [i for i in np.argsort(-similarity, kind="stable")[:20] if similarity[i] > 0]
        report["subsets"][name] = {
            "examples": len(rows),
            "identical": sum(whole[i] in seen for i in rows),
            "near_duplicates": int((similarity >= near).sum()),
            "distant": int((similarity < distant).sum()),
            "quantiles": {str(q): round(float(np.quantile(similarity, q)), 4) for q in (0.1, 0.5, 0.9)}
            if len(rows)
            else {},
            "worst": [
                {
                    "id": ids[rows[i]],
                    "nearest": ids[train[index[i]]],
                    "similarity": round(float(similarity[i]), 4),
                }
                for i in worst
            ],
        }
    return nearest_train, report


def choose_labels(
    labels: pd.Series, train: np.ndarray, n_labels: int, minimum: int, everywhere: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The labels that enough training examples bear, though not all; valid and test have no say.

    Parameters
    ----------
    labels
        List of label indices per example, length n_examples.
    train
        Boolean, shape (n_examples,).
    n_labels
        Size of the study's vocabulary.
    minimum
        Training examples that a label needs.
    everywhere
        Labels that all training examples bear are chosen, too: what is judged lies within examples, as entities do.

    Returns
    -------
    chosen : numpy.ndarray
        Indices into the vocabulary, ascending.
    counts : numpy.ndarray
        Training examples of each chosen label.

    Raises
    ------
    LexomeError
        If no label has enough.
    """
    parts = [np.asarray(row, dtype=np.int64) for row in labels[np.asarray(train)]]
    counts = np.bincount(np.concatenate(parts) if parts else np.array([], dtype=np.int64), minlength=n_labels)
    # A label that every training example bears says nothing, and would lift every model's mean.
    telling = everywhere | (counts < np.count_nonzero(train))
    chosen = np.flatnonzero((counts >= minimum) & telling)
    if not chosen.size:
        raise LexomeError(
            f"no label has {minimum} training examples (the commonest has {counts.max(initial=0)}); "
            "lower `min_train_examples` or add data"
        )
    return chosen, counts[chosen]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
