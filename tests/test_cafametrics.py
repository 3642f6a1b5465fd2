from pathlib import Path

import numpy as np
import pytest
from cafaeval.evaluation import cafa_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import metrics as sk

from lexome.accretion import information_accretion, make_aspect, make_consistent, weights_of
from lexome.bootstrap import resample_groups
from lexome.cafacurves import NORMALISATIONS, best, curves, threshold_sums, thresholds
from lexome.cafafiles import highest, read_accretion, read_aspects, read_predictions, read_truth
from lexome.cafametrics import aspect_curves, best_rows, cafa_figures, ontology_truth, study_scores, study_truth
from lexome.cafarankings import SparseRanking, micro_average_precision, micro_replicates
from lexome.errors import LexomeError

FIXTURES = Path(__file__).parent / "fixtures" / "cafa"
EXACT = {"rtol": 0, "atol": 1e-9}
# cafaeval under pandas 3.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
ASPECTS = ("molecular_function", "biological_process")


def random_links(rng, n_terms, prefix):
    """Term -> parents among earlier ones; the first is the root, the last an orphan without parent or child."""
    links = {f"{prefix}:{0:03d}": []}
    for at in range(1, n_terms - 1):
        chosen = rng.choice(at, size=min(at, rng.integers(1, 4)), replace=False)
        links[f"{prefix}:{at:03d}"] = [f"{prefix}:{parent:03d}" for parent in chosen]
    return links | {f"{prefix}:{n_terms - 1:03d}": []}


@pytest.fixture(scope="module", params=[0, 1])
def files(tmp_path_factory, request):
    """A folder with go.obo, truth.tsv, ia.tsv and predictions/model.tsv: everything random, with every oddity."""
    rng, folder = np.random.default_rng(request.param), tmp_path_factory.mktemp("cafa")
    spaces = dict(zip(ASPECTS, ("F", "P"), strict=True))
    links = {space: random_links(rng, 40, prefix) for space, prefix in spaces.items()}
    with open(folder / "go.obo", "w") as handle:
        for space, own in links.items():
            for term, parents in own.items():
                handle.write(f"[Term]\nid: {term}\nname: x\nnamespace: {space}\nalt_id: ALT{term}\n")
                for at, parent in enumerate(parents):
                    handle.write(f"is_a: {parent} ! x\n" if at % 2 == 0 else f"relationship: part_of {parent} ! x\n")
                if space == ASPECTS[0] and parents:  # over the border: no parent to anyone
                    handle.write("relationship: part_of P:001 ! x\n")
                handle.write("\n")
        handle.write(f"[Term]\nid: F:999\nname: gone\nnamespace: {ASPECTS[0]}\nis_obsolete: true\n\n")
        handle.write("[Typedef]\nid: part_of\nnamespace: external\n")
    terms = [term for own in links.values() for term in own]
    with open(folder / "truth.tsv", "w") as handle:
        for protein in range(60):
            for term in rng.choice(terms, size=rng.integers(1, 5)):
                handle.write(f"Q{protein}\t{'ALT' if rng.random() < 0.1 else ''}{term}\n")
        # Only the root: where roots do not count, a target that nobody can hit.
        handle.write("ROOT\tF:000\nROOT\tP:000\nnobody\tF:999\n")
    with open(folder / "ia.tsv", "w") as handle:
        for term in terms:
            if rng.random() < 0.8:  # the others have no line
                handle.write(f"{term}\t{rng.choice([0.0, float('inf'), *rng.exponential(3, size=8)])}\n")
    (folder / "predictions").mkdir()
    with open(folder / "predictions" / "model.tsv", "w") as handle:
        handle.write("AUTHOR\tnobody\nMODEL\t1\n")
        for protein in range(10, 70):  # ten targets without a prediction, nine predictions of no target
            for term in rng.choice(terms, size=rng.integers(1, 12)):
                score = rng.choice([0.0, 0.004, 0.01, 0.29, 0.3, 0.99, 1.0, rng.random(), rng.random()])
                handle.write(f"Q{protein}\t{'ALT' if rng.random() < 0.1 else ''}{term}\t{score}\n")
        handle.write("Q11\tF:999\t1\nQ11\tX:1\t1\nEND\n")
    return folder


