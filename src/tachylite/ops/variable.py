"""Resource variables: named memory that outlives a run. A handle's value is the variable's key, known when the graph is lowered."""

from typing import Any

import numpy as np

from tachylite.model.dtypes import RESOURCE
from tachylite.model.graph import Operator

from .arguments import ANY_TYPE
from .registry import Context, OpDef, Spec, register


def handle(op: Operator, key: str) -> Spec:
    """The certain value of a handle that names the resource `key`."""
    value = np.full(op.outputs[0].shape, key, object)
    return Spec(value.shape, RESOURCE, value)


def key_of(op: Operator, value: np.ndarray | None) -> str:
    """The key that a handle names. Raises OpError where that is not certain."""
    if value is None or value.dtype != object or value.size != 1:
        raise op.error("its first input is not the handle of a resource; it must come from VAR_HANDLE or HASHTABLE")
    return str(value.flat[0])


def infer_handle(op: Operator) -> Spec:
    """A handle is certain before the run."""
    return handle(op, f"variable {op.options.container}/{op.options.shared_name}")


def var_handle(op: Operator) -> np.ndarray:
    """The handle of the variable that the options name."""
    value = infer_handle(op).value
    assert value is not None
    return value


register(OpDef("VAR_HANDLE", options="VarHandleOptions", infer=infer_handle, reference=var_handle, variants=("resource",)))


def infer_read(op: Operator, resource: Spec) -> Spec | None:
    """The file's shape where it is static; else only the run knows."""
    out = op.outputs[0]
    is_static = out.shape_signature is None or all(d >= 0 for d in out.shape_signature)
    return Spec(out.shape, out.dtype) if is_static and out.shape else None


def read(op: Operator, context: Context, resource: np.ndarray) -> np.ndarray:
    """The variable's value."""
    return context.read(key_of(op, resource))


def lower_read(low: Any, op: Operator) -> None:
    """A copy, never an alias: a later ASSIGN_VARIABLE must not change what was read."""
    resource, out = low.spec(op.inputs[0]), low.spec(op.outputs[0])
    if resource.value is None:
        low.host(op)
        return
    variable = low.persistent(key_of(op, resource.value), out)
    low.move([(variable, low.define(op.outputs[0]))])


register(OpDef("READ_VARIABLE", infer_read, read, "ReadVariableOptions", ANY_TYPE, context=True, lower=lower_read))


def infer_assign(op: Operator, resource: Spec, value: Spec) -> list[Spec]:
    """No outputs."""
    return []


def assign(op: Operator, context: Context, resource: np.ndarray, value: np.ndarray) -> tuple[()]:
    """Sets the variable."""
    context.assign(key_of(op, resource), value)
    return ()


def lower_assign(low: Any, op: Operator) -> None:
    """A copy into the variable; the host's where only the run knows which one."""
    resource, value = (low.spec(t) for t in op.inputs)
    if resource.value is None:
        low.host(op)
        return
    low.move([(low.value(op.inputs[1]), low.persistent(key_of(op, resource.value), value))])


register(OpDef("ASSIGN_VARIABLE", infer_assign, assign, "AssignVariableOptions", ANY_TYPE, context=True, lower=lower_assign))
