"""What frontends build graphs with: tensors are named after what they came from, and unknown dimensions are kept track of."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tachylite.model.errors import OpError, TachyliteError
from tachylite.model.graph import Graph, Operator, Quantization, Shape, Tensor
from tachylite.ops import registry
from tachylite.ops.builder import Builder
from tachylite.ops.inference import infer
from tachylite.ops.registry import Spec

Dims = tuple[int | None, ...]
"""A shape; None stands for a dimension that is not known before the model runs."""


class FixedShapeError(TachyliteError):
    """An operator can take one size only where the source model leaves a dimension open."""


class FrontendBuilder(Builder):
    """A Builder whose graph inputs may have unknown dimensions, and whose operators know the source's names.

    Every shape is inferred twice, with different sizes of the unknown dimensions: a dimension that differs is unknown as well.
    That gives each tensor its shape signature, and proves that the graph can be resized.
    """

    def __init__(self, graph: Graph | None = None):
        super().__init__(graph)
        #: What tensors are after a resize, where that makes a difference.
        self._resized: dict[Tensor, Spec] = {}
        self._names: Counter[str] = Counter()
        self._constants: dict[Any, Tensor] = {}
        self._scope: list[str] = []

    def input(
        self,
        name: str,
        shape: Sequence[int | None],
        dtype: Any = np.float32,
        quantization: Quantization | None = None,
        sizes: Sequence[int] | None = None,
    ) -> Tensor:
        """A new input of the graph; dimensions that are None have these sizes (1 by default) until the model is resized."""
        sizes = sizes or [1] * len(shape)
        static = tuple(size if d is None else d for d, size in zip(shape, sizes, strict=True))
        tensor = super().input(self.unique(name), static, dtype, quantization)
        if None in shape:
            tensor.shape_signature = tuple(-1 if d is None else d for d in shape)
            resized = tuple(2 * size if d is None else d for d, size in zip(shape, sizes, strict=True))
            self._resized[tensor] = Spec(resized, tensor.dtype)
        return tensor

    def open_tensor(self, name: str, shape: Dims, dtype: Any, size: int = 1) -> Tensor:
        """For `out=`, where only the run tells a shape: what is None has this size until then."""
        tensor = self.tensor(self.unique(name), tuple(size if d is None else d for d in shape), dtype)
        tensor.shape_signature = tuple(-1 if d is None else d for d in shape)
        self._resized[tensor] = Spec(tuple(2 * size if d is None else d for d in shape), tensor.dtype)
        return tensor

    def like(self, value: Tensor) -> Tensor:
        """For `out=`, a tensor with the shape and type of another, and the same unknown dimensions."""
        tensor = self.tensor(self.unique(f"{value.name}/next"), value.shape, value.dtype, value.quantization)
        if value in self._resized:
            tensor.shape_signature = value.shape_signature
            self._resized[tensor] = self._resized[value]._replace(value=None)
        return tensor

    def body(self, name: str) -> "FrontendBuilder":
        """A builder for a graph that an operator of this one calls."""
        inner = FrontendBuilder(Graph(name))
        inner._scope = self._scope[-1:]
        return inner

    def argument(self, name: str, outer: "FrontendBuilder", value: Tensor) -> Tensor:
        """A new input of a called graph, for values like `value` of the graph that calls it."""
        tensor = super().input(self.unique(name), value.shape, value.dtype, value.quantization)
        if value in outer._resized:
            tensor.shape_signature = value.shape_signature
            self._resized[tensor] = outer._resized[value]._replace(value=None)
        return tensor

    @contextmanager
    def scope(self, name: str) -> Iterator[str]:
        """Within this block, what is built belongs to the layer `name`; yields its path, which is unique."""
        path = self.unique("/".join([*self._scope[-1:], name]))
        self._scope.append(path)
        try:
            yield path
        finally:
            self._scope.pop()

    def unique(self, name: str) -> str:
        """The name, or with a number if it was given out before."""
        self._names[name] += 1
        return name if self._names[name] == 1 else self.unique(f"{name}@{self._names[name]}")

    def constant(self, value: Any, name: str = "", quantization: Quantization | None = None) -> Tensor:
        """As Builder's; equal constants of one layer, and equal integers without a name, are one tensor."""
        data = np.asarray(value)
        layer = [re.sub(r"@\d+", "", path) for path in self._scope[-1:]]  # whichever call of it this is
        stem = "/".join([*layer, name or "constant"])
        owner = "" if not name and data.dtype.kind in "iu" else stem
        key = (owner, data.shape, str(data.dtype), _digest(data), id(quantization))
        if key not in self._constants:
            self._constants[key] = super().constant(value, self.unique(stem), quantization)
        return self._constants[key]

    def value(self, tensor: Tensor) -> np.ndarray | None:
        """The tensor's value where it is certain before the model runs, whatever unknown dimensions will be; read-only."""
        now, later = self.spec(tensor), self._after_resize(tensor)
        if now is None or now.value is None or later is None or later.value is None:
            return None
        return now.value if now.value is later.value or np.array_equal(now.value, later.value) else None

    def sizes(self, tensor: Tensor) -> list[int | None] | None:
        """A vector of sizes, None for those that follow from unknown dimensions; None where it is computed from other values."""
        now, later = self.spec(tensor), self._after_resize(tensor)
        if now is None or now.value is None or later is None or later.value is None or now.shape != later.shape:
            return None
        return [int(a) if a == b else None for a, b in zip(now.value.reshape(-1), later.value.reshape(-1), strict=True)]

    def is_size_of(self, sizes: Tensor, position: int, x: Tensor, axis: int) -> bool:
        """Whether an element of a vector of sizes is that of an axis of x, whatever unknown dimensions will be."""
        pairs = [(self.spec(sizes), x.shape), (self._after_resize(sizes), self.resized_shape(x))]
        return all(spec is not None and spec.value is not None and spec.value.flat[position] == shape[axis] for spec, shape in pairs)

    def resized_shape(self, tensor: Tensor) -> Shape:
        """The shape that the tensor would have with other sizes of the unknown dimensions."""
        return self._resized[tensor].shape if tensor in self._resized else tensor.shape

    def _append(self, definition: registry.OpDef, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
        stem = keywords.pop("name", "") or definition.name.lower()
        keywords["name"] = self.unique("/".join([*self._scope[-1:], stem]))
        result = super()._append(definition, inputs, keywords)
        op = self.graph.operators[-1]
        op.source = self._scope[-1] if self._scope else ""
        self._fold(op)
        self._infer_resized(op)
        return result

    def _fold(self, op: Operator) -> None:
        """Note the outputs' values where they are certain; many references tell them only once the operator has outputs."""
        specs = [self.spec(t) for t in op.inputs]
        if any(self._specs[t].value is None for t in op.outputs if t in self._specs) and all(
            s is None or s.value is not None for s in specs
        ):
            self._specs.update(zip(op.outputs, infer(op, specs) or (), strict=False))

    def _infer_resized(self, op: Operator) -> None:
        """Mark the outputs' dimensions that change with the unknown ones of the inputs. Raises FixedShapeError."""
        if not any(t in self._resized for t in op.inputs):
            return
        try:
            results = infer(op, [self._after_resize(t) for t in op.inputs])
        except OpError as problem:
            raise FixedShapeError(f"an unknown dimension cannot be resized: {problem}; fix it with input_shapes=") from None
        for tensor, spec in zip(op.outputs, results or (), strict=bool(results)):
            self._resized[tensor] = spec
            if tensor.shape != spec.shape:
                tensor.shape_signature = tuple(a if a == b else -1 for a, b in zip(tensor.shape, spec.shape, strict=True))

    def _after_resize(self, tensor: Tensor | None) -> Spec | None:
        return self._resized[tensor] if tensor in self._resized else self.spec(tensor)


def dims(tensor: Tensor) -> Dims:
    """The tensor's shape with None for what is unknown."""
    return tuple(None if d < 0 else d for d in tensor.shape_signature or tensor.shape)


def _digest(data: np.ndarray) -> bytes:
    flat = np.ascontiguousarray(data).reshape(-1)
    content: Any = flat if flat.dtype.hasobject else flat.view(np.uint8)
    return hashlib.blake2b(content).digest()
