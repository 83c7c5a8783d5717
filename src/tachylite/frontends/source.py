"""`tachylite.convert`: which frontend a source belongs to, told by its content."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite import passes
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.files import map_file
from tachylite.model.graph import Model

from . import keras, onnx, stablehlo, tf, torch
from .options import Options, Shapes


def convert(
    source: Any,
    *,
    signatures: Sequence[str] = (),
    input_shapes: Shapes = None,
    layout: str | None = None,
    optimize: bool = True,
    custom_ops: Sequence[str] = (),
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Model:
    """A trained model as a `.tflite` Model; `.save(path)` writes it.

    source: a path, bytes, or a live model. Keras: `.keras`, and `.h5` of any Keras. TensorFlow: a SavedModel's folder, frozen
        graphs (`.pb`), and live functions and modules. ONNX: `.onnx`, with external data beside it, and live ModelProtos.
        PyTorch: what `torch.export.export` gives, its `.pt2` files, and modules, with input_shapes. JAX: what `jax.export` gives, live or
        serialized.
    signatures: keys of those to convert, all by default. Keras models have one, "serving_default".
    input_shapes: a shape by input name, or one shape where there is one input, in the source's layout; None or -1 leaves a dimension open.
    layout: "nhwc" gives pictures with channels last to a model that takes them first; None keeps what the model has.
    optimize: fold constants, fuse operators and remove what does nothing (see `passes`).
    custom_ops: names (or patterns with * and ?) of operators of TensorFlow and ONNX that become custom operators of the same name.
    inputs, outputs: names of tensors between which a frozen graph is converted; by default its placeholders, and what nothing reads.
    Raises UnsupportedError that lists everything without a counterpart, FileError where the source is damaged, OSError where it cannot
    be read.
    """
    if layout not in (None, "nhwc"):
        raise TachyliteError(f"layout is {layout!r}; give 'nhwc', or None to keep the source's")
    model = _read(source, Options(tuple(signatures), input_shapes, layout, tuple(custom_ops), tuple(inputs), tuple(outputs)))
    return passes.optimize(model) if optimize else model


Run = Callable[[Sequence[np.ndarray]], list[Any]]
"""From inputs in order to outputs in order."""


def runner(path: Path) -> Run | None:
    """What the source itself answers, where the library that reads it can run it too: ONNX, PyTorch and JAX. None for the others."""
    if path.is_dir():
        return None
    data = map_file(path)
    if torch.is_archive(data):
        return torch.runner(path)
    if keras.is_archive(data) or tf.is_graph(data):
        return None
    return onnx.runner(path) if onnx.is_model(data) else stablehlo.runner(path)


def _read(source: Any, options: Options) -> Model:
    if keras.is_live(source):
        return keras.convert_live(source, options)
    if tf.is_live(source):
        return tf.convert_live(source, options)
    if onnx.is_live(source):
        return onnx.convert_live(source, options)
    if stablehlo.is_live(source):
        return stablehlo.convert_live(source, options)
    if torch.is_live(source):
        return torch.convert_live(source, options)
    if isinstance(source, str | os.PathLike):
        return _convert_path(Path(source), options)
    if isinstance(source, bytes | bytearray | memoryview):
        return _convert_bytes(memoryview(source), options)
    raise TachyliteError(
        f"a {type(source).__name__} is no model that can be converted; give a path, bytes, a model of Keras, TensorFlow or ONNX, "
        "or what torch.export or jax.export gives"
    )


def _convert_path(path: Path, options: Options) -> Model:
    if path.name == "saved_model.pb":
        path = path.parent
    if path.is_dir():
        if not tf.is_saved_model(path):
            raise TachyliteError(f"{path}: a directory without saved_model.pb; give a SavedModel or a file")
        return tf.convert_saved_model(path, options)
    try:
        data = map_file(path)
        return onnx.convert(data, options, path.parent) if onnx.is_model(data) else _convert_bytes(data, options)
    except FileError as problem:
        raise FileError(f"{path}: {problem}") from problem


def _convert_bytes(data: memoryview, options: Options) -> Model:
    if torch.is_archive(data):
        return torch.convert_archive(data, options)
    if keras.is_archive(data):
        return keras.convert(data, options)
    if tf.is_graph(data):
        return tf.convert_graph(data, options)
    if onnx.is_model(data):
        return onnx.convert(data, options)
    if stablehlo.is_artifact(data):
        return stablehlo.convert_artifact(data, options)
    found = bytes(data[:8])
    raise FileError(
        f"begins with {found!r}, which is none of the formats that can be converted (.keras, .h5, GraphDef .pb, .onnx, .pt2, jax.export); "
        "it may be truncated"
    )
