"""Random numbers, all from counter-based generators: the same seed gives the numbers that TensorFlow and TensorFlow Lite give."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .arguments import new_shape, scalar, settle, vector
from .registry import Context, OpDef, Spec, register

_LOW, _HIGH = np.uint64(0xFFFFFFFF), np.uint64(32)


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The low and the high 32 bits of uint64 numbers."""
    return (x & _LOW).astype(np.uint32), (x >> _HIGH).astype(np.uint32)


def philox(key: np.uint64, counter: np.ndarray, stream: np.uint64) -> np.ndarray:
    """Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011).

    The counter of a block is `counter` below and `stream` above. counter: uint64 [n]. Returns uint32 [n, 4].
    """
    words = [*_halves(counter), *(np.broadcast_to(half, counter.shape) for half in _halves(np.asarray(stream)))]
    keys = [int(half) for half in _halves(np.asarray(key))]
    for _ in range(10):
        low_0, high_0 = _halves(words[0].astype(np.uint64) * np.uint64(0xD2511F53))
        low_1, high_1 = _halves(words[2].astype(np.uint64) * np.uint64(0xCD9E8D57))
        words = [high_1 ^ words[1] ^ np.uint32(keys[0]), low_1, high_0 ^ words[3] ^ np.uint32(keys[1]), low_0]
        keys = [(k + weyl) & 0xFFFFFFFF for k, weyl in zip(keys, (0x9E3779B9, 0xBB67AE85), strict=True)]
    return np.stack(words, axis=-1)


def threefry(key: np.uint64, counter: np.ndarray) -> np.ndarray:
    """Threefry2x32-20, of the same paper. counter: uint64 [n]. Returns uint32 [n, 2]."""
    key_0, key_1 = (half.reshape(1) for half in _halves(np.asarray(key)))
    keys = (key_0, key_1, key_0 ^ key_1 ^ np.uint32(0x1BD11BDA))
    x, y = _halves(counter)
    x, y = x + keys[0], y + keys[1]
    for i in range(5):
        for turn in (13, 15, 26, 6) if i % 2 == 0 else (17, 29, 16, 24):
            x = x + y
            y = (y << np.uint32(turn) | y >> np.uint32(32 - turn)) ^ x
        x, y = x + keys[(i + 1) % 3], y + keys[(i + 2) % 3] + np.uint32(i + 1)
    return np.stack([x, y], axis=-1)


