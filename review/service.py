"""What the page needs of the gallery and of the learning loop, as records and Protocols; tests pass their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from storage.gallery_view import Counts, Picture, Verdict, Word

ANSWERS = ("keep", "delete", "unsure", "clear")
QUEUE, SAMPLE = "questions", "sample"  # lists that `rounds` puts together; every other list is an expression


@dataclass(frozen=True, slots=True)
class Reasoned:
    """Why a picture is asked about."""

    reason: str  # random | threshold | … as stored with the label
    words: str  # for people


@dataclass(frozen=True, slots=True)
class PictureList:
    """The matching pictures in order, and all that the grid needs for its layout."""

    ids: Sequence[int]
    ratios: Sequence[float]  # width by height
    cut: bool = False  # there are more
    reasons: Mapping[int, Reasoned] = field(default_factory=dict)
    absent: Mapping[str, str | None] = field(default_factory=dict)  # terms without a match -> the nearest that has one


@dataclass(frozen=True, slots=True)
class SimilarList:
    """Pictures like one picture, the most alike first."""

    ids: Sequence[int]
    ratios: Sequence[float]  # width by height
    likeness: Sequence[float]  # -1..1
    words: str  # whom the picture shows, by the nearest tagged ones; "" where no tags say


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion of a word in the filter."""

    word: str
    kind: str  # a tag category, or `word` for one of the search language
    posts: int = 0  # that carry the tag


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """A person's label for one picture, and the newest label that the page showed at that time."""

    id: int
    value: str  # one of ANSWERS
    key: str  # unique to a click
    seen: int  # sequence number of the newest label that was shown; 0: there was none
    why: str = "manual"


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """The result of an answer; saved means durable."""

    id: int
    saved: bool
    picture: Picture | None  # as it is now; None: there is no such picture


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GalleryFigures:
    """How good the gallery is, estimated from the random sample."""

    precision: ShareInterval | None
    recall: ShareInterval | None
    answers: int  # of the random sample


@dataclass(frozen=True, slots=True)
class ModelInForce:
    """The model in force."""

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
    figures: GalleryFigures | None


@dataclass(frozen=True, slots=True)
class History:
    """The labels and decisions of one picture, newest first."""

    words: Sequence[Word]
    verdicts: Sequence[Verdict]


class ReviewService(Protocol):
    """The gallery, for reading and for answers. Every method may be called from any thread."""

    def targets(self) -> Sequence[str]: ...

    def facts(self, target: str) -> TargetFacts: ...

    def find(self, target: str, expression: str) -> PictureList: ...

    def words(self, start: str) -> Sequence[Completion]: ...

    def queue(self, target: str, *, random_only: bool = False) -> PictureList: ...

    def pictures(self, target: str, ids: Sequence[int]) -> Sequence[Picture]: ...

    def history(self, target: str, picture: int) -> History: ...

    def alike(self, target: str, picture: int, most: int) -> SimilarList: ...

    def like(self, target: str, vector: npt.NDArray[np.float16], most: int) -> SimilarList: ...

    def rendition(self, picture: int) -> bytes | None: ...

    def answer(self, target: str, answers: Sequence[LabelAnswer]) -> Sequence[AnswerResult]: ...


@dataclass(frozen=True, slots=True)
class RoundState:
    """The progress of a round."""

    target: str = ""
    state: str = "none"  # none | running | done | failed
    stage: str = ""
    share: float = 0.0  # of the stage
    words: str = ""
    stages: Sequence[str] = ()  # begun so far
    outcome: Mapping[str, Any] = field(default_factory=dict)  # the last line that the round printed
    started: int = 0  # counts rounds since the page was opened


class LargerPictures(Protocol):
    """Asks sites for larger copies of pictures whose small ones were enough to decide."""

    async def fetch(self, picture: int) -> None:
        """Fetch and store a larger copy, by the id of the picture.

        Raises:
            NoSuchPicture: there is no such picture.
            LargerMissing: there is none to be had; says why.
        """
        ...


class Rounds(Protocol):
    """Rounds of the learning loop, one at a time."""

    def state(self) -> RoundState: ...

    async def start(self, target: str) -> RoundState: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """A picture of a folder that wants the name of its class."""

    number: int  # from 0, in the order of asking
    name: str  # path below the folder
    md5: str  # of the file when it was listed
    proposed: Sequence[tuple[str, float]]  # classes and their probabilities, 0..1, the likeliest first
    label: str  # what holds now; "": none
    next_open: int | None  # the next number without a label; None: none comes after it


@dataclass(frozen=True, slots=True)
class LabelProgress:
    """How far a folder is."""

    questions: int  # of this sitting
    open: int  # of these
    first_open: int | None  # the lowest number of these
    classes: Mapping[str, int]  # labelled pictures by class, of earlier sittings too; names without one included


@dataclass(frozen=True, slots=True)
class LabelMatches:
    """Which classes a typed part of a name may mean."""

    names: Sequence[str]
    new: str | None  # the name of the class that the typed text would make; None: there is one, or it cannot be one
    wanted: bool  # whether a new class was asked for, with a plus sign


class LabelService(Protocol):
    """A folder whose pictures are labelled. Every method may be called from any thread."""

    def progress(self) -> LabelProgress: ...

    def question(self, number: int) -> LabelQuestion: ...

    def matches(self, typed: str) -> LabelMatches: ...

    def picture(self, number: int) -> bytes | None: ...

    def give(self, number: int, label: str, seen: str) -> bool: ...
