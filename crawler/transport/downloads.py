"""Files from the site: small ones into memory, originals streamed to disk and verified as they come.

Writing (by aiofiles) and hashing run in worker threads, side by side, a few hundred kilobytes at a time. `fetch_file`
does not fsync: the archive does, when it takes the file over. A transfer that breaks is resumed where the site proves
that the file is the same; in any doubt it starts from zero.

The published size and md5 decide about an original, and never its Content-Type: bytes that are the published ones are
the site's file, even where they are no picture.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiofiles
import aiofiles.os

from crawler.errors import (
    AccessError,
    BlockedError,
    CrawlError,
    FileRefused,
    Forbidden,
    GoneError,
    MismatchError,
    NotServed,
    PostError,
    RangeRefused,
    TooLarge,
    TransientError,
)
from crawler.file_health import PROOF_CAP, FileHealth, Trouble
from crawler.sites import Site
from crawler.transport.body_decoder import decoder_for
from crawler.transport.budget import Kind
from crawler.transport.http import Ask, Http, HttpResponse
from crawler.transport.responses import looks_like_html
from crawler.transport.retry import Patience, patiently
from storage.archive_records import Digest
from storage.database.error_translation import at_border
from storage.files.layout import require_folder
from storage.files.single_files import UMASK_FILE
from storage.records import FileVersion

RENDITION_CAP = 32 * 1024 * 1024  # bytes of a file that is read into memory
ORIGINAL_CAP = 1024 * 1024 * 1024  # bytes of an original; the site's own limit for uploads is below it
BATCH = 512 * 1024  # bytes handed to a worker thread at a time
SAME_FOR_DIFFERENT = 3  # different files with the same bytes that mean a placeholder …
RECENT = 24  # … among so many recent ones: blank pictures do exist, far apart

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_JSON_START = re.compile(rb"\s*(\{\s*\"|\[\s*(\{|\]))")
_Result = TypeVar("_Result")


class NewFile(Protocol):
    """An unbuffered file that was opened for writing; every call runs in a thread."""

    async def write(self, data: memoryview, /) -> int: ...
    async def truncate(self, size: int, /) -> int: ...
    async def seek(self, offset: int, /) -> int: ...
    async def close(self) -> None: ...


async def open_new(path: Path) -> NewFile:
    """Open a file that does not exist yet, with the rights that the umask leaves.

    Raises:
        FileExistsError: something is there, be it a link to nothing.
        StorageError: its folder is none.
    """
    return await aiofiles.open(path, "xb", buffering=0, opener=_without_following)


def _without_following(path: str, flags: int) -> int:
    require_folder(Path(path).parent)
    for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return os.open(path, flags, UMASK_FILE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A small file in memory."""

    content: bytes
    url: str


