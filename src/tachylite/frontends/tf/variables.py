"""Which tensor of a checkpoint a variable has its value from, and what becomes of it in the graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.protobuf import Message
from tachylite.model.dtypes import RESOURCE
from tachylite.model.errors import FileError
from tachylite.model.graph import Tensor

from .library import CALLS, HANDLES, Library, Nodes, Reference, key_of
from .tables import Contents
from .tensorbundle import TensorBundle
from .tensors import array_of

#: Operators that set a variable from a value.
ASSIGNMENTS = ("AssignVariableOp", "Assign")


@dataclass
class Variables:
    """The values of variables, and what is in tables. assigned: keys of variables that the model changes while it runs."""

    bundle: TensorBundle | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Contents] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    _read: dict[str, np.ndarray] = field(default_factory=dict)

    def initial(self, key: str) -> np.ndarray:
        """The value that was saved. Raises FileError where there is none."""
        if key not in self._read:
            if self.bundle is None or key not in self.names:
                raise FileError(f"the variable {key!r} has no value in the file; freeze the graph, or convert the whole SavedModel")
            self._read[key] = self.bundle.read(self.names[key])
        return self._read[key]


def checkpoint_names(graph: Message, library: Library, restorer: str) -> dict[str, str]:
    """Names in the checkpoint by keys of variables, as the graph itself would restore them. restorer: the node that does so."""
    nodes = Nodes(graph.node)
    handles = {node.name: key_of(node) for node in graph.node if node.op in HANDLES}
    found = _restored(nodes, handles)
    for node in graph.node:
        if node.op in CALLS and node.name == restorer:
            body = library[node.attr["f"].func.name]
            inputs = [r for r in nodes.inputs(node) if not r.is_control]
            inner = {name: handles[r.node] for name, r in zip(body.arguments, inputs, strict=False) if r.node in handles}
            found |= _restored(body.nodes, inner)
    return found


def _restored(nodes: Nodes, handles: Mapping[str, str]) -> dict[str, str]:
    """Names in the checkpoint of what these nodes restore. handles: keys of variables by the node or argument that gives them."""
    result = {}
    for node in nodes.by_name.values():
        if node.op in ASSIGNMENTS and len(node.input) >= 2:
            handle, value = nodes.inputs(node)[:2]
            name = _name_in_checkpoint(nodes, value)
            if handle.node in handles and name is not None:
                result[handles[handle.node]] = name
    return result


def _name_in_checkpoint(nodes: Nodes, value: Reference) -> str | None:
    """The name of what a RestoreV2 read, from which the value comes."""
    node = nodes.by_name.get(value.node)
    while node is not None and node.op == "Identity":
        value = nodes.inputs(node)[0]
        node = nodes.by_name.get(value.node)
    if node is None or node.op != "RestoreV2":
        return None
    names = nodes.by_name.get(nodes.inputs(node)[1].node)
    if names is None or names.op != "Const":
        return None
    return str(array_of(names.attr["value"].tensor).reshape(-1)[value.index], "utf-8")


def variable_handle(build: FrontendBuilder, key: str) -> Tensor:
    """The handle of a variable in a graph."""
    handle: Tensor = build.VAR_HANDLE(shared_name=key, out=build.tensor(build.unique(key), (), RESOURCE))
    return handle
