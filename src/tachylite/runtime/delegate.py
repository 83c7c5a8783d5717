"""Delegates: other hardware that takes part of a model. None exists yet, and that is said, never papered over."""

from typing import Any

from tachylite.model.errors import TachyliteError


class Delegate:
    """A loaded delegate.

    library: name or shared library of the delegate; options: passed to it.
    Raises TachyliteError (a ValueError): this version of Tachylite runs everything on the CPU.
    """

    def __init__(self, library: str, options: dict[str, Any] | None = None):
        raise TachyliteError(
            f"delegate {library!r} with options {options or {}} cannot be loaded: this version runs every operator on the CPU; "
            "leave out experimental_delegates"
        )


def load_delegate(library: str, options: dict[str, Any] | None = None) -> Delegate:
    """Load a delegate by name or shared library. Raises ValueError where that fails, which callers may catch to stay on the CPU."""
    return Delegate(library, options)
