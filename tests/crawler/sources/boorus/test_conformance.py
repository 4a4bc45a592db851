"""What holds for every kind of site, over a real socket: one suite, each mode of the demo gallery in turn."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crawler.errors import BlockedError, GoneError, UsageError
from crawler.sites import Software, site_from_url
from crawler.sources.boorus.clients import client_for
from crawler.sources.listing import SiteSource, walk
from crawler.sources.names import resolve_target
from crawler.sources.site_client import SiteClient
from crawler.transport.budget import budget_for
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.downloads import Downloader
from crawler.transport.http import Http
from demo.embedded import Running, ServeOptions, serve
from demo.galleries.folder import FolderPlan, folder_gallery
from demo.galleries.gallery import Gallery
from storage.records import Post, Rating
from tests.crawler.scenes import Clock, hasty, quick

POSTS = 430  # more than two pages of every kind of site
MONA, FISCHL = "mona_(genshin_impact)", "fischl_(genshin_impact)"
LISTING = {"danbooru": "/posts.json", "e621": "/posts.json", "moebooru": "/post.json"} | dict.fromkeys(
    ("gelbooru", "gelbooru-0.2"), "/index.php"
)

KEYS = {Software.GELBOORU: Credentials("7", Secret("demo-gelbooru-key"))}

pytestmark = pytest.mark.parametrize("software", list(Software))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("pictures"), random.Random(3)
    for number in range(POSTS):
        name = (MONA, FISCHL)[number % 2]
        (folder / name).mkdir(exist_ok=True)
        colour = (chance.randrange(256), chance.randrange(256), number % 256)
        Image.new("RGB", (40 + number % 5, 52), colour).save(folder / name / f"{number:04}.png")
    return folder


@pytest.fixture
def gallery(pictures: Path) -> Gallery:
    return folder_gallery(FolderPlan(folder=pictures, tag="genshin_impact", hide=0.0, seed=5))


@asynccontextmanager
async def visiting(
    gallery: Gallery, software: Software, rules: Sequence[dict[str, Any]] = ()
) -> AsyncIterator[tuple[Running, SiteClient, Downloader]]:
    async with serve(gallery, rules, ServeOptions(software=software.value)) as server:
        clock = Clock()
        site = site_from_url(server.url, software=software)
        budget = budget_for(site, clock=clock, sleep=clock.sleep)
        async with Http(site, budget, credentials=KEYS.get(software), deadlines=hasty()) as http:
            yield server, client_for(site, http, quick(clock), print), Downloader(http, site, quick(clock))
        assert server.unfired() == []


async def everything(client: SiteClient, query: str = "genshin_impact", **bounds: int) -> list[Post]:
    return [post async for step in walk(client, query, **bounds) for post in step.posts]


async def test_a_whole_tag_is_listed_each_post_once(software: Software, gallery: Gallery) -> None:
    async with visiting(gallery, software) as (_, client, _):
        posts = await everything(client)

    assert [post.id for post in posts] == sorted(gallery.posts, reverse=True)
    assert all(post.file is not None and post.renditions[-1].name == "original" for post in posts)


async def test_a_walk_goes_on_below_a_cursor_and_ends_above_a_floor(software: Software, gallery: Gallery) -> None:
    ids = sorted(gallery.posts, reverse=True)
    async with visiting(gallery, software) as (_, client, _):
        rest = await everything(client, start=ids[120], floor=ids[400])

    assert [post.id for post in rest] == ids[121:400]


async def test_uploads_during_the_walk_make_no_gap_and_no_duplicate(software: Software, gallery: Gallery) -> None:
    before = sorted(gallery.posts, reverse=True)
    upload = {"match": {"path": LISTING[software]}, "do": {"edit": [{"copy": before[0]}, {"copy": before[5]}]}}
    async with visiting(gallery, software, [upload]) as (_, client, _):
        ids = [post.id for post in await everything(client)]

    assert ids[-POSTS:] == before and len(set(ids)) == len(ids)


async def test_tags_stand_in_their_categories(software: Software, gallery: Gallery) -> None:
    async with visiting(gallery, software) as (_, client, _):
        post = (await everything(client, MONA))[0]
        tag = await client.tag(MONA)

    tells = software is not Software.GELBOORU_02  # it names a category only for a tag at a time
    assert post.tags.character == ((MONA,) if tells else ())
    assert "genshin_impact" in (post.tags.copyright if tells else post.tags.general)
    assert tag is not None and (tag.category, tag.post_count) == ("character", POSTS // 2)


async def test_a_character_is_found_without_its_series(software: Software, gallery: Gallery) -> None:
    async with visiting(gallery, software) as (_, client, _):
        found = await resolve_target(client, "mona", ["genshin_impact"])

    assert (found.target.name, found.target.tag) == ("mona", MONA)


async def test_how_many_posts_a_tag_has_is_known(software: Software, gallery: Gallery) -> None:
    async with visiting(gallery, software) as (_, client, _):
        assert await client.count("genshin_impact") == POSTS


async def test_excluded_tags_and_ratings_are_heeded(software: Software, gallery: Gallery) -> None:
    for number, post_id in enumerate(sorted(gallery.posts)):
        gallery.edit(post_id, rating="e" if number < 10 else "s")
    async with visiting(gallery, software) as (_, client, _):
        others = await everything(client, f"genshin_impact -{MONA}")
        explicit = await everything(client, "genshin_impact rating:e")

    assert len(others) == POSTS // 2 and all(MONA not in post.tags.character for post in others)
    assert len(explicit) == 10 and {post.rating for post in explicit} == {Rating.EXPLICIT}


async def test_what_a_site_cannot_be_asked_is_checked_here(software: Software, gallery: Gallery) -> None:
    for number, post_id in enumerate(sorted(gallery.posts)):
        gallery.edit(post_id, up_score=number, down_score=0)
    async with visiting(gallery, software) as (_, client, _):
        liked = await everything(client, "genshin_impact score:>=410")

    assert [post.score for post in liked] == list(range(POSTS - 1, 409, -1))


async def test_a_hidden_file_is_not_guessed_at(software: Software, gallery: Gallery) -> None:
    first = min(gallery.posts)
    gallery.edit(first, is_banned=True)
    async with visiting(gallery, software) as (_, client, _):
        post = await client.post(first)

    assert post.file is None and post.renditions == () and post.hidden_reason in ("banned", "restricted")


async def test_a_replaced_file_is_another_version_of_the_same_post(software: Software, gallery: Gallery) -> None:
    first, second = sorted(gallery.posts)[:2]
    async with visiting(gallery, software) as (_, client, _):
        before = await client.post(first)
        gallery.edit(first, picture=gallery.posts[second].picture)
        after = await SiteSource(client, "genshin_impact").again(before)

    assert after is not None and after.id == first and after.file != before.file


async def test_gone_posts_are_missing_from_their_batch(software: Software, gallery: Gallery) -> None:
    ids = sorted(gallery.posts)[:250]
    gallery.remove(ids[3])
    async with visiting(gallery, software) as (_, client, _):
        found = [post.id async for page in client.posts_by_id(ids) for post in page.posts]
        with pytest.raises(GoneError):
            await client.post(ids[3])

    assert sorted(found) == [post_id for post_id in ids if post_id != ids[3]]


async def test_a_throttle_is_waited_out(software: Software, gallery: Gallery) -> None:
    slow = {"match": {"path": LISTING[software], "nth": [2]}, "do": {"status": 429, "headers": {"Retry-After": "7"}}}
    async with visiting(gallery, software, [slow]) as (_, client, _):
        posts = await everything(client)

    assert len(posts) == POSTS


async def test_a_challenge_ends_the_run(software: Software, gallery: Gallery) -> None:
    html = {"Content-Type": "text/html"}
    page = {"status": 403, "body": "<!doctype html><title>Just a moment...</title>", "headers": html}
    async with visiting(gallery, software, [{"match": {"path": LISTING[software]}, "do": page}]) as (_, client, _):
        with pytest.raises(BlockedError):
            await everything(client)


async def test_an_answer_that_is_none_is_asked_for_again(software: Software, gallery: Gallery) -> None:
    broken = {"match": {"path": LISTING[software], "nth": [1]}, "do": {"status": 200, "json": {"posts": 3}}}
    async with visiting(gallery, software, [broken]) as (_, client, _):
        assert len(await everything(client)) == POSTS


async def test_files_and_copies_are_fetched_and_verified(software: Software, gallery: Gallery, tmp_path: Path) -> None:
    async with visiting(gallery, software) as (_, client, downloader):
        for post in (await everything(client))[:3]:
            assert post.file is not None
            await downloader.fetch_file(post.file.url, tmp_path / str(post.id), version=post.file)
            for rendition in post.renditions[:-1]:
                assert (await downloader.fetch_bytes(rendition.url)).content


async def test_what_nobody_can_answer_is_refused(software: Software, gallery: Gallery) -> None:
    if software is Software.DANBOORU:
        return  # it can
    async with visiting(gallery, software) as (_, client, _):
        with pytest.raises(UsageError, match="cannot be asked for commenter:"):
            await client.posts("commenter:someone")


@pytest.mark.parametrize("page", ["1", "b", "b1x", "c7"])
async def test_only_cursors_by_id_are_sent(software: Software, gallery: Gallery, page: str) -> None:
    async with visiting(gallery, software) as (running, client, _):
        with pytest.raises(ValueError, match="id cursor"):
            await client.posts("genshin_impact", page=page)

        assert running.requests == []


async def test_what_changed_last_comes_first_in_the_list_of_changes(software: Software, gallery: Gallery) -> None:
    ids = sorted(gallery.posts)
    newest = max(post.updated_at for post in gallery.posts.values())
    gallery.edit(ids[5], updated_at=newest + 60, rating="e")
    gallery.edit(ids[3], updated_at=newest + 120, tags=(*gallery.posts[ids[3]].tags, "hat"))
    async with visiting(gallery, software) as (_, client, _):
        first = await client.latest_changes("genshin_impact")
        second = await client.latest_changes("genshin_impact", number=2)

    assert [post.id for post in first.posts[:2]] == [ids[3], ids[5]]
    assert {post.id for post in first.posts}.isdisjoint(post.id for post in second.posts)
    times = [post.updated_at for post in (*first.posts, *second.posts)]
    assert times == sorted(times, reverse=True)


async def test_what_was_taken_down_is_listed_where_the_site_tells(software: Software, gallery: Gallery) -> None:
    first, second = sorted(gallery.posts)[:2]
    gallery.edit(first, is_banned=True)
    gallery.edit(second, is_deleted=True)
    async with visiting(gallery, software) as (_, client, _):
        how = client.change_lists.removals
        listed = [post.id for post in (await client.removed("genshin_impact")).posts]

    assert listed == {"banned": [first], "deleted": [second], None: []}[how]


async def test_a_deleted_post_is_read_again_by_its_id_where_the_site_keeps_it(
    software: Software, gallery: Gallery
) -> None:
    ids = sorted(gallery.posts)[:3]
    gallery.edit(ids[1], is_deleted=True)
    async with visiting(gallery, software) as (_, client, _):
        posts = {post.id: post async for page in client.posts_by_id(ids) for post in page.posts}

    keeps = software not in (Software.GELBOORU, Software.GELBOORU_02)
    assert [post_id for post_id, post in posts.items() if post.is_deleted] == ([ids[1]] if keeps else [])
    assert len(posts) == (3 if keeps else 2)
