"""Shingles of texts (distinct k-mers of letters, or runs of k words), and the nearest text by what two texts share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from lexome.dna import canonical, reverse_complement


def shingles(texts: Sequence[str], k: int, unit: str = "character", both_strands: bool = False) -> sparse.csr_matrix:
    """Binary matrix of the distinct k-mers of each text.

    Parameters
    ----------
    texts
        Sequences or texts, n of them.
    k
        Length of a shingle, in units.
    unit
        `character` (k-mers of residues or nucleotides) or `word` (runs of k words, lower case).
    both_strands
        Texts are DNA in upper case, and a k-mer and its reverse complement are one. For characters only.

    Returns
    -------
    scipy.sparse.csr_matrix
        Shape (n, n_distinct_shingles), int32 ones, indices sorted; columns in order of first appearance. A text
        shorter than k has its whole self as one shingle.
    """
    if both_strands:
        # A padded window is no window of the other strand: of a short text one strand is chosen here.
        texts = [text if len(text) >= k else canonical(text) for text in texts]
    units, lengths = _words(texts) if unit == "word" else _letters(texts)
    # All texts in one array, each followed by zeros (no unit is 0) so that no window runs into the next text.
    starts = np.concatenate([[0], np.cumsum(lengths + k)])
    padded = np.zeros(starts[-1], dtype=np.int64)
    inside = np.repeat(starts[:-1] - np.cumsum(lengths) + lengths, lengths) + np.arange(len(units))
    padded[inside] = units
    # The windows: every start that leaves room for k units, or the start of a short text.
    n_windows = np.maximum(lengths - k + 1, 1)
    indptr = np.concatenate([[0], np.cumsum(n_windows)])
    windows = np.repeat(starts[:-1] - indptr[:-1], n_windows) + np.arange(indptr[-1])
    strands = [padded]
    if both_strands:
        other = np.zeros_like(padded)
        other[inside] = _letters([reverse_complement("".join(texts))[::-1]])[0]
        strands.append(other[::-1])
    codes = _window_codes(strands, k)
    found = codes[0][windows]
    if both_strands:
        found = np.minimum(found, codes[1][::-1][windows])
    ids, distinct = pd.factorize(found)
    matrix = sparse.csr_matrix((np.ones(len(ids), dtype=np.int32), ids, indptr), shape=(len(lengths), len(distinct)))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _letters(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of all texts + 1, one after the other, and the length of each text; int64."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    return points + 1, np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))


def _words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers from 1 of the words of all texts, in lower case, and the number of words of each text; int64."""
    words = [text.lower().split() for text in texts]
    flat = np.array([word for row in words for word in row], dtype=object)
    return pd.factorize(flat)[0].astype(np.int64) + 1, np.fromiter(map(len, words), dtype=np.int64, count=len(words))


def _window_codes(strands: Sequence[np.ndarray], k: int) -> list[np.ndarray]:
    """A number for the k units from each position on: equal numbers, also across strands, mean equal windows.

    The units are the digits of the number. Before it could outgrow 63 bits, the distinct ones are numbered anew.

    Returns
    -------
    list of numpy.ndarray
        int64, shape (n - k + 1,) for a strand of shape (n,).
    """
    size = len(strands[0]) - k + 1
    digits = _numbered(strands)
    base = max(int(strand.max(initial=0)) for strand in digits) + 1
    codes, bound = [np.zeros(max(size, 0), dtype=np.int64) for _ in digits], 1
    for offset in range(k):
        if bound * base > np.iinfo(np.int64).max:
            codes = _numbered(codes)
            bound = max(int(code.max(initial=0)) for code in codes) + 1
        for code, strand in zip(codes, digits, strict=True):
            code *= base
            code += strand[offset : offset + len(code)]
        bound *= base
    return codes


def _numbered(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The distinct numbers of arrays numbered from 0, in order of appearance in all of them; int64."""
    numbers, _ = pd.factorize(np.concatenate(arrays))
    return np.split(numbers.astype(np.int64), np.cumsum([len(array) for array in arrays])[:-1])


def nearest(
    queries: sparse.csr_matrix, references: sparse.csr_matrix, chunk: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """The most similar reference of each query, by containment of its shingles.

    Containment (Broder 1997) is the share of a query's distinct shingles that the reference has too: 1 for a copy or
    a fragment, near 0 for unrelated sequences.

    Parameters
    ----------
    queries, references
        Rows of one `shingles` matrix, shapes (n_queries, n_shingles) and (n_references, n_shingles).
    chunk
        Queries compared at a time; bounds the memory.

    Returns
    -------
    similarity : numpy.ndarray
        float32, shape (n_queries,), in [0, 1].
    index : numpy.ndarray
        int64 row of the nearest reference, the first among equals, shape (n_queries,); -1 where nothing is shared.
    """
    similarity = np.zeros(queries.shape[0], dtype=np.float32)
    index = np.full(queries.shape[0], -1, dtype=np.int64)
    sizes = np.maximum(np.asarray(queries.sum(axis=1)).ravel(), 1)
    transposed = references.T.tocsr()
    for start in range(0, queries.shape[0], chunk):
        shared = (queries[start : start + chunk] @ transposed).tocsr()
        rows = np.flatnonzero(np.diff(shared.indptr))
        if not rows.size:
            continue
        most = np.maximum.reduceat(shared.data, shared.indptr[rows])
        is_best = shared.data == np.repeat(most, np.diff(shared.indptr)[rows])
        candidates = np.where(is_best, shared.indices, references.shape[0])
        similarity[start + rows] = most / sizes[start + rows]
        index[start + rows] = np.minimum.reduceat(candidates, shared.indptr[rows])
    return similarity, index
