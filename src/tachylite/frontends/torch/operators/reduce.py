"""Reductions along axes, softmax, running sums, sorting."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.shaping import ints, move_axis
from tachylite.frontends.torch.node import axes_of, op, result_type
from tachylite.frontends.torch.operators.elementwise import computed, truth
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.types import cast, compute
from tachylite.model.graph import Tensor


def reduced(self: Call, name: str, x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """A reduction along axes, all of them by default."""
    if not x.shape:
        return x
    result: Tensor = getattr(self.build, name)(x, ints(*axes_of(x, dim)), keep_dims=keepdim)
    return result


def _reduction(name: str) -> Callable[..., Tensor]:
    def emit(self: Call, x: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
        return reduced(self, name, cast(self.build, x, result_type(self)), dim, keepdim)

    return emit


op("aten.sum")(_reduction("SUM"))
op("aten.mean")(_reduction("MEAN"))
op("aten.prod")(_reduction("REDUCE_PROD"))
op("aten.amax")(_reduction("REDUCE_MAX"))
op("aten.amin")(_reduction("REDUCE_MIN"))


def _logical(name: str) -> Callable[..., Tensor]:
    return lambda self, x, dim=None, keepdim=False: reduced(self, name, truth(self, x), dim, keepdim)


op("aten.all")(_logical("REDUCE_ALL"))
op("aten.any")(_logical("REDUCE_ANY"))


def _extreme(name: str, find: str, of_two: str) -> Callable[..., Any]:
    def emit(self: Call, x: Tensor, other: Any = None, keepdim: bool = False) -> Any:
        """Of a tensor, along an axis together with its position, or of two tensors."""
        if isinstance(other, Tensor):
            return computed(self, of_two, x, other)
        value = reduced(self, name, x, other, keepdim)
        return value if other is None or len(self.node.outputs) == 1 else [value, _position(self, find, x, other, keepdim)]

    return emit


op("aten.max")(_extreme("REDUCE_MAX", "ARG_MAX", "MAXIMUM"))
op("aten.min")(_extreme("REDUCE_MIN", "ARG_MIN", "MINIMUM"))


def _position(self: Call, name: str, x: Tensor, dim: int, keepdim: bool) -> Tensor:
    axis = np.array(dim % len(x.shape), np.int32)
    found: Tensor = getattr(self.build, name)(x, axis, output_type="INT64")
    return self.build.EXPAND_DIMS(found, axis) if keepdim else found


def _arg(name: str) -> Callable[..., Tensor]:
    def emit(self: Call, x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Without an axis, in all elements as one row."""
        if dim is None:
            return _position(self, name, self.build.RESHAPE(x, ints(-1)), 0, False)
        return _position(self, name, x, dim, keepdim)

    return emit


op("aten.argmax")(_arg("ARG_MAX"))
op("aten.argmin")(_arg("ARG_MIN"))


# Statistics.


@op("aten.var")
def variance(
    self: Call, x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: float | None = None
) -> Tensor:
    """With as many elements less, by which it is divided, as `correction` says; 1 by default."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = axes_of(x, dim)
    if any(dims(x)[a] is None for a in axes):
        raise self.refuse("it divides by a number of elements that is unknown", "fix it with input_shapes=")
    count = int(np.prod([x.shape[a] for a in axes]))
    less = float(unbiased) if correction is None else correction
    squares = self.build.SQUARED_DIFFERENCE(x, self.build.MEAN(x, ints(*axes), keep_dims=True))
    mean = self.build.MEAN(squares, ints(*axes), keep_dims=keepdim)
    return mean if not less else self.build.MUL(mean, scalar(count / (count - less)))


@op("aten.std")
def deviation(self: Call, *operands: Any, **options: Any) -> Tensor:
    return self.build.SQRT(variance(self, *operands, **options))


@op("aten.var_mean")
def variance_and_mean(self: Call, x: Tensor, dim: Any = None, *rest: Any, **options: Any) -> list[Tensor]:
    return [variance(self, x, dim, *rest, **options), reduced(self, "MEAN", x, dim, options.get("keepdim", False))]


@op("aten.norm", "aten.linalg_vector_norm")
def norm(self: Call, x: Tensor, p: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    if p == np.inf:
        return reduced(self, "REDUCE_MAX", self.build.ABS(x), dim, keepdim)
    if p not in (1, 2):
        raise self.refuse(f"it is a norm of order {p}", "take 1, 2 or inf")
    total = reduced(self, "SUM", self.build.SQUARE(x) if p == 2 else self.build.ABS(x), dim, keepdim)
    return self.build.SQRT(total) if p == 2 else total


@op("aten.logsumexp")
def log_sum_exp(self: Call, x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    most = reduced(self, "REDUCE_MAX", x, dim, True)
    total = reduced(self, "SUM", self.build.EXP(self.build.SUB(x, most)), dim, keepdim)
    return self.build.ADD(self.build.LOG(total), most if keepdim else reduced(self, "REDUCE_MAX", x, dim, False))


# Softmax.


@op("aten.softmax", "aten._softmax", "aten.special_softmax")
def softmax(self: Call, x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return move_axis(self.build, self.build.SOFTMAX(move_axis(self.build, x, dim, -1), beta=1.0), -1, dim)


@op("aten.log_softmax", "aten._log_softmax")
def log_softmax(self: Call, x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return move_axis(self.build, self.build.LOG_SOFTMAX(move_axis(self.build, x, dim, -1)), -1, dim)


# Order.


@op("aten.cumsum")
def cumsum(self: Call, x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    x = cast(self.build, x, result_type(self))
    return self.build.CUMSUM(x, np.array(dim % len(x.shape), np.int32), exclusive=False, reverse=False)


@op("aten.topk")
def top_k(self: Call, x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Tensor]:  # noqa: A002
    """Values, and their positions in int64."""
    last = move_axis(self.build, x if largest else compute(self.build, "NEG", x), dim, -1)
    values, places = self.build.TOPK_V2(last, np.array(k, np.int32))
    values = values if largest else compute(self.build, "NEG", values)
    return [move_axis(self.build, t, -1, dim) for t in (values, cast(self.build, places, np.int64))]


@op("aten.sort")
def sort(self: Call, x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> list[Tensor]:
    size = dims(x)[dim]
    if size is None:
        raise self.refuse("it sorts an unknown dimension", "fix it with input_shapes=")
    return top_k(self, x, size, dim, largest=descending)


@op("aten.argsort")
def argsort(self: Call, x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    return sort(self, x, dim, descending)[1]
