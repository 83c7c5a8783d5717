"""Reads what torch.export gives into a plain description."""

import operator
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import ml_dtypes
import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.frontends.traced.program import Body, Node, Program, Ref, Value
from tachylite.model.errors import UnsupportedError
from tachylite.model.extras import extra

#: Arguments that say where and how a tensor lies in memory.
PLACES = {"device", "layout", "pin_memory", "memory_format", "generator", "non_blocking"}


def read(exported: Any) -> Program:
    """The program of a `torch.export.ExportedProgram`. Raises UnsupportedError, MissingExtraError."""
    with extra("torch", "torch"):
        import torch
    if any(_is_mutable(node.target) for node in exported.graph.nodes):
        exported = exported.run_decompositions({})  # puts other operators in the place of those that work in place, and of these alone
    changed = {**exported.graph_signature.buffers_to_mutate, **exported.graph_signature.user_inputs_to_mutate}
    if changed:
        raise UnsupportedError(f"the program changes {sorted(changed.values())} as it runs; call .eval() before exporting, or return them")
    reader = Reader(torch)
    constants, arguments = reader.inputs(exported)
    body = reader.body(exported.graph_module, arguments)
    results = [Ref(reader.names[x]) if isinstance(x, str) else x for x in exported.graph_signature.user_outputs]
    main = Body(body.arguments, [*constants, *body.nodes], results)
    return Program(main, [x.name for x in arguments], list(_output_names(exported.call_spec.out_spec, len(results))))


def _is_mutable(target: Any) -> bool:
    return hasattr(target, "_schema") and bool(target._schema.is_mutable)


def _output_names(spec: Any, total: int) -> Iterator[str]:
    """The keys of dicts of outputs; else their positions."""
    from torch.utils import _pytree as pytree

    paths = [path for path, _ in pytree.tree_flatten_with_path(pytree.tree_unflatten(range(total), spec))[0]] if spec else []
    for position in range(total):
        keys = [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", "")))) for key in paths[position]] if paths else []
        yield "_".join(keys) if keys and not keys[0].isdigit() else f"output_{'_'.join(keys) or position}"


class Reader:
    """Walks graphs. names: of the values that nodes of the present graph give, by the nodes' own names."""

    def __init__(self, torch: Any):
        self.torch = torch
        self.names: dict[str, str] = {}
        self._numbers = count()

    def inputs(self, exported: Any) -> tuple[list[Node], list[Any]]:
        """A node for each weight that is read, and the placeholders that a caller fills."""
        signature = exported.graph_signature
        owned = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        constants, arguments = [], []
        for node in exported.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in owned and node.users:
                name = owned[node.name]
                tensor = exported.state_dict.get(name, exported.constants.get(name))
                constants.append(self._constant(node.name, name, tensor))
            elif node.name in signature.user_inputs and hasattr(node.meta.get("val"), "shape"):
                arguments.append(node)
        return constants, arguments

    def _constant(self, name: str, source: str, tensor: Any) -> Node:
        value = self._array(tensor)
        return Node("constant", [], [self._named(name, tensor)], {"value": value, "name": source.replace(".", "/")})

    def _array(self, tensor: Any) -> np.ndarray:
        tensor = tensor.detach().cpu().contiguous()
        if tensor.dtype == self.torch.bfloat16:
            return tensor.view(self.torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def body(self, module: Any, arguments: Sequence[Any] | None = None) -> Body:
        """A graph. arguments: those of its placeholders that are given; all where it is a body of a node."""
        found = [n for n in module.graph.nodes if n.op == "placeholder"] if arguments is None else arguments
        given = [self._named(node.name, node.meta["val"]) for node in found]
        nodes = [made for node in module.graph.nodes if (made := self._node(module, node)) is not None]
        last = next(node for node in module.graph.nodes if node.op == "output")
        results = last.args[0] if isinstance(last.args[0], list | tuple) else [last.args[0]]
        return Body(given, nodes, [self._plain(module, x) for x in results])

    def _inner(self, module: Any) -> Body:
        """A graph that a node calls, whose nodes may be called like those of the graph around it."""
        outer, self.names = self.names, {}
        found = self.body(module)
        self.names = outer
        return found

    def _node(self, module: Any, node: Any) -> Node | None:
        if node.op == "get_attr" and isinstance(getattr(module, node.target), self.torch.Tensor):
            return self._constant(node.name, node.target, getattr(module, node.target))
        if node.op != "call_function" or node.target is operator.getitem:
            return None
        kind = self._kind(node.target)
        operands = [*node.args, *node.kwargs.values()]
        bodies = [self._inner(getattr(module, x.target)) for x in operands if self._is_module(module, x)]
        inputs = [self._plain(module, x) for x in node.args if not self._is_module(module, x)]
        attributes = {key: self._plain(module, x) for key, x in node.kwargs.items() if key not in PLACES}
        path, source = _place(node)
        name = "/".join([*path, kind.rpartition(".")[2]])
        return Node(kind, inputs, self._outputs(node), attributes, bodies, name, source)

    def _kind(self, target: Any) -> str:
        """aten::conv2d is "aten.conv2d", whatever its overload; operator.add, on sizes, is "_operator.add"."""
        if hasattr(target, "_schema"):
            return str(target._schema.name).replace("::", ".")
        return f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', target)}"

    def _outputs(self, node: Any) -> list[Value]:
        """Several, where a node gives a tuple, as those who read it take it apart; none behind the last that is read."""
        value = node.meta.get("val")
        if not isinstance(value, list | tuple):
            return [self._named(node.name, value)] if value is not None else []
        takers = [user for user in node.users if user.target is operator.getitem and user.users]
        last = max((user.args[1] for user in takers), default=-1)
        found = [self._named(f"{node.name}:{i}", part) for i, part in enumerate(value[: last + 1])]
        for user in takers:
            self.names[user.name] = self.names[f"{node.name}:{user.args[1]}"]
        return found

    def _named(self, name: str, value: Any) -> Value:
        self.names[name] = f"%{next(self._numbers)}"
        if isinstance(value, self.torch.Tensor):
            return Value(self.names[name], _dims(value.shape), _dtype(value.dtype))
        return Value(self.names[name], (), type(value).__name__)

    def _is_module(self, module: Any, x: Any) -> bool:
        return getattr(x, "op", "") == "get_attr" and isinstance(getattr(module, x.target), self.torch.nn.Module)

    def _plain(self, module: Any, x: Any) -> Any:
        """An argument without torch's types."""
        if hasattr(x, "op"):
            return Ref(self.names[x.name])
        if isinstance(x, list | tuple):
            return [self._plain(module, part) for part in x]
        if isinstance(x, self.torch.dtype):
            return _dtype(x)
        return x if x is None or isinstance(x, bool | int | float | str) else str(x)


def _dims(shape: Any) -> Dims:
    return tuple(d if isinstance(d, int) else None for d in shape)


def _dtype(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _place(node: Any) -> tuple[list[str], str]:
    """The modules that a node stands in, and the last line of the user's code that leads to it."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack and isinstance(stack[-1][0], str) else ""
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [line for line in lines if "/torch/nn/" not in line[0]] or lines
    return [part for part in path.split(".") if part], ":".join(own[-1]) if own else ""
