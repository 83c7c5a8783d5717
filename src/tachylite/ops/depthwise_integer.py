"""DEPTHWISE_CONV_2D of integers natively: int8, uint8 and int16, with weights of 8 or 4 bits.

The kernel multiplies pairs of cells at a time. The window's rows are taken by twos: a pair is a column of two rows, or, in a last row of
its own, two neighbours.
"""

from collections.abc import Sequence
from ctypes import c_int32
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

from . import requantize
from .arguments import SUFFIXES
from .convolution import is_wide, output_steps
from .exact import reach
from .kernel import Params, kernel
from .panels import extended
from .registry import Spec
from .requantize import BLOCK, Scaling
from .window import Window

MAX_CHANNELS, TILE = 64, 8
"""Channels of a work item at most, as in depthwise_int.c; outputs of it that whole tiles divide."""

_NEAR = 1 << 14
"""Bytes of pairs that stay next to the processor."""

_WORTHWHILE = 1 << 17
"""Multiplications that are worth a thread's while."""


class DepthwiseIntParams(Params):
    """A convolution of each channel by itself, over height and width; `multiplier` channels of the output for each of the input.

    taps: pairs of cells; shift: pixels between the cells of a pair in one row; reach: pixels from the window's first column to its last;
    block: channels of a work item; segment: its outputs in a row; span: pixels that it may see; fold: outputs that share a row of
    sixteen.
    """

    _fields_ = (
        *((f"{what}_{axis}", c_int32) for what in ("input", "output", "stride", "before") for axis in ("height", "width")),
        *((name, c_int32) for name in ("filter_height", "dilation_height", "input_channels", "multiplier", "channels", "zero_point")),
        *((name, c_int32) for name in ("taps", "shift", "reach", "block", "blocks", "segment", "segments", "span", "fold")),
        ("scratch_bytes", c_int32),
        *requantize.OUTPUT_FIELDS,
    )


DEPTHWISE_INT = kernel("depthwise_int", DepthwiseIntParams, "s8", "u8", "s16")


class Tap(NamedTuple):
    """A pair of cells as [row, column] each, None where there is one cell only, and the row and column of the input that it begins at."""

    upper: tuple[int, int] | None
    lower: tuple[int, int] | None
    line: int
    column: int


