"""`tachylite.prune`: weights of small magnitude become zero, one by one, in blocks, or some of every few."""

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model

from .reconstruct import prune_by_samples
from .sparse import sparsify
from .weights import Patterns, Selection, Weights, check_choice, opened

Pattern = str | tuple[int, int]
"""unstructured; blocks of outputs x inputs, as (4, 1) or "4x1"; or "2:4": 2 of 4 neighbours along the last axis stay."""

METHODS, SCOPES = ("magnitude", "lamp", "surgery"), ("global", "layer")


def prune(
    model: Any,
    sparsity: float | None = None,
    *,
    method: str = "magnitude",
    pattern: Pattern = "unstructured",
    scope: str = "global",
    calibration: Any = None,
    operators: Patterns = "*",
    names: Patterns = "*",
    skip: Patterns = (),
) -> Model:
    """A copy of a model whose smallest weights are zero, stored as sparse tensors where that makes the file smaller.

    model: a path, bytes or a Model, with float weights.
    sparsity: the part of the weights that becomes zero, from 0 to 1; 2:4 implies it.
    method: what makes weights small: their magnitude; or lamp, the square of it as a part of the squares of those of its layer that are no
        smaller, so that in global scope no layer is emptied before the others; or surgery, what the layer's outputs on samples lose,
        which the weights that stay then make up for (see reconstruct.py). That is worth most, and takes longest.
    pattern: see Pattern. Weights whose axes the blocks do not divide stay dense.
    scope: which weights are compared: of all layers (global), or of each layer alone.
    calibration: for surgery, samples (see data.samples.samples_of).
    operators, names, skip: patterns of the operators that are pruned: their names, their outputs' names, outputs' names that are left out.
    Raises TachyliteError where an argument is none of these, or no weights can be pruned so.
    """
    check_choice("method", method, METHODS)
    check_choice("scope", scope, SCOPES)
    if (method == "surgery") != (calibration is not None):
        raise TachyliteError(
            "surgery prunes by samples, and other methods have no use for them; give both calibration and method='surgery'"
        )
    result, weights = opened(model, Selection(operators, names, skip))
    kept = re.fullmatch(r"(\d+):(\d+)", pattern) if isinstance(pattern, str) else None
    if calibration is not None:
        _prune_by_samples(result, weights, pattern, _checked(sparsity), scope, calibration)
    elif kept:
        _prune_some_of_every(weights, int(kept[1]), int(kept[2]), sparsity)
    else:
        _prune_blocks(weights, _block_of(pattern), _checked(sparsity), method, scope)
    sparsify(result)
    result.verify()
    return result


def _checked(sparsity: float | None) -> float:
    if sparsity is None or not 0 <= sparsity <= 1:
        raise TachyliteError(f"sparsity is {sparsity}; give the part of the weights that becomes zero, 0.8 say")
    return sparsity


def _block_of(pattern: Pattern) -> tuple[int, int]:
    if pattern == "unstructured":
        return 1, 1
    found = re.fullmatch(r"(\d+)x(\d+)", pattern) if isinstance(pattern, str) else None
    rows, columns = (int(found[1]), int(found[2])) if found else pattern if isinstance(pattern, tuple) else (0, 0)
    if rows < 1 or columns < 1:
        raise TachyliteError(f"there is no pattern {pattern!r}; choose unstructured, 2:4, or a block of outputs x inputs such as 4x1")
    return rows, columns


def _prune_by_samples(model: Model, weights: Sequence[Weights], pattern: Pattern, sparsity: float, scope: str, data: Any) -> None:
    """Weights of layers that do not say what rows they meet are pruned by magnitude, each layer by itself."""
    if pattern != "unstructured":
        raise TachyliteError(
            f"surgery removes weights one by one, not in a pattern {pattern!r}; leave the pattern out, or take another method"
        )
    done = prune_by_samples(model, {w.tensor for w in weights if w.value.ndim > 1}, sparsity, scope, data)
    if others := [w for w in weights if w.tensor not in done and w.value.ndim > 1]:
        _prune_blocks(others, (1, 1), sparsity, "magnitude", "layer")


def _prune_some_of_every(weights: Sequence[Weights], kept: int, group: int, sparsity: float | None) -> None:
    """Of every `group` neighbours along the last axis, let the `kept` greatest stay."""
    if not 0 < kept < group or sparsity not in (None, 1 - kept / group):
        raise TachyliteError(f"{kept}:{group} makes {1 - kept / max(group, 1):g} of the weights zero, not {sparsity}; leave sparsity out")
    fitting = _fitting(weights, 1, group, f"{kept}:{group}")
    for each in fitting:
        groups = each.value.reshape(-1, group).copy()
        smallest = np.argsort(np.abs(groups), axis=1, kind="stable")[:, : group - kept]
        np.put_along_axis(groups, smallest, 0, axis=1)
        each.set(groups.reshape(each.value.shape))


def _prune_blocks(weights: Sequence[Weights], block: tuple[int, int], sparsity: float, method: str, scope: str) -> None:
    fitting = _fitting(weights, *block, f"{block[0]}x{block[1]}")
    scores = [np.abs(_blocks(each.value, block)).astype(np.float64).mean(axis=(1, 4)) for each in fitting]
    if method == "lamp":
        scores = [_lamp(s) for s in scores]
    if scope == "global":
        chosen = _smallest(np.concatenate([s.ravel() for s in scores]), sparsity)
        masks = np.split(chosen, np.cumsum([s.size for s in scores])[:-1])
    else:
        masks = [_smallest(s.ravel(), sparsity) for s in scores]
    for each, mask, score in zip(fitting, masks, scores, strict=True):
        _erase(each, mask.reshape(score.shape), block)


def _fitting(weights: Sequence[Weights], rows: int, columns: int, pattern: str) -> list[Weights]:
    """Those whose first and last axes divide. Raises TachyliteError where there are none."""
    fitting = [w for w in weights if w.value.ndim > 1 and w.value.shape[-1] % columns == 0 and w.value.shape[0] % rows == 0]
    if not fitting:
        shapes = ", ".join(f"{w.tensor.name!r} {list(w.tensor.shape)}" for w in weights)
        raise TachyliteError(f"{pattern} divides the first and last axes of none of the weights: {shapes}; choose another pattern")
    return fitting


def _blocks(value: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """[blocks along the first axis, rows, middle, blocks along the last axis, columns]."""
    rows, columns = block
    return value.reshape(value.shape[0] // rows, rows, prod(value.shape[1:-1]), value.shape[-1] // columns, columns)


def _lamp(scores: np.ndarray) -> np.ndarray:
    """Each score's square as a part of the squares of those that are no smaller (LAMP: Lee et al., 2021)."""
    squares = np.square(scores.ravel())
    order = np.argsort(-squares, kind="stable")
    result = np.empty_like(squares)
    result[order] = squares[order] / np.maximum(np.cumsum(squares[order]), np.finfo(np.float64).tiny)
    return result.reshape(scores.shape)


def _smallest(scores: np.ndarray, part: float) -> np.ndarray:
    """Which scores are the smallest `part` of all."""
    mask = np.zeros(len(scores), bool)
    mask[np.argsort(scores, kind="stable")[: round(part * len(scores))]] = True
    return mask


def _erase(weights: Weights, mask: np.ndarray, block: tuple[int, int]) -> None:
    value = weights.value
    weights.set(np.where(mask[:, None, :, :, None], 0, _blocks(value, block)).reshape(value.shape))
