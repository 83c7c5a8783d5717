"""Hybrid operators natively: rows or images of floats become int16 steps from their zero point, whose products with the weights are exact.

Where a machine multiplies bytes best, the steps of matrices are bytes, and what their zero point adds to the sums is taken off.

One kernel serves all products: a row of the left operand is a few runs of neighbouring steps, `Runs`. A matrix has one run, a convolution
one for each line of its window, weights with block-wise scales one for each block.
"""

from collections.abc import Sequence
from ctypes import c_float, c_int32
from dataclasses import dataclass
from functools import partial
from math import inf, prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .fused import real_range
from .kernel import VNNI, Params, kernel
from .panels import TOGETHER
from .registry import Spec
from .window import Window

PANEL, BLOCK = 16, 24
"""Outputs of a panel, and rows of a work item: as in tl_steps.h and hybrid.c."""

#: Longer rows could overflow the sum.
MAX_DEPTH = 2**31 // (255 * 128)


class QuantizeRowsParams(Params):
    """Elements of `channels` numbers; steps: from one to the next in the result; start: where the first lies; image: size of a result."""

    _fields_ = tuple((name, c_int32) for name in ("height", "width", "channels", "row_step", "column_step", "start", "image", "symmetric"))


class HybridProductParams(Params):
    """rows: outputs, from the `first` on; height, width: those of one image; steps: between their windows.

    runs: of `length` steps, `run_columns` of them in a line; together: panels of a work item.
    """

    _fields_ = (
        *((name, c_int32) for name in ("rows", "first", "outputs", "groups", "height", "width")),
        *((name, c_int32) for name in ("image", "start", "row_step", "column_step")),
        *((name, c_int32) for name in ("runs", "run_columns", "run_row_step", "run_step", "length")),
        *((name, c_int32) for name in ("scale_step", "scales_first", "columns_inner", "together")),
        ("low", c_float),
        ("high", c_float),
    )


class HybridDepthwiseParams(Params):
    """As HybridProductParams; taps: cells of the window, `tap_columns` of them in a line."""

    _fields_ = (
        *((name, c_int32) for name in ("height", "width", "channels", "multiplier", "image", "start", "row_step", "column_step")),
        *((name, c_int32) for name in ("taps", "tap_columns", "tap_row_step", "tap_step")),
        ("low", c_float),
        ("high", c_float),
    )


QUANTIZE_ROWS = kernel("quantize_rows", QuantizeRowsParams, "f32", "quads")
HYBRID_PRODUCT = kernel("hybrid_product", HybridProductParams, "f32", "quads")
HYBRID_DEPTHWISE = kernel("hybrid_depthwise", HybridDepthwiseParams, "f32")


@dataclass(frozen=True)
class Axis:
    """One axis of an image in the steps' layout.

    elements: of the image, `spacing` apart from `before` on; start: where the window of the first output begins; length: of the layout;
    outputs: of the window, `stride` apart.
    """

    elements: int
    spacing: int
    before: int
    start: int
    length: int
    outputs: int
    stride: int

    @classmethod
    def of(cls, window: Window) -> "Axis":
        """For a window that slides over the elements."""
        before, start = max(window.before, 0), max(-window.before, 0)
        length = max(before + window.inputs, start + window.length)
        return cls(window.inputs, 1, before, start, length, window.outputs, window.stride)

    @classmethod
    def transposed(cls, window: Window) -> "Axis":
        """For the transposed map: the mirrored window slides step by step over elements `stride` apart, with zeros between them."""
        offset = window.reach - 1 - window.before
        before, start = max(offset, 0), max(-offset, 0)
        length = max(before + (window.outputs - 1) * window.stride + 1, start + window.inputs + window.reach - 1)
        return cls(window.outputs, window.stride, before, start, length, window.inputs, 1)


@dataclass(frozen=True)
class Steps:
    """What quantize_rows left: values of the steps and of the scales, and the layout. zeros: the value of what steps of 0 are, of quads."""

    steps: int
    scales: int
    height: Axis
    width: Axis
    channels: int
    zeros: int | None = None

    @property
    def line(self) -> int:
        return self.width.length * self.channels

    @property
    def image(self) -> int:
        return self.height.length * self.line

    @property
    def start(self) -> int:
        """Where the window of the first output begins."""
        return self.height.start * self.line + self.width.start * self.channels


