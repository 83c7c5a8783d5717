"""Write tests/compat/tf_lite_names.json: tf.lite's public names, with parameters. Run it with TensorFlow 2.21."""

import enum
import inspect
import json
import os
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
FILE = Path(__file__).parents[1] / "tests" / "compat" / "tf_lite_names.json"


def main() -> None:
    """List the names."""
    import tensorflow as tf

    names: dict[str, list[str] | None] = {}
    collect(tf.lite, "", names)
    converter = tf.lite.TFLiteConverter([])
    names.update({f"TFLiteConverter.{name}": None for name in vars(converter) if not name.startswith("_")})
    names.update({f"TargetSpec.{name}": None for name in vars(tf.lite.TargetSpec()) if not name.startswith("_")})
    FILE.write_text(json.dumps(dict(sorted(names.items())), indent=1) + "\n", encoding="utf-8")


def collect(holder: Any, path: str, names: dict[str, list[str] | None]) -> None:
    """Add what is public in a module or class; None stands for what cannot be called."""
    for name in dir(holder):
        if name.startswith("_"):
            continue
        value = getattr(holder, name)
        full = f"{path}{name}"
        names[full] = parameters(value) if callable(value) and not is_enum(value) else None
        if (inspect.ismodule(value) or inspect.isclass(value)) and not is_enum(holder):
            collect(value, f"{full}.", names)


def is_enum(value: Any) -> bool:
    """Whether it is an enumeration or one of its members."""
    return isinstance(value, enum.Enum) or (inspect.isclass(value) and issubclass(value, enum.Enum))


def parameters(function: Any) -> list[str]:
    """Names of the parameters, without self."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


if __name__ == "__main__":
    main()
