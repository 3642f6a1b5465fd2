"""Annotations of proteins with terms: GAF and CAFA files, mapped to the live ontology and propagated.

GAF 2.1 and 2.2 (http://geneontology.org/docs/go-annotation-file-gaf-format-2.2/) differ here only in the
qualifier column, which 2.2 always fills; a `NOT` in it means that the protein does *not* have the term.
"""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv
from scipy import sparse

from lexome.errors import LexomeError
from lexome.fasta import open_binary, open_text
from lexome.ontology import Closure, replacements

# http://geneontology.org/docs/guide-go-evidence-codes/
EXPERIMENTAL = ("EXP", "IDA", "IPI", "IMP", "IGI", "IEP")
HIGH_THROUGHPUT = ("HTP", "HDA", "HMP", "HGI", "HEP")
AUTHOR_OR_CURATOR = ("TAS", "NAS", "IC", "ND")
COMPUTED = ("IBA", "IBD", "IKR", "IRD", "ISS", "ISO", "ISA", "ISM", "IGC", "RCA", "IEA")
EVIDENCE = frozenset(EXPERIMENTAL + HIGH_THROUGHPUT + AUTHOR_OR_CURATOR + COMPUTED)

ASPECTS = {
    **{"F": "molecular_function", "P": "biological_process", "C": "cellular_component"},
    **{"MFO": "molecular_function", "BPO": "biological_process", "CCO": "cellular_component"},
}
GAF_COLUMNS = (
    *(
        "db",
        "id",
        "symbol",
        "qualifier",
        "term",
        "reference",
        "evidence",
        "with",
        "aspect",
        "name",
        "synonym",
    ),
    *("type", "taxon", "date", "assigned_by", "extension", "form"),
)
GAF_REQUIRED = 15
# What a value of a column must look like, and that in words.
SHAPES = {
    "id": (r"\S+", "an id without spaces"),
    "EntryID": (r"\S+", "an id without spaces"),
    "term": (r"[A-Za-z][A-Za-z_]*:\S+", "a term id such as GO:0003674"),
    "evidence": (r"[A-Z]{2,3}", "an evidence code such as IDA"),
    "aspect": (rf"{'|'.join(ASPECTS)}", f"one of {', '.join(ASPECTS)}"),
    "taxon": (r"taxon:\d+(\|taxon:\d+)*", "taxon:9606 or taxon:9606|taxon:562"),
    "taxonomyID": (r"\d+", "an NCBI taxon number such as 9606"),
    "date": (r"\d{8}", "a day as yyyymmdd"),
}


