"""Quantize a Keras model, SavedModel or float .tflite file as TensorFlow does: int8, 16x8 and dynamic range.

Runs in an environment of its own that has TensorFlow and nothing of this project (see tools/compare_quantization.py):

    python tools/quantize_with_tensorflow.py SOURCE SAMPLES.npz FOLDER

SAMPLES.npz holds one array per input, in order, with the samples along the first axis. FOLDER receives float, int8, int16x8 and dynamic
`.tflite` files; where TensorFlow refuses or dies, a `.txt` file of that name says why.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""


def converter_of(source: Path) -> Any:
    """A converter for a Keras file or a SavedModel."""
    import tensorflow as tf

    if source.is_dir():
        # The newer converter of TensorFlow 2.21 cannot load SavedModels of early Keras.
        return tf.compat.v1.lite.TFLiteConverter.from_saved_model(str(source))

    class OldDepthwise(tf.keras.layers.DepthwiseConv2D):  # type: ignore[misc]
        """Keras 2 wrote an argument that Keras 3 refuses."""

        def __init__(self, **config: Any):
            config.pop("groups", None)
            super().__init__(**config)

    model = tf.keras.models.load_model(source, compile=False, custom_objects={"DepthwiseConv2D": OldDepthwise})
    return tf.lite.TFLiteConverter.from_keras_model(model)


def settings(kind: str, converter: Any, samples: list[np.ndarray]) -> None:
    """What TensorFlow's guide says for each kind of quantization."""
    import tensorflow as tf

    if kind == "float":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "dynamic":
        return

    def representative() -> Iterator[list[np.ndarray]]:
        for number in range(len(samples[0])):
            yield [array[number : number + 1] for array in samples]

    converter.representative_dataset = representative
    sets = tf.lite.OpsSet
    wanted = sets.TFLITE_BUILTINS_INT8 if kind == "int8" else sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [wanted, sets.TFLITE_BUILTINS]


def in_a_child(work: Callable[[], bytes], target: Path) -> None:
    """Write what `work` returns, or why it failed; in a process of its own, since the converter sometimes dies."""
    child = os.fork()
    if child == 0:
        try:
            target.with_suffix(".tflite").write_bytes(work())
        except BaseException as problem:
            target.with_suffix(".txt").write_text(f"{type(problem).__name__}: {str(problem)[:300]}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        target.with_suffix(".txt").write_text(f"the process died with status {status}")


def main(source: Path, samples_path: Path, folder: Path) -> None:
    """Every kind, one after another."""
    with np.load(samples_path) as archive:
        samples = [archive[name] for name in archive.files]
    folder.mkdir(parents=True, exist_ok=True)

    def convert(kind: str) -> bytes:
        converter = converter_of(source)
        settings(kind, converter, samples)
        result: bytes = converter.convert()
        return result

    for kind in ("float", "int8", "int16x8", "dynamic"):
        in_a_child(lambda kind=kind: convert(kind), folder / kind)  # type: ignore[misc]


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
