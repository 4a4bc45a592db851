"""A proxy and an authority are used when the user names them, and never otherwise."""

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from crawler.errors import BadCredentials, BadSite, UnreachableError, UrlRefused, UsageError
from crawler.sites import site_from_url, site_named
from crawler.sources.danbooru_client import DanbooruClient
from crawler.transport.budget import Kind
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.http import Ask, Http
from crawler.transport.proxies import Proxy, proxy_from
from crawler.transport.trust import trusted
from tests.crawler.scenes import Clock, client_of, hasty, quick, quiet_budget


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that answers every request with an empty object, and remembers the first lines."""
    heard: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def fetch(http: Http, url: str) -> bytes:
    async with http.exchange(Ask(url, Kind.API)) as answer:
        return await answer.read(1000)


async def test_requests_go_through_the_proxy_that_the_user_names() -> None:
    site = site_from_url("http://booru.example", allow_http=True)
    async with listening() as (port, heard):
        proxy = proxy_from(f"http://me:secret@127.0.0.1:{port}")
        async with Http(site, quiet_budget(site, Clock()), deadlines=hasty(), proxy=proxy) as http:
            assert await fetch(http, "http://booru.example/posts.json") == b"{}"

    assert heard[0].startswith("GET http://booru.example/posts.json ")
    assert "secret" not in repr(proxy)


async def test_a_proxy_that_is_not_there_is_named_without_its_password() -> None:
    site = site_from_url("https://booru.example")
    proxy = Proxy("http://me:secret@127.0.0.1:1", "127.0.0.1:1")
    async with Http(site, quiet_budget(site, Clock()), deadlines=hasty(), proxy=proxy) as http:
        with pytest.raises(UnreachableError, match=r"through the proxy 127\.0\.0\.1:1") as caught:
            await DanbooruClient(site, http, quick()).posts("mona")

    assert "secret" not in str(caught.value)


async def test_a_proxy_of_the_environment_is_named_as_ignored_where_nothing_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:1")
    async with client_of(lambda request: httpx2.ConnectError("refused")) as (client, _):
        with pytest.raises(UnreachableError, match="HTTPS_PROXY is ignored; set proxy") as caught:
            await client.posts("mona")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["socks4://proxy:1", "ftp://proxy", "proxy.example:8080", "http://", "http://[", "http://proxy:99999", "x"]
)
def test_a_proxy_of_another_kind_is_refused_with_what_works(text: str) -> None:
    with pytest.raises(UsageError, match="like http://proxy") as caught:
        proxy_from(text)

    assert caught.value.exit_code == 2


def test_no_proxy_is_named_by_an_empty_setting() -> None:
    assert proxy_from(" ") is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_an_authority_that_the_environment_names_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    await asyncio.to_thread(subprocess.run, [*make.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    async with listening(context) as (port, heard):
        site = site_from_url(f"https://127.0.0.1:{port}")
        async with Http(site, quiet_budget(site, Clock()), credentials=Credentials("a", Secret("b"))) as http:
            assert await fetch(http, f"{site.api_url}/profile.json") == b"{}"

    assert len(heard) == 1


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_authority_that_cannot_be_read_is_refused_by_its_variable(variable: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")

    with pytest.raises(UsageError, match=variable):
        trusted({variable: str(tmp_path / "missing")})
    if variable == "SSL_CERT_FILE":
        with pytest.raises(UsageError, match="broken"):
            trusted({variable: str(broken)})


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_an_authority_in_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")

    with pytest.raises(UsageError, match=r"SSL_CERT_FILE=.*pipe\.pem is a pipe, not a regular file"):
        trusted({"SSL_CERT_FILE": str(tmp_path / "pipe.pem")})


def test_without_these_variables_the_usual_authorities_are_trusted() -> None:
    assert trusted({"SSL_CERT_FILE": ""}) is True


def test_plain_http_to_another_machine_needs_consent() -> None:
    with pytest.raises(BadSite, match="allow_http = true"):
        site_named("http://192.168.1.4:3000")

    site = site_named("http://192.168.1.4:3000/", allow_http=True)

    assert site.api_url == "http://192.168.1.4:3000" and site_named(site.name, allow_http=True) == site
    assert site.why_not("http://192.168.1.4:3000/data/a.jpg") is None
    assert site.api_rate is not None  # another machine is spared


async def test_consent_to_plain_http_never_covers_a_key() -> None:
    from crawler.transport.credentials import load_credentials

    site = site_named("http://192.168.1.4:3000", allow_http=True)
    with pytest.raises(BadCredentials, match="not encrypted"):
        load_credentials(site, {"CRAWL_LOGIN": "me", "CRAWL_API_KEY": "key"})


async def test_consent_to_plain_http_covers_the_site_alone() -> None:
    site = site_named("http://192.168.1.4:3000", allow_http=True)
    async with Http(site, quiet_budget(site, Clock())) as http:
        with pytest.raises(UrlRefused):
            async with http.exchange(Ask("http://192.168.1.5/a.jpg", Kind.FILE)):
                pass
