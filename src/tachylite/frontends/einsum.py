"""Einstein sums of two tensors, as transposes, reshapes and one product of matrices."""

from collections.abc import Sequence
from math import prod

import numpy as np

from tachylite.model.errors import UnsupportedError
from tachylite.model.graph import Tensor

from .builder import FrontendBuilder, dims
from .shaping import ints, reshape, size_of, transpose


def einsum(build: FrontendBuilder, equation: str, a: Tensor, b: Tensor) -> Tensor:
    """The sum that an equation such as "abc,cd->abd" describes. Raises UnsupportedError where a label repeats within one operand."""
    left, right, result = labels_of(equation, len(a.shape), len(b.shape))
    if any(len(set(labels)) != len(labels) for labels in (left, right, result)):
        raise UnsupportedError(f"einsum {equation!r} takes a diagonal; write it without a repeated label")
    a, left = _sum_out(build, a, left, right + result)
    b, right = _sum_out(build, b, right, left + result)
    sizes = Sizes(build, {label: (x, axis) for x, labels in ((b, right), (a, left)) for axis, label in enumerate(labels)})
    shared = [label for label in result if label in left and label in right]
    rows = [label for label in result if label not in right]
    columns = [label for label in result if label not in left]
    inner = [label for label in left if label in right and label not in result]
    if not shared and b.is_constant and left[len(left) - len(inner) :] == inner and rows == left[: len(rows)]:
        y = _connect(build, a, b, right, rows, inner, columns, sizes)
    else:
        x = _matrices(build, a, left, [shared, rows, inner], sizes)
        y = build.BATCH_MATMUL(x, _matrices(build, b, right, [shared, inner, columns], sizes))
        y = _unfold(build, y, [*shared, *rows, *columns], sizes)
    order = [*shared, *rows, *columns]
    return transpose(build, y, [order.index(label) for label in result])


class Sizes:
    """The size of every label's axis. What is not known is computed when it is asked for; most are not."""

    def __init__(self, build: FrontendBuilder, places: dict[str, tuple[Tensor, int]]):
        self._build = build
        self._places = places

    def __getitem__(self, label: str) -> int | Tensor:
        return size_of(self._build, *self._places[label])

    def known(self, label: str) -> int | None:
        tensor, axis = self._places[label]
        return dims(tensor)[axis]

    def opened(self, labels: Sequence[str]) -> list[int | Tensor | None]:
        """Sizes for `reshape`, with the first unknown one left open."""
        found: list[int | Tensor | None] = []
        for tensor, axis in map(self._places.__getitem__, labels):
            is_left = dims(tensor)[axis] is None and None not in found
            found.append(None if is_left else size_of(self._build, tensor, axis))
        return found


def labels_of(equation: str, first: int, second: int) -> tuple[list[str], list[str], list[str]]:
    """Labels of both operands, of these ranks, and of the result; an ellipsis becomes digits."""
    operands, arrow, result = equation.replace(" ", "").partition("->")
    parts = operands.split(",")
    if len(parts) != 2 or not arrow:
        raise UnsupportedError(f"einsum {equation!r} has not two operands and a result; split it")
    left, right = (_expand(part, rank) for part, rank in zip(parts, (first, second), strict=True))
    hidden = max(sum(label.isdigit() for label in labels) for labels in (left, right))
    return left, right, _expand(result, len(result.replace("...", "")) + hidden)


def _expand(labels: str, rank: int) -> list[str]:
    before, dots, after = labels.partition("...")
    hidden = [str(i) for i in range(rank - len(before) - len(after))] if dots else []
    return [*before, *reversed(hidden), *after]


def _sum_out(build: FrontendBuilder, x: Tensor, labels: list[str], needed: Sequence[str]) -> tuple[Tensor, list[str]]:
    """x without the axes that no one else needs."""
    alone = [axis for axis, label in enumerate(labels) if label not in needed]
    if not alone:
        return x, labels
    return build.SUM(x, ints(*alone), keep_dims=False), [label for label in labels if label in needed]


def _connect(
    build: FrontendBuilder,
    a: Tensor,
    b: Tensor,
    right: list[str],
    rows: list[str],
    inner: list[str],
    columns: list[str],
    sizes: Sizes,
) -> Tensor:
    """The product with a constant, as a fully connected layer."""
    assert b.data is not None
    matrix = b.data.transpose([right.index(label) for label in [*columns, *inner]])
    count = prod(matrix.shape[: len(columns)])
    x = reshape(build, a, [*sizes.opened(rows), prod(matrix.shape[len(columns) :])]) if len(inner) != 1 else a
    filters = build.constant(np.ascontiguousarray(matrix.reshape(count, -1)), "kernel")
    y = build.FULLY_CONNECTED(x, filters, None, keep_num_dims=True)
    return y if len(columns) == 1 else _unfold(build, y, [*rows, *columns], sizes)


def _matrices(build: FrontendBuilder, x: Tensor, labels: list[str], groups: list[list[str]], sizes: Sizes) -> Tensor:
    """x as [*shared, rows, columns], where each of the last two is a group of axes in one."""
    shared, *others = groups
    order = [label for group in groups for label in group]
    x = transpose(build, x, [labels.index(label) for label in order])
    if all(len(group) == 1 for group in others):
        return x
    whole = sizes.opened(shared)
    for group in others:
        is_left = None not in whole and any(not isinstance(sizes.known(label), int) for label in group)
        whole.append(None if is_left else _product(build, group, sizes))
    return reshape(build, x, whole)


def _product(build: FrontendBuilder, labels: list[str], sizes: Sizes) -> int | Tensor:
    result: int | Tensor = 1
    for size in (sizes[label] for label in labels):
        if isinstance(size, int) and isinstance(result, int):
            result *= size
        else:
            one, other = (v if isinstance(v, Tensor) else np.array(v, np.int32) for v in (result, size))
            result = build.MUL(one, other)
    return result


def _unfold(build: FrontendBuilder, y: Tensor, labels: list[str], sizes: Sizes) -> Tensor:
    return reshape(build, y, sizes.opened(labels))
