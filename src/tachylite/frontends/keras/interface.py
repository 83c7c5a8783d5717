"""A serialized model's inputs and outputs: their names, shapes and types."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.model.dtypes import STRING
from tachylite.model.errors import FileError
from tachylite.model.graph import Tensor

from .converter import flatten
from .functional import ends, layers_of

Input = tuple[str, Dims | None, np.dtype]


def model_inputs(serialized: dict[str, Any]) -> Iterator[Input]:
    """Name, shape (None: not told) and element type of each input. Raises FileError."""
    config = serialized["config"]
    if "input_layers" not in config:
        yield _input_of_sequential(serialized)
        return
    layers = {part["config"]["name"]: part["config"] for part in config["layers"] if part["class_name"] == "InputLayer"}
    for name, _, _ in ends(config["input_layers"]):
        if name not in layers:
            raise FileError(f"the model's input {name!r} is no InputLayer; the config is damaged")
        yield name, _shape(layers[name]), _dtype(layers[name])


def _input_of_sequential(serialized: dict[str, Any]) -> Input:
    """Told by its first layer, or by the shape that it was built for. A model in first place has inputs of its own."""
    layers = layers_of(serialized["config"])
    if not layers:
        raise FileError("the Sequential model has no layers; there is nothing to convert")
    first = layers[0]
    config = first["config"]
    if first["class_name"] == "InputLayer":
        return config["name"], _shape(config), _dtype(config)
    if "layers" in config:
        return next(model_inputs(first))
    whole = serialized["config"] if isinstance(serialized["config"], dict) else {}
    built = whole.get("build_input_shape") or (serialized.get("build_config") or {}).get("input_shape")
    dtype = np.dtype(np.int32) if first["class_name"] == "Embedding" else _dtype(config)
    return f"{config.get('name', first['class_name'])}_input", _shape(config) or (tuple(built) if built else None), dtype


def _shape(config: dict[str, Any]) -> Dims | None:
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    if shape is None and config.get("input_shape") is not None:
        shape = [None, *config["input_shape"]]
    return None if shape is None else tuple(None if d is None else int(d) for d in shape)


def _dtype(config: dict[str, Any]) -> np.dtype:
    """Floats of any width are float32, in which everything is computed."""
    dtype = config.get("dtype") or "float32"
    name = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    if name == "string":
        return STRING
    return np.dtype(np.float32) if "float" in name else np.dtype(name)


def named_outputs(serialized: dict[str, Any], outputs: Any) -> dict[str, Tensor]:
    """Outputs by the model's names for them: keys of a dict, else the layers that compute them."""
    config = serialized["config"]
    if isinstance(outputs, dict):
        names = [key for key in sorted(outputs) for _ in flatten(outputs[key])]
    elif "output_layers" in config:
        names = [name for name, _, _ in ends(config["output_layers"])]
    else:
        last = layers_of(config)[-1]
        names = [last["config"].get("name", last["class_name"])] * len(flatten(outputs))
    return dict(zip(_distinct(names), flatten(outputs), strict=True))


def _distinct(names: list[str]) -> Iterator[str]:
    used: set[str] = set()
    for name in names:
        candidates = (name, *(f"{name}_{i}" for i in range(1, len(names) + 1)))
        fresh = next(c for c in candidates if c not in used and (c == name or c not in names))
        used.add(fresh)
        yield fresh
