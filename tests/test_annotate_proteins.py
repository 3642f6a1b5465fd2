"""From FASTA to CAFA's lines, annotations with evidence and a summary; from predictions to putative functions."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

import annotate_proteins
from annotate_proteins import annotate_proteins as run_annotate
from annotated_proteins import IDS, RELATIONS, write_study
from families import mutated, random_protein
from find_putative import find_putative
from lexome import proteinrecords, transfer
from lexome.errors import LexomeError
from lexome.heads import Head, save_head
from lexome.runs import load_run
from lexome.runtime import read_json, read_tsv

SEARCH = {"tool": "mmseqs", "hits": 50, "evalue": 1e-3, "sensitivity": 7.5, "coverage": 0.8, "cover": "both"}
SETTINGS = {"study": "s", "split": "random", "model": "m", "seed": 0, "probability": 0.0, "submission": None}
BACKBONE = {"max_tokens": 64, "embedding": {"layers": [2], "pooling": "mean", "batch_tokens": 512}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, *write_study(folder)


@pytest.fixture(scope="module")
def search_model(study):
    folder, files, _, _ = study
    parts = [files[name] for name in ("examples", "study_labels", "assignment", "split_labels")]
    data = load_run(*parts, None)
    model = {"kind": "sequence_search", "scoring": "netgo", "top": 10, "prior": 0.1, "search": SEARCH}
    chosen = {"top": 10, "pseudo": 0, "prior": 0.1}
    transfer._save(folder / "searched", model, chosen, data)
    return folder / "searched", model


def annotate(study, model_folder, model, query, out, settings=SETTINGS, backbone=(None, None)):
    folder, files, *_ = study
    paths = [str(out / name) for name in ("predictions.tsv", "annotations.tsv", "skipped.tsv", "summary.json")]
    about = (SEARCH, RELATIONS, 0, 1)
    run_annotate(
        str(query), files, str(folder / "ontology.parquet"), str(model_folder), backbone[0], settings, model,
        backbone[1], *about, *paths,
    )  # fmt: skip
    return read_json(paths[3])


def test_a_search_annotates(study, search_model, tmp_path, capsys):
    _, _, table, _ = study
    rng = np.random.default_rng(5)
    first, second = (table["sequence"][table["subset"] == "train"].iloc[at] for at in (0, 1))
    labels = table["labels"][table["subset"] == "train"].iloc[0]
    records = {"copy": first, "kin": mutated(rng, second, 0.9), "bad": "M1", "far": random_protein(rng, 80)}
    fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in [*records.items(), ("copy", first)])
    (tmp_path / "q.fa.gz").write_bytes(gzip.compress(fasta.encode()))
    told = annotate(study, *search_model, tmp_path / "q.fa.gz", tmp_path)
    assert (told["records"], told["proteins"], told["skipped"]) == (5, 3, 2)
    assert (told["identical_to_training"], told["without_similar_training_protein"]) == (1, 1)
    assert told["nearest_by"] == "mmseqs"
    assert told["longest"] == 150
    assert 0 <= told["calibration"]["test"]["ece_after"] <= 1
    assert told["calibration"]["fitted_on"]["pairs"] == 20 * 4
    skipped = read_tsv(tmp_path / "skipped.tsv", numbers=["record", "line"])
    assert skipped["id"].tolist() == ["bad", "copy"]
    rows = read_tsv(tmp_path / "annotations.tsv", numbers=["score", "probability"])
    assert list(dict.fromkeys(rows["protein"])) == ["copy", "kin", "far"]
    own = rows[rows["protein"] == "copy"]
    assert set(own["term"][own["score"] > 0.5]) == {IDS[at] for at in labels}
    assert (own["nearest_similarity"].astype(float) == 1).all()
    for _, part in rows.groupby("protein"):
        assert part["probability"].is_monotonic_decreasing
    assert (rows["evidence"][rows["protein"] == "far"] == "no similar training protein").all()
    assert "3 of 5 records annotated" in capsys.readouterr().out


def test_a_head_annotates_proteins_longer_than_it_reads_at_once_in_any_chunks(
    study, tiny_backbone, tmp_path, monkeypatch
):
    head = Head(16, 4, [], 0.0)
    save_head(head, tmp_path / "head", IDS, {"backbone": "tiny", "layers": [2], "pooling": "mean"})
    rng = np.random.default_rng(6)
    lengths = [5, 400, 90, 1, 150]
    (tmp_path / "q.fa").write_text(
        "".join(f">p{at}\n{random_protein(rng, length)}\n" for at, length in enumerate(lengths))
    )
    settings = SETTINGS | {"submission": {"author": "us", "model": 1, "keywords": ["machine learning"]}}
    backbone = (str(tiny_backbone), BACKBONE)
    told = annotate(study, tmp_path / "head", {"kind": "head"}, tmp_path / "q.fa", tmp_path / "a", settings, backbone)
    assert told["proteins"] == 5
    assert told["residues"] == sum(lengths)
    assert told["longer_than_training"] == 1
    lines = (tmp_path / "a" / "predictions.tsv").read_text().splitlines()
    assert lines[0] == "AUTHOR\tus"
    assert lines[-1] == "END"
    monkeypatch.setattr(annotate_proteins, "in_chunks", lambda own: proteinrecords.in_chunks(own, 2, 100))
    annotate(study, tmp_path / "head", {"kind": "head"}, tmp_path / "q.fa", tmp_path / "b", settings, backbone)
    first, second = (read_tsv(tmp_path / name / "annotations.tsv", numbers=["score"]) for name in "ab")
    both = first.merge(second, on=["protein", "term"], validate="one_to_one")
    assert len(both) == len(first) == len(second)
    np.testing.assert_allclose(both["score_x"], both["score_y"], atol=1e-3)


def test_nothing_to_annotate_and_a_strange_model(study, search_model, tmp_path):
    (tmp_path / "q.fa").write_text(">a\nM1\n>b\n\n")
    with pytest.raises(LexomeError, match=r"none of its 2 records can be scored.*'1' is no letter.*no sequence"):
        annotate(study, *search_model, tmp_path / "q.fa", tmp_path)
    assert not list(tmp_path.glob("*.tsv"))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps({"labels": ["F:z"]}))
    (tmp_path / "q.fa").write_text(">a\nMK\n")
    with pytest.raises(LexomeError, match="not those of the split; train this run again"):
        annotate(study, tmp_path / "odd", search_model[1], tmp_path / "q.fa", tmp_path)


def test_what_is_sure_and_not_labelled_is_putative(study, tmp_path, capsys):
    folder, files, table, hidden = study
    settings = {"probability": 0.6, "run": {"study": "s"}}
    bootstrap = {"replicates": 200, "level": 0.9, "seed": 0}
    paths = [tmp_path / "putative.tsv", tmp_path / "putative.json"]
    find_putative(files, str(folder / "ontology.parquet"), settings, SEARCH, RELATIONS, bootstrap, 1, *map(str, paths))
    text = paths[0].read_text().splitlines()
    comments = [line for line in text if line.startswith("#")]
    assert any("A missing label is no evidence" in line for line in comments)
    assert any(line.startswith("# test: of ") and "90% interval" in line for line in comments)
    found = pd.read_csv(paths[0], sep="\t", comment="#", keep_default_na=False)
    # P02 is of the even family, whose terms are F:b, F:c and F:e; of them its label says F:b.
    assert hidden == "P02"
    assert found["protein"].unique().tolist() == ["P02"]
    assert found.set_index("term")["implied_by"].to_dict() == {"F:c": "F:e", "F:e": ""}
    assert found.set_index("term")["annotated_ancestor"].to_dict() == {"F:c": "", "F:e": "F:b"}
    assert (found["evidence"] == "nearest training protein").all()
    bearers = table.set_index("id").loc[found["bearer"]]
    assert (bearers["subset"] == "train").all()
    assert all(3 in labels for labels in bearers["labels"])
    told = read_json(paths[1])
    assert told["candidates"] == 2
    assert told["most_specific"] == 1
    # All pairs that are labelled are sure here, and those of the hidden labels.
    test = table[table["subset"] == "test"]
    labelled = sum(map(len, test["labels"]))
    assert told["precision"]["test"]["pairs"] == labelled + 2
    assert told["precision"]["test"]["precision"] == pytest.approx(labelled / (labelled + 2))
    assert told["precision"]["valid"]["precision"] == 1
    assert "2 putative functions of 1 proteins" in capsys.readouterr().out
