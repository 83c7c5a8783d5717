"""int8 convolutions and matrices on small machines: kernels of little code, tables and scratch (conv_small.c, depthwise_small.c).

They take what microcontrollers' models consist of; whatever else there is goes the way of the large machines.
"""

from collections.abc import Sequence
from ctypes import c_int16, c_int32
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

from .conv_integer import Layer
from .exact import reach
from .fixedpoint import rescale, round_half_away
from .fused import activation_range
from .kernel import Params, kernel
from .panels import extended
from .registry import Spec
from .requantize import twice
from .window import Window

ISAS = frozenset({"small", "dsp"})
"""Targets whose kernels these are."""

_WORD = 4
"""Inputs of a window that are multiplied together, and channels of a depthwise window."""

_TURN = 8
"""Inputs that a turn of the innermost loop takes."""

_GROUP = 4
"""Pixels that share the reading of scales, where they do not take too much room."""

_ROOM = 640
"""Bytes of that room."""

_FARTHEST = 21
"""Shifts at most, so that a zero point can be shifted to the left by as much."""

_MOST_BYTES, _MOST_TAPS = 256, 25
"""As in the kernels: of a window that is no whole words, and of a depthwise window."""

_MOST_CELLS = 2**15 - 1
"""Cells along an axis."""

_MOST_SUMS = 1 << 22
"""Sums that are tried out to prove a rounding."""

_WINDOW_FIELDS = tuple(
    (f"{what}_{axis}", c_int16) for what in ("input", "output", "filter", "stride", "before") for axis in ("height", "width")
)
_OUTPUT_FIELDS = tuple((name, c_int32) for name in ("base", "output_zero_point", "low", "high", "once"))


class ConvSmallParams(Params):
    """Windows of `words` words of four inputs. is_direct: a pixel is a window; is_whole: lines of windows are whole words.

    is_shared: all outputs have one scale; group: pixels that are done together, 1 where there is but one; once: sums are rounded once.
    """

    _fields_ = (
        *_WINDOW_FIELDS,
        *((name, c_int32) for name in ("channels", "outputs", "words", "zero_point", "is_direct", "is_whole", "is_shared", "group")),
        *_OUTPUT_FIELDS,
    )


class DepthwiseSmallParams(Params):
    """A window of `filter_height` by `filter_width` cells, dilated, over images of `channels`."""

    _fields_ = (
        *_WINDOW_FIELDS,
        *((name, c_int32) for name in ("dilation_height", "dilation_width", "channels", "zero_point")),
        *_OUTPUT_FIELDS,
    )


CONV_SMALL = kernel("conv_small", ConvSmallParams, "s8")
DEPTHWISE_SMALL = kernel("depthwise_small", DepthwiseSmallParams, "s8")


class Scales(NamedTuple):
    """How sums become steps: tables for tl_scales, whether they are rounded once, what sums start from, int32.

    fixed: the outputs, by number, that are always the same, for which filters must be 0.
    """

    words: np.ndarray
    shifts: np.ndarray | None
    base: int
    once: bool
    start: np.ndarray
    fixed: tuple[int, ...]

    @classmethod
    def of(cls, mantissas: np.ndarray, shifts: np.ndarray, fixed: np.ndarray | None, start: np.ndarray) -> "Scales":
        """Mantissa and shift in a word, where all shifts are close together; one for all outputs, where all are the same."""
        once, start = fixed is None, start.astype(np.int32)
        numbers = () if fixed is None else tuple(np.flatnonzero(fixed).tolist())
        if (mantissas == mantissas[0]).all() and (shifts == shifts[0]).all():
            mantissas, shifts = mantissas[:1], shifts[:1]
        base = int(shifts.min())
        if int(shifts.max()) - base > 3:
            return cls(mantissas.astype(np.uint32), shifts.astype(np.int8), 0, once, start, numbers)
        words = (mantissas & (2**30 - 1)) | ((shifts - base) << 30)
        return cls(words.astype(np.uint32), None, base, once, start, numbers)


def _is_plain(low: Any, op: Operator, layer: Layer) -> bool:
    """int8 throughout, with constant symmetric filters."""
    if low.program.target.isa not in ISAS or layer.groups != 1 or layer.zero_points[1] or layer.filters is None:
        return False
    x, filters, bias = low.spec(layer.x), low.spec(layer.filters), layer.bias and low.spec(layer.bias)
    types = x.dtype, low.spec(op.outputs[0]).dtype, filters.dtype
    is_near = max(x.shape, default=0) <= _MOST_CELLS and all(size <= _MOST_CELLS for size in filters.shape)
    return is_near and all(t == np.int8 for t in types) and filters.value is not None and (bias is None or bias.value is not None)


