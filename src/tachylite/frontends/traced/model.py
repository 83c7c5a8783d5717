"""A whole program as a model with one signature."""

from collections.abc import Sequence

from tachylite.frontends.builder import Dims, FrontendBuilder
from tachylite.frontends.options import Options
from tachylite.frontends.signature import (
    distinct,
    first_sizes,
    picture_from_last,
    picture_to_last,
    shape_channels_last,
    with_open_sizes,
)
from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.model.graph import Model, Signature, Tensor

from .converter import Converter
from .program import Program
from .registry import Operations
from .values import as_tensor

SIGNATURE = "serving_default"


def convert_program(program: Program, operations: Operations, options: Options, origin: str, is_channels_first: bool = False) -> Model:
    """The model of a program. origin: the framework's name. Raises UnsupportedError that lists all that cannot be converted."""
    if options.signatures not in ((), (SIGNATURE,)):
        raise TachyliteError(f"a traced program has the signature {SIGNATURE!r} alone, signatures asks for {list(options.signatures)}")
    is_turned = is_channels_first and options.layout == "nhwc"
    shapes = [options.shape_of(name, v.shape, program.inputs) for name, v in zip(program.inputs, program.main.arguments, strict=True)]
    model = with_open_sizes(lambda size: _build(program, operations, shapes, size, is_turned), shapes)
    model.description = f"converted from {origin} by Tachylite"
    return model


def _build(program: Program, operations: Operations, shapes: Sequence[Dims], open_size: int, is_turned: bool) -> Model:
    """The model with `open_size` for unknown dimensions. is_turned: its pictures have their channels last."""
    build = FrontendBuilder()
    inputs: dict[str, Tensor] = {}
    for name, value, shape in zip(program.inputs, program.main.arguments, shapes, strict=True):
        inputs[name] = build.input(
            name, shape_channels_last(shape) if is_turned else shape, value.dtype, sizes=first_sizes(shape, open_size)
        )
    given = [picture_from_last(build, x) if is_turned else x for x in inputs.values()]
    converter = Converter(build, operations, program.functions)
    results = converter.run(program.main, given)
    if converter.problems:
        found = list(dict.fromkeys(converter.problems))
        raise UnsupportedError(f"{len(found)} of the program's operations cannot be converted:\n  " + "\n  ".join(found))
    tensors = [as_tensor(build, y) for y in results]
    tensors = [picture_to_last(build, y) for y in tensors] if is_turned else tensors
    outputs = dict(zip(program.outputs, distinct(build, inputs, tensors), strict=True))
    graph = build.outputs(*outputs.values())
    graph.name = "main"
    model = Model.of(graph)
    model.signatures = [Signature(SIGNATURE, graph, inputs, outputs)]
    return model
