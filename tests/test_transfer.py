"""Labels carried over by search and by nearest vectors, against plain loops and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from families import mutated, random_protein
from lexome import models, transfer
from lexome.errors import LexomeError
from lexome.runs import Part, RunData
from lexome.runtime import read_json
from lexome.search import FIELDS, search
from lexome.transferpredictors import load_transfer

TARGETS = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0]], dtype=np.uint8)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.floats(0, 500)), max_size=15, unique_by=lambda p: p[:2])
)
def test_shares_and_best_identity_go_by_hand(pairs):
    query, target, weight = (np.array([pair[at] for pair in pairs]) for at in range(3))
    query, target = query.astype(int), target.astype(int)
    shares, found = transfer.share_of_weights(query, target, weight, TARGETS, 5)
    best, hit = transfer.best_identity(query, target, weight / 500, TARGETS, 5)
    for q in range(5):
        own = [(t, w) for p, t, w in pairs if p == q]
        total = sum(w for _, w in own)
        assert found[q] == (total > 0)
        assert hit[q] == bool(own)
        for label in range(3):
            bear = [w for t, w in own if TARGETS[t, label]]
            assert shares[q, label] == pytest.approx(sum(bear) / total if total > 0 else 0, abs=1e-6)
            assert best[q, label] == pytest.approx(max(bear, default=0) / 500, abs=1e-6)


def test_what_hits_weigh():
    hits = pd.DataFrame({"bits": [50, 100], "identity": [0.5, 0.4], "query_cover": [0.8, 1.0]})
    assert transfer.hit_weights(hits, "netgo").tolist() == [50, 100]
    assert transfer.hit_weights(hits, "metago").tolist() == [0.4, 0.4]
    assert transfer.hit_weights(hits, "frequency").tolist() == [1, 1]


def test_a_pseudo_weight_draws_towards_the_share():
    query, target, weight = np.array([0, 0, 1]), np.array([0, 1, 3]), np.array([30.0, 10, 200])
    scores, _ = transfer.share_of_weights(query, target, weight, TARGETS, 3, pseudo=60)
    share = np.array([2, 2, 2]) / 4
    by_hand = [[(40 + 30) / 100, (10 + 30) / 100, (30 + 30) / 100], [30 / 260, 230 / 260, 30 / 260], share]
    np.testing.assert_allclose(scores, by_hand, rtol=1e-6)
    hits = pd.DataFrame({"query": [0], "target": [0], "rank": [0], "identity": [0.5]})
    with pytest.raises(LexomeError, match="the scoring best adds no weights up"):
        transfer.score_hits(hits, "best", 1, TARGETS, 1, 5)


def test_the_prior_mixes_and_stands_alone_without_hits():
    scores, share = np.array([[1, 0], [0, 0]], dtype=np.float32), np.array([0.3, 0.6])
    mixed = transfer.mix(scores, np.array([True, False]), share, 0.2)
    np.testing.assert_allclose(mixed, [[0.86, 0.12], [0.3, 0.6]], rtol=1e-6)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Families of proteins with a label each, one label of no family, and their hits."""
    rng = np.random.default_rng(5)
    founders = [random_protein(rng) for _ in range(6)]
    sizes, parts, start = {"train": 60, "valid": 24, "test": 20}, {}, 0
    for name, n in sizes.items():
        family = rng.integers(0, 6, n)
        texts = [mutated(rng, founders[at], 0.6) for at in family]
        # One of each subset has no relatives.
        texts[0] = random_protein(rng)
        targets = np.concatenate([np.eye(6)[family], rng.random((n, 1)) < 0.5], axis=1).astype(np.uint8)
        noise = rng.normal(size=(n, 8)).astype(np.float32)
        features = noise + 3 * np.eye(6, 8, dtype=np.float32)[family]
        ids = [f"p{start + at:03}" for at in range(n)]
        parts[name], start = Part(ids, targets, features, texts), start + n
    held_out = parts["valid"].texts + parts["test"].texts
    hits = search(held_out, parts["train"].texts)
    ids = np.array(parts["valid"].ids + parts["test"].ids, dtype=object)
    hits = hits.assign(query=ids[hits["query"]], target=np.array(parts["train"].ids, dtype=object)[hits["target"]])
    path = tmp_path_factory.mktemp("hits") / "s.hits.parquet"
    hits[FIELDS].to_parquet(path)
    test = parts["test"]
    blind = Part(test.ids, None, test.features, test.texts)
    labels = [{"id": f"L{i}", "name": f"label {i}"} for i in range(7)]
    return RunData(parts["train"], parts["valid"], blind, labels, "multi_label", hits=str(path)), test.targets


