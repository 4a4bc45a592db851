"""The transport's promises; the faults are acted out on real sockets where sockets matter."""

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest

from crawler.errors import (
    AccessError,
    BadSite,
    BlockedError,
    HostUnknown,
    TooLarge,
    TransientError,
    UnreachableError,
    UrlRefused,
)
from crawler.sites import site_from_url
from crawler.sources.danbooru_client import DanbooruClient
from crawler.transport.budget import Bucket, Budget, Kind
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.http import Ask, Deadlines, Http, user_agent
from crawler.transport.retry import patiently
from tests.crawler.scenes import (
    ELSEWHERE,
    KEY,
    Clock,
    Visit,
    budget_of,
    client_of,
    hasty,
    head,
    http_to,
    http_to_stage,
    json_response,
    misbehaving,
    plain,
    pretend,
    quick,
    quiet_budget,
    whole,
)

NOT_FOR_EVER_S = 30.0  # what is not given up takes a minute

API = Ask("https://booru.example/profile.json", Kind.API)
FILE = Ask("https://cdn.booru.example/a.jpg", Kind.FILE)
BODY = bytes(range(256)) * 20


async def fetch(http: Http, ask: Ask, cap: int = 1_000_000) -> bytes:
    async with http.exchange(ask) as answer:
        return await answer.read(cap)


async def patient(http: Http, ask: Ask) -> bytes:
    return await patiently(lambda: fetch(http, ask), quick())


# --- who we are, and who learns our key ------------------------------------------------------------------------------


async def test_every_request_says_honestly_who_asks() -> None:
    async with http_to(lambda request: json_response({})) as (http, heard):
        await fetch(http, API)
        await fetch(http, FILE)

    agents = [request.headers["user-agent"] for request in heard.requests]
    assert all(agent.startswith("boorusieve/") and "Mozilla" not in agent for agent in agents)


async def test_an_account_names_itself_by_number() -> None:
    profile = {"id": 17, "name": "alice", "level": 20, "tag_query_limit": 2}
    async with client_of(lambda request: json_response(profile), account=True) as (client, heard):
        found = await client.profile()
        await client.profile()

    assert found.id == 17 and found.tag_query_limit == 2
    assert heard.requests[1].headers["user-agent"] == user_agent(17)
    assert "(user #17)" in user_agent(17)


@pytest.mark.fault("U15")
async def test_the_key_goes_to_the_api_host_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with http_to(lambda request: json_response({}), account=True) as (http, heard):
        await fetch(http, API)
        await fetch(http, FILE)
        await fetch(http, Ask("https://booru.example/data/a.jpg", Kind.FILE))

    sent = ["authorization" in request.headers for request in heard.requests]
    assert sent == [True, False, False]
    assert KEY not in caplog.text and "Basic" not in caplog.text
    assert not any(KEY in str(request.url) for request in heard.requests)


@pytest.mark.fault("H19", "U15")
async def test_a_redirect_never_carries_the_key_away() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": "https://evil.example/profile.json"})

    async with http_to(answer, account=True) as (http, heard):
        with pytest.raises(BadSite, match=r"evil\.example"):
            await fetch(http, API)

    assert [request.url.host for request in heard.requests] == ["booru.example"]


@pytest.mark.fault("N16")
async def test_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = f"{tmp_path}/netrc"
    await asyncio.to_thread(_write, netrc, "machine 127.0.0.1 login foreign password foreign\n")
    monkeypatch.setenv("NETRC", netrc)
    async with misbehaving(whole(BODY)) as stage, http_to_stage(stage) as http:
        assert await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE)) == BODY
        assert stage.visits[0].header("authorization") is None


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - a path that is only ever a text here
        file.write(text)


