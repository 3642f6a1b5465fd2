"""Links between entities: places, baselines, and a classifier that beats them."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from lexome.documents import Document, Entity, Link, linked_pairs
from lexome.errors import LexomeError
from lexome.linkfeatures import THRESHOLDS, best_threshold, fit_logistic, leave_out
from lexome.linkpairs import PairFeatures, all_pairs, lay_out, near_pairs, nearest_pairs
from lexome.runtime import read_json
from lexome.tagging import KINDS
from lexome.tagpredictors import load_tagger
from lexome.trees import flatten, probabilities
from tagging_data import CATEGORIES, part, tag_data, truth

TEXT = "Loss of A and B reduced growth and death. C rose. More growth."
PLACES = {"P0": ("ACT", "Loss of A"), "P1": ("ACT", "B"), "E0": ("EFFECT", "reduced"), "H0": ("PHENOTYPE", "growth")}
PLACES |= {"H1": ("PHENOTYPE", "death"), "E1": ("EFFECT", "rose"), "H2": ("PHENOTYPE", "More growth")}


def example():
    entities = []
    for name, (category, mention) in PLACES.items():
        start = TEXT.index(mention)
        entities.append(Entity(name, category, ((start, start + len(mention)),)))
    return Document("d", TEXT, tuple(entities))


def names(document, pairs):
    return {frozenset((document.entities[one].id, document.entities[other].id)) for one, other in pairs}


def sets(*pairs):
    return {frozenset(pair.split()) for pair in pairs}


def test_layout():
    layout = lay_out(example())
    assert layout.sentences.tolist() == [0, 0, 0, 0, 0, 1, 2]
    assert layout.n_sentences == 3
    order = list(PLACES)
    assert layout.distance(order.index("P0"), order.index("E0")) == 2
    assert layout.distance(order.index("H1"), order.index("P0")) == 5
    assert layout.distance(order.index("P1"), order.index("E0")) == 0


def test_pairs():
    document = example()
    layout = lay_out(document)
    by_hand = {frozenset((one, other)) for one, other in combinations(PLACES, 2) if PLACES[one][0] != PLACES[other][0]}
    assert names(document, all_pairs(document.entities)) == by_hand
    near = names(document, near_pairs(document, layout, 0))
    assert near == sets("P0 E0", "P0 H0", "P0 H1", "P1 E0", "P1 H0", "P1 H1", "E0 H0", "E0 H1")
    # H1 is no one's nearest, but has nearest ones itself; P0's nearest effect is E0, though E0 prefers P1.
    assert names(document, nearest_pairs(document, layout)) == near - sets("P0 H1")
    assert nearest_pairs(Document("e", ""), lay_out(Document("e", ""))) == []


def test_features_do_not_depend_on_the_order_of_entities():
    document = example()
    turned = dataclasses.replace(document, entities=document.entities[::-1])
    describe, last = PairFeatures(CATEGORIES, [("act", "rnai")]), len(document.entities) - 1
    pairs = near_pairs(document, lay_out(document), 1)
    rows = describe(document, lay_out(document), pairs)
    other = describe(turned, lay_out(turned), [(last - two, last - one) for one, two in pairs])
    np.testing.assert_array_equal(rows, other)
    assert len(np.unique(rows, axis=0)) > len(pairs) / 2


def test_flat_trees_say_what_scikit_learn_says():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5)).astype(np.float32)
    classes = (features[:, 0] + features[:, 1] > 0).astype(int)
    forest = ExtraTreesClassifier(7, min_samples_leaf=3, random_state=0).fit(features, classes)
    others = rng.normal(size=(50, 5)).astype(np.float32)
    np.testing.assert_allclose(
        probabilities(flatten(forest), others), forest.predict_proba(others)[:, 1], rtol=0, atol=1e-6
    )


def test_trees_need_two_classes():
    forest = ExtraTreesClassifier(2, random_state=0).fit(np.zeros((4, 1)), [0, 1, 2, 1])
    with pytest.raises(ValueError, match="classes 0 and 1"):
        flatten(forest)


def test_logistic_weights_are_of_plain_features():
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    features = rng.normal(3, 5, size=(80, 3)) * [1, 10, 0]
    classes = (features[:, 0] > 3).astype(int)
    arrays = fit_logistic(features, classes, 0)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500)).fit(features, classes)
    found = expit(features @ arrays["weights"] + arrays["intercept"])
    np.testing.assert_allclose(found, oracle.predict_proba(features)[:, 1], atol=1e-3)


def test_best_threshold_by_trying_all():
    rng = np.random.default_rng(1)
    chances, linked = rng.random(60), rng.integers(0, 2, 60)
    total = int(linked.sum()) + 4

    def f1(threshold):
        said = chances >= threshold
        return 2 * (linked[said] == 1).sum() / (said.sum() + total)

    threshold, score = best_threshold(chances, linked, total)
    assert score == pytest.approx(max(map(f1, THRESHOLDS)))
    assert f1(threshold) == pytest.approx(score)
    assert best_threshold(chances, np.zeros(60), 0) == (0.5, 0.0)


def test_leaving_out_keeps_links_of_what_stays():
    document = truth("test")[0]
    assert linked_pairs(leave_out(document, 0.0, np.random.default_rng(0))) == linked_pairs(document)
    some = leave_out(document, 0.4, np.random.default_rng(0))
    kept = {entity.id for entity in some.entities}
    assert 0 < len(kept) < len(document.entities)
    assert linked_pairs(some) == {pair for pair in linked_pairs(document) if pair <= kept}


def f1(documents, links):
    right = said = true = 0
    for document, own in zip(documents, links, strict=True):
        found = linked_pairs(dataclasses.replace(document, links=own))
        right, said, true = (
            right + len(found & linked_pairs(document)),
            said + len(found),
            true + len(linked_pairs(document)),
        )
    return 2 * right / (said + true)


def scored(documents, share, seed):
    """What a tagger might have found: some of the entities, each with a score."""
    rng = np.random.default_rng(seed)
    found = []
    for document in documents:
        some = leave_out(document, share, rng).unlinked()
        entities = tuple(dataclasses.replace(entity, score=0.9) for entity in some.entities)
        found.append(dataclasses.replace(some, entities=entities))
    return found


@pytest.fixture(scope="module")
def behind_tagger():
    data = tag_data()
    tagged = {name: scored(truth(name), 0.2, 3) for name in ("valid", "test")}
    parts = {name: dataclasses.replace(getattr(data, name), tagged=found) for name, found in tagged.items()}
    return dataclasses.replace(data, **parts)


SETTINGS = {
    "link_all": {"kind": "link_all"},
    "link_nearest": {"kind": "link_nearest"},
    "logistic": {"kind": "link_features", "learner": "logistic", "reach": 0},
    "trees": {"kind": "link_features", "learner": ["trees", "logistic"], "reach": 1},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, behind_tagger):
    folder = tmp_path_factory.mktemp("linkers")
    return {
        name: (KINDS[entry["kind"]](behind_tagger, entry, 0, folder / name, 0), folder / name)
        for name, entry in SETTINGS.items()
    }


def test_classifiers_beat_the_baselines(trained):
    scores = {name: f1(truth("test"), result.test_given) for name, (result, _) in trained.items()}
    assert scores["link_all"] < scores["link_nearest"] < 0.95
    assert min(scores["logistic"], scores["trees"]) > 0.97
    config = read_json(trained["trees"][1] / "config.json")
    assert [trial["learner"] for trial in config["trials"]] == ["trees", "logistic"]
    assert set(config["thresholds"]) == {"given", "found"}


@pytest.mark.parametrize("name", SETTINGS)
def test_saved_linkers_say_the_same(name, trained, behind_tagger):
    result, folder = trained[name]
    linker = load_tagger(folder)
    assert [one.links for one in linker.link(behind_tagger.test.given)] == result.test_given
    assert linker.link(behind_tagger.test.tagged) == result.test
    assert linker.tag is None
    assert linker.link([Document("empty", "")])[0].links == ()


@pytest.mark.parametrize("name", SETTINGS)
def test_links_are_of_entities_that_are_there(name, trained, behind_tagger):
    for before, after in zip(behind_tagger.test.tagged, trained[name][0].test, strict=True):
        assert after.entities == before.entities
        assert {member for link in after.links for member in link.members} <= {one.id for one in before.entities}


def test_without_a_tagger_nothing_is_linked_from_end_to_end(tmp_path):
    result = KINDS["link_features"](tag_data(), SETTINGS["logistic"], 0, tmp_path / "m", 0)
    assert (result.valid, result.test) == (None, None)
    assert set(read_json(tmp_path / "m" / "config.json")["thresholds"]) == {"given"}


def test_links_of_test_are_not_read(tmp_path, trained, behind_tagger):
    planted = part("c", 10, 2)
    shown = dataclasses.replace(behind_tagger.test, documents=planted.documents)
    result = KINDS["link_features"](
        dataclasses.replace(behind_tagger, test=shown), SETTINGS["logistic"], 0, tmp_path / "m", 0
    )
    assert result.test_given == trained["logistic"][0].test_given


def test_documents_without_known_links_do_not_teach(tmp_path):
    data = tag_data()
    wrong = [
        dataclasses.replace(one, id=f"x{one.id}", links=(Link("L0", (one.entities[0].id, one.entities[-1].id)),))
        for one in data.train.documents
    ]
    more = dataclasses.replace(
        data.train, documents=[*data.train.documents, *wrong], links_known=[True] * 30 + [False] * 30
    )
    plain, other = (
        KINDS["link_features"](one, SETTINGS["logistic"], 0, tmp_path / "m", 0)
        for one in (data, dataclasses.replace(data, train=more))
    )
    assert plain.test_given == other.test_given
    bare = dataclasses.replace(data.train, documents=[one.unlinked() for one in data.train.documents])
    with pytest.raises(LexomeError, match="annotated for links"):
        KINDS["link_features"](dataclasses.replace(data, train=bare), SETTINGS["logistic"], 0, tmp_path / "m", 0)
