"""Who may import whom. The rules are data: a new room, or a library that a room needs, is a line here."""

import ast
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tachylite"

ROOMS = {
    "model": "",
    "ops": "model",
    "passes": "ops",
    "frontends": "passes",
    "program": "ops",
    "runtime": "program",
    "data": "model",
    "compress": "runtime passes data",
    "train": "compress",
    "emit": "program",
    "delegates": "program",
    "update": "runtime",
    "bench": "runtime data",
}
"""What each room may import; whatever those may import, it may too."""

DOORS = {"__init__", "__main__", "cli", "compat", "interpreter"}
"""Modules for people. They may import every room, and no room may import them."""

LIBRARIES = {
    "numpy": {*ROOMS, "compat"},
    "ml_dtypes": set(ROOMS),
    "typer": {"cli", "update"},
    "rich": {"cli", "update"},
    "PIL": {"data"},
    "h5py": {"frontends"},
    "onnx": {"frontends"},
    "google": {"frontends"},  # protobuf, which comes with onnx
    "torch": {"frontends"},
    "jax": {"frontends"},
    "jaxlib": {"frontends"},
    "wgpu": {"delegates"},
    "openvino": {"delegates"},
    "safetensors": {"runtime"},
    "dask": {"compress"},
    "ray": {"compress"},
    "flwr": {"train"},
    "tuf": {"update"},
    "urllib3": {"update"},
    "securesystemslib": {"update"},
    "cryptography": {"update"},
    "zstandard": {"update"},
}
"""The rooms where each library may be imported."""


def reach(room: str) -> set[str]:
    """The rooms that `room` may import, itself among them."""
    return {room}.union(*(reach(other) for other in ROOMS[room].split()))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a file imports, at its top or within its functions."""
    package = ["tachylite", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [node.module] if node.module else []
            yield from ((node.lineno, ".".join([*base, *names, alias.name])) for alias in node.names)


def violations(path: Path) -> Iterator[str]:
    room = room_of(path)
    allowed = set(ROOMS) | DOORS if room in DOORS else reach(room)
    for line, name in imports(path):
        first, *rest = name.split(".")
        where = f"{path.relative_to(ROOT)}:{line}"
        if first == "tachylite":
            if rest and rest[0] not in allowed:
                yield f"{where}: {room} may not import {rest[0]}"
        elif first not in sys.stdlib_module_names and room not in LIBRARIES.get(first, set()):
            yield f"{where}: {room} may not import {first}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_imports_only_what_its_room_may(path):
    assert room_of(path) in set(ROOMS) | DOORS, "a new room needs a line in ROOMS"
    assert list(violations(path)) == []


def test_violations_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "ops").mkdir()
    path = tmp_path / "ops" / "conv.py"
    path.write_text(
        "import numpy as np\nimport math, tensorflow as tf\nfrom tachylite.model.graph import Graph\nfrom ..runtime import session\n"
        "from . import registry\ndef f():\n    from tachylite import cli\n    import ai_edge_litert.interpreter\n"
    )
    found = [violation.partition(": ")[2] for violation in violations(path)]
    assert found == [f"ops may not import {name}" for name in ("tensorflow", "runtime", "cli", "ai_edge_litert")]


def test_importing_tachylite_loads_little():
    """`import tachylite` must not pay for the command line, for pictures, or for the operators of a model that was never opened."""
    command = "import sys, tachylite; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    heavy = [name for name in loaded if name.split(".")[0] in ("typer", "rich", "click", "PIL") or name.startswith("tachylite.ops")]
    assert "tachylite" in loaded
    assert heavy == []


def test_wheel_is_small():
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < 3_000_000


def test_extra_all_is_every_extra_but_frameworks():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert len(extras["all"]) == 1
    named = extras["all"][0].removeprefix("tachylite[").removesuffix("]").split(",")
    assert set(named) == set(extras) - {"all", "dev", "torch", "jax", "litert", "ray", "federated"}
