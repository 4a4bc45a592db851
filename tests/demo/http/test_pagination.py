"""Pages and cursors of the demo gallery."""

from __future__ import annotations

import httpx2
import pytest

from demo.galleries.gallery import Gallery
from tests.demo.pieces import Opened, add_post


@pytest.fixture
def many(gallery: Gallery) -> Gallery:
    """450 posts with ids 1..450; the score falls as the id grows."""
    for number in range(1, 451):
        add_post(gallery, number, "1girl genshin_impact", up_score=1000 - number)
    return gallery


async def ids(client: httpx2.AsyncClient, query: str) -> list[int]:
    answer = await client.get(f"/posts.json?only=id&{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


async def test_the_first_page_is_full_and_newest_first(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        assert await ids(client, "tags=1girl&limit=7") == [450, 449, 448, 447, 446, 445, 444]
        assert len(await ids(client, "")) == 20


async def test_limits_are_clamped_silently(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        assert len(await ids(client, "limit=0")) == 1
        assert len(await ids(client, "limit=abc")) == 1
        assert len(await ids(client, "limit=500")) == 200
        assert len(await ids(client, "tags=limit:5")) == 5


async def test_a_tag_page_holds_up_to_a_thousand(gallery: Gallery, opened: Opened) -> None:
    for number in range(1100):
        gallery.add_tag(f"tag_{number}", "general")

    async with opened(gallery) as (_, client):
        assert len((await client.get("/tags.json?limit=500")).json()) == 500
        assert len((await client.get("/tags.json?limit=5000")).json()) == 1000


async def test_the_b_cursor_goes_down_and_ignores_the_order(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        assert await ids(client, "page=b100&limit=3") == [99, 98, 97]
        assert await ids(client, "tags=order:score&page=b100&limit=3") == [99, 98, 97]
        assert await ids(client, "page=B3&limit=9") == [2, 1]


async def test_the_a_cursor_takes_the_lowest_above_and_shows_them_falling(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        assert await ids(client, "page=a100&limit=3") == [103, 102, 101]


async def test_cursors_past_the_end_are_empty_and_odd_pages_are_the_first(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        for page in ("b0", "a99999", "999"):
            assert await ids(client, f"page={page}") == []
        for page in ("0", "-3", "xyz", "", "1"):
            assert await ids(client, f"page={page}&limit=1") == [450]


async def test_numbers_beyond_the_page_limit_are_gone(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        refused = await client.get("/posts.json?page=1001")
        gold = await client.get("/posts.json?page=5001", auth=("demo_gold", "demo-gold-key"))

        assert refused.status_code == 410
        assert refused.json()["error"] == "PaginationExtension::PaginationError"
        assert refused.json()["message"] == "You cannot go beyond page 1000."
        assert refused.json()["success"] is False
        assert gold.status_code == 410
        assert await ids(client, "page=b5001&limit=1") == [450]


async def test_a_walk_by_cursor_meets_every_post_once_though_new_ones_arrive(many: Gallery, opened: Opened) -> None:
    async with opened(many) as (_, client):
        met: list[int] = []
        page = await ids(client, "limit=200")
        while page:
            met += page
            add_post(many, 1000 + len(met), "1girl")
            page = await ids(client, f"limit=200&page=b{page[-1]}")

    assert met == list(range(450, 0, -1))
