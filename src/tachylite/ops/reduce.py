"""Reductions: the sum, mean, product or extreme of a tensor's elements along some of its axes."""

from collections.abc import Callable
from ctypes import c_float, c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from . import reduce_gradient
from .arguments import SUFFIXES, check_type, same_quantization, version_by_type
from .channels import unless_named
from .fixedpoint import Multiplier, rescale, rescale_int64, round_half_away, saturate
from .integer import OWN, SHARED
from .kernel import Params, kernel
from .permute import Axes, Permuted, reduction
from .registry import OpDef, Spec, normalize_axis, register
from .scales import check_scales

_STORED = tuple(np.dtype(t) for t in (np.int8, np.uint8, np.int16))
"""Dtypes whose quantization a reduction heeds; wider integers are always themselves."""


def _is_stored(op: Operator) -> bool:
    return op.inputs[0].dtype in _STORED and op.inputs[0].is_quantized


def _axes(op: Operator, axis: np.ndarray, rank: int) -> tuple[int, ...]:
    """The reduced axes, each once, in order. A scalar has none, whatever `axis` says."""
    return tuple(sorted({normalize_axis(op, int(a), rank) for a in axis.ravel()})) if rank else ()


def _infer(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    check_type(op, x)
    if axis.dtype != np.int32:
        raise op.error(f"the axes are {axis.dtype}, they must be int32; insert a CAST")
    if x.dtype == np.int16 and any(t.zero_point for t in (op.inputs[0], *op.outputs)):
        raise op.error("int16 is quantized symmetrically, the zero points of the input and the output must be 0; quantize again")
    if axis.value is None:
        return None
    axes = set(_axes(op, axis.value, x.rank))
    if op.options.keep_dims:
        return Spec(tuple(1 if i in axes else d for i, d in enumerate(x.shape)), x.dtype)
    return Spec(tuple(d for i, d in enumerate(x.shape) if i not in axes), x.dtype)


def _infer_arithmetic(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    if _is_stored(op):
        check_scales(op, op.inputs[0], *op.outputs)
    return _infer(op, x, axis)


def _infer_extreme(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    if _is_stored(op):
        same_quantization(op, 0)
    return _infer(op, x, axis)


def _infer_prod(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    if _is_stored(op) and x.dtype == np.uint8:
        raise op.error("the input is quantized uint8, it must be int8 or int16; insert a QUANTIZE before it")
    return _infer_arithmetic(op, x, axis)


def _total(op: Operator, x: np.ndarray, axes: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.add.reduce(x, axis=axes, dtype=dtype, keepdims=op.options.keep_dims)


def _count(x: np.ndarray, axes: tuple[int, ...]) -> int:
    """How many elements each result is made of."""
    return prod(x.shape[a] for a in axes)


def sum_(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """x: any shape, float32 or integer, which wraps around; axis: int32. float32 is accumulated in float64."""
    axes = _axes(op, axis, x.ndim)
    if _is_stored(op):
        return _sum_stored(op, x, axes)
    return _total(op, x, axes, np.float64 if x.dtype == np.float32 else x.dtype).astype(x.dtype)


def _sum_stored(op: Operator, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """In float32, as TensorFlow Lite's optimized kernel: its reference kernel takes int8 and int16 for uint8."""
    result = op.outputs[0]
    ratio, bias = _sum_scaling(op, _count(x, axes))
    steps = round_half_away(_total(op, x, axes, np.int32).astype(np.float32) * ratio + bias)
    return saturate(steps.astype(np.int64) + result.zero_point, x.dtype)


def _sum_scaling(op: Operator, count: int) -> tuple[np.float32, np.float32]:
    """How many output steps one input step is worth, and what the zero points of all inputs come to."""
    source = op.inputs[0]
    ratio = source.scale / op.outputs[0].scale
    return ratio, np.float32(-source.zero_point) * ratio * np.float32(count)


def mean(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """x: any shape, float32 or integer; axis: int32. Integers are divided toward zero; the mean of nothing is NaN, or 0."""
    axes = _axes(op, axis, x.ndim)
    if x.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            return (_total(op, x, axes, np.float64) / _count(x, axes)).astype(x.dtype)
    if not x.size:
        return _total(op, x, axes, x.dtype)
    if _is_stored(op):
        return _mean_stored(op, x, axes)
    total = _total(op, x, axes, np.int64)
    quotient, remainder = np.divmod(total, np.int64(_count(x, axes)))
    return (quotient + ((total < 0) & (remainder != 0))).astype(x.dtype)


def _mean_stored(op: Operator, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    source, result, count = op.inputs[0], op.outputs[0], _count(x, axes)
    centred = _total(op, x, axes, np.int64) - source.zero_point * count
    return saturate(rescale(centred, _mean_multiplier(op, count)) + result.zero_point, x.dtype)


def _mean_multiplier(op: Operator, count: int) -> Multiplier:
    """The division by the count is part of the multiplier, whose mantissa is shifted left first to keep its bits."""
    mantissa, shift = Multiplier.of(float(op.inputs[0].scale) / float(op.outputs[0].scale))
    room = min(count.bit_length() - 1, 32, 31 + shift)
    return Multiplier((mantissa << room) // count, shift - room)


def product(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """x: any shape, float32 or integer, which wraps around; axis: int32. float32 is accumulated in float64."""
    axes = _axes(op, axis, x.ndim)
    if _is_stored(op):
        return _product_stored(op, x, axes)
    dtype = np.float64 if x.dtype == np.float32 else x.dtype
    with np.errstate(over="ignore"):
        return np.multiply.reduce(x, axis=axes, dtype=dtype, keepdims=op.options.keep_dims).astype(x.dtype)


def _product_stored(op: Operator, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Factors are multiplied one by one, each time by the n-th part of the whole scaling, so that the accumulator stays small."""
    source, result, count = op.inputs[0], op.outputs[0], _count(x, axes)
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = _total(op, x, axes, x.dtype).shape
    if not count:
        return np.full(shape, saturate(round_half_away(1 / result.scale) + result.zero_point, x.dtype))
    multiplier = _product_multiplier(op, count)
    factors = x.transpose(*axes, *kept).reshape(count, -1).astype(np.int64) - source.zero_point
    steps = factors[0]
    for factor in factors[1:]:
        # Where the product is too large all the same, it wraps in 32 bits.
        steps = rescale_int64(steps * factor, multiplier).astype(np.int32).astype(np.int64)
    steps = rescale_int64(steps, multiplier)
    return saturate(steps + result.zero_point, x.dtype).reshape(shape)


def _product_multiplier(op: Operator, count: int) -> Multiplier:
    return Multiplier.of(float(op.inputs[0].scale) / float(op.outputs[0].scale) ** (1 / count))


def _extreme(pick: np.ufunc, worst: Callable[[Any], Any]) -> Callable[..., np.ndarray]:
    def reference(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """x: any shape, float32 or integer; axis: int32. NaN loses against every number."""
        # A start value would beat infinities, so it is only for what has no elements.
        start = {} if x.size else {"initial": worst(np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype))}
        return pick.reduce(x, axis=_axes(op, axis, x.ndim), keepdims=op.options.keep_dims, **start)

    return reference


def _logical(combine: np.ufunc) -> Callable[..., np.ndarray]:
    def reference(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """x: bool of any shape; axis: int32."""
        return combine.reduce(x, axis=_axes(op, axis, x.ndim), keepdims=op.options.keep_dims)

    return reference


class ReduceParams(Params):
    """The axes that are kept, those that are reduced, the elements in a row that are kept, and how results are scaled."""

    _fields_ = (
        ("kept_size", c_int32 * 4),
        ("kept_stride", c_int32 * 4),
        ("reduced_size", c_int32 * 4),
        ("reduced_stride", c_int32 * 4),
        ("inner", c_int32),
        ("blocks", c_int32),
        ("count", c_int64),
        ("offset", c_int32),
        ("mantissa", c_int32),
        ("shift", c_int32),
        ("zero_point", c_int32),
        ("ratio", c_float),
        ("bias", c_float),
    )


_NUMERIC = ("f32", "i32", "i64", "s8", "u8", "s16")
_KERNELS = {
    "SUM": kernel("reduce_sum", ReduceParams, *_NUMERIC),
    "MEAN": kernel("reduce_mean", ReduceParams, *_NUMERIC),
    "REDUCE_PROD": kernel("reduce_prod", ReduceParams, "f32", "i32", "i64", "s8", "s16"),
    "REDUCE_MAX": kernel("reduce_max", ReduceParams, *_NUMERIC),
    "REDUCE_MIN": kernel("reduce_min", ReduceParams, *_NUMERIC),
    "REDUCE_ANY": kernel("reduce_any", ReduceParams, "bool"),
    "REDUCE_ALL": kernel("reduce_all", ReduceParams, "bool"),
}
_BLOCK = 128
"""Kept elements in a row that the kernels reduce at once."""


def _runs(shape: Shape, axes: tuple[int, ...]) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
    """Kept and reduced axes as (size, stride), neighbours of one kind merged into one, and how many elements in a row are kept."""
    runs: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        if runs and runs[-1][0] == (axis in axes):
            runs[-1] = (runs[-1][0], runs[-1][1] * size)
        elif size > 1:
            runs.append((axis in axes, size))
    inner = runs.pop()[1] if runs and not runs[-1][0] else 1
    strides = [inner * prod(size for _, size in runs[i + 1 :]) for i in range(len(runs))]
    kept, reduced = (
        [(size, stride) for (is_reduced, size), stride in zip(runs, strides, strict=True) if is_reduced == kind] for kind in (False, True)
    )
    return kept, reduced, inner


def lower_reduction(low: Any, op: Operator) -> None:
    """One call; a work item is one block of kept elements in a row."""
    x, axes = low.spec(op.inputs[0]), _axes(op, low.spec(op.inputs[1]).value, low.spec(op.inputs[0]).rank)
    kept, reduced, inner = _runs(x.shape, axes)
    count, kernel_, sums = prod(size for size, _ in reduced), _KERNELS[op.op], op.op in ("SUM", "MEAN")
    scales = sums or op.op == "REDUCE_PROD"
    # What has no elements has start values of its own; plain narrow integers wrap around; the kernels sum stored ones in 32 bits.
    unusual = 0 in x.shape or max(len(kept), len(reduced)) > 4 or SUFFIXES[x.dtype] not in kernel_.variants
    is_long = sums and count * 2 ** (8 * x.dtype.itemsize) > 2**31
    if unusual or (scales and x.dtype in _STORED and (not _is_stored(op) or is_long)):
        low.host(op)
        return
    params = ReduceParams(inner=inner, blocks=-(-inner // _BLOCK), count=count)
    for name, part in (("kept", kept), ("reduced", reduced)):
        sizes, strides = zip(*[(1, 1)] * (4 - len(part)), *part, strict=True) if len(part) < 4 else zip(*part, strict=True)
        setattr(params, f"{name}_size", sizes)
        setattr(params, f"{name}_stride", strides)
    if op.op == "REDUCE_PROD" and _is_stored(op):
        params.zero_point, params.offset = op.outputs[0].zero_point, op.inputs[0].zero_point
        params.mantissa, params.shift = _product_multiplier(op, count)
    elif scales and _is_stored(op):
        params.zero_point, params.offset = op.outputs[0].zero_point, op.inputs[0].zero_point * count
        params.mantissa, params.shift = _mean_multiplier(op, count)
        params.ratio, params.bias = _sum_scaling(op, count)
    work = prod(size for size, _ in kept) * params.blocks
    inputs, outputs = [low.value(op.inputs[0])], [low.define(op.outputs[0])]
    low.call(kernel_, SUFFIXES[x.dtype], op, params, work=work, inputs=inputs, outputs=outputs, grain=1 + 2**17 * work // prod(x.shape))


def _register(name: str, infer: Any, reference: Any, version: Any, variants: tuple[str, ...], **fields: Any) -> None:
    fields = {"permute": reduction, "channels": unless_named(1), **fields}
    register(OpDef(name, infer, reference, "ReducerOptions", variants, version=version, lower=lower_reduction, **fields))


def _permute_product(op: Operator, axes: Axes) -> Permuted | None:
    """Products of stored integers round, and depend on the order of the factors."""
    return None if _is_stored(op) else reduction(op, axes)


_register("MEAN", _infer_arithmetic, mean, version_by_type(s8=2, s16=3), _NUMERIC, integer=OWN, gradient=reduce_gradient.mean)
# LiteRT's reference kernel for quantized numbers is wrong, so that sums stay real.
_register("SUM", _infer_arithmetic, sum_, version_by_type(s8=2), _NUMERIC, gradient=reduce_gradient.total)
_register(
    "REDUCE_PROD",
    _infer_prod,
    product,
    version_by_type(s8=2, s16=2),
    _NUMERIC,
    permute=_permute_product,
    integer=OWN,
    gradient=reduce_gradient.product,
)
_EXTREME = {"integer": SHARED, "gradient": reduce_gradient.extreme}
_register("REDUCE_MAX", _infer_extreme, _extreme(np.fmax, lambda info: info.min), version_by_type(s8=2, s16=3), _NUMERIC, **_EXTREME)
_register("REDUCE_MIN", _infer_extreme, _extreme(np.fmin, lambda info: info.max), version_by_type(s8=2, s16=3), _NUMERIC, **_EXTREME)
_register("REDUCE_ANY", _infer, _logical(np.logical_or), version_by_type(), ("bool",))
_register("REDUCE_ALL", _infer, _logical(np.logical_and), version_by_type(), ("bool",))
