"""`crawl import archive`: what gallery-dl has downloaded is not fetched again, until that is taken back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.app import app
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site

KEYS = ("danboorut_1girl solo_12", "danbooru12", "danboorup_3_13", "e6215", "safebooru7", "pixiv9_p0")


def archive(path: Path, keys: Sequence[str] = KEYS) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE archive (entry TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT INTO archive VALUES (?)", [(key,) for key in keys])
    return path


def crawl(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def record(*words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(crawl(*words, "--json").stdout)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_posts_of_every_known_site_count_once_and_again_nothing_is_new(tmp_path: Path, root: Path) -> None:
    path = archive(tmp_path / "a.sqlite3")

    first = record("import", "archive", path, "--root", root)
    again = record("import", "archive", path, "--root", root)

    assert first["posts"] == {"danbooru": 2, "safebooru": 2, "e621": 1, "e926": 1, "safebooru.org": 1}
    assert (first["keys"]["danbooru"], first["new"], again["new"]) == (3, 7, 0)
    assert (first["other_keys"], first["other_example"], first["exit"]) == (1, "pixiv9_p0", 0)
    assert {one["site"] for one in record("status", "--root", root)["seen"]} == set(first["posts"])


def test_people_read_a_line_a_site_and_what_was_passed_over(tmp_path: Path, root: Path) -> None:
    path = archive(tmp_path / "a.sqlite3")

    done = crawl("import", "archive", path, "--root", root)

    assert "danbooru 2 posts in 3 keys" in " ".join(done.stdout.split())
    assert "1 key passed over" in done.stderr
    assert "1 post of e621, by /" in " ".join(crawl("status", "--root", root).stdout.split())
    none = crawl("import", "archive", path, "--root", root, "--site", "konachan")
    assert "none of a site that is known here" in none.stdout


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, root: Path) -> None:
    path = archive(tmp_path / "a.sqlite3")

    assert record("import", "archive", path, "--root", root, "--dry-run")["new"] == 7
    assert not root.exists()
    crawl("import", "archive", path, "--root", root, "--site", "e621")
    assert record("import", "archive", path, "--root", root, "--dry-run")["new"] == 6
    assert record("import", "archive", path, "--root", root, "--dry-run", "--withdraw")["withdrawn"] == 1
    assert len(record("status", "--root", root)["seen"]) == 1


def test_it_is_taken_back_of_one_site_or_as_a_whole_even_when_the_file_is_gone(tmp_path: Path, root: Path) -> None:
    path = archive(tmp_path / "a.sqlite3")
    crawl("import", "archive", path, "--root", root)
    path.unlink()

    assert record("import", "archive", path, "--root", root, "--withdraw", "--site", "e621")["withdrawn"] == 1
    assert "6 posts" in crawl("import", "archive", path, "--root", root, "--withdraw").stderr
    again = crawl("import", "archive", path, "--root", root, "--withdraw")
    assert (again.exit_code, "crawl status lists the archives" in again.stderr) == (2, True)


def test_what_makes_no_sense_is_refused_and_no_gallery_is_made(tmp_path: Path, root: Path) -> None:
    path = archive(tmp_path / "a.sqlite3")
    (tmp_path / "text").write_text("no database " * 100)
    refusals = {
        "is no archive that can be read": ("archive", tmp_path / "text"),
        "cannot be read": ("archive", tmp_path / "nothing"),
        "--link is for files": ("archive", path, "--link"),
        "--withdraw is for archives": ("folder", tmp_path, "--withdraw"),
        "--dry-run is for archives": ("folder", tmp_path, "--dry-run"),
    }
    for words, typed in refusals.items():
        answer = crawl("import", *typed, "--root", root)
        assert (answer.exit_code, words in " ".join(answer.stderr.split())) == (2, True), answer.stderr
    assert not root.exists()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as small:
        small.gallery.add_tag(MONA, "character")
        for number in (1, 2, 3):
            small.post(number, MONA, bright=True)
        yield small


def kept(site: SmallSite) -> list[int]:
    return sorted(int(path.name.partition("_")[0]) for path in site.root.glob("gallery/mona/*"))


def test_a_crawl_passes_over_what_an_archive_has_until_it_is_taken_back(site: SmallSite) -> None:
    path = archive(site.folder / "a.sqlite3", ["simt_mona_1", "sim2"])
    main = ("--tag", SERIES, "--keep", "mona")
    assert site.crawl("import", "archive", str(path)).exit_code == 0

    first = json.loads(site.crawl(*main, "--json").stdout)
    assert (first["listed"], first["kept"], first["seen"], first["exit"], kept(site)) == (3, 1, 2, 0, [3])

    looked = json.loads(site.crawl(*main, "--seen", "--json").stdout)
    assert (looked["scored"], looked["seen"], kept(site)) == (2, 2, [3])
    assert "elsewhere 2 (2 to be kept), by an archive" in " ".join(site.crawl(*main).stdout.split())

    planned = site.crawl("apply")
    assert (planned.exit_code, "2 posts to be kept and not fetched" in planned.stderr, kept(site)) == (0, True, [3])

    site.crawl("import", "archive", str(path), "--withdraw")
    assert site.crawl("apply").exit_code == 0
    assert kept(site) == [1, 2, 3]
