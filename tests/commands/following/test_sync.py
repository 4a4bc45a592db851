"""`crawl sync` against a small site that changes between two nights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.commands.small_site import MONA, NEW, SERIES, SmallSite, small_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """Ten posts, crawled once; every third is bright."""
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        for number in range(1, 11):
            found.post(number, *([MONA] if number == 9 else []), bright=number % 3 == 0)
        done = found.crawl("--tag", SERIES, "--keep", "mona", "--json")
        assert done.exit_code == 0, done.stderr
        yield found


def sync(site: SmallSite, *words: str, code: int = 0) -> dict[str, Any]:
    done = site.crawl("sync", "--all", "--json", *words)
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout))


def touched(site: SmallSite, post_id: int, **fields: Any) -> None:
    """An edit that the site dates."""
    newest = max(post.updated_at for post in site.gallery.posts.values())
    site.gallery.edit(post_id, updated_at=newest + 60, **fields)


def test_a_night_without_changes_asks_two_requests(site: SmallSite) -> None:
    sync(site)

    answer = sync(site)

    assert (answer["new"], answer["changed"]) == (0, 0)
    assert answer["listing_requests"] == 1


def test_new_posts_are_crawled_and_changed_ones_decided_again(site: SmallSite) -> None:
    site.post(11, bright=True)
    touched(site, 2, tags=tuple(sorted((SERIES, MONA))))
    touched(site, 9, tags=(SERIES,), rating="e")

    answer = sync(site)

    assert (answer["new"], answer["changed"], answer["kept"]) == (1, 2, 3)
    assert answer["searches"][0]["changes"] | {"tags": 2, "rating": 1} == answer["searches"][0]["changes"]
    kept = [post_id for post_id, decision in site.rows("post_id, decision") if decision == "keep"]
    assert kept == [2, 3, 6, 9, 11]
    assert len(list((site.root / "gallery").rglob("*.jpg"))) == 5


def test_a_wanted_file_that_is_not_here_is_fetched_before_the_list_that_says_that_it_was_replaced(
    site: SmallSite,
) -> None:
    site.crawl("relabel", "keep", "1")
    wanted = site.gallery.posts[1].picture
    touched(site, 1, picture=site.gallery.posts[6].picture)
    before = len(site.server.requests)

    sync(site)

    asked = [request["target"] for request in site.server.requests[before:]]
    (fetched,) = (number for number, target in enumerate(asked) if f"/original/{wanted[:2]}" in target)
    assert fetched < next(number for number, target in enumerate(asked) if "order:change" in unquote(target))


def test_what_was_taken_down_is_recorded_and_loses_neither_label_nor_file(site: SmallSite) -> None:
    site.crawl("relabel", "keep", "3", "6", "9")
    site.gallery.edit(3, is_banned=True)  # no site dates a ban
    touched(site, 6, is_deleted=True)
    site.gallery.remove(9)

    answer = sync(site, "--full")

    changes = answer["searches"][0]["changes"]
    assert (changes["banned"], changes["deleted"], changes["gone"]) == (1, 1, 1)
    rows = site.rows("post_id, decision, label, place")
    assert [row for row in rows if row[0] in (3, 6, 9)] == [(n, "keep", "keep", "gallery") for n in (3, 6, 9)]
    assert len(list((site.root / "gallery").rglob("*.jpg"))) == 3


def test_a_replaced_file_is_looked_at_anew_and_the_old_one_keeps_its_label(site: SmallSite) -> None:
    site.crawl("relabel", "keep", "1")
    other = site.gallery.posts[3]
    touched(site, 1, picture=other.picture)

    answer = sync(site)

    assert answer["searches"][0]["changes"]["replaced"] == 1
    assert site.rows("post_id, decision, decided_by, label")[0] == (1, "keep", "score", None)
    with site.reader() as reader:
        labels = reader.sql("SELECT l.value FROM label l JOIN file_version v ON v.id = l.version_id").rows
    assert labels == [("keep",)]


def test_a_renamed_series_and_a_renamed_target_are_followed(site: SmallSite) -> None:
    sync(site)
    for old, new in ((SERIES, "genshin"), (MONA, NEW)):
        site.rename(old, new)
        for post_id in sorted(site.gallery.holders(new)):
            touched(site, post_id)
    site.post(11, bright=False)
    touched(site, 11, tags=("genshin", NEW))

    sync(site)

    assert site.rows("post_id, decision")[-1] == (11, "keep")
    with site.reader() as reader:
        assert reader.sql("SELECT query FROM listing").rows == [("genshin",)]
        assert reader.sql("SELECT name, tag FROM target").rows == [("mona", NEW)]
    assert sync(site)["listing_requests"] == 1


def test_a_post_that_left_the_search_is_read_again_in_time(site: SmallSite) -> None:
    touched(site, 3, tags=("other",))

    assert sync(site)["changed"] == 0
    assert sync(site, "--full")["changed"] == 1
    assert site.rows("tags")[2] == ("other",)


def test_searches_that_are_not_due_are_skipped_and_named_ones_are_not(site: SmallSite) -> None:
    sync(site)

    skipped = json.loads(site.crawl("sync", "--json").stdout)
    named = json.loads(site.crawl("sync", "mona", "--json").stdout)

    assert (skipped["followed"], skipped["searches"][0]["skipped"], skipped["listing_requests"]) == (0, True, 0)
    assert named["followed"] == 1


def test_a_dry_run_asks_nobody(site: SmallSite) -> None:
    before = len(site.server.requests)

    words = site.crawl("sync", "--dry-run")
    answer = json.loads(site.crawl("sync", "--dry-run", "--json").stdout)

    assert "what is new or changed since" in words.stdout
    assert answer["searches"][0] | {"due": True, "posts": 10, "stale": 0} == answer["searches"][0]
    assert len(site.server.requests) == before


def test_files_follow_by_wish(site: SmallSite) -> None:
    touched(site, 9, tags=(SERIES,))
    site.crawl("relabel", "delete", "3")

    done = site.crawl("sync", "--all", "--apply")

    assert "to the trash: 1" in done.stderr
    assert len(list((site.root / "trash").rglob("*.jpg"))) == 1


def test_a_gallery_that_somebody_else_holds_is_left_alone(site: SmallSite) -> None:
    from storage.archive import Archive
    from tests.storage.samples import NO_RESERVE

    held = Archive.open(site.root, NO_RESERVE)
    try:
        done = site.crawl("sync", "--json")
    finally:
        held.close()

    assert done.exit_code == 9
    assert "gallery" in json.loads(done.stdout)["error"]


def test_a_gallery_without_a_search_says_what_to_do(site: SmallSite, tmp_path: Path) -> None:
    done = site.crawl("sync", "nobody")

    assert done.exit_code == 2
    assert "no search that is followed has 'nobody'" in done.stderr


def test_a_site_that_fails_leaves_the_search_where_it_was(site: SmallSite) -> None:
    site.post(11, bright=True)
    site.server.misbehave([{"match": {"path": "/posts.json"}, "do": {"status": 401, "json": {"success": False}}}])
    refused = site.crawl("sync", "--all", "--json")
    site.server.misbehave([])

    answer = sync(site)

    assert refused.exit_code == 4
    assert "credentials" in json.loads(refused.stdout)["error"] or "refuses" in json.loads(refused.stdout)["error"]
    assert (answer["new"], answer["exit"]) == (1, 0)


def test_a_bound_of_requests_leaves_the_rest_for_the_next_sync(site: SmallSite) -> None:
    site.gallery.edit(3, is_banned=True)

    first, second = (sync(site, "--requests", number)["searches"][0] for number in ("1", "2"))

    assert (first["left"], first["listing_requests"]) == ("the list of what was taken down", 1)
    assert (second["left"], second["listing_requests"], second["changes"]["banned"]) == ("", 2, 0)
    assert site.rows("decision")[2] == ("keep",)


def test_a_walk_that_a_limit_ended_goes_on_to_its_end(site: SmallSite) -> None:
    site.crawl("--tag", SERIES, "--keep", "mona", "--where", f"-{MONA}", "--limit", "4")

    searches = sync(site)["searches"]

    assert [(one["query"], one["failed"]) for one in searches] == [(SERIES, 0), (f"{SERIES} -{MONA}", 0)]
    with site.reader() as reader:
        states = reader.sql("SELECT state, newest, cursor IS NULL FROM listing ORDER BY id").rows
    assert [state[:2] for state in states] == [("complete", 10), ("complete", 10)]


def test_figures_are_written_where_they_are_asked_for(site: SmallSite) -> None:
    file = site.folder / "sync.prom"

    sync(site, "--metrics", str(file))

    assert 'boorusieve_sync_errors{site="sim",search="genshin_impact",targets="mona"} 0' in file.read_text()


def test_the_summary_is_a_few_plain_lines(site: SmallSite) -> None:
    site.post(11, bright=True)

    done = site.crawl("sync", "--all", "--quiet")

    lines = done.stdout.splitlines()
    assert lines[0].startswith("followed 1 of 1 search: 1 new, 0 changed, 1 kept; 2 requests")
    assert lines[1].startswith("genshin_impact keep mona (sim): 1 new, 0 changed, 1 kept")
    assert len(lines) == 3


def test_another_model_decides_again_without_a_request(site: SmallSite) -> None:
    sync(site)
    before = dict(site.rows("post_id, decision"))
    site.misbehaviour = "contrary"

    answer = sync(site)

    after = dict(site.rows("post_id, decision"))
    assert (before[1], after[1]) == ("delete", "keep")
    assert answer["listing_requests"] == 1


def test_trouble_with_one_search_does_not_keep_another_from_being_followed(site: SmallSite) -> None:
    site.crawl("--tag", SERIES, "--keep", "mona", "--where", f"-{MONA}")
    for number in range(11, 21):
        site.post(number, bright=True)
    site.misbehaviour = "device lost"

    answer = sync(site, code=10)

    assert ["device" in one["error"] for one in answer["searches"]] == [True, True]


def test_a_site_that_shows_nothing_by_id_has_not_lost_every_post(site: SmallSite) -> None:
    for number in range(11, 41):
        site.post(number)
    sync(site)
    for number in range(1, 41):
        touched(site, number, tags=("other",))
    site.server.misbehave([{"match": {"query": {"tags": "id:*"}}, "do": {"status": 200, "json": []}}])

    answer = sync(site, "--full")["searches"][0]

    assert (answer["changes"]["gone"], answer["left"]) == (0, "posts that the site did not show by their ids")
