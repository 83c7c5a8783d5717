"""DEPTHWISE_CONV_2D of integers natively: int8, uint8 and int16, with weights of 8 or 4 bits.

The kernels multiply several cells at a time, pairs of int16 or, where the machine can, four bytes. The window's rows are taken by as many:
a tap is a column of them, or, where fewer rows are left, neighbours of these.
"""

from collections.abc import Sequence
from ctypes import c_int32
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from . import requantize
from .arguments import SUFFIXES
from .convolution import is_wide, output_steps
from .exact import reach
from .kernel import VNNI, Kernel, Params, kernel
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

    lines: neighbouring ones of the output that a work item takes; filter_height: of the window that covers what they see;
    taps: of several cells each; shift: pixels between the cells of a tap in one row; reach: pixels from the window's first column to its
    last; block: channels of a work item; segment: its outputs in a row; span: pixels that it may see; fold: outputs that share a row of
    sixteen.
    """

    _fields_ = (
        *((f"{what}_{axis}", c_int32) for what in ("input", "output", "stride", "before") for axis in ("height", "width")),
        *((name, c_int32) for name in ("filter_height", "dilation_height", "input_channels", "multiplier", "channels", "zero_point")),
        *((name, c_int32) for name in ("taps", "shift", "reach", "lines", "block", "blocks", "segment", "segments", "span", "fold")),
        ("scratch_bytes", c_int32),
        *requantize.OUTPUT_FIELDS,
    )


DEPTHWISE_INT = kernel("depthwise_int", DepthwiseIntParams, "s8", "u8", "s16")
DEPTHWISE_QUADS = kernel("depthwise_quads", DepthwiseIntParams, "s8", "u8", needs="__AVX512VNNI__")


class Form(NamedTuple):
    """How a kernel multiplies: cells of a tap, the type of its filters, what it adds to int8 and to uint8."""

    kernel: Kernel
    cells: int
    dtype: np.dtype
    added: dict[str, int]


PAIRS = Form(DEPTHWISE_INT, 2, np.dtype(np.int16), {"int8": 0, "uint8": -128, "int16": 0})
QUADS = Form(DEPTHWISE_QUADS, 4, np.dtype(np.int8), {"int8": 128, "uint8": 0})

_MAX_PARTS = 4
"""Taps that a filter beyond the form's type may become."""


class Tap(NamedTuple):
    """Cells [row, column], None where there is none, and the row of taps and the column of the input that it begins at."""

    cells: tuple[tuple[int, int] | None, ...]
    line: int
    column: int


class Sums(NamedTuple):
    """What sums start from and how they are rounded, by blocks of channels.

    left: bits that each channel's filters are to be shifted by, or one number for all; parts: taps that a tap's filters then need.
    """

    start: np.ndarray
    scaling: Scaling
    left: tuple[int, ...]
    parts: int


