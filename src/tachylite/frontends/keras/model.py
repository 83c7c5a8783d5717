"""A whole Keras model: its inputs and outputs around what its layers emit."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims, FrontendBuilder
from tachylite.frontends.options import Options
from tachylite.frontends.signature import first_sizes, picture_from_last, picture_to_last, shape_channels_last, with_open_sizes
from tachylite.model.errors import TachyliteError
from tachylite.model.files import map_file
from tachylite.model.graph import Model, Signature, Tensor

from .archive import HDF5, ZIP, Archive, open_archive
from .converter import Converter, as_config
from .interface import model_inputs, named_outputs
from .layer import NeedsFixedBatch, layer_names, nested_layers

__all__ = ["convert", "convert_live", "is_archive", "is_live", "layer_names"]

SIGNATURE = "serving_default"


def is_archive(data: memoryview) -> bool:
    """Whether the bytes begin as a Keras file does."""
    return data[:4] == ZIP or data[:8] == HDF5


def is_live(source: Any) -> bool:
    """Whether this is a model of a Keras that is loaded."""
    modules = (sys.modules.get(name) for name in ("keras", "tf_keras"))
    return any(module is not None and isinstance(source, module.Model) for module in modules)


def convert_live(model: Any, options: Options) -> Model:
    """A live model of any backend, by way of a temporary file."""
    is_old = not hasattr(model, "get_compile_config") or type(model).__module__.startswith("tf_keras")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("model.h5" if is_old else "model.keras")
        model.save(path)
        return convert(map_file(path), options)


def convert(data: memoryview, options: Options) -> Model:
    """The model in a `.keras` or `.h5` file. Raises FileError, UnsupportedError."""
    options.refuse_ends("a Keras file")
    if options.signatures not in ((), (SIGNATURE,)):
        raise TachyliteError(f"a Keras file has the signature {SIGNATURE!r} alone, signatures asks for {list(options.signatures)}")
    with open_archive(data) as archive:
        return _with_sizes(archive, options)


def _with_sizes(archive: Archive, options: Options) -> Model:
    """Try sizes of the unknown dimensions, and fix the batch where a layer cannot work without."""
    shapes = [shape for _, shape, _ in _inputs(archive.model, options)]
    try:
        return with_open_sizes(lambda size: _build(archive, options, size), shapes)
    except NeedsFixedBatch:
        return with_open_sizes(lambda size: _build(archive, options, size, batch=1), shapes)


def _inputs(serialized: dict[str, Any], options: Options) -> list[tuple[str, Dims, np.dtype]]:
    """What the model declares, with the shapes that the caller wants."""
    declared = list(model_inputs(serialized))
    names = [name for name, _, _ in declared]
    return [(name, options.shape_of(name, shape, names), dtype) for name, shape, dtype in declared]


def _build(archive: Archive, options: Options, open_size: int, batch: int | None = None) -> Model:
    """The model with `open_size` for unknown dimensions; batch: the size of an unknown batch, which then is known."""
    build = FrontendBuilder()
    is_turned = options.layout == "nhwc" and _is_channels_first(archive.model)
    inputs: dict[str, Tensor] = {}
    for name, shape, dtype in _inputs(archive.model, options):
        dims = (batch, *shape[1:]) if shape[:1] == (None,) else shape
        inputs[name] = build.input(name, shape_channels_last(dims) if is_turned else dims, dtype, sizes=first_sizes(shape, open_size))
    given = [picture_from_last(build, x) if is_turned else x for x in inputs.values()]
    outputs = named_outputs(archive.model, Converter(build, archive.generation).run(archive.model, archive.weights, given))
    if is_turned:
        outputs = {name: picture_to_last(build, y) for name, y in outputs.items()}
    graph = build.outputs(*outputs.values())
    graph.name = "main"
    model = Model.of(graph)
    model.signatures = [Signature(SIGNATURE, graph, inputs, outputs)]
    model.description = "converted from Keras by Tachylite"
    return model


def _is_channels_first(serialized: dict[str, Any]) -> bool:
    return any(as_config(part).get("data_format") == "channels_first" for part in nested_layers(serialized))
