"""What each frontend converts, read off its entries: docs/frontends.md."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from .keras.layer import entries as keras_entries
from .onnx.node import entries as onnx_entries
from .stablehlo.node import op as stablehlo
from .tf.node import entries as tf_entries
from .torch.node import op as torch

INTRODUCTION = """\
Generated from the frontends' entries by `make format`. A family is the file in `src/tachylite/frontends/` that converts these;
whatever is not listed is refused by name, all of it at once."""

ONNX = """\
Models of operator set 7 and later. Other operators that ONNX defines by these, and functions that a model brings, are converted as what
they are made of."""


def markdown() -> str:
    """The text of docs/frontends.md."""
    layers, operations = keras_entries()
    lines = [
        "# Frontends",
        "",
        INTRODUCTION,
        "",
        *section("Keras layers", "`.keras` of Keras 3; `.h5` of Keras 1, 2 and 3; live Keras 3 models of any backend.", layers),
        *section("Operations on Keras tensors", "`keras.ops`, and functions of TensorFlow in models of Keras 2.", operations),
        *section("TensorFlow operators", "SavedModels of TensorFlow 1 and 2, and frozen GraphDefs (`.pb`).", tf_entries()),
        *section("ONNX operators", ONNX, onnx_entries()),
        *section("StableHLO operators", "JAX: what `jax.export` gives, live or serialized.", stablehlo.entries),
        *section("PyTorch operators", "Programs of `torch.export`, live or in `.pt2` files, and modules.", torch.entries),
    ]
    return "\n".join(lines)


def section(title: str, sources: str, entries: Mapping[str, Any]) -> list[str]:
    """A table of the entries' names by family."""

    def family(name: str) -> str:
        return str(entries[name].function.__module__.rpartition(".")[2])

    rows = [f"| {key} | {', '.join(sorted(names))} |" for key, names in groupby(sorted(entries, key=family), family)]
    return [f"## {title}", "", sources, "", "| family | names |", "|---|---|", *rows, ""]
