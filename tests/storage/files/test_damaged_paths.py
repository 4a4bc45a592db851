"""A row whose path was damaged is named as damage; nobody takes it for a path, and nobody calls it a bug."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from storage.archive import Archive, open_reader
from storage.dry_run import DryRunArchive
from storage.lifecycle.verify import verify
from storage.moves.trash import EVERYTHING
from storage.records import StoredRendition, Target
from tests.equipment import galleries_on
from tests.equipment.postgres import server_or_skip
from tests.storage.samples import (
    NO_RESERVE,
    content_of,
    decide,
    digest_of,
    keep,
    list_posts,
    make_post,
    new_gallery,
    sight,
)

# What a row's path may hold after a defect, as SQL.
DAMAGED = {
    "a zero byte": "'gallery/mona/' || char(0) || '.jpg'",
    "absolute": "'/etc/hostname'",
    "out of the root": "'../outside'",
    "out of the root on the way": "'gallery/../../outside'",
    "a folder above": "'gallery/mona/..'",
    "a step that is empty": "'gallery//x.jpg'",
    "empty": "''",
    "bytes": "X'67616c6c6572792fff'",
    "no text": "CAST(X'67616c6c6572792fff' AS TEXT)",
    "half a letter": "CAST(X'67616c6c6572792fe3' AS TEXT)",
    "a number": "42",
    "much too long": "'gallery/' || hex(zeroblob(3000))",
    "the database's own": "'crawl.db'",
    "a model's": "'models/mona/1/manifest.json'",
    "control characters": "'gallery/mona/' || char(27) || '[31m' || char(10) || '.jpg'",
}
ONLY_IN_A_FILE = ("bytes", "no text", "half a letter", "a number")  # a server's text is text
KINDS = [
    pytest.param(kind, marks=pytest.mark.sqlite("a server's text is text") if kind in ONLY_IN_A_FILE else ())
    for kind in DAMAGED
]
IN_A_SERVERS_WORDS = {"char(0)": "chr(1) || chr(1)", "char(": "chr(", "hex(zeroblob(3000))": "repeat('0', 6000)"}
PLACES = {"file": "gallery/", "rendition": "renditions/"}
COMMANDS = {
    "verify --json": ["verify", "--json"],
    "status": ["status"],
    "query": ["query", ""],
    "query as json": ["query", "", "--format", "json"],
    "query as csv": ["query", "", "--format", "csv"],
    "trash list": ["trash", "list"],
    "trash restore": ["trash", "restore", "--all"],
    "trash purge": ["trash", "purge", "--older-than", "1d", "--yes"],
    "apply": ["apply", "--yes", "--no-fetch"],
    "relabel": ["relabel", "keep", "1", "--site", "demo", "--keep", "mona"],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One original in the gallery, one in the trash, a rendition of each."""
    root = tmp_path_factory.mktemp("paths") / "gallery-data"
    asyncio.run(_fill(root))
    return root


async def _fill(root: Path) -> None:
    posts = [make_post(1), make_post(2)]
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
        await list_posts(archive, posts)
        for post in posts:
            await archive.file_look(sight(post))
            await keep(archive, post)
        await archive.file_look(sight(posts[1], decide("delete", policy="p2")))
        await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    if galleries_on.on_a_server():
        return server_or_skip().copied(template, tmp_path / "gallery-data")
    return shutil.copytree(template, tmp_path / "gallery-data")


def damage(root: Path, table: str, value: str, which: str = "1 = 1") -> None:
    """Put something into the path of the rows that a condition chooses."""
    change(root, f"UPDATE {table} SET path = {value} WHERE {which}")


def change(root: Path, statement: str) -> None:
    """Do what a person could do to the database by hand."""
    if not galleries_on.on_a_server():
        with closing(sqlite3.connect(root / "crawl.db")) as connection:
            connection.execute(statement)
            connection.commit()
        return
    for words, others in IN_A_SERVERS_WORDS.items():
        statement = statement.replace(words, others)
    server_or_skip().sql(statement, server_or_skip().name_of(root))


