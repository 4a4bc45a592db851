"""Small pictures for contact sheets, made from whatever was looked at."""

from __future__ import annotations

import io

from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures.preprocessing import Preprocessing, prepare

SIDE = 180  # pixels of the longer side
_QUALITY = 80  # of JPEG


def thumbnail(picture: bytes, side: int = SIDE) -> bytes | None:
    """A small JPEG of an encoded picture, upright and uncut; None when it cannot be decoded."""
    try:
        prepared = prepare(picture, Preprocessing(side, fit="pad"))
    except PictureFault:
        return None
    scale = side / max(prepared.width, prepared.height)
    width, height = max(1, round(prepared.width * scale)), max(1, round(prepared.height * scale))
    left, top = (side - width) // 2, (side - height) // 2
    stream = io.BytesIO()
    Image.fromarray(prepared.pixels[top : top + height, left : left + width]).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
