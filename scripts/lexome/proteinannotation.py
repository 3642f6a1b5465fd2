"""Terms of an ontology as they are written of a protein: consistent scores, CAFA's lines, a table with evidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from lexome.accretion import make_consistent
from lexome.ontology import ancestor_closure
from lexome.proteinevidence import Evidence, TrainingProteins

# CAFA takes at most so many terms a protein. CAFA 5's scores are in (0, 1] with up to three significant digits, and
# there is no header; the checker of CAFA 2 to 4 (idoerg/cafa-format-check) wants the header and two decimals.
MOST_TERMS = 1500
LOWEST_SCORE = 0.001
LOWEST_DECIMALS = 0.005
ASPECTS = {"molecular_function": "F", "biological_process": "P", "cellular_component": "C"}
COLUMNS = (
    *("protein", "term", "name", "aspect", "score", "probability"),
    *("nearest", "nearest_similarity", "covered", "nearest_covered", "nearest_has_term"),
    *("bearer", "bearer_similarity", "evidence"),
)


@dataclass(frozen=True)
class Terms:
    """The judged labels of a split as terms of their ontology.

    Attributes
    ----------
    ids, names, aspects
        str, shape (n_labels,); aspects as GAF's letters F, P and C.
    implied
        Boolean CSR, shape (n_labels, n_labels): row t holds t and those of its ancestors that are labels.
    parents
        The same of direct parents, without t.
    """

    ids: np.ndarray
    names: np.ndarray
    aspects: np.ndarray
    implied: sparse.csr_array
    parents: sparse.csr_array

    def consistent(self, scores: np.ndarray) -> np.ndarray:
        """Scores with every term raised to its highest descendant; shape (n, n_labels)."""
        return make_consistent(np.asarray(scores), self.implied)

    @cached_property
    def generality(self) -> np.ndarray:
        """How many labels a term is implied by, itself included: int64, shape (n_labels,)."""
        return np.asarray(self.implied.sum(axis=0)).ravel().astype(np.int64)


def judged_terms(labels: Sequence[Mapping], ontology: pd.DataFrame, relations: Sequence[str]) -> Terms:
    """The terms of a split's labels.

    Parameters
    ----------
    labels
        Of `<split>.labels.json`.
    ontology
        `results/ontologies/<name>.parquet`.
    relations
        Over which labels were propagated.
    """
    ids = [label["id"] for label in labels]
    closure = ancestor_closure(ontology, relations)
    place = closure.terms.get_indexer(ids)
    implied = sparse.csr_array(closure.matrix[place][:, place])
    table = ontology.set_index("id").loc[ids]
    own = {term: at for at, term in enumerate(ids)}
    edges = [
        (child, own[parent["id"]])
        for child, parents in enumerate(table["parents"])
        for parent in parents
        if parent["relation"] in relations and parent["id"] in own
    ]
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    shape = (len(ids), len(ids))
    parents = sparse.csr_array((np.ones(len(edges), dtype=bool), (rows, columns)), shape=shape)
    return Terms(
        np.array(ids, dtype=object),
        np.array([label["name"] for label in labels], dtype=object),
        table["namespace"].map(ASPECTS).fillna("").to_numpy(dtype=object),
        implied,
        parents,
    )


def ranked(values: np.ndarray, terms: Terms, lowest: float) -> np.ndarray:
    """Columns of values from `lowest` on, the highest first; of equal ones the more general term."""
    kept = np.flatnonzero(values >= lowest)
    return kept[np.lexsort((-terms.generality[kept], -values[kept]))]


def submission_header(submission: Mapping | None) -> list[str]:
    """The AUTHOR, MODEL and KEYWORDS lines of CAFA 2 to 4; none where nothing is set, as CAFA 5 has it."""
    if not submission:
        return []
    keywords = ", ".join(submission["keywords"]) + "."
    return [f"AUTHOR\t{submission['author']}", f"MODEL\t{submission['model']}", f"KEYWORDS\t{keywords}"]


def submission_lines(ids: Sequence[str], scores: np.ndarray, terms: Terms, two_decimals: bool = False) -> Iterator[str]:
    """Lines of a CAFA submission: protein, term and score.

    Where a protein has more terms than CAFA takes, the lowest are left out, and no term before those that it implies.

    Parameters
    ----------
    scores
        Consistent, shape (n, n_labels), in [0, 1].
    two_decimals
        As CAFA 2 to 4 have it; three significant digits otherwise.
    """
    lowest, form = (LOWEST_DECIMALS, ".2f") if two_decimals else (LOWEST_SCORE, ".3g")
    for name, row in zip(ids, np.asarray(scores, dtype=np.float64), strict=True):
        for at in ranked(row, terms, lowest)[:MOST_TERMS]:
            score = format(min(row[at], 1.0), form)
            if float(score) > 0:
                yield f"{name}\t{terms.ids[at]}\t{score}"


def annotation_rows(
    ids: Sequence[str],
    scores: np.ndarray,
    probabilities: np.ndarray,
    terms: Terms,
    evidence: Evidence,
    train: TrainingProteins,
    lowest: float,
) -> Iterator[list[str]]:
    """Rows of `annotations.tsv`, whose columns are `COLUMNS`.

    Parameters
    ----------
    scores, probabilities
        Shape (n, n_labels); probabilities do not fall where scores rise.
    lowest
        Probability from which on a term is told.
    """
    similarity, target = evidence.hits["similarity"].to_numpy(), evidence.hits["target"].to_numpy()
    shares = evidence.hits[["query_cover", "target_cover"]].to_numpy(dtype=np.float64)
    for query, name in enumerate(ids):
        # By score where probabilities are equal: a parent never stands below its child.
        order = ranked(scores[query], terms, 0.0)
        order = order[probabilities[query, order] >= lowest]
        first = int(evidence.bounds[query])
        found = first < evidence.bounds[query + 1]
        near = [""] * 4
        if found:
            near = [str(train.ids[target[first]]), f"{similarity[first]:.3f}", *map(told, shares[first])]
        bearers = evidence.bearers(query, train.targets, order)
        for column, bearer in zip(order, bearers, strict=True):
            carries = ("yes" if train.targets[target[first], column] else "no") if found else ""
            other = ["", ""] if bearer is None else [str(train.ids[target[bearer]]), f"{similarity[bearer]:.3f}"]
            yield [
                name,
                terms.ids[column],
                terms.names[column],
                terms.aspects[column],
                f"{scores[query, column]:.3g}",
                f"{probabilities[query, column]:.3g}",
                *near,
                carries,
                *other,
                evidence_word(found, bearer is not None, carries == "yes"),
            ]


def evidence_word(found: bool, borne: bool, by_nearest: bool) -> str:
    """What speaks for a term beside the model: the nearest training protein, another alike one, or nothing."""
    if not found:
        return "no similar training protein"
    if by_nearest:
        return "nearest training protein"
    return "similar training protein" if borne else "model alone"


def told(share: float) -> str:
    """A share with three decimals; nothing where it is not known."""
    return "" if np.isnan(share) else f"{share:.3f}"
