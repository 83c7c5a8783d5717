"""Pictures: files of any kind that pillow knows, as arrays of pixels; and arrays of pixels in other sizes and colours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.extras import extra

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())

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
    """image: [old height, old width, channels] -> float32 [height, width, channels].

    Bilinear, with pixel centres at halves. Where the picture shrinks, each new pixel is the weighted mean of all the old ones that it
    covers (as pillow does it), so that nothing of a large photograph is skipped.
    """
    if 0 in image.shape:
        raise TachyliteError(f"the picture is {list(image.shape)}, it has no pixels; give another one")
    old_height, old_width, channels = image.shape
    rows = image.astype(np.float32)
    if height != old_height:
        rows = (_weights(old_height, height) @ rows.reshape(old_height, -1)).reshape(height, old_width, channels)
    return rows if width == old_width else _weights(old_width, width) @ rows


def _weights(old: int, new: int) -> np.ndarray:
    """How much each old pixel of a line counts in each new one: float32 [new, old], rows add up to 1."""
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    distances = np.abs(np.arange(old) - centres[:, None]) / max(scale, 1.0)
    weights = np.maximum(1 - distances, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
