"""A review service in memory, rounds that only count, and a client that behaves like the page's own browser."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.testclient import TestClient

from review.app import ReviewPage, create_app
from review.errors import LargerMissing, NotComparable, RoundRuns
from review.gate import Address
from review.service import (
    AnswerResult,
    Completion,
    GalleryFigures,
    History,
    LabelAnswer,
    ModelInForce,
    PictureList,
    Reasoned,
    RoundState,
    ShareInterval,
    SimilarList,
    TargetFacts,
)
from storage.errors import QueryError
from storage.gallery_view import Counts, Picture, Verdict, Word

PORT = 8787
OWN = f"http://127.0.0.1:{PORT}"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def picture_bytes(shade: int = 120, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (16, 12), (shade, 90, 200)).save(content, kind)
    return content.getvalue()


def make_picture(number: int, **changes: Any) -> Picture:
    facts: dict[str, Any] = {
        "id": number,
        "site": "demo",
        "post_id": 1000 + number,
        "md5": f"{number:032x}",
        "ext": "jpg",
        "width": 1200,
        "height": 900,
        "file_size": 200_000,
        "rating": "g",
        "site_score": 3,
        "created_at": NOW,
        "source": "https://example.com/art/1",
        "parent_id": None,
        "decision": "keep",
        "score": 0.8,
        "threshold": 0.5,
        "model": "mona/1",
        "machine": "keep",
        "decided_by": "score",
        "reason": "0.8 >= 0.5",
        "place": "gallery",
        "word": None,
        "rendition": f"{number:064x}",
        "tags": {"general": ["hat"], "character": ["mona_(genshin_impact)"], "copyright": ["genshin_impact"]},
    }
    return Picture(**(facts | changes))


@dataclass
class InMemoryReviewService:
    """Keeps labels in memory; every write is counted."""

    stored: dict[int, Picture] = field(default_factory=lambda: {n: make_picture(n) for n in range(1, 6)})
    files: dict[int, bytes] = field(default_factory=lambda: {1: picture_bytes()})
    keys: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    seq: int = 0

    def targets(self) -> Sequence[str]:
        return ["mona", "fischl"]

    def facts(self, target: str) -> TargetFacts:
        counts = Counts(len(self.stored), {"keep": len(self.stored)}, {}, len(self.stored), self.seq)
        figures = GalleryFigures(ShareInterval(0.97, 0.94, 0.99), None, 120)
        return TargetFacts(target, f"{target}_(genshin_impact)", counts, ModelInForce("mona/1", 0.5, 0, ""), figures)

    def find(self, target: str, expression: str) -> PictureList:
        if "decision:kep" in expression:
            raise QueryError("decision:kep", "write one of keep, delete", "keep")
        return PictureList(list(self.stored), [1.3] * len(self.stored))

    def words(self, start: str) -> Sequence[Completion]:
        return [Completion("hat", "general", 5)] if "hat".startswith(start) else []

    def queue(self, target: str, *, random_only: bool = False) -> PictureList:
        return PictureList([2, 1], [1.3, 1.3], reasons={2: Reasoned("random", "random sample, for the estimate")})

    def pictures(self, target: str, ids: Sequence[int]) -> Sequence[Picture]:
        return [self.stored[one] for one in ids if one in self.stored]

    def history(self, target: str, picture: int) -> History:
        return History((), (Verdict("keep", "score", "0.8 >= 0.5", 0.8, 0.5, "mona/1", NOW),))

    def alike(self, target: str, picture: int, most: int) -> SimilarList:
        return SimilarList([3, 4][:most], [1.3, 1.0][:most], [0.9, 0.5][:most], "")

    def like(self, target: str, vector: npt.NDArray[np.float16], most: int) -> SimilarList:
        return SimilarList([int(vector[0])], [1.3], [0.7], "mona, by 10 of the 10 nearest pictures")

    def rendition(self, picture: int) -> bytes | None:
        return self.files.get(picture)

    def answer(self, target: str, answers: Sequence[LabelAnswer]) -> Sequence[AnswerResult]:
        return [self._take(answer) for answer in answers]

    def _take(self, answer: LabelAnswer) -> AnswerResult:
        picture = self.stored.get(answer.id)
        if picture is None:
            return AnswerResult(answer.id, False, None)
        if answer.key in self.keys:
            return AnswerResult(answer.id, True, picture)
        if (picture.word.seq if picture.word else 0) != answer.seen:
            return AnswerResult(answer.id, False, picture)
        self.writes += 1
        self.seq += 1
        self.keys[answer.key] = self.seq
        self.stored[answer.id] = replace(picture, word=Word(self.seq, answer.value, "tester", NOW))
        return AnswerResult(answer.id, True, self.stored[answer.id])


@dataclass
class FakeRounds:
    """Rounds that only change their state."""

    now: RoundState = field(default_factory=RoundState)
    stopped: int = 0

    def state(self) -> RoundState:
        return self.now

    async def start(self, target: str) -> RoundState:
        if self.now.state == "running":
            raise RoundRuns("a round is at work")
        self.now = RoundState(target=target, state="running", stage="learning", started=1)
        return self.now

    async def stop(self) -> None:
        self.stopped += 1
        self.now = replace(self.now, state="failed") if self.now.state == "running" else self.now


@dataclass
class Opened:
    """A page, and what is behind it."""

    service: InMemoryReviewService
    rounds: FakeRounds
    client: TestClient
    token: str

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def post(self, path: str, body: Any, **changes: str | None) -> Any:
        """As the page's own script would, but for the headers that are changed; None leaves one out."""
        headers: dict[str, str | None] = {
            "origin": OWN,
            "sec-fetch-site": "same-origin",
            "content-type": "application/json",
            "x-review-token": self.token,
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        sent = {name: value for name, value in headers.items() if value is not None}
        return self.client.post(path, json=body, headers=sent)

    def answer(self, *answers: dict[str, Any], **changes: str | None) -> Any:
        return self.post("/api/targets/mona/answers", {"answers": list(answers)}, **changes)


def answering(picture: int, value: str = "keep", key: str = "key-00001", seen: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": picture, "value": value, "key": key, "seen": seen} | more


@dataclass
class FakeEmbedder:
    """Remembers what it was shown; refuses what is empty."""

    seen: list[tuple[str, int]] = field(default_factory=list)  # target, bytes
    closed: bool = False

    async def embed(self, target: str, content: bytes) -> npt.NDArray[np.float16]:
        self.seen.append((target, len(content)))
        if not content:
            raise NotComparable("this is no picture that can be looked at: undecodable")
        return np.array([4, 0], dtype=np.float16)

    async def close(self) -> None:
        self.closed = True


@dataclass
class FakeLargerPictures:
    """Gives the first picture a larger copy, and no other."""

    service: InMemoryReviewService
    fetched: list[int] = field(default_factory=list)

    async def fetch(self, picture: int) -> None:
        if picture != 1:
            raise LargerMissing(f"demo serves no larger copy of post {1000 + picture}")
        self.fetched.append(picture)
        self.service.stored[1] = replace(self.service.stored[1], rendition="b" * 64, shown_side=720)


def opened(root: str = "/somewhere", embedder: FakeEmbedder | None = None) -> Opened:
    service, rounds, address = InMemoryReviewService(), FakeRounds(), Address(PORT)
    page = ReviewPage(
        service=service,
        rounds=rounds,
        address=address,
        links={"demo": "https://demo.example/posts/{}".format},
        root=root,
        embedder=embedder,
        larger=FakeLargerPictures(service),
    )
    return Opened(service, rounds, TestClient(create_app(page), base_url=OWN, follow_redirects=False), address.token)
