"""A step that places a file and records it is never left between the two, whoever is cancelled."""

import asyncio
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import Digest
from storage.files.disk import Disk
from storage.uninterrupted import uninterrupted
from tests.storage.samples import NO_RESERVE, content_of, decide, list_posts, make_post, new_gallery, sight


async def test_a_step_ends_and_its_cancellation_comes_right_after_it() -> None:
    begun, go_on, steps = asyncio.Event(), asyncio.Event(), []

    @uninterrupted
    async def step() -> str:
        begun.set()
        await go_on.wait()
        return "done"

    async def caller() -> None:
        steps.append(await step())
        steps.append("counted")
        await asyncio.Event().wait()

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert steps == ["done", "counted"]


async def test_the_error_of_a_step_reaches_a_cancelled_caller() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    @uninterrupted
    async def step() -> None:
        begun.set()
        await go_on.wait()
        raise ValueError("the disk")

    task = asyncio.create_task(step())
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()

    with pytest.raises(ValueError, match="the disk"):
        await task


class SlowDisk(Disk):
    """Gives a file its name, and does not come back for a while, from the moment on that it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.linked, self.go_on = threading.Event(), threading.Event()

    def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
        super().link(source, target, source_folder, target_folder)
        if self.is_slow:
            self.linked.set()
            self.go_on.wait(20)


async def test_an_original_that_was_placed_gets_its_row_even_if_nobody_waits_for_it(root: Path) -> None:
    disk = SlowDisk()
    async with Archive.open(new_gallery(root), replace(NO_RESERVE, disk=disk)) as archive:
        await file_while_cancelled(archive, disk)


async def file_while_cancelled(archive: Archive, disk: SlowDisk) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    await archive.file_look(sight(post, decide("keep")))
    attempt = await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
    attempt.staging.write_bytes(content_of(1))
    assert post.file is not None
    digest = Digest(len(content_of(1)), post.file.md5, hashlib.sha256(content_of(1)).hexdigest())

    disk.is_slow = True
    filing = asyncio.create_task(archive.file_original(attempt, post, ["mona"], digest))
    assert await asyncio.to_thread(disk.linked.wait, 20)
    filing.cancel()
    await asyncio.sleep(0)
    disk.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await filing

    known = await archive.known([post], ["mona"])
    assert known[1].places == {"mona": "gallery"} and known[1].open_attempts == 0
    assert len(_files(archive.root / "gallery")) == 1


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_of_two_renditions_of_one_file_the_row_describes_the_one_on_disk(archive: Archive) -> None:
    content = content_of(1)
    posts = [make_post(number, content) for number in range(1, 9)]
    await list_posts(archive, posts)
    looks = [sight(post, decide("delete"), rendition=content_of(post.id, "rendition")) for post in posts]

    await asyncio.gather(*[archive.file_look(look) for look in looks])

    stored = (await archive.known(posts[:1], ["mona"]))[1].rendition
    assert stored is not None and await archive.read_rendition(stored) is not None
