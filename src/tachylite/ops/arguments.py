"""What operators are given: element types, and shapes, axes and amounts told by tensors. Read and checked here, for every family alike.

`infer` is the one place of validation. Where it waits for values that only the run knows, the reference asks it again with `settle`.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, TypeVar

import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.dtypes import BFLOAT16, DTYPES, INT2, INT4, STRING, TYPE_NAMES, UINT4
from tachylite.model.errors import FileError
from tachylite.model.graph import Operator, Shape

from . import registry
from .registry import Spec, normalize_axis

T = TypeVar("T")

MAX_ELEMENTS = 2**31 - 1
"""The most elements of a tensor: what the schema's int32 sizes can count."""

MAX_RANK = 32
"""The most dimensions of a tensor: what every numpy can hold."""

SUFFIXES: dict[np.dtype, str] = {
    np.dtype(np.float32): "f32",
    np.dtype(np.float16): "f16",
    BFLOAT16: "bf16",
    np.dtype(np.float64): "f64",
    DTYPES["FLOAT8_E4M3FN"]: "f8",
    DTYPES["FLOAT8_E5M2"]: "f8",
    np.dtype(np.int8): "s8",
    np.dtype(np.uint8): "u8",
    np.dtype(np.int16): "s16",
    INT4: "s4",
    UINT4: "u4",
    INT2: "s2",
    np.dtype(np.uint16): "u16",
    np.dtype(np.int32): "i32",
    np.dtype(np.uint32): "u32",
    np.dtype(np.int64): "i64",
    np.dtype(np.uint64): "u64",
    np.dtype(np.bool_): "bool",
    np.dtype(np.complex64): "c64",
    np.dtype(np.complex128): "c128",
    STRING: "str",
}
"""The names of element types in OpDef.variants."""

ANY_TYPE = ("any",)
"""The variants of operators that never look at elements."""


def check_type(op: Operator, x: Spec, name: str = "the input") -> None:
    """Refuse an element type that is not among the operator's variants, LiteRT's: a file that uses another would run nowhere else."""
    variants = registry.get(op).variants
    if SUFFIXES.get(x.dtype) not in variants:
        known = [TYPE_NAMES[dtype] for dtype, suffix in SUFFIXES.items() if suffix in variants]
        raise op.error(f"{name} is {x.dtype}, it must be one of {', '.join(known)}; insert a CAST")


def check_dtype(op: Operator, name: str, x: Spec, *allowed: type) -> None:
    """Refuse an operand of another type than these, whatever the operator's variants are: positions, lengths."""
    if x.dtype not in allowed:
        raise op.error(f"{name} are {x.dtype}, they must be {' or '.join(t.__name__ for t in allowed)}; insert a CAST")


def index_type(op: Operator, option: str) -> np.dtype:
    """The type that an option gives to positions and sizes."""
    name = getattr(op.options, option)
    if name not in ("INT32", "INT64"):
        raise op.error(f"{option} is {name}, it must be INT32 or INT64; correct the options")
    return DTYPES[name]


def check_dimensions(op: Operator, x: Spec, name: str = "the input") -> None:
    """Refuse a scalar."""
    if not x.rank:
        raise op.error(f"{name} is a scalar, it must have dimensions; RESHAPE it to [1]")


def custom_options(op: Operator, **types: type) -> list[Any]:
    """The named values of a custom operator's FlexBuffer map, in this order, as these types; what is missing is 0. Raises OpError."""
    try:
        values = flexbuffer.read(op.custom_options)
        return [convert(values.get(name, 0)) for name, convert in types.items()]
    except (FileError, AttributeError, TypeError, ValueError, OverflowError) as problem:
        raise op.error(f"its options must be a FlexBuffer map with numbers for {', '.join(types)}: {problem}") from None


def version_by_type(lowest: int = 1, position: int = 0, **versions: int) -> Callable[[Operator], int]:
    """An OpDef.version that depends on the element type of one input, given by its suffix; `lowest` serves all other types."""

    def version(op: Operator) -> int:
        tensor = op.inputs[position]
        return lowest if tensor is None else versions.get(SUFFIXES.get(tensor.dtype, ""), lowest)

    return version


