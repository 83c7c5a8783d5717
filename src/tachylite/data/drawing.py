"""Answers drawn on the picture that they are about."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.files import write_atomically

from .answers import Answer, Detections, KeyPoints, Mask
from .pictures import open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

#: Colours that stay apart on photographs (Okabe and Ito, "Color Universal Design", 2008).
PALETTE = [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)]


def draw(picture: "Image", answer: Answer, threshold: float = 0.2) -> "Image":
    """A copy of `picture` with boxes, key points (those that score at least `threshold`) or a mask on it.

    Answers that have no place in the picture leave it as it is.
    """
    picture = picture.convert("RGB")
    if isinstance(answer, Detections):
        _boxes(picture, answer)
    elif isinstance(answer, KeyPoints):
        _points(picture, answer, threshold)
    elif isinstance(answer, Mask):
        return _mask(picture, answer)
    return picture


def save(picture: Path, answer: Answer, path: Path) -> None:
    """Draw on the picture in one file and save it as another, in the format that its name says, whole or not at all."""
    from PIL import Image

    suffix = path.suffix.lower()
    image_format = Image.registered_extensions().get(suffix)
    if image_format is None:
        raise TachyliteError(f"{path} does not say in which format to save; end its name with .png or .jpg")
    content = io.BytesIO()
    draw(open_picture(picture), answer).save(content, image_format)
    write_atomically(path, [content.getbuffer()])


def _boxes(picture: "Image", answer: Detections) -> None:
    from PIL import ImageDraw

    pen, width = ImageDraw.Draw(picture), max(2, picture.width // 200)
    colours = {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(dict.fromkeys(b.label for b in answer.boxes))}
    for found in reversed(answer.boxes):  # the surest on top
        top, left, bottom, right = found.box
        left, right = sorted((left * picture.width, right * picture.width))
        top, bottom = sorted((top * picture.height, bottom * picture.height))
        pen.rectangle((left, top, right, bottom), outline=colours[found.label], width=width)
        pen.text((left + width + 1, top + width), f"{found.label} {found.score:.0%}", fill=colours[found.label])


def _points(picture: "Image", answer: KeyPoints, threshold: float) -> None:
    from PIL import ImageDraw

    pen, radius = ImageDraw.Draw(picture), max(2, picture.width // 100)
    for number, (y, x, score) in enumerate(answer.points):
        if score >= threshold:
            x, y = x * picture.width, y * picture.height
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=PALETTE[number % len(PALETTE)], outline=(0, 0, 0))


def _mask(picture: "Image", answer: Mask) -> "Image":
    from PIL import Image

    colours = np.array([(0, 0, 0), *PALETTE], np.uint8)
    index = np.where(answer.pixels == 0, 0, 1 + answer.pixels % len(PALETTE))
    overlay = Image.fromarray(colours[index]).resize(picture.size, Image.Resampling.NEAREST)
    return Image.blend(picture, overlay, 0.5)
