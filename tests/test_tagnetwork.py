"""Networks that tag and link toy documents: they learn, go on after an interruption, are saved, and read long texts."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

import lexome.tagnetwork as module
from lexome import tagmetrics
from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.tagencoder import build_network, load_network
from lexome.tagloop import parameter_groups
from lexome.tagnetwork import judge, make_items, tag_network
from lexome.tagpredict import entity_head, read_words, tag_documents
from lexome.tagpredictors import load_tagger
from tagged_toys import CATEGORIES, FIELDS, TRAINING, make_data, make_part
from tiny_bert import make_backbone

BIO = {"type": "single_label", "field": "category", "schema": "bio"}
SIZE = {"type": "single_label", "field": "size"}
LINKS = {"type": "link", "scheme": "link_only"}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return make_backbone(tmp_path_factory.mktemp("tagnetwork") / "bert", dropout=0.0)


@pytest.fixture(scope="module")
def toys(backbone):
    return make_data(backbone)


def settings(heads, **changes):
    own = {key: changes.pop(key) for key in list(changes) if key not in TRAINING and key not in EXTRA}
    return {"kind": "tag_network", "backbone": "b", "heads": heads, "training": TRAINING | changes, **own}


EXTRA = ("head_learning_rate", "layer_decay", "max_grad_norm")


@pytest.mark.parametrize(
    "heads",
    [
        {"category": BIO, "size": SIZE, "links": LINKS},
        {"tags": {"type": "crf", "field": "category", "schema": "bio", "balance": 0.3}},
        {"tags": {"type": "multi_label", "field": "category", "schema": "bio"}, "size": SIZE | {"type": "multi_label"}},
    ],
    ids=["joint", "crf", "multi_label"],
)
def test_learns_a_toy_problem_and_is_loaded_again(toys, heads, tmp_path):
    data, truth = toys
    result = tag_network(data, settings(heads, epochs=7), 0, tmp_path / "model", 0)
    scores = tagmetrics.score(truth, result.test, result.test_given, fields=FIELDS)
    assert scores["entity_f1"] > 0.9
    assert all(0 < entity.score <= 1 for document in result.test for entity in document.entities)
    if "size" in heads:
        assert scores["size_word_f1"] > 0.8
    losses = [record["train_loss"] for record in result.history[:-1]]
    assert losses[-1] < losses[0] / 2
    assert result.history[-1] == {"event": "best", "epoch": 7}
    assert {"valid_loss", "valid_entity_f1", "valid_word_f1", "valid_word_bio_f1"} <= set(result.history[0])

    loaded = load_tagger(tmp_path / "model")
    assert loaded.tag(data.test.given) == [document.unlinked() for document in result.test]
    if "links" in heads:
        assert scores["link_f1"] > 0.9
        assert result.history[-2]["valid_link_f1"] > 0.9
        assert scores["joint_link_f1"] > 0.8
        assert [one.links for one in loaded.link(data.test.given)] == result.test_given
    else:
        assert loaded.link is None
        assert result.test_given is None


@pytest.fixture(scope="module")
def trained(toys, tmp_path_factory):
    """Folder of a model that finds entities."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    tag_network(toys[0], settings({"category": BIO}, epochs=7), 0, folder, 0)
    return folder


def test_the_saved_encoder_is_a_plain_model_of_transformers(trained):
    encoder = AutoModel.from_pretrained(trained / "encoder")
    tokenizer = AutoTokenizer.from_pretrained(trained / "encoder")
    assert encoder(**tokenizer("nucleus binding", return_tensors="pt")).last_hidden_state.shape == (1, 4, 16)
    assert "head_category.layers.1.weight" in load_file(trained / "heads.safetensors")


