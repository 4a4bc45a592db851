"""Who takes part in a run, as protocols: the source of posts, the fetcher, the judge, the archive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from crawler.animations.policy import AnimationPolicy
from crawler.decisions import Policy, Ruling
from crawler.judge import Judge
from storage.archive_records import Attempt, Digest, Failure, Gap, ListedPage, Listing, ListingTally, Sighting, Work
from storage.records import FileVersion, Known, Post, RefusedRow, StoredRendition, Target

GRACE_S = 8.0  # after a stop request, how long the posts in flight may take to finish


class ListingStep(Protocol):
    """One step of a listing."""

    @property
    def posts(self) -> Sequence[Post]: ...
    @property
    def refused(self) -> Sequence[RefusedRow]: ...
    @property
    def cursor(self) -> int | None: ...
    @property
    def gap(self) -> Gap | None: ...


class FileContent(Protocol):
    """A small file in memory."""

    @property
    def content(self) -> bytes: ...


class PostSource(Protocol):
    """Where posts come from; `crawler.sources.listing` walks a real site."""

    def walk(self, *, start: int | None, floor: int | None) -> AsyncIterator[ListingStep]:
        """Pages downwards from below `start` (None: from the newest) to above `floor` (None: to the end)."""
        ...

    async def again(self, post: Post) -> Post | None:
        """The post as the site states it now, or None when it is gone."""
        ...

    async def moved(self, posts: Sequence[Post]) -> Mapping[int, Post | None]:
        """Of posts from an earlier run, those whose files have another address by now: as the site states them now,
        by id; None for one that is gone."""
        ...


class Fetcher(Protocol):
    """Fetches bytes; `crawler.transport.downloads` does it over the network."""

    async def fetch_bytes(
        self, url: str, *, version: FileVersion | None = None, expect: str | None = None, replaceable: bool = False
    ) -> FileContent:
        """A whole small file; checked against the published version where there is one.

        `expect` is what posts have in common that may rightly share these bytes; a placeholder is shared by others.
        `replaceable` files have others that stand in for them where they are gone.
        """
        ...

    async def fetch_file(self, url: str, into: Path, *, version: FileVersion) -> Digest:
        """Stream an original into a file, verified against its published md5 and size."""
        ...


class ArchiveProtocol(Protocol):
    """What the job asks of the archive; `storage.archive.Archive` fulfils it, `storage.dry_run.DryRunArchive` too."""

    async def open_listing(self, site: str, query: str, *, newer_only: bool = False) -> Listing: ...
    async def file_page(self, listing_id: int, page: ListedPage) -> None: ...
    async def file_gap(self, listing_id: int, gap: Gap) -> None: ...
    async def open_gaps(self, listing_id: int) -> Sequence[Gap]: ...
    async def close_gap(self, listing_id: int, gap: Gap) -> None: ...
    async def finish_listing(self, listing_id: int, counted: int | None) -> ListingTally: ...
    async def unfinished(self, listing_id: int, work: Work, *, below: int | None, limit: int) -> Sequence[Post]: ...
    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]: ...
    async def read_rendition(self, stored: StoredRendition) -> bytes | None: ...
    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt: ...
    async def file_look(self, sighting: Sighting) -> None: ...
    async def fail_attempt(self, attempt: Attempt, failure: Failure) -> None: ...
    async def file_original(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None: ...
    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool: ...
    async def trash_original(self, post: Post, targets: Sequence[str]) -> int: ...


@dataclass(frozen=True, slots=True)
class Crew:
    """The participants of one run."""

    source: PostSource
    fetcher: Fetcher
    judge: Judge
    archive: ArchiveProtocol
    note: Callable[[Post, Exception], None]  # called with every post that fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one run is to do."""

    run_id: int
    site: str
    query: str  # identifies the listing: the same words go on where they stopped
    targets: tuple[Target, ...]
    policy: Policy
    score_on: str
    look_first: str = ""  # a smaller rendition, looked at first; the other one only in doubt; empty: none
    wants: Callable[[Post], bool]  # the query's terms that are evaluated here, not by the site
    checked_here: bool = False  # whether there are such terms
    counted: int | None = None  # posts that the site counts for its part of the query
    limit: int | None = None  # posts
    newer_only: bool = False
    seen: bool = False  # whether posts are looked at whose files another program has
    animation: AnimationPolicy = field(default_factory=AnimationPolicy)  # when files are looked into
    in_flight: int = 48  # posts carried at the same time
    grace_s: float = GRACE_S

    def ruling(self, judge: Judge) -> Ruling:
        """How this job decides with this judge's models."""
        return Ruling(self.policy, judge.models)
