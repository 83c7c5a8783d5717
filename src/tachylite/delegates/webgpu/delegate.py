"""The delegate: what it takes, and sub-graphs as sequences of shaders."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tachylite.model.errors import OpError, TachyliteError
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.program.delegate import Delegate

from . import elementwise, movement, products, windows  # noqa: F401  (they fill in the table)
from .device import Device
from .kernels import JOINABLE, KERNELS, Unsupported
from .shader import Grid, Map

PREFERENCES = ("high-performance", "low-power")


class WebGpu(Delegate):
    """Runs float operators on whatever WebGPU finds: Vulkan, Metal or D3D12.

    Options: power, `high-performance` (the default) or `low-power`. Raises TachyliteError where there is no adapter or no such option,
    MissingExtraError where wgpu is not installed.
    """

    name = "webgpu"
    least_work = 5_000_000

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        preference = self.options.pop("power", PREFERENCES[0])
        if self.options or preference not in PREFERENCES:
            raise TachyliteError(f"webgpu takes the option power, one of {', '.join(PREFERENCES)}; got {options}")
        self.device = Device(preference)

    def supports(self, op: Operator) -> bool | str:
        if op.is_custom or op.op not in KERNELS:
            return "has no shader for it"
        moved = [t for t in (*op.inputs, *op.outputs) if t is not None and not t.is_constant]
        if any(t.dtype != np.float32 for t in moved):
            return f"computes in float32, not in {next(t.dtype for t in moved if t.dtype != np.float32)}"
        limits = self.device.limits
        most = limits["max-storage-buffer-binding-size"]
        if any(4 * t.size > most for t in (*op.inputs, *op.outputs) if t is not None):
            return f"binds at most {most:,} bytes"
        try:
            maps = KERNELS[op.op](op)
        except (Unsupported, OpError) as problem:
            return str(problem)
        if any(len(m.operands) >= limits["max-storage-buffers-per-shader-stage"] for m in maps.values()):
            return f"binds at most {limits['max-storage-buffers-per-shader-stage']} buffers"
        return True

    def compile(self, graph: Graph) -> "Commands":
        return Commands(self.device, graph)


def shaders(graph: Graph, most_operands: int) -> dict[Tensor, Map]:
    """The Maps of a sub-graph, in order.

    An elementwise operator becomes part of what computes its first operand, where it alone reads that.
    """
    readers: dict[Tensor, int] = dict.fromkeys(graph.outputs, 1)
    for op in graph.operators:
        for tensor in filter(None, op.inputs):
            readers[tensor] = readers.get(tensor, 0) + 1
    maps: dict[Tensor, Map] = {}
    for op in graph.operators:
        source, output = op.inputs[0], op.outputs[0]
        earlier = maps.get(source) if source is not None and op.op in JOINABLE else None
        fits = earlier is not None and earlier.shape == output.shape and len(earlier.operands) + len(op.inputs) < most_operands
        if earlier is not None and source is not None and fits and readers[source] == 1:
            del maps[source]
            m = Map(output.shape)
            m.value = JOINABLE[op.op](op, m, m.absorb(earlier))
            maps[output] = m
        else:
            maps.update(KERNELS[op.op](op))
    return maps


class Commands:
    """A sub-graph on the device: constants are uploaded once, each run is one command buffer. Buffers are used again within a run."""

    def __init__(self, device: Device, graph: Graph):
        self._device, self._graph = device, graph
        self._buffers: dict[Tensor, Any] = {}
        self._free: dict[int, list[Any]] = {}
        maps = shaders(graph, device.limits["max-storage-buffers-per-shader-stage"])
        last = {operand: n for n, m in enumerate(maps.values()) for operand in m.operands if isinstance(operand, Tensor)}
        last.update(dict.fromkeys(graph.outputs, len(maps)))
        for tensor in graph.inputs:
            self._buffers[tensor] = device.empty(4 * tensor.size)
        self._steps = []
        for number, (output, m) in enumerate(maps.items()):
            grid = Grid.of(m.count, device.limits["max-compute-workgroups-per-dimension"])
            operands = [self._buffer(operand) for operand in m.operands]
            self._buffers[output] = self._take(4 * m.count)
            self._steps.append((*device.bind(m.code(grid), [*operands, self._buffers[output]]), *grid))
            self._release(m.operands, last, number)

    def _buffer(self, operand: Tensor | np.ndarray) -> Any:
        if isinstance(operand, np.ndarray):
            return self._device.upload(operand)
        if operand not in self._buffers:
            self._buffers[operand] = self._device.upload(np.asarray(operand.dense(), np.float32))
        return self._buffers[operand]

    def _take(self, size: int) -> Any:
        free = self._free.get(size)
        return free.pop() if free else self._device.empty(size)

    def _release(self, operands: Sequence[Tensor | np.ndarray], last: Mapping[Tensor, int], number: int) -> None:
        for operand in operands:
            if isinstance(operand, Tensor) and not operand.is_constant and operand not in self._graph.inputs and last[operand] == number:
                self._free.setdefault(4 * operand.size, []).append(self._buffers[operand])

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        for tensor, array in zip(self._graph.inputs, inputs, strict=True):
            self._device.write(self._buffers[tensor], array)
        self._device.submit(self._steps)
        return [self._result(tensor) for tensor in self._graph.outputs]

    def _result(self, tensor: Tensor) -> np.ndarray:
        return np.frombuffer(self._device.read(self._buffers[tensor], 4 * tensor.size), np.float32).reshape(tensor.shape)