def lower(low: Any, op: Operator, windows: Sequence[Window]) -> None:
    """One call. The host takes filters or a bias that only the run knows, and sums that are too large for the kernel."""
    x, y = (low.spec(t) for t in (op.inputs[0], op.outputs[0]))
    windows, cells = zip(*(w.trimmed() for w in windows), strict=True)
    channels = y.shape[3]
    fold = 2 if channels == BLOCK // 2 else 1
    sums = _sums(low, op, cells, fold)
    if sums is None:
        low.host(op)
        return
    start, scaling, left = sums
    height, width = windows
    if width.inputs == width.size == width.outputs == 1:
        height, width = width, height  # What is one column may as well be one row.
    taps = _taps(height.size, width.size)
    lines = -(-height.size // 2)
    block, segment, span = _split(width, lines, -(-channels // BLOCK) * BLOCK // fold)
    params = DepthwiseIntParams(
        filter_height=height.size,
        dilation_height=height.dilation,
        input_channels=x.shape[3],
        multiplier=channels // x.shape[3],
        channels=channels,
        zero_point=op.inputs[0].zero_point,
        taps=len(taps),
        shift=width.dilation if width.size > 1 else 0,
        reach=width.reach,
        block=block,
        blocks=-(-channels // block),
        segment=segment,
        segments=-(-width.outputs // segment),
        span=span,
        fold=fold,
        scratch_bytes=4 * lines * span * block,
        **requantize.output_fields(op, scaling),
    )
    for axis, window in (("height", height), ("width", width)):
        for what, value in (("input", window.inputs), ("output", window.outputs), ("stride", window.stride), ("before", window.before)):
            setattr(params, f"{what}_{axis}", value)
    offsets = np.array([2 * block * (tap.line * span + tap.column * width.dilation) for tap in taps], np.int32)
    pack = partial(_pack, zero_point=op.inputs[1].zero_point, cells=cells, size=(height.size, width.size), fold=fold, left=left)
    packed = low.packed(op.inputs[1], f"pairs{BLOCK} {pack.keywords}", pack)
    constants = [low.temporary(Spec(a.shape, a.dtype, a)) for a in (start, scaling.table, offsets)]
    low.call(
        DEPTHWISE_INT,
        SUFFIXES[x.dtype],
        op,
        params,
        work=x.shape[0] * height.outputs * params.segments * params.blocks,
        inputs=[low.value(op.inputs[0]), packed, *constants],
        outputs=[low.define(op.outputs[0])],
        scratch=[low.scratch(params.scratch_bytes, per_worker=True)],
        grain=1 + _WORTHWHILE // (2 * segment * block * len(taps)),
    )


def _taps(height: int, width: int) -> list[Tap]:
    """The pairs that a window consists of."""
    taps = [Tap((i, j), (i + 1, j), i // 2, j) for i in range(0, height - 1, 2) for j in range(width)]
    if height % 2:
        row = height - 1
        taps += [Tap((row, j), (row, j + 1), row // 2, j) for j in range(0, width - 1, 2)]
        # What lies right of the last column may not exist: a last cell is the second of a pair, if there are two.
        if width == 1:
            taps.append(Tap((row, 0), None, row // 2, 0))
        elif width % 2:
            taps.append(Tap(None, (row, width - 1), row // 2, width - 2))
    return taps


def _pack(
    filters: np.ndarray, zero_point: int, cells: tuple[slice, slice], size: tuple[int, int], fold: int, left: tuple[int, ...]
) -> np.ndarray:
    """[1, kh, kw, channels] as int16 [panels, taps, BLOCK, 2]; where outputs share a row, so do copies of the filters.

    left: bits that a channel's filters are shifted by, or one number for all.
    """
    weights = (filters[0, *cells].astype(np.int16) - np.int16(zero_point)).reshape(*size, -1) << np.array(left, np.int16)
    taps = _taps(*size)
    pairs = np.zeros((len(taps), 2, weights.shape[-1]), np.int16)
    for pair, tap in zip(pairs, taps, strict=True):
        for i, cell in enumerate((tap.upper, tap.lower)):
            if cell is not None:
                pair[i] = weights[cell]
    pairs = extended(np.tile(pairs, fold), 0, 0, -weights.shape[-1] * fold % BLOCK)
    return np.ascontiguousarray(pairs.reshape(len(taps), 2, -1, BLOCK).transpose(2, 0, 3, 1))


def _sums(low: Any, op: Operator, cells: tuple[slice, slice], fold: int) -> tuple[np.ndarray, Scaling, tuple[int, ...]] | None:
    """What sums start from and how they are rounded, by blocks of channels; bits that each channel's filters are to be shifted by.

    None where the kernel cannot know or hold the sums.
    """
    x, filters = (low.spec(t) for t in op.inputs[:2])
    bias = low.spec(op.inputs[2]) if len(op.inputs) > 2 else None
    if filters.value is None or (bias is not None and bias.value is None):
        return None
    # The kernel takes no zero point off the input, but 128 off uint8: the start makes up for that.
    zero_point = op.inputs[0].zero_point - (128 if x.dtype == np.uint8 else 0)
    channels = filters.shape[3]
    weights = filters.value[0, *cells].astype(np.int64) - op.inputs[1].zero_point
    start = np.zeros(channels, np.int64) if bias is None else bias.value.reshape(-1).astype(np.int64)
    sizes = np.abs(weights).sum((0, 1)) * (reach(x.dtype, op.inputs[0].zero_point) + abs(zero_point))
    multipliers, wide = output_steps(op, 0), is_wide(op, x.dtype, None if bias is None else bias.dtype)
    if not wide:
        start, multipliers = requantize.settled(start, sizes == 0, multipliers)
    mantissas, shifts = (np.broadcast_to(part, channels) for part in multipliers)
    # What is rounded twice is first shifted to the left; the filters may as well be.
    left = np.maximum(shifts, 0)
    if wide or left.max() > 15 or (np.abs(weights).max((0, 1)) << left).max() >= 2**15 or ((sizes + np.abs(start)) << left).max() >= 2**29:
        left = np.zeros_like(left)
    largest = int(((sizes + np.abs(start)) << left).max())
    start = np.tile((start - zero_point * weights.sum((0, 1))) << left, fold)
    mantissas, shifts = np.tile(mantissas, fold), np.tile(shifts - left, fold)
    moved = tuple(left.tolist()) if left.any() else (0,)
    if not wide:
        scaling = requantize.twice((mantissas, shifts), 1, len(start), largest)
        return (requantize.blocks(start.astype(np.int32), 1, len(start)), scaling, moved) if largest < 2**31 else None
    if sizes.max() >= 2**31:
        return None
    scaling = requantize.once_up((mantissas, shifts), 1, len(start), largest)
    return requantize.blocks(start.astype(np.float64), 1, len(start)), scaling, moved


def _split(width: Window, lines: int, channels: int) -> tuple[int, int, int]:
    """Channels of a work item, its outputs in a row, and the pixels that it may see."""
    block = min(channels, MAX_CHANNELS)
    pixels = _NEAR // (4 * lines * block)
    segment = min(width.outputs, max(TILE, (pixels - width.reach) // width.stride // TILE * TILE))
    return block, segment, segment * width.stride + width.reach
