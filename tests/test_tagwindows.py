"""Words, tokens and windows: every word is whole in its home, which has the most context; nothing is lost between."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.documents import Document, Entity
from lexome.errors import LexomeError
from lexome.initialisation import initialise
from lexome.tagwindows import Encoder, collate, covered, find_home, spread
from lexome.tokens import load_tokenizer
from lexome.wordtokens import word_tokens

SIZES = {"layers": 1, "hidden": 8, "heads": 2, "intermediate": 8, "positions": 64, "seed": 0}


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A tokenizer that makes a token of every letter."""
    folder = tmp_path_factory.mktemp("windows") / "bert"
    initialise({"architecture": "bert"} | SIZES, folder)
    return load_tokenizer(folder)


@given(st.integers(0, 400), st.integers(4, 60), st.integers(1, 30))
def test_windows_cover_all_and_share_what_they_should(length, budget, stride):
    stride = min(stride, budget // 2)
    windows = spread(length, budget, stride)
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    assert all(end - start <= budget for start, end in windows)
    shared = [one[1] - other[0] for one, other in pairwise(windows)]
    assert all(number >= stride for number in shared)
    # One window fewer could not hold them.
    assert len(windows) == 1 or budget + (len(windows) - 2) * (budget - stride) < length


@given(st.lists(st.integers(1, 9), min_size=1, max_size=80), st.integers(20, 40))
def test_home_is_the_window_with_most_context(sizes, budget):
    last = np.cumsum(sizes) - 1
    first = last - np.array(sizes) + 1
    length = int(last[-1]) + 1
    windows = spread(length, budget, 9)
    for a, b, home in zip(first, last, find_home(first, last, windows), strict=True):
        margins = []
        for start, end in windows:
            left = np.inf if start == 0 else a - start
            margins.append(min(left, np.inf if end == length else end - 1 - b))
        assert margins[home] == max(margins)
        assert windows[home][0] <= a
        assert b < windows[home][1]


@given(st.text(alphabet="ab -β1é_.\n\t", max_size=120), st.sampled_from(["first", "mean"]))
def test_batches_hold_the_tokens_of_every_word(letters, text, pooling):
    encoder = Encoder(letters, 20, 8)
    texts = [text, "a word", text[::-1]]
    documents = [encoder(Document(str(at), one)) for at, one in enumerate(texts)]
    batch = collate(documents, encoder, pooling, torch.device("cpu"))
    assert batch.input_ids.shape[1] <= 20
    assert batch.sizes == [len(one.words) for one in documents]
    row = batch.input_ids.flatten()[batch.pieces]
    word = 0
    for one, source in zip(documents, texts, strict=True):
        known = {tuple(span) for span in one.words.tolist()}
        assert known <= set(word_tokens(source))
        for start, end in word_tokens(source):
            whole = letters(source[start:end], add_special_tokens=False)["input_ids"]
            assert bool(whole) == ((start, end) in known)
            if whole:
                wanted = whole[:1] if pooling == "first" else whole[: encoder.stride]
                assert row[batch.owner == word].tolist() == wanted
                word += 1
    assert word == sum(batch.sizes)
    assert batch.attention_mask.flatten()[batch.pieces].all()


def test_words_of_which_the_tokenizer_makes_nothing_are_left_out(letters):
    told = Encoder(letters, 20, 8)(Document("d", "a \u200b b"))
    assert told.words.tolist() == [[0, 1], [4, 5]]


def test_special_tokens_frame_every_window(letters):
    encoder = Encoder(letters, 20, 8)
    batch = collate([encoder(Document("d", "abcde " * 12))], encoder, "first", torch.device("cpu"))
    assert len(batch.input_ids) > 1
    for row, mask in zip(batch.input_ids, batch.attention_mask, strict=True):
        told = row[mask.bool()].tolist()
        assert (told[0], told[-1]) == (letters.cls_token_id, letters.sep_token_id)


def test_markers_stand_around_entities_and_before_their_first_word(letters):
    text = "ab cd ef"
    entities = (Entity("E", "A", ((3, 8),)), Entity("F", "B", ((3, 5),)))
    told = Encoder(letters, 64, 8)(Document("d", text, entities), {"A": (90, 91), "B": (92, 93)})
    plain = Encoder(letters, 64, 8)(Document("d", text))
    a, b, c, d, e, f = plain.tokens
    assert told.tokens.tolist() == [a, b, 90, 92, c, d, 93, e, f, 91]
    assert told.tokens[told.first].tolist() == [a, 90, e]
    assert told.tokens[told.last].tolist() == [b, d, f]


def test_covered_words_share_a_character():
    words = np.array([[0, 2], [3, 5], [6, 8]])
    assert covered(words, [(1, 4)]).tolist() == [0, 1]
    assert covered(words, [(2, 3)]).tolist() == []
    assert covered(words, [(0, 1), (7, 9)]).tolist() == [0, 2]


def test_windows_too_short_for_their_overlaps_are_refused(letters, tiny_backbone):
    with pytest.raises(LexomeError, match="stride: windows of 18 tokens cannot share 10"):
        Encoder(letters, 20, 10)
    with pytest.raises(LexomeError, match="does not tell where its tokens stand"):
        Encoder(load_tokenizer(tiny_backbone), 20, 5)