SEARCHED = {
    "kind": "sequence_search",
    "search": {"tool": "mmseqs", "evalue": 1e-3, "sensitivity": 7.5, "hits": 100, "coverage": 0.8},
    "scoring": "netgo",
    "top": [1, 10],
    "prior": [0.1, 0.9],
}


def own_search(data, part, top, prior):
    """Scores by dictionaries and loops."""
    hits, share = pd.read_parquet(data.hits), data.train.targets.mean(axis=0)
    place, rows = {name: at for at, name in enumerate(data.train.ids)}, []
    for name in part.ids:
        own = hits[hits["query"] == name].head(top)
        if len(own):
            weight = own["bits"].to_numpy()
            carried = weight @ data.train.targets[[place[t] for t in own["target"]]] / weight.sum()
            rows.append(prior * share + (1 - prior) * carried)
        else:
            rows.append(share)
    return np.array(rows)


def test_search_scores_and_its_choice(data, tmp_path):
    data, truth = data
    trained = models.KINDS["sequence_search"](data, SEARCHED, 0, tmp_path / "model", 0)
    figures = {}
    for top in (1, 10):
        for prior in (0.1, 0.9):
            valid = own_search(data, data.valid, top, prior)
            figures[top, prior] = average_precision_score(data.valid.targets, valid, average="macro")
    best = max(figures, key=figures.get)
    assert len(set(figures.values())) > 1
    np.testing.assert_allclose(trained.valid, own_search(data, data.valid, *best), atol=1e-6)
    np.testing.assert_allclose(trained.test, own_search(data, data.test, *best), atol=1e-6)
    chosen = read_json(tmp_path / "model" / "config.json")["chosen"]
    assert (chosen["top"], chosen["prior"]) == best
    assert chosen["pseudo"] == 0
    assert {(row["top"], row["prior"]): pytest.approx(row["label_auprc"]) for row in chosen["tried"]} == figures
    # Families are told apart; the label of no family is not.
    assert average_precision_score(truth[:, :6], trained.test[:, :6], average="macro") > 0.8
    np.testing.assert_allclose(trained.test[0], data.train.targets.mean(axis=0), rtol=1e-6)


def test_a_saved_search_scores_new_proteins_alike(data, tmp_path):
    data, _ = data
    trained = models.KINDS["sequence_search"](data, SEARCHED | {"pseudo": [50, 500]}, 0, tmp_path / "model", 0)
    assert read_json(tmp_path / "model" / "config.json")["chosen"]["pseudo"] in (50, 500)
    scores, evidence = load_transfer(tmp_path / "model").score(data.test.texts)
    np.testing.assert_allclose(scores, trained.test, atol=1e-6)
    hits = pd.read_parquet(data.hits)
    first = hits[hits["query"] == data.test.ids[1]]["target"].iloc[0]
    assert evidence[evidence["query"] == 1]["target"].iloc[0] == first
    assert set(evidence["target"]) <= set(data.train.ids)


def test_hits_of_another_split_are_refused(data, tmp_path):
    data, _ = data
    swapped = RunData(data.valid, data.train, data.test, data.labels, data.task, hits=data.hits)
    with pytest.raises(LexomeError, match="is no training example of this split"):
        transfer.sequence_search(swapped, SEARCHED, 0, tmp_path / "model", 0)
    with pytest.raises(LexomeError, match="only proteins have them"):
        transfer.sequence_search(RunData(*[data.valid] * 3, data.labels, data.task), SEARCHED, 0, tmp_path / "m", 0)


