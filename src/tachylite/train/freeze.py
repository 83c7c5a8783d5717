"""From a trainable model back to a plain one: variables become constants again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tachylite.compress.calibrate import open_model
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Operator, Signature, Tensor
from tachylite.passes import dead
from tachylite.passes.runner import run
from tachylite.runtime import checkpoint
from tachylite.runtime.interpreter import Interpreter

from .signatures import METADATA, settings_of


def freeze(model: Any, trained: Any = None) -> Model:
    """The model that `infer` runs, with what was learned as constants: what it was before it was made trainable.

    model: a trainable one, as a path, bytes or a Model. trained: what its variables are: an Interpreter, what `fit` returned, the path of a
    checkpoint, or arrays by name; None for the initial values. Raises TachyliteError where one does not belong to the other, OSError.
    """
    source = open_model(model)
    settings_of(source)
    graph = next(s.graph for s in source.signatures if s.key == "infer")
    result = Model([graph], [s for s in source.signatures if s.key == "infer"]).copy()
    values, (whole,), (signature,) = _values(source, trained), result.graphs, result.signatures
    whole.operators = _with_constants(whole, values)
    metadata = {name: content for name, content in source.metadata.items() if name != METADATA}
    result = Model([whole], [_named(signature)], metadata, source.description, dict(source.files))
    run(result, [dead.DEAD])
    result.verify()
    return result


def _named(signature: Signature) -> Signature:
    return replace(signature, key="serving_default")


def _values(model: Model, trained: Any) -> Mapping[str, np.ndarray]:
    if isinstance(trained, Mapping):
        return trained
    if isinstance(trained := getattr(trained, "interpreter", trained), Interpreter):
        return checkpoint.variables(trained)
    interpreter = Interpreter(model_content=model)
    if trained is not None:
        interpreter.load_checkpoint(trained)
    return checkpoint.variables(interpreter)


def _with_constants(graph: Graph, values: Mapping[str, np.ndarray]) -> list[Operator]:
    """The operators without those that handle variables; their values become constants, at the tensors that they were read to."""
    handles = {op.outputs[0]: op.options.shared_name for op in graph.operators if op.op == "VAR_HANDLE"}
    for op in graph.operators:
        if op.op == "READ_VARIABLE":
            _set(op.outputs[0], values, handles[op.inputs[0]] if op.inputs[0] is not None else "")
    return [op for op in graph.operators if op.op not in ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE")]


def _set(tensor: Tensor, values: Mapping[str, np.ndarray], name: str) -> None:
    if name not in values or values[name].shape != tensor.shape:
        found = f"of shape {list(values[name].shape)}" if name in values else "not there"
        raise TachyliteError(f"variable {name!r} is {found}, the model's has shape {list(tensor.shape)}; give the values of this model")
    tensor.data = np.array(values[name], tensor.dtype)
    tensor.data.flags.writeable = False
