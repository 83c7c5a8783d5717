"""Random graphs compute the same after every pass, and optimizing them twice changes nothing more.

All tensors are 4x4x4x4, so that any operator takes what any other gives; that transposes and reshapes keep a shape hides nothing, since the
elements are all different.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tachylite import Builder

from .checking import floats, optimized

SHAPE = (4, 4, 4, 4)

UNARY = ("NEG", "RELU", "RELU6", "RELU_N1_TO_1", "ABS", "LOGISTIC", "SOFTMAX", "TANH")
BINARY = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")
CONSTANTS = ((), (4,), (1, 4, 1, 1), (4, 1, 4), SHAPE)
ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6")


@st.composite
def graphs(draw):
    build = Builder()
    values = [build.input("x", SHAPE), build.input("y", SHAPE)]
    for seed in range(draw(st.integers(1, 12))):
        values.append(draw(st.sampled_from(STEPS))(draw, build, draw(st.sampled_from(values[-3:])), values, seed))
    outputs = [t for t in values[2:] if not build.graph.consumers(t)]
    return build.outputs(*outputs, *draw(st.lists(st.sampled_from(values[2:]), max_size=1)))


def unary(draw, build, x, values, seed):
    return getattr(build, draw(st.sampled_from(UNARY)))(x)


def binary(draw, build, x, values, seed):
    return getattr(build, draw(st.sampled_from(BINARY)))(*draw(st.permutations([x, draw(st.sampled_from(values))])))


def with_constant(draw, build, x, values, seed):
    value = draw(st.sampled_from([np.float32(0), np.float32(1), np.float32(6), floats(*draw(st.sampled_from(CONSTANTS)), seed=seed)]))
    operands = [x, build.constant(np.asarray(value))]
    return getattr(build, draw(st.sampled_from(BINARY)))(*draw(st.permutations(operands)))


def conv(draw, build, x, values, seed):
    size, activation = draw(st.sampled_from([1, 3])), draw(st.sampled_from(ACTIVATIONS))
    weights, bias = floats(4, size, size, draw(st.sampled_from([4, 2])), seed=seed), floats(4, seed=seed)
    return build.CONV_2D(x, weights, bias, padding="SAME", stride_h=1, stride_w=1, fused_activation_function=activation)


def padded_conv(draw, build, x, values, seed):
    amounts = draw(st.sampled_from([[[0, 0], [1, 1], [1, 1], [0, 0]], [[0, 0], [2, 0], [1, 1], [0, 0]]]))
    padded = build.PAD(x, np.array(amounts, np.int32))
    return build.CONV_2D(padded, floats(4, 3, 3, 4, seed=seed), floats(4), padding="VALID", stride_h=1, stride_w=1)


def depthwise(draw, build, x, values, seed):
    return build.DEPTHWISE_CONV_2D(x, floats(1, 3, 3, 4, seed=seed), padding="SAME", stride_h=1, stride_w=1, depth_multiplier=1)


def dense(draw, build, x, values, seed):
    return build.RESHAPE(build.FULLY_CONNECTED(build.RESHAPE(x, np.int32([64, 4])), floats(4, 4, seed=seed), None), np.int32(SHAPE))


def transpose(draw, build, x, values, seed):
    return build.TRANSPOSE(x, np.array(draw(st.permutations(range(4))), np.int32))


def reshape(draw, build, x, values, seed):
    return build.RESHAPE(build.RESHAPE(x, np.int32([16, -1])), np.int32(SHAPE))


def joined(draw, build, x, values, seed):
    axis = draw(st.integers(0, 3))
    begin, size = np.zeros(4, np.int32), np.array(SHAPE, np.int32)
    begin[axis] = draw(st.integers(0, 4))
    return build.SLICE(build.CONCATENATION(x, draw(st.sampled_from(values)), axis=axis), begin, size)


def reduced(draw, build, x, values, seed):
    axes = np.array(draw(st.lists(st.integers(-4, 3), min_size=1, max_size=2)), np.int32)
    kept = getattr(build, draw(st.sampled_from(["MEAN", "SUM", "REDUCE_MAX"])))(x, axes, keep_dims=True)
    return build.SUB(x, kept)


def split(draw, build, x, values, seed):
    axis = draw(st.integers(0, 3))
    first, second = build.SPLIT(np.int32(axis), x, num_splits=2)
    return build.MUL(x, build.CONCATENATION(second, first, axis=axis))


STEPS = (
    *(unary, binary, with_constant, with_constant, conv, padded_conv, depthwise, dense),
    *(transpose, transpose, reshape, joined, reduced, split),
)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 3))
def test_random_graphs_compute_the_same(graph, seed):
    before = len(graph.operators)
    assert len(list(optimized(graph, seed=seed).operators())) <= before


# Shapes of any kind, with dimensions of 1: operators that move elements, and those that these are pushed through.


@st.composite
def shapely(draw):
    build = Builder()
    values = [build.input("x", tuple(draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=4))))]
    for _ in range(draw(st.integers(1, 12))):
        values.append(draw(st.sampled_from(SHAPELY))(draw, build, draw(st.sampled_from(values[-2:])), values))
    return build.outputs(*[t for t in values[1:] if not build.graph.consumers(t)])


def turned(draw, build, x, values):
    return build.TRANSPOSE(x, np.array(draw(st.permutations(range(len(x.shape)))), np.int32))


def squeezed(draw, build, x, values):
    gone = [a for a, d in enumerate(x.shape) if d == 1 and draw(st.booleans())]
    return build.SQUEEZE(x, squeeze_dims=tuple(gone)) if gone else build.EXPAND_DIMS(x, np.int32(draw(st.integers(0, len(x.shape)))))


def flattened(draw, build, x, values):
    middle = draw(st.integers(0, len(x.shape)))
    shape = [*x.shape[:middle], int(np.prod(x.shape[middle:])), *[1] * draw(st.integers(0, 1))]
    return build.RESHAPE(x, np.array(shape, np.int32))


def same_shape(draw, build, x, values):
    return getattr(build, draw(st.sampled_from(BINARY)))(x, draw(st.sampled_from([t for t in values if t.shape == x.shape])))


def by_vector(draw, build, x, values):
    return build.MUL(x, floats(*x.shape[-1:])) if draw(st.booleans()) else build.PAD(x, _amounts(draw, x))


def _amounts(draw, x):
    return np.array([[draw(st.integers(0, 1)) for _ in range(2)] for _ in x.shape], np.int32).reshape(-1, 2)


def folded(draw, build, x, values):
    axis = draw(st.integers(-len(x.shape), len(x.shape) - 1)) if x.shape else 0
    kind = draw(st.sampled_from(["MEAN", "REDUCE_MAX", "CUMSUM", "CONCATENATION", "SOFTMAX"]))
    if kind == "CONCATENATION":
        return build.CONCATENATION(x, build.NEG(x), axis=axis)
    if kind in ("CUMSUM", "SOFTMAX"):
        return build.SOFTMAX(x, beta=1.0) if kind == "SOFTMAX" else build.CUMSUM(x, np.int32(axis))
    return getattr(build, kind)(x, np.array([axis], np.int32), keep_dims=draw(st.booleans()))


def ranked(step):
    """A step that scalars, and tensors of more axes than LiteRT's kernels take, go past."""
    return lambda draw, build, x, values: step(draw, build, x, values) if 1 <= len(x.shape) <= 4 else build.RELU(x)


SHAPELY = [ranked(step) for step in (turned, turned, squeezed, flattened, same_shape, by_vector, folded)]


@settings(max_examples=150, deadline=None)
@given(shapely())
def test_random_shapes_compute_the_same(graph):
    optimized(graph)
