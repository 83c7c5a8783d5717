"""What a layer's function works with, and the registries in which such functions stand.

A layer is one function, `layer(name)` its entry. It is called like the Keras layer, with tensors for Keras tensors, and returns tensors.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Tensor

from .weights import Weights

Function = TypeVar("Function", bound=Callable[..., Any])


class Unsupported(TachyliteError):  # noqa: N818 -- it never leaves the frontend, which collects them
    """A layer that cannot be converted: why, and what to write instead."""


class NeedsFixedBatch(Exception):  # noqa: N818 -- it never leaves the frontend either
    """A layer keeps state for each member of the batch, whose size is unknown; the model is converted again with a known one."""


@dataclass(frozen=True)
class Definition:
    """A layer's function, and what becomes of a mask: 'pass' hands it on, 'drop' ends it, 'own' leaves it to the function."""

    function: Callable[..., Any]
    mask: str = "drop"


_layers: dict[str, Definition] = {}
_operations: dict[str, Definition] = {}


def layer(*names: str, mask: str = "drop") -> Callable[[Function], Function]:
    """Enter a function for the layers of these class names."""

    def enter(function: Function) -> Function:
        _layers.update(dict.fromkeys(names, Definition(function, mask)))
        return function

    return enter


def operation(*names: str) -> Callable[[Function], Function]:
    """Enter a function for operations on Keras tensors: `keras.ops` classes, and functions of TensorFlow as Keras 2 names them."""

    def enter(function: Function) -> Function:
        _operations.update(dict.fromkeys(names, Definition(function)))
        return function

    return enter


@cache
def _load_families() -> None:
    importlib.import_module(f"{__package__}.functional")
    package = importlib.import_module(f"{__package__}.layers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def definition(config: Any) -> Definition | None:
    """The definition for a serialized layer, None where there is none."""
    _load_families()
    if is_operation(config):
        return _operations.get(config["class_name"])
    inner: Any = config.get("config")
    if isinstance(inner, dict) and "input_layers" in inner and "layers" in inner:
        return _layers["Functional"]  # a subclass of one's own is saved as what it was made of
    return None if is_foreign(config) else _layers.get(config["class_name"])


def is_foreign(config: Any) -> bool:
    """Whether the class is none of Keras's, whatever it is called. Files of Keras 2 do not tell."""
    return str(config.get("module") or "keras").partition(".")[0] not in ("keras", "tf_keras", "tensorflow")


def operation_function(name: str) -> Callable[..., Any]:
    """The function of an operation that is known."""
    _load_families()
    return _operations[name].function


def is_operation(config: Any) -> bool:
    """Whether this is an operation rather than a layer, which may have the same class name."""
    if "module" in config:
        return ".ops" in str(config["module"])
    nodes = config.get("inbound_nodes")  # an .h5 of Keras 3 does not name modules, but layers have more in their config than a name
    return bool(nodes) and isinstance(nodes[0], dict) and not {"trainable", "layers"} & set(config["config"])


def layer_names() -> list[str]:
    """Class names of all layers that are known."""
    return sorted(entries()[0])


def entries() -> tuple[dict[str, Definition], dict[str, Definition]]:
    """All layers, and all operations on Keras tensors, by name."""
    _load_families()
    return _layers, _operations


@dataclass
class Layer:
    """One call of a layer.

    config: what the layer was made with; weights: in Keras's order; masks: those of the tensors that have one;
    generation: the major version of the Keras that wrote the model;
    call: converts another serialized layer, as wrappers need: `call(config, weights, *args, **kwargs)`.
    """

    build: FrontendBuilder
    class_name: str
    name: str
    config: dict[str, Any]
    weights: Weights
    call: Callable[..., Any]
    masks: dict[Tensor, Tensor] = field(default_factory=dict)
    generation: int = 3

    def get(self, key: str, default: Any = None) -> Any:
        """An entry of the config; `default` where it is missing or None."""
        value = self.config.get(key)
        return default if value is None else value

    def take(self, count: int, *path: str) -> list[np.ndarray]:
        """The next weights."""
        return self.weights.take(count, *path)

    def own_activation(self, name: str) -> str:
        """The name under which an activation of the layer's Keras is entered: hard_sigmoid was another function before Keras 3."""
        return "hard_sigmoid of Keras 2" if name == "hard_sigmoid" and self.generation < 3 else name

    @property
    def is_channels_first(self) -> bool:
        return bool(self.config.get("data_format") == "channels_first")

    def refuse(self, found: str, remedy: str) -> Unsupported:
        """An exception to raise: what of the layer cannot be converted, and what to write instead."""
        return Unsupported(f"{found}; {remedy}")


def nested_layers(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All serialized layers within a serialized model or layer, itself first. Cells are not among them."""
    yield config
    inner: Any = config.get("config")
    if isinstance(inner, list):  # a Sequential of Keras 1
        inner = {"layers": inner}
    if isinstance(inner, dict):
        for part in (*inner.get("layers", ()), *(inner[key] for key in ("layer", "backward_layer") if key in inner)):
            if isinstance(part, dict) and "class_name" in part:
                yield from nested_layers(part)
