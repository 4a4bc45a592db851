"""Many renditions at once: one flush makes them all durable, and where it fails none of them is believed."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.errors import DatabaseBusy, DatabaseUnreachable, DiskFull, StorageError
from storage.files import disk
from storage.files.disk import Disk, FileSystem
from storage.lifecycle.verify import verify
from storage.looks.together import each_alone
from storage.records import Post
from tests.storage.journal import watched
from tests.storage.samples import list_posts, make_post, new_gallery, sight

MANY = 20


class QuietDisk(Disk):
    """A disk to which nobody else writes; its flush of everything fails, or is refused, when an error is given."""

    def __init__(self, error: int | None = None) -> None:
        super().__init__()
        self.error = error
        self.type = "ext4"
        self.flushes = 0
        self.told: Callable[[], None] = lambda: None  # after each

    def unflushed_bytes(self) -> int | None:
        return 0

    def file_system(self, path: Path) -> FileSystem | None:
        return FileSystem(self.type, str(path))

    def flush_everything(self, descriptor: int) -> None:
        self.flushes += 1
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        super().flush_everything(descriptor)
        self.told()


pytestmark = pytest.mark.skipif(not disk.tells_of_failures(), reason="this system cannot flush a whole file system")


def on(quiet: Disk) -> ArchiveSettings:
    return ArchiveSettings(reserve_bytes=0, disk=quiet)


async def looks(archive: Archive, posts: list[Post]) -> list[BaseException | None]:
    """Look at all of them at once, each after its attempt is recorded; gives the errors."""
    await list_posts(archive, posts)

    async def look(post: Post) -> None:
        attempt = await archive.begin_attempt(post, "rendition", "http://127.0.0.1/x")
        await archive.file_look(sight(post, attempt=attempt))

    return await asyncio.gather(*(look(post) for post in posts), return_exceptions=True)


async def test_looks_at_once_are_durable_before_their_rows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = QuietDisk()
    async with Archive.open(new_gallery(root), on(quiet)) as archive:
        with watched(root, monkeypatch) as journal:
            quiet.told = journal.everything_flushed
            errors = await looks(archive, [make_post(number) for number in range(1, MANY + 1)])

    assert errors == [None] * MANY
    assert journal.wrong == journal.in_the_air == []
    assert 1 <= quiet.flushes < MANY / 2
    assert verify(root).whole
    assert len([path for path in (root / "renditions").rglob("*") if path.is_file()]) == MANY


@pytest.mark.fault("F06")
async def test_where_the_flush_of_everything_fails_no_rendition_is_believed(root: Path) -> None:
    quiet = QuietDisk(errno.EIO)
    posts = [make_post(number) for number in range(1, MANY + 1)]
    async with Archive.open(new_gallery(root), on(quiet)) as archive:
        errors = await looks(archive, posts)
        known = await archive.known(posts, ["mona"])
        quiet.error = None
        again = await looks(archive, posts)

    assert quiet.flushes > 1
    failed = [error for error in errors if error is not None]
    assert len(failed) > MANY / 2
    assert all(isinstance(error, StorageError) and error.exit_code == 7 for error in failed)
    for post, error in zip(posts, errors, strict=True):
        assert (known[post.id].rendition is None) is (error is not None)
    assert again == [None] * MANY
    assert verify(root).whole


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EINVAL, errno.EPERM])
async def test_where_everything_cannot_be_flushed_at_once_files_are_flushed_one_by_one(root: Path, error: int) -> None:
    quiet = QuietDisk(error)
    async with Archive.open(new_gallery(root), on(quiet)) as archive:
        errors = await looks(archive, [make_post(number) for number in range(1, MANY + 1)])

    assert errors == [None] * MANY
    assert quiet.flushes == 1
    assert verify(root).whole


async def test_one_look_that_cannot_be_recorded_fails_alone(root: Path) -> None:
    posts = [make_post(number) for number in range(1, MANY + 1)]
    async with Archive.open(new_gallery(root), on(QuietDisk())) as archive:
        await list_posts(archive, posts)
        shown = [sight(post) for post in posts]
        shown[7] = replace(shown[7], post=replace(posts[7], file=None, hidden_reason="banned"))
        shown[9] = replace(shown[9], look=replace(shown[9].look, picture_hash=1 << 64))
        errors = await asyncio.gather(*(archive.file_look(one) for one in shown), return_exceptions=True)
        known = await archive.known(posts, ["mona"])

    assert [number for number, error in enumerate(errors) if error is not None] == [7, 9]
    assert [bool(known[post.id].decisions) for post in posts] == [number not in (7, 9) for number in range(MANY)]


@pytest.mark.fault("F06")
async def test_a_rendition_that_was_here_before_outlives_a_failed_flush_of_everything(root: Path) -> None:
    quiet = QuietDisk()
    posts = [make_post(number) for number in range(1, MANY + 1)]
    async with Archive.open(new_gallery(root), on(quiet)) as archive:
        await looks(archive, posts[: MANY // 2])
        before = {path: path.read_bytes() for path in (root / "renditions").rglob("*") if path.is_file()}
        quiet.error = errno.EIO
        errors = await looks(archive, posts)

    assert any(errors)
    assert len(before) == MANY // 2
    assert {path: path.read_bytes() for path in before} == before
    assert verify(root).whole


@pytest.mark.parametrize("type_", ["fuse.mergerfs", "fuseblk", "vfat", "ntfs3"])
async def test_where_a_flush_of_everything_promises_less_files_are_flushed_one_by_one(root: Path, type_: str) -> None:
    quiet = QuietDisk()
    quiet.type = type_
    async with Archive.open(new_gallery(root), on(quiet)) as archive:
        errors = await looks(archive, [make_post(number) for number in range(1, MANY + 1)])

    assert errors == [None] * MANY
    assert quiet.flushes == 0


@pytest.mark.parametrize("refusal", [DatabaseBusy("busy"), DatabaseUnreachable("gone"), DiskFull("full")])
async def test_what_nobody_is_at_fault_for_is_waited_for_once(refusal: Exception) -> None:
    written: list[int] = []

    async def write(some: Sequence[int]) -> Sequence[int]:
        written.append(len(some))
        raise refusal

    assert await each_alone(range(MANY), write) == [refusal] * MANY
    assert written == [MANY]


async def test_nor_is_it_waited_for_again_once_it_comes_between_others() -> None:
    busy = DatabaseBusy("busy")
    asked: list[int] = []

    async def write(some: Sequence[int]) -> Sequence[int]:
        if len(some) > 1:
            raise ValueError
        asked.extend(some)
        if some[0] >= 3:
            raise busy
        return some

    assert await each_alone(range(6), write) == [0, 1, 2, busy, busy, busy]
    assert asked == [0, 1, 2, 3]


def test_a_disk_that_others_write_to_is_flushed_file_by_file(tmp_path: Path) -> None:
    memory, mounts = tmp_path / "meminfo", tmp_path / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    found = []
    for text in ("Dirty: 12 kB\nWriteback: 0 kB\n", f"Dirty: {disk.LITTLE // 1024} kB\nWriteback: 1 kB\n", "", None):
        memory.unlink(missing_ok=True)
        if text is not None:
            memory.write_text(text)
        found.append(Disk(mounts, memory).flushes_together(tmp_path))

    assert found == [True, False, False, False]
