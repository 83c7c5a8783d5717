"""From a Model to the records of a `.tflite` file, and to its bytes."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import tables
from .archive import write_archive
from .dtypes import TYPE_NAMES
from .errors import TachyliteError
from .flatbuffer import Writer
from .graph import Blockwise, External, Graph, Model, Operator, Quantization, Signature, Sparsity, Tensor
from .reader import IDENTIFIER, SCHEMA_VERSION
from .storage import Bytes, content

#: Offsets in a flatbuffer end at 2 GB; the data of larger models follow it. Some room is left for the tables.
INLINE_LIMIT = (1 << 31) - (1 << 26)

#: Data behind the flatbuffer are aligned like those in it.
ALIGNMENT = 16

VersionRule = Callable[[Operator], int]


def encode(model: Model, version_of: VersionRule, inline_limit: int = INLINE_LIMIT) -> list[Bytes]:
    """The bytes of the file, in pieces."""
    writer = ModelWriter(model, version_of)
    if writer.size > inline_limit:
        # The flatbuffer is as long whatever offsets stand in it, so a first one tells where the data begin.
        length = len(Writer().root(ModelWriter(model, version_of, ALIGNMENT).record, IDENTIFIER))
        writer = ModelWriter(model, version_of, length + -length % ALIGNMENT)
    chunks: list[Bytes] = [Writer().root(writer.record, IDENTIFIER)]
    for payload in writer.outside:
        chunks += [bytes(-len(chunks[-1]) % ALIGNMENT), payload]
    if model.files:
        chunks.append(write_archive(model.files, sum(map(len, chunks))))
    return chunks


class ModelWriter:
    """The record of one model. With `outside`, its data are to stand from that byte of the file on, in the order of the list `outside`.

    size: bytes of data, wherever they stand.
    """

    def __init__(self, model: Model, version_of: VersionRule, outside: int | None = None):
        self.version_of = version_of
        self.outside: list[Bytes] = []
        self.size = 0
        self._end = outside
        self._graphs = {id(graph): number for number, graph in enumerate(model.graphs)}
        self._codes: dict[tuple[str, bool, int], int] = {}
        self._externals: dict[int, External] = {}
        self._buffers: list[Any] = [_record("Buffer")]  # the first is empty by convention
        self._known: dict[tuple[int, int], tuple[int, Bytes]] = {}
        self.record = self._model(model)

    def _model(self, model: Model) -> Any:
        subgraphs = tuple(self._subgraph(graph) for graph in model.graphs)
        metadata = tuple(_record("Metadata", name=name, buffer=self._buffer(value)) for name, value in model.metadata.items())
        groups = list(dict.fromkeys(e.group for e in self._externals.values()))
        return _record(
            "Model",
            version=SCHEMA_VERSION,
            operator_codes=tuple(_operator_code(*code) for code in self._codes),
            subgraphs=subgraphs,
            description=model.description,
            buffers=tuple(self._buffers),
            metadata=metadata or None,
            signature_defs=tuple(self._signature(s) for s in model.signatures) or None,
            external_buffer_groups=tuple(_record("ExternalBufferGroup", name=name) for name in groups) or None,
            external_buffers=tuple(
                _record("ExternalBuffer", id=e.id, group=groups.index(e.group), offset=e.offset, length=e.length, packing=e.packing)
                for e in self._externals.values()
            )
            or None,
        )

    def _subgraph(self, graph: Graph) -> Any:
        index = {id(tensor): i for i, tensor in enumerate(graph.tensors)}
        return _record(
            "SubGraph",
            tensors=tuple(self._tensor(tensor, index) for tensor in graph.tensors),
            inputs=_indices(graph.inputs, index),
            outputs=_indices(graph.outputs, index),
            operators=tuple(self._operator(op, index) for op in graph.operators),
            name=graph.name,
            debug_metadata_index=graph.debug_index,
        )

    def _tensor(self, tensor: Tensor, index: dict[int, int]) -> Any:
        if tensor.dtype not in TYPE_NAMES:
            raise TachyliteError(f"tensor {tensor.name!r} is {tensor.dtype}, which the schema has no type for; cast it")
        return _record(
            "Tensor",
            shape=tensor.shape,
            type=TYPE_NAMES[tensor.dtype],
            buffer=0 if tensor.data is None or tensor.external else self._buffer(content(tensor.data)),
            name=tensor.name,
            quantization=None if tensor.quantization is None else _quantization(tensor.quantization, index),
            is_variable=tensor.is_variable,
            sparsity=None if tensor.sparsity is None else _sparsity(tensor.sparsity),
            shape_signature=tensor.shape_signature,
            has_rank=tensor.has_rank,
            variant_tensors=tuple(
                _record("VariantSubType", shape=shape, type=TYPE_NAMES[dtype], has_rank=has_rank)
                for shape, dtype, has_rank in tensor.variant_tensors
            )
            or None,
            external_buffer=self._external(tensor.external) if tensor.external else 0,
        )

    def _buffer(self, data: Bytes) -> int:
        """The index of a buffer with this content; equal ones are shared."""
        if not len(data):
            return 0
        number, known = self._known.setdefault((zlib.crc32(data), len(data)), (len(self._buffers), data))
        if number < len(self._buffers) and known == data:
            return number
        offset, size = self._place(data)
        self._buffers.append(_record("Buffer", offset=offset, size=size) if offset else _record("Buffer", data=data))
        return len(self._buffers) - 1

    def _place(self, data: Bytes) -> tuple[int, int]:
        """Where `data` will stand behind the flatbuffer, and their size; zeros where all data are in it."""
        self.size += len(data)
        if self._end is None:
            return 0, 0
        offset, self._end = self._end, self._end + len(data) + -len(data) % ALIGNMENT
        self.outside.append(data)
        return offset, len(data)

    def _external(self, external: External) -> int:
        if self._externals.setdefault(external.id, external) != external:
            raise TachyliteError(f"two external buffers have the id {external.id}; give each its own")
        return external.id

    def _operator(self, op: Operator, index: dict[int, int]) -> Any:
        offset, size = self._place(op.custom_options) if op.custom_options else (0, 0)
        options = None if op.options is None else self._unlink(op)
        second = type(options).__name__ in tables.UNIONS["BuiltinOptions2"]
        return _record(
            "Operator",
            opcode_index=self._codes.setdefault((op.op, op.is_custom, self.version_of(op)), len(self._codes)),
            inputs=_indices(op.inputs, index),
            outputs=_indices(op.outputs, index),
            builtin_options=None if second else options,
            custom_options=None if offset else op.custom_options,
            mutating_variable_inputs=op.mutating_variable_inputs,
            intermediates=_indices(op.intermediates, index),
            large_custom_options_offset=offset,
            large_custom_options_size=size,
            builtin_options_2=options if second else None,
            debug_metadata_index=op.debug_index,
        )

    def _unlink(self, op: Operator) -> Any:
        """The operator's options with indices of subgraphs, instead of positions in the operator's own list."""

        def index(position: int) -> int:
            return self._graphs[id(op.subgraphs[position])]

        changes = {}
        for field in tables.subgraph_fields(type(op.options).__name__):
            value = getattr(op.options, field.name)
            changes[field.name] = tuple(map(index, value)) if field.is_vector else index(value)
        return replace(op.options, **changes) if changes else op.options

    def _signature(self, signature: Signature) -> Any:
        index = {id(tensor): i for i, tensor in enumerate(signature.graph.tensors)}

        def names(tensors: dict[str, Tensor]) -> Any:
            return tuple(_record("TensorMap", name=name, tensor_index=index[id(t)]) for name, t in tensors.items())

        return _record(
            "SignatureDef",
            inputs=names(signature.inputs),
            outputs=names(signature.outputs),
            signature_key=signature.key,
            subgraph_index=self._graphs[id(signature.graph)],
        )


def _record(table: str, **values: Any) -> Any:
    return tables.record_class(table)(**values)


def _indices(tensors: Sequence[Tensor | None], index: dict[int, int]) -> tuple[int, ...]:
    return tuple(-1 if t is None else index[id(t)] for t in tensors)


def _operator_code(name: str, is_custom: bool, version: int) -> Any:
    builtin = "CUSTOM" if is_custom else name
    # Readers from before the wide field look at the old one, which says 127 for what it cannot hold.
    narrow = min(tables.enum_values("BuiltinOperator")[builtin], 127)
    custom_code = name if is_custom else ""
    return _record("OperatorCode", deprecated_builtin_code=narrow, custom_code=custom_code, version=version, builtin_code=builtin)


def _quantization(q: Quantization, index: dict[int, int]) -> Any:
    return _record(
        "QuantizationParameters",
        min=_array(q.minimum, np.float32),
        max=_array(q.maximum, np.float32),
        scale=_array(q.scale, np.float32),
        zero_point=_array(q.zero_point, np.int64),
        details=None if q.details is None else _details(q.details, index),
        quantized_dimension=q.axis,
    )


def _array(values: np.ndarray, dtype: Any) -> np.ndarray | None:
    return np.ascontiguousarray(values, dtype) if len(values) else None


def _details(details: Blockwise | bytes, index: dict[int, int]) -> Any:
    if isinstance(details, bytes):
        return _record("CustomQuantization", custom=details)
    scales, zero_points = _indices([details.scales, details.zero_points], index)
    values = {"scales": scales, "zero_points": zero_points, "block_size": details.size}
    if not details.axes:
        return _record("BlockwiseQuantization", **values)
    return _record("MultiAxisQuantization", **values, quantized_dimensions=details.axes)


def _sparsity(sparsity: Sparsity) -> Any:
    vectors = {np.dtype(np.int32): "Int32Vector", np.dtype(np.uint16): "Uint16Vector", np.dtype(np.uint8): "Uint8Vector"}
    dimensions = []
    for dimension in sparsity.dimensions:
        if isinstance(dimension, int):
            dimensions.append(_record("DimensionMetadata", format="DENSE", dense_size=dimension))
        else:
            segments, indices = (_record(vectors[part.dtype], values=part) for part in dimension)
            dimensions.append(_record("DimensionMetadata", format="SPARSE_CSR", array_segments=segments, array_indices=indices))
    return _record(
        "SparsityParameters", traversal_order=sparsity.traversal_order, block_map=sparsity.block_map, dim_metadata=tuple(dimensions)
    )
