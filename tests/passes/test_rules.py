"""Each rule: a graph where it must fire, seen in the operators that are left, and one where it must not."""

import numpy as np
import pytest

from tachylite import Builder, Graph, Model, TachyliteError, Tensor
from tachylite.model.graph import Quantization, Signature
from tachylite.passes import dead, optimize
from tachylite.passes.runner import Pass, run

from .checking import batched, evaluation, floats, ops, optimized

SCALE = Quantization.per_tensor(0.05, 3)


def graph(make, *shapes, dtype=np.float32):
    """The graph of `make(build, *inputs)`."""
    build = Builder()
    result = make(build, *(build.input(f"x{i}", shape, dtype) for i, shape in enumerate(shapes)))
    return build.outputs(*(result if isinstance(result, list | tuple) else [result]))


def left(make, *shapes, dtype=np.float32):
    """The operators that optimizing leaves of `make(build, *inputs)`, with NEG before the output so that it can take any name."""
    return ops(graph(make, *shapes, dtype=dtype))


def ints(*values):
    return np.array(values, np.int32)


def conv(build, x, out=4, size=3, padding="SAME", groups=1, activation="NONE", stride=1):
    weights = floats(out, size, size, x.shape[-1] // groups)
    options = {"stride_h": stride, "stride_w": stride, "fused_activation_function": activation}
    return build.CONV_2D(x, weights, floats(out, seed=2), padding=padding, **options)


def depthwise(build, x, multiplier=2, padding="SAME"):
    weights = floats(1, 3, 3, x.shape[-1] * multiplier)
    return build.DEPTHWISE_CONV_2D(x, weights, padding=padding, stride_h=1, stride_w=1, depth_multiplier=multiplier)


def dense(build, x, out=5, inputs=None, **options):
    return build.FULLY_CONNECTED(x, floats(out, inputs or x.shape[-1]), None, **options)


IMAGE = (1, 6, 7, 4)

FIRES = {
    "fold": (lambda b, x: b.ADD(x, b.MUL(floats(4), floats(4, seed=2))), [IMAGE], {"ADD": 1}),
    "fold a shape": (lambda b, x: b.RESHAPE(x, b.SHAPE(x, out_type="INT32")), [(2, 3)], {"RESHAPE": 1}),
    "dead": (lambda b, x: [b.NEG(x), b.EXP(x)][0], [IMAGE], {"NEG": 1}),
    "same reshape": (lambda b, x: b.NEG(b.RESHAPE(x, ints(2, 3))), [(2, 3)], {"NEG": 1}),
    "same slice": (lambda b, x: b.NEG(b.SLICE(x, ints(0, 0), ints(-1, 3))), [(2, 3)], {"NEG": 1}),
    "same strided slice": (lambda b, x: b.NEG(b.STRIDED_SLICE(x, ints(0, 0), ints(2, 3), ints(1, 1))), [(2, 3)], {"NEG": 1}),
    "no padding": (lambda b, x: b.NEG(b.PAD(x, np.zeros((2, 2), np.int32))), [(2, 3)], {"NEG": 1}),
    "one tile": (lambda b, x: b.NEG(b.TILE(x, ints(1, 1))), [(2, 3)], {"NEG": 1}),
    "concatenation of one": (lambda b, x: b.NEG(b.CONCATENATION(x, axis=1)), [(2, 3)], {"NEG": 1}),
    "split into one": (lambda b, x: b.NEG(b.SPLIT(ints(1)[0], x, num_splits=1)), [(2, 3)], {"NEG": 1}),
    "same transpose": (lambda b, x: b.NEG(b.TRANSPOSE(x, ints(0, 1))), [(2, 3)], {"NEG": 1}),
    "same cast": (lambda b, x: b.NEG(b.CAST(x, out=Tensor("y", (2, 3), np.dtype(np.float32)))), [(2, 3)], {"NEG": 1}),
    "x * 1": (lambda b, x: b.NEG(b.MUL(np.float32(1), x)), [(2, 3)], {"NEG": 1}),
    "x + 0": (lambda b, x: b.NEG(b.ADD(x, np.zeros(3, np.float32))), [(2, 3)], {"NEG": 1}),
    "x - 0": (lambda b, x: b.NEG(b.SUB(x, np.float32(0))), [(2, 3)], {"NEG": 1}),
    "relu of x + 0": (lambda b, x: b.ADD(x, np.float32(0), fused_activation_function="RELU"), [(2, 3)], {"RELU": 1}),
    "minus minus": (lambda b, x: b.EXP(b.NEG(b.NEG(x))), [(2, 3)], {"EXP": 1}),
    "abs of abs": (lambda b, x: b.ABS(b.ABS(x)), [(2, 3)], {"ABS": 1}),
    "reshape of reshape": (lambda b, x: b.RESHAPE(b.EXPAND_DIMS(x, ints(0)[0]), ints(3, 2)), [(2, 3)], {"RESHAPE": 1}),
    "there and back": (lambda b, x: b.NEG(b.SQUEEZE(b.EXPAND_DIMS(x, ints(0)[0]), squeeze_dims=(0,))), [(2, 3)], {"NEG": 1}),
    "transposes that cancel": (lambda b, x: b.NEG(b.TRANSPOSE(b.TRANSPOSE(x, ints(2, 0, 1)), ints(1, 2, 0))), [(2, 3, 4)], {"NEG": 1}),
    "transposes that join": (lambda b, x: b.TRANSPOSE(b.TRANSPOSE(x, ints(2, 0, 1)), ints(2, 0, 1)), [(2, 3, 4)], {"TRANSPOSE": 1}),
    "transpose of a 1": (lambda b, x: b.TRANSPOSE(x, ints(1, 0, 2)), [(2, 1, 4)], {"RESHAPE": 1}),
    "pad of pad": (lambda b, x: b.PAD(b.PAD(x, ints(1, 2, 0, 0).reshape(2, 2)), ints(0, 1, 1, 0).reshape(2, 2)), [(2, 3)], {"PAD": 1}),
    "pad to same": (
        lambda b, x: conv(b, b.PAD(x, ints(0, 0, 1, 1, 1, 1, 0, 0).reshape(4, 2)), padding="VALID"),
        [IMAGE],
        {"CONV_2D": 1},
    ),
    "pad to same, strides": (
        lambda b, x: conv(b, b.PAD(x, ints(0, 0, 0, 1, 1, 1, 0, 0).reshape(4, 2)), padding="VALID", stride=2),
        [IMAGE],
        {"CONV_2D": 1},
    ),
    "division": (lambda b, x: b.DIV(x, floats(3)), [(2, 3)], {"MUL": 1}),
    "subtraction": (lambda b, x: b.SUB(x, floats(3)), [(2, 3)], {"ADD": 1}),
    "broadcast": (lambda b, x, y: b.ADD(x, b.BROADCAST_TO(y, ints(2, 3))), [(2, 3), (3,)], {"ADD": 1}),
    "flatten and dense": (lambda b, x: dense(b, b.RESHAPE(x, ints(1, 168)), inputs=168), [IMAGE], {"FULLY_CONNECTED": 1}),
    "dense of rows": (
        lambda b, x: b.RESHAPE(dense(b, b.RESHAPE(x, ints(6, 4))), ints(2, 3, 5)),
        [(2, 3, 4)],
        {"FULLY_CONNECTED": 1},
    ),
    "common subexpression": (lambda b, x: b.ADD(b.EXP(x), b.ABS(b.EXP(x))), [(2, 3)], {"EXP": 1, "ABS": 1, "ADD": 1}),
    "common constants": (lambda b, x: b.ADD(b.POW(x, floats(3)), b.EXP(b.POW(x, floats(3)))), [(2, 3)], {"POW": 1, "EXP": 1, "ADD": 1}),
    "conv and batch norm": (lambda b, x: b.ADD(b.MUL(conv(b, x), floats(4)), floats(4, seed=3)), [IMAGE], {"CONV_2D": 1}),
    "conv, sub, div, relu": (lambda b, x: b.RELU(b.DIV(b.SUB(conv(b, x), floats(4)), np.float32(3))), [IMAGE], {"CONV_2D": 1}),
    "constant minus conv": (lambda b, x: b.SUB(floats(4), conv(b, x)), [IMAGE], {"CONV_2D": 1}),
    "minus conv": (lambda b, x: b.NEG(conv(b, x)), [IMAGE], {"CONV_2D": 1}),
    "depthwise and batch norm": (lambda b, x: b.ADD(b.MUL(depthwise(b, x), floats(8)), floats(8)), [IMAGE], {"DEPTHWISE_CONV_2D": 1}),
    "dense and batch norm": (lambda b, x: b.ADD(b.MUL(dense(b, x), floats(5)), floats(1, 5)), [(3, 4)], {"FULLY_CONNECTED": 1}),
    "transposed conv and batch norm": (
        lambda b, x: b.MUL(b.TRANSPOSE_CONV(ints(1, 6, 7, 2), floats(2, 3, 3, 4), x, padding="SAME", stride_h=1, stride_w=1), floats(2)),
        [IMAGE],
        {"TRANSPOSE_CONV": 1},
    ),
    "scale before conv": (lambda b, x: conv(b, b.MUL(x, floats(4))), [IMAGE], {"CONV_2D": 1}),
    "scale before groups": (lambda b, x: conv(b, b.MUL(x, floats(4)), groups=2), [IMAGE], {"CONV_2D": 1}),
    "batch norm before conv": (lambda b, x: conv(b, b.ADD(b.MUL(x, floats(4)), floats(4)), padding="VALID"), [IMAGE], {"CONV_2D": 1}),
    "batch norm before 1x1": (lambda b, x: conv(b, b.ADD(b.MUL(x, floats(4)), floats(4)), size=1), [IMAGE], {"CONV_2D": 1}),
    "batch norm before depthwise": (
        lambda b, x: depthwise(b, b.ADD(b.MUL(x, floats(4)), floats(4)), padding="VALID"),
        [IMAGE],
        {"DEPTHWISE_CONV_2D": 1},
    ),
    "batch norm before flat dense": (lambda b, x: dense(b, b.ADD(x, floats(4)), inputs=168), [IMAGE], {"FULLY_CONNECTED": 1}),
    "x * a * b": (lambda b, x: b.MUL(b.MUL(x, floats(3)), floats(3)), [(2, 3)], {"MUL": 1}),
    "x + a + b": (lambda b, x: b.ADD(b.ADD(x, floats(3)), np.float32(2)), [(2, 3)], {"ADD": 1}),
    "(x + a) * b + c": (lambda b, x: b.ADD(b.MUL(b.ADD(x, floats(3)), floats(3)), floats(3)), [(2, 3)], {"MUL": 1, "ADD": 1}),
    "relu of relu6": (lambda b, x: b.RELU(b.RELU6(x)), [(2, 3)], {"RELU6": 1}),
    "clip is relu6": (lambda b, x: b.MINIMUM(b.MAXIMUM(x, np.float32(0)), np.float32(6)), [(2, 3)], {"RELU6": 1}),
    "clip is relu6, upside down": (lambda b, x: b.MAXIMUM(np.float32(0), b.MINIMUM(x, np.float32(6))), [(2, 3)], {"RELU6": 1}),
    "relu into conv": (lambda b, x: b.RELU(conv(b, x)), [IMAGE], {"CONV_2D": 1}),
    "relu6 into conv with relu": (lambda b, x: b.RELU6(conv(b, x, activation="RELU")), [IMAGE], {"CONV_2D": 1}),
    "clip into conv": (lambda b, x: b.MAXIMUM(b.MINIMUM(conv(b, x), np.float32(1)), np.float32(-1)), [IMAGE], {"CONV_2D": 1}),
    "relu into add": (lambda b, x, y: b.RELU(b.ADD(x, y)), [(2, 3), (2, 3)], {"ADD": 1}),
    "relu into a pool": (
        lambda b, x: b.RELU(b.MAX_POOL_2D(x, padding="VALID", stride_h=2, stride_w=2, filter_height=2, filter_width=2)),
        [IMAGE],
        {"MAX_POOL_2D": 1},
    ),
}


@pytest.mark.parametrize("name", FIRES)
def test_fires(name):
    make, shapes, expected = FIRES[name]
    assert left(make, *shapes) == expected


def _shared_weights(b, x, y):
    weights = b.constant(floats(4, 3, 3, 4))
    bias = np.zeros(4, np.float32)
    one, two = (b.CONV_2D(t, weights, bias, padding="SAME", stride_h=1, stride_w=1) for t in (x, y))
    return [b.MUL(one, floats(4)), two]


HOLDS = {
    "a large fill": (lambda b, x: b.ADD(x, b.FILL(ints(100, 100), np.float32(2))), [(100, 100)], {"FILL": 1, "ADD": 1}),
    "another shape": (lambda b, x: b.RESHAPE(x, ints(3, 2)), [(2, 3)], {"RESHAPE": 1}),
    "a part": (lambda b, x: b.SLICE(x, ints(0, 1), ints(2, 2)), [(2, 3)], {"SLICE": 1}),
    "backwards": (
        lambda b, x: b.STRIDED_SLICE(x, ints(0, 0), ints(0, 3), ints(-1, 1), begin_mask=3, end_mask=3),
        [(2, 3)],
        {"STRIDED_SLICE": 1},
    ),
    "an operand that broadcasts": (lambda b, x: b.MUL(x, np.ones((2, 3), np.float32)), [(3,)], {"MUL": 1}),
    "another constant": (lambda b, x: b.ADD(x, np.float32([0, 1, 0])), [(2, 3)], {"ADD": 1}),
    "a transpose": (lambda b, x: b.TRANSPOSE(x, ints(1, 0)), [(2, 3)], {"TRANSPOSE": 1}),
    "pads of two values": (
        lambda b, x: b.PADV2(b.PADV2(x, ints(1, 1, 1, 1).reshape(2, 2), np.float32(1)), ints(1, 1, 1, 1).reshape(2, 2), np.float32(2)),
        [(2, 3)],
        {"PADV2": 2},
    ),
    "pads that are not SAME": (
        lambda b, x: conv(b, b.PAD(x, ints(0, 0, 1, 0, 1, 1, 0, 0).reshape(4, 2)), padding="VALID"),
        [IMAGE],
        {"PAD": 1, "CONV_2D": 1},
    ),
    "symmetric pads, strides": (
        lambda b, x: conv(b, b.PAD(x, ints(0, 0, 1, 1, 1, 1, 0, 0).reshape(4, 2)), padding="VALID", stride=2),
        [IMAGE],
        {"PAD": 1, "CONV_2D": 1},
    ),
    "a product read twice": (lambda b, x: [b.NEG(c := conv(b, x)), b.EXP(c)], [IMAGE], {"CONV_2D": 1, "NEG": 1, "EXP": 1}),
    "activation between": (lambda b, x: b.MUL(conv(b, x, activation="RELU"), floats(4)), [IMAGE], {"CONV_2D": 1, "MUL": 1}),
    "not per channel": (lambda b, x: b.MUL(conv(b, x), floats(6, 1, 1)), [IMAGE], {"CONV_2D": 1, "MUL": 1}),
    "shared weights": (_shared_weights, [IMAGE, IMAGE], {"CONV_2D": 2, "MUL": 1}),
    "offset before padding": (lambda b, x: conv(b, b.ADD(x, floats(4))), [IMAGE], {"ADD": 1, "CONV_2D": 1}),
    "activation before conv": (
        lambda b, x: conv(b, b.MUL(x, floats(4), fused_activation_function="RELU")),
        [IMAGE],
        {"MUL": 1, "CONV_2D": 1},
    ),
    "tanh": (lambda b, x: b.TANH(conv(b, x)), [IMAGE], {"CONV_2D": 1, "TANH": 1}),
    "clip to other limits": (lambda b, x: b.MINIMUM(conv(b, x), np.float32(5)), [IMAGE], {"CONV_2D": 1, "MINIMUM": 1}),
    "relu of a concatenation": (lambda b, x: b.RELU(b.CONCATENATION(x, x, axis=0)), [(2, 3)], {"CONCATENATION": 1, "RELU": 1}),
    "two operators": (lambda b, x: b.ADD(b.EXP(x), b.SQUARE(x)), [(2, 3)], {"EXP": 1, "SQUARE": 1, "ADD": 1}),
}


@pytest.mark.parametrize("name", HOLDS)
def test_holds(name):
    make, shapes, expected = HOLDS[name]
    assert left(make, *shapes) == expected


# Quantized graphs.


def quantized(make):
    build = Builder()
    x = build.input("x", IMAGE, np.int8, SCALE)
    return build.outputs(make(build, x))


def tensor(name="y", shape=IMAGE, quantization=SCALE):
    return Tensor(name, shape, np.dtype(np.int8), quantization)


def int8_conv(build, x, quantization=SCALE):
    weights = build.constant(np.arange(144, dtype=np.int8).reshape(4, 3, 3, 4), quantization=Quantization.per_tensor(0.01))
    bias = build.constant(ints(1, 2, 3, 4), quantization=Quantization.per_tensor(0.0005))
    return build.CONV_2D(x, weights, bias, padding="SAME", stride_h=1, stride_w=1, out=tensor("c", quantization=quantization))


def test_relu_goes_into_integers_on_one_scale_alone():
    assert ops(quantized(lambda b, x: b.RELU(int8_conv(b, x), out=tensor()))) == {"CONV_2D": 1}
    other = Quantization.per_tensor(0.1, -4)
    assert ops(quantized(lambda b, x: b.RELU(int8_conv(b, x), out=tensor(quantization=other)))) == {"CONV_2D": 1, "RELU": 1}


def test_quantized_products_are_left_alone():
    def product(b, x):
        factor = b.constant(np.full(4, 20, np.int8), quantization=Quantization.per_tensor(0.05))
        return b.MUL(int8_conv(b, x), factor, out=tensor())

    assert ops(quantized(product)) == {"CONV_2D": 1, "MUL": 1}


def test_a_round_trip_through_floats_goes():
    def trip(b, x):
        real = b.DEQUANTIZE(int8_conv(b, x), out=Tensor("r", IMAGE, np.dtype(np.float32)))
        return b.RELU(b.QUANTIZE(real, out=tensor("q")), out=tensor())

    assert ops(quantized(trip)) == {"CONV_2D": 1}


# What stays as it is: names, order, control flow, signatures.


def test_outputs_that_are_inputs_or_each_other_keep_their_operators():
    made = graph(lambda b, x: [b.RESHAPE(x, ints(2, 3)), (y := b.NEG(x)), b.RESHAPE(y, ints(2, 3))], (2, 3))
    assert ops(made) == {"RESHAPE": 2, "NEG": 1}


def test_an_output_takes_its_name_along():
    build = Builder()
    x = build.input("x", (2, 3))
    y = build.RESHAPE(build.NEG(x, name="inner"), ints(2, 3), name="outer")
    model = optimized(build.outputs(y))
    assert [(op.op, op.outputs[0].name) for op in model.operators()] == [("NEG", "outer")]
    assert model.graph.outputs == [y]


def test_what_a_signature_names_stays():
    build = Builder()
    x = build.input("x", (2, 3))
    inner = build.RESHAPE(x, ints(2, 3), name="inner")
    made = build.outputs(build.NEG(inner))
    model = Model([made], [Signature("serve", made, {"x": x}, {"inner": inner, "y": made.outputs[0]})])
    assert ops(model) == {"RESHAPE": 1, "NEG": 1}


def test_branches_are_optimized_and_uncalled_graphs_go():
    def branch(name, op):
        inner = Builder(Graph(name))
        return inner.outputs(getattr(inner, op)(inner.ADD(inner.input("v", (2, 3)), np.float32(0))))

    build = Builder()
    condition, x = build.input("c", (), np.bool_), build.input("x", (2, 3))
    y = build.IF(condition, x, subgraphs=[branch("then", "NEG"), branch("else", "EXP")])
    model = Model.of(build.outputs(y))
    model.graphs.append(branch("nobody", "ABS"))
    assert ops(model) == {"IF": 1, "NEG": 1, "EXP": 1}
    assert len(model.graphs) == 3


def test_shapes_that_a_loop_changes_are_not_taken_for_fixed():
    from ..program.graphs import less_than, while_loop

    body = Builder(Graph("body"))
    i, row = body.input("i", (), np.int32), body.input("row", (1,), np.int32)
    size = body.SLICE(body.SHAPE(row, out_type="INT32"), ints(0), ints(1))
    grown = body.CONCATENATION(row, size, axis=0)
    made = body.outputs(body.ADD(i, body.constant(1)), grown)
    build = Builder()
    _, rows = while_loop(build, less_than(3, 0, (), (1,)), made, build.constant(np.int32(0)), build.input("row", (1,), np.int32))
    model = optimized(build.outputs(build.NEG(rows)))
    assert "SHAPE" in [op.op for op in model.operators()]


def test_sources_are_joined():
    build = Builder()
    y = build.RELU(conv(build, build.input("x", IMAGE)))
    made = build.outputs(y)
    for op, source in zip(made.operators, ("layer/conv", "layer/relu"), strict=True):
        op.source = source
    assert [op.source for op in optimized(made).operators()] == ["layer/relu; layer/conv"]


# Unknown dimensions.


def flatten(build, x):
    """x[b, ...] to [b, -1], as TensorFlow writes it: the batch is read from the shape."""
    batch = build.STRIDED_SLICE(build.SHAPE(x, out_type="INT32"), ints(0), ints(1), ints(1), shrink_axis_mask=1)
    shape = build.PACK(batch, ints(12)[0], values_count=2, axis=0)
    return build.RESHAPE(x, shape, out=Tensor("flat", (1, 12), np.dtype(np.float32)))


def run_batch(model, made, batch=5):
    return evaluation(made, batch=batch)(model)


@pytest.mark.parametrize("reshape", [flatten, lambda b, x: b.RESHAPE(x, ints(1, 12)), lambda b, x: b.RESHAPE(x, ints(1, -1))])
def test_a_batch_is_computed_or_baked_in(reshape):
    build = Builder()
    x = batched(build, "x", 3, 4)
    made = build.outputs(build.EXP(reshape(build, x)))
    model = optimized(made)
    assert [op.op for op in model.operators()] == ["EXP", "RESHAPE"]
    assert [t.shape_signature for t in made.outputs] == [(-1, 12)]
    (result,) = run_batch(model, made)
    assert result.shape == (5, 12)


def test_an_unknown_batch_is_not_taken_for_one():
    build = Builder()
    x = batched(build, "x", 3, 4)
    model = optimized(build.outputs(build.TRANSPOSE(x, ints(1, 0, 2))))
    assert [op.op for op in model.operators()] == ["TRANSPOSE"]


def test_steps_of_an_unknown_batch_are_not_taken_for_it():
    """Rows of 3 steps in any batch, as steps again."""
    build = Builder()
    x = batched(build, "x", 3, 4)
    rows = build.RESHAPE(build.TRANSPOSE(x, ints(1, 0, 2)), ints(-1, 4))
    made = build.outputs(build.TRANSPOSE(build.RESHAPE(build.EXP(rows), ints(3, -1, 4)), ints(1, 0, 2)))
    model = optimized(made)
    (result,) = run_batch(model, made)
    assert result.shape == (5, 3, 4)


# The runner.


def test_a_wrong_pass_is_named():
    def spoil(target, keep):
        for op in target.operators:
            op.op = "EXP"
        return True

    made = graph(lambda b, x: b.NEG(x), (2, 3))
    with pytest.raises(TachyliteError, match="pass 'spoil' changes output 0 by"):
        run(Model.of(made), [dead.DEAD, Pass("spoil", spoil)], evaluation(made))


def test_passes_that_never_end_are_named():
    made = graph(lambda b, x: b.NEG(x), (2, 3))
    with pytest.raises(TachyliteError, match="the passes restless still change the model"):
        run(Model.of(made), [Pass("restless", lambda target, keep: True)])


def test_the_model_is_changed_in_place():
    model = Model.of(graph(lambda b, x: b.NEG(b.ADD(x, np.float32(0))), (2, 3)))
    assert optimize(model) is model
    assert len(model.graph.operators) == 1
