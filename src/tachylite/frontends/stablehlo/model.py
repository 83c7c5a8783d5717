"""Exported functions of JAX, live or serialized."""

import sys
from collections.abc import Sequence
from typing import Any

from tachylite.frontends.options import Options
from tachylite.frontends.traced.model import convert_program
from tachylite.model.errors import FileError
from tachylite.model.extras import extra
from tachylite.model.graph import Model

from .node import op
from .reader import read

#: How a module of StableHLO begins, within whatever jax.export wraps it in.
MAGIC = b"ML\xefR\rStableHLO_v"


def is_live(source: Any) -> bool:
    """Whether this is what jax.export gives."""
    export = sys.modules.get("jax.export")
    return export is not None and isinstance(source, export.Exported)


def is_artifact(data: memoryview) -> bool:
    """Whether the bytes are a serialized `jax.export.Exported`."""
    return MAGIC in bytes(data)


def exported(function: Any, examples: Sequence[Any]) -> Any:
    """What jax.export gives of a function whose arguments are like these. Raises MissingExtraError where jax is not installed."""
    with extra("jax", "jax"):
        import jax
        from jax import export
    return export.export(jax.jit(function))(*examples)


def convert_live(source: Any, options: Options) -> Model:
    """An exported function, as the signature "serving_default". Raises UnsupportedError."""
    return convert_program(read(source), op, options, "JAX")


def convert_artifact(data: memoryview, options: Options) -> Model:
    """What `Exported.serialize()` gave. Raises FileError, MissingExtraError where jax is not installed."""
    with extra("jax", "jax"):
        from jax import export
    try:
        source = export.deserialize(bytearray(data))
    except Exception as problem:  # whatever jax raises
        raise FileError(f"is no function that jax.export serialized, or a damaged one ({problem})") from problem
    return convert_live(source, options)
