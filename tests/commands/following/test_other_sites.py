"""`crawl sync` at each kind of site that is no Danbooru: what it can tell of changes is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.small_site import MONA, SERIES, SmallSite, small_site

LISTS_DELETED = ("e621", "moebooru")


@pytest.fixture(params=["e621", "moebooru", "gelbooru", "gelbooru-0.2"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """Eight posts, crawled once; every third is bright."""
    monkeypatch.setenv("CRAWL_SIM_LOGIN", "7")
    monkeypatch.setenv("CRAWL_SIM_API_KEY", "demo-gelbooru-key")
    if request.param != "gelbooru":
        monkeypatch.delenv("CRAWL_SIM_LOGIN")
        monkeypatch.delenv("CRAWL_SIM_API_KEY")
    with small_site(tmp_path, monkeypatch, request.param) as found:
        found.gallery.add_tag(MONA, "character")
        for number in range(1, 9):
            found.post(number, *([MONA] if number == 8 else []), bright=number % 3 == 0)
        done = found.crawl("--tag", SERIES, "--keep", MONA, "--json")
        assert done.exit_code == 0, done.output
        yield found


def sync(site: SmallSite, *words: str) -> dict[str, Any]:
    done = site.crawl("sync", "--all", "--json", *words)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def touched(site: SmallSite, post_id: int, **fields: Any) -> None:
    newest = max(post.updated_at for post in site.gallery.posts.values())
    site.gallery.edit(post_id, updated_at=newest + 60, **fields)


def test_what_a_site_can_tell_is_found(site: SmallSite, request: pytest.FixtureRequest) -> None:
    site.post(9, bright=True)
    touched(site, 2, tags=(SERIES, MONA))
    touched(site, 3, is_deleted=True)
    site.gallery.remove(6)
    touched(site, 5, tags=("other",))

    found = sync(site)
    all_read = sync(site, "--full")

    deleted = "deleted" if request.node.callspec.params["site"] in LISTS_DELETED else "gone"
    assert found["new"] == 1
    changes = [dict(one["searches"][0]["changes"]) for one in (found, all_read)]
    assert changes[0]["tags"] == 1
    assert changes[0][deleted] + changes[1][deleted] == (1 if deleted == "deleted" else 2)
    assert changes[1]["gone"] == (1 if deleted == "deleted" else 2)
    assert changes[1]["tags"] == 1
    assert [row[0] for row in site.rows("post_id, decision") if row[1] == "keep"] == [2, 3, 6, 8, 9]
    assert sync(site, "--full")["changed"] == 0
