"""Putative functions: what a run is sure of and no annotation says. A missing label is no evidence of absence."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.judgedpairs import Judged
from lexome.proteinannotation import Terms, evidence_word
from lexome.proteinevidence import Evidence, TrainingProteins

COLUMNS = (
    *("protein", "subset", "term", "name", "aspect", "score", "probability", "implied_by"),
    *("annotated_ancestor", "annotated_sibling", "bearer", "bearer_similarity", "nearest", "nearest_similarity"),
    "evidence",
)


def candidates(judged: Judged, probabilities: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of known pairs that are not labelled and whose probability is `threshold` at least."""
    return np.nonzero(judged.known & ~judged.truth & (probabilities >= threshold))


def relatives(truth: np.ndarray, column: int, terms: Terms) -> tuple[int | None, int | None]:
    """The most specific ancestor of a term, and a sibling (a term with a parent in common), that a protein has.

    Parameters
    ----------
    truth
        bool, shape (n_labels,), of the protein.
    column
        Of the term.

    Returns
    -------
    ancestor, sibling
        Columns, or None. The sibling is the most specific one; ancestors and descendants are none, and the excluded
        terms at the top of the ontology are no common parent.
    """
    generality = terms.generality
    above = _row(terms.implied, column)
    ancestors = [at for at in above if at != column and truth[at]]
    below = np.flatnonzero(terms.implied[:, [column]].toarray().ravel())
    parents = _row(terms.parents, column)
    beside = np.flatnonzero(terms.parents[:, parents].toarray().any(axis=1)) if len(parents) else []
    siblings = [at for at in beside if truth[at] and at not in above and at not in below]

    def most_specific(found: list[int]) -> int | None:
        return min(found, key=lambda at: (generality[at], terms.ids[at])) if found else None

    return most_specific(ancestors), most_specific(siblings)


def _row(matrix, row: int) -> np.ndarray:
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]


def putative_table(
    subset: str,
    judged: Judged,
    probabilities: np.ndarray,
    threshold: float,
    terms: Terms,
    evidence: Evidence,
    places: Sequence[int],
    train: TrainingProteins,
) -> pd.DataFrame:
    """Putative functions of one subset, with `COLUMNS`; the most probable first.

    Parameters
    ----------
    evidence, places
        Of the proteins that have candidates, and which row of `judged` each of them is.
    """
    rows, columns = candidates(judged, probabilities, threshold)
    query_of = {int(place): query for query, place in enumerate(places)}
    target, similarity = evidence.hits["target"].to_numpy(), evidence.hits["similarity"].to_numpy()
    found = []
    for row in np.unique(rows):
        own = columns[rows == row]
        query = query_of[int(row)]
        first = int(evidence.bounds[query])
        near = first if first < evidence.bounds[query + 1] else None
        for column, bearer in zip(own, evidence.bearers(query, train.targets, own), strict=True):
            below = [at for at in own if at != column and column in _row(terms.implied, at)]
            ancestor, sibling = relatives(judged.truth[row], column, terms)
            by_nearest = near is not None and bool(train.targets[target[near], column])
            found.append(
                {
                    "protein": judged.ids[row],
                    "subset": subset,
                    "term": terms.ids[column],
                    "name": terms.names[column],
                    "aspect": terms.aspects[column],
                    "score": float(judged.scores[row, column]),
                    "probability": float(probabilities[row, column]),
                    "implied_by": ",".join(sorted(terms.ids[below])),
                    "annotated_ancestor": "" if ancestor is None else terms.ids[ancestor],
                    "annotated_sibling": "" if sibling is None else terms.ids[sibling],
                    "bearer": "" if bearer is None else train.ids[target[bearer]],
                    "bearer_similarity": np.nan if bearer is None else similarity[bearer],
                    "nearest": "" if near is None else train.ids[target[near]],
                    "nearest_similarity": np.nan if near is None else similarity[near],
                    "evidence": evidence_word(near is not None, bearer is not None, by_nearest),
                }
            )
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.sort_values(
        ["probability", "score", "protein", "term"], ascending=[False, False, True, True], ignore_index=True
    )


def header(threshold: float, precision: Mapping[str, Mapping], level: float, tool: str) -> list[str]:
    """Comment lines that go before the table: what it is, and how often predictions as sure as these are labelled."""
    lines = [
        f"# Predictions of probability {threshold:g} and more that no annotation confirms: functions still to be",
        "# found, and mistakes of the model; this table cannot tell them apart. A missing label is no evidence that",
        "# a protein lacks the function: few proteins were tested for most terms.",
    ]
    for subset, told in precision.items():
        if told["pairs"]:
            lines.append(
                f"# {subset}: of {told['pairs']:,} such sure predictions {told['labelled']:,} are labelled, "
                f"{told['precision']:.1%} [{told['low']:.1%} to {told['high']:.1%}, {level:.0%} interval]; so at most "
                f"{1 - told['precision']:.1%} of them are false, and all of those are among the candidates"
            )
            if told["high"] < threshold:
                lines.append(f"# {subset}: that is less than the probability says; few predictions are so sure")
        else:
            lines.append(f"# {subset}: no prediction is so sure")
    lines.append(
        "# Similarity to training proteins: "
        + ("share of the protein's 5-mers" if tool == "kmers" else f"identity of {tool}'s alignment")
    )
    return lines
