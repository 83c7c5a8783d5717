"""Building graphs by operator name: `build.CONV_2D(x, w, b, padding="SAME")`, for frontends, gradients and tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tachylite.model import tables
from tachylite.model.graph import Graph, Operator, Quantization, Shape, Tensor

from . import registry
from .inference import constant_spec, infer, infer_graph
from .registry import Spec


class Builder:
    """Appends operators to a graph, inferring what comes out.

    A tensor argument may also be an array, which becomes a constant. Keyword arguments are the operator's options, and:
    `out`, the output tensor or tensors, where their dtype or quantization cannot be inferred; `name`, the output's name;
    `quantization`, the output's; `subgraphs`, for control flow; `options`, a dict of options, among them those called like one of these.
    """

    def __init__(self, graph: Graph | None = None):
        self.graph = graph if graph is not None else Graph()
        self._specs: dict[Tensor, Spec] = {}
        self._known: set[int] = set()

    def input(self, name: str, shape: Shape, dtype: Any = np.float32, quantization: Quantization | None = None) -> Tensor:
        """A new input of the graph."""
        tensor = self.tensor(name, shape, dtype, quantization)
        self.graph.inputs.append(tensor)
        return tensor

    def tensor(self, name: str, shape: Shape, dtype: Any = np.float32, quantization: Quantization | None = None) -> Tensor:
        """A new tensor that is nobody's output yet."""
        tensor = Tensor(name, tuple(shape), np.dtype(dtype), quantization)
        self.graph.tensors.append(tensor)
        self._known.add(id(tensor))
        return tensor

    def constant(self, value: Any, name: str = "", quantization: Quantization | None = None) -> Tensor:
        """A new constant; `value` keeps its dtype, Python numbers become float32 and int32."""
        data = np.asarray(value)
        if not isinstance(value, np.ndarray | np.generic):
            data = data.astype({"f": np.float32, "i": np.int32}.get(data.dtype.kind, data.dtype))
        data = np.ascontiguousarray(data).reshape(data.shape)
        tensor = self.tensor(name or f"constant_{len(self.graph.tensors)}", data.shape, data.dtype, quantization)
        data.flags.writeable = False
        tensor.data = data
        return tensor

    def variable(self, name: str, shape: Shape, dtype: Any = np.float32, quantization: Quantization | None = None) -> Tensor:
        """A new variable tensor (an RNN's state), zero at first."""
        tensor = self.tensor(name, shape, dtype, quantization)
        tensor.is_variable = True
        return tensor

    def outputs(self, *tensors: Tensor) -> Graph:
        """Make these the graph's outputs; returns the graph."""
        self.graph.outputs = list(tensors)
        return self.graph

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            definition = registry.by_name(name)
        except KeyError:
            raise AttributeError(f"there is no operator {name!r}") from None
        return lambda *inputs, **keywords: self._append(definition, inputs, keywords)

    def _append(self, definition: registry.OpDef, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
        out = keywords.pop("out", None)
        name = keywords.pop("name", "")
        quantization = keywords.pop("quantization", None)
        op = Operator(definition.name, [self._operand(x) for x in inputs], [], is_custom=definition.is_custom)
        op.subgraphs = list(keywords.pop("subgraphs", ()))
        op.intermediates = list(keywords.pop("intermediates", ()))
        op.custom_options = keywords.pop("custom_options", b"")
        keywords.update(keywords.pop("options", {}))
        op.options = definition.make_options(**_subgraph_positions(definition, len(op.subgraphs)), **keywords)
        op.outputs = list(out) if isinstance(out, list | tuple) else [out] if out is not None else []
        specs = infer(op, [self.spec(t) for t in op.inputs])
        if not op.outputs and specs != []:
            if specs is None:
                raise op.error("its output shapes depend on values; give the tensors with out=")
            stem = name or f"{definition.name.lower()}_{len(self.graph.operators)}"
            names = [stem] if len(specs) == 1 else [f"{stem}:{i}" for i in range(len(specs))]
            op.outputs = [Tensor(n, s.shape, s.dtype, quantization) for n, s in zip(names, specs, strict=True)]
        if specs is not None:
            self._specs.update(zip(op.outputs, specs, strict=True))
        self._adopt(op)
        return op.outputs[0] if len(op.outputs) == 1 else op.outputs

    def copy(self, op: Operator, inputs: Sequence[Tensor | None]) -> list[Tensor]:
        """Append an operator like `op` on these inputs; its outputs, whose shapes are inferred anew. Raises OpError if they cannot be."""
        outputs = [replace(t, shape_signature=None) for t in op.outputs]
        made = replace(registry.complete(op), inputs=list(inputs), outputs=outputs)
        specs = infer(made, [self.spec(t) for t in inputs])
        if specs is None:
            raise op.error("its output shapes depend on values that are not known before the run; fix them, or fold the model first")
        for tensor, spec in zip(outputs, specs, strict=True):
            tensor.shape, tensor.dtype = spec.shape, spec.dtype
            self._specs[tensor] = spec
        self._adopt(made)
        return outputs

    def inline(
        self, graph: Graph, arguments: Sequence[Tensor | None], instead: Mapping[Tensor, Tensor] = MappingProxyType({})
    ) -> list[Tensor]:
        """Append copies of a graph's operators, with these tensors for its inputs; what takes the place of its outputs.

        instead: what takes the place of other tensors of the graph, constants for example.
        """
        place: dict[Any, Tensor | None] = {None: None}
        place.update(instead)
        place.update(zip(graph.inputs, arguments, strict=True))
        for op in graph.operators:
            place.update(zip(op.outputs, self.copy(op, [place.get(t, t) for t in op.inputs]), strict=True))
        return [new for t in graph.outputs if (new := place.get(t, t)) is not None]

    def probe(self, graph: Graph, arguments: Sequence[Tensor | None]) -> np.ndarray | None:
        """The value of a graph's only output where it is certain before the run; appends nothing."""
        specs = [spec for t in arguments if (spec := self.spec(t)) is not None]
        results = infer_graph(graph, specs)
        return results[0].value if results else None

    def _adopt(self, op: Operator) -> None:
        """As Graph.append, without a look at all tensors each time."""
        tensors = self.graph.tensors
        if len(self._known) != len(tensors):  # somebody else edits the graph as well
            self._known = {id(t) for t in tensors}
        for tensor in (*op.inputs, *op.outputs, *op.intermediates):
            if tensor is not None and id(tensor) not in self._known:
                self._known.add(id(tensor))
                tensors.append(tensor)
        self.graph.operators.append(op)

    def spec(self, tensor: Tensor | None) -> Spec | None:
        """What is certain of a tensor: all of a constant, and whatever was inferred of what this builder appended."""
        if tensor is None or tensor in self._specs:
            return self._specs[tensor] if tensor else None
        return constant_spec(tensor) if tensor.is_constant else Spec(tensor.shape, tensor.dtype)

    def _operand(self, x: Any) -> Tensor | None:
        return x if x is None or isinstance(x, Tensor) else self.constant(x)


def _subgraph_positions(definition: registry.OpDef, count: int) -> dict[str, Any]:
    """Options that name the operator's subgraphs, in order; a vector takes all that are left."""
    positions: dict[str, Any] = {}
    for field in tables.fields(definition.options) if definition.options and count else ():
        if field.type == "subgraph":
            positions[field.name] = tuple(range(len(positions), count)) if field.is_vector else len(positions)
    return positions
