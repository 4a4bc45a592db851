"""`crawl apply --dry-run` as a user types it: what would move, file by file, and nothing moves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive, open_reader
from storage.records import Target
from tests.storage.samples import CARD, NO_RESERVE, content_of, decide, keep, list_posts, make_post, new_gallery
from tests.storage.samples import sight as seen


async def fill(root: Path) -> None:
    """Posts 1 and 2 have their originals, 3 was rejected before it had one, 4 is undecided."""
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
        await archive.register_model(CARD, {}, activate=True)
        posts = [make_post(number) for number in (1, 2, 3, 4)]
        await list_posts(archive, posts)
        for post, value in zip(posts, ("keep", "keep", "delete", "undecided"), strict=True):
            await archive.file_look(seen(post, decide(value)))
        for post in posts[:2]:
            await keep(archive, post)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Post 2 lies in the trash, and is wanted again; 1 is not wanted any more, 3 is."""
    asyncio.run(fill(tmp_path / "root"))
    for words in (("delete", "2"), (), ("clear", "2"), ("delete", "1"), ("keep", "3")):
        assert crawl(tmp_path / "root", *(("relabel", *words) if words else ("apply", "--no-fetch"))).exit_code in (
            0,
            3,
        )
    return tmp_path / "root"


def crawl(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in ("gallery", "trash")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_a_dry_run_lists_what_would_leave_come_back_and_be_fetched_and_why(root: Path) -> None:
    before = files(root)

    done = crawl(root, "apply", "--dry-run")

    rows = [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip()]
    assert done.exit_code == 0
    assert rows[0] == "post target from to why"
    assert rows[2].startswith("1 mona gallery/mona trash labelled by ")
    assert rows[3] == "2 mona trash gallery/mona 0.9 against 0.5"
    assert rows[4].startswith("3 mona demo gallery/mona labelled by ")
    assert len(rows) == 5
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert files(root) == before


def test_a_program_is_given_the_same_as_a_list_with_whole_paths(root: Path) -> None:
    record = json.loads(crawl(root, "apply", "--dry-run", "--json").stdout)

    assert record["dry_run"] is True
    assert [(one["do"], one["site"], one["post_id"], one["target"], one["to"]) for one in record["would_do"]] == [
        ("trash", "demo", 1, "mona", "trash"),
        ("back", "demo", 2, "mona", "gallery/mona"),
        ("fetch", "demo", 3, "mona", "gallery/mona"),
    ]
    held = files(root)
    assert [held[one["from"]] for one in record["would_do"][:2]] == [content_of(1), content_of(2)]
    assert record["would_do"][2]["from"] == "demo"


def test_a_dry_run_lists_no_more_than_the_run_would_do(root: Path) -> None:
    without = json.loads(crawl(root, "apply", "--dry-run", "--no-fetch", "--json").stdout)
    real = crawl(root, "apply", "--no-fetch", "--json")
    after = crawl(root, "apply", "--dry-run", "--no-fetch")

    assert [one["do"] for one in without["would_do"]] == ["trash", "back"]
    assert "would_do" not in json.loads(real.stdout)
    assert (after.exit_code, after.stdout) == (0, "")
    with open_reader(root) as reader:
        places = dict(reader.sql("SELECT post_id, place FROM results ORDER BY 1").rows)  # type: ignore[arg-type]  # pairs
    assert (places[1], places[2]) == ("trash", "gallery")
