"""The model in memory: Model, Graph, Operator, Tensor, Quantization.

Tensors and operators are compared by identity, so that a graph can be edited by holding on to them.
"""

import os
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass
from math import prod
from typing import Any

import numpy as np

from .errors import OpError

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Blockwise:
    """Block-wise quantization: one scale for every `size` consecutive elements along an axis, kept in tensors of their own."""

    scales: "Tensor"
    zero_points: "Tensor | None"
    size: int
    axes: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (stored - zero_point); one scale per tensor, or one per slice along `axis`.

    scale: float32 [n]; zero_point: int64 [n] or empty, which means 0; minimum, maximum: float32 [n] or empty, for information.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0
    minimum: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    maximum: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    details: "Blockwise | bytes | None" = None

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int = 0) -> "Quantization":
        """One scale and zero point for the whole tensor."""
        return cls(np.array([scale], np.float32), np.array([zero_point], np.int64))

    @property
    def is_per_channel(self) -> bool:
        return len(self.scale) > 1


@dataclass(frozen=True)
class Sparsity:
    """How `Tensor.data` (the stored values alone) spreads over the dense shape. See the schema's SparsityParameters.

    dimensions: one per traversed dimension: its size, or `(segments, indices)` (int32, uint16 or uint8 arrays) where it is compressed.
    """

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: "tuple[int | tuple[np.ndarray, np.ndarray], ...]"

    @property
    def stored(self) -> int:
        """The number of stored values."""
        count = 1
        for dimension in self.dimensions:
            count = count * dimension if isinstance(dimension, int) else len(dimension[1])
        return count

    def sizes(self, shape: Shape) -> tuple[int, ...] | None:
        """Sizes of the traversed dimensions of a dense `shape`, blocks included; None where the blocks do not divide it."""
        rank = len(shape)
        size = dict(enumerate(shape))
        for axis, dimension in zip(self.traversal_order[rank:], self.dimensions[rank:], strict=True):
            whole = self.block_map[axis - rank]
            if not isinstance(dimension, int) or dimension < 1 or shape[whole] % dimension:
                return None
            size[axis], size[whole] = dimension, shape[whole] // dimension
        return tuple(size[axis] for axis in self.traversal_order)

    def positions(self, shape: Shape) -> np.ndarray:
        """For each stored value, its flat index in the dense array."""
        rank = len(shape)
        sizes = dict(zip(self.traversal_order, self.sizes(shape) or (), strict=True))
        steps = {axis: prod(shape[axis + 1 :]) for axis in range(rank)}
        for block, whole in enumerate(self.block_map):
            steps[rank + block] = steps[whole]
            steps[whole] *= sizes[rank + block]
        result = np.zeros(1, np.int64)
        for axis, dimension in zip(self.traversal_order, self.dimensions, strict=True):
            if isinstance(dimension, int):
                result = np.add.outer(result, np.arange(dimension) * steps[axis]).reshape(-1)
            else:
                segments, indices = dimension
                result = np.repeat(result, np.diff(segments.astype(np.int64)).astype(np.int64)) + indices.astype(np.int64) * steps[axis]
        return result


@dataclass(eq=False)
class Tensor:
    """A value of a graph. `shape` is static; unknown dimensions are -1 in `shape_signature` (None: all are known)."""

    name: str
    shape: Shape
    dtype: np.dtype
    quantization: Quantization | None = None
    data: np.ndarray | None = None
    is_variable: bool = False
    sparsity: Sparsity | None = None
    shape_signature: Shape | None = None
    has_rank: bool = False
    variant_tensors: "tuple[tuple[Shape, np.dtype, bool], ...]" = ()
    external: "External | None" = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def is_quantized(self) -> bool:
        """Whether the elements stand for real numbers through scales."""
        return self.quantization is not None and (len(self.quantization.scale) > 0 or isinstance(self.quantization.details, Blockwise))

    @property
    def scale(self) -> np.float32:
        """The scale of a per-tensor quantized tensor; 0 where there is none."""
        q = self.quantization
        return q.scale[0] if q is not None and len(q.scale) else np.float32(0)

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantized tensor; 0 where there is none."""
        q = self.quantization
        return int(q.zero_point[0]) if q is not None and len(q.zero_point) else 0

    def dense(self) -> np.ndarray | None:
        """The constant's value in its full shape, sparse or not; read-only."""
        if self.data is None or self.sparsity is None:
            return self.data
        positions = self.sparsity.positions(self.shape)
        result = np.zeros(self.size, self.dtype)
        result[positions] = self.data
        result.flags.writeable = False
        return result.reshape(self.shape)

    @property
    def initial(self) -> int:
        """What every element of a variable tensor holds at first: real 0 where it is int8, else stored 0, as in TensorFlow Lite."""
        return self.zero_point if self.dtype == np.int8 else 0

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {list(self.shape)}, {self.dtype})"


@dataclass(frozen=True)
class External:
    """A constant that lives in another file: group is the file's name, offset and length are bytes."""

    id: int
    group: str
    offset: int
    length: int
    packing: str = ""


