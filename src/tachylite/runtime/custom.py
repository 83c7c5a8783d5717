"""Custom operators in Python."""

from tachylite.ops import registry
from tachylite.ops.registry import OpDef


def register(definition: OpDef) -> OpDef:
    """Make an operator known at once, everywhere: custom (`is_custom=True`), or a builtin one in place of Tachylite's own definition."""
    registry.prepare(definition.name)  # first, so that it cannot replace what comes after it
    return registry.register(definition)
