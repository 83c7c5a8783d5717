"""Functions: those that a model brings, and operators that ONNX itself defines by others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tachylite.model.extras import extra
from tachylite.model.graph import Tensor


@dataclass(frozen=True)
class Function:
    """A FunctionProto. defaults: of attributes, where it does not tell them itself."""

    message: Any
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> Sequence[str]:
        return list(self.message.input)

    @property
    def outputs(self) -> Sequence[str]:
        return list(self.message.output)

    @property
    def versions(self) -> dict[str, int]:
        """Of the operator sets that its nodes belong to."""
        return versions_of(self.message)

    def bound(self, attributes: Mapping[str, Any]) -> list[Any]:
        """Its nodes with the caller's attributes in the places that refer to them."""
        from onnx import helper

        own = {a.name: helper.get_attribute_value(a) for a in self.message.attribute_proto}
        return [_bound(node, {**self.defaults, **own, **attributes}) for node in self.message.node]


def _bound(node: Any, attributes: Mapping[str, Any]) -> Any:
    """A node whose attributes are all its own; those that the caller left out are left out."""
    from onnx import helper

    references = [a for a in node.attribute if a.ref_attr_name]
    if not references:
        return node
    copy = type(node)()
    copy.CopyFrom(node)
    del copy.attribute[:]
    copy.attribute.extend(a for a in node.attribute if not a.ref_attr_name)
    for a in references:
        if a.ref_attr_name in attributes:
            copy.attribute.append(helper.make_attribute(a.name, attributes[a.ref_attr_name], attr_type=a.type or None))
    return copy


def versions_of(message: Any) -> dict[str, int]:
    """Versions of the operator sets that a model or a function is written in, by domain."""
    return {("" if entry.domain == "ai.onnx" else entry.domain): entry.version for entry in message.opset_import}


class Functions:
    """The functions that nodes may mean."""

    def __init__(self, model: Any):
        with extra("onnx", "onnx"):
            from onnx import helper
        self._helper = helper
        self._own = {(f.domain, f.name): Function(f) for f in model.functions}

    def attributes(self, node: Any) -> dict[str, Any]:
        """A node's attributes by name."""
        return {a.name: self._helper.get_attribute_value(a) for a in node.attribute}

    def find(self, node: Any, version: int, inputs: Sequence[Any]) -> Function | None:
        """What defines a node's operator, where anything does."""
        return self._own.get((node.domain, node.op_type)) or _of_onnx(node, version, inputs)


def _of_onnx(node: Any, version: int, inputs: Sequence[Any]) -> Function | None:
    """ONNX's own definition, which may depend on the types of the inputs."""
    from onnx import FunctionProto, defs, helper

    try:
        schema: Any = defs.get_schema(node.op_type, version, node.domain)
    except defs.SchemaError:
        return None
    defaults = [a.default_value for a in schema.attributes.values() if a.default_value.name]
    if schema.has_function:
        content = schema.get_function_with_opset_version(max(schema.function_opset_versions))
    elif schema.has_context_dependent_function:
        types = [_type(value).SerializeToString() for value in inputs]
        newest = max(schema.context_dependent_function_opset_versions)
        content = schema.get_context_dependent_function_with_opset_version(newest, _whole(node, defaults).SerializeToString(), types)
    else:
        return None
    message = FunctionProto()
    message.ParseFromString(content)
    return Function(message, {a.name: helper.get_attribute_value(a) for a in defaults})


def _whole(node: Any, defaults: Sequence[Any]) -> Any:
    """The node with the attributes that it leaves to their defaults."""
    copy = type(node)()
    copy.CopyFrom(node)
    present = {a.name for a in node.attribute}
    copy.attribute.extend(a for a in defaults if a.name not in present)
    return copy


def _type(value: Any) -> Any:
    """The TypeProto of a tensor; of anything else an empty one."""
    from onnx import TypeProto, helper

    if not isinstance(value, Tensor):
        return TypeProto()
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
