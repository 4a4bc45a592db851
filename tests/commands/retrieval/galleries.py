"""A gallery of red and blue pictures that a real, tiny network has looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from classifier.pictures.preprocessing import Preprocessing, picture_array
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, RegisteredModel, Sighting, StoredFacts
from storage.records import Look, PostTags, Rating, Target
from tests.classifier.tiny_models import SIZE, TinyBackbone
from tests.commands.folders.places import TAG, make_root, picture
from tests.storage.samples import decide, list_posts, make_post

RED, BLUE = 20, 20  # pictures: the odd posts are red


def looked_at(folder: Path, tiny: TinyBackbone) -> Path:
    """Posts 1 to 40; the first ten carry no character tag, post 12 is explicit."""
    root = make_root(folder, tiny)
    asyncio.run(_fill(root, tiny))
    return root


async def _fill(root: Path, tiny: TinyBackbone) -> None:
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [Target("mona", TAG)])
        model = await archive.active_model("mona")
        assert model is not None
        posts = []
        for number in range(1, RED + BLUE + 1):
            who = () if number <= 10 else (TAG,) if number % 2 else ("keqing_(genshin_impact)",)
            rating = Rating.EXPLICIT if number == 12 else Rating.GENERAL
            content = picture(number, red=bool(number % 2))
            posts.append(make_post(number, content, tags=PostTags(character=who, general=("hat",)), rating=rating))
        await list_posts(archive, [*posts, make_post(99)])  # the last one was never looked at
        for post in posts:
            await archive.file_look(_sighting(post.id, post, tiny, model))


def _sighting(number: int, post: object, tiny: TinyBackbone, model: RegisteredModel) -> Sighting:
    content = picture(number, red=bool(number % 2))
    pixels = picture_array(content, Preprocessing(SIZE))[None]
    vector = np.asarray(tiny.embed(pixels)[0]).astype("<f2").tobytes()
    card = model.card
    return Sighting(
        post=post,  # type: ignore[arg-type] # it is one
        rendition=content,
        stored=StoredFacts("360x360", "png", 40, 49),
        look=Look({"mona": 0.9 if number % 2 else 0.1}, {card.backbone_hash: vector}, 40, 49, "png"),
        models={"mona": card},
        decisions=[decide("keep" if number % 2 else "delete", card=card)],
    )