def read_gaf(
    path: str | Path,
    evidence: Iterable[str] | None = EXPERIMENTAL,
    aspect: str | None = None,
    taxon: int | None = None,
    dates: bool = False,
) -> tuple[pd.DataFrame, dict]:
    """Read a GAF 2.1 or 2.2 file (plain or gzip); rows with a NOT qualifier are dropped.

    Parameters
    ----------
    path
        The file.
    evidence
        Evidence codes to keep; None keeps all.
    aspect
        Keep rows whose aspect column says this namespace (`molecular_function`, ...); None keeps all.
    taxon
        Keep rows of this NCBI taxon (the first one, where a row names two); None keeps all.
    dates
        Read the day of each annotation, too.

    Returns
    -------
    table
        `id` (the DB object id), `term`, `evidence`, `aspect` (a namespace), all categorical, and with `dates` `date`
        (int64, yyyymmdd); one row an annotation kept, repeats included.
    counts
        `rows`, then rows dropped, in this order, by `taxon`, `not`, `evidence`, `aspect`; `kept`; and
        `by_evidence`: rows of each code before the codes were selected.

    Raises
    ------
    LexomeError
        On an unknown evidence code asked for, a missing or unsupported version line, no rows, or a malformed
        row (file, line, column and what was expected).
    """
    codes = None if evidence is None else set(evidence)
    if unheard := (codes or set()) - EVIDENCE:
        raise LexomeError(f"evidence: {', '.join(sorted(unheard))} is no evidence code of the Gene Ontology")
    columns = ["id", "qualifier", "term", "evidence", "aspect", "taxon", *(["date"] if dates else [])]
    table = _read_table(path, GAF_COLUMNS, columns, _gaf_header(path), GAF_REQUIRED)
    counts: dict = {"rows": len(table)}

    def keep(name: str, column: str, wanted) -> None:
        nonlocal table
        mask = _per_category(table[column], wanted)
        counts[name] = int(len(mask) - mask.sum())
        table = table if mask.all() else table[mask]

    keep("taxon", "taxon", lambda value: taxon is None or value.split("|")[0] == f"taxon:{taxon}")
    keep("not", "qualifier", lambda value: "NOT" not in value.split("|"))
    counts["by_evidence"] = {code: int(n) for code, n in sorted(table["evidence"].value_counts().items()) if n}
    keep("evidence", "evidence", lambda value: codes is None or value in codes)
    keep("aspect", "aspect", lambda value: aspect is None or ASPECTS[value] == aspect)
    counts["kept"] = len(table)
    if dates:
        day = table["date"]
        table = table.assign(date=day.cat.categories.astype("int64").to_numpy()[day.cat.codes])
    table = table[["id", "term", "evidence", "aspect", *columns[6:]]].reset_index(drop=True)
    return table.assign(aspect=_as_namespace(table["aspect"])), counts


def _gaf_header(path: str | Path) -> int:
    """Number of comment lines at the head of a GAF file, whose version must be 2.1 or 2.2."""
    version, lines = None, 0
    with open_text(path) as handle:
        for line in handle:
            if not line.startswith("!"):
                break
            lines += 1
            if match := re.match(r"!\s*gaf-version:\s*(\S+)", line):
                version = match[1]
    if version not in ("2.1", "2.2"):
        found = f"GAF {version}" if version else "no line !gaf-version:"
        raise LexomeError(
            f"{path}, line 1: {found}; this reads GAF 2.1 and 2.2, which say so in their first lines "
            "(for CAFA's tab-separated files set format: cafa)"
        )
    return lines


def read_cafa_terms(path: str | Path, aspect: str | None = None) -> tuple[pd.DataFrame, dict]:
    """Read CAFA's tab-separated annotations: a header line with `EntryID`, `term` and `aspect` in any order.

    Returns
    -------
    table
        `id`, `term`, `aspect` (a namespace), all categorical.
    counts
        `rows`, rows dropped by `aspect`, `kept`.

    Raises
    ------
    LexomeError
        On a missing column, no rows, or a malformed row (file, line, column and what was expected).
    """
    wanted = ["EntryID", "term", "aspect"]
    table = _read_table(path, _tsv_header(path, wanted), wanted, skip=1)
    table = table.rename(columns={"EntryID": "id"}).assign(aspect=_as_namespace(table["aspect"]))
    rows = len(table)
    if aspect is not None:
        table = table[table["aspect"] == aspect].reset_index(drop=True)
    return table, {"rows": rows, "aspect": rows - len(table), "kept": len(table)}


def read_taxonomy(path: str | Path) -> pd.Series:
    """Read CAFA's taxonomy file: a header line with `EntryID` and `taxonomyID`.

    Returns
    -------
    Series
        NCBI taxon (int64) by protein id (the index, unique).

    Raises
    ------
    LexomeError
        On a missing column, a malformed row, or a protein with two taxa.
    """
    wanted = ["EntryID", "taxonomyID"]
    table = _read_table(path, _tsv_header(path, wanted), wanted, skip=1).drop_duplicates()
    if (twice := table["EntryID"].duplicated()).any():
        raise LexomeError(f"{path}: {table['EntryID'][twice].iloc[0]} has two taxa; keep one of its lines")
    taxa = table["taxonomyID"].astype("str").astype("int64").to_numpy()
    return pd.Series(taxa, index=pd.Index(table["EntryID"].astype("str"), name="id"), name="taxon")


