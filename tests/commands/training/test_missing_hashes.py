"""A gallery from before hashes were kept: the first round finds the copies in it."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.pictures.dhash import NEAR, dhash
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, Sighting, StoredFacts, Work
from storage.records import Look
from tests.commands.training.test_rounds import POSTS, crawl, fill

COPIES = (1, 2)


def drawing() -> Image.Image:
    small = np.random.default_rng(0).integers(0, 255, (6, 5, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((300, 360), Image.Resampling.BICUBIC)


def rendition(number: int) -> bytes:
    """The same drawing twice: whole, and smaller in another format."""
    stream = io.BytesIO()
    if number == COPIES[0]:
        drawing().save(stream, "PNG")
    else:
        drawing().resize((150, 180)).save(stream, "JPEG", quality=70)
    return stream.getvalue()


async def keep_renditions(root: Path) -> None:
    """As an older program would: the pictures of two posts, without their hashes."""
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        listing = await archive.open_listing("demo", "genshin_impact")
        posts = await archive.unfinished(listing.id, Work(("mona",), {"mona": "x"}), limit=POSTS)
        for post in posts:
            if post.id in COPIES:
                facts = StoredFacts("720x720", "png" if post.id == COPIES[0] else "jpg", 300, 360)
                await archive.file_look(
                    Sighting(post=post, look=Look(), decisions=(), rendition=rendition(post.id), stored=facts)
                )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    asyncio.run(fill(root))
    asyncio.run(keep_renditions(root))
    return root


def test_a_round_hashes_stored_pictures_and_remembers_the_part_of_every_picture(root: Path) -> None:
    assert crawl(root, "train", "mona", "--how", "head", "--quiet").exit_code == 0

    with open_reader(root) as reader:
        hashes = reader.sql(
            "SELECT post.post_id, picture_hash FROM file_version JOIN post ON post.key = post_key "
            "WHERE picture_hash IS NOT NULL ORDER BY 1"
        ).rows
        parts = reader.sql("SELECT post_id, value FROM part JOIN post ON post.key = post_key").rows
    of = {int(post): str(part) for post, part in parts}
    assert [post for post, _hash in hashes] == list(COPIES)
    assert all((int(hash_) % 2**64 ^ dhash(drawing())).bit_count() <= NEAR for _post, hash_ in hashes)
    assert len(of) == POSTS
    assert set(of.values()) == {"train", "validation", "test"}
    assert of[COPIES[0]] == of[COPIES[1]]


def test_a_second_round_changes_no_part(root: Path) -> None:
    found = []
    for _ in range(2):
        assert crawl(root, "train", "mona", "--how", "head", "--quiet").exit_code == 0
        with open_reader(root) as reader:
            found.append(reader.sql("SELECT post_key, value FROM part ORDER BY 1").rows)

    assert found[0] == found[1]
