"""A whole model of TensorFlow: signatures of a SavedModel, or a frozen graph."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tachylite.frontends.builder import Dims, FrontendBuilder
from tachylite.frontends.options import Options
from tachylite.frontends.protobuf import Message
from tachylite.frontends.signature import distinct, first_sizes, with_open_sizes
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError
from tachylite.model.files import map_file
from tachylite.model.graph import Graph, Model, Signature, Tensor

from .converter import Converter
from .frames import functionalized
from .library import Library, Nodes, Reference, meaning
from .messages import SCHEMA
from .tables import contents_of_tables
from .tensorbundle import TensorBundle
from .tensors import dtype_of, shape_of
from .values import NeedsVariable
from .variables import Variables, checkpoint_names, variable_handle

SERVING = "serve"
INITIALIZERS = ("__saved_model_init_op", "__saved_model_train_op")
DEFAULT_SIGNATURE = "serving_default"

#: Operators that give what must be initialized first.
STATEFUL = ("VAR_HANDLE", "HASHTABLE")


@dataclass(frozen=True)
class Input:
    """An input of a signature: the reference whose value it gives."""

    reference: str
    shape: Dims | None
    dtype: np.dtype


@dataclass(frozen=True)
class Interface:
    """What a signature takes and gives, by the names that callers use; outputs are references."""

    key: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """A graph with its functions and variables."""

    nodes: Nodes
    library: Library
    variables: Variables

    @cached_property
    def initializer(self) -> Graph:
        """Fills tables, and sets the variables that the model assigns to. One graph, so that it runs once, whichever signature is first."""
        build = FrontendBuilder(Graph("initializer"))
        for key in sorted(self.variables.assigned):
            build.ASSIGN_VARIABLE(variable_handle(build, key), build.constant(self.variables.initial(key), key))
        for contents in self.variables.tables.values():
            if contents.is_supported:
                contents.fill(build)
        return build.graph


def is_saved_model(path: Path) -> bool:
    """Whether the path is a SavedModel's folder."""
    return (path / "saved_model.pb").is_file()


def is_graph(data: memoryview) -> bool:
    """Whether the bytes begin as a graph does: with a node that has an operator."""
    try:
        return bytes(data[:1]) == b"\n" and bool(SCHEMA.read("GraphDef", data).node)
    except FileError:
        return False


def convert_saved_model(path: Path, options: Options) -> Model:
    """The signatures of a SavedModel. Raises FileError, UnsupportedError, OSError."""
    options.refuse_ends("a SavedModel")
    file = path / "saved_model.pb"
    try:
        saved = SCHEMA.read("SavedModel", map_file(file))
    except FileError as problem:
        raise FileError(f"{file}: {problem}") from problem
    meta = _serving(saved, file)
    library = Library(meta.graph_def)
    prefix = path / "variables" / "variables"
    bundle = TensorBundle(prefix) if prefix.with_name("variables.index").exists() else None
    restorer = meta.saver_def.restore_op_name if meta.saver_def else ""
    variables = Variables(bundle, checkpoint_names(meta.graph_def, library, restorer), contents_of_tables(meta.graph_def, library))
    source = Source(functionalized(Nodes(meta.graph_def.node), library), library, variables)
    interfaces = _interfaces(meta, options)
    return _model(source, interfaces, options)


def _serving(saved: Message, file: Path) -> Message:
    """The graph that is meant for inference. Raises FileError."""
    graphs: list[Message] = [m for m in saved.meta_graphs if m.graph_def is not None]
    found = [m for m in graphs if m.meta_info_def and SERVING in m.meta_info_def.tags] or graphs[:1]
    if not found:
        raise FileError(f"{file}: holds no graph; it is truncated, or a file of another kind")
    return found[0]


def _interfaces(meta: Message, options: Options) -> list[Interface]:
    """The signatures that are asked for, the default one first. Raises TachyliteError."""
    known = {key: value for key, value in meta.signature_def.items() if key not in INITIALIZERS and value.outputs}
    missing = [key for key in options.signatures if key not in known]
    if missing or not known:
        raise TachyliteError(f"the SavedModel has the signatures {sorted(known)}, asked for are {missing or 'all'}; correct signatures=")
    keys = options.signatures or sorted(known, key=lambda key: (key != DEFAULT_SIGNATURE, key))
    return [_interface(key, known[key]) for key in keys]


def _interface(key: str, signature: Message) -> Interface:
    inputs = {name: Input(info.name, shape_of(info.tensor_shape), dtype_of(info.dtype)) for name, info in sorted(signature.inputs.items())}
    return Interface(key, inputs, {name: info.name for name, info in sorted(signature.outputs.items())})


def convert_graph(data: memoryview, options: Options) -> Model:
    """A frozen graph: its placeholders are the inputs, and what nothing reads is the output, unless the options name others."""
    graph = SCHEMA.read("GraphDef", data)
    nodes, library = Nodes(graph.node), Library(graph)
    interface = Interface(DEFAULT_SIGNATURE, _inputs(graph, options), _outputs(graph, nodes, options))
    if options.signatures not in ((), (DEFAULT_SIGNATURE,)):
        raise TachyliteError(f"a graph has the signature {DEFAULT_SIGNATURE!r} alone, signatures asks for {list(options.signatures)}")
    return _model(Source(functionalized(nodes, library), library, Variables()), [interface], options)


def _inputs(graph: Message, options: Options) -> dict[str, Input]:
    """Raises TachyliteError where an input that is asked for is no placeholder."""
    found = _placeholders(graph)
    strangers = [name for name in options.inputs if _node(name) not in found]
    if strangers:
        raise TachyliteError(f"inputs= names {strangers}, which are no placeholders; the graph has {sorted(found)}")
    return {_node(name): found[_node(name)] for name in options.inputs} or found


