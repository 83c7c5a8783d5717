"""How much arithmetic an operator is, for profiles: a multiplication and an addition count as two operations, whatever their type.

Only what is proportional to a known number of them is counted; of all others (data movement, exponentials, searches) nothing is said.
"""

from collections.abc import Callable, Sequence
from math import prod

from tachylite.model.graph import Operator, Shape

Shapes = Sequence[Shape | None]
"""Of an operator's inputs in order, None where one is omitted."""


def flops(op: Operator, inputs: Shapes, outputs: Shapes) -> int | None:
    """Additions and multiplications of one call, as its definition does them; None where the operator has no such count."""
    rule = RULES.get(op.op)
    try:
        return None if rule is None or op.is_custom else int(rule(op, inputs, outputs))
    except (IndexError, TypeError):  # an operand is missing, or its shape is not known
        return None


def _size(shape: Shape | None) -> int:
    return prod(_known(shape))


def _known(shape: Shape | None) -> Shape:
    if shape is None:
        raise TypeError("the shape is not known")
    return shape


def _per_output(channel_axis: int) -> Callable[[Operator, Shapes, Shapes], int]:
    """Of products in which each output meets all of the weights (the second input) of its channel."""
    return lambda op, x, y: 2 * _size(y[0]) * _size(x[1]) // max(1, _known(x[1])[channel_axis])


def _matmul(op: Operator, x: Shapes, y: Shapes) -> int:
    return 2 * _size(y[0]) * _known(x[0])[-2 if op.options.adj_x else -1]


def _transpose_conv(op: Operator, x: Shapes, y: Shapes) -> int:
    """Each input meets all of the weights [out, height, width, in] of its channel."""
    return 2 * _size(x[2]) * _size(x[1]) // max(1, _known(x[1])[-1])


def _recurrent(*weights: int) -> Callable[[Operator, Shapes, Shapes], int]:
    """Of matrices by which every row of the first input, or of the state beside it, is multiplied."""

    def rule(op: Operator, x: Shapes, y: Shapes) -> int:
        rows = _size(_known(x[0])[:-1])
        return 2 * rows * sum(prod(shape) for i in weights if i < len(x) and (shape := x[i]) is not None)

    return rule


def _window(op: Operator, x: Shapes, y: Shapes) -> int:
    return _size(y[0]) * op.options.filter_height * op.options.filter_width


RULES: dict[str, Callable[[Operator, Shapes, Shapes], int]] = {
    "CONV_2D": _per_output(0),
    "CONV_3D": _per_output(-1),
    "DEPTHWISE_CONV_2D": _per_output(-1),
    "FULLY_CONNECTED": _per_output(0),
    "BATCH_MATMUL": _matmul,
    "TRANSPOSE_CONV": _transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _recurrent(*range(1, 9), 16),
    "UNIDIRECTIONAL_SEQUENCE_RNN": _recurrent(1, 2),
    "RNN": _recurrent(1, 2),
    "SVDF": _recurrent(1, 2),
    "LAYER_NORM": lambda op, x, y: 8 * _size(x[0]),
    "AVERAGE_POOL_2D": _window,
    "MAX_POOL_2D": _window,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), lambda op, x, y: _size(x[0])),
    **dict.fromkeys(
        "ADD SUB MUL DIV MAXIMUM MINIMUM NEG ABS SQUARE RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LEAKY_RELU PRELU".split(),
        lambda op, x, y: _size(y[0]),
    ),
    "SQUARED_DIFFERENCE": lambda op, x, y: 2 * _size(y[0]),
    "ADD_N": lambda op, x, y: (len(x) - 1) * _size(y[0]),
}
"""The count by operator, from the shapes of its inputs and outputs."""

PRODUCTS = frozenset(
    "CONV_2D CONV_3D DEPTHWISE_CONV_2D FULLY_CONNECTED BATCH_MATMUL TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM "
    "UNIDIRECTIONAL_SEQUENCE_RNN RNN SVDF".split()
)
"""Operators whose work is sums of products."""


def multiplications(op: Operator) -> int:
    """Multiplications with an addition of one call, with the shapes of its tensors; 0 where its work is no sums of products."""
    if op.op not in PRODUCTS:
        return 0
    return (flops(op, [None if t is None else t.shape for t in op.inputs], [t.shape for t in op.outputs]) or 0) // 2
