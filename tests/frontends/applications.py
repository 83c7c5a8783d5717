"""Models of keras.applications without their weights: a config and the shapes of the variables; weights are made of nothing but these."""

import io
import zipfile
from collections.abc import Mapping

import h5py
import numpy as np

Shapes = Mapping[str, list[int]]
"""Of each variable, by its place in the file of weights."""


def archive_of(config: str, metadata: str, shapes: Shapes, gain: float = 1) -> bytes:
    """A `.keras` file with weights of our own; gain: what filters make of the size of what goes through them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", metadata)
        archive.writestr("model.weights.h5", _hdf5(shapes, gain))
    return stream.getvalue()


def shapes_in(archive: zipfile.ZipFile) -> dict[str, list[int]]:
    """The shapes of the variables in a `.keras` file."""
    shapes: dict[str, list[int]] = {}

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            shapes[name] = list(item.shape)

    with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(note)
    return shapes


def _hdf5(shapes: Shapes, gain: float) -> bytes:
    stream = io.BytesIO()
    # This generator's numbers stay the same in every version of NumPy.
    random = np.random.RandomState(11)
    with h5py.File(stream, "w") as file:
        for name, shape in sorted(shapes.items()):
            file.create_dataset(name, data=_weights(shape, random, gain))
    return stream.getvalue()


def _weights(shape: list[int], random: np.random.RandomState, gain: float) -> np.ndarray:
    """Filters that keep `gain` of the size of what goes through them; scales, biases, means and variances around 1."""
    if len(shape) < 2:
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    taken = shape[:-2] if len(shape) == 4 and shape[-1] == 1 else shape[:-1]  # a depthwise filter takes one channel
    return (random.standard_normal(shape) * gain * np.sqrt(2 / np.prod(taken))).astype(np.float32)


def picture(shape: list[int]) -> np.ndarray:
    """An input of this shape, between 0 and 255 as such models take it."""
    return np.random.RandomState(5).uniform(0, 255, shape).astype(np.float32)