def load(folder, space):
    aspect = read_aspects(folder / "go.obo")[space]
    ids, truth = read_truth(folder / "truth.tsv", aspect)
    scores = read_predictions(folder / "predictions" / "model.tsv", aspect, ids)
    return aspect, truth, scores, read_accretion(folder / "ia.tsv", aspect)


def test_files_hold_what_the_other_tests_need(files):
    for space in ASPECTS:
        aspect, truth, scores, accretion = load(files, space)
        assert aspect.roots.sum() == 2
        assert (np.diff(scores.indptr) == 0).any()
        assert (truth.sum(axis=1) == 1).any()
        assert np.isinf(accretion).any()
        assert (accretion == 0).any()


@pytest.mark.parametrize("count_root", [True, False])
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("weighted", [True, False])
def test_curves_and_best_rows_equal_cafaeval(files, normalisation, count_root, weighted):
    # What surprises in cafaeval 1.3.0 and is matched here: roots count unless `no_orphans`, which drops every term
    # without a parent; a weighted figure has neither terms without a line in the IA file nor infinite or zero ones,
    # roots or not; targets without a prediction count in coverage and recall, but with `pred` they do not; `gold` is
    # any other word than cafa and pred (its command line says gt); parents and the truth of another namespace
    # do nothing; best weighted rows are sought where the unweighted coverage is above 0.
    oracle, tables = cafa_eval(
        str(files / "go.obo"),
        str(files / "predictions"),
        str(files / "truth.tsv"),
        ia=str(files / "ia.tsv") if weighted else None,
        no_orphans=not count_root,
        norm={"gold": "gt"}.get(normalisation, normalisation),
    )
    for space in ASPECTS:
        aspect, truth, scores, accretion = load(files, space)
        given = accretion if weighted else None
        plain, weighed = aspect_curves(truth, scores, aspect, given, normalisation=normalisation, count_root=count_root)
        expected = oracle.xs(space, level="ns").reset_index()
        covered = plain.cov > 0
        assert covered.sum() == len(expected) > 90
        columns = set(expected.columns) - {"filename"}
        assert len(columns) == (15 + 14 * weighted)
        for name in columns:
            source = weighed if name.endswith("_w") else plain
            np.testing.assert_allclose(
                getattr(source, name.removesuffix("_w"))[covered], expected[name].to_numpy(float), **EXACT, err_msg=name
            )
        rows = best_rows(plain, weighed)
        assert set(tables) <= set(rows)
        assert set(rows) - set(tables) == ({"s_w"} if weighted else set())
        for key, table in tables.items():
            row = table.xs(space, level="ns").reset_index().iloc[0].drop("filename")
            assert set(row.index) == set(rows[key])
            for name, value in row.items():
                assert rows[key][name] == pytest.approx(value, abs=1e-9), (key, name)
        if weighted:  # Smin of CAFA, with information accretion: cafaeval has the curve, but no best row
            assert rows["s_w"]["s_w"] == pytest.approx(expected["s_w"].min(), abs=1e-9)


@pytest.mark.parametrize("step", [0.05, 0.003])
def test_other_steps_equal_cafaeval(files, step):
    oracle, _ = cafa_eval(
        str(files / "go.obo"), str(files / "predictions"), str(files / "truth.tsv"), str(files / "ia.tsv"), th_step=step
    )
    aspect, truth, scores, accretion = load(files, ASPECTS[1])
    plain, weighted = aspect_curves(truth, scores, aspect, accretion, step=step)
    expected = oracle.xs(ASPECTS[1], level="ns")
    for name, found in (("f", plain.f), ("s_w", weighted.s), ("pr_micro_w", weighted.pr_micro)):
        np.testing.assert_allclose(found[plain.cov > 0], expected[name], **EXACT)


