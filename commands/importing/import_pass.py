"""One pass over downloaded files: which post each is of, whether it is here already, and taking in what is not."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

from commands.importing.descriptions import Describe, Description, ListedFile, PostedFile
from crawler.sources.local_files import LocalFile
from interchange.files.pictures import stated_size
from interchange.files.small_copies import small_copy
from storage.errors import RefusedFile
from storage.files.paths import is_text
from storage.moves.arrivals import Arrival, Taken
from storage.moves.left_files import SmallCopy
from storage.moves.statements import FiledStatements, Statement
from storage.records import FILE_EXTENSIONS, PICTURE_EXTENSIONS, Post

BATCH = 64  # files whose facts are in memory at a time
AT_ONCE = 4  # files that are copied at a time
NO_MD5 = "no md5 in its name, nor in a file of facts beside it"
ALTERED = "other bytes than its md5 says: damaged, or changed since"
UNREADABLE = "cannot be read"
NO_TEXT = "a path that is no UTF-8, so it cannot be remembered; rename it, or import it without --leave"
EXAMPLES = 3  # names that are told of each reason
_JPEG = ("jpeg", "jpe", "jfif")
_TYPES: Mapping[str, str] = MappingProxyType({one: one for one in FILE_EXTENSIONS} | dict.fromkeys(_JPEG, "jpg"))


@dataclass(slots=True)
class ImportTally:
    """What became of the files, counted."""

    files: int = 0
    mentioned: int = 0  # not of the post's own bytes, and not read
    copied: int = 0
    linked: int = 0
    left: int = 0  # where they are
    here: int = 0  # before; nothing was read of them
    bytes: int = 0  # of what was taken
    posts: int = 0  # recorded: new ones, and newer facts of known ones
    labels: int = 0  # of people, that another gallery had
    contradicted: int = 0  # of these: somebody said something else here
    decisions: int = 0  # of that gallery's models
    without_post: Counter[str] = field(default_factory=Counter)  # why the file of facts gave no post
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # names, by reason

    def leave_out(self, name: str, reason: str) -> None:
        """A file stays where it is, and is not in the gallery."""
        self.left_out[reason] += 1
        if len(self.examples[reason]) < EXAMPLES:
            self.examples[reason].append(name)

    def take(self, taken: Taken) -> None:
        """A file is the gallery's now."""
        self.linked += taken.linked
        self.left += taken.left
        self.copied += not (taken.linked or taken.left)
        self.bytes += taken.digest.size

    def to_json(self) -> dict[str, Any]:
        """For `--json`, and for the record of the run."""
        return {
            "files": self.files,
            "copied": self.copied,
            "linked": self.linked,
            "left": self.left,
            "already_here": self.here,
            "bytes": self.bytes,
            "posts": self.posts,
            "labels": self.labels,
            "labels_contradicted": self.contradicted,
            "decisions": self.decisions,
            "without_post": dict(self.without_post),
            "left_out": dict(self.left_out),
        }


class Arrivals(Protocol):
    """The gallery's way in."""

    async def file_posts(self, posts: Sequence[Post], run_id: int) -> int: ...
    async def here(self, md5s: Collection[str]) -> frozenset[str]: ...
    async def posted(self, md5s: Collection[str]) -> frozenset[str]: ...
    async def take(self, arrival: Arrival, *, link: bool) -> Taken: ...


class Statements(Protocol):
    """The gallery's way in for what another gallery said."""

    async def file(self, statements: Sequence[Statement], run_id: int) -> FiledStatements: ...


