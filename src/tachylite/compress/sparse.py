"""Constants that are mostly zeros, stored as sparse tensors: LiteRT's kernels read them through a DENSIFY, which runs once."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.graph import Graph, Model, Operator, Sparsity, Tensor
from tachylite.ops import registry
from tachylite.passes.runner import tidy

from .grid import constant
from .layer import is_float

STORABLE = tuple(map(np.dtype, (np.float32, np.float16, np.int8)))
"""The types that DENSIFY takes."""

BLOCKS = (1, 2, 4, 8, 16)
"""How many neighbours may share an index."""

LEAST_GAIN = 400
"""Bytes to be saved at least: a second tensor, an operator and the tables of the sparsity take about as many."""


def densified(model: Model) -> Model:
    """The model with dense constants in place of DENSIFY; itself where there are none to replace."""
    if not any(map(_is_sparse_constant, model.operators())):
        return model
    result = model.copy()
    for graph in result.graphs:
        for op in filter(_is_sparse_constant, graph.operators):
            _make_dense(op)
        graph.operators = [op for op in graph.operators if not (op.op == "DENSIFY" and op.outputs[0].is_constant)]
        tidy(graph, _kept(result, graph))
    return result


def _is_sparse_constant(op: Operator) -> bool:
    return op.op == "DENSIFY" and op.inputs[0] is not None and op.inputs[0].is_constant


def _make_dense(op: Operator) -> None:
    assert op.inputs[0] is not None
    op.outputs[0].data = op.inputs[0].dense()


def sparsify(model: Model) -> None:
    """Store constant weights sparsely wherever that makes the file smaller, in place."""
    for graph in model.graphs:
        kept = _kept(model, graph)
        for tensor in [t for t in graph.tensors if t not in kept and _is_candidate(graph, t)]:
            found = smallest(tensor)
            if found is not None:
                _store(graph, tensor, *found)


def _kept(model: Model, graph: Graph) -> set[Tensor]:
    named = (t for s in model.signatures for t in (*s.inputs.values(), *s.outputs.values()))
    return {*graph.inputs, *graph.outputs, *named}


def _is_candidate(graph: Graph, tensor: Tensor) -> bool:
    if tensor.data is None or tensor.sparsity is not None or tensor.dtype not in STORABLE or tensor.data.nbytes < LEAST_GAIN:
        return False
    places = [(op, i) for op in graph.consumers(tensor) for i, t in enumerate(op.inputs) if t is tensor]
    return bool(places) and all(_takes_computed(op, i, tensor.dtype) for op, i in places)


def _takes_computed(op: Operator, position: int, dtype: np.dtype) -> bool:
    """Whether LiteRT's kernels, its default ones too, read this input when they run, so that a DENSIFY may stand before it.

    Operators that keep a state, or quantize on the fly, work their weights over before; of integers, see `Integer.computed`.
    """
    definition = registry.find(op)
    if op.op == "DEQUANTIZE":
        return True
    if definition is None or definition.integer is None or definition.updated(op) or position not in definition.integer.weights:
        return False
    return dtype.kind == "f" or (definition.integer.computed and not any(map(is_float, op.outputs)))


def _store(graph: Graph, tensor: Tensor, data: np.ndarray, sparsity: Sparsity) -> None:
    stored = constant(f"{tensor.name}/sparse", data, tensor.quantization)
    stored.shape, stored.sparsity = tensor.shape, sparsity
    tensor.data = None
    graph.insert_before(graph.consumers(tensor)[0], Operator("DENSIFY", [stored], [tensor], registry.by_name("DENSIFY").make_options()))


def smallest(tensor: Tensor) -> tuple[np.ndarray, Sparsity] | None:
    """The stored values and their places in the smallest form that saves LEAST_GAIN bytes; None where there is none."""
    assert tensor.data is not None
    nonzero = np.count_nonzero(tensor.data)
    if (nonzero + 1) * tensor.dtype.itemsize + LEAST_GAIN > tensor.data.nbytes:
        return None
    best = min((encode(tensor.data, axis, block) for axis, block in _forms(tensor.shape)), key=lambda form: nbytes(*form))
    return best if nbytes(*best) + LEAST_GAIN <= tensor.data.nbytes else None


def _forms(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    yield from ((axis, block) for axis, size in enumerate(shape) for block in BLOCKS if size % block == 0 and size > block)


def nbytes(data: np.ndarray, sparsity: Sparsity) -> int:
    """What the stored values and their places take."""
    places = (part for dimension in sparsity.dimensions if not isinstance(dimension, int) for part in dimension)
    return data.nbytes + sum(part.nbytes for part in places)


def encode(values: np.ndarray, axis: int, block: int = 1) -> tuple[np.ndarray, Sparsity]:
    """Stored values and their places where `axis` is compressed, in blocks of neighbours along it."""
    order = [*(a for a in range(values.ndim) if a != axis), axis]
    turned = values.transpose(order)
    rows = turned.reshape(-1, values.shape[axis] // block, block)
    mask = np.asarray(rows.any(axis=2))
    mask[0, 0] |= not mask.any()  # LiteRT takes a tensor that stores nothing for no constant
    segments = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    places = _narrow(segments), _narrow(np.nonzero(mask)[1])
    dense = turned.shape[:-1]
    if block == 1:
        return rows[mask].ravel(), Sparsity(tuple(order), (), (*dense, places))
    return rows[mask].ravel(), Sparsity((*order, values.ndim), (axis,), (*dense, places, block))


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """The smallest type that the schema has for them."""
    most = int(numbers.max(initial=0))
    return numbers.astype(np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.int32)