def test_tiny_fixture_has_the_figures_worked_out_by_hand():
    aspect = read_aspects(FIXTURES / "tiny.obo")["molecular_function"]
    assert aspect.terms.tolist() == ["T:1", "T:2", "T:3", "T:4", "T:5"]
    ids, truth = read_truth(FIXTURES / "tiny_truth.tsv", aspect)
    assert ids == ["A", "B", "C", "D"]
    np.testing.assert_array_equal(truth.toarray(), [[1, 1, 1, 1, 0], [1, 1, 0, 0, 1], [1, 0, 0, 0, 0], [1, 0, 1, 0, 0]])
    scores = read_predictions(FIXTURES / "tiny_predictions.tsv", aspect, ids)
    np.testing.assert_array_equal(
        scores.toarray(),
        [[0.6, 0.6, 0.6, 0.6, 0.3], [0.29, 0.29, 0, 0, 0.005], [0] * 5, [0.9, 0, 0.9, 0, 0]],
    )
    accretion = read_accretion(FIXTURES / "tiny_ia.tsv", aspect)
    plain, weighted = aspect_curves(truth, scores, aspect, accretion)
    # At .01: A predicts 5 terms, 4 right; B 2 of its 3; C nothing; D both of its 2.
    assert plain.n[0] == 3
    assert plain.pr[0] == pytest.approx((4 / 5 + 1 + 1) / 3)
    assert plain.rc[0] == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    # A score of .29 is below the 29th threshold, which is .29000000000000004.
    assert plain.n[27] == 3
    assert plain.n[28] == 2
    # T:5 has no line in the file and weighs nothing: A and D are perfect, B predicts its 1 bit, C has no bit to miss.
    assert weighted.s[0] == 0
    assert weighted.pr[0] == 1
    assert weighted.rc[0] == pytest.approx(3 / 4)
    _, weighted = aspect_curves(truth, scores, aspect, accretion, normalisation="pred")
    assert weighted.rc[0] == 1
    bare, _ = aspect_curves(truth, scores, aspect, count_root=False)
    assert bare.rc[0] == pytest.approx((1 + 1 / 2 + 0 + 1) / 4)  # C, with the root alone, still is one of four


def test_predicting_nothing_covers_nothing():
    truth = sparse.csr_array(np.array([[1, 1], [1, 0]], dtype=bool))
    found = curves(threshold_sums(truth, sparse.csr_array((2, 2)), np.ones(2))[0])
    assert not found.cov.any()
    assert found.fn.tolist() == [1.5] * 99
    assert np.isnan(best(found.f, found.cov > 0))


def test_proteins_without_truth_are_no_targets(files):
    aspect, truth, scores, accretion = load(files, ASPECTS[0])
    empty = sparse.csr_array((5, truth.shape[1]), dtype=bool)
    predicted = sparse.csr_array(np.full((5, truth.shape[1]), 0.7))
    more = (sparse.vstack([truth, empty], format="csr"), sparse.vstack([scores, predicted], format="csr"))
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, size=(4, truth.shape[0]))
    longer = np.concatenate([counts, np.ones((4, 5), dtype=int)], axis=1)
    means, replicates = cafa_figures(truth, scores, aspect, accretion, counts)
    means_more, replicates_more = cafa_figures(*more, aspect, accretion, longer)
    for name, (value, n) in means.items():
        assert means_more[name] == (pytest.approx(value, abs=1e-12), n)
        np.testing.assert_allclose(replicates_more[name], replicates[name], **EXACT)


