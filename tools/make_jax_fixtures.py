"""Write tests/frontends/data/jax.npz: small exported functions with JAX's answers. Needs jax and flax, which the tests do not.

python tools/make_jax_fixtures.py
"""
# mypy: disable-error-code="misc, no-any-return, untyped-decorator"

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from tachylite.frontends.stablehlo.reader import read

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "tests" / "frontends" / "data" / "jax.npz"
random = np.random.default_rng(7)

#: A name, a function, example inputs, and their shapes with names for unknown dimensions, where there are such.
Case = tuple[str, Callable[..., Any], list[np.ndarray]] | tuple[str, Callable[..., Any], list[np.ndarray], list[str]]


def floats(*shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


def applied(module: nn.Module, example: np.ndarray) -> Callable[..., Any]:
    """A flax module as a function of its input, with weights that no initializer gives."""
    weights = jax.tree.map(lambda w: w + 0.2 * np.abs(floats(*w.shape)), module.init(jax.random.key(0), example))
    return lambda x: module.apply(weights, x)


class Perceptron(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.softmax(nn.Dense(3)(nn.relu(nn.Dense(8)(x))))


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.BatchNorm(use_running_average=True)(nn.relu(nn.Conv(4, (3, 3), strides=2)(x)))
        x = nn.relu6(nn.Conv(8, (3, 3), feature_group_count=4, padding="VALID")(x))
        x = nn.avg_pool(nn.max_pool(x, (2, 2), strides=(2, 2), padding="SAME"), (2, 2))
        return nn.Dense(3)(x.mean((1, 2)))


class Attention(nn.Module):
    is_approximate: bool = True

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(num_heads=2)(y, y)
        y = nn.gelu(nn.Dense(16)(nn.LayerNorm()(x)), approximate=self.is_approximate)
        return x + nn.Dense(8)(y)


class Upward(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.swish(nn.ConvTranspose(4, (3, 3), strides=(2, 2))(x))
        x = nn.GroupNorm(2)(nn.ConvTranspose(4, (2, 2), strides=(2, 2), padding="VALID")(x))
        return nn.Conv(2, (3,), kernel_dilation=2)(x.reshape(x.shape[0], -1, 4))


class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.RNN(nn.LSTMCell(6))(x), nn.RNN(nn.GRUCell(6))(x)


def nets() -> Iterator[Case]:
    row, picture, sequence = floats(2, 5), floats(2, 16, 16, 3), floats(2, 4, 8)
    yield "perceptron", applied(Perceptron(), row), [row], ["b, 5"]
    yield "convolutional", applied(Convolutional(), picture), [picture], ["b, 16, 16, 3"]
    yield "attention", applied(Attention(), sequence), [sequence]
    yield "attention_of_any_length", applied(Attention(), sequence), [sequence], ["b, t, 8"]
    yield "exact_gelu", applied(Attention(is_approximate=False), sequence), [sequence]
    yield "upward", applied(Upward(), small := floats(2, 5, 4, 3)), [small]
    yield "recurrent", applied(Recurrent(), steps := floats(2, 5, 4)), [steps]
    numbers = np.array([[1, 2, 9], [0, 3, 3]], np.int32)
    yield "embedding", applied(nn.Embed(10, 4), numbers), [numbers]


def elementwise() -> Iterator[Case]:
    x = floats(4, 6)
    yield "functions", lambda x: (jnp.tanh(x), jnp.exp(x), jnp.log1p(abs(x)), jnp.expm1(x), jnp.sign(x), jnp.cbrt(x), jnp.tan(x)), [x]
    yield "rounding", lambda x: (jnp.floor(x), jnp.ceil(x), jnp.round(x), lax.round(x), jnp.mod(x, 0.7), lax.rem(x, jnp.float32(0.7))), [x]
    yield (
        "activations",
        lambda x: (jax.nn.silu(x), jax.nn.softplus(x), jax.nn.elu(x), jax.nn.selu(x), lax.erf(x)),
        [x],
    )
    yield "powers", lambda x: (x**2, x**3, abs(x) ** 0.5, jnp.sqrt(abs(x)), lax.rsqrt(abs(x)), jnp.arctan2(x, x + 1)), [x]
    yield "choices", lambda x: (jnp.clip(x, -0.5, 0.5), jnp.where(x > 0, x, 0.0), jnp.maximum(x, x[0]), jnp.isfinite(x)), [x]
    i = np.array([-5, -1, 0, 1, 4, 5], np.int32)
    yield "integers", lambda i: (i // 3, i % 3, lax.rem(i, 3), lax.div(i, 2), jnp.abs(i), i.astype("float32") / 2), [i]
    yield "booleans", lambda i: ((i > 1) & (i < 4) | (i == 5), ~(i > 1), (i > 1) ^ (i > 0), (i > 1) <= (i > 0)), [i]


def reductions() -> Iterator[Case]:
    x = floats(4, 6)
    yield "reductions", lambda x: (x.sum(), x.max(0), x.min(1, keepdims=True), x.prod(1), (x > 0).any(0), (x > 0).all(1), x.std(0)), [x]
    yield "initial_values", lambda x: (jnp.sum(x, 1, initial=2.0), jnp.max(x, 0, initial=0.5)), [x]
    yield "positions", lambda x: (jnp.argmax(x, 0), jnp.argmin(x, 1), jnp.argsort(x, 1), lax.top_k(x, 3)), [x]
    yield "orders", lambda x: (jnp.sort(x, 0), -jnp.sort(-x, 1), jnp.cumsum(x, 1), lax.cumsum(x, 0, reverse=True)), [x]
    picture = floats(2, 9, 8, 3)
    yield "pools", pools, [picture]
    yield "pool_of_one_axis", lambda y: lax.reduce_window(y, 0.0, lax.add, (1, 2, 1, 1), (1, 2, 1, 1), "VALID"), [picture]


def pools(x: Any) -> Any:
    window, strides = (3, 3), (2, 2)
    least = lax.reduce_window(x, jnp.inf, lax.min, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    means = [nn.avg_pool(x, window, strides, "SAME", count_include_pad=counts) for counts in (True, False)]
    return *means, nn.max_pool(x, (2, 3), strides), least


def shapes() -> Iterator[Case]:
    x = floats(4, 6)
    yield "order", lambda x: (x.reshape(2, 2, 6), x.T, jnp.flip(x, 0), jnp.roll(x, 2, 1), jnp.tile(x, (2, 1)), jnp.repeat(x, 2, 1)), [x]
    yield "pads", lambda x: (jnp.pad(x, ((1, 2), (0, 1))), jnp.pad(x, 1, mode="reflect"), lax.pad(x, 2.0, ((0, -1, 1), (-1, 2, 0)))), [x]
    yield "parts", lambda x: (jnp.concatenate([x, x + 1], 1), jnp.stack([x, x], 1), *jnp.split(x, 3, 1), x[1:3, ::2], x[1], x[:, -1]), [x]
    yield "ranges", lambda x: (jnp.arange(6.0) + x, jnp.tril(jnp.ones((4, 6))) * x, jnp.broadcast_to(x[:, None], (4, 3, 6))), [x]
    yield "open_sizes", open_sizes, [x], ["b, 6"]
    i = np.array([0, 1, 3, 2], np.int32)
    yield "gathers", lambda x, i: (x[i], x[:, i], x[i, i], jnp.take_along_axis(x, i[:, None], 1), jnp.take(x, i, 1), x[i[0]]), [x, i]
    yield "clipped", lambda x, i: (jnp.take(x, i, axis=1, mode="clip"), jnp.take(x, i, axis=0, mode="wrap")), [x, i * 3 - 2]
    yield "updates", updates, [x, np.array(2, np.int32)]
    yield "resize", lambda y: [jax.image.resize(y, (2, 18, 16, 3), mode) for mode in ("bilinear", "nearest")], [floats(2, 9, 8, 3)]


def open_sizes(x: Any) -> Any:
    rows = x.shape[0]
    joined = jnp.concatenate([x, x], 0), jnp.arange(rows), x[1:], jnp.broadcast_to(x[0], x.shape)
    return x.reshape(-1), x.reshape(rows, 2, 3), jnp.ones_like(x), x / rows, x @ x.T, *joined


def updates(x: Any, i: Any) -> Any:
    sliced = lax.dynamic_slice(x, (i, 1), (2, 3)), lax.dynamic_index_in_dim(x, i, 0)
    return lax.dynamic_update_slice(x, jnp.ones((2, 2)), (i, i)), x.at[1].set(0.0), x.at[1:3, 2].set(5.0), *sliced


def linear() -> Iterator[Case]:
    x, picture = floats(4, 6), floats(2, 9, 8, 3)
    yield "sums", lambda x: [jnp.einsum(e, x, x) for e in ("ab,cb->ac", "ab,ab->a", "ab,cd->dcab")], [x]
    yield "products", lambda x: (x @ x.T, x[0] @ x[1], jnp.einsum("abc,dbc->bad", *[x.reshape(2, 2, 6)] * 2)), [x]
    first, whole, grouped = floats(4, 3, 3, 2), floats(3, 3, 3, 4), floats(3, 3, 1, 6)
    last = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    yield (
        "convolutions",
        lambda y: (
            lax.conv_general_dilated(y.transpose(0, 3, 1, 2), first, (2, 1), [(1, 2), (0, 1)], rhs_dilation=(1, 2)),
            lax.conv_general_dilated(y, grouped, (1, 1), "SAME", feature_group_count=3, **last),
        ),
        [picture],
    )
    yield (
        "transposed",
        lambda y: (
            lax.conv_general_dilated(y, whole, (1, 1), [(1, 2), (2, 0)], lhs_dilation=(2, 3), **last),
            lax.conv_transpose(y, whole[:2, :2], (3, 3), "VALID", **last),
        ),
        [picture],
    )


def control() -> Iterator[Case]:
    x = floats(4, 6)
    yield "branches", lambda x: lax.cond(x[0, 0] > 0, lambda a: a + 1, lambda a: a * x[1, 0], x), [x]
    yield "counted", lambda x: lax.fori_loop(0, 3, lambda i, c: c * 0.5 + x[i], x[0]), [x]
    yield "as_long_as", lambda x: lax.while_loop(lambda c: c.sum() < 50, lambda c: c * 2 + 1, jnp.abs(x)), [x]
    yield "scanned", lambda x: lax.scan(lambda c, row: (c * 0.5 + row, c), jnp.zeros(6), x), [x]


def main() -> None:
    sys.path.insert(0, str(ROOT))
    packed = importlib.import_module("tests.frontends.plain").packed
    contents: dict[str, Any] = {}
    for family in (nets, elementwise, reductions, shapes, linear, control):
        for name, function, inputs, *named in family():
            scope = export.SymbolicScope()
            dims = [export.symbolic_shape(text, scope=scope) for text in named[0]] if named else [x.shape for x in inputs]
            arguments = [jax.ShapeDtypeStruct(shape, x.dtype) for shape, x in zip(dims, inputs, strict=True)]
            contents |= packed(read(export.export(jax.jit(function))(*arguments)), name)
            contents |= {f"{name}/in_{i}": x for i, x in enumerate(inputs)}
            contents |= {f"{name}/out_{i}": np.asarray(y) for i, y in enumerate(jax.tree.leaves(jax.jit(function)(*inputs)))}
    np.savez_compressed(TARGET, **contents)


if __name__ == "__main__":
    main()