@dataclass(slots=True)
class Downloader:
    """Fetches files of one site."""

    http: Http
    site: Site
    patience: Patience = field(default_factory=Patience)
    original_cap: int = ORIGINAL_CAP  # bytes
    open_file: Callable[[Path], Awaitable[NewFile]] = open_new
    _recent: deque[tuple[bytes, str]] = field(default_factory=lambda: deque(maxlen=RECENT))
    _last_refusal: CrawlError | None = None
    _originals: FileHealth = field(init=False)
    _renditions: FileHealth = field(init=False)

    def __post_init__(self) -> None:
        self._originals = FileHealth(lambda url: self._once(url, original=True))
        self._renditions = FileHealth(lambda url: self._once(url, original=False))

    async def fetch_bytes(
        self,
        url: str,
        *,
        version: FileVersion | None = None,
        cap: int = RENDITION_CAP,
        expect: str | None = None,
        replaceable: bool = False,
    ) -> Fetched:
        """A whole small file.

        Args:
            version: what the site published of these bytes, when it did (originals only); they are compared.
            cap: bytes it may have.
            expect: what pictures that may look the same have in common (md5 or pixel hash); default: the address.
            replaceable: another file stands in for it where it is gone, so that its absence says nothing of the site.
        Raises:
            PostError: `unavailable` or, after all retries, `retry`. GoneError: 404. MismatchError: other bytes.
            BlockedError: the site serves pages or placeholders instead of pictures.
            AccessError: it refuses every file.
        """
        cap = cap if version is None or not version.size else min(cap, version.size)
        ask = Ask(url, Kind.FILE, original=version is not None)
        health = self._renditions if version is None else self._originals

        async def attempt() -> bytes:
            async with self.http.exchange(ask) as answer:
                body = await answer.read(cap)
            if not body:
                raise TransientError("the file arrived empty")
            if version is None:
                _refuse_text(body[:512])
            elif (version.size and len(body) != version.size) or _md5(body) != version.md5:
                _refuse_text(body[:512])
                raise _Mismatch(f"{len(body)} bytes arrived that are not the published ones")
            return body

        async with self._as_post_error(url, health, replaceable=replaceable):
            body = await patiently(attempt, self.patience)
        if version is None:
            self._refuse_placeholders(body, expect or url)
        health.arrived(url, _md5(body), len(body))
        return Fetched(body, url)

    async def fetch_file(self, url: str, into: Path, *, version: FileVersion) -> Digest:
        """Stream an original into a new file.

        Args:
            into: must not exist; removed again on failure.
            version: the size and md5 that the site published; the bytes must have them. Where the site states no size,
                the answer's own is expected.
        Returns: what arrived; the file is closed, complete, verified, and not yet fsynced.
        Raises: as `fetch_bytes`; StorageError: the disk refused, DiskFull included.
        """
        if version.size > self.original_cap:
            raise PostError(f"larger than {self.original_cap} bytes", "unavailable")
        partial = _Partial(into)
        complete = False
        try:
            await partial.open(self.open_file)
            async with self._as_post_error(url, self._originals):
                digest = await patiently(lambda: self._transfer(url, partial, version), self.patience)
            self._originals.arrived(url, digest.md5, digest.size)
            complete = True
            return digest
        finally:
            # Shielded, so that a stop request cannot leave the file open or lying around.
            await asyncio.shield(partial.close(keep=complete))

    async def _transfer(self, url: str, partial: _Partial, version: FileVersion) -> Digest:
        """One attempt: what is missing of the file, or all of it."""
        stated = bool(version.size)
        headers = {}
        if partial.resumable and 0 < partial.size < version.size:
            headers = {"range": f"bytes={partial.size}-", "if-range": partial.validator}
        try:
            async with self.http.exchange(Ask(url, Kind.FILE, headers, original=True)) as answer:
                version = _with_size(version, answer, self.original_cap)
                await self._place(answer, partial, version)
                await self._stream(answer, partial, version)
        except RangeRefused:
            await partial.restart("")
            raise
        digest = partial.digest()
        if digest.md5 != version.md5 or (stated and partial.size != version.size):
            short = partial.size < version.size < self.original_cap
            if short and not _is_text(partial.start):
                raise TransientError(f"{partial.size} of {version.size} bytes arrived")
            start = partial.start
            await partial.restart("")
            _refuse_text(start)
            raise _Mismatch(f"{digest.size} bytes with md5 {digest.md5} arrived, published are {version.size} bytes")
        return digest

    async def _place(self, answer: HttpResponse, partial: _Partial, version: FileVersion) -> None:
        """Decide where the bytes of this answer belong: behind what we have, or at the beginning."""
        if answer.status == 206:
            if not _continues(answer, partial, version):
                await partial.restart("")
                raise TransientError("the site sent another part of the file than the one asked for")
            return
        validator = "" if answer.encoded else _strong_validator(answer)
        if partial.size:
            await partial.restart(validator)
        partial.validator = validator
        if answer.declared is not None and answer.declared != version.size and not answer.encoded:
            async with aclosing(answer.pieces()) as stream:
                async for piece in stream:
                    _refuse_text(piece[:512])
                    break
            raise _Mismatch(f"{answer.declared} bytes are announced, published are {version.size}")

    async def _stream(self, answer: HttpResponse, partial: _Partial, version: FileVersion) -> None:
        decoder = decoder_for(answer.headers.get("content-encoding", ""), version.size)
        pieces: list[bytes] = []
        waiting = 0
        received = partial.size
        try:
            async with aclosing(answer.pieces()) as stream:
                async for raw in stream:
                    piece = decoder.feed(raw)
                    received += len(piece)
                    pieces.append(piece)
                    waiting += len(piece)
                    if received > version.size:
                        raise _Mismatch(f"more than the published {version.size} bytes arrive")
                    if waiting >= BATCH:
                        await partial.take(pieces)
                        pieces, waiting = [], 0
            decoder.finish()
        finally:
            if pieces and received <= version.size:
                await partial.take(pieces)  # what came before a break is worth keeping

    @property
    def refused(self) -> frozenset[str]:
        """Addresses that were refused with no file arriving since: when a run ends for that, none of them is gone."""
        return self._originals.refused | self._renditions.refused

    def refuses_everything(self) -> CrawlError | None:
        """What ends a run in which several files of a kind were refused and not a single one arrived."""
        for health in (self._renditions, self._originals):
            if health.nothing_arrived and self._last_refusal is not None:
                return _of_all(self.site, self._last_refusal)
        return None

    async def _once(self, url: str, *, original: bool) -> bytes | None:
        """A file that is known to be there, to see whether any file still arrives."""
        try:
            async with self.http.exchange(Ask(url, Kind.FILE, original=original)) as answer:
                return await answer.read(PROOF_CAP)
        except CrawlError:
            return None

    def _refuse_placeholders(self, body: bytes, expect: str) -> None:
        """The same bytes for different pictures: the site serves a stand-in for all of them."""
        digest = hashlib.sha256(body).digest()
        self._recent.append((digest, expect))
        if len({other for known, other in self._recent if known == digest}) >= SAME_FOR_DIFFERENT:
            raise BlockedError(f"{self.site.name} serves a placeholder: the same bytes for different pictures")

    @asynccontextmanager
    async def _as_post_error(self, url: str, health: FileHealth, *, replaceable: bool = False) -> AsyncIterator[None]:
        """The error after the last try: of this post alone, unless it concerns the whole site."""
        try:
            yield
        except (_NoFile, _Mismatch, FileRefused, Forbidden, GoneError) as error:
            self._last_refusal = error
            if replaceable and isinstance(error, GoneError):
                raise
            if await health.concerns_all(_trouble(error), url):
                raise _of_all(self.site, error) from error
            if isinstance(error, PostError):
                raise
            if isinstance(error, _Mismatch):
                raise MismatchError(f"mismatch: {error}") from error
            raise NotServed(str(error)) from error
        except TooLarge as error:
            raise PostError(f"too large: {error}", "unavailable") from error
        except TransientError as error:
            raise PostError(str(error)) from error


