"""Write tests/frontends/data/keras3.tar.xz: small Keras 3 models with what Keras answers, one for each layer and option.

Needs an environment with keras and jax: `python tools/make_keras_fixtures.py`. The tests do without Keras.
"""

import io
import os
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras_fixtures import cases

TARGET = Path(__file__).parents[1] / "tests" / "frontends" / "data" / "keras3.tar.xz"


def model_of(shape: Any, *layers: Any, dtype: str = "float32") -> Any:
    """A functional model of one input through these layers."""
    x = y = keras.Input(shape, dtype=dtype, name="x")
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


def inputs_of(model: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Random inputs for two members of a batch; integers are below 5, and some of them 0."""
    arrays: list[np.ndarray] = []
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
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def record(model: Any, random: np.random.Generator) -> dict[str, bytes]:
    """The saved model, and its inputs and outputs as .npz."""
    randomize(model, random)
    inputs = inputs_of(model, random)
    structure = getattr(model, "input", model.inputs[0])  # a Sequential that was never called has none
    outputs = keras.tree.flatten(model(keras.tree.pack_sequence_as(structure, inputs), training=False))
    named: dict[str, Any] = {f"in_{i}": x for i, x in enumerate(inputs)} | {f"out_{i}": np.array(y) for i, y in enumerate(outputs)}
    arrays = io.BytesIO()
    np.savez(arrays, **named)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return {".keras": path.read_bytes(), ".npz": arrays.getvalue()}


def main() -> None:
    """Write all cases into one archive, which packs what they have in common once."""
    TARGET.parent.mkdir(exist_ok=True)
    with tarfile.open(TARGET, "w:xz", preset=9) as bundle:
        for name, make in cases(model_of).items():
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            for suffix, content in record(make(), np.random.default_rng(zlib.crc32(name.encode()))).items():
                entry = tarfile.TarInfo(name + suffix)
                entry.size = len(content)
                bundle.addfile(entry, io.BytesIO(content))
    print(f"{TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
