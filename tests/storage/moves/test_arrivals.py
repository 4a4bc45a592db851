"""What other programs fetched comes in whole or not at all, and is never fetched again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.errors import RefusedFile
from storage.moves.arrivals import Arrival
from storage.records import PostTags
from tests.storage.samples import content_of, make_post

MD5 = hashlib.md5(content_of(1)).hexdigest()


@pytest.fixture
def arrival(tmp_path: Path) -> Arrival:
    path = tmp_path / "downloads" / f"demo_1_{MD5}.jpg"
    path.parent.mkdir()
    path.write_bytes(content_of(1))
    return Arrival(path=path, md5s=(MD5,), ext="jpg", width=1600, height=900)


def files_of(root: Path) -> list[str]:
    return [
        p.relative_to(root).as_posix() for d in ("renditions", "staging", "gallery") for p in root.glob(f"{d}/**/*.*")
    ]


@pytest.mark.parametrize("link", [False, True])
async def test_a_file_of_a_post_is_looked_at_and_kept_without_the_site(
    archive: Archive, root: Path, arrival: Arrival, link: bool
) -> None:
    taken = await archive.arrivals.take(arrival, link=link)
    post = make_post(1)
    run_id = 1
    await archive.arrivals.file_posts([post], run_id)

    known = (await archive.known([post], ["mona"]))[1]
    assert known.rendition is not None
    assert await archive.read_rendition(known.rendition) == content_of(1)
    assert await archive.adopt_known_original(post, ["mona"])
    assert (root / f"gallery/mona/1_{MD5}.jpg").read_bytes() == content_of(1)
    assert taken.linked is link
    assert arrival.path.samefile(root / f"gallery/mona/1_{MD5}.jpg") is link


async def test_a_post_that_is_only_listed_later_finds_its_file_by_md5(archive: Archive, arrival: Arrival) -> None:
    await archive.arrivals.take(arrival, link=False)

    assert await archive.arrivals.here([MD5, "0" * 32]) == {MD5}
    assert await archive.adopt_known_original(make_post(1), ["mona"])


@pytest.mark.parametrize("link", [False, True])
async def test_other_bytes_than_the_md5_says_leave_nothing_behind(
    archive: Archive, root: Path, arrival: Arrival, link: bool
) -> None:
    arrival.path.write_bytes(b"cut short")

    with pytest.raises(RefusedFile, match="its md5 is"):
        await archive.arrivals.take(arrival, link=link)
    assert files_of(root) == []
    assert arrival.path.read_bytes() == b"cut short"
    assert not await archive.arrivals.here([MD5])


async def test_what_is_no_file_and_what_is_no_type_of_a_post_is_refused(archive: Archive, arrival: Arrival) -> None:
    with pytest.raises(RefusedFile, match="file type 'exe'"):
        await archive.arrivals.take(replace(arrival, ext="exe"), link=False)
    arrival.path.unlink()
    with pytest.raises(FileNotFoundError):
        await archive.arrivals.take(arrival, link=False)
    os.mkfifo(arrival.path)
    with pytest.raises(OSError, match="is a pipe"):
        await archive.arrivals.take(arrival, link=True)


async def test_a_file_that_was_placed_and_not_recorded_is_recorded_by_the_next_try(
    archive: Archive, root: Path, arrival: Arrival
) -> None:
    place = root / "renditions" / MD5[:2] / MD5[2:4] / f"{MD5}.original.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(content_of(1))
    assert not await archive.arrivals.here([MD5])

    await archive.arrivals.take(arrival, link=False)

    assert await archive.arrivals.here([MD5]) == {MD5}
    place.unlink()
    assert not await archive.arrivals.here([MD5]), "a row alone is no file"


async def test_what_the_site_said_later_stays(archive: Archive) -> None:
    now = make_post(1)
    before = replace(now, updated_at=now.updated_at - timedelta(days=1), tags=PostTags(general=("old",)))
    after = replace(now, updated_at=now.updated_at + timedelta(days=1), tags=PostTags(general=("new",)))

    assert await archive.arrivals.file_posts([now], 1) == 1
    assert await archive.arrivals.file_posts([before], 1) == 0
    assert await archive.arrivals.file_posts([after], 1) == 1
    assert await archive.arrivals.file_posts([], 1) == 0
