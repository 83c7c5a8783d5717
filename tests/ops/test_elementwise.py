"""What operators on single elements refuse in the run, natively as in the reference, and ways between element types."""

from collections.abc import Callable

import numpy as np
import pytest

from tachylite.model.errors import OpError
from tachylite.ops.arguments import SUFFIXES
from tachylite.ops.cast import route

from .harness import Case, answers, case, out, quantized

ONES = np.ones((2, 3), np.int32)
Q = quantized([[3, 4, 5]], 0.5, 4)
Y = out(np.int8, 0.5, 0, (1, 3))

REFUSED: list[tuple[str, str, Callable[[], Case]]] = [
    ("int32", "divided by zero", lambda: case("", "DIV", ONES, np.int32([1, 0, 1]))),
    ("floor", "divided by zero", lambda: case("", "FLOOR_DIV", ONES, np.int32([1, 0, 1]))),
    ("modulo", "divided by zero", lambda: case("", "FLOOR_MOD", ONES.astype(np.int64), np.int64([1, 0, 1]))),
    ("int8", "divided by zero", lambda: case("", "DIV", Q, Q, out=Y)),
    ("power", "negative power", lambda: case("", "POW", ONES, np.int32([1, -1, 1]))),
    ("sqrt", "has no root", lambda: case("", "SQRT", Q, out=Y)),
    ("rsqrt", "has no root", lambda: case("", "RSQRT", quantized([-1, 1], 0.5, dtype=np.int16), out=out(np.int16, 0.5, 0, (2,)))),
]


@pytest.mark.parametrize(("message", "build"), [(m, b) for _, m, b in REFUSED], ids=[name for name, _, _ in REFUSED])
def test_refused_in_the_run(message: str, build: Callable[[], Case]) -> None:
    refused = build()
    with pytest.raises(OpError, match=message):
        answers(refused.graph, *refused.inputs)


NUMBERS = [dtype for dtype, name in SUFFIXES.items() if name not in ("f8", "c64", "c128", "str")]


@pytest.mark.parametrize("source", NUMBERS, ids=str)
def test_every_number_becomes_any_other(source: np.dtype) -> None:
    """But for uint64, whose upper half the machine's conversions of floats do not know."""
    for target in NUMBERS:
        is_far = np.uint64 in (source, target) and any(t.kind in "fV" and t.itemsize > 1 for t in (source, target))
        assert (route(source, target) is None) == is_far, target
