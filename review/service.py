"""What the page needs of the gallery and of the learning loop, as records and Protocols; tests hand in their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from storage.gallery_view import Counts, Picture, Verdict, Word

ANSWERS = ("keep", "delete", "unsure", "clear")
QUEUE, SAMPLE = "questions", "sample"  # lists that `rounds` puts together; every other list is an expression


@dataclass(frozen=True, slots=True)
class Reasoned:
    """Why a picture is worth a glance."""

    reason: str  # random | threshold | … as stored with the label
    words: str  # for people


@dataclass(frozen=True, slots=True)
class PictureList:
    """What fits, in order; everything a grid must know to lay itself out."""

    ids: Sequence[int]
    ratios: Sequence[float]  # width by height
    cut: bool = False  # there are more
    reasons: Mapping[int, Reasoned] = field(default_factory=dict)
    absent: Mapping[str, str | None] = field(default_factory=dict)  # words that nothing fits -> what may be meant


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How a word in the filter may go on."""

    word: str
    kind: str  # a tag category, or `word` for one of the search language
    posts: int = 0  # that carry the tag


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """What a person said of one picture, and what the page had shown when it was said."""

    id: int
    value: str  # one of ANSWERS
    key: str  # one a click
    seen: int  # sequence number of the newest label that was shown; 0: there was none
    why: str = "manual"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer; saved means durable."""

    id: int
    saved: bool
    picture: Picture | None  # as it is now; None: there is no such picture


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How good the gallery is, as far as the random sample says."""

    precision: Interval | None
    recall: Interval | None
    answers: int  # of the random sample


@dataclass(frozen=True, slots=True)
class ModelInForce:
    """What decides now."""

    name: str
    threshold: float
    round: int | None
    refusal: str  # why it may not decide; "": it decides
    measured: Mapping[str, Any] = field(
        default_factory=dict
    )  # precision, recall … with intervals, on held-out pictures


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Everything around the grid."""

    name: str
    tag: str
    counts: Counts
    model: ModelInForce | None
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class History:
    """How one picture came to be where it is."""

    words: Sequence[Word]
    verdicts: Sequence[Verdict]


class ReviewService(Protocol):
    """The gallery, for reading and for answers. Every method may be called from any thread."""

    def targets(self) -> Sequence[str]: ...

    def facts(self, target: str) -> TargetFacts: ...

    def find(self, target: str, expression: str) -> PictureList: ...

    def words(self, start: str) -> Sequence[Suggestion]: ...

    def queue(self, target: str, *, by_lot: bool = False) -> PictureList: ...

    def pictures(self, target: str, ids: Sequence[int]) -> Sequence[Picture]: ...

    def history(self, target: str, picture: int) -> History: ...

    def alike(self, target: str, picture: int) -> PictureList: ...

    def rendition(self, picture: int) -> bytes | None: ...

    def answer(self, target: str, answers: Sequence[LabelAnswer]) -> Sequence[Outcome]: ...


@dataclass(frozen=True, slots=True)
class RoundState:
    """A round, as far as it has come."""

    target: str = ""
    state: str = "none"  # none | running | done | failed
    stage: str = ""
    share: float = 0.0  # of the stage
    words: str = ""
    stages: Sequence[str] = ()  # begun so far
    outcome: Mapping[str, Any] = field(default_factory=dict)  # what the round said at its end
    started: int = 0  # counts rounds since the page was opened


class Rounds(Protocol):
    """Rounds of the learning loop, one at a time."""

    def state(self) -> RoundState: ...

    async def start(self, target: str) -> RoundState: ...

    async def stop(self) -> None: ...