def lower(low: Any, op: Operator, windows: Sequence[Window]) -> None:
    """One call. The host takes filters or a bias that only the run knows, and sums that are too large for the kernel."""
    x, y = (low.spec(t) for t in (op.inputs[0], op.outputs[0]))
    windows, cells = zip(*(w.trimmed() for w in windows), strict=True)
    channels = y.shape[3]
    fold = 2 if channels == BLOCK // 2 else 1
    form, sums = _fitting(low, op, cells, fold)
    if sums is None:
        low.host(op)
        return
    height, width = windows
    if width.inputs == width.size == width.outputs == 1:
        height, width = width, height  # What is one column may as well be one row.
    lines = _lines(height, width) if form is QUADS else 1
    size = height.size + (lines - 1) * height.stride, width.size
    taps = _taps(*size, form.cells)
    groups = -(-size[0] // form.cells)
    block, segment, span = _split(width, groups, -(-channels // BLOCK) * BLOCK // fold)
    params = DepthwiseIntParams(
        filter_height=size[0],
        lines=lines,
        dilation_height=height.dilation,
        input_channels=x.shape[3],
        multiplier=channels // x.shape[3],
        channels=channels,
        zero_point=op.inputs[0].zero_point,
        taps=len(taps) * sums.parts,
        shift=width.dilation if width.size > 1 else 0,
        reach=width.reach,
        block=block,
        blocks=-(-channels // block),
        segment=segment,
        segments=-(-width.outputs // segment),
        span=span,
        fold=fold,
        scratch_bytes=4 * groups * span * block,
        **requantize.output_fields(op, sums.scaling),
    )
    for axis, window in (("height", height), ("width", width)):
        for what, value in (("input", window.inputs), ("output", window.outputs), ("stride", window.stride), ("before", window.before)):
            setattr(params, f"{what}_{axis}", value)
    offsets = [form.cells * block * (tap.line * span + tap.column * width.dilation) for tap in taps] * sums.parts
    shape = size, tuple(line * height.stride for line in range(lines))
    pack = partial(
        _pack, form=form, parts=sums.parts, zero_point=op.inputs[1].zero_point, cells=cells, shape=shape, fold=fold, left=sums.left
    )
    layout = f"{form.kernel.name} {BLOCK} {sums.parts} {op.inputs[1].zero_point} {cells} {shape} {fold} {sums.left}"
    packed = low.packed(op.inputs[1], layout, pack)
    constants = [low.temporary(Spec(a.shape, a.dtype, a)) for a in (sums.start, sums.scaling.table, np.array(offsets, np.int32))]
    low.call(
        form.kernel,
        SUFFIXES[x.dtype],
        op,
        params,
        work=x.shape[0] * -(-height.outputs // lines) * params.segments * params.blocks,
        inputs=[low.value(op.inputs[0]), packed, *constants],
        outputs=[low.define(op.outputs[0])],
        scratch=[low.scratch(params.scratch_bytes, per_worker=True)],
        grain=1 + _WORTHWHILE // (form.cells * lines * segment * block * len(taps)),
    )


def _lines(height: Window, width: Window) -> int:
    """Lines of the output that cost least together: they share what is laid out, and multiply by each other's rows in vain."""
    most = 1 if height.dilation > 1 else min(height.outputs, QUADS.cells)

    def cost(lines: int) -> float:
        rows = height.size + (lines - 1) * height.stride
        return 4 * width.stride * -(-rows // QUADS.cells) / lines + len(_taps(rows, width.size, QUADS.cells))

    return min(range(1, most + 1), key=cost)


def _taps(height: int, width: int, together: int) -> list[Tap]:
    """The taps of `together` cells that a window consists of."""
    taps = []
    for row in range(0, height, together):
        rows = min(together, height - row)
        columns = together // rows
        for column in range(0, width, columns):
            # What lies right of the last column may not exist: a last tap begins where it ends with that, and has some cells only.
            first = max(0, min(column, width - columns))
            places = [(row + i % rows, first + i // rows) for i in range(rows * columns)]
            cells = [place if column <= place[1] < width else None for place in places]
            taps.append(Tap((*cells, *[None] * (together - len(cells))), row // together, first))
    return taps


def _pack(
    filters: np.ndarray,
    form: Form,
    parts: int,
    zero_point: int,
    cells: tuple[slice, slice],
    shape: tuple[tuple[int, int], tuple[int, ...]],
    fold: int,
    left: tuple[int, ...],
) -> np.ndarray:
    """[1, kh, kw, channels] as [lines, panels, taps, BLOCK, form.cells] of form.dtype; where outputs share a row, so do copies of them.

    shape: of the window, and its first row that is each line's.
    """
    size, begins = shape
    weights = (filters[0, *cells].astype(np.int16) - np.int16(zero_point)).reshape(-1, size[1], filters.shape[3])
    weights <<= np.array(left, np.int16)
    lines = [extended(np.pad(weights, ((begin, 0), (0, 0), (0, 0))), size[0] - begin - len(weights), 0, 0) for begin in begins]
    return np.stack([_pack_line(line, form, parts, fold) for line in lines])


def _pack_line(weights: np.ndarray, form: Form, parts: int, fold: int) -> np.ndarray:
    """[rows, columns, channels] as [panels, taps, BLOCK, form.cells]."""
    taps = _taps(len(weights), weights.shape[1], form.cells)
    whole = np.zeros((len(taps), form.cells, weights.shape[-1]), np.int16)
    for filled, tap in zip(whole, taps, strict=True):
        for i, cell in enumerate(tap.cells):
            if cell is not None:
                filled[i] = weights[cell]
    pieces = []
    for _ in range(parts):
        pieces.append(np.clip(whole, *limits(form.dtype)).astype(form.dtype))
        whole = whole - pieces[-1]
    packed = extended(np.tile(np.concatenate(pieces), fold), 0, 0, -weights.shape[-1] * fold % BLOCK)
    return np.ascontiguousarray(packed.reshape(parts * len(taps), form.cells, -1, BLOCK).transpose(2, 0, 3, 1))


def _fitting(low: Any, op: Operator, cells: tuple[slice, slice], fold: int) -> tuple[Form, Sums | None]:
    """The best form for the machine that holds the operator's filters, and its sums."""
    if low.program.target.isa == VNNI and low.spec(op.inputs[0]).dtype.itemsize == 1:
        sums = _sums(low, op, cells, fold, QUADS)
        if sums is None or sums.parts <= _MAX_PARTS:
            return QUADS, sums
    return PAIRS, _sums(low, op, cells, fold, PAIRS)


def _sums(low: Any, op: Operator, cells: tuple[slice, slice], fold: int, form: Form) -> Sums | None:
    """None where the kernel cannot know or hold the sums."""
    x, filters = (low.spec(t) for t in op.inputs[:2])
    bias = low.spec(op.inputs[2]) if len(op.inputs) > 2 else None
    if filters.value is None or (bias is not None and bias.value is None):
        return None
    # The kernel takes no zero point off the input: the start makes up for that.
    zero_point = op.inputs[0].zero_point + form.added[x.dtype.name]
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
    least, most = limits(form.dtype)
    shifted = weights << left
    parts = int(max(1, -(-shifted.max(initial=0) // most), -(shifted.min(initial=0) // -least)))
    start = np.tile((start - zero_point * weights.sum((0, 1))) << left, fold)
    mantissas, shifts = np.tile(mantissas, fold), np.tile(shifts - left, fold)
    moved = tuple(left.tolist()) if left.any() else (0,)
    if not wide:
        scaling = requantize.twice((mantissas, shifts), 1, len(start), largest)
        return Sums(requantize.blocks(start.astype(np.int32), 1, len(start)), scaling, moved, parts) if largest < 2**31 else None
    if sizes.max() >= 2**31:
        return None
    scaling = requantize.once_up((mantissas, shifts), 1, len(start), largest)
    return Sums(requantize.blocks(start.astype(np.float64), 1, len(start)), scaling, moved, parts)


def _split(width: Window, lines: int, channels: int) -> tuple[int, int, int]:
    """Channels of a work item, its outputs in a row, and the pixels that it may see."""
    block = min(channels, MAX_CHANNELS)
    pixels = _NEAR // (4 * lines * block)
    segment = min(width.outputs, max(TILE, (pixels - width.reach) // width.stride // TILE * TILE))
    return block, segment, segment * width.stride + width.reach
