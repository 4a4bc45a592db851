"""A larger copy for the page: fetched within the limits, stored beside what was judged, nothing decided by it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commands.context.workspace import Workspace, load_workspace
from commands.retrieval.larger_pictures import LargerPictures
from review.errors import LargerMissing, NoSuchPicture
from storage.archive_records import ArchiveSettings, StoredFacts
from storage.errors import DiskFull
from storage.files.disk import Disk
from storage.gallery_view import Picture, Renditions, pictures
from storage.lifecycle.verify import verify
from storage.moves.shown_renditions import ShownRendition, post_of, store_shown
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site


def workspace(site: SmallSite) -> Workspace:
    return load_workspace(site.root, site.folder / "crawl.toml", site.site)


def shown(site: SmallSite) -> Picture:
    with site.reader() as reader:
        return reader.ask(lambda connection: pictures(connection, [1], "mona"))[0]


@pytest.fixture
def looked_at_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """A gallery of one post that was judged by its small rendition."""
    monkeypatch.setenv("CRAWL_SCORING_SCORE_ON", "180x180")
    with small_site(tmp_path, monkeypatch) as site:
        site.gallery.add_tag(MONA, "character")
        site.post(5, MONA, bright=True)
        assert site.crawl("--tag", SERIES, "--keep", "mona").exit_code == 0
        yield site


def test_a_larger_copy_is_shown_and_what_was_judged_stays(looked_at_small: SmallSite) -> None:
    site = looked_at_small
    before = shown(site)

    asyncio.run(LargerPictures(workspace(site)).fetch(1))

    after = shown(site)
    with site.reader() as reader, closing(Renditions(reader)) as renditions:
        content = renditions.read(1)
        rows = reader.sql("SELECT name, width FROM rendition ORDER BY width").rows
    assert (before.shown_side, after.shown_side) == (180, 320)
    assert before.rendition != after.rendition
    assert before.score == after.score
    assert content
    assert rows == [("180x180", 180), ("shown", 320)]
    assert verify(site.root).whole


def test_a_larger_copy_has_the_mode_of_the_gallery_s_pictures(
    looked_at_small: SmallSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DISK_PICTURE_MODE", "0660")

    asyncio.run(LargerPictures(workspace(looked_at_small)).fetch(1))

    (path,) = looked_at_small.root.glob("renditions/*/*/*.shown.*")
    assert oct(path.stat().st_mode & 0o777) == "0o660"


def test_the_next_crawl_goes_by_what_was_judged(looked_at_small: SmallSite) -> None:
    site = looked_at_small
    asyncio.run(LargerPictures(workspace(site)).fetch(1))

    done = site.crawl("--tag", SERIES, "--keep", "mona", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["bytes_renditions"] == 0


def test_a_site_that_the_settings_name_no_more_is_named(looked_at_small: SmallSite) -> None:
    site = looked_at_small
    (site.folder / "crawl.toml").write_text("", encoding="utf-8")

    with pytest.raises(LargerMissing, match="no larger picture of post 5: "):
        asyncio.run(LargerPictures(load_workspace(site.root, site.folder / "crawl.toml")).fetch(1))

    assert shown(site).shown_side == 180


def test_an_unknown_picture_is_not_asked_for(looked_at_small: SmallSite) -> None:
    with pytest.raises(NoSuchPicture):
        asyncio.run(LargerPictures(workspace(looked_at_small)).fetch(99))


class FullDisk(Disk):
    """One whose bytes cannot be made durable any more."""

    def fsync(self, descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.fault("F01")
def test_a_full_disk_is_told_and_leaves_what_was_shown(looked_at_small: SmallSite) -> None:
    root = looked_at_small.root
    with looked_at_small.reader() as reader:
        post = post_of(reader, 1)
    assert post is not None

    picture = ShownRendition(b"bytes", StoredFacts("720x720", "jpg", 720, 405))
    with pytest.raises(DiskFull, match="free some space"):
        store_shown(root, post, picture, ArchiveSettings(disk=FullDisk()))

    assert shown(looked_at_small).shown_side == 180
    assert verify(root).whole