def test_replicates_equal_figures_of_repeated_proteins(files):
    aspect, truth, scores, accretion = load(files, ASPECTS[0])
    counts = resample_groups(np.arange(truth.shape[0]) // 3, 6, np.random.default_rng(3))
    _, replicates = cafa_figures(truth, scores, aspect, accretion, counts)
    for at, row in enumerate(counts):
        drawn = np.repeat(np.arange(len(row)), row)
        again, _ = cafa_figures(truth[drawn], scores[drawn], aspect, accretion, np.ones((1, len(drawn))))
        for name, values in replicates.items():
            assert values[at] == pytest.approx(again[name][0], abs=1e-9), name
    assert len(replicates) == 10
    assert all(np.ptp(values) > 0 for values in replicates.values())


def test_binned_micro_replicates_are_close_with_many_scores():
    rng = np.random.default_rng(4)
    truth = rng.random((80, 60)) < 0.1
    scores = np.where(rng.random(truth.shape) < 0.7, rng.beta(1 + truth, 3), 0)
    truth, scores = sparse.csr_array(truth), sparse.csr_array(scores)
    assert len(np.unique(scores.data)) > 2000
    counts = rng.integers(0, 3, size=(5, 80))
    for row, value in zip(counts, micro_replicates(truth, scores, counts), strict=True):
        drawn = np.repeat(np.arange(80), row)
        exact = micro_average_precision(truth[drawn], scores[drawn])
        assert value == pytest.approx(exact, abs=0.01)


@st.composite
def sparse_problems(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    cells = shape[0] * shape[1]
    truth = np.array(draw(st.lists(st.booleans(), min_size=cells, max_size=cells))).reshape(shape)
    levels = st.sampled_from([0.0, 0.0, 0.0, 0.2, 0.2, 0.5, 0.9])
    scores = np.array(draw(st.lists(levels, min_size=cells, max_size=cells))).reshape(shape)
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=shape[1], max_size=shape[1])), dtype=float)
    return truth, scores, weights


@settings(max_examples=40)
@given(sparse_problems())
def test_sparse_rankings_equal_scikit_learn(problem):
    truth, scores, weights = problem
    ranking = SparseRanking(sparse.csr_array(truth), sparse.csr_array(scores))
    for given_weights in (None, weights):
        areas = ranking.measure(given_weights)
        times = np.ones(truth.shape[1]) if given_weights is None else given_weights
        for true, score, precision, area in zip(truth, scores, *areas, strict=True):
            y, s, w = true[times > 0], score[times > 0], times[times > 0]
            expected = sk.average_precision_score(y, s, sample_weight=w) if y.any() else np.nan
            np.testing.assert_allclose(precision, expected, **EXACT)
            expected = sk.roc_auc_score(y, s, sample_weight=w) if y.any() and not y.all() else np.nan
            np.testing.assert_allclose(area, expected, **EXACT)


@given(sparse_problems())
def test_micro_average_precision_equals_scikit_learn_on_the_dense_matrix(problem):
    truth, scores, weights = problem
    rows, columns = truth.any(axis=1), weights > 0
    y, s = truth[rows][:, columns].ravel(), scores[rows][:, columns].ravel()
    found = micro_average_precision(sparse.csr_array(truth), sparse.csr_array(scores), weights)
    np.testing.assert_allclose(found, sk.average_precision_score(y, s) if y.any() else np.nan, **EXACT)
    one = np.ones((1, len(truth)))
    replicate = micro_replicates(sparse.csr_array(truth), sparse.csr_array(scores), one, weights)
    np.testing.assert_allclose(replicate, [found], **EXACT)


@st.composite
def scored_graphs(draw):
    """Links of a random graph without cycles, in random order of names, and scores."""
    n = draw(st.integers(1, 9))
    names = draw(st.permutations([f"t{at}" for at in range(n)]))
    links = {name: draw(st.sets(st.sampled_from(names[:at]))) if at else set() for at, name in enumerate(names)}
    rows = draw(st.integers(1, 4))
    values = st.lists(st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=n, max_size=n)
    return make_aspect(links), np.array([draw(values) for _ in range(rows)])


def ancestors(parents):
    reach = np.eye(len(parents), dtype=bool)
    for _ in range(len(parents)):
        reach |= (reach.astype(int) @ parents.astype(int)) > 0
    return reach