def quantize(
    low: Any, op: Operator, x: int, images: int, height: Axis, width: Axis, channels: int, symmetric: bool, is_quads: bool = False
) -> Steps:
    """Emit the quantization of value x, `images` images or rows, each by itself; is_quads: to bytes, not to int16."""
    result = Steps(-1, -1, height, width, channels)
    dtype, more = (np.uint8, 3) if is_quads else (np.int16, 1)  # products read whole steps
    room = [((images * result.image + more,), dtype), ((images,), np.float32), *([((images,), np.int32)] if is_quads else [])]
    outputs = [low.temporary(Spec(shape, np.dtype(kind))) for shape, kind in room]
    params = QuantizeRowsParams(
        height=height.elements,
        width=width.elements,
        channels=channels,
        row_step=height.spacing * result.line,
        column_step=width.spacing * channels,
        start=height.before * result.line + width.before * channels,
        image=result.image,
        symmetric=symmetric,
    )
    grain = -(-16384 // (height.elements * width.elements * channels))
    low.call(QUANTIZE_ROWS, "quads" if is_quads else "f32", op, params, work=images, grain=grain, inputs=[x], outputs=outputs)
    return Steps(outputs[0], outputs[1], height, width, channels, outputs[2] if is_quads else None)


@dataclass(frozen=True)
class Runs:
    """The runs of neighbouring steps that an output takes: count, how many lie in a line, the steps between them, their length."""

    count: int
    columns: int
    row_step: int
    step: int
    length: int


def panels(weights: np.ndarray, step: int = 2) -> np.ndarray:
    """Integers [groups, outputs, runs, length] in the layout of tl_steps.h, int8 [groups, panels, runs, steps, PANEL, step]."""
    groups, outputs, runs, length = weights.shape
    padded = np.zeros((groups, _whole_panels(outputs), runs, -(-length // step) * step), np.int8)
    padded[:, :outputs, :, :length] = weights
    return np.ascontiguousarray(padded.reshape(groups, -1, PANEL, runs, padded.shape[3] // step, step).transpose(0, 1, 3, 4, 2, 5))


def _whole_panels(outputs: int) -> int:
    return -(-outputs // PANEL) * PANEL


def columns(values: np.ndarray, groups: int, outputs: int) -> np.ndarray:
    """[..., 1 or groups * outputs], padded to whole panels in each group, [..., groups * padded]."""
    full = np.broadcast_to(values, (*values.shape[:-1], groups * outputs)).reshape(*values.shape[:-1], groups, outputs)
    result = np.zeros((*full.shape[:-1], _whole_panels(outputs)), values.dtype)
    result[..., :outputs] = full
    return result.reshape(*values.shape[:-1], -1)


def product(
    low: Any,
    op: Operator,
    steps: Steps,
    images: int,
    runs: Runs,
    weights: int,
    scales: np.ndarray,
    groups: int,
    scales_first: bool,
    totals: np.ndarray | None = None,
    first: int = 0,
    result: int | None = None,
) -> None:
    """Emit the products of all windows with packed `weights`, to the operator's output, or its value `result`.

    scales: [1 or outputs], or [runs, outputs]; totals: int32 of the weights of each output, for each run that has scales,
    [panels, runs, PANEL], which quads need; first: the image to begin with.
    """
    outputs = low.spec(op.outputs[0]).shape[-1] // groups
    result = low.define(op.outputs[0]) if result is None else result
    padded = columns(scales, groups, outputs)
    height, width = steps.height, steps.width
    rows = images * height.outputs * width.outputs
    least, greatest = real_range(op) if hasattr(op.options, "fused_activation_function") else (-inf, inf)
    together = TOGETHER if totals is not None and padded.ndim == 1 and low.program.target.isa == VNNI else 1
    params = HybridProductParams(
        rows=rows,
        first=first * height.outputs * width.outputs,
        outputs=outputs,
        groups=groups,
        height=height.outputs,
        width=width.outputs,
        image=steps.image,
        start=steps.start,
        row_step=height.stride * steps.line,
        column_step=width.stride * steps.channels,
        runs=runs.count,
        run_columns=runs.columns,
        run_row_step=runs.row_step,
        run_step=runs.step,
        length=runs.length,
        scale_step=padded.shape[-1] if padded.ndim > 1 else 0,
        scales_first=scales_first,
        # The smaller operand is the one to walk over again and again.
        together=together,
        columns_inner=images * steps.image * 2 > groups * _whole_panels(outputs) * runs.count * runs.length,
        low=least,
        high=greatest,
    )
    work = -(-rows // BLOCK) * groups * -(-_whole_panels(outputs) // (PANEL * together))
    grain = -(-(1 << 17) // (runs.count * runs.length * min(rows, BLOCK) * PANEL * together))
    operands = steps.steps, steps.scales, weights, _constant(low, padded), _bias(low, op, groups, outputs)
    inputs = [*operands, steps.zeros, None if totals is None else _constant(low, totals)]
    variant = "f32" if totals is None else "quads"
    low.call(HYBRID_PRODUCT, variant, op, params, work=work, grain=grain, inputs=inputs, outputs=[result])


def _constant(low: Any, value: np.ndarray) -> int:
    number: int = low.temporary(Spec(value.shape, value.dtype, value))
    return number


def _bias(low: Any, op: Operator, groups: int, outputs: int) -> int | None:
    bias = low.spec(bias_of(op))
    return None if bias is None else _constant(low, columns(bias.value.reshape(-1), groups, outputs))


def bias_of(op: Operator) -> Tensor | None:
    """The bias of a product or a convolution, which comes after its data and its weights."""
    position = 3 if op.op == "TRANSPOSE_CONV" else 2
    return op.inputs[position] if len(op.inputs) > position else None


def is_supported(low: Any, op: Operator, depth: int) -> bool:
    """Whether these kernels can do it: constant weights and bias, an activation that clips, sums that fit in 32 bits."""
    constants = [op.inputs[1], bias_of(op)]
    is_constant = all(t is None or low.spec(t).value is not None for t in constants)
    activation = getattr(op.options, "fused_activation_function", "NONE")
    return is_constant and activation != "TANH" and depth <= MAX_DEPTH


# A matrix.

_POINT = Axis(1, 1, 0, 0, 1, 1, 1)
"""Rows are images of one element."""


def lower_matrix(low: Any, op: Operator, scales: np.ndarray, block: int, asymmetric: bool) -> None:
    """x [..., k] times weights [m, k]. scales: float32 [1 or m], or [k / block, m] for blocks of inputs."""
    x, weights = op.inputs[:2]
    depth = low.spec(weights).shape[1]
    rows = low.size(x) // depth
    if not is_supported(low, op, depth):
        low.host(op)
        return
    is_quads = _takes_quads(low, weights, rows, block)
    step = 4 if is_quads else 2
    steps = quantize(low, op, low.value(x), rows, _POINT, _POINT, depth, not asymmetric, is_quads)
    count = depth // block
    packed = low.packed(weights, f"panels{PANEL}x{step}x{block}", partial(_pack_matrix, block=block, step=step))
    totals = _totals(low.spec(weights).value, count if scales.ndim > 1 else 1) if is_quads else None
    product(low, op, steps, rows, Runs(count, count, 0, block, block), packed, scales, 1, scales_first=False, totals=totals)


def _takes_quads(low: Any, weights: Tensor | None, rows: int, block: int) -> bool:
    """Whether steps of 8 bits suit the machine, as for integers (see conv_integer); runs of them begin on whole quads."""
    isa = low.program.target.isa
    suits = isa == VNNI or (isa == "avx2" and rows == 1 and bool((_signed(low.spec(weights).value) != -128).all()))
    return suits and block % 4 == 0


def _totals(weights: np.ndarray, runs: int, groups: int = 1) -> np.ndarray:
    """int32 [groups * panels, runs, PANEL] of weights [groups * m, ...], in `runs` parts."""
    sums = _signed(weights).reshape(len(weights), runs, -1).sum(axis=2, dtype=np.int32)
    return np.ascontiguousarray(columns(sums.T, groups, len(weights) // groups).reshape(runs, -1, PANEL).transpose(1, 0, 2))


def lower_matrices(low: Any, op: Operator, x: int, meetings: Sequence[tuple[int, int]]) -> None:
    """BATCH_MATMUL: value x, rows of k, times matrices y [..., k, m], which may be stored transposed.

    meetings: how many rows in turn meet the same matrix, and the number of that.
    """
    y, result = low.spec(op.inputs[1]), low.define(op.outputs[0])
    depth = y.shape[-1 if op.options.adj_y else -2]
    rows, symmetric = sum(count for count, _ in meetings), not op.options.asymmetric_quantize_inputs
    steps = quantize(low, op, x, rows, _POINT, _POINT, depth, symmetric)
    first, scales, runs = 0, op.inputs[1].quantization.scale, Runs(1, 1, 0, depth, depth)
    for count, number in meetings:
        pack = partial(_pack_columns, number=number, transposed=op.options.adj_y)
        packed = low.packed(op.inputs[1], f"panels{PANEL} {pack.keywords}", pack)
        product(low, op, steps, count, runs, packed, scales, groups=1, scales_first=False, first=first, result=result)
        first += count


def _pack_columns(matrices: np.ndarray, number: int, transposed: bool) -> np.ndarray:
    matrix = matrices.reshape(-1, *matrices.shape[-2:])[number]
    columns = matrix if transposed else matrix.T
    return _pack_matrix(columns, columns.shape[1], step=2)


def _pack_matrix(weights: np.ndarray, block: int, step: int) -> np.ndarray:
    return panels(_signed(weights).reshape(1, len(weights), -1, block), step)


def _signed(weights: np.ndarray) -> np.ndarray:
    """The first converters stored int8 weights under the type uint8."""
    return weights.view(np.int8) if weights.dtype == np.uint8 else weights.astype(np.int8)


# Convolutions.


def lower_convolution(low: Any, op: Operator, windows: Sequence[Window], scales: np.ndarray, symmetric: bool) -> None:
    """CONV_2D: x [n, h, w, c] with filters [o, kh, kw, c / groups]."""
    trimmed, cells = zip(*(window.trimmed() for window in windows), strict=True)
    _lower_windows(low, op, low.spec(op.inputs[0]), [Axis.of(w) for w in trimmed], trimmed, cells, scales, symmetric)


def lower_transposed(low: Any, op: Operator, windows: Sequence[Window], scales: np.ndarray) -> None:
    """TRANSPOSE_CONV: filters [o, kh, kw, c], x [n, h, w, c]; the windows slide over the result."""
    mirrored = (slice(None, None, -1), slice(None, None, -1))
    _lower_windows(low, op, low.spec(op.inputs[2]), [Axis.transposed(w) for w in windows], windows, mirrored, scales, symmetric=False)


def _lower_windows(
    low: Any,
    op: Operator,
    x: Spec,
    axes: Sequence[Axis],
    windows: Sequence[Window],
    cells: Sequence[slice],
    scales: np.ndarray,
    symmetric: bool,
) -> None:
    filters = low.spec(op.inputs[1])
    (height, width), (down, across) = axes, windows
    images, channels, depth = x.shape[0], x.shape[3], filters.shape[3]
    if not is_supported(low, op, prod(filters.shape[1:])):
        low.host(op)
        return
    is_quads = low.program.target.isa == VNNI
    source = low.value(op.inputs[2 if op.op == "TRANSPOSE_CONV" else 0])
    steps = quantize(low, op, source, images, height, width, channels, symmetric, is_quads)
    line = down.dilation * steps.line
    # Cells side by side, with all channels, are one run.
    is_joined = depth == channels and across.dilation == 1
    if is_joined:
        runs = Runs(down.size, 1, line, 0, across.size * depth)
    else:
        runs = Runs(down.size * across.size, across.size, line, across.dilation * channels, depth)
    groups = channels // depth
    step = 4 if is_quads else 2
    layout = f"panels{PANEL}x{step}x{groups}x{runs.length}{cells}"
    packed = low.packed(op.inputs[1], layout, partial(_pack_filters, groups=groups, cells=tuple(cells), length=runs.length, step=step))
    kept = _signed(filters.value)[:, cells[0], cells[1]]
    totals = _totals(kept, 1, groups) if is_quads else None
    product(low, op, steps, images, runs, packed, scales, groups, scales_first=True, totals=totals)


def _pack_filters(filters: np.ndarray, groups: int, cells: tuple[slice, ...], length: int, step: int) -> np.ndarray:
    kept = _signed(filters)[:, cells[0], cells[1]]
    return panels(kept.reshape(groups, len(filters) // groups, -1, length), step)


def lower_depthwise(low: Any, op: Operator, windows: Sequence[Window], scales: np.ndarray) -> None:
    """DEPTHWISE_CONV_2D: x [n, h, w, c] with filters [1, kh, kw, c * multiplier]."""
    x, filters = low.spec(op.inputs[0]), low.spec(op.inputs[1])
    windows, cells = zip(*(window.trimmed() for window in windows), strict=True)
    down, across = windows
    height, width = Axis.of(down), Axis.of(across)
    images, channels, outputs = x.shape[0], x.shape[3], filters.shape[3]
    if not is_supported(low, op, down.size * across.size):
        low.host(op)
        return
    steps = quantize(low, op, low.value(op.inputs[0]), images, height, width, channels, symmetric=False)
    least, greatest = real_range(op)
    params = HybridDepthwiseParams(
        height=height.outputs,
        width=width.outputs,
        channels=outputs,
        multiplier=outputs // channels,
        image=steps.image,
        start=steps.start,
        row_step=height.stride * steps.line,
        column_step=width.stride * channels,
        taps=down.size * across.size,
        tap_columns=across.size,
        tap_row_step=down.dilation * steps.line,
        tap_step=across.dilation * channels,
        low=least,
        high=greatest,
    )
    packed = low.packed(op.inputs[1], f"taps{cells}", lambda f: np.ascontiguousarray(_signed(f)[0, cells[0], cells[1]]))
    full = np.ascontiguousarray(np.broadcast_to(scales, outputs), np.float32)
    bias = None if bias_of(op) is None else low.value(bias_of(op))
    inputs = [steps.steps, steps.scales, packed, _constant(low, full), bias]
    grain = -(-(1 << 15) // (width.outputs * outputs * params.taps))
    low.call(
        HYBRID_DEPTHWISE, "f32", op, params, work=images * height.outputs, grain=grain, inputs=inputs, outputs=[low.define(op.outputs[0])]
    )
