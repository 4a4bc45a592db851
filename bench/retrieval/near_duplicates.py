"""Can pixels tell a copy of a picture from a variant of it, well enough to share labels? For ADR 0041.

    python -m bench.retrieval.near_duplicates DIR [--pictures 1500]

DIR has pictures, in folders or not. Of each, copies are made as other sites have them (half the size, JPEG of quality
75 and 50, WebP at double size) and variants as artists do: the colours of a patch exchanged, as hair or eyes that make
another character, and a patch of another picture pasted in; patches of an eighth, a quarter and half of the side.
A pair is near where the difference hashes say so. Then both are brought to one size, and the largest difference of a
cell is taken, after a common shift of light. At the bound that 99 % of the near copies pass, printed: how many of the
variants pass, which would get each other's labels.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.pictures.dhash import NEAR, dhash

PASSING = 0.99  # share of the copies that must pass
_SIDE, _CELL = 96, 6  # pixels that both are brought to, and of a cell
_PATCHES = (8, 4, 2)  # patches of 1/8, 1/4, 1/2 of the side

Pixels = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a kind of copy and variant."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("folder", type=Path)
    read.add_argument("--pictures", type=int, default=1500)
    options = read.parse_args(arguments)
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix in (".jpg", ".png", ".webp"))
    chance = np.random.default_rng(0)
    chance.shuffle(paths)  # type: ignore[arg-type]  # a list will do
    near: defaultdict[str, list[float]] = defaultdict(list)
    asked = 0
    other = None
    for path in islice(paths, options.pictures):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        asked += 1
        for kind, made in _made(picture, other or picture, chance).items():
            if (dhash(picture) ^ dhash(made)).bit_count() <= NEAR:
                near[kind].append(largest_difference(picture, made))
        other = picture
    copies = [one for kind, found in near.items() if kind.startswith("copy") for one in found]
    bound = float(np.quantile(copies, PASSING))
    print(f"{asked} pictures; {PASSING:.0%} of the copies that are near differ by at most {bound:.1f} of 255 in a cell")
    smallest = [one for kind, found in near.items() if kind.endswith(f"1/{_PATCHES[0]} of a side") for one in found]
    strict = float(np.quantile(smallest, 1 - PASSING))
    out = np.mean(np.array(copies) > strict)
    print(f"{PASSING:.0%} of the smallest variants differ by more than {strict:.1f}, and so do {out:.1%} of the copies")
    print(f"{'':34} {'near':>6} {'pass':>6} {'of near':>8}  median difference")
    for kind, found in near.items():
        passing = sum(one <= bound for one in found)
        print(f"{kind:34} {len(found):6} {passing:6} {passing / len(found):8.1%}  {np.median(found):.1f}")
    return 0


def largest_difference(one: Image.Image, two: Image.Image) -> float:
    """Of the means of the cells, in any colour, 0..255, apart from a shift of light that all have in common."""
    off = _cells(one) - _cells(two)
    return float(np.abs(off - np.median(off, axis=(0, 1))).max())


def _cells(picture: Image.Image) -> Pixels:
    small = np.asarray(picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64)
    cells = small.reshape(_SIDE // _CELL, _CELL, _SIDE // _CELL, _CELL, 3)
    means: Pixels = cells.mean(axis=(1, 3))
    return means


def _made(picture: Image.Image, other: Image.Image, chance: np.random.Generator) -> Mapping[str, Image.Image]:
    width, height = picture.size
    half = picture.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.LANCZOS)
    double = picture.resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    made = {
        "copy: half the size, JPEG 75": _through(half, "JPEG", 75),
        "copy: same size, JPEG 50": _through(picture, "JPEG", 50),
        "copy: double the size, WebP 80": _through(double, "WEBP", 80),
    }
    for part in _PATCHES:
        where = (int(chance.integers(0, width - width // part)), int(chance.integers(0, height - height // part)))
        for what, patch in (("other colours", _swapped), ("another picture", _pasted(other))):
            name = f"variant: {what}, 1/{part} of a side"
            made[name] = _through(_changed(picture, where, part, patch), "JPEG", 90)
    return made


def _changed(
    picture: Image.Image, where: tuple[int, int], part: int, patch: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """With a patch of it replaced."""
    (left, top), (width, height) = where, (picture.width // part, picture.height // part)
    changed = picture.copy()
    changed.paste(patch(picture.crop((left, top, left + width, top + height))), (left, top))
    return changed


def _swapped(patch: Image.Image) -> Image.Image:
    red, green, blue = patch.split()
    return Image.merge("RGB", (blue, red, green))


def _pasted(other: Image.Image) -> Callable[[Image.Image], Image.Image]:
    return lambda patch: other.resize(patch.size)


def _through(picture: Image.Image, form: str, quality: int) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, form, quality=quality)
    with Image.open(out) as opened:
        return opened.convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
