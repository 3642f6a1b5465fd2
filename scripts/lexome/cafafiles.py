"""CAFA's tab-separated files and the graph of an OBO file, as sparse matrices and without a loop over terms.

For whole OBO tables with names and definitions see `lexome.ontology`; this reader takes the links only, in a
twentieth of the time, and follows cafaeval: obsolete terms and parents of other namespaces are left out.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv
from scipy import sparse

from lexome.accretion import Aspect, make_aspect, make_consistent
from lexome.errors import LexomeError

# First letters of the lines of an OBO file that say something here; most lines do not.
TOLD = frozenset({"[Ter", "[Typ", "[Ins", "id: ", "name", "is_o", "is_a", "rela", "alt_"})


def read_aspects(path: str | Path, namespaces: Collection[str] | None = None) -> dict[str, Aspect]:
    """Terms and `is_a` and `part_of` links of these namespaces (default: all) of a plain OBO file.

    Raises
    ------
    LexomeError
        If a namespace has no live term in the file, or none is wanted and none found.
    """
    links: dict[str, dict[str, list[str]]] = {}
    alternatives: dict[str, dict[str, list[str]]] = {}
    name, space, parents, others, live = "", "", [], [], False

    def keep() -> None:
        if live and name and space and (namespaces is None or space in namespaces):
            links.setdefault(space, {})[name] = parents
            for other in others:
                alternatives.setdefault(space, {}).setdefault(other, []).append(name)

    with open(path, encoding="utf-8") as handle:
        for line in handle:
            head = line[:4]
            if head not in TOLD:
                continue
            if head[0] == "[":
                keep()
                name, space, parents, others, live = "", "", [], [], head == "[Ter"
            elif head == "is_a":
                parents.append(line[6:].split(None, 1)[0])
            elif head == "id: ":
                name = line[4:].strip()
            elif line.startswith("namespace: "):
                space = line[11:].strip()
            elif line.startswith("relationship: part_of "):
                parents.append(line[22:].split(None, 1)[0])
            elif line.startswith("alt_id: "):
                others.append(line[8:].strip())
            elif line.startswith("is_obsolete: true"):
                live = False
        keep()
    wanted = list(links) if namespaces is None else list(namespaces)
    if missing := [space for space in wanted if space not in links] or (["any namespace"] if not links else []):
        raise LexomeError(f"{path}: no live [Term] of {missing[0]}; is it the right OBO file?")
    return {space: make_aspect(links[space], alternatives.get(space)) for space in wanted}


def read_truth(path: str | Path, aspect: Aspect) -> tuple[list[str], sparse.csr_array]:
    """Ground truth: protein and term a line, further columns ignored; propagated.

    Returns
    -------
    ids
        Proteins with any term of the aspect, in the order of the file.
    truth
        Boolean CSR [P, N].

    Raises
    ------
    LexomeError
        If no line names a term of the aspect.
    """
    table = _read(path, ["id", "term"])
    row, names = _codes(table["id"])
    place, column = _columns(table["term"], aspect)
    if not len(place):
        raise LexomeError(f"{path}: no line names a term of the aspect; expected protein and term, tab-separated")
    row = row[place]
    present, first, row = np.unique(row, return_index=True, return_inverse=True)
    order = np.argsort(first)
    row = np.argsort(order)[row]
    shape = (len(present), len(aspect.terms))
    truth = sparse.csr_array((np.ones(len(row), dtype=bool), (row, column)), shape=shape)
    return [names[at] for at in present[order]], make_consistent(truth, aspect.parents)


def read_predictions(path: str | Path, aspect: Aspect, ids: Sequence[str]) -> sparse.csr_array:
    """A submission: protein, term and score a line, tab-separated; lines of two columns or fewer are passed over.

    Of several scores of one pair the highest counts; proteins that are not in `ids` and terms outside the
    aspect are left out; alternative ids stand for their terms. Made consistent.

    Returns
    -------
    float64 CSR [len(ids), N].

    Raises
    ------
    LexomeError
        If a score is no finite number, or negative, or a line has more than three columns.
    """
    table = _read(path, ["id", "term", "score"])
    code, names = _codes(table["id"])
    index = {name: row for row, name in enumerate(ids)}
    row = np.array([index.get(name, -1) for name in names], dtype=np.int32)
    place, column = _columns(table["term"], aspect)
    if table["score"].null_count:
        raise LexomeError(f"{path}: a score is missing or not finite; scores must be numbers from 0 to 1")
    score = _values(table["score"].chunks, np.float64)
    del table
    row = row[code[place]]
    known = row >= 0
    row, column, score = row[known], column[known], score[place[known]]
    if not (np.isfinite(score) & (score >= 0)).all():
        raise LexomeError(f"{path}: a score is negative or not finite; scores must be numbers from 0 to 1")
    shape = (len(ids), len(aspect.terms))
    return make_consistent(highest(row, column, score, shape), aspect.parents)


def read_accretion(path: str | Path, aspect: Aspect) -> np.ndarray:
    """Term and information accretion a line, tab-separated; float64 [N], 0 for terms without a line."""
    with open(path, encoding="utf-8") as handle:
        pairs = [line.split() for line in handle if line.strip()]
    if wrong := [number for number, pair in enumerate(pairs, 1) if len(pair) != 2]:
        raise LexomeError(f"{path}, line {wrong[0]}: expected a term and its information accretion")
    try:
        found = {term: float(value) for term, value in pairs}
    except ValueError as error:
        raise LexomeError(f"{path}: {error}; expected a term and its information accretion a line") from error
    return np.array([found.get(term, 0.0) for term in aspect.terms.tolist()])


def highest(row: np.ndarray, column: np.ndarray, score: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """Scores as CSR, float64; where a pair comes several times its highest."""
    keys = row.astype(np.int64) * shape[1] + column
    if not (keys[1:] > keys[:-1]).all():
        order = np.argsort(keys, kind="stable")
        keys, score = keys[order], score[order]
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, int)
        keys, score = keys[starts], np.maximum.reduceat(score, starts) if len(starts) else score
    row, column = np.divmod(keys, shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    return sparse.csr_array((score, column.astype(np.int32), indptr.astype(np.int32)), shape=shape)


def _read(path: str | Path, names: list[str]) -> pa.Table:
    """The first columns of a tab-separated file without a header; ids as dictionaries."""
    text, number = pa.dictionary(pa.int32(), pa.string()), pa.float64()
    with open(path, encoding="utf-8") as handle:
        most = max((line.count("\t") + 1 for _, line in zip(range(100), handle, strict=False)), default=0)
    # Truth may have further columns; a submission's lines of fewer columns are its AUTHOR, MODEL, END.
    extra = [f"further{at}" for at in range(most - len(names))] if "score" not in names else []
    columns = names + extra

    def shorter(row) -> str:
        return "skip" if row.actual_columns < row.expected_columns else "error"

    try:
        return csv.read_csv(
            path,
            csv.ReadOptions(column_names=columns, use_threads=False, block_size=1 << 22),
            csv.ParseOptions(delimiter="\t", quote_char=False, invalid_row_handler=shorter),
            csv.ConvertOptions(
                column_types={name: number if name == "score" else text for name in names},
                include_columns=names,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        wanted = ", ".join({"id": "protein"}.get(name, name) for name in names)
        raise LexomeError(f"{path}: {error}; expected the tab-separated columns {wanted}") from error


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Dictionary codes of all chunks, int32, and what they mean."""
    if not column.num_chunks:
        return np.zeros(0, dtype=np.int32), []
    one = column.unify_dictionaries()
    codes = _values([chunk.indices for chunk in one.chunks], np.int32)
    return codes, one.chunk(0).dictionary.to_pylist()


def _values(chunks: list[pa.Array], dtype: type) -> np.ndarray:
    """Numbers of chunks without missing ones; pyarrow's `to_numpy` imports pandas, which takes longer than reading."""
    size = np.dtype(dtype).itemsize
    parts = (np.frombuffer(one.buffers()[1], dtype, len(one), one.offset * size) for one in chunks if len(one))
    return np.concatenate([np.zeros(0, dtype=dtype), *parts])


def _columns(column: pa.ChunkedArray, aspect: Aspect) -> tuple[np.ndarray, np.ndarray]:
    """Lines that name a term of the aspect, and its column; lines of ambiguous alternative ids come several times."""
    code, names = _codes(column)
    own = aspect.positions(names) if names else np.zeros(0, dtype=np.int64)
    lines, columns = [np.flatnonzero(own[code] >= 0)], [own[code][own[code] >= 0]]
    for at in np.flatnonzero(own < 0):
        others = aspect.alternatives.get(names[at], [])
        if others:
            hit = np.flatnonzero(code == at)
            for place in aspect.positions(others):
                lines.append(hit)
                columns.append(np.full(len(hit), place))
    return np.concatenate(lines), np.concatenate(columns).astype(np.int32)
