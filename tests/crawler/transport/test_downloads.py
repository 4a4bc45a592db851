"""What is stored are the site's bytes, whatever the wire, the server or a replaced file do."""

import asyncio
import errno
import gzip
import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest

from crawler.errors import AccessError, BlockedError, GoneError, MismatchError, PostError, UrlRefused
from crawler.transport.downloads import Downloader, NewFile, open_new
from storage.errors import DiskFull, StorageError
from storage.records import FileVersion
from tests.crawler.scenes import (
    ELSEWHERE,
    Act,
    Misbehaving,
    Visit,
    head,
    http_to,
    http_to_stage,
    misbehaving,
    plain,
    quick,
    whole,
)

BODY = os.urandom(200_000)
OTHER = os.urandom(200_000)
HTML = b"<!DOCTYPE html><html><body>Just a moment</body></html>"
ETAG = '"v1"'


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def version_of(body: bytes, url: str = "") -> FileVersion:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return FileVersion(md5=md5, ext="jpg", size=len(body), width=10, height=10, url=url)


@asynccontextmanager
async def downloading(*acts: Act) -> AsyncIterator[tuple[Downloader, Misbehaving, str]]:
    async with misbehaving(*acts) as stage, http_to_stage(stage) as http:
        yield Downloader(http, http.site, quick()), stage, f"{stage.url}/original/a.jpg"


async def stored(into: Path, *acts: Act, body: bytes = BODY) -> list[Visit]:
    """Fetch an original from a server that acts like this, and see that it arrived whole."""
    async with downloading(*acts) as (downloader, stage, url):
        digest = await downloader.fetch_file(url, into, version=version_of(body))
    assert content_of(into) == body
    assert digest.sha256 == hashlib.sha256(body).hexdigest() and digest.size == len(body)
    return stage.visits


def resumable(body: bytes, *, honours_if_range: bool = True, etag: str = ETAG) -> Act:
    """A server that knows ranges."""

    async def act(visit: Visit) -> None:
        requested = re.fullmatch(r"bytes=(\d+)-", visit.header("range") or "")
        if requested is None or (honours_if_range and visit.header("if-range") != etag):
            await visit.send(head(200, len(body), etag=etag), body)
            return
        start = int(requested[1])
        await visit.send(
            head(206, len(body) - start, etag=etag, content_range=f"bytes {start}-{len(body) - 1}/{len(body)}"),
            body[start:],
        )

    return act


def typed(kind: str, body: bytes) -> Act:
    """A whole answer of a type that the server claims."""

    async def act(visit: Visit) -> None:
        text = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        await visit.send(text.encode(), body)

    return act


