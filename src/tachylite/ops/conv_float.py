"""Native sums of products in float32: what CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED and BATCH_MATMUL lower to."""

from collections.abc import Callable, Sequence
from ctypes import c_float, c_int32
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from . import winograd
from .fused import activate
from .kernel import Kernel, Params, kernel
from .panels import PANEL, Cells, named, panels, parts, plain, share
from .registry import Spec
from .window import Window

_BLOCK = 84
"""Pixels of a work item, at most: whole tiles of 6, 12 or 14."""

_WORTHWHILE = 1 << 17
"""Multiplications that are worth a thread's while."""


class ConvParams(Params):
    """A convolution over height and width: of `groups` groups, each has `depth` channels and `outputs` outputs.

    steps: floats from one output to the next; rows, segment, panels: a work item is so many pixels high and wide, for so many panels;
    joined: whether a row of the filter sees consecutive values.
    """

    _fields_ = (
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("channels", c_int32),
        ("depth", c_int32),
        ("groups", c_int32),
        ("outputs", c_int32),
        ("output_height", c_int32),
        ("output_width", c_int32),
        ("filter_height", c_int32),
        ("filter_width", c_int32),
        ("stride_height", c_int32),
        ("stride_width", c_int32),
        ("dilation_height", c_int32),
        ("dilation_width", c_int32),
        ("before_height", c_int32),
        ("before_width", c_int32),
        ("image_step", c_int32),
        ("row_step", c_int32),
        ("pixel_step", c_int32),
        ("output_offset", c_int32),
        ("images", c_int32),
        ("rows", c_int32),
        ("segment", c_int32),
        ("panels", c_int32),
        ("joined", c_int32),
        ("low", c_float),
        ("high", c_float),
    )


class PackParams(Params):
    """`count` matrices of `outputs` by `taps` by `depth` floats, with the steps between them in floats, to panels of `lanes` outputs."""

    _fields_ = (
        ("count", c_int32),
        ("outputs", c_int32),
        ("taps", c_int32),
        ("depth", c_int32),
        ("matrix_step", c_int32),
        ("output_step", c_int32),
        ("tap_step", c_int32),
        ("depth_step", c_int32),
        ("lanes", c_int32),
    )


CONV = kernel("conv", ConvParams, "f32")
CONV_NARROW = kernel("conv_narrow", ConvParams, "f32")
MATMUL = kernel("matmul", ConvParams, "f32")
DEPTHWISE = kernel("depthwise", ConvParams, "f32")
PACK = kernel("pack", PackParams, "f32")


def can_lower(low: Any, op: Operator, filters: Tensor | None) -> bool:
    """Whether these kernels compute the operator: float32 by float32, or by constants that are converted once."""
    known = low.spec(filters)
    return (
        op.options.fused_activation_function != "TANH"
        and op.outputs[0].dtype == np.float32
        and (known.dtype == np.float32 or (known.dtype == np.float16 and known.value is not None))
    )


def bounds(op: Operator) -> tuple[float, float]:
    """The least and the greatest result that the fused activation lets through."""
    low, high = activate(op, np.array([-np.inf, np.inf], np.float32))
    return float(low), float(high)


def bias_of(low: Any, op: Operator, position: int = 2) -> int | None:
    """The value of an optional bias."""
    tensor = op.inputs[position] if len(op.inputs) > position else None
    return None if tensor is None else low.value(tensor)