def test_a_choice_wants_valid_examples(data, tmp_path):
    data, _ = data
    empty = Part([], np.zeros((0, 7), dtype=np.uint8), np.zeros((0, 8), dtype=np.float32), [])
    bare = RunData(data.train, empty, data.test, data.labels, data.task, hits=data.hits)
    with pytest.raises(LexomeError, match="top, pseudo, prior: there is no valid example"):
        transfer.sequence_search(bare, SEARCHED, 0, tmp_path / "model", 0)
    trained = transfer.sequence_search(bare, SEARCHED | {"top": 5, "prior": 0.2}, 0, tmp_path / "model", 0)
    assert trained.valid.shape == (0, 7)
    assert trained.test.shape == (20, 7)
    assert transfer.knn(bare, {"k": 3, "kind": "knn"}, 0, tmp_path / "knn", 0).valid.shape == (0, 7)


def own_knn(cosine, targets, k, prior):
    rows = []
    for row in cosine:
        nearest = np.argsort(-row, kind="stable")[:k]
        weight = np.maximum(row[nearest], 0)
        carried = weight @ targets[nearest] / weight.sum()
        rows.append(prior * targets.mean(axis=0) + (1 - prior) * carried)
    return np.array(rows)


def test_nearest_vectors_are_those_of_scikit_learn(data, tmp_path):
    data, _ = data
    settings = {"kind": "knn", "backbone": "b", "layers": [1], "k": [2, 12], "prior": 0.1}
    trained = models.KINDS["knn"](data, settings, 0, tmp_path / "model", 0)
    mean, deviation = data.train.features.mean(axis=0), data.train.features.std(axis=0)
    standard = {part: (getattr(data, part).features - mean) / deviation for part in ("train", "valid", "test")}
    k = read_json(tmp_path / "model" / "config.json")["chosen"]["k"]
    scores = {}
    for count in (2, 12):
        cosine = cosine_similarity(standard["valid"], standard["train"])
        scores[count] = own_knn(cosine, data.train.targets, count, 0.1)
    figures = {c: average_precision_score(data.valid.targets, s, average="macro") for c, s in scores.items()}
    assert k == max(figures, key=figures.get)
    np.testing.assert_allclose(trained.valid, scores[k], atol=1e-5)
    cosine = cosine_similarity(standard["test"], standard["train"])
    np.testing.assert_allclose(trained.test, own_knn(cosine, data.train.targets, k, 0.1), atol=1e-5)
    again, _ = load_transfer(tmp_path / "model").score(data.test.texts, data.test.features)
    np.testing.assert_allclose(again, trained.test, atol=1e-6)
    with pytest.raises(LexomeError, match="reads embeddings"):
        load_transfer(tmp_path / "model").score(data.test.texts)


def test_kmers_of_proteins_are_vectors_too(data, tmp_path):
    data, _ = data
    trained = transfer.knn(data, {"kind": "knn", "kmer": 3, "k": 4}, 0, tmp_path / "model", 0)
    texts = data.train.texts + data.test.texts
    kmers = sorted({text[at : at + 3] for text in texts for at in range(len(text) - 2)})
    binary = np.array([[kmer in text for kmer in kmers] for text in texts], dtype=float)
    cosine = cosine_similarity(binary[60:], binary[:60])
    np.testing.assert_allclose(trained.test, own_knn(cosine, data.train.targets, 4, 0), atol=1e-5)
    again, evidence = load_transfer(tmp_path / "model").score(data.test.texts)
    np.testing.assert_allclose(again, trained.test, atol=1e-6)
    assert evidence["cosine"].iloc[0] == pytest.approx(cosine[0].max(), abs=1e-6)


def test_neighbours_come_in_blocks():
    rng = np.random.default_rng(0)
    queries, references = rng.normal(size=(10, 4)), rng.normal(size=(7, 4))
    blocks = list(transfer.neighbours(queries, references, 9, block=3))
    assert [index.shape for index, _ in blocks] == [(3, 7), (3, 7), (3, 7), (1, 7)]
    whole = queries @ references.T
    np.testing.assert_array_equal(np.concatenate([index for index, _ in blocks]), np.argsort(-whole, axis=1))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_rows_of_zeros_stay(make):
    rows = transfer.unit_rows(make(np.array([[3.0, 4.0], [0.0, 0.0]])))
    rows = rows.toarray() if sparse.issparse(rows) else rows
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)
