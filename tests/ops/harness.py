"""How the op suite states a case: an operator, its operands, its options. LiteRT's reference kernels give the expected answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite import Interpreter, Model
from tachylite.model.graph import Graph, Quantization, Tensor
from tachylite.ops.builder import Builder


@dataclass(frozen=True)
class Operand:
    """A run-time input (or, with `constant`, a weight, with `variable`, a state) and how its elements stand for real numbers."""

    value: np.ndarray
    quantization: Quantization | None = None
    constant: bool = False
    variable: bool = False


@dataclass(frozen=True)
class Case:
    """One graph and one set of inputs. Integers must match exactly, floats within rtol and atol."""

    name: str
    op: str
    graph: Graph
    inputs: Sequence[np.ndarray]
    rtol: float = 1e-5
    atol: float = 1e-6
    #: Expected outputs where LiteRT cannot serve as the oracle; the reason stands beside them.
    expected: Sequence[np.ndarray] | None = None
    runs: int = 1
    #: False where LiteRT has no reference kernel; then its optimized one is the oracle.
    reference_kernel: bool = True

    def __str__(self) -> str:
        return f"{self.op}-{self.name}"


def scale_of(scale: Any, zero_point: Any = 0, axis: int = 0) -> Quantization:
    """Per-tensor quantization, or per-channel along `axis` where `scale` is a sequence."""
    scales = np.atleast_1d(np.asarray(scale, np.float32))
    return Quantization(scales, np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape).copy(), axis)


def quantized(value: Any, scale: Any, zero_point: Any = 0, axis: int = 0, dtype: Any = np.int8) -> Operand:
    """Stored integers with a scale and a zero point."""
    return Operand(np.asarray(value, dtype), scale_of(scale, zero_point, axis))


def constant(value: Any, scale: Any = None, zero_point: Any = 0, axis: int = 0, dtype: Any = None) -> Operand:
    """A weight: known when the model is written."""
    quantization = None if scale is None else scale_of(scale, zero_point, axis)
    return Operand(np.asarray(value, dtype), quantization, constant=True)


def variable(shape: Sequence[int], dtype: Any = np.float32, scale: Any = None, zero_point: Any = 0) -> Operand:
    """A variable tensor, which lives from run to run."""
    return Operand(np.zeros(shape, dtype), None if scale is None else scale_of(scale, zero_point), variable=True)


def out(dtype: Any, scale: Any = None, zero_point: Any = 0, shape: Sequence[int] = ()) -> Tensor:
    """An output whose type or quantization cannot be inferred; shape is filled in by the engines."""
    return Tensor("output", tuple(shape), np.dtype(dtype), None if scale is None else scale_of(scale, zero_point))


def case(
    name: str, op: str, *operands: Any, rtol: float = 1e-5, atol: float = 1e-6, expected: Any = None, runs: int = 1, **options: Any
) -> Case:
    """A graph of one operator. Bare arrays are run-time inputs; None is an omitted input; options go to Builder."""
    build = Builder()
    tensors: list[Tensor | None] = []
    inputs = []
    for i, operand in enumerate(operands):
        if operand is None:
            tensors.append(None)
            continue
        if not isinstance(operand, Operand):
            operand = Operand(np.asarray(operand))
        if operand.constant:
            tensors.append(build.constant(operand.value, quantization=operand.quantization))
        elif operand.variable:
            tensors.append(build.variable(f"state_{i}", operand.value.shape, operand.value.dtype, operand.quantization))
        else:
            tensors.append(build.input(f"input_{i}", operand.value.shape, operand.value.dtype, operand.quantization))
            inputs.append(operand.value)
    outputs = getattr(build, op)(*tensors, **options)
    graph = build.outputs(*(outputs if isinstance(outputs, list) else [outputs]))
    return Case(name, op, graph, inputs, rtol, atol, expected, runs)


def answers(graph: Graph, *inputs: np.ndarray) -> list[np.ndarray]:
    """What our interpreter gives for a graph."""
    interpreter = Interpreter(model_content=Model.of(graph).to_bytes())
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
