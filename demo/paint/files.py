"""From a scene to the file that a post offers: encoded, hashed, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from demo.paint.file_facts import FileFacts
from demo.paint.scene import Scene, scene_from
from demo.paint.studio import paint

JPEG_QUALITY, WEBP_QUALITY = 90, 82
FRAME_MS = 120
FRAMES = 3
ZIP_TIME = (2020, 1, 1, 0, 0, 0)


def write_picture(record: Mapping[str, Any], folder: Path) -> FileFacts:
    """Paint a scene and write its file, named by its md5; the same scene gives the same bytes.

    Raises:
        OSError: it cannot be written.
        KeyError, ValueError: the record is no scene.
    """
    scene = scene_from(record)
    moving = scene.ext in ("gif", "zip")
    frames = [paint(scene, frame) for frame in range(FRAMES if moving else 1)]
    content = _ENCODERS[scene.ext](frames, scene)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = folder / md5[:2] / f"{md5}.{scene.ext}"
    write_whole(path, content)
    still = ""
    if scene.ext in ("zip", "mp4"):
        still = str(path.with_suffix(".still.jpg"))
        write_whole(Path(still), _jpeg(frames, scene))
    if scene.ext == "zip":
        write_whole(path.with_suffix(".webm"), _webm(frames, scene))
    return FileFacts(
        md5=md5,
        size=len(content),
        width=scene.width,
        height=scene.height,
        ext=scene.ext,
        pixel_hash=hashlib.blake2b(frames[0].tobytes(), digest_size=16).hexdigest(),
        path=str(path),
        still=still,
        animated=scene.ext in ("gif", "zip", "mp4"),
        duration=len(frames) * FRAME_MS / 1000 if moving else (4.0 if scene.ext == "mp4" else None),
        delays=(FRAME_MS,) * len(frames) if scene.ext == "zip" else (),
    )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)


def _jpeg(frames: Sequence[Image.Image], _scene: Scene) -> bytes:
    return _encoded(frames[0], "JPEG", quality=JPEG_QUALITY)


def _png(frames: Sequence[Image.Image], _scene: Scene) -> bytes:
    return _encoded(frames[0], "PNG", compress_level=1)


def _webp(frames: Sequence[Image.Image], _scene: Scene) -> bytes:
    return _encoded(frames[0], "WEBP", quality=WEBP_QUALITY, method=1)


def _gif(frames: Sequence[Image.Image], _scene: Scene) -> bytes:
    flat = [frame.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for frame in frames]
    return _encoded(flat[0], "GIF", save_all=True, append_images=flat[1:], duration=FRAME_MS, loop=0)


def _ugoira(frames: Sequence[Image.Image], _scene: Scene) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, frame in enumerate(frames):
            info = zipfile.ZipInfo(f"{number:06d}.jpg", ZIP_TIME)
            archive.writestr(info, _encoded(frame, "JPEG", quality=JPEG_QUALITY))
    return buffer.getvalue()


def _mp4(_frames: Sequence[Image.Image], scene: Scene) -> bytes:
    """Looks like an mp4 to a program that sniffs; no player will show it."""
    filler = random.Random(scene.seed).randbytes(60_000)  # noqa: S311 (filler, no secret)
    brand = b"isom\x00\x00\x02\x00isomiso2avc1mp41"
    return _box(b"ftyp", brand) + _box(b"mdat", filler)


def _webm(_frames: Sequence[Image.Image], scene: Scene) -> bytes:
    """Looks like a webm to a program that sniffs."""
    filler = random.Random(scene.seed + 1).randbytes(30_000)  # noqa: S311 (filler, no secret)
    return b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + filler


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def _encoded(image: Image.Image, format_name: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **settings)
    return buffer.getvalue()


_ENCODERS = {"jpg": _jpeg, "png": _png, "webp": _webp, "gif": _gif, "zip": _ugoira, "mp4": _mp4}