def first_half(body: bytes = BODY, etag: str = ETAG, then: str = "close") -> Act:
    return plain(body[: len(body) // 2], len(body), then, etag=etag)


# --- originals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o077], ids=oct)
async def test_an_original_arrives_whole_and_verified_with_the_mode_that_the_umask_leaves(
    tmp_path: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        await stored(tmp_path / "a.part", whole(BODY))
    finally:
        os.umask(before)

    assert modes_in(tmp_path) == [0o666 & ~mask]


def modes_in(folder: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in folder.iterdir()]


@pytest.mark.parametrize(
    "broken",
    [
        plain(BODY[:1000], len(BODY), "reset"),
        plain(BODY[:1000], len(BODY), "close"),
        plain(BODY[:1000], None, "close"),
        plain(BODY[:-1], None, "close"),
        plain(b"", 0, "keep"),
        plain(b"", None, "close"),
        whole(BODY[:-1] + b"\0"),
        whole(BODY + b"x"),
        plain(BODY + b"x" * 500_000, None, "close"),
        plain(BODY[:-1], len(BODY) - 1, "keep"),
        plain(BODY[:10], 10**12, "close"),
        whole(HTML),
        plain(HTML, None, "close"),
        whole(b'{"success": false, "error": "gone"}'),
    ],
)
async def test_a_broken_answer_is_fetched_again_and_never_stored(tmp_path: Path, broken: Act) -> None:
    visits = await stored(tmp_path / "a.part", broken, whole(BODY))

    assert len(visits) == 2


@pytest.mark.fault("H27")
@pytest.mark.parametrize("status", [204, 304, 500, 502, 418, 999])
async def test_an_answer_without_a_file_is_asked_for_again(tmp_path: Path, status: int) -> None:
    async def nothing(visit: Visit) -> None:
        await visit.send(head(status, None if status in (204, 304) else 0))

    assert len(await stored(tmp_path / "a.part", nothing, whole(BODY))) == 2


@pytest.mark.fault("N07")
async def test_a_body_longer_than_announced_does_not_spoil_the_next_file(tmp_path: Path) -> None:
    async def chatty(visit: Visit) -> None:
        await visit.send(head(200, len(BODY)), BODY + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    async with downloading(chatty, whole(OTHER)) as (downloader, _, url):
        await downloader.fetch_file(url, tmp_path / "a", version=version_of(BODY))
        await downloader.fetch_file(url, tmp_path / "b", version=version_of(OTHER))

    assert (tmp_path / "a").read_bytes() == BODY and (tmp_path / "b").read_bytes() == OTHER


@pytest.mark.fault("N04")
async def test_a_broken_transfer_goes_on_where_it_broke(tmp_path: Path) -> None:
    visits = await stored(tmp_path / "a.part", first_half(), resumable(BODY))

    assert visits[1].header("range") == "bytes=100000-" and visits[1].header("if-range") == ETAG


@pytest.mark.fault("H21")
@pytest.mark.parametrize("etag", ["", 'W/"v1"', "v1", '"a b"'])
async def test_without_proof_that_the_file_is_the_same_it_starts_over(tmp_path: Path, etag: str) -> None:
    visits = await stored(tmp_path / "a.part", first_half(etag=etag), whole(BODY))

    assert visits[1].header("range") is None


@pytest.mark.fault("H21")
@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 99999-199999/200000",
        "bytes 100001-199999/200000",
        "bytes 100000-199999/200001",
        "bytes 100000-150000/200000",
        "bytes 100000-199999/*",
        "chunks 100000-199999/200000",
        "",
    ],
)
async def test_another_part_than_asked_for_is_dropped(tmp_path: Path, content_range: str) -> None:
    async def wrong_part(visit: Visit) -> None:
        await visit.send(head(206, 100_000, etag=ETAG, content_range=content_range), BODY[100_000:])

    visits = await stored(tmp_path / "a.part", first_half(), wrong_part, whole(BODY))

    assert visits[2].header("range") is None


@pytest.mark.fault("H22")
async def test_a_server_that_ignores_ranges_sends_the_file_from_zero(tmp_path: Path) -> None:
    assert len(await stored(tmp_path / "a.part", first_half(), whole(BODY))) == 2


@pytest.mark.fault("H22")
async def test_416_is_no_proof_of_completeness(tmp_path: Path) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.send(head(416, 0, content_range=f"bytes */{len(BODY)}"))

    visits = await stored(tmp_path / "a.part", first_half(), refuse, whole(BODY))

    assert visits[2].header("range") is None


@pytest.mark.fault("H23")
async def test_a_file_replaced_between_the_halves_is_fetched_whole(tmp_path: Path) -> None:
    await stored(tmp_path / "a.part", first_half(OTHER), resumable(BODY, etag='"v2"'))


@pytest.mark.fault("H23")
async def test_a_replaced_file_that_the_server_glues_on_is_noticed(tmp_path: Path) -> None:
    glued = resumable(BODY, honours_if_range=False)

    visits = await stored(tmp_path / "a.part", first_half(OTHER), glued, glued)

    assert len(visits) == 3 and visits[2].header("range") is None


@pytest.mark.fault("B01")
async def test_a_file_that_is_really_another_one_is_a_mismatch_and_leaves_nothing(tmp_path: Path) -> None:
    async with downloading(whole(OTHER)) as (downloader, stage, url):
        with pytest.raises(MismatchError) as caught:
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert caught.value.state == "retry" and caught.value.ask_again
    assert names_in(tmp_path) == [] and len(stage.visits) <= 3


async def test_a_file_that_never_arrives_stays_open_for_the_next_run(tmp_path: Path) -> None:
    async with downloading(first_half(etag="")) as (downloader, stage, url):
        with pytest.raises(PostError) as caught:
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert caught.value.state == "retry" and names_in(tmp_path) == [] and len(stage.visits) == 6


@pytest.mark.fault("H14")
async def test_a_missing_file_says_that_the_post_should_be_looked_at_again(tmp_path: Path) -> None:
    async def missing(visit: Visit) -> None:
        await visit.send(head(404, 0))

    async with downloading(missing) as (downloader, stage, url):
        with pytest.raises(GoneError) as caught:
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert caught.value.state == "unavailable" and caught.value.ask_again and len(stage.visits) == 1


@pytest.mark.fault("H26")
async def test_a_compressed_original_is_stored_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(BODY)

    visits = await stored(tmp_path / "a.part", whole(packed, content_encoding="gzip"))

    assert len(visits) == 1


async def test_an_original_in_an_encoding_that_nobody_asked_for_is_fetched_again(tmp_path: Path) -> None:
    await stored(tmp_path / "a.part", whole(BODY, content_encoding="br"), whole(BODY))


@pytest.mark.parametrize("body", [HTML, b'{"a": 1}', b"", b"\0"], ids=["a page", "JSON", "nothing", "a byte"])
async def test_what_the_site_published_is_stored_even_if_it_is_no_picture(tmp_path: Path, body: bytes) -> None:
    visits = await stored(tmp_path / "a.part", typed("text/html; charset=utf-8", body), body=body)

    assert len(visits) == 1


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/octet-stream", "nonsense", ""])
async def test_the_content_type_says_nothing_about_an_original(tmp_path: Path, kind: str) -> None:
    assert len(await stored(tmp_path / "a.part", typed(kind, BODY))) == 1


async def test_a_page_cut_short_is_not_glued_to_what_comes_next(tmp_path: Path) -> None:
    visits = await stored(tmp_path / "a.part", plain(HTML, None, "close", etag=ETAG), resumable(BODY))

    assert visits[1].header("range") is None


@pytest.mark.fault("H28", "N07")
async def test_an_endless_original_stops_at_its_published_size(tmp_path: Path) -> None:
    async def endless(visit: Visit) -> None:
        await visit.send(head(200))
        for _ in range(10_000):
            await visit.send(BODY)

    async with downloading(endless) as (downloader, _, url):
        with pytest.raises(MismatchError):
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))
        assert downloader.http.traffic.rendition_bytes < 4 * len(BODY) + 4 * 65536


