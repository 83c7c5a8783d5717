"""Operators that came apart are found again, whichever way they are written; near misses are left alone."""

import numpy as np
import pytest

from tachylite import Builder

from .checking import floats, ops

F = np.float32


def left(make, *shapes):
    build = Builder()
    result = make(build, *(build.input(f"x{i}", shape) for i, shape in enumerate(shapes)))
    return ops(build.outputs(*(result if isinstance(result, list) else [result])))


def gelu(b, x):
    cube = b.MUL(b.MUL(x, x), x)
    inner = b.MUL(b.ADD(x, b.MUL(cube, F(0.044715))), F(np.sqrt(2 / np.pi)))
    return b.MUL(b.MUL(x, F(0.5)), b.ADD(b.TANH(inner), F(1)))


def gelu_by_power(b, x):
    inner = b.MUL(F(0.7978845608), b.ADD(x, b.MUL(F(0.044715), b.POW(x, F(3)))))
    return b.MUL(F(0.5), b.MUL(x, b.ADD(F(1), b.TANH(inner))))


def selected(b, x):
    """ELU as a choice."""
    return b.SELECT_V2(b.GREATER(x, F(0)), x, b.SUB(b.EXP(b.MINIMUM(x, F(0))), F(1)))


ONE = {
    "HARD_SWISH": [
        lambda b, x: b.DIV(b.MUL(x, b.RELU6(b.ADD(x, F(3)))), F(6)),
        lambda b, x: b.MUL(x, b.MUL(b.RELU6(b.ADD(F(3), x)), F(1 / 6))),
        lambda b, x: b.MUL(b.MUL(x, F(1 / 6)), b.MINIMUM(b.MAXIMUM(b.ADD(x, F(3)), F(0)), F(6))),
        lambda b, x: b.MUL(x, b.MUL(b.ADD(x, F(3), fused_activation_function="RELU6"), F(1 / 6))),
    ],
    "GELU": [gelu, gelu_by_power],
    "LOGISTIC": [
        lambda b, x: b.DIV(F(1), b.ADD(F(1), b.EXP(b.NEG(x)))),
        lambda b, x: b.ADD(b.MUL(b.TANH(b.MUL(x, F(0.5))), F(0.5)), F(0.5)),
    ],
    "ELU": [selected],
    "LEAKY_RELU": [
        lambda b, x: b.MAXIMUM(x, b.MUL(x, F(0.2))),
        lambda b, x: b.ADD(b.RELU(x), b.MUL(b.MINIMUM(x, F(0)), F(0.2))),
        lambda b, x: b.SUB(b.RELU(x), b.MUL(b.RELU(b.NEG(x)), F(0.2))),
    ],
    "ABS": [lambda b, x: b.MAXIMUM(x, b.NEG(x)), lambda b, x: b.SQRT(b.SQUARE(x))],
    "SQUARE": [lambda b, x: b.MUL(x, x), lambda b, x: b.POW(x, F(2))],
    "RSQRT": [lambda b, x: b.DIV(F(1), b.SQRT(x)), lambda b, x: b.POW(x, F(-0.5))],
    "PRELU": [
        lambda b, x: b.ADD(b.RELU(x), b.MUL(b.RELU(b.NEG(x)), floats(4))),
        lambda b, x: b.SUB(b.RELU(x), b.MUL(floats(4), b.RELU(b.NEG(x)))),
        lambda b, x: b.ADD(b.MUL(b.MINIMUM(x, F(0)), floats(1, 1, 4)), b.RELU(x)),
    ],
    "SOFTMAX": [
        lambda b, x: b.DIV(e := b.EXP(x), b.SUM(e, np.int32([-1]), keep_dims=True)),
        lambda b, x: b.DIV(
            e := b.EXP(b.SUB(x, b.REDUCE_MAX(x, np.int32([2]), keep_dims=True))),
            b.SUM(e, np.int32([2]), keep_dims=True),
        ),
    ],
    "LOG_SOFTMAX": [lambda b, x: b.LOG(b.SOFTMAX(x, beta=1.0))],
    "L2_NORMALIZATION": [
        lambda b, x: b.MUL(x, b.RSQRT(b.MAXIMUM(b.SUM(b.SQUARE(x), np.int32([-1]), keep_dims=True), F(1e-12)))),
        lambda b, x: b.DIV(x, b.SQRT(b.SUM(b.MUL(x, x), np.int32([2]), keep_dims=True))),
        lambda b, x: b.DIV(x, b.MAXIMUM(b.SQRT(b.SUM(b.SQUARE(x), np.int32([2]), keep_dims=True)), F(1e-6))),
    ],
    "MEAN": [
        lambda b, x: b.DIV(b.SUM(x, np.int32([1, 2]), keep_dims=True), F(12)),
        lambda b, x: b.RESHAPE(b.MEAN(x, np.int32([1]), keep_dims=True), np.int32([2, 4])),
    ],
    "REDUCE_MAX": [lambda b, x: b.EXPAND_DIMS(b.REDUCE_MAX(x, np.int32([2])), np.int32(2))],
    "FULLY_CONNECTED": [
        lambda b, x: b.BATCH_MATMUL(x, floats(4, 5)),
        lambda b, x: b.BATCH_MATMUL(x, floats(1, 5, 4), adj_y=True),
        lambda b, x: b.ADD(b.BATCH_MATMUL(x, floats(4, 5)), floats(5)),
    ],
}


