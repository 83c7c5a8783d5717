"""One page that shows a measurement: everything in one file, without a network."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

#: More runs than a histogram can tell apart would only make the page large.
MOST_RUNS = 5000


def page(data: dict[str, Any]) -> str:
    """The page of a report's data."""
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    # In a script "</" would end it, and "<!--" would begin a comment.
    return template.replace("/*DATA*/null", json.dumps(_thinned(data), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def write(data: dict[str, Any], path: Path) -> None:
    """Write the page."""
    path.write_text(page(data), encoding="utf-8")


def _thinned(data: dict[str, Any]) -> dict[str, Any]:
    """The data with at most MOST_RUNS runs of each engine, evenly chosen."""
    result = data | {"latency": _thin(data["latency"])}
    if data["comparison"]:
        result["comparison"] = data["comparison"] | {"latency": _thin(data["comparison"]["latency"])}
    return result


def _thin(latency: dict[str, Any]) -> dict[str, Any]:
    runs = sorted(latency["seconds"])
    return latency | {"seconds": [runs[i * len(runs) // MOST_RUNS] for i in range(MOST_RUNS)] if len(runs) > MOST_RUNS else runs}
