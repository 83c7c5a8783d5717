"""Native sums of products of integers: what CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED and BATCH_MATMUL lower to.

All are one kernel's work: windows of pixels, which are runs of neighbouring elements, times panels of filters, rounded to the output's
steps. A matrix is an image one line high.
"""

from collections.abc import Callable, Sequence
from ctypes import c_int32
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator, Tensor

from .arguments import SUFFIXES
from .exact import reach
from .kernel import VNNI, Params, kernel
from .panels import TOGETHER, extended
from .registry import Spec
from .requantize import BLOCK, OUTPUT_FIELDS, Rounding, Scaling, blocks, output_fields, settled, twice
from .window import Phase, Window

_MAX_PIXELS = 96
"""Pixels of a work item: as in conv_int.c."""

_LEAST_PIXELS = 24
"""Those of the least item that several workers share."""

_ROOM = 1 << 15
"""Bytes of widened input that a work item should not exceed, so that they stay in the first-level cache."""

_WORTHWHILE = 1 << 18
"""Multiplications that are worth a thread's while."""


class ConvIntParams(Params):
    """Of an image of `channels`, blocks of `lines` by `columns` output pixels; steps between outputs in elements.

    reach: elements that a window spans; runs: of `steps` pairs of elements; flush: runs after which sums are widened, or 0;
    length: elements of a run that exist; filter_zero_point: what filters still have, for quads of uint8;
    depth: channels of a group; panels: of all groups; part_panels: those of a work item; room: bytes for each worker.
    """

    _fields_ = (
        *((name, c_int32) for name in ("input_height", "input_width", "channels", "input_image", "zero_point", "transposed")),
        *((name, c_int32) for name in ("height", "width", "lines", "columns")),
        *((name, c_int32) for name in ("stride_height", "stride_width", "before_height", "before_width", "reach_height", "reach_width")),
        *(
            (name, c_int32)
            for name in (
                "runs",
                "steps",
                "length",
                "filter_zero_point",
                "flush",
                "depth",
                "outputs",
                "panels",
                "group_panels",
                "part_panels",
                "room",
            )
        ),
        *((name, c_int32) for name in ("output_image", "output_line", "output_pixel", "output_offset")),
        *OUTPUT_FIELDS,
    )


class PackIntParams(Params):
    """Matrices of `outputs` by `depth`, with the steps between their elements; length: of a run; wide: whether sums start in double."""

    _fields_ = tuple(
        (name, c_int32)
        for name in (
            *("matrix_step", "output_step", "depth_step", "outputs", "depth", "runs", "length", "steps"),
            *("zero_point", "input_zero_point", "wide_bias", "wide"),
        )
    )


CONV_INT = kernel("conv_int", ConvIntParams, "s8w8", "s8w16", "u8w16", "s16w8", "s16w16", "s8w8_quads", "u8w8_quads")
PACK_INT = kernel("pack_int", PackIntParams, "s8", "u8", "s16")


View = Callable[[np.ndarray], np.ndarray]


