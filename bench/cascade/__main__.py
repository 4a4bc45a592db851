"""A smaller rendition looked at first, a larger one only in doubt, against always looking at the larger one.

    python -m bench.cascade DIR --package GALLERY/models/kiara/1 [--pictures N] [--seed N]

DIR has one folder a class, face crops; those that the model has learned from are left out. Of the others pictures are
made, half of which show the target: the crops themselves, and figures on busy grounds. Each is served as Danbooru
would: 720x720 as WebP of quality 75, 360x360 and 180x180 as JPEG of quality 85. Both sides decide about the same bytes
by the product's own rule. Exit code 1 where the margin that the package was given
disagrees on more than half a percent; the last lines say what other margins would cost.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from bench.illustrations import new_crops
from bench.samples.compositions import Crop, illustration
from classifier.inference.pooling import pooled
from classifier.inference.runtime import Runtime, RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import prepare, prepare_windows
from classifier.pictures.windows import too_small, windows_of
from crawler.decisions import Policy, Ruling
from crawler.looks.margin import is_doubtful, margin_of
from storage.records import Decision, DecisionValue, FileVersion, Look, ModelCard, PostTags, Target

BOXES = {"180x180": ("JPEG", 85), "360x360": ("JPEG", 85), "720x720": ("WEBP", 75)}  # how Danbooru encodes them
LARGE = "720x720"
SMALL = "180x180"
AGREE = 0.995  # share of the decisions that must be those on the large rendition
MARGINS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # log odds
SHARES = ((0.15, 0.30), (0.30, 0.60))  # of the picture's shorter side that a face takes
CROP_SIDE = 720  # pixels, to which a crop is enlarged


@dataclass(frozen=True, slots=True)
class Served:
    """A picture as a site serves it, and what each rendition decides."""

    kind: str
    shows: bool  # the target
    file: FileVersion
    sizes: dict[str, int]  # bytes, by rendition
    decisions: dict[str, Decision]


class CascadeBench:
    """One model, and pictures that it has not learned from."""

    def __init__(self, package: Package, crops: Sequence[Crop], seed: int) -> None:
        self._package, self._random = package, np.random.default_rng(seed)
        self._shows = [crop for crop in crops if crop.kind == package.target]
        self._others = [crop for crop in crops if crop.kind != package.target]
        self._runtime: Runtime = choose_runtime([package], RuntimeSettings())
        self._target = Target(package.target, package.target)
        self.card = package.card(1)
        self._ruling = Ruling(Policy(), {package.target: self.card})

    def served(self, count: int) -> list[Served]:
        """So many of each kind, mixed."""
        kinds = ["crop", *(f"faces of {low:.0%} to {high:.0%}" for low, high in SHARES)]
        made = [self._one(kind, shows=bool(number % 2)) for number in range(count) for kind in kinds]
        return [made[at] for at in self._random.permutation(len(made)).tolist()]

    def picture(self, kind: str, *, shows: bool) -> Image.Image:
        """A picture of a kind: `crop`, or one of `SHARES` in words."""
        cast = self._shows if shows else self._others
        crop = cast[int(self._random.integers(len(cast)))]
        if kind == "crop":
            return crop.image(CROP_SIDE)
        share = SHARES[0] if "15%" in kind else SHARES[1]
        others = [self._others[int(self._random.integers(len(self._others)))] for _ in range(self._random.integers(2))]
        return Image.open(io.BytesIO(illustration([*others, crop], share, self._random).content))

    def _one(self, kind: str, *, shows: bool) -> Served:
        picture = self.picture(kind, shows=shows)
        contents = {name: encoded(picture, int(name.split("x")[0]), *how) for name, how in BOXES.items()}
        md5 = hashlib.md5(contents[LARGE], usedforsecurity=False).hexdigest()
        file = FileVersion(md5, "png", len(contents[LARGE]), picture.width, picture.height, "")
        decisions = {name: self._decision(content) for name, content in contents.items()}
        return Served(kind, shows, file, {name: len(content) for name, content in contents.items()}, decisions)

    def _decision(self, content: bytes) -> Decision:
        preprocessing = self._package.preprocessing
        whole = prepare(content, preprocessing)
        windows = windows_of(whole.width, whole.height)
        views = [whole.pixels, *(prepare_windows(content, preprocessing, windows) if windows else ())]
        scores = self._package.head.probabilities(self._runtime.embed(np.stack(views)).astype(np.float32))
        small = too_small(whole.width, whole.height, preprocessing.size)
        look = Look(scores={self._package.target: pooled(scores)}, too_small=small)
        return self._ruling.decide(self._target, PostTags(), look)


def encoded(picture: Image.Image, box: int, name: str, quality: int) -> bytes:
    """A picture as a site serves it: the longer side of its box, format and quality."""
    small, out = picture.convert("RGB"), io.BytesIO()
    small.thumbnail((box, box), Image.Resampling.LANCZOS)
    small.save(out, name, quality=quality)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way to look costs, and how it decides."""

    way: str
    bytes: float  # a picture
    twice: float  # share that was looked at twice
    agree: float  # share of decisions equal to those on the large rendition
    precision: float
    recall: float


