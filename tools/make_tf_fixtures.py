"""Write tests/frontends/data: small graphs and SavedModels with TensorFlow's answers. Needs TensorFlow, which the tests do not.

python tools/make_tf_fixtures.py
"""
# mypy: disable-error-code="misc, untyped-decorator"

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

FIXTURES = Path(__file__).parents[1] / "tests" / "frontends" / "data"
raw = tf.raw_ops
random = np.random.default_rng(4)

Inputs = list[tuple[list[int | None], str]]
Case = tuple[str, Callable[..., Any], Inputs]


def weights(*shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


def unary() -> Iterator[Case]:
    names = "abs ceil cos exp floor negative round sign sin sqrt square tanh sigmoid rsqrt log log1p expm1 tan sinh cosh softplus softsign"
    for name in [*names.split(), "erf", "erfc"]:
        yield (
            name,
            getattr(tf.math, name, None) or getattr(tf.nn, name),
            [([None, 7], "positive" if "log" in name or "sqrt" in name else "f")],
        )
    for name in "relu relu6 elu selu softmax log_softmax l2_loss".split():
        yield name, getattr(tf.nn, name), [([None, 7] if name != "l2_loss" else [2, 7], "f")]
    yield "leaky_relu", lambda x: tf.nn.leaky_relu(x, 0.3), [([2, 7], "f")]
    yield "gelu", tf.nn.gelu, [([None, 7], "f")]
    yield "gelu_in_another_order", lambda x: x * (0.5 * (1 + tf.math.erf(x / np.float32(np.sqrt(2))))), [([2, 7], "f")]
    yield "reciprocal", tf.math.reciprocal, [([2, 7], "positive")]
    yield "is_nan", lambda x: tf.math.is_nan(tf.math.log(x)), [([2, 7], "f")]
    yield "is_finite", lambda x: tf.math.is_finite(tf.math.log(tf.nn.relu(x))), [([2, 7], "f")]
    yield "ones_like", lambda x: tf.ones_like(x) + tf.zeros_like(x), [([None, 7], "f")]
    yield "cast", lambda x: tf.cast(x, tf.int32), [([2, 7], "f")]


def binary() -> Iterator[Case]:
    two = [([None, 1, 5], "f"), ([3, 5], "f")]
    for (
        name
    ) in "add subtract multiply maximum minimum squared_difference divide less less_equal greater greater_equal equal not_equal".split():
        yield name, getattr(tf.math, name), two
    for name in "floordiv floormod divide_no_nan multiply_no_nan xdivy".split():
        yield name, getattr(tf.math, name), [([2, 5], "f"), ([2, 5], "positive")]
    yield "pow", tf.math.pow, [([2, 5], "positive"), ([2, 5], "f")]
    yield "logical", lambda x, y: (x > 0) & (y > 0) | tf.math.logical_xor(x < 0, ~(y < 0)), [([2, 5], "f"), ([2, 5], "f")]
    yield "select", lambda x, y: tf.where(x > y, x, y * 2), [([2, 5], "f"), ([2, 5], "f")]
    yield "select_rows", lambda x, y: raw.Select(condition=x[:, 0] > 0, x=x, y=y), [([4, 5], "f"), ([4, 5], "f")]
    yield "add_n", lambda x, y: tf.add_n([x, y, x]), [([2, 5], "f"), ([2, 5], "f")]
    yield "clip", lambda x: tf.clip_by_value(x, -0.5, 0.5), [([2, 5], "f")]


def convolutions() -> Iterator[Case]:
    image = [([None, 9, 8, 4], "f")]
    yield "conv_2d", lambda x: tf.nn.conv2d(x, weights(3, 2, 4, 5), [1, 2, 1, 1], "SAME", dilations=[1, 1, 2, 1]), image
    yield "conv_2d_groups", lambda x: tf.nn.conv2d(x, weights(3, 3, 2, 6), 1, "VALID"), image
    yield "conv_2d_explicit", lambda x: tf.nn.conv2d(x, weights(3, 3, 4, 5), 1, [[0, 0], [2, 1], [0, 3], [0, 0]]), image
    yield "depthwise", lambda x: tf.nn.depthwise_conv2d(x, weights(3, 3, 4, 2), [1, 2, 2, 1], "SAME"), image
    yield "conv_transpose", lambda x: tf.nn.conv2d_transpose(x, weights(3, 3, 5, 4), [2, 18, 16, 5], 2, "SAME"), [([2, 9, 8, 4], "f")]
    yield (
        "conv_transpose_of_any_batch",
        lambda x: tf.nn.conv2d_transpose(x, weights(3, 3, 5, 4), tf.stack([tf.shape(x)[0], 19, 17, 5]), 2, "VALID"),
        image,
    )
    yield "conv_3d", lambda x: tf.nn.conv3d(x, weights(2, 3, 3, 3, 4), [1, 1, 2, 1, 1], "SAME"), [([1, 4, 5, 6, 3], "f")]
    yield "conv_1d_dilated", lambda x: tf.nn.conv1d(x, weights(3, 4, 5), 1, "VALID", dilations=2), [([None, 20, 4], "f")]
    yield "atrous", lambda x: tf.nn.with_space_to_batch(x, [2, 2], "SAME", _conv, filter_shape=[3, 3]), [([1, 9, 8, 4], "f")]
    yield "pools", lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME") + tf.nn.max_pool2d(x, [2, 3], 2, "SAME"), image
    yield "bias", lambda x: tf.nn.bias_add(x, weights(4)), image
    yield "lrn", lambda x: tf.nn.local_response_normalization(x, 2, 1.5, 0.3, 0.6), image
    for version in ("", "V2", "V3"):
        yield f"batch_norm{version}", lambda x, v=version: _batch_norm(x, v), image
    yield "resize_bilinear", lambda x: raw.ResizeBilinear(images=x, size=[13, 5], half_pixel_centers=True), image
    yield "resize_nearest", lambda x: raw.ResizeNearestNeighbor(images=x, size=[13, 5], align_corners=True), image
    yield "space_to_batch", lambda x: tf.space_to_batch_nd(x, [3, 2], [[0, 0], [1, 1]]), image
    yield "batch_to_space", lambda x: raw.BatchToSpaceND(input=x, block_shape=[2, 2], crops=[[0, 1], [1, 0]]), [([8, 3, 4, 2], "f")]
    yield "space_to_depth", lambda x: tf.nn.space_to_depth(x, 2), [([None, 8, 6, 3], "f")]
    yield "depth_to_space", lambda x: tf.nn.depth_to_space(x, 2), image


def _conv(x: Any, number_of_spatial_dims: Any, padding: str) -> Any:
    return tf.nn.conv2d(x, weights(3, 3, 4, 5), 1, padding)


def _batch_norm(x: Any, version: str) -> Any:
    scale, offset, mean, variance = weights(4), weights(4), weights(4), np.abs(weights(4))
    call = getattr(raw, f"FusedBatchNorm{version}")
    return call(x=x, scale=scale, offset=offset, mean=mean, variance=variance, is_training=False, epsilon=0.01)[0]


def products() -> Iterator[Case]:
    yield "dense", lambda x: tf.matmul(x, weights(6, 4)), [([None, 6], "f")]
    yield "dense_turned", lambda x: tf.matmul(x, weights(4, 6), transpose_a=True, transpose_b=True), [([6, 3], "f")]
    yield "matmul", lambda x, y: tf.matmul(x, y, transpose_b=True), [([3, 6], "f"), ([5, 6], "f")]
    yield "batch_matmul", lambda x, y: tf.matmul(x, y, adjoint_a=True), [([None, 2, 6, 3], "f"), ([None, 2, 6, 5], "f")]
    yield "tensordot", lambda x: tf.tensordot(x, weights(6, 4), [[2], [0]]), [([None, 3, 6], "f")]
    for equation, one, other in [
        ("abc,cde->abde", [None, 3, 6], None),
        ("abcd,cde->abe", [None, 3, 4, 6], None),
        ("aecd,abcd->acbe", [None, 5, 2, 4], [None, 3, 2, 4]),
        ("acbe,aecd->abcd", [None, 2, 3, 5], [None, 5, 2, 4]),
        ("ij,jk->ki", [3, 4], [4, 5]),
        ("i,j->ij", [3], [4]),
        ("...ab,bc->...ac", [2, 3, 4, 5], [5, 6]),
        ("abc->cb", [2, 3, 4], ()),
    ]:
        shapes: Any = [(one, "f"), *([(other, "f")] if other else [])]
        constant = () if other is not None else (weights(*([6, 2, 4] if "bcd" not in equation else [4, 6, 5])),)
        yield f"einsum_{equation.replace('.', '_')}", lambda *x, e=equation, c=constant: tf.einsum(e, *x, *c), shapes


def shapes() -> Iterator[Case]:
    x = [([None, 4, 6], "f")]
    yield "reshape", lambda x: tf.reshape(x, [-1, 3, 8]), x
    yield "reshape_by_shape", lambda x: tf.reshape(x, tf.stack([tf.shape(x)[0], 24])), x
    yield "reshape_of_two_unknown", lambda x: tf.reshape(x, [tf.shape(x)[1], tf.shape(x)[0], 6]), [([None, None, 6], "f")]
    yield "squeeze", lambda x: tf.squeeze(tf.expand_dims(x, 2), [2]), x
    yield "transpose", lambda x: tf.transpose(x, [2, 0, 1]), x
    yield "concat", lambda x: tf.concat([x, x * 2, np.ones((2, 4, 6), np.float32)], 0), x
    yield "split", lambda x: tf.split(x, 2, 2)[1] + tf.split(x, [2, 3, 1], 2)[1], [([2, 4, 6], "f")]
    yield "stack", lambda x: tf.stack([x, x + 1], -1), x
    yield "unstack", lambda x: tf.unstack(x, axis=1)[3], x
    yield "tile", lambda x: tf.tile(x, [2, 1, 3]), x
    yield "broadcast_to", lambda x: tf.broadcast_to(x[:, :1], tf.shape(x)), x
    yield "fill", lambda x: tf.fill(tf.shape(x)[:2], 2.5), x
    yield "range", lambda x: tf.range(tf.shape(x)[1]), x
    yield "pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 3]]) + tf.pad(x, [[0, 0], [1, 2], [3, 0]], constant_values=7), x
    yield "mirror_pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 1]], "REFLECT") + tf.pad(x, [[0, 0], [1, 2], [1, 2]], "SYMMETRIC"), x
    yield "reverse", lambda x: tf.reverse(x, [0, 2]), x
    yield "reverse_sequence", lambda x: tf.reverse_sequence(x, [2, 4], 1, batch_axis=0), [([2, 4, 6], "f")]
    yield "slice", lambda x: tf.slice(x, [0, 1, 2], [-1, 2, 3]), x
    yield "strided", lambda x: x[:, 1:4:2, ::-1] + x[:, -3:-1, 5:6], [([4, 4, 6], "f")]
    yield "strided_new_axes", lambda x: x[..., tf.newaxis, 2] * x[tf.newaxis, 1:, ..., 0, 1:2], [([2, 4, 6], "f")]
    yield "gather", lambda x: tf.gather(x, [3, 0, 0], axis=1), x
    yield "gather_in_batches", lambda x: tf.gather(x, [[1, 0], [2, 3]], axis=1, batch_dims=1), [([2, 4, 6], "f")]
    yield "gather_nd", lambda x: tf.gather_nd(x, [[0, 1], [1, 3]]), [([2, 4, 6], "f")]
    yield "scatter_nd", lambda x: tf.scatter_nd([[3], [1]], x, [5, 4]), [([2, 4], "f")]
    yield "embedding", lambda x: tf.gather(weights(10, 4), x), [([None, 5], "i")]
    yield "one_hot", lambda x: tf.one_hot(x, 6, axis=1), [([None, 5], "i")]
    yield "matrix_diag", tf.linalg.diag, [([2, 4], "f")]
    yield "shape", lambda x: tf.size(x) + tf.rank(x) + tf.shape(x)[0], x


def reductions() -> Iterator[Case]:
    x = [([None, 4, 6], "f")]
    for name in "mean sum prod max min euclidean_norm".split():
        yield f"reduce_{name}", lambda x, n=name: getattr(tf.math, f"reduce_{n}")(x, [1, -1], keepdims=True), x
    yield "reduce_logical", lambda x: tf.reduce_all(x > -1, 1) | tf.reduce_any(x > 1, 1), x
    yield "argmax", lambda x: tf.argmax(x, 1), x
    yield "argmin", lambda x: tf.argmin(x, 2, tf.int32), x
    yield "cumsum", lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True), x
    yield "top_k", lambda x: tf.math.top_k(x, 3), x
    yield "segment_sum", lambda x: tf.math.segment_sum(x, [0, 0, 1]), [([3, 4], "f")]
    yield "unsorted_segments", lambda x: tf.math.unsorted_segment_sum(x, [2, 0, 2], 4), [([3, 4], "f")]
    yield "suppression", _suppress, [([6, 4], "positive"), ([6], "f")]


