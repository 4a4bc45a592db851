"""Pictures to measure on: painted here, or taken from a folder."""

from __future__ import annotations

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

DEFAULT = "180x180 JPEG"  # what is looked at first by the default settings
LARGER = "720x720 WebP"  # what is looked at in doubt
KINDS = {  # name -> longest side in pixels, format, options: what sites serve as renditions
    DEFAULT: (180, "JPEG", {"quality": 85}),
    "360x360 JPEG": (360, "JPEG", {"quality": 85}),
    LARGER: (720, "WEBP", {"quality": 80, "method": 2}),
    "128x128 JPEG": (128, "JPEG", {"quality": 90}),
}
_EXTENSIONS = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"}


def painted(kind: str, count: int, seed: int = 0) -> list[bytes]:
    """Encoded pictures with lines, flat colours, soft shades and a little grain, as drawings have them."""
    side, name, options = KINDS[kind]
    rng = random.Random(f"{seed} {kind}")
    return [_encoded(_painting(rng, side), name, options) for _ in range(count)]


def from_folder(folder: Path, count: int) -> list[bytes]:
    """The first pictures below a folder, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _EXTENSIONS)
    if not paths:
        raise SystemExit(f"{folder} holds no pictures")
    step = max(1, len(paths) // count)
    return [path.read_bytes() for path in paths[::step][:count]]


def _painting(rng: random.Random, side: int) -> Image.Image:
    width, height = rng.choice([(side, side), (side * 3 // 4, side), (side, side * 3 // 4), (side * 2 // 3, side)])
    shade = Image.linear_gradient("L").rotate(rng.choice([0, 90, 180, 270])).resize((width, height))
    image = Image.merge("RGB", [shade.point([int(v * share) + 20 for v in range(256)]) for share in _shares(rng)])
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, size = rng.randrange(width), rng.randrange(height), rng.randrange(4, side // 3)
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + size, y + size * rng.uniform(0.4, 1.6)), fill=colour, outline=(20, 10, 20))
        draw.line((x, y, rng.randrange(width), rng.randrange(height)), fill=colour, width=rng.randrange(1, 4))
    grain = Image.effect_noise((width, height), 18).convert("RGB")
    return Image.blend(image.filter(ImageFilter.GaussianBlur(0.6)), grain, 0.06)


def _shares(rng: random.Random) -> list[float]:
    return [rng.random() * 0.9 for _ in range(3)]


def _encoded(image: Image.Image, name: str, options: dict[str, int]) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()
