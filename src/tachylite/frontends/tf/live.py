"""Live functions and modules of a TensorFlow that is loaded, by way of a SavedModel in a temporary folder."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tachylite.frontends.options import Options
from tachylite.model.graph import Model

from .model import convert_saved_model


def is_live(source: Any) -> bool:
    """Whether this is a function or module of a TensorFlow that is loaded."""
    tf = sys.modules.get("tensorflow")
    return tf is not None and (isinstance(source, tf.Module) or hasattr(source, "get_concrete_function") or _is_concrete(source))


def _is_concrete(source: Any) -> bool:
    return hasattr(source, "structured_input_signature") and hasattr(source, "graph")


def convert_live(source: Any, options: Options) -> Model:
    """A tf.function or concrete function becomes the signature "serving_default"; of a tf.Module, its functions with input signatures.

    Raises what TensorFlow does where it cannot trace or save the function.
    """
    tf = sys.modules["tensorflow"]
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(source, tf.Module):
            signatures = _traced(source)
        else:
            signatures = {"serving_default": source if _is_concrete(source) else source.get_concrete_function()}
        holder = tf.Module()
        holder.functions = signatures
        holder.source = source
        tf.saved_model.save(holder, folder, signatures)
        return convert_saved_model(Path(folder), options)


def _traced(module: Any) -> dict[str, Any]:
    """The concrete functions of a module's functions that know their inputs, by name."""
    functions: dict[str, Any] = {name: getattr(module, name, None) for name in dir(module) if not name.startswith("_")}
    return {name: f.get_concrete_function() for name, f in functions.items() if getattr(f, "input_signature", None) is not None}
