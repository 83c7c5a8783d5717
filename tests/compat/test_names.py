"""tf.lite's public names, as `tools/list_tf_lite_names.py` wrote them down, against ours."""

import inspect
import json
from enum import Enum
from pathlib import Path

import pytest

from tachylite import compat

NAMES = json.loads((Path(__file__).parent / "tf_lite_names.json").read_text(encoding="utf-8"))

ATTRIBUTES = {"TFLiteConverter": compat.TFLiteConverter.from_keras_model(None), "TargetSpec": compat.TargetSpec()}
"""Where names may be those of instances."""


def found(name):
    """What we have under this name. Raises AttributeError."""
    value = compat
    for part in name.split("."):
        value = getattr(ATTRIBUTES.get(getattr(value, "__name__", ""), value), part)
    return value


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_takes_the_same_arguments(name):
    value = found(name)
    if NAMES[name] is None or isinstance(value, Enum):
        return
    parameters = inspect.signature(value).parameters
    assert [p for p in parameters if p != "self"][: len(NAMES[name])] == NAMES[name]


def test_nothing_else_is_public():
    known = {name.partition(".")[0] for name in NAMES}
    assert set(compat.__all__) == known
    assert set(compat.experimental.__all__) == {name.split(".")[1] for name in NAMES if name.startswith("experimental.")}
