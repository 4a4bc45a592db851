"""Accounts, odd requests and the token bucket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from demo.embedded import ServeOptions, serve
from demo.galleries.gallery import Gallery
from demo.http.rate_limit import TokenBucket
from tests.demo.pieces import Opened, add_post


@pytest.fixture
def one(gallery: Gallery) -> Gallery:
    add_post(gallery, 1, "1girl")
    return gallery


async def test_basic_and_query_keys_are_equal(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (_, client):
        basic = await client.get("/profile.json", auth=("Demo_Gold", "demo-gold-key"))
        query = await client.get("/profile.json?login=demo_gold&api_key=demo-gold-key")
        nobody = await client.get("/profile.json")

    assert basic.json() == query.json()
    assert (basic.json()["level"], basic.json()["tag_query_limit"], basic.json()["per_page"]) == (30, 6, 40)
    assert (nobody.status_code, nobody.json()["id"], nobody.json()["level"]) == (200, None, 0)


@pytest.mark.parametrize("query", ["login=demo_gold&api_key=wrong", "login=nobody&api_key=x"])
async def test_a_wrong_key_is_refused(one: Gallery, opened: Opened, query: str) -> None:
    async with opened(one) as (_, client):
        answer = await client.get(f"/posts.json?{query}")

    assert answer.status_code == 401
    assert answer.json()["error"] == "SessionLoader::AuthenticationFailure"
    assert answer.json()["message"] == "Invalid API key"


async def test_blank_or_bearer_credentials_are_refused(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (_, client):
        blank = await client.get("/posts.json?login=&api_key=")
        bearer = await client.get("/posts.json", headers={"Authorization": "Bearer abc"})

    assert (blank.status_code, bearer.status_code) == (401, 401)
    assert blank.json()["message"] == "Missing `login` or `api_key`"


async def test_a_key_without_the_permission_is_denied(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (_, client):
        denied = await client.get("/posts.json", auth=("demo_narrow", "demo-narrow-key"))
        allowed = await client.get("/tags.json", auth=("demo_narrow", "demo-narrow-key"))

    assert (denied.status_code, denied.json()["error"]) == (403, "User::PrivilegeError")
    assert allowed.status_code == 200


async def test_odd_requests_get_the_sites_answers(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (running, client):
        body = await client.request("GET", "/posts.json", content=b"{}")
        route = await client.get("/no_such_thing.json")
        suffix = await client.get("/posts.jpg")
        blank = await client.get("/tags.json?search[name]=&limit=3")
        caused = await client.get("/posts.json?cause_error=503")
        slashes = await client.get(f"{running.url}//posts.json?format=json&limit=1")
        up = await client.get("/up")

    assert (body.status_code, body.json()["error"]) == (400, "ApplicationController::RequestBodyNotAllowedError")
    assert (route.status_code, route.json()["error"], route.json()["backtrace"]) == (404, "NilClass", None)
    assert suffix.status_code == 406
    assert (blank.status_code, blank.headers["location"]) == (302, "/tags.json?limit=3")
    assert (caused.status_code, caused.json()["error"]) == (503, "StandardError")
    assert len(slashes.json()) == 1
    assert up.status_code == 204


async def test_a_long_query_may_come_as_a_post(one: Gallery, opened: Opened) -> None:
    ids = ",".join(str(number) for number in range(1, 3000))

    async with opened(one) as (_, client):
        answer = await client.post(
            "/posts.json", data={"tags": f"id:{ids}", "only": "id"}, headers={"X-HTTP-Method-Override": "get"}
        )

    assert answer.json() == [{"id": 1}]


async def test_too_many_requests_are_refused_with_the_bucket_in_a_header(one: Gallery, opened: Opened) -> None:
    async with opened(one, rate=(0.001, 2.0)) as (_, client):
        answers = [await client.get("/posts.json") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "RateLimiter::RateLimitError"
    assert json.loads(answers[2].headers["x-rate-limit"])["burst"] == 2.0
    assert "retry-after" not in answers[2].headers


def test_hammering_lengthens_the_block() -> None:
    calm, hammered = TokenBucket(1.0, 2.0), TokenBucket(1.0, 2.0)
    for bucket in (calm, hammered):
        assert [bucket.take("ip", 0.0) for _ in range(3)] == [True, True, False]

    for _ in range(10):
        hammered.take("ip", 0.0)

    assert calm.take("ip", 3.0)
    assert not hammered.take("ip", 3.0)
    assert hammered.take("ip", 60.0)


async def test_a_request_in_pieces_is_answered(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (running, _):
        host, port = httpx2.URL(running.url).host, httpx2.URL(running.url).port
        reader, writer = await asyncio.open_connection(host, port)
        for piece in (b"GET /posts.json?limit=1 HT", b"TP/1.1\r\nHost: x\r\nConnec", b"tion: close\r\n", b"\r\n"):
            writer.write(piece)
            await writer.drain()
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer


async def test_nonsense_closes_the_connection(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (running, _):
        reader, writer = await asyncio.open_connection(httpx2.URL(running.url).host, httpx2.URL(running.url).port)
        writer.write(b"what is this\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_people_get_pages_without_scripts(one: Gallery, opened: Opened) -> None:
    add_post(one, 2, "<b>bold</b> 1girl", is_banned=True)

    async with opened(one) as (_, client):
        wall = await client.get("/", params={"tags": "1girl"})
        post = await client.get("/posts/2")
        search = await client.get("/posts", params={"tags": '"><script>alert(1)</script>'})

    for page in (wall, post, search):
        assert page.headers["content-type"].startswith("text/html")
        assert "<script" not in page.text
        assert "<b>bold" not in page.text
    assert 'href="/posts/1"' in wall.text
    assert "hidden" in post.text


async def test_what_the_demo_lacks_is_empty_or_says_so(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (_, client):
        assert (await client.get("/iqdb_queries.json?post_id=1")).json() == []
        assert (await client.get("/post_versions.json")).status_code == 501


async def test_line_breaks_in_a_request_start_no_header(one: Gallery, opened: Opened) -> None:
    async with opened(one) as (_, client):
        answer = await client.get("/wiki_pages.json?title=a%0d%0aX-Evil:%20yes")
        other = await client.get("/tags%0d%0aX-Evil:%20yes.json?search[name]=")

    assert "x-evil" not in answer.headers
    assert "x-evil" not in other.headers


async def test_a_bug_of_the_demo_is_answered_and_recorded(one: Gallery, tmp_path: Path) -> None:
    async with serve(one, (), ServeOptions(cache=tmp_path)) as running, httpx2.AsyncClient(trust_env=False) as client:
        one.posts[1] = None  # type: ignore[assignment]
        answer = await client.get(f"{running.url}/posts.json")
        after = await client.get(f"{running.url}/profile.json")

    assert (answer.status_code, answer.json()["message"]) == (500, "")
    assert after.status_code == 200
    assert len(running.server.failures) == 1
