"""The Gene Ontology as a table of terms, its checks, and the ancestors of every term as a sparse matrix.

A term implies its parents over `is_a` and `part_of` (the true path rule: http://geneontology.org/docs/ontology-relations/);
the regulates relations imply nothing and are kept in the table only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obonet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from lexome.errors import LexomeError
from lexome.fasta import open_text
from lexome.runtime import atomic

# The root of every namespace of the Gene Ontology.
ROOTS = {
    "molecular_function": "GO:0003674",
    "biological_process": "GO:0008150",
    "cellular_component": "GO:0005575",
}
RELATIONS = ("is_a", "part_of")
# Scopes of synonyms; OBO takes one without a scope for related.
SCOPES = ("exact", "narrow", "broad", "related")
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "name": pa.string(),
        "namespace": pa.string(),
        "definition": pa.string(),
        "obsolete": pa.bool_(),
        "replaced_by": pa.list_(pa.string()),
        "alt_ids": pa.list_(pa.string()),
        "subsets": pa.list_(pa.string()),
        "synonyms": pa.list_(pa.struct({"text": pa.string(), "scope": pa.string()})),
        "parents": pa.list_(pa.struct({"id": pa.string(), "relation": pa.string()})),
    }
)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")
SYNONYM = re.compile(QUOTED.pattern + r"\s*(\w*)")


def read_obo(path: str | Path) -> pd.DataFrame:
    """Read an OBO file (plain or gzip) into one row a term, obsolete terms included, sorted by id.

    Returns
    -------
    DataFrame
        `id, name, namespace, definition` (str), `obsolete` (bool), `replaced_by`, `alt_ids`, `subsets` (lists
        of str; a subset is named like `goslim_generic`), `synonyms` (list of `{"text", "scope"}` in the order of the
        file; scope as in `SCOPES`), `parents` (list of `{"id", "relation"}`, all relations, sorted; empty for obsolete
        terms).

    Raises
    ------
    LexomeError
        If the file is no OBO file or holds no term.
    """
    try:
        with open_text(path) as handle:
            graph = obonet.read_obo(handle, ignore_obsolete=False)
    except (ValueError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise LexomeError(f"{path}: not a readable OBO file ({reason}); fetch it again") from error
    default = graph.graph.get("default-namespace", "")
    default = default[0] if isinstance(default, list) else default
    rows = []
    for term, fields in graph.nodes(data=True):
        if not fields:  # named as a parent only: check_ontology reports it
            continue
        obsolete = fields.get("is_obsolete") == "true"
        edges = sorted((parent, relation) for _, parent, relation in graph.out_edges(term, keys=True))
        definition = QUOTED.match(fields.get("def", ""))
        rows.append(
            {
                "id": term,
                "name": _unescape(fields.get("name", "")),
                "namespace": fields.get("namespace", default),
                "definition": _unescape(definition[1]) if definition else "",
                "obsolete": obsolete,
                "replaced_by": fields.get("replaced_by", []),
                "alt_ids": fields.get("alt_id", []),
                "subsets": fields.get("subset", []),
                "synonyms": [_synonym(line) for line in fields.get("synonym", [])],
                "parents": [] if obsolete else [{"id": p, "relation": relation} for p, relation in edges],
            }
        )
    if not rows:
        raise LexomeError(f"{path}: no [Term] in the file; is it an OBO file?")
    return pd.DataFrame(rows, columns=SCHEMA.names).sort_values("id", ignore_index=True)


def _synonym(line: str) -> dict:
    """Text and scope of a `synonym:` line: `"cell death" EXACT []`."""
    found = SYNONYM.match(line)
    scope = found[2].lower() if found else ""
    return {"text": _unescape(found[1] if found else line), "scope": scope if scope in SCOPES else "related"}


def _unescape(text: str) -> str:
    """Undo OBO's backslashes: `\\n` is a line end, `\\W` and `\\t` blanks, others stand for themselves."""
    return ESCAPED.sub(lambda match: {"n": "\n", "W": " ", "t": "\t"}.get(match[1], match[1]), text)


def write_terms(path: str | Path, terms: pd.DataFrame) -> None:
    """Write the table of `read_obo` as parquet; the types are `SCHEMA`'s even where every list is empty."""
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pandas(terms, SCHEMA, preserve_index=False), temporary)