@pytest.mark.fault("H28")
async def test_an_original_beyond_the_cap_is_not_even_asked_for(tmp_path: Path) -> None:
    async with downloading(whole(BODY)) as (downloader, stage, url):
        downloader.original_cap = 1000
        with pytest.raises(PostError, match="larger than 1000") as caught:
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert caught.value.state == "unavailable" and stage.visits == []


def unstated(body: bytes) -> FileVersion:
    """A version of a site that publishes no sizes."""
    return replace(version_of(body), size=0)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_file_without_a_published_size_is_verified_by_its_md5(tmp_path: Path, chunked: bool) -> None:
    answer = plain(BODY, None, "close") if chunked else whole(BODY)
    async with downloading(answer) as (downloader, _, url):
        digest = await downloader.fetch_file(url, tmp_path / "a.part", version=unstated(BODY))
        fetched = await downloader.fetch_bytes(url, version=unstated(BODY))

    assert content_of(tmp_path / "a.part") == BODY == fetched.content and digest.size == len(BODY)


async def test_another_file_is_no_match_where_only_its_md5_is_published(tmp_path: Path) -> None:
    async with downloading(whole(OTHER)) as (downloader, _, url):
        with pytest.raises(MismatchError):
            await downloader.fetch_file(url, tmp_path / "a.part", version=unstated(BODY))

    assert names_in(tmp_path) == []


async def test_a_file_that_announces_more_than_is_accepted_is_not_read(tmp_path: Path) -> None:
    async with downloading(whole(BODY)) as (downloader, _, url):
        downloader.original_cap = 1000
        with pytest.raises(PostError, match="larger than 1000"):
            await downloader.fetch_file(url, tmp_path / "a.part", version=unstated(BODY))


async def test_nothing_that_is_already_there_is_written_over_or_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(victim)
    async with downloading(whole(BODY)) as (downloader, _, url):
        for name in ("victim", "link"):
            with pytest.raises(StorageError, match=name):
                await downloader.fetch_file(url, tmp_path / name, version=version_of(BODY))

    assert victim.read_bytes() == b"precious"


@dataclass
class OddDisk:
    """Opens files whose `write` is another one; remembers them."""

    write: Callable[[NewFile, memoryview], Awaitable[int]]
    opened: list[NewFile] = field(default_factory=list)

    async def open(self, path: Path) -> NewFile:
        self.opened.append(await open_new(path))
        return OddFile(self.opened[-1], self)


