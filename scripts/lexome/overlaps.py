"""DNA sequences that overlap on the genome: told by the stretches that they share, on either strand.

Sequences of peaks come without coordinates. Two that share 30 nucleotides to the letter are parts of one place, or of
copies of it; by chance alone no two of a hundred thousand sequences of 100 nucleotides would (4**30 is 1e18).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from lexome.dna import COMPLEMENT, UNKNOWN, encode

OVERLAP = 30  # nucleotides; 2 bits each, which a 64-bit integer holds
COMMON = 20  # a stretch that more sequences of one kind have is a repeat of the genome, and no sign of one place


def stretches(sequences: Sequence[str], k: int = OVERLAP) -> tuple[np.ndarray, np.ndarray]:
    """Canonical k-mers of sequences: each the smaller of the stretch and its reverse complement.

    Parameters
    ----------
    sequences
        In upper case, A, C, G, T and N, of any lengths. Stretches with an N are passed over.
    k
        Nucleotides of a stretch, 1 to 31.

    Returns
    -------
    owner : numpy.ndarray
        int64, the position of the sequence that each stretch is of; ascending.
    stretch : numpy.ndarray
        uint64, two bits a nucleotide. A sequence that has a stretch twice names it twice.
    """
    sequences = list(sequences)
    none = np.array([], dtype=np.int64)
    # An N between the sequences: no stretch reaches across it.
    codes = encode(["N".join(sequences)])[0] if sequences and any(sequences) else none
    n = len(codes) - k + 1
    if n < 1:
        return none, none.astype(np.uint64)
    forward, reverse = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    letters, others = codes.astype(np.uint64) & np.uint64(3), COMPLEMENT[codes].astype(np.uint64) & np.uint64(3)
    for at in range(k):
        forward |= letters[at : at + n] << np.uint64(2 * (k - 1 - at))
        reverse |= others[at : at + n] << np.uint64(2 * at)
    unknown = np.concatenate([[0], np.cumsum(codes == UNKNOWN)])
    known = np.flatnonzero(unknown[k:] == unknown[:-k])
    ends = np.cumsum([len(sequence) + 1 for sequence in sequences])
    return np.searchsorted(ends, known, side="right"), np.minimum(forward, reverse)[known]


def overlapping(queries: Sequence[str], references: Sequence[str], k: int = OVERLAP) -> np.ndarray:
    """Whether each query shares a stretch of `k` nucleotides with any reference, on either strand: bool, (n_queries,).

    Letters as in `stretches`.
    """
    owner, stretch = stretches(queries, k)
    found = np.zeros(len(queries), dtype=bool)
    found[owner[np.isin(stretch, stretches(references, k)[1])]] = True
    return found


def join_groups(
    sequences: Sequence[str],
    groups: Sequence[str],
    kinds: Sequence[str],
    k: int = OVERLAP,
    common: int = COMMON,
) -> dict[str, str]:
    """Join groups whose sequences overlap, directly or by way of others.

    Parameters
    ----------
    sequences, groups, kinds
        n each: sequences as in `stretches`, the group of each, and what it is of (a factor). What must join nothing, as
        a shuffle, is left out.
    k
        Nucleotides that overlapping sequences share, on either strand.
    common
        A stretch that more groups of one kind have joins none: repeats of the genome and runs of one letter would make
        one group of all. Places where many kinds lie together are joined, however many kinds there are.

    Returns
    -------
    dict
        The new name of every group: the smallest name of those that are joined, its own if it is joined to none.
    """
    nodes, names = pd.factorize(pd.Series(list(groups), dtype=object), sort=True)
    owner, stretch = stretches(sequences, k)
    kind = pd.factorize(pd.Series(list(kinds), dtype=object))[0]
    _, stretch = np.unique(stretch, return_inverse=True)
    pairs = pd.DataFrame({"stretch": stretch, "node": nodes[owner], "kind": kind[owner]})
    # Most stretches are of one sequence alone: without them the rest is quick.
    pairs = pairs[np.bincount(stretch)[stretch] > 1].drop_duplicates()
    most = pairs.groupby(["stretch", "kind"])["node"].nunique().groupby("stretch").max()
    pairs = pairs[~pairs["stretch"].isin(most.index[most > common])]
    first = pairs.groupby("stretch")["node"].transform("min")
    edges = (np.ones(len(pairs), dtype=bool), (first.to_numpy(), pairs["node"].to_numpy()))
    _, joined = connected_components(sparse.coo_matrix(edges, shape=(len(names), len(names))), directed=False)
    smallest = pd.Series(names).groupby(joined).transform("min")
    return dict(zip(names, smallest, strict=True))
