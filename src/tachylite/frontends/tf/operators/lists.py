"""Lists of tensors, with which loops read their inputs and gather their outputs: each is one tensor [n, ...]."""

from collections.abc import Sequence

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.shaping import reshape, shape_vector, size_of
from tachylite.frontends.tf.node import Node, op
from tachylite.frontends.tf.values import TensorList
from tachylite.model.graph import Tensor


@op("TensorListReserve")
def reserve(self: Node, element_shape: Tensor, count: Tensor) -> TensorList:
    """Zeros where the shape is certain; else the first element that is set tells it."""
    known = self.build.sizes(element_shape)
    length = length_of(self, count)
    if known is None or not element_shape.shape or any(n is None or n < 0 for n in known) or not isinstance(length, int):
        return TensorList(length, self.dtype("element_dtype"))
    zeros = np.zeros((length, *(n for n in known if n is not None)), self.dtype("element_dtype"))
    return TensorList(length, zeros.dtype, self.build.constant(zeros, "zeros"))


def length_of(self: Node, count: Tensor) -> int | Tensor:
    """A list's length as a number where it is certain."""
    value = self.build.value(count)
    return count if value is None else int(value.item())


@op("TensorListFromTensor")
def from_tensor(self: Node, x: Tensor, element_shape: Tensor) -> TensorList:
    return TensorList(size_of(self.build, x, 0), x.dtype, x)


@op("TensorListStack")
def stack(self: Node, values: TensorList, element_shape: Tensor) -> Tensor:
    return filled(self, values)


@op("TensorListGetItem")
def get_item(self: Node, values: TensorList, index: Tensor, element_shape: Tensor) -> Tensor:
    return self.build.GATHER(filled(self, values), index, axis=0)


@op("TensorListGather")
def gather(self: Node, values: TensorList, indices: Tensor, element_shape: Tensor) -> Tensor:
    return self.build.GATHER(filled(self, values), indices, axis=0)


@op("TensorListSetItem")
def set_item(self: Node, values: TensorList, index: Tensor, item: Tensor) -> TensorList:
    """A list of one element is that element."""
    build = self.build
    row = build.EXPAND_DIMS(item, np.array(0, np.int32))
    if values.length == 1:
        return TensorList(1, item.dtype, row)
    whole = values.tensor
    if whole is None:
        sizes = [size_of(build, item, axis) for axis in range(len(item.shape))]
        whole = zeros(build, [values.length, *sizes], item.dtype)
    zero = np.array(0, np.int32)
    place = build.PACK(index, *[zero] * len(item.shape), values_count=1 + len(item.shape), axis=0)
    return TensorList(values.length, item.dtype, build.DYNAMIC_UPDATE_SLICE(whole, row, place))


@op("TensorListLength")
def length(self: Node, values: TensorList) -> Tensor:
    size = values.length
    return size if isinstance(size, Tensor) else self.build.constant(np.array(size, np.int32))


@op("TensorListConcatV2", outputs="tensor lengths")
def concatenate(self: Node, values: TensorList, *operands: Tensor) -> list[Tensor]:
    """All elements along their first axis, and how long each is."""
    x = filled(self, values)
    each = self.known_ints(self.build.constant(np.array(x.shape[1])), "elements' sizes")[0]
    lengths = self.build.constant(np.full(x.shape[0], each, np.int64))
    return [reshape(self.build, x, [None, *x.shape[2:]]), lengths]


# Arrays of TensorFlow 1: the handle tells what they hold, the flow is the list.


@op("TensorArrayV3", outputs="handle flow")
def array(self: Node, count: Tensor) -> list[TensorList]:
    shape, length = self.shape("element_shape"), length_of(self, count)
    values = TensorList(length, self.dtype("dtype"))
    if shape is None or None in shape or not isinstance(length, int):
        return [values, values]
    tensor = zeros(self.build, [length, *(n for n in shape if n is not None)], values.dtype)
    return [values, TensorList(length, values.dtype, tensor)]


@op("TensorArrayScatterV3")
def array_scatter(self: Node, handle: TensorList, indices: Tensor, x: Tensor, flow: TensorList) -> TensorList:
    """All elements in their order."""
    order = self.build.sizes(indices)
    if order is not None and order != list(range(len(order))):
        raise self.refuse("it fills an array in another order", "unstack the whole tensor")
    return TensorList(size_of(self.build, x, 0), x.dtype, x)


@op("TensorArrayReadV3")
def array_read(self: Node, handle: TensorList, index: Tensor, flow: TensorList) -> Tensor:
    return self.build.GATHER(filled(self, flow), index, axis=0)


@op("TensorArrayWriteV3")
def array_write(self: Node, handle: TensorList, index: Tensor, item: Tensor, flow: TensorList) -> TensorList:
    return set_item(self, flow, index, item)


@op("TensorArrayGatherV3")
def array_gather(self: Node, handle: TensorList, indices: Tensor, flow: TensorList) -> Tensor:
    order = self.build.sizes(indices)
    x = filled(self, flow)
    return x if order == list(range(x.shape[0])) else self.build.GATHER(x, indices, axis=0)


@op("TensorArraySizeV3")
def array_size(self: Node, handle: TensorList, flow: TensorList) -> Tensor:
    return length(self, flow)


@op("TensorArrayCloseV3", is_scoped=False)
def array_close(self: Node, handle: TensorList) -> None:
    """Nothing is left to close."""


def filled(self: Node, values: TensorList) -> Tensor:
    """The list's tensor. Raises Unsupported where nothing told its shape."""
    if values.tensor is None:
        raise self.refuse("it reads a list whose elements have no known shape", "give the TensorArray an element_shape")
    return values.tensor


def zeros(build: FrontendBuilder, sizes: Sequence[int | Tensor], dtype: np.dtype) -> Tensor:
    """Zeros of these sizes; a constant where all are known."""
    known = [n for n in sizes if not isinstance(n, Tensor)]
    if len(known) == len(sizes):
        return build.constant(np.zeros(known, dtype), "zeros")
    return build.FILL(shape_vector(build, sizes), np.array(0, dtype))
