"""The whole workflow on the tiny config: it runs, repeats, resumes, and reruns what an edit touches."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lexome.runtime import read_json

ROOT = Path(__file__).parent.parent
CONFIG = "tests/config/config.yaml"


def snakemake(folder, *arguments, check=True, config=CONFIG):
    """Run snakemake in a folder; its output comes back."""
    environment = {k: v for k, v in os.environ.items() if k != "LEXOME_MIRROR"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["snakemake", "--cores", "2", f"--configfile={config}", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return done


def copy_repository(folder):
    """A copy of what git would clone, with uncommitted edits."""
    for name in ("Snakefile", "rules", "scripts", "config", "envs", "profiles", "resources", "tests"):
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "data", "backbones", ".partial")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the workflow ran once; its screen output."""
    folder = tmp_path_factory.mktemp("workflow")
    copy_repository(folder)
    return folder, snakemake(folder)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in (folder / "results").rglob("*") if p.is_file()}


def test_ends_with_the_report_and_how_good_the_models_are(finished):
    folder, done = finished
    studies = yaml.safe_load((ROOT / CONFIG).read_text())["studies"].values()
    told = sum(len(study["splits"]) for study in studies)  # a line each, all folds together
    lines = done.stdout.strip().splitlines()[-1 - told :]
    assert any(str(folder / "results" / "report.html") in line for line in lines)
    assert any("from_gaf" in line and "naive" in line for line in lines)
    page = (folder / "results" / "report.html").read_text()
    assert "Tiny protein function, CAFA files" in page
    assert not list(folder.rglob("*.tmp"))


def test_comparison_is_complete(finished):
    table = pd.read_csv(finished[0] / "results/from_gaf/random/comparison.tsv", sep="\t")
    assert list(table.columns) == [
        *("study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"),
    ]
    measured = table[table["source"] == "measured"]
    known = {"coin_flip", "naive", "logistic", "mlp", "mmseqs", "neighbours", "ensemble"}
    assert set(measured["model"]) == known
    assert {"fmax", "weighted_fmax", "smin", "ontology_term_auprc"} <= set(measured["metric"])
    assert {"valid", "test"} <= set(measured["subset"])
    # Distant test examples are fewer than ten here, and so have no interval.
    headline = measured[(measured["metric"] == "term_auprc") & (measured["subset"] != "test_distant")]
    assert (headline["low"] <= headline["value"]).all()
    assert (headline["value"] <= headline["high"]).all()
    assert set(measured.loc[measured["model"] == "logistic", "seeds"]) == {2}


def test_labels_and_leakage_come_from_train(finished):
    folder = finished[0] / "results/from_gaf/splits"
    labels = read_json(folder / "random.labels.json")["labels"]
    assert len(labels) >= 8
    assert min(label["n_train"] for label in labels) >= 5
    leakage = read_json(folder / "random.leakage.json")
    # Identical sequences share a group, so none can be parted.
    assert leakage["subsets"]["test"]["identical"] == 0


def test_no_protein_of_a_cluster_split_is_near_to_train(finished):
    folder = finished[0] / "results/from_gaf/splits"
    identity = pd.read_parquet(folder / "cluster.identity.parquet")
    assert len(identity)
    assert not (identity["nearest_identity"] >= 0.3).any()
    assert set(pd.read_parquet(folder / "cluster.parquet")["subset"]) == {"train", "valid", "test"}


def test_proteins_of_ones_own_are_annotated(finished, tmp_path):
    query = tmp_path / "mine.fasta"
    # Longer than the tiny backbone reads at once, unknown residues, and a record without any.
    query.write_text(">long\n" + "MKVLAGHEWT" * 40 + "\n>short\nMKXXV\n>empty\n\n")
    snakemake(finished[0], "annotate", "putative", "--config", f"query={query}")
    (folder,) = (finished[0] / "results/from_gaf/random/interpret/mlp/seed0/annotate").iterdir()
    told = pd.read_csv(folder / "predictions.tsv", sep="\t", header=None, names=["id", "term", "score"])
    assert set(told["id"]) == {"long", "short"}
    assert told["score"].between(0, 1, inclusive="right").all()
    skipped = pd.read_csv(folder / "skipped.tsv", sep="\t").set_index("id")["what"]
    assert skipped.to_dict() == {"short": "noted", "empty": "skipped"}
    assert (folder.parent.parent / "putative" / "putative.tsv").is_file()


def test_a_head_on_random_weights_beats_chance(finished):
    table = pd.read_csv(finished[0] / "results/from_gaf/random/comparison.tsv", sep="\t")
    rows = table[(table["subset"] == "test") & (table["metric"] == "term_auprc")].set_index("model")["value"]
    assert rows["mlp"] > rows["naive"]


def test_a_second_run_has_nothing_to_do(finished):
    done = snakemake(finished[0])
    assert "Nothing to be done" in done.stdout + done.stderr


