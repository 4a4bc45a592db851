"""Moving a gallery's rows between a file and a server: every table, every value, whatever interrupts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Table,
    Text,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
)

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.engine import Database
from storage.database.engines.location import database_of
from storage.database.engines.old_events import guards_resting, last_number, remembers_numbers
from storage.database.engines.sqlite import SqliteDatabase
from storage.database.tables import Base, GalleryRow, UtcTime
from storage.errors import DatabaseError, GalleryBusy, RefusedRequest, WrongRoot
from storage.files.disk import Disk
from storage.label_writer import Labelling
from storage.lifecycle.gallery_copy import copy_gallery
from storage.lifecycle.row_copy import TABLES, Batches, first_difference
from storage.lifecycle.verify import verify
from storage.moves.trash import TrashChoice
from storage.records import LabelValue, PostTags
from tests.equipment.parameters import slow_after
from tests.equipment.postgres import PostgresServer
from tests.storage.samples import NO_RESERVE, keep, list_posts, make_post, relabel, sight

NUMBERED = [table for table in Base.metadata.sorted_tables if remembers_numbers(table)]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(params=["to a server", "to a file"])
async def moving(request: pytest.FixtureRequest, server: PostgresServer, tmp_path: Path) -> tuple[Path, str]:
    """A gallery with rows in every table, and where they are to go, as `copy_gallery` takes it."""
    if request.param == "to a file":
        root = server.new_gallery(tmp_path / "gallery-data")
        await fill(root)
        return root, ""
    Archive.open(root := tmp_path / "gallery-data", NO_RESERVE).close()
    await fill(root)
    return root, server.new_database()


async def fill(root: Path) -> None:
    """A history in which files went and came back, odd texts, and a made-up row for every table that is empty."""
    odd = make_post(1, tags=PostTags(general=("a\x00b", "\x01", "é")), source="http://x/\x00\x01")
    posts = [odd, *(make_post(number) for number in range(2, 8))]
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, posts)
        for post in posts:
            await archive.file_look(sight(post))
            await keep(archive, post)
        await relabel(
            archive, [Label(number, "demo", "mona", LabelValue.DELETE, "me", f"d{number}") for number in (2, 3)]
        )
        await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)
        await archive.moves.restore(TrashChoice((2,)))
        await relabel(archive, [Label(2, "demo", "mona", LabelValue.KEEP, "me", "k2")])
        await list_posts(archive, [make_post(4, b"another file")])  # its first version is of another time now
    with writing(database_of(root)) as connection, connection.begin():
        for table in Base.metadata.sorted_tables:
            if not connection.execute(select(func.count()).select_from(table)).scalar_one():
                with guards_resting(connection, table):
                    connection.execute(insert(table).values(made_up(connection, table)))
        run = Base.metadata.tables["run"]
        for counts in (None, {"z": 1, "a": "\x00"}):  # the word null in JSON, and an order of keys
            connection.execute(
                insert(run).values({**made_up(connection, run), "id": 50 + bool(counts), "counts": counts})
            )
        connection.execute(insert(run).values({**made_up(connection, run), "id": 90}))
        connection.execute(text("DELETE FROM run WHERE id = 90"))


def made_up(connection: Connection, table: Table) -> dict[str, Any]:
    """A row that the table takes."""
    row: dict[str, Any] = {}
    for column in table.c:
        if column.foreign_keys:
            (key,) = column.foreign_keys
            row[column.name] = connection.execute(select(key.column).limit(1)).scalar()
        elif not column.nullable:
            row[column.name] = _value(column.type)
    return row


def _value(kind: Any) -> Any:
    for classes, value in (
        (UtcTime, datetime(2024, 5, 1, 12, 0, 0, 7, tzinfo=UTC)),
        (Boolean, True),
        (JSON, ["\x00", 0.1, {"b": 1, "a": 2}]),
        (LargeBinary, b"\x00\x01\xff"),
        (Float, 0.1),
        (Integer, 7),
    ):
        if isinstance(kind, classes):
            return value
    return "\x01t\x00"


@contextmanager
def writing(database: Database) -> Iterator[Connection]:
    engine = database.writing_engine()
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, JSON as it is written."""
    found = {}
    with writing(database) as connection:
        for table in Base.metadata.sorted_tables:
            columns = [cast(column, Text) if isinstance(column.type, JSON) else column for column in table.c]
            rows = connection.execute(select(*columns).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
        found["numbers"] = [(table.name, last_number(connection, table)) for table in NUMBERED]
        assert {*inspect(connection).get_table_names()} == {*Base.metadata.tables, "alembic_version"}
    return found


def digest(root: Path) -> str:
    with open_reader(root) as reader:
        return reader.digest()


def kill_at(batches: int) -> Any:
    """Called after each batch; the process ends after so many."""
    left = batches

    def count(table: str, rows: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    return count


def guards(database: Database) -> set[str]:
    asked = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
        if database.is_file
        else "SELECT tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    with writing(database) as connection:
        return set(connection.execute(text(asked)).scalars())


async def test_every_row_of_every_table_arrives_and_the_gallery_goes_on(
    moving: tuple[Path, str], tmp_path: Path
) -> None:
    root, to = moving
    old = database_of(root)
    before, state = content(old), digest(root)
    assert [name for name, rows in before.items() if not rows] == []

    done = copy_gallery(root, to, NO_RESERVE)

    assert str(database_of(root)) == (to or str(root / "crawl.db")) == str(done.database)
    assert content(database_of(root)) == before
    assert digest(root) == state
    assert done.rows == sum(map(len, before.values())) - len(before["gallery"]) - len(before["numbers"])
    with writing(database_of(root)) as connection:
        if to:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    fresh = tmp_path / "fresh"
    Archive.open(fresh, replace(NO_RESERVE, database="")).close()
    if not to:
        assert guards(database_of(root)) == guards(database_of(fresh))
    assert verify(root).database == ()
    with Labelling(root) as labelling:
        assert labelling.relabel([Label(5, "demo", "mona", LabelValue.DELETE, "me", "later")]).recorded == 1
    async with Archive.open(root, NO_RESERVE) as archive:
        new = make_post(20)
        await list_posts(archive, [new])
        await archive.file_look(sight(new))
        await keep(archive, new)
        assert (await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)).trashed == 1
    for name, last in before["numbers"]:
        if name in ("decision", "label", "attempt", "move"):
            assert dict(content(database_of(root))["numbers"])[name] > last
    assert copy_gallery(root, to, NO_RESERVE).digest == ""


@pytest.mark.parametrize("batches", slow_after(1, [20, 1, 60]))
async def test_a_copy_that_is_killed_leaves_the_old_gallery_and_goes_on(moving: tuple[Path, str], batches: int) -> None:
    root, to = moving
    old = database_of(root)
    before = content(old)
    whole = sum(map(len, before.values())) - len(before["gallery"]) - len(before["numbers"])
    with pytest.raises(Killed):
        copy_gallery(root, to, NO_RESERVE, Batches(2, on_end=kill_at(batches)))

    assert str(database_of(root)) == str(old)
    Archive.open(root, NO_RESERVE).close()
    done = copy_gallery(root, to, NO_RESERVE)

    assert content(database_of(root)) == before
    assert batches <= whole - done.rows <= 2 * batches


class DyingDisk(Disk):
    """The process ends at one of the flushes after the rows were copied."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.armed = False
        self._left = at

    def fsync(self, descriptor: int) -> None:
        self._left -= self.armed
        if self._left == 0:
            raise Killed
        super().fsync(descriptor)


@pytest.mark.parametrize("at", slow_after(1, [3, 1, 2, 4]))
async def test_a_copy_that_is_killed_near_its_end_goes_on(moving: tuple[Path, str], at: int) -> None:
    root, to = moving
    before = content(database_of(root))
    disk = DyingDisk(at)

    def arm(table: str, rows: int) -> None:
        disk.armed = table == TABLES[-1].name

    try:
        copy_gallery(root, to, replace(NO_RESERVE, disk=disk), Batches(on_end=arm))
    except Killed:
        assert content(database_of(root)) == before
    else:
        assert at > 2
        assert not to

    copy_gallery(root, to, NO_RESERVE)

    assert content(database_of(root)) == before
    assert (root / ".database").exists() == bool(to) != (root / "crawl.db").exists()
    for kept in (root / "backups").glob("crawl-moved-*.db"):
        assert content(SqliteDatabase(kept)) == before


async def test_what_changed_while_a_copy_lay_half_made_is_copied_too(moving: tuple[Path, str]) -> None:
    root, to = moving
    told: list[str] = []
    with pytest.raises(Killed):
        copy_gallery(root, to, NO_RESERVE, Batches(2, on_end=kill_at(70)))
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1, score=99, tags=PostTags(general=("new",))), make_post(30)])
    before = content(database_of(root))

    copy_gallery(root, to, replace(NO_RESERVE, tell=told.append, tell_every_s=3600.0))

    assert content(database_of(root)) == before
    assert told == ["the gallery was changed since its copy was interrupted; copying anew"]


async def test_who_waits_to_label_while_rows_move_is_refused_and_loses_nothing(moving: tuple[Path, str]) -> None:
    root, to = moving
    label = Label(5, "demo", "mona", LabelValue.DELETE, "me", "meanwhile")
    page = Labelling(root, busy_timeout_s=0.2)
    engine = page._engine
    waiting = engine.connect()  # before the file has another name

    def during(table: str, rows: int) -> None:
        if table == "label":
            with pytest.raises(DatabaseError, match="busy"):
                page.relabel([label])

    copy_gallery(root, to, NO_RESERVE, Batches(2, on_end=during))

    with pytest.raises(DatabaseError, match="moved to another database"), waiting.begin():
        raise AssertionError("it may write")
    waiting.close()
    page.close()
    with Labelling(root) as labelling:
        assert labelling.relabel([label]).recorded == 1


async def test_what_is_in_the_way_is_refused_in_a_line_and_stays(server: PostgresServer, tmp_path: Path) -> None:
    Archive.open(root := tmp_path / "one", NO_RESERVE).close()
    other = server.new_gallery(tmp_path / "other")
    theirs, mine = str(database_of(other)), server.new_database()
    server.sql("CREATE TABLE mine (x int)", mine.partition("@/")[2].partition("?")[0])

    with pytest.raises(WrongRoot, match="holds another gallery"):
        copy_gallery(root, theirs, NO_RESERVE)
    with pytest.raises(DatabaseError, match="holds tables of something else"):
        copy_gallery(root, mine, NO_RESERVE)
    with pytest.raises(RefusedRequest, match="on a server already"):
        copy_gallery(other, mine, NO_RESERVE)
    held = Archive.open(root, NO_RESERVE)
    with pytest.raises(GalleryBusy):
        copy_gallery(root, server.new_database(), NO_RESERVE)
    held.close()

    assert database_of(root).is_file
    assert str(database_of(other)) == theirs


async def test_rows_of_an_earlier_time_are_not_taken_for_the_gallerys(
    moving: tuple[Path, str], server: PostgresServer
) -> None:
    root, to = moving
    first = to or str(database_of(root))
    copy_gallery(root, to, NO_RESERVE)
    if to:
        copy_gallery(root, "", NO_RESERVE)
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(40)])

    with pytest.raises(WrongRoot, match="earlier time"):
        copy_gallery(root, first, NO_RESERVE)

    assert database_of(root).is_file


async def test_a_large_copy_has_every_reference_and_index_again(server: PostgresServer, tmp_path: Path) -> None:
    Archive.open(root := tmp_path / "gallery-data", NO_RESERVE).close()
    await fill(root)
    before, to = content(database_of(root)), server.new_database()
    with pytest.raises(Killed):
        copy_gallery(root, to, NO_RESERVE, Batches(2, 0, kill_at(40)))
    async with Archive.open(root, NO_RESERVE) as archive:  # a copied row will refer to a tag that is not copied
        await list_posts(archive, [make_post(1, tags=PostTags(general=("new",)))])
    before = content(database_of(root))

    copy_gallery(root, to, NO_RESERVE, Batches(rest_from=0))

    assert content(database_of(root)) == before
    with writing(database_of(root)) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


async def test_one_value_that_differs_is_found_and_other_words_for_it_are_none(
    server: PostgresServer, tmp_path: Path
) -> None:
    Archive.open(root := tmp_path / "gallery-data", NO_RESERVE).close()
    await fill(root)
    done = copy_gallery(root, server.new_database(), NO_RESERVE)
    assert done.kept is not None
    changes = {
        "tag": "UPDATE tag SET name = chr(1) || chr(1) WHERE name = chr(1) || chr(2)",  # NUL, for 0x01
        "post": "UPDATE post SET updated_at = updated_at + interval '1 microsecond' WHERE key = 3",
        "run": "UPDATE run SET counts = 'null' WHERE counts IS NULL",
        "embedding": "UPDATE embedding SET vector = vector || '\\x00'",
        "score": "UPDATE score SET value = value + 1e-15",
        "post_tag": "DELETE FROM post_tag WHERE post_key = 7",
    }
    with writing(SqliteDatabase(done.kept)) as old, writing(done.database) as new:
        old.begin()
        old.execute(text("UPDATE post SET seen_at = replace(seen_at, '.000000', '') WHERE seen_at LIKE '%.000000'"))
        with new.begin():
            assert first_difference(old, new) is None
        for table, change in changes.items():
            with new.begin() as transaction:
                with guards_resting(new, Base.metadata.tables[table]):
                    assert new.execute(text(change)).rowcount
                    assert first_difference(old, new) == table
                transaction.rollback()


async def test_a_half_made_copy_is_no_gallery(moving: tuple[Path, str], tmp_path: Path) -> None:
    root, to = moving
    with pytest.raises(Killed):
        copy_gallery(root, to, NO_RESERVE, Batches(2, on_end=kill_at(5)))

    if to:
        with pytest.raises(WrongRoot, match="holds another gallery"):
            Archive.open(tmp_path / "new", replace(NO_RESERVE, database=to))
    with writing(database_of(root)) as connection:
        assert connection.execute(select(GalleryRow.id)).scalar() == (root / ".gallery-id").read_text().strip()