@dataclass(eq=False)
class Operator:
    """One operation: `op` is its schema name (`CONV_2D`), or its custom code where `is_custom`; None stands for an omitted input."""

    op: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    subgraphs: "list[Graph]" = field(default_factory=list)
    intermediates: list[Tensor | None] = field(default_factory=list)
    custom_options: bytes = b""
    is_custom: bool = False
    mutating_variable_inputs: tuple[bool, ...] = ()
    source: str = field(default="", compare=False)
    #: The version that a file gave; what is written has the lowest that serves, where the registry knows the operator.
    version: int = field(default=1, compare=False)
    #: Index into the debug metadata of newer converters.
    debug_index: int = -1

    def error(self, message: str) -> OpError:
        """An exception to raise; `message` says what was found, what was needed and what to do."""
        return OpError(self, message)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join('-' if t is None else t.name for t in self.inputs)}) -> {', '.join(t.name for t in self.outputs)}"


@dataclass(eq=False)
class Graph:
    """One graph of a model (the schema's SubGraph). `tensors` keeps the file's order, which is the order of tensor indices."""

    name: str = ""
    tensors: list[Tensor] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    debug_index: int = -1

    def producer(self, tensor: Tensor) -> Operator | None:
        """The operator that computes `tensor`; None for inputs, constants and variables."""
        return next((op for op in self.operators if tensor in op.outputs), None)

    def consumers(self, tensor: Tensor) -> list[Operator]:
        """The operators that read `tensor`, each once, in order."""
        return [op for op in self.operators if any(t is tensor for t in op.inputs)]

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let every reader of `old`, the graph's outputs included, read `new`."""
        for op in self.operators:
            op.inputs = [new if t is old else t for t in op.inputs]
        self.outputs = [new if t is old else t for t in self.outputs]
        self._adopt([new])

    def insert_before(self, anchor: Operator, op: Operator) -> None:
        """Put `op` just before `anchor`."""
        self.operators.insert(self._position(anchor), op)
        self._adopt(op.inputs + op.outputs + op.intermediates)

    def append(self, op: Operator) -> None:
        """Put `op` last."""
        self.operators.append(op)
        self._adopt(op.inputs + op.outputs + op.intermediates)

    def erase(self, op: Operator) -> None:
        """Remove `op` and its outputs. Raises OpError, and changes nothing, where something else still reads one of them."""
        for tensor in op.outputs:
            readers = [reader for reader in self.consumers(tensor) if reader is not op]
            if readers or any(t is tensor for t in self.outputs):
                raise op.error(f"cannot be erased: {tensor.name!r} is still read by {readers or 'the graph outputs'}; replace it first")
        del self.operators[self._position(op)]
        self.tensors = [t for t in self.tensors if not any(t is o for o in op.outputs)]

    def verify(self) -> None:
        """Raises FileError at the first thing that makes the graph unfit to run or to be written."""
        from .verify import verify_graph

        verify_graph(self)

    def _position(self, op: Operator) -> int:
        return next(i for i, other in enumerate(self.operators) if other is op)

    def _adopt(self, tensors: Iterable[Tensor | None]) -> None:
        known = {id(t) for t in self.tensors}
        for tensor in tensors:
            if tensor is not None and id(tensor) not in known:
                known.add(id(tensor))
                self.tensors.append(tensor)


@dataclass
class Signature:
    """A named entry point: the names that callers use for a graph's inputs and outputs."""

    key: str
    graph: Graph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(eq=False)
class Model:
    """A `.tflite` file: graphs (the first is the main one), signatures, named metadata buffers, and files packed with it, like labels."""

    graphs: list[Graph]
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = ""
    files: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> "Model":
        """The model of a main graph and of all graphs that its operators call."""
        graphs = [graph]
        for called in graphs:  # grows as it goes
            for op in called.operators:
                graphs += [g for g in op.subgraphs if not any(g is known for known in graphs)]
        return cls(graphs)

    @property
    def graph(self) -> Graph:
        """The main graph."""
        return self.graphs[0]

    def copy(self) -> "Model":
        """A model of its own that shares the arrays of constants, which are read-only."""
        return deepcopy(self, {id(t.data): t.data for graph in self.graphs for t in graph.tensors if t.data is not None})

    def operators(self) -> Iterator[Operator]:
        """Every operator of every graph."""
        for graph in self.graphs:
            yield from graph.operators

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, all the way down; an operator's `source` and `version` are left aside."""
        return self is other or (isinstance(other, Model) and _alike(self, other, {}))

    def verify(self) -> None:
        """Raises FileError at the first thing that makes the model unfit to run or to be written."""
        from .verify import verify

        verify(self)

    def to_bytes(self) -> bytes:
        """The model as the bytes of a `.tflite` file."""
        from .codec import write

        return write(self)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write a `.tflite` file. An existing one is replaced at once or, if anything fails, stays as it is."""
        from .codec import write_file

        write_file(self, path)


def _alike(a: Any, b: Any, pairs: dict[int, int]) -> bool:
    """Structural equality of two models' parts; `pairs` remembers which tensors, operators and graphs stand for each other."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and (a.tolist() == b.tolist() if a.dtype.hasobject else a.tobytes() == b.tobytes())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_alike(x, y, pairs) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_alike(a[key], b[key], pairs) for key in a)
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    if not is_dataclass(a):
        return bool(a == b)
    if id(a) in pairs:
        return pairs[id(a)] == id(b)
    pairs[id(a)] = id(b)
    return all(_alike(getattr(a, f.name), getattr(b, f.name), pairs) for f in fields(a) if f.compare)
