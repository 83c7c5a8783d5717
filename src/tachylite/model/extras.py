"""Optional libraries: each belongs to an extra of the package, and an error names it where the library is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import TachyliteError


class MissingExtraError(TachyliteError, ImportError):
    """An optional library is not installed."""


@contextmanager
def extra(name: str, library: str) -> Iterator[None]:
    """Around the imports of a library: `with extra("images", "pillow"): from PIL import Image`."""
    try:
        yield
    except ImportError as problem:
        raise MissingExtraError(f"this needs {library}, which is not installed; install tachylite[{name}]") from problem
