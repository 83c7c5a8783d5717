"""What a model must satisfy beyond being readable: each check says which tensor or operator, what was found, and what was needed."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np

from . import tables
from .dtypes import is_quantizable, limits
from .errors import FileError
from .graph import Blockwise, Graph, Model, Operator, Quantization, Shape, Sparsity, Tensor

#: Larger tensors could not be addressed by any machine; their sizes would overflow.
MOST_BYTES = 1 << 47

#: What every supported numpy allows.
MOST_DIMENSIONS = 32

#: Calls from graph to graph; each takes several frames of Python's own stack.
MOST_NESTED = 64

#: A sparse constant may expand to this much; kernels count its elements in int32.
MOST_DENSE_BYTES = (1 << 31) - 1


def verify(model: Model) -> None:
    """Raises FileError at the first thing that makes the model unfit to run or to be written."""
    if not model.graphs:
        raise FileError("the model holds no graph, so there is nothing to run; give it one")
    for number, graph in enumerate(model.graphs):
        verify_graph(graph, number)
    _verify_calls(model)
    _verify_signatures(model)


def verify_graph(graph: Graph, number: int = 0) -> None:
    """The part of `verify` that concerns one graph, number `number` of its model."""
    place = f"(subgraph {number})"
    known = {id(t) for t in graph.tensors}
    if len(known) < len(graph.tensors):
        raise FileError(f"subgraph {number} lists a tensor twice in Graph.tensors; list each once")
    for index, tensor in enumerate(graph.tensors):
        verify_tensor(tensor, f"tensor {index} {tensor.name!r} {place}")
        _verify_known(known, _quantization_tensors(tensor), f"tensor {index} {tensor.name!r} {place}")
    _verify_known(known, [*graph.inputs, *graph.outputs], f"subgraph {number}")
    _verify_order(graph, known, place)


def verify_tensor(tensor: Tensor, where: str) -> None:
    """Shape, data and quantization of one tensor. Raises FileError that begins with `where`."""
    verify_shape(tensor.shape, tensor.dtype, where)
    shape = list(tensor.shape)
    signature = tensor.shape_signature
    if signature is not None and (len(signature) != len(shape) or any(s not in (-1, d) for s, d in zip(signature, shape, strict=True))):
        raise FileError(f"{where}: its shape signature {list(signature)} contradicts its shape {shape}; known dimensions must agree")
    if tensor.external is not None and tensor.data is None:
        raise FileError(f"{where}: its external buffer in {tensor.external.group!r} is not loaded; give the tensor its data")
    if tensor.data is not None:
        _verify_data(tensor, tensor.data, where)
    if tensor.quantization is not None and is_quantizable(tensor.dtype):
        _verify_quantization(tensor, tensor.quantization, where)


def verify_shape(shape: Shape, dtype: np.dtype, where: str) -> None:
    """A shape that numpy and the machine can hold. Raises FileError that begins with `where`."""
    if len(shape) > MOST_DIMENSIONS:
        raise FileError(f"{where} has {len(shape)} dimensions; arrays have at most {MOST_DIMENSIONS}")
    if any(d < 0 for d in shape):
        raise FileError(f"{where}: its shape {list(shape)} has a negative dimension; unknown ones belong in shape_signature")
    if prod(d or 1 for d in shape) * dtype.itemsize > MOST_BYTES:  # numpy refuses such shapes even with a 0 among them
        raise FileError(f"{where}: its shape {list(shape)} is larger than any memory; make it smaller")


def _verify_data(tensor: Tensor, data: np.ndarray, where: str) -> None:
    if tensor.is_variable:
        raise FileError(f"{where} is a variable, which is zero at first, and also holds data; it can be only one of both")
    if data.dtype != tensor.dtype:
        raise FileError(f"{where} is {tensor.dtype}, its data are {data.dtype}; they must be of one type")
    if tensor.sparsity is not None:
        _verify_sparsity(tensor, tensor.sparsity, len(data), where)
    elif data.shape != tensor.shape:
        raise FileError(f"{where} has the shape {list(tensor.shape)}, its data {list(data.shape)}; they must agree")


def _verify_quantization(tensor: Tensor, q: Quantization, where: str) -> None:
    if isinstance(q.details, bytes):
        return
    if isinstance(q.details, Blockwise):
        axes, size = q.details.axes or (q.axis,), q.details.size
        if size < 0 or any(not 0 <= a < len(tensor.shape) for a in axes):
            raise FileError(f"{where}: blocks of {size} along the axes {list(axes)} do not fit the shape {list(tensor.shape)}")
        return
    count = len(q.scale)
    if not count:
        return
    least, most = q.scale.min(), q.scale.max()  # NaN where there is one
    if not 0 < least <= most < np.inf:
        raise FileError(f"{where}: its scales reach from {least} to {most}; scales of quantized tensors must be positive and finite")
    if len(q.zero_point) not in (0, count):
        raise FileError(f"{where} has {count} scales and {len(q.zero_point)} zero points; it needs one zero point per scale")
    if len(q.zero_point):
        low, high = limits(tensor.dtype)
        least, most = q.zero_point.min(), q.zero_point.max()
        if not low <= least <= most <= high:
            raise FileError(f"{where}: its zero points reach from {least} to {most}; {tensor.dtype} holds {low} to {high}")
    if count > 1 and not (0 <= q.axis < len(tensor.shape) and tensor.shape[q.axis] == count):
        raise FileError(f"{where} has {count} scales along axis {q.axis} of {list(tensor.shape)}; needed one, or one per slice of an axis")


def _verify_sparsity(tensor: Tensor, sparsity: Sparsity, stored: int, where: str) -> None:
    shape, blocks, order = tensor.shape, sparsity.block_map, sparsity.traversal_order
    rank = len(shape)
    if tensor.size * tensor.dtype.itemsize > MOST_DENSE_BYTES:
        raise FileError(f"{where}: its dense form {list(shape)} would exceed 2 GB")
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, rank + len(blocks))):
        raise FileError(f"{where}: traversal order {list(order)} must order its {rank} dimensions and, after them, {len(blocks)} blocks")
    if len(sparsity.dimensions) != len(order) or len(set(blocks)) != len(blocks) or any(not 0 <= b < rank for b in blocks):
        raise FileError(
            f"{where}: its sparsity describes {len(sparsity.dimensions)} dimensions, with blocks of {list(blocks)}, not {list(shape)}"
        )
    sizes = sparsity.sizes(shape)
    if sizes is None:
        raise FileError(f"{where}: its blocks do not divide its shape {list(shape)}, or are not dense; the file is damaged")
    entries = 1
    for number, (size, dimension) in enumerate(zip(sizes, sparsity.dimensions, strict=True)):
        if isinstance(dimension, int):
            if dimension != size:
                raise FileError(f"{where}: sparse level {number} has {dimension} entries, the shape {list(shape)} needs {size}")
            entries *= size
            continue
        segments, indices = dimension
        if len(segments) != entries + 1 or segments[0] != 0 or segments[-1] != len(indices) or np.any(segments[:-1] > segments[1:]):
            raise FileError(f"{where}: the segments of sparse level {number} must split its {len(indices)} indices into {entries} parts")
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < size:
            raise FileError(
                f"{where}: the indices of sparse level {number} ({indices.min()} to {indices.max()}) must lie in 0 to {size - 1}"
            )
        entries = len(indices)
    if entries != stored:
        raise FileError(f"{where} stores {stored} values, its sparsity describes {entries}; they must agree")


def _quantization_tensors(tensor: Tensor) -> Iterable[Tensor]:
    details = tensor.quantization.details if tensor.quantization is not None else None
    return [t for t in (details.scales, details.zero_points) if t is not None] if isinstance(details, Blockwise) else []


def _verify_known(known: set[int], tensors: Iterable[Tensor | None], where: str) -> None:
    for tensor in tensors:
        if tensor is not None and id(tensor) not in known:
            raise FileError(f"{where} refers to {tensor!r}, which is not a tensor of the graph; add it to Graph.tensors")


def _verify_order(graph: Graph, known: set[int], place: str) -> None:
    """Operators read what is there by then, and each value has one origin."""
    ready = {id(t) for t in graph.tensors if t.data is not None or t.is_variable}
    given = {id(t) for t in graph.inputs}
    ready |= given
    for index, op in enumerate(graph.operators):
        where = _label(op, index, place)
        _verify_known(known, [*op.inputs, *op.outputs, *op.intermediates], where)
        for tensor in op.inputs:
            if tensor is not None and id(tensor) not in ready:
                raise FileError(
                    f"{where} reads {tensor.name!r}, which is no input, constant or variable, and no operator before it computes"
                )
        for tensor in op.outputs:
            if id(tensor) in (given if tensor.is_variable else ready):
                raise FileError(f"{where} writes {tensor.name!r}, which already has a value (input, constant or another operator's output)")
            ready.add(id(tensor))
    for tensor in graph.outputs:
        if id(tensor) not in ready:
            raise FileError(f"output {tensor.name!r} {place} is computed by no operator; it is no input, constant or variable either")


def _label(op: Operator, index: int, place: str) -> str:
    name = f" {op.outputs[0].name!r}" if op.outputs else ""
    return f"{op.op} #{index}{name} {place}"


def _verify_calls(model: Model) -> None:
    """No graph calls itself, directly or through others, nor so deep that running it would exhaust the stack."""
    numbers = {id(graph): number for number, graph in enumerate(model.graphs)}
    if len(numbers) < len(model.graphs):
        raise FileError("the model lists a graph twice in Model.graphs; list each once")
    callees: dict[int, set[int]] = {number: set() for number in numbers.values()}
    for number, graph in enumerate(model.graphs):
        for index, op in enumerate(graph.operators):
            if op.options is not None:
                _verify_links(op, _label(op, index, f"(subgraph {number})"))
            for callee in op.subgraphs:
                if id(callee) not in numbers:
                    where = _label(op, index, f"(subgraph {number})")
                    raise FileError(f"{where} calls the graph {callee.name!r}, which is not in Model.graphs; add it")
                callees[number].add(numbers[id(callee)])
    try:
        order = list(TopologicalSorter(callees).static_order())
    except CycleError as cycle:
        path = " -> ".join(str(n) for n in reversed(cycle.args[1]))
        raise FileError(f"subgraphs call each other in a circle ({path}); a graph may not reach itself") from None
    depth: dict[int, int] = {}
    for number in order:
        depth[number] = 1 + max((depth[c] for c in callees[number]), default=0)
    if max(depth.values()) > MOST_NESTED:
        raise FileError(f"subgraphs call each other {max(depth.values())} deep; at most {MOST_NESTED} can be run")


def _verify_links(op: Operator, where: str) -> None:
    for field in tables.subgraph_fields(type(op.options).__name__):
        value = getattr(op.options, field.name)
        for position in value if field.is_vector else (value,):
            if not 0 <= position < len(op.subgraphs):
                raise FileError(f"{where}: {field.name} is {position}, a position in Operator.subgraphs, which has {len(op.subgraphs)}")


def _verify_signatures(model: Model) -> None:
    known = {id(graph): {id(t) for t in graph.tensors} for graph in model.graphs}
    keys: set[str] = set()
    for signature in model.signatures:
        where = f"signature {signature.key!r}"
        if id(signature.graph) not in known:
            raise FileError(f"{where} enters the graph {signature.graph.name!r}, which is not in Model.graphs; add it")
        if not signature.key or signature.key in keys:
            raise FileError(f"{where} has {'the key of another' if signature.key else 'no key'}; callers could not tell which they mean")
        keys.add(signature.key)
        _verify_known(known[id(signature.graph)], [*signature.inputs.values(), *signature.outputs.values()], where)
