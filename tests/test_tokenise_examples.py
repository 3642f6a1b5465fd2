"""Examples become a dataset on disk: in their order, from the right column, whole or not at all."""

import datasets
import pandas as pd
import pytest

from lexome.errors import LexomeError
from tokenise_examples import tokenise_examples

SEQUENCES = {"z": "MKV", "a": "GG", "m": "ACDEFGHIKL", "b": "W"}
ALPHABET = "LAGVSERTIDPKQNFYMHWCXBUZO.-"  # ESM's residues, from id 4 on


def expected(sequence: str) -> list[int]:
    """Ids by hand: cls, a residue a token, eos."""
    return [0, *(ALPHABET.index(residue) + 4 for residue in sequence), 2]


def write(path, columns: dict):
    pd.DataFrame(columns).to_parquet(path)
    return path


@pytest.fixture
def examples(tmp_path):
    columns = {"id": list(SEQUENCES), "sequence": list(SEQUENCES.values()), "labels": [[0], [], [1], [0, 1]]}
    return write(tmp_path / "examples.parquet", columns)


def test_dataset_on_disk_in_the_order_of_the_examples(tiny_backbone, examples, tmp_path):
    tokenise_examples(examples, [examples], tiny_backbone, 64, tmp_path / "tokens" / "tiny")
    tokens = datasets.load_from_disk(tmp_path / "tokens" / "tiny")
    assert set(tokens.column_names) == {"id", "input_ids", "length", "truncated", "first"}
    assert tokens["id"][:] == list(SEQUENCES)
    assert tokens["input_ids"][:] == [expected(sequence) for sequence in SEQUENCES.values()]
    assert tokens["length"][:] == [len(sequence) + 2 for sequence in SEQUENCES.values()]
    assert not any(tokens["truncated"])
    assert tokens["first"][:] == list(range(len(SEQUENCES)))  # all are distinct
    # Nothing but the dataset, and no labels in it.
    assert [path.name for path in (tmp_path / "tokens").iterdir()] == ["tiny"]


def test_long_examples_are_cut_to_the_backbones_length(tiny_backbone, examples, tmp_path):
    tokenise_examples(examples, [examples], tiny_backbone, 5, tmp_path / "tokens")
    tokens = datasets.load_from_disk(tmp_path / "tokens")
    assert tokens["truncated"][:] == [False, False, True, False]
    assert tokens["input_ids"][:][2] == expected("ACD")


def test_text_is_read_where_there_is_no_sequence(tiny_backbone, tmp_path):
    examples = write(tmp_path / "e.parquet", {"id": ["a", "b"], "text": ["MK", "V"]})
    tokenise_examples(examples, [examples], tiny_backbone, 64, tmp_path / "tokens")
    assert datasets.load_from_disk(tmp_path / "tokens")["input_ids"][:] == [expected("MK"), expected("V")]


def test_sequence_goes_before_text(tiny_backbone, tmp_path):
    examples = write(tmp_path / "e.parquet", {"id": ["a"], "text": ["MK"], "sequence": ["V"]})
    tokenise_examples(examples, [examples], tiny_backbone, 64, tmp_path / "tokens")
    assert datasets.load_from_disk(tmp_path / "tokens")["input_ids"][:] == [expected("V")]


def test_only_examples_that_a_split_uses(tiny_backbone, examples, tmp_path):
    splits = [write(tmp_path / f"{n}.parquet", {"id": ids}) for n, ids in enumerate((["b", "z"], ["z"]))]
    tokenise_examples(examples, splits, tiny_backbone, 64, tmp_path / "tokens")
    assert datasets.load_from_disk(tmp_path / "tokens")["id"][:] == ["z", "b"]


def test_failure_leaves_nothing(examples, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LexomeError, match="no tokenizer could be loaded"):
        tokenise_examples(examples, [examples], tmp_path / "empty", 64, tmp_path / "tokens")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "examples.parquet"]
