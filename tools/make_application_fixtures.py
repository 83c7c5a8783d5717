"""Write tests/frontends/data/applications.tar.xz: one small member of each family of keras.applications, and what Keras answers.

Needs an environment with keras and a backend: `python tools/make_application_fixtures.py`. `--all DIR [NAME ...]` writes all members, or
those named, as .keras files with their answers, for `--check DIR`, which needs Tachylite and no Keras.
"""

import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from tests.frontends import applications  # noqa: E402

TARGET = ROOT / "tests" / "frontends" / "data" / "applications.tar.xz"

SMALL = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "DenseNet121": 32,
    "InceptionV3": 75,
    "Xception": 71,
    "NASNetMobile": 32,
    "ConvNeXtTiny": 32,
    "VGG16": 32,
}
"""One of each family, and the side of a picture that it takes at least."""

DAMPED = 0.7
"""Gain of the filters of the deep ones: with 1 the last bit of the picture decides what some of them answer."""

OTHERS = {
    "MobileNetV3Large": 32,
    "ResNet101": 32,
    "ResNet152": 32,
    "ResNet101V2": 32,
    "ResNet152V2": 32,
    "DenseNet169": 32,
    "DenseNet201": 32,
    "InceptionResNetV2": 75,
    "NASNetLarge": 32,
    "VGG19": 32,
    **{f"EfficientNetB{i}": 32 for i in range(1, 8)},
    **{f"EfficientNetV2{i}": 32 for i in ("B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{i}": 32 for i in ("Small", "Base", "Large", "XLarge")},
}


def saved(name: str, side: int) -> tuple[dict[str, bytes], bytes]:
    """The files that describe a model with Keras's answer, and the model as a .keras file with weights."""
    import keras

    # Without the last softmax, which would make ones and zeros of the logits that random weights give.
    model = getattr(keras.applications, name)(weights=None, classes=10, classifier_activation=None, input_shape=(side, side, 3))
    path = Path(f"{name}.keras").resolve()
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        config, metadata = (archive.read(part).decode() for part in ("config.json", "metadata.json"))
        shapes = applications.shapes_in(archive)
    content = applications.archive_of(config, metadata, shapes, 1 if name in SMALL else DAMPED)
    path.write_bytes(content)
    answer = np.asarray(keras.models.load_model(path).predict(applications.picture([1, side, side, 3]), verbose=0))
    path.unlink()
    stream = io.BytesIO()
    np.save(stream, answer)
    parts = {"config.json": config.encode(), "metadata.json": metadata.encode()}
    return {**parts, "shapes.json": json.dumps(shapes).encode(), "answer.npy": stream.getvalue()}, content


def write_fixtures() -> None:
    """Small files alone: weights are made by the tests."""
    with tarfile.open(TARGET, "w:xz", preset=9) as archive:
        for name, side in SMALL.items():
            for part, content in saved(name, side)[0].items():
                info = tarfile.TarInfo(f"{name}/{part}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def write_all(folder: Path, names: Sequence[str]) -> None:
    """Every member with weights, or those named; gigabytes."""
    folder.mkdir(exist_ok=True)
    for name, side in (SMALL | OTHERS).items():
        if names and name not in names:
            continue
        parts, content = saved(name, side)
        (folder / f"{name}.keras").write_bytes(content)
        (folder / f"{name}.npy").write_bytes(parts["answer.npy"])


def check_all(folder: Path) -> None:
    """Print how far Tachylite's answers are from Keras's, as parts of their range."""
    import tachylite

    for path in sorted(folder.glob("*.keras")):
        model = tachylite.convert(path)
        right = np.load(path.with_suffix(".npy"))
        shape = model.graph.inputs[0].shape
        found = tachylite.load(model)(applications.picture(list(shape)))
        print(f"{path.stem:20} {len(model.graph.operators):4} operators  {np.abs(found - right).max() / np.ptp(right):.1e}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--all", folder, *names]:
            write_all(Path(folder), names)
        case ["--check", folder]:
            check_all(Path(folder))
        case _:
            write_fixtures()
