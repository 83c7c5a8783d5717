"""Native sums of products in float32: what CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED and BATCH_MATMUL lower to."""

from collections.abc import Callable, Sequence
from ctypes import c_float, c_int32
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .fused import activate
from .kernel import Params, kernel
from .registry import Spec
from .window import Window

PANEL = 16
"""Outputs of a panel of packed filters."""

_BLOCK = 84
"""Pixels of a work item: whole tiles of 4, 6 or 14."""

_WORTHWHILE = 1 << 17
"""Multiplications that are worth a thread's while."""


class ConvParams(Params):
    """A convolution over height and width: of `groups` groups, each has `depth` channels and `outputs` outputs.

    pixels: of the output, all images; steps: floats from one output to the next; block: a work item is a block of pixels by `panels`
    panels; joined: whether a row of the filter sees consecutive values.
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
        ("pixels", c_int32),
        ("panels", c_int32),
        ("joined", c_int32),
        ("low", c_float),
        ("high", c_float),
    )


class DepthwiseParams(Params):
    """A convolution of each channel by itself, over height and width."""

    _fields_ = (
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("channels", c_int32),
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
MATMUL = kernel("matmul", ConvParams, "f32")
DEPTHWISE = kernel("depthwise", DepthwiseParams, "f32")
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


def panels(matrices: np.ndarray) -> np.ndarray:
    """[groups, outputs, ...] to [groups, panels, ..., PANEL], float32, with zeros for the outputs that a last panel lacks."""
    groups, outputs = matrices.shape[:2]
    flat = matrices.reshape(groups, outputs, -1).astype(np.float32)
    padded = np.pad(flat, ((0, 0), (0, -outputs % PANEL), (0, 0)))
    return np.ascontiguousarray(padded.reshape(groups, padded.shape[1] // PANEL, PANEL, flat.shape[2]).swapaxes(2, 3))


def pack_at_run_time(low: Any, op: Operator, source: int, params: PackParams) -> int:
    """Emit a call that lays filters out while the program runs; returns the value that holds them. A work item is a panel."""
    items = params.count * -(-params.outputs // params.lanes)
    length = params.lanes * params.taps * params.depth
    target: int = low.temporary(Spec((items * length,), np.dtype(np.float32)))
    low.call(PACK, "f32", op, params, work=items, inputs=[source], outputs=[target], grain=1 + 2**15 // (length + 1))
    return target


def filters_of(low: Any, op: Operator, filters: Tensor | None, cells: tuple[slice, ...] = (), groups: int = 1) -> int:
    """The value that holds the `cells` of filters [outputs, taps..., depth] in panels, packed at load or, if it must be, during the run."""
    known = low.spec(filters)
    if known.value is not None:
        name = f"panels{PANEL} groups{groups} " + " ".join(f"{c.start}:{c.stop}:{c.step}" for c in cells)
        number: int = low.packed(filters, name, partial(_pack_groups, cells=cells, groups=groups))
        return number
    outputs, depth, taps = known.shape[0] // groups, known.shape[-1], prod(known.shape[1:-1])
    steps = {"matrix_step": outputs * taps * depth, "output_step": taps * depth, "tap_step": depth, "depth_step": 1}
    params = PackParams(count=groups, outputs=outputs, taps=taps, depth=depth, lanes=PANEL, **steps)
    return pack_at_run_time(low, op, low.value(filters), params)


def _pack_groups(filters: np.ndarray, cells: tuple[slice, ...], groups: int) -> np.ndarray:
    chosen = filters[(slice(None), *cells)]
    return panels(chosen.reshape(groups, len(chosen) // groups, *chosen.shape[1:]))


def call(low: Any, op: Operator, params: ConvParams, packed: int, *, data: int = 0, bias: int = 2) -> None:
    """Emit the convolution whose parameters and filters are made; data, bias: positions of these inputs."""
    emit(low, op, params, [low.value(op.inputs[data]), packed, bias_of(low, op, bias)], low.define(op.outputs[0]))


def emit(low: Any, op: Operator, params: ConvParams, inputs: list[int | None], y: int, batch: np.ndarray | None = None) -> None:
    """Emit one call; here the work is divided.

    inputs: x, filters, bias; batch: for products of matrices, which matrix of either operand each result takes, [results, 2].
    """
    workers = low.program.target.workers
    total = -(-params.outputs // PANEL)
    blocks = -(-params.pixels // _BLOCK) * params.groups * (1 if batch is None else len(batch))
    # One worker does best with all panels of a block; several need enough items to share.
    parts = 1 if workers == 1 else -(-4 * workers // max(1, blocks))
    params.panels = max(1, -(-total // parts))
    params.joined = params.groups == 1 and params.dilation_width == 1
    cost = (
        min(params.pixels, _BLOCK) * min(params.outputs, params.panels * PANEL) * params.filter_height * params.filter_width * params.depth
    )
    table = np.zeros(params.depth, np.float32) if batch is None else batch.astype(np.int32)
    kernel_of = CONV if batch is None else MATMUL
    low.call(
        kernel_of,
        "f32",
        op,
        params,
        work=blocks * -(-total // params.panels),
        inputs=[*inputs, low.temporary(Spec(table.shape, table.dtype, table))],
        outputs=[y],
        grain=1 + _WORTHWHILE // (cost + 1),
    )


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
    params.pixels = images * params.output_height * params.output_width
    params.pixel_step = channels
    params.row_step = params.output_width * channels
    params.image_step = params.output_height * params.row_step
    return params


def product(rows: int, depth: int, outputs: int, low: float, high: float) -> ConvParams:
    """A product of matrices: a convolution of 1x1 over an image one pixel high."""
    windows = Window(1, 1, 1, 0, 1, 1), Window(1, 1, 1, 0, rows, rows)
    return dense(windowed(ConvParams, windows, channels=depth, depth=depth, groups=1, outputs=outputs, low=low, high=high), 1, outputs)
