"""Lookups by key and by hash: EMBEDDING_LOOKUP, EMBEDDING_LOOKUP_SPARSE, HASHTABLE_LOOKUP and LSH_PROJECTION."""

from math import inf, prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import INT2, INT4, STRING
from tachylite.model.graph import Blockwise, Operator

from . import gather_gradient
from .arguments import check_positions, new_shape
from .arithmetic import MUL
from .broadcast import emit_binary
from .cast import convert
from .copy import GATHER, lower_rows, moved, position_params
from .farmhash import fingerprint64
from .registry import OpDef, Spec, output_dtype, register
from .scales import check_weight_scales

_FLOAT32 = np.dtype(np.float32)
_HYBRID = (np.int8, np.uint8, INT4, INT2)


def _require(op: Operator, name: str, spec: Spec, dtype: type, rank: int) -> None:
    if spec.dtype != dtype or spec.rank != rank:
        raise op.error(f"{name} is {spec.dtype}{list(spec.shape)}, it must be {np.dtype(dtype)} of rank {rank}; CAST or RESHAPE it")


# EMBEDDING_LOOKUP


def infer_embedding_lookup(op: Operator, indices: Spec, table: Spec) -> Spec:
    """[n] and [rows, ...] to [n, ...]; a quantized table with a float output is dequantized."""
    _require(op, "the index tensor", indices, np.int32, 1)
    if table.rank < 2:
        raise op.error(f"the table has shape {list(table.shape)}, it needs rows and columns; RESHAPE it")
    result = output_dtype(op, table.dtype)
    if _is_hybrid(table.dtype, result):
        check_weight_scales(op, table)
        if op.inputs[1].quantization.zero_point.any():
            raise op.error(f"the table's zero point is {op.inputs[1].zero_point}, it must be 0; requantize it symmetrically")
    elif result != table.dtype:
        raise op.error(f"the table is {table.dtype}, the output {result}; only int8, uint8, int4 and int2 tables give another type, float")
    return Spec((indices.shape[0], *table.shape[1:]), result)


def _is_hybrid(table: np.dtype, result: np.dtype) -> bool:
    return table in _HYBRID and result in (np.float32, np.float16)


