"""FarmHash's 64-bit fingerprint (Google, MIT licence) of many keys of one length at once. LSH_PROJECTION hashes with it."""

import numpy as np

Words = np.ndarray
_K0, _K1, _K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))


def fingerprint64(keys: np.ndarray) -> np.ndarray:
    """keys: uint8 [..., length]; result: uint64 [...]."""
    length = keys.shape[-1]
    with np.errstate(over="ignore"):
        if length <= 16:
            return _up_to_16(keys, length)
        if length <= 32:
            return _up_to_32(keys, length)
        return _up_to_64(keys, length) if length <= 64 else _longer(keys, length)


def _word(keys: np.ndarray, at: int, size: int = 8) -> Words:
    """The little-endian number of `size` bytes at a position, counted from the end where it is negative."""
    at %= keys.shape[-1]
    bytes_ = np.ascontiguousarray(keys[..., at : at + size])
    return bytes_.view(f"<u{size}")[..., 0].astype(np.uint64)


def _rotate(x: Words, bits: int) -> Words:
    """Rotated right."""
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


def _fold(x: Words) -> Words:
    return x ^ (x >> np.uint64(47))


def _mix(u: Words, v: Words, factor: Words | np.uint64) -> Words:
    a = _fold((u ^ v) * factor)
    return _fold((v ^ a) * factor) * factor


def _factor(length: int) -> np.uint64:
    return np.uint64((int(_K2) + 2 * length) % 2**64)


def _up_to_16(keys: np.ndarray, length: int) -> Words:
    factor = _factor(length)
    if length >= 8:
        a, b = _word(keys, 0) + _K2, _word(keys, -8)
        return _mix(_rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor, factor)
    if length >= 4:
        return _mix((_word(keys, 0, 4) << np.uint64(3)) + np.uint64(length), _word(keys, -4, 4), factor)
    if length > 0:
        first, middle, last = (keys[..., i].astype(np.uint64) for i in (0, length // 2, length - 1))
        y, z = first + (middle << np.uint64(8)), np.uint64(length) + (last << np.uint64(2))
        return _fold(y * _K2 ^ z * _K0) * _K2
    return np.full(keys.shape[:-1], _K2)


def _up_to_32(keys: np.ndarray, length: int) -> Words:
    factor = _factor(length)
    a, b, c, d = _word(keys, 0) * _K1, _word(keys, 8), _word(keys, -8) * factor, _word(keys, -16) * _K2
    return _mix(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, factor)


def _up_to_64(keys: np.ndarray, length: int) -> Words:
    factor = _factor(length)
    a, b, c, d = _word(keys, 0) * _K2, _word(keys, 8), _word(keys, -8) * factor, _word(keys, -16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mix(y, a + _rotate(b + _K2, 18) + c, factor)
    e, f = _word(keys, 16) * factor, _word(keys, 24)
    g, h = (y + _word(keys, -32)) * factor, (z + _word(keys, -24)) * factor
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _absorb(block: np.ndarray, a: Words, b: Words) -> tuple[Words, Words]:
    """Mix 32 bytes into a pair of words."""
    w, x, y, z = (_word(block, at) for at in (0, 8, 16, 24))
    a = a + w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    return total + z, b + _rotate(total, 44) + a


def _longer(keys: np.ndarray, length: int) -> Words:
    seed = np.uint64(81)
    x = np.full(keys.shape[:-1], seed) * _K2 + _word(keys, 0)
    y = np.full(keys.shape[:-1], seed * _K1 + np.uint64(113))
    z = _fold(y * _K2 + np.uint64(113)) * _K2
    v = w = (np.zeros_like(x), np.zeros_like(x))
    for start in range(0, length - 1 - 63, 64):
        x, y, z, v, w = _round(keys[..., start : start + 64], x, y, z, v, w, _K1, 1)
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    # The last 64 bytes, which overlap what came before.
    w0 = w[0] + np.uint64((length - 1) & 63)
    v0 = v[0] + w0
    x, y, z, v, w = _round(keys[..., -64:], x, y, z, (v0, v[1]), (w0 + v0, w[1]), factor, 9)
    return _mix(_mix(v[0], w[0], factor) + _fold(y) * _K0 + z, _mix(v[1], w[1], factor) + x, factor)


Pair = tuple[Words, Words]


def _round(
    block: np.ndarray, x: Words, y: Words, z: Words, v: Pair, w: Pair, factor: Words | np.uint64, weight: int
) -> tuple[Words, Words, Words, Pair, Pair]:
    """Mix 64 bytes into the state."""
    times = np.uint64(weight)
    x = _rotate(x + y + v[0] + _word(block, 8), 37) * factor
    y = _rotate(y + v[1] + _word(block, 48), 42) * factor
    x = x ^ (w[1] * times)
    y = y + v[0] * times + _word(block, 40)
    z = _rotate(z + w[0], 33) * factor
    v = _absorb(block[..., :32], v[1] * factor, x + w[0])
    w = _absorb(block[..., 32:], z + w[1], y + _word(block, 16))
    return z, y, x, v, w
