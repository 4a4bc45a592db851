"""A contact sheet: pictures in rows below headings, each with a few words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from classifier.pictures.preprocessing import Pixels, Preprocessing

SHEET = Preprocessing(180, fit="pad")  # how its pictures are decoded
COLUMNS = 8
_WORDS = 18  # pixels of a line below a picture
_HEADING = 34  # pixels above a row of pictures
_GAP = 6  # pixels between pictures
_PAPER, _INK = (255, 255, 255), (30, 30, 30)
_QUALITY = 88  # of JPEG


@dataclass(frozen=True, slots=True, eq=False)
class SheetPicture:
    """One picture of a sheet."""

    pixels: Pixels  # (180, 180, 3), RGB
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class SheetPart:
    """Pictures below one heading."""

    heading: str
    pictures: Sequence[SheetPicture]


def contact_sheet(parts: Sequence[SheetPart], comment: str = "") -> bytes:
    """A JPEG of all parts, one below the other; parts without pictures are left out.

    Args:
        parts: see there.
        comment: put into the file, by which it can be told from a picture of somebody else's.
    """
    shown = [part for part in parts if part.pictures]
    step = SHEET.size + _GAP
    heights = [_HEADING + -(-len(part.pictures) // COLUMNS) * (step + _WORDS) for part in shown]
    sheet = Image.new("RGB", (COLUMNS * step + _GAP, max(1, sum(heights)) + _GAP), _PAPER)
    draw, top = ImageDraw.Draw(sheet), 0
    for part, height in zip(shown, heights, strict=True):
        draw.text((_GAP, top + 10), part.heading, _INK, ImageFont.load_default(16))
        for number, picture in enumerate(part.pictures):
            left, below = number % COLUMNS * step + _GAP, top + _HEADING + number // COLUMNS * (step + _WORDS)
            sheet.paste(Image.fromarray(picture.pixels), (left, below))
            draw.text((left, below + SHEET.size + 2), picture.words, _INK, ImageFont.load_default(12))
        top += height
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=_QUALITY, comment=comment.encode())
    return stream.getvalue()