def _tsv_header(path: str | Path, wanted: list[str]) -> tuple[str, ...]:
    with open_text(path) as handle:
        names = tuple(handle.readline().rstrip("\n").split("\t"))
    if missing := [name for name in wanted if name not in names]:
        raise LexomeError(
            f"{path}, line 1: no column {' and '.join(missing)}; the first line must name the tab-separated "
            f"columns {', '.join(wanted)}"
        )
    return names


def _read_table(
    path: str | Path, names: tuple[str, ...], wanted: list[str], skip: int, required: int | None = None
) -> pd.DataFrame:
    """The `wanted` columns of a tab-separated file as categoricals, their values checked against `SHAPES`.

    Lines that start with `!` and empty lines are passed over; rows may lack trailing columns, down to
    `required` of them.
    """
    required = required or len(names)
    short: list[list[str]] = []
    wrong = 0

    def on_other_width(row: csv.InvalidRow) -> str:
        nonlocal wrong
        fields = row.text.rstrip("\r").split("\t")
        if required <= len(fields) <= len(names):
            short.append(fields)
        elif not row.text.startswith("!"):
            wrong += 1
        return "skip"

    dictionary = pa.dictionary(pa.int32(), pa.string())
    try:
        with open_binary(path) as handle:
            data = csv.read_csv(
                handle,
                # One thread: the handler above is not called in the file's order, or safely, by several.
                csv.ReadOptions(column_names=names, skip_rows=skip, use_threads=False, block_size=1 << 24),
                csv.ParseOptions(delimiter="\t", quote_char=False, invalid_row_handler=on_other_width),
                csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, dictionary),
                    strings_can_be_null=False,
                ),
            )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise LexomeError(f"{path}: not a readable table ({error}); fetch the file again") from error
        data = pa.table({name: pa.array([], dictionary) for name in wanted})
    if short:
        columns = {name: [row[names.index(name)] for row in short] for name in wanted}
        data = pa.concat_tables([data, pa.table({k: pa.array(v).dictionary_encode() for k, v in columns.items()})])
    table = data.to_pandas()
    malformed = any(
        not _per_category(table[name], lambda value, name=name: _fits(name, value)).all() for name in wanted
    )
    if wrong or malformed:
        raise _first_fault(path, names, wanted, skip, required)
    if not len(table):
        raise LexomeError(f"{path}: no annotation rows below the header; fetch the whole file")
    return table


def _fits(column: str, value: str) -> bool:
    fits = column not in SHAPES or re.fullmatch(SHAPES[column][0], value) is not None
    return fits and (column != "date" or _is_day(value))


def _is_day(digits: str) -> bool:
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


def _first_fault(path: str | Path, names: tuple[str, ...], wanted: list[str], skip: int, required: int) -> LexomeError:
    """The error for the first malformed row; found by reading again, so only a faulty file pays for it."""
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            if number <= skip or line.startswith("!") or line == "\n":
                continue
            fields = line.rstrip("\n").split("\t")
            if not required <= len(fields) <= len(names):
                expected = f"{len(names)}" if required == len(names) else f"{required} to {len(names)}"
                return LexomeError(
                    f"{path}, line {number}: {len(fields)} tab-separated columns, {expected} expected; "
                    "mend or remove the line"
                )
            for name in wanted:
                value = fields[names.index(name)]
                if not _fits(name, value):
                    return LexomeError(
                        f"{path}, line {number}: column {names.index(name) + 1} ({name}) is {value!r}, "
                        f"expected {SHAPES[name][1]}; mend or remove the line"
                    )
    return LexomeError(f"{path}: malformed rows; fetch the file again")


