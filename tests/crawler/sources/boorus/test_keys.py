"""Where a key travels: at Gelbooru among the parameters, to its API alone, and into no log."""

import logging

import httpx2
import pytest

from crawler.sites import Software, site_from_url
from crawler.sources.boorus.gelbooru_client import GelbooruClient
from crawler.transport.budget import Kind
from crawler.transport.http import Ask
from tests.crawler.scenes import KEY, http_to, json_response, quick

SITE = site_from_url("https://booru.example", file_hosts=frozenset({"img.example"}), software=Software.GELBOORU)
EMPTY = {"@attributes": {"count": 0}}


async def test_a_key_of_gelbooru_is_a_parameter_and_no_header(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with http_to(lambda request: json_response(EMPTY), SITE, account=True) as (http, heard):
        await GelbooruClient(SITE, http, quick()).posts("mona")

    assert heard.asked("api_key") == [KEY] and heard.asked("user_id") == ["alice"]
    assert "authorization" not in heard.requests[0].headers and KEY not in caplog.text


async def test_a_file_host_never_sees_it() -> None:
    file = Ask("https://img.example/a.jpg", Kind.FILE)
    async with (
        http_to(lambda request: httpx2.Response(200, content=b"x"), SITE, account=True) as (http, heard),
        http.exchange(file) as answer,
    ):
        await answer.read(10)

    assert KEY not in str(heard.requests[0].url) and "authorization" not in heard.requests[0].headers


async def test_a_refusal_does_not_repeat_it() -> None:
    async with http_to(lambda request: json_response({}, 401), SITE, account=True) as (http, _):
        with pytest.raises(Exception) as caught:
            await GelbooruClient(SITE, http, quick()).posts("mona")

    assert KEY not in repr(caught.value) and KEY not in str(caught.value.__cause__)
