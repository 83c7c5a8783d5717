"""Constants, what hands its input on, sizes, and control flow."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.shaping import size_of
from tachylite.frontends.torch.node import op, result_type, sizes_of, tensor
from tachylite.frontends.traced.control import branches, loop
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor


@op("constant")
def constant(self: Call, value: np.ndarray, name: str) -> Tensor:
    return self.build.constant(value, name)


@op("aten.alias", "aten.clone", "aten.contiguous", "aten.detach", "aten.lift_fresh_copy", "aten.lift_fresh", "aten.detach_copy")
def same(self: Call, x: Tensor) -> Tensor:
    return x


@op("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout", "aten.feature_alpha_dropout", "aten.native_dropout")
def dropout(self: Call, x: Tensor, p: float, train: bool) -> Tensor:
    if train:
        raise self.refuse("it drops elements, as in training", "call .eval() before exporting")
    return x


@op("aten.to", "aten._to_copy", "aten.type_as", "prims.convert_element_type")
def to(self: Call, x: Tensor, *target: Any, dtype: Any = None, copy: Any = None) -> Tensor:
    """The result tells the type, whichever way it was asked for."""
    return cast(self.build, x, result_type(self))


@op(*(f"aten.{name}" for name in "_assert_async _assert_scalar _assert_tensor_metadata sym_constrain_range".split()))
@op("aten.sym_constrain_range_for_size")
def nothing(self: Call, *operands: Any, **options: Any) -> list[Any]:
    """Checks at run time are left out: TFLite has none."""
    return []


# Sizes.


@op("aten.sym_size")
def size(self: Call, x: Tensor, dim: int) -> int | Tensor:
    return size_of(self.build, x, dim)


@op("aten.sym_numel", "aten.numel")
def count(self: Call, x: Tensor) -> int | Tensor:
    return _folded(self, operator.mul, sizes_of(self, x))


def _folded(self: Call, function: Callable[[Any, Any], Any], sizes: Sequence[Any]) -> Any:
    total = sizes[0] if sizes else 1
    for other in sizes[1:]:
        total = _computed(self, function, total, other)
    return total


#: What torch computes sizes with, in Python, and what does it where the run tells them.
ARITHMETIC: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "add": (operator.add, "ADD"),
    "sub": (operator.sub, "SUB"),
    "mul": (operator.mul, "MUL"),
    "floordiv": (operator.floordiv, "FLOOR_DIV"),
    "mod": (operator.mod, "FLOOR_MOD"),
    "truediv": (operator.truediv, "DIV"),
}
NAMES = dict(ARITHMETIC.values())


def _computed(self: Call, function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """On numbers, or on int32 scalars; a quotient is a float32 one."""
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return function(a, b)
    dtype = np.float32 if function is operator.truediv or isinstance(a, float) or isinstance(b, float) else np.int32
    return getattr(self.build, NAMES[function])(tensor(self, a, dtype), tensor(self, b, dtype))


def _on_sizes(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda self, a, b: _computed(self, function, a, b)


for _name, (_function, _) in ARITHMETIC.items():
    op(f"_operator.{_name}")(_on_sizes(_function))


@op("torch.sym_max", "torch.sym_min")
def extreme(self: Call, a: Any, b: Any) -> Any:
    is_greatest = self.node.op.endswith("max")
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return max(a, b) if is_greatest else min(a, b)
    emit = self.build.MAXIMUM if is_greatest else self.build.MINIMUM
    return emit(tensor(self, a, np.int32), tensor(self, b, np.int32))


# Control flow.


@op("torch._higher_order_ops.cond.cond", "torch.ops.higher_order.cond", "torch._ops.cond")
def cond(self: Call, test: Tensor, operands: Sequence[Any] = ()) -> list[Any]:
    return branches(self, test, self.node.bodies, operands)


@op("torch._ops.while_loop")
def while_loop(self: Call, carried: Sequence[Any], more: Sequence[Any] = ()) -> list[Any]:
    """The condition's body and the loop's take the carried values and those that stay."""
    values = [tensor(self, x, np.int64) for x in (*carried, *more)]
    test, body = self.node.bodies
    return loop(self, test, body, values)[: len(carried)]
