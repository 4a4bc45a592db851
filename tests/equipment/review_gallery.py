"""A gallery for the review page without a crawl: painted pictures, embeddings, some wrong tags, a real model.

    python -m tests.equipment.review_gallery ROOT [--posts N]

Half of what shows the target is not tagged with it, some tags are wrong, and the model is weak: a few answers
and a round improve it. The backbone's file is a dummy, because rounds of the head alone read no pictures.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, write_package
from classifier.pictures.preprocessing import Preprocessing
from crawler.decisions import Policy, Ruling
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, Digest, ListedPage, Sighting, StoredFacts
from storage.records import (
    ORIGINAL,
    DecisionValue,
    FileVersion,
    Look,
    ModelCard,
    Post,
    PostTags,
    Rating,
    Rendition,
    Target,
)
from tests.equipment import galleries_on
from tests.equipment.postgres import new_gallery_or_skip

TARGET = Target("mona", "mona_(genshin_impact)")
SITE = "painted"
WIDTH = 12  # numbers of an embedding
THRESHOLD = 0.5
_PAGE = 200  # posts
_SIZES = ((180, 240), (240, 180), (200, 200), (160, 280), (300, 170))


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What the pictures truly show."""

    shows: npt.NDArray[np.bool_]  # by post id - 1
    vectors: npt.NDArray[np.float16]  # (n, WIDTH)
    tagged: npt.NDArray[np.bool_]
    named: npt.NDArray[np.bool_]


def make(count: int, seed: int = 0) -> Made:
    """Draw at random what the pictures show."""
    random = np.random.default_rng(seed)
    shows = random.random(count) < 0.2
    vectors = random.normal(size=(count, WIDTH))
    vectors[:, 0] += np.where(shows, 4.0, 0.0)
    named = random.random(count) < 0.55
    mistaken = named & (random.random(count) < np.where(shows, 0.05, 0.01))
    return Made(shows, vectors.astype(np.float16), named & (shows ^ mistaken), named)


def fill(root: Path, count: int, seed: int = 0, *, originals: bool = False) -> Made:
    """Make the gallery at `root` and everything in it; with `originals`, what is kept has its file in the gallery."""
    made = make(count, seed)
    if galleries_on.on_a_server() and not root.exists():
        new_gallery_or_skip(root)
    asyncio.run(_fill(root, made, originals=originals))
    return made


async def _fill(root: Path, made: Made, *, originals: bool) -> None:
    head = Head(np.array([1.0, *[0.45, -0.4] * 5, 0.3], dtype=np.float32), -2.0)  # a weak model: it weighs noise too
    scores = head.probabilities(made.vectors)
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets(SITE, [TARGET])
        card = _write_model(root, head)
        await archive.register_model(card, {"round": 0, "how": "made up"}, activate=True)
        ruling = Ruling(Policy(), {TARGET.name: card})
        listing = await archive.open_listing(SITE, "genshin_impact")
        for page in _pages(made):
            await archive.file_page(listing.id, ListedPage(page, cursor=page[-1].id))
            looks = [_look(post, made, scores, card, ruling) for post in page]
            await asyncio.gather(*(archive.file_look(look) for look in looks))
            if originals:
                kept = [look.post for look in looks if look.decisions[0].value is DecisionValue.KEEP]
                await asyncio.gather(*(_bring_home(archive, post) for post in kept))


async def _bring_home(archive: Archive, post: Post) -> None:
    content = _original(post.id)
    attempt = await archive.begin_attempt(post, ORIGINAL, "")
    attempt.staging.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    digest = Digest(len(content), md5, hashlib.sha256(content).hexdigest())
    await archive.file_original(attempt, post, [TARGET.name], digest)


def _original(number: int) -> bytes:
    """The bytes that the site would serve; no picture."""
    return b"picture %d" % number


def _write_model(root: Path, head: Head) -> ModelCard:
    dummy = root / "staging" / "backbone.keras"
    dummy.write_bytes(b"no network")
    backbone = BackboneFiles("made_up", dummy, {}, Preprocessing(32), WIDTH)
    canary = Canary(_png(Image.new("RGB", (8, 8), (90, 40, 160))), np.zeros(WIDTH, dtype=np.float32))
    parts = PackageParts(
        target=TARGET.name, backbone=backbone, head=head, threshold=THRESHOLD, canaries=[canary], snapshot={"round": 0}
    )
    facts = write_package(root / "models" / TARGET.name / "1", parts)
    dummy.unlink()
    return ModelCard(TARGET.name, 1, facts.hash, facts.backbone_hash, THRESHOLD)