@given(scored_graphs(), st.booleans())
def test_make_consistent_is_the_least_consistent_matrix_above(problem, closure):
    aspect, scores = problem
    reach = ancestors(aspect.parents.toarray())
    links = sparse.csr_array(reach) if closure else aspect.parents
    found = make_consistent(scores, links)
    expected = np.where(reach[None], scores[:, :, None], 0).max(axis=1)  # highest over the term's descendants
    np.testing.assert_array_equal(found, expected)
    child, parent = aspect.parents.nonzero()
    assert (found[:, parent] >= found[:, child]).all()
    np.testing.assert_array_equal(make_consistent(found, links), found)
    thin = make_consistent(sparse.csr_array(scores), links)
    assert (thin.data > 0).all()
    assert thin.has_canonical_format
    np.testing.assert_array_equal(thin.toarray(), expected)
    np.testing.assert_array_equal(make_consistent(sparse.csr_array(scores > 0), links).toarray(), expected > 0)


def test_make_consistent_works_in_blocks_and_refuses_cycles(monkeypatch):
    aspect = make_aspect({"a": [], "b": ["a"], "c": ["b"]})
    scores = np.random.default_rng(0).random((50, 3)).astype(np.float32) * np.array([0, 1, 1], dtype=np.float32)
    whole = make_consistent(scores, aspect.parents)
    monkeypatch.setattr("lexome.accretion.BLOCK_VALUES", 7)
    np.testing.assert_array_equal(make_consistent(scores, aspect.parents), whole)
    thin = make_consistent(sparse.csr_array(scores), aspect.parents)
    assert thin.dtype == np.float32
    np.testing.assert_array_equal(thin.toarray(), whole)
    circle = sparse.csr_array(np.array([[0, 1], [1, 0]], dtype=bool))
    with pytest.raises(ValueError, match="cycle"):
        make_consistent(np.zeros((1, 2)), circle)
    with pytest.raises(ValueError, match="negative"):
        make_consistent(sparse.csr_array([[-0.5, 0.0, 0.0]]), aspect.parents)


@pytest.mark.parametrize("pseudo_count", [0, 1])
def test_information_accretion_equals_counting(files, pseudo_count, monkeypatch):
    monkeypatch.setattr("lexome.accretion.COUNTED_PROTEINS", 17)
    aspect, truth, _, _ = load(files, ASPECTS[0])
    found = information_accretion(truth, aspect.parents, pseudo_count)
    dense, parents = truth.toarray(), aspect.parents.toarray()
    for term, value in enumerate(found):
        have = sum(all(row[parent] for parent in np.flatnonzero(parents[term])) for row in dense) + pseudo_count
        own = int(dense[:, term].sum()) + pseudo_count
        expected = np.nan if have == 0 else np.inf if own == 0 else -np.log2(own / have)
        np.testing.assert_allclose(value, expected, **EXACT)
    # Everything but proteins of the orphan alone has the root, and no weight comes from what is not finite.
    assert (weights_of(found) >= 0).all()
    assert np.isfinite(weights_of(found)).all()


def test_information_accretion_refuses_annotations_that_are_not_propagated():
    aspect = make_aspect({"a": [], "b": ["a"]})
    with pytest.raises(ValueError, match="propagate"):
        information_accretion(sparse.csr_array(np.array([[0, 1], [1, 0]], dtype=bool)), aspect.parents)


