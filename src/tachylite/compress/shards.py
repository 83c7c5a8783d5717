"""Data that outgrow one machine: the shards of a Dask or Ray collection, each worked on where it lies."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tachylite.model.errors import TachyliteError
from tachylite.model.extras import extra

Result = TypeVar("Result")


def are_shards(data: Any) -> bool:
    """Whether these are a Dask array, bag or delayed value, a list of delayed values, or a list of Ray's references."""
    return _is_dask(data) or (isinstance(data, Sequence) and len(data) > 0 and all(_is_dask(d) or _is_ray(d) for d in data))


def _is_dask(data: Any) -> bool:
    return hasattr(data, "__dask_graph__")


def _is_ray(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "ray" and type(data).__name__ == "ObjectRef"


def on_shards(function: Callable[[Any], Result], data: Any) -> list[Result]:
    """What a function, which can be pickled, gives for each shard, in order; each runs where the scheduler of the collection lets it.

    A shard is what `samples_of` takes: a part of a Dask array along its first axis, the items of a bag's partition, or whatever a delayed
    value or a reference stands for. Raises TachyliteError where there are none, and what the function raises.
    """
    if not _is_dask(data) and _is_ray(data[0]):
        results = _on_ray(function, data)
    else:
        results = _on_dask(function, data if isinstance(data, Sequence) else _delayed(data))
    if not results:
        raise TachyliteError("the collection has no shards; give one with samples in it")
    return results


def _delayed(data: Any) -> list[Any]:
    """The shards of one collection."""
    if hasattr(data, "rechunk"):  # An array: a sample is whole in one chunk.
        return list(data.rechunk(dict.fromkeys(range(1, data.ndim), -1)).to_delayed().ravel())
    return list(data.to_delayed()) if hasattr(data, "to_delayed") else [data]


def _on_dask(function: Callable[[Any], Result], parts: Sequence[Any]) -> list[Result]:
    with extra("dask", "dask"):
        from dask.base import compute
        from dask.delayed import delayed
    run: Any = compute  # it has no types
    return list(run(*(delayed(function)(part) for part in parts)))


def _on_ray(function: Callable[[Any], Result], references: Sequence[Any]) -> list[Result]:
    with extra("ray", "ray"):
        import ray
    remote: Any = ray.remote(_apply)
    return list(ray.get([remote.remote(function, reference) for reference in references]))


def _apply(function: Callable[[Any], Result], shard: Any) -> Result:
    return function(shard)
