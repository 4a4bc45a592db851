"""The service answers what it is sent, in the order in which it is sent, and says in JSON what is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from serving.app import ScoringService, create_app
from serving.openapi import document
from serving.scorer import Scored, ServedModel, ServingLimits
from storage.run_error import RunError

HOST = "127.0.0.1:8788"
LIMITS = ServingLimits(picture_bytes=1000, request_bytes=4000, pictures=3, at_once=1, waiting=1)
RAW = {"content-type": "application/octet-stream"}


@dataclass
class Oracle:
    """Says of each picture what its bytes say, and remembers them."""

    seen: list[bytes] = field(default_factory=list)
    held: asyncio.Event | None = None  # None: answers at once
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def score(self, picture: bytes) -> Scored:
        self.seen.append(picture)
        self.asked.set()
        if self.held is not None:
            await self.held.wait()
        if picture == b"broken model":
            raise RunError("the device is gone")
        if picture == b"bug":
            raise ZeroDivisionError
        if picture.startswith(b"bad"):
            return Scored("failed", reason="truncated", fault="truncated")
        return Scored("keep", 0.9, "mona", "score 0.900", None, 12, 34, "png")


def service(oracle: Oracle, hosts: tuple[str, ...] = (HOST,)) -> ScoringService:
    model = ServedModel("mona/3", "target", "cpu", {"threshold": 0.5})
    return ScoringService(model=model, scorer=oracle, version="9.9", url=f"http://{HOST}/", hosts=hosts, limits=LIMITS)


def client(oracle: Oracle | None = None, **options: Any) -> TestClient:
    return TestClient(create_app(service(oracle or Oracle())), base_url=f"http://{HOST}", **options)


def files(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("pictures", (f"{number}.png", content)) for number, content in enumerate(contents)]


def test_a_bare_picture_gets_its_probability() -> None:
    oracle = Oracle()

    answer = client(oracle).post("/v1/score", content=b"picture", headers=RAW)

    assert answer.status_code == 200
    assert answer.json()["model"] == "mona/3"
    assert answer.json()["results"] == [
        {
            "file": "",
            "outcome": "keep",
            "probability": 0.9,
            "name": "mona",
            "reason": "score 0.900",
            "fault": None,
            "width": 12,
            "height": 34,
            "format": "png",
        }
    ]
    assert oracle.seen == [b"picture"]


def test_a_form_gets_a_result_for_each_file_in_their_order() -> None:
    answer = client().post("/v1/score", files=files(b"one", b"bad", b"three"))

    assert answer.status_code == 200
    assert [(one["file"], one["outcome"]) for one in answer.json()["results"]] == [
        ("0.png", "keep"),
        ("1.png", "failed"),
        ("2.png", "keep"),
    ]


def test_pictures_that_all_fail_are_an_error() -> None:
    answer = client().post("/v1/score", files=files(b"bad", b"bad too"))

    assert answer.status_code == 422
    assert [one["fault"] for one in answer.json()["results"]] == ["truncated", "truncated"]
    assert "none of the pictures" in answer.json()["error"]


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "too many": ({"files": files(*[b"x"] * 4)}, 413, "at most 3 pictures"),
    "one too large": ({"files": files(b"x" * 1001)}, 413, "0.png has 1001 bytes, at most 1000"),
    "the request too large": ({"content": b"x" * 4001, "headers": RAW}, 413, "a request may have 4000 bytes"),
    "too large without saying so": (
        {"content": (b"x" * 1500 for _ in range(3)), "headers": RAW},
        413,
        "a request may have 4000 bytes",
    ),
    "no picture": ({"content": b"", "headers": RAW}, 400, "no picture"),
    "a field instead of a file": (
        {
            "content": b'--b\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttp://x\r\n--b--\r\n',
            "headers": {"content-type": "multipart/form-data; boundary=b"},
        },
        400,
        "no picture",
    ),
    "a broken form": (
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
        400,
        "the form cannot be read",
    ),
    "an address": ({"json": {"url": "http://elsewhere/1.png"}}, 415, "addresses of pictures are not fetched"),
    "nothing said": ({"content": b"x"}, 415, "got no content-type"),
    "from another site": ({"content": b"x", "headers": RAW | {"sec-fetch-site": "cross-site"}}, 403, "other sites"),
    "by another name": ({"content": b"x", "headers": RAW | {"host": "evil.example"}}, 421, f"http://{HOST}/ only"),
}


@pytest.mark.parametrize("request_", REFUSED)
def test_what_cannot_be_answered_is_refused_in_one_line_of_json(request_: str) -> None:
    given, status, words = REFUSED[request_]
    oracle = Oracle()

    answer = client(oracle).post("/v1/score", **given)

    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert oracle.seen == []


def test_any_host_may_be_named_where_others_may_ask() -> None:
    browser = TestClient(create_app(service(Oracle(), hosts=())), base_url="http://elsewhere:1")

    assert browser.get("/healthz").json() == {"status": "ok", "model": "mona/3"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/v1/score", 405)])
def test_wrong_addresses_are_told_where_to_read_on(method: str, path: str, status: int) -> None:
    answer = client().request(method, path)

    assert answer.status_code == status
    assert "/ describes the service" in answer.json()["error"]


def test_a_model_that_fails_makes_the_service_unhealthy() -> None:
    browser = client()

    answer = browser.post("/v1/score", content=b"broken model", headers=RAW)

    assert (answer.status_code, answer.json()) == (503, {"error": "the device is gone"})
    assert browser.get("/healthz").status_code == 503


def test_a_bug_is_called_one() -> None:
    answer = client(raise_server_exceptions=False).post("/v1/score", content=b"bug", headers=RAW)

    assert answer.status_code == 500
    assert "a bug" in answer.json()["error"]


async def test_too_many_requests_at_once_are_sent_away_and_the_others_answered() -> None:
    import httpx2

    oracle = Oracle(held=asyncio.Event())
    transport = httpx2.ASGITransport(create_app(service(oracle)))  # type: ignore[arg-type] # its own names for ASGI's
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as browser:

        def ask() -> asyncio.Task[httpx2.Response]:
            return asyncio.create_task(browser.post("/v1/score", content=b"picture", headers=RAW))

        first = ask()
        await oracle.asked.wait()
        second, third = ask(), ask()
        done, _ = await asyncio.wait({second, third}, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop()
        assert oracle.held is not None
        oracle.held.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(first, second, third))

    assert statuses == [200, 200, 503]
    assert refused.result().headers["retry-after"] == "1"


def test_counters_are_in_prometheus_own_format() -> None:
    browser = client()
    browser.post("/v1/score", files=files(b"one", b"bad"))
    browser.get("/nothing")

    answer = browser.get("/metrics")

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert answer.headers["content-type"].startswith("text/plain")
    assert samples["boorusieve_pictures_total", "keep"] == 1
    assert samples["boorusieve_pictures_total", "failed"] == 1
    assert samples["boorusieve_requests_total", "/v1/score", "200"] == 1
    assert samples["boorusieve_requests_total", "other", "404"] == 1
    assert samples["boorusieve_score_seconds_count",] == 1


def test_the_document_describes_every_route_and_every_key_of_an_answer() -> None:
    browser = client()
    document = browser.get("/openapi.json").json()
    answer = browser.post("/v1/score", content=b"picture", headers=RAW).json()

    schemas = document["components"]["schemas"]
    assert document["openapi"].startswith("3.1")
    assert {browser.get(path).status_code for path in document["paths"] if path != "/v1/score"} == {200}
    assert set(schemas["Scores"]["required"]) == set(answer)
    assert set(schemas["Result"]["required"]) == set(schemas["Result"]["properties"]) == set(answer["results"][0])


def test_the_page_shows_how_to_ask() -> None:
    answer = client().get("/")

    assert answer.headers["content-type"].startswith("text/html")
    assert f"curl -F pictures=@one.jpg -F pictures=@two.png http://{HOST}/v1/score" in answer.text
    assert "POST /v1/score" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_limits_are_told_in_the_words_of_the_reader() -> None:
    described = document(ServedModel("mona/3", "target", "cpu", {}), ServingLimits(), "9.9")["info"]["description"]

    assert described.endswith("At most 64 pictures and 64 MiB a request, 32 MiB a picture.")
    assert "At most 3 pictures and 4000 bytes a request" in client().get("/").text


def test_the_model_is_described_with_its_threshold_and_the_limits() -> None:
    facts = client().get("/v1/model").json()

    assert (facts["model"], facts["threshold"], facts["limits"]["pictures"]) == ("mona/3", 0.5, 3)
