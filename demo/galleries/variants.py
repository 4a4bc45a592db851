"""Which smaller copies the site serves of a file, how large they are, and how one is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from demo.paint.file_facts import FileFacts

BOXES = {"180x180": 180, "360x360": 360, "720x720": 720}
SAMPLE_WIDTH = 850  # pixels; wider still pictures have a sample
JPEG_QUALITY, WEBP_QUALITY = 85, 75
STILL_FORMATS = frozenset({"jpg", "png", "gif", "webp", "avif"})


@dataclass(frozen=True, slots=True)
class Variant:
    """One copy of a file that the site serves."""

    name: str  # 180x180 | 360x360 | 720x720 | sample | full | original
    width: int  # pixels
    height: int  # pixels
    ext: str

    def file_name(self, md5: str) -> str:
        """What the copy is called; only samples carry a prefix."""
        return f"{'sample-' if self.name == 'sample' else ''}{md5}.{self.ext}"

    def path(self, md5: str) -> str:
        """Where the copy lies below the file host's root."""
        return f"/{self.name}/{md5[:2]}/{md5[2:4]}/{self.file_name(md5)}"


def fit(width: int, height: int, box_width: int, box_height: int | None) -> tuple[int, int]:
    """Scale into a box, keeping the aspect, rounding each side, never larger."""
    scale = min(1.0, box_width / width, (box_height / height) if box_height else 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def variants_of(facts: FileFacts) -> list[Variant]:
    """All copies of a file, the original last."""
    width, height = facts.width, facts.height
    copies: list[Variant] = []
    if facts.ext != "swf":
        for name, box in BOXES.items():
            copies.append(Variant(name, *fit(width, height, box, box), "webp" if box == 720 else "jpg"))
    still = facts.ext in STILL_FORMATS and not facts.animated
    if still and facts.ext in ("webp", "avif"):
        copies.append(Variant("full", width, height, "jpg"))
    if facts.ext == "zip":
        copies.append(Variant("sample", *fit(width, height, SAMPLE_WIDTH, None), "webm"))
    elif still and width > SAMPLE_WIDTH:
        copies.append(Variant("sample", *fit(width, height, SAMPLE_WIDTH, None), "jpg"))
    copies.append(Variant("original", width, height, facts.ext))
    return copies


def variant_named(facts: FileFacts, name: str) -> Variant | None:
    """One copy by name, None where the file has none of that name."""
    return next((copy for copy in variants_of(facts) if copy.name == name), None)


def make_variant(source: Path, variant: Variant, into: Path) -> None:
    """Write one copy, whole or not at all.

    Raises:
        OSError: the source cannot be read as a picture or the copy cannot be written.
    """
    with Image.open(source, formats=("JPEG", "PNG", "GIF", "WEBP", "AVIF")) as picture:
        picture.draft("RGB", (variant.width, variant.height))
        image = flat_rgb(picture)
    if image.size != (variant.width, variant.height):
        image = image.resize((variant.width, variant.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    save_whole(image, into, variant.ext)


def flat_rgb(picture: Image.Image) -> Image.Image:
    """The first frame as RGB, transparent parts on white."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("RGB")


def save_whole(image: Image.Image, into: Path, ext: str) -> None:
    """Encode a copy under a name of its own, then rename it into place."""
    into.parent.mkdir(parents=True, exist_ok=True)
    part = into.with_name(f".{into.name}.{os.getpid()}.{id(image)}")
    if ext == "webp":
        image.save(part, "WEBP", quality=WEBP_QUALITY, method=2)
    else:
        image.save(part, "JPEG", quality=JPEG_QUALITY)
    part.replace(into)