class _Mismatch(TransientError):
    """Complete, and not what was published."""

    tries = 3


class _NoFile(TransientError):
    """A page or an API's answer where a file should be."""

    tries = 3


def _trouble(error: CrawlError) -> Trouble:
    if isinstance(error, _NoFile):
        return Trouble.PAGE
    return Trouble.OTHER_BYTES if isinstance(error, _Mismatch) else Trouble.REFUSED


def _of_all(site: Site, error: CrawlError) -> CrawlError:
    """The error of a run in which no file arrives any more, by what came in the last one's place."""
    if isinstance(error, _NoFile):
        return BlockedError(f"{site.name} serves web pages instead of pictures; wait some hours")
    if isinstance(error, _Mismatch):
        return BlockedError(f"{site.name} serves a placeholder: no file is the published one")
    if isinstance(error, GoneError):
        return BlockedError(f"{site.name} has none of the files that it lists; wait some hours")
    return AccessError(f"{site.name} refuses every file that we ask for; the last: {error}")


def _is_text(start: bytes) -> bool:
    return looks_like_html(start) or _JSON_START.match(start) is not None


def _refuse_text(start: bytes) -> None:
    """A page or an API's answer in a file's place, whatever type it claims: never stored, never decoded."""
    if looks_like_html(start):
        raise _NoFile("a web page arrived instead of a file")
    if _JSON_START.match(start):
        raise _NoFile("a JSON answer arrived instead of a file")


