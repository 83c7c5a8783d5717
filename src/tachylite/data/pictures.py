"""Pictures: files of any kind that pillow knows, as arrays of pixels; and arrays of pixels in other sizes and colours."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.extras import extra

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())

#: Fractional bits of the weights that resize bytes.
_WEIGHT_BITS = 22

#: What to make of pillow's modes that are not grey (L), RGB or RGBA already.
_MODES = {"1": "L", "LA": "RGBA", "La": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}


def open_picture(path: str | os.PathLike[str]) -> Image:
    """A picture in mode L, RGB or RGBA, upright as its camera noted. Raises FileError, OSError where there is no file."""
    with extra("images", "pillow"):
        from PIL import Image, ImageOps, UnidentifiedImageError

    with Path(path).open("rb") as file:
        try:
            with Image.open(file) as picture:
                return _common_mode(ImageOps.exif_transpose(picture))
        except Exception as problem:  # decoders raise whatever they stumble over
            reason = "its format is unknown" if isinstance(problem, UnidentifiedImageError) else problem
            raise FileError(f"{path} is no picture that pillow can read: {reason}; convert it to PNG or JPEG") from problem


def _common_mode(picture: Image) -> Image:
    if picture.mode in ("L", "RGB", "RGBA"):
        return picture.copy()
    if picture.mode.startswith("I"):  # 16 bits of grey, of which the upper 8 are kept
        from PIL import Image

        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    has_alpha = "transparency" in picture.info
    return picture.convert(_MODES.get(picture.mode, "RGBA" if has_alpha else "RGB"))


def read(path: str | os.PathLike[str]) -> np.ndarray:
    """The pixels of a picture file: uint8 [height, width, channels], with 1 channel (grey), 3 (RGB) or 4 (RGBA)."""
    return pixels(open_picture(path))


def pixels(picture: Image) -> np.ndarray:
    """The pixels of a picture in mode L, RGB or RGBA: uint8 [height, width, channels]."""
    array = np.asarray(picture)
    return array[..., None] if array.ndim == 2 else array


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """image: [height, width, 1, 3 or 4]. Grey becomes colours and colours grey (ITU-R 601 luma); alpha is dropped, or opaque."""
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise TachyliteError(f"the picture is {list(image.shape)}, it must be [height, width, 1, 3 or 4]; convert it to RGB")
    found = image.shape[2]
    if found == channels:
        return image
    if channels == 1:
        luma = image[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        return (np.rint(luma) if image.dtype.kind in "iu" else luma).astype(image.dtype)[..., None]
    colours = np.repeat(image, 3, axis=2) if found == 1 else image[..., :3]
    if channels == 3:
        return colours
    opaque = np.full((*image.shape[:2], 1), 255, image.dtype)
    return np.concatenate([colours, opaque], axis=2)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """image: [old height, old width, channels], bytes or floats -> float32 [height, width, channels]; of bytes, whole numbers 0 to 255.

    What pillow's `resize((width, height))` gives, as TensorFlow Lite's own example label_image.py calls it, to the last bit: bicubic; where
    the picture shrinks, the kernel is stretched over all the old pixels that a new one covers, so that nothing of a large photograph is
    skipped. The width is changed first; pillow 13 begins with the height for some sizes, and then its bytes, rounded in between, differ.
    """
    if 0 in image.shape:
        raise TachyliteError(f"the picture is {list(image.shape)}, it has no pixels; give another one")
    if width != image.shape[1]:
        image = _resample(image.swapaxes(0, 1), width).swapaxes(0, 1)
    if height != image.shape[0]:
        image = _resample(image, height)
    return image.astype(np.float32)


def _resample(image: np.ndarray, new: int) -> np.ndarray:
    """image: [old, ...] -> [new, ...], of the same type. Bytes are rounded, and clipped to 0 to 255."""
    image = np.ascontiguousarray(image)
    first, weights = _weights(len(image), new)
    if image.dtype != np.uint8:
        return sum(_pixels_at(image, first + i) * _column(w) for i, w in enumerate(weights.T.astype(np.float32)))
    # With as many fractional bits as an int32 leaves for the sum.
    fixed = np.trunc(weights * 2**_WEIGHT_BITS + np.copysign(0.5, weights)).astype(np.int32)
    total = np.full((new, *image.shape[1:]), 2 ** (_WEIGHT_BITS - 1), np.int32)
    for i, w in enumerate(fixed.T):
        total += _pixels_at(image, first + i) * _column(w)
    return (total >> _WEIGHT_BITS).clip(0, 255).astype(np.uint8)


def _pixels_at(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rows of the image; what is beyond it has no weight."""
    return image[positions.clip(0, len(image) - 1)]


def _column(weights: np.ndarray) -> np.ndarray:
    return weights[:, None, None]


def _weights(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Which old pixels of a line count in each new one, and how much: the first one's position [new], float64 weights [new, run]."""
    scale = old / new
    stretch = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    first = np.floor(centres - 2 * stretch + 0.5).astype(np.int64)
    positions = first[:, None] + np.arange(math.ceil(4 * stretch) + 1)
    weights = _cubic(np.abs(positions + 0.5 - centres[:, None]) / stretch)
    weights[(positions < 0) | (positions >= old)] = 0
    return first, weights / weights.sum(axis=1, keepdims=True)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' interpolating kernel with a slope of -1/2 at 1."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))
