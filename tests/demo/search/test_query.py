"""The search language of the demo gallery."""

from __future__ import annotations

import httpx2
import pytest

from demo.galleries.gallery import Gallery
from tests.demo.pieces import MONA, Opened, add_post


@pytest.fixture
def posts(gallery: Gallery) -> Gallery:
    add_post(gallery, 1, f"{MONA} genshin_impact 1girl hat", rating="g", up_score=5, ai_tags=((MONA, 90),))
    add_post(gallery, 2, "genshin_impact 1girl hat", rating="s", up_score=9, ai_tags=((MONA, 70),), parent_id=1)
    add_post(gallery, 3, "genshin_impact 2girls", rating="q", up_score=1, is_deleted=True, ai_tags=((MONA, 20),))
    add_post(gallery, 4, "touhou 1girl witch_hat", rating="e", up_score=3, is_pending=True)
    add_post(
        gallery, 5, "keqing_(genshin_impact) genshin_impact", rating="g", is_banned=True, source="https://a.example/1"
    )
    return gallery


async def ids_of(client: httpx2.AsyncClient, tags: str, **auth: str) -> list[int]:
    answer = await client.get(
        "/posts.json", params={"tags": tags, "only": "id"}, auth=("demo_platinum", "demo-platinum-key")
    )
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("genshin_impact 1girl", [2, 1]),
        ("1girl -genshin_impact", [4]),
        ("~touhou ~2girls", [4, 3]),
        ("touhou or 2girls", [4, 3]),
        ("(touhou or 2girls) -touhou", [3]),
        ("GENSHIN_IMPACT and 2girls", [3]),
        ("*hat", [4, 2, 1]),
        ("mona_megistus", [1]),
        ("genshin_impact -mona_megistus", [5, 3, 2]),
        ("unaliased:mona_megistus", []),
        ("no_such_tag", []),
        ("rating:safe", [2]),
        ("is:sfw", [5, 2, 1]),
        ("rating:g,q", [5, 3, 1]),
        ("status:active", [5, 2, 1]),
        ("status:deleted", [3]),
        ("status:nonsense", []),
        ("parent:1", [2, 1]),
        ("parent:none -id:5", [4, 3, 1]),
        ("child:any", [1]),
        ("id:3,1,2", [3, 2, 1]),
        ("id:3,1,2 order:custom", [3, 1, 2]),
        ("id:<3", [2, 1]),
        ("id:2..4", [4, 3, 2]),
        ("id:2...4", [3, 2]),
        ("id:abc", []),
        ("md5:zz", []),
        ("(genshin_impact", []),
        ("genshin_impact)", []),
        ("order:score limit:2", [2, 1]),
        ("order:id", [1, 2, 3, 4, 5]),
        ("score:>=5", [2, 1]),
        ("chartags:0", [4, 3, 2]),
        ("tagcount:<3", [5, 3]),
        (f"ai:{MONA} -{MONA}", [2]),
        (f"ai:{MONA},>=80", [1]),
        (f"ai:{MONA},0", [5, 4]),
        ("date:2020-01-01", [5]),
        ("date:2019-12-31", [4, 3, 2, 1]),
        ("source:https://a.example", [5]),
        ("source:none id:5", []),
        ("filetype:jpg ratio:3:2 width:900 id:1", [1]),
    ],
)
async def test_a_search_finds(posts: Gallery, opened: Opened, tags: str, expected: list[int]) -> None:
    async with opened(posts) as (_, client):
        result = await ids_of(client, tags)

    assert result == expected


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("a b c", 422),
        ("a b rating:g status:any id:<9 filetype:jpg score:>0", 200),
        ("a -b order:score", 422),
        ("a b chartags:1", 422),
        ("a b tagcount:1", 200),
        ("a a a b", 200),
        ("~a ~b ~c", 422),
        ("a b *c", 422),
    ],
)
async def test_a_visitor_may_search_for_two_tags(posts: Gallery, opened: Opened, tags: str, status: int) -> None:
    async with opened(posts) as (_, client):
        answer = await client.get("/posts.json", params={"tags": tags})

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["error"] == "PostQuery::TagLimitError"
        assert answer.json()["message"] == "You cannot search for more than 2 tags at a time."


async def test_gold_may_search_for_six_tags_and_platinum_for_any_number(posts: Gallery, opened: Opened) -> None:
    async with opened(posts) as (_, client):

        async def status(tags: str, name: str) -> int:
            answer = await client.get("/posts.json", params={"tags": tags}, auth=(f"demo_{name}", f"demo-{name}-key"))
            return answer.status_code

        assert await status("a b c d e f", "gold") == 200
        assert await status("a b c d e f g", "gold") == 422
        assert await status("a b c d e f g h i", "platinum") == 200


async def test_two_orders_are_refused(posts: Gallery, opened: Opened) -> None:
    async with opened(posts) as (_, client):
        answer = await client.get("/posts.json?tags=order:id+order:score")

    assert (answer.status_code, answer.json()["error"]) == (422, "PostQuery::Error")


async def test_a_wildcard_stands_for_the_hundred_most_used_tags(gallery: Gallery, opened: Opened) -> None:
    for number in range(1, 121):
        add_post(gallery, number, f"w_{number:03d}")
    add_post(gallery, 200, "w_120")

    async with opened(gallery) as (_, client):
        answer = await client.get("/posts.json?tags=w_*&limit=200&only=id")

    assert len(answer.json()) == 101
    assert {row["id"] for row in answer.json()} >= {120, 200}


async def test_counts_are_exact_and_know_no_tag_limit(posts: Gallery, opened: Opened) -> None:
    async with opened(posts) as (_, client):
        many = await client.get("/counts/posts.json?tags=genshin_impact+1girl+hat")
        unknown = await client.get("/counts/posts.json?tags=nobody")

    assert many.json() == {"counts": {"posts": 2}}
    assert unknown.json() == {"counts": {"posts": 0}}


async def test_random_redirects_with_the_limit_as_a_metatag(posts: Gallery, opened: Opened) -> None:
    async with opened(posts) as (_, client):
        answer = await client.get("/posts.json?tags=hat&random=true&limit=1")
        followed = await client.get(answer.headers["location"])

    assert answer.status_code == 302
    assert "random%3A1" in answer.headers["location"]
    assert len(followed.json()) == 1


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("date:>=2019-01-01", [2, 4, 3, 1]),
        ("-age:>20y", [2, 4, 3, 1]),
        ("(hat or AGE:<20y) order:id_desc", [2, 4, 3, 1]),
        ("date:>=2019-01-01 order:id", [1, 3, 4, 2]),
        ("date:>=2019-01-01 order:score", [4, 3, 2, 1]),
        ("hat", [4, 3, 2, 1]),
    ],
)
async def test_a_date_or_an_age_orders_by_time_but_never_a_cursor(
    gallery: Gallery, opened: Opened, tags: str, expected: list[int]
) -> None:
    for number in (1, 2, 3, 4):
        add_post(gallery, number, "hat", up_score=number)
    gallery.edit(2, created_at=gallery.posts[4].created_at + 86_400)
    async with opened(gallery) as (_, client):
        assert await ids_of(client, tags) == expected
        answer = await client.get("/posts.json", params={"tags": tags, "only": "id", "page": "b2147483647"})

    assert [row["id"] for row in answer.json()] == [4, 3, 2, 1]