@pytest.mark.parametrize(("name", "way"), [(name, i) for name, ways in ONE.items() for i in range(len(ways))])
def test_one_operator_is_left(name, way):
    assert left(ONE[name][way], (2, 3, 4)) == {name: 1}


IMAGE = (2, 4, 6, 8)


def to_depth(b, x):
    n, h, w, c = x.shape
    spread = b.RESHAPE(x, np.int32([n, h // 2, 2, w // 2, 2, c]))
    return b.RESHAPE(b.TRANSPOSE(spread, np.int32([0, 1, 3, 2, 4, 5])), np.int32([n, h // 2, w // 2, 4 * c]))


def to_space(b, x):
    n, h, w, c = x.shape
    spread = b.RESHAPE(x, np.int32([n, h, w, 2, 2, c // 4]))
    return b.RESHAPE(b.TRANSPOSE(spread, np.int32([0, 1, 3, 2, 4, 5])), np.int32([n, h * 2, w * 2, c // 4]))


def repeated(b, x):
    n, h, w, c = x.shape
    spread = b.TILE(b.RESHAPE(x, np.int32([n, h, 1, w, 1, c])), np.int32([1, 1, 2, 1, 3, 1]))
    return b.RESHAPE(spread, np.int32([n, h * 2, w * 3, c]))


def dilated(pads, crops):
    def make(b, x):
        spread = b.SPACE_TO_BATCH_ND(x, np.int32([2, 2]), np.int32(pads))
        y = b.CONV_2D(spread, floats(3, 3, 3, 8), floats(3), padding="VALID", stride_h=1, stride_w=1)
        return b.BATCH_TO_SPACE_ND(y, np.int32([2, 2]), np.int32(crops))

    return make


PIXELS = {
    "depth": (to_depth, {"SPACE_TO_DEPTH": 1}),
    "space": (to_space, {"DEPTH_TO_SPACE": 1}),
    "repeated": (repeated, {"RESIZE_NEAREST_NEIGHBOR": 1}),
    "dilated, padded as SAME": (dilated([[2, 2], [2, 2]], [[0, 0], [0, 0]]), {"CONV_2D": 1}),
    "dilated, with crops": (dilated([[2, 2], [2, 4]], [[0, 0], [0, 2]]), {"CONV_2D": 1}),
    "dilated, padded otherwise": (dilated([[4, 0], [2, 2]], [[0, 0], [0, 0]]), {"PAD": 1, "CONV_2D": 1}),
    "mean of all pixels": (
        lambda b, x: b.RESHAPE(
            b.AVERAGE_POOL_2D(x, padding="VALID", stride_h=1, stride_w=1, filter_height=4, filter_width=6), np.int32([2, 8])
        ),
        {"MEAN": 1},
    ),
}


@pytest.mark.parametrize("name", PIXELS)
def test_blocks_of_pixels(name):
    make, expected = PIXELS[name]
    assert left(make, IMAGE) == expected


def test_operators_on_two_tensors():
    assert left(lambda b, x, y: b.SQUARE(b.SUB(x, y)), (2, 3), (2, 3)) == {"SQUARED_DIFFERENCE": 1}
    assert left(lambda b, x, y: b.ADD(x, b.NEG(y)), (2, 3), (2, 3)) == {"SUB": 1}
    assert left(lambda b, x, y: b.SUB(x, b.NEG(y)), (2, 3), (2, 3)) == {"ADD": 1}
    assert left(lambda b, x, y: b.DIV(x, b.SQRT(y)), (2, 3), (2, 1)) == {"MUL": 1, "RSQRT": 1}


HOLDS = {
    "another constant than HARD_SWISH's": (lambda b, x: b.MUL(x, b.MUL(b.RELU6(b.ADD(x, F(3))), F(1 / 7))), {"ADD": 1, "MUL": 2}),
    "almost x": (lambda b, x: b.EXP(b.ADD(b.ABS(x), F(1e-6))), {"ABS": 1, "ADD": 1, "EXP": 1}),
    "almost relu": (lambda b, x: b.EXP(b.MAXIMUM(x, F(1e-12))), {"MAXIMUM": 1, "EXP": 1}),
    "what others read": (lambda b, x: [b.DIV(F(1), r := b.SQRT(x)), b.EXP(r)], {"SQRT": 1, "DIV": 1, "EXP": 1}),
    "a constant with several values": (lambda b, x: b.MAXIMUM(x, b.MUL(x, floats(4))), {"MAXIMUM": 1, "MUL": 1}),
    "softmax over another axis": (
        lambda b, x: b.DIV(e := b.EXP(x), b.SUM(e, np.int32([1]), keep_dims=True)),
        {"EXP": 1, "SUM": 1, "DIV": 1},
    ),
    "softmax of others' sum": (
        lambda b, x: b.DIV(b.EXP(x), b.SUM(b.SQUARE(x), np.int32([2]), keep_dims=True)),
        {"EXP": 1, "SQUARE": 1, "SUM": 1, "DIV": 1},
    ),
    "a norm that is kept large": (
        lambda b, x: b.MUL(x, b.RSQRT(b.MAXIMUM(b.SUM(b.SQUARE(x), np.int32([-1]), keep_dims=True), F(0.1)))),
        {"SQUARE": 1, "SUM": 1, "MAXIMUM": 1, "RSQRT": 1, "MUL": 1},
    ),
    "a sum divided by something else": (lambda b, x: b.DIV(b.SUM(x, np.int32([1])), F(4)), {"SUM": 1, "MUL": 1}),
    "another shape of the mean": (
        lambda b, x: b.RESHAPE(b.MEAN(x, np.int32([1]), keep_dims=True), np.int32([4, 2])),
        {"MEAN": 1, "RESHAPE": 1},
    ),
    "matrices of their own": (lambda b, x: b.BATCH_MATMUL(x, floats(2, 4, 5)), {"BATCH_MATMUL": 1}),
    "another exchange of axes": (
        lambda b, x: b.RESHAPE(
            b.TRANSPOSE(b.RESHAPE(x, np.int32([1, 2, 3, 2, 2, 1])), np.int32([0, 3, 2, 1, 4, 5])), np.int32([1, 2, 3, 4])
        ),
        {"RESHAPE": 2, "TRANSPOSE": 1},
    ),
}


@pytest.mark.parametrize("name", HOLDS)
def test_near_misses_are_left(name):
    make, expected = HOLDS[name]
    assert left(make, (2, 3, 4)) == expected


def layer_norm(write):
    """A layer norm over the last axis: `write(b, x, mean, factor, beta)` says how it is put together, 5 operators give the factor."""

    def make(b, x):
        mean = b.MEAN(x, np.int32([2]), keep_dims=True)
        variance = b.MEAN(b.SQUARED_DIFFERENCE(x, mean), np.int32([2]), keep_dims=True)
        return write(b, x, mean, b.MUL(b.RSQRT(b.ADD(variance, F(1e-5))), floats(4)), floats(4))

    return make


@pytest.mark.parametrize(
    "write",
    [
        lambda b, x, mean, factor, beta: b.ADD(b.MUL(b.SUB(x, mean), factor), beta),
        lambda b, x, mean, factor, beta: b.ADD(b.MUL(x, factor), b.SUB(beta, b.MUL(mean, factor))),
        lambda b, x, mean, factor, beta: b.ADD(b.ADD(b.MUL(x, factor), b.MUL(b.NEG(mean), factor)), beta),
        lambda b, x, mean, factor, beta: b.ADD(b.SUB(b.MUL(x, factor), b.MUL(factor, mean)), beta),
    ],
)
def test_a_layer_norm_needs_nine_operators(write):
    assert sum(left(layer_norm(write), (2, 3, 4)).values()) == 9


def test_a_layer_norm_by_division_needs_nine_operators():
    def make(b, x):
        difference = b.SUB(x, b.MEAN(x, np.int32([2]), keep_dims=True))
        variance = b.MEAN(b.POW(difference, F(2)), np.int32([2]), keep_dims=True)
        return b.ADD(b.MUL(b.DIV(difference, b.SQRT(b.ADD(variance, F(1e-5)))), floats(4)), floats(4))

    assert sum(left(make, (2, 3, 4)).values()) == 9
