"""Protein function prepared from the fixture: GAF and CAFA agree, every step is counted, errors are clear."""

import gzip
import json
import shutil
import subprocess
import sys
from hashlib import blake2b, sha256
from pathlib import Path

import networkx as nx
import numpy as np
import obonet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from Bio import SeqIO

from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from make_demo_proteins import make_demo_proteins
from parse_ontology import parse_ontology
from prepare_protein_function import prepare_protein_function

GO = Path(__file__).parent / "fixtures" / "go"
SETTINGS = {
    "format": "gaf",
    "aspect": "molecular_function",
    "evidence": ["EXP", "IDA", "IPI", "IMP", "IGI", "IEP"],
    "taxon": 9606,
    "max_length": None,
    "exclude_terms": ["GO:0003674", "GO:0005488", "GO:0005515"],
    "relations": ["is_a", "part_of"],
}
GAF = ("annotations_2.1.gaf", "proteins.fasta", None)
CAFA = ("train_terms.tsv", "train_sequences.fasta", "train_taxonomy.tsv")


@pytest.fixture(scope="module")
def ontology(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ontology") / "go.parquet"
    parse_ontology(str(GO / "go.obo"), str(path))
    return str(path)


@pytest.fixture
def prepare(ontology, tmp_path):
    """Run it with changed settings; gives examples, labels and counts (n by step)."""

    def run(files=GAF, **changed):
        annotations, sequences, taxonomy = (name and str(GO / name) for name in files)
        outputs = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
        prepare_protein_function(ontology, annotations, sequences, taxonomy, SETTINGS | changed, *outputs)
        labels, report = (json.loads(Path(path).read_text()) for path in outputs[1:])
        steps = [row["step"] for row in report["counts"]]
        assert len(set(steps)) == len(steps)
        return pd.read_parquet(outputs[0]), labels, {row["step"]: row["n"] for row in report["counts"]}

    run.folder = tmp_path
    return run


def naive(
    max_length=10_000, aspect="molecular_function", exclude=tuple(SETTINGS["exclude_terms"])
) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Terms and sequences of the expected examples, the slow way."""
    graph = obonet.read_obo(str(GO / "go.obo"), ignore_obsolete=False)
    parents = nx.DiGraph((child, parent) for child, parent, key in graph.edges(keys=True) if key in ("is_a", "part_of"))
    other = {"GO:9000677": "GO:0003677", "GO:9000001": "GO:0008233", "GO:9000003": "GO:0008233"}
    terms: dict[str, set[str]] = {}
    for line in (GO / "annotations_2.1.gaf").read_text().splitlines():
        fields = line.split("\t")
        if line[0] == "!" or "NOT" in fields[3] or fields[6] not in SETTINGS["evidence"]:
            continue
        term = other.get(fields[4], fields[4])
        if not fields[12].startswith("taxon:9606") or term not in parents:
            continue
        if graph.nodes[term]["namespace"] == aspect:
            found = {term} | nx.descendants(parents, term)
            terms.setdefault(fields[1], set()).update(
                t for t in found - set(exclude) if graph.nodes[t]["namespace"] == aspect
            )
    plain = {record.id: str(record.seq) for record in SeqIO.parse(GO / "train_sequences.fasta", "fasta")}
    plain["LX0007"] = plain["LX0007"][:5] + "X" + plain["LX0007"][6:]
    plain["LX0008"] = plain["LX0008"][:5] + "U" + plain["LX0008"][6:]
    sequences = {name: letters for name, letters in plain.items() if len(letters) <= max_length}
    return {name: found for name, found in terms.items() if found and name in sequences}, sequences


def named(examples: pd.DataFrame, labels: dict) -> dict[str, set[str]]:
    ids = [label["id"] for label in labels["labels"]]
    return {row.id: {ids[i] for i in row.labels} for row in examples.itertuples()}


@pytest.mark.parametrize("max_length", [None, 80])
def test_examples_equal_a_naive_reading(prepare, max_length):
    examples, labels, counts = prepare(max_length=max_length)
    terms, sequences = naive(max_length or 10_000)
    assert named(examples, labels) == terms
    assert dict(zip(examples["id"], examples["sequence"], strict=True)) == {n: sequences[n] for n in terms}
    assert (examples["length"] == examples["sequence"].str.len()).all()
    assert counts["examples"] == len(terms)
    assert counts["terms"] == len(set.union(*terms.values()))
    assert counts["labels"] == sum(map(len, terms.values()))


def test_fixture_is_large_enough_for_the_workflow(prepare):
    examples, labels, _ = prepare()
    assert len(examples) == 120
    counts = np.bincount(np.concatenate(examples["labels"]), minlength=len(labels["labels"]))
    assert (counts >= 10).sum() >= 8


def test_contract_of_the_files(prepare):
    examples, labels, _ = prepare()
    schema = pq.read_schema(prepare.folder / "examples.parquet")
    assert {field.name: field.type for field in schema} == {
        "id": pa.string(),
        "sequence": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
    }
    assert examples["id"].is_unique
    assert examples["id"].is_monotonic_increasing
    for row in examples["labels"]:
        assert len(row)
        assert (np.diff(row) > 0).all()
    assert {key: labels[key] for key in ("task", "example_noun", "label_noun")} == {
        "task": "multi_label",
        "example_noun": "protein",
        "label_noun": "term",
    }
    ids = [label["id"] for label in labels["labels"]]
    assert ids == sorted(ids)
    assert {"id": "GO:0003677", "name": "DNA binding"} in labels["labels"]
    assert set(np.concatenate(examples["labels"])) == set(range(len(ids)))


def test_equal_sequences_share_a_group_and_no_others_do(prepare):
    examples, _, counts = prepare()
    assert examples.groupby("sequence")["group"].nunique().eq(1).all()
    assert examples.groupby("group")["sequence"].nunique().eq(1).all()
    assert counts["distinct sequences"] == examples["sequence"].nunique() < len(examples)
    row = examples.iloc[0]
    assert row["group"] == blake2b(row["sequence"].encode(), digest_size=8).hexdigest()


def test_every_step_is_counted(prepare):
    _, _, counts = prepare(max_length=100)
    expected = {
        "other taxa dropped": 1,
        "NOT rows dropped": 122,
        "evidence IEA": 121,
        "alternative ids mapped": 2,
        "replaced terms mapped": 2,
        "obsolete terms dropped": 2,
        "unknown terms dropped": 1,
        "without a sequence dropped": 1,
        "records in lower case": 1,
        "gap characters removed": 3,
        "final stops removed": 1,
        "unknown residues made X": 1,
        "records with an internal stop dropped": 1,
        "empty records dropped": 1,
        "records of X only dropped": 1,
        "repeated records dropped": 1,
    }
    assert {step: counts[step] for step in expected} == expected
    # What is kept and what is dropped adds up.
    evidence = sum(counts[f"evidence {code}"] for code in SETTINGS["evidence"] if f"evidence {code}" in counts)
    assert counts["annotations selected"] == evidence
    assert counts["annotated proteins"] == counts["proteins with a sequence"] + 1
    assert counts["proteins of a fit length"] == counts["proteins with a sequence"] - counts["too long dropped"]
    assert counts["examples"] == counts["proteins of a fit length"] - counts["without a term left dropped"]


def test_gaf_versions_and_cafa_files_give_the_same(prepare):
    examples, labels, _ = prepare()
    newer, newer_labels, _ = prepare(("annotations_2.2.gaf", *GAF[1:]))
    pd.testing.assert_frame_equal(newer, examples)
    assert newer_labels == labels
    cafa, cafa_labels, counts = prepare(CAFA, format="cafa")
    assert cafa_labels == labels
    assert named(cafa, cafa_labels) == named(examples, labels)
    assert counts["other taxa dropped"] == 1


def test_evidence_and_taxon_default_to_experimental_and_all(prepare):
    examples, _, _ = prepare(evidence=None, taxon=None)
    assert len(examples) == 121  # LW0007 is of the mouse
    electronic, _, _ = prepare(evidence=["IEA"])
    assert len(electronic) == 121  # LW0001's only row is IEA


def test_labels_stay_within_the_aspect(prepare):
    # protein kinase activity is part_of protein phosphorylation, of another aspect.
    examples, labels, _ = prepare(aspect="biological_process", exclude_terms=["GO:0008150"])
    assert named(examples, labels) == naive(aspect="biological_process", exclude=["GO:0008150"])[0]
    _, functions, _ = prepare()
    assert "GO:0006468" not in {label["id"] for label in functions["labels"]}


def test_excluded_terms_may_go_by_an_old_id(prepare):
    _, labels, _ = prepare(exclude_terms=["GO:9000677", "GO:9000001"])
    ids = {label["id"] for label in labels["labels"]}
    assert not ids & {"GO:0003677", "GO:0008233"}
    assert "GO:0016787" in ids


def test_relations_select_what_implies_what(prepare):
    _, labels, _ = prepare(relations=["is_a"])
    ids = {label["id"] for label in labels["labels"]}
    assert "GO:0043565" in ids
    assert "GO:0003700" not in ids


def test_taxon_of_cafa_terms_needs_the_taxonomy(prepare):
    with pytest.raises(LexomeError, match="taxonomy"):
        prepare((*CAFA[:2], None), format="cafa")
    assert len(prepare((*CAFA[:2], None), format="cafa", taxon=None)[0]) == 121


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"exclude_terms": ["GO:1234567"]}, "exclude_terms: GO:1234567 is not in the ontology"),
        ({"exclude_terms": ["GO:9000002"]}, "exclude_terms: GO:9000002 is not in the ontology"),
        ({"aspect": "molecular_funktion"}, "aspect: 'molecular_funktion' is no namespace"),
        ({"relations": ["is_a", "partof"]}, "relations: partof occurs nowhere"),
        ({"taxon": 4932}, r"after the step 'annotations selected': choose another taxon \(now 4932\)"),
        ({"evidence": ["HDA"]}, "after the step 'annotations selected'"),
        ({"evidence": ["IEA"], "aspect": "cellular_component"}, "after the step 'annotations of the aspect'"),
        ({"max_length": 9}, r"after the step 'proteins of a fit length': raise max_length \(now 9\)"),
    ],
)
def test_settings_that_leave_nothing_say_so(prepare, changed, message):
    with pytest.raises(LexomeError, match=message):
        prepare(**changed)
    assert not list(prepare.folder.iterdir())


def test_ids_that_do_not_match_say_so(ontology, tmp_path):
    other = tmp_path / "other.fasta"
    other.write_text(">Q1\nMKV\n")
    outputs = [str(tmp_path / name) for name in "abc"]
    annotations = str(GO / "annotations_2.1.gaf")
    with pytest.raises(LexomeError, match=r"'proteins with a sequence': the ids .*LW0007, LW0009, LX0001"):
        prepare_protein_function(ontology, annotations, str(other), None, SETTINGS | {"taxon": None}, *outputs)


def test_only_excluded_terms_says_so(prepare):
    every = [term for term in obonet.read_obo(str(GO / "go.obo")) if term.startswith("GO:")]
    with pytest.raises(LexomeError, match=r"after the step 'examples': exclude fewer terms"):
        prepare(exclude_terms=every)


def test_fixture_is_what_its_script_makes(tmp_path):
    shutil.copy(GO / "make.py", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make.py")], check=True)
    made = [path for path in tmp_path.iterdir() if path.name != "make.py"]
    assert len(made) == 6
    for path in made:
        assert path.read_text() == (GO / path.name).read_text()


def test_make_demo_proteins(tmp_path):
    out = tmp_path / "demo.fasta.gz"
    files = [str(GO / name) for name in ("proteins.fasta", "annotations_2.2.gaf", "go.obo")]
    number = make_demo_proteins(*files, str(out), max_length=90)
    with gzip.open(out, "rt") as handle:
        records = list(SeqIO.parse(handle, "fasta"))
    assert [record.id for record in records] == sorted(record.id for record in records)
    assert len(records) == number
    assert {"LX0004", "LY0000"} <= {record.id for record in records}
    assert not {"LW0001", "LW0002", "LW0004", "LW0008", "LZ0000"} & {record.id for record in records}
    assert max(len(record) for record in records) <= 90
    with pytest.raises(LexomeError, match="no protein with an annotation"):
        make_demo_proteins(*files, str(out), max_length=5)


def test_shipped_demo_is_what_its_readme_says():
    folder = Path(__file__).parents[1] / "resources" / "demo"
    content = (folder / "human_swissprot_mf.fasta.gz").read_bytes()
    table, counts = read_fasta(folder / "human_swissprot_mf.fasta.gz")
    readme = (folder / "README.md").read_text()
    assert f"`{sha256(content).hexdigest()}`" in readme
    assert f"{len(table):,} human proteins" in readme
    assert f"{table['length'].sum():,} residues, {len(content):,} bytes" in readme
    assert len(content) <= 3_000_000
    assert table["length"].max() <= 500
    assert counts["kept"] == counts["records"]
