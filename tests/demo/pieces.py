"""Posts and files for tests of the demo gallery."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from demo.embedded import Running
from demo.galleries.gallery import EPOCH, Gallery, GalleryPost
from demo.paint.file_facts import FileFacts

MONA = "mona_(genshin_impact)"
STARS = "mona_(pact_of_stars_and_moon)_(genshin_impact)"


def paper_facts(name: str, width: int = 900, height: int = 600, ext: str = "jpg", **more: Any) -> FileFacts:
    """Facts of a file that is never fetched."""
    md5 = hashlib.md5(name.encode()).hexdigest()
    return FileFacts(md5, 1000 + len(name), width, height, ext, md5[::-1], f"/nowhere/{md5}.{ext}", **more)


def picture_facts(folder: Path, size: tuple[int, int], ext: str = "jpg") -> FileFacts:
    """Facts of a real file, painted in one colour."""
    path = folder / f"{size[0]}x{size[1]}.{ext}"
    image = Image.new("RGB", size, (200, 120, size[0] % 255))
    image.save(path, {"jpg": "JPEG"}.get(ext, ext.upper()))
    content = path.read_bytes()
    md5 = hashlib.md5(content).hexdigest()
    return FileFacts(md5, len(content), *size, ext, md5, str(path))


def content_of(facts: FileFacts) -> bytes:
    """The bytes of a file."""
    return Path(facts.path).read_bytes()


def add_post(gallery: Gallery, number: int, tags: str, facts: FileFacts | None = None, **more: Any) -> GalleryPost:
    """Put a post with these tags; its times follow its number."""
    facts = facts or paper_facts(f"post {number}")
    gallery.add_file(facts.md5, facts)
    moment = EPOCH + 3600 * number
    fields: dict[str, Any] = {
        "id": number,
        "picture": facts.md5,
        "width": facts.width,
        "height": facts.height,
        "ext": facts.ext,
        "tags": tuple(sorted(tags.split())),
        "created_at": moment,
        "updated_at": moment,
    }
    post = GalleryPost(**{**fields, **more})
    gallery.put(post)
    return post


Opened = Callable[..., contextlib.AbstractAsyncContextManager[tuple[Running, httpx2.AsyncClient]]]
