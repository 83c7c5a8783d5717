"""Operators without a counterpart that the caller lets pass become custom operators, which a runtime must be given."""

from collections.abc import Mapping, Sequence
from typing import Any

from tachylite.model import flexbuffer
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.registry import Spec

from .builder import FrontendBuilder

Outputs = Sequence[Spec]


def pass_on(
    build: FrontendBuilder, name: str, inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Outputs | None
) -> list[Tensor] | None:
    """The outputs of a custom operator that takes the node's attributes as FlexBuffer.

    outputs: what the source says of them, None where it says nothing. Their shapes come from the OpDef where one is registered; None where
    nobody knows them.
    """
    options = flexbuffer.write(dict(attributes))
    if _is_registered(name):
        results = getattr(build, name)(*inputs, custom_options=options)
        return list(results) if isinstance(results, list) else [results]
    if outputs is None:
        return None
    names = [name.lower() if len(outputs) == 1 else f"{name.lower()}:{i}" for i in range(len(outputs))]
    tensors = [build.tensor(build.unique(text), spec.shape, spec.dtype) for text, spec in zip(names, outputs, strict=True)]
    build.graph.append(Operator(name, list(inputs), tensors, is_custom=True, custom_options=options))
    return tensors


ADVICE = "nothing tells the shapes of the custom operator's outputs; give them with tachylite.register(OpDef(...))"
"""Where `pass_on` gave None."""


def _is_registered(name: str) -> bool:
    try:
        return registry.by_name(name).is_custom
    except KeyError:
        return False
