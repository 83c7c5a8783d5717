"""Transposes are pushed until they cancel: networks in NCHW, as an ONNX frontend writes them, each operator between two transposes."""

import numpy as np
import pytest

from tachylite import Builder, Tensor
from tachylite.model.graph import Quantization

from .checking import batched, evaluation, floats, ops, optimized

TO_NHWC, TO_NCHW = np.int32([0, 2, 3, 1]), np.int32([0, 3, 1, 2])


class Channels:
    """Layers on NCHW tensors of a Builder."""

    def __init__(self, build):
        self.build = build
        self.seed = 0

    def weights(self, *shape):
        self.seed += 1
        return floats(*shape, seed=self.seed) / np.float32(np.sqrt(np.prod(shape[1:])))

    def conv(self, x, out, size=3, stride=1):
        b = self.build
        filters = self.weights(out, size, size, x.shape[1])
        y = b.CONV_2D(b.TRANSPOSE(x, TO_NHWC), filters, self.weights(out), padding="SAME", stride_h=stride, stride_w=stride)
        return b.TRANSPOSE(y, TO_NCHW)

    def norm(self, x):
        b, shape = self.build, (x.shape[1], 1, 1)
        return b.ADD(b.MUL(b.SUB(x, self.weights(*shape)), self.weights(*shape)), self.weights(*shape))

    def pool(self, x):
        window = {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2}
        return self.build.TRANSPOSE(self.build.MAX_POOL_2D(self.build.TRANSPOSE(x, TO_NHWC), padding="VALID", **window), TO_NCHW)

    def block(self, x, out):
        y = self.build.RELU(self.norm(self.conv(x, out)))
        return self.build.RELU(self.build.ADD(self.norm(self.conv(y, out)), self.norm(self.conv(x, out, size=1))))

    def gate(self, x):
        """Squeeze and excitation: a factor for each channel, from the means over height and width."""
        b = self.build
        mean = b.MEAN(x, np.int32([2, 3]), keep_dims=True)
        return b.MUL(x, b.LOGISTIC(self.conv(b.RELU(self.conv(mean, 2, size=1)), x.shape[1], size=1)))

    def dense(self, x, out):
        flat = self.build.RESHAPE(x, np.int32([-1, int(np.prod(x.shape[1:]))]))
        return self.build.FULLY_CONNECTED(flat, self.weights(out, flat.shape[1]), self.weights(out))


