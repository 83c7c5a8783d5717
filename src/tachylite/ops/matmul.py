"""Products of matrices: FULLY_CONNECTED and BATCH_MATMUL."""

from collections.abc import Callable
from math import inf, prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import INT2, INT4, TYPE_NAMES
from tachylite.model.graph import Blockwise, Operator, Shape, Tensor

from . import conv_float, conv_hybrid, conv_integer, matmul_gradient, small
from .arguments import new_shape
from .channels import Channels, product
from .copy import canvas, strided_copy
from .derivatives import fused
from .exact import multiply_exactly
from .fixedpoint import Multiplier, multipliers, rescale, rescale_int64, round_half_away, saturate
from .fused import activate, activate_steps, check_activation
from .hybrid import hybrid_product, quantize_asymmetric
from .integer import layer
from .panels import PANEL, panels
from .registry import OpDef, Spec, broadcast_shapes, output_dtype, register
from .requantize import Scaling, once_away, once_up, plain, twice
from .scales import centred, check_scales, check_weight_scales

_NARROW = (np.dtype(np.int8), INT4, INT2)

#: Input and output type to the types of the weights, where all are integers.
_INTEGER_WEIGHTS: dict[tuple[type, type], tuple[np.dtype, ...]] = {
    (np.int8, np.int8): _NARROW,
    (np.uint8, np.uint8): (np.dtype(np.uint8),),
    (np.uint8, np.int16): (np.dtype(np.uint8),),
    (np.int16, np.int16): (*_NARROW, np.dtype(np.int16)),
}
#: Types of the weights of a float input.
_FLOAT_WEIGHTS = (np.dtype(np.float32), np.dtype(np.float16))
_HYBRID_WEIGHTS = (*_NARROW, np.dtype(np.uint8))


# FULLY_CONNECTED


def infer_fully_connected(op: Operator, x: Spec, weights: Spec, bias: Spec | None = None) -> Spec | list[Spec]:
    """[..., k] times [m, k] to [n, m], or to [..., m] where dimensions are kept; the SHUFFLED format has its workspace as second output."""
    if weights.rank != 2:
        raise op.error(f"the weights have shape {list(weights.shape)}, they need two dimensions, outputs and inputs; RESHAPE them")
    result = Spec(_product_shape(op, x.shape, weights.shape), output_dtype(op, x.dtype))
    if bias is not None and prod(bias.shape) != weights.shape[0]:
        raise op.error(f"the bias has shape {list(bias.shape)}, the weights have {weights.shape[0]} outputs; it needs one element for each")
    _check_types(op, x.dtype, weights, result.dtype, bias)
    check_activation(op, result.dtype)
    if not _is_shuffled(op):
        return result
    outputs, inputs = weights.shape
    if outputs % 4 or inputs % 16:
        raise op.error(f"the weights have shape {list(weights.shape)}; in SHUFFLED4x16INT8 it must divide by 4 and 16")
    return [result, Spec(x.shape, np.dtype(np.uint8))]


def _is_shuffled(op: Operator) -> bool:
    return bool(op.options.weights_format == "SHUFFLED4x16INT8")


