"""The crawler against the demo gallery: the same API that both were written for, over a real socket."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crawler.errors import AccessError, BlockedError, PostError, TagLimit
from crawler.sites import site_from_url
from crawler.sources.danbooru_client import DanbooruClient
from crawler.sources.listing import walk
from crawler.sources.names import resolve_tag, resolve_target
from crawler.sources.query_plan import crawl_terms, plan
from crawler.transport.budget import budget_for
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.downloads import Downloader
from crawler.transport.http import Deadlines, Http
from crawler.transport.retry import Patience
from demo.embedded import Running, ServeOptions, serve
from demo.galleries.folder import FolderPlan, folder_gallery
from demo.galleries.gallery import Gallery
from storage.records import Post
from storage.search.match import matcher
from tests.crawler.scenes import Clock, hasty, quick

POSTS = 450
CLASSES = ("mona_(genshin_impact)", "fischl_(genshin_impact)", "keqing_(genshin_impact)")
GOLD = Credentials("demo_gold", Secret("demo-gold-key"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    chance = random.Random(3)
    for name in CLASSES:
        (folder / name).mkdir()
    for number in range(POSTS):
        colour = (chance.randrange(256), chance.randrange(256), number % 256)
        image = Image.new("RGB", (200 + number % 50, 260), colour)
        image.save(folder / CLASSES[number % 3] / f"{number:04}.jpg", quality=80)
    return folder


@pytest.fixture
def gallery(pictures: Path) -> Gallery:
    return folder_gallery(FolderPlan(folder=pictures, tag="genshin_impact", hide=0.4, seed=5))


@asynccontextmanager
async def visiting(
    gallery: Gallery,
    rules: Sequence[dict[str, Any]] = (),
    *,
    credentials: Credentials | None = None,
    options: ServeOptions | None = None,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[tuple[Running, DanbooruClient, Downloader]]:
    async with serve(gallery, rules, options) as server:
        clock = Clock()
        site = site_from_url(server.url)
        budget = budget_for(site, clock=clock, sleep=clock.sleep)
        async with Http(site, budget, credentials=credentials, deadlines=deadlines or hasty()) as http:
            yield server, DanbooruClient(site, http, quick(clock)), Downloader(http, site, quick(clock))
        assert server.unfired() == []


async def everything(client: DanbooruClient, query: str = "genshin_impact") -> list[Post]:
    return [post async for step in walk(client, query) for post in step.posts]


async def test_a_whole_tag_is_listed_as_the_site_counts_it(gallery: Gallery) -> None:
    async with visiting(gallery) as (_, client, _):
        posts = await everything(client)
        counted = await client.count("genshin_impact")

    assert [post.id for post in posts] == sorted(gallery.posts, reverse=True)
    assert len(posts) == counted == POSTS
    assert all(post.file is not None and post.renditions[-1].name == "original" for post in posts)


@pytest.mark.parametrize(
    "term", ["date:2019-01-01..2030-01-01", "age:<99y", "-date:<2019-01-01", "(age:>9y or DATE:>2019-01-01)"]
)
async def test_a_term_that_changes_the_sites_own_order_loses_no_post(gallery: Gallery, term: str) -> None:
    for old_id in sorted(gallery.posts)[:3]:
        gallery.edit(old_id, created_at=gallery.posts[max(gallery.posts)].created_at + 86_400)
    async with visiting(gallery) as (_, client, _):
        posts = await everything(client, f"genshin_impact {term}")

    assert [post.id for post in posts] == sorted(gallery.posts, reverse=True)


@pytest.mark.fault("J04")
async def test_posts_uploaded_during_the_walk_make_no_gap_and_no_duplicate(gallery: Gallery) -> None:
    before = sorted(gallery.posts, reverse=True)
    upload = {"match": {"path": "/posts.json"}, "do": {"edit": [{"copy": before[0]}, {"copy": before[5]}]}}
    async with visiting(gallery, [upload]) as (_, client, _):
        posts = await everything(client)

    ids = [post.id for post in posts]
    assert ids[-POSTS:] == before and len(set(ids)) == len(ids)


async def test_names_lead_to_the_character(gallery: Gallery) -> None:
    async with visiting(gallery) as (_, client, _):
        found = await resolve_target(client, "mona", ["genshin_impact"])
        tag = await resolve_tag(client, "genshin impact")

    assert (found.target.name, found.target.tag) == ("mona", CLASSES[0]) and tag.post_count == POSTS


async def test_every_kind_of_file_is_fetched_and_verified(gallery: Gallery, tmp_path: Path) -> None:
    async with visiting(gallery) as (_, client, downloader):
        for post in (await everything(client))[:5]:
            assert post.file is not None
            await downloader.fetch_file(post.file.url, tmp_path / str(post.id), version=post.file)
            for rendition in post.renditions[:-1]:
                assert (await downloader.fetch_bytes(rendition.url)).content

    assert len(list(tmp_path.iterdir())) == 5  # noqa: ASYNC240 - a test may look at its own folder


@pytest.mark.fault("H31")
async def test_a_fifth_of_all_answers_may_be_broken_in_any_way(gallery: Gallery, tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [
        {"after_bytes": 300, "then": "rst"},
        {"after_bytes": 300, "then": "close"},
        {"chunked": True, "no_terminator": True},
        {"length": None, "after_bytes": 200, "then": "close"},
        {"accept_and_ignore": True},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 429, "headers": {"Retry-After": "2"}, "body": ""},
        {"status": 200, "body": ""},
        {"drop": "rst"},
        {"status": 200, "json": {"success": False}},
        {"after_bytes": 100, "then": "more"},
    ]
    rules = [
        {"name": str(do), "match": {"path": "/original/**", "nth": list(range(3 + 5 * number, 400, 61))}, "do": do}
        for number, do in enumerate(faults)
    ]
    async with visiting(gallery, rules) as (_, client, downloader):
        posts = (await everything(client))[:120]

        async def fetch(post: Post) -> str:
            assert post.file is not None
            digest = await downloader.fetch_file(post.file.url, tmp_path / str(post.id), version=post.file)
            return digest.md5

        fetched = await asyncio.gather(*map(fetch, posts))

    assert fetched == [post.file.md5 for post in posts if post.file]


async def test_broken_listings_lose_nothing(gallery: Gallery) -> None:
    rules: list[dict[str, Any]] = [
        {"match": {"path": "/posts.json", "nth": 1}, "do": {"encode": "cut"}},
        {"match": {"path": "/posts.json", "nth": 1}, "do": {"json": []}},
        {"match": {"path": "/posts.json", "nth": 1}, "do": {"after_bytes": 5000, "then": "close"}},
        {"match": {"path": "/posts.json", "nth": 1}, "do": {"encode": "gzip"}},
        {"match": {"path": "/posts.json", "nth": 2}, "do": {"json": []}},
        {"match": {"path": "/posts.json", "nth": 2}, "do": {"status": 503, "body": "<html>"}},
    ]
    async with visiting(gallery, rules) as (_, client, _):
        posts = await everything(client)

    assert [post.id for post in posts] == sorted(gallery.posts, reverse=True)


@pytest.mark.fault("H17")
async def test_hidden_posts_are_listed_with_their_reason(gallery: Gallery) -> None:
    first, second = sorted(gallery.posts)[:2]
    edit = [{"edit": first, "set": {"is_banned": True}}, {"edit": second, "set": {"is_deleted": True}}]
    rule = {"match": {"path": "/posts.json", "nth": 1}, "do": {"edit": edit}}
    async with visiting(gallery, [rule]) as (_, client, _):
        posts = {post.id: post for post in await everything(client)}

    assert posts[first].file is None and posts[first].hidden_reason == "banned"
    assert posts[second].file is not None and posts[second].is_deleted


@pytest.mark.fault("H14")
async def test_gone_posts_are_missing_from_their_batch(gallery: Gallery) -> None:
    ids = sorted(gallery.posts)
    rule = {"match": {"path": "/posts.json", "nth": 1}, "do": {"edit": [{"remove": ids[7]}]}}
    async with visiting(gallery, [rule]) as (_, client, _):
        found = {post.id async for page in client.posts_by_id(ids) for post in page.posts}

    assert found == set(ids) - {ids[7]}


@pytest.mark.fault("U15")
async def test_the_key_is_sent_with_api_requests_only(
    gallery: Gallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with visiting(gallery, credentials=GOLD) as (server, client, downloader):
        profile = await client.profile()
        post = (await client.posts("genshin_impact", limit=1)).posts[0]
        assert post.file is not None
        await downloader.fetch_file(post.file.url, tmp_path / "a", version=post.file)
        requests = server.requests

    keyed = [("authorization" in request["headers"]) for request in requests]
    assert keyed == [True, True, False]
    assert (profile.id, profile.tag_query_limit) == (3, 6)
    assert "demo-gold-key" not in caplog.text and GOLD.authorization().split()[1] not in caplog.text
    assert all("(user #3)" in request["headers"]["user-agent"] for request in requests[1:])


@pytest.mark.fault("H12")
async def test_a_wrong_key_is_refused(gallery: Gallery) -> None:
    async with visiting(gallery, credentials=Credentials("demo_gold", Secret("wrong"))) as (server, client, _):
        with pytest.raises(AccessError) as caught:
            await client.profile()
        assert len(server.requests) == 1

    assert caught.value.exit_code == 4


async def test_what_is_planned_is_never_too_much_for_the_account(gallery: Gallery) -> None:
    where = "-mona_(genshin_impact) chartags:0 tagcount:<99"
    async with visiting(gallery) as (_, client, _):
        with pytest.raises(TagLimit):
            await client.posts(f"genshin_impact {where}")
        planned = plan(["genshin_impact"], crawl_terms(where), tag_limit=(await client.profile()).tag_query_limit)
        posts = await everything(client, planned.server)

    assert planned.local is not None
    wanted = matcher(planned.local)
    untagged = {post_id for post_id, post in gallery.posts.items() if not set(CLASSES) & set(post.tags)}
    assert {post.id for post in posts if wanted(post)} == untagged


@pytest.mark.fault("H08")
async def test_a_challenge_ends_the_run_after_one_request(gallery: Gallery) -> None:
    challenge = {"status": 403, "headers": {"cf-mitigated": "challenge", "Content-Type": "text/html"}, "body": "<html>"}
    async with visiting(gallery, [{"match": {"path": "/**"}, "do": challenge}]) as (server, client, _):
        with pytest.raises(BlockedError):
            await client.posts("genshin_impact")
        assert len(server.requests) == 1


@pytest.mark.fault("H19")
async def test_redirects_to_other_machines_are_refused_before_connecting(gallery: Gallery) -> None:
    away = {"match": {"path": "/original/**"}, "do": {"redirect": "http://127.0.0.3:9/secret"}}
    async with visiting(gallery, [away]) as (_, client, downloader):
        post = (await client.posts("genshin_impact", limit=1)).posts[0]
        assert post.file is not None
        with pytest.raises(PostError, match="url refused"):
            await downloader.fetch_bytes(post.file.url)


@pytest.mark.fault("N02")
async def test_a_site_that_goes_away_for_a_while_is_waited_for(gallery: Gallery) -> None:
    async def twentyfold(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    pause = {"match": {"path": "/posts.json", "nth": 2}, "do": {"stop_listening": 0.15}}  # three seconds, twentyfold
    async with visiting(gallery, [pause]) as (_, client, _):
        posts = await everything(DanbooruClient(client.site, client.http, Patience(sleep=twentyfold)))

    assert [post.id for post in posts] == sorted(gallery.posts, reverse=True)
