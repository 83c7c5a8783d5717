"""Write tests/frontends/data/keras3.zip: small Keras 3 models with what Keras answers, one for each layer and option.

Needs an environment with keras and jax: `KERAS_BACKEND=jax python tools/make_keras_fixtures.py`. The tests read the file without Keras.
"""

import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

TARGET = Path(__file__).parents[1] / "tests" / "frontends" / "data" / "keras3.zip"
CASES: dict[str, Callable[[], Any]] = {}


def model_of(shape: Any, *layers: Any, dtype: str = "float32") -> Any:
    """A functional model of one input through these layers."""
    import keras

    x = y = keras.Input(shape, dtype=dtype, name="x")
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


def collect() -> dict[str, Callable[[], Any]]:
    """All cases: a name, and a function that makes the model."""
    import keras_fixtures

    return keras_fixtures.cases(model_of)


def inputs_of(model: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Random inputs for two members of a batch; integers are below 5, and some of them 0."""
    arrays = []
    for tensor in model.inputs:
        shape = [2 if i == 0 and d is None else 6 if d is None else d for i, d in enumerate(tensor.shape)]
        if "int" in tensor.dtype:
            arrays.append(random.integers(0, 5, shape).astype(tensor.dtype))
        elif tensor.dtype == "bool":
            arrays.append(random.random(shape) < 0.6)
        else:
            arrays.append(random.normal(size=shape).astype(np.float32))
    return arrays


def randomize(model: Any, random: np.random.Generator) -> None:
    """Weights that no layer has by default; those that must be positive are."""
    for weight in model.weights:
        value = np.array(weight)
        if value.dtype.kind == "f" and "seed" not in weight.path:
            fresh = random.normal(size=value.shape) * 0.4
            weight.assign(np.abs(fresh) + 0.5 if "variance" in weight.path else fresh)


def record(model: Any, random: np.random.Generator) -> tuple[bytes, bytes]:
    """The saved model, and its inputs and outputs as .npz."""
    import keras

    randomize(model, random)
    inputs = inputs_of(model, random)
    outputs = keras.tree.flatten(model(keras.tree.pack_sequence_as(model.input, inputs)))
    arrays = io.BytesIO()
    named = {f"in_{i}": x for i, x in enumerate(inputs)} | {f"out_{i}": np.array(y) for i, y in enumerate(outputs)}
    np.savez(arrays, **named)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes(), arrays.getvalue()


def main() -> None:
    """Write all cases, or those whose names begin with the arguments, to a file that is always the same."""
    import keras

    TARGET.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_LZMA) as bundle:
        for name, make in collect().items():
            if sys.argv[1:] and not name.startswith(tuple(sys.argv[1:])):
                continue
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            model, arrays = record(make(), np.random.default_rng(abs(hash_of(name))))
            for suffix, content in ((".keras", model), (".npz", arrays)):
                bundle.writestr(zipfile.ZipInfo(name + suffix), content, zipfile.ZIP_LZMA)
    print(f"{TARGET.stat().st_size} bytes")


def hash_of(name: str) -> int:
    """A number for the name, the same in every run."""
    import zlib

    return zlib.crc32(name.encode())


if __name__ == "__main__":
    main()
