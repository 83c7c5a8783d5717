import numpy as np
import pytest
from PIL import Image

from tachylite.data import pictures, prepare
from tachylite.data.audio import Sound
from tachylite.model.dtypes import BFLOAT16
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Quantization, Tensor
from tachylite.model.metadata import TensorInfo

rng = np.random.default_rng(0)
PICTURE = rng.integers(0, 256, (4, 5, 3), np.uint8)


def tensor(dtype, *shape, scale=None, zero_point=0, signature=None):
    quantization = None if scale is None else Quantization.per_tensor(scale, zero_point)
    return Tensor("x", shape, np.dtype(dtype), quantization, shape_signature=signature)


def values(dtype, *arguments, scale=None, zero_point=0, **options):
    """What becomes of PICTURE, unresized."""
    return prepare.prepare(PICTURE, tensor(dtype, 1, 4, 5, 3, scale=scale, zero_point=zero_point), *arguments, **options)[0]


def test_bytes_take_pixels_as_they_are():
    assert (values(np.uint8) == PICTURE).all()
    assert (values(np.uint8, scale=1 / 128, zero_point=128) == PICTURE).all()
    assert (values(np.int8, scale=1 / 255, zero_point=-128) == PICTURE.astype(int) - 128).all()
    assert (values(np.int8, TensorInfo(mean=(0.0,), std=(1.0,)), scale=1 / 255, zero_point=-128) == PICTURE.astype(int) - 128).all()
    assert (values(np.int32) == PICTURE).all()


def test_real_numbers_are_normalized():
    for dtype, tolerance in ((np.float32, 1e-6), (np.float16, 1e-3), (BFLOAT16, 1e-2)):
        result = values(dtype)
        assert result.dtype == dtype
        np.testing.assert_allclose(result.astype(np.float64), PICTURE / 127.5 - 1, atol=tolerance)
    about = TensorInfo(mean=(0.0,), std=(255.0,))
    np.testing.assert_allclose(values(np.float32, about), PICTURE / 255, atol=1e-6)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    np.testing.assert_allclose(values(np.float32, about, mean=mean, std=std), (PICTURE - np.array(mean)) / std, atol=1e-5)
    np.testing.assert_allclose(values(np.float32, about, mean=[255]), (PICTURE - 255.0) / 255, atol=1e-6)


def test_the_caller_s_numbers_go_before_everything():
    stored = np.clip(np.rint(PICTURE / 255 / 0.02) - 10, -128, 127)
    assert (values(np.int8, mean=[0], std=[255], scale=0.02, zero_point=-10) == stored).all()
    assert (values(np.int16, scale=2**-15) == np.clip(np.rint((PICTURE / 127.5 - 1) * 2**15), -(2**15), 2**15 - 1)).all()


def test_wrong_normalization():
    for options in ({"mean": [1, 2]}, {"std": [1, 2, 3, 4]}, {"std": [0]}):
        with pytest.raises(TachyliteError, match="it must be one number or 3, one per channel, and std not 0"):
            values(np.float32, **options)


@pytest.mark.parametrize(
    ("shape", "signature", "result"),
    [
        ((1, 8, 6, 3), None, (1, 8, 6, 3)),
        ((1, 3, 8, 6), None, (1, 3, 8, 6)),
        ((8, 6, 3), None, (8, 6, 3)),
        ((1, 8, 6), None, (1, 8, 6)),
        ((8, 6), None, (8, 6)),
        ((1, 1, 1, 3), (-1, -1, -1, 3), (1, 4, 5, 3)),
        ((1, 8, 1, 1), (1, 8, -1, 1), (1, 8, 5, 1)),
    ],
)
def test_layouts(shape, signature, result):
    prepared = prepare.prepare(PICTURE, tensor(np.uint8, *shape, signature=signature))
    assert prepared.shape == result
    expected = pictures.resize(pictures.with_channels(PICTURE, 3 if 3 in shape else 1), *sorted(set(result) - {1, 3}, key=result.index))
    if shape == (1, 3, 8, 6):
        prepared = prepared.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(prepared.reshape(expected.shape), np.rint(expected))


@pytest.mark.parametrize("signature", [(8, 4, 5, 3), (1, 784), (-1, 640), (-1, 16000, 1), (1, 8, 5, 2), (3,), (1, 1, 1, 1, 1)])
def test_inputs_that_take_no_picture(signature):
    with pytest.raises(TachyliteError, match="does not take one picture"):
        prepare.prepare(PICTURE, tensor(np.float32, *(abs(d) for d in signature), signature=signature))


def test_types_that_take_no_picture():
    with pytest.raises(TachyliteError, match="bool, which takes neither"):
        values(np.bool_)


def test_sounds():
    sound = Sound(np.array([0.5, -0.5, 1.0], np.float32), 16000)
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.float32, 2)), [0.5, -0.5])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.float32, 1, 5, 1))[0, :, 0], [0.5, -0.5, 1, 0, 0])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.float32, 1, 1, signature=(-1, -1)))[0], [0.5, -0.5, 1])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.int16, 3)), [16384, -16384, 32767])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.int8, 3, scale=1 / 64, zero_point=2)), [34, -30, 66])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.float32, 3), mean=[1], std=[2]), [-0.25, -0.75, 0])
    np.testing.assert_array_equal(prepare.prepare(sound, tensor(np.float32, 1, signature=(-1,)), rate=8000).shape, [2])
    with pytest.raises(TachyliteError, match="does not take one sound"):
        prepare.prepare(sound, tensor(np.float32, 4, 4))


def test_files_of_every_kind(tmp_path):
    form = tensor(np.uint8, 1, 4, 5, 3)
    Image.fromarray(PICTURE).save(tmp_path / "b.PNG")
    np.save(tmp_path / "a.npy", PICTURE)
    np.savez(tmp_path / "c.npz", x=PICTURE, y=PICTURE[:1])
    np.savez(tmp_path / "d.npz", z=PICTURE)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "e.raw").write_bytes(PICTURE.tobytes())
    (tmp_path / "notes.txt").write_text("no input")
    found = prepare.files(tmp_path)
    assert [path.name for path in found] == ["a.npy", "b.PNG", "e.raw", "c.npz", "d.npz"]
    for path in found:
        np.testing.assert_array_equal(prepare.read(path, form)[0], PICTURE)


def test_files_of_no_use(tmp_path):
    np.savez(tmp_path / "c.npz", y=PICTURE, z=PICTURE)
    with pytest.raises(TachyliteError, match=r"arrays named \['y', 'z'\], none is named 'x'"):
        prepare.read(tmp_path / "c.npz", tensor(np.uint8, 1, 4, 5, 3))
    (tmp_path / "notes.txt").write_text("no input")
    with pytest.raises(TachyliteError, match="of a kind that is not known"):
        prepare.read(tmp_path / "notes.txt", tensor(np.uint8, 1))
    (tmp_path / "c.npz").unlink()
    with pytest.raises(TachyliteError, match="holds no pictures, sounds or arrays"):
        prepare.files(tmp_path)
