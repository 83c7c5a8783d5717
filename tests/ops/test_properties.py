"""Properties: fixed point against exact integers, inference against references, what moves elements against numpy."""

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tachylite.model.dtypes import RESOURCE, STRING
from tachylite.model.errors import OpError
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import fixedpoint, inference, registry
from tachylite.ops.arguments import SUFFIXES, settle
from tachylite.ops.builder import Builder
from tachylite.ops.fixedpoint import Multiplier
from tachylite.ops.registry import OpDef, Spec

from .harness import Case, scale_of
from .test_ops import CASES

# Fixed point.

int32 = st.integers(-(2**31), 2**31 - 1)
reals = st.floats(2.0**-30, 2.0**20, exclude_min=True)


def up(x: Fraction) -> int:
    """To the nearest integer, halves up."""
    return math.floor(x + Fraction(1, 2))


def away(x: Fraction) -> int:
    """To the nearest integer, halves away from zero."""
    return up(x) if x >= 0 else -up(-x)


def exact(multiplier: Multiplier) -> Fraction:
    return multiplier.mantissa * Fraction(2) ** (multiplier.shift - 31)


@given(reals)
def test_a_multiplier_is_the_nearest_there_is(real: float) -> None:
    multiplier = Multiplier.of(real)
    assert 2**30 <= multiplier.mantissa < 2**31
    assert abs(exact(multiplier) - Fraction(real)) <= Fraction(2) ** (multiplier.shift - 32)


@given(st.lists(reals, min_size=1))
def test_multipliers_are_as_one_by_one(real: list[float]) -> None:
    mantissas, shifts = fixedpoint.multipliers(np.array(real))
    assert list(zip(mantissas.tolist(), shifts.tolist(), strict=True)) == [tuple(Multiplier.of(r)) for r in real]


@given(int32, int32)
def test_doubling_high_mul(a: int, b: int) -> None:
    assert fixedpoint.doubling_high_mul(np.array(a), np.array(b)) == min(up(Fraction(a * b, 2**31)), 2**31 - 1)


@given(int32, st.integers(0, 31))
def test_divide_by_pot(x: int, exponent: int) -> None:
    assert fixedpoint.divide_by_pot(np.array(x), exponent) == away(Fraction(x, 2**exponent))


@given(int32, reals)
def test_rescale_rounds_twice(x: int, real: float) -> None:
    multiplier = Multiplier.of(real)
    shifted = x * 2 ** max(multiplier.shift, 0)
    wrapped = (shifted + 2**31) % 2**32 - 2**31
    high = min(up(Fraction(wrapped * multiplier.mantissa, 2**31)), 2**31 - 1)
    assert fixedpoint.rescale(np.array(x), multiplier) == away(Fraction(high, 2 ** max(-multiplier.shift, 0)))


@given(int32, st.floats(2.0**-30, 1.0))
def test_rescale_once_rounds_once(x: int, real: float) -> None:
    multiplier = Multiplier.of(real)
    assert fixedpoint.rescale_once(np.array(x), multiplier) == up(x * exact(multiplier))


@given(st.integers(-(2**47), 2**47 - 1), st.floats(2.0**-30, 1.0))
def test_rescale_int64_rounds_once_by_a_mantissa_of_16_bits(x: int, real: float) -> None:
    multiplier = Multiplier.of(real)
    reduced = min(up(Fraction(multiplier.mantissa, 2**16)), 2**15 - 1)
    assert fixedpoint.rescale_int64(np.array(x), multiplier) == up(x * reduced * Fraction(2) ** (multiplier.shift - 15))


@given(st.integers(-140, 120), st.floats(-1e-4, 1e-4))
def test_exponent_of(exponent: int, error: float) -> None:
    assert fixedpoint.exponent_of(np.float32(2.0 ** (exponent + error))) == exponent
    assert fixedpoint.exponent_of(np.float32(1.1 * 2.0**exponent)) is None


# Inference and references: every case of the suite.


def steps(case: Case) -> Iterator[tuple[Operator, OpDef, list[np.ndarray | None], list[np.ndarray]]]:
    """The case's operators with their inputs and what their references give, as far as they are functions of their inputs."""
    known: dict[Tensor, np.ndarray] = dict(zip(case.graph.inputs, case.inputs, strict=True))
    for op in map(registry.complete, case.graph.operators):
        definition = registry.get(op)
        if definition.context:
            return
        inputs = [None if t is None else known[t] if t in known else _stored(t) for t in op.inputs]
        results = _run(op, definition, inputs)
        yield op, definition, inputs, results
        known.update(zip(op.outputs, results, strict=False))


def _stored(tensor: Tensor) -> np.ndarray:
    value = tensor.dense()
    return np.full(tensor.shape, tensor.initial, tensor.dtype) if value is None else value


