"""A gallery whose rows are on a Postgres server: the same guards, order and texts, and one writer at a time."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migrations.postgres import GUARDS, VIEW
from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.engines.location import database_of
from storage.database.engines.postgres_values import escaped, unescaped
from storage.database.results_view import results_select
from storage.database.tables import Base
from storage.errors import DatabaseError, GalleryBusy, QueryError, RefusedRequest, RefusedRoot, WrongRoot
from storage.label_writer import Labelling
from storage.lifecycle.roots import follow_database
from storage.lifecycle.verify import verify
from storage.records import LabelValue, PostTags
from tests.equipment.postgres import PostgresServer
from tests.storage.samples import NO_RESERVE, decide, keep, list_posts, make_post, new_gallery_in_a_file, sight


@pytest.fixture
def root(server: PostgresServer, tmp_path: Path) -> Path:
    """Of a new gallery on the server."""
    return server.new_gallery(tmp_path / "gallery-data")


def test_the_first_schema_is_what_the_program_asks(root: Path) -> None:
    engine = database_of(root).reading_engine()

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        asked = results_select().compile(connection, compile_kwargs={"literal_binds": True})
    engine.dispose()

    assert " ".join(str(asked).split()) in " ".join(VIEW.split())


def test_every_guard_is_in_force_and_verify_says_when_one_is_not(server: PostgresServer, root: Path) -> None:
    assert verify(root).database == ()

    server.sql("DROP TRIGGER label_refuses_delete ON label", server.name_of(root))

    assert verify(root).database == ("the guard label_refuses_delete is not in force",)


@pytest.mark.parametrize("table", ["label", "decision", "part", "file", "move", "file_version", "post"])
def test_what_is_kept_for_ever_is_guarded_on_both_engines(table: str) -> None:
    assert {f"{table}_refuses_delete", f"{table}_refuses_truncate"} <= set(GUARDS)


async def test_the_server_itself_refuses_to_change_what_is_kept(server: PostgresServer, root: Path) -> None:
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
        await archive.file_look(sight(make_post(1)))
        await keep(archive, make_post(1))
    with Labelling(root) as labelling:
        labelling.relabel([Label(1, "demo", "mona", LabelValue.KEEP, "me", "key")])
    name = server.name_of(root)

    for statement, says in (
        ("DELETE FROM label", "never changed"),
        ("UPDATE label SET value = 'delete'", "never changed"),
        ("TRUNCATE label CASCADE", "never changed"),
        ("UPDATE decision SET value = 'delete'", "never changed"),
        ("DELETE FROM file", "kept for ever"),
        ("UPDATE file SET place = 'trash'", "recorded move"),
        ("UPDATE post SET key = 99", "kept for ever"),
        ("INSERT INTO decision (version_id, target, value, decided_by, reason, model_hash, policy, decided_at)"
         " VALUES (1, 'mona', 'delete', 'tag', '', '', 'p', now())", "needs a score"),
        ("INSERT INTO move (file_id, from_place, to_place, from_path, to_path, opened_at)"
         " VALUES (1, 'gallery', 'trash', 'a', 'b', now())", "decided or labelled delete"),
    ):  # fmt: skip
        with pytest.raises(Exception, match=says):
            server.sql(statement, name)


def test_a_text_with_any_character_comes_back_and_keeps_its_place() -> None:
    texts = [
        "",
        "\x00",
        "\x00\x01",
        "\x00a",
        "\x01",
        "\x01\x00",
        "\x01\x01",
        "\x02",
        "a",
        "a\x00",
        "a\x01b",
        "é",
        "\U0001f600",
    ]

    assert [unescaped(escaped(one)) for one in texts] == texts
    assert not any("\x00" in escaped(one) for one in texts)
    assert sorted(texts) == sorted(texts, key=lambda one: escaped(one).encode())


async def test_tags_and_sources_may_hold_any_character(root: Path) -> None:
    odd = make_post(1, tags=PostTags(general=("a\x00b", "z")), source="http://x/\x00\x01")
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [odd, make_post(2)])

    with open_reader(root) as reader:
        (row,) = reader.query("id:1").mappings()

    assert (row["post_id"], row["tags"], row["source"]) == (1, "a\x00b z", "http://x/\x00\x01")


async def test_many_rows_at_once_are_those_that_were_sent_one_by_one(root: Path, tmp_path: Path) -> None:
    odd = ("NULL", "{}", "a,b", 'a"b', "a\\b", "(a)", "%s", ":x", "\x00", "\U0001f600")
    posts = [make_post(number, tags=PostTags(general=odd[: number + 6])) for number in (1, 2, 3, 4)]
    posts[1] = replace(posts[1], duration_s=1.5, uploader_id=2**40, source='C:\\"x",NULL')
    changed = [replace(post, score=post.score - 7, tags=PostTags(general=odd[:3])) for post in posts]
    twice = [decide("delete", score=0.2), decide("keep", policy="p2", score=0.9)]
    found = []
    for place in (root, new_gallery_in_a_file(tmp_path / "in-a-file")):
        async with Archive.open(place, NO_RESERVE) as archive:
            await list_posts(archive, posts)
            await asyncio.gather(*(archive.file_look(sight(post, decisions=twice)) for post in posts))
            await list_posts(archive, changed)
        with open_reader(place) as reader:
            rows = list(reader.query("order:id").mappings())
            found.append([reader.digest(), *({**row, "decided_at": None} for row in rows)])

        assert {(row["decision"], row["score"], row["tags"]) for row in rows} == {("keep", 0.9, "NULL a,b {}")}
    assert found[0] == found[1]


async def test_tags_are_ordered_as_python_orders_them(root: Path) -> None:
    names = ("_b", "B", "a", "é", "z", "~", "1girl", "(o)")
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1, tags=PostTags(general=names))])

    with open_reader(root) as reader:
        (row,) = reader.query("").mappings()

    assert row["tags"].split(" ") == sorted(names)


async def test_a_pattern_does_not_mind_capitals_as_in_a_file(root: Path, tmp_path: Path) -> None:
    for place in (root, new_gallery_in_a_file(tmp_path / "in-a-file")):
        async with Archive.open(place, NO_RESERVE) as archive:
            await list_posts(
                archive, [make_post(1, source="https://Pixiv.net/1_x"), make_post(2, source="https://y/1ax")]
            )
        with open_reader(place) as reader:
            assert [row["post_id"] for row in reader.query("source:*pixiv*").mappings()] == [1]
            assert [row["post_id"] for row in reader.query("source:*1_x").mappings()] == [1]


def test_a_select_of_the_users_own_reads_and_does_nothing_else(root: Path) -> None:
    with open_reader(root) as reader:
        assert reader.sql("SELECT 1 AS one, true AS yes, 2.5 AS half").rows == [(1, 1, 2.5)]
        assert reader.sql("SELECT * FROM generate_series(1, 9)", limit=2).rows == [(1,), (2,)]
        for wrong in (
            "DELETE FROM post",
            "SELECT 1; COMMIT; DROP TABLE run",
            "COMMIT",
            "SELECT FROM nothing",
            "SELECT nextval('run_id_seq')",
            "",
        ):
            with pytest.raises(QueryError):
                reader.sql(wrong)
        assert reader.sql("SELECT count(*) FROM run").rows == [(0,)]


@pytest.mark.fault("D18")
def test_a_gallery_has_one_owner_whichever_root_it_is_opened_by(
    server: PostgresServer, root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "the-same-folder-on-another-machine"
    other.mkdir()
    for name in (".gallery-id", ".database"):
        (other / name).write_bytes((root / name).read_bytes())
    archive = Archive.open(root, NO_RESERVE)

    with pytest.raises(GalleryBusy, match="another program owns this gallery"):
        Archive.open(other, NO_RESERVE)
    archive.close()

    Archive.open(other, NO_RESERVE).close()


def test_labels_are_written_beside_the_owner(root: Path) -> None:
    archive = Archive.open(root, NO_RESERVE)
    with Labelling(root) as labelling:
        done = labelling.relabel([Label(7, "demo", "mona", LabelValue.KEEP, "me", "key")])
    archive.close()

    assert done.unknown == (7,)


async def test_a_writer_waits_for_another_and_says_when_it_waits_too_long(server: PostgresServer, root: Path) -> None:
    engine = database_of(root).writing_engine(owner=False)
    async with Archive.open(root, replace(NO_RESERVE, busy_timeout_s=0.3)) as archive:
        busy = pytest.raises(DatabaseError, match="busy: another program holds it")
        with engine.connect() as connection, connection.begin(), busy:
            await list_posts(archive, [make_post(1)])
        await list_posts(archive, [make_post(2)])
    engine.dispose()

    with open_reader(root) as reader:
        assert [row["post_id"] for row in reader.query("").mappings()] == [2]


def test_a_reader_sees_one_state_and_cannot_write(root: Path) -> None:
    database = database_of(root)
    readers, writers = database.reading_engine(), database.writing_engine(owner=False)
    with readers.connect() as reader, reader.begin():
        before = reader.execute(text("SELECT count(*) FROM tag")).scalar()
        with writers.connect() as writer, writer.begin():
            writer.execute(text("INSERT INTO tag (name, category) VALUES ('new', 'general')"))
        assert reader.execute(text("SELECT count(*) FROM tag")).scalar() == before
        with pytest.raises(DBAPIError, match="read-only transaction"):
            reader.execute(text("DELETE FROM tag"))
    readers.dispose()
    writers.dispose()


def test_a_new_gallery_remembers_its_server_and_may_be_begun_again(server: PostgresServer, tmp_path: Path) -> None:
    root, url = tmp_path / "new", server.new_database()
    settings = replace(NO_RESERVE, database=url)
    Archive.open(root, settings).close()
    (root / ".database").unlink()  # as if it had been killed just before the end

    Archive.open(root, settings).close()

    assert (root / ".database").read_text() == url + "\n"
    assert not (root / "crawl.db").exists()
    Archive.open(root, NO_RESERVE).close()


def test_a_database_that_is_not_this_gallerys_is_refused(server: PostgresServer, root: Path, tmp_path: Path) -> None:
    foreign = server.new_database()
    server.sql("CREATE TABLE mine (x int)", foreign.partition("@/")[2].partition("?")[0])
    theirs = (root / ".database").read_text().strip()

    with pytest.raises(DatabaseError, match="holds tables of something else"):
        Archive.open(tmp_path / "one", replace(NO_RESERVE, database=foreign))
    with pytest.raises(WrongRoot, match="holds another gallery"):
        Archive.open(tmp_path / "two", replace(NO_RESERVE, database=theirs))
    with pytest.raises(DatabaseError, match="no such database; make one: createdb"):
        Archive.open(tmp_path / "three", replace(NO_RESERVE, database=server.url("nowhere")))
    with pytest.raises(RefusedRoot, match="crawl database copy"):
        Archive.open(new_gallery_in_a_file(tmp_path / "four"), replace(NO_RESERVE, database=theirs))
    assert not list(tmp_path.glob("*/.database.part"))


def test_a_server_that_moved_is_followed_when_it_is_the_same_gallery(server: PostgresServer, root: Path) -> None:
    url = (root / ".database").read_text().strip()
    other_way, elsewhere = f"{url}&application_name=moved", server.new_gallery(root.with_name("other"))

    server.sql("UPDATE gallery SET id = 'another'", server.name_of(elsewhere))
    with pytest.raises(WrongRoot, match="is not the database of"):
        follow_database(root, (elsewhere / ".database").read_text())
    with pytest.raises(WrongRoot, match=r"is not the database of .* pg_dump"):
        follow_database(root, server.new_database())  # nothing is there yet
    follow_database(root, other_way)

    assert (root / ".database").read_text() == other_way + "\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("postgresql://me:secret@host/db", "~/.pgpass"),
        ("postgresql://host/db?password=secret", "~/.pgpass"),
        ("mysql://host/db", "postgresql://USER@HOST/NAME"),
        ("crawl.db", "postgresql://USER@HOST/NAME"),
    ],
)
def test_an_address_is_refused_in_a_line_without_its_password(tmp_path: Path, words: str, says: str) -> None:
    with pytest.raises(RefusedRequest, match=says) as refused:
        Archive.open(tmp_path / "new", replace(NO_RESERVE, database=words))

    assert "secret" not in str(refused.value)


@pytest.mark.fault("D19")
async def test_what_is_filed_is_the_same_on_both_engines(root: Path, tmp_path: Path) -> None:
    digests = []
    for place in (root, new_gallery_in_a_file(tmp_path / "in-a-file")):
        async with Archive.open(place, NO_RESERVE) as archive:
            posts = [make_post(number, score=number % 5) for number in range(1, 30)]
            await list_posts(archive, posts)
            for post in posts:
                value = "keep" if post.id % 3 else "undecided"
                await archive.file_look(sight(post, decide(value, score=post.id / 40)))
                if post.id % 3:
                    await keep(archive, post)
        with Labelling(place) as labelling:
            labelling.relabel([Label(3, "demo", "mona", LabelValue.DELETE, "me", "key")])
        with open_reader(place) as reader:
            rows = reader.query("order:score -label:delete p:>0.2").rows
            digests.append((reader.digest(), [row[:-2] for row in rows]))

    assert digests[0] == digests[1]


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed")
def test_a_backup_is_made_by_pg_dump_and_its_failure_is_said(root: Path, tmp_path: Path) -> None:
    kept = database_of(root).back_up(tmp_path / "backups", "before-purge")

    assert kept.read_bytes().startswith(b"PGDMP")
    assert [one.name for one in kept.parent.iterdir()] == [kept.name]
    with pytest.raises(DatabaseError, match=r"pg_dump failed: .*nowhere"):
        replace(database_of(root), url="postgresql://me@/db?host=/nowhere").back_up(tmp_path / "backups", "again")
    assert [one.name for one in kept.parent.iterdir()] == [kept.name]
