"""Operators of the format that came apart on the way: found again in the operators that they became."""

from collections.abc import Sequence

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .canonicalize import RESHAPES, permutation
from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, same_quantization, value_of


def _over_last(build: Rewriter, tensor: Tensor | None, name: str) -> Tensor | None:
    """What a reduction over the last axis alone, which it keeps, reduces; None where `tensor` is not its only result."""
    op = build.maker(tensor, name)
    axes = value_of(op.inputs[1]) if op else None
    if op is None or axes is None or op.inputs[0] is None or not op.options.keep_dims or axes.size != 1:
        return None
    return op.inputs[0] if axes.item() in (-1, len(op.inputs[0].shape) - 1) else None


def _sides(op: Operator) -> list[tuple[Tensor | None, Tensor | None]]:
    """The operands of an operator that commutes, both ways round."""
    first, second = op.inputs
    return [(first, second), (second, first)]


def _plain(build: Rewriter, tensor: Tensor | None, *names: str) -> Operator | None:
    """The maker of a tensor that it alone is read from, plain float, without a fused activation."""
    op = build.maker(tensor, *names)
    if op is None or not is_float(*op.outputs) or not build.is_single(tensor):
        return None
    return op if getattr(op.options, "fused_activation_function", "NONE") == "NONE" else None


# Softmax and norms.


@rule("DIV")
def softmax(build: Rewriter, op: Operator) -> Replacement:
    """exp(x) / sum(exp(x)), the greatest x taken off first or not."""
    powers, total = op.inputs
    exp = build.maker(powers, "EXP")
    if exp is None or _over_last(build, total, "SUM") is not powers or not _is_bare(op) or not is_float(*op.inputs):
        return None
    x = exp.inputs[0]
    shifted = _plain_difference(build, x)
    return build.SOFTMAX(x if shifted is None else shifted, beta=1.0)


def _plain_difference(build: Rewriter, tensor: Tensor | None) -> Tensor | None:
    """x, where a tensor is x minus the greatest element of its row."""
    op = _plain(build, tensor, "SUB")
    return op.inputs[0] if op and _over_last(build, op.inputs[1], "REDUCE_MAX") is op.inputs[0] else None


@rule("LOG")
def log_softmax(build: Rewriter, op: Operator) -> Replacement:
    """log(softmax(x)), which would lose what is far below the greatest."""
    inner = _plain(build, op.inputs[0], "SOFTMAX")
    return build.LOG_SOFTMAX(inner.inputs[0]) if inner and inner.options.beta == 1 and is_float(*inner.inputs) else None


@rule("MUL", "DIV")
def l2_normalization(build: Rewriter, op: Operator) -> Replacement:
    """x / sqrt(sum(x * x)), kept from dividing by 0 in one of the usual ways or not at all; the operator takes smaller norms for 1e-6."""
    if not is_float(*op.inputs, *op.outputs) or not _is_bare(op):
        return None
    for x, factor in _sides(op) if op.op == "MUL" else [op.inputs]:
        root = _plain(build, _above(build, factor, 1e-6), "RSQRT" if op.op == "MUL" else "SQRT")
        squares = _over_last(build, _above(build, root.inputs[0], 1e-12), "SUM") if root else None
        square = _plain(build, squares, "SQUARE")
        if square is not None and square.inputs[0] is x:
            return build.L2_NORMALIZATION(x)
    return None


def _above(build: Rewriter, tensor: Tensor | None, least: float) -> Tensor | None:
    """What a MAXIMUM keeps above a number as small as `least`; the tensor itself where there is none."""
    op = _plain(build, tensor, "MAXIMUM")
    for x, limit in _sides(op) if op else []:
        value = value_of(limit)
        if value is not None and value.size == 1 and value.item() <= 1.01 * least:
            return x
    return tensor


def _is_bare(op: Operator) -> bool:
    return bool(getattr(op.options, "fused_activation_function", "NONE") == "NONE")


# Reductions.


