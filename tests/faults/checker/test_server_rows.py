"""The checker sees the same through a server: its rows as they would be in a file, and a broken promise."""

from __future__ import annotations

from pathlib import Path

from storage.archive import Archive
from storage.archive_records import Label
from storage.label_writer import Labelling
from storage.records import LabelValue, PostTags
from tests.equipment.postgres import PostgresServer
from tests.faults.checker.checker import check
from tests.faults.checker.evidence import Expected, has_rows, reading
from tests.storage.samples import NO_RESERVE, keep, list_posts, make_post, sight


async def test_rows_of_a_server_are_checked_as_those_of_a_file_are(server: PostgresServer, tmp_path: Path) -> None:
    root = server.new_gallery(tmp_path / "gallery-data")
    post = make_post(1, tags=PostTags(general=("a\x00b",)))
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [post])
        await archive.file_look(sight(post))
        await keep(archive, post)
    with Labelling(root) as labelling:
        labelling.relabel([Label(1, "demo", "mona", LabelValue.KEEP, "me", "key")])
    said = Expected(labels=[(1, "mona", "keep")])

    with reading(root) as rows:
        (shown,) = rows.execute("SELECT label, place, tags_general, created_at FROM results WHERE post_id = 1")
        assert shown[:3] == ("keep", "gallery", "a\x00b") and len(shown[3]) == len("2024-05-01 12:00:00.000000")
        assert rows.execute("SELECT count(*) FROM file_version WHERE NOT replaced").fetchone() == (1,)
    assert has_rows(root)
    assert check(root, said, weak=True) == []
    assert [one.invariant for one in check(root, Expected(labels=[(1, "mona", "delete")]), weak=True)] == ["I13"]

    server.sql("ALTER TABLE label DISABLE TRIGGER USER", server.name_of(root))
    assert {one.invariant for one in check(root, said, weak=True)} == {"I1"}
    server.sql("SET session_replication_role = replica; DELETE FROM label", server.name_of(root))
    assert "I13" in {one.invariant for one in check(root, said, weak=True)}


def test_a_database_without_tables_is_a_gallery_that_was_not_made(server: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / ".database").write_text(server.new_database())

    assert not has_rows(tmp_path)
    assert check(tmp_path, weak=True) == []
    assert [one.invariant for one in check(tmp_path)] == ["I17"]
