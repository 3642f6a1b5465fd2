"""GO definitions by aspect: every live term once, every step counted, the hard variant without opening words."""

import json
from pathlib import Path

import networkx as nx
import obonet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lexome.errors import LexomeError
from parse_ontology import parse_ontology
from prepare_go_aspect import prepare_go_aspect

GO = Path(__file__).parent / "fixtures" / "go" / "go.obo"
ASPECTS = ["biological_process", "cellular_component", "molecular_function"]


@pytest.fixture(scope="module")
def ontology(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ontology") / "go.parquet"
    parse_ontology(str(GO), str(path))
    return str(path)


@pytest.fixture
def prepare(ontology, tmp_path):
    """Run it; gives examples, labels and counts (n by step)."""

    def run(opening_words=0, terms=ontology, slim=None):
        outputs = [str(tmp_path / name) for name in ("examples.parquet", "labels.json", "prepare.json")]
        prepare_go_aspect(str(terms), opening_words, slim, *outputs)
        labels, report = (json.loads(Path(path).read_text()) for path in outputs[1:])
        return pd.read_parquet(outputs[0]), labels, {row["step"]: row["n"] for row in report["counts"]}

    run.folder = tmp_path
    return run


def change(ontology, folder, edit) -> Path:
    terms = pd.read_parquet(ontology)
    edit(terms)
    path = folder / "changed.parquet"
    terms.to_parquet(path)
    return path


def naive(opening_words=0) -> dict[str, tuple[str, str]]:
    """Text and aspect of every live term, the slow way; a lone sign (+) is no word and goes with the one before it."""
    found = {}
    for term, fields in obonet.read_obo(str(GO)).nodes(data=True):
        words = fields["def"].rsplit("[", 1)[0].strip().strip('"').replace('\\"', '"').split()
        seen = 0
        while opening_words and words and (seen < opening_words or not any(map(str.isalnum, words[0]))):
            seen += any(map(str.isalnum, words.pop(0)))
        if words:
            found[term] = " ".join(words), fields["namespace"]
    return found


@pytest.mark.parametrize("opening_words", [0, 5])
def test_examples_equal_a_naive_reading(prepare, opening_words):
    examples, labels, counts = prepare(opening_words)
    ids = [label["id"] for label in labels["labels"]]
    assert {row.id: (row.text, ids[row.labels[0]]) for row in examples.itertuples()} == naive(opening_words)
    assert counts["distinct texts"] == examples["group"].nunique()
    assert sum(counts[label["name"]] for label in labels["labels"]) == len(examples)


def test_contract_of_the_files(prepare):
    examples, labels, _ = prepare()
    schema = pq.read_schema(prepare.folder / "examples.parquet")
    assert {field.name: field.type for field in schema} == {
        "id": pa.string(),
        "name": pa.string(),
        "text": pa.string(),
        "length": pa.int32(),
        "group": pa.string(),
        "labels": pa.list_(pa.int32()),
    }
    assert examples["id"].is_unique
    assert examples["id"].is_monotonic_increasing
    assert examples["labels"].map(len).eq(1).all()
    assert {key: value for key, value in labels.items() if key != "labels"} == {
        "task": "multi_class",
        "example_noun": "definition",
        "label_noun": "aspect",
        "length_unit": "words",
    }
    assert [label["id"] for label in labels["labels"]] == ASPECTS
    assert [label["name"] for label in labels["labels"]] == [aspect.replace("_", " ") for aspect in ASPECTS]
    assert examples.set_index("id").loc["GO:0003677", ["name", "text", "length"]].tolist() == [
        *("DNA binding", "Holding on to DNA.", 4)
    ]


def test_every_step_is_counted(prepare):
    examples, _, counts = prepare(5)
    assert counts["terms read"] == counts["obsolete terms dropped"] + counts["definitions"]
    assert counts["obsolete terms dropped"] == 4
    assert counts["shortened definitions"] == counts["definitions"] - counts["too short definitions dropped"]
    assert counts["too short definitions dropped"] == 7
    assert len(examples) == counts["shortened definitions"]
    assert examples["length"].sum() == counts["words"]


def test_shortened_definitions_that_are_equal_share_a_group(prepare):
    examples, _, counts = prepare(5)
    assert examples.groupby(examples["text"].str.lower())["group"].nunique().eq(1).all()
    assert counts["distinct texts"] == examples["text"].str.lower().nunique() < len(examples)


def test_terms_without_a_word_are_dropped_and_counted(prepare, ontology):
    def edit(terms):
        terms.loc[terms["id"] == "GO:0003677", "definition"] = ""
        terms.loc[terms["id"] == "GO:0003723", "definition"] = " - "

    examples, _, counts = prepare(terms=change(ontology, prepare.folder, edit))
    assert counts["without a definition dropped"] == 2
    assert not {"GO:0003677", "GO:0003723"} & set(examples["id"])


def test_what_leaves_nothing_says_so(prepare, ontology):
    with pytest.raises(LexomeError, match=r"'shortened definitions': take off fewer words \(opening_words: 99\)"):
        prepare(99)
    terms = change(ontology, prepare.folder, lambda terms: terms.__setitem__("definition", ""))
    with pytest.raises(LexomeError, match="after the step 'definitions'"):
        prepare(terms=terms)
    assert not (prepare.folder / "examples.parquet").exists()


def test_classes_of_a_slim_are_those_that_a_term_descends_from(prepare, ontology):
    slim = {"GO:0003676", "GO:0003677", "GO:0008150"}  # nucleic acid binding, DNA binding below it, and a root

    def edit(terms):
        terms["subsets"] = [["made_up"] if term in slim else [] for term in terms["id"]]

    examples, labels, counts = prepare(terms=change(ontology, prepare.folder, edit), slim="made_up")
    assert labels["task"] == "multi_label"
    assert [label["id"] for label in labels["labels"]] == ["GO:0003676", "GO:0003677"]
    graph = obonet.read_obo(str(GO))
    edges = [edge for edge in graph.edges(keys=True) if edge[2] in ("is_a", "part_of")]
    over = nx.DiGraph((child, parent) for child, parent, _ in edges)
    found = {row.id: {labels["labels"][i]["id"] for i in row.labels} for row in examples.itertuples()}
    wanted = {term: ({term} | nx.descendants(over, term)) & (slim - {"GO:0008150"}) for term in over}
    assert found == {term: classes for term, classes in wanted.items() if classes}
    assert {frozenset(classes) for classes in found.values()} == {
        frozenset({"GO:0003676"}),
        frozenset(slim - {"GO:0008150"}),
    }
    assert counts["without a class dropped"] == counts["definitions"] - len(examples)


def test_a_slim_that_is_not_there(prepare):
    with pytest.raises(LexomeError, match="no term but a root is in 'goslim_none'"):
        prepare(slim="goslim_none")
