"""Calls, and control flow, whose regions become graphs of their own."""

from typing import Any

import numpy as np

from tachylite.frontends.stablehlo.node import op
from tachylite.frontends.traced.control import branches, loop
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.values import as_tensor
from tachylite.model.graph import Tensor

#: Calls of a runtime that compute nothing: checks of shapes, and where in a cluster a value lies.
CHECKS, IDENTITIES = ("shape_assertion",), ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement")


@op("func.call")
def call(self: Call, *arguments: Any, callee: str) -> Any:
    """What the function emits stands in the caller's graph."""
    return self.converter.call(callee, arguments)


@op("composite")
def composite(self: Call, *operands: Any, name: str, decomposition: str, **attributes: Any) -> Any:
    """By its name where that is known, else by what it is made of."""
    known = self.converter.operations.find(name)
    if known is None:
        return self.converter.call(decomposition, operands)
    return known.function(self, *operands, **attributes.get("composite_attributes", {}))


@op("custom_call")
def custom_call(self: Call, *operands: Any, call_target_name: str, **attributes: Any) -> Any:
    if call_target_name in CHECKS:
        return []
    if call_target_name in IDENTITIES:
        return operands[0]
    known = self.converter.operations.find(call_target_name)
    if known is None:
        raise self.refuse(f"it calls {call_target_name!r}, which jax has for a device", "write it with functions of jax.numpy")
    return known.function(self, *operands, **attributes.get("mhlo.attributes", {}))


@op("while")
def while_(self: Call, *values: Any) -> Any:
    condition, body = self.node.bodies
    return loop(self, condition, body, [as_tensor(self.build, x) for x in values])


@op("case")
def case(self: Call, index: Tensor) -> Any:
    """Branches by number; numbers out of range mean the last."""
    build = self.build
    certain = build.value(index)
    if certain is not None:
        number = int(certain)
        bodies = self.node.bodies
        return self.converter.run(bodies[number if 0 <= number < len(bodies) else -1], [], self.values)
    if len(self.node.bodies) != 2:
        raise self.refuse(f"it has {len(self.node.bodies)} branches", "write it as nested lax.cond, each of two")
    first, second = self.node.bodies
    return branches(self, build.EQUAL(index, np.array(0, np.int32)), [first, second])