def _pages(made: Made) -> Iterator[list[Post]]:
    ids = list(range(len(made.shows), 0, -1))
    for start in range(0, len(ids), _PAGE):
        yield [painted_post(number, made) for number in ids[start : start + _PAGE]]


def painted_post(number: int, made: Made) -> Post:
    """A post as the site lists it."""
    row = number - 1
    width, height = _SIZES[number % len(_SIZES)]
    md5 = hashlib.md5(_original(number), usedforsecurity=False).hexdigest()
    who = (TARGET.tag,) if made.tagged[row] else ("fischl_(genshin_impact)",) if made.named[row] else ()
    tags = PostTags(
        general=("1girl", "hat") if number % 3 else ("1girl", "solo"),
        artist=(f"painter_{number % 40}",),
        copyright=("genshin_impact",),
        character=who,
    )
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return Post(
        site=SITE,
        id=number,
        created_at=created,
        updated_at=created,
        rating=Rating.GENERAL,
        tags=tags,
        file=FileVersion(
            md5, "png", len(_original(number)), 4 * width, 4 * height, f"https://painted.example/{md5}.png"
        ),
        renditions=(Rendition("360x360", f"https://painted.example/360/{md5}.png", width, height, "png"),),
        source="https://painted.example/source",
        width=4 * width,
        height=4 * height,
        ext="png",
        size=len(_original(number)),
    )


def _look(post: Post, made: Made, scores: npt.NDArray[np.float64], card: ModelCard, ruling: Ruling) -> Sighting:
    row, rendition = post.id - 1, post.renditions[0]
    look = Look(
        scores={TARGET.name: float(scores[row])},
        embeddings={card.backbone_hash: made.vectors[row].astype("<f2").tobytes()},
        width=rendition.width,
        height=rendition.height,
        format="png",
    )
    return Sighting(
        post=post,
        rendition=_paint(post.id, bool(made.shows[row]), (rendition.width, rendition.height)),
        stored=StoredFacts(rendition.name, rendition.ext, rendition.width, rendition.height),
        look=look,
        models={TARGET.name: card},
        decisions=[ruling.decide(TARGET, post.tags, look)],
    )


def _paint(number: int, shows: bool, size: tuple[int, int]) -> bytes:
    """A face; with a pointed hat when it shows the target."""
    random = np.random.default_rng(number)
    ground, hair = (tuple(int(value) for value in random.integers(120, 245, 3)) for _ in range(2))
    width, height = size
    patches = np.clip(np.array(ground) + random.normal(0, 22, (7, 7, 1)), 0, 255).astype(np.uint8)
    picture = Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)  # a cloudy ground: no two are copies
    pen = ImageDraw.Draw(picture)
    x, y, r = width / 2 + float(random.normal(0, 12)), height * 0.62, min(size) * 0.26
    pen.ellipse((x - r * 1.2, y - r * 1.2, x + r * 1.2, y + r * 1.3), fill=hair)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 228, 210))
    for side in (-1, 1):
        pen.ellipse((x + side * r * 0.45 - 5, y - 6, x + side * r * 0.45 + 5, y + 8), fill=(40, 50, 90))
    pen.arc((x - 9, y + r * 0.3, x + 9, y + r * 0.6), 20, 160, fill=(170, 70, 80), width=2)
    if shows:
        pen.polygon(
            [(x - r * 1.5, y - r * 0.6), (x + r * 1.5, y - r * 0.6), (x + r * 0.2, y - r * 2.3)], fill=(70, 45, 130)
        )
        pen.line([(x - r * 1.1, y - r * 0.75), (x + r * 1.1, y - r * 0.75)], fill=(240, 200, 80), width=5)
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def main() -> int:
    """Make one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--posts", type=int, default=1000)
    arguments = parser.parse_args()
    made = fill(arguments.root, arguments.posts)
    print(
        f"{len(made.shows)} pictures, {int(made.shows.sum())} show {TARGET.name}, {int(made.tagged.sum())} are tagged"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