def _run(op: Operator, definition: OpDef, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return inference.as_list(definition.reference(op, *inputs))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_references_are_functions_that_inference_foresees(case: Case) -> None:
    for op, definition, inputs, results in steps(case):
        specs = settle(definition.infer, op, *inputs)
        specs = [specs] if isinstance(specs, Spec) else specs
        updated = [inputs[i] for i in definition.updated(op)]
        assert [(r.shape, r.dtype) for r in results] == [(s.shape, _in_memory(s.dtype)) for s in [*specs, *updated]]
        # Less is known before the run, but never anything else.
        before = registry.infer(op, [None if x is None else Spec(x.shape, x.dtype) for x in inputs])
        assert before is None or [(s.shape, s.dtype) for s in before] == [(s.shape, s.dtype) for s in specs]
        first = [_bytes(x) for x in results]
        # Inputs that cannot be written to, as constants are.
        again = _run(op, definition, [None if x is None else inference.frozen(x) for x in inputs])
        assert [_bytes(x) for x in again] == first


def _in_memory(dtype: np.dtype) -> np.dtype:
    """A handle is the name of its resource."""
    return STRING if dtype == RESOURCE else dtype


def _bytes(x: np.ndarray) -> Any:
    return x.tolist() if x.dtype == object else x.tobytes()


def test_variants_are_of_one_vocabulary() -> None:
    words = {*SUFFIXES.values(), "resource", "any"}
    unknown = {(d.name, v) for d in registry.definitions() for v in d.variants if re.sub(r"w\d+$", "", v) not in words}
    assert not unknown


# Elements that only move.

elements = st.integers(-128, 127)
shapes = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)
tensors = arrays.arrays(np.int8, shapes, elements=elements)


def apply(name: str, *inputs: np.ndarray, **options: Any) -> Any:
    """What an operator's reference gives for inputs of which nothing was known before."""
    build = Builder()
    given_ = [build.input(f"x{i}", x.shape, x.dtype) for i, x in enumerate(inputs)]
    count = options.get("num_splits", 1)
    op = Operator(name, [*given_], [Tensor(f"y{i}", (), inputs[0].dtype) for i in range(count)])
    op.options = registry.by_name(name).make_options(**options)
    results = _run(op, registry.get(op), inputs)
    return results[0] if count == 1 else results


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


@given(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4))
def test_broadcasting_is_numpys(shapes: Any) -> None:
    a, b = (np.arange(math.prod(s), dtype=np.int32).reshape(s) for s in shapes.input_shapes)
    np.testing.assert_array_equal(apply("ADD", a, b), a + b)


@given(shapes, shapes)
def test_shapes_that_do_not_broadcast_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    build = Builder()
    x, y = build.input("x", a), build.input("y", b)
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(OpError, match="do not broadcast"):
            build.ADD(x, y)
    else:
        assert build.ADD(x, y).shape == expected


@given(tensors)
def test_reshape_and_back(x: np.ndarray) -> None:
    flat = apply("RESHAPE", x, ints(-1))
    assert flat.shape == (x.size,)
    np.testing.assert_array_equal(apply("RESHAPE", flat, ints(*x.shape)), x)


@given(tensors, st.randoms(use_true_random=False))
def test_transpose_and_back(x: np.ndarray, random: Any) -> None:
    axes = random.sample(range(x.ndim), x.ndim)
    np.testing.assert_array_equal(apply("TRANSPOSE", apply("TRANSPOSE", x, ints(*axes)), ints(*np.argsort(axes))), x)


@given(tensors, st.data())
def test_split_and_concatenation(x: np.ndarray, data: Any) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    count = data.draw(st.sampled_from([n for n in range(2, 6) if x.shape[axis] % n == 0] or [x.shape[axis]]))
    pieces = apply("SPLIT", ints(axis), x, num_splits=count)
    pieces = pieces if count > 1 else [pieces]
    assert all(p.shape[axis] * count == x.shape[axis] for p in pieces)
    np.testing.assert_array_equal(apply("CONCATENATION", *pieces, axis=axis), x)


@given(tensors, st.data())
def test_slice_is_numpys(x: np.ndarray, data: Any) -> None:
    begin = [data.draw(st.integers(0, d)) for d in x.shape]
    size = [data.draw(st.integers(-1, d - b)) for d, b in zip(x.shape, begin, strict=True)]
    expected = x[tuple(slice(b, None if s < 0 else b + s) for b, s in zip(begin, size, strict=True))]
    np.testing.assert_array_equal(apply("SLICE", x, ints(*begin), ints(*size)), expected)


@given(
    arrays.arrays(np.float32, shapes, elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([np.int8, np.uint8, np.int16]),
    st.floats(2.0**-10, 10, width=32),
    st.data(),
)
def test_quantization_errs_by_half_a_step(x: np.ndarray, dtype: type, scale: float, data: Any) -> None:
    info = np.iinfo(dtype)
    zero_point = 0 if dtype is np.int16 else data.draw(st.integers(info.min, info.max))
    build = Builder()
    stored = build.QUANTIZE(build.input("x", x.shape), out=Tensor("q", x.shape, np.dtype(dtype), scale_of(scale, zero_point)))
    build.DEQUANTIZE(stored, out=Tensor("y", x.shape, np.dtype(np.float32)))
    y = x
    for op in build.graph.operators:
        (y,) = _run(op, registry.get(op), [y])
    inside = np.clip(x, scale * (info.min - zero_point), scale * (info.max - zero_point))
    np.testing.assert_allclose(y, inside, rtol=1e-5, atol=scale * (0.5 + 1e-3))
