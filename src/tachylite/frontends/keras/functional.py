"""Models as graphs of layers: Functional and Sequential, at the top or within another model, as every Keras since 1.x writes them."""

from typing import Any

import ml_dtypes
import numpy as np

from tachylite.model.errors import FileError
from tachylite.model.graph import Tensor

from .converter import Unconverted, as_config, flatten
from .layer import Layer, is_operation, layer

History = tuple[str, int, int]
"""A Keras tensor: the layer, which of its calls, and which of that call's outputs."""


class Nodes:
    """The calls of a functional model's layers. A call is a node; its arguments refer to outputs of other nodes.

    Models within a model began with a call of their own, from which Keras 2 counts, mostly, and Keras 3 where it refers to outputs.
    """

    def __init__(self, config: dict[str, Any]):
        self.layers = {part.get("name") or part["config"]["name"]: part for part in config["layers"]}
        models = {name for name, part in self.layers.items() if "layers" in as_config(part)}
        nodes = [node for part in config["layers"] for node in part.get("inbound_nodes", ())]
        self._shift_of_outputs = self._shift = {}
        if any(isinstance(node, dict) for node in nodes):
            self._shift_of_outputs = {name: 1 for name in models if "input_layers" in as_config(self.layers[name])}
        else:
            used = [h for node in nodes for h in _histories(node)] + ends(config["output_layers"])
            self._shift = self._shift_of_outputs = {name: min(n for used_name, n, _ in used if used_name == name) for name in models}

    def needs(self, name: str, node: int) -> set[tuple[str, int]]:
        """The calls whose results a call takes."""
        return {self.key(history)[:2] for history in _histories(self.layers[name]["inbound_nodes"][node])}

    def key(self, history: History, is_output: bool = False) -> History:
        name, node, index = history
        return name, node - (self._shift_of_outputs if is_output else self._shift).get(name, 0), index


@layer("Functional", "Model", mask="own")
def functional(self: Layer, *args: Any, **kwargs: Any) -> Any:
    """A model within a model: args are its inputs, together or one by one."""
    inputs = args[0] if len(args) == 1 else list(args)
    names = ends(self.config["input_layers"])
    given = _match(self.config["input_layers"], inputs, [name for name, _, _ in names])
    return run_functional(self, given)


def run_functional(self: Layer, inputs: dict[str, Tensor]) -> Any:
    """Emit all layers. inputs: by the names of the input layers. Returns the outputs in the structure that the model gives them."""
    nodes = Nodes(self.config)
    weights = dict(zip(*_weights(self, list(nodes.layers.items())), strict=True))
    values: dict[History, Any] = {(name, 0, 0): tensor for name, tensor in inputs.items()}
    done = {(name, 0) for name in inputs}
    pending = [(name, i) for name, part in nodes.layers.items() for i in range(len(part.get("inbound_nodes", ()))) if name not in inputs]
    while pending:  # once, where the layers are listed in the order of their use
        waiting = []
        for call in pending:
            if nodes.needs(*call) <= done:
                values.update(_call(self, nodes, call, weights[call[0]], values))
                done.add(call)
            else:
                waiting.append(call)
        if waiting == pending:
            names = sorted({name for name, _ in waiting})[:5]
            raise FileError(f"calls of layers {names} need what nothing computes; the config is damaged")
        pending = waiting
    try:
        return _restructure(self.config["output_layers"], lambda history: values[nodes.key(history, is_output=True)])
    except KeyError:
        raise Unconverted from None


def _call(self: Layer, nodes: Nodes, call: tuple[str, int], weights: Any, values: dict[History, Any]) -> dict[History, Any]:
    """Results of one call by history; none where it depends on what cannot be converted."""
    name, i = call
    node = nodes.layers[name]["inbound_nodes"][i]
    if any(nodes.key(history) not in values for history in _histories(node)):
        return {}
    args, kwargs = _arguments(node, lambda history: values[nodes.key(history)])
    try:
        results = flatten(self.call(nodes.layers[name], weights.restart(), *args, **kwargs))
    except Unconverted:
        return {}
    return {(name, i, position): result for position, result in enumerate(results)}


