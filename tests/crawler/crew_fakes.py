"""A crew with a memory, for tests of the main job: no network, no files, no network of the other kind."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from crawler.errors import GoneError, PostError
from crawler.judge import JudgeStats
from storage.archive_records import Attempt, Digest, Failure, Gap, ListedPage, Listing, ListingTally, Sighting, Work
from storage.records import (
    Decision,
    DecisionValue,
    FileVersion,
    Known,
    Look,
    ModelCard,
    Place,
    Post,
    PostTags,
    Rating,
    RefusedRow,
    Rendition,
    StoredRendition,
    Target,
)

MONA = Target("mona", "mona_(genshin_impact)")
CARD = ModelCard("mona", 1, "model-hash", "backbone-hash", 0.5)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def content_of(post_id: int) -> bytes:
    return b"original of %d" % post_id


def post(post_id: int, *, tagged: bool = False, hidden: bool = False, revision: int = 0) -> Post:
    body = content_of(post_id + 1000 * revision)
    md5 = hashlib.md5(body).hexdigest()
    url = f"https://cdn.example/original/{md5}.png"
    file = None if hidden else FileVersion(md5, "png", len(body), 100, 80, url)
    preview = Rendition("720x720", f"https://cdn.example/720x720/{post_id}.webp", 100, 80, "webp")
    return Post(
        site="demo",
        id=post_id,
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        rating=Rating.GENERAL,
        tags=PostTags(character=(MONA.tag,) if tagged else ()),
        file=file,
        renditions=() if hidden else (preview,),
        hidden_reason="banned" if hidden else None,
        size=len(body),
    )


@dataclass(frozen=True, slots=True)
class OnePage:
    posts: Sequence[Post]
    cursor: int | None
    refused: Sequence[RefusedRow] = ()
    gap: Gap | None = None


@dataclass(slots=True)
class Posts:
    """A site with so many posts, two a page."""

    posts: Sequence[Post]
    replaced: Mapping[int, Post] = field(default_factory=dict)
    gap: Gap | None = None
    breaks_with: Exception | None = None
    moved_posts: Mapping[int, Post | None] = field(default_factory=dict)

    async def moved(self, posts: Sequence[Post]) -> Mapping[int, Post | None]:
        return {p.id: self.moved_posts[p.id] for p in posts if p.id in self.moved_posts}

    async def walk(self, *, start: int | None, floor: int | None) -> AsyncIterator[OnePage]:
        listed = [p for p in self.posts if (start is None or p.id < start) and (floor is None or p.id > floor)]
        for first in range(0, len(listed), 2):
            page = listed[first : first + 2]
            yield OnePage(page, page[-1].id)
        if self.gap and (start is None or start > self.gap.above + 1):
            yield OnePage((), self.gap.above, gap=self.gap)
        if self.breaks_with:
            raise self.breaks_with

    async def again(self, post: Post) -> Post | None:
        return self.replaced.get(post.id)


@dataclass(frozen=True, slots=True)
class Bytes:
    content: bytes


@dataclass(slots=True)
class Files:
    """A file host; its parameters name the posts whose files it treats otherwise."""

    gone: frozenset[int] = frozenset()
    raises: Mapping[str, Exception] = field(default_factory=dict)  # by a part of the URL
    asked: list[str] = field(default_factory=list)

    async def fetch_bytes(
        self, url: str, *, version: FileVersion | None = None, expect: str | None = None, replaceable: bool = False
    ) -> Bytes:
        self.asked.append(url)
        self._misbehave(url)
        return Bytes(url.rsplit("/", 1)[-1].encode())

    async def fetch_file(self, url: str, into: Path, *, version: FileVersion) -> Digest:
        self.asked.append(url)
        self._misbehave(url)
        return Digest(version.size, version.md5, "sha")

    def _misbehave(self, url: str) -> None:
        for part, error in self.raises.items():
            if part in url:
                raise error


@dataclass(slots=True)
class Eye:
    """A judge with a fixed opinion about every post."""

    scores: Mapping[int, float] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)
    raises: Exception | None = None
    looked: list[int] = field(default_factory=list)
    too_small: frozenset[int] = frozenset()
    recalled: int = 0
    recalls: list[Mapping[str, bytes]] = field(default_factory=list)
    recalled_score: float = 0.9
    size: tuple[int, int] = (100, 80)
    card: ModelCard = CARD
    inside_score: float = 0.9  # of a moving file whose frames are looked at
    looked_inside: list[tuple[bytes, int]] = field(default_factory=list)  # file, frames

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return {"mona": self.card}

    async def look(self, picture: bytes) -> Look:
        post_id = int(picture.split(b".")[0])
        self.looked.append(post_id)
        if self.raises:
            raise self.raises
        if post_id in self.faults:
            return Look(fault=self.faults[post_id])
        width, height = self.size
        score = self.scores.get(post_id, 0.01)
        return Look(
            {"mona": score},
            {"backbone-hash": b"\0\0"},
            width=width,
            height=height,
            format="webp",
            too_small=post_id in self.too_small,
        )

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        self.recalled += 1
        self.recalls.append(embeddings)
        return Look({"mona": self.recalled_score})

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        look = await (self.look(seen) if isinstance(seen, bytes) else self.recall(seen))
        if not file:
            return look
        self.looked_inside.append((file, frames))
        return replace(look, scores={"mona": self.inside_score}, windows={"backbone-hash": b"\0\0" * frames})

    def stats(self) -> JudgeStats:
        return JudgeStats(len(self.looked), len(self.looked), 0.0, 0, "cpu", "fake")


@dataclass(slots=True)
class Memory:
    """An archive in memory that records every call."""

    known_posts: Mapping[int, Known] = field(default_factory=dict)
    open_posts: Sequence[Post] = ()
    shared: frozenset[int] = frozenset()  # posts whose original another post has brought home
    full_at: int | None = None  # how many looks fit
    error: Exception | None = None
    sightings: list[Sighting] = field(default_factory=list)
    failures: list[tuple[int, Failure]] = field(default_factory=list)
    originals: list[int] = field(default_factory=list)
    adopted: list[int] = field(default_factory=list)
    trashed: list[int] = field(default_factory=list)
    pages: list[ListedPage] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    finished: bool = False
    cursor: int | None = None

    async def open_listing(self, site: str, query: str, *, newer_only: bool = False) -> Listing:
        return Listing(1, self.cursor, None, False)

    async def file_page(self, listing_id: int, page: ListedPage) -> None:
        self.pages.append(page)

    async def file_gap(self, listing_id: int, gap: Gap) -> None:
        self.gaps.append(gap)

    async def open_gaps(self, listing_id: int) -> Sequence[Gap]:
        return list(self.gaps)

    async def close_gap(self, listing_id: int, gap: Gap) -> None:
        self.gaps.remove(gap)

    async def finish_listing(self, listing_id: int, counted: int | None) -> ListingTally:
        self.finished = True
        return ListingTally(sum(len(p.posts) for p in self.pages), 0, 0, len(self.gaps), counted)

    async def unfinished(self, listing_id: int, work: Work, *, below: int | None, limit: int) -> Sequence[Post]:
        return [p for p in self.open_posts if below is None or p.id < below][:limit]

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        return {p.id: self.known_posts[p.id] for p in posts if p.id in self.known_posts}

    async def read_rendition(self, stored: StoredRendition) -> bytes | None:
        return stored.path.encode()

    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt:
        self.attempts.append(post.id)
        return Attempt(post.id, 1, Path("staging"), kind)

    async def file_look(self, sighting: Sighting) -> None:
        if self.full_at is not None and len(self.sightings) >= self.full_at and self.error:
            raise self.error
        self.sightings.append(sighting)

    async def fail_attempt(self, attempt: Attempt, failure: Failure) -> None:
        self.failures.append((attempt.id, failure))

    async def file_original(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None:
        self.originals.append(post.id)

    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool:
        if post.id in self.shared:
            self.adopted.append(post.id)
        return post.id in self.shared

    async def trash_original(self, post: Post, targets: Sequence[str]) -> int:
        self.trashed.append(post.id)
        return 1

    def decisions(self) -> dict[int, str]:
        return {s.post.id: f"{s.decisions[0].value}({s.decisions[0].decided_by})" for s in self.sightings}


def decided(value: DecisionValue, policy: str, *, place: Place = Place.NONE) -> Known:
    decision = Decision("mona", value, "score", "", policy, 0.9, 0.5, CARD.name, CARD.hash)  # type: ignore[arg-type]  # a plain word is enough here
    return Known(decisions={"mona": decision}, places={"mona": place})


__all__ = ["GoneError", "PostError"]
