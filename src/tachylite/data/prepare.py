"""Whatever a user has, as what a model's input takes.

A picture is stretched to the input's height and width as pillow does it, and gets as many channels. What its pixels p (0 to 255) become:

- uint8 and int8 inputs take pixels as they are: p, or p - 128. Their scale says what the model understands by that, and the metadata's
  normalization, which is meant for real numbers, is not used.
- Other inputs take (p - mean) / std, quantized where they are. mean and std come from the model's metadata; without them both are 127.5,
  the convention of TensorFlow Lite's examples, which gives -1 to 1. Inputs of integers without a scale take p.
- A mean or a std that the caller gives goes before all that, for every type.

A sound is brought to the input's rate, then cut to its length or filled up with silence. Samples have a full scale of 1; inputs of int16
without a scale take 32768 times that, and quantized inputs what their scale says.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tachylite.model.dtypes import BFLOAT16, is_quantizable
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Tensor
from tachylite.model.metadata import TensorInfo

from . import arrays, audio, pictures
from .audio import Sound

#: What YAMNet and the speech models of TensorFlow Lite take.
RATE = 16_000

_LAYOUTS = ("NHWC", "NCHW", "HWC", "NHW", "HW")
_NEUTRAL = 127.5

SUFFIXES = pictures.SUFFIXES | audio.SUFFIXES | arrays.SUFFIXES | arrays.RAW_SUFFIXES
"""The kinds of files that `read` knows."""


def read(
    path: str | os.PathLike[str],
    tensor: Tensor,
    info: TensorInfo | None = None,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    rate: int = RATE,
) -> np.ndarray:
    """The content of a file (picture, WAV, .npy, .npz, raw elements) as the input `tensor` takes it. Raises TachyliteError, OSError.

    info: what the model's metadata say of the input; mean, std, rate: see `prepare`. Of several arrays, the one of the tensor's name.
    """
    suffix = Path(path).suffix.lower()
    if suffix in arrays.RAW_SUFFIXES:
        return arrays.read_raw(path, tensor)
    if suffix in arrays.SUFFIXES:
        return arrays.fit(_one(arrays.read(path), tensor, path), tensor)
    if suffix in audio.SUFFIXES:
        return prepare(audio.read(path), tensor, info, mean=mean, std=std, rate=rate)
    if suffix in pictures.SUFFIXES:
        return prepare(pictures.read(path), tensor, info, mean=mean, std=std)
    raise TachyliteError(f"{path} is of a kind that is not known; give one of {', '.join(sorted(SUFFIXES))}")


def files(folder: str | os.PathLike[str]) -> list[Path]:
    """The files in a folder and below that `read` knows, in order of their paths. Raises TachyliteError where there are none."""
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise TachyliteError(f"{folder} holds no pictures, sounds or arrays; files of these kinds are: {', '.join(sorted(SUFFIXES))}")
    return found


def prepare(
    source: np.ndarray | Sound,
    tensor: Tensor,
    info: TensorInfo | None = None,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    rate: int = RATE,
) -> np.ndarray:
    """A picture (uint8 or float 0 to 255, [height, width, channels]) or a sound as the input `tensor` takes it.

    info: what the model's metadata say of the input; mean, std: one number, or one per channel; rate: of the sounds that the model takes.
    """
    if isinstance(source, Sound):
        return _sound(source.at(rate), tensor, mean, std)
    return _picture(source, tensor, info or TensorInfo(), mean, std)


def _one(content: np.ndarray | dict[str, np.ndarray], tensor: Tensor, path: str | os.PathLike[str]) -> np.ndarray:
    if isinstance(content, np.ndarray):
        return content
    if tensor.name in content:
        return content[tensor.name]
    if len(content) == 1:
        return next(iter(content.values()))
    raise TachyliteError(f"{path} holds arrays named {sorted(content)}, none is named {tensor.name!r} as the input; name one so")


# Pictures


def _picture(image: np.ndarray, tensor: Tensor, info: TensorInfo, mean: Sequence[float] | None, std: Sequence[float] | None) -> np.ndarray:
    layout = _layout(tensor)
    sizes = dict(zip(layout, tensor.shape_signature or tensor.shape, strict=True))
    image = pictures.with_channels(image, sizes.get("C", 1))
    height, width = (own if sizes[axis] < 0 else sizes[axis] for axis, own in zip("HW", image.shape[:2], strict=True))
    image = pictures.resize(image, height, width).clip(0, 255)
    values = _values(image, tensor, info, mean, std)[None]
    missing = tuple(i for i, axis in enumerate("NHWC") if axis not in layout)
    present = [axis for axis in "NHWC" if axis in layout]
    return np.ascontiguousarray(values.squeeze(missing).transpose([present.index(axis) for axis in layout]))


def _layout(tensor: Tensor) -> str:
    """The letters of the input's axes: N, H, W, C."""
    shape = tensor.shape_signature or tensor.shape
    for layout in _LAYOUTS:
        sizes = dict(zip(layout, shape, strict=False))
        # Of fewer than four axes, one that is not known is a batch, of which a picture has none.
        known = (sizes[axis] > 1 or (sizes[axis] == -1 and len(layout) == 4) for axis in "HW" if axis in sizes)
        if len(layout) == len(shape) and sizes.get("N", 1) in (1, -1) and sizes.get("C", 1) in (1, 3, 4) and all(known):
            return layout
    needed = "one picture: [1, height, width, channels], channels 1, 3 or 4"
    raise TachyliteError(f"input {tensor.name!r} is {list(shape)}, which does not take {needed}; resize the input, or give an array")