class _Partial:
    """A file under construction, with its running digests.

    What has begun is waited for even when the task is cancelled, so that nobody closes the file under a thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: NewFile | None = None  # not opened yet
        self.size = 0  # bytes written and hashed
        self.start = b""  # the first of them
        self.validator = ""  # strong; empty: the file cannot be resumed
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    async def open(self, open_file: Callable[[Path], Awaitable[NewFile]]) -> None:
        """Create the file."""

        async def opening() -> None:
            with at_border(self._path):
                self._file = await open_file(self._path)

        await _to_its_end(opening())

    @property
    def resumable(self) -> bool:
        return bool(self.validator)

    async def take(self, pieces: list[bytes]) -> None:
        """Write and hash."""
        await _to_its_end(self._append(b"".join(pieces)))

    async def _append(self, data: bytes) -> None:
        hashing = asyncio.ensure_future(asyncio.to_thread(self._hash, data))
        try:
            await self._write(data)
        finally:
            await hashing
        self.start = self.start or data[:512]
        self.size += len(data)

    async def _write(self, data: bytes) -> None:
        file, view = self._opened, memoryview(data)
        with at_border(self._path):
            while view:
                view = view[await file.write(view) :]

    def _hash(self, data: bytes) -> None:
        self._md5.update(data)
        self._sha256.update(data)

    async def restart(self, validator: str) -> None:
        """Begin again from zero."""
        self.validator = validator
        if self.size:
            await _to_its_end(self._empty())
            self.size, self.start = 0, b""
            self._md5 = hashlib.md5(usedforsecurity=False)
            self._sha256 = hashlib.sha256()

    async def _empty(self) -> None:
        with at_border(self._path):
            await self._opened.truncate(0)
            await self._opened.seek(0)

    def digest(self) -> Digest:
        return Digest(size=self.size, md5=self._md5.hexdigest(), sha256=self._sha256.hexdigest())

    async def close(self, *, keep: bool) -> None:
        """Close the file, if it was created, and remove it unless it is to be kept."""
        if self._file is None:
            return
        with at_border(self._path):
            await self._file.close()
            if not keep:
                with suppress(FileNotFoundError):
                    await aiofiles.os.unlink(self._path)

    @property
    def _opened(self) -> NewFile:
        if self._file is None:
            raise ValueError(f"{self._path} is not opened yet")
        return self._file


async def _to_its_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Wait for work in threads; when this task is cancelled, not less."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _with_size(version: FileVersion, answer: HttpResponse, most: int) -> FileVersion:
    """The version with the size that the answer announces, else the largest that is accepted, where none is published.

    Raises: PostError: it is larger than `most` bytes.
    """
    if version.size:
        return version
    if answer.encoded or answer.declared is None:
        return replace(version, size=most)
    if answer.declared > most:
        raise PostError(f"larger than {most} bytes", "unavailable")
    return replace(version, size=answer.declared)


def _strong_validator(answer: HttpResponse) -> str:
    """What proves later that the file is still the same: only a strong ETag does."""
    etag = answer.headers.get("etag", "")
    return etag if re.fullmatch(r'"[!#-~]{1,200}"', etag) else ""


def _continues(answer: HttpResponse, partial: _Partial, version: FileVersion) -> bool:
    """Whether a 206 begins where our part ends and reaches the published end."""
    match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    if match is None or not partial.size:
        return False
    first, last, total = (int(number) for number in match.groups())
    return first == partial.size and last == total - 1 and total == version.size and not answer.encoded


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