@dataclass
class OddFile:
    file: NewFile
    disk: OddDisk

    async def write(self, data: memoryview) -> int:
        return await self.disk.write(self.file, data)

    async def truncate(self, size: int) -> int:
        return await self.file.truncate(size)

    async def seek(self, offset: int) -> int:
        return await self.file.seek(offset)

    async def close(self) -> None:
        await self.file.close()


async def test_a_full_disk_is_the_disks_trouble_and_not_the_posts(tmp_path: Path) -> None:
    async def full(file: NewFile, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    disk = OddDisk(full)
    async with downloading(whole(BODY)) as (downloader, _, url):
        downloader.open_file = disk.open
        with pytest.raises(DiskFull, match="free some space"):
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert len(disk.opened) == 1
    assert names_in(tmp_path) == []


async def test_short_writes_are_completed(tmp_path: Path) -> None:
    written = []

    async def short(file: NewFile, data: memoryview) -> int:
        written.append(await file.write(data[:7001]))
        return written[-1]

    async with downloading(whole(BODY)) as (downloader, _, url):
        downloader.open_file = OddDisk(short).open
        digest = await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))

    assert content_of(tmp_path / "a.part") == BODY and digest.size == len(BODY) == sum(written)
    assert max(written) == 7001


async def test_a_stop_while_a_piece_is_written_waits_for_it_and_leaves_no_file(tmp_path: Path) -> None:
    writing, goes_on = asyncio.Event(), asyncio.Event()
    written = []

    async def slow(file: NewFile, data: memoryview) -> int:
        writing.set()
        await goes_on.wait()
        written.append(await file.write(data))  # fails where the file was closed meanwhile
        return written[-1]

    async with downloading(whole(BODY)) as (downloader, _, url):
        downloader.open_file = OddDisk(slow).open
        fetching = asyncio.create_task(downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY)))
        await writing.wait()
        fetching.cancel()
        await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    assert sum(written) == len(BODY)
    assert names_in(tmp_path) == []


async def test_a_stop_while_the_file_is_opened_leaves_no_file(tmp_path: Path) -> None:
    opening, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(path: Path) -> NewFile:
        opening.set()
        await goes_on.wait()
        return await open_new(path)

    async with downloading(whole(BODY)) as (downloader, stage, url):
        downloader.open_file = slow
        fetching = asyncio.create_task(downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY)))
        await opening.wait()
        fetching.cancel()
        await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    assert stage.visits == []
    assert names_in(tmp_path) == []


async def test_a_stop_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    halfway = asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.send(head(200, len(BODY)), BODY[:100_000])
        halfway.set()
        await asyncio.sleep(60)

    async with downloading(slow) as (downloader, _, url):
        fetching = asyncio.create_task(downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY)))
        await halfway.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    assert names_in(tmp_path) == []


@pytest.mark.fault("H20")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg",
        "https://cdn.booru.example:8443/a.jpg",
        "https://alice:pw@cdn.booru.example/a.jpg",
        "http://cdn.booru.example/a.jpg",
        "ftp://cdn.booru.example/a.jpg",
        "file:///etc/passwd",
        "https://10.0.0.1/a.jpg",
        "https://cdn.bооru.example/a.jpg",
        "//cdn.booru.example/a.jpg",
        "a.jpg",
    ],
)
async def test_a_foreign_address_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    async with http_to(lambda request: httpx2.Response(200, content=BODY), account=True) as (http, heard):
        downloader = Downloader(http, ELSEWHERE, quick())
        with pytest.raises(UrlRefused, match="url refused") as caught:
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))
        with pytest.raises(UrlRefused):
            await downloader.fetch_bytes(url)

    assert heard.requests == [] and caught.value.state == "retry" and names_in(tmp_path) == []


# --- renditions ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def renditions(answer: Callable[[httpx2.Request], httpx2.Response]) -> AsyncIterator[Downloader]:
    async with http_to(answer) as (http, _):
        yield Downloader(http, ELSEWHERE, quick())


URL = "https://cdn.booru.example/360x360/{}.jpg"


async def test_a_rendition_arrives_in_memory() -> None:
    async with renditions(lambda request: httpx2.Response(200, content=BODY)) as downloader:
        assert (await downloader.fetch_bytes(URL.format(1))).content == BODY


