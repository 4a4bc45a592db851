"""The demo gallery misbehaves exactly as its rules say, and records it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from demo.errors import RuleError
from demo.faults.rules import read_rule
from demo.galleries.gallery import Gallery
from demo.http.encodings import gzip_bomb, stored_brotli
from tests.demo.pieces import Opened, add_post, picture_facts


@pytest.fixture
def three(gallery: Gallery, tmp_path: Path) -> Gallery:
    for number, size in enumerate(((900, 600), (90, 60), (60, 90)), 1):
        add_post(gallery, number, "1girl", picture_facts(tmp_path, size), up_score=number)
    return gallery


async def raw(running: Any, target: str, *headers: str) -> bytes:
    """What really comes over the wire until the connection ends."""
    url = httpx2.URL(running.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = [f"GET {target} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


def original(gallery: Gallery, post: int) -> str:
    facts = gallery.file_of(gallery.posts[post])
    return f"/original/{facts.md5[:2]}/{facts.md5[2:4]}/{facts.md5}.jpg"


async def test_only_the_named_requests_are_hit_and_counted(three: Gallery, opened: Opened) -> None:
    rules = [
        {"name": "second page", "match": {"path": "/posts.json", "nth": 2}, "do": {"status": 500}},
        {"name": "never", "match": {"path": "/nowhere"}, "do": {"status": 500}},
    ]

    async with opened(three, rules) as (running, client):
        statuses = [(await client.get("/posts.json")).status_code for _ in range(3)]
        table = (await client.get("/demo/rules.json")).json()

        assert statuses == [200, 500, 200]
        assert table == [{"name": "second page", "seen": 3, "fired": 1}, {"name": "never", "seen": 0, "fired": 0}]
        assert running.unfired() == ["never"]
        assert [request["rule"] for request in running.requests] == [None, "second page", None]
        assert running.requests[0]["headers"]["user-agent"]
        assert running.requests[0]["time"] <= running.requests[1]["time"]


async def test_a_rule_can_name_a_post_and_a_number_of_times(three: Gallery, opened: Opened) -> None:
    rules = [{"match": {"path": "/original/**", "post": 2, "times": 1}, "do": {"status": 404, "body": "gone"}}]

    async with opened(three, rules) as (_, client):
        statuses = [(await client.get(original(three, post))).status_code for post in (1, 2, 2)]

    assert statuses == [200, 404, 200]


async def test_bodies_end_early_in_every_way(three: Gallery, opened: Opened) -> None:
    path = original(three, 1)
    rules = [
        {"match": {"nth": 1}, "do": {"after_bytes": 100, "then": "close"}},
        {"match": {"nth": 1}, "do": {"after_bytes": 100, "then": "more"}},
        {"match": {"nth": 1}, "do": {"no_terminator": True}},
        {"match": {"nth": 1}, "do": {"length": None, "after_bytes": 50}},
        {"match": {"nth": 1}, "do": {"after_bytes": 100, "then": "rst"}},
        {"match": {"nth": 1}, "do": {"drop": "close"}},
    ]
    size = three.file_of(three.posts[1]).size

    async with opened(three, rules) as (running, client):
        bodies = [(await raw(running, path)).partition(b"\r\n\r\n") for _ in range(4)]
        with pytest.raises(httpx2.TransportError):
            await client.get(path)
        dropped = await raw(running, path)

        assert running.unfired() == []
    assert len(bodies[0][2]) == 100
    assert len(bodies[1][2]) == size + 100
    assert b"chunked" in bodies[2][0]
    assert not bodies[2][2].endswith(b"0\r\n\r\n")
    assert b"Content-Length" not in bodies[3][0]
    assert len(bodies[3][2]) == 50
    assert dropped == b""


async def test_silence_and_hanging_last_until_the_client_gives_up(three: Gallery, opened: Opened) -> None:
    rules = [
        {"match": {"nth": 1}, "do": {"accept_and_ignore": True}},
        {"match": {"nth": 1}, "do": {"after_bytes": 10, "then": "hang"}},
        {"match": {"nth": 1}, "do": {"delay_headers": 60}},
        {"match": {"nth": 1}, "do": {"drip": {"bytes": 1, "seconds": 60}}},
    ]

    async with opened(three, rules) as (running, client):
        for _ in rules:
            with pytest.raises(httpx2.ReadTimeout):
                await client.get(original(three, 1), timeout=httpx2.Timeout(30, read=0.05))

        assert running.unfired() == []


async def test_json_is_edited_or_spoiled(three: Gallery, opened: Opened) -> None:
    edits: list[Any] = [
        [{"row": 0, "set": {"file_size": -1, "media_asset.duration": 9}, "drop": ["md5"]}],
        [{"without": [1]}, {"repeat": 0}],
        [{"replace": None}],
        [{"text": "cut"}],
        [{"keep": [0, 0]}],
        [{"reverse": True}],
    ]
    rules = [{"match": {"nth": 1}, "do": {"mutate_json": edit}} for edit in edits]

    async with opened(three, rules) as (_, client):
        answers = [await client.get("/posts.json") for _ in edits]

    first = answers[0].json()[0]
    assert (first["file_size"], first["media_asset"]["duration"], "md5" in first) == (-1, 9, False)
    assert [post["id"] for post in answers[1].json()] == [3, 1, 3]
    assert answers[2].json() is None
    with pytest.raises(ValueError):
        answers[3].json()
    assert answers[4].json() == []
    assert [post["id"] for post in answers[5].json()] == [1, 2, 3]


async def test_ranges_are_answered_wrongly(three: Gallery, opened: Opened) -> None:
    path, size = original(three, 1), three.file_of(three.posts[1]).size
    hows = ("earlier", "later", "total", "missing", "multipart", "unsatisfiable")
    rules: list[dict[str, Any]] = [{"match": {"nth": 1}, "do": {"bad_range": how}} for how in hows]
    rules.append({"match": {"nth": 1}, "do": {"ignore_range": True}})
    rules.append({"match": {"nth": 1}, "do": {"ignore_if_range": True}})

    async with opened(three, rules) as (_, client):
        headers = {"Range": "bytes=500-", "If-Range": '"another"'}
        plain = {"Range": "bytes=500-"}
        answers = [await client.get(path, headers=plain) for _ in range(7)]
        stale = await client.get(path, headers=headers)

    stated = [answer.headers.get("content-range") for answer in answers]
    assert stated[:3] == [
        f"bytes {start}-{size - 1}/{size + more}" for start, more in ((400, 0), (600, 0), (500, 1000))
    ]
    assert (stated[3], answers[3].status_code) == (None, 206)
    assert answers[4].headers["content-type"].startswith("multipart/byteranges")
    assert answers[5].status_code == 416
    assert (answers[6].status_code, len(answers[6].content)) == (200, size)
    assert stale.status_code == 206


async def test_encodings_are_real_or_cut(three: Gallery, opened: Opened) -> None:
    rules = [{"match": {"nth": 1}, "do": {"encode": how}} for how in ("gzip", "cut")]

    async with opened(three, rules) as (running, _):
        honest = (await raw(running, "/posts.json?only=id")).partition(b"\r\n\r\n")
        cut = (await raw(running, "/posts.json?only=id")).partition(b"\r\n\r\n")

    assert b"Content-Encoding: gzip" in honest[0]
    assert gzip.decompress(honest[2]) == b'[{"id":3},{"id":2},{"id":1}]'
    with pytest.raises(EOFError):
        gzip.decompress(cut[2])


def test_the_bomb_is_small_and_unpacks_large() -> None:
    bomb = gzip_bomb(4 << 20)

    assert len(bomb) < 10_000
    assert len(zlib.decompress(bomb, 31)) == 4 << 20


def test_stored_brotli_is_what_a_brotli_decoder_accepts() -> None:
    assert stored_brotli(b"").hex() == "06"
    assert stored_brotli(b"hello").hex() == "400010" + b"hello".hex() + "03"
    assert len(stored_brotli(bytes(150_000))) == 150_000 + 3 * 3 + 1


async def test_redirects_bodies_and_headers_are_replaced(three: Gallery, opened: Opened, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"something else")
    rules: list[dict[str, Any]] = [
        {"match": {"nth": 1}, "do": {"redirect": "http://127.0.0.9/secret"}},
        {"match": {"nth": 1}, "do": {"swap_body": str(other)}},
        {"match": {"nth": 1}, "do": {"status": 429, "headers": {"Retry-After": 7}, "body": "slow down"}},
        {"match": {"nth": 1}, "do": {"status": 403, "headers": {"cf-mitigated": "challenge"}, "body": "<html>"}},
    ]

    async with opened(three, rules) as (_, client):
        answers = [await client.get(original(three, 2)) for _ in rules]

    assert (answers[0].status_code, answers[0].headers["location"]) == (302, "http://127.0.0.9/secret")
    assert (answers[1].status_code, answers[1].content) == (200, b"something else")
    assert (answers[2].status_code, answers[2].headers["retry-after"], answers[2].text) == (429, "7", "slow down")
    assert answers[3].headers["cf-mitigated"] == "challenge"


async def test_a_header_may_come_twice_and_a_cursor_may_be_stuck(three: Gallery, opened: Opened) -> None:
    rules: list[dict[str, Any]] = [
        {"match": {"nth": 1}, "do": {"status": 429, "headers": {"Retry-After": ["7", "9"]}}},
        {"match": {"path": "/posts.json"}, "do": {"as_if": {"page": "b3", "only": "id"}}},
    ]

    async with opened(three, rules) as (running, client):
        twice = await raw(running, "/posts.json")
        pages = [(await client.get(f"/posts.json?page=b{page}")).json() for page in (3, 2, 1)]

    assert twice.count(b"Retry-After: ") == 2
    assert pages == [[{"id": 2}, {"id": 1}]] * 3


async def test_a_body_may_be_endless(three: Gallery, opened: Opened) -> None:
    async with opened(three, [{"do": {"endless": True, "length": None}}]) as (running, client):
        received = 0
        async with client.stream("GET", original(three, 1)) as answer:
            async for chunk in answer.aiter_bytes():
                received += len(chunk)
                if received > 2_000_000:
                    break

        assert running.server.failures == []
    assert received > 2_000_000


async def test_early_hints_come_before_the_answer(three: Gallery, opened: Opened) -> None:
    async with opened(three, [{"do": {"early_hints": 3}}]) as (running, client):
        bytes_sent = await raw(running, "/posts.json?only=id")
        answer = await client.get("/posts.json?only=id")

    assert bytes_sent.startswith(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + b"HTTP/1.1 200 OK")
    assert len(answer.json()) == 3


async def test_the_server_stops_listening_for_a_while(three: Gallery, opened: Opened) -> None:
    rules = [{"match": {"nth": 1}, "do": {"stop_listening": 0.2}}]

    async with opened(three, rules) as (_, client):
        with pytest.raises(httpx2.TransportError):
            await client.get("/posts.json")
        while True:
            try:
                answer = await client.get("/posts.json")
                break
            except httpx2.TransportError:
                await asyncio.sleep(0)

    assert answer.status_code == 200


async def test_a_rule_can_change_the_gallery_in_the_middle(three: Gallery, opened: Opened) -> None:
    rules = [{"match": {"path": "/posts.json", "nth": 2}, "do": {"edit": [{"copy": 1}, {"remove": 2}]}}]

    async with opened(three, rules) as (_, client):
        pages = [[post["id"] for post in (await client.get("/posts.json")).json()] for _ in range(2)]

    assert pages == [[3, 2, 1], [4, 3, 1]]


async def test_rules_can_be_sent_to_a_running_server(three: Gallery, opened: Opened) -> None:
    async with opened(three) as (_, client):
        sent = await client.post("/demo/rules.json", json=[{"do": {"status": 503}}])
        hit = await client.get("/posts.json")
        wrong = await client.post("/demo/rules.json", json=[{"do": {"explode": True}}])
        recorded = (await client.get("/demo/requests.json")).json()

    assert (sent.status_code, hit.status_code, wrong.status_code) == (200, 503, 422)
    assert "explode" in wrong.json()["message"]
    assert [request["target"] for request in recorded] == ["/posts.json"]


@pytest.mark.parametrize("record", [{}, {"do": {}}, {"do": {"then": "sulk"}}, {"do": {"status": 1}, "when": 3}, 7])
def test_a_rule_that_is_not_understood_is_refused(record: Any) -> None:
    with pytest.raises(RuleError):
        read_rule(record, 0)