def embedding_lookup(op: Operator, indices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Rows of the table. indices: int32 [n]; table: [rows, ...], any type; result: [n, ...]."""
    check_positions(op, indices, len(table))
    rows = table[indices]
    result = output_dtype(op, table.dtype)
    return _dequantize_rows(op, indices, rows).astype(result) if _is_hybrid(table.dtype, result) else rows


def _dequantize_rows(op: Operator, indices: np.ndarray, rows: np.ndarray) -> np.ndarray:
    quantization = op.inputs[1].quantization
    # The kernel reads uint8 tables as int8.
    values = (rows.view(np.int8) if rows.dtype == np.uint8 else rows).astype(np.float32)
    if isinstance(quantization.details, Blockwise):
        blocks = values.reshape(len(rows), -1, quantization.details.size)
        scales = quantization.details.scales.data.reshape(-1, blocks.shape[1])[indices]
        return (blocks * scales[:, :, None].astype(np.float32)).reshape(rows.shape)
    scale = quantization.scale[indices] if len(quantization.scale) > 1 else quantization.scale
    return values * scale.reshape(-1, *[1] * (rows.ndim - 1))


def lower_embedding_lookup(low: Any, op: Operator) -> None:
    """Rows are gathered as they are, and then dequantized where the output is float."""
    indices, table, result = (low.spec(t) for t in (*op.inputs, op.outputs[0]))
    if not _is_hybrid(table.dtype, result.dtype):
        lower_rows(low, op, table.shape[:1], indices, table.shape[1:], 1, indices.shape, source=1)
        return
    # The kernel reads uint8 tables as int8.
    stored = np.dtype(np.int8) if table.dtype == np.uint8 else table.dtype
    rows = _gathered(low, op, indices, low.value(op.inputs[1]), Spec(table.shape, stored))
    steps = convert(low, op, rows, stored, _FLOAT32, result.shape)
    scales, shape = _row_scales(op, table)
    factors = low.temporary(Spec(scales.shape, scales.dtype, scales))
    if len(scales) > 1:
        factors = _gathered(low, op, indices, factors, Spec(scales.shape, scales.dtype))
    is_float = result.dtype == _FLOAT32
    reals = low.define(op.outputs[0]) if is_float else low.temporary(Spec(result.shape, _FLOAT32))
    many = indices.shape[0] if len(scales) > 1 else 1
    operands = (steps, (indices.shape[0], *shape)), (factors, (many, scales.shape[1], 1))
    emit_binary(low, MUL, "f32", op, *operands, reals, least=-inf, greatest=inf)
    if not is_float:
        convert(low, op, reals, _FLOAT32, result.dtype, result.shape, low.define(op.outputs[0]))


def _gathered(low: Any, op: Operator, indices: Spec, source: int, table: Spec) -> int:
    """Emit the choice of rows. Returns the value that holds them."""
    target: int = low.temporary(Spec((indices.shape[0], *table.shape[1:]), table.dtype))
    places = {"source": 1, "positions": 0, "target": 2}
    run = prod(table.shape[1:])
    params = position_params(table.shape[:1], table.dtype.itemsize, run, indices, count=indices.shape[0], outer=1, outer_stride=0, **places)
    inputs = [low.value(op.inputs[0]), source]
    low.call(GATHER, "any", op, params, work=indices.shape[0], inputs=inputs, outputs=[target], grain=moved(params.run))
    return target


def _row_scales(op: Operator, table: Spec) -> tuple[np.ndarray, tuple[int, int]]:
    """float32 [rows, blocks], or [1, 1] where all rows have one scale; blocks of a row, and their size."""
    quantization, columns = op.inputs[1].quantization, prod(table.shape[1:])
    if not isinstance(quantization.details, Blockwise):
        return quantization.scale.reshape(-1, 1), (1, columns)
    size = quantization.details.size
    return quantization.details.scales.data.reshape(-1, columns // size).astype(np.float32), (columns // size, size)


def _embedding_lookup_version(op: Operator) -> int:
    table = op.inputs[1]
    if table.dtype == INT4 or (table.quantization is not None and table.quantization.is_per_channel):
        return 4
    return 5 if table.dtype == INT2 else 1


register(
    OpDef(
        "EMBEDDING_LOOKUP",
        infer=infer_embedding_lookup,
        reference=embedding_lookup,
        variants=("f32", "f16", "bf16", "s8", "u8", "s4", "s2", "i32", "i64", "bool"),
        version=_embedding_lookup_version,
        lower=lower_embedding_lookup,
        gradient=gather_gradient.embedding_lookup,
    )
)


# EMBEDDING_LOOKUP_SPARSE


def infer_embedding_lookup_sparse(op: Operator, ids: Spec, positions: Spec, shape: Spec, weights: Spec, table: Spec) -> Spec | None:
    """The dense shape without its last dimension, then the table's without its first."""
    _require(op, "the id tensor", ids, np.int32, 1)
    _require(op, "the position tensor", positions, np.int32, 2)
    _require(op, "the dense shape", shape, np.int32, 1)
    _require(op, "the weight tensor", weights, np.float32, 1)
    if table.rank < 2 or table.dtype != np.float32:
        raise op.error(f"the table is {table.dtype}{list(table.shape)}, it must be float32 with rows and columns")
    if not ids.shape[0] == positions.shape[0] == weights.shape[0]:
        found = f"{ids.shape[0]} ids, {positions.shape[0]} positions and {weights.shape[0]} weights"
        raise op.error(f"there are {found}; each id needs one of both")
    if positions.shape[1] != shape.shape[0] or not shape.shape[0]:
        raise op.error(
            f"positions have {positions.shape[1]} coordinates, the dense shape has {shape.shape[0]}; there must be as many, at least one"
        )
    return None if shape.value is None else Spec(new_shape(op, (*shape.value[:-1], *table.shape[1:])), table.dtype)


def embedding_lookup_sparse(
    op: Operator, ids: np.ndarray, positions: np.ndarray, shape: np.ndarray, weights: np.ndarray, table: np.ndarray
) -> np.ndarray:
    """Weighted rows of the table, combined over the last dimension of a sparse tensor of ids.

    ids, weights: int32 and float32 [n]; positions: int32 [n, rank], sorted; shape: int32 [rank]; table: float32 [rows, ...].
    """
    combined = new_shape(op, (*shape[:-1], *table.shape[1:]))
    buckets = combined[: len(shape) - 1]
    check_positions(op, ids, len(table))
    check_positions(op, positions[:, :-1], shape[:-1])
    bucket = np.ravel_multi_index(tuple(positions[:, :-1].T), buckets) if buckets else np.zeros(len(ids), np.intp)
    result = np.zeros((prod(buckets), *table.shape[1:]), np.float32)
    np.add.at(result, bucket, table[ids] * weights.reshape(-1, *[1] * (table.ndim - 1)))
    return _normalize_buckets(op, result, bucket, weights).reshape(combined)


def _normalize_buckets(op: Operator, sums: np.ndarray, bucket: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Divide each bucket's sum by what the combiner says; a bucket without ids stays 0."""
    if op.options.combiner == "SUM":
        return sums
    mean = op.options.combiner == "MEAN"
    total = np.zeros(len(sums), np.float32)
    np.add.at(total, bucket, weights if mean else weights * weights)
    divisor = total if mean else np.sqrt(total)
    filled = np.isin(np.arange(len(sums)), bucket)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / np.where(filled, divisor, np.float32(1)).reshape(-1, *[1] * (sums.ndim - 1))


register(
    OpDef(
        "EMBEDDING_LOOKUP_SPARSE",
        options="EmbeddingLookupSparseOptions",
        infer=infer_embedding_lookup_sparse,
        reference=embedding_lookup_sparse,
    )
)


# HASHTABLE_LOOKUP


def infer_hashtable_lookup(op: Operator, lookups: Spec, keys: Spec, values: Spec) -> list[Spec]:
    """[n], [rows] and [rows, ...] to the values [n, ...] and the hits, uint8 [n]."""
    _require(op, "the lookup tensor", lookups, np.int32, 1)
    _require(op, "the key tensor", keys, np.int32, 1)
    if values.rank < 1 or values.shape[0] != keys.shape[0]:
        raise op.error(f"there are {keys.shape[0]} keys and values of shape {list(values.shape)}; each key needs one row of values")
    if not keys.shape[0]:
        raise op.error("the table is empty; it needs at least one key")
    if values.dtype == STRING and values.rank != 1:
        raise op.error(f"the strings have shape {list(values.shape)}; string values must have rank 1")
    return [Spec((lookups.shape[0], *values.shape[1:]), values.dtype), Spec(lookups.shape, np.dtype(np.uint8))]


def hashtable_lookup(op: Operator, lookups: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values by key and whether there were any; what is missing is 0 or empty. lookups: int32 [n]; keys: int32 [rows], ascending."""
    position = np.minimum(np.searchsorted(keys, lookups), len(keys) - 1)
    hits = keys[position] == lookups
    found = values[position]
    found[~hits] = b"" if values.dtype == STRING else np.zeros((), values.dtype)
    return found, hits.astype(np.uint8)


register(
    OpDef(
        "HASHTABLE_LOOKUP",
        infer=infer_hashtable_lookup,
        reference=hashtable_lookup,
        variants=("f32", "f16", "s8", "u8", "s16", "i32", "i64", "bool", "str"),
    )
)


# LSH_PROJECTION


def infer_lsh_projection(op: Operator, seeds: Spec, x: Spec, weights: Spec | None = None) -> Spec:
    """int32 [hashes] of packed bits for SPARSE, [hashes * bits] of single bits for DENSE."""
    _require(op, "the hash tensor", seeds, np.float32, 2)
    if seeds.shape[1] > 32:
        raise op.error(f"each hash has {seeds.shape[1]} bits, 32 at most fit")
    if x.rank < 1 or not x.shape[0] or x.dtype == STRING:
        raise op.error(f"the input is {x.dtype}{list(x.shape)}; it needs at least one item of a type with a fixed size")
    if weights is not None:
        _require(op, "the weight tensor", weights, np.float32, 1)
        if weights.shape[0] != x.shape[0]:
            raise op.error(f"there are {x.shape[0]} items and {weights.shape[0]} weights; each item needs one")
    if op.options.type not in ("SPARSE", "DENSE"):
        raise op.error(f"the projection type is {op.options.type}; it must be SPARSE or DENSE")
    return Spec((seeds.shape[0],) if op.options.type == "SPARSE" else (prod(seeds.shape),), np.dtype(np.int32))


def lsh_projection(op: Operator, seeds: np.ndarray, x: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Locality-sensitive hashing: one bit per seed, the sign of the weighted sum of the items' hashes.

    seeds: float32 [hashes, bits]; x: [n, ...], any type; weights: float32 [n] or None, which means 1.
    """
    items = np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8)
    keys = np.empty((*seeds.shape, len(x), 4 + items.shape[1]), np.uint8)
    keys[..., :4] = np.ascontiguousarray(seeds).view(np.uint8).reshape(*seeds.shape, 1, 4)
    keys[..., 4:] = items
    scores = fingerprint64(keys).view(np.int64).astype(np.float64)
    if weights is not None:
        scores *= weights.astype(np.float64)
    # One after the other: a sum in another order could round to another sign.
    bits = (np.add.accumulate(scores, axis=-1)[..., -1] > 0).astype(np.int64)
    if op.options.type == "DENSE":
        return bits.reshape(-1).astype(np.int32)
    hashes, width = seeds.shape
    packed = bits @ (1 << np.arange(width, dtype=np.int64)[::-1])
    # Each hash has a range of its own, so that equal bits of different hashes do not collide.
    return (packed + (np.arange(hashes, dtype=np.int64) << width)).astype(np.int32)


register(
    OpDef(
        "LSH_PROJECTION",
        options="LSHProjectionOptions",
        infer=infer_lsh_projection,
        reference=lsh_projection,
        variants=("f32", "f16", "s8", "u8", "s16", "i32", "i64", "bool"),
    )
)
