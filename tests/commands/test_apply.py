"""`crawl apply --dry-run` as a user types it: what would move, file by file, and nothing moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive, open_reader
from storage.archive_records import ListedPage
from storage.records import Post, Target
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


# --- what stops it, or part of it -----------------------------------------------------------------------------------


async def filled_with(root: Path, posts: Sequence[Post], value: str = "keep") -> None:
    """Posts with their originals."""
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await archive.save_targets(posts[0].site, [Target("mona", "mona_(genshin_impact)")])
        await archive.register_model(CARD, {}, activate=True)
        listing = await archive.open_listing(posts[0].site, "genshin_impact")
        await archive.file_page(listing.id, ListedPage(posts, cursor=1))
        for post in posts:
            await archive.file_look(seen(post, decide(value)))
            if value == "keep":
                await keep(archive, post)


def test_more_than_the_brake_allows_leaves_only_after_a_yes(tmp_path: Path) -> None:
    posts = [make_post(number) for number in range(1, 53)]
    asyncio.run(filled_with(tmp_path, posts))
    crawl(tmp_path, "relabel", "delete", *(str(post.id) for post in posts[:51]))  # one more than may always leave
    before = files(tmp_path)

    held = crawl(tmp_path, "apply", "--no-fetch", "--json")
    between = files(tmp_path)
    done = crawl(tmp_path, "apply", "--no-fetch", "--yes", "--json")

    record = json.loads(held.stdout)
    assert (held.exit_code, record["trashed"], record["brakes"]) == (
        12,
        0,
        [{"target": "mona", "leaving": 51, "of": 52}],
    )
    shown = " ".join(held.stderr.split())
    assert "crawl query 'target:mona place:gallery decision:delete'" in shown
    assert "nothing was moved; to move them: crawl apply --yes" in shown
    assert between == before
    assert (done.exit_code, json.loads(done.stdout)["trashed"]) == (0, 51)


def test_a_file_that_is_not_the_stored_one_stays_where_it_is_and_the_others_move(tmp_path: Path) -> None:
    asyncio.run(filled_with(tmp_path, [make_post(1), make_post(2)]))
    (altered,) = [path for path in (tmp_path / "gallery").rglob("*") if path.is_file() and path.name.startswith("1_")]
    altered.chmod(0o600)
    altered.write_bytes(content_of(1)[:-1] + b"?")
    crawl(tmp_path, "relabel", "delete", "1", "2")

    done = crawl(tmp_path, "apply", "--no-fetch")

    assert done.exit_code == 11
    assert "is not the file that was stored; it stays where it is" in done.stderr
    assert "crawl verify checks the whole gallery" in done.stderr
    assert "moved 1 to the trash, 0 back; fetched 0" in done.stderr
    assert altered.exists()


def test_a_site_that_cannot_be_asked_keeps_no_file_from_moving_and_is_named(tmp_path: Path) -> None:
    posts = [replace(make_post(number), site="elsewhere") for number in (1, 2)]
    asyncio.run(filled_with(tmp_path, posts, "delete"))
    crawl(tmp_path, "relabel", "keep", "1")

    done = crawl(tmp_path, "apply", "--json")

    record = json.loads(done.stdout)
    assert record["planned"]["fetch"] == 1
    assert (record["fetched"], record["exit"]) == (0, done.exit_code)
    assert done.exit_code != 0
    assert "elsewhere: " in done.stderr
    assert {"what": "originals", "count": 1, "why": "not fetched"} in record["open"]


def test_one_target_is_applied_alone_and_one_that_is_not_known_is_refused(root: Path) -> None:
    alone = json.loads(crawl(root, "apply", "--keep", "mona", "--dry-run", "--json").stdout)
    unknown = crawl(root, "apply", "--keep", "nobody")

    assert {one["target"] for one in alone["would_do"]} == {"mona"}
    assert unknown.exit_code == 2
    assert "'nobody'" in unknown.stderr
