"""Held-out pictures looked at once more, as a site's small rendition would show them."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.head import EMBEDDING_DTYPE
from classifier.package.small_looks import SmallLooks
from classifier.pictures.preprocessing import Pixels
from classifier.training.pipeline import Learned

SMALL_SIDE, SMALL_QUALITY = 180, 85  # of a `180x180` rendition: pixels of the longer side, JPEG
PICTURES = 256
_BATCH = 32


def small_looks(learned: Learned, pictures: Pixels) -> SmallLooks | None:
    """What the network sees in small copies of pictures that it was not trained on; None: there are none.

    Those that chose or measured something come first: heads are not fitted to them either.

    Args:
        learned: the network, and what it saw in the pictures as they are.
        pictures: prepared, shape (n, size, size, 3).
    """
    held_out = np.setdiff1d(np.flatnonzero(~learned.embedded.trained_on), learned.synthetic)
    held_out = np.setdiff1d(held_out, learned.references)
    tested = np.isin(held_out, learned.split.test)
    rows = np.sort(np.concatenate([_spread(held_out[tested], PICTURES), held_out[~tested]])[:PICTURES])
    if not len(rows):
        return None
    copies = np.stack([small_copy(pictures[row]) for row in rows.tolist()])
    parts = [
        learned.embedded.model.predict(copies[at : at + _BATCH].astype(np.float32), verbose=0)
        for at in range(0, len(copies), _BATCH)
    ]
    small = np.concatenate(parts).astype(EMBEDDING_DTYPE).astype(np.float16)
    return SmallLooks(learned.embedded.embeddings[rows], small)


def _spread(rows: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most so many of them, evenly."""
    at = np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int)) if len(rows) > most else slice(None)
    return rows[at]


def small_copy(picture: Pixels) -> Pixels:
    """A prepared picture, shape (size, size, 3), as its small rendition would have been prepared."""
    image, stream = Image.fromarray(np.ascontiguousarray(picture)), io.BytesIO()
    side = (SMALL_SIDE, SMALL_SIDE)
    image.resize(side, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=SMALL_QUALITY)
    with Image.open(stream) as copy:
        return np.asarray(copy.resize(image.size, Image.Resampling.BILINEAR), dtype=np.uint8)