def check_ontology(terms: pd.DataFrame, path: str | Path, relations: Iterable[str] = RELATIONS) -> None:
    """Refuse an ontology over which annotations cannot be propagated.

    Parameters
    ----------
    terms
        The table of `read_obo`.
    path
        The file that it came from, for the message.
    relations
        The relations that are followed; others may dangle or form cycles.

    Raises
    ------
    LexomeError
        Naming the term: on a parent that is missing or obsolete, a cycle, a namespace whose root is missing,
        and a term from which its namespace's root cannot be reached.
    """
    relations = tuple(relations)
    live = _live(terms)
    known = set(live["id"].tolist())
    for child, parents in zip(live["id"].tolist(), live["parents"], strict=True):
        for parent in parents:
            if parent["relation"] in relations and parent["id"] not in known:
                raise LexomeError(
                    f"{path}: the parent {parent['id']} ({parent['relation']}) of {child} is missing or "
                    "obsolete; fetch the whole ontology, or remove that line"
                )
    graph = _adjacency(live, relations)
    _, component = connected_components(graph, directed=True, connection="strong")
    cyclic = (np.bincount(component)[component] > 1) | graph.diagonal()
    if cyclic.any():
        names = live["id"][component == component[cyclic.argmax()]]
        raise LexomeError(
            f"{path}: {names.iloc[0]} is its own ancestor; the cycle is among {', '.join(names[:10])}: "
            f"remove one of their {' / '.join(relations)} lines"
        )
    closure = ancestor_closure(terms, relations)
    for namespace, group in live.groupby("namespace"):
        root = ROOTS.get(namespace)
        if root is None:
            raise LexomeError(
                f"{path}: {group['id'].iloc[0]} is of the namespace {namespace!r}; "
                f"the known ones are {', '.join(ROOTS)}"
            )
        if root not in known:
            raise LexomeError(f"{path}: {root}, the root of {namespace}, is missing; fetch the whole ontology")
        reached = closure.matrix[:, [closure.terms.get_loc(root)]].toarray().ravel()
        orphans = group["id"][~reached[closure.terms.get_indexer(group["id"])]]
        if len(orphans):
            raise LexomeError(
                f"{path}: {orphans.iloc[0]} has no path to {root}, the root of {namespace} "
                f"({len(orphans)} such terms); fetch the whole ontology, or give it a parent"
            )


@dataclass(frozen=True)
class Closure:
    """The ancestors of every live term.

    Attributes
    ----------
    terms
        The ids of the live terms, sorted: the order of the matrix's rows and columns.
    matrix
        Boolean CSR, terms x terms: row t holds t itself and every ancestor of t.
    """

    terms: pd.Index
    matrix: sparse.csr_array

    def ancestors(self, term: str) -> list[str]:
        """The sorted ids of a term's ancestors, itself included; KeyError for an id that is not live."""
        row = self.terms.get_loc(term)
        columns = self.matrix.indices[self.matrix.indptr[row] : self.matrix.indptr[row + 1]]
        return sorted(self.terms[columns])


def ancestor_closure(terms: pd.DataFrame, relations: Iterable[str] = RELATIONS) -> Closure:
    """The reflexive transitive closure of the live terms over `relations`.

    The matrix (child, parent) is squared until it stops growing: as often as the logarithm of the depth.

    Raises
    ------
    LexomeError
        If a relation occurs nowhere (other than the two usual ones), or a parent is not a live term.
    """
    live = _live(terms)
    relations = tuple(relations)
    present = {parent["relation"] for parents in live["parents"] for parent in parents}
    if unheard := set(relations) - present - set(RELATIONS):
        raise LexomeError(
            f"relations: {', '.join(sorted(unheard))} occurs nowhere in the ontology; "
            f"there are {', '.join(sorted(present))}"
        )
    matrix = _adjacency(live, relations) + sparse.eye_array(len(live), dtype=bool, format="csr")
    while True:
        squared = matrix @ matrix
        if squared.nnz == matrix.nnz:
            break
        matrix = squared
    matrix.sort_indices()
    return Closure(pd.Index(live["id"]), matrix)


def _live(terms: pd.DataFrame) -> pd.DataFrame:
    return terms[~terms["obsolete"].astype(bool)].sort_values("id", ignore_index=True)


def _adjacency(live: pd.DataFrame, relations: tuple[str, ...]) -> sparse.csr_array:
    """Boolean CSR (child, parent) over the live terms; LexomeError on a parent that is not live."""
    index = {term: row for row, term in enumerate(live["id"].tolist())}
    edges = set()
    for child, parents in zip(index, live["parents"], strict=True):
        for parent in parents:
            if parent["relation"] in relations:
                if parent["id"] not in index:
                    raise LexomeError(
                        f"the parent {parent['id']} ({parent['relation']}) of {child} is missing or "
                        "obsolete; fetch the whole ontology, or do not follow that relation"
                    )
                edges.add((index[child], index[parent["id"]]))
    rows, columns = np.array(sorted(edges), dtype=np.int32).reshape(-1, 2).T
    return sparse.csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(len(live), len(live)))


def replacements(terms: pd.DataFrame) -> dict[str, str]:
    """What became of ids that are not live terms: alternative id or replaced obsolete id -> live id.

    An obsolete term counts as replaced if exactly one term replaces it; chains are followed. An id that is
    live stands for itself and is not in the result.
    """
    ids, obsolete = terms["id"].tolist(), terms["obsolete"].tolist()
    live = {term for term, dead in zip(ids, obsolete, strict=True) if not dead}
    step = {}
    for term, dead, new in zip(ids, obsolete, terms["replaced_by"], strict=True):
        if dead and len(new) == 1:
            step[term] = new[0]
    for term, alternatives in zip(ids, terms["alt_ids"], strict=True):
        for alternative in alternatives:
            step.setdefault(alternative, term)
    found = {}
    for old in step.keys() - live:
        new, seen = step[old], {old}
        while new not in live and new in step and new not in seen:
            seen.add(new)
            new = step[new]
        if new in live:
            found[old] = new
    return found
