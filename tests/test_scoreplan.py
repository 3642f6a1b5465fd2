"""The keys of `score_variants` are checked before anything is trained, and mistakes name them."""

import copy
import gzip

import pytest

from lexome import plan
from lexome.errors import LexomeError
from lexome.scoreplan import check_score, score_settings, source_name, variants_folder
from lexome.settings import check, load_yaml

STUDIES = {
    "tf": {
        "prepare": {"rule": "tf_binding"},
        "splits": {"random": {}},
        "models": {"conv": {"kind": "network"}, "bn": {"kind": "network", "seeds": [3]}, "kmer": {"kind": "kmer"}},
    },
    "texts": {"prepare": {"rule": "texts"}, "splits": {"random": {}}, "models": {"conv": {"kind": "tfidf"}}},
}
RUN = {"study": "tf", "split": "random", "model": "conv", "seed": 0}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "s.fa").write_text("\ufeff>a\nACGT\n", encoding="utf-8")
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(b">1\nACGT\n"))
    (tmp_path / "v.vcf.gz").write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n"))
    return {"studies": copy.deepcopy(STUDIES), "seeds": [0, 1], "score": dict(RUN)}


def test_good_settings(config, tmp_path):
    assert check_score(config) == []
    assert check_score(config | {"fasta": str(tmp_path / "s.fa")}) == []
    both = {"vcf": str(tmp_path / "v.vcf.gz"), "genome": str(tmp_path / "g.fa.gz")}
    assert check_score(config | both) == []
    # A genome that stays in the config for VCF files to come is not looked at.
    assert check_score(config | {"genome": "elsewhere.fa"}) == []
    config["score"] |= {"model": "bn", "seed": "3"}
    assert check_score(config) == []
    assert score_settings(config)["seed"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "tff"}, r"score\.study: 'tff' is not known; there are tf, texts"),
        ({"study": "texts"}, r"score\.study: 'texts' is not of binding to DNA; choose one of tf$"),
        ({"split": "time"}, r"score\.split: 'time' is not a split of tf; there are random"),
        ({"model": "kmer"}, r"score\.model: 'kmer' is no model of the kind network of tf; choose one of conv, bn"),
        ({"model": "cnn"}, r"score\.model: 'cnn' is not a model of tf"),
        ({"seed": 2}, r"score\.seed: conv is not trained with seed 2; there are 0, 1"),
        ({"model": "bn"}, r"score\.seed: bn is not trained with seed 0; there are 3"),
    ],
)
def test_runs_that_cannot_score(config, change, message):
    config["score"] |= change
    (mistake,) = check_score(config)
    with pytest.raises(LexomeError, match=message):
        raise LexomeError(mistake)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"fasta": "s.fa", "vcf": "v.vcf.gz", "genome": "g.fa.gz"}, "fasta, vcf: give one of them"),
        ({"vcf": "v.vcf.gz"}, "genome: missing; a VCF file needs"),
        ({"fasta": "none.fa"}, "fasta: no file .*none.fa; give the path from the folder"),
        ({"vcf": "v.vcf.gz", "genome": "none.fa"}, "genome: no file"),
        ({"fasta": "v.vcf.gz"}, "fasta: .*v.vcf.gz, line 1: a FASTA file begins with"),
        ({"vcf": "s.fa", "genome": "g.fa.gz"}, "vcf: .*s.fa, line 1: a VCF file begins with"),
        ({"vcf": "v.bcf", "genome": "g.fa.gz"}, "vcf: .*v.bcf is BCF; convert it: bcftools view"),
        ({"fasta": "empty"}, "fasta: .*empty, line 1: a FASTA file"),
        ({"fasta": "cut.gz"}, r"fasta: .*cut.gz cannot be read \("),
        ({"fasta": "{a}.fa"}, "fasta: .*Snakemake takes braces in a path for wildcards; rename the file"),
    ],
)
def test_files_that_are_not_what_they_should_be(config, keys, message, tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b">a\nACGT\n")[:12])
    (tmp_path / "v.bcf").write_bytes(gzip.compress(b"BCF\x02\x02"))
    (tmp_path / "{a}.fa").write_text(">a\nA\n")
    (mistake,) = check_score(config | {key: str(tmp_path / name) for key, name in keys.items()})
    with pytest.raises(LexomeError, match=message):
        raise LexomeError(mistake)


def test_a_run_must_be_named_and_on(config):
    config["score"] = None
    assert check_score(config) == []
    with pytest.raises(LexomeError, match="config, score: missing; say which run"):
        score_settings(config)
    config |= {"score": RUN, "studies": {"texts": STUDIES["texts"]}}
    with pytest.raises(LexomeError, match=r"score\.study: tf is off; switch it on \(so is every other study of DNA\)"):
        score_settings(config)
    config["studies"]["gue"] = STUDIES["tf"]
    with pytest.raises(LexomeError, match=r"tf is off; switch it on, or choose one of gue"):
        score_settings(config)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/my.variants.vcf.gz", "my.variants"),
        ("x.VCF.BGZ", "x"),
        ("seqs.fa", "seqs"),
        ("My seqs (2).fasta", "My-seqs-2"),
        ("..fa", "variants"),
    ],
)
def test_names_of_results(path, name):
    assert source_name(path) == name


def test_folder_of_results():
    assert variants_folder({}, "a/sites.fa") == "results/variants/sites"
    assert variants_folder({"score": RUN, "fasta": "b.fa"}, "a.fa") == "results/tf/random/variants/b"
    assert variants_folder({"score": RUN, "vcf": "c.vcf.gz"}, "a.fa") == "results/tf/random/variants/c"


def test_the_schema_knows_the_keys(request):
    schema = load_yaml(request.config.rootpath / "config/schemas/config.schema.yaml")
    rest = {key: {} for key in ("studies", "seeds", "bootstrap")}
    parts = {
        "type": "object",
        "properties": {key: schema["properties"][key] for key in ("fasta", "vcf", "genome", "score")},
    }
    assert set(rest) == set(schema["required"])
    check({"fasta": None, "vcf": "a.vcf", "genome": None, "score": RUN}, parts, "config")
    with pytest.raises(LexomeError, match=r"score\.sead: unknown key.*seed"):
        check({"score": RUN | {"sead": 1}}, parts, "config")
    with pytest.raises(LexomeError, match=r"score\.seed: .*one of the model's seeds"):
        check({"score": RUN | {"seed": "one"}}, parts, "config")


def test_mistakes_come_with_those_of_the_whole_config(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    config = load_yaml("tests/config/config.yaml") | {"vcf": "no.vcf", "score": RUN | {"study": "gone"}}
    with pytest.raises(LexomeError, match=r"(?s)genome: missing.*vcf: no file no\.vcf.*score\.study: 'gone'"):
        plan.check_workflow(config, plan.load_registries("config", config), "config/schemas")
