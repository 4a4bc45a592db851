"""Files that the site moved to another address since the posts were listed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands.small_site import MONA, SERIES, SmallSite, small_site

NOTHING_THERE = {"name": "moved", "match": {"path": "/of-earlier-days/*"}, "do": {"status": 404}}
NOWHERE = {"name": "gone", "match": {"path": "/original/*"}, "do": {"status": 404}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """A gallery in which one post was rejected, and the site keeps originals elsewhere today, on the same host."""
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        for number in (1, 2, 3, 4, 5):
            found.post(number, *([MONA] if number == 5 else []), bright=number == 4)
        assert found.crawl("--tag", SERIES, "--keep", MONA).exit_code == 0
        with closing(sqlite3.connect(found.root / "crawl.db")) as rows, rows:
            rows.execute("UPDATE file_version SET url = replace(url, '/original/', '/of-earlier-days/')")
        found.server.misbehave([NOTHING_THERE])
        yield found


def test_apply_asks_for_the_address_of_today_where_the_stored_one_has_nothing(site: SmallSite) -> None:
    assert site.crawl("relabel", "keep", "1").exit_code == 0

    done = site.crawl("apply")

    assert done.exit_code == 0, done.stderr
    assert "fetched 1" in done.stderr and "gone" not in done.stderr
    assert (1, "gallery") in site.rows("post_id, place")


def test_apply_counts_as_gone_what_the_site_has_nowhere(site: SmallSite) -> None:
    assert site.crawl("relabel", "keep", "1").exit_code == 0
    site.gallery.edit(1, is_deleted=True)
    site.server.misbehave([NOTHING_THERE, NOWHERE])

    done = site.crawl("apply")

    assert done.exit_code == 0, done.stderr
    assert "1 gone from the site" in done.stderr and (1, "none") in site.rows("post_id, place")


def test_a_site_that_has_no_file_of_one_size_is_crawled_by_the_others(site: SmallSite) -> None:
    for number in range(10, 40):
        site.post(number, bright=number % 2 == 0)
    site.server.misbehave([{"name": "gone", "match": {"path": "/720x720/*"}, "do": {"status": 404}}])

    done = site.crawl("--tag", SERIES, "--keep", MONA)

    assert done.exit_code == 0, done.stderr
    assert len(site.rows("post_id")) == 35