class Runs(NamedTuple):
    """The runs of neighbouring elements that a pixel's window consists of: where they begin, from its first element on; their length."""

    offsets: np.ndarray
    length: int

    @classmethod
    def of(cls, windows: Sequence[Window], line: int, channels: int, depth: int) -> "Runs":
        """Of a window over height and width, in lines of `line` elements, that takes `depth` of each element's channels."""
        down, across = windows
        lines = np.arange(down.size) * down.dilation * line
        # Cells side by side, with all channels, are one run.
        if depth == channels and across.dilation == 1:
            return cls(lines, across.size * depth)
        return cls((lines[:, None] + np.arange(across.size) * across.dilation * channels).ravel(), depth)

    def split(self, most: int) -> "Runs":
        """The same in pieces of `most` elements or fewer, as even as may be; they may end beyond the run, where filters are 0."""
        if self.length <= most:
            return self
        count = -(-self.length // most)
        length = -(-self.length // count)
        return Runs((self.offsets[:, None] + np.arange(count) * length).ravel(), length)


@dataclass(frozen=True)
class Layer:
    """What an operator multiplies, and how it rounds.

    x, filters, bias: its tensors; groups: of `outputs` each; rule: one of `requantize`'s, and its multipliers; zero_points: of x and of the
    filters.
    """

    x: Tensor | None
    filters: Tensor | None
    bias: Tensor | None
    groups: int
    outputs: int
    rule: Callable[[Any, int, int, int], Scaling]
    multipliers: Any
    zero_points: tuple[int, int]


def bias_of(op: Operator, position: int = 2) -> Tensor | None:
    """An optional input."""
    return op.inputs[position] if len(op.inputs) > position else None


# Geometry.


def windowed(windows: Sequence[Window], channels: int, depth: int) -> ConvIntParams:
    """The parameters of two windows, height and width, over images of `channels`, of which a group takes `depth`."""
    down, across = windows
    params = ConvIntParams(channels=channels, depth=depth, input_image=down.inputs * across.inputs * channels)
    for name, window in (("height", down), ("width", across)):
        setattr(params, f"input_{name}", window.inputs)
        setattr(params, f"stride_{name}", window.stride)
        setattr(params, f"before_{name}", window.before)
        setattr(params, f"reach_{name}", window.reach)
        setattr(params, name, window.outputs)
    return params


def dense(params: ConvIntParams, channels: int) -> ConvIntParams:
    """The same with outputs one after another, `channels` to a pixel."""
    params.output_pixel = channels
    params.output_line = params.width * channels
    params.output_image = params.height * params.output_line
    return params


def _share(low: Any, params: ConvIntParams) -> None:
    """Divide the pixels into blocks."""
    most = _most_pixels(low.program.target, params.width * params.height)
    across = max(1, -(-params.width // most))
    columns = -(-params.width // across)
    params.columns = params.width if across == 1 else min(most, -(-columns // 12) * 12)
    params.lines = max(1, min(params.height, most // max(1, params.columns)))
    while params.lines > 1 and _seen(params) > _ROOM:
        params.lines = -(-params.lines // 2)
    while params.columns > 12 and _seen(params) > _ROOM:
        params.columns = -(-params.columns // 24) * 12


def _most_pixels(target: Any, pixels: int) -> int:
    """Pixels of a block: where panels go together, workers share pixels rather than panels, as far as tiles stay whole."""
    if target.isa != VNNI or target.workers == 1:
        return _MAX_PIXELS
    return int(np.clip(-(-pixels // (4 * target.workers)) // 12 * 12, _LEAST_PIXELS, _MAX_PIXELS))


def _line(params: ConvIntParams) -> int:
    """Elements of a line of widened input."""
    return int(((params.columns - 1) * params.stride_width + params.reach_width) * params.channels)


def _seen(params: ConvIntParams) -> int:
    """Bytes of widened input that a block sees."""
    return int(((params.lines - 1) * params.stride_height + params.reach_height) * _line(params) * 2)


# Filters.


class Storage(NamedTuple):
    """How filters are stored, as in tl_steps.h: the name in a kernel's variant, elements of a step, type of a filter."""

    name: str
    step: int
    dtype: np.dtype


PAIRS_W8 = Storage("w8", 2, np.dtype(np.int8))
PAIRS_W16 = Storage("w16", 2, np.dtype(np.int16))
QUADS_W8 = Storage("w8_quads", 4, np.dtype(np.int8))


class Filters(NamedTuple):
    """Values that hold the panels and where their sums start; how to round; the runs, and after how many to flush.

    zero_point: what is still to be taken off the filters.
    """

    panels: int
    start: int
    scaling: Scaling
    runs: Runs
    flush: int
    storage: Storage
    zero_point: int = 0


def _storage(low: Any, layer: Layer, matrix: np.ndarray, is_single: bool) -> Storage:
    """The best for the machine, where sums are narrow; is_single: whether one row meets these filters."""
    isa, x = low.program.target.isa, low.spec(layer.x).dtype
    if isa == VNNI and x.itemsize == matrix.itemsize == 1:
        return QUADS_W8
    if layer.zero_points[1] or matrix.dtype != np.int8:
        return PAIRS_W16
    # AVX2 saves itself the widening of filters, which only several rows make up for; its products exclude -128.
    suits = isa == "avx2" and is_single and x == np.int8 and bool((matrix != -128).all())
    return QUADS_W8 if suits else PAIRS_W8


def _is_wide(scaling: Scaling, greatest: int) -> bool:
    """Whether sums need more than 32 bits; those that are rounded twice are defined modulo 2**32."""
    return scaling.rounding not in (Rounding.TWICE_FAST, Rounding.TWICE, Rounding.PLAIN) and greatest >= 2**31


def _constant_filters(low: Any, layer: Layer, runs: Runs, view: View, name: str, is_single: bool = False) -> Filters:
    """Panels packed at load. view: from the tensor to rows, [n * layer.groups * layer.outputs, ...]; name: of the view."""
    matrix = _rows(low.spec(layer.filters).value, view)
    bias = np.zeros(len(matrix), np.int64) if layer.bias is None else low.spec(layer.bias).value.reshape(-1).astype(np.int64)
    multipliers = layer.multipliers
    totals = matrix.sum(axis=1, dtype=np.int64) - matrix.shape[1] * layer.zero_points[1]
    most = reach(matrix.dtype, layer.zero_points[1])
    farthest = reach(layer.x.dtype, layer.zero_points[0])
    bound = farthest * matrix.shape[1] * most + int(np.abs(bias).max(initial=0))
    if bound >= 2**29:  # No need to look at all filters elsewhere.
        magnitudes = np.abs(matrix.astype(np.int32) - layer.zero_points[1])
        most = int(magnitudes.max(initial=0))
        sizes = magnitudes.sum(axis=1, dtype=np.int64)
        if layer.rule is twice:
            bias, multipliers = settled(bias, sizes == 0, multipliers)
        bound = int((farthest * sizes + np.abs(bias)).max(initial=0))
    scaling = layer.rule(multipliers, layer.groups, layer.outputs, bound)
    pieces, flush = _flushed(layer, runs, most) if _is_wide(scaling, bound) else (runs, 0)
    storage = (
        _storage(low, layer, matrix, is_single)
        if not flush
        else PAIRS_W8
        if matrix.dtype == np.int8 and not layer.zero_points[1]
        else PAIRS_W16
    )
    is_vnni = storage is QUADS_W8 and low.program.target.isa == VNNI
    # VNNI multiplies uint8 by int8: what is neither becomes it, and a zero point that filters have then is the kernel's to take off.
    flip = 128 if is_vnni and layer.x.dtype == np.int8 else 0
    removed = layer.zero_points[1] if not is_vnni else 128 if matrix.dtype == np.uint8 else 0
    start = bias - (layer.zero_points[0] + flip) * totals
    start = start.astype(np.float64 if flush else np.int32)
    start = blocks(start, len(matrix) // layer.outputs, layer.outputs)
    shape = len(runs.offsets), len(pieces.offsets), pieces.length
    pack = partial(_panels, view=view, outputs=layer.outputs, shape=shape, zero_point=removed, storage=storage)
    layout = f"{storage.name} panels{BLOCK} {name} {layer.outputs} {shape} {removed}"
    packed, left = low.packed(layer.filters, layout, pack), layer.zero_points[1] - removed
    return Filters(packed, _constant(low, start), scaling, pieces, flush, storage, left)


def _flushed(layer: Layer, runs: Runs, most: int) -> tuple[Runs, int]:
    """Runs so short that sums of products with filters of at most `most` in magnitude fit in 32 bits; how many of them do together."""
    products = max(1, (2**31 - 1) // (max(map(abs, limits(layer.x.dtype))) * max(1, most)))
    pieces = runs.split(products)
    return pieces, max(1, products // pieces.length)


def _rows(filters: np.ndarray, view: View) -> np.ndarray:
    """[rows, depth], int8 where elements are narrower."""
    chosen = view(filters)
    rows = chosen.reshape(len(chosen), -1)
    return rows if rows.dtype in (np.int8, np.uint8, np.int16) else rows.astype(np.int8)


def _panels(filters: np.ndarray, view: View, outputs: int, shape: tuple[int, int, int], zero_point: int, storage: Storage) -> np.ndarray:
    """[panels, pieces, steps, BLOCK, elements of a step], with zeros wherever something is not whole.

    outputs: rows that begin a panel together; shape: runs, the pieces of them all, elements of a piece.
    """
    rows, (runs, pieces, length) = _rows(filters, view), shape
    rows = (
        np.subtract(rows, zero_point, dtype=np.int16).astype(storage.dtype, copy=False)
        if zero_point
        else rows.astype(storage.dtype, copy=False)
    )
    run, pieces_of_run = rows.shape[1] // max(1, runs), pieces // max(1, runs)
    rows = rows.reshape(len(rows) // outputs, outputs, runs, run)
    rows = extended(rows, 0, -outputs % BLOCK, 0, pieces_of_run * length - run)
    rows = extended(rows.reshape(*rows.shape[:2], pieces, length), 0, 0, 0, -length % storage.step)
    panels = len(rows) * rows.shape[1] // BLOCK
    return np.ascontiguousarray(rows.reshape(panels, BLOCK, pieces, rows.shape[3] // storage.step, storage.step).transpose(0, 2, 3, 1, 4))


def _run_time_filters(low: Any, op: Operator, layer: Layer, runs: Runs, count: int, steps: Sequence[int]) -> Filters | None:
    """Panels packed by a call, or None where that cannot be.

    count: of matrices, each of layer.groups * layer.outputs by all runs; steps: elements from one to the next matrix, output and input.
    """
    kind, bias = low.spec(layer.filters).dtype, layer.bias and low.spec(layer.bias)
    depth = len(runs.offsets) * runs.length
    most, farthest = reach(kind, layer.zero_points[1]), reach(layer.x.dtype, layer.zero_points[0])
    bound = farthest * most * depth + (int(np.abs(bias.value.astype(np.float64)).max(initial=0)) if bias else 0)
    scaling = layer.rule(layer.multipliers, layer.groups, layer.outputs, bound)
    is_wide = _is_wide(scaling, bound)
    pieces, flush = _flushed(layer, runs, most) if is_wide else (runs, 0)
    if len(runs.offsets) > 1 and pieces is not runs:
        return None
    panels = count * layer.groups * -(-layer.outputs // BLOCK)
    pairs = -(-pieces.length // 2)
    packed = low.temporary(Spec((panels * len(pieces.offsets) * pairs * BLOCK * 2,), np.dtype(np.int16)))
    start = low.temporary(Spec((panels, BLOCK), np.dtype(np.float64 if is_wide else np.int32)))
    matrix_step, output_step, depth_step = steps
    params = PackIntParams(
        matrix_step=matrix_step,
        output_step=output_step,
        depth_step=depth_step,
        outputs=layer.outputs,
        depth=depth,
        runs=len(pieces.offsets),
        length=pieces.length,
        steps=pairs,
        zero_point=layer.zero_points[1],
        input_zero_point=layer.zero_points[0],
        wide_bias=bias is not None and bias.dtype == np.int64,
        wide=is_wide,
    )
    inputs = [low.value(layer.filters), None if layer.bias is None else low.value(layer.bias)]
    grain = 1 + (1 << 14) // (depth * BLOCK + 1)
    low.call(PACK_INT, SUFFIXES[kind], op, params, work=panels, grain=grain, inputs=inputs, outputs=[packed, start])
    return Filters(packed, start, scaling, pieces, flush, PAIRS_W16)


def _constant(low: Any, value: np.ndarray) -> int:
    number: int = low.temporary(Spec(value.shape, value.dtype, value))
    return number


def _chosen(cells: tuple[slice, ...]) -> tuple[View, str]:
    """Some cells of filters [outputs, cells..., depth], and the name of the choice."""
    return lambda filters: filters[(slice(None), *cells)], " ".join(f"{c.start}:{c.stop}:{c.step}" for c in cells)


# Emission.


def emit(
    low: Any,
    op: Operator,
    layer: Layer,
    params: ConvIntParams,
    filters: Filters,
    result: int,
    images: int = 1,
    batch: np.ndarray | None = None,
) -> None:
    """Emit one call, its pixels already divided into blocks; here the panels are.

    result: the value to write; batch: for products of matrices, which matrix of either operand each of the `images` takes, [images, 2].
    """
    params.zero_point = layer.zero_points[0]
    params.runs, params.steps, params.flush = len(filters.runs.offsets), -(-filters.runs.length // filters.storage.step), filters.flush
    params.length, params.filter_zero_point = filters.runs.length, filters.zero_point
    params.outputs, params.group_panels = layer.outputs, -(-layer.outputs // BLOCK)
    params.panels = layer.groups * params.group_panels
    for name, value in output_fields(op, filters.scaling).items():
        setattr(params, name, value)
    workers = low.program.target.workers
    pixels = images * -(-params.height // params.lines) * -(-params.width // max(1, params.columns))
    # One worker does best with all panels of a block; several need enough items to share.
    parts = 1 if workers == 1 else min(params.panels, -(-4 * workers // max(1, pixels)))
    together = TOGETHER if filters.storage is QUADS_W8 and low.program.target.isa == VNNI else 1
    params.part_panels = min(params.panels, together * -(-params.panels // (parts * together)))
    # Whole steps, and pieces of runs, may end beyond what is seen; their filters are 0.
    params.room = -(-(_seen(params) + 2 * filters.runs.length + 8) // 64) * 64
    cost = params.lines * params.columns * params.part_panels * BLOCK * (params.runs * filters.runs.length + 8)
    inputs = [
        low.value(layer.x),
        filters.panels,
        filters.start,
        _constant(low, filters.scaling.table),
        _constant(low, (filters.runs.offsets * (4 // filters.storage.step)).astype(np.int32)),
        None if batch is None else _constant(low, batch.astype(np.int32)),
    ]
    low.call(
        CONV_INT,
        SUFFIXES[layer.x.dtype] + filters.storage.name,
        op,
        params,
        work=pixels * -(-params.panels // params.part_panels),
        inputs=inputs,
        outputs=[result],
        scratch=[low.scratch(params.room, per_worker=True)],
        grain=1 + _WORTHWHILE // cost,
    )


def _can_lower(low: Any, layer: Layer) -> bool:
    return layer.bias is None or low.spec(layer.bias).value is not None


# Operators.


def lower_convolution(low: Any, op: Operator, windows: Sequence[Window], layer: Layer) -> None:
    """CONV_2D: x [n, h, w, c] with filters [o, kh, kw, c / groups]."""
    x, filters = low.spec(layer.x), low.spec(layer.filters)
    channels, depth = x.shape[3], filters.shape[3]
    trimmed, cells = zip(*(window.trimmed() for window in windows), strict=True)
    is_whole = tuple(w.size for w in trimmed) == filters.shape[1:3]
    images = x.shape[0]
    if all(w == Window(1, 1, 1, 0, w.inputs, w.inputs) for w in trimmed) and depth == channels:
        # Pixels by themselves: one long line.
        pixels = images * prod(x.shape[1:3])
        trimmed, images = (Window(1, 1, 1, 0, 1, 1), Window(1, 1, 1, 0, pixels, pixels)), 1
    params = dense(windowed(trimmed, channels, depth), layer.groups * layer.outputs)
    _share(low, params)
    runs = Runs.of(trimmed, _line(params), channels, depth)
    packed: Filters | None = None
    if _can_lower(low, layer) and filters.value is not None:
        packed = _constant_filters(low, layer, runs, *_chosen(cells))
    elif _can_lower(low, layer) and is_whole:
        size = prod(filters.shape[1:])
        packed = _run_time_filters(low, op, layer, runs, 1, (layer.outputs * size, size, 1))
    if packed is None:
        low.host(op)
        return
    emit(low, op, layer, params, packed, low.define(op.outputs[0]), images)


def lower_transposed(low: Any, op: Operator, phases: Sequence[Phase], layer: Layer) -> None:
    """TRANSPOSE_CONV: a convolution for each phase, the results whose coordinates agree modulo the strides."""
    if not _can_lower(low, layer) or low.spec(layer.filters).value is None:
        low.host(op)
        return
    x, y = low.spec(layer.x), low.spec(op.outputs[0])
    result = low.define(op.outputs[0])
    for phase in phases:
        params = windowed(phase.windows, x.shape[3], x.shape[3])
        _share(low, params)
        runs = Runs.of(phase.windows, _line(params), x.shape[3], x.shape[3])
        row = y.shape[2] * y.shape[3]
        params.output_image, params.output_line = y.shape[1] * row, phase.strides[0] * row
        params.output_pixel, params.output_offset = phase.strides[1] * y.shape[3], phase.at[0] * row + phase.at[1] * y.shape[3]
        filters = _constant_filters(low, layer, runs, *_chosen(phase.cells))
        emit(low, op, layer, params, filters, result, x.shape[0])


def lower_matrix(low: Any, op: Operator, layer: Layer) -> None:
    """FULLY_CONNECTED: x [..., k] with filters [m, k]."""
    outputs, depth = low.spec(layer.filters).shape
    rows = prod(low.spec(layer.x).shape) // depth
    params, runs = _matrix(low, rows, depth, outputs)
    packed: Filters | None = None
    if _can_lower(low, layer):
        is_constant = low.spec(layer.filters).value is not None
        packed = (
            _constant_filters(low, layer, runs, *_chosen(()), is_single=rows == 1)
            if is_constant
            else _run_time_filters(low, op, layer, runs, 1, (0, depth, 1))
        )
    if packed is None:
        low.host(op)
        return
    emit(low, op, layer, params, packed, low.define(op.outputs[0]))


def _matrix(low: Any, rows: int, depth: int, outputs: int) -> tuple[ConvIntParams, Runs]:
    windows = Window(1, 1, 1, 0, 1, 1), Window(1, 1, 1, 0, rows, rows)
    params = dense(windowed(windows, depth, depth), outputs)
    _share(low, params)
    return params, Runs.of(windows, _line(params), depth, depth)


def lower_matrices(low: Any, op: Operator, layer: Layer) -> None:
    """BATCH_MATMUL: x [..., n, k] with y [..., k, m], either of them perhaps transposed."""
    x, y, result = (low.spec(t) for t in (layer.x, layer.filters, op.outputs[0]))
    (rows, outputs), depth = result.shape[-2:], x.shape[-2 if op.options.adj_x else -1]
    counts = prod(x.shape[:-2]), prod(y.shape[:-2])
    batch: np.ndarray | None = None
    packed: Filters | None
    if counts[1] == 1 and not op.options.adj_x:  # All rows meet the same matrix.
        rows *= counts[0]
    else:
        numbers = [np.arange(n).reshape(s.shape[:-2]) for n, s in zip(counts, (x, y), strict=True)]
        batch = np.stack([np.broadcast_to(n, result.shape[:-2]).ravel() for n in numbers], axis=1)
    params, runs = _matrix(low, rows, depth, outputs)
    params.transposed = op.options.adj_x
    if y.value is not None:
        packed = _constant_filters(low, layer, runs, *_columns(op.options.adj_y))
    else:
        steps = (outputs * depth, depth, 1) if op.options.adj_y else (outputs * depth, 1, outputs)
        packed = _run_time_filters(low, op, layer, runs, counts[1], steps)
    if packed is None:
        low.host(op)
        return
    emit(low, op, layer, params, packed, low.define(op.outputs[0]), 1 if batch is None else len(batch), batch)


def _columns(is_transposed: bool) -> tuple[View, str]:
    """The columns of all matrices [..., k, m], or the rows where they are stored transposed."""

    def view(matrices: np.ndarray) -> np.ndarray:
        rows = matrices if is_transposed else matrices.swapaxes(-1, -2)
        return rows.reshape(-1, rows.shape[-1])

    return view, "rows" if is_transposed else "columns"
