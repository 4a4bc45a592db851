"""A picture of somebody else's folder made small enough to be looked at, as a site's own small copies are."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from interchange.files.pictures import PictureSettings, UnreadablePicture, converted
from storage.moves.left_files import SmallCopy

_NAME = "720x720"  # the rendition that it stands for
_SETTINGS = PictureSettings(720, "jpg")


def small_copy(path: Path) -> SmallCopy | None:
    """A JPEG of at most 720 pixels a side, upright, of a moving picture its first frame; None: it cannot be decoded.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        content = converted(path, "jpg", _SETTINGS)
    except UnreadablePicture:
        return None
    with Image.open(io.BytesIO(content)) as picture:
        return SmallCopy(_NAME, content, "jpg", *picture.size)
