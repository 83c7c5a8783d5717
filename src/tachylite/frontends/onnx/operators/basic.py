"""Constants, what hands its input on, element types."""

from typing import Any

import numpy as np

from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.onnx.tensors import array_of, dtype_of
from tachylite.frontends.shaping import ints
from tachylite.frontends.types import cast, compare
from tachylite.model.dtypes import PACKED_BITS, limits
from tachylite.model.graph import Tensor


@op("Constant", is_scoped=False)
def constant(self: Node) -> Tensor:
    if self.has("value"):
        return self.build.constant(array_of(self.get("value"), self.converter.folder), self.name)
    for kind, dtype in (("float", np.float32), ("int", np.int64)):
        for name in (f"value_{kind}", f"value_{kind}s"):
            if self.has(name):
                return self.build.constant(np.array(self.get(name), dtype), self.name)
    if self.has("value_string") or self.has("value_strings"):
        texts = self.attributes.get("value_strings", self.attributes.get("value_string"))
        return self.build.constant(np.array(texts, object), self.name)
    raise self.refuse("its value is sparse", "make it dense")


@op("ConstantOfShape")
def constant_of_shape(self: Node, shape: Tensor) -> Tensor:
    value = array_of(self.get("value")) if self.has("value") else np.zeros(1, np.float32)
    return self.build.FILL(cast(self.build, shape, np.int32), value.reshape(()))


@op("Identity", "Optional", is_scoped=False)
def identity(self: Node, x: Any = None) -> Any:
    """Whatever is not a tensor passes as well."""
    return [x]


@op("Dropout", is_scoped=False)
def dropout(self: Node, x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None) -> list[Tensor]:
    """Nothing is dropped but in training."""
    if training is not None and np.any(self.known(training, "mode")):
        raise self.refuse("it is in training mode", "export the model for inference")
    return [x, self.build.constant(np.ones(x.shape, bool))] if self.reads(1) else [x]


@op("Cast")
def cast_(self: Node, x: Tensor) -> Tensor:
    return cast_to(self, x, dtype_of(self.need("to")))


@op("CastLike")
def cast_like(self: Node, x: Tensor, like: Tensor) -> Tensor:
    return cast_to(self, x, like.dtype)


def cast_to(self: Node, x: Tensor, dtype: np.dtype) -> Tensor:
    """Numbers become true where they are not zero; floats lose what is behind the point."""
    if object in (x.dtype, dtype) and x.dtype != dtype:
        raise self.refuse("it converts strings", "convert them before they go into the model")
    if dtype == np.bool_ and x.dtype != np.bool_:
        zero = self.build.constant(np.zeros((), x.dtype))
        return compare(self.build, "NOT_EQUAL", x, zero)
    return _wrapped(self, x, dtype) if dtype in PACKED_BITS and x.dtype.kind == "f" else cast(self.build, x, dtype)


def _wrapped(self: Node, x: Tensor, dtype: np.dtype) -> Tensor:
    """Floats as integers of few bits, of which TFLite takes the nearest, and ONNX the last bits."""
    least, greatest = limits(dtype)
    shifted = self.build.SUB(cast(self.build, x, np.int32), np.array(least, np.int32))
    wrapped = self.build.FLOOR_MOD(shifted, np.array(greatest - least + 1, np.int32))
    return cast(self.build, self.build.ADD(wrapped, np.array(least, np.int32)), dtype)


@op("Shape")
def shape(self: Node, x: Tensor) -> Tensor:
    """From axis `start` up to `end`."""
    sizes = self.build.SHAPE(x, out_type="INT64")
    first, last, _ = slice(self.get("start", 0), self.get("end")).indices(len(x.shape))
    if (first, last) == (0, len(x.shape)):
        return sizes
    return self.build.SLICE(sizes, ints(first), ints(max(last - first, 0)))


@op("Size")
def size(self: Node, x: Tensor) -> Tensor:
    return self.build.REDUCE_PROD(self.build.SHAPE(x, out_type="INT64"), ints(0), keep_dims=False)