def settle(infer: Callable[..., T | None], op: Operator, *arrays: np.ndarray | None) -> T:
    """What `infer` says of the outputs when the values of all inputs are known."""
    result = infer(op, *(None if a is None else Spec(a.shape, a.dtype, a) for a in arrays))
    assert result is not None, "with all values known, nothing of the outputs can be unknown"
    return result


def new_shape(op: Operator, dimensions: Iterable[int]) -> Shape:
    """A computed shape. Raises OpError where no tensor can have it."""
    shape = tuple(int(d) for d in dimensions)
    if any(d < 0 for d in shape):
        raise op.error(f"the output's shape would be {list(shape)}, no dimension may be negative; correct the operator's arguments")
    if len(shape) > MAX_RANK or prod(d or 1 for d in shape) > MAX_ELEMENTS:  # kernels count in int32, even where there is nothing
        limits = f"at most {MAX_RANK} dimensions and {MAX_ELEMENTS} elements are possible"
        raise op.error(f"the output's shape would be {list(shape[:MAX_RANK])}, {limits}; correct the operator's arguments")
    return shape


def scalar(op: Operator, name: str, x: Spec) -> int | None:
    """The one integer that a tensor holds; None while it is unknown."""
    if x.dtype.kind not in "iu" or prod(x.shape) != 1:
        raise op.error(f"{name} is {x.dtype}{list(x.shape)}, it must be one integer; correct the input's type or shape")
    return None if x.value is None else int(x.value.item())


def vector(op: Operator, name: str, x: Spec, length: int | None = None) -> list[int] | None:
    """The integers that a tensor [length] holds; None while they are unknown."""
    if x.dtype.kind not in "iu" or x.rank != 1 or length not in (None, x.shape[0]):
        wanted = "a vector of integers" if length is None else f"a vector of {length} integers"
        raise op.error(f"{name} are {x.dtype}{list(x.shape)}, they must be {wanted}; correct the input's type or shape")
    return None if x.value is None else [int(v) for v in x.value]


def amounts(op: Operator, name: str, x: Spec, rows: int) -> list[tuple[int, int]] | None:
    """How much to add or take before and after each of `rows` dimensions: a tensor [rows, 2]; None while it is unknown."""
    if x.dtype.kind not in "iub" or x.shape != (rows, 2):
        raise op.error(
            f"{name} are {x.dtype}{list(x.shape)}, they must be integers of shape [{rows}, 2]; correct the input's type or shape"
        )
    if x.value is None:
        return None
    pairs = [(int(before), int(after)) for before, after in x.value]
    if any(min(pair) < 0 for pair in pairs):
        raise op.error(f"{name} are {pairs}, none may be negative; use SLICE to shorten a dimension")
    return pairs


def axis_of(op: Operator, name: str, x: Spec, rank: int) -> int | None:
    """The axis, counted from the front, that a tensor names; None while it is unknown."""
    axis = scalar(op, name, x)
    return None if axis is None else normalize_axis(op, axis, rank)


def same_type(op: Operator, *specs: Spec) -> None:
    """Refuse operands of different element types."""
    if any(s.dtype != specs[0].dtype for s in specs):
        raise op.error(f"the operands are {', '.join(str(s.dtype) for s in specs)}, all must be of one type; insert a CAST")


def same_quantization(op: Operator, *positions: int) -> None:
    """Refuse inputs whose elements stand for other numbers than the outputs' elements do: the operator moves them as they are."""
    for source in (op.inputs[i] for i in positions):
        for result in op.outputs:
            if source is not None and (source.scale, source.zero_point) != (result.scale, result.zero_point):
                raise op.error(
                    f"{source.name!r} has scale {source.scale} and zero point {source.zero_point}, "
                    f"{result.name!r} has {result.scale} and {result.zero_point}; they must be equal, insert a QUANTIZE"
                )


def check_positions(op: Operator, positions: np.ndarray, sizes: int | np.ndarray) -> None:
    """Refuse positions outside [0, size). sizes: one, or one for each element of the last dimension of `positions`."""
    outside = (positions < 0) | (positions >= sizes)
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        limit = np.broadcast_to(sizes, positions.shape)[where]
        raise op.error(f"index {positions[where]} at {list(where)} is out of range; it must lie in [0, {limit - 1}]")
