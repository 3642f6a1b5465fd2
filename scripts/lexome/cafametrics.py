"""CAFA's figures of one aspect and their bootstrap replicates: Fmax, weighted Fmax, Smin, areas over all its terms.

Truth and scores are sparse [proteins, terms of the aspect], both consistent with the ontology; `study_truth` and
`study_scores` make them of a study's examples and predictions. A term that a model never scores has score 0 and still
counts in the truth. For definitions and conventions see `lexome.cafacurves` and `lexome.accretion`.

| name | figure |
|---|---|
| `fmax`, `rootless_fmax` | highest F over thresholds; CAFA's counts the root, which everything is predicted to have |
| `weighted_fmax` | the same with information accretion as weights; the root weighs 0 |
| `smin` | lowest S, in bits: 0 is perfect, and it has no upper bound |
| `micro_auprc`, `rootless_micro_auprc` | average precision of all pairs ranked together |
| `ontology_protein_auprc`, `rootless_...` | mean over proteins of the average precision over all terms |
| `ontology_term_auprc`, `..._auroc` | mean over terms with a positive (and, for the area, a negative), without roots |
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from lexome.accretion import Aspect, information_accretion, make_consistent, weights_of
from lexome.cafacurves import STEP, Curves, best, best_at, check_pair, curves, threshold_sums
from lexome.cafarankings import SparseRanking, micro_average_precision, micro_replicates
from lexome.metrics import mean_defined, ratio

Means = dict[str, tuple[float, int]]


@dataclass(frozen=True)
class OntologyTruth:
    """What the examples of a study carry over a whole aspect, and what its terms weigh; from `ontology_truth`."""

    aspect: Aspect
    accretion: np.ndarray  # float64 [N], bits, from training examples
    ids: np.ndarray  # str [n]: examples, in any order
    truth: sparse.csr_array  # boolean [n, N]

    def judge(
        self,
        ids: np.ndarray,
        scores: np.ndarray,
        judged: Sequence[str],
        counts: np.ndarray,
        example_noun: str = "protein",
        label_noun: str = "term",
    ) -> tuple[Means, dict[str, np.ndarray]]:
        """`cafa_figures` of some examples by the scores [m, L] of the judged terms; KeyError for an unknown example."""
        row = {name: at for at, name in enumerate(self.ids.tolist())}
        truth = self.truth[np.array([row[name] for name in ids], dtype=np.int64)]
        given = study_scores(scores, judged, self.aspect)
        return cafa_figures(truth, given, self.aspect, self.accretion, counts, example_noun, label_noun)


def ontology_truth(
    ids: Sequence[str], labels: Sequence[np.ndarray], train: np.ndarray, vocabulary: Sequence[str], aspect: Aspect
) -> OntologyTruth:
    """Truth and information accretion of a study.

    Parameters
    ----------
    ids
        Of all examples, [n].
    labels, vocabulary, aspect
        As in `study_truth`.
    train
        bool [n]: the examples that accretion is counted on.
    """
    truth = study_truth(labels, vocabulary, aspect)
    annotated = np.diff(truth.indptr) > 0
    accretion = information_accretion(truth[np.asarray(train) & annotated], aspect.parents)
    return OntologyTruth(aspect, accretion, np.asarray(ids, dtype=object), truth)


def study_truth(labels: Sequence[np.ndarray], vocabulary: Sequence[str], aspect: Aspect) -> sparse.csr_array:
    """What examples carry, over the whole aspect: terms that the study left out are there if they follow from others.

    A term that was excluded and follows from no other of a protein is not brought back.

    Parameters
    ----------
    labels
        Of each example the positions among the study's labels.
    vocabulary
        Ids of all the study's labels.
    aspect
        That they belong to.

    Returns
    -------
    Boolean CSR [n, N].

    Raises
    ------
    ValueError
        If a label is no term of the aspect.
    """
    lengths = [len(each) for each in labels]
    carried = np.concatenate([np.zeros(0, dtype=np.int64), *labels]).astype(np.int64)
    row = np.repeat(np.arange(len(lengths)), lengths)
    column = _places(vocabulary, aspect)[carried]
    shape = (len(lengths), len(aspect.terms))
    given = sparse.csr_array((np.ones(len(row), dtype=bool), (row, column)), shape=shape)
    return make_consistent(given, aspect.parents)


def study_scores(scores: np.ndarray, judged: Sequence[str], aspect: Aspect) -> sparse.csr_array:
    """Scores of the judged labels [n, L] over the whole aspect, made consistent: CSR [n, N], dtype kept.

    Terms that are not judged and have no judged descendant are absent.
    """
    places = _places(judged, aspect)
    order = np.argsort(places)
    row, column = np.nonzero(scores[:, order])
    data, shape = scores[:, order][row, column], (len(scores), len(aspect.terms))
    given = sparse.csr_array((data, (row, places[order][column])), shape=shape)
    return make_consistent(given, aspect.parents)


def aspect_curves(
    truth: sparse.sparray,
    scores: sparse.sparray,
    aspect: Aspect,
    accretion: np.ndarray | None = None,
    counts: np.ndarray | None = None,
    step: float = STEP,
    normalisation: str = "cafa",
    count_root: bool = True,
) -> tuple[Curves, Curves | None]:
    """Unweighted curves and, where an accretion is given, weighted ones: cafaeval's table of one namespace.

    Parameters
    ----------
    truth, scores
        Sparse [P, N], consistent.
    accretion
        From `information_accretion`, of *training* annotations, [N].
    counts, step
        As in `threshold_sums`.
    normalisation
        `cafa`, `pred` or `gold` (cafaeval's `gt`).
    count_root
        False is cafaeval's `no_orphans`. Weighted curves do not see it: what has an accretion counts.
    """
    weights = [aspect.counted(count_root)]
    if accretion is not None:
        weights.append(weights_of(accretion))
    found = [curves(each, normalisation) for each in threshold_sums(truth, scores, np.stack(weights), counts, step)]
    return found[0], found[1] if accretion is not None else None


def best_rows(plain: Curves, weighted: Curves | None = None) -> dict[str, dict[str, float]]:
    """cafaeval's tables of best thresholds: for `f`, `f_micro`, `s`, `f_w`, `f_micro_w`, `s_w` all figures there.

    Names of weighted figures end in `_w`; `cov_max` is the greatest coverage, weighted for `_w`. cafaeval has no
    table for `s_w`, though that is CAFA's S. Empty without any coverage.
    """
    table = plain._asdict()
    if weighted is not None:
        table |= {f"{name}_w": values for name, values in weighted._asdict().items() if name != "tau"}
    covered = plain.cov > 0
    out = {}
    for name in ("f", "f_micro", "s", "f_w", "f_micro_w", "s_w"):
        if name in table and covered.any():
            at = int(best_at(table[name], covered, lowest=name.startswith("s")))
            out[name] = {column: float(values[at]) for column, values in table.items()}
            out[name]["cov_max"] = float(table["cov_w" if name.endswith("_w") else "cov"][covered].max())
    return out


def cafa_figures(
    truth: sparse.sparray,
    scores: sparse.sparray,
    aspect: Aspect,
    accretion: np.ndarray,
    counts: np.ndarray,
    example_noun: str = "protein",
    label_noun: str = "term",
    step: float = STEP,
    normalisation: str = "cafa",
) -> tuple[Means, dict[str, np.ndarray]]:
    """All figures of the module's table, and what resamples of the proteins give.

    Curves of resamples are sums over proteins, so a product of matrices gives them all, and every resample has its own
    best threshold; `micro_auprc` of resamples is binned (`micro_replicates`); terms are ranked once and measured
    anew in every resample.

    Parameters
    ----------
    truth, scores, aspect, accretion, step, normalisation
        As in `aspect_curves`. Proteins without any true term are no targets.
    counts
        [B, P], from `resample_groups`.
    example_noun, label_noun
        Part of the names of macro averages.

    Returns
    -------
    means
        Name -> (figure, proteins or terms that it is of).
    replicates
        Name -> float64 [B], not centred; NaN where a resample does not define it.
    """
    truth, scores = check_pair(truth, scores)
    target = np.diff(truth.indptr) > 0
    rootless, n = aspect.counted(count_root=False), int(target.sum())
    everything = np.ones_like(rootless)

    def from_curves(times: np.ndarray | None) -> dict[str, np.ndarray]:
        sums = threshold_sums(truth, scores, np.stack([everything, rootless, weights_of(accretion)]), times, step)
        plain, bare, weighted = (curves(each, normalisation) for each in sums)
        covered = plain.cov > 0
        return {
            "fmax": best(plain.f, covered),
            "rootless_fmax": best(bare.f, bare.cov > 0),
            "weighted_fmax": best(weighted.f, covered),
            "smin": best(weighted.s, covered, lowest=True),
        }

    means = {name: (float(value), n) for name, value in from_curves(None).items()}
    replicates = from_curves(counts)
    for prefix, counted in (("", everything), ("rootless_", rootless)):
        name, protein = f"{prefix}micro_auprc", f"{prefix}ontology_{example_noun}_auprc"
        means[name] = (micro_average_precision(truth, scores, counted), n)
        replicates[name] = micro_replicates(truth, scores, counts, counted)
        kept = np.flatnonzero(counted)
        areas = SparseRanking(truth[:, kept], scores[:, kept]).measure()[0]
        means[protein] = mean_defined(areas)
        replicates[protein] = _resampled_means(areas, counts)

    kept = np.flatnonzero((rootless > 0) & (np.bincount(truth.indices, minlength=truth.shape[1]) > 0))
    ranking = SparseRanking(truth[:, kept].T.tocsr(), scores[:, kept].T.tocsr())
    names = [f"ontology_{label_noun}_{area}" for area in ("auprc", "auroc")]
    for name, areas in zip(names, ranking.measure(target), strict=True):
        means[name] = mean_defined(areas)
    drawn = [[mean_defined(areas)[0] for areas in ranking.measure(row * target)] for row in counts]
    replicates |= dict(zip(names, np.array(drawn).reshape(len(counts), 2).T, strict=True))
    return means, replicates


def _resampled_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of the defined values [P] in each resample [B, P]."""
    defined = ~np.isnan(values)
    weights = counts[:, defined].astype(np.float64)
    return ratio(weights @ values[defined], weights.sum(axis=1))


def _places(ids: Sequence[str], aspect: Aspect) -> np.ndarray:
    places = aspect.positions(ids)
    if (places < 0).any():
        raise ValueError(f"{ids[int(np.argmax(places < 0))]} is no term of the aspect: prepare the study again")
    return places
