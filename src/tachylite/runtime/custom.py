"""Custom operators in Python."""

from tachylite.ops import registry
from tachylite.ops.registry import OpDef


def register(definition: OpDef) -> OpDef:
    """Make an operator known at once, everywhere: custom (`is_custom=True`), or a builtin one in place of Tachylite's own definition."""
    registry.load_families()  # first, so that they cannot replace what comes after them
    return registry.register(definition)