async def test_a_rendition_that_came_compressed_is_unpacked() -> None:
    packed = httpx2.Response(200, content=BODY)

    def answer(request: httpx2.Request) -> httpx2.Response:
        response = httpx2.Response(200, content=gzip.compress(BODY))
        response.headers["content-encoding"] = "gzip"
        return response

    async with renditions(answer) as downloader:
        assert (await downloader.fetch_bytes(URL.format(1))).content == packed.content


@pytest.mark.fault("H28")
async def test_a_rendition_beyond_the_cap_is_refused() -> None:
    async with renditions(lambda request: httpx2.Response(200, content=BODY)) as downloader:
        with pytest.raises(PostError, match="too large") as caught:
            await downloader.fetch_bytes(URL.format(1), cap=1000)

    assert caught.value.state == "unavailable"


async def test_an_original_in_memory_is_compared_with_what_was_published() -> None:
    answers = iter([httpx2.Response(200, content=OTHER)])
    async with renditions(lambda request: next(answers, httpx2.Response(200, content=BODY))) as downloader:
        fetched = await downloader.fetch_bytes(URL.format(1), version=version_of(BODY))

    assert fetched.content == BODY


@pytest.mark.fault("H09")
@pytest.mark.parametrize("kind", ["text/html", "image/jpeg"])
async def test_three_web_pages_instead_of_pictures_are_a_block(kind: str) -> None:
    async with renditions(
        lambda request: httpx2.Response(200, content=HTML, headers={"content-type": kind})
    ) as downloader:
        for number in (1, 2):
            with pytest.raises(PostError, match="web page"):
                await downloader.fetch_bytes(URL.format(number))
        with pytest.raises(BlockedError) as caught:
            await downloader.fetch_bytes(URL.format(3))

    assert caught.value.exit_code == 5


@pytest.mark.fault("H09")
async def test_one_picture_that_is_a_web_page_for_good_does_not_end_the_run() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=HTML if request.url.path.endswith("/0.jpg") else request.url.path.encode())

    async with renditions(answer) as downloader:
        for number in range(1, 5):
            with pytest.raises(PostError, match="web page") as caught:
                await downloader.fetch_bytes(URL.format(0))
            await downloader.fetch_bytes(URL.format(number))

    assert caught.value.state == "retry"


@pytest.mark.fault("H11")
async def test_a_stand_in_for_every_original_ends_the_run(tmp_path: Path) -> None:
    async with downloading(whole(OTHER)) as (downloader, _, url):
        for number in range(4):
            with pytest.raises(MismatchError):
                await downloader.fetch_file(f"{url}?{number}", tmp_path / "a.part", version=version_of(BODY))
        with pytest.raises(BlockedError, match="placeholder"):
            await downloader.fetch_file(f"{url}?last", tmp_path / "a.part", version=version_of(BODY))

    assert names_in(tmp_path) == []


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/octet-stream"])
async def test_the_content_type_says_nothing_about_a_rendition(kind: str) -> None:
    answer = httpx2.Response(200, content=BODY, headers={"content-type": kind})
    async with renditions(lambda request: answer) as downloader:
        assert (await downloader.fetch_bytes(URL.format(1))).content == BODY


