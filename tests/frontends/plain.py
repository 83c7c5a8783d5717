"""Programs of the traced frontends as .npz: what their readers made where the framework is, for tests where it is not."""

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.frontends.traced.program import Body, Node, Program, Ref, Value

KINDS = {kind.__name__: kind for kind in (Body, Node, Program, Ref, Value)}


def packed(program: Program, prefix: str) -> dict[str, np.ndarray]:
    """Arrays by name that hold a program: its text, and its constants. One value throughout is stored once."""
    arrays: list[np.ndarray] = []

    def plain(x: Any) -> Any:
        if is_dataclass(x):
            record = {"": type(x).__name__, **{f.name: plain(getattr(x, f.name)) for f in fields(x)}}
            return record | {"source": Path(record["source"]).name} if "source" in record else record  # without this machine's folders
        if isinstance(x, np.ndarray):
            is_one = bool(x.ndim and x.size and not any(x.strides))
            arrays.append(x.reshape(-1)[0] if is_one else x)
            return {"": "array", "number": len(arrays) - 1, "shape": list(x.shape) if is_one else None}
        if isinstance(x, dict):
            return {key: plain(value) for key, value in x.items()}
        return [plain(part) for part in x] if isinstance(x, list | tuple) else x

    text = json.dumps(plain(program), separators=(",", ":"))
    return {f"{prefix}/program": np.frombuffer(text.encode(), np.uint8), **{f"{prefix}/{i}": x for i, x in enumerate(arrays)}}


def unpacked(arrays: Any, prefix: str) -> Program:
    """The program that `packed` stored."""

    def restored(x: dict[str, Any]) -> Any:
        kind = x.pop("", None)
        if kind == "array":
            array = arrays[f"{prefix}/{x['number']}"]
            return array if x["shape"] is None else np.broadcast_to(array, x["shape"])
        if kind == "Value":
            x["shape"] = tuple(x["shape"])
        return x if kind is None else KINDS[kind](**x)

    return json.loads(arrays[f"{prefix}/program"].tobytes(), object_hook=restored)