def _outputs(graph: Message, nodes: Nodes, options: Options) -> dict[str, str]:
    """Raises TachyliteError where an output that is asked for is not in the graph."""
    strangers = [name for name in options.outputs if _node(name) not in nodes.by_name]
    if strangers:
        raise TachyliteError(f"outputs= names {strangers}, which the graph does not have; correct the names")
    return {name.removesuffix(":0"): name for name in options.outputs} or _ends(graph, nodes)


def _node(name: str) -> str:
    """The node that gives a tensor of this name."""
    return name.partition(":")[0]


def _placeholders(graph: Message) -> dict[str, Input]:
    """Raises FileError where one has no type."""
    found = [node for node in graph.node if node.op == "Placeholder"]
    for node in found:
        if "dtype" not in node.attr:
            raise FileError(f"the placeholder {node.name!r} has no type; the file is corrupted")
    shapes = {node.name: shape_of(node.attr["shape"].shape) if "shape" in node.attr else None for node in found}
    return {node.name: Input(node.name, shapes[node.name], dtype_of(node.attr["dtype"].type)) for node in found}


#: Operators that stand at the end of a graph without being its answer.
NO_ANSWER = ("NoOp", "Assert", "Placeholder")


def _ends(graph: Message, nodes: Nodes) -> dict[str, str]:
    """What follows from a placeholder and is read by nothing. Raises FileError where there is no such node."""
    readers: dict[str, list[str]] = {}
    for node in graph.node:
        for reference in nodes.inputs(node):
            readers.setdefault(reference.node, []).append(node.name)
    following = [node.name for node in graph.node if node.op == "Placeholder"]
    reached = set(following)
    for name in following:  # grows as it goes
        new = [reader for reader in readers.get(name, ()) if reader not in reached]
        reached.update(new)
        following += new
    ends = {n.name: n.name for n in graph.node if n.name in reached and n.name not in readers and n.op not in NO_ANSWER}
    if not ends:
        raise FileError("nothing is computed from a placeholder; the file is truncated, or holds something else than a model")
    return ends


def _model(source: Source, interfaces: Sequence[Interface], options: Options) -> Model:
    """The signatures, with variables for what any of them assigns to."""
    try:
        signatures = _signatures(source, interfaces, options)
    except NeedsVariable as found:
        variables = replace(source.variables, assigned=source.variables.assigned | {found.key})
        return _model(replace(source, variables=variables), interfaces, options)
    graphs: list[Graph] = []
    for signature in signatures:
        graphs += [g for g in Model.of(signature.graph).graphs if g not in graphs]
    return Model(graphs, signatures, description="converted from TensorFlow by Tachylite")


def _signatures(source: Source, interfaces: Sequence[Interface], options: Options) -> list[Signature]:
    """A signature for each interface; those that mean the same share a graph."""
    built: dict[Hashable, Signature] = {}
    signatures = []
    for interface in interfaces:
        key = _meaning(source, interface)
        if key not in built:
            built[key] = _with_sizes(source, interface, options)
        signatures.append(replace(built[key], key=interface.key))
    return signatures


def _meaning(source: Source, interface: Interface) -> Hashable:
    """Equal for interfaces that take the same inputs and compute the same outputs."""
    inputs = {Reference.of(x.reference).node: ("input", name) for name, x in interface.inputs.items()}
    outputs = tuple((name, meaning(source.nodes, source.library, text, inputs)) for name, text in interface.outputs.items())
    return tuple((name, x.shape, x.dtype.str) for name, x in interface.inputs.items()), outputs


def _with_sizes(source: Source, interface: Interface, options: Options) -> Signature:
    """Try sizes of the unknown dimensions."""
    return with_open_sizes(lambda size: _build(source, interface, options, size), _shapes(interface, options).values())


def _shapes(interface: Interface, options: Options) -> dict[str, Dims]:
    names = list(interface.inputs)
    return {name: options.shape_of(name, x.shape, names) for name, x in interface.inputs.items()}


def _build(source: Source, interface: Interface, options: Options, open_size: int) -> Signature:
    """One signature, with `open_size` for unknown dimensions."""
    build = FrontendBuilder()
    inputs: dict[str, Tensor] = {}
    for name, shape in _shapes(interface, options).items():
        inputs[name] = build.input(name, shape, interface.inputs[name].dtype, sizes=first_sizes(shape, open_size))
    converter = Converter(build, source.library, source.variables, options)
    given = {Reference.of(x.reference).node: [inputs[name]] for name, x in interface.inputs.items()}
    results = converter.run(source.nodes, given, list(interface.outputs.values()))
    if converter.problems:
        listed = "\n  ".join(dict.fromkeys(converter.problems))
        raise UnsupportedError(f"{len(set(converter.problems))} of the graph's nodes cannot be converted:\n  {listed}")
    strangers = [name for name, result in zip(interface.outputs, results, strict=True) if not isinstance(result, Tensor)]
    if strangers:
        raise FileError(f"the outputs {strangers} of {interface.key!r} are no tensors; the file is damaged")
    outputs = dict(zip(interface.outputs, distinct(build, inputs, results), strict=True))
    graph = build.outputs(*outputs.values())
    graph.name = interface.key
    if any(op.op in STATEFUL for called in Model.of(graph).graphs for op in called.operators):
        build.CALL_ONCE(subgraphs=[source.initializer])
        graph.operators.insert(0, graph.operators.pop())
    return Signature(interface.key, graph, inputs, outputs)
