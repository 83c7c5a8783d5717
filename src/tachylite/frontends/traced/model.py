"""A whole program as a model with one signature."""

from collections.abc import Sequence

from tachylite.frontends.builder import Dims, FixedShapeError, FrontendBuilder
from tachylite.frontends.options import Options
from tachylite.frontends.shaping import distinct, move_axis
from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.model.graph import Model, Signature, Tensor

from .converter import Converter
from .program import Program
from .registry import Operations
from .values import as_tensor

SIGNATURE = "serving_default"

#: Sizes that are tried for dimensions other than the batch that are unknown: the smallest that the operators can work on.
OPEN_SIZES = (1, 16, 64, 256)

#: Ranks of what `layout="nhwc"` takes for pictures and volumes: those with two and three dimensions of size.
PICTURES = (4, 5)


def convert_program(program: Program, operations: Operations, options: Options, origin: str, is_channels_first: bool = False) -> Model:
    """The model of a program. origin: the framework's name. Raises UnsupportedError that lists all that cannot be converted."""
    if options.signatures not in ((), (SIGNATURE,)):
        raise TachyliteError(f"a traced program has the signature {SIGNATURE!r} alone, signatures asks for {list(options.signatures)}")
    is_turned = is_channels_first and options.layout == "nhwc"
    shapes = [options.shape_of(name, v.shape, program.inputs) for name, v in zip(program.inputs, program.main.arguments, strict=True)]
    first: TachyliteError | None = None
    for size in OPEN_SIZES:
        try:
            return _build(program, operations, shapes, size, origin, is_turned)
        except (UnsupportedError, FixedShapeError) as problem:
            first = first or problem
            if not any(None in shape[1:] for shape in shapes):
                break
    assert first is not None
    raise first


def _build(program: Program, operations: Operations, shapes: Sequence[Dims], open_size: int, origin: str, is_turned: bool) -> Model:
    build = FrontendBuilder()
    inputs: dict[str, Tensor] = {}
    for name, value, shape in zip(program.inputs, program.main.arguments, shapes, strict=True):
        sizes = [1, *[open_size] * len(shape)][: len(shape)]
        inputs[name] = build.input(name, _last(shape) if is_turned else shape, value.dtype, sizes=sizes)
    given = [_turned(build, x, -1, 1) if is_turned else x for x in inputs.values()]
    converter = Converter(build, operations, program.functions)
    results = converter.run(program.main, given)
    if converter.problems:
        found = list(dict.fromkeys(converter.problems))
        raise UnsupportedError(f"{len(found)} of the program's operations cannot be converted:\n  " + "\n  ".join(found))
    tensors = [_turned(build, as_tensor(build, y), 1, -1) if is_turned else as_tensor(build, y) for y in results]
    outputs = dict(zip(program.outputs, distinct(build, inputs.values(), tensors), strict=True))
    graph = build.outputs(*outputs.values())
    graph.name = "main"
    model = Model.of(graph)
    model.signatures = [Signature(SIGNATURE, graph, inputs, outputs)]
    model.description = f"converted from {origin} by Tachylite"
    return model


def _last(shape: Dims) -> Dims:
    """The shape of a picture or a volume with its channels behind; any other as it is."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) in PICTURES else shape


def _turned(build: FrontendBuilder, x: Tensor, source: int, target: int) -> Tensor:
    """A picture or a volume with its channels in another place; anything else as it is."""
    return move_axis(build, x, source, target) if len(x.shape) in PICTURES else x
