"""Space to batch and back: around a convolution they are its dilation, as TensorFlow writes it."""

from dataclasses import dataclass, replace

import numpy as np

from tachylite.frontends.erf import Origin
from tachylite.frontends.protobuf import Message
from tachylite.frontends.tf.node import Node, op, operation
from tachylite.model.graph import Tensor


@op("SpaceToBatchND")
def space_to_batch(self: Node, x: Tensor, block: Tensor, paddings: Tensor) -> Tensor:
    return self.build.SPACE_TO_BATCH_ND(x, block, paddings)


@op("BatchToSpaceND")
def batch_to_space(self: Node, x: Tensor, block: Tensor, crops: Tensor) -> Tensor:
    found = _dilated(self, x, block)
    pads = None if found is None else _pads(self, found.spread.inputs[2], crops)
    if found is None or pads is None:
        return self.build.BATCH_TO_SPACE_ND(x, block, crops)
    return found.emit(self, pads)


@dataclass(frozen=True)
class _Dilated:
    """A convolution between SpaceToBatchND (`spread`) and BatchToSpaceND. axis: the one of size 1 that makes one dimension two."""

    spread: Origin
    convolution: Origin
    axis: int | None
    factors: list[int]

    def emit(self, node: Node, pads: np.ndarray) -> Tensor:
        """The dilated convolution of the padded input."""
        x = self.spread.inputs[0]
        if pads.any():
            x = node.build.PAD(x, pads)
        factors = [1, *self.factors, 1]
        if self.axis is not None:
            x = node.build.EXPAND_DIMS(x, np.array(self.axis, np.int32))
            factors.insert(self.axis, 1)
        inner = self.convolution.node
        attributes = {**inner.attributes, "dilations": Message(list=Message(i=factors))}
        entry = operation(inner.op)
        assert entry is not None
        y: Tensor = entry.function(replace(inner, attributes=attributes), x, self.convolution.inputs[1])
        return y if self.axis is None else node.build.SQUEEZE(y, squeeze_dims=(self.axis,))


def _dilated(self: Node, x: Tensor, block: Tensor) -> _Dilated | None:
    """What BatchToSpaceND completes, where x comes from a plain convolution of what was spread by the same block."""
    axis = None
    convolution = self.converter.origins.get(x)
    if convolution is not None and convolution.node.op == "Squeeze":
        convolution = self.converter.origins.get(convolution.inputs[0])
        expanded = convolution and self.converter.origins.get(convolution.inputs[0])
        if expanded is None or expanded.node.op != "ExpandDims" or (position := self.build.value(expanded.inputs[1])) is None:
            return None
        axis, source = int(position.item()) % (len(x.shape) + 1), expanded.inputs[0]
    elif convolution is not None:
        source = convolution.inputs[0]
    spread = self.converter.origins.get(source) if convolution is not None and _is_plain(convolution.node) else None
    if convolution is None or spread is None or spread.node.op != "SpaceToBatchND":
        return None
    factors, others = self.build.value(block), self.build.value(spread.inputs[1])
    if factors is None or others is None or not np.array_equal(factors, others) or len(factors) + 2 + (axis is not None) != 4:
        return None
    return _Dilated(spread, convolution, axis, [int(n) for n in factors])


def _is_plain(node: Node) -> bool:
    """Whether this is a convolution that a dilation can be given to."""
    if node.op not in ("Conv2D", "DepthwiseConv2dNative") or node.text("padding") != "VALID":
        return False
    return node.text("data_format", "NHWC") == "NHWC" and {*node.integers("strides"), *node.integers("dilations")} == {1}


def _pads(self: Node, paddings: Tensor, crops: Tensor) -> np.ndarray | None:
    """The padding that gives what is left after the crops: crops at the end take away from the padding there. int32 [rank, 2]."""
    before, after = self.build.value(paddings), self.build.value(crops)
    if before is None or after is None or after[:, 0].any() or (after[:, 1] > before[:, 1]).any():
        return None
    return np.concatenate([[[0, 0]], before - after, [[0, 0]]]).astype(np.int32)
