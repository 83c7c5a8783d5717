"""Samples for a model: arrays, dicts, iterables, files and folders as one array per input, one sample after another."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model import metadata
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Tensor

from . import arrays, prepare

Sample = dict[Tensor, np.ndarray]


def samples_of(data: Any, model: Model) -> Iterator[Sample]:
    """The samples in `data`, each as an array for every input of the main graph.

    data: an array whose first axis is that of the samples, each shaped like the model's one input, whose batch axis may be left out; a dict
    of such arrays by input name; an iterable of single samples (an array, a dict, or arrays in the order of the inputs); the path of an
    .npz or .npy file of such arrays, or of a folder of files that `prepare.read` knows, pictures for example.
    Raises TachyliteError where the data do not fit, OSError.
    """
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        return _of_folder(path, model) if path.is_dir() else samples_of(arrays.read(path), model)
    if isinstance(data, np.ndarray):
        return _of_columns({_only(model, "an array").name: data}, model)
    if isinstance(data, Mapping):
        return _of_columns(data, model)
    if not hasattr(data, "__iter__"):
        raise TachyliteError(f"a {type(data).__name__} holds no samples; give an array, a dict of arrays, an iterable of them, or a path")
    return (_sample(item, model) for item in data)


def _only(model: Model, what: str) -> Tensor:
    inputs = model.graph.inputs
    if len(inputs) != 1:
        names = ", ".join(repr(t.name) for t in inputs)
        raise TachyliteError(f"{what} is given for {len(inputs)} inputs; give a dict of arrays with these names: {names}")
    return inputs[0]


def _of_folder(folder: Path, model: Model) -> Iterator[Sample]:
    tensor = _only(model, "a folder")
    info = next(iter(metadata.inputs(model)), None)
    return ({tensor: prepare.read(path, tensor, info)} for path in prepare.files(folder))


def _of_columns(columns: Mapping[str, Any], model: Model) -> Iterator[Sample]:
    """Arrays by input name, all with as many samples; one array of any name is that of the only input."""
    if len(columns) == 1 == len(model.graph.inputs):
        columns = {model.graph.inputs[0].name: next(iter(columns.values()))}
    columns = {name: np.asarray(column) for name, column in columns.items()}
    counts = {column.shape[0] if column.ndim else 0 for column in columns.values()}
    if len(counts) > 1:
        found = ", ".join(f"{name!r} {list(column.shape)}" for name, column in columns.items())
        raise TachyliteError(f"the arrays hold different numbers of samples along their first axes: {found}")
    return (_sample({name: column[i] for name, column in columns.items()}, model) for i in range(min(counts, default=0)))


def _sample(item: Any, model: Model) -> Sample:
    inputs = model.graph.inputs
    if isinstance(item, Mapping):
        given = dict(item)
    elif isinstance(item, tuple | list) and len(item) == len(inputs):
        given = {t.name: value for t, value in zip(inputs, item, strict=True)}
    else:
        given = {_only(model, "a sample of one array").name: item}
    if given.keys() != {t.name for t in inputs}:
        raise TachyliteError(f"a sample has arrays for {sorted(given)}, the model's inputs are {sorted(t.name for t in inputs)}")
    return {t: arrays.fit(np.asarray(given[t.name]), t) for t in inputs}
