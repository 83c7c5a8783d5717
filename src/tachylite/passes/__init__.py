"""From one legal graph to a better one: constants folded, operators fused and recovered, transposes pushed out."""

from .pipeline import DEFAULT, optimize

__all__ = ["DEFAULT", "optimize"]
