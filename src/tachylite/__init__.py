"""Tachylite: TensorFlow Lite done again as one small system. Public names are loaded when they are first used."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Interpreter": "tachylite.runtime.interpreter",
    "InterpreterWithCustomOps": "tachylite.runtime.interpreter",
    "OpResolverType": "tachylite.runtime.interpreter",
    "SignatureRunner": "tachylite.runtime.signature",
    "Delegate": "tachylite.program.delegate",
    "load_delegate": "tachylite.runtime.delegate",
    "load": "tachylite.runtime.loaded",
    "compile": "tachylite.emit.compile",
    "convert": "tachylite.frontends.source",
    "quantize": "tachylite.compress.quantize",
    "prune": "tachylite.compress.prune",
    "cluster": "tachylite.compress.cluster",
    "prune_channels": "tachylite.compress.channels",
    "calibrate": "tachylite.compress.calibrate",
    "Calibration": "tachylite.compress.calibrate",
    "compare": "tachylite.compress.compare",
    "suggest": "tachylite.compress.suggest",
    "make_trainable": "tachylite.train.signatures",
    "add_head": "tachylite.train.head",
    "fit": "tachylite.train.loop",
    "freeze": "tachylite.train.freeze",
    "finetune": "tachylite.train.finetune",
    "Model": "tachylite.model.graph",
    "Graph": "tachylite.model.graph",
    "Tensor": "tachylite.model.graph",
    "Operator": "tachylite.model.graph",
    "Quantization": "tachylite.model.graph",
    "TachyliteError": "tachylite.model.errors",
    "OpDef": "tachylite.ops.registry",
    "Spec": "tachylite.ops.registry",
    "register": "tachylite.runtime.custom",
    "kernel_from_source": "tachylite.ops.custom",
    "load_operators": "tachylite.runtime.operators",
    "Builder": "tachylite.ops.builder",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tachylite' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
