"""Fake quantization: a float graph that rounds as its quantized twin will, on the very grids that compress/ gives that twin."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tachylite.compress.calibrate import Calibration
from tachylite.compress.grid import grid_range
from tachylite.compress.quantize import quantize
from tachylite.compress.recipe import Recipe, rules_of
from tachylite.model.dtypes import limits
from tachylite.model.errors import UnsupportedError
from tachylite.model.graph import Blockwise, Graph, Model, Tensor
from tachylite.ops.builder import Builder
from tachylite.ops.integer import Grid

from .weight import Steps


class Rounded(NamedTuple):
    """model: with a FAKE_QUANT behind every activation that becomes an integer. steps: of each constant that does, by its name."""

    model: Model
    steps: dict[str, Steps]


def rounded(source: Model, recipe: Recipe, calibration: Calibration) -> Rounded:
    """A copy of a float model that computes as `quantize(source, recipe, calibration)` will, but for how sums are rounded.

    Raises UnsupportedError where weights have an offset or blocks.
    """
    twin = final(source, recipe, calibration)
    result = source.copy()
    activations, steps = _grids(twin.graph), _steps(twin.graph)
    for graph in result.graphs:
        _round(graph, activations)
    return Rounded(result, steps)


def final(source: Model, recipe: Recipe, calibration: Calibration) -> Model:
    """The quantized model. Its weights are rounded to the nearest step, as they were in training."""
    needed = any(rule.types.activations is not None for rule in rules_of(recipe))
    return quantize(source, recipe, calibration if needed else None, rounding="nearest", correct_bias=False)


def _names(tensor: Tensor) -> Iterator[str]:
    """What the float tensor may be called whose numbers this one holds."""
    yield tensor.name
    yield tensor.name.removesuffix(f"/{tensor.dtype.name}")


def _grids(graph: Graph) -> dict[str, tuple[Grid, np.dtype]]:
    """The grid of each activation of 8 or 16 bits, by its float name."""
    held = [t for t in graph.tensors if not t.is_constant and t.is_quantized and t.dtype.name in ("int8", "uint8", "int16")]
    return {name: (Grid(float(t.scale), t.zero_point), t.dtype) for t in held for name in _names(t)}


def _steps(graph: Graph) -> dict[str, Steps]:
    """The steps of each constant of 8 bits or less, by its name. Biases have finer ones, which need no training."""
    result: dict[str, Steps] = {}
    refused = []
    for tensor in graph.tensors:
        q = tensor.quantization
        if not tensor.is_constant or q is None or tensor.dtype.itemsize > 1 or not tensor.is_quantized:
            continue
        if isinstance(q.details, Blockwise) or tensor.dtype.name == "uint8":
            refused.append(f"{tensor.name!r} has {'blocks' if isinstance(q.details, Blockwise) else 'an offset (uint8)'}")
        result |= {name: Steps(limits(tensor.dtype)[1], q.axis if q.is_per_channel else None) for name in _names(tensor)}
    if refused:
        raise UnsupportedError(
            "\n".join(["fine-tuning rounds weights symmetrically, with a scale for each channel or one in all:", *refused])
        )
    return result


def _round(graph: Graph, grids: dict[str, tuple[Grid, np.dtype]]) -> None:
    """Let every reader of an activation on a grid read it rounded to that. The graph's outputs stay as they are."""
    operators, graph.operators = graph.operators, []
    place: dict[Tensor, Tensor] = {}
    build = Builder(graph)

    def add(tensor: Tensor) -> None:
        if tensor.name in grids and tensor.dtype == np.float32 and not tensor.is_constant and not any(tensor is t for t in graph.outputs):
            grid, dtype = grids[tensor.name]
            reach = grid_range(grid, dtype)
            options: dict[str, Any] = {"min": reach.least, "max": reach.greatest, "num_bits": 8 * dtype.itemsize, "narrow_range": False}
            place[tensor] = build.FAKE_QUANT(tensor, name=f"{tensor.name}/rounded", **options)
            place[tensor].shape_signature = tensor.shape_signature

    for tensor in graph.inputs:
        add(tensor)
    for op in operators:
        op.inputs = [t if t is None else place.get(t, t) for t in op.inputs]
        graph.append(op)
        for tensor in op.outputs:
            add(tensor)
