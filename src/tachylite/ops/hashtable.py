"""Hash tables: filled once, looked up by key. They live in the executor's state, so these are host operators."""

import numpy as np

from tachylite.model.dtypes import DTYPES
from tachylite.model.graph import Operator

from .registry import Context, OpDef, Spec, register
from .variable import handle, key_of


def infer_table(op: Operator) -> Spec:
    """A handle is certain before the run."""
    types = DTYPES[op.options.key_dtype], DTYPES[op.options.value_dtype]
    if types not in ((np.dtype(object), np.dtype(np.int64)), (np.dtype(np.int64), np.dtype(object))):
        raise op.error(f"maps {op.options.key_dtype} to {op.options.value_dtype}; tables map STRING to INT64 or INT64 to STRING")
    return handle(op, f"table {op.options.table_id}")


def table_of(op: Operator, context: Context, resource: np.ndarray) -> dict[object, object]:
    """The table that a handle names, empty at first."""
    table: dict[object, object] = context.state.setdefault(key_of(op, resource), {})
    return table


def hashtable(op: Operator) -> np.ndarray:
    """The handle of a table."""
    value = infer_table(op).value
    assert value is not None
    return value


register(OpDef("HASHTABLE", options="HashtableOptions", infer=infer_table, reference=hashtable, variants=("resource",)))


def infer_import(op: Operator, resource: Spec, keys: Spec, values: Spec) -> list[Spec]:
    """keys and values: of one shape."""
    if keys.shape != values.shape:
        raise op.error(f"has {list(keys.shape)} keys for {list(values.shape)} values; there must be as many")
    return []


def import_table(op: Operator, context: Context, resource: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[()]:
    """Fills the table, unless it is filled already."""
    table = table_of(op, context, resource)
    if not table:
        table.update(zip(keys.ravel().tolist(), values.ravel().tolist(), strict=True))
    return ()


register(
    OpDef(
        "HASHTABLE_IMPORT",
        options="HashtableImportOptions",
        infer=infer_import,
        reference=import_table,
        context=True,
        variants=("str", "i64"),
    )
)


def infer_find(op: Operator, resource: Spec, keys: Spec, default: Spec) -> Spec:
    """One value per key; default: a single value."""
    if np.prod(default.shape) != 1:
        raise op.error(f"its default has shape {list(default.shape)}; it must be a single value")
    return Spec(keys.shape, default.dtype)


def find(op: Operator, context: Context, resource: np.ndarray, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
    """The value of each key, the default where the table has none."""
    table, missing = table_of(op, context, resource), default.ravel().tolist()[0]
    result = np.empty(keys.shape, default.dtype)
    for i, key in enumerate(keys.ravel().tolist()):
        result.flat[i] = table.get(key, missing)
    return result


register(OpDef("HASHTABLE_FIND", options="HashtableFindOptions", infer=infer_find, reference=find, context=True, variants=("str", "i64")))


def infer_size(op: Operator, resource: Spec) -> Spec:
    """The number of entries, int64 [1]."""
    return Spec((1,), np.dtype(np.int64))


def size(op: Operator, context: Context, resource: np.ndarray) -> np.ndarray:
    """The number of entries, int64 [1]."""
    return np.array([len(table_of(op, context, resource))], np.int64)


register(OpDef("HASHTABLE_SIZE", options="HashtableSizeOptions", infer=infer_size, reference=size, context=True, variants=("i64",)))
