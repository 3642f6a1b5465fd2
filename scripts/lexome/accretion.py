"""One aspect of an ontology as matrices: its parents, consistent scores, and the information accretion of its terms.

An aspect is judged by itself: parents in another namespace are left out, as cafaeval and CAFA5's `ia.py` do.

Information accretion (Clark and Radivojac, Bioinformatics 29, 2013) is what a term adds to its parents,
ia(t) = -log2 P(t | all parents of t), in bits. The convention is that of the assessors' program
(`ia.py` of claradepaolis/InformationAccretion): an artificial protein that carries every term is added, so both counts
grow by one (`pseudo_count`), no term is infinitely informative, and a term that no protein has while n have all of its
parents gets log2(n + 1). A root has no parents: all proteins count as having them, and its accretion is 0 where
all carry it. Other tables are made without the artificial protein (`pseudo_count=0`). cafaeval computes no
accretion, it reads a file; a term without a line or with an infinite value weighs 0 (`weights_of`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

# Proteins that are counted at a time, and values of a block of dense scores (2 MB of float64).
COUNTED_PROTEINS = 1024
BLOCK_VALUES = 1 << 18


@dataclass(frozen=True)
class Aspect:
    """The terms of one namespace.

    Attributes
    ----------
    terms
        Ids, str [N], sorted: the order of the columns of all matrices.
    parents
        Boolean CSR [N, N], row = child, column = parent.
    alternatives
        Alternative id -> the live terms that it stands for.
    """

    terms: np.ndarray
    parents: sparse.csr_array
    alternatives: dict[str, list[str]] = field(default_factory=dict)

    @property
    def roots(self) -> np.ndarray:
        """bool [N]: the terms without parents (cafaeval's orphans)."""
        return np.diff(self.parents.indptr) == 0

    def counted(self, count_root: bool = True) -> np.ndarray:
        """Weights of unweighted figures, float64 [N]: 1, and 0 for roots unless they count (cafaeval: `no_orphans`)."""
        return np.ones(len(self.terms)) if count_root else (~self.roots).astype(np.float64)

    def positions(self, ids: Iterable[str]) -> np.ndarray:
        """Column of each id, int64; -1 for what is no term of the aspect."""
        ids = np.asarray(list(ids), dtype=self.terms.dtype if len(self.terms) else str)
        place = np.minimum(np.searchsorted(self.terms, ids), max(len(self.terms) - 1, 0))
        return np.where(self.terms[place] == ids, place, -1) if len(self.terms) else np.full(len(ids), -1)


def make_aspect(links: dict[str, Iterable[str]], alternatives: dict[str, list[str]] | None = None) -> Aspect:
    """An aspect from its terms and their parents; parents that are none of the terms are left out."""
    terms = sorted(links)
    index = {term: row for row, term in enumerate(terms)}
    edges = {(index[child], index[parent]) for child in terms for parent in links[child] if parent in index}
    rows, columns = np.array(sorted(edges), dtype=np.int32).reshape(-1, 2).T
    shape = (len(terms), len(terms))
    matrix = sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)
    return Aspect(np.array(terms, dtype=object), matrix, alternatives or {})


def aspect_of(terms, namespace: str, relations: Iterable[str] | None = None) -> Aspect:
    """The live terms of a namespace.

    Parameters
    ----------
    terms
        The table of `lexome.ontology.read_obo`.
    namespace
        `molecular_function`, `biological_process` or `cellular_component`.
    relations
        That make a parent; default `lexome.ontology.RELATIONS`.

    Raises
    ------
    ValueError
        If the namespace has no live term.
    """
    from lexome.ontology import RELATIONS

    relations = RELATIONS if relations is None else tuple(relations)
    kept = terms[~terms["obsolete"].astype(bool) & (terms["namespace"] == namespace)]
    if not len(kept):
        raise ValueError(f"no live term is of the namespace {namespace!r}")
    alternatives: dict[str, list[str]] = {}
    for term, others in zip(kept["id"], kept["alt_ids"], strict=True):
        for other in others:
            alternatives.setdefault(other, []).append(term)
    links = {
        term: [parent["id"] for parent in parents if parent["relation"] in relations]
        for term, parents in zip(kept["id"], kept["parents"], strict=True)
    }
    return make_aspect(links, alternatives)


