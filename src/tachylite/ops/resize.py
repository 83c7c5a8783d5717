"""Image resizing: RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from ctypes import c_int32
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

from . import movement_gradient
from .arguments import SUFFIXES, check_type, new_shape, settle, vector
from .channels import last_axis
from .copy import is_plain
from .fixedpoint import divide_by_pot, round_half_away
from .integer import SHARED
from .kernel import Params, kernel
from .registry import OpDef, Spec, register

_FRACTION_BITS = 10
_ONE = 1 << _FRACTION_BITS


def _infer(op: Operator, x: Spec, size: Spec) -> Spec | None:
    if x.rank != 4:
        raise op.error(f"the input has {x.rank} dimensions, it must have 4: batch, height, width, channels; insert a RESHAPE")
    new_size = vector(op, "the new height and width", size, 2)
    if new_size is None:
        return None
    if min(new_size) < 1:
        raise op.error(f"the new height and width are {new_size}, both must be positive; correct the size")
    if 0 in x.shape[1:3]:
        raise op.error(f"the input {list(x.shape)} has no pixels to resize; height and width must be positive")
    return Spec(new_shape(op, (x.shape[0], *new_size, x.shape[3])), x.dtype)


def _sizes(op: Operator, x: np.ndarray, size: np.ndarray) -> list[tuple[int, int]]:
    """The old and the new height, the old and the new width."""
    return list(zip(x.shape[1:3], settle(_infer, op, x, size).shape[1:3], strict=True))


class _Taps(NamedTuple):
    """For each output coordinate of one axis: the two input coordinates next to it, and the weight of each."""

    low: np.ndarray
    high: np.ndarray
    low_weight: np.ndarray
    high_weight: np.ndarray


def _scale(op: Operator, size: int, new_size: int) -> np.float32:
    """Input pixels per output pixel."""
    if op.options.align_corners and new_size > 1:
        return np.float32(size - 1) / np.float32(new_size - 1)
    return np.float32(size) / np.float32(new_size)


def _float_taps(op: Operator, size: int, new_size: int) -> _Taps:
    at, scale = np.arange(new_size, dtype=np.float32), _scale(op, size, new_size)
    half = np.float32(0.5)
    at = (at + half) * scale - half if op.options.half_pixel_centers else at * scale
    low = np.clip(np.floor(at), 0, size - 1)
    high = np.clip(np.ceil(at), 0, size - 1)
    return _Taps(low.astype(np.intp), high.astype(np.intp), 1 - (at - low), at - low)


def _fixed_taps(op: Operator, size: int, new_size: int) -> _Taps:
    """The same with 10 fractional bits; the weights of a coordinate add up to 1024."""
    corners = int(op.options.align_corners and new_size > 1)
    scale = (_ONE * (size - corners) + (new_size - corners) // 2) // (new_size - corners)
    at = np.arange(new_size, dtype=np.int64) * scale
    if op.options.half_pixel_centers:
        at += scale // 2 - _ONE // 2
    low = np.clip(at >> _FRACTION_BITS, 0, size - 1)
    high = np.clip((at + _ONE - 1) >> _FRACTION_BITS, 0, size - 1)
    return _Taps(low, high, _ONE - (at - _ONE * low), at - _ONE * low)


def _taps(op: Operator, dtype: np.dtype, size: int, new_size: int) -> _Taps:
    """uint8 is interpolated in floats."""
    return (_fixed_taps if dtype in (np.int8, np.int16) else _float_taps)(op, size, new_size)


def _interpolate(x: np.ndarray, rows: _Taps, columns: _Taps) -> np.ndarray:
    """The weighted sum of the four pixels around each output pixel, in the dtype of the weights."""
    x = x.astype(np.promote_types(x.dtype, rows.low_weight.dtype))
    terms = [
        x[:, row][:, :, column] * row_weight[:, None, None] * column_weight[:, None]
        for column, column_weight in ((columns.low, columns.low_weight), (columns.high, columns.high_weight))
        for row, row_weight in ((rows.low, rows.low_weight), (rows.high, rows.high_weight))
    ]
    return terms[0] + terms[1] + terms[2] + terms[3]


def resize_bilinear(op: Operator, x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """x: [batch, height, width, channels], float32, uint8, int8 or int16; size: int32 [2]."""
    rows, columns = (_taps(op, x.dtype, *sizes) for sizes in _sizes(op, x, size))
    y = _interpolate(x, rows, columns)
    if x.dtype.kind == "f":
        return y
    if y.dtype == np.int64:
        return divide_by_pot(y, 2 * _FRACTION_BITS).astype(x.dtype)
    return np.clip(y + np.float32(0.5), 0, np.iinfo(x.dtype).max).astype(x.dtype)


def _infer_bilinear(op: Operator, x: Spec, size: Spec) -> Spec | None:
    if op.options.align_corners and op.options.half_pixel_centers:
        raise op.error("align_corners and half_pixel_centers are both set, at most one may be; clear align_corners")
    check_type(op, x)
    return _infer(op, x, size)


def _nearest(op: Operator, size: int, new_size: int) -> np.ndarray:
    """For each output coordinate of one axis, the input coordinate nearest to it."""
    at = np.arange(new_size, dtype=np.float32) + np.float32(0.5 if op.options.half_pixel_centers else 0)
    at *= _scale(op, size, new_size)
    return np.clip(round_half_away(at) if op.options.align_corners else np.floor(at), 0, size - 1).astype(np.intp)


def resize_nearest_neighbor(op: Operator, x: np.ndarray, size: np.ndarray) -> np.ndarray:
    """x: [batch, height, width, channels] of any dtype; size: int32 [2]."""
    rows, columns = (_nearest(op, *sizes) for sizes in _sizes(op, x, size))
    return x[:, rows][:, :, columns]


def _bilinear_weights(op: Operator, size: int, new_size: int) -> np.ndarray:
    """What each input coordinate of one axis is worth at each output coordinate: float32 [new_size, size]."""
    taps, weights = _float_taps(op, size, new_size), np.zeros((new_size, size), np.float32)
    for at, weight in ((taps.low, taps.low_weight), (taps.high, taps.high_weight)):
        weights[np.arange(new_size), at] += weight
    return weights


def _nearest_weights(op: Operator, size: int, new_size: int) -> np.ndarray:
    return (_nearest(op, size, new_size)[:, None] == np.arange(size)).astype(np.float32)


class ResizeParams(Params):
    """Sizes of the images; channels count bytes where the kernel only moves pixels."""

    _fields_ = tuple((name, c_int32) for name in ("input_height", "input_width", "output_height", "output_width", "channels"))


RESIZE_BILINEAR = kernel("resize_bilinear", ResizeParams, "f32", "u8", "s8", "s16")
RESIZE_NEAREST = kernel("resize_nearest", ResizeParams, "any")


def lower_bilinear(low: Any, op: Operator) -> None:
    """One call; a work item is one row of the output."""
    x, y = low.spec(op.inputs[0]), low.spec(op.outputs[0])
    channels = x.shape[3]
    tables = []
    for size, new_size, step in ((x.shape[1], y.shape[1], 1), (x.shape[2], y.shape[2], channels)):
        taps = _taps(op, x.dtype, size, new_size)
        weights = np.stack([taps.low_weight, taps.high_weight], axis=1)
        if weights.dtype == np.int64:
            # Beyond an edge both taps are one pixel, and how they share its weight does not matter: so none is large or negative.
            weights = np.where((taps.low == taps.high)[:, None], [_ONE, 0], weights).astype(np.int32)
        tables += [np.stack([taps.low, taps.high], axis=1).astype(np.int32) * np.int32(step), weights]
    lines = 2 if x.dtype == np.uint8 else 1
    _call(low, op, RESIZE_BILINEAR, SUFFIXES[x.dtype], tables, channels, low.scratch(4 * lines * x.shape[2] * channels, per_worker=True))


def lower_nearest(low: Any, op: Operator) -> None:
    """One call; a work item is one row of the output."""
    x, y = low.spec(op.inputs[0]), low.spec(op.outputs[0])
    if not is_plain(x.dtype):
        low.host(op)
        return
    tables = [_nearest(op, x.shape[i], y.shape[i]).astype(np.int32) for i in (1, 2)]
    _call(low, op, RESIZE_NEAREST, "any", tables, x.shape[3] * x.dtype.itemsize)


def _call(low: Any, op: Operator, kernel_: Any, variant: str, tables: list[np.ndarray], channels: int, *scratch: int) -> None:
    x, y = low.spec(op.inputs[0]).shape, low.spec(op.outputs[0]).shape
    params = ResizeParams(*x[1:3], *y[1:3], channels)
    constants = [low.temporary(Spec(table.shape, table.dtype, table)) for table in tables]
    inputs, outputs = [low.value(op.inputs[0]), *constants], [low.define(op.outputs[0])]
    work = y[0] * y[1] if prod(y) else 0
    grain = 1 + 2**14 // (y[2] * y[3] + 1)
    low.call(kernel_, variant, op, params, work=work, inputs=inputs, outputs=outputs, scratch=scratch, grain=grain)


def _version(op: Operator, is_3: bool) -> int:
    if op.inputs[0].dtype == np.int16:
        return 4
    return 3 if is_3 else 2 if op.inputs[0].dtype == np.int8 else 1


register(
    OpDef(
        "RESIZE_BILINEAR",
        options="ResizeBilinearOptions",
        infer=_infer_bilinear,
        reference=resize_bilinear,
        variants=("f32", "u8", "s8", "s16"),
        version=lambda op: _version(op, op.options.half_pixel_centers),
        lower=lower_bilinear,
        gradient=movement_gradient.resize(_bilinear_weights),
        integer=SHARED,
        channels=last_axis,
    )
)
register(
    OpDef(
        "RESIZE_NEAREST_NEIGHBOR",
        options="ResizeNearestNeighborOptions",
        infer=_infer,
        reference=resize_nearest_neighbor,
        variants=("f32", "u8", "s8", "s16", "i32"),
        version=lambda op: _version(op, op.options.half_pixel_centers or op.options.align_corners),
        lower=lower_nearest,
        gradient=movement_gradient.resize(_nearest_weights),
        integer=SHARED,
        channels=last_axis,
    )
)
