"""CRC-32C (Castagnoli), which TensorFlow's and LevelDB's files are checked with, computed in numpy over many lanes at once."""

from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78
MASK_DELTA = 0xA282EAD8
ALL_ONES = np.uint32(0xFFFF_FFFF)

#: Lanes cost a few operations to join; more of them save no time.
MAX_LANES = 1 << 14


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of the bytes."""
    size = len(data)
    start = _advance(np.array([ALL_ONES]), size)[0]
    return int(_remainder(np.frombuffer(data, np.uint8)) ^ start ^ ALL_ONES)


def masked(crc: int) -> int:
    """The checksum as it is stored, so that checksums of data that holds checksums stay good."""
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFF_FFFF


def _remainder(data: np.ndarray) -> np.uint32:
    """The register after the data, from zero.

    Zeros in front leave a register of zeros alone, so the data may be padded to lanes of one length; each has a register of its own, and
    two neighbours are joined by moving the first on over as many zeros as the second is long.
    """
    lanes = min(MAX_LANES, 1 << max(0, len(data).bit_length() - 6))
    length = -(-len(data) // lanes)
    padded = np.concatenate([np.zeros(lanes * length - len(data), np.uint8), data]).reshape(lanes, length)
    registers = np.zeros(lanes, np.uint32)
    table = _table()
    for column in np.ascontiguousarray(padded.T):
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> 8)
    while len(registers) > 1:
        registers = _advance(registers[::2], length) ^ registers[1::2]
        length *= 2
    return np.uint32(registers[0])


@cache
def _table() -> np.ndarray:
    """What a byte does to the register. uint32 [256]."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


def _advance(registers: np.ndarray, count: int) -> np.ndarray:
    """The registers after `count` bytes of zeros."""
    for power in range(count.bit_length()):
        if count >> power & 1:
            registers = _apply(_zeros(power), registers)
    return registers


@cache
def _zeros(power: int) -> np.ndarray:
    """What 2**power bytes of zeros make of each byte of the register, which is linear over GF(2). uint32 [4, 256]."""
    if power == 0:
        bytes_ = np.arange(256, dtype=np.uint32)
        return np.stack([_table(), *(bytes_ << np.uint32(8 * place) for place in range(3))])
    half = _zeros(power - 1)
    return _apply(half, half)


def _apply(zeros: np.ndarray, registers: np.ndarray) -> np.ndarray:
    parts = [table[registers >> np.uint32(8 * place) & 0xFF] for place, table in enumerate(zeros)]
    return parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
