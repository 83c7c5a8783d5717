"""Constants, inputs, calls, variables, and what hands its input on."""

from typing import Any

import numpy as np

from tachylite.frontends.tf.node import Node, op
from tachylite.frontends.tf.values import NeedsVariable, Variable
from tachylite.frontends.tf.variables import variable_handle
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.graph import Tensor


@op("Const", "HostConst", is_scoped=False)
def const(self: Node) -> Tensor:
    return self.build.constant(self.tensor("value"), self.name)


@op(
    "Identity",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "CheckNumerics",
    "EnsureShape",
    "PlaceholderWithDefault",
    "DebugGradientIdentity",
    "IdentityN",
    "LoopCond",
    is_scoped=False,
)
def identity(self: Node, *values: Any) -> list[Any]:
    """Whatever is not a tensor passes as well."""
    return list(values)


@op("NoOp", "Assert", "ControlTrigger", "DisableCopyOnRead", is_scoped=False)
def nothing(self: Node, *values: Any) -> None:
    """Checks at run time are left out: TFLite has none."""


@op("PartitionedCall", "StatefulPartitionedCall", is_scoped=False)
def call(self: Node, *arguments: Any) -> list[Any]:
    """What the function emits stands in the caller's graph, under its own names."""
    return self.converter.call(self.function("f"), arguments)


@op("Cast")
def cast(self: Node, x: Tensor) -> Tensor:
    target = self.dtype("DstT")
    if x.dtype == target:
        return x
    return self.build.CAST(x, in_data_type=TYPE_NAMES[x.dtype], out_data_type=TYPE_NAMES[target])


@op("Bitcast")
def bitcast(self: Node, x: Tensor) -> Tensor:
    like = np.zeros(x.shape, x.dtype).view(self.dtype("type"))
    return self.build.BITCAST(x, out=self.build.tensor(self.name, like.shape, like.dtype))


# Variables.


@op("VarHandleOp", is_scoped=False)
def resource(self: Node) -> Variable:
    return Variable(self.text("shared_name") or self.name, self.dtype("dtype"), self.shape("shape"))


@op("VariableV2", "Variable", is_scoped=False)
def old_variable(self: Node) -> Tensor:
    """A variable of TensorFlow 1 that is no resource is read wherever it stands."""
    return read(self, resource(self))


@op("ReadVariableOp", is_scoped=False)
def read(self: Node, variable: Variable) -> Tensor:
    """A constant, unless the model assigns to the variable."""
    variables = self.converter.variables
    initial = variables.initial(variable.key)
    if variable.key not in variables.assigned:
        return self.build.constant(initial, variable.key)
    out = self.build.tensor(self.build.unique(self.name), initial.shape, initial.dtype)
    return self.build.READ_VARIABLE(handle_of(self, variable), out=out)


def handle_of(self: Node, variable: Variable) -> Tensor:
    """The variable's handle in this graph. Raises NeedsVariable where it was taken for a constant until now."""
    if variable.key not in self.converter.variables.assigned:
        raise NeedsVariable(variable.key)
    return variable_handle(self.build, variable.key)


@op("AssignVariableOp", has_effects=True)
def assign(self: Node, variable: Variable, value: Tensor) -> None:
    self.build.ASSIGN_VARIABLE(handle_of(self, variable), value)


@op("AssignAddVariableOp", has_effects=True)
def assign_add(self: Node, variable: Variable, value: Tensor) -> None:
    handle = handle_of(self, variable)
    self.build.ASSIGN_VARIABLE(handle, self.build.ADD(read(self, variable), value))


@op("AssignSubVariableOp", has_effects=True)
def assign_sub(self: Node, variable: Variable, value: Tensor) -> None:
    handle = handle_of(self, variable)
    self.build.ASSIGN_VARIABLE(handle, self.build.SUB(read(self, variable), value))


@op("ResourceGather")
def gather_variable(self: Node, variable: Variable, indices: Tensor) -> Tensor:
    return self.build.GATHER(read(self, variable), indices, axis=self.integer("batch_dims"), batch_dims=self.integer("batch_dims"))
