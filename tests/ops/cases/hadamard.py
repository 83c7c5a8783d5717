"""Cases of the Hadamard rotation."""

from collections.abc import Iterator

import numpy as np

from tachylite.model import flexbuffer

from ..harness import Case, case

rng = np.random.default_rng(0)


def _matrix(size: int) -> np.ndarray:
    """Sylvester's Hadamard matrix: the sign is the parity of the bits that row and column have in common."""
    parity = [[(row & column).bit_count() % 2 for column in range(size)] for row in range(size)]
    return (1 - 2 * np.array(parity)) / np.sqrt(size)


def cases() -> Iterator[Case]:
    """LiteRT's reference resolver lacks this operator; its definition, the matrix, gives the answer."""
    for size, shape in ((1, (3, 2)), (4, (2, 5, 8)), (32, (7, 32)), (128, (1, 2, 256))):
        x = rng.normal(size=shape).astype(np.float32)
        options = flexbuffer.write({"hadamard_size": size, "random_binary_vector": [1] * size})
        expected = (x.reshape(-1, size) @ _matrix(size)).reshape(shape).astype(np.float32)
        yield case(f"f32_{size}", "aeq.hadamard_rotation", x, custom_options=options, expected=[expected])
