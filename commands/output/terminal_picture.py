"""A picture in a terminal: two pixels a letter, the upper half block in one colour on another."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from rich.style import Style
from rich.text import Text

_COLUMNS, _LINES = 48, 18  # letters, at most


def terminal_picture(encoded: bytes, columns: int) -> Text:
    """A small decoded picture as coloured letters.

    Args:
        encoded: of a small picture of our own making, such as a thumbnail.
        columns: letters of a line that there is room for.
    """
    with Image.open(io.BytesIO(encoded)) as image:
        image.thumbnail((min(columns, _COLUMNS), 2 * _LINES))
        pixels = np.asarray(image.convert("RGB"))
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, pixels[-1:]])
    text = Text(no_wrap=True)
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", Style(color=_colour(above), bgcolor=_colour(below)))
        text.append("\n")
    return text


def _colour(values: list[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*values)
