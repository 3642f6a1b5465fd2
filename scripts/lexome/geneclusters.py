"""Clusters of genes whose proteins are alike, within a species and across: paralogues and orthologues."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from lexome.fasta import AMINO_ACIDS

_BETWEEN = "*"  # no k-mer reaches across it
_CODE = np.full(256, 255, dtype=np.uint8)
_CODE[np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)] = np.arange(len(AMINO_ACIDS))


def protein_kmers(proteins: Sequence[str], k: int) -> sparse.csr_matrix:
    """The distinct k-mers of each protein.

    Parameters
    ----------
    proteins
        In upper case; k-mers with another letter than the 20 amino acids are passed over.
    k
        Residues, 1 to 14.

    Returns
    -------
    scipy.sparse.csr_matrix
        int32 ones, shape (n_proteins, n_distinct_kmers).
    """
    codes = _CODE[np.frombuffer(_BETWEEN.join(proteins).encode("ascii", "replace"), dtype=np.uint8)]
    n = max(0, len(codes) - k + 1)
    kmer = np.zeros(n, dtype=np.int64)
    for at in range(k):
        kmer = kmer * len(AMINO_ACIDS) + codes[at : at + n]
    unknown = np.concatenate([[0], np.cumsum(codes == 255)])
    known = np.flatnonzero(unknown[k:] == unknown[: len(unknown) - k]) if n else np.zeros(0, dtype=np.int64)
    owner = np.repeat(np.arange(len(proteins)), [len(protein) + 1 for protein in proteins])[known]
    # By hashing, which is several times faster than sorting.
    column, distinct = pd.factorize(kmer[known])
    shape = (len(proteins), len(distinct))
    matrix = sparse.csr_matrix((np.ones(len(known), dtype=np.int32), (owner, column)), shape=shape)
    matrix.data[:] = 1  # a k-mer that a protein has twice was added up
    return matrix


def cluster_proteins(proteins: Sequence[str], k: int, share: float, block: int = 1024) -> np.ndarray:
    """Join proteins that share so many k-mers, directly or by way of others (single linkage).

    Two are joined if the distinct k-mers that they share are at least `share` of those of the one that has fewer, so
    that a fragment joins its whole. No alignment is made: with k = 5, proteins that differ by substitutions alone
    share about identity**5 of their k-mers: .3 is about 79 % identity over the whole shorter one, .1 about 63 %. The
    more proteins, the longer the chains: of 60,649 of six species (Swiss-Prot), .3 leaves 1,618 in the largest
    cluster and .1 leaves 10,897; of 4,305 drawn from these species, 4 and 14.

    Parameters
    ----------
    proteins
        As in `protein_kmers`.
    k, share
        Residues of a k-mer; share in (0, 1].
    block
        Proteins compared with all at a time; bounds the memory.

    Returns
    -------
    numpy.ndarray
        int64, shape (n_proteins,): the position of the first protein of each one's cluster.
    """
    matrix = protein_kmers(proteins, k)
    sizes = np.diff(matrix.indptr)
    # Most k-mers are of one protein alone: without them the products are quick.
    matrix = matrix[:, np.bincount(matrix.indices, minlength=matrix.shape[1]) > 1]
    transposed = matrix.T.tocsr()
    edges = []
    for start in range(0, len(proteins), block):
        shared = (matrix[start : start + block] @ transposed).tocoo()
        row, column = shared.row + start, shared.col
        # 1e-9: a product of decimals may lie above the whole number that it stands for.
        alike = (row < column) & (shared.data >= share * np.minimum(sizes[row], sizes[column]) - 1e-9)
        edges.append(np.stack([row[alike], column[alike]]))
    joined = np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), dtype=np.int64)
    graph = sparse.coo_matrix((np.ones(joined.shape[1], dtype=bool), joined), shape=(len(proteins),) * 2)
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component].astype(np.int64)
