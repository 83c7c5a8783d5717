"""Operators of each element, with broadcasting."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends import erf as functions
from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import activation_function, clip, elu, scalar
from tachylite.frontends.torch.node import common_type, op, result_type, tensor
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.types import cast, compare, compute
from tachylite.model.graph import Tensor

#: Operators on one tensor that TFLite has as they are, for floats.
UNARY = {
    **{name: name.upper() for name in ("cos", "exp", "log", "rsqrt", "sin", "sqrt", "tanh", "relu", "relu6")},
    "hardswish": "HARD_SWISH",
    "sigmoid": "LOGISTIC",
    "special_expit": "LOGISTIC",
}

#: Those that work on integers as well.
UNARY_OF_ANY = {name: name.upper() for name in ("abs", "neg", "sign", "square")} | {"ceil": "CEIL", "floor": "FLOOR"}

#: Activation functions that Keras's frontend has by these names.
ACTIVATIONS = {
    "hardsigmoid": "hard_sigmoid",
    "log_sigmoid": "log_sigmoid",
    "mish": "mish",
    "selu": "selu",
    "silu": "silu",
    "softsign": "softsign",
}


def _unary(name: str) -> Callable[..., Tensor]:
    return lambda self, x: getattr(self.build, name)(cast(self.build, x, result_type(self)))


def _unary_of_any(name: str) -> Callable[..., Tensor]:
    return lambda self, x: x if name in ("CEIL", "FLOOR") and x.dtype.kind in "iu" else compute(self.build, name, x)


def _activation(name: str) -> Callable[..., Tensor]:
    return lambda self, x: activation_function(name)(self.build, x)


for _source, _target in UNARY.items():
    op(f"aten.{_source}")(_unary(_target))
for _source, _target in UNARY_OF_ANY.items():
    op(f"aten.{_source}")(_unary_of_any(_target))
for _source, _target in ACTIVATIONS.items():
    op(f"aten.{_source}")(_activation(_target))


def typed(self: Call, *operands: Any) -> list[Tensor]:
    """Operands in the result's type."""
    return [tensor(self, x, result_type(self)) for x in operands]


def computed(self: Call, name: str, *operands: Any) -> Tensor:
    """An operator on operands in the result's type."""
    return compute(self.build, name, *typed(self, *operands))


# Arithmetic.


@op("aten.add")
def add(self: Call, x: Any, y: Any, alpha: float = 1) -> Tensor:
    if result_type(self) == np.bool_:
        return self.build.LOGICAL_OR(*typed(self, x, y))
    return computed(self, "ADD", x, y if alpha == 1 else computed(self, "MUL", y, alpha))


@op("aten.sub", "aten.subtract")
def subtract(self: Call, x: Any, y: Any, alpha: float = 1) -> Tensor:
    return computed(self, "SUB", x, y if alpha == 1 else computed(self, "MUL", y, alpha))


@op("aten.rsub")
def subtract_from(self: Call, x: Any, y: Any, alpha: float = 1) -> Tensor:
    return subtract(self, y, x, alpha)


@op("aten.mul", "aten.multiply")
def multiply(self: Call, x: Any, y: Any) -> Tensor:
    return self.build.LOGICAL_AND(*typed(self, x, y)) if result_type(self) == np.bool_ else computed(self, "MUL", x, y)


