"""One page that shows a comparison: everything in one file, without a network."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from tachylite.model.files import write_atomically


def page(data: dict[str, Any]) -> str:
    """The page of `Comparison.as_data()` with the models' names and sizes: model, quantized, bytes."""
    return filled(__package__, data)


def filled(package: str, data: dict[str, Any]) -> str:
    """The `page.html` of a package, with its data."""
    template = files(package).joinpath("page.html").read_text(encoding="utf-8")
    # In a script "</" would end it, and "<!--" would begin a comment.
    return template.replace("/*DATA*/null", json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def write(data: dict[str, Any], path: Path) -> None:
    """Write the page."""
    write_atomically(path, [page(data).encode()])
