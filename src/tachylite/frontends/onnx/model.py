"""A whole ONNX model: its inputs and outputs around what its nodes emit."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError
from tachylite.model.extras import extra
from tachylite.model.graph import Model, Signature, Tensor
from tachylite.passes.integer import INTEGER
from tachylite.passes.runner import run

from .converter import Converter
from .functions import Functions, versions_of
from .tensors import dtype_of, shape_of
from .values import Value

SIGNATURE = "serving_default"

OLDEST = 7

#: The first bytes of a model: its version of the format, and the tags of what may stand next.
VERSION_TAG, NEXT_TAGS = 0x08, frozenset(number << 3 | 2 for number in (2, 3, 4, 6, 7, 8, 14, 20)) | {5 << 3}


def is_model(data: memoryview) -> bool:
    """Whether the bytes begin as an ONNX model does."""
    return len(data) > 2 and data[0] == VERSION_TAG and 1 <= data[1] < 128 and data[2] in NEXT_TAGS


def is_live(source: Any) -> bool:
    """Whether this is a model of an `onnx` that is loaded."""
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(source, onnx.ModelProto)


def convert(data: memoryview, options: Options, folder: Path | None = None) -> Model:
    """The model in these bytes; folder: where data of other files lies. Raises FileError, UnsupportedError, OSError."""
    return _convert(_read(data), options, folder)


def convert_live(model: Any, options: Options) -> Model:
    """A live ModelProto, with all of its constants. Raises FileError, UnsupportedError."""
    return _convert(model, options, None)


def _read(data: memoryview) -> Any:
    with extra("onnx", "onnx"):
        import onnx
        from google.protobuf.message import DecodeError
    try:
        return onnx.load_model_from_string(bytes(data))
    except DecodeError as problem:
        raise FileError(f"begins as an ONNX model and does not go on as one ({problem}); it is truncated or corrupted") from None


def _convert(model: Any, options: Options, folder: Path | None) -> Model:
    if options.signatures not in ((), (SIGNATURE,)):
        raise TachyliteError(f"an ONNX model has the signature {SIGNATURE!r} alone, signatures asks for {list(options.signatures)}")
    options.refuse_ends("an ONNX model")
    if not model.graph.output:
        raise FileError("holds no graph with outputs; it is truncated, or something else than an ONNX model")
    versions = versions_of(model)
    if versions.get("", OLDEST) < OLDEST:
        raise UnsupportedError(
            f"the model is of operator set {versions['']}, needed {OLDEST} or later; convert it with onnx.version_converter.convert_version"
        )
    declared = _inputs(model.graph)
    shapes = {name: options.shape_of(name, shape, list(declared)) for name, (shape, _) in declared.items()}
    return with_open_sizes(lambda size: _build(model, options, shapes, folder, size), shapes.values())


def _inputs(graph: Any) -> dict[str, tuple[Dims | None, np.dtype]]:
    """Shape and type of the inputs that the graph brings no values for. Raises UnsupportedError where one is no tensor."""
    own = {t.name for t in graph.initializer}
    found = [x for x in graph.input if x.name not in own]
    strangers = [x.name for x in found if not x.type.HasField("tensor_type")]
    if strangers:
        raise UnsupportedError(f"the inputs {strangers} are sequences, maps or optionals; give tensors to the model")
    return {x.name: (shape_of(x.type.tensor_type), _dtype(x)) for x in found}


def _dtype(declared: Any) -> np.dtype:
    try:
        return dtype_of(declared.type.tensor_type.elem_type)
    except FileError as problem:
        raise FileError(f"the input {declared.name!r} {problem}") from None


def _build(model: Any, options: Options, shapes: Mapping[str, Dims], folder: Path | None, open_size: int) -> Model:
    """The model with `open_size` for unknown dimensions."""
    build = FrontendBuilder()
    is_turned = options.layout == "nhwc"
    inputs: dict[str, Tensor] = {}
    for name, (_, dtype) in _inputs(model.graph).items():
        shape = shapes[name]
        inputs[name] = build.input(name, shape_channels_last(shape) if is_turned else shape, dtype, sizes=first_sizes(shape, open_size))
    converter = Converter(build, Functions(model), versions_of(model), folder, options)
    given = {name: picture_from_last(build, x) if is_turned else x for name, x in inputs.items()}
    results = _run(converter, model.graph, given)
    if converter.problems:
        listed = "\n  ".join(dict.fromkeys(converter.problems))
        raise UnsupportedError(f"{len(set(converter.problems))} of the model's nodes cannot be converted:\n  {listed}")
    names = [x.name for x in model.graph.output]
    outputs = dict(zip(names, _outputs(build, inputs, names, results, is_turned), strict=True))
    graph = build.outputs(*outputs.values())
    graph.name = "main"
    converted = Model.of(graph)
    converted.signatures = [Signature(SIGNATURE, graph, inputs, outputs)]
    converted.description = "converted from ONNX by Tachylite"
    return run(converted, INTEGER)


def _run(converter: Converter, graph: Any, given: Mapping[str, Value]) -> list[Value]:
    """What the graph gives. Raises FileError where names or types in it are none."""
    try:
        return converter.run(graph, given)
    except TachyliteError:
        raise
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise FileError(f"the graph does not hang together ({type(problem).__name__}: {problem}); the file is corrupted") from problem


def _outputs(
    build: FrontendBuilder, inputs: Mapping[str, Tensor], names: Sequence[str], results: Sequence[Any], is_turned: bool
) -> list[Tensor]:
    strangers = [name for name, result in zip(names, results, strict=True) if not isinstance(result, Tensor)]
    if strangers:
        raise UnsupportedError(f"the outputs {strangers} are sequences or optionals; let the model give tensors")
    return distinct(build, inputs, [picture_to_last(build, y) if is_turned else y for y in results])
