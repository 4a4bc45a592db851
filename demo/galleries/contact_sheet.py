"""A contact sheet of painted posts: what the gallery looks like, in one picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from demo.galleries.gallery import Gallery
from demo.paint.scene import scene_from
from demo.paint.studio import paint

CELL = (240, 300)  # pixels
COLUMNS = 6


def write_sheet(gallery: Gallery, into: Path, count: int = 12) -> None:
    """Paint the first posts of different characters and lay them out side by side.

    Raises:
        OSError, ValueError: the file cannot be written or its ending names no picture format.
    """
    chosen: dict[tuple[str, ...], str] = {}
    for post_id in gallery.ids:
        post = gallery.posts[post_id]
        if post.picture in gallery.scenes and post.truth.characters and "monochrome" not in post.tags:
            chosen.setdefault(post.truth.characters, post.picture)
    keys = list(chosen.values())[:count]
    rows = -(-len(keys) // COLUMNS)
    sheet = Image.new("RGB", (CELL[0] * min(COLUMNS, len(keys)), CELL[1] * rows), "white")
    for place, key in enumerate(keys):
        picture = ImageOps.fit(paint(scene_from(gallery.scenes[key])), CELL, centering=(0.5, 0.3))
        sheet.paste(picture, (place % COLUMNS * CELL[0], place // COLUMNS * CELL[1]))
    sheet.save(into)
