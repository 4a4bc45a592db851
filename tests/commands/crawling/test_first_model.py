"""The pictures that a first model is learned from: taken from the archive where it has them, else fetched and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pytest

from classifier.errors import PictureFault
from classifier.pictures.decoder_pool import DecodedPicture, Decoders
from commands.context.archive_protocol import CommandArchive
from commands.context.settings import RoundZero
from commands.crawling.first_model import _RenditionSource, first_step
from rounds.training_job import TrainingStep
from storage.archive_records import Sighting
from storage.records import Known, Post, StoredRendition
from tests.crawler.crew_fakes import Files, post


@dataclass(slots=True)
class StubArchive:
    """A archive with some renditions, one of which may have been lost."""

    stored: Mapping[int, str] = field(default_factory=dict)  # post -> path
    lost: bool = False
    sightings: list[Sighting] = field(default_factory=list)

    async def known(self, posts: Sequence[Post], models: Sequence[str]) -> Mapping[int, Known]:
        return {
            one.id: Known(rendition=StoredRendition("720x720", self.stored[one.id], "webp", 100, 80, 9, "sha"))
            for one in posts
            if one.id in self.stored
        }

    async def read_rendition(self, rendition: StoredRendition) -> bytes | None:
        return None if self.lost else rendition.path.encode()

    async def file_look(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)


@dataclass(slots=True)
class OneSize:
    """Decoders to which every picture is of one size."""

    width: int = 100
    height: int = 80

    async def decode(self, picture: bytes) -> DecodedPicture:
        return DecodedPicture((np.zeros((8, 8, 3), np.uint8),), self.width, self.height, "webp", 7)


def source_of(archive: StubArchive, files: Files, decoders: OneSize | None = None) -> _RenditionSource:
    return _RenditionSource(files, cast(CommandArchive, archive), cast(Decoders, decoders or OneSize()), "720x720")


async def test_a_picture_that_is_in_the_archive_is_not_fetched_and_not_kept_again() -> None:
    archive, files = StubArchive({3: "renditions/3.webp"}), Files()
    source = source_of(archive, files)

    picture = await source.picture(post(3))
    assert picture is not None
    await source.decode(picture)

    assert picture == b"renditions/3.webp"
    assert (files.asked, archive.sightings) == ([], [])


@pytest.mark.parametrize(
    "archive", [StubArchive(), StubArchive({3: "renditions/3.webp"}, lost=True)], ids=["unknown", "lost"]
)
async def test_a_picture_that_the_archive_lacks_is_fetched_and_kept_once_it_is_decoded(archive: StubArchive) -> None:
    files = Files()
    source = source_of(archive, files)

    picture = await source.picture(post(3))
    assert picture is not None
    assert archive.sightings == []
    decoded = await source.decode(picture)

    assert files.asked == ["https://cdn.example/720x720/3.webp"]
    (sighting,) = archive.sightings
    assert sighting.rendition == b"3.webp"
    assert sighting.stored is not None
    assert (sighting.stored.name, sighting.stored.width, sighting.stored.height) == ("720x720", 100, 80)
    assert (sighting.look.picture_hash, decoded.hash, tuple(sighting.decisions)) == (7, 7, ())


async def test_a_picture_of_other_dimensions_than_announced_teaches_nothing_and_is_not_kept() -> None:
    archive = StubArchive()
    source = source_of(archive, Files(), OneSize(width=180))

    picture = await source.picture(post(3))
    assert picture is not None
    with pytest.raises(PictureFault, match="wrong dimensions"):
        await source.decode(picture)

    assert archive.sightings == []


async def test_a_post_without_a_picture_brings_none() -> None:
    assert await source_of(StubArchive(), Files()).picture(post(3, hidden=True)) is None


def test_a_network_that_trains_beside_the_crawl_is_begun_by_what_takes_seconds() -> None:
    beside = RoundZero(network="fine_tuned")

    assert first_step(beside) is TrainingStep.FIRST
    assert first_step(replace(beside, network_beside=False)) is TrainingStep.NETWORK