def _suppress(boxes: Any, scores: Any) -> Any:
    corners = tf.concat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    return raw.NonMaxSuppressionV4(
        boxes=corners, scores=scores, max_output_size=4, iou_threshold=0.3, score_threshold=-9, pad_to_max_output_size=True
    )


def control_flow() -> Iterator[Case]:
    yield "if", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - weights(5)), [([2, 5], "f")]
    yield "if_not", lambda x: tf.cond(tf.reduce_sum(x) < -99, lambda: x * 2, lambda: x - 1), [([2, 5], "f")]
    yield "while", lambda x: tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y * 1.5 + x), [0, x])[1], [([None, 5], "f")]
    yield "running_sums", _running_sums, [([None, 6, 3], "f")]
    yield "old_while", _old(lambda x: tf.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * 0.5 + x), [0, x])[1]), [([None, 5], "f")]
    yield "old_if", _old(lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - 1)), [([2, 5], "f")]
    yield "old_nested", _old(_nested), [([2, 5], "f")]
    yield "old_array", _old(_running_sums), [([2, 6, 3], "f")]


def _running_sums(x: Any) -> Any:
    """Steps read from one list, sums written into another."""
    source = tf.TensorArray(tf.float32, 6).unstack(tf.transpose(x, [1, 0, 2]))

    def step(i: Any, total: Any, out: Any) -> Any:
        total = total + source.read(i)
        return i + 1, total, out.write(i, total)

    _, _, out = tf.while_loop(lambda i, *_: i < 6, step, [0, tf.zeros_like(x[:, 0]), tf.TensorArray(tf.float32, 6)])
    return tf.transpose(out.stack(), [1, 0, 2])


