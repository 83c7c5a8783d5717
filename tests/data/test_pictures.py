import builtins

import numpy as np
import pytest
from PIL import Image

from tachylite.data import pictures
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.extras import MissingExtraError

rng = np.random.default_rng(0)

RAMP = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def saved(path, pixels, mode=None, **options):
    Image.fromarray(pixels, mode).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tiff"])
def test_pixels_of_lossless_files(tmp_path, suffix):
    assert (pictures.read(saved(tmp_path / f"ramp.{suffix}", RAMP)) == RAMP).all()


def test_grey_and_alpha_stay(tmp_path):
    assert (pictures.read(saved(tmp_path / "grey.png", RAMP[..., 0])) == RAMP[..., :1]).all()
    alpha = np.concatenate([RAMP, RAMP[..., :1]], axis=2)
    assert (pictures.read(saved(tmp_path / "alpha.png", alpha)) == alpha).all()


def test_other_modes_become_common_ones(tmp_path):
    palette = Image.fromarray(RAMP).quantize(200)
    palette.save(tmp_path / "palette.png")
    assert (pictures.read(tmp_path / "palette.png") == np.asarray(palette.convert("RGB"))).all()
    Image.fromarray(RAMP[..., 0] > 50).save(tmp_path / "bits.png")
    assert (pictures.read(tmp_path / "bits.png")[..., 0] == (RAMP[..., 0] > 50) * 255).all()
    deep = RAMP[..., 0].astype(np.uint16) * 256 + 7
    assert (pictures.read(saved(tmp_path / "deep.png", deep)) == RAMP[..., :1]).all()


def test_pictures_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    assert (pictures.read(tmp_path / "turned.png") == np.rot90(RAMP, -1)).all()


def test_what_is_no_picture(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(FileError, match=r"text\.png is no picture .* format is unknown; convert"):
        pictures.read(tmp_path / "text.png")
    whole = saved(tmp_path / "whole.png", np.tile(RAMP, (40, 40, 1))).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="truncated"):
        pictures.read(tmp_path / "half.png")
    Image.fromarray(RAMP[..., 0].astype(np.float32)).save(tmp_path / "real.tiff")
    with pytest.raises(FileError, match="floating-point"):
        pictures.read(tmp_path / "real.tiff")
    with pytest.raises(FileNotFoundError):
        pictures.read(tmp_path / "missing.png")


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    find = builtins.__import__

    def no_pillow(name, *rest):
        if name == "PIL":
            raise ImportError(name)
        return find(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_pillow)
    with pytest.raises(MissingExtraError, match=r"needs pillow, .*; install tachylite\[images\]") as caught:
        pictures.read(tmp_path / "ramp.png")
    assert isinstance(caught.value, ImportError)


def test_channels():
    grey = pictures.with_channels(RAMP, 1)
    assert (grey == np.asarray(Image.fromarray(RAMP).convert("L"))[..., None]).mean() > 0.9  # pillow rounds its weights to 16 bits
    assert (pictures.with_channels(grey, 3) == np.repeat(grey, 3, axis=2)).all()
    with_alpha = pictures.with_channels(RAMP, 4)
    assert (with_alpha[..., :3] == RAMP).all()
    assert (with_alpha[..., 3] == 255).all()
    assert (pictures.with_channels(with_alpha, 3) == RAMP).all()
    with pytest.raises(TachyliteError, match=r"\[4, 6, 2\], it must be"):
        pictures.with_channels(RAMP[..., :2], 3)


@pytest.mark.parametrize("size", [(10, 8), (30, 50), (40, 7), (17, 40), (17, 5), (90, 23), (3, 23), (1, 1), (17, 23)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_is_pillow_s(size, channels):
    """Also where the cubic kernel goes beyond black and white, between pixels of random noise."""
    image = rng.choice(np.array([0, 3, 128, 255], np.uint8), (17, 23, channels))
    resized = pictures.resize(image, *size)
    assert resized.dtype == np.float32
    assert (resized == pictures.pixels(Image.fromarray(image.squeeze()).resize(size[::-1]))).all()


def test_real_pixels_are_not_rounded():
    image = rng.uniform(100, 150, (17, 23)).astype(np.float32)
    for size in ((9, 40), (40, 9)):
        expected = np.asarray(Image.fromarray(image).resize(size[::-1]))
        np.testing.assert_allclose(pictures.resize(image[..., None], *size)[..., 0], expected, rtol=1e-6)


def test_nothing_to_resize():
    with pytest.raises(TachyliteError, match="no pixels"):
        pictures.resize(np.zeros((0, 3, 3), np.uint8), 2, 2)
