"""Tokens of examples: ids, lengths, and truncation that is never silent."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.tokens import encoder, load_tokenizer, tokenise


def test_ids_and_lengths(tiny_backbone):
    tokens = tokenise(["a", "b"], ["MKV", "BXU"], load_tokenizer(tiny_backbone), max_tokens=10)
    assert tokens["id"][:] == ["a", "b"]
    assert tokens["input_ids"][:] == [[0, 20, 15, 7, 2], [0, 25, 24, 26, 2]]
    assert tokens["length"][:] == [5, 5]
    assert tokens["truncated"][:] == [False, False]


def test_truncation_is_marked_and_said(tiny_backbone, caplog):
    with caplog.at_level(logging.WARNING):
        tokens = tokenise(["a", "b"], ["M" * 8, "M" * 9], load_tokenizer(tiny_backbone), max_tokens=10)
    assert tokens["truncated"][:] == [False, True]
    assert tokens["length"][:] == [10, 10]
    assert "1 of 2" in caplog.text


def test_folder_without_a_tokenizer(tmp_path):
    with pytest.raises(LexomeError, match="tokenizer"):
        load_tokenizer(tmp_path)


@given(st.lists(st.text("ACDEFGHIKLMNPQRSTVWYBZXUO.-", min_size=1, max_size=40), min_size=1, max_size=4))
def test_look_up_equals_the_tokenizer(tiny_backbone, texts):
    tokenizer = load_tokenizer(tiny_backbone)
    assert encoder(tokenizer)(texts) == tokenizer(texts)["input_ids"]


def test_every_unknown_residue_is_a_token(tiny_backbone):
    assert encoder(load_tokenizer(tiny_backbone))(["MJJK"]) == [[0, 20, 3, 3, 15, 2]]
