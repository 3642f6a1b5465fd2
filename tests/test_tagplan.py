"""Kinds of models belong to a task, and taggers to models that read what they found."""

import copy

import pytest

from lexome import tagging, tagplan, tagpredictors

HEADS = {"tags": {"type": "crf", "field": "category"}}
LINK = {"pairs": {"type": "link", "scheme": "link_only"}}
STUDY = {
    "prepare": {"rule": "functional_genomics"},
    "models": {
        "dictionary": {"kind": "mentions", "min_share": 0.2, "seeds": [0]},
        "network": {"kind": "tag_network", "heads": HEADS},
        "nearest": {"kind": "link_nearest", "tagger": "dictionary"},
        "classifier": {"kind": "link_features", "learner": "trees", "reach": 1, "tagger": "network"},
        "link_network": {"kind": "tag_network", "heads": LINK, "tagger": "network"},
    },
}
WHERE = "studies.papers"


@pytest.fixture
def study():
    return copy.deepcopy(STUDY)


def test_every_kind_is_known_everywhere():
    assert set(tagging.KINDS) == set(tagplan.KINDS) == set(tagpredictors.LOADERS)
    assert not set(tagplan.TAGGERS) & set(tagplan.LINKERS)


def test_a_good_study(study):
    assert tagplan.check_tagging(study, [0, 1], WHERE) == []


def whole(study):
    study["models"]["dictionary"]["kind"] = "tfidf"


def texts(study):
    study["prepare"] = {"rule": "texts"}
    study["models"] = {"dictionary": study["models"]["dictionary"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (whole, "studies.papers.models.dictionary.kind: 'tfidf' classifies whole examples"),
        (texts, "studies.papers.models.dictionary.kind: 'mentions' finds entities or links"),
        (
            lambda s: s["models"]["nearest"].update(tagger="dictionery"),
            "models.nearest.tagger: 'dictionery' is not a model of this study; choose one of dictionary, network",
        ),
        (
            lambda s: s["models"]["nearest"].update(tagger="classifier"),
            "models.nearest.tagger: 'classifier' does not find entities for another; choose one of dictionary, network",
        ),
        (
            lambda s: s["models"]["link_network"].update(tagger="link_network"),
            "models.link_network.tagger: 'link_network' does not find entities for another",
        ),
        (
            lambda s: s["models"]["network"].update(tagger="dictionary"),
            "models.classifier.tagger: 'network' reads those of 'dictionary' itself",
        ),
        (
            lambda s: s["models"]["dictionary"].update(seeds=[0, 2]),
            "models.nearest.tagger: dictionary is trained with 0, 2, nearest with 1 too",
        ),
        (
            lambda s: s["models"].update(bad={"kind": "concept_names"}),
            "models.bad.kind: 'concept_names' needs an ontology",
        ),
        (
            lambda s: s["models"].update(bad={"kind": "words", "chain": True, "c1": 1, "c2": 1, "C": 1}),
            "models.bad.C: a chain has c1 and c2; leave it out",
        ),
        (
            lambda s: s["models"].update(bad={"kind": "words", "chain": False, "c1": 1, "C": 1}),
            "models.bad.c1: without a chain there is C; leave it out",
        ),
    ],
)
def test_mistakes_name_their_key_and_the_mend(study, change, message):
    change(study)
    mistakes = tagplan.check_tagging(study, [0, 1], WHERE)
    assert any(message in line for line in mistakes), mistakes


def test_the_only_tagger_will_do(study):
    study["models"] = {"network": study["models"]["network"]}
    study["models"]["network"]["tagger"] = "network"
    (mistake,) = tagplan.check_tagging(study, [0], WHERE)
    assert mistake.endswith("there is none")


def test_seed_of_the_tagger(study):
    assert tagplan.tagger_seed(study, [0, 1], "nearest", 1) == 0
    assert tagplan.tagger_seed(study, [0, 1], "classifier", 1) == 1


def test_what_a_network_finds_goes_by_its_heads():
    tags, links = {"kind": "tag_network", "heads": HEADS}, {"kind": "tag_network", "heads": LINK}
    assert (tagplan.finds_entities(tags), tagplan.finds_links(tags)) == (True, False)
    assert (tagplan.finds_entities(links), tagplan.finds_links(links)) == (False, True)
    assert tagplan.finds_links({"kind": "link_all"})
    assert not tagplan.finds_links({"kind": "words"})
