"""A server that goes away, refuses or is full, and owners that are killed: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import QueuePool

from storage.archive import Archive, open_reader
from storage.archive_records import Label, Relabelled
from storage.errors import ArchiveError, DatabaseBusy, DatabaseUnreachable, DiskFull
from storage.label_writer import Labelling
from storage.records import LabelValue
from tests.equipment.postgres import PostgresServer, mortal_server_or_skip
from tests.storage.samples import NO_RESERVE, keep, list_posts, make_post, sight

LABELS = [Label(number, "demo", "mona", LabelValue.KEEP, "me", f"key {number}") for number in (1, 2, 3)]


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    server = mortal_server_or_skip()
    yield server
    server.start_again()
    server.drop_databases()


async def looked_at(root: Path) -> None:
    """Three posts, looked at."""
    async with Archive.open(root, NO_RESERVE) as archive:
        posts = [make_post(number) for number in (1, 2, 3)]
        await list_posts(archive, posts)
        for post in posts:
            await archive.file_look(sight(post))


def relabel(root: Path) -> Relabelled:
    with Labelling(root) as labelling:
        return labelling.relabel(LABELS)


def stored(root: Path) -> list[int]:
    with open_reader(root) as reader:
        return [row["post_id"] for row in reader.query("label:keep order:id").mappings()]


@pytest.mark.fault("D17")
async def test_a_connection_that_was_lost_while_nobody_asked_is_made_again(server: PostgresServer, root: Path) -> None:
    server.new_gallery(root)
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
        server.cut_off(server.name_of(root))

        await list_posts(archive, [make_post(2)])

        assert len(await archive.known([make_post(1), make_post(2)], ["mona"])) == 2


async def test_an_owner_who_was_overtaken_ends(server: PostgresServer, root: Path, tmp_path: Path) -> None:
    server.new_gallery(root)
    elsewhere = tmp_path / "the-same-folder-elsewhere"
    elsewhere.mkdir()
    for name in (".gallery-id", ".database"):
        (elsewhere / name).write_bytes((root / name).read_bytes())
    archive = Archive.open(root, NO_RESERVE)
    server.cut_off(server.name_of(root))
    second = Archive.open(elsewhere, NO_RESERVE)

    with pytest.raises(Exception, match="another program owns this gallery"):
        await list_posts(archive, [make_post(1)])
    await list_posts(second, [make_post(2)])

    second.close()
    archive.close()


@pytest.mark.fault("D17")
async def test_a_server_that_is_gone_is_named_and_nothing_of_the_past_is_lost(
    mortal: PostgresServer, root: Path
) -> None:
    await looked_at(mortal.new_gallery(root))
    archive = Archive.open(root, NO_RESERVE)
    mortal.stop()

    with pytest.raises(DatabaseUnreachable, match="what was recorded is safe; run again") as refused:
        await list_posts(archive, [make_post(4)])
    with pytest.raises(DatabaseUnreachable):
        stored(root)
    archive.close()
    mortal.start()

    assert refused.value.exit_code == 8
    assert relabel(root) == Relabelled(3, 0, (), ())
    assert stored(root) == [1, 2, 3]


@pytest.mark.fault("D17")
@pytest.mark.parametrize("how", ["immediate", "fast"])
async def test_labels_whose_commit_met_a_restart_are_recorded_once(
    mortal: PostgresServer, root: Path, how: str
) -> None:
    await looked_at(mortal.new_gallery(root))
    name = mortal.name_of(root)
    sleeps = "BEGIN PERFORM pg_sleep(60); RETURN NULL; END"
    mortal.sql(f"CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $${sleeps}$$", name)
    mortal.sql(
        "CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON label DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION dawdle()",
        name,
    )
    errors: list[Exception] = []

    def try_it() -> None:
        try:
            relabel(root)
        except ArchiveError as error:
            errors.append(error)

    worker = threading.Thread(target=try_it)
    worker.start()
    deadline = time.monotonic() + 60
    while not mortal.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    mortal.stop(how)
    worker.join()
    mortal.start()
    mortal.sql("DROP TRIGGER slow_commit ON label", name)

    assert [type(error) for error in errors] == [DatabaseUnreachable]
    assert stored(root) == []
    assert relabel(root).recorded == 3
    assert relabel(root).repeated == 3
    assert stored(root) == [1, 2, 3]


@pytest.mark.fault("D17")
@pytest.mark.parametrize(
    ("state", "refusal", "code"),
    [("53100", DiskFull, 7), ("40001", DatabaseBusy, 8), ("40P01", DatabaseBusy, 8), ("57P03", DatabaseUnreachable, 8)],
)
async def test_what_the_server_refuses_is_said_and_undone(
    server: PostgresServer, root: Path, state: str, refusal: type[Exception], code: int
) -> None:
    await looked_at(server.new_gallery(root))
    name = server.name_of(root)
    server.sql(
        "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'no more'; END$$",
        name,
    )
    server.sql("CREATE TRIGGER refusal BEFORE INSERT ON label FOR EACH ROW EXECUTE FUNCTION give_up()", name)

    with pytest.raises(refusal) as refused:
        relabel(root)
    server.sql("DROP TRIGGER refusal ON label", name)

    assert getattr(refused.value, "exit_code", None) == code
    assert stored(root) == []
    assert relabel(root).recorded == 3


@pytest.fixture
def small_disk(mortal: PostgresServer) -> Iterator[Path]:
    """A disk of the server's with little room, as the tablespace `small`; while it is full no database there can go."""
    disk = mortal.folder / "small-disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", str(disk)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    mortal.own(disk)
    mortal.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
    yield disk
    mortal.drop_databases()
    mortal.sql("DROP TABLESPACE small")
    subprocess.run(["umount", "-l", str(disk)], check=True)


def grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)


@pytest.mark.fault("D09", "D17")
async def test_a_full_disk_of_the_server_stops_the_run_and_loses_nothing(
    mortal: PostgresServer, root: Path, small_disk: Path
) -> None:
    mortal.new_gallery(root)
    (root / ".database").write_text(mortal.new_database("pattern", "TABLESPACE small") + "\n")
    pages = [[make_post(number) for number in range(start, start + 200)] for start in range(1, 8000, 200)]
    filed: list[int] = []

    archive = Archive.open(root, NO_RESERVE)
    with pytest.raises(DiskFull, match="the server's disk is full") as refused:
        for page in pages:
            await list_posts(archive, page)
            filed += [post.id for post in page]
    archive.close()
    with open_reader(root) as reader:
        kept = [row["post_id"] for row in reader.query("order:id_asc", None).mappings()]
    grow(small_disk)
    async with Archive.open(root, NO_RESERVE) as again:
        await list_posts(again, pages[len(filed) // 200])

    assert refused.value.exit_code == 7
    assert filed
    assert sorted(kept) == filed
    with open_reader(root) as reader:
        assert len(reader.query("", None).rows) == len(filed) + 200


@pytest.mark.fault("D17")
async def test_a_passing_refusal_costs_a_crawl_nothing(server: PostgresServer, root: Path) -> None:
    """What failed in a batch is done once more by itself."""
    server.new_gallery(root)
    name = server.name_of(root)
    server.sql("CREATE SEQUENCE tries", name)
    server.sql(
        "CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF nextval('tries') = 1 THEN "
        "RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'could not serialize'; END IF; RETURN NEW; END$$",
        name,
    )
    server.sql("CREATE TRIGGER first_time BEFORE INSERT ON post FOR EACH ROW EXECUTE FUNCTION once()", name)

    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])

    with open_reader(root) as reader:
        assert [row["post_id"] for row in reader.query("").mappings()] == [1]


@pytest.mark.fault("D17", "D18")
async def test_a_killed_owner_lets_the_gallery_go_and_the_next_one_goes_on(server: PostgresServer, root: Path) -> None:
    await looked_at(server.new_gallery(root))
    program = (
        "import asyncio, sys, time\nfrom pathlib import Path\n"
        "from storage.archive import Archive\nfrom tests.storage.samples import NO_RESERVE, make_post\n"
        "async def main():\n"
        f"    archive = Archive.open(Path({str(root)!r}), NO_RESERVE)\n"
        "    post = make_post(2)\n"
        "    await archive.begin_attempt(post, 'original', post.file.url)\n"
        "    print('ready', flush=True)\n    time.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None and await owner.stdout.readline() == b"ready\n"
    owner.kill()
    await owner.wait()

    too_large_to_check = replace(NO_RESERVE, quick_check_limit=0)
    archive = await asyncio.to_thread(Archive.open, root, too_large_to_check)

    assert (archive.recovery.clean, archive.recovery.died_attempts) == (False, 1)
    await keep(archive, make_post(2))
    archive.close()


def test_more_questions_than_connections_are_told_to_wait(server: PostgresServer, root: Path) -> None:
    server.new_gallery(root)
    with open_reader(root) as reader, ExitStack() as held:
        pool = reader._engine.pool
        assert isinstance(pool, QueuePool)
        pool._timeout = 0.05
        for _ in range(16):
            held.enter_context(reader._engine.connect())

        with pytest.raises(DatabaseBusy, match="too many questions at once"):
            reader.status()
        held.close()

        assert reader.status() is not None
