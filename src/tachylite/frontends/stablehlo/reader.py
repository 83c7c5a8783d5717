"""Reads what jax.export gives, through the MLIR bindings that come with jax, into a plain description."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.frontends.traced.program import Body, Node, Program, Ref, Value
from tachylite.model.errors import UnsupportedError
from tachylite.model.extras import extra

#: MLIR's element types by numpy's names.
DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i1": "bool",
    "complex<f32>": "complex64",
    **{f"i{n}": f"int{n}" for n in (8, 16, 32, 64)},
    **{f"ui{n}": f"uint{n}" for n in (8, 16, 32, 64)},
}

#: Attributes that do not change what an operator computes, beyond its rounding.
HINTS = {"precision_config", "result_accuracy", "compare_type", "algorithm", "indices_are_sorted", "unique_indices", "is_stable"}

#: The function that a main function calls where shapes are polymorphic; it knows the names of the arguments.
WRAPPED = "_wrapped_jax_export_main"


def read(exported: Any) -> Program:
    """The program of a `jax.export.Exported`. Raises UnsupportedError, MissingExtraError."""
    with extra("jax", "jax"):
        from jaxlib.mlir import ir
        from jaxlib.mlir.dialects import stablehlo
    with ir.Context() as context:
        stablehlo.register_dialect(context)
        module = stablehlo.deserialize_portable_artifact(context, exported.mlir_module_serialized)
        found = {function.attributes["sym_name"].value: function for function in module.body.operations}
        reader = Reader(ir, stablehlo)
        functions = {name: reader.body(function.regions[0].blocks[0]) for name, function in found.items()}
        inputs = list(_input_names(exported.module_kept_var_idx, found.get(WRAPPED, found["main"])))
        outputs = list(_output_names(found["main"]))
    return Program(functions.pop("main"), inputs, outputs, functions)


def _input_names(positions: Any, function: Any) -> Iterator[str]:
    """The names of the function's parameters where the module knows them; the last of its arguments stand at these positions."""
    arguments = list(function.arguments)
    for position, argument in zip(positions, arguments[len(arguments) - len(positions) :], strict=True):
        named = re.match(r"loc\(\"([\w.\[\]']+)\"", str(argument.location))
        yield "_".join(re.findall(r"\w+", named[1])) if named else f"args_{position}"


def _output_names(main: Any) -> Iterator[str]:
    """The keys of a dict of outputs; else their positions."""
    for position, attributes in enumerate(main.attributes["res_attrs"]):
        info = attributes["jax.result_info"].value if "jax.result_info" in attributes else ""
        keys = re.findall(r"\w+", info.removeprefix("result"))
        yield "_".join(keys) if keys and not keys[0].isdigit() else f"output_{'_'.join(keys) or position}"


class Reader:
    """Walks a module."""

    def __init__(self, ir: Any, stablehlo: Any):
        self.names: dict[Any, str] = {}
        self.ir = ir
        self.attributes: dict[type, Callable[[Any], Any]] = {
            **dict.fromkeys((ir.IntegerAttr, ir.BoolAttr, ir.FloatAttr, ir.StringAttr, ir.FlatSymbolRefAttr), lambda a: a.value),
            **dict.fromkeys((ir.DenseI64ArrayAttr, ir.DenseBoolArrayAttr), list),
            **dict.fromkeys((ir.DenseIntElementsAttr, ir.DenseFPElementsAttr), _array),
            ir.ArrayAttr: lambda a: [self.attribute(part) for part in a],
            ir.DictAttr: lambda a: {part.name: self.attribute(part.attr) for part in a},
        }
        self.enumerations = (stablehlo.ComparisonDirectionAttr,)
        self.records = (
            stablehlo.ConvDimensionNumbers,
            stablehlo.DotDimensionNumbers,
            stablehlo.GatherDimensionNumbers,
            stablehlo.ScatterDimensionNumbers,
        )

    def body(self, block: Any) -> Body:
        """A function's or a region's only block. Its values get names that no other block's have."""
        arguments = [self._named(value) for value in block.arguments]
        *operations, last = (operation.operation for operation in block.operations)
        return Body(arguments, [self._node(o) for o in operations], [Ref(self.names[value]) for value in last.operands])

    def _named(self, value: Any) -> Value:
        self.names[value] = f"%{len(self.names)}"
        shape, dtype = self._type(value.type)
        return Value(self.names[value], shape, dtype)

    def _type(self, type_: Any) -> tuple[Dims, str]:
        if not isinstance(type_, self.ir.RankedTensorType):
            return (), str(type_)
        shape = tuple(None if type_.is_dynamic_dim(i) else type_.get_dim_size(i) for i in range(type_.rank))
        return shape, DTYPES.get(str(type_.element_type), str(type_.element_type))

    def _node(self, operation: Any) -> Node:
        names = [a.name if hasattr(a, "name") else a for a in operation.attributes]
        attributes = {name: self.attribute(operation.attributes[name]) for name in names if name not in HINTS and "." not in name}
        bodies = [self.body(region.blocks[0]) for region in operation.regions]
        path, source = _place(operation.location)
        kind = operation.name.removeprefix("stablehlo.")
        inputs = [Ref(self.names[value]) for value in operation.operands]
        outputs = [self._named(value) for value in operation.results]
        return Node(kind, inputs, outputs, attributes, bodies, path or ("" if kind == "func.call" else kind), source)

    def attribute(self, attribute: Any) -> Any:
        """An attribute as plain data."""
        known = self.attributes.get(type(attribute))
        if known is not None:
            return known(attribute)
        for kind in self.enumerations:
            if kind.isinstance(attribute):
                return kind(attribute).value
        for kind in self.records:
            if kind.isinstance(attribute):
                return {name: getattr(kind(attribute), name) for name in vars(kind) if re.search(r"dim|index_map", name)}
        return str(attribute)


def _array(attribute: Any) -> np.ndarray:
    """A constant. One value that all elements have is a scalar that is broadcast. Raises UnsupportedError."""
    try:
        array = np.array(attribute)
    except (ValueError, TypeError) as problem:
        raise UnsupportedError(f"the program has constants of {attribute.type}, which cannot be read; export it in float32") from problem
    return np.broadcast_to(array.reshape(-1)[0], array.shape) if attribute.is_splat and array.size else array


def _place(location: Any) -> tuple[str, str]:
    """The scopes, jax's own transformations left out, and the line of code."""
    text = str(location)
    named, line = re.match(r'loc\("([^"]*)"\(', text) or re.match(r'loc\("([^"]*)"\)', text), re.search(r'"([^"]+)":(\d+)', text)
    scopes = [part for part in (named[1] if named else "").rstrip(":").split("/") if part and not re.fullmatch(r"\w+\(.*\)", part)]
    return "/".join(scopes), f"{line[1]}:{line[2]}" if line else ""
