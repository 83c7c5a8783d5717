"""Read handwritten digits with a float net, converted from its Keras file, and with its int8 twin: what `make demo` runs."""

from pathlib import Path

import numpy as np
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

import tachylite
from tachylite.model import codec
from tachylite.runtime.loaded import LoadedModel

HERE = Path(__file__).parent
NETS = {"float": "digits.keras", "int8": "digits_int8.tflite"}
SHADES = " ░▒▓█"


def classify(net: LoadedModel, ink: np.ndarray) -> np.ndarray:
    """The digit that the net sees in each scan. ink: float32 [n, 8, 8, 1], from 0 to 1."""
    source = net.model.graph.inputs[0]
    if source.is_quantized:
        # An int8 net takes steps of its input's scale.
        ink = np.round(ink / source.scale + source.zero_point).clip(-128, 127).astype(np.int8)
    return net(ink).argmax(axis=1)


def drawing(scan: np.ndarray) -> str:
    """A scan, 8x8 with ink from 0 to 16, as eight lines of text; every pixel is two characters wide."""
    return "\n".join("".join(SHADES[(ink + 3) // 4] * 2 for ink in row) for row in scan)


def card(scan: np.ndarray, label: int, answers: list[int]) -> Panel:
    """A scan as the nets see it, and what they say that it is."""
    said = ", ".join(str(answer) for answer in dict.fromkeys(answers))
    return Panel(
        drawing(scan), title=f"a {label}", subtitle=f"read as {said}", border_style="green" if said == str(label) else "red", padding=0
    )


def main() -> None:
    """Classify the held-out scans with both nets, and show how well and some of them."""
    console = Console()
    held_out = np.load(HERE / "held_out.npz")
    scans, labels = held_out["scans"], held_out["labels"]
    ink = scans[..., None].astype(np.float32) / 16

    console.print(f"\nTwo nets read {len(scans)} handwritten digits that they were not trained on.\n")
    answers, table = {}, Table()
    for column in ("net", "file", "size", "right"):
        table.add_column(column, justify="left" if column in ("net", "file") else "right")
    for name, file in NETS.items():
        model = tachylite.convert(HERE / file) if file.endswith(".keras") else codec.read_file(HERE / file)
        net = tachylite.load(model)
        answers[name] = classify(net, ink)
        table.add_row(name, file, f"{len(model.to_bytes()) / 1000:.1f} kB", f"{np.mean(answers[name] == labels):.1%}")
    console.print(table)
    agree = np.mean(answers["float"] == answers["int8"])
    console.print(f"The two nets agree on {agree:.1%} of the scans.\n")

    right = np.all([answer == labels for answer in answers.values()], axis=0)
    one_of_each = [np.flatnonzero(right & (labels == digit))[0] for digit in range(10)]
    for title, chosen in (("Read right, one of each:", one_of_each), ("Misread:", np.flatnonzero(~right)[:4])):
        console.print(title)
        console.print(Columns([card(scans[i], labels[i], [answer[i] for answer in answers.values()]) for i in chosen]))


if __name__ == "__main__":
    main()
