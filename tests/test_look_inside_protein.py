"""From a trained head and a protein to tables, figures, a painted structure and a page that opens offline."""

import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import explain_protein
import look_inside_protein
import map_proteins
from helices import helix_pdb
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS
from lexome.heads import Head, save_head
from lexome.proteinplan import DEFAULTS
from lexome.runs import write_predictions
from lexome.runtime import read_json, write_json

ROOT = Path(look_inside_protein.__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BOOTSTRAP = {"replicates": 50, "level": 0.9, "seed": 0}
BACKBONE = {"max_tokens": 40, "embedding": {"layers": [2], "pooling": "mean", "batch_tokens": 600, "long": "cut"}}
MODEL = {"kind": "head", "backbone": "tiny", "layers": [2], "pooling": "mean"}
ABOUT = {
    "study": "s",
    "title": "Which <function>?",
    "split": "random",
    "headline": ["term_auprc"],
    "level": 0.9,
    "backbone": "tiny",
    "layers": [2],
    "licence": "MIT",
}


@pytest.fixture(scope="module")
def study(tiny_backbone, tmp_path_factory):
    """A study of 60 proteins and two terms, an untrained head that depends on all its features."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list(AMINO_ACIDS), size)) for size in rng.integers(22, 36, 60)]
    ids = [f"P{at:02d}" for at in range(60)]
    labels = [[0, 2] if at % 3 else [2] for at in range(60)]
    table = {
        "id": ids,
        "sequence": sequences,
        "length": [len(own) for own in sequences],
        "group": ids,
        "labels": labels,
    }
    pd.DataFrame(table).to_parquet(folder / "examples.parquet")
    subsets = np.repeat(["train", "valid", "test"], [40, 10, 10])
    pd.DataFrame({"id": ids, "subset": subsets, "group": ids}).to_parquet(folder / "split.parquet")
    judged = [{"id": f"GO:000000{at}", "name": f"act {at} <b>", "index": 2 * at, "n_train": 20} for at in range(2)]
    write_json(folder / "labels.json", {"task": "multi_label", "labels": judged})
    torch.manual_seed(0)
    head = Head(16, 2)
    torch.nn.init.normal_(head.layers[0].weight, std=4)
    features = {"backbone": "tiny", "layers": [2], "pooling": "mean"}
    save_head(head, folder / "model", [label["id"] for label in judged], features)
    scores = {
        name: (np.array(ids)[subsets == name], rng.random((10, 2), dtype=np.float32)) for name in ("valid", "test")
    }
    write_predictions(folder / "predictions.parquet", scores)
    return folder, tiny_backbone


def explain(study, out, fasta=None, **settings):
    folder, backbone = study
    out.mkdir(exist_ok=True)
    names = ("tokens.tsv", "masked.tsv", "substitutions.tsv", "positions.tsv", "explained.json")
    explain_protein.explain_protein(
        fasta,
        *(str(folder / name) for name in ("examples.parquet", "split.parquet", "labels.json", "predictions.parquet")),
        str(folder / "model"),
        str(backbone),
        DEFAULTS | settings,
        MODEL,
        BACKBONE,
        BOOTSTRAP,
        3,
        0,
        *(str(out / name) for name in names),
    )
    return read_json(out / "explained.json")


def stored(folder, ids, layers, pooling):
    """Vectors of four numbers, larger ones for the first 30 proteins: what a store of embeddings would give."""
    assert (folder, layers, pooling) == ("embeddings", [2], "mean")
    rows = [int(name[1:]) for name in ids]
    table = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32) + (np.arange(60) < 30)[:, None]
    return table[rows]


@pytest.fixture(scope="module")
def seen(study, tmp_path_factory):
    """All that is made of a protein with a structure."""
    folder, _ = study
    out = tmp_path_factory.mktemp("seen")
    sequence = pd.read_parquet(folder / "examples.parquet").set_index("id").loc["P05", "sequence"]
    explained = explain(study, out, sequence="P05", terms=2)
    lists = {"outside": out / "a.txt", "wall": out / "b.txt"}
    lists["outside"].write_text("\n".join(f"P{at:02d}" for at in range(32)))
    lists["wall"].write_text("\n".join(f"P{at:02d}" for at in range(30, 60)))
    groups = {name: str(path) for name, path in lists.items()}
    made = {"map": out / "groups.parquet", "scores": out / "groups.tsv", "counts": out / "groups.json"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_proteins, "read_embeddings", stored)
        map_proteins.map_proteins(
            str(folder / "examples.parquet"),
            str(folder / "split.parquet"),
            "embeddings",
            None,
            None,
            {"groups": groups, "evidence": []},
            {},
            MODEL,
            BOOTSTRAP,
            *made.values(),
        )
    own = sequence[2:10] + ("A" if sequence[10] != "A" else "G") + sequence[11:]
    (out / "own.pdb").write_text(helix_pdb(own, 51))
    show(out, {name: str(path) for name, path in made.items()}, str(out / "own.pdb"))
    return out, explained, sequence


def show(out, groups, structure):
    judged = []
    for name, value in (("mlp", 0.4), ("naive", 0.1)):
        rows = [{"subset": "test", "metric": "term_auprc", "value": value, "n": 2}]
        write_json(out / f"{name}.json", {"rows": rows, "meta": {"subsets": {"test": {"groups": 100}}}})
        np.savez(out / f"{name}.npz", **{"test/term_auprc": value + np.linspace(-0.05, 0.05, 101)})
        judged.append({"model": name, "seed": 0, "metrics": out / f"{name}.json", "replicates": out / f"{name}.npz"})
    suffixes = {"tokens": "tsv", "masked": "tsv", "substitutions": "tsv", "positions": "tsv", "explained": "json"}
    pictures = ("tokens", "masked", "profile", "substitutions", "groups")
    outputs = {name: str(out / f"{name}.svg") for name in pictures}
    others = {"structure": "structure.tsv", "painted": "painted.cif", "page": "protein.html", "summary": "summary.txt"}
    look_inside_protein.look_inside_protein(
        {name: str(out / f"{name}.{suffix}") for name, suffix in suffixes.items()},
        groups,
        structure,
        None,
        judged,
        ABOUT,
        str(ROOT / "resources/report/protein.html.j2"),
        str(ROOT / "resources/viewer/3Dmol-min.js"),
        outputs | {name: str(out / file) for name, file in others.items()},
    )


def test_substitutions_are_what_the_run_says_of_mutants(study, seen):
    from lexome.predictors import load_predictor

    folder, backbone = study
    out, explained, sequence = seen
    table = pd.read_csv(out / "substitutions.tsv", sep="\t", keep_default_na=False)
    assert len(table) == 2 * 19 * len(sequence)
    predictor = load_predictor(folder / "model", MODEL, backbone, BACKBONE, "multi_label")
    before = predictor([sequence])[0]
    labels = ["GO:0000000", "GO:0000001"]
    for row in table.sample(25, random_state=0).itertuples():
        mutant = sequence[: row.position - 1] + row.alt + sequence[row.position :]
        after = predictor([mutant])[0, labels.index(row.term)]
        assert row.probability == pytest.approx(after, abs=1e-4)
        assert (row.effect > 0) == (after > before[labels.index(row.term)]) or abs(row.effect) < 1e-3
    assert explained["cost"]["mutants"] == 19 * len(sequence)
    assert explained["protein"]["subset"] == "train"
    assert explained["protein"]["nearest"] == 1
    assert {row["check"] for row in explained["checks"]} == {"joint", "together", "blosum"}
    by_name = {term["id"]: term for term in explained["terms"]}
    assert by_name["GO:0000000"]["true"] is True
    assert by_name["GO:0000001"]["true"] is True
    assert by_name["GO:0000000"]["prior"] == 0.5


def test_masked_residues_are_there_where_the_backbone_has_a_head(seen):
    out, explained, sequence = seen
    masked = pd.read_csv(out / "masked.tsv", sep="\t", keep_default_na=False)
    assert len(masked) == 20 * len(sequence)
    assert len(explained["masked"]["shown"]) == 6
    assert explained["masked"]["reason"] == ""


def test_a_backbone_without_a_head_is_said(study, tiny_backbone, tmp_path):
    from transformers import EsmModel

    from lexome.tokens import load_tokenizer

    trunk = tmp_path / "trunk"
    EsmModel.from_pretrained(tiny_backbone).save_pretrained(trunk)
    load_tokenizer(tiny_backbone).save_pretrained(trunk)
    explained = explain((study[0], trunk), tmp_path / "out", sequence="P05", positions=[3, 5], terms=["GO:0000001"])
    assert "without the masked-language head" in explained["masked"]["reason"]
    assert (explained["first"], explained["last"]) == (3, 5)
    show(tmp_path / "out", {}, None)
    text = (tmp_path / "out" / "protein.html").read_text(encoding="utf-8")
    for told in ("without the masked-language head", "No groups were named", "No structure was given"):
        assert told in text
    assert "$3Dmol" not in text
    assert not (tmp_path / "out" / "painted.cif").exists()
    assert "none, trunk came without" in (tmp_path / "out" / "summary.txt").read_text()


def test_proteins_of_the_user(study, tmp_path):
    fasta = tmp_path / "own.fa"
    fasta.write_text(">mine\nMKVLAGWCXEFHINPQ\n")
    explained = explain(study, tmp_path, str(fasta), terms=1)
    assert explained["protein"] | {"sequence": ""} == explained["protein"] | {
        "sequence": "",
        "id": "mine",
        "length": 16,
        "source": "file",
        "subset": None,
        "true": None,
    }
    assert explained["cost"]["mutants"] == 15 * 19
    assert explained["terms"][0]["true"] is None
    fasta.write_text(">mine\nMKV\n>yours\nMKL\n")
    with pytest.raises(LexomeError, match=r"own\.fa: 2 proteins \(mine, yours\)"):
        explain(study, tmp_path, str(fasta))


def test_the_surest_short_test_protein(study, tmp_path):
    explained = explain(study, tmp_path, terms=1, positions=[1, 2])
    table, folder = pd.read_parquet(study[0] / "predictions.parquet"), study[0]
    test = table[table["subset"] == "test"]
    labels = pd.read_parquet(folder / "examples.parquet").set_index("id")["labels"]
    own = [
        scores[[0, 1] if 0 in labels[name] else [1]].max()
        for name, scores in zip(test["id"], test["scores"], strict=True)
    ]
    assert explained["protein"]["id"] == test["id"].iloc[int(np.argmax(own))]
    assert explained["protein"]["source"] == "surest"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequence": "Q1"}, r"'Q1' is neither a file nor the id of a protein"),
        ({"sequence": "P05", "terms": ["GO:1"]}, r"GO:1 is not among the 2 terms"),
        ({"sequence": "P05", "longest": 5}, r"choose at most 5 positions"),
        ({"sequence": "P05", "masked": [99], "positions": [1, 2]}, r"protein\.masked: 99 is beyond the end"),
    ],
)
def test_mistakes_of_the_user(study, tmp_path, settings, message):
    with pytest.raises(LexomeError, match=message):
        explain(study, tmp_path, **settings)


def test_too_long_for_the_backbone(study, tmp_path):
    fasta = tmp_path / "long.fa"
    fasta.write_text(f">long\n{'MKVLAGWCDE' * 5}\n")
    with pytest.raises(LexomeError, match=r"the backbone reads the first 38 residues, and long has 50"):
        explain(study, tmp_path, str(fasta))
    explained = explain(study, tmp_path, str(fasta), positions=[30, 38])
    assert "50" not in explained["masked"]["reason"]
    assert "tokens" in explained["masked"]["reason"]


def test_page_and_files(seen):
    out, explained, sequence = seen
    text = (out / "protein.html").read_text(encoding="utf-8")
    assert "act 0 &lt;b&gt;" in text
    assert "act 0 <b>" not in text.replace("\\u003cb", "")
    assert "default-src 'none'" in text
    shown = text.split("</style>")[1].split("<script")[0]
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", shown)
    table = pd.read_csv(out / "structure.tsv", sep="\t")
    positions = pd.read_csv(out / "positions.tsv", sep="\t")
    first = positions[positions["term"] == explained["terms"][0]["id"]].set_index("position")["mean_drop"]
    np.testing.assert_allclose(table["value"], first.loc[table["position"]], atol=1e-5)
    assert table["number"].iloc[0] == 51
    view = json.loads(re.search(r'id="structure">(.*?)</script>', text, re.DOTALL)[1])
    assert len(view["residues"]) == len(sequence) - 2
    assert view["kind"] == "pdb"
    assert view["text"].startswith("ATOM")
    assert "_atom_site.B_iso_or_equiv" in (out / "painted.cif").read_text()
    other = "A" if sequence[10] != "A" else "G"
    assert f"{sequence[10]}11 is {other}59" in text
    summary = (out / "summary.txt").read_text()
    assert f"chain A: {len(sequence) - 2} residues aligned, 1 of them differ; 2 of the protein" in summary
    assert "on test, term auPRC: mlp 0.400 [0.355–0.445]; naive 0.100" in summary
    scores = pd.read_csv(out / "groups.tsv", sep="\t")
    assert set(scores["vectors"]) == {"embeddings", "composition"}
    assert read_json(out / "groups.json")["groups"][0]["in_both"] == 2


def test_the_viewer_is_the_one_that_is_stated():
    folder = ROOT / "resources" / "viewer"
    digest = hashlib.sha256((folder / "3Dmol-min.js").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text()
    assert "BSD-3-Clause" in (folder / "3Dmol-LICENSE.txt").read_text()


def browser():
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def dumped(page, *flags):
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--virtual-time-budget=6000",
        *flags,
        "--dump-dom",
        f"file://{page}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return html.unescape(done.stdout)


@pytest.mark.skipif(browser() is None, reason="no browser")
def test_the_structure_is_drawn_and_a_text_stays_without_webgl(seen):
    page = seen[0] / "protein.html"
    drawn = dumped(page, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
    assert 'data-drawn="true"' in drawn
    assert re.search(r'<p[^>]*id="fallback"[^>]*hidden', drawn)
    assert "<canvas" in drawn
    without = dumped(page, "--disable-gpu", "--disable-3d-apis")
    assert 'data-drawn="true"' not in without
    assert not re.search(r'<p[^>]*id="fallback"[^>]*hidden', without)
    assert re.search(r'<div id="view"[^>]*hidden', without)