def test_an_interrupted_training_ends_like_a_whole_one(toys, tmp_path, monkeypatch):
    data, _ = toys
    chosen = settings({"category": BIO, "links": LINKS}, epochs=3, monitor="valid_loss")
    whole = tag_network(data, chosen, 3, tmp_path / "whole" / "model", 0)

    real, calls = module.judge, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "judge", killed)
    with pytest.raises(KeyboardInterrupt):
        tag_network(data, chosen, 3, tmp_path / "again" / "model", 0)
    assert not (tmp_path / "again/model").exists()
    again = tag_network(data, chosen, 3, tmp_path / "again" / "model", 0)
    # The second epoch was judged twice, and the first was not trained anew.
    assert len(calls) == 4
    one, other = (load_file(tmp_path / name / "model/heads.safetensors") for name in ("whole", "again"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    timeless = [
        [{key: value for key, value in record.items() if key != "seconds"} for record in result.history]
        for result in (whole, again)
    ]
    assert timeless[0] == timeless[1]
    assert again.test == whole.test


def test_checkpoints_of_other_documents_are_refused(toys, tmp_path):
    data, _ = toys
    chosen = settings({"category": BIO}, epochs=2)
    result = tag_network(data, chosen, 0, tmp_path / "model", 0)
    assert result.checkpoints.is_dir()
    other = dataclasses.replace(data, train=make_part(9, 20)[0])
    with pytest.raises(LexomeError, match="a run with other train"):
        tag_network(other, chosen, 0, tmp_path / "model", 0)
    shutil.rmtree(result.checkpoints)


def network(backbone, heads, **changes):
    torch.manual_seed(0)
    return build_network(backbone, settings(heads, **changes), CATEGORIES, FIELDS).eval()


def test_vectors_do_not_depend_on_what_else_is_read(backbone):
    net = network(backbone, {"category": BIO}, pooling="mean")
    encoded = [net.reader(document) for document in make_part(5, 9)[1]]
    together = dict(read_words(net, encoded))
    for at, one in enumerate(encoded):
        (alone,) = (states for _, states in read_words(net, [one]))
        torch.testing.assert_close(together[at], alone, atol=1e-5, rtol=1e-4)


def test_long_documents_are_tagged_from_end_to_end(trained):
    net = load_network(trained, torch.device("cpu"))
    _, long = make_part(7, 4, parts=(18, 25))
    assert all(len(net.reader(document).windows) > 4 for document in long)
    assert tagmetrics.score(long, tag_documents(net, long))["entity_f1"] > 0.85


def test_texts_without_words_have_no_entities(backbone):
    net = network(backbone, {"category": BIO})
    assert tag_documents(net, [Document("empty", ""), Document("blank", " \n")]) == [
        Document("empty", ""),
        Document("blank", " \n"),
    ]


def test_markers_are_a_second_reading(toys, backbone, tmp_path):
    data, truth = toys
    heads = {"category": BIO, "links": LINKS | {"markers": True}}
    net = network(backbone, heads)
    items = make_items(net, data.train)
    assert len(items) == 2 * sum(len(one.entities) > 1 for one in data.train.documents)
    assert all(bool(item.labels) != bool(item.pairs) for item in items)
    assert all(len(item.encoded) > len(item.encoded.words) for item in items if item.pairs)
    result = tag_network(data, settings(heads, epochs=6), 0, tmp_path / "model", 0)
    scores = tagmetrics.score(truth, result.test, result.test_given)
    assert scores["link_f1"] > 0.9
    loaded = load_tagger(tmp_path / "model")
    assert [one.links for one in loaded.link(data.test.given)] == result.test_given


def test_a_linker_alone_links_the_entities_of_a_tagger(toys, tmp_path):
    data, _ = toys
    tagged = {
        name: dataclasses.replace(getattr(data, name), tagged=[one.unlinked() for one in getattr(data, name).given])
        for name in ("valid", "test")
    }
    heads = {"links": {"type": "link", "scheme": "link_same_tag_and_link", "balance": 0.5}}
    result = tag_network(dataclasses.replace(data, **tagged), settings(heads, epochs=2), 0, tmp_path / "model", 0)
    assert [one.entities for one in result.test] == [one.entities for one in data.test.given]
    assert [one.links for one in result.test] == result.test_given
    alone = tag_network(data, settings(heads, epochs=1), 0, tmp_path / "alone", 0)
    assert alone.test is None
    assert load_tagger(tmp_path / "alone").tag is None


def test_same_tag_heads_cut_plain_runs(backbone, monkeypatch):
    heads = {
        "tags": {"type": "single_label", "field": "category"},
        "same": {"type": "link", "scheme": "link_same_tag_only"},
    }
    net = network(backbone, heads)
    document = Document("d", "w1 nucleus nucleus w2")
    monkeypatch.setattr(type(net.head("tags")), "runs", lambda self, logits: [("PART", 1, 3)])
    for chance, spans in ((0.2, [((3, 10),), ((11, 18),)]), (0.8, [((3, 18),)])):
        monkeypatch.setattr(
            type(net.head("same")), "chances", lambda self, logits, name, c=chance: np.full(len(logits), c)
        )
        (tagged,) = tag_documents(net, [document])
        assert [entity.spans for entity in tagged.entities] == spans


def test_valid_loss_is_the_weighted_sum_over_heads(toys, backbone):
    data, _ = toys
    told = {}
    for scale in (1.0, 3.0):
        net = network(backbone, {"category": BIO, "size": SIZE | {"weight": scale}})
        told[scale] = judge(net, make_items(net, data.valid), data.valid)["valid_loss"]
    alone = network(backbone, {"category": BIO, "size": SIZE})
    items = make_items(alone, data.valid)
    alone.scales["size"] = 0.0
    category = judge(alone, items, data.valid)["valid_loss"]
    assert told[3.0] - category == pytest.approx(3 * (told[1.0] - category), rel=1e-4)


def test_learning_rates_by_layer(backbone):
    net = network(backbone, {"tags": {"type": "crf", "field": "category", "schema": "bio"}})
    chosen = {"learning_rate": 1.0, "head_learning_rate": 7.0, "layer_decay": 0.5, "weight_decay": 0.1}
    rates = {
        id(weights): (group["lr"], group["weight_decay"])
        for group in parameter_groups(net.encoder, net.heads, chosen)
        for weights in group["params"]
    }
    layers = net.encoder.encoder.layer
    assert rates[id(layers[1].attention.self.query.weight)] == (1.0, 0.1)
    assert rates[id(layers[0].attention.self.query.weight)] == (0.5, 0.1)
    assert rates[id(layers[0].attention.self.query.bias)] == (0.5, 0.0)
    assert rates[id(net.encoder.embeddings.word_embeddings.weight)] == (0.25, 0.1)
    assert rates[id(net.head("tags").layers[1].weight)] == (7.0, 0.1)
    assert rates[id(net.head("tags").chain.transitions)] == (7.0, 0.0)
    assert id(net.encoder.pooler.dense.weight) not in rates


def test_frozen_encoders_stay_as_they_are(toys, backbone, tmp_path):
    before = network(backbone, {"category": BIO}).encoder.state_dict()
    tag_network(toys[0], settings({"category": BIO}, epochs=1, frozen=True), 0, tmp_path / "model", 0)
    after = AutoModel.from_pretrained(tmp_path / "model/encoder").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    net = network(backbone, {"category": BIO}, freeze=1)
    grown = {name for name, weights in net.encoder.named_parameters() if weights.requires_grad}
    assert grown
    assert all(name.startswith("encoder.layer.1.") for name in grown)


def test_settings_that_do_not_fit_are_refused(backbone, toys, tmp_path):
    with pytest.raises(LexomeError, match=r"heads.hue.field: .* no 'colour'; there are category, size"):
        network(backbone, {"hue": SIZE | {"field": "colour"}})
    with pytest.raises(LexomeError, match="add one"):
        entity_head(network(backbone, {"size": SIZE}))
    with pytest.raises(LexomeError, match="choose one of category"):
        entity_head(network(backbone, {"category": BIO, "size": SIZE}, entities="size"))
    with pytest.raises(LexomeError, match="all link heads have markers or none"):
        network(backbone, {"a": LINKS, "b": LINKS | {"markers": True}})
    with pytest.raises(LexomeError, match="has 32 positions"):
        network(backbone, {"category": BIO}, max_length=64)
    unlinked = dataclasses.replace(toys[0].train, links_known=[False] * len(toys[0].train.documents))
    with pytest.raises(LexomeError, match="train has no document"):
        tag_network(dataclasses.replace(toys[0], train=unlinked), settings({"links": LINKS}), 0, tmp_path / "m", 0)
