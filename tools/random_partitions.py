"""Partition models at random, let the echo delegate run the parts, and compare the answers with those of the CPU alone.

    python tools/random_partitions.py MODEL... [--count 200] [--fused]

The models take turns, each time with another seed. Integers must be equal, and floats within 1e-5 of an output's range. With --fused
operators may be computed as one where no partition cuts through them, as in everyday use; then floats round otherwise, and a model that
quantizes its activations as it runs (transformer_dyn) makes more of that than 1e-5.
"""

import argparse
import sys
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tachylite.model import codec  # noqa: E402
from tests.delegates.random_partitions import try_one  # noqa: E402

TOLERANCE = 1e-5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--fused", action="store_true")
    arguments = parser.parse_args()
    models = {path: codec.read_file(path) for path in sorted(arguments.models)}
    partitions, worst, failures = 0, 0.0, 0
    for seed, path in zip(range(arguments.count), cycle(models), strict=False):
        outcome = try_one(models[path], seed, arguments.fused)
        partitions, worst = partitions + outcome.partitions, max(worst, outcome.error)
        if not outcome.integers or outcome.error > TOLERANCE:
            failures += 1
            integers = "equal" if outcome.integers else "NOT EQUAL"
            print(f"{path.name} with seed {seed}: integers {integers}, floats {outcome.error:.2e} of the range apart")
    print(
        f"{arguments.count} random partitionings of {len(models)} models, {partitions} partitions: {failures} differ; "
        f"floats at most {worst:.2e} of an output's range apart"
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
