"""The generator of WGSL: a Map is one result, given as an expression for each of its elements.

An invocation computes element `i`. Shapes are numbers in the text, so that a compiler folds them; equal texts share a pipeline. A Map whose
element i depends on element i of another can take that in (`absorb`), and so chains of elementwise operators are one shader.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Shape, Tensor

WORKGROUP = 64
"""Invocations of a workgroup: two of NVIDIA's warps, one of AMD's wavefronts."""

Operand = Tensor | np.ndarray
"""What a shader reads: a tensor of float32, or a constant of float32 or uint32 that lives as long as the shader."""

WGSL_TYPES = {np.dtype(np.float32): "f32", np.dtype(np.uint32): "u32"}


class Grid(NamedTuple):
    """Workgroups along x and y: along one axis there may be no more than `most`."""

    x: int
    y: int

    @classmethod
    def of(cls, count: int, most: int) -> "Grid":
        groups = -(-count // WORKGROUP)
        x = min(groups, most)
        return cls(x, -(-groups // x))


def strides(shape: Shape) -> list[int]:
    """Elements from one entry to the next, along each axis."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


class Map:
    """One result of `shape`. Operators add lines and set `value`, WGSL of type f32; `u32` expressions index."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.operands: list[Operand] = []
        self.lines: list[str] = []
        self.value = ""
        self._coordinates: dict[Shape, list[str]] = {}
        self._names = 0

    @property
    def count(self) -> int:
        return prod(self.shape)

    def operand(self, operand: Operand) -> str:
        """The name of a buffer."""
        for number, known in enumerate(self.operands):
            if known is operand:
                return f"x{number}"
        self.operands.append(operand)
        return f"x{len(self.operands) - 1}"

    def let(self, expression: str) -> str:
        """A name for a value."""
        name = self._name()
        self.lines.append(f"let {name} = {expression};")
        return name

    def var(self, value: str) -> str:
        """A name for a variable."""
        name = self._name()
        self.lines.append(f"var {name} = {value};")
        return name

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def add(self, text: str) -> None:
        """Statements as they are."""
        self.lines += text.splitlines()

    def coordinates(self, shape: Shape | None = None) -> list[str]:
        """Names of the coordinates of element i in the result, or in another shape of as many elements."""
        shape = self.shape if shape is None else shape
        if shape not in self._coordinates:
            steps = zip(shape, strides(shape), strict=True)
            self._coordinates[shape] = ["0u" if size == 1 else self.let(f"i / {step}u % {size}u") for size, step in steps]
        return self._coordinates[shape]

    def broadcast(self, shape: Shape) -> str:
        """The index in an operand of `shape` that broadcasts to the result."""
        if shape == self.shape:
            return "i"
        own = self.coordinates()[len(self.shape) - len(shape) :]
        return affine(0, [(c, step) for c, size, step in zip(own, shape, strides(shape), strict=True) if size > 1])

    def read(self, tensor: Tensor) -> str:
        """The element of a tensor that belongs to element i; that of a lone constant is in the text."""
        if tensor.is_constant and tensor.size == 1:
            return literal(float(np.asarray(tensor.dense()).item()))
        return f"{self.operand(tensor)}[{self.broadcast(tensor.shape)}]"

    def absorb(self, other: "Map") -> str:
        """Take in a Map of the same shape: the name of its value here. It must have added nothing to this one before."""
        self.operands, self.lines, self._coordinates, self._names = other.operands, other.lines, other._coordinates, other._names
        return self.let(other.value)

    def code(self, grid: Grid) -> str:
        """The whole shader; bindings are the operands in order, then the result."""
        kinds = ["f32" if isinstance(o, Tensor) else WGSL_TYPES[o.dtype] for o in self.operands]
        bindings = [f"@group(0) @binding({n}) var<storage, read> x{n}: array<{kind}>;" for n, kind in enumerate(kinds)]
        bindings.append(f"@group(0) @binding({len(kinds)}) var<storage, read_write> y: array<f32>;")
        body = "\n".join(f"    {line}" for line in [*self.lines, f"y[i] = {self.value};"])
        return "\n".join(
            [
                *bindings,
                f"@compute @workgroup_size({WORKGROUP})",
                "fn main(@builtin(global_invocation_id) id: vec3<u32>) {",
                f"    let i = id.x + id.y * {grid.x * WORKGROUP}u;",
                f"    if (i >= {self.count}u) {{ return; }}",
                body,
                "}",
                "",
            ]
        )


def affine(base: int, terms: Sequence[tuple[str, int]]) -> str:
    """base + sum of name * step, as u32."""
    parts = [name if step == 1 else f"{name} * {step}u" for name, step in terms if name != "0u"]
    return " + ".join(parts + ([f"{base}u"] if base or not parts else []))


def literal(value: float) -> str:
    """A float32 in WGSL, to the last bit; infinities are the greatest numbers, because WGSL has none."""
    largest = float(np.finfo(np.float32).max)
    return f"f32({min(max(value, -largest), largest)!r})"