def _nested(x: Any) -> Any:
    def outer(i: Any, y: Any) -> Any:
        return i + 1, tf.while_loop(lambda j, z: j < i, lambda j, z: (j + 1, z * 0.9 + x), [0, y])[1]

    return tf.while_loop(lambda i, y: i < 3, outer, [0, x])[1]


class _old:  # noqa: N801 -- marks a function whose control flow is TensorFlow 1's
    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def example(shape: list[int | None], kind: str) -> np.ndarray:
    """Unknown dimensions are 2 or, after the first, 3."""
    sizes = [n or 2 + (i > 0) for i, n in enumerate(shape)]
    if kind == "i":
        return random.integers(0, 5, sizes).astype(np.int32)
    values = random.normal(size=sizes).astype(np.float32)
    return np.abs(values) + np.float32(0.1) if kind == "positive" else values


def graph_and_answers(case: Case) -> tuple[bytes, list[np.ndarray], list[np.ndarray]]:
    """A frozen graph whose outputs are called out_0, out_1 …, inputs, and what TensorFlow makes of them."""
    _, function, inputs = case
    values = [example(shape, kind) for shape, kind in inputs]
    is_old = isinstance(function, _old)
    (tf.compat.v1.disable_control_flow_v2 if is_old else tf.compat.v1.enable_control_flow_v2)()
    (tf.compat.v1.disable_tensor_equality if is_old else tf.compat.v1.enable_tensor_equality)()
    with tf.Graph().as_default() as graph:
        places = [
            tf.compat.v1.placeholder(value.dtype, shape, f"in_{i}")
            for i, (value, (shape, _)) in enumerate(zip(values, inputs, strict=True))
        ]
        results = function(*places)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        outputs = [tf.identity(y, f"out_{i}") for i, y in enumerate(results)]
        with tf.compat.v1.Session() as session:
            answers = session.run(outputs, dict(zip(places, values, strict=True)))
        definition = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), [y.op.name for y in outputs])
    return definition.SerializeToString(), values, answers


