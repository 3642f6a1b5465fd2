"""CAFA's protocols: who is trained on, who is tested, and of which kind a target is."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import obonet
import pandas as pd
import pytest
from Bio import SeqIO

from lexome import cafaprotocol, evaluation, plan, tasks
from lexome.annotations import read_gaf
from lexome.errors import LexomeError
from lexome.settings import check, load_yaml
from lexome.splits import official_split
from parse_ontology import parse_ontology
from prepare_protein_function import prepare_protein_function

GO = Path(__file__).parent / "fixtures" / "go"
OWN = Path(__file__).parent / "fixtures" / "cafaprotocol"
ROOT = Path(__file__).parents[1]
SETTINGS = {
    "format": "gaf",
    "aspect": "molecular_function",
    "evidence": ["EXP", "IDA", "IMP"],
    "taxon": None,
    "max_length": None,
    "exclude_terms": [],
    "relations": ["is_a", "part_of"],
}
TIME = {"train_before": "2016-09-07", "test_before": "2018-01-01"}
TARGETS = {
    "sequences": str(OWN / "targets.fasta"),
    "truth": str(OWN / "truth.txt"),
    "no_knowledge": str(OWN / "no_knowledge.txt"),
    "limited_knowledge": str(OWN / "limited_knowledge.txt"),
    "mapping": str(OWN / "mapping.tsv"),
}
CAFA = {"format": "cafa", "annotations": GO / "train_terms.tsv", "sequences": GO / "train_sequences.fasta"}


@pytest.fixture(scope="module")
def ontology(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ontology") / "go.parquet"
    parse_ontology(str(GO / "go.obo"), str(path))
    return str(path)


@pytest.fixture
def prepare(ontology, tmp_path):
    """Examples by id, with their terms as names; labels; counts."""

    def run(annotations=OWN / "dated.gaf", sequences=OWN / "dated.fasta", **changed):
        outputs = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
        settings = SETTINGS | changed
        prepare_protein_function(ontology, str(annotations), str(sequences), None, settings, *outputs)
        labels, report = (json.loads(Path(path).read_text()) for path in outputs[1:])
        steps = [row["step"] for row in report["counts"]]
        assert len(set(steps)) == len(steps)
        names = np.array([label["id"] for label in labels["labels"]])
        examples = pd.read_parquet(outputs[0])
        assert examples["id"].is_monotonic_increasing
        assert examples["id"].is_unique
        for column in {"labels", "measured"} & set(examples):
            examples[column] = [row if row is None else set(names[row]) for row in examples[column]]
        return examples.set_index("id"), names, {row["step"]: row["n"] for row in report["counts"]}

    run.folder = tmp_path
    return run


@pytest.fixture(scope="module")
def lineage():
    """A term -> itself and its ancestors within its aspect, by networkx."""
    graph = obonet.read_obo(str(GO / "go.obo"))
    parents = nx.DiGraph((child, parent) for child, parent, key in graph.edges(keys=True) if key in ("is_a", "part_of"))
    parents.add_nodes_from(graph)

    def of(term):
        found = {term} | nx.descendants(parents, term)
        return {each for each in found if graph.nodes[each]["namespace"] == graph.nodes[term]["namespace"]}

    return of, {term: graph.nodes[term]["namespace"] for term in graph}


def kinds_of(examples: pd.DataFrame) -> dict[str, str]:
    test = examples[examples["subset"] == "test"]
    return test["knowledge"].to_dict()


def test_every_case_of_the_fixture_is_of_its_kind(prepare):
    examples, _, counts = prepare(time=TIME, knowledge=["none", "limited", "partial"])
    assert kinds_of(examples) == {
        **dict.fromkeys(("NEW", "DAYOF", "ROOTED", "TWIN", "GUESSED", "DENIED"), "none"),
        "MOVED": "limited",
        "GAINED@later": "partial",
    }
    train = examples[examples["subset"] == "train"]
    assert sorted(train.index) == ["EVE", "GAINED", "IDLE", "KNOWN"]
    assert train["knowledge"].isna().all()
    expected = {"no-knowledge targets": 6, "limited-knowledge targets": 1, "partial-knowledge targets": 1}
    expected |= {"nothing gained": 1, "too late annotations dropped": 2, "annotations with a root dropped": 1}
    expected |= {"train examples": 4, "test examples": 8, "groups in train and test": 2}
    assert {step: counts[step] for step in expected} == expected
    assert counts["groups in train and test"] == sum(
        part["subset"].nunique() > 1 for _, part in examples.groupby("sequence")
    )


def test_labels_are_what_was_known_at_the_time(prepare, lineage):
    of, _ = lineage
    examples, names, _ = prepare(time=TIME, knowledge=["none", "limited", "partial"])
    root = {"GO:0003674"}
    assert examples.loc["GAINED", "labels"] == of("GO:0003676") - root
    assert examples.loc["GAINED@later", "labels"] == of("GO:0003677") - root
    assert examples.loc["MOVED", "labels"] == of("GO:0008233") - root
    # Only what it gained is judged; everything of all others.
    judged = examples.loc["GAINED@later", "measured"]
    assert judged == set(names) - of("GO:0003676")
    assert judged & examples.loc["GAINED@later", "labels"] == {"GO:0003677"}
    assert examples["measured"].drop("GAINED@later").isna().all()
    assert examples.loc["GAINED", "group"] == examples.loc["GAINED@later", "group"]


def test_partial_knowledge_is_judged_on_gains_by_the_evaluation(prepare):
    _, names, _ = prepare(time=TIME, knowledge=["partial"])
    table = pd.read_parquet(prepare.folder / "examples.parquet").sort_values("id", ignore_index=True)
    subset = official_split(table["subset"], table["id"], {"train": 0.7, "valid": 0.3, "test": 0.0}, 0)
    split = table[["id", "group"]].assign(subset=subset, nearest_train=np.nan)
    split.to_parquet(prepare.folder / "split.parquet")
    held = split[subset != "train"]
    scores = [np.full(len(names), 0.5, dtype=np.float32)] * len(held)
    held[["id", "subset"]].assign(scores=scores).to_parquet(prepare.folder / "predictions.parquet")
    index = np.arange(len(names))
    labels = evaluation.Labels("multi_label", "protein", "term", list(names), list(names), index, index)
    files = [prepare.folder / name for name in ("examples.parquet", "split.parquet", "predictions.parquet")]
    judged = evaluation.load_judged(*files[:2], labels, files[2])
    row = judged.ids.tolist().index("GAINED@later")
    assert set(names[judged.truth[row]]) == {"GO:0003677"}
    assert not judged.known[row, names.tolist().index("GO:0003676")]


def test_none_and_limited_by_default_and_no_column_of_what_is_judged(prepare):
    examples, _, counts = prepare(time=TIME)
    assert set(kinds_of(examples).values()) == {"none", "limited"}
    assert "measured" not in examples
    assert counts["partial-knowledge targets"] == 1
    assert "GAINED" in examples.index
    assert "GAINED@later" not in examples.index


def test_without_an_end_everything_later_is_tested(prepare):
    examples, _, counts = prepare(time=TIME | {"test_before": None})
    assert {"LATE", "END"} <= set(kinds_of(examples))
    assert "too late annotations dropped" not in counts


def test_gains_of_excluded_terms_alone_make_no_partial_target(prepare):
    examples, _, counts = prepare(time=TIME, knowledge=["none", "partial"], exclude_terms=["GO:0003677"])
    assert "partial" not in kinds_of(examples).values()
    assert counts["partial-knowledge targets"] == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("aspect", ["molecular_function", "biological_process"])
def test_random_histories_equal_a_naive_reading(prepare, lineage, seed, aspect):
    of, namespace = lineage
    draw = np.random.default_rng(seed)
    roots = {term for term in namespace if of(term) == {term}}
    letters = {"molecular_function": "F", "biological_process": "P", "cellular_component": "C"}
    terms = sorted(set(namespace) - roots)
    rows, lines = [], ["!gaf-version: 2.2"]
    for _ in range(120):
        protein, term = f"P{draw.integers(40):02}", terms[draw.integers(len(terms))]
        day = f"20{draw.integers(14, 19)}{draw.integers(1, 13):02}{draw.integers(1, 29):02}"
        rows.append((protein, term, day))
        fields = ["X", protein, protein, "enables", term, "R", "IDA", "", letters[namespace[term]], "", ""]
        lines.append("\t".join([*fields, "protein", "taxon:1", day, "x"]))
    (prepare.folder / "drawn.gaf").write_text("\n".join(lines) + "\n")
    fasta = "".join(f">P{i:02}\nM{'ACDEFGHIKL'[i // 10]}{'ACDEFGHIKL'[i % 10]}\n" for i in range(40))
    (prepare.folder / "drawn.fasta").write_text(fasta)
    time = {"train_before": "2016-07-01", "test_before": "2018-03-01"}
    files = (prepare.folder / "drawn.gaf", prepare.folder / "drawn.fasta")
    found, names, _ = prepare(*files, time=time, knowledge=["none", "limited", "partial"], aspect=aspect)

    def known(protein, first, last, wanted):
        some = [of(t) for p, t, day in rows if p == protein and first <= day < last and wanted(namespace[t])]
        return set().union(*some) - roots

    expected = {}
    for protein in sorted({row[0] for row in rows}):
        own = known(protein, "0", "20160701", lambda name: name == aspect)
        other = known(protein, "0", "20160701", lambda name: name != aspect)
        later = known(protein, "20160701", "20180301", lambda name: name == aspect)
        if own:
            expected[protein] = ("train", None, own)
        if own and later - own:
            expected[f"{protein}@later"] = ("test", "partial", own | later)
        elif later and not own:
            expected[protein] = ("test", "limited" if other else "none", later)
    kinds = [kind if isinstance(kind, str) else None for kind in found["knowledge"]]
    assert dict(zip(found.index, zip(found["subset"], kinds, found["labels"], strict=True), strict=True)) == expected
    for name, (_, kind, _) in expected.items():
        if kind == "partial":
            assert found.loc[name, "measured"] == set(names) - expected[name.removesuffix("@later")][2]
    assert {kind for _, kind, _ in expected.values()} == {None, "none", "limited", "partial"}


def test_targets_are_the_test_examples(prepare, lineage):
    of, _ = lineage
    examples, _, counts = prepare(**CAFA, targets=TARGETS)
    root = {"GO:0003674"}
    assert kinds_of(examples) == {"T1": "none", "T2": "none", "T3": "limited", "T7": "none"}
    assert examples.loc["T1", "labels"] == (of("GO:0004672") | of("GO:0003677")) - root
    assert examples.loc["T2", "labels"] == of("GO:0003677") - root
    plain = {record.id: str(record.seq) for record in SeqIO.parse(OWN / "targets.fasta", "fasta")}
    test = examples[examples["subset"] == "test"]
    assert test["sequence"].to_dict() == {name: plain[name] for name in test.index}
    assert (examples["length"] == examples["sequence"].str.len()).all()
    expected = {"targets": 6, "targets without a sequence dropped": 1, "targets in no list dropped": 1}
    expected |= {"targets in training by id": 1, "targets in training by sequence": 1, "ground truth mapped": 1}
    expected |= {"test examples": 4, "groups in train and test": 1}
    assert {step: counts[step] for step in expected} == expected


def test_training_is_the_same_with_and_without_targets(prepare):
    alone, _, _ = prepare(**CAFA)
    with_targets, _, _ = prepare(**CAFA, targets=TARGETS)
    train = with_targets[with_targets["subset"] == "train"]
    pd.testing.assert_frame_equal(train[list(alone)], alone)
    assert "subset" not in alone


def test_kinds_lists_and_length_select_targets(prepare):
    assert kinds_of(prepare(**CAFA, targets=TARGETS, knowledge=["limited"])[0]) == {"T3": "limited"}
    every, _, _ = prepare(**CAFA, targets=TARGETS)
    longest = int(every.loc["T2", "length"])
    assert longest > every.loc["T7", "length"]
    short, _, counts = prepare(**CAFA, targets=TARGETS, max_length=longest - 1)
    assert set(kinds_of(every)) - set(kinds_of(short)) == {"T2"}
    assert counts["targets too long dropped"] == 1
    bare = {key: TARGETS[key] for key in ("sequences", "truth")}
    untold, _, counts = prepare(**CAFA, targets=bare)
    test = untold[untold["subset"] == "test"]
    assert sorted(test.index) == ["T1", "T2", "T3", "T5", "T7"]
    assert test["knowledge"].isna().all()
    assert counts["targets in training by id"] == 0
    fewer, _, counts = prepare(**CAFA, targets=TARGETS, exclude_terms=["GO:0015267", "GO:0005215"])
    assert "T7" not in fewer.index
    assert counts["targets without a term left dropped"] == 1


def test_a_target_with_the_id_of_a_training_protein_gets_its_own(prepare):
    fasta, truth = prepare.folder / "t.fasta", prepare.folder / "t.txt"
    fasta.write_text(">LX0001\nMKV\n")
    truth.write_text("EntryID\tterm\taspect\nLX0001\tGO:0008233,GO:0003824\tMFO\n")
    examples, _, counts = prepare(**CAFA, targets={"sequences": str(fasta), "truth": str(truth)})
    assert examples.loc["LX0001@target", "sequence"] == "MKV"
    assert examples.loc["LX0001", "subset"] == "train"
    assert counts["targets in training by id"] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"time": TIME | {"test_before": "2016-09-07"}}, "test_before: 2016-09-07 is not after train_before"),
        ({"time": TIME | {"train_before": "2016-02-30"}}, "time.train_before: '2016-02-30' is no day"),
        ({"time": TIME | {"train_before": "2001-01-01"}}, "'annotations to train on': choose a later train_before"),
        ({"time": {"train_before": "2021-01-01", "test_before": None}}, "'annotations to test on': choose an earlier"),
        ({"time": {"train_before": "2016-09-08", "test_before": "2016-09-30"}}, "'annotations to test on'"),
        ({"time": {"train_before": "2017-05-01", "test_before": "2017-06-01"}}, "after the step 'test proteins'"),
        ({"time": TIME, "format": "cafa"}, "time: CAFA terms have no dates"),
        ({**CAFA, "targets": TARGETS, "knowledge": ["partial"]}, "after the step 'test proteins'"),
        ({**CAFA, "targets": TARGETS, "aspect": "cellular_component"}, "the step 'ground truth of the aspect'"),
        ({**CAFA, "targets": TARGETS | {"truth": str(OWN / "mapping.tsv")}}, r"mapping.tsv, line 1: expected target"),
        (
            {**CAFA, "targets": TARGETS | {"limited_knowledge": str(OWN / "no_knowledge.txt")}},
            "T1 is in the list of no",
        ),
        (
            {**CAFA, "targets": TARGETS | {"mapping": str(OWN / "no_knowledge.txt")}},
            "no_knowledge.txt, line 1: expected",
        ),
    ],
)
def test_settings_that_make_no_sense_say_so(prepare, changed, message):
    with pytest.raises(LexomeError, match=message):
        prepare(**changed)
    assert not list(prepare.folder.iterdir())


@pytest.mark.parametrize("day", ["20171301", "2017-01-01", "20170230", ""])
def test_a_date_that_is_none_names_file_and_line(tmp_path, day):
    lines = (OWN / "dated.gaf").read_text().splitlines()
    fields = lines[4].split("\t")
    lines[4] = "\t".join([*fields[:13], day, *fields[14:]])
    path = tmp_path / "bad.gaf"
    path.write_text("\n".join(lines))
    with pytest.raises(LexomeError, match=rf"bad.gaf, line 5: column 14 \(date\) is '{day}', expected a day"):
        read_gaf(path, dates=True)
    # Who does not ask for days is not stopped by them.
    assert "date" not in read_gaf(path)[0]


def test_empty_lists_and_double_ids_say_so(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# nothing\n\n")
    with pytest.raises(LexomeError, match="no id in the file"):
        cafaprotocol.read_listed(str(path))
    path.write_text("T1\tP1\n\nT1\tP2\n")
    with pytest.raises(LexomeError, match="line 3: T1 has two ids"):
        cafaprotocol.read_mapping(str(path))
    path.write_text("EntryID\tterm\n")
    with pytest.raises(LexomeError, match="no ground truth"):
        cafaprotocol.read_truth(str(path))


CONFIG = {"rule": "protein_function", "ontology": "o", "annotations": "a", "sequences": "s", **SETTINGS}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"time": TIME, "targets": {"sequences": "a", "truth": "b"}},
            "prepare.targets: the test proteins are those of",
        ),
        ({"knowledge": ["none"]}, "prepare.knowledge: there are no test proteins without"),
        ({"targets": {"sequences": "a", "truth": "b"}, "knowledge": ["partial"]}, "'partial' is of `time` only"),
        ({"time": TIME, "format": "cafa"}, "prepare.time: CAFA terms have no dates"),
        ({"time": TIME | {"train_before": "2016-13-01"}}, "time.train_before: '2016-13-01' is no day"),
        ({"time": TIME | {"test_before": "2016-01-01"}}, "time.test_before: has to be after train_before"),
    ],
)
def test_protocols_are_checked_before_anything_runs(changed, message):
    prepare = CONFIG | changed
    check(prepare, load_yaml(ROOT / "config/schemas/prepare.schema.yaml")["protein_function"], "prepare")
    study = {"prepare": prepare, "headline": ["fmax"], "models": {}, "splits": {}}
    (mistake,) = tasks.check_task(study, "studies.x")
    assert message in mistake
    assert tasks.check_task(study | {"prepare": CONFIG | {"time": TIME}}, "studies.x") == []


def test_the_schema_wants_days_in_quotes():
    schema = load_yaml(ROOT / "config/schemas/prepare.schema.yaml")["protein_function"]
    with pytest.raises(LexomeError, match="train_before"):
        check(CONFIG | {"time": TIME | {"train_before": pd.Timestamp("2016-09-07").date()}}, schema, "prepare")


def test_files_of_targets_are_files_of_the_study():
    study = {"prepare": CONFIG | {"targets": {"sequences": "t.fasta", "truth": "t.txt", "mapping": None}}}
    assert plan.prepare_files(study) == ["o", "a", "s", "t.fasta", "t.txt"]
