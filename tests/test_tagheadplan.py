"""Settings of networks that tag, as far as no schema sees them."""

import copy

import jsonschema
import pytest
import yaml

from lexome.tagheadplan import check_network

MODEL = {
    "kind": "tag_network",
    "backbone": "b",
    "heads": {
        "tags": {"type": "crf", "field": "category", "schema": "bio", "balance": 0.5, "hidden": [8]},
        "size": {"type": "multi_label", "field": "size", "weight": 0.5},
        "pairs": {"type": "link", "scheme": "link_only", "markers": True},
    },
    "entities": "tags",
    "links": "pairs",
    "training": {
        "learning_rate": 1e-4,
        "head_learning_rate": 1e-3,
        "layer_decay": 0.9,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "batch_size": 2,
        "epochs": 2,
        "warmup_ratio": 0.1,
        "max_length": 256,
        "stride": 64,
        "group_by_length": True,
        "monitor": "valid_link_f1",
    },
}


def without(name):
    return lambda model: model["heads"].pop(name)


def change(**values):
    return lambda model: model.update(values)


def train(**values):
    return lambda model: model["training"].update(values)


def head(name, **values):
    return lambda model: model["heads"].update({name: values})


@pytest.fixture(scope="module")
def schema(request):
    text = (request.config.rootpath / "config/schemas/models.schema.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["tag_network"]


def test_a_good_network_fits_schema_and_checks(schema):
    jsonschema.validate(MODEL, schema)
    assert check_network(MODEL, "m") == []


@pytest.mark.parametrize(
    ("mistake", "path"),
    [
        (head("tags", type="crf", scheme="link_only"), "tags"),
        (head("tags", type="link", field="category"), "tags"),
        (head("tags", type="crf", field="category", markers=True), "tags"),
        (head("Tags", type="crf", field="category"), "heads"),
        (train(stride=2), "stride"),
        (train(monitor="valid_word"), "monitor"),
        (change(frozen="yes"), "frozen"),
        (change(pool="mean"), None),
    ],
)
def test_the_schema_refuses(schema, mistake, path):
    model = copy.deepcopy(MODEL)
    mistake(model)
    with pytest.raises(jsonschema.ValidationError) as error:
        jsonschema.validate(model, schema)
    assert path is None or path in error.value.absolute_path


@pytest.mark.parametrize(
    ("mistakes", "message"),
    [
        (
            [change(entities="size")],
            "m.entities: 'size' is not a head of words .*; choose one of tags",
        ),
        ([change(links="tags")], "m.links: 'tags' is not a link head that tells linked entities; choose one of pairs"),
        (
            [without("tags"), lambda model: model.pop("entities")],
            "m.heads: nothing gives the entities that size is about",
        ),
        ([head("more", type="link", scheme="link_all")], "m.heads: either all link heads"),
        ([change(tagger="other")], "m.tagger: the network finds entities itself"),
        ([head("pairs", type="link", scheme="link_same_tag_only")], "m.links: 'pairs' is not a link head"),
        ([without("pairs"), lambda model: model.pop("links")], "m.training.monitor: valid_link_f1 needs a link head"),
        ([train(max_length=129)], "m.training.max_length: windows of 129 tokens cannot share 64 .*give 130 or more"),
    ],
)
def test_what_does_not_fit_is_told(mistakes, message):
    model = copy.deepcopy(MODEL)
    for mistake in mistakes:
        mistake(model)
    with pytest.raises(AssertionError, match=message):
        assert not check_network(model, "m"), "\n".join(check_network(model, "m"))
