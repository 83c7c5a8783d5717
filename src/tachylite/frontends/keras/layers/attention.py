"""Attention: scores of queries and keys, as weights of values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.keras.dense import fully_connected
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.shaping import ints, open_shape, reshape, size_of, transpose
from tachylite.model.graph import Tensor

#: Takes a masked score out of a softmax.
MASKED = -1e9


def axis(value: int) -> np.ndarray:
    """An axis as an operand."""
    return np.array(value, np.int32)


# Masks: bool, [..., queries, keys]. Those that are the same for every input are constants.


def both(self: Layer, masks: Sequence[Tensor | np.ndarray | None]) -> Tensor | np.ndarray | None:
    """Where all of the masks hold."""
    result: Any = None
    for mask in masks:
        if result is None or mask is None:
            result = mask if result is None else result
        elif isinstance(result, np.ndarray) and isinstance(mask, np.ndarray):
            result = result & mask
        else:
            result = self.build.LOGICAL_AND(result, mask)
    return result


def distances(self: Layer, query: Tensor, key: Tensor) -> Tensor | np.ndarray:
    """int32 [1, queries, keys]: how far each query stands behind each key."""
    queries, keys = size_of(self.build, query, 1), size_of(self.build, key, 1)
    if isinstance(queries, int) and isinstance(keys, int):
        return np.subtract.outer(np.arange(queries), np.arange(keys))[None].astype(np.int32)
    rows, columns = (self.build.RANGE(axis(0), n if isinstance(n, Tensor) else axis(n), axis(1)) for n in (queries, keys))
    return self.build.EXPAND_DIMS(self.build.SUB(self.build.EXPAND_DIMS(rows, axis(1)), columns), axis(0))


def causal_mask(self: Layer, query: Tensor, key: Tensor) -> Tensor | np.ndarray:
    """No query sees a later key."""
    distance = distances(self, query, key)
    return distance >= 0 if isinstance(distance, np.ndarray) else self.build.GREATER_EQUAL(distance, axis(0))


def window_mask(self: Layer, query: Tensor, key: Tensor, width: int) -> Tensor | np.ndarray:
    """No query sees keys at this distance or further."""
    distance = distances(self, query, key)
    return np.abs(distance) < width if isinstance(distance, np.ndarray) else self.build.LESS(self.build.ABS(distance), axis(width))


def as_bool(self: Layer, mask: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """A mask given as numbers."""
    if mask.dtype == np.bool_:
        return mask
    zero = np.array(0, mask.dtype)
    return mask != zero if isinstance(mask, np.ndarray) else self.build.NOT_EQUAL(mask, zero)


def attend(self: Layer, scores: Tensor, values: Tensor, mask: Tensor | np.ndarray | None) -> tuple[Tensor, Tensor]:
    """The sums of values weighted by the softmax of the scores, and the weights. A mask that is wider by heads is given so."""
    if isinstance(mask, np.ndarray):
        scores = self.build.ADD(scores, np.where(mask, 0, MASKED).astype(np.float32))
    elif mask is not None:
        scores = self.build.SELECT_V2(mask, scores, scalar(MASKED))
    weights = self.build.SOFTMAX(scores, beta=1.0)
    return self.build.BATCH_MATMUL(weights, values), weights


# Heads.


@layer("MultiHeadAttention", mask="own")
def multi_head_attention(self: Layer, query: Tensor, value: Tensor, key: Tensor | None = None, **kwargs: Any) -> Any:
    """query: [n, queries, c]; value, key: [n, keys, c]."""
    if len(query.shape) != 3 or self.get("attention_axes", [1]) not in ([1], [-2], 1):
        raise self.refuse(
            f"it attends over axes {self.get('attention_axes')} of rank {len(query.shape)}", "Reshape to [batch, steps, features]"
        )
    heads = self.config["num_heads"]
    return heads_attend(self, query, value, key, (heads, heads), self.config["key_dim"], **kwargs)


@layer("GroupedQueryAttention", "GroupQueryAttention", mask="own")
def grouped_query_attention(self: Layer, query: Tensor, value: Tensor, key: Tensor | None = None, **kwargs: Any) -> Any:
    """Several heads of queries share one of keys and values."""
    heads = self.config["num_query_heads"], self.config["num_key_value_heads"]
    return heads_attend(self, query, value, key, heads, self.config["head_dim"], **kwargs)


def heads_attend(
    self: Layer,
    query: Tensor,
    value: Tensor,
    key: Tensor | None,
    heads: tuple[int, int],
    size: int,
    attention_mask: Any = None,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
    **masks: Any,
) -> Any:
    """heads: of queries, and of keys and values; size: of a head's queries. The factor of the scores is in the queries' weights."""
    mask = _mask_of(self, query, value, key, attention_mask, use_causal_mask, masks)
    key = value if key is None else key
    q = split_heads(self, query, "query", heads[0], scale=1 / np.sqrt(size))
    k = repeat_heads(self, split_heads(self, key, "key", heads[1]), heads)
    gate = project(self, query, "gate") if self.get("use_gate", False) else None
    v = repeat_heads(self, split_heads(self, value, "value", heads[1]), heads)
    y, weights = attend(self, self.build.BATCH_MATMUL(q, k, adj_y=True), v, mask)
    y = transpose(self.build, y, [0, 2, 1, 3])
    y = reshape(self.build, y, [*open_shape(self.build, query, 0, 2), y.shape[2] * y.shape[3]])
    if gate is not None:
        y = self.build.MUL(y, self.build.LOGISTIC(gate))
    y = project(self, y, "output", inputs=2)
    if query in self.masks:
        self.masks[y] = self.masks[query]
    return [y, weights] if return_attention_scores else y


def project(self: Layer, x: Tensor, part: str, inputs: int = 1, scale: float = 1.0) -> Tensor:
    """x through one of the layer's projections. inputs: how many dimensions of its kernel are summed over."""
    kernel, *bias = self.take(1 + self.get("use_bias", True), f"{part}_dense")
    matrix = kernel.reshape(int(np.prod(kernel.shape[:inputs])), -1) * np.float32(scale)
    return fully_connected(self, x, matrix, bias[0].reshape(-1) * np.float32(scale) if bias else None, name=f"{part}/")