def any_path(root: Path) -> str:
    """Of a rendition, however damaged."""
    if galleries_on.on_a_server():
        with open_reader(root) as reader:
            return str(reader.sql("SELECT path FROM rendition LIMIT 1").rows[0][0])
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        (path,) = connection.execute("SELECT path FROM rendition LIMIT 1").fetchone()
    return path  # type: ignore[no-any-return]  # whatever stands there


@pytest.mark.parametrize("table", ["file", "rendition"])
@pytest.mark.parametrize("kind", KINDS)
def test_verify_names_the_row(root: Path, kind: str, table: str) -> None:
    damage(root, table, DAMAGED[kind], f"path = (SELECT min(path) FROM {table} WHERE path LIKE '{PLACES[table]}%')")

    ended = CliRunner().invoke(app, ["verify", "--root", str(root)])

    assert ended.exit_code == 11, ended.output
    assert "Traceback" not in ended.output and "bug" not in ended.output
    assert "\x1b" not in ended.output and "\0" not in ended.output
    report = verify(root)
    key = "1" if table == "file" else r"[0-9a-f]{32} \S+"
    named = [re.match(f"{table} {key}:", line) for line in report.database]
    assert any(named) or ("control" in kind and report.missing)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "kind", [one for one in KINDS if one.values[0] in ("a zero byte", "out of the root", "bytes", "no text")]
)
def test_no_command_stumbles_over_it(root: Path, kind: str, command: str) -> None:
    for table in ("file", "rendition"):
        damage(root, table, DAMAGED[kind])

    ended = CliRunner().invoke(app, [*COMMANDS[command], "--root", str(root)])

    assert ended.exit_code in {0, 3, 8, 11}, (ended.exit_code, ended.output)
    assert "Traceback" not in ended.output and "bug" not in ended.output, ended.output
    assert (root / (".database" if galleries_on.on_a_server() else "crawl.db")).exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_rendition_without_a_path_is_fetched_again(root: Path, kind: str) -> None:
    damage(root, "rendition", DAMAGED[kind])
    stored = StoredRendition("360x360", any_path(root), "jpg", 360, 200, 10, "0" * 64)

    async with Archive.open(root, NO_RESERVE) as archive:
        assert await archive.read_rendition(stored) is None
        await archive.file_look(sight(make_post(1)))
        await archive.file_look(sight(make_post(2), decide("delete", policy="p2")))
    async with DryRunArchive(root) as dry:
        assert await dry.read_rendition(stored) is None

    assert verify(root).whole


@pytest.mark.parametrize("kind", [one for one in KINDS if one.values[0] not in ("no text", "half a letter")])
async def test_an_original_without_a_path_is_kept_anew(root: Path, kind: str) -> None:
    damage(root, "file", DAMAGED[kind], "place = 'gallery'")

    async with Archive.open(root, NO_RESERVE) as archive:
        assert not await archive.adopt_known_original(make_post(1), ["mona"])
        attempt = await archive.begin_attempt(make_post(1), "original", "http://127.0.0.1/x")
        attempt.staging.write_bytes(content_of(1))
        await archive.file_original(attempt, make_post(1), ["mona"], digest_of(content_of(1)))

    assert verify(root).whole


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", ["from_path", "to_path"])
async def test_a_start_gives_up_a_move_whose_paths_are_damaged(root: Path, kind: str, column: str) -> None:
    paths = {"from_path": "'trash/1.jpg'", "to_path": "'gallery/mona/2.jpg'", column: DAMAGED[kind]}
    change(
        root,
        "INSERT INTO move (file_id, from_place, to_place, from_path, to_path, opened_at)"
        f" VALUES (2, 'trash', 'gallery', {paths['from_path']}, {paths['to_path']}, '2024-01-01 00:00:00.000000')",
    )

    archive = Archive.open(root, NO_RESERVE)
    left = await archive.moves.trash()
    await archive.moves.restore(EVERYTHING)
    await archive.aclose()

    assert archive.recovery.moves_cancelled == 1
    assert [one.post_id for one in left] == [2]
    assert verify(root).whole
