"""One-hot files are read in either orientation, N and all, and faults name their array."""

import h5py
import numpy as np
import pytest

from lexome import onehotfiles
from lexome.dna import one_hot
from lexome.errors import LexomeError
from lexome.onehotfiles import read_one_hot

PARTS = {
    "train": (["ACGTN", "TTTTT", "GGGCC"], [1, 0, 1]),
    "valid": (["AAAAA"], [0]),
    "test": (["CCCCC", "NNACG"], [1, 0]),
}


def write(path, last=False, upper=False, dtype=np.float64, **changes):
    """`changes`: arrays by name, None for none."""
    arrays = {}
    for subset, (sequences, bound) in PARTS.items():
        x = one_hot(sequences).astype(dtype)
        arrays[f"x_{subset}"] = x.transpose(0, 2, 1) if last else x
        arrays[f"y_{subset}"] = np.array(bound)[:, None]
    with h5py.File(path, "w") as file:
        for name, array in (arrays | changes).items():
            if array is not None:
                file[name.upper() if upper else name] = array
    return path


@pytest.mark.parametrize("block", [1, 2, 100])
@pytest.mark.parametrize("settings", [{}, {"last": True}, {"upper": True}, {"dtype": np.uint8}])
def test_every_subset_is_read(tmp_path, settings, block, monkeypatch):
    monkeypatch.setattr(onehotfiles, "BLOCK", block)
    read = dict(read_one_hot(write(tmp_path / "f.h5", **settings)))
    assert list(read) == ["train", "valid", "test"]
    for subset, (sequences, bound) in PARTS.items():
        assert read[subset]["sequence"].tolist() == sequences
        assert read[subset]["bound"].tolist() == [bool(value) for value in bound]
        assert read[subset]["name"].tolist() == [f"{at:06d}" for at in range(len(bound))]


def test_valid_may_be_absent_and_labels_a_plain_list(tmp_path):
    path = write(tmp_path / "f.h5", x_valid=None, y_valid=None, y_test=np.array([1, 0]))
    read = dict(read_one_hot(path))
    assert list(read) == ["train", "test"]
    assert read["test"]["bound"].tolist() == [True, False]


def test_all_channels_are_no_letter(tmp_path):
    x = one_hot(["ACGT", "ACGT"])
    x[1, :, 2] = 1
    read = dict(read_one_hot(write(tmp_path / "f.h5", x_test=x)))
    assert read["test"]["sequence"].tolist() == ["ACGT", "ACNT"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, r"f\.h5: no arrays x_test and y_test; the file has .*x_train"),
        ({"y_train": None}, r"no arrays x_train and y_train"),
        ({"y_valid": None}, r"no arrays x_valid and y_valid"),
        ({"x_train": np.zeros((3, 5))}, r"f\.h5, x_train: has the shape \(3, 5\); one-hot DNA has"),
        ({"x_train": np.zeros((3, 5, 6))}, r"x_train: has the shape \(3, 5, 6\)"),
        ({"x_train": np.zeros((0, 4, 6)), "y_train": np.zeros((0, 1))}, r"x_train: has no sequence"),
        ({"x_train": np.full((3, 4, 6), 0.25)}, r"x_train: has values other than 0 and 1; it is not one-hot"),
        ({"y_train": np.zeros((3, 10))}, r"y_train: has the shape \(3, 10\); a file of one factor with 3 sequences"),
        ({"y_train": np.zeros(2)}, r"y_train: has the shape \(2,\)"),
        ({"y_train": np.array([0, 2, 1])}, r"y_train: has values other than 0 and 1"),
    ],
)
def test_faults_name_the_array(tmp_path, changes, message):
    with pytest.raises(LexomeError, match=message):
        list(read_one_hot(write(tmp_path / "f.h5", **changes)))


def test_other_files_are_named(tmp_path):
    (tmp_path / "f.h5").write_text("x")
    with pytest.raises(LexomeError, match=r"f\.h5: not an HDF5 file, or cut off"):
        list(read_one_hot(tmp_path / "f.h5"))
    with pytest.raises(LexomeError, match=r"g\.h5: no such file"):
        list(read_one_hot(tmp_path / "g.h5"))
