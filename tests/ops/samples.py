"""Sample tensors of every element type, the same at each run."""

from typing import Any

import numpy as np

from tachylite.model.dtypes import STRING


def sample(dtype: Any, *shape: int, seed: int = 0) -> np.ndarray:
    """Elements of small size and either sign, as far as the type has them; strings of different lengths."""
    numbers = np.random.default_rng([seed, *shape]).integers(-8, 8, shape)
    dtype = np.dtype(dtype)
    if dtype == STRING:
        return np.array([b"%d" % n for n in numbers.ravel()], STRING).reshape(shape)
    if dtype.kind in "ub":
        numbers = abs(numbers) if dtype.kind == "u" else numbers > 0
    return (numbers / 2 if dtype.kind in "fc" else numbers).astype(dtype)
