"""What a journal names is on disk; what was begun otherwise is begun anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.partialshard import PartialShard, decode, encode

ARRAYS = {"vectors": ((4, 3), np.float32), "tokens": ((0, 2), np.float32)}


def begin(folder, **plan):
    return PartialShard(folder, ARRAYS, {"layers": (1, 2)} | plan)


def test_goes_on_where_it_was(tmp_path):
    first = begin(tmp_path / "p")
    first.arrays["vectors"][:2] = 7
    first.note(0)
    first.arrays["vectors"][2:] = 9  # and then the job ends
    again = begin(tmp_path / "p")
    assert again.done == {0}
    again.arrays["vectors"][2:] = 8
    again.note(1)
    again.finish({"vectors": tmp_path / "out" / "v.npy", "tokens": tmp_path / "out" / "t.npy"})
    assert np.load(tmp_path / "out" / "v.npy").tolist() == [[7] * 3] * 2 + [[8] * 3] * 2
    assert np.load(tmp_path / "out" / "t.npy").shape == (0, 2)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("change", ["plan", "shape", "half"])
def test_begins_anew_what_was_made_otherwise(tmp_path, change, caplog):
    first = begin(tmp_path / "p")
    first.note(0)
    if change == "plan":
        again = begin(tmp_path / "p", layers=[1])
    elif change == "shape":
        again = PartialShard(tmp_path / "p", ARRAYS | {"vectors": ((5, 3), np.float32)}, {"layers": (1, 2)})
    else:
        (tmp_path / "p" / "plan.json").unlink()  # the last that is written when a shard is begun
        again = begin(tmp_path / "p")
    assert again.done == set()
    assert not (again.arrays["vectors"] != 0).any()


def test_a_line_that_was_being_written_does_not_count(tmp_path):
    first = begin(tmp_path / "p")
    first.note(3)
    with open(tmp_path / "p" / "done.txt", "a") as journal:
        journal.write("12")  # of 125
    again = begin(tmp_path / "p")
    assert again.done == {3}
    again.note(1)
    assert begin(tmp_path / "p").done == {1, 3}


def test_a_job_that_ends_while_it_finishes_loses_nothing(tmp_path, monkeypatch):
    first = begin(tmp_path / "p")
    first.arrays["vectors"][:] = 5
    first.note(0)

    def end(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("lexome.partialshard.shutil.rmtree", end)
    with pytest.raises(KeyboardInterrupt):
        first.finish({"vectors": tmp_path / "v.npy", "tokens": tmp_path / "t.npy"})
    monkeypatch.undo()
    (tmp_path / "v.npy").unlink()  # as the workflow does with outputs of a job that failed
    again = begin(tmp_path / "p")
    assert again.done == {0}
    again.finish({"vectors": tmp_path / "v.npy", "tokens": tmp_path / "t.npy"})
    assert (np.load(tmp_path / "v.npy") == 5).all()


@given(st.lists(st.floats(-(2.0**127), 2.0**127, width=32), min_size=1))
def test_bfloat16_is_rounded_as_torch_rounds(values):
    import torch

    values = np.array(values, dtype=np.float32)
    expected = torch.from_numpy(values).bfloat16()
    np.testing.assert_array_equal(decode(encode(values, "bfloat16"), "bfloat16"), expected.float().numpy())


def test_float16_keeps_what_is_too_large_finite():
    assert decode(encode(np.array([1e6, -1e6, 0.5], np.float32), "float16"), "float16").tolist() == [65504, -65504, 0.5]
