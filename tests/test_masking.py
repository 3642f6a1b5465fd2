"""Masks: as many as asked for, 80/10/10, never a special token, the same whenever they are drawn again."""

import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from lexome.errors import LexomeError
from lexome.masking import Masker, make_masker
from lexome.tokens import load_tokenizer
from tiny_bert import make_backbone

SPECIAL, MASK = np.array([0, 1, 2, 3, 4]), 4
ORDINARY = np.arange(5, 105)
MASKER = Masker(0.15, 7, MASK, SPECIAL, ORDINARY)
ROWS = [np.concatenate([[2], np.random.default_rng(row).choice(ORDINARY, 78), [3]]) for row in range(1000)]


def drawn(epoch):
    """Whether each content token was chosen, what it was, and what it became; one flat array each."""
    chosen, before, after = [], [], []
    for at, row in enumerate(ROWS):
        masked, places = MASKER(row, at, epoch)
        chosen.append(np.isin(np.arange(1, len(row) - 1), places))
        before.append(row[1:-1])
        after.append(masked[1:-1])
        assert masked[0] == 2
        assert masked[-1] == 3
    return np.concatenate(chosen), np.concatenate(before), np.concatenate(after)


def plausible(hits, n, chance):
    return binomtest(int(hits), int(n), chance).pvalue > 1e-4


def test_shares_are_those_of_bert():
    chosen, before, after = drawn(1)
    assert plausible(chosen.sum(), len(chosen), 0.15)
    n, became, was = chosen.sum(), after[chosen], before[chosen]
    # A random token is the old one once in a hundred draws.
    assert plausible((became == MASK).sum(), n, 0.8)
    assert plausible((became == was).sum(), n, 0.1 + 0.1 / 100)
    other = became[(became != MASK) & (became != was)]
    assert plausible(len(other), n, 0.1 * 99 / 100)
    assert chisquare(np.bincount(other, minlength=105)[5:]).pvalue > 1e-4
    np.testing.assert_array_equal(after[~chosen], before[~chosen])


def test_every_place_is_as_likely():
    chosen = drawn(2)[0].reshape(len(ROWS), -1).sum(axis=0)
    assert chisquare(chosen).pvalue > 1e-4


def test_special_tokens_are_never_chosen():
    row = np.tile(SPECIAL, 400)
    masked, places = MASKER(row, 0, 1)
    assert not len(places)
    np.testing.assert_array_equal(masked, row)


def test_masks_follow_from_seed_epoch_and_place_alone():
    again, places = MASKER(ROWS[5], 5, 3)
    for at in (1, 2):
        MASKER(ROWS[at], at, 3)
    np.testing.assert_array_equal(MASKER(ROWS[5], 5, 3)[0], again)
    other_seed = Masker(0.15, 8, MASK, SPECIAL, ORDINARY)
    for _, other in (MASKER(ROWS[5], 5, 4), MASKER(ROWS[5], 6, 3), other_seed(ROWS[5], 5, 3)):
        assert other.tolist() != places.tolist()
    fixed = MASKER(ROWS[5], 5)
    np.testing.assert_array_equal(MASKER(ROWS[5], 5)[0], fixed[0])


def test_a_tokenizer_gives_its_ids(tmp_path):
    tokenizer = load_tokenizer(make_backbone(tmp_path / "bert"))
    masker = make_masker(tokenizer, 0.2, 1, 20)
    assert masker.mask_id == tokenizer.convert_tokens_to_ids("[MASK]")
    assert set(masker.special) == set(tokenizer.convert_tokens_to_ids(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    assert masker.ordinary.tolist() == list(range(5, 20))
    tokenizer.mask_token = None
    with pytest.raises(LexomeError, match="no mask token"):
        make_masker(tokenizer, 0.2, 1, 20)
