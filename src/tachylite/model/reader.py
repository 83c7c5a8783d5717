"""From the records of a `.tflite` file to a Model. Every index, size and count is checked before it is used.

What only looks wrong as a whole (an operator that reads what nobody computes, a graph that calls itself) is left to `verify`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from . import tables
from .dtypes import DTYPES, PACKED_BITS, nbytes
from .errors import FileError, UnsupportedError
from .files import map_file
from .flatbuffer import Reader
from .graph import Blockwise, External, Graph, Model, Operator, Quantization, Signature, Sparsity, Tensor
from .storage import unpack, unpack_strings
from .verify import MOST_DIMENSIONS, verify_shape

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3


class ModelReader:
    """Reads one file.

    data: a read-only view of its bytes, which constants go on referring to.
    folder: where external buffers are looked for.
    """

    def __init__(self, data: memoryview, folder: Path | None = None):
        self.data = data
        self.folder = folder
        self.reader = Reader(data)
        self.record = self.reader.root("Model", IDENTIFIER)
        self.graphs = [Graph(subgraph.name, debug_index=subgraph.debug_metadata_index) for subgraph in self.record.subgraphs]
        self._externals = {entry.id: entry for entry in self.record.external_buffers}
        self._groups: dict[str, memoryview] = {}
        self._decoded: dict[tuple[int, int, np.dtype], np.ndarray] = {}

    def model(self) -> Model:
        """The whole model."""
        record = self.record
        if record.version != SCHEMA_VERSION:
            raise FileError(f"the file has schema version {record.version}, needed {SCHEMA_VERSION}; convert the model again")
        if not record.subgraphs:
            raise FileError("the file holds no subgraph, so there is nothing to run; it is damaged")
        for number, (graph, subgraph) in enumerate(zip(self.graphs, record.subgraphs, strict=True)):
            self._fill(graph, subgraph, number)
        return Model(
            self.graphs,
            [self._signature(number, signature) for number, signature in enumerate(record.signature_defs)],
            {m.name: self._copy(self._bytes(m.buffer, f"metadata {m.name!r}")) for m in record.metadata},
            record.description,
        )

    def _fill(self, graph: Graph, record: Any, number: int) -> None:
        place = f"subgraph {number}"
        graph.tensors = [self._tensor(tensor, f"tensor {i} {tensor.name!r} ({place})") for i, tensor in enumerate(record.tensors)]
        for i, (tensor, source) in enumerate(zip(graph.tensors, record.tensors, strict=True)):
            where = f"tensor {i} {tensor.name!r} ({place})"
            tensor.quantization = _quantization(source.quantization, graph.tensors, where)
        graph.inputs = _pick(graph.tensors, record.inputs, f"{place}, inputs")
        graph.outputs = _pick(graph.tensors, record.outputs, f"{place}, outputs")
        graph.operators = [self._operator(op, graph.tensors, f"operator {i} ({place})") for i, op in enumerate(record.operators)]
        _give_empty_constants(graph)

    def _tensor(self, record: Any, where: str) -> Tensor:
        dtype = DTYPES[record.type]
        verify_shape(record.shape, dtype, where)
        shape = record.shape
        tensor = Tensor(
            record.name,
            shape,
            dtype,
            is_variable=record.is_variable,
            shape_signature=record.shape_signature or None,
            has_rank=record.has_rank,
            variant_tensors=tuple((tuple(v.shape), DTYPES[v.type], v.has_rank) for v in record.variant_tensors),
        )
        content, origin = self._bytes(record.buffer, where), record.buffer
        if record.external_buffer:
            if len(content):
                raise FileError(f"{where} has a buffer and an external buffer; it can have only one of both")
            tensor.external = self._external(record.external_buffer, where)
            content, origin = self._load(tensor.external, where), -record.external_buffer  # buffers count up, these down
        tensor.sparsity = _sparsity(record.sparsity, where)
        stores_nothing = tensor.sparsity is not None and tensor.sparsity.stored == 0
        if len(content) or stores_nothing:
            if tensor.is_variable:
                raise FileError(f"{where} is a variable, which is zero at first, and also has a buffer; it can be only one of both")
            tensor.data = self._constant(tensor, origin, content, where)
        return tensor

    def _bytes(self, index: int, where: str) -> memoryview:
        """The content of buffer `index`; buffer 0 is always empty."""
        buffers = self.record.buffers
        if index >= len(buffers):
            raise FileError(f"{where}: buffer {index} is out of range, the file has {len(buffers)}; the file is damaged")
        buffer = buffers[index]
        if index == 0:
            return self.data[:0]
        if buffer.data is not None:
            return memoryview(buffer.data)
        return self._beyond(buffer.offset, buffer.size, where)

    def _beyond(self, offset: int, size: int, where: str) -> memoryview:
        """Content that lies behind the flatbuffer, in files that are larger than 2 GB."""
        if offset <= 1:
            return self.data[:0]
        if offset + size > len(self.data):
            raise FileError(f"{where}: its data end at byte {offset + size}, the file has {len(self.data)}; it was cut off or is damaged")
        return self.data[offset : offset + size]

    def _copy(self, content: memoryview) -> bytes:
        self.reader.spend(len(content))
        return bytes(content)

    def _constant(self, tensor: Tensor, origin: int, content: memoryview, where: str) -> np.ndarray:
        """The value of a tensor from the content of its buffer, in place where numpy can use it so."""
        dtype, shape = tensor.dtype, tensor.shape
        if dtype.names:
            raise FileError(f"{where} is a handle, which can hold no data, but has a buffer of {len(content)} bytes; the file is damaged")
        if dtype.hasobject:
            strings = self._decode(origin, content, dtype, unpack_strings, where)
            if len(strings) != tensor.size:
                raise FileError(f"{where} holds {len(strings)} strings, {list(shape)} needs {tensor.size}; the file is damaged")
            return strings.reshape(shape)
        if tensor.sparsity is not None:
            shape = (tensor.sparsity.stored,)
        size = prod(shape)
        needed = nbytes(dtype, size)
        if not 0 <= needed <= len(content):
            raise FileError(
                f"{where}: its buffer has {len(content)} bytes, {dtype}{list(shape)} needs {needed}; it was cut off or is damaged"
            )
        if dtype in PACKED_BITS:
            return self._decode(origin, content, dtype, lambda packed: unpack(packed, dtype), where)[:size].reshape(shape)
        array = np.frombuffer(content[:needed], dtype)
        if not array.flags.aligned:
            array = self._decode(origin, content[:needed], dtype, lambda data: np.frombuffer(data, dtype).copy(), where)
        return array.reshape(shape)

    def _decode(
        self, origin: int, content: memoryview, dtype: np.dtype, decode: Callable[[memoryview], np.ndarray], where: str
    ) -> np.ndarray:
        """What cannot be used in place, made once for all tensors that share a buffer."""
        key = origin, len(content), dtype
        if key not in self._decoded:
            self.reader.spend(len(content))
            try:
                array = decode(content)
            except FileError as problem:
                raise FileError(f"{where}: {problem}") from None
            array.flags.writeable = False
            self._decoded[key] = array
        return self._decoded[key]

    def _external(self, number: int, where: str) -> External:
        groups = self.record.external_buffer_groups
        entry = self._externals.get(number)
        if entry is None or entry.group >= len(groups):
            raise FileError(f"{where}: external buffer {number} is not described in the file, or its group is not; the file is damaged")
        return External(entry.id, groups[entry.group].name, entry.offset, entry.length, entry.packing)

    def _load(self, external: External, where: str) -> memoryview:
        """The content of an external buffer."""
        if self.folder is None:
            raise FileError(
                f"{where}: its data are in {external.group!r}, beside the model; read the model from its file or name the folder"
            )
        if external.packing:
            raise UnsupportedError(f"{where}: its external buffer is packed as {external.packing!r}, only plain ones can be read")
        name = Path(external.group)
        if name.is_absolute() or ".." in name.parts:
            raise FileError(f"{where}: its external buffer is in {external.group!r}, which must lie in the model's own folder")
        if external.group not in self._groups:
            try:
                self._groups[external.group] = map_file(self.folder / name)
            except OSError as problem:
                raise FileError(f"{where}: its external buffer cannot be read: {problem}; put the file beside the model") from problem
        content = self._groups[external.group]
        end = external.offset + external.length
        if end > len(content):
            raise FileError(f"{where}: its data end at byte {end} of {external.group!r}, which has {len(content)}; that file was cut off")
        return content[external.offset : end]

    def _operator(self, record: Any, tensors: Sequence[Tensor], where: str) -> Operator:
        codes = self.record.operator_codes
        if record.opcode_index >= len(codes):
            raise FileError(f"{where}: operator code {record.opcode_index} is out of range, the file has {len(codes)}; the file is damaged")
        name, is_custom, version = _operator_code(codes[record.opcode_index], where)
        where = f"{name} {where}"
        op = Operator(name, _pick_or_omit(tensors, record.inputs, f"{where}, inputs"), _pick(tensors, record.outputs, f"{where}, outputs"))
        op.is_custom = is_custom
        op.version = version
        op.intermediates = _pick_or_omit(tensors, record.intermediates, f"{where}, intermediates")
        op.mutating_variable_inputs = record.mutating_variable_inputs
        op.custom_options = record.custom_options or self._copy(
            self._beyond(record.large_custom_options_offset, record.large_custom_options_size, where)
        )
        op.debug_index = record.debug_metadata_index
        options = record.builtin_options if record.builtin_options is not None else record.builtin_options_2
        op.options, op.subgraphs = self._link(options, where)
        return op

    def _link(self, options: Any, where: str) -> tuple[Any, list[Graph]]:
        """Options whose subgraph indices are replaced by positions in the list of graphs that comes with them."""
        graphs: list[Graph] = []

        def place(index: int) -> int:
            if not 0 <= index < len(self.graphs):
                raise FileError(f"{where}: subgraph {index} is out of range, the file has {len(self.graphs)}; it is damaged")
            graphs.append(self.graphs[index])
            return len(graphs) - 1

        positions = {}
        for field in tables.subgraph_fields(type(options).__name__) if options is not None else ():
            value = getattr(options, field.name)
            positions[field.name] = tuple(map(place, value)) if field.is_vector else place(value)
        return (replace(options, **positions) if positions else options), graphs

    def _signature(self, number: int, record: Any) -> Signature:
        where = f"signature {number} {record.signature_key!r}"
        if record.subgraph_index >= len(self.graphs):
            raise FileError(f"{where}: subgraph {record.subgraph_index} is out of range, the file has {len(self.graphs)}; it is damaged")
        graph = self.graphs[record.subgraph_index]

        def names(entries: Any, kind: str) -> dict[str, Tensor]:
            picked = _pick(graph.tensors, [e.tensor_index for e in entries], f"{where}, {kind}")
            result = {e.name: tensor for e, tensor in zip(entries, picked, strict=True)}
            if len(result) < len(picked):
                raise FileError(f"{where}: two {kind} have the same name; the file is damaged")
            return result

        return Signature(record.signature_key, graph, names(record.inputs, "inputs"), names(record.outputs, "outputs"))


def _operator_code(record: Any, where: str) -> tuple[str, bool, int]:
    # Codes above 127 do not fit the old field, which then holds a placeholder; files from before the new field leave it 0.
    code = max(record.deprecated_builtin_code, tables.enum_values("BuiltinOperator")[record.builtin_code])
    name = tables.ENUMS["BuiltinOperator"][1][code]
    if name != "CUSTOM":
        return name, False, record.version
    if not record.custom_code:
        raise FileError(f"{where} is a custom operator without a name; the file is damaged")
    return record.custom_code, True, record.version


def _pick(tensors: Sequence[Tensor], indices: Sequence[int], where: str) -> list[Tensor]:
    for index in indices:
        if not 0 <= index < len(tensors):
            raise FileError(f"{where}: tensor {index} is out of range, the subgraph has {len(tensors)}; the file is damaged")
    return [tensors[i] for i in indices]


def _pick_or_omit(tensors: Sequence[Tensor], indices: Sequence[int], where: str) -> list[Tensor | None]:
    return [None if i == -1 else _pick(tensors, (i,), where)[0] for i in indices]


def _quantization(record: Any, tensors: Sequence[Tensor], where: str) -> Quantization | None:
    if record is None:
        return None
    empty = np.zeros(0, np.float32)
    scale, low, high = (empty if v is None else v for v in (record.scale, record.min, record.max))
    zero_point = np.zeros(0, np.int64) if record.zero_point is None else record.zero_point
    details = None if record.details is None else _details(record.details, tensors, where)
    if details is None and not (len(scale) or len(zero_point) or len(low) or len(high)):
        return None
    return Quantization(scale, zero_point, record.quantized_dimension, low, high, details)


def _details(record: Any, tensors: Sequence[Tensor], where: str) -> Blockwise | bytes:
    if type(record).__name__ == "CustomQuantization":
        return b"" if record.custom is None else bytes(record.custom)
    [scales] = _pick(tensors, [record.scales], f"{where}, scales")
    [zero_points] = _pick_or_omit(tensors, [record.zero_points], f"{where}, zero points")
    return Blockwise(scales, zero_points, record.block_size, getattr(record, "quantized_dimensions", ()))


def _sparsity(record: Any, where: str) -> Sparsity | None:
    if record is None:
        return None
    if len(record.dim_metadata) > 2 * MOST_DIMENSIONS:
        raise FileError(f"{where}: its sparsity describes {len(record.dim_metadata)} dimensions; arrays have at most {MOST_DIMENSIONS}")
    dimensions: list[int | tuple[np.ndarray, np.ndarray]] = []
    for number, dimension in enumerate(record.dim_metadata):
        if dimension.format == "DENSE":
            dimensions.append(dimension.dense_size)
        else:
            segments, indices = (getattr(part, "values", None) for part in (dimension.array_segments, dimension.array_indices))
            if segments is None or indices is None:
                raise FileError(f"{where}: sparse dimension {number} has no segments or no indices; the file is damaged")
            dimensions.append((segments, indices))
    return Sparsity(record.traversal_order, record.block_map, tuple(dimensions))


def _give_empty_constants(graph: Graph) -> None:
    """A tensor without elements needs no buffer to be a constant; it is one where nobody else gives its value."""
    given = {id(t) for t in graph.inputs} | {id(t) for op in graph.operators for t in op.outputs + op.intermediates}
    for tensor in graph.tensors:
        if 0 in tensor.shape and tensor.data is None and id(tensor) not in given and not tensor.is_variable:
            tensor.data = np.empty(tensor.shape, tensor.dtype)
            tensor.data.flags.writeable = False
