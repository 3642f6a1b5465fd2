"""What the config may ask of `tag_text`: which runs it means, and mistakes named by their key."""

import copy

import pytest

from lexome import tagtextplan
from lexome.errors import LexomeError
from lexome.settings import check, load_yaml

HEADS = {"tags": {"category": {"type": "single_label"}}, "links": {"pairs": {"type": "link"}}}
CONFIG = {
    "seeds": [0, 1],
    "studies": {
        "genes": {
            "prepare": {"rule": "functional_genomics"},
            "splits": {"official": {}},
            "trivial": "mentions",
            "models": {
                "mentions": {"kind": "mentions", "seeds": [0]},
                "net": {"kind": "tag_network", "heads": HEADS["tags"]},
                "joint": {"kind": "tag_network", "heads": HEADS["tags"] | HEADS["links"]},
                "pairs": {"kind": "tag_network", "heads": HEADS["links"], "tagger": "net"},
                "nearest": {"kind": "link_nearest", "seeds": [7]},
            },
        },
        "terms": {
            "prepare": {"rule": "concepts"},
            "splits": {"official": {}},
            "trivial": "names",
            "models": {
                "spans": {"kind": "words", "seeds": [3]},
                "names": {"kind": "concept_names", "seeds": [0]},
                "dense": {"kind": "concept_retrieval", "tagger": "spans"},
            },
        },
        "aspects": {
            "prepare": {"rule": "go_aspect"},
            "splits": {"official": {}},
            "trivial": "naive",
            "models": {"naive": {"kind": "frequency"}},
        },
    },
    "tag": {
        "study": "genes",
        "split": "official",
        "model": "net",
        "seed": "1",
        "linker": "pairs",
        "concepts": {"study": "terms", "split": "official", "model": "dense", "seed": 1},
    },
}


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


def run(study, model, seed):
    return {"study": study, "split": "official", "model": model, "seed": seed}


def test_the_runs_that_read_a_text(config):
    assert tagtextplan.check_tag(config) == []
    runs = tagtextplan.tag_settings(config)
    assert runs == [
        {"role": "tagger", **run("genes", "net", 1), "before": None, "beside": run("genes", "mentions", 0)},
        {"role": "linker", **run("genes", "pairs", 1), "before": None, "beside": run("genes", "nearest", 7)},
        {
            "role": "concepts",
            **run("terms", "dense", 1),
            "before": run("terms", "spans", 3),
            "beside": run("terms", "names", 0),
        },
    ]
    turn = [one["model"] for one in tagtextplan.models_in_turn(runs, "concepts")]
    assert turn == ["spans", "dense"]


def test_a_linker_with_a_single_seed_serves_every_tagger(config):
    config["tag"] |= {"linker": "nearest", "concepts": None}
    assert tagtextplan.check_tag(config) == []
    linker = tagtextplan.tag_settings(config)[1]
    assert linker["seed"] == 7
    assert linker["beside"] is None  # it is the plain one itself
    del config["tag"]["linker"], config["tag"]["concepts"]
    assert [one["role"] for one in tagtextplan.tag_settings(config)] == ["tagger"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "gens"}, "tag.study: 'gens' is not known; there are genes, terms, aspects"),
        ({"study": "aspects"}, "tag.study: 'aspects' does not look for entities; choose one of genes, terms"),
        ({"split": "random"}, "tag.split: 'random' is not a split of genes; there are official"),
        (
            {"model": "nearest"},
            "tag.model: 'nearest' finds no entities in a text; choose one of mentions, net, joint",
        ),
        ({"model": "pairs"}, "tag.model: 'pairs' finds no entities in a text; choose one of mentions, net, joint"),
        ({"seed": 2}, "tag.seed: net is not trained with seed 2; there are 0, 1"),
        ({"linker": "net"}, "tag.linker: 'net' links nothing; choose one of joint, pairs, nearest"),
        ({"linker": "far"}, "tag.linker: 'far' is not a model of genes; choose one of joint, pairs, nearest"),
        ({"model": "mentions", "seed": 0, "linker": "joint"}, None),
        (
            {"concepts": run("aspects", "naive", 0)},
            "tag.concepts.study: 'aspects' does not look for entities; choose one of genes, terms",
        ),
        (
            {"concepts": run("terms", "name", 0)},
            "tag.concepts.model: 'name' is not a model of terms; choose one of spans, names, dense",
        ),
        ({"concepts": run("terms", "names", 1)}, "tag.concepts.seed: names is not trained with seed 1; there are 0"),
    ],
)
def test_mistakes_name_their_key(config, change, message):
    config["tag"] |= change
    mistakes = tagtextplan.check_tag(config)
    if message is None:
        assert mistakes == []
    else:
        assert mistakes == [message]


