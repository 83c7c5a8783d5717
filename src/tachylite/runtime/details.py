"""The dictionaries with which tf.lite describes tensors and operators."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES, INT2, INT4, RESOURCE, STRING, UINT4, VARIANT
from tachylite.model.graph import Blockwise, Graph, Quantization, Shape, Sparsity, Tensor

FLOAT8_E4M3FN, FLOAT8_E5M2 = DTYPES["FLOAT8_E4M3FN"], DTYPES["FLOAT8_E5M2"]

#: What callers see of types that numpy itself does not have.
VISIBLE: dict[np.dtype, np.dtype] = {
    INT4: np.dtype(np.int8),
    INT2: np.dtype(np.int8),
    UINT4: np.dtype(np.uint8),
    FLOAT8_E4M3FN: np.dtype(np.int8),
    FLOAT8_E5M2: np.dtype(np.int8),
}


def visible_type(dtype: np.dtype) -> type:
    """The numpy scalar type that stands for a dtype in the details."""
    if dtype == STRING:
        return np.bytes_
    if dtype in (RESOURCE, VARIANT):
        return np.void
    return VISIBLE.get(dtype, dtype).type


def tensor_details(tensor: Tensor, index: int, shape: Shape) -> dict[str, Any]:
    """What `get_input_details` tells of a tensor; `shape` is the current one."""
    return {
        "name": tensor.name,
        "index": index,
        "shape": np.array(shape, np.int32),
        "shape_signature": np.array(tensor.shape_signature or shape, np.int32),
        "dtype": visible_type(tensor.dtype),
        "quantization": (float(tensor.scale), tensor.zero_point) if _is_per_tensor(tensor) else (0.0, 0),
        "quantization_parameters": _quantization_parameters(tensor.quantization),
        "sparsity_parameters": {} if tensor.sparsity is None else _sparsity_parameters(tensor.sparsity),
    }


def _is_per_tensor(tensor: Tensor) -> bool:
    return tensor.quantization is not None and len(tensor.quantization.scale) == 1


def _quantization_parameters(quantization: Quantization | None) -> dict[str, Any]:
    if quantization is None:
        scales, zero_points, axis, details = np.zeros(0, np.float32), np.zeros(0, np.int32), 0, None
    else:
        scales, zero_points, axis, details = (
            quantization.scale.astype(np.float32),
            quantization.zero_point.astype(np.int32),
            quantization.axis,
            quantization.details,
        )
    if len(zero_points) < len(scales):
        zero_points = np.zeros(len(scales), np.int32)
    block_size = details.size if isinstance(details, Blockwise) else 0
    return {"scales": scales, "zero_points": zero_points, "quantized_dimension": axis, "block_size": block_size}


def _sparsity_parameters(sparsity: Sparsity) -> dict[str, Any]:
    dimensions: list[dict[str, Any]] = []
    for dimension in sparsity.dimensions:
        if isinstance(dimension, int):
            dimensions.append({"format": 0, "dense_size": dimension})
        else:
            segments, indices = dimension
            dimensions.append({"format": 1, "array_segments": segments, "array_indices": indices})
    return {
        "traversal_order": np.array(sparsity.traversal_order, np.int32),
        "block_map": np.array(sparsity.block_map, np.int32),
        "dim_metadata": dimensions,
    }


def op_details(graph: Graph, index: int) -> dict[str, Any]:
    """index, op_name, inputs and outputs as tensor indices (-1 where omitted), and their types."""
    op = graph.operators[index]
    numbers = {id(t): i for i, t in enumerate(graph.tensors)}
    return {
        "index": index,
        "op_name": op.op,
        "inputs": np.array([-1 if t is None else numbers[id(t)] for t in op.inputs], np.int32),
        "outputs": np.array([numbers[id(t)] for t in op.outputs], np.int32),
        "operand_types": _types(op.inputs),
        "result_types": _types(op.outputs),
    }


def _types(tensors: "Sequence[Tensor | None]") -> list[type]:
    return [visible_type(t.dtype) for t in tensors if t is not None]
