"""A file system with fewer promises: what a gallery can do without is reported once, the rest is refused by name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.errors import GalleryBusy, StorageError
from storage.files.disk import NETWORK, Disk, FileSystem
from storage.lifecycle.verify import verify
from tests.storage.samples import decide, keep, list_posts, make_post, new_gallery, sight

SHARE = FileSystem("cifs", "/mnt/nas")


class WeakDisk(Disk):
    """A file system that refuses some calls, always with the same error."""

    def __init__(self, *refused: str, error: int = errno.EPERM, where: FileSystem | None = None) -> None:
        super().__init__()
        self._refused = frozenset(refused)
        self._error = error
        self._where = where

    def _perhaps(self, call: str) -> None:
        if call in self._refused:
            raise OSError(self._error, os.strerror(self._error))

    def fchmod(self, descriptor: int, mode: int) -> None:
        self._perhaps("fchmod")
        super().fchmod(descriptor, mode)

    def fsync(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_mode & 0o40000:
            self._perhaps("fsync of a folder")
        else:
            self._perhaps("fsync of a file")
        super().fsync(descriptor)

    def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
        self._perhaps("link")
        super().link(source, target, source_folder, target_folder)

    def flock(self, descriptor: int) -> None:
        self._perhaps("flock")
        super().flock(descriptor)

    def read(self, descriptor: int, most: int) -> bytes:
        self._perhaps("read")
        return super().read(descriptor, most)

    def file_system(self, path: Path) -> FileSystem | None:
        return self._where


def on(disk: Disk, **more: object) -> ArchiveSettings:
    return ArchiveSettings(reserve_bytes=0, disk=disk, **more)  # type: ignore[arg-type]  # the caller knows the fields


async def a_little_of_everything(root: Path, settings: ArchiveSettings) -> Archive:
    """Two targets keep one picture, another is rejected after it was kept; gives the closed archive."""
    first, second = make_post(1), make_post(2)
    async with Archive.open(root, settings) as archive:
        await list_posts(archive, [first, second])
        for post in (first, second):
            await archive.file_look(sight(post))
            await keep(archive, post, None, "mona", "kiara")
        await archive.file_look(sight(second, decide("delete", policy="p2")))
        await archive.moves.apply(await archive.moves.plan_apply("mona"), confirmed=True)
    return archive


ALLOWED = [
    *(("fchmod", number, "file modes") for number in (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS)),
    *(("fsync of a folder", number, "flush folders") for number in (errno.EINVAL, errno.ENOTSUP, errno.EBADF)),
    *(("link", number, "hard links") for number in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)),
]


@pytest.mark.parametrize(("call", "error", "lack"), ALLOWED)
async def test_what_a_gallery_can_do_without_is_reported_once(root: Path, call: str, error: int, lack: str) -> None:
    settings = on(WeakDisk(call, error=error, where=FileSystem("vfat", "/media/stick")), picture_mode=0o640)

    archive = await a_little_of_everything(new_gallery(root), settings)

    (line,) = archive.recovery.notes
    assert line == next(one for one in archive.recovery.lines() if lack in one)
    assert f"{root}: its file system (vfat at /media/stick)" in line
    assert verify(root).whole
    assert sum(path.is_file() for path in (root / "gallery").rglob("*")) == 3
    assert sum(path.is_file() for path in (root / "trash").rglob("*")) == 1


async def test_a_disk_that_keeps_every_promise_is_not_talked_about(root: Path) -> None:
    archive = await a_little_of_everything(new_gallery(root), on(WeakDisk()))

    assert archive.recovery.notes == ()
    assert list((root / "staging").iterdir()) == []


@pytest.mark.fault("F06")
@pytest.mark.parametrize("call", ["fsync of a folder", "fsync of a file", "link", "fchmod", "flock"])
async def test_a_failing_disk_is_no_weak_one(root: Path, call: str) -> None:
    settings = on(WeakDisk(call, error=errno.EIO), picture_mode=0o600)

    with pytest.raises(StorageError, match="Input/output error") as refused:
        await a_little_of_everything(root, settings)

    assert refused.value.exit_code == 7


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_a_gallery_is_refused_and_the_file_system_named(root: Path, error: int) -> None:
    with pytest.raises(StorageError, match=r"its file system \(cifs at /mnt/nas\) has no locks") as refused:
        Archive.open(root, on(WeakDisk("flock", error=error, where=SHARE), network_disk=True))

    assert refused.value.exit_code == 7
    assert not isinstance(refused.value, GalleryBusy)


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_that_another_program_holds_is_no_missing_lock(root: Path, error: int) -> None:
    with pytest.raises(GalleryBusy):
        Archive.open(root, on(WeakDisk("flock", error=error)))


@pytest.mark.parametrize("name", sorted(NETWORK))
def test_a_network_is_refused_before_anything_is_made_and_used_by_consent(root: Path, name: str) -> None:
    disk = WeakDisk(where=FileSystem(name, "/mnt/nas"))

    with pytest.raises(StorageError, match=f"lies on a network \\({name} at /mnt/nas\\).*network = true") as refused:
        Archive.open(root, on(disk))
    made = root.exists()
    Archive.open(new_gallery(root), on(disk, network_disk=True)).close()

    assert refused.value.exit_code == 7
    assert not made


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /mnt rw - tmpfs tmpfs rw
31 30 0:44 / /mnt/my\\040nas rw,relatime shared:5 master:2 - nfs4 server:/pictures rw,vers=4.2
32 31 0:45 / /mnt/my\\040nas/inner rw - ext4 /dev/vdb rw
33 22 0:46 / /twice rw - ext4 /dev/vdc rw
34 22 0:47 / /twice rw - fuse.sshfs me@there:/ rw
no line of the table
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/me/pictures", "ext4 at /"),
        ("/mnt/other", "tmpfs at /mnt"),
        ("/mnt/my nas", "nfs4 at /mnt/my nas"),
        ("/mnt/my nas/gallery-data", "nfs4 at /mnt/my nas"),
        ("/mnt/my nas/inner/gallery-data", "ext4 at /mnt/my nas/inner"),
        ("/mnt/my nasty", "tmpfs at /mnt"),
        ("/twice/x", "fuse.sshfs at /twice"),
    ],
)
def test_the_deepest_mount_says_where_a_path_lies(tmp_path: Path, path: str, found: str) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)

    assert str(Disk(tmp_path / "mountinfo").file_system(Path(path))) == found


def test_a_system_without_a_table_of_mounts_tells_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "none")

    assert disk.file_system(tmp_path) is None
    disk.require_local(tmp_path)


# --- bytes that cannot be read any more ------------------------------------------------------------------------------


@pytest.mark.fault("F07")
async def test_verify_counts_what_cannot_be_read_as_damage(root: Path) -> None:
    await a_little_of_everything(new_gallery(root), on(WeakDisk()))

    report = verify(root, disk=WeakDisk("read", error=errno.EIO))

    assert len(report.damaged) == report.checked == 6
    assert not report.whole


@pytest.mark.fault("F07")
async def test_a_picture_that_cannot_be_read_is_fetched_again_and_nothing_is_rejected(root: Path) -> None:
    post = make_post(1)
    await a_little_of_everything(new_gallery(root), on(WeakDisk()))
    failing = WeakDisk("read", error=errno.EIO)

    async with Archive.open(root, on(failing)) as archive:
        known = (await archive.known([post], ["mona"]))[1]
        assert known.rendition is not None
        assert await archive.read_rendition(known.rendition) is None
        assert not await archive.adopt_known_original(post, ["other"])
        await archive.file_look(sight(post))  # its bytes came over the network
        known = (await archive.known([post], ["mona"]))[1]

    assert known.decisions["mona"].value == "keep"
    assert verify(root).whole


@pytest.mark.fault("F07")
async def test_a_file_that_cannot_be_read_neither_moves_nor_is_destroyed(root: Path) -> None:
    await a_little_of_everything(new_gallery(root), on(WeakDisk()))
    before = sorted(path.name for path in (root / "gallery").rglob("*.jpg"))

    async with Archive.open(root, on(WeakDisk("read", error=errno.EIO))) as archive:
        await archive.file_look(sight(make_post(1), decide("delete", policy="p2"), rendition=None, stored=None))
        done = await archive.moves.apply(await archive.moves.plan_apply("mona"), confirmed=True)

    assert done.trashed == 0
    assert [problem.rpartition(": ")[2] for problem in done.problems] == [
        "cannot be read (Input/output error); it stays where it is"
    ]
    assert sorted(path.name for path in (root / "gallery").rglob("*.jpg")) == before
    assert verify(root).whole


# --- modes -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o000], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The process's umask, as long as the test lasts."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


OWN = ("crawl.db", ".lock", ".gallery-id", "staging", "backups")
PICTURES = ("gallery", "trash", "damaged", "renditions")


def modes(root: Path, *names: str) -> set[tuple[bool, int]]:
    """Whether each is a folder, and its mode, of these and everything below them."""
    found = [path for name in names for path in (root / name, *(root / name).rglob("*"))]
    return {(path.is_dir(), path.stat().st_mode & 0o777) for path in found if path.exists()}


@pytest.mark.fault("F19")
async def test_pictures_follow_the_umask_and_the_rest_is_private(root: Path, mask: int) -> None:
    archive = await a_little_of_everything(root, on(WeakDisk()))
    assert archive.recovery.created

    assert modes(root, *PICTURES) == {(True, 0o777 & ~mask), (False, 0o666 & ~mask)}
    assert (True, 0o777 & ~mask) in modes(root.parent, root.name)
    assert modes(root, *OWN) == {(True, 0o700), (False, 0o600)}


@pytest.mark.fault("F19")
@pytest.mark.parametrize(("mode", "of_folders"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o664, 0o775)])
async def test_a_mode_that_was_asked_for_beats_the_umask(root: Path, mask: int, mode: int, of_folders: int) -> None:
    await a_little_of_everything(root, on(WeakDisk(), picture_mode=mode))

    assert modes(root, *PICTURES) == {(True, of_folders), (False, mode)}
    assert modes(root, *OWN) == {(True, 0o700), (False, 0o600)}
