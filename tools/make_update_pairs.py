"""Pairs of models, as releases follow each other, to measure deltas on.

make_update_pairs.py MODEL FOLDER writes `old.tflite` (the model as Tachylite writes it) and

    head.tflite        its classifier replaced by one of 10 classes
    noise.tflite       its weights moved by Gaussian noise of 0.25 steps, as one epoch of training may move them
    classifier.tflite  the weights of its classifier trained anew: others of the same distribution
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tachylite.model import codec
from tachylite.model.graph import Model, Operator, Tensor

SIGMA = 0.25
"""Of the noise, in steps of the quantization."""


def classifier(model: Model) -> Operator:
    """The last layer with weights."""
    return [op for op in model.graph.operators if op.op in ("FULLY_CONNECTED", "CONV_2D")][-1]


def weights(op: Operator) -> Tensor:
    """The weights of a layer."""
    tensor = op.inputs[1]
    assert tensor is not None
    assert tensor.data is not None
    return tensor


def with_head(model: Model, random: np.random.Generator) -> None:
    """Ten classes instead of those there were."""
    head = classifier(model)
    for tensor in head.inputs[1:]:
        if tensor is None or tensor.data is None:
            continue
        _set(tensor, random.choice(tensor.data.reshape(-1), (10, *tensor.data.shape[1:])))
        _first_axis(tensor, 10)
    resized = [head.outputs[0]]
    for tensor in resized:  # grows as it goes
        tensor.shape = (*tensor.shape[:-1], 10)
        tensor.shape_signature = None if tensor.shape_signature is None else (*tensor.shape_signature[:-1], 10)
        resized += [op.outputs[0] for op in model.graph.consumers(tensor)]


def _first_axis(tensor: Tensor, count: int) -> None:
    """Let a per-channel quantization along the first axis be one of `count` channels."""
    q = tensor.quantization
    if q is not None and q.is_per_channel and q.axis == 0:
        numbers = np.arange(count) % len(q.scale)
        tensor.quantization = replace(
            q,
            scale=q.scale[numbers],
            zero_point=q.zero_point[numbers] if len(q.zero_point) else q.zero_point,
            minimum=q.minimum[numbers] if len(q.minimum) else q.minimum,
            maximum=q.maximum[numbers] if len(q.maximum) else q.maximum,
        )


def with_noise(model: Model, random: np.random.Generator) -> None:
    """All weights moved a little."""
    for op in model.graph.operators:
        if op.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            tensor = weights(op)
            assert tensor.data is not None
            limits = np.iinfo(tensor.dtype)
            moved = tensor.data + random.normal(0, SIGMA, tensor.data.shape)
            _set(tensor, np.clip(np.rint(moved), limits.min, limits.max).astype(tensor.dtype))


def with_classifier(model: Model, random: np.random.Generator) -> None:
    """The same classes, from other weights."""
    tensor = weights(classifier(model))
    assert tensor.data is not None
    _set(tensor, random.permutation(tensor.data.reshape(-1)).reshape(tensor.data.shape))


def _set(tensor: Tensor, values: np.ndarray) -> None:
    tensor.data, tensor.shape = values, values.shape
    tensor.data.flags.writeable = False


CHANGES: dict[str, Callable[[Model, np.random.Generator], None]] = {"head": with_head, "noise": with_noise, "classifier": with_classifier}


def make(source: Path, folder: Path) -> dict[str, Path]:
    """Write the pairs of a model; the new file of each, by name. The old file is `old.tflite`."""
    folder.mkdir(parents=True, exist_ok=True)
    codec.read_file(source).save(folder / "old.tflite")
    made = {}
    for name, change in CHANGES.items():
        model = codec.read_file(source)
        change(model, np.random.default_rng(1))
        made[name] = folder / f"{name}.tflite"
        model.save(made[name])
    return made


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for path in make(arguments.model, arguments.folder).values():
        print(path)


if __name__ == "__main__":
    main()