@rule("MUL")
def mean(build: Rewriter, op: Operator) -> Replacement:
    """The sum, divided by the number of its terms."""
    for total, factor in _sides(op):
        inner, value = _plain(build, total, "SUM"), value_of(factor)
        axes = value_of(inner.inputs[1]) if inner else None
        x = inner.inputs[0] if inner else None
        if inner is None or axes is None or x is None or value is None or value.size != 1 or not _is_bare(op):
            continue
        sizes = [build.shape(x)[int(a)] for a in np.unique(axes % len(x.shape))]
        if -1 not in sizes and np.isclose(value.item() * np.prod(sizes), 1, rtol=1e-5) and inner.outputs[0].shape == op.outputs[0].shape:
            return build.MEAN(x, axes, keep_dims=inner.options.keep_dims)
    return None


@rule(*RESHAPES)
def reshaped_reduction(build: Rewriter, op: Operator) -> Replacement:
    """Axes of 1 that a reduction keeps and a RESHAPE takes away, or the other way round."""
    inner, y = build.maker(op.inputs[0], *REDUCTIONS), op.outputs[0]
    axes = value_of(inner.inputs[1]) if inner else None
    x = inner.inputs[0] if inner else None
    if inner is None or axes is None or x is None or not build.is_single(op.inputs[0]) or not same_quantization(inner.outputs[0], y):
        return None
    gone = {int(a) % len(x.shape) for a in axes.ravel()}
    keep, shape = not inner.options.keep_dims, build.shape(x)
    wanted = tuple(1 if a in gone else d for a, d in enumerate(shape) if keep or a not in gone)
    is_certain = op.op != "RESHAPE" or wanted.count(-1) <= 1
    if build.shape(y) != wanted or not is_certain or not build.probes.is_certain(x):
        return None
    result: Tensor = build.again(inner, *inner.inputs, out=y, keep_dims=keep)
    return result


REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")


@rule(*RESHAPES)
def pooled_mean(build: Rewriter, op: Operator) -> Replacement:
    """An AVERAGE_POOL_2D over all of height and width, whose axes then go."""
    pool, y = _plain(build, op.inputs[0], "AVERAGE_POOL_2D"), op.outputs[0]
    x = pool.inputs[0] if pool else None
    if pool is None or x is None or build.shape(x)[1:3] != (pool.options.filter_height, pool.options.filter_width):
        return None
    if pool.options.padding != "VALID" or build.shape(y) != (build.shape(x)[0], x.shape[3]):
        return None
    return build.MEAN(x, np.array([1, 2], np.int32), keep_dims=False)


# Elementwise.


@rule("ADD", "SUB")
def signs(build: Rewriter, op: Operator) -> Replacement:
    """x + (-y) = x - y, x - (-y) = x + y."""
    for x, negative in _sides(op) if op.op == "ADD" else [op.inputs]:
        inner = _plain(build, negative, "NEG")
        if inner is not None and is_float(*op.inputs):
            name = "SUB" if op.op == "ADD" else "ADD"
            return getattr(build, name)(x, inner.inputs[0], fused_activation_function=op.options.fused_activation_function)
    return None


@rule("ADD", "SUB")
def common_factor(build: Rewriter, op: Operator) -> Replacement:
    """x * s + y * s = (x + y) * s, as layer norms come with the mean multiplied out: x * s + (-mean) * s."""
    first, second = (_plain(build, t, "MUL") for t in op.inputs)
    if first is None or second is None or not is_float(*op.inputs, *op.outputs):
        return None
    for x, factor in _sides(first):
        for y, other in _sides(second):
            if (
                factor is other
                and factor is not None
                and x is not None
                and y is not None
                and np.broadcast_shapes(x.shape, y.shape) == x.shape
            ):
                total = build.ADD(x, y) if op.op == "ADD" else build.SUB(x, y)
                return build.MUL(total, factor, fused_activation_function=op.options.fused_activation_function)
    return None


