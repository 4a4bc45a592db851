"""Small galleries made by hand: one of every kind of post, in plain grey, for experiments that run very often."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from demo.casting import ALIASES, COSTUMES, GENSHIN, OTHER_NAMES
from demo.gallery import EPOCH, Gallery, GalleryPost, Truth
from demo.paint.cast import MONA
from demo.paint.file_facts import FileFacts
from demo.paint.files import ZIP_TIME, write_whole

FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF"}
KEQING = "keqing_(genshin_impact)"
FIRST_ID = 101


def plain_picture(brightness: int, size: tuple[int, int] = (72, 96), ext: str = "jpg") -> bytes:
    """An encoded picture of one grey, 0..255: what a stub that scores by mean brightness wants."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (brightness, brightness, brightness)).save(buffer, FORMATS[ext])
    return buffer.getvalue()


def store_file(gallery: Gallery, folder: Path, content: bytes, facts: FileFacts) -> str:
    """Write a file below `folder` and state it; md5, size and path of `facts` are filled in. Returns its key.

    The content need not be what the facts say: so a site that publishes broken files is made.
    """
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = folder / md5[:2] / f"{md5}.{facts.ext}"
    write_whole(path, content)
    still = ""
    if facts.ext in ("zip", "mp4", "webm"):
        still = str(path.with_suffix(".still.jpg"))
        write_whole(Path(still), plain_picture(120, (facts.width, facts.height)))
    if facts.ext == "zip":
        write_whole(path.with_suffix(".webm"), b"\x1a\x45\xdf\xa3" + content[:200])
    pixels = facts.pixel_hash or hashlib.blake2b(content, digest_size=16).hexdigest()
    gallery.add_file(
        md5,
        FileFacts(
            md5, len(content), facts.width, facts.height, facts.ext, pixels, str(path), still,
            animated=facts.animated, duration=facts.duration, delays=facts.delays,
        ),
    )  # fmt: skip
    return md5


def blank_facts(size: tuple[int, int], ext: str, **more: Any) -> FileFacts:
    """Facts to hand to `store_file`."""
    return FileFacts("", 0, *size, ext, "", "", **more)


def put_post(gallery: Gallery, key: str, tags: str, **more: Any) -> GalleryPost:
    """Post a stored file under the next id."""
    facts = gallery.files[key]
    number = max(FIRST_ID, gallery.highest_id + 1)
    moment = EPOCH + 3600.0 * number
    fields: dict[str, Any] = {"created_at": moment, "updated_at": moment, **more}
    names = tuple(sorted(gallery.implied(tags.split())))
    post = GalleryPost(
        id=number, picture=key, width=facts.width, height=facts.height, ext=facts.ext, tags=names, **fields
    )  # fmt: skip
    gallery.put(post)
    return post


def bare_gallery() -> Gallery:
    """The tags, links and names of the painted gallery, and no posts."""
    gallery = Gallery()
    gallery.add_tag(GENSHIN, "copyright")
    for name in (MONA, KEQING, *COSTUMES[MONA]):
        gallery.add_tag(name, "character")
    for costume in COSTUMES[MONA]:
        gallery.add_implication(costume, MONA)
    for antecedent, consequent in ALIASES.items():
        if consequent in gallery.tags:
            gallery.add_alias(antecedent, consequent)
    for title, names in OTHER_NAMES.items():
        if title in gallery.tags:
            gallery.add_wiki(title, f"About {title}.", names)
    return gallery


def twelve_posts(folder: Path) -> Gallery:
    """One post of every kind: bright ones show Mona, dark ones do not.

    In order of ids, from 101: jpg tagged, jpg whose tag was withheld, png, webp, gif, avif, wide jpg with a sample,
    deleted, banned, ugoira, video, and a second post of the first one's file.
    """
    gallery = bare_gallery()
    small = (72, 96)

    def still(brightness: int, ext: str = "jpg", size: tuple[int, int] = small) -> str:
        return store_file(gallery, folder, plain_picture(brightness, size, ext), blank_facts(size, ext))

    shows, hidden = Truth((MONA,)), Truth((MONA,), (MONA,))
    first = put_post(gallery, still(230), f"{GENSHIN} {MONA} 1girl solo", truth=shows)
    put_post(gallery, still(220), f"{GENSHIN} 1girl solo", truth=hidden)
    put_post(gallery, still(30, "png"), f"{GENSHIN} {KEQING} 1girl solo", truth=Truth((KEQING,)))
    put_post(gallery, still(210, "webp"), f"{GENSHIN} {MONA} 1girl", truth=shows)
    put_post(gallery, still(20, "gif"), f"{GENSHIN} 1girl", truth=Truth())
    put_post(gallery, still(200, "avif"), f"{GENSHIN} 1girl", truth=hidden)
    put_post(gallery, still(40, "jpg", (900, 300)), f"{GENSHIN} scenery", truth=Truth(), rating="s")
    put_post(gallery, still(190), f"{GENSHIN} {MONA}", truth=shows, is_deleted=True)
    put_post(gallery, still(180), f"{GENSHIN} {MONA}", truth=shows, is_banned=True)
    moving: Sequence[tuple[bytes, str, dict[str, Any]]] = (
        (_zip_of(plain_picture(60), plain_picture(70)), "zip", {"duration": 0.2, "delays": (100, 100)}),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(2000), "mp4", {"duration": 2.0}),
    )
    for content, ext, more in moving:
        key = store_file(gallery, folder, content, blank_facts(small, ext, animated=True, **more))
        put_post(gallery, key, f"{GENSHIN} animated", truth=Truth())
    put_post(gallery, first.picture, f"{GENSHIN} 1girl", truth=hidden, parent_id=first.id)
    return gallery


def _zip_of(*frames: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, frame in enumerate(frames):
            archive.writestr(zipfile.ZipInfo(f"{number:06d}.jpg", ZIP_TIME), frame)
    return buffer.getvalue()
