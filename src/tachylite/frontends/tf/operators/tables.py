"""Looking things up in hash tables."""

from tachylite.frontends.tf.node import Node, op
from tachylite.frontends.tf.values import Table
from tachylite.model.graph import Tensor


@op("HashTableV2", "HashTable", is_scoped=False)
def hash_table(self: Node) -> Table:
    return Table(self.text("shared_name") or self.name)


@op("LookupTableFindV2", "LookupTableFind")
def find(self: Node, table: Table, keys: Tensor, default: Tensor) -> Tensor:
    return self.build.HASHTABLE_FIND(handle_of(self, table), keys, default)


@op("LookupTableSizeV2", "LookupTableSize")
def size(self: Node, table: Table) -> Tensor:
    return self.build.SQUEEZE(self.build.HASHTABLE_SIZE(handle_of(self, table)), squeeze_dims=(0,))


def handle_of(self: Node, table: Table) -> Tensor:
    """The table in this graph. Raises Unsupported where its contents are not constants of the graph."""
    contents = self.converter.variables.tables.get(table.key)
    if contents is None:
        raise self.refuse(f"the table {table.key!r} is not filled from constants", "make it a StaticHashTable of tensors, not of a file")
    if not contents.is_supported:
        raise self.refuse(f"it maps {contents.keys.dtype} to {contents.values.dtype}", "map strings to int64, or int64 to strings")
    return contents.handle(self.build)
