"""What a model must satisfy beyond being readable: each check says which tensor or operator, what was found, and what was needed."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np

from .dtypes import is_quantizable
from .errors import FileError
from .graph import Blockwise, Graph, Model, Operator, Quantization, Sparsity, Tensor

#: Larger tensors could not be addressed by any machine; their sizes would overflow.
MAX_BYTES = 1 << 47

#: A sparse constant may expand to this much; kernels count its elements in int32.
MAX_DENSE_BYTES = (1 << 31) - 1


def verify(model: Model) -> None:
    """Raises FileError at the first thing that makes the model unfit to run or to be written."""
    if not model.graphs:
        raise FileError("the model holds no graph, so there is nothing to run; give it one")
    for number, graph in enumerate(model.graphs):
        verify_graph(graph, number)
    _verify_calls(model)
    for signature in model.signatures:
        _verify_signature(model, signature.key, signature.graph, [*signature.inputs.values(), *signature.outputs.values()])


def verify_graph(graph: Graph, number: int = 0) -> None:
    """The part of `verify` that concerns one graph, number `number` of its model."""
    place = f"(subgraph {number})"
    known = {id(t) for t in graph.tensors}
    for index, tensor in enumerate(graph.tensors):
        verify_tensor(tensor, f"tensor {index} {tensor.name!r} {place}")
        _verify_known(known, _quantization_tensors(tensor), f"tensor {index} {tensor.name!r} {place}")
    _verify_known(known, [*graph.inputs, *graph.outputs], f"subgraph {number}")
    _verify_order(graph, known, place)


def verify_tensor(tensor: Tensor, where: str) -> None:
    """Shape, data and quantization of one tensor. Raises FileError that begins with `where`."""
    shape = list(tensor.shape)
    if any(d < 0 for d in shape):
        raise FileError(f"{where}: its shape {shape} has a negative dimension; unknown ones belong in shape_signature")
    if prod(shape) * tensor.dtype.itemsize > MAX_BYTES:
        raise FileError(f"{where}: its shape {shape} is larger than any memory; make it smaller")
    signature = tensor.shape_signature
    if signature is not None and (len(signature) != len(shape) or any(s not in (-1, d) for s, d in zip(signature, shape, strict=True))):
        raise FileError(f"{where}: its shape signature {list(signature)} contradicts its shape {shape}; known dimensions must agree")
    if tensor.data is not None:
        _verify_data(tensor, tensor.data, where)
    if tensor.quantization is not None and is_quantizable(tensor.dtype):
        _verify_quantization(tensor, tensor.quantization, where)


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
    if not np.all((q.scale > 0) & np.isfinite(q.scale)):
        bad = q.scale[~((q.scale > 0) & np.isfinite(q.scale))][0]
        raise FileError(f"{where}: a scale is {bad}; scales of quantized tensors must be positive and finite")
    if len(q.zero_point) not in (0, count):
        raise FileError(f"{where} has {count} scales and {len(q.zero_point)} zero points; it needs one zero point per scale")
    low, high = _range(tensor.dtype)
    if len(q.zero_point) and not low <= q.zero_point.min() <= q.zero_point.max() <= high:
        raise FileError(f"{where}: a zero point lies outside {tensor.dtype} ({q.zero_point.min()} to {q.zero_point.max()}); needed {low} to {high}")
    if count > 1 and not (0 <= q.axis < len(tensor.shape) and tensor.shape[q.axis] == count):
        raise FileError(f"{where} has {count} scales along axis {q.axis} of {list(tensor.shape)}; it needs one, or one per slice of an existing axis")


def _range(dtype: np.dtype) -> tuple[int, int]:
    bits = {"int4": 4, "uint4": 4, "int2": 2}.get(dtype.name, 8 * dtype.itemsize)
    return (0, 2**bits - 1) if dtype.name.startswith("uint") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _verify_sparsity(tensor: Tensor, sparsity: Sparsity, stored: int, where: str) -> None:
    shape, blocks, order = tensor.shape, sparsity.block_map, sparsity.traversal_order
    rank = len(shape)
    if tensor.size * tensor.dtype.itemsize > MAX_DENSE_BYTES:
        raise FileError(f"{where}: its dense form {list(shape)} would exceed 2 GB")
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, rank + len(blocks))):
        raise FileError(f"{where}: traversal order {list(order)} is not an order of its {rank} dimensions and, after them, {len(blocks)} blocks")
    if len(sparsity.dimensions) != len(order) or len(set(blocks)) != len(blocks) or any(not 0 <= b < rank for b in blocks):
        raise FileError(f"{where}: its sparsity describes {len(sparsity.dimensions)} dimensions and blocks of {list(blocks)}, its shape is {list(shape)}")
    sizes = sparsity.sizes(shape)
    if sizes is None:
        raise FileError(f"{where}: its blocks do not divide its shape {list(shape)}, or are not dense; the file is damaged")
    entries = 1
    for number, (size, dimension) in enumerate(zip(sizes, sparsity.dimensions, strict=True)):
        if isinstance(dimension, int):
            if dimension != size:
                raise FileError(f"{where}: sparse level {number} has {dimension} entries, its shape {list(shape)} needs {size}; the file is damaged")
            entries *= size
            continue
        segments, indices = dimension
        if len(segments) != entries + 1 or segments[0] != 0 or segments[-1] != len(indices) or np.any(segments[:-1] > segments[1:]):
            raise FileError(f"{where}: the segments of sparse level {number} do not split its {len(indices)} indices into {entries} rising parts")
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < size:
            raise FileError(f"{where}: an index of sparse level {number} ({indices.min()} to {indices.max()}) is out of range; needed 0 to {size - 1}")
        entries = len(indices)
    if entries > stored:
        raise FileError(f"{where} stores {stored} values, its sparsity describes {entries}; the file was cut off or is damaged")


def _quantization_tensors(tensor: Tensor) -> Iterable[Tensor]:
    details = tensor.quantization.details if tensor.quantization is not None else None
    return [t for t in (details.scales, details.zero_points) if t is not None] if isinstance(details, Blockwise) else []


def _verify_known(known: set[int], tensors: Iterable[Tensor | None], where: str) -> None:
    for tensor in tensors:
        if tensor is not None and id(tensor) not in known:
            raise FileError(f"{where} refers to {tensor!r}, which is not a tensor of the graph; add it to Graph.tensors")


def _verify_order(graph: Graph, known: set[int], place: str) -> None:
    """Operators read what is there by then, and each value has one origin."""
    ready = {id(t) for t in graph.tensors if t.data is not None or t.is_variable or t.external}
    ready |= {id(t) for t in graph.inputs}
    for index, op in enumerate(graph.operators):
        where = _label(op, index, place)
        _verify_known(known, [*op.inputs, *op.outputs, *op.intermediates], where)
        for tensor in op.inputs:
            if tensor is not None and id(tensor) not in ready:
                raise FileError(f"{where} reads {tensor.name!r}, which no operator before it computes; it is no input, constant or variable either")
        for tensor in op.outputs:
            if id(tensor) in ready and not tensor.is_variable:
                raise FileError(f"{where} writes {tensor.name!r}, which already has a value (input, constant or another operator's output)")
            ready.add(id(tensor))
    for tensor in graph.outputs:
        if id(tensor) not in ready:
            raise FileError(f"output {tensor.name!r} {place} is computed by no operator; it is no input, constant or variable either")


def _label(op: Operator, index: int, place: str) -> str:
    name = f" {op.outputs[0].name!r}" if op.outputs else ""
    return f"{op.op} #{index}{name} {place}"


def _verify_calls(model: Model) -> None:
    """No graph calls itself, directly or through others: kernels would recurse without end."""
    numbers = {id(graph): number for number, graph in enumerate(model.graphs)}
    calls: TopologicalSorter[int] = TopologicalSorter()
    for number, graph in enumerate(model.graphs):
        for index, op in enumerate(graph.operators):
            for callee in op.subgraphs:
                if id(callee) not in numbers:
                    raise FileError(f"{_label(op, index, f'(subgraph {number})')} calls the graph {callee.name!r}, which is not in Model.graphs; add it")
                calls.add(number, numbers[id(callee)])
    try:
        calls.prepare()
    except CycleError as cycle:
        path = " -> ".join(str(n) for n in reversed(cycle.args[1]))
        raise FileError(f"subgraphs call each other in a circle ({path}); a graph may not reach itself") from None


def _verify_signature(model: Model, key: str, graph: Graph, tensors: Iterable[Tensor]) -> None:
    if not any(graph is g for g in model.graphs):
        raise FileError(f"signature {key!r} enters the graph {graph.name!r}, which is not in Model.graphs; add it")
    _verify_known({id(t) for t in graph.tensors}, tensors, f"signature {key!r}")
