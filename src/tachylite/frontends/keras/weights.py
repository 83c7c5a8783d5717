"""Where a layer finds its weights, in the order in which Keras lists them: by path in a `.keras` file, by position in an older `.h5`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import ml_dtypes
import numpy as np

from tachylite.model.errors import FileError


class Weights(Protocol):
    """The weights of one layer, of whatever it holds, or of a model."""

    def take(self, count: int, *path: str) -> list[np.ndarray]:
        """The next `count` weights of the layer's own, or of the part at this path of attribute names. Raises FileError."""
        ...

    def child(self, *path: str) -> "Weights":
        """The weights of a part."""
        ...

    def restart(self) -> "Weights":
        """The same, from the first on: for another call of the layer."""
        ...

    def of_layers(self, layers: Sequence[tuple[str, str]]) -> "list[Weights]":
        """The weights of each of a model's layers, given as (class, name)."""
        ...


class StoredWeights:
    """Weights in the `model.weights.h5` of a `.keras` file: a group for each layer, which holds `vars` and the groups of its parts."""

    def __init__(self, group: Any, path: str = ""):
        self._group = group
        self._path = path

    def take(self, count: int, *path: str) -> list[np.ndarray]:
        group = self._find(*path, "vars")
        found = 0 if group is None else len(group)
        if found != count:
            raise FileError(f"the weights file holds {found} weights at {self._join(*path)!r}, needed {count}; the archive is damaged")
        return [_read(group[str(i)]) for i in range(count)]

    def child(self, *path: str) -> "StoredWeights":
        return StoredWeights(self._group, self._join(*path))

    def restart(self) -> "StoredWeights":
        return self

    def of_layers(self, layers: Sequence[tuple[str, str]]) -> "list[Weights]":
        names = stored_names(class_name for class_name, _ in layers)
        folder = "layers" if self._find("layers") is not None else "_layer_checkpoint_dependencies"  # before Keras 2.14
        return [self.child(folder, name) for name in names]

    def _join(self, *path: str) -> str:
        return "/".join([*([self._path] if self._path else []), *path])

    def _find(self, *path: str) -> Any:
        """The group at a path, None where there is none. An attribute without a public name has an underscore before it."""
        hidden = [f"_{part}" for part in path[:-1]] + [*path[-1:]]
        return self._group.get(self._join(*path)) or self._group.get(self._join(*hidden))


class ListedWeights:
    """Weights of one layer in an `.h5` of Keras 2 and before: a list with names, which ends where the layer does."""

    def __init__(self, named: Sequence[tuple[str, Any]]):
        self._named = list(named)
        self._taken = 0

    def take(self, count: int, *path: str) -> list[np.ndarray]:
        chosen = self._named[self._taken : self._taken + count]
        if len(chosen) != count:
            raise FileError(
                f"found {len(self._named)} weights {[n for n, _ in self._named]}, needed {self._taken + count}; the file is damaged"
            )
        self._taken += count
        return [_read(data) for _, data in chosen]

    def child(self, *path: str) -> "ListedWeights":
        return self

    def restart(self) -> "ListedWeights":
        return ListedWeights(self._named)

    def of_layers(self, layers: Sequence[tuple[str, str]]) -> "list[Weights]":
        """A model within a model lists all that can be trained first, so that its layers' weights are told apart by name."""
        names = {name for _, name in layers}
        owners: dict[str, list[tuple[str, Any]]] = {name: [] for name in names}
        for name, data in self._named:
            owner = next((part for part in name.split("/") if part in names), None)
            if owner is not None:
                owners[owner].append((name, data))
        return [ListedWeights(owners[name]) for _, name in layers]


#: Classes that a config names otherwise than Python does.
_PYTHON_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}


def stored_names(classes: Iterator[str]) -> Iterator[str]:
    """Names of a list's groups: the classes in snake case, numbered."""
    used: dict[str, int] = {}
    for class_name in (_PYTHON_NAMES.get(name, name) for name in classes):
        spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
        name = re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()
        used[name] = used.get(name, -1) + 1
        yield f"{name}_{used[name]}" if used[name] else name


def _read(data: Any) -> np.ndarray:
    """A dataset as an array, floats as float32."""
    try:
        array = np.asarray(data)
    except OSError as problem:
        raise FileError(f"the weight {data.name!r} cannot be read: {problem}; the file is truncated or damaged") from problem
    if data.attrs.get("dtype") == "bfloat16":
        array = array.view(ml_dtypes.bfloat16)
    return array.astype(np.float32) if array.dtype.kind in "fV" else array