@dataclass
class _Stream:
    """Where an operator stands in its stream of Philox blocks."""

    key: np.uint64
    stream: np.uint64
    block: int = 0

    def words(self, count: int) -> np.ndarray:
        """The next `count` words, uint32. What is left of the last block is thrown away."""
        blocks = -(-count // 4)
        counter = np.arange(blocks, dtype=np.uint64) + np.uint64(self.block)
        self.block += blocks
        return philox(self.key, counter, self.stream).ravel()[:count]


def _stream(op: Operator, context: Context) -> _Stream:
    """The operator's stream, which goes on from run to run. Two zero seeds ask for one that nobody can foresee."""
    if op not in context.state:
        # TensorFlow Lite keeps 32 bits of a seed, with their sign.
        seeds = np.array([op.options.seed, op.options.seed2], np.int64).astype(np.int32)
        words = seeds.astype(np.uint64) if seeds.any() else np.random.default_rng().integers(0, 2**64, 2, np.uint64)
        context.state[op] = _Stream(*words)
    return context.state[op]


def _uniform(words: np.ndarray) -> np.ndarray:
    """float32 in [0, 1) from the low 23 bits of each word."""
    return ((words & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)


def _uniform_double(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1) from 52 bits of each pair of words, of which the first is the high one. words: uint32 [..., 2]."""
    bits = words[..., 1] | (words[..., 0] & np.uint32(0xFFFFF)).astype(np.uint64) << _HIGH
    return (bits | np.uint64(0x3FF << 52)).view(np.float64) - 1


def _infer_random(op: Operator, shape: Spec) -> Spec | None:
    dimensions = vector(op, "the dimensions", shape)
    if any(t.dtype != np.float32 for t in op.outputs):
        raise op.error(f"the output is {op.outputs[0].dtype}, it must be float32; insert a CAST behind it")
    return None if dimensions is None else Spec(new_shape(op, dimensions), np.dtype(np.float32))


def random_uniform(op: Operator, context: Context, shape: np.ndarray) -> np.ndarray:
    """shape: int32 [rank]. Returns float32 in [0, 1)."""
    result = settle(_infer_random, op, shape).shape
    return _uniform(_stream(op, context).words(prod(result))).reshape(result)


def random_standard_normal(op: Operator, context: Context, shape: np.ndarray) -> np.ndarray:
    """shape: int32 [rank]. Returns float32; Box and Muller's transformation of pairs of uniform numbers."""
    result = settle(_infer_random, op, shape).shape
    count = prod(result)
    uniform = _uniform(_stream(op, context).words(count + count % 2))
    radius = np.sqrt(np.float32(-2) * np.log(np.maximum(uniform[::2], np.float32(1e-7))))
    angle = (2 * np.pi * uniform[1::2].astype(np.float64)).astype(np.float32)
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=-1).ravel()[:count].reshape(result)


def _infer_multinomial(op: Operator, logits: Spec, samples: Spec) -> Spec | None:
    if logits.dtype != np.float32 or logits.rank != 2 or not logits.shape[1]:
        raise op.error(f"the logits are {logits.dtype}{list(logits.shape)}, they must be float32 [batch, classes]")
    count = scalar(op, "the number of samples", samples)
    dtype = op.outputs[0].dtype if op.outputs else np.dtype(np.int64)
    if dtype not in (np.int32, np.int64):
        raise op.error(f"the output is {dtype}, it must be int32 or int64; insert a CAST behind it")
    return None if count is None else Spec(new_shape(op, (logits.shape[0], count)), dtype)


def multinomial(op: Operator, context: Context, logits: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """logits: float32 [batch, classes], of which those that are not finite are never drawn; samples: int32 []. Returns [batch, samples]."""
    result, stream = settle(_infer_multinomial, op, logits, samples), _stream(op, context)
    batch, count = result.shape
    start = stream.block
    draws = _uniform_double(stream.words(batch * count * 2).reshape(batch, count, 2))
    # TensorFlow moves on by a fixed number of blocks, enough for any way of sampling.
    stream.block = start + batch * (-(-count // 4) * 4) * 2 * 256
    finite = np.isfinite(logits)
    peak = logits.max(axis=1, keepdims=True, initial=np.finfo(np.float32).min, where=finite).astype(np.float64)
    odds = np.exp(np.where(finite, logits - peak, -np.inf)).cumsum(axis=1)
    classes = [np.searchsorted(row, draw * row[-1], side="right") for row, draw in zip(odds, draws, strict=True)]
    return np.array(classes, result.dtype).reshape(result.shape)


_WORDS = {np.dtype(t): np.dtype(t).itemsize // 4 for t in (np.int32, np.uint32, np.int64, np.uint64)}


def _infer_bits(op: Operator, state: Spec) -> list[Spec]:
    sizes = {"THREEFRY": (2,)}.get(op.options.algorithm, (2, 3))
    if state.dtype != np.uint64 or state.rank != 1 or state.shape[0] not in sizes:
        raise op.error(
            f"the state is {state.dtype}{list(state.shape)}, {op.options.algorithm} needs uint64 of {' or '.join(map(str, sizes))}"
        )
    if len(op.outputs) != 2:
        raise op.error(f"has {len(op.outputs)} outputs, it needs 2: the new state, and the tensor to fill")
    bits = op.outputs[1]
    if bits.dtype not in _WORDS:
        raise op.error(f"the output is {bits.dtype}, it must be int32, uint32, int64 or uint64")
    return [Spec(state.shape, state.dtype), Spec(bits.shape, bits.dtype)]


def rng_bit_generator(op: Operator, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """state: uint64 [2] (key, counter), or for Philox [3] (key, counter, stream). Returns the new state and random bits."""
    output = op.outputs[1]
    words = output.size * _WORDS[output.dtype]
    per_block = 2 if op.options.algorithm == "THREEFRY" else 4
    blocks = -(-words // per_block)
    counter = state[1] + np.arange(blocks, dtype=np.uint64)
    bits = threefry(state[0], counter) if per_block == 2 else philox(state[0], counter, state[2 if len(state) == 3 else 0])
    new_state = state + np.array([0, blocks, 0], np.uint64)[: len(state)]
    return new_state, bits.ravel()[:words].view(output.dtype).reshape(output.shape)


def _register(name: str, infer: Any, reference: Any, variants: tuple[str, ...]) -> None:
    register(OpDef(name, infer, reference, "RandomOptions", variants, context=True))


_register("RANDOM_UNIFORM", _infer_random, random_uniform, ("f32",))
_register("RANDOM_STANDARD_NORMAL", _infer_random, random_standard_normal, ("f32",))
_register("MULTINOMIAL", _infer_multinomial, multinomial, ("i32", "i64"))
register(
    OpDef(
        "STABLEHLO_RNG_BIT_GENERATOR",
        infer=_infer_bits,
        reference=rng_bit_generator,
        options="StablehloRngBitGeneratorOptions",
        variants=("i32", "u32", "i64", "u64"),
    )
)
