"""A gallery whose pictures are objects ends in the state of one in a folder, whatever happens on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, Label
from storage.errors import ArchiveError, DatabaseMissing, ObjectsUnreachable, RefusedRoot, StorageError, WrongRoot
from storage.gallery_view import Renditions
from storage.lifecycle.verify import verify
from storage.moves.trash import TrashChoice
from storage.records import LabelValue
from tests.equipment.clock import ShiftedClock
from tests.equipment.object_server import ObjectServer
from tests.equipment.postgres import PostgresServer
from tests.storage.deaths import Killed, Reaper, bury
from tests.storage.lifecycle.test_recovery import digest, story
from tests.storage.samples import (
    CARD,
    NO_RESERVE,
    content_of,
    decide,
    keep,
    list_posts,
    make_post,
    new_gallery_in_a_file,
    relabel,
    sight,
)


@pytest.fixture
def settings(objects: ObjectServer) -> ArchiveSettings:
    """Of a new gallery whose pictures go into a bucket of its own."""
    return replace(NO_RESERVE, files=objects.address())


def lived(root: Path, settings: ArchiveSettings) -> list[str]:
    async def live() -> None:
        async with Archive.open(root, settings) as archive:
            await story(archive)

    asyncio.run(live())
    return digest(root)


def in_a_folder(root: Path) -> list[str]:
    return lived(new_gallery_in_a_file(root), NO_RESERVE)


def pictures(root: Path) -> dict[str, bytes]:
    """All files below a root that are no part of the machine."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in ("gallery", "renditions", "trash", "damaged")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def shown(root: Path, post_id: int) -> bytes | None:
    """What the page shows of a post."""
    version = f"SELECT file_version.id FROM file_version JOIN post ON key = post_key WHERE post_id = {post_id}"
    with open_reader(root) as reader:
        renditions = Renditions(reader)
        content = renditions.read(reader.sql(version).rows[0][0])
        renditions.close()
    return content


def objects_of(objects: ObjectServer, settings: ArchiveSettings) -> dict[str, bytes]:
    found = dict(objects.objects(settings.files))
    assert len(found.pop(".gallery-id")) == 33
    return found


@pytest.mark.fault("D20")
def test_the_state_is_that_of_a_gallery_in_a_folder(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings
) -> None:
    state = lived(tmp_path / "objects", settings)

    assert state == in_a_folder(tmp_path / "folder")
    assert pictures(tmp_path / "objects") == {}
    assert objects_of(objects, settings) == pictures(tmp_path / "folder")
    assert verify(tmp_path / "objects").whole


def test_the_root_remembers_where_its_pictures_are(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings
) -> None:
    lived(tmp_path / "root", settings)

    content = shown(tmp_path / "root", 2)

    assert content == content_of(2, "rendition")
    assert (tmp_path / "root" / ".files").read_text() == f"{settings.files}\n"


def test_trash_comes_back_and_goes_for_good(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, clock: ShiftedClock
) -> None:
    root = tmp_path / "root"
    lived(root, settings)

    async def restore_and_purge() -> tuple[int, int]:
        async with Archive.open(root, replace(NO_RESERVE, clock=clock)) as archive:
            back = await archive.moves.restore(TrashChoice())
            await relabel(archive, [Label(2, "demo", "mona", LabelValue.DELETE, "me", "again")])
            await archive.moves.apply(await archive.moves.plan_apply("mona"), confirmed=True)
            clock.days = 40
            gone = await archive.moves.purge(await archive.moves.plan_purge(30), confirmed=True)
            return back.back, gone.files

    assert asyncio.run(restore_and_purge()) == (1, 1)
    assert not [path for path in objects.objects(settings.files) if path.startswith("trash/")]
    assert verify(root).whole