class Keep(Protocol):
    """Gives a post's original its name for targets, from what the user has; says whether it could."""

    async def __call__(self, post: Post, targets: Sequence[str]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Sayings:
    """What becomes of another gallery's statements."""

    statements: Statements
    keep: Keep


class Left(Protocol):
    """The gallery's knowledge of files that stay where they are."""

    async def here(self, md5s: Collection[str]) -> frozenset[str]: ...
    async def leave(self, arrival: Arrival, small: SmallCopy | None) -> Taken: ...


@dataclass(frozen=True, slots=True)
class _Found:
    """A downloaded file whose md5 is known by name."""

    name: str
    arrival: Arrival
    described: Description
    mentioned: bool  # it is no file of the post's


@dataclass(frozen=True, slots=True)
class ImportPass:
    """Takes files in, a few at a time."""

    arrivals: Arrivals
    describe: Describe
    run_id: int
    link: bool = False
    sayings: Sayings | None = None
    left: Left | None = None  # where files are to stay where they are
    tally: ImportTally = field(default_factory=ImportTally)

    async def take_in(self, files: Iterable[LocalFile], report: Callable[[int], None]) -> None:
        """Take in every file that is one of a post's.

        Raises:
            StorageError: the gallery's disk refuses; what was taken before is kept.
        """
        waiting = (file for file in files if is_posted_file(file))
        while batch := list(islice(waiting, BATCH)):
            found = await asyncio.to_thread(self._recognised, batch)
            while found:
                now, found = _without_doubles(found)
                await self._take(now)
            report(self.tally.files + self.tally.mentioned)

    def _recognised(self, files: Sequence[LocalFile]) -> list[_Found]:
        return [found for file in files if (found := self._found(file)) is not None]

    def _found(self, file: LocalFile) -> _Found | None:
        ext, mentioned = _TYPES[_ending(file)], isinstance(file, ListedFile) and file.mentioned
        self.tally.files += not mentioned
        self.tally.mentioned += mentioned
        try:
            sides = ext in PICTURE_EXTENSIONS and not mentioned
            width, height = stated_size(file.path) if sides else (0, 0)
            described = self.describe(PostedFile(file, ext, width, height))
        except OSError:
            self.tally.leave_out(file.name, UNREADABLE)
            return None
        if self.left is not None and not mentioned and not is_text(str(file.path)):
            self.tally.leave_out(file.name, NO_TEXT)
            return None
        if described.left_out is not None:
            self.tally.leave_out(file.name, described.left_out)
            return None
        if not described.md5s:
            self.tally.leave_out(file.name, NO_MD5)
            return None
        if described.without_post is not None:
            self.tally.without_post[described.without_post] += 1
        return _Found(file.name, Arrival(file.path, described.md5s, ext, width, height), described, mentioned)

    async def _take(self, found: Sequence[_Found]) -> None:
        md5s = [md5 for one in found for md5 in one.arrival.md5s]
        here = await self.arrivals.here(md5s)
        if self.left is not None:
            here |= await self.left.here(md5s)
        narrow = asyncio.Semaphore(AT_ONCE)

        async def settled(one: _Found) -> bool:
            async with narrow:
                return await self._is_here_now(one, here)

        ended = await asyncio.gather(*map(settled, found), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        await self._file_posts([one.described for one, there in zip(found, ended, strict=True) if there])

    async def _file_posts(self, described: Sequence[Description]) -> None:
        own = [one.md5s[0] for one in described if one.own]
        others = await self.arrivals.posted(own) if own else frozenset()
        by_site: defaultdict[str, list[Post]] = defaultdict(list)
        for one in described:
            if one.post is not None and not (one.own and one.md5s[0] in others):
                by_site[one.post.site].append(one.post)
        for posts in by_site.values():
            self.tally.posts += await self.arrivals.file_posts(posts, self.run_id)
        await self._file_statements(described)

    async def _file_statements(self, described: Sequence[Description]) -> None:
        """What another gallery said; kept originals get their names, where they are here."""
        said = [one.statement for one in described if one.statement is not None]
        if self.sayings is None or not said:
            return
        filed = await self.sayings.statements.file(said, self.run_id)
        self.tally.labels += filed.labels
        self.tally.contradicted += filed.contradicted
        self.tally.decisions += filed.decisions
        posts = {(one.post.site, one.post.id): one.post for one in described if one.post is not None}
        for one in filed.to_keep:
            await self.sayings.keep(posts[one.site, one.post_id], [one.target.name])

    async def _is_here_now(self, found: _Found, here: frozenset[str]) -> bool:
        if found.mentioned:
            return True
        if not here.isdisjoint(found.arrival.md5s):
            self.tally.here += 1
            return True
        try:
            self.tally.take(await self._taken(found.arrival))
        except RefusedFile:
            self.tally.leave_out(found.name, ALTERED)
            return False
        except OSError:
            self.tally.leave_out(found.name, UNREADABLE)
            return False
        return True

    async def _taken(self, arrival: Arrival) -> Taken:
        if self.left is None:
            return await self.arrivals.take(arrival, link=self.link)
        small = await asyncio.to_thread(small_copy, arrival.path) if arrival.width else None
        return await self.left.leave(arrival, small)


def is_posted_file(file: LocalFile) -> bool:
    """Whether a file has the ending of something that is posted: a picture, a video, an archive of frames."""
    return _ending(file) in _TYPES


def count_posted(files: Iterable[LocalFile], describe: Describe) -> tuple[int, int]:
    """How many such files there are, and how many of them have something beside them that describes them."""
    posted = described = 0
    for file in files:
        if is_posted_file(file):
            posted += 1
            described += describe.has_facts(file.path)
    return posted, described


def _ending(file: LocalFile) -> str:
    return file.path.suffix.lower().removeprefix(".")


def _without_doubles(found: Sequence[_Found]) -> tuple[list[_Found], list[_Found]]:
    """Files of different md5s, and the rest, which is looked at once these are here."""
    claimed: set[str] = set()
    now: list[_Found] = []
    later: list[_Found] = []
    for one in found:
        (later if not claimed.isdisjoint(one.arrival.md5s) else now).append(one)
        claimed.update(one.arrival.md5s)
    return now, later
