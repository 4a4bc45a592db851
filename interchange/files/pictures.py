"""Pictures as a trainer can read them: an ending that it knows, sides that are short enough; never made larger."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageOps

from system.regular_files import open_regular

MOST_BYTES = 1 << 34  # of a file whose first bytes are read
MOST_PIXELS = 300_000_000  # of a picture that is decoded
FORMATS: Mapping[str, str] = MappingProxyType({"jpg": "JPEG", "png": "PNG", "webp": "WEBP"})
_SAVING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "jpg": {"quality": 95, "subsampling": 0, "optimize": False},
        "png": {"compress_level": 6},
        "webp": {"lossless": True, "quality": 60, "method": 4},
    }
)


class UnreadablePicture(Exception):
    """A picture cannot be decoded; the others go on."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What becomes of a picture's bytes."""

    most_side: int | None = None  # pixels of the longer side, at most; larger ones are made smaller
    format: str | None = None  # one of FORMATS for every picture; None: as they are, where that can be read

    def ending(self, ext: str, readable: frozenset[str], otherwise: str = "png") -> str:
        """Which ending a picture will have.

        Args:
            ext: which it has.
            readable: endings that the reader knows.
            otherwise: what it gets where the reader does not know its own.
        """
        return self.format or (ext if ext in readable else otherwise)

    def as_it_is(self, ext: str, ending: str, width: int, height: int) -> bool:
        """Whether the bytes can stay as they are."""
        return ext == ending and (self.most_side is None or max(width, height) <= self.most_side)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that it will have."""
        longest = max(width, height)
        if self.most_side is None or longest <= self.most_side:
            return width, height
        return tuple(max(1, round(side * self.most_side / longest)) for side in (width, height))  # type: ignore[return-value]  # two of them


def converted(path: Path, ending: str, settings: PictureSettings) -> bytes:
    """The picture with another ending or a smaller size; of a moving one the first frame, upright, on white for JPEG.

    Raises:
        UnreadablePicture: it cannot be decoded, or is too large to be.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about sizes that are still below the bound
            with Image.open(io.BytesIO(content)) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise UnreadablePicture(f"has {opened.width} × {opened.height} pixels")
                return _written(_drawn(opened, settings), ending, opened.info.get("icc_profile"))
    except UnreadablePicture:
        raise  # ours; the rest is what Pillow raises for bad bytes
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadablePicture("cannot be decoded") from error


def _drawn(opened: Image.Image, settings: PictureSettings) -> Image.Image:
    if opened.format == "JPEG" and settings.most_side is not None:
        opened.draft(None, settings.size(*opened.size))
    picture = ImageOps.exif_transpose(opened)
    transparent = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info
    picture = _eight_bits(picture).convert("RGBA" if transparent else "RGB")
    size = settings.size(*picture.size)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen-bit grey scaled down, which Pillow would clip."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda level: level / 257).convert("L")


def _written(picture: Image.Image, ending: str, profile: bytes | None) -> bytes:
    if ending == "jpg" and picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    out = io.BytesIO()
    extra = {"icc_profile": profile} if profile else {}
    picture.save(out, FORMATS[ending], **_SAVING[ending], **extra)
    return out.getvalue()


def stated_size(path: Path) -> tuple[int, int]:
    """Width and height that a picture file states, without decoding it; 0, 0: it is no picture that we know.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with open_regular(path, MOST_BYTES, links=False) as file:
        content = io.BufferedReader(file)  # type: ignore[type-var]  # an unbuffered file, which is a raw one
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, about sizes
                with Image.open(content) as opened:
                    return opened.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return 0, 0