def split_heads(self: Layer, x: Tensor, part: str, heads: int, scale: float = 1.0) -> Tensor:
    """The projection of x by head: [n, heads, steps, size]."""
    y = project(self, x, part, scale=scale)
    apart = reshape(self.build, y, [*open_shape(self.build, x, 0, 2), heads, y.shape[2] // heads])
    return transpose(self.build, apart, [0, 2, 1, 3])


def repeat_heads(self: Layer, x: Tensor, heads: tuple[int, int]) -> Tensor:
    """Each head as often as it is shared."""
    many, few = heads
    if many == few:
        return x
    return self.build.GATHER(x, np.repeat(np.arange(few, dtype=np.int32), many // few), axis=1)


def _mask_of(
    self: Layer, query: Tensor, value: Tensor, key: Tensor | None, given: Any, is_causal: bool, explicit: dict[str, Any]
) -> Tensor | np.ndarray | None:
    """All masks of a call in one, [n, 1, queries, keys]."""
    masks: list[Any] = [None if given is None else as_bool(self, given)]
    for name, tensor, place in (("query_mask", query, -1), ("value_mask", value, -2), ("key_mask", key, -2)):
        mask = explicit.get(name, None if tensor is None else self.masks.get(tensor))
        masks.append(None if mask is None else self.build.EXPAND_DIMS(mask, axis(place)))
    if is_causal:
        masks.append(causal_mask(self, query, value))
    if self.config.get("sliding_window") is not None:
        masks.append(window_mask(self, query, value, self.config["sliding_window"]))
    mask = both(self, masks)
    if mask is None or len(mask.shape) == 4:
        return mask
    return mask[:, None] if isinstance(mask, np.ndarray) else self.build.EXPAND_DIMS(mask, axis(1))


# Without heads.


@layer("Attention", "AdditiveAttention", mask="own")
def attention(
    self: Layer, inputs: Sequence[Tensor], mask: Any = None, use_causal_mask: bool = False, return_attention_scores: bool = False
) -> Any:
    """inputs: queries [n, queries, c], values [n, keys, c] and, unless they are the values, keys."""
    query, value, *keys = inputs
    key = keys[0] if keys else value
    query_mask, value_mask = mask[:2] if mask is not None else (self.masks.get(query), self.masks.get(value))
    causal = causal_mask(self, query, key) if use_causal_mask or self.get("causal", False) else None
    allowed = both(self, [None if value_mask is None else self.build.EXPAND_DIMS(value_mask, axis(-2)), causal])
    y, weights = attend(self, _scores(self, query, key), value, allowed)
    if query_mask is not None:
        kept = self.build.CAST(self.build.EXPAND_DIMS(query_mask, axis(-1)), in_data_type="BOOL", out_data_type="FLOAT32")
        y = self.build.MUL(y, kept)
        self.masks[y] = query_mask
    return [y, weights] if return_attention_scores else y


def _scores(self: Layer, query: Tensor, key: Tensor) -> Tensor:
    """[n, queries, keys]: products, or sums of tanh(query + key)."""
    is_additive = self.class_name == "AdditiveAttention"
    is_concat = self.config.get("score_mode") == "concat"
    weights = iter(self.take(bool(self.get("use_scale", is_additive)) + is_concat))
    scale = next(weights) if self.get("use_scale", is_additive) else None
    if not is_additive and not is_concat:
        scores = self.build.BATCH_MATMUL(query, key, adj_y=True)
        return scores if scale is None else self.build.MUL(scores, self.build.constant(scale, "scale"))
    pairs = self.build.ADD(self.build.EXPAND_DIMS(query, axis(-2)), self.build.EXPAND_DIMS(key, axis(-3)))
    if is_concat and scale is not None:
        pairs = self.build.MUL(pairs, self.build.constant(scale, "scale"))
    bent = self.build.TANH(pairs)
    factor = next(weights) if is_concat else scale
    if factor is not None:
        bent = self.build.MUL(bent, self.build.constant(factor, "scale"))
    return self.build.SUM(bent, ints(-1), keep_dims=False)