def always(pictures: Sequence[Served], name: str) -> Outcome:
    """Always the same rendition."""
    decisions, sizes = [one.decisions[name] for one in pictures], [one.sizes[name] for one in pictures]
    return _outcome(f"always {name}", pictures, decisions, sizes, 0.0)


def cascade(pictures: Sequence[Served], first: str, card: ModelCard) -> Outcome:
    """The small one first, with the margin that the card has."""
    decisions, sizes, twice = [], [], 0
    for one in pictures:
        doubt = is_doubtful([one.decisions[first]], {card.target: card})
        decisions.append(one.decisions[LARGE if doubt else first])
        sizes.append(one.sizes[first] + (one.sizes[LARGE] if doubt else 0))
        twice += doubt
    return _outcome(f"{first} first, margin {margin_of(card):.3g}", pictures, decisions, sizes, twice / len(pictures))


def _outcome(
    way: str, pictures: Sequence[Served], decisions: Sequence[Decision], sizes: Sequence[int], twice: float
) -> Outcome:
    same = [one.value is two.decisions[LARGE].value for one, two in zip(decisions, pictures, strict=True)]
    kept = [one.value is DecisionValue.KEEP for one in decisions]
    right = sum(k and one.shows for k, one in zip(kept, pictures, strict=True))
    recall = right / max(1, sum(one.shows for one in pictures))
    return Outcome(way, float(np.mean(sizes)), twice, float(np.mean(same)), right / max(1, sum(kept)), recall)


def main() -> int:
    """Measure and print."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("folder", type=Path)
    read.add_argument("--package", type=Path, required=True)
    read.add_argument("--pictures", type=int, default=400, help="of each of the three kinds")
    read.add_argument("--seed", type=int, default=1)
    options = read.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    package = load_package(options.package)
    bench = CascadeBench(package, new_crops(options.folder, package), options.seed)
    pictures = bench.served(options.pictures)
    card = bench.card
    network = f"{package.target}, network of {package.preprocessing.size} pixels, threshold {package.threshold:.3f}"
    print(f"{network}, margin {margin_of(card):.3g} ({_origin(card)})")
    print(f"{'':<32}{'bytes':>8}{'twice':>8}{'agree':>9}{'precision':>11}{'recall':>8}")
    reached = True
    for kind in [*dict.fromkeys(one.kind for one in pictures), ""]:
        chosen = [one for one in pictures if not kind or one.kind == kind]
        print(f"{kind or 'all'}, {len(chosen)} pictures")
        ways = [always(chosen, name) for name in BOXES]
        ways += [cascade(chosen, name, card) for name in BOXES if name != LARGE]
        for way in ways:
            print(_line(way))
        default = next(way for way in ways if way.way.startswith(f"{SMALL} first"))
        reached = default.agree >= AGREE if not kind else reached
    for margin in MARGINS:
        print(_line(cascade(pictures, SMALL, replace(card, margin=margin))))
    return 0 if reached else 1


def _origin(card: ModelCard) -> str:
    return "of every model" if card.margin is None else "measured when it was trained"


def _line(way: Outcome) -> str:
    figures = f"{way.bytes:8.0f}{way.twice:8.1%}{way.agree:9.2%}{way.precision:11.3f}{way.recall:8.3f}"
    return f"  {way.way:<30}{figures}"


if __name__ == "__main__":
    raise SystemExit(main())
