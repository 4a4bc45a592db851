"""A folder of pictures, from files to decisions: the main job where nothing has to be fetched.

    files -> what their bytes are -> what the gallery knows of them -> look, where nobody has -> decide

Results come in the order of the files, while the next ones are being read, decoded and scored. Nothing here moves a
file. A picture that cannot be read or decoded fails alone; a model that fails as a whole ends the run.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Protocol

from crawler.sources.file_posts import PostHint, post_hint
from crawler.sources.local_files import FileTrouble, LocalFile, content_of
from storage.archive_records import Digest
from storage.folders.records import FileKey, FilePost, KnownFile, SeenFile
from storage.records import DecidedBy, Look, Post, PostTags, TaggerTags
from storage.uninterrupted import uninterrupted
from system.regular_files import read_regular

FIRST_CHUNK, CHUNK = 16, 128  # files that the gallery is asked about at once: few at first, then ever more
RECORD_EVERY = 64  # looks that share one transaction
IN_FLIGHT = 96  # pictures at a time: nothing is waited for but the processor, which is not to wait either


class Verdict(StrEnum):
    """What is to become of a picture."""

    KEPT = "kept"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a rule says of one picture."""

    verdict: Verdict
    decided_by: DecidedBy
    reason: str  # for people
    score: float | None = None  # 0..1
    name: str = ""  # what the picture shows, where it is kept
    refused: bool = False  # it is undecided because the model may not decide


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture beside its pixels."""

    tags: PostTags = field(default_factory=PostTags)
    post: Post | None = None
    known: FilePost | None = None  # of the gallery: with labels

    @property
    def tagger_tags(self) -> TaggerTags | None:
        return None if self.known is None else self.known.tagger_tags


@dataclass(frozen=True, slots=True)
class Classified:
    """One file, and what was decided."""

    file: LocalFile
    ruled: Ruled
    content: Digest | None = None  # None: it could not be read
    facts: Facts = field(default_factory=Facts)
    looked: bool = False  # it was decoded now, and not known from before
    seconds: float = 0.0  # from the beginning of its look to the decision


class FolderJudge(Protocol):
    """Looks at pictures; `crawler.judge.Judge` is one."""

    async def look(self, picture: bytes) -> Look: ...
    async def recall(self, embeddings: Mapping[str, bytes]) -> Look: ...


class KnownPictures(Protocol):
    """What the gallery knows; `storage.folders.store.FolderStore`, for the networks and the target at hand."""

    def known(self, keys: Sequence[FileKey]) -> Sequence[KnownFile]: ...
    def record(self, seen: Sequence[SeenFile]) -> None: ...


@dataclass(frozen=True, slots=True)
class FolderCrew:
    """Who does the work."""

    judge: FolderJudge
    pictures: KnownPictures
    rule: Callable[[Look, Facts], Ruled]
    is_picture: Callable[[bytes], bool]  # by its first bytes
    hold: Callable[[int], AbstractAsyncContextManager[None]]  # so many bytes in memory, while it is open
    posts_of: Callable[[Sequence[str]], Awaitable[Mapping[str, Post]]] | None = None  # asks a site, by md5
    in_flight: int = IN_FLIGHT  # pictures at a time
    most_bytes: int = 64 * 1024 * 1024  # of a picture


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture file before anybody looks at it; or why nobody can."""

    file: LocalFile
    content: Digest | None
    data: bytes | None = None  # the bytes, where they are few and somebody has to look
    hint: PostHint = field(default_factory=PostHint)
    trouble: str = ""
    known: KnownFile = field(default_factory=KnownFile)
    post: Post | None = None  # as the site states it


async def classified(files: Iterator[LocalFile], crew: FolderCrew) -> AsyncIterator[Classified]:
    """Decide about every picture among the files, in their order; what is no picture is passed over.

    Raises:
        ModelError, ArchiveError, CrawlError: the model, the gallery or the site fails as a whole.
    """
    pending: deque[asyncio.Task[tuple[Classified, SeenFile | None]]] = deque()
    recorder = _Recorder(crew.pictures)
    try:
        async for chunk in _prepared(files, crew):
            for one in chunk:
                pending.append(asyncio.create_task(_classify(one, crew)))
                full = len(pending) >= crew.in_flight  # then there is room for many at once, which travel together
                while pending and (pending[0].done() or (full and len(pending) > crew.in_flight // 2)):
                    yield await _next(pending, recorder)
        while pending:
            yield await _next(pending, recorder)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await recorder.finish()


async def _next(pending: deque[asyncio.Task[tuple[Classified, SeenFile | None]]], recorder: _Recorder) -> Classified:
    done, look = await pending[0]
    pending.popleft()
    if look is not None:
        await recorder.add(look)
    return done


class _Recorder:
    """Looks on their way into the gallery, many in a transaction, while the next are taken."""

    def __init__(self, pictures: KnownPictures) -> None:
        self._pictures = pictures
        self._seen: list[SeenFile] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, look: SeenFile) -> None:
        """Record it, soon.

        Raises:
            ArchiveError: those before it could not be recorded.
        """
        self._seen.append(look)
        if len(self._seen) >= RECORD_EVERY:
            await self._written()
            seen, self._seen = self._seen, []
            self._writing = asyncio.create_task(asyncio.to_thread(self._pictures.record, seen))

    @uninterrupted
    async def finish(self) -> None:
        """Record the rest."""
        await self._written()
        await asyncio.to_thread(self._pictures.record, self._seen)

    async def _written(self) -> None:
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)  # whoever stops waiting must not stop it
        finally:
            if self._writing.done():
                self._writing = None