Refusing = Callable[[int], httpx2.Response]
REFUSALS: dict[str, Refusing] = {
    "forbidden": lambda number: httpx2.Response(403, json={"success": False, "error": "X", "message": "Access denied"}),
    "a plain page": lambda number: httpx2.Response(403, content=b"<html><title>403 Forbidden</title></html>"),
    "unauthorised": lambda number: httpx2.Response(401),
    "gone": lambda number: httpx2.Response(404),
    "anything": lambda number: httpx2.Response(400 + number % 30 if number % 30 not in (4, 10, 29) else 422),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_many_refused_files_do_not_end_a_run_in_which_others_arrive(refusal: Refusing) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        number = int(re.findall(r"\d+", request.url.path)[-1])
        return refusal(number) if number else httpx2.Response(200, content=BODY)

    async with renditions(answer) as downloader:
        await downloader.fetch_bytes(URL.format(0))
        for number in range(1, 60):
            with pytest.raises(PostError):
                await downloader.fetch_bytes(URL.format(number))
        await downloader.fetch_bytes(URL.format(0))

    assert downloader.refuses_everything() is None


async def test_a_few_forbidden_files_are_those_posts_trouble() -> None:
    async with renditions(lambda request: REFUSALS["forbidden"](1)) as downloader:
        with pytest.raises(PostError, match="forbidden: Access denied") as caught:
            await downloader.fetch_bytes(URL.format(1))

    assert caught.value.state == "unavailable" and downloader.refuses_everything() is None


@pytest.mark.fault("H13")
@pytest.mark.parametrize("refusal", ["forbidden", "unauthorised", "a plain page"])
async def test_a_site_that_refuses_every_file_ends_the_run(refusal: str) -> None:
    async with renditions(lambda request: REFUSALS[refusal](1)) as downloader:
        for number in range(9):
            with pytest.raises(PostError):
                await downloader.fetch_bytes(URL.format(number))
        assert downloader.refuses_everything() is not None
        with pytest.raises(AccessError) as caught:
            await downloader.fetch_bytes(URL.format(9))

    assert caught.value.exit_code == 4


async def test_a_site_that_begins_to_refuse_every_file_ends_the_run() -> None:
    served = iter([httpx2.Response(200, content=BODY)])

    async with renditions(lambda request: next(served, httpx2.Response(403))) as downloader:
        await downloader.fetch_bytes(URL.format(0))
        with pytest.raises(AccessError):
            for number in range(1, 20):
                with pytest.raises(PostError):
                    await downloader.fetch_bytes(URL.format(number))

    assert number <= 10


async def test_pages_in_a_row_do_not_end_a_run_while_earlier_files_still_arrive() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=BODY if request.url.path.endswith("/0.jpg") else HTML)

    async with renditions(answer) as downloader:
        await downloader.fetch_bytes(URL.format(0))
        for number in range(1, 12):
            with pytest.raises(PostError, match="web page"):
                await downloader.fetch_bytes(URL.format(number))


async def test_failed_originals_are_counted_as_originals(tmp_path: Path) -> None:
    async with downloading(whole(OTHER[:1000])) as (downloader, _, url):
        with pytest.raises(PostError):
            await downloader.fetch_file(url, tmp_path / "a.part", version=version_of(BODY))
        traffic = downloader.http.traffic

    assert traffic.rendition_bytes == 0 and traffic.original_bytes > 0


@pytest.mark.fault("H09")
async def test_one_web_page_among_pictures_is_only_fetched_again() -> None:
    answers = iter([httpx2.Response(200, content=HTML)])
    async with renditions(lambda request: next(answers, httpx2.Response(200, content=BODY))) as downloader:
        assert (await downloader.fetch_bytes(URL.format(1))).content == BODY


@pytest.mark.fault("H10")
async def test_an_api_error_instead_of_a_picture_stays_open() -> None:
    body = json.dumps({"success": False, "error": "X"}).encode()
    async with renditions(lambda request: httpx2.Response(200, content=body)) as downloader:
        with pytest.raises(PostError, match="JSON") as caught:
            await downloader.fetch_bytes(URL.format(1))

    assert caught.value.state == "retry"


@pytest.mark.fault("H27")
async def test_an_empty_picture_stays_open() -> None:
    async with renditions(lambda request: httpx2.Response(200, content=b"")) as downloader:
        with pytest.raises(PostError, match="empty") as caught:
            await downloader.fetch_bytes(URL.format(1))

    assert caught.value.state == "retry"


@pytest.mark.fault("H11")
async def test_the_same_picture_for_three_posts_is_a_placeholder() -> None:
    async with renditions(lambda request: httpx2.Response(200, content=BODY)) as downloader:
        await downloader.fetch_bytes(URL.format(1))
        await downloader.fetch_bytes(URL.format(2))
        with pytest.raises(BlockedError, match="placeholder") as caught:
            await downloader.fetch_bytes(URL.format(3))

    assert caught.value.exit_code == 5


@pytest.mark.fault("H11")
async def test_reposts_of_one_picture_are_no_placeholder() -> None:
    async with renditions(lambda request: httpx2.Response(200, content=BODY)) as downloader:
        for number in range(5):
            await downloader.fetch_bytes(URL.format(number), expect="the same pixels")
            await downloader.fetch_bytes(URL.format(0))


async def test_blank_pictures_far_apart_are_no_placeholder() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        number = int(re.findall(r"\d+", request.url.path)[-1])
        return httpx2.Response(200, content=b"blank" if number % 40 == 0 else b"picture %d" % number)

    async with renditions(answer) as downloader:
        for number in range(200):
            await downloader.fetch_bytes(URL.format(number))