def test_an_edit_to_the_library_reruns_what_uses_it(finished):
    module = finished[0] / "scripts" / "lexome" / "evaluation.py"
    text = module.read_text()
    module.write_text(text + "# edited\n")
    done = snakemake(finished[0], "--dry-run", "--quiet", "rules")
    module.write_text(text)
    output = done.stdout + done.stderr
    assert "evaluate_model" in output
    assert "embed_sequences" not in output
    assert "train_model" not in output


def test_snakemakes_own_report(finished):
    folder = finished[0]
    snakemake(folder, "--report", "own.html")
    page = (folder / "own.html").read_text()
    assert "comparison" in page


def test_a_text_is_classified_by_a_trained_run(finished, tmp_path):
    paper = tmp_path / "my paper.txt"
    paper.write_text("The binding of DNA. Fig. 2 shows a process of the cell.\n\nA part of the nucleus.\n")
    done = snakemake(finished[0], "classify_text", "--config", f"text={paper}")
    folder = next((finished[0] / "results/texts/official/classified").iterdir())
    table = pd.read_csv(folder / "sentences.tsv", sep="\t", dtype=str)
    assert list(table["sentence"])[:3] == [
        *("The binding of DNA.", "Fig. 2 shows a process of the cell.", "A part of the nucleus."),
    ]
    assert str(folder / "text.html") in done.stdout
    assert {path.name for path in folder.iterdir()} >= {"sentences.xlsx", "text.html", "shares.svg", "summary.txt"}
    assert "train_model" not in done.stdout + done.stderr  # the run was there


def test_a_text_is_tagged_by_trained_runs(finished, tmp_path):
    paper = tmp_path / "my paper.txt"
    paper.write_text("Loss of RAS slowed autophagy in mice.\n")
    done = snakemake(finished[0], "tag_text", "--config", f"text={paper}")
    folder = next((finished[0] / "results/papers/official/tagged").iterdir())
    assert str(folder / "document.html") in done.stdout
    assert "train_model" not in done.stdout + done.stderr
    told = read_json(folder / "document.json")["documents"][0]
    for entity in told["entities"]:
        (start, end), *_ = entity["spans"]
        assert paper.read_text()[start:end] == entity["words"]
    assert {path.name for path in folder.iterdir()} >= {"document.jsonl", "entities.tsv", "links.tsv", "summary.txt"}


def test_runs_are_registered_and_compared(finished):
    folder = finished[0] / "results"
    runs = pd.read_parquet(folder / "runs.parquet")
    assert set(runs["study"]) == {path.parent.name for path in folder.glob("*/examples.parquet")}
    snakemake(finished[0], "analyse", "--config", "runs=papers/official/mentions,papers/official/network")
    page = next((folder / "analysis").rglob("analysis.html")).read_text()
    assert "mentions" in page
    assert "network" in page


def test_an_adapted_backbone_saw_no_text_that_its_models_are_judged_on(finished):
    folder = finished[0] / "results"
    assignment = pd.read_parquet(folder / "texts/splits/official.parquet")
    examples = pd.read_parquet(folder / "texts/examples.parquet").set_index("id")
    corpus = set(pd.read_parquet(folder / "backbones/tiny_adapted.corpus.parquet")["text"])
    texts = assignment.assign(text=examples.loc[assignment["id"], "text"].to_numpy())
    assert corpus
    assert corpus <= set(texts.loc[texts["subset"] == "train", "text"])
    assert not corpus & set(texts.loc[texts["subset"] != "train", "text"])
    told = read_json(folder / "backbones/tiny_adapted.adaptation.json")["perplexity"]["valid"]
    assert told["before"]["value"] > 1


def test_the_explained_run_stands_in_the_report(finished):
    folder = finished[0] / "results"
    verdict = read_json(folder / "texts/official/interpret/native/seed0/deletion.json")["verdict"]
    page = (folder / "report.html").read_text()
    assert verdict.split(";")[0].split(":")[0] in page
    assert 'href="texts/official/interpret/native/seed0/attention.html"' in page


def test_the_explained_dna_network_has_its_files_and_stands_in_the_report(finished):
    folder = finished[0] / "results/binding/random/interpret/conv/seed0"
    rows = pd.read_parquet(folder / "sequences.parquet")
    assert set(rows["factor"]) == {"ONE", "TWO"}
    assert rows["shown"].sum() == 8  # two bound and two unbound ones of each factor
    with np.load(folder / "attributions.npz") as arrays:
        methods = set(arrays)
        assert {array.shape for array in arrays.values()} == {(len(rows), 60, 4)}
    with np.load(folder / "attention.npz") as arrays:
        assert arrays["attention"].shape[:2] == (8, 2)
    scores = pd.read_csv(folder / "attribution_scores.tsv", sep="\t")
    assert set(scores["method"]) == methods | {"pwm", "random"}
    assert scores["value"].between(0, 1).all()
    assert set(read_json(folder / "convergence.json")) == {"integrated_gradients", "deeplift_shap"}
    # Motifs are found in more sequences than these, but known ones are planted.
    assert "consensus" in pd.read_csv(folder / "motifs.tsv", sep="\t")
    assert {"ONE", "TWO"} <= set(pd.read_csv(folder / "marginal.tsv", sep="\t")["implant"])
    pictures = ("heatmaps", "zooms", "logos", "attention_maps", "attribution_scores", "motifs", "marginal")
    for name in (*(f"{picture}.svg" for picture in pictures), "heatmaps_all.pdf"):
        assert (folder / name).stat().st_size > 500, name
    page = (finished[0] / "results/report.html").read_text()
    assert "Look inside conv" in page
    assert 'href="binding/random/interpret/conv/seed0/heatmaps_all.pdf"' in page


