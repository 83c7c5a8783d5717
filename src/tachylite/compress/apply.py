"""Write a plan into a graph: operators on integers, and conversions where a value is needed in another form than it was made in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops.builder import Builder
from tachylite.ops.integer import Grid

from .assign import constants
from .grid import activation_grid, grid_range
from .layer import FLOAT, Place, Work, data_of, explicit_weights, hybrid_operator, is_float, quantized, static_operator

INT8, UINT8, INT16 = (np.dtype(t) for t in (np.int8, np.uint8, np.int16))


class Form(NamedTuple):
    """How a value is stored: its type, and its grid where that is of integers."""

    dtype: np.dtype
    grid: Grid | None


REAL = Form(FLOAT, None)


def is_convertible(source: np.dtype, target: np.dtype) -> bool:
    """Whether QUANTIZE goes from one type of integers to another in one step."""
    return not (source == INT16 and target == UINT8)


class Writer:
    """Rewrites one graph. Values keep their names in the form that they are made in; graph inputs and outputs stay float."""

    def __init__(self, graph: Graph, works: Mapping[Operator, Work], grids: Mapping[Operator, Mapping[Place, Grid]]):
        self.graph, self._works, self._grids = graph, works, grids
        self._forms: dict[Tensor, dict[Form, Tensor]] = {}
        self._made: dict[Tensor, Form] = {}
        self._kept = set(graph.outputs)
        self._operators: list[Operator] = []

    def write(self) -> None:
        """Change the graph."""
        for op in self.graph.operators:
            self._operators.append(self._rewrite(op))
        self.graph.outputs = [self._in_form(t, REAL) if is_float(t) else t for t in self.graph.outputs]
        self.graph.operators = self._operators

    def _rewrite(self, op: Operator) -> Operator:
        work = self._works.get(op)
        if work is None:
            return self._read_as_real(op)
        if work.integer.any_type:
            return replace(op, inputs=[self._as_made(t) for t in op.inputs])
        if work.rule.types.explicit:
            return self._with_explicit_constants(self._read_as_real(op), op, work)
        if work.activations is None:
            return self._read_as_real(hybrid_operator(op, work))
        return self._static(op, work)

    def _static(self, op: Operator, work: Work) -> Operator:
        grids = self._grids[op]
        result = static_operator(op, work, grids)
        for place, tensor in data_of(op, work.integer):
            form = Form(work.integers, grids[place])
            if place.is_output:
                self._make(tensor, form, result.outputs[place.position])
            elif not tensor.is_constant:
                result.inputs[place.position] = self._in_form(tensor, form)
        return result

    def _make(self, tensor: Tensor, form: Form, twin: Tensor) -> None:
        """Note that an operator makes `tensor` as `twin`."""
        if tensor in self._kept:
            twin.name = f"{tensor.name}/{form.dtype}"
        else:
            tensor.name = f"{tensor.name}/{FLOAT}"
        self._made[tensor] = form
        self._forms[tensor] = {form: twin}

    def _read_as_real(self, op: Operator) -> Operator:
        return replace(op, inputs=[self._in_form(t, REAL) if t is not None and is_float(t) else t for t in op.inputs])

    def _as_made(self, tensor: Tensor | None) -> Tensor | None:
        return self._forms[tensor][self._made[tensor]] if tensor in self._made else tensor

    def _in_form(self, tensor: Tensor, form: Form) -> Tensor:
        """The value in this form, converted where nobody has asked for it yet."""
        made = self._made.get(tensor, REAL)
        forms = self._forms.setdefault(tensor, {made: tensor})
        if form not in forms:
            source = forms[made]
            if form != REAL and made != REAL and not is_convertible(made.dtype, form.dtype):
                source = self._in_form(tensor, REAL)
            forms[form] = self._convert(tensor, source, form)
        return forms[form]

    def _convert(self, tensor: Tensor, source: Tensor, form: Form) -> Tensor:
        if form.grid is None:
            target, name = tensor, "DEQUANTIZE"
        else:
            target, name = quantized(tensor, form.dtype, form.grid), "QUANTIZE"
            target.name = f"{source.name}/{form.dtype}"
        self._operators.append(conversion(name, source, target))
        return target

    def _with_explicit_constants(self, op: Operator, original: Operator, work: Work) -> Operator:
        for i, tensor in constants(original, work).items():
            stored = explicit_weights(tensor, work, work.integer.weights.get(i))
            real = Tensor(f"{tensor.name}/{FLOAT}", tensor.shape, FLOAT)
            self._operators.append(conversion("DEQUANTIZE", stored, real))
            op.inputs[i] = real
        return op


# Types of the model's own inputs and outputs.


def set_input_type(graph: Graph, tensor: Tensor, dtype: np.dtype) -> Tensor | None:
    """Let a float input of a quantized graph be of integers; None where no operator reads it as integers.

    Where the operators work in another type of integers, it is converted.
    """
    readers = [op for op in graph.operators if op.op == "QUANTIZE" and op.inputs[0] is tensor]
    if not readers:
        return None
    same = next((op for op in readers if op.outputs[0].dtype == dtype), None)
    source = same.outputs[0] if same else quantized(tensor, dtype, _regrid(readers[0].outputs[0], dtype))
    if same:
        graph.operators.remove(same)
    for op in readers:
        if op is not same and is_convertible(dtype, op.outputs[0].dtype):
            op.inputs[0] = source
    source.name = tensor.name
    if graph.consumers(tensor):
        tensor.name = f"{tensor.name}/{FLOAT}"
        graph.operators.insert(0, conversion("DEQUANTIZE", source, tensor))
    graph.inputs = [source if t is tensor else t for t in graph.inputs]
    return source


def set_output_type(graph: Graph, tensor: Tensor, dtype: np.dtype) -> Tensor | None:
    """The same for an output; None where no operator makes it of integers."""
    maker = graph.producer(tensor)
    if maker is None or maker.op != "DEQUANTIZE" or maker.inputs[0] is None or maker.inputs[0].is_constant:
        return None
    source = maker.inputs[0]
    target, is_read = source, bool(graph.consumers(tensor))
    if source.dtype != dtype:
        target = quantized(tensor, dtype, _regrid(source, dtype))
        is_direct = is_convertible(source.dtype, dtype)
        is_read = is_read or not is_direct
        graph.operators.append(conversion("QUANTIZE", source if is_direct else tensor, target))
    target.name = tensor.name
    if is_read:
        tensor.name = f"{tensor.name}/{FLOAT}"
    else:
        graph.operators.remove(maker)
    graph.outputs = [target if t is tensor else t for t in graph.outputs]
    return target


def conversion(name: str, source: Tensor, target: Tensor) -> Operator:
    """QUANTIZE or DEQUANTIZE."""
    build = Builder()
    getattr(build, name)(source, out=target)
    return build.graph.operators[0]


def _regrid(source: Tensor, dtype: np.dtype) -> Grid:
    """The grid in another type that loses least: shifted between signed and unsigned bytes, over the same range otherwise."""
    scale, zero_point = float(source.scale), source.zero_point
    if source.dtype.itemsize == dtype.itemsize == 1:
        return Grid(scale, zero_point - limits(source.dtype)[0] + limits(dtype)[0])
    return activation_grid(grid_range(Grid(scale, zero_point), source.dtype), dtype)