async def _prepared(files: Iterator[LocalFile], crew: FolderCrew) -> AsyncIterator[Sequence[_Prepared]]:
    """The files in chunks, the next one being read while one is worked on; the first are small, to be quick."""
    size = FIRST_CHUNK
    ahead = asyncio.create_task(_prepare(files, crew, size))
    try:
        while (chunk := await ahead) is not None:
            size = min(CHUNK, 2 * size)
            ahead = asyncio.create_task(_prepare(files, crew, size))
            yield chunk
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


async def _prepare(files: Iterator[LocalFile], crew: FolderCrew, count: int) -> Sequence[_Prepared] | None:
    """The next files with what is known of them; None: there are no more."""
    taken = await asyncio.to_thread(lambda: [_read(file, crew) for file in islice(files, count)])
    if not taken:
        return None
    pictures = [one for one in taken if one.content is not None]
    known = await asyncio.to_thread(crew.pictures.known, [_key(one) for one in pictures])
    by_path = {one.file.path: found for one, found in zip(pictures, known, strict=True)}
    posts = await _ask_site(crew, pictures, known)
    return [
        _completed(one, by_path.get(one.file.path, one.known), posts.get(one.file.path))
        for one in taken
        if one.content is not None or one.trouble
    ]


def _completed(one: _Prepared, known: KnownFile, post: Post | None) -> _Prepared:
    """The same with what is known of it; bytes that nobody needs to look at are let go."""
    return replace(one, known=known, post=post, data=None if known.look is not None else one.data)


def _read(file: LocalFile, crew: FolderCrew) -> _Prepared:
    try:
        content = content_of(file.path, crew.is_picture, crew.most_bytes)
    except FileTrouble as trouble:
        return _Prepared(file, None, trouble=trouble.reason)
    if content is None:
        return _Prepared(file, None)
    return _Prepared(file, content.digest, content.data, post_hint(file.path))


def _key(one: _Prepared) -> FileKey:
    if one.content is None:
        raise ValueError(f"{one.file.path} is no picture")
    return FileKey(one.content, one.hint.md5s, one.hint.post_id, one.hint.site)


async def _ask_site(
    crew: FolderCrew, pictures: Sequence[_Prepared], known: Sequence[KnownFile]
) -> Mapping[object, Post]:
    """Posts of the site by the files' paths, for those files that are no post of the gallery."""
    if crew.posts_of is None:
        return {}
    wanted = {
        one.file.path: (_key(one).content.md5, *one.hint.md5s)
        for one, found in zip(pictures, known, strict=True)
        if found.post is None
    }
    posts = await crew.posts_of(sorted({md5 for md5s in wanted.values() for md5 in md5s}))
    found = {path: [posts[md5] for md5 in md5s if md5 in posts] for path, md5s in wanted.items()}
    return {path: several[0] for path, several in found.items() if several}


async def _classify(one: _Prepared, crew: FolderCrew) -> tuple[Classified, SeenFile | None]:
    started = time.perf_counter()
    facts = _facts(one)
    if one.content is None:
        return _failed(one, facts, one.trouble), None
    if one.known.look is not None:
        stored = one.known.look
        views = {name: vector + stored.windows.get(name, b"") for name, vector in stored.embeddings.items()}
        look = replace(await crew.judge.recall(views), too_small=stored.too_small)
        looked = False
    else:
        try:
            look = await _look(one, one.content.size, crew)
        except OSError:
            return _failed(one, facts, "cannot be read"), None
        looked = True
    ruled = crew.rule(look, facts)
    seconds = time.perf_counter() - started
    done = Classified(one.file, ruled, one.content, facts, looked, seconds)
    return done, SeenFile(one.content, look) if looked and look.fault is None and look.embeddings else None


async def _look(one: _Prepared, size: int, crew: FolderCrew) -> Look:
    """Look at a picture; a large one is read only now that its turn has come."""
    if one.data is not None:
        return await crew.judge.look(one.data)
    async with crew.hold(size):
        read = await asyncio.to_thread(read_regular, one.file.path, crew.most_bytes, links=False)
        return await crew.judge.look(read.content)


def _failed(one: _Prepared, facts: Facts, reason: str) -> Classified:
    return Classified(one.file, Ruled(Verdict.FAILED, DecidedBy.FAULT, reason), one.content, facts)


def _facts(one: _Prepared) -> Facts:
    """The post of the gallery, else of the site, else what the file of facts beside the picture says."""
    post = one.known.post.post if one.known.post is not None else one.post
    tags = post.tags if post is not None else one.hint.tags
    return Facts(tags or PostTags(), post, one.known.post)