def _per_category(column: pd.Series, test) -> np.ndarray:
    """`test` of every row's value, worked out once a category (bool, one a row)."""
    verdicts = np.array([bool(test(value)) for value in column.cat.categories], dtype=bool)
    return verdicts[column.cat.codes] if len(verdicts) else np.zeros(len(column), dtype=bool)


def _as_namespace(aspect: pd.Series) -> pd.Series:
    """Aspect letters or acronyms as namespaces, category by category."""
    namespaces = sorted(set(ASPECTS.values()))
    position = np.array([namespaces.index(ASPECTS[value]) for value in aspect.cat.categories], dtype=np.int8)
    return pd.Series(pd.Categorical.from_codes(position[aspect.cat.codes], namespaces), index=aspect.index)


def map_terms(pairs: pd.DataFrame, terms: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Map the term of every annotation to a live term of the ontology.

    Parameters
    ----------
    pairs
        With columns `id` and `term`; others are kept.
    terms
        The ontology (`lexome.ontology.read_obo`).

    Returns
    -------
    pairs
        The rows whose term is live or has become a live term, with that term (categorical).
    counts
        Rows `rows`; `alternative` and `replaced` (mapped); `obsolete` and `unknown` (dropped); `kept`.
    """
    term = pairs["term"].astype("category")
    old = term.cat.categories
    obsolete = set(terms["id"][terms["obsolete"].astype(bool)])
    live = set(terms["id"]) - obsolete
    became = replacements(terms)
    fate, target = [], []
    for name in old:
        new = name if name in live else became.get(name)
        target.append(new or "")
        if name in live:
            fate.append("live")
        elif new:
            fate.append("replaced" if name in obsolete else "alternative")
        else:
            fate.append("obsolete" if name in obsolete else "unknown")
    rows = np.bincount(term.cat.codes, minlength=len(old))
    counts = {"rows": len(pairs)}
    for name in ("alternative", "replaced", "obsolete", "unknown"):
        counts[name] = int(rows[np.array(fate, dtype=str) == name].sum())
    categories, position = np.unique(np.array(target, dtype=object), return_inverse=True)
    mapped = pd.Categorical.from_codes(position[term.cat.codes], categories=categories)
    kept = pairs.assign(term=mapped)[np.array([bool(new) for new in target], dtype=bool)[term.cat.codes]]
    kept = kept.assign(term=kept["term"].cat.remove_unused_categories()).reset_index(drop=True)
    counts["kept"] = len(kept)
    return kept, counts


def propagate(pairs: pd.DataFrame, closure: Closure) -> tuple[pd.Index, sparse.csr_array]:
    """Give every protein the ancestors of its terms.

    Parameters
    ----------
    pairs
        With columns `id` and `term`; every term must be live in the closure (see `map_terms`).
    closure
        From `lexome.ontology.ancestor_closure`.

    Returns
    -------
    ids
        The protein ids, sorted: the order of the matrix's rows.
    matrix
        Boolean CSR, proteins x `closure.terms`, column indices sorted.

    Raises
    ------
    ValueError
        If a term is not in the closure.
    """
    name = pairs["id"].astype("category").cat.remove_unused_categories()
    term = pairs["term"].astype("category").cat.remove_unused_categories()
    ids = pd.Index(name.cat.categories.astype("str")).sort_values()
    columns = closure.terms.get_indexer(term.cat.categories)
    if (columns < 0).any():
        raise ValueError(f"not a live term: {term.cat.categories[columns < 0][0]}; map the terms first")
    row = ids.get_indexer(name.cat.categories)[name.cat.codes].astype(np.int32)
    column = columns[term.cat.codes].astype(np.int32)
    shape = (len(ids), len(closure.terms))
    matrix = sparse.csr_array((np.ones(len(pairs), dtype=bool), (row, column)), shape=shape) @ closure.matrix
    matrix.sort_indices()
    return ids, matrix