def _weights(self: Layer, parts: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[Any]]:
    """Names and weights of the layers; operations have none, and do not count where weights are stored by class."""
    real = [(name, part) for name, part in parts if not is_operation(part)]
    found = self.weights.of_layers([(part["class_name"], name) for name, part in real])
    operations = [name for name, part in parts if is_operation(part)]
    return [name for name, _ in real] + operations, [*found, *(self.weights for _ in operations)]


def _match(structure: Any, given: Any, names: list[str]) -> dict[str, Tensor]:
    if isinstance(structure, dict) and isinstance(given, dict):
        return {ends(structure[key])[0][0]: given[key] for key in structure}
    leaves = flatten(given)
    if len(leaves) != len(names):
        raise FileError(f"the model takes {len(names)} inputs and is called on {len(leaves)}; the config is damaged")
    return dict(zip(names, leaves, strict=True))


# Nodes, as Keras 3 writes them (args and kwargs with tensors inside) and as Keras 1 and 2 do (a list of references).


def _is_history(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) in (3, 4) and isinstance(value[0], str) and all(type(v) is int for v in value[1:3])
    )


def _histories(node: Any) -> list[History]:
    """The tensors that a call refers to."""
    found: list[History] = []
    _arguments(node, found.append)
    return found


def _arguments(node: Any, look: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments of a call, with `look(history)` for every tensor."""
    if isinstance(node, dict):
        return [_decode(arg, look) for arg in node["args"]], {name: _decode(value, look) for name, value in node["kwargs"].items()}
    entries = [node] if isinstance(node[0], str) else node
    kwargs = {}
    for entry in entries:
        kwargs.update({name: _decode_old(value, look) for name, value in (entry[3] if len(entry) > 3 else {}).items()})
    args = [_decode_old(list(entry[:3]), look) for entry in entries]
    return [args[0] if len(args) == 1 else args], kwargs


def _decode(value: Any, look: Any) -> Any:
    if isinstance(value, list):
        return [_decode(part, look) for part in value]
    if not isinstance(value, dict):
        return value
    inner: Any = value.get("config")
    match value.get("class_name"):
        case "__keras_tensor__":
            name, node, index = inner["keras_history"]
            return look((name, node, index))
        case "__tuple__":
            return tuple(_decode(part, look) for part in value["items"])
        case "__tensor__" | "__numpy__":
            return np.array(inner["value"], _dtype(inner["dtype"]))
        case "__ellipsis__":
            return ...
        case "__slice__" | "slice":
            return slice(*(_decode(inner[key], look) for key in ("start", "stop", "step")))
        case None:
            return {key: _decode(part, look) for key, part in value.items()}
    return value


def _decode_old(value: Any, look: Any) -> Any:
    """An argument of Keras 2: a reference, a constant, or a structure of them."""
    if isinstance(value, list | tuple) and value and value[0] == "_CONSTANT_VALUE":
        return value[2]
    if _is_history(value):
        return look((value[0], value[1], value[2]))
    if isinstance(value, list | tuple):
        return [_decode_old(part, look) for part in value]
    if isinstance(value, dict):
        if {"start", "stop", "step"} == set(value):
            return slice(*(_decode_old(value[key], look) for key in ("start", "stop", "step")))
        return {key: _decode_old(part, look) for key, part in value.items()}
    return value


def _dtype(name: Any) -> Any:
    return ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def ends(structure: Any) -> list[History]:
    """All references in a structure of a model's inputs or outputs."""
    found: list[History] = []
    _restructure(structure, found.append)
    return found


def _restructure(structure: Any, look: Any) -> Any:
    if _is_history(structure):
        return look(tuple(structure[:3]))
    if isinstance(structure, dict):
        return {key: _restructure(structure[key], look) for key in sorted(structure)}
    return [_restructure(part, look) for part in structure]


# Sequential.


@layer("Sequential", mask="own")
def sequential(self: Layer, x: Any, **kwargs: Any) -> Any:
    """x through one layer after the other."""
    parts = [part for part in layers_of(self.config) if part["class_name"] != "InputLayer"]
    names = [(part["class_name"], part["config"].get("name", part["class_name"])) for part in parts]
    for part, weights in zip(parts, self.weights.of_layers(names), strict=True):
        x = self.call(part, weights, x)
    return x


def layers_of(config: Any) -> list[dict[str, Any]]:
    """The layers of a Sequential's config; Keras 1 wrote them without anything else."""
    return config if isinstance(config, list) else config["layers"]
