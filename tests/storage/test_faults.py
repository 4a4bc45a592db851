"""What a broken world does to a gallery: nothing is lost, nothing foreign is touched, one line says what happened."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from migrations import HEAD
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, Label
from storage.database.engines.location import database_of
from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseNewer,
    DiskFull,
    GalleryBusy,
    RefusedRoot,
    StorageError,
    WrongRoot,
)
from storage.files.disk import Disk
from storage.label_writer import Labelling
from storage.lifecycle.verify import verify
from storage.records import LabelValue
from tests.equipment import galleries_on
from tests.storage.samples import (
    NO_RESERVE,
    content_of,
    decide,
    digest_of,
    keep,
    list_posts,
    make_post,
    new_gallery,
    relabel,
    sight,
)

IMPATIENT = ArchiveSettings(reserve_bytes=0, busy_timeout_s=0.05)


async def filled(root: Path, *numbers: int) -> None:
    """A gallery with these posts kept."""
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(number) for number in numbers])
        for number in numbers:
            await archive.file_look(sight(make_post(number)))
            await keep(archive, make_post(number))


class FullDisk(Disk):
    """As much room as there is, until `free` is set."""

    free: int | None = None  # bytes

    def free_bytes(self, path: Path) -> int:
        return super().free_bytes(path) if self.free is None else self.free


def bytes_below(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# --- the root --------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F18")
@pytest.mark.parametrize("place", ["/", "~", "~/.."])
def test_the_disk_and_the_home_folder_are_no_galleries(place: str) -> None:
    with pytest.raises(RefusedRoot) as refused:
        Archive.open(Path(place).expanduser())

    assert refused.value.exit_code == 2


@pytest.mark.fault("F18")
def test_a_folder_with_foreign_things_is_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")

    with pytest.raises(RefusedRoot, match=r"thesis\.txt"):
        Archive.open(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.fault("F18")
async def test_a_gallery_inside_a_gallery_is_refused(root: Path) -> None:
    await filled(root, 1)

    with pytest.raises(RefusedRoot, match="inside another gallery"):
        Archive.open(root / "gallery" / "inner")


@pytest.mark.fault("F14")
def test_a_root_that_must_exist_and_does_not_is_not_made(root: Path) -> None:
    with pytest.raises(WrongRoot, match="mounted"):
        Archive.open(root, ArchiveSettings(create=False))

    assert not root.exists()


@pytest.mark.fault("F14")
@pytest.mark.sqlite("test_postgres has the server's")
async def test_another_gallerys_database_is_recognised(tmp_path: Path) -> None:
    Archive.open(tmp_path / "two", NO_RESERVE).close()
    await filled(tmp_path / "one", 1)
    shutil.copy(tmp_path / "two" / "crawl.db", tmp_path / "one" / "crawl.db")
    before = bytes_below(tmp_path / "one" / "gallery")

    with pytest.raises(WrongRoot) as refused:
        Archive.open(tmp_path / "one")

    assert refused.value.exit_code == 7
    assert bytes_below(tmp_path / "one" / "gallery") == before


@pytest.mark.fault("P06")
async def test_a_second_program_is_refused_at_once_and_may_start_when_the_first_is_gone(root: Path) -> None:
    first = Archive.open(root, ArchiveSettings(reserve_bytes=0, command="crawl --tag x"))

    with pytest.raises(GalleryBusy, match=f"process {os.getpid()}, crawl --tag x") as refused:
        Archive.open(root, NO_RESERVE)
    first.close()
    second = Archive.open(root, NO_RESERVE)
    second.close()

    assert refused.value.exit_code == 9


@pytest.mark.fault("P06")
def test_killing_the_owner_frees_the_gallery(root: Path) -> None:
    new_gallery(root)
    code = (
        "import time; from pathlib import Path; from storage.archive import Archive\n"
        "from storage.archive_records import ArchiveSettings\n"
        f"a = Archive.open(Path({str(root)!r}), ArchiveSettings(reserve_bytes=0))\n"
        "print('open', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    owner.stdout.readline()

    with pytest.raises(GalleryBusy):
        Archive.open(root, NO_RESERVE)
    owner.kill()
    owner.communicate()
    archive = Archive.open(root, NO_RESERVE)
    archive.close()

    assert not archive.recovery.clean


# --- the database ----------------------------------------------------------------------------------------------------


def damage(kind: str, database: Path) -> None:
    content = bytearray(database.read_bytes())
    if kind == "cut":
        content = content[: len(content) // 2]
    elif kind == "header":
        content[:16] = b"x" * 16
    elif kind == "page":
        content[4096 * 2 : 4096 * 3] = bytes(4096)
    elif kind == "empty":
        content = bytearray()
    else:
        content[68:72] = b"\0\0\0\1"
    database.write_bytes(content)


@pytest.mark.fault("D06")
@pytest.mark.sqlite("it damages the file")
@pytest.mark.parametrize("kind", ["cut", "header", "page", "empty", "application"])
async def test_a_damaged_database_is_left_as_it_is(root: Path, kind: str) -> None:
    await filled(root, 1)
    damage(kind, root / "crawl.db")
    before = bytes_below(root)

    with pytest.raises(DatabaseDamaged, match="backup") as refused:
        Archive.open(root, NO_RESERVE)

    assert refused.value.exit_code == 8
    after = bytes_below(root)
    ours = {name for name in after if name.endswith((".lock", "-wal", "-shm"))}
    assert {name: content for name, content in after.items() if name not in ours} == {
        name: content for name, content in before.items() if name not in ours
    }


@pytest.mark.fault("D07")
@pytest.mark.sqlite("it removes the file")
async def test_a_missing_database_is_not_replaced_by_an_empty_one(root: Path) -> None:
    await filled(root, 1)
    (root / "crawl.db").unlink()

    with pytest.raises(DatabaseMissing) as refused:
        Archive.open(root, NO_RESERVE)
    with pytest.raises(DatabaseMissing):
        open_reader(root)

    assert refused.value.exit_code == 8
    assert not (root / "crawl.db").exists()


@pytest.mark.fault("D08")
async def test_a_newer_schema_is_left_alone(root: Path) -> None:
    await filled(root, 1)
    engine = database_of(root).writing_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    for opening in (lambda: Archive.open(root, NO_RESERVE), lambda: open_reader(root)):
        with pytest.raises(DatabaseNewer, match="upgrade"):
            opening()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").all() == [("9999",)]
    engine.dispose()


@pytest.mark.fault("D01")
@pytest.mark.sqlite("test_postgres has the server's lock")
def test_work_waits_for_another_programs_short_write(archive: Archive, root: Path) -> None:
    other = sqlite3.connect(root / "crawl.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.15, other.rollback)
    release.start()

    listing = asyncio.run(archive.open_listing("demo", "x"))

    release.join()
    other.close()
    assert listing.id == 1


@pytest.mark.fault("D02")
@pytest.mark.sqlite("test_postgres has the server's lock")
async def test_a_database_held_for_too_long_is_busy_and_can_be_used_afterwards(root: Path) -> None:
    async with Archive.open(root, IMPATIENT) as archive:
        with closing(sqlite3.connect(root / "crawl.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseBusy) as refused:
                await archive.open_listing("demo", "x")
            other.rollback()

        assert refused.value.exit_code == 8
        assert (await archive.open_listing("demo", "x")).id == 1


@pytest.mark.fault("D03", "D04")
def test_every_write_begins_immediately_so_no_update_is_lost(archive: Archive, root: Path) -> None:
    engine = database_of(root).writing_engine(owner=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")

    def count() -> None:
        for _ in range(60):
            with engine.begin() as connection:
                n = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar_one() == 240
        connection.exec_driver_sql("DROP TABLE counter")


@pytest.mark.fault("D05")
def test_orphans_are_refused_by_every_connection(archive: Archive, root: Path) -> None:
    engine = database_of(root).writing_engine(owner=False)

    for _ in range(3):
        with pytest.raises(Exception, match=r"(?i)foreign key"), engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO post_tag (post_key, tag_id) VALUES (99, 99)")


@pytest.mark.fault("X03")
@pytest.mark.parametrize("table", ["decision", "label"])
@pytest.mark.parametrize(
    "change", ["UPDATE {0} SET value = 'delete'", "DELETE FROM {0}", "REPLACE INTO {0} SELECT * FROM {0}"]
)
async def test_decisions_and_labels_can_be_neither_changed_nor_removed(
    archive: Archive, root: Path, table: str, change: str
) -> None:
    await list_posts(archive, [make_post(1)])
    await archive.file_look(sight(make_post(1)))
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "k")])
    if galleries_on.on_a_server() and change.startswith("REPLACE"):
        return  # no word of the server's
    engine = database_of(root).writing_engine(owner=False)

    with pytest.raises(Exception, match="appended"), engine.begin() as connection:
        connection.exec_driver_sql(change.format(table))


@pytest.mark.parametrize(
    "row",
    [
        "'delete', 'score', NULL, 'h'",
        "'delete', 'score', 1.5, 'h'",
        "'delete', 'fault', 0.1, 'h'",
        "'delete', 'score', 0.1, ''",
        "'delete', 'tag', 0.1, 'h'",
    ],
)
async def test_doubt_never_deletes_whoever_writes(archive: Archive, root: Path, row: str) -> None:
    await list_posts(archive, [make_post(1)])
    engine = database_of(root).writing_engine(owner=False)

    with pytest.raises(Exception, match="a delete needs"), engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO decision"
            " (version_id, target, reason, policy, decided_at, value, decided_by, score, model_hash)"
            f" VALUES (1, 'mona', 'x', 'p', '2024-01-01 00:00:00.000000', {row})"
        )


@pytest.mark.fault("X03")
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "INSERT INTO move (file_id, from_place, to_place, from_path, to_path, opened_at)"
            " VALUES (1, 'gallery', 'trash', 'x', 'y', '2024-01-01 00:00:00.000000')",
            "only what is decided",
        ),
        ("UPDATE file SET place = 'trash'", "by a recorded move"),
        ("UPDATE file SET place = 'purged'", "by a recorded move"),
        ("DELETE FROM file", "kept for ever"),
    ],
)
async def test_nothing_leaves_the_gallery_without_a_decision(root: Path, statement: str, message: str) -> None:
    await filled(root, 1)
    engine = database_of(root).writing_engine()

    with pytest.raises(Exception, match=message), engine.begin() as connection:
        connection.exec_driver_sql(statement)


async def test_one_bad_operation_fails_alone(archive: Archive) -> None:
    good, bad = make_post(1), make_post(2, ext="php", renditions=())

    def explode(_connection: Any) -> None:
        raise ValueError("mine alone")

    results = await asyncio.gather(
        list_posts(archive, [good]),
        archive._access.write(explode),
        list_posts(archive, [bad], "other"),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [int, ValueError, int]
    assert set(await archive.known([good, bad], ["mona"])) == {1, 2}


@pytest.mark.fault("D11")
async def test_cancelling_a_caller_at_any_moment_leaves_the_archive_whole(archive: Archive) -> None:
    posts = [make_post(number) for number in range(1, 31)]
    await list_posts(archive, posts)

    async def journey(number: int) -> None:
        attempt = await archive.begin_attempt(posts[number], "rendition", "http://127.0.0.1/x")
        await archive.file_look(sight(posts[number], attempt=attempt))

    for number in range(30):
        task = asyncio.create_task(journey(number))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await asyncio.gather(*(archive.file_look(sight(post)) for post in posts))

    known = await archive.known(posts, ["mona"])
    assert all(known[post.id].decisions["mona"] == decide() for post in posts)


@pytest.mark.fault("D12")
def test_an_exception_before_closing_does_not_keep_the_process(root: Path) -> None:
    code = (
        "from pathlib import Path; from storage.archive import Archive\n"
        "from storage.archive_records import ArchiveSettings\n"
        f"a = Archive.open(Path({str(root)!r}), ArchiveSettings(reserve_bytes=0))\n"
        "raise SystemExit(3)"
    )

    ended = subprocess.run([sys.executable, "-c", code], timeout=120, check=False)

    assert ended.returncode == 3


@pytest.mark.fault("D13")
def test_started_programs_inherit_no_descriptor_of_the_gallery(archive: Archive, root: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in range(3, 60) "
         "if os.path.islink(f'/proc/self/fd/{n}')])"],
        capture_output=True, text=True, check=True, close_fds=False,
    )  # fmt: skip

    assert str(root) not in listed.stdout


# --- the disk --------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F03")
async def test_a_disk_below_the_reserve_is_not_filled_further(root: Path) -> None:
    await filled(root, 1)

    with pytest.raises(DiskFull, match="MB are free") as refused:
        Archive.open(root, ArchiveSettings(reserve_bytes=2**60))

    assert refused.value.exit_code == 7


@pytest.mark.fault("F03")
async def test_a_run_stops_at_the_reserve_and_can_still_commit_and_clean_up(
    root: Path,
) -> None:
    await filled(root, 1)
    first, second, disk = make_post(1), make_post(2), FullDisk()
    async with Archive.open(root, ArchiveSettings(reserve_bytes=1_000_000, disk=disk)) as archive:
        await list_posts(archive, [second])
        attempt = await archive.begin_attempt(second, "rendition", "http://127.0.0.1/x")
        disk.free = 999_999

        with pytest.raises(DiskFull, match="less than the reserve of 1 MB") as refused:
            await archive.file_look(sight(second, attempt=attempt))

        assert refused.value.exit_code == 7
        await archive.file_look(sight(first, decide("delete", policy="p2"), rendition=None, stored=None))
        assert (
            await archive.moves.apply(await archive.moves.plan_apply())
        ).trashed == 1  # to move and to record takes no room

    assert verify(root).whole
    assert not list((root / "staging").iterdir())


@pytest.mark.fault("F01", "F02")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_stops_with_the_path_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        asyncio.run(fill_up(disk))
    finally:
        subprocess.run(["umount", disk], check=True)


async def fill_up(disk: Path) -> None:
    root = disk / "gallery-data"
    big = [make_post(number, os.urandom(300_000)) for number in range(1, 20)]
    stored = []
    archive = Archive.open(root, NO_RESERVE)
    await list_posts(archive, big)
    with pytest.raises(DiskFull, match="free some space"):
        for post in big:
            await archive.file_look(sight(post, rendition=os.urandom(200_000)))
            stored.append(post.id)
    archive.close()
    report = verify(root)
    assert report.database == report.missing == report.damaged == ()
    (root / "renditions").rename(disk / "away")
    shutil.rmtree(disk / "away")
    async with Archive.open(root, NO_RESERVE) as archive:
        known = await archive.known(big, ["mona"])
        assert {post.id for post in big if known[post.id].decisions} >= set(stored)
        await archive.file_look(sight(big[-1], rendition=b"small"))


@pytest.mark.fault("F05")
async def test_the_file_size_limit_is_an_error_and_not_a_short_file(archive: Archive, root: Path) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(DiskFull):
            await archive.file_look(sight(post, rendition=bytes(600_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert list((root / "staging").iterdir()) == []
    assert not any(path.is_file() for path in (root / "renditions").rglob("*"))
    assert not (await archive.known([post], ["mona"]))[1].decisions


@pytest.mark.fault("F06")
@pytest.mark.parametrize("nth", range(1, 9))
async def test_a_failed_flush_is_never_believed(
    archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    flush, calls = os.fsync, iter(range(1, 100))

    def failing(descriptor: int) -> None:
        if next(calls) == nth:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    failed = False
    try:
        await archive.file_look(sight(post))
        await keep(archive, post)
    except StorageError as error:
        failed = error.exit_code == 7
    monkeypatch.undo()
    known = (await archive.known([post], ["mona"]))[1]

    assert failed or next(calls) <= nth
    for path in [known.rendition.path] if known.rendition else []:
        assert (root / path).read_bytes() == content_of(1, "rendition")
    await archive.file_look(sight(post))
    await keep(archive, post)
    assert verify(root).missing == verify(root).damaged == ()


@pytest.mark.fault("F12")
@pytest.mark.parametrize("folder", ["gallery", "gallery/mona", "staging", "renditions", "trash"])
async def test_a_link_where_a_folder_should_be_is_not_followed(root: Path, tmp_path: Path, folder: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "letter").write_text("x")
    await filled(root, 1)
    archive = Archive.open(root, NO_RESERVE)
    post = make_post(2)
    await list_posts(archive, [post])
    (root / folder).rename(tmp_path / "away")
    (root / folder).symlink_to(victim)

    try:
        if folder == "trash":
            await archive.file_look(sight(make_post(1), decide("delete", policy="p2")))
        with pytest.raises(StorageError) as refused:
            await archive.file_look(sight(post))
            attempt = await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
            (root / "staging" / f"{attempt.id}.part").write_bytes(content_of(2))
            await archive.file_original(attempt, post, ["mona"], digest_of(content_of(2)))
            await archive.moves.apply(await archive.moves.plan_apply())
    finally:
        archive.close()

    assert refused.value.exit_code == 7
    assert bytes_below(victim) == {str(victim / "letter"): b"x"}
    if folder != "gallery/mona":
        with pytest.raises(StorageError):
            Archive.open(root, NO_RESERVE)


@pytest.mark.fault("F13")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "file"])
async def test_whatever_has_the_name_of_an_original_already_is_left_alone(
    archive: Archive, root: Path, tmp_path: Path, kind: str
) -> None:
    post = make_post(1)
    assert post.file is not None
    await list_posts(archive, [post])
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (root / "gallery" / "mona").mkdir()
    planted = root / "gallery" / "mona" / f"1_{post.file.md5}.jpg"
    if kind == "link":
        planted.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(planted)
    elif kind == "folder":
        planted.mkdir()
    else:
        planted.write_bytes(b"somebody else's")

    with pytest.raises(StorageError, match="move it away"):
        await keep(archive, post)

    assert victim.read_bytes() == b"precious"
    assert planted.name in {path.name for path in planted.parent.iterdir()}


@pytest.mark.fault("F13")
async def test_a_hard_link_planted_as_a_rendition_does_not_harm_its_other_name(
    archive: Archive, root: Path, tmp_path: Path
) -> None:
    post = make_post(1)
    assert post.file is not None
    await list_posts(archive, [post])
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = root / "renditions" / post.file.md5[:2] / post.file.md5[2:4]
    folder.mkdir(parents=True)
    os.link(victim, folder / f"{post.file.md5}.360x360.jpg")

    await archive.file_look(sight(post))

    assert victim.read_bytes() == b"precious"
    assert verify(root).whole


# --- verification ----------------------------------------------------------------------------------------------------


@pytest.mark.fault("B13", "F16")
async def test_verify_finds_what_people_did_to_the_files_and_touches_nothing(root: Path) -> None:
    await filled(root, 1, 2, 3)
    files = sorted((root / "gallery" / "mona").iterdir())
    files[0].unlink()
    files[1].write_bytes(content_of(2)[:-1] + b"!")
    files[2].rename(files[2].with_name("mine.jpg"))
    before = bytes_below(root / "gallery")

    report = verify(root)

    assert report.missing == (f"gallery/mona/{files[0].name}", f"gallery/mona/{files[2].name}")
    assert report.damaged == (f"gallery/mona/{files[1].name}",)
    assert report.foreign == ("gallery/mona/mine.jpg",)
    assert report.database == ()
    assert bytes_below(root / "gallery") == before
    assert not report.whole


@pytest.mark.fault("B13")
async def test_damaged_files_are_set_aside_and_fetched_again(root: Path) -> None:
    await filled(root, 1, 2, 3)
    files = sorted((root / "gallery" / "mona").iterdir())
    files[0].write_bytes(b"rotten")
    files[1].unlink()
    rendition = next(path for path in (root / "renditions").rglob("*") if path.is_file())
    rendition.write_bytes(b"rotten too")

    async with Archive.open(root, NO_RESERVE) as archive:
        assert await archive.set_aside(verify(root)) == 3
        known = await archive.known([make_post(1), make_post(2), make_post(3)], ["mona"])
        assert [one.places["mona"] for one in known.values()] == ["damaged", "damaged", "gallery"]
        assert {path.read_bytes() for path in (root / "damaged").iterdir()} == {b"rotten", b"rotten too"}
        assert verify(root).whole
        for number in (1, 2):
            assert not await archive.adopt_known_original(make_post(number), ["mona"])
            await keep(archive, make_post(number))

    assert verify(root).whole
    assert [path.read_bytes() for path in files] == [content_of(number) for number in (1, 2, 3)]


async def test_verify_is_content_with_an_untouched_gallery(root: Path) -> None:
    await filled(root, 1, 2)

    report = verify(root)

    assert report.whole
    assert (report.checked, report.lines()) == (4, [])


@pytest.mark.fault("F16")
async def test_missing_files_are_neither_forgotten_nor_counted_as_rejected(root: Path) -> None:
    await filled(root, 1)
    next((root / "gallery" / "mona").iterdir()).unlink()

    async with Archive.open(root, NO_RESERVE) as archive:
        known = (await archive.known([make_post(1)], ["mona"]))[1]

    assert known.decisions["mona"].value == "keep"
    assert known.places == {"mona": "gallery"}


@pytest.mark.fault("P07")
async def test_labels_can_be_written_beside_a_crawl(archive: Archive, root: Path) -> None:
    await list_posts(archive, [make_post(1)])
    word = Label(1, "demo", "mona", LabelValue.DELETE, "me", "click")

    with Labelling(root) as labelling:
        first, again = labelling.relabel([word]), labelling.relabel([word])

    assert (first.recorded, first.repeated, again.recorded, again.repeated) == (1, 0, 0, 1)
    assert (await archive.known([make_post(1)], ["mona"]))[1].labels == {"mona": "delete"}


def test_the_schema_is_the_newest_that_the_program_knows(archive: Archive, root: Path) -> None:
    with open_reader(root) as reader:
        assert reader.status().schema == HEAD