def pack_at_run_time(low: Any, op: Operator, source: int, params: PackParams) -> int:
    """Emit a call that lays filters out while the program runs; returns the value that holds them. A work item is a panel."""
    items = params.count * parts(params.outputs, params.lanes)
    length = params.lanes * params.taps * params.depth
    target: int = low.temporary(Spec((items * length,), np.dtype(np.float32)))
    low.call(PACK, "f32", op, params, work=items, inputs=[source], outputs=[target], grain=1 + 2**15 // (length + 1))
    return target


def filters_of(low: Any, op: Operator, filters: Tensor | None, cells: Cells = (), groups: int = 1) -> int:
    """The value that holds the `cells` of filters [outputs, taps..., depth] in panels, packed at load or, if it must be, during the run."""
    known = low.spec(filters)
    if known.value is not None:
        name = f"panels{PANEL} groups{groups} {named(cells)}"
        number: int = low.packed(filters, name, partial(_pack_groups, cells=cells, groups=groups))
        return number
    outputs, depth, taps = known.shape[0] // groups, known.shape[-1], prod(known.shape[1:-1])
    steps = {"matrix_step": outputs * taps * depth, "output_step": taps * depth, "tap_step": depth, "depth_step": 1}
    params = PackParams(count=groups, outputs=outputs, taps=taps, depth=depth, lanes=PANEL, **steps)
    return pack_at_run_time(low, op, low.value(filters), params)


def _pack_groups(filters: np.ndarray, cells: Cells, groups: int) -> np.ndarray:
    chosen = filters[(slice(None), *cells)]
    return panels(chosen.reshape(groups, len(chosen) // groups, *chosen.shape[1:]))


def convolve(
    low: Any, op: Operator, params: ConvParams, operands: tuple[int, Tensor | None, int | None], y: int, cells: Cells = ()
) -> None:
    """Emit the convolution of x with the `cells` of filters, and a bias, by the method that suits its sizes."""
    x, filters, bias = operands
    _flatten(params)
    if low.spec(filters).value is not None and _is_narrow(params):
        packed = low.packed(filters, f"plain {named(cells)}", partial(plain, cells=cells))
        emit(low, op, params, [x, packed, bias], y, CONV_NARROW)
    elif low.spec(filters).value is not None and (tile := winograd.best_tile(params, low.program.target.exact)):
        winograd.emit(low, op, params, operands, y, cells, tile, _WORTHWHILE)
    else:
        emit(low, op, params, [x, filters_of(low, op, filters, cells, params.groups), bias], y)


def _is_narrow(params: ConvParams) -> bool:
    """Whether sums along the filter cost less than a panel that is mostly empty: those end in one sum over the lanes for every output."""
    length = params.filter_height * params.filter_width * params.depth
    return params.groups == 1 and params.outputs * (length + 100) < 7 * length


def emit(low: Any, op: Operator, params: ConvParams, inputs: list[int | None], y: int, method: Kernel = CONV) -> None:
    """Emit one call. inputs: x, filters, bias."""
    zeros = np.zeros(params.depth, np.float32)
    _call(low, op, params, [*inputs, low.temporary(Spec(zeros.shape, zeros.dtype, zeros))], y, method)


def multiply(low: Any, op: Operator, params: ConvParams, inputs: list[int | None], y: int, batch: np.ndarray) -> None:
    """Emit products of matrices; `product` makes their parameters. batch: which matrix of either operand each takes, [results, 2]."""
    table = batch.astype(np.int32)
    _call(low, op, params, [*inputs, low.temporary(Spec(table.shape, table.dtype, table))], y, MATMUL, len(batch))


def _call(low: Any, op: Operator, params: ConvParams, inputs: list[int | None], y: int, method: Kernel, results: int = 1) -> None:
    divide(params, low.program.target.workers, results)
    params.joined = params.groups == 1 and params.dilation_width == 1
    cost = params.filter_height * params.filter_width * params.depth * min(params.outputs, params.panels * PANEL)
    work = _blocks(params) * params.groups * _shares(params) * results
    grain = 1 + _WORTHWHILE // (params.rows * params.segment * cost + 1)
    low.call(method, "f32", op, params, work=work, inputs=inputs, outputs=[y], grain=grain)


def _flatten(params: ConvParams) -> None:
    """Where every output sees the input at its own place alone, all of them are one row."""
    pixels = params.images * params.output_height * params.output_width
    axes = [[getattr(params, f"{what}_{axis}") for what in ("filter", "stride", "before")] for axis in ("height", "width")]
    is_whole = (params.input_height, params.input_width) == (params.output_height, params.output_width)
    is_dense = params.image_step == params.output_height * params.row_step and params.row_step == params.output_width * params.pixel_step
    if is_whole and is_dense and axes == [[1, 1, 0]] * 2:
        params.images = params.input_height = params.output_height = 1
        params.input_width = params.output_width = pixels


def divide(params: ConvParams, workers: int, results: int = 1) -> None:
    """Divide the work: up to _BLOCK pixels by all panels to an item; several workers need enough items to share."""
    params.segment = share(params.output_width, _BLOCK, 6)
    params.rows = share(params.output_height, max(1, _BLOCK // params.segment), 1)
    shares = 1 if workers == 1 else parts(4 * workers, max(1, _blocks(params) * params.groups * results))
    panels_each = max(1, parts(parts(params.outputs, PANEL), shares))
    params.panels = panels_each if panels_each == 1 else 2 * parts(panels_each, 2)  # wide tiles take two


def _blocks(params: ConvParams) -> int:
    return params.images * parts(params.output_height, params.rows) * parts(params.output_width, params.segment)


def _shares(params: ConvParams) -> int:
    return parts(parts(params.outputs, PANEL), params.panels)


def windowed(kind: Callable[..., Any], windows: Sequence[Window], **more: Any) -> Any:
    """A parameter block with the geometry of two windows, height and width."""
    params = kind(**more)
    for name, window in zip(("height", "width"), windows, strict=True):
        setattr(params, f"input_{name}", window.inputs)
        setattr(params, f"output_{name}", window.outputs)
        setattr(params, f"filter_{name}", window.size)
        setattr(params, f"stride_{name}", window.stride)
        setattr(params, f"dilation_{name}", window.dilation)
        setattr(params, f"before_{name}", window.before)
    return params


def dense(params: ConvParams, images: int, channels: int) -> ConvParams:
    """The same with outputs one after another, `channels` to a pixel."""
    params.images = images
    params.pixel_step = channels
    params.row_step = params.output_width * channels
    params.image_step = params.output_height * params.row_step
    return params


def product(rows: int, depth: int, outputs: int, low: float, high: float) -> ConvParams:
    """A product of matrices: a convolution of 1x1 over an image one pixel high."""
    windows = Window(1, 1, 1, 0, 1, 1), Window(1, 1, 1, 0, rows, rows)
    return dense(windowed(ConvParams, windows, channels=depth, depth=depth, groups=1, outputs=outputs, low=low, high=high), 1, outputs)