def information_accretion(
    annotations: sparse.csr_array, parents: sparse.csr_array, pseudo_count: int = 1
) -> np.ndarray:
    """Information accretion of every term, see the module's text.

    Parameters
    ----------
    annotations
        Boolean CSR [proteins, N], propagated: who has a term has its parents. Rows without any term count as
        proteins (they weigh on the roots), so leave out who is not annotated in the aspect.
    parents
        Boolean CSR [N, N], direct parents only.
    pseudo_count
        Added to both counts; 1 is the convention of `ia.py`. With 0 a term that is never seen has an infinite
        accretion, or NaN where its parents are never seen together either.

    Returns
    -------
    float64 [N], bits.

    Raises
    ------
    ValueError
        If the annotations are not propagated over these parents.
    """
    n_proteins, n_terms = annotations.shape
    child, parent = _edges(parents)
    starts, children = _groups(child)
    with_term = np.zeros(n_terms, dtype=np.int64)
    with_parents = np.full(n_terms, n_proteins, dtype=np.int64)
    with_parents[children] = 0
    for start in range(0, n_proteins, COUNTED_PROTEINS):
        # A bit for a protein: who has all parents is the conjunction of their rows.
        have = np.packbits(annotations[start : start + COUNTED_PROTEINS].toarray().astype(bool), axis=0).T
        have = np.ascontiguousarray(have)
        with_term += np.bitwise_count(have).sum(axis=1, dtype=np.int64)
        if not len(children):
            continue
        all_parents = np.bitwise_and.reduceat(have[parent], starts, axis=0)
        if (have[children] & ~all_parents).any():
            raise ValueError("a protein has a term and not all of its parents: propagate the annotations first")
        with_parents[children] += np.bitwise_count(all_parents).sum(axis=1, dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log2(with_parents + pseudo_count) - np.log2(with_term + pseudo_count)


def weights_of(accretion: np.ndarray) -> np.ndarray:
    """Accretion as weights, float64 [N]: what is not finite or not positive weighs 0, as in cafaeval."""
    accretion = np.asarray(accretion, dtype=np.float64)
    return np.where(np.isfinite(accretion) & (accretion > 0), accretion, 0.0)


def make_consistent(scores: np.ndarray | sparse.sparray, parents: sparse.csr_array) -> np.ndarray | sparse.csr_array:
    """Raise every score to the highest of the term's descendants, so that no parent scores below a child.

    This is cafaeval's `prop='max'`; booleans are propagated by the same function. Doing it twice changes nothing.

    Parameters
    ----------
    scores
        [proteins, N], dense or sparse; sparse scores must not be negative, absent ones are 0.
    parents
        Boolean CSR [N, N], child x parent: direct parents, or all ancestors (a closure; its diagonal is ignored). For a
        selection of terms take the closure's rows and columns: terms between two selected ones may be missing.

    Returns
    -------
    A new matrix of the same kind (sparse: CSR without explicit zeros) and dtype.

    Raises
    ------
    ValueError
        If the shapes do not fit, a sparse score is negative or NaN, or the parents have a cycle.
    """
    if scores.shape[1] != parents.shape[0] or parents.shape[0] != parents.shape[1]:
        raise ValueError(f"scores {scores.shape} do not fit parents {parents.shape}")
    if sparse.issparse(scores):
        return _consistent_csr(plain_csr(scores), parents)
    steps, out = _steps(parents), np.array(scores)
    rows = max(1, BLOCK_VALUES // max(out.shape[1], 1))
    for start in range(0, len(out), rows):
        block = np.ascontiguousarray(out[start : start + rows].T)
        out[start : start + rows] = _climb(block, steps).T
    return out


def plain_csr(scores: sparse.sparray) -> sparse.csr_array:
    """As CSR with sorted columns, without zeros, duplicates added up; a copy unless it is that already.

    Raises
    ------
    ValueError
        If a value is negative or NaN.
    """
    matrix = sparse.csr_array(scores)
    if not matrix.has_canonical_format or not matrix.data.all():
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    if matrix.dtype != bool and not (matrix.data >= 0).all():
        raise ValueError("scores must not be negative or NaN")
    return matrix


def _consistent_csr(scores: sparse.csr_array, parents: sparse.csr_array) -> sparse.csr_array:
    """`make_consistent` in blocks of rows, over the scored terms and their ancestors only."""
    active = np.zeros(scores.shape[1], dtype=bool)
    active[scores.indices] = True
    active = _climb(active[:, None], _steps(parents))[:, 0]
    kept = np.flatnonzero(active)
    place = np.cumsum(active) - 1
    steps = _steps(sparse.csr_array(parents)[kept][:, kept])
    rows = max(1, BLOCK_VALUES // max(len(kept), 1))
    data, columns, lengths = [], [], [np.zeros(1, dtype=np.int64)]
    for start in range(0, scores.shape[0], rows):
        part = scores[start : start + rows]
        row = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        block = np.zeros((len(kept), part.shape[0]), dtype=scores.dtype)
        block[place[part.indices], row] = part.data
        block = np.ascontiguousarray(_climb(block, steps).T).ravel()
        cells = np.flatnonzero(block != 0)
        row, column = np.divmod(cells, len(kept))
        data.append(block[cells])
        columns.append(kept[column].astype(np.int32))
        lengths.append(np.bincount(row, minlength=part.shape[0]))
    if not data:
        return scores
    parts = (np.concatenate(data), np.concatenate(columns), np.cumsum(np.concatenate(lengths)))
    return sparse.csr_array(parts, shape=scores.shape)


def _climb(block: np.ndarray, steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Terms x anything, changed in place: every parent takes the maximum of itself and its children, from below."""
    for child, starts, parent in steps:
        block[parent] = np.maximum(block[parent], np.maximum.reduceat(block[child], starts, axis=0))
    return block


def _steps(parents: sparse.csr_array) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Links in an order in which children are done before their parents.

    A step has the children of all parents of one height, where each parent's children start, and the parents.
    """
    child, parent = _edges(parents)
    height = np.zeros(parents.shape[0], dtype=np.int64)
    for _ in range(parents.shape[0] + 1):
        higher = height.copy()
        np.maximum.at(higher, parent, height[child] + 1)
        if (higher == height).all():
            break
        height = higher
    else:
        raise ValueError("the parents have a cycle")
    order = np.lexsort((parent, height[parent]))
    child, parent = child[order], parent[order]
    cuts = np.flatnonzero(np.diff(height[parent])) + 1
    steps = []
    for children, own in zip(np.split(child, cuts), np.split(parent, cuts), strict=True):
        if len(own):
            starts, targets = _groups(own)
            steps.append((children, starts, targets))
    return steps


def _edges(parents: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Children and parents of all links, sorted by child, without links to oneself."""
    child, parent = sparse.csr_array(parents).nonzero()
    other = child != parent
    return child[other], parent[other]


def _groups(sorted_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values starts, and the values."""
    first = np.ones(len(sorted_values), dtype=bool)
    np.not_equal(sorted_values[1:], sorted_values[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return starts, sorted_values[starts]