def _values(image: np.ndarray, tensor: Tensor, info: TensorInfo, mean: Sequence[float] | None, std: Sequence[float] | None) -> np.ndarray:
    """image: float32 [height, width, channels], 0 to 255. See the module's text for the rule."""
    is_asked = mean is not None or std is not None
    if tensor.dtype.kind in "iu" and not is_asked and (tensor.dtype.itemsize == 1 or not tensor.is_quantized):
        return (np.rint(image) - (128 if tensor.dtype == np.int8 else 0)).astype(tensor.dtype)
    channels = image.shape[2]
    shift = _per_channel("mean", mean if mean is not None else info.mean, channels)
    return _stored((image - shift) / _per_channel("std", std if std is not None else info.std, channels), tensor)


def _per_channel(name: str, numbers: Sequence[float] | None, channels: int) -> np.ndarray:
    values = np.array([_NEUTRAL] if numbers is None else numbers, np.float32)
    if values.shape not in ((1,), (channels,)) or (name == "std" and not values.all()):
        raise TachyliteError(f"{name} is {values.tolist()}, it must be one number or {channels}, one per channel, and std not 0")
    return values


def _stored(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Real numbers in the tensor's type."""
    if is_quantizable(tensor.dtype):
        scale = float(tensor.scale) if tensor.is_quantized else 1.0
        return arrays.stored(values, tensor.dtype, scale, tensor.zero_point)
    if tensor.dtype.kind != "f" and tensor.dtype != BFLOAT16:
        raise TachyliteError(f"input {tensor.name!r} is {tensor.dtype}, which takes neither pictures nor sounds; give an array")
    return values.astype(tensor.dtype)


# Sounds


def _sound(sound: Sound, tensor: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> np.ndarray:
    shape = tensor.shape_signature or tensor.shape
    long = [i for i, d in enumerate(shape) if d not in (0, 1)]
    if len(long) > 1 and shape[0] == -1:
        long.remove(0)  # a batch of any size takes one sound
    if len(long) != 1:
        raise TachyliteError(
            f"input {tensor.name!r} is {list(shape)}, which does not take one sound: [samples] or [1, samples]; give an array"
        )
    length = shape[long[0]] if shape[long[0]] > 0 else len(sound.samples)
    samples = np.zeros(length, np.float32)
    samples[: len(sound.samples)] = sound.samples[:length]
    if tensor.dtype == np.int16 and not tensor.is_quantized:
        samples = samples * 32768
    values = (samples - np.float32(mean[0] if mean else 0)) / np.float32(std[0] if std else 1)
    return _stored(values, tensor).reshape([length if i == long[0] else 1 for i in range(len(shape))])