@rule("ADD")
def common_factor_and_offset(build: Rewriter, op: Operator) -> Replacement:
    """x * s + (b - y * s) = (x - y) * s + b, the other way that layer norms come."""
    for product, rest in _sides(op):
        first, difference = _plain(build, product, "MUL"), _plain(build, rest, "SUB")
        second = _plain(build, difference.inputs[1], "MUL") if difference else None
        if first is None or second is None or difference is None:
            continue
        for x, factor in _sides(first):
            for y, other in _sides(second):
                if factor is other and factor is not None and x is not None and y is not None and x.shape == op.outputs[0].shape:
                    scaled = build.MUL(build.SUB(x, y), factor)
                    return build.ADD(scaled, difference.inputs[0], fused_activation_function=op.options.fused_activation_function)
    return None


@rule("SQUARE")
def squared_difference(build: Rewriter, op: Operator) -> Replacement:
    """(x - y) ** 2."""
    inner = _plain(build, op.inputs[0], "SUB")
    return build.SQUARED_DIFFERENCE(*inner.inputs) if inner else None


@rule("DIV")
def reciprocal_root(build: Rewriter, op: Operator) -> Replacement:
    """x / sqrt(y) = x * rsqrt(y), where y is the smaller: multiplying is faster than dividing."""
    x, root = op.inputs[0], _plain(build, op.inputs[1], "SQRT")
    if root is None or x is None or root.inputs[0] is None or not is_float(x) or root.inputs[0].size > x.size:
        return None
    return build.MUL(x, build.RSQRT(root.inputs[0]), fused_activation_function=op.options.fused_activation_function)


@rule("ADD", "SUB")
def prelu(build: Rewriter, op: Operator) -> Replacement:
    """relu(x) + alpha * min(x, 0), the second term also as -alpha * relu(-x)."""
    if not _is_bare(op) or not is_float(*op.inputs, *op.outputs):
        return None
    for positive, negative in _sides(op) if op.op == "ADD" else [op.inputs]:
        relu, product = _plain(build, positive, "RELU"), _plain(build, negative, "MUL")
        for below, slopes in _sides(product) if relu and product else []:
            value = value_of(slopes)
            found = None if value is None or relu is None else _below_zero(build, below, relu.inputs[0])
            if found is None or value is None or relu is None or relu.inputs[0] is None:
                continue
            alpha = value * np.float32(found if op.op == "ADD" else -found)
            shared = alpha.reshape(alpha.shape[1:]) if alpha.ndim == len(op.outputs[0].shape) and alpha.shape[0] == 1 else alpha
            return build.PRELU(relu.inputs[0], shared)
    return None


def _below_zero(build: Rewriter, tensor: Tensor | None, x: Tensor | None) -> int | None:
    """1 where a tensor is min(x, 0), -1 where it is relu(-x)."""
    relu, least = _plain(build, tensor, "RELU"), _plain(build, tensor, "MINIMUM")
    negative = _plain(build, relu.inputs[0], "NEG") if relu else None
    if negative is not None and negative.inputs[0] is x:
        return -1
    for other, limit in _sides(least) if least else []:
        value = value_of(limit)
        if other is x and value is not None and not value.any():
            return 1
    return None


# Matrix products.


@rule("BATCH_MATMUL")
def matmul_by_constant(build: Rewriter, op: Operator) -> Replacement:
    """Rows times a constant matrix are a FULLY_CONNECTED."""
    (x, y), options = op.inputs, op.options
    value = value_of(y)
    if value is None or x is None or y is None or not is_float(x, y, *op.outputs) or options.adj_x or len(build.readers(y)) > 1:
        return None
    if value.ndim > len(x.shape) or any(d != 1 for d in value.shape[:-2]) or len(x.shape) < 2:
        return None
    matrix = value.reshape(value.shape[-2:])
    return build.FULLY_CONNECTED(x, build.constant(matrix if options.adj_y else matrix.T, y.name), None, keep_num_dims=len(x.shape) > 2)


# Blocks of pixels.


