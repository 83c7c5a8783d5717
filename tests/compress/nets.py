"""Small float nets of several kinds."""

import numpy as np

from tachylite import Builder, Model
from tachylite.model.graph import Signature

from .harness import floats

SAME = {"padding": "SAME", "stride_h": 1, "stride_w": 1}


def picture_net() -> Model:
    """Convolutions with a branch that is added and one that is concatenated, ending in probabilities; with a signature."""
    build = Builder()
    x = build.input("picture", (1, 8, 8, 3))
    y = build.CONV_2D(x, floats(8, 3, 3, 3, seed=1, scale=0.3), floats(8, seed=2), name="first", fused_activation_function="RELU6", **SAME)
    weights = floats(1, 3, 3, 8, seed=3, scale=0.3)
    z = build.DEPTHWISE_CONV_2D(y, weights, floats(8, seed=4), name="depth", depth_multiplier=1, **SAME)
    y = build.ADD(y, z, name="sum")
    y = build.CONCATENATION(y, build.LOGISTIC(z, name="gate"), axis=3, name="joined")
    y = build.MAX_POOL_2D(y, padding="VALID", stride_h=2, stride_w=2, filter_height=2, filter_width=2, name="pooled")
    y = build.MEAN(y, np.array([1, 2], np.int32), name="mean")
    y = build.FULLY_CONNECTED(y, floats(10, 16, seed=5), floats(10, seed=6), name="logits")
    y = build.SOFTMAX(y, beta=1.0, name="probabilities")
    model = Model.of(build.outputs(y))
    model.signatures = [Signature("serve", model.graph, {"image": x}, {"scores": y})]
    return model


def dense_net(size=64) -> Model:
    """Three layers of matrices; the first is large."""
    build = Builder()
    x = build.input("x", (1, size))
    y = build.FULLY_CONNECTED(x, floats(size, size, seed=1) / 8, floats(size, seed=2), name="wide", fused_activation_function="RELU")
    y = build.FULLY_CONNECTED(y, floats(size, size, seed=3) / 8, floats(size, seed=4), name="middle")
    return Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(4, size, seed=5), name="narrow")))


def loop_net() -> Model:
    """x is multiplied by weights until a count is reached: the layer stands in the body of a WHILE."""
    condition = Builder()
    condition.graph.name = "condition"
    counted = condition.input("n", (), np.int32)
    condition.input("v", (1, 8))
    condition.outputs(condition.LESS(counted, np.int32(3)))
    body = Builder()
    body.graph.name = "body"
    counted, v = body.input("n", (), np.int32), body.input("v", (1, 8))
    stepped = body.TANH(body.FULLY_CONNECTED(v, floats(8, 8, seed=1), floats(8, seed=2), name="layer"), name="activation")
    body.outputs(body.ADD(counted, np.int32(1)), stepped)
    build = Builder()
    x = build.input("x", (1, 8))
    _, y = build.WHILE(np.int32(0), x, subgraphs=[condition.graph, body.graph])
    return Model.of(build.outputs(build.MUL(y, np.float32(2), name="doubled")))


def recurrent_net(*, time_major=False, coupled=False, cells=6, inputs=4, times=5) -> Model:
    """An LSTM and a layer on its last output."""
    build = Builder()
    x = build.input("x", (times, 1, inputs) if time_major else (1, times, inputs))
    present = [not coupled, True, True, True]
    weights = [floats(cells, inputs, seed=i) if p else None for i, p in enumerate(present)]
    recurrent = [floats(cells, cells, seed=4 + i, scale=0.5) if p else None for i, p in enumerate(present)]
    biases = [floats(cells, seed=8 + i) if p else None for i, p in enumerate(present)]
    state = [build.variable(name, (1, cells)) for name in ("h", "c")]
    operands = [x, *weights, *recurrent, None, None, None, *biases, None, None, *state, None, None, None, None]
    options = {"fused_activation_function": "TANH", "time_major": time_major, "cell_clip": 10.0}
    y = build.UNIDIRECTIONAL_SEQUENCE_LSTM(*operands, name="sequence", **options)
    return Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(3, cells, seed=20), floats(3), keep_num_dims=True, name="answer")))