def _product_shape(op: Operator, x: Shape, weights: Shape) -> Shape:
    outputs, inputs = weights
    if not x or (op.options.keep_num_dims and x[-1] != inputs) or (prod(x) % inputs if inputs else prod(x)):
        raise op.error(f"the input has shape {list(x)}, the weights take rows of {inputs}; give weights that fit, or RESHAPE the input")
    if op.options.keep_num_dims:
        return (*x[:-1], outputs)
    return new_shape(op, (prod(x) // inputs if inputs else prod(x[:-1]), outputs))


def _check_types(op: Operator, x: np.dtype, weights: Spec, result: np.dtype, bias: Spec | None) -> None:
    is_float = x == result == np.float32
    allowed = _FLOAT_WEIGHTS + _HYBRID_WEIGHTS if is_float else _INTEGER_WEIGHTS.get((x.type, result.type), ())
    if weights.dtype not in allowed or (_is_shuffled(op) and not (x == np.uint8 and result == np.int16)):
        layout = " in SHUFFLED4x16INT8" if _is_shuffled(op) else ""
        raise op.error(f"multiplies no {x} with {weights.dtype}{layout} to {result}; insert a CAST or QUANTIZE")
    biases = (np.float32,) if is_float else (np.int32, np.int64)
    if bias is not None and bias.dtype not in biases:
        raise op.error(f"the bias is {bias.dtype}, it must be {' or '.join(np.dtype(b).name for b in biases)}; insert a CAST")
    if not is_float:
        check_scales(op, op.inputs[0], op.inputs[1], *op.outputs[:1])
        if not len(op.inputs[1].quantization.scale):
            raise op.error("has weights with a scale for each block; that is defined for a float input alone")
    if weights.dtype not in _FLOAT_WEIGHTS:
        check_weight_scales(op, weights)


def fully_connected(
    op: Operator, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray | tuple[np.ndarray, ...]:
    """x @ weights.T + bias. x: [..., k]; weights: [m, k]; bias: [m] or None; result: [..., m]."""
    shape = _product_shape(op, x.shape, weights.shape)
    result = output_dtype(op, x.dtype)
    if not weights.shape[1]:
        return np.zeros(shape, result)
    rows = x.reshape(-1, weights.shape[1])
    if _is_shuffled(op):
        return _fully_connected_shuffled(op, rows, weights, bias, shape), _shuffled_input(rows).reshape(x.shape)
    if x.dtype.kind != "f":
        return _fully_connected_integer(op, rows, weights, bias).reshape(shape)
    product = rows @ weights.astype(x.dtype).T if weights.dtype.kind == "f" else _multiply_hybrid(op, rows, weights)
    return activate(op, product if bias is None else product + bias.reshape(-1)).reshape(shape)


def fully_connected_rows(op: Operator, x: np.ndarray, most: int) -> np.ndarray:
    """What the weights meet: about `most` rows of x, in one group."""
    rows = x.reshape(1, -1, op.inputs[1].shape[1])
    return rows[:, :: max(1, rows.shape[1] // most)]


def _multiply_hybrid(op: Operator, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float32 rows, quantized one by one, times integer weights; float32."""
    quantization = op.inputs[1].quantization
    if isinstance(quantization.details, Blockwise):
        return _multiply_blockwise(rows, weights, quantization.details)
    # The kernel reads uint8 weights as int8.
    steps = weights.view(np.int8) if weights.dtype == np.uint8 else weights
    return hybrid_product(steps, quantization.scale, op.options.asymmetric_quantize_inputs)(rows)


def _multiply_blockwise(rows: np.ndarray, weights: np.ndarray, blocks: Blockwise) -> np.ndarray:
    """float32 rows [n, k], quantized asymmetrically, times int4 weights [m, k] of which each block of `size` has its scale; float32."""
    x, scale, zero_point = quantize_asymmetric(rows)
    offsets = (x.astype(np.float32) - zero_point[:, None].astype(np.float32)).reshape(len(rows), -1, blocks.size)
    steps = weights.astype(np.float32).reshape(len(weights), -1, blocks.size)
    totals = offsets.transpose(1, 0, 2) @ steps.transpose(1, 2, 0)
    scales = blocks.scales.data.astype(np.float32).reshape(len(weights), -1)
    return (totals * scales.T[:, None, :]).sum(axis=0) * scale[:, None]


def _real_multipliers(op: Operator) -> np.ndarray:
    """What one step of the accumulator is worth in output steps, for each output channel or for all; float64."""
    return np.float64(op.inputs[0].scale) * op.inputs[1].quantization.scale.astype(np.float64) / np.float64(op.outputs[0].scale)


def _fully_connected_integer(op: Operator, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    source, kernel = op.inputs[0], op.inputs[1]
    # Weights with a scale per output are symmetric by definition.
    zero_point = 0 if kernel.quantization.is_per_channel else kernel.zero_point
    total = multiply_exactly(rows, source.zero_point, weights, zero_point)
    if bias is not None:
        total = total + bias.reshape(-1)
    return activate_steps(op, _requantize(op, total))


def _requantize(op: Operator, total: np.ndarray) -> np.ndarray:
    """int64 accumulators [n, m] to output steps. The rounding depends on the weights."""
    weights = op.inputs[1]
    if weights.dtype == np.int16:
        return rescale_int64(total, _multiplier(op))
    if weights.dtype == np.int8 and weights.sparsity is not None:
        return rescale(total, _multiplier(op))
    return round_half_away(total * _real_multipliers(op))


def _multiplier(op: Operator) -> Multiplier | tuple[np.ndarray, np.ndarray]:
    """Accumulator steps to output steps in fixed point. A single scale meets the input's in float32, those of channels in float64."""
    if op.inputs[1].quantization.is_per_channel:
        return multipliers(_real_multipliers(op))
    return Multiplier.of(float(op.inputs[0].scale * op.inputs[1].scale) / float(op.outputs[0].scale))


def _fully_connected_shuffled(op: Operator, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, shape: Shape) -> np.ndarray:
    """uint8 with a zero point of 128 times weights stored by blocks of 4 outputs and 16 inputs, as int8; int16."""
    outputs, inputs = weights.shape
    blocks = weights.reshape(outputs // 4, inputs // 16, 4, 16).transpose(0, 2, 1, 3)
    total = multiply_exactly(rows, 128, blocks.reshape(outputs, inputs).view(np.int8), 0)
    if bias is not None:
        total = total + bias.reshape(-1)
    return activate_steps(op, rescale(total, _multiplier(op))).reshape(shape)


def _shuffled_input(rows: np.ndarray) -> np.ndarray:
    """What the kernel leaves in its workspace: the input as int8, by blocks of 16 columns."""
    return (rows ^ 0x80).reshape(len(rows), -1, 16).transpose(1, 0, 2)


def lower_fully_connected(low: Any, op: Operator) -> None:
    """All but the SHUFFLED format."""
    x, weights = (low.spec(t) for t in op.inputs[:2])
    if not weights.shape[1] or _is_shuffled(op):
        low.host(op)
    elif x.dtype != np.float32:
        _lower_integer(low, op)
    elif weights.dtype in _HYBRID_WEIGHTS:
        _lower_hybrid(low, op)
    else:
        _lower_float(low, op)


def _lower_integer(low: Any, op: Operator) -> None:
    """The scaling is that of `_requantize`."""
    weights, outputs = op.inputs[1], low.spec(op.inputs[1]).shape[0]
    rule: Callable[..., Scaling]
    multipliers: Any
    if weights.dtype == np.int16:
        rule, multipliers = once_up, _arrays(_multiplier(op))
    elif weights.dtype == np.int8 and weights.sparsity is not None:
        rule, multipliers = twice, _arrays(_multiplier(op))
    else:
        rule, multipliers = once_away, _real_multipliers(op)
    zero_points = op.inputs[0].zero_point, 0 if weights.quantization.is_per_channel else weights.zero_point
    layer = conv_integer.Layer(op.inputs[0], weights, conv_integer.bias_of(op), 1, outputs, rule, multipliers, zero_points)
    if not small.matrix(low, op, layer):
        conv_integer.lower_matrix(low, op, layer)


def _arrays(multiplier: Multiplier | tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    mantissas, shifts = (np.atleast_1d(np.asarray(part, np.int64)) for part in multiplier)
    return mantissas, shifts


def _lower_hybrid(low: Any, op: Operator) -> None:
    """Products of rows that are quantized on the fly."""
    outputs, depth = low.spec(op.inputs[1]).shape
    quantization = op.inputs[1].quantization
    if isinstance(blocks := quantization.details, Blockwise):
        scales = blocks.scales.data.astype(np.float32).reshape(outputs, -1)
        conv_hybrid.lower_matrix(low, op, np.ascontiguousarray(scales.T), blocks.size, asymmetric=True)
    else:
        conv_hybrid.lower_matrix(low, op, quantization.scale, depth, op.options.asymmetric_quantize_inputs)


def _lower_float(low: Any, op: Operator) -> None:
    """One call, after one that packs the weights where they are no constants."""
    x, weights = (low.spec(t) for t in op.inputs[:2])
    outputs, depth = weights.shape
    if not conv_float.can_lower(low, op, op.inputs[1]):
        low.host(op)
        return
    params = conv_float.product(prod(x.shape) // depth, depth, outputs, *conv_float.bounds(op))
    conv_float.convolve(low, op, params, (low.value(op.inputs[0]), op.inputs[1], conv_float.bias_of(low, op)), low.define(op.outputs[0]))


def _fully_connected_version(op: Operator) -> int:
    """The first rule that applies, in the order of TensorFlow Lite's own."""
    weights = op.inputs[1]
    source, kernel, result = (TYPE_NAMES[t.dtype] for t in (op.inputs[0], weights, op.outputs[0]))
    activations = source if source == result else ""
    hybrid = activations == "FLOAT32" and kernel == "INT8"
    rules = (
        (14, kernel == "INT2"),
        (13, activations == "INT16" and kernel == "INT4"),
        (12, hybrid and weights.quantization is not None and weights.quantization.is_per_channel),
        (11, activations == "INT16" and kernel == "INT8" and op.options.quantized_bias_type != "FLOAT32"),
        (8, weights.sparsity is not None),
        (7, activations == "INT16" and kernel == "INT16"),
        (6, len(op.inputs) == 2),
        (5, op.options.keep_num_dims),
        (4, activations == "INT8" and kernel == "INT8"),
        (10, activations == "INT8" and kernel == "INT4"),
        (9, hybrid and op.options.asymmetric_quantize_inputs),
        (3, hybrid),
        (2, _is_shuffled(op)),
    )
    return next((version for version, applies in rules if applies), 1)


def _fully_connected_channels(op: Operator) -> Channels | None:
    return None if _is_shuffled(op) else product(op)


register(
    OpDef(
        "FULLY_CONNECTED",
        options="FullyConnectedOptions",
        infer=infer_fully_connected,
        reference=fully_connected,
        variants=("f32", "f32w16", "f32w8", "f32w4", "f32w2", "u8", "s8", "s8w4", "s8w2", "s16", "s16w4", "s16w2", "s16w16"),
        version=_fully_connected_version,
        lower=lower_fully_connected,
        integer=layer(axis=0, rows=fully_connected_rows),
        gradient=fused(matmul_gradient.fully_connected),
        channels=_fully_connected_channels,
    )
)


# BATCH_MATMUL

#: Types of both operands to those of the product.
_PRODUCTS: dict[tuple[type, type], tuple[type, ...]] = {
    (np.float32, np.float32): (np.float32,),
    (np.float32, np.int8): (np.float32,),
    (np.int8, np.int8): (np.int8, np.int32),
    (np.int16, np.int16): (np.int16,),
    (np.int16, np.int8): (np.int16,),
}


def infer_batch_matmul(op: Operator, x: Spec, y: Spec) -> Spec:
    """[..., n, k] times [..., k, m] to [..., n, m]; leading dimensions broadcast, adj_x and adj_y swap the last two."""
    if x.rank < 2 or y.rank < 2:
        raise op.error(f"the operands have shapes {list(x.shape)} and {list(y.shape)}, both need two dimensions or more; RESHAPE them")
    result = output_dtype(op, x.dtype)
    if result not in _PRODUCTS.get((x.dtype.type, y.dtype.type), ()):
        raise op.error(f"multiplies no {x.dtype} with {y.dtype} to {result}; insert a CAST or QUANTIZE")
    rows, depth = x.shape[-1:-3:-1] if op.options.adj_x else x.shape[-2:]
    other_depth, columns = y.shape[-1:-3:-1] if op.options.adj_y else y.shape[-2:]
    if depth != other_depth:
        shapes = f"{list(x.shape)} and {list(y.shape)}"
        raise op.error(f"shapes {shapes} do not multiply, {depth} meets {other_depth}; both must be equal: check adj_x and adj_y")
    if result != np.int32:
        check_scales(op, *(t for t in [*op.inputs, *op.outputs[:1]] if t is not None and t.dtype != np.float32))
    _check_batch_quantization(op, x.dtype, y, columns)
    return Spec(new_shape(op, (*broadcast_shapes(op, x.shape[:-2], y.shape[:-2]), rows, columns)), result)


def _check_batch_quantization(op: Operator, x: np.dtype, y: Spec, columns: int) -> None:
    zero_points = [t.zero_point for t in [*op.inputs, *op.outputs] if t is not None]
    if x == np.int16 and any(zero_points):
        raise op.error(f"the zero points are {zero_points}, with int16 all must be 0; requantize symmetrically")
    quantization = op.inputs[1].quantization if op.inputs[1] is not None else None
    if quantization is not None and quantization.is_per_channel and (x != np.float32 or len(quantization.scale) != columns):
        found = f"{len(quantization.scale)} scales"
        raise op.error(f"the second operand has {found}; it needs one in all, or with a float input one for each of {columns} columns")


def batch_matmul(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y for every matrix of the leading dimensions. x: [..., n, k]; y: [..., k, m]; result: [..., n, m]."""
    x = x.swapaxes(-1, -2) if op.options.adj_x else x
    y = y.swapaxes(-1, -2) if op.options.adj_y else y
    if x.dtype.kind != "f":
        return _batch_matmul_integer(op, x, y)
    if y.dtype.kind == "f":
        return np.matmul(x, y)
    return hybrid_product(y.swapaxes(-1, -2), op.inputs[1].quantization.scale, op.options.asymmetric_quantize_inputs)(x)


def _batch_matmul_integer(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = output_dtype(op, x.dtype)
    if result == np.int32:  # Stored values as they are: this output stands for no scale.
        return np.matmul(x.astype(np.float64), y.astype(np.float64)).astype(np.int32)
    total = np.matmul(*(centred(v, t).astype(np.float64) for v, t in zip((x, y), op.inputs, strict=True))).astype(np.int64)
    scaled = (rescale_int64 if x.dtype == np.int16 else rescale)(total, _multiplier(op))
    return saturate(scaled + op.outputs[0].zero_point, result)


def lower_batch_matmul(low: Any, op: Operator) -> None:
    """float32, hybrid and integer."""
    x, y, result = (low.spec(t) for t in (*op.inputs, op.outputs[0]))
    if x.dtype != np.float32:
        _lower_integers(low, op, x, result)
    elif y.dtype == np.float32:
        _lower_floats(low, op, x, y, result)
    else:
        _lower_hybrids(low, op, x, y, result)


_MOST_MATRICES = 64
"""Calls that one operator may become."""


def _lower_hybrids(low: Any, op: Operator, x: Spec, y: Spec, result: Spec) -> None:
    """One call for each matrix of the second operand, or for all rows where they meet the same."""
    (rows, depth), left = x.shape[-1:-3:-1] if op.options.adj_x else x.shape[-2:], low.value(op.inputs[0])
    matrices = np.arange(prod(y.shape[:-2])).reshape(y.shape[:-2])
    meetings = [(rows, int(number)) for number in np.broadcast_to(matrices, result.shape[:-2]).flat]
    is_repeated = prod(x.shape[:-2]) != len(meetings)
    if matrices.size == 1:
        meetings = [(rows * len(meetings), 0)]
    if not depth or is_repeated or len(meetings) > _MOST_MATRICES or not conv_hybrid.is_supported(low, op, depth):
        low.host(op)
        return
    if op.options.adj_x:
        shape = (*x.shape[:-2], rows, depth)
        left, source = low.temporary(Spec(shape, x.dtype)), left
        strided_copy(low, op, source, canvas(x.shape).swapaxes(-1, -2), left, canvas(shape))
    conv_hybrid.lower_matrices(low, op, left, meetings)


def _lower_integers(low: Any, op: Operator, x: Spec, result: Spec) -> None:
    """The scaling is that of `_batch_matmul_integer`."""
    outputs = result.shape[-1]
    rule: Callable[..., Scaling] = plain if result.dtype == np.int32 else once_up if x.dtype == np.int16 else twice
    multipliers = None if rule is plain else _arrays(_multiplier(op))
    x_zero, y_zero = (0 if result.dtype == np.int32 else t.zero_point for t in op.inputs)
    layer = conv_integer.Layer(op.inputs[0], op.inputs[1], None, 1, outputs, rule, multipliers, (x_zero, y_zero))
    conv_integer.lower_matrices(low, op, layer)


def _lower_floats(low: Any, op: Operator, x: Spec, y: Spec, result: Spec) -> None:
    """One call, after those that lay operands out."""
    (rows, outputs), depth = result.shape[-2:], x.shape[-2 if op.options.adj_x else -1]
    counts = prod(x.shape[:-2]), prod(y.shape[:-2])
    left = low.value(op.inputs[0])
    if op.options.adj_x:
        steps = {"matrix_step": rows * depth, "output_step": 1, "depth_step": rows}
        left = conv_float.pack_at_run_time(
            low, op, left, conv_float.PackParams(count=counts[0], outputs=rows, taps=1, depth=depth, lanes=1, **steps)
        )
    packed = _packed_operand(low, op, op.inputs[1], counts[1], outputs, depth)
    if counts[1] == 1:  # All rows meet the same matrix.
        params = conv_float.product(counts[0] * rows, depth, outputs, -inf, inf)
        conv_float.emit(low, op, params, [left, packed, None], low.define(op.outputs[0]))
    else:
        params = conv_float.product(rows, depth, outputs, -inf, inf)
        numbers = [np.arange(n).reshape(s.shape[:-2]) for n, s in zip(counts, (x, y), strict=True)]
        batch = np.stack([np.broadcast_to(n, result.shape[:-2]).ravel() for n in numbers], axis=1)
        conv_float.multiply(low, op, params, [left, packed, None], low.define(op.outputs[0]), batch)


def _packed_operand(low: Any, op: Operator, y: Tensor | None, count: int, outputs: int, depth: int) -> int:
    """The second operand in panels of its columns."""
    is_transposed = op.options.adj_y
    if low.spec(y).value is not None:
        name = f"panels{PANEL} of columns{', transposed' if is_transposed else ''}"
        shape = (count, outputs, depth) if is_transposed else (count, depth, outputs)
        number: int = low.packed(y, name, lambda v: panels(v.reshape(shape) if is_transposed else v.reshape(shape).swapaxes(1, 2)))
        return number
    steps = {"matrix_step": outputs * depth, "output_step": depth if is_transposed else 1, "depth_step": 1 if is_transposed else outputs}
    params = conv_float.PackParams(count=count, outputs=outputs, taps=1, depth=depth, lanes=PANEL, **steps)
    return conv_float.pack_at_run_time(low, op, low.value(y), params)


def _batch_matmul_version(op: Operator) -> int:
    x, y = op.inputs[0].dtype, op.inputs[1].dtype
    if x == np.float32:
        return 4 if y == np.int8 and op.options.asymmetric_quantize_inputs else 1
    return 3 if x == np.int16 else 2


register(
    OpDef(
        "BATCH_MATMUL",
        options="BatchMatMulOptions",
        infer=infer_batch_matmul,
        reference=batch_matmul,
        variants=("f32", "f32w8", "s8", "s16", "s16w8"),
        version=_batch_matmul_version,
        lower=lower_batch_matmul,
        integer=layer(axis=None, bias=None),
        gradient=matmul_gradient.batch_matmul,
    )
)
