import numpy as np
import pytest

from tachylite.data import arrays
from tachylite.model.dtypes import INT4, STRING
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Quantization, Tensor


def tensor(dtype, *shape, scale=None, zero_point=0, signature=None):
    quantization = None if scale is None else Quantization.per_tensor(scale, zero_point)
    return Tensor("x", tuple(abs(d) for d in shape), np.dtype(dtype), quantization, shape_signature=signature)


def test_npy_and_npz(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "a.npy", values)
    np.testing.assert_array_equal(arrays.read(tmp_path / "a.npy"), values)
    arrays.write(tmp_path / "b.npz", {"first/x:0": values, "file": np.array([b"ab", b""], STRING)})
    content = arrays.read(tmp_path / "b.npz")
    np.testing.assert_array_equal(content["first/x:0"], values)
    np.testing.assert_array_equal(content["file"], [b"ab", b""])


def test_what_is_no_array(tmp_path):
    np.save(tmp_path / "whole.npy", np.zeros(100))
    (tmp_path / "half.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:300])
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("hello")
    for name in ("half.npy", "objects.npy", "text.npz"):
        with pytest.raises(FileError, match=f"{name} is no .npy or .npz file"):
            arrays.read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        arrays.read(tmp_path / "missing.npy")


def test_raw(tmp_path):
    values = np.arange(12, dtype=np.int16).reshape(1, 4, 3)
    (tmp_path / "x.raw").write_bytes(values.tobytes())
    for form in (tensor(np.int16, 1, 4, 3), tensor(np.int16, 1, 1, 3, signature=(1, -1, 3))):
        np.testing.assert_array_equal(arrays.read_raw(tmp_path / "x.raw", form), values)
    for form, message in (
        (tensor(np.int16, 1, 4, 2), r"has 24 bytes, 'x' needs 16: int16\[1, 4, 2\]"),
        (tensor(np.float32, 1, 1, 4, signature=(1, -1, 4)), "needs 16 times a whole number"),
    ):
        with pytest.raises(FileError, match=message):
            arrays.read_raw(tmp_path / "x.raw", form)
    for form in (tensor(STRING, 1), tensor(np.int8, 1, 1, signature=(-1, -1))):
        with pytest.raises(TachyliteError, match="raw bytes do not determine"):
            arrays.read_raw(tmp_path / "x.raw", form)


def test_types_are_converted_where_nothing_is_lost():
    assert arrays.fit(np.zeros(3), tensor(np.float32, 3)).dtype == np.float32
    assert arrays.fit(np.array([1, 2]), tensor(np.int32, 2)).dtype == np.int32
    assert arrays.fit(np.array([-8, 7]), tensor(INT4, 2)).dtype == INT4
    assert arrays.fit(np.array(["a", "é"]), tensor(STRING, 2)).tolist() == [b"a", "é".encode()]
    same = np.zeros(3, np.int8)
    assert arrays.fit(same, tensor(np.int8, 3)) is same
    for values, dtype in (([300], np.uint8), ([0.5], np.int32), ([1 + 2j], np.float32), ([2], np.bool_)):
        with pytest.raises(TachyliteError, match="convert it, or scale its values"):
            arrays.fit(np.array(values), tensor(dtype, 1))


def test_real_numbers_are_quantized():
    stored = arrays.fit(np.array([0.0, 0.25, -0.25, 0.75, 99, -99], np.float32), tensor(np.int8, 6, scale=0.5, zero_point=3))
    assert stored.tolist() == [3, 4, 2, 5, 127, -128]
    assert stored.dtype == np.int8


def test_shapes():
    assert arrays.fit(np.zeros((2, 3), np.float32), tensor(np.float32, 1, 2, 3)).shape == (1, 2, 3)
    assert arrays.fit(np.zeros((5, 3), np.float32), tensor(np.float32, 1, 3, signature=(-1, 3))).shape == (5, 3)
    for shape in ((3,), (2, 2), (1, 2, 3)):
        with pytest.raises(TachyliteError, match="reshape it, or resize the input"):
            arrays.fit(np.zeros(shape, np.float32), tensor(np.float32, 2, 3))