def make_graphs() -> None:
    contents: dict[str, Any] = {}
    for family in (unary, binary, convolutions, products, shapes, reductions, control_flow):
        for case in family():
            graph, inputs, answers = graph_and_answers(case)
            contents[f"{case[0]}/graph"] = np.frombuffer(graph, np.uint8)
            contents |= {f"{case[0]}/in_{i}": x for i, x in enumerate(inputs)}
            contents |= {f"{case[0]}/out_{i}": np.asarray(y) for i, y in enumerate(answers)}
    np.savez_compressed(FIXTURES / "tf_graphs.npz", **contents)


class Several(tf.Module):
    """Signatures: a layer, a count that lasts, a table. Another says the same as the first."""

    def __init__(self) -> None:
        self.kernel = tf.Variable(weights(3, 2), name="kernel")
        self.count = tf.Variable(0.0, name="count", trainable=False)
        entries = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], np.array([3, 5], np.int64))
        self.table = tf.lookup.StaticHashTable(entries, -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
    def dense(self, x: Any) -> Any:
        return {"y": tf.nn.relu(x @ self.kernel)}

    @tf.function(input_signature=[tf.TensorSpec([3], name="x")])
    def step(self, x: Any) -> Any:
        self.count.assign_add(tf.reduce_sum(x))
        return {"count": self.count.read_value()}

    @tf.function(input_signature=[tf.TensorSpec([3], tf.string, name="words")])
    def lookup(self, words: Any) -> Any:
        return {"numbers": self.table.lookup(words)}


def make_saved_model() -> None:
    model = Several()
    folder = FIXTURES / "saved_model"
    shutil.rmtree(folder, ignore_errors=True)
    dense = model.dense.get_concrete_function()
    others = {name: getattr(model, name).get_concrete_function() for name in ("step", "lookup")}
    tf.saved_model.save(model, str(folder), {"serving_default": dense, "again": dense, **others})
    (folder / "fingerprint.pb").unlink()
    (folder / "assets").rmdir()
    np.save(folder / "kernel.npy", model.kernel.numpy())


def make_old_saved_model() -> None:
    """As TensorFlow 1 saved them: variables are nodes, restored by nodes."""
    folder = FIXTURES / "old_saved_model"
    shutil.rmtree(folder, ignore_errors=True)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        plain = v1.get_variable("plain", initializer=weights(3, 2), use_resource=False)
        resource = v1.get_variable("resource", initializer=weights(2), use_resource=True)
        y = tf.add(tf.matmul(x, plain), resource, name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": y})
        value = example([2, 3], "f")
        np.savez(folder / "golden.npz", x=value, y=session.run(y, {x: value}))


if __name__ == "__main__":
    make_graphs()
    make_saved_model()
    make_old_saved_model()
