"""Hash tables: what a graph fills them with, and the operators that do so in TFLite."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.protobuf import Message
from tachylite.model.dtypes import RESOURCE, STRING, TYPE_NAMES
from tachylite.model.graph import Tensor

from .library import CALLS, Library, Nodes, Reference, key_of
from .tensors import array_of

HANDLES = ("HashTableV2", "HashTable")
IMPORTS = ("LookupTableImportV2", "LookupTableImport", "InitializeTableV2", "InitializeTable")

#: LiteRT numbers variables from 0, and tables must have numbers of their own.
FIRST_NUMBER = 1 << 16


@dataclass(frozen=True)
class Contents:
    """A table's keys and values, and the number by which TFLite knows it."""

    number: int
    keys: np.ndarray
    values: np.ndarray

    @property
    def is_supported(self) -> bool:
        """Whether TFLite has tables of these types."""
        return {self.keys.dtype, self.values.dtype} == {STRING, np.dtype(np.int64)}

    def handle(self, build: FrontendBuilder) -> Tensor:
        """The table in a graph."""
        out = build.tensor(build.unique("table"), (1,), RESOURCE)
        types = {"key_dtype": TYPE_NAMES[self.keys.dtype], "value_dtype": TYPE_NAMES[self.values.dtype]}
        handle: Tensor = build.HASHTABLE(out=out, table_id=self.number, **types)
        return handle

    def fill(self, build: FrontendBuilder) -> None:
        """Emit what fills the table."""
        build.HASHTABLE_IMPORT(self.handle(build), build.constant(self.keys, "keys"), build.constant(self.values, "values"))


def contents_of_tables(graph: Message, library: Library) -> dict[str, Contents]:
    """Contents by the tables' names, of those that the graph fills from constants."""
    nodes = Nodes(graph.node)
    found = dict(_imported(nodes, {}))
    for node in graph.node:
        sources = [nodes.by_name.get(r.node) for r in nodes.inputs(node) if not r.is_control]
        if node.op in CALLS and any(source is not None and source.op in HANDLES for source in sources):
            body = library[node.attr["f"].func.name]
            given = {name: source for name, source in zip(body.arguments, sources, strict=False) if source is not None}
            found |= dict(_imported(body.nodes, given))
    return {key: Contents(number, *found[key]) for number, key in enumerate(sorted(found), FIRST_NUMBER)}


def _imported(nodes: Nodes, given: Mapping[str, Message]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The tables that these nodes fill. given: nodes that arguments stand for."""
    for node in nodes.by_name.values():
        if node.op in IMPORTS and len(node.input) >= 3:
            table, keys, values = (_source(nodes, given, r) for r in nodes.inputs(node)[:3])
            if table is not None and keys is not None and values is not None and table.op in HANDLES and keys.op == values.op == "Const":
                yield key_of(table), (array_of(keys.attr["value"].tensor), array_of(values.attr["value"].tensor))


def _source(nodes: Nodes, given: Mapping[str, Message], reference: Reference) -> Message | None:
    node = given.get(reference.node) or nodes.by_name.get(reference.node)
    while node is not None and node.op == "Identity":
        reference = nodes.inputs(node)[0]
        node = given.get(reference.node) or nodes.by_name.get(reference.node)
    return node