def _scales(low: Any, layer: Layer, rows: np.ndarray) -> Scales | None:
    """None where sums may be too large, or shifts are none that the kernels know. rows: the filters, int8 [outputs, depth]."""
    wide = rows.astype(np.int64)
    bias = np.zeros(len(rows), np.int64) if layer.bias is None else low.spec(layer.bias).value.reshape(-1).astype(np.int64)
    farthest = reach(layer.x.dtype, layer.zero_points[0]) * np.abs(wide).sum(1)
    start = bias - layer.zero_points[0] * wide.sum(1)
    if layer.rule is not twice:
        bound = int((farthest + np.abs(bias)).max())
        found = once(np.asarray(layer.multipliers, np.float64).reshape(-1), bound)
        return None if found is None or bound >= 2**29 else Scales.of(*found, None, start)
    mantissas, shifts = (np.broadcast_to(np.asarray(part, np.int64), bias.shape) for part in layer.multipliers)
    least, most = (rescale(np.clip(s, -(2**31), 2**31 - 1), (mantissas, shifts)) for s in (bias - farthest, bias + farthest))
    fixed = least == most
    base = int((-shifts[~fixed]).min(initial=_FARTHEST))
    # A sum that always gives the same becomes that, by a multiplier of 2^-(base + 1): its filters count for nothing.
    start = np.where(fixed, np.clip(least, -512, 512) << (base + 1), start)
    mantissas, shifts = np.where(fixed, 2**30, mantissas), np.where(fixed, base, -shifts)
    bound = int(np.where(fixed, np.abs(start), farthest + np.abs(bias)).max())
    if bound >= 2**29 or shifts.min() < 1 or shifts.max() > _FARTHEST:
        return None
    return Scales.of(mantissas, shifts, fixed, start)


