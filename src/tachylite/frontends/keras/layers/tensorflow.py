"""Functions of TensorFlow within models of Keras 2, which serialized a call as a layer. They are operations under other names."""

import json
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tachylite.frontends.keras.layer import Layer, layer, operation_function
from tachylite.model.graph import Tensor


class Function(NamedTuple):
    """A function's operation, the names of its operands, and of its other parameters: here and in the operation's config."""

    operation: str
    operands: tuple[str, ...]
    parameters: dict[str, str] = {}  # noqa: RUF012 -- never changed


_AXES = {"axis": "axis", "keepdims": "keepdims"}


def _binary(name: str) -> Function:
    return Function(name, ("x", "y"))


FUNCTIONS = {
    **{f"math.{name}": _binary(name.capitalize()) for name in "add subtract multiply divide maximum minimum".split()},
    **{f"__operators__.{name}": _binary(name.capitalize()) for name in ("add",)},
    "math.truediv": _binary("Divide"),
    "math.floordiv": _binary("FloorDivide"),
    "math.pow": _binary("Power"),
    "math.greater": _binary("Greater"),
    "math.greater_equal": _binary("GreaterEqual"),
    "math.less": _binary("Less"),
    "math.less_equal": _binary("LessEqual"),
    "math.equal": _binary("Equal"),
    "math.not_equal": _binary("NotEqual"),
    **{f"math.{name}": Function(name.capitalize(), ("x",)) for name in "abs exp log sqrt rsqrt square sin cos floor sign".split()},
    "math.negative": Function("Negative", ("x",)),
    "math.sigmoid": Function("Sigmoid", ("x",)),
    "math.tanh": Function("Tanh", ("x",)),
    "nn.sigmoid": Function("Sigmoid", ("x",)),
    "nn.tanh": Function("Tanh", ("x",)),
    "nn.relu": Function("Relu", ("features",)),
    "nn.relu6": Function("Relu6", ("features",)),
    "nn.elu": Function("Elu", ("features",)),
    "nn.selu": Function("Selu", ("features",)),
    "nn.silu": Function("Silu", ("features",)),
    "nn.swish": Function("Silu", ("features",)),
    "nn.leaky_relu": Function("LeakyRelu", ("features",), {"alpha": "negative_slope"}),
    "nn.gelu": Function("Gelu", ("features",), {"approximate": "approximate"}),
    "math.softplus": Function("Softplus", ("features",)),
    "nn.softmax": Function("Softmax", ("logits",), {"axis": "axis"}),
    "nn.log_softmax": Function("LogSoftmax", ("logits",), {"axis": "axis"}),
    **{f"math.reduce_{name}": Function(name.capitalize(), ("input_tensor",), _AXES) for name in "mean sum max min prod any all".split()},
    "math.argmax": Function("Argmax", ("input",), {"axis": "axis"}),
    "linalg.matmul": Function("Matmul", ("a", "b")),
    "reshape": Function("Reshape", ("tensor",), {"shape": "newshape"}),
    "transpose": Function("Transpose", ("a",), {"perm": "axes"}),
    "compat.v1.transpose": Function("Transpose", ("a",), {"perm": "axes"}),
    "expand_dims": Function("ExpandDims", ("input",), {"axis": "axis"}),
    "squeeze": Function("Squeeze", ("input",), {"axis": "axis"}),
    "compat.v1.squeeze": Function("Squeeze", ("input",), {"axis": "axis"}),
    "concat": Function("Concatenate", ("values",), {"axis": "axis"}),
    "stack": Function("Stack", ("values",), {"axis": "axis"}),
    "tile": Function("Tile", ("input",), {"multiples": "repeats"}),
    "reverse": Function("Flip", ("tensor",), {"axis": "axis"}),
    "cast": Function("Cast", ("x",), {"dtype": "dtype"}),
    "clip_by_value": Function("Clip", ("t",), {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "where": Function("Where", ("condition", "x", "y")),
    "identity": Function("Copy", ("input",)),
    "stop_gradient": Function("StopGradient", ("input",)),
}

#: The operation that a node of a graph stands for.
NODES = {
    **{name: name for name in "Maximum Minimum Relu Relu6 Sigmoid Tanh Exp Log Sqrt Rsqrt Square Abs Elu Selu Softmax".split()},
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Subtract",
    "Mul": "Multiply",
    "RealDiv": "Divide",
    "Pow": "Power",
    "Neg": "Negative",
    "Identity": "Copy",
    "MatMul": "Matmul",
    "BatchMatMulV2": "Matmul",
}


@layer("TFOpLambda")
def function(self: Layer, *args: Any, **kwargs: Any) -> Any:
    """A call of a function by its name, with what it was given."""
    name = self.config["function"]
    found = FUNCTIONS.get(name)
    if found is None:
        raise self.refuse(f"calls tf.{name}", "write it with layers, or save the model as a SavedModel")
    names = [*found.operands, *found.parameters]
    given = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k != "name"}
    strangers = sorted(key for key, value in given.items() if key not in names and value not in (None, False))
    if strangers:
        raise self.refuse(f"calls tf.{name} with {strangers}", f"give {names} alone, or save the model as a SavedModel")
    parameters = {own: given[theirs] for theirs, own in found.parameters.items() if given.get(theirs) is not None}
    return as_operation(self, found.operation, parameters, [given[key] for key in found.operands])


@layer("SlicingOpLambda")
def getitem(self: Layer, tensor: Tensor, slice_spec: Any) -> Any:
    """tensor[slice_spec]."""
    return as_operation(self, "GetItem", {}, [tensor, _key(slice_spec)])


def _key(spec: Any) -> Any:
    return [_key(part) for part in spec] if isinstance(spec, list | tuple) else ... if spec == "..." else spec


@layer("TensorFlowOpLayer")
def node(self: Layer, x: Any) -> Any:
    """A node of a graph, some of whose inputs are constants, by position."""
    found = self.config["node_def"]
    definition = json.loads(found) if isinstance(found, str) else found
    operation = NODES.get(definition["op"])
    if operation is None:
        raise self.refuse(f"is a node {definition['op']}", "write it with layers, or save the model as a SavedModel")
    values = list(x) if isinstance(x, list | tuple) else [x]
    for position, constant in sorted((int(k), v) for k, v in (self.config.get("constants") or {}).items()):
        values.insert(position, np.asarray(constant, np.float32))
    return as_operation(self, operation, {}, values)


def as_operation(self: Layer, name: str, parameters: dict[str, Any], values: list[Any]) -> Any:
    """What an operation gives, made with these parameters and called on these values."""
    return operation_function(name)(replace(self, class_name=name, config=parameters), *values)