def test_a_linker_has_to_be_trained_with_the_seed(config):
    config["studies"]["genes"]["models"]["joint"]["seeds"] = [4, 5]
    config["tag"]["linker"] = "joint"
    assert tagtextplan.check_tag(config) == ["tag.linker: joint is not trained with seed 1; there are 4, 5"]


def test_runs_have_to_be_among_those_of_their_split(config):
    """In cross-validation only some models are trained."""
    config["studies"]["genes"]["splits"]["cv1"] = {"models": ["mentions", "net"]}
    config["tag"] |= {"split": "cv1"}
    assert tagtextplan.check_tag(config) == ["tag.linker: pairs is not trained on cv1; choose one of official"]
    config["tag"] |= {"model": "joint", "linker": None}
    assert tagtextplan.check_tag(config) == ["tag.split: joint is not trained on cv1; choose one of official"]
    config["studies"]["genes"]["splits"]["cv1"]["models"].append("joint")
    config["tag"]["linker"] = "joint"
    assert tagtextplan.check_tag(config) == []
    # Nor is it held against a baseline that is not.
    assert [run["beside"] for run in tagtextplan.tag_settings(config) if run["role"] == "linker"] == [None]


def test_studies_that_are_off_are_named(config):
    studies = config["studies"]
    config["studies"] = {name: studies[name] for name in ("genes", "aspects")}
    with pytest.raises(LexomeError, match=r"config, tag\.concepts\.study: terms is off; switch it on"):
        tagtextplan.tag_settings(config)
    config["studies"] = {name: studies[name] for name in ("terms", "aspects")}
    with pytest.raises(LexomeError, match=r"config, tag\.study: genes is off; switch it on, or choose one of terms"):
        tagtextplan.tag_settings(config)
    config["tag"] = None
    assert tagtextplan.check_tag(config) == []
    with pytest.raises(LexomeError, match="config, tag: missing; say which run finds entities"):
        tagtextplan.tag_settings(config)


def test_where_results_go(config, tmp_path):
    assert tagtextplan.tagged_folder(config, "a/knockdown.txt") == "results/genes/official/tagged/knockdown"
    config["text"] = "my papers.jsonl.gz"
    assert tagtextplan.tagged_folder(config, "a/knockdown.txt") == "results/genes/official/tagged/my-papers"
    assert tagtextplan.tagged_folder({"tag": None}, "a/k.txt") == "results/tagged/k"


def test_texts_are_looked_at_before_anything_is_trained(tmp_path):
    folder = tmp_path / "papers"
    folder.mkdir()
    assert tagtextplan.check_text({}) == []
    assert "holds no file that ends in .txt" in tagtextplan.check_text({"text": str(folder)})[0]
    (folder / "a.txt").write_text("p53 acts.")
    assert tagtextplan.check_text({"text": str(folder)}) == []
    (folder / "{b}.txt").write_text("p53 acts.")
    assert "{b}.txt: Snakemake takes braces" in tagtextplan.check_text({"text": str(folder)})[0]
    (folder / "{b}.txt").write_bytes(b"caf\xe9")
    (folder / "{b}.txt").rename(folder / "c.txt")
    assert "c.txt, line 1: not UTF-8" in tagtextplan.check_text({"text": str(folder)})[0]
    assert "no file nowhere; give the path" in tagtextplan.check_text({"text": "nowhere"})[0]
    with pytest.raises(LexomeError, match="classify_text reads one; tag_text reads several"):
        tagtextplan.one_text({"text": str(folder)})
    tagtextplan.one_text({"text": str(folder / "a.txt")})


def test_the_schema_names_what_does_not_fit(request):
    whole = load_yaml(request.config.rootpath / "config/schemas/config.schema.yaml")
    schema = whole["properties"]["tag"]
    check(CONFIG["tag"], schema, "tag")
    check(CONFIG["tag"] | {"linker": None, "concepts": None}, schema, "tag")
    for change, message in (
        ({"likner": "x"}, "likner: unknown key"),
        ({"seed": "one"}, "seed: .*does not fit"),
        ({"concepts": {"study": "terms"}}, "concepts.split: missing"),
        ({"concepts": "names"}, "concepts: "),
    ):
        with pytest.raises(LexomeError, match=message):
            check(CONFIG["tag"] | change, schema, "tag")
