"""A gallery with a model, labels' worth of posts, and a small picture of each; made without any network."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from crawler.decisions import Policy, Ruling
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage, RunStart, Sighting, StoredFacts
from storage.records import FileVersion, Look, ModelCard, Post, PostTags, Rating
from tests.crawler.crew_fakes import MONA, post

SITE = "127.0.0.1:8000"
WIDTH = 8
RATINGS = tuple(Rating)


def write_model(root: Path, threshold: float = 0.5) -> ModelCard:
    """A package whose network nobody will ever load."""
    root.mkdir(parents=True)
    (root / "net.keras").write_bytes(b"weights")
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 1.5
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", root / "net.keras", {}, Preprocessing(96), WIDTH),
        head=Head(weights, -4.0),
        threshold=threshold,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(root / "models" / "mona" / "1", parts)
    (root / "net.keras").unlink()
    return ModelCard("mona", 1, facts.hash, facts.backbone_hash, threshold)


def picture(number: int) -> bytes:
    """A rendition of its own colour."""
    stream = io.BytesIO()
    Image.new("RGB", (20, 15), (number % 256, 90, 200)).save(stream, "PNG")
    return stream.getvalue()


async def fill(root: Path, posts: int = 400, threshold: float = 0.5) -> None:
    """Every fourth post shows Mona; of five posts two are untagged, and what is seen leaves a few in doubt."""
    card = write_model(root, threshold)
    head = load_package(root / "models" / "mona" / "1").head
    ruling = Ruling(Policy(), {"mona": card})
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(posts, WIDTH))
    shows = np.arange(1, posts + 1) % 4 == 0
    vectors[:, 0] += np.where(shows, 5.0, 0.0)
    stored = vectors.astype(np.float16)
    settings = ArchiveSettings(reserve_bytes=0)
    async with Archive.open(root, settings) as archive:
        await archive.save_targets(SITE, [MONA])
        await archive.register_model(card, {"round": 0}, activate=True)
        run_id = await archive.begin_run(RunStart("crawl", SITE, "genshin_impact", ["mona"]))
        listing = await archive.open_listing(SITE, "genshin_impact")
        listed = []
        for number in range(posts, 0, -1):
            names = (MONA.tag,) if shows[number - 1] else ("keqing_(genshin_impact)",)
            tags = PostTags(character=() if number % 5 < 2 else names, general=("1girl", "solo"))
            file = FileVersion(f"{number:032x}", "png", 100, 20, 15, "http://127.0.0.1/x.png")
            listed.append(replace(post(number), site=SITE, tags=tags, file=file, rating=RATINGS[number % 3]))
        await archive.file_page(listing.id, ListedPage(listed, (), 1, run_id))

        async def look_at(one: Post) -> None:
            vector = stored[one.id - 1].tobytes()
            look = Look({"mona": head.score(vector)}, {card.backbone_hash: vector}, 20, 15, "png")
            await archive.file_look(
                Sighting(
                    post=one,
                    look=look,
                    decisions=[ruling.decide(MONA, one.tags, look)],
                    run_id=run_id,
                    rendition=picture(one.id),
                    stored=StoredFacts("720x720", "png", 20, 15),
                    models={"mona": card},
                )
            )

        await asyncio.gather(*map(look_at, listed))  # they share transactions