@pytest.mark.fault("D20")
@pytest.mark.parametrize("nth", (30, 118))
def test_killed_anywhere_the_next_start_ends_in_the_same_state(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    root = tmp_path / "root"
    Archive.open(root, settings).close()

    die_after_requests(root, monkeypatch, nth)
    state = lived(root, NO_RESERVE)

    assert state == in_a_folder(tmp_path / "folder")
    assert objects_of(objects, settings) == pictures(tmp_path / "folder")
    assert verify(root).whole


@pytest.mark.slow
@pytest.mark.fault("D20")
@pytest.mark.parametrize("nth", range(1, 160, 3))
def test_killed_at_every_request_the_next_start_ends_in_the_same_state(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    test_killed_anywhere_the_next_start_ends_in_the_same_state(tmp_path, objects, settings, monkeypatch, nth)


def die_after_requests(root: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """Live the story, and die at the nth request, flush or commit; a request may have been carried out."""
    import s3fs
    from fsspec.asyn import sync_wrapper

    archive = Archive.open(root, NO_RESERVE)
    with monkeypatch.context() as patched:
        reaper = Reaper(patched, nth)
        asked = s3fs.S3FileSystem._call_s3

        async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            answer = None
            for late in (False, True):
                try:
                    reaper.step()
                except Killed:
                    raise ConnectionAbortedError("killed") from None  # nothing but death gets past the loop's thread
                answer = answer if late else await asked(self, *args, **kwargs)
            return answer

        patched.setattr(s3fs.S3FileSystem, "_call_s3", call)
        patched.setattr(s3fs.S3FileSystem, "call_s3", sync_wrapper(call))
        try:
            asyncio.run(story(archive))
        except BaseException:  # noqa: BLE001 - however the death shows, it is the reaper's work
            assert reaper.struck, "died of something else"
    bury(archive)


@pytest.mark.fault("D20")
def test_half_an_object_is_not_believed(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    asked = s3fs.S3FileSystem._call_s3

    async def halve(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "put_object" and kwargs["Key"].endswith(".jpg"):
            kwargs["Body"] = kwargs["Body"][: len(kwargs["Body"]) // 2]
        return await asked(self, method, *args, **kwargs)

    async def look_and_keep() -> None:
        async with Archive.open(tmp_path / "root", settings) as archive:
            post = make_post(1)
            await list_posts(archive, [post])
            monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", halve)
            attempt = await archive.begin_attempt(post, "rendition", "u")
            with pytest.raises(StorageError, match=r"bytes are there after \d+ were uploaded"):
                await archive.file_look(sight(post, decide(), attempt=attempt))
            with pytest.raises(StorageError, match=r"bytes are there after \d+ were uploaded"):
                await keep(archive, post)

    asyncio.run(look_and_keep())

    assert objects_of(objects, settings) == {}
    with open_reader(tmp_path / "root") as reader:
        assert reader.sql("SELECT md5 FROM rendition UNION SELECT md5 FROM file").rows == []


@pytest.mark.fault("D20")
def test_a_store_that_goes_away_ends_the_run_and_loses_nothing(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs
    from botocore.exceptions import EndpointConnectionError

    async def gone(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=objects.url)

    async def lose() -> None:
        async with Archive.open(tmp_path / "root", settings) as archive:
            post = make_post(1)
            await list_posts(archive, [post])
            attempt = await archive.begin_attempt(post, "rendition", "u")
            with monkeypatch.context() as patched:
                patched.setattr(s3fs.S3FileSystem, "_call_s3", gone)
                with pytest.raises(ObjectsUnreachable, match="run again when the store answers") as refused:
                    await archive.file_look(sight(post, decide(), attempt=attempt))
            assert refused.value.exit_code == 7

    asyncio.run(lose())

    assert lived(tmp_path / "root", NO_RESERVE) == in_a_folder(tmp_path / "folder")


@pytest.mark.fault("D20")
@pytest.mark.parametrize("kept", [False, True])
def test_a_move_that_is_cut_off_after_its_copy_leaves_one_file(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Where a person kept it meanwhile, in the gallery; else in the trash."""
    import s3fs

    root, asked = tmp_path / "root", s3fs.S3FileSystem._call_s3

    async def call(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "delete_object" and kwargs["Key"].partition("/")[2].startswith("gallery/"):
            raise ConnectionAbortedError("cut off")
        return await asked(self, method, *args, **kwargs)

    async def move() -> None:
        archive = Archive.open(root, settings)
        await list_posts(archive, [make_post(1)])
        await archive.file_look(sight(make_post(1), decide("keep")))
        await keep(archive, make_post(1))
        await archive.file_look(sight(make_post(1), decide("delete", policy="p2"), rendition=None, stored=None))
        with monkeypatch.context() as patched:
            patched.setattr(s3fs.S3FileSystem, "_call_s3", call)
            with pytest.raises(ObjectsUnreachable):
                await archive.moves.apply(await archive.moves.plan_apply("mona"), confirmed=True)
        if kept:
            await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "click")])
        bury(archive)

    asyncio.run(move())
    assert {path.partition("/")[0] for path in objects_of(objects, settings)} == {"gallery", "renditions", "trash"}

    Archive.open(root, NO_RESERVE).close()

    there = {path.partition("/")[0] for path in objects_of(objects, settings)}
    assert there == {"gallery" if kept else "trash", "renditions"}
    assert verify(root).whole


def test_a_store_that_is_away_makes_no_file_look_damaged(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    root, asked = tmp_path / "root", s3fs.S3FileSystem._call_s3
    lived(root, settings)

    async def call(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "get_object" and kwargs["Key"].endswith(".jpg"):
            raise ConnectionAbortedError("gone")
        return await asked(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", call)

    for look in (verify, digest):
        with pytest.raises(ObjectsUnreachable, match="run again when the store answers"):
            look(root)


def test_what_is_damaged_or_missing_is_named_and_set_aside(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings
) -> None:
    root = tmp_path / "root"
    lived(root, settings)
    start = settings.files.removeprefix("s3://").partition("?")[0]
    damaged, missing, *_ = sorted(path for path in objects.objects(settings.files) if path.startswith("gallery/"))
    objects.system.pipe_file(f"{start}/{damaged}", b"x" * len(content_of(1)))
    objects.system.rm_file(f"{start}/{missing}")
    objects.system.pipe_file(f"{start}/gallery/mona/somebody.txt", b"theirs")

    report = verify(root)

    assert (report.damaged, report.missing) == ((damaged,), (missing,))
    assert report.foreign == ("gallery/mona/somebody.txt",)

    async def set_aside() -> int:
        async with Archive.open(root, NO_RESERVE) as archive:
            return await archive.set_aside(report)

    assert asyncio.run(set_aside()) == 2
    assert verify(root).set_aside == ("damaged/" + damaged.replace("/", "-"),)


def test_a_prefix_that_is_not_its_own_is_refused(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings
) -> None:
    Archive.open(tmp_path / "one", settings).close()
    foreign = objects.address("")
    objects.system.pipe_file(foreign.removeprefix("s3://").partition("/")[0] + "/theirs.txt", b"x")

    def refused(root: str, files: str, kind: type[ArchiveError], says: str) -> None:
        with pytest.raises(kind, match=says):
            Archive.open(tmp_path / root, replace(settings, files=files))

    refused("two", settings.files, WrongRoot, "holds another gallery")
    refused("three", foreign, RefusedRoot, "holds theirs.txt")
    refused("four", objects.address(bucket="not-there"), StorageError, "there is no bucket not-there")
    refused("one", objects.address(), WrongRoot, "there is no gallery")
    new_gallery_in_a_file(tmp_path / "five")
    refused("five", settings.files, RefusedRoot, "its pictures are in the folder")
    other = objects.address()
    objects.system.pipe_file(other.removeprefix("s3://").partition("?")[0] + "/.gallery-id", b"0" * 32)
    (tmp_path / "one" / ".files").write_text(other)
    with pytest.raises(WrongRoot, match="the pictures of another gallery"):
        Archive.open(tmp_path / "one", NO_RESERVE)
    (tmp_path / "one" / ".files").write_text("nonsense")
    with pytest.raises(WrongRoot, match="does not say where the pictures are"):
        Archive.open(tmp_path / "one", NO_RESERVE)


def test_a_gallery_that_lost_its_database_is_not_begun_anew(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings
) -> None:
    lived(tmp_path / "root", settings)
    (tmp_path / "root" / "crawl.db").unlink()

    with pytest.raises(DatabaseMissing, match="put a backup"):
        Archive.open(tmp_path / "root", settings)


@pytest.mark.fault("D20")
def test_two_machines_share_a_gallery_without_a_folder(
    tmp_path: Path, objects: ObjectServer, server: PostgresServer
) -> None:
    shared = replace(NO_RESERVE, files=objects.address(), database=server.new_database())
    lived(tmp_path / "one", shared)

    async def go_on() -> int:
        async with Archive.open(tmp_path / "two", shared) as archive:
            return (await archive.moves.restore(TrashChoice())).back

    assert asyncio.run(go_on()) == 1
    assert shown(tmp_path / "two", 2) == content_of(2, "rendition")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    with open_reader(tmp_path / "one") as reader:
        assert reader.sql("SELECT count(*) FROM file WHERE place = 'trash'").rows == [(0,)]
    with pytest.raises(WrongRoot, match="holds another gallery"):
        Archive.open(tmp_path / "three", replace(shared, files=objects.address()))


def test_a_model_of_one_machine_is_there_on_the_other(
    tmp_path: Path, objects: ObjectServer, server: PostgresServer
) -> None:
    shared = replace(NO_RESERVE, files=objects.address(), database=server.new_database())
    Archive.open(tmp_path / "two", shared).close()

    async def learn() -> None:
        async with Archive.open(tmp_path / "one", shared) as archive:
            folder = tmp_path / "one" / "models" / "mona" / "1"
            (folder / "report").mkdir(parents=True)
            (folder / "manifest.json").write_text("{}")
            (folder / "report" / "index.html").write_text("good")
            await archive.register_model(CARD, {}, activate=True)

    asyncio.run(learn())
    open_reader(tmp_path / "two").close()

    there = tmp_path / "two" / "models" / "mona"
    assert (there / "1" / "manifest.json").read_text() == "{}"
    assert (there / "1" / "report" / "index.html").read_text() == "good"
    assert [path.name for path in there.iterdir()] == ["1"]


def test_uploads_go_side_by_side(
    tmp_path: Path, objects: ObjectServer, settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    asked, under_way, most = s3fs.S3FileSystem._call_s3, 0, 0

    async def slow(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal under_way, most
        under_way += method == "put_object"
        most = max(most, under_way)
        await asyncio.sleep(0.2)
        try:
            return await asked(self, method, *args, **kwargs)
        finally:
            under_way -= method == "put_object"

    async def look() -> None:
        async with Archive.open(tmp_path / "root", settings) as archive:
            posts = [make_post(number) for number in range(1, 9)]
            await list_posts(archive, posts)
            monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", slow)
            await asyncio.gather(*(archive.file_look(sight(post)) for post in posts))

    asyncio.run(look())

    assert most > 4
    assert len(objects_of(objects, settings)) == 8