def test_study_matrices_bring_excluded_ancestors_back():
    aspect = make_aspect({"r": [], "x": ["r"], "a": ["x"], "b": ["x"]})  # columns a b r x; r and x excluded
    truth = study_truth([np.array([0]), np.array([], dtype=int), np.array([0, 1])], ["b", "a"], aspect)
    np.testing.assert_array_equal(truth.toarray(), [[0, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    scores = study_scores(np.array([[0.2, 0.7], [0, 0.1]], dtype=np.float32), ["b", "a"], aspect)
    np.testing.assert_array_equal(scores.toarray(), np.float32([[0.7, 0.2, 0.7, 0.7], [0.1, 0, 0.1, 0.1]]))
    with pytest.raises(ValueError, match="zz is no term"):
        study_scores(np.zeros((1, 1)), ["zz"], aspect)


def test_the_truth_of_a_study_weighs_terms_on_train_alone(files):
    aspect, truth, scores, _ = load(files, ASPECTS[0])
    kept = np.flatnonzero(~aspect.roots)
    labels = [np.flatnonzero(row) for row in truth[:, kept].toarray()]
    ids = [f"q{at:02d}" for at in range(len(labels))][::-1]
    train = np.arange(len(labels)) % 2 == 0
    study = ontology_truth(ids, labels, train, aspect.terms[kept], aspect)
    labelled = np.array([len(own) > 0 for own in labels])
    expected = information_accretion(truth[train & labelled], aspect.parents)
    # Of the orphan nothing is known: it is excluded from this study, and nothing implies it.
    known = np.flatnonzero(~aspect.roots | (np.diff(aspect.parents.tocsc().indptr) > 0))
    np.testing.assert_array_equal(study.accretion[known], expected[known])

    rows = np.flatnonzero(~train)[::-1]
    counts = np.random.default_rng(0).integers(0, 3, size=(3, len(rows)))
    judged = kept[::3]  # a split judges some labels only: the others score 0 unless a judged one is below
    dense = scores[rows].toarray()
    found = study.judge(np.array(ids)[rows], dense[:, judged], aspect.terms[judged], counts)
    only = np.zeros_like(dense)
    only[:, judged] = dense[:, judged]
    only = make_consistent(sparse.csr_array(only), aspect.parents)
    direct = cafa_figures(study.truth[rows], only, aspect, study.accretion, counts)
    for name, (value, n) in direct[0].items():
        assert found[0][name] == (pytest.approx(value, abs=1e-12), n)
        np.testing.assert_allclose(found[1][name], direct[1][name], **EXACT)
    with pytest.raises(KeyError, match="stranger"):
        study.judge(np.array(["stranger"]), np.zeros((1, 1)), aspect.terms[judged[:1]], np.ones((1, 1)))


def test_bad_files_are_refused_by_name(tmp_path):
    aspect = read_aspects(FIXTURES / "tiny.obo")["molecular_function"]
    bad = tmp_path / "bad.tsv"
    for text, message in (("A\tT:4\thigh\n", "score"), ("A\tT:4\t-1\n", "negative"), ("A\tT:4\tnan\n", "finite")):
        bad.write_text(text)
        with pytest.raises(LexomeError, match=message) as caught:
            read_predictions(bad, aspect, ["A"])
        assert str(bad) in str(caught.value)
    bad.write_text("A\tT:77\n")
    with pytest.raises(LexomeError, match="no line names"):
        read_truth(bad, aspect)
    bad.write_text("T:1\tmuch\n")
    with pytest.raises(LexomeError, match="much"):
        read_accretion(bad, aspect)
    bad.write_text("nothing\n")
    with pytest.raises(LexomeError, match="OBO"):
        read_aspects(bad)


def test_the_highest_of_repeated_scores_counts():
    found = highest(np.array([1, 0, 1]), np.array([0, 1, 0]), np.array([0.2, 0.5, 0.3]), (2, 2))
    np.testing.assert_array_equal(found.toarray(), [[0, 0.5], [0.3, 0]])


def test_bad_arguments_are_refused():
    truth = sparse.csr_array(np.ones((1, 2), dtype=bool))
    with pytest.raises(ValueError, match="step"):
        thresholds(0)
    with pytest.raises(ValueError, match="normalisation"):
        curves(threshold_sums(truth, truth.astype(float), np.ones(2))[0], "gt")
    with pytest.raises(ValueError, match="shape"):
        threshold_sums(truth, sparse.csr_array((1, 3)), np.ones(3))
