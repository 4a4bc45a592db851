import httpx2
import pytest

from crawler.errors import BadSite, UnreachableError
from crawler.sites import Software, site_from_url
from crawler.sources.boorus.recognition import software_of
from crawler.transport.http import Http
from demo.embedded import ServeOptions, serve
from demo.galleries.gallery import Gallery
from tests.crawler.scenes import Answering, Clock, http_to, json_response, quick, quiet_budget


@pytest.mark.parametrize("software", list(Software))
async def test_a_site_is_known_by_what_it_answers(software: Software) -> None:
    async with serve(Gallery(), options=ServeOptions(software=software.value)) as server:
        site = site_from_url(server.url)
        assert site.software is None
        clock = Clock()
        async with Http(site, quiet_budget(site, clock)) as http:
            assert await software_of(site, http, quick()) is software


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: json_response({"error": "no"}, 404),
        lambda request: json_response({"posts": 3}),
        lambda request: httpx2.Response(200, content=b"<!doctype html><title>A shop</title>"),
        lambda request: json_response({}, 406),
    ],
    ids=["nothing there", "another shape", "a page", "another format"],
)
async def test_a_site_that_answers_otherwise_is_refused_with_what_is_spoken(answer: Answering) -> None:
    async with http_to(answer) as (http, _):
        with pytest.raises(BadSite, match='these are spoken: "danbooru", "e621", "moebooru", "gelbooru"'):
            await software_of(http.site, http, quick())


async def test_a_site_that_is_down_is_not_called_unknown() -> None:
    async with http_to(lambda request: httpx2.ConnectError("refused")) as (http, _):
        with pytest.raises(UnreachableError):
            await software_of(http.site, http, quick())