@op("aten.div", "aten.divide", "aten.true_divide")
def divide(self: Call, x: Any, y: Any, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode == "floor":
        return floor_divide(self, x, y)
    if rounding_mode == "trunc" and result_type(self).kind == "f":
        return truncate(self, computed(self, "DIV", x, y))
    return computed(self, "DIV", x, y)


@op("aten.floor_divide")
def floor_divide(self: Call, x: Any, y: Any) -> Tensor:
    return computed(self, "FLOOR_DIV", x, y)


@op("aten.remainder")
def remainder(self: Call, x: Any, y: Any) -> Tensor:
    return computed(self, "FLOOR_MOD", x, y)


@op("aten.fmod")
def fmod(self: Call, x: Any, y: Any) -> Tensor:
    """With the sign of x, where FLOOR_MOD has that of y."""
    a, b = typed(self, x, y)
    rest = compute(self.build, "FLOOR_MOD", compute(self.build, "ABS", a), compute(self.build, "ABS", b))
    return compute(self.build, "MUL", rest, compute(self.build, "SIGN", a))


@op("aten.pow", "aten.float_power")
def power(self: Call, x: Any, y: Any) -> Tensor:
    """Squares and roots are operators of their own."""
    if y == 2:
        return computed(self, "SQUARE", x) if result_type(self).kind == "f" else computed(self, "MUL", x, x)
    if y in (0.5, -0.5):
        return computed(self, "SQRT" if y > 0 else "RSQRT", x)
    return computed(self, "POW", x, y)


@op("aten.maximum")
def maximum(self: Call, x: Any, y: Any) -> Tensor:
    return computed(self, "MAXIMUM", x, y)


@op("aten.minimum")
def minimum(self: Call, x: Any, y: Any) -> Tensor:
    return computed(self, "MINIMUM", x, y)


@op("aten.clamp", "aten.clip")
def clamp(self: Call, x: Tensor, min: Any = None, max: Any = None) -> Tensor:  # noqa: A002 -- torch's own names
    (y,) = typed(self, x)
    y = y if min is None else computed(self, "MAXIMUM", y, min)
    return y if max is None else computed(self, "MINIMUM", y, max)


@op("aten.clamp_min")
def clamp_min(self: Call, x: Tensor, low: Any) -> Tensor:
    return computed(self, "MAXIMUM", x, low)


@op("aten.clamp_max")
def clamp_max(self: Call, x: Tensor, high: Any) -> Tensor:
    return computed(self, "MINIMUM", x, high)


@op("aten.addcmul")
def addcmul(self: Call, x: Tensor, a: Tensor, b: Tensor, value: float = 1) -> Tensor:
    product = computed(self, "MUL", a, b)
    return computed(self, "ADD", x, product if value == 1 else computed(self, "MUL", product, value))


@op("aten.addcdiv")
def addcdiv(self: Call, x: Tensor, a: Tensor, b: Tensor, value: float = 1) -> Tensor:
    quotient = computed(self, "DIV", a, b)
    return computed(self, "ADD", x, quotient if value == 1 else computed(self, "MUL", quotient, value))


@op("aten.lerp")
def lerp(self: Call, x: Tensor, y: Tensor, weight: Any) -> Tensor:
    return computed(self, "ADD", x, computed(self, "MUL", computed(self, "SUB", y, x), weight))


@op("aten.atan2", "aten.arctan2")
def atan2(self: Call, y: Tensor, x: Tensor) -> Tensor:
    return self.build.ATAN2(*_in_one_shape(self, *typed(self, y, x)))


@op("aten.atan", "aten.arctan")
def atan(self: Call, x: Tensor) -> Tensor:
    return self.build.ATAN2(*_in_one_shape(self, *typed(self, x, 1)))


def _in_one_shape(self: Call, *operands: Tensor) -> list[Tensor]:
    """Two operands for an operator that does not broadcast by itself."""
    shape = self.build.BROADCAST_ARGS(*(self.build.SHAPE(x, out_type="INT32") for x in operands))
    return [x if dims(x) == self.output.shape else self.build.BROADCAST_TO(x, shape) for x in operands]


# Functions of one element.


@op("aten.reciprocal")
def reciprocal(self: Call, x: Tensor) -> Tensor:
    return computed(self, "DIV", 1, x)


@op("aten.exp2")
def exp2(self: Call, x: Tensor) -> Tensor:
    return computed(self, "EXP", computed(self, "MUL", x, np.log(2)))


@op("aten.expm1", "aten.special_expm1")
def expm1(self: Call, x: Tensor) -> Tensor:
    return computed(self, "SUB", computed(self, "EXP", x), 1)


@op("aten.log1p", "aten.special_log1p")
def log1p(self: Call, x: Tensor) -> Tensor:
    return computed(self, "LOG", computed(self, "ADD", x, 1))


def _logarithm(base: float) -> Callable[..., Tensor]:
    return lambda self, x: computed(self, "MUL", computed(self, "LOG", x), 1 / np.log(base))


op("aten.log2")(_logarithm(2))
op("aten.log10")(_logarithm(10))


@op("aten.tan")
def tan(self: Call, x: Tensor) -> Tensor:
    return computed(self, "DIV", computed(self, "SIN", x), computed(self, "COS", x))


@op("aten.sinh")
def sinh(self: Call, x: Tensor) -> Tensor:
    return computed(self, "MUL", computed(self, "SUB", self.build.EXP(x), self.build.EXP(self.build.NEG(x))), 0.5)


@op("aten.cosh")
def cosh(self: Call, x: Tensor) -> Tensor:
    return computed(self, "MUL", computed(self, "ADD", self.build.EXP(x), self.build.EXP(self.build.NEG(x))), 0.5)


@op("aten.erf", "aten.special_erf")
def erf(self: Call, x: Tensor) -> Tensor:
    return functions.erf(self.build, x)


@op("aten.erfc", "aten.special_erfc")
def erfc(self: Call, x: Tensor) -> Tensor:
    return functions.erfc(self.build, x)


@op("aten.trunc", "aten.fix")
def truncate(self: Call, x: Tensor) -> Tensor:
    if x.dtype.kind in "iu":
        return x
    return self.build.MUL(self.build.FLOOR(self.build.ABS(x)), self.build.SIGN(x))


@op("aten.frac")
def fraction(self: Call, x: Tensor) -> Tensor:
    return self.build.SUB(x, truncate(self, x))


@op("aten.round")
def round_(self: Call, x: Tensor, decimals: int = 0) -> Tensor:
    """Halves to the even neighbour."""
    if decimals:
        raise self.refuse(f"it rounds to {decimals} decimals", "multiply, round and divide")
    return x if x.dtype.kind in "iu" else self.build.ROUND(x)


# Activations.


@op("aten.hardtanh")
def hardtanh(self: Call, x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    named = {(0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1", (0.0, 1.0): "RELU_0_TO_1"}.get((min_val, max_val))
    return clip(self.build, x, min_val, max_val) if named is None else getattr(self.build, named)(x)


@op("aten.gelu")
def gelu(self: Call, x: Tensor, approximate: str = "none") -> Tensor:
    return self.build.GELU(x, approximate=approximate == "tanh")


@op("aten.leaky_relu")
def leaky_relu(self: Call, x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return self.build.LEAKY_RELU(x, alpha=negative_slope)


@op("aten.prelu", "aten._prelu_kernel")
def prelu(self: Call, x: Tensor, weight: Tensor) -> Tensor:
    """A slope for each channel, the second axis of x, or one for all."""
    if len(x.shape) > 2 and weight.size > 1:
        weight = self.build.constant(self.known(weight, "slopes").reshape(-1, *[1] * (len(x.shape) - 2)), "slope")
    return self.build.PRELU(x, weight)


@op("aten.elu")
def elu_(self: Call, x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    if input_scale != 1:
        raise self.refuse(f"its input_scale is {input_scale}", "multiply before it")
    y = elu(self.build, x, alpha)
    return y if scale == 1 else self.build.MUL(y, scalar(scale))


@op("aten.celu")
def celu(self: Call, x: Tensor, alpha: float = 1.0) -> Tensor:
    below = self.build.ELU(self.build.MUL(self.build.MINIMUM(x, scalar(0)), scalar(1 / alpha)))
    return self.build.ADD(self.build.RELU(x), self.build.MUL(below, scalar(alpha)))


@op("aten.softplus")
def softplus(self: Call, x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Beyond the threshold torch gives x itself, which differs by less than float32 tells."""
    if beta == 1:
        return activation_function("softplus")(self.build, x)
    y = activation_function("softplus")(self.build, self.build.MUL(x, scalar(beta)))
    return self.build.MUL(y, scalar(1 / beta))


@op("aten.softshrink")
def softshrink(self: Call, x: Tensor, lambd: float = 0.5) -> Tensor:
    return self.build.SUB(x, clip(self.build, x, -lambd, lambd))


@op("aten.hardshrink")
def hardshrink(self: Call, x: Tensor, lambd: float = 0.5) -> Tensor:
    return self.build.SELECT_V2(self.build.GREATER(self.build.ABS(x), scalar(lambd)), x, scalar(0))


@op("aten.threshold")
def threshold(self: Call, x: Tensor, threshold: float, value: float) -> Tensor:
    return self.build.SELECT_V2(self.build.GREATER(x, scalar(threshold)), x, scalar(value))


@op("aten.glu")
def glu(self: Call, x: Tensor, dim: int = -1) -> Tensor:
    axis = dim % len(x.shape)
    first, second = self.build.SPLIT(np.array(axis, np.int32), x, num_splits=2)
    return self.build.MUL(first, self.build.LOGISTIC(second))


# Comparisons and logic.

COMPARISONS = {"eq": "EQUAL", "ne": "NOT_EQUAL", "lt": "LESS", "le": "LESS_EQUAL", "gt": "GREATER", "ge": "GREATER_EQUAL"}


def _comparison(name: str) -> Callable[..., Tensor]:
    def emit(self: Call, x: Any, y: Any) -> Tensor:
        dtype = common_type(x, y)
        return compare(self.build, name, tensor(self, x, dtype), tensor(self, y, dtype))

    return emit


for _source, _target in COMPARISONS.items():
    op(f"aten.{_source}", f"_operator.{_source}")(_comparison(_target))


def _logical(name: str) -> Callable[..., Tensor]:
    def emit(self: Call, *operands: Any) -> Tensor:
        if result_type(self) != np.bool_:
            raise self.refuse(f"it works on the bits of {result_type(self)}", "write it for booleans, or with arithmetic")
        return getattr(self.build, name)(*(truth(self, x) for x in operands))

    return emit


def truth(self: Call, x: Any) -> Tensor:
    """Whether each element is not 0."""
    if not isinstance(x, Tensor) or x.dtype == np.bool_:
        return tensor(self, x, np.bool_)
    return compare(self.build, "NOT_EQUAL", x, tensor(self, 0, x.dtype))


for _source, _target in {"and": "LOGICAL_AND", "or": "LOGICAL_OR", "xor": "NOT_EQUAL", "not": "LOGICAL_NOT"}.items():
    op(f"aten.logical_{_source}", f"aten.bitwise_{_source}", f"aten.__{_source}__")(_logical(_target))


@op("aten.isnan")
def is_nan(self: Call, x: Tensor) -> Tensor:
    return self.build.NOT_EQUAL(x, x)


@op("aten.isinf")
def is_infinite(self: Call, x: Tensor) -> Tensor:
    return self.build.EQUAL(self.build.ABS(x), scalar(np.inf))


@op("aten.isfinite")
def is_finite(self: Call, x: Tensor) -> Tensor:
    return self.build.LESS(self.build.ABS(x), scalar(np.inf))


@op("aten.where")
def where(self: Call, test: Tensor, *choices: Any) -> Any:
    if len(choices) != 2:
        raise self.refuse("it looks for positions, whose number only the run tells", "give it the two tensors to choose from")
    return self.build.SELECT_V2(test, *typed(self, *choices))


@op("aten.masked_fill")
def masked_fill(self: Call, x: Tensor, mask: Tensor, value: Any) -> Tensor:
    filling, kept = typed(self, value, x)
    return self.build.SELECT_V2(mask, filling, kept)


@op("aten.nan_to_num")
def nan_to_number(self: Call, x: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    most = float(np.finfo(np.float32).max)
    y = self.build.SELECT_V2(self.build.NOT_EQUAL(x, x), scalar(nan or 0.0), x)
    if posinf is not None or neginf is not None:
        raise self.refuse("it puts numbers of your own in the place of infinities", "use torch.clamp for them")
    return clip(self.build, y, -most, most)


def folded(self: Call, name: str, operands: Sequence[Tensor]) -> Tensor:
    """An operator of two operands over several."""
    result = operands[0]
    for other in operands[1:]:
        result = compute(self.build, name, result, other)
    return result