@rule("RESHAPE")
def blocks(build: Rewriter, op: Operator) -> Replacement:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH, as a RESHAPE to six axes, an exchange of two and a RESHAPE back."""
    turn = build.maker(op.inputs[0], "TRANSPOSE")
    spread = build.maker(turn.inputs[0], "RESHAPE") if turn else None
    x, y = spread.inputs[0] if spread else None, op.outputs[0]
    if turn is None or spread is None or x is None or len(x.shape) != 4 or len(y.shape) != 4 or permutation(turn) != [0, 1, 3, 2, 4, 5]:
        return None
    if not (build.is_single(op.inputs[0]) and build.is_single(turn.inputs[0]) and same_quantization(x, y)):
        return None
    (_, height, width, channels), six, size = build.shape(x), build.shape(spread.outputs[0]), 0
    if -1 in (height, width) or -1 in six[1:]:
        return None
    if six[1:3] == (height, width) and six[3] == six[4] and y.shape[1:] == (height * six[3], width * six[3], six[5]):
        name, size = "DEPTH_TO_SPACE", six[3]
    elif six[2] == six[4] and six[5] == channels and (six[1] * six[2], six[3] * six[4]) == (height, width):
        name, size = "SPACE_TO_DEPTH", six[2]
    result: Tensor | None = getattr(build, name)(x, block_size=size, quantization=y.quantization) if size > 1 else None
    return result if result is not None and result.shape == y.shape else None


@rule("RESHAPE")
def repeated_pixels(build: Rewriter, op: Operator) -> Replacement:
    """Each pixel repeated along height and width is what RESIZE_NEAREST_NEIGHBOR makes of it."""
    spread = build.maker(op.inputs[0], "TILE", "BROADCAST_TO")
    inner = build.maker(spread.inputs[0], *RESHAPES) if spread else None
    x, y = inner.inputs[0] if inner else None, op.outputs[0]
    if spread is None or inner is None or x is None or len(x.shape) != 4 or not (is_float(x) and build.is_single(op.inputs[0])):
        return None
    (_, height, width, channels), six = build.shape(x), build.shape(spread.outputs[0])
    if -1 in (height, width) or build.shape(inner.outputs[0])[1:] != (height, 1, width, 1, channels):
        return None
    if six[1] != height or six[3] != width or y.shape != (x.shape[0], height * six[2], width * six[4], channels):
        return None
    return build.RESIZE_NEAREST_NEIGHBOR(x, np.array(y.shape[1:3], np.int32), align_corners=False, half_pixel_centers=False)


@rule("BATCH_TO_SPACE_ND")
def dilation(build: Rewriter, op: Operator) -> Replacement:
    """A convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND sees every d-th pixel: it is a dilated one."""
    conv = build.maker(op.inputs[0], "CONV_2D", "DEPTHWISE_CONV_2D")
    spread = build.maker(conv.inputs[0], "SPACE_TO_BATCH_ND") if conv else None
    x = spread.inputs[0] if spread else None
    if conv is None or spread is None or x is None or len(x.shape) != 4 or not (build.is_single(op.inputs[0])):
        return None
    (block, pads), (other, crops) = (tuple(map(value_of, o.inputs[1:])) for o in (spread, op))
    if block is None or pads is None or other is None or crops is None or not np.array_equal(block, other) or len(block) != 2:
        return None
    options, left = conv.options, pads - crops
    bare = (
        options.padding == "VALID" and options.stride_h == options.stride_w == options.dilation_h_factor == options.dilation_w_factor == 1
    )
    if not bare or (left < 0).any() or not same_quantization(x, spread.outputs[0]) or not same_quantization(conv.outputs[0], op.outputs[0]):
        return None
    if left.any():
        x = build.PAD(x, _around(left), quantization=x.quantization)
    height, width = map(int, block)
    result: Tensor = build.again(conv, x, *conv.inputs[1:], dilation_h_factor=height, dilation_w_factor=width)
    return result if result.shape == op.outputs[0].shape else None


def _around(pixels: np.ndarray) -> np.ndarray:
    """Paddings of height and width as paddings of four axes."""
    nothing: Sequence[Sequence[int]] = [[0, 0]]
    return np.concatenate([nothing, pixels, nothing]).astype(np.int32)


RECOVER = rules_pass(
    "recover",
    softmax,
    log_softmax,
    l2_normalization,
    mean,
    reshaped_reduction,
    pooled_mean,
    signs,
    common_factor,
    common_factor_and_offset,
    squared_difference,
    reciprocal_root,
    prelu,
    matmul_by_constant,
    blocks,
    repeated_pixels,
    dilation,
)