@pytest.mark.fault("U15")
async def test_requests_are_logged_without_their_queries(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with client_of(lambda request: json_response([])) as (client, _):
        await client.posts("very_private_taste")

    assert "/posts.json" in caplog.text and "very_private_taste" not in caplog.text


@pytest.mark.fault("U17")
async def test_a_hostile_path_is_logged_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with http_to(lambda request: json_response({})) as (http, _):
        with pytest.raises((UrlRefused, TransientError)):
            await fetch(http, Ask("https://cdn.booru.example/a\x1b[2J\nb.jpg", Kind.FILE))

    assert "\x1b" not in caplog.text


async def test_cookies_are_neither_kept_nor_sent() -> None:
    baggage = [("set-cookie", f"c{number}={'x' * 3000}; Path=/; Max-Age=9999") for number in range(20)]

    async with http_to(lambda request: httpx2.Response(200, headers=baggage, content=b"{}")) as (http, heard):
        for _ in range(3):
            await fetch(http, API)
            await fetch(http, FILE)

    assert not any("cookie" in request.headers for request in heard.requests)
    assert max(sum(len(a) + len(b) for a, b in request.headers.raw) for request in heard.requests) < 1000


async def test_a_host_that_is_not_the_sites_is_named_once_with_the_setting_that_allows_it() -> None:
    notices: list[str] = []
    async with Http(ELSEWHERE, quiet_budget(ELSEWHERE, Clock())) as http:
        http.notify = notices.append
        for number in range(290):
            with pytest.raises(UrlRefused):
                await fetch(http, Ask(f"https://files.example/{number}.jpg", Kind.FILE))

    assert len(notices) == 1
    assert "files.example" in notices[0] and "[sites.elsewhere]" in notices[0]
    assert 'file_hosts = ["cdn.booru.example", "files.example"]' in notices[0]


@pytest.mark.parametrize(
    "url", ["ftp://files.example/a", "http://files.example/a", "https://a:b@files.example/a", "https://[/", "a.jpg"]
)
async def test_no_setting_is_suggested_where_none_would_help(url: str) -> None:
    notices: list[str] = []
    async with Http(ELSEWHERE, quiet_budget(ELSEWHERE, Clock())) as http:
        http.notify = notices.append
        with pytest.raises(UrlRefused):
            await fetch(http, Ask(url, Kind.FILE))

    assert notices == []


# --- connections that fail -------------------------------------------------------------------------------------------


@pytest.mark.fault("N01")
async def test_a_host_where_nobody_listens_is_unreachable_after_growing_waits() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    clock = Clock()
    site = site_from_url(url)
    async with Http(site, quiet_budget(site, clock), deadlines=hasty()) as http:
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1") as caught:
            await DanbooruClient(site, http, quick(clock)).posts("mona")

    assert caught.value.exit_code == 6
    assert len(clock.slept) == 5 and clock.slept == sorted(clock.slept)


@pytest.mark.fault("N03")
async def test_a_name_that_does_not_resolve_is_not_tried_for_minutes() -> None:
    def answer(request: httpx2.Request) -> Exception:
        error = httpx2.ConnectError("[Errno -2] Name or service not known")
        error.__cause__ = socket.gaierror(-2, "Name or service not known")
        return error

    clock = Clock()
    async with client_of(answer, clock=clock) as (client, heard):
        with pytest.raises(UnreachableError, match="does not resolve") as caught:
            await client.posts("mona")

    assert caught.value.exit_code == 6 and isinstance(caught.value.__cause__, HostUnknown)
    assert len(heard.requests) == 3 and sum(clock.slept) < 10


@pytest.mark.fault("N13")
async def test_a_certificate_that_cannot_be_trusted_ends_the_run_without_sending_the_key() -> None:
    def answer(request: httpx2.Request) -> Exception:
        error = httpx2.ConnectError("certificate verify failed")
        error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
        return error

    async with client_of(answer, account=True) as (client, heard):
        with pytest.raises(UnreachableError, match="self-signed"):
            await client.profile()

    assert len(heard.requests) == 1


@pytest.mark.fault("N13")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_a_self_signed_site_is_refused_and_learns_nothing(tmp_path: Path) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    await asyncio.to_thread(subprocess.run, [*make.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    received: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    site = site_from_url(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, Http(site, quiet_budget(site, Clock()), credentials=Credentials("alice", Secret(KEY))) as http:
        with pytest.raises(UnreachableError, match="certificate"):
            await DanbooruClient(site, http, quick()).profile()

    assert b"".join(received) == b""


@pytest.mark.fault("N02")
async def test_a_site_that_comes_back_is_used_again() -> None:
    failures = iter(range(4))

    def answer(request: httpx2.Request) -> httpx2.Response | Exception:
        return httpx2.ConnectError("refused") if next(failures, None) is not None else json_response([])

    async with client_of(answer) as (client, _):
        page = await client.posts("mona")

    assert page.raw_count == 0


async def test_a_site_that_only_fails_ends_the_run_in_bounded_requests() -> None:
    async with http_to(lambda request: httpx2.Response(500)) as (http, heard):
        with pytest.raises(UnreachableError, match="in a row"):
            for _ in range(1000):
                with pytest.raises(TransientError):
                    await fetch(http, FILE)

    assert len(heard.requests) < 200


@pytest.mark.fault("N04")
@pytest.mark.parametrize("then", ["reset", "close"])
async def test_a_connection_cut_in_the_body_is_noticed(then: str) -> None:
    async with misbehaving(plain(BODY[:1000], len(BODY), then), whole(BODY)) as stage, http_to_stage(stage) as http:
        ask = Ask(f"{stage.url}/a.jpg", Kind.FILE)
        with pytest.raises(TransientError):
            await fetch(http, ask)

        assert await fetch(http, ask) == BODY


@pytest.mark.fault("N05")
async def test_a_chunked_body_without_its_end_is_noticed() -> None:
    async def act(visit: Visit) -> None:
        await visit.send(head(200, transfer_encoding="chunked"), b"5\r\nhello\r\n")
        await visit.close()

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        with pytest.raises(TransientError):
            await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


@pytest.mark.fault("N08")
async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    async def act(visit: Visit) -> None:
        await asyncio.sleep(60)

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        async with asyncio.timeout(NOT_FOR_EVER_S):
            with pytest.raises(TransientError, match="in time"):
                await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


@pytest.mark.fault("N08")
async def test_headers_without_a_body_are_given_up_in_time() -> None:
    async def act(visit: Visit) -> None:
        await visit.send(head(200, 1000))
        await asyncio.sleep(60)

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        async with asyncio.timeout(NOT_FOR_EVER_S):
            with pytest.raises(TransientError):
                await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


@pytest.mark.fault("N09")
async def test_headers_that_drip_in_are_given_up_in_time() -> None:
    async def act(visit: Visit) -> None:
        for byte in head(200, 5, x_filler="y" * 500):
            await visit.send(bytes([byte]))
            await asyncio.sleep(0.02)  # below every read time-out

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        async with asyncio.timeout(NOT_FOR_EVER_S):
            with pytest.raises(TransientError, match="in time"):
                await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


async def drip(visit: Visit) -> None:
    await visit.send(head(200, 1000))
    for _ in range(1000):
        await visit.send(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.fault("N09")
async def test_a_body_that_drips_in_is_given_up_in_time() -> None:
    async with misbehaving(drip) as stage, http_to_stage(stage) as http:
        async with asyncio.timeout(NOT_FOR_EVER_S):
            with pytest.raises(TransientError, match="not complete"):
                await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


@pytest.mark.fault("N09")
async def test_a_streamed_file_that_drips_in_is_given_up_in_time() -> None:
    async with misbehaving(drip) as stage, http_to_stage(stage) as http:
        async with asyncio.timeout(NOT_FOR_EVER_S):
            with pytest.raises(TransientError, match="stalled"):
                async with http.exchange(Ask(f"{stage.url}/a.jpg", Kind.FILE)) as answer:
                    async for _ in answer.pieces():
                        pass


@pytest.mark.fault("N10")
async def test_a_slow_but_steady_file_arrives_whole() -> None:
    async def act(visit: Visit) -> None:
        await visit.send(head(200, 20_000))
        for _ in range(20):
            await visit.send(b"x" * 1000)
            await asyncio.sleep(0.02)  # 50 kB/s, with windows of 0.2 s and a floor of 1 kB/s

    async with (
        misbehaving(act) as stage,
        http_to_stage(stage) as http,
        http.exchange(Ask(f"{stage.url}/a.jpg", Kind.FILE)) as answer,
    ):
        received = [piece async for piece in answer.pieces()]

    assert sum(map(len, received)) == 20_000


@pytest.mark.fault("N11")
async def test_a_kept_connection_that_died_costs_nothing() -> None:
    async def answer_then_hang_up(visit: Visit) -> None:
        await visit.send(head(200, len(BODY)), BODY)
        if visit.number % 2:
            # The next request on this connection is read, and answered with nothing.
            await visit.reader.readuntil(b"\r\n\r\n")
            await visit.close()

    async with misbehaving(answer_then_hang_up) as stage, http_to_stage(stage) as http:
        bodies = [await fetch(http, Ask(f"{stage.url}/{n}.jpg", Kind.FILE)) for n in range(30)]

    assert all(body == BODY for body in bodies)


@pytest.mark.fault("N11")
async def test_kept_connections_that_died_together_cost_nothing() -> None:
    both, died = asyncio.Event(), asyncio.Event()
    waiting: list[Visit] = []

    async def together_then_dead(visit: Visit) -> None:
        waiting.append(visit)
        if len(waiting) == 4:
            both.set()
        await both.wait()
        await visit.send(head(200, len(BODY)), BODY)
        if visit.number <= 4:
            await visit.reader.readuntil(b"\r\n\r\n")  # the next request is read, and answered with nothing
            died.set()
            await visit.close()

    async with misbehaving(together_then_dead) as stage, http_to_stage(stage) as http:
        ask = Ask(f"{stage.url}/a.jpg", Kind.FILE)
        await asyncio.gather(*[fetch(http, ask) for _ in range(4)])
        bodies = await asyncio.gather(*[fetch(http, ask) for _ in range(30)])

    assert died.is_set() and all(body == BODY for body in bodies)


@pytest.mark.fault("H29")
async def test_too_many_headers_are_an_ordinary_failure() -> None:
    async def act(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n")
        await visit.close()

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        with pytest.raises(TransientError):
            await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))


@pytest.mark.fault("N12")
async def test_a_pool_that_leaks_is_replaced() -> None:
    async with http_to(lambda request: json_response({})) as (http, _):
        leaking, _ = pretend(lambda request: httpx2.PoolTimeout("no free connection"))
        http._client = httpx2.AsyncClient(transport=leaking)

        assert await patient(http, FILE) == b"{}"


@pytest.mark.fault("N12")
@pytest.mark.slow
async def test_requests_cancelled_anywhere_leave_the_client_usable() -> None:
    async def act(visit: Visit) -> None:
        await asyncio.sleep(0.001)
        await visit.send(head(200, 2000), b"x" * 2000)

    async with misbehaving(act) as stage, http_to_stage(stage, Deadlines()) as http:
        for round_number in range(400):
            tasks = [asyncio.create_task(fetch(http, Ask(f"{stage.url}/{n}.jpg", Kind.FILE))) for n in range(12)]
            await asyncio.sleep((round_number % 7) * 0.0007)
            for task in tasks[: 10 if round_number % 5 else 12]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(NOT_FOR_EVER_S):
            assert len(await fetch(http, Ask(f"{stage.url}/last.jpg", Kind.FILE))) == 2000


@pytest.mark.fault("P12")
async def test_a_stop_while_waiting_for_another_try_is_obeyed_at_once() -> None:
    async with http_to(lambda request: httpx2.Response(500)) as (http, _):
        client = DanbooruClient(ELSEWHERE, http)  # with waits of real seconds
        asking = asyncio.create_task(client.posts("mona"))
        await asyncio.sleep(0.05)

        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(NOT_FOR_EVER_S):
                await asking


# --- redirects -------------------------------------------------------------------------------------------------------


def moved(to: str) -> httpx2.Response:
    return httpx2.Response(302, headers={"location": to})


@pytest.mark.fault("H18")
async def test_a_redirect_within_the_site_is_followed() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return moved("/b.jpg") if request.url.path == "/a.jpg" else httpx2.Response(200, content=BODY)

    async with http_to(answer) as (http, _):
        assert await fetch(http, FILE) == BODY


@pytest.mark.fault("H18")
async def test_a_redirect_loop_ends() -> None:
    async with http_to(lambda request: moved("/a.jpg")) as (http, heard):
        with pytest.raises(TransientError, match="redirects"):
            await fetch(http, FILE)

    assert len(heard.requests) == 6


@pytest.mark.fault("H19")
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/a.jpg",
        "http://cdn.booru.example/a.jpg",
        "http://127.0.0.2/secret",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/a.jpg",
        "https://user:pw@cdn.booru.example/a.jpg",
        "https://[bad/",
        "gopher://x",
    ],
)
async def test_a_redirect_to_anywhere_else_is_refused_before_connecting(target: str) -> None:
    async with http_to(lambda request: moved(target)) as (http, heard):
        with pytest.raises(UrlRefused) as caught:
            await fetch(http, FILE)

    assert len(heard.requests) == 1 and caught.value.state == "retry"


class CountingBudget(Budget):
    """Counts the permits that it grants."""

    grants = 0

    async def grant(self, bucket: Bucket) -> float:
        self.grants += 1
        return await super().grant(bucket)


@pytest.mark.fault("H18")
async def test_each_redirect_takes_a_permit_of_its_own() -> None:
    budget = budget_of(CountingBudget, ELSEWHERE, Clock())

    async with http_to(lambda request: moved("/a.jpg"), budget=budget) as (http, heard):
        with pytest.raises(TransientError):
            await fetch(http, FILE)

    assert budget.grants >= len(heard.requests) > 1


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.fault("H12")
async def test_a_wrong_key_is_one_request_and_exit_code_4() -> None:
    refusal = {"success": False, "error": "SessionLoader::AuthenticationFailure", "message": "Invalid API key"}
    async with client_of(lambda request: json_response(refusal, 401), account=True) as (client, heard):
        with pytest.raises(AccessError, match="Invalid API key") as caught:
            await client.posts("mona")

    assert len(heard.requests) == 1 and caught.value.exit_code == 4 and KEY not in str(caught.value)


@pytest.mark.fault("H08")
async def test_a_challenge_is_one_request_and_exit_code_5() -> None:
    page = httpx2.Response(403, content=b"<!DOCTYPE html>...", headers={"cf-mitigated": "challenge"})
    async with client_of(lambda request: page) as (client, heard):
        with pytest.raises(BlockedError) as caught:
            await client.posts("mona")

    assert len(heard.requests) == 1 and caught.value.exit_code == 5


@pytest.mark.fault("H08")
async def test_a_challenge_before_the_files_is_no_posts_fault() -> None:
    content = b"<html><title>Just a moment...</title>"
    page = httpx2.Response(403, content=content, headers={"content-type": "text/html"})
    async with http_to(lambda request: page) as (http, heard):
        with pytest.raises(BlockedError):
            await patient(http, FILE)

    assert len(heard.requests) == 1


@pytest.mark.fault("H13")
async def test_a_forbidden_listing_is_exit_code_4() -> None:
    refusal = {"success": False, "error": "User::PrivilegeError", "message": "Access denied"}
    async with client_of(lambda request: json_response(refusal, 403)) as (client, _):
        with pytest.raises(AccessError):
            await client.posts("mona")


@pytest.mark.fault("H03")
async def test_429_makes_the_next_request_wait_as_long_as_stated() -> None:
    clock = Clock()
    times: list[float] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        times.append(clock.now)
        return httpx2.Response(429, headers={"retry-after": "7"}) if len(times) == 1 else json_response([])

    async with client_of(answer, clock=clock) as (client, _):
        await client.posts("mona")

    assert times[1] - times[0] >= 7.0


@pytest.mark.fault("H05")
async def test_429_for_ever_ends_with_exit_code_5_in_fewer_than_10_requests() -> None:
    clock = Clock()
    async with client_of(lambda request: httpx2.Response(429), clock=clock) as (client, heard):
        with pytest.raises(BlockedError):
            await client.posts("mona")

    assert len(heard.requests) < 10 and clock.now - 1000 >= 60


async def test_503_with_a_stated_wait_holds_back_everybody() -> None:
    clock = Clock()
    answers = iter([httpx2.Response(503, headers={"retry-after": "20"})])
    async with client_of(lambda request: next(answers, json_response([])), clock=clock) as (client, _):
        await client.posts("mona")

    assert clock.now >= 1020


@pytest.mark.fault("H01")
async def test_500_twice_is_survived_with_growing_waits() -> None:
    clock = Clock()
    answers = iter([httpx2.Response(500), httpx2.Response(502, content=b"<html>")])
    async with client_of(lambda request: next(answers, json_response([])), clock=clock) as (client, heard):
        await client.posts("mona")

    assert len(heard.requests) == 3 and 0 < clock.slept[0] < clock.slept[1] * 2


@pytest.mark.fault("H28")
async def test_an_endless_body_is_cut_at_the_cap() -> None:
    async def act(visit: Visit) -> None:
        await visit.send(head(200))
        for _ in range(10_000):
            await visit.send(b"x" * 10_000)

    async with misbehaving(act) as stage, http_to_stage(stage) as http:
        with pytest.raises(TooLarge):
            await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE), cap=100_000)
        assert http.traffic.rendition_bytes < 400_000


@pytest.mark.fault("H28")
async def test_an_announced_terabyte_is_not_even_begun() -> None:
    async with misbehaving(plain(b"x", 10**12)) as stage, http_to_stage(stage) as http:
        with pytest.raises(TooLarge, match="announced"):
            await fetch(http, Ask(f"{stage.url}/a.jpg", Kind.FILE))
