"""From the files that a user names to all the inputs of a model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tachylite.model import metadata
from tachylite.model.dtypes import STRING
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Tensor
from tachylite.model.metadata import TensorInfo

from . import audio as sounds
from . import prepare


@dataclass(frozen=True)
class Sources:
    """Files for inputs. `arrays` are paths, for the inputs in order, or `name=path`; mean and std as in `prepare`."""

    image: Path | None = None
    audio: Path | None = None
    arrays: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def feed(model: Model, sources: Sources) -> dict[Tensor, np.ndarray]:
    """An array for every input of the main graph; real zeros where no source is given. Raises TachyliteError, OSError."""
    inputs = model.graph.inputs
    files = _assign_arrays(inputs, sources.arrays)
    for path, rank, kind in ((sources.image, 3, "picture"), (sources.audio, 1, "sound")):
        if path is not None:
            files[_taker(inputs, files, rank, kind)] = path
    infos = dict(zip(inputs, metadata.inputs(model), strict=False))
    return {t: _read(model, t, files[t], infos.get(t), sources) if t in files else zeros(t) for t in inputs}


def zeros(tensor: Tensor) -> np.ndarray:
    """Real zeros (empty strings) in the tensor's shape and type."""
    if tensor.dtype == STRING:
        return np.full(tensor.shape, b"", object)
    return np.full(tensor.shape, tensor.zero_point if tensor.is_quantized else 0).astype(tensor.dtype)


def labels(model: Model, path: Path | None) -> tuple[str, ...]:
    """Class names from a file, one a line; without a file, those of the first output that the model's metadata name."""
    if path is not None:
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return next((info.labels for info in metadata.outputs(model) if info.labels), ())


def _assign_arrays(inputs: list[Tensor], arrays: tuple[str, ...]) -> dict[Tensor, Path]:
    by_name = {t.name: t for t in inputs}
    files: dict[Tensor, Path] = {}
    for argument in arrays:
        # A path may itself contain "=", so that only the name of an input counts as a name.
        name = next((n for n in by_name if argument.startswith(f"{n}=")), None)
        free = [t for t in inputs if t not in files]
        if name is None and not free:
            raise TachyliteError(f"{len(arrays)} inputs are given, the model has {len(inputs)}: {', '.join(by_name)}")
        tensor = by_name[name] if name is not None else free[0]
        files[tensor] = Path(argument if name is None else argument[len(name) + 1 :])
    return files


def _taker(inputs: list[Tensor], taken: dict[Tensor, Path], dimensions: int, kind: str) -> Tensor:
    """The first free input that could hold a picture (two dimensions larger than 1, or more) or a sound (one)."""
    for tensor in inputs:
        large = sum(d not in (0, 1) for d in tensor.shape_signature or tensor.shape)
        if tensor not in taken and (2 <= large <= dimensions + 1 if kind == "picture" else 1 <= large <= 2):
            return tensor
    found = ", ".join(f"{t.name!r} {t.dtype}{list(t.shape_signature or t.shape)}" for t in inputs)
    raise TachyliteError(f"no input takes a {kind}; the model's inputs are {found}: give arrays with --input")


def _read(model: Model, tensor: Tensor, path: Path, info: TensorInfo | None, sources: Sources) -> np.ndarray:
    rate = sounds.rate_of(model, model.graph.inputs.index(tensor)) or prepare.RATE
    return prepare.read(path, tensor, info, mean=sources.mean, std=sources.std, rate=rate)
