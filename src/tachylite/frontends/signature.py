"""What all frontends do around a graph: sizes to build it with, and outputs that are what runtimes expect."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from tachylite.model.errors import OpError, TachyliteError, UnsupportedError
from tachylite.model.graph import Tensor

from .builder import Dims, FixedShapeError, FrontendBuilder
from .shaping import move_axis

T = TypeVar("T")

#: Ranks of pictures and volumes, whose channels `layout="nhwc"` puts last.
PICTURES = (4, 5)

#: Sizes that are tried for dimensions other than the batch that are unknown: the smallest that the operators can work on.
OPEN_SIZES = (1, 16, 64, 256)


def with_open_sizes(attempt: Callable[[int], T], shapes: Iterable[Dims]) -> T:
    """`attempt` with the first size of the shapes' unknown dimensions with which it succeeds. Raises what the first attempt did."""
    sizes = OPEN_SIZES if any(None in shape[1:] for shape in shapes) else OPEN_SIZES[:1]
    first: TachyliteError | None = None
    for size in sizes:
        try:
            return attempt(size)
        except (OpError, UnsupportedError, FixedShapeError) as problem:
            first = first or problem
    assert first is not None
    raise first


def first_sizes(shape: Dims, size: int) -> list[int]:
    """Sizes for the unknown dimensions of an input: a batch of 1, and `size` for the others."""
    return [1, *[size] * len(shape)][: len(shape)]


def distinct(build: FrontendBuilder, inputs: Mapping[str, Tensor], results: Sequence[Tensor]) -> list[Tensor]:
    """Outputs that are neither inputs nor constants nor each other, which runtimes would not keep apart."""
    taken = list(inputs.values())
    for result in results:
        is_new = not result.is_constant and not any(result is t for t in taken)
        taken.append(result if is_new else build.RESHAPE(result, build.SHAPE(result, out_type="INT32"), quantization=result.quantization))
    return taken[len(inputs) :]


def shape_channels_last(shape: Dims) -> Dims:
    """The shape of a picture or a volume [n, c, *size] with its channels last; any other as it is."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) in PICTURES else shape


def picture_from_last(build: FrontendBuilder, x: Tensor) -> Tensor:
    """A picture or a volume that comes with channels last, as [n, c, *size]; anything else as it is."""
    return move_axis(build, x, -1, 1) if len(x.shape) in PICTURES else x


def picture_to_last(build: FrontendBuilder, x: Tensor) -> Tensor:
    """A picture or a volume [n, c, *size] with its channels last; anything else as it is."""
    return move_axis(build, x, 1, -1) if len(x.shape) in PICTURES else x