def once(factors: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Mantissas and shifts that round sums of at most `bound` as float64 factors and round_half_away do; None where they do not.

    That is tried out for every sum whose result is not clamped to int8 whatever the zero point is.
    """
    fractions, exponents = np.frexp(factors)
    mantissas, shifts = np.round(fractions * 2**31).astype(np.int64), -exponents.astype(np.int64)
    if (factors <= 0).any() or (mantissas == 2**31).any() or shifts.min() < 1 or shifts.max() > 30:
        return None
    for factor, mantissa, shift in zip(factors, mantissas, shifts, strict=True):
        most = min(bound, int(512 / factor))
        if most > _MOST_SUMS:
            return None
        sums = np.arange(-most, most + 1, dtype=np.int64)
        if ((((sums * mantissa + (1 << (30 + int(shift)))) >> 32) >> (int(shift) - 1)) != round_half_away(sums * factor)).any():
            return None
    return mantissas, shifts


# Convolutions and matrices.


def convolution(low: Any, op: Operator, windows: Sequence[Window], layer: Layer) -> bool:
    """Lower a CONV_2D, if these kernels take it. Filters: [outputs, kh, kw, channels]."""
    if not _is_plain(low, op, layer) or any(w.dilation != 1 for w in windows):
        return False
    x, filters = low.spec(layer.x), low.spec(layer.filters).value
    params = ConvSmallParams(channels=x.shape[3])
    _set_windows(params, windows)
    is_direct = all(w == Window(1, 1, 1, 0, w.inputs, w.inputs) for w in windows)
    return _emit(low, op, layer, params, filters.reshape(len(filters), -1), x.shape[0] * windows[0].outputs * windows[1].outputs, is_direct)


def matrix(low: Any, op: Operator, layer: Layer) -> bool:
    """Lower a FULLY_CONNECTED, if these kernels take it: its rows are pixels."""
    if not _is_plain(low, op, layer):
        return False
    filters = low.spec(layer.filters).value
    pixels = prod(low.spec(layer.x).shape) // filters.shape[1]
    if pixels > _MOST_CELLS:
        return False
    params = ConvSmallParams(channels=filters.shape[1])
    _set_windows(params, (Window(1, 1, 1, 0, 1, 1), Window(1, 1, 1, 0, pixels, pixels)))
    return _emit(low, op, layer, params, filters, pixels, True)


def _emit(low: Any, op: Operator, layer: Layer, params: ConvSmallParams, rows: np.ndarray, pixels: int, is_direct: bool) -> bool:
    outputs, depth = rows.shape
    params.is_whole = params.channels % _WORD == 0
    scales = _scales(low, layer, rows)
    if scales is None or not (params.is_whole or depth <= _MOST_BYTES):
        return False
    params.outputs, params.words = outputs, -(-depth // _TURN) * _TURN // _WORD
    params.zero_point, params.is_direct = layer.zero_points[0], is_direct and params.channels % _TURN == 0
    params.is_shared, params.once, params.base = len(scales.words) == 1, scales.once, scales.base
    _set_output(params, op)
    packed = low.packed(layer.filters, f"rows of words {outputs} {scales.fixed}", partial(_pack, outputs=outputs, fixed=scales.fixed))
    is_alone = params.is_direct and pixels == 1  # then the kernel reads the input where it lies
    params.group = 1 if is_alone else _GROUP if params.words * 8 * _GROUP <= _ROOM else 2
    constants = [_constant(low, value) for value in (scales.start, scales.words, scales.shifts)]
    low.call(
        CONV_SMALL,
        "s8",
        op,
        params,
        work=pixels,
        inputs=[low.value(layer.x), packed, *constants],
        outputs=[low.define(op.outputs[0])],
        scratch=[] if is_alone else [low.scratch(params.words * 8 * params.group)],
        lead=None if is_alone else _lead(params, pixels, params.group, outputs, 0),
    )
    return True


def _pack(filters: np.ndarray, outputs: int, fixed: tuple[int, ...]) -> np.ndarray:
    """[outputs, ...] as int8 [outputs / 2][words][2][4]; 0 for the fixed outputs."""
    rows = filters.reshape(outputs, -1).copy()
    rows[list(fixed)] = 0
    rows = extended(rows, -outputs % 2, -rows.shape[1] % _TURN)
    return np.ascontiguousarray(rows.reshape(len(rows) // 2, 2, -1, _WORD).swapaxes(1, 2))


# Depthwise.


def depthwise(low: Any, op: Operator, windows: Sequence[Window], layer: Layer) -> bool:
    """Lower a DEPTHWISE_CONV_2D, if these kernels take it. Filters: [1, kh, kw, channels]."""
    if not _is_plain(low, op, layer):
        return False
    x, filters = low.spec(layer.x), low.spec(layer.filters).value
    channels = x.shape[3]
    if filters.shape[3] != channels or channels % _WORD or prod(filters.shape[1:3]) > _MOST_TAPS:
        return False
    scales = _scales(low, layer, filters.reshape(-1, channels).T)
    if scales is None:
        return False
    params = DepthwiseSmallParams(channels=channels, zero_point=layer.zero_points[0])
    _set_windows(params, windows)
    params.dilation_height, params.dilation_width = (w.dilation for w in windows)
    _set_output(params, op)
    pixels = x.shape[0] * windows[0].outputs * windows[1].outputs
    tables = scales.start, scales.words, scales.shifts  # one for each channel, as few as there may be
    constants = [_constant(low, None if part is None else np.broadcast_to(part, channels).copy()) for part in tables]
    params.base = scales.base
    packed = low.packed(layer.filters, f"words of channels {scales.fixed}", partial(_pack_channels, fixed=scales.fixed))
    low.call(
        DEPTHWISE_SMALL,
        "s8",
        op,
        params,
        work=pixels,
        inputs=[low.value(layer.x), packed, *constants],
        outputs=[low.define(op.outputs[0])],
        scratch=[low.scratch(channels)],
        lead=_lead(params, pixels, _GROUP, channels, 1),
    )
    return True


def _pack_channels(filters: np.ndarray, fixed: tuple[int, ...]) -> np.ndarray:
    """[1, kh, kw, channels] as int8 [channels / 4][taps][4]; 0 for the fixed channels."""
    taps = filters.reshape(-1, filters.shape[3]).copy()
    taps[:, list(fixed)] = 0
    return np.ascontiguousarray(taps.reshape(len(taps), -1, _WORD).swapaxes(0, 1))


# What they share.


def _set_windows(params: Any, windows: Sequence[Window]) -> None:
    for axis, window in zip(("height", "width"), windows, strict=True):
        setattr(params, f"input_{axis}", window.inputs)
        setattr(params, f"output_{axis}", window.outputs)
        setattr(params, f"filter_{axis}", window.size)
        setattr(params, f"stride_{axis}", window.stride)
        setattr(params, f"before_{axis}", window.before)


def _set_output(params: Any, op: Operator) -> None:
    params.output_zero_point = op.outputs[0].zero_point
    params.low, params.high = activation_range(op, op.outputs[0])


def _constant(low: Any, value: np.ndarray | None) -> int | None:
    return None if value is None else low.temporary(Spec(value.shape, value.dtype, value))


def _lead(params: Any, pixels: int, group: int, outputs: int, early: int) -> int:
    """By how many bytes the output must begin before the input, so that nothing is overwritten that is still to be read.

    group: pixels that are read together before they are written; early: of those the number that may be written first.
    """
    image = params.output_height * params.output_width
    images = max(1, pixels // image)
    rows = np.maximum(np.arange(params.output_height) * params.stride_height - params.before_height, 0)
    columns = np.maximum(np.arange(params.output_width) * params.stride_width - params.before_width, 0)
    places = np.minimum(rows, params.input_height)[:, None] * params.input_width + np.minimum(columns, params.input_width)
    size = params.input_height * params.input_width
    first = (np.arange(images)[:, None, None] * size + places).reshape(-1)[:pixels] * params.channels
    unread = np.minimum.accumulate(first[::-1])[::-1]  # by each pixel and those behind it
    written = np.minimum((np.arange(pixels) // group + early) * group, pixels) * outputs
    return int(max(0, (written - unread[np.arange(pixels) // group * group]).max(initial=0)))
