"""Pictures as files that every decoder reads alike."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from classifier.pictures.preprocessing import Pixels


def png(picture: Pixels) -> bytes:
    """An RGB picture, shape (height, width, 3), as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "PNG")
    return stream.getvalue()
