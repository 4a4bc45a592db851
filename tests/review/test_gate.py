"""Nobody but the page itself may change anything, and nobody but this machine may see it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from review.gate import MOST_BODY, Address
from review.server import LOOPBACK, bind, port_of
from tests.review.pieces import OWN, PORT, Opened, answering, picture_bytes


@pytest.mark.fault("U01")
def test_the_page_listens_on_the_loopback_address_alone() -> None:
    with bind(0) as listening:
        assert listening.getsockname()[0] == LOOPBACK == "127.0.0.1"
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port_of(listening)), timeout=1):
            pass  # another address of this machine: whoever listens everywhere would answer there too


@pytest.mark.fault("U02")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"localhost.evil.example:{PORT}",
        f"127.0.0.1.nip.io:{PORT}",
        f"LOCALHOST:{PORT}",
        f"[::1]:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1:{PORT}@evil.example",
        "",
    ],
)
def test_a_host_that_is_not_exactly_ours_sees_nothing(page: Opened, host: str) -> None:
    for path in ("/", "/api/start", "/pictures/1", "/static/main.js"):
        answer = page.get(path, host=host)

        assert answer.status_code == 421
        assert page.token not in answer.text


@pytest.mark.fault("U02")
@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_our_own_names_are_answered(page: Opened, host: str) -> None:
    assert page.get("/", host=host).status_code == 200


@pytest.mark.fault("U03")
@pytest.mark.parametrize(
    "changes",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},  # a page on another port of this machine
        {"sec_fetch_site": "none"},
        {"origin": "https://evil.example"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": "null"},
        {"origin": None, "sec_fetch_site": None},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"x_review_token": None},
        {"x_review_token": "guessed"},
    ],
)
def test_a_change_that_the_page_did_not_ask_for_is_refused(page: Opened, changes: dict[str, Any]) -> None:
    for answer in (page.answer(answering(1), **changes), page.post("/api/rounds", {"target": "mona"}, **changes)):
        assert answer.status_code == 403

    assert page.service.writes == 0
    assert page.rounds.now.state == "none"


@pytest.mark.fault("U03")
def test_another_page_cannot_read_through_the_browser(page: Opened) -> None:
    for site in ("cross-site", "same-site"):
        answer = page.client.get("/pictures/1", headers={"sec-fetch-site": site, "sec-fetch-dest": "image"})
        assert answer.status_code == 403


def test_a_link_from_elsewhere_may_open_the_page(page: Opened) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    assert page.client.get("/", headers=headers).status_code == 200


@pytest.mark.fault("U04")
def test_reading_changes_nothing(page: Opened) -> None:
    paths = [
        "/",
        "/api/start",
        "/api/rounds",
        "/api/rounds/stop",
        "/api/targets/mona",
        "/api/targets/mona/list?view=questions",
        "/api/targets/mona/list?q=hat",
        "/api/targets/mona/cards?ids=1,2",
        "/api/targets/mona/pictures/1",
        "/api/targets/mona/alike/1",
        "/api/targets/mona/answers",
        "/pictures/1",
        "/static/main.js",
    ]

    for path in paths:
        for method in ("GET", "HEAD"):
            assert page.client.request(method, path).status_code in (200, 404)

    assert (page.service.writes, page.rounds.now.state, page.rounds.stopped) == (0, "none", 0)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(page: Opened, method: str) -> None:
    answer = page.client.request(method, "/api/targets/mona/answers")

    assert answer.status_code in (403, 404)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.fault("U05")
@pytest.mark.parametrize(
    "path",
    [
        "/pictures/%2e%2e",
        "/pictures/..%2f..%2fcrawl.db",
        "/pictures/%2e%2e%2fcrawl.db",
        "/pictures/1%00",
        "/pictures/%2fetc%2fpasswd",
        "/pictures/..%5ccrawl.db",
        "/pictures/" + "9" * 5000,
        "/pictures/9223372036854775808",
        "/pictures/0",
        "/pictures/-1",
        "/pictures/٣",
        "/pictures/99",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/page.html",
        "/static//etc/passwd",
        "/crawl.db",
        "/api/targets/..%2f/cards?ids=1",
        "/api/targets/nobody/cards?ids=1",
        "/api/targets/mona/cards?ids=../1",
        "/api/targets/mona/pictures/99",
    ],
)
def test_what_is_no_id_of_ours_is_nowhere(page: Opened, path: str) -> None:
    assert page.get(path).status_code == 404


@pytest.mark.fault("U07")
def test_a_picture_is_what_its_bytes_are(page: Opened) -> None:
    page.service.files |= {
        2: b"<!doctype html><script>alert(1)</script>",
        3: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        4: picture_bytes(kind="WEBP"),
        5: b"PK\x03\x04 an archive",
    }

    kinds = {number: page.get(f"/pictures/{number}") for number in range(1, 6)}

    assert [answer.status_code for answer in kinds.values()] == [200, 404, 404, 200, 404]
    assert kinds[1].headers["content-type"] == "image/png"
    assert kinds[4].headers["content-type"] == "image/webp"
    assert kinds[1].headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"


@pytest.mark.fault("U07")
def test_every_response_carries_the_security_headers(page: Opened) -> None:
    for path in ("/", "/static/main.js", "/static/mark.svg", "/pictures/1", "/api/start", "/nowhere", "/pictures/99"):
        headers = page.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "server" not in headers


@pytest.mark.fault("U06")
def test_the_page_has_no_inline_code(page: Opened) -> None:
    html = page.get("/").text

    assert "<script>" not in html
    assert "<style" not in html
    assert not [word for word in ("onclick", "onload", "onerror", "style=", "javascript:") if word in html]


@pytest.mark.fault("U08")
def test_proxy_headers_are_ignored(page: Opened) -> None:
    forwarded = {
        "x-forwarded-for": "8.8.8.8",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "forwarded": "for=8.8.8.8;host=evil.example;proto=https",
    }

    plain, forwarded_page = page.get("/"), page.client.get("/", headers=forwarded)
    refused = page.client.get("/", headers=forwarded | {"host": "evil.example"})

    assert (plain.text, refused.status_code) == (forwarded_page.text, 421)


@pytest.mark.fault("U10")
def test_too_much_at_once_is_refused(page: Opened) -> None:
    many = [answering(1, key=f"key-{number:08d}") for number in range(501)]
    headers = {"origin": OWN, "content-type": "application/json", "x-review-token": page.token}
    without_length = page.client.post(
        "/api/targets/mona/answers", headers=headers, content=(b" " * 65536 for _ in range(MOST_BODY // 65536 + 2))
    )

    assert page.post("/api/targets/mona/answers", {"answers": many}).status_code == 413
    assert page.post("/api/targets/mona/answers", {"answers": "x" * MOST_BODY}).status_code == 413
    assert without_length.status_code == 413
    assert page.get("/api/targets/mona/cards?ids=" + ",".join(["1"] * 201)).status_code == 413
    assert page.get("/api/targets/mona/list?q=" + "a" * 2001).status_code == 413
    assert page.service.writes == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"answers": []},
        {"answers": [1]},
        {"answers": [answering(1, value="maybe")]},
        {"answers": [answering(1, key="short")]},
        {"answers": [answering(1, key="with a space")]},
        {"answers": [answering(0)]},
        {"answers": [answering(2**63)]},
        {"answers": [{"id": True, "value": "keep", "key": "key-00001", "seen": 0}]},
        {"answers": [answering(1, seen=-1)]},
        {"answers": [answering(1, why="Not A Word")]},
        {"answers": [answering(1), answering(1, key="key-00002")]},
    ],
)
def test_a_body_that_is_not_exactly_an_answer_is_refused(page: Opened, body: Any) -> None:
    assert page.post("/api/targets/mona/answers", body).status_code == 400
    assert page.service.writes == 0


def test_a_body_that_is_no_json_is_refused(page: Opened) -> None:
    headers = {"origin": OWN, "content-type": "application/json", "x-review-token": page.token}

    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        answer = page.client.post("/api/targets/mona/answers", headers=headers, content=content)
        assert answer.status_code == 400


def test_every_start_of_the_program_has_a_token_of_its_own() -> None:
    first, second = Address(PORT), Address(PORT)

    assert first.token != second.token
    assert len(first.token) >= 32


@pytest.mark.fault("U06")
def test_names_from_outside_arrive_as_text(page: Opened) -> None:
    from tests.review.pieces import make_picture

    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    page.service.stored[1] = make_picture(
        1, tags={"general": [evil], "artist": [evil]}, source=f"javascript:alert(1)//{evil}", model=evil, reason=evil
    )

    answer = page.get("/api/targets/mona/cards?ids=1")

    assert answer.headers["content-type"] == "application/json"
    card = json.loads(answer.text)["cards"][0]
    assert card["tags"]["general"] == [evil]
    assert card["source"]["link"] is None
