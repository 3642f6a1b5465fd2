"""Kind `concept_retrieval`: nearest names in vectors, training on synonyms, mentions without a term, saved models."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.conceptretrieval import concept_retrieval, index_texts, synonym_pairs
from lexome.conceptvectors import Index, contrast, encode
from lexome.documents import Document, Entity
from lexome.embedding import load_backbone
from lexome.errors import LexomeError
from lexome.ontology import ROOTS, write_terms
from lexome.tagging import TagData, TagPart
from lexome.tagpredictors import load_tagger
from lexome.tokens import load_tokenizer
from tiny_bert import make_backbone

CC = "cellular_component"
N = 8
SETTINGS = {
    "kind": "concept_retrieval",
    "backbone": "tiny",
    "tagger": "words",
    "texts": ["name", "exact"],
    "training_mentions": False,
    "training": None,
    "threshold": None,
    "max_length": 12,
    "batch_tokens": 64,
}
TRAINING = {
    "texts": ["name", "exact"],
    "epochs": 40,
    "batch_size": 8,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "warmup_ratio": 0.1,
    "temperature": 0.1,
    "max_pairs": None,
}


def make_terms() -> pd.DataFrame:
    """Terms `w0` to `w7` with the synonyms `w8` to `w15`."""
    rows = [
        {
            "id": f"GO:{n:07d}",
            "name": f"w{n}",
            "namespace": CC,
            "definition": f"A w{n} of binding.",
            "obsolete": False,
            "synonyms": [{"text": f"w{n + N}", "scope": "exact"}],
            "parents": [{"id": ROOTS[CC], "relation": "is_a"}],
        }
        for n in range(N)
    ]
    rows.append({"id": ROOTS[CC], "name": CC, "namespace": CC, "definition": "", "obsolete": False})
    lists = {key: [] for key in ("replaced_by", "alt_ids", "subsets", "synonyms", "parents")}
    return pd.DataFrame([lists | row for row in rows]).sort_values("id", ignore_index=True)


def mention(name: str, word: str, concept: str | None, text: str | None = None) -> Document:
    text = text or f"nucleus {word} transport"
    start = text.index(word)
    fields = {} if concept is None else {"concept": concept}
    return Document(name, text, (Entity("T1", CC, ((start, start + len(word)),), fields),))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return make_backbone(tmp_path_factory.mktemp("backbones") / "tiny", dropout=0.0)


@pytest.fixture
def data(tmp_path, backbone):
    """Found mentions: the synonyms of the terms in valid and test, and words of no term."""
    write_terms(tmp_path / "go.parquet", make_terms())
    known = [mention(f"d{n}", f"w{n + N}", f"GO:{n:07d}") for n in range(N)]
    known.append(mention("d8", "binding", "NIL"))
    found = [replace(one, entities=tuple(replace(e, fields={}) for e in one.entities)) for one in known]
    valid = TagPart(known, [], [False] * len(known), found)
    test = TagPart([one.bare() for one in known], [], [False] * len(known), found)
    train = TagPart([mention("t", "w19", "GO:0000003")], [], [False])
    return TagData(train, valid, test, [CC], {}, str(backbone), str(tmp_path / "go.parquet"))


def concepts(documents) -> list[str]:
    return [one.fields["concept"] for document in documents for one in document.entities]


def test_mentions_are_named_by_their_synonyms_and_others_are_nil(data, tmp_path):
    result = concept_retrieval(data, SETTINGS, 0, tmp_path / "model", 0)
    assert concepts(result.test) == [*(f"GO:{n:07d}" for n in range(N)), "NIL"]
    for told, asked in zip(result.test, data.test.tagged, strict=True):
        assert [one.spans for one in told.entities] == [one.spans for one in asked.entities]
        assert all(0 <= one.score <= 1 for one in told.entities)


def test_training_on_synonyms_teaches_names_to_find_each_other(data, tmp_path, backbone):
    result = concept_retrieval(data, SETTINGS | {"training": TRAINING}, 0, tmp_path / "model", 0)
    assert result.history[-1]["train_loss"] < 0.2 < result.history[0]["train_loss"]
    tokenizer = load_tokenizer(backbone)
    right = {}
    for name, folder in (("before", backbone), ("after", tmp_path / "model" / "encoder")):
        model = load_backbone(folder, torch.device("cpu"))
        names, synonyms = (
            encode([f"w{n + shift}" for n in range(N)], model, tokenizer, 12, 64, torch.device("cpu"))
            for shift in (0, N)
        )
        right[name] = ((synonyms @ names.T).argmax(axis=1) == np.arange(N)).mean()
    assert right["after"] == 1 > right["before"]
    assert result.cost["trained_parameters"] > 0


def test_a_saved_model_names_what_a_tagger_found(data, tmp_path):
    result = concept_retrieval(data, SETTINGS | {"training": TRAINING | {"epochs": 2}}, 0, tmp_path / "model", 0)
    tag = load_tagger(tmp_path / "model").tag
    assert concepts(tag(data.test.tagged)) == concepts(result.test)


def test_own_spans_come_from_names(data, tmp_path):
    names = {
        "kind": "concept_names",
        "scopes": ["name", "exact"],
        "stem": False,
        "min_characters": 1,
        "training_mentions": False,
        "classifier": None,
        "threshold": 0.0,
    }
    settings = {key: value for key, value in SETTINGS.items() if key != "tagger"} | {"names": names}
    result = concept_retrieval(data, settings, 0, tmp_path / "model", 0)
    assert concepts(result.test) == [f"GO:{n:07d}" for n in range(N)]
    (told,) = load_tagger(tmp_path / "model").tag([Document("x", "transport of w3")])
    assert concepts([told]) == ["GO:0000003"]
    with pytest.raises(LexomeError, match="set `tagger`, or `names`"):
        concept_retrieval(data, settings | {"names": None}, 0, tmp_path / "other", 0)


def test_mentions_of_training_documents_go_before_names():
    train = [
        mention("a", "w9", "GO:0000005"),
        mention("b", "w9", "GO:0000005"),
        mention("c", "w9", "GO:0000002"),
        mention("d", "w19", "NIL"),
    ]
    told = {text: concept for text, concept, _ in index_texts(make_terms(), ["name", "exact"], [CC], train)}
    assert told["w9"] == "GO:0000005"
    assert told["w8"] == "GO:0000000"
    assert "w19" not in told
    with_definitions = index_texts(make_terms(), ["name", "definition"], [CC], [])
    assert ("A w3 of binding.", "GO:0000003", CC) in with_definitions


def test_pairs_are_of_one_term_each_and_at_most_as_many_as_asked():
    entries = index_texts(make_terms(), ["name", "exact"], [CC], [])
    pairs = synonym_pairs(entries, None, 0)
    assert sorted(pairs) == sorted((f"w{n}", f"w{n + N}", f"GO:{n:07d}") for n in range(N))
    assert len(synonym_pairs(entries, 3, 0)) == 3
    assert set(synonym_pairs(entries, 3, 0)) <= set(pairs)


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 9))
def test_the_nearest_is_that_of_a_loop_over_the_own_category(seed, n, m):
    rng = np.random.default_rng(seed)
    names, queries = (rng.normal(size=(size, 3)).astype(np.float32) for size in (n, m))
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    own, wanted = rng.choice(["p", "c"], n).tolist(), rng.choice(["p", "c"], m).tolist()
    concepts_, cosines = Index([str(k) for k in range(n)], own, names).nearest(queries, wanted)
    for query, category, concept, cosine in zip(queries, wanted, concepts_, cosines, strict=True):
        rivals = [(float(name @ query), str(k)) for k, name in enumerate(names) if own[k] == category]
        if rivals:
            assert cosine == pytest.approx(max(rivals)[0], abs=1e-6)
            assert cosine == pytest.approx({k: c for c, k in rivals}[concept], abs=1e-6)
        else:
            assert (concept, cosine) == (None, -1)


def test_contrast_is_the_cross_entropy_without_other_names_of_the_own_term():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 4, 3))
    concept = [0, 1, 0, 2]
    same = torch.tensor([[one == other for other in concept] for one in concept])
    losses = []
    for one, other in ((left, right), (right, left)):
        for row in range(4):
            rivals = [k for k in range(4) if k == row or concept[k] != concept[row]]
            logits = np.array([one[row] @ other[k] / 0.5 for k in rivals])
            losses.append(np.log(np.exp(logits).sum()) - logits[rivals.index(row)])
    told = contrast(torch.from_numpy(left), torch.from_numpy(right), same, 0.5)
    assert told.item() == pytest.approx(np.mean(losses))