def test_substitutions_are_scored_by_a_trained_network(finished):
    done = snakemake(finished[0], "score_variants")
    folder = finished[0] / "results/binding/random/variants/binding_sites"
    table = pd.read_parquet(folder / "effects.parquet")
    assert len(table) == 3 * 200 * 2  # substitutions of the sample, each for both factors
    assert len(pd.read_csv(folder / "effects.tsv", sep="\t")) == len(table)
    assert "600 substitutions of 1 sequence" in done.stdout
    assert str(folder / "effects.svg") in done.stdout
    assert {path.name for path in folder.iterdir()} >= {"effects.svg", "skipped.tsv", "summary.txt"}
    assert "train_model" not in done.stdout + done.stderr  # the run was there


def test_variants_of_a_genome_are_scored_by_a_trained_network(finished, tmp_path):
    sequence = "".join((ROOT / "resources/demo/binding_sites.fa").read_text().splitlines()[1:])
    genome, vcf = tmp_path / "genome.fa", tmp_path / "my variants.vcf"
    genome.write_text(f">chr1\n{sequence}\n")
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    at = {pos: sequence[pos - 1] for pos in (1, 31, 120)}
    rows = [
        f"1\t1\ts\t{at[1]}\t{other[at[1]]}",
        f"1\t31\ti\t{at[31]}\t{at[31]}ACG",
        f"1\t120\twrong\t{other[at[120]]}\t{at[120]}",
    ]
    vcf.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n" + "\n".join(rows) + "\n")
    done = snakemake(finished[0], "score_variants", "--config", f"vcf={vcf}", f"genome={genome}")
    folder = finished[0] / "results/binding/random/variants/my-variants"
    table = pd.read_parquet(folder / "effects.parquet")
    assert table[["pos", "factor"]].to_numpy().tolist() == [[1, "ONE"], [1, "TWO"], [31, "ONE"], [31, "TWO"]]
    assert pd.read_csv(folder / "skipped.tsv", sep="\t")["pos"].tolist() == [120]
    assert "2 variants" in done.stdout
    assert "train_model" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "reruns", "stays"),
    [
        ("steps: 4, references: 2", "steps: 5, references: 2", {"explain_sequences": 1}, {"discover_motifs"}),
        ("discovery: 20", "discovery: 21", {"discover_motifs": 1}, {"explain_sequences"}),
        (
            "monitor: valid_label_auroc\n        seeds: [0]",
            "monitor: valid_label_auroc\n        seeds: [0, 1]",
            {"train_model": 1, "evaluate_model": 1},
            {"explain_sequences", "discover_motifs"},
        ),
    ],
    ids=["steps", "discovery", "seeds"],
)
def test_settings_rerun_what_they_decide(finished, tmp_path, old, new, reruns, stays):
    text = (ROOT / CONFIG).read_text()
    assert text.count(old) == 1
    edited = tmp_path / "edited.yaml"
    edited.write_text(text.replace(old, new))
    done = snakemake(finished[0], "--dry-run", "--quiet", "rules", config=edited)
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    for rule, n in reruns.items():
        assert int(jobs[rule]) == n
    assert not jobs.keys() & ({"train_model", "evaluate_model", *stays} - reruns.keys())


def test_runs_repeat_to_the_byte(finished, tmp_path):
    """Predictions and figures of a second run elsewhere are the same; logs, times and energy are not compared."""
    copy_repository(tmp_path)
    snakemake(tmp_path, "results/from_gaf/random/comparison.tsv")
    first, second = files(finished[0]), files(tmp_path)
    same = [p for p in second if p.suffix in {".parquet", ".tsv", ".npz"} and "benchmarks" not in p.parts]
    same = [p for p in same if p.name != "costs.tsv"]
    assert len(same) > 15
    for path in same:
        assert first[path] == second[path], path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trivial: naive", "trivail: naive", r"studies.from_gaf.trivail: unknown key"),
        ("replicates: 50", "replicates: many", r"bootstrap.replicates: expected a whole number"),
    ],
)
def test_a_typo_in_the_config_names_its_key(finished, tmp_path, old, new, message):
    broken = tmp_path / "broken.yaml"
    broken.write_text((ROOT / CONFIG).read_text().replace(old, new, 1))
    yaml.safe_load(broken.read_text())
    done = snakemake(finished[0], "--dry-run", check=False, config=broken)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
