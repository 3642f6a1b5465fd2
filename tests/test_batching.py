"""Batches, shards and windows hold every sequence, and every token, once."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.batching import budget_batches, count_windows, cut_windows, shard_count, shard_rows, shares


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 120))
def test_batches_cover_all_rows_within_the_budget(lengths, budget):
    batches = budget_batches(lengths, budget)
    assert [i for batch in batches for i in batch] == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or sum(lengths[i] for i in batch) <= budget


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 120))
def test_no_batch_could_take_the_next_row(lengths, budget):
    for batch in budget_batches(lengths, budget)[:-1]:
        assert sum(lengths[batch.start : batch.stop + 1]) > budget


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 5))
def test_shards_cover_all_rows_and_ascend(lengths, shards):
    parts = [shard_rows(lengths, shard, shards) for shard in range(shards)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for part in parts:
        assert (np.diff(np.asarray(lengths)[part]) >= 0).all()


@pytest.mark.parametrize(("sequences", "jobs"), [(0, 1), (1, 1), (10, 1), (11, 2), (100, 10)])
def test_jobs_of_a_size(sequences, jobs):
    assert shard_count(sequences, {"shard_sequences": 10}) == jobs
    assert shard_count(sequences, {"shards": 3}) == 3


def framed(length, frame):
    """Token ids 10, 11, ... between special tokens 0 and 1, as far as `frame` has them."""
    head, tail = [0] * frame[0], [1] * frame[1]
    ids = np.array([*head, *range(10, 10 + length), *tail])
    return ids, ids >= 10


FRAMES = st.sampled_from([(1, 1), (1, 0), (0, 0)])


@given(st.integers(0, 400), FRAMES, st.integers(10, 60), st.integers(0, 7))
def test_windows_hold_every_token(length, frame, room, overlap):
    ids, content = framed(length, frame)
    windows = cut_windows(3, ids, content, room, overlap)
    assert len(windows) == count_windows(len(ids), length, room, overlap)
    held = np.zeros(length)
    weights = shares(windows)
    for window, weight in zip(windows, weights, strict=True):
        assert len(window.ids) <= room
        assert window.row == 3
        inside = window.ids[window.content]
        assert (inside == np.arange(10 + window.start, 10 + window.start + len(inside))).all()
        # What frames the whole sequence frames each window.
        assert window.ids.tolist() == [*ids[: frame[0]], *inside, *ids[len(ids) - frame[1] :]]
        held[window.start : window.start + len(inside)] += weight
    np.testing.assert_allclose(held, 1, atol=1e-6)


@given(st.integers(50, 400), FRAMES, st.integers(10, 60), st.integers(0, 7))
def test_neighbouring_windows_share_what_they_should(length, frame, room, overlap):
    windows = cut_windows(0, *framed(length, frame), room, overlap)
    for left, right in itertools.pairwise(windows):
        shared = left.start + (left.content.stop - left.content.start) - right.start
        assert shared >= overlap


def test_titin_in_esm2():
    # 34,350 residues, 1,022 at once, a quarter of 1,024 shared: 766 new residues a window.
    windows = cut_windows(0, *framed(34350, (1, 1)), 1024, 256)
    assert len(windows) == 1 + -(-(34350 - 1022) // 766) == 45
    assert {len(window.ids) for window in windows} == {1024}
