"""A new last layer for transfer learning."""

from typing import Any

import numpy as np

from tachylite.compress.calibrate import open_model
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Operator, Signature, Tensor
from tachylite.ops.builder import Builder
from tachylite.passes import dead
from tachylite.passes.runner import run

HEAD = "head"
"""What the names of the new layer's weights begin with, for `trainable`."""


def add_head(model: Any, classes: int, *, features: str | None = None, seed: int = 0) -> Model:
    """The model with a new dense layer and a SOFTMAX, `classes` wide, in place of its last layer.

    model: a path, bytes or a Model with one output. features: the name of the tensor that the new layer reads; without it, what the last
    FULLY_CONNECTED or the last convolution over a single pixel reads. Pictures of features are averaged. The weights `head/weights` and
    `head/bias` begin at random, by the seed, so that `make_trainable(…, trainable="head/*")` trains the new layer alone.
    Raises TachyliteError where there is no such tensor, or no such layer.
    """
    if classes < 2:
        raise TachyliteError(f"classes is {classes}; a head tells at least two apart")
    result = open_model(model).copy()
    graph = result.graph
    x = _features(graph, features)
    build = Builder(graph)
    if len(x.shape) == 4:
        x = build.MEAN(x, np.array([1, 2], np.int32), name=f"{HEAD}/features")
    if len(x.shape) != 2:
        raise TachyliteError(f"features {x.name!r} have shape {list(x.shape)}; a head needs [batch, n] or [batch, height, width, n]")
    bound = np.sqrt(1 / x.shape[1])
    weights = np.random.default_rng(seed).uniform(-bound, bound, (classes, x.shape[1])).astype(np.float32)
    bias = build.constant(np.zeros(classes, np.float32), f"{HEAD}/bias")
    logits = build.FULLY_CONNECTED(x, build.constant(weights, f"{HEAD}/weights"), bias, name=f"{HEAD}/logits")
    y = build.SOFTMAX(logits, beta=1.0, name=f"{HEAD}/classes")
    if graph.inputs[0].shape_signature is not None:
        y.shape_signature = (-1, classes)
    old = graph.outputs
    graph.outputs = [y]
    result.signatures = [_with_output(s, old, y) for s in result.signatures if s.graph is graph]
    result.files.clear()  # the labels of the old classes
    run(result, [dead.DEAD])
    result.verify()
    return result


def _features(graph: Graph, name: str | None) -> Tensor:
    if name is not None:
        found = next((t for t in graph.tensors if t.name == name and not t.is_constant), None)
        if found is None:
            raise TachyliteError(f"there is no tensor {name!r}; `tachylite inspect` shows which there are")
        return found
    if len(graph.outputs) != 1:
        raise TachyliteError(f"the model has {len(graph.outputs)} outputs; say by `features` what the new layer reads")
    last = next((op for op in reversed(graph.operators) if _is_classifier(op)), None)
    if last is None or last.inputs[0] is None:
        raise TachyliteError("no FULLY_CONNECTED, and no convolution over a single pixel, is a last layer; say by `features` what to read")
    return last.inputs[0]


def _is_classifier(op: Operator) -> bool:
    return op.op == "FULLY_CONNECTED" or (op.op == "CONV_2D" and op.outputs[0].shape[1:3] == (1, 1))


def _with_output(signature: Signature, old: list[Tensor], new: Tensor) -> Signature:
    name = next((name for name, t in signature.outputs.items() if t in old), new.name)
    return Signature(signature.key, signature.graph, signature.inputs, {name: new})