NETWORKS = {
    "resnet": lambda c, x: c.dense(c.pool(c.block(c.block(x, 8), 8)), 5),
    "gated": lambda c, x: c.dense(c.gate(c.block(x, 8)), 5),
    "mean": lambda c, x: c.dense(c.build.MEAN(c.block(x, 8), np.int32([2, 3]), keep_dims=False), 5),
    "dense net": lambda c, x: c.dense(c.conv(c.build.CONCATENATION(y := c.block(x, 8), c.build.RELU(c.conv(y, 4)), axis=1), 6), 5),
    "padded": lambda c, x: c.dense(c.conv(c.build.PAD(c.block(x, 4), np.int32([[0, 0], [0, 2], [1, 0], [2, 2]])), 3), 5),
    "split": lambda c, x: c.dense(c.conv(c.build.ADD(*c.build.SPLIT(np.int32(1), c.block(x, 8), num_splits=2)), 3), 5),
    "sliced": lambda c, x: c.dense(c.conv(c.build.SLICE(c.block(x, 8), np.int32([0, 2, 1, 0]), np.int32([-1, 4, 4, 8])), 3), 5),
    "prelu": lambda c, x: c.dense(c.conv(c.build.PRELU(c.conv(x, 4), floats(4, 1, 1)), 3), 5),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("is_batched", [False, True])
def test_a_network_in_nchw_keeps_the_transpose_of_its_input_alone(name, is_batched):
    build = Builder()
    x = batched(build, "x", 3, 8, 8) if is_batched else build.input("x", (1, 3, 8, 8))
    made = build.outputs(NETWORKS[name](Channels(build), x))
    model = optimized(made)
    kinds = [op.op for op in model.operators()]
    assert kinds.count("TRANSPOSE") == 1
    assert kinds[0] == "TRANSPOSE"
    if is_batched:
        (result,) = evaluation(made, batch=3)(model)
        assert result.shape == (3, 5)


def test_a_network_whose_output_is_an_image_keeps_two():
    build = Builder()
    c = Channels(build)
    y = build.SOFTMAX(c.conv(c.block(build.input("x", (1, 3, 8, 8)), 8), 2))
    counts = ops(build.outputs(y))
    assert counts["TRANSPOSE"] == 2


def graph(make, *shapes):
    build = Builder()
    return build.outputs(*make(build, *(build.input(f"x{i}", shape) for i, shape in enumerate(shapes))))


TURN, BACK = np.int32([2, 0, 1]), np.int32([1, 2, 0])

CASES = {
    "through an operator": (lambda b, x: [b.TRANSPOSE(b.EXP(b.TRANSPOSE(x, TURN)), BACK)], [(2, 3, 4)], 0),
    "two become one": (lambda b, x, y: [b.ADD(b.TRANSPOSE(x, TURN), b.TRANSPOSE(y, TURN))], [(2, 3, 4), (2, 3, 4)], 1),
    "three become one above a split": (
        lambda b, x: [b.RESHAPE(b.TRANSPOSE(t, TURN), np.int32([-1])) for t in b.SPLIT(np.int32(1), x, num_splits=3)],
        [(2, 3, 4)],
        1,
    ),
    "behind a mean, where there is less": (lambda b, x: [b.MEAN(b.TRANSPOSE(x, TURN), np.int32([0]))], [(2, 3, 4)], 0),
    "a reduced axis": (lambda b, x: [b.TRANSPOSE(b.SUM(b.TRANSPOSE(x, TURN), np.int32([0])), np.int32([1, 0]))], [(2, 3, 4)], 1),
    "through a scan": (lambda b, x: [b.TRANSPOSE(b.CUMSUM(b.TRANSPOSE(x, TURN), np.int32(0)), BACK)], [(2, 3, 4)], 0),
    "one operand is not turned": (lambda b, x, y: [b.ADD(b.TRANSPOSE(x, TURN), y)], [(2, 3, 4), (4, 2, 3)], 1),
    "what is not along the last axis": (lambda b, x: [b.TRANSPOSE(b.SOFTMAX(b.TRANSPOSE(x, TURN)), BACK)], [(2, 3, 4)], 2),
    "read by others as it is": (
        lambda b, x: [b.RESHAPE(t := b.TRANSPOSE(x, TURN), np.int32([-1])), b.TRANSPOSE(b.EXP(t), BACK)],
        [(2, 3, 4)],
        1,
    ),
    "behind a slice that takes an axis away": (
        lambda b, x: [
            b.TRANSPOSE(
                b.STRIDED_SLICE(x, *np.int32([[0] * 4, [1, 0, 0, 0], [1] * 4]), begin_mask=14, end_mask=14, shrink_axis_mask=1), TURN
            )
        ],
        [(2, 2, 3, 4)],
        1,
    ),
    "into a matrix product": (lambda b, x, y: [b.BATCH_MATMUL(x, b.TRANSPOSE(y, np.int32([0, 2, 1])))], [(2, 3, 4), (2, 5, 4)], 0),
    "batch axes of a matrix product": (lambda b, x, y: [b.BATCH_MATMUL(x, b.TRANSPOSE(y, TURN))], [(4, 3, 2), (2, 3, 4)], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_transposes_left(name):
    make, shapes, expected = CASES[name]
    assert ops(graph(make, *shapes)).get("TRANSPOSE", 0) == expected


RESHAPED = {
    "bias and relu of a conv over one axis": (
        lambda b, x: b.RELU(b.ADD(b.SQUEEZE(conv_1d(b, x), squeeze_dims=(1,)), floats(4))),
        {"EXPAND_DIMS": 1, "CONV_2D": 1, "RESHAPE": 1},
    ),
    "two operands": (lambda b, x: b.ADD(b.RESHAPE(b.EXP(x), np.int32([6, 4])), b.RESHAPE(b.ABS(x), np.int32([6, 4]))), 4),
    "between two convs": (
        lambda b, x: conv_1d(b, b.ABS(b.SQUEEZE(conv_1d(b, x), squeeze_dims=(1,)))),
        {"EXPAND_DIMS": 1, "CONV_2D": 2, "ABS": 1},
    ),
    "padding between two convs": (
        lambda b, x: conv_1d(b, b.PAD(b.SQUEEZE(conv_1d(b, x), squeeze_dims=(1,)), np.int32([[0, 0], [3, 0], [0, 0]]))),
        {"EXPAND_DIMS": 1, "CONV_2D": 2, "PAD": 1},
    ),
    "padding of the dimension that goes": (
        lambda b, x: b.EXPAND_DIMS(b.PAD(b.SQUEEZE(conv_1d(b, x), squeeze_dims=(1,)), np.int32([[0, 0], [3, 0], [0, 0]])), np.int32(0)),
        {"EXPAND_DIMS": 1, "CONV_2D": 1, "PAD": 1, "RESHAPE": 1},
    ),
    "another number of channels": (lambda b, x: b.POW(b.RESHAPE(x, np.int32([4, 6])), floats(6)), {"RESHAPE": 1, "POW": 1}),
}


def conv_1d(build, x):
    x = x if len(x.shape) == 4 else build.EXPAND_DIMS(x, np.int32(1))
    return build.CONV_2D(x, floats(4, 1, 3, 4), floats(4), padding="SAME", stride_h=1, stride_w=1)


@pytest.mark.parametrize("name", RESHAPED)
def test_reshapes_move_behind(name):
    make, expected = RESHAPED[name]
    counts = ops(graph(lambda b, x: [make(b, x)], (2, 3, 4)))
    assert counts == expected or sum(counts.values()) == expected


def test_positions_that_are_computed_beside_the_turned_data_stay_in_their_order():
    def make(b, x):
        t = b.RELU(b.TRANSPOSE(x, np.int32([1, 0])))
        positions = b.CAST(b.MINIMUM(t, np.float32(1)), out=Tensor("p", (3, 2), np.dtype(np.int32)))
        return [b.TRANSPOSE(b.EXP(t), np.int32([1, 0])), b.GATHER(t, positions, axis=0)]

    optimized(graph(make, (2, 3)))


def test_quantized_tensors_are_turned_with_their_scales():
    scale = Quantization.per_tensor(0.1, 5)
    build = Builder()
    x = build.input("x", (1, 4, 4, 2), np.int8, scale)
    moved = build.TRANSPOSE(x, TO_NCHW, quantization=scale)
    y = build.RELU(moved, out=Tensor("y", (1, 2, 4, 4), np.dtype(np.int8), scale))
    z = build.TRANSPOSE(y, TO_NHWC, out=Tensor("z", (1, 4, 4, 2), np.dtype(np.int8), scale))
    model = optimized(build.outputs(z))
    assert [op.op for op in model.operators()] == ["RELU"]
    assert model.graph.outputs[0].quantization is scale
