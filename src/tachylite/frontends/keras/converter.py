"""Calling serialized layers, one after the other, on the tensors of a graph."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tachylite.frontends.builder import FixedShapeError, FrontendBuilder
from tachylite.model.errors import FileError, OpError, UnsupportedError
from tachylite.model.graph import Tensor

from .layer import Layer, Unsupported, definition, is_foreign, nested_layers
from .weights import Weights


class Unconverted(Exception):  # noqa: N818 -- models go on with what does not depend on it
    """What a layer gives is not known, because it cannot be converted; why is among the converter's problems."""


@dataclass
class Converter:
    """Builds a graph from serialized layers; goes on after a layer that it cannot convert, so that all of them are found."""

    build: FrontendBuilder
    generation: int = 3
    masks: dict[Tensor, Tensor] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self, serialized: dict[str, Any], weights: Weights, inputs: Sequence[Tensor]) -> Any:
        """Emit a whole model, whose layers are called by their own names; its outputs in their structure.

        Raises UnsupportedError with all layers that cannot be converted, FileError where a config makes no sense.
        """
        self.problems += check(serialized)
        found = definition(serialized)
        outputs = None
        try:
            if found is not None:
                outputs = found.function(self._layer(serialized, "", weights), inputs[0] if len(inputs) == 1 else list(inputs))
        except Unconverted:
            if not self.problems:
                raise FileError("nothing computes some of the model's outputs; the config is damaged") from None
        if self.problems:
            raise UnsupportedError(f"{len(self.problems)} of the model's layers cannot be converted:\n  " + "\n  ".join(self.problems))
        return outputs

    def call(self, serialized: dict[str, Any], weights: Weights, *args: Any, **kwargs: Any) -> Any:
        """Emit one layer on these arguments; what it returns. Raises Unconverted; FileError where its config makes no sense."""
        found = definition(serialized)
        if found is None:
            raise Unconverted
        name = as_config(serialized).get("name") or serialized.get("name") or serialized["class_name"]
        with self.build.scope(name) as path:
            layer = self._layer(serialized, path, weights)
            try:
                _check_type(layer)
                result = found.function(layer, *args, **{k: v for k, v in kwargs.items() if v is not None and k != "training"})
            except Unsupported as problem:
                self.problems.append(f"{path!r} ({layer.class_name}): {problem}")
                raise Unconverted from problem
            except (OpError, FixedShapeError, FileError, UnsupportedError) as problem:
                raise type(problem)(*_placed(problem, path, layer.class_name)) from problem
            except (TypeError, KeyError, IndexError, AttributeError, ValueError) as problem:
                what = f"{type(problem).__name__}: {problem}"
                raise FileError(f"layer {path!r} ({layer.class_name}) does not fit its config, weights or inputs ({what})") from problem
        if isinstance(result, Tensor):
            self._rename(result, path)
        if found.mask == "pass":
            self._pass_mask(args, result)
        return result

    def _layer(self, serialized: dict[str, Any], path: str, weights: Weights) -> Layer:
        return Layer(self.build, serialized["class_name"], path, as_config(serialized), weights, self.call, self.masks, self.generation)

    def _rename(self, result: Tensor, path: str) -> None:
        """Call a layer's result by the layer's own name, if the layer itself made it, and no layer within."""
        maker = next((op for op in reversed(self.build.graph.operators) if result in op.outputs), None)
        if maker is not None and maker.source == path:
            result.name = path

    def _pass_mask(self, args: Sequence[Any], result: Any) -> None:
        masks = [self.masks[t] for t in flatten(list(args)) if isinstance(t, Tensor) and t in self.masks]
        if masks and isinstance(result, Tensor):
            self.masks[result] = masks[0]


def as_config(serialized: dict[str, Any]) -> dict[str, Any]:
    """What a layer was made with. A Sequential of Keras 1 is a bare list."""
    config = serialized["config"]
    return {"layers": config} if isinstance(config, list) else config


def _check_type(layer: Layer) -> None:
    """Raise Unsupported where a layer's weights are quantized already."""
    policy = layer.config.get("dtype")
    if isinstance(policy, dict) and "Quantized" in policy["class_name"]:
        raise layer.refuse(f"is quantized ({policy['config'].get('mode')})", "convert the model as it was before, then quantize the result")


def _placed(problem: Exception, path: str, class_name: str) -> tuple[Any, ...]:
    """The arguments of an exception like `problem` that tells the layer."""
    place = f"layer {path!r} ({class_name}): "
    if isinstance(problem, OpError):
        return problem.op, problem.message if problem.message.startswith("layer ") else place + problem.message
    return (str(problem) if str(problem).startswith("layer ") else place + str(problem),)


def flatten(structure: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, in Keras's order: dicts by key."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def check(serialized: dict[str, Any]) -> list[str]:
    """Every layer of a serialized model that no function is entered for, with what to do about it."""
    return [
        f"{as_config(part).get('name', part['class_name'])!r} ({part['class_name']}): {remedy(part)}"
        for part in nested_layers(serialized)
        if part["class_name"] != "InputLayer" and definition(part) is None
    ]


def remedy(serialized: dict[str, Any]) -> str:
    """What to do about a layer that is not known."""
    if serialized["class_name"] == "Lambda":
        return "holds Python code, which is not run; write it with layers (Rescaling, Reshape, Activation …) or functions of keras.ops"
    if is_foreign(serialized) or ">" in serialized["class_name"]:
        return "is a class of your own; write it with Keras's layers, as a functional model, or save the model as a SavedModel"
    return "has no operators of TFLite to stand for it; write it with other layers, or save the model as a SavedModel"
